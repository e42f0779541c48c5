"""Looks at a server, from this computer's own network or through the modem, and what they come to.

The modem's network is the one that counts: where the modem has a plain TCP stream, the look goes through it, with the
TLS of this computer.  Another network may be shown another certificate, so a view says where it is from.  Each look is
a connection of its own that ends with the handshake.
"""

from __future__ import annotations

import socket as sockets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import Certainty, ModemError, Reason
from ..findings import Finding, Severity
from ..op import Now
from ..policy import TlsVersion
from .chain_parts import shown
from .glance import Glance, Manner, Sight
from .standards import ALERTS
from .view import Origin, ServerView

if TYPE_CHECKING:
    from ..driver import Driver
    from ..leases import Leases
    from ..stack import StackProfile

__all__ = ["Look", "counted", "from_host", "look_findings", "through_modem"]

_READ = 65_536
_LINGER = 1.0
_FIRST = "first"
_WITHOUT_NAME = "without the host's name"
_CAPPED = "by no newer version than the modem's"
_VERSIONS = {f"only {version}": Manner(minimum=version, maximum=version) for version in sorted(TlsVersion)}


@dataclass(frozen=True)
class Look:
    """What was seen of a server: ``view`` for the judgement, ``lines`` for people, and each look by its name.

    ``trouble``: why nothing was seen, or ``None``; ``reason``: the same for programs, where it is one of a few.
    """

    view: ServerView
    sights: tuple[tuple[str, Sight], ...] = ()
    lines: tuple[str, ...] = ()
    trouble: str | None = None
    reason: Reason | None = None

    @property
    def first(self) -> Sight:
        """The look that offers the most."""
        return dict(self.sights).get(_FIRST, Sight())


def _wanted(
    stack: StackProfile | None, *, thorough: bool
) -> Iterator[tuple[str, Callable[[Sight], Manner | None]]]:
    """The looks to make, each decided by what the first one showed."""

    def without_name(_: Sight) -> Manner | None:
        needed = thorough or (stack is not None and not stack.sends_sni.value)
        return Manner(names_host=False) if needed else None

    def capped(first: Sight) -> Manner | None:
        if stack is None or thorough or first.version is None or first.version <= stack.maximum_version.value:
            return None
        return Manner(maximum=stack.maximum_version.value)

    yield _WITHOUT_NAME, without_name
    yield _CAPPED, capped
    if thorough:
        for name, manner in _VERSIONS.items():
            yield name, lambda _, manner=manner: manner  # type: ignore[misc]


def from_host(host: str, port: int, *, stack: StackProfile | None = None, timeout: float = 20.0) -> Look:
    """Look from this computer's own network, by several versions, within ``timeout`` seconds in all.

    Never raises for what the server or the network does: the look says it.
    """
    deadline = time.monotonic() + timeout
    sights: dict[str, Sight] = {}
    try:
        sights[_FIRST] = _tried(host, port, Manner(), deadline)
        if not sights[_FIRST].is_not_tls:
            for name, decide in _wanted(stack, thorough=True):
                manner = decide(sights[_FIRST])
                if manner is not None and time.monotonic() < deadline:
                    sights[name] = _tried(host, port, manner, deadline)
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        if _FIRST not in sights:
            trouble = f"this computer cannot reach it: {why}"
            return Look(ServerView(host, origin=Origin.HOST), trouble=trouble, reason=_reason_of(error))
    return concluded(host, sights, Origin.HOST)


def _reason_of(error: OSError) -> Reason | None:
    if isinstance(error, sockets.gaierror):
        return Reason.NAME_NOT_RESOLVED
    if isinstance(error, ConnectionRefusedError):
        return Reason.REFUSED
    return Reason.TIMEOUT if isinstance(error, TimeoutError) else None


def _tried(host: str, port: int, manner: Manner, deadline: float) -> Sight:
    try:
        return _glance_from_host(host, port, manner, deadline)
    except ValueError as error:
        return Sight(trouble=str(error), is_local=True)


def _glance_from_host(host: str, port: int, manner: Manner, deadline: float) -> Sight:
    def left(most: float = 10.0) -> float:
        return max(0.05, min(most, deadline - time.monotonic()))

    glance = Glance(host, manner)
    with sockets.create_connection((host.strip("[]"), port), timeout=left()) as connection:
        while not glance.over:
            try:
                if data := glance.outgoing():
                    connection.settimeout(left())
                    connection.sendall(data)
                connection.settimeout(left(_LINGER if glance.lingers else 10.0))
                glance.feed(connection.recv(_READ))
            except TimeoutError:
                glance.timed_out()
            except (ConnectionError, BrokenPipeError):
                glance.feed(b"")
    return glance.sight()


