"""Record: runs the cases of one library in a process of its own and writes what it answered.

`python -m parity.record FRAMEWORK DRAWS` prints one JSON document: versions, the cases with their
values, and the calls the library refuses. With "feedback" the rules of all libraries are run.
"""

import importlib
import importlib.metadata
import json
import math
import platform
import sys
import warnings
from typing import Any

from parity.case import PAST, Calls, Case

FRAMEWORKS = ("torch", "transformers", "timm", "optax", "keras", "sklearn")


def calls_of(framework: str) -> Calls:
    return importlib.import_module(f"parity.calls.{framework}_calls").CALLS


def record(framework: str, draws: int) -> dict[str, Any]:
    """What a library answers to its cases."""
    runner = _runner(framework)
    cases, refused = [], []
    for case in calls_of(framework).cases(framework, draws):
        try:
            values = runner.rates(case, case.horizon + PAST)
            _check(values, case.horizon)
        except Exception as error:  # noqa: BLE001 # whatever a library raises is its refusal
            refused.append({**_head(case), "error": f"{type(error).__name__}: {error}"[:200]})
        else:
            cases.append({**_head(case), "values": values})
    return {"versions": _versions(runner.PACKAGES), "cases": cases, "refused": refused}


def record_feedback(draws: int) -> dict[str, Any]:
    """What the rules that listen to a metric answer to their logs."""
    cases, packages = [], set()
    for case in calls_of("feedback").cases("feedback", draws):
        framework = case.name.split()[0]
        runner = _runner(framework)
        packages |= set(runner.PACKAGES)
        head = {"framework": framework, **_head(case), "metrics": list(case.metrics)}
        cases.append({**head, "values": runner.plateau(case)})
    return {"versions": _versions(sorted(packages)), "cases": cases}


def _runner(framework: str) -> Any:  # noqa: ANN401 # a module
    return importlib.import_module(f"parity.runners.{framework}_runner")


def _check(values: list[float], horizon: int) -> None:
    if not all(math.isfinite(value) for value in values[:horizon]):
        raise ArithmeticError("values that are not finite")
    if len(values) < horizon:
        raise ArithmeticError(f"ends after update {len(values) - 1}")
    while not math.isfinite(values[-1]):
        values.pop()


def _head(case: Case) -> dict[str, Any]:
    head = {"row": case.name, "call": case.call, "kwargs": case.kwargs}
    if case.why:
        head["why"] = case.why
    return {**head, "base_lr": case.base_lr, "horizon": case.horizon}


def _versions(packages: tuple[str, ...] | list[str]) -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in packages}
    return {**found, "python": platform.python_version()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the libraries warn of their own oddities; they are recorded
    name, count = sys.argv[1], int(sys.argv[2])
    answer = record_feedback(count) if name == "feedback" else record(name, count)
    sys.stdout.write(json.dumps(answer, allow_nan=False))
