"""modemtls and the compiled agent: the driver does with it what it does with the simulated module."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import modemtls
from modemtls import (
    Certainty,
    CertificateError,
    CredentialError,
    Modem,
    NetworkError,
    Reason,
    Unsupported,
    VerifyPolicy,
)
from modemtls.sim.server import pattern

from .agent import Agent, crc
from .conftest import BARE, GAPS, ISSUED, OWN, TODAY, Bench

INSECURE = VerifyPolicy.insecure()


@pytest.fixture
def agent(bench: Bench) -> Iterator[Agent]:
    with Agent(f"--map={bench.map}") as running:
        yield running


def opened(agent: Agent, clock: bool = True) -> Modem:
    modem = modemtls.open(agent.path, accept_gaps=GAPS, journal=False)
    if clock:
        modem.clock.set(datetime(2026, 5, 1, 12, tzinfo=UTC))
    return modem


def post(modem: Modem, bench: Bench) -> bytes:
    """Trust the root, send something, and get it back."""
    modem.trust(bench.root)
    with modem.https(ISSUED) as session:
        return session.post("/echo", b"x" * 5000).body


def test_it_is_recognised_with_its_plug_in(agent: Agent) -> None:
    with opened(agent) as modem:
        assert modem.model.name == "sierra-q2686"
        assert '+MTVER: 1,"1.0.0","host","1.4"' in modem.identity.lines


def test_requests_of_all_kinds(agent: Agent, bench: Bench) -> None:
    everything = bytes(range(256)) * 40
    with opened(agent) as modem:
        modem.trust(bench.root)
        with modem.https(ISSUED) as session:
            assert session.get("/").text == "Hello from modemtls.\n"
            assert session.post("/echo", everything).body == everything
            assert session.get("/chunked/5000").body == pattern(5_000)
            assert session.get("/close/5000").body == pattern(5_000)


def test_a_megabyte(agent: Agent, bench: Bench) -> None:
    with opened(agent) as modem:
        modem.trust(bench.root)
        with modem.https(ISSUED) as session:
            assert session.get("/bytes/1000000").body == pattern(1_000_000)


def test_the_story_of_the_seed(agent: Agent, bench: Bench) -> None:
    with opened(agent, clock=False) as modem:
        modem.trust(bench.own)
        with modem.https(OWN) as session:
            assert session.get("/").status == 200
        modem.trust(bench.root)
        with pytest.raises(CertificateError) as caught, modem.https(ISSUED) as session:
            session.get("/")
        error = caught.value
        assert Reason.NOT_YET_VALID in error.reasons
        assert error.certainty is Certainty.DERIVED
        assert "WIP_CEV_ERROR" in str(error.lines) + str(error)
        assert "modemtls clock --set now" in str(error.remedy) + str(error)
        modem.clock.set(datetime(2026, 5, 1, 12, tzinfo=UTC))
        with modem.https(ISSUED) as session:
            assert session.get("/").status == 200


def test_refused_and_without_verification(agent: Agent, bench: Bench) -> None:
    with opened(agent) as modem:
        modem.trust(bench.own)
        with pytest.raises(CertificateError), modem.https(ISSUED) as session:
            session.get("/")
        modem.trust(bench.root)
        with pytest.raises(CertificateError), modem.https(BARE) as session:
            session.get("/")
        with modem.https(BARE, policy=INSECURE) as session:
            assert session.get("/").status == 200


def test_the_servers_own_certificate_as_ca_is_refused_by_both(agent: Agent, bench: Bench) -> None:
    with opened(agent) as modem:
        with pytest.raises(CredentialError) as caught:
            modem.trust(bench.leaf)
        assert caught.value.reasons == {Reason.LEAF_AS_ANCHOR}
        modem.network.up()
        stored = f"AT+MTPUT=CA,1,{len(bench.leaf)},{crc(bench.leaf)}"
        assert modem.command(stored, data=bench.leaf).ok
        assert modem.command("AT+MTTLS=ALWAYS,1").ok
        with pytest.raises(CertificateError), modem.https(ISSUED, profile=1) as session:
            session.get("/")


def test_default_policy_fails_closed(agent: Agent) -> None:
    with modemtls.open(agent.path, journal=False) as modem:
        with pytest.raises(Unsupported) as caught, modem.https(ISSUED) as session:
            session.get("/")
        assert "host name" in str(caught.value)


def test_a_server_of_today_by_tls_on_the_host(agent: Agent, bench: Bench) -> None:
    with opened(agent) as modem, modem.https(TODAY, tls="host", ca=bench.root) as session:
        assert session.get("/bytes/20000").body == pattern(20_000)


def test_bearer_that_fails_says_why() -> None:
    with Agent("--registration=denied") as agent, opened(agent) as modem, pytest.raises(NetworkError):
        modem.network.up()


def test_agent_that_restarts_under_a_session(bench: Bench) -> None:
    with Agent(f"--map={bench.map}", "--reset-byte=1500", "--boot-delay=20") as agent, opened(agent) as modem:
        with pytest.raises(modemtls.ModemError):
            post(modem, bench)
        modem.clock.set(datetime(2026, 5, 1, 12, tzinfo=UTC))
        assert post(modem, bench) == b"x" * 5000


def test_byte_lost_in_the_upload_is_noticed(bench: Bench) -> None:
    with Agent(f"--map={bench.map}", "--drop-byte=300", "--time-scale=20") as agent, opened(agent) as modem:
        try:
            modem.trust(bench.root)
        except modemtls.ModemError:
            modem.trust(bench.root)
        with modem.https(ISSUED) as session:
            assert session.get("/").status == 200
