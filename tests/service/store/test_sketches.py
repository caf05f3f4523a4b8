"""Sketches say what the history says, on SQLite and PostgreSQL, without reading it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.errors import NotFound
from service.store import history, sketches, studies
from service.store.engine import Store
from service.ui.arms import arm_views, outcomes
from service.ui.climbs import Step, join_steps
from tests.service.ui.drawn import climbs
from tuning.records import History, Phase, RunState, StudySpec, TrialState

PROJECT = "default"
Claim = Callable[..., dict[str, Any] | None]


def load(store: Store, study: str) -> tuple[StudySpec, History]:
    """A study and all of its history."""
    with store.read() as session:
        spec = studies.get(session, PROJECT, study).spec
        return spec, history.load(session, PROJECT, study)


@pytest.fixture
def climbed(submit: Callable[..., dict[str, Any]], play: Callable[[], None]) -> str:
    """A completed study over rungs; one of its trials was lost on the way."""
    # A trial's stored score is that of the seeds it was first trained on: leaders get further ones.
    wish = {"rungs": [0.25, 0.5], "pruning": "asha", "budget": {"trials": 12}, "leaders": 0}
    study: str = submit(sampler="random", **wish)["id"]
    play()
    return study


@pytest.fixture
def begun(
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Claim,
    tell: Callable[..., Any],
) -> Mapping[str, Any]:
    """A study of which one run completed, one diverged, one failed and some are in training."""
    study = submit(leaders=0)["id"]
    plan()
    blocks = [block for block in (claim() for _ in range(4)) if block is not None]
    first, second, third, fourth = [run for block in blocks for run in block["runs"]]
    tell(first)
    tell(second, outcome="diverged", reason="it blew up", metrics={})
    tell(third, outcome="failed", reason="it raised", metrics={})
    return {"study": study, "open": fourth}


def test_outcomes_are_those_of_the_history(store: Store, climbed: str) -> None:
    """Number, state, score and what was spent until then agree, trial by trial."""
    spec, story = load(store, climbed)
    with store.read() as session:
        found = sketches.outcomes(session, PROJECT, climbed)
    known = outcomes(spec, story)

    assert [one.number for one in found] == [one.number for one in known]
    for one, other in zip(found, known, strict=True):
        assert (one.phase, one.state, one.params) == (other.phase, other.state, other.params)
        assert one.spent == other.spent
        assert one.value == pytest.approx(other.score)


def test_climbs_are_those_of_the_history(store: Store, climbed: str) -> None:
    """Who reached what over which horizon agrees."""
    spec, story = load(store, climbed)
    with store.read() as session:
        rows = sketches.climbs(session, PROJECT, climbed, spec.metric.name)
    steps = [
        Step(o.number, o.family, o.phase, o.updates, o.mean, o.completed, o.lost, o.open)
        for o in rows
    ]
    found, known = join_steps(steps, spec.seeds), climbs(spec, story)

    assert max(len(one.scores) for one in known) == 3
    assert [one.number for one in found] == [one.number for one in known]
    for one, other in zip(found, known, strict=True):
        assert (one.family, one.phase) == (other.family, other.phase)
        assert one.scores == {updates: pytest.approx(s) for updates, s in other.scores.items()}


def test_counts_are_those_of_the_history(store: Store, climbed: str) -> None:
    """Trials by phase and state, runs by state, and how many were pruned."""
    _, story = load(store, climbed)
    with store.read() as session:
        found = sketches.count(session, PROJECT, climbed)

    assert sum(found.runs.values()) == len(story.runs)
    assert found.runs[RunState.COMPLETED] == len(story.results)
    assert sum(found.trials.values()) == len(story.trials)
    assert found.pruned == len(story.pruned) > 0
    baselines = sum(many for (phase, _), many in found.trials.items() if phase is Phase.BASELINE)
    assert baselines == sum(trial.phase is Phase.BASELINE for trial in story.trials)


def test_leading_baselines_are_the_arms(store: Store, climbed: str) -> None:
    """The best trial of every family's baselines."""
    spec, story = load(store, climbed)
    with store.read() as session:
        found = sketches.leading_baselines(session, PROJECT, climbed, spec.metric.direction)
    baselines = [
        one
        for one in outcomes(spec, story)
        if one.phase is Phase.BASELINE and one.score is not None
    ]
    best = {}
    for one in sorted(baselines, key=lambda one: (one.score, one.number)):
        best.setdefault(one.family, one.number)

    assert found == best


