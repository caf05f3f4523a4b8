"""The lines that the form of a new study shows: shell, CLI and API read what was meant."""

import ast
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.client import Client
from service.schemas.studies import StudyView
from service.ui.form import lines
from tests.service.cli.conftest import Command

Words = Callable[[str], list[Any]]

SMALL = {"objective": "noisy_quadratic", "budget": {"trials": 10}, "baselines": ["constant"]}
REQUESTS: dict[str, dict[str, Any]] = {
    "the objective alone": {"objective": "realized_volatility"},
    "every option": {
        "objective": "noisy_quadratic",
        "budget": {"trials": 30, "steps": 10**9, "seconds": 1.5e6},
        "horizon": 400,
        "seed": 2**53,
        "sampler": "tpe",
        "space": {
            "families": ["cosine", "wsd"],
            "peak": [1e-3, 1],
            "constraints": ["final_lr <= 1e-5", "warmup<=0.1"],
        },
        "config": {"mode": "sampled", "replicas": 4, "noise": 0.5, "curvatures": None},
        "seeds": 3,
        "leaders": 4,
        "rungs": [0.25, 0.5],
        "climb": False,
        "early_stop": True,
        "evidence_budget": 10**6,
        "max_failures": 3,
        "goal": -0.5,
        "deadline": "2090-12-24T18:00:00Z",
        "priority": 2,
        "label": "first try",
    },
    "what no option says": {
        **SMALL,
        "space": {"ranges": {"warmup": [0, 0.1]}, "fixed": {"floor": 0.05, "cooldown": "1-sqrt"}},
        "baselines": ["constant", "linear"],
        "batch": 2,
        "confirm_seeds": 4,
        "worthwhile": 0.02,
        "promote": 0.5,
        "leader_seeds": 5,
        "baseline_peaks": 2,
        "rungs": [],
        "pruning": "none",
        "labels": {"team": "rates", "-x": "$(id)"},
        "notes": "two lines:\n\t'one' and \"the other\"; `id` $HOME \\ !! %s %d \x1b[31m",
    },
    "quotes and dollars": {
        **SMALL,
        "label": 'it\'s "$HOME" `id` $(id) \\ !x; & | > < * ? # ~ {a,b}',
    },
    "a dash": {**SMALL, "label": "--help", "goal": -1e-300},
    "an empty word": {**SMALL, "label": ""},
    "other letters": {**SMALL, "label": "Zinssätze 利率 😀 \u202egnitirw", "notes": "\u2028 \x07"},
    "another trainer": {
        "objective": "-m it's",
        "external": {"metrics": [{"name": "loss"}], "horizon": 50, "peak": [1e-3, 1]},
        "config": {"a=b": 1, "text": "24", "word": "NaN", "nested": {"x": [None, True]}, "-": "-"},
    },
}


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    """What a shell makes of a line: the words of its last program, and what that is piped."""
    spy = (
        f"#!{sys.executable}\nimport json, sys\nprint(json.dumps([sys.argv[1:], sys.stdin.read()]))"
    )
    for name in ("curl", "glideslope"):
        (tmp_path / name).write_text(spy)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("GLIDESLOPE_API_KEY", "gs_x")

    def read(line: str) -> list[Any]:
        done = subprocess.run(
            ["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
        told: list[Any] = json.loads(done.stdout)
        return told

    return read


def essence(study: StudyView) -> dict[str, Any]:
    """What a study was asked to be."""
    shown = study.model_dump(mode="json")
    return {name: shown[name] for name in ("spec", "labels", "notes", "priority", "deadline")}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_line_makes_the_same_study(
    glideslope: Command, url: str, words: Words, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The form's own request, the body of `curl`, and the command as the real CLI parses it."""
    request = REQUESTS[name]
    sent, _ = words(lines.curl_line(request, url, has_key=True))
    assert sent[sent.index("-X") + 1 :][:2] == ["POST", f"{url}/v1/studies"]
    assert "Authorization: Bearer gs_x" in sent
    body = json.loads(sent[sent.index("-d") + 1])
    assert body == request

    typed, piped = words(lines.command(request, url))
    assert typed[:2] == ["study", "create"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(piped))
    ended = glideslope("study", "create", "--json", *typed[2:])
    assert (ended.code, ended.err) == (0, "")

    with Client(url) as client:
        wanted = essence(client.studies.create(request))
        assert essence(client.studies.create(body)) == wanted
        made = client.studies.get(json.loads(ended.out)["id"])
    assert essence(made) == wanted


@pytest.mark.parametrize("name", REQUESTS)
def test_the_program_sends_the_same_request(name: str) -> None:
    """It is Python, its literal is the request, and no character of it moves a terminal."""
    text = lines.program(REQUESTS[name], 'http://"x')
    tree = ast.parse(text)
    (literal,) = [one.value for one in tree.body if isinstance(one, ast.Assign)]
    assert ast.literal_eval(literal) == REQUESTS[name]
    assert all(character.isprintable() or character == "\n" for character in text)


def test_what_an_option_does_not_take_goes_in_as_it_is(words: Words) -> None:
    """A value that is wrong is refused by the service, wherever it was typed."""
    request = {
        "objective": 5,
        "budget": {"trials": "many", "seconds": True},
        "space": {"peak": [1], "families": "all", "constraints": [3]},
        "config": ["x"],
        "climb": 0,
        "rungs": ["a"],
        "label": None,
    }
    typed, piped = words(lines.command(request, "http://x"))
    assert typed == ["study", "create", "--file", "-", "--url", "http://x"]
    assert json.loads(piped) == request
