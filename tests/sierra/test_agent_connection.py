"""The agent's one connection: counted bytes both ways, its end, and what goes wrong on the way."""

from __future__ import annotations

import random
import threading
import time

import pytest

from .agent import Agent, Line, crc
from .peer import Connection, Credential, Peer, self_signed

EVERY_BYTE = bytes(range(256))


def connect(line: Line, peer: Peer, kind: str = "TCP", resume: str = "") -> None:
    assert line.say(f'AT+MTOPEN={kind},"server.test",{peer.port}{resume}') == "OK"
    assert line.urc("+MTOPEN") == "+MTOPEN: 1"


def everything(line: Line, count: int = 1 << 30) -> bytes:
    """What the other side sends: so many bytes, or to its end."""
    data = b""
    while len(data) < count:
        more, ended = line.receive(min(4000, count - len(data)))
        data += more
        if ended:
            break
        if not more:
            line.until(rb"\r\n\+MT(?:DATA|CLOSED: [^\r]*)\r\n")
    return data


@pytest.fixture(scope="module")
def credential() -> Credential:
    return self_signed()


@pytest.fixture(params=["TCP", "TLS"])
def way(request: pytest.FixtureRequest, credential: Credential) -> tuple[str, Credential | None]:
    return request.param, credential if request.param == "TLS" else None


def trusting(agent: Agent, credential: Credential | None) -> Line:
    """Online, and ready for TLS with a server that has this certificate."""
    line = agent.online()
    if credential is not None:
        assert line.put("CA", 1, credential.leaf) == "OK"
        assert line.say("AT+MTTLS=ALWAYS,1") == "OK"
    return line


def test_bytes_both_ways_and_the_states_on_the_way(way: tuple[str, Credential | None]) -> None:
    kind, credential = way
    with Peer(credential=credential) as peer, Agent() as agent:
        line = trusting(agent, credential)
        connect(line, peer, kind)
        assert line.say("AT+MTOPEN?") == f"+MTOPEN: 2,{kind},0,0|OK"
        assert line.receive(100) == (b"", False)
        assert line.send_out(b"hello") == "OK"
        assert line.urc("+MTDATA") == "+MTDATA"
        assert line.say("AT+MTOPEN?") == f"+MTOPEN: 2,{kind},0,5|OK"
        assert line.ask("AT+MTRECV=3") == f"\r\n+MTRECV: 3,{crc(b'hel')},0,1\r\nhel\r\nOK\r\n".encode()
        assert line.ask("AT+MTRECV=0") == f"\r\n+MTRECV: 3,{crc(b'hel')},0,1\r\nhel\r\nOK\r\n".encode()
        assert line.ask("AT+MTRECV=100") == f"\r\n+MTRECV: 2,{crc(b'lo')},0,2\r\nlo\r\nOK\r\n".encode()
        assert line.ask("AT+MTRECV=100") == b"\r\n+MTRECV: 0,00000000,0,2\r\n\r\nOK\r\n"
        assert line.ask("AT+MTRECV=0") == b"\r\n+MTRECV: 0,00000000,0,2\r\n\r\nOK\r\n"
        assert line.say("AT+MTCLOSE") == "OK"
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 0,,0,0|OK"
        assert line.say("AT+MTRECV=1") == "+CME ERROR: 715"


def test_a_megabyte_of_all_byte_values_each_way(way: tuple[str, Credential | None]) -> None:
    kind, credential = way
    data = random.Random(2).randbytes(1_000_000 - 1024) + EVERY_BYTE * 4
    seen: list[bytes] = []

    def behave(connection: Connection) -> None:
        seen.append(connection.exactly(len(data)))
        connection.send(data)

    with Peer(behave, credential=credential) as peer, Agent() as agent:
        line = trusting(agent, credential)
        connect(line, peer, kind)
        for at in range(0, len(data), 4096):
            assert line.send_out(data[at : at + 4096]) == "OK"
        assert everything(line) == data
        assert seen == [data]


