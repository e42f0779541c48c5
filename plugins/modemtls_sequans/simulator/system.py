"""Identity, restart, time and firmware commands of a simulated Monarch modem."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import ClassVar

from modemtls.sim import (
    CellularSimulator,
    ClockSource,
    Parameter,
    ParameterError,
    Refuse,
    Result,
    SimSettings,
    on,
    parameters,
)

from .settings import MonarchSettings

__all__ = ["CATCH_ALL", "MonarchSystem"]

#: ``+CME ERROR: 4`` stands for nearly everything on these modems.
CATCH_ALL = 4


class MonarchSystem(CellularSimulator):
    """Who it is, how it restarts, what time it has."""

    settings: MonarchSettings
    settings_type: ClassVar[type[SimSettings]] = MonarchSettings
    # CR alone is what drivers of the vendor send; LF alone works for two others (public drivers)
    line_ends: ClassVar[bytes] = b"\r\n"
    boot_urcs: ClassVar[tuple[str, ...]] = ("+SYSSTART",)
    power_up_clock: ClassVar[datetime] = datetime(1970, 1, 1, 0, 7, 30, tzinfo=UTC)
    unknown_command: ClassVar[int | None] = CATCH_ALL
    refuses_stray_lines: ClassVar[bool] = True
    usual_firmware: ClassVar[str] = "LR8.2.0.2-59200"
    #: 200 kB in the manual; read as thousands.
    nvm_capacity: ClassVar[int | None] = 200_000
    noise_lines: ClassVar[tuple[str, ...]] = ("+CTZV:8,0", '+CTZV: "+08"')

    def power_on(self) -> None:
        """Names and reporting modes from the settings; ``firmware`` is ``LR…`` or ``UE…/LR…``."""
        super().power_on()
        self.cereg = self.settings.cereg
        self.revision, self.image = _firmware(self.firmware)

    def fields(self, text: str, least: int, most: int) -> list[Parameter]:
        """Parameters, ``least`` to ``most`` of them; missing ones are empty.

        :raises Refuse: they have another form or number.
        """
        try:
            found = parameters(text)
        except ParameterError:
            raise Refuse(CATCH_ALL) from None
        if not least <= len(found) <= most:
            raise Refuse(CATCH_ALL)
        return found + [Parameter.of("", False)] * (most - len(found))

    def number(self, field: Parameter, low: int, high: int, default: int | None = None) -> int:
        """A parameter as a number; an empty one is ``default`` where there is one.

        :raises Refuse: it is none, or out of range.
        """
        if not field and default is not None:
            return default
        try:
            return field.number(low, high)
        except ParameterError:
            raise Refuse(CATCH_ALL) from None

    @on(r"AT\+CGMI", r"AT\+GMI")
    def command_manufacturer(self, match: re.Match[str]) -> Result:
        """Who made it."""
        return self.settings.manufacturer

    @on(r"AT\+CGMM", r"AT\+GMM")
    def command_product(self, match: re.Match[str]) -> Result:
        """Which model it is."""
        return self.settings.product

    @on(r"AT\+CGMR", r"AT\+GMR")
    def command_revision(self, match: re.Match[str]) -> Result:
        """The UE version."""
        return self.revision

    @on(r"ATI0?")
    def command_identify(self, match: re.Match[str]) -> Result:
        """Three lines, as other modems answer (assumed)."""
        return self.settings.manufacturer, self.settings.product, self.revision

    @on(r"ATI1")
    def command_versions(self, match: re.Match[str]) -> Result:
        """The UE and the LR version."""
        return self.revision, self.image

    @on(r"AT\+CPIN\?")
    def command_pin_state(self, match: re.Match[str]) -> Result:
        """Refused while the radio is off."""
        return Refuse() if self.cfun == 0 else super().command_pin_state(match)

    @on(r"AT\+CFUN=5")
    def command_manufacturing(self, match: re.Match[str]) -> Result:
        """Manufacturing mode: the radio is off."""
        self.set_radio(5)
        return None

    @on(r"AT\^RESET")
    def command_reset(self, match: re.Match[str]) -> Result:
        """Restart."""
        return self.command_restart(match)

    @on(r"AT\+SQNSFACTORYRESET")
    def command_factory_reset(self, match: re.Match[str]) -> Result:
        """Erase what the user stored, then restart (that it restarts by itself is assumed)."""
        self.erase()
        return self.command_restart(match)

    def erase(self) -> None:
        """Forget everything that lasts."""
        self.nvm.clear()
        self.contexts.clear()
        self.changed()

    @on(r"AT\+SQNSSHDN")
    def command_shut_down(self, match: re.Match[str]) -> Result:
        """Switch off; only a hardware reset revives it."""

        def off() -> None:
            self.urc("+SQNSSHDN")
            self.call_later(0.5, self.halt)

        self.call_later(0.5, off)
        return None

    @on(r"AT\+SQNMODEACTIVE(\?|=[12])")
    def command_mode(self, match: re.Match[str]) -> Result:
        """LTE-M or NB-IoT: dual-mode firmware only, and only with the radio off."""
        if not self.revision.startswith("UE8.2"):
            return Refuse(589)
        if match[1] == "?":
            return "+SQNMODEACTIVE: 1"
        return Refuse(591) if self.cfun == 1 else None

    def cme_text(self, number: int) -> str:
        """The vendor's own numbers, too; their wording is assumed."""
        own = {589: "not a dual-mode firmware", 591: "device active"}
        return own.get(number) or super().cme_text(number)

    @on(r"AT\+SQNNTP=2(?:,(.+))?")
    def command_ntp(self, match: re.Match[str]) -> Result:
        """Fetch the time; the first field of the answer is 0 for success, what follows is assumed."""

        def answer() -> None:
            if self.online and self.settings.ntp:
                self.set_clock(datetime.now(UTC), ClockSource.NETWORK)
                self.urc(f'+SQNNTP: 0,"{self.clock.read():%y/%m/%d,%H:%M:%S}+00"')
            else:
                self.urc("+SQNNTP: 1")

        self.call_later(1.0 if self.online and self.settings.ntp else 10.0, answer)
        return None


def _firmware(text: str) -> tuple[str, str]:
    parts = [part for part in re.split(r"[/ ]+", text) if part]
    image = next((part for part in parts if part.startswith("LR")), "")
    revision = next((part for part in parts if part.startswith("UE")), "")
    if not re.fullmatch(r"LR\d+(?:\.\d+){3}(?:-\d+)?", image) or len(parts) > 1 + bool(revision):
        raise ValueError(f"firmware={text!r} is not of the form LR8.2.0.2-59200 or UE8.2.0.2/LR8.2.0.2-59200")
    return revision or "UE" + image[2:].split("-")[0], image
