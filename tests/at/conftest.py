"""A scripted modem in memory, with virtual time: what it expects, what it says, and when."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import TypeVar

from modemtls.at import Channel, Dialect
from modemtls.op import Op, SetLine, run
from modemtls.port import Port

T = TypeVar("T")

URCS = ("+CEREG", "+RING", "+CGEV", "+SYSSTART", "NO CARRIER")
DIALECT = Dialect(urcs=URCS, boot_urcs=("+SYSSTART",), unsolicited_errors=frozenset({171}))

#: What is said: bytes at once, or seconds after the chunk before it.
Chunk = bytes | tuple[float, bytes]


def pieces(data: bytes, *cuts: int) -> list[bytes]:
    """``data`` in parts that end at ``cuts``; one byte each when there are none."""
    ends = sorted({cut for cut in cuts if 0 < cut < len(data)}) if cuts else range(1, len(data))
    starts = [0, *ends]
    return [data[start:end] for start, end in zip(starts, [*ends, len(data)], strict=True)]


class Script(Port):
    """Pairs of expected bytes and answers; wrong bytes fail at once, unused pairs at the end.

    An answer's chunks come one a read.  Silence passes virtual time.
    """

    virtual_time = True

    def __init__(self, *pairs: tuple[bytes, list[Chunk]], first: list[Chunk] | None = None) -> None:
        self.name = "script"
        self.time = 1000.0
        self.written = b""
        self._pairs = deque(pairs)
        self._pending = b""
        self._chunks: deque[tuple[float, bytes]] = deque()
        self.say(first or [])

    def say(self, chunks: list[Chunk]) -> None:
        due = max(self.time, self._chunks[-1][0] if self._chunks else 0.0)
        for chunk in chunks:
            delay, data = chunk if isinstance(chunk, tuple) else (0.0, chunk)
            due += delay
            self._chunks.append((due, data))

    def expect(self, *pairs: tuple[bytes, list[Chunk]]) -> None:
        self._pairs.extend(pairs)

    def read(self, timeout: float) -> bytes:
        assert timeout >= 0
        if self._chunks and self._chunks[0][0] <= self.time + timeout:
            due, data = self._chunks.popleft()
            self.time = max(self.time, due)
            return data
        self.time += timeout
        return b""

    def write(self, data: bytes, timeout: float) -> None:
        assert timeout > 0
        self.written += data
        self._pending += data
        while self._pending:
            assert self._pairs, f"nothing was expected any more, not {self._pending!r}"
            expected, answer = self._pairs[0]
            if len(self._pending) < len(expected):
                assert expected.startswith(self._pending), f"{self._pending!r}, not {expected!r}"
                return
            assert self._pending.startswith(expected), f"{self._pending!r}, not {expected!r}"
            self._pending = self._pending[len(expected) :]
            self._pairs.popleft()
            self.say(answer)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def set_line(self, line: SetLine) -> None:
        raise AssertionError("nobody asked for another line setting")

    def close(self) -> None:
        assert not self._pending, f"{self._pending!r} is the beginning of what was expected, not all"
        assert not self._pairs, f"never sent: {[expected for expected, _ in self._pairs]!r}"

    def __enter__(self) -> Script:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


class Talk:
    """A channel on a port: ``talk(operation)`` runs it."""

    def __init__(self, port: Port, dialect: Dialect = DIALECT, *, recover_timeout: float = 10.0) -> None:
        self.port = port
        self.channel = Channel(dialect, command_timeout=5.0, recover_timeout=recover_timeout)

    def __call__(self, op: Op[T]) -> T:
        return run(op, self.port)

    def events(self) -> list[str]:
        """All events that are there, taken out."""
        found = []
        while event := self.channel.take(lambda line: True):
            found.append(event.line)
        return found