def test_excerpt_is_the_history_of_its_trials(store: Store, climbed: str) -> None:
    """Arms are drawn from it as from the whole."""
    spec, story = load(store, climbed)
    with store.read() as session:
        verdict = studies.get(session, PROJECT, climbed).verdict
        assert verdict is not None
        numbers = [arm["trial"] for arm in verdict["arms"]]
        part = history.excerpt(session, PROJECT, climbed, numbers)

    assert len(part.trials) == len(numbers) < len(story.trials)
    whole, excerpt = arm_views(spec, story, verdict), arm_views(spec, part, verdict)
    for one, other in zip(whole, excerpt, strict=True):
        assert (one.trial, one.label, one.lrs) == (other.trial, other.label, other.lrs)
        assert (one.outcome and one.outcome.score) == (other.outcome and other.outcome.score)


def test_who_was_lost_is_told_with_the_reason(store: Store, begun: Mapping[str, Any]) -> None:
    """A trial with a diverged and a failed run has an outcome, and no score."""
    with store.read() as session:
        found = sketches.outcomes(session, PROJECT, begun["study"])

    lost = {one.number: one for one in found}
    assert all(one.value is None for one in found)
    assert {one.reason for one in lost.values()} <= {"it blew up", "it raised"}
    assert all(one.state in {TrialState.DIVERGED, TrialState.FAILED} for one in found)


def test_stints_are_the_last_that_were_handed_out(
    store: Store, begun: Mapping[str, Any], advance: Callable[[float], None]
) -> None:
    """In order, with who trained what; those under way have no end, and the rest is counted."""
    advance(5)
    with store.read() as session:
        found, total, now = sketches.stints(session, PROJECT, begun["study"])
        last, same, _ = sketches.stints(session, PROJECT, begun["study"], limit=1)

    assert (len(found), total, len(last), same) == (4, 4, 1, 4)
    assert {one.worker for one in found} == {"w"}
    (going,) = [one for one in found if one.finished is None]
    assert going.run == begun["open"]["run"]
    assert going.state is RunState.LEASED
    assert (now - going.started).total_seconds() == 5
    assert last == found[-1:]


def test_runs_in_training_come_with_what_they_measured(
    api: TestClient, store: Store, begun: Mapping[str, Any]
) -> None:
    """Their whole curves until now; a run that measured nothing is counted only."""
    study, run = begun["study"], begun["open"]
    with store.read() as session:
        assert sketches.underway(session, PROJECT, study) == ([], 1)
    for seq, steps in enumerate(([2, 4], [6])):
        report = {"run": run["run"], "token": run["token"], "seq": seq, "steps": steps}
        values = {"mse": [1.0 / step for step in steps]}
        told = api.post(
            "/v1/runs:report", json={"worker": "w", "reports": [{**report, "values": values}]}
        )
        assert told.status_code == 200, told.text
    with store.read() as session:
        ((one,), total) = sketches.underway(session, PROJECT, study)

    assert total == 1
    assert one.curve.steps == (2, 4, 6)
    assert one.curve.values["mse"] == pytest.approx((1 / 2, 1 / 4, 1 / 6))
    assert one.updates == 20


def test_other_projects_have_no_part_in_it(store: Store, climbed: str) -> None:
    """A study of one project is not there for another."""
    with store.read() as session:
        assert sketches.outcomes(session, "other", climbed) == []
        assert sketches.climbs(session, "other", climbed, "mse") == []
        assert sketches.stints(session, "other", climbed)[:2] == ([], 0)
        assert sum(sketches.count(session, "other", climbed).runs.values()) == 0
        with pytest.raises(NotFound):
            history.excerpt(session, "other", climbed, [0])
