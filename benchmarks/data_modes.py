"""A body of 1 MB down at 115200 by each way of an Open AT module: what of the line is payload, and how busy it is.

The module is the simulated one with a real HTTPS server behind it.  The payload is what the application gets; commands,
heads, TLS records and escapes are overhead.  The line counts its bytes, and the bound is their time on it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import modemtls
from modemtls.sim.server import pattern

from .measure import Row, report
from .paced import PacedModem

BAUD = 115_200
AGENT, WIPSOFT = "sierra-q2686", "sierra-q2686-wipsoft"
GAPS = ["hostname", "minimum-version"]

#: Model, settings of the simulated module and its server, arguments of ``open``, of ``https``.
WAYS: dict[str, tuple[str, tuple[str, ...], dict[str, Any], dict[str, Any]]] = {
    "WIPsoft, transparent": (WIPSOFT, (), {"options": {"data_mode": "transparent"}}, {}),
    "WIPsoft, escaped": (WIPSOFT, (), {"options": {"data_mode": "escaped"}}, {}),
    "agent, TLS on this computer": (AGENT, (), {}, {"tls": "host"}),
    "agent, TLS in the module": (AGENT, ("tls1.0",), {"accept_gaps": GAPS}, {"tls": "modem"}),
}


def down(way: str, size: int) -> Row:
    """One body by one way."""
    model, settings, given, how = WAYS[way]
    with (
        PacedModem(model, BAUD, *settings) as paced,
        modemtls.open(paced.device, model=model, apn="internet", journal=False, **given) as modem,
    ):
        ca = Path(paced.ca).read_bytes()
        if how.get("tls") == "modem":
            modem.clock.set()
            modem.trust(ca)
        else:
            how = {**how, "ca": ca}
        with modem.https("one.test", **how) as session:
            session.get("/")
            paced.counted()
            began = time.perf_counter()
            body = session.get(f"/bytes/{size}").body
            took = time.perf_counter() - began
            up, from_modem = paced.counted()
            assert body == pattern(size)
    return {
        "way": way,
        "body bytes": size,
        "wire up": up,
        "wire down": from_modem,
        "payload %": 100 * size / (up + from_modem),
        "seconds": took,
        "line busy %": 100 * (up + from_modem) * 10 / BAUD / took,
    }


def main(folder: Path, quick: bool) -> None:
    """One row for each way."""
    rows = [down(way, 100_000 if quick else 1_000_000) for way in WAYS]
    report("data-modes", f"A body down from an Open AT module at {BAUD}", rows, folder)
