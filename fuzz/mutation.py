"""``python fuzz/mutation.py``: mutation testing of the AT channel and of quoting, by mutmut.

mutmut knows no source folder but ``.``, ``src`` and ``source``, and writes beside what it mutates, so the
package and its tests are laid out anew in a temporary folder first.  ``[tool.mutmut]`` in pyproject.toml says
what is mutated.  At the end stand the figures per module and each survivor as a change of lines.  Arguments go to
mutmut: ``"modemtls.at.channel.*"`` runs the mutants of one module.
"""

from __future__ import annotations

import ast
import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FEW_EXAMPLES = """
from hypothesis import Phase, settings

phases = (Phase.explicit, Phase.generate)  # that a mutant fails is enough: nobody reads the smallest example
settings.register_profile("mutation", deadline=None, max_examples=15, database=None, phases=phases)
settings.load_profile("mutation")
"""
KILLED = {1, 3}
TIMED_OUT = {24, 36, 152, 255, -24}
SURVIVED = 0


def lay_out(folder: Path) -> None:
    """Copy what is mutated, and what tests it, as mutmut expects them."""
    without_caches = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "core" / "modemtls", folder / "src" / "modemtls", ignore=without_caches)
    of_others = shutil.ignore_patterns(
        "__pycache__", ".*", "*data_*"
    )  # test what is not mutated, and take long
    shutil.copytree(ROOT / "tests" / "at", folder / "tests" / "at", ignore=of_others)
    (folder / "tests" / "conftest.py").write_text(FEW_EXAMPLES, "utf-8")
    shutil.copy(ROOT / "pyproject.toml", folder)


def functions(source: str) -> dict[str, list[str]]:
    """The lines of each function in a mutated module, without the line that names it."""
    lines = source.splitlines()
    return {
        node.name: lines[node.lineno : node.end_lineno]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def survivors(meta: Path, results: dict[str, int | None]) -> Iterator[str]:
    """Each mutant that no test noticed: its name, and what it changed."""
    found = functions(meta.with_suffix("").read_text("utf-8"))
    for key, result in results.items():
        if result != SURVIVED:
            continue
        name = key.rpartition(".")[2]
        original = found.get(name.partition("__mutmut_")[0] + "__mutmut_orig", [])
        changes = difflib.unified_diff(original, found.get(name, []), n=0, lineterm="")
        kept = [
            f"    {change[0]} {change[1:].strip()}"
            for change in changes
            if not change.startswith(("---", "+++", "@@"))
        ]
        yield "\n".join([key, *kept])


def main() -> int:
    """Run mutmut and report; the exit status is mutmut's."""
    folder = Path(tempfile.mkdtemp(prefix="modemtls-mutation-"))
    lay_out(folder)
    status = subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *sys.argv[1:]],
        cwd=folder,
        check=False,
    ).returncode
    listed: list[str] = []
    print(f"\n{'module':<12}{'mutants':>8}{'killed':>8}{'timeout':>9}{'survived':>9}{'killed %':>10}")
    for meta in sorted((folder / "mutants" / "src" / "modemtls" / "at").glob("*.py.meta")):
        results: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        values = list(results.values())
        if not values:
            continue
        killed = sum(value in KILLED for value in values)
        late = sum(value in TIMED_OUT for value in values)
        share = 100 * (killed + late) / len(values)
        listed += survivors(meta, results)
        print(
            f"{meta.name.partition('.')[0]:<12}{len(values):>8}{killed:>8}{late:>9}"
            f"{values.count(SURVIVED):>9}{share:>10.1f}"
        )
    print("\nSurvivors:\n", *listed, sep="\n")
    shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
