"""Simulated modems on ptys, in a process of their own: ``python -m benchmarks.farm COUNT PORT``.

Each is a GM02S with real TLS; ``device.test`` leads to PORT on this computer.  First line on stdout: the devices.
They live until stdin ends.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from modemtls.sim import PtyServer, settings_from, simulator_type


def main() -> None:
    """Be a farm."""
    count, port = map(int, sys.argv[1:])
    kind = simulator_type("sequans-gm02s")
    given = {
        "map": f"device.test:443=127.0.0.1:{port}",
        "registration_delay": "0",
        "clock": "2026-11-21T12:00:00Z",
    }
    with ExitStack() as stack:
        servers = [
            stack.enter_context(PtyServer(kind(settings_from(kind.settings_type, given))))
            for _ in range(count)
        ]
        print(*(server.path for server in servers), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
