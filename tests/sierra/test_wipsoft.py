"""The driver of WIPsoft on the simulated module, over real TCP: states, both data modes, ends, refusals."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modemtls import (
    CommandError,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    NetworkSettings,
    Reason,
    Registration,
    TlsError,
    Unsupported,
)
from modemtls_sierra_wip.wipsoft import STACK_STATES
from modemtls_sierra_wip.wipsoft_options import WipsoftOptions

from .wipsoft_bench import MODES, Bench, TcpServer, echo, model, reset

both = pytest.mark.parametrize("mode", MODES)
EVERY = bytes(range(256))
HOSTILE = (
    b"\x03\x10\x10\x03+++\r\nOK\r\n\r\nSHUTDOWN\r\n\r\n+WIPPEERCLOSE: 2,1\r\n\x03\r\n+CME ERROR: 843\r\n"
    b"AT+WIPCLOSE=2,1\r"
)


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer(echo) as made:
        yield made


def exchange(bench: Bench, data: bytes) -> None:
    bench.send(data)
    assert bench.receive_all(len(data)) == data


# Network


def test_bearer_is_brought_up_in_the_order_of_the_guides() -> None:
    with Bench() as bench:
        bench.attached(apn="internet", user="me", password="secret word".replace(" ", "-"))
        assert bench.asked() == [
            "AT+WIPCFG?", "AT+WIPCFG=1", "AT+WIPBR=1,6", 'AT+WIPBR=2,6,11,"internet"', 'AT+WIPBR=2,6,0,"me"',
            'AT+WIPBR=2,6,1,"secret-word"', "AT+WIPBR=4,6,0",
        ]  # fmt: skip
        status = bench.run(bench.driver.network_status())
        assert status.is_up
        assert (status.registration, status.apn, status.pdp_active) == (Registration.HOME, "internet", True)
        assert status.address == "192.0.2.78"


@pytest.mark.parametrize(
    "plan", [{"AT+WIPBR=4,6,0": [811, 848, 848]}, {"AT+WIPBR": [515, 515], "AT+WIPCFG": [515]}]
)
def test_not_ready_yet_is_tried_again(plan: dict[str, list[int | None]]) -> None:
    with Bench(plan=plan) as bench:
        bench.attached(apn="internet")
        assert not any(plan.values())


@pytest.mark.parametrize("up", ["stack", "open", "started"])
def test_what_is_up_already_is_no_failure(up: str) -> None:
    with Bench() as bench:
        bench.modem.stack_runs = True
        bench.modem.bearer_open = up != "stack"
        bench.modem.bearer_up = up == "started"
        bench.attached(apn="internet")
        assert bench.run(bench.driver.network_status()).is_up


def test_stack_that_starts_by_itself_meanwhile_is_no_failure() -> None:
    with Bench(plan={"AT+WIPCFG=1": [844]}) as bench:
        bench.modem.stack_runs = True
        bench.modem.plan["AT+WIPCFG?"] = [None]
        bench.attached(apn="internet")
        assert not any(bench.modem.plan.values())


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (807, Reason.BUSY), (808, Reason.TIMEOUT), (809, Reason.NOT_REGISTERED), (810, Reason.SIM_ABSENT),
        (812, Reason.NO_PDP_CONTEXT), (813, Reason.NO_PDP_CONTEXT), (814, Reason.NO_PDP_CONTEXT),
        (815, Reason.NO_PDP_CONTEXT), (816, Reason.CONNECTION_LOST), (817, Reason.CONNECTION_LOST),
    ],
)  # fmt: skip
def test_each_error_of_the_bearer(number: int, reason: Reason) -> None:
    with Bench(plan={"AT+WIPBR=4,6,0": [number]}) as bench, pytest.raises(NetworkError) as caught:
        bench.attached(apn="internet")
    assert reason in caught.value.reasons
    assert caught.value.code is not None
    assert (caught.value.code.namespace, caught.value.code.number) == ("cme", number)
    assert caught.value.command == "AT+WIPBR=4,6,0"


def test_network_that_never_gets_ready_ends_with_its_error() -> None:
    with Bench(plan={"AT+WIPBR=4,6,0": [848] * 1000}) as bench:
        before = bench.port.now()
        with pytest.raises(NetworkError) as caught:
            bench.attached(apn="internet")
        assert Reason.NO_PDP_CONTEXT in caught.value.reasons
        assert bench.port.now() - before < bench.driver.limits.attach_timeout + 20


@pytest.mark.parametrize("command", ["AT+WIPBR=1,6", "AT+WIPBR=2,6,11", "AT+WIPCFG=1"])
@pytest.mark.parametrize("number", [None, 800, 801, 802, 805, 806, 820, 830, 850, 860])
def test_each_refusal_on_the_way_up_is_an_error(command: str, number: int | None) -> None:
    with Bench(plan={command: [number]}) as bench, pytest.raises((NetworkError, CommandError)) as caught:
        bench.attached(apn="internet")
    assert caught.value.command is not None
    assert caught.value.command.startswith(command)


def test_password_is_never_shown() -> None:
    with Bench(plan={"AT+WIPBR=2,6,1": [801]}) as bench, pytest.raises(ModemError) as caught:
        bench.attached(apn="internet", user="me", password="s3cr3t-word")
    assert "s3cr3t" not in str(caught.value) + repr(caught.value) + str(caught.value.command)


@pytest.mark.parametrize("apn", ["two words", "a;b", 'quo"te'])
def test_what_the_command_line_would_lose_is_refused_before_it_is_sent(apn: str) -> None:
    with Bench() as bench:
        with pytest.raises(CommandError):
            bench.attached(apn=apn)
        assert not any("AT+WIPBR=2" in line for line in bench.modem.commands)


def test_lost_bearer_is_seen() -> None:
    with Bench() as bench:
        bench.attached(apn="internet")
        bench.modem.set_radio(4)
        assert not bench.run(bench.driver.network_status()).is_up


# Connecting


@both
def test_connect_send_receive_close(server: TcpServer, mode: str) -> None:
    with Bench(mode, server.port) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"hello")
        assert bench.receive_all(5) == b"hello"
        bench.close_stream()
        wip = bench.asked("AT+WIPC") + bench.asked("AT+WIPDATA")
        assert wip == [
            "AT+WIPCFG?", "AT+WIPCFG=1", 'AT+WIPCREATE=2,1,"one.test",443', "AT+WIPCLOSE=2,1",
            f"AT+WIPDATA=2,1,{1 if mode == 'escaped' else 2}",
        ]  # fmt: skip


@pytest.mark.parametrize("index", [2, 8])
def test_another_index(server: TcpServer, index: int) -> None:
    with Bench(port=server.port, options={"index": index}) as bench:
        assert list(bench.driver.limits.sockets) == [index]
        bench.attached(apn="internet")
        bench.run(bench.driver.open_stream(index, "one.test", 443, security_profile=None, timeout=30))
        assert f"AT+WIPDATA=2,{index},1" in bench.modem.commands


def test_socket_that_an_earlier_run_left_open_is_closed_and_opened_again(server: TcpServer) -> None:
    with Bench(port=server.port, plan={"AT+WIPCREATE": [840]}) as bench:
        bench.attached(apn="internet").open()
        assert bench.asked("AT+WIPC")[2:] == [
            'AT+WIPCREATE=2,1,"one.test",443', "AT+WIPCLOSE=2,1", 'AT+WIPCREATE=2,1,"one.test",443'
        ]  # fmt: skip


def test_socket_that_stays_in_use_is_an_error(server: TcpServer) -> None:
    with (
        Bench(port=server.port, plan={"AT+WIPCREATE": [840, 840]}) as bench,
        pytest.raises(ModemError) as caught,
    ):
        bench.attached(apn="internet").open()
    assert Reason.BUSY in caught.value.reasons


@pytest.mark.parametrize("number", [803, 811, 831, 848])
def test_bearer_that_went_down_is_brought_up_before_connecting(server: TcpServer, number: int) -> None:
    with Bench(port=server.port, plan={"AT+WIPCREATE": [number]}) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"x")
        assert bench.receive_all(1) == b"x"
        assert len(bench.asked("AT+WIPCREATE")) == 2


@pytest.mark.parametrize("failure", ["event", "result"])
def test_closed_port_is_a_network_error(failure: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with Bench(port=port, connect_failure=failure) as bench:
        bench.attached(apn="internet")
        with pytest.raises(NetworkError) as caught:
            bench.open()
        assert caught.value.code is not None
        assert caught.value.code.number == 842
        assert "one.test:443" in caught.value.message
        bench.close_stream()
        assert bench.run(bench.driver.read_clock()).time.year == 1998


def test_name_that_does_not_resolve_is_a_network_error() -> None:
    with Bench() as bench:
        bench.attached(apn="internet")
        with pytest.raises(NetworkError):
            bench.open(host="nowhere.invalid")


@pytest.mark.parametrize("number", [None, *(n for n in range(800, 885) if n not in (*STACK_STATES, 840))])
def test_each_refusal_of_connecting_is_an_error(number: int | None) -> None:
    with Bench(plan={"AT+WIPCREATE": [number]}) as bench:
        bench.attached(apn="internet")
        with pytest.raises((NetworkError, CommandError)) as caught:
            bench.open()
        assert caught.value.code is not None
        assert caught.value.code.number == ("ERROR" if number is None else number)
        assert bench.run(bench.driver.read_clock())


@pytest.mark.parametrize("number", [831, 837, 843, 846, None])
def test_each_refusal_of_the_data_mode_is_an_error(server: TcpServer, number: int | None) -> None:
    with Bench(port=server.port, plan={"AT+WIPDATA": [number]}) as bench:
        bench.attached(apn="internet")
        with pytest.raises((NetworkError, CommandError)) as caught:
            bench.open()
        assert caught.value.command == "AT+WIPDATA=2,1,1"
        bench.close_stream()


def test_no_outcome_in_time_is_a_network_error() -> None:
    with TcpServer(echo) as server, Bench(port=server.port) as bench:
        bench.attached(apn="internet")
        bench.modem._dialled = lambda socket: None  # type: ignore[method-assign]
        with pytest.raises(NetworkError, match="no result in 5 s") as caught:
            bench.open(timeout=5.0)
        assert caught.value.reasons == {Reason.TIMEOUT}


def test_tls_in_the_module_is_refused_before_anything_is_sent() -> None:
    with Bench() as bench, pytest.raises(Unsupported):
        bench.run(bench.driver.open_stream(1, "one.test", 443, security_profile=1, timeout=5))


# Payload


@both
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_byte_goes_there_and_back(server: TcpServer, mode: str, data: st.DataObject) -> None:
    pieces = data.draw(
        st.lists(st.binary(min_size=1, max_size=600) | st.just(HOSTILE), min_size=1, max_size=5)
    )
    chunk = data.draw(st.integers(1, 50))
    with Bench(mode, server.port, chunk=chunk) as bench:
        bench.attached(apn="internet").open()
        for piece in pieces:
            bench.send(piece)
        assert bench.receive_all(sum(map(len, pieces))) == b"".join(pieces)


@both
def test_hostile_payload_and_commands_take_turns(server: TcpServer, mode: str) -> None:
    with Bench(mode, server.port) as bench:
        bench.attached(apn="internet").open()
        for _ in range(4):
            bench.send(HOSTILE)
            assert bench.run(bench.driver.read_clock()).time.year == 1998
            assert bench.receive_all(len(HOSTILE)) == HOSTILE
        assert bench.asked("AT+WIPCLOSE") == []


@both
@pytest.mark.parametrize("alone", [b"+++", b"+", b"++"])
def test_escape_sequence_alone_is_payload(server: TcpServer, mode: str, alone: bytes) -> None:
    with Bench(mode, server.port) as bench:
        bench.attached(apn="internet").open()
        bench.port.sleep(2)
        bench.send(alone)
        bench.port.sleep(3)
        assert bench.receive_all(len(alone)) == alone
        assert bench.modem.is_in_data_mode


@both
def test_one_megabyte_down_without_leaving_the_mode(mode: str) -> None:
    body = EVERY * 4096

    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(body)
        connection.recv(1)

    with TcpServer(serve) as server, Bench(mode, server.port) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"x")
        assert bench.receive_all(len(body)) == body
        assert len(bench.asked("AT+WIPDATA")) == 1


@both
def test_data_that_were_announced_amid_commands_are_seen_without_waiting(mode: str) -> None:
    go = threading.Event()

    def serve(connection: socket.socket) -> None:
        go.wait(10)
        connection.sendall(b"more")
        connection.recv(1)

    with TcpServer(serve) as server, Bench(mode, server.port, patience=1.0) as bench:
        bench.attached(apn="internet").open()
        assert bench.run(bench.driver.read_clock())
        assert bench.receive(0) is None
        go.set()
        for _ in range(200):
            bench.run(bench.channel.poll(5.0))
            if bench.channel.has(lambda line: line == "+WIPDATA: 2,1,4"):
                break
        assert bench.receive(0) == b"more"
        assert len(bench.asked("AT+WIPDATA")) == 2


# Ends


@both
@pytest.mark.parametrize("shutdown", ["continuous", "both", "never"])
def test_end_of_the_server_is_the_end_of_the_stream(mode: str, shutdown: str) -> None:
    body = b"body\r\nOK\r\n"
    with (
        TcpServer(lambda connection: connection.sendall(body)) as server,
        Bench(mode, server.port, shutdown=shutdown) as bench,
    ):
        bench.attached(apn="internet").open()
        assert bench.receive_all() == body
        assert bench.receive() == b""
        with pytest.raises(NetworkError):
            bench.send(b"more")
        bench.close_stream()
        assert bench.modem.sockets == {}


@both
def test_end_that_cannot_be_entered_again(mode: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(connection.recv(10))

    with TcpServer(serve) as server, Bench(mode, server.port, reads_after_end=False) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"all")
        assert bench.receive_all() == b"all"


@both
@pytest.mark.parametrize("mark", [True, False])
def test_reset_is_an_error_with_its_number(mode: str, mark: bool) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with TcpServer(serve) as server, Bench(mode, server.port, reset_mark=mark) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"x")
        with pytest.raises(NetworkError) as caught:
            bench.receive_all()
        assert caught.value.code is not None
        assert caught.value.code.number == 843
        assert Reason.CONNECTION_LOST in caught.value.reasons
        assert bench.run(bench.driver.read_clock())
        bench.close_stream()
        bench.open()


@both
def test_send_to_a_server_that_has_gone_executes_nothing(mode: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with TcpServer(serve) as server, Bench(mode, server.port) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"x")
        bench.port.sleep(2)
        with pytest.raises(NetworkError):
            bench.send(b"\rAT+WIPCFG=0\r" * 1000)
        assert "AT+WIPCFG=0" not in bench.modem.commands


@both
def test_restart_in_the_middle_is_named(server: TcpServer, mode: str) -> None:
    with Bench(mode, server.port, wind=4, reboot_at_byte=5000) as bench:
        bench.attached(apn="internet").open()
        with pytest.raises((ModemReset, NetworkError)):
            exchange(bench, b"x" * 10_000)
        bench.attached(apn="internet").open()
        bench.send(b"again")
        assert bench.receive_all(5) == b"again"


@both
def test_restart_without_a_word_is_found_out(server: TcpServer, mode: str) -> None:
    with Bench(mode, server.port, reboot_at_byte=5000) as bench:
        bench.attached(apn="internet").open()
        with pytest.raises((ModemReset, ModemTimeout, NetworkError)):
            exchange(bench, b"x" * 10_000)
        bench.attached(apn="internet").open()


def test_two_opens_at_once_are_one(server: TcpServer) -> None:
    with Bench(port=server.port) as bench:
        bench.attached(apn="internet").open()
        bench.send(b"one")
        bench.open()  # the core gives a socket to one session at a time; whoever comes again ends the first
        bench.send(b"two")
        assert bench.receive_all(3) == b"two"
        assert server.connections == 2


# The rest


def test_clock_is_written_without_a_zone() -> None:
    from datetime import UTC, datetime

    with Bench() as bench:
        bench.run(bench.driver.initialise())
        assert not bench.run(bench.driver.read_clock()).is_set
        bench.run(bench.driver.set_clock(datetime(2026, 11, 21, 9, 30, tzinfo=UTC)))
        assert 'AT+CCLK="26/11/21,09:30:00"' in bench.modem.commands
        clock = bench.run(bench.driver.read_clock())
        assert clock.is_set
        assert clock.time.year == 2026


@pytest.mark.parametrize("firmware", ["7.52.0.201403111111 Q2686RD", "7.44.6.201109260825 Q2686RD"])
def test_firmware_that_repeats_bytes_is_named_in_an_error_of_tls(firmware: str) -> None:
    with Bench() as bench:
        bench.driver.resolved = model().resolve(firmware, WipsoftOptions())
        error = TlsError("TLS failed.", reasons={Reason.BYTES_LOST})
        assert ("7.52" in bench.driver.comment(error).message) is firmware.startswith("7.52")
        other = NetworkError("no way")
        assert bench.driver.comment(other) is other


@pytest.mark.parametrize(
    "given",
    [{"data_mode": "x"}, {"index": 0}, {"index": 9}, {"index": 1.5}, {"guard_time": 0}, {"look_after": -1}],
)
def test_options_are_checked(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is"):
        WipsoftOptions(**given)  # type: ignore[arg-type]


def test_settings_of_the_network_hold_no_secret_in_their_text() -> None:
    assert "s3cr3t" not in repr(NetworkSettings(password="s3cr3t"))
