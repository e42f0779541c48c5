"""The records of an exchange: what was asked, what came, and what came by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .syntax import Command, Final

__all__ = ["Announced", "Event", "Exchange", "Marked", "Match", "Reply", "starts"]

Match = Callable[[str], bool]


@dataclass(frozen=True)
class Event:
    """A line that no command asked for, and the time on the port's clock when it was read."""

    line: str
    time: float


@dataclass(frozen=True)
class Reply:
    """The outcome of an exchange.  ``shown`` are the lines as they may be shown to anybody."""

    command: Command
    final: Final
    lines: tuple[str, ...] = field(repr=False)
    shown: tuple[str, ...] = ()
    payload: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """The final result code says success."""
        return self.final.is_success


@dataclass(frozen=True)
class Announced:
    """A payload announced by a line: ``count`` reads the number of bytes from it.

    ``count`` gives ``None`` for a line that announces nothing; ``limit`` is the most that was asked for.
    """

    count: Callable[[str], int | None]
    limit: int


@dataclass(frozen=True)
class Marked:
    """A payload of known length behind ``marker``."""

    marker: bytes
    count: int


@dataclass
class Exchange:
    """What is under way; what is needed to end it decently when it breaks."""

    command: Command
    data: bytes = field(default=b"", repr=False)
    payload: Announced | Marked | None = None
    hides: bool = False
    begun: bool = False
    """Something of it may have gone out."""
    echoed: bool = False
    prompted: bool = False
    sent: int = 0
    """Bytes of the data that may have gone out."""
    received: int = 0
    """Bytes of payload that were announced."""
    over: bool = False
    """The modem does not wait for data any more: a result came early, or it has restarted."""
    slipped: bool = False
    """No line end followed the payload: bytes were lost, unless a known event is what follows."""
    astray: bool = False
    """Bytes whose number nobody knows are still to come, or came and were taken for something else."""
    given_up: bool = False
    """The rest of its payload is not awaited any more, and may come all the same."""
    doubtful: bool = False
    """Its recovery does not know yet whether lines are events or pieces of a payload."""
    restless: bool = False
    """What came after bytes were lost did not stop, and was not known events alone."""
    asked: str = ""
    """What its recovery has asked the modem last."""
    probes: int = 0
    """Probes sent in its recovery, and not answered yet."""
    probed_at: float = 0.0
    """When the first of them was sent."""
    last_probes: list[float] = field(default_factory=list)
    """When the question that is asked last was sent, each time that is not answered yet."""
    refused: bool = False
    """An error has come while the answer to it was awaited: perhaps the modem knows no such question."""
    heard_at: float = 0.0
    """When something came last in its recovery."""
    lines: list[str] = field(default_factory=list, repr=False)
    shown: list[str] = field(default_factory=list)
    size: int = 0
    """Characters in the lines."""

    @property
    def marker(self) -> bytes:
        """The mark to look for now; empty when none is awaited."""
        return self.payload.marker if isinstance(self.payload, Marked) and not self.received else b""

    def count(self, line: str) -> int | None:
        """How many bytes of payload ``line`` announces, or ``None``."""
        if not isinstance(self.payload, Announced):
            return None
        reply = self.command.reply
        return self.payload.count(line) if reply is None or reply.match(line) else None

    def gives_away(self, line: str) -> bool:
        """``line`` holds a piece of a secret, or of the command line that one is in."""
        if not self.hides:
            return False
        secrets = [secret.strip('"') for secret in self.command.secrets]
        name = self.command.text[2:].partition("=")[0]
        if secrets and f"{name}=" in line:
            return True
        return any(
            _overlaps(line, secret) for secret in (*secrets, self.data.decode("latin-1")) if len(secret) > 2
        )


def _overlaps(line: str, secret: str, most: int = 6) -> bool:
    size = min(most, len(secret))
    return any(line[start : start + size] in secret for start in range(len(line) - size + 1))


def starts(*prefixes: str) -> Match:
    """A match for :meth:`Channel.wait`: lines with one of these beginnings, a space after the colon or not.

    >>> starts("+RING: 1,")("+RING:1,5")
    True
    """
    patterns = [re.escape(prefix).replace(r":\ ", ": ?") for prefix in prefixes]
    compiled = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return lambda line: compiled.match(line) is not None
