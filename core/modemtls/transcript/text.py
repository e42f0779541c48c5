r"""The text form of a transcript: one line for each thing that happened, readable and diffable.

::

    modemtls transcript 1
    model: acme-x1
    payloads: digest

       +0.000 > AT+CPIN="{pin-1}"\r
       +0.012 < \r\nOK\r\n
       +0.000 > [1704 bytes sha256:9f86…]

``>`` was sent, ``<`` was received, ``=`` is a change of the line, ``!`` a failure of the port.  Times are seconds
since the line before.  ``&`` goes on in the same chunk, ``|`` in the same part.  ``?`` after ``>`` or ``<``: the
line ends are assumed.  Empty lines and lines that begin with ``#`` are for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

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
    TranscriptError,
    size_of,
)

__all__ = [
    "FIRST_LINE",
    "MAX_BYTES",
    "entry_text",
    "head_text",
    "parse",
    "part_text",
    "part_texts",
    "shown_bytes",
    "transcript_text",
]

FIRST_LINE = "modemtls transcript 1"
MAX_BYTES = 1 << 28
"""A larger file is refused: no session is that long."""

_NAMED = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\", 0x7B: "\\{"}
_ESCAPED = [
    _NAMED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in range(256)
]
_BACK = {"t": b"\t", "n": b"\n", "r": b"\r", "\\": b"\\", "{": b"{", "[": b"["}
_TOKEN = re.compile(r"\\x([0-9a-f]{2})|\\([tnr\\{\[])|\{([a-z]+)-([0-9]{1,9})(?::([0-9]{1,9}))?\}|([^\\{]+)")
_PAYLOAD = re.compile(
    r"\[([0-9]{1,12}) bytes(?: sha256:([0-9a-f]{64})| hidden(?:: ([a-z]+)-([0-9]{1,9}))?)?\](.*)"
)
_LINE = re.compile(r" *(-|\+[0-9]{1,9}\.[0-9]{3}) ([<>][?]?|[=!]) (.*)")
_MORE = re.compile(r" *([&|]) (.*)")
_HEAD = re.compile(r"([a-z]+): (.*)")
_FAILURES = ("gone", "stalled")
_MARGIN = " " * 10


def shown_bytes(data: bytes) -> str:
    """Bytes as a transcript writes them."""
    return "".join([_ESCAPED[byte] for byte in data])


def _piece_text(piece: Piece) -> str:
    if isinstance(piece, bytes):
        return shown_bytes(piece)
    size = "" if piece.length is None else f":{piece.length}"
    return f"{{{piece.name}{size}}}"


def _part_lines(part: Part) -> list[str]:
    """A part as lines: the first as it stands behind the mark, the others to be continued with ``|``."""
    opening = ""
    if isinstance(part, Payload):
        opening = f"[{part.length} bytes]"
        if part.sha256 is not None:
            return [f"[{part.length} bytes sha256:{part.sha256}]"]
        if part.pieces is None:
            name = f": {part.stands_for.name}" if part.stands_for is not None else ""
            return [f"[{part.length} bytes hidden{name}]"]
    content = "".join(map(_piece_text, part.pieces or ()))
    if not opening and content.startswith("["):
        content = "\\" + content
    lines = re.findall(r"(?:[^\\]|\\(?!n).)*?\\n|.+", content) if len(content) > 60 else [content]
    lines = _joined(lines) or [""]
    lines[0] = opening + lines[0]
    return [f"{line[:-1]}\\x20" if line.endswith(" ") else line for line in lines]


def part_texts(part: Part) -> str:
    """A part on one line."""
    return "".join(_part_lines(part))


def part_text(part: Part) -> str:
    """A part on one line."""
    return "".join(_part_lines(part))


def _joined(lines: Sequence[str]) -> list[str]:
    """Lines that hold nothing but a line end go to the one before; one at the beginning to the next."""
    found: list[str] = []
    for line in lines:
        if found and (line in ("\\r\\n", "\\n") or found[-1] in ("\\r\\n", "\\n")):
            found[-1] += line
        else:
            found.append(line)
    return found


def _time(delay: float | None) -> str:
    return f"{'-' if delay is None else f'+{delay:.3f}':>9}"


def entry_text(entry: Entry) -> str:
    """One entry, with its line ends."""
    if isinstance(entry, LineChange):
        return f"{_time(entry.delay)} = {entry.what}\n"
    if isinstance(entry, Failure):
        return f"{_time(entry.delay)} ! {entry.what}\n"
    lines: list[str] = []
    mark = entry.direction.value + ("?" if entry.assumed else "")
    for part in entry.parts:
        first, *others = _part_lines(part)
        lines.append(f"{_MARGIN}& {first}" if lines else f"{_time(entry.delay)} {mark} {first}")
        lines += [f"{_MARGIN}| {other}" for other in others]
    return "".join(f"{line}\n" for line in lines)


def head_text(transcript: Transcript) -> str:
    """The first lines, up to the empty one."""
    lines = [FIRST_LINE]
    if transcript.model is not None:
        lines.append(f"model: {transcript.model}")
    if transcript.recorded is not None:
        lines.append(f"recorded: {transcript.recorded}")
    lines.append(f"payloads: {'full' if transcript.full else 'digest'}")
    lines += [f"assumed: {sentence}" for sentence in transcript.assumed]
    return "".join(f"{line}\n" for line in [*lines, ""])


def transcript_text(transcript: Transcript) -> str:
    """The whole text; :func:`parse` gives the same transcript back."""
    return head_text(transcript) + "".join(map(entry_text, transcript.entries))


def parse(data: bytes) -> Transcript:
    """The transcript in the bytes of a file.

    :raises TranscriptError: it is none, or damaged; the first line that cannot be understood is named.
    """
    if len(data) > MAX_BYTES:
        raise TranscriptError(f"it has {len(data)} bytes; {MAX_BYTES} is the most that is read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TranscriptError("it holds bytes that are not UTF-8.", line=line, remedy=_REMEDY) from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[0].rstrip() != FIRST_LINE:
        raise TranscriptError(
            _not_one(lines[0]), line=1, remedy="modemtls transcript import reads logs of other tools."
        )
    head = Transcript()
    at = 1
    while at < len(lines) and lines[at].strip():
        head = _head_line(head, lines[at], at + 1)
        at += 1
    return replace(head, entries=tuple(_entries(lines[at:], at + 1)))


_REMEDY = "Record it again, or take the file from where it is whole."


def _not_one(first: str) -> str:
    if first.startswith("modemtls transcript "):
        return f"it is in format {first[20:60]!r}; this version of modemtls reads format 1."
    return "it does not begin as a transcript does."


def _head_line(head: Transcript, line: str, number: int) -> Transcript:
    if line.startswith("#"):
        return head
    found = _HEAD.fullmatch(line)
    match found and found.groups():
        case ("model", name):
            return replace(head, model=name)
        case ("recorded", date):
            return replace(head, recorded=date)
        case ("assumed", sentence):
            return replace(head, assumed=(*head.assumed, sentence))
        case ("payloads", "full" | "digest" as how):
            return replace(head, full=how == "full")
    raise TranscriptError(f"{line[:60]!r} is nothing that stands in its head.", line=number, remedy=_REMEDY)


def _entries(lines: Iterable[str], first: int) -> Iterator[Entry]:
    chunk: Chunk | None = None
    for number, line in enumerate(lines, first):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if more := _MORE.fullmatch(line):
            if chunk is None:
                raise _damaged(line, number, "nothing stands before it that it could go on from")
            chunk = _continued(chunk, more[1], more[2], number)
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise _damaged(line, number, "it has not the form TIME MARK CONTENT")
        if chunk is not None:
            yield _checked(chunk)
            chunk = None
        delay = None if found[1] == "-" else float(found[1])
        mark, content = found[2], found[3]
        if mark == "=":
            yield LineChange(content, delay, number)
        elif mark == "!":
            if content not in _FAILURES:
                raise _damaged(line, number, f"a failure is one of {', '.join(_FAILURES)}")
            yield Failure(content, delay, number)
        else:
            part = _part(content, number)
            chunk = Chunk(Direction(mark[0]), (part,), delay, mark.endswith("?"), number)
    if chunk is not None:
        yield _checked(chunk)


def _damaged(line: str, number: int, why: str) -> TranscriptError:
    return TranscriptError(f"{line.strip()[:60]!r} cannot be read: {why}.", line=number, remedy=_REMEDY)


def _continued(chunk: Chunk, mark: str, content: str, number: int) -> Chunk:
    if mark == "&":
        return replace(chunk, parts=(*chunk.parts, _part(content, number)))
    *before, last = chunk.parts
    if last.pieces is None:
        raise _damaged(f"{mark} {content}", number, "a payload without content goes no further")
    more = (*last.pieces, *_pieces(content, number))
    return replace(chunk, parts=(*before, replace(last, pieces=_merged(more))))


def _checked(chunk: Chunk) -> Chunk:
    for part in chunk.parts:
        if isinstance(part, Payload) and part.pieces is not None:
            size = size_of(part.pieces)
            if size != part.length:
                has = "something of unknown length" if size is None else f"{size} bytes"
                raise TranscriptError(
                    f"a payload of {part.length} bytes has {has}.", line=chunk.line, remedy=_REMEDY
                )
    return chunk


def _part(content: str, number: int) -> Part:
    if not content.startswith("["):
        return Text(_pieces(content, number))
    found = _PAYLOAD.fullmatch(content)
    if found is None:
        raise _damaged(content, number, "a payload begins with [N bytes]")
    length, sha256, kind, index, rest = found.groups()
    if content[: found.start(5)].endswith(" bytes]"):
        return Payload(int(length), _pieces(rest, number))
    if rest:
        raise _damaged(content, number, "nothing follows a payload without content")
    stands_for = Placeholder(kind, int(index)) if kind else None
    return Payload(int(length), sha256=sha256, stands_for=stands_for)


def _pieces(content: str, number: int) -> tuple[Piece, ...]:
    found: list[Piece] = []
    at = 0
    while at < len(content):
        token = _TOKEN.match(content, at)
        if token is None:
            raise _damaged(content[at:], number, "a backslash or a brace that means nothing")
        code, name, kind, index, length, plain = token.groups()
        if kind is not None:
            found.append(Placeholder(kind, int(index), None if length is None else int(length)))
        elif plain is not None:
            if not plain.isascii() or not plain.isprintable():
                raise _damaged(plain, number, "it holds a character that is not printable ASCII")
            found.append(plain.encode("ascii"))
        else:
            found.append(bytes([int(code, 16)]) if code is not None else _BACK[name])
        at = token.end()
    return _merged(found)


def _merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces, bytes beside bytes put together."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        elif piece != b"":
            found.append(piece)
    return tuple(found)
