"""Security profiles: the bytes that are sent, what is read from an echo, and what is found wrong in one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import PSK as CANARY

from modemtls import (
    Certainty,
    Check,
    CommandError,
    CredentialError,
    Psk,
    Reason,
    Severity,
    StoredProfile,
    TlsProfile,
    TlsVersion,
    Unsupported,
    find_model,
)
from modemtls.at.syntax import escaped
from modemtls_sequans.options import SequansOptions
from modemtls_sequans.profile import LEVELS_MONARCH_2, decode, version_for
from modemtls_sequans.store import redact

from .conftest import CME4, Connect, Dialogue, info, urc

CHAIN = frozenset({Check.CHAIN, Check.DATES})
ALL = CHAIN | {Check.HOSTNAME}
NONE: frozenset[Check] = frozenset()
STRICT = TlsProfile(ALL, TlsVersion.TLS1_2, None, ca_slot=19)
LIMITS = find_model("sequans-gm02s").resolve("", SequansOptions()).limits


def read(values: str) -> StoredProfile:
    found = decode(f"+SQNSPCFG: {values}", levels=LEVELS_MONARCH_2, limits=LIMITS)
    assert found is not None
    return found


def errors(values: str) -> set[str]:
    return {p.field for p in read(values).problems if p.severity is Severity.ERROR and p.field}


def warnings(values: str) -> set[str]:
    return {p.field for p in read(values).problems if p.severity is not Severity.ERROR and p.field}


# The bytes of a write


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        (STRICT, 'AT+SQNSPCFG=6,2,"",5,19,,,"","",0,0,0'),
        (replace(STRICT, checks=CHAIN), 'AT+SQNSPCFG=6,2,"",1,19,,,"","",0,0,0'),
        (replace(STRICT, checks=NONE, ca_slot=None), 'AT+SQNSPCFG=6,2,"",0,,,,"","",0,0,0'),
        (
            replace(STRICT, client_slot=17, client_key_slot=17, resumption=True),
            'AT+SQNSPCFG=6,2,"",5,19,17,17,"","",0,1,0',
        ),
        (
            replace(STRICT, cipher_suites=(0xC02B, 0x1301, 0x2F)),
            'AT+SQNSPCFG=6,2,"0xC02B;0x1301;0x002F",5,19,,,"","",0,0,0',
        ),
        (replace(STRICT, minimum_version=TlsVersion.TLS1_3), 'AT+SQNSPCFG=6,3,"",5,19,,,"","",0,0,0'),
    ],
)
def test_profile_is_written_with_twelve_fields_and_its_echo_checked(
    dialogue: Connect, profile: TlsProfile, sent: str
) -> None:
    modem = dialogue().expect(sent, info(sent.replace("AT", "").replace("=", ": ")))
    modem.run(modem.driver.write_profile(6, profile))


def test_echo_of_an_empty_key_slot_byte_by_byte(dialogue: Connect) -> None:
    sent = 'AT+SQNSPCFG=1,2,"",1,6,5,,"","",0,0,0'
    modem = dialogue().expect(sent, b'\r\n+SQNSPCFG: 1,2,"",1,6,5,,"","",0,0,0\r\n\r\nOK\r\n')
    profile = TlsProfile(CHAIN, None, None, ca_slot=6, client_slot=5)
    modem.run(modem.driver.write_profile(1, profile))


@pytest.mark.parametrize(
    "echo",
    [
        '6,2,"",0,19,,,"","",0,0,0',
        '6,2,"",5,18,,,"","",0,0,0',
        '6,1,"",5,19,,,"","",0,0,0',
        '6,2,"0x002F",5,19,,,"","",0,0,0',
        '6,2,"",5,19,5,5,"","",0,0,0',
        '5,2,"",0,19,,,"","",0,0,0',
    ],
)
def test_echo_that_says_something_else_is_an_error(dialogue: Connect, echo: str) -> None:
    modem = dialogue().expect('AT+SQNSPCFG=6,2,"",5,19,,,"","",0,0,0', info(f"+SQNSPCFG: {echo}"))
    with pytest.raises(CommandError, match="did not store what it was given") as caught:
        modem.run(modem.driver.write_profile(6, STRICT))
    assert caught.value.reasons == {Reason.PROFILE_ILLEGAL}


def test_profile_without_an_echo_is_read_back(dialogue: Connect) -> None:
    modem = dialogue().expect('AT+SQNSPCFG=6,2,"",5,19,,,"","",0,0,0')
    modem.expect("AT+SQNSPCFG", info('+SQNSPCFG: 1,2,"",1,12', '+SQNSPCFG: 6,2,"",5,19,,,"","",0,0,0'))
    modem.run(modem.driver.write_profile(6, STRICT))


def test_no_echo_and_nothing_read_back_is_an_error(dialogue: Connect) -> None:
    modem = dialogue().expect('AT+SQNSPCFG=6,2,"",5,19,,,"","",0,0,0').expect("AT+SQNSPCFG")
    with pytest.raises(CommandError, match="did not store"):
        modem.run(modem.driver.write_profile(6, STRICT))


def test_error_behind_the_echo_is_no_success(dialogue: Connect) -> None:
    sent = 'AT+SQNSPCFG=6,2,"",5,19,,,"","",0,0,0'
    modem = dialogue().expect(sent, urc('+SQNSPCFG: 6,2,"",5,19,,,"","",0,0,0'), CME4)
    with pytest.raises(CredentialError) as caught:
        modem.run(modem.driver.write_profile(6, STRICT))
    assert caught.value.code is not None
    assert caught.value.code.number == 4


def test_reset_is_version_255(dialogue: Connect) -> None:
    modem = dialogue().expect("AT+SQNSPCFG=3,255")
    modem.run(modem.driver.reset_profile(3))


@pytest.mark.parametrize(
    ("lowest", "highest", "field"),
    [
        (None, None, 2),
        (TlsVersion.TLS1_0, None, 2),
        (TlsVersion.TLS1_2, None, 2),
        (TlsVersion.TLS1_3, None, 3),
        (TlsVersion.TLS1_0, TlsVersion.TLS1_1, 1),
        (TlsVersion.TLS1_0, TlsVersion.TLS1_0, 0),
        (TlsVersion.TLS1_2, TlsVersion.TLS1_3, 2),
        (TlsVersion.TLS1_3, TlsVersion.TLS1_3, 3),
    ],
)
def test_version_field_is_within_the_bounds(
    lowest: TlsVersion | None, highest: TlsVersion | None, field: int
) -> None:
    assert version_for(replace(STRICT, minimum_version=lowest, maximum_version=highest)) == field


# GM01Q


def test_gm01q_gets_ten_fields_and_an_empty_cipher_field_without_quotes(dialogue: Connect) -> None:
    sent = 'AT+SQNSPCFG=6,1,,7,19,,,"","",0'
    modem = dialogue(
        "sequans-gm01q", valid_level_map="chain+dates=3, chain+dates+hostname=7", version_map="1.2=1"
    ).expect(sent, info('+SQNSPCFG: 6,1,"",7,19,,,"","",0'))
    modem.run(modem.driver.write_profile(6, STRICT))


def test_gm01q_lists_ciphers_in_quotes_all_the_same(dialogue: Connect) -> None:
    sent = 'AT+SQNSPCFG=6,2,"0xC02C",0,,,,"","",0'
    modem = dialogue("sequans-gm01q").expect(sent, info(sent[2:].replace("=", ": ").replace("C02C", "c02c")))
    profile = TlsProfile(NONE, None, None, cipher_suites=(0xC02C,))
    modem.run(modem.driver.write_profile(6, profile))


def test_gm01q_never_writes_level_0_for_checks_that_its_map_does_not_name(dialogue: Connect) -> None:
    modem = dialogue("sequans-gm01q", valid_level_map="chain+dates=3")
    with pytest.raises(Unsupported, match="chain\\+dates\\+hostname"):
        modem.run(modem.driver.write_profile(6, replace(STRICT, minimum_version=None)))


def test_gm01q_level_has_no_meaning_without_a_map_except_that_0_is_nothing(dialogue: Connect) -> None:
    modem = dialogue("sequans-gm01q").expect(
        "AT+SQNSPCFG", info('+SQNSPCFG: 1,3,"",3,1,1,1', "+SQNSPCFG: 2,2,,0,12")
    )
    first, second = modem.run(modem.driver.read_profiles())
    assert first.checks is None
    assert not [p for p in first.problems if p.reason is Reason.PROFILE_ILLEGAL]
    assert second.checks == NONE


# What is read


def test_listing_gives_every_profile_with_its_slots(dialogue: Connect) -> None:
    modem = dialogue().expect(
        "AT+SQNSPCFG",
        info('+SQNSPCFG: 1,2,"",5,19,,,"","",0,0,0', '+SQNSPCFG: 3,2,"0xC02B",1,14,17,17,"","",0,1,0'),
    )
    first, second = modem.run(modem.driver.read_profiles())
    assert (first.number, first.checks, first.ca_slot, first.client_slot) == (1, ALL, 19, None)
    assert (second.number, second.checks, second.ca_slot) == (3, CHAIN, 14)
    assert (second.client_slot, second.client_key_slot) == (17, 17)
    assert not first.problems
    assert not second.problems


def test_nothing_is_configured(dialogue: Connect) -> None:
    modem = dialogue().expect("AT+SQNSPCFG")
    assert modem.run(modem.driver.read_profiles()) == ()


@pytest.mark.parametrize(
    ("values", "level", "ca"),
    [("1,2", "", None), ('1,2,"",7,19,"","",0,0,0', "7", 19), ('1,2,"",1,14', "1", 14), ("1,2,,5,2", "5", 2)],
)
def test_fewer_fields_than_twelve_are_understood(values: str, level: str, ca: int | None) -> None:
    found = read(values)
    assert dict(found.fields).get("certValidLevel", "") == level
    assert found.ca_slot == ca


@pytest.mark.parametrize(
    "line", ["+SQNSPCFG:", "+SQNSPCFG: x,2", "+SQNSPCFG: ,,", "", "+SQNSPCFG: " + "9" * 5000]
)
def test_line_that_is_no_profile_is_none(line: str) -> None:
    assert decode(line, levels=LEVELS_MONARCH_2, limits=LIMITS) is None


@given(st.text(max_size=80))
def test_any_text_is_a_profile_or_none_and_nothing_breaks(text: str) -> None:
    for line in (text, f"+SQNSPCFG: {text}", f"+SQNSPCFG: 1,2,{text}"):
        found = decode(line, levels=LEVELS_MONARCH_2, limits=LIMITS)
        assert found is None or found.number >= 0


# The lint


@pytest.mark.parametrize("level", [2, 3, 4, 6, 7, 8, 255])
def test_illegal_level_is_named_with_the_legal_ones(level: int) -> None:
    worst = read(f'1,2,"",{level},19,,,"","",0,0,0').problems[0]
    assert worst.field == "certValidLevel"
    assert worst.reason is Reason.PROFILE_ILLEGAL
    assert worst.certainty is Certainty.STATED
    assert f"certValidLevel {level}" in worst.message
    assert "legal are 0" in worst.message
    assert 'AT+SQNSPCFG=1,2,"",5,19' in (worst.remedy or "")


def test_the_forums_profile_is_found_illegal_and_its_cure_legal() -> None:
    assert errors('1,2,"",7,19,"","",0,0,0') == {"certValidLevel"}
    assert errors('1,2,"",1,19,"","",0,0,0') == set()


@pytest.mark.parametrize(
    ("level", "ca", "pair", "version", "cipher", "field_count"),
    list(
        product(
            ("0", "1", "5", "05"),
            ("19", "5", "11"),
            ((",", "", ""), (",", "17", "17")),
            ("2", "3"),
            ('""', '"0xC02B;0x1301"', '"0xc02b"', ""),
            (12, 10),
        )
    ),
)
def test_no_legal_combination_is_called_an_error(
    level: str, ca: str, pair: tuple[str, str, str], version: str, cipher: str, field_count: int
) -> None:
    _, certificate, key = pair
    values = [
        "1", version, cipher, level, ca, certificate, key, '""', '""', "0", "0", "0",
    ]  # fmt: skip
    found = read(",".join(values[:field_count]))
    assert not [p for p in found.problems if p.severity is Severity.ERROR]
    assert (not found.problems) == (level != "0")
    assert found.checks == {0: NONE, 1: CHAIN, 5: ALL}[int(level)]


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ('2,2,"",0,,19,19', set()),
        ('1,2,"",1', {"caCertificateID"}),
        ('1,2,"",5,,17,17,"","",0,0,0', {"caCertificateID"}),
        ('1,2,"",5,19,17', {"clientPrivateKeyID"}),
        ('1,2,"",5,19,,17', {"clientCertificateID"}),
        ('1,4,"",5,19', {"version"}),
        ('1,255,"",5,19', {"version"}),
        ('1,2,"broker.example.org",5,19', {"cipherSpecs"}),
        ('1,2,"C02B",5,19', {"cipherSpecs"}),
        ('1,2,"0xC02B,0x1301",5,19', {"cipherSpecs"}),
        ('1,2,"",5,20', {"caCertificateID"}),
        ('1,2,"",5,x', {"caCertificateID"}),
        ('1,2,"",5,19,25,25', {"clientCertificateID", "clientPrivateKeyID"}),
        ('1,2,"",5,19,,,"","",2,0,0', {"storageId"}),
        (
            '1,9,"tls",7,,17',
            {"certValidLevel", "caCertificateID", "clientPrivateKeyID", "version", "cipherSpecs"},
        ),
    ],
)
def test_illegal_fields_are_errors_each_by_name(values: str, fields: set[str]) -> None:
    assert errors(values) == fields


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ('2,2,"",0,,,,"","",0,1,0', {"caCertificateID", "certValidLevel"}),
        ('2,2,"",0,12,,,"","",0,1,0', {"certValidLevel"}),
        ("1,2", {"caCertificateID", "certValidLevel"}),
        ('1,0,"",5,19', {"version"}),
        ('1,2,"",1,1', {"caCertificateID"}),
        ('1,2,"",5,10', {"caCertificateID"}),
        ('1,2,"",5,19,0,0', {"clientCertificateID"}),
    ],
)
def test_dangerous_fields_are_warnings_each_by_name(values: str, fields: set[str]) -> None:
    assert warnings(values) == fields


def test_profile_without_a_ca_slot_is_called_a_way_to_no_tls_at_all() -> None:
    found = [p for p in read('2,2,"",0,,,,"","",0,1,0').problems if p.reason is Reason.NOT_TLS]
    assert len(found) == 1
    assert "without TLS" in found[0].message
    assert "not tested for HTTP" in (found[0].source or "")


def test_pre_shared_key_with_its_own_suites_does_verify_the_server() -> None:
    psk = '1,2,"0x8C;0x8D;0xAE;0xAF",,,,,"AABC","Client_identity"'
    assert errors(psk) == set()
    assert "certValidLevel" not in warnings(psk)
    assert "certValidLevel" in warnings(psk.replace("0xAF", "0xC02B"))
    assert "certValidLevel" in warnings('1,2,"",,,,,"AABC","Client_identity"')


def test_the_worst_comes_first() -> None:
    severities = [p.severity for p in read('1,0,"",7').problems]
    assert severities == sorted(severities)
    assert severities[0] is Severity.ERROR


# Which profiles are the same


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        ('6,2,"",5,19,,,"","",0,0,0', True),
        ("6,2,,5,19", True),
        ('6,2,"",5,19,,,"","",,,', True),
        ('6,2,"",1,19,,,"","",0,0,0', False),
        ('6,2,"",7,19,,,"","",0,0,0', False),
        ('6,2,"",5,18,,,"","",0,0,0', False),
        ('6,3,"",5,19,,,"","",0,0,0', False),
        ('6,2,"",5,19,0,0,"","",0,0,0', False),
        ('6,2,"",5,19,,,"AABB","",0,0,0', False),
        ('6,2,"",5,19,,,"","",1,0,0', False),
        ('6,2,"",5,19,,,"","",0,1,0', False),
        ('6,2,"",5,19,,,"","",0,0,60', False),
    ],
)
def test_stored_profile_is_compared_field_by_field(stored: str, same: bool) -> None:
    modem = Dialogue()
    assert modem.driver.profile_matches(read(stored), STRICT) is same


def test_cases_of_an_identity_are_two_identities_and_those_of_hex_are_one() -> None:
    driver = Dialogue().driver
    wanted = replace(STRICT, psk=Psk("Device", CANARY), cipher_suites=(0xC02B,))
    assert driver.profile_matches(read(f'6,2,"0xc02b",5,19,,,"{CANARY.hex()}","Device",0,0,0'), wanted)
    assert not driver.profile_matches(read(f'6,2,"0xc02b",5,19,,,"{CANARY.hex()}","device",0,0,0'), wanted)


# Secrets

HEX = CANARY.hex().upper()
PSK = replace(STRICT, psk=Psk("Client_identity", CANARY))


@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no-echo"])
def test_pre_shared_key_is_in_no_error_event_or_record(dialogue: Connect, echo: bool) -> None:
    sent = f'AT+SQNSPCFG=6,2,"",5,19,,,"{HEX}","Client_identity",0,0,0'
    modem = dialogue()
    line = f'+SQNSPCFG: 6,2,"",5,19,,,"{HEX}","Client_identity",0,0,0'
    modem.expect(sent, *([sent.encode() + b"\r"] if echo else []), urc(line), CME4, (1.0, urc(line)))
    with pytest.raises(CredentialError) as caught:
        modem.run(modem.driver.write_profile(6, PSK), leaves=True)
    shown = f"{caught.value!r} {caught.value} {caught.value.command} {caught.value.lines} {modem.listened}"
    assert HEX[:7] not in shown
    assert HEX[-5:] not in shown


def test_pre_shared_key_is_written_in_full_and_shown_to_nobody(dialogue: Connect) -> None:
    sent = f'AT+SQNSPCFG=6,2,"",5,19,,,"{HEX}","Client_identity",0,0,0'
    modem = dialogue().expect(sent, info(sent[2:].replace("=", ": ")))
    modem.run(modem.driver.write_profile(6, PSK))
    modem.expect("AT+SQNSPCFG", info(sent[2:].replace("=", ": ")))
    (stored,) = modem.run(modem.driver.read_profiles())
    assert HEX[:6] not in repr(stored)
    assert dict(stored.fields)["psk"] == "***"
    assert modem.driver.profile_matches(stored, PSK)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('AT+SQNSPCFG=1,2,"",1,,,,"AABB","id"', 'AT+SQNSPCFG=1,2,"",1,,,,"***","id"'),
        ('+SQNSPCFG: 1,2,"",1,,,,"AABB","id"', '+SQNSPCFG: 1,2,"",1,,,,"***","id"'),
        ('+SQNSPCFG:1,2,"a;b,c",1,,,,"AABB"', '+SQNSPCFG:1,2,"a;b,c",1,,,,"***"'),
        ("at+sqnspcfg=1,2,,1,,,,AABB", 'at+sqnspcfg=1,2,,1,,,,"***"'),
        ('AT+SQNSPCFG = 1,2,"",1,,,,"AABB', 'AT+SQNSPCFG = 1,2,"",1,,,,"***"'),
        ('AT+CMEE=1;+SQNSPCFG=1,2,"",1,,,,"AABB"', 'AT+CMEE=1;+SQNSPCFG=1,2,"",1,,,,"***"'),
        ('AT+CPIN="1234";+SQNSPCFG=1,2,"",1,,,,"AABB"', 'AT+CPIN="***";+SQNSPCFG=1,2,"",1,,,,"***"'),
        ('+SQNHTTPCFG: 1,"h",443,1,"me","pass,word",1', '+SQNHTTPCFG: 1,"h",443,1,"me","***",1'),
        ('AT+SQNHTTPCFG=1,"h",443,1,"me",password', 'AT+SQNHTTPCFG=1,"h",443,1,"me","***"'),
        ('AT+SQNSMQTTCFG=0,"client","user","pass",2', 'AT+SQNSMQTTCFG=0,"client","user","***",2'),
        ('AT+CGAUTH=1,1,"user","pw"', 'AT+CGAUTH=1,1,"user","***"'),
        ('AT+SQNHTTPQRY=1,0,"/","Authorization: Bearer x"', 'AT+SQNHTTPQRY=1,0,"/","***"'),
        ('AT+SQNHTTPSND=1,0,"/",5,"1","Authorization: Bearer x"', 'AT+SQNHTTPSND=1,0,"/",5,"1","***"'),
        ("AT+CGAUTH=1,1,user,pw", 'AT+CGAUTH=1,1,user,"***"'),
        ('AT+CPIN="1234"', 'AT+CPIN="***"'),
        ("AT+CPIN=1234", 'AT+CPIN="***"'),
        ('AT+CPIN="12345678","4321"', 'AT+CPIN="***","***"'),
        ('AT+CPIN2="12345678","4321"', 'AT+CPIN2="***","***"'),
        ("at+cpin2=4321", 'at+cpin2="***"'),
        ('AT+CLCK="SC",1,"1234"', 'AT+CLCK="SC",1,"***"'),
        ('AT+CPWD="SC","1234","4321"', 'AT+CPWD="SC","***","***"'),
    ],
)
def test_secrets_are_taken_out_of_every_form_of_a_line(line: str, shown: str) -> None:
    assert redact(line) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "line",
    [
        "+CPIN: READY",
        "+CPIN2: SIM PIN2",
        '+SQNSPCFG: 1,2,"",7,19,,,"","",0,0,0',
        'AT+SQNHTTPCFG=1,"host",443,0,"","",1,120,1,1',
        "AT+SQNSPCFG",
        "+SQNHTTPSH: 1,77",
        "",
        ";;",
    ],
)
def test_line_without_a_secret_stays_as_it_is(line: str) -> None:
    assert redact(line) == line


@given(
    st.text("0123456789ABCDEF", min_size=8, max_size=64),
    st.lists(st.text('ab;"(', max_size=4), min_size=7, max_size=7),
    st.sampled_from(["AT+SQNSPCFG=", "+SQNSPCFG: ", "+SQNSPCFG:"]),
)
def test_no_key_survives_whatever_stands_before_it(key: str, before: list[str], name: str) -> None:
    quoted = [f'"{value.replace(chr(34), "")}"' for value in before]
    line = name + ",".join(quoted) + f',"{key}","id",0,0,0'
    assert key not in redact(line)
    assert key not in redact(escaped(line))
