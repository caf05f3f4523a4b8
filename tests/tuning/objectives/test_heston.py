"""Heston prices: published digits, QuantLib, limits and laws."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.objectives import heston
from tuning.objectives.base import Floats
from tuning.objectives.black import black_price
from tuning.objectives.heston import Domain, cumulants, heston_puts, log_characteristic

with warnings.catch_warnings():  # SWIG's classes lack a module name under newer Pythons
    warnings.simplefilter("ignore", DeprecationWarning)
    import QuantLib as ql  # noqa: N813 - as its users write it

FANG_OOSTERLEE = [0.0175, 0.0398, 1.5768, 0.5751, -0.5711]

CALM = Domain((0.04, 0.25), (0.04, 0.25), (1.0, 6.0), (0.1, 0.9), (-0.95, -0.1))
WILD = Domain((0.15, 1.0), (0.15, 1.0), (1.0, 8.0), (0.8, 2.5), (-0.6, 0.3))

YEARS = np.array([0.1, 0.5, 2.0])
LOG_STRIKES = np.sqrt(YEARS)[:, None] * np.linspace(-0.5, 0.5, 5)


def has_a_short_series(row: tuple[float, ...]) -> bool:
    """Whether a variance seldom comes near 0, so that no law is too heavy to be priced.

    Refused were, of 32,000 draws of heavy laws, 17, with 2 kappa theta / sigma^2 up to 0.036.
    """
    _, theta, kappa, sigma, _ = row
    return 2 * kappa * theta / sigma**2 > 0.05


laws = st.tuples(
    st.floats(0.02, 1), st.floats(0.02, 1), st.floats(0.5, 10), st.floats(0.05, 2),
    st.floats(-0.95, 0.95),
)  # fmt: skip
priced = laws.filter(has_a_short_series)


def quantlib(row: Floats, call: bool) -> Floats:
    """The same prices by QuantLib's analytic engine, which integrates adaptively."""
    v0, theta, kappa, sigma, rho = row.tolist()
    today = ql.Date(1, 1, 2020)
    ql.Settings.instance().evaluationDate = today
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual360()))
    spot = ql.QuoteHandle(ql.SimpleQuote(1.0))
    process = ql.HestonProcess(flat, flat, spot, v0, kappa, theta, sigma, rho)
    engine = ql.AnalyticHestonEngine(ql.HestonModel(process), 1e-11, 100_000)
    prices = np.empty(LOG_STRIKES.shape)
    for place, years in enumerate(YEARS):
        exercise = ql.EuropeanExercise(today + round(360 * years))
        for column, k in enumerate(LOG_STRIKES[place]):
            kind = ql.Option.Call if call else ql.Option.Put
            option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, math.exp(k)), exercise)
            option.setPricingEngine(engine)
            prices[place, column] = option.NPV()
    return prices


@pytest.mark.parametrize(("years", "price"), [(1.0, 5.785155450), (10.0, 22.318945791)])
def test_prices_are_those_published(years: float, price: float) -> None:
    """Fang and Oosterlee (2008), tables 4 and 5: S = K = 100, r = 0.

    QuantLib confirms ours to 1e-13; the printed digits of one year are 1.6e-8 above both.
    """
    found = 100 * heston_puts(FANG_OOSTERLEE, years, [[0.0]])[0, 0, 0]

    assert found == pytest.approx(price, abs=2e-8)


