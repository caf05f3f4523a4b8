"""Pruning: what a search finds that prunes on prefixes, beside one over shorter horizons.

The one idea: whole studies of the product on problems whose optimum is known, noise-free, each with
25 full trainings to spend on the search and nothing else different: rungs of the same shapes over
shorter horizons, or prefixes of the full training pruned by ASHA or by the median.
Run by `make benchmark-search PART=pruning` (STUDIES=…); leaves var/bench/search_pruning.json.
"""

import os
import sys
from statistics import median

from figures import Figure, leave, tell

from tuning.evidence import rank_trials
from tuning.execution import Inline
from tuning.objectives import NO_FOLDERS, OBJECTIVES, VALIDATION, Solved, configure
from tuning.records import Budget, Pruning
from tuning.seeds import derive
from tuning.study import run_study, specify

OBJECTIVE = "noisy_quadratic"
PROBLEMS = ("N1", "N2", "N3", "N4", "N5", "N6")
SPENT = 25  # full trainings
STUDIES = int(os.environ.get("STUDIES") or "10")


def reached(problem: str, pruning: Pruning, seed: int) -> float:
    """The loss of the best schedule trained to the end, over the optimum."""
    objective = OBJECTIVES[OBJECTIVE]
    spec = specify(
        OBJECTIVE,
        config={"problem": problem},
        budget=Budget(trials=1_000, steps=SPENT * objective.default_horizon),
        seed=seed,
        seeds=1,
        leaders=0,
        baselines=(),
        pruning=pruning,
        confirm_seeds=2,
        early_stop=False,
    )
    outcome = run_study(spec, Inline())
    solved = objective.open(configure(objective, spec.config), NO_FOLDERS)
    if not isinstance(solved, Solved):
        raise TypeError(f"{OBJECTIVE} does not know its optimum")
    _, loss = rank_trials(outcome.history, spec.metric)[0]
    return loss / solved.optimum(spec.horizon, VALIDATION)


def main() -> int:
    """Measure, print, leave the figures."""
    begin = int(os.environ.get("SEED") or "1")
    names = {Pruning.NONE: "shorter horizons", Pruning.ASHA: "asha", Pruning.MEDIAN: "median"}
    figures = []
    for problem in PROBLEMS:
        for pruning, name in names.items():
            ratios = [
                reached(problem, pruning, derive(begin, "benchmark", "pruning", study))
                for study in range(STUDIES)
            ]
            figure = Figure(
                name=f"{problem} after {SPENT} full trainings, {name}",
                value=median(ratios),
                unit="of the optimum",
                better="lower",
                spread=(min(ratios), max(ratios)),
                repeats=STUDIES,
                note="loss of the best schedule trained to the end; median of the studies",
            )
            tell(figure)
            figures.append(figure)
    leave("search_pruning", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
