"""A small TLS server that a modem is pointed at, to find out what its TLS stack really does.

What a modem hides behind a number it tells the server: its ClientHello says what it offers, and its alert says why it
refused.  :mod:`.hello` and :mod:`.exchange` read these without I/O, :mod:`.stations` makes the chains,
:mod:`.server` serves them, :mod:`.result` says what follows.
"""

from __future__ import annotations

from .exchange import Outcome, Seen
from .hello import ClientHello, DamagedHello, HelloReader, NotTls, read_client_hello
from .result import Difference, ProbeResult, conclude, differences, from_json, to_json, to_toml
from .server import ProbeServer
from .stations import STATIONS, Authority, Prepared, Station, prepare

__all__ = [
    "STATIONS",
    "Authority",
    "ClientHello",
    "DamagedHello",
    "Difference",
    "HelloReader",
    "NotTls",
    "Outcome",
    "Prepared",
    "ProbeResult",
    "ProbeServer",
    "Seen",
    "Station",
    "conclude",
    "differences",
    "from_json",
    "prepare",
    "read_client_hello",
    "to_json",
    "to_toml",
]
