"""A terminal log as people paste it, read back into what was said.

Web pages and editors change text: straight quotes become typographic ones, dashes grow together, spaces turn
into others, lines lose their ends.  What is certainly meant is mended and noted; the line numbers stay those of
the text as it was pasted.  Prose around the log is kept as prose: nobody has to cut it out first.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .at.syntax import escaped, final_result

__all__ = ["MAX_PASTE_CHARACTERS", "Entry", "EntryKind", "Exchange", "Paste", "read_paste"]

MAX_PASTE_CHARACTERS = 2_000_000
_LONGEST_LINE = 4096

_QUOTES = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02"), '"')
_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u2032"), "'")
_COMMAS = dict.fromkeys(map(ord, "\uff0c\u201a\u060c"), ",")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u202f\t"), " ")
_NOTHING = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_MENDS: tuple[tuple[str, dict[int, str] | dict[int, None]], ...] = (
    ("typographic quotes were made straight", _QUOTES),
    ("typographic apostrophes were made straight", _APOSTROPHES),
    ("commas of another script were made plain", _COMMAS),
    ("typographic dashes were made hyphens", _DASHES),
    ("other spaces were made plain", _SPACES),
    ("invisible characters were left out", _NOTHING),
)
_ENTITIES = {"&quot;": '"', "&lt;": "<", "&gt;": ">", "&#39;": "'", "&amp;": "&"}
# What terminals and loggers write in front of a line: a time, a direction, a port.
_PREFIX = re.compile(
    r"^\s*(?:[\[(]?\d{1,4}[-/.:]\d{1,2}[-/.:]\d{1,4}[ T]?[\d:.,]*[\])]?\s*)*"
    r"(?:(?:COM\d+|tty\w+)\s*)?(?:(?:TX|RX|Tx|Rx|tx|rx|SEND|RECV|>>+|<<+|->|<-|[<>])\s*:?\s*)?"
)
_BRACKETED = re.compile(r"^\s*(?:Tx|Rx|TX|RX)\s*:?\s*\[\s?(.*?)\]?\s*$")
_COMMAND = re.compile(r"AT(?:[+&\\%^*$#]?[A-Z0-9].*)?", re.IGNORECASE)
_INFORMATION = re.compile(r"[+^%*$#][A-Z][A-Z0-9_]*(?: ?[:=?].*)?$")
_BEGIN = re.compile(r"-{1,5}\s*BEGIN ([A-Z0-9 ]{3,40}?)\s*-{1,5}$")
_END = re.compile(r"-{1,5}\s*END ([A-Z0-9 ]{3,40}?)\s*-{1,5}$")


class EntryKind(enum.Enum):
    """What a line of the paste is."""

    COMMAND = "command"
    INFORMATION = "information"
    FINAL = "final"
    PEM = "pem"
    TEXT = "text"


@dataclass(frozen=True)
class Entry:
    """One line, or one PEM block.

    ``line`` counts from 1 in the paste.  ``text`` is mended and has no prefix of a terminal; of a PEM block it is the
    label alone, and ``size`` what the block measures with LF and a final LF, or ``None`` when part of it was left out.
    """

    line: int
    kind: EntryKind
    text: str
    size: int | None = None

    @property
    def shown(self) -> str:
        """For evidence: the line's number and its text."""
        return f"line {self.line}: {escaped(self.text, 200)}"


@dataclass(frozen=True)
class Exchange:
    """A command and everything up to the next one."""

    command: Entry
    answers: tuple[Entry, ...] = ()

    @property
    def name(self) -> str:
        """``+CCLK`` of ``AT+CCLK?``; in capitals."""
        match = re.match(r"AT([+&\\%^*$#]?[A-Z0-9]*)", self.command.text.upper())
        return match[1] if match else ""

    @property
    def arguments(self) -> str | None:
        """What stands after ``=``; ``None`` where there is none, or only a ``?``."""
        _, equals, rest = self.command.text.partition("=")
        return rest if equals and rest != "?" else None

    @property
    def final(self) -> Entry | None:
        """Its final result code, if it is in the paste."""
        return next((entry for entry in self.answers if entry.kind is EntryKind.FINAL), None)


