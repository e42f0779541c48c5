"""What stands in a transcript in the place of what must not: the same value, the same placeholder.

Three sources say what that is: the channel (a command's secrets, a dialect's ``redact``), the standards
(:mod:`.private`: the PIN's place in ``AT+CPIN``, the IMEI in the answer to ``AT+CGSN``), and what was a
secret once, wherever it appears again: plain, in base64, in hexadecimal.  A placeholder is a number in order
of appearance: nothing can be guessed back from it, as it could from a digest of four digits.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .private import Span, head_spans, identity_spans, kind_of, luhn, standard_spans
from .records import Piece, Placeholder

__all__ = ["Hiding", "Shown", "is_key"]

SHORTEST_SEARCHED = 6
"""Characters of a secret that is looked for everywhere; of a shorter one only the known place is hidden."""
SHORTEST_BEGINNING = 3
"""Characters at the end of a payload that may be the beginning of a secret: they are hidden."""
LONGEST_CARRIED = 4096
"""Characters of a header line that may be cut in two."""
SHINGLE = 12
"""Characters in a row of a private key by which a piece of it is known again."""
SIZED = frozenset({"imei", "imsi", "iccid", "number", "phone"})
"""Kinds whose placeholders tell their length: it says nothing, and a replay needs it."""

_KEY_BEGINS = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY-----")
_KEY_ENDS = re.compile(rb"-----END [A-Z0-9 ]{0,20}PRIVATE KEY-----")
_DER_KEY = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x02\x04\x30]", re.DOTALL)
_LONGEST_MARK = 60
_BLANKS = re.compile(r"\s+|\\[rn]")
_REST_OF_VALUE = re.compile(r"[^\r\n\"]*")
_PEM_LINE = re.compile(rb"-----[^-\n]*-----")


class Shown(NamedTuple):
    """A piece as it is written, and how many bytes of the line it stands for."""

    piece: Piece
    size: int


def is_key(data: bytes) -> bool:
    """``data`` has a private key in it, or looks like one in DER."""
    return _KEY_BEGINS.search(data) is not None or _DER_KEY.match(data) is not None


class Hiding:
    """Makes the placeholders of one transcript."""

    def __init__(self) -> None:
        self._placeholders: dict[str, Placeholder] = {}
        self._counts: dict[str, int] = {}
        self._values: dict[str, str] = {}
        """Secrets that are searched for everywhere, with their kinds."""
        self._searched: re.Pattern[str] | None = None
        self._forms: tuple[str, ...] = ()
        self._shingles: set[str] = set()
        self._carry: dict[str, str] = {}
        self._in_head: dict[str, bool] = {}
        self._in_value: dict[str, str] = {}
        """In the middle of which kind of value each stream is."""
        self._in_key = False
        self._tail = b""
        self._message_follows = False

    def placeholder(self, kind: str, value: str) -> Placeholder:
        """What stands for ``value``; the first kind that it was seen as is kept."""
        found = self._placeholders.get(value)
        if found is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            found = Placeholder(kind, number, len(value) if kind in SIZED else None)
            self._placeholders[value] = found
        return found

    def learn(self, value: str, kind: str = "secret") -> None:
        """Look for ``value`` from now on, in everything."""
        if len(value) < SHORTEST_SEARCHED or value in self._values:
            return
        self._values[value] = kind
        header = re.fullmatch(r"[\w-]+:[ \t]*(.+)", value)
        for part in {header[1], header[1].split()[-1]} if header and header[1].strip() else ():
            self.learn(part, kind)
        longest_first = sorted(self._values, key=len, reverse=True)
        self._searched = re.compile("|".join(map(re.escape, longest_first)))
        self._forms = tuple({form for known in self._values for form in _forms(known)})

    def learn_key(self, data: bytes) -> Placeholder:
        """A private key was uploaded: it stands nowhere, and pieces of it are known again."""
        text = data.decode("latin-1")
        body = "".join(_PEM_LINE.sub(b"", data).decode("latin-1").split())
        self._shingles |= _shingles(body)
        try:
            der = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            der = data
        self._shingles |= _shingles(base64.b64encode(der).decode())
        for written in (der.hex(), der.hex().upper()):
            self._shingles |= _shingles(written, 2 * SHINGLE)
        return self.placeholder("key", text)

    def is_secret_data(self, data: bytes) -> bool:
        """An upload with a private key, or with the rest of one that an upload before it began."""
        whole = self._tail + data  # what says that it is one may be cut in two
        inside = self._in_key or is_key(data) or is_key(whole)
        begun, ended = _last(_KEY_BEGINS, whole), _last(_KEY_ENDS, whole)
        if begun >= 0 or ended >= 0:
            self._in_key = begun > ended
        self._tail = whole[-_LONGEST_MARK:] if self._in_key or ended < 0 else b""
        return inside

    def gives_away(self, text: str) -> bool:
        """A secret stands in it in another form, or a piece of a private key does."""
        if not self._forms and not self._shingles:
            return False
        joined = _BLANKS.sub("", text)
        if any(form in joined for form in self._forms):
            return True
        if not self._shingles:
            return False
        return any(
            joined[at : at + size] in self._shingles
            for size in (SHINGLE, 2 * SHINGLE)
            for at in range(len(joined) - size + 1)
        )

    def line(
        self, text: str, *, name: str = "", shown: str | None = None, secrets: Sequence[str] = ()
    ) -> list[Shown]:
        """A line in pieces.  ``name`` is the command's that is under way; ``shown`` what of it may be shown.

        ``secrets`` are the values that ``shown`` hides, where the caller knows them.
        """
        if self._is_message(text, name):
            return [Shown(self.placeholder("message", text), len(text))]
        spans = standard_spans(text)
        if shown is not None and shown != text:
            hidden = _secret_spans(text, shown, secrets)
            if hidden is None:
                return [self.whole_line(text)]
            spans += [Span(at, end, kind_of(text)) for at, end in hidden]
        for span in spans:
            self.learn(text[span.start : span.end], span.kind)
        spans += head_spans(text, in_head=False)[0]
        spans += self._known(text)
        spans += identity_spans(text, name)
        pieces = self._cut(text, spans)
        if self.gives_away(_plain(pieces)):
            return [self.whole_line(text)]
        return pieces

    def payload(self, data: bytes, stream: str) -> list[Shown]:
        """Data in pieces; ``stream`` names what it goes on from: a secret may be cut in two."""
        text = data.decode("latin-1")
        carry = self._carry.get(stream, "")
        whole = carry + text
        spans, in_head = head_spans(whole, in_head=self._in_head.get(stream, False))
        self._in_head[stream] = in_head
        if kind := self._in_value.get(stream, ""):  # of any length: it ends with its line
            rest = _REST_OF_VALUE.match(text)
            spans.append(Span(len(carry), len(carry) + (rest.end() if rest else 0), kind))
        self._in_value[stream] = next((s.kind for s in spans if s.start < s.end == len(whole)), "")
        for span in spans:
            if span.end < len(whole):  # else it goes on in what comes next
                self.learn(whole[span.start : span.end], span.kind)
        spans += self._known(whole)
        spans += self._begun(whole)
        longest = max(map(len, self._values), default=0)
        unfinished = len(whole) - (whole.rfind("\n") + 1)
        keep = max(longest, unfinished if unfinished < LONGEST_CARRIED else 0)
        self._carry[stream] = whole[-keep:] if keep else ""
        own = [
            Span(max(0, s.start - len(carry)), s.end - len(carry), s.kind)
            for s in spans
            if s.end > len(carry)
        ]
        pieces = self._cut(text, own, sized=True)
        if self.gives_away(_plain(pieces)):
            number = self.placeholder("data", text).number
            return [Shown(Placeholder("data", number, len(text)), len(text))]
        return pieces

    def whole_line(self, text: str) -> Shown:
        """A line of which nothing may be shown."""
        return Shown(self.placeholder("line", text), len(text))

    def _known(self, text: str) -> list[Span]:
        if self._searched is None:
            return []
        return [Span(m.start(), m.end(), self._values[m[0]]) for m in self._searched.finditer(text)]

    def _begun(self, text: str) -> list[Span]:
        """The end of ``text`` that may be the beginning of a secret."""
        longest = 0
        for value in self._values:
            for size in range(min(len(value) - 1, len(text)), max(SHORTEST_BEGINNING, longest) - 1, -1):
                if text.endswith(value[:size]):
                    longest = size
                    break
        return [Span(len(text) - longest, len(text), "secret")] if longest else []

    def _is_message(self, text: str, name: str) -> bool:
        """The line is the text of a message, which follows a line that announces it."""
        follows, self._message_follows = self._message_follows, False
        if re.match(r"\+(?:CMT|CDS|CBM|CMGR|CMGL): ?", text):
            self._message_follows = True
            return False
        if re.fullmatch(r"OK|ERROR|\+CM[ES] ERROR:.*", text):
            return False
        within = name in ("+CMGR", "+CMGL") and not re.match(r"AT|\+", text, re.IGNORECASE)
        return bool(text.strip()) and (follows or within)

    def _cut(self, text: str, spans: Iterable[Span], *, sized: bool = False) -> list[Shown]:
        pieces: list[Shown] = []
        at = 0
        for span in _apart(spans):
            if span.start > at:
                pieces.append(Shown(text[at : span.start].encode("latin-1"), span.start - at))
            value = text[span.start : span.end]
            kind = "imei" if span.kind == "number" and len(value) == 15 and luhn(value) else span.kind
            known = self.placeholder(kind, value)
            if sized:
                known = Placeholder(known.kind, known.number, len(value))
            pieces.append(Shown(known, len(value)))
            at = span.end
        if at < len(text):
            pieces.append(Shown(text[at:].encode("latin-1"), len(text) - at))
        return pieces


def _plain(pieces: Iterable[Shown]) -> str:
    return "".join(shown.piece.decode("latin-1") for shown in pieces if isinstance(shown.piece, bytes))


def _apart(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap made one."""
    found: list[Span] = []
    for span in sorted((s for s in spans if s.end > s.start), key=lambda s: (s.start, -s.end)):
        if found and span.start < found[-1].end:
            if span.end > found[-1].end:
                found[-1] = found[-1]._replace(end=span.end)
        else:
            found.append(span)
    return found


