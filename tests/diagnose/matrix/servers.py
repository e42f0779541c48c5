"""Servers that are right, or wrong in one respect each: real TLS by OpenSSL on the loopback, one for all models.

Each speaks TLS 1.0 to 1.2 unless its scenario is about versions, so that an old module and a new one meet the
same certificates.  Certificates are made for the time at which the tests run.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL, crypto

from modemtls.policy import TlsVersion

from ..authority import DAY, NOW, Issued, Key, root

__all__ = ["HOST", "World", "key_pem", "world"]

HOST = "api.example.org"
_DEADLINE = 5
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
_ALL = b"ALL:!aNULL:!eNULL:@SECLEVEL=0"
_PASSED = (datetime.now(UTC) - NOW) / DAY
"""Days between the time that the certificates of the other tests are made for, and now."""

USUAL, LONG = (-30.0, 60.0), (-400.0, 3000.0)


def days(start: float, end: float) -> tuple[float, float]:
    """Bounds in days from now, as :mod:`..authority` takes them."""
    return _PASSED + start, _PASSED + end


def key_pem(issued: Issued) -> bytes:
    """The key as a file."""
    return issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class _Server:
    """A TCP server whose connections are served in threads; ``close`` breaks what is open."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _DEADLINE, 0))
        with client, contextlib.suppress(OSError):
            with contextlib.suppress(SSL.Error, ValueError):
                self._serve(client)
            # What is not read when a socket is closed makes it reset, and the last alert may be lost with that.
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
        with self._lock:
            self._open.discard(client)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._thread.join(_DEADLINE)


def _https(context: SSL.Context) -> Callable[[socket.socket], None]:
    def serve(client: socket.socket) -> None:
        tls = SSL.Connection(context, client)
        tls.set_accept_state()
        tls.do_handshake()
        came = b""
        while b"\r\n\r\n" not in came:
            came += tls.recv(4096)
        tls.sendall(_ANSWER)
        tls.shutdown()

    return serve


def _plain_http(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _goes_in_the_handshake(client: socket.socket) -> None:
    client.recv(4096)


def _stalls(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def _context(
    chain: Sequence[Issued],
    *,
    low: TlsVersion = TlsVersion.TLS1_0,
    high: TlsVersion = TlsVersion.TLS1_2,
    ciphers: bytes = _ALL,
    clients: Issued | None = None,
    by_name: SSL.Context | None = None,
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(ciphers)
    context.set_min_proto_version(int(low))
    context.set_max_proto_version(int(high))
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    leaf, *rest = chain
    context.use_certificate(leaf.certificate)
    for each in rest:
        context.add_extra_chain_cert(each.certificate)
    context.use_privatekey(leaf.key)
    if clients is not None:
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(crypto.X509.from_cryptography(clients.certificate))
        context.set_session_id(b"modemtls")
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: bool(_[-1]))

    def chosen(connection: Any) -> None:
        if by_name is not None and connection.get_servername() == HOST.encode():
            connection.set_context(by_name)

    context.set_tlsext_servername_callback(chosen)
    return context


@dataclass
class World:
    """The certificates, and the port of each server by its name; :meth:`close` ends all of them."""

    keys: list[rsa.RSAPrivateKey] = field(
        default_factory=lambda: [rsa.generate_private_key(65537, 2048) for _ in range(5)]
    )
    ports: dict[str, int] = field(default_factory=dict)
    _servers: list[_Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        top, between, own, other, _ = self.keys
        self.root = root("Example Root CA", key=top, days=days(*LONG), organization="Example")
        self.sub = self.root.issue(
            "Example Issuing CA",
            ca=True,
            key=between,
            days=days(*LONG),
            organization="Example",
            path_length=0,
        )
        self.other_root = root("Another Root", key=other, days=days(*LONG), organization="Another")
        self.same_name = root("Example Root CA", key=other, days=days(*LONG), organization="Example")
        self.same_key = root("Renamed Root CA", key=top, days=days(*LONG), organization="Example")
        self.own = own
        self.leaf = self._leaf()
        self.client = self.root.issue(
            "client", names=("client.test",), key=own, days=days(*USUAL), usage=None
        )
        self.other_client = replace(self.client, key=other)
        self.self_signed = root("api", ca=False, names=(HOST,), key=own, days=days(*USUAL))
        self._start()

    def _leaf(
        self, *names: str, key: Key | None = None, at: tuple[float, float] = USUAL, **more: Any
    ) -> Issued:
        return self.sub.issue("api", names=names or (HOST,), key=key or self.own, days=days(*at), **more)

    def _start(self) -> None:
        leaf, sub = self.leaf, self.sub
        self.https("good", leaf, sub)
        self.https("fresh", self._leaf(at=(-0.25, 60)), sub)
        self.https("expired", self._leaf(at=(-90, -2)), sub)
        self.https("future", self._leaf(at=(3, 90)), sub)
        self.https("named", self._leaf("www.example.net"), sub)
        self.https("wildcard", self._leaf("*.example.org"), sub)
        self.https("self-signed", self.self_signed)
        self.https("bare", leaf)
        self.old_root = root("Old Root", key=self.keys[4], days=days(-900, 100), organization="Old")
        cross = self.old_root.issue(
            "Example Root CA", ca=True, key=self.root.key, days=days(-800, -12), organization="Example"
        )
        self.https("cross-signed", leaf, sub, cross)
        self.https("tls-1.0", leaf, sub, low=TlsVersion.TLS1_0, high=TlsVersion.TLS1_0)
        self.https("tls-1.3", leaf, sub, low=TlsVersion.TLS1_3, high=TlsVersion.TLS1_3)
        self.https(
            "ciphers", leaf, sub, ciphers=b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0"
        )
        self.https(
            "chacha", leaf, sub, low=TlsVersion.TLS1_2, ciphers=b"ECDHE-RSA-CHACHA20-POLY1305:@SECLEVEL=0"
        )
        self.https("ec", self._leaf(key=ec.generate_private_key(ec.SECP256R1())), sub)
        self.https("client-1.2", leaf, sub, clients=self.root)
        self.https("client-1.3", leaf, sub, clients=self.root, low=TlsVersion.TLS1_3, high=TlsVersion.TLS1_3)
        shown = root("default", ca=False, names=("default.invalid",), key=self.own, days=days(*USUAL))
        self.https("virtual", shown, by_name=_context((leaf, sub)))
        padding = [
            self.sub.issue(f"padding {n}", names=[f"{n}-{i}.{'x' * 40}.example" for i in range(110)], key=self.own,
                           days=days(*USUAL))
            for n in range(3)
        ]  # fmt: skip
        self.https("large", leaf, sub, *padding)
        self.raw("plain", _plain_http)
        self.raw("closes", _goes_in_the_handshake)
        self.raw("stalls", _stalls)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.ports["closed"] = unused.getsockname()[1]

    def https(self, name: str, *chain: Issued, **how: Any) -> None:
        """A server that sends this chain."""
        self.raw(name, _https(_context(chain, **how)))

    def raw(self, name: str, serve: Callable[[socket.socket], None]) -> None:
        """A server that does this with each connection."""
        server = _Server(serve)
        self._servers.append(server)
        self.ports[name] = server.port

    def close(self) -> None:
        """End all servers."""
        for server in self._servers:
            server.close()


@contextlib.contextmanager
def world() -> Iterator[World]:
    """All servers, as long as they are needed."""
    made = World()
    try:
        yield made
    finally:
        made.close()
