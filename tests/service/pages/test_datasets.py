"""The pages of datasets: what was uploaded, drawn from few values, safe whatever is in it."""

from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.pages.datasets import SHOWN
from tests.service.api.test_datasets import bars
from tests.service.conftest import SMALL

PERSON = {"Accept": "text/html"}
ODD = "<script>alert(1)</script>"
QUOTES = "ts,expiry,strike,cp,forward,ttm,iv_bid,iv_mid,iv_ask\n" + "".join(
    f"2020-01-{day:02d},{expiry},{strike},C,100,{ttm},{0.4 + day / 100},{0.41 + day / 100},0.9\n"
    for day in range(1, 13)
    for expiry, ttm in (("2020-03-01", 0.2), ("2021-01-01", 1.0))
    for strike in (80, 100, 125)
)


def add(api: TestClient, kind: str = "ohlcv", name: str = "mine", content: Any = None) -> str:  # noqa: ANN401
    """Upload a dataset; its id."""
    body = content or (bars(4000) if kind == "ohlcv" else QUOTES)
    made = api.post("/v1/datasets", params={"kind": kind, "name": name}, content=body)
    assert made.status_code == 201, made.text
    dataset: str = made.json()["id"]
    return dataset


def test_who_has_none_is_told_what_to_do(
    api: TestClient, holder: Callable[..., TestClient]
) -> None:
    """A form, unless its reader may not upload."""
    page = api.get("/datasets", headers=PERSON)
    assert page.status_code == 200
    assert "No dataset yet" in page.text
    assert 'id="upload"' in page.text
    assert 'id="upload"' not in holder("a", "studies:read").get("/datasets", headers=PERSON).text


def test_a_dataset_is_listed_and_shown(api: TestClient) -> None:
    """Name, kind, span, size, hash, first rows, and how many studies name it."""
    dataset = add(api)
    told = api.get(f"/v1/datasets/{dataset}").json()
    study = {**SMALL, "config": {"dataset": dataset}}
    assert api.post("/v1/studies", json=study).status_code == 202
    listed = api.get("/datasets", headers=PERSON).text
    page = api.get(f"/datasets/{dataset}", headers=PERSON).text
    for words in ("mine", "bars", f"{told['rows']:,}", told["begin"][:10], "1 study"):
        assert words in listed, words
        assert words in page, words
    for words in (told["sha256"], told["data_hash"], *told["columns"], told["preview"][0][1]):
        assert words in page, words
    assert f'data-src="/datasets/{dataset}/charts/prices"' in page
    assert "New study of realized_volatility" in page
    assert f"/?q={dataset}" in page
    assert "/studies/st_" in api.get(f"/?q={dataset}", headers=PERSON).text


def test_what_users_wrote_is_text(api: TestClient) -> None:
    """The name, columns and cells of a table may hold anything."""
    content = "\n".join(
        f"{row},{ODD if place else 'note' + ODD}"
        for place, row in enumerate(bars().decode().splitlines())
    )
    dataset = add(api, name=ODD, content=content)
    for path in ("/datasets", f"/datasets/{dataset}"):
        page = api.get(path, headers=PERSON)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert ODD in unescape(page.text)


@pytest.mark.parametrize(("kind", "names"), [("ohlcv", ["prices"]), ("quotes", ["smile", "level"])])
def test_its_values_are_drawn(api: TestClient, kind: str, names: list[str]) -> None:
    """From what was kept at the upload; another kind has other charts."""
    dataset = add(api, kind)
    for name in names:
        chart = api.get(f"/datasets/{dataset}/charts/{name}").json()
        assert chart["data"]
        assert chart["caption"]
    for name in {"prices", "smile", "level", "nothing"} - set(names):
        assert api.get(f"/datasets/{dataset}/charts/{name}").status_code == 404


def test_what_was_kept_is_made_again(api: TestClient, tmp_path: Path) -> None:
    """The cache may be deleted; once the file is gone as well, the chart says so."""
    dataset = add(api)
    first = api.get(f"/datasets/{dataset}/charts/prices").json()
    for kept in (tmp_path / "cache").iterdir():
        kept.unlink()
    assert api.get(f"/datasets/{dataset}/charts/prices").json() == first
    for kept in (tmp_path / "cache").iterdir():
        kept.unlink()
    (tmp_path / "sets" / dataset).unlink()
    assert "cannot be read" in api.get(f"/datasets/{dataset}/charts/prices").json()["empty"]


def test_a_damaged_file_is_no_error_of_ours(api: TestClient, tmp_path: Path) -> None:
    """Whoever changed it."""
    dataset = add(api)
    for kept in (tmp_path / "cache").iterdir():
        kept.unlink()
    (tmp_path / "sets" / dataset).write_text("no table\n1\n")
    assert "cannot be read" in api.get(f"/datasets/{dataset}/charts/prices").json()["empty"]


def test_a_tenant_sees_its_own(api: TestClient, holder: Callable[..., TestClient]) -> None:
    """Neither the datasets of another nor how often they are used."""
    one, other = holder("a"), holder("b")
    dataset = add(other, name="their secret")
    assert "their secret" not in one.get("/datasets", headers=PERSON).text
    for path in (f"/datasets/{dataset}", f"/datasets/{dataset}/charts/prices"):
        assert one.get(path, headers=PERSON).status_code == 404
        assert other.get(path, headers=PERSON).status_code == 200
    assert add(one, name="my own") == dataset
    study = {**SMALL, "config": {"dataset": dataset}}
    assert other.post("/v1/studies", json=study).status_code == 202
    assert "no study" in one.get("/datasets", headers=PERSON).text
    assert "1 study" in other.get("/datasets", headers=PERSON).text


def test_a_long_list_has_pages(api: TestClient) -> None:
    """The newest first, and a way to the older ones."""
    rows = bars().decode().splitlines()
    for count in range(SHOWN + 1):
        assert add(api, name=f"n{count}", content="\n".join(rows[: len(rows) - count]))
    first = api.get("/datasets", headers=PERSON).text
    link = first.partition('href="/datasets?cursor=')[2].partition('"')[0]
    assert link
    second = api.get(f"/datasets?cursor={unescape(link)}", headers=PERSON).text
    assert second.count("Delete “") == 1
    assert "Newest" in second
