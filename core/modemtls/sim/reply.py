"""What a command handler can answer, and the decorator that makes a method a handler.

A handler gets the match of its pattern and returns a :data:`Result`: nothing or lines (then ``OK``
follows), or one of the classes here for everything else that happens on a modem's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Final", "Later", "Prompt", "Raw", "Refuse", "Result", "on"]

F = TypeVar("F", bound=Callable[..., object])

PATTERNS = "_at_patterns"


class Refuse(Exception):
    """The command is refused.

    ``number`` is the 3GPP TS 27.007 error, shown as ``+CME ERROR`` if the host asked for that
    (``AT+CMEE``), else as ``ERROR``; without a number it is always ``ERROR``.  ``lines`` are information
    lines that come before it.
    """

    def __init__(self, number: int | None = None, lines: Iterable[str] = ()) -> None:
        super().__init__(number)
        self.number = number
        self.lines = tuple(lines)


@dataclass(frozen=True)
class Final:
    """Another final result code than ``OK``, e.g. ``NO CARRIER``; ``lines`` come before it."""

    text: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """Bytes as they are, then ``\\r\\nOK\\r\\n``.  Nothing unsolicited ever falls into them.

    For a counted read, the header belongs to the bytes: ``Raw(b"\\r\\n+READ: 3\\r\\nabc")``.
    """

    data: bytes


@dataclass(frozen=True)
class Prompt:
    """Ask for payload: ``size`` bytes, or text up to Ctrl-Z when ``size`` is ``None`` (ESC cancels).

    ``then`` gets the payload and gives the result.  ``patience``: after so many virtual seconds without a byte
    the command ends with what ``late`` gives; 0 waits for ever.
    """

    size: int | None
    then: Callable[[bytes], Result]
    prompt: bytes = b"\r\n> "
    patience: float = 0.0
    late: Callable[[], Result] | None = None


@dataclass(frozen=True)
class Later:
    """The result comes later: ``start`` gets a function that takes it, to be called once.

    Until then the modem works: what the host sends meanwhile waits.
    """

    start: Callable[[Callable[[Result], None]], None]


Result = None | str | Iterable[str] | Refuse | Final | Raw | Prompt | Later


def on(*patterns: str) -> Callable[[F], F]:
    """Make a method answer the command lines that match one of ``patterns`` as a whole.

    Upper and lower case are the same; a handler of a subclass goes before one of its parent, an
    earlier one before a later one.

    >>> class Acme:
    ...     @on(r"AT\\+SQUARE=(\\d+)")
    ...     def square(self, match):
    ...         return f"+SQUARE: {int(match[1]) ** 2}"
    """

    def mark(handler: F) -> F:
        setattr(handler, PATTERNS, patterns)
        return handler

    return mark
