"""Static files: kept for good by their hash, compressed, and nothing else of the disk."""

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from service.store.engine import Store
from service.ui import assets

VERSIONED = re.compile(r'from "/static/([\w-]+\.js)\?v=\w+"')


@pytest.fixture(scope="module")
def api(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One application for all of them: nothing here changes it, or asks its database."""
    folder = tmp_path_factory.mktemp("static")
    store = Store(f"sqlite:///{shutil.copy(sqlite_template, folder)}")
    app = create_app(store, Settings(cache_folder=folder, dataset_folder=folder))
    with TestClient(app, base_url="http://localhost") as client:
        yield client
    store.close()


@pytest.mark.parametrize("name", sorted(assets.names()))
def test_every_file_is_served_for_good_by_its_address(api: TestClient, name: str) -> None:
    """Both plain and compressed, with a type that browsers run."""
    plain = api.get(assets.address(name), headers={"Accept-Encoding": "identity"})
    assert plain.status_code == 200
    assert "immutable" in plain.headers["cache-control"]
    assert VERSIONED.sub(r'from "./\1"', plain.text) == assets.text(name)
    assert gzip.decompress(assets.asset(name).zipped) == plain.content
    assert api.get(assets.address(name)).headers["content-encoding"] == "gzip"


def test_plotly_is_the_installed_one(api: TestClient) -> None:
    """No copy of it is kept here."""
    assert api.get("/static/plotly.js").text == get_plotlyjs()


@pytest.mark.parametrize("name", sorted(n for n in assets.names() if n.endswith(".js")))
def test_a_module_has_one_address(name: str) -> None:
    """However it comes to a page: by two it would be loaded and run twice."""
    told = assets.asset(name).body.decode()
    assert 'from "./' not in told
    for one in VERSIONED.finditer(told):
        assert one[0] == f'from "{assets.address(one[1])}"'


def test_an_old_address_is_not_kept(api: TestClient) -> None:
    """Whoever comes with the address of before gets what there is now, for this once."""
    first = api.get("/static/api.js?v=old")
    assert first.headers["cache-control"] == "no-cache"
    again = api.get("/static/api.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2fassets.py", "%2e%2e/assets.py", "site.css%00"]
)
def test_nothing_else_is_there(api: TestClient, name: str) -> None:
    """Names are looked up among those that are known, never on the disk."""
    assert api.get(f"/static/{name}").status_code == 404
