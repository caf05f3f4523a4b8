"""Documents: every record survives JSON, floats to the last bit."""

import json
import math
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.search.worlds import make_spec, play, tried
from tuning.documents import (
    read_history,
    read_number,
    read_result,
    read_run,
    read_spec,
    read_trial,
    write_history,
    write_number,
    write_result,
    write_run,
    write_spec,
    write_trial,
)
from tuning.provenance import Provenance
from tuning.records import (
    Budget,
    Cause,
    Direction,
    Metric,
    Phase,
    Pruning,
    Result,
    Run,
    RunState,
    Trial,
)
from tuning.schedules import FAMILIES, PARAMETERS
from tuning.search.space import DEFAULT_FAMILIES, FAMILY, PEAK, lay_out, narrow

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(min_size=1, max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
peaks = st.tuples(st.floats(1e-8, 10.0), st.floats(1e-8, 10.0)).map(
    lambda ends: tuple(sorted(ends))
)


def travelled(document: Any) -> Any:  # noqa: ANN401 # any JSON value
    """A document after a journey as strict JSON."""
    return json.loads(json.dumps(document, allow_nan=False))


@st.composite
def spaces(draw: st.DrawFn) -> Any:  # noqa: ANN401
    """A space with some families, some ranges narrowed and some parameters fixed."""
    families = draw(st.lists(st.sampled_from(DEFAULT_FAMILIES), min_size=1, unique=True))
    ranges, fixed = {}, {}
    used = sorted({name for family in families for name in FAMILIES[family].tunable})
    for name in used:
        parameter = PARAMETERS[name]
        if parameter.kind == "choice":
            if draw(st.booleans()):
                fixed[name] = draw(st.sampled_from(parameter.choices))
        elif parameter.kind == "float" and draw(st.booleans()):
            inside = st.floats(parameter.low, parameter.high)
            ranges[name] = tuple(sorted((draw(inside), draw(inside))))
    return narrow(tuple(families), draw(peaks), ranges, fixed)


@given(
    space=spaces(),
    config=st.dictionaries(names, json_values, max_size=4),
    seed=st.integers(0, 2**53),
    worthwhile=st.floats(0.0, 0.5),
    steps=st.none() | st.integers(1, 10**15),
    direction=st.sampled_from(Direction),
    label=st.text(max_size=128),
    baselines=st.lists(st.sampled_from(DEFAULT_FAMILIES), unique=True).map(tuple),
)
def test_a_spec_survives(
    space: Any,  # noqa: ANN401
    config: dict[str, Any],
    seed: int,
    worthwhile: float,
    steps: int | None,
    direction: Direction,
    label: str,
    baselines: tuple[str, ...],
) -> None:
    """Whatever it holds, it is equal afterwards, and is written the same again."""
    spec = make_spec(
        space=space,
        config=config,
        seed=seed,
        worthwhile=worthwhile,
        budget=Budget(trials=7, steps=steps),
        metric=Metric("skill", direction, unit="1", help="ü"),
        label=label,
        baselines=baselines,
    )
    written = travelled(write_spec(spec))
    assert read_spec(written) == spec
    assert travelled(write_spec(read_spec(written))) == written


@given(st.sampled_from(sorted(FAMILIES)), st.floats(1e-8, 10.0), st.integers(1, 10_000))
def test_a_trial_survives(family: str, peak: float, horizon: int) -> None:
    """Its schedule too, to the same table."""
    params = {FAMILY: family, PEAK: peak, **FAMILIES[family].defaults()}
    trial = Trial(3, 1, Phase.BASELINE, lay_out(params, horizon), params)
    found = read_trial(travelled(write_trial(trial)))
    assert found == trial
    assert found.schedule.table_sha256 == trial.schedule.table_sha256


@given(
    st.builds(
        Run,
        generation=st.integers(0, 10**6),
        index=st.integers(0, 10**6),
        trial=st.integers(0, 10**6),
        phase=st.sampled_from(Phase),
        seed=st.integers(0, 2**32 - 1),
        horizon=st.integers(1, 10**7),
        splits=st.lists(names, max_size=3).map(tuple),
        updates=st.integers(0, 1),
    )
)
def test_a_run_survives(run: Run) -> None:
    """Equal afterwards, enums and tuples included."""
    found = read_run(travelled(write_run(run)))
    assert found == run
    assert (type(found.phase), type(found.splits)) == (Phase, tuple)


@given(
    state=st.sampled_from([state for state in RunState if state.is_final]),
    metrics=st.dictionaries(names, st.dictionaries(names, finite, max_size=3), max_size=3),
    blocks=st.dictionaries(names, st.lists(finite, max_size=3).map(tuple), max_size=3),
    reason=st.text(max_size=20),
)
def test_a_result_survives(
    state: RunState,
    metrics: dict[str, dict[str, float]],
    blocks: dict[str, tuple[float, ...]],
    reason: str,
) -> None:
    """Every float to the last bit, minus zero included."""
    result = Result(state, metrics, blocks, reason)
    found = read_result(travelled(write_result(result)))
    assert found == result
    signs = [math.copysign(1, x) for values in metrics.values() for x in values.values()]
    assert signs == [math.copysign(1, x) for v in found.metrics.values() for x in v.values()]


def test_what_is_not_finite_becomes_not_a_number() -> None:
    """JSON has no name for it; NaN says that there was no number."""
    result = Result(
        RunState.DIVERGED, {"validation": {"mse": math.inf}}, {"validation": (math.nan, 1.0)}
    )
    found = read_result(travelled(write_result(result)))
    assert math.isnan(found.metrics["validation"]["mse"])
    assert math.isnan(found.blocks["validation"][0])
    assert found.blocks["validation"][1] == 1.0


@given(st.floats())
def test_a_number_is_itself_or_nothing(value: float) -> None:
    """Finite numbers pass unchanged."""
    if math.isfinite(value):
        assert read_number(write_number(value)) == value
    else:
        assert write_number(value) is None
        assert math.isnan(read_number(write_number(value)))


def test_a_history_survives() -> None:
    """A whole study: trials, runs and results by their keys."""
    history, _ = play(make_spec(), order=2)
    assert len(tried(history)) == 20
    assert read_history(travelled(write_history(history))) == history


def test_a_provenance_stands_once_in_a_history_and_is_shared_again() -> None:
    """A study of many runs does not carry it as often."""
    history, _ = play(make_spec(), order=2)
    shared, rare = Provenance("ab", {"jax": "1.0"}), Provenance(None, {"jax": "1.1"})
    first, *others = history.results
    results = {key: replace(history.results[key], provenance=shared) for key in others}
    told = replace(
        history, results={first: replace(history.results[first], provenance=rare), **results}
    )
    written = travelled(write_history(told))
    assert len(written["provenances"]) == 2
    found = read_history(written)
    assert found == told
    assert len({id(end.provenance) for end in found.results.values()}) == 2


def test_what_an_earlier_version_wrote_prunes_nothing() -> None:
    """A spec without a rule of pruning, a run without an end before its horizon."""
    spec = write_spec(make_spec())
    del spec["pruning"]
    assert read_spec(travelled(spec)).pruning is Pruning.NONE
    pruned = replace(make_spec(rungs=(0.5,)), pruning=Pruning.MEDIAN)
    assert read_spec(travelled(write_spec(pruned))).pruning is Pruning.MEDIAN
    run = write_run(Run(0, 0, 0, Phase.SEARCH, 1, 100))
    del run["updates"]
    assert read_run(travelled(run)).updates == 100


def test_an_unknown_field_is_not_dropped() -> None:
    """A document of a newer version is refused rather than read in part."""
    document = write_spec(make_spec())
    try:
        read_spec({**document, "novelty": 1})
    except TypeError as error:
        assert "novelty" in str(error)  # noqa: PT017 - the type alone would not do
    else:
        raise AssertionError("an unknown field was dropped")


def test_reading_does_not_share_what_was_written() -> None:
    """Changing a document afterwards changes no record."""
    spec = replace(make_spec(), config={"names": ["a"]})
    document = write_spec(spec)
    document["config"]["names"].append("b")
    assert spec.config == {"names": ["a"]}


def test_what_older_versions_stored_is_still_read() -> None:
    """A result without cause and place, a spec without a limit of failures."""
    result = write_result(Result(RunState.FAILED, reason="lost_worker"))
    old = {name: result[name] for name in ("state", "metrics", "blocks", "reason")}
    assert read_result(old) == Result(RunState.FAILED, reason="lost_worker")
    spec = write_spec(make_spec())
    del spec["max_failures"]
    assert read_spec(spec) == make_spec(max_failures=None)


def test_how_a_run_failed_survives() -> None:
    """Cause, update and learning rate, to the last bit."""
    for cause in Cause:
        end = Result(RunState.FAILED, reason="up", cause=cause, step=7, lr=0.1 + 0.2)
        assert read_result(travelled(write_result(end))) == end
