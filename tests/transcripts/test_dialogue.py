"""A dialogue fails on a wrong byte, on an answer that nobody read, and on a pair that nobody used."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls import ModemTimeout
from modemtls.at import Channel, Command, Dialect
from modemtls.op import SetLine, run
from modemtls.testing import DialogueError, DialoguePort, dialogue

OK = b"\r\nOK\r\n"


def test_a_dialogue_that_is_kept() -> None:
    with dialogue(("AT+CFUN?", b"\r\n+CFUN: 1\r\n\r\nOK\r\n"), ("AT+CFUN=0", OK)) as port:
        channel = Channel(Dialect())
        assert port.run(channel.command(Command.read("+CFUN"))).lines == ("+CFUN: 1",)
        assert port.run(channel.command(Command.set("+CFUN", 0))).ok
    assert port.written == b"AT+CFUN?\rAT+CFUN=0\r"
    port.close()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"AT+CFUN=0\r", "byte 8 differs"),
        (b"AT+CFUN?\n", "byte 9 differs"),
        (b"at", "byte 1 differs"),
        (b"AT+CFUN?\rAT", "nothing more was expected, and b'AT' was sent"),
    ],
)
def test_a_wrong_byte_fails_at_once_and_at_the_end_again(sent: bytes, why: str) -> None:
    port = dialogue(("AT+CFUN?", b""))
    with pytest.raises(DialogueError, match=re.escape(why)) as caught:
        port.write(sent, 1.0)
    with pytest.raises(DialogueError) as again:
        port.close()
    assert again.value is caught.value
    assert isinstance(caught.value, AssertionError)


def write_in_pieces(port: DialoguePort, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        port.write(data[start : start + size], 1.0)


@given(st.binary(min_size=1, max_size=12), st.data())
def test_any_other_byte_anywhere_is_noticed(expected: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(expected) - 1))
    other = draw.draw(st.integers(0, 255).filter(lambda byte: byte != expected[at]))
    size = draw.draw(st.integers(1, 12))
    sent = expected[:at] + bytes([other]) + expected[at + 1 :]
    port = dialogue((expected, OK))
    with pytest.raises(DialogueError, match=f"byte {at + 1} differs"):
        write_in_pieces(port, sent, size)


def test_half_a_command_fails_at_the_end() -> None:
    port = dialogue(("AT+CFUN?", OK))
    port.write(b"AT+C", 1.0)
    with pytest.raises(DialogueError, match=r"only a part of a command was sent: b'AT\+C'"):
        port.check()


def test_a_pair_that_was_never_used_fails_at_the_end() -> None:
    with pytest.raises(DialogueError, match=r"never sent: b'AT\+CFUN\?\\r'"), dialogue(("AT+CFUN?", OK)):
        pass


def test_many_that_were_never_used_are_counted() -> None:
    with pytest.raises(DialogueError, match="and 3 more"):
        dialogue(*[("AT", OK)] * 8).close()


def test_an_answer_that_was_never_read_fails_at_the_end() -> None:
    port = dialogue(("AT", [OK, (5.0, b"\r\n+EVENT\r\n")]))
    port.write(b"AT\r", 1.0)
    assert port.read(1.0) == OK
    assert port.unread == b"\r\n+EVENT\r\n"
    with pytest.raises(DialogueError, match=r"never read: .*EVENT"):
        port.close()


def test_another_failure_is_not_hidden_by_what_is_left() -> None:
    with pytest.raises(ZeroDivisionError), dialogue(("AT", OK)):
        _ = 1 / 0
    port = dialogue(("AT", OK))
    with pytest.raises(ZeroDivisionError), contextlib.closing(port):
        _ = 1 / 0


def test_silence_takes_virtual_time_only() -> None:
    port = dialogue(("AT+X", b""))
    with pytest.raises(ModemTimeout):
        port.run(Channel(Dialect()).command(Command.do("+X"), timeout=3600.0))
    assert port.now() == pytest.approx(3600.0, abs=1.0)


def test_answers_come_in_their_pieces_and_at_their_times() -> None:
    port = dialogue((b"x", [b"ab", (1.5, b"cd"), b"e"]))
    port.write(b"x", 1.0)
    assert (port.read(0), port.read(0), port.read(1.0)) == (b"ab", b"", b"")
    assert (port.read(1.0), port.now(), port.read(0)) == (b"cd", 1.5, b"e")
    port.close()


@pytest.mark.parametrize("chunk", [1, 3])
def test_no_read_gives_more_than_the_chunk(chunk: int) -> None:
    port = dialogue((b"x", b"abcdefg"), chunk=chunk)
    port.write(b"x", 1.0)
    found = [port.read(0) for _ in range(8)]
    assert b"".join(found) == b"abcdefg"
    assert max(map(len, found)) == chunk


def test_what_the_modem_says_by_itself() -> None:
    port = dialogue().say(b"\r\n+SYSSTART\r\n", (2.0, b"\r\n+CEREG: 1\r\n"))
    assert port.read(0) == b"\r\n+SYSSTART\r\n"
    assert port.read(3.0) == b"\r\n+CEREG: 1\r\n"
    assert port.now() == 2.0
    port.close()


def test_what_may_come_any_number_of_times() -> None:
    for times in range(3):
        port = dialogue(("AT", OK)).expect_any(("AT+CMEE?", b"1"), ("ATQ0", b"2")).expect(("ATI", OK))
        sent = [b"AT\r", *[b"AT+CMEE?\r", b"ATQ0\r"] * times, b"ATI\r"]
        for data in sent:
            for byte in data:
                port.write(bytes([byte]), 1.0)
        assert port.unread == OK + b"12" * times + OK
        while port.read(0):
            pass
        port.close()


def test_what_may_come_must_still_be_right() -> None:
    port = dialogue().expect_any(("AT+CMEE?", OK)).expect(("ATI", OK))
    with pytest.raises(DialogueError, match="byte 3 differs"):
        port.write(b"AT+CMEF?\r", 1.0)


def test_what_may_come_at_the_end_may_be_left_out() -> None:
    dialogue().expect_any(("AT+CMEE?", OK)).close()


def test_misuse_is_told() -> None:
    with pytest.raises(ValueError, match="not nothing"):
        dialogue((b"", OK))
    with pytest.raises(DialogueError, match="a read waits for -1"):
        dialogue().read(-1)
    with pytest.raises(DialogueError, match="a write is given 0 s"):
        dialogue().write(b"x", 0)


def test_the_port_is_a_port() -> None:
    port = DialoguePort(name="mine")
    assert (port.name, port.virtual_time, port.fileno(), port.write_some(b"x")) == ("mine", True, None, None)
    port.set_line(SetLine(baudrate=9600))
    port.sleep(2.0)
    assert port.now() == 2.0


def test_it_does_not_need_pytest() -> None:
    code = "import sys, modemtls.testing; print('pytest' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_import_modemtls_loads_neither_transcripts_nor_testing() -> None:
    code = "import sys, modemtls, modemtls.modem, modemtls.port; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not [n for n in ran.stdout.split() if n.startswith(("modemtls.transcript", "modemtls.testing"))]


def test_the_runner_may_be_the_usual_one() -> None:
    port = dialogue(("AT", OK))
    assert run(Channel(Dialect()).command(Command.do()), port).ok
    port.close()
