"""A data mode of the line: every byte, in any pieces; leaving it for a command, and what ends it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls import CommandError, ModemError, ModemReset, ModemTimeout, NetworkError, PortError, Reason
from modemtls.at import (
    Channel,
    Command,
    DataMode,
    DataModeRules,
    Dialect,
    Escaped,
    Reply,
    Transparent,
    starts,
)
from modemtls.op import Op, run
from modemtls.opening import _wake
from modemtls.settings import Settings

from .data_peer import DataPeer

T = TypeVar("T")

DIALECT = Dialect(urcs=("+CLOSED:", "+RING:", "SHUTDOWN"), boot_urcs=("+START",))
GO = Command.do("+GO", reply="(?!)")
EVERY = bytes(range(256))

#: Bytes that mean something to somebody on the way.
HOSTILE = st.lists(
    st.sampled_from(
        [
            b"+", b"++", b"+++", b"\r", b"\n", b"\r\n", b"OK", b"\r\nOK\r\n", b"\x03", b"\x10", b"\x10\x03",
            b"\r\nSHUTDOWN\r\n", b"\r\nSHUT", b"\r\n+CLOSED: 1\r\n", b"\r\n+START\r\n", b"\r\n+CME ERROR: 843\r\n",
            b"AT+DANGER=1\r", b"\r\nCONNECT\r\n", b"NO CARRIER", b"> ", b"\x00", b"\xff", b"x",
        ]
    )
    | st.binary(max_size=40),
    max_size=12,
).map(b"".join)  # fmt: skip


class Line:
    """A channel with one data mode on it."""

    def __init__(self, *, escapes: bool = False, probe_after: float = 0.0, chunk: int = 64) -> None:
        self.peer = DataPeer(escapes=escapes, chunk=chunk)
        self.channel = Channel(DIALECT)
        rules = DataModeRules(
            notices=("SHUTDOWN", "+CME ERROR:"), ended=starts("+CLOSED: 1"), probe_after=probe_after
        )
        self.stream = DataMode(
            self.channel, GO, Escaped() if escapes else Transparent(), rules, refused=self.refused
        )

    @staticmethod
    def refused(reply: Reply) -> ModemError:
        return CommandError(f"refused: {reply.final}")

    def run(self, op: Op[T]) -> T:
        return run(op, self.peer)

    def enter(self) -> Line:
        assert self.run(self.stream.enter()).final.word == "CONNECT"
        return self

    def command(self) -> str:
        return self.run(self.channel.command(Command.read("+NUM"))).lines[0]

    def receive(self, count: int, timeout: float = 30.0) -> bytes:
        """So many bytes, or what came until the end or a silence."""
        found = bytearray()
        while len(found) < count:
            data = self.run(self.stream.receive(65536, timeout))
            if not data:
                break
            found += data
        return bytes(found)

    def everything(self, timeout: float = 30.0) -> bytes:
        return self.receive(1 << 30, timeout)

    def assert_nothing_executed(self) -> None:
        known = {"AT+GO", "AT+CMEE?", "AT+NUM?", "ATQ0", "AT"}
        assert {line for line in self.peer.executed if line.strip("+")} <= known, self.peer.executed


Make = Callable[..., Line]


@pytest.fixture(params=[False, True], ids=["transparent", "escaped"])
def make(request: pytest.FixtureRequest) -> Make:
    def line(**more: object) -> Line:
        return Line(escapes=request.param, **more)  # type: ignore[arg-type]

    return line


# The codings


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_escaped_bytes_come_back_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    coding, found = Escaped(), bytearray()
    wire = coding.encode(data)
    while wire:
        size = cuts[len(found) % len(cuts)]
        found += coding.decode(wire[:size])
        wire = wire[size:]
    assert bytes(found) == data
    assert not coding.ended


@given(data=st.binary(max_size=100), rest=st.binary(max_size=20), cut=st.integers(0, 120))
def test_bare_end_mark_ends_and_what_follows_is_kept(data: bytes, rest: bytes, cut: int) -> None:
    coding = Escaped()
    wire = coding.encode(data) + b"\x03" + rest
    found = coding.decode(wire[:cut]) + coding.decode(wire[cut:])
    assert (found, coding.ended, coding.take_rest()) == (data, True, rest)


def test_all_values_of_a_byte_are_escaped_as_published() -> None:
    assert Escaped().encode(EVERY) == EVERY[:3] + b"\x10\x03" + EVERY[4:16] + b"\x10\x10" + EVERY[17:]


def test_escape_before_another_byte_is_dropped() -> None:
    assert Escaped().decode(b"a\x10bc") == b"abc"


# Payload


@settings(deadline=None, max_examples=60)
@given(
    escapes=st.booleans(),
    chunk=st.integers(1, 70),
    parts=st.lists(st.tuples(st.booleans(), HOSTILE, st.sampled_from([0.0, 0.2, 1.5])), max_size=6),
)
def test_every_byte_arrives_in_both_directions(
    escapes: bool, chunk: int, parts: list[tuple[bool, bytes, float]]
) -> None:
    line = Line(escapes=escapes, chunk=chunk).enter()
    heard, given_out, found = b"", b"", b""
    for down, data, pause in parts:
        if down:
            line.peer.give(data)
            given_out += data
            found += line.receive(len(data))
        else:
            line.run(line.stream.send(data))
            heard += data
        line.peer.sleep(pause)
    found += line.receive(len(given_out) - len(found))
    assert line.command() == "+NUM: 42"
    found += line.run(line.stream.receive(65536, 0.5)) or b""
    assert found == given_out
    assert bytes(line.peer.heard) == heard
    line.assert_nothing_executed()


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_all_values_at_all_cuts(make: Make, chunk: int) -> None:
    line = make(chunk=chunk).enter()
    line.peer.give(EVERY * 3)
    assert line.receive(768) == EVERY * 3
    line.run(line.stream.send(EVERY * 9))
    assert bytes(line.peer.heard) == EVERY * 9


def test_payload_in_the_chunk_of_connect(make: Make) -> None:
    line = make(chunk=1000)
    line.peer.give(b"\r\nOK\r\n\x03\x10early")
    line.enter()
    assert line.receive(13) == b"\r\nOK\r\n\x03\x10early"


def test_silence_is_none(make: Make) -> None:
    line = make().enter()
    before = line.peer.time
    assert line.run(line.stream.receive(10, 2.0)) is None
    assert 2.0 <= line.peer.time - before < 2.5
    assert line.run(line.stream.receive(10, 0)) is None


def test_limit_is_kept(make: Make) -> None:
    line = make(chunk=1000).enter()
    line.peer.give(b"abcdefgh")
    assert line.run(line.stream.receive(3, 1.0)) == b"abc"
    assert line.run(line.stream.receive(9, 1.0)) == b"defgh"


def test_large_payload_both_ways(make: Make) -> None:
    line = make(chunk=4096).enter()
    body = bytes((i * 7 + i // 256) % 256 for i in range(200_000))
    line.peer.give(body)
    assert line.receive(len(body)) == body
    done: list[tuple[int, int]] = []
    line.run(line.stream.send(body, lambda sent, total: done.append((sent, total))))
    assert bytes(line.peer.heard) == body
    assert done[-1] == (len(body), len(body))


# The escape sequence as payload


@pytest.mark.parametrize(
    "parts", [[b"+++"], [b"+", b"+", b"+"], [b"++", b"+"], [b"+", b"++"], [b"+++", b"+++"]]
)
@pytest.mark.parametrize("pause", [0.0, 0.3, 1.2])
def test_escape_sequence_alone_on_the_line_is_payload(make: Make, parts: list[bytes], pause: float) -> None:
    line = make().enter()
    for part in parts:
        line.peer.sleep(pause)
        line.run(line.stream.send(part))
    line.peer.sleep(3.0)
    line.peer.read(0)
    assert line.peer.in_data
    line.run(line.stream.send(b"after"))
    assert bytes(line.peer.heard) == b"".join(parts) + b"after"
    assert line.peer.left == 0


def test_escape_sequence_amid_payload_costs_no_time(make: Make) -> None:
    line = make().enter()
    line.peer.sleep(2.0)
    before = line.peer.time
    line.run(line.stream.send(b"a+++"))
    line.run(line.stream.send(b"+++b"))
    assert line.peer.time - before < 0.5
    assert bytes(line.peer.heard) == b"a++++++b"


def test_escape_sequence_waits_for_what_is_still_on_its_way(make: Make) -> None:
    line = make().enter()
    line.channel.byte_seconds = 10 / 9600
    line.run(line.stream.send(b"x" * 4000))
    before = line.peer.time
    assert line.command() == "+NUM: 42"
    assert line.peer.time - before > 1.0 + 4000 / 960


# Commands in between


def test_command_leaves_the_mode_and_the_stream_goes_on(make: Make) -> None:
    line = make().enter()
    line.run(line.stream.send(b"one"))
    line.peer.give(b"first")
    assert line.command() == "+NUM: 42"
    assert not line.stream.is_entered
    assert line.receive(5) == b"first"
    line.peer.give(b"second")
    assert line.receive(6) == b"second"
    line.run(line.stream.send(b"two"))
    assert bytes(line.peer.heard) == b"onetwo"
    assert (line.peer.entered, line.peer.left) == (2, 1)


@pytest.mark.parametrize(
    "last",
    [
        b"\r\nOK\r\n",
        b"\r\n+RING: 1\r\n",
        b"\r\nSHUTDOWN\r\n",
        b"\r\n",
        b"\r",
        b"\x03",
        b"\r\nOK\r\n\r\nOK\r\n",
    ],
)
@pytest.mark.parametrize("at", [0.0, 0.5, 1.09, 1.5])
def test_payload_that_looks_like_an_answer_stays_payload(make: Make, last: bytes, at: float) -> None:
    line = make().enter()
    line.run(line.stream.send(b"x"))
    line.peer.later(at, lambda: line.peer.give(b"body" + last))
    assert line.command() == "+NUM: 42"
    found = line.receive(4 + len(last), 3.0)
    assert found == b"body" + last
    line.assert_nothing_executed()


def test_payload_up_to_the_answer_is_payload(make: Make) -> None:
    line = make().enter()
    line.run(line.stream.send(b"x"))
    expected = b""
    for i in range(25):
        data = b"%d\r\nOK\r\n" % i
        line.peer.later(i * 0.08, lambda data=data: line.peer.give(data))  # type: ignore[misc]
        expected += data
    assert line.command() == "+NUM: 42"
    assert line.receive(len(expected)) == expected


def test_answer_behind_a_backlog_of_payload_on_a_slow_line(make: Make) -> None:
    line = make(chunk=8).enter()
    line.channel.byte_seconds = 10 / 9600
    body = b"\r\nOK\r\n" * 17_000
    line.peer.give(body)
    assert line.command() == "+NUM: 42"
    assert line.receive(len(body)) == body


def test_events_around_the_answer_are_events(make: Make) -> None:
    line = make().enter()
    line.peer.before_ok, line.peer.after_ok = b"\r\n+RING: 1\r\n", b"\r\n+RING: 2\r\n"
    line.peer.give(b"payload")
    assert line.command() == "+NUM: 42"
    rings = [line.channel.take(starts("+RING:")) for _ in range(2)]
    assert [ring.line for ring in rings if ring] == ["+RING: 1", "+RING: 2"]
    assert line.receive(7, 1.0) == b"payload"


def test_poll_of_the_channel_keeps_payload(make: Make) -> None:
    line = make().enter()
    line.peer.give(b"\r\n+RING: 9\r\n")
    line.run(line.channel.poll(0.5))
    assert not line.channel.has(starts("+RING:"))
    assert line.receive(13) == b"\r\n+RING: 9\r\n"


def test_refusal_to_go_on_is_the_callers_error(make: Make) -> None:
    line = make().enter()
    line.command()
    line.peer.refuses = b"\r\n+CME ERROR: 831\r\n"
    with pytest.raises(CommandError, match="831"):
        line.run(line.stream.send(b"x"))
    assert line.command() == "+NUM: 42"


# The end


def test_end_of_the_other_side_is_seen_on_leaving(make: Make) -> None:
    line = make(probe_after=5.0).enter()
    line.peer.give(b"last")
    assert line.receive(4) == b"last"
    line.peer.before_ok = b"\r\n+CLOSED: 1\r\n"
    assert line.run(line.stream.receive(10, 60.0)) == b""
    assert line.stream.peer_ended
    assert line.command() == "+NUM: 42"


def test_looking_for_the_end_changes_nothing_when_there_is_none(make: Make) -> None:
    line = make(probe_after=5.0).enter()
    line.peer.later(30.0, lambda: line.peer.give(b"at last"))
    assert line.receive(7, 60.0) == b"at last"
    assert line.peer.left >= 2
    assert not line.stream.peer_ended


def test_a_look_without_waiting_asks_the_modem_nothing(make: Make) -> None:
    line = make(probe_after=5.0).enter()
    line.peer.sleep(60.0)
    assert line.run(line.stream.receive(1, 0)) is None
    assert line.peer.left == 0
    line.run(line.stream.leave())
    assert line.run(line.stream.receive(1, 0)) is None
    assert line.peer.entered == 1


def test_what_is_left_in_the_modem_comes_after_the_end(make: Make) -> None:
    line = make().enter()
    line.peer.before_ok = b"\r\n+CLOSED: 1\r\n"
    line.command()
    line.peer.give(b"left behind")
    assert line.everything() == b"left behind"
    assert line.run(line.stream.receive(10, 1.0)) == b""


def test_notice_of_the_end_amid_the_mode_is_no_payload(make: Make) -> None:
    line = make().enter()
    line.peer.give(b"body")
    line.peer.say(b"\r\nSHUTDOWN\r\n")
    line.peer.before_ok = b"\r\n+CLOSED: 1\r\n"
    assert line.everything() == b"body"
    assert line.stream.said == ("SHUTDOWN",)


def test_the_same_words_from_the_other_side_are_payload(make: Make) -> None:
    line = make().enter()
    line.peer.give(b"body\r\nSHUTDOWN\r\n")
    assert line.receive(16) == b"body\r\nSHUTDOWN\r\n"
    assert not line.stream.over
    line.run(line.stream.send(b"go on"))
    assert bytes(line.peer.heard) == b"go on"


@pytest.mark.parametrize("mark", [b"\x03", b""])
def test_error_that_ends_the_mode_is_told(make: Make, mark: bytes) -> None:
    line = make().enter()
    line.peer.give(b"half")
    assert line.receive(4) == b"half"
    line.peer.ends(mark + b"\r\n+CME ERROR: 843\r\n")
    assert line.everything() == b""
    assert line.stream.said == ("+CME ERROR: 843",)
    assert line.command() == "+NUM: 42"
    with pytest.raises(NetworkError):
        line.run(line.stream.send(b"AT+DANGER=1\r"))
    line.assert_nothing_executed()


def test_nothing_is_sent_after_an_error_that_nobody_has_read(make: Make) -> None:
    line = make().enter()
    line.peer.ends(b"\x03\r\n+CME ERROR: 843\r\n")
    with pytest.raises(NetworkError):
        line.run(line.stream.send(b"\rAT+DANGER=1\r" * 500))
    line.assert_nothing_executed()


def test_restart_amid_payload_is_a_restart(make: Make) -> None:
    line = make().enter()
    line.peer.give(b"half")
    assert line.receive(4) == b"half"
    line.peer.ends(b"\r\n+START\r\n")
    with pytest.raises(ModemReset):
        line.everything()
    assert line.channel.restarts == 1
    assert line.command() == "+NUM: 42"


def test_end_mark_that_was_damage_is_named(make: Make) -> None:
    line = Line(escapes=True).enter()
    line.peer.say(b"abc\x03def")  # a DLE before it was lost
    with pytest.raises(NetworkError) as caught:
        line.everything()
    assert Reason.BYTES_LOST in caught.value.reasons
    assert line.command() == "+NUM: 42"


# What goes wrong


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("last", [b"", b"x\r\nOK\r\n", b"x\r\nSHUTDOWN\r\n"])
def test_lost_byte_of_the_escape_sequence_costs_a_second_one(make: Make, lost: int, last: bytes) -> None:
    line = make().enter()
    line.peer.give(last)
    line.peer.loses = lost
    assert line.command() == "+NUM: 42"
    line.assert_nothing_executed()
    with pytest.raises(NetworkError):  # the rest of it may have gone to the other side
        line.run(line.stream.send(b"x"))


def test_modem_that_is_gone_ends_in_bounded_time(make: Make) -> None:
    line = make().enter()
    line.peer.is_dead = True
    before = line.peer.time
    with pytest.raises(ModemTimeout, match="data mode"):
        line.command()
    assert line.peer.time - before < 30
    line.peer.is_dead = False
    assert line.command() == "+NUM: 42"


def test_late_answer_is_not_the_next_commands(make: Make) -> None:
    line = make().enter()
    line.peer.delay = 1.5
    assert line.command() == "+NUM: 42"
    assert line.command() == "+NUM: 42"


def test_no_connect_in_time(make: Make) -> None:
    line = make()
    line.peer.refuses = b""
    with pytest.raises(ModemTimeout):
        line.run(line.stream.enter())
    line.peer.refuses = None
    assert line.command() == "+NUM: 42"
    with pytest.raises(NetworkError):
        line.run(line.stream.send(b"x"))


@pytest.mark.parametrize("step", range(1, 60))
@pytest.mark.parametrize("error", [PortError("pulled"), KeyboardInterrupt()], ids=["port", "interrupt"])
def test_break_at_any_step_leaves_a_line_that_takes_commands(
    make: Make, step: int, error: BaseException
) -> None:
    line = make().enter()
    start = line.peer.steps
    line.peer.fail = lambda n: error if n == start + step else None
    line.peer.give(b"\r\nOK\r\n")
    try:
        line.run(line.stream.send(b"\rAT+DANGER=1\r" * 200))
        line.receive(6)
        line.command()
        line.run(line.stream.send(b"\rAT+DANGER=2\r"))
        line.run(line.stream.receive(1, 5.0))
    except (PortError, KeyboardInterrupt):
        pass
    line.peer.fail = lambda n: None
    before = line.peer.time
    assert line.command() == "+NUM: 42"
    assert line.peer.time - before < 30
    line.assert_nothing_executed()
    assert set(bytes(line.peer.heard)) <= set(b"\rAT+DANGER=12")  # and nothing of the channel's own questions


@pytest.mark.parametrize("step", range(1, 30))
def test_break_while_the_mode_is_left_adds_nothing_to_the_payload(make: Make, step: int) -> None:
    line = make().enter()
    line.peer.give(b"payload\r\nOK\r\n")
    start = line.peer.steps
    line.peer.fail = lambda n: KeyboardInterrupt() if n == start + step else None
    with contextlib.suppress(KeyboardInterrupt):
        line.command()
    line.peer.fail = lambda n: None
    assert line.command() == "+NUM: 42"
    with contextlib.suppress(NetworkError):  # it may not know whether the sequence went out
        assert line.everything(3.0) == b"payload\r\nOK\r\n"


@pytest.mark.parametrize("error", [PortError("pulled"), KeyboardInterrupt()], ids=["port", "interrupt"])
def test_stream_whose_bytes_broke_off_is_not_used_any_more(make: Make, error: BaseException) -> None:
    line = make().enter()
    written = line.peer.write

    def half(data: bytes, timeout: float) -> None:
        written(data[: len(data) // 2], timeout)
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line.peer, "write", half)
        with pytest.raises(type(error)):
            line.run(line.stream.send(b"half of this"))
    with pytest.raises(NetworkError):
        line.run(line.stream.send(b"the rest"))
    with pytest.raises(NetworkError):
        line.run(line.stream.receive(1, 1.0))
    assert line.command() == "+NUM: 42"
    assert b"rest" not in line.peer.heard


def test_open_after_a_program_was_killed_in_the_mode(make: Make) -> None:
    line = make().enter()
    channel = Channel(DIALECT)
    assert run(channel.wake(10.0), line.peer)
    assert run(channel.command(Command.read("+NUM")), line.peer).lines == ("+NUM: 42",)


def test_open_at_several_rates_after_a_program_was_killed_in_the_mode(make: Make) -> None:
    line = make().enter()
    channel = Channel(DIALECT)
    run(_wake(channel, Settings(), (921600, 115200, 9600, 57600), ()), line.peer)
    assert run(channel.command(Command.read("+NUM")), line.peer).lines == ("+NUM: 42",)


# Timing


@settings(deadline=None, max_examples=150)
@given(
    escapes=st.booleans(),
    chunk=st.integers(1, 40),
    delay=st.sampled_from([0.0, 0.01, 0.2]),
    pieces=st.lists(
        st.tuples(
            st.floats(0, 3.5),
            st.sampled_from(
                [b"\r\nOK\r\n", b"\r\n", b"\r", b"OK\r\n", b"\r\nO", b"\x03", b"\x10", b"+++", b"\r\nSHUT"]
            )
            | st.binary(min_size=1, max_size=20),
        ),
        max_size=8,
    ),
)
def test_payload_that_comes_while_the_mode_is_left_stays_whole(
    escapes: bool, chunk: int, delay: float, pieces: list[tuple[float, bytes]]
) -> None:
    line = Line(escapes=escapes, chunk=chunk).enter()
    line.peer.delay = delay
    line.run(line.stream.send(b"x"))
    expected = b""
    for at, data in sorted(pieces, key=lambda piece: piece[0]):
        line.peer.later(at, lambda data=data: line.peer.give(data))  # type: ignore[misc]
        expected += data
    assert line.command() == "+NUM: 42"
    line.peer.sleep(4.0)
    assert line.receive(len(expected), 5.0) == expected
    line.assert_nothing_executed()
