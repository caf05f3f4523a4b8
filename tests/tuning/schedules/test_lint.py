"""Lint: every check finds what it is for, and says nothing of a sensible schedule."""

from typing import Any

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules import (
    FAMILIES,
    Constant,
    Cosine,
    CosinePower,
    Expression,
    Family,
    Linear,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    Schedule,
    Sgdr,
    Step,
    Table,
    Triangular,
    Warmup,
    Wsd,
)
from tuning.schedules.interop.base import Note
from tuning.schedules.lint import Finding, from_notes, lint


def codes(family: Family, horizon: int = 100, **options: Any) -> list[str]:  # noqa: ANN401
    """Codes of what is found."""
    return [finding.code for finding in lint(Schedule(family, horizon), **options)]


def only(family: Family, code: str, horizon: int = 100, **options: Any) -> Finding:  # noqa: ANN401
    """The one finding of a code."""
    (found,) = [one for one in lint(Schedule(family, horizon), **options) if one.code == code]
    return found


@pytest.mark.parametrize(
    "family",
    [
        Constant(0.1),
        Cosine(0.1, floor=0.1, warmup=Warmup(10, phase=(1, 0))),
        Linear(0.1, end="last"),
        Polynomial(0.1, power=4.0),
        Step(0.1),
        Wsd(0.1),
        OneCycle(0.1),
        Triangular(0.1, cycles=3, cycle_decay=0.5),
    ],
    ids=lambda family: family.kind,
)
def test_a_sensible_schedule_has_no_warning(family: Family) -> None:
    """The published schedules as they should be, ends at zero included."""
    assert [one for one in lint(Schedule(family, 100)) if one.severity != "info"] == []


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_can_be_looked_at(kind: str) -> None:
    """With its defaults, over few updates and many; one that cannot be negative has no error."""
    for horizon in (1, 2, 60):
        found = lint(Schedule(FAMILIES[kind](0.1), horizon), updates=horizon + 1)
        errors = {one.code for one in found if one.severity == "error"}
        assert errors <= (set() if FAMILIES[kind].is_bounded else {"negative"})
        assert "dead_parameter" not in [one.code for one in found]


def test_a_peak_that_is_never_reached() -> None:
    """A warmup as long as the horizon ends just below it."""
    found = only(Cosine(0.1, warmup=Warmup(100)), "peak_never_reached")
    assert (found.severity, found.step) == ("warning", 99)
    assert "0.099 at update 99, 0.99 of the peak 0.1" in found.message


def test_rates_above_the_peak() -> None:
    """An expression whose unit is not its largest value."""
    node = {"ramp": {"length": 10, "start": 2, "end": 1}}
    assert only(Expression(0.1, node=node), "above_peak", 10).step == 0


def test_a_first_update_of_zero() -> None:
    """The warmup of most libraries wastes it; one that counts from 1 does not."""
    assert only(Cosine(0.1, warmup=Warmup(20)), "first_update_zero").step == 0
    assert "first_update_zero" not in codes(Cosine(0.1, warmup=Warmup(20, phase=(1, 0))))


def test_other_updates_of_zero() -> None:
    """Counted, with the first; harmless at the end, so mere information."""
    found = only(Table(0.1, values=(0.0, 1.0, 0.5, 0.0, 0.0)), "zero_updates", 5)
    assert (found.severity, found.step) == ("info", 3)
    assert found.message.startswith("2 updates from 3 on")


def test_negative_rates_within_and_after_the_end() -> None:
    """An error wherever it is; PyTorch's linear one-cycle has one right after its end."""
    found = only(Table(0.1, values=(1.0, 0.5, -0.2, 0.1)), "negative", 4)
    assert (found.severity, found.step) == ("error", 2)
    ramp = {"ramp": {"length": 4, "start": 1, "end": -0.1}}
    late = only(Expression(0.1, node=ramp), "negative", 4)
    assert late.step == 4
    assert "after the end" in late.message


def test_rates_that_are_no_numbers() -> None:
    """What overflows is found, without a warning of NumPy's, and nothing else is said."""
    huge = {"hold": {"length": 4, "value": 1e6}}
    family = Expression(1e307, node={"product": [huge, huge]})
    assert codes(family, 4) == ["not_finite"]


