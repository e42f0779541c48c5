"""What the numbers of TLS standards and libraries mean, as reasons.

Four public vocabularies, one row a number: TLS alerts (IANA, "TLS Alerts"), verify codes (OpenSSL's
``X509_V_ERR_…``, which Python's :attr:`ssl.SSLCertVerificationError.verify_code` passes on), Mbed TLS's
verification flags and libcurl's CURLcodes.  A row has the *set* of reasons that the number leaves open;
a number without a row means nothing that helps.  Nothing here imports ssl: importing stays light.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import Reason

__all__ = [
    "ALERTS",
    "CURL_CODES",
    "MBEDTLS_FLAGS",
    "VERIFY_CODES",
    "Standard",
    "reasons_of_alert",
    "reasons_of_curl_code",
    "reasons_of_mbedtls_flags",
    "reasons_of_verify_code",
    "verify_code_of",
]


@dataclass(frozen=True)
class Standard:
    """One number of a vocabulary: its name there, the reasons it leaves open, and a sentence."""

    number: int
    name: str
    reasons: frozenset[Reason]
    meaning: str
    source: str


def _table(source: str, rows: Iterable[tuple[int, str, tuple[Reason, ...], str]]) -> dict[int, Standard]:
    return {
        number: Standard(number, name, frozenset(reasons), meaning, source)
        for number, name, reasons, meaning in rows
    }


_R = Reason
_DATES = (_R.EXPIRED, _R.NOT_YET_VALID)
_UNTRUSTED = (_R.UNKNOWN_ISSUER, _R.MISSING_INTERMEDIATE)
_UNTRUSTED_OR_LEAF = (*_UNTRUSTED, _R.LEAF_AS_ANCHOR)
_ALGORITHMS = (_R.WEAK_OR_UNSUPPORTED_KEY, _R.UNSUPPORTED_HASH, _R.UNSUPPORTED_CURVE)
_ANY_REFUSAL = (
    *_DATES,
    *_UNTRUSTED_OR_LEAF,
    _R.SELF_SIGNED,
    _R.HOSTNAME_MISMATCH,
    _R.WRONG_USAGE,
    _R.BAD_SIGNATURE,
    _R.NAME_CONSTRAINTS,
    _R.CHAIN_ORDER,
    _R.CHAIN_TOO_LONG,
    *_ALGORITHMS,
)

ALERTS = _table(
    "RFC 8446 section 6, RFC 5246 section 7.2; IANA TLS Alerts",
    (
        (0, "close_notify", (), "the connection ends here, in order"),
        (10, "unexpected_message", (_R.HANDSHAKE_FAILED,), "a message came that has no place there"),
        (20, "bad_record_mac", (_R.HANDSHAKE_FAILED,), "a record was damaged or made with another key"),
        (22, "record_overflow", (_R.TOO_LARGE,), "a record is larger than allowed"),
        (30, "decompression_failure", (_R.HANDSHAKE_FAILED,), "compressed data could not be read"),
        (
            40,
            "handshake_failure",
            (_R.HANDSHAKE_FAILED, _R.NO_COMMON_CIPHER, _R.CLIENT_CERTIFICATE_MISSING, _R.SNI_NEEDED),
            "the two found nothing in common, often no cipher suite or curve",
        ),
        (41, "no_certificate", (_R.CLIENT_CERTIFICATE_MISSING,), "the client has no certificate (SSL 3.0)"),
        (42, "bad_certificate", _ANY_REFUSAL, "a certificate was refused, for a reason that is not told"),
        (
            43,
            "unsupported_certificate",
            (_R.WRONG_USAGE, *_ALGORITHMS),
            "a certificate is of a kind, or for a use, that is not supported",
        ),
        (44, "certificate_revoked", (_R.REVOKED,), "a certificate was withdrawn by its issuer"),
        (45, "certificate_expired", _DATES, "a certificate is out of date by the clock of who said so"),
        (46, "certificate_unknown", _ANY_REFUSAL, "a certificate was refused, for a reason that is not told"),
        (47, "illegal_parameter", (_R.HANDSHAKE_FAILED,), "a value in the handshake is not allowed"),
        (
            48,
            "unknown_ca",
            (*_UNTRUSTED_OR_LEAF, _R.SELF_SIGNED, _R.NO_TRUST_ANCHOR, _R.CHAIN_ORDER),
            "no chain leads from the certificate to a trusted CA",
        ),
        (
            49,
            "access_denied",
            (_R.CLIENT_CERTIFICATE_REFUSED,),
            "the certificate is valid, and its owner may not come in",
        ),
        (50, "decode_error", (_R.MALFORMED, _R.TOO_LARGE), "a message could not be read"),
        (51, "decrypt_error", (_R.BAD_SIGNATURE, _R.KEY_MISMATCH), "a signature or a proof did not fit"),
        (60, "export_restriction", (_R.NO_COMMON_CIPHER,), "export rules of old forbid it"),
        (70, "protocol_version", (_R.UNSUPPORTED_VERSION,), "no version of TLS in common"),
        (71, "insufficient_security", (_R.NO_COMMON_CIPHER, *_ALGORITHMS), "what was offered is too weak"),
        (80, "internal_error", (_R.OUT_OF_MEMORY, _R.HANDSHAKE_FAILED), "something failed on the inside"),
        (86, "inappropriate_fallback", (_R.UNSUPPORTED_VERSION,), "an older version was tried without need"),
        (90, "user_canceled", (), "the handshake was given up on purpose"),
        (100, "no_renegotiation", (), "a second handshake is not made"),
        (109, "missing_extension", (_R.HANDSHAKE_FAILED, _R.SNI_NEEDED), "an extension is missing"),
        (110, "unsupported_extension", (_R.HANDSHAKE_FAILED,), "an extension came that was not asked for"),
        (111, "certificate_unobtainable", (_R.CLIENT_CERTIFICATE_MISSING,), "a certificate was not found"),
        (112, "unrecognized_name", (_R.SNI_NEEDED, _R.HOSTNAME_MISMATCH), "no server of that name is here"),
        (113, "bad_certificate_status_response", (_R.REVOKED,), "the stapled OCSP answer is invalid"),
        (114, "bad_certificate_hash_value", (_R.BAD_SIGNATURE,), "a certificate is not the one announced"),
        (115, "unknown_psk_identity", (_R.CLIENT_CERTIFICATE_REFUSED,), "the pre-shared key is not known"),
        (
            116,
            "certificate_required",
            (_R.CLIENT_CERTIFICATE_MISSING,),
            "the server wants a client certificate and got none",
        ),
        (120, "no_application_protocol", (_R.HANDSHAKE_FAILED,), "no application protocol in common"),
        (121, "ech_required", (_R.SNI_NEEDED,), "the encrypted ClientHello could not be read"),
    ),
)
"""TLS alerts by number."""

VERIFY_CODES = _table(
    "OpenSSL 3, x509_vfy.h",
    (
        (1, "UNSPECIFIED", (_R.HANDSHAKE_FAILED,), "the certificate was refused without a reason"),
        (2, "UNABLE_TO_GET_ISSUER_CERT", _UNTRUSTED, "a certificate's issuer is neither sent nor trusted"),
        (4, "UNABLE_TO_DECRYPT_CERT_SIGNATURE", (_R.BAD_SIGNATURE,), "a signature cannot be read"),
        (
            6,
            "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
            (_R.WEAK_OR_UNSUPPORTED_KEY, _R.MALFORMED),
            "an issuer's key cannot be read",
        ),
        (
            7,
            "CERT_SIGNATURE_FAILURE",
            (_R.BAD_SIGNATURE, _R.UNKNOWN_ISSUER),
            "a signature does not fit the issuer's key",
        ),
        (9, "CERT_NOT_YET_VALID", (_R.NOT_YET_VALID,), "a certificate's time has not come"),
        (10, "CERT_HAS_EXPIRED", (_R.EXPIRED,), "a certificate's time is over"),
        (13, "ERROR_IN_CERT_NOT_BEFORE_FIELD", (_R.MALFORMED,), "a start date cannot be read"),
        (14, "ERROR_IN_CERT_NOT_AFTER_FIELD", (_R.MALFORMED,), "an end date cannot be read"),
        (17, "OUT_OF_MEM", (_R.OUT_OF_MEMORY,), "there was not enough memory to verify"),
        (
            18,
            "DEPTH_ZERO_SELF_SIGNED_CERT",
            (_R.SELF_SIGNED,),
            "the server's certificate vouches for itself and is not trusted",
        ),
        (
            19,
            "SELF_SIGNED_CERT_IN_CHAIN",
            (_R.UNKNOWN_ISSUER,),
            "the chain ends in a root that is not trusted",
        ),
        (
            20,
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            _UNTRUSTED_OR_LEAF,
            "a certificate's issuer is neither sent nor trusted",
        ),
        (
            21,
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            _UNTRUSTED_OR_LEAF,
            "the server sent one certificate, and its issuer is not trusted",
        ),
        (22, "CERT_CHAIN_TOO_LONG", (_R.CHAIN_TOO_LONG,), "the chain is longer than allowed"),
        (23, "CERT_REVOKED", (_R.REVOKED,), "a certificate was withdrawn by its issuer"),
        (24, "NO_ISSUER_PUBLIC_KEY", (_R.NOT_A_CA, _R.MALFORMED), "an issuer has no usable key"),
        (25, "PATH_LENGTH_EXCEEDED", (_R.CHAIN_TOO_LONG,), "a CA allows fewer certificates below it"),
        (26, "INVALID_PURPOSE", (_R.WRONG_USAGE,), "a certificate was issued for another use"),
        (27, "CERT_UNTRUSTED", _UNTRUSTED, "a certificate is marked as not trusted for this use"),
        (28, "CERT_REJECTED", (_R.WRONG_USAGE,), "a certificate is marked as refused for this use"),
        (29, "SUBJECT_ISSUER_MISMATCH", _UNTRUSTED, "a name does not fit its issuer's"),
        (30, "AKID_SKID_MISMATCH", (_R.UNKNOWN_ISSUER,), "the issuer's key is another one than named"),
        (31, "AKID_ISSUER_SERIAL_MISMATCH", (_R.UNKNOWN_ISSUER,), "the issuer is another one than named"),
        (32, "KEYUSAGE_NO_CERTSIGN", (_R.WRONG_USAGE, _R.NOT_A_CA), "an issuer's key may not issue"),
        (34, "UNHANDLED_CRITICAL_EXTENSION", (_R.WRONG_USAGE,), "a critical extension is not understood"),
        (37, "INVALID_NON_CA", (_R.WRONG_USAGE,), "a certificate has the marks of a CA and is none"),
        (39, "KEYUSAGE_NO_DIGITAL_SIGNATURE", (_R.WRONG_USAGE,), "a key may not make signatures"),
        (41, "INVALID_EXTENSION", (_R.MALFORMED,), "an extension cannot be read"),
        (47, "PERMITTED_VIOLATION", (_R.NAME_CONSTRAINTS,), "a CA may not issue for that name"),
        (48, "EXCLUDED_VIOLATION", (_R.NAME_CONSTRAINTS,), "a CA may not issue for that name"),
        (49, "SUBTREE_MINMAX", (_R.NAME_CONSTRAINTS,), "a name constraint is of an unknown form"),
        (
            51,
            "UNSUPPORTED_CONSTRAINT_TYPE",
            (_R.NAME_CONSTRAINTS,),
            "a name constraint is of an unknown kind",
        ),
        (52, "UNSUPPORTED_CONSTRAINT_SYNTAX", (_R.NAME_CONSTRAINTS,), "a name constraint cannot be read"),
        (
            53,
            "UNSUPPORTED_NAME_SYNTAX",
            (_R.NAME_CONSTRAINTS,),
            "a name cannot be compared with a constraint",
        ),
        (55, "PATH_LOOP", (_R.CHAIN_TOO_LONG,), "the chain goes round in a circle"),
        (62, "HOSTNAME_MISMATCH", (_R.HOSTNAME_MISMATCH,), "the certificate was issued for another name"),
        (64, "IP_ADDRESS_MISMATCH", (_R.HOSTNAME_MISMATCH,), "the certificate is for another address"),
        (66, "EE_KEY_TOO_SMALL", (_R.WEAK_OR_UNSUPPORTED_KEY,), "the server's key is too small"),
        (67, "CA_KEY_TOO_SMALL", (_R.WEAK_OR_UNSUPPORTED_KEY,), "a CA's key is too small"),
        (68, "CA_MD_TOO_WEAK", (_R.UNSUPPORTED_HASH,), "a signature's hash is too weak"),
        (
            76,
            "UNSUPPORTED_SIGNATURE_ALGORITHM",
            (_R.UNSUPPORTED_HASH, _R.WEAK_OR_UNSUPPORTED_KEY),
            "a signature's algorithm is not supported",
        ),
        (77, "SIGNATURE_ALGORITHM_MISMATCH", (_R.MALFORMED,), "a signature is of another kind than its key"),
        (79, "INVALID_CA", (_R.NOT_A_CA, _R.WRONG_USAGE), "a certificate issued others and is no CA"),
        (94, "EC_KEY_EXPLICIT_PARAMS", (_R.UNSUPPORTED_CURVE,), "a key is on a curve without a name"),
    ),
)
"""Verify codes by number; names without ``X509_V_ERR_``."""

MBEDTLS_FLAGS = _table(
    "Mbed TLS, x509.h",
    (
        (0x01, "EXPIRED", (_R.EXPIRED,), "a certificate's time is over"),
        (0x02, "REVOKED", (_R.REVOKED,), "a certificate was withdrawn by its issuer"),
        (0x04, "CN_MISMATCH", (_R.HOSTNAME_MISMATCH,), "the certificate was issued for another name"),
        (0x08, "NOT_TRUSTED", (*_UNTRUSTED_OR_LEAF, _R.SELF_SIGNED), "no trusted CA issued the chain"),
        (0x40, "MISSING", (_R.CLIENT_CERTIFICATE_MISSING,), "no certificate came"),
        (0x100, "OTHER", (_R.CHAIN_TOO_LONG, _R.HANDSHAKE_FAILED), "refused for a reason that is not told"),
        (0x200, "FUTURE", (_R.NOT_YET_VALID,), "a certificate's time has not come"),
        (0x800, "KEY_USAGE", (_R.WRONG_USAGE,), "a key may not be used so"),
        (0x1000, "EXT_KEY_USAGE", (_R.WRONG_USAGE,), "a certificate was issued for another use"),
        (0x2000, "NS_CERT_TYPE", (_R.WRONG_USAGE,), "a certificate was issued for another use"),
        (0x4000, "BAD_MD", (_R.UNSUPPORTED_HASH,), "a signature's hash is not accepted"),
        (0x8000, "BAD_PK", (_R.WEAK_OR_UNSUPPORTED_KEY,), "a kind of key is not accepted"),
        (
            0x10000,
            "BAD_KEY",
            (_R.WEAK_OR_UNSUPPORTED_KEY, _R.UNSUPPORTED_CURVE),
            "a key's size or curve is not accepted",
        ),
    ),
)
"""Mbed TLS's verification flags, one bit each; names without ``MBEDTLS_X509_BADCERT_``."""

