"""TLS and TCP streams: ``AT+SQNSSCFG``, ``SQNSD``, ``SQNSSENDEXT``, ``SQNSRECV``, ``SQNSH``.

The synchronous dial answers ``NO CARRIER`` to every failure.  The asynchronous one reports a code of which
one value means TLS; the form of that report is inferred.  A close by the other side has no reason.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from modemtls import Certainty, CommandError, ModemError, NetworkError, Reason, TlsError, VendorCode
from modemtls.at import Announced, Command, fields, number, quote, starts
from modemtls.op import Now, Yield

from .store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemtls.at import Argument, Quoted, Reply
    from modemtls.driver import Progress

__all__ = ["NO_REPLY", "Sockets"]

NO_REPLY = "(?!)"
"""For a command whose outcome is an event of the same name: no line of its exchange is taken for an answer."""
POLL_SECONDS = 1.0
"""How often the receive buffer is asked about when no ``+SQNSRING`` came: one may have been lost."""


class Sockets(Store):
    """Byte streams, one per socket id."""

    def forget_connections(self) -> None:
        """After a restart nothing of what was configured for this run is there any more."""
        self._configured: set[int] = set()
        self._ended: set[int] = set()
        self._more: set[int] = set()

    async def open_stream(
        self, socket: int, host: str, port: int, *, security_profile: int | None, timeout: float
    ) -> None:
        address = quote(host, self.dialect.quote_limits, what="The host name")
        asked = f"Connecting to {host}:{port}" + (" with TLS" if security_profile is not None else "")
        with self._distrusted_after_a_failure(socket):
            await self._open(socket, host, port, address, asked, security_profile, timeout)

    @contextmanager
    def _distrusted_after_a_failure(self, socket: int) -> Iterator[None]:
        """What the socket was configured to may have been damaged on the line: say it again next time."""
        try:
            yield
        except ModemError:
            self._configured.discard(socket)
            raise

    async def _open(
        self,
        socket: int,
        host: str,
        port: int,
        address: Quoted,
        asked: str,
        security_profile: int | None,
        timeout: float,
    ) -> None:
        await self._configure(socket, security_profile)
        self._ended.discard(socket)
        self._more.discard(socket)
        self.channel.discard(starts(f"+SQNSRING: {socket}", f"+SQNSH: {socket}", f"+SQNSD: {socket},"))
        dial = (socket, 0, port, address, 0, 0, 1)
        if self.options.dial != "sync":
            reply = await self._dial(*dial, 0, 1, timeout=timeout)
            if reply.ok:
                await self._dialled(socket, asked, timeout)
                return
            if self.options.dial == "async" or reply.final.word == "NO CARRIER":
                raise await self._no_carrier(reply, asked, socket, host, port, security_profile, timeout)
        reply = await self._dial(*dial, timeout=timeout)
        if not reply.ok:
            raise await self._no_carrier(reply, asked, socket, host, port, security_profile, timeout)

    async def _dial(self, *arguments: Argument, timeout: float) -> Reply:
        command = Command.set("+SQNSD", *arguments, reply=NO_REPLY)
        return await self.channel.command(command, dial=True, timeout=timeout)

    async def _configure(self, socket: int, security_profile: int | None) -> None:
        if socket not in self._configured:
            await self._hang_up(socket)  # left open by an earlier run, perhaps
            await self.ask(
                Command.set("+SQNSCFG", socket, self.pdp_context, 300, 0, 600, 50),
                f"Configuring socket {socket}",
            )
            await self.ask(Command.set("+SQNSCFGEXT", socket, 1, 0, 0, 0, 0), f"Configuring socket {socket}")
            self._configured.add(socket)
        # Each time: a raw command or a restart that nobody saw would else leave the next dial without TLS.
        enable = int(security_profile is not None)
        asked = f"Securing socket {socket}"
        await self.ask(Command.set("+SQNSSCFG", socket, enable, security_profile or 1), asked)
        if security_profile is not None:
            await self._require_tls(socket, security_profile, asked)

    async def _require_tls(self, socket: int, security_profile: int, asked: str) -> None:
        """One bit that flips on the line is enough to dial in the clear: what was set is read back.

        That it can be read is inferred from the other commands: a modem that refuses is not held to it.
        """
        reply = await self.channel.command(Command.read("+SQNSSCFG"))
        shown = [values for line in reply.lines if (values := fields(line)[:3])[:1] == (str(socket),)]
        if shown and shown[-1] != (str(socket), "1", str(security_profile)):
            raise CommandError(
                f"{asked}: the modem shows other settings than it was given, and said OK. Nothing was dialled.",
                remedy="Try again; if it happens again, bytes are damaged on the line: connect RTS and CTS.",
                reasons={Reason.PROFILE_ILLEGAL, Reason.BYTES_LOST},
                certainty=Certainty.DERIVED,
                model=self.model.name,
                command=reply.command.shown,
                lines=reply.shown,
            )

    async def _dialled(self, socket: int, asked: str, timeout: float) -> None:
        event = await self.channel.wait(starts(f"+SQNSD: {socket},"), timeout)
        if event is None:
            raise NetworkError(
                f"{asked} failed: the modem reported no result in {timeout:g} s.",
                remedy="Look at the signal and at the server, then try again.",
                reasons={Reason.TIMEOUT},
                certainty=Certainty.GUESSED,
                model=self.model.name,
                command=f"AT+SQNSD={socket},…",
            )
        code = fields(event.line)[1]
        if code != "0":
            value = number(code)
            raise self.error(
                VendorCode("socket", code[:100] if value is None else value),
                asked,
                default=CommandError,
                command=f"AT+SQNSD={socket},…",
                lines=(event.line,),
            )

    async def _no_carrier(
        self,
        reply: Reply,
        asked: str,
        socket: int,
        host: str,
        port: int,
        security_profile: int | None,
        timeout: float,
    ) -> ModemError:
        """The error for a failed synchronous dial; what it was is found by dialling without TLS."""
        error = self.refusal(reply, asked)
        if reply.final.word != "NO CARRIER" or security_profile is None or not self.options.dial_probe:
            return (
                error
                if security_profile is not None or reply.final.word != "NO CARRIER"
                else self._network(error)
            )
        await self._configure(socket, None)
        plain = (socket, 0, port, quote(host), 0, 0, 1)
        probe = await self._dial(*plain, timeout=timeout)
        if not probe.ok:
            return self._network(error)
        await self.close_stream(socket)
        return TlsError(
            f"{error.message} The same connection without TLS is made, so TLS is what failed.",
            remedy="Check the modem's clock (modemtls clock) and which CA is trusted (modemtls cert list)."
            " The modem's HTTP client (--http modem) tells causes apart.",
            reasons={Reason.HANDSHAKE_FAILED},
            certainty=Certainty.DERIVED,
            model=error.model,
            command=error.command,
            code=error.code,
            lines=error.lines,
        )

    def _network(self, error: ModemError) -> NetworkError:
        return NetworkError(
            error.message,
            remedy="Check the host's name and port, then the network: modemtls network.",
            reasons={Reason.NAME_NOT_RESOLVED, Reason.REFUSED, Reason.TIMEOUT},
            certainty=Certainty.DERIVED,
            model=error.model,
            command=error.command,
            code=error.code,
            lines=error.lines,
        )

    async def send_stream(self, socket: int, data: bytes, progress: Progress | None = None) -> None:
        step = self.limits.max_send_bytes
        for start in range(0, len(data), step):
            part = data[start : start + step]
            reply = await self.channel.upload(
                Command.set("+SQNSSENDEXT", socket, len(part)), part, prompt_timeout=self.limits.prompt_timeout,
                timeout=30.0,
            )  # fmt: skip
            if not reply.ok:
                error = self.refusal(reply, f"Sending {len(part)} bytes", default=NetworkError)
                raise NetworkError(
                    error.message,
                    remedy="The connection is probably lost: open another one.",
                    reasons={Reason.CONNECTION_LOST},
                    certainty=Certainty.DERIVED,
                    model=error.model,
                    command=error.command,
                    code=error.code,
                    lines=error.lines,
                )
            if progress is not None:
                progress(start + len(part), len(data))
            await Yield()

    async def receive_stream(self, socket: int, limit: int, timeout: float) -> bytes | None:
        rings, closed = starts(f"+SQNSRING: {socket}"), starts(f"+SQNSH: {socket}")
        limit = min(limit, self.limits.max_receive_bytes)
        deadline = await Now() + timeout
        while True:
            await self.channel.poll(0)
            if self.channel.take(closed) is not None:
                self._ended.add(socket)
            ended = socket in self._ended
            if self.channel.has(rings) or ended or socket in self._more:
                self.channel.discard(rings)
                data = await self._receive(socket, limit)
                self._more.discard(socket)
                if len(data) == limit:
                    self._more.add(socket)
                if data or ended:
                    return data
                continue
            remaining = deadline - await Now()
            if remaining <= 0:
                return None
            await self._rest(socket, min(POLL_SECONDS, remaining))
            if not self._heard(socket) and await self._buffered(socket):
                self._more.add(socket)

    def _heard(self, socket: int) -> bool:
        return self.channel.has(starts(f"+SQNSRING: {socket}", f"+SQNSH: {socket}"))

    async def _rest(self, socket: int, timeout: float) -> None:
        """Until something is said of this socket, or ``timeout`` seconds pass."""
        deadline = await Now() + timeout
        while not self._heard(socket) and (remaining := deadline - await Now()) > 0:
            await self.channel.poll(min(0.1, remaining))
            await Yield()

    async def _buffered(self, socket: int) -> bool:
        reply = await self.channel.command(Command.set("+SQNSI", socket))
        values = fields(reply.lines[0]) if reply.ok and reply.lines else ()
        return len(values) > 3 and (number(values[3]) or 0) > 0

    async def _receive(self, socket: int, limit: int) -> bytes:
        def count(line: str) -> int | None:
            values = fields(line)
            return number(values[1]) if len(values) > 1 else None

        with self._distrusted_after_a_failure(socket):
            reply = await self.channel.download(
                Command.set("+SQNSRECV", socket, limit), Announced(count, limit), timeout=10.0
            )
        return reply.payload  # a refusal says that there is nothing (any more)

    async def close_stream(self, socket: int) -> None:
        await self._hang_up(socket)
        self._ended.discard(socket)
        self._more.discard(socket)
        self.channel.discard(starts(f"+SQNSRING: {socket}", f"+SQNSH: {socket}"))

    async def _hang_up(self, socket: int) -> None:
        # The end of another socket is reported by the same word: it must stay an event.
        await self.channel.command(Command.set("+SQNSH", socket, reply=NO_REPLY), timeout=10.0)
