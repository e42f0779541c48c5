"""Credential files, as people have them.

Mended, with a note: what can mean one thing only (line ends, wrapping, indentation, dashes and quotes
that a web page changed, invisible characters).  Refused, with the line: what would need a guess
(missing text, a label that is misspelt, an END without its BEGIN, bytes that are not base64).  Every
mend is proved afterwards: the content's own length field must fit to the byte.  The work is bounded
by the size of the file, the number of keys and the size of each.
"""

from __future__ import annotations

import binascii
import re

from ..errors import CredentialError, Reason
from . import der
from .blocks import AROUND, COPY_AGAIN, Block, refusal
from .records import Certificate, CredentialFile, Note, PrivateKey, visible
from .text import (
    CERTIFICATE_LABELS,
    EC_PARAMETERS,
    LABELS,
    OTHER_LABELS,
    Line,
    Marker,
    decode,
    nearest_label,
    pieces,
)

__all__ = ["MAX_FILE_BYTES", "read"]

MAX_FILE_BYTES = 1024 * 1024
MAX_KEYS = 8
MAX_MARKERS = 4000

_WANTED = "Wanted is a certificate or a private key, as PEM (with BEGIN and END lines) or DER."
_HOW: dict[str, str] = {
    "a PKCS#12 archive": "Take them out with: openssl pkcs12 -in FILE -out FILE.pem -nodes",
    "a PKCS#7 bundle": "Take the certificates out with: openssl pkcs7 -print_certs -in FILE -out FILE.pem",
    "a CMS bundle": "Take them out with: openssl pkcs7 -print_certs -in FILE -out FILE.pem",
    "a certificate request (CSR)": "A CA makes a certificate from it; that certificate is what is wanted.",
    "a certificate with OpenSSL's own trust settings": "Convert it with: openssl x509 -in FILE -out FILE.pem",
    "a private key in OpenSSH's own form": "Convert a copy of it with: ssh-keygen -p -m PEM -f COPY",
}
_BARE = re.compile(r"[A-Za-z0-9+/=\s]++")
_LOOKS_LIKE_BASE64 = re.compile(r"[A-Za-z0-9+/=]{40,}")