def _secret_spans(text: str, shown: str, secrets: Sequence[str]) -> list[tuple[int, int]] | None:
    """Where in ``text`` stands what ``shown`` has ``***`` for; ``None`` when it cannot be told."""
    found: list[tuple[int, int]] = []
    at = 0
    for value in secrets:
        start = text.find(value, at) if value else -1
        if start < 0:
            break
        at = start + len(value)
        found.append((start, at))
    if found and len(found) == len(secrets) == shown.count("***"):
        return found
    literals = re.split(r'"?\*\*\*"?', shown)
    if len(literals) < 2:
        return None
    match = re.fullmatch('"?(.+?)"?'.join(map(re.escape, literals)), text, re.DOTALL)
    return [match.span(group) for group in range(1, len(literals))] if match else None


def _last(pattern: re.Pattern[bytes], data: bytes) -> int:
    return max((match.start() for match in pattern.finditer(data)), default=-1)


def _shingles(text: str, size: int = SHINGLE) -> set[str]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}


def _forms(value: str) -> Iterable[str]:
    """A secret as it may be written too: in hexadecimal, and in base64 at each of its three places."""
    raw = value.encode("latin-1")
    yield raw.hex()
    yield raw.hex().upper()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b"\0" * shift + raw).decode().rstrip("=")
            core = coded[4 if shift else 0 : len(coded) - 1]  # the ends depend on what stands beside it
            if len(core) >= SHORTEST_SEARCHED:
                yield core
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}){8,}", value):
        yield from (value.lower(), value.upper())
        plain = bytes.fromhex(value)
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + plain).decode().rstrip("=")
            yield coded[4 if shift else 0 : len(coded) - 1]
