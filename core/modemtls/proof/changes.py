"""What a proof changes in a modem, and how it is put back.

One slot, for the root of the probe, and one security profile, which names it.  Both are chosen so that nothing
of the owner's is touched: a free slot, and a profile that is not configured.  Where every profile is in use
modemtls's own is taken; it is written back once *before* anything is changed, so that a modem that would not
take it any more (a slot that it names is empty by now) shows that while nothing is lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import CredentialError, ModemError, Reason, Unsupported
from ..journal import Unfinished, digest
from ..log import happened
from ..model import CredentialKind, StoredCredential, StoredProfile
from ..op import Op
from ..policy import Check, Gap, VerifyPolicy, resolve

if TYPE_CHECKING:
    from ..credentials import CredentialFile
    from ..operations import Operations

__all__ = ["Changes"]


class Changes:
    """The changes of one proof; :meth:`make` and :meth:`put_back` are operations.

    ``number``: the security profile to use.  ``left``: what could not be put back, each with the command that does
    it; ``trouble``: the first error of that.
    """

    def __init__(self, modem: Operations, root: CredentialFile, checks: frozenset[Check]) -> None:
        self.number = modem.security_profile
        self.left: list[str] = []
        self.trouble: ModemError | None = None
        self._modem = modem
        self._root = root
        self._checks = checks
        self._slot: int | None = None
        self._writes_profile = False
        self._profiles: tuple[StoredProfile, ...] = ()
        self._listing: tuple[StoredCredential, ...] = ()

    @property
    def _before(self) -> StoredProfile | None:
        return next((p for p in self._profiles if p.number == self.number), None)

    async def make(self) -> None:
        """Store the root, and have a profile name it.

        :raises Unsupported: the profile could not be put back; nothing was changed.
        :raises CredentialError: no slot is free; nothing was changed.
        """
        modem, driver, store = self._modem, self._modem.driver, self._modem.store
        self._profiles = await driver.read_profiles()
        self._listing = await driver.list_credentials()
        used = {profile.number for profile in self._profiles}
        spare = [n for n in reversed(modem.resolved.limits.security_profiles) if n not in used]
        self.number = spare[0] if spare else modem.security_profile
        await self._rehearse()
        planned = await store.plan(CredentialKind.CA, self._root, None)
        self._slot = planned.slot  # from here on it may hold something
        done = await store.put(CredentialKind.CA, self._root, planned.slot)
        item = store.item(CredentialKind.CA, self._root)
        # A run that is killed leaves this note, and the next change of the store empties the slot.
        modem.journal.begin(
            Unfinished(
                driver.namespace(item.kind),
                done.slot,
                item.kind,
                digest(item.data),
                item.fingerprints,
                is_own=True,
            )
        )
        policy = VerifyPolicy(checks=self._checks).accepting({Gap.MINIMUM_VERSION})
        tls = resolve(policy, modem.resolved.enforcement, host="", model=modem.model.name)
        self._writes_profile = True
        await driver.write_profile(self.number, replace(tls, ca_slot=done.slot))

    async def _rehearse(self) -> None:
        before = self._before
        if before is None:
            return
        try:
            await self._modem.driver.restore_profile(before)
        except ModemError as error:
            raise Unsupported(
                f"All security profiles are in use, and profile {self.number} could not be put back after a proof:"
                f" {error.message} Nothing was changed.",
                remedy=error.remedy,
                reasons=error.reasons or {Reason.NOT_SUPPORTED},
                model=self._modem.model.name,
                code=error.code,
            ) from error

    async def put_back(self) -> None:
        """Put back what was changed; what cannot be is in :attr:`left`.  Doing it twice is allowed."""
        self.left.clear()
        self.trouble = None
        before = self._before
        shown = f"modemtls profile reset {self.number}"
        cure = shown if before is None else f"{shown}, and then what it said: {_fields(before)}"
        if self._writes_profile and await self._done(
            self._restore(), f"security profile {self.number} as the proof wrote it ({cure})"
        ):
            self._writes_profile = False
        slot = self._slot
        if slot is not None and await self._done(
            self._remove(slot), f"the proof's own CA in slot {slot} (modemtls cert remove {slot} --kind ca)"
        ):
            self._slot = None

    async def _done(self, op: Op[None], what: str) -> bool:
        """Run one step; what fails is noted, and the others are tried all the same."""
        try:
            await self._modem.perform(op)
        except ModemError as error:
            self.trouble = self.trouble or error
            self.left.append(what)
            happened("a proof could not put everything back", what=what, because=str(error))
            return False
        except BaseException:
            self.left.append(what)
            raise
        return True

    async def _restore(self) -> None:
        await self._modem.exclusively(self._restore_profile())

    async def _restore_profile(self) -> None:
        driver, before = self._modem.driver, self._before
        self._modem.leases.changed()
        if before is None:
            await driver.reset_profile(self.number)
        else:
            await driver.restore_profile(before)
        now = await driver.read_profiles()
        if [(p.number, p.raw) for p in now] != [(p.number, p.raw) for p in self._profiles]:
            raise CredentialError(
                "The security profiles are not what they were before the proof.",
                remedy="Look at them: modemtls profile show",
                reasons={Reason.PROFILE_ILLEGAL},
                model=self._modem.model.name,
            )

    async def _remove(self, slot: int) -> None:
        await self._modem.store.remove(slot, CredentialKind.CA, force=True)
        self._modem.leases.changed()
        now = await self._modem.driver.list_credentials()
        if now != self._listing:
            raise CredentialError(
                "The credential store does not list what it did before the proof.",
                remedy="Look at it: modemtls cert list",
                reasons={Reason.DAMAGED_IN_STORE},
                model=self._modem.model.name,
            )


def _fields(profile: StoredProfile) -> str:
    return ", ".join(f"{name} {value or 'empty'}" for name, value in profile.fields)
