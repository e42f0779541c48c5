"""The security profiles of a simulated Monarch modem: ``AT+SQNSPCFG``, and what comes of one in use.

The command checks nothing but the form: empty slots, illegal levels and missing trust anchors are accepted,
as the real one does, and fail where the profile is used.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from modemtls.policy import Check, TlsVersion
from modemtls.sim import Json, Parameter, ParameterError, Refuse, Result, on, pairs, parameters

from ..models import CIPHER_SUITES
from .settings import read_level_map
from .store import MonarchStore
from .system import CATCH_ALL

if TYPE_CHECKING:
    from modemtls.sim import Connection, Ticket, TlsSettings

__all__ = ["Misconfigured", "MonarchProfiles", "SecurityProfile"]

INCORRECT_PARAMETERS = 50
CACERT_BADFILE, CERTPROBLEM, SSL_CONNECT_ERROR = 77, 58, 35
_VERSIONS = (TlsVersion.TLS1_0, TlsVersion.TLS1_1, TlsVersion.TLS1_2, TlsVersion.TLS1_3)
_CHAIN_AND_DATES = frozenset({Check.CHAIN, Check.DATES})
_LEVELS = {0: frozenset[Check](), 1: _CHAIN_AND_DATES, 5: _CHAIN_AND_DATES | {Check.HOSTNAME}}


def _slot(number: int | None) -> str:
    return "" if number is None else str(number)


@dataclass(frozen=True)
class SecurityProfile:
    """One profile as it stands in flash; a slot is ``None`` where none is named."""

    number: int
    version: int = 2
    ciphers: str = ""
    level: int = 0
    ca: int | None = None
    certificate: int | None = None
    key: int | None = None
    psk: str = dataclasses.field(default="", repr=False)
    identity: str = dataclasses.field(default="", repr=False)
    storage: int = 0
    resume: int = 0
    lifetime: int = 0

    def line(self) -> str:
        """The form in which the modem shows it."""
        return (
            f'+SQNSPCFG: {self.number},{self.version},"{self.ciphers}",{self.level},{_slot(self.ca)},'
            f'{_slot(self.certificate)},{_slot(self.key)},"{self.psk}","{self.identity}",{self.storage},'
            f"{self.resume},{self.lifetime}"
        )

    def suites(self) -> tuple[int, ...]:
        """The IANA numbers of its cipher suites."""
        return tuple(int(part, 16) for part in self.ciphers.split(";") if part)


@dataclass(frozen=True)
class Misconfigured:
    """A profile that cannot work: libcurl's code for it, and why."""

    code: int
    why: str


