"""Changes of the credential store, by plan.

What is there is compared first, and only what differs is written (flash wears), into a free slot that is not
reserved and that no profile names.  Then the listing is read back, then the profile is switched, and the old
credential is removed last, when the new one is verified or has carried a handshake.  Each step can be
repeated, so an interrupted run is simply run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import credentials
from .credentials import Certificate, CredentialFile, PrivateKey
from .driver import Driver, Progress
from .errors import Certainty, CredentialError, Reason
from .journal import Journal, digest
from .model import CredentialKind, StoredCredential, StoredProfile
from .policy import TlsProfile

__all__ = ["Installed", "Store"]


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


@dataclass(frozen=True)
class _Item:
    """A credential on its way to a slot: the bytes, and the certificates that they are made of."""

    kind: CredentialKind
    data: bytes
    certificates: tuple[Certificate, ...] = ()


class Store:
    """The credential store of one modem, and the trust set of the profile that modemtls owns."""

    def __init__(self, driver: Driver, journal: Journal, security_profile: int) -> None:
        self.driver = driver
        self.journal = journal
        self.number = security_profile

    # Plans.

    async def trust(
        self,
        certificates: Sequence[Certificate],
        profile: TlsProfile,
        *,
        add: bool = False,
        progress: Progress | None = None,
    ) -> Installed:
        """Make ``certificates`` the trust set: one bundle in one slot, named by the owned profile.

        ``add`` keeps what is trusted already.

        :raises CredentialError: nothing usable, too large, store full, or what is there is not known.
        """
        profiles = await self.driver.read_profiles()
        current = next((p for p in profiles if p.number == self.number), None)
        listing = await self.driver.list_credentials()
        if add and current is not None and current.ca_slot is not None:
            certificates = (*self._members(current.ca_slot, listing), *certificates)
        item = self._bundle(certificates)
        new = await self._put(item, listing, profiles, progress=progress)
        wanted = replace(
            profile,
            ca_slot=new.slot,
            client_slot=current.client_slot if current else None,
            client_key_slot=current.client_key_slot if current else None,
        )
        await self.ensure_profile(current, wanted)
        return await self._replace(new, current, profiles)

    async def install(
        self,
        chain: Sequence[Certificate],
        key: PrivateKey,
        profile: TlsProfile,
        *,
        progress: Progress | None = None,
    ) -> tuple[Installed, Installed]:
        """Store a client certificate (with its chain) and its key, and name both in the owned profile.

        :raises CredentialError: they do not fit together or do not fit in.
        """
        if not chain or not credentials.pairs(chain[0], key):
            raise CredentialError(
                "The key does not belong to the certificate.",
                remedy="Give the two that were made together; the client's own certificate comes first.",
                reasons={Reason.KEY_MISMATCH},
            )
        profiles = await self.driver.read_profiles()
        current = next((p for p in profiles if p.number == self.number), None)
        listing = await self.driver.list_credentials()
        pem = credentials.bundle(chain)
        certificate = await self._put(
            _Item(CredentialKind.CERTIFICATE, pem, tuple(chain)),
            listing,
            profiles,
            pair=True,
            progress=progress,
        )
        private = await self._put(
            _Item(CredentialKind.KEY, key.pem), listing, profiles, beside=certificate.slot, progress=progress
        )
        wanted = replace(
            profile,
            ca_slot=current.ca_slot if current else None,
            client_slot=certificate.slot,
            client_key_slot=private.slot,
        )
        await self.ensure_profile(current, wanted)
        return certificate, private

    async def put(
        self, kind: CredentialKind, file: CredentialFile, slot: int | None, progress: Progress | None = None
    ) -> Installed:
        """Store one credential in a slot of the caller's choice, or in a free one.  No profile changes."""
        profiles = await self.driver.read_profiles()
        listing = await self.driver.list_credentials()
        return await self._put(self.item(kind, file), listing, profiles, slot=slot, progress=progress)

    async def plan(self, kind: CredentialKind, file: CredentialFile, slot: int | None) -> Installed:
        """What :meth:`put` would do, without doing it."""
        profiles = await self.driver.read_profiles()
        listing = await self.driver.list_credentials()
        item = self.item(kind, file)
        there = self._find(item, listing, slot)
        if there is not None:
            return there
        return Installed(self._choose(item, listing, profiles, slot=slot), kind, written=True, verified=False)

    async def remove(self, slot: int, kind: CredentialKind) -> tuple[int, ...]:
        """Empty a slot; gives the numbers of the profiles that still name it.

        :raises CredentialError: the slot is reserved, or is none.
        """
        self._check_slot(slot)
        await self.driver.remove_credential(slot, kind)
        self.journal.forget(self.driver.namespace(kind), slot)
        return tuple(p.number for p in await self.driver.read_profiles() if slot in self._named(p, kind))

    async def confirm(self) -> tuple[int, ...]:
        """A handshake has succeeded: remove the CA slots that were kept until then."""
        waiting = self.journal.take_replaced()
        if not waiting:
            return ()
        profiles = await self.driver.read_profiles()
        return tuple([slot for slot in waiting if await self._drop(slot, profiles)])

    async def ensure_profile(self, current: StoredProfile | None, wanted: TlsProfile) -> bool:
        """Make the owned profile say exactly ``wanted``; true when it had to be written."""
        if current is not None:
            if self.driver.profile_matches(current, wanted):
                return False
            self.journal.save_profile(current)
        await self.driver.write_profile(self.number, wanted)
        return True

    def item(self, kind: CredentialKind, file: CredentialFile) -> _Item:
        """What a file becomes in a slot of this kind."""
        if kind is CredentialKind.KEY:
            if len(file.keys) != 1:
                raise CredentialError(
                    f"{file.source} has {len(file.keys)} private keys; a slot takes one.",
                    remedy="Give a file with one key.",
                    reasons={Reason.MALFORMED},
                )
            return self._sized(_Item(kind, file.keys[0].pem))
        if not file.certificates:
            raise CredentialError(
                f"{file.source} holds no certificate.",
                remedy="Give a certificate in PEM or DER form.",
                reasons={Reason.NOT_A_CERTIFICATE},
            )
        return self._sized(_Item(kind, credentials.bundle(file.certificates), file.certificates))

    # The pieces.

    def _bundle(self, certificates: Sequence[Certificate]) -> _Item:
        unique = tuple({certificate.sha256: certificate for certificate in certificates}.values())
        return self._sized(_Item(CredentialKind.CA, credentials.bundle(unique), unique))

    def _sized(self, item: _Item) -> _Item:
        limits = self.driver.limits
        largest = limits.max_key_bytes if item.kind is CredentialKind.KEY else limits.max_certificate_bytes
        if largest is not None and len(item.data) > largest:
            raise CredentialError(
                f"The {item.kind.value} has {len(item.data)} bytes as PEM; a slot of {self.driver.model.name} takes"
                f" {largest}.",
                remedy="Give fewer certificates, or ones with EC keys: they are a quarter of the size.",
                reasons={Reason.TOO_LARGE},
                model=self.driver.model.name,
            )
        return item

    def _members(self, slot: int, listing: Sequence[StoredCredential]) -> tuple[Certificate, ...]:
        """The certificates of the trust set that is in force."""
        if not any(stored.slot == slot for stored in self._in_namespace(CredentialKind.CA, listing)):
            return ()
        pems = self.journal.members("certificate", slot)
        if pems is None:
            raise CredentialError(
                f"What slot {slot} holds cannot be read from the modem, and this computer did not put it there: it"
                " cannot be extended.",
                remedy="Give all certificates that are to be trusted together: modemtls cert trust FILE…",
                reasons={Reason.SLOT_UNREADABLE},
                model=self.driver.model.name,
            )
        return tuple(c for pem in pems for c in credentials.read(pem, source="journal").certificates)

    def _in_namespace(
        self, kind: CredentialKind, listing: Sequence[StoredCredential]
    ) -> list[StoredCredential]:
        space = self.driver.namespace(kind)
        return [stored for stored in listing if self.driver.namespace(stored.kind) == space]

    def _find(
        self, item: _Item, listing: Sequence[StoredCredential], slot: int | None = None
    ) -> Installed | None:
        """Where ``item`` is already, by the listed fingerprint or else by the journal."""
        space = self.driver.namespace(item.kind)
        wanted = digest(item.data)
        for stored in self._in_namespace(item.kind, listing):
            if stored.reserved or (slot is not None and stored.slot != slot):
                continue
            shown = _shows(stored, item)
            noted = self.journal.written(space, stored.slot)
            if shown is False or noted not in (None, wanted):
                continue
            if (shown and len(item.certificates) == 1) or noted == wanted:
                verified = bool(shown) and len(item.certificates) == 1
                return Installed(stored.slot, item.kind, False, verified, Certainty.DERIVED)
        return None

    async def _put(
        self,
        item: _Item,
        listing: Sequence[StoredCredential],
        profiles: Sequence[StoredProfile],
        *,
        slot: int | None = None,
        beside: int | None = None,
        pair: bool = False,
        progress: Progress | None = None,
    ) -> Installed:
        self._sized(item)
        there = self._find(item, listing, slot)
        if there is not None:
            return there
        slot = self._choose(item, listing, profiles, slot=slot, beside=beside, pair=pair)
        space = self.driver.namespace(item.kind)
        self.journal.forget(space, slot)
        await self.driver.write_credential(slot, item.kind, item.data, progress)
        members = {c.sha256: c.pem for c in item.certificates} if item.kind is CredentialKind.CA else None
        self.journal.remember(space, slot, item.data, members)
        return Installed(slot, item.kind, True, await self._read_back(item, slot))

    async def _read_back(self, item: _Item, slot: int) -> bool:
        """The listing shows the very content; false where it cannot tell.

        :raises CredentialError: the modem took the credential, and the slot is empty.
        """
        here = [
            s for s in self._in_namespace(item.kind, await self.driver.list_credentials()) if s.slot == slot
        ]
        if not here:
            if item.kind is CredentialKind.KEY:
                return False  # a modem may not show its keys
            raise CredentialError(
                f"The modem accepted the {item.kind.value}, but slot {slot} is empty afterwards.",
                remedy="Try again; if it stays so, connect RTS and CTS or lower the baud rate.",
                reasons={Reason.DAMAGED_IN_STORE},
                model=self.driver.model.name,
            )
        return _shows(here[0], item) is True and len(item.certificates) == 1

    def _choose(
        self,
        item: _Item,
        listing: Sequence[StoredCredential],
        profiles: Sequence[StoredProfile],
        *,
        slot: int | None = None,
        beside: int | None = None,
        pair: bool = False,
    ) -> int:
        taken = {stored.slot for stored in (listing if pair else self._in_namespace(item.kind, listing))}
        if slot is not None:
            self._check_slot(slot)
            if slot in taken:
                raise CredentialError(
                    f"Slot {slot} holds something else.",
                    remedy=f"Take another one, or empty it: modemtls cert remove {slot} --kind {item.kind.value}",
                    reasons={Reason.SLOT_RESERVED},
                    model=self.driver.model.name,
                )
            return slot
        named = {number for profile in profiles for number in self._named(profile, item.kind, pair=pair)}
        limits = self.driver.limits
        candidates = [beside, *limits.preferred_slots] if beside is not None else limits.preferred_slots
        for candidate in candidates:
            if candidate is not None and candidate not in taken and candidate not in named:
                return candidate
        raise CredentialError(
            f"No slot is free for a {item.kind.value}: all of {min(limits.preferred_slots)} to"
            f" {max(limits.preferred_slots)} are taken or named by a profile.",
            remedy="Remove what is not needed: modemtls cert list, modemtls cert remove SLOT --kind …",
            reasons={Reason.STORE_FULL},
            model=self.driver.model.name,
        )

    def _check_slot(self, slot: int) -> None:
        limits = self.driver.limits
        if slot not in limits.slots:
            raise CredentialError(
                f"{self.driver.model.name} has no slot {slot}: slots are {limits.slots[0]} to {limits.slots[-1]}.",
                remedy="Leave the slot out, and a free one is taken.",
                reasons={Reason.INVALID_PARAMETER},
                model=self.driver.model.name,
            )
        if slot in limits.reserved_slots:
            free = ", ".join(str(n) for n in limits.slots if n not in limits.reserved_slots)
            raise CredentialError(
                f"Slot {slot} is reserved for the vendor of {self.driver.model.name}.",
                remedy=f"Use one of {free}, or leave the slot out.",
                reasons={Reason.SLOT_RESERVED},
                model=self.driver.model.name,
            )

    def _named(
        self, profile: StoredProfile, kind: CredentialKind, *, pair: bool = False
    ) -> tuple[int | None, ...]:
        """The slots of this namespace that a profile names."""
        certificates = (profile.ca_slot, profile.client_slot)
        if pair:
            return (*certificates, profile.client_key_slot)
        return (profile.client_key_slot,) if kind is CredentialKind.KEY else certificates

    async def _replace(
        self, new: Installed, current: StoredProfile | None, profiles: Sequence[StoredProfile]
    ) -> Installed:
        """Remove the trust set that ``new`` replaces, or keep it until ``new`` has proved itself."""
        old = current.ca_slot if current is not None else None
        if old is None or old == new.slot:
            return new
        if not new.verified:
            self.journal.replaced(old)
            return replace(new, kept=(old,))
        removed = await self._drop(old, profiles)
        return replace(new, removed=(old,)) if removed else replace(new, kept=(old,))

    async def _drop(self, slot: int, profiles: Sequence[StoredProfile]) -> bool:
        others = (p for p in profiles if p.number != self.number)
        if slot not in self.driver.limits.preferred_slots or any(
            slot in self._named(profile, CredentialKind.CA) for profile in others
        ):
            return False
        now = next((p for p in await self.driver.read_profiles() if p.number == self.number), None)
        if now is not None and slot in self._named(now, CredentialKind.CA):
            return False
        await self.driver.remove_credential(slot, CredentialKind.CA)
        self.journal.forget(self.driver.namespace(CredentialKind.CA), slot)
        return True


def _shows(stored: StoredCredential, item: _Item) -> bool | None:
    """The listed fingerprint is that of ``item``'s first certificate; ``None`` where it cannot be told."""
    if not item.certificates or not stored.fingerprint:
        return None
    if stored.fingerprint_hash not in ("sha1", "sha256"):
        return None
    return hashlib.new(stored.fingerprint_hash, item.certificates[0].der).hexdigest() == stored.fingerprint
