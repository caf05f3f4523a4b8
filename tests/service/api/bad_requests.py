"""Requests that must be refused, and how: one line per mistake.

`@study@`, `@run@` and `@token@` stand for a study of the test, one of its leased runs and that
run's token. Bodies are JSON texts where Python's own JSON could not write the mistake.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from service.api.studies import LONGEST_CURSOR

JSON = {"Content-Type": "application/json"}
STUDIES = "/v1/studies"
UNCHECKED: Any = object()  # the echo of a value that is too long or too odd to write down here


@dataclass(frozen=True)
class Bad:
    """A request and its refusal.

    Args:
        name: what is wrong with it.
        status: HTTP status of the refusal.
        kind: last part of the problem's type.
        pointer: which field is named first; None if no field is to blame.
        value: the value that is echoed.
    """

    name: str
    method: str
    path: str
    status: int
    kind: str
    content: str | bytes | None = None
    pointer: str | None = None
    value: Any = UNCHECKED
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))


def create(name: str, pointer: str, value: object, changes: dict[str, Any] | str) -> Bad:
    """A study with something changed for the worse; a text is put into the JSON as it is."""
    body = '"objective": "realized_volatility"'
    more = changes if isinstance(changes, str) else json.dumps(changes)[1:-1]
    kind = "invalid-value" if pointer.startswith("!") else "invalid-request"
    content = "{" + (more if '"objective"' in more else f"{body}, {more}") + "}"
    return Bad(name, "POST", STUDIES, 422, kind, content, pointer.removeprefix("!"), value)


def unreadable(name: str, content: str | bytes, status: int = 400, kind: str = "not-json") -> Bad:
    """A body that is no JSON object."""
    pointer = None if status == 400 else ""
    return Bad(name, "POST", STUDIES, status, kind, content, pointer)


def look(
    name: str, path: str, status: int = 404, kind: str = "not-found", pointer: str | None = None
) -> Bad:
    """A GET that finds nothing."""
    return Bad(name, "GET", path, status, kind, pointer=pointer)


def work(
    name: str, call: str, body: dict[str, Any] | str, pointer: str | None, kind: str = ""
) -> Bad:
    """A call of the worker protocol."""
    status, default = (409, "conflict") if pointer is None else (422, "invalid-request")
    content = body if isinstance(body, str) else json.dumps(body)
    return Bad(name, "POST", f"/v1/{call}", status, kind or default, content, pointer)


def cursor(*key: object) -> str:
    """A cursor as the service writes them, of any key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def told(**changes: object) -> dict[str, Any]:
    """The end of the leased run, with something changed."""
    end = {
        "run": "@run@",
        "token": "@token@",
        "outcome": "completed",
        "metrics": {"validation": {"mse": 0.5}},
    }
    return {"worker": "w", "results": [{**end, **changes}]}


def reported(**changes: object) -> dict[str, Any]:
    """A measurement of the leased run, with something changed."""
    one = {"run": "@run@", "token": "@token@", "seq": 0, "steps": [1], "values": {"mse": [1.0]}}
    return {"worker": "w", "reports": [{**one, **changes}]}


