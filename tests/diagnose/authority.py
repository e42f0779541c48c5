"""Certificate authorities of the tests: right ones, and wrong in one respect each."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from modemtls.diagnose.view import Anchor, Origin, ServerView
from modemtls.model import ClockReading

Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOST = "api.example.org"
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def name_of(common: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    if organization is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def is_ca(self) -> bool:
        """It says that it may issue others."""
        found = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        return found.value.ca

    def anchor(self, where: str = "slot 19") -> Anchor:
        return Anchor(self.der, where)

    def issue(
        self,
        common: str,
        *,
        names: Sequence[str] | None = None,
        ca: bool = False,
        path_length: int | None = None,
        key: Key | None = None,
        signed_by: Key | None = None,
        issuer: x509.Name | None = None,
        days: tuple[float, float] = (-30, 335),
        usage: Sequence[x509.ObjectIdentifier] | None = (SERVER,),
        cert_sign: bool | None = None,
        digital: bool = True,
        basic: bool = True,
        identifiers: bool = True,
        constraints: x509.NameConstraints | None = None,
        organization: str | None = None,
        url: str | None = None,
        algorithm: Hash | None = None,
    ) -> Issued:
        """A certificate below this one."""
        return _make(
            name_of(common, organization),
            self.certificate.subject if issuer is None else issuer,
            key or ec.generate_private_key(ec.SECP256R1()),
            signed_by or self.key,
            self.key if signed_by is None else signed_by,
            names=names,
            ca=ca,
            path_length=path_length,
            days=days,
            usage=None if ca and usage == (SERVER,) else usage,
            cert_sign=ca if cert_sign is None else cert_sign,
            digital=digital,
            basic=basic,
            identifiers=identifiers,
            constraints=constraints,
            url=url,
            algorithm=algorithm or hashes.SHA256(),
        )


def root(
    common: str = "Test Root",
    *,
    key: Key | None = None,
    names: Sequence[str] | None = None,
    ca: bool = True,
    days: tuple[float, float] = (-400, 3000),
    organization: str | None = None,
    path_length: int | None = None,
    basic: bool = True,
    identifiers: bool = True,
    digital: bool = True,
    algorithm: Hash | None = None,
) -> Issued:
    """A self-signed certificate; with ``ca=False`` a server's own."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    name = name_of(common, organization)
    return _make(
        name,
        name,
        own,
        own,
        own,
        names=names,
        ca=ca,
        path_length=path_length,
        days=days,
        usage=None if ca else (SERVER,),
        cert_sign=ca,
        digital=digital,
        basic=basic,
        identifiers=identifiers,
        constraints=None,
        url=None,
        algorithm=algorithm or hashes.SHA256(),
    )


def _make(
    subject: x509.Name,
    issuer: x509.Name,
    key: Key,
    signing: Key,
    named: Key,
    *,
    names: Sequence[str] | None,
    ca: bool,
    path_length: int | None,
    days: tuple[float, float],
    usage: Sequence[x509.ObjectIdentifier] | None,
    cert_sign: bool,
    digital: bool,
    basic: bool,
    identifiers: bool,
    constraints: x509.NameConstraints | None,
    url: str | None,
    algorithm: Hash,
) -> Issued:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
    )
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    builder = builder.add_extension(
        x509.KeyUsage(digital, False, False, False, False, cert_sign, cert_sign, False, False), critical=True
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(each) for each in names]), False
        )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(named.public_key()), critical=False
        )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    if url is not None:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    chosen = None if isinstance(signing, ed25519.Ed25519PrivateKey) else algorithm
    return Issued(builder.sign(signing, chosen), key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def view(*chain: Issued, host: str = HOST) -> ServerView:
    return ServerView(host, tuple(each.der for each in chain), Origin.HOST)


def clock(off: timedelta = timedelta(0), *, is_set: bool = True) -> ClockReading:
    return ClockReading(NOW + off, is_set)


UNSET = ClockReading(datetime(1970, 1, 1, 0, 1, tzinfo=UTC), False)


def public_der(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
