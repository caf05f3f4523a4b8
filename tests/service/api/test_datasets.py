"""Datasets over HTTP: what is uploaded is checked, kept once, and trained on."""

import asyncio
import gzip
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pytest
from pyarrow import parquet
from starlette.testclient import TestClient

from service.api import bodies, uploads
from service.app import create_app
from service.errors import StoreBusy
from service.settings import Settings
from service.store import projects
from service.store.engine import Store
from tests.service.conftest import SMALL
from tuning.execution.inline import Inline
from tuning.execution.surveying import survey_apart
from tuning.objectives import Folders

Upload = Callable[..., httpx2.Response]

START = datetime(2020, 1, 1, tzinfo=UTC)
HEADER = "unix,date,symbol,open,high,low,close,volume,Volume USD"


def bars(hours: int = 400) -> bytes:
    """Hourly bars in the form of an exchange: newest first, columns in its own spelling."""
    lines = []
    for hour in range(hours):
        moment, price = START + timedelta(hours=hour), 100 + hour % 17 + hour % 5 / 3
        spelled = moment.strftime("%Y-%m-%d %H:%M:%S")
        prices = f"{price:.2f},{price + 1:.2f},{price - 1:.2f},{price:.2f}"
        lines.append(f"{int(moment.timestamp())},{spelled},X/USD,{prices},5,500.5")
    return "\n".join([HEADER, *reversed(lines)]).encode()


def chain(days: int = 40) -> bytes:
    """Option quotes in the form of an exchange: two instruments a day."""
    header = "ts,expiry,strike,cp,bid,ask,forward,ttm,iv_bid,iv_mid,iv_ask,mark_iv,oi"
    lines = [
        f"{(START + timedelta(days=day)).strftime('%Y-%m-%dT%H:%M:%SZ')},2021-01-01,{strike}.0,P,"
        f"0.0002,0.0003,88551.13,0.5,{vol - 0.02:g},{vol:g},{vol + 0.02:g},{vol:g},37.0"
        for day in range(days)
        for strike, vol in ((80_000, 0.5 + day % 7 / 100), (90_000, 0.4 + day % 5 / 100))
    ]
    return "\n".join([header, *lines]).encode()


@pytest.fixture
def upload(api: TestClient) -> Upload:
    """Upload content: `upload(bars())`."""

    def send(content: bytes, kind: str = "ohlcv", name: str = "mine") -> httpx2.Response:
        return api.post("/v1/datasets", params={"kind": kind, "name": name}, content=content)

    return send


def files(api: TestClient) -> set[str]:
    """What lies in the folder of datasets."""
    folder = api.app.state.context.settings.dataset_folder
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_an_upload_is_kept_and_told(api: TestClient, upload: Upload) -> None:
    """Rows, span, columns as they are spelled, the first rows; its bytes come back."""
    content = gzip.compress(bars())
    answer = upload(content)
    told = answer.json()

    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/datasets/{told['id']}"
    digest = hashlib.sha256(content).hexdigest()
    assert (told["sha256"], told["id"]) == (digest, f"ds_{digest[:32]}")
    assert (told["rows"], told["step_seconds"], told["format"]) == (400, 3600, "csv.gz")
    assert told["begin"] == "2020-01-01T00:00:00+00:00"
    assert told["columns"] == HEADER.split(",")
    assert told["preview"][0][1] == "2020-01-17 15:00:00"
    assert told["bytes"] == len(content)
    assert api.get(f"/v1/datasets/{told['id']}").json() == told
    assert api.get("/v1/datasets").json() == {"items": [told], "next": None}
    back = api.get(f"/v1/datasets/{told['id']}/content")
    assert back.content == content
    assert back.headers["ETag"] == f'"{digest}"'
    rest = {"Range": "bytes=10-", "If-Range": back.headers["ETag"]}
    part = api.get(f"/v1/datasets/{told['id']}/content", headers=rest)
    assert (part.status_code, part.content) == (206, content[10:])
    assert files(api) == {told["id"]}


def test_the_same_content_is_the_same_dataset(api: TestClient, upload: Upload) -> None:
    """Under its first name; as another kind it is refused, and a file that was lost comes back."""
    first = upload(bars()).json()
    again = upload(bars(), name="other")

    assert (again.status_code, again.json()) == (200, first)
    other = upload(bars(), kind="quotes")
    assert other.status_code == 409
    assert other.json()["detail"].endswith("of kind ohlcv")
    (path,) = api.app.state.context.settings.dataset_folder.iterdir()
    path.unlink()
    assert api.get(f"/v1/datasets/{first['id']}/content").status_code == 404
    assert upload(bars()).json() == first
    assert files(api) == {first["id"]}


