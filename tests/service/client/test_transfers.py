"""Transfers of the client: bytes as they come, and never half a study taken for a whole one."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from service.cli.transfer import write_whole
from service.client import Unreachable
from tests.service.client.answers import Network, ok, study


class Breaking(httpx2.SyncByteStream):
    """An answer that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        """One block, and no more."""
        yield b'{"format": '
        raise httpx2.ReadError("gone")


def test_an_export_comes_as_it_is() -> None:
    """As JSON, or a table as CSV; asked for again while the server is away."""
    network = Network([httpx2.Response(503), httpx2.Response(200, content=b"a,b\r\n")])
    assert b"".join(network.client().transfers.export("st_a", table="runs")) == b"a,b\r\n"
    assert network.asked[0].url.path == "/v1/studies/st_a/export"
    assert dict(network.asked[1].url.params) == {"format": "csv", "table": "runs"}


def test_an_export_that_breaks_off_is_no_file(tmp_path: Path) -> None:
    """The next one would be of another moment: what came is thrown away."""
    network = Network([httpx2.Response(200, stream=Breaking())])
    path = tmp_path / "study.json"
    path.write_text("an older one")
    with pytest.raises(Unreachable):
        write_whole(path, network.client().transfers.export("st_a"))
    assert path.read_text() == "an older one"
    assert list(tmp_path.iterdir()) == [path]
    assert len(network.asked) == 1


def test_an_import_is_repeated_under_one_key(tmp_path: Path) -> None:
    """So that a lost answer makes no second study."""
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"format": "glideslope/study@1"}))
    network = Network([httpx2.ConnectError("away"), ok(study(state="paused"))])
    assert network.client().transfers.import_study(path).state == "paused"
    first, second = network.asked
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert network.bodies == [path.read_bytes()] * 2
