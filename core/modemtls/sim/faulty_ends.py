"""The end of a faulty line for another program: a pseudo-terminal, or a TCP port for ``socket://``.

Each stands in front of an open port, a real one or that of a simulated modem, and carries bytes in a
thread, in real time, from ``__enter__`` to ``__exit__``.  POSIX only.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from ..port import Port
from .faults import FaultyLine, FaultyPort

__all__ = ["FaultyEnd", "FaultyPty", "FaultySocket"]

_MOST_AT_ONCE = 4096
_LONGEST_WAIT = 0.5


class FaultyEnd(ABC):
    """A thread that carries bytes between a client's descriptor and the line, in real time.

    ``port`` is what stands behind the line: one with a descriptor, opened already; it is closed at the end.

    :raises ValueError: ``port`` has no descriptor.
    """

    def __init__(self, line: FaultyLine, port: Port) -> None:
        self._ended = False
        if port.fileno() is None:
            raise ValueError(f"{port.name} has no descriptor: put a FaultyPort in front of it instead")
        self.line = line
        self._port = FaultyPort(line, port)
        self._out = b""
        self._error: BaseException | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe()

    @abstractmethod
    def _client(self) -> int | None:
        """The client's descriptor, non-blocking; ``None`` while there is no client."""

    @abstractmethod
    def _listener(self) -> int | None:
        """The descriptor that clients come from; ``None`` when no one else is let in."""

    @abstractmethod
    def _greet(self) -> None:
        """A client is coming."""

    @abstractmethod
    def _part(self) -> None:
        """The client has gone."""

    @abstractmethod
    def _end(self) -> None:
        """Close what the client sees: it finds the port gone."""

    def _serve(self) -> None:
        while not self._stopping:
            now = self._port.now()
            if self.line.is_gone(now):
                self._end()
                return
            if self._is_full:
                self._port.sleep(0.0)
            else:
                self._out += self._port.read(0.0)
            self._write()
            self._wait()

    @property
    def _is_full(self) -> bool:
        """The client does not read: more of the line's output has no room here."""
        return len(self._out) >= _MOST_AT_ONCE

    def _write(self) -> None:
        client = self._client()
        if client is None:
            self._out = b""  # nobody listens: what a modem says then is lost
        elif self._out:
            with contextlib.suppress(BlockingIOError, InterruptedError):
                try:
                    self._out = self._out[os.write(client, self._out) :]
                except ConnectionError:
                    self._part()

    def _wait(self) -> None:
        client, listener, behind = self._client(), self._listener(), self._port.port.fileno()
        reading = [each for each in (client, behind, listener, self._wake_read) if each is not None]
        writing = [client] if self._out and client is not None else []
        times = [self.line.to_host.gone_since, self.line.to_modem.gone_since]
        times.append(self.line.to_modem.next_due() if self._is_full else self._port.next_due())
        now = self._port.now()
        timeout = min([_LONGEST_WAIT, *(max(0.0, time - now) for time in times if time is not None)])
        ready, _, _ = select.select(reading, writing, [], timeout)
        if listener is not None and listener in ready:
            self._greet()
        elif client is not None and client in ready:
            self._read(client)

    def _read(self, client: int) -> None:
        try:
            data = os.read(client, _MOST_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self.line.to_modem.feed(data, self._port.now())
        else:
            self._part()

    def __enter__(self) -> Self:
        def run() -> None:
            try:
                self._serve()
            except BaseException as error:  # told to whoever leaves the block
                self._error = error
                self._end()

        self._thread = threading.Thread(target=run, name="modemtls-faulty-line", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        os.write(self._wake_write, b"x")
        if self._thread is not None:
            self._thread.join()
        self._end()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._port.close()
        if self._error is not None and error is None:
            raise self._error


class FaultyPty(FaultyEnd):
    """The line's end as a pseudo-terminal: ``with FaultyPty(line, port) as end: connect_to(end.path)``.

    When the line is gone, the client finds an I/O error.

    :raises OSError: there is no pty.
    """

    def __init__(self, line: FaultyLine, port: Port) -> None:
        import pty
        import tty

        super().__init__(line, port)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        #: What to open.
        self.path = os.ttyname(self._slave)

    def _client(self) -> int:
        return self._master

    def _listener(self) -> None:
        return None

    def _greet(self) -> None:
        """Clients of a pty come unseen."""

    def _part(self) -> None:
        """They go unseen, too: this side keeps the other one open."""

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            os.close(self._slave)
            os.close(self._master)


class FaultySocket(FaultyEnd):
    """The line's end as a TCP server on the loopback, one client at a time: ``modemtls.open(end.url)``.

    When the line is gone, the client's connection is reset, and nobody listens any more.

    :raises OSError: there is no free TCP port.
    """

    def __init__(self, line: FaultyLine, port: Port) -> None:
        super().__init__(line, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        #: What to open.
        self.url = f"socket://127.0.0.1:{self._listening.getsockname()[1]}"

    def _client(self) -> int | None:
        return None if self._connection is None else self._connection.fileno()

    def _listener(self) -> int | None:
        return self._listening.fileno() if self._connection is None else None

    def _greet(self) -> None:
        self._connection, _ = self._listening.accept()
        self._connection.setblocking(False)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _part(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._listening.close()
            if self._connection is not None:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._part()
