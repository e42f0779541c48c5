"""The simulated WIPsoft, byte by byte: framing, states, both data modes, and what goes wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from modemtls_sierra_wip.simulator.wipsoft import Q2686Wipsoft

from .wipsoft_bench import TcpServer, echo, reset

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"


def cme(number: int) -> bytes:
    return b"\r\n+CME ERROR: %d\r\n" % number


MADE: list[Q2686Wipsoft] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


class Console:
    """A simulated module on which a person types."""

    def __init__(self, port: int = 9, **values: object) -> None:
        given = {"echo": False, "map": f"one.test:443=127.0.0.1:{port}", **values}
        self.modem = Q2686Wipsoft(**given)
        self.now = 0.0
        MADE.append(self.modem)

    def wait(self, seconds: float) -> bytes:
        """Virtual time, and what was said in it."""
        self.now += seconds
        self.modem.advance(self.now)
        self.modem.poll()
        return self.modem.take()

    def __call__(self, line: str, seconds: float = 0.0) -> bytes:
        self.modem.feed(line.encode() + b"\r")
        return self.wait(seconds)

    def type(self, data: bytes) -> None:
        self.modem.feed(data)

    def until(self, end: bytes) -> bytes:
        """What is said until ``end``, in real time: the network is real."""
        found = b""
        for _ in range(400):
            found += self.wait(0.0)
            if end in found:
                return found
            self.modem.wait(0.005)
            time.sleep(0.001)
        raise AssertionError(f"{end!r} did not come, but {found!r}")

    def up(self) -> Console:
        self.wait(5.0)
        for line in ("AT+CMEE=1", "AT+WIPCFG=1", "AT+WIPBR=1,6", 'AT+WIPBR=2,6,11,"internet"'):
            assert self(line) == OK
        assert self("AT+WIPBR=4,6,0", 2.0) == OK
        return self

    def create(self, outcome: bytes) -> bytes:
        """Connect; what is said up to the outcome."""
        said = self('AT+WIPCREATE=2,1,"one.test",443')
        return said if outcome in said else said + self.until(outcome)

    def connected(self, mode: int) -> Console:
        self.up()
        self.create(b"+WIPREADY: 2,1\r\n")
        assert self(f"AT+WIPDATA=2,1,{mode}") == b"\r\nCONNECT\r\n"
        return self


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer(echo) as made:
        yield made


def test_errors_have_no_number_until_they_are_asked_for() -> None:
    console = Console()
    console.wait(5)
    assert console("AT+WIPBR=1,6") == ERROR
    assert console("AT+CMEE=1") == OK
    assert console("AT+WIPBR=1,6") == cme(803)


def test_read_forms_are_errors_while_the_stack_is_stopped() -> None:
    console = Console()
    assert console("AT+WIPCFG?") == ERROR
    assert console("AT+WIPBR?") == ERROR
    assert console("AT+WIPBR=?") == OK
    assert console("AT+WIPDATA=?") == OK
    console("AT+WIPCFG=1")
    assert console("AT+WIPCFG?") == b"\r\n+WIPCFG: 0,64\r\n\r\n+WIPCFG: 12,3\r\n" + OK
    assert console("AT+WIPBR?") == OK


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("AT+WIPCFG=1", 844), ("AT+WIPCFG=7", 800), ("AT+WIPBR=1,6", 804), ("AT+WIPBR=4,6,0", 803),
        ("AT+WIPBR=2,6,99,1", 800), ("AT+WIPBR=2,6,5,123456", 801), ("AT+WIPBR=1,5", 805), ("AT+WIPBR=1,99", 830),
        ('AT+WIPCREATE=2,9,"a",80', 830), ('AT+WIPCREATE=2,0,"a",80', 830), ('AT+WIPCREATE=2,1,"a",0', 832),
        ('AT+WIPCREATE=1,1,"a",80', 834), ('AT+WIPCREATE=9,1,"a",80', 837), ("AT+WIPDATA=2,1,1", 831),
        ("AT+WIPDATA=2,1,3", 801), ("AT+WIPCLOSE=2,1", 831), ("AT+WIPCLOSE=2,9", 830),
    ],
)  # fmt: skip
def test_each_refusal_has_its_number(line: str, number: int) -> None:
    assert Console().up()(line) == cme(number)


@pytest.mark.parametrize("line", ["AT+WIPCFG", "AT+WIPDATA=2", "AT+WIPNOTHING=1", 'AT+WIPCREATE=2,1,"a'])
def test_wrong_form_is_a_bare_error(line: str) -> None:
    assert Console().up()(line) == ERROR


def test_bearer_before_registration_is_not_ready() -> None:
    console = Console(registration_delay=60)
    console.wait(1)
    for line in ("AT+CMEE=1", "AT+WIPCFG=1", "AT+WIPBR=1,6"):
        console(line)
    assert console("AT+WIPBR=4,6,0", 2.0) == cme(848)


@pytest.mark.parametrize(
    ("settings", "number"),
    [({"sim": "absent"}, 810), ({"sim": "pin"}, 811), ({"apn_required": "other"}, 812)],
)
def test_bearer_that_cannot_be(settings: dict[str, object], number: int) -> None:
    console = Console(**settings)  # type: ignore[arg-type]
    console.wait(5)
    for line in ("AT+CMEE=1", "AT+WIPCFG=1", "AT+WIPBR=1,6"):
        console(line)
    assert console("AT+WIPBR=4,6,0", 2.0) == cme(number)


def test_ok_and_the_event_after_it_have_an_empty_line_between(server: TcpServer) -> None:
    console = Console(server.port).up()
    assert console.create(b"+WIPREADY: 2,1\r\n") == b"\r\nOK\r\n\r\n+WIPREADY: 2,1\r\n"
    assert console('AT+WIPCREATE=2,1,"one.test",443') == cme(840)


def test_connection_that_fails_is_told_after_ok() -> None:
    console = Console(1).up()
    assert console.create(b"842\r\n") == OK + cme(842)
    assert console("AT+WIPCLOSE=2,1") == cme(831)


def test_connection_that_fails_in_place_of_ok() -> None:
    console = Console(1, connect_failure="result").up()
    assert console.create(b"842\r\n") == cme(842)


def test_continuous_mode_escapes_both_ways(server: TcpServer) -> None:
    console = Console(server.port).connected(1)
    console.type(b"a\x10\x03b\x10\x10c")
    assert console.until(b"c") == b"a\x10\x03b\x10\x10c"


def test_transparent_mode_changes_nothing(server: TcpServer) -> None:
    console = Console(server.port).connected(2)
    console.type(bytes(range(256)))
    assert console.until(b"\xff") == bytes(range(256))


@pytest.mark.parametrize("mode", [1, 2])
def test_escape_sequence_with_silence_leaves(server: TcpServer, mode: int) -> None:
    console = Console(server.port).connected(mode)
    console.wait(1.0)
    console.type(b"+++")
    assert console.wait(0.99) == b""
    assert console.wait(0.01) == OK
    assert console("AT") == OK


@pytest.mark.parametrize("mode", [1, 2])
def test_escape_sequence_without_silence_is_payload(server: TcpServer, mode: int) -> None:
    console = Console(server.port).connected(mode)
    console.wait(1.0)
    console.type(b"a+++")
    said = console.wait(0.9)
    console.type(b"+++")
    said += console.wait(0.5)
    console.type(b"z")
    assert said + console.until(b"z") == b"a++++++z"
    assert console.modem.is_in_data_mode


def test_half_an_escape_sequence_is_payload_after_the_silence(server: TcpServer) -> None:
    console = Console(server.port).connected(2)
    console.wait(1.0)
    console.type(b"+")
    console.type(b"+")
    said = console.wait(1.0)
    assert (said or console.until(b"++")) == b"++"


def test_end_of_the_server_is_told_before_the_ok() -> None:
    with TcpServer(lambda connection: None) as server:
        console = Console(server.port, shutdown="never").connected(1)
        console.modem.wait(0.2)
        console.wait(1.0)
        console.type(b"+++")
        assert console.wait(1.0) == b"\r\n+WIPPEERCLOSE: 2,1\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("mode", "shutdown", "says"), [(1, "continuous", True), (2, "continuous", False), (2, "both", True)]
)
def test_end_of_the_server_amid_the_mode(mode: int, shutdown: str, says: bool) -> None:
    with TcpServer(lambda connection: connection.sendall(b"last")) as server:
        console = Console(server.port, shutdown=shutdown).up()
        console.create(b"+WIPREADY: 2,1\r\n")
        said = console(f"AT+WIPDATA=2,1,{mode}")
        end = b"SHUTDOWN\r\n" if says else b"last"
        said += console.until(end) if end not in said else b""
        assert said == b"\r\nCONNECT\r\nlast" + (b"\r\nSHUTDOWN\r\n" if says else b"")
        assert console.modem.is_in_data_mode


def test_reset_ends_the_mode() -> None:
    with TcpServer(reset) as server:
        console = Console(server.port).up()
        assert console.create(cme(843)).startswith(OK)
        assert console("AT+WIPDATA=2,1,1") in (cme(843), cme(831))


def test_data_are_announced_in_command_mode() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"hello")
        connection.recv(1)

    with TcpServer(serve) as server:
        console = Console(server.port).up()
        assert console.create(b"+WIPDATA: 2,1,5\r\n") == OK + b"\r\n+WIPREADY: 2,1\r\n\r\n+WIPDATA: 2,1,5\r\n"
        assert console("AT+WIPDATA?") == b"\r\n+WIPDATA: 2,1,5\r\n" + OK
        assert console("AT+WIPDATA=2,1,2") == b"\r\nCONNECT\r\nhello"


def test_event_waits_for_the_end_of_the_data_mode(server: TcpServer) -> None:
    console = Console(server.port).connected(1)
    console.modem.urc("+CREG: 5")
    assert console.wait(1.0) == b""
    console.type(b"+++")
    assert console.wait(1.0) == OK + b"\r\n+CREG: 5\r\n"


def test_firmware_7_52_repeats_bytes_and_7_44_does_not(server: TcpServer) -> None:
    for firmware, exact in (("R7.52.0.201403111111.Q2686RD", False), ("R7.44.6.201109260825.Q2686RD", True)):
        console = Console(server.port, firmware=firmware).connected(2)
        body = bytes(range(200)) * 30
        for start in range(0, len(body), 500):
            console.type(body[start : start + 500])
        console.type(b"END")
        assert (console.until(b"END") == body + b"END") is exact


def test_first_byte_after_a_long_silence_is_damaged_where_that_is_set(server: TcpServer) -> None:
    console = Console(server.port, idle_damage=120).connected(2)
    console.type(b"abc")
    assert console.until(b"bc") == b"abc"
    console.wait(121)
    console.type(b"abc")
    assert console.until(b"bc") == b"!bc"


def test_wipsoft_answers_only_where_it_runs() -> None:
    console = Console(application="stopped")
    console("AT+CMEE=1")
    assert console("AT+WIPCFG=1") == ERROR
    assert console("AT+WIPBR=?") == ERROR


def test_restart_amid_payload_is_command_mode_without_a_word(server: TcpServer) -> None:
    console = Console(server.port, reboot_at_byte=10, wind=4).connected(2)
    console.type(b"0123456789ABC")
    assert console.wait(0.1) == b""
    assert console.wait(5.0) == b"\r\n+WIND: 3\r\n"
    assert not console.modem.is_in_data_mode
