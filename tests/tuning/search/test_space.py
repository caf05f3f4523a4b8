"""The space of a study: what is asked for is kept, what contradicts itself is refused."""

import pytest

from tuning.constraints import parse
from tuning.errors import InvalidValue, UnknownName
from tuning.schedules import FAMILIES
from tuning.search.space import PEAK, contains, lay_out, narrow, peak_grid, used

PEAKS = (1e-3, 1e-1)


@pytest.mark.parametrize(
    ("families", "ranges", "fixed", "field"),
    [
        ((), {}, {}, "families"),
        (("cosine", "cosine"), {}, {}, "families[1]"),
        (("cosine", "cosinus"), {}, {}, "families[1]"),
        (("cosine",), {"warmup": (0.1, 0.05)}, {}, "ranges.warmup"),
        (("cosine",), {"cycles": (1, 2)}, {}, "ranges.cycles"),
        (("cosine",), {}, {"warmup": 0.9}, "fixed.warmup"),
        (("cosine",), {}, {"peak": 0.1}, "fixed.peak"),
        (("cosine",), {"warmup": (0.0, 0.1)}, {"warmup": 0.05}, "fixed.warmup"),
    ],
)
def test_a_bad_space_is_refused_by_name(
    families: tuple[str, ...],
    ranges: dict[str, tuple[float, float]],
    fixed: dict[str, float],
    field: str,
) -> None:
    """The error names the field, also when two wishes contradict each other."""
    with pytest.raises((InvalidValue, UnknownName)) as refusal:
        narrow(families, PEAKS, ranges, fixed)
    assert refusal.value.field == field


@pytest.mark.parametrize("bound", ["final_lr <= -1e-9", "first_lr >= 0.11", "final_lr >= 1"])
def test_a_bound_on_rates_that_no_schedule_keeps_is_refused(bound: str) -> None:
    """Rates lie between 0 and the peak; a bound within that is left to the search."""
    with pytest.raises(InvalidValue, match=r"constraints\[1\]") as refusal:
        narrow(("cosine",), PEAKS, {}, {}, parse(["warmup <= 0.1", bound]))
    assert "a bound of" in refusal.value.allowed
    narrow(("cosine",), PEAKS, {}, {}, parse(["final_lr <= 0", "first_lr >= 0.1"]))


def test_the_space_holds_what_its_families_use() -> None:
    """Peak first, each parameter once."""
    space = narrow(("cosine", "wsd"), PEAKS, {}, {})
    names = {name for family in space.families for name in FAMILIES[family].tunable}
    assert next(iter(space.parameters)) == PEAK
    assert space.parameters.keys() == names | {PEAK}


def test_the_grid_is_even_on_a_log_scale_from_the_middle_outwards() -> None:
    """Half a step from either end."""
    space = narrow(("constant",), (1e-4, 1e-1), {}, {})
    assert peak_grid(space, 3) == pytest.approx([10**-2.5, 10**-3.5, 10**-1.5], rel=1e-5)


@pytest.mark.parametrize("ends", [(0.0123456789,) * 2, (0.0123456781, 0.0123456789)])
def test_the_grid_never_leaves_the_range(ends: tuple[float, float]) -> None:
    """Rounding may not move a peak that the user fixed."""
    space = narrow(("constant",), ends, {}, {})
    assert all(ends[0] <= peak <= ends[1] for peak in peak_grid(space, 2))


def test_a_point_lies_in_the_space_only_with_its_own_parameters() -> None:
    """One too many, one too few or one out of range is outside."""
    space = narrow(("cosine",), PEAKS, {"warmup": (0.0, 0.1)}, {})
    point = {"family": "cosine", PEAK: 0.01, **FAMILIES["cosine"].defaults()}
    assert set(point) == {"family", *(parameter.name for parameter in used(space, "cosine"))}
    assert contains(space, point)
    assert not contains(space, {**point, "cycles": 2})
    assert not contains(space, {**point, "warmup": 0.15})
    assert not contains(space, {**point, "family": "wsd"})
    assert lay_out(point, 50).horizon == 50
