"""A port whose other side is the input: what it says after each write, with pauses, in virtual time.

``|||`` in the input ends what is said before the next write, ``~~~`` is a pause of 1.37 s.
"""

from __future__ import annotations

from collections import deque
from random import Random

from modemtls.op import SetLine
from modemtls.port import Port

MAX_STEPS = 20_000
PAUSE = 1.37
"""Seconds; no sum of pauses is a deadline of the channel, where the last byte would be in time or not."""


class InputPort(Port):
    """Plays ``script``; with ``cuts`` each part comes in pieces of 1 to 9 bytes, else in one."""

    virtual_time = True

    def __init__(self, script: bytes, *, cuts: Random | None = None) -> None:
        self.name = "input"
        self.time = 0.0
        self.steps = 0
        self.written: list[bytes] = []
        self.said = bytearray()
        self.pauses = script.count(b"~~~")
        self._cuts = cuts
        self._later = deque(script.split(b"|||"))
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._say()

    def _say(self) -> None:
        due = max(self.time, self._chunks[-1][0] if self._chunks else 0.0)
        for number, part in enumerate(self._later.popleft().split(b"~~~") if self._later else ()):
            due += PAUSE if number else 0.0
            while part:
                size = len(part) if self._cuts is None else self._cuts.randint(1, 9)
                self._chunks.append((due, part[:size]))
                part = part[size:]

    def _step(self) -> None:
        self.steps += 1
        assert self.steps < MAX_STEPS, "the operation does not end"

    @property
    def is_used_up(self) -> bool:
        """Nothing more will be said, unless something is written."""
        return not self._chunks

    def read(self, timeout: float) -> bytes:
        self._step()
        assert timeout >= 0
        if self._chunks and self._chunks[0][0] <= self.time + timeout:
            due, data = self._chunks.popleft()
            self.time = max(self.time, due)
            self.said += data
            return data
        self.time += timeout
        return b""

    def write(self, data: bytes, timeout: float) -> None:
        self._step()
        assert data
        self.written.append(data)
        self._say()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self._step()
        self.time += seconds

    def set_line(self, line: SetLine) -> None:
        raise AssertionError("no operation of the channel changes the line")

    def close(self) -> None:
        pass
