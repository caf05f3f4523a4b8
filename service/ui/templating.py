"""The templates: one environment for the report and for all pages.

The one idea: what comes from outside is escaped unless a template's author marks it otherwise, and
a name that is misspelt is an error, not an empty string.
Not here: what the templates show.
"""

from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from service.ui.assets import address
from service.ui.looks import COLORS
from service.ui.typeset import ago, moment, significant


def render(template: str, **values: object) -> str:
    """A template, filled in."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    shared: dict[str, Any] = {
        "address": address,
        "colors": COLORS,
        "glideslope": version("glideslope"),
    }
    environment.globals |= shared
    environment.filters |= {"significant": significant, "moment": moment, "ago": ago}
    return environment
