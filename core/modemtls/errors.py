"""What can go wrong, in one tree, whatever the vendor.

::

    ModemError                          .model .command .code .lines .reasons .certainty .remedy
    ├── PortError(OSError)              gone, busy, cannot be opened
    ├── ModemTimeout(TimeoutError)      nothing came in time
    ├── ModemReset                      the modem restarted in the middle
    ├── CommandError                    a refusal that no table explains better
    ├── Unsupported                     the model cannot; raised before a byte is sent
    ├── CredentialError                 malformed, too large, store full, slot reserved, damaged
    ├── NetworkError(ConnectionError)   not attached, no PDP context, name, refused, lost
    ├── TlsError                        handshake or record failure
    │   └── CertificateError            the peer's certificate was refused
    └── HttpError                       malformed or incomplete response, a limit reached

A vendor adds no classes: its tables (:class:`ErrorEntry`) say which class and which reasons a code
means, and how sure that is.  The vendor's own number and words stay on the exception.  Every error
pickles.  No secret is ever part of one: commands and lines are redacted where they are made.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .excerpt import excerpt

__all__ = [
    "Certainty",
    "CertificateError",
    "CommandError",
    "CredentialError",
    "ErrorEntry",
    "ErrorTable",
    "HttpError",
    "ModemError",
    "ModemReset",
    "ModemTimeout",
    "NetworkError",
    "PortError",
    "Reason",
    "TlsError",
    "Unsupported",
    "VendorCode",
]


class Certainty(enum.Enum):
    """How sure a statement about a cause is."""

    STATED = "stated"
    """The modem, a standard or the file itself says so."""
    DERIVED = "derived"
    """It follows from something that was checked."""
    GUESSED = "guessed"
    """It fits, and nothing confirms it."""


class Reason(enum.Enum):
    """Why something failed: one list for the whole product.

    An error carries a *set* of them: at least one of the set is meant, maybe not all.
    """

    # certificates and TLS
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    UNKNOWN_ISSUER = "unknown-issuer"
    MISSING_INTERMEDIATE = "missing-intermediate"
    LEAF_AS_ANCHOR = "leaf-as-anchor"
    SELF_SIGNED = "self-signed"
    HOSTNAME_MISMATCH = "hostname-mismatch"
    REVOKED = "revoked"
    WRONG_USAGE = "wrong-usage"
    BAD_SIGNATURE = "bad-signature"
    NAME_CONSTRAINTS = "name-constraints"
    CHAIN_ORDER = "chain-order"
    CHAIN_TOO_LONG = "chain-too-long"
    WEAK_OR_UNSUPPORTED_KEY = "weak-or-unsupported-key"
    UNSUPPORTED_HASH = "unsupported-hash"
    UNSUPPORTED_CURVE = "unsupported-curve"
    UNSUPPORTED_VERSION = "unsupported-version"
    NO_COMMON_CIPHER = "no-common-cipher"
    SNI_NEEDED = "sni-needed"
    CLIENT_CERTIFICATE_MISSING = "client-certificate-missing"
    CLIENT_CERTIFICATE_REFUSED = "client-certificate-refused"
    HANDSHAKE_FAILED = "handshake-failed"
    NOT_VERIFIED = "not-verified"
    NOT_TLS = "not-tls"
    # what is stored and configured in the modem
    SLOT_EMPTY = "slot-empty"
    SLOT_UNREADABLE = "slot-unreadable"
    SLOT_RESERVED = "slot-reserved"
    STORE_FULL = "store-full"
    PROFILE_ILLEGAL = "profile-illegal"
    NO_TRUST_ANCHOR = "no-trust-anchor"
    CLOCK_UNSET = "clock-unset"
    CLOCK_WRONG = "clock-wrong"
    # credentials as files
    MALFORMED = "malformed"
    NOT_A_CERTIFICATE = "not-a-certificate"
    NOT_A_CA = "not-a-ca"
    KEY_MISMATCH = "key-mismatch"
    KEY_ENCRYPTED = "key-encrypted"
    TOO_LARGE = "too-large"
    DAMAGED_IN_STORE = "damaged-in-store"
    # network
    RADIO_OFF = "radio-off"
    SIM_ABSENT = "sim-absent"
    SIM_PIN_REQUIRED = "sim-pin-required"
    SIM_PIN_WRONG = "sim-pin-wrong"
    SIM_PUK_REQUIRED = "sim-puk-required"
    SIM_FAILURE = "sim-failure"
    NOT_REGISTERED = "not-registered"
    REGISTRATION_DENIED = "registration-denied"
    NO_PDP_CONTEXT = "no-pdp-context"
    NAME_NOT_RESOLVED = "name-not-resolved"
    REFUSED = "refused"
    CONNECTION_LOST = "connection-lost"
    TIMEOUT = "timeout"
    # HTTP
    INCOMPLETE_BODY = "incomplete-body"
    LENGTH_UNKNOWN = "length-unknown"
    MALFORMED_RESPONSE = "malformed-response"
    LIMIT_EXCEEDED = "limit-exceeded"
    TOO_MANY_REDIRECTS = "too-many-redirects"
    HTTP_STATUS = "http-status"
    # the line and the modem itself
    PORT_GONE = "port-gone"
    PORT_BUSY = "port-busy"
    PORT_NOT_FOUND = "port-not-found"
    PORT_NOT_PERMITTED = "port-not-permitted"
    NO_ANSWER = "no-answer"
    GARBAGE_ON_LINE = "garbage-on-line"
    BYTES_LOST = "bytes-lost"
    MODEM_RESTARTED = "modem-restarted"
    BOOT_LOADER_ONLY = "boot-loader-only"
    APPLICATION_MISSING = "application-missing"
    NOT_AS_RECORDED = "not-as-recorded"
    OUT_OF_MEMORY = "out-of-memory"
    BUSY = "busy"
    # what was asked
    NOT_SUPPORTED = "not-supported"
    NOT_ALLOWED = "not-allowed"
    INVALID_PARAMETER = "invalid-parameter"
    UNKNOWN_MODEL = "unknown-model"
    AMBIGUOUS_MODEL = "ambiguous-model"


@dataclass(frozen=True)
class VendorCode:
    """A modem's own code: where it comes from, the number or word, and its text if it gave one.

    The same number means different things in different namespaces: they are never shared.
    """

    namespace: str
    number: int | str
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.namespace} {self.number}" + (f" ({self.text})" if self.text else "")


class ModemError(Exception):
    """Anything that modemtls reports about a modem.

    ``message`` says what was asked, what the modem said and what it means, in that order;
    ``remedy`` says what to try, or is ``None`` when there is nothing better than the message.
    ``lines`` are what the modem said; of many the first and the last, 64 lines and 8 kB in all.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        reasons: Iterable[Reason] = (),
        certainty: Certainty = Certainty.STATED,
        model: str | None = None,
        command: str | None = None,
        code: VendorCode | None = None,
        lines: Iterable[str] = (),
        findings: Iterable[Any] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.reasons = frozenset(reasons)
        self.certainty = certainty
        self.model = model
        self.command = command
        self.code = code
        self.lines = excerpt(tuple(lines))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return self.message + (f" {self.remedy}" if self.remedy else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.__dict__.copy()))


