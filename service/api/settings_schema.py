"""The JSON Schema of an objective's settings, with the ranges and names that are allowed.

The one idea: types and defaults come from the dataclass, ranges and names from the limits beside
its fields, which are also what refuses a value; nothing is written twice. What limits cannot say
(that settings fit each other) only the objective refuses.
Not here: the schema of a schedule (`tuning.schedules.json_schema`).
"""

from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from tuning.schedules.json_schema import limit_schema
from tuning.schedules.limits import LIMITS, limits_of


def settings_schema(config_type: type) -> dict[str, Any]:  # Any: JSON values
    """The JSON Schema of a dataclass of settings.

    >>> from tuning.objectives.regime_rugged import Config
    >>> settings_schema(Config)["properties"]["jumps"]
    {'default': 8, 'title': 'Jumps', 'type': 'integer', 'minimum': 1, 'maximum': 1000}
    """
    schema = TypeAdapter(config_type).json_schema()
    for field in fields(config_type):
        for limit in limits_of(field.type):
            if isinstance(limit, LIMITS):  # what else users annotate is theirs, or pydantic's
                schema["properties"][field.name].update(limit_schema(limit))
    return schema