class _Reading:
    """The state of reading one text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.certificates: list[Certificate] = []
        self.keys: list[PrivateKey] = []
        self.notes: list[Note] = []
        self.left_out: list[tuple[int, str]] = []
        self._parameters: int | None = None
        self._markers = 0
        self._outside: int | None = None
        self._bare: int | None = None

    def text(self, text: str) -> None:
        block: Block | None = None
        for piece in pieces(text):
            if isinstance(piece, Line):
                if block is None:
                    self._between(piece)
                else:
                    self._inside(block, piece)
            else:
                block = self._marker(block, piece)
        if block is not None:
            raise refusal(
                self.source,
                block.begin,
                f"BEGIN {visible(block.label)} has no END line: the file stops before it",
            )

    def _between(self, piece: Line) -> None:
        if piece.text.strip(AROUND):
            self._outside = self._outside or piece.line
            if _LOOKS_LIKE_BASE64.fullmatch(piece.text.strip(AROUND)):
                self._bare = self._bare or piece.line

    def _marker(self, block: Block | None, marker: Marker) -> Block | None:
        label = visible(marker.label)
        self._markers += 1
        if self._markers > MAX_MARKERS:
            what = f"more than {MAX_MARKERS} BEGIN and END lines are in the file"
            raise refusal(self.source, marker.line, what, _WANTED, Reason.TOO_LARGE)
        if marker.misspelt is not None:
            raise refusal(
                self.source,
                marker.line,
                f"{marker.misspelt} {label} is no known marker; {marker.word} {label} may be meant",
                "Correct the line if nothing else is damaged, else get the file anew.",
            )
        if marker.label not in LABELS and (near := nearest_label(marker.label)):
            raise refusal(
                self.source,
                marker.line,
                f"{marker.word} {label} is no known marker; {marker.word} {near} may be meant",
                "Correct the line if nothing else is damaged, else get the file anew.",
            )
        if marker.word == "BEGIN":
            if block is not None:
                raise refusal(
                    self.source,
                    marker.line,
                    f"BEGIN {label} stands here before BEGIN {visible(block.label)} of line {block.begin} "
                    "has its END line",
                )
            block = Block(self.source, marker.line, marker.label)
        elif block is None:
            raise refusal(self.source, marker.line, f"END {label} has no BEGIN line before it")
        elif block.label != marker.label:
            raise refusal(
                self.source,
                marker.line,
                f"END {label} stands where BEGIN {visible(block.label)} of line {block.begin} "
                "wants its own END line",
            )
        if not marker.exact:
            block.mend(marker.line, f"dashes, blanks or letters of the {marker.word} line were put right")
        if marker.word == "BEGIN":
            return block
        self._end(block, marker.line)
        return None

    def _inside(self, block: Block, piece: Line) -> None:
        if block.label in LABELS and block.label not in OTHER_LABELS:
            block.add(piece)

    def _end(self, block: Block, end: int) -> None:
        if block.label in OTHER_LABELS or block.label not in LABELS:
            what = OTHER_LABELS.get(block.label, f"an unknown kind of object ({visible(block.label)})")
            self.left_out.append((block.begin, what))
            return
        content = block.content(end)
        try:
            self._object(block, content)
        except der.Unreadable as unreadable:
            raise refusal(
                self.source,
                block.begin,
                f"the base64 text of the {block.label} is in order, but {unreadable}",
                unreadable.remedy or COPY_AGAIN,
                unreadable.reason,
            ) from None
        self.notes += block.notes

    def _object(self, block: Block, content: bytes) -> None:
        if block.label == EC_PARAMETERS:
            self._parameters = block.begin
            self.notes.append(
                Note(block.begin, "the EC PARAMETERS block was left out: the key names its curve itself")
            )
            return
        if block.label in CERTIFICATE_LABELS:
            if block.headers or block.label != "CERTIFICATE":
                block.mend(block.begin, "the BEGIN line's old form, or header lines, were left out")
            self.certificates.append(der.certificate(content, line=block.begin))
            return
        if len(self.keys) == MAX_KEYS:
            raise refusal(
                self.source,
                block.begin,
                f"more than {MAX_KEYS} private keys are in the file",
                "Give a file with the one key that is meant.",
            )
        had_ec_parameters, self._parameters = self._parameters is not None, None
        if block.is_legacy_encrypted:
            self.keys.append(block.encrypted_key(content, had_ec_parameters=had_ec_parameters))
            return
        if block.headers:
            block.mend(block.begin, "header lines were left out")
        key = der.key(content, line=block.begin, had_ec_parameters=had_ec_parameters)
        if key.label != block.label:
            block.mend(block.begin, f"the label {block.label} became {key.label}, which fits the content")
        self.keys.append(key)

    def result(self) -> CredentialFile:
        if not self.certificates and not self.keys:
            raise self._nothing()
        notes = self.notes + [
            Note(line, f"{what} was left out: it cannot be used here") for line, what in self.left_out
        ]
        if self._outside is not None:
            notes.append(Note(self._outside, "text outside the certificates and keys was left out"))
        notes.sort(key=lambda note: note.line or 0)
        return CredentialFile(self.source, tuple(self.certificates), tuple(self.keys), tuple(notes))

    def _nothing(self) -> CredentialError:
        if self.left_out:
            line, what = self.left_out[0]
            return refusal(
                self.source,
                line,
                f"this is {what}, and not a certificate",
                _HOW.get(what, _WANTED),
                Reason.NOT_A_CERTIFICATE,
            )
        if self._bare is not None:
            return refusal(
                self.source, self._bare, "base64 text stands here without a BEGIN line before it", COPY_AGAIN
            )
        return refusal(
            self.source, None, "no certificate and no private key is in it", _WANTED, Reason.NOT_A_CERTIFICATE
        )


def _is_der(data: bytes) -> bool:
    announced = der.length(data)
    if announced is None:
        return data[:2] == b"\x30\x80"
    if announced <= len(data) and not data[announced:].strip(b"\x00\r\n\t "):
        return True
    return data[1] > 0x80 and b"-----" not in data


def _binary(data: bytes, source: str) -> CredentialFile:
    notes: tuple[Note, ...] = ()
    announced = der.length(data)
    if announced is not None and announced < len(data) and not data[announced:].strip(b"\x00\r\n\t "):
        notes = (Note(None, f"{len(data) - announced} blank bytes after the DER content were left out"),)
        data = data[:announced]
    if what := der.describe(data):
        remedy = _HOW.get(what, _WANTED)
        raise refusal(
            source, None, f"this is {what}, and not a certificate", remedy, Reason.NOT_A_CERTIFICATE
        )
    if announced != len(data):
        says = "" if announced is None else f": it says that it has {announced} bytes, but has {len(data)}"
        raise refusal(source, None, f"this looks like DER, but is not complete, or damaged{says}")
    try:
        return CredentialFile(source, keys=(der.key(data),), mended=notes)
    except der.Unreadable as unreadable:
        if unreadable.reason is Reason.TOO_LARGE and der.has_form_of_key(data):
            raise refusal(
                source, None, str(unreadable), unreadable.remedy or COPY_AGAIN, unreadable.reason
            ) from None
    try:
        return CredentialFile(source, certificates=(der.certificate(data),), mended=notes)
    except der.Unreadable as unreadable:
        raise refusal(
            source,
            None,
            f"this looks like DER, but {unreadable}",
            unreadable.remedy or COPY_AGAIN,
            unreadable.reason,
        ) from None


def _line_ends(text: str) -> list[Note]:
    notes = []
    if "\r" in text:
        notes.append(Note(None, "line ends with CR were made LF"))
    if text and text[-1] not in "\r\n":
        notes.append(Note(None, "the last line had no end; it got one"))
    return notes


def read(data: bytes, *, source: str = "<data>") -> CredentialFile:
    """What a file holds: certificates and private keys from PEM (any number and mix) or DER.

    ``source`` names the file in messages.  What was mended or left out stands in ``mended``.

    :raises CredentialError: nothing usable is in it, or it is damaged in a way that cannot be mended;
        the message has the line.  Files above 1 MiB are refused.
    """
    if len(data) > MAX_FILE_BYTES:
        raise refusal(
            source,
            None,
            f"{len(data)} bytes are far more than any certificate; above {MAX_FILE_BYTES} nothing is read",
            _WANTED,
            Reason.TOO_LARGE,
        )
    if not data.strip():
        raise refusal(source, None, "the file is empty", _WANTED, Reason.NOT_A_CERTIFICATE)
    if _is_der(data):
        return _binary(data, source)
    try:
        text, understood = decode(data)
    except UnicodeDecodeError as error:
        raise refusal(
            source, None, f"its byte order mark says {error.encoding}, but the content is not that"
        ) from None
    head = text[:256]
    if head.count("\x00") > len(head) // 3:
        raise refusal(
            source,
            None,
            "every other byte is zero, as in UTF-16, but there is no byte order mark that says so",
            "Save the file again as plain text (UTF-8 or ASCII).",
        )
    if _BARE.fullmatch(text) and der.length(content := _unarmoured(text)) == len(content):
        found = _binary(content, source)
        note = Note(1, "base64 text without BEGIN and END lines was read by its content")
        return CredentialFile(source, found.certificates, found.keys, (note, *found.mended))
    reading = _Reading(source)
    if understood is not None:
        reading.notes.append(Note(None, understood))
    reading.notes += _line_ends(text)
    reading.text(text)
    return reading.result()


def _unarmoured(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except binascii.Error:
        return b""
