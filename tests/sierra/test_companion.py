"""The module with the companion agent, end to end: store, profile, TLS, streams, resumption, network, clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme

import modemtls
from modemtls import (
    Certainty,
    CertificateError,
    Check,
    CommandError,
    CredentialError,
    CredentialKind,
    NetworkError,
    Reason,
    TlsError,
    TlsVersion,
    Unsupported,
    VerifyPolicy,
)
from modemtls.sim import PtyServer, simulator_type
from modemtls.sim.certificates import make_self_signed
from modemtls.sim.server import HttpsServer, pattern

from .conftest import GAPS, ISSUED, TODAY, Bench

INSECURE = VerifyPolicy.insecure()


def sent(modem: modemtls.Modem) -> list[str]:
    """The command lines that the simulated module has executed."""
    simulator: Any = modem._port
    return list(simulator.simulator.commands)


def ready(bench: Bench, **settings: Any) -> modemtls.Modem:
    """A module with the root trusted and its clock set."""
    modem = bench.open(clock="2026-05-01T12:00:00Z", **settings)
    modem.trust(bench.root)
    return modem


def test_requests_of_all_kinds(bench: Bench) -> None:
    everything = bytes(range(256)) * 40
    with ready(bench) as modem, modem.https(ISSUED) as session:
        assert session.get("/").text == "Hello from modemtls.\n"
        assert session.post("/echo", everything).body == everything
        assert session.get("/bytes/100000").body == pattern(100_000)
        assert session.get("/chunked/5000").body == pattern(5_000)
        assert session.get("/close/5000").body == pattern(5_000)
        assert session.head("/").status == 200


@pytest.mark.parametrize(
    "settings", [{"chunk": 1}, {"urc_noise": 0.5, "seed": 3}, {"latency": "50ms"}, {"busy": 5}]
)
def test_a_line_of_another_kind_changes_nothing(bench: Bench, settings: dict[str, Any]) -> None:
    with ready(bench, **settings) as modem, modem.https(ISSUED) as session:
        assert session.get("/bytes/9000").body == pattern(9_000)


def test_awaited_too(bench: Bench) -> None:
    async def body() -> bytes:
        async with await modemtls.open_async(
            bench.url(clock="2026-05-01T12:00:00Z"), accept_gaps=GAPS
        ) as modem:
            await modem.trust(bench.root)
            async with modem.https(ISSUED) as session:
                return (await session.get("/bytes/20000")).body

    assert asyncio.run(body()) == pattern(20_000)


def test_over_a_pseudo_terminal(bench: Bench) -> None:
    simulator = simulator_type("sierra-q2686")(
        map=bench.map, clock="2026-05-01T12:00:00Z", registration_delay=0.1
    )
    with PtyServer(simulator) as server, modemtls.open(server.path, accept_gaps=GAPS) as modem:
        modem.trust(bench.root)
        with modem.https(ISSUED) as session:
            assert session.get("/bytes/50000").body == pattern(50_000)


# The store.


def test_what_is_stored_is_verified_by_its_crc_and_not_written_again(bench: Bench) -> None:
    with bench.open() as modem:
        first, again = modem.trust(bench.root), modem.trust(bench.root)
        assert (first.slot, first.written, first.verified) == (8, True, True)
        assert (again.slot, again.written, again.verified) == (8, False, True)
        (stored,) = modem.credentials.list()
    assert (stored.kind, stored.size) == (CredentialKind.CA, len(bench.root))
    assert stored.subject is not None, "from the journal"


def test_a_crc_alone_does_not_prove_that_it_is_there(bench: Bench, tmp_path: Any) -> None:
    state = tmp_path / "modem.json"
    with bench.open(state=state) as modem:
        assert modem.trust(bench.root).slot == 8
    with modemtls.open(bench.url(state=state), accept_gaps=GAPS, journal=False) as modem:
        stored = modem.trust(bench.root)
        assert (stored.slot, stored.written, stored.removed) == (7, True, (8,))


def test_another_trust_set_replaces_the_first_one(bench: Bench) -> None:
    other = trustme.CA().cert_pem.bytes()
    with bench.open() as modem:
        modem.trust(bench.root)
        stored = modem.trust(other)
        assert (stored.slot, stored.removed) == (7, (8,))
        assert [each.slot for each in modem.credentials.list()] == [7]
        both = modem.trust(bench.root, add=True)
        assert both.written
        assert both.verified


def test_damage_in_flash_is_named_after_a_failure(bench: Bench) -> None:
    with ready(bench) as modem:
        simulator: Any = modem._port
        simulator.simulator.damage("CA", 8)
        (entry,) = modem.credentials.list()
        assert entry.is_damaged
        ((_, findings),) = modem.profiles.findings()
        assert [finding.reason for finding in findings] == [Reason.DAMAGED_IN_STORE]
        with pytest.raises(CredentialError, match="703"), modem.https(ISSUED) as session:
            session.get("/")


def test_a_flash_that_keeps_something_else_is_told(bench: Bench) -> None:
    with bench.open(flash_fault=True) as modem:
        with pytest.raises(CredentialError, match="705") as caught:
            modem.trust(bench.root)
        assert caught.value.reasons == {Reason.DAMAGED_IN_STORE}
        assert modem.credentials.list() == ()


def test_a_full_flash_is_told(bench: Bench) -> None:
    with bench.open(flash_bytes=1000) as modem, pytest.raises(CredentialError, match="full") as caught:
        modem.trust(bench.root, bench.own)
    assert caught.value.reasons == {Reason.STORE_FULL}


def test_more_than_thirty_thousand_bytes_are_refused_before_they_are_sent(bench: Bench) -> None:
    many = [trustme.CA().cert_pem.bytes() for _ in range(50)]
    with bench.open() as modem:
        with pytest.raises(CredentialError) as caught:
            modem.trust(*many)
        assert caught.value.reasons == {Reason.TOO_LARGE}
        assert not [line for line in sent(modem) if "MTPUT" in line]


def test_client_certificate(bench: Bench) -> None:
    authority = trustme.CA()
    mine = authority.issue_cert("client.test")
    chain = b"".join(pem.bytes() for pem in mine.cert_chain_pems)
    with HttpsServer(names=("mutual.test",), client_ca=authority, tls_max=TlsVersion.TLS1_0) as server:
        url = f"sim://sierra-q2686?map=mutual.test:443=127.0.0.1:{server.port}&clock=2026-05-01T12:00:00Z"
        with modemtls.open(url, accept_gaps=GAPS) as modem:
            modem.trust(server.ca_pem)
            certificate, key = modem.install(chain, mine.private_key_pem.bytes())
            assert (certificate.verified, key.verified) == (True, True)
            with modem.https("mutual.test") as session:
                assert session.get("/").status == 200
        assert server.handshakes[-1].client_certificate is not None


# The profile.


def test_the_configuration_is_written_once_and_read_each_time(bench: Bench) -> None:
    with ready(bench) as modem:
        for _ in range(3):
            with modem.https(ISSUED) as session:
                session.get("/")
        lines = sent(modem)
        assert [line for line in lines if line.startswith("AT+MTTLS=")] == ["AT+MTTLS=ALWAYS,8"]
        (profile,) = modem.profiles.list()
        assert (profile.number, profile.checks) == (1, frozenset({Check.CHAIN, Check.DATES}))


def test_a_configuration_that_somebody_changed_is_corrected_before_use(bench: Bench) -> None:
    with ready(bench) as modem:
        with modem.https(ISSUED) as session:
            session.get("/")
        assert modem.command("AT+MTTLS=NEVER").ok
        ((_, findings),) = modem.profiles.findings()
        assert [finding.reason for finding in findings] == [Reason.NO_TRUST_ANCHOR]
        with pytest.raises(CredentialError, match="nothing to verify"), modem.https(ISSUED) as session:
            session.get("/")
        assert modem.command("AT+MTTLS=NEVER,8").ok
        with modem.https(ISSUED) as session:
            session.get("/")
        assert modem.profiles.list()[0].fields[0] == ("verify", "ALWAYS")
        modem.profiles.reset(1)
        assert modem.profiles.list() == ()


def test_verify_once_is_an_option(bench: Bench) -> None:
    with bench.open(options={"verify": "once"}) as modem:
        modem.trust(bench.root)
        assert modem.profiles.list()[0].fields[0] == ("verify", "ONCE")


def test_the_strict_policy_names_what_is_missing_and_the_two_ways_out(bench: Bench) -> None:
    with modemtls.open(bench.url()) as modem:
        before = len(sent(modem))
        with pytest.raises(Unsupported) as caught:
            modem.https(ISSUED)
        assert len(sent(modem)) == before
    text = str(caught.value)
    for words in ("hostname", "TLS 1.2", "--accept-gap hostname --accept-gap minimum-version", 'tls="host"'):
        assert words in text


def test_what_was_measured_closes_a_gap(bench: Bench) -> None:
    options = {"enforced_checks": "chain+dates+hostname", "lowest_tls": "1.2"}
    with modemtls.open(bench.url(), options=options) as modem:
        assert modem.https(ISSUED).tls == "modem"


@pytest.mark.parametrize(
    "options",
    [
        {"verify": "maybe"},
        {"lowest_tls": "1.4"},
        {"enforced_checks": "names"},
        {"enforced_checks": ""},
        {"dial_probe": "x"},
    ],
)
def test_options_that_are_none_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        modemtls.open("sim://sierra-q2686", options=options)


# TLS that fails.


def refused(modem: modemtls.Modem, host: str) -> modemtls.ModemError:
    with pytest.raises(modemtls.ModemError) as caught, modem.https(host) as session:
        session.get("/")
    return caught.value


def test_an_unknown_ca_is_a_set_of_guesses_with_the_raw_event(bench: Bench) -> None:
    with bench.open(clock="2026-05-01T12:00:00Z") as modem:
        modem.trust(trustme.CA().cert_pem.bytes())
        error = refused(modem, ISSUED)
    assert type(error) is CertificateError
    assert (error.code and error.code.number, error.certainty) == ("WIP_CEV_ERROR 1", Certainty.GUESSED)
    assert {Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE, Reason.LEAF_AS_ANCHOR} < error.reasons
    assert error.lines == ('+MTOPEN: 0,"WIP_CEV_ERROR",1',)


def test_a_plug_in_without_ec_keys_has_no_suite_for_a_server_with_one(bench: Bench) -> None:
    with bench.open(clock="2026-05-01T12:00:00Z", ec_keys="no") as modem:
        modem.trust(bench.root)
        assert isinstance(refused(modem, ISSUED), TlsError)
    with bench.open(clock="2026-05-01T12:00:00Z", ec_keys="no", opaque="yes") as modem:
        modem.trust(bench.root)
        error = refused(modem, ISSUED)
    assert error.lines == ('+MTOPEN: 0,"WIP_CEV_ERROR",1',)


def test_a_clock_that_runs_before_the_ca_is_known_from_the_journal() -> None:
    certificate, key = make_self_signed("own.test")
    with HttpsServer(credential_pem=key + certificate, tls_max=TlsVersion.TLS1_0) as server:
        url = f"sim://sierra-q2686?map=own.test:443=127.0.0.1:{server.port}&clock=2015-01-01T00:00:00Z&anchor_dates=yes"
        with modemtls.open(url, accept_gaps=GAPS) as modem:
            modem.trust(certificate)
            error = refused(modem, "own.test")
    assert type(error) is CertificateError
    assert error.reasons == {Reason.NOT_YET_VALID}
    assert error.certainty is Certainty.DERIVED
    assert "not yet valid by the modem's clock, 2015-01-01" in error.message


def test_a_server_of_today_is_no_match_and_that_is_found_without_a_number(bench: Bench) -> None:
    with ready(bench) as modem:
        error = refused(modem, TODAY)
    assert type(error) is TlsError
    assert error.certainty is Certainty.DERIVED
    assert Reason.UNSUPPORTED_VERSION in error.reasons
    assert "--tls host" in (error.remedy or "")


def test_the_probe_can_be_left_out(bench: Bench) -> None:
    with bench.open(clock="2026-05-01T12:00:00Z", options={"dial_probe": False}) as modem:
        modem.trust(bench.root)
        error = refused(modem, TODAY)
        assert not [line for line in sent(modem) if "MTOPEN=TCP" in line]
    assert type(error) is TlsError
    assert error.reasons == frozenset()


def test_nobody_there_is_a_network_error_also_with_tls() -> None:
    url = "sim://sierra-q2686?map=gone.test:443=127.0.0.1:1&clock=2026-05-01T12:00:00Z"
    with modemtls.open(url, accept_gaps=GAPS) as modem:
        modem.trust(trustme.CA().cert_pem.bytes())
        error = refused(modem, "gone.test")
        assert isinstance(error, NetworkError)
        assert Reason.REFUSED in error.reasons
        error = refused(modem, "nowhere.example")
        assert isinstance(error, NetworkError)


@pytest.mark.parametrize(
    ("settings", "number", "kind"),
    [({"plug_in": ""}, 710, Unsupported), ({"licensed": False}, 711, CommandError)],
)
def test_a_module_without_the_feature_says_so(
    bench: Bench, settings: dict[str, Any], number: int, kind: type[Exception]
) -> None:
    with bench.open(**settings) as modem:
        modem.trust(bench.root)
        error = refused(modem, ISSUED)
    assert type(error) is kind
    assert error.code is not None
    assert error.code.number == number


def test_without_verification_only_by_name(bench: Bench) -> None:
    with bench.open() as modem:
        with modem.https(ISSUED, policy=INSECURE) as session:
            assert session.get("/").status == 200
        assert "AT+MTTLS=NEVER" in sent(modem)
        assert refused(modem, ISSUED).reasons == {Reason.NO_TRUST_ANCHOR}


# Sessions.


def test_a_session_is_resumed_only_when_the_policy_says_so(bench: Bench) -> None:
    policy = VerifyPolicy(resumption=True)
    server = bench.servers[ISSUED]
    with ready(bench) as modem:
        before = len(server.handshakes)
        for each in (VerifyPolicy(), VerifyPolicy(), policy, policy):
            with modem.https(ISSUED, policy=each) as session:
                session.get("/")
        assert server.wait_until(lambda: len(server.handshakes) >= before + 4)
        assert [shake.resumed for shake in server.handshakes[before:]][:3] == [False, False, True]
        assert [line[-2:] for line in sent(modem) if "MTOPEN=TLS" in line] == ["43", "43", ",1", ",1"]


def test_an_unverified_session_is_not_resumed_by_a_verified_one(bench: Bench) -> None:
    resuming = VerifyPolicy(resumption=True)
    with bench.open(clock="2026-05-01T12:00:00Z") as modem:
        with modem.https(ISSUED, policy=INSECURE) as session:
            session.get("/")
        assert modem.command("AT+MTSESS?").lines == ("+MTSESS: 1",)
        modem.trust(trustme.CA().cert_pem.bytes())
        assert modem.command("AT+MTSESS?").lines == ("+MTSESS: 0",)
        with pytest.raises(CertificateError), modem.https(ISSUED, policy=resuming) as session:
            session.get("/")


# Streams and their ends.


def test_a_body_that_ends_too_early_is_an_error(bench: Bench) -> None:
    for how in ("cut", "reset", "short"):
        with ready(bench) as modem, modem.https(ISSUED) as session:
            with pytest.raises((modemtls.HttpError, NetworkError)):
                session.get(f"/{how}/9000/5000")
            assert session.get("/").status == 200, "the next one works"


def test_a_connection_that_another_program_left_open_is_closed_first(bench: Bench) -> None:
    with ready(bench) as modem:
        modem.network.up()
        assert modem.command(f"AT+MTOPEN=TLS,{ISSUED},443").ok
        assert modem.events(5.0)
        with modem.https(ISSUED) as session:
            assert session.get("/").status == 200


def test_a_lost_event_is_made_good_by_asking(bench: Bench) -> None:
    with ready(bench) as modem, modem.https(ISSUED) as session:
        session.get("/")
        simulator: Any = modem._port
        say = simulator.simulator.urc
        simulator.simulator.urc = lambda line: None if line in ("+MTDATA",) else say(line)
        assert session.get("/bytes/10000").body == pattern(10_000)
        simulator.simulator.urc = lambda line: None
        assert session.get("/close/5000").body == pattern(5_000)


def test_a_restart_in_the_middle_is_told_and_the_next_request_works(bench: Bench) -> None:
    with ready(bench, reboot_at_byte=900) as modem:
        with pytest.raises(modemtls.ModemError), modem.https(ISSUED) as session:
            session.post("/echo", bytes(3000))
        with modem.https(ISSUED) as session:
            assert session.get("/").status == 200


# Network and clock.


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"sim": "absent"}, Reason.SIM_ABSENT),
        ({"sim": "puk"}, Reason.SIM_PUK_REQUIRED),
        ({"sim": "pin"}, Reason.SIM_PIN_REQUIRED),
        ({"registration": "denied"}, Reason.REGISTRATION_DENIED),
        ({"registration": "never"}, Reason.NOT_REGISTERED),
        ({"apn_required": "right"}, Reason.NO_PDP_CONTEXT),
        ({"bearer_error": "WIP_BERR_PPP_AUTH_FAILED"}, Reason.NO_PDP_CONTEXT),
        ({"bearer_refusal": 714}, Reason.NO_PDP_CONTEXT),
    ],
)
def test_each_missing_stage_has_its_reason(settings: dict[str, Any], reason: Reason) -> None:
    with modemtls.open(Bench(b"", b"", b"", {}).url(**settings)) as modem:
        with pytest.raises(NetworkError) as caught:
            modem.network.up()
        assert reason in caught.value.reasons
        assert caught.value.remedy


def test_pin_apn_user_and_password_bring_it_up() -> None:
    url = Bench(b"", b"", b"", {}).url(sim="pin", pin="4321", apn_required="internet")
    with modemtls.open(url, pin="4321", apn="internet", user="me", password="p;w d") as modem:
        status = modem.network.up()
        lines = sent(modem)
    assert (status.is_up, status.address) == (True, "192.0.2.78")
    assert 'AT+MTNET=1,"internet","6d65","703b772064"' in lines


def test_gprs_that_is_not_ready_yet_is_waited_for() -> None:
    with modemtls.open(Bench(b"", b"", b"", {}).url(bearer_not_ready=3)) as modem:
        assert modem.network.up().is_up
        assert len([line for line in sent(modem) if "MTNET=1" in line]) == 4


def test_the_clock_has_no_zone_and_begins_in_1998() -> None:
    with modemtls.open("sim://sierra-q2686") as modem:
        reading = modem.clock.read()
        assert (reading.time.year, reading.is_set) == (1998, False)
        wanted = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
        assert modem.clock.set(wanted).time.replace(second=0) == wanted
        assert 'AT+CCLK="26/11/21,12:30:00"' in sent(modem)
        with pytest.raises(ValueError, match="1998 to 2097"):
            modem.clock.set(datetime(1997, 1, 1, tzinfo=UTC))


def test_tls_on_this_computer_over_the_same_module(bench: Bench) -> None:
    with modemtls.open(bench.url(), tls="host") as modem:
        assert modem.trust(bench.root).where == "host"
        with modem.https(TODAY) as session:
            response = session.get("/bytes/30000")
        assert (response.body, response.tls) == (pattern(30_000), "host")
        assert not [line for line in sent(modem) if "MTTLS=" in line or "MTPUT" in line]
