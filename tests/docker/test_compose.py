"""The Compose file: who reaches whom, what each may write, and that stopping loses nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.cli.serving import SHUTDOWN_SECONDS
from service.settings import Settings
from service.worker import Options
from tests.docker.dockerfile import read_stages

DOCKER = Path(__file__).parents[2] / "docker"
TEXT = (DOCKER / "compose.yaml").read_text()
OF_COMMANDS = {"GLIDESLOPE_URL"}  # read by options of the command line, no settings
OURS = ("migrate", "api", "worker")

Service = dict[str, Any]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    """By name."""
    found: dict[str, Service] = yaml.safe_load(TEXT)["services"]
    return found


def seconds(text: str) -> float:
    """A duration as Compose writes it."""
    return float(text.removesuffix("s"))


def test_it_is_what_was_asked_for(services: dict[str, Service]) -> None:
    """PostgreSQL, the migration, two servers behind a proxy, and workers."""
    assert set(services) == {"database", "migrate", "api", "worker", "proxy"}
    assert services["api"]["deploy"]["replicas"] == 2
    assert services["worker"]["deploy"]["replicas"] >= 2
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["api"]["command"] == ["serve", "--no-worker"]


def test_images_are_named_by_a_tag_that_says_something(services: dict[str, Service]) -> None:
    """No `latest`, and no digest that nobody looked up."""
    for name, service in services.items():
        image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"])
        assert re.fullmatch(r"[a-z]+:\d+[\w.-]*", image), name


def test_ours_cannot_write_nor_become_root(services: dict[str, Service]) -> None:
    """Their root is read-only, their rights are none; /tmp is memory."""
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108 # of the container
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "cap_add" not in service
        assert "user" not in service, "the image says who it is"


def test_only_the_proxy_is_published(services: dict[str, Service]) -> None:
    """On this machine alone, unless somebody says otherwise."""
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    assert all(port.startswith("${GLIDESLOPE_HTTP") for port in services["proxy"]["ports"])
    assert TEXT.count(":-127.0.0.1:") == len(services["proxy"]["ports"])


def test_workers_reach_servers_and_nothing_else(services: dict[str, Service]) -> None:
    """They know no database, share no network with it, and theirs leads nowhere."""
    networks = yaml.safe_load(TEXT)["networks"]
    assert services["worker"]["networks"] == ["work"]
    assert networks["work"]["internal"] is True
    assert networks["data"]["internal"] is True
    assert "GLIDESLOPE_DATABASE_URL" not in services["worker"]["environment"]
    assert "data" not in services["proxy"]["networks"]
    assert "edge" in services["api"]["networks"]


def test_each_waits_for_what_it_needs(services: dict[str, Service]) -> None:
    """The database is well, the schema is there, the servers are well."""
    wanted = {
        "migrate": {"database": "service_healthy"},
        "api": {"migrate": "service_completed_successfully"},
        "worker": {"api": "service_healthy"},
        "proxy": {"api": "service_healthy"},
    }
    found = {
        name: {other: how["condition"] for other, how in services[name]["depends_on"].items()}
        for name in wanted
    }
    assert found == wanted


def test_health_is_asked_of_servers_alone(services: dict[str, Service]) -> None:
    """The image's check is of a server; what is none has it switched off."""
    assert "healthcheck" not in services["api"]
    for name in ("migrate", "worker"):
        assert services[name]["healthcheck"] == {"disable": True}


def test_stopping_waits_for_what_drains(services: dict[str, Service]) -> None:
    """Longer than a worker drains and hands back, and than a server finishes its answers."""
    drain = float(services["worker"]["environment"]["GLIDESLOPE_DRAIN_SECONDS"])
    least = drain + Options().hand_back_seconds
    assert seconds(services["worker"]["stop_grace_period"]) > least + 5
    assert seconds(services["api"]["stop_grace_period"]) > 2 * SHUTDOWN_SECONDS


def test_variables_are_settings_that_hold(services: dict[str, Service]) -> None:
    """Each is one, or of a command; what is not filled in from outside is a value it takes."""
    for name in OURS:
        variables = services[name]["environment"]
        ours = {key for key in variables if key.startswith("GLIDESLOPE_")} - OF_COMMANDS
        chosen = {key.removeprefix("GLIDESLOPE_").lower(): variables[key] for key in ours}
        assert set(chosen) <= set(Settings.model_fields), name
        Settings.model_validate({key: one for key, one in chosen.items() if "$" not in one})


def test_everything_filled_in_is_in_the_example() -> None:
    """Every variable that Compose fills in has a line there, or a default that needs none."""
    asked = set(re.findall(r"\$\{(\w+)", TEXT)) - {"GLIDESLOPE_IMAGE"}
    told = dict(
        line.split("=", 1)
        for line in (DOCKER / "example.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert set(told) == asked
    assert not told["POSTGRES_PASSWORD"], "no password is everybody's"
    assert not told["GLIDESLOPE_WORKER_KEY"]


def test_what_is_mounted_is_there(services: dict[str, Service]) -> None:
    """Files exist; volumes are declared; ours lie where the image's user may write."""
    declared = yaml.safe_load(TEXT)["volumes"]
    for name, service in services.items():
        for mount in service.get("volumes", []):
            source, target = mount.split(":")[:2]
            assert (DOCKER / source).is_file() if source.startswith(".") else source in declared
            assert name not in OURS or target.startswith("/srv/glideslope/var")


def test_servers_are_found_where_they_listen(services: dict[str, Service]) -> None:
    """Workers and the proxy ask the port of the image, by the name of the service."""
    port = read_stages(DOCKER / "Dockerfile")[-1].environment["GLIDESLOPE_PORT"]
    assert services["worker"]["environment"]["GLIDESLOPE_URL"] == f"http://api:{port}"
    caddy = (DOCKER / "Caddyfile").read_text()
    assert f"dynamic a {{$GLIDESLOPE_API_HOST:api}} {{$GLIDESLOPE_API_PORT:{port}}}" in caddy
