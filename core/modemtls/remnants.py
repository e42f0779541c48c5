"""What interrupted runs left in the store, and how the next run mends it.

A slot is noted before it is written, and the note goes when the run has reached its end: for a trust set and
for a client's pair that is when the profile names them.  So a note that is found tells of a slot that was
empty then, and holds nothing, all of it, or something in between now.  It is used when the modem's OK is
noted too, else it is emptied; nothing that a profile names, or that the listing shows to be another's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .driver import Driver
from .errors import Certainty, CredentialError, Reason
from .journal import Journal, Unfinished, digest
from .log import happened
from .model import CredentialKind, StoredCredential, StoredProfile
from .slots import Item, named_slots

__all__ = ["clear", "empty", "forget_lost_keys", "leftovers", "lost_keys", "without"]

Listing = Sequence[StoredCredential]


def leftovers(
    driver: Driver,
    journal: Journal,
    items: Sequence[Item],
    listing: Listing,
    profiles: Sequence[StoredProfile],
    slot: int | None = None,
) -> tuple[Unfinished, ...]:
    """The notes whose slots are to be emptied before ``items`` are stored (in ``slot``, if it is given)."""
    spaces = {driver.namespace(item.kind) for item in items}
    return tuple(
        note
        for space in sorted(spaces)
        for note in journal.unfinished(space)
        if _is_to_go(driver, journal, note, items, listing, profiles, slot)
    )


def _is_to_go(
    driver: Driver,
    journal: Journal,
    note: Unfinished,
    items: Sequence[Item],
    listing: Listing,
    profiles: Sequence[StoredProfile],
    slot: int | None,
) -> bool:
    chosen = slot is not None and note.slot == slot
    if note.slot not in driver.limits.slots or note.slot in driver.limits.reserved_slots:
        return False
    if not chosen and any(note.slot in named_slots(profile, note.kind) for profile in profiles):
        return False
    lines = _lines(driver, note, listing)
    if any(line.reserved or _is_anothers(line, note) for line in lines):
        return False
    for item in items:
        if digest(item.data) == note.sha256 and driver.namespace(item.kind) == note.namespace:
            return journal.written(note.namespace, note.slot) != note.sha256
    return note.is_own or chosen


def _is_anothers(line: StoredCredential, note: Unfinished) -> bool:
    known = line.fingerprint_hash in ("sha1", "sha256") and bool(line.fingerprint)
    return known and line.fingerprint not in note.fingerprints


def _lines(driver: Driver, note: Unfinished, listing: Listing) -> list[StoredCredential]:
    return [s for s in listing if s.slot == note.slot and driver.namespace(s.kind) == note.namespace]


async def empty(driver: Driver, slot: int, kind: CredentialKind, listed: Collection[int] = ()) -> bool:
    """Empty a slot, and see by the listing that this one is empty now, and no other; false when it was before.

    A key of a modem that lists none is taken to have been there.

    ``listed`` are slots that were seen to be full: a listing without them is damaged itself.

    :raises CredentialError: the modem refused, or the listing shows something else.
    """

    async def slots() -> set[int]:
        space = driver.namespace(kind)
        return {s.slot for s in await driver.list_credentials() if driver.namespace(s.kind) == space}

    before = await slots()
    await driver.remove_credential(slot, kind)
    after = await slots()
    lost = sorted((before | set(listed)) - after - {slot})
    if slot in after or lost:
        also = f", and slot {', '.join(map(str, lost))} not any more" if lost else ""
        raise CredentialError(
            f"Slot {slot} was to be emptied. The modem said OK, but its listing shows"
            f" {'it still' if slot in after else 'it empty'}{also}: the command was damaged on the line.",
            remedy="Store again what is missing; connect RTS and CTS or lower the baud rate.",
            reasons={Reason.DAMAGED_IN_STORE, Reason.BYTES_LOST},
            certainty=Certainty.DERIVED,
            model=driver.model.name,
        )
    return slot in before or (kind is CredentialKind.KEY and not before)


async def clear(driver: Driver, journal: Journal, notes: Sequence[Unfinished], listing: Listing) -> Listing:
    """Empty the slots of ``notes``; gives the listing as it is then."""
    gone = []
    for note in notes:
        # What is not listed is not there, but keys may never be listed.
        if note.kind is CredentialKind.KEY or _lines(driver, note, listing):
            try:
                await empty(driver, note.slot, note.kind)
            except CredentialError as error:
                if Reason.DAMAGED_IN_STORE in error.reasons:
                    raise
                happened("an interrupted write cannot be removed", slot=note.slot, because=str(error))
                continue
            happened("removed what an interrupted run had left", slot=note.slot)
        journal.forget(note.namespace, note.slot)
        gone.append(note)
    return without(driver, gone, listing)


def without(driver: Driver, notes: Sequence[Unfinished], listing: Listing) -> Listing:
    """``listing`` without the slots of ``notes``."""
    gone = {(note.namespace, note.slot) for note in notes}
    return [stored for stored in listing if (driver.namespace(stored.kind), stored.slot) not in gone]


def lost_keys(driver: Driver, journal: Journal, listing: Listing) -> frozenset[int]:
    """Slots whose noted key is gone where keys are not listed: the certificate beside it is.

    Then somebody has emptied the store.
    """
    beside = driver.namespace(CredentialKind.CERTIFICATE)
    seen = {stored.slot for stored in listing if driver.namespace(stored.kind) == beside}
    return frozenset(journal.slots(beside)) - seen


def forget_lost_keys(driver: Driver, journal: Journal, listing: Listing) -> None:
    """Forget keys that are gone with their certificates, while it shows: the certificate is written again."""
    space = driver.namespace(CredentialKind.KEY)
    if any(driver.namespace(stored.kind) == space for stored in listing):
        return
    for slot in lost_keys(driver, journal, listing).intersection(journal.slots(space)):
        journal.forget(space, slot)
