"""Changes of the credential store, by plan.

What is there is compared first, and only what differs is written (flash wears), into a free slot that is not
reserved and that no profile names.  Then the listing is read back, then the profile is switched, and the old
credential is removed last, when the new one is verified or has carried a handshake.  Each step is noted
before it is taken and can be repeated, so an interrupted run is simply run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import credentials, remnants, slots
from .credentials import Certificate, CredentialFile, PrivateKey
from .driver import Driver, Progress
from .errors import Certainty, CredentialError, Reason
from .journal import Journal, Unfinished, digest
from .model import CredentialKind, StoredCredential, StoredProfile
from .policy import TlsProfile
from .replaced import Replaced
from .slots import Installed, Item, named_slots, shown

__all__ = ["Installed", "Store"]


class Store:
    """The credential store of one modem, and the trust set of the profile that modemtls owns."""

    def __init__(self, driver: Driver, journal: Journal, security_profile: int) -> None:
        self.driver = driver
        self.journal = journal
        self.number = security_profile
        self._replaced = Replaced(driver, journal, security_profile)

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
        listing: Sequence[StoredCredential] = await self.driver.list_credentials()
        if add and current is not None and current.ca_slot is not None:
            certificates = (*self._members(current.ca_slot, listing), *certificates)
        item = self._bundle(certificates)
        listing = await self._replaced.drop_superseded(
            (item.kind,), listing, profiles, sure=self._is_sure(current, listing)
        )
        listing = await self._tidy([item], listing, profiles)
        new = await self._put(item, listing, profiles, own=True, progress=progress)
        wanted = replace(
            profile,
            ca_slot=new.slot,
            client_slot=current.client_slot if current else None,
            client_key_slot=current.client_key_slot if current else None,
        )
        old = self._replaced.note(item.kind, current.ca_slot if current is not None else None, new.slot)
        await self.ensure_profile(current, wanted)
        self.journal.finish(self.driver.namespace(item.kind), new.slot)
        self.journal.note_trusted({c.sha256: c.pem for c in item.certificates})
        (told,) = await self._replaced.settle((new,), (old,), profiles)
        return told

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
        listing: Sequence[StoredCredential] = await self.driver.list_credentials()
        first = Item(CredentialKind.CERTIFICATE, credentials.bundle(chain), tuple(chain))
        second = Item(CredentialKind.KEY, key.pem)
        remnants.forget_lost_keys(self.driver, self.journal, listing)
        listing = await self._replaced.drop_superseded(
            (first.kind, second.kind), listing, profiles, sure=False
        )
        listing = await self._tidy([first, second], listing, profiles)
        certificate = await self._put(first, listing, profiles, pair=True, own=True, progress=progress)
        private = await self._put(
            second, listing, profiles, beside=certificate.slot, own=True, progress=progress
        )
        wanted = replace(
            profile,
            ca_slot=current.ca_slot if current else None,
            client_slot=certificate.slot,
            client_key_slot=private.slot,
        )
        olds = (
            self._replaced.note(first.kind, current.client_slot if current else None, certificate.slot),
            self._replaced.note(second.kind, current.client_key_slot if current else None, private.slot),
        )
        await self.ensure_profile(current, wanted)
        for done in (certificate, private):
            self.journal.finish(self.driver.namespace(done.kind), done.slot)
        certificate, private = await self._replaced.settle((certificate, private), olds, profiles)
        return certificate, private

    async def put(
        self, kind: CredentialKind, file: CredentialFile, slot: int | None, progress: Progress | None = None
    ) -> Installed:
        """Store one credential in a slot of the caller's choice, or in a free one.  No profile changes."""
        profiles = await self.driver.read_profiles()
        item = self.item(kind, file)
        listing = await self._tidy([item], await self.driver.list_credentials(), profiles, slot)
        done = await self._put(item, listing, profiles, slot=slot, progress=progress)
        self.journal.finish(self.driver.namespace(kind), done.slot)
        return done

    async def plan(self, kind: CredentialKind, file: CredentialFile, slot: int | None) -> Installed:
        """What :meth:`put` would do, without doing it."""
        profiles = await self.driver.read_profiles()
        item = self.item(kind, file)
        listing: Sequence[StoredCredential] = await self.driver.list_credentials()
        notes = remnants.leftovers(self.driver, self.journal, [item], listing, profiles, slot)
        listing = remnants.without(self.driver, notes, listing)
        there = self._find(item, listing, slot)
        if there is not None:
            return there
        return Installed(self._choose(item, listing, profiles, slot=slot), kind, written=True, verified=False)

    async def remove(self, slot: int, kind: CredentialKind, *, force: bool = False) -> tuple[int, ...]:
        """Empty a slot; gives the numbers of the profiles that still name it.

        :raises CredentialError: the slot is reserved, or is none, or a profile names it and ``force`` is false.
        """
        slots.check_slot(slot, self.driver.limits, self.driver.model.name)
        users = [p.number for p in await self.driver.read_profiles() if slot in named_slots(p, kind)]
        if users and not force:
            numbers = " and ".join(map(str, users))
            who = f"security profile{f's {numbers} name' if len(users) > 1 else f' {numbers} names'} it"
            raise CredentialError(
                f"Slot {slot} is in use: {who}.",
                remedy="Trust or install another credential first; force (--force) removes it all the same.",
                reasons={Reason.NOT_ALLOWED},
                model=self.driver.model.name,
            )
        if kind is CredentialKind.KEY:  # it may not be listed, and must not be believed in when it is gone
            self.journal.forget(self.driver.namespace(kind), slot)
        await remnants.empty(self.driver, slot, kind)
        self.journal.forget(self.driver.namespace(kind), slot)
        return tuple(users)

    async def confirm(self) -> tuple[int, ...]:
        """A handshake has succeeded: remove what was kept until then; see :meth:`.Replaced.confirm`."""
        return await self._replaced.confirm()

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
        return self._sized(slots.item_of(kind, file))

    def described(self, listing: Sequence[StoredCredential]) -> tuple[StoredCredential, ...]:
        """``listing``, with what the journal knows of trust sets of which the modem shows no names and dates."""

        def known(stored: StoredCredential) -> StoredCredential:
            has_name = stored.kind is CredentialKind.KEY or stored.subject is not None
            item = None if has_name else self._remembered(stored.slot, listing)
            return stored if item is None else slots.named(stored, item.certificates)

        return tuple(known(stored) for stored in listing)

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
        return slots.check_size(item, self.driver.limits, self.driver.model.name)

    def _members(self, slot: int, listing: Sequence[StoredCredential]) -> tuple[Certificate, ...]:
        """The certificates of the trust set that is in force."""
        if not self._lines(CredentialKind.CA, listing, slot):
            return ()
        item = self._remembered(slot, listing)
        if item is not None:
            return item.certificates
        raise CredentialError(
            f"What slot {slot} holds cannot be read from the modem, and this computer did not put it there: it"
            " cannot be extended.",
            remedy="Give all certificates that are to be trusted together: modemtls cert trust FILE…",
            reasons={Reason.SLOT_UNREADABLE},
            model=self.driver.model.name,
        )

    def _remembered(self, slot: int, listing: Sequence[StoredCredential]) -> Item | None:
        """The trust set in a slot as the journal has it, unless the listing says otherwise."""
        space = self.driver.namespace(CredentialKind.CA)
        pems = self.journal.members(space, slot)
        if pems is None:
            return None
        members = tuple(c for pem in pems for c in credentials.read(pem, source="journal").certificates)
        item = Item(CredentialKind.CA, credentials.bundle(members), members)
        same = self.journal.written(space, slot) == digest(item.data)
        return item if same and shown(self._lines(item.kind, listing, slot), item) is not False else None

    def _is_sure(self, current: StoredProfile | None, listing: Sequence[StoredCredential]) -> bool:
        """The trust set that is in force is known, and the listing shows its very content."""
        if current is None or current.ca_slot is None:
            return False
        now = self._remembered(current.ca_slot, listing)
        return now is not None and bool(shown(self._lines(now.kind, listing, current.ca_slot), now))

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
            meant = noted or self.journal.begun(space, number)
            if seen is False or any(line.reserved for line in lines) or meant not in (None, wanted):
                continue
            if (seen and slots.is_proof(lines)) or noted == wanted:
                verified = bool(seen) and (noted == wanted or slots.is_whole(lines, item))
                return Installed(number, item.kind, False, verified, Certainty.DERIVED)
        return None

    def _unlisted(self, kind: CredentialKind, listing: Sequence[StoredCredential]) -> list[int]:
        """Where the journal says that keys are: a modem may not show them.

        A slot whose certificate is gone is left out: somebody has emptied the store.
        """
        if kind is not CredentialKind.KEY:
            return []
        gone = remnants.lost_keys(self.driver, self.journal, listing)
        return [slot for slot in self.journal.slots(self.driver.namespace(kind)) if slot not in gone]

    async def _tidy(
        self,
        items: Sequence[Item],
        listing: Sequence[StoredCredential],
        profiles: Sequence[StoredProfile],
        slot: int | None = None,
    ) -> Sequence[StoredCredential]:
        """Empty what interrupted runs left in the way of ``items``; gives the listing after it."""
        notes = remnants.leftovers(self.driver, self.journal, items, listing, profiles, slot)
        return await remnants.clear(self.driver, self.journal, notes, listing)

    async def _put(
        self,
        item: Item,
        listing: Sequence[StoredCredential],
        profiles: Sequence[StoredProfile],
        *,
        slot: int | None = None,
        beside: int | None = None,
        pair: bool = False,
        own: bool = False,
        progress: Progress | None = None,
    ) -> Installed:
        self._sized(item)
        space = self.driver.namespace(item.kind)
        members = {c.sha256: c.pem for c in item.certificates} if item.kind is CredentialKind.CA else None
        there = self._find(item, listing, slot)
        if there is not None:
            if self.journal.begun(space, there.slot) and not self.journal.written(space, there.slot):
                self.journal.remember(space, there.slot, item.data, members)
            return there
        slot = self._choose(item, listing, profiles, slot=slot, beside=beside, pair=pair)
        self.journal.begin(
            Unfinished(space, slot, item.kind, digest(item.data), item.fingerprints, is_own=own)
        )
        await self.driver.write_credential(slot, item.kind, item.data, progress)
        verified = await self._read_back(item, slot)
        self.journal.remember(space, slot, item.data, members)
        return Installed(slot, item.kind, True, verified)

    async def _read_back(self, item: Item, slot: int) -> bool:
        """The listing shows the very content; false where it cannot tell; see :func:`.slots.read_back`."""
        here = self._lines(item.kind, await self.driver.list_credentials(), slot)
        return slots.read_back(here, item, slot, self.driver.model.name)

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
            taken.update(note.slot for note in self.journal.unfinished(self.driver.namespace(item.kind)))
            taken.update(n for p in profiles for n in named_slots(p, item.kind, pair=pair) if n is not None)
        return slots.free_slot(
            item.kind, taken, self.driver.limits, self.driver.model.name, slot=slot, beside=beside
        )