def test_data_are_told_once_until_all_are_read() -> None:
    go = threading.Semaphore(0)

    def behave(connection: Connection) -> None:
        for _ in range(3):
            go.acquire()
            connection.send(b"x" * 10)
        connection.receive()

    with Peer(behave) as peer, Agent() as agent:
        line = agent.online()
        connect(line, peer)
        go.release()
        assert line.urc("+MTDATA")
        go.release()
        assert line.quiet(0.2) == b""
        assert line.receive(20) == (b"x" * 20, False)  # exactly all: nothing waits any more
        go.release()
        assert line.urc("+MTDATA")
        assert line.receive(100) == (b"x" * 10, False)


def test_escape_sequence_in_the_data_is_data() -> None:
    with Peer() as peer, Agent("--time-scale=20") as agent:
        line = agent.online()
        connect(line, peer)
        data = b"+++" + EVERY_BYTE + b"+++"
        assert line.say(f"AT+MTSEND={len(data)},{crc(data)}") == "CONNECT"
        guard = 0.1  # two seconds of the module
        assert line.quiet(guard) == b""
        line.send(data[:3])
        assert line.quiet(guard) == b""
        line.send(data[3:-3])
        assert line.quiet(guard) == b""
        line.send(data[-3:])
        assert line.until(b"OK\r\n") == b"\r\nOK\r\n"
        assert everything(line, len(data)) == data


def test_bytes_with_a_wrong_crc_are_not_sent() -> None:
    with Peer() as peer, Agent() as agent:
        line = agent.online()
        connect(line, peer)
        assert line.upload("AT+MTSEND=3,00000000", b"abc") == "+CME ERROR: 707"
        assert line.send_out(b"def") == "OK"
        assert everything(line, 3) == b"def"


def test_a_byte_lost_on_the_line_is_not_made_up_for() -> None:
    with Peer() as peer, Agent("--time-scale=100", "--drop-byte=2") as agent:
        line = agent.online()
        connect(line, peer)
        assert line.send_out(b"abc") == "+CME ERROR: 706"
        assert line.send_out(b"def") == "OK"
        assert everything(line, 3) == b"def"


@pytest.mark.parametrize("credits", [1, 2, 6])
def test_few_credits_slow_it_down_and_lose_nothing(credits: int) -> None:
    data = random.Random(credits).randbytes(50_000)
    with Peer(lambda connection: connection.send(data)) as peer, Agent(f"--credits={credits}") as agent:
        line = agent.online()
        connect(line, peer)
        assert everything(line) == data


@pytest.mark.parametrize("window", [1, 7, 100_000])
def test_a_library_that_takes_little_at_a_time_gets_all(window: int) -> None:
    data = random.Random(window).randbytes(3000)
    with Peer() as peer, Agent(f"--send-window={window}") as agent:
        line = agent.online()
        connect(line, peer)
        assert line.send_out(data) == "OK"
        assert everything(line, len(data)) == data


def test_other_side_that_hangs_up_is_told_and_its_bytes_can_be_read(
    way: tuple[str, Credential | None],
) -> None:
    kind, credential = way
    with Peer(lambda connection: connection.send(b"bye"), credential=credential) as peer, Agent() as agent:
        line = trusting(agent, credential)
        connect(line, peer, kind)
        assert line.urc("+MTCLOSED") == '+MTCLOSED: "WIP_CEV_PEER_CLOSE",0'
        assert line.say("AT+MTERR?") == '+MTERR: 0,"WIP_CEV_PEER_CLOSE",0|OK'
        assert line.say("AT+MTOPEN?") == f"+MTOPEN: 3,{kind},0,3|OK"
        assert line.say(f'AT+MTOPEN=TCP,"server.test",{peer.port}') == "+CME ERROR: 716"
        assert line.say("AT+MTSEND=1,00000000") == "+CME ERROR: 715"
        assert line.receive(3) == (b"bye", False)
        assert line.receive(3) == (b"", True)
        assert line.say("AT+MTCLOSE") == "OK"
        connect(line, peer, kind)


