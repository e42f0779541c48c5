"""What a TLS connection of a simulated modem uses and checks, and the context made from it.

The host's own policy does not apply: a modem speaks the versions, suites and key sizes that it
speaks.  OpenSSL's security level is therefore 0 (an assumption: what a modem's own stack refuses as
too weak is not published), and what is offered is what the settings say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto

from ..policy import TlsVersion
from . import cipher_suites
from .problems import Failure, Problem

__all__ = [
    "EngineError",
    "Lie",
    "Ticket",
    "TlsSettings",
    "as_really_done",
    "is_anchor",
    "new_context",
    "set_time",
    "without_ticket",
]

# Without !aNULL, security level 0 would bring in suites that need no server certificate at all.
_EVERY_SUITE = "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"


@dataclass(frozen=True)
class Ticket:
    """What resumes a session: opaque.

    It is only used for the same settings, and only while the certificates that it stands for are
    valid by the modem's clock; otherwise a full handshake is made.
    """

    _session: SSL.Session = field(repr=False)
    _context: SSL.Context = field(repr=False)
    _settings: TlsSettings = field(repr=False)
    _host: str
    _not_before: datetime
    _not_after: datetime

    def fits(self, settings: TlsSettings, host: str) -> bool:
        """Whether the checks made for this session cover ``settings`` and ``host``."""
        same = self._host == host and without_ticket(settings) == self._settings
        return same and (not settings.check_dates or self._not_before <= settings.time <= self._not_after)


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """What one TLS connection of a modem uses and checks.

    ``server_name``: sent as SNI unless it is an address, and the name that is checked; ``None`` sends
    none and checks the name that was dialled.  ``cipher_suites``: IANA numbers, in the order of
    preference; empty is everything that OpenSSL has.  ``time``: the modem's clock, aware.
    ``partial_chain``: a stored certificate that is no root is a trust anchor too.
    ``handshake_room``: most bytes of the server's side of a handshake that it has a buffer for.
    ``anchor_dates``: the dates of a certificate that is itself stored as a trust anchor are looked at.

    :raises ValueError: ``time`` has no time zone.
    """

    server_name: str | None
    check_chain: bool
    check_dates: bool
    check_hostname: bool
    minimum: TlsVersion
    maximum: TlsVersion
    time: datetime
    cipher_suites: tuple[int, ...] = ()
    ca_pem: bytes = b""
    certificate_pem: bytes = b""
    key_pem: bytes = field(default=b"", repr=False)
    psk_identity: str | None = field(default=None, repr=False)
    psk: bytes | None = field(default=None, repr=False)
    partial_chain: bool = False
    anchor_dates: bool = True
    handshake_room: int | None = None
    session: Ticket | None = None

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError("the modem's clock is given with a time zone (UTC)")


Lie = Literal["no", "nothing", "no-hostname", "no-dates", "plain"]


def as_really_done(settings: TlsSettings | None, lie: Lie) -> TlsSettings | None:
    """What a modem with this fault makes of what it was told; ``None`` is no TLS."""
    match lie:
        case "plain":
            return None
        case "nothing" if settings is not None:
            return replace(settings, check_chain=False, check_dates=False, check_hostname=False)
        case "no-hostname" if settings is not None:
            return replace(settings, check_hostname=False)
        case "no-dates" if settings is not None:
            return replace(settings, check_dates=False)
    return settings


def without_ticket(settings: TlsSettings) -> TlsSettings:
    """The settings that a ticket is bound to: all but the ticket itself and the time of the day."""
    return replace(settings, session=None, time=datetime.fromtimestamp(0, UTC))


class EngineError(Exception):
    """TLS cannot go on; :attr:`problem` says why.  An alert for the peer may be waiting."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def new_context(settings: TlsSettings) -> SSL.Context:
    """A context with what the settings offer, trust and show; callbacks are the caller's to set.

    :raises EngineError: nothing is left to offer, or a credential cannot be used.
    """
    if settings.psk is not None or settings.psk_identity is not None:
        raise EngineError(Problem(Failure.TLS_HANDSHAKE, "this simulator has no PSK"))
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    _offer(context, settings)
    store = context.get_cert_store()
    assert store is not None
    for certificate in _certificates(settings.ca_pem, "the CA"):
        store.add_cert(crypto.X509.from_cryptography(certificate))
    set_time(context, settings.time)
    if settings.partial_chain:
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    _use_client_credential(context, settings)
    return context


def is_anchor(certificate: crypto.X509, settings: TlsSettings) -> bool:
    """It is one of the certificates that are stored as trust anchors."""
    return certificate.to_cryptography() in _certificates(settings.ca_pem, "the CA")


def set_time(context: SSL.Context, time: datetime) -> None:
    """Verify at ``time`` from now on."""
    store = context.get_cert_store()
    assert store is not None
    store.set_time(time.astimezone(UTC))


def _offer(context: SSL.Context, settings: TlsSettings) -> None:
    minimum, maximum = settings.minimum, settings.maximum
    if minimum > maximum:
        raise EngineError(
            Problem(Failure.TLS_VERSION, f"nothing to offer: at least {minimum}, at most {maximum}")
        )
    older, newer = cipher_suites.split(settings.cipher_suites)
    listed = _EVERY_SUITE
    if settings.cipher_suites:
        # OpenSSL keeps its own defaults where a list is left empty, so the version is held down
        # (or up) to the side of which a suite was named.
        maximum = maximum if newer else min(maximum, TlsVersion.TLS1_2)
        minimum = minimum if older else max(minimum, TlsVersion.TLS1_3)
        listed = ":".join(older) + ":@SECLEVEL=0" if older else _EVERY_SUITE
    numbers = " ".join(f"0x{number:04X}" for number in settings.cipher_suites)
    nothing = Problem(
        Failure.TLS_CIPHER,
        f"nothing to offer: none of the suites {numbers} can be used from {settings.minimum} to "
        f"{settings.maximum} in this simulator",
    )
    if minimum > maximum:
        raise EngineError(nothing)
    try:
        context.set_cipher_list(listed.encode("ascii"))
        if newer:
            context.set_tls13_ciphersuites(":".join(newer).encode("ascii"))
    except SSL.Error:
        raise EngineError(nothing) from None
    context.set_min_proto_version(int(minimum))
    context.set_max_proto_version(int(maximum))


def _certificates(pem: bytes, what: str) -> Iterable[x509.Certificate]:
    if not pem.strip():
        return ()
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EngineError(Problem(Failure.CREDENTIALS, f"{what} cannot be read as PEM: {error}")) from None


def _use_client_credential(context: SSL.Context, settings: TlsSettings) -> None:
    chain = list(_certificates(settings.certificate_pem, "the client certificate"))
    if not chain:
        return
    try:
        key = serialization.load_pem_private_key(settings.key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The parser's own words are left out: they may quote what was found in the key.
        raise EngineError(
            Problem(Failure.CREDENTIALS, "the client's key cannot be read: no unencrypted PEM key is there")
        ) from None
    try:
        context.use_certificate(chain[0])
        for one in chain[1:]:
            context.add_extra_chain_cert(one)
        context.use_privatekey(key)  # type: ignore[arg-type]  # every kind of key that PEM can hold
        context.check_privatekey()
    except (SSL.Error, TypeError):
        raise EngineError(
            Problem(Failure.CREDENTIALS, "the client's key is not the key of its certificate")
        ) from None
