"""What a simulated modem remembers: its credential store, its clock, and a file that keeps both.

:class:`Nvm` holds objects by kind and index and knows the limits of the flash.  :class:`Clock` runs on
the simulator's virtual time; it is *unset* until somebody sets it, and a clock that was set on purpose
is not moved by the network.  :class:`StateFile` keeps one JSON object per file, written beside it and
renamed, so that an interrupted process leaves the old state or the new one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import enum
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["Clock", "ClockSource", "Json", "Nvm", "StateFile"]

Json = dict[str, object]


class Nvm:
    """Objects in flash, by kind ("certificate") and index.

    ``capacity`` is the sum of all objects in bytes; ``None`` is without a limit.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self._objects: dict[tuple[str, int], bytes] = {}

    def get(self, kind: str, index: int) -> bytes | None:
        """The object's exact bytes, or ``None`` where there is none."""
        return self._objects.get((kind, index))

    def fits(self, kind: str, index: int, size: int) -> bool:
        """There is room for ``size`` bytes in place of what is stored there now."""
        if self.capacity is None:
            return True
        return self.used - len(self._objects.get((kind, index), b"")) + size <= self.capacity

    def put(self, kind: str, index: int, data: bytes) -> None:
        """Store ``data``.

        :raises ValueError: the flash is full.
        """
        if not self.fits(kind, index, len(data)):
            raise ValueError(f"no room for {len(data)} bytes: {self.used} of {self.capacity} are in use")
        self._objects[kind, index] = bytes(data)

    def remove(self, kind: str, index: int) -> bool:
        """Delete; false when there was nothing."""
        return self._objects.pop((kind, index), None) is not None

    def clear(self) -> None:
        """Delete everything."""
        self._objects.clear()

    def of(self, kind: str) -> Iterator[tuple[int, bytes]]:
        """The objects of one kind, by ascending index."""
        for found, index in sorted(self._objects):
            if found == kind:
                yield index, self._objects[found, index]

    @property
    def used(self) -> int:
        """Bytes in use."""
        return sum(len(data) for data in self._objects.values())

    def dump(self) -> list[object]:
        """Everything in it, for :class:`StateFile`."""
        return [
            [kind, index, base64.b64encode(data).decode()]
            for (kind, index), data in sorted(self._objects.items())
        ]

    def load(self, entries: object) -> None:
        """What :meth:`dump` gave, in place of what is in it.

        :raises ValueError: it is something else.
        """
        self._objects.clear()
        if not isinstance(entries, list):
            raise ValueError("the credential store is not a list")
        for entry in entries:
            match entry:
                case [str(kind), int(index), str(data)]:
                    try:
                        self._objects[kind, index] = base64.b64decode(data, validate=True)
                    except binascii.Error:
                        raise ValueError(f"{kind} {index} in the credential store is not base64") from None
                case _:
                    raise ValueError("an entry of the credential store has the wrong form")


class ClockSource(enum.Enum):
    """Who set a clock."""

    UNSET = "unset"
    NETWORK = "network"
    EXPLICIT = "explicit"
    """A setting, or a command of the host: the network leaves it alone."""


class Clock:
    """A clock on virtual time.

    ``now`` gives virtual seconds; ``power_up`` is what an unset clock shows at the start.
    """

    def __init__(self, now: Callable[[], float], power_up: datetime) -> None:
        self._now = now
        self._base = power_up
        self._base_at = now()
        self.source = ClockSource.UNSET

    def read(self) -> datetime:
        """The time that it shows, in UTC."""
        return self._base + timedelta(seconds=self._now() - self._base_at)

    def set(self, time: datetime, source: ClockSource) -> None:
        """Set it to an aware ``time``."""
        self._base = time.astimezone(UTC)
        self._base_at = self._now()
        self.source = source

    def dump(self) -> Json | None:
        """Its state beside the host's time, or ``None`` when it is unset."""
        if self.source is ClockSource.UNSET:
            return None
        return {
            "time": self.read().isoformat(),
            "host": datetime.now(UTC).isoformat(),
            "source": self.source.value,
        }

    def load(self, data: object) -> None:
        """What :meth:`dump` gave; it ran on in the meantime, as a powered clock does.

        :raises ValueError: it is something else.
        """
        match data:
            case None:
                return
            case {"time": str(time), "host": str(host), "source": str(source)}:
                passed = max(timedelta(0), datetime.now(UTC) - datetime.fromisoformat(host))
                self.set(datetime.fromisoformat(time) + passed, ClockSource(source))
            case _:
                raise ValueError("the clock has the wrong form")


class StateFile:
    """A JSON object in a file that only its owner can read: it may hold private keys."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Json | None:
        """What is in it, or ``None`` when there is no such file yet.

        :raises ValueError: it is not a state file.
        :raises OSError: it cannot be read.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise ValueError(f"{self.path} is not the state of a simulated modem") from None
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{self.path} is not the state of a simulated modem: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"{self.path} is not the state of a simulated modem")
        return found

    def write(self, data: Json) -> None:
        """Replace its contents, all or nothing.

        :raises OSError: the folder cannot be written.
        """
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
