"""The models: how each is recognised, and what it can do on which firmware.

Sources: the Monarch 2 facts come from public drivers and from quotations of the AT commands reference
manual LR8.2 rev. 3; for the first Monarch (GM01Q) no primary document is public.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from modemtls import (
    Capability,
    Certainty,
    Check,
    Enforcement,
    Gap,
    Identity,
    Limits,
    Match,
    Mistake,
    Model,
    Resolved,
    TlsVersion,
)

from .options import SequansOptions
from .stack import MONARCH_1, MONARCH_2, MONARCH_2_SP

__all__ = ["MODELS"]

RESERVED_SLOTS = frozenset({0, 1, 2, 3, 4, 7, 8, 9, 10})
PREFERRED_SLOTS = (19, 18, 17, 16, 15, 14, 13, 12, 11)

_CHAIN = frozenset({Check.CHAIN, Check.DATES})
_LEVELS_MONARCH_2 = {_CHAIN: 1, _CHAIN | {Check.HOSTNAME}: 5}

CIPHER_SUITES = (
    0x1301, 0x1302, 0x1303, 0x1304, 0x1305, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xC023, 0xC024, 0xC027, 0xC028, 0xC009,
    0xC00A, 0xC013, 0xC014, 0xCCA8, 0xCCA9, 0xCCAA, 0xC0AC, 0xC0AE, 0xC0AF, 0xC0A0, 0xC0A1, 0x002F, 0x0035, 0x003C,
    0x003D, 0x009C, 0x009D, 0x0033, 0x0039, 0x0067, 0x006B, 0x009E, 0x009F, 0xCC13, 0xCC14, 0xCC15, 0xCCAB, 0xCCAC,
    0xCCAD, 0x008C, 0x008D, 0x00A8, 0x00A9, 0x00AE, 0x00AF, 0xC0A4, 0xC0A5, 0xC0A8, 0xC0A9, 0x00AA, 0x00AB, 0x00B2,
    0x00B3, 0xC0A6, 0xC0A7, 0xC037, 0x000A, 0x0016, 0xC008, 0xC012,
)  # fmt: skip
"""Those that cipherSpecs may name."""

_FIRMWARE = re.compile(r"\b(UE|LR)(\d+)\.(\d+)[0-9A-Za-z.]*(?:-\d+)?")

_SOURCES = (
    "quotations of the Monarch 2 AT commands reference manual LR8.2 rev. 3 in public drivers",
    "public forum thread of the vendor on error 77 and certValidLevel",
    "public wire captures of GM02S and GM02SP",
)

_ASSUMPTIONS = (
    "Never run on hardware by this project: all tests are against simulated modems.",
    "HTTP result codes are libcurl's CURLcodes: 6 and 77 were seen on a wire, the others follow libcurl's list.",
    "The asynchronous dial reports +SQNSD: <socket>,<code>: inferred.",
    "The version field of a security profile is the exact version (option version_means).",
    "The meaning of the fields of +SQNSNVR is inferred from one published sample.",
)

_LIMITS = Limits(
    max_certificate_bytes=8192,
    max_key_bytes=2048,
    slots=range(20),
    reserved_slots=RESERVED_SLOTS,
    preferred_slots=PREFERRED_SLOTS,
    security_profiles=range(1, 7),
    http_profiles=range(3),
    sockets=range(1, 7),
    max_send_bytes=1500,
    max_receive_bytes=1500,
    key_types=frozenset({"rsa", "ec"}),
    max_http_headers=1,
    http_methods=frozenset({"GET", "HEAD", "DELETE", "POST", "PUT"}),
    max_tls_version=TlsVersion.TLS1_3,
)

_CAPABILITIES = frozenset(
    {
        Capability.TLS_STREAM,
        Capability.TCP_STREAM,
        Capability.HTTP_CLIENT,
        Capability.CREDENTIAL_LIST,
        Capability.SET_CLOCK,
        Capability.NETWORK_TIME,
    }
)


def firmware_of(identity: Identity) -> dict[str, tuple[int, int, str]]:
    """What ``UE`` and ``LR`` versions the identity speaks of: (major, minor, whole text)."""
    found: dict[str, tuple[int, int, str]] = {}
    for text in (identity.revision, *identity.lines):
        for match in _FIRMWARE.finditer(text):
            found.setdefault(match[1], (int(match[2]), int(match[3]), match[0]))
    return found


def _matches(product: str, family: int, least_minor: int = 0) -> Any:
    """How an identity fits: the product name states it; the firmware family only hints at it."""

    def matches(identity: Identity) -> Match | None:
        found = firmware_of(identity)
        firmware = " ".join(text for _, _, text in found.values())
        if identity.product.strip().upper() == product:
            return Match(Certainty.STATED, firmware, f"AT+CGMM answered {product}")
        if identity.product.strip().upper() in {"GM01Q", "GM02S", "GM02SP", "NB01Q"} or "UE" not in found:
            return None
        major, second, text = found["UE"]
        if major != family or second < least_minor:
            return None
        return Match(Certainty.GUESSED, firmware, f"firmware {text} is of its family")

    return matches


def _resolve_monarch_2(firmware: str, options: SequansOptions) -> Resolved:
    every = frozenset(TlsVersion)
    enforcement = Enforcement(
        check_sets=frozenset(_LEVELS_MONARCH_2),
        minimum_versions=every,
        maximum_versions=every if options.version_means == "exact" else frozenset({TlsVersion.TLS1_3}),
        cipher_suites=frozenset(CIPHER_SUITES),
        client_credential=True,
        psk=True,
        resumption=True,
    )
    return Resolved(firmware, _CAPABILITIES, _LIMITS, enforcement, MONARCH_2)


def _resolve_monarch_2_sp(firmware: str, options: SequansOptions) -> Resolved:
    return replace(_resolve_monarch_2(firmware, options), stack=MONARCH_2_SP)


def _resolve_monarch_1(firmware: str, options: SequansOptions) -> Resolved:
    levels, versions = options.levels, options.versions
    unknown = []
    if not levels:
        sentence = (
            "What the bits of certValidLevel check is not published for GM01Q: set the option"
            " valid_level_map when you know it for your firmware."
        )
        unknown += [(gap, sentence) for gap in (Gap.CHAIN, Gap.DATES, Gap.HOSTNAME)]
    if not versions:
        unknown.append(
            (
                Gap.MINIMUM_VERSION,
                "What its version field demands is not published for GM01Q: set the option version_map.",
            )
        )
    enforcement = Enforcement(
        check_sets=frozenset(levels),
        minimum_versions=frozenset(versions),
        cipher_suites=frozenset(suite for suite in CIPHER_SUITES if suite >> 8 != 0x13),
        client_credential=True,
        psk=True,
        unknown_because=tuple(unknown),
    )
    limits = Limits(**{**_LIMITS.__dict__, "max_tls_version": TlsVersion.TLS1_2})
    return Resolved(firmware, _CAPABILITIES, limits, enforcement, MONARCH_1)


# The first public thread about error 77: certValidLevel 7 is accepted, and fails at use.
_CERT_VALID_LEVEL_7 = Mistake(
    "certValidLevel 7, which the modem accepts and which is illegal",
    'AT+SQNSPCFG={profile},2,"",7,{slot}',
    'AT+SQNSPCFG={profile},2,"",1,{slot}',
)


def _model(name: str, title: str, matches: Any, resolve: Any, simulator: str, **more: Any) -> Model:
    return Model(
        name=name,
        vendor="Sequans",
        title=title,
        matches=matches,
        resolve=resolve,
        driver="modemtls_sequans.driver:SequansDriver",
        errors="modemtls_sequans.errors:ERRORS",
        options="modemtls_sequans.options:SequansOptions",
        simulator=f"modemtls_sequans.simulator:{simulator}",
        identify_commands=("I1",),
        boot_urcs=("+SYSSTART",),
        # The commands are the same on all of them: without a name in the log it is read as the commonest.
        log_words=("+SQN", "+SYSSTART", "certValidLevel") if name == "sequans-gm02s" else (),
        log_names=(name.removeprefix("sequans-").upper(),),
        sources=_SOURCES,
        **more,
    )


MODELS = (
    _model(
        "sequans-gm02s",
        "Sequans GM02S (Monarch 2)",
        _matches("GM02S", 8),
        _resolve_monarch_2,
        "Gm02s",
        demo_mistake=_CERT_VALID_LEVEL_7,
        assumptions=(*_ASSUMPTIONS, "The answer of a GM02S to AT+CGMM is not published."),
    ),
    _model(
        "sequans-gm02sp",
        "Sequans GM02SP (Monarch 2)",
        _matches("GM02SP", 8, 2),
        _resolve_monarch_2_sp,
        "Gm02sp",
        demo_mistake=_CERT_VALID_LEVEL_7,
        assumptions=_ASSUMPTIONS,
    ),
    _model(
        "sequans-gm01q",
        "Sequans GM01Q (Monarch)",
        _matches("GM01Q", 5),
        _resolve_monarch_1,
        "Gm01q",
        baudrates=(921600, 115200),
        demo_options={
            "valid_level_map": "chain+dates=3, chain+dates+hostname=7",
            "version_map": "1.0=0, 1.1=1, 1.2=2",
        },
        assumptions=(
            *_ASSUMPTIONS,
            "What certValidLevel and the version field mean is not published: options, without a default.",
            "No TLS 1.3.",
        ),
    ),
)
