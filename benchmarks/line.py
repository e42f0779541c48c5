"""A serial line with a scripted modem at its end, in a process of its own: ``python -m benchmarks.line BAUD``.

A pty neither paces nor loses.  Here each byte takes ten bit times in either direction: what the host writes
is delivered when its last bit would have come, what the modem answers is released in parts of a receive
FIFO, each at the time of its last bit, by an absolute schedule, so that a late wake-up is not added up.  The
last 80 µs before a due time are spent looking at the clock.  BAUD 0 does not pace.

First line on stdout: the device.  Each line on stdin is answered by the bytes in both directions since the last.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections import deque
from types import TracebackType
from typing import Self

from .scripted import ScriptedModem

_SPIN = 0.000_08
_BACKLOG = 4096
"""Bytes that adapter and driver take from the host before they make it wait."""


class Line:
    """The line as a child process: ``with Line(115200) as line: connect_to(line.device)``."""

    def __init__(self, baud: int = 0) -> None:
        self.baud = baud
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.line", str(baud)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.device = self._said()

    def counted(self) -> tuple[int, int]:
        """Bytes from the host and to it since the last call."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        given, taken = self._said().split()
        return int(given), int(taken)

    def bound(self) -> float:
        """Seconds that the bytes since the last call take at the line's rate, one direction after the other."""
        return sum(self.counted()) * 10 / self.baud

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()


class _Wire:
    def __init__(self, master: int, baud: int) -> None:
        self._master = master
        self._byte = 10 / baud if baud else 0.0
        self._fifo = max(16, baud * 7 // 100_000)  # a UART's 16 bytes, or about 0.7 ms as USB packets come
        self._modem = ScriptedModem()
        self._coming: deque[tuple[float, bytes]] = deque()
        self._going: deque[tuple[float, bytes]] = deque()
        self._in_free = self._out_free = 0.0
        self._backlog = 0
        self.given = self.taken = 0

    def serve(self) -> None:
        while True:
            due = min((queue[0][0] for queue in (self._coming, self._going) if queue), default=None)
            self._wait(due)
            now = time.monotonic()
            while self._coming and self._coming[0][0] <= now:
                at, data = self._coming.popleft()
                self._backlog -= len(data)
                self._answer(self._modem.feed(data), at)
            while self._going and self._going[0][0] <= now:
                data = self._going.popleft()[1]
                while data:
                    data = data[os.write(self._master, data) :]

    def _wait(self, due: float | None) -> None:
        reading = [0] if self._backlog > _BACKLOG else [0, self._master]
        timeout = None if due is None else max(0.0, due - time.monotonic() - _SPIN)
        ready, _, _ = select.select(reading, [], [], timeout)
        if self._master in ready:
            self._read()
        if 0 in ready:
            if not os.read(0, 100):
                raise SystemExit
            print(self.given, self.taken, flush=True)
            self.given = self.taken = 0
        if not ready and due is not None:
            while time.monotonic() < due:
                pass

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # nobody has the other side open
            time.sleep(0.01)
            return
        self.given += len(data)
        if not self._byte:
            answer = self._modem.feed(data)
            self.taken += len(answer)
            while answer:
                answer = answer[os.write(self._master, answer) :]
            return
        self._in_free = max(self._in_free, time.monotonic()) + len(data) * self._byte
        self._backlog += len(data)
        self._coming.append((self._in_free, data))

    def _answer(self, data: bytes, at: float) -> None:
        self.taken += len(data)
        self._out_free = max(self._out_free, at)
        for start in range(0, len(data), self._fifo):
            part = data[start : start + self._fifo]
            self._out_free += len(part) * self._byte
            self._going.append((self._out_free, part))


def main() -> None:
    """Be the line until stdin ends."""
    with contextlib.suppress(
        OSError, AttributeError
    ):  # where it is allowed, so that other work delays it less
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    master, slave = pty.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        _Wire(master, int(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
