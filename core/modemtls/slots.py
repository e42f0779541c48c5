"""Slots: what goes into one, which are free, whose they are, and what a listing tells of their content.

A listing shows the first certificate of a slot, or each of them, a line for each, or size and CRC of what is in
it; of a key it may show nothing, or no more than the slot.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from .credentials import Certificate, CredentialFile, bundle
from .errors import Certainty, CredentialError, Reason
from .model import CredentialKind, Limits, StoredCredential, StoredProfile
from .policy import TlsEndpoint

__all__ = [
    "Installed", "Item", "check_size", "check_slot", "free_slot", "is_proof", "is_whole", "item_of", "named",
    "named_slots", "read_back", "shown",
]  # fmt: skip

_HASHES = ("sha1", "sha256")


@dataclass(frozen=True)
class Item:
    """A credential on its way to a slot: the bytes, and the certificates that they are made of."""

    kind: CredentialKind
    data: bytes
    certificates: tuple[Certificate, ...] = ()

    @property
    def fingerprints(self) -> frozenset[str]:
        """Those that a listing may show of it."""
        return frozenset(
            hashlib.new(name, each.der).hexdigest() for each in self.certificates for name in _HASHES
        )

    def __repr__(self) -> str:
        return f"Item({self.kind.value}, {len(self.data)} bytes)"


@dataclass(frozen=True)
class Installed:
    """What became of a credential.

    ``written`` is false when it was there already; ``certainty`` is how sure that is.
    ``verified``: the modem's own listing shows this very content; otherwise it took it and said OK.
    ``removed`` are the slots that this made free; ``kept`` those that stay until a handshake has succeeded.
    ``where``: in the modem's store, or in the trust set on this computer (``"host"``), where ``slot`` is -1.
    """

    slot: int
    kind: CredentialKind
    written: bool
    verified: bool
    certainty: Certainty = Certainty.STATED
    removed: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    where: TlsEndpoint = "modem"

    def __str__(self) -> str:
        if self.where == "host":
            return f"trust set on this computer: {'stored' if self.written else 'already there'}"
        state = "verified" if self.verified else "unverified"
        return (
            f"{self.kind.value} in slot {self.slot}: {'stored' if self.written else 'already there'}, {state}"
        )


def item_of(kind: CredentialKind, file: CredentialFile) -> Item:
    """What a file becomes in a slot of this kind.

    :raises CredentialError: it holds nothing of the kind, or several keys.
    """
    if kind is CredentialKind.KEY:
        if len(file.keys) != 1:
            raise CredentialError(
                f"{file.source} has {len(file.keys)} private keys; a slot takes one.",
                remedy="Give a file with one key.",
                reasons={Reason.MALFORMED},
            )
        return Item(kind, file.keys[0].pem)
    if not file.certificates:
        raise CredentialError(
            f"{file.source} holds no certificate.",
            remedy="Give a certificate in PEM or DER form.",
            reasons={Reason.NOT_A_CERTIFICATE},
        )
    return Item(kind, bundle(file.certificates), file.certificates)


def check_size(item: Item, limits: Limits, model: str) -> Item:
    """``item``, when it fits into a slot.

    :raises CredentialError: it does not.
    """
    largest = limits.max_key_bytes if item.kind is CredentialKind.KEY else limits.max_certificate_bytes
    if largest is not None and len(item.data) > largest:
        raise CredentialError(
            f"The {item.kind.value} has {len(item.data)} bytes as PEM; a slot of {model} takes {largest}.",
            remedy="Give fewer certificates, or ones with EC keys: they are a quarter of the size.",
            reasons={Reason.TOO_LARGE},
            model=model,
        )
    return item


def check_slot(slot: int, limits: Limits, model: str) -> None:
    """Refuse a slot that the model has not got, or that is the vendor's.

    :raises CredentialError: it is one of these.
    """
    if slot not in limits.slots:
        has = f"slots are {limits.slots[0]} to {limits.slots[-1]}" if limits.slots else "it has none"
        raise CredentialError(
            f"{model} has no slot {slot}: {has}.",
            remedy="Leave the slot out, and a free one is taken.",
            reasons={Reason.INVALID_PARAMETER},
            model=model,
        )
    if slot in limits.reserved_slots:
        free = ", ".join(str(n) for n in limits.slots if n not in limits.reserved_slots)
        raise CredentialError(
            f"Slot {slot} is reserved for the vendor of {model}.",
            remedy=f"Use one of {free}, or leave the slot out.",
            reasons={Reason.SLOT_RESERVED},
            model=model,
        )


def free_slot(
    kind: CredentialKind,
    taken: Collection[int],
    limits: Limits,
    model: str,
    *,
    slot: int | None = None,
    beside: int | None = None,
) -> int:
    """``slot`` when it is free; without one, ``beside`` or else the first free one that modemtls takes.

    :raises CredentialError: there is none, or ``slot`` is not free.
    """
    if slot is not None:
        check_slot(slot, limits, model)
        if slot in taken:
            raise CredentialError(
                f"Slot {slot} holds something else.",
                remedy=f"Take another one, or empty it: modemtls cert remove {slot} --kind {kind.value}",
                reasons={Reason.SLOT_RESERVED},
                model=model,
            )
        return slot
    candidates = limits.preferred_slots if beside is None else (beside, *limits.preferred_slots)
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    raise CredentialError(
        f"No slot is free for a {kind.value}: all of {', '.join(map(str, sorted(limits.preferred_slots)))} are"
        " taken or named by a profile.",
        remedy="Remove what is not needed: modemtls cert list, modemtls cert remove SLOT --kind …",
        reasons={Reason.STORE_FULL},
        model=model,
    )


def named_slots(
    profile: StoredProfile, kind: CredentialKind, *, pair: bool = False
) -> tuple[int | None, ...]:
    """The slots of this kind's namespace that a profile names; with ``pair`` those of its key too."""
    certificates = (profile.ca_slot, profile.client_slot)
    if pair:
        return (*certificates, profile.client_key_slot)
    return (profile.client_key_slot,) if kind is CredentialKind.KEY else certificates


