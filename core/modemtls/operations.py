"""What a modem can be asked to do, written once: the facades of :mod:`modemtls.modem` run these operations.

Each of them begins by paying what an earlier one left owing (a connection to close after a cancellation) and,
when the modem has restarted meanwhile, by putting the dialogue in order again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from .at.channel import Channel
from .at.exchange import Event, Reply, starts
from .at.syntax import Command, raw
from .configured import owned, vendor_options
from .diagnose import profile_findings
from .endpoint import choose, endpoint, no_credential_store
from .errors import Reason, Unsupported
from .findings import Finding
from .leases import Leases
from .model import (
    Capability,
    ClockReading,
    CredentialKind,
    Identity,
    Match,
    Model,
    NetworkSettings,
    NetworkStatus,
    Resolved,
    StoredCredential,
    StoredProfile,
)
from .op import Now, Op, Yield
from .plugins import load_object
from .policy import InsecureWarning, TlsEndpoint, TlsProfile, VerifyPolicy, resolve
from .settings import Settings
from .standard import missing_stage

if TYPE_CHECKING:
    from .credentials import Certificate, CredentialFile
    from .driver import Driver, Progress
    from .host_trust import HostTrust
    from .https.session import SessionOperations
    from .journal import Journal
    from .store import Installed, Store

__all__ = ["Operations", "vendor_options"]

T = TypeVar("T")


class Operations:
    """A modem that has been identified, and everything that can be done with it."""

    def __init__(
        self,
        channel: Channel,
        settings: Settings,
        model: Model,
        match: Match,
        who: Identity,
        resolved: Resolved,
    ) -> None:
        self.channel = channel
        self.settings = settings
        self.model = model
        self.match = match
        self.identity = who
        self.resolved = resolved
        self.driver: Driver = load_object(model.driver)(
            channel, model, resolved, vendor_options(model, settings), load_object(model.errors)
        )
        limits = resolved.limits
        channel.speak(
            self.driver.dialect,
            command_timeout=limits.command_timeout,
            recover_timeout=limits.recover_timeout,
        )
        self.security_profile = owned("security_profile", settings.security_profile, limits.security_profiles)
        self.http_profile = owned("http_profile", settings.http_profile, limits.http_profiles)
        self.socket = owned("socket", settings.socket, limits.sockets)
        self.leases = Leases(channel, self.driver, self.socket)
        self._store: Store | None = None
        self._journal: Journal | None = None
        self._owed: list[Callable[[], Op[Any]]] = []
        self._restarts = -1

    async def perform(self, op: Op[T]) -> T:
        """Run ``op`` when everything that comes before it is done."""
        try:
            await self.channel.poll(0)  # a restart while nobody looked is in what has arrived
            if self._restarts != self.channel.restarts:
                await self.initialise()
            while self._owed:
                await self._owed.pop()()
        except BaseException:
            op.close()
            raise
        return await op

    async def initialise(self) -> None:
        """Put the dialogue in order: after opening, and after the modem has restarted."""
        restarts = self.channel.restarts
        self.leases.forget()
        await self.driver.initialise()
        self._restarts = restarts

    def owe(self, debt: Callable[[], Op[Any]]) -> None:
        """Have ``debt`` done before the next operation: this one must end now."""
        self._owed.insert(0, debt)

    async def end(self) -> None:
        """Leave nothing open in the modem; asks it nothing when nothing is."""
        await self.leases.close_all()
        await self.driver.http_disconnect(self.http_profile)

    async def exclusively(self, op: Op[T]) -> T:
        """Run ``op`` while nobody else writes the security profile or connects by it."""
        try:
            await self.leases.profile.take(self.resolved.limits.response_timeout)
        except BaseException:
            op.close()
            raise
        try:
            return await op
        finally:
            self.leases.profile.give()

    # Identity, clock, network.

    async def read_clock(self) -> ClockReading:
        return await self.driver.read_clock()

    async def set_clock(self, time: datetime | None) -> ClockReading:
        """Set the clock, to this computer's time when ``time`` is ``None``, and read it back."""
        if time is not None and time.tzinfo is None:
            raise ValueError("the time must be aware, e.g. datetime.now(UTC)")
        await self.driver.set_clock(time or datetime.now(UTC))
        return await self.driver.read_clock()

    async def set_clock_from_network(self) -> ClockReading:
        if Capability.NETWORK_TIME not in self.resolved.capabilities:
            raise self.driver.unsupported(
                "time from the network"
            )  # and not after the network was brought up for it
        await self.require_network()
        await self.driver.set_clock_from_network()
        return await self.driver.read_clock()

    async def network_status(self) -> NetworkStatus:
        return await self.driver.network_status()

    async def network_up(
        self, settings: NetworkSettings | None = None, timeout: float | None = None
    ) -> NetworkStatus:
        """Bring the network up and wait until data can flow.

        :raises NetworkError: a stage is missing; each has its own reason.
        """
        status = await self.driver.network_status()
        if status.is_up:
            return status
        given = settings or self.settings.network
        await self.driver.network_up(given)
        next_stage = self.driver.attaches_in_stages and not status.registration.is_registered
        deadline = await Now() + (self.resolved.limits.attach_timeout if timeout is None else timeout)
        while True:
            status = await self.driver.network_status()
            trouble = missing_stage(status, self.model.name)
            if trouble is None:
                return status
            if next_stage and status.registration.is_registered:
                next_stage = False
                await self.driver.network_up(given)
                continue
            if await Now() >= deadline or Reason.NOT_REGISTERED not in trouble.reasons:
                raise trouble
            await self.channel.wait(starts("+CEREG:", "+CREG:", "+CGREG:"), min(2.0, deadline - await Now()))
            await Yield()

    async def require_network(self) -> None:
        """Data can flow, or the error says which stage is missing; attaches when the settings allow it."""
        if self.settings.attach:
            await self.network_up()
            return
        trouble = missing_stage(await self.driver.network_status(), self.model.name)
        if trouble is not None:
            raise trouble

    # Credentials and profiles.

    @property
    def store(self) -> Store:
        """The credential store; certificates are what takes long to import, so it comes late."""
        if self._store is None:
            from .store import Store

            self._store = Store(self.driver, self.journal, self.security_profile)
        return self._store

    @property
    def journal(self) -> Journal:
        """What this computer remembers of the modem."""
        if self._journal is None:
            from .journal import Journal, journal_directory

            directory = journal_directory() if self.settings.journal else None
            self._journal = Journal(directory, self.identity.serial)
        return self._journal

    @property
    def host_trust(self) -> HostTrust:
        """The trust set of TLS on this computer."""
        from .host_trust import HostTrust

        return HostTrust(self.journal, self.model.name, is_wanted=self.settings.journal)

    @property
    def tls(self) -> TlsEndpoint:
        """Where TLS runs when a session does not say."""
        return endpoint(self.resolved.capabilities, self.settings.tls)

    def _tls_in_modem(self, kind: CredentialKind) -> bool:
        """What is stored is for TLS in the modem; false: for TLS on this computer.

        :raises Unsupported: it cannot run there, or the modem has no store.
        """
        limits, capabilities = self.resolved.limits, self.resolved.capabilities
        if self.tls == "host":
            choose(None, self.settings.tls, capabilities, http="stream", profile=None, model=self.model.name)
            if kind is not CredentialKind.CA:
                raise no_credential_store(self.model.name, kind, has_store=bool(limits.slots))
            return False
        self._require_store(kind)
        return True

    def _require_store(self, kind: CredentialKind) -> None:
        if not self.resolved.limits.slots:
            raise no_credential_store(self.model.name, kind)

    def _profile_to_write(self, policy: VerifyPolicy) -> TlsProfile:
        """What the owned profile says until a session's policy says otherwise."""
        policy = policy.accepting(self.settings.accept_gaps)
        has_way_out = Capability.TCP_STREAM in self.resolved.capabilities
        return resolve(
            policy, self.resolved.enforcement, host="", model=self.model.name, has_way_out=has_way_out
        )

    async def list_credentials(self) -> tuple[StoredCredential, ...]:
        """What the store shows; a certificate that a profile names as its CA is one."""
        if not self.resolved.limits.slots:
            return ()
        anchors = {profile.ca_slot for profile in await self.read_profiles()}
        return tuple(
            replace(stored, kind=CredentialKind.CA)
            if stored.kind is CredentialKind.CERTIFICATE and stored.slot in anchors
            else stored
            for stored in self.store.described(await self.driver.list_credentials())
        )

    async def trust(
        self, files: Sequence[CredentialFile], add: bool, policy: VerifyPolicy, progress: Progress | None
    ) -> Installed:
        from .credentials import check, lint

        in_modem = self._tls_in_modem(CredentialKind.CA)
        profile = self._profile_to_write(policy) if in_modem else None
        certificates: list[Certificate] = []
        for file in files:
            check(lint(file, limits=self.resolved.limits if in_modem else None, kind=CredentialKind.CA))
            certificates += file.certificates
        if profile is None:
            return self.host_trust.trust(certificates, add=add)
        return await self._changing(self.store.trust(certificates, profile, add=add, progress=progress))

    async def install(
        self,
        certificate: CredentialFile,
        key: CredentialFile,
        policy: VerifyPolicy,
        progress: Progress | None,
    ) -> tuple[Installed, Installed]:
        from .credentials import check, lint

        self._tls_in_modem(CredentialKind.CERTIFICATE)
        profile = self._profile_to_write(policy)
        check(lint(certificate, limits=self.resolved.limits, kind=CredentialKind.CERTIFICATE))
        check(lint(key, limits=self.resolved.limits, kind=CredentialKind.KEY))
        return await self._changing(
            self.store.install(certificate.certificates, key.keys[0], profile, progress=progress)
        )

    async def put_credential(
        self,
        kind: CredentialKind,
        file: CredentialFile,
        slot: int | None,
        dry_run: bool,
        progress: Progress | None,
    ) -> Installed:
        from .credentials import check, lint

        self._require_store(kind)
        check(lint(file, limits=self.resolved.limits, kind=kind))
        if dry_run:
            return await self.store.plan(kind, file, slot)
        return await self._changing(self.store.put(kind, file, slot, progress))

    async def remove_credential(self, slot: int, kind: CredentialKind, force: bool) -> tuple[int, ...]:
        self._require_store(kind)
        return await self._changing(self.store.remove(slot, kind, force=force))

    async def read_profiles(self) -> tuple[StoredProfile, ...]:
        return await self.driver.read_profiles() if self.resolved.limits.security_profiles else ()

    async def profile_findings(self) -> tuple[tuple[StoredProfile, tuple[Finding, ...]], ...]:
        """Each profile with what is illegal in it, and with what is missing in the slots that it names."""
        profiles = await self.read_profiles()
        stored = await self.driver.list_credentials() if profiles else ()
        return tuple((p, tuple(profile_findings(self.driver, p, stored))) for p in profiles)

    async def reset_profile(self, number: int) -> None:
        numbers = self.resolved.limits.security_profiles
        if number not in numbers:
            there = f"there are {numbers[0]} to {numbers[-1]}" if numbers else "it has none"
            raise Unsupported(
                f"{self.model.name} has no security profile {number}: {there}.",
                remedy="Look at what there is: modemtls profile show",
                reasons={Reason.INVALID_PARAMETER},
                model=self.model.name,
            )
        current = next((p for p in await self.driver.read_profiles() if p.number == number), None)
        if current is not None:
            self.store.journal.save_profile(current)
        await self._changing(self.driver.reset_profile(number))

    async def _changing(self, op: Op[T]) -> T:
        """Run ``op``, which may change store or profile: what was known of the profile is not, after it."""
        try:
            return await self.exclusively(op)
        finally:
            self.leases.changed()

    # The raw door.

    async def command(self, line: str, data: bytes | None, timeout: float | None) -> Reply:
        """One line as a person typed it, with data for its prompt; a refusal is a reply, not an error."""
        command = raw(line)
        self.leases.changed()  # whatever it is, it may change a profile
        redact = self.driver.dialect.redact
        if (shown := redact(command.text)) != command.text:
            command = Command(command.text, shown, command.reply)
        limits = self.resolved.limits
        if data is None:
            wait = limits.connect_timeout if timeout is None else timeout
            reply = await self.channel.command(command, timeout=wait, dial=True, asks=True)
        else:
            reply = await self.channel.upload(
                command,
                data,
                prompt_timeout=limits.prompt_timeout if timeout is None else timeout,
                timeout=30.0 if timeout is None else timeout,
                hide=b"PRIVATE KEY" in data,
            )
        lines = tuple(map(redact, reply.lines))
        return reply if lines == reply.lines else replace(reply, lines=lines)

    async def events(self, timeout: float) -> tuple[Event, ...]:
        """The events that are there, or the first that comes within ``timeout`` seconds."""
        event = await self.channel.wait(lambda line: True, timeout)
        found = []
        while event is not None:
            found.append(event)
            event = self.channel.take(lambda line: True)
        return tuple(found)

    # HTTPS.

    def session(self, host: str, port: int, policy: VerifyPolicy, **how: Any) -> SessionOperations:
        """The operations of a session; raises before a byte is sent when the modem cannot do what is asked."""
        from .https.session import SessionOperations

        session = SessionOperations(self, host, port, policy, **how)
        if policy.is_insecure:
            warnings.warn(
                f"The server {host}:{port} is not verified: whoever is on the way can read and change everything.",
                InsecureWarning,
                stacklevel=3,  # where https() is called
            )
        return session
