"""From DER to records.

The cryptography package parses; this module decides what its answers and refusals mean, bounds the
work (a key's primes are tested, which takes long for absurd sizes) and recognises what is neither a
certificate nor a key, so that the message can name it.  Nothing that a parser says about a private
key is passed on.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from ..errors import Reason
from .records import Certificate, PrivateKey, armour, visible

__all__ = [
    "Unreadable",
    "certificate",
    "describe",
    "has_form_of_key",
    "key",
    "length",
    "traditional",
    "without_warnings",
]

MAX_CERTIFICATE_BYTES = 64 * 1024
MAX_KEY_BYTES = 3 * 1024
"""Holds an RSA key of 4096 bits, with PKCS#8 around it.  Twice the bits take sixteen times as long."""

_SEQUENCE = 0x30
_PKCS7 = bytes.fromhex("2a864886f70d0107")
_warnings_lock = threading.Lock()


class Unreadable(Exception):
    """Why bytes are not the object that they should be, as the end of a sentence."""

    def __init__(self, what: str, reason: Reason = Reason.MALFORMED, remedy: str | None = None) -> None:
        super().__init__(what)
        self.reason = reason
        self.remedy = remedy


@contextmanager
def without_warnings() -> Iterator[None]:
    """Inside, odd but readable certificates are read without a warning.

    For short stretches: they are made one at a time.
    """
    # The parser warns about odd but readable certificates; where the application makes warnings
    # errors, they would make such a certificate unreadable.
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def length(data: bytes) -> int | None:
    """How long the DER SEQUENCE at the start of ``data`` says it is, header included."""
    if len(data) < 2 or data[0] != _SEQUENCE:
        return None
    if data[1] < 0x80:
        return 2 + data[1]
    count = data[1] & 0x7F
    if not 1 <= count <= 4 or len(data) < 2 + count:
        return None
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")


def _content(data: bytes) -> bytes:
    """What is inside the outer SEQUENCE, also where its length is indefinite (BER)."""
    if len(data) < 2 or data[0] != _SEQUENCE:
        return b""
    return data[2 + (data[1] & 0x7F) if data[1] > 0x80 else 2 :]


def has_form_of_key(data: bytes) -> bool:
    """Whether the content begins as that of a private key in plain: a version, then its parts."""
    inside = _content(data)
    return inside[:3] in (b"\x02\x01\0", b"\x02\x01\1") and inside[3:4] in (b"\x02", b"\x04", b"\x30")


def describe(data: bytes) -> str | None:
    """What DER (or BER) is that is neither a certificate nor a key; ``None`` when it is not known."""
    inside = _content(data)
    if inside[:1] == b"\x06" and inside[2 : 2 + len(_PKCS7)] == _PKCS7:
        return "a PKCS#7 bundle"
    if inside[:4] == b"\x02\x01\x03\x30":
        return "a PKCS#12 archive"
    if length(data) != len(data) or len(data) > MAX_CERTIFICATE_BYTES:
        return None
    with without_warnings():
        for load, name in (
            (x509.load_der_x509_csr, "a certificate request (CSR)"),
            (x509.load_der_x509_crl, "a certificate revocation list"),
            (load_der_public_key, "a public key"),
        ):
            try:
                load(data)
            except Exception:
                continue
            return name
    return None


def _key_facts(public: object) -> tuple[str, int | None, str | None]:
    match public:
        case rsa.RSAPublicKey():
            return "rsa", public.key_size, None
        case ec.EllipticCurvePublicKey():
            return "ec", public.key_size, public.curve.name
        case ed25519.Ed25519PublicKey():
            return "ed25519", 256, None
        case ed448.Ed448PublicKey():
            return "ed448", 456, None
        case dsa.DSAPublicKey():
            return "dsa", public.key_size, None
    return "other", None, None


def _is_self_signed(parsed: x509.Certificate) -> bool:
    try:
        parsed.verify_directly_issued_by(parsed)
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return _old_signature_fits(parsed)
    return True


