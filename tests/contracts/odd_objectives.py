"""Objectives that behave badly on purpose, loaded by name, in child processes too.

`odd` descends x^2 / 2 with noise from its seed and, from its second chunk on, does what its config
says, in runs whose learning rate is above what its config says. `nosy` learns nothing and notes
which split was read after how many updates.
"""

import ctypes
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tuning.objectives import Objective, Trainer
from tuning.objectives.base import Floats
from tuning.objectives.lanes import OneByOne
from tuning.records import Direction, Metric

FORKS = 30
HELPER = (sys.executable, "-c", "import signal; signal.pause()")
RETURNED: Mapping[str, Any] = {
    "returns nan": {"loss": math.nan, "process": 0.0},
    "returns inf": {"loss": math.inf, "process": 0.0},
    "returns -inf": {"loss": -math.inf, "process": 0.0},
    "returns text": {"loss": "low", "process": 0.0},
    "returns wrong shapes": {"loss": [1.0, 2.0], "process": 0.0},
    "returns wrong names": {"accuracy": 1.0},
}
BLOCKS = MappingProxyType({"validation": ("a", "b"), "test": ("a", "b")})


@dataclass(frozen=True)
class Config:
    """What an odd model does."""

    behaviour: str = "calm"
    above: float = 0.0


def raise_odd() -> None:
    """Raise an error of two lines."""
    raise ValueError("the data are odd\nand so is this message")


def tell_surroundings() -> None:
    """Tell, as an error, what a secret would be worth here."""
    own = os.getpgrp() == os.getpid()
    told = {name: os.environ.get(name) for name in ("SECRET", "OMP_NUM_THREADS")}
    kinds = ("CORE", "NOFILE", "FSIZE", "NPROC")
    core, files, file_bytes, processes = (
        resource.getrlimit(getattr(resource, f"RLIMIT_{kind}")) for kind in kinds
    )
    limits = f"{core=} {files=} {file_bytes=} {processes=}"
    raise RuntimeError(f"{told} nice={os.nice(0)} group of its own={own} {limits}")


def spy() -> None:
    """Tell, as an error, what the worker was told when it was started."""
    told = Path(f"/proc/{os.getppid()}/environ").read_text(encoding="utf-8")
    raise RuntimeError(f"the worker knows {told}")


def introduce() -> None:
    """Tell, as an error, who this is and where."""
    place = Path.cwd()
    (place / "left").touch()
    is_home = place == Path(os.environ["TMPDIR"]) == Path.home()
    ids, groups = [*os.getresuid(), *os.getresgid()], os.getgroups()
    raise RuntimeError(f"{ids=} {groups=} {is_home=}")


def imitate() -> None:
    """Print what looks like the last message of a child."""
    print('{"event": "done"}', flush=True)  # noqa: T201 - the very point
    os.write(1, b"noise without an end of line")


def flood() -> None:
    """Print eight megabytes."""
    for _ in range(64):
        os.write(1, b"x" * 2**16)
        print("y" * 2**16, file=sys.stderr)  # noqa: T201 - the very point


def mutter(then: Callable[[], object] = lambda: None) -> None:
    """Say something, some of it in control characters, then do something."""
    print("step 5: loss 0.5", end="")  # noqa: T201 - the very point
    print("\n\x1b[31mwarning\x00 \xff", file=sys.stderr)  # noqa: T201 - the very point
    os.write(2, b"\xff\xfe\n")
    then()


def shout() -> None:
    """Print a megabyte, numbered, and fail."""
    for line in range(2**14):
        print(f"line {line} {'x' * 50}")  # noqa: T201 - the very point
    raise_odd()


def fault() -> None:
    """Read what is not there, as compiled code does that is wrong."""
    ctypes.string_at(0)


def babble() -> None:
    """Write nonsense into whatever is open, and wait."""
    for end in range(3, 64):
        with suppress(OSError):
            os.write(end, b"nonsense\n")
    signal.pause()


def close_everything() -> None:
    """As a program does that becomes a daemon."""
    os.closerange(3, 4096)
    signal.pause()


def kill_worker() -> None:
    """Kill the parent of this process, and wait for what comes of it."""
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


def hang() -> None:
    """Never return."""
    while True:
        os.sched_yield()


def stay_deaf() -> None:
    """Never return, whoever asks for it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60.0)


def multiply() -> None:
    """Become sixty processes that never end; no more, for a machine may have no limit to it."""
    for _ in range(FORKS):
        if os.fork() == 0:
            os.fork()
            stay_deaf()
    stay_deaf()


def starve() -> None:
    """Be allowed little more memory than there is, and ask for a gigabyte."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + 2**26
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    eat()


