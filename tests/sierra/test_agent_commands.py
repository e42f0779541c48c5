"""The agent's command line: forms, ranges, errors, CMEE, and what the firmware around it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .agent import Agent, crc
from .command_lists import AT_REST, REFUSED, WRONG_FORMS, WRONG_VALUES


def test_first_words() -> None:
    with Agent() as agent:
        assert agent.line.until(b"READY\r\n") == b"\r\n+MTREADY\r\n"
        assert agent.line.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
        assert agent.line.ask("AT+MTVER?") == b'\r\n+MTVER: 1,"1.0.0","host","1.4"\r\n\r\nOK\r\n'


def test_errors_have_no_number_until_the_host_asks_for_it() -> None:
    with Agent() as agent:
        line = agent.ready()
        assert line.ask("AT+MTDEL=CA,1") == b"\r\n+CME ERROR: 703\r\n"
        assert line.say("AT+CMEE=0") == "OK"
        assert line.ask("AT+MTDEL=CA,1") == b"\r\nERROR\r\n"
        assert line.say("AT+MTERR?") == '+MTERR: 703,"",0|OK'


@pytest.fixture(scope="module")
def still() -> Iterator[Agent]:
    """An agent for commands that change nothing."""
    with Agent() as agent:
        agent.ready()
        yield agent


@pytest.mark.parametrize("command", WRONG_FORMS)
def test_a_form_that_there_is_not_is_a_bare_error(still: Agent, command: str) -> None:
    assert still.line.ask(command) == b"\r\nERROR\r\n"
    assert still.line.say("AT+MTVER?").endswith("OK")


@pytest.mark.parametrize("command", WRONG_VALUES)
def test_a_value_that_is_not_allowed_is_701(still: Agent, command: str) -> None:
    assert still.line.ask(command) == b"\r\n+CME ERROR: 701\r\n"
    assert still.line.say("AT+MTERR?") == '+MTERR: 701,"",0|OK'


@pytest.mark.parametrize(("command", "number"), REFUSED)
def test_refusals_by_state(still: Agent, command: str, number: int) -> None:
    assert still.line.ask(command) == b"\r\n+CME ERROR: %d\r\n" % number


@pytest.mark.parametrize(("command", "answer"), AT_REST)
def test_answers_at_rest(still: Agent, command: str, answer: str) -> None:
    assert still.line.say(command) == answer


def test_what_is_no_command_is_passed_over(still: Agent) -> None:
    still.line.send(b"\r\n\r\nhello world\r;;;\r\x00\x01\xff\r")
    assert still.line.say("AT+MTVER?").endswith("OK")


def test_a_command_with_a_typing_error_taken_back(still: Agent) -> None:
    still.line.send(b"AT+MTVEX\bR?\r")
    assert b"+MTVER" in still.line.until(rb"OK\r\n")


def test_the_clock_is_the_firmwares() -> None:
    with Agent() as agent:
        line = agent.ready()
        assert line.say("AT+MTCLK?").startswith('+MTCLK: "98/01/01,00:00:0')
        assert line.say('AT+CCLK="26/02/29,10:00:00"') == "+CME ERROR: 3"
        assert line.say('AT+CCLK="26/02/28,23:59:5"') == "+CME ERROR: 3"
        assert line.say('AT+CCLK="26/11/21,10:00:00"') == "OK"
        assert line.say("AT+MTCLK?").startswith('+MTCLK: "26/11/21,10:00:0')


def test_the_clock_goes_on_over_a_restart() -> None:
    with Agent() as agent:
        line = agent.ready()
        assert line.say('AT+CCLK="26/11/21,10:00:00"') == "OK"
        assert line.say("AT+CFUN=1") == "OK"
        agent.ready()
        assert line.say("AT+MTCLK?").startswith('+MTCLK: "26/11/21,10:00:0')


def test_without_the_application_its_commands_are_unknown() -> None:
    with Agent("--boot-delay=20") as agent:
        line = agent.ready()
        assert line.put("CA", 1, b"x" * 100) == "OK"
        assert line.say("AT+WOPEN=0") == "OK"
        line.quiet(0.3)
        assert line.ask("ATE0").endswith(b"OK\r\n")
        assert line.say("AT+MTVER?") == "ERROR"
        assert line.say("AT+WOPEN?") == "+WOPEN: 0|OK"
        assert line.say("AT+WOPEN=7") == "+WOPEN: 7,0|OK"
        assert line.say("AT+WOPEN=1") == "OK"
        agent.ready()
        assert line.say("AT+MTLIST?") == f"+MTLIST: CA,1,100,{crc(b'x' * 100)}|OK"


def test_erased_flash_is_no_objects_and_no_configuration() -> None:
    with Agent("--boot-delay=20") as agent:
        line = agent.ready()
        assert line.put("CA", 1, b"x" * 100) == "OK"
        assert line.say("AT+MTTLS=ALWAYS,1") == "OK"
        assert line.say("AT+WOPEN=0") == "OK"
        line.quiet(0.3)
        assert line.ask("AT+WOPEN=3").endswith(b"OK\r\n")
        assert line.ask("AT+WOPEN=1").endswith(b"OK\r\n")
        agent.ready()
        assert line.say("AT+MTLIST?") == "OK"
        assert line.say("AT+MTTLS?") == "+MTTLS: NONE,,,|OK"
        assert line.put("CA", 1, b"y" * 100) == "OK"


def test_no_application_is_loaded() -> None:
    with Agent("--wopen=-1") as agent:
        line = agent.line
        line.quiet(0.2)
        assert line.ask("AT+CMEE=1").endswith(b"OK\r\n")
        assert line.ask("AT+WOPEN=1").endswith(b"+CME ERROR: 541\r\n")
        assert b"+WOPEN: 7,1" in line.ask("AT+WOPEN=7")


def test_bearer_comes_up_and_says_its_address() -> None:
    with Agent() as agent:
        line = agent.online()
        assert line.say("AT+MTNET?") == '+MTNET: 2,"192.0.2.78"|OK'
        assert line.say('AT+MTNET=1,"other"') == "OK"
        assert line.urc("+MTNET") == '+MTNET: 2,"192.0.2.78"'
        assert line.say("AT+MTNET=0") == "OK"
        assert line.say("AT+MTNET?") == '+MTNET: 0,""|OK'
        assert line.say('AT+MTNET=1,"","75736572","7061737377"') == "OK"
        assert line.urc("+MTNET: 2")


def test_bearer_that_is_starting_is_busy_and_can_be_given_up() -> None:
    with Agent("--bearer-delay=100000") as agent:
        line = agent.ready()
        assert line.say('AT+MTNET=1,"internet"') == "OK"
        assert line.say('AT+MTNET=1,"internet"') == "+CME ERROR: 702"
        assert line.say("AT+MTNET?") == '+MTNET: 1,""|OK'
        assert line.say('AT+MTOPEN=TCP,"localhost",1') == "+CME ERROR: 712"
        assert line.say("AT+MTNET=0") == "OK"
        assert line.say("AT+MTNET?") == '+MTNET: 0,""|OK'
        assert line.quiet() == b""


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--sim=absent", "WIP_BERR_NO_SIM"),
        ("--sim=pin", "WIP_BERR_PIN_NOT_READY"),
        ("--registration=denied", "WIP_BERR_GPRS_FAILED"),
        ("--apn=other", "WIP_BERR_GPRS_FAILED"),
        ("--bearer-fail=WIP_BERR_PPP_AUTH_FAILED", "WIP_BERR_PPP_AUTH_FAILED"),
        ("--bearer-fail=WIP_BERR_CALL_REFUSED", "WIP_BERR_CALL_REFUSED"),
    ],
)
def test_bearer_that_fails_says_why_by_name(option: str, reason: str) -> None:
    with Agent(option) as agent:
        line = agent.ready()
        for _ in range(2):
            assert line.say('AT+MTNET=1,"internet"') == "OK"
            urc = line.urc("+MTNET: 0,")
            assert urc.startswith(f'+MTNET: 0,"{reason}",-7')
            assert line.say("AT+MTERR?") == f'+MTERR: 0,"{reason}",{urc.rpartition(",")[2]}|OK'
            assert line.say("AT+MTNET?") == '+MTNET: 0,""|OK'


@pytest.mark.parametrize(
    ("option", "number"), [("--bearer-open-fail", 713), ("--bearer-start-fail", 714)]
)  # fmt: skip
def test_bearer_that_is_refused_at_once_says_why_by_name(option: str, number: int) -> None:
    with Agent(f"{option}=WIP_BERR_DEV") as agent:
        line = agent.ready()
        for _ in range(2):
            assert line.say('AT+MTNET=1,"internet"') == f"+CME ERROR: {number}"
            assert line.say("AT+MTERR?").startswith(f'+MTERR: {number},"WIP_BERR_DEV",-7')
            assert line.say("AT+MTNET?") == '+MTNET: 0,""|OK'


def test_pin_and_then_the_bearer() -> None:
    with Agent("--sim=pin") as agent:
        line = agent.ready()
        assert line.say("AT+CPIN?") == "+CPIN: SIM PIN|OK"
        assert line.say('AT+CPIN="9999"') == "+CME ERROR: 16"
        assert line.say('AT+CPIN="1234"') == "OK"
        assert line.say('AT+MTNET=1,"internet"') == "OK"
        assert line.urc("+MTNET: 2")


def test_lost_bearer_is_told_and_can_be_started_again() -> None:
    with Agent("--bearer-lost=WIP_BERR_PPP_TERM_REQ", "--bearer-lost-after=100") as agent:
        line = agent.online()
        assert line.urc("+MTNET: 0,").startswith('+MTNET: 0,"WIP_BERR_PPP_TERM_REQ",')
        assert line.say("AT+MTNET?") == '+MTNET: 0,""|OK'
        assert line.say('AT+MTNET=1,"internet"') == "OK"
        assert line.urc("+MTNET: 2")
