"""One connection to the probe server, without I/O: bytes in, bytes out, and in the end what it showed.

When a modem refuses a certificate, its alert travels to the server: here it is read.  With TLS 1.3 the refusal
comes after the server's side of the handshake is complete, so that a complete handshake proves acceptance only
when the client has spoken, or has ended in order.
"""

from __future__ import annotations

import contextlib
import enum
import re
import ssl
from dataclasses import dataclass, field

from ..diagnose.standards import ALERTS
from ..errors import Reason
from .hello import ClientHello, NotTls, read_client_hello

__all__ = ["Exchange", "Outcome", "Seen"]

MAX_BYTES = 262_144
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\nConnection: close\r\n\r\n"
    b"The probe was accepted.\n"
)
_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13|TLSV1_3)_ALERT_([A-Z0-9_]+)")
_NUMBER_OF = {standard.name: number for number, standard in ALERTS.items()}
_OTHER_NAMES = {"no_certificate": 41, "unsupported_certificate": 43}


class Outcome(enum.Enum):
    """How a connection ended."""

    ACCEPTED = "accepted"
    """The client went on after the handshake: it sent something, or ended TLS in order."""
    REFUSED = "refused"
    """The client sent a fatal alert."""
    CLOSED = "closed"
    """The client closed the connection and did not say why."""
    NOTHING_IN_COMMON = "nothing-in-common"
    """This server found no version or suite in the client's offer."""
    NOT_TLS = "not-tls"
    """What the client sent was not TLS."""
    SILENT = "silent"
    """The client sent nothing, or stopped."""


@dataclass(frozen=True)
class Seen:
    """What one connection showed.

    ``alert`` is the number of the client's alert (RFC 8446 section 6.2), ``None`` when it sent none.
    ``spoke``: the client sent this many bytes of the application, inside TLS or instead of it.
    """

    station: str
    outcome: Outcome
    hello: ClientHello | None = None
    alert: int | None = None
    version: str | None = None
    cipher: str | None = None
    spoke: int = 0
    client_certificate: bool = False
    note: str = ""

    @property
    def alert_name(self) -> str | None:
        """The alert's name in the standard."""
        if self.alert is None:
            return None
        return ALERTS[self.alert].name if self.alert in ALERTS else str(self.alert)

    @property
    def reasons(self) -> frozenset[Reason]:
        """What the alert leaves open; empty without one."""
        return ALERTS[self.alert].reasons if self.alert in ALERTS else frozenset()


@dataclass
class Exchange:
    """The server's side of one connection; ``context`` is ``None`` where the station speaks no TLS."""

    station: str
    context: ssl.SSLContext | None
    is_over: bool = False
    _raw: bytearray = field(default_factory=bytearray)
    _hello: ClientHello | None = None
    _hello_done: bool = False
    _note: str = ""
    _shaken: bool = False
    _spoke: int = 0
    _outcome: Outcome | None = None
    _alert: int | None = None
    _taken: int = 0

    def __post_init__(self) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self.context.wrap_bio(self._in, self._out, server_side=True) if self.context else None

    def feed(self, data: bytes) -> bytes:
        """Take what came (``b""`` is the end of the connection); give what is to be sent."""
        self._taken += len(data)
        if self._taken > MAX_BYTES:
            return self._end(self._outcome or Outcome.SILENT, "it sent more than a probe needs")
        self._look(data)
        if self._tls is None:
            return self._plain(data)
        if self._outcome is Outcome.NOT_TLS:
            return self._end(Outcome.NOT_TLS)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        try:
            self._go_on()
        except ssl.SSLWantReadError:
            if not data:
                self._end(Outcome.CLOSED if self._taken else Outcome.SILENT)
        except ssl.SSLZeroReturnError:
            self._end(Outcome.ACCEPTED)
        except ssl.SSLError as error:
            self._failed(error)
        return self._out.read()

    def timed_out(self) -> None:
        """Nothing more came in time."""
        if self._outcome is None:
            done = self._shaken and self.context is not None
            self._end(Outcome.SILENT, "the handshake was complete, and nothing followed" if done else "")

    def seen(self) -> Seen:
        """What the connection showed, when it is over."""
        cipher = self._tls.cipher() if self._tls is not None and self._shaken else None
        return Seen(
            station=self.station,
            outcome=self._outcome or Outcome.SILENT,
            hello=self._hello,
            alert=self._alert,
            version=self._tls.version() if self._tls is not None and self._shaken else None,
            cipher=cipher[0] if cipher else None,
            spoke=self._spoke,
            client_certificate=bool(
                self._tls is not None and self._shaken and self._tls.getpeercert(binary_form=True)
            ),
            note=self._note,
        )

    def _look(self, data: bytes) -> None:
        """Read the ClientHello out of the first bytes."""
        if self._hello_done:
            return
        self._raw += data
        try:
            self._hello = read_client_hello(bytes(self._raw))
        except NotTls as error:
            self._hello_done = True
            self._note = str(error)
            self._outcome = Outcome.NOT_TLS
            self._spoke = len(self._raw)
            return
        if self._hello is not None:
            self._hello_done = True
            self._raw.clear()

    def _plain(self, data: bytes) -> bytes:
        """A station without TLS: it never answers, it only looks at what comes first."""
        if self._outcome is Outcome.NOT_TLS:
            return self._end(Outcome.NOT_TLS)
        if self._hello is not None:
            return self._end(Outcome.CLOSED, "it began TLS, as it should")
        if not data:
            return self._end(Outcome.CLOSED if self._taken else Outcome.SILENT)
        return b""

    def _go_on(self) -> None:
        assert self._tls is not None
        if not self._shaken:
            self._tls.do_handshake()
            self._shaken = True
        data = self._tls.read(16_384)
        if not data:
            raise ssl.SSLZeroReturnError
        self._spoke += len(data)
        self._tls.write(_ANSWER)
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._end(Outcome.ACCEPTED)

    def _failed(self, error: ssl.SSLError) -> None:
        word = (error.reason or "").upper()
        if isinstance(error, ssl.SSLEOFError) or word == "UNEXPECTED_EOF_WHILE_READING":
            self._end(Outcome.CLOSED if self._taken else Outcome.SILENT)
        elif found := _ALERT.search(word):
            name = found[1].lower()
            self._alert = _NUMBER_OF.get(name, _OTHER_NAMES.get(name))
            self._end(Outcome.REFUSED, "" if self._alert is not None else f"alert {name}")
        elif "CERTIFICATE" in word and "PEER" in word:
            self._end(Outcome.ACCEPTED, "it showed no client certificate, though it was asked for one")
        else:
            self._end(Outcome.NOTHING_IN_COMMON, word.replace("_", " ").lower())

    def _end(self, outcome: Outcome, note: str = "") -> bytes:
        if self._outcome is None or self._outcome is Outcome.NOT_TLS:
            self._outcome = outcome if self._outcome is None else self._outcome
        self._note = self._note or note
        self.is_over = True
        return b""
