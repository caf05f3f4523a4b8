"""What a machine of a cluster does with a block: what the process executor does, and says so."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuning.execution import Block, Ended, Inline, Lane, node
from tuning.execution.block import read_event
from tuning.objectives.dataset_files import dataset_id
from tuning.provenance import installed
from tuning.records import Cause
from tuning.schedules import Schedule, build

ODD = str(Path(__file__).parents[2] / "contracts")
BYTES = b"time,close\n"
DATASET = dataset_id(hashlib.sha256(BYTES).hexdigest())


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """An order for a block of the odd objective."""
    monkeypatch.setenv("PYTHONPATH", ODD)
    monkeypatch.syspath_prepend(ODD)
    folders = [None, str(tmp_path), str(tmp_path / "datasets")]
    yield {
        "version": installed()["glideslope"],
        "needs": {"CPU": 1, "GPU": 0.0, "memory": 0},
        "threads": 3,
        "place": {
            "folders": folders,
            "modules": ["odd_objectives"],
            "run_seconds": 60.0,
            "memory_bytes": None,
            "files": None,
            "file_bytes": None,
            "processes": None,
            "network": "auto",
            "user": None,
        },
        "dataset": None,
        "block": odd().document(),
    }
    for executor in node._kept.values():
        executor.close()
    node._kept.clear()


def odd(behaviour: str = "calm") -> Block:
    """A block of two lanes that behave so after the first measurement."""
    schedule = Schedule(build("constant", 0.1, {}), 10)
    return Block("odd", {"behaviour": behaviour}, 10, (Lane("a", 1, schedule),))


def said(order: dict[str, Any], content: bytes = b"") -> list[dict[str, Any]]:
    """All that is said about an order but that it has begun."""
    begun, *messages = [one for batch in node.train(order, lambda: content) for one in batch]
    assert begun["event"] == "begun"
    assert begun["node"]
    return messages


def values(messages: list[dict[str, Any]]) -> list[Any]:
    """Without the process id, which is another's."""
    return [
        {**one, "values": {**one["values"], "process": 0}} if "values" in one else one["event"]
        for one in messages
    ]


def test_a_block_is_trained_as_anywhere(order: dict[str, Any]) -> None:
    """The same bits as inline; the child is kept for the next block."""
    first, second = said(order), said(order)
    inline = [node.write(one) for one in Inline(modules=["odd_objectives"]).run(odd())]
    assert values(first) == values(second) == [*values(inline), "done"]
    assert first[0]["values"] == second[0]["values"]
    end = read_event(first[-2])
    assert isinstance(end, Ended)
    assert end.result.metrics["validation"]["loss"] > 0


def test_a_crash_comes_with_its_last_words(order: dict[str, Any]) -> None:
    """Its message, cause, traceback and what the process printed."""
    *_, crashed = said({**order, "block": odd("mutters and raises").document()})
    assert crashed["event"] == "crashed"
    assert (crashed["message"], crashed["cause"]) == ("ValueError: the data are odd", Cause.RAISED)
    assert "in raise_odd" in crashed["trace"]
    assert "step 5: loss 0.5" in crashed["log_tail"]


def test_libraries_have_as_many_threads_as_cores_are_needed(order: dict[str, Any]) -> None:
    """They are told so by the environment; there is no secret in it."""
    *_, crashed = said({**order, "block": odd("tells").document()})
    assert "{'SECRET': None, 'OMP_NUM_THREADS': '3'}" in crashed["message"]


def test_a_machine_gives_signs_of_life(
    order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a training says nothing."""
    monkeypatch.setattr(node, "ALIVE_SECONDS", 0.05)
    batches = node.train({**order, "block": odd("hangs").document()}, lambda: b"")
    assert next(batches)[0]["event"] == "begun"
    assert any(batch[0]["event"] == "measured" for batch in batches)
    assert next(batches) == [{"event": "alive"}]


def test_a_machine_of_another_version_says_so(order: dict[str, Any]) -> None:
    """And what to do about it; nothing is trained."""
    (unfit,) = said({**order, "version": "9.9"})
    assert unfit["event"] == "unfit"
    assert "has glideslope 0.1.0, the worker has 9.9: install 9.9 there" in unfit["reason"]


def test_a_machine_without_a_module_says_so(order: dict[str, Any]) -> None:
    """A module of objectives must be there as well."""
    order["place"]["modules"] = ["odd_objectives", "no_such.module"]
    (unfit,) = said(order)
    assert "does not find the module no_such.module of GLIDESLOPE_OBJECTIVES" in unfit["reason"]


def test_a_dataset_is_put_where_objectives_look(order: dict[str, Any], tmp_path: Path) -> None:
    """Fetched once, and only if it is what its name says."""
    wanted = {**order, "dataset": DATASET}
    assert said(wanted, b"damaged")[-1]["message"].endswith("is not what its name says")
    assert said(wanted, BYTES)[-1]["event"] == "done"
    assert said(wanted, b"damaged")[-1]["event"] == "done"  # nobody asks for it again
    assert [one.name for one in (tmp_path / "datasets").iterdir()] == [DATASET]
    assert (tmp_path / "datasets" / DATASET).read_bytes() == BYTES


def test_a_link_is_not_the_dataset_of_a_machine(order: dict[str, Any], tmp_path: Path) -> None:
    """The file takes its place; what it led to is neither read nor written."""
    (tmp_path / "outside").write_bytes(b"kept")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / DATASET).symlink_to(tmp_path / "outside")
    assert said({**order, "dataset": DATASET}, BYTES)[-1]["event"] == "done"
    assert not (tmp_path / "datasets" / DATASET).is_symlink()
    assert (tmp_path / "outside").read_bytes() == b"kept"


def test_a_machine_that_cannot_keep_training_apart_says_so(order: dict[str, Any]) -> None:
    """As far as the worker was told to; nothing is trained."""
    order["place"]["user"] = "no such user"
    (unfit,) = said(order)
    assert unfit["event"] == "unfit"
    assert "cannot keep training apart: user: 'no such user' is not allowed" in unfit["reason"]
