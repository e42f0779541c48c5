"""From OpenSSL's words, the peer's alert and the state of the handshake to a :class:`.Problem`.

Alert numbers are those of RFC 8446, section 6, and RFC 5246, section 7.2; verify codes are
OpenSSL's ``X509_V_ERR_…``.  Alert 40 (handshake_failure) says little by itself: before a ServerHello
it means that nothing acceptable was offered, after a request for a certificate that it was missed.
"""

from __future__ import annotations

from collections.abc import Iterable

from OpenSSL import crypto

from .problems import Failure, Problem

__all__ = ["ALERT_NAMES", "describe_refusal", "failure_of_handshake", "failure_of_verification"]

ALERT_NAMES: dict[int, str] = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}

_VERIFY_TEXTS: dict[int, tuple[Failure, str]] = {
    2: (Failure.CERT_CHAIN, "its issuer's certificate is missing"),
    9: (Failure.CERT_DATES, "it is not yet valid by the modem's clock"),
    10: (Failure.CERT_DATES, "it has expired by the modem's clock"),
    18: (Failure.CERT_CHAIN, "it is self-signed and not a trust anchor"),
    19: (Failure.CERT_CHAIN, "the chain ends in a root that is not a trust anchor"),
    20: (Failure.CERT_CHAIN, "its issuer is not among the trust anchors"),
    21: (Failure.CERT_CHAIN, "its signature cannot be checked: the issuer's certificate is missing"),
    62: (Failure.CERT_HOSTNAME, "it was issued for another name"),
    64: (Failure.CERT_HOSTNAME, "it was issued for another address"),
    24: (Failure.CERT_OTHER, "it issued another certificate and is not a CA"),
    26: (Failure.CERT_OTHER, "it was not issued for the use as a server's certificate"),
    7: (Failure.CERT_OTHER, "its signature is wrong"),
}

_ABOUT_OUR_CERTIFICATE = frozenset({42, 43, 44, 45, 46, 48, 49, 116})
_NO_VERSION = (
    "unsupported protocol",
    "no protocols available",
    "wrong ssl version",
    "alert protocol version",
)
_NO_CIPHER = ("no ciphers available", "no shared cipher", "wrong cipher returned", "unknown cipher returned")


def failure_of_verification(code: int) -> Failure:
    """What kind of refusal an ``X509_V_ERR_…`` number is."""
    return _VERIFY_TEXTS[code][0] if code in _VERIFY_TEXTS else Failure.CERT_OTHER


def describe_refusal(code: int, certificate: crypto.X509, depth: int) -> str:
    """A sentence fragment: which certificate of the chain was refused, and why."""
    text = _VERIFY_TEXTS[code][1] if code in _VERIFY_TEXTS else f"OpenSSL's verify code {code}"
    try:
        subject = certificate.to_cryptography().subject.rfc4514_string() or "a certificate without a subject"
    except Exception:
        # No exception of a parser may leave OpenSSL's callback, whatever a hostile certificate holds.
        subject = "a certificate with an unreadable subject"
    which = "the server's certificate" if depth == 0 else f"the certificate {depth} above the server's"
    return f"{which} ({subject}) was refused: {text}"


def failure_of_handshake(
    reasons: Iterable[str],
    *,
    alert: int | None,
    first_bytes: bytes,
    server_hello_seen: bool,
    client_certificate_missing: bool,
    client_certificate_given: bool,
) -> Problem:
    """Why TLS failed, for every cause but a server's certificate that was refused here."""
    words = "; ".join(reasons) or "no reason given"
    if first_bytes and not _looks_like_tls(first_bytes):
        start = first_bytes.split(b"\r\n")[0][:24]
        return Problem(Failure.TLS_NOT_TLS, f"what answers there does not speak TLS: it began with {start!r}")
    if alert is not None:
        return _failure_of_alert(
            alert, server_hello_seen, client_certificate_missing, client_certificate_given
        )
    lower = words.lower()
    if any(text in lower for text in _NO_VERSION):
        return Problem(Failure.TLS_VERSION, f"no version of TLS in common ({words})")
    if any(text in lower for text in _NO_CIPHER):
        return Problem(Failure.TLS_CIPHER, f"no cipher suite in common ({words})")
    return Problem(Failure.TLS_HANDSHAKE, f"TLS failed: {words}")


def _failure_of_alert(alert: int, hello_seen: bool, missing: bool, given: bool) -> Problem:
    said = f"the server sent alert {alert} ({ALERT_NAMES.get(alert, 'unknown')})"
    if alert in (70, 86):
        return Problem(Failure.TLS_VERSION, f"no version of TLS in common: {said}", alert=alert)
    if alert == 71 or (alert == 40 and not hello_seen):
        return Problem(Failure.TLS_CIPHER, f"nothing acceptable was offered: {said}", alert=alert)
    if alert == 116 or (missing and alert in (40, *_ABOUT_OUR_CERTIFICATE)):
        return Problem(Failure.CLIENT_CERT, f"the server wants a client certificate: {said}", alert=alert)
    if given and alert in _ABOUT_OUR_CERTIFICATE:
        return Problem(Failure.CLIENT_CERT, f"the server refused the client certificate: {said}", alert=alert)
    return Problem(Failure.TLS_HANDSHAKE, said, alert=alert)


def _looks_like_tls(data: bytes) -> bool:
    return 0x14 <= data[0] <= 0x18 and (len(data) < 2 or data[1] == 3)
