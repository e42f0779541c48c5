"""Verification is what the policy says, for every connection, whatever happened in the modem before."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

import modemtls
from modemtls import (
    CertificateError,
    Check,
    CredentialError,
    Gap,
    Modem,
    Reason,
    TlsError,
    Unsupported,
    VerifyPolicy,
)
from modemtls.https.session import HttpWay
from modemtls.policy import TlsEndpoint
from modemtls.sim.server import HttpsServer

from .bench import Tap, commands, inside, opened, restart, writes

WAYS: tuple[HttpWay, ...] = ("stream", "modem")
INSECURE = VerifyPolicy.insecure()
both = pytest.mark.parametrize("http", WAYS)


def refused(modem: Modem, http: HttpWay, host: str = "two.test") -> None:
    """A strict session with the server that nobody trusts gets nothing."""
    with modem.https(host, http=http) as session, pytest.raises(TlsError):
        session.get("/")


@both
@pytest.mark.parametrize("other", WAYS)
def test_strict_session_beside_an_insecure_one(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay, other: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        loose = modem.https("two.test", policy=INSECURE, http=other)
        strict = modem.https("two.test", http=http)
        assert loose.get("/").status == 200
        with pytest.raises(TlsError):
            strict.get("/")
        assert loose.get("/").status == 200
        with pytest.raises(TlsError):
            strict.get("/")
        assert modem.https("one.test", http=http).get("/").status == 200


@both
def test_connection_of_the_insecure_session_is_not_lent_to_a_strict_one(
    stranger: HttpsServer, server: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        loose = modem.https("two.test", policy=INSECURE, http=http)
        assert loose.get("/").status == 200
        heard = len(stranger.log)
        refused(modem, http)
        assert len(stranger.log) == heard


@both
def test_interrupted_change_to_insecure_is_noticed_by_the_strict_session(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        strict = modem.https("two.test", http=http)
        with pytest.raises(TlsError):
            strict.get("/")
        Tap(modem).interrupt_once(b"AT+SQNSPCFG=6")
        with pytest.raises(KeyboardInterrupt):
            modem.https("two.test", policy=INSECURE, http=http).get("/")
        with pytest.raises(TlsError):
            strict.get("/")


@both
def test_raw_command_that_switches_verification_off_is_undone(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        slot = modem.trust(server.ca_pem).slot
        strict = modem.https("two.test", http=http)
        with pytest.raises(TlsError):
            strict.get("/")
        assert modem.command(f'AT+SQNSPCFG=6,2,"",0,{slot}').ok
        with pytest.raises(TlsError):
            strict.get("/")
        assert inside(modem).profiles[6].level == 5


@both
def test_profile_that_somebody_else_changed_between_two_connections_is_corrected(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        strict = modem.https("two.test", http=http)
        with pytest.raises(TlsError):
            strict.get("/")
        simulator = inside(modem)
        simulator.profiles[6] = replace(simulator.profiles[6], level=0)
        with pytest.raises(TlsError):
            strict.get("/")
        assert simulator.profiles[6].level == 5


@both
@pytest.mark.parametrize("level", [0, 1, 7])
def test_profile_of_an_earlier_run_is_corrected_and_never_used_as_found(
    server: HttpsServer, http: HttpWay, level: int
) -> None:
    with opened(server) as modem:
        slot = modem.trust(server.ca_pem).slot
        simulator = inside(modem)
        simulator.profiles[6] = replace(simulator.profiles[6], level=level)
        assert modem.https("one.test", http=http).get("/").status == 200
        assert (simulator.profiles[6].level, simulator.profiles[6].ca) == (5, slot)


@both
def test_restart_between_two_requests_changes_nothing_of_the_policy(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        loose = modem.https("two.test", policy=INSECURE, http=http)
        strict = modem.https("one.test", http=http)
        assert strict.get("/").status == 200
        assert loose.get("/").status == 200
        restart(modem)
        refused(modem, http)
        assert strict.get("/").status == 200


def test_after_a_restart_no_session_speaks_on_the_connection_of_another(
    server: HttpsServer, stranger: HttpsServer
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        mine = modem.https("one.test")
        assert mine.get("/").status == 200
        restart(modem)
        other = modem.https("two.test", policy=INSECURE)
        assert other.get("/").status == 200
        heard = len(stranger.log)
        assert mine.get("/secret").status == 404
        assert len(stranger.log) == heard
        assert server.log[-1].target == "/secret"
        mine.close()
        assert other.get("/").status == 200
        assert len(stranger.log) == heard + 1


@both
def test_accepted_gap_weakens_that_check_alone(
    server: HttpsServer, stranger: HttpsServer, http: HttpWay
) -> None:
    policy = VerifyPolicy(accept_gaps=frozenset({Gap.HOSTNAME}))
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(TlsError):
            modem.https("two.test", policy=policy, http=http).get("/")
        assert inside(modem).profiles[6].level == 5, "what the model can do is done all the same"


@both
def test_session_without_host_name_check_does_not_loosen_the_next_one(http: HttpWay) -> None:
    chain = VerifyPolicy(checks=frozenset({Check.CHAIN, Check.DATES}))
    with HttpsServer(names=("else.test",)) as server, opened(server) as modem:
        modem.trust(server.ca_pem)
        assert modem.https("one.test", policy=chain, http=http).get("/").status == 200
        refused(modem, http, "one.test")


@both
def test_nothing_is_sent_before_unsupported(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, model="sequans-gm01q") as modem:
        tap = Tap(modem)
        with pytest.raises(Unsupported) as caught:
            modem.https("one.test", http=http)
        assert "valid_level_map" in str(caught.value)
        with pytest.raises(Unsupported):
            modem.https("one.test", http=http, policy=VerifyPolicy(checks=frozenset({Check.CHAIN})))
        with pytest.raises(Unsupported):
            modem.trust(server.ca_pem)
        assert tap.sent == b""


@both
@pytest.mark.parametrize("ca_slot", ["", "12"])
def test_http_client_never_goes_in_the_clear(server: HttpsServer, http: HttpWay, ca_slot: str) -> None:
    with opened(server) as modem:
        if http == "stream":
            assert modem.https("one.test", policy=INSECURE).get("/").status == 200
            return
        heard = len(server.log)
        modem.command(f'AT+SQNSPCFG=6,2,"",0,{ca_slot}')
        for profile in (None, 6):
            with pytest.raises(CredentialError) as caught:
                modem.https("one.test", policy=INSECURE, http="modem", profile=profile).get("/")
            assert Reason.NO_TRUST_ANCHOR in caught.value.reasons
            assert caught.value.message.count("profile 6") == 1
        assert not commands(modem, "AT+SQNHTTPCONNECT")
        assert len(server.log) == heard


@both
def test_profile_as_it_stands_is_read_and_not_written(server: HttpsServer, http: HttpWay) -> None:
    with opened(server) as modem:
        slot = modem.trust(server.ca_pem).slot
        modem.command(f'AT+SQNSPCFG=2,2,"",1,{slot}')
        before = writes(modem)
        assert modem.https("one.test", http=http, profile=2).get("/").status == 200
        assert writes(modem) == before
        modem.command(f'AT+SQNSPCFG=2,2,"",0,{slot}')
        with pytest.raises(CredentialError, match="verifies nothing"):
            modem.https("one.test", http=http, profile=2).get("/")
        assert modem.https("one.test", http=http, profile=2, policy=INSECURE).get("/").status == 200
        with pytest.raises(CredentialError, match="not configured"):
            modem.https("one.test", http=http, profile=3).get("/")


@both
def test_insecure_session_leaves_the_trust_set_in_its_place(server: HttpsServer, http: HttpWay) -> None:
    with opened(server) as modem:
        slot = modem.trust(server.ca_pem).slot
        assert modem.https("one.test", policy=INSECURE, http=http).get("/").status == 200
        assert inside(modem).profiles[6].ca == slot
        assert modem.https("one.test", http=http).get("/").status == 200
        assert modem.trust(server.ca_pem).written is False


@both
def test_nothing_to_verify_against_is_said_before_a_connection(server: HttpsServer, http: HttpWay) -> None:
    with opened(server) as modem:
        with pytest.raises(CredentialError, match="cert trust") as caught:
            modem.https("one.test", http=http).get("/")
        assert caught.value.reasons == {Reason.NO_TRUST_ANCHOR}
        slot = modem.trust(server.ca_pem).slot
        inside(modem).nvm.remove("certificate", slot)
        with pytest.raises(CredentialError, match="slot is empty") as caught:
            modem.https("one.test", http=http).get("/")
        assert caught.value.reasons == {Reason.NO_TRUST_ANCHOR, Reason.SLOT_EMPTY}
        assert not commands(modem, "AT+SQNSD")
        assert not commands(modem, "AT+SQNHTTPCONNECT")


def test_refused_certificate_over_the_stream_is_no_more_specific_than_is_known(
    server: HttpsServer, stranger: HttpsServer
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(TlsError) as caught:
            modem.https("two.test").get("/")
        assert type(caught.value) is TlsError
        with pytest.raises(CertificateError):
            modem.https("two.test", http="modem").get("/")


@pytest.mark.parametrize("tls", ["modem", "host"])
def test_a_session_that_verifies_nothing_says_so_loudly_where_it_is_made(tls: TlsEndpoint) -> None:
    with modemtls.open("sim://sequans-gm02s", journal=False) as modem:
        with pytest.warns(modemtls.InsecureWarning, match=r"one\.test:443 is not verified") as told:
            modem.https("one.test", policy=VerifyPolicy.insecure(), tls=tls)
        assert [warning.filename for warning in told] == [__file__]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            modem.https("one.test", tls=tls)
