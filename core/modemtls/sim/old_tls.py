"""The server's side of TLS 1.0 and 1.1, which a computer's own policy or Python's ``ssl`` may not give any more.

By the OpenSSL in pyOpenSSL's wheels, at security level 0.  :class:`OldContext` and :class:`OldTlsSocket` have as
much of :class:`ssl.SSLContext` and :class:`ssl.SSLSocket` as the test server uses.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto

from ..policy import TlsVersion

__all__ = ["OldContext", "OldTlsSocket"]

T = TypeVar("T")

_CIPHERS = "ALL:!aNULL:!eNULL:@SECLEVEL=0"


class OldContext:
    """Versions, certificate and clients' CA of a server."""

    def __init__(
        self, minimum: TlsVersion, maximum: TlsVersion, ciphers: str | None, client_ca: trustme.CA | None
    ) -> None:
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.context.set_cipher_list((ciphers or _CIPHERS).encode("ascii"))
        self.context.set_min_proto_version(int(minimum))
        self.context.set_max_proto_version(int(maximum))
        self.context.set_session_id(b"modemtls")
        self.context.set_tlsext_servername_callback(lambda connection: None)
        self.context.set_info_callback(_watch)
        if client_ca is not None:
            client_ca.configure_trust(self.context)
            self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def use_credential(self, pem: bytes) -> None:
        """A key and its chain, in any order."""
        leaf, *others = x509.load_pem_x509_certificates(pem)
        self.context.use_certificate(leaf)
        for other in others:
            self.context.add_extra_chain_cert(other)
        key = serialization.load_pem_private_key(pem, None)
        self.context.use_privatekey(key)  # type: ignore[arg-type]  # every kind of key that PEM can hold

    def wrap(self, sock: socket.socket) -> OldTlsSocket:
        """The server's end of a connection, before its handshake."""
        return OldTlsSocket(self.context, sock)


class OldTlsSocket:
    """One connection.  Errors of TLS are :class:`ssl.SSLError`, as with the library's own sockets."""

    def __init__(self, context: SSL.Context, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout: float | None = sock.gettimeout()
        sock.setblocking(False)
        self._tls = SSL.Connection(context, sock)
        self._tls.set_app_data(self)
        self._tls.set_accept_state()
        self.session_reused = True
        """An earlier session was resumed: known after the handshake, in which no certificate was sent then."""

    def _do(self, function: Callable[[], T]) -> T:
        """What ``function`` gives, when the socket lets it."""
        while True:
            try:
                return function()
            except SSL.WantReadError:
                self._wait([self._sock], [])
            except SSL.WantWriteError:
                self._wait([], [self._sock])
            except SSL.SysCallError as error:
                raise ConnectionResetError(str(error)) from None
            except SSL.ZeroReturnError:
                raise
            except SSL.Error as error:
                raise ssl.SSLError(str(error)) from None

    def _wait(self, reading: list[socket.socket], writing: list[socket.socket]) -> None:
        if self._sock.fileno() < 0:
            raise ConnectionResetError("the socket is closed")
        if not any(select.select(reading, writing, [], self._timeout)):
            raise TimeoutError("timed out")

    def do_handshake(self) -> None:
        """The handshake."""
        self._do(self._tls.do_handshake)

    def recv(self, most: int) -> bytes:
        """What comes next; ``b""`` at the end."""
        try:
            data: bytes = self._do(lambda: self._tls.recv(most))
        except SSL.ZeroReturnError:
            return b""
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            part = bytes(view[:16384])
            view = view[self._do(lambda part=part: self._tls.send(part)) :]  # type: ignore[misc]

    def makefile(self, mode: str, size: int = -1) -> io.BufferedReader:
        """A buffered reader."""
        return io.BufferedReader(_Raw(self), size if size > 0 else io.DEFAULT_BUFFER_SIZE)

    def unwrap(self) -> OldTlsSocket:
        """Say that nothing more comes (close_notify), and wait for the client to say so."""
        with contextlib.suppress(ssl.SSLError, SSL.ZeroReturnError):
            if not self._do(self._tls.shutdown):
                self.recv(1)
        return self

    def settimeout(self, seconds: float | None) -> None:
        """How long anything may take."""
        self._timeout = seconds

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """An option of the socket below."""
        self._sock.setsockopt(level, option, value)

    def shutdown(self, how: int) -> None:
        """End the TCP connection, or its sending half, without a word of TLS."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close without a word of TLS."""
        self._sock.close()

    def fileno(self) -> int:
        """The descriptor, or -1 when it is closed."""
        return self._sock.fileno()

    def version(self) -> str | None:
        """``TLSv1`` or ``TLSv1.1``."""
        return self._tls.get_protocol_version_name()

    def cipher(self) -> tuple[str, str, int] | None:
        """Name, version and bits of the cipher."""
        name = self._tls.get_cipher_name()
        return None if name is None else (name, self.version() or "", self._tls.get_cipher_bits() or 0)

    def getpeercert(self, binary_form: bool) -> bytes | None:
        """The client's certificate in DER form, if it has shown one."""
        found = self._tls.get_peer_certificate()
        return None if found is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, found)

    @property
    def server_name(self) -> str | None:
        """The SNI."""
        name = self._tls.get_servername()
        return None if name is None else name.decode("ascii", "replace")


def _watch(connection: SSL.Connection, where: int, value: int) -> None:
    owner = connection.get_app_data()
    if isinstance(owner, OldTlsSocket) and connection.get_state_string().endswith(b"write certificate"):
        owner.session_reused = False


class _Raw(io.RawIOBase):
    def __init__(self, tls: OldTlsSocket) -> None:
        self._tls = tls

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._tls.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)
