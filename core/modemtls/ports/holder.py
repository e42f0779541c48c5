"""Who has a port open, where the system can tell.

Linux only: ``/proc/locks`` names the process that holds the lock on the device; without one,
``/proc/PID/fd`` shows who has it open, as far as this user may look.  Only the short name of the program is
given: a command line can carry secrets.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["holder_of"]

_MOST_NAMED = 3


def holder_of(device: str) -> str | None:
    """The holders, e.g. ``"picocom (process 4711)"`` or ``"this process"``; ``None``: cannot tell."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        status = Path(device).stat()
    except (OSError, ValueError):
        return None
    pids = list(dict.fromkeys(_lockers(status))) or list(dict.fromkeys(_openers(device)))
    if os.getpid() in pids:
        return "this process"
    return " and ".join(f"{_program(pid)} (process {pid})" for pid in pids[:_MOST_NAMED]) or None


def _lockers(status: os.stat_result) -> Iterator[int]:
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        table = Path("/proc/locks").read_text("ascii", "replace")
    except OSError:
        return
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5] == wanted and fields[4].isdecimal():
            pid = int(fields[4])
            if pid > 0:
                yield pid


def _openers(device: str) -> Iterator[int]:
    wanted = os.path.realpath(device)
    for entry in Path("/proc").glob("[0-9]*/fd"):
        try:
            held = any(os.readlink(link) == wanted for link in entry.iterdir())  # noqa: PTH115 - text compared
        except OSError:
            continue
        if held:
            yield int(entry.parent.name)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip() or "a program"
    except OSError:
        return "a program"
