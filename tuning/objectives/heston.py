"""European options under the stochastic volatility of Heston (1993), by the COS method.

The one idea: the cosine series of the density of ln(S_T / F), whose coefficients the
characteristic function gives (Fang and Oosterlee, 2008), is cut by bounds and not by a rule of
thumb. Interval: Chernoff's bound on both tails, from the cumulant generating function in real
arguments. Terms: until the characteristic function has decayed. Both are rounded up to a few
levels; all parameters on one level then share the payoff's coefficients, and a price is a matrix
product. What one price is does not depend on what else is priced, but for the last bits.
Not here: implied volatilities (`tuning.objectives.black`), rates and dividends (prices are in
units of the forward, undiscounted).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tuning.errors import InvalidValue
from tuning.objectives.base import Floats

Complexes: TypeAlias = NDArray[np.complex128]

PARAMETERS = ("v0", "theta", "kappa", "sigma", "rho")

SMALLEST_MASS = 1e-11  # probability that may lie beyond either end of the interval
SMALLEST_TERM = 1e-12  # modulus of the characteristic function at the last term
MOST_TERMS = 2**17
LEVELS_PER_OCTAVE = 2  # widths and numbers of terms are rounded up to powers of 2^(1/2)
VALUES_AT_ONCE = 2**14  # of the characteristic function: they stay in the cache

# Where tails and decay are probed, in units of the standard deviation: sqrt(-2 ln mass) is the
# Gaussian's best moment, heavy tails have the smaller ones only; at 3.6 nothing has decayed yet.
_MOMENTS = np.array([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.1])
_DECAYS = 3.6 * 2.0 ** np.arange(14)


@dataclass(frozen=True, slots=True)
class Domain:
    """Ranges of the five parameters, each (low, high); variances and speeds per year."""

    v0: tuple[float, float]
    theta: tuple[float, float]
    kappa: tuple[float, float]
    sigma: tuple[float, float]
    rho: tuple[float, float]

    @property
    def edges(self) -> Floats:
        """Lower and upper ends, shape (2, 5)."""
        return np.array([getattr(self, name) for name in PARAMETERS]).T

    def draw(self, count: int, seed: int) -> Floats:
        """Independent uniform parameters, shape (count, 5), exact in float32."""
        low, high = self.edges
        drawn = np.random.default_rng(seed).uniform(low, high, (count, len(PARAMETERS)))
        return drawn.astype(np.float32).astype(np.float64)


def heston_puts(parameters: ArrayLike, years: ArrayLike, log_strikes: ArrayLike) -> Floats:
    """Undiscounted put prices over the forward, shape (n, maturities, strikes).

    dS / S = sqrt(v) dW,  dv = kappa (theta - v) dt + sigma sqrt(v) dB,  dW dB = rho dt; a call
    costs 1 - e^k more. Absolute error below 1e-11, about 1e-14 for parameters of markets.

    Args:
        parameters: v0, theta, kappa, sigma, rho per row, shape (n, 5): variances and speeds per
            year, all positive, -1 < rho < 1.
        years: maturities, positive, shape (maturities,).
        log_strikes: k = ln(strike / forward), shape (maturities, strikes).

    Raises `InvalidValue` naming the parameter, or if a series needs more than 131,072 terms.

    >>> fang_oosterlee = [[0.0175, 0.0398, 1.5768, 0.5751, -0.5711]]
    >>> (100 * heston_puts(fang_oosterlee, [1.0, 10.0], [[0.0], [0.0]])).ravel().round(6).tolist()
    [5.785155, 22.318946]
    """
    rows = np.atleast_2d(np.asarray(parameters, np.float64))
    maturities = np.atleast_1d(np.asarray(years, np.float64))
    strikes = np.asarray(log_strikes, np.float64)
    _check(rows, maturities, strikes)
    prices = np.empty((len(rows), *strikes.shape))
    for place, maturity in enumerate(maturities.tolist()):
        widths, terms = _levels(rows, maturity)
        for width, count, members in _groups(widths, terms):
            payoff = _payoff(strikes[place], width, count)
            frequencies = _frequencies(width, count)
            logs = log_characteristic(rows[members], maturity, frequencies)
            density = np.exp(logs.real) * np.cos(logs.imag + width * frequencies)
            prices[members, place] = density @ payoff
    return prices


def log_characteristic(parameters: Floats, years: float, frequencies: Floats) -> Complexes:
    """Logarithm of the characteristic function, ln E exp(i u ln(S_T / F)), (n, frequencies).

    The form whose principal branch is the right one (Albrecher et al., 2007), written without
    differences of nearly equal numbers: w = u u + i u, b = kappa - i rho sigma u,
    d = sqrt(b b + sigma^2 w), q = w (1 - e^(-d T)) / (2 d), z = 1 - sigma^2 q / (b + d);
    -v0 q / z - kappa theta (w T / (b + d) + 2 ln(z) / sigma^2).

    Args:
        parameters: v0, theta, kappa, sigma, rho per row, shape (n, 5).
        years: T, time to maturity.
        frequencies: u, real, shared (frequencies,) or per row (n, frequencies).

    >>> steady = np.array([[0.04, 0.04, 2.0, 1e-3, 0.0]])  # nearly Black's: -w v T / 2
    >>> log_characteristic(steady, 1.0, np.array([1.0])).round(6)
    array([[-0.02-0.02j]])
    """
    v0, theta, kappa, sigma, rho = parameters.T[..., None]
    b = kappa - 1j * (rho * sigma * frequencies)
    w = frequencies * (frequencies + 1j)
    d = _root(b * b + sigma**2 * w)
    q = w * (1 - np.exp(-years * d)) * (0.5 / d)
    inverse = 1 / (b + d)
    z = 1 - sigma**2 * (q * inverse)
    logs: Complexes = -v0 * (q / z)
    logs -= kappa * theta * (years * (w * inverse) + 2 / sigma**2 * _log(z))
    return logs


def _root(z: Complexes) -> Complexes:
    """Square root where Re(z) > 0, as it is here: a quarter of the time of the general one."""
    root = np.empty_like(z)
    root.real = np.sqrt((np.sqrt(z.real * z.real + z.imag * z.imag) + z.real) / 2)
    root.imag = z.imag / (2 * root.real)
    return root


def _log(z: Complexes) -> Complexes:
    """Principal logarithm of numbers far from overflow: a third of the time of the general one."""
    log = np.empty_like(z)
    log.real = np.log(z.real * z.real + z.imag * z.imag) / 2
    log.imag = np.arctan2(z.imag, z.real)
    return log


def variance_of_log(parameters: Floats, years: float) -> Floats:
    """Variance of ln(S_T / F), shape (n,): the second cumulant.

    Integral over s in 0..T of E[v_s] (1 - rho sigma B + sigma^2 B^2 / 4), where
    B = (1 - e^(-kappa (T - s))) / kappa and E[v_s] = theta + (v0 - theta) e^(-kappa s).

    >>> steady = np.array([[0.04, 0.04, 2.0, 1e-9, 0.0]])  # a volatility of 20 %, all the time
    >>> variance_of_log(steady, 0.5).round(9)
    array([0.02])
    """
    v0, theta, kappa, sigma, rho = parameters.T
    decay = np.exp(-kappa * years)
    b = (1 - decay) / kappa
    skew, wide = -rho * sigma / kappa, (sigma / kappa) ** 2 / 4
    level = years + skew * (years - b) + wide * (years - 2 * b + b * (1 + decay) / 2)
    start = b + skew * (b - years * decay) + wide * (b - 2 * years * decay + decay * b)
    variance: Floats = theta * level + (v0 - theta) * start
    return variance


def cumulants(parameters: Floats, years: float, moments: Floats) -> Floats:
    """Cumulant generating function ln E exp(m ln(S_T / F)), (n, moments); may be infinite.

    D = (kappa - rho sigma m)^2 - sigma^2 (m m - m), H = cosh(sqrt(D) T/2) + (kappa - rho sigma m)
    sinh(sqrt(D) T/2) / sqrt(D); it exists while H has had no zero (Andersen and Piterbarg, 2007).

    Args:
        parameters: v0, theta, kappa, sigma, rho per row, shape (n, 5).
        years: T, time to maturity.
        moments: m, real, per row, shape (n, moments).

    >>> calm = np.array([[0.04, 0.04, 2.0, 0.3, -0.7]])
    >>> bool(abs(cumulants(calm, 1.0, np.array([[1.0]]))[0, 0]) < 1e-15)  # S / F is a martingale
    True
    """
    v0, theta, kappa, sigma, rho = parameters.T[..., None]
    power = moments * (moments - 1)
    b = kappa - rho * sigma * moments
    d = np.sqrt(b * b - sigma**2 * power + 0j)
    with np.errstate(all="ignore"):  # what overflows has no finite bound, as if it did not exist
        sine = (np.sinh(years / 2 * d) / d).real
        h = np.cosh(years / 2 * d).real + b * sine
        logs = kappa * theta / sigma**2 * (b * years - 2 * np.log(h)) + v0 * power * sine / h
    exists = (h > 0) & (d.imag * years < 2 * np.pi) & np.isfinite(logs)
    return np.where(exists, logs, np.inf)


def _levels(rows: Floats, years: float) -> tuple[Floats, NDArray[np.int64]]:
    """Half-width of the interval and number of terms, both rounded up, per row."""
    deviations = np.sqrt(variance_of_log(rows, years))[:, None]
    bounds = []
    for moments in (_MOMENTS / deviations, -_MOMENTS / deviations):
        # P(x > w) <= E exp(m x) exp(-m w) for every m > 0 (Chernoff, 1952), and mirrored.
        logs = cumulants(rows, years, moments)
        bounds.append(((logs - np.log(SMALLEST_MASS)) / np.abs(moments)).min(axis=1))
    widths = _round_up(np.maximum(*bounds))
    terms = _round_up(2 * widths * _last_frequency(rows, years, deviations) / np.pi)
    if not (terms <= MOST_TERMS).all():
        row = rows[~(terms <= MOST_TERMS)][0].tolist()
        allowed = f"parameters whose series has up to {MOST_TERMS:,} terms at {years:g} years"
        raise InvalidValue("parameters", row, allowed)
    return widths, np.ceil(terms).astype(np.int64)


def _last_frequency(rows: Floats, years: float, deviations: Floats) -> Floats:
    """Where the characteristic function's modulus falls to `SMALLEST_TERM`, per row.

    Minus the log of the modulus bends from u^2 to u: between probes it is nearly a power of u.
    """
    tried = _DECAYS / deviations
    depth = np.log(-log_characteristic(rows, years, tried).real / -np.log(SMALLEST_TERM))
    after = np.clip((depth < 0).sum(axis=1), 1, len(_DECAYS) - 1)
    each = np.arange(len(rows))
    low, high = depth[each, after - 1], depth[each, after]
    last: Floats = tried[each, after - 1] * 2 ** np.maximum(-low / (high - low), 0)
    return last


def _round_up(values: Floats) -> Floats:
    rounded: Floats = 2.0 ** (np.ceil(LEVELS_PER_OCTAVE * np.log2(values)) / LEVELS_PER_OCTAVE)
    return rounded


def _groups(
    widths: Floats, terms: NDArray[np.int64]
) -> Iterator[tuple[float, int, NDArray[np.intp]]]:
    """Rows of one width and number of terms, in pieces that fit into memory."""
    levels, which = np.unique(np.stack([widths, terms]), axis=1, return_inverse=True)
    for level, (width, count) in enumerate(levels.T.tolist()):
        members = np.flatnonzero(which == level)
        size = max(1, int(VALUES_AT_ONCE / count))
        for first in range(0, len(members), size):
            yield width, int(count), members[first : first + size]


def _frequencies(width: float, count: int) -> Floats:
    return np.arange(count, dtype=np.float64) * (np.pi / (2 * width))


def _payoff(strikes: Floats, width: float, count: int) -> Floats:
    """Cosine coefficients of the put's payoff on (-width, width), shape (terms, strikes).

    2 / (b - a) times the integral of (e^k - e^y) cos(u (y - a)) over y in a..k, a = -width; the
    first one halved.
    """
    u = _frequencies(width, count)[:, None]
    k = np.clip(strikes, -width, width)
    angle = u * (k + width)
    straight = np.vstack([k + width, np.sin(angle[1:]) / u[1:]])
    curved = np.exp(k) * (np.cos(angle) + u * np.sin(angle)) - np.exp(-width)
    coefficients: Floats = (np.exp(strikes) * straight - curved / (1 + u * u)) / width
    coefficients[0] /= 2
    return coefficients


def _check(rows: Floats, maturities: Floats, strikes: Floats) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(PARAMETERS):
        raise InvalidValue("parameters", rows.shape, f"shape (n, {len(PARAMETERS)})")
    for name, column in zip(PARAMETERS, rows.T, strict=True):
        correlates = name == "rho"
        allowed = np.abs(column) < 1 if correlates else (column > 0) & np.isfinite(column)
        if not allowed.all():
            value = float(column[~allowed][0])
            raise InvalidValue(name, value, "between -1 and 1" if correlates else "positive")
    if maturities.ndim != 1 or not (np.isfinite(maturities) & (maturities > 0)).all():
        raise InvalidValue("years", maturities.tolist(), "positive maturities")
    if strikes.ndim != 2 or len(strikes) != len(maturities) or not np.isfinite(strikes).all():
        raise InvalidValue("log_strikes", strikes.shape, "finite, shape (maturities, strikes)")
