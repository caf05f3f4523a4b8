"""The Gaussian process: against scikit-learn's, finite differences and simulation."""

import numpy as np
import pytest
from scipy.linalg import cho_solve
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from tuning.search.samplers.acquisition import Pool, log_improvement
from tuning.search.samplers.process import NUGGET, Kernel, Posterior, _Cost, fit


@pytest.fixture
def columns() -> np.ndarray:
    """Thirty schedules of four columns, the last of which tells kinds apart."""
    draws = np.random.default_rng(0).normal(size=(30, 4))
    draws[:, 3] = np.round(draws[:, 3])
    return draws


@pytest.fixture
def values(columns: np.ndarray) -> np.ndarray:
    """A smooth function of two columns, with a little noise."""
    noise = np.random.default_rng(1).normal(size=len(columns))
    return np.sin(columns[:, 0]) + 0.3 * columns[:, 1] ** 2 + 0.05 * noise


@pytest.mark.parametrize("is_rough", [False, True])
def test_it_predicts_as_scikit_learn_does(
    columns: np.ndarray, values: np.ndarray, *, is_rough: bool
) -> None:
    """Means and deviations of both kinds of process, a scale per column and known noise."""
    scales, size, noise = np.array([1.0, 2.0, 3.0, 4.0]), 1.5, 0.01
    seeds = np.tile([1.0, 4.0], 15)
    peer = GaussianProcessRegressor(
        ConstantKernel(size) * (Matern(scales, nu=2.5) if is_rough else RBF(scales)),
        alpha=size * NUGGET + noise / seeds,
        optimizer=None,
    )
    ours = Posterior.after(Kernel(scales, size, noise, is_rough=is_rough), columns, values, seeds)
    peer.fit(columns, values - ours.mean)
    new = np.random.default_rng(2).normal(size=(20, 4))
    means, deviations = peer.predict(new, return_std=True)
    found, doubts = ours.predict(new)
    assert found - ours.mean == pytest.approx(means, abs=1e-8)
    assert doubts == pytest.approx(deviations, abs=1e-6)
    assert np.diag(ours.covariance(new)) == pytest.approx(doubts**2, abs=1e-9)


@pytest.mark.parametrize("is_rough", [False, True])
@pytest.mark.parametrize("kind", [None, 3])
def test_the_gradient_is_exact(
    columns: np.ndarray, values: np.ndarray, kind: int | None, *, is_rough: bool
) -> None:
    """It agrees with finite differences, seeds and kinds included."""
    cost = _Cost(columns, values, np.tile([1.0, 2.0], 15), kind, is_rough=is_rough)
    logs = cost.start(0.5, 0.01) + 0.1 * np.random.default_rng(3).normal(size=7)
    numeric = approx_fprime(logs, lambda at: cost(at)[0], 1e-6)
    assert cost(logs)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


def test_a_fit_finds_what_matters(columns: np.ndarray, values: np.ndarray) -> None:
    """Columns without effect get long scales, and the noise is about what it was."""
    kernel, _ = fit(columns, values, np.ones(30))
    assert kernel.scales[2] > 2 * kernel.scales[:2].max()
    assert 1e-4 < kernel.noise < 2e-2


def test_a_fit_tells_smooth_from_rough() -> None:
    """A smooth function and a broken line, each told for what it is."""
    places = np.linspace(-3.0, 3.0, 40)[:, None]
    smooth, rough = np.sin(places[:, 0]), np.abs(np.mod(places[:, 0], 1.0) - 0.5)
    assert not fit(places, smooth, np.ones(40))[0].is_rough
    assert fit(places, rough / rough.std(), np.ones(40))[0].is_rough


def test_supposing_leaves_means_and_lowers_doubt(columns: np.ndarray, values: np.ndarray) -> None:
    """As if the supposed schedules had turned out as expected."""
    kernel = Kernel(np.full(4, 2.0), 1.0, 0.01)
    plain = Posterior.after(kernel, columns[:20], values[:20], np.ones(20))
    supposed = plain.supposing(columns[20:23])
    expected, _ = plain.predict(columns[20:23])
    after = Posterior.after(kernel, columns[:23], np.append(values[:20], expected), np.ones(23))
    means, doubts = supposed.predict(columns[23:])
    assert means == pytest.approx(plain.predict(columns[23:])[0], abs=1e-9)
    assert doubts == pytest.approx(after.predict(columns[23:])[1], abs=1e-8)


