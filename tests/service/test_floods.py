"""Floods: a few lines a second of each kind, then one that counts the others."""

import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from service.floods import MOST, SECONDS, Sparing

_NUMBERS = itertools.count()


def unique_logger() -> logging.Logger:
    """One that nobody has given a filter yet."""
    return logging.getLogger(f"tests.floods.{next(_NUMBERS)}")


@dataclass
class Clock:
    """Time that passes when it is told to, and what is to be done then."""

    now: float = 100.0
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something, so many seconds on."""
        self.due.append((self.now + seconds, act))

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        ready = [act for at, act in self.due if at <= self.now]
        self.due = [one for one in self.due if one[0] > self.now]
        for act in ready:
            act()


@pytest.fixture
def clock() -> Clock:
    """Time of a test."""
    return Clock()


@pytest.fixture
def logger(clock: Clock, caplog: pytest.LogCaptureFixture) -> logging.Logger:
    """A sparing logger that nobody else has."""
    own = unique_logger()
    own.setLevel(logging.INFO)
    own.addFilter(Sparing(own, lambda: clock.now, clock.later))
    caplog.handler.setLevel(logging.NOTSET)
    return own


def say(logger: logging.Logger, kind: str | None, times: int) -> None:
    """Log the same again and again."""
    for _ in range(times):
        logger.info("x", extra={} if kind is None else {"kind": kind})


def test_a_flood_is_counted(
    logger: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a second, and afterwards all is as before."""
    for _ in range(3):
        say(logger, "a", MOST + 7)
        clock.pass_by(SECONDS)
    told = [*["x"] * MOST, "7 more lines about a were left out"]
    assert caplog.messages == told * 3
    clock.pass_by(SECONDS)
    say(logger, "a", MOST)
    assert caplog.messages == [*told * 3, *["x"] * MOST]
    assert clock.due == []


def test_a_flood_drowns_no_other_kind(
    logger: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor what has no kind, of which nothing is ever left out."""
    say(logger, "a", 1000)
    caplog.clear()
    say(logger, "b", 1)
    say(logger, None, 3 * MOST)
    assert len(caplog.messages) == 1 + 3 * MOST
    clock.pass_by(SECONDS)
    assert caplog.messages[-1] == f"{1000 - MOST} more lines about a were left out"


def test_the_count_comes_though_nothing_follows(caplog: pytest.LogCaptureFixture) -> None:
    """By a clock of its own."""
    own = unique_logger()
    own.setLevel(logging.INFO)
    own.addFilter(Sparing(own))
    say(own, "a", MOST + 5)
    while "more lines" not in caplog.text:
        time.sleep(0.05)
    assert len(caplog.messages) <= 2 * MOST + 1
