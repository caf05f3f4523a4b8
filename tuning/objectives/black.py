"""Black's formula in units of the forward, and the volatility implied by a price.

The one idea: everything is said of the option that is out of the money, in logarithms. There a
price of 1e-200 is as good as one of 0.1, so inversion has neither cancellation nor underflow: a
safeguarded Halley iteration on the log price (on the log distance from the largest price, in the
upper half), within a bracket and a fixed number of steps, for whole arrays at once.
Not here: prices under a model (`tuning.objectives.heston`). This leaf imports SciPy.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, ndtr

from tuning.objectives.base import Floats

MOST_DEVIATION = 60.0  # beyond it a price does not differ from its bound
MOST_STEPS = 64  # 3 to 5 are usual; a bracket that only halves ends, too
SMALL_STEP = 1e-5
_ROOT_TWO = np.sqrt(2.0)
_ROOT_TAU = np.sqrt(2.0 * np.pi)


def black_price(log_strike: ArrayLike, deviation: ArrayLike) -> Floats:
    """Undiscounted price of the option out of the money over the forward: put if k < 0, else call.

    k >= 0: p = N(d) - e^k N(d - s);  k < 0: p = e^k N(s - d) - N(-d);  d = -k/s + s/2
    (Black, 1976). The other one is dearer by |1 - e^k|.

    Args:
        log_strike: k = ln(strike / forward).
        deviation: s = volatility x sqrt(years to maturity), positive; broadcast against k.

    >>> black_price([-0.1, 0.0, 0.1], 0.2).round(6).tolist()
    [0.037534, 0.079656, 0.041482]
    """
    k, s = np.broadcast_arrays(
        np.asarray(log_strike, np.float64), np.asarray(deviation, np.float64)
    )
    price: Floats = np.exp(_log_beta(-np.abs(k), s) + k / 2)
    return price


def implied_deviation(price: ArrayLike, log_strike: ArrayLike) -> Floats:
    """The `deviation` s at which `black_price(log_strike, s)` is `price`; NaN if there is none.

    There is one for 0 < price < min(1, e^k), unless the price is so close to that bound that
    doubles cannot tell. Divide by sqrt(years) for the implied volatility.

    Args:
        price: price of the option out of the money (put if k < 0, else call) over the forward.
        log_strike: k = ln(strike / forward), broadcast against `price`.

    >>> implied_deviation([0.037534, 0.0, 1.0], -0.1).round(4).tolist()
    [0.2, nan, nan]
    """
    p, k = np.broadcast_arrays(np.asarray(price, np.float64), np.asarray(log_strike, np.float64))
    deviation = np.full(p.shape, np.nan)
    with np.errstate(invalid="ignore"):
        solvable = (p > 0) & (p < np.minimum(1.0, np.exp(k))) & np.isfinite(k)
    deviation[solvable] = _solve(np.log(p[solvable]) - k[solvable] / 2, -np.abs(k[solvable]))
    return deviation


def _log_beta(x: Floats, s: Floats) -> Floats:
    """Log of the normalised price: e^(x/2) N(x/s + s/2) - e^(-x/2) N(x/s - s/2), x <= 0."""
    h, t = x / s, s / 2
    # erfcx(y) = e^(y y) erfc(y): the exponentials of both terms are one and stay outside.
    scaled = erfcx(-(h + t) / _ROOT_TWO) - erfcx((t - h) / _ROOT_TWO)
    with np.errstate(divide="ignore"):  # a price below the smallest double is 0
        log_beta: Floats = np.log(scaled / 2) - (h * h + t * t) / 2
    return log_beta


def _log_rest(x: Floats, s: Floats) -> Floats:
    """Log of e^(x/2) minus the normalised price: what is left to its upper bound."""
    h, t = x / s, s / 2
    rest: Floats = np.log(np.exp(x / 2) * ndtr(-h - t) + np.exp(-x / 2) * ndtr(h - t))
    return rest


def _solve(target: Floats, x: Floats) -> Floats:
    """The deviation per log normalised price `target` and moneyness `x` <= 0, both of shape (n,).

    In the lower half f(s) = ln beta(s) - target, in the upper half f(s) = ln(rest of target) -
    ln rest(s): both rise, are nearly straight where they are used, and have the derivatives
    f' = vega / value, f'' / f' = x x / s^3 - s / 4 -+ f' (upper half: +).
    """
    upper = target > x / 2 - np.log(2.0)
    with np.errstate(divide="ignore"):
        rest = x / 2 + np.log(-np.expm1(np.minimum(target - x / 2, 0.0)))
    s = _start(target, x)
    low, high = np.zeros_like(s), np.full_like(s, MOST_DEVIATION)
    s[~np.isfinite(rest)] = np.nan  # not distinguishable from the bound
    open_ = np.flatnonzero(np.isfinite(s))
    for _ in range(MOST_STEPS):
        if not open_.size:
            break
        at, x_, above = s[open_], x[open_], upper[open_]
        value = np.where(above, _log_rest(x_, at), _log_beta(x_, at))
        gap = np.where(above, rest[open_] - value, value - target[open_])
        low[open_] = np.where(gap < 0, at, low[open_])
        high[open_] = np.where(gap > 0, at, high[open_])
        log_vega = -((x_ / at) ** 2 + at**2 / 4) / 2 - np.log(_ROOT_TAU)
        slope = np.exp(log_vega - value)
        with np.errstate(all="ignore"):  # a step that fails is replaced below
            bend = (x_ / at) ** 2 / at - at / 4 + np.where(above, slope, -slope)
            newton = -gap / slope
            after = at + newton / np.clip(1 + newton * bend / 2, 0.5, 2.0)
        inside = (after > low[open_]) & (after < high[open_])
        middle = np.where(
            low[open_] > 0, np.sqrt(low[open_] * high[open_]), np.minimum(at, high[open_]) / 2
        )
        # Convergence is cubic: behind a step of 1e-5 there is nothing left to correct.
        settled = (np.abs(newton) <= SMALL_STEP * at) & (inside | (after == at))
        s[open_] = np.where(inside | settled, after, middle)
        open_ = open_[~settled]
    return s


def _start(target: Floats, x: Floats) -> Floats:
    """A first deviation: the better of an option at the money's and the far wing's.

    beta ~ s / sqrt(2 pi) at x = 0 (Brenner and Subrahmanyam, 1988); ln beta ~ -x x / (2 s s).
    """
    near = _ROOT_TAU * np.exp(target - x / 2)
    far = -x / np.sqrt(np.maximum(-2 * (target - x / 2), 1e-3))
    start: Floats = np.clip(np.maximum(near, far), 1e-300, MOST_DEVIATION / 4)
    return start
