"""The matrix as a page of the documentation: written from cells, and read back.

What the tests compare with a fresh run is what stands in the page, so the page cannot be out of date unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from modemtls import Certainty

from .harness import RUNS, Cell, Outcome, Run
from .rigs import COLUMNS
from .scenarios import SCENARIOS

__all__ = ["PAGE", "Entry", "entry_of", "read_page", "share", "written"]

PAGE = Path(__file__).resolve().parents[3] / "docs" / "diagnosis-matrix.md"
Entry = tuple[Outcome, Certainty | None]

_HEAD = """\
# How well a failure is explained

A diagnosis is worth what it says when the modem says nothing. So each of {scenarios} causes is built for real: a server
that is wrong in one respect, or a modem that is set up wrongly, a handshake that fails on a simulated modem, and then a
diagnosis, of which it is noted whether it names the cause. The simulated modems' TLS is OpenSSL, and one of the two
verifiers that judge is, too: a modem whose stack is another one can refuse for reasons that are not here. What real
modems make of it is not tested anywhere: see [](not-tested.md).

The simulated modems are run twice: with the codes that they are assumed to have, and *opaque*, with the one code that a
vendor has for everything ({catch_alls}), because what a real modem's codes tell is mostly inferred. A column is a model
and the way that the attempt takes: its own HTTP client, the TLS stream dialled in the background, or a plain dial,
which ends in `NO CARRIER`. `q2686/wipsoft` has no TLS of its own: what fails there fails on this computer.

- **first**: the cause is the first that is named; *named*: it is among those that are named; missed: it is not.
- **s**tated, **d**erived, **g**uessed: how certain the finding is that names it.
- –: it cannot happen there; the reasons stand below.

In no cell is a cause that is not so called stated or derived.

This page is written by the tests: `python -m tests.diagnose.matrix`.
"""
_WORDS = {
    Outcome.FIRST: "first",
    Outcome.NAMED: "*named*",
    Outcome.MISSED: "missed",
    Outcome.NOT_APPLICABLE: "–",
}
_LETTERS = {Certainty.STATED: "s", Certainty.DERIVED: "d", Certainty.GUESSED: "g"}


def entry_of(cell: Cell) -> Entry:
    """What the page says of a cell."""
    return cell.outcome, cell.certainty


def share(entries: Iterable[Entry]) -> tuple[int, int]:
    """How many causes are named first, and of how many."""
    counted = [outcome for outcome, _ in entries if outcome is not Outcome.NOT_APPLICABLE]
    return sum(outcome is Outcome.FIRST for outcome in counted), len(counted)


def _shown(entry: Entry) -> str:
    outcome, certainty = entry
    return _WORDS[outcome] if certainty is None else f"{_WORDS[outcome]} {_LETTERS[certainty]}"


def _table(cells: Mapping[tuple[str, str], Cell]) -> Iterator[str]:
    yield f"| | {' | '.join(column.name for column in COLUMNS)} |"
    yield "|" + "---|" * (len(COLUMNS) + 1)
    for scenario in SCENARIOS:
        row = [_shown(entry_of(cells[scenario.name, column.name])) for column in COLUMNS]
        yield f"| {scenario.name} | {' | '.join(row)} |"


def _by_scenario(
    cells: Mapping[tuple[str, str], Cell],
) -> Iterator[tuple[tuple[str, str], Cell]]:
    for scenario in SCENARIOS:
        for column in COLUMNS:
            key = scenario.name, column.name
            yield key, cells[key]


def _said_instead(cells: Mapping[tuple[str, str], Cell]) -> Iterator[str]:
    told: dict[tuple[str, str], list[str]] = {}
    for (scenario, column), cell in _by_scenario(cells):
        if cell.outcome in (Outcome.NAMED, Outcome.MISSED):
            said = ", ".join(f"`{reason.value}`" for reason in cell.said[:4])
            told.setdefault((scenario, said), []).append(column)
    for (scenario, said), columns in told.items():
        yield f"- {scenario}, {', '.join(columns)}: {said or 'nothing'}"


def written(cells: Mapping[Run, Mapping[tuple[str, str], Cell]]) -> str:
    """The page."""
    catch_alls = ", ".join(
        dict.fromkeys(f"`{column.catch_all}`" for column in COLUMNS if column.family != "wipsoft")
    )
    lines = _HEAD.format(scenarios=len(SCENARIOS), catch_alls=catch_alls).splitlines()
    for run in RUNS:
        found = cells[run]
        first, total = share(map(entry_of, found.values()))
        lines += ["", f"## {run.title}", "", f"<!-- run: {run.name} -->", ""]
        goal = f"; the goal is {run.goal:.0%}" if run.goal is not None else "; there is no goal for it"
        lines += [f"Named first in {first} of {total} cells, {first / total:.1%}{goal}.", "", *_table(found)]
        if run.view.value != "blind" and (rest := list(_said_instead(found))):
            lines += ["", "Where the cause is not the first, this is what is named:", "", *rest]
    lines += ["", "## What cannot happen where", ""]
    reasons: dict[tuple[str, str], list[str]] = {}
    for _, cell in _by_scenario(cells[RUNS[0]]):
        if not cell.applies:
            reasons.setdefault((cell.scenario, cell.reason), []).append(cell.column)
    lines += [f"- {scenario}, {', '.join(columns)}: {why}." for (scenario, why), columns in reasons.items()]
    return "\n".join(lines) + "\n"


def _entry(text: str) -> Entry:
    word, _, letter = text.strip().partition(" ")
    outcome = next(outcome for outcome, shown in _WORDS.items() if shown == word)
    return outcome, next((c for c, shown in _LETTERS.items() if shown == letter), None)


def _cells(line: str) -> Sequence[str]:
    return [part.strip() for part in line.strip().strip("|").split("|")]


def read_page(text: str) -> dict[str, dict[tuple[str, str], Entry]]:
    """The tables of a page: run → (scenario, column) → what stands there."""
    found: dict[str, dict[tuple[str, str], Entry]] = {}
    for name, part in re.findall(r"^<!-- run: ([\w-]+) -->$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        rows = [_cells(line) for line in part.splitlines() if line.startswith("|")]
        columns = rows[0][1:]
        found[name] = {
            (row[0], column): _entry(cell)
            for row in rows[2:]
            for column, cell in zip(columns, row[1:], strict=True)
        }
    return found
