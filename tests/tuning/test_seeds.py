"""Seeds: the same on every machine, and never the same for two purposes."""

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from tuning.seeds import derive

paths = st.lists(st.text(alphabet="abc", min_size=1, max_size=3) | st.integers(0, 99), max_size=3)


@given(st.integers(), paths)
def test_a_seed_is_the_hash_that_is_written_down(seed: int, path: list[str | int]) -> None:
    """The docstring's formula, typed out again: 32 bits, big-endian, of SHA-256."""
    words = "/".join([str(seed), *map(str, path)])
    expected = int(hashlib.sha256(words.encode()).hexdigest()[:8], 16)
    assert derive(seed, *path) == expected
    assert 0 <= expected < 2**32


def test_purposes_and_seeds_do_not_meet() -> None:
    """Among the seeds a large study draws there is no more chance than chance allows."""
    drawn = [derive(seed, what, i) for seed in range(20) for what in ("a", "b") for i in range(200)]
    assert len(set(drawn)) >= len(drawn) - 2


def test_another_process_draws_the_same() -> None:
    """Python's own hash differs from process to process; this one must not."""
    program = "from tuning.seeds import derive; print(derive(7, 'trial', 3, 'ask', 0))"
    command = [sys.executable, "-c", program]
    environment = {"PYTHONHASHSEED": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == derive(7, "trial", 3, "ask", 0)
