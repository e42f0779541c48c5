"""The HTTP profiles of a simulated Monarch modem: ``AT+SQNHTTPCFG``, kept over restarts.

The command checks the form and that connecting may not take longer than the whole; not where it leads.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import ClassVar

from modemtls.sim import Json, Refuse, Result, on

from .sockets import MonarchSockets
from .system import CATCH_ALL

__all__ = ["HttpSettings", "MonarchHttpSettings"]


@dataclass(frozen=True)
class HttpSettings:
    """What ``AT+SQNHTTPCFG`` keeps, in its order."""

    number: int
    address: str
    port: int = 80
    auth: int = 0
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    secure: int = 0
    limit: int = 120
    cid: int = 1
    profile: int = 1
    dial_limit: int = 60
    idle_limit: int = 0

    @property
    def host(self) -> str:
        """The bare host: a path after it is accepted and has no effect (assumed)."""
        return self.address.split("/")[0]


class MonarchHttpSettings(MonarchSockets):
    """Three HTTP profiles."""

    http_profiles: ClassVar[range] = range(3)

    def power_on(self) -> None:
        """Profiles stay over a restart."""
        super().power_on()
        if self.restarts == 0:
            self.http_settings: dict[int, HttpSettings] = {}

    def erase(self) -> None:
        """HTTP profiles, too."""
        self.http_settings.clear()
        super().erase()

    def dump_state(self) -> Json:
        """HTTP profiles, too."""
        kept = [dataclasses.asdict(entry) for _, entry in sorted(self.http_settings.items())]
        return {**super().dump_state(), "http": kept}

    def load_state(self, data: Json) -> None:
        """HTTP profiles, too."""
        super().load_state(data)
        kept = data.get("http", [])
        try:
            assert isinstance(kept, list)
            found = [HttpSettings(**entry) for entry in kept]
        except (TypeError, AssertionError):
            raise ValueError("the HTTP profiles have the wrong form") from None
        self.http_settings = {entry.number: entry for entry in found}

    @on(r"AT\+SQNHTTPCFG=(.+)")
    def command_http_settings(self, match: re.Match[str]) -> Result:
        """Where a profile leads: only the form is checked."""
        f = self.fields(match[1], 2, 12)
        number = self.number(f[0], 0, 2)
        if not f[1].quoted or not f[1]:
            return Refuse(CATCH_ALL)
        limit = self.number(f[7], 1, 65535, 120)
        found = HttpSettings(
            number,
            str(f[1]),
            self.number(f[2], 1, 65535, 80),
            self.number(f[3], 0, 1, 0),
            str(f[4]),
            str(f[5]),
            self.number(f[6], 0, 1, 0),
            limit,
            self.number(f[8], 1, 16, 1),
            self.number(f[9], 1, 6, 1),
            self.number(f[10], 1, 65535, min(60, limit)),
            self.number(f[11], 0, 65535, 0),
        )
        if found.dial_limit > found.limit:
            return Refuse(CATCH_ALL)
        self.http_settings[number] = found
        self.changed()
        return None

    @on(r"AT\+SQNHTTPCFG\?")
    def command_http_settings_read(self, match: re.Match[str]) -> Result:
        """The profiles that were written; the form of the line is assumed to follow the command's."""
        return [
            f'+SQNHTTPCFG: {s.number},"{s.address}",{s.port},{s.auth},"{s.user}","{s.password}",{s.secure},'
            f"{s.limit},{s.cid},{s.profile},{s.dial_limit},{s.idle_limit}"
            for _, s in sorted(self.http_settings.items())
        ]
