"""What a simulated modem is before it understands a command: output, virtual time, network, state.

Time is :attr:`Machine.now`, moved by :meth:`Machine.advance` alone; the network moves in
:meth:`Machine.poll`.  Whoever owns the machine (a port, a pty) decides when to call them, so nothing here
waits of its own accord or knows real time.  After a restart the line carries nothing until the boot line, and
what the host sends in between is lost.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from .routes import parse_map
from .settings import SimSettings, settings_from
from .state import Clock, ClockSource, Json, Nvm, StateFile

if TYPE_CHECKING:
    from .network import Connection, Network, Problem, TlsSettings

__all__ = ["Machine", "Timer"]


class Timer:
    """Something that happens at a virtual time, unless it is cancelled first."""

    def __init__(self, due: float, action: Callable[[], None], survives_restart: bool) -> None:
        self.due = due
        self.action = action
        self.survives_restart = survives_restart
        self.cancelled = False

    def cancel(self) -> None:
        """It does not happen any more; cancelling twice is allowed."""
        self.cancelled = True


class Machine:
    """The ground of :class:`~modemtls.sim.Simulator`: everything but the command line."""

    settings_type: ClassVar[type[SimSettings]] = SimSettings
    #: What is said after a boot, without line ends.
    boot_urcs: ClassVar[tuple[str, ...]] = ()
    #: Firmware when the setting names none.
    usual_firmware: ClassVar[str] = "1.0"
    #: What the clock shows at power-up while nobody has set it.
    power_up_clock: ClassVar[datetime] = datetime(1980, 1, 6, tzinfo=UTC)
    #: Harmless lines that ``urc_noise`` picks from.
    noise_lines: ClassVar[tuple[str, ...]] = ("+CIEV: 2,4", "+CIEV:2,3", '+CTZV: "+08"')
    #: Bytes that the credential store holds; ``None`` is without a limit.
    nvm_capacity: ClassVar[int | None] = None

    def __init__(self, settings: SimSettings | None = None, /, **values: object) -> None:
        if settings is None:
            settings = settings_from(self.settings_type, values)
        elif values:
            raise ValueError("give a settings object or single settings, not both")
        elif not isinstance(settings, self.settings_type):
            raise ValueError(f"{type(self).__name__} takes {self.settings_type.__name__}")
        self.settings = settings
        self.firmware = settings.firmware or self.usual_firmware
        #: How often it has restarted.
        self.restarts = 0
        self.now = 0.0
        self._random = random.Random(settings.seed)
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._out = bytearray()
        self._booting = False
        self._routes = parse_map(settings.map)
        self._network: Network | None = None
        self._watched: dict[Connection, Callable[[], None]] = {}
        self.nvm = Nvm(self.nvm_capacity)
        self.clock = Clock(lambda: self.now, self.power_up_clock)
        self._state_file = StateFile(settings.state) if settings.state else None
        self.power_on()
        saved = self._state_file.read() if self._state_file else None
        if saved is not None:
            if saved.get("simulator") != type(self).__name__:
                raise ValueError(f"{settings.state} is the state of another modem: {saved.get('simulator')}")
            self.load_state(saved)
        if settings.clock is not None:
            self.clock.set(settings.clock, ClockSource.EXPLICIT)
        if settings.boot_line:
            for text in self.boot_urcs:
                self.urc(text)

    def power_on(self) -> None:
        """Set what does not survive a restart to its value after a boot.  Extend it, call ``super()``."""

    def dump_state(self) -> Json:
        """What the state file keeps.  Extend it, call ``super()``; the values must be JSON."""
        return {
            "simulator": type(self).__name__,
            "nvm": self.nvm.dump(),
            "clock": self.clock.dump(),
        }

    def load_state(self, data: Json) -> None:
        """Take up what :meth:`dump_state` gave.

        :raises ValueError: it has the wrong form.
        """
        self.nvm.load(data.get("nvm", []))
        self.clock.load(data.get("clock"))

    @property
    def output(self) -> bytes:
        """What is due to the host and not taken yet."""
        return bytes(self._out)

    def peek(self, limit: int) -> bytes:
        """The next bytes that are due to the host, at most ``limit``; they stay due."""
        return bytes(self._out[:limit])

    def take(self, limit: int = 0) -> bytes:
        """Take what is due to the host: at most ``limit`` bytes, and never more than ``chunk``."""
        bounds = [bound for bound in (limit, self.settings.chunk) if bound > 0]
        count = min([len(self._out), *bounds])
        taken = bytes(self._out[:count])
        del self._out[:count]
        return taken

    def urc(self, line: str | bytes) -> None:
        """Say something unsolicited; ``line`` is without its line ends.  Bytes go as they are."""
        if not self._booting and not self.settings.silent:
            self._noise()
            data = line.encode("ascii", "replace") if isinstance(line, str) else line
            self._out += b"\r\n" + data + b"\r\n"

    def _noise(self) -> None:
        rate = self.settings.urc_noise
        if rate and self._random.random() < rate and not self.settings.silent:
            # modems put none, one or two line ends before an unsolicited line; none only at a line's start
            leads = (b"\r\n", b"\r\n\r\n") + ((b"",) if self._out.endswith(b"\r\n") else ())
            lead = self._random.choice(leads)
            self._out += lead + self._random.choice(self.noise_lines).encode() + b"\r\n"

    def call_later(
        self, delay: float, action: Callable[[], None], *, survives_restart: bool = False
    ) -> Timer:
        """Do something in ``delay`` virtual seconds; a restart cancels it unless told otherwise."""
        timer = Timer(self.now + max(0.0, delay), action, survives_restart)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    def next_due(self) -> float | None:
        """When the next timer is due, in virtual time."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, to: float) -> None:
        """Let virtual time pass until ``to``; what is due on the way happens in its order."""
        while (due := self.next_due()) is not None and due <= to:
            timer = heapq.heappop(self._timers)[2]
            self.now = max(self.now, due)
            timer.cancelled = True
            timer.action()
        self.now = max(self.now, to)

    @property
    def network(self) -> Network:
        """The way to real servers."""
        if self._network is None:
            from .network import Network

            self._network = Network(
                routes=self._routes,
                reach=self.settings.network,
                opaque=self.settings.opaque,
                handshake_room=self.settings.handshake_room or None,
                lying=self.settings.lying,
            )
        return self._network

    def connect(self, host: str, port: int, tls: TlsSettings | None, watch: Callable[[], None]) -> Connection:
        """Open a connection; ``watch`` is called whenever something about it has changed."""
        connection = self.network.connect(host, port, tls)
        self._watched[connection] = watch
        return connection

    def resolve(self, host: str) -> str | Problem:
        """What a name look-up gives: an address or why there is none."""
        return self.network.resolve(host)

    def forget(self, connection: Connection) -> None:
        """Close a connection and call its ``watch`` no more."""
        self._watched.pop(connection, None)
        connection.close()

    def poll(self) -> bool:
        """Let the network progress as far as it can now; true when anything changed."""
        changed = False
        if self._network is not None and not self._watched:
            self._network.wait(0.0)  # connections that this side has closed still say farewell
        for connection in list(self._watched):
            closed = connection.state.name == "CLOSED"
            if not closed and not connection.poll():
                continue
            changed = True
            watch = self._watched.get(connection)
            if connection.state.name == "CLOSED":
                self._watched.pop(connection, None)
            if watch is not None:
                watch()
        return changed

    def io_pending(self, real_now: float) -> str | None:
        """Whether a connection keeps virtual time from passing: ``"busy"``, ``"open"`` or ``None``.

        ``busy`` is one that is being set up or has bytes on their way out, ``open`` one that had traffic
        less than ``patience`` ago, or five times that when it owes an answer.
        """
        patience = self.settings.patience
        pending = None
        for connection in self._watched:
            silent = real_now - connection.last_activity
            if connection.is_busy and silent < 5 * patience:
                return "busy"
            if silent < patience * (5 if self.expects_answer(connection) else 1):
                pending = "open"
        return pending

    def expects_answer(self, connection: Connection) -> bool:
        """The server has something to answer on ``connection``; a vendor's class may know."""
        return False

    def connections(self) -> tuple[Connection, ...]:
        """The live connections, for a loop that waits for their descriptors itself."""
        return () if self._network is None else self._network.connections

    def network_ready(self) -> bool:
        """The network can progress now, maybe although no descriptor says so."""
        return self._network is not None and self._network.wait(0.0)

    def wait(self, timeout: float) -> None:
        """Wait for real traffic, at most ``timeout`` real seconds, and let it progress."""
        if self._network is not None and self._watched:
            self._network.wait(timeout)
        self.poll()

    def restart(self) -> None:
        """Restart now: output is cut, what is volatile is lost, the boot line follows after a delay."""
        self.restarts += 1
        self._out.clear()
        self._booting = True
        for _, _, timer in self._timers:
            timer.cancelled = timer.cancelled or not timer.survives_restart
        for connection in list(self._watched):
            self.forget(connection)
        self.power_on()
        self.call_later(self.settings.boot_delay, self._booted)

    def _booted(self) -> None:
        self._booting = False
        for text in self.boot_urcs:
            self.urc(text)

    def halt(self) -> None:
        """Switch off: nothing is answered any more until the process ends or :meth:`restart`."""
        self.restart()
        for _, _, timer in self._timers:
            timer.cancelled = True

    def changed(self) -> None:
        """Something that lasts has changed: write the state file, if there is one."""
        if self._state_file is not None:
            self._state_file.write(self.dump_state())

    def close(self) -> None:
        """Give back the network's descriptors and save the state."""
        self._watched.clear()
        if self._network is not None:
            self._network.close_all()
        self.changed()
