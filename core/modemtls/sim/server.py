"""A real HTTPS server on the loopback, to see a simulated modem's TLS succeed and fail.

Every connection has its own thread and makes its handshake there, so that a stalled client blocks
nobody.  What clients do is kept for the caller to look at: requests, handshakes, and the errors of
TLS, in which an alert from the client shows.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import trustme

from ..policy import TlsVersion
from .old_tls import OldContext, OldTlsSocket
from .server_targets import Handler, HttpConnection, OwnedServer, Reply, Request, pattern

__all__ = ["Handler", "Handshake", "HttpsServer", "Reply", "Request", "pattern"]

_MOST_KEPT = 1000
_IDLE_SECONDS = 30.0
_FAREWELL_SECONDS = 2.0

_Tls = ssl.SSLSocket | OldTlsSocket


@dataclass(frozen=True)
class Handshake:
    """One handshake that the server completed.

    ``server_name`` is the SNI; ``client_certificate`` the DER form, if the client had one.
    """

    version: str
    cipher: str
    server_name: str | None
    client_certificate: bytes | None
    resumed: bool


class HttpsServer:
    """An HTTPS server on 127.0.0.1, from ``__enter__`` to ``__exit__``.

    ``names`` are the names and addresses in its certificate, which ``ca`` issues (its own by
    default).  ``credential_pem``, a key and its chain, replaces that certificate.  ``tls_max`` may be as
    old as TLS 1.0.  ``client_ca``: only clients with a certificate of that CA are let in.  ``ciphers`` is
    an OpenSSL list for up to TLS 1.2.  ``handler`` is asked first.

    Own targets: ``/`` a line of text; ``/bytes/N``; ``/echo``; ``/headers``; ``/status/N``;
    ``/chunked/N``; ``/close/N`` without a length, ended by close_notify; and, ended too early after M
    of N bytes: ``/cut/N/M`` by a bare FIN, ``/reset/N/M`` by RST, ``/short/N/M`` by close_notify.

    ``log``, ``handshakes`` and ``failures`` (the texts of TLS errors) keep the latest 1000 each.
    """

    def __init__(
        self,
        *,
        names: Sequence[str] = ("server.test",),
        ca: trustme.CA | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        tls_min: TlsVersion | None = None,
        tls_max: TlsVersion | None = None,
        ciphers: str | None = None,
        client_ca: trustme.CA | None = None,
        handler: Handler | None = None,
        credential_pem: bytes | None = None,
    ) -> None:
        self.ca = ca if ca is not None else trustme.CA()
        self.ca_pem: bytes = self.ca.cert_pem.bytes()
        self.log: list[Request] = []
        self.handshakes: list[Handshake] = []
        self.failures: list[str] = []
        self.port = 0
        self._handler = handler
        self._names: dict[int, str] = {}
        self._changed = threading.Condition()
        if tls_max is not None and tls_max < TlsVersion.TLS1_2:
            old = OldContext(tls_min or tls_max, tls_max, ciphers, client_ca)
            issued = credential_pem
            if issued is None:
                leaf = self.ca.issue_cert(*names, not_before=not_before, not_after=not_after)
                issued = leaf.private_key_and_cert_chain_pem.bytes()
            old.use_credential(issued)
            self._wrap: Callable[[socket.socket], _Tls] = old.wrap
        else:
            self._wrap = self._by_library(
                names, not_before, not_after, tls_min, tls_max, ciphers, client_ca, credential_pem
            )
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def _by_library(
        self,
        names: Sequence[str],
        not_before: datetime | None,
        not_after: datetime | None,
        tls_min: TlsVersion | None,
        tls_max: TlsVersion | None,
        ciphers: str | None,
        client_ca: trustme.CA | None,
        credential_pem: bytes | None,
    ) -> Callable[[socket.socket], ssl.SSLSocket]:
        """TLS by Python's own library."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _set_versions(context, tls_min, tls_max, ciphers)
        if credential_pem is not None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "credential.pem"
                file.write_bytes(credential_pem)
                context.load_cert_chain(file)
        else:
            self.ca.issue_cert(*names, not_before=not_before, not_after=not_after).configure_cert(context)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            client_ca.configure_trust(context)
        context.sni_callback = self._note_name
        return lambda sock: context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def __enter__(self) -> Self:
        self._server = _Server(self, self._wrap)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None or thread is None:
            return
        server.shutdown()
        thread.join()
        server.server_close()
        server.close_connections()

    def wait_until(self, condition: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait until ``condition`` holds, asked after each request, handshake and failure."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def keep_request(self, request: Request) -> None:
        """Add to the log."""
        with self._changed:
            self.log.append(request)
            del self.log[:-_MOST_KEPT]
            self._changed.notify_all()

    def _keep_failure(self, text: str) -> None:
        with self._changed:
            self.failures.append(text)
            del self.failures[:-_MOST_KEPT]
            self._changed.notify_all()

    def _keep_handshake(self, tls: _Tls) -> None:
        cipher = tls.cipher()
        name = self._names.pop(id(tls), None) if isinstance(tls, ssl.SSLSocket) else tls.server_name
        shake = Handshake(
            version=tls.version() or "",
            cipher=cipher[0] if cipher else "",
            server_name=name,
            client_certificate=tls.getpeercert(binary_form=True),
            resumed=bool(tls.session_reused),
        )
        with self._changed:
            self.handshakes.append(shake)
            del self.handshakes[:-_MOST_KEPT]
            self._changed.notify_all()

    def _note_name(self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None:
            self._names[id(tls)] = name

    def answer(self, request: Request) -> Reply | None:
        """What the handler answers, if there is one."""
        return self._handler(request) if self._handler is not None else None


def _set_versions(
    context: ssl.SSLContext, tls_min: TlsVersion | None, tls_max: TlsVersion | None, ciphers: str | None
) -> None:
    if tls_min is not None:
        context.minimum_version = ssl.TLSVersion(int(tls_min))
    if tls_max is not None:
        context.maximum_version = ssl.TLSVersion(int(tls_max))
    if ciphers is not None:
        context.set_ciphers(ciphers)


class _Server(OwnedServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner: HttpsServer, wrap: Callable[[socket.socket], _Tls]) -> None:
        self.owner: HttpsServer = owner
        self._wrap = wrap
        self._lock = threading.Lock()
        self._open: set[_Tls] = set()
        self._workers: set[threading.Thread] = set()
        self._closing = False
        super().__init__(("127.0.0.1", 0), HttpConnection)

    def server_bind(self) -> None:
        # HTTPServer asks the resolver for the host's name here, which can take seconds.
        socket_server_bind = super(http.server.HTTPServer, self).server_bind
        socket_server_bind()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], where: object
    ) -> None:
        assert isinstance(request, socket.socket)
        me = threading.current_thread()
        try:
            request.settimeout(_IDLE_SECONDS)
            tls = self._wrap(request)
        except (OSError, ValueError):
            request.close()
            return
        with self._lock:
            if self._closing:
                tls.close()
                return
            self._open.add(tls)
            self._workers.add(me)
        try:
            self._serve(tls, where)
        finally:
            with self._lock:
                self._open.discard(tls)
                self._workers.discard(me)
            tls.close()

    def _serve(self, tls: _Tls, where: object) -> None:
        try:
            tls.do_handshake()
            self.owner._keep_handshake(tls)
            HttpConnection(cast(ssl.SSLSocket, tls), where, self)
            if tls.fileno() >= 0 and tls.version() is not None:
                # SSLSocket.close() alone would end without close_notify.
                tls.settimeout(_FAREWELL_SECONDS)
                with contextlib.suppress(OSError):
                    tls.unwrap().close()
        except ssl.SSLError as error:
            self.owner._keep_failure(str(error))
        except (OSError, ValueError) as error:
            self.owner._keep_failure(f"{type(error).__name__}: {error}")
        finally:
            self.owner._names.pop(id(tls), None)

    def close_connections(self) -> None:
        """Break what is open and wait for its threads."""
        with self._lock:
            self._closing = True
            for one in self._open:
                with contextlib.suppress(OSError):
                    if isinstance(one, ssl.SSLSocket):
                        socket.socket.shutdown(one, socket.SHUT_RDWR)
                    else:
                        one.shutdown(socket.SHUT_RDWR)
            workers = list(self._workers)
        for worker in workers:
            worker.join(_FAREWELL_SECONDS)
