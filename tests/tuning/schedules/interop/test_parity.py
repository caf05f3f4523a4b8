"""The checker of `make parity`: it sees what is wrong, and its stored answers are its own cases."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TESTS = Path(__file__).parents[3]
FRAMEWORKS = ("torch", "transformers", "timm", "optax", "keras", "sklearn", "feedback")
HALVED = {
    "index": -1,
    "row": "StepLR",
    "call": "StepLR",
    "kwargs": {"step_size": 2, "gamma": 0.5},
    "base_lr": 1.0,
    "horizon": 4,
    "values": [1.0, 1.0, 0.5, 0.5, 0.25],
}


Part = Callable[[str], ModuleType]


@pytest.fixture
def parity(monkeypatch: pytest.MonkeyPatch) -> Part:
    """A function that imports a part of the checker; none of them needs a library."""
    monkeypatch.syspath_prepend(str(TESTS))
    return lambda part: importlib.import_module(f"parity.{part}")


def test_stored_answers_are_to_the_cases_as_they_are_drawn(parity: Part) -> None:
    """Whoever changes a case must run the libraries again."""
    calls_of, store = parity("record").calls_of, parity("store")
    for framework in FRAMEWORKS:
        stored = store.read(framework)
        answers = [*stored["cases"], *stored["refused"]]
        cases = calls_of(framework).cases(framework, store.DRAWS)
        assert sorted(map(spell, answers)) == sorted(
            f"{case.name} {case.kwargs} {case.base_lr} {case.horizon} {case.why}" for case in cases
        )


def spell(answer: dict[str, Any]) -> str:
    """What makes two cases the same."""
    given = f"{answer['kwargs']} {answer['base_lr']} {answer['horizon']}"
    return f"{answer['row']} {given} {answer.get('why', '')}"


def test_every_call_has_at_least_as_many_stored_cases_as_it_should(parity: Part) -> None:
    """Eight draws of each, whether the library takes them or not."""
    store = parity("store")
    for framework in FRAMEWORKS:
        stored = store.read(framework)
        rows = [case["row"] for case in (*stored["cases"], *stored["refused"])]
        assert min(rows.count(row) for row in rows) >= store.DRAWS
        assert stored["versions"]


def test_a_difference_is_seen_at_its_update(parity: Part) -> None:
    """One value off by a billionth is a fault, none is none."""
    judge = parity("compare").judge
    assert judge("torch", HALVED, 1e-12).fault == ""
    wrong = {**HALVED, "values": [1.0, 1.0, 0.5, 0.5 + 1e-9, 0.25]}
    found = judge("torch", wrong, 1e-12)
    assert "at update 3" in found.fault
    assert found.difference == pytest.approx(1e-9, rel=1e-5)
    assert judge("torch", {**wrong, "undecided": [3]}, 1e-12).undecided == 1
    assert judge("torch", {**wrong, "undecided": [3]}, 1e-12).fault == ""


def test_an_ending_of_its_own_needs_a_note(parity: Part) -> None:
    """After the horizon a difference is a fault, too, if nothing is said of it."""
    kwargs = {"factor": 0.5, "total_iters": 2}
    beyond = {**HALVED, "call": "ConstantLR", "kwargs": kwargs, "values": [0.5, 0.5, 1.0, 1.0, 0.9]}
    assert "without a note" in parity("compare").judge("torch", beyond, 1e-12).fault


def test_an_import_that_fails_or_refuses_is_told_apart(parity: Part) -> None:
    """What the library takes must be read, what it refuses must not."""
    compare = parity("compare")
    unknown = {**HALVED, "kwargs": {"nonsense": 1}}
    assert "not read" in compare.judge("torch", unknown, 1e-12).fault
    refused = {**unknown, "error": "TypeError"}
    assert compare.judge_refusal("torch", refused).fault == ""
    assert "where the library has" in compare.judge_refusal("torch", {**HALVED, "error": "E"}).fault


def test_no_scheduler_is_left_out_silently(parity: Part) -> None:
    """What the library has and no case calls is named."""
    answer = {"public": ["StepLR", "NewestLR"]}
    covered = {"StepLR", "SequentialLR(of any)"}
    left = parity("compare").uncovered("torch", answer, covered)
    assert "NewestLR" in left
    assert {"StepLR", "SequentialLR"}.isdisjoint(left)


def test_the_table_and_the_figures_show_faults(parity: Part) -> None:
    """A row with a fault says so in both."""
    compare, report = parity("compare"), parity("report")
    wrong = {**HALVED, "values": [1.0, 1.0, 0.5, 0.6, 0.25]}
    answer = {"cases": [HALVED, wrong], "refused": []}
    rows = compare.compare("torch", "torch", answer, 1e-12)
    table = report.print_table(rows, [("torch", "NewestLR", "no case")])
    assert re.search(r"StepLR +0 +2 +0 +1\.0e-01 +1e-12 +1 FAIL", table)
    assert "NewestLR" in table
    (figure,) = report.figures(rows, {"torch": "torch 2"})
    assert figure["met"] is False
    assert figure["value"] == pytest.approx(0.1)
    assert figure["spread"][0] == 0.0


def test_requirements_are_pinned_and_name_no_registry() -> None:
    """All by version, all but torch by hash; where from is the machine's own affair."""
    text = (TESTS / "parity" / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert lines
    assert all(re.match(r"[\w.-]+==\S+", line) and line.endswith("\\") for line in lines)
    assert "--hash=sha256" in text
    torch = (TESTS / "parity" / "torch.txt").read_text()
    assert re.fullmatch(r"torch==[\d.]+\n", torch)
    assert "://" not in text + torch
    assert "index" not in text + torch
