"""Whether a running service keeps what its OpenAPI promises: schemathesis, as a program of its own.

The one idea: one engine run with one key; every answer is checked against the description that the
service itself tells, and what is found goes to standard output as one JSON object. A program of its
own, for schemathesis registers hooks and checks for a whole process.
Not here: the service, its keys, and how many cases there shall be (`test_openapi.py`).
"""

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

# Beyond what schemathesis expects. A value that fits its schema may still not make sense to the
# core, which says so with a 422, and a condition need not hold (412); nothing else of "all checks"
# is eased.
SENSELESS = ["2xx", "3xx", "401", "403", "404", "409", "412", "413", "422", "429"]
BUSY = ["2xx", "3xx", "4xx", "503"]  # the latter with Retry-After, see `tells_when_to_come_again`
LONGEST_WAIT = 0.1  # seconds that a long poll may take here, where nothing will happen
STREAMS = "/events$"
STREAM_SECONDS = 0.5
SLOW_SECONDS = 30.0


@dataclass
class Wish:
    """What is wanted of a run."""

    url: str
    seed: int
    phases: list[str]
    examples: int
    token: str | None = None
    operations: list[str] | None = None  # their ids; all, if None
    steps: int = 8
    kept_keys: list[str] = field(default_factory=list)  # that must not be revoked


@dataclass
class Found:
    """What came of it: requests by phase and status, and failures by check and operation."""

    cases: dict[str, int]
    statuses: dict[str, int]
    failures: dict[str, str]
    operations: int
    links: int


def configuration(wish: Wish) -> dict[str, Any]:
    """The settings of schemathesis, as its own file has them."""
    shown = {} if wish.token is None else {"Authorization": f"Bearer {wish.token}"}
    return {
        "seed": wish.seed,
        "headers": shown,
        "continue-on-failure": True,
        "request-timeout": SLOW_SECONDS,
        "max-stream-events": 2,
        "generation": {"max-examples": wish.examples, "no-shrink": True, "database": "none"},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": SENSELESS},
            "not_a_server_error": {"expected-statuses": BUSY},
            "max_response_time": SLOW_SECONDS,
        },
        "phases": {
            name: {"enabled": name in wish.phases}
            for name in ("examples", "coverage", "fuzzing", "stateful")
        }
        | {"stateful": {"enabled": "stateful" in wish.phases, "max-steps": wish.steps}},
        "operations": [
            {"include-path-regex": STREAMS, "request-timeout": STREAM_SECONDS},
            # Only its POST takes anybody; with any other method it is first asked who that is.
            {"include-path": "/v1/sessions", "checks": {"unsupported_method": {"enabled": False}}},
        ],
    }


def register(wish: Wish) -> None:
    """What of ours has a say in every call and after it."""
    import schemathesis

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ANN401
        """Wait for nothing, and keep the keys that are shown."""
        for place, name in ((case.query, "wait"), (case.body, "wait_seconds")):
            if isinstance(place, dict) and isinstance(place.get(name), int | float):
                place[name] = min(place[name], LONGEST_WAIT)
        if (case.path_parameters or {}).get("key") in wish.kept_keys:
            case.path_parameters["key"] = "nobodys"

    @schemathesis.serializer("application/gzip", "application/vnd.apache.parquet")
    def as_bytes(context: Any, value: Any) -> bytes:  # noqa: ANN401
        """A table in bytes is sent as it was made up."""
        return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

    @schemathesis.check
    def tells_when_to_come_again(context: Any, response: Any, case: Any) -> None:  # noqa: ANN401
        """A server that cannot answer says when to ask again."""
        if response.status_code == 503:
            assert "retry-after" in response.headers, "503 without Retry-After"

    @schemathesis.check
    def explains_errors(context: Any, response: Any, case: Any) -> None:  # noqa: ANN401
        """Every error is a problem document of the same status, and tells nothing of the inside."""
        if response.status_code < 400 or response.request.method == "HEAD":
            return
        assert "Traceback (most recent" not in response.text, "a traceback"
        problem = response.json()
        assert problem["status"] == response.status_code, "another status than the document's"


def examine(wish: Wish) -> Found:
    """Run it."""
    import schemathesis
    from schemathesis.engine import events, from_schema

    register(wish)
    config = schemathesis.Config.from_dict(configuration(wish))
    schema = schemathesis.openapi.from_url(f"{wish.url}/openapi.json", config=config)
    if wish.operations is not None:
        schema = schema.include(operation_id=wish.operations)
    cases: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    failures: dict[str, str] = {}
    links = 0
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                cases[event.phase.value] += len(event.recorder.interactions)
                for one in event.recorder.interactions.values():
                    statuses[str(one.response.status_code if one.response else None)] += 1
                note(event.recorder, failures)
            case events.PhaseStarted() if event.payload is not None:
                links = event.payload.transitions_selected
            case events.NonFatalError():
                told = f"{event.info.title}: {event.info.message}"
                failures.setdefault(f"error / {event.label}", told[:2000])
            case events.FatalError():
                raise event.exception
    operations = schema.statistic.operations.selected
    return Found(dict(cases), dict(statuses), failures, operations, links)


def note(recorder: Any, failures: dict[str, str]) -> None:  # noqa: ANN401 # schemathesis' own
    """Keep the first failure of every check and operation, with the request to repeat it."""
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                name = f"{check.name} / {failure.operation}: {failure.title}"
                told = f"{failure.message[:1000]}\n{check.failure_info.code_sample[:1500]}"
                failures.setdefault(name, told)


def main() -> None:
    """Read the wish from standard input."""
    wish = Wish(**json.load(sys.stdin))
    json.dump(asdict(examine(wish)), sys.stdout)


if __name__ == "__main__":
    main()
