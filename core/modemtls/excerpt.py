"""The first and the last of many lines.

An error is kept, pickled and logged, and an answer may have a million characters: what an error carries of it
is bounded, and says how much it leaves out.
"""

from __future__ import annotations

__all__ = ["MOST_CHARACTERS", "MOST_LINES", "MOST_LINE_CHARACTERS", "excerpt"]

MOST_LINES = 64
MOST_LINE_CHARACTERS = 400
MOST_CHARACTERS = 8192
_NOTE = 48


def excerpt(lines: tuple[str, ...]) -> tuple[str, ...]:
    """``lines``, or the first and the last of them with a line between that counts those left out.

    What comes out is within the limits, so that an excerpt of an excerpt is the same.

    >>> excerpt(("+X: 1",) * 1000)[31:33]
    ('+X: 1', '… 937 lines are left out …')
    """
    if _fits(lines):
        return lines
    lines = tuple(map(_cut, lines))
    if _fits(lines):
        return lines
    kept, room = 0, MOST_CHARACTERS - _NOTE
    while kept < MOST_LINES - 1:
        room -= len(lines[-1 - kept // 2 if kept % 2 else kept // 2])
        if room < 0:
            break
        kept += 1
    first, last = kept - kept // 2, kept // 2
    return (*lines[:first], f"… {len(lines) - kept} lines are left out …", *lines[len(lines) - last :])


def _fits(lines: tuple[str, ...]) -> bool:
    return len(lines) <= MOST_LINES and sum(map(len, lines)) <= MOST_CHARACTERS


def _cut(line: str) -> str:
    return line if len(line) <= MOST_LINE_CHARACTERS else line[: MOST_LINE_CHARACTERS - 1] + "…"
