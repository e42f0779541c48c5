"""The one connection, TLS or TCP: ``AT+MTOPEN``, ``AT+MTSEND``, ``AT+MTRECV``, ``AT+MTCLOSE``.

What is received has a CRC and a number, so bytes that the line lost are asked for again, and none comes twice.
What went out is never sent again: a damaged block is refused by the agent, and told.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from modemtls import (
    Certainty,
    CertificateError,
    CommandError,
    HttpError,
    ModemError,
    ModemTimeout,
    NetworkError,
    Reason,
    TlsError,
    VendorCode,
)
from modemtls.at import Announced, Bare, Command, Reply, fields, number, quote, starts
from modemtls.driver import Progress
from modemtls.op import Now, Yield

from .companion_objects import CompanionStore, crc
from .module import NO_REPLY, QUOTES

__all__ = ["CompanionLink", "event_in"]

POLL_SECONDS = 1.0
"""How often the agent is asked what waits when no ``+MTDATA`` came: one may have been lost."""
RECEIVE_TRIES = 8
SMALLEST_BLOCK = 250
"""A line that damages blocks is asked for smaller ones, down to this."""
SEND_SECONDS = 70.0
"""How long one block may take: the agent gives up after 60 s."""
_OPENED, _DATA, _CLOSED = starts("+MTOPEN:"), starts("+MTDATA"), starts("+MTCLOSED:")
_BUSY, _CONNECTED = 702, 716
_LOST = frozenset({Reason.BYTES_LOST, Reason.MALFORMED_RESPONSE, Reason.NO_ANSWER, Reason.GARBAGE_ON_LINE})


@dataclass(frozen=True)
class Block:
    """What one ``AT+MTRECV`` gave; ``number`` counts the blocks that were not empty."""

    data: bytes
    ended: bool
    number: int
    is_whole: bool


class CompanionLink(CompanionStore):
    """A byte stream."""

    def forget_connections(self) -> None:
        """After a restart, and at the beginning: nothing is known of the connection."""
        self._known_closed = False
        self._outcome: tuple[str, int] | None = None
        self._more = False
        self._block = 0
        self._step = self.limits.max_receive_bytes

    async def open_stream(
        self, socket: int, host: str, port: int, *, security_profile: int | None, timeout: float
    ) -> None:
        address = quote(host, QUOTES, what="The host name")
        kind = "TCP" if security_profile is None else "TLS"
        asked = f"Connecting to {host}:{port}" + (" with TLS" if kind == "TLS" else "")
        if not self._known_closed:
            await self._hang_up()
        resume = 1 if self._resumes and kind == "TLS" else None
        arguments = (Bare(kind), address, port, *(() if resume is None else (resume,)))
        reply = await self._dial(Command.set("+MTOPEN", *arguments, reply=NO_REPLY), asked)
        outcome = await self._dialled(asked, timeout)
        if outcome is None:
            return
        error = self._event_error(kind, *outcome, asked, reply)
        if kind == "TLS" and type(error) is TlsError and not error.reasons and self.options.dial_probe:
            raise await self._tls_or_network(
                error, Command.set("+MTOPEN", Bare("TCP"), address, port, reply=NO_REPLY)
            )
        raise error

    async def _dial(self, command: Command, asked: str) -> Reply:
        self.forget_connections()
        self.channel.discard(lambda line: _OPENED(line) or _DATA(line) or _CLOSED(line))
        reply = await self.command(command)
        if reply.final.number in (
            _BUSY,
            _CONNECTED,
        ):  # another program's, or one that was not seen to be closed
            await self._hang_up()
            reply = await self.command(command)
        self._known_closed = not reply.ok
        return self.accept(reply, asked)

    async def _dialled(self, asked: str, timeout: float) -> tuple[str, int] | None:
        """The event that the connection failed with, or ``None`` when it is open."""
        event = await self.channel.wait(_OPENED, timeout)
        if event is None:
            await self._hang_up()
            raise NetworkError(
                f"{asked} failed: the agent reported no result in {timeout:g} s.",
                remedy="Look at the signal and at the server, then try again.",
                reasons={Reason.TIMEOUT},
                certainty=Certainty.GUESSED,
                model=self.model.name,
                command="AT+MTOPEN",
            )
        values = fields(event.line)
        if values[:1] == ("1",):
            return None
        self._known_closed = True
        return event_in(event.line)

    def _event_error(self, kind: str, name: str, raw: int, asked: str, reply: Reply) -> ModemError:
        code = VendorCode(f"{kind.lower()}-event", f"{name} {raw}" if raw else name)
        error = self.error(
            code,
            asked,
            default=TlsError if kind == "TLS" else NetworkError,
            command=reply.command.shown,
            lines=(f'+MTOPEN: 0,"{name}",{raw}',),
        )
        if isinstance(error, CertificateError):
            error.certainty = Certainty.GUESSED  # of what is wrong with it; that it was refused is reported
        return self.comment(error) if kind == "TLS" else error

    async def _tls_or_network(self, error: ModemError, probe: Command) -> ModemError:
        """What a number that nobody has published was: found by dialling without TLS and sending nothing."""
        try:
            await self._dial(probe, "Dialling without TLS")
            outcome = await self._dialled("Dialling without TLS", self.limits.connect_timeout)
        except NetworkError:
            outcome = ("", 0)
        if outcome is None:
            await self._hang_up()
            kind: type[ModemError] = TlsError
            found = "The same connection without TLS is made, so TLS is what failed."
            reasons = {Reason.HANDSHAKE_FAILED, Reason.UNSUPPORTED_VERSION, Reason.NO_COMMON_CIPHER}
            remedy = (
                "The module speaks TLS 1.0 at most, as far as is known: try TLS on this computer"
                ' (tls="host", --tls host).'
            )
        else:
            kind = NetworkError
            found = "The same connection without TLS is not made either."
            reasons = {Reason.NAME_NOT_RESOLVED, Reason.REFUSED, Reason.TIMEOUT}
            remedy = "Check the host's name and port, then the network: modemtls network."
        return kind(
            f"{error.message} {found}",
            remedy=remedy,
            reasons=reasons,
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
            command = Command.set("+MTSEND", len(part), crc(part), reply=NO_REPLY)
            reply = await self.upload(command, part, timeout=SEND_SECONDS)
            if not reply.ok:
                raise self._not_sent(reply, len(part))
            if progress is not None:
                progress(start + len(part), len(data))
            await Yield()

    def _not_sent(self, reply: Reply, size: int) -> ModemError:
        error = self.refusal(reply, f"Sending {size} bytes", default=NetworkError)
        if isinstance(error, NetworkError) and Reason.CONNECTION_LOST in error.reasons:
            return self.comment(error)
        return NetworkError(
            f"{error.message} They were not sent, and are not sent again by themselves.",
            remedy=error.remedy,
            reasons=error.reasons | {Reason.CONNECTION_LOST},
            certainty=error.certainty,
            model=error.model,
            command=error.command,
            code=error.code,
            lines=error.lines,
        )

    async def receive_stream(self, socket: int, limit: int, timeout: float) -> bytes | None:
        most = limit
        deadline = await Now() + timeout
        while True:
            limit = min(most, self._step)
            await self.channel.poll(0)
            if (event := self.channel.take(_CLOSED)) is not None:
                self._outcome = event_in(event.line)
            if self.channel.has(_DATA) or self._outcome is not None or self._more:
                self.channel.discard(_DATA)
                block = await self._receive(limit)
                self._more = len(block.data) == limit
                if block.data:
                    return block.data
                if block.ended or self._outcome is not None:
                    await self._check_end()
                    return b""
                continue
            remaining = deadline - await Now()
            if remaining <= 0:
                return None
            await self._rest(min(POLL_SECONDS, remaining))
            if not self._heard() and await self._waits():
                self._more = True

    def _heard(self) -> bool:
        return self.channel.has(_DATA) or self.channel.has(_CLOSED)

    async def _rest(self, timeout: float) -> None:
        """Until something is said of the connection, or ``timeout`` seconds pass."""
        deadline = await Now() + timeout
        while not self._heard() and (remaining := deadline - await Now()) > 0:
            await self.channel.poll(min(0.1, remaining))
            await Yield()

    async def _waits(self) -> bool:
        """Bytes, or the end, wait in the agent and were not told, or the telling was lost."""
        reply = await self.command(Command.read("+MTOPEN", reply=r"\+MTOPEN: ?[0-3],[A-Z]*,"))
        values = fields(reply.lines[0]) if reply.ok and reply.lines else ()
        return len(values) > 3 and (values[0] != "2" or (number(values[3]) or 0) > 0)

    async def _check_end(self) -> None:
        """The end is a close by the other side, or an error, raised."""
        if self._outcome is None:  # what told it was lost
            reply = await self.command(Command.read("+MTERR"))
            values = fields(reply.lines[0]) if reply.ok and reply.lines else ()
            self._outcome = (values[1], number(values[2]) or 0) if len(values) > 2 else ("", 0)
        name, raw = self._outcome
        if name == "WIP_CEV_ERROR":
            raise self.comment(
                NetworkError(
                    f"The connection was lost: the agent reported {name} {raw}.",
                    remedy="Look at the network, then try again: modemtls network",
                    reasons={Reason.CONNECTION_LOST},
                    certainty=Certainty.STATED,
                    model=self.model.name,
                    command="AT+MTRECV",
                    code=VendorCode("tcp-event", f"{name} {raw}"),
                )
            )

    async def _receive(self, limit: int) -> Block:
        """The next block, whole; asked for again where the line has lost a part of it."""
        most = limit
        trouble: ModemError | None = None
        for turn in range(RECEIVE_TRIES):
            if turn:
                self._step = max(SMALLEST_BLOCK, self._step // 2)
            try:
                block = await self._ask_for_block(most)
            except (HttpError, ModemTimeout) as error:
                if not error.reasons & _LOST:
                    raise
                trouble, most = error, 0
                continue
            if not block.is_whole:
                trouble, most = None, 0
                continue
            if block.data and block.number == self._block:
                most = limit  # the one before: what was asked for had not reached the agent
                continue
            if block.data and block.number != self._block % 65535 + 1:
                break
            if block.data:
                self._block = block.number
                self._step = min(self._step if turn else 2 * self._step, self.limits.max_receive_bytes)
            return block
        raise NetworkError(
            "Received bytes were lost on the line to the modem, and asking for them again did not bring them."
            + (f" {trouble.message}" if trouble is not None else ""),
            remedy="Connect RTS and CTS, or use a lower baud rate.",
            reasons={Reason.BYTES_LOST, Reason.CONNECTION_LOST},
            certainty=Certainty.DERIVED,
            model=self.model.name,
            command="AT+MTRECV",
        )

    async def _ask_for_block(self, most: int) -> Block:
        def count(line: str) -> int | None:
            return number(next(iter(fields(line)), ""))

        reply = await self.unless_busy(
            lambda: self.channel.download(
                Command.set("+MTRECV", most),
                Announced(count, most or self.limits.max_receive_bytes),
                timeout=10.0,
                idle_timeout=2.0,
            )
        )
        if not reply.ok or not reply.lines:
            raise self.refusal(reply, "Receiving", default=NetworkError)
        values = fields(reply.lines[-1])
        if len(values) < 4:
            raise CommandError(
                f"Receiving: the agent's answer has another form: {reply.shown[-1]}",
                remedy="Load the agent that belongs to this version of modemtls.",
                model=self.model.name,
                command=reply.command.shown,
                lines=reply.shown,
            )
        whole = values[1] == f"{binascii.crc32(reply.payload):08x}"
        return Block(reply.payload, values[2] == "1", number(values[3]) or 0, whole)

    async def close_stream(self, socket: int) -> None:
        await self._hang_up()

    async def _hang_up(self) -> None:
        await self.ask(Command.do("+MTCLOSE"), "Closing the connection", timeout=10.0)
        self.channel.discard(lambda line: _OPENED(line) or _DATA(line) or _CLOSED(line))
        self.forget_connections()
        self._known_closed = True


def event_in(line: str) -> tuple[str, int]:
    """The name and the number of an event, from a line in which they stand last."""
    values = fields(line)
    return (values[-2], number(values[-1]) or 0) if len(values) > 1 else ("", 0)
