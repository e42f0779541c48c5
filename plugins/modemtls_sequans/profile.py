"""The security profile of ``AT+SQNSPCFG``: neutral record to fields and back, and what is illegal in it.

The modem accepts nonsense here and answers OK; what is wrong shows one command later, as an opaque
number.  So the check is made on the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from modemtls import (
    Certainty,
    Check,
    Finding,
    Limits,
    Reason,
    Severity,
    StoredProfile,
    TlsProfile,
    TlsVersion,
)
from modemtls.at import Argument, Bare, fields, quote, secret

__all__ = ["LEVELS_MONARCH_2", "NAMES", "PSK", "VERSIONS", "again", "decode", "encode", "plain", "same"]

NAMES = (
    "spId", "version", "cipherSpecs", "certValidLevel", "caCertificateID", "clientCertificateID",
    "clientPrivateKeyID", "psk", "pskIdentity", "storageId", "resume", "lifetime",
)  # fmt: skip
_SECRET = frozenset({"psk"})
_CHAIN = frozenset({Check.CHAIN, Check.DATES})
LEVELS_MONARCH_2: Mapping[frozenset[Check], int] = {
    frozenset(): 0,
    _CHAIN: 1,
    _CHAIN | {Check.HOSTNAME}: 5,
}
VERSIONS = {TlsVersion.TLS1_0: 0, TlsVersion.TLS1_1: 1, TlsVersion.TLS1_2: 2, TlsVersion.TLS1_3: 3}
PSK = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_QUOTED = frozenset({"cipherSpecs", "psk", "pskIdentity"})
_SUITE = re.compile(r"0[xX][0-9A-Fa-f]{1,4}")
_PSK_SUITES = frozenset(
    {0x8C, 0x8D, 0xA8, 0xA9, 0xAA, 0xAB, 0xAE, 0xAF, 0xB2, 0xB3, 0xC037, 0xCCAB, 0xCCAC, 0xCCAD,
     0xC0A4, 0xC0A5, 0xC0A6, 0xC0A7, 0xC0A8, 0xC0A9}
)  # fmt: skip
_MANUAL = "Monarch 2 AT commands reference manual, AT+SQNSPCFG, as quoted in the vendor's public forum"
_LINT = "public reports: AT+SQNSPCFG accepts it, the failure comes at use"


def version_for(profile: TlsProfile) -> int:
    """The version field for a profile: TLS 1.2 where it is within the bounds, else the nearest that is."""
    wanted = TlsVersion.TLS1_2
    if profile.cipher_suites and all(suite >> 8 == 0x13 for suite in profile.cipher_suites):
        wanted = TlsVersion.TLS1_3  # these suites are of no other version
    if profile.minimum_version is not None:
        wanted = max(wanted, profile.minimum_version)
    if profile.maximum_version is not None:
        wanted = min(wanted, profile.maximum_version)
    return VERSIONS[wanted]


def encode(
    number: int, profile: TlsProfile, *, level: int, version: int, quoted_ciphers: bool, field_count: int
) -> list[Argument]:
    """The arguments of ``AT+SQNSPCFG=``."""
    suites = ";".join(f"0x{suite:04X}" for suite in profile.cipher_suites)
    psk = profile.psk
    values: list[Argument] = [
        number,
        version,
        quote(suites) if suites or quoted_ciphers else None,
        level,
        profile.ca_slot,
        profile.client_slot,
        profile.client_key_slot,
        secret(quote(psk.key.hex().upper(), what="The pre-shared key")) if psk else quote(""),
        secret(quote(psk.identity, what="The pre-shared key's identity")) if psk else quote(""),
        0,
        int(profile.resumption),
        0,
    ]
    return values[:field_count]


def again(raw: Sequence[str], *, quoted_ciphers: bool) -> list[Argument]:
    """The arguments of ``AT+SQNSPCFG=`` that say what a profile says already, legal or not."""
    found: list[Argument] = []
    for name, value in zip(NAMES, raw, strict=False):
        if name not in _QUOTED:
            found.append(Bare(value) if value else None)
        elif name == "cipherSpecs":
            found.append(quote(value) if value or quoted_ciphers else None)
        else:
            found.append(secret(quote(value, what="The pre-shared key")))
    return found


def _values(line: str) -> dict[str, str]:
    return dict(zip(NAMES, fields(line), strict=False))


def _slot(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 4 else None


def _level(values: Mapping[str, str]) -> str:
    """certValidLevel without leading zeros; one that is left out is 0, the default."""
    return values.get("certValidLevel", "").lstrip("0") or "0"


def decode(
    line: str,
    *,
    levels: Mapping[frozenset[Check], int] | None,
    limits: Limits,
    versions: Mapping[TlsVersion, int] | None = None,
    exact: bool = False,
) -> StoredProfile | None:
    """The profile that a ``+SQNSPCFG:`` line speaks of; ``None`` when it is not one.

    ``levels`` says which certValidLevel makes which checks; ``None`` when that is not known.  ``versions`` says
    which version field means which version, ``exact`` that it is the only one.
    """
    values = _values(line)
    number = _slot(values.get("spId", ""))
    if number is None:
        return None
    shown = tuple((name, "***" if name in _SECRET and value else value) for name, value in values.items())
    level = _level(values)
    suites = [suite for suite in values.get("cipherSpecs", "").split(";") if _SUITE.fullmatch(suite)]
    version = {str(value): spoken for spoken, value in (versions or {}).items()}.get(
        values.get("version", "")
    )
    checks = {str(value): made for made, value in (levels or {}).items()}.get(level)
    if level == "0":
        checks = frozenset()  # no bit is set, whatever the bits mean
    return StoredProfile(
        number=number,
        fields=shown,
        checks=checks,
        ca_slot=_slot(values.get("caCertificateID", "")),
        client_slot=_slot(values.get("clientCertificateID", "")),
        client_key_slot=_slot(values.get("clientPrivateKeyID", "")),
        problems=tuple(problems(number, values, levels, limits)),
        minimum_version=version,
        maximum_version=version if exact else None,
        cipher_suites=tuple(int(suite, 16) for suite in suites),
        raw=tuple(fields(line)),
    )


def _is_psk(suite: str) -> bool:
    return _SUITE.fullmatch(suite) is not None and int(suite, 16) in _PSK_SUITES


def plain(argument: Argument) -> str:
    """An argument as the modem echoes it, without quotes."""
    return (
        "" if argument is None else str(argument) if isinstance(argument, int) else argument.wire.strip('"')
    )


def same(stored: StoredProfile, wanted: list[Argument]) -> bool:
    """The profile in the modem has exactly the wanted values; an absent field counts as empty or 0."""
    have = [*stored.raw, *[""] * (len(wanted) - len(stored.raw))]
    for name, value, argument in zip(NAMES, have, wanted, strict=False):
        text = plain(argument)
        if name in ("storageId", "resume", "lifetime") and not value:
            value = "0"
        if name != "pskIdentity":
            value, text = value.casefold(), text.casefold()
        if value != text:
            return False
    return True


def problems(
    number: int, values: Mapping[str, str], levels: Mapping[frozenset[Check], int] | None, limits: Limits
) -> list[Finding]:
    """What is illegal or dangerous in a stored profile, the worst first."""
    found: list[Finding] = []

    def add(
        name: str, reason: Reason, severity: Severity, message: str, remedy: str, source: str = _LINT
    ) -> None:
        found.append(
            Finding(
                reason, severity, Certainty.STATED if source == _MANUAL else Certainty.DERIVED, message, remedy,
                evidence=(f"security profile {number}: {name} = {values.get(name, '') or 'empty'}",),
                source=source, field=name, value=values.get(name, ""),
            )
        )  # fmt: skip

    level = _level(values)
    ca, certificate, key = (values.get(name, "") for name in NAMES[4:7])
    if levels is LEVELS_MONARCH_2 and level not in {str(value) for value in levels.values()}:
        slot = ca or "SLOT"
        add(
            "certValidLevel", Reason.PROFILE_ILLEGAL, Severity.ERROR,
            f"certValidLevel {level} in security profile {number} is illegal: legal are 0 (nothing is verified),"
            " 1 (chain and dates) and 5 (chain, dates and host name).",
            f"Set 5, or 1 without the host name: modemtls at 'AT+SQNSPCFG={number},2,\"\",5,{slot}'",
            _MANUAL,
        )  # fmt: skip
    verifies = level != "0"
    if verifies and not ca:
        add(
            "caCertificateID", Reason.NO_TRUST_ANCHOR, Severity.ERROR,
            f"Security profile {number} verifies (certValidLevel {level}) but names no CA.",
            "Store one: modemtls cert trust FILE",
        )  # fmt: skip
    if not verifies and not ca:
        add(
            "caCertificateID", Reason.NOT_TLS, Severity.WARNING,
            f"Security profile {number} names no CA: some clients of the modem then connect without TLS, and say"
            " nothing.",
            "Name a stored CA, whatever the level: modemtls cert trust FILE",
            "public report with a capture: MQTT in the clear on LR8.2.1.0-61488; not tested for HTTP",
        )  # fmt: skip
    suites = [suite for suite in values.get("cipherSpecs", "").split(";") if suite]
    if not verifies and not (values.get("psk") and suites and all(map(_is_psk, suites))):
        add(
            "certValidLevel", Reason.NO_TRUST_ANCHOR, Severity.WARNING,
            f"Security profile {number} verifies nothing: anybody on the way can pretend to be the server.",
            f"Set 5: modemtls at 'AT+SQNSPCFG={number},2,\"\",5,{ca or 'SLOT'}'"
            if levels is LEVELS_MONARCH_2
            else "Leave --profile out, and the policy is enforced.",
            _MANUAL,
        )  # fmt: skip
    if bool(certificate) != bool(key):
        missing = "clientPrivateKeyID" if certificate else "clientCertificateID"
        words = "certificate without its key" if certificate else "key without its certificate"
        add(
            missing, Reason.PROFILE_ILLEGAL, Severity.ERROR,
            f"Security profile {number} has a client {words}.",
            "Import both as a pair: modemtls request --cert FILE --key FILE, or name both or neither.",
        )  # fmt: skip
    version = values.get("version", "")
    if version and version not in {"0", "1", "2", "3"} and levels is LEVELS_MONARCH_2:
        add(
            "version", Reason.PROFILE_ILLEGAL, Severity.ERROR,
            f"version {version} in security profile {number} is illegal: legal are 0 to 3 (TLS 1.0 to 1.3).",
            "Use 2 for TLS 1.2.",
        )  # fmt: skip
    elif version in {"0", "1"} and levels is LEVELS_MONARCH_2:
        add(
            "version", Reason.UNSUPPORTED_VERSION, Severity.WARNING,
            f"Security profile {number} asks for TLS 1.{version}, which servers of today refuse.",
            "Use 2 for TLS 1.2.",
        )  # fmt: skip
    if any(not _SUITE.fullmatch(suite) for suite in suites):
        add(
            "cipherSpecs", Reason.PROFILE_ILLEGAL, Severity.ERROR,
            f"cipherSpecs in security profile {number} is not a list of 0x…… numbers separated by semicolons.",
            'Leave it empty ("") for any supported suite.',
        )  # fmt: skip
    for name, value in zip(NAMES[4:7], (ca, certificate, key), strict=True):
        if value and _slot(value) not in limits.slots:
            add(
                name, Reason.PROFILE_ILLEGAL, Severity.ERROR,
                f"{name} {value} in security profile {number} is no slot: slots are 0 to {limits.slots[-1]}.",
                "Name the slot of a stored certificate: modemtls cert list",
            )  # fmt: skip
    for name, value in (("caCertificateID", ca), ("clientCertificateID", certificate)):
        if _slot(value) in limits.reserved_slots:
            add(
                name, Reason.SLOT_RESERVED, Severity.WARNING,
                f"Security profile {number} names slot {value}, which belongs to the modem's vendor: what is in it"
                " is not yours to say.",
                "Use a slot of your own: modemtls cert trust FILE",
                "public drivers: slots 0-4 and 7-10 are the vendor's",
            )  # fmt: skip
    if values.get("storageId", "") == "2":
        add(
            "storageId", Reason.PROFILE_ILLEGAL, Severity.ERROR,
            f"storageId 2 in security profile {number} is reserved.", "Use 0.",
        )  # fmt: skip
    return sorted(found, key=lambda finding: finding.severity)
