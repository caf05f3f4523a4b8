"""Drifting: a generated volatility surface whose parameters move, and sometimes jump.

The one idea: a surface without static arbitrage (SSVI) at fixed strikes and maturities; its level,
slope and curvature revert to a mean, the level jumps, and quotes carry noise. What is drawn for a
snapshot depends on the snapshots before it alone, so a longer path begins with the shorter one.
Not here: snapshots in general (`tuning.objectives.snapshots`).
"""

from dataclasses import dataclass

import numpy as np

from tuning.objectives.base import Floats
from tuning.objectives.snapshots import Snapshots, transform

MATURITIES = np.geomspace(7 / 365, 1.0, 8)  # years
SCALED_STRIKES = np.linspace(-1.0, 1.0, 11)  # log of strike over forward, by the root of T


@dataclass(frozen=True, slots=True)
class Walk:
    """A mean-reverting walk `x' = x + a (m - x) + s N(0, 1)`, one step a snapshot.

    Args:
        mean: m, where it starts too.
        pull: a, from 0 to 1.
        noise: s, the standard deviation of a step.
    """

    mean: float
    pull: float
    noise: float

    def path(self, draws: Floats, shocks: Floats) -> Floats:
        """The values after each step, from normal draws and additional shocks of equal shape."""
        values = np.empty(len(draws))
        value = self.mean
        for step, (draw, shock) in enumerate(zip(draws.tolist(), shocks.tolist(), strict=True)):
            value += self.pull * (self.mean - value) + self.noise * draw + shock
            values[step] = value
        return values


# Of a day. No change is worth 2 to 3 points of volatility, about as on Bitcoin's options, and no
# stretch of the path decides alone, so that validation and test rank schedules alike.
LEVEL = Walk(np.log(0.55), 0.05, 0.03)  # log of the short volatility
LONG = Walk(np.log(0.60), 0.02, 0.015)  # log of the long one
SLOPE = Walk(np.arctanh(-0.25), 0.05, 0.10)  # inverse hyperbolic tangent of rho
CURVATURE = Walk(np.log(0.9), 0.05, 0.08)  # log of eta
JUMP_CHANCE, JUMP_MEAN, JUMP_DEVIATION = 0.05, 0.12, 0.05
REVERSION = 6.0  # per year, of the term structure


def generate(count: int, noise_bp: float, seed: int) -> Snapshots:
    """Draw a path of snapshots.

    Args:
        count: number of snapshots, one a day.
        noise_bp: standard deviation of the noise on each quote, in basis points of volatility.
        seed: of everything random.

    >>> generate(3, 50.0, 0).vols.shape
    (3, 88)
    """
    maturities, scaled = np.meshgrid(MATURITIES, SCALED_STRIKES, indexing="ij")
    maturity, moneyness = maturities.ravel(), (scaled * np.sqrt(maturities)).ravel()
    # One generator per purpose: the length of the path then changes no draw of its beginning.
    moves, jumps, quotes = (np.random.default_rng([seed, purpose]) for purpose in range(3))
    draws = moves.normal(size=(count, 4))
    nothing = np.zeros(count)
    level = LEVEL.path(draws[:, 0], _jumps(jumps.random((count, 2))))
    long = LONG.path(draws[:, 1], nothing)
    rho = np.tanh(SLOPE.path(draws[:, 2], nothing))
    # No more than leaves butterflies without arbitrage.
    eta = np.minimum(np.exp(CURVATURE.path(draws[:, 3], nothing)), 2.0 / (1.0 + np.abs(rho)))
    clean = ssvi(moneyness, maturity, np.exp(level), np.exp(long), rho, eta)
    vols = clean + 1e-4 * noise_bp * quotes.normal(size=clean.shape)
    earlier = np.vstack([np.full((1, clean.shape[1]), np.nan), vols[:-1]])
    inputs = np.broadcast_to(transform(moneyness, maturity), (count, len(maturity), 2))
    names = tuple(f"day {day}" for day in range(count))
    return Snapshots(names, inputs, vols, np.ones_like(vols), earlier)


def _jumps(draws: Floats) -> Floats:
    """What the level jumps by at each step, mostly 0, from uniform draws of shape (count, 2)."""
    size = JUMP_MEAN + JUMP_DEVIATION * np.sqrt(12.0) * (draws[:, 1] - 0.5)
    return np.where(draws[:, 0] < JUMP_CHANCE, size, 0.0)


def ssvi(
    moneyness: Floats, maturity: Floats, short: Floats, long: Floats, rho: Floats, eta: Floats
) -> Floats:
    """Implied volatilities of the SSVI surface (Gatheral and Jacquier, 2014), (snapshots, quotes).

    w(k) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) with theta the variance
    at the money up to T and phi = eta / sqrt(theta (1 + theta)); without butterfly arbitrage if
    eta (1 + |rho|) <= 2.

    Args:
        moneyness: k, the log of strike over forward, shape (quotes,).
        maturity: T in years, shape (quotes,).
        short: volatility at the money for T to 0, shape (snapshots,).
        long: the same for large T, shape (snapshots,).
        rho: slope, in (-1, 1), shape (snapshots,).
        eta: curvature, positive, shape (snapshots,).

    >>> one = np.ones(1)
    >>> ssvi(np.zeros(1), one, 0.5 * one, 0.5 * one, -0.3 * one, one).round(12)
    array([[0.5]])
    """
    k, years = moneyness[None], maturity[None]
    decay = -np.expm1(-REVERSION * years) / REVERSION
    far, near = (long**2)[:, None], (short**2)[:, None]
    theta = far * years + (near - far) * decay
    slope = rho[:, None]
    bend = eta[:, None] / np.sqrt(theta * (1.0 + theta)) * k
    total = 0.5 * theta * (1.0 + slope * bend + np.sqrt((bend + slope) ** 2 + 1.0 - slope**2))
    vols: Floats = np.sqrt(total / years)
    return vols
