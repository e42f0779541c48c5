"""The AT commands that each operation sends, from the log of the wire, on a simulated modem with real TLS."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import modemtls
from modemtls.sim.server import HttpsServer

from .measure import Row, report

_SENT = re.compile(r"event='sent' line='(.*)'$")


class _Wire(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.commands: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if found := _SENT.search(record.getMessage()):
            self.commands.append(found[1].replace("\\'", "'"))


@contextmanager
def _heard() -> Iterator[_Wire]:
    logger, wire = logging.getLogger("modemtls.at"), _Wire()
    before = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(wire)
    try:
        yield wire
    finally:
        logger.removeHandler(wire)
        logger.level, logger.propagate = before


def _short(command: str) -> str:
    name = command.removeprefix("AT")
    return name.partition("=")[0] + ("=" if "=" in name else "") or "AT"


def count(what: str, call: Callable[[], object], rows: list[Row]) -> None:
    """Add a row for what ``call`` sends."""
    with _heard() as wire:
        call()
    rows.append(
        {
            "operation": what,
            "commands": len(wire.commands),
            "which": " ".join(_short(command) for command in wire.commands),
        }
    )


def _requests(way: str, session: modemtls.HttpsSession, rows: list[Row]) -> None:
    for which in ("first", "second", "third"):
        count(f"{way}: {which} GET of a session", lambda: session.get("/"), rows)
    count(f"{way}: POST of 1000 bytes", lambda: session.post("/echo", body=bytes(1000)), rows)
    count(f"{way}: close the session", session.close, rows)


def main(folder: Path, quick: bool) -> None:
    """The table; ``quick`` changes nothing."""
    del quick
    rows: list[Row] = []
    with HttpsServer(names=("device.test",)) as server:
        url = (
            f"sim://sequans-gm02s?map=device.test:443=127.0.0.1:{server.port}"
            "&registration_delay=0&clock=2026-11-21T12:00:00Z"
        )
        opened: list[modemtls.Modem] = []
        count("open", lambda: opened.append(modemtls.open(url, journal=False)), rows)
        modem = opened[0]
        try:
            count("clock.read", modem.clock.read, rows)
            count("network.up, radio off", modem.network.up, rows)
            count("network.up, already up", modem.network.up, rows)
            count("credentials.list", modem.credentials.list, rows)
            count("trust, first", lambda: modem.trust(server.ca_pem), rows)
            count("trust, the same again", lambda: modem.trust(server.ca_pem), rows)
            _requests("stream", modem.https("device.test"), rows)
            _requests("modem's client", modem.https("device.test", http="modem"), rows)
        finally:
            count("close", modem.close, rows)
    report("counted", "AT commands of each operation (GM02S, simulated)", rows, folder)
