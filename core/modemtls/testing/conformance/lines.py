"""Lines between a driver and a simulated modem: one that counts, one on which a step fails, one that alters answers.

A step is one write of the host: a command line, or a piece of payload.  Time is the simulated modem's.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from ...errors import PortError, Reason
from ...op import SetLine
from ...port import Port
from ...sim import CellularSimulator, SimPort

__all__ = ["Fault", "Line"]


class Fault(enum.Enum):
    """How a step fails."""

    TIMEOUT = "timeout"
    """The modem does not hear it, and nothing is answered."""
    GONE = "gone"
    """The port fails, then and from then on."""
    ERROR = "ERROR"
    """It is refused, without a reason."""
    CME = "+CME ERROR"
    """It is refused with a number of the standard's."""
    GARBAGE = "garbage"
    """The modem does not hear it, and noise comes."""
    HALF = "half a line"
    """It is done, and only the first half of what it is answered arrives."""
    LIE = "OK, and nothing done"
    """The modem does not hear it, and ``OK`` comes all the same: that of something else."""
    REBOOT = "reboot"
    """The modem restarts instead."""
    CANCEL = "cancellation"
    """The program is interrupted there."""


_NEVER = b"\x00no such bytes\x00"
_FORGED = {
    Fault.ERROR: b"\r\nERROR\r\n",
    Fault.CME: b"\r\n+CME ERROR: 4\r\n",
    Fault.GARBAGE: b"\xf0\x00~\x9d\r+\x80\xff;\x1b}U\r\n\xfe",
    Fault.LIE: b"\r\nOK\r\n",
}


class Line(Port):
    """A line to a modem.

    ``sent`` is every byte that the host has written, ``steps`` their number of writes since :meth:`arm`.
    ``alter`` is given every chunk of the modem's on its way to the host.
    """

    def __init__(self, inner: Port, simulator: CellularSimulator | None = None) -> None:
        self.inner = inner
        self._simulator = simulator
        self.name = inner.name
        self.virtual_time, self.has_modem_lines = inner.virtual_time, inner.has_modem_lines
        self.sent = bytearray()
        self.steps = 0
        self.has_struck = False
        self.is_closed = False
        self.alter: Callable[[bytes], bytes] = lambda data: data
        self._at = 0
        self._marker = _NEVER
        self._fault: Fault | None = None
        self._strike: Callable[[], None] = lambda: None
        self._due = b""
        self._is_gone = False
        self._halving = self._dropping = False

    @classmethod
    def to(cls, simulator: CellularSimulator) -> Line:
        """A line to a simulated modem in this process."""
        return cls(SimPort(simulator), simulator)

    @property
    def simulator(self) -> CellularSimulator:
        """The simulated modem at its end."""
        assert self._simulator is not None, "a real modem has no simulator's knobs"
        return self._simulator

    def arm(self, fault: Fault | None, step: int, strike: Callable[[], None] = lambda: None) -> None:
        """Let the ``step``-th write from now fail; ``strike`` is what a cancellation does."""
        self.steps, self._at, self._fault, self._strike = 0, step, fault, strike
        self.has_struck = False

    def arm_at(self, fault: Fault, marker: bytes) -> None:
        """Let every write fail that has ``marker`` in it."""
        self.arm(fault, 0)
        self._marker = marker

    def disarm(self) -> None:
        """Nothing fails any more; a port that is gone stays gone."""
        self._at, self._marker = 0, _NEVER
        self._halving = self._dropping = False

    def write(self, data: bytes, timeout: float) -> None:
        """Give bytes to the modem, unless this is the step that fails."""
        self._check()
        self.sent += data
        self.steps += 1
        self._halving = self._dropping = False
        if self._fault is None or not (self.steps == self._at or self._marker in data):
            self.inner.write(data, timeout)
            return
        self.has_struck = True
        match self._fault:
            case Fault.TIMEOUT:
                return
            case Fault.GONE:
                self._is_gone = True
                self._check()
            case Fault.HALF:
                self.inner.write(data, timeout)
                self._halving = True
            case Fault.REBOOT:
                self.simulator.restart()
            case Fault.CANCEL:
                self.inner.write(data, timeout)
                self._strike()
            case fault:
                if self._is_awaited():
                    # A modem that answers has taken its payload: it cannot go on waiting for it.
                    self.inner.write(data, timeout)
                    self._dropping = True
                self._due += _FORGED[fault]

    def _is_awaited(self) -> bool:
        """The modem is at a prompt, or in the data mode of a connection."""
        simulator = self._simulator
        return simulator is not None and (simulator._payload is not None or simulator.is_in_data_mode)

    def _check(self) -> None:
        if self._is_gone:
            raise PortError("Input/output error: the port is gone.", reasons={Reason.PORT_GONE})

    def read(self, timeout: float) -> bytes:
        """What has come, or has been made up."""
        self._check()
        if self._due:
            data, self._due = self._due, b""
            return data
        deadline = self.inner.now() + timeout
        while True:
            data = self.inner.read(max(0.0, deadline - self.inner.now()))
            if self._dropping and data:
                continue
            if self._halving and data:
                self._halving, self._dropping = False, True
                data = data[: len(data) // 2]
            return self.alter(data)

    def now(self) -> float:
        """Virtual seconds."""
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._check()
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        """Pass it on."""
        self.inner.set_line(line)

    def close(self) -> None:
        """Give the port back; a simulated modem goes on, as a real one does."""
        self.is_closed = True
        if self._simulator is None:
            self.inner.close()
