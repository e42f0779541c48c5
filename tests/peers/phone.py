"""A simulated modem with as much of 3GPP TS 27.005 (text messages) as telephone libraries insist on.

modemtls itself does not need it; it shows that the kit for simulators carries what others ask of a modem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modemtls.sim import CellularSimulator, Prompt, Refuse, Result, SimSettings, on


@dataclass(frozen=True)
class Message:
    """A message as it was handed in: ``to`` is a number (text mode) or the length of the PDU."""

    text_mode: bool
    to: str
    data: bytes


class Phone(CellularSimulator):
    """A simulated modem that sends text messages."""

    def __init__(self, settings: SimSettings | None = None, /, **values: object) -> None:
        self.sent: list[Message] = []
        super().__init__(settings, **values)

    def power_on(self) -> None:
        super().power_on()
        self.text_mode = False
        self.centre = "+358501234567"

    @on(r"AT\+CMGF=([01])")
    def command_message_format(self, match: re.Match[str]) -> Result:
        self.text_mode = match[1] == "1"
        return None

    @on(r"AT\+CSCA(\?)", r'AT\+CSCA="(\+?\d+)"(?:,\d+)?')
    def command_service_centre(self, match: re.Match[str]) -> Result:
        if match[1] == "?":
            return f'+CSCA: "{self.centre}",145'
        self.centre = match[1]
        return None

    @on(r"AT\+CSMP=\d+,\d+,\d+,\d+")
    def command_message_settings(self, match: re.Match[str]) -> Result:
        return None

    @on(r"AT\+CPMS(=\?|=.+)")
    def command_message_storage(self, match: re.Match[str]) -> Result:
        if match[1] == "=?":
            return '+CPMS: ("SM"),("SM"),("SM")'
        return "+CPMS: 0,10,0,10,0,10" if re.fullmatch(r'=("SM",?){1,3}', match[1]) else Refuse(302)

    @on(r"AT\+CNMI=2,1,0,\d(,0)?", r"AT\+CLIP=[01]", r"AT\+CRC=[01]", r"AT\+CVHU=[0-2]")
    def command_reporting(self, match: re.Match[str]) -> Result:
        return None

    @on(r'AT\+CMGS=(?:"(\+?\d+)"|(\d+))')
    def command_send(self, match: re.Match[str]) -> Result:
        if self.registered not in (1, 5) or self.text_mode != bool(match[1]):
            return Refuse(30)

        def send(data: bytes) -> Result:
            self.sent.append(Message(self.text_mode, match[1] or match[2], data))
            return f"+CMGS: {len(self.sent)}"

        return Prompt(None, send)
