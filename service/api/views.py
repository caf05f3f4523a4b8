"""What the store returns, as what the wire shows.

The one idea: pure functions from frozen values to schemas; a view never queries.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from json import dumps
from typing import Any, Literal

from fastapi.responses import Response

from service.api.context import Context
from service.schemas.base import Schema
from service.schemas.catalogue import (
    FamilyView,
    MetricView,
    NeedsView,
    ObjectiveView,
    ParameterView,
)
from service.schemas.studies import (
    BestMetric,
    BestSoFar,
    BestView,
    ConditionView,
    Progress,
    RunView,
    StudyView,
    TrialView,
    Warned,
)
from service.store.conditions import Condition
from service.store.history import RunRow, TrialRow
from service.store.studies import Study
from tuning.advice import foresee
from tuning.documents import write_number, write_spec
from tuning.objectives import Objective, configure, objective_of
from tuning.provenance import Provenance
from tuning.records import Metric, Result, RunState, StudySpec, Trial
from tuning.schedules import FAMILIES, PARAMETERS, Parameter


def written(view: Schema, headers: Mapping[str, str] | None = None) -> Response:
    """The answer with a view, which was checked when it was made; FastAPI would check it again."""
    return Response(view.model_dump_json(), media_type="application/json", headers=headers)


def study_view(
    study: Study, best: Trial | None, document: Mapping[str, Any] | None = None
) -> StudyView:
    """A study; `best` is the trial its `best_trial` names, `document` its spec if it is written."""
    return StudyView(
        id=study.id,
        state=study.state.value,
        revision=study.revision,
        objective=study.spec.objective,
        label=study.spec.label,
        metric=_plain(study.spec.metric),
        progress=Progress(
            finished_runs=study.finished_runs,
            expected_runs=study.expected_runs,
            eta=_moment(study.eta),
            search_steps=study.search_steps,
            evidence_steps=study.evidence_steps,
            fte=round(study.search_steps / study.spec.horizon, 4),
        ),
        search_ended=study.end_reason,
        verdicts=study.verdicts,
        conditions=[ConditionView(**_plain(one)) for one in study.conditions],
        deadline=_moment(study.deadline),
        priority=study.priority,
        labels=dict(study.labels),
        notes=study.notes,
        imported=None if study.imported is None else dict(study.imported),
        best=_best_so_far(study, best),
        warnings=warnings_of(study.spec),
        error=study.error,
        created_at=study.created.isoformat(),
        started_at=_moment(study.started),
        finished_at=_moment(study.finished),
        curves_purged_at=_moment(study.curves_purged_at),
        spec=write_spec(study.spec) if document is None else dict(document),
    )


def _plain(value: Condition | Metric) -> dict[str, Any]:
    """The fields of a value whose fields are scalars; `asdict` would copy each, at ten times it."""
    return {name: getattr(value, name) for name in value.__slots__}


def warnings_of(spec: StudySpec) -> list[Warned]:
    """What to beware of in a study, whatever comes of it."""
    return [Warned(code=one.code, message=one.message) for one in foresee(spec)]


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _best_so_far(study: Study, best: Trial | None) -> BestSoFar | None:
    if best is None or study.best_value is None:
        return None
    confirmed = study.winner
    value = study.best_value if confirmed is None else float(confirmed["validation"])
    return BestSoFar(
        trial=best.number,
        family=str(best.params["family"]),
        peak=best.schedule.peak,
        value=value,
        stage=_stage(confirmed),
    )


def _stage(confirmed: Mapping[str, Any] | None) -> Literal["search", "confirmed"]:
    return "search" if confirmed is None else "confirmed"


def best_view(
    study: Study,
    best: Trial,
    confirmed: Mapping[str, Any] | None,
    told: Provenance,
    here: Context,
    *,
    table: bool,
) -> BestView:
    """The best schedule of a study that has one, and what it was trained on and with as told."""
    objective = objective_of(study.spec, here.objectives)
    config = study.spec.config
    optimizer = {} if objective is None else objective.applies_to(configure(objective, config))
    data = {} if told.data_hash is None else {"data_hash": told.data_hash}
    # A verdict of earlier versions does not say it.
    planner = (study.verdict or {}).get("planner_versions", here.versions)
    return BestView(
        study=study.id,
        state=study.state.value,
        schedule=best.schedule.document(table=table),
        metric=_best_metric(study, confirmed),
        verdict=None if study.verdict is None else {**study.verdict, "number": study.verdicts},
        applies_to={**optimizer, "config": dict(config), **data},
        provenance={
            "objective": study.spec.objective,
            "config_hash": sha256(
                dumps(dict(study.spec.config), sort_keys=True).encode()
            ).hexdigest(),
            "trial": best.number,
            "seed": study.spec.seed,
            "versions": {**planner, **told.versions},
        },
    )


def _best_metric(study: Study, confirmed: Mapping[str, Any] | None) -> BestMetric:
    metric = study.spec.metric
    if confirmed is None:
        return BestMetric(
            name=metric.name,
            direction=metric.direction.value,
            validation=float(study.best_value or 0.0),
            test=None,
            stderr=None,
            seeds=study.spec.seeds,
            stage="search",
        )
    return BestMetric(
        name=metric.name,
        direction=metric.direction.value,
        validation=confirmed["validation"],
        test=confirmed["test"],
        stderr=confirmed["stderr"],
        seeds=confirmed["seeds"],
        stage="confirmed",
    )


def trial_view(row: TrialRow) -> TrialView:
    """A trial."""
    return TrialView(
        number=row.trial.number,
        generation=row.trial.generation,
        phase=row.trial.phase.value,
        state=row.state.value,
        params=dict(row.trial.params),
        value=row.value,
        metrics={split: dict(values) for split, values in row.metrics.items()},
        schedule=row.trial.schedule.document(),
    )


def run_view(row: RunRow) -> RunView:
    """A run of a trial."""
    end = row.result or Result(RunState.CANCELLED)  # one that has not ended has nothing to tell
    told = end.provenance or Provenance()
    return RunView(
        id=row.id,
        trial=row.run.trial,
        phase=row.run.phase.value,
        seed=row.run.seed,
        horizon=row.run.horizon,
        updates=row.run.updates,
        state=row.state.value,
        attempt=row.attempt,
        worker=row.worker,
        cause=None if end.cause is None else end.cause.value,
        reason=end.reason,
        step=end.step,
        lr=end.lr,
        metrics={
            split: {name: write_number(value) for name, value in values.items()}
            for split, values in end.metrics.items()
        },
        data_hash=told.data_hash,
        versions=dict(told.versions),
        started_at=_moment(row.started),
        finished_at=_moment(row.finished),
        traceback=row.words.traceback or None,
        log_tail=row.words.log_tail or None,
    )


def objective_view(objective: Objective, config_schema: dict[str, Any]) -> ObjectiveView:
    """A registered objective."""
    config = objective.config_type()
    return ObjectiveView(
        name=objective.name,
        title=objective.title,
        help=objective.help,
        metrics=[MetricView(**asdict(metric)) for metric in objective.metrics],
        default_horizon=objective.default_horizon,
        peak=[float(end) for end in objective.peak],
        measurements=objective.measurements,
        score=objective.score.kind,
        score_begin=objective.score.begin,
        rungs=list(objective.rungs),
        hard_cap=None if objective.hard_cap is None else objective.cap(config),
        has_fixed_horizon=objective.fixed_horizon is not None,
        trains_per_split=objective.trains_per_split,
        needs=NeedsView(**asdict(objective.needs)),
        applies_to=objective.applies_to(config),
        config_schema=config_schema,
    )


def family_view(name: str) -> FamilyView:
    """A family and the parameters a search may move."""
    family = FAMILIES[name]
    return FamilyView(
        name=name,
        help=(family.__doc__ or "").strip().splitlines()[0],
        parameters=[
            _parameter_view(PARAMETERS[parameter]) for parameter in ("peak", *family.tunable)
        ],
    )


def _parameter_view(parameter: Parameter) -> ParameterView:
    is_choice = parameter.kind == "choice"
    return ParameterView(
        name=parameter.name,
        kind=parameter.kind,
        low=None if is_choice else float(parameter.low),
        high=None if is_choice else float(parameter.high),
        log=parameter.log,
        choices=list(parameter.choices),
        help=parameter.help,
    )
