"""Studies archived and their curves purged: beside the API and its pages, and by the command."""

import gzip
import json
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from service.api.archives import CutShort, Policy, Purger, write_archive
from service.api.caller import DEFAULT_PROJECT
from service.errors import ServiceError
from service.store import models
from service.store.engine import Store
from tests.chaos.processes import Server, ended, environment
from tests.conftest import FakeClock
from tests.service.conftest import score

STUDIES, IMPORT = "/v1/studies", "/v1/studies:import"
PERSON = {"Accept": "text/html"}
DAY = 86_400.0

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # about files

Submit = Callable[..., dict[str, Any]]
Advance = Callable[[float], None]


@pytest.fixture
def measured(
    api: TestClient,
    submit: Submit,
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
    tell: Callable[..., Any],
) -> str:
    """A study that was judged, whose every run measured something in two reports."""
    study = submit(label="ü")["id"]
    while True:
        moved, block = plan(), claim(lanes=8)
        if block is None and not moved:
            return str(study)
        for run in block["runs"] if block else []:
            for seq in (0, 1):
                one = {"run": run["run"], "token": run["token"], "seq": seq, "steps": [seq + 1]}
                told = {**one, "values": {"mse": [1.0 / (seq + 1)], "lr": [0.1]}}
                api.post("/v1/runs:report", json={"worker": "w", "reports": [told]})
            metrics = {split: {"mse": score(run)} for split in block["splits"]}
            assert tell(run, metrics=metrics).status_code == 200


@pytest.fixture
def purger(store: Store, tmp_path: Path) -> Callable[..., Purger]:
    """Somebody who lets curves go after a day: `purger(keep_best=True)`."""

    def make(**policy: Any) -> Purger:  # noqa: ANN401
        return Purger(store, Policy(1, archive=tmp_path / "old", batch=7, **policy), 0.0)

    return make


def reports(path: Path) -> set[tuple[int, ...]]:
    """Which reports lie in an archive."""
    names = ("generation", "index", "lease", "seq")
    with gzip.open(path) as file:
        return {tuple(one[name] for name in names) for one in json.load(file)["measurements"]}


def stored(store: Store, study: str) -> set[tuple[int, ...]]:
    """Which reports lie in the store."""
    row = models.Measurement
    with store.read() as session:
        found = session.execute(select(row.run, row.lease, row.seq).where(row.study == study))
        return {(*map(int, run.split(".")[1:]), lease, seq) for run, lease, seq in found}


def answers(api: TestClient, study: str) -> dict[str, str]:
    """What does not ask for curves."""
    parts = (
        "/best",
        "/verdict",
        "/families",
        "/importances",
        "/trials?limit=200",
        "/trials/0/runs",
    )
    tables = ("/export?format=csv", "/export?format=csv&table=runs")
    return {part: api.get(f"{STUDIES}/{study}{part}").text for part in (*parts, *tables)}


def test_old_curves_go_and_the_service_says_so(
    api: TestClient, measured: str, purger: Callable[..., Purger], advance: Advance
) -> None:
    """Everything else is answered as before; pages tell when, and draw no empty chart."""
    study = f"{STUDIES}/{measured}"
    before, seen = answers(api, measured), api.get(study)
    assert len(api.get(f"{study}/curves").json()["items"]) > 10
    purger().round()
    assert api.get(study, headers={"If-None-Match": seen.headers["etag"]}).status_code == 304
    advance(2 * DAY)
    purger().round()
    now = api.get(study, headers={"If-None-Match": seen.headers["etag"]})
    assert now.status_code == 200
    at = now.json()["curves_purged_at"]
    assert at == "2026-01-03T12:00:00+00:00"
    ignored = {"revision": 0, "curves_purged_at": None}
    assert {**now.json(), **ignored} == {**seen.json(), **ignored}
    assert answers(api, measured) == before
    assert api.get(f"{study}/curves").json() == {"items": [], "next": None, "purged_at": at}
    assert api.get(f"{study}/export").json()["study"]["curves_purged_at"] == at
    words = "purged on 2026-01-03 12:00 UTC"
    pages = f"/studies/{measured}"
    assert "curves purged 2026-01-03" in api.get(pages, headers=PERSON).text
    for chart in ("charts/losses", "trials/0/charts/runs"):
        assert words in api.get(f"{pages}/{chart}").json()["empty"]
    run = api.get(f"{study}/trials/0/runs").json()["items"][0]["id"]
    assert words in api.get(f"{pages}/runs/{run}/chart").json()["caption"]
    assert words in api.get(f"{pages}/runs/{run}", headers=PERSON).text
    assert words in api.get(f"{study}/report").text
    purger().round()
    assert api.get(study).headers["etag"] == now.headers["etag"]


