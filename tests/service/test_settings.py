"""Settings: what a training process may take, and what a local worker is told of it."""

import pytest
from pydantic import ValidationError

from service.cli.serving import _worker_environment
from service.settings import Settings
from tuning.execution import Allowance, Network
from tuning.execution.memory import MACHINE_SHARE, total_bytes

MEBIBYTE = 2**20


def test_a_training_process_may_take_an_hour_and_most_of_the_machine() -> None:
    """Unless it is told otherwise."""
    whole = total_bytes()
    share = None if whole is None else int(MACHINE_SHARE * whole)
    assert Settings().allowance == Allowance(
        run_seconds=3600.0,
        memory_bytes=share,
        files=65_536,
        file_bytes=65_536 * MEBIBYTE,
        processes=4_096,
    )


def test_what_it_may_take_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds, in MiB and in numbers."""
    monkeypatch.setenv("GLIDESLOPE_RUN_TIMEOUT_SECONDS", "7.5")
    monkeypatch.setenv("GLIDESLOPE_RUN_MEMORY_MIB", "600")
    monkeypatch.setenv("GLIDESLOPE_RUN_FILES", "256")
    monkeypatch.setenv("GLIDESLOPE_RUN_FILE_MIB", "12")
    monkeypatch.setenv("GLIDESLOPE_RUN_PROCESSES", "300")
    monkeypatch.setenv("GLIDESLOPE_RUN_NETWORK", "none")
    monkeypatch.setenv("GLIDESLOPE_RUN_USER", "trainer")
    assert Settings().allowance == Allowance(
        run_seconds=7.5,
        memory_bytes=600 * MEBIBYTE,
        files=256,
        file_bytes=12 * MEBIBYTE,
        processes=300,
        network=Network.NONE,
        user="trainer",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUN_TIMEOUT_SECONDS", "0"),
        ("RUN_TIMEOUT_SECONDS", "inf"),
        ("RUN_MEMORY_MIB", "0"),
        ("RUN_FILES", "3"),
        ("RUN_FILE_MIB", "0"),
        ("RUN_PROCESSES", "15"),
        ("RUN_NETWORK", "some"),
        ("RUN_USER", ""),
    ],
)
def test_nothing_is_no_allowance(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Refused at the start of the service, by name."""
    monkeypatch.setenv(f"GLIDESLOPE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_a_key_is_shown_nowhere() -> None:
    """Neither in the settings as text nor in an error about them."""
    assert "gs_secret" not in repr(Settings(api_key="gs_secret"))
    with pytest.raises(ValidationError) as error:
        Settings(api_key="gs_secret", port=-1)
    assert "gs_secret" not in str(error.value)


def test_the_local_worker_is_told_what_its_server_was() -> None:
    """The allowance among it and the worker's own key, but no database."""
    settings = Settings(
        run_timeout_seconds=7.5,
        run_memory_mib=600,
        run_files=99,
        run_file_mib=3,
        run_processes=77,
        run_network="shared",
        run_user="trainer",
        api_key="gs_of_the_user",
    )
    told = _worker_environment(settings, "gs_of_the_worker")
    assert told["GLIDESLOPE_API_KEY"] == "gs_of_the_worker"
    assert told["GLIDESLOPE_RUN_TIMEOUT_SECONDS"] == "7.5"
    assert told["GLIDESLOPE_RUN_MEMORY_MIB"] == "600"
    assert (told["GLIDESLOPE_RUN_FILES"], told["GLIDESLOPE_RUN_FILE_MIB"]) == ("99", "3")
    assert told["GLIDESLOPE_RUN_PROCESSES"] == "77"
    assert (told["GLIDESLOPE_RUN_NETWORK"], told["GLIDESLOPE_RUN_USER"]) == ("shared", "trainer")
    assert "GLIDESLOPE_DATABASE_URL" not in told


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Separated by commas; there are none by default."""
    assert Settings().proxy_networks == ()
    monkeypatch.setenv("GLIDESLOPE_PROXIES", "10.0.0.0/8, 192.168.1.7,fd00::/8")
    assert Settings().proxy_networks == ("10.0.0.0/8", "192.168.1.7", "fd00::/8")


@pytest.mark.parametrize("value", ["*", "proxy", "10.0.0.1/8", "10.0.0.0/8,all"])
def test_what_is_no_network_is_no_proxy(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Refused at the start, by name and value: it would be believed nowhere, or everywhere."""
    monkeypatch.setenv("GLIDESLOPE_PROXIES", value)
    with pytest.raises(ValidationError, match=r"(?s)proxies.*is not allowed; allowed: an address"):
        Settings()
