"""The settings of a simulated modem: one frozen dataclass per model family.

A setting is declared once, as a field with :func:`setting`, and is then the same everywhere: a keyword
argument of the simulator, an option of ``modemtls sim``, a query parameter of ``sim://MODEL?name=value``.
:func:`settings_from` reads the text forms by the field's type; :func:`describe` lists the fields for
help texts and documentation.  ``assumed`` marks a behaviour that no source confirms.
"""

# ruff: noqa: RUF009 - setting() makes a dataclass field
from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")
S = TypeVar("S", bound="SimSettings")

__all__ = ["SettingInfo", "SimSettings", "describe", "setting", "settings_from"]


def setting(
    default: T,
    help: str,
    *,
    assumed: bool = False,
    seconds: bool = False,
    minimum: float | None = None,
    secret: bool = False,
) -> T:
    """A field of a settings class.

    ``help`` is one line for people.  ``assumed``: no source confirms what the default does.
    ``seconds``: a duration, written as ``2``, ``1.5s``, ``200ms`` or ``3m``.
    ``minimum``: the smallest legal number.  ``secret``: ``repr`` does not show it.

    >>> @dataclass(frozen=True)
    ... class AcmeSettings(SimSettings):
    ...     sleepy: bool = setting(False, "Sleeps after each command.", assumed=True)
    """
    metadata = {"help": help, "assumed": assumed, "seconds": seconds, "minimum": minimum}
    field: T = dataclasses.field(default=default, metadata=metadata, repr=not secret)
    return field


@dataclass(frozen=True)
class SimSettings:
    """What every simulated modem can be told.  A vendor's settings extend it."""

    firmware: str = setting("", "Firmware that it says it runs; empty is the model's usual one.")
    imei: str = setting("004999010640000", "Serial number: two modems with different ones are told apart.")
    echo: bool = setting(False, "Commands are echoed after a boot.")
    chunk: int = setting(0, "Most bytes that one read of the host gets; 0 gives all that is due.", minimum=0)
    urc_noise: float = setting(
        0.0, "Chance, 0 to 1, of a harmless unsolicited line before, between and after lines.", minimum=0
    )
    seed: int = setting(1, "Seed of everything that is random in it.")
    latency: float = setting(0.0, "Time that it thinks before it answers a command.", seconds=True, minimum=0)
    reboot_after: int = setting(
        0, "It restarts instead of answering the command with this number, once; 0 is never.", minimum=0
    )
    reboot_at_byte: int = setting(
        0, "It restarts, once, when it has taken so many bytes of payload; 0 is never.", minimum=0
    )
    boot_delay: float = setting(
        2.0, "Time from a restart to the first line after it.", assumed=True, seconds=True, minimum=0
    )
    boot_line: bool = setting(False, "It has just been switched on: the boot URC is the first it says.")
    silent: bool = setting(False, "It never answers: switched off, asleep, or the wrong port.")
    clock: datetime | None = setting(
        None, "Its clock at the start, as ISO 8601; without it the clock is unset, or as 'state' has it."
    )
    network_time: bool = setting(True, "The network gives the time when the modem attaches.")
    state: Path | None = setting(
        None,
        "A file that keeps credential store, profiles and clock from one process to the next; one at a time.",
    )
    map: str = setting("", "Where names lead: host:port=addr:port, several with commas, * for any port.")
    network: Literal["loopback", "host"] = setting(
        "loopback", "'loopback': this computer only; 'host': whatever this computer can reach."
    )
    sim: Literal["ready", "pin", "puk", "absent", "failure"] = setting("ready", "What the SIM is like.")
    pin: str = setting("1234", "The PIN that the SIM wants when sim=pin.", secret=True)
    puk: str = setting("12345678", "The PUK that the SIM wants after three wrong PINs.", secret=True)
    registration: Literal["home", "roaming", "denied", "never"] = setting(
        "home", "What comes of the search for a network."
    )
    registration_delay: float = setting(
        2.0, "Time from radio on to the end of the search.", assumed=True, seconds=True, minimum=0
    )
    apn_required: str = setting("", "The only APN that gets a PDP context; empty: any, also none.")
    pdp: bool = setting(True, "The network grants a PDP context.")
    opaque: bool = setting(
        False, "Every TLS failure has the vendor's one catch-all code; failures of the network keep theirs."
    )
    lying: Literal["no", "nothing", "no-hostname", "no-dates", "plain"] = setting(
        "no",
        "What its TLS really does, whatever it was told: 'nothing' verifies nothing, 'no-hostname' and 'no-dates' "
        "leave that check out, 'plain' uses no TLS at all. A firmware with such a bug; no model is known to have it.",
    )
    handshake_room: int = setting(
        0, "Most bytes of a server's side of a handshake that its TLS has room for; 0 is no limit.", minimum=0
    )
    patience: float = setting(
        1.0,
        "Real seconds without network traffic after which virtual time may pass while a connection is "
        "open; five times as long while one is being set up or owes an answer.",
        seconds=True,
        minimum=0,
    )

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            smallest = field.metadata.get("minimum")
            if smallest is not None and value < smallest:
                raise ValueError(f"{field.name}={value} is too small: at least {smallest:g}")
            choices = _choices(hints[field.name])
            if choices and value not in choices:
                raise ValueError(f"{field.name}={value!r} is none of {', '.join(map(str, choices))}")
        if self.urc_noise > 1:
            raise ValueError(f"urc_noise={self.urc_noise:g} is not a chance between 0 and 1")
        if self.clock is not None:
            clock = self.clock if self.clock.tzinfo else self.clock.replace(tzinfo=UTC)
            object.__setattr__(self, "clock", clock.astimezone(UTC))


