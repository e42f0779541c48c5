"""What a new trust set or client pair replaces: kept until the new one has proved itself, and removed then.

A new one has proved itself when the modem's listing shows its very content, or when a verified handshake has
succeeded with the profile that names it.  What is replaced is noted before the profile is switched, since nothing
names it afterwards.  A client's pair is removed only where the journal says that it was stored from here: a key
that somebody else stored may be nowhere else.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import remnants
from .driver import Driver
from .errors import CredentialError
from .journal import Journal
from .log import happened
from .model import CredentialKind, StoredCredential, StoredProfile
from .slots import Installed, named_slots

__all__ = ["Replaced"]

_CLIENT = (CredentialKind.CERTIFICATE, CredentialKind.KEY)


class _Fate(enum.Enum):
    """What became of a replaced slot."""

    STAYS = enum.auto()
    EMPTIED = enum.auto()
    WAS_EMPTY = enum.auto()


class Replaced:
    """The slots that were replaced in one modem, by the profile that modemtls owns."""

    def __init__(self, driver: Driver, journal: Journal, security_profile: int) -> None:
        self._driver = driver
        self._journal = journal
        self._number = security_profile

    def note(self, kind: CredentialKind, old: int | None, new: int) -> int | None:
        """Note that ``new`` replaces ``old``; gives the slot that is now to be removed, if any."""
        if old is None or old == new or (kind in _CLIENT and not self._is_own(kind, old)):
            return None
        self._journal.replaced(self._driver.namespace(kind), old, client=kind in _CLIENT)
        return old

    async def settle(
        self, new: Sequence[Installed], olds: Sequence[int | None], profiles: Sequence[StoredProfile]
    ) -> tuple[Installed, ...]:
        """``new`` with what became of the ``olds`` that it replaces: all of it goes when all of ``new`` is verified."""
        for each in new:  # it may have been replaced itself once
            self._journal.settled(self._driver.namespace(each.kind), each.slot)
        told = []
        sure = all(each.verified for each in new)
        for each, old in zip(new, olds, strict=True):
            mine = () if old is None else (old,)
            if not sure:
                told.append(replace(each, kept=mine))
                continue
            fates = await self._drop_all(each.kind, (*mine, *self._waiting(each.kind)), profiles)
            removed = tuple(slot for slot, fate in fates.items() if fate is _Fate.EMPTIED)
            kept = tuple(slot for slot in mine if fates[slot] is _Fate.STAYS)
            told.append(replace(each, removed=removed, kept=kept))
        return tuple(told)

    async def drop_superseded(
        self,
        kinds: Sequence[CredentialKind],
        listing: Sequence[StoredCredential],
        profiles: Sequence[StoredProfile],
        *,
        sure: bool,
    ) -> Sequence[StoredCredential]:
        """Remove what earlier runs had replaced: all of it when the present one is ``sure``, else all but the first.

        The first is the one that may have worked.  Gives the listing after it.
        """
        for kind in kinds:
            waiting = self._waiting(kind)
            fates = await self._drop_all(kind, waiting if sure else waiting[1:], profiles, patient=True)
            space = self._driver.namespace(kind)
            gone = {slot for slot, fate in fates.items() if fate is not _Fate.STAYS}
            listing = [s for s in listing if self._driver.namespace(s.kind) != space or s.slot not in gone]
        return listing

    async def confirm(self) -> tuple[int, ...]:
        """A handshake has succeeded: remove what was kept until then; gives the slots of certificates.

        What the modem refuses here is logged, and tried again after the next handshake.
        """
        kinds = [kind for kind in CredentialKind if self._waiting(kind)]
        if not kinds:
            return ()
        profiles = await self._driver.read_profiles()
        removed: list[int] = []
        for kind in kinds:
            if kind in _CLIENT and not self._names_new_pair(profiles):
                continue
            fates = await self._drop_all(kind, self._waiting(kind), profiles, patient=True)
            if kind is not CredentialKind.KEY:
                removed += [slot for slot, fate in fates.items() if fate is _Fate.EMPTIED]
        return tuple(removed)

    def _names_new_pair(self, profiles: Sequence[StoredProfile]) -> bool:
        """The handshake was made with a pair from here that is not itself replaced."""
        now = next((p for p in profiles if p.number == self._number), None)
        slot = now.client_slot if now is not None else None
        kind = CredentialKind.CERTIFICATE
        return slot is not None and self._is_own(kind, slot) and slot not in self._waiting(kind)

    def _is_own(self, kind: CredentialKind, slot: int) -> bool:
        return self._journal.written(self._driver.namespace(kind), slot) is not None

    def _waiting(self, kind: CredentialKind) -> tuple[int, ...]:
        return self._journal.waiting(self._driver.namespace(kind), client=kind in _CLIENT)

    async def _drop_all(
        self,
        kind: CredentialKind,
        slots: Sequence[int],
        profiles: Sequence[StoredProfile],
        *,
        patient: bool = False,
    ) -> Mapping[int, _Fate]:
        """Remove replaced slots; ``patient``: what is refused is logged, and tried again later."""
        fates = {}
        for slot in dict.fromkeys(slots):
            try:
                fates[slot] = await self._drop(kind, slot, profiles)
            except CredentialError as error:
                if not patient:
                    raise
                happened("a replaced credential could not be removed", slot=slot, because=str(error))
                fates[slot] = _Fate.STAYS
                continue
            self._journal.settled(self._driver.namespace(kind), slot)
        return fates

    async def _drop(self, kind: CredentialKind, slot: int, profiles: Sequence[StoredProfile]) -> _Fate:
        others = (p for p in profiles if p.number != self._number)
        if slot not in self._driver.limits.preferred_slots or any(
            slot in named_slots(profile, kind) for profile in others
        ):
            return _Fate.STAYS
        now = next((p for p in await self._driver.read_profiles() if p.number == self._number), None)
        if now is not None and slot in named_slots(now, kind):
            return _Fate.STAYS
        in_use = now.ca_slot if now is not None and kind is CredentialKind.CA else None
        was_full = await remnants.empty(self._driver, slot, kind, () if in_use is None else (in_use,))
        self._journal.forget(self._driver.namespace(kind), slot)
        return _Fate.EMPTIED if was_full else _Fate.WAS_EMPTY
