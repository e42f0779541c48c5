"""The text form: everything comes back, and damage is told by its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls import PortError, Reason
from modemtls.transcript import (
    Chunk,
    Direction,
    Failure,
    LineChange,
    Payload,
    Placeholder,
    Text,
    Transcript,
    TranscriptError,
    parse,
    transcript_text,
)
from modemtls.transcript.records import Piece, size_of

HEAD = "modemtls transcript 1\npayloads: digest\n\n"


def merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)
    return tuple(found)


def damage(content: bytes) -> TranscriptError | None:
    """What is said of a file, if it is no transcript; anything else that is raised fails the test."""
    try:
        parse(content)
    except TranscriptError as error:
        return error
    return None


placeholders = st.builds(
    Placeholder,
    st.sampled_from(["pin", "imei", "secret"]),
    st.integers(1, 99),
    st.none() | st.integers(0, 40),
)
data = st.binary(min_size=1, max_size=200) | st.sampled_from(
    [b"\r\n", b" ", b"[1 bytes]", b"{", b"\\", b"\\n", b"| ", b"+0.000 > x", b"\r\n> ", b"#"]
)
pieces = st.lists(data | placeholders, min_size=1, max_size=6).map(merged)
sized = st.lists(
    data | st.builds(Placeholder, st.just("key"), st.just(1), st.integers(0, 9)), max_size=4
).map(merged)


def whole(parts: tuple[Piece, ...]) -> Payload:
    size = size_of(parts)
    assert size is not None
    return Payload(size, pieces=parts)


parts = (
    pieces.map(Text)
    | sized.map(whole)
    | st.builds(Payload, st.integers(0, 10**9), sha256=st.binary(min_size=32, max_size=32).map(bytes.hex))
    | st.builds(
        Payload,
        st.integers(0, 10**9),
        stands_for=st.none() | st.builds(Placeholder, st.just("key"), st.just(1)),
    )
)
delays = st.none() | st.integers(0, 10**8).map(lambda ms: ms / 1000)
chunks = st.builds(
    Chunk,
    st.sampled_from(Direction),
    st.lists(parts, min_size=1, max_size=3).map(tuple),
    delays,
    st.booleans(),
)
entries = (
    chunks
    | st.builds(LineChange, st.sampled_from(["115200 baud", "dtr off"]), delays)
    | st.builds(Failure, st.sampled_from(["gone", "stalled"]), delays)
)
transcripts = st.builds(
    Transcript,
    st.lists(entries, max_size=6).map(tuple),
    st.none() | st.just("acme-x1"),
    st.booleans(),
    st.none() | st.just("2026-11-21"),
    st.lists(st.just("line ends"), max_size=2).map(tuple),
)


@given(transcripts)
def test_any_transcript_comes_back_from_its_text(transcript: Transcript) -> None:
    text = transcript_text(transcript)
    assert parse(text.encode("ascii")) == transcript
    assert all(line == line.rstrip() for line in text.splitlines()), (
        "an editor would take blanks at the end away"
    )


@given(transcripts)
def test_line_ends_of_windows_change_nothing(transcript: Transcript) -> None:
    assert parse(transcript_text(transcript).replace("\n", "\r\n").encode()) == transcript


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: f"{HEAD}{text}".encode("utf-8", "replace"))
)
def test_whatever_is_read_gives_a_transcript_or_one_clear_error(content: bytes) -> None:
    error = damage(content)
    assert error is None or error.line is None or f"Line {error.line} of the transcript" in str(error)


@given(transcripts, st.data())
def test_damage_of_one_byte_is_another_transcript_or_an_error_with_its_line(
    transcript: Transcript, draw: st.DataObject
) -> None:
    text = bytearray(transcript_text(transcript).encode())
    at = draw.draw(st.integers(0, len(text) - 1))
    text[at] = draw.draw(st.integers(0, 255))
    error = damage(bytes(text))
    assert error is None or (error.line is not None and error.line <= text.count(b"\n") + 1)


@pytest.mark.parametrize(
    ("line", "number", "why"),
    [
        ("+0.000 > AT\\q", 4, "a backslash"),
        ("+0.000 > AT{pin}", 4, "a brace"),
        ("0.000 > AT", 4, "TIME MARK CONTENT"),
        ("+0.000 * AT", 4, "TIME MARK CONTENT"),
        ("+0.000 < caf\u00e9", 4, "not printable ASCII"),
        ("+0.000 ! broken", 4, "a failure is one of"),
        ("+0.000 > [x bytes]", 4, "a payload begins with"),
        ("+0.000 > [3 bytes sha256:ff]", 4, "a payload begins with"),
        ("+0.000 > [3 bytes hidden]abc", 4, "nothing follows"),
        ("+0.000 > [3 bytes]ab", 4, "3 bytes has 2 bytes"),
        ("+0.000 > [3 bytes]{pin-1}", 4, "unknown length"),
        ("   | AT", 4, "nothing stands before"),
        ("+0.000 > AT\n\n\n   & \\", 7, "a backslash"),
        ("+0.000 > [3 bytes hidden]\n | abc", 5, "goes no further"),
    ],
)
def test_damage_is_told_with_its_line_and_its_kind(line: str, number: int, why: str) -> None:
    with pytest.raises(TranscriptError, match=why) as caught:
        parse(f"{HEAD}{line}\n+0.000 > AT\n".encode())
    assert caught.value.line == number
    assert isinstance(caught.value, PortError)
    assert caught.value.reasons == {Reason.MALFORMED}


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"", 1, "does not begin"),
        (b"TX: AT\n", 1, "does not begin"),
        (b"modemtls transcript 2\n\n", 1, "format '2'"),
        (b"modemtls transcript 1\ncolour: red\n\n", 2, "head"),
        (b"modemtls transcript 1\npayloads: some\n\n", 2, "head"),
        (b"modemtls transcript 1\n\n+0.000 > \xff\n", 3, "UTF-8"),
    ],
)
def test_a_head_that_is_none_is_told(content: bytes, line: int, why: str) -> None:
    with pytest.raises(TranscriptError, match=why) as caught:
        parse(content)
    assert caught.value.line == line


def test_remarks_and_empty_lines_are_for_people() -> None:
    text = "\ufeff" + HEAD + "# here it hung\n\n   +0.000 > AT\\r\n  # and here\n   +1.500 < \\r\\nOK\\r\\n\n"
    assert parse(text.encode()).entries == (
        Chunk(Direction.SENT, (Text((b"AT\r",)),), 0.0),
        Chunk(Direction.RECEIVED, (Text((b"\r\nOK\r\n",)),), 1.5),
    )


def test_a_long_answer_takes_a_line_for_each_of_its_lines() -> None:
    answer = b"\r\n+A: one of the answers\r\n+A: another one of the answers\r\n\r\nOK\r\n"
    text = transcript_text(Transcript((Chunk(Direction.RECEIVED, (Text((answer,)),), 0.25),)))
    assert text.splitlines()[3:] == [
        r"   +0.250 < \r\n+A: one of the answers\r\n",
        r"          | +A: another one of the answers\r\n\r\n",
        r"          | OK\r\n",
    ]


def test_a_file_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemtls.transcript.text.MAX_BYTES", 10)
    with pytest.raises(TranscriptError, match="10 is the most"):
        parse(b"modemtls transcript 1\n")
