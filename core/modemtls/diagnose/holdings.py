"""What a modem trusts, as certificates: few modems show those, so it is known from what was meant to be there.

Known are: what this computer wrote (the journal), what the caller says was meant, and what a listed digest shows to be
one of the server's own certificates.  The modem's listing can contradict each of them, and then it is believed.
"""

from __future__ import annotations

import binascii
import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..credentials import Certificate, bundle, read
from ..errors import Certainty, CredentialError, Reason
from ..findings import Finding, Severity
from ..journal import digest
from ..model import CredentialKind, StoredCredential
from ..slots import Item, shown
from .look import counted
from .view import Anchor

if TYPE_CHECKING:
    from ..driver import Driver
    from ..journal import Journal

__all__ = ["Holdings", "holdings"]

_KINDS = (CredentialKind.CA, CredentialKind.CERTIFICATE)


@dataclass(frozen=True)
class Holdings:
    """``anchors``: what the CA slot holds, ``None`` when that is not known; ``elsewhere``: in other slots.

    ``lines`` are for people.
    """

    anchors: tuple[Anchor, ...] | None
    elsewhere: tuple[Anchor, ...] = ()
    findings: tuple[Finding, ...] = ()
    lines: tuple[str, ...] = ()


def holdings(
    driver: Driver,
    journal: Journal,
    slot: int | None,
    listing: Sequence[StoredCredential],
    *,
    meant: Sequence[Certificate] = (),
    seen: Sequence[bytes] = (),
) -> Holdings:
    """What is in the CA slot and elsewhere; ``meant``: what should be in it; ``seen``: the server's certificates."""
    space = driver.namespace(CredentialKind.CA)
    others = tuple(
        Anchor(certificate.der, f"slot {number}")
        for number in journal.slots(space)
        if number != slot
        for certificate in _journalled(journal, space, number) or ()
    )
    lines = [entry for entry in listing if driver.namespace(entry.kind) == space and entry.slot == slot]
    if slot is None or not lines:
        return Holdings((), others, (), ("no CA slot is named" if slot is None else f"slot {slot} is empty",))
    where = f"slot {slot}"
    written = _journalled(journal, space, slot)
    candidates = [("this computer wrote there", written), ("the given file holds", tuple(meant) or None)]
    findings: list[Finding] = []
    said: list[str] = []
    anchors: tuple[Anchor, ...] | None = None
    for who, certificates in candidates:
        if certificates is None:
            continue
        fits = shown(lines, Item(CredentialKind.CA, bundle(certificates), certificates))
        if fits is False:
            findings.append(_other_content(slot, who, certificates, lines))
            continue
        proof = "by the digest that the modem shows" if fits else "as far as the modem tells"
        said.append(f"{where} holds what {who} ({counted(len(certificates))}), {proof}")
        if anchors is None:
            anchors = tuple(Anchor(certificate.der, where) for certificate in certificates)
    if anchors is None:
        anchors = _recognised(lines, seen, where)
        said.append(
            f"{where} holds a certificate that the server sends"
            if anchors is not None
            else f"what {where} holds is not known as a certificate: the modem shows no more than is listed"
        )
    return Holdings(anchors, others, tuple(findings), tuple(said))


def _journalled(journal: Journal, space: str, slot: int) -> tuple[Certificate, ...] | None:
    pems = journal.members(space, slot)
    if not pems:
        return None
    try:
        members = tuple(c for pem in pems for c in read(pem, source="journal").certificates)
    except CredentialError:
        return None
    return members if members and journal.written(space, slot) == digest(bundle(members)) else None


def _recognised(
    lines: Sequence[StoredCredential], seen: Sequence[bytes], where: str
) -> tuple[Anchor, ...] | None:
    found = []
    for line in lines:
        for der in seen:
            if _is_listed(line, der):
                found.append(Anchor(der, where))
                break
    return tuple(found) if found and len(found) == len(lines) else None


def _is_listed(line: StoredCredential, der: bytes) -> bool:
    """What is listed is this certificate: by its digest, or by size and CRC of its usual PEM forms."""
    if line.fingerprint is not None and line.fingerprint_hash in ("sha1", "sha256"):
        return hashlib.new(line.fingerprint_hash, der).hexdigest() == line.fingerprint
    if line.size is None or line.crc32 is None:
        return False
    pem = ssl.DER_cert_to_PEM_cert(der).encode("ascii").rstrip()
    forms = (pem, pem + b"\n", pem.replace(b"\n", b"\r\n"), pem.replace(b"\n", b"\r\n") + b"\r\n")
    return any((len(form), binascii.crc32(form)) == (line.size, line.crc32) for form in forms)


def _other_content(
    slot: int, who: str, certificates: Sequence[Certificate], lines: Sequence[StoredCredential]
) -> Finding:
    evidence = [f"meant: {c.subject[:80]}, sha256 {c.sha256}" for c in certificates[:3]]
    for line in lines[:3]:
        said = f"{line.fingerprint_hash} {line.fingerprint}" if line.fingerprint else "no digest"
        size = f", {line.size} bytes" if line.size is not None else ""
        evidence.append(f"slot {slot}: {(line.subject or 'no name shown')[:80]}, {said}{size}")
    return Finding(
        Reason.DAMAGED_IN_STORE,
        Severity.WARNING,
        Certainty.DERIVED,
        f"Slot {slot} does not hold what {who}: the modem shows another digest or size.",
        "Store it again: modemtls cert trust FILE",
        tuple(evidence),
    )
