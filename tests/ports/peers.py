"""The other side of a port: something that answers bytes, in a thread, on a pty or a TCP connection."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Callable, Coroutine
from typing import Any

from modemtls.op import Read, Write
from modemtls.port import Port

Answer = Callable[[bytes], bytes]


def modem(command: bytes) -> bytes:
    """OK with the command's own letters before it, so that a lost or doubled byte shows."""
    return b"\r\n" + command[::-1] + b"\r\nOK\r\n"


class Peer:
    """Answers each line that ends in CR; ``say`` sends without being asked."""

    def __init__(self, descriptor: int, answer: Answer) -> None:
        self._descriptor = descriptor
        self._answer = answer
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="peer")
        self._thread.start()

    def say(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def stop(self) -> None:
        if self._thread.is_alive():
            os.write(self._stop_write, b"x")
        self._thread.join()
        if self._stop_read >= 0:
            os.close(self._stop_read)
            os.close(self._stop_write)
            self._stop_read = self._stop_write = -1

    def _serve(self) -> None:
        heard = b""
        with contextlib.suppress(OSError):
            while self._stop_read not in select.select([self._descriptor, self._stop_read], [], [])[0]:
                data = os.read(self._descriptor, 4096)
                if not data:
                    return
                heard += data
                while b"\r" in heard:
                    line, _, heard = heard.partition(b"\r")
                    self.say(self._answer(line))


class Pty:
    """A pty whose slave is the port; ``serve`` puts an answering modem behind it."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        self.slave = slave
        self._peer: Peer | None = None

    def serve(self, answer: Answer = modem) -> Peer:
        self._peer = Peer(self.master, answer)
        return self._peer

    def hold_slave(self, *, held: bool) -> None:
        """Without the slave held here, the port under test is its only user."""
        if not held and self.slave >= 0:
            os.close(self.slave)
            self.slave = -1

    def unplug(self) -> None:
        if self._peer is not None:
            self._peer.stop()
            self._peer = None
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.unplug()
        self.hold_slave(held=False)


class TcpPeer:
    """A TCP server for one connection at a time, with an answering modem behind it."""

    def __init__(self, answer: Answer = modem) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connection: socket.socket | None = None
        self._peer: Peer | None = None

    def accept(self) -> Peer:
        self._connection = self._listener.accept()[0]
        self._peer = Peer(self._connection.fileno(), self._answer)
        return self._peer

    def hang_up(self) -> None:
        if self._peer is not None:
            self._peer.stop()
            self._peer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        self.hang_up()
        self._listener.close()


class ThreadOnly(Port):
    """A port without its descriptor, as an asyncio runner sees it on a platform that cannot watch one."""

    def __init__(self, inner: Port) -> None:
        self.name = inner.name
        self._inner = inner

    def read(self, timeout: float) -> bytes:
        return self._inner.read(timeout)

    def write(self, data: bytes, timeout: float) -> None:
        self._inner.write(data, timeout)

    def now(self) -> float:
        return self._inner.now()

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)

    def set_line(self, line: Any) -> None:
        self._inner.set_line(line)

    def close(self) -> None:
        self._inner.close()


async def ask(command: bytes) -> bytes:
    """One exchange, as an operation."""
    await Write(command + b"\r")
    return await until(b"OK\r\n")


async def until(end: bytes) -> bytes:
    """What comes, up to ``end``; empty-handed after 5 s it gives what there is."""
    heard = b""
    while not heard.endswith(end):
        data = await Read(5.0)
        if not data:
            break
        heard += data
    return heard


Operation = Coroutine[Any, Any, Any]
