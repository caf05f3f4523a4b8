"""Runs Keras' schedules on its jax backend, in float32: its cosine knows nothing else."""

import math

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
    schedule = _make(case)
    values = jax.vmap(schedule)(jnp.arange(MOST))[:updates].tolist()
    for update in _restarts(case, updates):
        values[update] = float(schedule(update))
    return values


def undecided(case: Case, values: list[float]) -> list[int]:
    """Updates where the library contradicts itself: compiled, it has another rate."""
    compiled, doubt = jax.jit(_make(case)), DOUBT * max(values)
    restarts = _restarts(case, len(values))
    return [t for t in restarts if abs(values[t] - float(compiled(t))) > doubt]


def _make(case: Case) -> keras.optimizers.schedules.LearningRateSchedule:
    return getattr(keras.optimizers.schedules, case.call)(**case.kwargs)


def _restarts(case: Case, updates: int) -> list[int]:
    """Updates at which a cycle begins, exactly.

    There its index is a float32 logarithm rounded down, which may come out one lower; whether it
    does depends on how the call is compiled, so these updates are asked for as a user would.
    """
    if case.call != "CosineDecayRestarts":
        return []
    begin, length, found = 0.0, float(case.kwargs["first_decay_steps"]), []
    while begin < updates:
        found += [round(begin)] * math.isclose(begin, round(begin), abs_tol=1e-6)
        begin, length = begin + length, length * case.kwargs.get("t_mul", 2.0)
    return found


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
