"""A serial line at an RFC 2217 server: pyserial's own server side, over a real connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import serial
import serial.rfc2217

from modemtls.aio import aclose, arun
from modemtls.errors import ModemTimeout, PortError, Reason
from modemtls.op import SetLine, run
from modemtls.port import Port, open_port

from .peers import ask, modem, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not tried there")


class Server:
    """One connection, whose line settings end in a loop port that can be looked at."""

    def __init__(self) -> None:
        self.line = serial.serial_for_url("loop://", baudrate=300)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connection: socket.socket | None = None
        self.reading = threading.Event()
        self.reading.set()
        self._thread = threading.Thread(target=self._serve, name="rfc2217 server")
        self._thread.start()

    def write(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(data)

    def hang_up(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.reading.set()
        self.hang_up()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.line.close()

    def _serve(self) -> None:
        try:
            self._connection = self._listener.accept()[0]
        except OSError:
            return
        heard = b""
        with self._connection, contextlib.suppress(OSError):
            # The stubs ask for more of both than the class does.
            line: Any = self.line
            connection: Any = self
            telnet = serial.rfc2217.PortManager(line, connection)
            while data := self._connection.recv(1024):
                heard += b"".join(telnet.filter(data))
                while b"\r" in heard:
                    line, _, heard = heard.partition(b"\r")
                    self.write(b"".join(telnet.escape(modem(line))))
                self.reading.wait()


@pytest.fixture
def server(nothing_left: None) -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_both_runners_talk_through_it_and_change_the_line(server: Server) -> None:
    port = open_port(server.url, baudrate=9600)
    assert port.fileno() is None
    assert server.line.baudrate == 9600
    assert run(ask(b"AT\xff+X"), port) == modem(b"AT\xff+X")

    async def change() -> bytes:
        await SetLine(baudrate=57600, dtr=False)
        return await ask(b"ATI")

    async def main(port: Port) -> bytes:
        heard = await arun(change(), port)
        await aclose(port)
        return heard

    assert asyncio.run(main(port)) == modem(b"ATI")
    assert server.line.baudrate == 57600
    assert server.line.dtr is False


def test_a_server_that_hangs_up_is_a_port_that_is_gone(server: Server) -> None:
    port = open_port(server.url)
    server.hang_up()
    with pytest.raises(PortError) as caught:
        port.read(20)
    assert caught.value.reasons == {Reason.PORT_GONE}
    port.close()


def test_a_server_that_hangs_up_ends_an_asynchronous_read_too(server: Server) -> None:
    async def main() -> PortError:
        port = open_port(server.url)
        asyncio.get_running_loop().call_later(0.03, server.hang_up)
        with pytest.raises(PortError) as caught:
            await arun(until(b"never"), port)
        await aclose(port)
        return caught.value

    assert asyncio.run(main()).reasons == {Reason.PORT_GONE}


def test_a_server_that_reads_no_more_does_not_hold_a_write(server: Server) -> None:
    port = open_port(server.url)
    server.reading.clear()
    with pytest.raises(ModemTimeout):
        port.write(b"x" * 20_000_000, 0.2)
    server.reading.set()
    port.close()


def test_a_server_that_speaks_no_rfc2217_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        error: list[PortError] = []

        def try_it() -> None:
            with pytest.raises(PortError) as caught:
                open_port(f"rfc2217://127.0.0.1:{number}?timeout=0.1")
            error.append(caught.value)

        thread = threading.Thread(target=try_it)
        thread.start()
        connection = listener.accept()[0]
        thread.join()
        connection.close()
    assert error[0].reasons == {Reason.PORT_NOT_FOUND}
    assert "RFC2217" in str(error[0])
