"""Servers for one behaviour, plain or with the TLS of long ago, and certificates for them.

TLS is by pyOpenSSL: the library in its wheel still speaks TLS 1.0, whatever the computer's own policy is.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

__all__ = ["Connection", "Credential", "Peer", "echo", "issued", "self_signed"]


@dataclass(frozen=True)
class Credential:
    """A server's certificate with what it sends behind it, and the key."""

    chain: tuple[bytes, ...]
    key: bytes = field(repr=False)

    @property
    def leaf(self) -> bytes:
        return self.chain[0]

    def without_intermediates(self) -> Credential:
        return Credential(self.chain[:1], self.key)


def issued(authority: trustme.CA, name: str = "server.test") -> Credential:
    """A certificate of ``authority``, valid from the year 2000."""
    leaf = authority.issue_cert(name)
    chain = tuple(pem.bytes() for pem in leaf.cert_chain_pems)
    return Credential(chain, leaf.private_key_pem.bytes())


def self_signed(name: str = "server.test") -> Credential:
    """A certificate that nobody else has signed, valid from the year 2000."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2000, 1, 1))
        .not_valid_after(datetime.datetime(2090, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Credential(
        (certificate.public_bytes(serialization.Encoding.PEM),),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


class Connection:
    """The server's end of a connection."""

    def __init__(self, sock: socket.socket, tls: SSL.Connection | None) -> None:
        self._sock = sock
        self._tls = tls

    def send(self, data: bytes) -> None:
        """Send all of it."""
        if self._tls is None:
            self._sock.sendall(data)
        else:
            self._tls.sendall(data)

    def receive(self, most: int = 65536) -> bytes:
        """What comes next; ``b""`` at the end."""
        if self._tls is None:
            return self._sock.recv(most)
        try:
            return self._tls.recv(most)
        except (SSL.ZeroReturnError, SSL.SysCallError):
            return b""

    def exactly(self, count: int) -> bytes:
        """So many bytes, or fewer when the client ends before."""
        data = b""
        while len(data) < count and (more := self.receive(count - len(data))):
            data += more
        return data

    def reset(self) -> None:
        """End it by RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def finish(self) -> None:
        """End it in order; wait for the client to end, too."""
        with contextlib.suppress(OSError, SSL.Error):
            if self._tls is not None:
                self._tls.shutdown()
            self._sock.shutdown(socket.SHUT_WR)


def echo(connection: Connection) -> None:
    """Give back whatever comes."""
    while data := connection.receive():
        connection.send(data)


class Peer:
    """A server on the loopback; ``behave`` is called for each connection, which is closed in order after it.

    :meth:`handshakes`: for each TLS connection its version, whether it was resumed, the SNI and the client's common
    name.  ``failures``: what went wrong with a handshake.
    """

    def __init__(
        self,
        behave: Callable[[Connection], object] = echo,
        *,
        credential: Credential | None = None,
        versions: tuple[int, int] = (SSL.TLS1_VERSION, SSL.TLS1_VERSION),
        client_ca: bytes | None = None,
        buffer: int | None = None,
    ) -> None:
        self._behave = behave
        self._context = None if credential is None else _context(credential, versions, client_ca)
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._handshakes: list[tuple[str, bool, str | None, str | None]] = []
        self._changed = threading.Condition()
        self._is_over = False
        #: Set when the test has ended, however: what ``behave`` may wait for.
        self.released = threading.Event()
        self.failures: list[str] = []
        self._listener = socket.socket()
        if buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(8)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_over = True
            sockets = (self._listener, *self._sockets)
        self.released.set()
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        # Only its own thread closes a connection's socket: OpenSSL must not be given a descriptor that is gone.
        self._accepting.join(10)
        self._listener.close()
        assert not self._accepting.is_alive()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def handshakes(self, count: int) -> list[tuple[str, bool, str | None, str | None]]:
        """So many of them, and more if there are; waits: the client may know first that all is well."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._handshakes) >= count, 30.0)
            return list(self._handshakes)

    def _start(self, function: Callable[[], None]) -> None:
        thread = threading.Thread(target=function, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                if self._is_over:
                    sock.close()
                    return
                self._sockets.append(sock)
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, sock: socket.socket) -> None:
        tls: SSL.Connection | None = None
        try:
            if self._context is not None:
                tls = SSL.Connection(self._context, sock)
                tls.set_accept_state()
                try:
                    tls.do_handshake()
                except SSL.Error as error:
                    self.failures.append(str(error))
                    return
                name = tls.get_servername()
                client = tls.get_peer_certificate(as_cryptography=True)
                shaken = (
                    tls.get_protocol_version_name(),
                    bool(SSL._lib.SSL_session_reused(tls._ssl)),  # type: ignore[attr-defined]
                    None if name is None else name.decode(),
                    None if client is None else _common_name(client),
                )
                with self._changed:
                    self._handshakes.append(shaken)
                    self._changed.notify_all()
            connection = Connection(sock, tls)
            self._behave(connection)
            connection.finish()
        except (OSError, SSL.Error):
            pass  # the client, or the test, has ended it
        finally:
            sock.close()


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _context(credential: Credential, versions: tuple[int, int], client_ca: bytes | None) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_min_proto_version(versions[0])
    context.set_max_proto_version(versions[1])
    leaf, *others = (x509.load_pem_x509_certificate(pem) for pem in credential.chain)
    context.use_certificate(leaf)
    for other in others:
        context.add_extra_chain_cert(other)
    key = serialization.load_pem_private_key(credential.key, None)
    context.use_privatekey(key)  # type: ignore[arg-type]
    context.set_session_id(b"peer")
    context.set_tlsext_servername_callback(lambda connection: None)
    if client_ca is not None:
        from OpenSSL import crypto

        store = context.get_cert_store()
        assert store is not None
        store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(client_ca)))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    return context