def test_an_archive_brings_the_curves_back(
    api: TestClient,
    store: Store,
    measured: str,
    purger: Callable[..., Purger],
    advance: Advance,
    tmp_path: Path,
) -> None:
    """It is the export of the study, compressed, for its owner alone; an import reads it."""
    curves = api.get(f"{STUDIES}/{measured}/curves?limit=200").json()["items"]
    there = stored(store, measured)
    advance(2 * DAY)
    purger().round()
    (file,) = (tmp_path / "old").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert reports(file) == there
    assert stored(store, measured) == set()
    document = gzip.decompress(file.read_bytes())
    headers = {"Content-Type": "application/json"}
    back = api.post(IMPORT, content=document, headers=headers)
    assert back.status_code == 201, back.text
    again = api.get(f"{STUDIES}/{back.json()['id']}/curves?limit=200").json()
    assert again["purged_at"] is None
    assert [one["series"] for one in again["items"]] == [one["series"] for one in curves]
    purger().round()
    assert len(stored(store, back.json()["id"])) == len(there)  # it came here just now


def test_curves_of_what_is_compared_stay_in_sight(
    api: TestClient, measured: str, purger: Callable[..., Purger], advance: Advance
) -> None:
    """The chart of the study's page is as it was; that others are gone is said beside it."""
    losses = f"/studies/{measured}/charts/losses"
    before = api.get(losses).json()
    advance(2 * DAY)
    purger(keep_best=True).round()
    assert api.get(losses).json() == before
    arms = {arm["trial"] for arm in api.get(f"{STUDIES}/{measured}/verdict").json()["arms"]}
    left = api.get(f"{STUDIES}/{measured}/curves?limit=200").json()
    assert {one["trial"] for one in left["items"]} == arms
    assert left["purged_at"]
    assert "curves purged" in api.get(f"/studies/{measured}", headers=PERSON).text


@ON_SQLITE
def test_what_cannot_be_archived_is_kept(
    store: Store, measured: str, advance: Advance, tmp_path: Path
) -> None:
    """A file where the folder should be: nothing goes, and the reason is told."""
    there = stored(store, measured)
    advance(2 * DAY)
    (tmp_path / "old").write_text("in the way")
    with pytest.raises(ServiceError, match=r"the archive .*old cannot be written: File exists"):
        Purger(store, Policy(1, archive=tmp_path / "old")).round()
    assert stored(store, measured) == there


@ON_SQLITE
def test_an_archive_is_never_replaced_by_one_that_says_less(
    store: Store, measured: str, advance: Advance, tmp_path: Path
) -> None:
    """A purge that was cut short archives what is left under another name."""
    there, folder = stored(store, measured), tmp_path / "old"
    advance(2 * DAY)
    first = write_archive(store, DEFAULT_PROJECT, measured, folder)
    was = first.stat().st_mtime_ns
    assert write_archive(store, DEFAULT_PROJECT, measured, folder) == first
    assert first.stat().st_mtime_ns == was
    cut = Purger(store, Policy(1, archive=folder, batch=5))
    cut.purge(cut.find()[0], lambda _: cut.interrupt())
    rest = stored(store, measured)
    assert len(rest) == len(there) - 5
    Purger(store, Policy(1, archive=folder), 0.0).round()
    (second,) = set(folder.iterdir()) - {first}
    assert (reports(first), reports(second)) == (there, rest)


@ON_SQLITE
def test_a_link_is_no_archive(
    store: Store, measured: str, advance: Advance, tmp_path: Path
) -> None:
    """Nothing goes on its word: the archive takes its place, and what it led to stays as it was."""
    there, folder, outside = stored(store, measured), tmp_path / "old", tmp_path / "outside"
    name = write_archive(store, DEFAULT_PROJECT, measured, tmp_path / "other").name
    outside.write_bytes(b"kept")
    folder.mkdir()
    (folder / name).symlink_to(outside)
    advance(2 * DAY)
    Purger(store, Policy(1, archive=folder), 0.0).round()
    assert not (folder / name).is_symlink()
    assert reports(folder / name) == there
    assert outside.read_bytes() == b"kept"


