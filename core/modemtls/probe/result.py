"""What follows from the connections that the probe server saw, and how it differs from what a model declares.

A refusal proves a check only when the good station was accepted: else everything may have been refused, for a
clock that is wrong or a root that is not trusted.  An acceptance needs no such proof.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..model import Resolved
from ..policy import Check, TlsVersion
from .exchange import Outcome, Seen
from .hello import ClientHello
from .stations import STATIONS

__all__ = ["Difference", "ProbeResult", "conclude", "differences", "from_json", "to_json", "to_toml"]

_STATION = {station.name: station for station in STATIONS}
_VERSIONS = {0x0300 + 1 + index: version for index, version in enumerate(sorted(TlsVersion))}
_GROUPS = {
    21: "secp224r1", 22: "secp256k1", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448",
    256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 0x11EC: "X25519MLKEM768",
}  # fmt: skip
_SIGNATURES = {
    0x0101: "rsa_pkcs1_md5", 0x0201: "rsa_pkcs1_sha1", 0x0203: "ecdsa_sha1", 0x0301: "rsa_pkcs1_sha224",
    0x0303: "ecdsa_sha224", 0x0401: "rsa_pkcs1_sha256", 0x0403: "ecdsa_secp256r1_sha256", 0x0501: "rsa_pkcs1_sha384",
    0x0503: "ecdsa_secp384r1_sha384", 0x0601: "rsa_pkcs1_sha512", 0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384", 0x0806: "rsa_pss_rsae_sha512", 0x0807: "ed25519",
    0x0808: "ed448", 0x0809: "rsa_pss_pss_sha256", 0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512",
}  # fmt: skip


@dataclass(frozen=True)
class ProbeResult:
    """What a modem's TLS stack was seen to do.

    ``checks``: for each check whether it is made; a check that nothing was seen of is not in it.  ``versions``,
    ``suites``, ``groups``, ``signatures``: what it offered, all ClientHellos together.  ``accepted``: the stations that
    it went on with.  ``uses_sent_intermediates``: ``None`` when the good station was not accepted.
    """

    checks: tuple[tuple[Check, bool], ...] = ()
    versions: tuple[str, ...] = ()
    suites: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    sends_server_name: bool | None = None
    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    shows_client_certificate: bool | None = None
    speaks_without_tls: bool = False
    notes: tuple[str, ...] = ()

    def makes(self, check: Check) -> bool | None:
        """Whether it makes a check; ``None`` when that did not show."""
        return dict(self.checks).get(check)


@dataclass(frozen=True)
class Difference:
    """Something that a model declares, and what was seen instead."""

    what: str
    declared: str
    seen: str
    is_dangerous: bool = False


def conclude(seen: Sequence[Seen]) -> ProbeResult:
    """What follows from all of the connections together."""
    hellos = [each.hello for each in seen if each.hello is not None]
    accepted = tuple(dict.fromkeys(each.station for each in seen if each.outcome is Outcome.ACCEPTED))
    refused = {
        each.station: each.alert_name or each.outcome.value
        for each in seen
        if each.outcome in (Outcome.REFUSED, Outcome.CLOSED) and not _station_is_plain(each)
    }
    names = [hello.server_name for hello in hellos]
    asked = [
        each for each in seen if each.station == "client-certificate" and each.outcome is Outcome.ACCEPTED
    ]
    return ProbeResult(
        checks=tuple(_checks(accepted, refused)),
        versions=tuple(dict.fromkeys(_version(v) for v in sorted(_all(hellos, "versions"), reverse=True))),
        suites=tuple(_all(hellos, "suites")),
        groups=tuple(_GROUPS.get(group, f"0x{group:04X}") for group in _all(hellos, "groups")),
        signatures=tuple(_SIGNATURES.get(one, f"0x{one:04X}") for one in _all(hellos, "signatures")),
        sends_server_name=any(names) if names else None,
        accepted=accepted,
        refused=tuple((name, why) for name, why in refused.items() if name not in accepted),
        shows_client_certificate=any(each.client_certificate for each in asked) if asked else None,
        speaks_without_tls=any(each.outcome is Outcome.NOT_TLS and each.target is not None for each in seen),
        notes=tuple(_notes(accepted, refused, seen)),
    )


def _station_is_plain(each: Seen) -> bool:
    station = _STATION.get(each.station)
    return station is not None and station.is_plain


def _checks(accepted: Sequence[str], refused: Iterable[str]) -> Iterable[tuple[Check, bool]]:
    for check in Check:
        stations = [station.name for station in STATIONS if station.refusal_shows is check]
        if any(name in accepted for name in stations):
            yield check, False
        elif "good" in accepted and any(name in refused for name in stations):
            yield check, True


def _notes(accepted: Sequence[str], refused: Iterable[str], seen: Sequence[Seen]) -> Iterable[str]:
    peers = sorted({each.peer for each in seen if each.peer})
    if len(peers) > 1:
        yield (
            f"Connections came from {len(peers)} addresses ({', '.join(peers[:8])}): some may be a stranger's, and what"
            " they show is not the modem's."
        )
    for each in seen:
        if each.outcome is Outcome.ENDED and each.station not in accepted:
            yield (
                f"At {each.station} the client ended after a complete handshake, and had sent nothing: it may have"
                " compared the name only then, or had nothing to say. That counts for nothing."
            )
        elif each.outcome is Outcome.NOT_TLS and each.target is None:
            yield f"At {each.station} something came that is neither TLS nor HTTP ({each.spoke} bytes)."
    if refused and "good" not in accepted:
        yield (
            "The good station was not accepted, so that a refusal of another one proves nothing: is the probe's root"
            " trusted, the clock set, and the name right?"
        )
    if "good" in accepted and "missing-intermediate" in accepted:
        yield "A chain without its intermediate was accepted: the modem has it stored, or verifies no chain."


def _all(hellos: Iterable[ClientHello], field: str) -> list[int]:
    return list(dict.fromkeys(value for hello in hellos for value in getattr(hello, field)))


def _version(number: int) -> str:
    known = _VERSIONS.get(number)
    return str(known) if known is not None else f"0x{number:04X}"


def differences(result: ProbeResult, resolved: Resolved) -> tuple[Difference, ...]:
    """Where what was seen is not what the model declares; the dangerous ones first."""
    found: list[Difference] = []
    declared = frozenset().union(*resolved.enforcement.check_sets)
    for check, made in result.checks:
        if made is not (check in declared):
            found.append(
                Difference(
                    f"check {check.value}",
                    "enforced" if check in declared else "not enforced",
                    "not made" if not made else "made",
                    is_dangerous=not made and check in declared,
                )
            )
    if result.speaks_without_tls:
        found.append(Difference("TLS", "used", "the modem spoke without it", is_dangerous=True))
    most = str(resolved.limits.max_tls_version)
    newest = result.versions[0] if result.versions else most
    # A profile may hold the modem below what it can do; nothing can make it do more.
    is_bounded = bool(resolved.enforcement.maximum_versions)
    if newest > most or (newest < most and not is_bounded):
        found.append(Difference("newest version", most, newest))
    suites = resolved.enforcement.cipher_suites
    if suites is not None and result.suites:
        signalling = {0x00FF, 0x5600}
        more = sorted(set(result.suites) - suites - signalling)
        if more:
            found.append(Difference("cipher suites", "not declared", _hex(more)))
    return tuple(sorted(found, key=lambda difference: not difference.is_dangerous))


def _hex(numbers: Iterable[int]) -> str:
    return " ".join(f"0x{number:04X}" for number in numbers)


def to_toml(result: ProbeResult) -> str:
    """The result as ``capabilities.toml``, to be laid beside what the model declares."""
    lines = ["# What a modem's TLS stack was seen to do.", "[checks]"]
    lines += [f"{check.value} = {str(made).lower()}" for check, made in result.checks]
    lines += ["", "[offers]"]
    for name in ("versions", "groups", "signatures"):
        lines.append(f"{name} = {json.dumps(list(getattr(result, name)))}")
    lines.append(f"suites = {json.dumps([f'0x{suite:04X}' for suite in result.suites])}")
    for name in ("sends_server_name", "shows_client_certificate"):
        value = getattr(result, name)
        if value is not None:
            lines.append(f"{name} = {str(value).lower()}")
    lines.append(f"speaks_without_tls = {str(result.speaks_without_tls).lower()}")
    lines += ["", "[stations]", f"accepted = {json.dumps(list(result.accepted))}", "", "[stations.refused]"]
    lines += [f"{json.dumps(name)} = {json.dumps(why)}" for name, why in result.refused]
    return "\n".join(lines) + "\n"


def to_json(seen: Iterable[Seen], *, host: str, ports: dict[str, int], chains: dict[str, str]) -> str:
    """The record of a probe, for ``modemtls diagnose --probe FILE``; ``chains`` are PEM by station."""
    connections = []
    for each in seen:
        entry = asdict(each)
        entry["outcome"] = each.outcome.value
        entry["alert_name"] = each.alert_name
        connections.append(entry)
    record = {"format": 1, "host": host, "ports": ports, "chains": chains, "connections": connections}
    return json.dumps(record, indent=1) + "\n"


def from_json(text: str) -> tuple[str, dict[str, str], tuple[Seen, ...]]:
    """Host, chains by station, and connections of a record.

    :raises ValueError: it is no record of a probe, or of another format.
    """
    try:
        record = json.loads(text)
        if not isinstance(record, dict) or record.get("format") != 1:
            raise ValueError("this is no record of modemtls probe-server")
        seen = tuple(_seen(entry) for entry in record["connections"])
        chains = {str(name): str(chain) for name, chain in record["chains"].items()}
        return str(record["host"]), chains, seen
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the record is damaged: {type(error).__name__} {error}") from None


def _seen(entry: Mapping[str, Any]) -> Seen:
    hello = entry["hello"]
    return Seen(
        station=str(entry["station"]),
        outcome=Outcome(entry["outcome"]),
        hello=None if hello is None else _hello(hello),
        alert=None if entry["alert"] is None else int(entry["alert"]),
        version=_text(entry["version"]),
        cipher=_text(entry["cipher"]),
        spoke=int(entry["spoke"]),
        client_certificate=bool(entry["client_certificate"]),
        note=str(entry["note"]),
        target=_text(entry["target"]),
        peer=str(entry["peer"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _hello(entry: Mapping[str, Any]) -> ClientHello:
    return ClientHello(
        versions=tuple(map(int, entry["versions"])),
        suites=tuple(map(int, entry["suites"])),
        server_name=_text(entry["server_name"]),
        groups=tuple(map(int, entry["groups"])),
        signatures=tuple(map(int, entry["signatures"])),
        alpn=tuple(map(str, entry["alpn"])),
        extensions=tuple(map(int, entry["extensions"])),
        offers_session=bool(entry["offers_session"]),
        is_old_form=bool(entry["is_old_form"]),
    )
