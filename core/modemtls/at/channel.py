"""One exchange at a time, and a decent end for those that break.

An exchange goes from a command line to its final result code.  One that breaks (timeout, I/O error,
cancellation) leaves the channel *recovering*: before the next one it completes or drains what was under
way, then sends a command whose answer cannot be mistaken for a late one.  A command is never repeated
here, least of all one that carries data: after a lost prompt the modem would take it as payload.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ModemReset, ModemTimeout, Reason
from ..log import wire, wire_is_logged
from ..op import Now, Read, Sleep, Write, Yield
from .dialogue import Dialogue
from .exchange import Announced, Event, Exchange, Marked, Match, Reply
from .syntax import Command, Dialect, Final, final_result

__all__ = ["Channel"]

WAIT_SLICE = 0.1
UPLOAD_SLICE = 1024


class Channel(Dialogue):
    """The AT dialogue with one modem.

    All methods marked ``async`` are operations: they await steps and are run by a runner.
    """

    def __init__(
        self, dialect: Dialect, *, command_timeout: float = 5.0, recover_timeout: float = 10.0
    ) -> None:
        super().__init__(dialect)
        self.command_timeout = command_timeout
        self.recover_timeout = recover_timeout
        self._broken: Exchange | None = None

    @property
    def is_recovering(self) -> bool:
        """The last exchange broke; the next one begins with the recovery."""
        return self._broken is not None

    def speak(self, dialect: Dialect, *, command_timeout: float, recover_timeout: float) -> None:
        """Go on in another dialect, when the model has become known."""
        self.dialect = dialect
        self.command_timeout = command_timeout
        self.recover_timeout = recover_timeout

    async def command(self, command: Command, *, timeout: float | None = None, dial: bool = False) -> Reply:
        """Send a command and read to its final result code.

        ``dial`` accepts the results of a call (``NO CARRIER``, ``CONNECT``) as final.

        :raises ModemTimeout: no final result within ``timeout`` seconds.
        :raises ModemReset: the modem restarted instead.
        :raises PortError: the port is gone.
        """
        await self.ready()
        exchange = self._begin(command)
        try:
            deadline = await Now() + (self.command_timeout if timeout is None else timeout)
            await self._send_line(exchange)
            final = await self._final(exchange, deadline, dial=dial)
        except BaseException:
            self._break(exchange)
            raise
        return self._end(exchange, final)

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

        :raises ModemTimeout: no prompt, or no final result, in time.  The data may have been taken.
        """
        await self.ready()
        exchange = self._begin(command, data=data, hides=hide)
        try:
            await self._send_line(exchange)
            deadline = await Now() + prompt_timeout
            final = await self._final(exchange, deadline, prompt=True)
            if final is None:
                await self._send_data(exchange, progress)
                deadline = await Now() + (self.command_timeout if timeout is None else timeout)
                final = await self._final(exchange, deadline)
        except BaseException:
            self._break(exchange)
            raise
        return self._end(exchange, final)

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
        :raises HttpError: the announced length is negative or more than was asked for.
        """
        await self.ready()
        exchange = self._begin(command)
        body = bytearray()
        allowed = self.command_timeout if timeout is None else timeout
        try:
            await self._send_line(exchange)
            deadline = await Now() + allowed
            final: Final | None = None
            while final is None:
                final = await self._final(exchange, deadline, payload=payload)
                if final is None:
                    await self._payload(exchange, body, idle_timeout, progress)
                    deadline = await Now() + allowed
        except BaseException:
            self._break(exchange)
            raise
        return self._end(exchange, final, bytes(body))

    async def wait(self, match: Match, timeout: float) -> Event | None:
        """The next event that ``match`` takes; ``None`` when ``timeout`` seconds pass without.

        Others may use the channel meanwhile: the wait is a row of short reads.

        :raises ModemReset: the modem restarted while it was waited for.
        """
        deadline = await Now() + timeout
        restarts = self.restarts
        while True:
            if event := self.take(match):
                return event
            if self.restarts != restarts:
                raise self._restarted(None)
            remaining = deadline - await Now()
            if remaining <= 0:
                return None
            await self.poll(min(WAIT_SLICE, remaining))
            await Yield()

    async def poll(self, timeout: float) -> None:
        """Read what has arrived, or arrives within ``timeout`` seconds, outside any exchange."""
        if self._broken is not None:
            await self.ready()
        data = await Read(timeout)
        if data:
            self._receiver.feed(data)
            await self._drain_lines()

    async def ready(self) -> None:
        """End what a broken exchange left behind, if there is one.

        :raises ModemTimeout: the modem does not answer within ``recover_timeout`` seconds.
        """
        broken = self._broken
        if broken is None:
            await self._drain_lines()
            return
        deadline = await Now() + self.recover_timeout
        wire("recovering", command=broken.command.shown)
        await self._finish_payload(deadline)
        if broken.data and broken.sent < len(broken.data):
            await self._finish_upload(broken, deadline)
        await self._synchronise(broken, deadline)
        self._broken = None

    async def wake(self, timeout: float) -> bool:
        """Send a bare ``AT`` until the modem answers; false when it does not within ``timeout``.

        Wakes a sleeping modem, and lets one that adapts to the baud rate do so.
        """
        deadline = await Now() + timeout
        exchange = self._begin(Command.do())
        try:
            while (remaining := deadline - await Now()) > 0:
                exchange.begun = True
                await Write(b"AT" + self.dialect.line_end)
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
            self._break(exchange)

    async def _finish_payload(self, deadline: float) -> None:
        while self._receiver.payload_remaining and (remaining := deadline - await Now()) > 0:
            data = await Read(min(1.0, remaining))
            if not data:
                break
            self._receiver.feed(data)
            while self._receiver.payload_remaining and self._receiver.next():
                pass
        self._receiver.expect_payload(0)

    async def _finish_upload(self, broken: Exchange, deadline: float) -> None:
        if not broken.prompted:
            try:
                late = await self._final(
                    broken, min(deadline, await Now() + self.command_timeout), prompt=True
                )
            except (ModemTimeout, ModemReset):
                # No prompt, no result.  Whether data are awaited shows when a probe is not answered.
                if await self._probe(broken, min(deadline, await Now() + 1.0)):
                    return
                # It has eaten the probe as data: fill the count, in a way that cannot be a command.
                probe = len(self.dialect.sync_command) + len(self.dialect.line_end)
                await Write(b" " * max(0, len(broken.data) - probe))
                broken.sent = len(broken.data)
                return
            if late is not None:
                broken.sent = len(broken.data)
                return
        await Write(broken.data[broken.sent :], timeout=max(1.0, deadline - await Now()))
        broken.sent = len(broken.data)

    async def _synchronise(self, broken: Exchange, deadline: float) -> None:
        while (remaining := deadline - await Now()) > 0:
            if await self._probe(broken, await Now() + min(1.0, remaining)):
                await self._drain_lines()
                return
            if broken.data:  # some of the last slice may be missing: spaces fill it and command nothing
                await Write(b" " * UPLOAD_SLICE)
        raise ModemTimeout(
            f"The modem did not come back after {broken.command.shown} broke off: it answered nothing to"
            f" {self.dialect.sync_command} for {self.recover_timeout:g} s.",
            remedy="Check power and cable; a modem that hangs wants its reset line or a power cycle.",
            reasons={Reason.NO_ANSWER},
            command=self.dialect.sync_command,
        )

    async def _probe(self, broken: Exchange, deadline: float) -> bool:
        """Ask for what only the probe's answer contains; results before that line are late ones."""
        await Write(self.dialect.sync_command.encode() + self.dialect.line_end)
        answered = False
        while True:
            try:
                line = await self._line(broken, deadline)
                if line.startswith(self.dialect.sync_reply):
                    answered = True
                elif self._is_final(line):
                    if answered:
                        return True
                else:
                    await self._sort(None, line, hides=broken.hides)
            except ModemTimeout:
                return False

    def _is_final(self, line: str) -> bool:
        return final_result(line, dial=True, numeric=self._receiver.numeric) is not None

    def _begin(self, command: Command, *, data: bytes = b"", hides: bool = False) -> Exchange:
        self._noise = 0
        return Exchange(command, data=data, hides=hides or command.has_secrets)

    def _end(self, exchange: Exchange, final: Final | None, payload: bytes = b"") -> Reply:
        assert final is not None
        return Reply(exchange.command, final, tuple(exchange.lines), tuple(exchange.shown), payload)

    def _break(self, exchange: Exchange) -> None:
        if exchange.begun:
            self._broken = exchange

    async def _send_line(self, exchange: Exchange) -> None:
        command = exchange.command
        if wire_is_logged():
            wire("sent", line=command.shown)
        exchange.begun = True
        await Write(command.text.encode("ascii") + self.dialect.line_end)

    async def _send_data(self, exchange: Exchange, progress: Callable[[int, int], None] | None) -> None:
        data = exchange.data
        exchange.prompted = True
        wire("sent data", size=len(data))
        view = memoryview(data)
        while exchange.sent < len(data):
            part = bytes(view[exchange.sent : exchange.sent + UPLOAD_SLICE])
            # The count is what recovery goes by: a slice that broke off may have gone out or not.
            exchange.sent += len(part)
            await Write(part)
            if progress is not None:
                progress(exchange.sent, len(data))
