"""Cancelled operations: told at their step, given a moment, ended in time, and no byte lost."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from modemtls.aio import TurnLock, aclose, arun
from modemtls.errors import ModemTimeout
from modemtls.op import Now, Op, Read, SetLine, Sleep, Step, Write, Yield
from modemtls.port import Port, open_port

from .peers import Pty, ThreadOnly, ask, modem, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the peers are POSIX")

both = pytest.mark.parametrize("threaded", [False, True])

#: 100 ms are promised; the rest is for a machine that is busy with something else.
IN_TIME = 1.0


@asynccontextmanager
async def opened(pty: Pty, *, threaded: bool) -> AsyncIterator[Port]:
    port = open_port(pty.name)
    used = ThreadOnly(port) if threaded else port
    try:
        yield used
    finally:
        await aclose(used)


async def cancelled(awaitable: Awaitable[object], after: float = 0.03) -> float:
    """Cancel after a while; the seconds that it took to end from then on."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.sleep(after)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - started


STEPS: dict[str, Callable[[], Step[Any]]] = {
    "read": lambda: Read(30.0),
    "write": lambda: Write(b"x" * 1_000_000, timeout=30.0),
    "sleep": lambda: Sleep(30.0),
    "now": lambda: Now(),
    "yield": lambda: Yield(),
    "line": lambda: SetLine(baudrate=9600),
}


@both
@pytest.mark.parametrize("step", STEPS)
def test_a_cancellation_arrives_at_the_step_that_waits(pty: Pty, step: str, threaded: bool) -> None:
    seen: list[type[BaseException]] = []

    async def operation() -> None:
        try:
            while True:
                await STEPS[step]()
        except BaseException as error:
            seen.append(type(error))
            raise

    async def main() -> float:
        async with opened(pty, threaded=threaded) as port:
            spent = await cancelled(arun(operation(), port))
            pty.unplug()
            return spent

    assert asyncio.run(main()) < IN_TIME
    assert seen == [asyncio.CancelledError]


@both
def test_finally_may_still_talk_to_the_modem(pty: Pty, threaded: bool) -> None:
    said: list[bytes] = []

    async def operation() -> None:
        try:
            await Read(30.0)
        finally:
            said.append(await ask(b"AT+STOP"))

    async def main() -> float:
        async with opened(pty, threaded=threaded) as port:
            return await cancelled(arun(operation(), port))

    pty.serve()
    assert asyncio.run(main()) < IN_TIME
    assert said == [modem(b"AT+STOP")]


FAREWELLS: dict[str, Callable[[], Step[Any]]] = {
    name: STEPS[name] for name in ("read", "write", "sleep", "now", "yield")
}


@both
@pytest.mark.parametrize("farewell", FAREWELLS)
def test_a_finally_that_takes_too_long_is_ended(pty: Pty, farewell: str, threaded: bool) -> None:
    rounds = 0

    async def operation() -> None:
        nonlocal rounds
        try:
            await Read(30.0)
        finally:
            while True:
                await FAREWELLS[farewell]()
                rounds += 1

    async def main() -> float:
        async with opened(pty, threaded=threaded) as port:
            spent = await cancelled(arun(operation(), port))
            pty.unplug()
            return spent

    assert asyncio.run(main()) < IN_TIME
    assert farewell != "now" or rounds > 0


@both
def test_an_operation_that_ignores_its_cancellation_is_ended(pty: Pty, threaded: bool) -> None:
    async def operation() -> None:
        while True:
            try:
                await Read(30.0)
            except asyncio.CancelledError:
                continue

    async def main() -> float:
        async with opened(pty, threaded=threaded) as port:
            return await cancelled(arun(operation(), port))

    assert asyncio.run(main()) < IN_TIME


def test_a_second_cancellation_gives_no_second_grace(pty: Pty) -> None:
    seen = 0

    async def operation() -> None:
        nonlocal seen
        try:
            await Read(30.0)
        except asyncio.CancelledError:
            seen += 1
            try:
                await Sleep(30.0)
            finally:
                seen += 1

    async def main() -> None:
        async with opened(pty, threaded=False) as port:
            task = asyncio.ensure_future(arun(operation(), port))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert seen == 2


