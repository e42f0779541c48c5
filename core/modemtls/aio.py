"""Operations on asyncio: :func:`arun` does what :func:`modemtls.op.run` does, without blocking the loop.

A port with a descriptor is watched by the loop itself: a step that finds its bytes there costs one system
call.  Any other port, and any port where the loop cannot watch descriptors, does its steps in a thread
of its own.

Cancellation is thrown into the operation at the step that it waits for.  Its ``finally`` may still talk
to the modem, for 80 ms in all; then each further step raises :class:`asyncio.CancelledError`
again.  No byte is lost by it: what is not taken stays in the system's buffer or with the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from .op import Now, Op, Read, SetLine, Sleep, Step, Write, Yield
from .port import Port
from .ports.failures import stalled
from .ports.worker import Worker, stop_worker, worker_of

__all__ = ["AsyncLock", "TurnLock", "aclose", "arun"]

T = TypeVar("T")

#: What an operation may still use, after it was cancelled, for all its steps together: seconds.
GRACE = 0.08
#: Longest time between two chances for the other tasks of the loop, in seconds.
_TURN = 0.005
#: Longest single read in the thread, in seconds: a cancelled operation waits for it with its next step.
_SLICE = 0.02
#: Refusals after which an operation that ignores its cancellation is closed.
_MOST_REFUSALS = 100


class _StubbornError(Exception):
    """The operation went on and on after its cancellation."""


class AsyncLock(Protocol):
    """What :func:`arun` needs of the lock that keeps exchanges apart; :class:`asyncio.Lock` has it."""

    def release(self) -> None:
        """Give the lock to the next who waits."""

    def acquire(self) -> Awaitable[object]:
        """Wait for the lock; first come, first served."""
        ...


class TurnLock:
    """An asyncio lock that knows which task holds it.

    Who is cancelled at a ``Yield`` while another task has a long exchange cannot get the lock back in
    time.  With this lock :func:`arun` then ends without it, and the ``async with`` around it releases
    nothing; with an :class:`asyncio.Lock` it would have to wait for the other.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    @property
    def is_mine(self) -> bool:
        """The current task holds it."""
        return self._holder is not None and self._holder is asyncio.current_task()

    async def acquire(self) -> None:
        """Wait for the lock; first come, first served.

        :raises RuntimeError: this task has it already, and would wait for itself.
        """
        if self.is_mine:
            raise RuntimeError("this task holds the modem already")
        await self._lock.acquire()
        self._holder = asyncio.current_task()

    def release(self) -> None:
        """Give the lock to the next; does nothing in a task that does not hold it."""
        if self.is_mine:
            self._holder = None
            self._lock.release()

    def locked(self) -> bool:
        """Some task holds it."""
        return self._lock.locked()

    async def __aenter__(self) -> TurnLock:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()


async def arun(op: Op[T], port: Port, lock: AsyncLock | None = None) -> T:
    """Run an operation to its end; ``lock`` is held by the caller and let go at ``Yield``.

    The lock is held again when this ends, in whatever way (but see :class:`TurnLock`).

    :raises asyncio.CancelledError: the task was cancelled, within 100 ms of it.
    """
    runner = _Runner(port, lock)
    error: BaseException | None = None
    result: Any = None
    try:
        while True:
            try:
                step = op.send(result) if error is None else op.throw(error)
            except StopIteration as stop:
                if runner.cancelled is not None:
                    raise runner.cancelled from None
                value: T = stop.value
                return value
            except asyncio.CancelledError:
                raise
            except BaseException as raised:
                if runner.cancelled is None:
                    raise
                # asyncio counts on this one to arrive, whatever went wrong while cleaning up.
                raise asyncio.CancelledError(*runner.cancelled.args) from raised
            error = None
            try:
                result = await runner.perform(step)
            except GeneratorExit:
                raise
            except _StubbornError:
                raise asyncio.CancelledError from None
            except asyncio.CancelledError as raised:
                runner.cancel(raised)
                error = raised
            except BaseException as raised:  # thrown on into the operation, never swallowed
                error = raised
    finally:
        # An operation that awaits a step while it is being closed cannot have it any more.
        with contextlib.suppress(RuntimeError):
            op.close()


async def aclose(port: Port) -> None:
    """Close ``port`` and end its thread, if it has one, without blocking the loop."""
    try:
        if port.fileno() is not None:
            port.close()
        else:
            await asyncio.shield(worker_of(port).submit(port.close, asyncio.get_running_loop()))
    finally:
        thread = stop_worker(port)
    while thread is not None and thread.is_alive():
        await asyncio.sleep(0.001)


