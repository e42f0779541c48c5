"""What is known of a server or of the modem's TLS from elsewhere: a chain in a file, the record of a probe.

The record of ``modemtls probe-server`` holds what this very modem offered, and which checks it was seen to make: that
outweighs what its model declares.  Where the URL is one of the probe's own ports, the record has the chain and the
modem's alert too.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ..credentials import read
from ..errors import Certainty
from ..policy import Check, TlsVersion
from ..probe import Outcome, conclude, from_json
from ..stack import StackProfile, Trait
from .look import Look, counted
from .view import AlertSeen, Origin, Sender, ServerView, view_of_file

if TYPE_CHECKING:
    from ..probe import ProbeResult, Seen

__all__ = ["chain_file", "probe_record"]

T = TypeVar("T")
MAX_RECORD_CHARACTERS = 16 * 1024 * 1024
_SOURCE = "the record of the probe server"


def chain_file(data: bytes, *, host: str, source: str = "<data>") -> Look:
    """The server's chain as it stands in a file (PEM or DER, in its order).

    :raises CredentialError: the file is damaged, or has no certificate.
    """
    view = view_of_file(data, host=host, source=source)
    return Look(view, lines=(f"{counted(len(view.chain))} in {source}",))


def probe_record(text: str, *, host: str, port: int, stack: StackProfile) -> tuple[Look | None, StackProfile]:
    """What the record says of ``host:port``, if that is one of its stations, and of the modem's TLS stack.

    :raises ValueError: it is no such record, or damaged.
    """
    if len(text) > MAX_RECORD_CHARACTERS:
        raise ValueError(f"it has more than {MAX_RECORD_CHARACTERS} characters")
    of, chains, seen = from_json(text)
    ports = json.loads(text).get("ports")
    station = next(
        (str(name) for name, number in (ports if isinstance(ports, dict) else {}).items() if number == port),
        None,
    )
    learned = learn(stack, conclude(seen))
    if of != host or station is None or station not in chains:
        return None, learned
    der = tuple(
        certificate.der for certificate in read(chains[station].encode(), source=_SOURCE).certificates
    )
    last = next((each for each in reversed(seen) if each.station == station), None)
    return Look(_view(host, der, last), lines=(f"station {station} of the probe server",)), learned


def _view(host: str, der: tuple[bytes, ...], last: Seen | None) -> ServerView:
    view = ServerView(host, der, Origin.PROBE, with_sni=True)
    if last is None or last.outcome is not Outcome.REFUSED or last.alert is None:
        return view
    return replace(view, alert=AlertSeen(last.alert, Sender.MODEM))


def learn(stack: StackProfile, result: ProbeResult) -> StackProfile:
    """``stack`` with what a probe has shown in place of what was declared or assumed."""
    changes: dict[str, Trait[Any]] = {}
    versions = [version for version in TlsVersion if str(version) in result.versions]
    if versions:
        changes |= {"minimum_version": _seen(min(versions)), "maximum_version": _seen(max(versions))}
    if result.sends_server_name is not None:
        changes["sends_sni"] = _seen(result.sends_server_name)
    for check, name in ((Check.HOSTNAME, "compares_names"), (Check.DATES, "checks_dates")):
        made = result.makes(check)
        if made is not None:
            changes[name] = _seen(made)
    return replace(stack, **changes)


def _seen(value: T) -> Trait[T]:
    return Trait(value, Certainty.DERIVED, _SOURCE)
