"""How far the verdict reaches: what to use, how wrong its peak may be, what another horizon asks.

The one idea: every figure stands with its basis, and one that could not be told says why.
Not here: the comparison of the arms (`service.ui.facts`), the figures (`tuning.evidence`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from service.ui.facts import Fact
from service.ui.typeset import percent, significant

UNKNOWN = "unknown"
UNTOLD = {"optimizer", "config"}  # the one stands above, the other is told part by part
HASH_DIGITS = 12
LEAST = 0.005  # a chance below is 0.00 as it would be written


def reach(verdict: Mapping[str, Any] | None) -> list[Fact]:
    """The figures, in order; none while there is no verdict, or for one stored before they were."""
    if verdict is None or "recommended" not in verdict:
        return []
    return [*_choice(verdict), *_peak(verdict), *_horizon(verdict), *_cost(verdict)]


def _choice(verdict: Mapping[str, Any]) -> Iterator[Fact]:
    use = verdict["recommended"]
    yield Fact("use", f"{use['family']}, peak {significant(use['peak'], 3)}", use["reason"])
    chances = sorted(verdict["chances"].items(), key=lambda pair: -pair[1])
    if chances:
        told = ", ".join(f"{name} {chance:.2f}" for name, chance in chances if chance >= LEAST)
        rest = " (the others: 0.00)" if chances[-1][1] < LEAST else ""
        yield Fact(
            "as good as the best", told, f"share of 10,000 redraws of seeds and blocks{rest}"
        )
    worst = verdict["arms"][0]["worst_block"]
    if worst is not None:
        yield Fact("worst block", significant(worst[1]), f"of the winner, number {worst[0] + 1}")


def _peak(verdict: Mapping[str, Any]) -> Iterator[Fact]:
    safe = verdict["peak_safe_range"]
    told = UNKNOWN if safe is None else " to ".join(significant(end, 3) for end in safe)
    yield Fact("peaks that cost at most 1 %", told, verdict["basis"]["peak_safe_range"])
    for one in verdict["sensitivity"]:
        name = f"winner at {one['parameter']} {significant(one['value'], 3)}"
        lost = f", {one['diverged']} diverged" if one["diverged"] else ""
        interval = one["ci95"]
        ends = (
            "" if interval is None else " to ".join(percent(end, signed=True) for end in interval)
        )
        note = f"{ends} on {one['seeds']} seeds{lost}".strip()
        yield Fact(name, percent(one["relative"], signed=True), note)


def _horizon(verdict: Mapping[str, Any]) -> Iterator[Fact]:
    law = verdict["if_horizon_changes"]
    exponent, interval = law["peak_exponent"], law["ci95"]
    told = UNKNOWN if exponent is None else f"(T' / T) to the {significant(exponent, 2)}"
    ends = "" if interval is None else f"{' to '.join(significant(e, 2) for e in interval)}; "
    yield Fact("peak over a horizon T'", told, ends + law["reason"])
    speedup = verdict["speedup"]
    told = UNKNOWN if speedup is None else f"x{significant(speedup, 2)}"
    yield Fact("updates of the best baseline", told, verdict["basis"]["speedup"])


def _cost(verdict: Mapping[str, Any]) -> Iterator[Fact]:
    spent = verdict["spent"]
    yield Fact("updates", f"{spent['tuning']:,} + {spent['evidence']:,}", "search + evidence")
    told, optimizer = (
        "; ".join(_told(verdict["applies_to"])),
        verdict["applies_to"].get("optimizer"),
    )
    if told or optimizer:
        yield Fact("applies to", str(optimizer or "as noted"), told)
    versions = verdict.get("versions", {})  # of verdicts before, those of the planner
    if versions:
        told = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        yield Fact("trained with", f"glideslope {versions.get('glideslope', UNKNOWN)}", told)


def _told(noted: Mapping[str, Any]) -> Iterator[str]:
    """What was noted of a training, each in words; what says nothing is left out."""
    config = noted.get("config") or {}
    for name, value in ({**config, **noted}).items():
        if name not in UNTOLD and value is not None:
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            short = told[:HASH_DIGITS] if name == "data_hash" else told
            yield f"{name.replace('_', ' ')} {short}"
