"""The test that is written from a transcript runs, passes, and fails when something is different."""

from __future__ import annotations

from typing import Any

import pytest
from tests.canaries import PASSWORD, PIN, TOKEN

from modemtls.transcript import TranscriptError, parse
from modemtls.transcript.imports import read_log
from modemtls.transcript.totest import dialogue_source

from . import logs

HEAD = "modemtls transcript 1\npayloads: full\n\n"


def source(*lines: str) -> str:
    return dialogue_source(parse((HEAD + "".join(f"{line}\n" for line in lines)).encode()), "it")


def check_passes(text: str, name: str) -> None:
    """Run the test."""
    names: dict[str, Any] = {}
    exec(compile(text, "generated", "exec"), names)
    names[f"test_{name}"]()


def test_a_whole_session_becomes_a_test_that_passes(recorded: tuple[str, list[object]]) -> None:
    text = dialogue_source(parse(recorded[0].encode()), "A session, whole")
    check_passes(text, "a_session_whole")
    for secret in (PASSWORD, PIN, TOKEN):
        assert secret not in text
    assert "load_object(find_model('sequans-gm02s').driver).dialect" in text
    assert "channel.upload(raw('AT+SQNSNVW=\"privatekey\",18,227'), b'.' * 227" in text
    assert "channel.download(raw('AT+SQNHTTPRCV=" in text
    assert "Marked(b'<<<'," in text
    assert "Announced(lambda line:" in text


@pytest.mark.parametrize("log", [logs.WALTER_PYTHON, logs.WALTER, logs.LINES, logs.PORT, logs.TERMINAL])
def test_logs_of_other_tools_become_tests_that_pass(log: str) -> None:
    check_passes(dialogue_source(read_log(log), "it"), "it")


def test_the_test_says_what_the_channel_made_of_it() -> None:
    text = source(
        r"+0.000 > AT+CFUN?\r", r"+0.010 < \r\n+CFUN: 1\r\n", r"+0.000 < \r\n+CEREG: 5\r\n\r\nOK\r\n",
        r"+0.000 > AT+X\r", r"+2.000 < \r\n+CME ERROR: 3\r\n",
    )  # fmt: skip
    assert "('AT+CFUN?', [(0.01, b'\\r\\n+CFUN: 1\\r\\n'), b'\\r\\n+CEREG: 5\\r\\n\\r\\nOK\\r\\n'])," in text
    assert "assert reply.lines == ('+CFUN: 1',)" in text
    assert "assert str(reply.final) == '+CME ERROR: 3'" in text
    assert "assert events == ['+CEREG: 5']" in text
    check_passes(text, "it")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+CFUN: 1\\r", "+CFUN: 0\\r"),
        ("'AT+CFUN?'", "'AT+CFUM?'"),
        ("OK\\r\\n'", "ERROR\\r\\n'"),
        ("b'\\r\\n+CEREG", "b'x\\r\\n+CEREG"),
    ],
)
def test_the_test_fails_when_a_byte_is_another(old: str, new: str) -> None:
    text = source(
        r"+0.000 > AT+CFUN?\r", r"+0.010 < \r\n+CFUN: 1\r\n", r"+0.000 < \r\n+CEREG: 5\r\n\r\nOK\r\n"
    )
    assert old in text
    with pytest.raises(AssertionError):
        check_passes(text.replace(old, new, 1), "it")


def test_what_is_no_row_of_exchanges_is_written_as_bytes() -> None:
    text = source(
        r"+0.000 > AT+DATA=44\r", r"+0.010 < \r\n> ", r"+30.000 > AT+DATA=44\r", r"+0.010 < \r\nERROR\r\n"
    )
    assert "port.write(b'AT+DATA=44\\r', 600)" in text
    assert "Channel" not in text
    check_passes(text, "it")


def test_a_placeholder_becomes_a_value_that_says_what_it_is() -> None:
    text = source(
        r'+0.000 > AT+CPIN="{pin-1}"\r', r"+0.000 < \r\nOK\r\n", r"+0.000 > AT+CGSN\r", r"+0.000 < \r\n{imei-1:15}\r\n",
        r"+0.000 < \r\nOK\r\n",
    )  # fmt: skip
    assert 'AT+CPIN="pin-1"' in text
    assert "000000000000001" in text
    check_passes(text, "it")


def test_a_transcript_in_which_nothing_was_sent_is_no_dialogue() -> None:
    with pytest.raises(TranscriptError, match="nothing was sent"):
        source(r"+0.000 < \r\nHI\r\n")
