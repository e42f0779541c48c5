"""How payload stands on the line in a data mode: as it is, or with two bytes escaped.

*Transparent*: every byte is payload, so nothing in the bytes can say that it ends.  *Escaped*: DLE stands before
an ETX or a DLE of the payload, in both directions, and an ETX without it says that the sender's payload ends.
Both are given bytes in any pieces.  Nothing here knows time or I/O.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

__all__ = ["DLE", "ETX", "DataCoding", "Escaped", "Transparent"]

ETX, DLE = 0x03, 0x10

_SPECIAL = re.compile(rb"[\x03\x10]")


class DataCoding(ABC):
    """One coding, with the state of the receiving direction."""

    @abstractmethod
    def encode(self, data: bytes) -> bytes:
        """What goes over the line for ``data``."""

    @abstractmethod
    def decode(self, data: bytes) -> bytes:
        """The payload in the next bytes that came; an end mark stops it, see :meth:`take_rest`."""

    @property
    def ended(self) -> bool:
        """The end mark has come: what follows it is no payload."""
        return False

    def take_rest(self) -> bytes:
        """What came after the end mark and has not been taken."""
        return b""

    def begin(self) -> None:  # noqa: B027 - where there is no state, nothing is right
        """Payload begins (again): nothing is pending."""


class Transparent(DataCoding):
    """Every byte is payload.

    >>> Transparent().encode(b"\\x03\\x10")
    b'\\x03\\x10'
    """

    def encode(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def decode(self, data: bytes) -> bytes:
        """The same bytes."""
        return data


class Escaped(DataCoding):
    """DLE before ETX and DLE; a bare ETX ends.

    >>> coding = Escaped()
    >>> coding.encode(b"a\\x03b\\x10")
    b'a\\x10\\x03b\\x10\\x10'
    >>> coding.decode(b"a\\x10"), coding.decode(b"\\x03b\\x03\\r\\nEND"), coding.ended, coding.take_rest()
    (b'a', b'\\x03b', True, b'\\r\\nEND')
    """

    def __init__(self) -> None:
        self._pending = False
        self._ended = False
        self._rest = bytearray()

    def begin(self) -> None:
        """Payload begins (again)."""
        self._pending = self._ended = False
        self._rest.clear()

    def encode(self, data: bytes) -> bytes:
        """Escape what must be."""
        return _SPECIAL.sub(b"\x10\\g<0>", data)

    def decode(self, data: bytes) -> bytes:
        """Take the escapes out; a DLE before another byte is dropped too: that byte is payload."""
        if self._ended:
            self._rest += data
            return b""
        payload = bytearray()
        position = 0
        if self._pending and data:
            self._pending = False
            payload.append(data[0])
            position = 1
        while special := _SPECIAL.search(data, position):
            at = special.start()
            payload += data[position:at]
            position = at + 1
            if data[at] == ETX:
                self._ended = True
                self._rest += data[position:]
                return bytes(payload)
            if position == len(data):
                self._pending = True
                return bytes(payload)
            payload.append(data[position])
            position += 1
        payload += data[position:]
        return bytes(payload)

    @property
    def ended(self) -> bool:
        """A bare ETX has come."""
        return self._ended

    def take_rest(self) -> bytes:
        """What came after the bare ETX."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest
