"""The driver of ``sierra-q2686-wipsoft``: TCP clients of WIPsoft (``AT+WIP…``), and no TLS in the module.

Several of its errors are states: 804 at opening the bearer and 803 at starting it say that this is done, 840 at
connecting that an earlier run left the socket open; 811 and 848 that the network is not ready yet.
Sources: guides for WIPsoft 2.02 and 3.11 as published for modems of another maker, and public products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemtls import (
    Certainty,
    ModemError,
    ModemReset,
    NetworkError,
    NetworkSettings,
    Reason,
    StoredCredential,
    StoredProfile,
    VendorCode,
)
from modemtls.at import (
    Command,
    DataMode,
    DataModeRules,
    Dialect,
    Escaped,
    Reply,
    Transparent,
    fields,
    number,
    quote,
    secret,
    starts,
)
from modemtls.op import Now, Sleep, Yield

from .module import MODULE_URCS, NO_REPLY, QUOTES, ModuleDriver, redact

if TYPE_CHECKING:
    from modemtls import CredentialKind, TlsProfile
    from modemtls.at import Argument, Event
    from modemtls.driver import Progress

    from .wipsoft_options import WipsoftOptions

__all__ = ["WipsoftDriver"]

TCP, GPRS = 2, 6
LOGIN, PASSWORD, APN, ADDRESS = 0, 1, 11, 15
ALREADY = {803, 804, 844}
NOT_YET = {811, 848}
ACTIVE = 840
STACK_STATES = {803, 805, 811, 831, 848}
"""At connecting: the stack or the bearer is not up (any more)."""
RETRY_SECONDS = 2.0
BEARER_SECONDS = 60.0
ANNOUNCED_SECONDS = 2.0
"""How long data are waited for that the module said it has."""


class PatientDataMode(DataMode):
    """A data mode that is asked for again while the module is busy: refused so, it carried nothing."""

    async def enter(self) -> Reply:
        return await ModuleDriver.unless_busy(super().enter)


class WipsoftDriver(ModuleDriver):
    """WIPsoft in a Q2686 or one of its relatives."""

    dialect = Dialect(
        urcs=(
            *MODULE_URCS, "+WIPREADY:", "+WIPDATA:", "+WIPPEERCLOSE:", "+WIPACCEPT:", "+WIPBR:", "+WIPERROR:",
            "SHUTDOWN",
        ),
        boot_urcs=("+WIND: 3",),
        redact=redact,
        quote_limits=QUOTES,
    )  # fmt: skip
    options: WipsoftOptions
    _stream: DataMode | None = None
    _network: NetworkSettings | None = None

    async def initialise(self) -> None:
        await super().initialise()
        self._stream = None

    # Network.

    async def bearer_up(self, settings: NetworkSettings) -> None:
        """Start the IP stack and the GPRS bearer; what is up already stays.

        :raises NetworkError: the network refuses, or is not ready in time.
        """
        self._network = settings
        if not (await self.command(Command.read("+WIPCFG"))).ok:
            await self._ask_state(Command.set("+WIPCFG", 1), "Starting the IP stack")
        await self._ask_state(self._bearer(1, GPRS), "Opening the bearer")
        for option, text, what in (
            (APN, settings.apn, "The APN"),
            (LOGIN, settings.user, "The APN's user"),
            (PASSWORD, settings.password, "The APN's password"),
        ):
            if text is not None:
                value = self._text(text, what)
                value = secret(value) if option == PASSWORD else value
                await self.ask(self._bearer(2, GPRS, option, value), f"Setting {what[0].lower() + what[1:]}",
                               default=NetworkError)  # fmt: skip
        until = await Now() + self.limits.attach_timeout
        while True:
            reply = await self.command(self._bearer(4, GPRS, 0), timeout=BEARER_SECONDS)
            code = reply.final.number
            if reply.ok or code in ALREADY:
                return
            if code not in NOT_YET or await Now() >= until:
                raise self.refusal(reply, "Starting the bearer", default=NetworkError)
            await Sleep(RETRY_SECONDS)
            await Yield()

    @staticmethod
    def _bearer(*arguments: Argument) -> Command:
        return Command.set("+WIPBR", *arguments, reply=rf"\+WIPBR: ?{GPRS},\d+,")

    async def _ask_state(self, command: Command, asked: str) -> None:
        """A command that may find its work done."""
        reply = await self.command(command, timeout=BEARER_SECONDS)
        if not reply.ok and reply.final.number not in ALREADY:
            raise self.refusal(reply, asked, default=NetworkError)

    async def _pdp_active(self) -> bool | None:
        # The event of a lost bearer looks like a line of the answer, and says the same.
        reply = await self.command(Command.read("+WIPBR"))
        return reply.ok and any(fields(line)[:2] == (str(GPRS), "1") for line in reply.lines)

    async def _bearer_option(self, option: int) -> str | None:
        reply = await self.command(self._bearer(3, GPRS, option))
        values = fields(reply.lines[-1]) if reply.ok and reply.lines else ()
        return values[2] if len(values) > 2 and values[1] == str(option) else None

    async def _address(self) -> str | None:
        return await self._bearer_option(ADDRESS) or None

    async def _apn(self) -> str | None:
        return await self._bearer_option(APN)

    # Streams.

    async def open_stream(
        self, socket: int, host: str, port: int, *, security_profile: int | None, timeout: float
    ) -> None:
        if security_profile is not None:
            raise self.unsupported("TLS in the module")
        asked = f"Connecting to {host}:{port}"
        command = Command.set(
            "+WIPCREATE", TCP, socket, quote(host, self.dialect.quote_limits, what="The host name"), port,
            reply=NO_REPLY,
        )  # fmt: skip
        deadline = await Now() + timeout
        await self._forget(socket)
        reply = await self.command(command, timeout=timeout)
        if reply.final.number == ACTIVE:  # an earlier run left it open
            await self._close(socket)
            reply = await self.command(command, timeout=timeout)
        elif reply.final.number in STACK_STATES and self._network is not None:
            await self.bearer_up(self._network)
            reply = await self.command(command, timeout=timeout)
        self.accept(reply, asked, default=NetworkError)
        await self._connected(socket, command, asked, deadline, timeout)
        self._stream = self._data_mode(socket, asked)
        entered = await self._stream.enter()
        if entered.final.word != "CONNECT":
            raise self.refusal(entered, asked, default=NetworkError)

    def _data_mode(self, socket: int, asked: str) -> DataMode:
        escaped = self.options.data_mode == "escaped"
        rules = DataModeRules(
            guard=self.options.guard_time,
            earliest=0.75 * self.options.guard_time,
            notices=("SHUTDOWN", "+CME ERROR:"),
            ended=starts(f"+WIPPEERCLOSE: {TCP},{socket}"),
            probe_after=self.options.look_after,
        )
        return PatientDataMode(
            self.channel,
            Command.set("+WIPDATA", TCP, socket, 1 if escaped else 2, reply=NO_REPLY),
            Escaped() if escaped else Transparent(),
            rules,
            refused=lambda reply: self._lost(asked, reply),
            timeout=self.limits.prompt_timeout,
        )

    async def _connected(
        self, socket: int, command: Command, asked: str, deadline: float, timeout: float
    ) -> None:
        """Wait for the outcome.  The line is kept: an error without a command's name would become another's result."""
        restarts = self.channel.restarts
        ready = starts(f"+WIPREADY: {TCP},{socket}")
        failed = starts("+CME ERROR:", f"+WIPERROR: {TCP},{socket},", f"+WIPPEERCLOSE: {TCP},{socket}")
        while True:
            if self.channel.take(ready) is not None:
                return
            if (event := self.channel.take(failed)) is not None:
                raise self._failed(event, command, asked)
            if self.channel.restarts != restarts:
                raise ModemReset(
                    f"{asked} failed: the modem restarted meanwhile.",
                    remedy="Try again; if it happens again, look at its power supply.",
                    reasons={Reason.MODEM_RESTARTED},
                    model=self.model.name,
                    command=command.shown,
                )
            remaining = deadline - await Now()
            if remaining <= 0:
                raise NetworkError(
                    f"{asked} failed: the modem reported no result in {timeout:g} s.",
                    remedy="Look at the signal and at the server, then try again.",
                    reasons={Reason.TIMEOUT},
                    certainty=Certainty.GUESSED,
                    model=self.model.name,
                    command=command.shown,
                )
            await self.channel.poll(min(0.5, remaining))

    def _failed(self, event: Event, command: Command, asked: str) -> ModemError:
        values = fields(event.line)
        code = number(values[-1]) if values and not event.line.startswith("+WIPPEERCLOSE") else 841
        return self.error(
            VendorCode("cme", 850 if code is None else code),
            asked,
            default=NetworkError,
            command=command.shown,
            lines=(event.line,),
        )

    async def send_stream(self, socket: int, data: bytes, progress: Progress | None = None) -> None:
        stream = self._open(socket)
        try:
            await stream.send(data, progress)
        except NetworkError:
            raise self._judged(stream, "Sending") or self._lost("Sending") from None

    async def receive_stream(self, socket: int, limit: int, timeout: float) -> bytes | None:
        stream = self._open(socket)
        announced = starts(f"+WIPDATA: {TCP},{socket}")
        if timeout <= 0 and not stream.is_entered and self.channel.has(announced):
            timeout = ANNOUNCED_SECONDS
        self.channel.discard(announced)
        data = await stream.receive(limit, timeout)
        if data == b"" and (error := self._judged(stream, "Receiving")) is not None:
            raise error
        return data

    def _open(self, socket: int) -> DataMode:
        if self._stream is None:
            raise self._lost(f"Using socket {socket}")
        return self._stream

    def _judged(self, stream: DataMode, asked: str) -> ModemError | None:
        """The error that ended the stream; ``None`` when the server ended it in order."""
        for line in stream.said:
            code = self.code_in(line)
            if code is not None:
                return self.error(code, asked, default=NetworkError, lines=stream.said)
        return None if stream.peer_ended else self._lost(asked)

    def _lost(self, asked: str, reply: Reply | None = None) -> ModemError:
        if reply is not None and not reply.ok:
            return self.refusal(reply, asked, default=NetworkError)
        return NetworkError(
            f"{asked} failed: the connection is lost, and the modem gives no cause.",
            remedy="Open another one.",
            reasons={Reason.CONNECTION_LOST},
            model=self.model.name,
        )

    async def close_stream(self, socket: int) -> None:
        await self._forget(socket)
        await self._close(socket)

    async def _forget(self, socket: int) -> None:
        stream = self._stream
        if stream is not None:
            await stream.leave()
        self._stream = None
        self.channel.discard(
            starts(
                f"+WIPREADY: {TCP},{socket}", f"+WIPDATA: {TCP},{socket}", f"+WIPPEERCLOSE: {TCP},{socket}",
                f"+WIPERROR: {TCP},{socket}", "+CME ERROR: 84", "SHUTDOWN",
            )
        )  # fmt: skip

    async def _close(self, socket: int) -> None:
        # Refused when nothing is open, which is what was wanted.
        await self.command(Command.set("+WIPCLOSE", TCP, socket, reply=NO_REPLY), timeout=15.0)

    # What there is not.

    async def list_credentials(self) -> tuple[StoredCredential, ...]:
        return ()

    async def write_credential(
        self, slot: int, kind: CredentialKind, data: bytes, progress: Progress | None = None
    ) -> None:
        raise self.unsupported("credential store")

    async def remove_credential(self, slot: int, kind: CredentialKind) -> None:
        raise self.unsupported("credential store")

    async def read_profiles(self) -> tuple[StoredProfile, ...]:
        return ()

    def profile_matches(self, stored: StoredProfile, profile: TlsProfile) -> bool:
        return False

    async def write_profile(self, number: int, profile: TlsProfile) -> None:
        raise self.unsupported("security profiles")

    async def reset_profile(self, number: int) -> None:
        raise self.unsupported("security profiles")
