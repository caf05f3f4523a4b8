"""Layers: what a network is made of, known without JAX.

The one idea: a server checks settings and files of networks that it cannot train, so the names of
activations and the shape of weights stand apart from what computes with them.
Not here: the functions behind the names (`tuning.objectives.networks`).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Layer: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]  # matrix and bias

ACTIVATIONS = ("elu", "relu", "softplus", "tanh")
