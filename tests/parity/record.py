"""Record: runs the cases of one library in a process of its own and writes what it answered.

`python -m parity.record FRAMEWORK DRAWS` prints one JSON document: versions, the cases with their
values, the calls the library refuses, and the names of all schedulers it has. With "feedback" the
rules of all libraries are run.
"""

import importlib
import importlib.metadata
import json
import math
import platform
import sys
import warnings
from collections.abc import Iterable
from typing import Any

from parity.case import PAST, Calls, Case

Answer = dict[str, Any]


def calls_of(framework: str) -> Calls:
    """The cases of one library, or of the feedback rules."""
    return importlib.import_module(f"parity.calls.{framework}_calls").CALLS


def record(framework: str, draws: int) -> Answer:
    """What a library answers to its cases."""
    runner = _runner(framework)
    cases, refused = [], []
    for case in calls_of(framework).cases(framework, draws):
        head = {"index": case.index, **_head(case)}
        try:
            values = _checked(runner.rates(case, case.horizon + PAST), case.horizon)
        except Exception as error:  # noqa: BLE001 # whatever a library raises is its refusal
            refused.append({**head, "error": f"{type(error).__name__}: {error}"[:200]})
        else:
            found = {**_doubts(runner, case, values), **_channels(runner, case, len(values))}
            cases.append({**head, **found, "values": values})
    versions = _versions(runner.PACKAGES)
    return {"versions": versions, "cases": cases, "refused": refused, "public": runner.public()}


def record_feedback(draws: int) -> Answer:
    """What the rules that listen to a metric answer to their logs."""
    cases, packages = [], set()
    for case in calls_of("feedback").cases("feedback", draws):
        framework = case.name.split()[0]
        runner = _runner(framework)
        case = runner.told(case) if hasattr(runner, "told") else case  # noqa: PLW2901 # its own log
        packages |= set(runner.PACKAGES)
        head = {"index": case.index, "framework": framework, **_head(case)}
        cases.append({**head, "metrics": list(case.metrics), "values": runner.plateau(case)})
    return {"versions": _versions(sorted(packages)), "cases": cases, "refused": [], "public": []}


def _runner(framework: str) -> Any:  # noqa: ANN401 # a module
    return importlib.import_module(f"parity.runners.{framework}_runner")


def _checked(values: list[float], horizon: int) -> list[float]:
    """The values up to the last finite one; not an answer if that is within the horizon."""
    finite = next((i for i, value in enumerate(values) if not math.isfinite(value)), len(values))
    if finite < horizon:
        message = "is not finite" if finite < len(values) else "is refused"
        raise ArithmeticError(f"update {finite} {message}")
    return values[:finite]


def _doubts(runner: Any, case: Case, values: list[float]) -> Answer:  # noqa: ANN401 # a module
    updates = runner.undecided(case, values) if hasattr(runner, "undecided") else []
    return {"undecided": updates} if updates else {}


def _channels(runner: Any, case: Case, updates: int) -> Answer:  # noqa: ANN401 # a module
    moved = runner.channels(case, updates) if hasattr(runner, "channels") else {}
    return {"channels": moved} if moved else {}


def _head(case: Case) -> Answer:
    head: Answer = {"row": case.name, "call": case.call, "kwargs": case.kwargs}
    if case.why:
        head["why"] = case.why
    return {**head, "base_lr": case.base_lr, "horizon": case.horizon}


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in packages}
    return {**found, "python": platform.python_version()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the libraries warn of their own oddities; they are recorded
    name, count = sys.argv[1], int(sys.argv[2])
    answer = record_feedback(count) if name == "feedback" else record(name, count)
    sys.stdout.write(json.dumps(answer, allow_nan=False))
