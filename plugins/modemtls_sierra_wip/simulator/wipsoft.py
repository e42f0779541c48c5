"""A simulated Q2686 in which WIPsoft 5.x runs: TCP clients by ``AT+WIP…``, and no TLS.

Where sources leave a choice it is a setting (:mod:`.wipsoft_settings`).  Not simulated, and refused: UDP, TCP servers,
FTP, HTTP, mail, and the other bearers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from modemtls.sim import (
    DataModeSimulator,
    Failure,
    Later,
    Parameter,
    ParameterError,
    Problem,
    Refuse,
    Result,
    SimSettings,
    on,
    parameters,
)

from .common import OpenAtModule
from .wipsoft_data import MappedSocket, Socket, was_reset
from .wipsoft_settings import WipsoftSettings

if TYPE_CHECKING:
    from modemtls.sim import Connection

__all__ = ["Q2686Wipsoft", "WipsoftSettings"]

BAD_OPTION, BAD_VALUE, BAD_STATE, ALREADY_OPEN, NO_INTERFACE = 800, 801, 803, 804, 805
BAD_INDEX, BAD_SOCKET_STATE, BAD_PORT, NOT_IMPLEMENTED, BAD_PROTOCOL = 830, 831, 832, 834, 837
ACTIVE, UNREACHABLE, RESET, IN_USE = 840, 842, 843, 844
GPRS, TCP_CLIENT = 6, 2
_BEARER_ERRORS = {
    "WIP_BERR_NO_SIM": 810,
    "WIP_BERR_PIN_NOT_READY": 811,
    "WIP_BERR_GPRS_FAILED": 812,
    "WIP_BERR_PPP_LCP_FAILED": 813,
    "WIP_BERR_PPP_AUTH_FAILED": 814,
    "WIP_BERR_PPP_IPCP_FAILED": 815,
}
#: Options of a bearer and their longest values (WIPsoft 5.41 guide).
_BEARER_OPTIONS = {0: 64, 1: 64, 2: 32, 5: 5, 6: 1, 11: 96, 12: 1}


class Q2686Wipsoft(DataModeSimulator, OpenAtModule):
    """A simulated Q2686 with WIPsoft."""

    settings: WipsoftSettings
    settings_type: ClassVar[type[SimSettings]] = WipsoftSettings
    own_application: ClassVar[str] = "wipsoft"

    def power_on(self) -> None:
        """Stack stopped, bearer closed, no sockets."""
        super().power_on()
        self.stack_runs = False
        self.bearer_open = False
        self.bearer_options: dict[int, str] = {}
        self.sockets: dict[int, Socket] = {}
        self._sent = 0
        self._next_repeat = self.settings.repeat_every

    @property
    def guard_time(self) -> float:
        """Silence around ``+++``."""
        return self.settings.guard

    def _find(self, line: str) -> tuple[str, re.Match[str]] | None:
        if line[:6].upper() == "AT+WIP" and not self.runs_own_application:
            return None
        return super()._find(line)

    def on_the_way(self, data: bytes) -> bytes:
        """What goes to the network for ``data``: some of it twice, where the firmware is one that does so."""
        how = self.settings.repeats
        if how == "never" or (how == "firmware" and "7.52" not in self.firmware):
            return data
        found = bytearray(data)
        self._sent += len(data)
        if self._sent >= self._next_repeat:
            self._next_repeat = self._sent + self._random.randint(
                self.settings.repeat_every // 2, self.settings.repeat_every
            )
            at = self._random.randrange(len(found))
            found[at:at] = found[at : at + 2]
        return bytes(found)

    # Stack.

    def _numbers(self, text: str, least: int, most: int) -> list[Parameter]:
        try:
            found = parameters(text)
        except ParameterError:
            raise Refuse() from None
        if not least <= len(found) <= most:
            raise Refuse()
        return found + [Parameter.of("", False)] * (most - len(found))

    @staticmethod
    def _number(field: Parameter, low: int, high: int, error: int) -> int:
        try:
            return field.number(low, high)
        except ParameterError:
            raise Refuse(error) from None

    def _need_stack(self) -> None:
        if not self.stack_runs:
            raise Refuse(BAD_STATE)

    @on(r"AT\+WIPCFG=(.+)")
    def command_stack(self, match: re.Match[str]) -> Result:
        """Start and stop the IP stack; its options are taken and have no effect here."""
        f = self._numbers(match[1], 1, 3)
        match self._number(f[0], 0, 4, BAD_OPTION):
            case 0:
                self._need_stack()
                self._close_bearer()
                self.stack_runs = False
            case 1:
                if self.stack_runs:
                    return Refuse(IN_USE)
                self.stack_runs = True
            case 2:
                self._number(f[1], 0, 99, BAD_OPTION)
                self._number(f[2], 0, 999_999, BAD_VALUE)
            case 3:
                return self.settings.version, "WIP Library v5.41", "Firmware " + self.firmware
            case 4:
                self._number(f[1], 0, 1, BAD_VALUE)
        return None

    @on(r"AT\+WIPCFG\?")
    def command_stack_state(self, match: re.Match[str]) -> Result:
        """The stack's options; ERROR while it is stopped (a public product's log)."""
        return ("+WIPCFG: 0,64", "+WIPCFG: 12,3") if self.stack_runs else Refuse()

    @on(r"AT\+WIP(?:CFG|CREATE|CLOSE)=\?")
    def command_test(self, match: re.Match[str]) -> Result:
        """The test forms answer OK."""
        return None

    # Bearer.

    @on(r"AT\+WIPBR\?")
    def command_bearers(self, match: re.Match[str]) -> Result:
        """The bearers that are open."""
        if not self.stack_runs:
            return Refuse()
        return [f"+WIPBR: {GPRS},{int(self.bearer_up)}"] if self.bearer_open else []

    @on(r"AT\+WIPBR=(?!\?)(.+)")
    def command_bearer(self, match: re.Match[str]) -> Result:
        """Open, set, ask, start, stop, close."""
        f = self._numbers(match[1], 2, 6)
        what = self._number(f[0], 0, 6, BAD_OPTION)
        self._need_stack()
        if self._number(f[1], 1, 24, BAD_INDEX) != GPRS:
            return Refuse(NO_INTERFACE)
        if what == 1:
            if self.bearer_open:
                return Refuse(ALREADY_OPEN)
            self.bearer_open = True
            return None
        if not self.bearer_open:
            return Refuse(BAD_STATE)
        match what:
            case 0:
                self._close_bearer()
            case 2:
                option = self._number(f[2], 0, 99, BAD_OPTION)
                if option not in _BEARER_OPTIONS:
                    return Refuse(BAD_OPTION)
                if len(f[3]) > _BEARER_OPTIONS[option]:
                    return Refuse(BAD_VALUE)
                self.bearer_options[option] = str(f[3])
            case 3:
                return self._bearer_option(self._number(f[2], 0, 99, BAD_OPTION))
            case 4:
                if self._number(f[2], 0, 1, BAD_VALUE):
                    return Refuse(NOT_IMPLEMENTED)
                if self.bearer_up:
                    return Refuse(BAD_STATE)
                return Later(self._begin_bearer)
            case 5:
                self._lose_bearer()
            case 6:
                self._number(f[2], 0, 1, BAD_VALUE)
        return None

    def _bearer_option(self, option: int) -> Result:
        if option == 15:
            return f'+WIPBR: {GPRS},15,"{self.address if self.bearer_up else "0.0.0.0"}"'
        if option not in _BEARER_OPTIONS:
            return Refuse(BAD_OPTION)
        return f'+WIPBR: {GPRS},{option},"{self.bearer_options.get(option, "")}"'

    def _begin_bearer(self, done: Callable[[Result], None]) -> None:
        self.call_later(self.settings.bearer_delay, lambda: self._bearer_started(done))

    def _bearer_started(self, done: Callable[[Result], None]) -> None:
        if self.sim_problem() is None and self.registered not in (1, 5) and not self.settings.bearer_error:
            done(Refuse(self.settings.not_ready))
            return
        problem = self.bearer_problem(self.bearer_options.get(11, ""))
        self.bearer_up = problem is None
        done(None if problem is None else Refuse(_BEARER_ERRORS[problem]))

    def _lose_bearer(self) -> None:
        for socket in tuple(self.sockets.values()):
            socket.connection.give_up(Problem(Failure.LOST, "the bearer is down"))
        self.bearer_up = False

    def _close_bearer(self) -> None:
        self._lose_bearer()
        self.bearer_open = False

    def went_offline(self) -> None:
        """The bearer goes down with the network."""
        super().went_offline()
        if self.bearer_up:
            self._lose_bearer()
            self.urc(f"+WIPBR: {GPRS},0")

    # Sockets.

    def _socket_number(self, protocol: Parameter, index: Parameter) -> int:
        which = self._number(protocol, 1, 7, BAD_PROTOCOL)
        number = self._number(index, 1, 8, BAD_INDEX)
        if which != TCP_CLIENT:
            raise Refuse(NOT_IMPLEMENTED)
        return number

    @on(r"AT\+WIPCREATE=(?!\?)(.+)")
    def command_create(self, match: re.Match[str]) -> Result:
        """Connect a TCP client."""
        f = self._numbers(match[1], 3, 7)
        self._need_stack()
        index = self._socket_number(f[0], f[1])
        if index in self.sockets:
            return Refuse(ACTIVE)
        if not f[2]:
            return Refuse(BAD_VALUE)
        port = self._number(f[3], 1, 65535, BAD_PORT)
        if not self.bearer_up:
            return Refuse(BAD_STATE)
        socket = Socket(index, self.connect(str(f[2]), port, None, lambda: self._changed(index)))
        self.sockets[index] = socket
        # A look-up that fails is known at once, and has no event.
        self.call_later(0.0, lambda: self._changed(index))
        if self.settings.connect_failure == "event":
            return None

        def wait(done: Callable[[Result], None]) -> None:
            socket.done = done

        return Later(wait)

    def _changed(self, index: int) -> None:
        socket = self.sockets.get(index)
        if socket is None:
            return
        if socket.connecting:
            self._dialled(socket)
        elif not self.is_mapped(socket):
            self._tell(socket)

    def _dialled(self, socket: Socket) -> None:
        state = socket.connection.state.name
        if state == "CONNECTING":
            return
        done, socket.done = socket.done, None
        problem = socket.connection.problem
        if state == "CLOSED" and problem is not None:
            del self.sockets[socket.index]
            error = RESET if problem.failure is Failure.LOST else UNREACHABLE
            if done is not None:
                done(Refuse(error))
            else:
                self.urc(f"+CME ERROR: {error}")
            return
        socket.connecting = False
        if done is not None:
            done(None)
        self.urc(f"+WIPREADY: {TCP_CLIENT},{socket.index}")
        self._changed(socket.index)

    def _tell(self, socket: Socket) -> None:
        """In command mode: that data wait, and the end of the other side."""
        if socket.connection.available and socket.arrived != socket.seen and not socket.announced:
            socket.announced, socket.seen = True, socket.arrived
            self.urc(f"+WIPDATA: {TCP_CLIENT},{socket.index},{socket.connection.available}")
        if socket.connection.state.name == "CLOSED" and not socket.told_end:
            socket.told_end = True
            socket.is_reset = was_reset(socket.connection.problem)
            what = (
                f"+CME ERROR: {RESET}" if socket.is_reset else f"+WIPPEERCLOSE: {TCP_CLIENT},{socket.index}"
            )
            self.urc(what)

    def is_mapped(self, socket: Socket) -> bool:
        """The line leads to this socket."""
        return isinstance(self._data_end, MappedSocket) and self._data_end.socket is socket

    @on(r"AT\+WIPDATA=(?!\?)(.+)")
    def command_data(self, match: re.Match[str]) -> Result:
        """Lead the line to a socket."""
        f = self._numbers(match[1], 2, 3)
        index = self._socket_number(f[0], f[1])
        mode = self._number(f[2], 0, 2, BAD_VALUE) if f[2] else self.settings.default_mode
        socket = self.sockets.get(index)
        if socket is None or socket.connecting:
            return Refuse(BAD_SOCKET_STATE)
        if mode == 0:
            return None
        if socket.is_reset:
            return Refuse(RESET)
        if socket.told_end and not self.settings.reads_after_end:
            return Refuse(BAD_SOCKET_STATE)
        socket.announced = False
        return self.enter_data_mode(MappedSocket(self, socket, mode))

    @on(r"AT\+WIPDATA\?")
    def command_pending(self, match: re.Match[str]) -> Result:
        """What waits in the sockets."""
        return [
            f"+WIPDATA: {TCP_CLIENT},{index},{socket.connection.available}"
            for index, socket in sorted(self.sockets.items())
            if socket.connection.available
        ]

    @on(r"AT\+WIPCLOSE=(?!\?)(.+)")
    def command_close(self, match: re.Match[str]) -> Result:
        """Close a socket."""
        f = self._numbers(match[1], 2, 2)
        index = self._socket_number(f[0], f[1])
        socket = self.sockets.pop(index, None)
        if socket is None:
            return Refuse(BAD_SOCKET_STATE)
        self.forget(socket.connection)
        return None

    def expects_answer(self, connection: Connection) -> bool:
        """Nothing has come since the last bytes went out."""
        return any(
            socket.connection is connection and socket.arrived == socket.answered_at
            for socket in self.sockets.values()
        ) or super().expects_answer(connection)
