"""A serial line with faults: paced, re-chunked, lossy, stalled, unplugged; the same for the same seed.

:class:`Line` is one direction, without I/O and without a clock of its own: bytes go in with a time, and come out
when they are due.  :class:`FaultyLine` is both directions.  :class:`FaultyPort` puts it in front of
any port, in that port's time, virtual or real; for other programs see :mod:`.faulty_ends`.

Which bytes are damaged depends on the seed and on their position, never on when they are read.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass

from ..op import SetLine
from ..port import Port
from ..ports.failures import closed, gone, stalled

__all__ = ["Damage", "Faults", "FaultyLine", "FaultyPort", "Line"]

_BITS_A_BYTE = 10
_TRANSMIT_BUFFER = 4096
_TINY = 1e-9  # sums of times are not exact
_MOST_KEPT = 1000


@dataclass(frozen=True)
class Faults:
    """What is wrong with one direction of a line.  Positions count the bytes that went in, from 0.

    ``drop``, ``flip``, ``double``: the chance of each byte to get lost, to have one bit inverted, to come twice,
    if it stands in ``window`` (first position, and the first one behind it or ``None``).
    ``chunk``: a read gets 1 to so many bytes, drawn; 0 gives all there are.
    ``buffer``: bytes that the receiver can hold; what comes when it is full is lost, or with
    ``flow_control`` waits on the other side; 0 is without a limit.
    ``delay``: seconds from the arrival of a byte to the moment when a busy reader looks.
    ``stall_at``: the byte before which the line stands still for ``stall_seconds``.
    ``end_at``: the byte in place of which the line is gone for good, in both directions.

    :raises ValueError: a chance is none, or a number is negative.
    """

    drop: float = 0.0
    flip: float = 0.0
    double: float = 0.0
    window: tuple[int, int | None] = (0, None)
    chunk: int = 0
    buffer: int = 0
    flow_control: bool = False
    delay: float = 0.0
    stall_at: int | None = None
    stall_seconds: float = 0.0
    end_at: int | None = None

    def __post_init__(self) -> None:
        chances = (self.drop, self.flip, self.double)
        if min(chances) < 0 or sum(chances) > 1 + _TINY:
            raise ValueError("drop, flip and double are chances, and one byte suffers at most one of them")
        numbers = (self.window[0], self.window[1] or 0, self.chunk, self.buffer, self.delay)
        if min(*numbers, self.stall_seconds, self.stall_at or 0, self.end_at or 0) < 0:
            raise ValueError("positions, sizes and times are not negative")


@dataclass(frozen=True)
class Damage:
    """What happened to one byte: ``drop``, ``flip``, ``double`` or ``overrun``, and where.

    An overrun's position counts the bytes that arrived, not those that went in.
    """

    kind: str
    position: int


@dataclass
class _Flight:
    """Bytes on their way: the first one arrives at ``due``, the others one byte time after another."""

    due: float
    data: bytearray


class Line:
    """One direction: :meth:`feed` takes bytes with the time, :meth:`take` gives what the receiver reads.

    >>> line = Line(Faults(drop=1.0, window=(1, 2)), baudrate=9600)
    >>> line.feed(b"abc", now=0.0)
    >>> line.take(0.001), line.take(0.0011), line.take(0.0022)
    (b'', b'a', b'c')
    """

    def __init__(self, faults: Faults, *, baudrate: int = 0, seed: int | str = 0) -> None:
        self.faults = faults
        #: Seconds that a byte takes.
        self.byte_time = _BITS_A_BYTE / baudrate if baudrate else 0.0
        #: Bytes that went in.
        self.position = 0
        #: The latest of what happened to bytes.
        self.damage: deque[Damage] = deque(maxlen=_MOST_KEPT)
        self.damaged = 0
        self.gone_since: float | None = None
        self._random = random.Random(f"faults {seed}")
        self._chunks = random.Random(f"chunks {seed}")
        self._next = self._draw(0)
        self._flights: deque[_Flight] = deque()
        self._free_at = 0.0
        self._held = bytearray()
        self._held_since = 0.0
        self._arrived = 0

    @property
    def backlog(self) -> int:
        """Bytes that are on their way."""
        return sum(len(flight.data) for flight in self._flights)

    def feed(self, data: bytes, now: float) -> None:
        """Send ``data``, from the time ``now`` on or when what was sent before is through."""
        stops = (self.faults.stall_at, self.faults.end_at)
        while data and self.gone_since is None:
            if self.position == self.faults.end_at:
                self.gone_since = max(now, self._free_at)
                return
            if self.position == self.faults.stall_at:
                self._free_at = max(now, self._free_at) + self.faults.stall_seconds
            ahead = [stop - self.position for stop in stops if stop is not None and stop > self.position]
            part, data = data[: min(ahead, default=len(data))], data[min(ahead, default=len(data)) :]
            self.insert(self._damage(part), now)

    def insert(self, data: bytes, now: float) -> None:
        """Put bytes on the line that are not counted and not damaged: noise that nobody sent."""
        if not data or self.gone_since is not None:
            return
        due = max(now, self._free_at) + self.byte_time
        if self._flights and self._flights[-1].due >= due - _TINY:
            self._flights[-1].data += data
        else:
            self._flights.append(_Flight(due, bytearray(data)))
        self._free_at = due + (len(data) - 1) * self.byte_time

    def take(self, now: float) -> bytes:
        """What the receiver gets when it reads at ``now``."""
        self._arrive(now)
        if not self._held or now < self._held_since + self.faults.delay - _TINY:
            return b""
        count = self._chunks.randint(1, self.faults.chunk) if self.faults.chunk else len(self._held)
        taken = bytes(self._held[:count])
        del self._held[:count]
        if self.faults.flow_control and self._flights and self._flights[0].due < now:
            self._flights[0].due = now + self.byte_time  # the other side was held, and goes on
            self._free_at = max(self._free_at, now + self.backlog * self.byte_time)
        return taken

    def next_due(self) -> float | None:
        """When :meth:`take` has something next; ``None``: nothing is on its way."""
        if self._held:
            return self._held_since + self.faults.delay
        return self._flights[0].due + self.faults.delay if self._flights else None

    def _draw(self, position: int) -> int | None:
        """The next position, from ``position`` on, of a byte that suffers."""
        rate = self.faults.drop + self.faults.flip + self.faults.double
        first, behind = self.faults.window
        if not rate:
            return None
        gap = 0 if rate >= 1 - _TINY else int(math.log(1 - self._random.random()) / math.log1p(-rate))
        found = max(position, first) + gap
        return found if behind is None or found < behind else None

    def _damage(self, data: bytes) -> bytes:
        base, begin = self.position, 0
        self.position += len(data)
        out = bytearray()
        while self._next is not None and self._next < self.position:
            index = self._next - base
            out += data[begin:index] + self._suffer(data[index], self._next)
            begin = index + 1
            self._next = self._draw(self._next + 1)
        return bytes(out + data[begin:])

    def _suffer(self, byte: int, position: int) -> bytes:
        faults = self.faults
        rates = (faults.drop, faults.flip, faults.double)
        (kind,) = self._random.choices(("drop", "flip", "double"), rates)
        self._note(kind, position)
        if kind == "flip":
            return bytes((byte ^ 1 << self._random.randrange(8),))
        return b"" if kind == "drop" else bytes((byte, byte))

    def _note(self, kind: str, position: int) -> None:
        self.damaged += 1
        self.damage.append(Damage(kind, position))

    def _arrive(self, now: float) -> None:
        """Move to the receiver's buffer what is due."""
        while self._flights and (flight := self._flights[0]).due <= now + _TINY:
            count = len(flight.data)
            if self.byte_time:
                count = min(count, int((now + _TINY - flight.due) / self.byte_time) + 1)
            room = self.faults.buffer - len(self._held) if self.faults.buffer else count
            if room < count and self.faults.flow_control:
                count = room
                if not count:
                    return
            if not self._held:
                self._held_since = flight.due
            self._held += flight.data[: min(count, room)]
            for lost in range(room, count):
                self._note("overrun", self._arrived + lost)
            self._arrived += count
            del flight.data[:count]
            if flight.data:
                flight.due += count * self.byte_time
            else:
                self._flights.popleft()


