"""The simulation kit: line handling, virtual time, settings, state, ports."""

from __future__ import annotations

import os
import re
import select
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls.errors import PortError, Reason
from modemtls.op import SetLine
from modemtls.sim import (
    CellularSimulator,
    Clock,
    ClockSource,
    Final,
    Json,
    Later,
    Nvm,
    Prompt,
    PtyServer,
    Raw,
    Refuse,
    Result,
    SimPort,
    SimSettings,
    Simulator,
    StateFile,
    describe,
    on,
    open_sim,
    parameters,
    setting,
    settings_from,
)
from modemtls.sim.server import HttpsServer
from modemtls.sim.syntax import ParameterError, split_commands


@dataclass(frozen=True)
class AcmeSettings(SimSettings):
    lazy: bool = setting(False, "Takes its time.", assumed=True)


class Acme(CellularSimulator):
    settings_type = AcmeSettings
    boot_urcs = ("+READY",)
    nvm_capacity = 100

    def power_on(self) -> None:
        super().power_on()
        self.uploads: list[bytes] = []

    @on(r"AT\+LINES=(\d+)")
    def lines(self, match: re.Match[str]) -> Result:
        return [f"+LINES: {number}" for number in range(int(match[1]))]

    @on(r"AT\+UP=(\d+)")
    def upload(self, match: re.Match[str]) -> Result:
        def then(data: bytes) -> Result:
            self.uploads.append(data)
            return f"+UP: {len(data)}"

        return Prompt(int(match[1]), then)

    @on(r"AT\+TEXT")
    def text(self, match: re.Match[str]) -> Result:
        def then(data: bytes) -> Result:
            self.uploads.append(data)
            return None

        return Prompt(None, then)

    @on(r"AT\+DOWN")
    def download(self, match: re.Match[str]) -> Result:
        return Raw(b"\r\n+DOWN: 9\r\n\r\nOK\r\nAT\r")

    @on(r"AT\+SLOW=(\d+)")
    def slow(self, match: re.Match[str]) -> Result:
        def start(done: object) -> None:
            assert callable(done)
            self.call_later(int(match[1]), lambda: done("+SLOW: done"))

        return Later(start)

    @on(r"AT\+NO(\d*)")
    def refuse(self, match: re.Match[str]) -> Result:
        if match[1] == "7":
            raise Refuse(7, ["+NO: first a line"])
        return Refuse(int(match[1]) if match[1] else None)

    @on(r"AT\+DIAL")
    def dial(self, match: re.Match[str]) -> Result:
        return Final("NO CARRIER")

    @on(r"AT\+KEEP")
    def keep(self, match: re.Match[str]) -> Result:
        self.nvm.put("thing", 1, b"kept")
        self.changed()
        return None

    @on(r"AT\+REBOOT")
    def reboot(self, match: re.Match[str]) -> Result:
        return self.command_restart(match)


