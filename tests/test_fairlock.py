from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from modemtls.fairlock import FairLock

SOON = 10.0


def wait_until(done: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if done():
            return
        pause.wait(0.005)
    raise AssertionError("it did not happen")


def queue_up(lock: FairLock, names: str, work: Callable[[str], None]) -> list[threading.Thread]:
    """Threads that wait for the lock in the order of ``names``."""
    threads = []
    for number, name in enumerate(names, 1):

        def run(name: str = name) -> None:
            with lock:
                work(name)

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)
        wait_until(lambda number=number: len(lock._waiting) == number)  # type: ignore[misc]
    return threads


def test_first_come_first_served() -> None:
    lock, served = FairLock(), list[str]()
    lock.acquire()
    threads = queue_up(lock, "abcdef", served.append)
    lock.release()
    for thread in threads:
        thread.join(SOON)
    assert "".join(served) == "abcdef"


def test_who_lets_go_and_comes_back_is_the_last() -> None:
    lock, served = FairLock(), list[str]()
    lock.acquire()
    threads = queue_up(lock, "ab", served.append)
    lock.release()
    with lock:
        served.append("me")
    for thread in threads:
        thread.join(SOON)
    assert "".join(served) == "abme"


def test_only_one_holds_it() -> None:
    lock = FairLock()
    inside, most = 0, 0
    start = threading.Barrier(8)

    def work() -> None:
        nonlocal inside, most
        start.wait(SOON)
        for _ in range(200):
            with lock:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert (most, inside) == (1, 0)
    assert not lock._waiting


def test_release_by_who_does_not_hold_it_changes_nothing() -> None:
    lock = FairLock()
    lock.release()
    lock.acquire()
    other = threading.Thread(target=lock.release)
    other.start()
    other.join(SOON)
    assert lock._holder == threading.get_ident()
    lock.release()
    lock.release()
    with lock:
        pass


def test_who_holds_it_is_told_so_instead_of_waiting_for_ever() -> None:
    lock = FairLock()
    with lock:
        with pytest.raises(RuntimeError, match="holds"):
            lock.acquire()
        assert lock._holder == threading.get_ident()
    assert lock.acquire()
    lock.release()


def test_an_error_inside_releases_it() -> None:
    lock = FairLock()
    with pytest.raises(ValueError, match="x"), lock:
        raise ValueError("x")
    with lock:
        pass


@pytest.mark.parametrize("granted", [False, True])
def test_an_interrupt_while_waiting_gives_the_turn_up(granted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the turn has come, and just as it has come."""
    lock, served = FairLock(), list[str]()
    lock.acquire()
    threads = queue_up(lock, "a", served.append)

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if granted:
                super().wait(SOON)
            raise KeyboardInterrupt

    interrupted = threading.Event()
    go = threading.Event()

    def impatient() -> None:
        go.wait(SOON)
        try:
            lock.acquire()
        except KeyboardInterrupt:
            interrupted.set()

    thread = threading.Thread(target=impatient)
    with monkeypatch.context() as patch:
        thread.start()
        patch.setattr("modemtls.fairlock.threading", Threading(Interrupted))
        go.set()
        wait_until(lambda: interrupted.is_set() or len(lock._waiting) == 2)
    lock.release()
    for other in (*threads, thread):
        other.join(SOON)
    assert interrupted.is_set()
    with lock:
        served.append("c")
    assert "".join(served) == "ac"
    assert not lock._waiting


class Threading:
    """The module as the lock sees it, with another event."""

    get_ident = staticmethod(threading.get_ident)

    def __init__(self, event: type[threading.Event]) -> None:
        self.Event = event


def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    lock, served = FairLock(), list[str]()
    lock.acquire()
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(lock.acquire(0.01)))
    thread.start()
    thread.join(SOON)
    threads = queue_up(lock, "a", served.append)
    lock.release()
    for each in threads:
        each.join(SOON)
    assert results == [False]
    assert served == ["a"]
    assert not lock.is_mine
