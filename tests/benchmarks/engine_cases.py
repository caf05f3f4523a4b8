"""What the engine's benchmark trains, for the engine and for PyTorch alike.

The one idea: data, initial weights, order of the rows and learning rates are arrays made here.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

ROWS = 3000
LR = 1e-3
CHUNK = 24  # updates between two measurements of a run of 480


@dataclass(frozen=True, slots=True)
class Case:
    """A network and how much of it one process trains per repeat."""

    widths: tuple[int, ...]
    activation: str
    batch: int
    lanes: int
    updates: int  # a multiple of CHUNK
    target: float  # times PyTorch

    @property
    def name(self) -> str:
        """Its widths."""
        return "-".join(map(str, self.widths))

    @property
    def flop(self) -> int:
        """Floating-point operations of one update in matrix products, forward and backward."""
        products = [self.batch * a * b for a, b in itertools.pairwise(self.widths)]
        return 2 * (3 * sum(products) - products[0])  # nobody needs the slope of the inputs


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "small": Case((8, 64, 64, 1), "relu", 64, lanes=16, updates=480, target=20.0),
        "big": Case((8, 128, 128, 128, 1), "relu", 256, lanes=4, updates=240, target=2.2),
        "heston": Case((5, 30, 30, 30, 88), "elu", 32, lanes=16, updates=480, target=18.0),
    }
)


def data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of `ROWS` rows, float32."""
    generator = np.random.default_rng(1)
    shapes = (ROWS, case.widths[0]), (ROWS, case.widths[-1])
    inputs, targets = (generator.normal(size=shape).astype(np.float32) for shape in shapes)
    return inputs, targets
