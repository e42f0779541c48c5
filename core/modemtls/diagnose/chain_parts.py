"""The certificates of a chain, read once: what a judgement asks of them, as plain values.

Certificates come from strangers.  What cannot be read is kept as :class:`Unread` with the reason, and
never stops the rest; sizes and counts are bounded; every text in a :class:`Link` is safe to print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from ..credentials import Certificate, der
from ..credentials.records import visible
from .view import Anchor

__all__ = ["MAX_CERTIFICATES", "Link", "Pool", "Unread", "read_anchors", "read_chain", "shown"]

MAX_CERTIFICATES = 100
"""More than that of a server's are not looked at: none sends so many."""
MAX_STORED = 500
"""The same for what is stored; a computer's own set of roots has room in it."""
MAX_BYTES = 1024 * 1024

E = TypeVar("E", bound=x509.ExtensionType)
Name = tuple[tuple[tuple[str, str], ...], ...]


def shown(text: str, limit: int = 100) -> str:
    """``text`` from a certificate or a user, harmless for a terminal and not longer than ``limit``."""
    safe = visible(text[: limit + 1])
    return safe if len(safe) <= limit else f"{safe[:limit]}…"


@dataclass(frozen=True, eq=False)
class Link:
    """One certificate, where it is from, and its extensions as far as a judgement needs them.

    ``subject``/``issuer``: for comparison, without regard to case and blanks.  ``is_ca``: what
    basicConstraints says, ``None`` without it.  ``position``: where it stands among the sent ones,
    ``None`` when it was not sent.  ``where``: the same for people ("sent as number 2", "slot 19").
    """

    record: Certificate
    parsed: x509.Certificate = field(repr=False)
    where: str
    position: int | None
    subject: Name = field(repr=False)
    issuer: Name = field(repr=False)
    subject_key: bytes | None = field(repr=False)
    authority_key: bytes | None = field(repr=False)
    is_ca: bool | None
    path_length: int | None
    key_usage: x509.KeyUsage | None = field(repr=False)
    extended_usage: frozenset[str] | None
    constraints: x509.NameConstraints | None = field(repr=False)
    dns_names: tuple[str, ...] = field(repr=False)
    addresses: tuple[str, ...] = field(repr=False)
    has_names: bool
    common_name: str | None
    issuer_url: str | None
    unknown_critical: tuple[str, ...]

    @property
    def name(self) -> str:
        """Who it is for, to be printed."""
        return shown(self.record.subject) or f"(no subject, serial {self.record.serial[:40]})"

    @property
    def issuer_name(self) -> str:
        """Who issued it, to be printed."""
        return shown(self.record.issuer) or "(an issuer without a name)"

    @property
    def digest(self) -> str:
        """A line of evidence: which certificate exactly."""
        return f"{self.where}: {self.name}, sha256 {self.record.sha256}"

    @property
    def signs_certificates(self) -> bool:
        """By its own words it is a CA."""
        return self.record.is_ca


@dataclass(frozen=True)
class Unread:
    """A certificate that cannot be read, and why, as the end of a sentence.

    ``is_torn``: it is no whole DER object, so that nobody can read it; otherwise the parser used here is
    the one that cannot, and a modem's may be more patient.
    """

    where: str
    position: int | None
    why: str
    size: int
    is_torn: bool


@dataclass(frozen=True)
class Pool:
    """What was read: the certificates in their order, each once; what could not be read; what was left out."""

    links: tuple[Link, ...]
    unread: tuple[Unread, ...] = ()
    repeated: tuple[str, ...] = ()
    left_out: int = 0


def read_chain(chain: Sequence[bytes]) -> Pool:
    """The certificates that a server sent."""
    items = ((data, f"sent as number {number}", number - 1) for number, data in enumerate(chain, 1))
    return _read(items, MAX_CERTIFICATES)


def read_anchors(anchors: Iterable[Anchor]) -> Pool:
    """The certificates that a modem, or somebody else, holds."""
    items = ((anchor.der, shown(anchor.where) or "stored in the modem", None) for anchor in anchors)
    return _read(items, MAX_STORED)


def _read(items: Iterable[tuple[bytes, str, int | None]], most: int) -> Pool:
    links: dict[bytes, Link] = {}
    unread: list[Unread] = []
    repeated: list[str] = []
    left_out = total = 0
    for data, where, position in items:
        if data in links:
            repeated.append(links[data].digest)
            continue
        total += len(data)
        if len(links) + len(unread) >= most or total > MAX_BYTES:
            left_out += 1
            continue
        try:
            link = _link(data, where, position)
        except der.Unreadable as error:
            unread.append(Unread(where, position, str(error), len(data), der.length(data) != len(data)))
        except Exception:  # the parser has many ways to refuse; all mean the same here
            torn = der.length(data) != len(data)
            unread.append(Unread(where, position, "its content (ASN.1) is damaged", len(data), torn))
        else:
            links[data] = link
    return Pool(tuple(links.values()), tuple(unread), tuple(repeated), left_out)


def _link(data: bytes, where: str, position: int | None) -> Link:
    record = der.certificate(data)
    with der.without_warnings():
        parsed = x509.load_der_x509_certificate(data)
    extensions = {type(each.value): each for each in parsed.extensions}

    def value(kind: type[E]) -> E | None:
        found = extensions.get(kind)
        return found.value if found is not None and isinstance(found.value, kind) else None

    basic, authority = value(x509.BasicConstraints), value(x509.AuthorityKeyIdentifier)
    subject_key, names = value(x509.SubjectKeyIdentifier), value(x509.SubjectAlternativeName)
    usage = value(x509.ExtendedKeyUsage)
    return Link(
        record=record,
        parsed=parsed,
        where=where,
        position=position,
        subject=_comparable(parsed.subject),
        issuer=_comparable(parsed.issuer),
        subject_key=subject_key.digest if subject_key is not None else None,
        authority_key=authority.key_identifier if authority is not None else None,
        is_ca=basic.ca if basic is not None else None,
        path_length=basic.path_length if basic is not None else None,
        key_usage=value(x509.KeyUsage),
        extended_usage=frozenset(each.dotted_string for each in usage) if usage is not None else None,
        constraints=value(x509.NameConstraints),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names is not None else (),
        addresses=_addresses(names),
        has_names=names is not None,
        common_name=_common_name(parsed.subject),
        issuer_url=_issuer_url(value(x509.AuthorityInformationAccess)),
        unknown_critical=tuple(
            each.oid.dotted_string
            for each in parsed.extensions
            if each.critical and isinstance(each.value, x509.UnrecognizedExtension)
        ),
    )


def _comparable(name: x509.Name) -> Name:
    return tuple(
        tuple(
            sorted(
                (
                    attribute.oid.dotted_string,
                    " ".join(attribute.value.casefold().split())
                    if isinstance(attribute.value, str)
                    else attribute.value.hex(),
                )
                for attribute in rdn
            )
        )
        for rdn in name.rdns
    )


def _addresses(names: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    # A network may be written where an address belongs; it is for no host.
    values = names.get_values_for_type(x509.IPAddress) if names is not None else []
    return tuple(str(each) for each in values if isinstance(each, (IPv4Address, IPv6Address)))


def _common_name(name: x509.Name) -> str | None:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = found[-1].value if found else None
    return value if isinstance(value, str) else None


def _issuer_url(access: x509.AuthorityInformationAccess | None) -> str | None:
    for each in access or ():
        if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS and isinstance(
            each.access_location, x509.UniformResourceIdentifier
        ):
            url = each.access_location.value
            return url if re.fullmatch(r"https?://[!-~]{1,200}", url) else None
    return None
