"""Before a connection: the network, the security profile and the slots that it names, as they must be.

A profile that differs from the policy is corrected before use.  One that somebody else made, and that is to be
used as it stands, is read first, and not used when it verifies nothing without that being said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ..errors import CredentialError, Reason
from ..model import CredentialKind, StoredCredential, StoredProfile
from ..policy import TlsProfile

if TYPE_CHECKING:
    from ..operations import Operations

__all__ = ["Preparation"]


class Preparation:
    """What one session has to see to before it connects; :meth:`make` is an operation.

    ``tls`` is the resolved policy, or ``None`` when security profile ``number`` is used as it stands;
    ``insecure``: nothing is to be verified, and that was said.
    """

    def __init__(
        self,
        modem: Operations,
        http: Literal["stream", "modem"],
        tls: TlsProfile | None,
        number: int,
        *,
        insecure: bool,
    ) -> None:
        self.number = number
        self._modem = modem
        self._http = http
        self._tls = tls
        self._insecure = insecure
        self._epoch = -1

    def forget(self) -> None:
        """Look at everything again next time."""
        self._epoch = -1

    async def make(self) -> None:
        """Network, profile and slots, as they must be.

        The profile is read each time: somebody else may have changed it, by another port of the modem.
        """
        leases = self._modem.leases
        fresh = self._epoch != leases.epoch
        self._epoch = -1
        if fresh or self._http == "stream":
            await self._modem.require_network()
        profiles = await self._modem.driver.read_profiles()
        current = next((p for p in profiles if p.number == self.number), None)
        if self._tls is None:
            await self._as_it_stands(current, fresh)
        else:
            wanted = self._with_slots(self._tls, current)
            if current is None or fresh or not self._modem.driver.profile_matches(current, wanted):
                wanted = await self._with_filled_slots(wanted)
                try:
                    written = await self._modem.store.ensure_profile(current, wanted)
                except BaseException:
                    leases.changed()  # it may say what this session wants, and not what another one does
                    raise
                if written:
                    leases.changed()
                    fresh = True
        if fresh:
            # The modem's HTTP client may hold a connection that was made by the profile as it was.
            await self._modem.driver.http_disconnect(self._modem.http_profile)
        self._epoch = leases.epoch

    def _with_slots(self, tls: TlsProfile, current: StoredProfile | None) -> TlsProfile:
        """The profile in the modem is the state: its slots stay."""
        if current is None:
            return tls
        client = tls.client_slot is None
        return replace(
            tls,
            ca_slot=current.ca_slot,
            client_slot=current.client_slot if client else tls.client_slot,
            client_key_slot=current.client_key_slot if client else tls.client_key_slot,
        )

    async def _with_filled_slots(self, wanted: TlsProfile) -> TlsProfile:
        """A trust anchor, and a client certificate only where one is stored.

        :raises CredentialError: the anchor is missing, or the client certificate that the policy names.
        """
        stored: Sequence[StoredCredential] = ()
        if wanted.checks or self._http == "modem" or wanted.client_slot is not None:
            stored = await self._modem.driver.list_credentials()
        if wanted.checks or self._http == "modem":
            self._require_anchor(wanted, stored)
        if wanted.client_slot is None or self._is_filled(wanted.client_slot, stored):
            return wanted
        if self._tls is not None and self._tls.client_slot is not None:
            raise CredentialError(
                f"The policy names slot {wanted.client_slot} for the client certificate, and that slot is empty.",
                remedy="Store certificate and key first: modem.install, or --cert FILE --key FILE.",
                reasons={Reason.SLOT_EMPTY, Reason.CLIENT_CERTIFICATE_MISSING},
                model=self._modem.model.name,
            )
        return replace(wanted, client_slot=None, client_key_slot=None)

    def _is_filled(self, slot: int, stored: Sequence[StoredCredential]) -> bool:
        space = self._modem.driver.namespace(CredentialKind.CA)
        return any(s.slot == slot and self._modem.driver.namespace(s.kind) == space for s in stored)

    def _require_anchor(
        self, profile: TlsProfile | StoredProfile, stored: Sequence[StoredCredential]
    ) -> None:
        """A CA slot with something in it; without one some clients would even speak without TLS."""
        if profile.ca_slot is not None:
            if self._is_filled(profile.ca_slot, stored):
                return
            what = f"security profile {self.number} names CA slot {profile.ca_slot}, and that slot is empty"
        else:
            what = f"security profile {self.number} names no CA slot"
        plain = " Without one this modem's HTTP client may speak without TLS, and say nothing."
        raise CredentialError(
            f"There is nothing to verify the server against: {what}.{'' if profile.checks else plain}",
            remedy="Store the CA of the server first: modemtls cert trust FILE, or --ca FILE."
            if self._tls is not None
            else "Leave --profile out, or use the stream: --http stream.",
            reasons={Reason.NO_TRUST_ANCHOR, Reason.SLOT_EMPTY}
            if profile.ca_slot is not None
            else {Reason.NO_TRUST_ANCHOR},
            model=self._modem.model.name,
        )

    async def _as_it_stands(self, current: StoredProfile | None, fresh: bool) -> None:
        """A profile that somebody else made."""
        number = self.number
        if current is None:
            raise CredentialError(
                f"Security profile {number} is not configured.",
                remedy="Look at what there is: modemtls profile show",
                reasons={Reason.PROFILE_ILLEGAL},
                model=self._modem.model.name,
            )
        verifies_nothing = current.checks is not None and not current.checks
        if (verifies_nothing or current.ca_slot is None) and not self._insecure:
            what = "verifies nothing" if verifies_nothing else "names no CA"
            raise CredentialError(
                f"Security profile {number} {what}; it is not used without that being asked for.",
                remedy="Leave --profile out to use the policy, or add --insecure.",
                reasons={Reason.NO_TRUST_ANCHOR},
                model=self._modem.model.name,
            )
        if verifies_nothing and fresh and self._http == "modem":
            self._require_anchor(current, await self._modem.driver.list_credentials())
