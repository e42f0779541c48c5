"""Single cases of answers that could go to the wrong command; the attack on all of them is elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemtls.at import Announced, Command, fields
from modemtls.errors import HttpError, ModemTimeout, Reason

from .conftest import DIALECT, Chunk, Script, Talk
from .peer import HOSTILE, Peer

READ = Command.read("+X")
SENT = b"AT+X?\r"
PROBE = b"AT+CMEE?\r"
PROBED = b"\r\n+CMEE: 1\r\n\r\nOK\r\n"
LAST = b"AT+CMEE=?\r"
LAST_ANSWER = b"\r\n+CMEE: (0-2)\r\n\r\nOK\r\n"
ANSWER = b"\r\n+X: 7\r\n\r\nOK\r\n"
GET = Command.set("+GET", 1)


def count(line: str) -> int | None:
    values = fields(line)
    return int(values[0]) if values and values[0].isdecimal() else None


def test_the_late_rest_of_a_payload_is_not_taken_for_the_answer_to_the_probe() -> None:
    rest = b"\r\n+CMEE: 1\r\n\r\nOK\r\n".ljust(57, b".") + b"\r\nOK\r\n"
    with Script(
        (b"AT+GET=1\r", [b"\r\n+GET: 60\r\nabc", (4.8, rest)]),
        (PROBE, []),
        (PROBE, [(0.0, PROBED + PROBED)]),
        (LAST, [LAST_ANSWER]),
        (SENT, [ANSWER]),
    ) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.download(GET, Announced(count, 60), idle_timeout=3.0))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


@pytest.mark.parametrize("between", [b"NO CARRIER", b"+CME ERROR: 171", b"+CEREG: 1"])
def test_an_event_inside_the_answer_to_the_probe_does_not_end_it(between: bytes) -> None:
    probed = b"\r\n+CMEE: 1\r\n\r\n" + between + b"\r\n"
    with Script((SENT, []), (PROBE, [probed, (0.2, b"\r\nOK\r\n")]), (SENT, [ANSWER])) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_an_answer_that_came_twice_and_in_pieces_is_not_the_next_ones() -> None:
    with Script((SENT, [ANSWER, b"\r\n+X: 7\r\n", b"\r\n", b"OK\r\n"]), (SENT, [ANSWER])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
        began = port.time
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert port.time == began


@pytest.mark.parametrize("recover_timeout", [2.0, 5.0, 10.0])
def test_waiting_for_other_probes_keeps_to_the_deadline(recover_timeout: float) -> None:
    """The modem comes back just before the deadline, and has not heard the probes before that."""
    port = Script((SENT, []))
    talk = Talk(port, recover_timeout=recover_timeout)
    with pytest.raises(ModemTimeout):
        talk(talk.channel.command(READ))
    came_back = port.time + recover_timeout - 1.0

    def write(data: bytes, timeout: float) -> None:
        if data == PROBE and port.time >= came_back:
            port.say([(0.9, PROBED)])

    port.write = write  # type: ignore[method-assign]
    began = port.time
    try:
        talk(talk.channel.ready())
    except ModemTimeout:
        assert talk.channel.is_recovering
    assert port.time - began <= recover_timeout * 1.1 + 1e-6


def test_the_echo_of_what_filled_an_upload_hides_no_other_echo() -> None:
    upload = Command.set("+UP", 8)
    echo = b" " * 40 + b"AT+UP=8\r"
    with Script(
        (b"AT+UP=8\r", [echo, b"\r\n> "]),
        (b"\r\nOK\r\n??", [b"\r\nOK\r\n??", (0.1, b"\r\n+UP: 8\r\n\r\nOK\r\n")]),
    ) as port:
        talk = Talk(port)
        op = talk.channel.upload(upload, b"\r\nOK\r\n??", prompt_timeout=3.0)
        assert talk(op).lines == ("+UP: 8",)


def test_half_a_line_end_and_an_event_behind_a_payload_are_lost_bytes() -> None:
    """One byte of the payload was lost, so that it took the CR of its line end."""
    answer = b"\r\n+GET: 8\r\n1234567\r\n+RING: 1\r\n\r\nOK\r\n"
    with Script((b"AT+GET=1\r", [answer])) as port:
        talk = Talk(port)
        with pytest.raises(HttpError) as caught:
            talk(talk.channel.download(GET, Announced(count, 8)))
        assert Reason.BYTES_LOST in caught.value.reasons


def out_of_step(talk: Talk) -> None:
    """A command that is not answered, and then the next, which is answered by its own answer."""
    with pytest.raises(ModemTimeout):
        talk(talk.channel.command(READ))
    assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


REFUSED = b"\r\nERROR\r\n"


def test_a_modem_that_does_not_know_the_last_question_is_in_step_after_a_silence() -> None:
    with Script((SENT, []), (PROBE, []), (PROBE, [PROBED]), (LAST, [REFUSED]), (SENT, [ANSWER])) as port:
        talk = Talk(port)
        out_of_step(talk)
        assert port.time - 1000 == pytest.approx(5.0 + 1.0 + 1.8)


def test_answers_that_come_after_the_refusal_are_not_the_next_ones() -> None:
    late: list[Chunk] = [REFUSED, (1.3, PROBED), (1.3, PROBED)]
    with Script((SENT, []), (PROBE, []), (PROBE, [PROBED]), (LAST, late), (SENT, [ANSWER])) as port:
        out_of_step(Talk(port))


@pytest.mark.parametrize("delay", [1.7, 2.4, 2.7])
def test_an_unsolicited_error_is_no_refusal(delay: float) -> None:
    late: list[Chunk] = [b"\r\n+CME ERROR: 171\r\n", (delay, PROBED + LAST_ANSWER)]
    with Script((SENT, []), (PROBE, []), (PROBE, [PROBED]), (LAST, late), (SENT, [ANSWER])) as port:
        out_of_step(Talk(port))


def test_without_a_last_question_silence_tells() -> None:
    late: list[Chunk] = [PROBED, (1.7, PROBED)]
    with Script((SENT, []), (PROBE, []), (PROBE, late), (SENT, [ANSWER])) as port:
        out_of_step(Talk(port, replace(DIALECT, last_probe="")))


def test_a_last_question_that_was_lost_does_not_keep_the_channel_out_of_step() -> None:
    with Script((SENT, []), (PROBE, []), (PROBE, [PROBED]), (LAST, []), (SENT, [ANSWER])) as port:
        talk = Talk(port)
        out_of_step(talk)
        assert port.time - 1000 == pytest.approx(5.0 + 1.0 + 1.0 + 1.8)


def test_a_late_answer_to_an_earlier_last_question_is_not_taken_for_the_new_ones() -> None:
    """The first recovery ends before its last question is answered; both answers come in the second."""
    with Script(
        (SENT, []),
        (PROBE, []),
        (PROBE, []),
        (b"ATQ0\r", []),
        (PROBE, [(0.1, PROBED)]),
        (LAST, []),
        (PROBE, [(0.1, LAST_ANSWER + PROBED)]),
        (LAST, [(1.4, LAST_ANSWER)]),
        (SENT, [ANSWER]),
    ) as port:
        talk = Talk(port, recover_timeout=2.0)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_a_result_whose_line_feed_never_comes_is_not_the_next_commands() -> None:
    with Script((SENT, [ANSWER, b"\r\nOK\r"]), (SENT, [(0.1, ANSWER)])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert talk.events() == ["OK"]


def test_half_an_echo_in_the_recovery_does_not_keep_the_channel_out_of_step() -> None:
    """The first letter of the last question was lost, and its echo ends with a CR that nothing follows."""
    with Script(
        (SENT, []),
        (PROBE, []),
        (PROBE, [PROBED]),
        (LAST, [REFUSED + b"T+CMEE=?\r"]),
        (SENT, [ANSWER]),
    ) as port:
        out_of_step(Talk(port))


@pytest.mark.parametrize("recover_timeout", [2.0, 5.0, 10.0])
def test_a_prompt_that_never_comes_leaves_time_to_get_in_step(recover_timeout: float) -> None:
    peer = Peer(prompt=b"")
    talk = Talk(peer, recover_timeout=recover_timeout)
    data = HOSTILE * 3
    with pytest.raises(ModemTimeout):
        talk(talk.channel.upload(Command.set("+UP", len(data)), data, prompt_timeout=3.0))
    assert talk(talk.channel.command(Command.set("+NUM", 5))).lines == ("+NUM: 5",)
    assert peer.executed.count(f"AT+UP={len(data)}") == 1


@pytest.mark.parametrize(
    ("recover_timeout", "command_timeout", "seconds"),
    [(2.0, 5.0, 0.3), (3.0, 5.0, 1.1), (5.0, 5.0, 2.0), (10.0, 5.0, 4.0), (10.0, 1.0, 1.0), (1.0, 5.0, 0.0)],
)
def test_how_long_a_late_prompt_is_waited_for(
    recover_timeout: float, command_timeout: float, seconds: float
) -> None:
    times: list[float] = []

    class Timed(Script):
        def write(self, data: bytes, timeout: float) -> None:
            if data == PROBE and not times:
                times.append(self.time)
            if data != b"AT+UP=5\r":
                return
            super().write(data, timeout)

    with Timed((b"AT+UP=5\r", [])) as port:
        talk = Talk(port, recover_timeout=recover_timeout)
        talk.channel.command_timeout = command_timeout
        with pytest.raises(ModemTimeout):
            talk(talk.channel.upload(Command.set("+UP", 5), b"12345", prompt_timeout=3.0))
        began = port.time
        with pytest.raises(ModemTimeout):
            talk(talk.channel.ready())
    assert times[0] - began == pytest.approx(seconds)


def test_an_error_with_a_number_refuses_too() -> None:
    refused = b"\r\n+CME ERROR: 50\r\n"
    with Script((SENT, []), (PROBE, []), (PROBE, [PROBED]), (LAST, [refused]), (SENT, [ANSWER])) as port:
        talk = Talk(port)
        out_of_step(talk)
        assert port.time - 1000 == pytest.approx(5.0 + 1.0 + 1.8)
