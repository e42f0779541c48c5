"""One TCP socket of WIPsoft, and what it makes of the bytes in the two data modes.

Mode 1: ETX and DLE of the payload have a DLE before them in both directions; a bare ETX of the host's ends what
it sends (the simulated network cannot end one direction alone: what follows is dropped, and the server is told
nothing).  Mode 2: bytes as they are.  The end of the other side is ``SHUTDOWN``, and the mode lasts; a reset is an
ETX, the error, and command mode (WIPsoft 2.02 guide, pages 25 to 29).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemtls.sim import DataEnd, Failure, Result

if TYPE_CHECKING:
    from modemtls.sim import Connection, Problem

    from .wipsoft import Q2686Wipsoft

__all__ = ["CONTINUOUS", "TRANSPARENT", "MappedSocket", "Socket"]

CONTINUOUS, TRANSPARENT = 1, 2
ETX, DLE = 3, 16
_SPECIAL = re.compile(rb"[\x03\x10]")


@dataclass
class Socket:
    """A TCP client: its connection, and what the host has been told of it."""

    index: int
    connection: Connection
    connecting: bool = True
    announced: bool = False
    told_end: bool = False
    is_reset: bool = False
    seen: int = 0
    taken: int = 0
    answered_at: int = -1
    done: Callable[[Result], None] | None = None

    @property
    def arrived(self) -> int:
        """All bytes that ever came in."""
        return self.taken + self.connection.available

    @property
    def has_ended(self) -> bool:
        """The other side sends no more, and everything has gone to the host."""
        return self.connection.state.name == "CLOSED" and not self.connection.available

    def receive(self, most: int) -> bytes:
        """The next bytes for the host."""
        data = self.connection.receive(most)
        self.taken += len(data)
        return data


def was_reset(problem: Problem | None) -> bool:
    """The connection ended without its farewell."""
    return problem is not None and problem.failure in (Failure.LOST, Failure.TIMEOUT)


class MappedSocket(DataEnd):
    """A socket that the line leads to, in one of the data modes."""

    def __init__(self, modem: Q2686Wipsoft, socket: Socket, mode: int) -> None:
        self.socket = socket
        self.mode = mode
        self._modem = modem
        self._escaped = False
        self._ended = False
        self._told = False
        self._last = modem.now

    def take(self, data: bytes) -> None:
        """Send the host's bytes."""
        settings = self._modem.settings
        if self.mode == CONTINUOUS:
            data = self._unescape(data)
        elif settings.idle_damage and self._modem.now - self._last >= settings.idle_damage:
            data = bytes([data[0] ^ 0x40]) + data[1:]
        self._last = self._modem.now
        if data and not self.socket.has_ended:
            self.socket.connection.send(self._modem.on_the_way(data))
            self.socket.answered_at = self.socket.arrived

    def _unescape(self, data: bytes) -> bytes:
        found = bytearray()
        for byte in data:
            if self._ended:
                break
            if self._escaped:
                self._escaped = False
                found.append(byte)
            elif byte == DLE:
                self._escaped = True
            elif byte == ETX:
                self._ended = True
            else:
                found.append(byte)
        return bytes(found)

    def give(self, most: int) -> bytes:
        """What has come for the host, or what the modem has to say about its end."""
        if data := self.socket.receive(max(1, most // 2)):
            return _SPECIAL.sub(b"\x10\\g<0>", data) if self.mode == CONTINUOUS else data
        if not self.socket.has_ended or self._told:
            return b""
        self._told = True
        settings = self._modem.settings
        if was_reset(self.socket.connection.problem):
            self.socket.told_end = self.socket.is_reset = True
            mark = b"\x03" if self.mode == CONTINUOUS or settings.reset_mark else b""
            self._modem.leave_data_mode()
            self._modem.call_later(0.0, self._modem.tell_held)
            return mark + b"\r\n+CME ERROR: 843\r\n"
        says = settings.shutdown == "both" or (settings.shutdown == "continuous" and self.mode == CONTINUOUS)
        return b"\r\nSHUTDOWN\r\n" if says else b""

    def left(self) -> tuple[str, ...]:
        """The end of the other side, if the host has not been told of it by this line."""
        if self.socket.connection.state.name == "CLOSED" and not self.socket.told_end:
            self.socket.told_end = True
            return (f"+WIPPEERCLOSE: 2,{self.socket.index}",)
        return ()
