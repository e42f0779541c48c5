"""``ports``: the serial ports of this computer, and what answers on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ..errors import ModemError, ModemTimeout, PortError, Reason, Unsupported
from .command import Command, asked
from .connection import example_port
from .output import progress, say, show_json, table

if TYPE_CHECKING:
    from ..port import PortInfo

__all__ = ["ports"]

_AT_ONCE = 8


@dataclass(frozen=True)
class _Found:
    """What came of one port: ``state`` is modem, silent, unknown, busy or closed."""

    port: PortInfo
    state: str | None = None
    answer: str | None = None
    model: str | None = None


def _probe(port: PortInfo, timeout: float) -> _Found:
    from ..modem import open as open_modem

    try:
        with open_modem(port.device, timeout=timeout) as modem:
            who = modem.identity
            words = " ".join(filter(None, (who.manufacturer, who.product, who.revision)))
            return _Found(port, "modem", f"{modem.model.name}: {words}", modem.model.name)
    except ModemTimeout:
        return _Found(port, "silent", "nothing answers")
    except PortError as error:
        return _Found(port, "busy" if Reason.PORT_BUSY in error.reasons else "closed", error.message)
    except Unsupported as error:
        return _Found(port, "unknown", error.message)
    except ModemError as error:
        return _Found(port, "unknown", f"something answers, and not like a modem: {error.message}")
    except Exception as error:  # whatever is wrong with one port, the others are still to be listed
        return _Found(port, "closed", f"{type(error).__name__}: {error}")


@click.command(cls=Command, short_help="Serial ports and what answers on them.")
@click.option("--probe/--no-probe", default=True, help="Send AT to each port and see what answers (default).")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True, max=600), default=2.0, show_default=True,
    metavar="SECONDS", help="How long a port may take to answer at all.",
)  # fmt: skip
def ports(probe: bool, timeout: float) -> None:
    """List the serial ports of this computer and what answers on them."""
    from ..port import list_ports

    listed = list_ports()
    found = [_Found(port) for port in listed]
    if probe and listed:
        found = _probe_all(listed, timeout)
    if asked().json:
        show_json(
            ports=[
                {
                    "port": f.port.device,
                    "description": f.port.description,
                    "hardware_id": f.port.hardware_id,
                    "state": f.state,
                    "model": f.model,
                    "answer": f.answer,
                }
                for f in found
            ]
        )
        return
    if not found:
        say("This computer has no serial port that the system tells of.", err=True)
        say(f"Without hardware: --port {example_port()}", err=True)
    table(
        ("PORT", "DESCRIPTION", "WHAT ANSWERS"),
        [(f.port.device, f.port.description, f.answer if probe else "not asked") for f in found],
    )


def _probe_all(listed: tuple[PortInfo, ...], timeout: float) -> list[_Found]:
    from concurrent.futures import ThreadPoolExecutor

    from ..plugins import registry

    registry()  # found once, not by each thread
    found = []
    with ThreadPoolExecutor(_AT_ONCE) as pool, progress("Asking the ports") as update:
        for result in pool.map(lambda port: _probe(port, timeout), listed):
            found.append(result)
            if update is not None:
                update(len(found), len(listed))
    return found
