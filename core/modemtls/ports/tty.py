"""A serial line of this computer, on POSIX: tty, USB adapter, pty.

pyserial sets the line up; the bytes go over the descriptor.  Each port is locked with ``flock``, which
works between all programs that ask.  ``TIOCEXCL`` keeps out those that do not ask, but it stays on
a terminal as long as anybody has it open: so it is used on real lines only, not on a pty whose other side
outlives us, and cleared on close.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios

import serial

from ..op import SetLine
from .descriptor import DescriptorPort
from .failures import cannot_open, closed, gone, refused_setting
from .line import apply_line

__all__ = ["TtyPort"]


class TtyPort(DescriptorPort):
    """A terminal device, opened for this caller alone.

    :raises PortError: absent, not permitted, in use, or no serial port.
    """

    def __init__(self, name: str, baudrate: int, rtscts: bool | None) -> None:
        super().__init__(name)
        # An inter-byte timeout of 0 is pyserial's way to VMIN=1: then an empty read means "gone",
        # where VMIN=0 would use it for "nothing yet" too.
        self._serial = serial.Serial(None, inter_byte_timeout=0, exclusive=True)
        try:
            self._serial.baudrate = baudrate
        except (ValueError, OverflowError) as error:
            raise refused_setting(name, f"{baudrate} baud", error) from error
        self._serial.port = name
        self._exclusive = False
        try:
            self._serial.open()
        except (ValueError, OverflowError) as error:
            if "\0" in name:
                raise cannot_open(name, error) from error
            raise refused_setting(name, f"{baudrate} baud", error) from error
        except (OSError, termios.error) as error:
            raise cannot_open(name, error) from error
        self._descriptor = self._serial.fileno()
        try:
            self.has_modem_lines = _has_modem_lines(self._descriptor)
            if self.has_modem_lines:
                fcntl.ioctl(self._descriptor, termios.TIOCEXCL)
                self._exclusive = True
            if self.has_modem_lines if rtscts is None else rtscts:
                self._serial.rtscts = True
        except (OSError, termios.error) as error:
            self.close()
            raise cannot_open(name, error) from error
        except BaseException:
            self.close()
            raise

    def set_line(self, line: SetLine) -> None:
        """Change baud rate, and DTR, RTS and break where the port has them.

        :raises PortError: the port is gone, was closed, or does not know the baud rate.
        """
        if self._descriptor is None:
            raise closed(self.name)
        try:
            apply_line(line, self._serial, self.name, has_modem_lines=self.has_modem_lines)
        except termios.error as error:
            raise gone(self.name, error) from error

    def close(self) -> None:
        """Unlock and close."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            # A child that was forked meanwhile keeps the descriptor, and with it lock and TIOCEXCL,
            # unless both are given back in words.  A device that is gone refuses them.
            with contextlib.suppress(OSError):
                if self._exclusive:
                    fcntl.ioctl(descriptor, termios.TIOCNXCL)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            with contextlib.suppress(OSError):
                self._serial.close()

    def _receive(self, descriptor: int, size: int) -> bytes:
        return os.read(descriptor, size)

    def _send(self, descriptor: int, data: bytes | memoryview) -> int:
        return os.write(descriptor, data)


def _has_modem_lines(descriptor: int) -> bool:
    try:
        fcntl.ioctl(descriptor, termios.TIOCMGET, struct.pack("I", 0))
    except OSError:
        return False
    return True
