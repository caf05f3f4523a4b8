"""Runs Keras' schedules on its jax backend, in float32: its cosine knows nothing else."""

import jax
import jax.numpy as jnp
import keras

from parity.case import Case
from parity.runners.optax_runner import MOST

PACKAGES = ("keras", "jax")
BASES = ("LearningRateSchedule",)
DOUBT = 1e-4  # of the largest rate: far above float32 rounding


def public() -> list[str]:
    """The schedules the library has."""
    schedules = keras.optimizers.schedules
    return [name for name in dir(schedules) if name[0].isupper() and name not in BASES]


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates, one operation after the other."""
    schedule = getattr(keras.optimizers.schedules, case.call)(**case.kwargs)
    return jax.vmap(schedule)(jnp.arange(MOST))[:updates].tolist()


def undecided(case: Case, values: list[float]) -> list[int]:
    """Updates where the library contradicts itself: compiled, it has another rate.

    Its restarts come where a float32 logarithm is a whole number, which is a matter of rounding.
    """
    if case.call != "CosineDecayRestarts":
        return []
    schedule = jax.jit(getattr(keras.optimizers.schedules, case.call)(**case.kwargs))
    compiled = [float(schedule(update)) for update in range(len(values))]
    doubt = DOUBT * max(values)
    pairs = enumerate(zip(values, compiled, strict=True))
    return [update for update, (one, other) in pairs if abs(one - other) > doubt]


def plateau(case: Case) -> list[float]:
    """The rates while the callback is told the metrics, one per epoch."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(case.base_lr), loss="mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="loss", **{"mode": "min", **case.kwargs})
    callback.set_model(model)
    callback.on_train_begin()
    values = []
    for epoch, metric in enumerate(case.metrics):
        values.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"loss": metric})
    return values