class FaultyLine:
    """Both directions of a line, with one seed.

    ``baudrate``: each byte takes ten bits of it; 0 is at once.  ``nuls``: bytes of 0 that the modem's side
    sends at power-up.
    """

    def __init__(
        self,
        seed: int | str = 0,
        *,
        baudrate: int = 0,
        to_host: Faults = Faults(),
        to_modem: Faults = Faults(),
        nuls: int = 0,
    ) -> None:
        self.to_host = Line(to_host, baudrate=baudrate, seed=f"{seed} to host")
        self.to_modem = Line(to_modem, baudrate=baudrate, seed=f"{seed} to modem")
        self.nuls = nuls

    def power_up(self, now: float) -> None:
        """The modem is switched on: its transmit line is not steady yet."""
        self.to_host.insert(bytes(self.nuls), now)

    def is_gone(self, now: float) -> bool:
        """Somebody has pulled the plug."""
        times = (self.to_host.gone_since, self.to_modem.gone_since)
        return any(time is not None and time <= now + _TINY for time in times)


class FaultyPort(Port):
    """``line`` in front of ``port``, in that port's time.  Closing it closes both."""

    has_modem_lines = False

    def __init__(self, line: FaultyLine, port: Port) -> None:
        self.line = line
        self.port = port
        self.name = port.name
        self.virtual_time = port.virtual_time
        self._closed = False
        line.power_up(port.now())

    def read(self, timeout: float) -> bytes:
        """What came through.

        :raises PortError: the line is gone, or the port behind it.
        """
        return self._pass(timeout, reads=True)

    def sleep(self, seconds: float) -> None:
        """Let time pass; what arrives meanwhile is held, as far as there is room."""
        self._pass(seconds, reads=False)

    def write(self, data: bytes, timeout: float) -> None:
        """Give ``data`` to the line; returns when its last 4096 bytes are on their way.

        :raises PortError: the line is gone, or the port behind it.
        :raises ModemTimeout: the line stands still.
        """
        deadline = self.now() + timeout
        self._check(self.now())
        self.line.to_modem.feed(data, self.now())
        self._pass(0.0, reads=False)
        while (backlog := self.line.to_modem.backlog) > _TRANSMIT_BUFFER:
            left = deadline - self.now()
            if left <= 0:
                raise stalled(self.name, len(data) - min(len(data), backlog), len(data), timeout)
            due = self.line.to_modem.next_due()
            self._pass(left if due is None else min(left, due - self.now()), reads=False)

    def now(self) -> float:
        """The clock of the port behind."""
        return self.port.now()

    def set_line(self, line: SetLine) -> None:
        """Pass it on to the port behind; the pace stays."""
        self.port.set_line(line)

    def close(self) -> None:
        """Close the port behind."""
        self._closed = True
        self.port.close()

    def next_due(self) -> float | None:
        """When something comes out of the line next, in either direction."""
        dues = (self.line.to_host.next_due(), self.line.to_modem.next_due())
        return min((due for due in dues if due is not None), default=None)

    def _check(self, now: float) -> None:
        if self._closed:
            raise closed(self.name)
        if self.line.is_gone(now):
            raise gone(self.name, "input/output error")

    def _pass(self, timeout: float, *, reads: bool) -> bytes:
        line = self.line
        deadline = self.now() + max(0.0, timeout)
        while True:
            now = self.now()
            self._check(now)
            while data := line.to_modem.take(now):
                self.port.write(data, 10.0)
            line.to_host.feed(self.port.read(0.0), now)
            self._check(now)
            if reads and (data := line.to_host.take(now)):
                return data
            if now >= deadline:
                return b""
            dues = (line.to_modem.next_due(), line.to_host.next_due() if reads else None)
            ends = (line.to_modem.gone_since, line.to_host.gone_since)
            goal = min([deadline, *(time for time in (*dues, *ends) if time is not None and time > now)])
            line.to_host.feed(self.port.read(goal - now), self.now())
