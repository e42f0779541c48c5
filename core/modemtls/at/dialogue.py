"""Reading and sorting: which line is the answer, which is an event, which is the end.

A line is, in this order: the echo of the command, the modem's restart, a final result code, an
information response (the command's ``reply`` pattern takes it), or an event.  Events are kept, bounded,
with a count of what was dropped, so that one that shares a chunk with an answer is still there for
whoever waits for it afterwards.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable

from ..errors import CommandError, HttpError, ModemError, ModemReset, ModemTimeout, Reason
from ..log import wire, wire_is_logged
from ..op import Now, Read
from .events import EventQueue
from .exchange import Announced, Event, Exchange, Marked, Match
from .framing import Line, Marker, Payload, Prompt, Receiver, Slip
from .syntax import REDACTED, Dialect, Final, escaped, final_result

__all__ = ["Dialogue"]

MAX_REPLY_CHARACTERS = 1_000_000
"""The most that the lines of one answer may have; a payload is not counted."""
MAX_REPLY_LINES = 20_000


class Begin(enum.Enum):
    """What has an exchange pause before its final result."""

    DATA = "data"
    PAYLOAD = "payload"


class Dialogue:
    """The receiving half of the channel; its ``async`` methods are operations."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.restarts = 0
        """How often the modem has restarted since the channel exists."""
        self._receiver = Receiver()
        self._events = EventQueue()
        self._listeners: list[Callable[[Event], None]] = []
        self._noise = 0
        self._hider: Exchange | None = None
        """The last exchange with a secret: its echo may come when it is over, up to the end of the next one."""

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``listener`` for each event as it is read; gives the function that ends this."""
        self._listeners.append(listener)

        def end() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return end

    @property
    def dropped_events(self) -> int:
        """Events that made room for newer ones, and lines that may have been events, after bytes were lost."""
        return self._events.dropped

    @property
    def hears_noise(self) -> bool:
        """Something unreadable has come since the last exchange began: probably a wrong baud rate."""
        return self._noise > 0 or not self._receiver.is_readable

    def take(self, match: Match) -> Event | None:
        """The oldest event that ``match`` takes, out of the queue."""
        return self._events.take(match)

    def has(self, match: Match) -> bool:
        """An event that ``match`` takes is there."""
        return self._events.has(match)

    def discard(self, match: Match) -> None:
        """Drop the events that ``match`` takes: before an action whose own events are awaited."""
        self._events.discard(match)

    async def _final(
        self, exchange: Exchange, deadline: float, *, dial: bool = False, prompt: bool = False
    ) -> Final | None:
        """The final result code, or ``None`` when the prompt or the payload begins before it."""
        while True:
            found = await self._sift(exchange, dial=dial, prompt=prompt)
            if isinstance(found, Final):
                return found
            if found is not None:
                return None
            await self._more(exchange, deadline)

    async def _sift(
        self, exchange: Exchange, *, dial: bool = False, prompt: bool = False
    ) -> Final | Begin | None:
        """What is there already of the final result, prompt or payload; ``None`` when more must come."""
        receiver = self._receiver
        while (item := receiver.next(prompt=prompt, marker=exchange.marker)) is not None:
            match item:
                case Prompt():
                    wire("prompt")
                    return Begin.DATA
                case Marker():
                    if self._expect_marked(exchange):
                        return Begin.PAYLOAD
                case Line():
                    line = self._read_line(item)
                    if exchange.slipped:
                        exchange.slipped = False
                        if not line.startswith(self.dialect.urcs):
                            raise self._slipped(exchange)
                    if self._is_echo(exchange, line):
                        continue
                    if prompt and self._asks_for_data_by(line):
                        return Begin.DATA
                    final = final_result(line, dial=dial, numeric=receiver.numeric)
                    if final is not None and final.number in self.dialect.unsolicited_errors:
                        await self._event(line, exchange)
                    elif final is not None:
                        return self._accept_final(exchange, line, final)
                    elif (
                        await self._sort(exchange, line)
                        and not item.truncated  # its end comes yet, and no payload before that
                        and (count := exchange.count(line)) is not None
                    ):
                        self._check_count(exchange, count)
                        receiver.expect_payload(count)
                        exchange.received += count
                        if count:
                            return Begin.PAYLOAD
                case Slip(in_line_end):
                    if in_line_end:
                        raise self._slipped(exchange)
                    exchange.slipped = True  # or an event came without a line end before it
                case Payload():
                    pass
        return None

    def _asks_for_data_by(self, line: str) -> bool:
        """``line`` is the prompt of a modem whose prompt is a line."""
        if not self.dialect.connect_prompt or line != "CONNECT":
            return False
        wire("prompt")
        return True

    def _accept_final(self, exchange: Exchange, line: str, final: Final) -> Final:
        self._log_received(line, exchange)
        if not line[:1].isdigit():
            self._receiver.numeric = False
        if isinstance(final.number, str) and exchange.gives_away(final.number):
            return Final(final.word, REDACTED)
        return final

    def _expect_marked(self, exchange: Exchange) -> int:
        assert isinstance(exchange.payload, Marked)
        count = exchange.payload.count
        self._receiver.expect_payload(count)
        exchange.received = count or 1
        return count

    @staticmethod
    def _is_echo(exchange: Exchange, line: str) -> bool:
        # Spaces in front are the echo of those that filled an upload which had broken off.
        if exchange.echoed or line.lstrip(" ") != exchange.command.text:
            return False
        exchange.echoed = True
        return True

    def _check_count(self, exchange: Exchange, count: int) -> None:
        assert isinstance(exchange.payload, Announced)
        limit = exchange.payload.limit
        if not 0 <= count <= limit - exchange.received:
            exchange.astray = True
            raise HttpError(
                f"The modem announced {count} bytes in answer to {exchange.command.shown}; {limit} were asked for.",
                reasons={Reason.MALFORMED_RESPONSE, Reason.BYTES_LOST},
                command=exchange.command.shown,
                lines=exchange.shown,
            )

    def _slipped(self, exchange: Exchange) -> HttpError:
        exchange.astray = True
        return HttpError(
            f"{exchange.command.shown}: no line end follows the announced bytes: some were lost on the line.",
            remedy="Connect RTS and CTS, or use a lower baud rate.",
            reasons={Reason.BYTES_LOST, Reason.MALFORMED_RESPONSE},
            command=exchange.command.shown,
            lines=exchange.shown,
        )

    async def _payload(
        self,
        exchange: Exchange,
        body: bytearray,
        idle_timeout: float,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        total = self._receiver.payload_remaining
        while self._receiver.payload_remaining:
            item = self._receiver.next()
            if isinstance(item, Payload):
                body += item.data
                if progress is not None:
                    progress(total - item.remaining, total)
                continue
            data = await Read(idle_timeout)
            if not data:
                missing = self._receiver.payload_remaining
                exchange.astray = True
                if line := self._restart_in(body):
                    self._receiver.expect_payload(0)
                    self.restarts += 1
                    await self._event(line, exchange)
                    raise self._restarted(exchange, line)
                raise ModemTimeout(
                    f"{exchange.command.shown}: {missing} of {total} bytes did not arrive; nothing came for"
                    f" {idle_timeout:g} s.",
                    remedy="Bytes were probably lost on the line: connect RTS and CTS, or use a lower rate.",
                    reasons={Reason.BYTES_LOST, Reason.NO_ANSWER},
                    command=exchange.command.shown,
                )
            self._receiver.feed(data)
        wire("received data", size=len(body))

    def _restart_in(self, body: bytearray) -> str | None:
        """The line at the end of a payload that broke off by which the modem says that it has restarted."""
        if not self.dialect.boot_urcs:
            return None
        tail = bytes(body[-200:]).decode("ascii", "replace").split("\r\n")
        return next((line for line in tail[1:-1] if line.startswith(self.dialect.boot_urcs)), None)

    async def _more(self, exchange: Exchange, deadline: float) -> None:
        remaining = deadline - await Now()
        data = await Read(remaining) if remaining > 0 else b""
        if data:
            self._receiver.feed(data)
            return
        if await Now() < deadline:
            return
        raise self._silent(exchange)

    async def _drain_lines(self) -> None:
        """Sort the lines that are complete, outside any exchange."""
        while (item := self._receiver.next()) is not None:
            if isinstance(item, Line):
                await self._sort(None, self._read_line(item))

    def _read_line(self, item: Line) -> str:
        if "\\x" in item.text or not item.text.isprintable():
            self._noise += 1
        return item.text

    async def _sort(self, exchange: Exchange | None, line: str) -> bool:
        """Give a line that is no final result to the exchange (true) or to the events (false)."""
        if line.startswith(self.dialect.boot_urcs):
            self.restarts += 1
            await self._event(line, exchange)
            if exchange is not None:
                exchange.over = True
                raise self._restarted(exchange, line)
            return False
        reply = exchange.command.reply if exchange is not None else None
        if exchange is not None and (
            reply.match(line) if reply is not None else not line.startswith(self.dialect.urcs)
        ):
            self._log_received(line, exchange)
            exchange.lines.append(line)
            exchange.shown.append(self._show(line, exchange))
            exchange.size += len(line)
            if exchange.size > MAX_REPLY_CHARACTERS or len(exchange.lines) > MAX_REPLY_LINES:
                raise CommandError(
                    f"{exchange.command.shown}: the modem sent more than {MAX_REPLY_CHARACTERS} characters or"
                    f" {MAX_REPLY_LINES} lines, and no final result.",
                    remedy="Check that the port is the modem's AT port, and not one for traces or GNSS.",
                    reasons={Reason.LIMIT_EXCEEDED},
                    command=exchange.command.shown,
                    lines=exchange.shown[:5],
                )
            return True
        await self._event(line, exchange)
        return False

    async def _event(self, line: str, exchange: Exchange | None = None) -> None:
        line = self.dialect.redact(line)
        if exchange is not None and exchange.hides:
            known = line.startswith(self.dialect.urcs) or line.startswith(self.dialect.boot_urcs)
            if not known or exchange.gives_away(line):
                line = REDACTED  # a damaged echo of a secret must not become an event that is shown
        elif self._echoes_secret(line) and not line.startswith((*self.dialect.urcs, *self.dialect.boot_urcs)):
            line = REDACTED
        self._log_received(line)
        event = Event(line, await Now())
        self._events.put(event)
        for listener in tuple(self._listeners):
            listener(event)

    def _show(self, line: str, exchange: Exchange | None = None) -> str:
        if exchange is not None and exchange.hides and exchange.command.reply is None:
            return REDACTED
        shown = self.dialect.redact(line)
        given_away = exchange is not None and exchange.gives_away(shown)
        return REDACTED if given_away or self._echoes_secret(shown) else escaped(shown)

    def _echoes_secret(self, line: str) -> bool:
        return self._hider is not None and self._hider.gives_away(line)

    def _log_received(self, line: str, exchange: Exchange | None = None) -> None:
        if wire_is_logged():
            wire("received", line=self._show(line, exchange))

    def _restarted(self, exchange: Exchange | None, line: str | None = None) -> ModemReset:
        during = (
            f" during {exchange.command.shown}" if exchange is not None else " while its answer was awaited"
        )
        return ModemReset(
            f"The modem restarted{during}.",
            remedy="Try again. If nobody asked for a restart and it happens again, look at the modem's power supply"
            " (it draws peaks of 2 A).",
            reasons={Reason.MODEM_RESTARTED},
            command=exchange.command.shown if exchange is not None else None,
            lines=(self._show(line, exchange),) if line is not None else (),
        )

    def _silent(self, exchange: Exchange) -> ModemError:
        shown = exchange.command.shown
        if self.hears_noise:
            return ModemTimeout(
                f"{shown}: what came back is not readable.",
                remedy="The baud rate is probably wrong, or the port belongs to another device.",
                reasons={Reason.GARBAGE_ON_LINE, Reason.NO_ANSWER},
                command=shown,
                lines=exchange.shown,
            )
        came = f"; it began to answer ({exchange.shown[-1]})" if exchange.shown else ""
        return ModemTimeout(
            f"{shown}: the modem gave no final result in time{came}.",
            remedy="Check that it is on, that the port is its AT port, and RTS/CTS.",
            reasons={Reason.NO_ANSWER},
            command=shown,
            lines=exchange.shown,
        )
