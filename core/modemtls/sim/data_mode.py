"""The data mode of a simulated modem: the line is a connection's until the escape sequence, or the modem, ends it.

The escape sequence counts only with silence before and after it, in the simulator's time; the same bytes amid
others are payload.  Unsolicited lines wait until the mode has been left.  A vendor's class gives the
:class:`DataEnd` that takes the host's bytes and has those for the host.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from .machine import Timer
from .reply import Final
from .simulator import Simulator

__all__ = ["DataEnd", "DataModeSimulator"]


class DataEnd(ABC):
    """What the line leads to while a data mode lasts."""

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Bytes of the host."""

    @abstractmethod
    def give(self, most: int) -> bytes:
        """Bytes for the host, as they go over the line: about ``most`` of them."""

    def left(self) -> tuple[str, ...]:
        """The host has left the mode: lines that come before its ``OK``."""
        return ()


class DataModeSimulator(Simulator):
    """A simulated modem with a data mode."""

    escape_sequence: ClassVar[bytes] = b"+++"
    #: Bytes for the host that the modem holds ready at once.
    data_buffer: ClassVar[int] = 4096

    @property
    def guard_time(self) -> float:
        """Silence that the escape sequence needs before and after it, in seconds."""
        return 1.0

    def power_on(self) -> None:
        """Back to commands."""
        super().power_on()
        self._data_end: DataEnd | None = None
        self._held = b""
        self._silence: Timer | None = None
        self._last_from_host = 0.0
        self._urcs: list[str | bytes] = []

    @property
    def is_in_data_mode(self) -> bool:
        """The line is a connection's."""
        return self._data_end is not None

    def enter_data_mode(self, end: DataEnd) -> Final:
        """What a handler returns to begin it: the ``CONNECT``, after which the line is ``end``'s."""
        self._data_end = end
        self._last_from_host = self.now
        return Final("CONNECT")

    def leave_data_mode(self) -> None:
        """Back to commands, by the modem itself; a beginning of the escape sequence is payload."""
        if self._data_end is not None:
            self._release()
        self._data_end = None

    def say(self, text: str) -> None:
        """A line of the modem's own, also amid payload."""
        self._out += f"\r\n{text}\r\n".encode()

    def tell_held(self) -> None:
        """Say the unsolicited lines that waited for the end of the data mode."""
        waiting, self._urcs = self._urcs, []
        for line in waiting:
            self.urc(line)

    def urc(self, line: str | bytes) -> None:
        """Say something unsolicited, or keep it until the data mode ends."""
        if self.is_in_data_mode and not self._booting:
            self._urcs.append(line)
        else:
            super().urc(line)

    def poll(self) -> bool:
        """Let the network progress, and what it brought go to the host."""
        changed = super().poll()
        return self._pump() or changed

    def take(self, limit: int = 0) -> bytes:
        """Take what is due to the host; more may be due at once."""
        taken = super().take(limit)
        self._pump()
        return taken

    def _pump(self) -> bool:
        room = self.data_buffer - len(self._out)
        if self._data_end is None or room <= 0 or self._booting:
            return False
        data = self._data_end.give(room)
        self._out += data
        return bool(data)

    def _noise(self) -> None:
        if not self.is_in_data_mode:
            super()._noise()

    def _take_data(self) -> None:
        data = bytes(self._in)
        self._in.clear()
        before, self._payload_bytes = self._payload_bytes, self._payload_bytes + len(data)
        if before < self.settings.reboot_at_byte <= self._payload_bytes:
            self.restart()
            return
        quiet = self.now - self._last_from_host >= self.guard_time
        self._last_from_host = self.now
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if (quiet or self._held) and self.escape_sequence.startswith(self._held + data):
            self._held += data
            self._silence = self.call_later(self.guard_time, self._after_silence)
            return
        data, self._held = self._held + data, b""
        if self._data_end is not None:
            self._data_end.take(data)

    def _release(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        held, self._held, self._silence = self._held, b"", None
        if held and self._data_end is not None:
            self._data_end.take(held)

    def _after_silence(self) -> None:
        if self._held != self.escape_sequence:
            self._release()
            return
        end, self._data_end = self._data_end, None
        self._held, self._silence = b"", None
        for line in end.left() if end is not None else ():
            self.say(line)
        self._final("OK")
        self.tell_held()
        self._work()
