"""Bytes through a port, and what happens when they cannot go."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import pytest

from modemtls.errors import ModemTimeout, PortError, Reason
from modemtls.op import Read, SetLine, Write, run
from modemtls.port import Port, open_port

from .peers import Pty, TcpPeer, ask, modem, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the peers are POSIX")


def test_a_command_over_a_pty(pty: Pty, nothing_left: None) -> None:
    pty.serve()
    port = open_port(pty.name)
    for number in range(200):
        command = b"AT+X=%d" % number
        assert run(ask(command), port) == modem(command)
    port.close()
    pty.close()


def test_a_command_over_a_socket(tcp: TcpPeer) -> None:
    port = open_port(tcp.url)
    tcp.accept()
    assert run(ask(b"ATI"), port) == modem(b"ATI")
    port.set_line(SetLine(baudrate=9600, dtr=True))
    port.close()


def test_every_byte_value_passes_unchanged_both_ways(pty: Pty) -> None:
    everything = bytes(range(256)) * 4
    port = open_port(pty.name)
    os.write(pty.master, everything)
    heard = b""
    while len(heard) < len(everything):
        heard += port.read(2)
    assert heard == everything
    port.write(everything, 2)
    sent = b""
    while len(sent) < len(everything):
        sent += os.read(pty.master, 4096)
    assert sent == everything
    port.close()


def test_a_read_gives_at_once_what_is_there(pty: Pty) -> None:
    port = open_port(pty.name)
    os.write(pty.master, b"RING\r\n")
    started = time.monotonic()
    assert port.read(30) == b"RING\r\n"
    assert port.read(0) == b""
    assert time.monotonic() - started < 10
    port.close()


def test_a_read_of_nothing_takes_its_time_and_no_more(pty: Pty) -> None:
    port = open_port(pty.name)
    started = time.monotonic()
    assert port.read(0.05) == b""
    assert time.monotonic() - started >= 0.05
    port.close()


def test_a_write_larger_than_every_buffer_arrives_whole(pty: Pty) -> None:
    data = os.urandom(300_000)
    received = bytearray()

    def collect() -> None:
        while len(received) < len(data):
            received.extend(os.read(pty.master, 4096))

    thread = threading.Thread(target=collect)
    thread.start()
    port = open_port(pty.name)
    port.write(data, 20)
    thread.join()
    port.close()
    assert bytes(received) == data


@pytest.mark.parametrize("kind", ["pty", "socket"])
def test_a_write_that_nobody_reads_ends_at_its_deadline(kind: str, pty: Pty, tcp: TcpPeer) -> None:
    port = open_port(pty.name if kind == "pty" else tcp.url)
    started = time.monotonic()
    with pytest.raises(ModemTimeout) as caught:
        port.write(b"x" * 20_000_000, 0.1)
    assert 0.1 <= time.monotonic() - started < 5
    assert "takes no more bytes" in str(caught.value)
    port.close()


@pytest.mark.parametrize("slave_held_elsewhere", [True, False])
def test_unplugging_ends_a_waiting_read(pty: Pty, slave_held_elsewhere: bool) -> None:
    port = open_port(pty.name)
    pty.hold_slave(held=slave_held_elsewhere)
    timer = threading.Timer(0.05, pty.unplug)
    timer.start()
    with pytest.raises(PortError) as caught:
        port.read(20)
    assert caught.value.reasons == {Reason.PORT_GONE}
    timer.join()
    with pytest.raises(PortError) as caught:
        port.write(b"AT\r", 1)
    assert caught.value.reasons == {Reason.PORT_GONE}
    with pytest.raises(PortError) as caught:
        port.set_line(SetLine(baudrate=9600))
    assert caught.value.reasons == {Reason.PORT_GONE}
    port.close()
    port.close()


def test_the_end_of_a_connection_comes_after_its_last_bytes(tcp: TcpPeer, nothing_left: None) -> None:
    port = open_port(tcp.url)
    tcp.accept().say(b"NO CARRIER\r\n")
    tcp.hang_up()
    assert port.read(5) == b"NO CARRIER\r\n"
    with pytest.raises(PortError) as caught:
        port.read(5)
    assert caught.value.reasons == {Reason.PORT_GONE}
    port.close()
    tcp.close()


def test_the_error_is_thrown_into_the_operation_where_it_happened(pty: Pty) -> None:
    seen: list[str] = []

    async def operation() -> None:
        try:
            await Read(5.0)
        except PortError:
            seen.append("read")
            raise

    port = open_port(pty.name)
    pty.unplug()
    with pytest.raises(PortError):
        run(operation(), port)
    port.close()
    assert seen == ["read"]


USES: list[Callable[[Port], object]] = [
    lambda port: port.read(0),
    lambda port: port.read(1),
    lambda port: port.write(b"x", 1),
    lambda port: port.set_line(SetLine(baudrate=9600)),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", ["pty", "socket", "loop"])
def test_a_closed_port_says_so(kind: str, use: Callable[[Port], object], pty: Pty, tcp: TcpPeer) -> None:
    port = open_port({"pty": pty.name, "socket": tcp.url, "loop": "loop://"}[kind])
    port.close()
    assert port.fileno() is None
    with pytest.raises(PortError, match="has been closed"):
        use(port)


def test_an_interrupt_ends_a_read_and_loses_no_byte(pty: Pty) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    port = open_port(pty.name)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            port.read(20)
        os.write(pty.master, b"OK\r\n")
        assert port.read(5) == b"OK\r\n"
    finally:
        signal.signal(signal.SIGUSR1, before)
        timer.join()
        port.close()


def test_a_harmless_signal_does_not_end_a_read(pty: Pty) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    port = open_port(pty.name)
    main = threading.main_thread().ident
    assert main is not None
    timers = [
        threading.Timer(0.02, signal.pthread_kill, (main, signal.SIGUSR1)),
        threading.Timer(0.06, os.write, (pty.master, b"OK\r\n")),
    ]
    for timer in timers:
        timer.start()
    try:
        assert port.read(20) == b"OK\r\n"
    finally:
        signal.signal(signal.SIGUSR1, before)
        for timer in timers:
            timer.join()
        port.close()


def test_a_loop_gives_back_what_is_written() -> None:
    async def operation() -> bytes:
        await Write(b"AT\r\nOK\r\n")
        return await until(b"OK\r\n")

    port = open_port("loop://")
    assert port.fileno() is None
    assert run(operation(), port) == b"AT\r\nOK\r\n"
    with pytest.raises(ModemTimeout):
        port.write(b"x" * 100_000, 0.05)
    port.close()
