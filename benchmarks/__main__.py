"""``python -m benchmarks [PART …] [--quick] [--out FOLDER]``: tables on stdout, JSON in the folder."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from .measure import machine

PARTS = {
    "commands": "commands",
    "libraries": "libraries",
    "transfer": "transfer",
    "data-modes": "data_modes",
    "counted": "counted",
    "many": "many",
    "startup": "startup",
    "hot-paths": "hot_paths",
}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder for the JSON")
    given = parser.parse_args()
    print(machine())
    for part in given.parts or PARTS:
        import_module(f".{PARTS[part]}", __package__).main(given.out, given.quick)


if __name__ == "__main__":
    main()
