"""Settings per port: from arguments, then the environment, then ``modemtls.toml``, then the model.

A swap of modems is a change of configuration, not of code::

    [port."/dev/ttyUSB0"]
    model = "acme-x1"
    apn = "internet"
    accept_gaps = ["hostname"]

    [port."/dev/ttyUSB0".options]
    some_vendor_option = "value"

The file is the one that ``MODEMTLS_CONFIG`` names, else ``modemtls.toml`` in the working directory, else
the one in the user's configuration directory.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .errors import Reason, Unsupported
from .model import NetworkSettings
from .policy import Gap, TlsEndpoint

__all__ = ["Settings", "load"]

WORDS = {
    "1": True,
    "yes": True,
    "true": True,
    "on": True,
    "0": False,
    "no": False,
    "false": False,
    "off": False,
}


@dataclass(frozen=True)
class Settings:
    """How to use the modem on one port.  No secret is shown by ``repr``.

    ``timeout``: seconds that the modem may take to answer at all when it is opened.
    ``attach``: an HTTPS request brings the network up by itself.
    ``accept_gaps``: what the modem may leave out of a policy, by name.
    ``tls``: where TLS runs, ``"modem"`` or ``"host"`` (this computer, over plain TCP of the modem's); ``None`` is
    the modem where it can, else this computer.
    ``security_profile``, ``http_profile``, ``socket``: the numbers that modemtls owns in the modem; ``None``
    is the last that the model has.
    ``journal``: remember on this computer, by SHA-256, what was written into which slot.
    ``explain``: after a failure ask the modem for what explains it (a few commands, no network use).
    ``options``: the vendor's options.
    """

    model: str | None = None
    baudrate: int | None = None
    rtscts: bool | None = None
    timeout: float = 10.0
    attach: bool = True
    apn: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)
    accept_gaps: frozenset[Gap] = frozenset()
    tls: TlsEndpoint | None = None
    security_profile: int | None = None
    http_profile: int | None = None
    socket: int | None = None
    journal: bool = True
    explain: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def network(self) -> NetworkSettings:
        """The part of it that attaching needs."""
        return NetworkSettings(self.apn, self.user, self.password, self.pin)


_NAMES = tuple(each.name for each in fields(Settings))


def load(port: str, given: Mapping[str, object], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings for ``port``; a value of ``None`` in ``given`` is "not given".

    A variable that is empty takes back what the file says.

    :raises Unsupported: the file or a variable says something that cannot be understood.
    """
    environment = os.environ if environment is None else environment
    path = _file(environment)
    merged = _from_file(path, port) if path is not None else {}
    for name in _NAMES:
        variable = f"MODEMTLS_{name.upper()}"
        if name == "options" or variable not in environment:
            continue
        if environment[variable]:
            merged[name] = _read(name, environment[variable], variable)
        else:
            merged.pop(name, None)
    options = merged.get("options", {})
    merged |= {name: _read(name, value, name) for name, value in given.items() if value is not None}
    if given.get("options") is not None:
        merged["options"] = options | merged["options"]  # each option by itself
    return replace(Settings(), **merged)


def _file(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get("MODEMTLS_CONFIG"):
        return Path(named)
    here = Path("modemtls.toml")
    if here.is_file():
        return here
    import platformdirs

    users = Path(platformdirs.user_config_dir("modemtls", appauthor=False)) / "modemtls.toml"
    return users if users.is_file() else None


def _from_file(path: Path, port: str) -> dict[str, Any]:
    try:
        ports = tomllib.loads(path.read_text("utf-8")).get("port", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(f"{path} cannot be read: {error}") from None
    if not isinstance(ports, dict):
        raise _wrong(f'{path}: "port" must be tables: [port."/dev/ttyUSB0"]')
    table = ports.get(port, ports.get(port.partition("?")[0], {}))
    where = f'{path}, [port."{port}"]'
    if not isinstance(table, dict):
        raise _wrong(f"{where} must be a table")
    unknown = sorted(set(table) - set(_NAMES))
    if unknown:
        raise _wrong(f"{where}: there is no setting {', '.join(unknown)}; there are {', '.join(_NAMES)}")
    return {name: _read(name, value, f"{where}: {name}") for name, value in table.items()}


def _read(name: str, value: object, where: str) -> Any:
    """``value`` in the setting's own type; text is understood for all of them."""
    match name:
        case "model" | "apn" | "user" | "password" | "pin":
            if isinstance(value, str):
                return value
            if isinstance(value, int) and name == "pin":
                raise _wrong(f"{where} must be text in quotes, or a leading zero is lost")
        case "baudrate" | "security_profile" | "http_profile" | "socket":
            if isinstance(value, str) and value.isdecimal() and len(value) < 10:
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool) and value >= (name == "baudrate"):
                return value
        case "timeout":
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                try:
                    seconds = float(value)
                except ValueError:
                    seconds = 0.0
                if 0 < seconds < 86_400:
                    return seconds
        case "accept_gaps":
            items = value.replace(",", " ").split() if isinstance(value, str) else value
            if isinstance(items, list | tuple | set | frozenset):
                try:
                    return frozenset(item if isinstance(item, Gap) else Gap(item) for item in items)
                except ValueError as error:
                    raise _wrong(
                        f"{where}: {error}; there are {', '.join(gap.value for gap in Gap)}"
                    ) from None
        case "tls":
            if value in ("modem", "host"):
                return value
            if isinstance(value, str):
                raise _wrong(f"{where} cannot be {value[:40]!r}: there are modem and host")
        case "options":
            if isinstance(value, Mapping):
                return dict(value)
        case _:
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.lower() in WORDS:
                return WORDS[value.lower()]
    raise _wrong(
        f"{where} cannot be {type(value).__name__}" + ("" if name in ("password", "pin") else f" {value!r}")
    )


def _wrong(message: str) -> Unsupported:
    return Unsupported(message + ".", remedy="Mend it and try again.", reasons={Reason.INVALID_PARAMETER})
