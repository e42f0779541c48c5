"""Logs that other tools wrote, as transcripts.

A log says less than was on the line.  Where it does not show line ends they are put in as most modems have
them (CR behind a command, CR LF around an answer), the chunk is marked with ``?``, and the head says so.
What stands between the lines of a log (other messages, prose) is left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..at.syntax import final_result
from .recorder import Atom, Recorder, hidden, literal
from .records import Direction, Transcript, TranscriptError
from .text import parse

__all__ = ["FORMATS", "read_log"]

MAX_CHARACTERS = 50_000_000
_CUT = re.compile("\u2026|\\.\\.\\.")
_QUOTES = str.maketrans("\u201c\u201d\u201e\u2018\u2019\u00a0", '"""\'\' ')
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rnt0\\\"']))")
_CHARACTERS = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"', "'": b"'"}
_NAMES = re.compile("<(CR|LF|NUL|TAB)>", re.IGNORECASE)
_NAMED = {"CR": b"\r", "LF": b"\n", "NUL": b"\0", "TAB": b"\t"}
_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d\d):(\d\d)(?:[.,:](\d{1,6}))?(?!\d)")
_TICKS = re.compile(r"\((\d{1,12})\)")
_COMMAND = re.compile(r"AT(?:[+&\\%^*$#A-Z].*)?", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"AT([+^%*$#]?[A-Z][A-Z0-9]*)", re.IGNORECASE)
_COUNT = re.compile(r"[=,](\d{1,7})(?:,\"[^\"]*\")*$")
_PEM_BEGIN = re.compile(r"[-\u2013\u2014]{1,5}BEGIN [A-Z0-9 ]+[-\u2013\u2014]{1,5}")
_PEM_END = re.compile(r"[-\u2013\u2014]{1,5}END [A-Z0-9 ]+[-\u2013\u2014]{1,5}")


@dataclass(frozen=True)
class _Said:
    """One message of a log.  ``exact``: its line ends are those on the line; ``is_whole``: nothing is cut out of it."""

    direction: Direction
    data: bytes = field(repr=False)  # nothing is taken out of it yet
    time: float | None = None
    exact: bool = True
    is_whole: bool = True


_BRACKETS = re.compile(r"^(?P<lead>.*?)\b(?P<who>TX|RX): ?\[(?P<text>.*)\]\s*$")
_COLON = re.compile(r"^(?P<lead>.*?)\b(?P<who>TX|RX): ?(?P<text>.*)$")
_LINES = re.compile(r"^(?P<lead>.*?)\b(?P<who>Tx|Rx)\[ ?(?P<text>.*)\]\s*$")
_PORT = re.compile(
    r"^(?P<lead>.*?)\b(?P<port>COM\d{1,3}|(?:/dev/)?tty\w{1,20}) ?(?P<who>[<>]): ?(?P<text>.*)$"
)
_PATTERNS = {"walter-python": _BRACKETS, "walter": _COLON, "lines": _LINES, "port": _PORT}
FORMATS = (*_PATTERNS, "terminal")
"""``TX:[…]``, ``TX: …``, ``Tx[ …]``, ``COM1 >: …``, and what a terminal shows with echo."""


def read_log(
    text: str,
    kind: str = "auto",
    *,
    model: str | None = None,
    redact: Callable[[str], str] = lambda line: line,
) -> Transcript:
    """The transcript of a log.

    ``kind`` is one of :data:`FORMATS`, or ``auto``.  ``redact`` takes a vendor's secrets out of a line.

    :raises TranscriptError: nothing in it is of that kind, or it is too large.
    """
    if len(text) > MAX_CHARACTERS:
        raise TranscriptError(
            f"the log has {len(text)} characters; {MAX_CHARACTERS} is the most that is read."
        )
    lines = re.split(r"\r\n|\n|\r", text)
    if kind == "auto":
        kind = _guess(lines)
    said = list(_terminal(lines) if kind == "terminal" else _matched(lines, _PATTERNS[kind]))
    if not any(each.direction is Direction.SENT for each in said):
        raise TranscriptError(
            f"no command was found in the log, read as {kind!r}.",
            remedy=f"Say what it is with --format: {', '.join(FORMATS)}.",
        )
    return _transcript(said, kind, model, redact)


