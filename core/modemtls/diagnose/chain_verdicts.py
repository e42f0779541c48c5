"""What two well-kept verifiers say about a chain: cryptography's the verdict, OpenSSL's the reason code.

Neither is enough alone.  cryptography's verifier is strict, looks at every path and gives a sentence
without a code; OpenSSL gives a code, and the same one (20) for a root that is not trusted and for an
intermediate that is missing.  OpenSSL is asked through pyOpenSSL, which comes with the ``sim`` extra;
without it a judgement says that it was not asked, and never says that all is well for certain.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, Subject

from ..credentials import der
from .chain_parts import Link, shown
from .standards import VERIFY_CODES

__all__ = ["Answer", "ask_cryptography", "ask_openssl"]

_NO_CHECK_TIME = 0x200000
_PARTIAL_CHAIN = 0x80000
_MAX_DEPTH = 8


@dataclass(frozen=True)
class Answer:
    """What a verifier said: ``accepted`` is ``None`` when it was not asked, ``words`` says why or what.

    ``code`` is OpenSSL's ``X509_V_ERR_…`` number; ``sha256s`` the path that was accepted.
    """

    verifier: str
    accepted: bool | None
    words: str
    code: int | None = None
    sha256s: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = {True: "accepts the chain", False: "refuses it", None: "was not asked"}[self.accepted]
        code = f" (code {self.code})" if self.code is not None else ""
        return f"{self.verifier} {said}{code}" + (f": {self.words}" if self.words else "")


def subject_of(host: str, leaf: Link, *, compare: bool) -> Subject | None:
    """The name to ask cryptography's verifier about: the host, or where names do not matter any in the leaf."""
    try:
        if compare:
            return _subject(host)
        for name in leaf.dns_names:
            if "*" not in name and name.isascii():
                return x509.DNSName(name)
        if leaf.dns_names and leaf.dns_names[0].startswith("*."):
            return x509.DNSName("any" + leaf.dns_names[0][1:])
        return _subject(leaf.addresses[0]) if leaf.addresses else None
    except ValueError:
        return None


def _subject(host: str) -> Subject:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        name = host.removesuffix(".")
        return x509.DNSName(name if name.isascii() else name.encode("idna").decode("ascii"))


def ask_cryptography(
    leaf: Link,
    sent: Sequence[Link],
    anchors: Sequence[Link],
    *,
    subject: Subject | None,
    time: datetime | None,
    max_depth: int | None = None,
) -> Answer:
    """The verdict of cryptography's verifier, which checks all there is to check at once."""
    name = "cryptography's verifier"
    if subject is None:
        return Answer(name, None, "no name to compare that it takes")
    if time is None:
        return Answer(name, None, "the certificates are at no time valid together")
    if not anchors:
        return Answer(name, None, "no trust anchor")
    try:
        with der.without_warnings():
            builder = PolicyBuilder().store(Store([link.parsed for link in anchors]))
            builder = builder.time(time).max_chain_depth(_MAX_DEPTH if max_depth is None else max_depth)
            path = builder.build_server_verifier(subject).verify(
                leaf.parsed, [link.parsed for link in sent if link is not leaf]
            )
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as refusal:
        # A panic of the parser is no Exception; whatever it is, the chain was not accepted.
        words = str(refusal).removeprefix("validation failed: ").split(" (encountered processing")[0]
        return Answer(name, False, shown(words, 200))
    digests = {link.parsed: link.record.sha256 for link in [leaf, *sent, *anchors]}
    return Answer(name, True, "", sha256s=tuple(digests.get(each, "") for each in path))


def ask_openssl(
    leaf: Link,
    sent: Sequence[Link],
    anchors: Sequence[Link],
    *,
    time: datetime | None,
    partial: bool = False,
) -> Answer:
    """What OpenSSL says of the chain; names are not compared.

    ``time``: ``None`` leaves dates unchecked.  ``partial``: a path may end at an anchor that is no root.
    """
    name = "OpenSSL"
    try:
        from OpenSSL import crypto
    except ImportError:
        return Answer(name, None, "pyOpenSSL is not installed: pip install 'modemtls[sim]'")
    if not anchors:
        return Answer(name, None, "no trust anchor")
    try:
        store = crypto.X509Store()
        for link in anchors:
            store.add_cert(crypto.X509.from_cryptography(link.parsed))
        if time is not None:
            store.set_time(time)
        store.set_flags((_PARTIAL_CHAIN if partial else 0) | (0 if time is not None else _NO_CHECK_TIME))
        others = [crypto.X509.from_cryptography(link.parsed) for link in sent if link is not leaf]
        crypto.X509StoreContext(
            store, crypto.X509.from_cryptography(leaf.parsed), others
        ).verify_certificate()
    except crypto.X509StoreContextError as refusal:
        code = refusal.errors[0] if refusal.errors else 1
        row = VERIFY_CODES.get(code)
        depth = refusal.errors[1] if len(refusal.errors) > 1 else 0
        words = row.meaning if row is not None else shown(str(refusal), 200)
        return Answer(
            name, False, f"{words}, {depth} above the server's certificate" if depth else words, code
        )
    except Exception as refusal:  # its own errors are of many kinds
        return Answer(name, False, f"a certificate cannot be used: {shown(str(refusal), 120)}")
    return Answer(name, True, "")
