"""One PEM block: its lines, cleaned, and the bytes in them, proved.

A line of the body may carry what editors, mail, source code and web pages add around base64; that is
taken off and noted, since none of it can be base64.  Anything else that is foreign is refused with its
line.  Whatever was mended, the DER inside says how long it is, and must be exactly that long.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from dataclasses import dataclass, field

from ..errors import CredentialError, Reason
from . import der
from .records import Note, PrivateKey, armour, visible
from .text import EC_PARAMETERS, QUOTES, SPACES, Line

__all__ = ["AROUND", "COPY_AGAIN", "Block", "refusal"]

COPY_AGAIN = "Get the file anew from where it came, as a download and not by copying the text of a page."

_FOREIGN = re.compile(r"[^A-Za-z0-9+/=]")
_HEADER = re.compile(r"(?:Proc-Type|DEK-Info):|[A-Za-z][A-Za-z0-9-]{0,30}: ")
_BLANK = " \r\n\x00" + SPACES
_DROP_BLANK = dict.fromkeys(map(ord, _BLANK))
AROUND = _BLANK + QUOTES + "\\,;"


def refusal(
    source: str, line: int | None, what: str, remedy: str = COPY_AGAIN, reason: Reason = Reason.MALFORMED
) -> CredentialError:
    """The error for a file: its name, the line, what is wrong there, and what to do."""
    where = visible(source) + (f", line {line}" if line is not None else "")
    return CredentialError(f"Reading {where}: {what}.", remedy=remedy, reasons={reason})


@dataclass
class Block:
    """What stands between a BEGIN line and its END line."""

    source: str
    begin: int
    label: str
    lines: list[tuple[int, str]] = field(default_factory=list, repr=False)
    headers: list[str] = field(default_factory=list)
    mends: dict[str, int] = field(default_factory=dict)

    def mend(self, line: int, what: str) -> None:
        """Remember what was mended, and the first line where."""
        self.mends.setdefault(what, line)

    @property
    def notes(self) -> list[Note]:
        """What was mended in the block."""
        return [Note(line, what) for what, line in self.mends.items()]

    def _refusal(self, line: int, what: str, remedy: str = COPY_AGAIN) -> CredentialError:
        return refusal(self.source, line, what, remedy)

    def add(self, piece: Line) -> None:
        """Take one line of the body.

        :raises CredentialError: something in it is neither base64 nor an addition that can be taken off.
        """
        bare = piece.text.strip(_BLANK)
        if not self.lines and _HEADER.match(bare):
            self.headers.append(bare)
            return
        text = bare.strip(AROUND)
        if piece.invisible:
            self.mend(piece.line, "invisible characters were left out")
        if piece.escaped:
            self.mend(piece.line, "line ends written as a backslash and a letter were made real ones")
        if text != bare:
            self.mend(piece.line, "quotes and the like around lines were left out")
        if bare != piece.text:
            self.mend(piece.line, "blanks around lines were left out")
        if not text:
            if self.lines:
                self.mend(piece.line, "blank lines were left out")
            return
        if any(space in text for space in _BLANK):
            text = text.translate(_DROP_BLANK)
            self.mend(piece.line, "blanks inside lines were left out")
        if match := _FOREIGN.search(text):
            raise self._foreign(piece.line, text, match)
        self.lines.append((piece.line, text))

    def _foreign(self, line: int, text: str, match: re.Match[str]) -> CredentialError:
        character = match[0]
        kind = visible(self.label)
        if character == "\u2026" or ".." in text:
            what = f"an ellipsis stands inside the base64 text: part of the {kind} is missing"
            return self._refusal(line, what, "Get the whole file: what the dots replace cannot be known.")
        name = unicodedata.name(character, "a control character")
        code = f"U+{ord(character):04X}"
        what = f"{name} ({code}) stands inside the base64 text of the {kind}, which may not contain it"
        if character in "-_":
            what += " (it may be base64url, or an END line that is damaged)"
        return self._refusal(line, what)

    @property
    def is_legacy_encrypted(self) -> bool:
        """A key is encrypted in the old way (RFC 1421 headers): its bytes are not DER."""
        return any(header.startswith("Proc-Type:") and "ENCRYPTED" in header for header in self.headers)

    def content(self, end: int) -> bytes:
        """The bytes, proved to be complete; ``end`` is the line of END.

        :raises CredentialError: text is missing, or is there too much.
        """
        if not self.lines:
            raise self._refusal(self.begin, f"nothing stands between BEGIN and END {self.label}")
        joined = "".join(text for _, text in self.lines)
        bare = joined.rstrip("=")
        if "=" in bare:
            line = next(number for number, text in self.lines if "=" in text)
            raise self._refusal(
                line, f"the base64 text of the {self.label} ends here, yet more of it follows"
            )
        last = self.lines[-1][0]
        if len(bare) % 4 == 1:
            raise self._refusal(
                last,
                f"the base64 text of the {self.label} breaks off: {len(bare)} characters are no whole "
                "number of bytes",
            )
        padded = bare + "=" * (-len(bare) % 4)
        if padded != joined:
            self.mend(last, "the padding at the end of the base64 text was corrected")
        widths = [len(text) for _, text in self.lines]
        if any(width != 64 for width in widths[:-1]) or widths[-1] > 64:
            self.mend(self.lines[0][0], "lines of other lengths than 64 were wrapped anew")
        content = binascii.a2b_base64(padded)
        if self.label == EC_PARAMETERS or self.is_legacy_encrypted:
            return content
        announced = der.length(content)
        if announced is None:
            raise self._refusal(
                self.lines[0][0],
                f"the base64 text of the {self.label} does not start as one does: its beginning is "
                "missing or damaged",
            )
        if announced != len(content):
            less = "missing" if announced > len(content) else "too much, or damaged"
            raise self._refusal(
                self.begin,
                f"the {self.label} in lines {self.begin} to {end} says that it has {announced} bytes, "
                f"but {len(content)} are there: text is {less}",
            )
        return content

    def encrypted_key(self, content: bytes, *, had_ec_parameters: bool) -> PrivateKey:
        """The record of a key that is encrypted in the old way: only label and headers can be read.

        :raises CredentialError: a header line, which is kept, holds a control character.
        """
        kind = self.label.partition(" ")[0].lower()
        headers = [header.encode("ascii", "backslashreplace").decode("ascii") for header in self.headers]
        if not all(header.isprintable() for header in headers):
            raise self._refusal(self.begin, f"the header lines of the {self.label} hold a control character")
        return PrivateKey(
            key_type=kind if kind in {"rsa", "ec", "dsa"} else "other",
            key_bits=None,
            curve=None,
            encrypted=True,
            public_key_sha256=None,
            label=self.label,
            pem=armour(self.label, content, headers),
            had_ec_parameters=had_ec_parameters,
            line=self.begin,
        )
