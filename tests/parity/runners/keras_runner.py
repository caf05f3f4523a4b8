"""Runs Keras' schedules on its jax backend, in float32: its cosine knows nothing else."""

import jax
import keras

from parity.case import Case

PACKAGES = ("keras", "jax")


def rates(case: Case, updates: int) -> list[float]:
    schedule = getattr(keras.optimizers.schedules, case.call)(**case.kwargs)
    rate = jax.jit(schedule)  # as a compiled training step calls it
    return [float(rate(update)) for update in range(updates)]


def plateau(case: Case) -> list[float]:
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
