"""A small honest modem with a data mode, and a line in virtual time; it knows nothing of the library's own code.

``heard`` is what the other side got, ``executed`` what was taken for a command line, so that a test sees whether
payload ever became commands or the other way round.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from modemtls.op import SetLine
from modemtls.port import Port

OK = b"\r\nOK\r\n"


class DataPeer(Port):
    """``escapes``: DLE stands before ETX and DLE; ``delay``: from the end of the guard time to the answer."""

    virtual_time = True

    def __init__(
        self, *, escapes: bool = False, chunk: int = 64, guard: float = 1.0, delay: float = 0.01
    ) -> None:
        self.name = "peer"
        self.time = 0.0
        self.escapes, self.chunk, self.guard, self.delay = escapes, chunk, guard, delay
        self.in_data = False
        self.heard = bytearray()
        self.executed: list[str] = []
        self.entered = 0
        self.left = 0
        self.refuses: bytes | None = None
        #: What is said before the OK of the next leaving, and after it.
        self.before_ok, self.after_ok = b"", b""
        #: Bytes of the host that get lost, the next ones.
        self.loses = 0
        self.is_dead = False
        self.steps = 0
        self.fail: Callable[[int], BaseException | None] = lambda step: None
        self._dle = False
        self._burst = b""
        self._last = 0.0
        self._check_at: float | None = None
        self._line = bytearray()
        self._waiting = bytearray()
        self._out: deque[tuple[float, bytes]] = deque()
        self._scheduled: list[tuple[float, Callable[[], None]]] = []

    # What the test does.

    def give(self, payload: bytes) -> None:
        """The other side sends; held while the line is not its."""
        if self.in_data:
            self._say(self._encoded(payload))
        else:
            self._waiting += payload

    def say(self, raw: bytes) -> None:
        """The modem says this, whatever state it is in."""
        self._say(raw)

    def ends(self, raw: bytes) -> None:
        """The modem leaves the data mode by itself, with these words."""
        self.in_data = False
        self._say(raw)

    def later(self, delay: float, action: Callable[[], None]) -> None:
        self._scheduled.append((self.time + delay, action))
        self._scheduled.sort(key=lambda each: each[0])

    # What the host sees.

    def read(self, timeout: float) -> bytes:
        self._step()
        deadline = self.time + timeout
        while True:
            self._elapse(self.time)
            if self._out and self._out[0][0] <= self.time:
                return self._out.popleft()[1]
            due = [deadline]
            due += [self._out[0][0]] if self._out else []
            due += [self._check_at] if self._check_at is not None else []
            due += [self._scheduled[0][0]] if self._scheduled else []
            if min(due) >= deadline and self.time >= deadline:
                return b""
            self.time = max(self.time, min(due))
            if self.time >= deadline and not (self._out and self._out[0][0] <= self.time):
                self._elapse(self.time)
                if not (self._out and self._out[0][0] <= self.time):
                    return b""

    def write(self, data: bytes, timeout: float) -> None:
        self._step()
        self._elapse(self.time)
        lost, self.loses = min(self.loses, len(data)), max(0, self.loses - len(data))
        data = data[lost:]
        if self.is_dead or not data:
            return
        if not self.in_data:
            self._command_bytes(data)
            return
        if self.time - self._last >= self.guard:
            self._burst = b""
        self._burst = (self._burst + data)[:4]
        self._last = self.time
        self._check_at = self.time + self.guard
        for byte in data:
            if self.escapes and not self._dle and byte == 0x10:
                self._dle = True
            else:
                self._dle = False
                self.heard.append(byte)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self._step()
        self.time += seconds
        self._elapse(self.time)

    def set_line(self, line: SetLine) -> None:
        pass

    def close(self) -> None:
        pass

    # Inside.

    def _step(self) -> None:
        self.steps += 1
        if error := self.fail(self.steps):
            raise error

    def _elapse(self, to: float) -> None:
        while self._scheduled and self._scheduled[0][0] <= to:
            self._scheduled.pop(0)[1]()
        if self._check_at is not None and self._check_at <= to:
            self._check_at = None
            if self.in_data and self._burst == b"+++":
                del self.heard[-3:]
                self.in_data = False
                self.left += 1
                self._line.clear()
                before, after = self.before_ok, self.after_ok
                self.before_ok = self.after_ok = b""
                self._say(before + OK + after, self.delay)

    def _encoded(self, payload: bytes) -> bytes:
        if not self.escapes:
            return payload
        return b"".join(bytes([0x10, byte]) if byte in (3, 0x10) else bytes([byte]) for byte in payload)

    def _say(self, data: bytes, delay: float = 0.0) -> None:
        at = max(self.time + delay, self._out[-1][0] if self._out else 0.0)
        for start in range(0, len(data), self.chunk):
            self._out.append((at, data[start : start + self.chunk]))
            at += 0.001

    def _command_bytes(self, data: bytes) -> None:
        for position, byte in enumerate(data):
            if byte != 0x0D:
                self._line.append(byte)
                continue
            line = self._line.decode("latin-1")
            self._line.clear()
            if line:
                self.executed.append(line)
            self._execute(line)
            if self.in_data:
                self.write(data[position + 1 :], 1.0)
                return

    def _execute(self, line: str) -> None:
        if line == "AT+CMEE?":
            self._say(b"\r\n+CMEE: 1\r\n" + OK, 0.01)
        elif line == "AT+GO":
            if self.refuses is not None:
                self._say(self.refuses)
                return
            self.in_data = True
            self.entered += 1
            self._last, self._burst = self.time, b""
            self._dle = False
            waiting, self._waiting = bytes(self._waiting), bytearray()
            self._say(b"\r\nCONNECT\r\n" + self._encoded(waiting))
        elif line == "AT+NUM?":
            self._say(b"\r\n+NUM: 42\r\n" + OK)
        elif line.startswith("AT"):
            self._say(OK)
