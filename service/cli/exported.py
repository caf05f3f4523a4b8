"""An exported study in the memory of a command, trial by trial, for the files of other programs.

The one idea: the document that the service exports is all there is to know; nothing is asked twice.
Not here: those files (`tuning.search.optuna_files`, `service.cli.mlflow_runs`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from tuning.documents import read_spec
from tuning.records import StudySpec

SEARCHED = ("baseline", "search")


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial of the search or of a baseline.

    `curves` are means over its full trainings by metric and update, None where one of them was not
    finite; `metrics` are likewise the final figures by split and name.
    """

    record: Mapping[str, Any]
    began: datetime | None
    ended: datetime | None
    curves: Mapping[str, Mapping[int, float | None]]
    metrics: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class ExportedStudy:
    """A study as it was exported."""

    id: str
    record: Mapping[str, Any]
    spec: StudySpec
    verdict: Mapping[str, Any] | None
    trials: Sequence[Tried]


def read_exported(path: Path) -> ExportedStudy:
    """The study in a file that an export wrote."""
    document = json.loads(path.read_text("utf-8"))
    study, verdicts = document["study"], document["verdicts"]
    spec = read_spec(study["spec"])
    phases = {one["number"]: one["phase"] for one in document["trials"]}
    full: dict[int, _Trainings] = {number: _Trainings() for number in phases}
    places: dict[tuple[int, int, int], int] = {}
    for run in document["runs"]:
        # On held-out data the confirmation is what counts, on the others what the search saw.
        if run["updates"] == spec.horizon:
            is_own = run["phase"] == phases[run["trial"]]
            full[run["trial"]].add(run, is_own=is_own)
            if is_own:
                places[run["generation"], run["index"], run["lease"]] = run["trial"]
    for one in document["measurements"]:
        trial = places.get((one["generation"], one["index"], one["lease"]))
        if trial is not None:
            full[trial].measure(one)
    trials = [
        full[one["number"]].tried(one) for one in document["trials"] if one["phase"] in SEARCHED
    ]
    last = verdicts[-1]["document"] if verdicts else None
    return ExportedStudy(document["exported"]["study"], study, spec, last, trials)


@dataclass(slots=True)
class _Trainings:
    """What is collected of a trial's full trainings."""

    moments: list[datetime] = field(default_factory=list)
    figures: dict[tuple[str, str], list[float | None]] = field(default_factory=dict)
    points: dict[str, dict[int, list[float | None]]] = field(default_factory=dict)

    def add(self, run: Mapping[str, Any], *, is_own: bool) -> None:
        told = [run[name] for name in ("started_at", "finished_at") if is_own and run[name]]
        self.moments += map(datetime.fromisoformat, told)
        if run["state"] == "completed":
            for split, values in run["result"]["metrics"].items():
                if is_own or split == "test":
                    for name, value in values.items():
                        self.figures.setdefault((split, name), []).append(value)

    def measure(self, report: Mapping[str, Any]) -> None:
        for name, column in report["values"].items():
            at = self.points.setdefault(name, {})
            for step, value in zip(report["steps"], column, strict=True):
                at.setdefault(step, []).append(value)

    def tried(self, record: Mapping[str, Any]) -> Tried:
        metrics: dict[str, dict[str, float | None]] = {}
        for (split, name), values in self.figures.items():
            metrics.setdefault(split, {})[name] = _mean(values)
        return Tried(
            record,
            min(self.moments, default=None),
            max(self.moments, default=None),
            {
                name: {step: _mean(values) for step, values in sorted(at.items())}
                for name, at in self.points.items()
            },
            metrics,
        )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return fmean(known) if len(known) == len(values) else None
