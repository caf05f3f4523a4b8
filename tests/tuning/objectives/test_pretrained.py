"""Pretrained networks as files: read whole, or refused with the array's name."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tuning.errors import DataError
from tuning.objectives import networks
from tuning.objectives.heston import Domain
from tuning.objectives.layers import ACTIVATIONS
from tuning.objectives.pretrained import Scaling, read_network
from tuning.objectives.surfaces import Surfaces


def content() -> dict[str, np.ndarray]:
    """The arrays of a network with one hidden layer of three units."""
    generator = np.random.default_rng(0)
    return {
        "weights_0": generator.normal(size=(5, 3)),
        "bias_0": generator.normal(size=3),
        "weights_1": generator.normal(size=(3, 88)).astype("f4"),
        "bias_1": np.zeros(88, int),
        "activation": np.array("tanh"),
        "input_centre": np.zeros(5),
        "input_scale": np.ones(5),
        "output_centre": np.full(88, 0.2),
        "output_scale": np.full(88, 0.1),
    }


def write(folder: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """A file of these arrays."""
    path = folder / "network.npz"
    np.savez(path, allow_pickle=True, **arrays)
    return path


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Layers, activation and scaling survive a file, twice."""
    network = read_network(write(tmp_path, content()))
    again = read_network(write(tmp_path, network.arrays))

    assert network.widths == (5, 3, 88)
    assert network.activation == again.activation == "tanh"
    for name, array in content().items():
        if name != "activation":
            assert (network.arrays[name] == array.astype(network.arrays[name].dtype)).all()
            assert (again.arrays[name] == network.arrays[name]).all()


def test_the_activations_are_those_of_the_engine() -> None:
    """The list that needs no JAX is the one that does."""
    assert set(ACTIVATIONS) == set(networks.FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("weights_0", None, "no array weights_0"),
        ("bias_1", None, "no array bias_1"),
        ("input_scale", None, "no array input_scale"),
        ("activation", None, "activation: ''"),
        ("activation", np.array("swish"), "activation: 'swish'"),
        ("weights_0", np.zeros((3, 5)), r"weights_0: shape \(3, 5\)"),
        ("weights_1", np.zeros((4, 88)), r"weights_1: shape \(4, 88\)"),
        ("bias_1", np.zeros(87), "bias_1: 87 outputs, not 88"),
        ("bias_0", np.zeros((3, 1)), "bias_0: shape"),
        ("bias_0", np.zeros(0), "bias_0: shape"),
        ("bias_0", np.array([0, np.nan, 0]), "bias_0: not finite"),
        ("bias_0", np.array([0, 1e300, 0]), "bias_0: not finite"),
        ("bias_0", np.array(["a", "b", "c"]), "bias_0: not finite"),
        ("bias_0", np.array([1, 2, Path()], dtype=object), "cannot be read"),
        ("output_scale", np.zeros(88), "output_scale: not positive"),
        ("input_centre", np.zeros(4), "input_centre: shape"),
    ],
)
def test_arrays_that_make_no_network_are_refused(
    tmp_path: Path, name: str, array: np.ndarray | None, message: str
) -> None:
    """The error names the file and the first array that does not fit; pickles are not opened."""
    arrays = content()
    del arrays[name]
    if array is not None:
        arrays[name] = array

    with pytest.raises(DataError, match=message):
        read_network(write(tmp_path, arrays))


@pytest.mark.parametrize("written", [b"", b"text", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, written: bytes) -> None:
    """The error says so instead of crashing."""
    path = tmp_path / "network.npz"
    path.write_bytes(written)

    with pytest.raises(DataError, match=r"network\.npz: cannot be read"):
        read_network(path)


def test_scaling_puts_inputs_into_the_unit_cube_and_standardises_targets() -> None:
    """The domain's ends become -1 and 1; the training targets have mean 0 and deviation 1."""
    domain = Domain((0.0, 1.0), (0.0, 2.0), (1.0, 3.0), (0.5, 1.0), (-1.0, 0.0))
    generator = np.random.default_rng(1)
    train = Surfaces(domain.edges, generator.normal(0.3, 0.1, (50, 88)))
    scaling = Scaling.of(domain, train)

    assert scaling.inputs(train).tolist() == [[-1.0] * 5, [1.0] * 5]
    assert scaling.targets(train).mean(axis=0) == pytest.approx(np.zeros(88), abs=1e-12)
    assert scaling.targets(train).std(axis=0) == pytest.approx(np.ones(88))
