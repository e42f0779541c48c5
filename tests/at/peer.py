"""A small honest modem for recovery: it has a command and a data state, an input buffer and a speed.

It knows nothing of the channel.  What it executed as a command line is kept, so that a test can see
whether data ever became commands.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from modemtls.op import SetLine
from modemtls.port import Port

#: Payload and upload data that would do harm as commands, or as lines.
HOSTILE = (
    b"\r\n+CMEE: 1\r\n\r\nOK\r\n\r\n+SYSSTART\r\n> \r\nERROR\r\n+CME ERROR: 4\r\n<<<\r\n+RING: 9\r\n"
    b"\rAT+DANGER=1\r\nAT+DANGER=2\rNO CARRIER\r\n+NUM: 99\r\n\r\nOK\r\n"
)


class Peer(Port):
    """``rate`` is bytes a second towards the host; ``latency`` seconds from a line to its answer."""

    virtual_time = True

    def __init__(
        self,
        *,
        rate: float = 1000.0,
        chunk: int = 64,
        latency: float = 0.01,
        prompt: bytes = b"\r\n> ",
        prompt_delay: float = 0.0,
        flushes: bool = False,
        echo: bool = False,
    ) -> None:
        self.name = "peer"
        self.time = 0.0
        self.rate, self.chunk, self.latency = rate, chunk, latency
        self.prompt, self.prompt_delay, self.flushes, self.echo = prompt, prompt_delay, flushes, echo
        self.payload = HOSTILE
        self.executed: list[str] = []
        self.taken: list[bytes] = []
        self.steps = 0
        self.fail: Callable[[int], BaseException | None] = lambda step: None
        self.half = "before"
        self._input = bytearray()
        self._line = bytearray()
        self._data: bytearray | None = None
        self._missing = 0
        self._idle_at = self._deaf_until = 0.0
        self._later: Callable[[], None] | None = None
        self._out: deque[tuple[float, bytes]] = deque()

    # What the host sees.

    def _step(self) -> None:
        self.steps += 1
        if error := self.fail(self.steps):
            raise error

    def read(self, timeout: float) -> bytes:
        self._step()
        deadline = self.time + timeout
        while True:
            self._work()
            if self._out and self._out[0][0] <= self.time:
                return self._out.popleft()[1]
            due = [deadline]
            if self._out:
                due.append(self._out[0][0])
            if self._input or self._later:
                due.append(self._idle_at)
            if self.time >= deadline and min(due) >= deadline:
                return b""
            self.time = max(self.time, min(due))

    def write(self, data: bytes, timeout: float) -> None:
        try:
            self._step()
        except BaseException:
            sent = {"before": b"", "half": data[: len(data) // 2], "after": data}[self.half]
            self._input += sent
            raise
        self._work()
        if self.time >= self._deaf_until:
            self._input += data
        self._work()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self._step()
        self.time += seconds

    def set_line(self, line: SetLine) -> None:
        raise AssertionError("nobody asked for another line setting")

    def close(self) -> None:
        pass

    # What the modem does.

    def say(self, data: bytes) -> None:
        due = max(self.time, self._out[-1][0] if self._out else 0.0)
        for start in range(0, len(data), self.chunk):
            part = data[start : start + self.chunk]
            due += len(part) / self.rate
            self._out.append((due, part))

    def _busy(self, seconds: float, then: Callable[[], None]) -> None:
        self._idle_at = self.time + seconds
        self._later = then

    def _work(self) -> None:
        while self.time >= self._idle_at:
            if self._later is not None:
                then, self._later = self._later, None
                then()
                continue
            if not self._input:
                return
            if self._data is not None:
                part = self._input[: self._missing]
                del self._input[: len(part)]
                self._data += part
                self._missing -= len(part)
                if not self._missing:
                    self.taken.append(bytes(self._data))
                    self._data = None
                    self._busy(self.latency, lambda: self.say(b"\r\nOK\r\n"))
                continue
            byte = self._input.pop(0)
            if self.echo:
                self.say(bytes([byte]))
            if byte == 0x0D:
                line, self._line = self._line.decode("latin-1"), bytearray()
                start = line.upper().find("AT")
                if start >= 0:
                    self._execute(line[start:].rstrip("\n"))
            else:
                self._line.append(byte)

    def _execute(self, line: str) -> None:
        self.executed.append(line)
        answer = b"\r\nERROR\r\n"
        delay = self.latency
        if line in ("AT", "ATE0"):
            answer = b"\r\nOK\r\n"
        elif line == "AT+CMEE?":
            answer = b"\r\n+CMEE: 1\r\n\r\nOK\r\n"
        elif found := re.fullmatch(r"AT\+NUM=(\d+)", line):
            answer = f"\r\n+NUM: {found[1]}\r\n\r\nOK\r\n".encode()
        elif found := re.fullmatch(r"AT\+SLOW=(\d+)", line):
            delay = float(found[1])
            answer = f"\r\n+SLOW: {found[1]}\r\n\r\nOK\r\n".encode()
        elif line.startswith("AT+DOWN"):
            answer = f"\r\n+DOWN: {len(self.payload)}\r\n".encode() + self.payload + b"\r\nOK\r\n"
        elif line.startswith("AT+BODY"):
            answer = b"\r\n<<<" + self.payload + b"\r\nOK\r\n"
        elif found := re.fullmatch(r"AT\+UP=(\d+)", line):
            size = int(found[1])
            self._busy(self.latency + self.prompt_delay, lambda: self._ask(size))
            return
        self._busy(delay, lambda: self.say(answer))

    def _ask(self, size: int) -> None:
        if self.flushes:
            self._input.clear()
        self._data, self._missing = bytearray(), size
        self.say(self.prompt)

    def restart(self, *, lines: bytes = b"\r\n+SYSSTART\r\n") -> None:
        """Forget everything, hear nothing for a second, then say the boot line."""
        self._out.clear()
        self._input.clear()
        self._line.clear()
        self._data, self._later = None, None
        self._deaf_until = self.time + 1.0
        self._busy(1.0, lambda: self.say(lines))
