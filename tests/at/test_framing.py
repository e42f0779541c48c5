from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.at.framing import MAX_LINE_BYTES, Item, Line, Marker, Payload, Prompt, Receiver, Slip

from .conftest import pieces

ALL_BYTES = bytes(range(256))
#: Bytes that mean something to the framing, and some that do not.
TRICKY = st.binary(max_size=60) | st.lists(
    st.sampled_from([b"\r", b"\n", b"\0", b">", b" ", b"<", b"<<<", b"OK", b"\r\n", b"0", b"\xff", b"+X: 1"])
).map(b"".join)
CUTS = st.lists(st.integers(1, 200), min_size=1, max_size=12)


def drain(receiver: Receiver, *, prompt: bool = False, marker: bytes = b"") -> list[Item]:
    found: list[Item] = []
    while (item := receiver.next(prompt=prompt, marker=marker)) is not None:
        found.append(item)
    return found


def lines(chunks: list[bytes], *, numeric: bool = False) -> list[str]:
    receiver = Receiver()
    receiver.numeric = numeric
    found = []
    for chunk in chunks:
        receiver.feed(chunk)
        found += [item.text for item in drain(receiver) if isinstance(item, Line)]
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\r\n+X: 1\r\n\r\nOK\r\n", ["+X: 1", "OK"]),
        (b"+X: 1\r\nOK\r\n", ["+X: 1", "OK"]),
        (b"AT+X?\r\r\n+X: 1\r\n\r\nOK\r\n", ["AT+X?", "+X: 1", "OK"]),
        (b"AT+X?\r+X: 1\r\nOK\r\n", ["AT+X?", "+X: 1", "OK"]),
        (b"AT\nOK\n", ["AT", "OK"]),
        (b"\0\0\r\n\0OK\0\r\n", ["OK"]),
        (b"\r\r\r\n\n\nOK\r\r\n", ["OK"]),
        (b"a\0b\r\n", ["a\0b"]),
        (b"> \r\nOK\r\n", ["> ", "OK"]),
        (b"<<<\r\n", ["<<<"]),
        (b"caf\xc3\xa9 \xff\r\n", ["café \\xff"]),
    ],
)
def test_lines_whole_and_byte_by_byte(data: bytes, expected: list[str]) -> None:
    assert lines([data]) == expected
    assert lines(pieces(data)) == expected


@given(TRICKY, CUTS)
def test_lines_are_the_same_at_any_cut(data: bytes, cuts: list[int]) -> None:
    data += b"\r\n."  # a CR at the very end waits for what follows
    assert lines(pieces(data, *cuts)) == lines([data]) == lines(pieces(data))


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)), CUTS)
def test_no_line_is_lost_or_doubled(texts: list[str], cuts: list[int]) -> None:
    data = "".join(f"\r\n{text}\r\n" for text in texts).encode()
    assert lines(pieces(data, *cuts)) == texts


@pytest.mark.parametrize(
    "prompt", [b"\r\n> ", b"\r\n>", b">", b"> ", b">>>", b"\r\n>>> ", b"\r\n>>>", b"\n>"]
)
@pytest.mark.parametrize("split", [False, True])
def test_prompts_with_and_without_leading_line_end(prompt: bytes, split: bool) -> None:
    receiver = Receiver()
    found: list[Item] = []
    after = b"\r\n+X: 1\r\n\r\nOK\r\n"
    for chunk in pieces(prompt + after) if split else [prompt, after]:
        receiver.feed(chunk)
        found += drain(receiver, prompt=not found)
    assert found == [Prompt(), Line("+X: 1"), Line("OK")]


def test_a_prompt_right_after_the_echo() -> None:
    for chunks in ([b"AT+UP=5\r> "], pieces(b"AT+UP=5\r> "), [b"AT+UP=5\r\r\n> "]):
        receiver = Receiver()
        found: list[Item] = []
        for chunk in chunks:
            receiver.feed(chunk)
            found += drain(receiver, prompt=True)
        assert found == [Line("AT+UP=5"), Prompt()]


def test_a_prompt_is_none_when_nobody_waits_for_one_or_inside_a_line() -> None:
    receiver = Receiver()
    receiver.feed(b"\r\n> \r\n")
    assert drain(receiver) == [Line("> ")]
    receiver.feed(b"a > b\r\n")
    assert drain(receiver, prompt=True) == [Line("a > b")]


def test_begin_forgets_a_prompt_that_nobody_waited_for_and_no_more() -> None:
    receiver = Receiver()
    receiver.feed(b"\r\n> ")
    assert drain(receiver) == []
    receiver.begin()
    assert not receiver.is_midway
    assert drain(receiver, prompt=True) == []
    receiver.feed(b"+CER")
    receiver.begin()
    receiver.feed(b"EG: 1\r\n\r")
    assert drain(receiver) == [Line("+CEREG: 1")]


