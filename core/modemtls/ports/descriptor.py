"""Ports that are a file descriptor: bytes go over it without a layer between.

The descriptor never blocks.  A read that finds nothing waits for the descriptor, not for the clock; an empty
read from a descriptor in this mode means that the other side is gone, because "nothing yet" is
``BlockingIOError``.
"""

from __future__ import annotations

import select
import sys
import time
from abc import abstractmethod

from ..port import Port
from .failures import closed, gone, stalled

__all__ = ["DescriptorPort"]

_READ_SIZE = 65536


class DescriptorPort(Port):
    """Reads, writes and waits on a descriptor in non-blocking mode; a subclass opens and closes it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._descriptor: int | None = None
        self._for_reading: select.poll | None = None
        self._for_writing: select.poll | None = None

    @abstractmethod
    def _receive(self, descriptor: int, size: int) -> bytes:
        """At most ``size`` bytes; ``b""``: the other side is gone; ``BlockingIOError``: none yet."""

    @abstractmethod
    def _send(self, descriptor: int, data: bytes | memoryview) -> int:
        """How many bytes went out; ``BlockingIOError``: none."""

    def fileno(self) -> int | None:
        """The descriptor; ``None`` after :meth:`close`."""
        return self._descriptor

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
        # Most reads begin with nothing there, and to be told so by poll() costs half of what EAGAIN does.
        end = time.monotonic() + timeout
        left = timeout if timeout > 0 else 0.0
        while True:
            if self._wait(left, for_writing=False) and (data := self._read_now()):
                return data
            if (left := end - time.monotonic()) <= 0:
                return b""

    def write(self, data: bytes, timeout: float) -> None:
        """Write all of ``data``.

        :raises PortError: the port is gone, or was closed.
        :raises ModemTimeout: not everything went out in ``timeout`` seconds.
        """
        taken = self.write_some(data)
        if taken == len(data):
            return
        end = time.monotonic() + timeout
        rest = memoryview(data)
        while taken < len(data):
            left = end - time.monotonic()
            if left <= 0:
                raise stalled(self.name, taken, len(data), timeout)
            if self._wait(left, for_writing=True):
                taken += self.write_some(rest[taken:])

    def write_some(self, data: bytes | memoryview) -> int:
        """How many bytes the port took without waiting, maybe none.

        :raises PortError: the port is gone, or was closed.
        """
        if self._descriptor is None:
            raise closed(self.name)
        try:
            return self._send(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise gone(self.name, error) from error

    def _read_now(self) -> bytes:
        if self._descriptor is None:
            raise closed(self.name)
        try:
            data = self._receive(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise gone(self.name, error) from error
        if not data:
            raise gone(self.name)
        return data

    def _wait(self, timeout: float, *, for_writing: bool) -> bool:
        descriptor = self._descriptor
        if descriptor is None:
            raise closed(self.name)
        # poll() has no limit on descriptor numbers; macOS does not support it on terminals.
        if sys.platform in ("darwin", "win32"):
            readable, writable, failed = select.select(
                [] if for_writing else [descriptor],
                [descriptor] if for_writing else [],
                [descriptor],
                timeout,
            )
            return bool(readable or writable or failed)
        poll = self._for_writing if for_writing else self._for_reading
        if poll is None:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT if for_writing else select.POLLIN)
            if for_writing:
                self._for_writing = poll
            else:
                self._for_reading = poll
        return bool(poll.poll(timeout * 1000))
