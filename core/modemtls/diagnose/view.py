"""What is known of a server, wherever it was seen from, and what the modem holds: the input of a judgement.

A view is a record of what *was* seen.  Another network may be shown another certificate (a portal that
wants a login, a proxy, a server by region), so a view keeps where it is from.  Nothing here connects.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..credentials import Certificate, read
from ..errors import CredentialError, Reason
from ..policy import TlsVersion

__all__ = ["AlertSeen", "Anchor", "Origin", "Sender", "ServerView", "anchors_of", "live_view", "view_of_file"]

_VERSIONS = {
    "TLSv1": TlsVersion.TLS1_0,
    "TLSv1.1": TlsVersion.TLS1_1,
    "TLSv1.2": TlsVersion.TLS1_2,
    "TLSv1.3": TlsVersion.TLS1_3,
}


class Origin(enum.Enum):
    """Where a view of a server is from."""

    HOST = "this computer's own network"
    FILE = "a file"
    PROBE = "the probe server's record"
    MODEM = "the modem"


class Sender(enum.Enum):
    """Who sent an alert."""

    MODEM = "modem"
    SERVER = "server"


@dataclass(frozen=True)
class AlertSeen:
    """A TLS alert that was seen on the way between modem and server: its number, and who sent it."""

    number: int
    sender: Sender


@dataclass(frozen=True)
class ServerView:
    """What is known of a server.

    ``chain``: the certificates as sent, as DER, in order; empty when none was seen.
    ``host``: the name or address that was asked for.
    ``version``/``cipher``: what was agreed on with whoever looked; ``versions``: all that the server
    was found to take, where that was tried.
    ``with_sni``: whether the host was named when the chain was seen; ``chain_without_sni``: what the
    server sends when it is not.  ``None`` throughout is "not known".
    """

    host: str
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    origin: Origin = Origin.HOST
    version: TlsVersion | None = None
    cipher: str | None = None
    versions: frozenset[TlsVersion] | None = None
    alert: AlertSeen | None = None
    with_sni: bool | None = None
    chain_without_sni: tuple[bytes, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Anchor:
    """A certificate that the modem holds (DER), and where, e.g. ``"slot 19"``."""

    der: bytes = field(repr=False)
    where: str = ""


def anchors_of(certificates: Iterable[Certificate], where: str = "") -> tuple[Anchor, ...]:
    """Certificates that were read from a file or a journal, as anchors."""
    return tuple(Anchor(certificate.der, where) for certificate in certificates)


def view_of_file(data: bytes, *, host: str, source: str = "<data>") -> ServerView:
    """The view that a file gives: its certificates (PEM or DER), in their order, as the server's chain.

    :raises CredentialError: the file is damaged, or has no certificate.
    """
    file = read(data, source=source)
    if not file.certificates:
        raise CredentialError(
            f"Reading a server's chain from {file.source}: no certificate is in it.",
            remedy="Save it with: openssl s_client -connect HOST:443 -servername HOST -showcerts",
            reasons={Reason.NOT_A_CERTIFICATE},
        )
    return ServerView(host, tuple(certificate.der for certificate in file.certificates), Origin.FILE)


def live_view(
    host: str,
    chain: Iterable[bytes],
    *,
    version: str | TlsVersion | None = None,
    cipher: str | None = None,
    alert: AlertSeen | None = None,
    with_sni: bool | None = None,
    origin: Origin = Origin.HOST,
) -> ServerView:
    """The view that a handshake gave: ``chain`` as DER, leaf first; ``version`` as ssl names it (``"TLSv1.3"``)."""
    known = _VERSIONS.get(version) if isinstance(version, str) else version
    return ServerView(host, tuple(chain), origin, known, cipher, alert=alert, with_sni=with_sni)
