"""``python -m fuzz TARGET [libFuzzer options] [FOLDER]``: fuzz one target, guided by coverage.

What is found goes to FOLDER, or to a new temporary one; the kept corpus is only read.  Without a limit
(``-max_total_time=SECONDS``, ``-runs=NUMBER``) it goes on until it is interrupted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
DEFAULTS = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=1500"]


def main() -> None:
    """Run libFuzzer; the exit status is its own: 0 when nothing was found."""
    with atheris.instrument_imports(include=["modemtls"]):
        from .targets import TARGETS

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m fuzz {{{','.join(TARGETS)}}} [-max_total_time=SECONDS] [FOLDER]")
    name, given = sys.argv[1], sys.argv[2:]
    options = [argument for argument in given if argument.startswith("-")]
    folders = [argument for argument in given if not argument.startswith("-")]
    folder = folders[0] if folders else tempfile.mkdtemp(prefix=f"modemtls-fuzz-{name}-")
    Path(folder).mkdir(parents=True, exist_ok=True)
    print(f"what is found goes to {folder}", file=sys.stderr)
    fixed = [f"-dict={HERE / 'dictionaries' / name}", f"-artifact_prefix={folder}/"]
    atheris.Setup(
        [sys.argv[0], *DEFAULTS, *fixed, *options, folder, str(HERE / "corpus" / name)], TARGETS[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
