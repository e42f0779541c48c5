"""A port whose time does not pass by itself, as a simulated modem in this process has it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from modemtls.aio import aclose, arun
from modemtls.op import Now, Read, SetLine, Sleep, Write
from modemtls.port import Port


class VirtualPort(Port):
    """Answers after a day; the day takes no time."""

    virtual_time = True

    def __init__(self) -> None:
        self.name = "virtual"
        self._clock = 0.0
        self.threads: set[int] = set()

    def read(self, timeout: float) -> bytes:
        self.threads.add(threading.get_ident())
        self._clock += timeout
        return b"RING\r\n" if self._clock >= 86400 else b""

    def write(self, data: bytes, timeout: float) -> None:
        self.threads.add(threading.get_ident())

    def now(self) -> float:
        return self._clock

    def sleep(self, seconds: float) -> None:
        self.threads.add(threading.get_ident())
        self._clock += seconds

    def set_line(self, line: SetLine) -> None:
        self.threads.add(threading.get_ident())

    def close(self) -> None:
        self.threads.add(threading.get_ident())


def test_virtual_time_passes_in_the_ports_own_thread(nothing_left: None) -> None:
    async def operation() -> tuple[bytes, float]:
        await Sleep(86390)
        await Write(b"AT\r")
        await SetLine(baudrate=9600)
        return await Read(20.0), await Now()

    async def main() -> None:
        port = VirtualPort()
        heard, clock = await arun(operation(), port)
        assert heard == b"RING\r\n"
        assert clock == pytest.approx(86400, abs=0.1)
        await aclose(port)
        assert len(port.threads) == 1
        assert threading.get_ident() not in port.threads

    asyncio.run(main())


def test_virtual_time_ends_a_read_of_nothing() -> None:
    async def operation() -> bytes:
        return await Read(120.0)

    async def main() -> None:
        port = VirtualPort()
        assert await arun(operation(), port) == b""
        assert port.now() == pytest.approx(120)
        await aclose(port)

    asyncio.run(main())
