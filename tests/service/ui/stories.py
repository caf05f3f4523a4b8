"""Studies made up by hand: a spec, and a history with known differences between families."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from service.ui.arms import arm_views, outcomes
from service.ui.digest import Digest
from service.ui.facts import Counts
from tuning.evidence import conclude_study, describe
from tuning.evidence.arms import arm_trials
from tuning.evidence.plan import few_seeds
from tuning.evidence.variants import variant_trials
from tuning.records import (
    Budget,
    History,
    Metric,
    Phase,
    Result,
    Run,
    RunState,
    Space,
    StudySpec,
    Trial,
    TrialState,
)
from tuning.schedules import PARAMETERS, Schedule, build

HORIZON = 300
BEST_PEAK = 0.01
# Loss of each family at its best peak, and its parameters beside the peak.
FAMILIES: dict[str, tuple[float, dict[str, float]]] = {
    "constant": (0.560, {}),
    "linear": (0.5148, {"warmup": 0.05}),
    "cosine": (0.516, {"warmup": 0.05}),
    "wsd": (0.512, {"warmup": 0.05, "hold": 0.6}),
    "sgdr": (0.524, {"cycles": 4}),
}


@dataclass(frozen=True)
class Story:
    """A study with all that happened."""

    spec: StudySpec
    history: History = field(default_factory=History)
    verdict: Any = None  # Verdict.document() and its words, once there is one
    curves: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    state: str = "running"


def make_spec() -> StudySpec:
    """A complete spec over five families."""
    names = ("peak", "warmup", "hold", "cycles")
    narrowed = {"peak": PARAMETERS["peak"].narrowed(1e-4, 1.0)}
    space = Space(
        families=tuple(FAMILIES),
        parameters={name: narrowed.get(name, PARAMETERS[name]) for name in names},
    )
    return StudySpec(
        objective="realized_volatility",
        config={"file": None},
        horizon=HORIZON,
        space=space,
        metric=Metric("mse", unit="log variance squared"),
        sampler="tpe",
        budget=Budget(trials=60),
        batch=4,
        seed=7,
        seeds=3,
        baselines=("constant", "linear", "cosine", "sgdr"),
        baseline_peaks=3,
        confirm_seeds=10,
        worthwhile=0.01,
    )


def tell(
    spec: StudySpec | None = None,
    *,
    trials: int = 24,
    confirmed: bool = True,
    diverging: bool = False,
    effect: float = 1.0,
) -> Story:
    """A study of so many trials; `effect` scales the differences, `diverging` ends all badly."""
    spec = spec or make_spec()
    teller = _Teller(spec, effect, diverging)
    for number in range(trials):
        teller.search(number)
    if not confirmed:
        return Story(spec, teller.history(), None, teller.curves)
    if diverging:
        return Story(spec, teller.history(), None, teller.curves, "failed")
    arms = arm_trials(spec, teller.history())
    for place, trial in enumerate(arms):
        teller.confirm(trial, place)
    for place, variant in enumerate(variant_trials(spec, teller.history(), arms[0], 999)):
        teller.vary(variant, len(arms) + place)
    verdict = conclude_study(spec, teller.history())
    document = {**verdict.document(), "words": describe(spec, verdict)}
    return Story(spec, teller.history(), document, teller.curves, "completed")


def digest_of(
    story: Story,
    title: str = "a study",
    *,
    earlier: Sequence[dict[str, Any]] = (),
    conditions: Sequence[str] = (),
) -> Digest:
    """What page and report say of a story."""
    arms = arm_views(story.spec, story.history, story.verdict)
    return Digest(
        title=title,
        state=story.state,
        spec=story.spec,
        arms=arms,
        counts=count(story),
        verdict=story.verdict,
        earlier=earlier,
        conditions=conditions,
        lost=[] if arms else outcomes(story.spec, story.history),
    )


def count(story: Story) -> Counts:
    """How much there is of a story."""
    phases = Counter(trial.phase for trial in story.history.trials)
    ended = Counter(one.state for one in outcomes(story.spec, story.history))
    return Counts(
        baselines=phases[Phase.BASELINE],
        searched=phases[Phase.SEARCH],
        diverged=ended[TrialState.DIVERGED],
        failed=ended[TrialState.FAILED],
        pruned=len(story.history.pruned),
        ended_runs=len(story.history.results),
        planned_runs=len(story.history.runs),
    )


class _Teller:
    """Adds trials and runs one by one."""

    def __init__(self, spec: StudySpec, effect: float, diverging: bool) -> None:
        self._spec = spec
        self._effect = effect
        self._diverging = diverging
        self._random = random.Random(spec.seed)
        self._trials: list[Trial] = []
        self._runs: list[Run] = []
        self._results: dict[tuple[int, int], Result] = {}
        self.curves: dict[str, list[dict[str, Any]]] = {}

    def history(self) -> History:
        return History(tuple(self._trials), tuple(self._runs), dict(self._results))

    def search(self, number: int) -> None:
        trial = self._propose(number)
        self._trials.append(trial)
        for seed in range(self._spec.seeds):
            self._run(trial, trial.phase, number * 10 + seed, seed, ("validation",))

    def confirm(self, trial: Trial, place: int) -> None:
        for seed in range(self._spec.confirm_seeds):
            index = place * self._spec.confirm_seeds + seed
            self._run(trial, Phase.CONFIRM, index, 1000 + seed, ("validation", "test"))

    def vary(self, variant: Trial, place: int) -> None:
        self._trials.append(variant)
        for seed in range(few_seeds(self._spec)):
            index = place * self._spec.confirm_seeds + seed
            self._run(variant, Phase.CONFIRM, index, 1000 + seed, ("validation",))

    def _propose(self, number: int) -> Trial:
        baselines = self._spec.baselines
        if number % 2 == 0 and number // 2 < len(baselines) * self._spec.baseline_peaks:
            family = baselines[number // 2 % len(baselines)]
            peak = (0.01, 0.0022, 0.05)[number // 2 // len(baselines)]
            phase, extra = Phase.BASELINE, FAMILIES[family][1]
        else:
            family = self._random.choice(("wsd", "wsd", "wsd", *FAMILIES))
            peak = math.exp(self._random.gauss(math.log(BEST_PEAK), 1.3))
            phase, extra = Phase.SEARCH, dict(FAMILIES[family][1])
            if "hold" in extra:
                extra["hold"] = round(self._random.uniform(0.2, 0.9), 3)
        schedule = Schedule(build(family, peak, extra), self._spec.horizon)
        return Trial(
            number, number // 4, phase, schedule, {"family": family, "peak": peak, **extra}
        )

    def _run(
        self, trial: Trial, phase: Phase, index: int, seed: int, splits: Sequence[str]
    ) -> None:
        generation = trial.generation if phase is not Phase.CONFIRM else 999
        run = Run(generation, index, trial.number, phase, seed, self._spec.horizon, tuple(splits))
        self._runs.append(run)
        if self._diverging or trial.schedule.peak > 0.12:
            reason = "mse on validation was nan after update 15 at lr 0.3"
            self._results[generation, index] = Result(RunState.DIVERGED, reason=reason)
            return
        loss = self._loss(trial, seed)
        values = {"mse": loss, "skill": 1.0 - loss}
        self._results[generation, index] = Result(
            RunState.COMPLETED,
            {split: values if split == "validation" else {"mse": 1.04 * loss} for split in splits},
            {"validation": (0.98 * loss, loss, 1.02 * loss)},
        )
        self.curves[f"st_x.{generation}.{index}"] = self._reports(trial, loss, seed)

    def _loss(self, trial: Trial, seed: int) -> float:
        base, _ = FAMILIES[str(trial.params["family"])]
        off = math.log(trial.schedule.peak / BEST_PEAK) ** 2
        common, own = random.Random(seed), random.Random(f"{seed} {trial.number}")
        gap = self._effect * (base - 0.512 + 0.012 * off)
        return 0.512 + gap + 0.004 * common.gauss(0, 1) + 0.0007 * own.gauss(0, 1)

    def _reports(self, trial: Trial, loss: float, seed: int) -> list[dict[str, Any]]:
        table = trial.schedule.table()
        steps = list(range(15, self._spec.horizon + 1, 15))
        noise = random.Random(f"curve {seed} {trial.number}")
        curve = [
            loss
            + 0.9 * math.exp(-60 * float(table[:step].sum()) / 10)
            + 0.8 * float(table[step - 1]) * abs(noise.gauss(0.6, 0.5)) * (step < steps[-1])
            for step in steps
        ]
        lrs = [float(table[step - 1]) for step in steps]
        half = len(steps) // 2
        return [
            {"steps": steps[part], "values": {"mse": curve[part], "lr": lrs[part]}}
            for part in (slice(0, half), slice(half, None))
        ]
