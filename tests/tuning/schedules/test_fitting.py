"""Any schedule as a smooth curve through a few knots."""

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules import FAMILIES, Cosine, Knots, Schedule, Table, Warmup
from tuning.schedules.families.explicit import knot_places
from tuning.schedules.fitting import LOWEST, through_knots


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("horizon", [1, 2, 1000])
def test_the_curve_goes_through_the_schedule_where_its_knots_stand(name: str, horizon: int) -> None:
    """Whatever the family, unless the rate is too small for a logarithm."""
    schedule = Schedule(FAMILIES[name](0.1), horizon)
    fitted = through_knots(schedule, 5)
    assert isinstance(fitted.family, Knots)
    places = (knot_places(5) * horizon).round().astype(int)
    whole = np.flatnonzero(np.isclose(places, knot_places(5) * horizon))
    steps = places[whole][places[whole] < horizon]
    table = np.maximum(schedule.table(), LOWEST * schedule.peak)
    assert fitted(steps) == pytest.approx(table[steps], rel=1e-9)


def test_what_is_smooth_is_kept() -> None:
    """A cosine by nine knots is a cosine to the eye, warmup and conventions included."""
    schedule = Schedule(Cosine(0.1, warmup=Warmup(50, pinned=True), end="last"), 1000)
    fitted = through_knots(schedule)
    assert fitted.table() == pytest.approx(schedule.table(), abs=2e-4)
    assert fitted.family.warmup == schedule.family.warmup
    assert fitted.family.end == "last"


def test_a_curve_of_knots_stays_as_it_is() -> None:
    """Nothing is lost by asking again; another number of knots is another curve."""
    schedule = Schedule(Knots(0.1), 100)
    assert through_knots(schedule) is schedule
    assert len(through_knots(schedule, 20).family.params()["values"]) == 20


@pytest.mark.parametrize("rates", [[0.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])
def test_rates_without_a_logarithm_become_the_lowest(rates: list[float]) -> None:
    """Also where no rate has one."""
    fitted = through_knots(Schedule(Table.of(rates), len(rates)))
    assert (fitted.table() > 0.0).all()


def test_too_few_knots_are_refused() -> None:
    """Naming what there may be."""
    with pytest.raises(InvalidValue, match="knots: 1 is not allowed; allowed: an integer from 2"):
        through_knots(Schedule(Cosine(0.1), 10), 1)
