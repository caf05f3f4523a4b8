"""Decide: what a study does next, as a pure function of spec and history.

The one idea: generation g is computed from the results of generations <= g-2 alone, so it is ready
while g-1 trains, and the same spec and seed give the same trials under any workers, kills and
replicas. Only when nothing can be done without more is everything waited for: at the end of the
budget, in the race of the leaders, and before the confirmation. Nothing here reads a clock, a file
or a global.
Not here: the verdict (`tuning.evidence`), and inserting what was proposed (the caller).
"""

from collections.abc import Iterable
from dataclasses import replace

from tuning.records import MAX_BATCH, History, Phase, Run, RunState, StudySpec
from tuning.rounds import last_round, round_start
from tuning.search.policy.baselines import baseline_promotions, count_waiting
from tuning.search.policy.cap import believed_rise, needs_probe, probe_runs, probe_trial
from tuning.search.policy.confirmation import confirm, go_on
from tuning.search.policy.decisions import Decision, Generation, GiveUp, Wait
from tuning.search.policy.ladder import (
    Standing,
    baseline_stage,
    entry_stage,
    paired_seed,
    promotions,
    stage_horizons,
    stage_runs,
    standings,
)
from tuning.search.policy.proposals import new_trials
from tuning.search.policy.race import newcomers, race_runs
from tuning.search.policy.spending import (
    affordable,
    baseline_reserve,
    climb_cost,
    open_reserve,
    race_cost,
    spent,
    stage_cost,
    trial_cost,
)
from tuning.search.policy.stop import goal_reached, stop_reason
from tuning.search.policy.threads import in_one_thread

EARLY_TRIALS = 24  # until so many were proposed, a generation has `spec.batch` of them
LAG = 2  # a search generation sees results this many generations old
TOLD_REASONS = 3  # different ones, when too many runs failed


@in_one_thread
def decide(spec: StudySpec, history: History) -> Decision:
    """Decide what a study does next.

    Results newer than a search generation may see are ignored, so the answer depends on what is
    known of the generations it rests on and on nothing else: not on timing, not on workers.
    """
    number = 1 + max((run.generation for run in history.runs), default=-1)
    history = last_round(history)
    settled = _settled(history, number)
    is_confirming = any(run.phase is Phase.CONFIRM for run in history.runs)
    needed = number - 1 if is_confirming else number - LAG
    if settled < needed:
        return Wait()
    view = history.up_to(number - 1, needed)
    if (failure := _too_many_failures(spec, view)) is not None:
        return failure
    if is_confirming:
        return go_on(spec, history, number)
    is_closed = history.closed_from is not None and number >= history.closed_from
    ended = history.closed_because if is_closed else goal_reached(spec, view)
    if not ended and (step := _search(spec, view, number)).runs:
        return step
    if settled < number - 1:
        return Wait()
    return _too_many_failures(spec, history) or _finish(spec, history, number, ended)


def _settled(history: History, number: int) -> int:
    """The highest generation such that it and all before have every result; -1 if none."""
    open_generations = {
        run.generation for run in history.runs if (run.generation, run.index) not in history.results
    }
    return min(open_generations, default=number) - 1


def _finish(spec: StudySpec, history: History, number: int, ended: str) -> Decision:
    """What follows when nothing can be proposed without knowing everything, and all is known."""
    if reason := ended or goal_reached(spec, history):
        return confirm(spec, history, number, _left_over(spec, history), reason)
    if (step := _search(spec, history, number)).runs:
        return step
    raced = race_runs(spec, newcomers(history), number, affordable(spec, history, 0))
    if raced:
        return Generation(number, (), _indexed(raced), step.pruned)
    return confirm(spec, history, number, _left_over(spec, history), _why_over(spec, history))