def _rebuild(cls: type[ModemError], message: str, state: dict[str, Any]) -> ModemError:
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class PortError(ModemError, OSError):
    """The serial port is gone, busy, not there, or may not be opened.

    Example: a USB modem was unplugged; another program holds ``/dev/ttyUSB0``.
    """


class ModemTimeout(ModemError, TimeoutError):
    """The modem itself said nothing in time.

    Example: it sleeps, the baud rate is wrong, the port belongs to something else.  A server that
    does not answer is a :class:`NetworkError`.
    """


class ModemReset(ModemError):
    """The modem restarted in the middle of an operation.

    Example: ``+SYSSTART`` came instead of a final result code: brown-out, watchdog, a reset line.
    """


class CommandError(ModemError):
    """The modem refused a command, and no table explains the refusal better.

    Example: ``ERROR`` without a code.
    """


class Unsupported(ModemError):
    """The model cannot do what was asked, or is not known to.  No byte was sent for it.

    Example: a host-name check on a modem that has none.
    """


class CredentialError(ModemError):
    """A certificate or key is malformed, too large, absent, or its slot cannot be used.

    Example: a file that is no certificate; slot 3, which belongs to the vendor; no trust anchor.
    """


class NetworkError(ModemError, ConnectionError):
    """No way to the server: SIM, registration, PDP context, name, connection.

    Example: the SIM wants a PIN; the name does not resolve; the port is closed.
    """


