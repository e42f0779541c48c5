"""What the companion agent keeps in flash: objects with length and CRC, and the TLS configuration.

A new object is written beside the old one and takes its place in one step; ``AT+WOPEN=3`` erases everything.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import ClassVar

from modemtls.sim import Json, Prompt, Refuse, Result, SimSettings, on

from .common import OpenAtModule
from .settings import CompanionSettings

__all__ = ["KINDS", "AgentError", "CompanionObjects", "TlsConfiguration", "crc", "hexadecimal"]

KINDS = ("CA", "CERT", "KEY")
_IDS = range(1, 9)
_MOST = 30_000
_REMOVED = dict.fromkeys(map(ord, '" ;'))
PATIENCE = 10.0
"""Seconds without a byte that end a counted data mode."""


class AgentError(Refuse):
    """One of the agent's own errors; ``name`` and ``raw`` are what the library or the flash said."""

    def __init__(self, number: int, name: str = "", raw: int = 0) -> None:
        super().__init__(number)
        self.name = name
        self.raw = raw


def crc(data: bytes) -> str:
    """CRC-32 as the agent writes it."""
    return f"{binascii.crc32(data):08x}"


def hexadecimal(text: str, most: int) -> bytes:
    """The bytes of a text in hexadecimal, ``most`` at most.

    :raises AgentError: it is none, or has a zero byte in it.
    """
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", text) or len(text) > 2 * most:
        raise AgentError(701)
    data = bytes.fromhex(text)
    if b"\0" in data:
        raise AgentError(701)
    return data


@dataclass(frozen=True)
class TlsConfiguration:
    """``AT+MTTLS``: the word, and an id for each kind, ``None`` for none."""

    verify: str
    ids: tuple[int | None, ...] = (None, None, None)

    def names(self, kind: str, index: int) -> bool:
        """It names this object."""
        return self.ids[KINDS.index(kind)] == index

    def __str__(self) -> str:
        return ",".join([self.verify, *("" if number is None else str(number) for number in self.ids)])


