"""The asyncio runner gives what the blocking one gives, and lets the loop live meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls.aio import TurnLock, aclose, arun
from modemtls.errors import ModemTimeout, PortError, Reason
from modemtls.op import Now, Read, SetLine, Sleep, Write, Yield, run
from modemtls.port import Port, open_port

from .peers import Pty, TcpPeer, ThreadOnly, ask, modem, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the peers are POSIX")

Opener = Callable[[], Port]
KINDS = ["pty", "socket", "thread"]


@pytest.fixture
def opener(request: pytest.FixtureRequest, pty: Pty, tcp: TcpPeer) -> Opener:
    """Opens a port of the kind that the test is run for, with an answering modem behind it."""

    def open_it() -> Port:
        if request.param == "socket":
            port = open_port(tcp.url)
            tcp.accept()
            return port
        pty.serve()
        port = open_port(pty.name)
        return ThreadOnly(port) if request.param == "thread" else port

    return open_it


@asynccontextmanager
async def closing(port: Port) -> AsyncIterator[Port]:
    try:
        yield port
    finally:
        await aclose(port)


async def many_steps() -> tuple[bytes, ...]:
    answers = [await ask(b"AT+N=%d" % number) for number in range(20)]
    await SetLine(baudrate=9600, dtr=True)
    before = await Now()
    await Sleep(0.002)
    assert await Now() >= before + 0.002
    await Yield()
    assert await Read(0.0) == b""
    assert await Read(0.01) == b""
    return tuple(answers)


@pytest.mark.parametrize("opener", KINDS, indirect=True)
def test_both_runners_give_the_same(opener: Opener) -> None:
    async def main(port: Port) -> tuple[bytes, ...]:
        return await arun(many_steps(), port)

    port = opener()
    expected = tuple(modem(b"AT+N=%d" % number) for number in range(20))
    assert run(many_steps(), port) == expected
    assert asyncio.run(main(port)) == expected
    port.close()


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=5))
def test_any_bytes_in_any_pieces_come_back_from_both_runners(pieces: list[bytes]) -> None:
    everything = b"".join(pieces)

    async def echo() -> bytes:
        heard = b""
        for piece in pieces:
            await Write(piece)
        while len(heard) < len(everything):
            data = await Read(5.0)
            assert data
            heard += data
        return heard

    async def main(port: Port) -> bytes:
        return await arun(echo(), port)

    pty = Pty()
    stop_read, stop_write = os.pipe()
    thread = threading.Thread(target=_copy_back, args=(pty.master, stop_read))
    thread.start()
    port = open_port(pty.name)
    try:
        assert run(echo(), port) == everything
        assert asyncio.run(main(port)) == everything
        assert asyncio.run(main(ThreadOnly(port))) == everything
    finally:
        port.close()
        os.write(stop_write, b"x")
        thread.join()
        os.close(stop_read)
        os.close(stop_write)
        pty.close()


def _copy_back(master: int, stop: int) -> None:
    import select

    while stop not in select.select([master, stop], [], [])[0]:
        data = os.read(master, 4096)
        while data:
            data = data[os.write(master, data) :]


def test_a_loop_port_works_in_its_thread(nothing_left: None) -> None:
    async def operation() -> bytes:
        await Write(b"AT\r\nOK\r\n")
        return await until(b"OK\r\n")

    async def main() -> bytes:
        async with closing(open_port("loop://")) as port:
            return await arun(operation(), port)

    assert asyncio.run(main()) == b"AT\r\nOK\r\n"


@pytest.mark.parametrize("threaded", [False, True])
def test_other_tasks_run_while_a_read_waits(pty: Pty, threaded: bool) -> None:
    async def talk() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        os.write(pty.master, b"OK\r\n")

    async def main() -> bytes:
        port = open_port(pty.name)
        async with closing(ThreadOnly(port) if threaded else port) as used:
            heard, _ = await asyncio.gather(arun(until(b"OK\r\n"), used), talk())
        return heard

    assert asyncio.run(main()) == b"OK\r\n"


@pytest.mark.parametrize("threaded", [False, True])
def test_other_tasks_run_while_a_write_waits(pty: Pty, threaded: bool) -> None:
    data = os.urandom(200_000)

    async def write() -> None:
        await Write(data)

    async def collect() -> bytes:
        received = b""
        os.set_blocking(pty.master, False)
        while len(received) < len(data):
            try:
                received += os.read(pty.master, 4096)
            except BlockingIOError:
                await asyncio.sleep(0)
        return received

    async def main() -> bytes:
        port = open_port(pty.name)
        async with closing(ThreadOnly(port) if threaded else port) as used:
            _, received = await asyncio.gather(arun(write(), used), collect())
        return received

    assert asyncio.run(main()) == data


def test_an_operation_that_never_waits_lets_the_others_live(pty: Pty) -> None:
    stop = False

    async def spin() -> None:
        while not stop:
            await Now()

    async def end() -> None:
        nonlocal stop
        await asyncio.sleep(0)
        stop = True

    async def main() -> None:
        async with closing(open_port(pty.name)) as port:
            await asyncio.gather(arun(spin(), port), end())

    asyncio.run(main())


@pytest.mark.parametrize("threaded", [False, True])
def test_a_write_that_nobody_reads_ends_at_its_deadline(pty: Pty, threaded: bool) -> None:
    async def operation() -> str:
        with pytest.raises(ModemTimeout, match="takes no more bytes"):
            await Write(b"x" * 1_000_000, timeout=0.05)
        os.set_blocking(pty.master, False)
        while True:
            try:
                os.read(pty.master, 65536)
            except BlockingIOError:
                break
        await Write(b"AT\r")
        return "goes on"

    async def main() -> str:
        port = open_port(pty.name)
        async with closing(ThreadOnly(port) if threaded else port) as used:
            return await arun(operation(), used)

    assert asyncio.run(main()) == "goes on"


@pytest.mark.parametrize("threaded", [False, True])
def test_unplugging_ends_a_waiting_read(pty: Pty, threaded: bool) -> None:
    async def main() -> PortError:
        port = open_port(pty.name)
        async with closing(ThreadOnly(port) if threaded else port) as used:
            asyncio.get_running_loop().call_later(0.03, pty.unplug)
            with pytest.raises(PortError) as caught:
                await arun(ask(b"AT"), used)
            return caught.value

    assert asyncio.run(main()).reasons == {Reason.PORT_GONE}


def test_a_connection_that_ends_is_a_port_error(tcp: TcpPeer, nothing_left: None) -> None:
    async def main() -> None:
        async with closing(open_port(tcp.url)) as port:
            tcp.accept()
            asyncio.get_running_loop().call_later(0.03, tcp.hang_up)
            with pytest.raises(PortError):
                await arun(until(b"OK\r\n"), port)

    asyncio.run(main())
    tcp.close()


def test_awaiting_something_else_than_a_step_is_an_error(pty: Pty) -> None:
    async def operation() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        async with closing(open_port(pty.name)) as port:
            with pytest.raises(TypeError, match="only the steps"):
                await arun(operation(), port)

    asyncio.run(main())


def test_many_operations_leave_nothing_behind(pty: Pty, tcp: TcpPeer, nothing_left: None) -> None:
    async def main() -> None:
        for _ in range(3):
            async with closing(open_port(tcp.url)) as port:
                tcp.accept()
                for _ in range(100):
                    await arun(ask(b"AT"), port)
            tcp.hang_up()
            async with closing(ThreadOnly(open_port(pty.name))) as port:
                for _ in range(100):
                    await arun(ask(b"AT"), port)

    pty.serve()
    asyncio.run(main())
    pty.close()
    tcp.close()


def test_a_port_that_is_only_dropped_leaves_no_thread(pty: Pty, nothing_left: None) -> None:
    async def main() -> None:
        port = ThreadOnly(open_port(pty.name))
        await arun(ask(b"AT"), port)
        port.close()

    pty.serve()
    asyncio.run(main())
    pty.close()


def test_closing_twice_is_allowed(pty: Pty) -> None:
    async def main() -> None:
        for port in (open_port(pty.name), open_port("loop://")):
            await aclose(port)
            await aclose(port)

    asyncio.run(main())


@pytest.mark.parametrize("lock_type", [TurnLock, asyncio.Lock])
def test_yield_lets_another_operation_have_the_modem(lock_type: type[TurnLock], pty: Pty) -> None:
    order: list[str] = []

    async def talk(name: str) -> None:
        for _ in range(3):
            order.append(name)
            await ask(b"AT")
            order.append(name)
            await Yield()

    async def main() -> None:
        lock = lock_type()

        async def one(name: str) -> None:
            async with lock:
                await arun(talk(name), port, lock)

        async with closing(open_port(pty.name)) as port:
            await asyncio.gather(one("a"), one("b"))
        assert not lock.locked()

    pty.serve()
    asyncio.run(main())
    assert order == ["a", "a", "b", "b"] * 3


def test_a_turn_lock_is_not_taken_twice_by_one_task() -> None:
    async def main() -> None:
        lock = TurnLock()
        async with lock:
            with pytest.raises(RuntimeError, match="already"):
                await lock.acquire()

    asyncio.run(main())


def test_without_watched_descriptors_the_thread_does_it(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = 0

    def refuse(*_: object) -> None:
        nonlocal refused
        refused += 1
        raise NotImplementedError

    async def operation() -> bytes:
        assert await Read(0.01) == b""
        return await ask(b"AT")

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "add_reader", refuse)
        monkeypatch.setattr(loop, "add_writer", refuse)
        async with closing(open_port(pty.name)) as port:
            return await arun(operation(), port)

    pty.serve()
    assert asyncio.run(main()) == modem(b"AT")
    assert refused == 1
