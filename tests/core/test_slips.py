"""Slips of an application: what it gives that cannot work is said before it can do harm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import trustme

import modemtls
from modemtls import (
    CommandError,
    CredentialError,
    CredentialKind,
    Modem,
    Psk,
    Reason,
    TlsVersion,
    VerifyPolicy,
)
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer, pattern

from .bench import opened

both = pytest.mark.parametrize("http", ["stream", "modem"])


@pytest.fixture
def modem(server: HttpsServer) -> Iterator[Modem]:
    with opened(server, server) as modem:
        modem.trust(server.ca_pem)
        yield modem


@both
def test_progress_that_raises_does_not_keep_the_session(modem: Modem, http: HttpWay) -> None:
    def burst(done: int, total: int) -> None:
        raise ArithmeticError("the application's own")

    with modem.https("one.test", http=http) as session:
        with pytest.raises(ArithmeticError):
            session.get("/bytes/50000", progress=burst)
        assert session.get("/").status == 200
        with pytest.raises(ArithmeticError):
            session.post("/echo", pattern(50_000), progress=burst)
        assert session.get("/").status == 200


@both
@pytest.mark.parametrize("size", [100, 50_000])
def test_upload_tells_how_far_it_is(modem: Modem, http: HttpWay, size: int) -> None:
    told: list[tuple[int, int]] = []
    with modem.https("one.test", http=http) as session:
        session.post("/echo", pattern(size), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_download_tells_how_far_it_is(modem: Modem) -> None:
    told: list[tuple[int, int]] = []
    with modem.https("one.test") as session:
        session.get("/bytes/50000", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (50_000, 50_000)
    assert len(told) > 5


def test_text_of_a_key_is_its_content_and_never_a_file_name_in_an_error(modem: Modem) -> None:
    pair = trustme.CA().issue_cert("client.test")
    chain = b"".join(blob.bytes() for blob in pair.cert_chain_pems).decode()
    key = pair.private_key_pem.bytes().decode()
    certificate, private = modem.install(chain, key)
    assert certificate.written
    assert private.written
    with pytest.raises(CredentialError) as caught:
        modem.install(chain, key[:-60])
    assert key.split("\n")[1] not in str(caught.value)


@pytest.mark.parametrize(("identity", "key"), [("", b"k"), ("i", b""), ("", b"")])
def test_pre_shared_key_without_a_part_is_none(identity: str, key: bytes) -> None:
    with pytest.raises(ValueError, match="neither is empty"):
        Psk(identity, key)


def test_cipher_suites_that_fit_no_version_are_refused() -> None:
    with pytest.raises(ValueError, match=r"TLS 1\.3 only"):
        VerifyPolicy(cipher_suites=(0x1301,), maximum_version=TlsVersion.TLS1_2)
    with pytest.raises(ValueError, match=r"none of these .* TLS 1\.3"):
        VerifyPolicy(cipher_suites=(0xC02B,), minimum_version=TlsVersion.TLS1_3)


@both
def test_cipher_suites_of_tls_1_3_choose_that_version(modem: Modem, http: HttpWay) -> None:
    with modem.https("one.test", policy=VerifyPolicy(cipher_suites=(0x1301,)), http=http) as session:
        assert session.get("/").status == 200


def test_client_certificate_without_its_key_is_no_policy() -> None:
    with pytest.raises(ValueError, match="goes with its key"):
        VerifyPolicy(client_slot=12)


@both
def test_empty_client_slot_is_said_before_a_connection_and_leaves_nothing_behind(
    modem: Modem, server: HttpsServer, http: HttpWay
) -> None:
    policy = VerifyPolicy(client_slot=12, client_key_slot=12)
    with (
        pytest.raises(CredentialError) as caught,
        modem.https("one.test", policy=policy, http=http) as session,
    ):
        session.get("/")
    assert Reason.SLOT_EMPTY in caught.value.reasons
    with modem.https("one.test", http=http) as session:
        assert session.get("/").status == 200


def test_client_certificate_that_has_gone_does_not_stop_the_default_policy(modem: Modem) -> None:
    pair = trustme.CA().issue_cert("client.test")
    chain = b"".join(blob.bytes() for blob in pair.cert_chain_pems)
    certificate, _ = modem.install(chain, pair.private_key_pem.bytes())
    modem.credentials.remove(certificate.slot, CredentialKind.CERTIFICATE, force=True)
    with modem.https("one.test") as session:
        assert session.get("/").status == 200


@pytest.mark.parametrize("year", [1969, 2070, 2099])
def test_year_that_two_digits_cannot_say_is_refused(modem: Modem, year: int) -> None:
    before = modem.clock.read().time
    with pytest.raises(ValueError, match="1970 to 2069"):
        modem.clock.set(datetime(year, 1, 1, tzinfo=UTC))
    assert abs((modem.clock.read().time - before).total_seconds()) < 3600


def test_line_that_asks_for_data_says_so_at_once(modem: Modem) -> None:
    with pytest.raises(CommandError, match="asks for data") as caught:
        modem.command('AT+SQNSNVW="certificate",13,50')
    assert "--data" in (caught.value.remedy or "")
    assert modem.command("AT+CGMM").lines == ("GM02S",)
    assert 13 not in {stored.slot for stored in modem.credentials.list()}


def test_slot_in_use_is_removed_only_by_force(modem: Modem) -> None:
    slot = next(stored.slot for stored in modem.credentials.list() if stored.kind is CredentialKind.CA)
    with pytest.raises(CredentialError, match="security profile 6 names it"):
        modem.credentials.remove(slot, CredentialKind.CA)
    assert modem.credentials.remove(slot, CredentialKind.CA, force=True) == (6,)
    with pytest.raises(modemtls.CredentialError, match="empty"), modem.https("one.test") as session:
        session.get("/")


@pytest.mark.parametrize("port", ["443", "https", b"443", 443.0, None, True, 0, -1, 65_536, "9" * 5000])
def test_port_that_is_none_is_said_at_once(modem: Modem, port: object) -> None:
    with pytest.raises(ValueError, match=r"is not a port: it is a whole number from 1 to 65535") as caught:
        modem.https("one.test", port)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 120
