"""Events of a modem on asyncio: none is lost by a cancellation, and each is heard where the loop runs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from modemtls import AsyncModem, ModemReset, PortError

from .bench import inside, opened_async


async def lines(modem: AsyncModem, timeout: float = 0.0) -> list[str]:
    return [event.line for event in await modem.events(timeout)]


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("before", range(0, 12, 3))
@pytest.mark.parametrize("after", range(6))
def test_event_is_delivered_once_wherever_its_wait_is_cancelled(before: int, after: int) -> None:
    async def work() -> list[str]:
        async with await opened_async() as modem:
            await modem.events()
            waiting = asyncio.create_task(lines(modem, 10_000))
            await turns(before)
            inside(modem).urc("+CRING: VOICE")
            await turns(after)
            waiting.cancel()
            (got,) = await asyncio.gather(waiting, return_exceptions=True)
            seen = [] if isinstance(got, BaseException) else got
            return [*seen, *await lines(modem, 5)] if not seen else [*seen, *await lines(modem)]

    assert asyncio.run(work()) == ["+CRING: VOICE"]


def test_a_deadline_of_the_caller_loses_no_event() -> None:
    async def work() -> list[str]:
        async with await opened_async() as modem:
            await modem.events()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await modem.events(timeout=10_000)
            inside(modem).urc("+CRING: DATA")
            return await lines(modem, 5)

    assert asyncio.run(work()) == ["+CRING: DATA"]


def test_two_that_wait_get_each_event_once() -> None:
    async def work() -> list[str]:
        async with await opened_async() as modem:
            await modem.events()
            both = [asyncio.create_task(lines(modem, 30)) for _ in range(2)]
            await turns(2)
            for number in range(4):
                inside(modem).urc(f"+RING: {number}")
            got = [line for found in await asyncio.gather(*both) for line in found]
            return [*got, *await lines(modem)]

    assert sorted(asyncio.run(work())) == [f"+RING: {number}" for number in range(4)]


def test_listener_is_called_in_the_thread_of_the_loop_until_it_is_taken_off() -> None:
    async def work() -> list[tuple[str, bool]]:
        heard: list[tuple[str, bool]] = []
        here = threading.get_ident()
        async with await opened_async() as modem:
            await modem.events()
            end = modem.on_event(lambda event: heard.append((event.line, threading.get_ident() == here)))
            inside(modem).urc("+CRING: VOICE")
            await modem.clock.read()
            assert await lines(modem) == ["+CRING: VOICE"], "what was heard is still there to be fetched"
            end()
            inside(modem).urc("+CRING: DATA")
            assert await lines(modem, 5) == ["+CRING: DATA"]
        return heard

    assert asyncio.run(work()) == [("+CRING: VOICE", True)]


def test_wait_for_events_ends_when_the_modem_restarts() -> None:
    async def work() -> None:
        async with await opened_async() as modem:
            await modem.events()
            waiting = asyncio.create_task(modem.events(timeout=10_000))
            await turns(3)
            inside(modem).restart()
            try:
                found = [event.line for event in await waiting]
            except ModemReset:
                found = []
            assert set(found) <= set(inside(modem).boot_urcs)
            assert await modem.clock.read()

    asyncio.run(work())


def test_closing_ends_a_wait_for_events() -> None:
    async def work() -> None:
        modem = await opened_async()
        await modem.events()
        waiting = asyncio.create_task(modem.events(timeout=50))
        await turns(3)
        await modem.close()
        (got,) = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(got, PortError)

    asyncio.run(work())
