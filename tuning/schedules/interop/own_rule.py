"""Own rule: a plateau rule that no call of a library has, in plain Python beside a table.

The one idea: the family's own reducer, its fields filled in, so that the code needs nobody.
Not here: the reducer that the project uses (`tuning.schedules.families.feedback`).
"""

import math

from tuning.schedules.families import Plateau
from tuning.schedules.interop.base import Exported
from tuning.schedules.schedule import Schedule


def with_own_rule(base: Exported, schedule: Schedule) -> Exported:
    """The code of the base, followed by the rule that goes with it."""
    family = schedule.family
    if not isinstance(family, Plateau):
        why = f"The library has no rule like {family.kind!r}: this is the rate before any metric;"
        return Exported(base.code, is_native=False, why=f"{why} multiply it by the rule's gains.")
    why = "The library has no rule like this one, so the code brings its own: multiply the rate by "
    return Exported(f"{base.code}\n\n{_spell(family)}", is_native=False, why=f"{why}its gain.")


def _spell(family: Plateau) -> str:
    sign = 1.0 if family.mode == "max" else -1.0
    step, apart = sign * family.threshold, sign * family.margin
    bar = f"self.best * {1.0 + step!r}" if family.tolerance == "rel" else f"self.best + {step!r}"
    worst = -math.inf if family.mode == "max" else math.inf
    unless = "" if family.best_in_cooldown else " and not resting"
    return f'''class Plateau:
    """Tell it every metric; multiply the rate by its gain."""

    def __init__(self):
        self.gain, self.best, self.bad, self.cooling = 1.0, float("{worst}"), 0, 0
        self.waiting, self.heard, self.mean = {family.wait}, 0, 0.0

    def tell(self, metric):
        if self.waiting:
            self.waiting -= 1
            return self.gain
        self.heard += 1
        self.mean = ((self.heard - 1) * self.mean + metric) / self.heard
        if self.heard == {family.accumulation}:
            self._judge(self.mean)
            self.heard, self.mean = 0, 0.0
        return self.gain

    def _judge(self, metric):
        resting = self.cooling > {int(family.last_cooldown_counts)}
        improved = metric {">" if family.mode == "max" else "<"} {bar} + {apart!r}
        if improved{unless}:
            self.best = metric
        self.bad = 0 if resting or improved else self.bad + 1
        self.cooling = max(0, self.cooling - 1)
        if self.bad >= {max(1, family.patience + (family.count_rule == "gt"))}:
            lower = max(self.gain * {family.factor!r}, {family.min_gain!r})
            if self.gain - lower > {family.smallest_change!r}:
                self.gain = lower
            self.bad, self.cooling = 0, {family.cooldown}
'''
