"""The scenarios: what is wrong, where it cannot be, and what a diagnosis must say of it.

``first`` is what has to be named first; where several reasons stand there, they are words for one and the same
cause.  ``true`` is what may be said with certainty besides, because it is so too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from modemtls import Reason

from .rigs import Column, Held
from .servers import HOST, World

__all__ = ["SCENARIOS", "Scenario"]

R = Reason
_DAY = timedelta(days=1)


def _moment(off: timedelta) -> str:
    return f"{datetime.now(UTC) + off:%Y-%m-%dT%H:%M:%SZ}"


def _plain(world: World, _: Column) -> Held:
    return Held(ca=world.root)


def _right_time(_: Column) -> dict[str, str]:
    return {"clock": _moment(timedelta()), "network_time": "no"}


_NO_NAMES = "the plug-in is assumed to compare no host names, so nothing fails"
_HOST_TLS = "TLS runs on this computer: the modem has no clock, slot or profile in it"
_NO_EMPTY = "the agent refuses a TLS configuration that names what is not stored"


def _only(families: str, why: str) -> Callable[[Column], str | None]:
    """Applies to these families; ``why`` is said of the others."""

    def judge(column: Column) -> str | None:
        if column.family in families.split():
            return None
        return _HOST_TLS if column.family == "wipsoft" else why

    return judge


def _everywhere(_: Column) -> str | None:
    return None


def _in_the_modem(column: Column) -> str | None:
    return _HOST_TLS if column.family == "wipsoft" else None


def _where_names_count(column: Column) -> str | None:
    return _NO_NAMES if column.family == "agent" else None


@dataclass(frozen=True)
class Scenario:
    """One thing that is wrong.

    ``server`` names the server of :class:`.servers.World`; ``unless`` gives the reason why it cannot be on a column.
    """

    name: str
    server: str
    first: frozenset[Reason]
    true: frozenset[Reason] = frozenset()
    host: str = HOST
    held: Callable[[World, Column], Held] = _plain
    settings: Callable[[Column], Mapping[str, str]] = _right_time
    unless: Callable[[Column], str | None] = _everywhere
    #: Where another fault of the same server and modem counts as the right answer on a family.
    also_first: Mapping[str, frozenset[Reason]] = field(default_factory=dict)

    @property
    def allowed(self) -> frozenset[Reason]:
        """What may be said with certainty."""
        return self.first | self.true


def _one(*reasons: Reason) -> frozenset[Reason]:
    return frozenset(reasons)


def _unset(column: Column) -> dict[str, str]:
    return {"network_time": "no"}


def _a_day_behind(column: Column) -> dict[str, str]:
    return {"clock": _moment(-_DAY), "network_time": "no"}


def _detached(column: Column) -> dict[str, str]:
    if column.family == "sequans":
        return {**_right_time(column), "registration": "denied"}
    return {**_right_time(column), "bearer_error": "WIP_BERR_GPRS_FAILED"}


def _impatient(column: Column) -> dict[str, str]:
    return {**_right_time(column), "patience": "0.1"}


def _not_tls_1_0(column: Column) -> str | None:
    if column.family == "agent":
        return "the plug-in is assumed to speak TLS 1.0, so it connects"
    return None


def _not_by_host_tls(why: str) -> Callable[[Column], str | None]:
    return lambda column: why if column.family == "wipsoft" else None


def _old_host(column: Column) -> str | None:
    if column.family == "wipsoft":
        return "this computer speaks TLS 1.3, so it connects"
    return None


SCENARIOS = (
    Scenario("clock unset", "good", _one(R.CLOCK_UNSET), _one(R.NOT_YET_VALID), settings=_unset, unless=_in_the_modem),
    Scenario(
        "clock wrong by a day", "fresh", _one(R.CLOCK_WRONG), _one(R.NOT_YET_VALID), settings=_a_day_behind,
        unless=_in_the_modem,
    ),
    Scenario("expired", "expired", _one(R.EXPIRED)),
    Scenario("not yet valid", "future", _one(R.NOT_YET_VALID)),
    Scenario("wrong host", "named", _one(R.HOSTNAME_MISMATCH), unless=_where_names_count),
    Scenario(
        "wildcard misuse", "wildcard", _one(R.HOSTNAME_MISMATCH), host="v1.api.example.org", unless=_where_names_count
    ),
    Scenario("IP address", "good", _one(R.HOSTNAME_MISMATCH), host="127.0.0.1", unless=_where_names_count),
    Scenario("self-signed leaf", "self-signed", _one(R.SELF_SIGNED)),
    Scenario(
        "leaf as anchor", "good", _one(R.LEAF_AS_ANCHOR), held=lambda w, c: Held(by_hand=w.leaf), unless=_in_the_modem
    ),
    Scenario("missing intermediate", "bare", _one(R.MISSING_INTERMEDIATE)),
    Scenario(
        "cross-signed chain", "cross-signed", _one(R.EXPIRED), held=lambda w, c: Held(ca=w.old_root),
    ),
    Scenario("other root of the same name", "good", _one(R.UNKNOWN_ISSUER), held=lambda w, c: Held(ca=w.same_name)),
    Scenario("right key under another name", "good", _one(R.UNKNOWN_ISSUER), held=lambda w, c: Held(ca=w.same_key)),
    Scenario(
        "wrong slot", "good", _one(R.UNKNOWN_ISSUER), held=lambda w, c: Held(by_hand=w.other_root, other=w.root),
        unless=_in_the_modem,
    ),
    Scenario(
        "empty slot", "good", _one(R.SLOT_EMPTY), _one(R.NO_TRUST_ANCHOR),
        held=lambda w, c: Held(by_hand=w.root, names_empty=True), unless=_only("sequans", _NO_EMPTY),
    ),
    Scenario(
        "illegal profile", "good", _one(R.PROFILE_ILLEGAL),
        held=lambda w, c: Held(by_hand=w.root, client=(w.client, w.client), is_illegal=True),
        unless=_only("sequans", "the agent refuses an illegal TLS configuration when it is written"),
    ),
    Scenario("TLS 1.0-only server", "tls-1.0", _one(R.UNSUPPORTED_VERSION), unless=_not_tls_1_0),
    Scenario("TLS 1.3-only server", "tls-1.3", _one(R.UNSUPPORTED_VERSION), unless=_old_host),
    Scenario("no common cipher", "ciphers", _one(R.NO_COMMON_CIPHER), _one(R.HANDSHAKE_FAILED)),
    Scenario(
        "ECDSA-only server", "ec", _one(R.NO_COMMON_CIPHER, R.WEAK_OR_UNSUPPORTED_KEY),
        held=lambda w, c: Held(by_hand=w.root, suites="0x002F;0xC02F" if c.family == "sequans" else ""),
        settings=lambda c: {**_right_time(c), **({"ec_keys": "no"} if c.family == "agent" else {})},
        unless=_not_by_host_tls("this computer takes ECDSA, so it connects"),
    ),
    Scenario("client certificate required, TLS 1.2", "client-1.2", _one(R.CLIENT_CERTIFICATE_MISSING)),
    Scenario(
        "client certificate required, TLS 1.3", "client-1.3", _one(R.CLIENT_CERTIFICATE_MISSING),
        held=lambda w, c: Held(by_hand=w.root, version=3) if c.family == "sequans" else Held(ca=w.root),
        unless=lambda c: None if c.name.startswith("gm02") or c.family == "wipsoft" else "this model has no TLS 1.3",
    ),
    Scenario(
        "key mismatch", "client-1.2", _one(R.KEY_MISMATCH),
        held=lambda w, c: Held(by_hand=w.root, client=(w.client, w.other_client)), unless=_in_the_modem,
    ),
    Scenario(
        "SNI-only virtual host", "virtual", _one(R.SNI_NEEDED), _one(R.SELF_SIGNED),
        unless=lambda c: None if c.family == "agent" else "this model names the host (SNI), so it connects",
    ),
    Scenario("plain HTTP on the port", "plain", _one(R.NOT_TLS)),
    Scenario("port closed", "closed", _one(R.REFUSED)),
    Scenario("name unknown", "good", _one(R.NAME_NOT_RESOLVED), host="nowhere.invalid"),
    Scenario("server closes in the handshake", "closes", _one(R.CONNECTION_LOST, R.HANDSHAKE_FAILED)),
    Scenario("server stalls", "stalls", _one(R.TIMEOUT), settings=_impatient),
    Scenario(
        "chain too large", "large", _one(R.TOO_LARGE),
        settings=lambda c: {**_right_time(c), "handshake_room": "16384"},
        unless=_not_by_host_tls("this computer has room for it, so it connects"),
    ),
    Scenario(
        "network not attached", "good",
        _one(R.REGISTRATION_DENIED, R.NOT_REGISTERED, R.NO_PDP_CONTEXT), settings=_detached,
    ),
)  # fmt: skip
