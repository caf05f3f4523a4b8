"""Routes of what a study knows by now: evidence per family, and which coordinates decided."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from service.api.caller import Reader
from service.api.context import Here, StudyId
from service.api.problems import responses
from service.errors import NotFound
from service.schemas.results import (
    FamilyBest,
    FamilyConfirmed,
    FamilyEvidence,
    FamilyEvidenceList,
    Importances,
    ImportanceView,
)
from service.store import families, studies
from service.store.families import FamilyRow
from service.store.studies import Study
from tuning.evidence.score import sign_of
from tuning.records import MAX_TRIALS, Metric
from tuning.search.importance import METHOD, NEEDED, Scored, importances

router = APIRouter(prefix="/v1/studies", tags=["results"])


@router.get("/{study}/families", responses=responses(NotFound))
def list_family_evidence(
    study: StudyId,
    here: Here,
    caller: Reader,
    number: Annotated[int | None, Query(ge=1, le=MAX_TRIALS)] = None,
) -> FamilyEvidenceList:
    """What is known of every family: its trials, its best, what it cost; with a verdict, P(best).

    `number` asks for an earlier verdict of a study that was extended.
    """
    with here.store.read() as session:
        return family_evidence(session, studies.get(session, caller.project, study), number)


def family_evidence(
    session: Any,  # noqa: ANN401 # the store's own
    study: Study,
    number: int | None = None,
) -> FamilyEvidenceList:
    """What is known of the families of a study, by its last verdict or the one of this number."""
    rows = families.tally(session, study.project, study.id)
    told = number or (study.verdicts if study.verdict is not None else None)
    verdict = {} if told is None else studies.verdict(session, study.project, study.id, told)
    metric = study.spec.metric
    sign = sign_of(metric.direction)
    items = [_evidence(row, verdict) for row in rows]
    items.sort(
        key=lambda one: (
            -(one.chance or 0.0),
            one.best is None,
            sign * one.best.value if one.best else 0.0,
        )
    )
    return FamilyEvidenceList(
        metric=metric.name, direction=metric.direction.value, verdict=told, items=items
    )


def _evidence(row: FamilyRow, verdict: Mapping[str, Any]) -> FamilyEvidence:
    # The winner stands first: of a family with two arms it is the better one.
    arm = next((arm for arm in verdict.get("arms", ()) if arm["family"] == row.family), None)
    is_winner = bool(verdict) and verdict["winner"] == row.family
    is_tie = None if arm is None else is_winner or row.family in verdict["tie_with"]
    return FamilyEvidence(
        family=row.family,
        trials={state.value: count for state, count in sorted(row.states.items())},
        best=None
        if row.best is None
        else FamilyBest(trial=row.best[0], value=row.best[1], peak=row.best[2]),
        search_steps=row.search_steps,
        evidence_steps=row.evidence_steps,
        chance=verdict.get("chances", {}).get(row.family),
        is_winner=is_winner,
        is_tie=is_tie,
        confirmed=None if arm is None else _confirmed(arm),
    )


def _confirmed(arm: Mapping[str, Any]) -> FamilyConfirmed:
    told = {name: arm[name] for name in FamilyConfirmed.model_fields}
    return FamilyConfirmed(**{**told, "ci95": arm["ci95"] and list(arm["ci95"])})


@router.get("/{study}/importances", responses=responses(NotFound))
def read_importances(study: StudyId, here: Here, caller: Reader) -> Importances:
    """How much family, peak and each shape parameter decided whether a schedule was of the best.

    They describe what this search saw and prove nothing; while there are too few trials it says so.
    """
    with here.store.read() as session:
        metric = studies.get(session, caller.project, study).spec.metric
        scored = families.scored(session, caller.project, study)
    return judge_importances(scored, metric)


def judge_importances(scored: Sequence[Scored], metric: Metric) -> Importances:
    """The importances of these trials."""
    found = importances(scored, metric.direction)
    return Importances(
        metric=metric.name,
        method=METHOD,
        trials=found.scored,
        needed=NEEDED,
        quantile=found.quantile,
        note=found.note,
        items=[
            ImportanceView(name=name, importance=share, trials=found.trials[name])
            for name, share in found.shares.items()
        ],
    )
