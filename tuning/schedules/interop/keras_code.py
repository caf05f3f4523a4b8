"""Code for Keras: one of its schedules where it is exact, else one of our own over a table.

The one idea: Keras joins nothing, so a schedule is native only if one class has all of it.
Not here: what is read (`keras_calls`).
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, TypeAlias

from tuning.schedules.compose import LAST, Ramp
from tuning.schedules.curves import CURVES
from tuning.schedules.interop.base import Exported
from tuning.schedules.interop.export import Spelled, Writer, title_of, write_table
from tuning.schedules.interop.keras_calls import CALLS
from tuning.schedules.interop.own_rule import with_own_rule
from tuning.schedules.interop.rows import Row, is_level, row_of, write_array_index
from tuning.schedules.interop.rules import find_rule, open_loop, propose_keras
from tuning.schedules.schedule import Schedule

Kwargs: TypeAlias = Mapping[str, Any]

MOST_LEVELS = 1_000


def write_keras(schedule: Schedule) -> Exported:
    """Code for Keras; a rule that listens is a callback, which moves one rate, not a schedule."""
    if not schedule.family.is_feedback:
        return WRITER.write(schedule, title_of(schedule))
    rule = find_rule(CALLS, propose_keras(schedule), schedule)
    if rule is None:
        return with_own_rule(WRITER.write(open_loop(schedule), title_of(schedule)), schedule)
    callback = _spell(f"callbacks.{rule.call}", {"monitor": "val_loss", **rule.kwargs})
    code = (
        f"{title_of(schedule)}\n\nimport keras\n\nlearning_rate = {rule.base_lr!r}\n"
        f"# Name the metric; an epoch is one.\nplateau = {callback}\n"
    )
    why = f"{rule.call} has this rule, to Keras' float32."
    return Exported(code, is_native=True, why=why)


def _spell(call: str, kwargs: Kwargs) -> str:
    given = "".join(f"    {key}={value!r},\n" for key, value in kwargs.items())
    return f"keras.{call}(\n{given})"


def _code(native: Spelled, title: str) -> str:
    spelled = _spell(f"optimizers.schedules.{native.call}", native.kwargs)
    return f"{title}\n\nimport keras\n\nschedule = {spelled}\n"


def _propose(schedule: Schedule) -> Iterator[Spelled]:
    row = row_of(schedule)
    if row is None or len(row) > MOST_LEVELS:
        return
    for call, kwargs in _calls(row):
        yield Spelled(call, kwargs, schedule.peak)


def _calls(row: Row) -> Iterator[tuple[str, Kwargs]]:
    last = row[-1]
    if all(map(is_level, row)):
        yield "PiecewiseConstantDecay", _levels(row)
    elif len(row) == 1:
        yield from _single(last)
    elif len(row) == 2 and last.curve == CURVES["cosine"]:
        warmup = {"warmup_target": last.start, "warmup_steps": row[0].length}
        yield "CosineDecay", {**_cosine(last), "initial_learning_rate": row[0].start, **warmup}
    if len(row) > 1 and last.curve == CURVES["cosine"] and row[0].start > row[0].end:
        yield "CosineDecayRestarts", _restarts(row)


def _levels(row: Row) -> Kwargs:
    """Keras changes one update after the boundary; one level alone needs a boundary, too."""
    values = [ramp.start for ramp in row]
    ends = [end - 1 for end in accumulate(ramp.length for ramp in row)]
    alone = len(values) == 1
    return {"boundaries": ends if alone else ends[:-1], "values": values * (1 + alone)}


def _single(ramp: Ramp) -> Iterator[tuple[str, Kwargs]]:
    start, end = ramp.start, ramp.end
    length = ramp.length - 1 if ramp.phase == LAST else ramp.length
    common: Kwargs = {"initial_learning_rate": start, "decay_steps": length}
    if ramp.order == 0.0:
        yield "ExponentialDecay", {**common, "decay_rate": end / start}
    if ramp.order == -1.0 and start > end:
        yield "InverseTimeDecay", {**common, "decay_rate": start / end - 1.0}
    if ramp.order == 1.0 and ramp.curve == CURVES["cosine"]:
        yield "CosineDecay", {**_cosine(ramp), "decay_steps": length}
    if ramp.order == 1.0 and ramp.curve.base == "linear":
        power = ramp.curve.power if start > end else ramp.curve.warp
        yield "PolynomialDecay", {**common, "end_learning_rate": end, "power": power}


def _cosine(ramp: Ramp) -> Kwargs:
    alpha = ramp.end / ramp.start if ramp.start else 0.0
    return {
        "initial_learning_rate": ramp.start,
        "decay_steps": ramp.length,
        "alpha": alpha,
    }


def _restarts(row: Row) -> Kwargs:
    first, second = row[:2]
    height = first.start - first.end
    return {
        "initial_learning_rate": first.start,
        "first_decay_steps": first.length,
        "t_mul": second.length / first.length,
        "m_mul": (second.start - first.end) / height,
        "alpha": first.end / first.start,
    }


def _looked_up(schedule: Schedule, title: str) -> str:
    return f'''{title}

import keras
from keras import ops

{write_table(schedule)}


class Table(keras.optimizers.schedules.LearningRateSchedule):
    """The rates themselves; pass Table() as learning_rate."""

    def __call__(self, step):
        t = ops.cast(step, "int32")
        rates = ops.convert_to_tensor(LEARNING_RATES, dtype="float32")
        return ops.take(rates, {write_array_index(schedule, "ops")})

    def get_config(self):
        return {{}}


schedule = Table()
'''


WRITER = Writer(
    name="Keras",
    calls=CALLS,
    propose=_propose,
    spell=_code,
    look_up=_looked_up,
    native=lambda call: f"{call.call} has these values at every update, to Keras' float32.",
    table="No schedule of Keras has these values at every update; so it is a table.",
)
