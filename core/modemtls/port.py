"""Ports: where bytes go in and out, and whose clock counts.

A :class:`Port` is the only thing in modemtls that does I/O.  :func:`open_port` finds the kind by the
address: a device name (``/dev/ttyUSB0``, ``COM5``), ``socket://``, ``rfc2217://`` and ``loop://`` are
serial lines, near or far; ``sim://MODEL`` is a simulated modem in this process, ``replay://FILE`` a recorded one.

What each kind needs is imported when the first port of that kind is opened.
"""

from __future__ import annotations

import os
import re
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import PortError, Reason
from .op import SetLine

if TYPE_CHECKING:
    from .transcript import Recorder, Recording, RecordingPort

__all__ = ["Port", "PortInfo", "list_ports", "open_port"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KINDS = "a device name (/dev/ttyUSB0, COM5), socket://HOST:PORT, rfc2217://HOST:PORT, loop://, sim://MODEL, replay://FILE"


class Port(ABC):
    """A line to a modem, with its own clock.

    Everything blocks for at most the time that it is given.  ``name`` is what the user called it.
    """

    name: str
    #: The host can see and set RTS, CTS, DTR, DSR (a pty and a socket cannot).
    has_modem_lines: bool = False
    #: Time passes on this port by :meth:`read` and :meth:`sleep` alone, not by itself.
    virtual_time: bool = False
    #: The model that answers on it, once that is known.
    model: str | None = None

    @abstractmethod
    def read(self, timeout: float) -> bytes:
        """What has arrived, at once if there is any; ``b""`` when ``timeout`` seconds pass.

        :raises PortError: the port is gone.
        """

    @abstractmethod
    def write(self, data: bytes, timeout: float) -> None:
        """Write all of ``data``.

        :raises PortError: the port is gone.
        :raises ModemTimeout: not everything could be written in ``timeout`` seconds.
        """

    @abstractmethod
    def now(self) -> float:
        """Seconds on this port's clock: monotonic, with an arbitrary zero."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on this port's clock."""

    @abstractmethod
    def set_line(self, line: SetLine) -> None:
        """Change baud rate or lines; what the port does not have is ignored."""

    @abstractmethod
    def close(self) -> None:
        """Give the port back; closing twice is allowed."""

    def fileno(self) -> int | None:
        """A descriptor that becomes readable when :meth:`read` has something, or ``None``."""
        return None

    def identified(self, model: str) -> None:
        """The modem behind this port is ``model``."""
        self.model = model

    def record(self, to: str | os.PathLike[str] | Recording | Recorder) -> RecordingPort:
        """This port, with a transcript of all that goes by: in a file, which must not exist yet, or by ``to``.

        What is secret is known to the channel: take :meth:`RecordingPort.channel` for one, or what was
        sent and received is written down by its length alone.  :func:`modemtls.open` does that with ``record``.

        :raises FileExistsError: the file is there already.
        """
        from .transcript.recording import record_port

        return record_port(self, to)

    def write_some(self, data: bytes | memoryview) -> int | None:
        """How many bytes the port took without waiting; ``None`` if it can only :meth:`write`.

        :raises PortError: the port is gone.
        """
        return None


@dataclass(frozen=True)
class PortInfo:
    """A serial port that the system knows; a field that it does not tell is ``None``."""

    device: str
    description: str | None = None
    hardware_id: str | None = None
    vid: int | None = None
    """USB vendor number."""
    pid: int | None = None
    """USB product number."""
    serial_number: str | None = None


def open_port(url: str, *, baudrate: int | None = None, rtscts: bool | None = None) -> Port:
    """Open the port that ``url`` names, for this caller alone.

    ``baudrate``: ``None`` is 115200 to begin with; :class:`~modemtls.op.SetLine` changes it.
    ``rtscts``: hardware flow control; ``None`` is "where the port has modem lines" (never asked of an
    ``rfc2217://`` server unless true).

    :raises PortError: no such port or kind of port, not permitted, in use, cannot be set up.
    """
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if scheme == "sim":
        from .sim import open_sim

        return open_sim(url)
    if scheme == "replay":
        from .ports.replay import open_replay

        return open_replay(url)
    baudrate = 115200 if baudrate is None else baudrate
    if baudrate < 1:
        raise PortError(f"{baudrate} is no baud rate: it is at least 1.", reasons=(Reason.INVALID_PARAMETER,))
    if scheme == "socket":
        from .ports.tcp import SocketPort

        return SocketPort(url)
    if scheme in ("rfc2217", "loop"):
        from .ports.pyserial import PyserialPort

        return PyserialPort(url, scheme, baudrate, rtscts)
    if "://" in url:
        kind = scheme or url.partition("://")[0]
        raise PortError(
            f"There is no kind of port called {kind!r}.",
            remedy=f"A port is {_KINDS}.",
            reasons=(Reason.PORT_NOT_FOUND,),
        )
    if not url:
        raise PortError(
            "The name of the port is empty.",
            remedy=f"A port is {_KINDS}; modemtls ports lists those of this computer.",
            reasons=(Reason.PORT_NOT_FOUND,),
        )
    if sys.platform == "win32":
        from .ports.pyserial import PyserialPort

        return PyserialPort(url, "", baudrate, rtscts)
    from .ports.tty import TtyPort

    return TtyPort(url, baudrate, rtscts)


def list_ports() -> tuple[PortInfo, ...]:
    """The serial ports of this computer, in natural order of their names; none is opened."""
    from serial.tools.list_ports import comports

    def told(text: str | None) -> str | None:
        return text if text and text != "n/a" else None

    return tuple(
        PortInfo(
            device=port.device,
            description=told(port.description),
            hardware_id=told(port.hwid),
            vid=port.vid,
            pid=port.pid,
            serial_number=told(port.serial_number),
        )
        for port in sorted(comports())
    )
