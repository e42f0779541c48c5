"""Single cases of answers that could go to the wrong command; the attack on all of them is elsewhere."""

from __future__ import annotations

import pytest

from modemtls.at import Announced, Command, fields
from modemtls.errors import HttpError, ModemTimeout, Reason

from .conftest import Script, Talk

READ = Command.read("+X")
SENT = b"AT+X?\r"
PROBE = b"AT+CMEE?\r"
PROBED = b"\r\n+CMEE: 1\r\n\r\nOK\r\n"
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
        (PROBE, [PROBED]),
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
