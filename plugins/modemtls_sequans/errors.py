"""What the numbers of these modems mean, and how sure that is.

Namespaces: ``http`` (``+SQNHTTPCONNECT``, ``+SQNHTTPSH``: libcurl's CURLcode), ``socket`` (the result of
an asynchronous dial), ``cme`` (3GPP TS 27.007, with 4 as a catch-all), ``final`` (results of V.250).
"""

from __future__ import annotations

from modemtls import (
    Certainty,
    CertificateError,
    CommandError,
    ErrorEntry,
    HttpError,
    ModemError,
    NetworkError,
    Reason,
    TlsError,
    with_standard,
)

__all__ = ["ERRORS"]

_SEEN = "seen on a wire; the meaning is libcurl's CURLcode of that number"
_CURL = "libcurl's CURLcode of that number; not seen on a wire"
_ASYNC = "public driver of a GM02SP board"

_CLOCK_AND_CA = "Check the modem's clock (modemtls clock) and which CA is trusted (modemtls cert list)."


def _http(
    number: int,
    name: str,
    error: type[ModemError],
    meaning: str,
    *reasons: Reason,
    remedy: str | None = None,
) -> ErrorEntry:
    seen = number in (6, 77)
    return ErrorEntry(
        "http",
        number,
        name,
        error,
        frozenset(reasons),
        meaning,
        Certainty.DERIVED if seen else Certainty.GUESSED,
        _SEEN if seen else _CURL,
        remedy,
    )


def _socket(
    number: int, name: str, error: type[ModemError], meaning: str, *reasons: Reason, remedy: str | None = None
) -> ErrorEntry:
    return ErrorEntry(
        "socket", number, name, error, frozenset(reasons), meaning, Certainty.STATED, _ASYNC, remedy
    )


R = Reason

