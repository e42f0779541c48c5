"""One connection to the probe server, without I/O: bytes in, bytes out, and in the end what it showed.

When a modem refuses a certificate, its alert travels to the server: here it is read.  With TLS 1.3 the refusal
comes after the server's side of the handshake is complete, and some clients compare the name only after it: a
complete handshake proves acceptance when the client has sent a request, and nothing when it has just ended.
"""

from __future__ import annotations

import contextlib
import enum
import re
import ssl
from dataclasses import dataclass, field

from ..diagnose.standards import ALERTS
from ..errors import Reason
from .hello import ClientHello, DamagedHello, HelloReader, NotTls

__all__ = ["Exchange", "Outcome", "Seen"]

MAX_BYTES = 262_144
MAX_REQUEST_BYTES = 8192
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\nConnection: close\r\n\r\n"
_ANSWER = _HEAD + b"The probe was accepted.\n"
_ANSWER_IN_THE_CLEAR = _HEAD + b"There was no TLS there.\n"
_REQUEST = re.compile(rb"[A-Z]{1,20} (/[!-~]{0,200})")
_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13|TLSV1_3)_(?:ALERT_)?([A-Z0-9_]+)")
#: OpenSSL's words for a client's offer that the server cannot use.
_NOTHING_IN_COMMON = frozenset(
    {
        "NO_SHARED_CIPHER", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "VERSION_TOO_HIGH", "WRONG_VERSION_NUMBER",
        "WRONG_SSL_VERSION", "UNKNOWN_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "NO_SUITABLE_SIGNATURE_ALGORITHM",
        "NO_SHARED_SIGNATURE_ALGORITHMS", "NO_SUITABLE_KEY_SHARE", "NO_SHARED_GROUPS", "NO_SUITABLE_GROUPS",
        "INAPPROPRIATE_FALLBACK", "CALLBACK_FAILED",
    }
)  # fmt: skip
_NUMBER_OF = {standard.name: number for number, standard in ALERTS.items()}
_OTHER_NAMES = {"no_certificate": 41, "unsupported_certificate": 43}


class Outcome(enum.Enum):
    """How a connection ended."""

    ACCEPTED = "accepted"
    """The client went on after the handshake: it sent something."""
    REFUSED = "refused"
    """The client sent a fatal alert."""
    CLOSED = "closed"
    """The client closed the connection during the handshake and did not say why."""
    ENDED = "ended"
    """The client ended after a complete handshake, and had sent nothing: it may have refused, or had nothing to say."""
    NOTHING_IN_COMMON = "nothing-in-common"
    """This server found no version or suite in the client's offer, or not the name that it needs."""
    BROKEN = "broken"
    """The client began as TLS does, and then sent what TLS does not allow."""
    NOT_TLS = "not-tls"
    """What the client sent was not TLS."""
    SILENT = "silent"
    """The client sent nothing, or stopped."""


