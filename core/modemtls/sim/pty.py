"""A simulated modem on a pseudo-terminal, in real time, for any other program.

:class:`PtyServer` opens the pty in raw mode and keeps its own end of the other side open, so that clients
come and go without an end of file.  :meth:`PtyServer.serve` loops in the calling thread until
:meth:`PtyServer.stop`; as a context manager it runs in a thread of its own.  POSIX only.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from pathlib import Path
from types import TracebackType

from .simulator import Simulator

__all__ = ["PtyServer"]

_MOST_AT_ONCE = 4096
_LONGEST_WAIT = 0.5
_PAUSE_AFTER_CHUNK = 0.0003


class PtyServer:
    """``simulator`` on a pty: ``with PtyServer(simulator) as server: connect_to(server.path)``.

    ``link`` is a symbolic link to make to the pty, removed at the end; ``path`` is what to open.

    :raises OSError: there is no pty, or ``link`` cannot be made (it exists already, for one).
    """

    def __init__(self, simulator: Simulator, *, link: str | os.PathLike[str] | None = None) -> None:
        import pty
        import tty

        self.simulator = simulator
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._closed = False
        self._master, self._slave = pty.openpty()
        self._wake_read, self._wake_write = os.pipe()
        self._link: Path | None = None
        try:
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.path = os.ttyname(self._slave)
            if link is not None:
                Path(link).symlink_to(self.path)
                self._link = Path(link)
                self.path = str(link)
        except BaseException:
            self.close()
            raise

    def serve(self) -> None:
        """Be a modem until :meth:`stop`; an interrupt (``KeyboardInterrupt``) goes through.

        Closing is the caller's: use ``with contextlib.closing(server)``.
        """
        simulator = self.simulator
        started = time.monotonic() - simulator.now
        while not self._stopping.is_set():
            simulator.advance(time.monotonic() - started)
            simulator.poll()
            wrote = self._write()
            if wrote and simulator.settings.chunk:
                time.sleep(_PAUSE_AFTER_CHUNK)
            self._wait(started)

    def _write(self) -> bool:
        simulator = self.simulator
        data = simulator.peek(simulator.settings.chunk or _MOST_AT_ONCE)
        if not data:
            return False
        try:
            count = os.write(self._master, data)
        except (BlockingIOError, InterruptedError):
            return False
        simulator.take(count)
        return True

    def _wait(self, started: float) -> None:
        simulator = self.simulator
        reading = [self._master, self._wake_read]
        writing = [self._master] if simulator.peek(1) else []
        for connection in simulator.connections():
            if connection.wants_read:
                reading.append(connection.fileno())
            if connection.wants_write:
                writing.append(connection.fileno())
        due = simulator.next_due()
        timeout = _LONGEST_WAIT
        if due is not None:
            timeout = min(timeout, max(0.0, due - (time.monotonic() - started)))
        if simulator.network_ready():
            timeout = 0.0
        ready, _, _ = select.select(reading, writing, [], timeout)
        if self._master in ready:
            # EIO while nobody has the other side open on some systems: wait for somebody
            try:
                data = os.read(self._master, _MOST_AT_ONCE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._stopping.wait(0.02)
                return
            simulator.advance(time.monotonic() - started)
            simulator.feed(data)

    def stop(self) -> None:
        """Let :meth:`serve` end; from any thread or a signal handler."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Remove the link, close the pty (clients see a hang-up) and save the modem's state."""
        if self._closed:
            return
        self._closed = True
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.unlink()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.simulator.close()

    def __enter__(self) -> PtyServer:
        def run() -> None:
            try:
                self.serve()
            except BaseException as error:  # told to whoever leaves the block
                self._error = error

        self._thread = threading.Thread(target=run, name="modemtls-sim-pty", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()
        self.close()
        if self._error is not None and error is None:
            raise self._error