@dataclass(frozen=True)
class Paste:
    """What was pasted; ``mended`` are sentences with the first line where each was needed."""

    entries: tuple[Entry, ...]
    mended: tuple[tuple[int, str], ...] = ()
    text: str = field(default="", repr=False)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The commands, each with what followed it."""
        found: list[Exchange] = []
        command: Entry | None = None
        answers: list[Entry] = []
        for entry in (*self.entries, None):
            if entry is None or entry.kind is EntryKind.COMMAND:
                if command is not None:
                    found.append(Exchange(command, tuple(answers)))
                command, answers = entry, []
            else:
                answers.append(entry)
        return tuple(found)

    @property
    def is_dialogue(self) -> bool:
        """Something in it is from a modem."""
        return any(entry.kind in (EntryKind.COMMAND, EntryKind.INFORMATION) for entry in self.entries)


def read_paste(text: str) -> Paste:
    """The paste in parts.

    :raises ValueError: it has more than :data:`MAX_PASTE_CHARACTERS` characters.
    """
    if len(text) > MAX_PASTE_CHARACTERS:
        raise ValueError(f"the text has {len(text)} characters, more than {MAX_PASTE_CHARACTERS}")
    mends: dict[str, int] = {}
    entries: list[Entry] = []
    block: list[tuple[int, str]] = []
    label = ""
    for line, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        mended = _mend(raw[:_LONGEST_LINE], line, mends)
        bare = mended.strip()
        if block and not _speaks_again(bare):
            block.append((line, bare))
            if _END.match(bare):
                entries.append(_pem(label, block))
                block = []
            continue
        if block:
            entries.append(_pem(label, block))
            block = []
        if begin := _BEGIN.match(bare.lstrip("> ")):  # the modem's prompt may stand in front
            label, block = begin[1], [(line, bare.lstrip("> "))]
            continue
        entries += _entries(line, bare)
    if block:
        entries.append(_pem(label, block))
    return Paste(tuple(entries), tuple(sorted((at, what) for what, at in mends.items())), text)


def _mend(raw: str, line: int, mends: dict[str, int]) -> str:
    for entity, character in _ENTITIES.items():
        if entity in raw:
            raw = raw.replace(entity, character)
            mends.setdefault("HTML entities were made characters", line)
    if raw.isascii() and "\t" not in raw:
        return raw
    for what, table in _MENDS:
        changed = raw.translate(table)
        if changed != raw and table is not _SPACES:
            mends.setdefault(what, line)
        raw = changed
    return raw


def _entries(line: int, bare: str) -> Iterator[Entry]:
    if not bare:
        return
    bracketed = _BRACKETED.match(bare)
    text = bracketed[1].strip() if bracketed else bare[_PREFIX.match(bare).end() :].strip()  # type: ignore[union-attr]
    if not text or text.startswith("bytearray"):
        text = bare
    yield Entry(line, _kind(text), text)


def _kind(text: str) -> EntryKind:
    if final_result(text, dial=True) is not None:
        return EntryKind.FINAL
    # Prose may begin with "At": a command has no words with spaces outside quotes.
    if _COMMAND.fullmatch(text) and (text.upper() == "AT" or " " not in re.sub(r'"[^"]*"', "", text)):
        return EntryKind.COMMAND
    if _INFORMATION.match(text):
        return EntryKind.INFORMATION
    return EntryKind.TEXT


def _speaks_again(bare: str) -> bool:
    """No part of a block: it was never ended."""
    return final_result(bare) is not None or bare.startswith("AT+")


def _pem(label: str, block: list[tuple[int, str]]) -> Entry:
    lines = [text for _, text in block if text]
    whole = _END.match(lines[-1]) is not None and not any(
        "\u2026" in text or "..." in text or not re.fullmatch(r"[A-Za-z0-9+/=]+", text)
        for text in lines[1:-1]
    )
    size = None
    if whole:
        first, last = f"-----BEGIN {label}-----", f"-----END {label}-----"
        size = sum(len(text) + 1 for text in (first, *lines[1:-1], last))
    return Entry(block[0][0], EntryKind.PEM, label, size)
