"""Ratios within one run: the contestants take turns, A B A B, and medians are compared."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

Row = Mapping[str, "str | int | float"]


@dataclass(frozen=True)
class Cost:
    """What one call took: seconds of wall time, seconds of CPU of this process."""

    wall: float
    cpu: float


def take_turns(
    contestants: Mapping[str, Callable[[], object]], *, rounds: int, calls: int
) -> dict[str, Cost]:
    """The median over ``rounds`` of the mean of ``calls`` calls, for each contestant."""
    found: dict[str, list[Cost]] = {name: [] for name in contestants}
    for call in contestants.values():
        for _ in range(min(calls, 20)):
            call()
    order = list(contestants.items())
    for _ in range(rounds):
        for name, call in order:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(calls):
                call()
            found[name].append(
                Cost((time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls)
            )
        order.reverse()
    return {
        name: Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))
        for name, costs in found.items()
    }


def machine() -> str:
    """The machine, as it is to stand beside every figure."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    return (
        f"{os.cpu_count()} cores ({cpu}), {platform.system()} {platform.release()},"
        f" {platform.python_implementation()} {platform.python_version()}"
    )


def report(name: str, title: str, rows: Sequence[Row], folder: Path) -> None:
    """Print ``rows`` as a table, and keep them as JSON in ``folder``."""
    print(f"\n{title}\n")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    texts = [[_text(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    for cells in (columns, ["-" * width for width in widths], *texts):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |")
    sys.stdout.flush()
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "title": title,
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": list(rows),
    }
    (folder / f"{name}.json").write_text(json.dumps(made, indent=2) + "\n")


def _text(value: str | float) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 100
        else (f"{value:.0f}" if isinstance(value, float) else str(value))
    )