CURL_CODES = _table(
    "libcurl, curl.h",
    (
        (6, "COULDNT_RESOLVE_HOST", (_R.NAME_NOT_RESOLVED,), "the name does not resolve"),
        (7, "COULDNT_CONNECT", (_R.REFUSED, _R.CONNECTION_LOST), "no connection came about"),
        (27, "OUT_OF_MEMORY", (_R.OUT_OF_MEMORY,), "there was not enough memory"),
        (28, "OPERATION_TIMEDOUT", (_R.TIMEOUT,), "nothing came in time"),
        (
            35,
            "SSL_CONNECT_ERROR",
            (_R.HANDSHAKE_FAILED, _R.NO_COMMON_CIPHER, _R.UNSUPPORTED_VERSION, _R.NOT_TLS, _R.SNI_NEEDED),
            "the TLS handshake failed",
        ),
        (51, "PEER_FAILED_VERIFICATION (before 7.62)", (_R.HOSTNAME_MISMATCH,), "the name does not fit"),
        (52, "GOT_NOTHING", (_R.CONNECTION_LOST,), "the server said nothing"),
        (55, "SEND_ERROR", (_R.CONNECTION_LOST,), "data could not be sent"),
        (
            56,
            "RECV_ERROR",
            (_R.CONNECTION_LOST, _R.CLIENT_CERTIFICATE_MISSING, _R.CLIENT_CERTIFICATE_REFUSED),
            "data could not be received; by TLS 1.3 a server refuses a client certificate so late",
        ),
        (58, "SSL_CERTPROBLEM", (_R.CLIENT_CERTIFICATE_REFUSED, _R.KEY_MISMATCH), "the client's certificate"),
        (59, "SSL_CIPHER", (_R.NO_COMMON_CIPHER,), "a cipher suite cannot be used"),
        (60, "PEER_FAILED_VERIFICATION", _ANY_REFUSAL, "the server's certificate was refused"),
        (
            77,
            "SSL_CACERT_BADFILE",
            (_R.NO_TRUST_ANCHOR, _R.SLOT_EMPTY, _R.SLOT_UNREADABLE, _R.PROFILE_ILLEGAL),
            "the CA could not be loaded",
        ),
        (83, "SSL_ISSUER_ERROR", (_R.UNKNOWN_ISSUER,), "the issuer is another one than demanded"),
        (90, "SSL_PINNEDPUBKEYNOTMATCH", (_R.KEY_MISMATCH,), "the server's key is not the pinned one"),
        (91, "SSL_INVALIDCERTSTATUS", (_R.REVOKED,), "the server's certificate status is not good"),
        (98, "SSL_CLIENTCERT", (_R.CLIENT_CERTIFICATE_MISSING,), "the server wants a client certificate"),
    ),
)
"""libcurl's codes that concern a connection; names without ``CURLE_``."""

