"""The models: how each is recognised, and what it can do.

Sources: public forum threads, public Open AT headers and samples, quotations of the AT and WIPsoft guides; the guide
of the Security plug-in is not public.
"""

from __future__ import annotations

from typing import Any

from modemtls import Capability, Enforcement, Gap, Limits, Model, Resolved, TlsVersion

from .identity import BOOT_LOADER, IDENTIFY_COMMANDS, MANUFACTURERS, matches_agent, matches_wipsoft
from .options import CompanionOptions
from .stack import plug_in
from .wipsoft_options import WipsoftOptions

__all__ = ["MODELS"]

_BAUDRATES = (115200, 9600, 57600, 38400, 19200)

_SOURCES = (
    "public forum thread on a Q2686RD (firmware 7.44, Security plug-in 1.4) that refuses an issued certificate",
    "public Open AT headers (ADL) and samples of the WIP library",
    "quotations of the vendor's AT commands guides (firmware 6.6x, 7.x) and WIPsoft guides (2.02, 3.11, 5.41)",
    "public reports of products and libraries that drive these modules",
)

_ASSUMPTIONS = (
    "Never run on hardware by this project: all tests are against simulated modules, and the agent built for a"
    " computer.",
    "Firmware 7.52 repeats bytes on their way to the network (a public report; 7.44 did not): damaged uploads and TLS"
    " failures on it are probably that.",
    "AT+CCLK has no time zone on this family; modemtls writes and reads UTC.",
)

_COMPANION_ASSUMPTIONS = (
    *_ASSUMPTIONS,
    "The agent was never compiled with the vendor's SDK.",
    "The Security plug-in checks chain and dates together, at the module's clock, and no host name (option"
    " enforced_checks).",
    "The Security plug-in speaks TLS 1.0 at most; a minimum version cannot be demanded (option lowest_tls).",
    "The dates of a certificate that is itself trusted are not looked at.",
    "An event WIP_CEV_ERROR with errnum 1 on a TLS connection is a refused certificate, whatever is wrong with it;"
    " other numbers are not published.",
    "Several CA certificates may stand one after the other in one object.",
    "What key types and sizes, ciphers and signature hashes the plug-in takes is not published; EC keys and SHA-256 are"
    " younger than it.",
)

_WIPSOFT_ASSUMPTIONS = (
    *_ASSUMPTIONS,
    "A connection that fails is reported after the OK of AT+WIPCREATE, as +CME ERROR or +WIPERROR, or in its place.",
    "After AT+WIPDATA and after +++ the modem says one line at one go, and nothing else in between.",
    "In data mode SHUTDOWN, or an ETX and an error, may come by themselves; whether the mode has ended is found out.",
    "A connection that the server has ended can be entered again for what is left in the modem.",
)

COMPANION_LIMITS = Limits(
    max_certificate_bytes=30_000,
    max_key_bytes=30_000,
    slots=range(1, 9),
    preferred_slots=(8, 7, 6, 5, 4, 3, 2, 1),
    security_profiles=range(1, 2),
    sockets=range(1),
    max_send_bytes=4096,
    max_receive_bytes=4000,
    max_tls_version=TlsVersion.TLS1_0,
    connect_timeout=90.0,
)

_UNKNOWN = (
    (
        Gap.HOSTNAME,
        "That the Security plug-in compares host names is documented nowhere public, and not assumed: the option"
        " enforced_checks says what was measured.",
    ),
    (
        Gap.MINIMUM_VERSION,
        "It is assumed to speak TLS 1.0 at most, and takes no minimum version: the option lowest_tls says what was"
        " measured.",
    ),
)


def _resolve_companion(firmware: str, options: CompanionOptions) -> Resolved:
    enforcement = Enforcement(
        check_sets=frozenset({frozenset(), options.checks}),
        minimum_versions=options.minimum_versions,
        client_credential=True,
        resumption=True,
        unknown_because=_UNKNOWN,
    )
    capabilities = frozenset(
        {
            Capability.TLS_STREAM,
            Capability.TCP_STREAM,
            Capability.CREDENTIAL_LIST,
            Capability.CREDENTIAL_READ_BACK,
            Capability.SET_CLOCK,
            Capability.CHECKED_STREAM,
        }
    )
    return Resolved(firmware, capabilities, COMPANION_LIMITS, enforcement, plug_in(options))


def _resolve_wipsoft(firmware: str, options: WipsoftOptions) -> Resolved:
    capabilities = frozenset({Capability.TCP_STREAM, Capability.SET_CLOCK})
    # The line leads to one socket at a time.
    limits = Limits(sockets=range(options.index, options.index + 1))
    return Resolved(firmware, capabilities, limits, Enforcement(frozenset()))


def _model(name: str, title: str, matches: Any, resolve: Any, **more: Any) -> Model:
    return Model(
        name=name,
        vendor="Sierra Wireless",
        title=title,
        matches=matches,
        resolve=resolve,
        baudrates=_BAUDRATES,
        identify_commands=IDENTIFY_COMMANDS,
        manufacturers=MANUFACTURERS,
        rescues=(BOOT_LOADER,),
        boot_urcs=("+WIND: 3",),
        sources=_SOURCES,
        **more,
    )


MODELS = (
    _model(
        "sierra-q2686",
        "Sierra Wireless Q2686 (companion agent)",
        matches_agent,
        _resolve_companion,
        driver="modemtls_sierra_wip.companion:CompanionDriver",
        errors="modemtls_sierra_wip.errors:COMPANION_ERRORS",
        options="modemtls_sierra_wip.options:CompanionOptions",
        simulator="modemtls_sierra_wip.simulator:Q2686",
        demo_gaps=frozenset({Gap.HOSTNAME, Gap.MINIMUM_VERSION}),
        log_words=("WIP_", "wip_", "+MTVER", "+MTOPEN", "+WIND:", "WAVECOM MODEM", "Open AT"),
        log_names=("Q2686", "Q2687"),
        assumptions=_COMPANION_ASSUMPTIONS,
    ),
    _model(
        "sierra-q2686-wipsoft",
        "Sierra Wireless Q2686 (WIPsoft)",
        matches_wipsoft,
        _resolve_wipsoft,
        driver="modemtls_sierra_wip.wipsoft:WipsoftDriver",
        errors="modemtls_sierra_wip.errors:WIPSOFT_ERRORS",
        options="modemtls_sierra_wip.wipsoft_options:WipsoftOptions",
        simulator="modemtls_sierra_wip.simulator.wipsoft:Q2686Wipsoft",
        assumptions=_WIPSOFT_ASSUMPTIONS,
    ),
)
