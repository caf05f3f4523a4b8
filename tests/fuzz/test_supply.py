"""What the service is made of (S12): locked by hash, listed, and looked up among known weaknesses.

The one idea: whatever guards this is tried with something wrong, too: a lock without a hash, a
service of advisories that knows something, and one that is not there.
"""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from tests.campaign import Campaign
from tests.supply.audit import FINE, KNOWN, UNKNOWN, main, read_report
from tests.supply.locks import LOCKS, ROOT, read_lock
from tests.supply.sbom import BILLS, write_bill

HASH = "--hash=sha256:" + "0" * 64
# Of the machine or the checkout itself.
UNLOCKED = {"pip", "setuptools", "wheel", "glideslope"}
# Installed from no lock: it differs by machine (tests/parity/torch.txt).
BESIDE = re.compile(
    r"^(torch|torchvision|nvidia-.*|cuda-.*|triton|sympy|mpmath|networkx|filelock|fsspec|setuptools)$"
)


def test_everything_is_locked_by_hash(campaign: Campaign) -> None:
    """One version each, with the hashes of its files; no address, no file, no option."""
    known: dict[str, dict[tuple[str, str], frozenset[str]]] = {}
    for name in LOCKS:
        found, odd = read_lock((ROOT / name).read_text())
        campaign.case(len(found) + len(odd))
        campaign.find(f"{name}: {line}" for line in odd)
        known[name] = {(one.name, f"{one.version} {one.marker}"): one.hashes for one in found}
        campaign.measure(f"{name} requirements", len(found))
        campaign.measure(f"{name} hashes", sum(len(one.hashes) for one in found))
    service, tests = known["requirements.lock"], known["tests/full.lock"]
    campaign.find(
        f"{name} {version} is another one in the tests"
        for (name, version), hashes in service.items()
        if tests.get((name, version)) != hashes
    )


@pytest.mark.parametrize(
    "line",
    [
        "idna==3.11",
        f"idna>=3.11 {HASH}",
        f"idna {HASH}",
        "idna==3.11 --hash=md5:" + "0" * 32,
        "idna==3.11 --hash=sha256:abc",
        f"idna==3.11 {HASH} --index-url=https://evil.example",
        "--index-url https://evil.example/simple",
        "--extra-index-url https://evil.example/simple",
        "--find-links /tmp",
        "-e .",
        f"idna @ https://evil.example/idna.whl {HASH}",
        f"./idna.whl {HASH}",
        "git+https://evil.example/idna",
        "-r other.txt",
    ],
)
def test_what_is_not_locked_is_found(line: str) -> None:
    """Whatever way a requirement leaves open what is installed."""
    good = f"anyio==4.16.0 ; python_full_version >= '3.11' \\\n    {HASH} \\\n    {HASH}\n"
    assert [one.name for one in read_lock(good)[0]] == ["anyio"]
    assert read_lock(good + line + "\n")[1] == [line]


def test_what_is_installed_is_what_is_locked(campaign: Campaign) -> None:
    """Here and now: nothing came in beside the locks, and nothing in another version."""
    locked: dict[str, set[str]] = {}
    for one in read_lock((ROOT / "tests/full.lock").read_text())[0]:
        locked.setdefault(one.name, set()).add(one.version)
    for found in distributions():
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        if name in UNLOCKED or BESIDE.match(name):
            continue
        campaign.case()
        if found.version not in locked.get(name, set()):
            campaign.find([f"{name} {found.version}, locked: {locked.get(name)}"])


