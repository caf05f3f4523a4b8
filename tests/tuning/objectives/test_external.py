"""External objectives: a declaration is enough for a whole study, if somebody trains."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuning.advice import foresee
from tuning.declarations import External
from tuning.documents import read_spec, write_spec
from tuning.errors import InvalidValue, TrainingCrashed
from tuning.execution import Block, Ended, Event, Inline, Lane, Measured
from tuning.objectives import OBJECTIVES, external_objective, objective_of
from tuning.records import (
    Budget,
    Cap,
    Direction,
    Measurement,
    Metric,
    Phase,
    Result,
    Run,
    RunState,
    StudySpec,
)
from tuning.schedules import Linear, Schedule
from tuning.search.warm import gather
from tuning.study import run_study, specify

METRICS = (Metric("loss"), Metric("accuracy", Direction.MAXIMIZE))
BOWL = External(
    METRICS, horizon=200, peak=(1e-3, 4.0), rungs=(0.25, 0.5), applies_to={"optimizer": "sgd"}
)


class Trainer:
    """What somebody might do elsewhere: it sees blocks, and no code of ours."""

    def __init__(self, splits: tuple[str, ...]) -> None:
        self.splits = splits
        self.blocks: list[Block] = []

    def run(self, block: Block) -> Iterator[Event]:
        """Gradient descent on a noisy bowl."""
        self.blocks.append(block)
        for lane in block.lanes:
            yield from self._train(block, lane)

    def close(self) -> None:
        """Nothing to give back."""

    def _train(self, block: Block, lane: Lane) -> Iterator[Event]:
        rates = lane.schedule.table()[: block.updates]
        noise = np.random.default_rng(lane.seed).normal(size=len(rates))
        x = 5.0
        for lr, shock in zip(rates, noise, strict=True):
            x -= lr * (x + shock)
        loss = 0.5 * x * x
        if not loss < 1e6:
            yield Ended(lane.run, Result(RunState.DIVERGED, reason="blew up"))
            return
        told = {"loss": loss, "accuracy": 1.0 / (1.0 + loss)}
        yield Measured(lane.run, Measurement(len(rates), told))
        splits = [split for split in block.splits if split in self.splits]
        yield Ended(lane.run, Result(RunState.COMPLETED, dict.fromkeys(splits, told)))


def small(external: External = BOWL, **changes: Any) -> StudySpec:  # noqa: ANN401
    """A small study of it."""
    arguments: dict[str, Any] = {
        "budget": Budget(trials=8),
        "baselines": ("constant", "linear"),
        "baseline_peaks": 2,
        "seeds": 2,
        "confirm_seeds": 2,
        "families": ("cosine", "wsd"),
        "leaders": 2,
        "leader_seeds": 2,
    }
    return specify("bowl", external=external, **{**arguments, **changes})


def test_a_whole_study_runs_to_its_verdict() -> None:
    """Range test, rungs, baselines and confirmation; test is asked for in the confirmation only."""
    spec = small(config={"width": 8, "deep": {"any": ["json"]}})
    trainer = Trainer(("validation", "test"))
    seen: list[tuple[Run, Result]] = []
    outcome = run_study(spec, trainer, on_result=lambda run, end: seen.append((run, end)))
    assert outcome.verdict is not None
    assert {run.phase for run, _ in seen} == {*Phase}
    assert {run.horizon for run, _ in seen} == {10, 50, 200}
    assert {block.config["width"] for block in trainer.blocks} == {8}
    assert all(run.phase is Phase.CONFIRM for run, _ in seen if "test" in run.splits)
    assert any(end.state is RunState.DIVERGED for _, end in seen)  # the highest ramp
    best = outcome.verdict.arms[0]
    assert best.test is not None
    assert best.metrics["test"]["accuracy"] is not None
    told = outcome.verdict.applies_to
    assert (told["optimizer"], told["config"]["deep"]) == ("sgd", {"any": ["json"]})


def test_without_a_test_split_the_verdict_says_so() -> None:
    """It rests on validation alone, and that is told before and after."""
    spec = small(replace(BOWL, test=False))
    assert [one.code for one in foresee(spec)].count("untested") == 1
    outcome = run_study(spec, Trainer(("validation",)))
    assert outcome.verdict is not None
    codes = [one.code for one in outcome.verdict.warnings]
    assert codes.count("untested") == 1
    assert "test_disagrees" not in codes
    assert outcome.verdict.arms[0].test is None


def test_defaults_come_from_the_declaration() -> None:
    """Horizon, range of the peak, rungs, cap and metric; the study may say otherwise."""
    spec = small()
    assert (spec.horizon, spec.rungs, spec.metric) == (200, (0.25, 0.5), METRICS[0])
    assert (spec.cap, spec.probe_steps) == (Cap.SOFT, 10)
    peak = spec.space.parameters["peak"]
    assert (peak.low, peak.high) == (1e-3, 4.0)
    capped = small(replace(BOWL, hard_cap=2.0), horizon=1_000)
    assert (capped.cap, capped.horizon) == (Cap.HARD, 1_000)
    assert capped.space.parameters["peak"].high == 2.0
    with pytest.raises(InvalidValue, match="rungs"):
        small(replace(BOWL, rungs=()), rungs=(0.5,))


def test_a_spec_survives_its_document() -> None:
    """With all that was declared; one that is not external has the document it always had."""
    spec = small(replace(BOWL, hard_cap=4.0))
    assert read_spec(write_spec(spec)) == spec
    assert "external" not in write_spec(specify("noisy_quadratic"))


def test_the_objective_of_a_study_is_the_one_it_declares() -> None:
    """Else that of its name."""
    declared = objective_of(small(), OBJECTIVES)
    assert declared is not None
    assert (declared.name, declared.metrics) == ("bowl", METRICS)
    known = objective_of(specify("noisy_quadratic"), OBJECTIVES)
    assert known is OBJECTIVES["noisy_quadratic"]
    assert objective_of(replace(small(), external=None), OBJECTIVES) is None


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("external.metrics", {"metrics": ()}),
        ("external.metrics", {"metrics": (Metric("lr"),)}),
        ("external.metrics", {"metrics": (Metric("a"), Metric("a"))}),
        ("external.horizon", {"horizon": 0}),
        ("external.peak", {"peak": (1.0, 0.1)}),
        ("external.peak", {"peak": (float("nan"), 0.1)}),
        ("external.peak", {"peak": (0.0, 0.1)}),
        ("external.hard_cap", {"hard_cap": 1e-4}),
        ("external.rungs", {"rungs": (0.5, 0.25)}),
        ("external.rungs", {"rungs": (0.5, 1.0)}),
    ],
)
def test_a_mistake_in_a_declaration_names_its_field(field: str, changes: dict[str, Any]) -> None:
    """As it stands in the request."""
    with pytest.raises(InvalidValue) as caught:
        replace(BOWL, **changes)
    assert caught.value.field == field


def test_it_cannot_take_the_name_of_another() -> None:
    """Else workers would train something else under its name."""
    with pytest.raises(InvalidValue, match="a name that no objective of the service has"):
        specify("noisy_quadratic", external=BOWL)


def test_schedules_that_listen_to_the_loss_are_refused() -> None:
    """The trainer knows every learning rate beforehand."""
    with pytest.raises(InvalidValue, match=r"space.families\[0\].* needs no metrics while it"):
        small(families=("plateau",))
    with pytest.raises(InvalidValue, match=r"baselines\[0\].* needs no metrics while it"):
        small(baselines=("plateau",))


def test_nobody_here_can_train_it() -> None:
    """An executor says so, and so does the objective itself."""
    block = Block("bowl", {}, 10, (Lane("r", 1, Schedule(Linear(1.0), 10)),))
    with pytest.raises(TrainingCrashed, match="objective"):
        list(Inline().run(block))
    with pytest.raises(InvalidValue, match="this one has a trainer of its own"):
        external_objective("bowl", BOWL).open(None, None)  # type: ignore[arg-type]


def test_a_study_starts_from_one_that_was_scored_alike() -> None:
    """The same name does not make it the same metric."""
    spec = small()
    history = run_study(spec, Trainer(("validation", "test"))).history
    assert gather("bowl", [(spec, history)], BOWL)
    other = replace(BOWL, metrics=METRICS[1:])
    with pytest.raises(InvalidValue, match=r"warm_start\[0\]: 'loss' .* accuracy, maximized"):
        gather("bowl", [(spec, history)], other)
