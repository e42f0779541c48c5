"""One look at a server's TLS, without I/O: bytes in, bytes out, and in the end what the server showed.

Nothing is verified here, on purpose: what a modem makes of these certificates is judged afterwards, at the
modem's clock and by what the modem trusts.  So nothing of the application is ever sent or read, and the connection
ends with the handshake.  Old versions and weak suites are offered too, since modems speak them.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..policy import TlsVersion

__all__ = ["Glance", "Manner", "Sight"]

MAX_BYTES = 1_048_576
_SUITES = "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"
_ALERT, _HANDSHAKE = 21, 22
_CERTIFICATE_REQUEST = 13
_DER = 2
_VERSIONS = {"TLSv1": TlsVersion.TLS1_0, "TLSv1.1": TlsVersion.TLS1_1, "TLSv1.2": TlsVersion.TLS1_2,
             "TLSv1.3": TlsVersion.TLS1_3}  # fmt: skip
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True)
class Manner:
    """How to look: with the host named or not, by which versions, with which suites (IANA numbers) below TLS 1.3."""

    names_host: bool = True
    minimum: TlsVersion = TlsVersion.TLS1_0
    maximum: TlsVersion = TlsVersion.TLS1_3
    suites: frozenset[int] | None = None


@dataclass(frozen=True)
class Sight:
    """What one look showed.

    ``chain``: DER, as sent.  ``alert``: the number of the server's alert.  ``first_bytes``: what came instead of
    TLS.  ``wants_certificate``: it asked for a client's certificate, ``None`` when that cannot be seen here.
    ``trouble``: why there is no handshake, in words; ``is_local``: the reason is this computer's own.
    """

    chain: tuple[bytes, ...] = ()
    version: TlsVersion | None = None
    cipher: str | None = None
    alert: int | None = None
    first_bytes: bytes = b""
    wants_certificate: bool | None = None
    is_complete: bool = False
    trouble: str | None = None
    is_local: bool = False
    timed_out: bool = False
    closed: bool = False
    declined: bool = False
    """It answered with a version that was not offered."""

    @property
    def is_not_tls(self) -> bool:
        """The server answered, and not in TLS."""
        return bool(self.first_bytes)

    @property
    def refuses(self) -> bool:
        """It refused what was offered, by an alert or by insisting on another version."""
        return self.alert is not None or self.declined


class Glance:
    """One look.  :attr:`over` is true when there is nothing more to see; then :meth:`sight` tells.

    :raises ValueError: this computer's OpenSSL cannot look in this manner.
    """

    def __init__(self, host: str, manner: Manner) -> None:
        self.over = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._alert: int | None = None
        self._asked: bool | None = None
        self._first = b""
        self._taken = 0
        self._error: ssl.SSLError | None = None
        self._closed = self._timed_out = self._complete = False
        context = _context(manner)
        if hasattr(context, "_msg_callback"):
            self._asked = False
            context._msg_callback = self._message
        name = host.strip("[]").removesuffix(".") if manner.names_host else None
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._go_on()

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        return self._out.read()

    def feed(self, data: bytes) -> None:
        """What came; ``b""`` is the end of the connection."""
        self._taken += len(data)
        if len(self._first) < 16:
            self._first += data[:16]
        if data and self._taken <= MAX_BYTES:
            self._in.write(data)
        else:
            self._closed = not data
            self._in.write_eof()
        self._go_on()
        if not data or self._taken > MAX_BYTES:
            self.over = True

    def timed_out(self) -> None:
        """Nothing more came in time."""
        self._timed_out = not self._complete
        self.over = True

    @property
    def lingers(self) -> bool:
        """The handshake is complete, and whether the server does without a certificate has yet to show."""
        return self._complete and not self.over

    def sight(self) -> Sight:
        """What was seen."""
        known = self._tls.version() if self._complete or self._chain() else None
        cipher = self._tls.cipher() if self._complete else None
        word = self._error.reason if self._error is not None else None
        not_tls = word in _NOT_TLS and self._alert is None and not _is_record(self._first)
        return Sight(
            chain=self._chain(),
            version=_VERSIONS.get(known or ""),
            cipher=cipher[0] if cipher else None,
            alert=self._alert,
            first_bytes=self._first if not_tls else b"",
            wants_certificate=self._asked,
            is_complete=self._complete and self._alert is None,
            trouble=self._trouble(),
            is_local=word is not None and self._alert is None and not not_tls,
            timed_out=self._timed_out,
            closed=self._closed and not self._complete,
            declined=word == "UNSUPPORTED_PROTOCOL" and _is_record(self._first),
        )

    def _trouble(self) -> str | None:
        if self._error is not None and self._error.reason:
            return self._error.reason.replace("_", " ").lower()
        if self._timed_out:
            return "it did not answer in time"
        if not self._complete:
            return "it closed the connection without saying why"
        return None

    def _go_on(self) -> None:
        try:
            if not self._complete:
                self._tls.do_handshake()
                self._complete = True
                if not (self._asked and self._tls.version() == "TLSv1.3"):
                    self.over = True
                    return
            # From TLS 1.3 on a server says only after the handshake that it wants a certificate.
            self._tls.read(1)
            self.over = True
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self._error = error
            self.over = True

    def _message(self, _: Any, direction: str, *rest: Any) -> None:
        if direction != "read" or len(rest) < 4:
            return
        content, kind, data = rest[1], rest[2], rest[3]
        if int(content) == _ALERT and len(data) >= 2 and data[0] == 2:
            self._alert = data[1]
        elif int(content) == _HANDSHAKE and int(kind) == _CERTIFICATE_REQUEST:
            self._asked = True

    def _chain(self) -> tuple[bytes, ...]:
        try:
            if hasattr(self._tls, "get_unverified_chain"):
                return tuple(self._tls.get_unverified_chain() or ())
            inner: Any = getattr(self._tls, "_sslobj", None)
            return tuple(each.public_bytes(_DER) for each in inner.get_unverified_chain() or ())
        except (AttributeError, ValueError, ssl.SSLError):
            try:
                leaf = self._tls.getpeercert(binary_form=True)
            except ValueError:
                leaf = None
            return (leaf,) if leaf else ()


def _is_record(data: bytes) -> bool:
    return len(data) > 2 and data[0] in (20, 21, 22, 23) and data[1] == 3


def _context(manner: Manner) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 4)
    try:
        context.set_ciphers(_SUITES if manner.suites is None else _named(manner.suites))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion(int(manner.minimum))
            context.maximum_version = ssl.TLSVersion(int(manner.maximum))
    except ssl.SSLError as error:
        raise ValueError(f"this computer's OpenSSL cannot: {error.reason or error}") from None
    return context


def _named(suites: Collection[int]) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(_SUITES)
    names = [suite["name"] for suite in context.get_ciphers() if suite["id"] & 0xFFFF in suites]
    old = [name for name in names if not name.startswith("TLS_")]
    if not old:
        raise ValueError("this computer's OpenSSL has none of these suites")
    return ":".join([*old, "@SECLEVEL=0"])
