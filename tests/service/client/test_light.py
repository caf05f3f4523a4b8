"""The client stays light: a user's script does not pay for what only the server needs."""

import subprocess
import sys

HEAVY = ("optuna", "sklearn", "pandas", "sqlalchemy", "fastapi", "numpy", "scipy", "plotly")
PROGRAM = f"import sys, service.client; print([m for m in {HEAVY} if m in sys.modules])"


def test_importing_the_client_imports_nothing_heavy() -> None:
    """Neither server, nor store, nor anything numerical."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