_CODE_OF = {
    _R.NOT_YET_VALID: 9,
    _R.EXPIRED: 10,
    _R.SELF_SIGNED: 18,
    _R.UNKNOWN_ISSUER: 20,
    _R.MISSING_INTERMEDIATE: 20,
    _R.LEAF_AS_ANCHOR: 20,
    _R.NO_TRUST_ANCHOR: 20,
    _R.CHAIN_TOO_LONG: 22,
    _R.REVOKED: 23,
    _R.WRONG_USAGE: 26,
    _R.NAME_CONSTRAINTS: 47,
    _R.HOSTNAME_MISMATCH: 62,
    _R.WEAK_OR_UNSUPPORTED_KEY: 66,
    _R.UNSUPPORTED_HASH: 68,
    _R.BAD_SIGNATURE: 7,
    _R.NOT_A_CA: 79,
    _R.CLOCK_UNSET: 9,
}


def _reasons(table: dict[int, Standard], number: int) -> frozenset[Reason]:
    row = table.get(number)
    return row.reasons if row is not None else frozenset()


def reasons_of_alert(number: int) -> frozenset[Reason]:
    """What a TLS alert leaves open; empty for one that is unknown or says nothing."""
    return _reasons(ALERTS, number)


def reasons_of_verify_code(number: int) -> frozenset[Reason]:
    """What an ``X509_V_ERR_…`` number leaves open; empty for one that is not in the table."""
    return _reasons(VERIFY_CODES, number)


def reasons_of_curl_code(number: int) -> frozenset[Reason]:
    """What a CURLcode leaves open; empty for one that does not concern a connection."""
    return _reasons(CURL_CODES, number)


def reasons_of_mbedtls_flags(flags: int) -> frozenset[Reason]:
    """What Mbed TLS's verification flags say: the reasons of every bit that is set."""
    return frozenset(r for bit, row in MBEDTLS_FLAGS.items() if flags & bit for r in row.reasons)


def verify_code_of(reason: Reason, *, address: bool = False) -> int | None:
    """The ``X509_V_ERR_…`` number that OpenSSL would give; ``None`` where it has none.

    ``address``: the host is an IP address, for which a mismatch has a number of its own.
    """
    if address and reason is Reason.HOSTNAME_MISMATCH:
        return 64
    return _CODE_OF.get(reason)
