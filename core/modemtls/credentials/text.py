"""From bytes to lines and PEM markers, through what editors, mail and web pages do to them.

Decoding is by evidence: a byte order mark, valid UTF-8, else Windows-1252, the one legacy encoding
in which dashes and quotes come as single bytes.  A marker (a BEGIN or END line) is recognised with
dashes of any kind and number, alone on its line or among others; a label that nobody knows is still a
marker, so that it can be named.  Every pattern here runs in linear time.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Line", "Marker", "decode", "nearest_label", "pieces"]

CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
KEY_LABELS = frozenset(
    {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}
)
OTHER_LABELS = {
    "TRUSTED CERTIFICATE": "a certificate with OpenSSL's own trust settings",
    "ATTRIBUTE CERTIFICATE": "an attribute certificate",
    "CERTIFICATE REQUEST": "a certificate request (CSR)",
    "NEW CERTIFICATE REQUEST": "a certificate request (CSR)",
    "X509 CRL": "a certificate revocation list",
    "PKCS7": "a PKCS#7 bundle",
    "CMS": "a CMS bundle",
    "PKCS12": "a PKCS#12 archive",
    "PUBLIC KEY": "a public key",
    "RSA PUBLIC KEY": "a public key",
    "OPENSSH PRIVATE KEY": "a private key in OpenSSH's own form",
    "SSH2 PUBLIC KEY": "a public key in SSH form",
    "DH PARAMETERS": "Diffie-Hellman parameters",
    "DSA PARAMETERS": "DSA parameters",
    "PGP PUBLIC KEY BLOCK": "an OpenPGP key",
    "PGP PRIVATE KEY BLOCK": "an OpenPGP key",
    "PGP MESSAGE": "an OpenPGP message",
    "PGP SIGNATURE": "an OpenPGP signature",
}
EC_PARAMETERS = "EC PARAMETERS"
LABELS = CERTIFICATE_LABELS | KEY_LABELS | frozenset(OTHER_LABELS) | {EC_PARAMETERS}

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
QUOTES = "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a"
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t\v\f"

_DROP_INVISIBLE = dict.fromkeys(map(ord, INVISIBLE))
_PLAIN = {**dict.fromkeys(map(ord, DASHES), "-"), **dict.fromkeys(map(ord, SPACES), " ")}
_LINE_END = re.compile(r"\r\n|\r|\n")
_ESCAPED_LINE_END = re.compile(r"(?:\\r)?\\n|\\r")
_MARKER = re.compile(
    r"(?:(?P<before>(?<!-)-++)[ ]*+|^[ \"'`]*+)(?P<word>BEGIN|END)[ ]++"
    r"(?P<label>[A-Z0-9][A-Z0-9 .#]{0,48}?)(?:[ ]*+(?P<after>-++)|(?=[ \"'`,;\\]*+$))",
    re.IGNORECASE,
)
_SUSPECT = re.compile(
    r"(?<!-)-{2,}+[ ]*+(?P<word>[A-Z0-9]{2,8})[ ]++(?P<label>[A-Z0-9][A-Z0-9 ]{2,48}?)[ ]*+-{2,}+"
)


@dataclass(frozen=True, slots=True)
class Marker:
    """A BEGIN or END line.

    ``exact``: it is written as RFC 7468 wants it.  ``misspelt``: what ``BEGIN`` or ``END`` became.
    """

    line: int
    word: str
    label: str
    exact: bool
    misspelt: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Any other text, and what was cleaned in it."""

    line: int
    text: str = field(repr=False)  # it may be of a key
    invisible: bool = False
    escaped: bool = False


def decode(data: bytes) -> tuple[str, str | None]:
    """The text, and what had to be understood to get it.

    :raises UnicodeDecodeError: a byte order mark names an encoding that the rest does not have.
    """
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return data.decode("utf-32"), "the text was UTF-32; it was read as its byte order mark says"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16"), (
            "the text was UTF-16 (what Windows calls Unicode); it was read as its byte order mark says"
        )
    if data.startswith(codecs.BOM_UTF8):
        return data.decode("utf-8-sig"), "a byte order mark stood at the start; it was left out"
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), None


def nearest_label(label: str) -> str | None:
    """The known label that a misspelt one is close to."""
    similar = [known for known in LABELS if abs(len(known) - len(label)) <= 3]
    found = difflib.get_close_matches(label, similar, 1, 0.8)
    return found[0] if found else None


def _weight(dashes: str) -> int:
    # An editor makes one dash of two or three hyphens, so a typographic one counts as several.
    return sum(1 if dash == "-" else 3 for dash in dashes[:5])


def _is_marker(match: re.Match[str], text: str, alone: str, label: str) -> bool:
    weights = [_weight(text[slice(*match.span(side))]) if match[side] else 0 for side in ("before", "after")]
    if min(weights) >= 3:
        return True
    if label not in LABELS:
        return max(weights) >= 3 and nearest_label(label) is not None
    # "- end certificate" may stand in a sentence; as a marker it has a line of its own, in capitals.
    return max(weights) >= 3 or (alone == match[0].strip() and match["word"].isupper() and any(weights))


def _misspelt(line: int, plain: str) -> Marker | None:
    match = _SUSPECT.search(plain)
    if match is None:
        return None
    word = difflib.get_close_matches(match["word"], ("BEGIN", "END"), 1, 0.6)
    label = match["label"]
    if not word or word[0] == match["word"] or not (label in LABELS or nearest_label(label)):
        return None
    label = label if label in LABELS else nearest_label(label) or label
    return Marker(line, word[0], label, exact=False, misspelt=match["word"])


def _segment(line: int, text: str, *, invisible: bool, escaped: bool) -> Iterator[Marker | Line]:
    plain = text.translate(_PLAIN)
    alone = plain.strip()
    done = 0
    for match in _MARKER.finditer(plain) if "-" in plain else ():
        label = " ".join(match["label"].upper().split())
        if not _is_marker(match, text, alone, label):
            continue
        if text[done : match.start()].strip():
            yield Line(line, text[done : match.start()], invisible, escaped)
        done = match.end()
        exact = not (invisible or escaped) and text == f"-----{match['word']} {match['label']}-----"
        yield Marker(line, match["word"].upper(), label, exact and match["word"].isupper())
    if done == 0 and "--" in plain and (suspect := _misspelt(line, plain)):
        yield suspect
    elif done == 0 or text[done:].strip():
        yield Line(line, text[done:], invisible, escaped)


def pieces(text: str) -> Iterator[Marker | Line]:
    r"""The markers and the other text, in order, with line numbers from 1.

    A backslash followed by ``n``, as in configuration files and source code, ends a line too.
    """
    lines = _LINE_END.split(text)
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        cleaned = line.translate(_DROP_INVISIBLE) if not line.isascii() else line
        parts = _ESCAPED_LINE_END.split(cleaned) if "\\" in cleaned else [cleaned]
        for part in parts:
            yield from _segment(number, part, invisible=cleaned != line, escaped=len(parts) > 1)