async def through_modem(
    driver: Driver, leases: Leases, host: str, port: int, *, stack: StackProfile, timeout: float
) -> Look:
    """Look through the modem's plain TCP stream: one connection, or up to three where the stack differs.

    :raises NetworkError: no way to the server.
    """
    try:
        sights = {_FIRST: await _glance_by_modem(driver, leases, host, port, Manner(), timeout)}
    except ValueError as error:
        return Look(ServerView(host, origin=Origin.MODEM), trouble=f"no look could be taken: {error}")
    if not sights[_FIRST].is_not_tls and not sights[_FIRST].timed_out:
        for name, decide in _wanted(stack, thorough=False):
            manner = decide(sights[_FIRST])
            if manner is None:
                continue
            try:
                sights[name] = await _glance_by_modem(driver, leases, host, port, manner, timeout)
            except (ModemError, ValueError):
                break  # the first look stands
    return concluded(host, sights, Origin.MODEM)


class _Holder:
    """Who holds the socket of a look."""


async def _glance_by_modem(
    driver: Driver, leases: Leases, host: str, port: int, manner: Manner, timeout: float
) -> Sight:
    glance = Glance(host, manner)
    holder = _Holder()
    socket = await leases.socket(holder)
    try:
        deadline = await Now() + timeout
        await driver.open_stream(socket, host, port, security_profile=None, timeout=timeout)
        while not glance.over:
            if data := glance.outgoing():
                await driver.send_stream(socket, data)
            left = min(_LINGER if glance.lingers else 15.0, deadline - await Now())
            came = await driver.receive_stream(socket, _READ, left) if left > 0 else None
            if came is None:
                glance.timed_out()
            else:
                glance.feed(came)
    finally:
        if leases.holds(socket, holder):
            await driver.close_stream(socket)
            leases.give_back(socket)
    return glance.sight()


def concluded(host: str, sights: Mapping[str, Sight], origin: Origin) -> Look:
    """One view from several looks."""
    first = sights[_FIRST]
    view = ServerView(host, first.chain, origin, first.version, first.cipher, with_sni=True)
    bare = sights.get(_WITHOUT_NAME)
    if bare is not None and bare.chain:
        view = replace(view, chain_without_sni=bare.chain)
    view = replace(view, versions=_versions(sights))
    lines = [_line(name, sight) for name, sight in sights.items()]
    return Look(view, tuple(sights.items()), tuple(lines))


def _versions(sights: Mapping[str, Sight]) -> frozenset[TlsVersion] | None:
    """All that the server takes, when that was tried to the end."""
    exact = {manner.maximum: sights[name] for name, manner in _VERSIONS.items() if name in sights}
    taken = frozenset(version for version, sight in exact.items() if sight.chain or sight.is_complete)
    if len(exact) == len(_VERSIONS) and taken:
        definite = all(version in taken or sight.refuses or sight.closed for version, sight in exact.items())
        return taken if definite else None
    capped, first = sights.get(_CAPPED), sights[_FIRST]
    if capped is not None and capped.refuses and first.version is not None:
        return frozenset({first.version})
    return None


def _line(name: str, sight: Sight) -> str:
    what = "" if name == _FIRST else f"{name}: "
    if sight.is_not_tls:
        return f"{what}no TLS: it begins with {shown(repr(sight.first_bytes)[2:-1], 40)}"
    asked = ", asks for a client certificate" if sight.wants_certificate else ""
    if sight.is_complete:
        return f"{what}{sight.version}, {sight.cipher}, {counted(len(sight.chain))}{asked}"
    alert = "" if sight.alert is None else f", alert {sight.alert}{_alert_name(sight.alert)}"
    return f"{what}no handshake: {shown(sight.trouble or 'no reason given')}{alert}{asked}"


def counted(certificates: int) -> str:
    """So many certificates, in words."""
    return f"{certificates} certificate{'' if certificates == 1 else 's'}"


def _alert_name(number: int) -> str:
    return f" ({ALERTS[number].name})" if number in ALERTS else ""


