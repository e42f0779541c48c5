"""What a modem says by itself in a data mode, and its answer on leaving: found at the end of the payload only.

Each is a line between CR LF pairs.  At the end of what has come, such a line may be the modem's or the other
side's: whether it is followed by silence, and what leaving the mode shows, decides; see :mod:`.data_mode`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .exchange import Match
from .syntax import Dialect

__all__ = ["DataModeRules", "Words"]

_WINDOW = 1000
_REST = rb"[ -~]{0,200}"


def _never(line: str) -> bool:
    return False


@dataclass(frozen=True)
class DataModeRules:
    """How a model's data mode is left, and what the modem says in it by itself.  Times in seconds.

    ``guard``: silence before and after ``escape``; the modem's own answer cannot come before ``earliest``, and is
    given up ``answer_timeout`` after the guard time; ``quiet`` ends what a modem says at one go.
    ``notices``: beginnings of the lines that it may say amid the payload; ``ended``: the line (an event)
    that says, on leaving, that the other side sends no more; ``probe_after``: silence after which the mode is
    left to look for that line, each time twice as long up to eight times (0: never).
    """

    escape: bytes = b"+++"
    guard: float = 1.1
    earliest: float = 0.8
    answer_timeout: float = 2.0
    quiet: float = 0.3
    notices: tuple[str, ...] = ()
    ended: Match = field(default=_never)
    probe_after: float = 0.0


def _any(words: Iterable[str]) -> bytes:
    return b"|".join(re.escape(word.encode("ascii")) for word in words) or b"(?!)"


def _beginning(word: str) -> bytes:
    """A pattern for each beginning of a line that begins with ``word``; also the empty one."""
    letters = [re.escape(letter.encode("ascii")) for letter in word]
    return b"(?:" + b"(?:".join(letters) + b"(?:" + _REST + rb"\r?)?" + b")?" * len(letters)


class Words:
    """The patterns of one model.

    >>> words = Words(["SHUTDOWN"], Dialect(urcs=("+CLOSED:",)))
    >>> words.notice(b"payload\\r\\nSHUTDOWN\\r\\n", 0)
    (7, ('SHUTDOWN',))
    >>> words.payload(b"payload\\r\\nSHUT", 0)
    7
    >>> words.answer(b"payload\\r\\nOK\\r\\n\\r\\n+CLOSED: 1\\r\\n\\r\\nOK\\r\\n", 0)
    (13, ('+CLOSED: 1',))
    """

    def __init__(self, notices: Iterable[str], dialect: Dialect) -> None:
        own = (*notices, *dialect.boot_urcs)
        line = rb"\r\n(?:" + _any(own) + rb")" + _REST + rb"\r\n"
        begun = rb"\r(?:\n(?:" + b"|".join(map(_beginning, own)) + rb")?)?" if own else rb"(?!)"
        event = rb"\r\n(?:" + _any((*dialect.urcs, *own)) + rb")" + _REST + rb"\r\n"
        # Some modems put an end mark in front of a line even where every byte is payload.
        self._notice = re.compile(rb"\x03?(?:" + line + rb")+\Z")
        self._held = re.compile(
            rb"\x03?(?:" + line + rb")+(?:" + begun + rb")?\Z|\x03?" + begun + rb"\Z|\x03\Z"
            if own
            else rb"(?!)"
        )
        self._answer = re.compile(rb"((?:" + event + rb")*)\r\nOK\r\n((?:" + event + rb")*)\Z")

    def notice(self, buffer: bytes | bytearray, known: int) -> tuple[int, tuple[str, ...]] | None:
        """Where the notices at the very end begin, and what they say; the first ``known`` bytes are payload."""
        if not buffer.endswith(b"\r\n"):
            return None
        start = max(known, len(buffer) - _WINDOW)
        found = self._notice.search(bytes(buffer[start:]))
        return (start + found.start(), _lines(found[0])) if found else None

    def payload(self, buffer: bytes | bytearray, known: int) -> int:
        """How many bytes from the beginning cannot be a notice, whatever comes."""
        start = max(known, len(buffer) - _WINDOW)
        found = self._held.search(bytes(buffer[start:]))
        return start + found.start() if found else len(buffer)

    def answer(self, buffer: bytes | bytearray, boundary: int) -> tuple[int, tuple[str, ...]] | None:
        """Where the ``OK`` at the end begins, with the events around it; ``boundary`` bytes are payload."""
        start = max(boundary, len(buffer) - _WINDOW)
        found = self._answer.search(bytes(buffer[start:]))
        return (start + found.start(), _lines(found[1] + found[2])) if found else None


def _lines(data: bytes) -> tuple[str, ...]:
    return tuple(text.decode("ascii") for text in data.strip(b"\x03").split(b"\r\n") if text)
