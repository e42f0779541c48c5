"""Objects and the TLS configuration: ``AT+MTPUT``, ``AT+MTLIST``, ``AT+MTDEL``, ``AT+MTTLS``.

The agent has one configuration; it is security profile 1.  Whether a session is resumed is said at each connection
and is no part of it in the modem, so the driver remembers it beside.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from modemtls import (
    Certainty,
    Check,
    CommandError,
    CredentialError,
    CredentialKind,
    Finding,
    Reason,
    Severity,
    StoredCredential,
    StoredProfile,
    TlsProfile,
)
from modemtls.at import Argument, Bare, Command, fields, number

from .module import NO_REPLY, ModuleDriver

if TYPE_CHECKING:
    from modemtls.driver import Progress

    from .options import CompanionOptions

__all__ = ["CompanionStore", "crc"]

PROFILE = 1
_KINDS = {CredentialKind.CA: "CA", CredentialKind.CERTIFICATE: "CERT", CredentialKind.KEY: "KEY"}
_KIND_OF = {word: kind for kind, word in _KINDS.items()}
_NAMES = ("verify", "ca", "certificate", "key")
_VERIFYING = ("ALWAYS", "ONCE")
FLASH_SECONDS = 30.0


def crc(data: bytes) -> Bare:
    """CRC-32 as the agent wants it."""
    return Bare(f"{binascii.crc32(data):08x}")


class CompanionStore(ModuleDriver):
    """Objects 1 to 8 of each kind, and the one TLS configuration."""

    options: CompanionOptions
    _resumes = False

    async def list_credentials(self) -> tuple[StoredCredential, ...]:
        reply = await self.ask(Command.read("+MTLIST"), "Listing the objects")
        found = filter(None, map(_stored, reply.lines))
        return tuple(sorted(found, key=lambda stored: (stored.slot, stored.kind.value)))

    async def write_credential(
        self, slot: int, kind: CredentialKind, data: bytes, progress: Progress | None = None
    ) -> None:
        command = Command.set("+MTPUT", Bare(_KINDS[kind]), slot, len(data), crc(data), reply=NO_REPLY)
        reply = await self.upload(
            command,
            data,
            timeout=FLASH_SECONDS,
            hide=kind is CredentialKind.KEY,
            progress=progress,
        )
        self.accept(reply, f"Storing a {kind.value} in slot {slot}", default=CredentialError)

    async def remove_credential(self, slot: int, kind: CredentialKind) -> None:
        command = Command.set("+MTDEL", Bare(_KINDS[kind]), slot)
        reply = await self.command(command, timeout=FLASH_SECONDS)
        if reply.final.number != 703:  # there was none
            self.accept(reply, f"Removing the {kind.value} in slot {slot}", default=CredentialError)

    async def read_profiles(self) -> tuple[StoredProfile, ...]:
        reply = await self.ask(Command.read("+MTTLS"), "Reading the TLS configuration")
        values = fields(reply.lines[0]) if reply.lines else ()
        if len(values) < 4:
            raise CommandError(
                f"Reading the TLS configuration: the answer is none: {' '.join(reply.shown) or 'nothing'}.",
                remedy="Look at it: modemtls at AT+MTTLS?",
                model=self.model.name,
                command=reply.command.shown,
                lines=reply.shown,
            )
        return () if values[0] == "NONE" else (self._profile(values[:4]),)

    def _profile(self, values: tuple[str, ...]) -> StoredProfile:
        verify, ca, certificate, key = values
        checks: frozenset[Check] | None = None
        problems: list[Finding] = []
        if verify == "NEVER":
            checks = frozenset()
            problems.append(_verifies_nothing(values))
        elif verify == self.options.verify.upper():
            checks = self.options.checks
        return StoredProfile(
            number=PROFILE,
            fields=tuple(zip(_NAMES, values, strict=True)),
            checks=checks,
            ca_slot=number(ca),
            client_slot=number(certificate),
            client_key_slot=number(key),
            problems=tuple(problems),
            raw=values,
        )

    def _wanted(self, profile: TlsProfile) -> tuple[str, ...]:
        verify = self.options.verify.upper() if profile.checks else "NEVER"
        slots = (profile.ca_slot, profile.client_slot, profile.client_key_slot)
        return (verify, *("" if slot is None else str(slot) for slot in slots))

    def profile_matches(self, stored: StoredProfile, profile: TlsProfile) -> bool:
        return self._resumes == profile.resumption and stored.raw == self._wanted(profile)

    async def write_profile(self, number: int, profile: TlsProfile) -> None:
        wanted = self._wanted(profile)
        stored = await self.read_profiles()
        if not stored or stored[0].raw != wanted:
            await self._write(wanted)
        self._resumes = profile.resumption

    async def _write(self, wanted: tuple[str, ...]) -> None:
        verify, *slots = wanted
        while slots and not slots[-1]:
            slots.pop()
        arguments: list[Argument] = [Bare(verify), *(int(slot) if slot else None for slot in slots)]
        command = Command.set("+MTTLS", *arguments)
        await self.ask(
            command, "Writing the TLS configuration", timeout=FLASH_SECONDS, default=CredentialError
        )
        stored = await self.read_profiles()
        if not stored or stored[0].raw != wanted:
            raise CommandError(
                "Writing the TLS configuration: the modem shows another one than it was given, and said OK.",
                remedy="Look at it with modemtls profile show; reset it with modemtls profile reset.",
                reasons={Reason.PROFILE_ILLEGAL, Reason.BYTES_LOST},
                model=self.model.name,
                command=command.shown,
                lines=tuple(",".join(each.raw) for each in stored),
            )
        # The agent does so itself: a session that was made with less verification must not be taken up again.
        await self.ask(Command.set("+MTSESS", 0), "Forgetting the saved TLS session")

    async def restore_profile(self, stored: StoredProfile) -> None:
        await self._write(stored.raw)

    async def reset_profile(self, number: int) -> None:
        command = Command.set("+MTTLS", Bare("NONE"))
        await self.ask(command, "Deleting the TLS configuration", timeout=FLASH_SECONDS)
        self._resumes = False


def _stored(line: str) -> StoredCredential | None:
    values = fields(line)
    if len(values) < 4 or values[0] not in _KIND_OF:
        return None
    slot, size = number(values[1]), number(values[2])
    if slot is None:
        return None
    damaged = values[3] == "BAD"
    try:
        checksum = None if damaged else int(values[3], 16)
    except ValueError:
        return None
    return StoredCredential(slot, _KIND_OF[values[0]], size=size, crc32=checksum, is_damaged=damaged)


def _verifies_nothing(values: tuple[str, ...]) -> Finding:
    return Finding(
        Reason.NO_TRUST_ANCHOR,
        Severity.WARNING,
        Certainty.STATED,
        "The TLS configuration says NEVER: nothing is verified, anybody on the way can pretend to be the server.",
        "Leave --insecure out, and the policy is enforced.",
        evidence=(f"+MTTLS: {','.join(values)}",),
        source="the agent's own manual",
        field="verify",
        value=values[0],
    )
