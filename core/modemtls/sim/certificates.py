"""What a simulated modem sees in a PEM object: whether it can use it, and what a listing shows.

A modem's parser is no more forgiving than the vendor says: :func:`read_certificates` and
:func:`read_private_key` take PEM only.  ``cryptography`` is loaded when the first object is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["CertificateFacts", "make_self_signed", "pairs", "read_certificates", "read_private_key"]

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.25": "DC",
}


@dataclass(frozen=True)
class CertificateFacts:
    """What a listing may show of a certificate.

    Names have the slash form (``/O=Acme/CN=server.test``); ``not_after`` is ``None`` where RFC 5280's
    "no well-defined end" stands; digests are lower-case hexadecimal of the DER form.
    """

    subject: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime | None
    signature_hash: str
    key_type: str
    sha1: str
    sha256: str
    is_ca: bool


def _blocks(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(match[1], match[0]) for match in _BLOCK.finditer(data)]


def read_certificates(data: bytes, *, allow_cr: bool = True) -> tuple[CertificateFacts, ...]:
    """The certificates of a PEM object, one or several.

    ``allow_cr=False`` refuses CR LF line ends.

    :raises ValueError: there is none, one is damaged, or something else is among them.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    blocks = _blocks(data)
    if not blocks or any(label != b"CERTIFICATE" for label, _ in blocks):
        raise ValueError("no certificate, or something else, in PEM form")
    if data.count(b"-----BEGIN") != len(blocks):
        raise ValueError("a certificate without its end")
    if not allow_cr and b"\r" in data:
        raise ValueError("line ends are not LF")
    try:
        return tuple(_facts(x509.load_pem_x509_certificate(block)) for _, block in blocks)
    except (UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ValueError(f"not a certificate as they are known: {error}") from None


def _facts(certificate: object) -> CertificateFacts:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    assert isinstance(certificate, x509.Certificate)
    key = certificate.public_key()
    kind = (
        "RSA"
        if isinstance(key, rsa.RSAPublicKey)
        else "EC"
        if isinstance(key, ec.EllipticCurvePublicKey)
        else ""
    )
    signature = certificate.signature_hash_algorithm
    end = certificate.not_valid_after_utc
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_ca = False
    return CertificateFacts(
        subject=_slashes(certificate.subject),
        issuer=_slashes(certificate.issuer),
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=None if end.year == 9999 else end,
        signature_hash=signature.name if signature else "",
        key_type=kind,
        sha1=certificate.fingerprint(hashes.SHA1()).hex(),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        is_ca=is_ca,
    )


def _slashes(name: object) -> str:
    from cryptography import x509

    assert isinstance(name, x509.Name)
    parts = []
    for attribute in name:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        clean = "".join("?" if ord(c) < 32 or ord(c) > 126 or c == '"' else c for c in value)
        label = _SHORT.get(attribute.oid.dotted_string, attribute.oid.dotted_string)
        parts.append(f"/{label}={clean}")
    return "".join(parts)


def read_private_key(data: bytes, *, allow_cr: bool = True) -> None:
    """Check that a PEM object is one private key that is not encrypted.

    :raises ValueError: it is not.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    blocks = [entry for entry in _blocks(data) if entry[0] != b"EC PARAMETERS"]
    if len(blocks) != 1 or not blocks[0][0].endswith(b"PRIVATE KEY"):
        raise ValueError("no private key, or more than one, in PEM form")
    if not allow_cr and b"\r" in data:
        raise ValueError("line ends are not LF")
    try:
        load_pem_private_key(blocks[0][1], None)
    except TypeError:
        raise ValueError("the private key is encrypted") from None
    except UnsupportedAlgorithm as error:
        raise ValueError(f"an algorithm that is not known: {error}") from None


def pairs(certificate: bytes, key: bytes) -> bool:
    """The private key belongs to the first certificate; false also for what cannot be read."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        public = x509.load_pem_x509_certificate(certificate).public_key().public_bytes(*form)
        return load_pem_private_key(key, None).public_key().public_bytes(*form) == public
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def make_self_signed(name: str, *, days: int = 365) -> tuple[bytes, bytes]:
    """A certificate for a server called ``name``, signed by itself and valid from yesterday on, and its key; PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
