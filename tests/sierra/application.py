"""An application as somebody writes it: it names no model, and knows of no vendor.

``application.py PORT CA-FILE URL-HOST`` prints what it got, and where TLS ran.
"""

from __future__ import annotations

import hashlib
import sys

import modemtls


def main(port: str, ca: str, host: str) -> None:
    with modemtls.open(port) as modem:
        modem.network.up()
        modem.clock.set()
        modem.trust(ca)
        with modem.https(host) as session:
            greeting = session.get("/")
            large = session.get("/bytes/30000")
            echoed = session.post("/echo", bytes(range(256)) * 8)
        print(greeting.status, greeting.text.strip())
        print(hashlib.sha256(large.body).hexdigest(), hashlib.sha256(echoed.body).hexdigest())
        print(f"TLS: {greeting.tls}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
