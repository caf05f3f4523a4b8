"""Rules: the plateau family with the flags of the libraries whose plateau calls no import reads.

The one idea: one family reproduces all; only the flags differ. A call that an import reads is read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tuning.schedules import FAMILIES
from tuning.schedules.families import Family

Kwargs = Mapping[str, Any]


def _keras(kwargs: Kwargs, base_lr: float) -> Family:
    return FAMILIES["plateau"](
        base_lr,
        factor=kwargs.get("factor", 0.1),
        patience=kwargs.get("patience", 10),
        threshold=kwargs.get("min_delta", 1e-4),
        tolerance="abs",
        count_rule="ge",
        cooldown=kwargs.get("cooldown", 0),
        last_cooldown_counts=True,
        min_gain=kwargs.get("min_lr", 0.0) / base_lr,
        mode=kwargs.get("mode", "min"),
    )


def _optax(kwargs: Kwargs, base_lr: float) -> Family:
    absolute = kwargs.get("atol", 0.0)
    return FAMILIES["plateau"](
        base_lr,
        factor=kwargs.get("factor", 0.1),
        patience=kwargs.get("patience", 10),
        threshold=absolute or kwargs.get("rtol", 1e-4),
        tolerance="abs" if absolute else "rel",
        count_rule="ge",
        cooldown=kwargs.get("cooldown", 0),
        min_gain=kwargs.get("min_scale", 0.0),
    )


def _timm(kwargs: Kwargs, base_lr: float) -> Family:
    return FAMILIES["plateau"](
        base_lr,
        factor=kwargs.get("decay_rate", 0.1),
        patience=kwargs.get("patience_t", 10),
        threshold=kwargs.get("threshold", 1e-4),
        cooldown=kwargs.get("cooldown_t", 0),
        min_gain=kwargs.get("lr_min", 0.0) / base_lr,
        smallest_change=1e-8 / base_lr,
        mode=kwargs.get("mode", "max"),
    )


RULES: Mapping[str, Callable[[Kwargs, float], Family]] = {
    "keras": _keras,
    "optax": _optax,
    "timm": _timm,
}
