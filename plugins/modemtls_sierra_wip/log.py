"""What a log or a piece of Open AT code shows: the library's words explained, and what fits its one number.

The Security plug-in has one number for every certificate that it refuses, and nobody has published another.  So the
causes are a set, each of them guessed; the order is that of how often a cause fits what people report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from modemtls import Certainty, Finding, Reason, Severity, Term

if TYPE_CHECKING:
    from modemtls.paste import Entry, Paste

__all__ = ["TERMS", "read_log"]

_THREAD = "public forum thread of the vendor on a Q2686RD, firmware 7.44, Security plug-in 1.4"
_SAMPLES = "public Open AT samples of the WIP library"
_S, _D, _G = Certainty.STATED, Certainty.DERIVED, Certainty.GUESSED

TERMS = (
    Term("WIP_CEV_OPEN", "the connection is open; with the Security plug-in the handshake is complete", _S, _THREAD),
    Term("WIP_CEV_ERROR", "the connection failed; errnum says why, as far as it says anything", _S, _THREAD),
    Term("WIP_CEV_READ", "bytes can be read; it comes again only when all of them were", _S, _SAMPLES),
    Term("WIP_CEV_WRITE", "more bytes can be written", _S, _SAMPLES),
    Term("WIP_CEV_PEER_CLOSE", "the other side has closed", _S, _SAMPLES),
    Term("errnum", "the number in WIP_CEV_ERROR; 1 is a refused certificate, others are not published", _S, _THREAD),
    Term(
        "wip_SSLInitOpts",
        "sets certificate, key, CA and verification for the whole application; 0 says nothing about the CA",
        _S, _THREAD,
    ),
    Term("wip_SSLClientCreateOpts", "makes a TLS connection; NULL means not licensed, or no memory", _D, _SAMPLES),
    Term("WIP_COPT_CERT_AUTHORITY", "the CA that servers are verified against, probably as PEM", _D, _THREAD),
    Term("WIP_COPT_CERT", "the modem's own certificate", _S, _THREAD),
    Term("WIP_COPT_VERIFY", "whether the server's certificate is verified", _S, _THREAD),
    Term("WIP_SSL_ALWAYS", "verify at each connection", _S, _THREAD),
    Term("WIP_SSL_ONCE", "verify once; what that means for later connections is not published", _G, _THREAD),
    Term("WIP_SSL_NEVER", "verify nothing: anybody on the way can pretend to be the server", _S, _THREAD),
    Term("WIP_COPT_SESSION", "resume a saved TLS session", _S, _THREAD),
    Term("__Security_PLUGIN_VERSION__", "is defined when the Security plug-in is in the build", _S, _THREAD),
)  # fmt: skip

_REFUSED = re.compile(r"errnum\W{0,4}\s*==\s*1\b|[Bb]ad certificate|errnum[ :=]+1\b")


def read_log(paste: Paste) -> Iterator[Finding]:
    """Findings for a refused certificate, for a connection that verifies nothing, and for the clock."""
    refused = [entry for entry in paste.entries if _REFUSED.search(entry.text)]
    if refused:
        yield from _candidates(refused)
    for entry in paste.entries:
        if "WIP_SSL_NEVER" in entry.text:
            yield Finding(
                Reason.NO_TRUST_ANCHOR, Severity.WARNING, Certainty.STATED,
                "WIP_SSL_NEVER verifies nothing: anybody on the way can pretend to be the server.",
                "Find out what is refused instead: set the clock, and give the root of the server's chain.",
                (entry.shown,), _THREAD,
            )  # fmt: skip
            break


def _candidates(refused: list[Entry]) -> Iterator[Finding]:
    evidence = tuple(entry.shown for entry in refused[:3])
    for reason, message, remedy in (
        (
            Reason.NOT_YET_VALID,
            "The clock of the modem may stand at 1998, where it begins at each power-up: no certificate of today is"
            " valid then. One that was made for tests may be, or may begin early enough.",
            "Read it with AT+CCLK? and set it: modemtls clock --set now",
        ),
        (
            Reason.LEAF_AS_ANCHOR,
            "The server's own certificate may have been given as the CA. That works when it is self-signed, and fails"
            " when a CA has issued it.",
            "Give the root certificate of that CA: modemtls cert lint FILE says which one a file holds.",
        ),
        (
            Reason.MISSING_INTERMEDIATE,
            "The server may send its certificate without the intermediate one; browsers find that by themselves.",
            "Look at the chain that it sends, and have the server send all but the root, or store the intermediate"
            " too.",
        ),
        (
            Reason.UNSUPPORTED_HASH,
            "The certificate may be signed with SHA-256 or later, which a plug-in of 2010 may not know; what it knows"
            " is not published.",
            "Try TLS by the host over a plain connection: modemtls request --tls host.",
        ),
        (
            Reason.WEAK_OR_UNSUPPORTED_KEY,
            "The key in the chain may be of a size or kind that the plug-in does not take; its limits are not"
            " published.",
            "Try TLS by the host over a plain connection: modemtls request --tls host.",
        ),
    ):
        yield Finding(reason, Severity.ERROR, Certainty.GUESSED, message, remedy, evidence, _THREAD)
