"""Foreign parameters: what the trials of somebody else's study say of a schedule.

The one idea: names are translated by tables that stand here; a name that is in none of them is
refused, since a score that depended on it says nothing of the schedule alone, unless the user says
that it may be left out, what it is called here, or which value it always had.
Not here: files (`tuning.search.optuna_files`).
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from tuning.errors import InvalidValue, UnknownName
from tuning.records import ParameterValue
from tuning.schedules import FAMILIES, PARAMETERS
from tuning.search.space import FAMILY, PEAK


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES: Mapping[str, Collection[str]] = {
    PEAK: _words(
        "lr learning_rate base_lr max_lr peak_lr init_lr initial_lr lr0 eta eta0 alpha "
        "max_learning_rate peak_learning_rate"
    ),
    FAMILY: _words("schedule scheduler lr_schedule lr_scheduler lr_scheduler_type scheduler_type"),
    "warmup": _words("warmup_ratio warmup_fraction warmup_frac warmup_proportion pct_warmup"),
    "floor": _words("min_lr_ratio min_lr_rate final_lr_ratio floor_ratio"),
    "rise": _words("pct_start"),
    "cycles": _words("num_cycles n_cycles"),
}
FAMILY_NAMES: Mapping[str, Collection[str]] = {
    "constant": _words("none constantlr constant_schedule constant_with_warmup"),
    "linear": _words("linearlr linear_decay linear_with_warmup"),
    "cosine": _words("cos cosine_decay cosineannealing cosineannealinglr cosine_with_warmup"),
    "exponential": _words("exp exponentiallr exponential_decay"),
    "polynomial": _words("poly polynomiallr polynomial_decay"),
    "step": _words("steplr step_decay"),
    "one_cycle": _words("onecycle onecyclelr"),
    "triangular": _words("cyclic cycliclr"),
    "sgdr": _words(
        "cosineannealingwarmrestarts cosine_with_restarts cosine_warm_restarts warm_restarts"
    ),
    "wsd": _words("warmup_stable_decay trapezoidal"),
    "inverse_sqrt": _words("invsqrt inverse_square_root rsqrt"),
}
NEUTRAL: Mapping[str, ParameterValue] = {"warmup": 0.0, "floor": 0.0}  # whoever names none has none


def translate(
    params: Mapping[str, Any],
    *,
    renamed: Mapping[str, str] | None = None,
    fixed: Mapping[str, ParameterValue] | None = None,
    ignored: Collection[str] = (),
) -> dict[str, ParameterValue]:
    """The coordinates of a schedule.

    Args:
        params: as the other study has them.
        renamed: what some are called here.
        fixed: coordinates that the other study did not vary.
        ignored: names that may be left out.

    Raises InvalidValue or UnknownName naming the parameter.

    >>> translate({"lr": 0.1, "lr_scheduler": "CosineAnnealingLR"})
    {'family': 'cosine', 'peak': 0.1, 'warmup': 0.0, 'floor': 0.0}
    """
    found: dict[str, Any] = dict(fixed or {})
    for name, value in params.items():
        if name in ignored:
            continue
        known = name_of(name, renamed or {})
        if known in found:
            raise InvalidValue(f"params.{name}", value, f"{known} once; it stands there twice")
        found[known] = value
    for name in (FAMILY, PEAK):
        if name not in found:
            allowed = f"a parameter that says it, or a value of it (--fix {name}=...)"
            raise InvalidValue(f"params.{name}", None, allowed)
    family = family_of(found[FAMILY])
    told: dict[str, ParameterValue] = {FAMILY: family, PEAK: _number(PEAK, found[PEAK])}
    tunable = FAMILIES[family].tunable
    strange = sorted(found.keys() - {FAMILY, PEAK, *tunable})
    if strange:
        allowed = f"a parameter of {family}: {', '.join(tunable)}; or leave it out (--ignore)"
        raise InvalidValue(f"params.{strange[0]}", found[strange[0]], allowed)
    for name in tunable:
        if name not in found and name not in NEUTRAL:
            allowed = f"a value, for {family} has it (--fix {name}=...)"
            raise InvalidValue(f"params.{name}", None, allowed)
        told[name] = _number(name, found.get(name, NEUTRAL.get(name)))
    return told


def name_of(name: str, renamed: Mapping[str, str]) -> str:
    """What a parameter is called here; raises InvalidValue if nobody knows."""
    if name in renamed:
        if renamed[name] not in {FAMILY, *PARAMETERS}:
            raise UnknownName(f"--rename {name}", renamed[name], (FAMILY, *PARAMETERS))
        return renamed[name]
    plain = _plain(name)
    if plain == FAMILY or plain in PARAMETERS:
        return plain
    for known, others in NAMES.items():
        if plain in others:
            return known
    words = ", ".join(f"{known} ({', '.join(others)})" for known, others in NAMES.items())
    allowed = (
        f"{words}, or a shared parameter by its own name; leave it out (--ignore {name}) or say "
        f"what it is (--rename {name}=...)"
    )
    raise InvalidValue(f"params.{name}", None, allowed)


def family_of(value: object) -> str:
    """The family that a scheduler's name means; raises UnknownName for any other."""
    plain = _plain(str(value))
    if plain in FAMILIES and not FAMILIES[plain].is_feedback:
        return plain
    for known, others in FAMILY_NAMES.items():
        if plain in others or plain.replace("_", "") in others:
            return known
    raise UnknownName("params.family", value, FAMILY_NAMES)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _number(name: str, value: Any) -> ParameterValue:  # noqa: ANN401 # checked here
    try:
        return PARAMETERS[name].check(value)
    except InvalidValue as error:
        raise InvalidValue(f"params.{name}", value, error.allowed) from error
