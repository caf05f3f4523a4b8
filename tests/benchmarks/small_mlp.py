"""The benchmark's training problem, for Glideslope and, as plain arrays, for its peer.

The one idea: 8 inputs, two hidden layers of 64, one output, ReLU, Adam, batches of 64, float32: the
same data, data order, initial weights and evaluation points whoever trains.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from tuning.objectives import TEST, VALIDATION, Trainer
from tuning.objectives.batches import Permutations
from tuning.objectives.own import Assignment, trainer_objective
from tuning.records import Metric

WIDTHS = (8, 64, 64, 1)
BATCH = 64
ROWS, SCORED = 4096, 1024
MEASUREMENTS = 8
HORIZON = 480
PEAK = (1e-4, 1e-1)


def draw(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of shape (rows, 8) and noisy targets of shape (rows, 1), float32."""
    generator = np.random.default_rng([seed, rows])
    inputs = generator.normal(size=(rows, WIDTHS[0]))
    mixing = np.random.default_rng(0).normal(size=(WIDTHS[0], 3)) / 2
    hidden = inputs @ mixing
    clean = np.sin(2 * hidden[:, 0]) + hidden[:, 1] * hidden[:, 2]
    noisy = clean + 0.1 * generator.normal(size=rows)
    return inputs.astype("f4"), noisy[:, None].astype("f4")


DATA = MappingProxyType(
    {"train": draw(1, ROWS), VALIDATION: draw(2, SCORED), TEST: draw(3, SCORED)}
)
ORDER = Permutations(ROWS, BATCH)


def make_trainer(assignments: Sequence[Assignment]) -> Trainer:
    """One network per seed, on the engine."""
    from tuning.objectives.scan import Scan

    return Scan(recipe(assignments[0].splits), [one.seed for one in assignments])


def recipe(splits: Sequence[str]) -> "object":
    """The problem as the engine takes it."""
    from mlp_measure import MeanSquare

    from tuning.objectives.networks import Mlp, SquaredError
    from tuning.objectives.scan import Recipe, Split

    network = Mlp(WIDTHS, "relu")
    measure = MeanSquare(network)
    return Recipe(
        init=network.init,
        loss=SquaredError(network),
        rows=DATA["train"],
        order=ORDER,
        splits={split: Split(DATA[split], measure) for split in splits},
    )


OBJECTIVES = {
    "small_mlp": trainer_objective(
        make_trainer,
        name="small_mlp",
        horizon=HORIZON,
        peak=PEAK,
        metrics=(Metric("mse"),),
        measurements=MEASUREMENTS,
        optimizer={"optimizer": "adam", "batch": BATCH},
    )
}
