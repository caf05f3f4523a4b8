"""The contract of external objectives on SQLite and PostgreSQL: for whom, with what, told how."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.store import claims, outcomes, stalls, work
from service.store.engine import Store
from tuning.errors import InvalidValue
from tuning.records import Direction, External, Metric, StudySpec
from tuning.schedules import Schedule

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Advance = Callable[[float], None]

NAME = "bowl"
DECLARED = External(
    (Metric("mse"), Metric("accuracy", Direction.MAXIMIZE)), horizon=100, peak=(1e-4, 0.1)
)


@pytest.fixture
def bowl(new_study: Make, spec: StudySpec) -> Callable[..., str]:
    """Create a study of an external objective: `bowl(test=False)`."""

    def create(**changes: Any) -> str:  # noqa: ANN401
        declared = replace(DECLARED, **changes)
        return new_study(spec=replace(spec, objective=NAME, external=declared))

    return create


@pytest.fixture
def end(store: Store) -> Callable[..., work.Reply]:
    """Tell a completed run: `end(run, {"mse": 1.0, "accuracy": 0.5})`."""

    def say(
        run: work.ClaimedRun,
        values: Mapping[str, float | None],
        splits: tuple[str, ...] = ("validation",),
        outcome: str = "completed",
        step: int | None = None,
    ) -> work.Reply:
        metrics = dict.fromkeys(splits, values)
        told = outcomes.Tell(run.id, run.token, outcomes.Outcome(outcome), metrics, step=step)
        with store.write() as session:
            return outcomes.tell(session, [told], max_attempts=3)[0]

    return say


@pytest.fixture
def measure(store: Store) -> Callable[..., work.Reply]:
    """Report measurements: `measure(run, [5, 10], mse=[1.0, 0.5])`."""

    def say(run: work.ClaimedRun, steps: list[int], **values: list[float | None]) -> work.Reply:
        with store.write() as session:
            return work.report(session, [work.Report(run.id, run.token, 0, steps, values)])[0]

    return say


def test_only_who_names_it_gets_its_runs(
    new_study: Make, bowl: Make, queue: Queue, claim: Claim
) -> None:
    """A worker that trains anything it knows does not know this one."""
    queue(bowl())
    assert claim("c1", objectives=None) is None
    assert claim("c2", objectives=("realized_volatility",)) is None
    known = new_study()
    queue(known)
    assert claim("c3", objectives=None).study == known
    assert claim("c4", objectives=("realized_volatility", NAME)).objective == NAME


def test_a_worker_of_the_service_never_gets_its_runs(
    store: Store, new_study: Make, bowl: Make, queue: Queue, claim: Claim, spec: StudySpec
) -> None:
    """Not even if it knows an objective of this name, perhaps since yesterday."""
    queue(bowl())
    with store.read() as session:
        assert work.has_queued(session, "w", [NAME])
        assert not work.has_queued(session, "w", [NAME], external=False)
    assert claim("c1", objectives=(NAME,), external=False) is None
    known = new_study(spec=replace(spec, objective=NAME))
    queue(known)
    assert claim("c2", objectives=(NAME,), external=False).study == known


def test_a_claim_tells_the_learning_rates_if_asked(bowl: Make, queue: Queue, claim: Claim) -> None:
    """Asked again it answers the same; the hash is that of the schedule without them."""
    queue(bowl())
    asked: dict[str, Any] = {"objectives": (NAME,), "lanes": 2, "table": True}
    block = claim("c1", **asked)
    assert claim("c1", **asked) == block
    bare = claim("c1", objectives=(NAME,), lanes=2)
    for run, one in zip(block.runs, bare.runs, strict=True):
        table = dict(run.schedule["table"])
        assert len(table["values"]) == 100
        assert np.array_equal(Schedule.from_document(dict(one.schedule)).table(), table["values"])
        assert (run.id, run.token) == (one.id, one.token)
        assert "table" not in one.schedule or "values" not in one.schedule["table"]


def test_an_answer_with_learning_rates_is_bounded(
    bowl: Make, queue: Queue, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are fewer runs then, but always one."""
    monkeypatch.setattr(claims, "MOST_RATES", 250)
    queue(bowl(), trials=4)
    asked: dict[str, Any] = {"objectives": (NAME,), "lanes": 8}
    assert len(claim("c1", **asked, table=True).runs) == 2
    monkeypatch.setattr(claims, "MOST_RATES", 1)
    assert len(claim("c2", **asked, table=True).runs) == 1
    assert len(claim("c3", **asked).runs) == 5


def test_test_metrics_come_from_confirm_runs_alone(
    bowl: Make, queue: Queue, confirm: Queue, claim: Claim, end: Callable[..., work.Reply]
) -> None:
    """A search run has no such split, a confirmation run must tell both."""
    study = bowl()
    queue(study, trials=1, seeds=1)
    both = ("validation", "test")
    values = {"mse": 0.5, "accuracy": 0.9}
    searched = claim("c1", objectives=(NAME,)).runs[0]
    with pytest.raises(InvalidValue, match=r"results\[0\].metrics.test: 'test' .* validation"):
        end(searched, values, both)
    assert end(searched, values).status == "ok"
    confirm(study, 1, (0,))
    confirmed = claim("c2", objectives=(NAME,)).runs[0]
    assert confirmed.splits == both
    with pytest.raises(InvalidValue, match=r"results\[0\].metrics.test.mse: None"):
        end(confirmed, values)
    assert end(confirmed, values, both).status == "ok"


