"""`glideslope key` and `glideslope project` on the store itself, and what `serve` makes of them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from service.app import open_store
from service.cli.serving import _check_keys
from service.settings import Settings
from service.store import keys
from service.store.tokens import digest
from tests.service.cli.conftest import Command
from tuning.errors import InvalidValue


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A store that commands find without being told."""
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    monkeypatch.setenv("GLIDESLOPE_DATABASE_URL", url)
    monkeypatch.delenv("GLIDESLOPE_API_KEY", raising=False)
    return Settings()


def answer(glideslope: Command, *words: str) -> Any:  # noqa: ANN401 # any JSON
    """What a command answers to programs."""
    ended = glideslope(*words, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_the_first_key_is_made_before_anybody_is_served(
    glideslope: Command, settings: Settings
) -> None:
    """It goes to standard output alone; then it can be listed, and revoked."""
    ended = glideslope("key", "create", "--label", "first", "--days", "30")
    token = ended.out.strip()
    assert ended.code == 0
    assert token.startswith("gs_")
    assert token not in ended.err
    (listed,) = answer(glideslope, "key", "list")["items"]
    assert token[3:15] == listed["id"]
    assert (listed["label"], listed["scopes"]) == (
        "first",
        ["studies:read", "studies:write", "work"],
    )
    assert token not in glideslope("key", "list").out
    assert answer(glideslope, "key", "revoke", listed["id"]) == {"revoked": listed["id"]}
    assert answer(glideslope, "key", "list")["items"][0]["revoked_at"] is not None


def test_a_key_of_all_projects_is_made_here(glideslope: Command, settings: Settings) -> None:
    """Of a project that is made with it."""
    made = answer(
        glideslope, "key", "create", "--project", "fleet", "--scope", "work", "--all-projects"
    )
    assert (made["project"], made["scopes"], made["all_projects"]) == ("fleet", ["work"], True)
    store = open_store(settings)
    with store.read() as session:
        (lock,) = keys.usable(session)
    store.close()
    assert (lock.digest, lock.all_projects) == (digest(made["token"]), True)


def test_no_other_address_is_served_without_a_key(glideslope: Command, settings: Settings) -> None:
    """And a revoked one is none; this machine is always served."""

    def check(host: str) -> None:
        store = open_store(settings)
        try:
            _check_keys(store, settings.model_copy(update={"host": host}))
        finally:
            store.close()

    for host in ("127.0.0.1", "localhost", "::1"):
        check(host)
    made = answer(glideslope, "key", "create")
    for host in ("0.0.0.0", "::", "192.168.0.7", "example.org"):  # noqa: S104 # it is refused
        check(host)
    answer(glideslope, "key", "revoke", made["id"])
    with pytest.raises(InvalidValue, match="glideslope key create"):
        check("0.0.0.0")  # noqa: S104 # likewise


def test_projects_are_made_listed_and_limited(glideslope: Command, settings: Settings) -> None:
    """`usual` takes a limit back."""
    answer(glideslope, "project", "create", "desk-b")
    changed = answer(glideslope, "project", "set", "desk-b", "--trials", "50", "--storage-mib", "2")
    assert changed["quotas"] == {"trials": 50, "storage_bytes": 2 * 2**20}
    changed = answer(glideslope, "project", "set", "desk-b", "--trials", "usual")
    assert changed["quotas"] == {"storage_bytes": 2 * 2**20}
    names = [one["name"] for one in answer(glideslope, "project", "list")["items"]]
    assert names == ["default", "desk-b"]
    assert "2,097,152" in glideslope("project", "list").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("key create --project ../x", "--project: '../x'"),
        ("key create --scope root", "--scope"),
        ("key create --days -1", "--days"),
        ("key revoke nobody", "no key 'nobody'"),
        ("project create A", "PROJECT: 'A'"),
        ("project set default", "at least one limit"),
        ("project set default --trials many", "--trials: 'many'"),
        ("project set nobody --trials 5", "no project 'nobody'"),
    ],
)
def test_mistakes_are_told(glideslope: Command, settings: Settings, words: str, told: str) -> None:
    """In one line, without a trace."""
    ended = glideslope(*words.split())
    assert ended.code != 0
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_store_that_is_served_is_asked_through_its_server(
    glideslope: Command, settings: Settings
) -> None:
    """On SQLite nobody else has it; the refusal says so."""
    store = open_store(settings)
    ended = glideslope("key", "create")
    store.close()
    assert ended.code != 0
    assert "--url" in ended.err


def test_a_key_on_the_command_line_is_that_of_the_environment(
    glideslope: Command, settings: Settings
) -> None:
    """Whatever command follows it."""
    glideslope("--key", "gs_x", "key", "list")
    assert os.environ.pop("GLIDESLOPE_API_KEY") == "gs_x"