def say(modem: Simulator, data: bytes) -> bytes:
    modem.feed(data)
    return modem.take()


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"AT\r", b"\r\nOK\r\n"),
        (b"at\r", b"\r\nOK\r\n"),
        (b"AT+CFUN?\r", b"\r\n+CFUN: 0\r\n\r\nOK\r\n"),
        (b"at+cfun?\r", b"\r\n+CFUN: 0\r\n\r\nOK\r\n"),
        (b"AT+LINES=0\r", b"\r\nOK\r\n"),
        (b"AT+LINES=3\r", b"\r\n+LINES: 0\r\n+LINES: 1\r\n+LINES: 2\r\n\r\nOK\r\n"),
        (b"AT+DOWN\r", b"\r\n+DOWN: 9\r\n\r\nOK\r\nAT\r\r\nOK\r\n"),
        (b"AT+DIAL\r", b"\r\nNO CARRIER\r\n"),
        (b"AT+NO\r", b"\r\nERROR\r\n"),
        (b"AT+NO4\r", b"\r\nERROR\r\n"),
        (b"AT+CMEE=1\rAT+NO4\r", b"\r\nOK\r\n\r\n+CME ERROR: 4\r\n"),
        (b"AT+CMEE=2;+NO4\r", b"\r\n+CME ERROR: operation not supported\r\n"),
        (b"AT+CMEE=2;+NO\r", b"\r\nERROR\r\n"),
        (b"AT+CMEE=1;+NO7\r", b"\r\n+NO: first a line\r\n\r\n+CME ERROR: 7\r\n"),
        (b"AT+NOTHING\r", b"\r\nERROR\r\n"),
        (b"AT+LINES=1;+CFUN?\r", b"\r\n+LINES: 0\r\n+CFUN: 0\r\n\r\nOK\r\n"),
        (b"AT+NO;+CFUN?\r", b"\r\nERROR\r\n"),
        (b"ATE0+LINES=1\r", b"\r\n+LINES: 0\r\n\r\nOK\r\n"),
        (b"ATV0\r", b"0\r"),
        (b"ATV0+LINES=1\r", b"+LINES: 0\r\n0\r"),
        (b"ATV0+DIAL\r", b"3\r"),
        (b"ATV0+NO\r", b"4\r"),
        (b"ATQ1+LINES=1\r", b"\r\n+LINES: 0\r\n"),
        (b"ATQ1V0\rAT+CFUN?\rATZ\r", b"+CFUN: 0\r\n\r\nOK\r\n"),
        (b"AR\x08T\r", b"\r\nOK\r\n"),
        (b"garbage\r", b""),
        (b"\r\r\r", b""),
        (b"AT+LINES=1\rA/", b"\r\n+LINES: 0\r\n\r\nOK\r\n\r\n+LINES: 0\r\n\r\nOK\r\n"),
        (b"AT" + b"x" * 5000 + b"\rAT\r", b"\r\nERROR\r\n\r\nOK\r\n"),
    ],
)
def test_framing(sent: bytes, answered: bytes) -> None:
    assert say(Acme(), sent) == answered


