"""Certificates that no builder makes: DER written by hand, with any bytes in any place."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY = ec.generate_private_key(ec.SECP256R1())
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
START, END = b"\x17\x0d260501000000Z", b"\x17\x0d270501000000Z"
CN = bytes.fromhex("0603550403")


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    count = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | count]) + size.to_bytes(count, "big") + body


def name(*values: str | bytes) -> bytes:
    """A Name of common names."""
    return tlv(
        0x30,
        *(
            tlv(0x31, tlv(0x30, CN, tlv(0x0C, value if isinstance(value, bytes) else value.encode())))
            for value in values
        ),
    )


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return tlv(0x30, bytes.fromhex(oid), *([b"\x01\x01\xff"] if critical else []), tlv(0x04, value))


def names(*hosts: str | bytes) -> bytes:
    values = (host if isinstance(host, bytes) else host.encode() for host in hosts)
    return extension("0603551d11", tlv(0x30, *(tlv(0x82, value) for value in values)))


def ca(path_length: int | None = None) -> bytes:
    limit = [] if path_length is None else [tlv(0x02, bytes([path_length]))]
    return extension("0603551d13", tlv(0x30, b"\x01\x01\xff", *limit), critical=True)


def spki(key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def huge_rsa(bits: int, exponent: int = 65537) -> bytes:
    """The public half of an RSA key that nobody has."""
    modulus = (1 << (bits - 1)) | 0x10001
    return (
        rsa.RSAPublicNumbers(exponent, modulus)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def certificate(
    subject: bytes,
    issuer: bytes | None = None,
    *,
    serial: bytes = b"\x02\x01\x07",
    start: bytes = START,
    end: bytes = END,
    public: bytes | None = None,
    extensions: Sequence[bytes] = (),
    signed_by: ec.EllipticCurvePrivateKey = KEY,
    algorithm: bytes = ECDSA_SHA256,
    signature: bytes | None = None,
) -> bytes:
    """A certificate of these parts; the signature fits unless one is given."""
    body = [
        tlv(0xA0, b"\x02\x01\x02"),
        serial,
        algorithm,
        issuer if issuer is not None else subject,
        tlv(0x30, start, end),
        subject,
        public or spki(),
    ]
    if extensions:
        body.append(tlv(0xA3, tlv(0x30, *extensions)))
    signed = tlv(0x30, *body)
    made = signature if signature is not None else signed_by.sign(signed, ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, signed, algorithm, tlv(0x03, b"\0", made))