def shown(lines: Sequence[StoredCredential], item: Item) -> bool | None:
    """The listing's lines for one slot show ``item``; false when they show something else.

    ``None`` where it cannot be told: no digest, or a bundle of which only the first certificate is listed.
    """
    checksums = [_checksum(line, item) for line in lines]
    if checksums and None not in checksums:
        return all(checksums)
    wanted = item.certificates
    digests = [_digest(line, certificate) for line, certificate in zip(lines, wanted, strict=False)]
    if not wanted or len(lines) > len(wanted) or False in digests:
        return None if not wanted else False
    if None in digests or len(lines) < len(wanted):
        return None
    return True


def named(stored: StoredCredential, certificates: Sequence[Certificate]) -> StoredCredential:
    """``stored`` with names and dates of the certificates in it: of a set, between which one at least is valid."""
    return replace(
        stored,
        subject=certificates[0].subject,
        issuer=certificates[0].issuer,
        not_before=min(certificate.not_before for certificate in certificates),
        not_after=max(certificate.not_after for certificate in certificates),
    )


def is_proof(lines: Sequence[StoredCredential]) -> bool:
    """What the listing shows cannot be made to fit by whoever likes to: digests, and not a CRC alone."""
    return bool(lines) and all(line.fingerprint and line.fingerprint_hash in _HASHES for line in lines)


def is_whole(lines: Sequence[StoredCredential], item: Item) -> bool:
    """What the listing shows is all that is in the slot: by size and CRC, or by a line for each of several.

    One line with a digest is not enough: it may be of the first certificate of more.
    """
    if lines and all(_checksum(line, item) for line in lines):
        return True
    return len(lines) > 1 and shown(lines, item) is True


def read_back(lines: Sequence[StoredCredential], item: Item, slot: int, model: str) -> bool:
    """The listing shows the very content that was just written; false where it cannot tell.

    :raises CredentialError: the modem took the credential, and the slot is empty or holds something else.
    """
    if not lines:
        if item.kind is CredentialKind.KEY:
            return False  # a modem may not show its keys
        found = "is empty"
    elif False not in (_checksum(line, item) for line in lines):
        return shown(lines, item) is True
    else:
        found = "holds something else"
    raise CredentialError(
        f"The modem accepted the {item.kind.value}, but slot {slot} {found} afterwards.",
        remedy="Try again; if it stays so, connect RTS and CTS or lower the baud rate.",
        reasons={Reason.DAMAGED_IN_STORE},
        model=model,
    )


def _checksum(line: StoredCredential, item: Item) -> bool | None:
    """Size and CRC are those of ``item``; ``None`` where they are not shown."""
    if line.is_damaged:
        return False
    if line.size is None or line.crc32 is None:
        return None
    return line.size == len(item.data) and line.crc32 == zlib.crc32(item.data)


def _digest(line: StoredCredential, certificate: Certificate) -> bool | None:
    if not line.fingerprint or line.fingerprint_hash not in _HASHES:
        return None
    return hashlib.new(line.fingerprint_hash, certificate.der).hexdigest() == line.fingerprint
