"""``python -m fuzz.keep TARGET FOLDER``: take into the kept corpus what runs a way that nothing in it runs.

A way is a step from one line of modemtls to the next.  Smallest inputs first, so that few and small ones stay.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from .targets import TARGETS

HERE = Path(__file__).resolve().parent
LARGEST = 2000
Step = tuple[str, int, int]


def steps(target: Callable[[bytes], None], data: bytes) -> set[Step]:
    """The steps from line to line that ``target`` takes with ``data``."""
    taken: set[Step] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, argument: object) -> object:
        name = frame.f_code.co_filename
        if "modemtls" not in Path(name).parts:
            return None
        if event == "line":
            taken.add((name, last.get(frame, 0), frame.f_lineno))
        last[frame] = frame.f_lineno
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        target(data)
    finally:
        sys.settrace(None)
    return taken


def main() -> None:
    """Read the corpus, then the folder, and copy what is new."""
    name, folder = sys.argv[1:]
    kept = HERE / "corpus" / name
    known: set[Step] = set()
    for path in kept.iterdir():
        known |= steps(TARGETS[name], path.read_bytes())
    inputs = {path.read_bytes() for path in Path(folder).iterdir() if path.stat().st_size <= LARGEST}
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        if new := steps(TARGETS[name], data) - known:
            known |= new
            found = kept / hashlib.sha256(data).hexdigest()[:16]
            found.write_bytes(data)
            print(f"{found}: {len(data)} bytes, {len(new)} new steps")


if __name__ == "__main__":
    main()
