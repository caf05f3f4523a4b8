"""Families: the table of named schedules, and how one is built from search coordinates.

The one idea: the table is the catalogue; API, documents, UI, CLI and tests read it. A new family is
one class and one line here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tuning.errors import InvalidValue
from tuning.schedules.families.annealing import (
    Chebyshev,
    ClippedPolynomial,
    CosineKDecay,
    CosinePower,
    CosineWaves,
    Fsl,
    LinearCosine,
    MirrorCosine,
    NoisyLinearCosine,
    OneMinusPower,
    Rex,
    Sigmoid,
)
from tuning.schedules.families.base import AfterEnd, End, Family
from tuning.schedules.families.choice import ChangeOnPlateau
from tuning.schedules.families.compounds import (
    CosineConstant,
    MinicpmExp,
    Noam,
    PowerScheduler,
    RangeTest,
    TriStage,
    TwoStage,
)
from tuning.schedules.families.cycles import OneCycle, Restarts, Sgdr, ThreePhase, Triangular
from tuning.schedules.families.decays import (
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    Polynomial,
    Step,
)
from tuning.schedules.families.explicit import (
    Expression,
    Knots,
    PiecewiseConstant,
    PiecewiseLinear,
    Table,
)
from tuning.schedules.families.feedback import (
    Adaptive,
    Greedy,
    Plateau,
)
from tuning.schedules.families.plateaus import Wsd
from tuning.schedules.families.rates import (
    InverseTime,
    NaturalExp,
    PowerDecay,
    Saturating,
    Staircase,
)
from tuning.schedules.families.refined import RefinedLinear
from tuning.schedules.families.warmup import Warmup
from tuning.schedules.families.waves import (
    Wave,
)
from tuning.schedules.limits import Among
from tuning.schedules.parameters import PARAMETERS, Value

FAMILIES: Mapping[str, type[Family]] = MappingProxyType(
    {
        "constant": Constant,
        "linear": Linear,
        "cosine": Cosine,
        "exponential": Exponential,
        "polynomial": Polynomial,
        "step": Step,
        "inverse_sqrt": InverseSqrt,
        "wsd": Wsd,
        "one_cycle": OneCycle,
        "triangular": Triangular,
        "sgdr": Sgdr,
        "cosine_power": CosinePower,
        "cosine_k_decay": CosineKDecay,
        "cosine_waves": CosineWaves,
        "cosine_constant": CosineConstant,
        "mirror_cosine": MirrorCosine,
        "one_minus_power": OneMinusPower,
        "clipped_polynomial": ClippedPolynomial,
        "rex": Rex,
        "fsl": Fsl,
        "refined_linear": RefinedLinear,
        "sigmoid": Sigmoid,
        "linear_cosine": LinearCosine,
        "noisy_linear_cosine": NoisyLinearCosine,
        "inverse_time": InverseTime,
        "power_decay": PowerDecay,
        "power_scheduler": PowerScheduler,
        "noam": Noam,
        "natural_exp": NaturalExp,
        "staircase": Staircase,
        "two_stage": TwoStage,
        "tri_stage": TriStage,
        "minicpm_exp": MinicpmExp,
        "chebyshev": Chebyshev,
        "saturating": Saturating,
        "three_phase": ThreePhase,
        "restarts": Restarts,
        "wave": Wave,
        "range_test": RangeTest,
        "plateau": Plateau,
        "greedy": Greedy,
        "adaptive": Adaptive,
        "change_on_plateau": ChangeOnPlateau,
        "table": Table,
        "expression": Expression,
        "piecewise_linear": PiecewiseLinear,
        "piecewise_constant": PiecewiseConstant,
        "knots": Knots,
    }
)

__all__ = [
    "FAMILIES",
    "Adaptive",
    "AfterEnd",
    "ChangeOnPlateau",
    "Chebyshev",
    "ClippedPolynomial",
    "Constant",
    "Cosine",
    "CosineConstant",
    "CosineKDecay",
    "CosinePower",
    "CosineWaves",
    "End",
    "Exponential",
    "Expression",
    "Family",
    "Fsl",
    "Greedy",
    "InverseSqrt",
    "InverseTime",
    "Knots",
    "Linear",
    "LinearCosine",
    "MinicpmExp",
    "MirrorCosine",
    "NaturalExp",
    "Noam",
    "NoisyLinearCosine",
    "OneCycle",
    "OneMinusPower",
    "PiecewiseConstant",
    "PiecewiseLinear",
    "Plateau",
    "Polynomial",
    "PowerDecay",
    "PowerScheduler",
    "RangeTest",
    "RefinedLinear",
    "Restarts",
    "Rex",
    "Saturating",
    "Sgdr",
    "Sigmoid",
    "Staircase",
    "Step",
    "Table",
    "ThreePhase",
    "TriStage",
    "Triangular",
    "TwoStage",
    "Warmup",
    "Wave",
    "Wsd",
    "build",
    "find",
]


def find(kind: object) -> type[Family]:
    """The family of that name; raises `UnknownName` naming the field `family`."""
    return FAMILIES[Among(FAMILIES)("family", kind)]


def build(kind: str, peak: float, params: Mapping[str, Value]) -> Family:
    """Make a family from search coordinates.

    Args:
        kind: a name in `FAMILIES`.
        peak: largest learning rate, > 0; its range is the study's business.
        params: values of some of the family's tunable parameters, each within its range in
            `PARAMETERS`; the others keep the family's defaults.

    Raises `UnknownName` for a family that does not exist, and `InvalidValue` naming a parameter
    that the family does not have or that is outside its range.

    >>> build("wsd", 0.01, {"hold": 0.5, "warmup": 0.02}).warmup.length
    0.02
    """
    family = find(kind)
    for name, value in params.items():
        if name not in family.tunable:
            allowed = f"a parameter of {kind}: " + ", ".join(family.tunable)
            raise InvalidValue(name, value, allowed)
    return family.from_coordinates(
        peak, {name: PARAMETERS[name].check(params[name]) for name in params}
    )
