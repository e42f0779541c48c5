"""What a failure of TLS on this computer means: OpenSSL's words to the errors of modemtls.

The numbers are X509_V_ERR_… of OpenSSL's x509_vfy.h, the alerts those of RFC 5246 and RFC 8446, in the names
that the ssl module gives them.  What the library states is stated; nothing is derived.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import CertificateError, Reason, TlsError

__all__ = ["Peer", "failure"]

_ISSUER = frozenset({Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE})
_USAGE = frozenset({Reason.WRONG_USAGE})
_MALFORMED = frozenset({Reason.MALFORMED})
_KEY = frozenset({Reason.WEAK_OR_UNSUPPORTED_KEY})
_HASH = frozenset({Reason.UNSUPPORTED_HASH})

_VERIFY: dict[int, frozenset[Reason]] = {
    2: _ISSUER,
    4: _MALFORMED,
    6: _MALFORMED,
    7: frozenset({Reason.UNKNOWN_ISSUER}),
    9: frozenset({Reason.NOT_YET_VALID}),
    10: frozenset({Reason.EXPIRED}),
    13: _MALFORMED,
    14: _MALFORMED,
    18: frozenset({Reason.SELF_SIGNED, Reason.UNKNOWN_ISSUER}),
    19: frozenset({Reason.UNKNOWN_ISSUER}),
    20: _ISSUER,
    21: _ISSUER,
    22: frozenset({Reason.LIMIT_EXCEEDED}),
    23: frozenset({Reason.REVOKED}),
    24: frozenset({Reason.NOT_A_CA}),
    25: _USAGE,
    26: _USAGE,
    27: _USAGE,
    28: _USAGE,
    32: _USAGE,
    34: _USAGE,
    37: frozenset({Reason.NOT_A_CA}),
    41: _MALFORMED,
    47: _USAGE,
    48: _USAGE,
    51: _USAGE,
    52: _USAGE,
    53: _USAGE,
    62: frozenset({Reason.HOSTNAME_MISMATCH}),
    64: frozenset({Reason.HOSTNAME_MISMATCH}),
    66: _KEY,
    67: _KEY,
    68: _HASH,
    76: _HASH,
    77: _HASH,
    78: _HASH,
    79: frozenset({Reason.NOT_A_CA}),
    94: frozenset({Reason.UNSUPPORTED_CURVE}),
}

_ALERT = re.compile(r"ALERT_(\w+)$|^TLSV1_(UNRECOGNIZED_NAME|UNSUPPORTED_EXTENSION)$")
_ALERTS: dict[str, tuple[frozenset[Reason], str | None]] = {
    "PROTOCOL_VERSION": (
        frozenset({Reason.UNSUPPORTED_VERSION}),
        "The server speaks none of the versions of TLS that the policy allows.",
    ),
    "INSUFFICIENT_SECURITY": (frozenset({Reason.NO_COMMON_CIPHER}), "The server wants other cipher suites."),
    "UNRECOGNIZED_NAME": (
        frozenset({Reason.SNI_NEEDED}),
        "The server does not know this name: check the host, or give its name (server_name of the policy).",
    ),
    "BAD_RECORD_MAC": (frozenset({Reason.BYTES_LOST}), "Bytes were lost or changed on the way: try again."),
    "CERTIFICATE_REQUIRED": (frozenset({Reason.CLIENT_CERTIFICATE_MISSING}), None),
}
_ABOUT_THE_CLIENT = frozenset(
    {
        "ACCESS_DENIED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED", "CERTIFICATE_UNKNOWN",
        "DECRYPT_ERROR", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE",
    }
)  # fmt: skip
_OWN: dict[str, tuple[frozenset[Reason], str | None]] = {
    name: told
    for names, told in (
        (
            ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE",
             "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"),
            (frozenset({Reason.NOT_TLS}), "Check the port: what answers there does not speak TLS."),
        ),
        (
            ("UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "VERSION_TOO_LOW", "VERSION_TOO_HIGH"),
            (
                frozenset({Reason.UNSUPPORTED_VERSION}),
                "The server chose a version of TLS that the policy does not allow.",
            ),
        ),
        (("NO_CIPHERS_AVAILABLE", "WRONG_CIPHER_RETURNED"), (frozenset({Reason.NO_COMMON_CIPHER}), None)),
        (
            ("DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "MODULUS_TOO_SMALL"),
            (_KEY, "The server's key is too weak for this computer's OpenSSL: the server must change."),
        ),
        (("WRONG_SIGNATURE_TYPE", "NO_SUITABLE_SIGNATURE_ALGORITHM"), (_HASH, None)),
        (("UNSUPPORTED_ELLIPTIC_CURVE", "WRONG_CURVE", "BAD_ECPOINT"),
         (frozenset({Reason.UNSUPPORTED_CURVE}), None)),
        (
            ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "BAD_RECORD_TYPE", "BAD_DECRYPT"),
            (frozenset({Reason.BYTES_LOST}), "Bytes were lost or changed on the way: try again."),
        ),
    )
    for name in names
}  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """Who is on the other side: address, the name that is verified, and the modem's model for errors."""

    host: str
    port: int
    name: str
    model: str
    shows_certificate: bool = False
    """A client certificate is shown to it when it asks for one."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def failure(error: ssl.SSLError | None, peer: Peer, *, established: bool = False) -> TlsError:
    """The error for what OpenSSL says; ``None`` is a connection that ended where it must not."""
    if error is None and established:
        return TlsError(
            f"TLS with {peer} failed: the connection ended.",
            remedy="Try again.",
            reasons={Reason.CONNECTION_LOST},
            model=peer.model,
        )
    if error is None:
        return TlsError(
            f"The TLS handshake with {peer} failed: the server closed the connection without saying why.",
            remedy="Check host and port. Some servers do this when they miss a server name, a client certificate or"
            " a version of TLS.",
            reasons={Reason.HANDSHAKE_FAILED, Reason.CONNECTION_LOST},
            model=peer.model,
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused(error, peer)
    word = error.reason or ""
    asked = f"TLS with {peer} failed" if established else f"The TLS handshake with {peer} failed"
    said = word.replace("_", " ").lower() or "an error without a name"
    alert = _ALERT.search(word)
    if alert is not None:
        name = alert[1] or alert[2]
        reasons, remedy = _of_alert(name, peer)
        return TlsError(
            f"{asked}: the server sent the alert {name.replace('_', ' ').lower()}.",
            remedy=remedy,
            reasons=reasons,
            model=peer.model,
        )
    reasons, remedy = _OWN.get(word, (frozenset({Reason.HANDSHAKE_FAILED}), None))
    return TlsError(
        f"{asked}: OpenSSL on this computer says “{said}”.", remedy=remedy, reasons=reasons, model=peer.model
    )


def _of_alert(name: str, peer: Peer) -> tuple[frozenset[Reason], str | None]:
    give = "Give the client certificate and its key: https(…, certificate=FILE, key=FILE), --cert FILE --key FILE."
    if name in _ABOUT_THE_CLIENT:
        if peer.shows_certificate:
            return (
                frozenset({Reason.CLIENT_CERTIFICATE_REFUSED}),
                "The server did not accept the client certificate: is it of the CA that the server expects?",
            )
        return frozenset({Reason.CLIENT_CERTIFICATE_MISSING}), give
    if name == "CERTIFICATE_REQUIRED":
        return _ALERTS[name][0], give
    if name == "HANDSHAKE_FAILURE":
        # Up to TLS 1.2 servers say this too when a client certificate is missing.
        missing = frozenset() if peer.shows_certificate else frozenset({Reason.CLIENT_CERTIFICATE_MISSING})
        return (
            frozenset({Reason.HANDSHAKE_FAILED, Reason.NO_COMMON_CIPHER}) | missing,
            "The server wants other cipher suites" + (", or a client certificate." if missing else "."),
        )
    return _ALERTS.get(name, (frozenset({Reason.HANDSHAKE_FAILED}), None))


def _refused(error: ssl.SSLCertVerificationError, peer: Peer) -> CertificateError:
    code = error.verify_code
    reasons = _VERIFY.get(code, frozenset({Reason.HANDSHAKE_FAILED}))
    by_clock = (
        f" (this computer's clock says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC)" if code in (9, 10) else ""
    )
    refused = CertificateError(
        f"The certificate of {peer} was refused on this computer: {error.verify_message.rstrip('.')}{by_clock}.",
        remedy=_cure(reasons, peer),
        reasons=reasons,
        model=peer.model,
    )
    refused.verify_code = code
    refused.verify_message = error.verify_message
    return refused


def _cure(reasons: frozenset[Reason], peer: Peer) -> str | None:
    if Reason.SELF_SIGNED in reasons:
        return "Trust this very certificate if it is a CA of yours: modemtls cert trust FILE, or --ca FILE."
    if Reason.UNKNOWN_ISSUER in reasons:
        return (
            "Trust the CA that issued it (modemtls cert trust FILE, or --ca FILE); only the given CAs count, not"
            " those of the operating system. The server must send the intermediates."
        )
    if Reason.HOSTNAME_MISMATCH in reasons:
        return f"The certificate is for other names than {peer.name}: dial a name that stands in its subjectAltName."
    if reasons & {Reason.EXPIRED, Reason.NOT_YET_VALID}:
        return "If this computer's clock is right, the server's certificate must be renewed."
    if reasons & {Reason.WEAK_OR_UNSUPPORTED_KEY, Reason.UNSUPPORTED_HASH}:
        return "The server's certificate, or its CA, is too weak for this computer's OpenSSL: it must be renewed."
    return None
