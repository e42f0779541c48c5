"""The data mode of the simulator kit: guard times, held events, flow, restart."""

from __future__ import annotations

import re

import pytest

from modemtls.sim import DataEnd, DataModeSimulator, Result, on


class Echo(DataEnd):
    """Gives back what it takes, in capitals."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self._back = bytearray()

    def take(self, data: bytes) -> None:
        self.heard += data
        self._back += data.upper()

    def give(self, most: int) -> bytes:
        data = bytes(self._back[:most])
        del self._back[:most]
        return data

    def left(self) -> tuple[str, ...]:
        return ("+LEFT: 1",)


class Acme(DataModeSimulator):
    """A modem with one command."""

    end: Echo

    @on(r"AT\+GO")
    def command_go(self, match: re.Match[str]) -> Result:
        self.end = Echo()
        return self.enter_data_mode(self.end)


class Line:
    def __init__(self, **values: object) -> None:
        self.modem = Acme(**values)
        self.now = 0.0

    def __call__(self, data: bytes, seconds: float = 0.0) -> bytes:
        self.modem.feed(data)
        return self.wait(seconds)

    def wait(self, seconds: float = 0.0) -> bytes:
        self.now += seconds
        self.modem.advance(self.now)
        self.modem.poll()
        found = b""
        while part := self.modem.take():
            found += part
        return found


@pytest.fixture
def line() -> Line:
    made = Line()
    assert made(b"AT+GO\r") == b"\r\nCONNECT\r\n"
    return made


def test_bytes_in_the_chunk_of_the_command_are_payload() -> None:
    line = Line()
    assert line(b"AT+GO\rAT\r") == b"\r\nCONNECT\r\nAT\r"
    assert line.modem.end.heard == b"AT\r"


def test_silence_on_both_sides_is_needed(line: Line) -> None:
    assert line(b"+++", 2.0) == b"+++"  # right after the command
    line.wait(2.0)
    assert line(b"+++", 0.5) == b""
    assert line(b"x", 2.0) == b"+++X"
    assert line(b"+++", 0.99) == b""
    assert line.wait(0.01) == b"\r\n+LEFT: 1\r\n\r\nOK\r\n"
    assert line(b"AT\r") == b"\r\nOK\r\n"


@pytest.mark.parametrize("parts", [[b"+", b"+", b"+"], [b"++", b"+"]])
def test_the_sequence_may_come_in_pieces(line: Line, parts: list[bytes]) -> None:
    line.wait(1.0)
    for part in parts:
        line(part, 0.2)
    assert line.wait(1.0).endswith(b"\r\nOK\r\n")


@pytest.mark.parametrize("data", [b"++++", b"a+++", b"+++a", b"+-+"])
def test_other_bytes_are_payload(line: Line, data: bytes) -> None:
    line.wait(1.0)
    assert line(data, 1.5) == data.upper()
    assert line.modem.is_in_data_mode


def test_events_wait_and_no_noise_falls_into_payload() -> None:
    line = Line(urc_noise=1.0)
    line(b"AT+GO\r")
    line.modem.urc("+RING: 1")
    assert line(b"abc", 1.0) == b"ABC"
    said = line(b"+++", 1.0)
    assert said.index(b"OK") < said.index(b"+RING: 1")


def test_no_more_is_held_ready_than_the_buffer(line: Line) -> None:
    line.modem.feed(b"x" * 100_000)
    line.modem.poll()
    assert len(line.modem.output) <= line.modem.data_buffer
    assert line.wait() == b"X" * 100_000


def test_restart_at_a_byte_of_payload() -> None:
    line = Line(reboot_at_byte=5)
    line(b"AT+GO\r")
    assert line(b"123", 0.0) == b"123"
    assert line(b"456", 5.0) == b""
    assert not line.modem.is_in_data_mode
    assert line(b"AT\r") == b"\r\nOK\r\n"


def test_modem_that_leaves_by_itself_keeps_no_half_sequence(line: Line) -> None:
    line.wait(1.0)
    line(b"++")
    line.modem.leave_data_mode()
    assert line.modem.end.heard == b"++"
    line.modem.say("GONE")
    assert line.wait(2.0) == b"\r\nGONE\r\n"
