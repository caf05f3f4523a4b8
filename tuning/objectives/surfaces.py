"""Surfaces: implied volatilities under Heston's model on a fixed grid, as data to learn from.

The one idea: strikes lie at fixed numbers of standard deviations, k = 0.25 z sqrt(T), so that no
option is worthless and every price has a volatility. Volatilities are rounded to 2^-20 (0.01
basis points), which float32 holds exactly: machines whose exponentials differ in the last bit
still make equal data, but for a rare value next to the edge between two steps.
Not here: prices (`tuning.objectives.heston`), and the networks that learn them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tuning.errors import DataError
from tuning.objectives.base import Floats
from tuning.objectives.cached import cached
from tuning.objectives.heston import Domain, heston_puts

YEARS = np.linspace(0.1, 2.0, 8)
LOG_STRIKES = 0.25 * np.linspace(-2.0, 2.0, 11) * np.sqrt(YEARS)[:, None]  # (maturities, strikes)
POINTS = LOG_STRIKES.size
MATURITIES = tuple(f"{years:.2f} years" for years in YEARS)

STEP = 2.0**-20
VERSION = 1  # to be raised when the same recipe gives other surfaces


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """Parameters and the surfaces they make.

    Args:
        parameters: v0, theta, kappa, sigma, rho per row, shape (n, 5).
        volatilities: per row, maturity after maturity, strikes rising, shape (n, 88).
    """

    parameters: Floats
    volatilities: Floats

    def __len__(self) -> int:
        """Number of surfaces."""
        return len(self.parameters)

    @property
    def arrays(self) -> Mapping[str, Floats]:
        """Both arrays by name."""
        return {"parameters": self.parameters, "volatilities": self.volatilities}

    def with_noise(self, deviation: float, seed: int) -> "Surfaces":
        """The same surfaces with independent normal errors on every volatility.

        Args:
            deviation: standard deviation of the errors; 0.01 is a volatility point.
            seed: of the errors.
        """
        if deviation == 0:
            return self
        errors = np.random.default_rng(seed).normal(0.0, deviation, self.volatilities.shape)
        return Surfaces(self.parameters, _rounded(self.volatilities + errors))


def implied_volatilities(
    parameters: ArrayLike, years: ArrayLike = YEARS, log_strikes: ArrayLike = LOG_STRIKES
) -> Floats:
    """Black volatilities of Heston prices, per year, shape (n, maturities, strikes).

    NaN where the price is 0 or its bound to the last digit. Arguments as in `heston_puts`.

    >>> flat = [[0.09, 0.09, 2.0, 0.01, 0.0]]
    >>> implied_volatilities(flat, [0.5], [[-0.1, 0.0, 0.1]]).round(4).tolist()
    [[[0.3, 0.3, 0.3]]]
    """
    from tuning.objectives.black import implied_deviation  # noqa: PLC0415 - SciPy is heavy

    strikes = np.asarray(log_strikes, np.float64)
    puts = heston_puts(parameters, years, strikes)
    out_of_the_money = np.where(strikes < 0, puts, puts + 1 - np.exp(strikes))
    deviations = implied_deviation(out_of_the_money, strikes)
    volatilities: Floats = deviations / np.sqrt(np.asarray(years, np.float64))[:, None]
    return volatilities


def draw_surfaces(domain: Domain, count: int, seed: int, cache: Path | None = None) -> Surfaces:
    """Surfaces of `count` parameters drawn uniformly from `domain`, noise-free.

    Args:
        domain: ranges of the parameters.
        count: number of surfaces; fewer under the same seed are the first of more.
        seed: of the draw.
        cache: folder that they are kept in; 1,000 surfaces take about half a second to make.

    Raises `DataError` if some price of the domain has no volatility.

    >>> calm = Domain((0.04, 0.25), (0.04, 0.25), (1.0, 6.0), (0.1, 0.9), (-0.95, -0.1))
    >>> few, more = (draw_surfaces(calm, count, seed=0) for count in (2, 3))
    >>> few.volatilities.shape, bool((more.volatilities[:2] == few.volatilities).all())
    ((2, 88), True)
    """

    def make() -> Mapping[str, Floats]:
        parameters = domain.draw(count, seed)
        volatilities = _rounded(implied_volatilities(parameters).reshape(count, POINTS))
        if not np.isfinite(volatilities).all():
            raise DataError(f"some options of {domain} have no implied volatility")
        return Surfaces(parameters, volatilities).arrays

    recipe = {
        "version": VERSION,
        "domain": asdict(domain),
        "count": count,
        "seed": seed,
        "years": YEARS.tolist(),
        "log_strikes": LOG_STRIKES.tolist(),
    }
    return Surfaces(**cached(cache, "heston-surfaces", recipe, make))


def _rounded(volatilities: Floats) -> Floats:
    rounded: Floats = np.round(volatilities / STEP) * STEP
    return rounded