def test_echo_comes_first_and_can_be_switched_off() -> None:
    modem = Acme(echo=True)
    assert say(modem, b"AT\r") == b"AT\r\r\nOK\r\n"
    assert say(modem, b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert say(modem, b"AT\r") == b"\r\nOK\r\n"


def test_payload_is_taken_by_count_whatever_it_contains() -> None:
    modem = Acme()
    payload = b"AT\r\x1a\x00\xff+++"
    assert say(modem, b"AT+UP=9\r") == b"\r\n> "
    assert say(modem, payload + b"AT\r") == b"\r\n+UP: 9\r\n\r\nOK\r\n\r\nOK\r\n"
    assert modem.uploads == [payload]


def test_line_feed_after_the_command_is_the_first_payload_byte() -> None:
    modem = Acme()
    say(modem, b"AT+UP=3\r\nabc")
    assert modem.uploads == [b"\nab"]
    assert say(modem, b"AT\r") == b""  # the line "cAT" is garbage: V.250 ignores it


def test_empty_payload_has_no_prompt() -> None:
    assert say(Acme(), b"AT+UP=0\r") == b"\r\n+UP: 0\r\n\r\nOK\r\n"


def test_text_ends_with_control_z_and_escape_cancels() -> None:
    modem = Acme()
    assert say(modem, b"AT+TEXT\rhello\r\nyou\x1aAT\r") == b"\r\n> \r\nOK\r\n\r\nOK\r\n"
    assert say(modem, b"AT+TEXT\rnever mind\x1b") == b"\r\n> \r\nOK\r\n"
    assert modem.uploads == [b"hello\r\nyou"]


def test_input_during_a_command_waits_for_its_end() -> None:
    modem = Acme()
    assert say(modem, b"AT+SLOW=60\rAT+LINES=1\r") == b""
    modem.advance(59.9)
    assert modem.take() == b""
    modem.advance(60)
    assert modem.take() == b"\r\n+SLOW: done\r\n\r\nOK\r\n\r\n+LINES: 0\r\n\r\nOK\r\n"


def test_latency_delays_each_answer() -> None:
    modem = Acme(latency="200ms")
    assert say(modem, b"AT\rAT\r") == b""
    modem.advance(0.2)
    assert modem.take() == b"\r\nOK\r\n"
    modem.advance(0.4)
    assert modem.take() == b"\r\nOK\r\n"


SCRIPT = (
    b"AT+CMEE=1\rAT+LINES=2\rAT+UP=8\rAT\r\nOK\r\n+NO4\rAT+UP=3\rabcAT+DOWN\r\nAT+TEXT\rx\x1aATE1\rAT+NO7\r"
    b"A/AT+SLOW=1\rAT\r"
)


@settings(max_examples=150)
@given(st.lists(st.integers(0, len(SCRIPT)), max_size=20))
def test_any_cut_of_the_input_gives_the_same_output(cuts: list[int]) -> None:
    whole, pieces = Acme(), Acme()
    whole.feed(SCRIPT)
    edges = [0, *sorted(cuts), len(SCRIPT)]
    for start, end in pairwise(edges):
        pieces.feed(SCRIPT[start:end])
    whole.advance(5)
    pieces.advance(5)
    assert pieces.output == whole.output
    assert pieces.uploads == whole.uploads
    assert b"+SLOW: done" in whole.output


@given(st.binary(max_size=300), st.integers(0, 30))
def test_garbage_never_breaks_the_engine(data: bytes, chunk: int) -> None:
    modem = Acme(chunk=chunk)
    modem.feed(data)
    modem.advance(100)
    while modem.take():
        pass
    modem.restart()
    modem.advance(200)
    assert modem.output == b"\r\n+READY\r\n"
    modem.take()
    assert not chunk or len(modem.take()) <= chunk


def test_chunk_limits_every_read() -> None:
    port = SimPort(Acme(chunk=3))
    port.write(b"AT+LINES=2\r", 1)
    pieces = list(iter(lambda: port.read(0.1), b""))
    assert max(map(len, pieces)) == 3
    assert b"".join(pieces) == b"\r\n+LINES: 0\r\n+LINES: 1\r\n\r\nOK\r\n"


def test_noise_is_repeatable_and_never_inside_counted_bytes() -> None:
    outputs = []
    for _ in range(2):
        modem = Acme(urc_noise=0.7, seed=5)
        modem.feed(b"AT+LINES=3\rAT+DOWN\rAT+UP=2\rxy" * 20)
        outputs.append(modem.output)
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\r\n+DOWN: 9\r\n\r\nOK\r\nAT\r") == 20
    assert outputs[0].count(b"+CIEV") > 20
    noise = re.compile(rb"(?:\r\n){0,2}\+C(?:IEV|TZV):[^\r]*\r\n")
    clean = Acme()
    clean.feed(b"AT+LINES=3\rAT+DOWN\rAT+UP=2\rxy" * 20)
    assert noise.sub(b"", outputs[0]).replace(b"\r\n", b"") == clean.output.replace(b"\r\n", b"")
    quiet = Acme(urc_noise=0.7, silent=True)
    quiet.feed(b"AT\r")
    quiet.urc("+X")
    assert quiet.output == b""


def test_restart_cuts_output_and_forgets_the_line_settings() -> None:
    modem = Acme(reboot_after=3, boot_delay=2)
    say(modem, b"AT+CMEE=2\rATE1\r")
    modem.feed(b"AT+LINES=2\rAT\r")
    assert modem.take() == b""
    modem.feed(b"AT\r")  # lost: it is booting
    modem.advance(1.9)
    assert modem.take() == b""
    modem.advance(2)
    assert modem.take() == b"\r\n+READY\r\n"
    assert say(modem, b"AT+NO4\r") == b"\r\nERROR\r\n"
    assert modem.restarts == 1
    assert list(modem.commands) == ["AT+CMEE=2", "ATE1", "AT+LINES=2", "AT+NO4"]


@pytest.mark.parametrize("pieces", [[b"abcdef"], [b"ab", b"c", b"def"]])
def test_restart_in_the_middle_of_a_payload(pieces: list[bytes]) -> None:
    modem = Acme(reboot_at_byte=3)
    say(modem, b"AT+UP=6\r")
    for piece in pieces:
        modem.feed(piece)
    modem.advance(2)
    assert modem.take() == b"\r\n+READY\r\n"
    assert modem.uploads == []
    assert say(modem, b"AT\r") == b"\r\nOK\r\n"


def test_result_of_a_command_from_before_a_restart_is_not_said() -> None:
    modem = Acme()
    modem.feed(b"AT+SLOW=3\r")
    modem.advance(1)
    modem.restart()
    modem.advance(10)
    assert modem.take() == b"\r\n+READY\r\n"


def test_result_that_outlives_a_restart_is_not_said_either() -> None:
    class Stubborn(Acme):
        @on(r"AT\+WAIT")
        def stay(self, match: re.Match[str]) -> Result:
            return Later(lambda done: self.stayed(lambda: done("+WAIT: late")))

        def stayed(self, action: Callable[[], None]) -> None:
            self.call_later(5, action, survives_restart=True)

    modem = Stubborn()
    modem.feed(b"AT+WAIT\r")
    modem.restart()
    modem.advance(4)
    assert modem.take() == b"\r\n+READY\r\n"
    modem.advance(10)
    assert modem.take() == b""
    assert say(modem, b"AT\r") == b"\r\nOK\r\n"


def test_result_is_given_once_only() -> None:
    class Twice(Acme):
        @on(r"AT\+TWICE")
        def twice(self, match: re.Match[str]) -> Result:
            def start(done: Callable[[Result], None]) -> None:
                done(None)
                done(None)

            return Later(start)

    with pytest.raises(RuntimeError, match="twice"):
        Twice().feed(b"AT+TWICE\r")


def test_halted_modem_says_nothing_more() -> None:
    modem = Acme()
    modem.halt()
    modem.feed(b"AT\r")
    modem.advance(1000)
    assert modem.output == b""


def test_timers_run_in_order_and_can_be_cancelled() -> None:
    modem, seen = Acme(), list[str]()
    modem.call_later(2, lambda: seen.append(f"b{modem.now}"))
    modem.call_later(1, lambda: seen.append(f"a{modem.now}"))
    modem.call_later(1.5, lambda: seen.append("never")).cancel()

    def chain() -> None:
        modem.call_later(1, lambda: seen.append(f"c{modem.now}"))

    modem.call_later(2, chain)
    assert modem.next_due() == 1
    modem.advance(10)
    assert seen == ["a1.0", "b2.0", "c3.0"]
    assert modem.now == 10


def test_read_of_two_minutes_takes_no_time() -> None:
    port = SimPort(Acme())
    started = time.monotonic()
    before = port.now()
    assert port.read(120) == b""
    assert port.now() == pytest.approx(before + 120)
    port.write(b"AT+SLOW=30\r", 1)
    assert port.read(100) == b"\r\n+SLOW: done\r\n\r\nOK\r\n"
    assert port.now() == pytest.approx(before + 150)
    port.sleep(50)
    assert port.now() == pytest.approx(before + 200)
    assert time.monotonic() - started < 1


def test_closed_port_is_gone() -> None:
    port = SimPort(Acme())
    assert port.fileno() is None
    assert not port.has_modem_lines
    port.set_line(SetLine(baudrate=9600))
    port.close()
    port.close()
    with pytest.raises(PortError) as caught:
        port.read(1)
    assert caught.value.reasons == {Reason.PORT_GONE}
    with pytest.raises(PortError):
        port.write(b"AT\r", 1)


def test_state_that_cannot_be_written_is_a_port_error(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    port = SimPort(Acme(state=folder / "modem.json"))
    folder.rmdir()
    with pytest.raises(PortError, match="state"):
        port.write(b"AT+KEEP\r", 1)
    with pytest.raises(PortError, match="state"):
        port.close()
    port.close()


class Fetcher(Acme):
    """Fetches a page of plain TCP when told to, and says when it has it."""

    @on(r"AT\+FETCH=(\d+)")
    def fetch(self, match: re.Match[str]) -> Result:
        body = bytearray()

        def watch() -> None:
            body.extend(connection.receive(65536))
            if connection.state.name == "CLOSED":
                self.urc(f"+FETCH: {len(body)},{connection.problem is None}")

        connection = self.connect("server.test", int(match[1]), None, watch)
        connection.send(b"not TLS at all\r\n\r\n")
        return None


@pytest.fixture
def server() -> Iterator[HttpsServer]:
    with HttpsServer() as server:
        yield server


def test_virtual_time_waits_for_the_network(server: HttpsServer) -> None:
    port = SimPort(Fetcher())
    port.write(f"AT+FETCH={server.port}\r".encode(), 1)
    assert port.read(1) == b"\r\nOK\r\n"
    before = port.now()
    answer = port.read(3600)
    assert answer.startswith(b"\r\n+FETCH: ")
    assert port.now() - before < 1
    port.close()


def test_silent_server_does_not_hang_a_read() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = SimPort(Fetcher(patience=0.05))
        port.write(f"AT+FETCH={listener.getsockname()[1]}\r".encode(), 1)
        assert port.read(1) == b"\r\nOK\r\n"
        started = time.monotonic()
        assert port.read(600) == b""
        assert time.monotonic() - started < 5
        assert port.now() >= 600
        port.close()


def test_settings_are_read_by_their_type() -> None:
    found = settings_from(
        AcmeSettings,
        {
            "lazy": "yes", "latency": "20ms", "chunk": "7", "clock": "1970-01-01T00:07:30Z",
            "state": "/x/y", "boot-delay": "3m", "urc_noise": "0.5", "network": "host", "echo": True,
        },
    )  # fmt: skip
    assert (found.lazy, found.latency, found.chunk, found.boot_delay) == (True, 0.02, 7, 180)
    assert found.clock == datetime(1970, 1, 1, 0, 7, 30, tzinfo=UTC)
    assert (found.state, found.urc_noise, found.network, found.echo) == (Path("/x/y"), 0.5, "host", True)
    plus = settings_from(AcmeSettings, {"clock": "2026-05-01T12:00:00 02:00", "state": ""})
    assert plus.clock == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert plus.state is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"nonsense": "1"}, ["nonsense", "firmware", "lazy"]),
        ({"lazy": "perhaps"}, ["lazy", "yes or no"]),
        ({"chunk": "many"}, ["chunk", "number"]),
        ({"chunk": "-1"}, ["chunk", "at least 0"]),
        ({"latency": "soon"}, ["latency", "duration"]),
        ({"latency": "nan"}, ["latency"]),
        ({"clock": "tomorrow"}, ["clock", "2026-05-01T12:00:00Z"]),
        ({"network": "mars"}, ["network", "loopback, host"]),
        ({"urc_noise": "1.5"}, ["urc_noise"]),
    ],
)
def test_wrong_settings_say_what_is_right(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ValueError, match=words[0]) as caught:
        settings_from(AcmeSettings, values)
    for word in words:
        assert word in str(caught.value)


