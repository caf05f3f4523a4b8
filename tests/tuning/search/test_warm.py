"""Warm start: what an earlier study found is known, and tried again first, over any horizon."""

import pytest

from tests.tuning.search.worlds import make_spec, play, tried
from tuning.documents import read_spec, write_spec
from tuning.errors import InvalidValue
from tuning.evidence import rank_trials
from tuning.evidence.horizons import PEAK_EXPONENT
from tuning.records import Budget, History, Phase, Start, StudySpec
from tuning.search.policy.proposals import observe
from tuning.search.warm import gather


def earlier(**changes: object) -> tuple[StudySpec, History]:
    """A finished study over 100 updates."""
    spec = make_spec(**{"budget": Budget(trials=30), "seed": 3, **changes})
    return spec, play(spec, 1)[0]


def test_points_and_scores_are_taken_over_best_first() -> None:
    """With the horizon they were scored at and their seeds."""
    spec, history = earlier()
    starts = gather("formula", [(spec, history)])
    ranked = rank_trials(history, spec.metric)
    assert [start.value for start in starts] == [score for _, score in ranked]
    assert starts[0] == Start(ranked[0][0].params, 100, ranked[0][1], spec.seeds)


def test_a_study_of_another_objective_is_refused_by_its_place() -> None:
    """Its schedules may be anything here."""
    spec, history = earlier()
    with pytest.raises(InvalidValue) as refusal:
        gather("other", [(spec, history)])
    assert refusal.value.field == "warm_start[0]"


def test_the_best_of_them_is_tried_first() -> None:
    """On the new study's own seeds."""
    starts = gather("formula", [earlier()])
    spec = make_spec(starts=starts, baselines=(), budget=Budget(trials=30), seed=4)
    history, _ = play(spec, 2)
    first = next(trial for trial in tried(history) if trial.phase is Phase.SEARCH)
    assert first.params == starts[0].params


def test_another_horizon_corrects_the_peak() -> None:
    """Over four times the updates the best peak is lower, by 4 to the power 0.4."""
    starts = gather("formula", [earlier()])
    spec = make_spec(starts=starts, baselines=(), horizon=400, budget=Budget(trials=30), seed=4)
    history, _ = play(spec, 3)
    first = next(trial for trial in tried(history) if trial.phase is Phase.SEARCH)
    expected = float(starts[0].params["peak"]) * 0.25 ** PEAK_EXPONENT[0]
    assert first.schedule.peak == pytest.approx(expected, rel=1e-5)


def test_the_sampler_is_told_of_them() -> None:
    """Before anything of the study itself."""
    starts = gather("formula", [earlier()])
    spec = make_spec(starts=starts)
    told = observe(spec, History())
    assert [(one.value, one.horizon) for one in told] == [(one.value, 100) for one in starts]


def test_starts_survive_storage() -> None:
    """The spec carries them as data, so that a study replays without the earlier ones."""
    spec = make_spec(starts=gather("formula", [earlier()]))
    assert read_spec(write_spec(spec)) == spec
