"""A modem that asks for announced data by the line CONNECT."""

from __future__ import annotations

import pytest

from modemtls.at import Channel, Command, Dialect, redactor
from modemtls.errors import CommandError, ModemTimeout
from modemtls.op import run
from modemtls.testing import dialogue

OK = b"\r\nOK\r\n"
CONNECT = b"\r\nCONNECT\r\n"
SYNC = (
    ("AT+CMEE?", b"\r\n+CMEE: 1\r\n\r\nOK\r\n"),
    ("AT+CMEE=?", b"\r\n+CMEE: (0-1)\r\n\r\nOK\r\n"),
)
PUT = Command.set("+ACMEPUT", 5)


def channel(*, by_line: bool = True) -> Channel:
    return Channel(Dialect(connect_prompt=by_line), command_timeout=2.0, recover_timeout=10.0)


@pytest.mark.parametrize("chunk", [0, 1, 4])
@pytest.mark.parametrize("data", [b"hello", b"OK\r\n\n", b"\r\n> \x1a", b"+++\r\n"])
def test_data_follow_the_line_and_nothing_else(chunk: int, data: bytes) -> None:
    port = dialogue(chunk=chunk)
    port.expect(("AT+ACMEPUT=5", CONNECT), (data, OK))
    assert run(channel().upload(PUT, data, prompt_timeout=5.0), port).ok
    port.check()


def test_a_refusal_in_its_place_sends_nothing() -> None:
    port = dialogue()
    port.expect(("AT+ACMEPUT=5", b"\r\n+CME ERROR: 701\r\n"))
    assert run(channel().upload(PUT, b"hello", prompt_timeout=5.0), port).final.number == 701
    port.check()


def test_without_the_dialects_word_it_is_no_prompt() -> None:
    port = dialogue()
    port.expect(("AT+ACMEPUT=5", CONNECT))
    with pytest.raises(ModemTimeout):
        run(channel(by_line=False).upload(PUT, b"hello", prompt_timeout=1.0), port)
    port.check()


def test_a_line_that_comes_too_late_is_filled_and_the_dialogue_goes_on() -> None:
    port = dialogue()
    one = channel()
    port.expect(("AT+ACMEPUT=5", ()))
    with pytest.raises(ModemTimeout):
        run(one.upload(PUT, b"hello", prompt_timeout=1.0), port)
    port.say(CONNECT)
    port.expect((b"hello", b"\r\n+CME ERROR: 707\r\n"))
    port.expect_any(*SYNC)
    port.expect(("AT+ACME?", b"\r\n+ACME: 1\r\n\r\nOK\r\n"))
    assert run(one.command(Command.read("+ACME")), port).lines == ("+ACME: 1",)
    port.check()


def test_a_person_is_told_that_data_are_wanted() -> None:
    port = dialogue()
    port.expect(("AT+ACMEPUT=5", CONNECT))
    with pytest.raises(CommandError, match="asks for data"):
        run(channel().command(PUT, asks=True), port)
    port.check()


def test_lines_of_a_modem_that_cannot_be_put_in_step() -> None:
    port = dialogue()
    port.expect(("AT+ACME?", (b"\r\n+ACME: V1\r\n",)))
    assert run(channel().question(Command.read("+ACME"), 1.0), port) == ("+ACME: V1",)
    port.expect(("AT+ACME?", b"\r\nERROR\r\n"))
    assert run(channel().question(Command.read("+ACME"), 1.0), port) == ("ERROR",)
    port.check()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('AT+ACME=1,"me","pw"', 'AT+ACME=1,"me","***"'),
        ("at+acme = 1,me,pw;+OTHER=1", 'at+acme = 1,me,"***";+OTHER=1'),
        ("AT+ACME=1", "AT+ACME=1"),
        ('+ACME: 1,"me","pw"', '+ACME: 1,"me","***"'),
        ("AT+OTHER=1,2,3", "AT+OTHER=1,2,3"),
        ('AT+CPIN="1234"', 'AT+CPIN="***"'),
        ("+CPIN: READY", "+CPIN: READY"),
    ],
)
def test_secrets_are_taken_out_by_position(line: str, shown: str) -> None:
    redact = redactor({"+ACME": {2}, "+CPIN": {0}})
    assert redact(line) == shown
    assert redact(shown) == shown