@pytest.mark.parametrize("count", [1, 2, 256, 5000])
@pytest.mark.parametrize("lead", [b"\r\n", b""])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_payload_is_taken_by_count_whatever_it_contains(count: int, lead: bytes, size: int) -> None:
    payload = (ALL_BYTES * 20)[:count]
    data = lead + b"+X: 1\r\n" + payload + lead + b"OK\r\n" + b"."
    receiver = Receiver()
    found: list[Item] = []
    for start in range(0, len(data), size):
        receiver.feed(data[start : start + size])
        while (item := receiver.next()) is not None:
            found.append(item)
            if item == Line("+X: 1"):
                receiver.expect_payload(count)
    parts = [item for item in found if isinstance(item, Payload)]
    assert b"".join(part.data for part in parts) == payload
    assert parts[-1].remaining == 0
    assert [item for item in found if not isinstance(item, Payload)] == [Line("+X: 1"), Line("OK")]


@given(TRICKY.filter(bool), CUTS, st.sampled_from([b"\r\n", b"\r\n\r\n", b""]))
def test_a_payload_at_any_cut(payload: bytes, cuts: list[int], after: bytes) -> None:
    framing = b"\r\n" if after else b""
    data = framing + b"+X: 5\r\n" + payload + after + b"OK\r\n."
    receiver = Receiver()
    body, texts = b"", []
    for chunk in pieces(data, *cuts):
        receiver.feed(chunk)
        while (item := receiver.next()) is not None:
            if isinstance(item, Payload):
                body += item.data
            else:
                assert isinstance(item, Line)
                texts.append(item.text)
                if len(texts) == 1:
                    receiver.expect_payload(len(payload))
    assert body == payload
    assert texts == ["+X: 5", "OK"]


@pytest.mark.parametrize("lost", [1, 2, 3, 5])  # 4: the result is gone, and a line end is there
@pytest.mark.parametrize("split", [False, True])
def test_bytes_that_were_lost_in_a_payload_are_noticed_where_framing_is_full(lost: int, split: bool) -> None:
    data = b"\r\n+X: 9\r\n" + b"123456789"[lost:] + b"\r\nOK\r\n"
    receiver = Receiver()
    found: list[Item] = []
    for chunk in pieces(data) if split else [data]:
        receiver.feed(chunk)
        while (item := receiver.next()) is not None:
            found.append(item)
            if len(found) == 1:
                receiver.expect_payload(9)
    assert any(isinstance(item, Slip) for item in found)


def test_compact_framing_needs_no_line_end_after_a_payload() -> None:
    receiver = Receiver()
    receiver.feed(b"+X: 2\r\n")
    assert drain(receiver) == [Line("+X: 2")]
    receiver.expect_payload(2)
    receiver.feed(b"abOK\r\n")
    assert drain(receiver) == [Payload(b"ab", 0), Line("OK")]


@pytest.mark.parametrize("split", [False, True])
def test_a_marker_is_exactly_its_bytes_at_the_beginning_of_a_line(split: bool) -> None:
    data = b"\r\n+X: <<<\r\n\r\n<<<<html>\r\nOK\r\n"
    receiver = Receiver()
    found: list[Item] = []
    for chunk in pieces(data) if split else [data]:
        receiver.feed(chunk)
        while (item := receiver.next(marker=b"" if Marker() in found else b"<<<")) is not None:
            found.append(item)
            if item == Marker():
                receiver.expect_payload(6)
    body = b"".join(item.data for item in found if isinstance(item, Payload))
    assert body == b"<html>"
    assert [item for item in found if not isinstance(item, Payload)] == [
        Line("+X: <<<"),
        Marker(),
        Line("OK"),
    ]


@pytest.mark.parametrize("begin", [b"<", b"<<"])
def test_the_beginning_of_a_marker_may_still_be_a_line(begin: bytes) -> None:
    receiver = Receiver()
    receiver.feed(begin)
    assert drain(receiver, marker=b"<<<") == []
    receiver.feed(b"x\r\n")
    assert drain(receiver, marker=b"<<<") == [Line(begin.decode() + "x")]


def test_a_numeric_result_ends_with_its_cr() -> None:
    assert lines([b"0\r"], numeric=True) == ["0"]
    assert lines([b"+X: 1\r\n0\r", b"\r\n4\r"], numeric=True) == ["+X: 1", "0", "4"]
    assert lines([b"0\r", b"\nOK\r\n"], numeric=True) == ["0", "OK"]
    assert lines([b"12\r"], numeric=True) == []
    assert lines([b"0\r"]) == []


