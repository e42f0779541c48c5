"""One command, ``AT+CSQ``, by modemtls and by the loops that a person would write instead.

Paced, wall time counts: what the library adds stands beside the time of the bytes.  Unpaced, CPU time counts.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
import tty
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import serial

import modemtls
from modemtls.at import Channel, Command, Dialect
from modemtls.op import run
from modemtls.port import open_port

from .line import Line
from .measure import Row, report, take_turns

COMMAND = "AT+CSQ"
END = b"\r\nOK\r\n"


def bare_loop(port: serial.Serial) -> Callable[[], bytes]:
    """``write``, then ``read(in_waiting or 1)`` until OK."""

    def ask() -> bytes:
        port.write(b"AT+CSQ\r")
        answer = b""
        while not answer.endswith(END):
            answer += port.read(port.in_waiting or 1)
        return answer

    return ask


def by_read_until(port: serial.Serial) -> Callable[[], bytes]:
    """``write``, then pyserial's ``read_until``."""

    def ask() -> bytes:
        port.write(b"AT+CSQ\r")
        return port.read_until(END)

    return ask


def by_descriptor(device: str) -> Callable[[], bytes]:
    """``os.write``, ``poll``, ``os.read``: the least that Python can do."""
    descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)

    def ask() -> bytes:
        os.write(descriptor, b"AT+CSQ\r")
        answer = b""
        while not answer.endswith(END):
            poll.poll(5000)
            answer += os.read(descriptor, 4096)
        return answer

    return ask


def by_channel(device: str) -> Callable[[], object]:
    """The AT channel alone: what each command costs inside an operation."""
    port = open_port(device)
    channel, command = Channel(Dialect()), Command.do("+CSQ")
    return lambda: run(channel.command(command), port)


def open_quietly(device: str, **settings: object) -> modemtls.Modem:
    """A modem without journal, of a given model."""
    return modemtls.open(device, journal=False, model="sequans-gm02s", **settings)  # type: ignore[arg-type]


def main(folder: Path, quick: bool) -> None:
    """Both tables."""
    for baud, rounds, calls in (
        ((115_200, 5, 20), (0, 5, 100)) if quick else ((115_200, 61, 20), (0, 121, 60))
    ):
        with ExitStack() as stack:
            lines = [stack.enter_context(Line(baud)) for _ in range(5)]
            modem = stack.enter_context(open_quietly(lines[0].device))
            contestants: dict[str, Callable[[], object]] = {
                "modemtls, modem.command()": lambda modem=modem: modem.command(COMMAND),  # type: ignore[misc]
                "pyserial, write and read(in_waiting or 1)": bare_loop(
                    stack.enter_context(serial.Serial(lines[1].device, 115_200, timeout=5))
                ),
                "pyserial, read_until": by_read_until(
                    stack.enter_context(serial.Serial(lines[2].device, 115_200, timeout=5))
                ),
                "bare descriptor, os.write, poll, os.read": by_descriptor(lines[3].device),
                "modemtls, the channel alone, as inside an operation": by_channel(lines[4].device),
            }
            for line in lines:
                line.counted()
            costs = take_turns(contestants, rounds=rounds, calls=calls)
            bare = costs["pyserial, write and read(in_waiting or 1)"]
            rows: list[Row] = [
                {
                    "by": name,
                    "wall µs": cost.wall * 1e6,
                    "wall ×": cost.wall / bare.wall,
                    "CPU µs": cost.cpu * 1e6,
                    "CPU ×": cost.cpu / bare.cpu,
                }
                for name, cost in costs.items()
            ]
            if not baud:
                rows.append(_awaited(bare.wall, bare.cpu, rounds, calls))
            paced = f"on a line paced at {baud}" if baud else "on a line that is not paced"
            report(
                f"command-{baud or 'unpaced'}",
                f"{COMMAND} {paced}: × is against the bare pyserial loop",
                rows,
                folder,
            )


def _awaited(wall: float, cpu: float, rounds: int, calls: int) -> dict[str, str | float]:
    async def measured(device: str) -> tuple[float, float]:
        best = []
        async with await modemtls.open_async(device, journal=False, model="sequans-gm02s") as modem:
            for _ in range(rounds):
                began, used = time.perf_counter(), time.process_time()
                for _ in range(calls):
                    await modem.command(COMMAND)
                best.append(((time.perf_counter() - began) / calls, (time.process_time() - used) / calls))
        best.sort()
        return best[len(best) // 2]

    with Line() as line:
        own_wall, own_cpu = asyncio.run(measured(line.device))
    return {
        "by": "modemtls, await modem.command() (measured after the others)",
        "wall µs": own_wall * 1e6,
        "wall ×": own_wall / wall,
        "CPU µs": own_cpu * 1e6,
        "CPU ×": own_cpu / cpu,
    }
