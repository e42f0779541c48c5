"""Why a simulated modem did not reach its server, in the words of the host's own stack.

A vendor's simulator translates a :class:`Problem` into that vendor's codes; what the vendor does not
tell apart is lost there, not here.
"""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass

__all__ = ["Failure", "Problem", "opaque", "why_not_connected"]


class Failure(enum.Enum):
    """What kind of failure it was."""

    NAME = "name"
    """The name does not resolve."""
    REFUSED = "refused"
    """Nobody listens on the port."""
    TIMEOUT = "timeout"
    """The peer or the way to it stayed silent."""
    LOST = "lost"
    """The connection ended without the protocol's own farewell."""
    NOT_ALLOWED = "not-allowed"
    """The simulated network does not lead there."""
    TLS_VERSION = "tls-version"
    """No version of TLS in common."""
    TLS_CIPHER = "tls-cipher"
    """No cipher suite in common, or none left to offer."""
    TLS_HANDSHAKE = "tls-handshake"
    """The handshake or the record layer failed in another way."""
    TLS_NOT_TLS = "tls-not-tls"
    """What answers there does not speak TLS."""
    CERT_CHAIN = "cert-chain"
    """The server's certificate does not lead to a trust anchor."""
    CERT_DATES = "cert-dates"
    """A certificate is expired or not yet valid by the modem's clock."""
    CERT_HOSTNAME = "cert-hostname"
    """The certificate was issued for another name."""
    CERT_OTHER = "cert-other"
    """The certificate was refused for another reason; ``verify_code`` says which."""
    CLIENT_CERT = "client-cert"
    """The server wants a client certificate, or refuses the one it got."""
    CREDENTIALS = "credentials"
    """The stored CA, certificate or key cannot be used."""
    TLS_OPAQUE = "tls-opaque"
    """TLS failed, and this modem tells no more than that (the setting ``opaque``)."""


@dataclass(frozen=True)
class Problem:
    """One failure.

    ``verify_code`` is OpenSSL's ``X509_V_ERR_…`` number where a certificate was refused here;
    ``alert`` the number of the TLS alert that the *server* sent, if it sent one.
    """

    failure: Failure
    detail: str
    verify_code: int | None = None
    alert: int | None = None

    def __str__(self) -> str:
        return f"{self.failure.value}: {self.detail}"


_NOT_OF_TLS = frozenset(
    {Failure.NAME, Failure.REFUSED, Failure.TIMEOUT, Failure.NOT_ALLOWED, Failure.TLS_OPAQUE}
)


def opaque(problem: Problem, *, handshaking: bool) -> Problem:
    """``problem`` as a modem has it that tells TLS failures from others, and not from each other.

    ``handshaking``: TCP was connected and TLS not yet, where the server's end is a failure of TLS too.
    """
    if problem.failure in _NOT_OF_TLS or (problem.failure is Failure.LOST and not handshaking):
        return problem
    return Problem(Failure.TLS_OPAQUE, problem.detail)


def why_not_connected(code: int, where: str) -> Problem:
    """The problem behind the ``errno`` of a TCP connection to ``where`` that did not come about."""
    if code == errno.ECONNREFUSED:
        return Problem(Failure.REFUSED, f"nobody listens on {where}")
    if code == errno.ETIMEDOUT:
        return Problem(Failure.TIMEOUT, f"{where} does not answer")
    return Problem(Failure.LOST, f"{where} is not reached: {errno.errorcode.get(code, code)}")
