"""A modem that numbers its answers, and then delays, loses, halves, doubles and mixes them; in virtual time.

Each command carries a number of its own, and everything that belongs to its answer carries the same one: the
information line, the code of the error, the payload, the event.  So an answer that goes to another command
shows.  The modem works through its input in order, as V.250 has it; it knows nothing of the channel.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import deque
from dataclasses import dataclass, field

from modemtls.op import SetLine
from modemtls.port import Port

URCS = ("+CEREG", "+RING", "+DONE", "NO CARRIER")
BOOT = "+SYSSTART"
UNSOLICITED_ERROR = 171
NOISE = ("+CEREG: 5", "+RING: 3", "NO CARRIER", f"+CME ERROR: {UNSOLICITED_ERROR}", "+CEREG: 2")
#: Data that would do harm as commands, or as lines.
HARMFUL = (
    b"\r\nOK\r\n\r\n+X: 77\r\n+CMEE: 1\r\n\r\nOK\r\n"
    b"\rAT+HARM=1\r+SYSSTART\r\n\r\nERROR\r\n> \r\n+CME ERROR: 9\r\n"
)

_NUMBERED = re.compile(r"AT\+(X|Q|F|DOWN|UP|ASYNC)=(\d+)(?:,(\d+))?")

FAULTS = (
    "late", "lost", "half", "headless", "middle", "stalled", "reset", "twice", "unheard", "dead", "event lost",
    "event late", "event twice", "event first",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one command: ``where`` is a share of its answer, ``seconds`` how long it takes."""

    kind: str = ""
    where: float = 0.0
    seconds: float = 0.0
    says_boot: bool = True


NO_FAULT = Fault()


@dataclass
class Answer:
    """What one command gets; ``end`` is the place where its final result code is complete."""

    number: int = 0
    data: bytearray = field(default_factory=bytearray)
    end: int = 0


