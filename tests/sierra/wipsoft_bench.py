"""What the tests of WIPsoft stand on: the driver on the simulated module, and a TCP server that does as it is told."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from modemtls import ErrorTable, Model, NetworkSettings
from modemtls.at import Channel
from modemtls.op import Op, run
from modemtls.sim import Refuse, Result, SimPort, on
from modemtls_sierra_wip.errors import WIPSOFT_ERRORS
from modemtls_sierra_wip.models import MODELS
from modemtls_sierra_wip.simulator.wipsoft import Q2686Wipsoft
from modemtls_sierra_wip.wipsoft import WipsoftDriver
from modemtls_sierra_wip.wipsoft_options import WipsoftOptions

T = TypeVar("T")

MODES = ["escaped", "transparent"]


def model() -> Model:
    return next(each for each in MODELS if each.name == "sierra-q2686-wipsoft")


class TcpServer:
    """A server on the loopback: ``serve`` gets each connection, in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = bytearray()
        self.connections = 0
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._one, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            self._serve(connection)


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Planned(Q2686Wipsoft):
    """Refuses commands that begin in a certain way, with these numbers, before it does what it should."""

    plan: dict[str, list[int | None]]

    @on(r"AT\+WIP.*")
    def command_planned(self, match: re.Match[str]) -> Result:
        for beginning, numbers in self.plan.items():
            if match[0].startswith(beginning) and numbers:
                raise Refuse(numbers.pop(0))
        for pattern, name in self._handlers:
            if name != "command_planned" and (found := pattern.fullmatch(match[0])):
                return getattr(self, name)(found)  # type: ignore[no-any-return]
        raise Refuse()


class Bench:
    """The driver on a simulated module whose ``one.test`` leads to ``port``."""

    def __init__(
        self,
        mode: str = "escaped",
        port: int = 9,
        *,
        plan: dict[str, list[int | None]] | None = None,
        options: dict[str, object] | None = None,
        **values: object,
    ) -> None:
        given = {"patience": 0.05, "map": f"one.test:443=127.0.0.1:{port}", **values}
        self.modem = Planned(**given)
        self.modem.plan = plan or {}
        self.port = SimPort(self.modem)
        record = model()
        chosen = WipsoftOptions(data_mode=mode, **(options or {}))  # type: ignore[arg-type]
        self.channel = Channel(WipsoftDriver.dialect)
        errors: ErrorTable = WIPSOFT_ERRORS
        self.driver = WipsoftDriver(self.channel, record, record.resolve("", chosen), chosen, errors)

    def run(self, op: Op[T]) -> T:
        return run(op, self.port)

    def attached(self, **settings: str) -> Bench:
        self.run(self.driver.initialise())
        self.port.sleep(5)
        self.run(self.driver.network_up(NetworkSettings(**settings)))
        return self

    def open(self, timeout: float = 30.0, host: str = "one.test") -> Bench:
        self.run(self.driver.open_stream(1, host, 443, security_profile=None, timeout=timeout))
        return self

    def send(self, data: bytes) -> None:
        self.run(self.driver.send_stream(1, data))

    def receive(self, timeout: float = 20.0) -> bytes | None:
        return self.run(self.driver.receive_stream(1, 65536, timeout))

    def receive_all(self, count: int = 1 << 30) -> bytes:
        found = bytearray()
        while len(found) < count and (data := self.receive()):
            found += data
        return bytes(found)

    def close_stream(self) -> None:
        self.run(self.driver.close_stream(1))

    def asked(self, beginning: str = "AT+WIP") -> list[str]:
        return [line for line in self.modem.commands if line.startswith(beginning)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.port.close()
