"""``info``, ``clock`` and ``network``: the modem itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from .command import Command, asked
from .connection import Connection, modem_options
from .failures import LocalError
from .models import newest_tls
from .output import facts, say, show_json, when

if TYPE_CHECKING:
    from ..model import ClockReading
    from ..modem import Modem

__all__ = ["clock", "info", "network"]

_FAR = timedelta(days=1)
_WHERE = {"modem": "in the modem", "host": "on this computer, over plain TCP of the modem's"}


@click.command(cls=Command)
@modem_options
def info(connection: Connection) -> None:
    """Tell which modem answers."""
    with connection.open() as modem:
        who = modem.identity
        found = {
            "model": modem.model.name,
            "title": modem.model.title,
            "firmware": modem.firmware,
            "manufacturer": who.manufacturer,
            "product": who.product,
            "revision": who.revision,
            "serial": who.serial,
            "lines": list(who.lines),
            "tls": modem.tls,
            "newest_tls": newest_tls(modem.tls, modem.limits),
            "assumptions": list(modem.model.assumptions),
        }
    if asked().json:
        show_json(**found)
        return
    facts(
        [
            ("model", f"{found['title']} ({found['model']})"),
            ("firmware", found["firmware"] or "it does not tell"),
            ("manufacturer", found["manufacturer"] or None),
            ("product", found["product"] or None),
            ("revision", found["revision"] or None),
            ("serial number", found["serial"] or "it does not tell"),
            ("says also", found["lines"]),
            ("TLS runs", _WHERE[modem.tls]),
            ("newest TLS", found["newest_tls"]),
            ("assumed", found["assumptions"]),
        ]
    )


def _time_given(text: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise LocalError(
            f"--set takes now, network or a time such as 2026-05-01T12:00:00Z, not {text!r}."
        ) from None
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


def _set(modem: Modem, time: datetime) -> ClockReading:
    try:
        return modem.clock.set(time)
    except (ValueError, OverflowError) as error:
        raise LocalError(f"The clock cannot be set to {time.isoformat()}: {error}.") from None


def _clock_warning(reading: ClockReading, difference: timedelta) -> str | None:
    if not reading.is_set:
        return "The clock is not set: certificates of today are not valid yet by it. modemtls clock --set now sets it."
    if abs(difference) > _FAR:
        return (
            f"The clock is {abs(difference).days} days {'ahead of' if difference > timedelta(0) else 'behind'} this"
            " computer's: certificates may be refused by it. modemtls clock --set now sets it."
        )
    return None


@click.command(cls=Command, short_help="Show or set the modem's clock.")
@click.option("--set", "given", metavar="now|network|ISO", help="Set it; a time without a zone is UTC.")
@modem_options
def clock(connection: Connection, given: str | None) -> None:
    """Show the clock by which the modem judges certificates, or set it."""
    time = None if given in (None, "now", "network") else _time_given(given)
    with connection.open() as modem:
        if given is None:
            reading = modem.clock.read()
        elif given == "network":
            reading = modem.clock.set_from_network()
        elif time is None:
            reading = modem.clock.set()
        else:
            reading = _set(modem, time)
    difference = reading.time - datetime.now(UTC)
    warning = _clock_warning(reading, difference)
    if asked().json:
        show_json(
            time=reading.time.astimezone(UTC).isoformat(),
            is_set=reading.is_set,
            difference_seconds=round(difference.total_seconds()),
            warning=warning,
        )
        return
    facts([("clock", when(reading.time)), ("set", "yes" if reading.is_set else "no"), ("warning", warning)])


@click.command(cls=Command, short_help="Show the network's state, or bring it up.")
@click.argument("what", type=click.Choice(["status", "up"]), default="status")
@modem_options
def network(connection: Connection, what: str) -> None:
    """Show how far the modem is on its way to the network (status), or bring it up."""
    with connection.open() as modem:
        status = modem.network.up(timeout=connection.timeout) if what == "up" else modem.network.status()
    if asked().json:
        show_json(
            up=status.is_up,
            radio_on=status.radio_on,
            sim=status.sim.value,
            registration=status.registration.value,
            apn=status.apn,
            pdp_active=status.pdp_active,
            address=status.address,
        )
        return
    unknown = "the modem does not tell"
    facts(
        [
            ("network", "up" if status.is_up else "down"),
            ("radio", "on" if status.radio_on else "off"),
            ("SIM", status.sim.value),
            ("registration", status.registration.value),
            ("APN", unknown if status.apn is None else status.apn or "empty"),
            (
                "PDP context",
                unknown if status.pdp_active is None else "active" if status.pdp_active else "none",
            ),
            ("address", status.address or unknown),
        ]
    )
    if not status.is_up:
        say("modemtls network up brings it up; a request does so by itself.", err=True)