@pytest.mark.parametrize("ending", ["error", "value"])
def test_the_cancellation_prevails_whatever_the_operation_ends_with(pty: Pty, ending: str) -> None:
    async def operation() -> str:
        try:
            await Read(30.0)
        except asyncio.CancelledError:
            if ending == "error":
                raise ModemTimeout("silent") from None
        return "a value"

    async def main() -> None:
        async with opened(pty, threaded=False) as port:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.01):
                    await arun(operation(), port)
            assert not isinstance(caught.value, ModemTimeout)

    asyncio.run(main())


@both
def test_no_byte_is_lost_by_cancelling_again_and_again(pty: Pty, threaded: bool) -> None:
    sent = b"".join(b"%06d\r\n" % number for number in range(2000))
    heard: list[bytes] = []

    async def listen() -> None:
        while True:
            heard.append(await Read(5.0))

    async def talk() -> None:
        for start in range(0, len(sent), 97):
            os.write(pty.master, sent[start : start + 97])
            await asyncio.sleep(0.0003)

    async def main() -> None:
        async with opened(pty, threaded=threaded) as port:
            talking = asyncio.ensure_future(talk())
            cancellations = 0
            while not talking.done():
                await cancelled(arun(listen(), port), after=0.002)
                cancellations += 1
            assert cancellations > 5
            while sum(map(len, heard)) < len(sent):
                rest = await arun(until(sent[-8:]), port)
                assert rest
                heard.append(rest)

    asyncio.run(main())
    assert b"".join(heard) == sent


def test_bytes_read_for_a_closed_loop_are_there_for_the_next_one(pty: Pty) -> None:
    port = ThreadOnly(open_port(pty.name))
    heard: list[bytes] = []

    async def listen() -> None:
        while True:
            heard.append(await Read(5.0))

    async def first() -> None:
        task = asyncio.ensure_future(arun(listen(), port))
        await asyncio.sleep(0.001)
        os.write(pty.master, b"+EVENT: 1\r\n")
        task.cancel()
        await asyncio.wait([task])

    async def second() -> None:
        os.write(pty.master, b"OK\r\n")
        heard.append(await arun(until(b"OK\r\n"), port))
        await aclose(port)

    for _ in range(5):
        asyncio.run(first())
    asyncio.run(second())
    assert b"".join(heard) == b"+EVENT: 1\r\n" * 5 + b"OK\r\n"


def test_cancelled_while_another_has_the_modem_ends_in_time_and_frees_nothing(pty: Pty) -> None:
    async def patient() -> None:
        while True:
            await Yield()

    async def main() -> float:
        lock = TurnLock()
        free = asyncio.Event()

        async def one(operation: Op[None]) -> None:
            async with lock:
                await arun(operation, port, lock)

        async def other() -> None:
            async with lock:
                await free.wait()
                assert lock.is_mine

        async with opened(pty, threaded=False) as port:
            waiting = asyncio.ensure_future(one(patient()))
            await asyncio.sleep(0)
            holding = asyncio.ensure_future(other())
            spent = await cancelled(waiting)
            assert lock.locked()
            free.set()
            await holding
            assert not lock.locked()
        return spent

    assert asyncio.run(main()) < IN_TIME


@pytest.mark.parametrize("cancellations", [1, 2])
def test_who_lost_the_modem_may_not_talk_to_it(pty: Pty, cancellations: int) -> None:
    async def patient() -> None:
        try:
            while True:
                await Yield()
        finally:
            await Write(b"AT+MINE\r")

    async def main() -> None:
        lock = TurnLock()

        async def one() -> None:
            async with lock:
                await arun(patient(), port, lock)

        async with opened(pty, threaded=False) as port:
            waiting = asyncio.ensure_future(one())
            await asyncio.sleep(0)
            async with lock:
                await asyncio.sleep(0)
                for _ in range(cancellations):
                    waiting.cancel()
                    await asyncio.sleep(0.01)
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            os.set_blocking(pty.master, False)
            with pytest.raises(BlockingIOError):
                os.read(pty.master, 100)

    asyncio.run(main())


def test_with_a_plain_lock_the_cancelled_one_waits_until_it_may_release(pty: Pty) -> None:
    async def patient() -> None:
        while True:
            await Yield()

    async def main() -> None:
        lock = asyncio.Lock()

        async def one() -> None:
            async with lock:
                await arun(patient(), port, lock)

        async with opened(pty, threaded=False) as port:
            waiting = asyncio.ensure_future(one())
            await asyncio.sleep(0)
            async with lock:
                waiting.cancel()
                await asyncio.sleep(0.01)
                waiting.cancel()
                await asyncio.sleep(0.01)
                assert not waiting.done()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert not lock.locked()

    asyncio.run(main())
