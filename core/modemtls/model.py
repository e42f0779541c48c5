"""The records that cross the seam between the core and a vendor's plugin.

A plugin's hook yields :class:`Model` records; a record refers to its driver, its simulator and its
error table by ``"module:name"``, so that listing models imports no vendor code.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .errors import Certainty, Reason
from .findings import Finding
from .policy import Check, Enforcement, Gap, TlsVersion
from .stack import StackProfile

__all__ = [
    "Capability",
    "ClockReading",
    "CredentialKind",
    "HttpReply",
    "HttpRequest",
    "Identity",
    "Limits",
    "Match",
    "Mistake",
    "Model",
    "NetworkSettings",
    "NetworkStatus",
    "Registration",
    "Rescue",
    "Resolved",
    "SimState",
    "StoredCredential",
    "StoredProfile",
    "Trouble",
]


class Capability(enum.Enum):
    """Something that a model can do, beyond what every model can."""

    TLS_STREAM = "tls-stream"
    """A byte stream whose TLS runs in the modem."""
    TCP_STREAM = "tcp-stream"
    """A plain byte stream."""
    HTTP_CLIENT = "http-client"
    """An HTTPS client of the modem's own."""
    CREDENTIAL_LIST = "credential-list"
    """The store can be listed."""
    CREDENTIAL_READ_BACK = "credential-read-back"
    """A stored credential's content can be read or its digest recomputed."""
    SET_CLOCK = "set-clock"
    """The clock can be set by the host."""
    NETWORK_TIME = "network-time"
    """The modem can fetch the time from the network by itself."""
    CHECKED_STREAM = "checked-stream"
    """What a stream carries has the modem's own checksum between it and this computer, both ways, and what does
    not fit is not taken."""


class CredentialKind(enum.Enum):
    """What a slot of the credential store holds."""

    CA = "ca"
    CERTIFICATE = "cert"
    KEY = "key"


@dataclass(frozen=True)
class Limits:
    """What a model has room and time for.  Sizes in bytes, times in seconds.

    ``None`` for a size is "not published"; a driver then relies on the modem's own refusal.
    """

    max_certificate_bytes: int | None = None
    max_key_bytes: int | None = None
    slots: range = range(0)
    reserved_slots: frozenset[int] = frozenset()
    preferred_slots: tuple[int, ...] = ()
    """Free slots in the order in which modemtls takes them for itself."""
    security_profiles: range = range(0)
    http_profiles: range = range(0)
    sockets: range = range(0)
    max_send_bytes: int = 1024
    max_receive_bytes: int = 1024
    max_rsa_bits: int | None = None
    min_rsa_bits: int = 1024
    key_types: frozenset[str] = frozenset({"rsa", "ec"})
    curves: frozenset[str] | None = None
    max_http_headers: int | None = None
    max_http_header_bytes: int | None = None
    max_http_upload_bytes: int | None = None
    http_methods: frozenset[str] = frozenset()
    max_tls_version: TlsVersion = TlsVersion.TLS1_2
    command_timeout: float = 5.0
    prompt_timeout: float = 20.0
    connect_timeout: float = 90.0
    response_timeout: float = 120.0
    attach_timeout: float = 180.0
    recover_timeout: float = 10.0


@dataclass(frozen=True)
class Identity:
    """Who answers on the port, in the modem's own words; ``serial`` is the IMEI where it tells."""

    manufacturer: str = ""
    product: str = ""
    revision: str = ""
    serial: str = ""
    lines: tuple[str, ...] = ()
    """Other identification lines, e.g. the answer to ``ATI1``."""
    accepted: tuple[str, ...] = ()
    """The models' own identification commands that were answered ``OK``, with lines or without."""


@dataclass(frozen=True)
class Trouble:
    """Why a modem that is recognised cannot be used as it is: what was found, and what to do about it."""

    message: str
    remedy: str
    reason: Reason


@dataclass(frozen=True)
class Rescue:
    """A state in which a modem answers ``AT`` and little else: a boot loader without its firmware.

    It is recognised by a line that begins with ``answer`` when ``command`` (without ``AT``) is sent; that is
    only done when the usual way to get in step has failed.
    """

    command: str
    answer: str
    trouble: Trouble


@dataclass(frozen=True)
class Match:
    """That an identity fits a model, how sure that is, and the firmware that it speaks of."""

    certainty: Certainty
    firmware: str = ""
    because: str = ""
    trouble: Trouble | None = None
    """It is such a modem, and cannot be used as this model in the state it is in."""


@dataclass(frozen=True)
class Resolved:
    """A model's abilities on one firmware with one set of vendor options.

    ``stack``: what its TLS stack does with certificates, each statement as sure as it is.
    """

    firmware: str
    capabilities: frozenset[Capability]
    limits: Limits
    enforcement: Enforcement
    stack: StackProfile = field(default_factory=StackProfile)


@dataclass(frozen=True)
class Mistake:
    """A classic mistake with this model, for the demo: commands as a person would type them.

    ``command`` makes it and ``cure`` mends it; ``{profile}`` and ``{slot}`` stand for a security profile
    and the slot of a good CA.
    """

    title: str
    command: str
    cure: str


