"""The trust set: written once, into a slot of its own, and the old one gone only when the new one is sure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trustme

from modemtls import (
    Certainty,
    CredentialError,
    CredentialKind,
    Modem,
    ModemReset,
    Reason,
    TlsError,
    VerifyPolicy,
)
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer

from .bench import Tap, commands, inside, opened, writes

CA = CredentialKind.CA


def slots(modem: Modem) -> list[int]:
    """The certificate slots that are filled, but the factory's."""
    return [slot for slot, _ in inside(modem).nvm.of("certificate") if slot]


def named(modem: Modem) -> int | None:
    return inside(modem).profiles[6].ca


def test_first_trust_writes_one_slot_and_the_owned_profile(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        done = modem.trust(cas[0])
        assert (done.slot, done.written, done.verified, done.removed, done.kept) == (19, True, True, (), ())
        assert named(modem) == 19
        assert set(inside(modem).profiles) == {6}


def test_same_ca_twice_writes_nothing(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        before = writes(modem)
        again = modem.trust(cas[0])
        assert (again.slot, again.written, again.verified) == (19, False, True)
        assert again.certainty.value == "derived"
        assert writes(modem) == before


def test_same_bundle_twice_writes_nothing_by_the_journal(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        first = modem.trust(cas[0], cas[1])
        assert (first.written, first.verified) == (True, False)
        before = writes(modem)
        again = modem.trust(cas[0], cas[1])
        assert (again.slot, again.written, again.verified) == (first.slot, False, False)
        assert writes(modem) == before


def test_one_certificate_given_twice_is_stored_once(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        done = modem.trust(cas[0], cas[0] + cas[0])
        assert done.verified
        stored = inside(modem).nvm.get("certificate", done.slot)
        assert stored is not None
        assert stored.count(b"BEGIN CERTIFICATE") == 1


def test_bundle_that_each_line_of_the_listing_shows_is_verified(cas: tuple[bytes, ...]) -> None:
    with opened(listing_bundle="each", given={"journal": False}) as modem:
        first = modem.trust(cas[0], cas[1])
        assert first.verified
        again = modem.trust(cas[0], cas[1])
        assert (again.written, again.verified) == (False, True)


def test_slot_that_holds_more_than_the_ca_is_not_taken_for_it(cas: tuple[bytes, ...]) -> None:
    with opened(listing_bundle="each", given={"journal": False}) as modem:
        inside(modem).nvm.put("certificate", 12, cas[0] + cas[1])
        done = modem.trust(cas[0])
        assert (done.slot, done.written) == (19, True)


def test_ca_that_another_program_stored_is_found_by_its_fingerprint(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        inside(modem).nvm.put("certificate", 12, cas[0])
        done = modem.trust(cas[0])
        assert (done.slot, done.written, done.certainty) == (12, False, Certainty.DERIVED)
        assert slots(modem) == [12]


def test_fingerprint_of_the_first_certificate_proves_nothing_of_a_strangers_slot(
    server: HttpsServer, cas: tuple[bytes, ...]
) -> None:
    with opened(server) as modem:
        modem.trust(cas[0])
        inside(modem).nvm.put("certificate", 12, server.ca_pem + cas[1])
        done = modem.trust(server.ca_pem)
        assert (done.slot, done.written, done.verified, done.kept) == (12, False, False, (19,))
        assert modem.https("one.test").get("/").status == 200
        assert slots(modem) == [12]


def test_slot_that_the_journal_knows_is_verified_by_its_fingerprint(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        assert modem.trust(cas[0]).verified
        inside(modem).nvm.put("certificate", 19, cas[0] + cas[1])
        assert modem.trust(cas[0]).written is False, "what is behind the first certificate is not listed"


def test_slot_that_was_empty_already_is_not_said_to_be_removed(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        inside(modem).nvm.remove("certificate", 19)
        done = modem.trust(cas[1])
        assert (done.slot, done.removed, done.kept) == (18, (), ())
        assert slots(modem) == [18]


@pytest.mark.parametrize("listing", ["none", "wrong"])
def test_listing_that_shows_no_usable_digest(cas: tuple[bytes, ...], listing: str) -> None:
    with opened(listing_fingerprint=listing) as modem:
        first = modem.trust(cas[0])
        assert (first.written, first.verified) == (True, False)
        again = modem.trust(cas[0])
        assert again.written is (listing == "wrong"), "what is listed goes before what is remembered"


def test_without_a_journal_a_bundle_is_written_again_and_nothing_is_remembered(
    cas: tuple[bytes, ...], own_surroundings: Path
) -> None:
    with opened(given={"journal": False}) as modem:
        assert modem.trust(cas[0], cas[1]).written
        second = modem.trust(cas[0], cas[1])
        assert second.written
        assert second.kept == (19,)
    assert not list(own_surroundings.rglob("journal*"))


def test_lost_journal_costs_a_write_and_breaks_nothing(
    cas: tuple[bytes, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as modem:
        monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "a"))
        assert modem.trust(cas[0], cas[1]).slot == 19
        for file in (tmp_path / "a").rglob("*.*"):
            file.unlink()
        done = modem.trust(cas[0], cas[1])
        assert (done.slot, done.written) == (18, True)
        assert named(modem) == 18


def test_slot_that_was_overwritten_behind_our_back_is_not_believed(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        inside(modem).nvm.put("certificate", 19, cas[1])
        done = modem.trust(cas[0])
        assert (done.slot, done.written) == (18, True)
        assert named(modem) == 18


def test_slot_that_was_emptied_behind_our_back_is_filled_again(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0], cas[1])
        inside(modem).nvm.remove("certificate", 19)
        assert modem.trust(cas[0], cas[1]).written


def test_add_extends_what_this_computer_put_there(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        done = modem.trust(cas[1], add=True)
        assert inside(modem).nvm.get("certificate", done.slot) == cas[0] + cas[1]
        same = modem.trust(cas[1], add=True)
        assert (same.slot, same.written) == (done.slot, False)


def test_add_to_an_empty_trust_set_begins_one(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        assert modem.trust(cas[0], add=True).verified


def test_add_refuses_to_extend_what_it_does_not_know(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        inside(modem).nvm.put("certificate", 12, cas[0])
        modem.command('AT+SQNSPCFG=6,2,"",5,12')
        before = writes(modem)
        with pytest.raises(CredentialError) as caught:
            modem.trust(cas[1], add=True)
        assert caught.value.reasons == {Reason.SLOT_UNREADABLE}
        assert writes(modem) == before


def test_add_refuses_when_the_slot_was_overwritten_since(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        inside(modem).nvm.put("certificate", 19, cas[2])
        with pytest.raises(CredentialError) as caught:
            modem.trust(cas[1], add=True)
        assert caught.value.reasons == {Reason.SLOT_UNREADABLE}


def test_add_does_not_take_what_somebody_slipped_into_the_journals_folder(
    cas: tuple[bytes, ...], own_surroundings: Path
) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        (kept,) = own_surroundings.rglob("certificates/*.pem")
        kept.write_bytes(cas[5])
        with pytest.raises(CredentialError):
            modem.trust(cas[1], add=True)
        kept.write_bytes(cas[0] + cas[5])
        with pytest.raises(CredentialError):
            modem.trust(cas[1], add=True)


def test_old_slot_is_removed_when_the_new_one_is_verified(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        done = modem.trust(cas[1])
        assert (done.slot, done.verified, done.removed, done.kept) == (18, True, (19,), ())
        assert slots(modem) == [18]


def test_slot_that_another_profile_names_stays(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        modem.command('AT+SQNSPCFG=3,2,"",1,19')
        done = modem.trust(cas[1])
        assert (done.removed, done.kept) == ((), (19,))
        assert slots(modem) == [18, 19]


@pytest.mark.parametrize("http", ["stream", "modem"])
def test_unverified_set_keeps_the_old_one_until_a_handshake(
    server: HttpsServer, cas: tuple[bytes, ...], http: HttpWay
) -> None:
    with opened(server) as modem:
        modem.trust(cas[0])
        done = modem.trust(server.ca_pem, cas[1])
        assert (done.verified, done.removed, done.kept) == (False, (), (19,))
        assert slots(modem) == [18, 19]
        assert modem.https("one.test", http=http).get("/").status == 200
        assert slots(modem) == [18]


def test_failed_handshake_proves_nothing(server: HttpsServer, cas: tuple[bytes, ...]) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        modem.trust(cas[0], cas[1])
        with pytest.raises(TlsError):
            modem.https("one.test").get("/")
        assert modem.https("one.test", policy=VerifyPolicy.insecure()).get("/").status == 200
        assert slots(modem) == [18, 19]


def test_replaced_slot_that_was_reused_since_is_not_removed(
    server: HttpsServer, cas: tuple[bytes, ...]
) -> None:
    with opened(server) as modem:
        modem.trust(cas[0])
        modem.trust(server.ca_pem, cas[1])
        modem.credentials.remove(19, CA)
        modem.credentials.put(cas[2], CA, slot=19)
        assert modem.https("one.test").get("/").status == 200
        assert slots(modem) == [18, 19]


def test_removal_that_is_interrupted_is_done_after_the_next_handshake(
    server: HttpsServer, cas: tuple[bytes, ...]
) -> None:
    with opened(server) as modem:
        modem.trust(cas[0])
        modem.trust(server.ca_pem, cas[1])
        tap = Tap(modem)
        tap.interrupt_once(b"AT+SQNSPCFG\r")
        with pytest.raises(KeyboardInterrupt):
            modem.https("one.test").get("/")
        assert modem.https("one.test").get("/").status == 200
        assert slots(modem) == [18]


def test_full_store_is_said_and_changes_nothing(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        for slot in range(11, 20):
            inside(modem).nvm.put("certificate", slot, cas[1])
        before = writes(modem)
        with pytest.raises(CredentialError) as caught:
            modem.trust(cas[0])
        assert caught.value.reasons == {Reason.STORE_FULL}
        assert writes(modem) == before


def test_slot_that_a_profile_names_is_not_taken_though_it_is_empty(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.command('AT+SQNSPCFG=2,2,"",1,19')
        assert modem.trust(cas[0]).slot == 18


def test_trust_never_touches_a_reserved_slot(cas: tuple[bytes, ...]) -> None:
    reserved = {0, 1, 2, 3, 4, 7, 8, 9, 10}
    with opened(reserved="none") as modem:
        for pem in cas:
            modem.trust(pem)
        written = {int(line.split(",")[1]) for line in commands(modem, "AT+SQNSNVW=")}
        assert written
        assert not written & reserved
        inside(modem).nvm.put("certificate", 3, cas[0])
        assert modem.trust(cas[0]).slot not in reserved


def test_two_certificates_in_one_slot_verify_servers_of_both(
    server: HttpsServer, stranger: HttpsServer
) -> None:
    with opened(server, stranger) as modem:
        modem.trust(server.ca_pem, stranger.ca_pem)
        assert modem.https("one.test").get("/").status == 200
        assert modem.https("two.test").get("/").status == 200


def test_too_large_a_trust_set_is_refused_before_anything_is_sent() -> None:
    many = b"".join(trustme.CA(key_type=trustme.KeyType.RSA).cert_pem.bytes() for _ in range(8))
    with opened() as modem:
        before = writes(modem)
        with pytest.raises(CredentialError) as caught:
            modem.trust(many)
        assert caught.value.reasons == {Reason.TOO_LARGE}
        assert str(modem.limits.max_certificate_bytes) in str(caught.value)
        assert writes(modem) == before


def test_what_is_no_ca_is_refused_before_anything_is_sent(cas: tuple[bytes, ...]) -> None:
    ca = trustme.CA()
    leaf = ca.issue_cert("one.test")
    with opened() as modem:
        tap = Tap(modem)
        for wrong, reason in (
            (leaf.cert_chain_pems[0].bytes(), Reason.NOT_A_CA),
            (leaf.private_key_pem.bytes(), Reason.NOT_A_CERTIFICATE),
            (b"no certificate at all", Reason.NOT_A_CERTIFICATE),
        ):
            with pytest.raises(CredentialError) as caught:
                modem.trust(wrong)
            assert caught.value.reasons & {reason, Reason.LEAF_AS_ANCHOR, Reason.MALFORMED}
        with pytest.raises(CredentialError):
            modem.trust()
        assert b"SQNSNVW" not in tap.sent
        assert b"SQNSPCFG=" not in tap.sent


@pytest.mark.parametrize("knob", [{"reboot_at_byte": 1}, {"reboot_at_byte": 300}])
def test_power_cut_in_the_write_is_mended_by_the_next_run(
    server: HttpsServer, cas: tuple[bytes, ...], knob: dict[str, Any]
) -> None:
    with opened(server, **knob) as modem:
        with pytest.raises(ModemReset):
            modem.trust(server.ca_pem)
        assert slots(modem) == []
        assert modem.trust(server.ca_pem).verified
        assert modem.https("one.test").get("/").status == 200


@pytest.mark.parametrize("number", range(1, 12))
def test_power_cut_at_any_command_is_mended_by_the_next_run(
    server: HttpsServer, cas: tuple[bytes, ...], number: int
) -> None:
    with opened(server) as probe:
        begun = inside(probe)._executed
    with opened(server, reboot_after=begun + number) as modem:
        try:
            modem.trust(cas[0])
            modem.trust(server.ca_pem)
        except ModemReset:
            modem.trust(server.ca_pem)
        else:
            pytest.fail("there was no restart")
        assert modem.https("one.test").get("/").status == 200
        assert named(modem) in slots(modem)
        assert len(slots(modem)) <= 2


def test_profile_is_saved_before_it_is_overwritten(cas: tuple[bytes, ...], own_surroundings: Path) -> None:
    with opened() as modem:
        modem.command('AT+SQNSPCFG=6,2,"",0,,,,"C0FFEE","me"')
        modem.trust(cas[0])
    (file,) = own_surroundings.rglob("journal.json")
    text = file.read_text("utf-8")
    (mine,) = json.loads(text)["modems"].values()
    assert mine["profiles"][0]["fields"]["certValidLevel"] == "0"
    assert "C0FFEE" not in text.upper()


def test_slots_of_other_programs_and_other_profiles_stay(server: HttpsServer, cas: tuple[bytes, ...]) -> None:
    with opened(server) as modem:
        simulator = inside(modem)
        simulator.nvm.put("certificate", 12, cas[0])
        simulator.nvm.put("certificate", 5, cas[1])
        modem.command('AT+SQNSPCFG=1,2,"",1,5')
        profile = simulator.profiles[1]
        modem.trust(cas[2])
        modem.trust(server.ca_pem)
        assert modem.https("one.test").get("/").status == 200
        assert (simulator.nvm.get("certificate", 12), simulator.nvm.get("certificate", 5)) == (cas[0], cas[1])
        assert simulator.profiles[1] == profile
