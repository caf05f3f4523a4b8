"""Provenance: versions as installed, hashes as told, one identity for what is equal."""

import pickle
from importlib.metadata import version

import pytest

from tuning.errors import InvalidValue
from tuning.provenance import Provenance, installed


def test_versions_are_those_that_are_installed() -> None:
    """Python, Glideslope and NumPy always, and what is asked for, in the order of the names."""
    found = installed(("scipy", "jax"))
    assert list(found) == ["glideslope", "jax", "numpy", "python", "scipy"]
    assert found["jax"] == version("jax")
    assert installed(("scipy", "jax")) is found


def test_a_package_that_is_not_installed_is_named() -> None:
    """It is a mistake in an objective's description, and would leave a gap in the record."""
    with pytest.raises(InvalidValue, match="packages: 'sklearn-typo'"):
        installed(("sklearn-typo",))


@pytest.mark.parametrize("told", ["", "a" * 129, 7])
def test_what_is_no_hash_is_refused(told: object) -> None:
    """A hash is a short text, whoever made it."""
    with pytest.raises(InvalidValue, match="data_hash"):
        Provenance(told)  # type: ignore[arg-type]


def test_the_identity_is_that_of_what_was_told() -> None:
    """The order of the names is of no account; every value is."""
    one = Provenance("ab", {"numpy": "2", "jax": "1"})
    assert one.identity == Provenance("ab", {"jax": "1", "numpy": "2"}).identity
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 # our own
    others = [
        Provenance("ab", {"jax": "1"}),
        Provenance("ac", {"jax": "1", "numpy": "2"}),
        Provenance(None, {"jax": "1", "numpy": "2"}),
        Provenance("ab", {"jax": "2", "numpy": "1"}),
    ]
    assert len({one.identity, *(other.identity for other in others)}) == 5
