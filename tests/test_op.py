from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from modemtls.errors import PortError, Reason
from modemtls.fairlock import FairLock
from modemtls.op import Now, Op, Read, SetLine, Sleep, Step, Write, Yield, perform, run
from modemtls.port import Port


class Tape(Port):
    """Writes down what it is asked; ``fails`` names a method and the error it raises."""

    virtual_time = True

    def __init__(self, fails: dict[str, BaseException] | None = None) -> None:
        self.name = "tape"
        self.asked: list[tuple[Any, ...]] = []
        self.fails = fails or {}

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if asked[0] in self.fails:
            raise self.fails.pop(asked[0])

    def read(self, timeout: float) -> bytes:
        self._note("read", timeout)
        return b"abc"

    def write(self, data: bytes, timeout: float) -> None:
        self._note("write", data, timeout)

    def now(self) -> float:
        self._note("now")
        return 7.0

    def sleep(self, seconds: float) -> None:
        self._note("sleep", seconds)

    def set_line(self, line: SetLine) -> None:
        self._note("set_line", line)

    def close(self) -> None:
        self._note("close")


class CountedLock(FairLock):
    """Notes what is asked of it; ``fails`` acquisitions are interrupted."""

    def __init__(self, fails: int = 0) -> None:
        super().__init__()
        super().acquire()
        self.calls: list[str] = []
        self.fails = fails

    def acquire(self, timeout: float | None = None) -> bool:
        self.calls.append("acquire")
        if self.fails:
            self.fails -= 1
            raise KeyboardInterrupt
        return super().acquire(timeout)

    def release(self) -> None:
        self.calls.append("release")
        super().release()


def test_each_step_is_done_in_its_order_and_gives_its_result() -> None:
    async def operation() -> list[object]:
        await Write(b"x", timeout=2.0)
        found: list[object] = [await Read(1.5), await Now()]
        await Sleep(0.25)
        await SetLine(baudrate=9600, dtr=False)
        await Yield()
        return found

    port = Tape()
    assert run(operation(), port) == [b"abc", 7.0]
    assert port.asked == [
        ("write", b"x", 2.0),
        ("read", 1.5),
        ("now",),
        ("sleep", 0.25),
        ("set_line", SetLine(baudrate=9600, dtr=False)),
    ]


def test_operations_nest() -> None:
    async def inner(number: int) -> int:
        return number + len(await Read(0))

    async def outer() -> int:
        return await inner(1) + await inner(2)

    assert run(outer(), Tape()) == 9


@pytest.mark.parametrize("error", [PortError("gone"), KeyboardInterrupt(), SystemExit(3), ValueError("x")])
def test_an_error_is_thrown_into_the_operation_at_its_step(error: BaseException) -> None:
    seen: list[str] = []

    async def operation() -> None:
        try:
            await Read(1)
            seen.append("not reached")
        finally:
            await Write(b"last words")
            seen.append("finally")

    port = Tape({"read": error})
    with pytest.raises(type(error)):
        run(operation(), port)
    assert seen == ["finally"]
    assert port.asked[-1] == ("write", b"last words", 10.0)


def test_an_operation_may_survive_an_error() -> None:
    async def operation() -> bytes:
        try:
            await Write(b"x")
        except PortError:
            return await Read(0)
        return b""

    assert run(operation(), Tape({"write": PortError("gone")})) == b"abc"


def test_an_error_in_the_clean_up_of_an_error_keeps_both() -> None:
    async def operation() -> None:
        try:
            await Read(1)
        finally:
            await Write(b"x")

    with pytest.raises(PortError) as caught:
        run(
            operation(),
            Tape({"read": KeyboardInterrupt(), "write": PortError("gone", reasons={Reason.PORT_GONE})}),
        )
    assert isinstance(caught.value.__context__, KeyboardInterrupt)


def test_an_operations_own_error_comes_out() -> None:
    async def operation() -> None:
        await Now()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run(operation(), Tape())


def test_yield_lets_the_lock_go_and_takes_it_again() -> None:
    async def operation() -> None:
        await Yield()
        await Now()
        await Yield()

    lock = CountedLock()
    run(operation(), Tape(), lock)
    assert lock.calls == ["release", "acquire"] * 2


def test_an_interrupt_while_waiting_for_the_lock_has_the_lock_for_the_clean_up() -> None:
    lock = CountedLock(fails=1)
    held: list[bool] = []

    async def operation() -> None:
        try:
            await Yield()
        finally:
            held.append(lock.calls[-1] == "acquire" and lock.calls.count("acquire") == 2)

    with pytest.raises(KeyboardInterrupt):
        run(operation(), Tape(), lock)
    assert held == [True]
    assert lock.calls == ["release", "acquire", "acquire"]


