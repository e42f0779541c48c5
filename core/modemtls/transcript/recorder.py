"""From bytes and what is known of them to entries: the half of a recording that does no I/O.

The port tells what was read and written, and when.  The channel tells what that was: a command with its secrets,
data, a line, a payload.  The two meet here: a chunk is written out when every byte of it is accounted for,
so a secret that lies over two chunks is one secret.  What nobody accounts for is hidden: only its length is
written.  So a forgotten word to the recorder costs readability, and never a key.

Weighed against this: a listener in the channel alone (it does not see chunks, probes, dropped bytes, times) and a
port alone (it does not know what is secret, and would have to guess at framing).
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .hiding import Hiding
from .records import (
    Chunk,
    Direction,
    Entry,
    Failure,
    LineChange,
    Part,
    Payload,
    Piece,
    Placeholder,
    Text,
    Transcript,
)
from .text import entry_text, head_text

__all__ = ["Atom", "Recorder", "hidden", "literal"]

_HARMLESS = re.compile(
    rb"\+\+\+|(?:[ \r\n]|AT(?:[A-Z&][0-9]?|[+^%*$#][A-Z0-9]{1,20}\??)?[\r\n])*", re.IGNORECASE
)
"""Lines without an argument, empty ones, spaces, the escape: they hold no secret, whoever sends them."""
_RESULT = re.compile(rb"(?:\r\n)?(?:OK|ERROR|NO CARRIER|CONNECT(?: [0-9]{1,9})?)\r\n")


@dataclass
class Atom:
    """So many bytes of the line, and what is written of them: ``piece``, or nothing where it is ``None``.

    ``payload`` is the same object for all atoms of one payload.  Bytes can be cut where a chunk ends;
    a placeholder belongs to the chunk that it ends in.
    """

    size: int
    piece: Piece | None
    payload: object = None
    start: int = 0
    """Bytes of the piece that were taken before."""

    def take(self, size: int) -> Atom:
        """The first ``size`` bytes; the atom is what is left."""
        piece = self.piece
        if isinstance(piece, bytes):
            piece = piece[self.start : self.start + size]
        self.start += size
        self.size -= size
        return Atom(size, piece, self.payload)

    @property
    def is_whole(self) -> bool:
        """It cannot be cut."""
        return isinstance(self.piece, Placeholder) and self.payload is not HIDDEN and self.piece.kind != "key"


MOST_UNREAD = 16
"""Chunks of a data mode that wait to be parsed after all: what was read is parsed at once or never."""
HIDDEN = object()
"""The payload of what nobody accounted for."""


def literal(data: bytes, payload: object = None) -> list[Atom]:
    """Bytes that may be shown."""
    return [Atom(len(data), data, payload)] if data else []


def hidden(size: int, payload: object = HIDDEN, piece: Placeholder | None = None) -> list[Atom]:
    """Bytes that may not."""
    return [Atom(size, piece, payload)] if size else []


@dataclass
class _Chunk:
    direction: Direction
    time: float | None
    left: int
    atoms: list[Atom] = field(default_factory=list)
    assumed: bool = False
    otherwise: list[Atom] = field(default_factory=list)
    """What it is if nobody parses it."""


class _Lane:
    """One direction: chunks that wait for their meaning, and meanings that wait for their chunk."""

    def __init__(self) -> None:
        self.chunks: deque[_Chunk] = deque()
        self.atoms: deque[Atom] = deque()

    def match(self) -> None:
        while self.atoms and self.chunks:
            chunk, atom = self.chunks[0], self.atoms[0]
            size = min(chunk.left, atom.size)
            if atom.is_whole:
                atom.size -= size
                if not atom.size:
                    chunk.atoms.append(Atom(0, atom.piece, atom.payload))
            else:
                chunk.atoms.append(atom.take(size))
            chunk.left -= size
            if not atom.size:
                self.atoms.popleft()
            if not chunk.left:
                self.chunks.popleft()

    def give_up(self) -> None:
        """Nobody will say what is left."""
        self.atoms.clear()
        for chunk in self.chunks:
            chunk.atoms += hidden(chunk.left)
            chunk.left = 0
        self.chunks.clear()


class Recorder:
    """Writes a transcript as it comes about.

    ``write`` is called with text.  ``full`` keeps payloads whole; keys and what else is secret is left
    out of them too.  ``recorded`` is a date for the head, in any form, ``assumed`` what is not known.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        full: bool = False,
        recorded: str | None = None,
        assumed: tuple[str, ...] = (),
    ) -> None:
        self.hiding = Hiding()
        self.full = full
        self._write = write
        self._recorded = recorded
        self._assumed = assumed
        self._model: str | None = None
        self._begun = False
        self._held: list[str] = []
        self._lock = threading.RLock()
        self._order: deque[_Chunk | LineChange | Failure] = deque()
        self._sent, self._received = _Lane(), _Lane()
        self._announced = bytearray()
        self._unread: list[tuple[_Chunk, bytes]] = []
        self._last: float | None = None
        self._open: list[_Chunk] = []
        self.raw_atoms: Callable[[Direction, bytes], list[Atom] | None] = lambda direction, data: None
        """What bytes are that nobody announced or parses: those of a data mode; ``None``: not known."""
        self.failure: OSError | None = None
        """Why nothing is written any more; the modem's own work goes on."""

    # What the port tells.

    def sent(self, data: bytes, time: float | None, *, assumed: bool = False) -> None:
        """``data`` went out; ``assumed``: its line end is not known."""
        with self._lock:
            chunk = _Chunk(Direction.SENT, time, len(data), assumed=assumed)
            if self._announced.startswith(data):
                del self._announced[: len(data)]
            else:
                self._announced.clear()
                self._sent.give_up()
                self._sent.atoms += self._unannounced(Direction.SENT, data, _HARMLESS) or hidden(len(data))
            self._order.append(chunk)
            self._sent.chunks.append(chunk)
            self._sent.match()
            self._settle()

    def received(self, data: bytes, time: float | None, *, assumed: bool = False) -> None:
        """``data`` was read from the port; ``assumed``: its line ends are not known."""
        with self._lock:
            chunk = _Chunk(Direction.RECEIVED, time, len(data), assumed=assumed)
            self._order.append(chunk)
            atoms = self.raw_atoms(Direction.RECEIVED, data)
            if atoms is not None:
                # What it is counts only if nobody parses it: an answer may come before the mode is known to be left.
                chunk.otherwise = literal(data) if _RESULT.fullmatch(data) else atoms
            self._unread.append((chunk, data))
            if len(self._unread) > MOST_UNREAD and self._unread[0][0].otherwise:
                self._give_up_unread(1)
                self._settle()

    def changed(self, what: str, time: float) -> None:
        """The line was changed."""
        with self._lock:
            self._order.append(LineChange(what, time))
            self._settle()

    def failed(self, what: str, time: float) -> None:
        """The port failed: ``gone`` or ``stalled``."""
        with self._lock:
            self._order.append(Failure(what, time))
            self._settle()

    def close(self) -> None:
        """Write what is left; what has no meaning by now is hidden.  Closing twice is allowed."""
        with self._lock:
            self._sent.give_up()
            self._give_up_unread(len(self._unread))
            self._received.give_up()
            self._settle()
            self._flush()
            self._begin()

    # What the channel tells.

    def announce(self, data: bytes, atoms: Iterable[Atom]) -> None:
        """``data`` is about to be sent, and this is what it is."""
        with self._lock:
            self._sent.give_up()
            self._announced[:] = data
            self._sent.atoms.extend(atoms)

    def end_announced(self) -> None:
        """What was announced and not sent will not be sent."""
        with self._lock:
            self._announced.clear()
            self._sent.give_up()
            self._settle()

    def fed(self, data: bytes) -> None:
        """``data``, read before, is now looked at; what was read before it and is not in it was dropped."""
        with self._lock:
            for start in range(len(self._unread)):
                whole = b""
                for end in range(start, len(self._unread)):
                    whole += self._unread[end][1]
                    if len(whole) >= len(data):
                        break
                if whole == data:
                    self._give_up_unread(start)
                    for chunk, _ in self._unread[: end - start + 1]:
                        self._received.chunks.append(chunk)
                    del self._unread[: end - start + 1]
                    return
            self._give_up_unread(len(self._unread))
            chunk = _Chunk(Direction.RECEIVED, self._last or 0.0, len(data))
            self._order.append(chunk)
            self._received.chunks.append(chunk)

    def accounted(self, atoms: Iterable[Atom]) -> None:
        """These are the next bytes that were fed."""
        with self._lock:
            self._received.atoms.extend(atoms)
            self._received.match()
            self._settle()

    def identified(self, model: str) -> None:
        """The modem is this model."""
        with self._lock:
            if self._model is None:
                self._model = model
            self._begin()

    # From chunks to entries.

    def _unannounced(self, direction: Direction, data: bytes, plain: re.Pattern[bytes]) -> list[Atom] | None:
        return literal(data) if plain.fullmatch(data) else self.raw_atoms(direction, data)

    def _give_up_unread(self, count: int) -> None:
        for chunk, _ in self._unread[:count]:
            chunk.atoms += chunk.otherwise or hidden(chunk.left)
            chunk.left = 0
        del self._unread[:count]

    def _settle(self) -> None:
        while self._order:
            first = self._order[0]
            if isinstance(first, _Chunk):
                if first.left:
                    return
                self._order.popleft()
                self._add(first)
            else:
                self._order.popleft()
                self._flush()
                self._put(type(first)(first.what, self._delay(first.delay or 0.0)))

    def _add(self, chunk: _Chunk) -> None:
        """Keep a chunk back while the next one may go on with the same payload."""
        if self._open and not self._goes_on(self._open[-1], chunk):
            self._flush()
        self._open.append(chunk)
        if not self._is_open(chunk):
            self._flush()

    def _is_open(self, chunk: _Chunk) -> bool:
        return bool(chunk.atoms) and self._joins(chunk.atoms[-1], chunk.direction)

    def _joins(self, atom: Atom, direction: Direction) -> bool:
        """The parts of such a payload become one entry, however they were cut."""
        return atom.payload not in (None, HIDDEN) and (direction is Direction.SENT or not self.full)

    def _goes_on(self, before: _Chunk, chunk: _Chunk) -> bool:
        return (
            chunk.direction is before.direction
            and bool(before.atoms and chunk.atoms)
            and before.atoms[-1].payload is chunk.atoms[0].payload
            and self._joins(chunk.atoms[0], chunk.direction)
        )

    def _flush(self) -> None:
        if not self._open:
            return
        chunks, self._open = self._open, []
        atoms = [atom for chunk in chunks for atom in chunk.atoms]
        parts = self._parts(atoms)
        if parts:
            first = chunks[0]
            self._put(Chunk(first.direction, parts, self._delay(first.time), first.assumed))

    def _parts(self, atoms: list[Atom]) -> tuple[Part, ...]:
        parts: list[Part] = []
        at = 0
        while at < len(atoms):
            end = at
            while end < len(atoms) and atoms[end].payload is atoms[at].payload:
                end += 1
            if (part := self._part(atoms[at:end])) is not None:
                parts.append(part)
            at = end
        return tuple(parts)

    def _part(self, atoms: list[Atom]) -> Part | None:
        pieces = _joined(atom.piece for atom in atoms if atom.piece is not None)
        if atoms[0].payload is None:
            return Text(pieces) if pieces else None
        bare = all(atom.piece is None for atom in atoms)
        if bare or any(isinstance(piece, Placeholder) and piece.kind == "key" for piece in pieces):
            whole = next((piece for piece in pieces if isinstance(piece, Placeholder)), None)
            return Payload(sum(atom.size for atom in atoms), stands_for=whole)
        length = sum(len(p) if isinstance(p, bytes) else p.length or 0 for p in pieces)
        if self.full:
            return Payload(length, pieces=pieces)
        if any(isinstance(piece, Placeholder) for piece in pieces):
            return Payload(length)
        data = b"".join(piece for piece in pieces if isinstance(piece, bytes))
        return Payload(length, sha256=hashlib.sha256(data).hexdigest())

    def _delay(self, time: float | None) -> float | None:
        if time is None:
            return None
        time = round(time, 3)
        before = self._last if self._last is not None else time
        self._last = max(time, before)
        return max(0.0, round(time - before, 3))

    def _put(self, entry: Entry) -> None:
        text = entry_text(entry)
        if self._begun:
            self._write_on(text)
        else:
            self._held.append(text)

    def _write_on(self, text: str) -> None:
        if self.failure is None:
            try:
                self._write(text)
            except OSError as error:
                self.failure = error

    def _begin(self) -> None:
        """Write the head, which names the model, and what was held back for that."""
        if self._begun:
            return
        self._begun = True
        head = Transcript(model=self._model, full=self.full, recorded=self._recorded, assumed=self._assumed)
        self._write_on(head_text(head) + "".join(self._held))
        self._held.clear()


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        elif piece != b"":
            found.append(piece)
    return tuple(found)
