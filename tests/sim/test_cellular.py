"""What clients other than modemtls ask of a cellular modem, by 3GPP TS 27.007."""

from __future__ import annotations

import pytest

from modemtls.sim import CellularSimulator

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"


@pytest.fixture
def modem() -> CellularSimulator:
    return CellularSimulator()


def say(modem: CellularSimulator, line: str) -> bytes:
    modem.feed(line.encode() + b"\r")
    modem.advance(modem.now + 5)
    return modem.take()


def test_the_operator_is_named_in_the_format_that_was_asked_for(modem: CellularSimulator) -> None:
    assert say(modem, "AT+COPS?") == b"\r\n+COPS: 0\r\n" + OK
    say(modem, "AT+CFUN=1")
    assert say(modem, "AT+COPS?") == b'\r\n+COPS: 0,2,"00101",7\r\n' + OK
    assert say(modem, "AT+COPS=3,0") == OK
    assert say(modem, "AT+COPS?") == b'\r\n+COPS: 0,0,"Test Network",7\r\n' + OK
    assert say(modem, "AT+COPS=3,1") == OK
    assert say(modem, "AT+COPS?") == b'\r\n+COPS: 0,1,"TestNet",7\r\n' + OK
    modem.restart()
    modem.advance(modem.now + 5)
    modem.take()
    say(modem, "AT+CFUN=1")
    assert say(modem, "AT+COPS?") == b'\r\n+COPS: 0,2,"00101",7\r\n' + OK


@pytest.mark.parametrize("line", ["AT+COPS=3,3", "AT+COPS=3,x", "AT+COPS=5", "AT+COPS=3,"])
def test_a_format_that_does_not_exist_is_refused(modem: CellularSimulator, line: str) -> None:
    say(modem, "AT+CFUN=1")
    assert say(modem, line) == ERROR
    assert say(modem, "AT+COPS?") == b'\r\n+COPS: 0,2,"00101",7\r\n' + OK


def test_automatic_choice_of_the_network_is_accepted(modem: CellularSimulator) -> None:
    assert say(modem, "AT+COPS=0") == OK
    assert say(modem, 'AT+COPS=1,2,"00101",7') == OK


def test_the_character_set_is_asked_for_and_set(modem: CellularSimulator) -> None:
    assert say(modem, "AT+CSCS?") == b'\r\n+CSCS: "GSM"\r\n' + OK
    assert say(modem, "AT+CSCS=?") == b'\r\n+CSCS: ("GSM","IRA")\r\n' + OK
    assert say(modem, 'AT+CSCS="IRA"') == OK
    assert say(modem, "AT+CSCS?") == b'\r\n+CSCS: "IRA"\r\n' + OK
    assert say(modem, 'AT+CSCS="UCS2"') == ERROR
    assert say(modem, "AT+CSCS?") == b'\r\n+CSCS: "IRA"\r\n' + OK


class Strict(CellularSimulator):
    """Answers lines that do not begin with AT."""

    refuses_stray_lines = True


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"\x1b\r", b""),
        (b"\x1a\0\r", b""),
        (b"\x1bAT\r", OK),
        (b"A\0T+CF\x1bUN?\r", b"\r\n+CFUN: 0\r\n" + OK),
        (b"?\x1b\r", ERROR),
    ],
)
def test_control_characters_in_a_line_are_ignored(sent: bytes, answered: bytes) -> None:
    modem = Strict()
    modem.feed(sent)
    assert modem.take() == answered
