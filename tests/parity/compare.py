"""Compare: the schedule Glideslope reads from a call, beside the rates of the library.

The one idea: a case is judged by one number, the largest difference within the horizon relative to
the largest rate; a row by its worst case. After the horizon the schedule must go on as the library
does, or the import must say in a note that it does not.
Not here: running the libraries (`record`), the table that is printed (`report`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tuning.errors import InvalidValue, TuningError
from tuning.schedules import Schedule
from tuning.schedules.interop import FRAMEWORKS, Imported, read_call

# A note with one of these codes says that the library goes on in its own way.
ENDINGS = {"past_end", "library_fault", "rebound"}

Answered = dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What a case came to.

    Args:
        row: its line in the table.
        is_drawn: whether the case was drawn, not written by hand.
        difference: the largest within the horizon, relative to the largest rate; None if it was
            not read, or is refused.
        fault: what is wrong, in one line; empty if nothing is.
        undecided: updates left out, as the library contradicts itself there.
        family: the kind of the schedule that was read.
    """

    row: str
    is_drawn: bool
    difference: float | None = None
    fault: str = ""
    undecided: int = 0
    family: str = ""


@dataclass(frozen=True)
class Row:
    """All cases of one call."""

    library: str
    name: str
    tolerance: float
    judgements: tuple[Judgement, ...]

    @property
    def differences(self) -> list[float]:
        """Those of all cases that the library and Glideslope both take."""
        return [each.difference for each in self.judgements if each.difference is not None]

    @property
    def faults(self) -> list[str]:
        """What is wrong, case by case."""
        return [each.fault for each in self.judgements if each.fault]


def compare(library: str, framework: str, answer: Answered, tolerance: float) -> list[Row]:
    """The rows of one library, in the order of its calls."""
    judgements = [judge(framework, case, tolerance) for case in answer["cases"]]
    judgements += [judge_refusal(framework, case) for case in answer["refused"]]
    return _rows(library, judgements, lambda _: tolerance)


def compare_feedback(answer: Answered, tolerances: dict[str, float]) -> list[Row]:
    """The rows of the rules that listen to a metric; their names begin with the framework's."""
    cases = answer["cases"]
    judgements = [judge_feedback(case, tolerances[case["framework"]]) for case in cases]
    return _rows("feedback", judgements, lambda name: tolerances[name.split()[0]])


def judge(framework: str, case: Answered, tolerance: float) -> Judgement:
    """A call that the library takes."""
    try:
        imported = _read(framework, case)
        table = imported.schedule.table()
    except (TuningError, ArithmeticError) as error:
        return _unread(case, error)
    values = np.array(case["values"])
    scale = float(np.abs(values).max()) or 1.0
    left_out = [update for update in case.get("undecided", ()) if update < table.size]
    apart = np.abs(table - values[: table.size]) / scale
    apart[left_out] = 0.0
    fault = ""
    if not apart.max() <= tolerance:
        fault = f"{apart.max():.2g} at update {int(apart.argmax())}: {_spell(case)}"
    elif not _goes_on(imported, values, tolerance * scale):
        fault = f"goes on otherwise, without a note: {_spell(case)}"
    beside = _channels_apart(imported.schedule, case.get("channels", {}))
    if not fault and not beside <= tolerance:
        fault = f"{beside:.2g} in a channel: {_spell(case)}"
    family = imported.schedule.family.kind
    figures = _figures(np.maximum(apart, beside), fault, family)
    return Judgement(**_head(case), **figures, undecided=len(left_out))


def _channels_apart(schedule: Schedule, answered: dict[str, list[float]]) -> float:
    """The largest relative difference in a channel; infinite if there are others."""
    if schedule.channels.keys() != answered.keys():
        return np.inf
    return max((_channel_apart(schedule, *one) for one in answered.items()), default=0.0)


def _channel_apart(schedule: Schedule, name: str, answered: list[float]) -> float:
    values, table = np.array(answered), schedule.channel(name).table()
    scale = float(np.abs(values).max()) or 1.0
    return float(np.abs(table - values[: table.size]).max()) / scale


def judge_refusal(framework: str, case: Answered) -> Judgement:
    """A call that the library refuses."""
    try:
        _read(framework, case)
    except InvalidValue:
        return Judgement(**_head(case))
    fault = f"read, where the library has {case['error']}: {_spell(case)}"
    return Judgement(**_head(case), fault=fault)


def judge_feedback(case: Answered, tolerance: float) -> Judgement:
    """A rule that listens to a metric, told the same log as the library's."""
    values, metrics = np.array(case["values"]), np.array(case["metrics"])
    try:
        schedule = _read(case["framework"], case).schedule
        gains = [getattr(schedule.family, "first_gain", 1.0), *schedule.family.gains(metrics)]
        rates = schedule(np.arange(metrics.size)) * np.array(gains[: metrics.size])
    except (TuningError, ArithmeticError, AttributeError) as error:
        return _unread(case, error)
    apart = np.abs(rates[: values.size] - values) / values.max()
    fault = "" if apart.max() <= tolerance else f"{apart.max():.2g}: {_spell(case)}"
    return Judgement(**_head(case), **_figures(apart, fault, schedule.family.kind))


def uncovered(framework: str, answer: Answered, covered: set[str]) -> list[str]:
    """Schedulers that the library has, or that Glideslope reads, and that are not covered."""
    known = FRAMEWORKS[framework].calls if framework in FRAMEWORKS else ()
    drawn = covered | {name.split("(")[0] for name in covered}
    return [name for name in dict.fromkeys([*answer["public"], *known]) if name not in drawn]


def _read(framework: str, case: Answered) -> Imported:
    given = {"base_lr": case["base_lr"], "horizon": case["horizon"]}
    return read_call(framework, case["call"], case["kwargs"], **given)


def _goes_on(imported: Imported, values: np.ndarray, allowed: float) -> bool:
    """Whether it goes on as the library does, or does not claim to."""
    horizon = imported.schedule.horizon
    if values.size == horizon or any(note.code in ENDINGS for note in imported.notes):
        return True
    if imported.schedule.family.after_end == "error":
        return True  # it has no learning rate there
    beyond = imported.schedule(np.arange(horizon, values.size))
    return bool(np.abs(beyond - values[horizon:]).max() <= allowed)


def _unread(case: Answered, error: Exception) -> Judgement:
    return Judgement(**_head(case), fault=f"not read: {error}: {_spell(case)}")


def _head(case: Answered) -> dict[str, Any]:
    return {"row": case["row"], "is_drawn": case["index"] >= 0}


def _figures(apart: np.ndarray, fault: str, family: str) -> dict[str, Any]:
    return {"difference": float(apart.max()), "fault": fault, "family": family}


def _spell(case: Answered) -> str:
    return f"{case['call']}({case['kwargs']}) base_lr={case['base_lr']} horizon={case['horizon']}"


def _rows(library: str, judgements: list[Judgement], tolerance: Any) -> list[Row]:  # noqa: ANN401 # a function of the name
    names = dict.fromkeys(each.row for each in judgements)
    return [
        Row(library, name, tolerance(name), tuple(each for each in judgements if each.row == name))
        for name in names
    ]