def test_every_direct_dependency_is_locked(campaign: Campaign) -> None:
    """A name that stands in no lock would be resolved anew somewhere."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    locked = {one.name for one in read_lock((ROOT / "requirements.lock").read_text())[0]}
    for line in wanted:
        campaign.case()
        name = re.split(r"[\[<>=; ]", line)[0].lower().replace("_", "-")
        campaign.find([] if name in locked else [f"{name} is in no lock"])


def test_nothing_is_installed_without_hashes() -> None:
    """By none of the commands of Makefile and image that take something from an index."""
    taken = 0
    for file in ("Makefile", "docker/Dockerfile"):
        text = (ROOT / file).read_text().replace("\\\n", " ")
        for line in text.splitlines():
            if not re.search(r"pip (install|download)", line) or line.lstrip().startswith("#"):
                continue
            is_local = "--no-deps --no-build-isolation" in line or "--no-index" in line
            is_torch = "tests/parity/torch.txt" in line  # differs by machine; of tests alone
            assert "--require-hashes" in line or is_local or is_torch, line
            taken += "--require-hashes" in line
    assert taken >= 4


@pytest.mark.full
@pytest.mark.parametrize("name", BILLS)
def test_a_bill_lists_what_is_locked(tmp_path: Path, campaign: Campaign, name: str) -> None:
    """Every component with its version, address and hashes, and nothing of this machine."""
    lock = ROOT / BILLS[name]
    write_bill(lock, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert str(ROOT).encode() not in content
    bill = json.loads(content)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "glideslope"
    assert not {"timestamp", "serialNumber"} & {*bill, *bill["metadata"]}, "the same each time"
    told = {
        (one["name"], one["version"], hashed["content"])
        for one in bill["components"]
        for place in one["externalReferences"]
        for hashed in place["hashes"]
    }
    locked = read_lock(lock.read_text())[0]
    assert told == {(one.name, one.version, hashed) for one in locked for hashed in one.hashes}
    assert {one["purl"] for one in bill["components"]} == {
        f"pkg:pypi/{one.name}@{one.version}" for one in locked
    }
    campaign.case(len(bill["components"]))
    campaign.measure("components", len(bill["components"]))


def test_what_was_not_looked_up_is_no_result() -> None:
    """Nor is a report of nothing; one weakness counts, whatever else was not looked up."""
    fine = {"name": "a", "version": "1", "vulns": []}
    weak = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}
    skipped = {"name": "c", "skip_reason": "not found"}
    codes = {
        (FINE, "2 packages were looked up"): [fine, fine],
        (UNKNOWN, "NOT AUDITED: 1 packages were looked up, 1 were not: c: not found"): [
            fine,
            skipped,
        ],
        (UNKNOWN, "NOT AUDITED: 0 packages"): [],
        (KNOWN, "1 of 2 packages are known weak:\n  b 2: CVE-1, CVE-2"): [fine, weak, skipped],
    }
    for (code, words), dependencies in codes.items():
        found = read_report({"dependencies": dependencies})
        assert found.code == code
        assert found.words.startswith(words)


@contextmanager
def advising(weak: str, status: int = 200) -> Iterator[str]:
    """A service of advisories that knows something of one package; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            place = {"package": {"name": name, "ecosystem": "PyPI"}}
            known: dict[str, Any] = {"vulns": [{"id": "PYSEC-1", "affected": [place]}]}
            body = json.dumps(known if name == weak else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.full
@pytest.mark.parametrize(
    ("weak", "status", "code"), [("", 200, FINE), ("anyio", 200, KNOWN), ("", 503, UNKNOWN)]
)
def test_an_audit_says_what_a_service_knows(
    capsys: pytest.CaptureFixture[str], campaign: Campaign, weak: str, status: int, code: int
) -> None:
    """Of every package of the lock; a service that cannot answer has audited nothing."""
    with advising(weak, status) as url:
        assert main(["requirements.lock", "--osv-url", url]) == code
    words = capsys.readouterr().out
    assert ("anyio" in words) == (code == KNOWN)
    assert ("NOT AUDITED" in words) == (code == UNKNOWN)
    campaign.case(int(next(iter(re.findall(r"(\d+) packages", words)), 0)) or 1)


@pytest.mark.full
def test_an_audit_without_a_service_fails() -> None:
    """With a code of its own and in words, where pip-audit itself may end with 0."""
    command = [sys.executable, "tests/supply/audit.py", "requirements.lock"]
    nobody = ["--osv-url", "http://127.0.0.1:9/"]
    done = subprocess.run(
        [*command, *nobody], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == UNKNOWN
    assert "NOT AUDITED" in done.stdout
