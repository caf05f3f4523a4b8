"""The bell that wakes waiting claims."""

import asyncio
import threading

from service.api.bell import Bell


def test_a_ring_from_another_thread_wakes_all_who_wait() -> None:
    """Both coroutines go on long before their time is up."""

    async def scene() -> None:
        bell = Bell()
        bell.hang()
        tickets = [bell.ticket(), bell.ticket()]
        threading.Thread(target=bell.ring).start()
        async with asyncio.timeout(30):
            await asyncio.gather(*(bell.wait(ticket, 3600) for ticket in tickets))

    asyncio.run(scene())


def test_a_ring_after_the_ticket_was_taken_is_not_missed() -> None:
    """Looking takes time; what happens meanwhile counts."""

    async def scene() -> None:
        bell = Bell()
        bell.hang()
        ticket = bell.ticket()
        bell.ring()
        await asyncio.sleep(0)  # the ring is heard before anyone waits
        async with asyncio.timeout(30):
            await bell.wait(ticket, 3600)
        assert not bell.ticket().is_set()

    asyncio.run(scene())


def test_waiting_ends_without_a_ring() -> None:
    """A bell is a help, not a promise."""

    async def scene() -> None:
        bell = Bell()
        await bell.wait(bell.ticket(), 0.0)
        bell.ring()  # in no loop yet: nobody hears it, nothing breaks

    asyncio.run(scene())


def test_a_closed_bell_wakes_all_who_wait_and_says_so() -> None:
    """Nobody waits for a server that ends."""

    async def scene() -> None:
        bell = Bell()
        bell.hang()
        assert not bell.is_closed
        ticket = bell.ticket()
        threading.Thread(target=bell.close).start()
        async with asyncio.timeout(30):
            await bell.wait(ticket, 3600)
        assert bell.is_closed

    asyncio.run(scene())


def test_a_rest_is_ended_by_no_ring_but_by_the_end() -> None:
    """Who rests has something to tell already; nobody rests while the server ends."""

    async def scene() -> None:
        bell = Bell()
        bell.hang()
        resting = asyncio.ensure_future(bell.rest(3600))
        for _ in range(3):
            await asyncio.sleep(0)
            bell.ring()
        await asyncio.sleep(0)
        assert not resting.done()
        bell.close()
        async with asyncio.timeout(30):
            await resting
        await bell.rest(0.0)

    asyncio.run(scene())
