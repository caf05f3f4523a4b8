"""Files of requests: YAML as people mean it, JSON, standard input, the line of every mistake."""

import io
import math
from pathlib import Path
from typing import Any

import pytest

from service.cli.files import located, read_given, read_object
from service.cli.plain_yaml import read_yaml
from service.client import Invalid
from service.schemas.problems import FieldProblem, Problem
from service.schemas.studies import StudyRequest
from tuning.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-.5e3", -500.0),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        (".inf", math.inf),
        ("no", "no"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("", None),
        ("2030-12-24T18:00:00Z", "2030-12-24T18:00:00Z"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("[1, 2.5, a]", [1, 2.5, "a"]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_a_scalar_is_what_the_core_schema_of_yaml_1_2_says(text: str, value: object) -> None:
    """A learning rate of 1e-3 is a number, and nobody's label becomes false."""
    found = read_yaml(f"x: {text}")[0]["x"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2", "'a' stands there twice in line 2, column 1"),
        ("a: !!python/object/apply:os.system [x]", "python/object/apply:os.system is not allowed"),
        ("a: !secret x", "the tag !secret is not allowed in line 1"),
        ("a: [1,\n  2", "in line 2"),
        ("a:\n\t- x", "in line 2, column 1"),
        ("? [1]\n: 2", "a name is no text in line 1"),
        ("a: &x [*x]", "too"),
        ("a: *nobody", "undefined alias"),
        ("a: 1\n---\nb: 2", "another document"),
        ("[" * 600, "nested too deeply"),
        ("a: \x00", "not allowed"),
        ("a: " + "9" * 5000, "4300 digits"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_place(text: str, told: str) -> None:
    """And nothing of it is ever run."""
    with pytest.raises(ValueError, match=told):
        read_yaml(text)


def test_an_alias_that_grows_without_bound_is_refused() -> None:
    """A billion laughs in nine lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ValueError, match="too large"):
        read_yaml("\n".join(lines))


YAML = "objective: x\nbudget:\n  trials: 3\nspace:\n  families: [cosine,\n    cosin]\n"
JSON = (
    '{"objective": "x",\n "budget":\n\t{"trials": 3},\n'
    ' "space": {"families": ["cosine",\n "cosin"]}}'
)


def refuse(*pointers: str) -> Invalid:
    """A refusal of some fields."""
    fields = [FieldProblem(pointer=pointer, detail="no") for pointer in pointers]
    return Invalid(Problem(type="x", title="No", status=422, detail="", instance="", errors=fields))


@pytest.mark.parametrize(("name", "text"), [("s.yaml", YAML), ("s.json", JSON)])
def test_a_refusal_names_file_and_line(tmp_path: Path, name: str, text: str) -> None:
    """Of the field, or of what it should stand in; not of what an option said."""
    file = tmp_path / name
    file.write_text(text)
    given = read_given(file, "--file")
    assert given.content["space"]["families"][1] == "cosin"
    sent = {**given.content, "objective": "y"}
    wrong = refuse("/budget/trials", "/space/families/1", "/objective", "/budget/steps", "")
    with pytest.raises(Invalid) as caught, located(given, sent):
        raise wrong
    told = [one.pointer for one in caught.value.problem.errors]
    assert told[0] == f"{file}:3 /budget/trials"
    assert told[1] == f"{file}:{6 if name == 's.yaml' else 5} /space/families/1"
    assert told[2:] == ["/objective", f"{file}:2 /budget/steps", ""]


def test_a_refusal_without_a_file_stays_as_it_is() -> None:
    """Options have no lines."""
    wrong = refuse("/objective")
    with pytest.raises(Invalid) as caught, located(None, {}):
        raise wrong
    assert caught.value is wrong


@pytest.mark.parametrize("text", ['{"seed": 5}', "seed: 5", "\n  {seed: 5}"])
def test_standard_input_is_json_or_yaml(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Whichever it looks like."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    if text.startswith("\n"):  # a flow mapping looks like JSON, and is none
        with pytest.raises(InvalidValue, match="standard input"):
            read_object(Path("-"), "--file")
    else:
        assert read_object(Path("-"), "--file") == {"seed": 5}


@pytest.mark.parametrize("text", ["", "[1]", "words", "5"])
def test_a_document_is_an_object(tmp_path: Path, text: str) -> None:
    """Whatever else it is, it is no request."""
    file = tmp_path / "s.yml"
    file.write_text(text)
    with pytest.raises(InvalidValue, match="a YAML object"):
        read_given(file, "--file")


def test_names_with_slashes_have_lines_too(tmp_path: Path) -> None:
    """As JSON pointers spell them."""
    file = tmp_path / "s.yaml"
    file.write_text("config:\n  a/b~c: 1\n")
    given: Any = read_given(file, "--file")
    assert given.lines["/config/a~1b~0c"] == 2
    wrong = refuse("/config/a~1b~0c")
    with pytest.raises(Invalid, match=r"s\.yaml:2 /config"), located(given, given.content):
        raise wrong


def test_the_request_in_the_readme_is_one() -> None:
    """As it stands there, the service would take it."""
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    content, _ = read_yaml(readme.partition("```yaml\n")[2].partition("```")[0])
    request = StudyRequest.model_validate(content)
    assert (request.objective, request.space.peak) == ("heston_surface", [1e-3, 0.1])