def test_without_a_test_split_nobody_is_asked_for_it(
    bowl: Make, queue: Queue, confirm: Queue, claim: Claim, end: Callable[..., work.Reply]
) -> None:
    """Nor may tell it."""
    study = bowl(test=False)
    queue(study, trials=1, seeds=1)
    values = {"mse": 0.5, "accuracy": 0.9}
    assert end(claim("c1", objectives=(NAME,)).runs[0], values).status == "ok"
    confirm(study, 1, (0,))
    run = claim("c2", objectives=(NAME,)).runs[0]
    assert run.splits == ("validation",)
    with pytest.raises(InvalidValue, match=r"metrics.test: 'test' is not allowed"):
        end(run, values, ("validation", "test"))
    assert end(run, values).status == "ok"


def test_an_end_tells_every_metric_and_no_other(
    bowl: Make, queue: Queue, claim: Claim, end: Callable[..., work.Reply]
) -> None:
    """What is wrong is named, nothing is stored, and it may be told again."""
    queue(bowl())
    run = claim("c1", objectives=(NAME,)).runs[0]
    misfits: list[tuple[dict[str, float | None], str]] = [
        ({"mse": 0.5}, "accuracy"),
        ({"accuracy": 0.5}, "mse"),
        ({"mse": None, "accuracy": 0.5}, "mse"),
        ({"mse": 1e61, "accuracy": 0.5}, "mse"),
        ({"mse": 0.5, "accuracy": 0.5, "f1": 0.5}, "f1"),
    ]
    for values, name in misfits:
        with pytest.raises(InvalidValue) as caught:
            end(run, values)
        assert caught.value.field == f"results[0].metrics.validation.{name}"
    assert end(run, {"mse": 0.5, "accuracy": None}).status == "ok"


def test_divergence_needs_no_metrics(
    bowl: Make, queue: Queue, claim: Claim, end: Callable[..., work.Reply], rows: Callable[..., Any]
) -> None:
    """But what it tells must be known, and the place within the training."""
    study = bowl()
    queue(study, seeds=1)
    run = claim("c1", objectives=(NAME,)).runs[0]
    with pytest.raises(InvalidValue, match=r"metrics.validation.f1"):
        end(run, {"f1": 1.0}, outcome="diverged")
    with pytest.raises(InvalidValue, match=r"results\[0\].step: 101 .* up to 100"):
        end(run, {}, outcome="diverged", step=101)
    assert end(run, {}, outcome="diverged", step=100).status == "ok"
    assert rows(study)[0].result.step == 100


def test_measurements_are_of_declared_metrics_in_order(
    bowl: Make, queue: Queue, claim: Claim, measure: Callable[..., work.Reply]
) -> None:
    """What is wrong is named; `lr` may stand beside the metrics, and the first measurement at 0."""
    queue(bowl())
    run = claim("c1", objectives=(NAME,)).runs[0]
    misfits: list[tuple[list[int], dict[str, list[float]], str]] = [
        ([5, 10], {"f1": [1.0, 1.0]}, "values.f1"),
        ([5, 101], {"mse": [1.0, 1.0]}, "steps[1]"),
        ([5, 5], {"mse": [1.0, 1.0]}, "steps[1]"),
        ([10, 5], {"mse": [1.0, 1.0]}, "steps[1]"),
        ([5, 10], {"mse": [1.0]}, "values.mse"),
    ]
    for steps, values, field in misfits:
        with pytest.raises(InvalidValue) as caught:
            measure(run, steps, **values)
        assert caught.value.field == f"reports[0].{field}"
    assert measure(run, [0, 100], mse=[1.0, None], lr=[0.1, 0.0]).status == "ok"
    assert measure(run, [0, 100], mse=[1.0, None], lr=[0.1, 0.0]).status == "duplicate"


@pytest.mark.parametrize(
    ("workers", "reason", "words"),
    [
        ({}, "NoWorker", "no worker asks for work: bowl is external, so start a trainer"),
        ({"w": None}, "NotOffered", "no worker offers bowl (1 there): bowl is external, so start"),
        (
            {"w": ("x",)},
            "NotOffered",
            "no worker offers bowl (1 there): bowl is external, so start",
        ),
        ({"w": ("x", NAME)}, "NotClaimed", "no worker that offers bowl is free (1 busy)"),
    ],
)
def test_a_study_that_nobody_trains_says_so(
    store: Store,
    bowl: Make,
    queue: Queue,
    advance: Advance,
    workers: dict[str, tuple[str, ...] | None],
    reason: str,
    words: str,
) -> None:
    """A worker of the service is none that could."""
    study = bowl()
    queue(study)
    advance(100)
    with store.write() as session:
        for name, objectives in workers.items():
            stalls.attend(session, "a", name, objectives)
    with store.read() as session:
        ((_, found, stall),) = stalls.find(session, 60.0)
    assert (found, stall.reason) == (study, reason)
    assert stall.message.startswith(words)