@ON_SQLITE
def test_a_server_that_ends_does_not_wait_for_an_archive(
    store: Store, measured: str, advance: Advance, tmp_path: Path
) -> None:
    """It is cut short, leaves no file, and nothing goes."""
    there, moments = stored(store, measured), iter([False] * 5)
    with pytest.raises(CutShort):
        write_archive(
            store, DEFAULT_PROJECT, measured, tmp_path / "old", lambda: next(moments, True)
        )
    advance(2 * DAY)
    ending = Purger(store, Policy(1, archive=tmp_path / "old"))
    due = ending.find()
    ending.interrupt()
    assert ending.purge(due[0]) == 0
    assert list((tmp_path / "old").iterdir()) == []
    assert stored(store, measured) == there


@ON_SQLITE
def test_a_study_that_is_deleted_meanwhile_is_passed_over(
    api: TestClient, store: Store, measured: str, advance: Advance, tmp_path: Path
) -> None:
    """Before it is archived, or after."""
    advance(2 * DAY)
    due = Purger(store, Policy(1)).find()
    api.delete(f"{STUDIES}/{measured}")
    for archive in (tmp_path / "old", None):
        purger = Purger(store, Policy(1, archive=archive))
        assert purger.purge(due[0]) == 0
        assert purger.weigh(due) == (0, 0)


@pytest.fixture
def long_ago(clock: FakeClock) -> None:
    """What the store is told happens a hundred days before this test."""
    clock.at = (datetime.now(UTC) - timedelta(days=100)).replace(microsecond=0)


@pytest.mark.full
@pytest.mark.usefixtures("long_ago")
def test_a_server_lets_them_go_by_itself(
    store: Store, measured: str, database_url: str, tmp_path: Path
) -> None:
    """Off unless it is set; it answers meanwhile, and ends in order."""
    there = stored(store, measured)
    store.close()
    folder = tmp_path / "old"
    variables = {"GLIDESLOPE_CURVE_DAYS": "90", "GLIDESLOPE_CURVE_ARCHIVE": str(folder)}
    server = Server(database_url, tmp_path / "log", variables=variables)
    with ended(server):
        for _ in range(300):
            view = httpx2.get(f"{server.url}{STUDIES}/{measured}").json()
            left = httpx2.get(f"{server.url}{STUDIES}/{measured}/curves").json()
            if not left["items"]:
                break
            time.sleep(0.05)
        assert left["items"] == []
        assert httpx2.get(f"{server.url}{STUDIES}/{measured}").json()["curves_purged_at"]
        assert view["state"] == "completed"
        assert server.stop() == 0
    (file,) = folder.iterdir()
    assert reports(file) == there


# Purges three reports at a time, and says so each time.
PURGE = """
import sys
from pathlib import Path
from service.api.archives import Policy, Purger
from service.store.engine import Store
purger = Purger(Store(sys.argv[1]), Policy(90, archive=Path(sys.argv[2]), batch=3), 0.01)
for one in purger.find():
    purger.purge(one, lambda reports: print(reports, flush=True))
"""


@pytest.mark.full
@pytest.mark.usefixtures("long_ago")
def test_a_kill_loses_nothing_that_is_not_in_the_archive(
    store: Store, measured: str, database_url: str, tmp_path: Path
) -> None:
    """Wherever it strikes: what there was is in the store or in whole files, and all goes on."""
    there, folder = stored(store, measured), tmp_path / "old"
    store.close()
    for lines in (2, None):
        command = [sys.executable, "-c", PURGE, database_url, str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True)
        assert process.stdout is not None
        for _, _line in zip(range(lines or len(there)), process.stdout, strict=False):
            pass
        if lines is not None:
            process.kill()
        process.wait()
        process.stdout.close()
        again = Store(database_url)
        left = stored(again, measured)
        again.close()
        kept = {one for file in folder.glob("st_*.json.gz") for one in reports(file)}
        assert left | kept == there
        assert (lines is None) == (left == set())
