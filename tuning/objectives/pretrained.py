"""Pretrained: a network that maps Heston parameters to a surface, as a value and as a file.

The one idea: weights mean nothing without the scaling they were trained under, so both travel
together. The file is a plain .npz that any framework can write:

    weights_0 (5, h), bias_0 (h,), weights_1 (h, h), ...   layers in order: x W + b
    activation                                             text: elu, relu, softplus or tanh
    input_centre, input_scale (5,)                         x = (parameters - centre) / scale
    output_centre, output_scale (88,)                      volatilities = y scale + centre

Parameters are v0, theta, kappa, sigma, rho; outputs are those of `Surfaces.volatilities`.
Not here: training one (`tuning.objectives.surface_training`).
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuning.errors import DataError
from tuning.objectives.base import Floats
from tuning.objectives.cached import read_arrays
from tuning.objectives.heston import PARAMETERS, Domain
from tuning.objectives.layers import ACTIVATIONS, Layer
from tuning.objectives.surfaces import POINTS, Surfaces

MAX_BYTES = 64 * 2**20
MAX_LAYERS = 20
PRETRAINED_WIDTHS = (len(PARAMETERS), 30, 30, 30, POINTS)
_SCALING = {"input_centre": 5, "input_scale": 5, "output_centre": POINTS, "output_scale": POINTS}


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How parameters and volatilities become what a network sees.

    Args:
        input_centre: subtracted from the parameters, shape (5,).
        input_scale: the parameters are then divided by, positive, shape (5,).
        output_centre: subtracted from the volatilities, shape (88,).
        output_scale: the volatilities are then divided by, positive, shape (88,).
    """

    input_centre: Floats
    input_scale: Floats
    output_centre: Floats
    output_scale: Floats

    @staticmethod
    def of(domain: Domain, train: Surfaces) -> "Scaling":
        """Parameters of `domain` in -1..1, training volatilities of mean 0 and deviation 1."""
        low, high = domain.edges
        centre, scale = train.volatilities.mean(axis=0), train.volatilities.std(axis=0)
        scale[scale == 0] = 1.0  # a constant target becomes 0, not NaN
        return Scaling((low + high) / 2, (high - low) / 2, centre, scale)

    def inputs(self, surfaces: Surfaces) -> Floats:
        """Scaled parameters, shape (n, 5)."""
        return (surfaces.parameters - self.input_centre) / self.input_scale

    def targets(self, surfaces: Surfaces) -> Floats:
        """Scaled volatilities, shape (n, 88)."""
        return (surfaces.volatilities - self.output_centre) / self.output_scale


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceNetwork:
    """Layers and the scaling around them; `read_network` refuses what does not fit together.

    Args:
        layers: weights (inputs, outputs) and bias (outputs,) of each layer, float32.
        activation: between the layers.
        scaling: of what goes in and comes out.
    """

    layers: tuple[Layer, ...]
    activation: str
    scaling: Scaling

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, hidden units of each layer, outputs."""
        return (len(PARAMETERS), *(len(bias) for _, bias in self.layers))

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """All of it by the names in the file."""
        layers = {
            f"{name}_{number}": array
            for number, layer in enumerate(self.layers)
            for name, array in zip(("weights", "bias"), layer, strict=True)
        }
        scaling = {name: getattr(self.scaling, name) for name in _SCALING}
        return {**layers, **scaling, "activation": np.array(self.activation)}


def read_network(path: Path) -> SurfaceNetwork:
    """The network in an .npz file, which pickles cannot be part of.

    Raises `DataError` naming the first array that is missing, of the wrong shape, or not finite.
    """
    try:
        arrays = read_arrays(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name}: cannot be read: {error}") from error
    return assemble(arrays, path.name)


def assemble(arrays: Mapping[str, np.ndarray], source: str) -> SurfaceNetwork:
    """A network out of the arrays of a file called `source`; raises `DataError`."""
    count = next((n for n in range(MAX_LAYERS) if f"weights_{n}" not in arrays), MAX_LAYERS)
    if not count:
        raise DataError(f"{source}: no array weights_0")
    hidden = [_array(arrays, source, f"bias_{number}", (None,)) for number in range(count)]
    widths = [len(PARAMETERS), *(len(bias) for bias in hidden)]
    if widths[-1] != POINTS:
        raise DataError(f"{source}, bias_{count - 1}: {widths[-1]} outputs, not {POINTS}")
    layers = tuple(
        (
            _array(arrays, source, f"weights_{number}", shape).astype(np.float32),
            hidden[number].astype(np.float32),
        )
        for number, shape in enumerate(itertools.pairwise(widths))
    )
    scaling = {
        name: _array(arrays, source, name, (length,)).astype(np.float64)
        for name, length in _SCALING.items()
    }
    for name in ("input_scale", "output_scale"):
        if not (scaling[name] > 0).all():
            raise DataError(f"{source}, {name}: not positive")
    activation = str(arrays.get("activation", ""))
    if activation not in ACTIVATIONS:
        raise DataError(f"{source}, activation: {activation!r} is not {' or '.join(ACTIVATIONS)}")
    return SurfaceNetwork(layers, activation, Scaling(**scaling))


def _array(
    arrays: Mapping[str, np.ndarray], source: str, name: str, shape: tuple[int | None, ...]
) -> np.ndarray:
    """A finite array of real numbers; None in `shape` is any length from 1."""
    array = arrays.get(name)
    if array is None:
        raise DataError(f"{source}: no array {name}")
    fits = len(shape) == array.ndim and all(
        length == (wanted or max(length, 1))
        for length, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise DataError(f"{source}, {name}: shape {array.shape}, not {shape}")
    if array.dtype.kind not in "fiu" or not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise DataError(f"{source}, {name}: not finite numbers")
    return array
