"""Needs: three plain numbers that some machine can have."""

import pytest

from tuning.errors import InvalidValue
from tuning.objectives import OBJECTIVES, Needs
from tuning.objectives.own import model_objective


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("cpus", value) for value in (0, -1, 1.5, True, 2000, "1")],
        *[("gpus", value) for value in (-1, 1.5, 65, float("nan"), float("inf"), "1", True)],
        *[("memory_mib", value) for value in (0, -1, 0.5, 2**30)],
    ],
)
def test_what_no_machine_has_is_refused(field: str, value: object) -> None:
    """With the name of the field."""
    with pytest.raises(InvalidValue) as refusal:
        Needs(**{field: value})
    assert refusal.value.field == f"needs.{field}"


@pytest.mark.parametrize("gpus", [0, 0.25, 1, 2.0, 64])
def test_a_share_of_a_gpu_or_several_may_be_needed(gpus: float) -> None:
    """As a float, whatever was given."""
    assert isinstance(Needs(gpus=gpus).gpus, float)


def test_an_objective_needs_one_core_unless_it_says_more() -> None:
    """Built in or one's own."""
    assert all(one.needs.cpus == 1 and one.needs.gpus == 0 for one in OBJECTIVES.values())
    own = model_objective(lambda _: None, name="own", horizon=9, peak=(0.1, 1), needs=Needs(cpus=4))
    assert own.needs == Needs(cpus=4, gpus=0.0, memory_mib=None)