def _guess(lines: list[str]) -> str:
    counts = {name: sum(bool(pattern.match(line)) for line in lines) for name, pattern in _PATTERNS.items()}
    counts["walter"] -= counts["walter-python"]
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "terminal"


def _time(lead: str, before: float | None) -> float | None:
    if clock := _CLOCK.search(lead):
        hours, minutes, seconds, fraction = clock.groups()
        time = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")
        days = 0 if before is None or time >= before % 86_400 - 1 else 1
        return time + 86_400 * ((0 if before is None else int(before // 86_400)) + days)
    ticks = _TICKS.search(lead)
    return int(ticks[1]) / 1000 if ticks else None


def _bytes(text: str) -> tuple[bytes, bool]:
    """The bytes that a log shows, and whether their line ends are among them."""
    if written := re.fullmatch(r"(?:bytearray\()?(b(?:'.*'|\".*\"))\)?", text):
        try:
            value = ast.literal_eval(written[1])
        except (ValueError, SyntaxError):
            value = None
        if isinstance(value, bytes):
            return value, True
    named = _NAMES.search(text) is not None
    text = _NAMES.sub(lambda name: _NAMED[name[1].upper()].decode("latin-1"), text)
    found = bytearray()
    at = 0
    escapes = False
    for escape in _ESCAPE.finditer(text):
        found += text[at : escape.start()].encode("utf-8")
        found += bytes([int(escape[1], 16)]) if escape[1] else _CHARACTERS[escape[2]]
        escapes = escapes or (escape[2] or "") in "rn"
        at = escape.end()
    found += text[at:].encode("utf-8")
    return bytes(found), named or escapes


def _matched(lines: list[str], pattern: re.Pattern[str]) -> Iterator[_Said]:
    time: float | None = None
    for line in lines:
        found = pattern.match(line)
        if found is None:
            continue
        seen = _time(found["lead"], time)
        time = seen if seen is not None else time
        sent = found["who"].lower() in ("tx", ">")
        direction = Direction.SENT if sent else Direction.RECEIVED
        data, exact = _bytes(found["text"])
        if (
            sent
            and exact
            and _COMMAND.fullmatch(data.decode("latin-1").rstrip("\r\n"))
            and data[-1:] not in b"\r\n"
        ):
            exact = False
        if not exact and not sent and not data.strip():
            continue
        yield _Said(direction, data, seen, exact or (sent and not _is_command(data)))


def _is_command(data: bytes) -> bool:
    return _COMMAND.fullmatch(data.decode("latin-1")) is not None


def _terminal(lines: list[str]) -> Iterator[_Said]:
    """What a terminal shows: a line that begins with AT is a command and its echo."""
    command = ""
    block: list[str] = []
    for shown in lines:
        line = shown.translate(_QUOTES).strip()
        if block or (command and _PEM_BEGIN.match(line)):
            block.append(line)
            if _PEM_END.match(line) or final_result(line) is not None:
                yield from _pasted(command, block)
                block = []
        elif line and _COMMAND.fullmatch(line) and " " not in re.sub(r'"[^"]*"', "", line):
            command = line
            yield _Said(Direction.SENT, line.encode(), None, exact=False)
            yield _Said(Direction.RECEIVED, line.encode() + b"\r", None)
        elif line == ">":
            yield _Said(Direction.RECEIVED, b"\r\n> ", None)
        elif line and (command or line.startswith("+")) and _is_answer(line):
            yield _Said(Direction.RECEIVED, line.encode(), None, exact=False)


def _is_answer(line: str) -> bool:
    """No prose: a result, an event, an information response, a word such as a version."""
    if final_result(line, dial=True) is not None or re.match(r"[+^%*$#][A-Z]", line):
        return True
    return " " not in line


def _pasted(command: str, block: list[str]) -> Iterator[_Said]:
    """Data between a command and its result; pages and people cut them short."""
    ended = final_result(block[-1]) is not None
    body = block[:-1] if ended else block
    text = "".join(f"{line}\n" for line in body if line)
    text = re.sub(r"[\u2013\u2014]+(?=BEGIN|END)", "-----", text)
    count = _COUNT.search(command)
    data = text.encode()
    whole = not _CUT.search(text) and (count is None or int(count[1]) in (len(data), len(data) - 1))
    if count is not None and whole:
        data = data[: int(count[1])]
    yield _Said(Direction.RECEIVED, b"\r\n> ", None, exact=True)
    if not whole and count is not None:
        data = bytes(int(count[1]))
    yield _Said(Direction.SENT, data, None, is_whole=whole)
    if ended:
        yield _Said(Direction.RECEIVED, block[-1].encode(), None, exact=False)


_ASSUMED = {
    "ends": "line ends where a chunk is marked ?: CR behind a command, CR LF before and behind a line of the modem",
    "chunks": "how what came was cut into chunks: each line is one",
    "echo": "echo: each command is taken to have been sent by the host and echoed by the modem",
}


def _transcript(said: list[_Said], kind: str, model: str | None, redact: Callable[[str], str]) -> Transcript:
    facts = []
    if not all(each.exact for each in said):
        facts.append("ends")
    if kind in ("lines", "terminal"):
        facts.append("chunks")
    if kind == "terminal":
        facts.append("echo")
    written: list[str] = []
    recorder = Recorder(written.append, full=True, assumed=tuple(_ASSUMED[fact] for fact in facts))
    reader = _Reader(recorder, redact)
    for each in said:
        reader.take(each)
    reader.end()
    if model is not None:
        recorder.identified(model)
    recorder.close()
    return parse("".join(written).encode())


class _Reader:
    """Gives messages to a recorder, with what of them is secret."""

    def __init__(self, recorder: Recorder, redact: Callable[[str], str]) -> None:
        self._recorder = recorder
        self._redact = redact
        self._name = ""
        self._partial = bytearray()
        self._prompted = False

    def take(self, said: _Said) -> None:
        if said.direction is Direction.RECEIVED:
            data = said.data if said.exact else b"\r\n" + said.data + b"\r\n"
            self._recorder.received(data, said.time, assumed=not said.exact)
            self._recorder.fed(data)
            self._partial += data
            while (end := re.search(rb"[\r\n]+(?=[^\r\n])|\r?\n$", self._partial)) is not None:
                self._account(end.end())
            return
        self.end()
        data = said.data if said.exact else said.data + b"\r"
        self._recorder.announce(data, self._sent_atoms(said, data))
        self._recorder.sent(data, said.time, assumed=not said.exact)

    def end(self) -> None:
        """What has come is all of it."""
        self._prompted = bytes(self._partial).strip().endswith(b">")
        self._account(len(self._partial))

    def _account(self, size: int) -> None:
        raw = bytes(self._partial[:size])
        del self._partial[:size]
        body = raw.strip(b"\r\n")
        start = raw.find(body) if body else len(raw)
        atoms = literal(raw[:start])
        if body:
            atoms += self._line_atoms(body.decode("latin-1"))
        self._recorder.accounted([*atoms, *literal(raw[start + len(body) :])])

    def _line_atoms(self, text: str) -> list[Atom]:
        shown = self._recorder.hiding.line(text, name=self._name, shown=self._redact(text))
        return [Atom(each.size, each.piece) for each in shown]

    def _sent_atoms(self, said: _Said, data: bytes) -> list[Atom]:
        hiding = self._recorder.hiding
        line = data.rstrip(b"\r\n")
        if hiding.is_secret_data(data):
            return hidden(len(data), object(), hiding.learn_key(data))
        if not said.is_whole:
            return hidden(len(data))
        if self._prompted and not _is_command(line):
            return [Atom(s.size, s.piece, self) for s in hiding.payload(data, f"> {self._name}")]
        named = _NAME.match(line.decode("latin-1"))
        self._name = named[1] if named else ""
        return [*self._line_atoms(line.decode("latin-1")), *literal(data[len(line) :])]
