"""``replay://FILE`` answers what was recorded when it is sent what was recorded, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme
from tests.canaries import PASSWORD, PIN

import modemtls
from modemtls import ModemTimeout, PortError, Reason
from modemtls.at import Channel, Command, Dialect
from modemtls.op import SetLine, run
from modemtls.port import Port, open_port
from modemtls.ports.replay import ReplayPort
from modemtls.sim.server import HttpsServer
from modemtls.transcript import Chunk, Direction, Recording, TranscriptError, parse

from .bench import MODEL, Script, session, session_async, url

HEAD = "modemtls transcript 1\npayloads: full\n\n"


def replay(*lines: str) -> ReplayPort:
    return ReplayPort(parse((HEAD + "".join(f"{line}\n" for line in lines)).encode()))


def refusal(port: ReplayPort, data: bytes) -> PortError:
    with pytest.raises(PortError) as caught:
        port.write(data, 1.0)
    assert caught.value.reasons == {Reason.NOT_AS_RECORDED}
    return caught.value


# Whole sessions.


def test_a_recorded_session_replays_with_equal_results(
    recorded: tuple[str, list[object]], recording: Path, server: HttpsServer, pair: trustme.LeafCert
) -> None:
    assert session(f"replay://{recording}", server.ca_pem, pair) == recorded[1]


def test_a_recorded_session_replays_on_asyncio_too(
    recorded: tuple[str, list[object]], recording: Path, server: HttpsServer, pair: trustme.LeafCert
) -> None:
    assert asyncio.run(session_async(f"replay://{recording}", server.ca_pem, pair)) == recorded[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"chunk": 1},
        {"echo": "yes", "chunk": 9},
        {"urc_noise": 0.5},
        {"sim": "pin", "pin": PIN},
        {"latency": 0.05},
    ],
    ids="&".join,
)
def test_what_asyncio_recorded_replays_blocking(
    settings: dict[str, object], server: HttpsServer, pair: trustme.LeafCert, tmp_path: Path
) -> None:
    path = tmp_path / "async.txt"
    how = Recording(path, full=True)
    found = asyncio.run(session_async(url(server, **settings), server.ca_pem, pair, record=how))
    assert session(f"replay://{path}", server.ca_pem, pair) == found


def test_a_replay_of_a_replay_is_the_same_transcript(
    recording: Path, server: HttpsServer, pair: trustme.LeafCert
) -> None:
    first, second = Script(), Script()
    session(f"replay://{recording}", server.ca_pem, pair, record=first.recorder)
    session(f"replay://{recording}", server.ca_pem, pair, record=second.recorder)
    assert first.text == second.text
    assert first.transcript.model == MODEL


def test_another_password_and_another_key_replay_as_well(
    recording: Path, server: HttpsServer, pair: trustme.LeafCert, recorded: tuple[str, list[object]]
) -> None:
    """What a recording hides may be anything, of the same length where it is counted."""
    found = session(f"replay://{recording}", server.ca_pem, pair, password="another one")
    assert found == recorded[1]


def test_an_application_that_does_something_else_is_told_what(recording: Path) -> None:
    with (
        pytest.raises(PortError, match=r"expected was “AT\+CFUN\?\\r”, sent was “AT\+C") as caught,
        modemtls.open(f"replay://{recording}", journal=False) as modem,
    ):
        modem.clock.read()
    assert caught.value.reasons == {Reason.NOT_AS_RECORDED}
    assert "AT+CCLK?" in caught.value.message
    assert "line " in caught.value.message


def test_a_session_that_ends_early_is_told_what_is_left(recording: Path) -> None:
    with pytest.raises(
        PortError, match=r"ended before the transcript did, from line \d+ on: \d+ recorded writes"
    ):
        modemtls.open(f"replay://{recording}", journal=False).close()


def test_an_early_end_does_not_hide_what_caused_it(recording: Path) -> None:
    with pytest.raises(ZeroDivisionError), modemtls.open(f"replay://{recording}", journal=False):
        _ = 1 / 0


def test_without_payloads_in_full_a_download_cannot_be_replayed_and_the_error_says_so(
    server: HttpsServer, pair: trustme.LeafCert, tmp_path: Path
) -> None:
    path = tmp_path / "digest.txt"
    session(url(server), server.ca_pem, pair, record=path)
    with pytest.raises(TranscriptError, match="of which only its length and digest was recorded") as caught:
        session(f"replay://{path}", server.ca_pem, pair)
    assert caught.value.remedy is not None
    assert "--record-full" in caught.value.remedy
    assert caught.value.line is not None
    assert "sha256:" in path.read_text().splitlines()[caught.value.line]


def test_an_upload_kept_by_digest_replays(tmp_path: Path, server: HttpsServer) -> None:
    path = tmp_path / "digest.txt"
    with modemtls.open(f"sim://{MODEL}", record=path, journal=False) as modem:
        found = modem.trust(server.ca_pem)
    assert "sha256:" in path.read_text()
    with modemtls.open(f"replay://{path}", journal=False) as modem:
        assert modem.trust(server.ca_pem) == found


def test_another_certificate_of_the_same_length_is_another_upload(tmp_path: Path) -> None:
    key = trustme.KeyType.ECDSA
    one = trustme.CA(organization_name="A", key_type=key).cert_pem.bytes()
    path = tmp_path / "digest.txt"
    with modemtls.open(f"sim://{MODEL}", record=path, journal=False) as modem:
        modem.trust(one)
    other = next(
        pem
        for _ in range(200)
        if len(pem := trustme.CA(organization_name="B", key_type=key).cert_pem.bytes()) == len(one)
    )
    with (
        pytest.raises(PortError, match="another SHA-256"),
        modemtls.open(f"replay://{path}", journal=False) as modem,
    ):
        modem.trust(other)


# The port itself.


def test_answers_come_when_they_came() -> None:
    port = replay(r"+0.000 > AT\r", r"+0.250 < \r\nO", r"+1.000 < K\r\n")
    port.write(b"AT\r", 1.0)
    assert port.read(0.2) == b""
    assert port.read(0.2) == b"\r\nO"
    assert port.now() == pytest.approx(0.25)
    assert port.read(5.0) == b"K\r\n"
    assert port.now() == pytest.approx(1.25)
    port.close()
    port.close()


def test_nothing_comes_before_it_was_asked_for() -> None:
    port = replay(r"+0.000 < \r\nHI\r\n", r"+0.000 > AT\r", r"+0.000 < \r\nOK\r\n")
    assert port.read(1.0) == b"\r\nHI\r\n"
    assert port.read(100.0) == b""
    port.write(b"AT\r", 1.0)
    assert port.read(1.0) == b"\r\nOK\r\n"


def test_who_sends_earlier_than_then_still_gets_what_came_before() -> None:
    port = replay(r"+0.000 > AT\r", r"+9.000 < \r\n+EVENT\r\n", r"+1.000 > ATI\r", r"+0.000 < \r\nOK\r\n")
    port.write(b"AT\r", 1.0)
    port.write(b"ATI\r", 1.0)
    assert port.read(0) + port.read(0) == b"\r\n+EVENT\r\n\r\nOK\r\n"
    port.close()


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_writes_may_be_cut_anywhere(size: int) -> None:
    port = replay(
        r'+0.000 > AT+CPIN="{pin-1}"\r', r"+0.000 < \r\n> ", r"+0.000 > [4 bytes]ab{x-1:1}d",
        "+0.000 > [3 bytes hidden]",
        "+0.000 > [2 bytes sha256:fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603]",
        r"+0.000 < {pin-1}",
    )  # fmt: skip
    sent = b'AT+CPIN="4711"\r' + b"ab?d" + b"xyz" + b"ab"
    for at in range(0, len(sent), size):
        port.write(sent[at : at + size], 1.0)
    assert port.read(0) + port.read(0) == b"\r\n> 4711"
    port.close()


def test_a_placeholder_takes_any_value_but_always_the_same() -> None:
    lines = (r'+0.000 > AT+CPIN="{pin-1}"\r', r'+0.000 > AT+CPIN="{pin-1}"\r')
    port = replay(*lines)
    port.write(b'AT+CPIN="1"\rAT+CPIN="1"\r', 1.0)
    port.close()
    port = replay(*lines)
    error = refusal(port, b'AT+CPIN="4711"\rAT+CPIN="4712"\r')
    assert "{pin-1} was one value before" in error.message
    assert "471" not in str(error)


def test_what_the_modem_said_of_itself_is_replaced_by_a_number() -> None:
    port = replay(r"+0.000 > AT+CGSN\r", r"+0.000 < \r\n{imei-2:15}\r\n", r"+0.000 > AT+X={imei-2:15}\r")
    port.write(b"AT+CGSN\r", 1.0)
    assert port.read(0) == b"\r\n000000000000002\r\n"
    port.write(b"AT+X=000000000000002\r", 1.0)
    port.close()


def test_a_deviation_shows_both_and_no_secret() -> None:
    for expected, sent, shown in (
        (r"AT+CFUN?\r", b"AT+CGSN\r", "AT+CGSN"),
        (r"AT+CFUN=1\r", b"AT+CFUN=0\r", "AT+CFUN=0"),
        (r"AT+CFUN=1\r", f'AT+CGAUTH=1,1,"me","{PASSWORD}"\r'.encode(), "AT+CGAUTH="),
        (
            r'AT+CGAUTH=1,1,"me","{password-1}"\r',
            f'AT+CGAUTH=1,1,"you","{PASSWORD}"\r'.encode(),
            'AT+CGAUTH=1,1,"',
        ),
        (
            r'AT+CGAUTH=1,1,"me","{password-1}",1\r',
            f'AT+CGAUTH=1,1,"me","{PASSWORD}",2\r'.encode(),
            "{password-1}",
        ),
        ("[5 bytes]abcde", b"abXYZ", "byte 3 of 5 bytes of data"),
    ):
        port = replay(f"+0.000 > {expected}")
        error = refusal(port, sent)
        assert shown in error.message
        assert PASSWORD not in str(error)
        assert PASSWORD[:4] not in str(error)
        with pytest.raises(PortError) as again:
            port.read(1.0)
        assert again.value is error
        with pytest.raises(PortError) as at_end:
            port.close()
        assert at_end.value is error


def test_more_than_was_recorded_is_a_deviation() -> None:
    port = replay(r"+0.000 > AT\r")
    error = refusal(port, b'AT\rAT+CPIN="86420975"\r')
    assert "at its end, and 19 bytes more were sent (AT+CPIN=…)" in error.message


def test_half_a_command_is_told_at_the_end() -> None:
    port = replay(r"+0.000 > AT+CFUN?\r")
    port.write(b"AT+C", 1.0)
    with pytest.raises(PortError, match="1 recorded writes were never made"):
        port.close()


def test_what_was_never_read_is_told_at_the_end() -> None:
    port = replay(r"+0.000 > AT\r", r"+0.000 < \r\nOK\r\n", r"+5.000 < \r\n+EVENT\r\n")
    port.write(b"AT\r", 1.0)
    port.read(1.0)
    with pytest.raises(
        PortError, match=r"from line 6 on: 0 recorded writes were never made, 1 recorded answers"
    ):
        port.close()


def test_a_port_that_failed_fails_again_at_the_same_place() -> None:
    port = replay(r"+0.000 > AT\r", "+2.000 ! gone")
    port.write(b"AT\r", 1.0)
    assert port.read(1.0) == b""
    with pytest.raises(PortError, match="as it was when it was recorded") as caught:
        port.read(5.0)
    assert caught.value.reasons == {Reason.PORT_GONE}
    port.close()
    port = replay("+0.000 ! stalled", r"+0.000 > AT\r")
    with pytest.raises(ModemTimeout, match="takes no more bytes"):
        port.write(b"AT\r", 1.0)
    port.write(b"AT\r", 1.0)
    port.close()


def test_changes_of_the_line_are_of_no_account_but_their_kind_is_kept() -> None:
    port = replay("+0.000 = 115200 baud", r"+0.000 > AT\r", "+0.000 = 9600 baud", r"+0.000 < \r\nOK\r\n")
    assert port.has_modem_lines
    port.set_line(SetLine(baudrate=2400))
    port.write(b"AT\r", 1.0)
    assert port.read(0) == b"\r\nOK\r\n"
    port.close()
    assert not replay(r"+0.000 > AT\r").has_modem_lines


def test_a_closed_replay_is_closed() -> None:
    port = replay()
    port.close()
    with pytest.raises(PortError, match="has been closed"):
        port.read(1.0)


def test_waiting_takes_no_time_of_its_own() -> None:
    port = replay()
    port.sleep(3600.0)
    port.sleep(-1.0)
    assert port.now() == 3600.0


def test_a_file_that_is_not_there_or_no_transcript(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="cannot be read: No such file") as caught:
        open_port(f"replay://{tmp_path}/none.txt")
    assert caught.value.reasons == {Reason.PORT_NOT_FOUND}
    (tmp_path / "log.txt").write_text("TX: AT\n")
    with pytest.raises(TranscriptError, match="does not begin as a transcript does") as caught:
        open_port(f"replay://{tmp_path}/log.txt")
    assert "transcript import" in str(caught.value)


def test_a_truncated_transcript_never_passes_for_the_whole(
    recording: Path, recorded: tuple[str, list[object]]
) -> None:
    lines = recorded[0].splitlines(keepends=True)
    for keep in range(4, len(lines), 23):
        recording.write_text("".join(lines[:keep]))
        try:
            port = open_port(f"replay://{recording}")
        except TranscriptError:
            continue
        with pytest.raises(PortError):
            run_over(port, lines)


def run_over(port: Port, lines: list[str]) -> None:
    """Send and read what the whole transcript has."""
    transcript = parse("".join(lines).encode())
    for entry in transcript.entries:
        if isinstance(entry, Chunk) and entry.direction is Direction.SENT:
            for part in entry.parts:
                size = getattr(part, "length", 0)
                data = b"x" * size
                if part.pieces is not None:
                    data = b"".join(
                        p if isinstance(p, bytes) else b"x" * (p.length or 3) for p in part.pieces
                    )
                port.write(data, 1.0)
        elif isinstance(entry, Chunk) and not port.read(100.0):
            raise PortError("the answer does not come any more")
    port.close()


def test_the_runner_is_the_usual_one() -> None:
    port = replay(r"+0.000 > AT+CFUN?\r", r"+3.000 < \r\n+CFUN: 1\r\n\r\nOK\r\n")
    assert run(Channel(Dialect()).command(Command.read("+CFUN")), port).lines == ("+CFUN: 1",)
    assert port.now() == pytest.approx(3.0)
