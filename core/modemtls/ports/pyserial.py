"""Ports without a descriptor to wait on: COM on Windows, ``rfc2217://``, ``loop://``.

pyserial reads and writes.  Its timeouts stay as they are at opening, and longer waits are made of them:
to change one reconfigures the port, which at an RFC 2217 server is a negotiation.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import sys
import time
import warnings

import serial

from ..op import SetLine
from ..port import Port
from .failures import cannot_open, closed, gone, in_use, refused_setting, stalled
from .line import apply_line
from .tcp import host_and_port, no_connection

__all__ = ["PyserialPort"]

_SLICE = 0.005
_READ_SIZE = 65536
_WRITE_SIZE = 1024


class PyserialPort(Port):
    """A port that pyserial opens and drives; ``kind`` is the scheme of its address, ``""`` for a device.

    :raises PortError: it cannot be opened.
    """

    def __init__(self, name: str, kind: str, baudrate: int, rtscts: bool | None) -> None:
        self.name = name
        self.has_modem_lines = kind != "loop"
        self._kind = kind
        self._open = False
        if kind == "rfc2217":
            host, port = host_and_port(name, kind, options=True)
        flow = kind == "" if rtscts is None else rtscts
        try:
            with warnings.catch_warnings():
                # pyserial starts its thread with a method that newer Pythons call deprecated.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._serial: serial.Serial = serial.serial_for_url(
                    name, baudrate=baudrate, rtscts=flow, timeout=_SLICE, do_not_open=True
                )
                self._serial.open()
        except serial.SerialException as error:
            if kind == "rfc2217":
                raise no_connection(name, host, port, error.__context__ or error) from error
            if sys.platform == "win32" and "PermissionError" in str(error):
                raise in_use(name) from error
            if sys.platform == "win32" and "FileNotFoundError" in str(error):
                raise cannot_open(name, FileNotFoundError(2, "no such port")) from error
            raise cannot_open(name, error) from error
        except (ValueError, OverflowError) as error:
            raise refused_setting(name, f"{baudrate} baud", error) from error
        except OSError as error:
            raise cannot_open(name, error) from error
        self._open = True

    def now(self) -> float:
        """The system's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(seconds, 0.0))

    def read(self, timeout: float) -> bytes:
        """What has arrived, up to 64 KiB; ``b""`` when ``timeout`` seconds pass.

        :raises PortError: the port is gone, or was closed.
        """
        self._check()
        end = time.monotonic() + timeout
        try:
            while True:
                if (waiting := self._serial.in_waiting) and (
                    data := self._serial.read(min(waiting, _READ_SIZE))
                ):
                    return bytes(data)
                left = end - time.monotonic()
                if left <= 0:
                    return b""
                if left < _SLICE:
                    time.sleep(left)
                elif first := self._serial.read(1):
                    waiting = self._serial.in_waiting
                    return bytes(first) + (
                        bytes(self._serial.read(min(waiting, _READ_SIZE))) if waiting else b""
                    )
        except OSError as error:
            raise gone(self.name, error) from error

    def write(self, data: bytes, timeout: float) -> None:
        """Write all of ``data``.

        :raises PortError: the port is gone, or was closed.
        :raises ModemTimeout: not everything went out in ``timeout`` seconds.
        """
        self._check()
        end = time.monotonic() + timeout
        taken = 0
        try:
            while taken < len(data):
                left = end - time.monotonic()
                if left <= 0:
                    raise stalled(self.name, taken, len(data), timeout)
                part = data[taken : taken + _WRITE_SIZE]
                if self._kind == "rfc2217":
                    # pyserial sends to the server without a limit of its own choice.
                    if not select.select([], [self._connection()], [], left)[1]:
                        continue
                else:
                    self._serial.write_timeout = left
                self._serial.write(part)
                taken += len(part)
        except (serial.SerialTimeoutException, queue.Full) as error:
            raise stalled(self.name, taken, len(data), timeout) from error
        except (serial.SerialException, ValueError) as error:
            raise gone(self.name, error) from error

    def set_line(self, line: SetLine) -> None:
        """Change baud rate, and DTR, RTS and break where the port has them.

        :raises PortError: the port is gone, was closed, or does not know the baud rate.
        """
        self._check()
        apply_line(line, self._serial, self.name, has_modem_lines=self.has_modem_lines)

    def close(self) -> None:
        """Close; at an RFC 2217 server this takes a third of a second."""
        if not self._open:
            return
        self._open = False
        connection = getattr(self._serial, "_socket", None)
        with contextlib.suppress(OSError):
            self._serial.close()
        if isinstance(connection, socket.socket):
            # pyserial leaves it open when the other side went first.
            connection.close()

    def _connection(self) -> socket.socket:
        connection = getattr(self._serial, "_socket", None)
        if not isinstance(connection, socket.socket):
            raise gone(self.name)
        return connection

    def _check(self) -> None:
        if not self._open:
            raise closed(self.name)
