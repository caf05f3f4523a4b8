"""The best a schedule can do on a noisy quadratic, computed rather than searched for.

The one idea: the expected loss is smooth in the T learning rates and its gradient is exact, so a
quasi-Newton method finds the optimum under 0 <= a_t <= cap to about twelve digits; in one mode the
optimum is the gain of a scalar Kalman filter, which bounds every mode of a larger problem.
Imports SciPy: a leaf, imported when an optimum is asked for.
Not here: the recursions (`tuning.objectives.quadratic`).
"""

import numpy as np
from scipy.optimize import minimize

from tuning.objectives.base import Floats
from tuning.objectives.quadratic import Moments, Quadratic, sensitivity

# Rounds of L-BFGS, the units of the learning rates chosen anew before each: far from the optimum
# the second derivatives are not yet those at the optimum.
ROUNDS = (30, 30, 20_000)
CORRECTIONS = 20  # of L-BFGS
TOLERANCE = 1e-13  # relative, of the loss
CANDIDATES = 16  # modes whose gains may be the start
OTHER_STARTS = (0.3, 0.98)  # constants, as shares of the cap


def best_schedule(problem: Quadratic, horizon: int) -> tuple[float, Floats]:
    """The smallest expected loss under 0 <= a_t <= cap, and the learning rates that reach it.

    L-BFGS-B over learning rates in units of 1 / sqrt(d²L/da_t²), which range over several decades
    and without which it takes twenty times as long. In theory a minimum is local only. Without
    momentum every start that was tried led to the same one; with it some ended higher on problems
    of a few modes, so that the best of several descents is taken.

    Args:
        problem: the quadratic.
        horizon: updates T.

    Returns:
        The loss, and the learning rates of shape (T,).

    >>> one = Quadratic(np.array([1.0]), np.array([25.0]), np.array([1.0]))
    >>> loss, rates = best_schedule(one, 500)
    >>> round(2 * loss, 7), round(float(rates[99]), 6)  # 1 / (1/25 + 500), 1 / (100 + 1/25)
    (0.0019998, 0.009996)
    """
    starts = [_likely(problem, horizon)]
    if problem.momentum:
        starts += [np.full(horizon, share * problem.cap) for share in OTHER_STARTS]
    ends = []
    for start in starts:
        rates = start
        for iterations in ROUNDS:
            rates = _descend(problem, rates, iterations)
        ends.append((sensitivity(problem, rates).loss, rates))
    return min(ends, key=lambda end: end[0])


def _likely(problem: Quadratic, horizon: int) -> Floats:
    """The best of a straight line and the Kalman gains of some of the modes."""
    gains = problem.cap * problem.curvatures.max() * kalman(problem, horizon)[1].T
    chosen = np.unique(np.geomspace(1, len(gains), CANDIDATES).astype(int)) - 1
    line = problem.cap * np.linspace(0.7, 0.0, horizon, endpoint=False)
    candidates = np.minimum(np.vstack([line, gains[chosen]]), problem.cap)
    moments = Moments(problem, len(candidates))
    moments.train(candidates)
    best: Floats = candidates[int(np.argmin(moments.losses()))]
    return best


def _descend(problem: Quadratic, start: Floats, iterations: int) -> Floats:
    scale, _, curvature = sensitivity(problem, start)
    # Where the loss does not feel an update (a later one forgets it), any unit will do.
    units = 1.0 / np.sqrt(np.maximum(curvature, 1e-12 * curvature.max()))

    def scaled(values: Floats) -> tuple[float, Floats]:
        loss, gradient, _ = sensitivity(problem, values * units)
        return loss / scale, gradient * units / scale

    found = minimize(
        scaled,
        start / units,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, problem.cap / unit) for unit in units.tolist()],
        options={
            "maxiter": iterations,
            "maxfun": 2 * iterations,
            "maxcor": CORRECTIONS,
            "ftol": TOLERANCE,
            "gtol": 0.0,
        },
    )
    # A product and a quotient may round to just above the cap.
    rates: Floats = np.clip(found.x * units, 0.0, problem.cap)
    return rates


def kalman(problem: Quadratic, horizon: int) -> tuple[Floats, Floats]:
    """The smallest E θ² that each mode alone could reach, and the learning rates it would take.

    E' = E r / (E + r) + q at a = E / (h (E + r)) with r = σ / h², the scalar Kalman filter; with
    q = 0 it is a_t = 1 / (h (t + 1 + r / E_0)). Noise that grows with the distance (regression) is
    left out, which can only lower the bound; no linear method does better, momentum included.

    Args:
        problem: the quadratic.
        horizon: updates T.

    Returns:
        E after the last update, of shape (modes,), and learning rates of shape (T, modes).

    >>> drifting = Quadratic(np.ones(1), np.array([25.0]), np.ones(1), drift=0.01)
    >>> moment, rates = kalman(drifting, 500)
    >>> round(float(moment[0]), 6), round(float(rates[-1, 0]), 6)
    (0.105125, 0.095125)
    """
    spread = problem.noise / problem.curvatures**2
    moment = problem.starts
    rates = np.zeros((horizon, len(moment)))
    for t in range(horizon):
        total = moment + spread
        # A mode at its optimum without noise needs no update.
        gain = np.divide(moment, total, out=np.zeros_like(moment), where=total > 0)
        rates[t] = gain / problem.curvatures
        moment = spread * gain + problem.drift
    return moment, rates


def lower_bound(problem: Quadratic, horizon: int) -> float:
    """A loss that no schedule gets below: every mode with learning rates of its own.

    >>> from tuning.objectives.quadratic_problems import Config, build
    >>> round(lower_bound(build(Config(problem="N1")), 500), 6)
    0.234814
    """
    return float((problem.curvatures * kalman(problem, horizon)[0]).sum() / 2)
