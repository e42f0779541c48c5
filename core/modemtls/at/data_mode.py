"""A data mode of the line: entered by a command that is answered with CONNECT, payload until it is left.

Weighed: a stream that has the port to itself until it is closed (simple; but no clock, no network status
meanwhile); and this: the channel leaves the mode before a command, and the stream enters it again when it goes on.
Left by an escape sequence with silence around it.  In a transparent mode only time tells the answer from payload:
what came before the modem can have answered is payload, and its answer is the last that comes before a silence.
A server that sends the modem's own words in that instant, and then nothing, can still take those words' place: its
last bytes are lost then, never a command's answer, because a question that nobody else answers follows.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ModemError, ModemTimeout, NetworkError, Reason
from ..log import wire, wire_is_logged
from ..op import Now, Read, Sleep, Write, Yield
from .channel import Channel
from .data_coding import DataCoding
from .data_words import DataModeRules, Words
from .exchange import Exchange, Reply
from .syntax import Command

__all__ = ["DataMode"]

SLICE_BYTES = 1024
WRITE_SECONDS = 60.0
"""How long flow control may hold a slice: a slow network takes seconds for it."""
MOST_BUFFERED = 131_072
"""Payload that nobody has taken yet: beyond it the line is not read, so that flow control holds the modem."""
POLL_SECONDS = 0.1
PARTIAL_SECONDS = 0.1
"""Silence after which the beginning of a notice is payload: a modem says a line at one go."""
DRAIN_SECONDS = 1.0
"""Silence after which nothing more comes of a connection whose other side has ended."""
SYNC_SECONDS, ATTEMPTS, BACKLOG_BYTES = 2.5, 3, 16_384


class DataMode:
    """One stream over a data mode; the ``async`` methods are operations.

    ``enter`` is the command that begins it, and goes on with it; ``refused`` makes the error of a refusal of that.
    """

    def __init__(
        self,
        channel: Channel,
        enter: Command,
        coding: DataCoding,
        rules: DataModeRules,
        *,
        refused: Callable[[Reply], ModemError],
        timeout: float = 20.0,
    ) -> None:
        self.said: tuple[str, ...] = ()
        """What the modem said when it ended the mode, or the connection, by itself."""
        self.over = False
        """Nothing more comes, and nothing can be sent."""
        self.peer_ended = False
        """The other side sends no more; something may be left in the modem."""
        self.entering = False
        self._channel = channel
        self._command = enter
        self._coding = coding
        self._rules = rules
        self._refused = refused
        self._timeout = timeout
        self._words = Words(rules.notices, channel.dialect)
        self._in = bytearray()
        self._after = bytearray()
        self._known = 0  # so many bytes of the buffer are payload for certain
        self._last_in = self._last_out = self._entered_at = 0.0
        self._burst = b""
        self._escaped_at: float | None = None
        self._answered = self._probing = self._draining = False
        self._boundary = self._before = 0
        self._damaged = False
        self._probe_in = rules.probe_after

    @property
    def is_entered(self) -> bool:
        """What goes over the line now is payload, or it is not known that it is not."""
        return self._channel.data_mode is self and not self.entering

    async def enter(self) -> Reply:
        """Send the command; after ``CONNECT`` the line carries payload.  Another answer is the caller's to judge.

        :raises ModemTimeout: no answer in time.  The stream cannot be used any more: where it begins is not known.
        """
        await self._channel.ready()
        self._coding.begin()
        self._after.clear()
        self._channel.data_mode, self.entering = self, True
        try:
            reply = await self._channel.command(self._command, timeout=self._timeout, dial=True)
        except BaseException:
            self._damaged = True
            raise
        finally:
            self.entering = False
        if reply.final.word != "CONNECT":
            self._channel.data_mode = None
        self._hear_of_end()
        self._draining = self.peer_ended
        self._last_in = self._last_out = self._entered_at = await Now()
        self._burst = b""
        return reply

    def hand_over(self, data: bytes) -> None:
        """Payload that shared a chunk with ``CONNECT``."""
        self._in += self._coding.decode(data)
        self._after += self._coding.take_rest()

    async def send(self, data: bytes, progress: Callable[[int, int], None] | None = None) -> None:
        """Send all of ``data``.

        :raises NetworkError: the connection has ended; how much of the last bytes arrived is not known.
        """
        if wire_is_logged():
            wire("sent data", size=len(data))
        for start in range(0, len(data), SLICE_BYTES):
            part = data[start : start + SLICE_BYTES]
            await self._ready_to_send()
            await self._write(self._coding.encode(part))
            if progress is not None:
                progress(start + len(part), len(data))
            await Yield()

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Up to ``limit`` bytes as soon as there are any; ``b""`` after the end; ``None`` after ``timeout`` seconds.

        :raises ModemReset: the modem restarted.
        """
        deadline = await Now() + timeout
        while True:
            self._require_whole()
            await self._finish_leaving()
            if self.is_entered and not self._in:
                await self.pull(0.0)
            if data := self._take(limit):
                return data
            if self.over:
                return b""
            now = await Now()
            if not self.is_entered:
                self._hear_of_end()
                if timeout <= 0 and not self.peer_ended:
                    return None
                await self._go_on()
                continue
            if await self._settled(now, looks=timeout > 0):
                continue
            if now >= deadline:
                return None
            await self.pull(min(POLL_SECONDS, deadline - now))
            await Yield()

    async def leave(self) -> None:
        """Back to commands; what has come of the payload can still be received.

        :raises ModemTimeout: the modem does not come back.
        """
        if self.is_entered:
            await self.suspend()

    async def pull(self, timeout: float, *, always: bool = False) -> None:
        """Take what has arrived, or arrives within ``timeout`` seconds."""
        if len(self._in) >= MOST_BUFFERED and not always:
            await Sleep(timeout)
            return
        if data := await Read(timeout):
            if self._probing:
                self._channel._receiver.feed(data)
                return
            self.hand_over(data)
            self._last_in = await Now()
            self._probe_in = self._rules.probe_after

    async def _ready_to_send(self) -> None:
        while True:
            self._require_whole()
            await self._finish_leaving()
            if not self.is_entered and not self.over:
                await self._go_on()
            if self.over:
                raise self._lost("The connection has ended: nothing more can be sent.")
            await self.pull(0.0)
            if not (self._notice() or self._coding.ended):
                return
            # It may have left the mode by itself: what is sent now would be a command line.
            await self.pull(self._rules.quiet)
            await self._settled(await Now(), looks=False)

    async def _write(self, data: bytes) -> None:
        """Write payload, so that it never looks like the escape sequence to the modem."""
        if await Now() - self._last_out >= self._rules.earliest:
            self._burst = b""
        whole = (self._burst + data)[: len(self._rules.escape) + 1]
        if whole == self._rules.escape:
            await self._put(data[:-1])
            while (wait := self._last_out + self._rules.guard - await Now()) > 0:
                await self.pull(wait)
            data = whole = data[-1:]
        await self._put(data)
        self._burst = whole

    async def _put(self, data: bytes) -> None:
        if not data:
            return
        self._damaged = True  # unless it is known to have gone out whole
        begun = max(self._last_out, await Now())
        await Write(data, WRITE_SECONDS)
        self._damaged = False
        self._last_out = max(await Now(), begun + len(data) * self._channel.byte_seconds)

    def _notice(self) -> tuple[int, tuple[str, ...]] | None:
        """Where at the end of what came a notice of the modem's begins, perhaps, and its lines."""
        return self._words.notice(self._in, self._known)

    def _take(self, limit: int) -> bytes:
        count = min(limit, self._words.payload(self._in, self._known))
        data = bytes(self._in[:count])
        del self._in[:count]
        self._known = max(0, self._known - count)
        return data

    async def _settled(self, now: float, *, looks: bool) -> bool:
        """See what a silence means; true when something has changed."""
        silent = now - max(self._last_in, self._entered_at)
        if (self._notice() or self._coding.ended) and silent >= self._rules.quiet:
            await self.suspend()
            return True
        if self._in and not self._notice() and silent >= PARTIAL_SECONDS:
            self._known = len(self._in)
            return True
        if self.peer_ended and silent >= DRAIN_SECONDS:
            await self.suspend()
            self.over = True
            return True
        if looks and 0 < self._probe_in <= now - max(self._last_in, self._last_out):
            self._probe_in = min(2 * self._probe_in, 8 * self._rules.probe_after)
            await self.suspend()
            return True
        return False

    def _hear_of_end(self) -> None:
        # It may be reported between two times in the mode.
        self.peer_ended = self.peer_ended or self._channel.take(self._rules.ended) is not None

    async def _go_on(self) -> None:
        probe_in = self._probe_in
        reply = await self.enter()
        self._probe_in = probe_in
        if reply.final.word != "CONNECT":
            if not self.peer_ended:
                raise self._refused(reply)
            self.over = True  # and nothing was left

    # Leaving.

    async def suspend(self) -> None:
        """Leave the mode, whatever has broken off in it, and make sure that commands are understood.

        :raises ModemTimeout: the modem does not come back in ``recover_timeout`` and two guard times.
        """
        rules = self._rules
        deadline = await Now() + self._channel.recover_timeout + 2 * rules.guard + rules.answer_timeout
        for attempt in range(ATTEMPTS):
            if attempt and await Now() >= deadline:
                break
            if not self._probing:  # else that is where it was broken off
                self._answered = await self._escape()
                left_before = not self._answered and bool(self._notice() or self._coding.ended)
                if not (self._answered or left_before or attempt):
                    self._damaged = True  # a part of the sequence may have gone to the other side
                    continue
            if await self._is_in_step():
                return await self._left(self._answered)
            self._damaged = True  # and so may the question
        raise ModemTimeout(
            f"The modem did not come back from the data mode of {self._command.shown}: it answers neither"
            f" {rules.escape.decode()} nor {self._channel.dialect.sync_command}.",
            remedy="Check power and cable; a modem that hangs wants its reset line or a power cycle.",
            reasons={Reason.NO_ANSWER},
            command=self._command.shown,
        )

    async def _finish_leaving(self) -> None:
        if self._escaped_at is not None or self._probing:
            await self.suspend()

    async def _escape(self) -> bool:
        """Send the escape sequence with silence around it; true when it was answered.

        Goes on where it was broken off: a second sequence would disturb the silence after the first.
        """
        rules = self._rules
        if self._escaped_at is None:
            while (wait := self._last_out + rules.guard - await Now()) > 0:
                await self.pull(wait)
            self._boundary = self._before = len(self._lines)
            self._escaped_at = self._last_out = await Now()
            self._burst = b""
            await Write(rules.escape)
        while (wait := self._escaped_at + rules.earliest - await Now()) > 0:
            await self.pull(wait)
            self._boundary = len(self._lines)
        due = self._escaped_at + rules.guard + rules.quiet  # a modem may be a little late
        answered_by = due + rules.answer_timeout
        while True:
            now = await Now()
            silent = now - self._last_in
            found = self._words.answer(self._lines, self._boundary)
            if silent >= rules.quiet and now >= due:
                if found is None and now >= answered_by:
                    found = self._words.answer(self._lines, self._before)  # without a guard time, then
                if found is not None or now >= answered_by:
                    break
            elif now >= answered_by + max(SYNC_SECONDS, BACKLOG_BYTES * self._channel.byte_seconds):
                break  # it goes on and on
            until = answered_by if found is None else due
            await self.pull(max(0.01, rules.quiet - silent, min(POLL_SECONDS, until - now)), always=True)
        self._escaped_at = None
        if found is None:
            return False
        begin, lines = found
        del self._lines[begin:]
        for line in lines:
            await self._event(line)
        return True

    @property
    def _lines(self) -> bytearray:
        """Where lines of the modem's are, if there are any: behind the end mark, else at the end of the payload."""
        return self._after if self._coding.ended else self._in

    async def _event(self, line: str) -> None:
        self.peer_ended = self.peer_ended or self._rules.ended(line)
        if line.startswith(self._channel.dialect.boot_urcs):
            self._channel.restarts += 1
        await self._channel._event(line)

    async def _is_in_step(self) -> bool:
        channel = self._channel
        channel._receiver.reset()
        self._probing = True
        await Write(
            channel.dialect.line_end
        )  # the sequence stands in its command line, if that is where it went
        probe = Exchange(self._command, begun=True)
        try:
            await channel._synchronise(probe, await Now() + SYNC_SECONDS)
        except ModemTimeout:
            self._probing = False
            self._last_out = await Now()
            return False
        return True

    async def _left(self, answered: bool) -> None:
        """The modem takes commands: judge what it had said amid the payload."""
        channel = self._channel
        channel.data_mode, channel._broken, self._probing = None, None, False
        marked = self._coding.ended
        if marked and answered and not self.peer_ended:
            self._damaged = True  # an end mark, and the mode had not ended: a byte in front of it was lost
            return
        notice = self._words.notice(self._lines, 0 if marked else self._known)
        if (
            notice is None and not answered
        ):  # without a word, as after a restart: echo and error form may be others
            channel.restarts += 1
        self.over = self.over or not answered or (self._draining and notice is not None)
        if notice is not None and (self.peer_ended or not answered):
            begin, self.said = notice
            del self._lines[begin:]
            for line in self.said:
                await self._event(line)
        self._known = len(self._in)
        self._after.clear()
        if any(line.startswith(channel.dialect.boot_urcs) for line in self.said):
            raise channel._restarted(None, self.said[-1])

    # Errors.

    def _require_whole(self) -> None:
        if self._damaged:
            raise self._lost(
                "The connection cannot be used any more: bytes were lost on the line, or a transfer was broken off.",
                Reason.BYTES_LOST,
            )

    def _lost(self, message: str, *reasons: Reason) -> NetworkError:
        return NetworkError(
            message,
            remedy="Open another one" + ("; if bytes get lost, connect RTS and CTS." if reasons else "."),
            reasons={Reason.CONNECTION_LOST, *reasons},
            command=self._command.shown,
            lines=self.said,
        )
