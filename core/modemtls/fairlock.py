"""A lock that is handed on in the order of arrival.

A waiting operation lets others have the modem every 100 ms; with the standard library's lock the same thread
would mostly take it back at once.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

__all__ = ["FairLock"]


class FairLock:
    """First come, first served; released only by the thread that holds it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._holder: int | None = None

    def acquire(self, timeout: float | None = None) -> bool:
        """Wait for the turn; false when it does not come within ``timeout`` seconds.

        An interrupt while waiting gives the turn up and is raised.

        :raises RuntimeError: this thread has it already, and would wait for itself for ever.
        """
        me = threading.get_ident()
        with self._guard:
            if self._holder == me:
                raise RuntimeError("this thread holds the modem already")
            if self._holder is None and not self._waiting:
                self._holder = me
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            if turn.wait(timeout):
                self._holder = me
                return True
        except BaseException:
            self._give_up(turn)
            raise
        self._give_up(turn)
        return False

    def _give_up(self, turn: threading.Event) -> None:
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._hand_on()

    @property
    def is_mine(self) -> bool:
        """This thread holds it."""
        return self._holder == threading.get_ident()

    def release(self) -> None:
        """Hand it on; nothing happens when this thread does not hold it."""
        with self._guard:
            if self._holder == threading.get_ident():
                self._hand_on()

    def _hand_on(self) -> None:
        self._holder = None
        if self._waiting:
            self._holder = 0  # promised: nobody may take it in between
            self._waiting.popleft().set()

    def __enter__(self) -> FairLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