def _studies() -> Iterator[Bad]:
    for field_name in ("horizon", "batch", "seeds", "confirm_seeds", "baseline_peaks"):
        for value in (0, -1, 10**9, 10**30):
            changes = {field_name: value}
            yield create(f"{field_name} {value}", f"!/{field_name}", UNCHECKED, changes)
        for bad in (1.5, "x", True, [1], {}):
            yield create(f"{field_name} {bad}", f"/{field_name}", UNCHECKED, {field_name: bad})
    for name, value in (("trials", 0), ("trials", -1), ("trials", 10**9), ("steps", 0)):
        changes = {"budget": {name: value}}
        yield create(f"budget {name} {value}", f"!/budget/{name}", value, changes)
    yield create("steps 10^30", "!/budget/steps", str(10**30), {"budget": {"steps": 10**30}})
    yield create("too few steps", "!/budget/steps", 5, {"budget": {"steps": 5}})
    yield create("too few trials", "!/budget/trials", 6, {"budget": {"trials": 6}})
    yield create("no budget at all", "/budget", None, {"budget": None})
    yield create("trials of text", "/budget/trials", "many", {"budget": {"trials": "many"}})
    yield create("trials null", "/budget/trials", None, {"budget": {"trials": None}})
    yield create("seed -1", "!/seed", -1, {"seed": -1})
    yield create("seed 2^63", "!/seed", str(2**63), {"seed": 2**63})
    yield create("seed 2^53 + 1", "!/seed", str(2**53 + 1), {"seed": 2**53 + 1})
    yield create("one confirm seed", "!/confirm_seeds", 1, {"confirm_seeds": 1})
    yield create("worthwhile -0.1", "!/worthwhile", -0.1, {"worthwhile": -0.1})
    yield create("worthwhile 0.6", "!/worthwhile", 0.6, {"worthwhile": 0.6})
    for literal, echo in (("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")):
        yield create(f"worthwhile {literal}", "/worthwhile", echo, f'"worthwhile": {literal}')
        yield create(f"horizon {literal}", "/horizon", echo, f'"horizon": {literal}')
        peak = f'"space": {{"peak": [0.001, {literal}]}}'
        yield create(f"peak to {literal}", "/space/peak/1", echo, peak)
        yield create(f"l2 {literal}", "/config", UNCHECKED, f'"config": {{"l2": {literal}}}')
    yield create("worthwhile 1e400", "/worthwhile", "inf", '"worthwhile": 1e400')


def _spaces() -> Iterator[Bad]:
    for peak in ([1, 0.1], [0, 1], [-1, 1], [1e-3, 1e5], [1e-3, 10**400]):
        changes = {"space": {"peak": peak}}
        yield create(f"peak {str(peak)[:20]}", "!/space/peak", UNCHECKED, changes)
    for odd in ([], [1e-3], [1e-3, 1e-2, 1e-1], "x", {}, 0.1):
        yield create(f"peak {odd}", "/space/peak", UNCHECKED, {"space": {"peak": odd}})
    for end in ("x", None, True, [1]):
        space = {"peak": [1e-3, end]}
        yield create(f"peak to {end}", "/space/peak/1", UNCHECKED, {"space": space})
    for name, space, pointer, value in (
        ("unknown family", {"families": ["cosin"]}, "!/space/families/0", "cosin"),
        ("family twice", {"families": ["wsd", "wsd"]}, "!/space/families/1", "wsd"),
        ("no families", {"families": []}, "!/space/families", "[]"),
        ("families of text", {"families": "wsd"}, "/space/families", "wsd"),
        ("nameless family", {"families": [""]}, "/space/families/0", ""),
        ("unknown range", {"ranges": {"nope": [0, 1]}}, "!/space/ranges/nope", "nope"),
        ("range of the peak", {"ranges": {"peak": [0, 1]}}, "!/space/ranges/peak", "peak"),
        ("range too wide", {"ranges": {"floor": [0, 0.5]}}, "!/space/ranges/floor", UNCHECKED),
        (
            "range of a choice",
            {"ranges": {"cooldown": [0, 1]}},
            "!/space/ranges/cooldown",
            "(0, 1)",
        ),
        ("halves of cycles", {"ranges": {"cycles": [1.5, 2]}}, "!/space/ranges/cycles", "(1.5, 2)"),
        ("range of one", {"ranges": {"floor": [0]}}, "/space/ranges/floor", "[0]"),
        ("fixed too high", {"fixed": {"warmup": 2}}, "!/space/fixed/warmup", 2),
        ("fixed beyond floats", {"fixed": {"warmup": 10**400}}, "!/space/fixed/warmup", UNCHECKED),
        ("fixed truth", {"fixed": {"warmup": True}}, "/space/fixed/warmup", True),
        ("fixed list", {"fixed": {"warmup": [0.1]}}, "/space/fixed/warmup", "[0.1]"),
        ("fixed text", {"fixed": {"warmup": "x"}}, "!/space/fixed/warmup", "x"),
        ("fixed choice", {"fixed": {"cooldown": "nope"}}, "!/space/fixed/cooldown", "nope"),
        ("fixed choice by number", {"fixed": {"cooldown": 1}}, "!/space/fixed/cooldown", 1),
        ("fixed half cycle", {"fixed": {"cycles": 1.5}}, "!/space/fixed/cycles", 1.5),
        ("fixed unknown", {"fixed": {"nope": 1}}, "!/space/fixed/nope", "nope"),
        ("a slash in a name", {"fixed": {"a/b~c": True}}, "/space/fixed/a~1b~0c", True),
    ):
        yield create(name, pointer, value, {"space": space})
    three_of_one = {"space": {"peak": [0.01, 0.01]}, "baseline_peaks": 3}
    yield create("a grid on one point", "!/baseline_peaks", 3, three_of_one)


