"""One connection of a simulated modem: dialling, the handshake, bytes both ways, the end.

:meth:`Connection.poll` does what can be done without waiting.  Reading stops when the owner is
:data:`BUFFER_BYTES` behind, so that TCP holds the server back.  What goes wrong is kept as a
:class:`.Problem`; no exception of the socket or of TLS leaves this module.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import ipaddress
import selectors
import socket
from typing import TYPE_CHECKING

from ..policy import TlsVersion
from .problems import Failure, Problem, why_not_connected
from .routes import find_targets
from .tls import EngineError, TlsEngine
from .tls_settings import Ticket, TlsSettings

if TYPE_CHECKING:
    from .network import Network

__all__ = ["BUFFER_BYTES", "CHUNK_BYTES", "Connection", "ConnectionState", "Selector"]

BUFFER_BYTES = 65536
"""A connection reads no further ahead of its owner than this."""
CHUNK_BYTES = 16384
"""The most that is moved at once; also the largest TLS record."""

_MOST_PER_POLL = 4 * BUFFER_BYTES
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, errno.EALREADY, errno.EINTR})

# select() cannot watch descriptors above 1023; an epoll object would cost a descriptor of its own.
Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class ConnectionState(enum.Enum):
    """How far a connection is."""

    CONNECTING = "connecting"
    HANDSHAKING = "handshaking"
    OPEN = "open"
    CLOSED = "closed"
    """Nothing more comes from the peer; what came before can still be received."""


class Connection:
    """One connection to a server, with TLS if it was given :class:`TlsSettings`.

    Made by :meth:`Network.connect`.  ``problem`` says why it is closed when that was not in order;
    ``clean_close`` whether the peer ended in order (close_notify with TLS, FIN without), ``None``
    while or where it did not end.  ``version``, ``cipher`` (OpenSSL's name), ``peer_chain_der`` (leaf
    first) and ``resumed`` are known after the handshake.
    """

    def __init__(self, network: Network, host: str, port: int, tls: TlsSettings | None) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.state = ConnectionState.CONNECTING
        self.problem: Problem | None = None
        self.clean_close: bool | None = None
        self.version: TlsVersion | None = None
        self.cipher: str | None = None
        self.peer_chain_der: tuple[bytes, ...] = ()
        self.resumed = False
        self.peer_address: tuple[str, int] | None = None
        self.last_activity = network._now()
        self._network = network
        self._sock: socket.socket | None = None
        self._engine: TlsEngine | None = None
        self._ticket: Ticket | None = None
        self._received = bytearray()
        self._to_send = bytearray()
        self._on_the_wire = bytearray()
        self._write_error: OSError | None = None
        self._unread = False
        self._changes = 0
        found = find_targets(host, port, network.routes, network.reach)
        self._targets = [] if isinstance(found, Problem) else list(found)
        if isinstance(found, Problem):
            self._end(found)
            return
        try:
            self._engine = None if tls is None else TlsEngine(tls, host)
        except EngineError as failed:
            self._end(failed.problem)
            return
        self._dial()

    @property
    def available(self) -> int:
        """Bytes that :meth:`receive` would give."""
        return len(self._received)

    @property
    def unsent(self) -> int:
        """Bytes that were given to :meth:`send` and are not in the host's hands yet.

        While a TLS record is under way, its overhead counts too.
        """
        return len(self._to_send) + (len(self._on_the_wire) if self.state is ConnectionState.OPEN else 0)

    @property
    def is_busy(self) -> bool:
        """Input or output is pending: connecting, handshaking, or bytes not sent yet."""
        if self.state is ConnectionState.CLOSED:
            return False
        return self.state is not ConnectionState.OPEN or self.unsent > 0

    @property
    def wants_read(self) -> bool:
        """Whether bytes that come in could be taken now."""
        if self.state is ConnectionState.OPEN:
            return len(self._received) < BUFFER_BYTES
        return self.state is ConnectionState.HANDSHAKING

    @property
    def wants_write(self) -> bool:
        """Whether it waits for the socket to take bytes, or to be connected."""
        if self.state is ConnectionState.CONNECTING:
            return True
        if self.state is ConnectionState.CLOSED:
            return False
        pending = self.state is ConnectionState.OPEN and bool(self._to_send)
        return self._write_error is None and (pending or bool(self._on_the_wire))

    @property
    def session(self) -> Ticket | None:
        """What resumes this TLS session on another connection; ``None`` if there is nothing yet."""
        if self._engine is not None and self.state is ConnectionState.OPEN:
            self._ticket = self._engine.ticket() or self._ticket
        return self._ticket

    @property
    def _has_backlog(self) -> bool:
        # Decrypted or decryptable bytes inside the engine do not make a socket readable.
        return self._unread and self.wants_read

    def fileno(self) -> int:
        """The socket's descriptor, or -1 when there is none."""
        return -1 if self._sock is None else self._sock.fileno()

    def send(self, data: bytes) -> None:
        """Queue ``data``; :meth:`poll` sends it.  On a closed connection it is dropped."""
        if self.state is not ConnectionState.CLOSED:
            self._to_send += data

    def receive(self, limit: int) -> bytes:
        """At most ``limit`` bytes of what came; also after the end."""
        data = bytes(self._received[: max(0, limit)])
        del self._received[: len(data)]
        return data

    def close(self) -> None:
        """End it from this side: what is queued still goes out if it is open; what came is dropped."""
        self._received.clear()
        if self.state is not ConnectionState.CLOSED:
            self._end(None)

    def give_up(self, problem: Problem) -> None:
        """End it from this side because of ``problem``, e.g. a time limit of the modem's own."""
        if self.state is not ConnectionState.CLOSED:
            self._to_send.clear()
            self._end(problem)

    def poll(self) -> bool:
        """Progress what can be progressed now; ``True`` when the state or any byte moved.

        The step to OPEN is made alone: the owner sees it even if the peer has ended already.
        """
        self._network._sweep()
        before = self._changes
        try:
            if self.state is ConnectionState.OPEN:
                self._exchange()
            if self.state is ConnectionState.CONNECTING:
                self._connect()
            if self.state is ConnectionState.HANDSHAKING:
                self._handshake()
        except EngineError as failed:
            if self.state is ConnectionState.OPEN:
                self.clean_close = False
            self._to_send.clear()
            self._end(failed.problem)
        return self._changes != before

    def _changed(self) -> None:
        self._changes += 1
        self.last_activity = self._network._now()

    def _enter(self, state: ConnectionState) -> None:
        self.state = state
        self._changed()

    def _dial(self) -> None:
        address, port = self._targets.pop(0)
        port = self.port if port is None else port
        kind = ipaddress.ip_address(address.partition("%")[0])
        if self._network.reach == "loopback" and not kind.is_loopback:
            self._end(Problem(Failure.NOT_ALLOWED, f"{address} is not on the loopback"))
            return
        self.peer_address = (address, port)
        try:
            sock = socket.socket(socket.AF_INET6 if kind.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            self._end(Problem(Failure.LOST, f"this host gave no socket: {error.strerror or error}"))
            return
        self._sock = sock
        try:
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex((address, port))
        except OSError as error:
            code = error.errno or errno.EINVAL
        if code and code not in _UNDER_WAY:
            self._dial_failed(code)

    def _dial_failed(self, code: int) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._targets:
            self._dial()
            return
        dialled = " port ".join(str(part) for part in self.peer_address or ())
        self._end(why_not_connected(code, f"{self.host}:{self.port} (dialled: {dialled})"))

    def _connect(self) -> None:
        assert self._sock is not None
        with Selector() as selector:
            selector.register(self._sock, selectors.EVENT_WRITE)
            if not selector.select(0):
                return
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        with contextlib.suppress(OSError):
            if not code and self._sock.getsockname() == self._sock.getpeername():
                # TCP connects a socket to itself when its own port is the closed one that is dialled.
                code = errno.ECONNREFUSED
        if code:
            self._changed()
            self._dial_failed(code)
            return
        self._enter(ConnectionState.OPEN if self._engine is None else ConnectionState.HANDSHAKING)

    def _handshake(self) -> None:
        engine = self._engine
        assert engine is not None
        while True:
            done = engine.handshake()
            self._on_the_wire += engine.output()
            self._flush()
            if done:
                break
            data = self._take()
            if data is None:
                return
            if not data:
                self.clean_close = False
                self._end(Problem(Failure.LOST, "the server ended the connection during the handshake"))
                return
            engine.feed(data)
        self.version = engine.version
        self.cipher = engine.cipher
        self.peer_chain_der = engine.peer_chain_der
        self.resumed = engine.resumed
        self._unread = True
        self._enter(ConnectionState.OPEN)

    def _exchange(self) -> None:
        self._push()
        self._pull()
        # Reading can make TLS answer (a key update), and can have made room at the peer.
        if self.state is ConnectionState.OPEN:
            self._push()

    def _push(self) -> None:
        for _ in range(_MOST_PER_POLL // CHUNK_BYTES):
            self._flush()
            if self._on_the_wire or self._write_error is not None:
                return
            if self._engine is not None:
                self._on_the_wire += self._engine.output()
            if self._to_send:
                self._encrypt()
            if not self._on_the_wire:
                return

    def _encrypt(self) -> None:
        part = bytes(self._to_send[:CHUNK_BYTES])
        if self._engine is None:
            self._on_the_wire += part
            taken = len(part)
        else:
            taken = self._engine.write(part)
            self._on_the_wire += self._engine.output()
        del self._to_send[:taken]

    def _flush(self) -> None:
        assert self._sock is not None
        while self._on_the_wire and self._write_error is None:
            try:
                sent = self._sock.send(self._on_the_wire)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # What the peer said before it went is still to be read; reading finds the end.
                self._write_error = error
                return
            del self._on_the_wire[:sent]
            self._changed()

    def _take(self, limit: int = CHUNK_BYTES) -> bytes | None:
        """Bytes off the socket; ``None`` if there are none now, empty at the end."""
        assert self._sock is not None
        try:
            data = self._sock.recv(limit)
        except (BlockingIOError, InterruptedError):
            return b"" if self._write_error is not None else None
        except OSError as error:
            self._write_error = self._write_error or error
            return b""
        if data:
            self._changed()
        return data

    def _pull(self) -> None:
        taken = 0
        while taken < _MOST_PER_POLL:
            room = BUFFER_BYTES - len(self._received)
            self._unread = room <= 0 and self._engine is not None
            if room <= 0:
                return
            if self._engine is not None:
                clear = self._engine.read(min(room, CHUNK_BYTES))
                if clear:
                    self._received += clear
                    self._changed()
                    taken += len(clear)
                    continue
                if self._engine.closed:
                    self.clean_close = True
                    self._end(None)
                    return
            data = self._take(CHUNK_BYTES if self._engine is not None else min(room, CHUNK_BYTES))
            if data is None:
                return
            if not data:
                self._peer_ended()
                return
            if self._engine is not None:
                self._engine.feed(data)
            else:
                self._received += data
                taken += len(data)
        self._unread = self._engine is not None

    def _peer_ended(self) -> None:
        error = self._write_error
        if error is not None and error.errno == errno.ETIMEDOUT:
            problem = Problem(Failure.TIMEOUT, "the peer stopped answering")
        elif error is not None:
            problem = Problem(Failure.LOST, f"the peer broke the connection ({error.strerror or error})")
        elif self._engine is not None:
            problem = Problem(Failure.LOST, "the peer ended the connection without TLS's close_notify")
        else:
            self.clean_close = True
            self._end(None)
            return
        self.clean_close = False
        self._end(problem)

    def _end(self, problem: Problem | None) -> None:
        """Close with ``problem``; whatever can still go out goes with the farewell."""
        if problem is None:
            self._ticket = self.session
        was_open = self.state is ConnectionState.OPEN
        self.problem = self._network._as_told(self, problem)
        self._unread = False
        self._enter(ConnectionState.CLOSED)
        if self._engine is not None:
            if was_open and problem is None:
                with contextlib.suppress(EngineError):
                    while self._to_send:
                        self._encrypt()
                self._engine.shutdown()
            self._on_the_wire += self._engine.output()
        elif was_open:
            self._on_the_wire += self._to_send
        last_bytes = b"" if self._write_error is not None else bytes(self._on_the_wire)
        self._to_send.clear()
        self._on_the_wire.clear()
        sock, self._sock = self._sock, None
        self._network._retire(self, sock, last_bytes)