def test_an_interrupt_while_somebody_else_has_the_line_ends_the_operation_without_it() -> None:
    """The other one's command may take minutes: Ctrl-C does not wait for it, and the clean-up gets no step."""
    lock, port = FairLock(), Tape()
    refused: list[type[BaseException]] = []
    has_it, let_go = threading.Event(), threading.Event()

    def other() -> None:
        with lock:
            has_it.set()
            let_go.wait(10)

    class Interrupted(FairLock):
        """The same lock, as the interrupted thread sees it."""

        def acquire(self, timeout: float | None = None) -> bool:
            if timeout is None:
                has_it.wait(10)
                raise KeyboardInterrupt
            return lock.acquire(timeout)

        def release(self) -> None:
            lock.release()

        @property
        def is_mine(self) -> bool:
            return lock.is_mine

    async def operation() -> None:
        try:
            await Yield()
        finally:
            for _ in range(2):
                try:
                    await Write(b"AT+CLOSE\r")
                except KeyboardInterrupt:
                    refused.append(KeyboardInterrupt)

    lock.acquire()
    thread = threading.Thread(target=other)
    thread.start()
    wait_until(lambda: len(lock._waiting) == 1)
    with pytest.raises(KeyboardInterrupt):
        run(operation(), port, Interrupted())
    assert not let_go.is_set()  # nobody waited for the other one
    assert refused == [KeyboardInterrupt] * 2
    assert port.asked == []
    assert not lock.is_mine
    let_go.set()
    thread.join(10)


def test_a_clean_up_that_never_ends_is_ended_when_the_line_is_lost() -> None:
    lock = FairLock()
    lock.acquire()
    lock.release()
    has_it, let_go = threading.Event(), threading.Event()

    def other() -> None:
        with lock:
            has_it.set()
            let_go.wait(10)

    async def operation() -> None:
        while True:
            try:
                await Now()
            except KeyboardInterrupt:
                continue

    thread = threading.Thread(target=other)
    thread.start()
    assert has_it.wait(10)
    with pytest.raises(KeyboardInterrupt):
        run(operation(), Tape({"now": KeyboardInterrupt()}), lock)
    let_go.set()
    thread.join(10)


def test_awaiting_anything_else_is_an_error_that_says_so() -> None:
    class Foreign:
        def __await__(self) -> Any:
            yield "a foreign thing"

    async def operation() -> None:
        await Foreign()

    with pytest.raises(TypeError, match="only the steps"):
        run(operation(), Tape())


def test_an_unknown_step_is_an_error() -> None:
    class Unknown(Step[None]):
        pass

    with pytest.raises(TypeError, match="only the steps"):
        perform(Unknown(), Tape(), None)


def test_what_is_written_is_not_in_a_steps_repr() -> None:
    assert "hunter2" not in repr(Write(b"AT+PASSWORD=hunter2"))


def test_an_interrupt_in_the_runner_itself_closes_the_operation() -> None:
    ended: list[str] = []

    class Interrupted:
        """An operation as the runner sees it, with an interrupt between two steps."""

        def __init__(self, op: Op[None]) -> None:
            self.op = op
            self.sent = 0

        def send(self, value: Any) -> Any:
            self.sent += 1
            if self.sent == 2:
                raise KeyboardInterrupt
            return self.op.send(value)

        def close(self) -> None:
            self.op.close()

    async def operation(stubborn: bool) -> None:
        try:
            await Now()
        finally:
            ended.append("ended")
            if stubborn:
                await Now()

    for stubborn in (False, True):
        with pytest.raises(KeyboardInterrupt):
            run(Interrupted(operation(stubborn)), Tape())  # type: ignore[arg-type]
    assert ended == ["ended", "ended"]


def test_operations_of_several_threads_take_turns_at_yield() -> None:
    lock, order = FairLock(), list[str]()
    both = threading.Barrier(2)

    def worker(name: str) -> None:
        async def operation() -> None:
            for _ in range(3):
                order.append(name)
                await Yield()

        both.wait(10)
        with lock:
            run(operation(), Tape(), lock)

    first_in = lock.acquire()
    threads = [threading.Thread(target=worker, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(lock._waiting) == 2)
    assert first_in
    lock.release()
    for thread in threads:
        thread.join(10)
    assert "".join(order) in ("ababab", "bababa")


def wait_until(done: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if done():
            return
        pause.wait(0.005)
    raise AssertionError("it did not happen")
