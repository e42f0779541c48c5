"""The sockets of a simulated Monarch modem: TCP and TLS, six of them, in command mode.

A dial ends in ``OK`` or, for whatever reason, in ``NO CARRIER``; in the background it ends in
``+SQNSD: <id>,<code>``, whose codes a driver library publishes and whose form is assumed.  The server's end
is ``+SQNSH``, without a reason.  Not simulated, and refused: UDP, listening, transparent mode.  Socket
settings do not survive a restart (assumed).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from modemtls.sim import Failure, Final, Later, Problem, Prompt, Raw, Refuse, Result, on

from .profiles import Misconfigured, MonarchProfiles
from .system import CATCH_ALL

if TYPE_CHECKING:
    from modemtls.sim import Connection, Timer

__all__ = ["MonarchSockets", "Socket"]

NO_CARRIER, REFUSED, TLS_ERROR = -1, -3, -5
_NETWORK = frozenset({Failure.NAME, Failure.TIMEOUT, Failure.LOST, Failure.NOT_ALLOWED})
#: Bytes that the modem takes before it makes the host wait.
_SEND_BUFFER = 16384


@dataclass
class Socket:
    """One socket: its settings, and the connection while there is one."""

    number: int
    cid: int = 1
    packet: int = 300
    idle_limit: int = 90
    dial_limit: int = 600
    send_limit: int = 50
    ring_mode: int = 0
    hex_receive: bool = False
    keepalive: int = 0
    listen_answer: int = 0
    hex_send: bool = False
    secure: bool = False
    profile: int = 1
    connection: Connection | None = None
    opening: bool = False
    host: str = ""
    port: int = 0
    sent: int = 0
    received: int = 0
    announced: int = 0
    arrived_at_send: int = -1
    may_ring: bool = True
    last_used: float = 0.0

    @property
    def is_open(self) -> bool:
        """It was dialled, and neither side's end has been told to the host."""
        return self.connection is not None and not self.opening

    @property
    def arrived(self) -> int:
        """All bytes that ever came in on this connection."""
        return self.received + (self.connection.available if self.connection else 0)


