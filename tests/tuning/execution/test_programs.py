"""Programs: what a process compiled, the next one finds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tuning.execution.programs import keep_programs

PROGRAM = """
import sys
from pathlib import Path
from tuning.execution.programs import keep_programs
assert "jax" not in sys.modules
keep_programs(Path(sys.argv[1]))
import jax
import numpy as np
before = dict(jax.config.values)
from tuning.objectives.batches import Permutations
from tuning.objectives.networks import Mlp, SquaredError
from tuning.objectives.scan import Recipe, Scan
assert dict(jax.config.values) == before, "importing changes no setting"
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
network = Mlp((2, 4, 1))
rows = np.ones((9, 2)), np.ones((9, 1))
recipe = Recipe(
    init=network.init, loss=SquaredError(network), rows=rows, order=Permutations(9, 3)
)
scan = Scan(recipe, [1, 2])
scan.train(np.full((2, 5), 1e-3))
scan.params()
hits = events.count("/jax/compilation_cache/cache_hits")
misses = events.count("/jax/compilation_cache/cache_misses")
print(hits, misses, scan.state()["leaf_0"].tobytes().hex())
"""


def test_compiled_programs_are_kept_in_a_folder(tmp_path: Path) -> None:
    """A second process finds all that the first one compiled, and computes the same bits."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    runs = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        for _ in range(2)
    ]
    (hits, misses, weights), (hits_later, misses_later, weights_later) = runs
    assert int(misses) > 0
    assert int(misses_later) == 0
    assert int(hits_later) == int(hits) + int(misses)
    assert weights == weights_later
    assert any((tmp_path / "programs").iterdir())


def test_without_a_cache_folder_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX's own defaults stay."""
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    keep_programs(None)

    import os

    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
