"""Processes that are killed at one of their steps, run by ``python killable.py``, one line of JSON each.

This program imports everything once and forks for each job, so a kill costs milliseconds.  What dies is a process of
its own, by SIGKILL from within: no ``finally`` runs, no buffer is flushed, its descriptors are closed by the system.

A step is a read, a write (before it, in the middle of it, after it) or a sleep on the port, and every system call
by which the journal changes: open, lock, flush to the disk, rename, remove, make a folder.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NoReturn

import modemtls
from modemtls import Modem
from modemtls.op import SetLine
from modemtls.port import Port

_FILE_EVENTS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock", "tempfile.mkstemp"})


@dataclass(frozen=True)
class Job:
    """``act`` is trust, add or install, of these files, at the modem on ``port``; killed at step ``kill_at``."""

    port: str
    act: str
    files: tuple[str, ...]
    home: str
    kill_at: int


@dataclass(frozen=True)
class Outcome:
    """``steps`` is what was counted, and ``last`` the last one of them."""

    was_killed: bool
    steps: int
    last: str


class Fate:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, kill_at: int, told: int) -> None:
        self.kill_at, self.told = kill_at, told
        self.steps = 0
        self.is_armed = False

    def step(self, name: str) -> None:
        if not self.is_armed:
            return
        self.steps += 1
        if self.steps == self.kill_at:
            self.tell(name)
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, last: str) -> None:
        self.is_armed = False
        os.write(self.told, f"{self.steps} {last}".encode())


class Killable(Port):
    """A port whose steps are counted."""

    def __init__(self, inner: Port, fate: Fate) -> None:
        self.inner, self.fate, self.name = inner, fate, inner.name
        self.has_modem_lines = inner.has_modem_lines

    def read(self, timeout: float) -> bytes:
        data = self.inner.read(timeout)
        self.fate.step("read")  # with what was read lost; before it is after the step before
        return data

    def write(self, data: bytes, timeout: float) -> None:
        self.fate.step("before a write")
        half = len(data) // 2
        self.inner.write(data[:half], timeout)
        self.fate.step("in a write")
        self.inner.write(data[half:], timeout)
        self.fate.step("after a write")

    def sleep(self, seconds: float) -> None:
        self.fate.step("sleep")
        self.inner.sleep(seconds)

    def now(self) -> float:
        return self.inner.now()

    def set_line(self, line: SetLine) -> None:
        self.inner.set_line(line)

    def close(self) -> None:
        self.inner.close()


def acts(modem: Modem, job: Job) -> Callable[[], object]:
    data = []
    for name in job.files:
        with open(name, "rb") as file:  # noqa: PTH123 - pathlib is a step of the journal's
            data.append(file.read())
    return {
        "trust": lambda: modem.trust(*data),
        "add": lambda: modem.trust(*data, add=True),
        "install": lambda: modem.install(*data),
    }[job.act]


def work(job: Job, told: int) -> NoReturn:
    """The forked process: it opens, and from then on each step may be its last."""
    try:
        os.environ["MODEMTLS_STATE_DIR"] = job.home
        fate = Fate(job.kill_at, told)

        def files(event: str, arguments: tuple[object, ...]) -> None:
            if event in _FILE_EVENTS and fate.is_armed:
                fate.step(event)

        def synced(descriptor: int) -> None:  # what a process has written outlives it, synced or not
            fate.step("before fsync")

        sys.addaudithook(files)
        os.fsync = synced  # type: ignore[assignment]
        with modemtls.open(job.port, model="sequans-gm02s") as modem:
            act = acts(modem, job)
            modem._port = Killable(modem._port, fate)
            fate.is_armed = True
            act()
            fate.tell("end")
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Do jobs until the end of stdin."""
    import modemtls.credentials
    import modemtls.ports.tty
    import modemtls.store  # noqa: F401 - so that no fork imports

    for line in sys.stdin:
        given = json.loads(line)
        job = Job(**{**given, "files": tuple(given["files"])})
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            work(job, writing)
        os.close(writing)
        with os.fdopen(reading) as told:
            steps, _, last = told.read().partition(" ")
        _, status = os.waitpid(child, 0)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not was_killed and status:
            last = "failed"
        print(json.dumps(asdict(Outcome(was_killed, int(steps or 0), last))), flush=True)


if __name__ == "__main__":
    main()
