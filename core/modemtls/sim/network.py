"""The part of a simulated modem that reaches real servers: names, TCP, and real TLS.

Nothing here waits, starts a thread or reads a clock of its own accord: the owner calls
:meth:`.Connection.poll` to progress what can be progressed now, and :meth:`Network.wait` to sleep
until there is something to progress.  The network's failures are :class:`.Problem` records on the
connection, never exceptions.

A connection that this side ends (close, or a certificate refused) leaves its socket to a
:class:`_Farewell`, which delivers the last bytes, the alert among them, and reads until the peer is
done: a socket closed with unread bytes sends RST, and RST would overtake the alert.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from .connection import BUFFER_BYTES, CHUNK_BYTES, Connection, ConnectionState, Selector
from .problems import Failure, Problem, opaque
from .routes import Reach, Route, find_targets, parse_map
from .tls_settings import Lie, Ticket, TlsSettings, as_really_done

__all__ = [
    "BUFFER_BYTES",
    "Connection",
    "ConnectionState",
    "Failure",
    "Network",
    "Problem",
    "Reach",
    "Route",
    "Ticket",
    "TlsSettings",
    "parse_map",
]

_FAREWELL_SECONDS = 2.0
_FAREWELL_READS = 16
_MOST_FAREWELLS = 64


class Network:
    """The way from a simulated modem to servers.

    ``routes`` come first; ``localhost``, ``*.test`` and loopback addresses lead to this host; with
    ``reach="loopback"`` nothing else is reached, with ``"host"`` whatever this host can reach.
    ``handshake_room``: bytes that TLS has room for where its settings do not say.
    ``opaque``: a connection with TLS tells of every TLS failure the same.  ``lying``: what of its TLS is
    left out, whatever it was given.  ``now`` gives the seconds for :attr:`Connection.last_activity`.  One
    thread at a time.
    """

    def __init__(
        self,
        *,
        routes: Iterable[Route] = (),
        reach: Reach = "loopback",
        opaque: bool = False,
        handshake_room: int | None = None,
        lying: Lie = "no",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if reach not in ("loopback", "host"):
            raise ValueError(f"network={reach!r}: it is 'loopback' or 'host'")
        self.routes = tuple(routes)
        self.reach: Reach = reach
        self.opaque = opaque
        self.handshake_room = handshake_room
        self.lying: Lie = lying
        self._now = now
        self._live: list[Connection] = []
        self._farewells: list[_Farewell] = []

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those that are not closed."""
        return tuple(self._live)

    def resolve(self, host: str) -> str | Problem:
        """The address that a DNS lookup in the modem shows, or why there is none.

        With reach ``"host"`` this asks the host's resolver and may block.
        """
        found = find_targets(host, None, self.routes, self.reach)
        return found if isinstance(found, Problem) else found[0][0]

    def connect(self, host: str, port: int, tls: TlsSettings | None = None) -> Connection:
        """Begin a connection and return at once; its state says how far it got.

        :raises ValueError: ``port`` is not 1 to 65535.
        """
        if not 1 <= port <= 65535:
            raise ValueError(f"{port} is not a TCP port (1 to 65535)")
        self._sweep()
        if tls is not None and tls.handshake_room is None:
            tls = replace(tls, handshake_room=self.handshake_room)
        connection = Connection(self, host, port, as_really_done(tls, self.lying))
        if connection.state is not ConnectionState.CLOSED:
            self._live.append(connection)
        return connection

    def wait(self, timeout: float) -> bool:
        """Sleep at most ``timeout`` seconds of real time, until something is ready.

        ``True`` when something may be ready: poll the connections then.  It can be ``True`` without a
        change to any of them.  Without a connection it returns ``False`` at once.
        """
        if any(connection._has_backlog for connection in self._live):
            return True
        with Selector() as selector:
            for connection in self._live:
                events = (selectors.EVENT_READ if connection.wants_read else 0) | (
                    selectors.EVENT_WRITE if connection.wants_write else 0
                )
                if events:
                    selector.register(connection.fileno(), events)
            for farewell in self._farewells:
                selector.register(farewell.sock, farewell.events)
            if not selector.get_map():
                # All of them wait for their owner to receive; select() on nothing fails on Windows.
                if self._live:
                    time.sleep(max(0.0, timeout))
                return False
            ready = bool(selector.select(max(0.0, timeout)))
        self._sweep()
        return ready

    def close_all(self) -> None:
        """Close everything now; the network can be used again afterwards."""
        for connection in self.connections:
            connection.close()
        for farewell in self._farewells:
            farewell.close()
        self._farewells.clear()

    def _sweep(self) -> None:
        for farewell in self._farewells:
            farewell.poll(self._now())
        self._farewells = [farewell for farewell in self._farewells if not farewell.done]

    def _as_told(self, connection: Connection, problem: Problem | None) -> Problem | None:
        """``problem`` as the modem's own stack has it."""
        if problem is None or not self.opaque or connection.tls is None:
            return problem
        return opaque(problem, handshaking=connection.state is ConnectionState.HANDSHAKING)

    def _retire(self, connection: Connection, sock: socket.socket | None, last_bytes: bytes) -> None:
        if connection in self._live:
            self._live.remove(connection)
        if sock is None:
            return
        farewell = _Farewell(sock, last_bytes, self._now() + _FAREWELL_SECONDS)
        farewell.poll(self._now())
        if not farewell.done:
            self._farewells.append(farewell)
        while len(self._farewells) > _MOST_FAREWELLS:
            self._farewells.pop(0).close()


class _Farewell:
    """A socket on its way out: sends what is left, then reads until the peer ends too."""

    def __init__(self, sock: socket.socket, last_bytes: bytes, deadline: float) -> None:
        self.sock = sock
        self.done = False
        self._left = bytearray(last_bytes)
        self._half_closed = False
        self._peer_done = False
        self._deadline = deadline

    @property
    def events(self) -> int:
        reading = 0 if self._peer_done else selectors.EVENT_READ
        return reading | (selectors.EVENT_WRITE if self._left else 0)

    def poll(self, now: float) -> None:
        if self.done:
            return
        try:
            while self._left:
                del self._left[: self.sock.send(self._left)]
            if not self._half_closed:
                self.sock.shutdown(socket.SHUT_WR)
                self._half_closed = True
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
            return
        try:
            for _ in range(_FAREWELL_READS):
                if not self.sock.recv(CHUNK_BYTES):
                    self._peer_done = True
                    break
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
            return
        if (self._peer_done and not self._left) or now >= self._deadline:
            self.close()

    def close(self) -> None:
        self.done = True
        self.sock.close()
