"""What travels between the server and its planner child, as JSON-able values.

The one idea: a request is a whole study (spec and history), an answer is a whole decision; neither
refers to anything the other side remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning.documents import (
    read_history,
    read_run,
    read_spec,
    read_trial,
    write_history,
    write_run,
    write_spec,
    write_trial,
)
from tuning.evidence import conclude_study, describe
from tuning.provenance import installed
from tuning.records import History, StudySpec
from tuning.search.policy import Conclude, Generation, GiveUp, Wait, decide


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of a study, as JSON-able values."""

    verdict: Mapping[str, Any]


PACKAGES = ("optuna", "scikit-learn", "scipy")  # that proposals and verdicts depend on

Answer = Generation | Judged | GiveUp | Wait


def versions() -> dict[str, str]:
    """Versions of what the planner's answers depend on, as installed here."""
    return dict(installed(PACKAGES))


def write_request(spec: StudySpec, history: History) -> dict[str, Any]:
    """Ask what a study does next."""
    return {"spec": write_spec(spec), "history": write_history(history)}


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Decide, in the child: a pure function of the request."""
    spec, history = read_spec(request["spec"]), read_history(request["history"])
    match decide(spec, history):
        case Generation() as generation:
            return {
                "kind": "generation",
                "number": generation.number,
                "trials": [write_trial(trial) for trial in generation.trials],
                "runs": [write_run(run) for run in generation.runs],
                "pruned": list(generation.pruned),
                "reason": generation.reason,
            }
        case Conclude():
            return {"kind": "verdict", "verdict": judge(spec, history)}
        case GiveUp(reason):
            return {"kind": "give_up", "reason": reason}
        case Wait():
            return {"kind": "wait"}


def judge(spec: StudySpec, history: History) -> dict[str, Any]:
    """The verdict as it is stored: its document, the same in words, and what it was made with."""
    verdict = conclude_study(spec, history)
    words = describe(spec, verdict)
    return {**verdict.document(), "words": words, "planner_versions": versions()}


def read_answer(document: Mapping[str, Any]) -> Answer:
    """The decision that `answer` wrote down."""
    match document["kind"]:
        case "generation":
            return Generation(
                number=document["number"],
                trials=tuple(read_trial(trial) for trial in document["trials"]),
                runs=tuple(read_run(run) for run in document["runs"]),
                pruned=tuple(document["pruned"]),
                reason=document["reason"],
            )
        case "verdict":
            return Judged(document["verdict"])
        case "give_up":
            return GiveUp(document["reason"])
        case _:
            return Wait()