def test_wrong_route_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="map"):
        Acme(map="nonsense")


def test_every_setting_is_described() -> None:
    found = {info.name: info for info in describe(AcmeSettings)}
    assert found["lazy"].assumed
    assert found["lazy"].kind == "yes|no"
    assert found["latency"].kind == "duration"
    assert found["network"].choices == ("loopback", "host")
    assert all(info.help.endswith((".", "'.")) for info in found.values()), [
        info.name for info in found.values() if not info.help.endswith(".")
    ]


def test_pin_is_not_shown_by_repr() -> None:
    assert "98765" not in repr(AcmeSettings(pin="98765", puk="98765432"))


def test_keyword_arguments_and_settings_exclude_each_other() -> None:
    assert Acme(lazy=True).settings == AcmeSettings(lazy=True)
    with pytest.raises(ValueError, match="not both"):
        Acme(AcmeSettings(), lazy=True)
    with pytest.raises(ValueError, match="AcmeSettings"):
        Acme(SimSettings())


def test_store_knows_its_capacity() -> None:
    nvm = Nvm(10)
    nvm.put("a", 1, b"12345678")
    assert not nvm.fits("b", 1, 3)
    assert nvm.fits("a", 1, 10)
    with pytest.raises(ValueError, match="no room"):
        nvm.put("b", 1, b"123")
    assert nvm.remove("a", 1)
    assert not nvm.remove("a", 1)
    assert nvm.used == 0


