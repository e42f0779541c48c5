"""Starting the others: a test whose counterpart is not there says so by name and does not run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"
PATIENCE = 120
"""Seconds after which a program hangs; none needs a tenth of it."""


def program(name: str) -> str:
    """The path of a program from the operating system's packages, or the end of the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"not run: {name} is not installed")
    return found


def client(name: str, module: str, port: str, *actions: object) -> list[object]:
    """What ``clients/use_MODULE.py``, which uses the library ``name``, gives for each action.

    It is a process of its own: threads and warnings of libraries stay there.
    """
    if find_spec(module) is None:
        pytest.skip(f"not run: the Python package {name} is not installed")
    ran = subprocess.run(
        [sys.executable, CLIENTS / f"use_{module}.py", port],
        input=json.dumps(actions),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert ran.returncode == 0, ran.stderr
    given = json.loads(ran.stdout.splitlines()[-1])
    assert isinstance(given, list)
    assert len(given) == len(actions), ran.stderr
    return given
