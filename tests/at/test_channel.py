from __future__ import annotations

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.at import (
    Announced,
    Command,
    Dialect,
    Final,
    Marked,
    Reply,
    fields,
    free_text,
    quote,
    raw,
    secret,
    starts,
)
from modemtls.at.dialogue import MAX_REPLY_CHARACTERS
from modemtls.at.events import MAX_EVENTS
from modemtls.errors import CommandError, HttpError, ModemReset, ModemTimeout, PortError, Reason

from .conftest import DIALECT, URCS, Chunk, Script, Talk, pieces

READ = Command.read("+X")
SENT = b"AT+X?\r"
UP = Command.set("+UP", 5)
GET = Command.set("+GET", 1)
CUTS = st.lists(st.integers(1, 150), min_size=1, max_size=12)


def count(line: str) -> int | None:
    values = fields(line)
    return int(values[1]) if len(values) > 1 else None


def ways(data: bytes) -> list[list[bytes]]:
    return [[data], pieces(data)]


def chunks(parts: list[bytes]) -> list[Chunk]:
    return list(parts)


@pytest.mark.parametrize(
    "answer",
    [
        b"\r\n+X: 1\r\n\r\nOK\r\n",
        b"+X: 1\r\nOK\r\n",
        b"AT+X?\r\r\n+X: 1\r\n\r\nOK\r\n",
        b"AT+X?\r+X: 1\r\nOK\r\n",
        b"AT+X?\r\n+X: 1\r\nOK\r\n",
        b"\0\0\r\n+X: 1\r\n\r\nOK\r\n",
    ],
)
def test_echo_and_framing(answer: bytes) -> None:
    for parts in ways(answer):
        with Script((SENT, chunks(parts))) as port:
            talk = Talk(port)
            reply = talk(talk.channel.command(READ))
            assert reply == Reply(READ, Final("OK"), ("+X: 1",), ("+X: 1",))
            assert reply.ok
            assert talk.events() == []


@pytest.mark.parametrize("colon", [": ", ":"])
def test_events_before_between_and_after_the_answer(colon: str) -> None:
    data = "".join(
        f"\r\n{line}\r\n"
        for line in (f"+CEREG{colon}1", f"+X{colon}1", f"+RING{colon}1,5", "NO CARRIER", f"+X{colon}2", "+NEW: 1", "OK",
                     f"+RING{colon}2")
    ).encode()  # fmt: skip
    for parts in ways(data):
        with Script((SENT, chunks(parts))) as port:
            talk = Talk(port)
            reply = talk(talk.channel.command(READ))
            assert reply.lines == (f"+X{colon}1", f"+X{colon}2")
            talk(talk.channel.wait(starts("+RING: 2"), 1.0))
            assert talk.events() == [f"+CEREG{colon}1", f"+RING{colon}1,5", "NO CARRIER", "+NEW: 1"]


