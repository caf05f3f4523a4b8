"""The Kubernetes manifests: restricted pods, closed networks, and scaling by what is told."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from service.api.readiness import DEADLINE_SECONDS
from service.app import create_app
from service.cli.serving import SHUTDOWN_SECONDS
from service.settings import Settings
from service.store.engine import Store
from service.worker import Options
from tests.docker.dockerfile import read_stages
from tests.docker.manifests import COMPONENTS, K8S, Manifest, named, pods, rendered, written

COMPONENT = "app.kubernetes.io/component"
IMAGE = read_stages(K8S.parent / "Dockerfile")[-1]
OF_COMMANDS = {"GLIDESLOPE_URL"}


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    """As they are written."""
    return written()


def container(pod: Manifest) -> dict[str, Any]:
    """The one container of a pod."""
    (only,) = pod["containers"]
    assert "initContainers" not in pod
    return dict(only)


def chosen(pod: Manifest) -> dict[str, str]:
    """Its variables with their values."""
    return {one["name"]: one["value"] for one in container(pod).get("env", [])}


@pytest.fixture(params=["api", "worker", "migrate"])
def pod(request: pytest.FixtureRequest, manifests: list[Manifest]) -> Manifest:
    """Each kind of pod."""
    return pods(manifests)[request.param]


def test_pods_are_restricted(manifests: list[Manifest], pod: Manifest) -> None:
    """What the namespace demands of them: not root, no rights, a root that is not written."""
    namespace = named(manifests, "Namespace", "")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    whole, own = pod["securityContext"], container(pod)["securityContext"]
    assert whole["runAsNonRoot"] is True
    assert f"{whole['runAsUser']}:{whole['runAsGroup']}" == IMAGE.last("USER")
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_pods_say_what_they_need(pod: Manifest) -> None:
    """Memory is limited, and so is everything that is written; the image is named once, outside."""
    resources = container(pod)["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert "memory" in resources["limits"]
    assert container(pod)["image"] == "glideslope"
    for volume in pod["volumes"]:
        assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": "a claim has one"})
    places = {mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    assert all(place == "/tmp" or place.startswith("/srv/glideslope/var") for place in places)  # noqa: S108 # of the container
    assert {volume["name"] for volume in pod["volumes"]} == {
        mount["name"] for mount in container(pod)["volumeMounts"]
    }


def test_variables_are_settings_that_hold(pod: Manifest) -> None:
    """Each is one, or of a command, with a value that it takes."""
    ours = {
        name.removeprefix("GLIDESLOPE_").lower(): text
        for name, text in chosen(pod).items()
        if name not in OF_COMMANDS
    }
    assert set(ours) <= set(Settings.model_fields)
    Settings.model_validate(ours)


def test_the_database_is_known_to_servers_alone(manifests: list[Manifest]) -> None:
    """And to the migration; workers know their key and where to ask."""
    secrets = {
        name: container(pod)["envFrom"][0]["secretRef"]["name"]
        for name, pod in pods(manifests).items()
    }
    assert secrets == {
        "api": "glideslope-database",
        "migrate": "glideslope-database",
        "worker": "glideslope-worker",
    }
    service = named(manifests, "Service", "-api")
    port = service["spec"]["ports"][0]["port"]
    url = f"http://{service['metadata']['name']}:{port}"
    assert chosen(pods(manifests)["worker"])["GLIDESLOPE_URL"] == url
    assert str(port) == IMAGE.environment["GLIDESLOPE_PORT"]


def test_secrets_are_examples_without_one() -> None:
    """What is in the checkout opens nothing, and sets what the pods read."""
    examples = {path.name: path.read_text() for path in K8S.glob("*.env")}
    examples = {name: text for name, text in examples.items() if name.endswith(".example.env")}
    assert set(examples) == {"database.example.env", "worker.example.env"}
    assert examples["worker.example.env"] == "GLIDESLOPE_API_KEY=\n"
    assert re.match(r"GLIDESLOPE_DATABASE_URL=.*PASSWORD@", examples["database.example.env"])


def test_the_end_of_a_pod_waits_for_what_drains(manifests: list[Manifest]) -> None:
    """Longer than a worker drains and hands back, and than a server pauses and answers."""
    worker, api = pods(manifests)["worker"], pods(manifests)["api"]
    drain = float(chosen(worker)["GLIDESLOPE_DRAIN_SECONDS"]) + Options().hand_back_seconds
    assert worker["terminationGracePeriodSeconds"] > drain + 5
    pause = container(api)["lifecycle"]["preStop"]["exec"]["command"]
    assert pause[0] == "sleep"
    assert api["terminationGracePeriodSeconds"] > int(pause[1]) + 2 * SHUTDOWN_SECONDS


def test_health_is_asked_where_it_is_told(manifests: list[Manifest], tmp_path: Path) -> None:
    """Alive and ready are routes that need no key; a migration may take minutes first."""
    api = container(pods(manifests)["api"])
    assert api["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert api["readinessProbe"]["timeoutSeconds"] > DEADLINE_SECONDS + 1
    startup = api["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300
    store = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    with_keys = TestClient(create_app(store, Settings(require_keys=True)))
    assert with_keys.get("/livez").status_code == 200
    store.close()


def test_selectors_meet_their_pods(manifests: list[Manifest]) -> None:
    """Services, budgets and policies select by labels that the pods have."""
    labels = {COMPONENT: set(pods(manifests)), "app.kubernetes.io/name": {"glideslope"}}
    selectors = [
        one["spec"].get("podSelector", one["spec"].get("selector"))
        for one in manifests
        if one["kind"] in {"Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"}
    ]
    for selector in selectors:
        for name, value in selector.get("matchLabels", selector).items():
            assert value in labels[name]


def test_networks_are_closed(manifests: list[Manifest]) -> None:
    """All is denied but names, workers to servers, and servers and migration to PostgreSQL."""
    policies = [one for one in manifests if one["kind"] == "NetworkPolicy"]
    closed = next(one["spec"] for one in policies if one["metadata"]["name"].endswith("deny-all"))
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    out = {
        one["spec"]["podSelector"]["matchLabels"][COMPONENT]: [
            (rule.get("to", "anywhere"), rule["ports"][0]["port"]) for rule in one["spec"]["egress"]
        ]
        for one in policies
        if "egress" in one["spec"] and one["spec"]["podSelector"]
    }
    servers = [{"podSelector": {"matchLabels": {COMPONENT: "api"}}}]
    assert out == {
        "worker": [(servers, 8000)],
        "api": [("anywhere", 5432)],
        "migrate": [("anywhere", 5432)],
    }


def test_a_server_stays_whatever_is_moved(manifests: list[Manifest]) -> None:
    """Two at least, spread over nodes and zones, of which one is left during a disruption."""
    assert named(manifests, "PodDisruptionBudget", "-api")["spec"]["minAvailable"] == 1
    assert named(manifests, "HorizontalPodAutoscaler", "-api")["spec"]["minReplicas"] == 2
    spread = {one["topologyKey"] for one in pods(manifests)["api"]["topologySpreadConstraints"]}
    assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    for name in ("-api", "-worker"):
        deployment = named(manifests, "Deployment", name)
        assert "replicas" not in deployment["spec"], "the autoscaler's to say"
    claim = named(manifests, "PersistentVolumeClaim", "-datasets")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_postgresql_takes_the_connections_of_all_servers(manifests: list[Manifest]) -> None:
    """Of as many as there may be, and one more during an update; it takes 100 unless it is told."""
    most = named(manifests, "HorizontalPodAutoscaler", "-api")["spec"]["maxReplicas"] + 1
    own = int(chosen(pods(manifests)["api"])["GLIDESLOPE_DATABASE_CONNECTIONS"])
    assert most * (own + 2) < 100


def test_workers_are_scaled_by_figures_that_are_told(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    """Each metric of both autoscalers, and of the adapter's rule, is told by /metrics as asked."""
    store = Store(f"sqlite:///{tmp_path / 'scaled.db'}")
    store.upgrade()
    text = (
        TestClient(create_app(store, Settings()), base_url="http://127.0.0.1").get("/metrics").text
    )
    store.close()
    told = {line.rpartition(" ")[0] for line in text.splitlines()}
    metrics = named(manifests, "HorizontalPodAutoscaler", "-worker")["spec"]["metrics"]
    asked = [one["external"]["metric"] for one in metrics]
    by_adapter = {
        one["name"]
        + "".join(
            f'{{{label}="{value}"}}'
            for label, value in one.get("selector", {}).get("matchLabels", {}).items()
        )
        for one in asked
    }
    triggers = named(manifests, "ScaledObject", "-worker")["spec"]["triggers"]
    by_keda = {one["metadata"]["valueLocation"] for one in triggers}
    assert by_adapter == by_keda
    assert by_adapter <= told
    assert "glideslope_queue_age_seconds" in by_adapter
    (rule,) = yaml.safe_load((K8S / "prometheus-adapter.yaml").read_text())["rules"]["external"]
    names = re.search(r'__name__=~"([^"]+)"', rule["seriesQuery"])
    assert names is not None
    assert all(re.fullmatch(names.group(1), one["name"]) for one in asked)