def test_connection_that_is_reset_is_told_as_an_error() -> None:
    with Peer(lambda connection: connection.reset()) as peer, Agent() as agent:
        line = agent.online()
        assert line.say(f'AT+MTOPEN=TCP,"server.test",{peer.port}') == "OK"
        told = line.until(rb'\+MT(?:CLOSED|OPEN): (?:0,)?"WIP_CEV_ERROR",\d+\r\n')
        assert told


def test_other_side_that_hangs_up_while_bytes_are_announced_is_721() -> None:
    gone = threading.Event()

    def behave(connection: Connection) -> None:
        gone.wait(10)

    with Peer(behave) as peer, Agent() as agent:
        line = agent.online()
        connect(line, peer)
        assert line.say(f"AT+MTSEND=5,{crc(b'hello')}") == "CONNECT"
        line.send(b"hel")
        gone.set()
        assert line.quiet(0.2) == b""  # the end arrives while the data mode lasts, and nothing is said in it
        line.send(b"lo")
        assert line.until(b"721\r\n") == b"\r\n+CME ERROR: 721\r\n"
        assert line.urc("+MTCLOSED") == '+MTCLOSED: "WIP_CEV_PEER_CLOSE",0'
        assert line.say("AT+MTERR?") == '+MTERR: 721,"WIP_CEV_PEER_CLOSE",0|OK'
        assert line.say("AT+MTCLOSE") == "OK"


def test_other_side_that_reads_nothing_ends_in_721_after_a_minute_and_meanwhile_is_busy() -> None:
    stop = threading.Event()
    with (
        Peer(lambda connection: stop.wait(30), buffer=4096) as peer,
        Agent("--time-scale=50") as agent,
    ):
        line = agent.online()
        connect(line, peer)
        block = b"x" * 4096
        for _ in range(2000):
            assert line.say(f"AT+MTSEND=4096,{crc(block)}") == "CONNECT"
            line.send(block)
            if not (answer := line.quiet(0.3)):
                assert line.ask("AT+MTVER?") == b"\r\n+CME ERROR: 515\r\n"
                assert line.until(b"721\r\n") == b"\r\n+CME ERROR: 721\r\n"
                break
            assert answer == b"\r\nOK\r\n"
        else:
            pytest.fail("it took 8 MB")
        assert line.say("AT+MTERR?") == '+MTERR: 721,"",0|OK'
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 3,TCP,0,0|OK"
        assert line.say("AT+MTCLOSE") == "OK"
        stop.set()


def test_two_opens_at_once() -> None:
    with Peer() as peer, Agent() as agent:
        line = agent.online()
        line.send(
            f'AT+MTOPEN=TCP,"server.test",{peer.port}\rAT+MTOPEN=TCP,"server.test",{peer.port}\r'.encode()
        )
        assert line.until(rb"\+CME ERROR: 70\d\r\n").endswith(b"702\r\n")
        assert line.urc("+MTOPEN") == "+MTOPEN: 1"
        assert line.say(f'AT+MTOPEN=TLS,"server.test",{peer.port}') == "+CME ERROR: 716"
        assert line.send_out(b"still there") == "OK"
        assert everything(line, 11) == b"still there"


def test_opening_can_be_given_up() -> None:
    with Agent() as agent:
        line = agent.online()
        with Peer(lambda connection: connection.receive() and connection.receive()) as silent:
            assert line.say("AT+MTTLS=NEVER") == "OK"
            assert line.say(f'AT+MTOPEN=TLS,"server.test",{silent.port}') == "OK"
            assert line.say("AT+MTOPEN?").startswith("+MTOPEN: 1,TLS,0,0")
            assert line.say("AT+MTRECV=5") == "+CME ERROR: 715"
            assert line.say("AT+MTCLOSE") == "OK"
        assert line.quiet() == b""
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 0,,0,0|OK"


