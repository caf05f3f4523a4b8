"""Lines: a request as a `curl` line, as a command, and as a program.

The one idea: all three send the very request of the form. What a command has no option for, or not
for a value like this, goes in as a file by way of standard input, so nothing is left out.
Not here: which options there are (`service.cli.study`; a test parses what is written here by it).
"""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

# A request, or a part of one: any JSON values.
Document = Mapping[str, Any]

BREAK = " \\\n  "  # a line goes on


def curl_line(request: Document, origin: str, *, has_key: bool) -> str:
    """The line that sends a request to the service at `origin`; with a key, where keys are on."""
    headers = ["-H 'Content-Type: application/json'"]
    if has_key:
        headers.append('-H "Authorization: Bearer $GLIDESLOPE_API_KEY"')
    address = shlex.quote(f"{origin}/v1/studies")
    return BREAK.join(
        [f"curl -X POST {address}", *headers, f"-d {shlex.quote(_rows(request, _json, '  '))}"]
    )


def command(request: Document, origin: str) -> str:
    """The command that sends a request to the service at `origin`."""
    objective, words, rest = _spelled(request)
    words += [["--file", "-"]] if rest else []
    words.append(["--url", origin])
    # What begins with a dash would be taken for an option.
    has_dash = objective.startswith("-")
    named = shlex.quote(objective) if objective else ""
    begin = "glideslope study create" + (f" {named}" if named and not has_dash else "")
    line = BREAK.join([begin, *map(_word, words), *([f"-- {named}"] if has_dash else [])])
    return f"printf %s {shlex.quote(_json(rest))} | {line}" if rest else line


def program(request: Document, origin: str) -> str:
    """The lines of Python that send a request and wait for the best schedule."""
    return (
        "from service.client import Client\n\n"
        f"request = {_rows(request, _literal, '    ')}\n\n"
        f"with Client({_literal(origin)}) as client:\n"
        "    study = client.studies.create(request)\n"
        "    study = client.studies.wait(study.id)\n"
        "    print(client.results.best(study.id).schedule)\n"
    )


def _rows(request: Document, write: Callable[[Any], str], indent: str) -> str:
    """An object with a row for each of its members."""
    rows = [f"{indent}{write(name)}: {write(value)}" for name, value in request.items()]
    return "{\n" + ",\n".join(rows) + "\n}" if rows else "{}"


def _integer(value: Any) -> str | None:  # noqa: ANN401 # any JSON value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> str | None:  # noqa: ANN401 # likewise
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else None


def _text(value: Any) -> str | None:  # noqa: ANN401 # likewise
    return value if isinstance(value, str) and value.isprintable() else None


Spelling = Callable[[Any], str | None]  # of a value as an option takes it; None if it takes none
# Options by the place of what they say, in the order they are read best in.
OPTIONS: Mapping[str, tuple[str, Spelling]] = {
    "budget.trials": ("--trials", _integer),
    "budget.steps": ("--steps", _integer),
    "budget.seconds": ("--seconds", _number),
    "horizon": ("--horizon", _integer),
    "seed": ("--seed", _integer),
    "seeds": ("--seeds", _integer),
    "sampler": ("--sampler", _text),
    "leaders": ("--leaders", _integer),
    "pruning": ("--pruning", _text),
    "evidence_budget": ("--evidence-budget", _integer),
    "max_failures": ("--max-failures", _integer),
    "goal": ("--goal", _number),
    "deadline": ("--deadline", _text),
    "priority": ("--priority", _number),
    "label": ("--label", _text),
}
REPEATED: Mapping[str, tuple[str, Spelling]] = {
    "space.families": ("--family", _text),
    "space.constraints": ("--constraint", _text),
    "rungs": ("--rung", _number),
    "warm_start": ("--warm-start", _text),
}
FLAGS = {"climb": "--climb", "early_stop": "--early-stop"}
PARTS = ("budget", "space", "config")  # objects that options are merged into


def _spelled(request: Document) -> tuple[str, list[list[str]], dict[str, Any]]:
    """The objective, the options, each with its values, and what is left of a request."""
    rest = {
        name: dict(value) if name in PARTS and isinstance(value, dict) else value
        for name, value in request.items()
    }
    objective = _text(rest.get("objective")) or ""
    if objective:
        del rest["objective"]
    words: list[list[str]] = []
    for place in dict.fromkeys((*OPTIONS, *REPEATED, "space.peak", *FLAGS)):
        part, _, name = place.rpartition(".")
        holder = rest.get(part) if part else rest
        if isinstance(holder, dict) and name in holder:
            spelled = _option(place, holder[name])
            words += spelled
            if spelled:
                del holder[name]
    words += _settings(rest.get("config"))
    return objective, words, {n: v for n, v in rest.items() if v or n not in PARTS}


def _option(place: str, value: Any) -> list[list[str]]:  # noqa: ANN401 # any JSON value
    """The options that say a value, if there are any that do."""
    if place in OPTIONS:
        option, spell = OPTIONS[place]
        spelled = spell(value)
        return [] if spelled is None else [[option, spelled]]
    if place in FLAGS:
        option = FLAGS[place] if value else FLAGS[place].replace("--", "--no-")
        return [[option]] if isinstance(value, bool) else []
    if not isinstance(value, list):
        return []
    if place == "space.peak":
        ends = [_number(one) for one in value]
        return [["--peak", *map(str, ends)]] if len(ends) == 2 and None not in ends else []
    option, spell = REPEATED[place]
    if place == "rungs" and not value:
        return [["--no-rungs"]]
    spelled_all = [spell(one) for one in value]
    return [] if None in spelled_all else [[option, str(one)] for one in spelled_all]


def _settings(config: Any) -> list[list[str]]:  # noqa: ANN401 # any JSON value
    """Options for the settings of an objective, which are taken out of `config`."""
    names = list(config) if isinstance(config, dict) else []
    plain = [name for name in names if name and name.isprintable() and "=" not in name]
    return [["--set", f"{name}={_setting(config.pop(name))}"] for name in plain]


def _setting(value: Any) -> str:  # noqa: ANN401 # any JSON value
    """A setting: JSON, or a text as it stands where that is not JSON."""
    if isinstance(value, str) and value.isprintable():
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            return value
    return _json(value)


def _word(words: list[str]) -> str:
    """An option with its values, quoted for a shell."""
    option, *values = words
    if len(values) == 1 and values[0].startswith("-") and values != ["-"]:
        return f"{option}={shlex.quote(values[0])}"
    return " ".join([option, *map(shlex.quote, values)])


def _json(value: Any) -> str:  # noqa: ANN401 # any JSON value
    """JSON of one line, in which no character does anything to a terminal."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _literal(value: Any) -> str:  # noqa: ANN401 # any JSON value
    """A value as Python writes it, with the quotes of JSON."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_literal(n)}: {_literal(v)}" for n, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case str() if value.isprintable():
            return json.dumps(value, ensure_ascii=False)
    return repr(value)
