"""Operations: coroutines that do no I/O themselves, but await *steps*.

An operation is an ordinary ``async def`` that awaits nothing but the steps of this module (or other
operations).  A runner performs the steps on a port: :func:`run` blocks, :func:`modemtls.aio.arun`
lives on asyncio.  So each operation is written once, and time is whatever the port says it is.

An I/O error, and a cancellation, is thrown *into* the operation at the step where it happened.

``Yield`` marks the places where an operation can let another one have the modem: the runner
releases the channel's lock there and takes it again.  An exchange (command to final result) has no
such place in it; a wait for an event has one at least every 100 ms.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from .port import Port

T = TypeVar("T")

#: Seconds that an interrupted operation may wait for the line, to clean up.
GRACE = 0.05
#: Steps that are refused to the clean-up of an operation that did not get the line in time.
MOST_REFUSALS = 100

#: An operation that gives a ``T``.
Op = Coroutine[Any, Any, T]

__all__ = ["Lock", "Now", "Op", "Read", "SetLine", "Sleep", "Step", "Write", "Yield", "perform", "run"]


class Step(Generic[T]):
    """One thing that a runner does for an operation; awaiting it gives its result."""

    __slots__ = ()

    def __await__(self) -> Generator[Step[T], Any, T]:
        result: T = yield self
        return result


@dataclass(frozen=True, slots=True)
class Write(Step[None]):
    """Write all of ``data``, within ``timeout`` seconds.

    :raises PortError: the port is gone.
    :raises ModemTimeout: the port took no more bytes (flow control held).
    """

    data: bytes = field(repr=False)  # it may be a secret
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Read(Step[bytes]):
    """What has arrived, as soon as there is any; ``b""`` when ``timeout`` seconds pass without.

    :raises PortError: the port is gone.
    """

    timeout: float


@dataclass(frozen=True, slots=True)
class Now(Step[float]):
    """The port's clock in seconds: monotonic, with an arbitrary zero."""


@dataclass(frozen=True, slots=True)
class Sleep(Step[None]):
    """Let ``seconds`` of the port's time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SetLine(Step[None]):
    """Change the line: what is ``None`` stays.  ``send_break`` is a duration in seconds.

    A port without modem lines ignores DTR, RTS and break.
    """

    baudrate: int | None = None
    dtr: bool | None = None
    rts: bool | None = None
    send_break: float | None = None


@dataclass(frozen=True, slots=True)
class Yield(Step[None]):
    """Another operation may have the modem now; this one goes on when it has the lock again."""


class Lock(Protocol):
    """What a runner needs of the lock that keeps exchanges apart.

    ``release`` does nothing in a thread that does not hold it, and ``acquire`` is false at its timeout.
    """

    @property
    def is_mine(self) -> bool: ...
    def release(self) -> None: ...
    def acquire(self, timeout: float | None = None) -> bool: ...


def perform(step: Step[Any], port: Port, lock: Lock | None) -> Any:
    """Do one step on ``port``, blocking, and give its result."""
    match step:
        case Read():
            return port.read(step.timeout)
        case Now():
            return port.now()
        case Write():
            return port.write(step.data, step.timeout)
        case Sleep():
            return port.sleep(step.seconds)
        case Yield():
            if lock is not None:
                lock.release()
                lock.acquire()
            return None
        case SetLine():
            return port.set_line(step)
    raise TypeError(f"an operation may await only the steps of modemtls.op, not {step!r}")


def run(op: Op[T], port: Port, lock: Lock | None = None) -> T:
    """Run an operation to its end, blocking; ``lock`` is held by the caller and let go at `Yield`.

    An interrupt that comes while the lock is waited for ends the operation at once: its clean-up gets the line
    when it is free within :data:`GRACE`, and is refused every step otherwise.  The lock is not held then.
    """
    error: BaseException | None = None
    lost: BaseException | None = None
    result: Any = None
    refused = 0
    try:
        while True:
            step = op.send(result) if error is None else op.throw(error)
            error = None
            if lost is not None:
                refused += 1
                if refused > MOST_REFUSALS:
                    raise lost
                error = lost
                continue
            try:
                # The two that an exchange consists of almost wholly, without a call in between.
                if isinstance(step, Read):
                    result = port.read(step.timeout)
                elif isinstance(step, Now):
                    result = port.now()
                else:
                    result = perform(step, port, lock)
            except BaseException as raised:  # thrown on into the operation, never swallowed
                error = raised
                if lock is not None and not lock.is_mine and not lock.acquire(GRACE):
                    lost = raised
    except StopIteration as stop:
        value: T = stop.value
        return value
    except BaseException:
        # An operation that awaits a step while it is being closed cannot have it any more.
        with contextlib.suppress(RuntimeError):
            op.close()
        raise
