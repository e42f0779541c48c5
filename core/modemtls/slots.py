"""Slots: what goes into one, which are free, whose they are, and what a listing tells of their content.

A listing shows the first certificate of a slot, or each of them, a line for each; of a key it shows nothing,
or no more than the slot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .credentials import Certificate, CredentialFile, bundle
from .errors import Certainty, CredentialError, Reason
from .model import CredentialKind, Limits, StoredCredential, StoredProfile

__all__ = ["Installed", "Item", "check_size", "check_slot", "free_slot", "item_of", "named_slots", "shown"]

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
    """

    slot: int
    kind: CredentialKind
    written: bool
    verified: bool
    certainty: Certainty = Certainty.STATED
    removed: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()

    def __str__(self) -> str:
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
    wanted = item.certificates
    digests = [_digest(line, certificate) for line, certificate in zip(lines, wanted, strict=False)]
    if not wanted or len(lines) > len(wanted) or False in digests:
        return None if not wanted else False
    if None in digests or len(lines) < len(wanted):
        return None
    return True


def _digest(line: StoredCredential, certificate: Certificate) -> bool | None:
    if not line.fingerprint or line.fingerprint_hash not in _HASHES:
        return None
    return hashlib.new(line.fingerprint_hash, certificate.der).hexdigest() == line.fingerprint
