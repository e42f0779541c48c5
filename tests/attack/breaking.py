"""A line on which something happens at one step: Ctrl-C, a cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable

from modemtls.op import SetLine
from modemtls.port import Port


class Breaking(Port):
    """A line that calls ``strike`` at one step: before it, or after it, or in the middle of a write."""

    def __init__(self, inner: Port) -> None:
        self.inner = inner
        self.name, self.virtual_time = inner.name, inner.virtual_time
        self.has_modem_lines = inner.has_modem_lines
        self.steps = 0
        self.closed = False
        self.struck_at: float | None = None
        self._at = 0
        self._strike: Callable[[], None] = lambda: None

    def arm(self, step: int, strike: Callable[[], None]) -> None:
        self.steps, self._at, self._strike, self.struck_at = 0, step, strike, None

    def disarm(self) -> None:
        self._at = 0

    def _count(self) -> bool:
        self.steps += 1
        return self.steps == self._at

    def _hit(self) -> None:
        self.struck_at = time.monotonic()
        self._strike()

    def read(self, timeout: float) -> bytes:
        if self._count():
            self._hit()  # what was read would be lost with the step; a real interrupt comes before or after it
        return self.inner.read(timeout)

    def write(self, data: bytes, timeout: float) -> None:
        if not self._count():
            self.inner.write(data, timeout)
            return
        gone = (0, len(data) // 2, len(data))[self.steps % 3]
        if gone:
            self.inner.write(data[:gone], timeout)
        self._hit()
        if gone < len(data):
            self.inner.write(data[gone:], timeout)

    def write_some(self, data: bytes | memoryview) -> int | None:
        if self._count():
            self._hit()
        return self.inner.write_some(data)

    def sleep(self, seconds: float) -> None:
        if self._count():
            self._hit()
        self.inner.sleep(seconds)

    def now(self) -> float:
        return self.inner.now()

    def set_line(self, line: SetLine) -> None:
        self.inner.set_line(line)

    def fileno(self) -> int | None:
        return self.inner.fileno()

    def close(self) -> None:
        self.closed = True
        self.inner.close()