def test_event_in_the_same_chunk_as_ok() -> None:
    with Script((SENT, [b"\r\nOK\r\n\r\n+RING: 1,5\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
        event = talk(talk.channel.wait(starts("+RING: 1,"), 0.0))
        assert event is not None
        assert event.line == "+RING: 1,5"


@given(
    st.lists(
        st.sampled_from(["+CEREG: 1", "+RING:1,2", "NO CARRIER", "+X: 1", "+X:2", "+CGEV: ME"]), max_size=8
    ),
    st.booleans(),
    st.booleans(),
    CUTS,
)
def test_an_exchange_is_the_same_at_any_cut(
    texts: list[str], echo: bool, full: bool, cuts: list[int]
) -> None:
    lead = "\r\n" if full else ""
    data = ("AT+X?\r" if echo else "") + "".join(f"{lead}{text}\r\n" for text in [*texts, "OK"])
    with Script((SENT, chunks(pieces(data.encode(), *cuts)))) as port:
        talk = Talk(port)
        reply = talk(talk.channel.command(READ))
        assert list(reply.lines) == [text for text in texts if text.startswith("+X")]
        assert talk.events() == [text for text in texts if not text.startswith("+X")]


@pytest.mark.parametrize(
    ("line", "final"),
    [
        ("ERROR", Final("ERROR")),
        ("+CME ERROR: 3", Final("+CME ERROR", 3)),
        ("+CME ERROR: operation not allowed", Final("+CME ERROR", "operation not allowed")),
        ("+CMS ERROR: 302", Final("+CMS ERROR", 302)),
    ],
)
@pytest.mark.parametrize("first", ["", "\r\n+X: 1\r\n"])
def test_a_refusal_is_a_reply_also_after_an_information_line(line: str, final: Final, first: str) -> None:
    with Script((SENT, [f"{first}\r\n{line}\r\n".encode()])) as port:
        talk = Talk(port)
        reply = talk(talk.channel.command(READ))
        assert (reply.final, reply.ok) == (final, False)
        assert len(reply.lines) == bool(first)
        assert not talk.channel.is_recovering


def test_an_error_that_comes_by_itself_ends_nothing_and_belongs_to_no_answer() -> None:
    with Script((b"ATI\r", [b"\r\n+CME ERROR: 171\r\n\r\nModem\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(free_text("I"))).lines == ("Modem",)
        assert talk.events() == ["+CME ERROR: 171"]


@pytest.mark.parametrize("word", ["NO CARRIER", "CONNECT", "BUSY", "NO ANSWER"])
def test_results_of_a_call(word: str) -> None:
    with Script((b"AT+DIAL=1\r", [f"\r\n{word}\r\n".encode()])) as port:
        talk = Talk(port)
        reply = talk(talk.channel.command(Command.set("+DIAL", 1), dial=True))
        assert reply.final == Final(word)
        assert reply.ok is (word == "CONNECT")


def test_the_end_of_another_call_does_not_leave_an_ok_for_the_next_command() -> None:
    with Script(
        (b"AT+LONG\r", [b"\r\nNO CARRIER\r\n", (0.2, b"\r\nlate\r\n\r\nOK\r\n")]),
        (b"AT+CMEE?\r", [(0.3, b"\r\n+CMEE: 1\r\n\r\nOK\r\n")]),
        (SENT, [b"\r\n+X: 7\r\n\r\nOK\r\n"]),
    ) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(raw("AT+LONG"), dial=True)).final.word == "NO CARRIER"
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_a_refused_line_needs_no_recovery() -> None:
    with Script((b"AT+LONG\r", [b"\r\nERROR\r\n"]), (SENT, [b"\r\n+X: 7\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert not talk(talk.channel.command(raw("AT+LONG"), dial=True)).ok
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_an_answer_that_was_there_before_the_command_is_not_its_answer() -> None:
    with Script((SENT, [b"\r\n+X: 7\r\n\r\nOK\r\n"]), first=[b"\r\n+X: 6\r\n\r\nERROR\r\n"]) as port:
        talk = Talk(port)
        reply = talk(talk.channel.command(READ))
        assert (reply.lines, reply.ok) == (("+X: 7",), True)


def test_an_event_that_is_half_there_is_not_torn_by_a_command() -> None:
    with Script((SENT, [b"\r\n+X: 7\r\n\r\nOK\r\n"]), first=[b"\r\nERR", (0.01, b"OR\r\n")]) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(READ)).ok


def test_numeric_results() -> None:
    with Script((SENT, [b"+X: 1\r\n0\r"]), (SENT, [b"4\r"])) as port:
        talk = Talk(port)
        talk.channel._receiver.numeric = True
        assert talk(talk.channel.command(READ)).final == Final("OK")
        assert talk(talk.channel.command(READ)).final == Final("ERROR")


def test_a_modem_that_speaks_in_digits_is_woken_and_understood() -> None:
    with Script(
        (b"AT\r", [b"0\r"]),
        (b"AT+CMEE?\r", [b"+CMEE: 0\r\n0\r"]),
        (b"ATV1\r", [b"\r\nOK\r\n"]),
        (SENT, [b"\r\n+X: 7\r\n\r\n0\r\n\r\nOK\r\n"]),
    ) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(3.0))
        assert talk(talk.channel.command(Command.do("V1"))).ok
        assert talk(talk.channel.command(READ)).final == Final("OK")
        assert talk.events() == ["0"]


def test_a_raw_line_that_looks_like_a_result_is_an_echo_first() -> None:
    with Script((b"OK\r", [b"OK\r\r\nERROR\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(raw("OK"))).final == Final("ERROR")


def test_a_silent_modem_is_a_timeout_in_time() -> None:
    with Script((SENT, [])) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.command(READ, timeout=3.0))
        assert port.time - 1000 == pytest.approx(3.0, abs=0.1)
        assert caught.value.reasons == {Reason.NO_ANSWER}
        assert caught.value.command == "AT+X?"


@pytest.mark.parametrize("garbage", [b"\xf8\x80\xfe\x00\x9c", b"\xf8\r\n\x80\xff\r\n", b"\x1b\x02\x03\r\n"])
def test_garbage_is_named(garbage: bytes) -> None:
    with Script((SENT, chunks(pieces(garbage)))) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.command(READ))
        assert caught.value.reasons == {Reason.NO_ANSWER, Reason.GARBAGE_ON_LINE}
        assert talk.channel.hears_noise


def test_lines_without_end_are_an_error_and_not_all_of_memory() -> None:
    flood: list[Chunk] = [b"+X: " + b"1" * 5000 + b"\r\n"] * (MAX_REPLY_CHARACTERS // 5000 + 2)
    with Script((SENT, flood)) as port:
        talk = Talk(port)
        with pytest.raises(CommandError) as caught:
            talk(talk.channel.command(READ))
        assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}


def test_the_event_queue_is_bounded_and_counts_what_it_drops() -> None:
    data = b"".join(b"\r\n+RING: %d\r\n" % number for number in range(MAX_EVENTS + 5))
    with Script((SENT, [data + b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
        assert talk.channel.dropped_events == 5
        assert talk.events() == [f"+RING: {number}" for number in range(5, MAX_EVENTS + 5)]


# Uploads.


@pytest.mark.parametrize("prompt", [b"\r\n> ", b"\r\n>", b">", b">>>", b"\r\n>>> ", b"AT+UP=5\r\r\n> "])
@pytest.mark.parametrize("split", [False, True])
def test_an_upload_sends_exactly_its_bytes_after_the_prompt(prompt: bytes, split: bool) -> None:
    answer = chunks(pieces(prompt) if split else [prompt])
    data = b"\r>\0\xff"
    with Script((b"AT+UP=5\r", answer), (data, [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        seen: list[tuple[int, int]] = []
        reply = talk(
            talk.channel.upload(
                UP, data, prompt_timeout=3.0, progress=lambda done, total: seen.append((done, total))
            )
        )
        assert reply.ok
        assert port.written == b"AT+UP=5\r" + data
        assert seen == [(4, 4)]


@given(st.binary(min_size=1, max_size=4000))
def test_any_bytes_are_uploaded_once(data: bytes) -> None:
    with Script((b"AT+UP=5\r", [b"\r\n+RING: 1\r\n\r\n> "]), (data, [b"\r\n+UP: 1\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        reply = talk(talk.channel.upload(UP, data, prompt_timeout=3.0))
        assert reply.lines == ("+UP: 1",)
        assert port.written == b"AT+UP=5\r" + data
        assert talk.events() == ["+RING: 1"]


@pytest.mark.parametrize("split", [False, True])
def test_data_that_the_modem_echoes_are_no_answer(split: bool) -> None:
    data = b"\r\nOK\r\n\r\n+CME ERROR: 4\r\n+RING: 1\r\n"
    back = data + b"\r\nOK\r\n"
    with Script(
        (b"AT+UP=5\r", [b"AT+UP=5\r\r\n> "]), (data, chunks(pieces(back) if split else [back]))
    ) as port:
        talk = Talk(port)
        assert talk(talk.channel.upload(UP, data, prompt_timeout=3.0)).lines == ()
        assert talk.events() == []


def test_a_refusal_instead_of_the_prompt_sends_no_data() -> None:
    with Script((b"AT+UP=5\r", [b"\r\n+CME ERROR: 4\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0)).final.number == 4


def test_ok_instead_of_the_prompt_is_no_success() -> None:
    with Script((b"AT+UP=5\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises(CommandError, match="not taken"):
            talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0))


def test_no_data_need_no_prompt() -> None:
    with Script((b"AT+UP=0\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.upload(Command.set("+UP", 0), b"", prompt_timeout=3.0)).ok


def test_a_prompt_from_before_the_command_is_not_its_prompt() -> None:
    with Script((b"AT+UP=5\r", [(1.0, b"\r\n+CME ERROR: 4\r\n")]), first=[b"\r\n> "]) as port:
        talk = Talk(port)
        assert not talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0)).ok


def test_a_refusal_in_the_middle_stops_the_data() -> None:
    data = b"AT+DANGER\r" * 500
    with Script((b"AT+UP=5\r", [b"\r\n> "]), (data[:1024], [b"\r\n+CME ERROR: 4\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.upload(UP, data, prompt_timeout=3.0)).final.number == 4
        assert port.written == b"AT+UP=5\r" + data[:1024]
        port.expect(
            (b"AT+CMEE?\r", [b"\r\nERROR\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n"]),
            (SENT, [b"\r\n+X: 1\r\n\r\nOK\r\n"]),
        )
        assert talk(talk.channel.command(READ)).lines == ("+X: 1",)


# Downloads.

BODIES = [
    bytes(range(256)) * 3,
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n> +RING: 1\r\n+SYSSTART\r\n",
    b"<<<",
    b"<",
    b"\r\n",
    b"\n",
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("lead", ["\r\n", ""])
def test_an_announced_payload_is_taken_by_count(body: bytes, lead: str) -> None:
    data = f"{lead}+RING: 7\r\n{lead}+GET: 1,{len(body)}\r\n".encode() + body + f"{lead}OK\r\n".encode()
    for parts in ways(data):
        with Script((b"AT+GET=1\r", chunks(parts))) as port:
            talk = Talk(port)
            seen: list[tuple[int, ...]] = []
            reply = talk(
                talk.channel.download(
                    GET, Announced(count, 2000), progress=lambda *now, to=seen: to.append(now)
                )
            )
            assert reply.payload == body
            assert reply.ok
            assert talk.events() == ["+RING: 7"]
            assert seen[-1] == (len(body), len(body))
            assert talk.channel.restarts == 0


@pytest.mark.parametrize("body", [*BODIES, b"<html>", b"<<<<<<"])
@pytest.mark.parametrize("before", ["", "\r\n+RING: 7\r\n", "AT+GET=1\r"])
def test_a_marked_payload_has_the_length_that_an_event_told(body: bytes, before: str) -> None:
    data = before.encode() + b"\r\n<<<" + body + b"\r\nOK\r\n\r\n+RING: 8\r\n"
    for parts in ways(data):
        with Script((b"AT+GET=1\r", chunks(parts))) as port:
            talk = Talk(port)
            assert talk(talk.channel.download(GET, Marked(b"<<<", len(body)))).payload == body


@given(st.binary(max_size=300), st.booleans(), st.booleans(), CUTS)
def test_any_payload_at_any_cut(body: bytes, marked: bool, full: bool, cuts: list[int]) -> None:
    lead = b"\r\n" if full else b""
    head = b"<<<" if marked else b"+GET: 1,%d\r\n" % len(body)
    data = lead + head + body + lead + b"OK\r\n"
    with Script((b"AT+GET=1\r", chunks(pieces(data, *cuts)))) as port:
        talk = Talk(port)
        payload = Marked(b"<<<", len(body)) if marked else Announced(count, 300)
        reply = talk(talk.channel.download(GET, payload))
        assert (reply.payload, reply.ok) == (body, True)
        assert talk.events() == []


@pytest.mark.parametrize("length", ["1000000000", "-1", "-9999999999", "9" * 30, "2001"])
def test_a_length_that_nobody_asked_for_is_an_error(length: str) -> None:
    with Script((b"AT+GET=1\r", [f"\r\n+GET: 1,{length}\r\n".encode(), b"x" * 50])) as port:
        talk = Talk(port)
        with pytest.raises(HttpError) as caught:
            talk(talk.channel.download(GET, Announced(count, 2000)))
        assert Reason.MALFORMED_RESPONSE in caught.value.reasons
        assert port.time < 1001


def test_several_payloads_together_are_no_more_than_was_asked_for() -> None:
    part = b"\r\n+GET: 1,6\r\nabcdef"
    with Script((b"AT+GET=1\r", [part + part + b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises(HttpError):
            talk(talk.channel.download(GET, Announced(count, 10)))


def test_a_marker_after_the_payload_is_no_second_payload() -> None:
    with Script((b"AT+GET=1\r", [b"\r\n<<<abc\r\n<<<def\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.download(GET, Marked(b"<<<", 3))).payload == b"abc"


def test_an_answer_without_its_marked_payload_is_incomplete() -> None:
    with Script((b"AT+GET=1\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises(HttpError) as caught:
            talk(talk.channel.download(GET, Marked(b"<<<", 3)))
        assert caught.value.reasons == {Reason.INCOMPLETE_BODY}
        assert not talk.channel.is_recovering


def test_a_refusal_needs_no_payload() -> None:
    with Script((b"AT+GET=1\r", [b"\r\n+CME ERROR: 4\r\n"])) as port:
        talk = Talk(port)
        reply = talk(talk.channel.download(GET, Marked(b"<<<", 3)))
        assert (reply.payload, reply.ok) == (b"", False)


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5, 6, 7, 50])
def test_bytes_lost_on_the_line_are_an_error_and_not_a_body(lost: int) -> None:
    body = b"0123456789" * 10
    with Script((b"AT+GET=1\r", [b"\r\n+GET: 1,100\r\n" + body[lost:] + b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises((HttpError, ModemTimeout)) as caught:
            talk(talk.channel.download(GET, Announced(count, 100)))
        assert caught.value.reasons & {Reason.BYTES_LOST, Reason.NO_ANSWER}
        assert port.time - 1000 <= 11


@pytest.mark.parametrize("urc", [b"+CEREG: 1\r\n", b"\r\n+CEREG: 1\r\n", b"\r\n\r\n+CEREG: 1\r\n"])
def test_an_event_right_behind_a_payload_needs_no_line_end_before_it(urc: bytes) -> None:
    with Script((b"AT+GET=1\r", [b"\r\n+GET: 1,3\r\nabc" + urc + b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.download(GET, Announced(count, 10))).payload == b"abc"
        assert talk.channel.take(lambda line: line == "+CEREG: 1") is not None


# Restarts, waits.


@pytest.mark.parametrize("split", [False, True])
def test_a_restart_ends_the_exchange(split: bool) -> None:
    data = b"\r\n+X: 1\r\n\r\n+SYSSTART\r\n"
    with Script((SENT, chunks(pieces(data) if split else [data]))) as port:
        talk = Talk(port)
        with pytest.raises(ModemReset) as caught:
            talk(talk.channel.command(READ))
        assert caught.value.lines == ("+SYSSTART",)
        assert caught.value.reasons == {Reason.MODEM_RESTARTED}
        assert talk.channel.restarts == 1
        assert port.time == 1000.0


def test_a_restart_between_exchanges_is_an_event_and_counted() -> None:
    with Script((SENT, [b"\r\nOK\r\n"]), first=[b"\r\n+SYSSTART\r\n"]) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(READ)).ok
        assert talk.channel.restarts == 1
        assert talk.events() == ["+SYSSTART"]


def test_a_restart_inside_a_payload_is_one() -> None:
    with Script((b"AT+GET=1\r", [b"\r\n+GET: 1,100\r\nabc", (2.0, b"\r\n+SYSSTART\r\n")])) as port:
        talk = Talk(port)
        with pytest.raises(ModemReset):
            talk(talk.channel.download(GET, Announced(count, 100), idle_timeout=3.0))
        assert talk.channel.restarts == 1


def test_a_wait_ends_with_its_event_its_time_or_a_restart() -> None:
    with Script(first=[b"\r\n+CEREG: 1\r\n", (2.0, b"\r\n+RI"), (0.1, b"NG:4\r\n")]) as port:
        talk = Talk(port)
        event = talk(talk.channel.wait(starts("+RING: 4"), 5.0))
        assert event is not None
        assert event.time == pytest.approx(1002.1)
        assert talk(talk.channel.wait(starts("+RING"), 3.0)) is None
        assert port.time == pytest.approx(1005.1)
        assert talk(talk.channel.wait(starts("+CEREG"), 0.0)) is not None
        port.say([b"\r\n+RING: 5\r\n"])
        assert talk(talk.channel.wait(starts("+RING"), 0.0)) is not None
        port.say([(0.5, b"\r\n+SYSSTART\r\n")])
        with pytest.raises(ModemReset):
            talk(talk.channel.wait(starts("+RING"), 3.0))


def test_a_listener_hears_each_event_once_until_it_ends() -> None:
    with Script((SENT, [b"\r\n+RING: 1\r\n\r\nOK\r\n"]), (SENT, [b"\r\n+RING: 2\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        heard: list[str] = []
        end = talk.channel.listen(lambda event: heard.append(event.line))
        talk(talk.channel.command(READ))
        end()
        end()
        talk(talk.channel.command(READ))
        assert heard == ["+RING: 1"]
        assert talk.channel.has(starts("+RING: 2"))
        talk.channel.discard(starts("+RING"))
        assert talk.events() == []


def test_wake_goes_on_until_the_modem_answers() -> None:
    with Script((b"AT\r", []), (b"ATQ0\r", []), (b"AT\r", [b"\xff\0", b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(5.0))
        assert port.time - 1000 < 2.5
    with Script((b"AT\r", []), (b"ATQ0\r", []), (b"AT\r", [])) as port:
        talk = Talk(port)
        assert not talk(talk.channel.wake(3.0))
        assert port.time - 1000 == pytest.approx(3.0, abs=0.01)


def test_wake_switches_on_results_that_are_switched_off() -> None:
    with Script((b"AT\r", []), (b"ATQ0\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(5.0))


# Secrets.

SECRET = "hunter2hunter2"
ECHO = f'AT+CGAUTH=1,1,"me","{SECRET}"'
LOGIN = Command.set("+CGAUTH", 1, 1, quote("me"), secret(quote(SECRET)))
KEY = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"


def leaks(text: str, secret_text: str, size: int = 6) -> list[str]:
    return [
        piece
        for piece in (secret_text[i : i + size] for i in range(len(secret_text) - size))
        if piece in text
    ]


@pytest.mark.parametrize(
    "echo",
    [
        ECHO,
        ECHO[:-3],
        ECHO[:14],
        ECHO[8:],
        ECHO[16:],
        ECHO + "\r" + ECHO,
        ECHO.replace("CGAUTH", "CG\xffUTH"),
        ECHO[:20] + "\r\n" + ECHO[20:],
        "+CEREG: 5" + ECHO,
        "+CEREG: 5" + ECHO[3:-7],
        "+CGAUTH: " + ECHO,
        "+CME ERROR: " + ECHO,
        "+RING: " + SECRET,
        "+SYSSTART" + ECHO,
        "\r\n+CGAUTH: 1," + SECRET + "\r\n",
    ],
)
@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("end", [b"\r\nOK\r\n", b"\r\n+CME ERROR: 4\r\n", b"", b"\r\n+SYSSTART\r\n"])
def test_a_secret_is_shown_nowhere(
    echo: str, free: bool, end: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "modemtls")
    command = Command(LOGIN.text, LOGIN.shown, None) if free else LOGIN
    port = Script(
        (LOGIN.text.encode() + b"\r", [echo.encode("latin-1") + b"\r", end]),
        (b"AT+CMEE?\r", [b"\r\n+CMEE: 1\r\n\r\nOK\r\n"]),
    )
    talk = Talk(port)
    shown: list[str] = []
    talk.channel.listen(lambda event: shown.append(repr(event)))
    try:
        reply = talk(talk.channel.command(command))
        shown += [repr(reply), *reply.shown, str(reply.final)]
    except (ModemTimeout, ModemReset) as error:
        shown += [repr(error), str(error), repr(error.__dict__), repr(talk.channel._broken)]
        talk(talk.channel.ready())
    shown += [*talk.events(), caplog.text, *capsys.readouterr()]
    assert leaks("\n".join(shown), SECRET) == []
    assert "AT+CGAUTH=1,1" in caplog.text or "sent" in caplog.text


@pytest.mark.parametrize("cut", [0, 9, 40, 60])
@pytest.mark.parametrize("before", ["", "+CEREG: 1", "+UP: "])
def test_a_key_that_comes_back_is_shown_nowhere(
    cut: int, before: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "modemtls")
    back = before.encode() + KEY[cut:] + b"\r\n\r\n+RING: 1\r\n\r\nOK\r\n"
    with Script((b"AT+UP=5\r", [b"\r\n> "]), (KEY, [back])) as port:
        talk = Talk(port)
        reply = talk(talk.channel.upload(UP, KEY, prompt_timeout=3.0, hide=True))
        shown = "\n".join([repr(reply), *reply.shown, *talk.events(), caplog.text])
        assert leaks(shown, KEY.decode(), 8) == []
        assert "+RING: 1" in shown


def test_events_of_a_secret_exchange_are_still_events() -> None:
    with Script((LOGIN.text.encode() + b"\r", [b"\r\n+CEREG: 1\r\n\r\nodd\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(LOGIN))
        assert talk.events() == ["+CEREG: 1", "***"]


def test_the_redactor_is_applied_to_lines_and_events() -> None:
    dialect = Dialect(urcs=URCS, redact=lambda line: re.sub('"psk.*"', '"***"', line))
    with Script((SENT, [b'\r\n+X: 1,"psk1"\r\n\r\n+RING: "psk2"\r\n\r\nOK\r\n'])) as port:
        talk = Talk(port, dialect)
        reply = talk(talk.channel.command(READ))
        assert reply.shown == ('+X: 1,"***"',)
        assert reply.lines == ('+X: 1,"psk1"',)
        assert "psk" not in repr(reply)
        assert talk.events() == ['+RING: "***"']


def test_the_library_is_silent_unless_logging_is_configured(capfd: pytest.CaptureFixture[str]) -> None:
    with Script((SENT, [b"\r\n+X: 1\r\n\r\n+RING: 1\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
    assert capfd.readouterr() == ("", "")


def test_the_wire_is_logged_when_it_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "modemtls.at")
    with Script((SENT, [b"\r\n+X: \x1b[1m\r\n\r\nOK\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
    assert "AT+X?" in caplog.text
    assert "\x1b" not in caplog.text


def test_a_port_that_is_gone_is_a_port_error() -> None:
    class Gone(Script):
        def read(self, timeout: float) -> bytes:
            if self.written:
                raise PortError("gone", reasons={Reason.PORT_GONE})
            return super().read(timeout)

    talk = Talk(Gone((SENT, [])))
    with pytest.raises(PortError):
        talk(talk.channel.command(READ))
    assert talk.channel.is_recovering


def test_another_dialect_is_spoken_from_then_on() -> None:
    with Script((SENT, [b"\r\n+BOOT\r\n"])) as port:
        talk = Talk(port)
        talk.channel.speak(Dialect(boot_urcs=("+BOOT",)), command_timeout=1.0, recover_timeout=2.0)
        assert talk.channel.dialect != DIALECT
        with pytest.raises(ModemReset):
            talk(talk.channel.command(READ))