def look_findings(look: Look, *, port: int, shows_certificate: bool) -> tuple[Finding, ...]:
    """What the looks themselves show of a cause; ``shows_certificate``: the modem has a client certificate to show."""
    first = look.first
    sure = Certainty.DERIVED if look.view.origin is Origin.MODEM else Certainty.GUESSED
    where = f"seen from {look.view.origin.value}"
    evidence = (*(f"{where}: {line}" for line in look.lines[:1]),)
    host = shown(look.view.host, 80)
    if look.reason is not None:
        return (
            Finding(
                look.reason, Severity.WARNING, Certainty.GUESSED,
                f"{host} cannot be reached from {look.view.origin.value} either: {shown(look.trouble or '')}.",
                "Check host and port, and whether the server runs.", (where,),
            ),
        )  # fmt: skip
    if first.is_not_tls:
        begins = first.first_bytes.lstrip()[:5].upper() in (b"HTTP/", b"<!DOC", b"<HTML")
        what = "plain HTTP" if begins else "something else than TLS"
        return (
            Finding(
                Reason.NOT_TLS, Severity.ERROR, sure,
                f"{host} speaks {what} on port {port}, where TLS was expected.",
                "Ask on the port of the HTTPS service: https://HOST:443/", evidence,
            ),
        )  # fmt: skip
    found = []
    insists = bool(first.wants_certificate) and not first.is_complete
    if first.wants_certificate and not shows_certificate:
        found.append(
            Finding(
                Reason.CLIENT_CERTIFICATE_MISSING,
                Severity.ERROR if insists else Severity.WARNING,
                sure if insists else Certainty.GUESSED,
                f"{host} wants a client certificate, and the modem has none to show."
                if insists
                else f"{host} asks for a client certificate, and the modem has none to show; whether it does without"
                " did not show.",
                "Give certificate and key: modemtls request … --cert FILE --key FILE", evidence,
            )
        )  # fmt: skip
    elif first.wants_certificate:
        severity = Severity.ERROR if insists else Severity.WARNING
        found.append(
            Finding(
                Reason.KEY_MISMATCH, severity, Certainty.GUESSED,
                f"{host} asks for a client certificate; the key that the modem holds may not be that of the certificate"
                " that it shows.",
                "Import both anew as a pair: modemtls request … --cert FILE --key FILE", evidence,
            )
        )  # fmt: skip
        found.append(
            Finding(
                Reason.CLIENT_CERTIFICATE_REFUSED, severity, Certainty.GUESSED,
                f"{host} asks for a client certificate; it may not accept the one that the modem shows.",
                "Check its dates, its issuer and that the key is its own: modemtls cert lint FILE", evidence,
            )
        )  # fmt: skip
    if not first.chain:
        found += _without_chain(first, host, sure, evidence)
    return tuple(found)


def _without_chain(first: Sight, host: str, sure: Certainty, evidence: tuple[str, ...]) -> list[Finding]:
    if first.alert in ALERTS:
        row = ALERTS[first.alert]
        # This computer named the host, and it sees whether a certificate is asked for.
        excluded = {Reason.SNI_NEEDED} if first.wants_certificate is None else {
            Reason.SNI_NEEDED, Reason.CLIENT_CERTIFICATE_MISSING, Reason.CLIENT_CERTIFICATE_REFUSED
        }  # fmt: skip
        reasons = (row.reasons - excluded) or row.reasons
        return [
            Finding(
                reason, Severity.ERROR, Certainty.GUESSED,
                f"{host} refuses this computer's TLS too, with the alert {first.alert} ({row.name}): {row.meaning}.",
                None, evidence, row.source,
            )
            for reason in sorted(reasons, key=list(Reason).index)
        ]  # fmt: skip
    if first.timed_out:
        return [
            Finding(
                Reason.TIMEOUT, Severity.ERROR, sure,
                f"{host} takes the connection and then does not answer in TLS.",
                "Look at the server: its load, and whether this port is that of its TLS service.", evidence,
            )
        ]  # fmt: skip
    if first.closed:
        return [
            Finding(
                Reason.CONNECTION_LOST, Severity.ERROR, sure,
                f"{host} closes the connection in the handshake, and does not say why.",
                "Look at the server's own log; a filter on the way can do this too.", evidence,
            )
        ]  # fmt: skip
    return []
