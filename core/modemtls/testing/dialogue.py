r"""A modem that says exactly what a test has written down, and hears exactly what it expects.

A pair is what must be sent and what is answered::

    with dialogue(("AT+CFUN?", b"\r\n+CFUN: 1\r\n\r\nOK\r\n")) as port:
        reply = run(channel.command(Command.read("+CFUN")), port)

A wrong byte fails at once.  A pair that was never used, an answer that was never read, and half a command fail
at the end.  Time is virtual: silence costs none.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from ..op import Op, SetLine, run
from ..port import Port

__all__ = ["Answer", "DialogueError", "DialoguePort", "Pair", "dialogue"]

T = TypeVar("T")

#: Bytes that come in one piece, at once or so many seconds after those before them.
Answer = bytes | tuple[float, bytes]
#: What must be sent, a command line as text or any bytes, and what is answered.
Pair = tuple[str | bytes, bytes | Iterable[Answer]]


class DialogueError(AssertionError):
    """What was sent is not what the dialogue expects, or something of it is left."""


@dataclass(frozen=True, repr=False)  # what is sent may be a secret of the test
class _Exchange:
    sent: bytes
    answers: tuple[Answer, ...]
    repeats: bool = False


class DialoguePort(Port):
    """The port of a :func:`dialogue`; more can be added while it runs.

    ``written`` is all that was sent.  ``chunk``: no read gives more bytes than that; 0 gives each answer whole.
    """

    virtual_time = True

    def __init__(self, *pairs: Pair, chunk: int = 0, name: str = "dialogue") -> None:
        self.name = name
        self.chunk = chunk
        self.written = b""
        self._time = 0.0
        self._script: deque[_Exchange] = deque()
        self._pending = b""
        self._due: deque[tuple[float, bytes]] = deque()
        self._failure: DialogueError | None = None
        self.expect(*pairs)

    def expect(self, *pairs: Pair) -> Self:
        """Next come these."""
        self._script.extend(_Exchange(_sent(sent), _answers(answer)) for sent, answer in pairs)
        return self

    def expect_any(self, *pairs: Pair) -> Self:
        """At this place these may come, each any number of times and in any order."""
        self._script.extend(_Exchange(_sent(sent), _answers(answer), repeats=True) for sent, answer in pairs)
        return self

    def say(self, *answers: Answer) -> Self:
        """The modem says this by itself, after what it has said so far."""
        for answer in answers:
            delay, data = answer if isinstance(answer, tuple) else (0.0, answer)
            latest = self._due[-1][0] if self._due else self._time
            self._due.append((max(latest, self._time) + delay, data))
        return self

    def run(self, op: Op[T]) -> T:
        """Perform an operation on this port."""
        return run(op, self)

    @property
    def unread(self) -> bytes:
        """What has been said, or will be, and was not read."""
        return b"".join(data for _, data in self._due)

    def check(self) -> None:
        """Nothing may be left: no pair, no answer, no half of a command.

        :raises DialogueError: something is.
        """
        if self._failure is not None:
            raise self._failure
        if self._pending:
            raise DialogueError(f"only a part of a command was sent: {self._pending!r}")
        unused = [each.sent for each in self._script if not each.repeats]
        if unused:
            raise DialogueError(f"never sent: {_list(unused)}")
        if self._due:
            raise DialogueError(f"never read: {_list(data for _, data in self._due)}")

    def read(self, timeout: float) -> bytes:
        """What is due within ``timeout`` seconds."""
        if timeout < 0:
            raise DialogueError(f"a read waits for {timeout} s")
        deadline = self._time + timeout
        if not self._due or self._due[0][0] > deadline:
            self._time = deadline
            return b""
        due, data = self._due.popleft()
        self._time = max(self._time, due)
        size = self.chunk or len(data)
        if len(data) > size:
            self._due.appendleft((due, data[size:]))
        return data[:size]

    def write(self, data: bytes, timeout: float) -> None:
        """Compare with what is expected, and have it answered when it is whole.

        :raises DialogueError: it is something else.
        """
        if timeout <= 0:
            raise self._failed(f"a write is given {timeout} s")
        self.written += data
        self._pending += data
        while self._pending:
            used = self._use_any()
            if used is None:
                return
            if used:
                continue
            if not self._script:
                raise self._failed(f"nothing more was expected, and {self._pending!r} was sent")
            expected = self._script[0].sent
            if not expected.startswith(self._pending[: len(expected)]):
                raise self._failed(_difference(expected, self._pending))
            if len(self._pending) < len(expected):
                return
            self._pending = self._pending[len(expected) :]
            self.say(*self._script.popleft().answers)

    def _use_any(self) -> bool | None:
        """Use an exchange that may repeat, or drop those that do not fit; ``None``: more must be sent first."""
        optional = []
        for each in self._script:
            if not each.repeats:
                break
            optional.append(each)
        for each in optional:
            if self._pending.startswith(each.sent):
                self._pending = self._pending[len(each.sent) :]
                self.say(*each.answers)
                return True
        if any(each.sent.startswith(self._pending) for each in optional):
            return None
        for _ in optional:
            self._script.popleft()
        return False

    def _failed(self, message: str) -> DialogueError:
        self._failure = DialogueError(message)
        return self._failure

    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self._time

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._time += seconds

    def set_line(self, line: SetLine) -> None:
        """Nothing: there is no baud rate."""

    def close(self) -> None:
        """:meth:`check`, unless an exception is on its way: that says more.

        :raises DialogueError: something is left.
        """
        if sys.exc_info()[0] is None:
            self.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.check()


def dialogue(*pairs: Pair, chunk: int = 0) -> DialoguePort:
    r"""A port for exactly this dialogue; use it with ``with``, or close it.

    A ``str`` is a command line, and CR follows it; ``bytes`` are what they are.  An answer is ``bytes``, or
    several :data:`Answer`: each is one read, a pair with a number comes so many seconds later.

    >>> port = dialogue(("AT", b"\r\nOK\r\n"), (b"data", [b"\r\nO", (0.5, b"K\r\n")]), chunk=0)
    >>> port.write(b"AT\rdata", 1)
    >>> port.read(0), port.read(0), port.read(1), port.now()
    (b'\r\nOK\r\n', b'\r\nO', b'K\r\n', 0.5)
    >>> port.close()
    """
    return DialoguePort(*pairs, chunk=chunk)


def _sent(sent: str | bytes) -> bytes:
    data = sent.encode("ascii") + b"\r" if isinstance(sent, str) else sent
    if not data:
        raise ValueError("a pair begins with what is sent, and that is not nothing")
    return data


def _answers(answer: bytes | Iterable[Answer]) -> tuple[Answer, ...]:
    if isinstance(answer, bytes):
        return (answer,) if answer else ()
    return tuple(answer)


def _difference(expected: bytes, sent: bytes) -> str:
    at = next(at for at, byte in enumerate(sent) if at >= len(expected) or byte != expected[at])
    return f"{sent!r} was sent, {expected!r} was expected: byte {at + 1} differs"


def _list(parts: Iterable[bytes]) -> str:
    shown = [repr(part) for part in parts]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
