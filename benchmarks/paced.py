"""A simulated modem with a real server behind it, at a paced line, in a process of its own.

``python -m benchmarks.paced MODEL BAUD``.  The first lines on stdout: the device, and a file with the server's CA.
Each line on stdin is answered by the bytes in both directions since the last.  The server is ``one.test``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from modemtls.policy import TlsVersion
from modemtls.port import open_port
from modemtls.sim import FaultyLine, FaultyPty, PtyServer, settings_from, simulator_type
from modemtls.sim.server import HttpsServer


class PacedModem:
    """The process: ``with PacedModem("acme-x1", 115200) as modem: connect_to(modem.device)``."""

    def __init__(self, model: str, baud: int, *settings: str) -> None:
        self.baud = baud
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.paced", model, str(baud), *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.device = self._said()
        self.ca = self._said()

    def counted(self) -> tuple[int, int]:
        """Bytes from the host and to it since the last call."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        given, taken = self._said().split()
        return int(given), int(taken)

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()


def main() -> None:
    """Be the modem until stdin ends."""
    model, baud, given = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    kind = simulator_type(model)
    with ExitStack() as stack:
        old = TlsVersion.TLS1_0 if "tls1.0" in given else None  # all that the oldest simulated modem speaks
        server = stack.enter_context(HttpsServer(names=("one.test",), tls_min=old, tls_max=old))
        values = dict(each.split("=", 1) for each in given if "=" in each)
        simulator = kind(
            settings_from(kind.settings_type, {"map": f"one.test:443=127.0.0.1:{server.port}", **values})
        )
        modem = stack.enter_context(PtyServer(simulator))
        line = FaultyLine(baudrate=baud)
        end = stack.enter_context(FaultyPty(line, open_port(modem.path)))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        ca = Path(folder) / "ca.pem"
        ca.write_bytes(server.ca_pem)
        print(end.path, ca, sep="\n", flush=True)
        before = (0, 0)
        for _ in sys.stdin:
            now = (line.to_modem.position, line.to_host.position)
            print(now[0] - before[0], now[1] - before[1], flush=True)
            before = now


if __name__ == "__main__":
    main()
