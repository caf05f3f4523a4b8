"""Programs: compiled training code is kept on disk, for the next process too.

The one idea: JAX reads its settings from the environment when it is first imported, so a training
child that sets them early costs nobody anything who does not use JAX, and serves the built-in
objectives and users' own alike. Not here: the compiled programs (`tuning.objectives.compiled`).
"""

import os
from pathlib import Path


def keep_programs(cache: Path | None) -> None:
    """Have JAX keep every compiled program under `cache`; call it before JAX is imported.

    Args:
        cache: the cache folder; None keeps nothing.
    """
    if cache is None:
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(cache / "programs")
    # Small networks compile in less than JAX's default threshold of a second each.
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"
