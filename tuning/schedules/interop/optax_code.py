"""Code for Optax: a schedule, or several joined, where they are exact, else a look-up.

The one idea: an expression is a row of ramps and Optax joins schedules, so nearly every family can
be spelled, one ramp after another; what reads back as the same numbers is written.
Not here: what is read (`optax_calls`, `optax_joined`).
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

from tuning.schedules.compose import LAST, Ramp
from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.interop.base import Exported
from tuning.schedules.interop.export import Spelled, Writer, title_of, write_table
from tuning.schedules.interop.optax_feedback import CALLS
from tuning.schedules.interop.own_rule import with_own_rule
from tuning.schedules.interop.rows import is_level, row_of, write_array_index
from tuning.schedules.interop.rules import find_rule, is_negated, open_loop, propose_optax
from tuning.schedules.schedule import Schedule

Nested: TypeAlias = dict[str, Any]

MOST_JOINED = 64


def write_optax(schedule: Schedule) -> Exported:
    """Code for Optax; a rule that listens is scaled with after any schedule."""
    if not schedule.family.is_feedback:
        return WRITER.write(schedule, title_of(schedule))
    rule = find_rule(CALLS, propose_optax(schedule), schedule, is_base_ours=True)
    base = WRITER.write(open_loop(schedule), title_of(schedule))
    if rule is None:
        return with_own_rule(base, schedule)
    code = base.code.replace("import jax.numpy as jnp\n", "import jax.numpy as jnp\nimport optax\n")
    told = "value=-metric" if is_negated(schedule) else "value=metric"
    code += (
        f"# Chain it after the optimiser, whose update takes {told}, every time.\n"
        f"plateau = {_spell(f'contrib.{rule.call}', rule.kwargs)}\n"
    )
    why = f"{rule.call} has this rule, and goes with any schedule. {base.why}"
    return Exported(code, is_native=base.is_native, why=why)


def _propose(schedule: Schedule) -> Iterator[Spelled]:
    row = row_of(schedule)
    if row is None or len(row) > MOST_JOINED:
        return
    for one in _whole(row):
        yield Spelled(one["call"], one["kwargs"], schedule.peak)
    parts = [_part(ramp) for ramp in row]
    boundaries = list(accumulate(ramp.length for ramp in row))
    if schedule.family.after_end == "zero":
        parts.append(_nest("constant_schedule", value=0.0))
    else:
        boundaries.pop()
    if len(parts) == 1 and parts[0] is not None:
        yield Spelled(parts[0]["call"], parts[0]["kwargs"], schedule.peak)
    elif all(parts):
        joined: Nested = {"schedules": parts, "boundaries": boundaries}
        yield Spelled("join_schedules", joined, schedule.peak)


def _nest(call: str, **kwargs: object) -> Nested:
    return {"call": call, "kwargs": kwargs}


def _whole(row: tuple[Ramp, ...]) -> Iterator[Nested]:
    """Schedules of Optax that are more than one ramp."""
    if len(row) > 1 and all(map(is_level, row)) and all(ramp.start for ramp in row[:-1]):
        ends = accumulate(ramp.length for ramp in row[:-1])
        factors = [after.start / before.start for before, after in pairwise(row)]
        scales = dict(zip(ends, factors, strict=True))
        start = row[0].start
        yield _nest("piecewise_constant_schedule", init_value=start, boundaries_and_scales=scales)
    if len(row) == 2 and row[0].start < row[0].end == row[1].start:
        yield _warmed(*row)


def _warmed(rise: Ramp, fall: Ramp) -> Nested:
    kwargs: Nested = {
        "init_value": rise.start,
        "peak_value": rise.end,
        "warmup_steps": rise.length,
        "decay_steps": rise.length + fall.length,
        "end_value": fall.end,
    }
    if fall.curve.power != 1.0:
        kwargs["exponent"] = fall.curve.power
    return _nest("warmup_cosine_decay_schedule", **kwargs)


def _part(ramp: Ramp) -> Nested | None:
    """One ramp; None if Optax has nothing like it."""
    length = ramp.length - 1 if ramp.phase == LAST else ramp.length
    start, end = ramp.start, ramp.end
    if start == end:
        return _nest("constant_schedule", value=start)
    if ramp.order == 0.0:
        return _nest(
            "exponential_decay",
            init_value=start,
            transition_steps=length,
            decay_rate=end / start,
            end_value=end,
        )
    if ramp.curve == CURVES["cosine"].raised(ramp.curve.power) and start:
        kwargs: Nested = {"init_value": start, "decay_steps": length, "alpha": end / start}
        if ramp.curve.power != 1.0:
            kwargs["exponent"] = ramp.curve.power
        return _nest("cosine_decay_schedule", **kwargs)
    power = ramp.curve.power if start > end else ramp.curve.warp
    if ramp.curve != (Curve(power=power) if start > end else Curve(warp=power)):
        return None
    ends: Nested = {"init_value": start, "end_value": end, "transition_steps": length}
    if power == 1.0:
        return _nest("linear_schedule", **ends)
    return _nest("polynomial_schedule", **ends, power=power)


def _spell(call: str, kwargs: Mapping[str, Any], indent: str = "") -> str:
    inner = indent + "    "
    given = "".join(f"{inner}{key}={_value(value, inner)},\n" for key, value in kwargs.items())
    return f"optax.{call}(\n{given}{indent})"


def _value(value: object, indent: str) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        inner = indent + "    "
        nested = (_spell(one["call"], one["kwargs"], inner) for one in value)
        return "[\n" + "".join(f"{inner}{one},\n" for one in nested) + f"{indent}]"
    return repr(value)


def _looked_up(schedule: Schedule, title: str) -> str:
    return f'''{title}

import jax.numpy as jnp

{write_table(schedule)}


def schedule(count):
    """The rate of update `count`, an integer or an array of them; Optax takes it as it is."""
    t = jnp.asarray(count)
    return jnp.asarray(LEARNING_RATES)[{write_array_index(schedule, "jnp")}]
'''


def _code(native: Spelled, title: str) -> str:
    return f"{title}\n\nimport optax\n\nschedule = {_spell(native.call, native.kwargs)}\n"


WRITER = Writer(
    name="Optax",
    calls=CALLS,
    propose=_propose,
    spell=_code,
    look_up=_looked_up,
    native=lambda call: f"{call.call} has these values at every update, to JAX's float32.",
    table="No schedules of Optax, joined, have these values at every update; so it is a table.",
)
