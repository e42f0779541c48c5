"""The error tables: every row, what is known of it, and how the driver's other parts speak of codes."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls import (
    Certainty,
    CertificateError,
    CommandError,
    CredentialError,
    ErrorEntry,
    HttpError,
    ModemError,
    NetworkError,
    Reason,
    TlsError,
    VendorCode,
)
from modemtls_sequans.errors import ERRORS

from .conftest import CME4, ERROR, OK, Connect, Dialogue, info, urc

ROWS = list(ERRORS)

# The table of the public sources: libcurl's number, and the class that an application catches.
CURL = {
    3: HttpError, 6: NetworkError, 7: NetworkError, 8: HttpError, 18: HttpError, 22: HttpError,
    28: NetworkError, 35: TlsError, 47: HttpError, 51: CertificateError, 52: HttpError, 55: NetworkError,
    56: NetworkError, 58: TlsError, 59: TlsError, 60: CertificateError, 77: TlsError, 80: TlsError,
    83: CertificateError, 91: CertificateError, 98: TlsError,
}  # fmt: skip


def name(row: ErrorEntry) -> str:
    return f"{row.namespace}-{row.number}"


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_every_row_makes_its_error_and_the_error_survives_pickling(row: ErrorEntry) -> None:
    code = VendorCode(row.namespace, row.number)
    made = ERRORS.error(
        code, asked="Doing it", model="sequans-gm02s", command="AT+X", lines=("+X: 1",), default=HttpError
    )
    assert type(made) is row.error
    assert made.reasons == row.reasons
    assert made.certainty is row.certainty
    assert made.code is not None
    assert (made.code.namespace, made.code.number) == (row.namespace, row.number)
    assert str(row.number) in made.message
    assert row.meaning in made.message
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is type(made)
    assert again.__dict__ == made.__dict__
    assert str(again) == str(made)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_every_row_says_where_it_is_from_and_ends_in_no_full_stop(row: ErrorEntry) -> None:
    assert row.source
    assert row.name
    assert not row.meaning.endswith(".")
    assert row.remedy is None or row.remedy.endswith((".", "network", "show", "list", "lists"))


@pytest.mark.parametrize(("number", "error"), CURL.items())
def test_http_codes_are_libcurls(number: int, error: type[ModemError]) -> None:
    row = ERRORS.find("http", number)
    assert row is not None
    assert row.error is error


def test_only_6_and_77_were_seen_on_a_wire_and_none_is_stated_by_the_modem() -> None:
    http = [row for row in ROWS if row.namespace == "http"]
    assert {row.number for row in http if row.certainty is not Certainty.GUESSED} == {6, 77}
    assert {
        row.number for row in http if "seen on a wire" in row.source and "not seen" not in row.source
    } == {
        6,
        77,
    }
    assert not [row for row in http if row.certainty is Certainty.STATED]


def test_guess_is_told_as_a_guess() -> None:
    made = ERRORS.error(VendorCode("http", 60), asked="Connecting")
    assert "probably" in made.message
    assert "probably" not in ERRORS.error(VendorCode("http", 77), asked="Connecting").message


def test_77_names_every_cause_that_it_may_have() -> None:
    row = ERRORS.find("http", 77)
    assert row is not None
    assert {
        Reason.SLOT_EMPTY,
        Reason.SLOT_UNREADABLE,
        Reason.PROFILE_ILLEGAL,
        Reason.NO_TRUST_ANCHOR,
    } <= row.reasons


def test_only_minus_5_of_a_dial_is_tls_and_it_is_no_certificate_error() -> None:
    tls = [row for row in ROWS if row.namespace == "socket" and issubclass(row.error, TlsError)]
    assert [row.number for row in tls] == [-5]
    assert tls[0].error is TlsError


def test_namespaces_do_not_share_numbers() -> None:
    assert ERRORS.find("http", 4) is None
    assert ERRORS.find("socket", 77) is None
    assert ERRORS.find("http", -5) is None
    assert ERRORS.find("cme", 77) is None


def test_4_is_a_catch_all_and_says_so() -> None:
    made = ERRORS.error(VendorCode("cme", 4), asked="Storing")
    assert type(made) is CommandError
    assert "catch-all" in made.message
    assert {Reason.TOO_LARGE, Reason.NO_PDP_CONTEXT, Reason.INVALID_PARAMETER} <= made.reasons


@given(st.integers(-1000, 1000))
def test_unknown_code_keeps_its_number_and_claims_nothing(number: int) -> None:
    if ERRORS.find("http", number) is None:
        made = ERRORS.error(VendorCode("http", number), asked="Connecting", default=HttpError)
        assert type(made) is HttpError
        assert made.code == VendorCode("http", number)
        assert not made.reasons


# Codes in lines


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("+SQNHTTPCONNECT: 1,77", ("http", 77)),
        ("+SQNHTTPSH: 1,6", ("http", 6)),
        ("+SQNHTTPSH:1,6", ("http", 6)),
        ("+SQNHTTPSH: 1,0", None),
        ("+SQNHTTPSH: 1", None),
        ("+SQNHTTPSH:", None),
        ("+SQNSD: 6,-5", ("socket", -5)),
        ("+SQNSD: 6,0", None),
        ("+CME ERROR: 4", ("cme", 4)),
        ("+CME ERROR: operation not supported", ("cme", 4)),
        ("NO CARRIER", ("final", "NO CARRIER")),
        ("ERROR", ("final", "ERROR")),
        ("OK", None),
        ("+CEREG: 5", None),
    ],
)
def test_code_in_a_line(line: str, code: tuple[str, int | str] | None) -> None:
    found = Dialogue().driver.code_in(line)
    assert (found and (found.namespace, found.number)) == code


@given(st.sampled_from(["+SQNHTTPCONNECT:", "+SQNHTTPSH:", "+SQNSD:"]), st.text(max_size=30))
def test_no_line_breaks_the_explanation(prefix: str, rest: str) -> None:
    driver = Dialogue().driver
    driver.explain(prefix + rest)
    driver.explain(rest)


@pytest.mark.parametrize("refusal", [CME4, b"\r\n+CME ERROR: operation not supported\r\n"])
def test_number_and_text_of_a_refusal_are_one_code(dialogue: Connect, refusal: bytes) -> None:
    modem = dialogue().expect("AT+SQNSPCFG", refusal)
    with pytest.raises(CommandError) as caught:
        modem.run(modem.driver.read_profiles())
    assert caught.value.code is not None
    assert (caught.value.code.number, caught.value.code.text) == (4, "operation not supported")


def test_unsolicited_error_171_belongs_to_no_command(dialogue: Connect) -> None:
    modem = dialogue().expect("AT+SQNSPCFG", b"\r\n+CME ERROR: 171\r\n", info('+SQNSPCFG: 1,2,"",1,19'))
    assert len(modem.run(modem.driver.read_profiles())) == 1
    assert modem.listened == ["+CME ERROR: 171"]


# Clock


@pytest.mark.parametrize(
    ("text", "time", "is_set"),
    [
        ("70/01/01,00:07:30+00", datetime(1970, 1, 1, 0, 7, 30, tzinfo=UTC), False),
        ("26/11/21,10:00:00+04", datetime(2026, 11, 21, 9, tzinfo=UTC), True),
        ("26/11/21,10:00:00-20", datetime(2026, 11, 21, 15, tzinfo=UTC), True),
        ("04/01/01,00:00:00+00", datetime(2004, 1, 1, tzinfo=UTC), False),
    ],
)
def test_clock_of_the_seventies_is_one_that_nobody_set(
    dialogue: Connect, text: str, time: datetime, is_set: bool
) -> None:
    modem = dialogue().expect("AT+CCLK?", info(f'+CCLK: "{text}"'))
    found = modem.run(modem.driver.read_clock())
    assert (found.time, found.is_set) == (time, is_set)


def test_clock_is_set_in_utc(dialogue: Connect) -> None:
    modem = dialogue().expect('AT+CCLK="26/11/21,09:00:00+00"')
    modem.run(modem.driver.set_clock(datetime(2026, 11, 21, 9, tzinfo=UTC)))


NTP = 'AT+SQNNTP=2,"time.google.com,time.windows.com,pool.ntp.org",1'


@pytest.mark.parametrize(
    "answers",
    [
        (OK, (3.0, urc('+SQNNTP: 0,"26/11/21,10:00:00+00"'))),
        (OK, urc("+SQNNTP:0")),
        (urc("+SQNNTP: 0"), OK),
    ],
)
def test_network_time_of_every_form(
    dialogue: Connect, answers: tuple[bytes | tuple[float, bytes], ...]
) -> None:
    modem = dialogue().expect(NTP, *answers)
    modem.run(modem.driver.set_clock_from_network())


@pytest.mark.parametrize("result", ["+SQNNTP: 1", "+SQNNTP: 10,0", "+SQNNTP: -1", "+SQNNTP:", "+SQNNTP: ,0"])
def test_failed_network_time_is_a_network_error(dialogue: Connect, result: str) -> None:
    modem = dialogue().expect(NTP, OK, urc(result))
    with pytest.raises(NetworkError) as caught:
        modem.run(modem.driver.set_clock_from_network())
    assert caught.value.lines == (result,)
    assert "clock --set now" in (caught.value.remedy or "")


def test_network_time_that_never_comes_ends_in_a_minute(dialogue: Connect) -> None:
    modem = dialogue().expect(NTP, OK)
    with pytest.raises(NetworkError) as caught:
        modem.run(modem.driver.set_clock_from_network())
    assert caught.value.reasons == {Reason.TIMEOUT}
    assert 60 <= modem.now < 62


@pytest.mark.parametrize("refusal", [ERROR, CME4])
def test_refused_network_time_is_a_network_error(dialogue: Connect, refusal: bytes) -> None:
    modem = dialogue().expect(NTP, refusal)
    with pytest.raises(NetworkError):
        modem.run(modem.driver.set_clock_from_network())


def test_memory_full_is_a_credential_error(dialogue: Connect) -> None:
    modem = dialogue().expect("AT+SQNSPCFG=1,255", b"\r\n+CME ERROR: 20\r\n")
    with pytest.raises(CredentialError) as caught:
        modem.run(modem.driver.reset_profile(1))
    assert caught.value.reasons == {Reason.STORE_FULL}
