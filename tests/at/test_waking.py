"""A modem that sleeps, or was left in some state by another program; and one that answers next to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemtls.at import Command, free_text, number, quote, raw, secret
from modemtls.at.channel import EMPTY_LINES
from modemtls.errors import CommandError, ModemTimeout, Reason

from .conftest import DIALECT, Chunk, Script, Talk

AT, SHOW = b"AT\r", b"ATQ0\r"
EMPTY = b"\r" * EMPTY_LINES
OK = b"\r\nOK\r\n"


def test_to_a_silent_modem_go_an_escape_and_then_empty_lines() -> None:
    with Script(
        (AT, []),
        (SHOW, []),
        (b"+++", []),
        (AT, []),
        (EMPTY + SHOW, []),
        (EMPTY + AT, []),
        (EMPTY + SHOW, [OK]),
    ) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(20.0))
        assert port.time - 1000 == pytest.approx(2.0 + 2.4 + 1.0 + 1.0 + 1.0)


def test_the_escape_has_silence_before_and_after_it() -> None:
    times: list[tuple[float, bytes]] = []

    class Timed(Script):
        def write(self, data: bytes, timeout: float) -> None:
            times.append((self.time - 1000, data))
            super().write(data, timeout)

    with Timed((AT, []), (SHOW, []), (b"+++", [(0.1, OK)]), (AT, [OK])) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(7.0))
    assert [data for _, data in times] == [AT, SHOW, b"+++", AT]
    assert [time for time, _ in times] == pytest.approx([0.0, 1.0, 3.2, 4.4])
    assert talk.events() == ["OK"]  # that of the escape is not taken for the answer


@pytest.mark.parametrize(("timeout", "escapes"), [(6.7, False), (6.9, True)])
def test_the_escape_is_for_those_who_have_time(timeout: float, escapes: bool) -> None:
    port = Script((AT, []), (SHOW, []), *([(b"+++", [])] if escapes else []), (AT, [OK]))
    talk = Talk(port)
    assert talk(talk.channel.wake(timeout))
    port.close()


def test_a_modem_that_stays_silent_is_not_awake_at_the_deadline() -> None:
    with Script((AT, []), (SHOW, []), (AT, [])) as port:
        talk = Talk(port)
        assert not talk(talk.channel.wake(3.0))
        assert port.time - 1000 == pytest.approx(3.0)


def test_events_while_it_is_escaped_are_events() -> None:
    with Script((AT, []), (SHOW, [(1.5, b"\r\n+RING: 1\r\n")]), (b"+++", []), (AT, [OK])) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(9.0))
        assert talk.events() == ["+RING: 1"]


# Questions to a modem that cannot be put in step.


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ([b"ATI\r\r\nBoot 1.0\r\n", b"\r\nOK\r\nlater\r\n"], ("ATI", "Boot 1.0", "OK")),
        ([b"Boot 1.0\r\n", (1.0, b"more\r\n")], ("Boot 1.0", "more")),
        ([b"Boot 1.0\r\n", (2.5, b"too late\r\n")], ("Boot 1.0",)),
        ([b"\r\n+CME ERROR: 3\r\nlater\r\n"], ("+CME ERROR: 3",)),
        ([], ()),
    ],
)
def test_a_question_gives_the_lines_that_come_in_time(answer: list[Chunk], lines: tuple[str, ...]) -> None:
    with Script((b"ATI\r", answer)) as port:
        talk = Talk(port)
        assert talk(talk.channel.question(free_text("I"), 2.0)) == lines
        assert port.time - 1000 <= 2.0


def test_a_question_to_a_modem_that_floods_ends() -> None:
    with Script((b"ATI\r", [b"x\r\n"] * 500)) as port:
        talk = Talk(port)
        assert len(talk(talk.channel.question(free_text("I"), 2.0))) == 100


def test_a_question_is_not_preceded_by_a_recovery_and_what_stood_there_is_not_its_answer() -> None:
    with Script((b"AT+X?\r", []), (b"ATI\r", [b"Boot\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises(TimeoutError):
            talk(talk.channel.command(Command.read("+X")))
        talk.channel._receiver.feed(b"\r\n> ")
        assert talk(talk.channel.question(free_text("I"), 1.0)) == ("Boot",)
        assert talk.channel.is_recovering


# A person's line that wants data.


def test_a_line_that_asks_for_data_is_an_error_that_says_so() -> None:
    with Script((b"AT+UP=3\r", [b"\r\n> "])) as port:
        talk = Talk(port)
        with pytest.raises(CommandError) as caught:
            talk(talk.channel.command(raw("AT+UP=3"), asks=True))
    assert str(caught.value) == (
        "AT+UP=3 asks for data, and none were given. "
        "Give them with the command (data=, --data @FILE), exactly as many bytes as it says."
    )
    assert caught.value.reasons == {Reason.INVALID_PARAMETER}
    assert caught.value.command == "AT+UP=3"
    assert caught.value.lines == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("-5", -5), ("0123456789", 123456789), ("01234567890", None), ("", None), ("-", None), ("--1", None),
        ("1.0", None), ("x", None), ("1x", None), ("x1", None), ("+1", None), ("٣", None), (" 1", None), ("1\n", None),
    ],
)  # fmt: skip
def test_a_number_is_one_that_a_modem_can_have(text: str, value: int | None) -> None:
    assert number(text) == value


def test_a_prompt_that_nobody_expected_is_no_prompt() -> None:
    with Script((b"AT+UP=3\r", [b"\r\n> ", (1.0, OK)])) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(raw("AT+UP=3"))).ok


def test_what_was_asked_for_and_not_given_is_filled_with_spaces() -> None:
    probe, last = b"AT+CMEE?\r", b"AT+CMEE=?\r"
    with Script(
        (b"AT+UP=30\r", [b"\r\n> "]),
        (b" ", []),
        (probe, []),
        (b" " * 1024, [OK]),
        (probe, [b"\r\n+CMEE: 1\r\n\r\nOK\r\n"]),
        (last, [b"\r\n+CMEE: (0-2)\r\n\r\nOK\r\n"]),
        (AT, [OK]),
    ) as port:
        talk = Talk(port)
        with pytest.raises(CommandError):
            talk(talk.channel.command(raw("AT+UP=30"), asks=True))
        assert talk(talk.channel.command(Command.do())).ok


# A modem whose prompt is the line CONNECT.


def test_a_line_can_be_the_prompt() -> None:
    data = b"\r\nCONNECT\r\nOK\r\n"
    dialect = replace(DIALECT, connect_prompt=True)
    with Script((b"AT+UP=15\r", [b"\r\nCONNECT\r\n"]), (data, [b"\r\n+UP: 1\r\n", OK])) as port:
        talk = Talk(port, dialect)
        op = talk.channel.upload(Command.set("+UP", 15), data, prompt_timeout=1.0)
        assert talk(op).lines == ("+UP: 1",)


@pytest.mark.parametrize(
    ("connects", "line"), [(False, b"CONNECT"), (True, b"connect"), (True, b"CONNECTED")]
)
def test_no_other_line_is_a_prompt(connects: bool, line: bytes) -> None:
    with Script((b"AT+UP=2\r", [b"\r\n" + line + b"\r\n"])) as port:
        talk = Talk(port, replace(DIALECT, connect_prompt=connects))
        with pytest.raises(ModemTimeout):
            talk(talk.channel.upload(Command.set("+UP", 2), b"ab", prompt_timeout=1.0))


# Secrets.


def test_an_echo_of_a_secret_in_the_next_exchange_is_hidden_and_in_the_one_after_that_is_not_sought() -> None:
    login = Command.set("+L", secret(quote("hunter2hunter2")))
    with Script(
        (b'AT+L="hunter2hunter2"\r', [OK]),
        (AT, [b"odd hunter2hunter2\r\n" + OK]),
        (AT, [b"odd hunter2hunter2\r\n" + OK]),
    ) as port:
        talk = Talk(port)
        talk(talk.channel.command(login))
        assert talk(talk.channel.command(Command.do("", reply="x"))).ok
        assert talk.events() == ["***"]
        assert talk(talk.channel.command(Command.do("", reply="x"))).ok
        assert talk.events() == ["odd hunter2hunter2"]


def test_a_line_that_is_too_long_is_told_of_in_words() -> None:
    with Script() as port:
        talk = Talk(port, replace(DIALECT, max_line_characters=70))
        with pytest.raises(CommandError) as caught:
            talk(talk.channel.command(Command.set("+X", quote("y" * 70))))
    shown = 'AT+X="' + "y" * 54 + "…"
    assert str(caught.value) == (
        f"The command line {shown} would have 77 characters; this modem is sent 70 at most. "
        "Use shorter arguments: a shorter path, name or value."
    )
    assert caught.value.command == shown


@pytest.mark.parametrize("line", ["", "I", "+ACME", "+ACME?", "+ACME=?"])
def test_a_command_whose_answer_has_no_prefix(line: str) -> None:
    command = free_text(line)
    assert (command.text, command.shown, command.reply) == ("AT" + line, "AT" + line, None)


@pytest.mark.parametrize(
    "line", ["+ACME=1", "+ACME==?", "+ACME??", "+ACME?=", "=?=?", "+acme?", "+ACME=?+ACME"]
)
def test_what_is_no_such_command(line: str) -> None:
    with pytest.raises(ValueError, match="is not the name"):
        free_text(line)