def test_parquet_is_the_same_data(tmp_path: Path, upload: Upload) -> None:
    """Another content, hence another dataset, of the same values."""
    rows = [line.split(",") for line in bars().decode().splitlines()[1:]]
    columns = {
        name: [row[at] if at in {1, 2} else float(row[at]) for row in rows]
        for at, name in enumerate(HEADER.split(","))
    }
    columns["unix"] = [int(row[0]) for row in rows]
    parquet.write_table(pa.table(columns), tmp_path / "bars.parquet")
    one, other = upload(bars()).json(), upload((tmp_path / "bars.parquet").read_bytes()).json()

    assert other["format"] == "parquet"
    assert one["id"] != other["id"]
    assert one["data_hash"] == other["data_hash"]


@pytest.mark.parametrize(
    ("content", "kind", "detail", "errors"),
    [
        (
            bars(9).replace(b",109.00,", b",1,109.00,", 1).replace(b"102.33", b"-1"),
            "ohlcv",
            "2 rows cannot be used; mine, line 2: 10 columns",
            [
                ("/line_2", None, "9 columns, as in the header"),
                ("/line_9/high", "-1", "a positive number"),
            ],
        ),
        (
            b"date,high,Low,close\n2020-01-01,2,1,x\n2020-01-02,1,2,1\n2020-01-03,2,1\n",
            "ohlcv",
            "3 rows cannot be used; mine, line 2, column close",
            [
                ("/line_2/close", "x", "a positive number"),
                ("/line_3/high", "1", "a price of at least the low"),
                ("/line_4", None, None),
            ],
        ),
        (b"", "ohlcv", "mine: no column for time", []),
        (bars(9), "quotes", "mine: no column for expiry; the header has unix, date", []),
        (b"\x1f\x8bbroken", "ohlcv", "mine: cannot be read", []),
        (b"PAR1broken", "ohlcv", "mine: cannot be read", []),
        (b"\xff\xfe\x00", "ohlcv", "mine: not UTF-8", []),
    ],
)
def test_what_cannot_be_used_is_refused(
    api: TestClient,
    upload: Upload,
    content: bytes,
    kind: str,
    detail: str,
    errors: list[tuple[str, str, str]],
) -> None:
    """With the rows, columns and values, and what is allowed; nothing is kept."""
    answer = upload(content, kind)
    problem = answer.json()

    assert (answer.status_code, problem["type"]) == (422, "urn:glideslope:problem:invalid-data")
    assert problem["detail"].startswith(detail), problem["detail"]
    found = [(one["pointer"], one["value"], one["allowed"]) for one in problem["errors"]]
    assert found == errors
    assert api.get("/v1/datasets").json()["items"] == []
    assert files(api) == set()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?kind=bars&name=x", "/kind"),
        ("?name=x", "/kind"),
        ("?kind=ohlcv", "/name"),
        ("?kind=ohlcv&name=%00", "/name"),
    ],
)
def test_kind_and_name_are_needed(api: TestClient, query: str, pointer: str) -> None:
    """And refused before a byte is read."""
    problem = api.post(f"/v1/datasets{query}", content=b"x").json()
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, pointer)


def test_gaps_are_told(api: TestClient, upload: Upload) -> None:
    """With the dataset, and by the check of a study that would train on it."""
    lines = bars(4_000).splitlines()
    told = upload(b"\n".join(lines[:100] + lines[103:])).json()

    assert [one["code"] for one in told["warnings"]] == ["gaps"]
    body = {**SMALL, "config": {"dataset": told["id"]}}
    check = api.post("/v1/studies:validate", json=body).json()
    assert told["warnings"][0] in check["warnings"]


