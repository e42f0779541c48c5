"""Run the whole matrix and write the page of the documentation that shows it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from .harness import RUNS, Cell, Matrix
from .page import PAGE, entry_of, share, written
from .rigs import COLUMNS
from .scenarios import SCENARIOS
from .servers import world


def main() -> int:
    """Every cell of every run; the status is 1 when a goal is missed."""
    cells: dict[str, dict[tuple[str, str], Cell]] = {}
    missed = 0
    with tempfile.TemporaryDirectory() as folder, world() as servers:
        matrix = Matrix(servers)
        for run in RUNS:
            found = cells[run.name] = {}
            for column in COLUMNS:
                # What is remembered of all modems is one file: with thousands of them each cell would be slower.
                os.environ["MODEMTLS_STATE_DIR"] = str(Path(folder, run.name, column.name.replace("/", "-")))
                for scenario in SCENARIOS:
                    found[scenario.name, column.name] = matrix.cell(scenario, column, run)
            first, total = share(map(entry_of, cells[run.name].values()))
            wrong = [cell for cell in cells[run.name].values() if cell.wrong]
            print(f"{run.name}: {first} of {total}, {first / total:.1%}; wrong and certain: {len(wrong)}")
            missed += len(wrong) + (run.goal is not None and first < run.goal * total)
    PAGE.write_text(written({run: cells[run.name] for run in RUNS}), "utf-8")
    print(f"{PAGE} written")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
