"""What a transcript holds: what went over the line, in order, with secrets replaced by placeholders.

A :class:`Chunk` is what one read gave or one write took.  Its parts are text, written out with escapes, or a
payload: data of an upload, counted data of a download.  A payload is kept as length and SHA-256, in full, or,
when it holds a secret, as its length alone: a digest of something that can be guessed is no protection.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field

from ..errors import PortError, Reason

__all__ = [
    "Chunk",
    "Direction",
    "Entry",
    "Failure",
    "LineChange",
    "Part",
    "Payload",
    "Piece",
    "Placeholder",
    "Recording",
    "Text",
    "Transcript",
    "TranscriptError",
    "size_of",
]


class TranscriptError(PortError):
    """A transcript cannot be used: it is damaged, or it does not hold what is needed.

    ``line`` is the line of the file, from 1, or ``None``.
    """

    def __init__(self, message: str, *, line: int | None = None, remedy: str | None = None) -> None:
        where = f"Line {line} of the transcript: " if line is not None else ""
        super().__init__(f"{where}{message}", remedy=remedy, reasons={Reason.MALFORMED})
        self.line = line


class Direction(enum.Enum):
    """Who said it."""

    SENT = ">"
    RECEIVED = "<"


@dataclass(frozen=True)
class Placeholder:
    """What stands for a value that must not be shown: a number in order of appearance, and no more.

    The same value has the same placeholder all through one transcript.  ``length`` is given where a replay
    needs it, to put something of the same size in its place.
    """

    kind: str
    number: int
    length: int | None = None

    @property
    def name(self) -> str:
        """``imei-1``"""
        return f"{self.kind}-{self.number}"


Piece = bytes | Placeholder


def size_of(pieces: tuple[Piece, ...]) -> int | None:
    """Bytes in the pieces, or ``None`` when a placeholder has no length."""
    sizes = [piece.length if isinstance(piece, Placeholder) else len(piece) for piece in pieces]
    return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass(frozen=True)
class Text:
    """Commands, answers, events: written out."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Payload:
    """Counted data: in full (``pieces``), by digest (``sha256``, lower-case hexadecimal), or hidden (neither).

    ``stands_for`` is the placeholder of what is hidden, where it has one.
    """

    length: int
    pieces: tuple[Piece, ...] | None = None
    sha256: str | None = None
    stands_for: Placeholder | None = None


Part = Text | Payload


@dataclass(frozen=True)
class Chunk:
    """What one read gave, or one write took.

    ``delay``: seconds since the entry before it; ``None`` when nobody knows.  ``assumed``: its line ends are
    not known, but what is usual.  ``line`` is where it stands in the file.
    """

    direction: Direction
    parts: tuple[Part, ...]
    delay: float | None = None
    assumed: bool = False
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class LineChange:
    """The host changed the line: ``115200 baud``, ``dtr on``, ``break 0.25 s``."""

    what: str
    delay: float | None = None
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Failure:
    """The port failed: ``gone``, or ``stalled`` (it took no more bytes)."""

    what: str
    delay: float | None = None
    line: int | None = field(default=None, compare=False)


Entry = Chunk | LineChange | Failure


@dataclass(frozen=True)
class Recording:
    """Where to record to, and how: ``file`` must not exist; ``full`` keeps payloads whole.

    ``recorded`` is a date for the head, in any form.
    """

    file: str | os.PathLike[str]
    full: bool = False
    recorded: str | None = None


@dataclass(frozen=True)
class Transcript:
    """A whole recording.

    ``full``: payloads were to be kept in full.  ``recorded`` is a date as somebody wrote it; it is left out
    by default, so that two recordings of the same thing differ where they differ.  ``assumed`` says what of it
    is not known.
    """

    entries: tuple[Entry, ...] = ()
    model: str | None = None
    full: bool = False
    recorded: str | None = None
    assumed: tuple[str, ...] = ()