def _old_signature_fits(parsed: x509.Certificate) -> bool:
    """Whether a signature fits the certificate's own key; true where nobody can tell.

    For what ``verify_directly_issued_by`` does not take, which includes the SHA-1 of many a root in use.
    """
    try:
        public, algorithm = parsed.public_key(), parsed.signature_hash_algorithm
        if algorithm is None:
            return False
        match public:
            case rsa.RSAPublicKey():
                public.verify(parsed.signature, parsed.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey():
                public.verify(parsed.signature, parsed.tbs_certificate_bytes, ec.ECDSA(algorithm))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                return False
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return True
    return True


def _subject_key(parsed: x509.Certificate) -> tuple[str, int | None, str | None, str | None]:
    try:
        public = parsed.public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return "other", None, None, None
    return *_key_facts(public), hashlib.sha256(spki).hexdigest()


def _signature_hash(parsed: x509.Certificate) -> str | None:
    try:
        algorithm = parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return algorithm.name if algorithm is not None else None


def _certificate(der: bytes, line: int | None) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    extensions = parsed.extensions
    basic = next((e.value for e in extensions if isinstance(e.value, x509.BasicConstraints)), None)
    alternative = next(
        (e.value for e in extensions if isinstance(e.value, x509.SubjectAlternativeName)), None
    )
    names: list[str] = []
    for name in alternative or ():
        if isinstance(name, (x509.DNSName, x509.IPAddress)):
            names.append(visible(str(name.value)))
    key_type, key_bits, curve, public_key_sha256 = _subject_key(parsed)
    self_issued = parsed.subject.public_bytes() == parsed.issuer.public_bytes()
    self_signed = self_issued and _is_self_signed(parsed)
    return Certificate(
        subject=visible(parsed.subject.rfc4514_string()),
        issuer=visible(parsed.issuer.rfc4514_string()),
        serial=f"{parsed.serial_number:x}",
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        key_type=key_type,
        key_bits=key_bits,
        curve=curve,
        signature_hash=_signature_hash(parsed),
        is_ca=basic.ca if basic is not None else parsed.version is x509.Version.v1 and self_signed,
        is_self_issued=self_issued,
        is_self_signed=self_signed,
        sha256=hashlib.sha256(der).hexdigest(),
        sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest(),
        public_key_sha256=public_key_sha256,
        names=tuple(names),
        der=der,
        line=line,
    )


def certificate(der: bytes, *, line: int | None = None) -> Certificate:
    """The record of a DER certificate.

    :raises Unreadable: it is none, or is damaged.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise Unreadable(
            f"it has {len(der)} bytes: above {MAX_CERTIFICATE_BYTES} no certificate is read, "
            "and no known modem takes one",
            Reason.TOO_LARGE,
            "Have a smaller one issued, with fewer names in it.",
        )
    try:
        with without_warnings():
            return _certificate(der, line)
    except Exception:  # the parser has many ways to refuse; all mean the same here
        if found := _instead(der):
            raise Unreadable(f"its content is {found}", Reason.NOT_A_CERTIFICATE) from None
        raise Unreadable("its content (ASN.1) is damaged or has a form unknown here") from None


def _instead(der: bytes) -> str | None:
    """What stands where a certificate should."""
    try:
        key(der)
    except Unreadable:
        return "a private key" if has_form_of_key(der) else describe(der)
    return "a private key"


def _certificate_or_other(der: bytes) -> str | None:
    """What stands where a private key should."""
    try:
        with without_warnings():
            x509.load_der_x509_certificate(der)
    except Exception:
        return describe(der)
    return "a certificate"


def _form(der: bytes, key_type: str) -> str:
    """The PEM label for the form that a key has: told by what follows the version number."""
    inside = _content(der)
    following = inside[3:4] if inside[:2] == b"\x02\x01" else b""
    if following == b"\x02":
        return "DSA PRIVATE KEY" if key_type == "dsa" else "RSA PRIVATE KEY"
    return "EC PRIVATE KEY" if following == b"\x04" else "PRIVATE KEY"


def key(der: bytes, *, line: int | None = None, had_ec_parameters: bool = False) -> PrivateKey:
    """The record of a DER private key: PKCS#8 (encrypted or not), PKCS#1 or SEC 1.

    :raises Unreadable: it is none, or is damaged.
    """
    if len(der) > MAX_KEY_BYTES:
        if not has_form_of_key(der) and (found := _certificate_or_other(der)):
            raise Unreadable(f"its content is {found}")
        raise Unreadable(
            f"it is a private key of {len(der)} bytes: above {MAX_KEY_BYTES} none is read, "
            "and no known modem takes one",
            Reason.TOO_LARGE,
            "Use an EC key, or an RSA key of 2048 bits, with a certificate issued for it.",
        )
    encrypted = False
    try:
        with without_warnings():
            try:
                public = load_der_private_key(der, None).public_key()
            except TypeError:
                encrypted = True
            else:
                spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # and its words stay here: they could quote the key
        found = _certificate_or_other(der)
        what = f"its content is {found}" if found else "its content is damaged or in a form unknown here"
        raise Unreadable(what) from None
    if encrypted:
        label = "ENCRYPTED PRIVATE KEY"
        return PrivateKey("other", None, None, True, None, label, armour(label, der), had_ec_parameters, line)
    key_type, key_bits, curve = _key_facts(public)
    label = _form(der, key_type)
    return PrivateKey(
        key_type=key_type,
        key_bits=key_bits,
        curve=curve,
        encrypted=False,
        public_key_sha256=hashlib.sha256(spki).hexdigest(),
        label=label,
        pem=armour(label, der),
        had_ec_parameters=had_ec_parameters,
        line=line,
    )


def traditional(pem: bytes) -> bytes:
    """An unencrypted RSA, EC or DSA key in its traditional PEM form."""
    loaded = load_pem_private_key(pem, None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