def _names() -> Iterator[Bad]:
    for name, text in (("unknown", "nope"), ("NUL", "a\0b"), ("long", "x" * 129)):
        kind = "!" if name == "unknown" else ""
        echo = text
        yield create(f"{name} objective", f"{kind}/objective", echo, {"objective": text})
        yield create(f"{name} sampler", f"{kind}/sampler", echo, {"sampler": text})
        yield create(f"{name} baseline", f"{kind}/baselines/0", echo, {"baselines": [text]})
    yield create("baseline twice", "!/baselines/1", "wsd", {"baselines": ["wsd", "wsd"]})
    yield create("no objective", "/objective", None, {"objective": None})
    yield create("empty objective", "/objective", "", {"objective": ""})
    yield create("unknown field", "/seedz", 1, {"seedz": 1})
    yield create("unknown field of the budget", "/budget/hours", 1, {"budget": {"hours": 1}})
    yield create("unknown field of the space", "/space/peaks", 1, {"space": {"peaks": 1}})
    for name, label in (
        ("NUL", "a\0b"),
        ("newline", "a\nb"),
        ("escape", "\x1b[31m"),
        ("delete", "\x7f"),
        ("surrogate", "\ud800"),
    ):
        yield create(f"label with {name}", "/label", UNCHECKED, {"label": label})
    yield create("long label", "!/label", "x" * 129, {"label": "x" * 129})
    yield create("very long label", "!/label", "x" * 256 + "…", {"label": "x" * 90_000})
    yield create("label of numbers", "/label", 7, {"label": 7})


def _configs() -> Iterator[Bad]:
    for name, config, pointer, value in (
        ("unknown setting", {"bach": 1}, "!/config/bach", "bach"),
        ("text for a number", {"batch": "64"}, "!/config/batch", "64"),
        ("an object for a number", {"batch": {"a": 1}}, "!/config/batch", "{'a': 1}"),
        ("truth for a number", {"batch": True}, "!/config/batch", True),
        ("setting 0", {"batch": 0}, "!/config/batch", 0),
        ("setting 10^30", {"batch": 10**30}, "!/config/batch", str(10**30)),
        ("l2 beyond floats", {"l2": 10**400}, "!/config/l2", UNCHECKED),
        ("short embargo", {"target_bars": 9, "embargo_bars": 8}, "!/config/embargo_bars", 8),
        ("file above", {"file": "../outside.csv"}, "!/config/file", "../outside.csv"),
        ("absolute file", {"file": "/etc/passwd.csv"}, "!/config/file", "/etc/passwd.csv"),
        ("missing file", {"file": "missing.csv"}, "!/config/file", "missing.csv"),
        ("loop of links", {"file": "loop.csv"}, "!/config/file", "loop.csv"),
        ("folder for a file", {"file": "."}, "!/config/file", "."),
        ("other kind of file", {"file": "a.parquet"}, "!/config/file", "a.parquet"),
        ("long file", {"file": "a" * 5000 + ".csv"}, "!/config/file", UNCHECKED),
        ("number for a file", {"file": 7}, "!/config/file", 7),
        ("empty file name", {"file": ""}, "!/config/file", ""),
        ("NUL in a file name", {"file": "a\0.csv"}, "/config", UNCHECKED),
        ("surrogate in a file name", {"file": "\ud800.csv"}, "/config", UNCHECKED),
        ("NUL in a setting's name", {"a\0b": 1}, "/config/a\0b", UNCHECKED),
        ("surrogate in a setting's name", {"\ud800": 1}, UNCHECKED, UNCHECKED),
        ("a tower", {"file": json.loads("[" * 20 + "]" * 20)}, "/config", UNCHECKED),
    ):
        yield create(name, pointer if isinstance(pointer, str) else "", value, {"config": config})
    for name, file, pointer, found in (
        ("too few bars", "short.csv", None, UNCHECKED),
        ("malformed bars", "malformed.csv", "/line_2/close", "oops"),  # into the file
    ):
        content = json.dumps({"objective": "realized_volatility", "config": {"file": file}})
        yield Bad(name, "POST", STUDIES, 422, "invalid-data", content, pointer, found)
    yield create("config of a list", "/config", "[]", {"config": []})


