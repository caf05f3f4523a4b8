"""The README's three lines per framework use a found schedule without Glideslope.

They run against the real libraries in the environment of `make parity`, where that is there.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tuning.schedules import Schedule, Warmup, Wsd

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-parity" / "bin" / "python"
EXAMPLES = re.findall(r"```py\n(rates = .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
SCHEDULE = Schedule(Wsd(0.1, warmup=Warmup(3)), 12)

TORCH = """
import json, torch
model = torch.nn.Linear(1, 1)
"""
WALK = """
used = []
for _ in range(12):
    used.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
"""
OPTAX = """
used = [float(schedule(t)) for t in range(12)]
optimizer.update(jnp.ones(2), optimizer.init(jnp.zeros(2)))
"""
KERAS = """
used = []
optimizer.build([keras.Variable(keras.ops.ones(2))])
for _ in range(12):
    used.append(float(optimizer.learning_rate))
    optimizer.apply([keras.ops.ones(2)])
"""
# What stands before the lines, and what finds out the rates of the first twelve updates.
AROUND = {
    "torch": (TORCH, WALK),
    "transformers": (TORCH + "import transformers\n", "scheduler = trainer.lr_scheduler\n" + WALK),
    "optax": ("import json, optax, jax.numpy as jnp\n", OPTAX),
    "keras": ("import json, keras\n", KERAS),
}


def example(framework: str) -> str:
    """The lines of one framework, in the order of the README."""
    return EXAMPLES[list(AROUND).index(framework)]


@pytest.mark.parametrize("framework", AROUND)
def test_there_are_three_lines_each(framework: str) -> None:
    """That are Python, name the framework and not us."""
    lines = example(framework)
    compile(lines, "README.md", "exec")
    assert len(EXAMPLES) == len(AROUND)
    assert len(lines.splitlines()) == 3
    assert framework in lines
    assert "glideslope" not in lines


@pytest.mark.full
@pytest.mark.skipif(not PYTHON.exists(), reason="make parity has not set up its environment")
@pytest.mark.parametrize("framework", AROUND)
def test_the_optimizer_uses_the_rates_of_the_table(framework: str, tmp_path: Path) -> None:
    """At every update, to the accuracy of the library."""
    document = {"schedule": SCHEDULE.document(table=True)}
    (tmp_path / "best.json").write_text(json.dumps(document))
    before, after = AROUND[framework]
    program = f"{before}{example(framework)}{after}\nprint(json.dumps(used))\n"
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "jax"},
    )
    assert done.returncode == 0, done.stderr
    used = json.loads(done.stdout.splitlines()[-1])
    assert used == pytest.approx(SCHEDULE.table().tolist(), abs=1e-7 * SCHEDULE.peak)
