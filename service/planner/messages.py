"""What travels between the server and its planner child, as JSON-able values.

The one idea: a request is a study, of which the child is told only what it does not remember; an
answer is a whole decision, and how much of the study the child knows now. A child that does not
remember says so, and is told all: its memory saves work and nothing else.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuning.documents import (
    BEGINNING,
    NOTHING,
    read_history,
    read_spec,
    write_run,
    write_trial,
)
from tuning.evidence import conclude_study, describe
from tuning.provenance import installed
from tuning.records import History, Mark, Phase, StudySpec
from tuning.search.policy import Conclude, Generation, GiveUp, Wait, decide

PACKAGES = ("optuna", "scikit-learn", "scipy")  # that proposals and verdicts depend on
MOST_RUNS = 10_000  # of all histories that a child remembers
FORGOTTEN = "forgotten"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A generation: its trials and runs as `tuning.documents` writes them, for they are stored so.

    The rest is as in `tuning.search.policy.Generation`.
    """

    number: int
    trials: Sequence[Document]
    runs: Sequence[Document]
    pruned: Sequence[int] = ()
    reason: str = ""

    @property
    def is_confirmation(self) -> bool:
        """Whether these are confirmation runs."""
        return all(run["phase"] == Phase.CONFIRM for run in self.runs)


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of a study, as JSON-able values."""

    verdict: Document


Answer = Proposed | Judged | GiveUp | Wait


def versions() -> dict[str, str]:
    """Versions of what the planner's answers depend on, as installed here."""
    return dict(installed(PACKAGES))


def write_request(name: str, spec: Document, history: Document, since: Mark) -> dict[str, Any]:
    """Ask what a study does next.

    Args:
        name: of the study, alone in having it.
        spec: as it is written.
        history: likewise, since the mark.
        since: how much the child is taken to know.
    """
    known = [since.trials, since.generations]
    return {"name": name, "spec": spec, "history": history, "since": known}


class Memory:
    """What a child remembers: the histories of the studies it was asked about last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, History] = OrderedDict()

    def answer(self, request: Document) -> dict[str, Any]:
        """Decide; but for what is remembered a pure function of the request."""
        name, since = request["name"], Mark(*request["since"])
        known = self._known.pop(name, NOTHING)
        if since == BEGINNING:
            known = NOTHING
        elif known.mark != since:
            return {"kind": FORGOTTEN}
        history = read_history(request["history"], known)
        found = answer(read_spec(request["spec"]), history)
        mark = history.mark
        self._known[name] = history
        while sum(len(one.runs) for one in self._known.values()) > MOST_RUNS:
            self._known.popitem(last=False)
        return {**found, "known": [mark.trials, mark.generations]}


def answer(spec: StudySpec, history: History) -> dict[str, Any]:
    """Decide, in the child: a pure function of spec and history."""
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


def read_answer(document: Document) -> Answer:
    """The decision that `answer` wrote down."""
    match document["kind"]:
        case "generation":
            return Proposed(
                number=document["number"],
                trials=document["trials"],
                runs=document["runs"],
                pruned=document["pruned"],
                reason=document["reason"],
            )
        case "verdict":
            return Judged(document["verdict"])
        case "give_up":
            return GiveUp(document["reason"])
        case _:
            return Wait()
