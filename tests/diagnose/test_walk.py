"""The walk on simulated modems: each step, the cause, and the error that the failure is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme

import modemtls
from modemtls import (
    Certainty,
    CertificateError,
    CredentialError,
    NetworkError,
    Reason,
    Severity,
    TlsError,
    TlsVersion,
    VerifyPolicy,
)
from modemtls.diagnose.evidence import chain_file, probe_record
from modemtls.diagnose.look import from_host
from modemtls.diagnose.result import DiagnosisStep, Spoken, State, Who
from modemtls.diagnose.view import Origin
from modemtls.policy import Check
from modemtls.probe import STATIONS, Authority, ProbeServer, prepare, to_json
from modemtls.sim.server import HttpsServer
from modemtls.stack import StackProfile, Trait

from .walking import HOST, bench, reasons, states


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(ca: trustme.CA) -> Iterator[HttpsServer]:
    with HttpsServer(names=(HOST,), ca=ca) as running:
        yield running


@pytest.fixture(scope="module")
def old(ca: trustme.CA) -> Iterator[HttpsServer]:
    with HttpsServer(names=(HOST,), ca=ca, tls_max=TlsVersion.TLS1_0) as running:
        yield running


def test_all_is_well_when_the_attempt_succeeds(server: HttpsServer, ca: trustme.CA) -> None:
    told: list[DiagnosisStep] = []
    with bench(server, trust=ca) as modem:
        found = modem.diagnose(HOST, on_step=told.append)
    assert found.is_fine
    assert found.cause is None
    assert found.causes == ()
    assert [step.name for step in told] == [
        "line", "network", "clock", "profile", "credentials", "reach", "judgement", "attempt",
    ]  # fmt: skip
    assert told == list(found.steps)
    assert states(found)["attempt"] == "ok"
    assert found.origin is Origin.MODEM
    assert not [f for f in found.findings if f.severity is not Severity.NOTE]


def test_each_step_keeps_what_went_over_the_line(server: HttpsServer, ca: trustme.CA) -> None:
    with bench(server, trust=ca) as modem:
        found = modem.diagnose(HOST)
        assert modem._ops.channel.tap is None
    clock = found.step("clock")
    assert clock is not None
    assert clock.spoken[0] == Spoken(Who.HOST, "AT+CCLK?")
    assert clock.spoken[1].line.startswith("+CCLK: ")
    assert clock.spoken[-1] == Spoken(Who.MODEM, "OK")
    attempt = found.step("attempt")
    assert attempt is not None
    assert [each for each in attempt.spoken if each.who is Who.EVENT]


def test_the_serial_number_and_the_query_are_not_in_it(server: HttpsServer, ca: trustme.CA) -> None:
    with bench(server, trust=ca) as modem:
        serial = modem.identity.serial
        found = modem.diagnose(HOST, target="/a?token=hunter2")
    assert serial
    assert serial not in repr(found)
    assert found.url == f"https://{HOST}/a"


def test_the_async_modem_says_the_same(server: HttpsServer, ca: trustme.CA) -> None:
    async def ask() -> list[str]:
        url = f"sim://sequans-gm02s?map={HOST}:443=127.0.0.1:{server.port}&network_time=no"
        async with await modemtls.open_async(url) as modem:
            await modem.trust(ca.cert_pem.bytes())
            return reasons(await modem.diagnose(HOST))

    assert asyncio.run(ask()) == ["clock-unset"]


def test_first_seed_an_illegal_level_is_the_cause(server: HttpsServer, ca: trustme.CA) -> None:
    with bench(server, trust=ca) as modem:
        modem.command('AT+SQNSPCFG=2,2,"",7,19')
        found = modem.diagnose(HOST, profile=2, http="modem")
    assert reasons(found) == ["profile-illegal"]
    assert "certValidLevel 7" in found.causes[0].message
    assert found.causes[0].certainty is Certainty.STATED
    assert "AT+SQNSPCFG=2" in (found.causes[0].remedy or "")
    assert isinstance(found.error, TlsError)
    assert found.error.code is not None
    assert found.error.code.number == 77
    assert states(found)["profile"] == "bad"


def test_second_seed_the_modem_believes_that_it_is_1998(old: HttpsServer, ca: trustme.CA) -> None:
    with bench(old, model="sierra-q2686", trust=ca) as modem:
        found = modem.diagnose(HOST)
        assert reasons(found) == ["clock-unset"]
        assert "1998-01-01" in found.causes[0].message
        assert isinstance(found.error, CertificateError)
        assert found.error.reasons == {Reason.CLOCK_UNSET}
        modem.clock.set()
        assert modem.diagnose(HOST).is_fine


@pytest.mark.parametrize("may_look", [True, False])
def test_unset_clock(server: HttpsServer, ca: trustme.CA, may_look: bool) -> None:
    with bench(server, trust=ca, network_time="no") as modem:
        found = modem.diagnose(HOST, may_look=may_look)
    assert found.causes[0].reason is Reason.CLOCK_UNSET
    assert found.causes[0].certainty is Certainty.DERIVED
    assert states(found)["clock"] == "bad"


def test_unset_clock_is_no_cause_when_dates_are_not_verified(server: HttpsServer) -> None:
    with bench(server, network_time="no") as modem:
        found = modem.diagnose(HOST, policy=VerifyPolicy.insecure())
    assert found.is_fine
    assert states(found)["clock"] == "ok"
    assert states(found)["judgement"] == "doubtful"


def test_an_expired_certificate_is_told_from_a_wrong_clock(ca: trustme.CA) -> None:
    now = datetime.now(UTC)
    with (
        HttpsServer(
            names=(HOST,), ca=ca, not_before=now - timedelta(days=90), not_after=now - timedelta(days=1)
        ) as ended,
        bench(ended, trust=ca) as modem,
    ):
        found = modem.diagnose(HOST)
    assert reasons(found) == ["expired"]
    assert found.causes[0].certainty is Certainty.DERIVED
    assert isinstance(found.error, CertificateError)


def test_a_root_of_another_ca_and_a_missing_intermediate_are_given_as_a_set(server: HttpsServer) -> None:
    with bench(server, trust=trustme.CA(organization_name="Another")) as modem:
        found = modem.diagnose(HOST)
    assert set(reasons(found)) == {"unknown-issuer", "missing-intermediate"}
    assert all(cause.certainty is Certainty.GUESSED for cause in found.causes)


def test_a_certificate_for_another_name(ca: trustme.CA) -> None:
    with HttpsServer(names=("two.test",), ca=ca) as other, bench(other, trust=ca) as modem:
        found = modem.diagnose(HOST)
        assert reasons(found) == ["hostname-mismatch"]
        blind = modem.diagnose(HOST, may_look=False)
    assert "hostname-mismatch" in reasons(blind)
    assert {cause.certainty for cause in blind.causes} == {Certainty.GUESSED}


def test_nothing_is_trusted(server: HttpsServer) -> None:
    with bench(server) as modem:
        found = modem.diagnose(HOST)
    assert reasons(found)[0] == "no-trust-anchor"
    assert isinstance(found.error, CredentialError)


@pytest.mark.parametrize("newest", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_a_client_certificate_that_is_wanted_shows_in_the_look(ca: trustme.CA, newest: TlsVersion) -> None:
    with (
        HttpsServer(names=(HOST,), ca=ca, client_ca=trustme.CA(), tls_max=newest) as server,
        bench(server, trust=ca) as modem,
    ):
        found = modem.diagnose(HOST)
    assert reasons(found) == ["client-certificate-missing"]
    assert found.causes[0].certainty is Certainty.DERIVED


def test_a_client_certificate_of_a_ca_that_the_server_does_not_know(ca: trustme.CA) -> None:
    strange = trustme.CA().issue_cert("client.test")
    with (
        HttpsServer(names=(HOST,), ca=ca, client_ca=trustme.CA(), tls_max=TlsVersion.TLS1_2) as server,
        bench(server, trust=ca) as modem,
    ):
        modem.install(strange.cert_chain_pems[0].bytes(), strange.private_key_pem.bytes())
        found = modem.diagnose(HOST)
    assert set(reasons(found)) == {"client-certificate-refused", "key-mismatch"}
    assert found.causes[0].certainty is Certainty.GUESSED


class Talker:
    """A server without TLS on the loopback: says ``words`` to whoever connects, or is silent, or hangs up."""

    def __init__(self, words: bytes | None, *, hangs_up: bool = False) -> None:
        self._words, self._hangs_up = words, hangs_up
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._kept.append(connection)
            if self._words is not None or self._hangs_up:
                connection.recv(4096)
                connection.sendall(self._words or b"")
                connection.close()

    def close(self) -> None:
        self._socket.close()
        for connection in self._kept:
            connection.close()


@pytest.mark.parametrize(
    ("words", "hangs_up", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", False, Reason.NOT_TLS),
        (b"220 mail.test ESMTP\r\n", False, Reason.NOT_TLS),
        (None, True, Reason.CONNECTION_LOST),
    ],
)
def test_something_else_than_tls_on_that_port(
    ca: trustme.CA, words: bytes | None, hangs_up: bool, reason: Reason
) -> None:
    talker = Talker(words, hangs_up=hangs_up)
    try:
        with bench(port=talker.port, trust=ca) as modem:
            found = modem.diagnose(HOST)
    finally:
        talker.close()
    assert found.causes[0].reason is reason
    assert found.causes[0].certainty is Certainty.DERIVED
    assert isinstance(found.error, TlsError | NetworkError)


def test_a_closed_port_and_an_unknown_name_are_network_errors(ca: trustme.CA) -> None:
    with bench(port=1, trust=ca) as modem:
        found = modem.diagnose(HOST)
        assert isinstance(found.error, NetworkError)
        assert found.causes[0].reason is Reason.REFUSED
        assert states(found)["reach"] == "bad"
        assert not [f for f in found.findings if f.certainty is Certainty.GUESSED]
        unknown = modem.diagnose("nowhere.example")
        assert isinstance(unknown.error, NetworkError)
        assert unknown.causes[0].reason in (Reason.NAME_NOT_RESOLVED, Reason.REFUSED)


def test_without_a_network_the_rest_is_looked_at_all_the_same(server: HttpsServer, ca: trustme.CA) -> None:
    with bench(server, registration="denied") as modem:
        modem.trust(ca.cert_pem.bytes())
        found = modem.diagnose(HOST)
    assert found.causes[0].reason is Reason.REGISTRATION_DENIED
    assert isinstance(found.error, NetworkError)
    assert states(found)["credentials"] == "ok"
    assert states(found)["attempt"] == "skipped"


def test_a_dead_line_ends_the_walk(server: HttpsServer) -> None:
    with bench(server, given={"timeout": 0.5}) as modem:
        simulator = modem._port.simulator
        object.__setattr__(simulator.settings, "silent", True)
        found = modem.diagnose(HOST)
    assert [step.name for step in found.steps] == ["line"]
    assert found.causes[0].reason is Reason.NO_ANSWER


def test_tls_on_this_computer_is_judged_by_its_trust_set(server: HttpsServer, ca: trustme.CA) -> None:
    with bench(server, given={"tls": "host"}, network_time="no") as modem:
        modem.trust(trustme.CA().cert_pem.bytes())
        found = modem.diagnose(HOST)
        assert states(found)["profile"] == "skipped"
        assert found.causes[0].reason in (Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE)
        modem.trust(ca.cert_pem.bytes())
        assert modem.diagnose(HOST).is_fine


def test_a_slot_that_holds_something_else_than_what_was_meant(server: HttpsServer, ca: trustme.CA) -> None:
    meant = trustme.CA(organization_name="Meant").cert_pem.bytes()
    with bench(server, trust=ca) as modem:
        found = modem.diagnose(HOST, ca=meant, attempt=False)
        named = [f for f in found.findings if f.reason is Reason.DAMAGED_IN_STORE]
        assert named
        assert "the given file" in named[0].message
        assert any("sha256" in line for line in named[0].evidence)
        same = modem.diagnose(HOST, ca=ca.cert_pem.bytes(), attempt=False)
    assert not [f for f in same.findings if f.reason is Reason.DAMAGED_IN_STORE]


def test_a_chain_from_a_file_serves_as_the_view(ca: trustme.CA) -> None:
    leaf = ca.issue_cert("two.test")
    chain = leaf.cert_chain_pems[0].bytes()
    with HttpsServer(names=("two.test",), ca=ca) as server, bench(server, trust=ca) as modem:
        look = chain_file(chain, host=HOST, source="chain.pem")
        found = modem.diagnose(HOST, look=look, attempt=False)
    assert found.origin is Origin.FILE
    assert found.causes[0].reason is Reason.HOSTNAME_MISMATCH


def test_a_look_from_this_computer_knows_all_versions(server: HttpsServer, old: HttpsServer) -> None:
    new = from_host("127.0.0.1", server.port)
    assert set(new.view.versions or ()) == {TlsVersion.TLS1_2, TlsVersion.TLS1_3}
    assert new.view.chain_without_sni == new.view.chain
    assert set(from_host("127.0.0.1", old.port).view.versions or ()) == {TlsVersion.TLS1_0}
    nobody = from_host("127.0.0.1", 1)
    assert nobody.trouble is not None
    assert nobody.view.chain == ()


def probed(modem: modemtls.Modem, stations: tuple[str, ...]) -> tuple[str, dict[str, int]]:
    """The record of a probe that ``modem`` went through, and the ports of its stations."""
    authority = Authority()
    known = [station for station in STATIONS if station.name in stations]
    prepared = prepare(("localhost",), authority, known)
    with ProbeServer(prepared) as server:
        modem.trust(authority.root_pem)
        for name in stations:
            with contextlib.suppress(TlsError), modem.https("localhost", server.ports[name]) as session:
                session.get("/")
            assert server.wait_for(name, 1, 5)
        chains = {each.station.name: each.chain.decode("ascii") for each in prepared}
        record = to_json(server.seen, host="localhost", ports=dict(server.ports), chains=chains)
        return record, dict(server.ports)


def test_the_record_of_a_probe_has_the_chain_and_the_modems_own_alert() -> None:
    with bench() as modem:
        record, ports = probed(modem, ("good", "expired"))
        stack = modem._ops.resolved.stack
        look, learned = probe_record(record, host="localhost", port=ports["expired"], stack=stack)
        assert look is not None
        assert look.view.origin is Origin.PROBE
        assert look.view.alert is not None
        assert learned.checks_dates == Trait(True, Certainty.DERIVED, "the record of the probe server")
        assert learned.maximum_version.is_known
        found = modem.diagnose("localhost", ports["expired"], look=look, stack=learned, attempt=False)
    assert found.causes[0].reason is Reason.EXPIRED
    assert found.causes[0].certainty is not Certainty.GUESSED
    assert isinstance(found.error, CertificateError)


def test_the_record_of_a_probe_says_of_another_url_what_the_stack_is() -> None:
    with bench() as modem:
        record, _ = probed(modem, ("good",))
        look, learned = probe_record(
            record, host="api.example.org", port=443, stack=modem._ops.resolved.stack
        )
    assert look is None
    assert learned.sends_sni.value is True
    assert learned.sends_sni.is_known


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "host": 1, "chains": 2}'])
def test_what_is_no_record_of_a_probe_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        probe_record(text, host="localhost", port=1, stack=StackProfile())


def test_versions_that_do_not_meet(server: HttpsServer, ca: trustme.CA) -> None:
    with bench(server, model="sierra-q2686", trust=ca) as modem:
        modem.clock.set()
        found = modem.diagnose(HOST)
    assert found.causes[0].reason is Reason.UNSUPPORTED_VERSION


def test_a_silent_server_costs_no_more_than_the_timeout(ca: trustme.CA) -> None:
    talker = Talker(None)
    try:
        with bench(port=talker.port, trust=ca, patience="0.2") as modem:
            begun = modem._port.now()
            found = modem.diagnose(HOST, timeout=10)
            assert modem._port.now() - begun < 200
    finally:
        talker.close()
    assert found.causes[0].reason is Reason.TIMEOUT
    assert found.error is not None


def test_dates_alone_may_be_left_out(server: HttpsServer, ca: trustme.CA) -> None:
    policy = VerifyPolicy(checks=frozenset({Check.CHAIN, Check.DATES}))
    with bench(server, trust=ca) as modem:
        found = modem.diagnose(HOST, policy=policy)
    assert found.is_fine
    profile = found.step("profile")
    assert profile is not None
    assert profile.state is State.GOOD
