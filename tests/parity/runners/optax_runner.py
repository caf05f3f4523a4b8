"""Runs optax's schedules, in the precision that jax was started with."""

import jax
import jax.numpy as jnp
import optax

from parity.case import LONGEST, PAST, Case, Kwargs

PACKAGES = ("optax", "jax")
OTHERS = ("inject_hyperparams", "inject_stateful_hyperparams")  # no schedules
# One number of updates for all cases: jax compiles each operation once per shape.
MOST = LONGEST + PAST


def public() -> list[str]:
    """The schedules the library has."""
    return [name for name in dir(optax.schedules) if name[0].islower() and name not in OTHERS]


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates, one operation after the other."""
    schedule = _make(case.call, case.kwargs)
    return jax.vmap(schedule)(jnp.arange(MOST))[:updates].tolist()


def plateau(case: Case) -> list[float]:
    """The rates while the rule is told the metrics, one per update."""
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
