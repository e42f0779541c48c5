"""How long a process takes that only starts: in turns, medians, beside a Python that does nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from statistics import median

from .measure import report


def main(folder: Path, quick: bool) -> None:
    """The table."""
    tool = shutil.which("modemtls", path=sysconfig.get_path("scripts")) or "modemtls"
    contestants = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import asyncio'": [sys.executable, "-c", "import asyncio"],
        "python -c 'import cryptography.x509'": [sys.executable, "-c", "import cryptography.x509"],
        "python -c 'import modemtls'": [sys.executable, "-c", "import modemtls"],
        "modemtls --help": [tool, "--help"],
        "modemtls info --port sim://sequans-gm02s": [tool, "info", "--port", "sim://sequans-gm02s"],
    }
    rounds = 5 if quick else 31
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, command in contestants.items() if turn % 2 else reversed(contestants.items()):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:  # the first fills the caches
                found[name].append(time.perf_counter() - began)
    base = median(found["python -c pass"])
    report(
        "startup",
        "Start-up",
        [
            {
                "process": name,
                "ms": median(times) * 1e3,
                "ms above an empty Python": (median(times) - base) * 1e3,
            }
            for name, times in found.items()
        ],
        folder,
    )
