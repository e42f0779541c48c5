"""A driver on a scripted line: what must be sent, byte by byte, and what is answered to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

from modemtls import find_model
from modemtls.at import Channel
from modemtls.op import Op, SetLine, run
from modemtls.plugins import load_object
from modemtls.port import Port
from modemtls_sequans.driver import SequansDriver
from modemtls_sequans.options import SequansOptions

T = TypeVar("T")

#: Bytes that come at once, or (seconds later, bytes).
Answer = bytes | tuple[float, bytes]

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
CME4 = b"\r\n+CME ERROR: 4\r\n"
NO_CARRIER = b"\r\nNO CARRIER\r\n"
PROMPT = b"\r\n> "


def info(*lines: str) -> bytes:
    """Information lines and OK, framed as on the wire."""
    return b"".join(b"\r\n" + line.encode() for line in lines) + b"\r\n" + OK


def urc(line: str) -> bytes:
    return b"\r\n" + line.encode() + b"\r\n"


@dataclass
class Exchange:
    sent: bytes
    answers: tuple[Answer, ...]


PROBE = b"AT+CMEE?\r"
#: Stands in a script where the channel may put itself in order.
RECOVERY = Exchange(b"", ())


class ScriptedPort(Port):
    """A line in virtual time; a byte that is not in the script fails at once."""

    name = "script"
    virtual_time = True

    def __init__(self, chunk: int = 0) -> None:
        self.chunk = chunk
        self.script: deque[Exchange] = deque()
        self._time = 0.0
        self._written = b""
        self._due: list[tuple[float, bytes]] = []

    def answer(self, *answers: Answer) -> None:
        for answer in answers:
            after, data = answer if isinstance(answer, tuple) else (0.0, answer)
            latest = self._due[-1][0] if self._due else self._time
            self._due.append((max(latest, self._time) + after, data))

    def write(self, data: bytes, timeout: float) -> None:
        self._written += data
        while self._written:
            self._recover()
            if not self._written:
                return
            assert self.script, f"nothing more was expected, and {self._written!r} was sent"
            expected = self.script[0].sent
            if len(self._written) < len(expected):
                assert expected.startswith(self._written)
                return
            assert self._written.startswith(expected), (self._written, expected)
            self._written = self._written[len(expected) :]
            self.answer(*self.script.popleft().answers)

    def _recover(self) -> None:
        """Answer the probes of the channel's recovery, where the script allows them; it decides how many."""
        while self.script and self.script[0] is RECOVERY and self._written:
            if PROBE.startswith(self._written[: len(PROBE)]):
                if len(self._written) < len(PROBE):
                    return
                self._written = self._written[len(PROBE) :]
                self.answer(info("+CMEE: 1"))
            else:
                self.script.popleft()

    def read(self, timeout: float) -> bytes:
        deadline = self._time + timeout
        if not self._due or self._due[0][0] > deadline:
            self._time = max(self._time, deadline)
            return b""
        due, data = self._due[0]
        self._time = max(self._time, due)
        size = self.chunk or len(data)
        if len(data) > size:
            self._due[0] = (due, data[size:])
        else:
            del self._due[0]
        return data[:size]

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += seconds

    def set_line(self, line: SetLine) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def unread(self) -> bool:
        return bool(self._due)

    def assert_used_up(self) -> None:
        assert not self._written, f"{self._written!r} is no whole command"
        if list(self.script) == [RECOVERY]:
            self.script.clear()
        assert not self.script, f"never sent: {[each.sent for each in self.script]}"
        assert not self._due, f"never read: {self._due}"


class Dialogue:
    """A driver and its scripted line; ``listened`` are the events as they may be shown."""

    def __init__(
        self, model: str = "sequans-gm02s", options: SequansOptions | None = None, chunk: int = 0
    ) -> None:
        self.port = ScriptedPort(chunk)
        record = find_model(model)
        options = options or SequansOptions()
        resolved = record.resolve("", options)
        self.channel = Channel(SequansDriver.dialect)
        self.driver = SequansDriver(self.channel, record, resolved, options, load_object(record.errors))
        self.driver.forget_connections()
        self.requests_sent = 0
        self.listened: list[str] = []
        self.channel.listen(lambda event: self.listened.append(event.line))

    def expect(self, sent: str | bytes, *answers: Answer) -> Dialogue:
        """Next comes this: a command line (text), or data (bytes); then these answers."""
        data = sent.encode() + b"\r" if isinstance(sent, str) else sent
        self.port.script.append(Exchange(data, answers or (OK,)))
        return self

    def says(self, *answers: Answer) -> Dialogue:
        """The modem says this by itself."""
        self.port.answer(*answers)
        return self

    def hears(self, *answers: Answer) -> Dialogue:
        """The modem says this by itself, and it is read at once."""
        self.says(*answers)
        self._settle(leaves=True)
        return self

    def sent(self) -> None:
        """What the driver calls when the server may have got a request."""
        self.requests_sent += 1

    def run(self, op: Op[T], *, leaves: bool = False) -> T:
        """Perform an operation; the script must be used up after it, whatever comes of it.

        ``leaves``: what the modem says last comes after the operation's end, and is read then.
        """
        try:
            result = run(op, self.port)
        except AssertionError:
            raise
        except BaseException:
            self._settle(leaves)
            raise
        self._settle(leaves)
        return result

    def _settle(self, leaves: bool) -> None:
        if leaves:
            assert self.port.unread, "nothing was left"
            while self.port.unread:
                run(self.channel.poll(0.1), self.port)
        self.port.assert_used_up()

    @property
    def now(self) -> float:
        return self.port.now()

    def recovers(self) -> Dialogue:
        """The channel may ask, any number of times, whether the modem is still there, and it is."""
        self.port.script.append(RECOVERY)
        return self


Connect = Callable[..., Dialogue]


@pytest.fixture(params=[0, 1, 5], ids=["whole", "bytewise", "by-five"])
def dialogue(request: pytest.FixtureRequest) -> Connect:
    """Makes dialogues whose answers arrive whole, byte by byte, or in pieces of five."""

    def make(model: str = "sequans-gm02s", **options: object) -> Dialogue:
        return Dialogue(model, SequansOptions(**options), request.param)  # type: ignore[arg-type]

    return make


__all__ = ["CME4", "ERROR", "NO_CARRIER", "OK", "PROMPT", "Connect", "Dialogue", "info", "urc"]
