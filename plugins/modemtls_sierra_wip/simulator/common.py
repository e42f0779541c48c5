"""The module's own firmware: identity, clock, SIM and registration, ``+WIND``, and the Open AT application's state.

Framing: every line stands between CR LF pairs, results and URCs alike (a public library's log).  While a command
runs, or the module starts, another one is refused with 515.  The module is a GSM one: no ``+CEREG``, and no PDP
context by itself; data flow by the bearer that the application starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from modemtls.sim import CellularSimulator, ClockSource, Refuse, Result, SimSettings, on

from .settings import OpenAtSettings

__all__ = ["BUSY", "OpenAtModule"]

BUSY = 515
_VERSION_MISMATCH = 541
_NOT_ALLOWED = 3


class OpenAtModule(CellularSimulator):
    """A Q2686 with firmware 7.44: what both models share."""

    settings: OpenAtSettings
    settings_type: ClassVar[type[SimSettings]] = OpenAtSettings
    power_up_clock: ClassVar[datetime] = datetime(1998, 1, 1, tzinfo=UTC)
    usual_firmware: ClassVar[str] = "R7.44.6.201109260825.Q2686RD"
    noise_lines: ClassVar[tuple[str, ...]] = ("+WIND: 7", "+WIND: 8", '+CMTI: "SM",1')
    max_line: ClassVar[int] = 255
    #: Of which application this class is the simulation.
    own_application: ClassVar[str] = ""
    #: What the application says when it has started.
    application_urcs: ClassVar[tuple[str, ...]] = ()

    def power_on(self) -> None:
        """Radio on, bearer down, the application started unless it is stopped."""
        super().power_on()
        self.cfun = 1
        self.bearer_up = False
        self.ready_at = self.now + self.settings.init_time
        self.call_later(0.0, lambda: self.set_radio(1))
        if self.restarts == 0:
            self.wind = self.settings.wind
            self.application_runs = self.settings.application not in ("stopped", "none")
            self._refusals_left = self.settings.busy
            self._busy_at = self.settings.busy_at.upper()
            self.bearer_failures_left = self.settings.bearer_not_ready
        if self.settings.reset_loop and self.application_runs:
            self.call_later(self.settings.reset_loop, self.restart)

    @property
    def runs_own_application(self) -> bool:
        """The application of this model answers."""
        return self.application_runs and self._application in ("own", "stopped")

    @property
    def _application(self) -> str:
        chosen = self.settings.application
        return "own" if chosen == self.own_application else chosen

    @property
    def running(self) -> str:
        """The application that runs: ``agent``, ``wipsoft``, ``other``, or nothing."""
        if not self.application_runs:
            return ""
        return self.own_application if self.runs_own_application else self._application

    def _booted(self) -> None:
        self._booting = False
        for bit, line in ((4, "+WIND: 3"), (8, "+WIND: 4")):
            if self.wind & bit:
                self.urc(line)
        if self.runs_own_application:
            for line in self.application_urcs:
                self.urc(line)

    @property
    def online(self) -> bool:
        """Data can flow."""
        return self.registered in (1, 5) and self.bearer_up

    def bearer_problem(self, apn: str) -> str | None:
        """The name of what keeps the bearer from coming up, by the WIP library's names; ``None`` when nothing does."""
        if self.settings.bearer_error:
            return self.settings.bearer_error
        match self.sim_problem():
            case None:
                pass
            case 11 | 12:
                return "WIP_BERR_PIN_NOT_READY"
            case _:
                return "WIP_BERR_NO_SIM"
        if self.registered not in (1, 5):
            return "WIP_BERR_GPRS_FAILED"
        if self.bearer_failures_left:
            self.bearer_failures_left -= 1
            return "WIP_BERR_PIN_NOT_READY"
        wanted = self.settings.apn_required
        return None if self.settings.pdp and wanted in ("", apn) else "WIP_BERR_GPRS_FAILED"

    # The command line.

    def _work(self) -> None:
        while self._in and not self._booting:
            if self._payload is not None:
                if not self._take_payload(self._payload):
                    return
            elif self.is_in_data_mode and not self._running:
                self._take_data()
            else:
                self._take_character()

    def _execute(self, line: str) -> None:
        # A command line that comes while another one runs is not kept for later, as the kit would, but refused.
        stripped = line.strip()
        if not stripped:
            return
        if self._running or self._is_busy(stripped):
            self.commands.append(stripped)
            refusal = f"+CME ERROR: {BUSY}" if self.cmee else "ERROR"
            self._out += f"\r\n{refusal}\r\n".encode()
            return
        super()._execute(line)

    def _is_busy(self, line: str) -> bool:
        if line.upper() == "AT" or line[:2].upper() != "AT" or self.settings.boot_loader:
            return False
        if self.now < self.ready_at:
            return True
        if self._refusals_left:
            self._refusals_left -= 1
            return True
        if self._busy_at and line[2:].upper().startswith(self._busy_at):
            self._busy_at = ""
            return True
        return False

    def _find(self, line: str) -> tuple[str, re.Match[str]] | None:
        if self.settings.boot_loader and not re.fullmatch(r"AT\+WDWL\?", line, re.IGNORECASE):
            return None
        return super()._find(line)

    def _lines(self, lines: Iterable[str]) -> None:
        for text in lines:
            self._noise()
            self._out += b"\r\n" + text.encode("utf-8") + b"\r\n"

    # Identity.

    @on(r"AT\+CGMI", r"AT\+GMI")
    def command_manufacturer(self, match: re.Match[str]) -> Result:
        """Who made it."""
        return self.settings.manufacturer

    @on(r"AT\+CGMM", r"AT\+GMM")
    def command_product(self, match: re.Match[str]) -> Result:
        """Which bands it has; the module's name is in the firmware's."""
        return self.settings.product

    @on(r"AT\+CGMR", r"AT\+GMR", r"ATI3")
    def command_revision(self, match: re.Match[str]) -> Result:
        """Version and module, size and date of the firmware."""
        return f"{self.firmware} 2146176 092611 08:25"

    @on(r"ATI0?")
    def command_identify(self, match: re.Match[str]) -> Result:
        """Manufacturer and product."""
        return self.settings.manufacturer, self.settings.product

    @on(r"ATI9")
    def command_parts(self, match: re.Match[str]) -> Result:
        """Loader, firmware and application, and what the application was built with."""
        lines = [
            '"DWL","V10c05","","Sierra Wireless",62640,"051513 10:45","a0836b50","00010000"',
            f'"FW","FW_SRC_744_12_F6_2.Q2687RDG","{self.firmware}","Sierra Wireless",2146176,"092611 08:25",'
            '"d3e08d21","00020000"',
        ]
        if self.settings.application != "none":
            lines.append('"OAT","","","",456544,"101612 09:56","60abb1af","00260000"')
            lines += [f' -"{name}",""' for name in self.packages()]
        return lines

    def packages(self) -> tuple[str, ...]:
        """What the application was built with, as far as the firmware tells."""
        if not self.settings.packages:
            return ()
        return "Developer Studio", "Open AT OS Package", "Firmware Package", "WIP Plug-in Package"

    @on(r"AT\+CMEE=([01])", r"AT\+CMEE(\?)", r"AT\+CMEE(=\?)")
    def command_cmee(self, match: re.Match[str]) -> Result:
        """How errors are shown: no texts here."""
        if match[1] == "=?":
            return "+CMEE: (0-1)"
        return super().command_cmee(match)

    @on(r"AT\+CEREG.*", r"AT\+CGAUTH.*", r"AT\+CTZ.*")
    def command_of_later_modems(self, match: re.Match[str]) -> Result:
        """What came with LTE is not known here."""
        return Refuse()

    @on(r"AT\+CGREG\?")
    def command_packet_registration(self, match: re.Match[str]) -> Result:
        """Registration for packet data: as for calls."""
        return f"+CGREG: 0,{self.registered}"

    @on(r"AT\+CFUN=1(,1)?")
    def command_radio(self, match: re.Match[str]) -> Result:
        """Full function: from there, and from anywhere, it restarts the module."""
        return self.command_restart(match)

    # Clock.

    @on(r"AT\+CCLK\?")
    def command_clock(self, match: re.Match[str]) -> Result:
        """The clock, without a time zone."""
        return f'+CCLK: "{self.clock.read():%y/%m/%d,%H:%M:%S}"'

    @on(r"AT\+CCLK=(.*)")
    def command_set_clock(self, match: re.Match[str]) -> Result:
        """Set the clock; years 98 to 97 are 1998 to 2097."""
        form = re.fullmatch(r'"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)"', match[1])
        if not form:
            return Refuse(_NOT_ALLOWED)
        year, month, day, hour, minute, second = (int(part) for part in form.groups())
        try:
            time = datetime(year + (1900 if year >= 98 else 2000), month, day, hour, minute, second, 0, UTC)
        except ValueError:
            return Refuse(_NOT_ALLOWED)
        self.set_clock(time, ClockSource.EXPLICIT)
        return None

    # The Open AT application.

    @on(r"AT\+WIND(?:\?|=(\d{1,5}))")
    def command_indications(self, match: re.Match[str]) -> Result:
        """Which indications are said."""
        if match[1] is None:
            return f"+WIND: {self.wind}"
        if int(match[1]) > 32767:
            return Refuse(_NOT_ALLOWED)
        self.wind = int(match[1])
        return None

    @on(r"AT\+WDWL\?")
    def command_loader(self, match: re.Match[str]) -> Result:
        """The version of the boot loader."""
        return "+WDWL: V10c05"

    @on(r"AT\+WOPEN(?:\?|=([0-8]))")
    def command_open_at(self, match: re.Match[str]) -> Result:
        """Start, stop and erase the application: a start restarts the module."""
        match match[1]:
            case None:
                return f"+WOPEN: {int(self.application_runs)}"
            case "0":
                was_running, self.application_runs = self.application_runs, False
                return self.command_restart(match) if was_running else None
            case "1":
                if self.settings.application == "none":
                    return Refuse(_VERSION_MISMATCH)
                self.application_runs = True
                return self.command_restart(match)
            case "2":
                return '+WOPEN: 2,"AT v03.01","AT v02.10"'
            case "3":
                if self.application_runs:
                    return Refuse()
                self.nvm.clear()
                self.changed()
                return None
            case "7":
                return (
                    f"+WOPEN: 7,{12 if self.application_runs else int(self.settings.application == 'none')}"
                )
        return Refuse()

    @on(r"AT\+WIPBR=\?", r"AT\+WIPDATA=\?")
    def command_of_wipsoft(self, match: re.Match[str]) -> Result:
        """What tells that WIPsoft runs."""
        return None if self.running == "wipsoft" else Refuse()

    @on(r"AT\+MTVER\?")
    def command_of_agent(self, match: re.Match[str]) -> Result:
        """What tells that the companion agent runs."""
        return '+MTVER: 1,"1.0.0","host","1.4"' if self.running == "agent" else Refuse()
