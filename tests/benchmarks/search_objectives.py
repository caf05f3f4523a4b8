"""Whole studies where the answer is known: what must not win, what must, and where nothing does.

The one idea: studies run through `run_study`, with the product's own policy and verdict, and only
the verdict is looked at. A cosine over the whole life must not win on `online_surface`; cycles as
many as there are jumps, or twice as many, must win on `regime_rugged`; `realized_volatility` must
be called a tie.
Run by `make benchmark-search PART=online` (or rugged, volatility; STUDIES=… for another number);
leaves var/bench/search_<part>.json. One process per core.
"""

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from figures import ROOT, Figure, leave, say, tell
from simulated_studies import share

from tuning.execution import Inline
from tuning.objectives import Folders
from tuning.records import Budget
from tuning.search.samplers.description import cycle_count
from tuning.seeds import derive
from tuning.study import run_study, specify

CACHE = Folders(cache=ROOT / "var" / "cache")
JUMPS = 8  # 4,000 updates, a jump every 500
MATCHED = (JUMPS, 2 * JUMPS)


@dataclass(frozen=True)
class Question:
    """Studies of one objective, and what is asked of them."""

    objective: str
    trials: int
    studies: int


@dataclass(frozen=True)
class Answer:
    """What one study came to.

    Args:
        winner: its family.
        cycles: of the winner; 1 if it has none.
        ties: baselines it cannot be told from.
        matters: as the verdict says.
        over_constant: mean validation loss over the tuned constant's; NaN if unknown.
    """

    winner: str
    cycles: int
    ties: tuple[str, ...]
    matters: bool | None
    over_constant: float


QUESTIONS: Mapping[str, Question] = {
    "online": Question("online_surface", 40, 10),
    "rugged": Question("regime_rugged", 100, 10),
    "volatility": Question("realized_volatility", 24, 4),
}


def ask(question: Question, seed: int) -> Answer:
    """Run one study."""
    spec = specify(
        question.objective, budget=Budget(trials=question.trials), seed=seed, folders=CACHE
    )
    outcome = run_study(spec, Inline(CACHE))
    if outcome.verdict is None or outcome.best is None:
        raise RuntimeError(f"{question.objective}, seed {seed}: {outcome.reason}")
    arms = outcome.verdict.arms
    constant = next(
        (arm.validation for arm in arms if arm.is_baseline and arm.family == "constant"), None
    )
    own = arms[0].validation
    is_known = own is not None and bool(constant)
    return Answer(
        winner=outcome.verdict.winner,
        cycles=cycle_count(outcome.best.params),
        ties=outcome.verdict.tie_with,
        matters=outcome.verdict.matters,
        over_constant=own / constant if is_known else float("nan"),  # type: ignore[operator]
    )


def rate(name: str, hits: Sequence[bool], target: float, better: str, note: str) -> Figure:
    """A share of studies in percent, with its one-sided 95 % bounds."""
    value, low, high = share(hits)
    return Figure(
        name=name,
        value=100 * value,
        unit="%",
        better="higher" if better == "higher" else "lower",
        target=target,
        spread=(100 * low, 100 * high),
        repeats=len(hits),
        note=note,
    )


def online(found: Sequence[Answer], note: str) -> list[Figure]:
    """The planted cosine never wins."""
    wins = [one.winner == "cosine" for one in found]
    return [rate("online: a life-long cosine wins", wins, 0.0, "lower", note)]


def rugged(found: Sequence[Answer], note: str) -> list[Figure]:
    """Cycles that match the jumps win, by far."""
    matched = [one.cycles in MATCHED for one in found]
    ratios = [one.over_constant for one in found]
    return [
        rate(f"rugged: {JUMPS} or {2 * JUMPS} cycles win", matched, 90.0, "higher", note),
        Figure(
            name="rugged: loss of the winner over the best constant's",
            value=statistics.median(ratios),
            unit="x",
            better="lower",
            target=0.85,
            spread=(min(ratios), max(ratios)),
            repeats=len(ratios),
            note=note,
        ),
    ]


def volatility(found: Sequence[Answer], note: str) -> list[Figure]:
    """No winner is told from every baseline, and the schedule is not said to matter."""
    ties = [bool(one.ties) and one.matters is not True for one in found]
    return [rate("volatility: reported as a tie", ties, 100.0, "higher", note)]


FIGURES: Mapping[str, Callable[[Sequence[Answer], str], list[Figure]]] = {
    "online": online,
    "rugged": rugged,
    "volatility": volatility,
}


def measure(part: str, seed: int) -> list[Figure]:
    """Run the studies of a part on all cores."""
    question = QUESTIONS[part]
    studies = int(os.environ.get("STUDIES", question.studies))
    seeds = [derive(seed, "benchmark", part, number) for number in range(studies)]
    context = multiprocessing.get_context("spawn")
    begin = time.perf_counter()
    found: list[Answer] = []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for number, one in enumerate(pool.map(partial(ask, question), seeds)):
            found.append(one)
            say(
                f"  {part} {number}: {one.winner}, {one.cycles} cycles, "
                f"{one.over_constant:.3f} of the constant, matters {one.matters}, "
                f"ties {', '.join(one.ties) or '-'}"
            )
    say(f"  {time.perf_counter() - begin:.0f} s")
    return FIGURES[part](found, f"{studies} studies of {question.trials} trials")


def main(parts: Sequence[str]) -> int:
    """Measure, print, leave the figures of every part."""
    seed = int(os.environ.get("SEED", "1"))
    for part in parts or QUESTIONS:
        figures = measure(part, seed)
        for one in figures:
            tell(one)
        leave(f"search_{part}", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
