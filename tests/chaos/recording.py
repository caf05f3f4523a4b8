"""Histories: what clients asked and were answered, written down as it happens.

The one idea: a line is appended before and after each tell, so that a killed worker leaves a
question without answer; likewise what a worker was handed to train, and every answer of 5xx, which
a patient client hides by trying again. Lines of all processes go to one file. Not here: what must
hold of them (`checker`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from tests.chaos.checker import Refusal, Told

ENDS = ("completed", "diverged", "failed")


def read_told(history: Path) -> list[Told]:
    """What workers told, each with its answer or None."""
    asked: dict[tuple[str, str], list[Told]] = {}
    for entry in _entries(history, "tell"):
        told = Told(entry["run"], entry["token"], entry["value"], entry["status"])
        asked.setdefault((told.run, told.token), []).append(told)
    found = []
    for entries in asked.values():
        answered = [one for one in entries if one.status is not None]
        found += answered or entries[:1]
    return found


def read_handed(history: Path) -> list[tuple[str, str]]:
    """Every run that a worker was handed, with its token."""
    return [(run, token) for entry in _entries(history, "claim") for run, token in entry["runs"]]


def read_refusals(history: Path) -> list[Refusal]:
    """Every answer of 5xx that a worker got."""
    return [Refusal(entry["status"], entry["can_wait"]) for entry in _entries(history, "refusal")]


def read_back(history: Path, study: str = "") -> dict[str, Any]:
    """What is in it of a study, or of all of them, as fields of `checker.Seen`."""
    return {
        "told": [one for one in read_told(history) if one.run.startswith(study)],
        "handed": [one for one in read_handed(history) if one[0].startswith(study)],
        "refusals": read_refusals(history),
    }


def _entries(history: Path, kind: str) -> Iterator[dict[str, Any]]:
    for line in history.read_text().splitlines() if history.exists() else []:
        entry = json.loads(line)
        if entry["kind"] == kind:
            yield entry


def loss_of(metrics: Mapping[str, Mapping[str, float | None]]) -> float | None:
    """The compared metric of the objectives that are trained here, on the validation split."""
    values = metrics.get("validation", {})
    return values.get("mse", values.get("loss"))


class Witness(httpx2.BaseTransport):
    """A transport that keeps every answer of 5xx, beside doing its work."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        response = self._inner.handle_request(request)
        if response.status_code >= 500:
            self.refusals.append(refusal_of(response))
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def refusal_of(response: httpx2.Response) -> Refusal:
    """An answer of 5xx as it counts: may one wait for a better one."""
    return Refusal(response.status_code, "Retry-After" in response.headers)


class Recorder(httpx2.BaseTransport):
    """A transport that appends every claim and every end that is told, before and after."""

    def __init__(self, history: Path, worker: str) -> None:
        self._inner = httpx2.HTTPTransport()
        self._history = history
        self._worker = worker

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        if request.url.path.endswith("runs:tell"):
            return self._tell(request)
        response = self._ask(request)
        if request.url.path.endswith("work:claim") and response.status_code == 200:
            response.read()
            if block := response.json()["block"]:
                runs = [[one["run"], one["token"]] for one in block["runs"]]
                self._write([{"kind": "claim", "worker": self._worker, "runs": runs}])
        return response

    def _tell(self, request: httpx2.Request) -> httpx2.Response:
        told = json.loads(request.read())["results"]
        results = [one for one in told if one["outcome"] in ENDS]
        self._write(_line(one, None) for one in results)
        response = self._ask(request)
        response.read()
        if response.status_code == 200:
            replies = {one["run"]: one["status"] for one in response.json()["replies"]}
            self._write(_line(one, replies[one["run"]]) for one in results)
        elif response.status_code == 409:
            self._write(_line(one, "stale") for one in results)
        return response

    def _ask(self, request: httpx2.Request) -> httpx2.Response:
        response = self._inner.handle_request(request)
        if response.status_code >= 500:
            one = refusal_of(response)
            self._write([{"kind": "refusal", "status": one.status, "can_wait": one.can_wait}])
        return response

    def _write(self, entries: Iterable[Mapping[str, object]]) -> None:
        # One write in append mode, so that lines of several workers never mix.
        with self._history.open("a") as history:
            history.write("".join(f"{json.dumps(one)}\n" for one in entries))


def _line(result: Mapping[str, Any], status: str | None) -> Mapping[str, object]:
    value = loss_of(result["metrics"])
    named = {"run": result["run"], "token": result["token"]}
    return {"kind": "tell", **named, "value": value, "status": status}
