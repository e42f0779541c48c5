"""Reading and sorting: which line is the answer, which is an event, which is the end.

A line is, in this order: the echo of the command, the modem's restart, a final result code, an
information response (the command's ``reply`` pattern takes it), or an event.  Events are kept, bounded,
with a count of what was dropped, so that one that shares a chunk with an answer is still there for
whoever waits for it afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..errors import HttpError, ModemError, ModemReset, ModemTimeout, Reason
from ..log import wire, wire_is_logged
from ..op import Now, Read
from .exchange import Announced, Event, Exchange, Marked, Match
from .framing import Line, Marker, Payload, Prompt, Receiver
from .syntax import REDACTED, Dialect, Final, escaped, final_result

__all__ = ["MAX_EVENTS", "Dialogue"]

MAX_EVENTS = 1000


class Dialogue:
    """The receiving half of the channel; its ``async`` methods are operations."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.dropped_events = 0
        """Events that nobody took and that made room for newer ones."""
        self.restarts = 0
        """How often the modem has restarted since the channel exists."""
        self._receiver = Receiver()
        self._events: deque[Event] = deque()
        self._listeners: list[Callable[[Event], None]] = []
        self._noise = 0

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``listener`` for each event as it is read; gives the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def take(self, match: Match) -> Event | None:
        """The oldest event that ``match`` takes, out of the queue."""
        for event in self._events:
            if match(event.line):
                self._events.remove(event)
                return event
        return None

    def has(self, match: Match) -> bool:
        """An event that ``match`` takes is there."""
        return any(match(event.line) for event in self._events)

    def discard(self, match: Match) -> None:
        """Drop the events that ``match`` takes: before an action whose own events are awaited."""
        self._events = deque(event for event in self._events if not match(event.line))

    async def _final(
        self,
        exchange: Exchange,
        deadline: float,
        *,
        dial: bool = False,
        prompt: bool = False,
        payload: Announced | Marked | None = None,
    ) -> Final | None:
        """The final result code, or ``None`` when the prompt or the payload begins before it."""
        receiver = self._receiver
        marker = payload.marker if isinstance(payload, Marked) else b""
        while True:
            item = receiver.next(prompt=prompt, marker=marker)
            match item:
                case None:
                    await self._more(exchange, deadline)
                case Prompt():
                    wire("prompt")
                    return None
                case Marker():
                    assert isinstance(payload, Marked)
                    receiver.expect_payload(payload.count)
                    if payload.count:
                        return None
                    marker = b""
                case Line():
                    line = self._read_line(item)
                    final = final_result(line, dial=dial, numeric=receiver.numeric)
                    if final is not None and final.number not in self.dialect.unsolicited_errors:
                        self._log_received(line)
                        return final
                    took = await self._sort(exchange, line)
                    if took and isinstance(payload, Announced):
                        count = payload.count(line)
                        if count is not None:
                            self._check_count(exchange, count, payload.limit)
                            receiver.expect_payload(count)
                            if count:
                                return None
                case Payload():
                    pass

    def _check_count(self, exchange: Exchange, count: int, limit: int) -> None:
        if not 0 <= count <= limit:
            raise HttpError(
                f"The modem announced {count} bytes in answer to {exchange.command.shown}; {limit} were asked for.",
                reasons={Reason.MALFORMED_RESPONSE, Reason.BYTES_LOST},
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
                raise ModemTimeout(
                    f"{exchange.command.shown}: {missing} of {total} bytes did not arrive; nothing came for"
                    f" {idle_timeout:g} s.",
                    remedy="Bytes were probably lost on the line: connect RTS and CTS, or use a lower rate.",
                    reasons={Reason.BYTES_LOST, Reason.NO_ANSWER},
                    command=exchange.command.shown,
                )
            self._receiver.feed(data)
        wire("received data", size=len(body))

    async def _more(self, exchange: Exchange, deadline: float) -> None:
        remaining = deadline - await Now()
        data = await Read(remaining) if remaining > 0 else b""
        if data:
            self._receiver.feed(data)
            return
        if await Now() < deadline:
            return
        raise self._silent(exchange)

    async def _line(self, exchange: Exchange, deadline: float) -> str:
        """The next line, whatever it is."""
        while True:
            item = self._receiver.next()
            if isinstance(item, Line):
                return self._read_line(item)
            if item is None:
                await self._more(exchange, deadline)

    async def _drain_lines(self) -> None:
        """Sort the lines that are complete, outside any exchange."""
        while (item := self._receiver.next()) is not None:
            if isinstance(item, Line):
                await self._sort(None, self._read_line(item))

    def _read_line(self, item: Line) -> str:
        if "\\x" in item.text or not item.text.isprintable():
            self._noise += 1
        return item.text

    async def _sort(self, exchange: Exchange | None, line: str, *, hides: bool = False) -> bool:
        """Give a line that is no final result to the exchange (true) or to the events (false)."""
        if exchange is not None and not exchange.echoed and line == exchange.command.text:
            exchange.echoed = True
            return False
        if line.startswith(self.dialect.boot_urcs):
            self.restarts += 1
            await self._event(line)
            if exchange is not None:
                raise self._restarted(exchange)
            return False
        reply = exchange.command.reply if exchange is not None else None
        if exchange is not None and (
            reply.match(line) if reply is not None else not line.startswith(self.dialect.urcs)
        ):
            self._log_received(line, exchange)
            exchange.lines.append(line)
            exchange.shown.append(self._show(line, exchange))
            return True
        await self._event(line, hides=hides or (exchange is not None and exchange.hides))
        return False

    async def _event(self, line: str, *, hides: bool = False) -> None:
        if hides and not line.startswith(self.dialect.urcs):
            line = REDACTED  # a damaged echo of a secret must not become an event that is shown
        self._log_received(line)
        if len(self._events) >= MAX_EVENTS:
            self._events.popleft()
            self.dropped_events += 1
        event = Event(line, await Now())
        self._events.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def _show(self, line: str, exchange: Exchange | None = None) -> str:
        if exchange is not None and exchange.hides and exchange.command.reply is None:
            return REDACTED
        return escaped(self.dialect.redact(line))

    def _log_received(self, line: str, exchange: Exchange | None = None) -> None:
        if wire_is_logged():
            wire("received", line=self._show(line, exchange))

    def _restarted(self, exchange: Exchange | None) -> ModemReset:
        during = (
            f" during {exchange.command.shown}" if exchange is not None else " while its answer was awaited"
        )
        return ModemReset(
            f"The modem restarted{during}.",
            remedy="Try again; if it happens again, look at its power supply (a modem draws peaks of 2 A).",
            reasons={Reason.MODEM_RESTARTED},
            command=exchange.command.shown if exchange is not None else None,
            lines=self.dialect.boot_urcs[:1],
        )

    def _silent(self, exchange: Exchange) -> ModemError:
        shown = exchange.command.shown
        if self._noise:
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