@pytest.mark.parametrize("size", [1000, 4096, 100_000, MAX_LINE_BYTES])
def test_an_unending_line_is_cut_and_memory_stays_bounded(size: int) -> None:
    receiver = Receiver()
    found: list[Item] = []
    for _ in range(0, 400_000, size):
        receiver.feed(b"x" * size)
        found += drain(receiver)
        assert len(receiver._buffer) <= MAX_LINE_BYTES
    assert found == [Line("x" * MAX_LINE_BYTES, truncated=True)]
    receiver.feed(b"rest\r\nOK\r\n")
    assert drain(receiver) == [Line("OK")]


@given(st.integers(-3, 3), st.booleans())
def test_a_line_around_the_limit_is_one_line(more: int, whole: bool) -> None:
    data = b"y" * (MAX_LINE_BYTES + more) + b"\r\nOK\r\n"
    found = lines([data] if whole else pieces(data, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, len(data) - 1))
    assert found == ["y" * min(MAX_LINE_BYTES, MAX_LINE_BYTES + more), "OK"]


def test_data_that_come_back_are_passed_over() -> None:
    data = b"\r\nOK\r\nabc> \r\nERROR\r\n"
    for chunks in ([data + b"\r\nOK\r\n"], pieces(data + b"\r\nOK\r\n")):
        receiver = Receiver()
        receiver.expect_echo(data)
        found: list[Item] = []
        for chunk in chunks:
            receiver.feed(chunk)
            found += drain(receiver)
        assert found == [Line("OK")]


def test_data_that_do_not_come_back_cost_nothing() -> None:
    receiver = Receiver()
    receiver.expect_echo(b"\r\nhello")
    receiver.feed(b"\r\n+CME ERROR: 4\r\n")
    assert drain(receiver) == [Line("+CME ERROR: 4")]


@given(st.lists(TRICKY, max_size=8), st.booleans(), st.sampled_from([b"", b"<<<"]))
def test_whatever_arrives_the_receiver_goes_on(chunks: list[bytes], prompt: bool, marker: bytes) -> None:
    receiver = Receiver()
    for chunk in chunks:
        receiver.feed(chunk)
        found = drain(receiver, prompt=prompt, marker=marker)
        assert all(item.text for item in found if isinstance(item, Line))
    receiver.reset()
    assert not receiver.is_midway
    receiver.feed(b"\r\nOK\r\n")
    assert drain(receiver) == [Line("OK")]


def test_a_new_receiver_and_one_that_was_reset_know_nothing() -> None:
    receiver = Receiver()
    for _ in range(2):
        assert receiver.numeric is False
        assert receiver.payload_remaining == 0
        assert not receiver.is_midway
        receiver.expect_payload(3)  # no line end came before: framing is not known to be full
        receiver.feed(b"\nabOK\r\n")
        assert drain(receiver) == [Payload(b"\nab", 0), Line("OK")]
        receiver.expect_payload(5)
        receiver.expect_echo(b"XXXX")
        receiver.reset()
    receiver.feed(b"XXXX: 1\r\n")
    assert drain(receiver) == [Line("XXXX: 1")]


def test_what_a_payload_begins_with_is_not_taken_for_a_line_end() -> None:
    receiver = Receiver()
    receiver.feed(b"\n\r\n+X: 2\r\n")
    assert drain(receiver) == [Line("+X: 2")]
    receiver.expect_payload(2)
    receiver.feed(b"\n\n\r\nOK\r\n")
    assert drain(receiver) == [Payload(b"\n\n", 0), Line("OK")]


def test_no_line_end_before_the_second_line_is_compact_framing() -> None:
    receiver = Receiver()
    receiver.feed(b"\r\n+Y: 1\r\n+X: 2\r\n")
    assert drain(receiver) == [Line("+Y: 1"), Line("+X: 2")]
    receiver.expect_payload(2)
    receiver.feed(b"abOK\r\n")
    assert drain(receiver) == [Payload(b"ab", 0), Line("OK")]


def test_a_line_end_before_a_marker_counts_once() -> None:
    receiver = Receiver()
    receiver.feed(b"\r\n<<<")
    assert drain(receiver, marker=b"<<<") == [Marker()]
    receiver.expect_payload(2)
    receiver.feed(b"ab\r\n")
    assert drain(receiver) == [Payload(b"ab", 0)]
    receiver.feed(b"<<<")
    assert drain(receiver, marker=b"<<<")[-1:] == [Marker()]
    receiver.expect_payload(2)
    receiver.feed(b"cd\r\nOK\r\n")
    assert drain(receiver) == [Payload(b"cd", 0), Line("OK")]


def test_a_return_ends_its_line_only_where_one_waits() -> None:
    receiver = Receiver()
    assert not receiver.end_return()
    receiver.feed(b"AT")
    assert not receiver.end_return()
    receiver.feed(b"\r")
    assert drain(receiver) == []
    assert receiver.end_return()
    assert drain(receiver) == [Line("AT")]
    receiver.expect_payload(3)
    receiver.feed(b"a\r")
    assert not receiver.end_return()
    assert not Receiver().end_return()


