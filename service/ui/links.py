"""Links that open schedules in the workbench.

The one idea: all that the workbench shows lives in its own address, after the `#`, which never
reaches a server: `/workbench#` and the base64url (no padding) of a JSON object in UTF-8:

    {"schedules": [{"name": "cosine", "schedule": {...}, "hidden": true}, ...],
     "active": 0, "view": "log", "panel": "area"}

`schedule` is a document without `format`, `identity` and `table`, which the workbench puts back;
all else may be left out. `view` is `linear` or `log`, `panel` is `none`, `area` or `ratio`.
Not here: the workbench (`service.ui.workbench`); its script reads and writes the same form.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

WORKBENCH = "/workbench"
# What of a document says which schedule it is; the rest follows from it.
TOLD = ("family", "horizon", "peak", "warmup", "params", "end", "after_end", "channels", "groups")
RESOLVED = ("steps", "table")  # of a warmup or a channel: figures that follow, too


def workbench_link(*named: tuple[str, Mapping[str, Any]]) -> str:
    """The address that opens schedules in the workbench.

    Args:
        named: names, as the workbench shows them, with documents (`glideslope/schedule@1`).

    >>> from tuning.schedules import Cosine, Schedule
    >>> workbench_link(("winner", Schedule(Cosine(0.1), 100).document()))[:30]
    '/workbench#eyJzY2hlZHVsZXMiOlt'
    """
    state = {"schedules": [{"name": name, "schedule": bare(one)} for name, one in named]}
    text = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{WORKBENCH}#{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what follows from the rest of it.

    >>> bare({"format": "glideslope/schedule@1", "family": "linear", "warmup": {"steps": 2}})
    {'family': 'linear', 'warmup': {'steps': 2}}
    """
    told = {name: document[name] for name in TOLD if name in document}
    warmup = told.get("warmup", {})
    if "length" in warmup:  # which says the same as `steps`, and more
        told["warmup"] = {name: one for name, one in warmup.items() if name not in RESOLVED}
    if "channels" in told:
        told["channels"] = {name: bare(one) for name, one in told["channels"].items()}
    return told
