"""Whether the verdict can be trusted: how often it is wrong on studies whose truth is known.

The one idea: thousands of simulated studies go through the code that judges real ones, from the
choice of the tuned peaks to the growth of the confirmation; then what the verdict says is held
against the truth. A false winner is any adjusted interval against a tuned baseline that excludes
zero, on either side, where no family is better than another.
Run by `make benchmark-search` (SEED=… for others); leaves var/bench/search_calibration.json. Exits
with 1 if a calibration target is missed.
"""

import math
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain

from figures import Figure, leave, say, tell
from simulated_studies import Judged, Noise, make_spec, share, simulate_many

from tuning.records import StudySpec

STUDIES = 2_000
OTHERS = 1_000  # where the default noise is not the question
ADVANTAGE = math.log(0.95)  # a loss 5 % lower
TOLERANCE = 0.015
CHUNK = 50
DEFAULT = ""  # of the evidence budget, which lets the confirmation grow

# Few comparisons and little noise: the confirmation stops on its width, where coverage could break.
STOPPING = ((1, 0.0075), (1, 0.011), (3, 0.0075), (6, 0.0075))


def play(
    spec: StudySpec, studies: int, *, seed: int, noise: Noise, advantage: float = 0.0
) -> list[Judged]:
    """Simulate on all cores; the answer does not depend on how many there are."""
    parts = [range(first, min(first + CHUNK, studies)) for first in range(0, studies, CHUNK)]
    one = partial(simulate_many, spec, seed=seed, noise=noise, advantage=advantage)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(chain.from_iterable(pool.map(one, parts)))


def null_figures(found: Sequence[Judged]) -> list[Figure]:
    """Where the peak matters and the family does not."""
    arms = [holds for one in found for holds in one.arm_holds]
    return [
        _bound(
            "false winners, upper 95 % bound",
            share(one.excludes_zero for one in found),
            target=0.06,
            note=f"{len(found)} studies, {_sizes(found)}",
        ),
        _coverage("all intervals of a study hold", [all(one.holds) for one in found], exact=False),
        _coverage("an arm's own interval holds", arms),
        _coverage("the winner's own interval holds", [one.arm_holds[0] for one in found]),
    ]


def _bound(name: str, found: tuple[float, float, float], *, target: float, note: str) -> Figure:
    rate, low, high = found
    return Figure(
        name=name,
        value=100 * high,
        unit="%",
        better="lower",
        target=100 * target,
        spread=(100 * low, 100 * high),
        note=f"rate {100 * rate:.2f} %; {note}",
    )


def _coverage(name: str, holds: Sequence[bool], *, exact: bool = True) -> Figure:
    """A coverage: exact ones within 1.5 points of 95 %, simultaneous ones at least 93.5 %."""
    rate, low, high = share(holds)
    return Figure(
        name=f"coverage, off 95 %: {name}" if exact else f"coverage: {name}",
        value=100 * (abs(rate - 0.95) if exact else rate),
        unit="points" if exact else "%",
        better="lower" if exact else "higher",
        target=100 * (TOLERANCE if exact else 0.95 - TOLERANCE),
        spread=None if exact else (100 * low, 100 * high),
        repeats=len(holds),
        note=f"covers {100 * rate:.2f} % [{100 * low:.2f}, {100 * high:.2f}]",
    )


def power_figures(found: Sequence[Judged], worthwhile: float, when: str) -> list[Figure]:
    """Where one family is 5 % better than every baseline; without targets on the first seeds."""
    rate, low, high = share(one.is_new and one.beats_all(worthwhile) for one in found)
    every = [one.is_better for judged in found if judged.is_new for one in judged.comparisons]
    note = f"{len(found)} studies, {_sizes(found)}; found: better than each of 12, and no tie"
    is_default = when == DEFAULT
    return [
        Figure(
            name=f"a true 5 % advantage over every baseline is found{when}",
            value=100 * rate,
            unit="%",
            target=90.0 if is_default else None,
            spread=(100 * low, 100 * high),
            note=note,
        ),
        Figure(
            name=f"lower 95 % bound of that{when}",
            value=100 * low,
            unit="%",
            target=88.0 if is_default else None,
            note=note,
        ),
        Figure(
            name=f"share of its single comparisons that find it{when}",
            value=100 * share(every)[0],
            unit="%",
            repeats=len(every),
        ),
    ]


def _sizes(found: Sequence[Judged]) -> str:
    seeds = sorted(one.seeds for one in found)
    arms = sum(len(one.arm_holds) for one in found) / len(found)
    return f"{arms:.1f} arms, {seeds[0]} to {seeds[-1]} seeds (median {seeds[len(seeds) // 2]})"


def main() -> int:
    """Simulate, print, leave the figures."""
    seed = int(os.environ.get("SEED", "1"))
    started = time.perf_counter()
    spec = make_spec()
    say(f"{'simulated verdicts':58}{'value':>12}")
    figures = null_figures(play(spec, STUDIES, seed=seed, noise=Noise()))
    found = play(spec, OTHERS, seed=seed + 1, noise=Noise(), advantage=ADVANTAGE)
    figures += power_figures(found, spec.worthwhile, DEFAULT)
    cut = make_spec(evidence_budget=13 * spec.confirm_seeds * spec.horizon)
    short = play(cut, OTHERS // 2, seed=seed + 2, noise=Noise(), advantage=ADVANTAGE)
    figures += power_figures(short, spec.worthwhile, ", 10 seeds and no growth")
    for baselines, own in STOPPING:
        quiet = play(make_spec(baselines), OTHERS, seed=seed + 3, noise=Noise(own=own))
        name = f"all hold, stopped on width ({baselines} baselines, noise {100 * own:g} %)"
        one = _coverage(name, [all(judged.holds) for judged in quiet], exact=False)
        figures.append(one)
        say(f"  {name}: {_sizes(quiet)}")
    say()
    for figure in figures:
        tell(figure)
    say(f"\n{time.perf_counter() - started:.0f} s on {os.cpu_count()} cores")
    leave("search_calibration", figures)
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
