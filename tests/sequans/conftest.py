"""A driver on a scripted line: what must be sent, byte by byte, and what is answered to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from modemtls import find_model
from modemtls.at import Channel
from modemtls.op import Op, run
from modemtls.plugins import load_object
from modemtls.testing import Answer
from modemtls.testing import dialogue as scripted
from modemtls_sequans.driver import SequansDriver
from modemtls_sequans.options import SequansOptions

T = TypeVar("T")

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


PROBE, LAST_PROBE = "AT+CMEE?", "AT+CMEE=?"


class Dialogue:
    """A driver and its scripted line; ``listened`` are the events as they may be shown."""

    def __init__(
        self, model: str = "sequans-gm02s", options: SequansOptions | None = None, chunk: int = 0
    ) -> None:
        self.port = scripted(chunk=chunk)
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
        self.port.expect((sent, answers or (OK,)))
        return self

    def says(self, *answers: Answer) -> Dialogue:
        """The modem says this by itself."""
        self.port.say(*answers)
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
        self.port.check()

    @property
    def now(self) -> float:
        return self.port.now()

    def recovers(self) -> Dialogue:
        """The channel may ask, any number of times, whether the modem is still there, and it is."""
        self.port.expect_any((PROBE, info("+CMEE: 1")), (LAST_PROBE, info("+CMEE: (0-2)")))
        return self


Connect = Callable[..., Dialogue]


@pytest.fixture(params=[0, 1, 5], ids=["whole", "bytewise", "by-five"])
def dialogue(request: pytest.FixtureRequest) -> Connect:
    """Makes dialogues whose answers arrive whole, byte by byte, or in pieces of five."""

    def make(model: str = "sequans-gm02s", **options: object) -> Dialogue:
        return Dialogue(model, SequansOptions(**options), request.param)  # type: ignore[arg-type]

    return make


__all__ = ["CME4", "ERROR", "NO_CARRIER", "OK", "PROMPT", "Answer", "Connect", "Dialogue", "info", "urc"]