def test_a_pool_follows_what_is_supposed(columns: np.ndarray, values: np.ndarray) -> None:
    """Updating a pool one schedule at a time gives what a new pool would."""
    kernel = Kernel(np.full(4, 2.0), 1.0, 0.01)
    posterior = Posterior.after(kernel, columns[:20], values[:20], np.ones(20))
    pool = Pool(posterior, columns[24:])
    for row in (20, 21, 22):
        posterior = posterior.supposing(columns[row : row + 1])
        pool.suppose(posterior)
    assert pool.promise(0.0) == pytest.approx(Pool(posterior, columns[24:]).promise(0.0), abs=1e-6)


def test_a_surprise_is_what_the_others_did_not_say(columns: np.ndarray, values: np.ndarray) -> None:
    """As if each result in turn were left out, the mean of all schedules kept."""
    kernel, seeds = Kernel(np.full(4, 2.0), 1.0, 0.01), np.ones(20)
    posterior = Posterior.after(kernel, columns[:20], values[:20], seeds)
    others = np.arange(1, 20)
    left = Posterior.after(kernel, columns[others], values[others], seeds[others])
    weights = cho_solve((left.factor, True), values[others] - posterior.mean)
    cross = kernel.between(columns[:1], columns[others])
    _, doubt = left.predict(columns[:1])
    error = values[0] - posterior.mean - cross @ weights
    spread = np.sqrt(doubt**2 + kernel.noise + NUGGET)
    assert posterior.surprises()[0] == pytest.approx((error / spread)[0])


def test_doubting_scales_every_deviation(columns: np.ndarray, values: np.ndarray) -> None:
    """Means stay, also after further schedules are supposed."""
    kernel = Kernel(np.full(4, 2.0), 1.0, 0.01)
    plain = Posterior.after(kernel, columns[:20], values[:20], np.ones(20))
    for one, other in (
        (plain, plain.doubting(3.0)),
        (plain.supposing(columns[20:22]), plain.doubting(3.0).supposing(columns[20:22])),
    ):
        means, doubts = one.predict(columns[22:])
        assert other.predict(columns[22:])[0] == pytest.approx(means)
        assert other.predict(columns[22:])[1] == pytest.approx(3.0 * doubts)


def test_kinds_share_only_a_part() -> None:
    """Between kinds the covariance is the share of what it is within one."""
    kernel = Kernel(np.ones(2), 1.0, 0.0, share=0.25, kind=1)
    one = np.array([[0.0, 0.0]])
    within = kernel.between(one, np.array([[0.5, 0.0]]))[0, 0]
    plain = Kernel(np.ones(2), 1.0, 0.0)
    apart = kernel.between(one, np.array([[0.5, 1.0]]))[0, 0]
    assert within == plain.between(one, np.array([[0.5, 0.0]]))[0, 0]
    assert apart == pytest.approx(0.25 * plain.between(one, np.array([[0.5, 1.0]]))[0, 0])


@pytest.mark.parametrize("mean", [-1.0, 0.0, 0.5, 2.0])
def test_the_expected_improvement_is_that_of_draws(mean: float) -> None:
    """Against a million draws of a normal loss."""
    draws = mean + 0.7 * np.random.default_rng(4).normal(size=1_000_000)
    truth = np.log(np.maximum(0.3 - draws, 0.0).mean())
    found = log_improvement(0.3, np.array([mean]), np.array([0.7]))
    assert found[0] == pytest.approx(truth, abs=0.05)


def test_far_off_candidates_are_still_told_apart() -> None:
    """Where the improvement itself underflows, its log falls on smoothly."""
    means = np.linspace(0.0, 100.0, 2001)
    logs = log_improvement(0.0, means, np.ones(2001))
    assert np.isfinite(logs).all()
    assert (np.diff(logs) < 0).all()


def test_a_fit_that_begins_near_ends_there(columns: np.ndarray, values: np.ndarray) -> None:
    """From the kernel of nearly the same results, a kernel as good as from the fixed starts."""
    kernel, _ = fit(columns, values, np.ones(30), 3)
    moved = values + 0.01 * np.random.default_rng(5).normal(size=30)
    _, anew = fit(columns, moved, np.ones(30), 3)
    _, near = fit(columns, moved, np.ones(30), 3, near=kernel)
    assert near == pytest.approx(anew, abs=0.5)
