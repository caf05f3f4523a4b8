"""Idle settings: what a config says that nothing would listen to.

The one idea: a setting without effect is a mistake of whoever gave it, so it is refused by name; at
its default it was not given.
"""

from dataclasses import fields

from tuning.errors import InvalidValue


def refuse_idle(config: object, unless: str, *names: str) -> None:
    """Raise `InvalidValue` for the first of these settings that is not at its default.

    Args:
        config: a dataclass, being made.
        unless: when they would have an effect, in words.
        names: fields of it that have none as things are.

    >>> from tuning.objectives.realized_volatility import Config
    >>> Config(hidden=8)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tuning.errors.InvalidValue: config.hidden: 8 is not allowed; allowed: 24, unless the ...
    """
    defaults = {field.name: field.default for field in fields(config)}  # type: ignore[arg-type] # is one
    for name in names:
        value = getattr(config, name)
        if value != defaults[name]:
            raise InvalidValue(f"config.{name}", value, f"{defaults[name]}, unless {unless}")
