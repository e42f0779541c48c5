"""What the probe server shows: chains and versions, each on a port of its own, made on the spot by a CA of its own.

Each station differs from the good one in one thing.  So a refusal of it proves that this thing is checked, if
the good station was accepted; and an acceptance proves that it is not.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..policy import Check, TlsVersion

__all__ = ["STATIONS", "Authority", "Prepared", "Station", "prepare"]

_WRONG_NAME = "another-name.invalid"
_ANY = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Station:
    """One port of the probe server.

    ``refusal_shows``: the check that a refusal of it proves.  ``shows``: what it is for, for people.
    """

    name: str
    shows: str
    refusal_shows: Check | None = None
    key: str = "ec-256"
    version: TlsVersion | None = None
    chain: str = "good"
    wants_client_certificate: bool = False
    needs_name: bool = False
    is_plain: bool = False


STATIONS = (
    Station("good", "a certificate that is right in everything, with its intermediate"),
    Station("wrong-root", "a chain of another CA that has the same name", Check.CHAIN, chain="wrong-root"),
    Station("self-signed", "a certificate that nobody issued", Check.CHAIN, chain="self-signed"),
    Station("expired", "a certificate that has ended", Check.DATES, chain="expired"),
    Station("not-yet-valid", "a certificate that begins later", Check.DATES, chain="not-yet-valid"),
    Station("wrong-name", "a certificate for another name", Check.HOSTNAME, chain="wrong-name"),
    Station("missing-intermediate", "the certificate alone, without its intermediate", chain="missing-intermediate"),
    Station("rsa-2048", "an RSA key of 2048 bits", key="rsa-2048"),
    Station("rsa-4096", "an RSA key of 4096 bits", key="rsa-4096"),
    Station("ec-384", "a key on P-384, signed with SHA-384", key="ec-384"),
    Station("tls-1.0", "TLS 1.0 only", version=TlsVersion.TLS1_0, key="rsa-2048"),
    Station("tls-1.1", "TLS 1.1 only", version=TlsVersion.TLS1_1, key="rsa-2048"),
    Station("tls-1.2", "TLS 1.2 only", version=TlsVersion.TLS1_2),
    Station("tls-1.3", "TLS 1.3 only", version=TlsVersion.TLS1_3),
    Station("client-certificate", "asks for a client certificate", wants_client_certificate=True),
    Station("name-needed", "refuses a client that sends no server name (SNI)", needs_name=True),
    Station("plain", "no TLS: a client that speaks first without TLS is found out", is_plain=True),
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A station with the context that serves it; ``None`` without TLS.  ``chain`` is what it sends, as PEM."""

    station: Station
    context: ssl.SSLContext | None
    chain: bytes = b""


class Authority:
    """A root with an intermediate, and what they issue.  Keys stay in memory.

    ``common_name``: two authorities of one name have different keys, as an impostor's would.  ``key``: of root and
    intermediate, ``ec-256`` or ``rsa-2048``.
    """

    def __init__(
        self, common_name: str = "modemtls probe", now: datetime | None = None, *, key: str = "ec-256"
    ) -> None:
        self._now = now or datetime.now(UTC)
        self.key = key
        self._root_name = _name(f"{common_name} root")
        self._issuer_name = _name(f"{common_name} intermediate")
        self._root_key, self._issuer_key = _new_key(key), _new_key(key)
        self.root = self._certificate(
            self._root_name, self._root_key, self._root_name, self._root_key, path_length=1
        )
        self.intermediate = self._certificate(
            self._issuer_name, self._issuer_key, self._root_name, self._root_key, path_length=0
        )

    @property
    def root_pem(self) -> bytes:
        """The root, to be trusted by the modem for the time of the probe."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    @property
    def intermediate_pem(self) -> bytes:
        """The intermediate, for stacks that do not use the one that is sent."""
        return self.intermediate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, names: Sequence[str], *, key: str, begins: timedelta, ends: timedelta, self_signed: bool = False
    ) -> tuple[PrivateKey, x509.Certificate]:
        """A server certificate for ``names``, with its key; times are relative to now."""
        own = _new_key(key)
        issuer, signer = (_name(names[0]), own) if self_signed else (self._issuer_name, self._issuer_key)
        return own, self._certificate(_name(names[0]), own, issuer, signer, names, begins, ends)

    def _certificate(
        self,
        subject: x509.Name,
        key: PrivateKey,
        issuer: x509.Name,
        signer: PrivateKey,
        names: Sequence[str] = (),
        begins: timedelta = timedelta(days=-1),
        ends: timedelta = timedelta(days=30),
        path_length: int | None = None,
    ) -> x509.Certificate:
        is_ca = not names
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + begins)
            .not_valid_after(self._now + ends)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, content_commitment=False, key_encipherment=not is_ca,
                    data_encipherment=False, key_agreement=False, key_cert_sign=is_ca, crl_sign=is_ca,
                    encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
        )  # fmt: skip
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        large = isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256
        return builder.sign(signer, hashes.SHA384() if large else hashes.SHA256())


def prepare(
    names: Sequence[str], authority: Authority, stations: Sequence[Station] = STATIONS
) -> list[Prepared]:
    """The stations for servers of these names; RSA keys make this take seconds."""
    name = authority.root.subject.rfc4514_string().removeprefix("CN=").removesuffix(" root")
    impostor = Authority(name, authority._now, key=authority.key)
    return [_prepare(station, names, authority, impostor) for station in stations]


def _prepare(station: Station, names: Sequence[str], authority: Authority, impostor: Authority) -> Prepared:
    if station.is_plain:
        return Prepared(station, None)
    begins, ends = timedelta(days=-1), timedelta(days=30)
    if station.chain == "expired":
        begins, ends = timedelta(days=-60), timedelta(days=-30)
    elif station.chain == "not-yet-valid":
        begins, ends = timedelta(days=365), timedelta(days=395)
    issuer = impostor if station.chain == "wrong-root" else authority
    key, leaf = issuer.issue(
        [_WRONG_NAME] if station.chain == "wrong-name" else names,
        key=station.key,
        begins=begins,
        ends=ends,
        self_signed=station.chain == "self-signed",
    )
    sent = [leaf]
    if station.chain not in ("missing-intermediate", "self-signed"):
        sent.append(issuer.intermediate)
    chain = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in sent)
    return Prepared(station, _context(station, key, chain, authority), chain)


def _context(station: Station, key: PrivateKey, chain: bytes, authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_ANY)  # whatever the modem can do is to show
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is asked about
        low, high = station.version or TlsVersion.TLS1_0, station.version or TlsVersion.TLS1_3
        context.minimum_version = ssl.TLSVersion(int(low))
        context.maximum_version = ssl.TLSVersion(int(high))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:  # readable by its owner alone; the key lives for one probe
        file = Path(folder) / "station.pem"
        file.write_bytes(private + chain)
        context.load_cert_chain(file)
    if station.wants_client_certificate:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=authority.root_pem.decode("ascii"))
    if station.needs_name:
        context.sni_callback = _refuse_without_name
    return context


def _refuse_without_name(
    tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext
) -> int | None:
    return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name is None else None


def _new_key(kind: str) -> PrivateKey:
    family, _, size = kind.partition("-")
    if family == "rsa":
        return rsa.generate_private_key(65537, int(size))
    return ec.generate_private_key(ec.SECP384R1() if size == "384" else ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
