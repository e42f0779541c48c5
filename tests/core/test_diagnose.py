"""After a failure: what the modem itself shows of the cause, and no more than that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modemtls import (
    Certainty,
    CertificateError,
    ClockReading,
    CredentialKind,
    Reason,
    Severity,
    StoredCredential,
    StoredProfile,
    TlsError,
    VerifyPolicy,
)
from modemtls.diagnose.after_failure import clock_findings
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer

from .bench import commands, opened

both = pytest.mark.parametrize("http", ["stream", "modem"])


@both
def test_unset_clock_is_named_as_the_cause(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, network_time="no") as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(CertificateError) as caught:
            modem.https("one.test", http=http).get("/")
        error = caught.value
        assert error.reasons >= {Reason.CLOCK_UNSET, Reason.NOT_YET_VALID}
        assert error.certainty is Certainty.DERIVED
        assert error.verify_code == 9
        assert "clock --set now" in str(error)
        assert modem.clock.set()
        assert modem.https("one.test", http=http).get("/").status == 200


@both
def test_ca_that_is_no_longer_valid_by_the_modems_clock(server: HttpsServer, http: HttpWay) -> None:
    now = datetime.now(UTC)
    with (
        HttpsServer(names=("one.test",), not_after=now + timedelta(days=30)) as short,
        opened(short, clock="2060-01-01T00:00:00Z") as modem,
    ):
        modem.trust(short.ca_pem)
        with pytest.raises(TlsError) as caught:
            modem.https("one.test", http=http).get("/")
        assert Reason.CLOCK_UNSET not in caught.value.reasons


@both
def test_illegal_profile_is_named_and_the_clock_is_not_blamed(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, network_time="no") as modem:
        slot = modem.trust(server.ca_pem).slot
        modem.command(f'AT+SQNSPCFG=2,2,"",7,{slot}')
        with pytest.raises(TlsError) as caught:
            modem.https("one.test", http=http, profile=2).get("/")
        assert Reason.PROFILE_ILLEGAL in caught.value.reasons
        assert Reason.CLOCK_UNSET not in caught.value.reasons
        assert any(finding.value == "7" for finding in caught.value.findings)


@both
def test_without_explain_the_modem_is_asked_nothing_after_a_failure(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger, given={"explain": False}) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(TlsError) as caught:
            modem.https("two.test", http=http).get("/")
        assert caught.value.findings == ()
        assert "AT+CCLK?" not in commands(modem)


@both
def test_healthy_modem_is_not_blamed_for_a_strange_server(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(TlsError) as caught:
            modem.https("two.test", http=http).get("/")
        assert not caught.value.reasons & {Reason.CLOCK_UNSET, Reason.SLOT_EMPTY, Reason.PROFILE_ILLEGAL}
        assert not [each for each in caught.value.findings if each.severity is Severity.ERROR]


def test_unset_clock_is_not_blamed_when_dates_are_not_verified(server: HttpsServer) -> None:
    with opened(server, network_time="no") as modem:
        modem.trust(server.ca_pem)
        session = modem.https("one.test", policy=VerifyPolicy.insecure())
        assert session.get("/").status == 200


START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("year", "is_set", "reasons"),
    [
        (2025, True, set()),
        (2019, True, {Reason.NOT_YET_VALID}),
        (2031, True, {Reason.EXPIRED}),
        (1970, False, {Reason.CLOCK_UNSET}),
    ],
)
def test_clock_against_the_dates_of_the_stored_ca(year: int, is_set: bool, reasons: set[Reason]) -> None:
    stored = (StoredCredential(19, CredentialKind.CA, not_before=START, not_after=END),)
    clock = ClockReading(datetime(year, 6, 1, tzinfo=UTC), is_set)
    found = clock_findings(clock, StoredProfile(6, (), ca_slot=19), stored)
    assert {each.reason for each in found} == reasons
    assert clock_findings(ClockReading(START, True), StoredProfile(6, (), ca_slot=None), stored) == []


def test_dates_that_the_modem_does_not_show_are_no_finding() -> None:
    stored = (StoredCredential(19, CredentialKind.CA),)
    clock = ClockReading(datetime(2031, 1, 1, tzinfo=UTC), True)
    assert clock_findings(clock, StoredProfile(6, (), ca_slot=19), stored) == []


@both
def test_the_modem_is_asked_a_few_things_only(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    def asked(explain: bool) -> list[str]:
        with opened(server, stranger, given={"explain": explain}) as modem:
            modem.trust(server.ca_pem)
            with pytest.raises(TlsError):
                modem.https("two.test", http=http).get("/")
            return commands(modem)

    more = len(asked(True)) - len(asked(False))
    assert 0 < more <= 5


def test_a_wrong_clock_is_named_as_a_guess_until_a_date_shows_it(server: HttpsServer) -> None:
    behind = datetime.now(UTC) - timedelta(days=3)
    now = datetime.now(UTC)
    with (
        HttpsServer(names=("one.test",), not_before=now - timedelta(days=1)) as fresh,
        opened(fresh, clock=f"{behind:%Y-%m-%dT%H:%M:%SZ}", network_time="no") as modem,
    ):
        modem.trust(fresh.ca_pem)
        with pytest.raises(TlsError) as caught:
            modem.https("one.test").get("/")
    error = caught.value
    wrong = next(each for each in error.findings if each.reason is Reason.CLOCK_WRONG)
    assert wrong.certainty is Certainty.GUESSED
    assert Reason.CLOCK_WRONG not in error.reasons
    assert "not confirmed" in error.message
    assert str(error).endswith("modemtls clock --set now")


def test_an_opaque_code_ends_with_the_likeliest_causes_as_guesses(
    server: HttpsServer, stranger: HttpsServer
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(TlsError) as caught:
            modem.https("two.test").get("/")
    error = caught.value
    assert "Most likely, and not confirmed: The server may be certified by another CA" in error.message
    assert "modemtls diagnose" in str(error)
    assert not error.reasons & {Reason.UNKNOWN_ISSUER}


def test_second_seed_reads_its_cause_without_asking() -> None:
    import modemtls

    with HttpsServer(names=("one.test",), tls_max=modemtls.TlsVersion.TLS1_0) as old:
        url = f"sim://sierra-q2686?map=one.test:443=127.0.0.1:{old.port}"
        with modemtls.open(url, accept_gaps=("hostname", "minimum-version")) as modem:
            modem.trust(old.ca_pem)
            with pytest.raises(CertificateError) as caught:
                modem.https("one.test").get("/")
    assert "1998-01-01" in str(caught.value)
    assert str(caught.value).endswith("modemtls clock --set now")
    assert caught.value.reasons >= {Reason.CLOCK_UNSET}