def payload(number: int, size: int) -> bytes:
    """The payload that belongs to ``number``: harmful, and another one for each."""
    return (b"%d;" % number + HARMFUL * (size // len(HARMFUL) + 1))[:size]


class HostileModem(Port):
    """``fault`` strikes the next numbered command; ``chatter`` is the chance of a line that nobody asked for.

    ``aborts``: input ends the command that runs, and the byte that did it is lost (V.250 allows that).
    ``lag``: seconds that everything takes from the modem to the host.
    """

    virtual_time = True

    def __init__(
        self,
        dice: random.Random,
        *,
        echo: bool = False,
        aborts: bool = False,
        chatter: float = 0.1,
        lag: float = 0.0,
    ) -> None:
        self.reports = 0.0
        """So many seconds after each other it reports an event, when it has nothing else to say; 0: it does not."""
        self.name = "hostile"
        self.time = 1000.0
        self.fault = NO_FAULT
        self.executed: list[str] = []
        self.answered: set[int] = set()
        """Numbers whose final result code has gone to the host."""
        self.uploads: dict[int, bytes] = {}
        self._dice = dice
        self._echo, self._aborts, self._chatter, self._lag = echo, aborts, chatter, lag
        self._out: deque[tuple[float, bytes, int]] = deque()
        self._line = bytearray()
        self._data: bytearray | None = None
        self._missing = self._upload = 0
        self._upload_fault = NO_FAULT
        self._free_at = self._deaf_until = self._reported_at = 0.0

    # The host's side.

    def read(self, timeout: float) -> bytes:
        if self._out:
            due, data, number = self._out[0]
            due += self._lag
            if due <= self.time + timeout:
                self._out.popleft()
                self.time = max(self.time, due)
                if number:
                    self.answered.add(number)
                return data
        elif self.reports:
            due = max(self.time, self._reported_at + self.reports, self._deaf_until)
            if due <= self.time + timeout:
                self.time = self._reported_at = due
                return b"\r\n+CEREG: 5\r\n"
        self.time += timeout
        return b""

    def write(self, data: bytes, timeout: float) -> None:
        if self.time < self._deaf_until:
            return
        for byte in data:
            if self._data is not None:
                self._take(byte)
            elif byte == 0x0D:
                line, self._line = self._line.decode("latin-1"), bytearray()
                if self._echo:
                    self._say(self.time, line.encode("latin-1") + b"\r")
                self._execute(line)
            elif self._aborts and not self._line and self.time < self._free_at:
                self._abort()
            else:
                self._line.append(byte)
            if self.time < self._deaf_until:
                return

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def set_line(self, line: SetLine) -> None:
        raise AssertionError("nobody asked for another line setting")

    def close(self) -> None:
        pass

    @property
    def well_at(self) -> float:
        """When everything that was going wrong is over."""
        last = self._out[-1][0] + self._lag if self._out else 0.0
        return max(self._free_at, self._deaf_until, last)

    @property
    def awaits_data(self) -> bool:
        """An upload with a fault in it is under way, and it has not struck yet."""
        return self._data is not None and self._upload_fault.kind in ("reset", "dead")

    # The modem's side.

    def _say(self, due: float, data: bytes, number: int = 0) -> None:
        if self._out:
            due = max(due, self._out[-1][0])
        self._out.append((due, data, number))

    def _execute(self, line: str) -> None:
        line = line.lstrip(" ")  # V.250: spaces are passed over
        self.executed.append(line)
        found = _NUMBERED.fullmatch(line)
        if found is None:
            if line.upper().startswith("AT"):
                known = {"AT": [], "ATQ0": [], "AT+CMEE?": ["+CMEE: 1"], "AT+CMEE=?": ["+CMEE: (0-2)"]}
                self._answer(0, known.get(line, []), "OK" if line in known else "ERROR", NO_FAULT)
            return
        fault, self.fault = self.fault, NO_FAULT
        kind, number, size = found[1], int(found[2]), int(found[3] or 0)
        if fault.kind == "unheard":
            return
        if kind == "UP":
            self._ask(number, size, fault)
        elif kind == "F":
            self._answer(number, [], f"+CME ERROR: {number}", fault)
        elif kind == "DOWN":
            self._answer(number, [f"+DOWN: {number},{size}"], "OK", fault, payload(number, size))
        elif kind == "ASYNC":
            self._later(number, fault)
        else:
            self._answer(number, [f"+X: {number}"] if kind == "X" else [], "OK", fault)

    def _later(self, number: int, fault: Fault) -> None:
        event = b"\r\n+DONE: %d\r\n" % number
        if fault.kind == "event first":
            self._say(max(self.time, self._free_at), event)
        self._answer(number, [], "OK", NO_FAULT if fault.kind.startswith("event") else fault)
        due = self._free_at + (fault.seconds if fault.kind == "event late" else self._dice.random() * 0.2)
        if fault.kind in ("event lost", "event first") or self.time < self._deaf_until:
            return
        self._say(due, event * (2 if fault.kind == "event twice" else 1))

    def _ask(self, number: int, size: int, fault: Fault) -> None:
        start = max(self.time, self._free_at) + 0.01
        if fault.kind in ("late", "stalled"):
            start += fault.seconds
        if fault.kind in ("reset", "dead") and fault.where < 0.3:
            self._die(start, fault)
            return
        self._data, self._missing, self._upload, self._upload_fault = bytearray(), size, number, fault
        self._free_at = start
        if fault.kind != "lost" or fault.where < 0.5:
            self._say(start, b"\r\n> " if self._dice.random() < 0.7 else b">")

    def _take(self, byte: int) -> None:
        assert self._data is not None
        self._data.append(byte)
        self._missing -= 1
        fault = self._upload_fault
        if fault.kind in ("reset", "dead") and len(self._data) >= fault.where * (
            len(self._data) + self._missing
        ):
            self._die(self.time, fault)
            return
        if self._missing:
            return
        data, self._data = bytes(self._data), None
        self.uploads[self._upload] = data
        if self._echo:
            self._say(self.time, data)
        later = fault if fault.kind in ("half", "lost", "headless", "twice") else NO_FAULT
        self._answer(self._upload, [f"+UP: {self._upload},{zlib.crc32(data)}"], "OK", later)

    def _abort(self) -> None:
        """What runs ends with an error; what has been said of it already stays said."""
        waiting = [number for due, _, number in self._out if due > self.time and number]
        self._out = deque(each for each in self._out if each[0] <= self.time)
        self._free_at = self.time
        self._say(self.time, b"\r\nERROR\r\n", waiting[0] if waiting else 0)

    def _die(self, when: float, fault: Fault) -> None:
        """Everything is forgotten and nothing is heard for a while."""
        self._line.clear()
        self._data = None
        self._out = deque(each for each in self._out if each[0] <= when)
        self._deaf_until = self._free_at = when + 0.2 + fault.seconds
        if fault.kind == "reset" and fault.says_boot:
            self._say(self._deaf_until, b"\r\n" + BOOT.encode() + b"\r\n")

    def _answer(self, number: int, lines: list[str], final: str, fault: Fault, body: bytes = b"") -> None:
        answer = self._worded(number, lines, final, body)
        start = max(self.time, self._free_at) + 0.01
        data, end = bytes(answer.data), answer.end
        cut = int(fault.where * end)
        self._free_at = start
        match fault.kind:
            case "lost":
                return
            case "late":
                start += fault.seconds
            case "half":
                data = data[:cut]
            case "headless":
                # A payload without its header is not announced by anything: its bytes would be lines.
                cut = 0 if body else cut
                data, end = data[cut:], end - cut
            case "middle":
                # Two lost ones and an event behind them look like a payload that ends with CR LF.
                lost = min((1, 3, 4, 5, 6, 7)[cut % 6], len(data) - cut)
                begin = data.index(b"\r\n", data.index(b"+DOWN:")) + 2 if body else 0
                if body and begin <= cut <= begin + len(body) - lost:
                    data, end = data[:cut] + data[cut + lost :], end - lost
            case "stalled":
                self._say_in_parts(start, data[:cut], end, number)
                start += fault.seconds
                data, end = data[cut:], end - cut
            case "twice" if not body:
                self._say_in_parts(start, data, end, number)
            case "reset" | "dead":
                self._say_in_parts(start, data[:cut], end, number)
                self._die(start, fault)
                return
        self._say_in_parts(start, data, end, number)
        self._free_at = start

    def _worded(self, number: int, lines: list[str], final: str, body: bytes) -> Answer:
        answer = Answer(number)
        dice = self._dice
        for line in [*lines, final]:
            while dice.random() < self._chatter:
                answer.data += b"\r\n" + dice.choice(NOISE).encode() + b"\r\n"
            answer.data += b"\r\n" + line.encode() + b"\r\n"
            if line is not final:
                answer.data += body
        answer.end = len(answer.data) - 2
        if dice.random() < self._chatter:
            answer.data += b"\r\n" + dice.choice(NOISE).encode() + b"\r\n"
        return answer

    def _say_in_parts(self, due: float, data: bytes, end: int, number: int) -> None:
        """``data`` in one to three parts; the part that completes the result says whose it is."""
        size = len(data)
        if not size:
            return
        cuts = sorted({self._dice.randrange(1, size + 1) for _ in range(self._dice.randrange(3))} | {size})
        start = 0
        for cut in cuts:
            self._say(due, data[start:cut], number if start < end <= cut else 0)
            start = cut
