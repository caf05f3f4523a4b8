"""`glideslope schedule ...` against a real server."""

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Command
from tuning.schedules import FAMILIES, Cosine, Schedule, Table, Warmup

SCHEDULE = Schedule(Cosine(0.1, warmup=Warmup(20)), 100)
pytestmark = pytest.mark.usefixtures("there")

CALL = ("--from", "torch", "--call", "CosineAnnealingLR", "--base-lr", "0.1", "--horizon", "120")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file with a schedule, as `study best` prints it."""
    path = tmp_path / "best.json"
    path.write_text(json.dumps({"study": "st_x", "schedule": SCHEDULE.document()}))
    return str(path)


def test_a_preview_is_a_picture_or_json(glideslope: Command, file: str) -> None:
    """The largest learning rate has the longest bar."""
    shown = glideslope("schedule", "preview", file, "--points", "12")
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert len(lines) <= 13
    (longest,) = [line.split()[:2] for line in lines if "█" * 40 in line]
    assert longest == ["20", "0.1"]
    raw = json.loads(glideslope("schedule", "preview", file, "--horizon", "50", "--json").out)
    assert raw["schedule"]["horizon"] == 50


def test_schedules_are_drawn_in_the_terminal(
    glideslope: Command, file: str, tmp_path: Path
) -> None:
    """Together, each with its name; the highest rate is at the top, the last update at the end."""
    other = tmp_path / "steps.json"
    other.write_text(json.dumps(Schedule(Table(0.2, values=(1.0, 0.5)), 2).document()))
    drawn = glideslope("schedule", "plot", file, str(other), "--horizon", "50")
    assert (drawn.code, drawn.err) == (0, "")
    lines = drawn.out.splitlines()
    assert lines[0].split()[0] == "0.2"
    assert lines[-3].split() == ["0", "49"]
    assert [line.split()[1] for line in lines[-2:]] == ["cosine", "table"]
    assert max(map(len, lines)) <= 120
    low = glideslope("schedule", "plot", file, "--log").out.splitlines()
    assert float(low[-3].split()[0]) > 0.0
    raw = json.loads(glideslope("schedule", "plot", file, "--json").out)
    assert raw[file]["schedule"]["horizon"] == 100


@pytest.mark.parametrize(("name", "begin"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml")])
def test_schedules_are_drawn_into_a_file(
    glideslope: Command, file: str, tmp_path: Path, name: str, begin: bytes
) -> None:
    """A picture, of the kind that its name says."""
    out = tmp_path / name
    ended = glideslope("schedule", "plot", file, "--out", str(out))
    assert (ended.code, ended.out) == (0, "")
    assert out.read_bytes().startswith(begin)


def test_families_are_listed(glideslope: Command) -> None:
    """All of them, with the parameters a search moves."""
    items = json.loads(glideslope("schedule", "families", "--json").out)["items"]
    assert [one["name"] for one in items] == list(FAMILIES)
    (row,) = [
        line
        for line in glideslope("schedule", "families").out.splitlines()
        if line.split()[0] == "wsd"
    ]
    assert "hold" in row


def test_lint_fails_for_errors_only(glideslope: Command, file: str, tmp_path: Path) -> None:
    """A warning is told; an impossible learning rate ends the command with 1."""
    warned = glideslope("schedule", "lint", file, "--updates", "90")
    assert warned.code == 0
    assert "first_update_zero" in warned.out
    assert "horizon_mismatch" in warned.out
    negative = tmp_path / "negative.json"
    negative.write_text(json.dumps(Schedule(Table(0.1, values=(1.0, -0.5)), 2).document()))
    failed = glideslope("schedule", "lint", str(negative), "--json")
    assert failed.code == 1
    assert json.loads(failed.out)["findings"][0]["code"] == "negative"
    clean = tmp_path / "clean.json"
    clean.write_text(json.dumps(Schedule(Cosine(0.1), 100).document()))
    assert glideslope("schedule", "lint", str(clean)).out.strip() == "nothing found"


def test_a_call_becomes_a_document_and_a_document_code(
    glideslope: Command, file: str, tmp_path: Path
) -> None:
    """What is printed is the result alone; what is worth knowing goes to standard error."""
    made = glideslope("schedule", "convert", *CALL, "--kwargs", '{"T_max": 100}')
    assert made.code == 0
    assert Schedule.from_document(json.loads(made.out)).horizon == 120
    code = glideslope("schedule", "convert", file, "--to", "optax")
    assert code.code == 0
    compile(code.out, "optax.py", "exec")
    assert code.err.strip()
    table = glideslope("schedule", "convert", file, "--to", "csv").out.splitlines()
    assert table[:2] == ["step,lr", "0,0.0"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("preview",), "FILE"),
        (("preview", "missing.json"), "FILE: 'missing.json'"),
        (("preview", "@", "--points", "3"), "/points: Input should be"),
        (("lint", "@", "--max-jump", "1"), "/max_jump"),
        (("plot",), "FILE"),
        (("plot", "@", "missing.json"), "FILE: 'missing.json'"),
        (("plot", "@", "--out", "a.gif"), "a file that ends in .png or .svg"),
        (("plot", "@", "--horizon", "0"), "/horizon"),
        (("convert",), "/schedule"),
        (("convert", "--call", "StepLR"), "/from/framework"),
        (("convert", *CALL, "--kwargs", "[]"), "--kwargs: '[]'"),
        (("convert", *CALL, "--kwargs", "{"), "--kwargs: '{'"),
        (("convert", *CALL, "--kwargs", '{"T_max": 0}'), "/from/kwargs/T_max"),
        (("convert", "@", "--to", "tf"), "/to"),
    ],
)
def test_a_mistake_ends_with_2(
    glideslope: Command, file: str, words: tuple[str, ...], told: str
) -> None:
    """And names the field, the value and what is allowed."""
    ended = glideslope("schedule", *(file if word == "@" else word for word in words))
    assert ended.code == 2
    assert told in ended.err


def test_a_program_becomes_a_schedule(glideslope: Command, tmp_path: Path) -> None:
    """Its last scheduler, with the rate of its optimiser; as code of another library, or knots."""
    program = tmp_path / "train.py"
    program.write_text(
        "optimizer = SGD(model.parameters(), lr=0.1)\n"
        "scheduler = CosineAnnealingLR(optimizer, T_max=50)\n"
    )
    made = glideslope("schedule", "convert", "--source", str(program))
    assert json.loads(made.out)["horizon"] == 50
    code = glideslope("schedule", "convert", "--source", str(program), "--to", "optax")
    assert "cosine_decay_schedule" in code.out
    knots = glideslope("schedule", "convert", "--source", str(program), "--knots", "7")
    assert len(json.loads(knots.out)["params"]["values"]) == 7
    program.write_text("StepLR(optimizer, step_size=count)")
    refused = glideslope("schedule", "convert", "--source", str(program), "--base-lr", "0.1")
    assert refused.code != 0
    assert "line 1, column 29: count" in refused.err