@pytest.mark.parametrize(
    ("host", "number"), [("server.test", 9101), ("www.example.com", 9103), ("nobody.invalid", 9105)]
)
def test_what_cannot_be_reached_is_an_error_with_a_number_of_the_librarys(host: str, number: int) -> None:
    with Peer() as peer:
        port = peer.port
    with Agent() as agent:
        line = agent.online()
        assert line.say(f'AT+MTOPEN=TCP,"{host}",{port}') == "OK"
        assert line.urc("+MTOPEN") == f'+MTOPEN: 0,"WIP_CEV_ERROR",{number}'
        assert line.say("AT+MTERR?") == f'+MTERR: 0,"WIP_CEV_ERROR",{number}|OK'
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 0,,0,0|OK"


def test_a_name_can_be_led_to_the_loopback() -> None:
    with Peer() as peer, Agent(f"--map=www.example.com:443=127.0.0.1:{peer.port}") as agent:
        line = agent.online()
        assert line.say('AT+MTOPEN=TCP,"www.example.com",443') == "OK"
        assert line.urc("+MTOPEN") == "+MTOPEN: 1"


def test_no_channel_is_711() -> None:
    with Agent("--null-create=yes") as agent:
        line = agent.online()
        for _ in range(2):
            assert line.say('AT+MTOPEN=TCP,"server.test",1') == "+CME ERROR: 711"
        assert line.say("AT+MTERR?") == '+MTERR: 711,"",0|OK'


def test_connection_ends_with_the_bearer() -> None:
    with Peer() as peer, Agent() as agent:
        line = agent.online()
        connect(line, peer)
        assert line.say("AT+MTNET=0") == "OK"
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 0,,0,0|OK"
        assert line.quiet() == b""


def test_loss_of_the_bearer_ends_the_connection_first() -> None:
    with Peer() as peer, Agent("--bearer-lost=WIP_BERR_PPP_LINK_FAILED", "--bearer-lost-after=400") as agent:
        line = agent.online()
        connect(line, peer)
        told = line.until(rb"\+MTNET: 0[^\r]*\r\n")
        assert told.startswith(
            b'\r\n+MTCLOSED: "WIP_CEV_ERROR",0\r\n\r\n+MTNET: 0,"WIP_BERR_PPP_LINK_FAILED",'
        )
        assert line.receive(10) == (b"", True)
        assert line.say("AT+MTCLOSE") == "OK"


def test_restart_in_the_middle_of_a_session_ends_it() -> None:
    with Peer() as peer, Agent("--boot-delay=10") as agent:
        line = agent.online()
        connect(line, peer)
        assert line.say("AT+CFUN=1") == "OK"
        agent.ready()
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 0,,0,0|OK"
        assert line.say("AT+MTNET?") == '+MTNET: 0,""|OK'


def test_events_wait_while_a_command_runs_and_data_mode_lasts() -> None:
    told = threading.Event()

    def behave(connection: Connection) -> None:
        connection.receive()
        connection.send(b"first")
        told.wait(10)
        connection.exactly(1)
        connection.send(b"second")
        connection.receive()

    with Peer(behave) as peer, Agent() as agent:
        line = agent.online()
        connect(line, peer)
        assert line.send_out(b"go") == "OK"
        assert line.urc("+MTDATA")
        assert line.receive(100) == (b"first", False)
        assert line.send_out(b"a") == "OK"
        assert line.say(f"AT+MTSEND=2,{crc(b'bc')}") == "CONNECT"
        told.set()
        assert line.quiet(0.2) == b""
        line.send(b"bc")
        assert line.until(b"MTDATA\r\n").startswith(b"\r\nOK\r\n")


def test_paced_line_keeps_its_rate() -> None:
    """A tenth of a second and more for 1,200 bytes at 115200 baud."""
    data = random.Random(9).randbytes(3600)
    with Peer(lambda connection: connection.send(data)) as peer, Agent("--baudrate=115200") as agent:
        line = agent.online()
        connect(line, peer)
        line.urc("+MTCLOSED")
        begun = time.monotonic()
        assert line.receive(4000) == (data, True)
        assert time.monotonic() - begun > 0.3