def _search(spec: StudySpec, view: History, number: int) -> Generation:
    """What the search does on what it sees: promote, drop and propose; perhaps nothing."""
    rise = believed_rise(spec, view)
    last = len(stage_horizons(spec)) - 1
    probes = (probe_trial(spec, 0, 0),) if needs_probe(spec) and number == 0 else ()
    runs = [run for trial in probes for run in probe_runs(spec, trial)]
    tuned, dropped = baseline_promotions(spec, view)
    tuning = baseline_reserve(spec, view) - len(tuned) * stage_cost(spec, last) * (last > 0)
    runs += [run for trial in tuned for run in stage_runs(spec, trial, last, number, rise)]
    better, worse = promotions(spec, view)
    dropped += worse
    places = _batch(spec, number)
    alive = _alive(spec, view, {*dropped, *view.pruned})
    height = max((one.stage for one in alive.values()), default=0)
    for one in better:
        stage = one.stage + 1
        # The first schedule at the full horizon comes before others and more seeds for the best.
        first = race_cost(spec) if height == last else climb_cost(spec, max(height, stage))
        if spent(runs) + stage_cost(spec, stage) <= affordable(spec, view, tuning + first):
            runs += stage_runs(spec, one.trial, stage, number, rise)
            alive[one.trial.number] = replace(one, stage=stage)
            height = max(height, stage)
            places -= 1
        else:
            dropped.append(one.trial.number)
            del alive[one.trial.number]
    reserve = tuning + race_cost(spec) + open_reserve(spec, alive.values())
    left = affordable(spec, view, reserve) - spent(runs)
    seen = replace(view, trials=(*view.trials, *probes)) if probes else view
    searchable = _searchable(spec, view, left, is_first=not alive)
    room = min(places, spec.budget.trials - _tried(view))
    is_over = bool(stop_reason(spec, view))
    trials = new_trials(spec, seen, number, room, searchable, is_over=is_over)
    for trial in trials:
        stage = (baseline_stage if trial.phase is Phase.BASELINE else entry_stage)(spec)
        runs += stage_runs(spec, trial, stage, number, rise)
    return Generation(number, (*probes, *trials), _indexed(runs), tuple(sorted(dropped)))


def _alive(spec: StudySpec, view: History, gone: set[int]) -> dict[int, Standing]:
    """Searched trials at the full horizon, or that may still go on there, by number."""
    return {
        one.trial.number: one
        for one in standings(spec, view)
        if one.trial.phase is Phase.SEARCH
        and not one.has_ended_badly
        and one.trial.number not in gone
    }


def _searchable(spec: StudySpec, view: History, left: float, *, is_first: bool) -> int:
    """How many new trials the search may have with what is left.

    Baselines were set aside for; of the first trials one must be able to go all the way.
    """
    most = spec.budget.trials - _tried(view) - count_waiting(spec, view)
    cost = trial_cost(spec)
    if left < most * cost:
        most = int(left // cost)
    entry = entry_stage(spec)
    if is_first and left < most * stage_cost(spec, entry) + climb_cost(spec, entry):
        most = int((left - climb_cost(spec, entry)) // stage_cost(spec, entry))
    return max(0, most)


def _tried(view: History) -> int:
    """Distinct schedules of baselines and search."""
    return sum(trial.phase in {Phase.BASELINE, Phase.SEARCH} for trial in view.trials)


def _batch(spec: StudySpec, number: int) -> int:
    """Trials of a generation: twice as many once enough is known to look at more at a time."""
    early = -(-EARLY_TRIALS // spec.batch)
    return spec.batch if number < early else min(2 * spec.batch, MAX_BATCH)


def _indexed(runs: Iterable[Run]) -> tuple[Run, ...]:
    return tuple(replace(run, index=index) for index, run in enumerate(runs))


def _left_over(spec: StudySpec, history: History) -> tuple[int, ...]:
    """Trials that ended well at a rung and go no further."""
    last = len(stage_horizons(spec)) - 1
    return tuple(
        one.trial.number
        for one in standings(spec, history)
        if one.stage < last and one.score is not None and one.trial.number not in history.pruned
    )


def _why_over(spec: StudySpec, history: History) -> str:
    """Why the search ended."""
    if stopped := stop_reason(spec, history):
        return stopped
    if _tried(history) >= spec.budget.trials:
        return f"all {spec.budget.trials:,} schedules of the budget were tried"
    paired = {paired_seed(spec, seed) for seed in range(spec.seeds)}
    kinds = (Phase.BASELINE, Phase.SEARCH)
    raced = spent(
        run
        for run in history.runs
        if run.phase in kinds and run.seed not in paired and run.generation >= round_start(history)
    )
    left = affordable(spec, history, baseline_reserve(spec, history) + race_cost(spec) - raced)
    is_first = not _alive(spec, history, set(history.pruned))
    if not _searchable(spec, history, left, is_first=is_first):
        return f"the budget of {spec.budget.steps:,} updates allows no further schedule"
    return "the space holds no further schedule that is new"


def _too_many_failures(spec: StudySpec, view: History) -> GiveUp | None:
    """The end of a study of which more runs failed than may, with the first reasons."""
    failed = [end for _, end in sorted(view.results.items()) if end.state is RunState.FAILED]
    if spec.max_failures is None or len(failed) <= spec.max_failures:
        return None
    told = [(end.reason.splitlines() or ["no reason told"])[0] for end in failed]
    first = "; ".join(list(dict.fromkeys(told))[:TOLD_REASONS])
    return GiveUp(
        f"{len(failed)} runs failed, and {spec.max_failures} may; the first reasons: {first}"
    )
