"""A line that is cut at one byte of an operation: the modem loses its power there, or the host is gone."""

from __future__ import annotations

import enum
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import modemtls
from modemtls import Modem
from modemtls.op import SetLine
from modemtls.port import Port
from modemtls.sim import Json, Result, SimPort
from modemtls.sim.machine import Timer
from modemtls.sim.settings import settings_from
from modemtls_sequans.simulator import Gm02s
from modemtls_sequans.simulator.settings import Gm02sSettings


class Vanished(BaseException):
    """The host's process is gone: nothing of it runs any more, so nothing may catch this."""


class CutPort(Port):
    """A line to a simulated modem, on which bytes are counted from :meth:`arm` on.

    ``way`` is the direction whose byte ``at`` is the last that passes: ``"to modem"`` or ``"to host"``.
    ``what`` is what ends there: the ``"modem"`` (it is off and on again), or the ``"host"``.
    """

    name = "cut"
    virtual_time = True

    def __init__(self, simulator: Gm02s) -> None:
        self.inner = SimPort(simulator)
        self.simulator = simulator
        self.passed = {"to modem": 0, "to host": 0}
        self.is_cut = False
        self._cut: tuple[str, str, int] | None = None

    def arm(self, what: str, way: str, at: int) -> None:
        self.passed = {"to modem": 0, "to host": 0}
        self._cut = (what, way, at)

    def _rest(self, way: str) -> int | None:
        """How many bytes may pass in this direction before the cut; ``None`` when it is not there."""
        if self._cut is None or self.is_cut or self._cut[1] != way:
            return None
        return self._cut[2] - self.passed[way]

    def _end(self) -> None:
        assert self._cut is not None
        self.is_cut = True
        if self._cut[0] == "modem":
            self.simulator.restart()
        else:
            raise Vanished

    def _check(self) -> None:
        if self.is_cut and self._cut is not None and self._cut[0] == "host":
            raise Vanished

    def write(self, data: bytes, timeout: float) -> None:
        self._check()
        rest = self._rest("to modem")
        self.passed["to modem"] += len(data)
        if rest is None or len(data) < rest:
            self.inner.write(data, timeout)
            return
        self.inner.write(data[:rest], timeout)
        self._end()
        self.inner.write(data[rest:], timeout)  # a modem without power does not hear it

    def read(self, timeout: float) -> bytes:
        self._check()
        rest = self._rest("to host")
        data = self.inner.read(timeout)
        self.passed["to host"] += len(data)
        if rest is None or len(data) < rest:
            return data
        self._end()
        return data[:rest]

    def now(self) -> float:
        self._check()
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self._check()
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        self._check()

    def close(self) -> None:
        """Nothing: the modem is needed after its host."""


class TearingGm02s(Gm02s):
    """A modem that keeps, when its power goes in the middle of a bundle, the certificates that are there.

    Assumed: whether a real one does is not published.
    """

    _writing: tuple[str, int] | None = None

    def command_store(self, match: re.Match[str]) -> Result:
        kind, index, _ = self.fields(match[1], 3, 3)
        self._writing = (kind.lower(), int(index)) if index.isdecimal() else None
        return super().command_store(match)

    command_store.__dict__.update(Gm02s.command_store.__dict__)

    def restart(self) -> None:
        end = b"-----END CERTIFICATE-----\n"
        if self._payload is not None and self._writing is not None:
            whole, found, _ = bytes(self._payload.data).rpartition(end)
            if found and self._writing[0] == "certificate":
                self.nvm.put(*self._writing, whole + found)
        super().restart()


def modem_with(state: Json | None, kind: type[Gm02s] = Gm02s, settings: Gm02sSettings | None = None) -> Gm02s:
    """A modem, made anew or from its flash.  ``settings`` are :func:`settings_of`."""
    simulator = kind(settings or settings_of({}))
    if state is not None:
        simulator.load_state(state)
    return simulator


def settings_of(given: Mapping[str, object]) -> Gm02sSettings:
    return settings_from(Gm02sSettings, {"boot_delay": 0.5, **given})


#: Statistics, time and chance: what the next host cannot notice, or has no influence on what it does.
#: (``A/``, which repeats the last line, is never sent by modemtls.)
_PASSING = frozenset(
    [
        "commands",
        "_executed",
        "_payload_bytes",
        "settings",
        "restarts",
        "now",
        "_random",
        "_order",
        "_last_line",
        "_base",
        "_base_at",
    ]
)


def state_of(simulator: Gm02s) -> object:
    """All that a modem is at this moment for the next host: flash, half a line, half a payload, what is due."""
    return _frozen(simulator, (), simulator.now)


def _frozen(thing: object, owners: tuple[int, ...], now: float) -> object:
    match thing:
        case None | bool() | int() | float() | str() | bytes() | date() | enum.Enum():
            return thing
        case bytearray():
            return bytes(thing)
        case dict():
            return frozenset((key, _frozen(value, owners, now)) for key, value in thing.items())
        case list() | tuple() | deque():
            return tuple(_frozen(each, owners, now) for each in thing)
        case set() | frozenset():
            return frozenset(_frozen(each, owners, now) for each in thing)
        case Timer():
            return thing.cancelled, round(thing.due - now, 3), getattr(thing.action, "__qualname__", "")
    if callable(thing):
        return getattr(thing, "__qualname__", "")
    if id(thing) in owners:
        return "owner"
    held = vars(thing) if hasattr(thing, "__dict__") else {}
    own = (*owners, id(thing))
    return type(thing).__name__, frozenset(
        (name, _frozen(value, own, now)) for name, value in held.items() if name not in _PASSING
    )


def opened(port: Port, patch: pytest.MonkeyPatch, **given: Any) -> Modem:
    with patch.context() as only:
        only.setattr("modemtls.connecting.open_port", lambda url, **kinds: port)
        return modemtls.open("sim://behind-a-line", model="sequans-gm02s", **given)


def objects(simulator: Gm02s) -> dict[tuple[str, int], bytes]:
    return {(kind, n): data for kind in ("certificate", "privatekey") for n, data in simulator.nvm.of(kind)}


class Directory:
    """A folder for the journal that can be put back to what it was."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def contents(self) -> dict[str, bytes]:
        return {
            str(file.relative_to(self.path)): file.read_bytes()
            for file in self.path.rglob("*")
            if file.is_file()
        }

    def restore(self, contents: dict[str, bytes]) -> None:
        for name in self.contents().keys() - contents.keys():
            (self.path / name).unlink()
        for name, data in contents.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


@contextmanager
def cut_at_rename(patch: pytest.MonkeyPatch, number: int, *, before: bool) -> Iterator[list[int]]:
    """The host is gone before or after it puts its file with this number in place; gives the count."""
    done = [0]
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        done[0] += 1
        if done[0] == number and before:
            raise Vanished
        found = real(self, target)
        if done[0] == number:
            raise Vanished
        return found

    with patch.context() as only:
        only.setattr(Path, "replace", replace)
        yield done
