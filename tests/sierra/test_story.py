"""A question that was asked in public and never answered: a self-signed certificate works, an issued one does not."""

from __future__ import annotations

import binascii

import pytest

import modemtls
from modemtls import Certainty, CertificateError, CredentialError, Reason, VerifyPolicy

from .conftest import BARE, ISSUED, OWN, Bench


def test_self_signed_works_and_issued_does_not_until_the_clock_is_set(bench: Bench) -> None:
    with bench.open() as modem:
        assert modem.clock.read().time.year == 1998
        modem.trust(bench.own)
        with modem.https(OWN) as session:
            assert session.get("/").status == 200

        modem.trust(bench.root)
        with pytest.raises(CertificateError) as caught, modem.https(ISSUED) as session:
            session.get("/")
        error = caught.value
        assert error.lines == ('+MTOPEN: 0,"WIP_CEV_ERROR",1',)
        assert error.code is not None
        assert str(error.code) == "tls-event WIP_CEV_ERROR 1 (Bad certificate)"
        assert Reason.NOT_YET_VALID in error.reasons
        assert error.certainty is Certainty.DERIVED
        assert error.remedy == "Set it: modemtls clock --set now"
        assert error.verify_code == 9
        assert "1998-01-01" in error.message
        assert "2000-01-01" in error.message, "where the trusted CA begins"

        modem.clock.set()
        with modem.https(ISSUED) as session:
            assert session.get("/").status == 200


def test_the_servers_own_certificate_as_ca_is_refused_before_it_is_stored(bench: Bench) -> None:
    with bench.open() as modem, pytest.raises(CredentialError) as caught:
        modem.trust(bench.leaf)
    assert caught.value.reasons == {Reason.LEAF_AS_ANCHOR}


def test_and_the_module_refuses_it_too(bench: Bench) -> None:
    with bench.open(clock="2026-05-01T12:00:00Z") as modem:
        modem.network.up()
        stored = f"AT+MTPUT=CA,1,{len(bench.leaf)},{binascii.crc32(bench.leaf):08x}"
        assert modem.command(stored, data=bench.leaf).ok
        assert modem.command("AT+MTTLS=ALWAYS,1").ok
        assert modem.command(f"AT+MTOPEN=TLS,{ISSUED},443").ok
        (event,) = modem.events(5.0)
        assert event.line == '+MTOPEN: 0,"WIP_CEV_ERROR",1'
        with pytest.raises(CertificateError), modem.https(ISSUED, profile=1) as session:
            session.get("/")


def test_a_server_without_its_intermediate_is_refused(bench: Bench) -> None:
    with bench.open() as modem:
        modem.clock.set()
        modem.trust(bench.root)
        with pytest.raises(CertificateError) as caught, modem.https(BARE) as session:
            session.get("/")
    assert Reason.MISSING_INTERMEDIATE in caught.value.reasons
    assert caught.value.certainty is Certainty.GUESSED


def test_without_verification_it_works_only_by_name(bench: Bench) -> None:
    with bench.open() as modem:
        with pytest.raises(CredentialError), modem.https(BARE) as session:
            session.get("/")
        with modem.https(BARE, policy=VerifyPolicy.insecure()) as session:
            assert session.get("/").status == 200
        with pytest.raises(CredentialError), modem.https(BARE) as session:
            session.get("/")


def test_the_numbers_meaning_without_a_modem() -> None:
    model = modemtls.find_model("sierra-q2686")
    assert "WIP_" in model.log_words
