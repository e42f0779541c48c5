"""Logs of other tools become transcripts: what they show, no secret, and what is assumed is marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.transcript import Chunk, Direction, Payload, Transcript, TranscriptError, parse, transcript_text
from modemtls.transcript.imports import FORMATS, read_log

from . import logs
from .bench import shown

LOGS = {
    "walter-python": logs.WALTER_PYTHON,
    "walter": logs.WALTER,
    "lines": logs.LINES,
    "port": logs.PORT,
    "terminal": logs.TERMINAL,
}


def body(transcript: Transcript) -> list[str]:
    return transcript_text(transcript).partition("\n\n")[2].splitlines()


def chunks(transcript: Transcript) -> list[Chunk]:
    return [entry for entry in transcript.entries if isinstance(entry, Chunk)]


def test_every_form_has_its_log() -> None:
    assert set(LOGS) == set(FORMATS)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_form_is_found_by_itself(kind: str) -> None:
    assert read_log(LOGS[kind]) == read_log(LOGS[kind], kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_imported_reads_back(kind: str) -> None:
    transcript = read_log(LOGS[kind], kind, model="acme-x1")
    assert parse(transcript_text(transcript).encode()) == transcript
    assert transcript.model == "acme-x1"
    assert transcript.full


def test_bytearrays_keep_their_bytes_and_their_chunks() -> None:
    transcript = read_log(logs.WALTER_PYTHON)
    lines = body(transcript)
    assert lines[:4] == [
        r"        - < \r\n+SYSSTART\r",
        r"        - < \n",
        r"        - >? AT+CMEE=1\r",
        r"        - < \r\nOK\r\n",
    ]
    assert r'        - < NDSEL: 0,3gpp-conformance,""\r\n+' in lines
    assert r"        - > [8 bytes]H'\xe2\x90(H\x00\x06" in lines
    assert [each.assumed for each in chunks(transcript) if each.direction is Direction.RECEIVED].count(
        True
    ) == 0
    assert all(each.delay is None for each in chunks(transcript))
    assert transcript.assumed == (
        "line ends where a chunk is marked ?: CR behind a command, CR LF before and behind a line of the modem",
    )


def test_an_identity_that_lies_over_two_chunks_is_hidden() -> None:
    lines = body(read_log(logs.WALTER_PYTHON))
    at = lines.index(r"        - >? AT+CGSN\r")
    assert lines[at + 1 : at + 3] == [r"        - < \r\n", r"        - < {imei-1:15}\r\n\r\nOK\r\n"]


def test_escapes_and_ticks_of_a_logger() -> None:
    lines = body(read_log(logs.WALTER))
    assert lines[:3] == [
        r'   +0.000 >? AT+SQNSMQTTPUBLISH=0,"pager/test/up",1,44\r',
        r"   +0.010 < \r\n>",
        r'  +29.990 >? AT+SQNSMQTTPUBLISH=0,"pager/test/up",1,44\r',
    ]
    assert lines[-1] == r"   +0.550 < \r\n+SQNSMQTTONPUBLISH:0,5,0\r\n"


def test_lines_without_ends_get_the_usual_ones_and_a_mark() -> None:
    transcript = read_log(logs.LINES)
    assert body(transcript)[:3] == [
        r"        - >? AT+CREG?\r",
        r"        - <? \r\n+CREG: 0,1\r\n",
        r"        - <? \r\nOK\r\n",
    ]
    assert len(transcript.assumed) == 2


def test_times_of_a_clock_go_over_midnight() -> None:
    lines = body(read_log(logs.PORT))
    assert lines == [
        r"   +0.000 >? AT+CREG?\r",
        r"   +0.050 <? \r\n+CREG: 0,1\r\n",
        r"   +0.200 <? \r\nOK\r\n",
        r"   +1.000 > AT+CGMM\r",
        r"   +0.100 < \r\nX1\r\n\r\nOK\r\n",
    ]


def test_a_terminal_is_read_without_the_prose_around_it() -> None:
    transcript = read_log(logs.TERMINAL)
    assert len(transcript.assumed) == 3
    text = shown(transcript, Direction.RECEIVED).decode()
    assert "snapshot" not in text
    assert "Hello" not in text
    assert '+CEREG: 5,"E198","043A5E0A",7' in text
    assert body(transcript)[:3] == [
        r"        - <? \r\n+SYSSTART\r\n",
        r'        - >? AT+SQNSNVW="certificate",19,0\r',
        r'        - < AT+SQNSNVW="certificate",19,0\r',
    ]


def test_data_that_a_page_cut_short_are_as_long_as_announced_and_hidden() -> None:
    parts = [
        part for each in chunks(read_log(logs.TERMINAL)) for part in each.parts if isinstance(part, Payload)
    ]
    assert parts == [Payload(2584)]


def test_data_that_are_whole_are_kept() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
    transcript = read_log(f'AT+W="certificate",19,{len(pem)}\n{pem}OK\n')
    parts = [part for each in chunks(transcript) for part in each.parts if isinstance(part, Payload)]
    assert [(part.length, part.pieces) for part in parts] == [(len(pem), (pem.encode(),))]


def test_secrets_of_the_standards_and_of_the_vendor_are_hidden() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"
    log = (
        'TX: AT+CPIN="4711"\nRX: OK\nTX: AT+ACME="hidden by the vendor"\nRX: OK\nTX: AT+CIMI\nRX: 001010123456789\n'
        f'RX: OK\nTX: AT+W=1\nRX: \\r\\n> \nTX: {key.encode()!r}\nRX: OK\nTX: AT+SND\nRX: \\r\\n> \n'
        "TX: b'GET / HTTP/1.1\\r\\nAuthorization: Basic bWU6cHc=\\r\\n\\r\\n'\nRX: OK\n"
    )  # fmt: skip
    transcript = read_log(log, redact=lambda line: line.replace('"hidden by the vendor"', '"***"'))
    text = transcript_text(transcript)
    for secret in ("4711", "hidden by", "001010123456789", "MIGH", "bWU6"):
        assert secret not in text
    for placeholder in ("{pin-1}", "{secret-1}", "{imsi-1:15}", "hidden: key-1", "{authorization-1:"):
        assert placeholder in text


@pytest.mark.parametrize("text", ["", "no log at all\n", "RX: OK\n", "+CREG: 1\n"])
def test_no_log_is_told_with_the_forms_that_there_are(text: str) -> None:
    with pytest.raises(TranscriptError, match="no command was found") as caught:
        read_log(text)
    assert caught.value.remedy is not None
    assert all(kind in caught.value.remedy for kind in FORMATS)


def test_a_log_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemtls.transcript.imports.MAX_CHARACTERS", 10)
    with pytest.raises(TranscriptError, match="10 is the most"):
        read_log("TX: AT+CFUN?\n")


WORDS = st.sampled_from(
    ["TX:[", "RX:[", "TX: ", "RX: ", "Tx[ ", "Rx[ ", "COM1 >: ", "COM1 <: ", "]", "AT", "AT+X=", "OK", "\\r\\n", "<CR>",
     "bytearray(b'", "')", "\n", "\r", "12:00:00.5 ", "(12345) ", "> ", '"', "-----BEGIN X-----", "\u2026", "\\x", "5"]
)  # fmt: skip


@given(st.lists(WORDS | st.text(max_size=4), max_size=25).map("".join), st.sampled_from(["auto", *FORMATS]))
def test_any_text_gives_a_transcript_or_one_clear_error(text: str, kind: str) -> None:
    try:
        transcript = read_log(text, kind)
    except TranscriptError:
        return
    assert parse(transcript_text(transcript).encode()) == transcript
