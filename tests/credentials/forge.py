"""Certificates and keys for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
END = START + timedelta(days=365)

OLD_CHAIN = b"""-----BEGIN CERTIFICATE-----
MIIBeTCCASGgAwIBAgIUQ1CNwQGvURbpLN2tUaazkFNXZcowCQYHKoZIzj0EATAT
MREwDwYDVQQDDAhvbGQgcm9vdDAgFw0yNjExMjEwMzU3MDdaGA8yMTI2MTAyODAz
NTcwN1owFTETMBEGA1UEAwwKb2xkIGRldmljZTBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABO03PhzQebirhgKuTQ3F8atSgrYg887AwyyPZ6GSMvXIvYV5g2GS3llT
NZzNqU24TfXj0ZJ0Orishtxme205/tKjUDBOMAwGA1UdEwEB/wQCMAAwHQYDVR0O
BBYEFICm1hJ1DKLkJreHc3pCLA8Sa7rRMB8GA1UdIwQYMBaAFLzIes9Dt35MalJ8
h5FzDGEi4J3ZMAkGByqGSM49BAEDRwAwRAIfGatIlFNQLbnnCbX0lrp/LHku5GVa
Xu+/w9LWqHAHPgIhAMEWVZdiMKGUJC+Y3k9hhLR4SErAqu8xL6AdC7HKTV7I
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBWTCCAQGgAwIBAgIUYf5msUzCnCYkA8w2CH8kdJ9bQuYwCQYHKoZIzj0EATAT
MREwDwYDVQQDDAhvbGQgcm9vdDAgFw0yNjExMjEwMzU3MDdaGA8yMTI2MTAyODAz
NTcwN1owEzERMA8GA1UEAwwIb2xkIHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAAQ/eSrPZscIBDzFH2nBs33fh/KuxkhhIRy7YLY3iHsTSr29YURdNoD4tdOG
vK1AjVz31tXryypFCGdAfFfAVCTcozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1Ud
DgQWBBS8yHrPQ7d+TGpSfIeRcwxhIuCd2TAJBgcqhkjOPQQBA0cAMEQCIB6Byls6
RJvg+y+bku4Ej3ohyyo16m8Ry5axuLmTdKAWAiB0dlOjx0aCb49uZSKxUAx5FJzd
iAUo31Uvui/u5c4odg==
-----END CERTIFICATE-----
"""
"""A leaf and its root, both signed with SHA-1, which the cryptography package only reads."""


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def key_as(
        self,
        form: PrivateFormat = PrivateFormat.PKCS8,
        *,
        password: bytes | None = None,
        encoding: Encoding = Encoding.PEM,
    ) -> bytes:
        how = NoEncryption() if password is None else BestAvailableEncryption(password)
        return self.key.private_bytes(encoding, form, how)


def issue(
    name: str = "device",
    *,
    issuer: Issued | None = None,
    ca: bool | None = False,
    key: Key | None = None,
    start: datetime = START,
    end: datetime = END,
    names: tuple[x509.GeneralName, ...] = (),
) -> Issued:
    """A certificate; self-signed without ``issuer``; ``ca=None`` leaves basicConstraints out."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(0xBEEF)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signer = issuer.key if issuer else key
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return Issued(builder.sign(signer, None), key)
    return Issued(builder.sign(signer, hashes.SHA256()), key)
