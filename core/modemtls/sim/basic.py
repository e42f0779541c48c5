"""The commands that every modem has: line settings (ITU-T V.250) and identity (3GPP TS 27.007)."""

from __future__ import annotations

import re
from typing import ClassVar

from .reply import Result, on
from .simulator import Simulator

__all__ = ["BasicSimulator"]


class BasicSimulator(Simulator):
    """A simulated modem that says who it is and how it talks."""

    manufacturer: ClassVar[str] = "modemtls"
    product: ClassVar[str] = "simulated modem"

    @on(r"ATE([01]?)")
    def command_echo(self, match: re.Match[str]) -> Result:
        """Echo off and on."""
        self.echo = match[1] == "1"
        return None

    @on(r"ATV([01]?)")
    def command_verbose(self, match: re.Match[str]) -> Result:
        """Results as numbers or words."""
        self.verbose = match[1] == "1"
        return None

    @on(r"ATQ([01]?)")
    def command_quiet(self, match: re.Match[str]) -> Result:
        """Results not shown, or shown."""
        self.quiet = match[1] == "1"
        return None

    @on(r"ATZ[01]?", r"AT&F[01]?")
    def command_defaults(self, match: re.Match[str]) -> Result:
        """Line settings as after a boot."""
        self.reset_line()
        return None

    @on(r"AT\+CMEE=([012])", r"AT\+CMEE(\?)", r"AT\+CMEE(=\?)")
    def command_cmee(self, match: re.Match[str]) -> Result:
        """How errors are shown."""
        if match[1] == "?":
            return f"+CMEE: {self.cmee}"
        if match[1] == "=?":
            return "+CMEE: (0-2)"
        self.cmee = int(match[1])
        return None

    @on(r"AT\+CGMI", r"AT\+GMI")
    def command_manufacturer(self, match: re.Match[str]) -> Result:
        """Who made it."""
        return self.manufacturer

    @on(r"AT\+CGMM", r"AT\+GMM")
    def command_product(self, match: re.Match[str]) -> Result:
        """Which model it is."""
        return self.product

    @on(r"AT\+CGMR", r"AT\+GMR")
    def command_revision(self, match: re.Match[str]) -> Result:
        """Which firmware it runs."""
        return self.firmware

    @on(r"AT\+CGSN(?:=[01])?", r"AT\+GSN")
    def command_serial(self, match: re.Match[str]) -> Result:
        """Its IMEI."""
        return f'+CGSN: "{self.settings.imei}"' if match[0].endswith("=1") else self.settings.imei

    @on(r"ATI0?")
    def command_identify(self, match: re.Match[str]) -> Result:
        """Who it is, in three lines."""
        return self.manufacturer, self.product, self.firmware
