"""Capabilities and policies, both ways: what is declared works, what is not is refused without a byte."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ...errors import ModemError, TlsError, Unsupported
from ...model import Capability, CredentialKind
from ...modem import Modem
from ...policy import Check, Enforcement, Gap, Psk, TlsVersion, VerifyPolicy
from ...sim.server_targets import pattern
from .bench import WAYS, Bench, Way
from .lines import Line
from .marks import simulated

__all__ = ["Capabilities"]

_CHECK_GAPS = frozenset({Gap.CHAIN, Gap.DATES, Gap.HOSTNAME})
_VIOLATED = {Check.CHAIN: "stranger", Check.DATES: "expired", Check.HOSTNAME: "elsewhere"}
_SETS = [frozenset(each) for size in (1, 2, 3) for each in itertools.combinations(Check, size)]
_ORDER = list(TlsVersion)
_AES_128_GCM = 0xC02B
_WIRE_NAMES = {f"TLSv1.{value}" if value else "TLSv1": version for value, version in enumerate(_ORDER)}

each_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
each_version = pytest.mark.parametrize("version", _ORDER, ids=[str(one).replace(" ", "") for one in _ORDER])


def _names(checks: frozenset[Check]) -> str:
    return "+".join(check.value for check in Check if check in checks)


def enforcement(bench: Bench, way: Way, policy: VerifyPolicy | None = None) -> Enforcement:
    """What can be enforced on this way."""
    if way.tls == "modem":
        return bench.resolved.enforcement
    from ...https.host_tls import abilities

    return abilities(policy or VerifyPolicy())


class Capabilities:
    """Declared, and proven; or not declared, and refused."""

    @pytest.mark.parametrize("capability", list(Capability), ids=[one.value for one in Capability])
    @simulated
    def test_a_capability_works_or_is_refused_without_a_byte(
        self, bench: Bench, capability: Capability
    ) -> None:
        with bench.modem() as (modem, line):
            if bench.can(capability):
                _use(bench, modem, line, capability)
            elif capability in (Capability.CREDENTIAL_READ_BACK, Capability.CHECKED_STREAM):
                pass  # there is no operation of that name: listing, or a response, simply says less
            elif capability is Capability.CREDENTIAL_LIST and not bench.has_store:
                before = len(line.sent)
                assert modem.credentials.list() == ()
                assert len(line.sent) == before
            else:
                with bench.refused(line):
                    _use(bench, modem, line, capability)

    def test_what_is_not_declared_is_refused_without_a_byte(self, bench: Bench) -> None:
        with bench.modem() as (modem, line):
            if not bench.can(Capability.SET_CLOCK):
                with bench.refused(line):
                    modem.clock.set()
            for way in WAYS.values():
                if not bench.can(way.capability):
                    with bench.refused(line):
                        modem.https("good.test", http=way.http, tls=way.tls).get("/")

    # Policies.

    @each_way
    @pytest.mark.parametrize("checks", _SETS, ids=_names)
    @simulated
    def test_a_set_of_checks_is_made_by_a_real_handshake_or_refused(
        self, bench: Bench, way: Way, checks: frozenset[Check]
    ) -> None:
        gaps = bench.gaps(way) - _CHECK_GAPS
        policy = VerifyPolicy(checks=checks, accept_gaps=gaps)
        with bench.modem({"accept_gaps": gaps}) as (modem, line):
            if not bench.can(way.capability) or checks not in enforcement(bench, way, policy).check_sets:
                with bench.refused(line):
                    bench.session(modem, "good", way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            assert _status(bench, modem, "good", way, policy) == 200
            for check, kind in _VIOLATED.items():
                if check in checks:
                    with pytest.raises(TlsError):
                        _status(bench, modem, kind, way, policy)
                else:
                    assert _status(bench, modem, kind, way, policy) == 200, f"{check} was not asked for"

    @each_way
    @simulated
    def test_the_strict_policy_is_held_or_refused_by_the_name_of_what_is_missing(
        self, bench: Bench, way: Way
    ) -> None:
        with bench.modem({"accept_gaps": frozenset()}) as (modem, line):
            try:
                strict = VerifyPolicy()
                session = bench.session(modem, "good", way, policy=strict)
            except Unsupported as error:
                assert error.remedy
                assert not bench.can(way.capability) or (way.tls == "modem" and _is_short_of_strict(bench))
                return
            assert bench.can(way.capability)
            if way.tls == "modem" and _is_short_of_strict(bench):
                with bench.refused(line):
                    session.get("/")
                return
            _trust(bench, modem, way, strict)
            assert session.get("/").status == 200

    @each_way
    @simulated
    def test_each_session_has_the_policy_that_it_was_given(self, bench: Bench, way: Way) -> None:
        """What one session may leave out, the next one does not."""
        careless = replace(VerifyPolicy.insecure(), accept_gaps=bench.gaps(way))
        careful = VerifyPolicy(accept_gaps=bench.gaps(way))
        with bench.modem() as (modem, line):
            if not bench.can(way.capability):
                with bench.refused(line):
                    bench.session(modem, "stranger", way, policy=careless).get("/")
                return
            _trust(bench, modem, way, careful)
            for _ in range(2):
                assert _status(bench, modem, "stranger", way, careless) == 200
                with pytest.raises(TlsError):
                    _status(bench, modem, "stranger", way, careful)

    @each_way
    @each_version
    @simulated
    def test_a_minimum_version_is_held_or_refused(self, bench: Bench, way: Way, version: TlsVersion) -> None:
        gaps = bench.gaps(way) - {Gap.MINIMUM_VERSION}
        policy = VerifyPolicy(minimum_version=version, accept_gaps=gaps)
        with bench.modem({"accept_gaps": gaps}) as (modem, line):
            if (
                not bench.can(way.capability)
                or version not in enforcement(bench, way, policy).minimum_versions
            ):
                with bench.refused(line):
                    bench.session(modem, "good", way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            assert _status(bench, modem, "good", way, policy) == 200
            assert _WIRE_NAMES[bench.servers(way).good.handshakes[-1].version] >= version
            if version is not TlsVersion.TLS1_0:
                below = _ORDER[_ORDER.index(version) - 1]
                with pytest.raises(TlsError):
                    _status(bench, modem, _only(below), way, policy)

    @each_way
    @each_version
    @simulated
    def test_a_maximum_version_is_held_or_refused(self, bench: Bench, way: Way, version: TlsVersion) -> None:
        lowest = min(version, TlsVersion.TLS1_2)
        policy = VerifyPolicy(minimum_version=lowest, maximum_version=version, accept_gaps=bench.gaps(way))
        can = enforcement(bench, way, policy)
        with bench.modem() as (modem, line):
            is_able = version in can.maximum_versions and (
                lowest in can.minimum_versions or Gap.MINIMUM_VERSION in policy.accept_gaps
            )
            if not bench.can(way.capability) or not is_able:
                with bench.refused(line):
                    bench.session(modem, "good", way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            kind = "good" if version is TlsVersion.TLS1_3 else _only(version)
            assert _status(bench, modem, kind, way, policy) == 200
            assert _WIRE_NAMES[bench.servers(way).by_name[kind].handshakes[-1].version] <= version

    @each_way
    @simulated
    def test_cipher_suites_are_held_or_refused(self, bench: Bench, way: Way) -> None:
        policy = VerifyPolicy(
            cipher_suites=(_AES_128_GCM,),
            maximum_version=None,
            accept_gaps=bench.gaps(way) - {Gap.CIPHER_SUITES},
        )
        known = enforcement(bench, way, policy).cipher_suites or frozenset()
        with bench.modem({"accept_gaps": policy.accept_gaps}) as (modem, line):
            if not bench.can(way.capability) or _AES_128_GCM not in known:
                with bench.refused(line):
                    bench.session(modem, "good", way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            kind = _only(TlsVersion.TLS1_2)
            assert _status(bench, modem, kind, way, policy) == 200
            shaken = bench.servers(way).by_name[kind].handshakes[-1]
            assert shaken.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"
            with bench.refused(line):
                bench.session(modem, "good", way, policy=replace(policy, cipher_suites=(0x0001,))).get("/")

    @each_way
    @simulated
    def test_another_server_name_is_sent_and_checked_or_refused(self, bench: Bench, way: Way) -> None:
        name = bench.host("good", way).replace(".old", "")
        policy = VerifyPolicy(server_name=name, accept_gaps=bench.gaps(way) - {Gap.SERVER_NAME})
        with bench.modem() as (modem, line):
            if not bench.can(way.capability) or not enforcement(bench, way).server_name:
                with bench.refused(line):
                    bench.session(modem, "elsewhere", way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            assert _status(bench, modem, "elsewhere", way, policy) == 200
            assert bench.servers(way).good.handshakes[-1].server_name == name

    @each_way
    @simulated
    def test_a_client_certificate_is_shown_to_the_server_or_refused(self, bench: Bench, way: Way) -> None:
        certificate, key = bench.servers(way).client_credential
        with bench.modem() as (modem, line):
            if way.tls == "host" and bench.can(way.capability):
                with bench.session(modem, "client", way, certificate=certificate, key=key) as session:
                    assert session.get("/").status == 200
            elif bench.can(way.capability) and enforcement(bench, way).client_credential:
                bench.trust(modem, way)
                stored, its_key = modem.install(certificate, key)
                policy = VerifyPolicy(
                    client_slot=stored.slot, client_key_slot=its_key.slot, accept_gaps=bench.gaps(way)
                )
                assert _status(bench, modem, "client", way, policy) == 200
            else:
                with bench.refused(line):
                    policy = VerifyPolicy(client_slot=1, client_key_slot=1, accept_gaps=bench.gaps(way))
                    bench.session(modem, "client", way, policy=policy).get("/")
                return
            assert bench.servers(way).by_name["client"].handshakes[-1].client_certificate is not None

    @each_way
    @simulated
    def test_a_pre_shared_key_is_kept_to_itself_or_refused(self, bench: Bench, way: Way) -> None:
        policy = VerifyPolicy(psk=Psk("device", bytes(range(17, 33))), accept_gaps=bench.gaps(way))
        with bench.modem() as (modem, line):
            if not bench.can(way.capability) or not enforcement(bench, way).psk:
                with bench.refused(line):
                    bench.session(modem, "good", way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            assert policy.psk is not None
            shown = repr(modem.profiles.list()).casefold()
            assert policy.psk.key.hex() not in shown, "the listing of profiles shows the pre-shared key"
            assert policy.psk.key.hex().encode() in bytes(line.sent).lower(), (
                "the key never reached the modem"
            )

    @each_way
    @simulated
    def test_resumption_shortens_the_second_handshake_or_is_refused(self, bench: Bench, way: Way) -> None:
        newest = _only(bench.resolved.limits.max_tls_version if way.tls == "modem" else TlsVersion.TLS1_2)
        kind = newest if newest in ("only-tls1-0",) else _only(TlsVersion.TLS1_2)
        policy = VerifyPolicy(resumption=True, accept_gaps=bench.gaps(way))
        with bench.modem() as (modem, line):
            if not bench.can(way.capability) or not enforcement(bench, way).resumption:
                with bench.refused(line):
                    bench.session(modem, kind, way, policy=policy).get("/")
                return
            _trust(bench, modem, way, policy)
            with bench.session(modem, kind, way, policy=policy) as session:
                for _ in range(2):
                    assert session.get("/").status == 200
                    session.close()
            assert bench.servers(way).by_name[kind].handshakes[-1].resumed


def _only(version: TlsVersion) -> str:
    return f"only-{version.name.lower().replace('_', '-')}"


def _is_short_of_strict(bench: Bench) -> bool:
    can = bench.resolved.enforcement
    return frozenset(Check) not in can.check_sets or TlsVersion.TLS1_2 not in can.minimum_versions


def _trust(bench: Bench, modem: Modem, way: Way, policy: VerifyPolicy) -> None:
    if way.tls == "modem":
        modem.trust(bench.servers(way).ca_pem, policy=policy)


def _status(bench: Bench, modem: Modem, kind: str, way: Way, policy: VerifyPolicy) -> int:
    with bench.session(modem, kind, way, policy=policy) as session:
        return session.get("/").status


def _use(bench: Bench, modem: Modem, line: Line, capability: Capability) -> None:
    """Do what the capability is for, and look whether it is done."""
    match capability:
        case Capability.TLS_STREAM | Capability.TCP_STREAM | Capability.HTTP_CLIENT:
            way = next(each for each in WAYS.values() if each.capability is capability)
            if bench.can(capability):
                bench.trust(modem, way)
            with bench.session(modem, "good", way) as session:
                assert session.get("/").status == 200
        case Capability.SET_CLOCK:
            wanted = datetime(2033, 12, 31, 23, 59, 30, tzinfo=UTC)
            reading = modem.clock.set(wanted)
            assert abs(reading.time - wanted) < timedelta(seconds=20)
            assert abs(line.simulator.clock.read() - wanted) < timedelta(seconds=20)
        case Capability.NETWORK_TIME:
            assert modem.clock.set_from_network().is_set
        case Capability.CREDENTIAL_LIST | Capability.CREDENTIAL_READ_BACK:
            put = modem.credentials.put(bench.servers(WAYS["tls-stream"]).ca_pem, CredentialKind.CA)
            shown = [each for each in modem.credentials.list() if each.slot == put.slot]
            assert shown, "what was stored is not listed"
            if capability is Capability.CREDENTIAL_READ_BACK:
                assert shown[0].fingerprint is not None or shown[0].crc32 is not None
        case Capability.CHECKED_STREAM:
            bench.trust(modem, WAYS["tls-stream"])
            _flipped_bytes_show(bench, modem, line)


def _flipped_bytes_show(bench: Bench, modem: Modem, line: Line) -> None:
    """One bit flips in what the modem says: the body is right all the same, or there is an error."""
    struck = 0
    for place in range(0, 2500, 131):
        passed = 0

        def flip(data: bytes, place: int = place) -> bytes:
            nonlocal passed, struck
            where, passed = place - passed, passed + len(data)
            if not 0 <= where < len(data):
                return data
            struck += 1
            return data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :]

        with bench.session(modem, "good", WAYS["tls-stream"]) as session:
            line.alter = flip
            with contextlib.suppress(ModemError):
                response = session.get("/bytes/2000", timeout=10)
                assert response.line_checked
                assert (response.status, response.body) == (200, pattern(2000)), (
                    f"byte {place} from the modem"
                )
            line.alter = lambda data: data
    assert struck > 10, "too few bytes came"
