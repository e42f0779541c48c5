"""From the address of a port and what is set for it to a line with a channel on it; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .at.channel import Channel
from .at.syntax import Dialect
from .plugins import registry
from .port import Port, open_port
from .settings import Settings, load
from .standard import STANDARD_URCS

__all__ = ["line_to"]


def line_to(url: str, given: Mapping[str, Any]) -> tuple[Port, Settings, Channel, tuple[int, ...]]:
    """The open port, its settings, a channel for it, and the baud rates to try.

    :raises PortError: the port cannot be opened.
    :raises FileExistsError: the file to record to is there already.
    :raises Unsupported: a setting cannot be understood, or names a model that nobody knows.
    """
    given = dict(given)
    record = given.pop("record", None)
    settings = load(url, given)
    if settings.model is not None:
        registry().find(settings.model)  # a name that nobody knows is said before anything is opened
    port = open_port(url, baudrate=settings.baudrate, rtscts=settings.rtscts)
    boot_urcs = {line for each in registry().models for line in each.boot_urcs}
    dialect = Dialect(urcs=STANDARD_URCS, boot_urcs=tuple(sorted(boot_urcs)))
    if record is None:
        return port, settings, Channel(dialect), _baudrates(port, settings)
    try:
        recording = port.record(record)
    except BaseException:
        port.close()
        raise
    return recording, settings, recording.channel(dialect), _baudrates(port, settings)


def _baudrates(port: Port, settings: Settings) -> tuple[int, ...]:
    """The rates to try: the given one, else those of all models where the line has a rate at all."""
    if settings.baudrate is not None:
        return (settings.baudrate,)
    if not port.has_modem_lines:
        return ()
    models = registry().models if settings.model is None else (registry().find(settings.model),)
    return tuple(dict.fromkeys(rate for model in models for rate in model.baudrates))
