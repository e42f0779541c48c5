"""The search for secrets in whatever was shown: fast enough to look at everything that a test run shows.

A secret is looked for in each form in which it may be written: as it is, backwards, in hexadecimal, in base64 at each
of the three alignments, as decimal numbers, as ``repr`` and JSON write bytes.  Text is searched as it is and with all
but letters and digits taken out, so that line ends, quotes, ``%``, ``\\x``, colons and blanks hide nothing.

All pieces of 8 characters of all forms are in one table.  A text is looked at in blocks of 8, at every fourth (or
eighth) place, so any 12 characters (16 of hexadecimal) in a row meet the table; what meets it is then compared.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

__all__ = ["Leak", "Search"]

_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_OTHERS = bytes(set(range(256)) - set(_ALNUM))
_BLOCK = 8
_COLOURS = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_SHOWN = 60
_LONG = 100
"""What is longer (a number of an RSA key) is looked for as bytes, in hexadecimal and in base64 alone."""


def _alnum(text: bytes) -> bytes:
    return text.translate(None, _OTHERS)


@dataclass(frozen=True)
class Leak:
    """A secret that was found: its name, the form it had, and what stood before it, which holds no secret."""

    secret: str
    form: str
    before: str


@dataclass(frozen=True)
class _Needle:
    secret: str
    form: str
    text: bytes
    enough: int
    """So many characters in a row are a leak."""


class _Table:
    """The needles that are looked for in one shape of the text, and their pieces."""

    def __init__(self, *steps: int) -> None:
        self.steps = steps
        self.blocks: dict[int, list[tuple[_Needle, int]]] = {}
        self.short: list[_Needle] = []

    def add(self, needle: _Needle) -> None:
        if len(needle.text) < needle.enough:
            self.short.append(needle)
            return
        for at in range(len(needle.text) - _BLOCK + 1):
            block = int.from_bytes(needle.text[at : at + _BLOCK], "little")
            self.blocks.setdefault(block, []).append((needle, at))

    def find(self, text: bytes) -> Iterator[tuple[_Needle, int, int]]:
        """The needles in ``text``, and where what is in it of them begins and ends."""
        for needle in self.short:
            if (at := text.find(needle.text)) >= 0:
                yield needle, at, at + len(needle.text)
        known = self.blocks.keys()
        view = memoryview(text)
        for offset in self.steps:
            count = (len(text) - offset) // _BLOCK
            if count < 1:
                continue
            blocks = view[offset : offset + count * _BLOCK].cast("Q")
            if known.isdisjoint(blocks):
                continue
            for number, block in enumerate(blocks):
                for needle, inside in self.blocks.get(block, ()):
                    begin, end = _run(text, offset + number * _BLOCK, needle.text, inside)
                    if end - begin >= needle.enough:
                        yield needle, begin, end


def _run(text: bytes, at: int, needle: bytes, inside: int) -> tuple[int, int]:
    """From where to where ``text`` around ``at`` says what ``needle`` says around ``inside``."""
    begin, end = at, at + _BLOCK
    back = min(at, inside)
    while back and text[begin - 1] == needle[inside - (at - begin) - 1]:
        begin -= 1
        back -= 1
    while end < len(text) and inside + end - at < len(needle) and text[end] == needle[inside + end - at]:
        end += 1
    return begin, end


class Search:
    """What is secret, and whether it stands in a text."""

    def __init__(self) -> None:
        self._written = _Table(0, 4)
        self._hexadecimal = _Table(0)
        self._bytes = _Table(0, 4)
        self._known: set[bytes] = set()

    def register(self, name: str, value: bytes) -> None:
        """``value`` is secret.  It has 8 bytes or more."""
        if len(value) < _BLOCK:
            raise ValueError(f"{name} is too short to be told from other text")
        if value in self._known:
            return
        self._known.add(value)

        def written(form: str, text: bytes, enough: int = 12) -> None:
            needle = _alnum(text)
            if len(needle) >= _BLOCK:
                self._written.add(_Needle(name, form, needle, enough))

        is_text = value.isascii() and value.isalnum()
        is_long = len(value) > _LONG
        for way, turned in (("", value), (" backwards", value[::-1]))[: 1 if is_long else 2]:
            self._hexadecimal.add(_Needle(name, f"hexadecimal{way}", turned.hex().encode(), 16))
            if is_text:
                written(f"plain{way}", turned)
            else:
                self._bytes.add(_Needle(name, f"bytes{way}", turned, 12))
                self._bytes.add(_Needle(name, f"UTF-8{way}", turned.decode("latin-1").encode(), 12))
            if way and not is_text:
                continue
            for shift in range(3):
                coded = base64.b64encode(b"\0" * shift + turned)
                if (len(turned) + shift) % 3:
                    coded = coded.rstrip(b"=")[:-1]  # the last one depends on what follows
                written(f"base64{way}", coded[(0, 2, 3)[shift] :])  # and the first on what stands before
        if is_long:
            return
        self._hexadecimal.add(_Needle(name, "hexadecimal backwards", value.hex().encode()[::-1], 16))
        written("decimal", str(list(value)).encode(), 20)
        if not is_text:
            self._bytes.add(_Needle(name, "repr of text", repr(value.decode("latin-1"))[1:-1].encode(), 32))
            written("address", quote_from_bytes(value).encode(), 20)
            written("repr", repr(value)[2:-1].encode(), 20)
            written("JSON", json.dumps(value.decode("latin-1")).encode(), 20)

    def leaks(self, text: bytes) -> set[Leak]:
        """The secrets in ``text``."""
        if len(text) < _BLOCK:
            return set()
        if b"\x1b[" in text:
            text = _COLOURS.sub(b"", text)
        alnum = _alnum(text)
        low = alnum.lower()
        shapes = [(self._bytes, text), (self._written, alnum), (self._hexadecimal, low.replace(b"x", b""))]
        if b"0x" in low:
            shapes.append((self._hexadecimal, low.replace(b"0x", b"")))
        found = [(table, shape, list(table.find(shape))) for table, shape in shapes]
        return {
            Leak(needle.secret, needle.form, self._before(shape, begin))
            for table, shape, hits in found
            for needle, begin, _ in hits
        }

    def _before(self, shape: bytes, begin: int) -> str:
        """What stands before a secret, as far as that is none."""
        before = shape[max(0, begin - _SHOWN) : begin]
        for table in (self._bytes, self._written, self._hexadecimal):
            for at in range(len(before) - _BLOCK + 1):
                if int.from_bytes(before[at : at + _BLOCK], "little") in table.blocks:
                    return "(more of it)"
        if any(needle.text in before for needle in self._written.short):
            return "(more of it)"
        return before.decode("ascii", "backslashreplace")
