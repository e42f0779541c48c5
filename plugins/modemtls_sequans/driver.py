"""The driver: what these modems have in common with the standard, put together from its rooms.

``store`` (certificates, keys, security profiles), ``sockets`` (TLS and TCP streams), ``http`` (the modem's
own client).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from modemtls import NetworkError, Reason, VendorCode
from modemtls.at import Command, Dialect, fields, number, quote, starts

from . import log
from .http import HttpClient
from .sockets import NO_REPLY, Sockets
from .store import Store, redact

if TYPE_CHECKING:
    from modemtls import Finding
    from modemtls.paste import Paste

__all__ = ["SequansDriver"]

URCS = (
    "+CEREG", "+CREG", "+CGREG", "+CGEV", "+CTZV", "+CTZE", "+CSCON", "+SQNSRING", "+SQNSH", "+SQNSD",
    "+SQNHTTPCONNECT", "+SQNHTTPSH", "+SQNHTTPRING", "+SQNHTTPDISCONNECT", "+SQNNTP", "+SQNSHDN", "+SHUTDOWN",
    "+SYSSTART", "+SQNSMQTTON", "+SQNCOAP", "RING", "NO CARRIER",
)  # fmt: skip

_CODED = (("+SQNHTTPCONNECT:", "http"), ("+SQNHTTPSH:", "http"), ("+SQNSD:", "socket"))
TIME_SERVERS = "time.google.com,time.windows.com,pool.ntp.org"


class SequansDriver(HttpClient, Sockets, Store):
    """Monarch and Monarch 2 modems."""

    dialect = Dialect(
        urcs=URCS,
        boot_urcs=("+SYSSTART",),
        # A public driver ignores this one as unsolicited: it can come without a command.
        unsolicited_errors=frozenset({171}),
        redact=redact,
    )

    async def initialise(self) -> None:
        await super().initialise()
        self.forget_connections()

    def code_in(self, line: str) -> VendorCode | None:
        for prefix, namespace in _CODED:
            if line.startswith(prefix):
                code = fields(line)[1] if len(fields(line)) > 1 else ""
                value = number(code)
                known: int | str = code if value is None else value
                return VendorCode(namespace, known) if known not in (0, "") else None
        return super().code_in(line)

    def read_log(self, paste: Paste) -> Iterable[Finding]:
        return log.read_log(paste, self.limits, self._levels)

    async def set_clock_from_network(self) -> None:
        match = starts("+SQNNTP:")
        self.channel.discard(match)
        command = Command.set("+SQNNTP", 2, quote(TIME_SERVERS), 1, reply=NO_REPLY)
        await self.ask(command, "Fetching the time", default=NetworkError)
        event = await self.channel.wait(match, 60.0)
        if event is None or fields(event.line)[:1] != ("0",):
            raise NetworkError(
                "Fetching the time from the network failed: "
                + (f"the modem reported {event.line}." if event is not None else "no result came in 60 s."),
                remedy="Set it from this computer: modemtls clock --set now",
                # Only that 0 is success is known of the result.
                reasons={Reason.TIMEOUT} if event is None else (),
                model=self.model.name,
                command="AT+SQNNTP",
                lines=(event.line,) if event is not None else (),
            )
