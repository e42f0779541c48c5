"""Certificates, keys and security profiles: ``AT+SQNSNVW``, ``AT+SQNSNVR``, ``AT+SQNSPCFG``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modemtls import (
    Check,
    CommandError,
    CredentialError,
    CredentialKind,
    Reason,
    StandardDriver,
    StoredCredential,
    StoredProfile,
    TlsProfile,
)
from modemtls.at import Argument, Command, Quoted, fields, quote, redactor

from .profile import LEVELS_MONARCH_2, NAMES, PSK, VERSIONS, again, decode, encode, same, version_for

if TYPE_CHECKING:
    from modemtls.driver import Progress

    from .options import SequansOptions

__all__ = ["Store", "redact"]

_TYPES = {CredentialKind.KEY: quote("privatekey")}
_CERTIFICATE = quote("certificate")

_OLDEST_END = datetime(2000, 1, 1, tzinfo=UTC)

# Which values of a command are secret, counted from 0, and in the answer that echoes them.
_SECRETS = {
    "+SQNSPCFG": {7},
    "+SQNHTTPCFG": {5},
    "+SQNSMQTTCFG": {3},
    "+SQNHTTPQRY": {3},  # a header line: Authorization, for one
    "+SQNHTTPSND": {5},
    "+CGAUTH": {3},
    "+CPIN": {0, 1},
    "+CPIN2": {0, 1},
    "+CPWD": {1, 2},
    "+CLCK": {2},
}
redact = redactor(_SECRETS)
"""A line without pre-shared keys, passwords, PINs and header lines, however it is written."""


def _type(kind: CredentialKind) -> Quoted:
    return _TYPES.get(kind, _CERTIFICATE)


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


class Store(StandardDriver):
    """The credential store and the security profiles."""

    options: SequansOptions

    @property
    def _is_monarch_2(self) -> bool:
        return not self.model.name.endswith("gm01q")

    @property
    def _levels(self) -> Mapping[frozenset[Check], int] | None:
        return LEVELS_MONARCH_2 if self._is_monarch_2 else self.options.levels or None

    def _decoded(self, line: str) -> StoredProfile | None:
        return decode(
            line,
            levels=self._levels,
            limits=self.limits,
            versions=VERSIONS if self._is_monarch_2 else self.options.versions,
            exact=self.options.version_means == "exact",
        )

    async def list_credentials(self) -> tuple[StoredCredential, ...]:
        found: list[StoredCredential] = []
        for kind in (CredentialKind.CERTIFICATE, CredentialKind.KEY):
            # An empty store, or one that does not show its keys, answers with an error.
            reply = await self.channel.command(Command.set("+SQNSNVR", _type(kind)))
            found += filter(None, (self._stored(line, kind) for line in reply.lines))
        return tuple(sorted(found, key=lambda stored: (stored.slot, stored.kind.value)))

    def _stored(self, line: str, kind: CredentialKind) -> StoredCredential | None:
        """One line of the listing; the order of its fields is inferred from one published sample."""
        values = [*fields(line), *[""] * 11]
        if not values[1].isdecimal() or len(values[1]) > 3:
            return None
        slot = int(values[1])
        start, end = _date(values[5]), _date(values[6])
        if end is not None and end <= (start or _OLDEST_END):
            end = None  # two digits of a year cannot say which century
        return StoredCredential(
            slot,
            kind,
            subject=values[4] or None,
            issuer=values[2] or None,
            not_before=start,
            not_after=end,
            fingerprint=values[10].lower().replace(":", "") or None,
            fingerprint_hash=values[9].lower() or None,
            reserved=slot in self.limits.reserved_slots,
        )

    async def write_credential(
        self, slot: int, kind: CredentialKind, data: bytes, progress: Progress | None = None
    ) -> None:
        command = Command.set("+SQNSNVW", _type(kind), slot, len(data))
        reply = await self.channel.upload(
            command,
            data,
            prompt_timeout=self.limits.command_timeout,
            timeout=15.0,
            hide=kind is CredentialKind.KEY,
            progress=progress,
        )
        self.accept(reply, f"Storing a {kind.value} in slot {slot}", default=CredentialError)

    async def remove_credential(self, slot: int, kind: CredentialKind) -> None:
        reply = await self.channel.command(Command.set("+SQNSNVW", _type(kind), slot, 0), timeout=15.0)
        if reply.ok:
            return
        # Removing what is not there is refused too: harmless, if it is so.
        here = await self.channel.command(Command.set("+SQNSNVR", _type(kind), slot))
        if here.ok and here.lines:
            raise self.refusal(reply, f"Removing the {kind.value} in slot {slot}", default=CredentialError)

    async def read_profiles(self) -> tuple[StoredProfile, ...]:
        reply = await self.ask(Command.do("+SQNSPCFG"), "Reading the security profiles")
        decoded = (self._decoded(line) for line in reply.lines)
        return tuple(profile for profile in decoded if profile is not None)

    def _arguments(self, number: int, profile: TlsProfile) -> list[Argument]:
        if self._is_monarch_2:
            level, version = LEVELS_MONARCH_2[profile.checks], version_for(profile)
        else:
            level = self._mapped_level(profile.checks)
            # Without a demanded minimum the number is the one that public drivers write everywhere.
            version = self.options.versions.get(profile.minimum_version, 2) if profile.minimum_version else 2
        return encode(
            number,
            profile,
            level=level,
            version=version,
            quoted_ciphers=self._is_monarch_2,
            field_count=12 if self._is_monarch_2 else 10,
        )

    def _mapped_level(self, checks: frozenset[Check]) -> int:
        if not checks:
            return 0
        if checks not in self.options.levels:
            words = "+".join(check.value for check in Check if check in checks)
            raise self.unsupported(f"way known to check {words}: the option valid_level_map does not name it")
        return self.options.levels[checks]

    def profile_matches(self, stored: StoredProfile, profile: TlsProfile) -> bool:
        return same(stored, self._arguments(stored.number, profile))

    async def write_profile(self, number: int, profile: TlsProfile) -> None:
        arguments = self._arguments(number, profile)
        command = Command.set("+SQNSPCFG", *arguments)
        reply = await self.ask(command, f"Writing security profile {number}", default=CredentialError)
        echoed = next((p for line in reply.lines if (p := self._decoded(line))), None)
        if echoed is None:  # some drivers wait for the echo as if it were unsolicited: read it instead
            echoed = next((p for p in await self.read_profiles() if p.number == number), None)
        if echoed is None or not same(echoed, arguments):
            raise CommandError(
                f"Writing security profile {number}: the modem did not store what it was given.",
                remedy="Look at it with modemtls profile show; reset it with modemtls profile reset.",
                reasons={Reason.PROFILE_ILLEGAL},
                model=self.model.name,
                command=command.shown,
                lines=reply.shown,
            )

    async def restore_profile(self, stored: StoredProfile) -> None:
        values = dict(zip(NAMES, stored.raw, strict=False))
        if values.get("pskIdentity") and not PSK.fullmatch(values.get("psk", "")):
            raise CredentialError(
                f"Security profile {stored.number} has a pre-shared key that the modem does not show: it could not be"
                " written back.",
                remedy="Leave another security profile unconfigured (1 to 6): then this one is not touched.",
                reasons={Reason.SLOT_UNREADABLE},
                model=self.model.name,
            )
        command = Command.set("+SQNSPCFG", *again(stored.raw, quoted_ciphers=self._is_monarch_2))
        asked = f"Writing security profile {stored.number} back"
        reply = await self.ask(command, asked, default=CredentialError)
        now = next((p for p in await self.read_profiles() if p.number == stored.number), None)
        if now is None or now.raw != stored.raw:
            raise CredentialError(
                f"{asked}: the modem shows something else than what was there before.",
                remedy="Look at it: modemtls profile show",
                reasons={Reason.PROFILE_ILLEGAL},
                model=self.model.name,
                command=command.shown,
                lines=reply.shown,
            )

    async def reset_profile(self, number: int) -> None:
        await self.ask(
            Command.set("+SQNSPCFG", number, 255),
            f"Resetting security profile {number}",
            default=CredentialError,
        )