def test_the_lf_behind_a_numeric_result_is_passed_over_once() -> None:
    receiver = Receiver()
    receiver.numeric = True
    receiver.feed(b"0\r")
    assert drain(receiver) == [Line("0")]
    receiver.expect_payload(2)
    receiver.feed(b"\n\nb")  # the first ends the result, the second is payload
    assert drain(receiver) == [Payload(b"\nb", 0)]
    receiver.feed(b"4\r")
    assert drain(receiver) == [Line("4")]
    receiver.expect_payload(2)
    receiver.feed(b"a\n")
    assert drain(receiver) == [Payload(b"a\n", 0)]


@pytest.mark.parametrize(
    ("after", "in_line_end"), [(b"\rA\r\n", True), (b"\nA\r\n", True), (b"XA\r\n", False)]
)
def test_a_slip_says_whether_it_is_inside_a_line_end(after: bytes, in_line_end: bool) -> None:
    receiver = Receiver()
    receiver.feed(b"\r\n+X: 1\r\n")
    assert drain(receiver) == [Line("+X: 1")]
    receiver.expect_payload(1)
    receiver.feed(b"a" + after)
    assert drain(receiver)[1] == Slip(in_line_end)


def test_an_x_is_no_line_end_and_no_prompt() -> None:
    receiver = Receiver()
    receiver.feed(b"\r\n+X: 1\r\n")
    assert drain(receiver) == [Line("+X: 1")]
    receiver.expect_payload(1)
    receiver.feed(b"aX\r\n")
    assert drain(receiver) == [Payload(b"a", 0), Slip(), Line("X")]
    receiver.feed(b">>X  X\r\n")
    assert drain(receiver, prompt=True) == [Prompt(), Line("X  X")]
    receiver.feed(b"> \tX\r\n")
    assert drain(receiver, prompt=True) == [Prompt(), Line("\tX")]
    receiver.feed(b">\tY\r\n")
    assert drain(receiver, prompt=True) == [Prompt(), Line("\tY")]
    receiver.feed(b">")
    assert drain(receiver, prompt=True) == [Prompt()]
    receiver.feed(b" ")
    receiver.feed(b"XY\r\n")
    assert drain(receiver, prompt=True) == [Line("XY")]


def test_begin_keeps_what_may_be_a_line() -> None:
    for begun in (b"X", b"\t", b"X> ", b">X"):
        receiver = Receiver()
        receiver.feed(begun)
        assert drain(receiver) == []
        receiver.begin()
        receiver.feed(b"Y\r\n")
        assert drain(receiver) == [Line(begun.decode() + "Y")]


def test_a_prompt_and_a_marker_behind_the_end_of_a_line_that_was_cut() -> None:
    for after, expected in ((b"> ", Prompt()), (b"<<<", Marker())):
        receiver = Receiver()
        receiver.feed(b"x" * (MAX_LINE_BYTES + 5))
        assert drain(receiver, prompt=True, marker=b"<<<") == [Line("x" * MAX_LINE_BYTES, truncated=True)]
        receiver.feed(b"rest\r\n" + after)
        assert receiver.next(prompt=True, marker=b"<<<") == expected


def test_the_rest_of_a_line_that_was_cut_is_dropped_whatever_it_ends_with() -> None:
    receiver = Receiver()
    receiver.feed(b"x" * (MAX_LINE_BYTES + 1) + b"\r")
    assert drain(receiver) == [Line("x" * MAX_LINE_BYTES, truncated=True)]
    receiver.feed(b"OK\r\n")  # the CR was the end of the line
    assert drain(receiver) == [Line("OK")]
    receiver.feed(b"y" * (MAX_LINE_BYTES + 1))
    assert drain(receiver) == [Line("y" * MAX_LINE_BYTES, truncated=True)]
    assert not receiver.is_midway
    receiver.feed(b"\r\n+X: 2\r\n")
    assert drain(receiver) == [Line("+X: 2")]
    receiver.expect_payload(2)
    receiver.feed(b"abOK\r\n")
    assert drain(receiver) == [Payload(b"ab", 0), Line("OK")]


def test_an_echo_that_breaks_off_is_not_looked_for_any_more() -> None:
    receiver = Receiver()
    receiver.expect_echo(b"hello XXXX world")
    receiver.feed(b"hello ")
    assert drain(receiver) == []
    receiver.feed(b"\r\n+X: 1\r\n")
    assert drain(receiver) == [Line("+X: 1")]
    receiver.feed(b"XXXX world\r\n")
    assert drain(receiver) == [Line("XXXX world")]
