"""What cannot run on a computer is named in the report, whether or not the run is split among processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, "CC": "nonexistentcc"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the agent is built for a computer on Linux")
@pytest.mark.parametrize("processes", ["0", "1"])
def test_without_a_compiler_each_test_function_is_named_with_the_reason(processes: str) -> None:
    said = run("-n", processes, "tests/sierra/test_agent_commands.py", "tests/sierra/test_agent_host.py")
    lines = said.splitlines()
    reason = ": not run: there is no C compiler (nonexistentcc)"
    assert f"tests/sierra/test_agent_host.py::test_a_megabyte{reason}" in lines
    cases = [line for line in lines if "::test_a_form" in line or "[… " in line]
    assert cases
    assert all(" cases]" in line and line.endswith(reason) for line in cases)
    named = {line.partition("::")[2].partition("[")[0].partition(":")[0] for line in lines if reason in line}
    written = (ROOT / "tests" / "sierra" / "test_agent_commands.py").read_text("utf-8")
    functions = {line[4:].partition("(")[0] for line in written.splitlines() if line.startswith("def test_")}
    assert functions <= named


def test_a_run_that_leaves_nothing_out_says_nothing_of_it() -> None:
    assert "not run" not in run("-n", "0", "tests/test_op.py")