@given(st.dictionaries(st.tuples(st.text(max_size=5), st.integers(0, 20)), st.binary(max_size=30)))
def test_store_comes_back_from_its_dump(objects: dict[tuple[str, int], bytes]) -> None:
    nvm, again = Nvm(), Nvm()
    for (kind, index), data in objects.items():
        nvm.put(kind, index, data)
    again.load(nvm.dump())
    assert all(again.get(*key) == data for key, data in objects.items())
    assert again.used == nvm.used


@pytest.mark.parametrize("wrong", [{}, [["a"]], [["a", 1, "%"]], [["a", "1", ""]]])
def test_store_refuses_what_is_no_dump(wrong: object) -> None:
    with pytest.raises(ValueError, match="credential store"):
        Nvm().load(wrong)


def test_clock_runs_on_virtual_time_and_on_while_off() -> None:
    now = 0.0
    clock = Clock(lambda: now, datetime(1970, 1, 1, 0, 7, 30, tzinfo=UTC))
    assert clock.dump() is None
    now = 10.0
    assert clock.read() == datetime(1970, 1, 1, 0, 7, 40, tzinfo=UTC)
    clock.set(datetime(2026, 5, 1, tzinfo=UTC), ClockSource.EXPLICIT)
    saved = clock.dump()
    assert saved is not None
    saved["host"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    later = Clock(lambda: now, datetime(1970, 1, 1, tzinfo=UTC))
    later.load(saved)
    assert abs(later.read() - datetime(2026, 5, 1, 1, tzinfo=UTC)) < timedelta(seconds=30)
    assert later.source is ClockSource.EXPLICIT
    with pytest.raises(ValueError, match="clock"):
        later.load({"time": 1})


def test_state_file_keeps_store_clock_and_contexts(tmp_path: Path) -> None:
    file = tmp_path / "modem.json"
    modem = Acme(state=str(file))
    say(modem, b'AT+KEEP\rAT+CCLK="26/05/01,12:00:00+00"\rAT+CGDCONT=1,"IP","net"\r')
    modem.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    again = Acme(state=file)
    assert again.nvm.get("thing", 1) == b"kept"
    assert say(again, b"AT+CCLK?\r").startswith(b'\r\n+CCLK: "26/05/01,12:0')
    assert b'1,"IP","net"' in say(again, b"AT+CGDCONT?\r")
    assert again.cfun == 0
    set_again = Acme(state=file, clock="2030-01-01T00:00:00Z")
    assert say(set_again, b"AT+CCLK?\r").startswith(b'\r\n+CCLK: "30/01/01')


@pytest.mark.parametrize("text", ["", "[]", "{", '{"simulator": "Other"}', '{"simulator": "Acme", "nvm": 1}'])
def test_wrong_state_file_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "modem.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"modem\.json|credential store"):
        Acme(state=file)
    assert file.read_text() == text


def test_state_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    store = StateFile(tmp_path / "x.json")
    assert store.read() is None
    store.write({"a": 1})
    broken: Json = {"a": object()}
    with pytest.raises(TypeError):
        store.write(broken)
    assert store.read() == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_registration_takes_time_and_brings_the_clock() -> None:
    modem = Acme(registration="roaming")
    assert say(modem, b"AT+CEREG=2\rAT+CFUN=1\r") == b"\r\nOK\r\n\r\nOK\r\n"
    modem.advance(0.1)
    assert modem.take() == b"\r\n+CEREG: 2\r\n"
    assert b"80/01/06" in say(modem, b"AT+CCLK?\r")
    modem.advance(5)
    assert modem.take() == b'\r\n+CEREG: 5,"E198","043A5E0A",7\r\n'
    assert modem.online
    assert say(modem, b"AT+CCLK?\r")[10:12] == f"{datetime.now(UTC):%y}".encode()
    assert say(modem, b"AT+CGPADDR=1\r") == b'\r\n+CGPADDR: 1,"192.0.2.78"\r\n\r\nOK\r\n'
    modem.feed(b"AT+CFUN=0\r")
    modem.advance(6)
    assert modem.take() == b"\r\nOK\r\n\r\n+CEREG: 0\r\n"
    assert not modem.online


@pytest.mark.parametrize(
    ("values", "command"),
    [({"clock": "1999-12-31T00:00:00Z"}, b""), ({}, b'AT+CCLK="99/12/31,00:00:00+00"\r')],
)
def test_explicit_clock_stands_against_the_network(values: dict[str, str], command: bytes) -> None:
    modem = Acme(**values)
    modem.feed(command + b"AT+CFUN=1\r")
    modem.advance(10)
    modem.take()
    assert b'"99/12/31,00:00:1' in say(modem, b"AT+CCLK?\r")


@pytest.mark.parametrize(("values", "command"), [({"network_time": "no"}, b""), ({}, b"AT+CTZU=0\r")])
def test_network_gives_no_time_when_told_not_to(values: dict[str, str], command: bytes) -> None:
    modem = Acme(**values)
    modem.feed(command + b"AT+CFUN=1\r")
    modem.advance(10)
    assert modem.clock.source is ClockSource.UNSET


@pytest.mark.parametrize(("registration", "state"), [("denied", 3), ("never", 2), ("home", 1)])
def test_outcomes_of_registration(registration: str, state: int) -> None:
    modem = Acme(registration=registration)
    modem.feed(b"AT+CFUN=1\r")
    modem.advance(100)
    modem.take()
    assert say(modem, b"AT+CEREG?\r") == f"\r\n+CEREG: 0,{state}\r\n\r\nOK\r\n".encode()
    assert modem.online == (state == 1)


@pytest.mark.parametrize(
    ("sim", "answer"),
    [
        ("ready", b"\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        ("pin", b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"),
        ("puk", b"\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n"),
        ("absent", b"\r\n+CME ERROR: 10\r\n"),
        ("failure", b"\r\n+CME ERROR: 13\r\n"),
    ],
)
def test_what_the_sim_wants(sim: str, answer: bytes) -> None:
    modem = Acme(sim=sim)
    modem.feed(b"AT+CMEE=1\rAT+CFUN=1\r")
    modem.advance(10)
    modem.take()
    assert say(modem, b"AT+CPIN?\r") == answer
    assert modem.online == (sim == "ready")


def test_three_wrong_pins_want_the_puk() -> None:
    modem = Acme(sim="pin", pin="4321", puk="87654321")
    modem.feed(b"AT+CMEE=1\rAT+CFUN=1\r")
    modem.advance(10)
    modem.take()
    wrong = b'AT+CPIN="0000"\r'
    assert say(modem, wrong) == b"\r\n+CME ERROR: 16\r\n"
    assert say(modem, wrong) == b"\r\n+CME ERROR: 16\r\n"
    assert say(modem, wrong) == b"\r\n+CME ERROR: 12\r\n"
    assert say(modem, b'AT+CPIN="4321"\r') == b"\r\n+CME ERROR: 12\r\n"
    assert say(modem, b'AT+CPIN="00000000","1111"\r') == b"\r\n+CME ERROR: 16\r\n"
    assert say(modem, b'AT+CPIN="87654321","1111"\r') == b"\r\nOK\r\n"
    modem.advance(20)
    assert modem.online


def test_pin_lets_the_search_begin() -> None:
    modem = Acme(sim="pin")
    modem.feed(b"AT+CFUN=1\r")
    modem.advance(10)
    assert not modem.online
    modem.feed(b'AT+CPIN="1234"\r')
    modem.advance(20)
    assert modem.online


def test_wrong_apn_gets_no_context_until_it_is_activated_again() -> None:
    modem = Acme(apn_required="iot")
    modem.feed(b'AT+CGDCONT=1,"IP","internet"\rAT+CFUN=1\r')
    modem.advance(10)
    assert modem.registered == 1
    assert not modem.online
    modem.take()
    modem.feed(b'AT+CGDCONT=1,"IP","iot"\rAT+CGACT=1,1\r')
    assert not modem.online
    modem.advance(20)
    assert modem.take() == b"\r\nOK\r\n\r\nOK\r\n"
    assert modem.online


def test_no_context_where_the_network_grants_none() -> None:
    modem = Acme(pdp=False)
    modem.feed(b"AT+CFUN=1\r")
    modem.advance(10)
    assert say(modem, b"AT+CGATT?\rAT+CGACT?\r").count(b": 1\r\n") == 1
    assert not modem.online


@pytest.mark.parametrize(
    "command",
    [b'AT+CGDCONT=0,"IP"', b'AT+CGDCONT=1,"X25"', b'AT+CGAUTH=1,1,"",""', b"AT+CGAUTH=1,1", b"AT+CEREG=9",
     b'AT+CCLK="26/13/01,00:00:00+00"'],
)  # fmt: skip
def test_bad_parameters_are_refused(command: bytes) -> None:
    assert say(Acme(), b"AT+CMEE=1\r" + command + b"\r") == b"\r\nOK\r\n\r\n+CME ERROR: 50\r\n"


def test_clock_with_a_time_zone() -> None:
    modem = Acme()
    say(modem, b'AT+CCLK="26/05/01,12:00:00+08"\r')
    assert modem.clock.read() == datetime(2026, 5, 1, 10, tzinfo=UTC)


@given(st.lists(st.one_of(st.from_regex(r"[a-z0-9 ;,]*", fullmatch=True).map(lambda t: f'"{t}"'),
                          st.from_regex(r"[a-z0-9]*", fullmatch=True)), min_size=1))  # fmt: skip
def test_parameters_come_back(fields: list[str]) -> None:
    found = parameters(",".join(fields))
    assert found == [field.strip('"') for field in fields]
    assert [field.quoted for field in found] == [field.startswith('"') for field in fields]


@given(st.text(alphabet='a",; 1', max_size=20))
def test_parameters_refuse_loose_quotes(text: str) -> None:
    try:
        found = parameters(text)
    except ParameterError:
        return
    assert text.count('"') == 2 * sum(field.quoted for field in found)


def test_commands_of_a_line() -> None:
    assert split_commands('ATE0V1;+A="x;y";+B?') == ["ATE0", "ATV1", 'AT+A="x;y"', "AT+B?"]
    assert split_commands("AT&F+A") == ["AT&F", "AT+A"]


@pytest.mark.parametrize(
    "url",
    ["sim://", "sim:///path", "tty://x", "sim://acme/path", "sim://acme#x"],
)
def test_address_without_a_model(url: str) -> None:
    with pytest.raises(PortError) as caught:
        open_sim(url)
    assert caught.value.reasons == {Reason.PORT_NOT_FOUND}
    assert "sim://MODEL" in str(caught.value)


def read_all(descriptor: int, end: bytes, timeout: float = 5.0) -> bytes:
    found = b""
    deadline = time.monotonic() + timeout
    while end not in found and time.monotonic() < deadline:
        if select.select([descriptor], [], [], 0.1)[0]:
            found += os.read(descriptor, 4096)
    return found


@pytest.mark.parametrize("chunk", [0, 2])
def test_pty_serves_clients_that_come_and_go(tmp_path: Path, chunk: int) -> None:
    link = tmp_path / "modem"
    with PtyServer(Acme(chunk=chunk), link=link) as server:
        assert server.path == str(link)
        for _ in range(3):
            descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY)
            os.write(descriptor, b"AT+LINES=2\r")
            assert read_all(descriptor, b"OK\r\n") == b"\r\n+LINES: 0\r\n+LINES: 1\r\n\r\nOK\r\n"
            os.close(descriptor)
    assert not link.is_symlink()


def test_pty_runs_timers_and_network_in_real_time(server: HttpsServer) -> None:
    with PtyServer(Fetcher(latency="10ms")) as pty:
        descriptor = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
        os.write(descriptor, f"AT+FETCH={server.port}\r".encode())
        assert b"+FETCH: " in read_all(descriptor, b"+FETCH: ")
        os.close(descriptor)


def test_pty_does_not_replace_a_file(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(FileExistsError):
        PtyServer(Acme(), link=taken)
    assert taken.read_text() == "mine"
