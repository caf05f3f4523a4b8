"""Runs optax's schedules, in the precision that jax was started with."""

import jax
import jax.numpy as jnp
import optax

from parity.case import Case, Kwargs

PACKAGES = ("optax", "jax")


def rates(case: Case, updates: int) -> list[float]:
    schedule = _make(case.call, case.kwargs)
    return [float(schedule(update)) for update in range(updates)]


def plateau(case: Case) -> list[float]:
    rule = optax.contrib.reduce_on_plateau(**case.kwargs)
    update = jax.jit(rule.update)
    gradient = jnp.asarray(1.0)
    state, scales = rule.init(gradient), [1.0]
    for metric in case.metrics[:-1]:
        scaled, state = update(gradient, state, value=metric)
        scales.append(float(scaled))
    return [case.base_lr * scale for scale in scales]


def _make(call: str, kwargs: Kwargs) -> optax.Schedule:
    arguments = dict(kwargs)
    if "schedules" in arguments:
        children = arguments["schedules"]
        arguments["schedules"] = [_make(child["call"], child["kwargs"]) for child in children]
    if "boundaries_and_scales" in arguments:
        scales = arguments["boundaries_and_scales"]
        arguments["boundaries_and_scales"] = {int(b): scale for b, scale in scales.items()}
    return getattr(optax, call)(**arguments)