def let_eat() -> None:
    """Start a process that eats, and wait."""
    subprocess.Popen([sys.executable, __file__])
    signal.pause()


def eat() -> None:
    """Take a gigabyte and keep it."""
    held = [b"x" * 2**24 for _ in range(64)]
    while held:
        signal.pause()


MISDEEDS: Mapping[str, Callable[[], object]] = {
    "raises": raise_odd,
    "exits": lambda: os._exit(3),
    "prints": imitate,
    "floods": flood,
    "mutters": mutter,
    "mutters and exits": lambda: mutter(lambda: os._exit(3)),
    "mutters and raises": lambda: mutter(raise_odd),
    "shouts": shout,
    "faults": fault,
    "kills itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "kills its worker": kill_worker,
    "closes everything": close_everything,
    "babbles": babble,
    "forks": lambda: subprocess.Popen(HELPER),
    "eats": eat,
    "has a helper that eats": let_eat,
    "hangs": hang,
    "stays deaf": stay_deaf,
    "multiplies": multiply,
    "starves": starve,
    "hangs beside a helper": hang,
    "tells": tell_surroundings,
    "spies": spy,
    "introduces itself": introduce,
}


class OddModel:
    """One weight; its second metric is the id of its process, or of the helper it started."""

    def __init__(self, seed: int, config: Config) -> None:
        self._generator = np.random.default_rng(seed)
        self._behaviour = behaviour = config.behaviour
        self._above, self._is_odd = config.above, False
        self._weight, self._updates = 5.0, 0
        helper = subprocess.Popen(HELPER) if behaviour == "hangs beside a helper" else None
        self._process = os.getpid() if helper is None else helper.pid

    def train(self, lrs: Floats) -> None:
        """Descend, or misbehave."""
        if self._updates and lrs.max() > self._above:
            self._is_odd = True
            MISDEEDS.get(self._behaviour, lambda: None)()
        for lr in lrs.tolist():
            self._weight -= lr * (self._weight + 0.1 * self._generator.normal())
            self._updates += 1

    def evaluate(self, split: str) -> Mapping[str, float]:
        """The same on every split."""
        del split
        loss = 0.5 * self._weight**2
        if self._is_odd and self._behaviour in RETURNED:
            return RETURNED[self._behaviour]
        return {"loss": loss, "process": float(self._process)}

    def block_losses(self, split: str) -> Sequence[float]:
        """The same on both blocks."""
        return [self.evaluate(split)["loss"]] * 2


class NosyModel:
    """Its one metric is worse than ever; on `test` it is NaN for every seed but 0."""

    def __init__(self, seed: int, reads: list[tuple[str, int]]) -> None:
        self._seed, self._reads, self._updates = seed, reads, 0

    def train(self, lrs: Floats) -> None:
        """Count."""
        self._updates += len(lrs)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Take a note."""
        self._reads.append((split, self._updates))
        return {"accuracy": math.nan if split == "test" and self._seed else -1e9 * self._updates}

    def block_losses(self, split: str) -> Sequence[float]:
        """Take a note."""
        self._reads.append((split, self._updates))
        return [0.25, 0.75]


@dataclass(frozen=True)
class OddProblem:
    """No data."""

    config: Config
    data_hash: str = ""
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: BLOCKS)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One model per seed."""
        del horizon, splits
        return OneByOne([OddModel(seed, self.config) for seed in seeds])


@dataclass(frozen=True)
class NosyProblem:
    """No data, but notes."""

    reads: list[tuple[str, int]]
    data_hash: str = ""
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: BLOCKS)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One model per seed."""
        del horizon, splits
        return OneByOne([NosyModel(seed, self.reads) for seed in seeds])


ODD = Objective(
    name="odd",
    title="Odd",
    help="Misbehaves.",
    metrics=(Metric("loss"), Metric("process")),
    default_horizon=10,
    peak=(1e-3, 1.0),
    measurements=5,
    optimizer={"optimizer": "sgd"},
    config_type=Config,
    open=lambda config, _: OddProblem(config),
)

NOSY = Objective(
    name="nosy",
    title="Nosy",
    help="Takes notes.",
    metrics=(Metric("accuracy", Direction.MAXIMIZE),),
    default_horizon=10,
    peak=(1e-3, 1.0),
    measurements=5,
    optimizer={"optimizer": "sgd"},
    config_type=Config,
    open=lambda *_: NosyProblem([]),
)

OBJECTIVES = {"odd": ODD, "nosy": NOSY}

if __name__ == "__main__":
    eat()
