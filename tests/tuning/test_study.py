"""A study in memory: its complete spec from a short request, and its whole course."""

from pathlib import Path
from typing import Any

import pytest

from tuning.errors import InvalidValue
from tuning.evidence import rank_trials
from tuning.execution import Inline
from tuning.objectives import OBJECTIVES, Folders
from tuning.records import Budget, Cap, Measurement, Phase, Pruning, Result, Run, RunState
from tuning.schedules import PARAMETERS
from tuning.search.policy import trial_limit
from tuning.search.space import DEFAULT_FAMILIES
from tuning.study import BASELINES, run_study, specify

NAME = "realized_volatility"


def test_everything_has_a_default() -> None:
    """From the objective, from the tables, and from the signature."""
    spec = specify(NAME)
    objective = OBJECTIVES[NAME]
    assert (spec.horizon, spec.metric) == (objective.default_horizon, objective.metrics[0])
    assert spec.space.families == (*DEFAULT_FAMILIES, "knots")
    peak = spec.space.parameters["peak"]
    assert (peak.low, peak.high) == objective.peak
    assert spec.space.parameters["warmup"] == PARAMETERS["warmup"]
    assert (spec.budget, spec.sampler, spec.seed) == (Budget(60), "curve", 0)
    assert (spec.baselines, spec.baseline_peaks) == (BASELINES, 5)
    assert (spec.seeds, spec.confirm_seeds, spec.worthwhile) == (2, 10, 0.01)
    assert (spec.leaders, spec.leader_seeds, spec.promote, spec.rungs) == (7, 8, 0.34, ())
    assert (spec.cap, spec.probe_steps) == (Cap.SOFT, objective.default_horizon // 20)
    assert (spec.evidence_budget, spec.early_stop, spec.starts) == (None, True, ())


@pytest.mark.parametrize("horizon", [0, 10_000_001, 10**400])
def test_a_horizon_is_checked_before_anything_is_reckoned_from_it(horizon: int) -> None:
    """Also one that no float can hold."""
    with pytest.raises(InvalidValue, match=r"horizon: .* from 1 to 10,000,000"):
        specify(NAME, horizon=horizon)


@pytest.mark.parametrize(
    ("trials", "baselines", "peaks"),
    [
        (60, BASELINES, 5),
        (600, BASELINES, 5),
        (59, BASELINES, 4),
        (24, BASELINES, 2),
        (23, BASELINES, 1),
        (7, BASELINES, 1),
        (4, ("constant",), 2),
        (2, ("constant",), 1),
        (1, (), 1),
    ],
)
def test_baselines_get_at_most_half_of_the_trials(
    trials: int, baselines: tuple[str, ...], peaks: int
) -> None:
    """As many peaks each as leave the search at least half, up to five and at least one."""
    spec = specify(NAME, budget=Budget(trials), baselines=baselines)
    assert spec.baseline_peaks == peaks


def test_a_fixed_peak_makes_a_grid_of_one() -> None:
    """One point is one point, however often it is tried."""
    spec = specify(NAME, peak=(0.01, 0.01))
    assert spec.baseline_peaks == 1
    with pytest.raises(InvalidValue, match=r"baseline_peaks: 2 .* at most 1"):
        specify(NAME, peak=(0.01, 0.01), baseline_peaks=2)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("objective", {"objective": "nope"}),
        ("config.nope", {"config": {"nope": 1}}),
        ("config.batch", {"config": {"batch": 0}}),
        ("config.file", {"config": {"file": "a.csv"}}),
        ("sampler", {"sampler": "nope"}),
        ("baselines[1]", {"baselines": ("wsd", "nope")}),
        ("baselines[1]", {"baselines": ("wsd", "wsd")}),
        ("baseline_peaks", {"baseline_peaks": 0}),
        ("space.families", {"families": ()}),
        ("space.families[0]", {"families": ("nope",)}),
        ("space.families[1]", {"families": ("wsd", "wsd")}),
        ("space.peak", {"peak": (0.1, 0.01)}),
        ("space.ranges.floor", {"ranges": {"floor": (0.2, 0.1)}}),
        ("space.ranges.hold", {"families": ("cosine",), "ranges": {"hold": (0.1, 0.2)}}),
        ("space.fixed.floor", {"fixed": {"floor": 0.9}}),
        ("space.fixed.peak", {"fixed": {"peak": 0.1}}),
        ("horizon", {"horizon": 0}),
        ("batch", {"batch": 0}),
        ("seed", {"seed": -1}),
        ("seeds", {"seeds": 0}),
        ("confirm_seeds", {"confirm_seeds": 1}),
        ("worthwhile", {"worthwhile": -1.0}),
        ("label", {"label": "x" * 129}),
        ("budget.trials", {"budget": Budget(6)}),
        ("budget.steps", {"budget": Budget(60, steps=100)}),
    ],
)
def test_a_mistake_names_its_field(field: str, arguments: dict[str, Any]) -> None:
    """As it stands in the request, with what would be allowed."""
    with pytest.raises(InvalidValue) as caught:
        specify(**{"objective": NAME, **arguments})
    assert caught.value.field == field
    assert caught.value.allowed


