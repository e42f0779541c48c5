"""One exchange at a time.

An exchange goes from a command line to its final result code.  One that breaks (timeout, I/O error,
cancellation) leaves the channel *recovering*: the next one begins with what :mod:`.recovery` does.  A
command is never repeated here, least of all one that carries data: after a lost prompt the modem would
take it as payload.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from ..errors import CommandError, HttpError, ModemReset, ModemTimeout, Reason
from ..log import wire, wire_is_logged
from ..op import Now, Read, Sleep, Write, Yield
from .exchange import Announced, Event, Exchange, Marked, Match, Reply
from .framing import Line
from .recovery import SHOW_RESULTS, Recovery
from .syntax import Command, Dialect, Final, escaped, final_result

__all__ = ["Channel"]

WAIT_SLICE = 0.1
PATIENT_TURNS = 3
MOST_LINES = 100
ESCAPE_SECONDS = 1.2
"""Silence around ``+++``: modems want a second of it, as a rule."""
EMPTY_LINES = 2100  # in the four turns that are left of ten seconds: more than the largest credential


class Channel(Recovery):
    """The AT dialogue with one modem.

    All methods marked ``async`` are operations: they await steps and are run by a runner.
    """

    def __init__(
        self, dialect: Dialect, *, command_timeout: float = 5.0, recover_timeout: float = 10.0
    ) -> None:
        super().__init__(dialect, command_timeout=command_timeout, recover_timeout=recover_timeout)
        self.tap: Callable[[str, str], None] | None = None
        """Told of each exchange, ``("sent" or "said", line)``, as it may be shown to anybody."""

    def speak(self, dialect: Dialect, *, command_timeout: float, recover_timeout: float) -> None:
        """Go on in another dialect, when the model has become known."""
        self.dialect = dialect
        self.command_timeout = command_timeout
        self.recover_timeout = recover_timeout

    async def command(
        self, command: Command, *, timeout: float | None = None, dial: bool = False, asks: bool = False
    ) -> Reply:
        """Send a command and read to its final result code.

        ``dial`` accepts the results of a call (``NO CARRIER``, ``CONNECT``) as final.  ``asks``: the command
        is a person's, and a prompt means that it wants data.

        :raises CommandError: it asks for data, or the line is too long for the modem: nothing was sent then.
        :raises ModemTimeout: no final result within ``timeout`` seconds.
        :raises ModemReset: the modem restarted instead.
        :raises PortError: the port is gone.
        """
        self._check_length(command)
        await self.ready()
        exchange = self._begin(command)
        try:
            deadline = await Now() + (self.command_timeout if timeout is None else timeout)
            await self._send_line(exchange)
            final = await self._final(exchange, deadline, dial=dial, prompt=asks)
            if final is None:
                exchange.data, exchange.prompted = b" ", True  # recovery fills what it waits for with spaces
                raise self._asks_for_data(exchange)
        except BaseException:
            self._break(exchange)
            raise
        if command.reply is None and final is not None and final.ends_call:
            # A person's line, perhaps no dial at all: it may be the end of another call, reported
            # meanwhile, and this line's own result comes yet.
            self._break(exchange)
        return await self._end(exchange, final)

    async def upload(
        self,
        command: Command,
        data: bytes,
        *,
        prompt_timeout: float,
        timeout: float | None = None,
        hide: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Reply:
        """Send a command, wait for the prompt, send exactly ``data``, read to the final result code.

        ``hide`` marks the data as secret: nothing that could be a piece of it is shown.
        ``progress`` is called with bytes sent and bytes in all.

        A refusal that comes before all data are sent ends the sending.

        :raises ModemTimeout: no prompt, or no final result, in time.  The data may have been taken.
        :raises CommandError: the modem reported success without having taken the data.
        """
        self._check_length(command)
        await self.ready()
        exchange = self._begin(command, data=data, hides=hide)
        try:
            await self._send_line(exchange)
            deadline = await Now() + prompt_timeout
            final = await self._final(exchange, deadline, prompt=True)
            if final is None:
                final = await self._send_data(exchange, progress)
                if final is None:
                    deadline = await Now() + (self.command_timeout if timeout is None else timeout)
                    final = await self._final(exchange, deadline)
            assert final is not None
            if final.is_success and exchange.sent < len(data):
                raise self._not_taken(exchange, final)
        except BaseException:
            self._break(exchange)
            raise
        if 0 < exchange.sent < len(data):
            self._break(exchange)  # bytes that it did not wait for any more may stand in its command line
        return await self._end(exchange, final)

    async def download(
        self,
        command: Command,
        payload: Announced | Marked,
        *,
        timeout: float | None = None,
        idle_timeout: float = 10.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Reply:
        """Send a command and read its answer with a counted payload in it.

        ``timeout`` bounds the wait for the payload's beginning and, again, for what follows it;
        ``idle_timeout`` the silence inside it.

        :raises ModemTimeout: too late, or bytes of the payload were lost on the line.
        :raises HttpError: the announced length is negative or more than was asked for; the bytes that
            came are not those that were announced; a marked payload did not come.
        """
        self._check_length(command)
        await self.ready()
        exchange = self._begin(command, payload=payload)
        body = bytearray()
        allowed = self.command_timeout if timeout is None else timeout
        try:
            await self._send_line(exchange)
            deadline = await Now() + allowed
            final: Final | None = None
            while final is None:
                final = await self._final(exchange, deadline)
                if final is None:
                    await self._payload(exchange, body, idle_timeout, progress)
                    deadline = await Now() + allowed
        except BaseException:
            self._break(exchange)
            raise
        if final.is_success and isinstance(payload, Marked) and len(body) < payload.count:
            raise HttpError(
                f"{command.shown}: the modem ended its answer without the {payload.count} bytes that it announced.",
                reasons={Reason.INCOMPLETE_BODY},
                command=command.shown,
                lines=exchange.shown,
            )
        return await self._end(exchange, final, bytes(body))

    async def wait(self, match: Match, timeout: float) -> Event | None:
        """The next event that ``match`` takes; ``None`` when ``timeout`` seconds pass without.

        Others may use the channel meanwhile: the wait is a row of short reads.

        :raises ModemReset: the modem restarted while it was waited for.
        """
        deadline = await Now() + timeout
        restarts = self.restarts
        polled = False
        while True:
            if event := self.take(match):
                return event
            if self.restarts != restarts:
                raise self._restarted(None)
            remaining = deadline - await Now()
            if remaining <= 0 and polled:
                return None
            await self.poll(max(0.0, min(WAIT_SLICE, remaining)))
            polled = True
            await Yield()

    async def poll(self, timeout: float) -> None:
        """Read what has arrived, or arrives within ``timeout`` seconds, outside any exchange."""
        if self.data_mode is not None:
            await self.data_mode.pull(timeout)
            return
        if self._broken is not None:
            await self.ready()
        data = await Read(timeout)
        if data:
            self._receiver.feed(data)
        await self._drain_lines()

    async def wake(self, timeout: float, *, escape_first: bool = False) -> bool:
        """Send a bare ``AT`` until the modem answers; false when it does not within ``timeout``.

        Wakes a sleeping modem, and lets one that adapts to the baud rate do so.  Each second line is
        ``ATQ0``, for a modem whose results somebody has switched off.  To one that stays silent ``+++`` is sent
        once, with silence around it: a program that was killed may have left it in a data mode; then empty lines
        too: it may be waiting for data that another program announced and did not send.  ``escape_first`` begins
        with ``+++``, where an earlier call had no time for it.
        """
        deadline = await Now() + timeout
        exchange = self._begin(Command.do())
        self._receiver.numeric = True  # the result may be a digit; a word puts this off again
        lines = itertools.cycle((b"AT", SHOW_RESULTS))
        empty = self.dialect.line_end * EMPTY_LINES
        fillers = itertools.chain((b"",) * PATIENT_TURNS, itertools.repeat(empty))
        turn = 0
        try:
            while (remaining := deadline - await Now()) > 0:
                exchange.begun = True
                turn += 1
                if turn == (1 if escape_first else PATIENT_TURNS) and remaining > 4 * ESCAPE_SECONDS:
                    await self._escape_data_mode()
                await Write(next(fillers) + next(lines) + self.dialect.line_end)
                try:
                    await self._final(exchange, await Now() + min(1.0, remaining))
                except ModemTimeout:
                    continue
                except ModemReset:
                    await Sleep(0.5)
                    continue
                return True
            return False
        finally:
            if self._broken is None:  # else what broke before it is what must be ended
                self._break(exchange)

    async def _escape_data_mode(self) -> None:
        for data in (b"", b"+++"):
            if data:
                await Write(data)
            until = await Now() + ESCAPE_SECONDS
            while (remaining := until - await Now()) > 0:
                self._receiver.feed(await Read(remaining))
                await self._drain_lines()

    async def question(self, command: Command, timeout: float) -> tuple[str, ...]:
        """The lines that come within ``timeout`` seconds of a command, up to a final result.

        For a modem that cannot be put in step, because it answers next to nothing: nothing is recovered before.
        """
        self._receiver.begin()
        await self._send_line(Exchange(command))
        deadline = await Now() + timeout
        lines: list[str] = []
        while (data := await Read(max(0.0, deadline - await Now()))) and len(lines) < MOST_LINES:
            self._receiver.feed(data)
            while (item := self._receiver.next()) is not None:
                if isinstance(item, Line):
                    lines.append(self._read_line(item))
                    if final_result(lines[-1]) is not None:
                        return tuple(lines)
        return tuple(lines)

    def _check_length(self, command: Command) -> None:
        most = self.dialect.max_line_characters
        if len(command.text) > most:
            shown = escaped(command.shown, 60)
            raise CommandError(
                f"The command line {shown} would have {len(command.text)} characters; this modem is sent {most} at"
                " most.",
                remedy="Use shorter arguments: a shorter path, name or value.",
                reasons={Reason.INVALID_PARAMETER, Reason.TOO_LARGE},
                command=shown,
            )

    def _begin(
        self,
        command: Command,
        *,
        data: bytes = b"",
        payload: Announced | Marked | None = None,
        hides: bool = False,
    ) -> Exchange:
        self._noise = 0
        exchange = Exchange(command, data=data, payload=payload, hides=hides or command.has_secrets)
        if exchange.hides:
            self._hider = exchange
        return exchange

    async def _end(self, exchange: Exchange, final: Final | None, payload: bytes = b"") -> Reply:
        assert final is not None
        if self.tap is not None:
            for line in (*exchange.shown, str(final)):
                self.tap("said", line)
        if final.word == "CONNECT" and self.data_mode is not None:
            self.data_mode.hand_over(self._receiver.hand_over())
        elif self._broken is None:
            await self._drain_lines()  # an event in the chunk of the result is there for who asks next
            if self._hider is not exchange:
                self._hider = None
        return Reply(exchange.command, final, tuple(exchange.lines), tuple(exchange.shown), payload)

    @staticmethod
    def _not_taken(exchange: Exchange, final: Final) -> CommandError:
        exchange.over = True
        return CommandError(
            f"{exchange.command.shown}: the modem answered {final} after {exchange.sent} of"
            f" {len(exchange.data)} bytes: it has not taken the data.",
            remedy="Try again; if it happens again, the modem does not ask for data with this command.",
            command=exchange.command.shown,
            lines=(*exchange.shown, str(final)),
        )

    async def _send_line(self, exchange: Exchange) -> None:
        command = exchange.command
        if wire_is_logged():
            wire("sent", line=command.shown)
        if self.tap is not None:
            self.tap("sent", command.shown)
        exchange.begun = True
        await Write(command.text.encode("ascii") + self.dialect.line_end)

    @staticmethod
    def _asks_for_data(exchange: Exchange) -> CommandError:
        return CommandError(
            f"{exchange.command.shown} asks for data, and none were given.",
            remedy="Give them with the command (data=, --data @FILE), exactly as many bytes as it says.",
            reasons={Reason.INVALID_PARAMETER},
            command=exchange.command.shown,
            lines=exchange.shown,
        )