def _bodies() -> Iterator[Bad]:
    tower = "[" * 10_000 + "]" * 10_000
    yield unreadable("no JSON", "objective=realized_volatility")
    yield unreadable("half an object", '{"objective":')
    yield unreadable("no UTF-8", b'{"objective": "\xff"}')
    yield unreadable("a tower of lists", tower)
    yield unreadable("a tower inside", f'{{"objective": "realized_volatility", "config": {tower}}}')
    yield unreadable(
        "5,000 digits", '{"objective": "realized_volatility", "seed": ' + "9" * 5000 + "}"
    )
    yield unreadable("a list", "[]", 422, "invalid-request")
    yield unreadable("a text", '"realized_volatility"', 422, "invalid-request")
    yield unreadable("null", "null", 422, "invalid-request")
    yield unreadable("an empty body", "", 422, "invalid-request")
    yield Bad("an empty object", "POST", STUDIES, 422, "invalid-request", "{}", "/objective", None)
    yield Bad(
        *("no content type", "POST", STUDIES, 422, "invalid-request"),
        content='{"objective": "realized_volatility"}',
        pointer="",
        headers={},
    )
    yield Bad("2 MiB", "POST", STUDIES, 413, "too-large", b" " * 2**21)
    yield Bad("2 MiB for a worker", "POST", "/v1/runs:tell", 413, "too-large", b" " * 2**21)
    for name, key in (("empty", ""), ("blank", "a b"), ("long", "x" * 129), ("exotic", "é")):
        yield Bad(
            *(f"{name} key", "POST", STUDIES, 422, "invalid-request"),
            content='{"objective": "realized_volatility"}',
            pointer="/Idempotency-Key",
            headers={**JSON, "Idempotency-Key": key},
        )