class TlsError(ModemError):
    """The TLS handshake or the record layer failed.

    Example: no common version or cipher; one code for every failure, as many modems give.
    """


class CertificateError(TlsError):
    """The server's certificate was refused.

    ``verify_code`` and ``verify_message`` mean what they mean on
    :class:`ssl.SSLCertVerificationError`; ``None`` where the modem does not tell.
    """

    verify_code: int | None = None
    verify_message: str | None = None


class HttpError(ModemError):
    """The HTTP response is malformed or incomplete, or a limit was reached.

    ``request_sent`` tells whether the server may have acted on the request.

    Example: a body that ends before its Content-Length.
    """

    request_sent: bool = True


@dataclass(frozen=True)
class ErrorEntry:
    """What one vendor code means: a row of a vendor's table.

    ``meaning`` is a sentence fragment ("the server's certificate was refused"); ``remedy`` a
    sentence; ``source`` names the manual, the code or the observation it rests on; ``certainty``
    is how sure the *meaning* is.
    """

    namespace: str
    number: int | str
    name: str
    error: type[ModemError]
    reasons: frozenset[Reason]
    meaning: str
    certainty: Certainty
    source: str
    remedy: str | None = None


class ErrorTable:
    """The codes of one vendor, looked up by (namespace, number).

    >>> table = ErrorTable([ErrorEntry("http", 60, "PEER_FAILED_VERIFICATION", CertificateError,
    ...     frozenset({Reason.UNKNOWN_ISSUER}), "the server's certificate was refused",
    ...     Certainty.DERIVED, "libcurl")])
    >>> table.find("http", 60).name
    'PEER_FAILED_VERIFICATION'
    >>> table.find("http", 61) is None
    True
    """

    def __init__(self, entries: Iterable[ErrorEntry]) -> None:
        self._entries: dict[tuple[str, str], ErrorEntry] = {}
        for entry in entries:
            key = (entry.namespace, str(entry.number))
            if key in self._entries:
                raise ValueError(f"code {entry.namespace} {entry.number} stands twice in the table")
            self._entries[key] = entry

    def __iter__(self) -> Any:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the table knows, in the order of their first row."""
        return tuple(dict.fromkeys(entry.namespace for entry in self._entries.values()))

    def find(self, namespace: str, number: int | str) -> ErrorEntry | None:
        """The row for a code, or ``None`` when nobody has published what it means."""
        return self._entries.get((namespace, str(number)))

    def error(
        self,
        code: VendorCode,
        *,
        asked: str,
        default: type[ModemError] = CommandError,
        model: str | None = None,
        command: str | None = None,
        lines: Iterable[str] = (),
    ) -> ModemError:
        """The exception for ``code``; an unknown one gives ``default`` with the code kept.

        ``asked`` is what was being done, as the start of a sentence ("Connecting to example.org").
        """
        entry = self.find(code.namespace, code.number)
        if entry is None:
            return default(
                f"{asked} failed: the modem answered {code}, a code that is not in the tables.",
                reasons=(),
                certainty=Certainty.STATED,
                model=model,
                command=command,
                code=code,
                lines=lines,
            )
        if code.text is None and entry.name != str(code.number):
            code = VendorCode(code.namespace, code.number, entry.name)
        hedge = {Certainty.STATED: "", Certainty.DERIVED: "", Certainty.GUESSED: "probably "}
        return entry.error(
            f"{asked} failed: the modem answered {code}: {hedge[entry.certainty]}{entry.meaning}.",
            remedy=entry.remedy,
            reasons=entry.reasons,
            certainty=entry.certainty,
            model=model,
            command=command,
            code=code,
            lines=lines,
        )
