"""Changes of the credential store, by plan.

What is there is compared first, and only what differs is written (flash wears), into a free slot that is not
reserved and that no profile names.  Then the listing is read back, then the profile is switched, and the old
credential is removed last, when the new one is verified or has carried a handshake.  Each step can be
repeated, so an interrupted run is simply run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import credentials
from .credentials import Certificate, CredentialFile, PrivateKey
from .driver import Driver, Progress
from .errors import Certainty, CredentialError, Reason
from .journal import Journal, digest
from .log import happened
from .model import CredentialKind, StoredCredential, StoredProfile
from .policy import TlsProfile
from .slots import Item, check_size, check_slot, free_slot, named_slots, shown

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
            Item(CredentialKind.CERTIFICATE, pem, tuple(chain)),
            listing,
            profiles,
            pair=True,
            progress=progress,
        )
        private = await self._put(
            Item(CredentialKind.KEY, key.pem), listing, profiles, beside=certificate.slot, progress=progress
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
        check_slot(slot, self.driver.limits, self.driver.model.name)
        await self.driver.remove_credential(slot, kind)
        self.journal.forget(self.driver.namespace(kind), slot)
        return tuple(p.number for p in await self.driver.read_profiles() if slot in named_slots(p, kind))

    async def confirm(self) -> tuple[int, ...]:
        """A handshake has succeeded: remove the CA slots that were kept until then.

        What the modem refuses here is logged, and tried again after the next handshake.
        """
        space = self.driver.namespace(CredentialKind.CA)
        removed = []
        if waiting := self.journal.waiting(space):
            profiles = await self.driver.read_profiles()
            for slot in waiting:
                try:
                    if await self._drop(slot, profiles):
                        removed.append(slot)
                except CredentialError as error:
                    happened("a replaced CA could not be removed", slot=slot, because=str(error))
                    continue
                self.journal.settled(space, slot)
        return tuple(removed)

    async def ensure_profile(self, current: StoredProfile | None, wanted: TlsProfile) -> bool:
        """Make the owned profile say exactly ``wanted``; true when it had to be written."""
        if current is not None:
            if self.driver.profile_matches(current, wanted):
                return False
            self.journal.save_profile(current)
        await self.driver.write_profile(self.number, wanted)
        return True

    def item(self, kind: CredentialKind, file: CredentialFile) -> Item:
        """What a file becomes in a slot of this kind."""
        if kind is CredentialKind.KEY:
            if len(file.keys) != 1:
                raise CredentialError(
                    f"{file.source} has {len(file.keys)} private keys; a slot takes one.",
                    remedy="Give a file with one key.",
                    reasons={Reason.MALFORMED},
                )
            return self._sized(Item(kind, file.keys[0].pem))
        if not file.certificates:
            raise CredentialError(
                f"{file.source} holds no certificate.",
                remedy="Give a certificate in PEM or DER form.",
                reasons={Reason.NOT_A_CERTIFICATE},
            )
        return self._sized(Item(kind, credentials.bundle(file.certificates), file.certificates))

    # The pieces.

    def _bundle(self, certificates: Sequence[Certificate]) -> Item:
        if not certificates:
            raise CredentialError(
                "There is no certificate to trust.",
                remedy="Give at least one CA certificate.",
                reasons={Reason.NOT_A_CERTIFICATE},
            )
        unique = tuple({certificate.sha256: certificate for certificate in certificates}.values())
        return self._sized(Item(CredentialKind.CA, credentials.bundle(unique), unique))

    def _sized(self, item: Item) -> Item:
        return check_size(item, self.driver.limits, self.driver.model.name)

    def _members(self, slot: int, listing: Sequence[StoredCredential]) -> tuple[Certificate, ...]:
        """The certificates of the trust set that is in force."""
        space = self.driver.namespace(CredentialKind.CA)
        lines = self._lines(CredentialKind.CA, listing, slot)
        if not lines:
            return ()
        pems = self.journal.members(space, slot)
        if pems is not None:
            members = tuple(c for pem in pems for c in credentials.read(pem, source="journal").certificates)
            item = Item(CredentialKind.CA, credentials.bundle(members), members)
            if self.journal.written(space, slot) == digest(item.data) and shown(lines, item) is not False:
                return members
        raise CredentialError(
            f"What slot {slot} holds cannot be read from the modem, and this computer did not put it there: it"
            " cannot be extended.",
            remedy="Give all certificates that are to be trusted together: modemtls cert trust FILE…",
            reasons={Reason.SLOT_UNREADABLE},
            model=self.driver.model.name,
        )

    def _lines(
        self, kind: CredentialKind, listing: Sequence[StoredCredential], slot: int | None = None
    ) -> list[StoredCredential]:
        """What the listing shows of this kind's namespace, or of one slot in it."""
        space = self.driver.namespace(kind)
        return [
            stored
            for stored in listing
            if self.driver.namespace(stored.kind) == space and slot in (None, stored.slot)
        ]

    def _find(
        self, item: Item, listing: Sequence[StoredCredential], slot: int | None = None
    ) -> Installed | None:
        """Where ``item`` is already, by the listed fingerprint or else by the journal."""
        space = self.driver.namespace(item.kind)
        wanted = digest(item.data)
        listed = dict.fromkeys(stored.slot for stored in self._lines(item.kind, listing))
        candidates = list(listed)
        if not listed:
            candidates = self._unlisted(item.kind, listing)
        for number in candidates:
            if number in self.driver.limits.reserved_slots or slot not in (None, number):
                continue
            lines = self._lines(item.kind, listing, number)
            seen = shown(lines, item)
            noted = self.journal.written(space, number)
            if seen is False or any(line.reserved for line in lines) or noted not in (None, wanted):
                continue
            if seen or noted == wanted:
                return Installed(number, item.kind, False, bool(seen), Certainty.DERIVED)
        return None

    def _unlisted(self, kind: CredentialKind, listing: Sequence[StoredCredential]) -> list[int]:
        """Where the journal says that keys are: a modem may not show them.

        A slot whose certificate is gone is left out: somebody has emptied the store.
        """
        if kind is not CredentialKind.KEY:
            return []
        beside = self.driver.namespace(CredentialKind.CERTIFICATE)
        seen = {stored.slot for stored in self._lines(CredentialKind.CERTIFICATE, listing)}
        gone = set(self.journal.slots(beside)) - seen
        return [slot for slot in self.journal.slots(self.driver.namespace(kind)) if slot not in gone]

    async def _put(
        self,
        item: Item,
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

    async def _read_back(self, item: Item, slot: int) -> bool:
        """The listing shows the very content; false where it cannot tell.

        :raises CredentialError: the modem took the credential, and the slot is empty.
        """
        here = self._lines(item.kind, await self.driver.list_credentials(), slot)
        if not here:
            if item.kind is CredentialKind.KEY:
                return False  # a modem may not show its keys
            raise CredentialError(
                f"The modem accepted the {item.kind.value}, but slot {slot} is empty afterwards.",
                remedy="Try again; if it stays so, connect RTS and CTS or lower the baud rate.",
                reasons={Reason.DAMAGED_IN_STORE},
                model=self.driver.model.name,
            )
        return shown(here, item) is True

    def _choose(
        self,
        item: Item,
        listing: Sequence[StoredCredential],
        profiles: Sequence[StoredProfile],
        *,
        slot: int | None = None,
        beside: int | None = None,
        pair: bool = False,
    ) -> int:
        mine = self._lines(item.kind, listing)
        taken = {stored.slot for stored in (listing if pair else mine)}
        if not mine:
            taken.update(self._unlisted(item.kind, listing))
        if slot is None:
            taken.update(n for p in profiles for n in named_slots(p, item.kind, pair=pair) if n is not None)
        return free_slot(
            item.kind, taken, self.driver.limits, self.driver.model.name, slot=slot, beside=beside
        )

    async def _replace(
        self, new: Installed, current: StoredProfile | None, profiles: Sequence[StoredProfile]
    ) -> Installed:
        """Remove the trust set that ``new`` replaces, or keep it until ``new`` has proved itself."""
        old = current.ca_slot if current is not None else None
        if old is None or old == new.slot:
            return new
        if not new.verified:
            self.journal.replaced(self.driver.namespace(CredentialKind.CA), old)
            return replace(new, kept=(old,))
        removed = await self._drop(old, profiles)
        return replace(new, removed=(old,)) if removed else replace(new, kept=(old,))

    async def _drop(self, slot: int, profiles: Sequence[StoredProfile]) -> bool:
        others = (p for p in profiles if p.number != self.number)
        if slot not in self.driver.limits.preferred_slots or any(
            slot in named_slots(profile, CredentialKind.CA) for profile in others
        ):
            return False
        now = next((p for p in await self.driver.read_profiles() if p.number == self.number), None)
        if now is not None and slot in named_slots(now, CredentialKind.CA):
            return False
        await self.driver.remove_credential(slot, CredentialKind.CA)
        self.journal.forget(self.driver.namespace(CredentialKind.CA), slot)
        return True