def _reads() -> Iterator[Bad]:
    for name, study in (
        ("unknown", "st_aaaaaaaaaaaaaaaaaaaa"),
        ("NUL", "%00"),
        ("NUL after a true one", "@study@%00"),
        ("no UTF-8", "%FF"),
        ("long", "x" * 5000),
        ("quoted", "'%20OR%201=1"),
    ):
        for rest in ("", "/best", "/verdict", "/trials", "/report"):
            yield look(f"{name} study{rest}", f"{STUDIES}/{study}{rest}")
        yield Bad(f"cancel {name} study", "POST", f"{STUDIES}/{study}:cancel", 404, "not-found")
    yield look("path upwards", f"{STUDIES}/..%2f..%2fetc%2fpasswd", kind="no-route")
    yield look("unknown route", "/v1/nothing", kind="no-route")
    yield look("no best yet", f"{STUDIES}/@study@/best", 409, "conflict")
    yield look("no verdict yet", f"{STUDIES}/@study@/verdict", 409, "conflict")
    query = (422, "invalid-request")
    yield look("table=maybe", f"{STUDIES}/@study@/best?table=maybe", *query, "/table")
    for limit in ("0", "201", "-1", "x", "1.5", "", "9" * 400):
        yield look(f"limit {limit[:9]}", f"{STUDIES}?limit={limit}", *query, "/limit")
        path = f"{STUDIES}/@study@/trials?limit={limit.replace('201', '202')}"
        yield look(f"limit of trials {limit[:9]}", path, *query, "/limit")
    yield look("unknown state", f"{STUDIES}?state=done", *query, "/state")
    for name in ("objective", "label"):
        yield look(f"NUL in filter {name}", f"{STUDIES}?{name}=a%00", *query, f"/{name}")
        yield look(f"long filter {name}", f"{STUDIES}?{name}={'x' * 129}", *query, f"/{name}")
    for word, place in (
        ("garbage", f"{STUDIES}?"),
        ("", f"{STUDIES}?"),
        ("é", f"{STUDIES}?"),
        (cursor(1), f"{STUDIES}?"),
        (cursor(10**30, "x"), f"{STUDIES}?"),
        (cursor(-(10**30), "x"), f"{STUDIES}?"),
        (cursor("1", "x"), f"{STUDIES}?"),
        (cursor(1, "x\0"), f"{STUDIES}?"),
        (cursor("1"), f"{STUDIES}/@study@/trials?"),
        (cursor(10**30), f"{STUDIES}/@study@/trials?"),
        (cursor(2**63), f"{STUDIES}/@study@/trials?"),
        (cursor(-1), f"{STUDIES}/@study@/trials?"),
        (cursor(1, "x"), f"{STUDIES}/@study@/trials?"),
    ):
        yield look(
            f"cursor {word} {place[12:20]}",
            f"{place}cursor={word}",
            422,
            "invalid-value",
            "/cursor",
        )
    long = "a" * (LONGEST_CURSOR + 1)
    yield look("long cursor", f"{STUDIES}?cursor={long}", *query, "/cursor")
    for name, place, kind, pointer in (
        ("a figure that is none", "trials?sort=mse", "value", "/sort"),
        ("a choice to sort by", "trials?sort=-cooldown", "value", "/sort"),
        ("a quote in a figure", "trials?sort=test.%22", "value", "/sort"),
        ("a bound without a number", "trials?where=value%20%3C=%20x", "value", "/where/0"),
        ("a second bound on no figure", "trials?where=peak>=0&where=x>=0", "value", "/where/1"),
        ("17 bounds", "trials?" + "where=peak%3E=0&" * 17, "request", "/where"),
        ("a state of no trial", "trials?state=queued", "request", "/state/0"),
        ("65 families", "trials?" + "family=a&" * 65, "request", "/family"),
        ("a phase that is none", "curves?phase=test", "request", "/phase/0"),
        ("1 point", "curves?max_points=1", "request", "/max_points"),
        ("10,001 points", "curves?max_points=10001", "request", "/max_points"),
        ("a cursor of no curve", f"curves?cursor={cursor(1, 'x')}", "value", "/cursor"),
        ("verdict 0 of families", "families?number=0", "request", "/number"),
    ):
        yield look(name, f"{STUDIES}/@study@/{place}", 422, f"invalid-{kind}", pointer)
    yield look("a trial that is not there", f"{STUDIES}/@study@/trials/99")
    yield look("families of a verdict there is not", f"{STUDIES}/@study@/families?number=1")
    for place in ("trials", "trials/0", "curves", "families", "importances"):
        yield look(f"{place} of no study", f"{STUDIES}/st_x/{place}")
    for method, path in (
        ("DELETE", STUDIES),
        ("PUT", f"{STUDIES}/@study@"),
        ("POST", f"{STUDIES}/@study@:explode"),
        ("GET", "/v1/work:claim"),
        ("POST", "/livez"),
    ):
        yield Bad(f"{method} {path}", method, path, 405, "no-method")


