"""What a modem says, and what a caller asks, is bounded: events, answers, errors, command lines."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.at import Announced, Command, Event, Reply, free_text, quote, raw, secret
from modemtls.at.dialogue import MAX_REPLY_CHARACTERS, MAX_REPLY_LINES
from modemtls.at.events import MAX_EVENT_CHARACTERS, MAX_EVENTS, EventQueue
from modemtls.at.framing import MAX_LINE_BYTES
from modemtls.at.syntax import MAX_LINE_CHARACTERS
from modemtls.errors import CommandError, ModemTimeout, Reason
from modemtls.excerpt import MOST_CHARACTERS, MOST_LINE_CHARACTERS, MOST_LINES, excerpt
from modemtls.op import Op

from .conftest import DIALECT, Chunk, Script, Talk

SENT = b"AT+X?\r"


# Events.


def test_events_are_bounded_by_their_size_too() -> None:
    lines = [b"\r\n+RING: %d," % number + b"x" * 30_000 + b"\r\n" for number in range(20)]
    with Script((SENT, [*lines, b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(Command.read("+X")))
        kept = talk.events()
        assert len(kept) == MAX_EVENT_CHARACTERS // 30_010
        assert kept[-1].startswith("+RING: 19,")
        assert talk.channel.dropped_events == 20 - len(kept)


def test_an_event_that_was_taken_or_discarded_makes_room_and_is_not_dropped() -> None:
    queue = EventQueue()
    line = "x" * (MAX_EVENT_CHARACTERS // 2)
    for turn in range(4):
        queue.put(Event(line, turn))
        queue.put(Event("y", turn))
        assert queue.take(lambda line: line == "y") == Event("y", turn)
        assert queue.characters == len(line)
        queue.discard(lambda line: line != "y")
        assert queue.characters == 0
    assert queue.dropped == 0
    assert list(queue) == []


def test_the_newest_event_stays_whatever_its_size() -> None:
    queue = EventQueue()
    queue.put(Event("old", 0.0))
    queue.put(Event("x" * (MAX_EVENT_CHARACTERS + 1), 1.0))
    assert [event.time for event in queue] == [1.0]
    assert queue.dropped == 1


@pytest.mark.parametrize(("beyond", "dropped"), [(0, 0), (1, 1)])
def test_the_edge_of_the_size_of_all_events(beyond: int, dropped: int) -> None:
    queue = EventQueue()
    queue.put(Event("x", 0.0))
    queue.put(Event("y" * (MAX_EVENT_CHARACTERS - 1 + beyond), 0.0))
    assert queue.dropped == dropped


def _longer_than(size: int) -> Callable[[str], bool]:
    return lambda line: len(line) > size


@given(st.lists(st.tuples(st.sampled_from(("put", "take", "discard")), st.integers(0, 40_000)), max_size=60))
def test_the_size_is_that_of_what_is_there(steps: list[tuple[str, int]]) -> None:
    queue = EventQueue()
    put = gone = 0
    for what, size in steps:
        before = len(list(queue))
        match what:
            case "put":
                queue.put(Event("x" * size, 0.0))
                put += 1
            case "take":
                gone += queue.take(_longer_than(size)) is not None
            case _:
                queue.discard(_longer_than(size))
                gone += before - len(list(queue))
        assert queue.characters == sum(len(event.line) for event in queue) <= MAX_EVENT_CHARACTERS
        assert queue.dropped == put - gone - len(list(queue))
        assert queue.has(lambda line: True) is bool(list(queue))


def test_two_of_the_longest_lines_fit() -> None:
    longest = (b"\xff" * MAX_LINE_BYTES).decode("utf-8", "backslashreplace")
    queue = EventQueue()
    for _ in range(2):
        queue.put(Event(longest, 0.0))
    assert queue.dropped == 0
    assert MAX_EVENTS > 2


# Answers and errors.


@pytest.mark.parametrize(
    ("line", "count"),
    [(b"y\r\n", MAX_REPLY_LINES), (b"z" * 20_000 + b"\r\n", MAX_REPLY_CHARACTERS // 20_000)],
)
def test_an_answer_is_bounded_by_lines_and_by_characters(line: bytes, count: int) -> None:
    with Script((b"ATI\r", [line * count + b"OK\r\n"]), (b"ATI\r", [line * (count + 1) + b"OK\r\n"])) as port:
        talk = Talk(port)
        assert len(talk(talk.channel.command(free_text("I"))).lines) == count
        with pytest.raises(CommandError) as caught:
            talk(talk.channel.command(free_text("I")))
        assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}


def test_a_timeout_carries_the_first_and_the_last_lines_and_counts_the_others() -> None:
    lines: list[Chunk] = [b"".join(b"+X: %d\r\n" % number for number in range(5000))]
    with Script((SENT, lines)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.command(Command.read("+X")))
    told = caught.value.lines
    assert len(told) == MOST_LINES
    assert told[0] == "+X: 0"
    assert told[-1] == "+X: 4999"
    assert told[32] == "… 4937 lines are left out …"
    assert told[31] == "+X: 31"
    assert told[33] == "+X: 4969"
    assert pickle.loads(pickle.dumps(caught.value)).lines == told


@given(st.lists(st.text(max_size=900), max_size=200))
def test_an_excerpt_is_within_its_limits_and_tells_what_it_leaves_out(lines: list[str]) -> None:
    told = excerpt(tuple(lines))
    assert len(told) <= MOST_LINES
    assert sum(map(len, told)) <= MOST_CHARACTERS
    assert excerpt(told) == told
    if sum(map(len, lines)) <= MOST_CHARACTERS and len(lines) <= MOST_LINES:
        assert told == tuple(lines)
        return
    cut = [
        line if len(line) <= MOST_LINE_CHARACTERS else line[: MOST_LINE_CHARACTERS - 1] + "…"
        for line in lines
    ]
    if len(told) == len(lines):
        assert list(told) == cut
        return
    places = [
        at for at, line in enumerate(told) if line == f"… {len(lines) - len(told) + 1} lines are left out …"
    ]
    assert any(
        list(told[:at]) == cut[:at] and list(told[at + 1 :]) == cut[len(cut) - (len(told) - at - 1) :]
        for at in places
    )


def test_one_line_that_is_too_long_is_cut_and_not_left_out() -> None:
    assert excerpt(("x" * 10_000,)) == ("x" * 399 + "…",)
    assert excerpt(("x" * 8192,)) == ("x" * 8192,)


def test_an_excerpt_has_as_many_lines_as_fit() -> None:
    told = excerpt(("y" * 400,) * 1000)
    assert len(told) == 21
    assert told[10] == "… 980 lines are left out …"


# Command lines.

OPERATIONS: dict[str, Callable[[Talk, Command], Op[Reply]]] = {
    "command": lambda talk, command: talk.channel.command(command),
    "upload": lambda talk, command: talk.channel.upload(command, b"data", prompt_timeout=1.0),
    "download": lambda talk, command: talk.channel.download(command, Announced(lambda line: None, 5)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_line_that_is_too_long_is_refused_before_a_byte(name: str) -> None:
    with Script() as port:  # nothing may be sent, not even to put the channel in step
        talk = Talk(port)
        talk.channel._break(broken := talk.channel._begin(Command.do()))
        broken.begun = True
        talk.channel._break(broken)
        with pytest.raises(CommandError) as caught:
            talk(OPERATIONS[name](talk, Command.set("+X", quote("a" * MAX_LINE_CHARACTERS))))
        assert caught.value.reasons == {Reason.TOO_LARGE, Reason.INVALID_PARAMETER}
        assert str(MAX_LINE_CHARACTERS) in str(caught.value)
        assert len(str(caught.value)) < 300
        assert talk.channel.is_recovering


def test_the_longest_line_is_sent() -> None:
    longest = Command.set("+X", quote("a" * (MAX_LINE_CHARACTERS - len('AT+X=""'))))
    with Script((longest.text.encode() + b"\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(longest)).ok
        with pytest.raises(CommandError):
            talk(
                talk.channel.command(Command.set("+XY", quote("a" * (MAX_LINE_CHARACTERS - len('AT+X=""')))))
            )


def test_the_limit_is_the_models() -> None:
    with Script((b"AT+X=123\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port, replace(DIALECT, max_line_characters=8))
        assert talk(talk.channel.command(Command.set("+X", 123))).ok
        with pytest.raises(CommandError, match=r"9 characters.* 8 at most"):
            talk(talk.channel.command(Command.set("+X", 1234)))


def test_a_secret_in_a_line_that_is_too_long_is_not_shown() -> None:
    with Script() as port:
        talk = Talk(port)
        with pytest.raises(CommandError) as caught:
            talk(talk.channel.command(Command.set("+X", secret(quote("hunter2" * 1000)))))
        assert "hunter2" not in f"{caught.value} {caught.value.command} {caught.value!r}"


def test_the_raw_door_has_the_same_limit() -> None:
    assert raw("A" * MAX_LINE_CHARACTERS)
    with pytest.raises(CommandError, match=str(MAX_LINE_CHARACTERS)):
        raw("A" * (MAX_LINE_CHARACTERS + 1))