class CompanionObjects(OpenAtModule):
    """The agent's command table, its objects and its TLS configuration."""

    settings: CompanionSettings
    settings_type: ClassVar[type[SimSettings]] = CompanionSettings
    own_application: ClassVar[str] = "agent"
    application_urcs: ClassVar[tuple[str, ...]] = ("+MTREADY",)
    boot_urcs: ClassVar[tuple[str, ...]] = ("+MTREADY",)

    #: Forms of each command: that without parameters, and how many parameters it may have.
    forms: ClassVar[dict[str, tuple[str | None, range]]] = {
        "VER": ("?", range(0)),
        "PUT": (None, range(4, 5)),
        "LIST": ("?", range(0)),
        "DEL": (None, range(2, 3)),
        "TLS": ("?", range(1, 5)),
        "NET": ("?", range(1, 5)),
        "OPEN": ("?", range(3, 5)),
        "SEND": (None, range(2, 3)),
        "RECV": (None, range(1, 2)),
        "CLOSE": ("", range(0)),
        "SESS": ("?", range(1, 2)),
        "ERR": ("?", range(0)),
        "CLK": ("?", range(0)),
    }

    def power_on(self) -> None:
        """Nothing has gone wrong yet."""
        self._waiting_urcs: list[str | bytes] = []
        super().power_on()
        self.last_error = (0, "", 0)
        self.nvm.capacity = self.settings.flash_bytes

    def urc(self, line: str | bytes) -> None:
        """Unsolicited lines wait while a command runs, and follow its final result code."""
        if self._running and not self._booting:
            self._waiting_urcs.append(line)
        else:
            super().urc(line)

    def _end(self) -> None:
        super()._end()
        waiting, self._waiting_urcs = self._waiting_urcs, []
        for line in waiting:
            super().urc(line)

    def packages(self) -> tuple[str, ...]:
        """With the Security plug-in, when it is in the build."""
        names = super().packages()
        return (*names, "Security Plug-in Package") if names and self.settings.plug_in else names

    def _find(self, line: str) -> tuple[str, re.Match[str]] | None:
        bare = line.translate(_REMOVED)
        return super()._find(bare if bare[:5].upper() == "AT+MT" else line)

    @on(r"AT\+MT([A-Z]{3,5})(\?|=.*|)")
    def command_agent(self, match: re.Match[str]) -> Result:
        """A command of the agent: its form is checked by the firmware, its values by the agent."""
        name, form = match[1].upper(), match[2]
        if name not in self.forms or not self.runs_own_application:
            return super().command_of_agent(match) if name == "VER" and form == "?" else Refuse()
        other, counts = self.forms[name]
        fields = form[1:].split(",") if form.startswith("=") else []
        if form == "=?" or (fields and len(fields) not in counts) or (not fields and form != other):
            return Refuse()
        verb = {"?": "read", "": "do"}.get(form, "set")
        try:
            result: Result = getattr(self, f"{verb}_{name.lower()}")(*fields)
        except AgentError as error:
            result = error
        return self.noted(result)

    def noted(self, result: Result) -> Result:
        """``result``, kept for ``AT+MTERR?`` when it is an error."""
        if isinstance(result, AgentError) and result.number is not None:
            self.last_error = (result.number, result.name, result.raw)
        return result

    def number(self, text: str, low: int, high: int) -> int:
        """A decimal number of at most nine digits.

        :raises AgentError: it is none, or out of range.
        """
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise AgentError(701)
        return int(text)

    def counted(self, size: int, announced: str, then: object) -> Prompt:
        """Ask for ``size`` bytes, and go on when they are those of the announced CRC."""
        assert callable(then)

        def check(data: bytes) -> Result:
            try:
                result: Result = AgentError(707) if crc(data) != announced.lower() else then(data)
            except AgentError as error:
                result = error
            return self.noted(result)

        return Prompt(size, check, b"\r\nCONNECT\r\n", PATIENCE, lambda: self.noted(AgentError(706)))

    # Objects.

    def _object(self, kind: str, index: str) -> tuple[str, int]:
        if kind not in KINDS:
            raise AgentError(701)
        return kind, self.number(index, _IDS[0], _IDS[-1])

    def read_object(self, kind: str, index: int) -> bytes | None:
        """An object, unless its CRC does not fit any more."""
        data = self.nvm.get(kind, index)
        return data if data is not None and self.nvm.get(f"{kind} crc", index) == crc(data).encode() else None

    def set_put(self, kind: str, index: str, length: str, announced: str) -> Result:
        """Store an object."""
        kind, number = self._object(kind, index)
        size = self.number(length, 1, 999_999_999)
        if not re.fullmatch(r"[0-9A-Fa-f]{8}", announced):
            raise AgentError(701)
        if size > _MOST:
            raise AgentError(708)

        def store(data: bytes) -> Result:
            if self.configuration.names(kind, number):
                self.release_session()
            if self.nvm.used + size > self.settings.flash_bytes:
                return AgentError(704, "ADL_FLH_RET_ERR_MEM_FULL", -21)
            if self.settings.flash_fault:
                return AgentError(705)
            self.nvm.put(kind, number, data)
            self.nvm.put(f"{kind} crc", number, crc(data).encode())
            self.changed()
            return None

        return self.counted(size, announced, store)

    def read_list(self) -> Result:
        """All objects, with the CRC of what is there."""
        return [
            f"+MTLIST: {kind},{index},{len(data)},"
            + (crc(data) if self.read_object(kind, index) is not None else "BAD")
            for kind in KINDS
            for index, data in self.nvm.of(kind)
        ]

    def set_del(self, kind: str, index: str) -> Result:
        """Delete an object."""
        kind, number = self._object(kind, index)
        if self.nvm.get(kind, number) is None:
            raise AgentError(703)
        if self.configuration.names(kind, number):
            raise AgentError(720)
        self.nvm.remove(kind, number)
        self.nvm.remove(f"{kind} crc", number)
        self.changed()
        return None

    def damage(self, kind: str, index: int) -> None:
        """One bit of an object flips in flash."""
        data = self.nvm.get(kind, index)
        assert data
        self.nvm.put(kind, index, bytes([data[0] ^ 1]) + data[1:])

    # The TLS configuration.

    @property
    def configuration(self) -> TlsConfiguration:
        """As it stands in flash."""
        kept = (self.nvm.get("TLS", 0) or b"NONE,,,").decode().split(",")
        return TlsConfiguration(kept[0], tuple(int(text) if text else None for text in kept[1:]))

    def read_tls(self) -> Result:
        """Show the TLS configuration."""
        return f"+MTTLS: {self.configuration}"

    def set_tls(self, verify: str, *ids: str) -> Result:
        """Write the TLS configuration."""
        if verify not in ("NONE", "ALWAYS", "ONCE", "NEVER") or (verify == "NONE" and ids):
            raise AgentError(701)
        numbers = [self.number(text, _IDS[0], _IDS[-1]) if text else None for text in ids]
        ca, certificate, key = [*numbers, None, None, None][:3]
        if verify in ("ALWAYS", "ONCE") and ca is None:
            raise AgentError(717)
        if (certificate is None) != (key is None):
            raise AgentError(718 if key is None else 701)
        for kind, number in zip(KINDS, (ca, certificate, key), strict=True):
            if number is not None and self.read_object(kind, number) is None:
                raise AgentError(703)
        self.release_session()
        self.nvm.put("TLS", 0, str(TlsConfiguration(verify, (ca, certificate, key))).encode())
        self.changed()
        return None

    def release_session(self) -> None:
        """Forget the saved TLS session."""

    def load_state(self, data: Json) -> None:
        """What a state file holds of the configuration must be one."""
        super().load_state(data)
        try:
            _ = self.configuration
        except (ValueError, UnicodeDecodeError):
            raise ValueError("the TLS configuration has the wrong form") from None
