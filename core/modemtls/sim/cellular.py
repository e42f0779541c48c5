"""The cellular side that modems share: SIM, registration, PDP context, clock, by 3GPP TS 27.007.

:class:`CellularSimulator` boots with the radio off and knows the standard commands; a vendor's class
overrides what its modems do in another way.  Network time is taken when the modem registers, unless the
clock was set explicitly.  The PDP context is judged when the modem attaches and at ``AT+CGACT``, so
an APN that comes too late has no effect (assumed: an LTE default bearer).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar

from .basic import BasicSimulator
from .machine import Timer
from .reply import Later, Refuse, Result, on
from .state import ClockSource, Json
from .syntax import ParameterError, parameters

__all__ = ["CellularSimulator", "PdpContext"]


@dataclass(frozen=True)
class PdpContext:
    """What ``AT+CGDCONT`` defines."""

    type: str
    apn: str


class CellularSimulator(BasicSimulator):
    """A simulated modem with the standard commands of a cellular one."""

    imsi: ClassVar[str] = "001010123456789"
    iccid: ClassVar[str] = "8988211000000000000"
    address: ClassVar[str] = "192.0.2.78"
    #: The network's name: long, short, numeric.
    operator: ClassVar[tuple[str, str, str]] = ("Test Network", "TestNet", "00101")
    #: ``AT+CEREG`` reporting mode after a boot.
    usual_cereg: ClassVar[int] = 0
    #: 3GPP number for parameters that make no sense.
    bad_parameters: ClassVar[int] = 50

    def power_on(self) -> None:
        """Radio off, PIN forgotten, URC modes at their default."""
        super().power_on()
        self.cfun = 0
        self.cereg = self.usual_cereg
        self.creg = 0
        self.ctzu = True
        self.ctzr = 0
        self.cops_format = 2
        self.character_set = "GSM"
        self.registered = 0
        self.pdp_active = False
        self._pin_given = self.settings.sim == "ready"
        self._search: Timer | None = None
        if self.restarts == 0:
            #: PDP contexts by number; they stay over a restart (assumed).
            self.contexts: dict[int, PdpContext] = {}
            self._pin_tries = 0 if self.settings.sim == "puk" else 3
            self._pin = self.settings.pin

    def dump_state(self) -> Json:
        """PDP contexts, too."""
        contexts = [[cid, context.type, context.apn] for cid, context in sorted(self.contexts.items())]
        return {**super().dump_state(), "contexts": contexts}

    def load_state(self, data: Json) -> None:
        """PDP contexts, too."""
        super().load_state(data)
        contexts = data.get("contexts", [])
        if not isinstance(contexts, list):
            raise ValueError("the PDP contexts have the wrong form")
        for entry in contexts:
            match entry:
                case [int(cid), str(kind), str(apn)]:
                    self.contexts[cid] = PdpContext(kind, apn)
                case _:
                    raise ValueError("a PDP context has the wrong form")

    @property
    def online(self) -> bool:
        """Data can flow."""
        return self.registered in (1, 5) and self.pdp_active

    def went_offline(self) -> None:
        """The network is gone: a vendor closes what depends on it.  Its timers may still be running."""

    def sim_problem(self) -> int | None:
        """The 3GPP number of what is wrong with the SIM, or ``None`` when it is ready."""
        match self.settings.sim:
            case "absent":
                return 10
            case "failure":
                return 13
        if self._pin_tries == 0:
            return 12
        return None if self._pin_given else 11

    def set_radio(self, mode: int) -> None:
        """Do what ``AT+CFUN`` does."""
        self.cfun = mode
        if self._search is not None:
            self._search.cancel()
            self._search = None
        if mode == 1:
            self._search_network()
        elif self.registered or self.pdp_active:
            self.pdp_active = False
            self._register(0)
            self.went_offline()

    def _search_network(self) -> None:
        if self.cfun != 1 or self.sim_problem() is not None or self.online:
            return
        self._register(2)
        if self.settings.registration != "never":
            self._search = self.call_later(self.settings.registration_delay, self._found)

    def _found(self) -> None:
        self._search = None
        state = {"home": 1, "roaming": 5, "denied": 3}[self.settings.registration]
        if state != 3:
            self.pdp_active = self._grants(1)
            if self.settings.network_time and self.ctzu and self.clock.source is not ClockSource.EXPLICIT:
                self.set_clock(datetime.now(UTC), ClockSource.NETWORK)
                if self.ctzr:
                    self.urc("+CTZV: +00")
        self._register(state)

    def set_clock(self, time: datetime, source: ClockSource) -> None:
        """Set the clock and keep that."""
        self.clock.set(time, source)
        self.changed()

    def _grants(self, cid: int) -> bool:
        wanted = self.settings.apn_required
        context = self.contexts.get(cid)
        return self.settings.pdp and (not wanted or (context is not None and context.apn == wanted))

    def _cell(self, mode: int) -> str:
        return ',"E198","043A5E0A",7' if mode >= 2 and self.registered in (1, 5) else ""

    def _register(self, state: int) -> None:
        self.registered = state
        if self.cereg:
            self.urc(f"+CEREG: {state}{self._cell(self.cereg)}")
        if self.creg:
            self.urc(f"+CREG: {state}")

    @on(r"AT\+CIMI")
    def command_imsi(self, match: re.Match[str]) -> Result:
        """The SIM's subscriber number."""
        self._need_sim()
        return self.imsi

    @on(r"AT\+CCID\??", r"AT\+ICCID\??")
    def command_iccid(self, match: re.Match[str]) -> Result:
        """The SIM card's number."""
        if self.settings.sim in ("absent", "failure"):
            return Refuse(self.sim_problem())
        return f'+CCID: "{self.iccid}"'

    def _need_sim(self) -> None:
        problem = self.sim_problem()
        if problem is not None:
            raise Refuse(problem)

    @on(r"AT\+CFUN\?")
    def command_radio_state(self, match: re.Match[str]) -> Result:
        """Whether the radio is on."""
        return f"+CFUN: {self.cfun}"

    @on(r"AT\+CFUN=([014])(,[01])?")
    def command_radio(self, match: re.Match[str]) -> Result:
        """Radio off, on, airplane mode."""
        if match[2] == ",1":
            return self.command_restart(match)
        self.call_later(0.0, lambda: self.set_radio(int(match[1])))
        self.cfun = int(match[1])
        return None

    def command_restart(self, match: re.Match[str]) -> Result:
        """Say OK, then restart."""
        self.call_later(0.1, self.restart)
        return None

    @on(r"AT\+CPIN\?")
    def command_pin_state(self, match: re.Match[str]) -> Result:
        """What the SIM wants."""
        problem = self.sim_problem()
        words = {None: "READY", 11: "SIM PIN", 12: "SIM PUK"}
        return f"+CPIN: {words[problem]}" if problem in words else Refuse(problem)

    @on(r'AT\+CPIN="?([0-9]{4,8})"?(?:,"?([0-9]{4,8})"?)?')
    def command_pin(self, match: re.Match[str]) -> Result:
        """Give the SIM its PIN, or PUK and new PIN."""
        problem = self.sim_problem()
        if problem not in (11, 12):
            return Refuse(problem if problem is not None else 3)
        if problem == 12:
            if match[2] is None or match[1] != self.settings.puk:
                return Refuse(16 if match[2] else 12)
            self._pin, self._pin_tries = match[2], 3
        elif match[1] != self._pin:
            self._pin_tries -= 1
            return Refuse(16 if self._pin_tries else 12)
        else:
            self._pin_tries = 3
        self._pin_given = True
        self.call_later(0.1, self._search_network)
        return None

    @on(r"AT\+C(E?)REG=(\d+)")
    def command_registration_mode(self, match: re.Match[str]) -> Result:
        """How registration is reported."""
        mode = int(match[2])
        if match[1]:
            if mode > 5:
                return Refuse(self.bad_parameters)
            self.cereg = mode
        else:
            if mode > 2:
                return Refuse(self.bad_parameters)
            self.creg = mode
        return None

    @on(r"AT\+C(E?)REG\?")
    def command_registration(self, match: re.Match[str]) -> Result:
        """Whether it is registered."""
        if match[1]:
            return f"+CEREG: {self.cereg},{self.registered}{self._cell(self.cereg)}"
        return f"+CREG: {self.creg},{self.registered}"

    @on(r"AT\+CGATT\?")
    def command_attached(self, match: re.Match[str]) -> Result:
        """Whether it is attached for packet data."""
        return f"+CGATT: {1 if self.registered in (1, 5) else 0}"

    @on(r"AT\+CGATT=([01])")
    def command_attach(self, match: re.Match[str]) -> Result:
        """Attach and detach."""
        if match[1] == "0":
            if self.registered:
                self.pdp_active = False
                self._register(0)
                self.went_offline()
            return None
        self._need_sim()
        if self.cfun != 1:
            return Refuse(30)
        if self.registered not in (1, 5) and self._search is None:
            self._search_network()
        return None

    @on(r"AT\+CGDCONT=(.+)")
    def command_context(self, match: re.Match[str]) -> Result:
        """Define a PDP context."""
        try:
            fields = parameters(match[1])
            cid = fields[0].number(1, 16)
        except ParameterError:
            return Refuse(self.bad_parameters)
        if len(fields) == 1:
            self.contexts.pop(cid, None)
        else:
            apn = fields[2] if len(fields) > 2 else ""
            if fields[1].upper() not in ("IP", "IPV6", "IPV4V6"):
                return Refuse(self.bad_parameters)
            self.contexts[cid] = PdpContext(fields[1].upper(), str(apn))
        self.changed()
        return None

    @on(r"AT\+CGDCONT\?")
    def command_contexts(self, match: re.Match[str]) -> Result:
        """The PDP contexts."""
        return [
            f'+CGDCONT: {cid},"{context.type}","{context.apn}",,0,0'
            for cid, context in sorted(self.contexts.items())
        ]

    @on(r"AT\+CGAUTH=(.+)")
    def command_context_login(self, match: re.Match[str]) -> Result:
        """User and password of a PDP context; they are checked for form and not kept."""
        try:
            fields = parameters(match[1])
            fields[0].number(1, 16)
            kind = fields[1].number(0, 2) if len(fields) > 1 else 0
        except ParameterError:
            return Refuse(self.bad_parameters)
        if kind and (len(fields) < 4 or not fields[2] or not fields[3]):
            return Refuse(self.bad_parameters)
        return None

    @on(r"AT\+CGACT\?")
    def command_context_states(self, match: re.Match[str]) -> Result:
        """Which PDP contexts are active."""
        return [
            f"+CGACT: {cid},{1 if cid == 1 and self.pdp_active else 0}" for cid in sorted({1, *self.contexts})
        ]

    @on(r"AT\+CGACT=([01])(?:,1)?")
    def command_activate(self, match: re.Match[str]) -> Result:
        """Activate and deactivate the PDP context."""
        if match[1] == "0":
            self.pdp_active = False
            self.went_offline()
            return None
        if self.registered not in (1, 5):
            return Refuse(30)

        def activate() -> Result:
            self.pdp_active = self._grants(1)
            return None if self.pdp_active else Refuse(30)

        return Later(lambda done: self._after(1.0, lambda: done(activate())))

    def _after(self, delay: float, action: object) -> None:
        assert callable(action)
        self.call_later(delay, action)

    @on(r"AT\+CGPADDR(?:=1)?")
    def command_address(self, match: re.Match[str]) -> Result:
        """The address in the PDP context."""
        return f'+CGPADDR: 1,"{self.address}"' if self.online else "+CGPADDR: 1"

    @on(r"AT\+COPS\?")
    def command_operator(self, match: re.Match[str]) -> Result:
        """The network it is registered with."""
        if self.registered not in (1, 5):
            return "+COPS: 0"
        return f'+COPS: 0,{self.cops_format},"{self.operator[self.cops_format]}",7'

    @on(r"AT\+COPS=(?:3,([012])|[0124](?:,.*)?)")
    def command_select_operator(self, match: re.Match[str]) -> Result:
        """Choose a network: accepted, and there is only one; how it is named."""
        if match[1]:
            self.cops_format = int(match[1])
        return None

    @on(r"AT\+CSCS(\?|=\?)", r'AT\+CSCS="(GSM|IRA)"')
    def command_character_set(self, match: re.Match[str]) -> Result:
        """The character set; what is said here is the same in both."""
        if match[1] == "=?":
            return '+CSCS: ("GSM","IRA")'
        if match[1] == "?":
            return f'+CSCS: "{self.character_set}"'
        self.character_set = match[1].upper()
        return None

    @on(r"AT\+CSQ")
    def command_signal(self, match: re.Match[str]) -> Result:
        """Signal quality."""
        return "+CSQ: 20,99" if self.registered in (1, 5) else "+CSQ: 99,99"

    @on(r"AT\+CTZ([UR])=([0-3])")
    def command_time_zone(self, match: re.Match[str]) -> Result:
        """Take the time from the network; report it."""
        if match[1].upper() == "U":
            self.ctzu = match[2] != "0"
        else:
            self.ctzr = int(match[2])
        return None

    @on(r"AT\+CTZ([UR])\?")
    def command_time_zone_state(self, match: re.Match[str]) -> Result:
        """Whether the time comes from the network."""
        update = match[1].upper() == "U"
        return f"+CTZ{match[1].upper()}: {int(self.ctzu) if update else self.ctzr}"

    @on(r"AT\+CCLK\?")
    def command_clock(self, match: re.Match[str]) -> Result:
        """The clock, with a time zone of quarters of an hour."""
        return f'+CCLK: "{self.clock.read():%y/%m/%d,%H:%M:%S}+00"'

    @on(r'AT\+CCLK="(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)(?:([+-])(\d\d))?"')
    def command_set_clock(self, match: re.Match[str]) -> Result:
        """Set the clock; it stands against the network's time."""
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        quarters = int(match[8] or 0) * (-1 if match[7] == "-" else 1)
        if abs(quarters) > 56:
            return Refuse(self.bad_parameters)
        zone = timezone(timedelta(minutes=15 * quarters))
        try:
            time = datetime(year + (1900 if year >= 70 else 2000), month, day, hour, minute, second, 0, zone)
        except ValueError:
            return Refuse(self.bad_parameters)
        self.set_clock(time, ClockSource.EXPLICIT)
        return None
