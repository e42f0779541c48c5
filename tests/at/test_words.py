"""What the channel's errors and its log say, word for word, and what they carry for a program."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest

from modemtls.at import Announced, Command, Marked, Quoted, QuoteLimits, fields, free_text, quote, raw, starts
from modemtls.at.dialogue import MAX_REPLY_CHARACTERS, MAX_REPLY_LINES
from modemtls.errors import CommandError, ModemError
from modemtls.op import Op

from .conftest import Chunk, Script, Talk

READ = Command.set("+X", 1)
UP = Command.set("+UP", 5)
GET = Command.set("+GET", 1)
ONE = b"AT+X=1\r"
BOOT = b"\r\n+SYSSTART\r\n"
POWER = (
    "Try again. If nobody asked for a restart and it happens again, look at the modem's power supply"
    " (it draws peaks of 2 A)."
)
BAUD = "The baud rate is probably wrong, or the port belongs to another device."


def count(line: str) -> int | None:
    return int(fields(line)[0])


def download(talk: Talk) -> Op[object]:
    return talk.channel.download(GET, Announced(count, 10), idle_timeout=2.5)


def upload(talk: Talk) -> Op[object]:
    return talk.channel.upload(UP, b"12345", prompt_timeout=3.0)


CASES: dict[
    str, tuple[Callable[[Talk], Op[object]], bytes, list[Chunk], str, str | None, tuple[str, ...]]
] = {
    "silence": (
        lambda talk: talk.channel.command(READ),
        ONE,
        [],
        "AT+X=1: the modem gave no final result in time. "
        "Check that it is on, that the port is its AT port, and RTS/CTS.",
        "AT+X=1",
        (),
    ),
    "an answer without its end": (
        lambda talk: talk.channel.command(READ),
        ONE,
        [b"\r\n+X: 1\r\n\r\n+X: 2\r\n"],
        "AT+X=1: the modem gave no final result in time; it began to answer (+X: 2). "
        "Check that it is on, that the port is its AT port, and RTS/CTS.",
        "AT+X=1",
        ("+X: 1", "+X: 2"),
    ),
    "noise": (
        lambda talk: talk.channel.command(READ),
        ONE,
        [b"+X: 1\r\n\xff\xfe\r\n"],
        f"AT+X=1: what came back is not readable. {BAUD}",
        "AT+X=1",
        ("+X: 1",),
    ),
    "a restart": (
        lambda talk: talk.channel.command(READ),
        ONE,
        [BOOT],
        f"The modem restarted during AT+X=1. {POWER}",
        "AT+X=1",
        ("+SYSSTART",),
    ),
    "a flood": (
        lambda talk: talk.channel.command(READ),
        ONE,
        [b"+X: " + b"1" * 96 + b"\r\n"] * (MAX_REPLY_CHARACTERS // 100 + 1),
        f"AT+X=1: the modem sent more than {MAX_REPLY_CHARACTERS} characters or {MAX_REPLY_LINES} lines, "
        "and no final result. "
        "Check that the port is the modem's AT port, and not one for traces or GNSS.",
        "AT+X=1",
        ("+X: " + "1" * 96,) * 5,
    ),
    "an upload that is not awaited": (
        upload,
        b"AT+UP=5\r",
        [b"\r\n+UP: 0\r\n\r\nOK\r\n"],
        "AT+UP=5: the modem answered OK after 0 of 5 bytes: it has not taken the data. "
        "Try again; if it happens again, the modem does not ask for data with this command.",
        "AT+UP=5",
        ("+UP: 0", "OK"),
    ),
    "a length that nobody asked for": (
        download,
        b"AT+GET=1\r",
        [b"\r\n+GET: 11\r\n"],
        "The modem announced 11 bytes in answer to AT+GET=1; 10 were asked for.",
        "AT+GET=1",
        ("+GET: 11",),
    ),
    "a slip": (
        download,
        b"AT+GET=1\r",
        [b"\r\n+GET: 3\r\nabcdef\r\nOK\r\n"],
        "AT+GET=1: no line end follows the announced bytes: some were lost on the line. "
        "Connect RTS and CTS, or use a lower baud rate.",
        "AT+GET=1",
        ("+GET: 3",),
    ),
    "a payload that breaks off": (
        download,
        b"AT+GET=1\r",
        [b"\r\n+GET: 9\r\nabcdef"],
        "AT+GET=1: 3 of 9 bytes did not arrive; nothing came for 2.5 s. "
        "Bytes were probably lost on the line: connect RTS and CTS, or use a lower rate.",
        "AT+GET=1",
        (),
    ),
    "a mark that did not come": (
        lambda talk: talk.channel.download(GET, Marked(b"<<<", 7)),
        b"AT+GET=1\r",
        [b"\r\n+GET: 0\r\n\r\nOK\r\n"],
        "AT+GET=1: the modem ended its answer without the 7 bytes that it announced.",
        "AT+GET=1",
        ("+GET: 0",),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_error_says_what_was_asked_what_came_and_what_to_try(case: str) -> None:
    operation, sent, answer, message, command, lines = CASES[case]
    with Script((sent, answer)) as port:
        talk = Talk(port)
        with pytest.raises(ModemError) as caught:
            talk(operation(talk))
        assert (str(caught.value), caught.value.command, caught.value.lines) == (message, command, lines)


def test_a_restart_inside_a_payload_names_the_command_and_the_line() -> None:
    with Script((b"AT+GET=1\r", [b"\r\n+GET: 90\r\nab\xff\xfe" + BOOT])) as port:
        talk = Talk(port)
        with pytest.raises(ModemError) as caught:
            talk(talk.channel.download(GET, Announced(count, 100)))
        assert str(caught.value) == f"The modem restarted during AT+GET=1. {POWER}"
        assert caught.value.lines == ("+SYSSTART",)
        assert caught.value.command == "AT+GET=1"
        assert talk.events() == ["+SYSSTART"]


def test_a_restart_while_an_event_is_awaited_has_no_command() -> None:
    with Script() as port:
        talk = Talk(port)
        port.say([(0.5, BOOT)])
        with pytest.raises(ModemError) as caught:
            talk(talk.channel.wait(starts("+RING"), 3.0))
        assert str(caught.value) == f"The modem restarted while its answer was awaited. {POWER}"
        assert caught.value.command is None
        assert caught.value.lines == ()


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (
            b"",
            "The modem did not come back after AT+X=1 broke off: it answered nothing to AT+CMEE? for 1.5 s. "
            "Check power and cable; a modem that hangs wants its reset line or a power cycle.",
        ),
        (
            b"\xff\r\n",
            "The modem did not come back after AT+X=1 broke off: what came back in 1.5 s is not readable. "
            + BAUD,
        ),
    ],
)
def test_a_modem_that_does_not_come_back(noise: bytes, message: str) -> None:
    probe = b"AT+CMEE?\r"
    later: list[tuple[bytes, list[Chunk]]] = [(b"ATQ0\r", []), (probe, [])] * 3
    with Script((ONE, []), (probe, [noise] if noise else []), (probe, []), *later) as port:
        talk = Talk(port, recover_timeout=1.5)
        with pytest.raises(ModemError):
            talk(talk.channel.command(READ))
        with pytest.raises(ModemError) as caught:
            talk(talk.channel.ready())
        assert str(caught.value) == message
        assert caught.value.command == "AT+CMEE?"


def test_the_log_of_an_exchange(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "modemtls.at")
    with Script(
        (b"AT+UP=5\r", [b"\r\n+RING: 1\r\n\r\n> "]),
        (b"12345", [b"\r\n+UP: 5\r\n\r\nOK\r\n"]),
        (b"AT+GET=1\r", [b"\r\n+GET: 3\r\nabc\r\nOK\r\n"]),
        (ONE, []),
        (b"AT+CMEE?\r", [b"\r\n+CMEE: 1\r\n\r\nOK\r\n"]),
    ) as port:
        talk = Talk(port)
        talk(upload(talk))
        talk(download(talk))
        with pytest.raises(ModemError):
            talk(talk.channel.command(READ))
        talk(talk.channel.ready())
    assert [record.getMessage() for record in caplog.records] == [
        "event='sent' line='AT+UP=5'",
        "event='received' line='+RING: 1'",
        "event='prompt'",
        "event='sent data' size=5",
        "event='received' line='+UP: 5'",
        "event='received' line='OK'",
        "event='sent' line='AT+GET=1'",
        "event='received' line='+GET: 3'",
        "event='received data' size=3",
        "event='received' line='OK'",
        "event='sent' line='AT+X=1'",
        "event='recovering' command='AT+X=1'",
    ]


RAW = "A command is one line of 1 to 4096 printable ASCII characters; this one is "
ALONE = " Send several commands one after the other, and data with --data."
ALLOWED = 'Allowed is printable ASCII without " and \\'


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: raw(""), f"{RAW}empty.{ALONE}"),
        (lambda: raw("A" * 4097), f"{RAW}longer.{ALONE}"),
        (lambda: raw("A" * 4095 + "\n"), f"{RAW}not.{ALONE}"),
        (
            lambda: quote('a"'),
            f"The text has a character that cannot be sent in an AT command: U+0022 at position 2. {ALLOWED}.",
        ),
        (
            lambda: quote(",", QuoteLimits(forbidden=",;"), what="The name"),
            "The name has a character that cannot be sent in an AT command: U+002C at position 1."
            f" {ALLOWED} and without , ;.",
        ),
        (
            lambda: quote("abc", QuoteLimits(max_length=2), what="The name"),
            "The name has 3 characters; the modem takes 2. Use a shorter one.",
        ),
    ],
)
def test_a_refused_text_is_explained(make: Callable[[], Command | Quoted], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(("argument", "kind"), [(True, "a bool"), (1.5, "float")])
def test_a_wrong_argument_is_named(argument: object, kind: str) -> None:
    wanted = f"a command argument is a number, a quoted string or None, not {kind}"
    with pytest.raises(TypeError, match=f"^{re.escape(wanted)}$"):
        Command.set("+X", argument)  # type: ignore[arg-type]


def test_what_belongs_to_an_answer() -> None:
    for name in ("+X", "^X", "%X", "*X", "$X", "#X"):
        for command in (Command.set(name, 1), Command.read(name), Command.do(name)):
            assert command.reply is not None
            assert command.reply.match(f"{name}: 1")
            assert not command.reply.match("+Y: 1")
            assert not command.reply.match(f"{name}Y: 1")
    for free in (Command.do("I"), Command.do(), free_text("+X"), raw("AT+X?")):
        assert free.reply is None
    for own in (Command.set("I", 1, reply="x"), Command.read("+X", reply="x"), Command.do("I", reply="x")):
        assert own.reply is not None
        assert own.reply.pattern == "x"
