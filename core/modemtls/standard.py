"""What 3GPP TS 27.007 and ITU-T V.250 give every modem: dialogue, clock, SIM, registration, PDP context.

A vendor's driver inherits this and replaces what its modem does differently.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

from .at.syntax import Command, Quoted, fields, number, quote, secret
from .driver import Driver
from .errors import Certainty, CommandError, ModemError, NetworkError, Reason
from .model import ClockReading, NetworkSettings, NetworkStatus, Registration, SimState

__all__ = ["STANDARD_URCS", "StandardDriver", "format_clock", "missing_stage", "parse_clock"]

STANDARD_URCS = (
    "+CEREG:", "+CREG:", "+CGREG:", "+CGEV:", "+CTZV:", "+CTZE:", "+CSCON:", "+CMTI:", "+CUSD:", "+CRING:",
    "RING", "NO CARRIER",
)  # fmt: skip
"""Lines that come unasked from any modem."""

_SIM_STATES = {
    "READY": SimState.READY,
    "SIM PIN": SimState.PIN,
    "SIM PIN2": SimState.READY,
    "SIM PUK": SimState.PUK,
    "SIM PUK2": SimState.READY,
}
_CME_SIM_STATES = {
    10: SimState.ABSENT,
    11: SimState.PIN,
    12: SimState.PUK,
    13: SimState.FAILURE,
    15: SimState.FAILURE,
}
_REGISTRATIONS = {
    0: Registration.NOT_REGISTERED,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    4: Registration.UNKNOWN,
    5: Registration.ROAMING,
}
_CLOCK = re.compile(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)(?:([+-])(\d\d))?")


def parse_clock(text: str, *, pivot: int = 70) -> datetime | None:
    """The UTC time of a ``yy/MM/dd,hh:mm:ss±zz`` (zz in quarters of an hour), or ``None``.

    Two digits of ``pivot`` and more are of the twentieth century: clocks that nobody set begin there.
    The time is the modem's local time and ``zz`` its difference from UTC.

    >>> parse_clock("26/11/21,10:00:00+04").isoformat()
    '2026-11-21T09:00:00+00:00'
    """
    match = _CLOCK.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
    offset = timedelta(minutes=15 * int(match[8] or 0)) * (-1 if match[7] == "-" else 1)
    try:
        zone = timezone(offset)
        return datetime(
            (1900 if year >= pivot else 2000) + year, month, day, hour, minute, min(second, 59), tzinfo=zone
        ).astimezone(UTC)
    except ValueError:
        return None


def format_clock(time: datetime) -> Quoted:
    """An aware time as the argument of ``AT+CCLK``, in UTC.

    :raises ValueError: two digits of a year cannot say it.

    >>> format_clock(datetime(2026, 11, 21, 9, tzinfo=UTC)).wire
    '"26/11/21,09:00:00+00"'
    """
    with suppress(OverflowError):  # at the very ends of the calendar, which are refused below
        time = time.astimezone(UTC)
    if not 1970 <= time.year < 2070:
        raise ValueError(f"a modem's clock has two digits for the year: 1970 to 2069, not {time.year}")
    return quote(time.strftime("%y/%m/%d,%H:%M:%S+00"))


class StandardDriver(Driver):
    """A driver whose dialogue, clock and network follow the standard."""

    pdp_context = 1
    """The context that is used and, when an APN is given, configured."""
    unset_years = range(1970, 2010)
    """Years that say that nobody has set the clock."""
    clock_pivot = 70
    """The first year of the clock's century, in two digits: those below it are of the next century."""
    _refused_pin: str | None = None

    async def initialise(self) -> None:
        for command in (Command.do("E0"), Command.do("V1")):
            await self.command(command)  # a refusal is harmless: an echo is understood too
        await self.command(Command.set("+CMEE", 1))

    async def read_clock(self) -> ClockReading:
        reply = await self.ask(Command.read("+CCLK"), "Reading the clock")
        text = fields(reply.lines[0])[0] if reply.lines and fields(reply.lines[0]) else ""
        time = parse_clock(text, pivot=self.clock_pivot)
        if time is None:
            raise CommandError(
                f"Reading the clock: the answer is not a time: {' '.join(reply.shown) or 'nothing'}.",
                reasons={Reason.CLOCK_UNSET},
                certainty=Certainty.GUESSED,
                remedy="Set it: modemtls clock --set now",
                model=self.model.name,
                command=reply.command.shown,
                lines=reply.shown,
            )
        return ClockReading(time, is_set=time.year not in self.unset_years)

    async def set_clock(self, time: datetime) -> None:
        await self.ask(Command.set("+CCLK", format_clock(time)), "Setting the clock")

    async def network_status(self) -> NetworkStatus:
        radio = await self._radio()
        sim = await self._sim()
        registration = await self._registration()
        apn, address, active = None, None, None
        if registration.is_registered:
            active = await self._pdp_active()
            address = await self._address()
        apn = await self._apn()
        return NetworkStatus(radio == 1, sim, registration, apn, active, address)

    async def network_up(self, settings: NetworkSettings) -> None:
        if settings.apn is not None and await self._apn() != settings.apn:
            await self.ask(
                Command.set("+CGDCONT", self.pdp_context, quote("IP"), self._text(settings.apn, "The APN")),
                "Setting the APN",
                default=NetworkError,
            )
        if settings.user:
            user = self._text(settings.user, "The APN's user")
            password = secret(self._text(settings.password or "", "The APN's password"))
            await self.ask(
                Command.set("+CGAUTH", self.pdp_context, 1, user, password),
                "Setting the APN's user",
                default=NetworkError,
            )
        if await self._radio() != 1:
            await self.ask(
                Command.set("+CFUN", 1), "Switching the radio on", timeout=15.0, default=NetworkError
            )
        if await self._sim() is SimState.PIN:
            await self._enter_pin(settings.pin)
        elif (await self._registration()).is_registered and await self._pdp_active() is False:
            # It attached when the APN was another one; a refusal shows in the status.
            await self.command(Command.set("+CGACT", 1, self.pdp_context), timeout=30.0)

    def _text(self, text: str, what: str) -> Quoted:
        return quote(text, self.dialect.quote_limits, what=what)

    async def _enter_pin(self, pin: str | None) -> None:
        if not pin:
            raise NetworkError(
                "The SIM wants its PIN, and none was given.",
                remedy="Give it with --pin, pin= or pin in modemtls.toml.",
                reasons={Reason.SIM_PIN_REQUIRED},
                model=self.model.name,
                command="AT+CPIN?",
            )
        # Once and never again by itself: three wrong ones lock the SIM.
        if pin == self._refused_pin:
            raise NetworkError(
                "The SIM refused this PIN before; it was not tried again, because three wrong ones lock the SIM.",
                remedy="Give the right one with --pin, pin= or pin in modemtls.toml.",
                reasons={Reason.SIM_PIN_WRONG},
                model=self.model.name,
                command="AT+CPIN",
            )
        command = Command.set("+CPIN", secret(self._text(pin, "The PIN")))
        self._refused_pin = pin
        try:
            await self.ask(command, "Entering the PIN", default=NetworkError)
        except ModemError as error:
            if Reason.BUSY in error.reasons:
                self._refused_pin = None
            raise
        self._refused_pin = None

    async def _number(self, command: Command, field: int) -> int | None:
        reply = await self.command(command)
        values = fields(reply.lines[0]) if reply.ok and reply.lines else ()
        return number(values[field]) if len(values) > field else None

    async def _radio(self) -> int | None:
        return await self._number(Command.read("+CFUN"), 0)

    async def _sim(self) -> SimState:
        reply = await self.command(Command.read("+CPIN"))
        if not reply.ok:
            number = self.code(reply.final).number
            return (
                _CME_SIM_STATES.get(number, SimState.UNKNOWN) if isinstance(number, int) else SimState.UNKNOWN
            )
        words = fields(reply.lines[0]) if reply.lines else ()
        return _SIM_STATES.get(words[0], SimState.UNKNOWN) if words else SimState.UNKNOWN

    async def _registration(self) -> Registration:
        # The read answer begins with two numbers; an event of the same name has at most one before a quote.
        command = Command.read("+CEREG", reply=r"\+CEREG: ?\d+,\d+(,|$)")
        return _REGISTRATIONS.get(await self._number(command, 1) or 0, Registration.UNKNOWN)

    async def _pdp_active(self) -> bool | None:
        reply = await self.command(Command.read("+CGACT"))
        if not reply.ok:
            return None
        states = [fields(line) for line in reply.lines]
        return any(state[:2] == (str(self.pdp_context), "1") for state in states)

    async def _address(self) -> str | None:
        reply = await self.command(Command.set("+CGPADDR", self.pdp_context))
        values = fields(reply.lines[0]) if reply.ok and reply.lines else ()
        return values[1] if len(values) > 1 and values[1] else None

    async def _apn(self) -> str | None:
        reply = await self.command(Command.read("+CGDCONT"))
        if not reply.ok:
            return None
        for line in reply.lines:
            values = fields(line)
            if len(values) > 2 and values[0] == str(self.pdp_context):
                return values[2]
        return ""


