"""Client certificates and keys: in pairs, written once, and shown to nobody."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trustme
from tests.canaries import PASSWORD, PIN, PSK

from modemtls import CredentialError, CredentialKind, Modem, Reason, TlsError, VerifyPolicy
from modemtls.sim.server import HttpsServer

from .bench import Tap, commands, inside, opened, writes

KEY = CredentialKind.KEY


@pytest.fixture(scope="module")
def client_ca() -> trustme.CA:
    return trustme.CA(organization_name="Clients")


@pytest.fixture(scope="module")
def pair(client_ca: trustme.CA) -> tuple[bytes, bytes]:
    leaf = client_ca.issue_cert("client.test")
    return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()


def secret_pieces(key: bytes) -> list[str]:
    return [line for line in key.decode().splitlines() if "-----" not in line]


def test_pair_is_shown_to_a_server_that_asks(client_ca: trustme.CA, pair: tuple[bytes, bytes]) -> None:
    with HttpsServer(names=("one.test",), client_ca=client_ca) as server, opened(server) as modem:
        modem.trust(server.ca_pem)
        certificate, key = modem.install(*pair)
        assert (certificate.verified, key.verified) == (True, False)
        assert certificate.slot == key.slot
        assert modem.https("one.test").get("/").status == 200
        assert server.handshakes[-1].client_certificate is not None
        modem.trust(server.ca_pem)
        assert modem.https("one.test", http="modem").get("/").status == 200


@pytest.mark.parametrize("listing", ["error", "index"])
def test_installing_twice_writes_once(pair: tuple[bytes, bytes], listing: str) -> None:
    with opened(key_listing=listing) as modem:
        first = modem.install(*pair)
        assert [done.written for done in first] == [True, True]
        before = writes(modem)
        again = modem.install(*pair)
        assert [done.written for done in again] == [False, False]
        assert [done.slot for done in again] == [done.slot for done in first]
        assert writes(modem) == before


@pytest.mark.parametrize("listing", ["error", "index"])
def test_second_pair_has_slots_of_its_own(
    client_ca: trustme.CA, pair: tuple[bytes, bytes], listing: str
) -> None:
    other = client_ca.issue_cert("other.test")
    with opened(key_listing=listing) as modem:
        first = modem.install(*pair)
        second = modem.install(other.cert_chain_pems[0].bytes(), other.private_key_pem.bytes())
        assert {done.slot for done in first}.isdisjoint(done.slot for done in second)
        assert inside(modem).nvm.get("privatekey", first[1].slot) == pair[1]


def test_key_that_the_modem_does_not_list_is_not_overwritten_by_the_next(
    client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    other = client_ca.issue_cert("other.test").private_key_pem.bytes()
    with opened(key_listing="error") as modem:
        first = modem.credentials.put(pair[1], KEY)
        assert modem.credentials.put(pair[1], KEY).written is False
        second = modem.credentials.put(other, KEY)
        assert second.slot != first.slot
        with pytest.raises(CredentialError, match="holds something else"):
            modem.credentials.put(other, KEY, slot=first.slot)
        modem.credentials.remove(first.slot, KEY)
        assert modem.credentials.put(pair[1], KEY, slot=first.slot).written


def test_keys_that_are_gone_with_the_whole_store_are_written_again(pair: tuple[bytes, bytes]) -> None:
    with opened(key_listing="error") as modem:
        modem.install(*pair)
        inside(modem).nvm.remove("certificate", 19)
        inside(modem).nvm.remove("privatekey", 19)
        certificate, key = modem.install(*pair)
        assert (certificate.written, key.written) == (True, True)


def test_what_does_not_pair_is_refused_before_it_is_sent(
    client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    other = client_ca.issue_cert("other.test").private_key_pem.bytes()
    with opened() as modem:
        with pytest.raises(CredentialError) as caught:
            modem.install(pair[0], other)
        assert caught.value.reasons == {Reason.KEY_MISMATCH}
        assert not writes(modem)


def test_key_is_in_no_log_no_error_and_no_repr(
    pair: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture, own_surroundings: Path
) -> None:
    shown = []
    with caplog.at_level(logging.DEBUG), opened(echo="yes") as modem:
        for name in ("modemtls", "modemtls.at"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            done = modem.install(*pair)
            shown += [repr(done), str(done), repr(modem.settings), repr(modem.profiles.list())]
            with pytest.raises(CredentialError) as caught:
                modem.credentials.put(pair[1], KEY, slot=3)
            shown += [repr(caught.value), str(caught.value), repr(caught.value.__dict__)]
        finally:
            for name in ("modemtls", "modemtls.at"):
                logging.getLogger(name).setLevel(logging.NOTSET)
    shown.append(caplog.text)
    assert "SQNSNVW" in caplog.text
    for file in own_surroundings.rglob("*"):
        shown.append(file.read_text("latin-1") if file.is_file() else "")
    for piece in secret_pieces(pair[1]):
        assert not any(piece in text for text in shown)


def test_pin_and_passwords_are_in_no_log_no_error_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    secrets = {"pin": PIN, "password": PASSWORD, "user": "me"}
    logging.getLogger("modemtls.at").setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG), opened(sim="pin", pin=PIN, given=secrets) as modem:
            modem.network.up()
            texts = [repr(modem.settings), repr(modem.settings.network)]
            for line in (f'AT+CPIN="{PIN}"', f"AT+CPIN={PIN}", f'AT+CGAUTH=1,1,"me","{PASSWORD}"'):
                reply = modem.command(line)
                texts += [repr(reply), str(reply), repr(reply.command)]
            assert any(PIN in line for line in commands(modem, "AT+CPIN=")), "it did go to the modem"
    finally:
        logging.getLogger("modemtls.at").setLevel(logging.NOTSET)
    texts.append(caplog.text)
    assert "AT+CPIN=" in caplog.text
    assert not any(word in text for text in texts for word in (PIN, PASSWORD))


def test_pre_shared_key_is_in_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    from modemtls import ModemError, Psk

    policy = VerifyPolicy(psk=Psk("identity-x", PSK), cipher_suites=(0x00AE,))
    assert "identity-x" not in repr(policy)
    assert PSK.hex()[:6] not in repr(policy).lower()
    logging.getLogger("modemtls.at").setLevel(logging.DEBUG)
    try:
        with (
            caplog.at_level(logging.DEBUG),
            HttpsServer(names=("one.test",)) as server,
            opened(server) as modem,
        ):
            modem.trust(server.ca_pem)
            with pytest.raises(ModemError) as caught:
                modem.https("one.test", policy=policy).get("/")
            texts = [
                repr(modem.profiles.list()),
                repr(modem.profiles.findings()),
                str(caught.value.__dict__),
            ]
            assert PSK.hex().upper() in " ".join(commands(modem, "AT+SQNSPCFG=6")), "it did go to the modem"
    finally:
        logging.getLogger("modemtls.at").setLevel(logging.NOTSET)
    assert not any(PSK.hex()[:6] in text.lower() for text in [*texts, caplog.text])


def rows(modem: Modem) -> list[tuple[int, str]]:
    return [(stored.slot, stored.kind.value) for stored in modem.credentials.list()]


def test_dry_run_says_what_would_be_done_and_does_nothing(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        planned = modem.credentials.put(cas[0], CredentialKind.CA, dry_run=True)
        assert (planned.slot, planned.written) == (19, True)
        assert not writes(modem)
        done = modem.credentials.put(cas[0], CredentialKind.CA)
        assert done.slot == planned.slot
        assert modem.credentials.put(cas[0], CredentialKind.CA, dry_run=True).written is False
        with pytest.raises(CredentialError):
            modem.credentials.put(cas[1], CredentialKind.CA, slot=19, dry_run=True)


def test_removal_says_which_profiles_still_name_the_slot(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        slot = modem.trust(cas[0]).slot
        modem.command(f'AT+SQNSPCFG=2,2,"",1,{slot}')
        assert modem.credentials.remove(slot, CredentialKind.CA, force=True) == (2, 6)
        assert modem.credentials.remove(slot, CredentialKind.CA, force=True) == (2, 6)


@pytest.mark.parametrize("slot", [-1, 20, 255])
def test_slot_that_is_none_is_refused(cas: tuple[bytes, ...], slot: int) -> None:
    with opened() as modem:
        with pytest.raises(CredentialError) as caught:
            modem.credentials.put(cas[0], CredentialKind.CA, slot=slot)
        assert caught.value.reasons == {Reason.INVALID_PARAMETER}
        with pytest.raises(CredentialError):
            modem.credentials.remove(slot, CredentialKind.CA)
        assert not writes(modem)


# What a new pair replaces.


def other_pair(client_ca: trustme.CA, name: str = "other.test") -> tuple[bytes, bytes]:
    leaf = client_ca.issue_cert(name)
    return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()


def stored(modem: Modem) -> tuple[list[int], list[int]]:
    nvm = inside(modem).nvm
    return [n for n, _ in nvm.of("certificate") if n], [n for n, _ in nvm.of("privatekey") if n]


@pytest.mark.parametrize("listing", ["error", "index"])
def test_replaced_pair_stays_until_a_handshake_and_goes_with_it(
    client_ca: trustme.CA, pair: tuple[bytes, bytes], listing: str
) -> None:
    with (
        HttpsServer(names=("one.test",), client_ca=client_ca) as server,
        opened(server, key_listing=listing) as modem,
    ):
        modem.trust(server.ca_pem)
        first = modem.install(*pair)
        second = modem.install(*other_pair(client_ca))
        assert [done.removed for done in second] == [(), ()]
        assert [done.kept for done in second] == [(first[0].slot,), (first[1].slot,)]
        assert stored(modem) == ([17, 18, 19], [17, 18])
        assert modem.https("one.test").get("/").status == 200
        assert stored(modem) == ([17, 19], [17])
        assert modem.https("one.test").get("/").status == 200


def test_verified_trust_set_removes_no_client_pair(
    client_ca: trustme.CA, pair: tuple[bytes, bytes], cas: tuple[bytes, ...]
) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        modem.install(*pair)
        modem.install(*other_pair(client_ca))
        assert modem.trust(cas[1]).removed == (19,)
        assert stored(modem) == ([16, 17, 18], [17, 18])


def test_failed_or_insecure_handshake_removes_no_client_pair(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes], cas: tuple[bytes, ...]
) -> None:
    with opened(server) as modem:
        modem.trust(cas[0])
        modem.install(*pair)
        modem.install(*other_pair(client_ca))
        with pytest.raises(TlsError):
            modem.https("one.test").get("/")
        assert modem.https("one.test", policy=VerifyPolicy.insecure()).get("/").status == 200
        assert stored(modem) == ([17, 18, 19], [17, 18])


def test_pair_that_this_computer_did_not_store_is_never_removed(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    certificate, key = other_pair(client_ca, "somebody.test")
    with opened(server, key_listing="index") as modem:
        modem.trust(server.ca_pem)
        for kind, data in (("certificate", certificate), ("privatekey", key)):
            inside(modem).nvm.put(kind, 12, data)
        modem.command('AT+SQNSPCFG=6,2,"",5,19,12,12')
        done = modem.install(*pair)
        assert [each.kept for each in done] == [(), ()]
        assert modem.https("one.test").get("/").status == 200
        assert stored(modem) == ([12, 18, 19], [12, 18])


def test_many_pairs_without_a_handshake_do_not_fill_the_store(
    client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    with opened() as modem:
        modem.install(*pair)
        for number in range(8):
            done = modem.install(*other_pair(client_ca, f"client{number}.test"))
        certificates, keys = stored(modem)
        assert certificates == keys
        assert len(certificates) == 3, "the oldest, the last and the one before it"
        assert 19 in certificates, "the oldest is the one that may have worked"
        assert done[0].slot in certificates


def test_pair_that_another_profile_names_stays(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        first = modem.install(*pair)
        modem.command(f'AT+SQNSPCFG=2,2,"",5,19,{first[0].slot},{first[1].slot}')
        modem.install(*other_pair(client_ca))
        assert modem.https("one.test").get("/").status == 200
        assert stored(modem) == ([17, 18, 19], [17, 18])


def test_same_pair_again_removes_nothing(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        modem.install(*pair)
        again = modem.install(*pair)
        assert [(done.written, done.removed, done.kept) for done in again] == [(False, (), ())] * 2
        assert modem.https("one.test").get("/").status == 200
        assert stored(modem) == ([18, 19], [18])


def test_first_pair_again_is_used_as_it_is_and_the_second_goes(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        first = modem.install(*pair)
        modem.install(*other_pair(client_ca))
        back = modem.install(*pair)
        assert [done.slot for done in back] == [done.slot for done in first]
        assert modem.https("one.test").get("/").status == 200
        assert stored(modem) == ([18, 19], [18])


def test_removal_of_a_pair_that_is_interrupted_is_done_after_the_next_handshake(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        modem.install(*pair)
        modem.install(*other_pair(client_ca))
        Tap(modem).interrupt_once(b'AT+SQNSNVW="certificate"')
        with pytest.raises(KeyboardInterrupt):
            modem.https("one.test").get("/")
        assert modem.https("one.test").get("/").status == 200
        assert stored(modem) == ([17, 19], [17])


def test_handshake_with_another_pair_proves_nothing_of_the_new_one(
    server: HttpsServer, client_ca: trustme.CA, pair: tuple[bytes, bytes]
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        modem.install(*pair)
        modem.install(*other_pair(client_ca))
        certificate, key = other_pair(client_ca, "somebody.test")
        for kind, data in (("certificate", certificate), ("privatekey", key)):
            inside(modem).nvm.put(kind, 12, data)
        policy = VerifyPolicy(client_slot=12, client_key_slot=12)
        assert modem.https("one.test", policy=policy).get("/").status == 200
        assert stored(modem) == ([12, 17, 18, 19], [12, 17, 18])