@pytest.mark.parametrize("domain", [CALM, WILD], ids=["calm", "wild"])
def test_prices_are_quantlibs(domain: Domain) -> None:
    """Calls and puts of random parameters agree to 1e-10 with another method."""
    rows = domain.draw(10, 5)
    puts = heston_puts(rows, YEARS, LOG_STRIKES)

    for row, prices in zip(rows, puts, strict=True):
        assert prices == pytest.approx(quantlib(row, call=False), abs=1e-10)
        calls = prices + 1 - np.exp(LOG_STRIKES)
        assert calls == pytest.approx(quantlib(row, call=True), abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(priced, st.floats(0.02, 5))
def test_calls_and_puts_keep_their_parity(row: tuple[float, ...], years: float) -> None:
    """A call, priced as a put under the measure whose numeraire is the asset, is dearer by 1 - e^k.

    There -ln(S_T / F) follows Heston's law with kappa - rho sigma in place of kappa and -rho.
    """
    v0, theta, kappa, sigma, rho = row
    speed = kappa - rho * sigma
    assume(speed > 0.5)
    k = np.array([[-0.4, 0.0, 0.3]]) * math.sqrt(years)
    mirrored = [v0, kappa * theta / speed, speed, sigma, -rho]
    calls = np.exp(k) * heston_puts(mirrored, years, -k)[0]

    assert calls == pytest.approx(heston_puts(row, years, k)[0] + 1 - np.exp(k), abs=2e-11)


@settings(max_examples=30, deadline=None)
@given(priced, st.floats(0.02, 5))
def test_a_finer_series_says_the_same(row: tuple[float, ...], years: float) -> None:
    """Wider intervals and more terms change a price by less than 1e-11."""
    k = np.array([[-1.0, -0.3, 0.0, 0.3, 1.0]])
    coarse = heston_puts(row, years, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heston, "SMALLEST_MASS", 1e-16)
        patch.setattr(heston, "SMALLEST_TERM", 1e-15)
        fine = heston_puts(row, years, k)

    assert coarse == pytest.approx(fine, abs=1e-11)


@settings(max_examples=30, deadline=None)
@given(priced, st.floats(0.02, 5))
def test_prices_leave_no_arbitrage(row: tuple[float, ...], years: float) -> None:
    """Puts rise with the strike, are convex in it, and stay within their bounds."""
    strikes = np.linspace(0.3, 2.5, 45)
    puts = heston_puts(row, years, np.log(strikes)[None])[0, 0]

    assert (np.diff(puts) > -1e-10).all()
    assert (np.diff(puts, 2) > -1e-10).all()
    assert (puts > np.maximum(strikes - 1, 0) - 1e-10).all()
    assert (puts < strikes).all()


def test_without_volatility_of_variance_it_is_black() -> None:
    """As sigma goes to 0 with v0 = theta, prices go to Black's with volatility sqrt(theta)."""
    k = np.array([[-0.3, -0.1, 0.0, 0.1, 0.3]])
    puts = heston_puts([0.09, 0.09, 2.0, 1e-3, -0.5], 0.5, k)[0]
    black = black_price(k, 0.3 * math.sqrt(0.5)) + np.maximum(np.exp(k) - 1, 0)

    assert puts == pytest.approx(black, abs=2e-5)


@settings(max_examples=30, deadline=None)
@given(laws, st.floats(0.1, 5))
def test_the_variance_is_the_second_cumulant(row: tuple[float, ...], years: float) -> None:
    """Its closed form is the curvature of the log characteristic function at 0."""
    rows, step = np.array([row]), 1e-3
    curvature = -log_characteristic(rows, years, np.array([step])).real[0, 0] / (step**2 / 2)

    assert heston.variance_of_log(rows, years)[0] == pytest.approx(curvature, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(laws, st.floats(0.1, 5))
def test_the_asset_is_a_martingale(row: tuple[float, ...], years: float) -> None:
    """E exp(m x) is 1 for m = 0 and m = 1, and smaller in between."""
    logs = cumulants(np.array([row]), years, np.array([[0.0, 1.0, 0.5]]))[0]

    assert logs[:2] == pytest.approx([0, 0], abs=1e-9)
    assert logs[2] < 0


def test_a_moment_that_explodes_is_infinite() -> None:
    """With rho = 0 and kappa < sigma sqrt(2), E S^2 ends at Andersen and Piterbarg's time.

    T* = 2 / g (pi / 2 + arctan(kappa / g)), g = sqrt(2 sigma^2 - kappa^2).
    """
    kappa, sigma = 0.5, 1.0
    g = math.sqrt(2 * sigma**2 - kappa**2)
    end = 2 / g * (math.pi / 2 + math.atan(kappa / g))
    row, square = np.array([[0.04, 0.04, kappa, sigma, 0.0]]), np.array([[2.0]])

    assert np.isfinite(cumulants(row, 0.999 * end, square)).all()
    for years in (1.001, 1.5, 2.0, 3.0, 10.0):
        assert np.isposinf(cumulants(row, years * end, square)).all()


def test_a_price_hardly_feels_its_neighbours() -> None:
    """Parameters priced alone have the prices they have among others."""
    rows = np.concatenate([CALM.draw(50, 1), WILD.draw(50, 2)])
    together = heston_puts(rows, YEARS, LOG_STRIKES)

    for row, prices in list(zip(rows, together, strict=True))[::9]:
        assert heston_puts(row, YEARS, LOG_STRIKES)[0] == pytest.approx(prices, abs=1e-15)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ([0.0, 0.04, 1.0, 0.3, -0.5], "v0"),
        ([0.04, -1.0, 1.0, 0.3, -0.5], "theta"),
        ([0.04, 0.04, math.inf, 0.3, -0.5], "kappa"),
        ([0.04, 0.04, 1.0, math.nan, -0.5], "sigma"),
        ([0.04, 0.04, 1.0, 0.3, -1.0], "rho"),
        ([0.04, 0.04, 1.0, 0.3], "parameters"),
        ([1e-4, 1e-4, 1.0, 50.0, 0.999], "parameters"),
    ],
)
def test_parameters_without_a_price_are_refused(row: list[float], field: str) -> None:
    """The error names the parameter; a series that would not end is refused, not cut."""
    with pytest.raises(InvalidValue) as refusal:
        heston_puts(row, 0.1, [[0.0]])
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("years", "log_strikes", "field"),
    [
        ([0.0], [[0.0]], "years"),
        ([1.0, math.nan], [[0.0], [0.0]], "years"),
        ([1.0], [[0.0], [0.0]], "log_strikes"),
        ([1.0], [0.0], "log_strikes"),
        ([1.0], [[math.inf]], "log_strikes"),
    ],
)
def test_a_grid_without_prices_is_refused(
    years: list[float], log_strikes: object, field: str
) -> None:
    """Maturities are positive and there is one row of finite strikes for each."""
    with pytest.raises(InvalidValue) as refusal:
        heston_puts(FANG_OOSTERLEE, years, np.array(log_strikes))
    assert refusal.value.field == field


def test_parameters_are_drawn_within_their_domain() -> None:
    """Uniform draws fill the ranges, repeat under a seed and are exact in float32."""
    drawn = CALM.draw(1000, 3)
    low, high = CALM.edges

    assert (drawn == CALM.draw(1000, 3)).all()
    assert (drawn == drawn.astype(np.float32)).all()
    assert ((drawn - low) / (high - low)).mean(axis=0) == pytest.approx([0.5] * 5, abs=0.05)
    assert (drawn.min(axis=0) > low - 1e-7).all()
    assert (drawn.max(axis=0) < high + 1e-7).all()
