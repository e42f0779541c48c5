"""One conversation, held with the simulated module and with the compiled agent, and all that was said on the line.

A scenario is a function that speaks through a :class:`Talk`; it waits for what it names, so that nothing depends on
who is quicker.  What comes back is kept as it came, bytes and all.  Only the seconds of the clock are made equal:
one side's time is virtual.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modemtls.sim import SimPort
from modemtls_sierra_wip.simulator import Q2686

from .agent import PATIENCE, Agent, Line, crc

__all__ = ["PortLine", "Scenario", "Talk", "agent_line", "on_the_agent", "on_the_simulator", "simulated_line"]

_RESULT = rb"\r\n(?:OK|\+CME ERROR: \d+)\r\n"
_SECONDS = re.compile(rb"(\d\d/\d\d/\d\d,\d\d:\d\d:)\d\d")


class PortLine(Line):
    """The line of a module simulated in this process; its time is virtual."""

    def __init__(self, port: SimPort) -> None:
        self.port = port

    def now(self) -> float:
        return self.port.now()

    def send(self, data: bytes) -> None:
        self.port.write(data, PATIENCE)

    def _read(self, wait: float) -> bytes:
        return self.port.read(wait)


@dataclass(frozen=True)
class Scenario:
    """A conversation, and what the two need to be for it.

    ``settings`` are the simulated module's, ``options`` the compiled agent's; ``damage`` makes an object rot.
    """

    talk: Callable[[Talk], None]
    settings: dict[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    target: str = "mtagent-host"
    #: The bearer goes so many seconds after it has come.
    lost_after: float | None = None


class Talk:
    """A line whose every byte is kept."""

    def __init__(self, line: Line, damage: Callable[[str, int, bytes], None]) -> None:
        self._line = line
        self._damage = damage
        #: What was done, and what came.
        self.said: list[tuple[str, bytes]] = []

    def _keep(self, what: str, came: bytes) -> bytes:
        self.said.append((what, _SECONDS.sub(rb"\1--", came)))
        return came

    def send_until_it_stalls(self, block: bytes) -> None:
        """Send it again and again until the agent gives up; what is said from the stall on is kept.

        How often it takes one depends on buffers.  A result that is late is no stall: the one that follows decides.
        """
        command = f"AT+MTSEND={len(block)},{crc(block)}"
        for _ in range(5000):
            assert self._line.ask(command) == b"\r\nCONNECT\r\n"
            self._line.send(block)
            if self._line.ends_within(0.5):
                continue
            said = self._line.ask("AT+MTVER?") + self._line.until(_RESULT, 100.0)
            if said.endswith(b" 721\r\n"):
                self._keep("stalled", said)
                return
        raise AssertionError("there is no end to what it takes")

    def ask(self, command: str, *, shown: str = "") -> bytes:
        """A command, to its final result code or ``CONNECT``."""
        return self._keep(shown or command, self._line.ask(command))

    def start(self) -> None:
        """From the first word on, without echo and with numbers of errors."""
        self.urc("+MTREADY")
        self.ask("ATE0")
        self.ask("AT+CMEE=1")

    def online(self) -> None:
        """The same, and the bearer up."""
        self.start()
        self.ask('AT+MTNET=1,"internet"')
        self.urc("+MTNET: 2")

    def urc(self, start: str) -> None:
        """All that comes, to the end of the line that begins so."""
        self.until(rb"\r\n" + re.escape(start.encode()) + rb"[^\r]*\r\n")

    def until(self, pattern: bytes, patience: float = PATIENCE) -> None:
        """All that comes, to the end of ``pattern``."""
        self._keep(f"until {pattern!r}", self._line.until(pattern, patience))

    def quiet(self, seconds: float = 0.1) -> bytes:
        """All that comes until nothing has come for so long."""
        return self._keep("quiet", self._line.quiet(seconds))

    def send(self, data: bytes) -> None:
        """Bytes, as they are."""
        self._line.send(data)

    def upload(self, command: str, data: bytes) -> None:
        """A command with data, to its final result code."""
        if self.ask(command).endswith(b"CONNECT\r\n"):
            self.send(data)
            self.until(rb"\r\n(?:OK|ERROR|\+CME ERROR: \d+)\r\n")

    def put(self, kind: str, number: int, data: bytes) -> None:
        """Store an object."""
        self.upload(f"AT+MTPUT={kind},{number},{len(data)},{crc(data)}", data)

    def send_out(self, data: bytes) -> None:
        """Send bytes over the connection."""
        self.upload(f"AT+MTSEND={len(data)},{crc(data)}", data)

    def open(self, kind: str, port: int, *, host: str = "server.test", more: str = "") -> None:
        """Connect, to the URC that tells how it went."""
        self.ask(f'AT+MTOPEN={kind},"{host}",{port}{more}', shown=f"AT+MTOPEN={kind}{more}")
        self.urc("+MTOPEN")

    def connect(self, kind: str, port: int, *, host: str = "server.test", more: str = "") -> None:
        """Connect, ask what has gone wrong, and close."""
        self.open(kind, port, host=host, more=more)
        self.ask("AT+MTERR?")
        self.ask("AT+MTCLOSE")

    def damage(self, kind: str, number: int, content: bytes) -> None:
        """A bit of an object flips in flash."""
        self._damage(kind, number, content)

    def restart(self) -> None:
        """Restart the module, and begin again."""
        self.ask("AT+CFUN=1")
        self.start()


@contextlib.contextmanager
def simulated_line(scenario: Scenario) -> Iterator[Talk]:
    """A conversation with the simulated module."""
    quick: dict[str, object] = {"bearer_delay": 0.02, "registration_delay": 0.0, "boot_delay": 0.05}
    simulator = Q2686(**{"boot_line": True, **quick, **scenario.settings})
    if scenario.lost_after is not None:
        simulator.call_later(scenario.lost_after, lambda: simulator.set_radio(0))
    with contextlib.closing(SimPort(simulator)) as port:
        yield Talk(PortLine(port), lambda kind, number, _: simulator.damage(kind, number))


@contextlib.contextmanager
def agent_line(scenario: Scenario) -> Iterator[Talk]:
    """A conversation with the compiled agent."""
    options = ["--boot-delay=10", *scenario.options]
    if scenario.lost_after is not None:
        options.append(f"--bearer-lost-after={int(scenario.lost_after * 1000)}")
        options.append("--bearer-lost=WIP_BERR_PPP_LINK_FAILED")
    with tempfile.TemporaryDirectory() as folder:
        flash = Path(folder) / "flash"

        def damage(kind: str, number: int, content: bytes) -> None:
            whole = flash.read_bytes()
            at = whole.index(content)
            flash.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])

        with Agent(f"--flash={flash}", *options, target=scenario.target) as agent:
            yield Talk(agent.line, damage)


def on_the_simulator(scenario: Scenario) -> list[tuple[str, bytes]]:
    """What is said with the simulated module."""
    with simulated_line(scenario) as talk:
        scenario.talk(talk)
    return talk.said


def on_the_agent(scenario: Scenario) -> list[tuple[str, bytes]]:
    """What is said with the compiled agent."""
    with agent_line(scenario) as talk:
        scenario.talk(talk)
    return talk.said