def _work() -> Iterator[Bad]:
    claim = {"worker": "w", "claim": "bad"}
    for name, changes, pointer in (
        ("0 lanes", {"lanes": 0}, "/lanes"),
        ("65 lanes", {"lanes": 65}, "/lanes"),
        ("half a lane", {"lanes": 0.5}, "/lanes"),
        ("waits 31 s", {"wait_seconds": 31}, "/wait_seconds"),
        ("waits -1 s", {"wait_seconds": -1}, "/wait_seconds"),
        ("NUL in a worker", {"worker": "a\0"}, "/worker"),
        ("nameless claim", {"claim": ""}, "/claim"),
        ("NUL in an objective", {"objectives": ["a\0"]}, "/objectives/0"),
        ("unknown field of a claim", {"lane": 1}, "/lane"),
    ):
        yield work(name, "work:claim", {**claim, **changes}, pointer)
    yield work("claim without a worker", "work:claim", {"claim": "bad"}, "/worker")
    yield work(
        "waits NaN", "work:claim", '{"worker":"w","claim":"b","wait_seconds":NaN}', "/wait_seconds"
    )
    for name, body, pointer in (
        ("unknown outcome", told(outcome="won"), "/results/0/outcome"),
        ("NUL in a reason", told(reason="a\0"), "/results/0/reason"),
        ("surrogate in a reason", told(reason="\ud800"), "/results/0/reason"),
        ("long reason", told(reason="x" * 8193), "/results/0/reason"),
        (
            "text for a metric",
            told(metrics={"validation": {"mse": "0.5"}}),
            "/results/0/metrics/validation/mse",
        ),
        ("0 lanes told", told(lanes=0), "/results/0/lanes"),
        ("unknown field of an end", told(metric=1), "/results/0/metric"),
        ("1,001 ends", {"worker": "w", "results": told()["results"] * 1001}, "/results"),
    ):
        yield work(name, "runs:tell", body, pointer)
    huge = told(metrics={"validation": {"mse": 1e308}})
    yield work(
        "a metric beyond all squares", "runs:tell", huge, "/results/0/metrics/validation/mse"
    )
    nan = json.dumps(told()).replace("0.5", "NaN")
    yield work("NaN for a metric", "runs:tell", nan, "/results/0/metrics/validation/mse")
    for name, metrics, place in (
        ("no metrics", {}, "validation/mse"),
        ("another metric", {"validation": {"skill": 1.0}}, "validation/mse"),
        ("not a number", {"validation": {"mse": None}}, "validation/mse"),
        ("the test split of a search run", {"test": {"mse": 1.0}}, "test"),
    ):
        pointer = f"/results/0/metrics/{place}"
        yield work(name, "runs:tell", told(metrics=metrics), pointer, "invalid-value")
    blocks = told(blocks={"test": [1.0]})
    yield work(
        "blocks of the test split", "runs:tell", blocks, "/results/0/blocks/test", "invalid-value"
    )
    yield work("end of an unknown run", "runs:tell", told(run="st_x.0.0"), None)
    yield work("end with a foreign token", "runs:tell", told(token="0" * 32), None)
    for name, body, pointer in (
        ("seq -1", reported(seq=-1), "/reports/0/seq"),
        ("seq 2^31", reported(seq=2**31), "/reports/0/seq"),
        ("no steps", reported(steps=[], values={"mse": []}), "/reports/0/steps"),
        ("step -1", reported(steps=[-1]), "/reports/0/steps/0"),
        ("step 10^30", reported(steps=[10**30]), "/reports/0/steps/0"),
        ("a measurement of 1e308", reported(values={"mse": [1e308]}), "/reports/0/values/mse/0"),
        ("NUL in a metric", reported(values={"a\0": [1.0]}), "/reports/0/values/a\0"),
        ("65 metrics", reported(values={f"m{i}": [1.0] for i in range(65)}), "/reports/0/values"),
    ):
        yield work(name, "runs:report", body, pointer)
    columns = reported(values={"mse": [1.0, 2.0]})
    yield work(
        "columns of two lengths", "runs:report", columns, "/reports/0/values/mse", "invalid-value"
    )
    together = {"worker": "w", "results": [], "reports": columns["reports"]}
    yield work(
        "columns of two lengths with the ends",
        "runs:tell",
        together,
        "/reports/0/values/mse",
        "invalid-value",
    )
    yield work("report of an unknown run", "runs:report", reported(run="st_x.0.0"), None)
    yield work("report with a foreign token", "runs:report", reported(token="0" * 32), None)
    beat = {"run": "@run@", "token": "0" * 32}
    yield work("beat with a foreign token", "runs:heartbeat", {"worker": "w", "runs": [beat]}, None)
    yield work(
        "beat without a token",
        "runs:heartbeat",
        {"worker": "w", "runs": [{"run": "r"}]},
        "/runs/0/token",
    )


BAD: tuple[Bad, ...] = (
    *_studies(),
    *_spaces(),
    *_names(),
    *_configs(),
    *_bodies(),
    *_reads(),
    *_work(),
)
