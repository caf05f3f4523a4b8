"""Records as JSON-able values and back, exactly.

The one idea: one pair of functions per record, used wherever a record is stored or crosses a
process boundary; `read(write(x)) == x`, floats to the last bit. JSON has no name for a non-finite
number, so it is written as null and read as NaN.
Not here: the portable form of a schedule (`tuning.schedules.Schedule.document`).
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

from tuning.provenance import Provenance
from tuning.records import (
    Budget,
    Candidate,
    Cap,
    Cause,
    Comparator,
    Constraint,
    Direction,
    Extension,
    External,
    History,
    Mark,
    Metric,
    Phase,
    Pruning,
    Result,
    Run,
    RunState,
    Space,
    Start,
    StudySpec,
    Trial,
)
from tuning.schedules import PARAMETERS, Schedule

Document = dict[str, Any]

KEPT_SCHEDULES = 4096
LONGEST_KEPT = 10_000  # characters: an explicit table may have millions

BEGINNING, NOTHING = Mark(), History()
SPEC_FIELDS = tuple(entry.name for entry in fields(StudySpec))
SCALARS = frozenset({str, int, float, bool, type(None)})


def write_spec(spec: StudySpec) -> Document:
    """A spec as JSON-able values; what not every study has stands in it only if there is any.

    So a spec has the same document, and hash, as before there was.
    """
    document: Document = {
        name: _plain(getattr(spec, name)) for name in SPEC_FIELDS if name != "candidates"
    }
    if spec.external is None:
        del document["external"]
    if spec.candidates:
        document["candidates"] = [
            {"schedule": one.schedule.document(), "generation": one.generation}
            for one in spec.candidates
        ]
    for start in document["starts"]:
        if not start["imported"]:
            del start["imported"]
    return document


def _plain(value: Any) -> Any:  # noqa: ANN401 # whatever a spec holds
    """What `asdict` makes of a value; but that copies every number and text, at five times it."""
    if type(value) in SCALARS:
        return value
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_plain(one) for one in value])
    return value


def read_spec(document: Mapping[str, Any]) -> StudySpec:
    """The spec that `write_spec` wrote."""
    space, external = document["space"], document.get("external")
    parameters = {
        name: replace(PARAMETERS[name], **{**fields, "choices": tuple(fields["choices"])})
        for name, fields in space["parameters"].items()
    }
    # Specs stored by versions before these fields take their defaults.
    newer: Document = {
        "rungs": tuple(document.get("rungs", ())),
        "cap": Cap(document.get("cap", Cap.GIVEN)),
        "pruning": Pruning(document.get("pruning", Pruning.NONE)),
        "starts": tuple(Start(**start) for start in document.get("starts", ())),
        "candidates": tuple(map(_read_candidate, document.get("candidates", ()))),
        "external": None if external is None else read_external(external),
    }
    return StudySpec(
        **{
            **document,
            **newer,
            "space": Space(
                families=tuple(space["families"]),
                parameters=parameters,
                constraints=tuple(map(_read_constraint, space.get("constraints", ()))),
            ),
            "metric": read_metric(document["metric"]),
            "budget": Budget(**document["budget"]),
            "baselines": tuple(document["baselines"]),
        }
    )


def read_metric(document: Mapping[str, Any]) -> Metric:
    """The metric of a written spec."""
    return Metric(**{**document, "direction": Direction(document["direction"])})


def read_external(document: Mapping[str, Any]) -> External:
    """What a written spec declares of an external objective."""
    metrics = tuple(map(read_metric, document["metrics"]))
    low, high = document["peak"]
    rungs = tuple(document["rungs"])
    return External(**{**document, "metrics": metrics, "peak": (low, high), "rungs": rungs})


def _read_candidate(document: Mapping[str, Any]) -> Candidate:
    return Candidate(read_schedule(document["schedule"]), document["generation"])


def _read_constraint(document: Mapping[str, Any]) -> Constraint:
    return Constraint(**{**document, "comparator": Comparator(document["comparator"])})


def write_trial(trial: Trial) -> Document:
    """A trial as JSON-able values."""
    return {
        "number": trial.number,
        "generation": trial.generation,
        "phase": trial.phase.value,
        "schedule": trial.schedule.document(),
        "params": dict(trial.params),
    }


def read_trial(document: Mapping[str, Any]) -> Trial:
    """The trial that `write_trial` wrote."""
    return Trial(
        **{
            **document,
            "phase": Phase(document["phase"]),
            "schedule": read_schedule(document["schedule"]),
        }
    )


def read_schedule(document: Mapping[str, Any]) -> Schedule:
    """The schedule of a portable document, as `Schedule.from_document` reads it.

    Schedules never change and a study's are read again for every generation, so those read lately
    are remembered, with the hashes they know of themselves.
    """
    text = json.dumps(document, sort_keys=True)
    if len(text) > LONGEST_KEPT:
        return Schedule.from_document(document)
    return _remembered(text)


@functools.lru_cache(KEPT_SCHEDULES)
def _remembered(text: str) -> Schedule:
    return Schedule.from_document(json.loads(text))


def write_run(run: Run) -> Document:
    """A run as JSON-able values."""
    return {
        "generation": run.generation,
        "index": run.index,
        "trial": run.trial,
        "phase": run.phase.value,
        "seed": run.seed,
        "horizon": run.horizon,
        "splits": list(run.splits),
        "peak_factor": run.peak_factor,
        "updates": run.updates,
    }


def read_run(document: Mapping[str, Any]) -> Run:
    """The run that `write_run` wrote."""
    return Run(
        **{**document, "phase": Phase(document["phase"]), "splits": tuple(document["splits"])}
    )


def write_result(result: Result) -> Document:
    """A result as JSON-able values, but for its provenance, which many have in common."""
    return {
        "state": result.state.value,
        "metrics": {
            split: {name: write_number(value) for name, value in values.items()}
            for split, values in result.metrics.items()
        },
        "blocks": {
            split: [write_number(value) for value in values]
            for split, values in result.blocks.items()
        },
        "reason": result.reason,
        "cause": None if result.cause is None else result.cause.value,
        "step": result.step,
        "lr": result.lr,
    }


def read_result(document: Mapping[str, Any], provenance: Provenance | None = None) -> Result:
    """The result that `write_result` wrote, with its provenance."""
    return Result(
        state=RunState(document["state"]),
        metrics={
            split: {name: read_number(value) for name, value in values.items()}
            for split, values in document["metrics"].items()
        },
        blocks={
            split: tuple(read_number(value) for value in values)
            for split, values in document["blocks"].items()
        },
        reason=document["reason"],
        # Results stored by versions before these fields have none of them.
        cause=None if document.get("cause") is None else Cause(document["cause"]),
        step=document.get("step"),
        lr=document.get("lr"),
        provenance=provenance,
    )


def write_provenance(provenance: Provenance | None) -> Document | None:
    """A provenance as JSON-able values."""
    if provenance is None:
        return None
    return {"data_hash": provenance.data_hash, "versions": dict(provenance.versions)}


def read_provenance(document: Mapping[str, Any] | None) -> Provenance | None:
    """The provenance that `write_provenance` wrote."""
    return None if document is None else Provenance(**document)


def write_history(history: History, since: Mark = BEGINNING) -> Document:
    """A history since a mark, as JSON-able values; each provenance stands in it once."""
    ends = {place: end for place, end in history.results.items() if place[0] >= since.generations}
    told = {id(end.provenance): end.provenance for end in ends.values()}
    places = {one: place for place, one in enumerate(told)}
    return {
        "trials": [write_trial(trial) for trial in history.trials[since.trials :]],
        "runs": [write_run(run) for run in history.runs if run.generation >= since.generations],
        "results": [
            [generation, index, write_result(result), places[id(result.provenance)]]
            for (generation, index), result in ends.items()
        ],
        "provenances": [write_provenance(one) for one in told.values()],
        "pruned": [list(pair) for pair in history.pruned.items()],
        "closed_from": history.closed_from,
        "closed_because": history.closed_because,
        "extensions": [write_extension(one) for one in history.extensions],
    }


def read_history(document: Mapping[str, Any], known: History = NOTHING) -> History:
    """The history that `write_history` wrote since the mark of `known`, which it goes on from."""
    begin = known.mark.generations
    told = [read_provenance(one) for one in document["provenances"]]
    results = {
        (generation, index): read_result(result, told[place])
        for generation, index, result, place in document["results"]
    }
    return History(
        trials=(*known.trials, *map(read_trial, document["trials"])),
        runs=(
            *(run for run in known.runs if run.generation < begin),
            *map(read_run, document["runs"]),
        ),
        results={place: end for place, end in known.results.items() if place[0] < begin} | results,
        pruned=dict(document["pruned"]),
        closed_from=document["closed_from"],
        closed_because=document["closed_because"],
        extensions=tuple(map(read_extension, document["extensions"])),
    )


def write_extension(extension: Extension) -> Document:
    """An extension as JSON-able values."""
    return asdict(extension)


def read_extension(document: Mapping[str, Any]) -> Extension:
    """The extension that `write_extension` wrote."""
    return Extension(**{**document, "budget": Budget(**document["budget"])})


def write_number(value: float) -> float | None:
    """A number for JSON: null unless finite.

    >>> write_number(0.1), write_number(float("inf"))
    (0.1, None)
    """
    return value if math.isfinite(value) else None


def read_number(value: float | None) -> float:
    """The number `write_number` wrote; NaN for null.

    >>> read_number(None)
    nan
    """
    return math.nan if value is None else value