def test_a_large_body_is_refused_while_it_streams(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its length was announced or not; nothing is left of it; JSON has its limit."""
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 100)
    settings = Settings(dataset_folder=tmp_path / "sets", dataset_mib=1)
    client = TestClient(
        create_app(store, settings), base_url="http://localhost", raise_server_exceptions=False
    )
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 2**17
            yield b"x" * 2**17

    query = {"kind": "ohlcv", "name": "x"}
    announced = client.post("/v1/datasets", params=query, content=b"x" * (2**20 + 1))
    streamed = client.post("/v1/datasets", params=query, content=endless())
    for answer in (announced, streamed):
        problem = answer.json()
        assert (problem["status"], problem["detail"]) == (413, "a body has at most 1,048,576 bytes")
    assert list((tmp_path / "sets").iterdir()) == []
    assert client.post("/v1/studies", content=b"x" * 101).status_code == 413
    assert client.post("/v1/studies", content=b"x" * 99).status_code != 413


async def broken() -> AsyncIterator[bytes]:
    """A client that goes away."""
    yield b"x"
    raise uploads.ClientDisconnect


async def idle() -> AsyncIterator[bytes]:
    """A client that sends nothing more."""
    yield b"x"
    await asyncio.sleep(60)


@pytest.mark.parametrize(("body", "words"), [(broken, "cut short"), (idle, "nothing came")])
def test_a_body_that_breaks_off_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: Callable[[], AsyncIterator[bytes]],
    words: str,
) -> None:
    """Nor does one that nothing more comes of."""
    monkeypatch.setattr(uploads, "IDLE_SECONDS", 0.01)

    async def receive() -> None:
        async with uploads.Uploads(tmp_path).receive(body()):
            pass

    with pytest.raises(uploads.HTTPException, match=words):
        asyncio.run(receive())
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_a_dead_server_left_is_removed(tmp_path: Path) -> None:
    """Once nobody can be writing it any more; datasets stay."""
    old, fresh, kept = tmp_path / "a.part", tmp_path / "b.part", tmp_path / "ds_x"
    for path in (old, fresh, kept):
        path.write_bytes(b"x")
    past = time.time() - 2 * uploads.ABANDONED_SECONDS
    for path in (old, kept):
        uploads.os.utime(path, (past, past))
    uploads.Uploads(tmp_path).sweep()
    assert {path.name for path in tmp_path.iterdir()} == {"b.part", "ds_x"}


def test_a_part_that_leads_nowhere_keeps_no_server_from_starting(tmp_path: Path) -> None:
    """A link without an end is as old as itself."""
    link = tmp_path / "x.part"
    link.symlink_to(tmp_path / "nowhere")
    uploads.Uploads(tmp_path).sweep()
    assert link.is_symlink()
    past = time.time() - 2 * uploads.ABANDONED_SECONDS
    uploads.os.utime(link, (past, past), follow_symlinks=False)
    uploads.Uploads(tmp_path).sweep()
    assert not link.is_symlink()


@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_link_in_place_of_a_dataset_is_not_followed(
    api: TestClient, upload: Upload, tmp_path: Path, target: str
) -> None:
    """Its content is not there, by any way, until it is uploaded again."""
    first = upload(bars()).json()
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    (path,) = api.app.state.context.settings.dataset_folder.iterdir()
    path.unlink()
    path.symlink_to(tmp_path / target)
    asked = api.get(f"/v1/datasets/{first['id']}/content")
    assert (asked.status_code, b"kept" in asked.content) == (404, False)
    assert "kept" not in api.get(f"/datasets/{first['id']}/charts/prices").text
    assert upload(bars()).json() == first
    assert path.read_bytes() == bars()
    assert not path.is_symlink()
    assert outside.read_bytes() == b"kept"


def test_a_link_that_comes_after_the_look_is_not_followed_either(tmp_path: Path) -> None:
    """The file that is sent is the one that was opened."""
    (tmp_path / "outside").write_bytes(b"kept")
    (tmp_path / "ds_x").symlink_to(tmp_path / "outside")
    client = TestClient(uploads.PlainFile(tmp_path / "ds_x"), raise_server_exceptions=False)
    answer = client.get("/")
    assert (answer.status_code, b"kept" in answer.content) == (500, False)


def test_an_upload_is_written_through_no_link(tmp_path: Path) -> None:
    """Not even if one takes the place of its part meanwhile."""
    outside, folder = tmp_path / "outside", tmp_path / "sets"
    outside.write_bytes(b"kept")

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        (part,) = folder.iterdir()
        part.unlink()
        part.symlink_to(outside)
        yield b"second"

    async def receive() -> None:
        async with uploads.Uploads(folder).receive(body()):
            pass

    with pytest.raises(StoreBusy, match="is no regular file"):
        asyncio.run(receive())
    assert outside.read_bytes() == b"kept"
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    """As a server that cannot answer now, with the reason."""
    (tmp_path / "file").write_text("no folder")
    app = create_app(store, Settings(dataset_folder=tmp_path / "file" / "sets"))
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    answer = client.post("/v1/datasets?kind=ohlcv&name=x", content=bars(9))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "folder of datasets" in answer.json()["detail"]


def test_a_study_trains_on_a_dataset(
    api: TestClient,
    upload: Upload,
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
) -> None:
    """It is told by its id to whoever trains, and what was trained on is what was uploaded."""
    dataset = upload(bars(6_000)).json()
    study = submit(config={"dataset": dataset["id"], "target_bars": 24})
    plan()
    block = claim(lanes=1)

    assert block is not None
    assert block["config"]["dataset"] == dataset["id"]
    settings = api.app.state.context.settings
    problem = Inline(Folders(datasets=settings.dataset_folder))._open(
        api.app.state.context.objectives[block["objective"]], block["config"]
    )
    assert problem.data_hash == dataset["data_hash"]
    refusal = api.delete(f"/v1/datasets/{dataset['id']}")
    assert refusal.status_code == 409
    assert study["id"] in refusal.json()["detail"]
    api.post(f"/v1/studies/{study['id']}:cancel")
    assert api.delete(f"/v1/datasets/{dataset['id']}").status_code == 204
    assert api.delete(f"/v1/datasets/{dataset['id']}").status_code == 404
    assert files(api) == set()


def test_quotes_decide_the_horizon(upload: Upload, submit: Callable[..., dict[str, Any]]) -> None:
    """A study of the other kind."""
    dataset = upload(chain(), kind="quotes").json()
    study = submit(
        objective="online_surface", horizon=None, config={"dataset": dataset["id"], "updates": 5}
    )
    assert (dataset["rows"], dataset["moments"]) == (80, 40)
    assert study["spec"]["horizon"] == 18 * 5


@pytest.mark.parametrize("path", ["/v1/studies", "/v1/studies:validate"])
def test_a_study_of_no_such_dataset_is_refused(api: TestClient, upload: Upload, path: str) -> None:
    """Unknown, malformed, of another kind, too short, or of another project."""
    quotes, short = upload(chain(), kind="quotes").json()["id"], upload(bars(9)).json()["id"]
    for dataset, allowed in (
        ("ds_" + "0" * 32, "the id of a dataset of kind ohlcv of this project"),
        ("bars.csv", "the id of a dataset of kind ohlcv of this project"),
        (7, "the id of a dataset, as ds_ and 32 hexadecimal digits, or null"),
        (quotes, "the id of a dataset of kind ohlcv of this project; this one is of kind quotes"),
    ):
        problem = api.post(path, json={**SMALL, "config": {"dataset": dataset}}).json()
        (error,) = problem["errors"]
        assert (problem["status"], error["pointer"]) == (422, "/config/dataset")
        assert (error["value"], error["allowed"]) == (dataset, allowed)
    problem = api.post(path, json={**SMALL, "config": {"dataset": short}}).json()
    assert (problem["status"], "too short" in problem["detail"]) == (422, True)


def test_other_projects_have_their_own(
    api: TestClient, holder: Callable[..., TestClient], upload: Upload
) -> None:
    """A dataset is not there for them, until they bring it; deleting one leaves the other's."""
    other = holder("other")
    own = f"/v1/datasets/{upload(bars()).json()['id']}"

    for path in (own, f"{own}/content"):
        assert other.get(path).status_code == 404
    assert other.delete(own).status_code == 404
    body = {**SMALL, "config": {"dataset": own.rpartition("/")[2]}}
    assert other.post("/v1/studies", json=body).status_code == 422
    again = other.post("/v1/datasets?kind=ohlcv&name=theirs", content=bars())
    assert (again.status_code, again.json()["name"]) == (201, "theirs")
    assert api.delete(own).status_code == 204
    assert other.get(f"{own}/content").content == bars()


def test_reading_a_table_does_not_stop_the_server(store: Store, tmp_path: Path) -> None:
    """Requests are answered while an upload is read, here by a reader that waits for one."""
    answered = threading.Event()

    def slow(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - as the true one
        assert answered.wait(30)
        return survey_apart(*args, **named)

    settings = Settings(cache_folder=tmp_path / "cache", dataset_folder=tmp_path / "sets")
    with store.write() as session:
        projects.ensure(session, "default")
    client = TestClient(
        create_app(store, settings, survey=slow),
        base_url="http://localhost",
        raise_server_exceptions=False,
    )
    statuses: list[int] = []

    def send() -> None:
        answer = client.post("/v1/datasets?kind=ohlcv&name=x", content=bars())
        statuses.append(answer.status_code)

    sending = threading.Thread(target=send)
    sending.start()
    assert client.get("/v1/datasets").status_code == 200
    answered.set()
    sending.join()
    assert statuses == [201]
