"""Lines for attacks: one that keeps what is sent, one on which a hostile modem says what it likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from modemtls import Modem
from modemtls.op import SetLine
from modemtls.port import Port
from modemtls.sim import SimPort
from modemtls_sequans.simulator import Gm02s


def simulated(modem: Modem) -> Gm02s:
    """The simulated modem behind an open one."""
    port = modem._port
    if isinstance(port, Tap):
        port = port.inner
    assert isinstance(port, SimPort)
    assert isinstance(port.simulator, Gm02s)
    return port.simulator


class Tap(Port):
    """A line to a simulated modem; ``sent`` is every byte that the host has written."""

    virtual_time = True
    has_modem_lines = False

    def __init__(self, inner: SimPort) -> None:
        self.inner = inner
        self.name = inner.name
        self.sent = bytearray()

    @property
    def simulator(self) -> Gm02s:
        assert isinstance(self.inner.simulator, Gm02s)
        return self.inner.simulator

    @classmethod
    def of(cls, modem: Modem) -> Tap:
        assert isinstance(modem._port, SimPort)
        tap = cls(modem._port)
        modem._port = tap
        return tap

    def write(self, data: bytes, timeout: float) -> None:
        self.sent += data
        self.inner.write(data, timeout)

    def read(self, timeout: float) -> bytes:
        return self.inner.read(timeout)

    def now(self) -> float:
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        self.inner.set_line(line)

    def close(self) -> None:
        self.inner.close()


Answer = Callable[[str], bytes]


class HostilePort(Port):
    """A modem that answers each command line with whatever ``answer`` makes of it; virtual time.

    ``stream`` gives one more chunk each time the host reads and nothing else is due; each takes
    ``chunk_seconds``.  What follows a prompt is not told apart: data that the host sends reaches ``answer`` too.
    """

    name = "hostile"
    virtual_time = True
    has_modem_lines = False

    def __init__(self, answer: Answer, *, chunk: int = 4096) -> None:
        self.answer = answer
        self.chunk = chunk
        self.stream: Callable[[], bytes] | None = None
        self.chunk_seconds = 0.001
        self.given = 0
        self.lines: deque[str] = deque(maxlen=1000)
        self._line = bytearray()
        self._due = bytearray()
        self._time = 0.0

    def say(self, data: bytes) -> None:
        """Have the modem say this by itself."""
        self._due += data

    def write(self, data: bytes, timeout: float) -> None:
        for byte in data:
            if byte == 0x0D:
                line = self._line.decode("latin-1")
                self._line.clear()
                self.lines.append(line)
                self._due += self.answer(line)
            elif len(self._line) < 4096:
                self._line.append(byte)

    def read(self, timeout: float) -> bytes:
        if not self._due and self.stream is not None and timeout >= self.chunk_seconds:
            self._time += self.chunk_seconds
            self._due += self.stream()
        if not self._due:
            self._time += max(0.0, timeout)
            return b""
        data = bytes(self._due[: self.chunk])
        del self._due[: self.chunk]
        self.given += len(data)
        return data

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += seconds

    def set_line(self, line: SetLine) -> None:
        pass

    def close(self) -> None:
        pass
