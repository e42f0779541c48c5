"""The parts of an open modem: its facts; network, clock, credentials, profiles, each blocking and awaited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from .at.exchange import Event
from .errors import ErrorEntry
from .findings import Finding
from .model import (
    ClockReading,
    CredentialKind,
    Identity,
    Limits,
    Model,
    NetworkSettings,
    NetworkStatus,
    StoredCredential,
    StoredProfile,
)
from .policy import TlsEndpoint
from .settings import Settings
from .source import Source, read_source

if TYPE_CHECKING:
    from .credentials import Certificate
    from .driver import Progress
    from .modem import AsyncModem, Modem
    from .operations import Operations
    from .store import Installed

__all__ = [
    "AsyncClock",
    "AsyncCredentials",
    "AsyncNetwork",
    "AsyncProfiles",
    "Clock",
    "Credentials",
    "Facts",
    "Network",
    "Profiles",
]


class Facts:
    """What is known of an open modem without asking it."""

    _ops: Operations

    @property
    def identity(self) -> Identity:
        """Who answers, in its own words."""
        return self._ops.identity

    @property
    def model(self) -> Model:
        """The model that it was found to be."""
        return self._ops.model

    @property
    def firmware(self) -> str:
        """The firmware that it speaks of; empty when it does not."""
        return self._ops.resolved.firmware

    @property
    def limits(self) -> Limits:
        """What this model has room and time for, on this firmware."""
        return self._ops.resolved.limits

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._ops.settings

    @property
    def tls(self) -> TlsEndpoint:
        """Where TLS runs when a session does not say: in the modem, or on this computer (``"host"``)."""
        return self._ops.tls

    @property
    def dropped_events(self) -> int:
        """Unsolicited lines that made room for newer ones before anybody took them."""
        return self._ops.channel.dropped_events

    def explain(self, line: str) -> ErrorEntry | None:
        """What the model's tables know of the code in a line of its; ``None`` when there is none in it."""
        return self._ops.driver.explain(line)

    def on_event(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``listener`` for every unsolicited line; gives the function that ends this."""
        return self._ops.channel.listen(listener)


class Network:
    """SIM, registration and PDP context."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem

    def status(self) -> NetworkStatus:
        """How far the modem is on its way to the network; changes nothing."""
        return self._modem._run(self._modem._ops.network_status())

    def up(self, settings: NetworkSettings | None = None, *, timeout: float | None = None) -> NetworkStatus:
        """Bring the network up and wait for it, ``timeout`` seconds at most.

        :raises NetworkError: a stage is missing; ``reasons`` says which.
        """
        return self._modem._run(self._modem._ops.network_up(settings, timeout))


class AsyncNetwork:
    """SIM, registration and PDP context."""

    def __init__(self, modem: AsyncModem) -> None:
        self._modem = modem

    async def status(self) -> NetworkStatus:
        """How far the modem is on its way to the network; changes nothing."""
        return await self._modem._run(self._modem._ops.network_status())

    async def up(
        self, settings: NetworkSettings | None = None, *, timeout: float | None = None
    ) -> NetworkStatus:
        """Bring the network up and wait for it, ``timeout`` seconds at most.

        :raises NetworkError: a stage is missing; ``reasons`` says which.
        """
        return await self._modem._run(self._modem._ops.network_up(settings, timeout))


class Clock:
    """The modem's clock, by which it judges certificates."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem

    def read(self) -> ClockReading:
        """Its time, in UTC, and whether anybody has set it."""
        return self._modem._run(self._modem._ops.read_clock())

    def set(self, time: datetime | None = None) -> ClockReading:
        """Set it to an aware ``time``, or to this computer's, and read it back."""
        return self._modem._run(self._modem._ops.set_clock(time))

    def set_from_network(self) -> ClockReading:
        """Let the modem fetch the time by itself, and read it back."""
        return self._modem._run(self._modem._ops.set_clock_from_network())


class AsyncClock:
    """The modem's clock, by which it judges certificates."""

    def __init__(self, modem: AsyncModem) -> None:
        self._modem = modem

    async def read(self) -> ClockReading:
        """Its time, in UTC, and whether anybody has set it."""
        return await self._modem._run(self._modem._ops.read_clock())

    async def set(self, time: datetime | None = None) -> ClockReading:
        """Set it to an aware ``time``, or to this computer's, and read it back."""
        return await self._modem._run(self._modem._ops.set_clock(time))

    async def set_from_network(self) -> ClockReading:
        """Let the modem fetch the time by itself, and read it back."""
        return await self._modem._run(self._modem._ops.set_clock_from_network())


class Credentials:
    """The modem's store of certificates and keys."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem

    def trusted(self) -> tuple[Certificate, ...]:
        """The trust set on this computer: what was trusted last for this modem; asks the modem nothing.

        TLS on this computer verifies against it, unless a session was given CAs of its own.

        :raises CredentialError: it is damaged.
        """
        return self._modem._ops.host_trust.certificates()

    def list(self) -> tuple[StoredCredential, ...]:
        """What the store shows."""
        return self._modem._run(self._modem._ops.list_credentials())

    def put(
        self,
        source: Source,
        kind: CredentialKind,
        *,
        slot: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Installed:
        """Store one credential; no security profile changes.

        :raises CredentialError: it is not fit for the use, or does not fit in.
        """
        return self._modem._run(
            self._modem._ops.put_credential(kind, read_source(source), slot, dry_run, progress)
        )

    def remove(self, slot: int, kind: CredentialKind, *, force: bool = False) -> tuple[int, ...]:
        """Empty a slot; gives the numbers of the security profiles that still name it.

        :raises CredentialError: the slot is reserved, or a profile names it and ``force`` is false.
        """
        return self._modem._run(self._modem._ops.remove_credential(slot, kind, force))


class AsyncCredentials:
    """The modem's store of certificates and keys."""

    def __init__(self, modem: AsyncModem) -> None:
        self._modem = modem

    def trusted(self) -> tuple[Certificate, ...]:
        """The trust set on this computer: what was trusted last for this modem; asks the modem nothing.

        TLS on this computer verifies against it, unless a session was given CAs of its own.

        :raises CredentialError: it is damaged.
        """
        return self._modem._ops.host_trust.certificates()

    async def list(self) -> tuple[StoredCredential, ...]:
        """What the store shows."""
        return await self._modem._run(self._modem._ops.list_credentials())

    async def put(
        self,
        source: Source,
        kind: CredentialKind,
        *,
        slot: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Installed:
        """Store one credential; no security profile changes.

        :raises CredentialError: it is not fit for the use, or does not fit in.
        """
        return await self._modem._run(
            self._modem._ops.put_credential(kind, read_source(source), slot, dry_run, progress)
        )

    async def remove(self, slot: int, kind: CredentialKind, *, force: bool = False) -> tuple[int, ...]:
        """Empty a slot; gives the numbers of the security profiles that still name it.

        :raises CredentialError: the slot is reserved, or a profile names it and ``force`` is false.
        """
        return await self._modem._run(self._modem._ops.remove_credential(slot, kind, force))


class Profiles:
    """The security profiles in the modem."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem

    def list(self) -> tuple[StoredProfile, ...]:
        """Those that are configured, with what is illegal in them."""
        return self._modem._run(self._modem._ops.read_profiles())

    def findings(self) -> tuple[tuple[StoredProfile, tuple[Finding, ...]], ...]:
        """Each of them with what is wrong in it, and in the slots that it names."""
        return self._modem._run(self._modem._ops.profile_findings())

    def reset(self, number: int) -> None:
        """Put one back to what it is from the factory."""
        return self._modem._run(self._modem._ops.reset_profile(number))


class AsyncProfiles:
    """The security profiles in the modem."""

    def __init__(self, modem: AsyncModem) -> None:
        self._modem = modem

    async def list(self) -> tuple[StoredProfile, ...]:
        """Those that are configured, with what is illegal in them."""
        return await self._modem._run(self._modem._ops.read_profiles())

    async def findings(self) -> tuple[tuple[StoredProfile, tuple[Finding, ...]], ...]:
        """Each of them with what is wrong in it, and in the slots that it names."""
        return await self._modem._run(self._modem._ops.profile_findings())

    async def reset(self, number: int) -> None:
        """Put one back to what it is from the factory."""
        return await self._modem._run(self._modem._ops.reset_profile(number))
