"""What those who know say of the files: a linter, schemas of Kubernetes and Compose, and Caddy."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker.manifests import COMPONENTS, rendered
from tests.docker.tools import tool

DOCKER = Path(__file__).parents[2] / "docker"
KUBERNETES = ("1.31", "1.34")  # the oldest and the newest that they are checked against
OF_KEDA = "keda.sh/v1alpha1"  # not Kubernetes' own, and without a schema here

pytestmark = pytest.mark.full


def run(*command: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":  # noqa: ANN401 # of subprocess
    """Run a command to its end."""
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )


def test_the_linter_of_dockerfiles_has_nothing_to_say() -> None:
    """Neither of style nor of the shell in it; what it should overlook is said in the file."""
    done = run(tool("hadolint"), "--failure-threshold", "style", DOCKER / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_fits_the_specification() -> None:
    """Every key is known and every value of its kind."""
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = run(tool("check-jsonschema"), *schema, DOCKER / "compose.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifests_fit_the_schemas_of_kubernetes(tmp_path: Path) -> None:
    """Strictly: no field is unknown, in the oldest and the newest version."""
    validate = pytest.importorskip("kubernetes_validate")
    made = [one for one in rendered(tmp_path, COMPONENTS) if one["apiVersion"] != OF_KEDA]
    made += [one for one in rendered(tmp_path) if one["apiVersion"] != OF_KEDA]
    assert len(made) > 20
    for version in KUBERNETES:
        for one in made:
            validate.validate(one, version, strict=True)


def test_a_slip_in_a_manifest_would_be_seen(tmp_path: Path) -> None:
    """The schemas refuse what is misspelt: else they would prove nothing."""
    validate = pytest.importorskip("kubernetes_validate")
    one = next(one for one in rendered(tmp_path) if one["kind"] == "Deployment")
    text = yaml.safe_dump(one).replace("terminationGracePeriodSeconds", "gracePeriodSeconds")
    with pytest.raises(validate.ValidationError):
        validate.validate(yaml.safe_load(text), KUBERNETES[0], strict=True)


def test_caddy_understands_its_file() -> None:
    """As the proxy of this very version reads it, formatted as it formats."""
    caddy, file = tool("caddy"), DOCKER / "Caddyfile"
    done = run(caddy, "adapt", "--adapter", "caddyfile", "--config", file)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower()
    route = json.loads(done.stdout)["apps"]["http"]["servers"]["srv0"]["routes"][0]["handle"][0]
    assert route["dynamic_upstreams"]["name"] == "api"
    assert route["flush_interval"] == -1
    assert run(caddy, "fmt", "--diff", file).returncode == 0