ERRORS = with_standard(
    (
        _http(3, "URL_MALFORMAT", HttpError, "the server address is malformed", R.INVALID_PARAMETER,
              remedy="The address is a bare host name, without a path."),
        _http(5, "COULDNT_RESOLVE_PROXY", NetworkError, "the proxy's name was not resolved", R.NAME_NOT_RESOLVED),
        _http(6, "COULDNT_RESOLVE_HOST", NetworkError, "the host's name was not resolved", R.NAME_NOT_RESOLVED,
              R.NO_PDP_CONTEXT, remedy="Check the name, then APN and registration: modemtls network."),
        _http(7, "COULDNT_CONNECT", NetworkError, "the server could not be reached", R.REFUSED,
              remedy="Check host and port, and whether a firewall is in between."),
        _http(8, "WEIRD_SERVER_REPLY", HttpError, "the server's answer makes no sense", R.MALFORMED_RESPONSE,
              remedy="Check the port: another service may be there."),
        _http(16, "HTTP2", HttpError, "the server speaks HTTP/2 wrongly", R.MALFORMED_RESPONSE),
        _http(18, "PARTIAL_FILE", HttpError, "the body ended before its length", R.INCOMPLETE_BODY, R.CONNECTION_LOST,
              remedy="Try again; what came is not whole."),
        _http(22, "HTTP_RETURNED_ERROR", HttpError, "the server answered with a status of 400 or more",
              R.HTTP_STATUS),
        _http(27, "OUT_OF_MEMORY", TlsError, "the modem ran out of memory", R.OUT_OF_MEMORY, R.TOO_LARGE,
              remedy="The server's chain may be too large for it: a shorter one, or EC keys, help."),
        _http(28, "OPERATION_TIMEDOUT", NetworkError, "the server did not answer in time", R.TIMEOUT,
              remedy="Look at the signal, and at the server."),
        _http(35, "SSL_CONNECT_ERROR", TlsError, "the TLS handshake failed", R.HANDSHAKE_FAILED,
              R.UNSUPPORTED_VERSION,
              R.NO_COMMON_CIPHER, remedy="Compare the TLS versions and ciphers of server and modem: modemtls models."),
        _http(47, "TOO_MANY_REDIRECTS", HttpError, "too many redirects", R.TOO_MANY_REDIRECTS),
        _http(51, "PEER_FAILED_VERIFICATION", CertificateError, "the server's certificate was refused",
              R.HOSTNAME_MISMATCH, remedy="Compare the host's name with the names in the certificate."),
        _http(52, "GOT_NOTHING", HttpError, "the server closed without an answer", R.MALFORMED_RESPONSE,
              R.CONNECTION_LOST),
        _http(53, "SSL_ENGINE_NOTFOUND", TlsError, "the crypto engine was not found", R.NOT_SUPPORTED),
        _http(54, "SSL_ENGINE_SETFAILED", TlsError, "the crypto engine could not be used", R.NOT_SUPPORTED),
        _http(55, "SEND_ERROR", NetworkError, "sending failed", R.CONNECTION_LOST),
        _http(56, "RECV_ERROR", NetworkError, "receiving failed: the connection was lost", R.CONNECTION_LOST),
        _http(58, "SSL_CERTPROBLEM", TlsError, "the client certificate or its key cannot be used",
              R.CLIENT_CERTIFICATE_REFUSED, R.KEY_MISMATCH, remedy="Import certificate and key again, as a pair."),
        _http(59, "SSL_CIPHER", TlsError, "the cipher list cannot be used", R.NO_COMMON_CIPHER, R.PROFILE_ILLEGAL,
              remedy="Look at the cipher suites of the security profile: modemtls profile show"),
        _http(60, "PEER_FAILED_VERIFICATION", CertificateError, "the server's certificate was refused",
              R.UNKNOWN_ISSUER, R.MISSING_INTERMEDIATE, R.NOT_YET_VALID, R.EXPIRED, R.HOSTNAME_MISMATCH, R.SELF_SIGNED,
              remedy=_CLOCK_AND_CA),
        _http(66, "SSL_ENGINE_INITFAILED", TlsError, "the crypto engine did not start", R.NOT_SUPPORTED),
        _http(77, "SSL_CACERT_BADFILE", TlsError,
              "the CA could not be loaded, or the security profile is illegal", R.SLOT_EMPTY, R.SLOT_UNREADABLE,
              R.PROFILE_ILLEGAL, R.NO_TRUST_ANCHOR,
              remedy="Look at the security profile and its CA slot: modemtls profile show, modemtls cert list."),
        _http(80, "SSL_SHUTDOWN_FAILED", TlsError, "the TLS connection was not closed in order", R.CONNECTION_LOST),
        _http(82, "SSL_CRL_BADFILE", TlsError, "the revocation list could not be loaded", R.SLOT_UNREADABLE),
        _http(83, "SSL_ISSUER_ERROR", CertificateError, "the issuer check failed",
              R.UNKNOWN_ISSUER, remedy=_CLOCK_AND_CA),
        _http(90, "SSL_PINNEDPUBKEYNOTMATCH", CertificateError, "the server's key is not the pinned one",
              R.UNKNOWN_ISSUER),
        _http(91, "SSL_INVALIDCERTSTATUS", CertificateError, "the certificate's status is not good", R.REVOKED),
        _http(98, "SSL_CLIENTCERT", TlsError, "the server wants a client certificate", R.CLIENT_CERTIFICATE_MISSING,
              remedy="Give one: modemtls request --cert FILE --key FILE."),
        _socket(-1, "no carrier", NetworkError, "no connection was made", R.NAME_NOT_RESOLVED,
              R.NO_PDP_CONTEXT, R.TIMEOUT,
                remedy="Check the host's name, then the network: modemtls network."),
        _socket(-2, "unknown", CommandError, "the connection was not made, and the modem gives no cause"),
        _socket(-3, "refused", NetworkError, "the connection was refused", R.REFUSED, remedy="Check host and port."),
        _socket(-4, "authentication rejected", NetworkError, "the network refused the authentication",
              R.NO_PDP_CONTEXT),
        _socket(-5, "TLS error", TlsError, "TLS failed; the modem has one code for every cause of that",
                R.HANDSHAKE_FAILED,
                remedy=_CLOCK_AND_CA + " The modem's HTTP client (--http modem) tells causes apart."),
        ErrorEntry("cme", 4, "operation not supported", CommandError,
                   frozenset({R.NOT_SUPPORTED, R.INVALID_PARAMETER, R.TOO_LARGE, R.NO_PDP_CONTEXT}),
                   "the modem's catch-all: a bad value, an object that is too large, no network, or stray data",
                   Certainty.STATED, "public wire captures of GM02SP and GM01Q"),
    )
)  # fmt: skip
