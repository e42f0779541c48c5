"""TLS as a simulated modem does it: real, by OpenSSL, at the modem's own clock, without a socket.

:class:`TlsEngine` takes and gives bytes (memory BIOs); :mod:`.connection` moves them.  Certificates
are verified inside the handshake, so that a refusal reaches the server as an alert: chain and dates by
OpenSSL at ``settings.time``, the host name by service_identity, from subjectAltName only.  What a
setting switches off is tolerated in the verify callback, nothing else is.
"""

from __future__ import annotations

import contextlib
import ipaddress

import service_identity
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from ..policy import TlsVersion
from .problems import Failure, Problem
from .tls_problems import describe_refusal, failure_of_handshake, failure_of_verification
from .tls_settings import EngineError, Ticket, TlsSettings, is_anchor, new_context, set_time, without_ticket

__all__ = ["EngineError", "Ticket", "TlsEngine", "TlsSettings"]

_READ_ALERT = SSL.SSL_CB_READ | SSL.SSL_CB_ALERT
_DATE_CODES = frozenset({9, 10, 13, 14})
_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH, _UNSPECIFIED = 62, 64, 1


class TlsEngine:
    """The client's side of one TLS connection: bytes from the peer in, bytes for the peer out.

    :raises EngineError: the settings leave nothing to offer, or a credential cannot be used.
    """

    def __init__(self, settings: TlsSettings, host: str) -> None:
        self._settings = settings
        self._host = host
        self._name = (settings.server_name or host).removesuffix(".")
        self._refusal: Problem | None = None
        self._name_checked = False
        self._first_bytes = b""
        self._taken = 0
        self._established = False
        self.alert: int | None = None
        self.server_hello_seen = False
        self.certificate_seen = False
        self.certificate_requested = False
        self.closed = False
        """The peer said that nothing more comes (close_notify)."""
        ticket = settings.session
        if ticket is not None and not ticket.fits(settings, host):
            ticket = None
        # pyOpenSSL resumes a session only in the context that it was made in.
        context = self._new_context() if ticket is None else ticket._context
        set_time(context, settings.time)
        connection = SSL.Connection(context, None)
        connection.set_app_data(self)
        connection.set_connect_state()
        if settings.server_name and not is_address(self._name):
            try:
                connection.set_tlsext_host_name(self._name.encode("idna"))
            except UnicodeError as error:
                raise EngineError(
                    Problem(Failure.TLS_HANDSHAKE, f"{self._name!r} cannot be sent as SNI: {error}")
                ) from None
        if ticket is not None:
            connection.set_session(ticket._session)
        self._ticket = ticket
        self._context = context
        self._connection = connection

    def _new_context(self) -> SSL.Context:
        settings = self._settings
        context = new_context(settings)
        if settings.check_chain or settings.check_dates or settings.check_hostname:
            context.set_verify(SSL.VERIFY_PEER, _judge)
        else:
            context.set_verify(SSL.VERIFY_NONE)
        context.set_info_callback(_watch)
        return context

    def _watch(self, connection: SSL.Connection, where: int, value: int) -> None:
        if where & _READ_ALERT == _READ_ALERT:
            if value & 0xFF != 0:
                self.alert = value & 0xFF
            return
        state = connection.get_state_string()
        if state.endswith(b"read server hello"):
            self.server_hello_seen = True
        elif state.endswith(b"read server certificate"):
            self.certificate_seen = True
        elif state.endswith(b"read server certificate request"):
            self.certificate_requested = True

    def _judge(self, certificate: crypto.X509, code: int, depth: int, ok: int) -> bool:
        if not ok and not self._tolerates(code, certificate):
            self._refuse(failure_of_verification(code), describe_refusal(code, certificate, depth), code)
            return False
        if depth == 0 and self._settings.check_hostname and not self._name_checked:
            return self._check_name(certificate)
        return True

    def _tolerates(self, code: int, certificate: crypto.X509) -> bool:
        if code not in _DATE_CODES:
            return not self._settings.check_chain
        if not self._settings.check_dates:
            return True
        return not self._settings.anchor_dates and is_anchor(certificate, self._settings)

    def _refuse(self, failure: Failure, detail: str, code: int | None) -> None:
        if self._refusal is None:
            self._refusal = Problem(failure, detail, verify_code=code)

    def _check_name(self, certificate: crypto.X509) -> bool:
        self._name_checked = True
        address = is_address(self._name)
        try:
            leaf = certificate.to_cryptography()
            if address:
                verify_certificate_ip_address(leaf, self._name)
            else:
                verify_certificate_hostname(leaf, self._name)
        except (service_identity.VerificationError, service_identity.CertificateError):
            detail = f"the certificate was not issued for {self._name} ({_names_in(leaf)})"
            self._refuse(Failure.CERT_HOSTNAME, detail, _ADDRESS_MISMATCH if address else _HOSTNAME_MISMATCH)
            return False
        except Exception as error:
            # Whatever the parsers raise on a hostile certificate: what cannot be read is not trusted.
            detail = f"the names in the server's certificate cannot be compared with {self._name}: {error}"
            self._refuse(Failure.CERT_OTHER, detail, _UNSPECIFIED)
            return False
        return True

    def handshake(self) -> bool:
        """Go on with the handshake; ``True`` when it is complete.

        :raises EngineError: it failed here or there.
        """
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise EngineError(self._explain(error)) from None
        if self._settings.check_hostname and not self._name_checked and not self.resumed:
            peer = self._connection.get_peer_certificate()
            if peer is None or not self._check_name(peer):
                raise EngineError(self._refusal or Problem(Failure.CERT_OTHER, "no certificate came"))
        self._established = True
        return True

    def _explain(self, error: SSL.Error) -> Problem:
        if self._refusal is not None:
            return self._refusal
        credential = bool(self._settings.certificate_pem)
        return failure_of_handshake(
            reasons_of(error),
            alert=self.alert,
            first_bytes=self._first_bytes,
            server_hello_seen=self.server_hello_seen,
            client_certificate_missing=self.certificate_requested and not credential,
            client_certificate_given=self.certificate_requested and credential,
        )

    def feed(self, data: bytes) -> None:
        """Bytes that came from the peer.

        :raises EngineError: a handshake has more of them than there is room for.
        """
        if len(self._first_bytes) < 32:
            self._first_bytes += data[:32]
        if not self._established:
            self._taken += len(data)
            room = self._settings.handshake_room
            if room is not None and self._taken > room:
                detail = f"no room for the server's messages: more than {room} bytes"
                raise EngineError(Problem(Failure.TLS_HANDSHAKE, detail))
        view = memoryview(data)
        while view:
            view = view[self._connection.bio_write(bytes(view)) :]

    def output(self) -> bytes:
        """Bytes that must go to the peer now; empty when there are none."""
        parts: list[bytes] = []
        with contextlib.suppress(SSL.WantReadError):
            while True:
                parts.append(self._connection.bio_read(65536))
        return b"".join(parts)

    def read(self, limit: int) -> bytes:
        """At most ``limit`` bytes of what the peer said; empty when more is needed, or :attr:`closed`.

        :raises EngineError: the record layer failed, or an alert came.
        """
        if self.closed:
            return b""
        try:
            data: bytes = self._connection.recv(limit)
        except SSL.WantReadError:
            return b""
        except SSL.ZeroReturnError:
            self.closed = True
            return b""
        except SSL.Error as error:
            raise EngineError(self._explain(error)) from None
        return data

    def write(self, data: bytes) -> int:
        """Encrypt ``data``; how many bytes of it were taken.

        :raises EngineError: the record layer failed.
        """
        try:
            return self._connection.send(data)
        except SSL.WantReadError:
            return 0
        except SSL.Error as error:
            raise EngineError(self._explain(error)) from None

    def shutdown(self) -> None:
        """Say that nothing more comes (close_notify)."""
        with contextlib.suppress(SSL.Error):
            self._connection.shutdown()

    @property
    def version(self) -> TlsVersion:
        """The version that both agreed on."""
        return TlsVersion(self._connection.get_protocol_version())

    @property
    def cipher(self) -> str | None:
        """The cipher suite that both agreed on, by OpenSSL's name."""
        return self._connection.get_cipher_name()

    @property
    def resumed(self) -> bool:
        """An earlier session was resumed: no certificate came, and none was checked."""
        return self._ticket is not None and not self.certificate_seen

    @property
    def peer_chain_der(self) -> tuple[bytes, ...]:
        """The certificates that the server sent, leaf first."""
        chain = self._connection.get_peer_cert_chain() or []
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in chain)

    def ticket(self) -> Ticket | None:
        """What resumes this session later; with TLS 1.3 only after the server has sent it."""
        session = self._connection.get_session()
        try:
            chain = self._connection.get_peer_cert_chain(as_cryptography=True) or []
            not_before = max((one.not_valid_before_utc for one in chain), default=None)
            not_after = min((one.not_valid_after_utc for one in chain), default=None)
        except Exception:
            # Certificates that cannot be read give no bounds in time: nothing to resume safely.
            return None
        if session is None or not_before is None or not_after is None:
            return None
        return Ticket(
            session, self._context, without_ticket(self._settings), self._host, not_before, not_after
        )


def _watch(connection: SSL.Connection, where: int, value: int) -> None:
    engine = connection.get_app_data()
    if isinstance(engine, TlsEngine):
        engine._watch(connection, where, value)


def _judge(connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int) -> bool:
    engine = connection.get_app_data()
    return isinstance(engine, TlsEngine) and engine._judge(certificate, code, depth, ok)


def is_address(name: str) -> bool:
    """Whether ``name`` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def reasons_of(error: SSL.Error) -> tuple[str, ...]:
    """OpenSSL's words for an error, first cause first."""
    stack = error.args[0] if error.args else ()
    if isinstance(stack, (list, tuple)):
        return tuple(str(entry[-1]) for entry in stack if isinstance(entry, tuple) and entry)
    return tuple(str(part) for part in error.args)


def _names_in(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "it has no subjectAltName, and its common name does not count"
    listed = [*names.get_values_for_type(x509.DNSName)]
    listed += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return f"it names {', '.join(listed[:8])}" if listed else "it names no host"