def missing_stage(status: NetworkStatus, model: str | None) -> ModemError | None:
    """The error for the first stage on the way to the network that is missing, or ``None``."""
    stages = (
        (not status.radio_on, Reason.RADIO_OFF, "the radio is off", "modemtls network up switches it on."),
        (status.sim is SimState.ABSENT, Reason.SIM_ABSENT, "there is no SIM", "Insert one, contacts first."),
        (status.sim is SimState.PIN, Reason.SIM_PIN_REQUIRED, "the SIM wants its PIN", "Give it with --pin."),
        (
            status.sim is SimState.PUK,
            Reason.SIM_PUK_REQUIRED,
            "the SIM is locked after wrong PINs",
            "Unlock it with the PUK from the SIM's card, in a phone.",
        ),
        (status.sim is SimState.FAILURE, Reason.SIM_FAILURE, "the SIM does not work", "Clean or replace it."),
        (
            status.registration is Registration.DENIED,
            Reason.REGISTRATION_DENIED,
            "the network refuses this SIM",
            "Ask the operator whether it is active, and may roam here.",
        ),
        (
            not status.registration.is_registered,
            Reason.NOT_REGISTERED,
            f"the modem is not registered ({status.registration.value})",
            "Look at antenna and coverage; a first search can take minutes.",
        ),
        (
            status.pdp_active is False,
            Reason.NO_PDP_CONTEXT,
            "registered, but there is no PDP context",
            "The APN is probably wrong or missing: give the operator's with --apn.",
        ),
    )
    for missing, reason, words, remedy in stages:
        if missing:
            return NetworkError(
                f"No way to the network: {words}.", remedy=remedy, reasons={reason}, model=model
            )
    return None