class MonarchProfiles(MonarchStore):
    """Six security profiles, kept over restarts."""

    security_profiles: ClassVar[range] = range(1, 7)
    max_tls: ClassVar[TlsVersion] = TlsVersion.TLS1_3
    #: The levels of certValidLevel are known (0, 1, 5); else ``level_map`` says what a bit is.
    levels_known: ClassVar[bool] = True

    def power_on(self) -> None:
        """Profiles stay over a restart."""
        super().power_on()
        self._tickets: dict[tuple[int, str, int], Ticket] = {}
        if self.restarts == 0:
            self.profiles: dict[int, SecurityProfile] = {}

    def erase(self) -> None:
        """Profiles, too."""
        self.profiles.clear()
        super().erase()

    def dump_state(self) -> Json:
        """Profiles, too."""
        kept = [dataclasses.asdict(profile) for _, profile in sorted(self.profiles.items())]
        return {**super().dump_state(), "profiles": kept}

    def load_state(self, data: Json) -> None:
        """Profiles, too."""
        super().load_state(data)
        kept = data.get("profiles", [])
        try:
            assert isinstance(kept, list)
            found = [SecurityProfile(**entry) for entry in kept]
        except (TypeError, AssertionError):
            raise ValueError("the security profiles have the wrong form") from None
        self.profiles = {profile.number: profile for profile in found}

    @on(r"AT\+SQNSPCFG")
    def command_profiles(self, match: re.Match[str]) -> Result:
        """One line for each profile that was written."""
        return [profile.line() for _, profile in sorted(self.profiles.items())]

    @on(r"AT\+SQNSPCFG=(.+)")
    def command_profile(self, match: re.Match[str]) -> Result:
        """Write a profile: what is left out gets its default (assumed)."""
        most = self.settings.profile_fields
        try:
            given = parameters(match[1])
        except ParameterError:
            return Refuse(CATCH_ALL)
        if not 2 <= len(given) <= min(most, 12):
            return Refuse(CATCH_ALL)
        f = given + [Parameter.of("", False)] * (12 - len(given))
        number = self.number(f[0], self.security_profiles.start, self.security_profiles.stop - 1)
        version = self.number(f[1], 0, 255, 2)
        if version == 255:
            self.profiles.pop(number, None)
            self.changed()
            return None
        if version > 3:
            return Refuse(CATCH_ALL)
        if f[2].quoted and not f[2] and not self.settings.quoted_empty_cipher:
            return Refuse(CATCH_ALL)
        if f[2] and not re.fullmatch(r"0x[0-9A-Fa-f]{1,4}(?:;0x[0-9A-Fa-f]{1,4})*;?", f[2]):
            return Refuse(INCORRECT_PARAMETERS)
        if f[7] and not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", f[7]):
            return Refuse(INCORRECT_PARAMETERS)
        ca, certificate, key = (self.number(field, 0, 19) if field else None for field in f[4:7])
        profile = SecurityProfile(
            number=number,
            version=version,
            ciphers=str(f[2]),
            level=self.number(f[3], 0, 255, 0),
            ca=ca,
            certificate=certificate,
            key=key,
            psk=str(f[7]),
            identity=str(f[8]),
            storage=self.number(f[9], 0, 2, 0),
            resume=self.number(f[10], 0, 1, 0),
            lifetime=self.number(f[11], 0, 999_999_999, 0),
        )
        self.profiles[number] = profile
        self.changed()
        return profile.line()

    def _checks(self, level: int) -> frozenset[Check] | None:
        if self.levels_known:
            return _LEVELS.get(level)
        bits = read_level_map(self.settings.level_map)
        if level & ~sum(bits):
            return None
        return frozenset(check for bit, check in bits.items() if level & bit)

    def tls_for(
        self, number: int, host: str, port: int, *, may_be_plain: bool
    ) -> TlsSettings | Misconfigured | None:
        """TLS as a profile has it, at the modem's clock; ``None`` is the trap of no TLS at all.

        ``may_be_plain``: the caller is a client that falls back to plaintext without a CA slot.
        """
        from modemtls.sim import TlsSettings

        profile = self.profiles.get(number)
        if profile is None:
            # that an unwritten profile is an error at use is inferred
            return Misconfigured(CACERT_BADFILE, "no such profile")
        checks = self._checks(profile.level)
        if checks is None:
            return Misconfigured(CACERT_BADFILE, "illegal certValidLevel")
        ca = self.nvm.get("certificate", profile.ca) if profile.ca is not None else None
        names_ca = profile.ca is not None
        if names_ca and ca is None:
            if self.settings.empty_ca_refused:
                return Misconfigured(CACERT_BADFILE, "empty CA slot")
            names_ca = False
        if not names_ca:
            if checks:
                return Misconfigured(CACERT_BADFILE, "no CA slot")
            if may_be_plain and self.settings.plaintext_without_ca and not profile.psk:
                return None
        certificate = key = b""
        if profile.certificate is not None or profile.key is not None:
            if profile.storage == 1:
                return Misconfigured(CERTPROBLEM, "no host crypto engine")
            found = [
                None if slot is None else self.nvm.get(kind, slot)
                for kind, slot in (("certificate", profile.certificate), ("privatekey", profile.key))
            ]
            certificate, key = found[0] or b"", found[1] or b""
            if not pairs(certificate, key):
                return Misconfigured(CERTPROBLEM, "client certificate and key do not go together")
        minimum = _VERSIONS[profile.version]
        maximum = minimum if self.settings.version_meaning == "exact" else max(minimum, self.max_tls)
        if maximum > self.max_tls:
            return Misconfigured(SSL_CONNECT_ERROR, "version not supported")
        return TlsSettings(
            server_name=host,
            check_chain=Check.CHAIN in checks,
            check_dates=Check.DATES in checks,
            check_hostname=Check.HOSTNAME in checks,
            minimum=minimum,
            maximum=maximum,
            time=self.clock.read(),
            # that an empty cipherSpecs offers all that may be named, in this order, is assumed
            cipher_suites=profile.suites() or CIPHER_SUITES,
            ca_pem=ca or b"",
            certificate_pem=certificate,
            key_pem=key,
            psk_identity=profile.identity or None,
            psk=bytes.fromhex(profile.psk) or None,
            session=self._tickets.get((number, host, port)) if profile.resume else None,
        )

    def keep_session(self, number: int, connection: Connection) -> None:
        """Keep what resumes a TLS session, if the profile says so."""
        profile = self.profiles.get(number)
        if profile is not None and profile.resume and connection.session is not None:
            self._tickets[number, connection.host, connection.port] = connection.session
