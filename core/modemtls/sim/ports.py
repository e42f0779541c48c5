"""A simulated modem as a port in this process: ``sim://MODEL?setting=value``.

Time is virtual: a read that would wait lets the modem's timers run at once, so a deadline of two minutes
takes no time.  Only real network traffic takes real time.  While a connection is being set up or has
bytes on their way out, no virtual time passes; while one is open and had traffic a moment ago (the
setting ``patience``), virtual time is no faster than real time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from ..errors import PortError, Reason
from ..op import SetLine
from ..port import Port
from .settings import settings_from
from .simulator import Simulator

__all__ = ["SimPort", "open_sim"]

_SLICE = 0.02
_SHORTEST = 0.0002


class SimPort(Port):
    """A line to a simulator in this process.  Threads may share it, one step at a time."""

    has_modem_lines = False
    #: Seconds on this port's clock are not real ones.
    virtual_time = True

    def __init__(self, simulator: Simulator, name: str = "sim://") -> None:
        self.simulator = simulator
        self.name = name
        self._lock = threading.RLock()
        self._closed = False

    def _check(self) -> None:
        if self._closed:
            raise PortError(
                f"The simulated modem {self.name} was used after its port was closed.",
                reasons={Reason.PORT_GONE},
            )

    def read(self, timeout: float) -> bytes:
        """What has arrived; at most ``chunk`` bytes if that is set.

        :raises PortError: the port was closed, or the modem's state cannot be written.
        """
        return self._run(timeout, deliver=True)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, and the network's traffic with it."""
        self._run(seconds, deliver=False)

    def _run(self, timeout: float, *, deliver: bool) -> bytes:
        simulator = self.simulator
        deadline: float | None = None
        waited = 0.0
        while True:
            with self._lock, self._state_kept():
                self._check()
                if deadline is None:
                    deadline = simulator.now + max(0.0, timeout)
                simulator.poll()
                simulator.advance(min(deadline, simulator.now + waited))
                found = simulator.take() if deliver else b""
                if found or simulator.now >= deadline:
                    return found
                due = simulator.next_due()
                goal = deadline if due is None else min(due, deadline)
                before = time.monotonic()
                pending = simulator.io_pending(before)
                if pending is None:
                    waited = 0.0
                    simulator.advance(goal)
                else:
                    simulator.wait(_SLICE if pending == "busy" else min(_SLICE, goal - simulator.now))
                    if time.monotonic() - before < _SHORTEST:
                        time.sleep(_SHORTEST)  # nothing to wait for: the host does not read what has come
                    waited = 0.0 if pending == "busy" else time.monotonic() - before

    def write(self, data: bytes, timeout: float) -> None:
        """Give bytes to the modem, which takes them at once.

        :raises PortError: the port was closed.
        """
        with self._lock, self._state_kept():
            self._check()
            self.simulator.feed(data)

    def now(self) -> float:
        """Virtual seconds since the simulator began."""
        return self.simulator.now

    def set_line(self, line: SetLine) -> None:
        """Nothing: there is no baud rate and there are no lines."""

    def close(self) -> None:
        """Close the modem's connections and save its state.

        :raises PortError: the state cannot be written.
        """
        with self._lock:
            if not self._closed:
                self._closed = True
                with self._state_kept():
                    self.simulator.close()

    @contextlib.contextmanager
    def _state_kept(self) -> Iterator[None]:
        try:
            yield
        except PortError:
            raise
        except OSError as error:
            raise PortError(
                f"The simulated modem {self.name} cannot keep its state in "
                f"{self.simulator.settings.state}: {error}.",
                remedy="Name a file in a folder that can be written.",
            ) from error


def open_sim(url: str) -> SimPort:
    """The port of a fresh simulated modem: ``sim://MODEL`` and settings as a query.

    ``sim://acme-x1?clock=2026-05-01T12:00:00Z&state=modem.json``

    :raises PortError: there is no model in the address, or a setting is wrong.
    :raises Unsupported: no such model is installed, or it has no simulator.
    """
    from .models import simulator_type

    parts = urlsplit(url)
    model = parts.netloc
    if parts.scheme != "sim" or not model or parts.path not in ("", "/") or parts.fragment:
        raise PortError(
            f"{url!r} does not name a simulated modem.",
            remedy="Write sim://MODEL or sim://MODEL?setting=value; 'modemtls models' lists the models.",
            reasons={Reason.PORT_NOT_FOUND},
        )
    kind = simulator_type(model)
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        names = [name for name, _ in pairs]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))} stands twice")
        simulator = kind(settings_from(kind.settings_type, dict(pairs)))
    except (ValueError, OSError) as error:
        raise PortError(
            f"The simulated modem {url!r} cannot be opened: {error}.",
            reasons={Reason.INVALID_PARAMETER},
            model=model,
        ) from error
    return SimPort(simulator, url)
