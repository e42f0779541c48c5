"""The pytest plugin: the kit against a modem on a port, what is left out there, and the file of outcomes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from modemtls.sim import PtyServer, simulator_type
from modemtls.testing import DriverConformance

OWN = """
from modemtls.testing import DriverConformance


class TestMine(DriverConformance):
    model = "sequans-gm02s"


class TestOther(DriverConformance):
    model = "sequans-gm01q"


def test_of_the_authors_own():
    assert True
"""


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(OWN, "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "pytest_modemtls",
        "-p",
        "no:cacheprovider",
        "-q",
        *arguments,
    ]
    core = str(Path(__file__).resolve().parents[2] / "core")
    path = os.pathsep.join(filter(None, (core, os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [*command, "test_mine.py"],
        cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def simulated_only() -> list[str]:
    """The tests of the kit that need a simulated modem."""
    return [
        name
        for name in dir(DriverConformance)
        if name.startswith("test_") and getattr(getattr(DriverConformance, name), "needs_simulator", False)
    ]


def test_on_a_port_the_tests_with_knobs_are_left_out_and_listed(tmp_path: Path) -> None:
    with PtyServer(simulator_type("sequans-gm02s")()) as server:
        ran = pytest_in(
            tmp_path,
            "--modem-port",
            server.path,
            "--modem-model",
            "sequans-gm02s",
            "--modem-outcomes",
            "out.json",
        )
    assert ran.returncode == 0, ran.stdout
    assert "left out against a real modem" in ran.stdout
    assert simulated_only()
    assert not [name for name in simulated_only() if name not in ran.stdout]
    written = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert written["against"] == "a real modem"
    found = written["models"]["sequans-gm02s"]
    assert set(found.values()) == {"passed"}
    assert "test_what_is_stored_is_listed_replaced_and_removed" in found
    assert not {name.split("[")[0] for name in found} & set(simulated_only())
    assert "sequans-gm01q" not in written["models"]


def test_a_port_without_a_model_is_refused(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, "--modem-port", "/dev/null")
    assert ran.returncode == 4
    assert "--modem-model" in ran.stderr


def test_without_a_port_nothing_is_left_out_and_nothing_skips(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, "--collect-only", "--modem-model", "sequans-gm02s")
    assert ran.returncode == 0, ran.stdout
    for name in simulated_only():
        assert f"TestMine::{name}" in ran.stdout
    assert "TestOther" not in ran.stdout
    assert "test_of_the_authors_own" in ran.stdout


def test_the_plugin_imports_pytest_and_the_standard_library_only() -> None:
    import ast

    import pytest_modemtls

    tree = ast.parse(Path(pytest_modemtls.__file__).read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"pytest"}
