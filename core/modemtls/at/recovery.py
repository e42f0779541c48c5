"""A decent end for an exchange that broke: timeout, I/O error, cancellation, restart.

What the broken exchange still owes is read by the same rules as before, its payload by count, so that
no byte of it becomes a line.  An upload that the modem waits for is completed; one that it does not wait
for (it answered early, it restarted, a probe is answered) is not: data must never become commands.
Then a *probe* is sent, a command whose answer cannot be mistaken for a late one.  Where several went out,
the answer may be that of an earlier one, and those of the others would be taken for the next command's:
another question is asked then, whose answer shows that everything before it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..errors import ModemError, ModemReset, ModemTimeout, Reason
from ..log import wire
from ..op import Now, Read, Write
from .dialogue import Dialogue
from .exchange import Exchange
from .framing import Line, Marker, Payload, Prompt
from .syntax import Dialect, Final, final_result

__all__ = ["Recovery"]

UPLOAD_SLICE = 1024
PROBE_SECONDS = 1.0
"""The most that one probe is waited for, and the silence inside a payload by which its rest is lost."""
PROBES = 10
"""So many probes fit in the time for recovery: where that is short, each is waited for less long."""
PROMPT_SHARE = 0.4
"""How much of the time for recovery a prompt that has not come may still take."""
QUIET_SECONDS = 0.3
"""Silence that ends a flow of bytes of unknown length."""
HUSH_SHARE = 0.25
"""How much of the time for recovery is spent on waiting for such silence; a modem may never stop reporting events."""
SHOW_RESULTS = b"ATQ0"
"""Has a modem say its results again that somebody has told not to (V.250, ``ATQ1``)."""
MOST_LATE_READS = 16
"""Pieces of what has arrived that are read before a command is sent; a flood must not keep it back."""
LINE_SECONDS = 0.05
"""How long the rest of a line that has begun is waited for before a command is sent."""


class DataPath(Protocol):
    """What has the line while it carries payload; :mod:`.data_mode` has the one that there is."""

    @property
    def is_entered(self) -> bool: ...
    async def suspend(self) -> None: ...
    async def pull(self, timeout: float) -> None: ...
    def hand_over(self, data: bytes) -> None: ...


class Recovery(Dialogue):
    """The dialogue, and what puts it in order again; its ``async`` methods are operations."""

    def __init__(self, dialect: Dialect, *, command_timeout: float, recover_timeout: float) -> None:
        super().__init__(dialect)
        self.command_timeout = command_timeout
        self.recover_timeout = recover_timeout
        self.data_mode: DataPath | None = None
        """What the bytes on the line belong to while they are no dialogue."""
        self.byte_seconds = 0.0
        """What a byte takes on the line, where that is known: a write returns when the system has it, not the modem."""
        self._broken: Exchange | None = None

    @property
    def is_recovering(self) -> bool:
        """The last exchange broke; the next one begins with the recovery."""
        return self._broken is not None

    @property
    def _patience(self) -> float:
        """How long one probe is waited for."""
        return min(PROBE_SECONDS, self.recover_timeout / PROBES)

    @property
    def _spacing(self) -> float:
        """The silence after which no probe's answer comes any more: longer than the probes were apart.

        A line that delays everything, however much, delivers the answers as far apart as the probes were.
        """
        return max(PROBE_SECONDS, 1.5 * self._patience + QUIET_SECONDS)

    async def ready(self) -> None:
        """End what a broken exchange left behind, if there is one.

        What has arrived by then is sorted: it cannot be the answer to what is sent afterwards.

        :raises ModemTimeout: the modem does not answer within ``recover_timeout`` seconds.
        """
        if self.data_mode is not None and self.data_mode.is_entered:
            await self.data_mode.suspend()
        broken = self._broken
        if broken is None:
            await self._settle()
            return
        self._noise = 0
        broken.asked = ""
        deadline = await Now() + self.recover_timeout
        wire("recovering", command=broken.command.shown)
        if broken.astray:
            await self._hush(broken, deadline)
            broken.astray = False
        if broken.data and not broken.over and broken.sent < len(broken.data):
            await self._finish_upload(broken, deadline)
        await self._synchronise(broken, deadline)
        self._broken = None

    def _break(self, exchange: Exchange) -> None:
        if exchange.begun and self._broken is not exchange:
            # A late answer to the probe's own command looks like the probe's.
            exchange.probes = int(self.dialect.sync_command[2:] in exchange.command.text.upper())
            self._broken = exchange

    async def _settle(self) -> None:
        timeout = 0.0
        for _ in range(MOST_LATE_READS):
            data = await Read(timeout)
            if data:
                self._receiver.feed(data)
            await self._drain_lines()
            midway = self._receiver.is_midway
            if not data and (timeout or not midway):
                break
            timeout = LINE_SECONDS if midway else 0.0
        if self._receiver.end_return():
            await self._drain_lines()
        self._receiver.begin()

    async def _hush(self, broken: Exchange, deadline: float) -> None:
        """Drop what comes until nothing does: where its parts begin and end is not known.

        A while of nothing but whole known events will do too; what could have been an event counts as dropped.
        """
        self._receiver.feed(self._receiver.hand_over())
        broken.given_up = broken.doubtful = True
        calm_since = await Now()
        end = min(deadline - QUIET_SECONDS, calm_since + HUSH_SHARE * self.recover_timeout)
        while True:
            while (item := self._receiver.next()) is not None:
                line = self._read_line(item) if isinstance(item, Line) else ""
                self._drop(line)
                if not line.startswith(self.dialect.urcs):
                    calm_since = await Now()
            now = await Now()
            broken.restless = now - calm_since < max(QUIET_SECONDS, self._patience)
            if now >= end or not (broken.restless or self._receiver.is_midway):
                return
            data = await Read(QUIET_SECONDS)
            if not data and await Now() >= now + QUIET_SECONDS:
                break
            self._receiver.feed(data)
        self._receiver.reset()
        broken.restless = broken.doubtful = False

    def _drop(self, line: str) -> None:
        """A line that may be an event or a piece of a payload: it is none, but it is counted."""
        if line and self._final_in(line) is None:
            self._events.miss()

    async def _finish_upload(self, broken: Exchange, deadline: float) -> None:
        try:
            if not broken.prompted:
                # What comes after it, when no prompt does: two probes, and the silence behind the second.
                left = self.recover_timeout - 2 * self._patience - self._spacing - QUIET_SECONDS
                wait = min(self.command_timeout, PROMPT_SHARE * self.recover_timeout, max(0.0, left))
                if await self._final(broken, await Now() + wait, prompt=True) is not None:
                    broken.over = True
                    return
            end = min(deadline, await Now() + self._patience)
            while (data := await Read(LINE_SECONDS)) and await Now() < end:
                self._receiver.feed(data)
            if isinstance(await self._sift(broken), Final):
                broken.over = True
                return
            await self._send_data(broken)
        except ModemReset:
            broken.over = True
        except ModemTimeout:
            if broken.prompted:
                raise
            # No prompt, no result.  Whether data are awaited shows when a probe is not answered.
            broken.over = True
            if not await self._probe(broken, deadline):
                # It has eaten the probe as data: fill the count, in a way that cannot be a command.
                await self._fill(
                    len(broken.data) - len(self.dialect.sync_command) - len(self.dialect.line_end)
                )

    async def _send_data(
        self, exchange: Exchange, progress: Callable[[int, int], None] | None = None
    ) -> Final | None:
        """Send what has not been sent; a final result that comes before the end stops it."""
        exchange.prompted = True
        total = len(exchange.data)
        wire("sent data", size=total - exchange.sent)
        if exchange.echoed:
            self._receiver.expect_echo(exchange.data[exchange.sent :])
        while exchange.sent < total:
            part = exchange.data[exchange.sent : exchange.sent + UPLOAD_SLICE]
            # The count is what recovery goes by: a slice that broke off may have gone out or not.
            exchange.sent += len(part)
            await Write(part)
            if progress is not None:
                progress(exchange.sent, total)
            if exchange.sent < total:
                if data := await Read(0):
                    self._receiver.feed(data)
                early = await self._sift(exchange)
                if isinstance(early, Final):
                    exchange.over = True
                    return early
        return None

    async def _fill(self, count: int) -> None:
        if count > 0:
            await Write(b" " * count)

    async def _synchronise(self, broken: Exchange, deadline: float) -> None:
        self._receiver.numeric = True  # the result may be a digit; a word puts this off again
        unanswered = 0
        while await Now() < deadline:
            if unanswered > 1:
                await self._show_results(deadline)
                if await Now() >= deadline:
                    break
            if await self._probe(broken, deadline):
                if broken.probes > 0 or broken.given_up:
                    # Who answers in time is not given up at once.
                    await self._confirm(broken, deadline + self.recover_timeout / 10)
                broken.doubtful = False
                await self._drain_lines()
                return
            unanswered += 1
            if await Now() < deadline and self._receiver.payload_remaining:
                self._receiver.expect_payload(0)
                broken.given_up = True
            if broken.data:  # some of the last slice may be missing: spaces fill it and command nothing
                await self._fill(UPLOAD_SLICE)
        raise self._lost(broken)

    async def _show_results(self, deadline: float) -> None:
        await Write(SHOW_RESULTS + self.dialect.line_end)
        if data := await Read(max(0.0, min(QUIET_SECONDS, deadline - await Now()))):
            self._receiver.feed(data)

    async def _confirm(self, broken: Exchange, end: float) -> None:
        """Ask differently: what came may be an earlier probe's answer, or the rest of a payload."""
        if broken.given_up:
            await self._hush(broken, end)
        broken.refused = not self.dialect.last_probe
        patience = self._spacing
        if not broken.refused:
            patience += max(0.0, await Now() - broken.probed_at)  # no answer took longer
            broken.last_probes.append(await Now())
            broken.asked = self.dialect.last_probe
            await Write(self.dialect.last_probe.encode() + self.dialect.line_end)
        waiting = len(broken.last_probes)
        if await self._answered(broken, end, patience, last=True):
            return
        if broken.restless:
            raise self._lost(broken)  # no silence will tell
        # Not known to it, or not heard.  A modem that has been silent so long owes nothing more.
        if broken.refused or len(broken.last_probes) < waiting:
            patience = self._spacing
        now = await Now()
        if now - broken.heard_at > 0.9 * patience:
            broken.probes = 0
            broken.last_probes.clear()
            if self._receiver.end_return():
                await self._drain_lines()
        if now - broken.heard_at > self._spacing:  # the next recovery does not wait for those any more
            broken.last_probes.clear()
        if self._receiver.is_midway or now >= end:
            raise self._lost(broken)
        if broken.given_up and not await self._probe(broken, end):
            raise self._lost(broken)

    def _lost(self, broken: Exchange) -> ModemError:
        noise = self.hears_noise
        if noise:
            found = f"what came back in {self.recover_timeout:g} s is not readable."
        elif broken.asked:
            found = f"it answered nothing to {broken.asked} for {self.recover_timeout:g} s."
        else:
            found = "what it says did not pause, so it was not asked anything."
        return ModemTimeout(
            f"The modem did not come back after {broken.command.shown} broke off: {found}",
            remedy="The baud rate is probably wrong, or the port belongs to another device."
            if noise
            else "Check power and cable; a modem that hangs wants its reset line or a power cycle.",
            reasons={Reason.NO_ANSWER, *((Reason.GARBAGE_ON_LINE,) if noise else ())},
            command=broken.asked or broken.command.shown,
        )

    async def _probe(self, broken: Exchange, deadline: float) -> bool:
        """Ask for what only the probe's answer contains; results before that line are late ones."""
        self._receiver.begin()
        broken.asked = self.dialect.sync_command
        if not broken.probes:
            broken.probed_at = await Now()
        broken.probes += 1
        await Write(self.dialect.sync_command.encode() + self.dialect.line_end)
        return await self._answered(broken, deadline, self._patience)

    async def _answered(
        self, broken: Exchange, deadline: float, patience: float, *, last: bool = False
    ) -> bool:
        """A probe's answer has come; ``last``: the answer to the last of the last probes."""
        arrived = strange = False  # events that go on by themselves are no sign of a late answer
        begun: bool | None = None  # the answer to the last probe, or to one before it
        own = tuple(filter(None, (self.dialect.sync_command, self.dialect.last_probe, SHOW_RESULTS.decode())))
        soon = min(deadline, await Now() + patience)
        while True:
            item = self._receiver.next(prompt=self._awaits_prompt(broken), marker=broken.marker)
            if item is not None and not (isinstance(item, Line) and item.text.startswith(self.dialect.urcs)):
                strange, broken.heard_at = True, await Now()
            match item:
                case None:
                    if (arrived and self._receiver.is_midway) or (
                        strange and last
                    ):  # payload, echo of spaces
                        soon = min(deadline, await Now() + patience)
                    strange = False
                    try:
                        await self._more(broken, soon)
                    except ModemTimeout:
                        return False
                    arrived = True
                case Payload():
                    soon = min(deadline, await Now() + patience)
                case Marker():
                    self._expect_marked(broken)
                case Prompt():
                    await self._fill_late(broken)
                case Line():
                    line = self._read_line(item)
                    if line.startswith(self.dialect.sync_reply):
                        begun = "(" in line
                    elif self._awaits_prompt(broken) and self._asks_for_data_by(line):
                        await self._fill_late(broken)
                    elif (final := self._final_in(line)) is not None:
                        if begun is not None and final.is_success:  # other results come by themselves
                            apart = self._count_answer(broken, of_last=begun)
                            if begun is last and not (last and broken.last_probes):
                                return True
                            if last and begun:
                                patience = apart + QUIET_SECONDS
                            begun = None
                        elif last and self._is_refusal(final):  # it may know no such question
                            broken.refused, patience = True, self._spacing
                    elif not self._is_echo(broken, line) and not line.endswith(own):
                        await self._late(broken, line, announces=not item.truncated)

    async def _fill_late(self, broken: Exchange) -> None:
        """A prompt that comes too late for the data: the probe may be their beginning already."""
        broken.prompted = True
        await self._fill(len(broken.data))

    def _is_refusal(self, final: Final) -> bool:
        known = final.number in self.dialect.unsolicited_errors
        return final.word in ("ERROR", "+CME ERROR") and not known

    @staticmethod
    def _count_answer(broken: Exchange, *, of_last: bool) -> float:
        """Take note of a probe's answer; how much later that of the newest can come, if it was the oldest's."""
        if not of_last:
            broken.probes -= 1
        elif broken.last_probes:
            return broken.last_probes[-1] - broken.last_probes.pop(0)
        return 0.0

    @staticmethod
    def _awaits_prompt(broken: Exchange) -> bool:
        return bool(broken.data) and not broken.prompted

    async def _late(self, broken: Exchange, line: str, *, announces: bool) -> None:
        """A line of the broken answer, or an event; the length of a late payload is in the former."""
        if broken.doubtful:
            self._drop(line)
            return
        count = broken.count(line) if announces else None
        if count is not None and not broken.received and count > 0:
            broken.received = count
            self._receiver.expect_payload(count)
        elif line.startswith(self.dialect.boot_urcs):
            broken.over = True
            self.restarts += 1
            await self._event(line, broken)
        else:
            await self._event(line, broken)

    def _final_in(self, line: str) -> Final | None:
        numeric = self._receiver.numeric
        final = final_result(line, dial=True, numeric=numeric)
        if final is not None and numeric and not line[:1].isdigit():
            self._receiver.numeric = False
        return final
