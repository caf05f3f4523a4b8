"""Turns of streams: so many a second for all together, a few at a time."""

import asyncio
from contextlib import ExitStack

import pytest

from service.api.turns import AT_ONCE, LONGEST_SECONDS, MOST_PER_SECOND, Turns


def joined(turns: Turns, count: int) -> ExitStack:
    """So many streams, until the end of the block."""
    streams = ExitStack()
    for _ in range(count):
        streams.enter_context(turns.joined())
    return streams


@pytest.mark.parametrize("count", [1, 10, 200, 800])
def test_all_streams_together_take_no_more_turns_than_they_may(count: int) -> None:
    """Each comes once a tick, and the ticks are the further apart the more streams there are."""
    at, ticks = 1000.0, []
    turns = Turns(lambda: at)
    with joined(turns, count):
        for _ in range(100):
            at += turns.seconds_to_tick() + 1e-6  # a turn takes some time
            ticks.append(at)
    seconds = ticks[-1] - ticks[0]
    assert 99 * count / seconds <= MOST_PER_SECOND * 1.01


def test_streams_that_rest_go_on_together() -> None:
    """Whenever their turns were: so they look for the same, and share their looks."""
    for begin in (0.01, 0.07, 0.2499):
        turns = Turns(lambda begin=begin: 500.0 + begin)  # type: ignore[misc] # of this round
        with joined(turns, 200):
            assert begin + turns.seconds_to_tick() == pytest.approx(0.25)


def test_a_stream_never_rests_for_long() -> None:
    """However many there are; and hardly at all once they have left."""
    turns = Turns(lambda: 0.0)
    with joined(turns, 100_000):
        assert turns.seconds_to_tick() == LONGEST_SECONDS
    assert turns.seconds_to_tick() == 1 / MOST_PER_SECOND


def test_what_else_waits_for_the_event_loop_goes_between_the_turns() -> None:
    """Of a hundred streams that wake at once, only a few go in each of its rounds, in order."""
    turns, order, rounds = Turns(), list[int](), list[int]()

    async def stream(number: int) -> None:
        await turns.take()
        order.append(number)

    async def play() -> None:
        streams = [asyncio.ensure_future(stream(number)) for number in range(100)]
        while not all(one.done() for one in streams):
            told = len(order)
            await asyncio.sleep(0)
            rounds.append(len(order) - told)

    asyncio.run(play())
    assert order == list(range(100))
    assert max(rounds) <= AT_ONCE


def test_each_event_loop_has_turns_of_its_own() -> None:
    """A semaphore belongs to the loop in which somebody first waited for it."""
    turns = Turns()

    async def play() -> None:
        await asyncio.gather(*(turns.take() for _ in range(3 * AT_ONCE)))

    asyncio.run(play())
    asyncio.run(play())