def test_a_worker_is_counted_with_the_runs_that_it_holds(manifests: list[Manifest]) -> None:
    """The target of leased runs is what a worker of so many cores takes at once."""
    limits = container(pods(manifests)["worker"])["resources"]["limits"]
    holds = int(limits["cpu"]) * Settings().lanes
    metrics = named(manifests, "HorizontalPodAutoscaler", "-worker")["spec"]["metrics"]
    assert int(metrics[1]["external"]["target"]["averageValue"]) == holds
    triggers = named(manifests, "ScaledObject", "-worker")["spec"]["triggers"]
    assert int(triggers[1]["metadata"]["targetValue"]) == holds


@pytest.mark.parametrize("components", [(), ("ingress",), ("keda",), COMPONENTS])
def test_kustomize_puts_them_together(tmp_path: Path, components: tuple[str, ...]) -> None:
    """In one namespace, with the image and secrets of the user, and one autoscaler of workers."""
    made = rendered(tmp_path, components)
    names = [(one["kind"], one["metadata"]["name"]) for one in made]
    assert len(names) == len(set(names))
    assert all(
        one["metadata"].get("namespace") == "glideslope"
        for one in made
        if one["kind"] != "Namespace"
    )
    secrets = {one["metadata"]["name"] for one in made if one["kind"] == "Secret"}
    for pod in pods(made).values():
        assert container(pod)["envFrom"][0]["secretRef"]["name"] in secrets
        assert container(pod)["image"] == "registry.example.com/glideslope:0.1.0"
    kinds = [kind for kind, name in names if name == "glideslope-worker"]
    scaled = "ScaledObject" if "keda" in components else "HorizontalPodAutoscaler"
    assert [kind for kind in kinds if kind.endswith(("Autoscaler", "Object"))] == [scaled]
    assert ("Ingress" in {kind for kind, _ in names}) is ("ingress" in components)
