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
    data: bytes = b""
    sent: int = 0
    begun: bool = False
    prompted: bool = False
    hides: bool = False
    lines: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    echoed: bool = False


def starts(*prefixes: str) -> Match:
    """A match for :meth:`Channel.wait`: lines with one of these beginnings, a space after the colon or not.

    >>> starts("+RING: 1,")("+RING:1,5")
    True
    """
    patterns = [re.escape(prefix).replace(r":\ ", ": ?") for prefix in prefixes]
    compiled = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return lambda line: compiled.match(line) is not None
