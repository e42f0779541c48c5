"""The servers of the kit: one that is right, and one for each thing that can be wrong with a server.

All are on the loopback.  :attr:`Servers.map` leads a simulated modem to them by name.  A modem whose TLS is older than
TLS 1.2 meets servers of its own time; only what those speak differs, not what is wrong with them.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import socket
import threading
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import trustme

from ...policy import TlsVersion
from ...sim.server import HttpsServer

__all__ = ["FAILURES", "Servers", "strange_ca"]

#: What is wrong with a server, by its name in the kit.
FAILURES = (
    "stranger", "expired", "early", "elsewhere", "version", "cipher", "plain", "closed", "stalls", "hangs-up",
)  # fmt: skip

_DAY = timedelta(days=1)
_ELLIPTIC = trustme.KeyType.ECDSA


def strange_ca(name: str) -> bytes:
    """A CA certificate of nobody here."""
    pem: bytes = trustme.CA(organization_name=name, key_type=_ELLIPTIC).cert_pem.bytes()
    return pem


class Servers:
    """Servers for one model, from ``__enter__`` to ``__exit__``; ``newest`` is the newest version that it can."""

    def __init__(self, newest: TlsVersion) -> None:
        is_old = newest < TlsVersion.TLS1_2
        now = datetime.now(UTC)
        top = newest if is_old else None
        self.ca = trustme.CA(organization_name="Conformance", key_type=_ELLIPTIC)
        self.stranger_ca = trustme.CA(organization_name="Strangers", key_type=_ELLIPTIC)
        self.client_ca = trustme.CA(organization_name="Devices", key_type=_ELLIPTIC)
        self.ca_pem: bytes = self.ca.cert_pem.bytes()

        def server(kind: str, **more: object) -> HttpsServer:
            given: dict[str, object] = {"names": (f"{kind}.test",), "ca": self.ca, "tls_max": top, **more}
            return HttpsServer(**given)  # type: ignore[arg-type]  # each is an argument of it

        #: Those that speak TLS, by name.
        self.by_name = {
            "good": server("good"),
            "stranger": server("stranger", ca=self.stranger_ca),
            "expired": server("expired", not_before=now - 60 * _DAY, not_after=now - 30 * _DAY),
            "early": server("early", not_before=now + 30 * _DAY, not_after=now + 60 * _DAY),
            "version": server("version", tls_min=TlsVersion.TLS1_2, tls_max=TlsVersion.TLS1_2)
            if is_old
            else server("version", tls_max=TlsVersion.TLS1_1),
            # Anonymous key exchange: no client that verifies a certificate can agree to it.
            "cipher": server(
                "cipher",
                tls_min=TlsVersion.TLS1_0,
                tls_max=TlsVersion.TLS1_0,
                ciphers="AECDH-AES128-SHA:@SECLEVEL=0",
            )
            if is_old
            else server("cipher", tls_max=TlsVersion.TLS1_2, ciphers="ECDHE-ECDSA-ARIA128-GCM-SHA256"),
            "client": server("client", client_ca=self.client_ca),
        }
        for version in TlsVersion:
            self.by_name[f"only-{version.name.lower().replace('_', '-')}"] = server(
                f"only-{version.name.lower().replace('_', '-')}", tls_min=version, tls_max=version
            )
        self._stack = contextlib.ExitStack()
        self.ports: dict[str, int] = {}

    @property
    def good(self) -> HttpsServer:
        """The server with which nothing is wrong."""
        return self.by_name["good"]

    @property
    def map(self) -> str:
        """Where names lead, as the setting of simulated modems says it."""
        return ",".join(f"{name}.test:443=127.0.0.1:{port}" for name, port in self.ports.items())

    @functools.cached_property
    def client_credential(self) -> tuple[bytes, bytes]:
        """A certificate that the server ``client`` lets in, and its key."""
        return self.new_client_credential()

    def new_client_credential(self) -> tuple[bytes, bytes]:
        """Another one of that kind."""
        leaf = self.client_ca.issue_cert("device.test", key_type=_ELLIPTIC)
        return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()

    def requests(self, kind: str) -> int:
        """How many requests a server got, in the clear or not."""
        return len(self._plain.requests if kind == "plain" else self.by_name[kind].log)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for name, server in self.by_name.items():
                self.ports[name] = stack.enter_context(server).port
            self.ports["elsewhere"] = self.ports["good"]
            self._plain = stack.enter_context(_PlainServer())
            self.ports["plain"] = self._plain.port
            self.ports["stalls"] = stack.enter_context(_RawServer(hangs_up=False)).port
            self.ports["hangs-up"] = stack.enter_context(_RawServer(hangs_up=True)).port
            unused = stack.enter_context(socket.socket())
            unused.bind(("127.0.0.1", 0))
            self.ports["closed"] = unused.getsockname()[1]
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class _PlainServer:
    """HTTP without TLS, which answers whoever asks."""

    def __enter__(self) -> _PlainServer:
        self.requests: list[str] = []
        requests = self.requests

        class Answering(_Silent):
            def do_POST(self) -> None:
                requests.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Silent(http.server.BaseHTTPRequestHandler):
    timeout = 5.0

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _RawServer:
    """Takes a connection, and then says nothing or hangs up when the client has begun its handshake."""

    def __init__(self, *, hangs_up: bool) -> None:
        self._hangs_up = hangs_up
        self._open: list[socket.socket] = []

    def __enter__(self) -> _RawServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._hangs_up:
                self._open.append(client)
                continue
            with client, contextlib.suppress(OSError):
                client.settimeout(5.0)
                client.recv(65536)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10.0)
        for client in self._open:
            client.close()
