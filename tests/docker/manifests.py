"""The Kubernetes manifests: as they are written, and as kustomize makes them."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

K8S = Path(__file__).parents[2] / "docker" / "k8s"
COMPONENTS = ("ingress", "keda")

Manifest = dict[str, Any]


def written() -> list[Manifest]:
    """Every manifest of the base and of the components, as it stands in its file."""
    files = [path for folder in ("base", *COMPONENTS) for path in sorted((K8S / folder).iterdir())]
    return [
        one
        for path in files
        if path.name != "kustomization.yaml"
        for one in yaml.safe_load_all(path.read_text())
    ]


def rendered(folder: Path, components: Sequence[str] = ()) -> list[Manifest]:
    """What `kubectl apply -k` would apply, with the example secrets; skips without kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl, which has kustomize in it")
    shutil.copytree(K8S, folder, dirs_exist_ok=True)
    for name in ("database", "worker"):
        shutil.copy(folder / f"{name}.example.env", folder / f"{name}.env")
    path = folder / "kustomization.yaml"
    chosen = yaml.safe_load(path.read_text()) | {"components": list(components)}
    path.write_text(yaml.safe_dump(chosen))
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(done.stdout))


def named(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """The one of a kind and name; its hash, if it has one, is no part of the name."""
    (found,) = (
        one
        for one in manifests
        if one["kind"] == kind and one["metadata"]["name"].startswith(f"glideslope{name}")
    )
    return found


def pods(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """What is said of pods, by component."""
    return {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"][
            "template"
        ]["spec"]
        for one in manifests
        if one["kind"] in {"Deployment", "Job"}
    }