@dataclass(frozen=True)
class Seen:
    """What one connection showed.

    ``alert`` is the number of the client's alert (RFC 8446 section 6.2), ``None`` when it sent none.
    ``spoke``: the client sent this many bytes of the application, inside TLS or instead of it; ``target`` is what
    it asked for.  ``peer``: the address that it came from.
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
    target: str | None = None
    peer: str = ""

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
    peer: str = ""
    is_over: bool = False
    _reader: HelloReader = field(default_factory=HelloReader)
    _request: bytearray = field(default_factory=bytearray)
    _hello: ClientHello | None = None
    _hello_done: bool = False
    _note: str = ""
    _shaken: bool = False
    _spoke: int = 0
    _showed: bool = False
    _version: str | None = None
    _cipher: str | None = None
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
        if self._outcome is Outcome.NOT_TLS:
            return self._in_the_clear(data)
        if self._outcome is not None:
            return self._end(self._outcome)
        if self._tls is None:
            return self._plain(data)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        try:
            self._go_on()
        except ssl.SSLWantReadError:
            if not data:
                self._gone()
        except ssl.SSLZeroReturnError:
            self._gone()
        except ssl.SSLError as error:
            self._failed(error)
        return self._out.read()

    def timed_out(self) -> None:
        """Nothing more came in time."""
        if self._outcome is None:
            if self._spoke:
                self._end(Outcome.ACCEPTED, "its request was not complete")
            else:
                note = "the handshake was complete, and nothing followed"
                self._end(Outcome.SILENT, note if self._shaken else "")

    def seen(self) -> Seen:
        """What the connection showed, when it is over."""
        found = _REQUEST.match(self._request)
        return Seen(
            station=self.station,
            outcome=self._outcome or Outcome.SILENT,
            hello=self._hello,
            alert=self._alert,
            version=self._version,
            cipher=self._cipher,
            spoke=self._spoke,
            client_certificate=self._showed,
            note=self._note,
            target=found[1].decode("ascii") if found else None,
            peer=self.peer,
        )

    def _look(self, data: bytes) -> None:
        """Read the ClientHello out of the first bytes."""
        if self._hello_done:
            return
        try:
            self._hello = self._reader.feed(data)
        except DamagedHello as error:
            self._outcome, self._note = Outcome.BROKEN, str(error)
        except NotTls as error:
            self._outcome, self._note = Outcome.NOT_TLS, str(error)
        self._hello_done = self._hello is not None or self._outcome is not None

    def _in_the_clear(self, data: bytes) -> bytes:
        """Something else than TLS: a request is read to its end, to know it again, and answered."""
        self._spoke += len(data)
        self._request += data
        if data and len(self._request) < MAX_REQUEST_BYTES and _REQUEST.match(self._request):
            if b"\r\n\r\n" not in self._request:
                return b""
            self._end(Outcome.NOT_TLS)
            return _ANSWER_IN_THE_CLEAR
        return self._end(Outcome.NOT_TLS)

    def _plain(self, data: bytes) -> bytes:
        """A station without TLS: it only looks at what comes first."""
        if self._hello is not None:
            return self._end(Outcome.CLOSED, "it began TLS, as it should")
        if not data:
            return self._end(Outcome.CLOSED if self._taken else Outcome.SILENT)
        return b""

    def _gone(self) -> None:
        """The client has ended, in order or not."""
        if self._spoke:
            self._end(Outcome.ACCEPTED)
        elif self._shaken:
            self._end(Outcome.ENDED)
        else:
            self._end(Outcome.CLOSED if self._taken else Outcome.SILENT)

    def _go_on(self) -> None:
        assert self._tls is not None
        if not self._shaken:
            self._tls.do_handshake()
            self._shaken = True
            # Asked now: after a bare end of the connection OpenSSL denies that there was a handshake.
            cipher = self._tls.cipher()
            self._version, self._cipher = self._tls.version(), cipher[0] if cipher else None
            self._showed = bool(self._tls.getpeercert(binary_form=True))
        while b"\r\n\r\n" not in self._request and self._spoke < MAX_REQUEST_BYTES:
            data = self._tls.read(16_384)
            if not data:
                raise ssl.SSLZeroReturnError
            self._spoke += len(data)
            self._request += data
        self._tls.write(_ANSWER)
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._end(Outcome.ACCEPTED)

    def _failed(self, error: ssl.SSLError) -> None:
        word = (error.reason or "").upper()
        found = _ALERT.fullmatch(word)
        name = found[1].lower() if found else ""
        number = _NUMBER_OF.get(name, _OTHER_NAMES.get(name))
        if self._spoke:
            self._end(Outcome.ACCEPTED, word.replace("_", " ").lower())
        elif isinstance(error, ssl.SSLEOFError) or word == "UNEXPECTED_EOF_WHILE_READING":
            self._gone()
        elif number is not None or "_ALERT_" in word:
            self._alert = number
            self._end(Outcome.REFUSED, "" if number is not None else f"alert {name}")
        elif word == "CERTIFICATE_VERIFY_FAILED":
            # A client shows its certificate only after it has accepted the server's.
            self._showed = True
            self._end(Outcome.ACCEPTED, "it showed a client certificate of another CA than the probe's")
        elif word in _NOTHING_IN_COMMON:
            self._end(Outcome.NOTHING_IN_COMMON, word.replace("_", " ").lower())
        else:
            self._end(Outcome.BROKEN, word.replace("_", " ").lower())

    def _end(self, outcome: Outcome, note: str = "") -> bytes:
        self._outcome = self._outcome or outcome
        self._note = self._note or note
        self.is_over = True
        return b""
