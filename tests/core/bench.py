"""What the tests of the core stand on: modems that lead to servers, a line to listen on, servers that lie."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import trustme

import modemtls
from modemtls import AsyncModem, Modem
from modemtls.op import SetLine
from modemtls.port import Port
from modemtls.sim import SimPort
from modemtls.sim.server import HttpsServer
from modemtls_sequans.simulator import Gm02s

MODEL = "sequans-gm02s"


def url(*servers: HttpsServer | LyingServer, model: str = MODEL, **settings: Any) -> str:
    """A modem for which ``one.test``, ``two.test``, … are these servers; each name has port 443."""
    names = ("one.test", "two.test", "three.test")
    leads = ",".join(f"{n}:443=127.0.0.1:{s.port}" for n, s in zip(names, servers, strict=False))
    query = "&".join([f"map={leads}"] * bool(servers) + [f"{n}={v}" for n, v in settings.items()])
    return f"sim://{model}" + (f"?{query}" if query else "")


def opened(
    *servers: HttpsServer | LyingServer, given: dict[str, Any] | None = None, **settings: Any
) -> Modem:
    return modemtls.open(url(*servers, **settings), **(given or {}))


async def opened_async(
    *servers: HttpsServer | LyingServer, given: dict[str, Any] | None = None, **settings: Any
) -> AsyncModem:
    return await modemtls.open_async(url(*servers, **settings), **(given or {}))


def inside(modem: Modem | AsyncModem) -> Gm02s:
    """The simulated modem itself."""
    port = modem._port
    if isinstance(port, Tap):
        port = port.inner
    assert isinstance(port, SimPort)
    assert isinstance(port.simulator, Gm02s)
    return port.simulator


def commands(modem: Modem | AsyncModem, beginning: str = "AT") -> list[str]:
    """The command lines that the modem has executed."""
    return [line for line in inside(modem).commands if line.startswith(beginning)]


def writes(modem: Modem | AsyncModem) -> list[str]:
    """The commands that write flash: credentials and security profiles."""
    return [line for line in commands(modem) if line.startswith(("AT+SQNSNVW=", "AT+SQNSPCFG="))]


class Tap(Port):
    """A line on which everything that is sent can be seen, and something done just after it was sent."""

    virtual_time = True
    has_modem_lines = False

    def __init__(self, modem: Modem) -> None:
        assert isinstance(modem._port, SimPort)
        self.inner = modem._port
        self.name = self.inner.name
        self.sent = b""
        self.after: Callable[[bytes], None] = lambda data: None
        modem._port = self

    def write(self, data: bytes, timeout: float) -> None:
        self.sent += data
        self.inner.write(data, timeout)
        self.after(data)

    def read(self, timeout: float) -> bytes:
        return self.inner.read(timeout)

    def now(self) -> float:
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        self.inner.set_line(line)

    def close(self) -> None:
        self.inner.close()

    def interrupt_once(self, beginning: bytes) -> None:
        """Ctrl-C, when something that begins like this has just gone out."""

        def interrupt(data: bytes) -> None:
            if data.startswith(beginning):
                self.after = lambda data: None
                raise KeyboardInterrupt

        self.after = interrupt


class LyingServer:
    """Answers each request on a connection with the next of ``answers``, as they are; then closes.

    An empty answer is silence until the client closes.  ``requests`` are the heads as they came.
    """

    def __init__(
        self, *answers: bytes, ca: trustme.CA | None = None, names: Sequence[str] = ("one.test",)
    ) -> None:
        self.ca = ca if ca is not None else trustme.CA()
        self.ca_pem = self.ca.cert_pem.bytes()
        self._answers = answers
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(self._context)
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError), connection:
                connection.settimeout(5)
                with self._context.wrap_socket(connection, server_side=True) as tls:
                    self._talk(tls)

    def _talk(self, tls: ssl.SSLSocket) -> None:
        for answer in self._answers:
            head = b""
            while b"\r\n\r\n" not in head:
                part = tls.recv(4096)
                if not part:
                    return
                head += part
            self.requests.append(head)
            if not answer:
                tls.recv(1)
                return
            tls.sendall(answer)
        with contextlib.suppress(OSError):
            tls.unwrap()


def restart(modem: Modem) -> None:
    """A restart while nobody looks; it is over when this returns."""
    inside(modem).restart()
    modem._port.sleep(5.0)
