"""A recorded session as a port: ``replay://FILE`` answers what was recorded when it is sent what was recorded.

Time is virtual: each answer comes as long after what came before it as it did then.  Sent bytes are compared as
one stream, so it does not matter how they are cut into writes.  A placeholder takes any value, and the same one
wherever it stands again; where the modem said it first, zeros and its number are put in its place.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections import deque
from pathlib import Path

from ..errors import ModemTimeout, PortError, Reason
from ..log import happened
from ..op import SetLine
from ..port import Port
from ..transcript.records import (
    Chunk,
    Direction,
    Failure,
    LineChange,
    Part,
    Payload,
    Piece,
    Placeholder,
    Transcript,
    TranscriptError,
)
from ..transcript.text import parse, shown_bytes
from .failures import closed, gone

__all__ = ["ReplayPort", "open_replay"]

_SHOWN = 120
_COMMAND = re.compile(rb"[A-Za-z0-9+^%$*#&]{0,30}[=?]?")
_NUMBER = re.compile(rb"[0-9]{0,3}")


def open_replay(url: str) -> ReplayPort:
    """The port that plays the transcript that ``url`` names.

    :raises PortError: there is no such file.
    :raises TranscriptError: it is no transcript, or a damaged one.
    """
    name = url.partition("://")[2]
    try:
        data = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PortError(
            f"The transcript {name!r} cannot be read: {why}.",
            remedy="Write replay://FILE with a file that modemtls --record FILE has written.",
            reasons={Reason.PORT_NOT_FOUND},
        ) from None
    return ReplayPort(parse(data), url)


class ReplayPort(Port):
    """Plays a transcript.

    A byte that is not the recorded one raises :class:`~modemtls.PortError`, and so does everything after it.
    So does :meth:`close` when something of the transcript was not used.
    """

    virtual_time = True

    def __init__(self, transcript: Transcript, name: str = "replay://") -> None:
        self.name = name
        self.has_modem_lines = any(isinstance(entry, LineChange) for entry in transcript.entries)
        self._entries = deque(entry for entry in transcript.entries if not isinstance(entry, LineChange))
        self._parts: deque[Part] = deque()
        """What is left of the sent chunk that is being compared."""
        self._late: deque[Chunk] = deque()
        """Received chunks that were still to come when what was sent after them came."""
        self._time = 0.0
        self._since = 0.0
        self._written = bytearray()
        self._values: dict[str, bytes] = {}
        self._error: PortError | None = None
        self._closed = False
        self._lock = threading.RLock()
        self._line: int | None = None

    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self._time

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        with self._lock:
            self._time += max(0.0, seconds)

    def set_line(self, line: SetLine) -> None:
        """Nothing: a transcript has no baud rate."""

    def read(self, timeout: float) -> bytes:
        """What was received at this point, when it is due.

        :raises PortError: the recorded port failed here, or the replay has.
        :raises TranscriptError: what was received was not recorded in full.
        """
        with self._lock:
            self._check()
            deadline = self._time + max(0.0, timeout)
            if self._late:
                return self._bytes_of(self._late.popleft())
            self._fail_as_recorded(deadline)
            first = self._entries[0] if self._entries else None
            if isinstance(first, Chunk) and first.direction is Direction.RECEIVED and not self._parts:
                due = max(self._time, self._since + (first.delay or 0.0))
                if due <= deadline:
                    self._entries.popleft()
                    self._time = self._since = due
                    return self._bytes_of(first)
            self._time = deadline
            return b""

    def write(self, data: bytes, timeout: float) -> None:
        """Compare with what was sent at this point.

        :raises PortError: it is something else.
        """
        with self._lock:
            self._check()
            self._fail_as_recorded(self._time)
            self._written += data
            while self._written:
                if not self._parts and not self._begin_chunk():
                    raise self._failed(self._nothing_expected())
                if not self._compare():
                    return
                if not self._parts:
                    self._since = self._time

    def close(self) -> None:
        """End the replay; closing twice is allowed.

        :raises PortError: the replay has failed before, or a part of the transcript was not used.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._error is None and (self._parts or self._entries or self._late):
                self._error = self._unused()
                if sys.exc_info()[0] is not None:  # what ended it is the better report
                    happened("a replay was not used up", because=str(self._error))
                    return
            if self._error is not None:
                raise self._error

    def _check(self) -> None:
        if self._closed:
            raise closed(self.name)
        if self._error is not None:
            raise self._error

    def _failed(self, error: PortError) -> PortError:
        self._error = error
        return error

    def _fail_as_recorded(self, deadline: float) -> None:
        first = self._entries[0] if self._entries else None
        if not isinstance(first, Failure) or self._parts:
            return
        due = max(self._time, self._since + (first.delay or 0.0))
        if due > deadline:
            return
        self._time = self._since = due
        self._entries.popleft()
        if first.what == "stalled":
            raise ModemTimeout(
                f"{self.name} takes no more bytes, as it did when it was recorded.",
                reasons={Reason.NO_ANSWER},
            )
        raise gone(self.name, "as it was when it was recorded")

    # What is sent.

    def _begin_chunk(self) -> bool:
        """Go to the next sent chunk; what was to be received before it is due at once."""
        while self._entries:
            entry = self._entries.popleft()
            if isinstance(entry, Chunk):
                if entry.direction is Direction.SENT:
                    self._parts = deque(entry.parts)
                    self._line = entry.line
                    return True
                self._late.append(entry)
        return False

    def _compare(self) -> bool:
        """Take the next part out of what was written; false when more of it must come first."""
        part = self._parts[0]
        if isinstance(part, Payload) and part.pieces is None:
            if len(self._written) < part.length:
                return False
            data = bytes(self._written[: part.length])
            if part.sha256 is not None and hashlib.sha256(data).hexdigest() != part.sha256:
                raise self._failed(self._other_data(part))
            if part.stands_for is not None:
                self._bind(part.stands_for, data)
            self._take(part.length)
            return True
        size = self._match(part)
        if size is None:
            return False
        self._take(size)
        return True

    def _take(self, size: int) -> None:
        del self._written[:size]
        self._parts.popleft()

    def _match(self, part: Part) -> int | None:
        """How many written bytes are this part; ``None`` when more must come."""
        at = 0
        pieces = part.pieces or ()
        for index, piece in enumerate(pieces):
            if isinstance(piece, Placeholder):
                value = self._values.get(piece.name)
                if value is None or not self._written.startswith(value, at):
                    after = pieces[index + 1] if index + 1 < len(pieces) else b""
                    end = self._end_of_value(piece, after, at)
                    if end is None:
                        return None
                    if value is not None and bytes(self._written[at:end]) != value:
                        raise self._failed(self._other_value(piece))
                    value = bytes(self._written[at:end])
                    self._values[piece.name] = value
                at += len(value)
                continue
            have = bytes(self._written[at : at + len(piece)])
            if have != piece[: len(have)]:
                same = _same(have, piece)
                raise self._failed(self._deviation(part, (*pieces[:index], piece[:same]), at + same))
            if len(have) < len(piece):
                return None
            at += len(piece)
        return at

    def _end_of_value(self, piece: Placeholder, after: Piece, at: int) -> int | None:
        if piece.length is not None:
            return at + piece.length if len(self._written) >= at + piece.length else None
        text = after[:1] if isinstance(after, bytes) else b""
        found = re.compile(rb"[\r\n]" + (b"|" + re.escape(text) if text else b"")).search(self._written, at)
        return found.start() if found is not None else None

    def _bind(self, placeholder: Placeholder, value: bytes) -> None:
        self._values.setdefault(placeholder.name, value)

    # What is received.

    def _bytes_of(self, chunk: Chunk) -> bytes:
        self._line = chunk.line
        return b"".join(self._part_bytes(part, chunk.line) for part in chunk.parts)

    def _part_bytes(self, part: Part, line: int | None) -> bytes:
        if part.pieces is not None:
            return b"".join(
                piece if isinstance(piece, bytes) else self._value_of(piece) for piece in part.pieces
            )
        assert isinstance(part, Payload)
        known = self._values.get(part.stands_for.name) if part.stands_for is not None else None
        if known is not None and len(known) == part.length:
            return known
        kept = "its length and digest" if part.sha256 is not None else "its length"
        raise self._failed(
            TranscriptError(
                f"here the modem sent {part.length} bytes of which only {kept} was recorded: they cannot be"
                " replayed.",
                line=line,
                remedy="Record again with payloads in full: --record-full.",
            )
        )

    def _value_of(self, piece: Placeholder) -> bytes:
        """What was sent in this place, else what nobody can take for the real value."""
        value = self._values.get(piece.name)
        if value is None:
            number = str(piece.number)
            value = (number if piece.length is None else number.zfill(piece.length)[-piece.length :]).encode()
            self._values[piece.name] = value
        return value

    # Errors.

    def _deviation(self, part: Part, same: tuple[Piece, ...], at: int) -> PortError:
        """Only what is recorded too is shown of what was sent, and a little more: the rest may be a secret."""
        if isinstance(part, Payload):
            return self._differs(f"byte {at + 1} of {part.length} bytes of data is another one")
        begun = _shown_pieces(same)
        rest = (_NUMBER if "=" in begun else _COMMAND).match(self._written, at)
        more = shown_bytes(rest[0]) if rest else ""
        expected = _short(_shown_pieces(part.pieces))
        return self._differs(f"expected was {expected}, sent was “{begun[-_SHOWN:]}{more}…”")

    def _differs(self, how: str) -> PortError:
        where = f" (line {self._line} of the transcript)" if self._line is not None else ""
        return PortError(
            f"{self.name}: what is sent is not what was recorded{where}: {how}.",
            remedy="Do the same as when it was recorded, with the same settings; or record it again.",
            reasons={Reason.NOT_AS_RECORDED},
        )

    def _nothing_expected(self) -> PortError:
        size = len(self._written)
        begun = _COMMAND.match(self._written)
        command = f" ({shown_bytes(begun[0])}…)" if begun and begun[0] else ""
        return self._differs(f"the transcript is at its end, and {size} bytes more were sent{command}")

    def _other_data(self, part: Payload) -> PortError:
        return self._differs(
            f"{part.length} bytes of data have another SHA-256 than the {part.length} recorded"
        )

    def _other_value(self, piece: Placeholder) -> PortError:
        return self._differs(f"{{{piece.name}}} was one value before, and is another here")

    def _unused(self) -> PortError:
        sent = sum(isinstance(e, Chunk) and e.direction is Direction.SENT for e in self._entries)
        sent += bool(self._parts)
        received = len(self._late) + sum(
            isinstance(e, Chunk) and e.direction is Direction.RECEIVED for e in self._entries
        )
        first = next((e.line for e in (*self._late, *self._entries) if e.line is not None), self._line)
        where = f", from line {first} on" if first is not None else ""
        return PortError(
            f"{self.name}: the session ended before the transcript did{where}: {sent} recorded writes were never made,"
            f" {received} recorded answers never read.",
            remedy="Do the same as when it was recorded, to the end; or record it again.",
            reasons={Reason.NOT_AS_RECORDED},
        )


def _shown_pieces(pieces: tuple[Piece, ...]) -> str:
    return "".join(
        shown_bytes(piece) if isinstance(piece, bytes) else f"{{{piece.name}}}" for piece in pieces
    )


def _same(one: bytes, other: bytes) -> int:
    return next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))


def _short(text: str) -> str:
    return f"“{text}”" if len(text) <= _SHOWN else f"“{text[:_SHOWN]}…”"