class _Runner:
    """Performs the steps of one operation."""

    __slots__ = (
        "_lock",
        "_loop",
        "_lost_lock",
        "_port",
        "_refusals",
        "_since",
        "_until",
        "_watch",
        "cancelled",
    )

    def __init__(self, port: Port, lock: AsyncLock | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._lock = lock
        self._since = self._loop.time()
        self._watch = True
        self._until: float | None = None
        self._refusals = 0
        self._lost_lock = False
        self.cancelled: asyncio.CancelledError | None = None

    def cancel(self, error: asyncio.CancelledError) -> None:
        """Start the time of grace; a second cancellation does not prolong it."""
        if self.cancelled is None:
            self.cancelled = error
            self._until = self._loop.time() + GRACE

    async def perform(self, step: Step[Any]) -> Any:
        if self._until is not None:
            self._refuse_when_over()
        elif self._loop.time() - self._since > _TURN:
            await self._let_others()
        match step:
            case Read():
                return await self._read(step.timeout)
            case Now():
                return self._port.now()
            case Write():
                return await self._write(step.data, step.timeout)
            case Sleep():
                return await self._sleep(step.seconds)
            case Yield():
                return await self._yield()
            case SetLine():
                return await self._set_line(step)
        raise TypeError(f"an operation may await only the steps of modemtls.op, not {step!r}")

    def _refuse_when_over(self) -> None:
        if self._lost_lock or (self._until is not None and self._loop.time() >= self._until):
            self._refusals += 1
            if self._refusals > _MOST_REFUSALS:
                raise _StubbornError
            raise asyncio.CancelledError

    async def _let_others(self) -> None:
        await asyncio.sleep(0)
        self._since = self._loop.time()

    async def _pause(self, future: asyncio.Future[bool], timeout: float) -> bool:
        """Whether ``future`` was done within ``timeout`` seconds.

        :raises asyncio.CancelledError: also when the time of grace ends before.
        """
        grace_ends = False
        if self._until is not None:
            left = max(self._until - self._loop.time(), 0.0)
            grace_ends, timeout = left < timeout, min(left, timeout)
        timer = self._loop.call_later(max(timeout, 0.0), _settle, future, False)
        try:
            done = await future
        finally:
            timer.cancel()
            self._since = self._loop.time()
        if grace_ends and not done:
            raise asyncio.CancelledError
        return done

    async def _read(self, timeout: float) -> bytes:
        port, loop = self._port, self._loop
        descriptor = port.fileno() if self._watch else None
        if descriptor is None:
            return await self._read_in_thread(timeout)
        data = port.read(0)
        if data or timeout <= 0:
            return data
        end = loop.time() + timeout
        while True:
            ready = loop.create_future()
            try:
                loop.add_reader(descriptor, _settle, ready, True)
            except NotImplementedError:
                self._watch = False
                return await self._read_in_thread(end - loop.time())
            try:
                arrived = await self._pause(ready, end - loop.time())
            finally:
                loop.remove_reader(descriptor)
            data = port.read(0)
            if data or not arrived:
                return data

    async def _read_in_thread(self, timeout: float) -> bytes:
        port, worker = self._port, worker_of(self._port)
        if data := worker.take():
            return data
        if not port.virtual_time and worker.is_idle and (data := port.read(0)):
            return data
        end = port.now() + timeout
        while True:
            left = max(end - port.now(), 0.0)
            await self._in_thread(worker, functools.partial(_keep, worker, port, min(left, _SLICE)))
            if data := worker.take():
                return data
            if port.now() >= end:
                return b""

    async def _write(self, data: bytes, timeout: float) -> None:
        port, loop = self._port, self._loop
        descriptor = port.fileno() if self._watch else None
        taken = port.write_some(data) if descriptor is not None else None
        if taken is None or descriptor is None:
            await self._in_thread(worker_of(port), functools.partial(port.write, data, timeout))
            return
        end = loop.time() + timeout
        rest = memoryview(data)
        while taken < len(data):
            if loop.time() >= end:
                raise stalled(port.name, taken, len(data), timeout)
            ready = loop.create_future()
            try:
                loop.add_writer(descriptor, _settle, ready, True)
            except NotImplementedError:
                self._watch = False
                left = bytes(rest[taken:])
                await self._in_thread(
                    worker_of(port), functools.partial(port.write, left, max(end - loop.time(), 0.0))
                )
                return
            try:
                await self._pause(ready, end - loop.time())
            finally:
                loop.remove_writer(descriptor)
            taken += port.write_some(rest[taken:]) or 0

    async def _sleep(self, seconds: float) -> None:
        if self._port.virtual_time:
            await self._in_thread(worker_of(self._port), functools.partial(self._port.sleep, seconds))
        else:
            await self._pause(self._loop.create_future(), seconds)

    async def _set_line(self, line: SetLine) -> None:
        if line.send_break is None and self._port.fileno() is not None:
            self._port.set_line(line)
        else:
            await self._in_thread(worker_of(self._port), functools.partial(self._port.set_line, line))

    async def _in_thread(self, worker: Worker, job: Callable[[], None]) -> None:
        future = worker.submit(job, self._loop)
        if self._until is None:
            try:
                await future
            finally:
                self._since = self._loop.time()
            return
        done: asyncio.Future[bool] = self._loop.create_future()
        future.add_done_callback(lambda _: _settle(done, True))
        try:
            await self._pause(done, GRACE)
        except asyncio.CancelledError:
            future.cancel()
            raise
        future.result()

    async def _yield(self) -> None:
        # In the time of grace there is none for somebody else's exchange.
        if self._until is not None:
            return
        lock = self._lock
        if lock is None:
            await self._let_others()
            return
        lock.release()
        try:
            # Who has just been woken gets to ask for the lock too, and not only who waits already.
            await self._let_others()
            await lock.acquire()
        except asyncio.CancelledError as error:
            self.cancel(error)
            await self._regain(lock)
            raise

    async def _regain(self, lock: AsyncLock) -> None:
        """Hold the lock again after a cancellation that came while waiting for it."""
        if isinstance(lock, TurnLock):
            try:
                async with asyncio.timeout_at(self._until):
                    await lock.acquire()
            except (TimeoutError, asyncio.CancelledError):
                self._lost_lock = not lock.is_mine
            return
        while True:
            try:
                await lock.acquire()
                return
            except asyncio.CancelledError:
                # The caller releases what it believes to hold: to return without it would free another's.
                continue


def _settle(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


def _keep(worker: Worker, port: Port, timeout: float) -> None:
    worker.keep(port.read(timeout))
