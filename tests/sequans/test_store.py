"""The credential store: ``AT+SQNSNVW`` and ``AT+SQNSNVR``, byte by byte."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

import modemtls
from modemtls import CredentialError, CredentialKind, ModemReset, ModemTimeout, Reason, StoredCredential

from .conftest import CME4, ERROR, OK, PROMPT, Connect, Dialogue, info, urc

PEM = b"-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nU0VDUkVUU0VDUkVU\n-----END PRIVATE KEY-----\n"

# A published answer, serial numbers redacted by whoever posted it.
LISTED = (
    '+SQNSNVR: "certificate",0,"/O=Microchip Technology Inc/CN=Crypto Authentication Signer 2D40",'
    '"000---000","/O=Microchip Technology Inc/CN=sn0123F44A618A528A01","21/04/27 08:00:00",,"sha256ECDSA",'
    '"000---000","sha1","171a9709a70eb8c84275972fba1caf20417c0b05"'
)


def listed(modem: Dialogue, *lines: str, keys: bytes = ERROR) -> tuple[StoredCredential, ...]:
    modem.expect('AT+SQNSNVR="certificate"', info(*lines) if lines else ERROR)
    modem.expect('AT+SQNSNVR="privatekey"', keys)
    return modem.run(modem.driver.list_credentials())


# Writing


@pytest.mark.parametrize("kind", [CredentialKind.CA, CredentialKind.CERTIFICATE])
def test_certificate_is_announced_with_its_exact_size_and_sent_as_it_is(
    dialogue: Connect, kind: CredentialKind
) -> None:
    seen: list[tuple[int, int]] = []
    modem = dialogue().expect(f'AT+SQNSNVW="certificate",19,{len(PEM)}', PROMPT).expect(PEM)
    modem.run(modem.driver.write_credential(19, kind, PEM, lambda done, total: seen.append((done, total))))
    assert seen[-1] == (len(PEM), len(PEM))


def test_key_has_a_type_of_its_own(dialogue: Connect) -> None:
    modem = dialogue().expect(f'AT+SQNSNVW="privatekey",17,{len(KEY)}', PROMPT).expect(KEY)
    modem.run(modem.driver.write_credential(17, CredentialKind.KEY, KEY))


@pytest.mark.parametrize("prompt", [b"\r\n> ", b">", b"\r\n>>>", b"> ", b"\r\n>"])
def test_every_form_of_the_prompt_is_taken(dialogue: Connect, prompt: bytes) -> None:
    modem = dialogue().expect(f'AT+SQNSNVW="certificate",12,{len(PEM)}', prompt).expect(PEM)
    modem.run(modem.driver.write_credential(12, CredentialKind.CA, PEM))


def test_events_between_command_prompt_and_result_are_kept(dialogue: Connect) -> None:
    modem = dialogue().expect(f'AT+SQNSNVW="certificate",12,{len(PEM)}', urc("+CEREG: 2"), PROMPT)
    modem.expect(PEM, urc("+SQNSMQTTONCONNECT:0,0"), OK, (0.5, urc('+CEREG: 5,"E198","043A5E0A",7')))
    modem.run(modem.driver.write_credential(12, CredentialKind.CA, PEM), leaves=True)
    assert modem.listened == ["+CEREG: 2", "+SQNSMQTTONCONNECT:0,0", '+CEREG: 5,"E198","043A5E0A",7']


@pytest.mark.parametrize("refusal", [ERROR, CME4, b"\r\n+CME ERROR: operation not supported\r\n"])
@pytest.mark.parametrize("when", ["command", "data"])
def test_refusal_is_a_credential_error_with_the_modems_words(
    dialogue: Connect, refusal: bytes, when: str
) -> None:
    modem = dialogue()
    if when == "command":
        modem.expect(f'AT+SQNSNVW="certificate",12,{len(PEM)}', refusal)
    else:
        modem.expect(f'AT+SQNSNVW="certificate",12,{len(PEM)}', PROMPT).expect(PEM, refusal)
    with pytest.raises(CredentialError) as caught:
        modem.run(modem.driver.write_credential(12, CredentialKind.CA, PEM))
    assert caught.value.code is not None
    assert caught.value.code.number in ("ERROR", 4)
    assert caught.value.command == f'AT+SQNSNVW="certificate",12,{len(PEM)}'


def test_refused_key_is_in_no_error_and_no_event(dialogue: Connect) -> None:
    modem = dialogue().expect(f'AT+SQNSNVW="privatekey",12,{len(KEY)}', PROMPT)
    modem.expect(KEY, b"U0VDUkVUU0VDUkVU\r\n", CME4)
    with pytest.raises(CredentialError) as caught:
        modem.run(modem.driver.write_credential(12, CredentialKind.KEY, KEY))
    shown = f"{caught.value!r} {caught.value} {caught.value.lines} {modem.listened}"
    assert "U0VDUk" not in shown


def test_lost_prompt_is_answered_with_the_data_and_never_with_the_command_again(dialogue: Connect) -> None:
    modem = dialogue().expect(f'AT+SQNSNVW="certificate",12,{len(PEM)}', b"\r\n")
    with pytest.raises(ModemTimeout):
        modem.run(modem.driver.write_credential(12, CredentialKind.CA, PEM))
    modem.says(PROMPT).expect(PEM, OK).recovers()
    modem.expect("AT+SQNSPCFG")
    assert modem.run(modem.driver.read_profiles()) == ()


def test_restart_in_the_middle_of_a_write_is_named(dialogue: Connect) -> None:
    modem = dialogue().expect(f'AT+SQNSNVW="certificate",12,{len(PEM)}', PROMPT)
    modem.expect(PEM, urc("+SYSSTART"))
    with pytest.raises(ModemReset):
        modem.run(modem.driver.write_credential(12, CredentialKind.CA, PEM))


# Removing


def test_removal_is_a_write_of_size_0_without_a_prompt(dialogue: Connect) -> None:
    modem = dialogue().expect('AT+SQNSNVW="certificate",19,0')
    modem.run(modem.driver.remove_credential(19, CredentialKind.CA))


def test_removing_what_is_not_there_is_no_error(dialogue: Connect) -> None:
    modem = dialogue().expect('AT+SQNSNVW="privatekey",17,0', ERROR)
    modem.expect('AT+SQNSNVR="privatekey",17', CME4)
    modem.run(modem.driver.remove_credential(17, CredentialKind.KEY))


def test_removal_that_is_refused_while_something_is_there_is_an_error(dialogue: Connect) -> None:
    modem = dialogue().expect('AT+SQNSNVW="certificate",0,0', CME4)
    modem.expect('AT+SQNSNVR="certificate",0', info(LISTED))
    with pytest.raises(CredentialError, match="slot 0"):
        modem.run(modem.driver.remove_credential(0, CredentialKind.CERTIFICATE))


# The listing


def test_the_published_listing(dialogue: Connect) -> None:
    (found,) = listed(dialogue(), LISTED)
    assert found == StoredCredential(
        0,
        CredentialKind.CERTIFICATE,
        subject="/O=Microchip Technology Inc/CN=sn0123F44A618A528A01",
        issuer="/O=Microchip Technology Inc/CN=Crypto Authentication Signer 2D40",
        not_before=datetime(2021, 4, 27, 8, tzinfo=UTC),
        not_after=None,
        fingerprint="171a9709a70eb8c84275972fba1caf20417c0b05",
        fingerprint_hash="sha1",
        reserved=True,
    )


def test_empty_store_that_answers_with_an_error(dialogue: Connect) -> None:
    assert listed(dialogue()) == ()


def test_keys_are_listed_where_the_modem_shows_them(dialogue: Connect) -> None:
    certificate, key = listed(
        dialogue(), LISTED.replace(",0,", ",17,", 1), keys=info('+SQNSNVR: "privatekey",17')
    )
    assert (certificate.slot, certificate.kind) == (17, CredentialKind.CERTIFICATE)
    assert (key.slot, key.kind, key.fingerprint) == (17, CredentialKind.KEY, None)


def line(slot: str = "19", start: str = '"24/01/01 00:00:00"', end: str = '"34/01/01 00:00:00"') -> str:
    return (
        f'+SQNSNVR: "certificate",{slot},"/C=US/O=Example, Inc./CN=a","01","/O=Example, Inc./CN=Root (2024)",'
        f'{start},{end},"sha256ECDSA","x","SHA1","AA:BB"'
    )


def test_commas_in_names_separate_nothing(dialogue: Connect) -> None:
    (found,) = listed(dialogue(), line())
    assert found.issuer == "/C=US/O=Example, Inc./CN=a"
    assert found.subject == "/O=Example, Inc./CN=Root (2024)"
    assert (found.fingerprint, found.fingerprint_hash) == ("aabb", "sha1")


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ('"24/01/01 00:00:00"', '"34/01/01 00:00:00"', (2024, 2034)),
        ('"98/05/01 00:00:00"', '"28/08/01 12:00:00"', (1998, 2028)),
        ('"24/01/01 00:00:00"', '"74/01/01 00:00:00"', (2024, None)),
        ('"24/01/01 00:00:00"', '"99/12/31 23:59:59"', (2024, None)),
        ("", '"74/01/01 00:00:00"', (None, None)),
        ("", '"34/01/01 00:00:00"', (None, 2034)),
        ('"2024-01-01"', '"34/13/01 00:00:00"', (None, None)),
        ("", "", (None, None)),
    ],
)
def test_dates_that_two_digits_cannot_tell_are_left_out(
    dialogue: Connect, start: str, end: str, shown: tuple[int | None, int | None]
) -> None:
    (found,) = listed(dialogue(), line(start=start, end=end))
    assert (
        found.not_before.year if found.not_before else None,
        found.not_after.year if found.not_after else None,
    ) == shown


@pytest.mark.parametrize("slot", ["", "x", "-1", "9" * 5000])
def test_line_without_a_slot_is_passed_over(dialogue: Connect, slot: str) -> None:
    assert [stored.slot for stored in listed(dialogue(), line(slot), line("12"))] == [12]


def test_short_lines_are_understood(dialogue: Connect) -> None:
    (found,) = listed(dialogue(), '+SQNSNVR: "certificate",12')
    assert (found.slot, found.subject, found.fingerprint) == (12, None, None)


def test_listing_is_in_the_order_of_the_slots(dialogue: Connect) -> None:
    assert [s.slot for s in listed(dialogue(), line("19"), line("5"), line("12"))] == [5, 12, 19]
    assert not any(s.reserved for s in listed(dialogue(), line("19"), line("5"), line("12")))


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=120))
def test_no_listing_breaks_the_reader(text: str) -> None:
    found = listed(Dialogue(), '+SQNSNVR: "certificate",12,' + text, f"+SQNSNVR: {text}")
    assert 12 in [stored.slot for stored in found]


# What reaches the store through the front door


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def test_pem_with_carriage_returns_and_no_final_line_end_is_stored_with_line_feeds_alone(
    ca: trustme.CA,
) -> None:
    pem = ca.cert_pem.bytes()
    crooked = b"subject=whoever\r\n" + pem.strip().replace(b"\n", b"\r\n")
    with modemtls.open("sim://sequans-gm02s?strict_line_ends=yes", journal=False) as modem:
        done = modem.credentials.put(crooked, CredentialKind.CA, slot=12)
        assert (done.slot, done.written, done.verified) == (12, True, True)
        assert 12 in [stored.slot for stored in modem.credentials.list()]


@pytest.mark.parametrize("slot", [0, 1, 2, 3, 4, 7, 8, 9, 10])
def test_reserved_slot_is_refused_before_a_byte_is_sent(ca: trustme.CA, slot: int) -> None:
    with modemtls.open("sim://sequans-gm02s?reserved=none", journal=False) as modem:
        before = modem.credentials.list()
        for act in (
            lambda: modem.credentials.put(ca.cert_pem.bytes(), CredentialKind.CA, slot=slot),
            lambda: modem.credentials.remove(slot, CredentialKind.CA),
        ):
            with pytest.raises(CredentialError) as caught:
                act()
            assert caught.value.reasons == {Reason.SLOT_RESERVED}
            assert caught.value.command is None
        assert modem.credentials.list() == before


def test_key_is_stored_but_never_called_verified(ca: trustme.CA) -> None:
    leaf = ca.issue_cert("client.test")
    key = leaf.private_key_pem.bytes()
    with modemtls.open("sim://sequans-gm02s", journal=False) as modem:
        done = modem.credentials.put(key, CredentialKind.KEY, slot=17)
        assert (done.written, done.verified) == (True, False)
