"""What a credential file holds, as frozen records.

A record carries the facts that a person compares (names, dates, key, fingerprints) and the object in
one normal form: PEM with LF, 64 columns and a final LF, which is what modems count and store.  Strings
from certificates are made harmless for a terminal.  The bytes of a private key are never shown.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..errors import CredentialError, Reason

__all__ = ["Certificate", "CredentialFile", "Note", "PrivateKey", "bundle", "pairs"]

_COLUMNS = 64
_TRADITIONAL_TYPES = frozenset({"rsa", "ec", "dsa"})
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    r"""``text`` with what a terminal would obey or hide as RFC 4514 hex pairs.

    >>> visible("CN=a\x1b[2J")
    'CN=a\\1B[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
        if unicodedata.category(character) in _UNSAFE_CATEGORIES
        else character
        for character in text
    )


def armour(label: str, der: bytes, headers: Iterable[str] = ()) -> bytes:
    """PEM in the one normal form: LF, 64 columns, final LF."""
    body = base64.b64encode(der).decode("ascii")
    lines = [f"-----BEGIN {label}-----"]
    before = list(headers)
    if before:
        lines += [*before, ""]
    lines += [body[start : start + _COLUMNS] for start in range(0, len(body), _COLUMNS)]
    lines += [f"-----END {label}-----", ""]
    return "\n".join(lines).encode("ascii")


@dataclass(frozen=True)
class Note:
    """Something that was mended or left out while reading; ``line`` counts from 1."""

    line: int | None
    message: str


@dataclass(frozen=True, repr=False)
class Certificate:
    """An X.509 certificate.

    ``subject``/``issuer``: RFC 4514 strings, with control and bidirectional characters as hex pairs.
    ``serial``: lower-case hexadecimal.  ``not_before``/``not_after``: aware, UTC.
    ``key_type``: ``"rsa"``, ``"ec"``, ``"ed25519"``, ``"ed448"``, ``"dsa"`` or ``"other"``;
    ``key_bits`` and ``public_key_sha256`` (of the SubjectPublicKeyInfo) are ``None`` where the key
    cannot be read, ``curve`` (a SEC name such as ``"secp256r1"``) where there is none.
    ``signature_hash``: ``"sha256"`` and the like; ``None`` where the algorithm has no separate one.
    ``is_ca``: basicConstraints says so; or a self-signed certificate is of version 1, which had no
    way to say it (old roots).  ``is_self_signed``: issued by its own name, and the signature fits
    its own key; where that algorithm cannot be checked, the names decide.
    ``is_self_issued``: subject and issuer are the same name, whatever the signature.
    ``sha256``/``sha1``: lower-case hexadecimal, of ``der``.
    ``names``: the DNS names and IP addresses of subjectAltName.
    ``line``: where its BEGIN line stands in the file; ``None`` for DER.
    """

    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    key_bits: int | None
    curve: str | None
    signature_hash: str | None
    is_ca: bool
    is_self_issued: bool
    is_self_signed: bool
    sha256: str
    sha1: str
    public_key_sha256: str | None
    names: tuple[str, ...]
    der: bytes
    line: int | None = None

    @property
    def pem(self) -> bytes:
        """The certificate as PEM: LF, 64 columns, final LF."""
        return armour("CERTIFICATE", self.der)

    def __repr__(self) -> str:
        """Who it is for, until when, and which one."""
        return f"<Certificate {self.subject!r} until {self.not_after:%Y-%m-%d} sha256={self.sha256[:16]}…>"


@dataclass(frozen=True)
class PrivateKey:
    """A private key; its bytes are in ``pem`` only, and never in a repr, an error or a log.

    ``label``: of the PEM form that its content has, e.g. ``"RSA PRIVATE KEY"``.
    ``encrypted``: it needs a password; then ``key_bits``, ``curve`` and ``public_key_sha256`` are
    ``None``, and ``key_type`` is what the label tells, else ``"other"``.
    ``had_ec_parameters``: an ``EC PARAMETERS`` block stood before it; it is not part of ``pem``.
    ``pem``: the form in which it came (PKCS#8, PKCS#1, SEC 1), wrapped anew: LF, 64 columns, final LF.
    """

    key_type: str
    key_bits: int | None
    curve: str | None
    encrypted: bool
    public_key_sha256: str | None
    label: str
    pem: bytes = field(repr=False)
    had_ec_parameters: bool = False
    line: int | None = None

    def as_traditional(self) -> bytes:
        """The key as ``RSA PRIVATE KEY`` or ``EC PRIVATE KEY``, which some modems insist on.

        :raises CredentialError: it is encrypted, or its type has no such form (Ed25519, Ed448).
        """
        if self.encrypted:
            raise CredentialError(
                f"A traditional form of the private key was asked for, but the {self.label} is encrypted.",
                remedy="Decrypt it first, e.g. with: openssl pkey -in KEY.pem -out PLAIN.pem",
                reasons={Reason.KEY_ENCRYPTED},
            )
        if self.key_type not in _TRADITIONAL_TYPES:
            raise CredentialError(
                f"A traditional form of the private key was asked for, but a key of type {self.key_type} "
                "has none: PKCS#8 is the only one.",
                remedy="Use the PKCS#8 form, or an RSA or EC key.",
                reasons={Reason.WEAK_OR_UNSUPPORTED_KEY},
            )
        from .der import traditional

        return traditional(self.pem)


@dataclass(frozen=True)
class CredentialFile:
    """What a file holds, in the order of the file, and what was mended to read it."""

    source: str
    certificates: tuple[Certificate, ...] = ()
    keys: tuple[PrivateKey, ...] = ()
    mended: tuple[Note, ...] = ()


def bundle(certificates: Iterable[Certificate]) -> bytes:
    """The certificates as one PEM text, in their order, each once."""
    return b"".join({certificate.sha256: certificate.pem for certificate in certificates}.values())


def pairs(certificate: Certificate, key: PrivateKey) -> bool:
    """Whether the key is the one that the certificate was issued for.

    :raises CredentialError: it cannot be known: the key is encrypted, or the certificate's public
        key is of a kind that cannot be read.
    """
    if key.public_key_sha256 is None:
        raise CredentialError(
            f"Whether the private key belongs to {certificate.subject or 'the certificate'} was asked, "
            "but the key is encrypted, so nobody can tell without its password.",
            remedy="Decrypt it first, e.g. with: openssl pkey -in KEY.pem -out PLAIN.pem",
            reasons={Reason.KEY_ENCRYPTED},
        )
    if certificate.public_key_sha256 is None:
        raise CredentialError(
            f"Whether the private key belongs to {certificate.subject or 'the certificate'} was asked, "
            "but the certificate's public key is of a kind that cannot be read.",
            remedy="Use a certificate with an RSA key or an EC key on a named curve.",
            reasons={Reason.WEAK_OR_UNSUPPORTED_KEY},
        )
    return certificate.public_key_sha256 == key.public_key_sha256
