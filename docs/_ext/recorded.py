"""Write what a run of the conformance kit gave, cases counted, for the page that shows it.

::

    pytest tests/conformance/test_models.py -p pytest_modemtls --modem-outcomes FILE
    python docs/_ext/recorded.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "_conformance" / "outcomes.json"


def counted(outcomes: dict[str, str]) -> dict[str, list[int]]:
    """By test: how many of its cases passed, and how many there are."""
    found: dict[str, list[int]] = {}
    for name, outcome in outcomes.items():
        pair = found.setdefault(name.split("[")[0], [0, 0])
        pair[0] += outcome == "passed"
        pair[1] += 1
    return dict(sorted(found.items()))


def main(file: str) -> None:
    """Count and write."""
    read = json.loads(Path(file).read_text("utf-8"))
    models = {model: counted(outcomes) for model, outcomes in read["models"].items()}
    lines = [
        f" {json.dumps(model)}: {{\n"
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(pair)}" for name, pair in cases.items())
        + "\n }"
        for model, cases in models.items()
    ]
    text = f'{{"against": {json.dumps(read["against"])}, "models": {{\n' + ",\n".join(lines) + "\n}}\n"
    TARGET.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