@dataclass(frozen=True)
class Model:
    """One model of modem, as its plugin declares it.

    ``name`` is what users type ("acme-x1"); ``matches`` judges an identity; ``resolve`` gives the
    abilities for a firmware (``""`` = not known yet: the model's usual one) and vendor options.
    ``driver``, ``simulator``, ``errors`` and ``options`` are ``"module:attribute"``.
    ``assumptions`` are the sentences that say what of the model is not confirmed.
    """

    name: str
    vendor: str
    title: str
    matches: Callable[[Identity], Match | None]
    resolve: Callable[[str, Any], Resolved]
    driver: str
    errors: str
    simulator: str | None = None
    options: str | None = None
    baudrates: tuple[int, ...] = (115200,)
    identify_commands: tuple[str, ...] = ()
    """Harmless commands that tell more, without ``AT``, asked only of a modem whose manufacturer fits."""
    manufacturers: tuple[str, ...] = ()
    """Beginnings of the answer to ``AT+CGMI`` that fit, in any case; empty fits all."""
    rescues: tuple[Rescue, ...] = ()
    boot_urcs: tuple[str, ...] = ()
    """Lines that say that the modem has just restarted."""
    simulator_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that the demo gives to the simulator."""
    demo_options: Mapping[str, Any] = field(default_factory=dict)
    """Vendor options that fit the simulator as the demo uses it."""
    demo_mistake: Mistake | None = None
    demo_gaps: frozenset[Gap] = frozenset()
    """Gaps that the demo accepts by name; it then tells the story of an opaque refusal and of the clock."""
    log_words: tuple[str, ...] = ()
    """Pieces of commands, answers or calls by which a log is known to be of this vendor's modems."""
    log_names: tuple[str, ...] = ()
    """How this model is named in what people write, in capitals."""
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class SimState(enum.Enum):
    """What the SIM says."""

    READY = "ready"
    PIN = "pin"
    PUK = "puk"
    ABSENT = "absent"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Registration(enum.Enum):
    """3GPP TS 27.007 registration state."""

    NOT_REGISTERED = "not registered"
    HOME = "home"
    SEARCHING = "searching"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ROAMING = "roaming"

    @property
    def is_registered(self) -> bool:
        """Home or roaming."""
        return self in (Registration.HOME, Registration.ROAMING)


@dataclass(frozen=True)
class NetworkStatus:
    """How far the modem is on its way to the network.

    ``apn``: empty when none is configured.  ``apn``/``pdp_active``/``address``: ``None`` where the modem does
    not tell.
    """

    radio_on: bool
    sim: SimState
    registration: Registration
    apn: str | None = None
    pdp_active: bool | None = None
    address: str | None = None

    @property
    def is_up(self) -> bool:
        """Data can flow, as far as the modem tells."""
        return self.radio_on and self.registration.is_registered and self.pdp_active is not False


@dataclass(frozen=True)
class NetworkSettings:
    """How to attach; ``None`` leaves what is in the modem.  No secret is shown by ``repr``."""

    apn: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ClockReading:
    """The modem's clock in UTC; ``is_set`` is false at the value it has when nobody set it."""

    time: datetime
    is_set: bool


@dataclass(frozen=True)
class StoredCredential:
    """A slot of the store as the modem lists it; a field that it does not show is ``None``.

    ``fingerprint`` is lower-case hexadecimal, of the DER form, by ``fingerprint_hash``.  ``size`` and ``crc32``
    (ISO 3309) are of the stored bytes: they show damage, and are no proof against malice.  ``is_damaged``: the
    modem itself says that the slot does not hold what was stored there.
    """

    slot: int
    kind: CredentialKind
    subject: str | None = None
    issuer: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    fingerprint: str | None = None
    fingerprint_hash: str | None = None
    reserved: bool = False
    size: int | None = None
    crc32: int | None = None
    is_damaged: bool = False


@dataclass(frozen=True)
class StoredProfile:
    """A security profile as it stands in the modem.

    ``fields`` are the vendor's names and values in the vendor's order, secrets replaced by ``***``;
    ``raw`` are the same values as they came, for the driver's own comparison.
    ``checks`` is ``None`` when the value that decides it is illegal or its meaning unknown.
    ``problems`` says what in it is illegal or dangerous.
    ``minimum_version`` and ``maximum_version``, both inclusive, are ``None`` where it does not say; of the two the
    second is as sure as the meaning of the vendor's field.  ``cipher_suites``: IANA numbers, empty for any.
    """

    number: int
    fields: tuple[tuple[str, str], ...]
    checks: frozenset[Check] | None = None
    ca_slot: int | None = None
    client_slot: int | None = None
    client_key_slot: int | None = None
    problems: tuple[Finding, ...] = ()
    minimum_version: TlsVersion | None = None
    maximum_version: TlsVersion | None = None
    cipher_suites: tuple[int, ...] = ()
    raw: tuple[str, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class HttpRequest:
    """One request through the modem's own HTTP client; ``target`` begins with ``/``."""

    method: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # Authorization and its like
    body: bytes = field(default=b"", repr=False)
    timeout: float = 120.0
    max_body: int = 2**30


@dataclass(frozen=True)
class HttpReply:
    """What the modem's HTTP client showed; ``headers`` are ``None`` where it shows none."""

    status: int
    body: bytes
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] | None = None
