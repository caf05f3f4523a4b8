"""Studies in MLflow: a parent run for the study, and one below it for every trial.

The one idea: MLflow is an extra and is asked through its own client, so the runs go wherever its
tracking URI points: a file, a database, a server.
Not here: what is logged (`service.cli.exported`).
"""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from service.cli.exported import ExportedStudy, Tried
from tuning.errors import DataError

MOST = 1000  # metrics that MLflow takes at once
ENDS = {"completed": "FINISHED", "pruned": "FINISHED", "cancelled": "KILLED"}


def log_study(
    study: ExportedStudy,
    best: Mapping[str, Any] | None,
    tracking_uri: str | None,
    experiment: str,
) -> int:
    """Log a study and its trials of search and baselines; returns how many runs that made.

    Args:
        study: as it was exported.
        best: its best schedule as the service tells it; it becomes the artifact `best.json`.
        tracking_uri: of MLflow; its own setting if None.
        experiment: made if it is not there.

    Raises DataError if MLflow is not installed, or refuses.
    """
    try:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 # an extra
        from mlflow.tracking import MlflowClient  # noqa: PLC0415
    except ImportError as error:
        raise DataError("MLflow is not installed: pip install glideslope[mlflow]") from error
    try:
        return _log(MlflowClient(tracking_uri=tracking_uri), study, best, experiment)
    except MlflowException as error:
        raise DataError(f"MLflow: {error}") from error


def _log(
    client: Any,  # noqa: ANN401 # of a library that need not be there
    study: ExportedStudy,
    best: Mapping[str, Any] | None,
    experiment: str,
) -> int:
    known = client.get_experiment_by_name(experiment)
    home = client.create_experiment(experiment) if known is None else known.experiment_id
    spec, record = study.spec, study.record
    tags = {
        "mlflow.runName": record["label"] or study.id,
        "glideslope.study": study.id,
        "glideslope.state": record["state"],
        "glideslope.objective": spec.objective,
        **({"mlflow.note.content": study.verdict["words"]} if study.verdict else {}),
    }
    parent = client.create_run(home, tags=tags).info.run_id
    for name in ("objective", "horizon", "seed", "seeds", "sampler"):
        client.log_param(parent, name, getattr(spec, name))
    if best is not None:
        figure = best["metric"]
        told = {f"best.{part}": figure[part] for part in ("validation", "test", "stderr")}
        for name, value in told.items():
            if value is not None:
                client.log_metric(parent, name, value)
        client.log_text(parent, json.dumps(best, indent=2), "best.json")
    for one in study.trials:
        _log_trial(client, home, parent, study, one)
    client.set_terminated(parent)
    return 1 + len(study.trials)


def _log_trial(client: Any, home: str, parent: str, study: ExportedStudy, one: Tried) -> None:  # noqa: ANN401
    from mlflow.entities import Metric, Param  # noqa: PLC0415 # an extra

    record = one.record
    tags = {
        "mlflow.runName": f"trial {record['number']}",
        "mlflow.parentRunId": parent,
        "glideslope.study": study.id,
        "glideslope.trial": str(record["number"]),
        "glideslope.phase": record["phase"],
        "glideslope.state": record["state"],
    }
    at = _milliseconds(one.ended)
    run = client.create_run(home, start_time=_milliseconds(one.began), tags=tags).info.run_id
    params = [Param(name, str(value)) for name, value in record["params"].items()]
    metrics = [Metric(name, value, at, step) for name, value, step in _figures(one, study)]
    for begin in range(0, max(1, len(metrics)), MOST):
        client.log_batch(run, metrics[begin : begin + MOST], [] if begin else params)
    client.set_terminated(run, ENDS.get(record["state"], "FAILED"), at)


def _figures(one: Tried, study: ExportedStudy) -> Iterator[tuple[str, float, int]]:
    """Name, value and update of everything that was measured; what is not finite is left out."""
    for name, curve in one.curves.items():
        for step, value in curve.items():
            if value is not None:
                yield name, value, step
    for split, values in one.metrics.items():
        for name, value in values.items():
            if value is not None:
                yield f"{split}.{name}", value, study.spec.horizon
    if one.record["value"] is not None:
        yield "score", one.record["value"], study.spec.horizon


def _milliseconds(at: datetime | None) -> int:
    return int((time.time() if at is None else at.timestamp()) * 1000)
