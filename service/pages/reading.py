"""A study as its pages read it: each part once, in few columns, and only if it is shown.

The one idea: the page, its report and every chart ask one value for what they need, so each asks
the store for little, and all say the same of one moment.
Not here: what is made of it (`service.ui`), what a chart needs (`service.pages.drawing`).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from service.api.results import family_evidence, judge_importances
from service.schemas.results import FamilyEvidenceList, Importances
from service.store import curves, families, history, sketches, studies
from service.store.studies import Study
from service.ui.arms import ArmView, Outcome, arm_views
from service.ui.climbs import Climb, Step, join_steps
from service.ui.digest import Digest
from service.ui.facts import Counts
from service.ui.looks import Look, looks
from tuning.records import History, Phase, StudySpec, StudyState, TrialState
from tuning.rounds import last_round

Curves = Mapping[str, Sequence[Mapping[str, Any]]]


class Reading:
    """A study within one session of the store."""

    def __init__(self, session: Any, project: str, study: str) -> None:  # noqa: ANN401 # the store's own
        """Find the study; raises NotFound."""
        self.session = session
        self.study: Study = studies.get(session, project, study)
        self.place = (project, study)

    @property
    def spec(self) -> StudySpec:
        """What was asked."""
        return self.study.spec

    @property
    def verdict(self) -> Mapping[str, Any] | None:
        """The verdict in force; None while the study searches, even if it had one before."""
        return self.study.verdict if self.study.state is StudyState.COMPLETED else None

    @property
    def best(self) -> int | None:
        """The trial that is the winner, or the best so far."""
        return self.study.best_trial if self.verdict is None else int(self.verdict["trial"])

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """How its families are drawn."""
        return looks(self.spec)

    @cached_property
    def arm_numbers(self) -> list[int]:
        """The trials that are compared: the arms of the verdict, or who leads now."""
        return sketches.compared(self.session, self.study)

    @cached_property
    def story(self) -> History:
        """What happened to the arms."""
        return last_round(history.excerpt(self.session, *self.place, self.arm_numbers))

    @cached_property
    def arms(self) -> list[ArmView]:
        """The arms."""
        return arm_views(self.spec, self.story, self.verdict, self.arm_numbers)

    @cached_property
    def curves(self) -> Curves:
        """What the runs of the arms measured, by run."""
        found = curves.read(self.session, *self.place, trials=self.arm_numbers)
        return {one.run: [{"steps": list(one.steps), "values": dict(one.values)}] for one in found}

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """The trials that ended."""
        return [
            Outcome(
                number=one.number,
                phase=one.phase,
                state=one.state,
                params=one.params,
                score=one.value,
                reason=one.reason,
                spent=one.spent,
            )
            for one in sketches.outcomes(self.session, *self.place)
        ]

    @cached_property
    def climbs(self) -> list[Climb]:
        """What trials reached over each horizon."""
        found = sketches.climbs(self.session, *self.place, self.spec.metric.name)
        steps = (
            Step(o.number, o.family, o.phase, o.updates, o.mean, o.completed, o.lost, o.open)
            for o in found
        )
        return join_steps(steps, self.spec.seeds)

    @cached_property
    def evidence(self) -> FamilyEvidenceList:
        """What is known of its families, by the verdict in force."""
        found = family_evidence(self.session, self.study)
        if self.verdict is not None:
            return found
        unjudged = {"chance": None, "is_winner": False, "is_tie": None, "confirmed": None}
        items = [one.model_copy(update=unjudged) for one in found.items]
        return found.model_copy(update={"items": items, "verdict": None})

    @cached_property
    def importances(self) -> Importances:
        """Which coordinates decided."""
        scored = families.scored(self.session, *self.place)
        return judge_importances(scored, self.spec.metric)

    @cached_property
    def counts(self) -> Counts:
        """How much there is of it."""
        found = sketches.count(self.session, *self.place)
        ended = {
            state: sum(
                many
                for (phase, other), many in found.trials.items()
                if other is state and phase is not Phase.CONFIRM
            )
            for state in TrialState
        }
        of_phase = {
            phase: sum(many for (other, _), many in found.trials.items() if other is phase)
            for phase in Phase
        }
        return Counts(
            baselines=of_phase[Phase.BASELINE],
            searched=of_phase[Phase.SEARCH],
            diverged=ended[TrialState.DIVERGED],
            failed=ended[TrialState.FAILED],
            pruned=found.pruned,
            ended_runs=sum(many for state, many in found.runs.items() if state.is_final),
            planned_runs=sum(found.runs.values()),
        )

    def digest(self) -> Digest:
        """What page and report say of it."""
        study = self.study
        return Digest(
            title=self.spec.label or study.id,
            state=study.state.value,
            spec=self.spec,
            arms=self.arms,
            counts=self.counts,
            verdict=self.verdict,
            earlier=[
                studies.verdict(self.session, *self.place, number)
                for number in range(1, len(study.extensions) + 1)
            ],
            conditions=[f"{one.type}: {one.message}" for one in study.conditions if one.status],
            lost=[] if self.arms else self.outcomes,
        )
