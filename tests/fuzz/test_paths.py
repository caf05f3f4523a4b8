"""Names that lead out of a folder (S6): in configs, addresses, uploads, archives and exports.

The one idea: what lies outside holds a word that is nowhere else, so an escape is an answer with
that word, a file that was opened outside, or a file that is somewhere else than before.
"""

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np
import pytest

from service.api.archives import write_archive
from service.errors import ServiceError
from service.store.engine import Store
from tests.campaign import Campaign
from tests.fuzz.doors import Keys, ask_raw, copied, serving
from tests.fuzz.escapes import BARS, SECRET, lay_traps, payloads
from tests.fuzz.tenants import submit
from tests.fuzz.watched import watched
from tests.service.conftest import SMALL
from tuning.errors import DataError, InvalidValue
from tuning.objectives import OBJECTIVES, Folders, Objective, configure
from tuning.objectives.tables import locate

pytestmark = pytest.mark.timeout(900)

LINES = [name for name in payloads() if "\r" not in name and "\n" not in name and "\0" not in name]
REFUSED = {400, 404, 405, 422, 431}


@dataclass(frozen=True)
class House:
    """A server, its folders, and a client with every scope."""

    url: str
    folder: Path
    client: httpx2.Client
    study: str
    dataset: str


@pytest.fixture(scope="module")
def house(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose data folder is full of traps."""
    folder = tmp_path_factory.mktemp("house") / "service"
    folder.mkdir()
    lay_traps(folder / "data")
    os.mkfifo(folder / "data" / "pipe.csv")
    with (
        serving(copied(sqlite_template, folder), folder) as server,
        Keys.of(server.url) as keys,
        keys.holder("default") as client,
    ):
        good = BARS.replace(SECRET, "note")
        made = client.post("/v1/datasets?kind=ohlcv&name=good", content=good)
        assert made.status_code == 201, made.text
        yield House(server.url, folder, client, submit(client), made.json()["id"])


def tree(folder: Path) -> dict[str, int]:
    """All there is below a folder, but for what the database writes; with sizes."""
    return {
        str(path.relative_to(folder)): path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
        if not path.name.startswith(("service.db", "server.log"))
    }


def test_no_file_of_a_config_lies_outside(tmp_path: Path, campaign: Campaign) -> None:
    """Whatever is named is refused, or lies within the data folder."""
    data = tmp_path / "data"
    lay_traps(data)
    os.mkfifo(data / "pipe.csv")
    root, names = data.resolve(), list(payloads())
    assert locate("good.csv", data) == locate("./good.csv", data) == root / "good.csv"
    for name in names:
        campaign.case()
        try:
            found = locate(name, data)
        except InvalidValue as error:
            if str(tmp_path) in str(error):
                campaign.find([f"{name!r}: the refusal tells where the folder is"])
            continue
        if not found.resolve().is_relative_to(root) or found.is_symlink() or not found.is_file():
            campaign.find([f"{name!r} leads to {found}"])
    campaign.measure("payloads", len(names))
    campaign.measure("escapes", len(campaign.violations))


@pytest.mark.parametrize(
    ("objective", "good"),
    [
        ("realized_volatility", "good.csv"),
        ("online_surface", "good.csv"),
        pytest.param("regime_finetune", "good.npz", marks=pytest.mark.full),
    ],
)
def test_no_objective_opens_a_file_outside(
    tmp_path: Path, campaign: Campaign, objective: str, good: str
) -> None:
    """Neither by `file` nor by `dataset`, with the code that reads them for a training."""
    data, sets = tmp_path / "data", tmp_path / "sets"
    lay_traps(data)
    np.savez(data / "good.npz", weights=np.zeros(3))
    sets.mkdir()
    (sets / "link").symlink_to(tmp_path / "outside.csv")
    known = OBJECTIVES[objective]
    folders = Folders(data=data, cache=tmp_path / "cache", datasets=sets)
    told, opened = read(known, {"file": good}, folders)
    assert any(name.endswith(good) for name in opened), f"what lies inside is read: {told}"
    names = campaign.random().sample(list(payloads()), campaign.dose(150, 1000))
    fields = ("file",) if known.dataset is None else ("file", "dataset")
    for name, field in itertools.product(names, fields):
        campaign.case()
        told, opened = read(known, {field: name}, folders)
        outside = [
            one for one in opened if _is_outside(one, tmp_path, (data, sets, tmp_path / "cache"))
        ]
        campaign.find(f"{field} {name!r} opens {one}" for one in outside)
        if SECRET in told or not told:
            campaign.find([f"{field} {name!r} is read: {told[:200]}"])
    campaign.measure("escapes", len(campaign.violations))


def read(
    objective: Objective, config: Mapping[str, str], folders: Folders
) -> tuple[str, list[str]]:
    """Why a config cannot be trained on, empty if it can, and every file that was opened."""
    with watched() as seen:
        try:
            objective.open(configure(objective, config), folders)
        except (InvalidValue, DataError) as error:
            return str(error), seen.opened
    return "", seen.opened


def _is_outside(name: str, parent: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a file is one of those that were laid outside, or of the system."""
    real = os.path.realpath(name)
    inside = any(real.startswith(f"{one.resolve()}{os.sep}") for one in folders)
    is_trap = real.startswith(str(parent.resolve())) and not inside
    return is_trap or real.startswith(("/etc/passwd", "/dev/zero", "/proc/self/environ"))


@pytest.mark.full
def test_no_address_leads_to_a_file(house: House, campaign: Campaign) -> None:
    """Static files, datasets, charts, exports: names are looked up in lists and tables."""
    before = tree(house.folder)
    token = house.client.headers["Authorization"].encode()
    places = (
        *(("GET", "/static/{}"), ("GET", "/v1/datasets/{}"), ("GET", "/v1/datasets/{}/content")),
        *(("DELETE", "/v1/datasets/{}"), ("GET", "/datasets/{}"), ("GET", "/v1/studies/{}/export")),
        *(("GET", f"/studies/{house.study}/charts/{{}}"), ("GET", "/v1/studies/{}/report")),
        *(("GET", f"/v1/studies/{house.study}/trials/{{}}"), ("GET", "/compare/charts/{}")),
        *(("GET", f"/datasets/{house.dataset}/charts/{{}}"), ("DELETE", "/v1/keys/{}")),
    )
    asked = [(method, place, name) for method, place in places for name in LINES]
    for method, place, name in campaign.random().sample(asked, campaign.dose(500, 5000)):
        for spelled in {name, quote(name, safe="", errors="surrogatepass")}:
            target = place.format(spelled).encode("utf-8", "surrogatepass").replace(b" ", b"%20")
            campaign.case()
            answer = ask_raw(house.url, method, target, [(b"Authorization", token)])
            is_page = answer.status == 200 and place.startswith(("/studies", "/datasets"))
            wrong = SECRET.encode() in answer.body or b"root:" in answer.body
            if wrong or answer.status >= 500 or (answer.status < 300 and not is_page):
                campaign.find([f"{method} {target!r}: {answer.status} {answer.body[:99]!r}"])
            if str(house.folder).encode() in answer.body:
                campaign.find([f"{method} {target!r} tells where the folders are"])
    campaign.find(["files came or went"] if tree(house.folder) != before else [])
    campaign.measure("escapes", len(campaign.violations))


@pytest.mark.full
def test_names_of_uploads_name_no_file(house: House, campaign: Campaign) -> None:
    """A dataset lies under the hash of its bytes, whatever it is called; so does a config's."""
    before = tree(house.folder)
    names = campaign.random().sample(list(payloads()), campaign.dose(12, 60))
    for number, name in enumerate(names):
        campaign.case(2)
        body = BARS.replace(SECRET, "note").replace("1.5", f"1.{number + 11}").encode()
        told = _safely(house.client, "POST", "/v1/datasets", {"kind": "ohlcv", "name": name}, body)
        if told not in {201, *REFUSED}:
            campaign.find([f"an upload called {name!r}: {told}"])
        study = json.dumps({**SMALL, "config": {"dataset": name}}).encode()
        told = _safely(house.client, "POST", "/v1/studies", {}, study)
        if told not in REFUSED:
            campaign.find([f"a study of the dataset {name!r}: {told}"])
    fresh = tree(house.folder).keys() - before.keys()
    odd = [one for one in fresh if not one.startswith(("dataset/ds_", "cache/"))]
    campaign.find(f"there is a file {one}" for one in odd)
    gone = [name for name, size in before.items() if tree(house.folder).get(name) != size]
    campaign.find(f"{one} is not as it was" for one in gone)
    campaign.measure("escapes", len(campaign.violations))


def _safely(
    client: httpx2.Client, method: str, path: str, query: dict[str, str], body: bytes
) -> int:
    """The status of an answer; 400 for what the client itself cannot put into an address."""
    kind = {"Content-Type": "application/json"}
    try:
        answer = client.request(method, path, params=query, content=body, headers=kind)
    except (UnicodeError, httpx2.InvalidURL):
        return 400
    return answer.status_code


def test_archives_are_named_by_studies_that_exist(
    store: Store, tmp_path: Path, campaign: Campaign
) -> None:
    """Whatever is asked for, a file is written only for a study of the store."""
    folder = tmp_path / "archives"
    names = [one for one in LINES if one.isprintable()]  # nor do databases take all others
    for name in campaign.random().sample(names, campaign.dose(60, 400)):
        campaign.case()
        try:
            write_archive(store, "default", name, folder)
        except ServiceError:
            continue
        campaign.find([f"an archive of {name!r}"])
    assert list(folder.iterdir()) == []


@pytest.mark.full
def test_no_worker_reads_outside(sqlite_template: Path, tmp_path: Path, campaign: Campaign) -> None:
    """A real worker is told to train on what lies outside, by way of every kind of link, too."""
    lay_traps(tmp_path / "data")
    names = ["link.csv", "chain.csv", "linked/outside.csv", "device.csv", "loop.csv"]
    names += campaign.random().sample([one for one in LINES if one.isprintable()], 7)
    database = copied(sqlite_template, tmp_path)
    with (
        serving(database, tmp_path, has_worker=True) as server,
        Keys.of(server.url) as keys,
        keys.holder("default") as client,
    ):
        for name in names:
            campaign.case()
            answer = client.post("/v1/studies", json={**SMALL, "config": {"file": name}})
            if answer.status_code == 422:
                continue
            study = answer.json()["id"]
            told = _until_ended(client, study)
            if told["state"] != "failed" or SECRET in json.dumps(told):
                campaign.find([f"{name!r}: {json.dumps(told)[:400]}"])
    campaign.measure("escapes", len(campaign.violations))


def _until_ended(client: httpx2.Client, study: str) -> dict[str, Any]:
    """A study once it has ended, with its runs."""
    view: dict[str, Any] = {"state": "running"}
    while view["state"] in {"running", "confirming"}:
        view = client.get(f"/v1/studies/{study}?wait=20&until=end").json()
    runs = client.get(f"/v1/studies/{study}/trials/0/runs").json()
    return {**view, "runs": runs}
