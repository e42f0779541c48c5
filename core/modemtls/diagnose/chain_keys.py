"""Keys, hashes, sizes and versions of a chain against what a TLS stack takes.

All of it depends on the stack: a bound that is stated gives a derived finding, one that is assumed gives
a guess.  The hash of a trust anchor's own signature is not looked at: nobody checks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..policy import TlsVersion
from ..stack import StackProfile, Trait
from .chain_parts import Link
from .faults import Fault, Rank, surest
from .view import ServerView

__all__ = ["key_faults", "size_faults", "version_faults"]

_USUAL_ROOM = 16_384
_PER_CERTIFICATE = 3
"""Bytes of length before each certificate in the TLS message (RFC 8446 section 4.4.2)."""
_KINDS = {"rsa": "RSA", "ec": "elliptic curve", "dsa": "DSA", "ed25519": "Ed25519", "ed448": "Ed448"}


def key_faults(links: Sequence[Link], anchors: Sequence[Link], stack: StackProfile) -> list[Fault]:
    """Keys, curves and hashes that the stack does not take; ``anchors`` is the end of the path."""
    faults = [fault for link in (*links, *anchors) for fault in _key(link, stack)]
    faults += [fault for link in links for fault in _hash(link, stack)]
    return faults


def _not_taken(reason: Reason, link: Link, what: str, remedy: str, trait: Trait[object]) -> Fault:
    known = "" if trait.is_known else " (assumed)"
    finding = Finding(
        reason,
        Severity.ERROR,
        surest(trait),
        f"{link.name} has {what} for this model's TLS stack{known}.",
        remedy,
        (link.digest,),
        trait.source,
    )
    return Fault(finding, Rank.KEYS)


def _key(link: Link, stack: StackProfile) -> Iterator[Fault]:
    kind, bits = link.record.key_type, link.record.key_bits or 0
    weak = Reason.WEAK_OR_UNSUPPORTED_KEY
    if kind not in stack.key_types.value:
        name = _KINDS.get(kind, "unknown")
        taken = " or ".join(_KINDS.get(each, each) for each in sorted(stack.key_types.value)) or "none"
        remedy = f"Have the server show a chain with keys of this kind: {taken}."
        yield _not_taken(
            weak, link, f"a key of a kind ({name}) that is not known to work", remedy, stack.key_types
        )
    elif kind == "rsa" and bits < stack.min_rsa_bits.value:
        what = f"an RSA key of {bits} bits, fewer than the {stack.min_rsa_bits.value} that are the least"
        yield _not_taken(weak, link, what, "Have it issued for an RSA key of 2048 bits.", stack.min_rsa_bits)
    elif kind == "rsa" and stack.max_rsa_bits.value is not None and bits > stack.max_rsa_bits.value:
        what = f"an RSA key of {bits} bits, more than the {stack.max_rsa_bits.value} that are the most"
        yield _not_taken(weak, link, what, "Have it issued for a smaller key.", stack.max_rsa_bits)
    elif kind == "ec" and stack.curves.value is not None and link.record.curve not in stack.curves.value:
        what = f"a key on the curve {link.record.curve}, which is not among those known to work"
        remedy = f"Have it issued for a key on {' or '.join(sorted(stack.curves.value)) or 'no curve'}."
        yield _not_taken(Reason.UNSUPPORTED_CURVE, link, what, remedy, stack.curves)


def _hash(link: Link, stack: StackProfile) -> Iterator[Fault]:
    used = link.record.signature_hash
    if stack.hashes.value is None or used is None or used in stack.hashes.value:
        return
    what = f"a signature with {used.upper()}, which is too weak or unknown"
    yield _not_taken(Reason.UNSUPPORTED_HASH, link, what, "Have it issued anew with SHA-256.", stack.hashes)


def size_faults(view: ServerView, stack: StackProfile) -> list[Fault]:
    """Number and size of the sent certificates against what the stack takes."""
    faults = []
    number = len(view.chain)
    size = sum(len(data) + _PER_CERTIFICATE for data in view.chain)
    most, room = stack.max_certificates, stack.max_chain_bytes
    if most.value is not None and number > most.value:
        faults.append(
            Fault(
                Finding(
                    Reason.CHAIN_TOO_LONG,
                    Severity.ERROR,
                    surest(most),
                    f"The server sends {number} certificates; this stack takes {most.value}.",
                    "Have the server leave out what is not needed: the root, and cross-signed copies.",
                    (f"sent: {number} certificates, {size} bytes",),
                    most.source,
                ),
                Rank.SIZE,
            )
        )
    if room.value is None and size > _USUAL_ROOM:
        faults.append(
            Fault(
                Finding(
                    Reason.TOO_LARGE,
                    Severity.WARNING,
                    Certainty.GUESSED,
                    f"The server's certificates take {size} bytes. How much this stack has room for is not known; many "
                    f"small ones have a buffer of {_USUAL_ROOM}, the largest TLS record.",
                    "Have the server send a smaller chain: EC keys, fewer names, no root.",
                    (f"sent: {number} certificates, {size} bytes",),
                    "RFC 8446 section 5.1; that the buffer is no larger is assumed",
                ),
                Rank.SIZE,
            )
        )
    if room.value is not None and size > room.value:
        faults.append(
            Fault(
                Finding(
                    Reason.TOO_LARGE,
                    Severity.ERROR,
                    surest(room),
                    f"The server's certificates take {size} bytes; this stack has room for {room.value}.",
                    "Have the server send a smaller chain: EC keys, fewer names, no root.",
                    (f"sent: {number} certificates, {size} bytes",),
                    room.source,
                ),
                Rank.SIZE,
            )
        )
    return faults


def version_faults(view: ServerView, stack: StackProfile) -> list[Fault]:
    """Versions that the server takes against those of the stack."""
    low, high = stack.minimum_version, stack.maximum_version
    spoken = f"{low.value} to {high.value}"
    if view.versions is not None:
        if any(low.value <= version <= high.value for version in view.versions):
            return []
        trait = high if not view.versions or min(view.versions) > high.value else low
        offered = ", ".join(map(str, sorted(view.versions))) or "none"
        return [_version(f"The server takes {offered}; this stack speaks {spoken}.", surest(trait), trait)]
    if view.version is not None and view.version < low.value:
        # A server agrees on the highest that both know, and this computer knows the newer ones.
        message = f"The server agreed on {view.version} with this computer; this stack speaks {spoken}."
        return [_version(message, Certainty.GUESSED, low)]
    if view.version is not None and view.version > high.value:
        message = (
            f"The server agreed on {view.version} with this computer; this stack speaks {spoken}. Whether the "
            "server takes that too was not tried."
        )
        return [_version(message, Certainty.GUESSED, high, Severity.NOTE)]
    return []


def _version(
    message: str, certainty: Certainty, trait: Trait[TlsVersion], severity: Severity = Severity.ERROR
) -> Fault:
    remedy = "Have the server allow a version that both speak, or let this computer do the TLS: --tls host"
    finding = Finding(Reason.UNSUPPORTED_VERSION, severity, certainty, message, remedy, (), trait.source)
    return Fault(finding, Rank.VERSION if severity is Severity.ERROR else Rank.ASSUMED)