def test_the_smallest_budget_is_the_one_that_is_named() -> None:
    """What the message asks for is enough, and one less is not."""
    arguments: dict[str, Any] = {"baselines": ("wsd",), "baseline_peaks": 2, "seeds": 2}
    arguments |= {"confirm_seeds": 3, "horizon": 50}
    arguments["leaders"] = 0
    enough = 3 * 2 * 50  # 3 schedules on 2 seeds, 50 updates each
    spec = specify(NAME, budget=Budget(9, steps=enough), **arguments)
    assert trial_limit(spec) == 3
    with pytest.raises(InvalidValue, match=f"at least {enough} "):
        specify(NAME, budget=Budget(9, steps=enough - 1), **arguments)
    with pytest.raises(InvalidValue, match="at least 3 "):
        specify(NAME, budget=Budget(2), **arguments)


def test_a_file_is_sought_in_the_data_folder(tmp_path: Path) -> None:
    """Checked when the study is specified, not when it first trains."""
    with pytest.raises(InvalidValue, match="a file that exists in the data folder"):
        specify(NAME, config={"file": "bars.csv"}, folders=Folders(data=tmp_path))


def small(seed: int = 3) -> Any:  # noqa: ANN401
    """A spec that is trained in a moment."""
    return specify(
        NAME,
        horizon=10,
        families=("cosine", "linear"),
        baselines=("constant",),
        budget=Budget(5),
        batch=2,
        seeds=1,
        confirm_seeds=2,
        seed=seed,
    )


def test_a_study_in_memory_runs_to_its_verdict() -> None:
    """Every run ends once and is measured; the confirmation is on fresh seeds."""
    measured: list[tuple[Run, Measurement]] = []
    ended: list[tuple[Run, Result]] = []
    outcome = run_study(
        small(),
        Inline(),
        on_measurement=lambda *event: measured.append(event),
        on_result=lambda *event: ended.append(event),
    )
    history = outcome.history
    assert [run for run, _ in ended] == list(history.runs)
    assert all(result.state is RunState.COMPLETED for _, result in ended)
    assert {run for run, _ in measured} == set(history.runs)
    assert sum(trial.phase is not Phase.CONFIRM for trial in history.trials) == 5
    raced = [run for run in history.runs if run.phase is not Phase.CONFIRM][5:]
    assert {run.trial for run in raced} == {
        trial.number for trial, _ in rank_trials(history, outcome.spec.metric)[:2]
    }
    assert outcome.verdict is not None
    assert outcome.best is not None
    assert outcome.verdict.trial == outcome.best.number
    searched = {run.seed for run in history.runs if run.phase is not Phase.CONFIRM}
    confirmed = {run.seed for run in history.runs if run.phase is Phase.CONFIRM}
    assert len(confirmed) >= 2
    assert searched.isdisjoint(confirmed)
    told = {result.provenance.data_hash for result in history.results.values() if result.provenance}
    assert told == {outcome.verdict.applies_to["data_hash"]}
    assert outcome.verdict.versions.keys() >= {"glideslope", "numpy", "python", "scikit-learn"}


def test_the_same_seed_is_the_same_study() -> None:
    """Bit for bit; another seed is another one."""
    first, again, other = (run_study(small(seed), Inline()) for seed in (3, 3, 4))
    assert first == again
    assert first.history.results != other.history.results


def test_a_study_that_only_diverges_says_why() -> None:
    """No verdict, no best, and the first reason."""
    spec = specify(
        NAME,
        horizon=40,
        families=("constant",),
        peak=(9.0, 10.0),
        baselines=(),
        budget=Budget(2),
        seeds=1,
        confirm_seeds=2,
    )
    outcome = run_study(spec, Inline())
    assert (outcome.verdict, outcome.best) == (None, None)
    ended, _, first = outcome.reason.partition("; the first reason: ")
    assert ended == "all 2 schedules of the budget were tried, and no trial completed (2 diverged)"
    assert first


@pytest.mark.parametrize(("trials", "limit"), [(14, 10), (50, 10), (60, 12), (1000, 200)])
def test_a_fifth_as_many_runs_as_trials_may_fail(trials: int, limit: int) -> None:
    """But ten at least, unless the user says otherwise."""
    budget = Budget(trials=trials)
    spec = specify("realized_volatility", budget=budget, baselines=("constant",))
    assert spec.max_failures == limit
    strict = specify("realized_volatility", budget=budget, baselines=(), max_failures=0)
    assert strict.max_failures == 0
    with pytest.raises(InvalidValue, match="max_failures: -1"):
        specify("realized_volatility", max_failures=-1)


def test_rungs_are_climbed_if_asked_for_or_if_the_sampler_needs_it() -> None:
    """The curve sampler begins at the full horizon; who names rungs, or prunes, wants the climb."""

    def climbs(**asked: object) -> bool:
        return specify("noisy_quadratic", **asked).climb  # type: ignore[arg-type]

    assert specify("noisy_quadratic").rungs == (0.25, 0.5)
    assert not climbs()
    assert not climbs(rungs=())
    assert climbs(rungs=(0.5,))
    assert climbs(sampler="tpe")
    assert climbs(pruning=Pruning.ASHA)
    assert climbs(climb=True)
    assert not climbs(sampler="tpe", climb=False)
    with pytest.raises(InvalidValue, match="climb: False is not allowed; allowed: true"):
        specify("noisy_quadratic", pruning=Pruning.ASHA, climb=False)
