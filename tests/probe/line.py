"""A line to a modem on which something happens right after a write."""

from __future__ import annotations

from collections.abc import Callable

from modemtls import Modem
from modemtls.op import SetLine
from modemtls.port import Port


class Watched(Port):
    """Passes everything on; ``after`` is called with the number of each write."""

    virtual_time = True
    has_modem_lines = False

    def __init__(self, modem: Modem, after: Callable[[int], None]) -> None:
        self.inner = modem._port
        self.name = self.inner.name
        self.count = 0
        self._after = after
        modem._port = self

    def write(self, data: bytes, timeout: float) -> None:
        self.inner.write(data, timeout)
        self.count += 1
        self._after(self.count)

    def read(self, timeout: float) -> bytes:
        return self.inner.read(timeout)

    def now(self) -> float:
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)

    def set_line(self, step: SetLine) -> None:
        self.inner.set_line(step)

    def close(self) -> None:
        self.inner.close()
