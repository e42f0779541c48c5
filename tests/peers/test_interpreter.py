"""iaxmodem: an interpreter of ITU-T V.250 commands that no one has written with modemtls in mind.

It has no ``AT+CMEE``, so the channel is told another question whose answer it alone has.  What it makes of
``A/`` is its own: it takes the two characters and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest

from modemtls.at import Channel, Dialect, Final, raw
from modemtls.errors import ModemTimeout, Reason
from modemtls.op import Op, run
from modemtls.opening import begin
from modemtls.port import Port, open_port
from modemtls.settings import Settings

T = TypeVar("T")

MAKER = "www.soft-switch.org"
OK = Final("OK")


class Line:
    """A channel on iaxmodem's pty; ``line("ATI3")`` gives result and lines."""

    def __init__(self, port: Port, dialect: Dialect, recover_timeout: float = 10.0) -> None:
        self.port = port
        self.channel = Channel(dialect, command_timeout=1.0, recover_timeout=recover_timeout)

    def run(self, op: Op[T]) -> T:
        return run(op, self.port)

    def __call__(self, text: str, *, dial: bool = False) -> tuple[Final, tuple[str, ...]]:
        reply = self.run(self.channel.command(raw(text), dial=dial))
        return reply.final, reply.lines


@pytest.fixture
def line(iaxmodem: str) -> Iterator[Line]:
    port = open_port(iaxmodem)
    yield Line(port, Dialect(sync_command="ATI3", sync_reply=MAKER))
    port.close()


def test_echo_on_and_off_give_the_same_answers(line: Line) -> None:
    for setting in ("ATE1", "ATE0", "ATE1"):
        assert line(setting) == (OK, ())
        assert line("ATI3") == (OK, (MAKER,))
        assert line("AT+FCLASS=99") == (Final("ERROR"), ())
    assert not line.channel.has(lambda _: True), "an echo became an event"


def test_results_as_numbers_are_understood_after_one_that_was_not(line: Line) -> None:
    with pytest.raises(ModemTimeout):
        line("ATV0")
    assert line("ATI3") == (OK, (MAKER,))
    assert line("AT+FCLASS=99") == (Final("ERROR"), ())
    assert line("ATI3;I0") == (OK, (MAKER, "spandsp"))
    assert line("ATV1") == (OK, ())
    assert line("AT+FCLASS?") == (OK, ("0",))


def test_a_modem_left_with_results_as_numbers_is_woken(line: Line) -> None:
    line.port.write(b"ATE0V0\r", 1.0)
    assert line.port.read(1.0)
    assert line.run(line.channel.wake(3.0))
    assert line("ATV1") == (OK, ())
    assert line("ATI3") == (OK, (MAKER,))


def test_results_that_are_switched_off_time_out_and_the_next_command_has_them_again(line: Line) -> None:
    with pytest.raises(ModemTimeout):
        line("ATQ1")
    assert line("ATI3") == (OK, (MAKER,))
    assert line("AT+FCLASS=99") == (Final("ERROR"), ())
    assert not line.channel.is_recovering


def test_a_modem_left_with_results_switched_off_is_woken(line: Line) -> None:
    line.port.write(b"ATE0Q1\r", 1.0)
    line.port.read(0.2)
    assert line.run(line.channel.wake(5.0))
    assert line("ATI3") == (OK, (MAKER,))


def test_a_repetition_is_one_answer_and_the_next_command_has_its_own(line: Line) -> None:
    assert line("ATI3") == (OK, (MAKER,))
    assert line("A/") == (OK, ())
    assert line("ATI0") == (OK, ("spandsp",))


@pytest.mark.parametrize("separator", [";", " ; ", ";;", ""])
def test_several_commands_in_a_line_have_one_result(line: Line, separator: str) -> None:
    assert line(f"ATI3{separator}I0{separator}S0?") == (OK, (MAKER, "spandsp", "000"))


def test_the_result_of_a_line_that_fails_half_way_is_an_error(line: Line) -> None:
    assert line("ATI3;+FCLASS=99;I0") == (Final("ERROR"), (MAKER,))
    assert line("ATI0") == (OK, ("spandsp",))


def test_the_error_of_an_interrupted_call_is_not_the_next_answer(line: Line) -> None:
    assert line("ATE0") == (OK, ())
    with pytest.raises(ModemTimeout):
        line("ATDT1", dial=True)
    assert line("ATI0") == (OK, ("spandsp",))
    assert line("ATI3") == (OK, (MAKER,))


def test_a_bare_ok_does_not_end_a_recovery(iaxmodem: str) -> None:
    port = open_port(iaxmodem)
    try:
        line = Line(port, Dialect(), recover_timeout=2.5)
        with pytest.raises(ModemTimeout):
            line("ATQ1")
        with pytest.raises(ModemTimeout) as caught:
            line("ATI3")
        assert "AT+CMEE?" in str(caught.value)
        assert line.channel.is_recovering
    finally:
        port.close()


def test_opening_it_as_a_modem_of_ours_says_that_it_is_none(iaxmodem: str) -> None:
    port = open_port(iaxmodem)
    try:
        with pytest.raises(ModemTimeout) as caught:
            run(begin(Channel(Dialect(), recover_timeout=2.0), Settings(), ()), port)
    finally:
        port.close()
    assert "Something on this port answers AT" in str(caught.value)
    assert caught.value.reasons == {Reason.NO_ANSWER}