@dataclass(frozen=True)
class SettingInfo:
    """A setting as help texts and documentation show it; ``kind`` is how its text form looks."""

    name: str
    kind: str
    default: str
    help: str
    assumed: bool
    choices: tuple[str, ...] = ()


def _choices(hint: object) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _bare(hint: object) -> object:
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


_KINDS: dict[object, str] = {
    bool: "yes|no",
    int: "number",
    float: "number",
    str: "text",
    datetime: "ISO time",
    Path: "file",
}


def describe(cls: type[SimSettings]) -> tuple[SettingInfo, ...]:
    """Every setting of a settings class, common ones first."""
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        choices = tuple(str(choice) for choice in _choices(hint))
        kind = "|".join(choices) or _KINDS.get(_bare(hint), "text")
        if field.metadata.get("seconds"):
            kind = "duration"
        default = field.default
        if isinstance(default, bool):
            text = "yes" if default else "no"
        elif isinstance(default, float):
            text = f"{default:g}"
        else:
            text = "" if default is None else str(default)
        found.append(
            SettingInfo(
                field.name,
                kind,
                text,
                str(field.metadata.get("help", "")),
                bool(field.metadata.get("assumed")),
                choices,
            )
        )
    return tuple(found)


_WORDS = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}
_UNITS = {"ms": 0.001, "min": 60.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration(text: str) -> float:
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def _moment(text: str) -> datetime:
    # a "+" in a query parameter arrives as a space
    found = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parse(hint: object, seconds: bool, text: str) -> object:
    if _choices(hint):
        return text
    kind = _bare(hint)
    if kind is not hint and not text:
        return None
    if kind is bool:
        if text.lower() not in _WORDS:
            raise ValueError("say yes or no")
        return _WORDS[text.lower()]
    if kind is int:
        return int(text)
    if kind is float:
        number = _duration(text) if seconds else float(text)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError("not a finite number")
        return number
    if kind is datetime:
        return _moment(text)
    if kind is Path:
        return Path(text).expanduser()
    return text


_EXPECTED = {"yes|no": "yes or no", "ISO time": "a time like 2026-05-01T12:00:00Z"}


def settings_from(cls: type[S], values: Mapping[str, object]) -> S:
    """Settings from text forms (or ready values), e.g. of a URL's query.

    >>> settings_from(SimSettings, {"echo": "yes", "latency": "20ms"}).latency
    0.02

    :raises ValueError: a name that is no setting (the legal ones are named), or a value of the wrong form.
    """
    hints = typing.get_type_hints(cls)
    known = {info.name: info for info in describe(cls)}
    fields = {field.name: field for field in dataclasses.fields(cls)}
    ready: dict[str, Any] = {}
    for given, value in values.items():
        name = given.replace("-", "_")
        if name not in known:
            raise ValueError(
                f"{given!r} is not a setting of this simulated modem; it has: {', '.join(known)}"
            )
        if isinstance(value, str):
            try:
                value = _parse(hints[name], bool(fields[name].metadata.get("seconds")), value)
            except (ValueError, OverflowError) as error:
                expected = _EXPECTED.get(known[name].kind, f"a {known[name].kind}")
                raise ValueError(f"{given}={value!r} is not {expected} ({error})") from None
        ready[name] = value
    return cls(**ready)
