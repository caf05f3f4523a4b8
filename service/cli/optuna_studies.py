"""Studies from and to files of Optuna.

The one idea: such a file is on the user's machine, never on the server: what is exported is written
there, and what is imported goes to the service as a study that ended without a verdict.
Not here: the file itself (`tuning.search.optuna_files`), what its parameters mean
(`tuning.search.foreign`).
"""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from service.cli.exported import ExportedStudy, Tried
from service.client import Client
from service.schemas.transfer import FORMAT
from tuning.documents import read_spec
from tuning.errors import InvalidValue
from tuning.records import MAX_TRIALS, ParameterValue, StudySpec, TrialState
from tuning.schedules import PARAMETERS
from tuning.search.foreign import translate
from tuning.search.optuna_files import OptunaStudy, Told, write_study
from tuning.search.space import lay_out

WHY = "imported from Optuna: scores only, no verdict"


def write_optuna(path: Path, study: ExportedStudy) -> None:
    """Write an exported study to a file that optuna-dashboard opens."""
    spec, verdict = study.spec, study.verdict
    attributes = {
        "glideslope": study.id,
        "objective": spec.objective,
        "metric": spec.metric.name,
        "horizon": spec.horizon,
        "state": study.record["state"],
        **({} if verdict is None else {"verdict": verdict["words"]}),
    }
    name = f"{study.record['label'] or spec.objective} {study.id}"
    trials = [_told(one, spec) for one in study.trials]
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    try:
        write_study(part, name, spec.metric.direction, spec.space.parameters, trials, attributes)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _told(one: Tried, spec: StudySpec) -> Told:
    record = one.record
    return Told(
        params=record["params"],
        state=TrialState(record["state"]),
        value=record["value"],
        began=one.began,
        ended=one.ended,
        curve=one.curves.get(spec.metric.name, {}),
        attributes={
            "trial": record["number"],
            "phase": record["phase"],
            "state": record["state"],
            "metrics": one.metrics,
            "schedule": record["schedule"],
        },
    )


def read_optuna(
    client: Client,
    study: OptunaStudy,
    request: Mapping[str, Any],
    *,
    renamed: Mapping[str, str],
    fixed: Mapping[str, ParameterValue],
    ignored: Collection[str],
) -> Iterator[str]:
    """The text of the document of a study that has the trials of one of Optuna's.

    Args:
        client: of the service that is to have it; it completes the spec.
        study: as it was read.
        request: objective, and what else is known of the study.
        renamed: see `tuning.search.foreign.translate`, likewise the others.
        fixed: coordinates that were not varied.
        ignored: parameters that may be left out.

    Raises InvalidValue naming the trial and the parameter that cannot be understood.
    """
    told = study.trials
    if not 1 <= len(told) <= MAX_TRIALS:
        raise InvalidValue("trials", len(told), f"1 to {MAX_TRIALS:,} that ended")
    points = []
    for one in told:
        try:
            points.append(translate(one.params, renamed=renamed, fixed=fixed, ignored=ignored))
        except InvalidValue as error:
            raise error.under(f"trial {one.attributes['number']}") from error
    peaks = [float(point["peak"]) for point in points]
    low, high = min(peaks), max(peaks)
    checked = client.studies.validate(
        {
            "label": study.name[:128],
            **request,
            "space": {
                "families": list(dict.fromkeys(str(point["family"]) for point in points)),
                # A range needs two ends, of which the user may have tried one.
                "peak": [low, high] if low < high else [low / 2, min(high * 2, _highest())],
            },
            "budget": {"trials": max(2, len(told))},
            "baselines": [],
        }
    )
    spec = read_spec(checked.spec)
    if spec.metric.direction != study.direction:
        allowed = f"{spec.metric.direction}, as {spec.metric.name} of {spec.objective} is better"
        raise InvalidValue("direction", str(study.direction), allowed)
    yield json.dumps(_document(study, spec, checked.spec, points), allow_nan=False)


def _highest() -> float:
    return float(PARAMETERS["peak"].high)


def _document(
    study: OptunaStudy,
    spec: StudySpec,
    written: Mapping[str, Any],
    points: list[dict[str, ParameterValue]],
) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "format": FORMAT,
        "exported": {
            "study": f"optuna {study.name}"[:128],
            "glideslope": version("glideslope"),
            "at": now,
        },
        "study": _study(study, spec, written, now),
        "provenances": [],
        "verdicts": [],
        "trials": [
            _trial(number, one, point, spec)
            for number, (one, point) in enumerate(zip(study.trials, points, strict=True))
        ],
        "runs": [_run(number, one, spec) for number, one in enumerate(study.trials)],
        "measurements": [],
        "failures": [],
    }


def _study(
    study: OptunaStudy, spec: StudySpec, written: Mapping[str, Any], now: str
) -> dict[str, Any]:
    ends = [one.ended for one in study.trials if one.ended is not None]
    begins = [one.began for one in study.trials if one.began is not None]
    nothing = (
        "request closed_from closed_because error search_left deadline imported"  # not of Optuna
    )
    return {
        **dict.fromkeys(nothing.split()),
        "state": "cancelled",
        "spec": dict(written),
        "priority": 1.0,
        "label": spec.label,
        "labels": {"from": "optuna"},
        "notes": "",
        "next_generation": 1,
        "expected_runs": len(study.trials),
        "extensions": [],
        "end_reason": WHY,
        "busy_seconds": 0.0,
        "created_at": now,
        "started_at": min(begins).isoformat() if begins else None,
        "finished_at": max(ends).isoformat() if ends else now,
    }


def _trial(
    number: int, one: Told, point: Mapping[str, ParameterValue], spec: StudySpec
) -> dict[str, Any]:
    is_scored = one.state is TrialState.COMPLETED and one.value is not None
    is_lost = one.state is TrialState.COMPLETED and one.value is None
    return {
        "number": number,
        "generation": 0,
        "phase": "search",
        "state": TrialState.FAILED if is_lost else one.state,
        "params": dict(point),
        "schedule": lay_out(point, spec.horizon).document(),
        "value": one.value if is_scored else None,
        "pruned_in": None,
    }


def _run(number: int, one: Told, spec: StudySpec) -> dict[str, Any]:
    """The one training that a trial of Optuna is."""
    result: dict[str, Any] | None = None
    if one.state is TrialState.COMPLETED and one.value is not None:
        state = "completed"
        metrics = {"validation": {spec.metric.name: one.value}}
        result = {"state": state, "metrics": metrics, "blocks": {}}
    elif one.state is TrialState.PRUNED:
        state = "cancelled"
    else:
        state = "failed"
        result = {"state": state, "metrics": {}, "blocks": {}, "reason": "failed in Optuna"}
    return {
        "generation": 0,
        "index": number,
        "trial": number,
        "phase": "search",
        "seed": 0,
        "horizon": spec.horizon,
        "updates": spec.horizon,
        "peak_factor": 1.0,
        "splits": ["validation"],
        "state": state,
        "attempt": 0,
        "lease": 0,
        "isolation": "none",
        "worker": None,
        "result": result,
        "provenance": None,
        "started_at": None if one.began is None else one.began.isoformat(),
        "finished_at": None if one.ended is None else one.ended.isoformat(),
    }
