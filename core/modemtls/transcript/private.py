"""Where the standards put what is secret or names a person: pure functions from text to places in it.

3GPP TS 27.007 (PIN, passwords, IMEI, IMSI, phone numbers, files of the SIM) and TS 27.005 (messages), ITU-T
E.118 (ICCID), RFC 9110 (header fields).  A vendor's own commands are its driver's to mark; here long numbers
are taken for identities whatever the command is, because one too many hidden harms nobody.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Span", "head_spans", "identity_spans", "kind_of", "luhn", "standard_spans"]


class Span(NamedTuple):
    """A place in a text, and what stands there."""

    start: int
    end: int
    kind: str


_SECRETS: dict[str, tuple[str, frozenset[int]]] = {
    "+CPIN": ("pin", frozenset({0, 1})),
    "+CPIN2": ("pin", frozenset({0, 1})),
    "+CPWD": ("password", frozenset({1, 2})),
    "+CLCK": ("password", frozenset({2})),
    "+CGAUTH": ("password", frozenset({3})),
}
"""Command: what it carries, and in which of its values."""
_NAMED = re.compile(
    "(" + "|".join(re.escape(name) for name in sorted(_SECRETS, key=len, reverse=True)) + r")\s*([:=])\s*",
    re.IGNORECASE,
)
_VALUE = re.compile(r'\s*(?:"([^"]*)"?|([^,;"\r\n]*))')

_IMEI_COMMANDS = frozenset({"+CGSN", "+GSN", "+EGMR", "I"})
_PHONE_NAMES = re.compile(
    r"\+(?:CNUM|CLIP|CCWA|COLP|CDIP|CMGR|CMGL|CMGS|CMGW|CMT|CDS|CPBR|CPBF|CPBW|CSCA|CCFC|CLCC|CUSD)\b",
    re.IGNORECASE,
)
_PHONE = re.compile(r'"(\+?[0-9*#]{3,40})"')
_E164 = re.compile(r"(?<![0-9A-Za-z])\+[0-9]{8,15}(?![0-9A-Za-z])")
_DIAL = re.compile(r"ATD[TP]?(?!\*99)([+0-9*#]{2,40})", re.IGNORECASE)
_SIM_FILE = re.compile(r"\+(?:CRSM|CSIM|CGLA)\b", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]{10,}")
_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9]{14,22}[Ff]?(?![0-9A-Za-z])")
_DASHED = re.compile(r"(?<![0-9A-Za-z])[0-9]{2}[- ][0-9]{6}[- ][0-9]{6}[- ][0-9]{1,2}(?![0-9A-Za-z])")
_CARD_NAME = re.compile(r"\+?[A-Z]*C?CID\b", re.IGNORECASE)
_SHORT_IMSI = re.compile(r"(?<![0-9A-Za-z])[0-9]{6,15}(?![0-9A-Za-z])")

_SENSITIVE = re.compile(
    r"auth|cookie|token|secret|api[-_]?key|access[-_]?key|passw|session|credential|signature|private",
    re.IGNORECASE,
)
_PUBLIC_HEADERS = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection",
     "content-encoding", "content-language", "content-length", "content-range", "content-type", "date", "expect",
     "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "origin",
     "pragma", "range", "referer", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via"}
)  # fmt: skip
"""Headers of a request whose values may be shown; any other one may be a credential."""
_TOKEN = r"A-Za-z0-9!#$%&'*+.^_`|~-"
_HEADER = re.compile(rf"(?<![{_TOKEN}])([{_TOKEN}]{{1,64}}):[ \t]*([^\r\n\"]*)")
_SCHEME = re.compile(r"\b(?:Bearer|Basic|Token|Negotiate) +([A-Za-z0-9._~+/=-]{4,})", re.IGNORECASE)
_REQUEST_LINE = re.compile(r"[A-Z]{3,20} \S+ HTTP/1\.[01]\r?$")
_QUERY = re.compile(r"[?&][\w.-]{0,40}=([^&\s\"#]+)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def kind_of(line: str) -> str:
    """What the secrets of a command or of its answer are, as far as the standards say."""
    named = _NAMED.search(line)
    return _SECRETS[named[1].upper()][0] if named else "secret"


def standard_spans(line: str) -> list[Span]:
    """PINs and passwords in the standards' own commands and answers, however they are written."""
    found = []
    for named in _NAMED.finditer(line):
        name = named[1].upper()
        if name.startswith("+CPIN") and named[2] == ":":
            continue  # the answer names a state
        kind, positions = _SECRETS[name]
        at = named.end()
        for position in range(max(positions) + 1):
            value = _VALUE.match(line, at)
            assert value is not None
            group = 1 if value[1] is not None else 2
            if position in positions and value[group] and value[group] != "?":
                found.append(Span(*value.span(group), kind))
            at = value.end()
            if at >= len(line) or line[at] != ",":
                break
            at += 1
    return found


def identity_spans(line: str, name: str = "") -> list[Span]:
    """Who the modem, the SIM and its owner are; ``name`` is that of the command that is under way."""
    name = name.upper()
    found: list[Span] = []
    if _SIM_FILE.match(name) or _SIM_FILE.search(line):
        found += [Span(*m.span(), "sim") for m in _HEX.finditer(line)]
    if _PHONE_NAMES.match(name) or _PHONE_NAMES.search(line):
        found += [Span(*m.span(1), "phone") for m in _PHONE.finditer(line)]
    if name == "+CIMI":
        found += [Span(*m.span(), "imsi") for m in _SHORT_IMSI.finditer(line)]
    found += [Span(*m.span(), "imei") for m in _DASHED.finditer(line)]
    for m in _DIGITS.finditer(line):
        kind = "number"
        if _CARD_NAME.search(line) or _CARD_NAME.fullmatch(name) or (len(m[0]) > 17 and m[0][:2] == "89"):
            kind = "iccid"
        elif name in _IMEI_COMMANDS and len(m[0]) < 18:
            kind = "imei"
        found.append(Span(*m.span(), kind))
    found += [Span(*m.span(1), "phone") for m in _DIAL.finditer(line)]
    found += [Span(*m.span(), "phone") for m in _E164.finditer(line)]
    return found


def head_spans(text: str, *, in_head: bool) -> tuple[list[Span], bool]:
    """Header values and query values that are credentials; and whether a request's head is still under way.

    In the head of a request every header may be one unless it is known not to be; elsewhere its name decides.
    """
    found: list[Span] = []
    for match in _LINE.finditer(text):
        line, start = match[0], match.start()
        bare = line.rstrip("\r\n")
        if not bare:
            in_head = False
            continue
        if _REQUEST_LINE.match(bare):
            in_head = True
        found += [
            Span(start + m.start(1), start + m.end(1), "secret")
            for m in _QUERY.finditer(bare)
            if _SENSITIVE.search(m[0].partition("=")[0]) or m[0][1:].startswith(("key=", "sig="))
        ]
        found += [Span(start + m.start(1), start + m.end(1), "authorization") for m in _SCHEME.finditer(bare)]
        for header in _HEADER.finditer(bare) if ":" in bare else ():
            name = header[1].lower()
            secret = _SENSITIVE.search(name) or (
                in_head and header.start() == 0 and name not in _PUBLIC_HEADERS
            )
            if secret and header[2] and name[0] not in "+^%*$#":  # else it is a command's answer
                kind = "authorization" if "authorization" in name else "header"
                found.append(Span(start + header.start(2), start + header.end(2), kind))
    return found, in_head


def luhn(digits: str) -> bool:
    """The check digit of an IMEI fits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