class MonarchSockets(MonarchProfiles):
    """Sockets 1 to 6."""

    socket_numbers: ClassVar[range] = range(1, 7)

    def power_on(self) -> None:
        """All sockets closed, settings at their default."""
        super().power_on()
        self.sockets = {number: Socket(number) for number in self.socket_numbers}

    def went_offline(self) -> None:
        """Open sockets end as if the server had closed; a dial fails."""
        super().went_offline()
        for socket in self.sockets.values():
            if socket.opening and socket.connection is not None:
                socket.connection.give_up(Problem(Failure.LOST, "the radio was switched off"))
            elif socket.is_open:
                self._drop(socket)
                self.urc(f"+SQNSH: {socket.number}")

    def expects_answer(self, connection: Connection) -> bool:
        """Nothing has come since the last bytes went out."""
        return any(
            socket.connection is connection and socket.arrived == socket.arrived_at_send
            for socket in self.sockets.values()
        ) or super().expects_answer(connection)

    def _socket(self, number: str) -> Socket:
        if not number.isdigit() or int(number) not in self.sockets:
            raise Refuse(CATCH_ALL)
        return self.sockets[int(number)]

    def _open_socket(self, number: str) -> Socket:
        socket = self._socket(number)
        if not socket.is_open:
            raise Refuse(CATCH_ALL)
        return socket

    @on(r"AT\+SQNSCFG=(.+)")
    def command_socket_settings(self, match: re.Match[str]) -> Result:
        """Packet size and time limits."""
        f = self.fields(match[1], 1, 6)
        socket = self._socket(f[0])
        values = (
            self.number(f[1], 1, 16, 1),
            self.number(f[2], 0, 1500, 300),
            self.number(f[3], 0, 65535, 90),
            self.number(f[4], 10, 1200, 600),
            self.number(f[5], 0, 255, 50),
        )
        socket.cid, socket.packet, socket.idle_limit, socket.dial_limit, socket.send_limit = values
        return None

    @on(r"AT\+SQNSCFG\?")
    def command_socket_settings_read(self, match: re.Match[str]) -> Result:
        """Packet size and time limits of all sockets."""
        return [
            f"+SQNSCFG: {s.number},{s.cid},{s.packet},{s.idle_limit},{s.dial_limit},{s.send_limit}"
            for s in self.sockets.values()
        ]

    @on(r"AT\+SQNSCFGEXT=(.+)")
    def command_socket_modes(self, match: re.Match[str]) -> Result:
        """How data is announced, and whether it goes as hexadecimal digits."""
        f = self.fields(match[1], 2, 6)
        socket = self._socket(f[0])
        ring, receive = self.number(f[1], 0, 2), self.number(f[2], 0, 1, 0)
        keepalive, listen = self.number(f[3], 0, 240, 0), self.number(f[4], 0, 1, 0)
        send = self.number(f[5], 0, 1, 0)
        socket.ring_mode, socket.hex_receive, socket.hex_send = ring, receive == 1, send == 1
        socket.keepalive, socket.listen_answer = keepalive, listen
        return None

    @on(r"AT\+SQNSSCFG=(.+)")
    def command_socket_security(self, match: re.Match[str]) -> Result:
        """TLS on or off, and by which profile; refused while the socket is open (inferred)."""
        f = self.fields(match[1], 2, 3)
        socket = self._socket(f[0])
        secure = self.number(f[1], 0, 1) == 1
        profile = self.number(f[2], 1, 6, 1)
        if socket.connection is not None:
            return Refuse(CATCH_ALL)
        socket.secure, socket.profile = secure, profile
        return None

    @on(r"AT\+SQNSSCFG\?")
    def command_socket_security_read(self, match: re.Match[str]) -> Result:
        """TLS of all sockets."""
        return [f"+SQNSSCFG: {s.number},{int(s.secure)},{s.profile}" for s in self.sockets.values()]

    @on(r"AT\+SQNSD=(.+)")
    def command_dial(self, match: re.Match[str]) -> Result:
        """Connect."""
        f = self.fields(match[1], 4, 9)
        socket = self._socket(f[0])
        protocol, port, host = self.number(f[1], 0, 1), self.number(f[2], 1, 65535), str(f[3])
        self.number(f[4], 0, 255, 0)
        self.number(f[5], 0, 65535, 0)
        command_mode = self.number(f[6], 0, 1, 0) == 1
        background = self.number(f[8], 0, 1, 0) == 1
        if f[8] and not self.settings.async_dial:
            return Refuse(CATCH_ALL)
        if protocol or not command_mode or not f[3].quoted or not host or socket.connection is not None:
            return Refuse(CATCH_ALL)
        if not background:
            return Later(
                lambda done: self._dial(
                    socket, host, port, lambda code: done(None if code == 0 else Final("NO CARRIER"))
                )
            )

        def tell(code: int) -> None:
            self.urc(f"+SQNSD: {socket.number},{code}")

        self.call_later(0.0, lambda: self._dial(socket, host, port, tell))
        return None

    def _dial(self, socket: Socket, host: str, port: int, done: Callable[[int], None]) -> None:
        if socket.connection is not None or not self.online:
            done(NO_CARRIER)
            return
        tls = self.tls_for(socket.profile, host, port, may_be_plain=False) if socket.secure else None
        faulty = isinstance(tls, Misconfigured)
        if isinstance(tls, Misconfigured):
            tls = None  # what is wrong with the profile shows once TCP is up
        limit: Timer | None = None

        def ended(code: int) -> None:
            if limit is not None:
                limit.cancel()
            if socket.connection is not connection:
                return  # hung up meanwhile
            socket.opening = False
            if code:
                self._drop(socket)
            done(code)

        def watch() -> None:
            if not socket.opening:
                self._socket_changed(socket)
            elif connection.state.name == "CLOSED":
                ended(_dial_code(connection.problem))
            elif connection.state.name == "OPEN":
                ended(TLS_ERROR if faulty else 0)
                if not faulty:
                    self._idle_check(socket)
                    self._socket_changed(socket)

        connection = self.connect(host, port, tls, watch)
        socket.connection, socket.opening = connection, True
        socket.host, socket.port = host, port
        socket.sent = socket.received = socket.announced = 0
        socket.arrived_at_send = -1
        socket.may_ring, socket.last_used = True, self.now
        if socket.dial_limit:
            limit = self.call_later(socket.dial_limit / 10, lambda: ended(NO_CARRIER))

    def _idle_check(self, socket: Socket) -> None:
        connection = socket.connection
        if not socket.idle_limit or connection is None:
            return

        def check() -> None:
            if socket.connection is not connection:
                return
            if self.now - socket.last_used >= socket.idle_limit:
                self._drop(socket)
                self.urc(f"+SQNSH: {socket.number}")
            else:
                self._idle_check(socket)

        self.call_later(max(0.1, socket.last_used + socket.idle_limit - self.now), check)

    def _drop(self, socket: Socket) -> None:
        if socket.connection is not None:
            self.keep_session(socket.profile, socket.connection)
            self.forget(socket.connection)
        socket.connection, socket.opening = None, False

    @on(r"AT\+SQNSH=(\d+)")
    def command_hang_up(self, match: re.Match[str]) -> Result:
        """Close; a socket that is closed already is no error (assumed)."""
        self._drop(self._socket(match[1]))
        return None

    def _socket_changed(self, socket: Socket) -> None:
        """Tell of new bytes and of the server's end."""
        connection = socket.connection
        if connection is None or socket.opening:
            return
        available = connection.available
        if socket.arrived > socket.announced and available:
            socket.last_used = self.now
            while socket.ring_mode == 2 and connection.available:
                self._ring(socket, connection, available)
            if socket.may_ring and connection.available:
                self._ring(socket, connection, available)
        if connection.state.name == "CLOSED" and (
            not connection.available or not self.settings.close_after_read
        ):
            # told before it was read, what is buffered is lost with the socket
            self._drop(socket)
            self.urc(f"+SQNSH: {socket.number}")

    def _ring(self, socket: Socket, connection: Connection, available: int) -> None:
        match socket.ring_mode:
            case 0:
                self.urc(f"+SQNSRING: {socket.number}")
            case 1:
                self.urc(f"+SQNSRING: {socket.number},{available}")
            case _:
                data = connection.receive(1500)
                socket.received += len(data)
                shown = data.hex().upper().encode() if socket.hex_receive else data
                self.urc(f"+SQNSRING: {socket.number},{len(data)},".encode() + shown)
        socket.announced = socket.arrived
        socket.may_ring = socket.ring_mode == 2

    @on(r"AT\+SQNSSENDEXT=(.+)")
    def command_send(self, match: re.Match[str]) -> Result:
        """Send so many bytes."""
        f = self.fields(match[1], 2, 5)
        socket = self._open_socket(f[0])
        size = self.number(f[1], 1, 1500)
        self.number(f[2], 0, 2, 0)
        return Prompt(2 * size if socket.hex_send else size, lambda data: self._send(socket, data))

    @on(r"AT\+SQNSSEND=(\d+)")
    def command_send_text(self, match: re.Match[str]) -> Result:
        """Send text up to Ctrl-Z."""
        socket = self._open_socket(match[1])
        return Prompt(None, lambda data: self._send(socket, data[:1500]))

    def _send(self, socket: Socket, data: bytes) -> Result:
        connection = socket.connection
        if connection is None or connection.state.name != "OPEN":
            return Refuse(CATCH_ALL)
        if socket.hex_send:
            try:
                data = bytes.fromhex(data.decode("ascii"))
            except ValueError:
                return Refuse(CATCH_ALL)
        connection.send(data)
        socket.sent += len(data)
        socket.arrived_at_send = socket.arrived
        socket.last_used = self.now
        if connection.poll():
            self.call_later(0.0, lambda: self._socket_changed(socket))
        if connection.unsent <= _SEND_BUFFER:
            return None
        limit = self.now + max(1.0, socket.send_limit / 10)

        def start(done: Callable[[Result], None]) -> None:
            def look() -> None:
                if connection.unsent <= _SEND_BUFFER:
                    done(None)
                elif self.now >= limit or connection.state.name != "OPEN":
                    done(Refuse(CATCH_ALL))
                else:
                    self.call_later(0.01, look)

            look()

        return Later(start)

    @on(r"AT\+SQNSRECV=(\d+),(\d+)")
    def command_receive(self, match: re.Match[str]) -> Result:
        """Take at most so many bytes that have arrived; the header has their exact number."""
        socket = self._open_socket(match[1])
        most = int(match[2])
        connection = socket.connection
        if not 1 <= most <= 1500 or connection is None:
            return Refuse(CATCH_ALL)
        data = connection.receive(most)
        socket.received += len(data)
        socket.last_used = self.now
        socket.may_ring = True
        # room in the buffer lets more in, and the end may be due now: after the result, so by a timer
        self.call_later(0.0, lambda: self._socket_changed(socket))
        shown = data.hex().upper().encode() if socket.hex_receive else data
        return Raw(f"\r\n+SQNSRECV: {socket.number},{len(data)}\r\n".encode() + shown)

    def _state(self, socket: Socket) -> int:
        if socket.connection is None:
            return 0
        if socket.opening:
            return 6
        return 3 if socket.connection.available else 2

    @on(r"AT\+SQNSS")
    def command_states(self, match: re.Match[str]) -> Result:
        """The state of all sockets."""
        lines = []
        for socket in self.sockets.values():
            state = self._state(socket)
            line = f"+SQNSS: {socket.number},{state}"
            if state in (2, 3):
                local = 49152 + socket.number
                line += f',"{self.address}",{local},"{socket.host}",{socket.port},0'
            lines.append(line)
        return lines

    @on(r"AT\+SQNSI=(\d+)")
    def command_counters(self, match: re.Match[str]) -> Result:
        """Bytes sent, received, buffered and not acknowledged."""
        socket = self._socket(match[1])
        buffered = socket.connection.available if socket.connection else 0
        waiting = socket.connection.unsent if socket.connection else 0
        return f"+SQNSI: {socket.number},{socket.sent},{socket.received},{buffered},{waiting}"

    @on(r'AT\+SQNDNSLKUP="([^"]+)"(?:,[0-2])?')
    def command_resolve(self, match: re.Match[str]) -> Result:
        """A name's address; that the name is quoted in the answer is assumed (drivers differ)."""
        if not self.online:
            return Refuse(CATCH_ALL)
        found = self.resolve(match[1])
        return Refuse(CATCH_ALL) if isinstance(found, Problem) else f'+SQNDNSLKUP: "{match[1]}","{found}"'


def _dial_code(problem: Problem | None) -> int:
    if problem is None or problem.failure in _NETWORK:
        return NO_CARRIER
    return REFUSED if problem.failure is Failure.REFUSED else TLS_ERROR
