"""Where the time goes: cProfile over the two hottest paths, a command and a body by the stream."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import trustme

from .commands import COMMAND, open_quietly
from .line import Line
from .measure import Row, report

_MOST = 18


def _profiled(call: Callable[[], object], times: int) -> list[Row]:
    for _ in range(min(times, 50)):
        call()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(times):
        call()
    profile.disable()
    stats = pstats.Stats(profile)
    total = sum(entry[2] for entry in stats.stats.values())  # type: ignore[attr-defined]
    entries = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    return [
        {
            "function": f"{Path(file).name}:{name}" if line else name,
            "calls each": calls / times,
            "own µs each": own / times * 1e6,
            "own %": 100 * own / total,
        }
        for (file, line, name), (_, calls, own, _, _) in entries[:_MOST]
    ]


def main(folder: Path, quick: bool) -> None:
    """Two tables; the profiler itself makes small functions look larger than they are."""
    with ExitStack() as stack:
        line = stack.enter_context(Line())
        modem = stack.enter_context(open_quietly(line.device))
        rows = _profiled(lambda: modem.command(COMMAND), 200 if quick else 3000)
        report("hot-command", f"modem.command({COMMAND!r}), by own time", rows, folder)
        modem.trust(trustme.CA().cert_pem.bytes())
        session = stack.enter_context(modem.https("device.test"))
        rows = _profiled(lambda: session.get("/bytes/65536"), 3 if quick else 60)
        report("hot-body", "session.get() of 65536 bytes by the stream, by own time", rows, folder)