def test_a_jump_is_found_beyond_its_factor_only() -> None:
    """The largest is told, whichever way it goes, with how many there are."""
    drops = Step(0.1, drops=2, drop_factor=0.05)
    found = only(drops, "jump")
    assert found.step == 50
    assert found.message.endswith("jumps from 0.1 to 0.005, by more than a factor of 10")
    assert "jump" not in codes(drops, max_jump=20.0)
    assert "jump" in codes(Step(0.1), max_jump=9.9)
    restarts = only(Sgdr(0.1, cycles=4, cycle_growth=1.0), "jump")
    assert restarts.step in {25, 50, 75}
    assert restarts.message.endswith("the largest of 3 such jumps")


@pytest.mark.parametrize("max_jump", [1.0, 0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_factor_that_is_none_is_refused(max_jump: float) -> None:
    """Named, with its range."""
    with pytest.raises(InvalidValue, match="max_jump"):
        lint(Schedule(Constant(0.1), 3), max_jump=max_jump)


def test_a_rebound_after_the_end() -> None:
    """As PyTorch's cosine; not where the end value is held, or another step is an error."""
    found = only(Cosine(0.1, after_end="rebound"), "rebound")
    assert (found.severity, found.step) == ("warning", 200)
    assert "rebound" not in codes(Cosine(0.1))
    assert "rebound" not in codes(Cosine(0.1, after_end="error"))


def test_a_horizon_that_is_not_the_training_s() -> None:
    """Too short a training stops before the end; too long a one goes on after it."""
    short = only(Cosine(0.1), "horizon_mismatch", updates=80)
    assert (short.severity, short.step) == ("warning", 79)
    assert only(Cosine(0.1), "horizon_mismatch", updates=120).step == 100
    never = only(Cosine(0.1, after_end="error"), "horizon_mismatch", updates=120)
    assert never.severity == "error"
    assert "horizon_mismatch" not in codes(Cosine(0.1), updates=100)


def test_parts_made_for_another_horizon() -> None:
    """A table and an expression are stretched; a boundary may lie beyond the end."""
    table = only(Table(0.1, values=(1.0, 0.5)), "horizon_mismatch", 4)
    assert (table.field, table.severity) == ("params.values", "info")
    node = {"ramp": {"length": 8, "start": 1, "end": 0.5}}
    assert "squeezed over 4" in only(Expression(0.1, node=node), "horizon_mismatch", 4).message
    late = PiecewiseConstant(0.1, boundaries=(5, 200), values=(1.0, 0.5, 0.2))
    assert only(late, "horizon_mismatch").field == "params.boundaries"


@pytest.mark.parametrize(
    ("family", "field"),
    [
        (Sgdr(0.1, cycles=1, cycle_growth=3.0), "params.cycle_growth"),
        (Sgdr(0.1, cycles=1, cycle_decay=0.5), "params.cycle_decay"),
        (Polynomial(0.1, hold=1.0, power=3.0), "params.power"),
        (Wsd(0.1, hold=1.0, cooldown="cosine"), "params.cooldown"),
        (Cosine(0.1, warmup=Warmup(0, curve="cosine")), "warmup.curve"),
        (Cosine(0.1, warmup=Warmup(0, start=0.5)), "warmup.start"),
        (Cosine(0.1, warmup=Warmup(0.1, pinned=True)), "warmup.pinned"),
        (Constant(0.1, end="last"), "end"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_a_parameter_without_effect(family: Family, field: str) -> None:
    """One that was chosen, though no other value of it changes any update."""
    dead = [one.field for one in lint(Schedule(family, 100)) if one.code == "dead_parameter"]
    assert field in dead


def test_a_parameter_with_effect_is_not_dead() -> None:
    """Not even one whose value happens to mean what the default means."""
    same = Step(0.1, hold=50)
    assert Schedule(same, 100).identity == Schedule(Step(0.1), 100).identity
    assert "dead_parameter" not in codes(same)
    alive = Sgdr(0.1, warmup=Warmup(10, "cosine", 0.1, (1, 0)), cycles=3, cycle_growth=1.5)
    assert "dead_parameter" not in codes(alive)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (Polynomial(0.1, power=1.0, floor=0.1), "linear"),
        (Wsd(0.1, hold=0.0, cooldown="cosine"), "cosine"),
        (Sgdr(0.1, cycles=1, floor=0.2), "cosine"),
        (CosinePower(0.1, power=1.0), "cosine"),
        (Cosine(0.1, floor=1.0), "constant"),
        (Table(0.1, values=(1.0, 1.0, 1.0)), "constant"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_a_functional_duplicate(family: Family, name: str) -> None:
    """The simpler family is named, and really is the same function."""
    warm = Warmup(3, phase=(1, 0))
    found = only(type(family)(0.1, warmup=warm, **family.params()), "duplicate", 40)
    assert f"{family.kind} is {name}," in found.message
    own = {key: value for key, value in family.params().items() if key == "floor"}
    simpler = FAMILIES[name](0.1, warmup=warm, **({} if name == "constant" else own))
    theirs = Schedule(type(family)(0.1, warmup=warm, **family.params()), 40).table()
    assert np.array_equal(Schedule(simpler, 40).table(), theirs)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"ramp": {"length": 60, "start": 1, "end": 0, "curve": "cosine"}}, "cosine"),
        ({"ramp": {"length": 60, "start": 1, "end": 0.1, "order": 0}}, "exponential"),
        (
            {
                "sequence": [
                    {"hold": {"length": 50}},
                    {"ramp": {"length": 10, "start": 1, "end": 0}},
                ]
            },
            "wsd",
        ),
        ({"hold": {"length": 60}}, "constant"),
    ],
)
def test_an_expression_that_a_family_is(node: dict[str, Any], name: str) -> None:
    """The tree needs not be written out."""
    found = only(Expression(0.1, node=node), "duplicate", 60)
    assert found.message == f"With these parameters expression is {name}, at every update"


def test_an_expression_of_its_own_is_no_duplicate() -> None:
    """No family is a product of waves."""
    wave = {"wave": {"length": 60, "period": 20}}
    fall = {"ramp": {"length": 60, "start": 1, "end": 0.1}}
    assert "duplicate" not in codes(Expression(0.1, node={"product": [wave, fall]}), 60)


def test_what_an_import_noted_is_a_finding() -> None:
    """A fault of the library is a warning; what it ignores is worth knowing."""
    notes = [Note("library_fault", "It skips."), Note("ignored", "momentum")]
    assert from_notes(notes) == (
        Finding("library_fault", "warning", "It skips."),
        Finding("ignored", "info", "momentum"),
    )


@pytest.mark.parametrize(
    ("channel", "values", "code", "step"),
    [
        ("momentum", [0.9, 1.0, 0.9], "too_large", 1),
        ("momentum", [0.9, -0.1, 0.9], "negative", 1),
        ("weight_decay", [0.0, 2.0, -0.1], "negative", 2),
        ("momentum", [0.0, 0.5, 0.999], None, None),
        ("weight_decay", [0.0, 2.0, 9.0], None, None),
    ],
)
def test_channels_stay_within_their_ranges(
    channel: str, values: list[float], code: str | None, step: int | None
) -> None:
    """Momentum in [0, 1), weight decay from 0; the finding names the channel."""
    schedule = Schedule(Constant(0.1), 3, channels={channel: Table.of(values)})
    expected = [(code, "error", step, f"channels.{channel}")] if code else []
    found = lint(schedule)
    assert [(one.code, one.severity, one.step, one.field) for one in found] == expected
    assert all(channel in one.message for one in found)


def test_a_channel_that_overflows_is_told_as_a_learning_rate_is() -> None:
    """Whatever the learning rate does."""
    family = Expression(1e308, node={"ramp": {"length": 2, "start": 1, "end": 9}})
    schedule = Schedule(family, 2, channels={"weight_decay": family})
    assert [(one.code, one.field) for one in lint(schedule)] == [
        ("not_finite", None),
        ("not_finite", "channels.weight_decay"),
    ]


def test_what_is_told_of_the_rate_does_not_depend_on_channels_and_groups() -> None:
    """A duplicate is one with a channel, too."""
    family = Polynomial(0.1, warmup=Warmup(10), power=1.0)
    more = {"channels": {"momentum": Constant(0.9)}, "groups": {"head": 2.0}}
    assert lint(Schedule(family, 100, **more)) == lint(Schedule(family, 100))  # type: ignore[arg-type] # by name
