"""One thread for one port, for what would block an event loop.

Jobs run one after the other.  Bytes that a job reads are kept here until somebody takes them, so a read
whose caller was cancelled loses nothing.  The thread starts with the first job and ends when it is told
to, or when it had nothing to do for a second: a port that is merely dropped leaves no thread behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable

from ..port import Port

__all__ = ["Worker", "stop_worker", "worker_of"]

_IDLE = 1.0

Job = tuple[Callable[[], None], "asyncio.Future[None]"]


class Worker:
    """The thread of one port."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._stopping = False
        self._bytes: deque[bytes] = deque()

    @property
    def is_idle(self) -> bool:
        """No job runs or waits."""
        with self._changed:
            return not self._busy and not self._jobs

    def keep(self, data: bytes) -> None:
        """Keep what a job has read."""
        if data:
            self._bytes.append(data)

    def take(self) -> bytes:
        """What jobs have read and nobody has taken; ``b""`` if nothing."""
        taken = b""
        while self._bytes:
            taken += self._bytes.popleft()
        return taken

    def submit(self, job: Callable[[], None], loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Run ``job`` in the thread; the future is done, or has its exception, on ``loop``."""
        future: asyncio.Future[None] = loop.create_future()
        with self._changed:
            self._jobs.append((job, future))
            if self._thread is None:
                self._stopping = False
                self._thread = threading.Thread(target=self._work, name="modemtls-port", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()
        return future

    def stop(self) -> threading.Thread | None:
        """Let the thread end after the jobs that it has; the thread, to join, if there is one."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
            return self._thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                if not self._jobs and not self._stopping:
                    self._changed.wait(_IDLE)
                if not self._jobs:
                    self._thread = None
                    return
                job, future = self._jobs.popleft()
                self._busy = True
            failure: BaseException | None = None
            try:
                job()
            except BaseException as raised:  # handed to the future, whatever it is
                failure = raised
            with self._changed:
                self._busy = False
            # The loop may be closed by now: then nobody waits for this any more.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(_settle, future, failure)
            del job, future, failure


def _settle(future: asyncio.Future[None], failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)


_workers: weakref.WeakKeyDictionary[Port, Worker] = weakref.WeakKeyDictionary()


def worker_of(port: Port) -> Worker:
    """The port's worker; its thread starts with its first job."""
    worker = _workers.get(port)
    if worker is None:
        worker = _workers[port] = Worker()
    return worker


def stop_worker(port: Port) -> threading.Thread | None:
    """End the port's thread, if it has one; the thread, to join."""
    worker = _workers.pop(port, None)
    return worker.stop() if worker is not None else None
