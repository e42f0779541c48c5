"""One application, unchanged, on three models: the port differs, and what stands in the configuration."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemtls.sim.server import pattern

from .agent import Agent
from .conftest import ISSUED, Bench

SCRIPT = Path(__file__).with_name("application.py")
CONFIGURATION = """
[port."sim://sierra-q2686"]
accept_gaps = ["hostname", "minimum-version"]
"""
WANTED = (
    "200 Hello from modemtls.\n"
    f"{hashlib.sha256(pattern(30_000)).hexdigest()} {hashlib.sha256(bytes(range(256)) * 8).hexdigest()}\n"
)


def run(
    tmp_path: Path, bench: Bench, model: str, server: str, configuration: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    port = f"sim://{model}?map=application.test:443=127.0.0.1:{bench.servers[server].port}"
    return run_on(port, tmp_path, bench, configuration, **environment)


def run_on(
    port: str, tmp_path: Path, bench: Bench, configuration: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "modemtls.toml").write_text(configuration, "utf-8")
    (tmp_path / "ca.pem").write_bytes(bench.root)
    return subprocess.run(
        [sys.executable, str(SCRIPT), port, "ca.pem", "application.test"],
        cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "server", "where"),
    [
        ("sierra-q2686", ISSUED, "modem"),
        ("sierra-q2686-wipsoft", "named", "host"),
        ("sequans-gm02s", "named", "modem"),
    ],
)
def test_the_same_script_on_each_model(
    tmp_path: Path, bench: Bench, named: Bench, model: str, server: str, where: str
) -> None:
    ran = run(tmp_path, bench if server == ISSUED else named, model, server, CONFIGURATION)
    assert ran.stdout == WANTED, ran.stderr
    assert f"TLS: {where}" in ran.stderr


@pytest.mark.parametrize("model", ["sierra-q2686", "sequans-gm02s"])
def test_tls_on_this_computer_is_a_line_of_the_configuration(
    tmp_path: Path, named: Bench, model: str
) -> None:
    ran = run(tmp_path, named, model, "named", f'[port."sim://{model}"]\ntls = "host"\n')
    assert ran.stdout == WANTED, ran.stderr
    assert "TLS: host" in ran.stderr


@pytest.mark.parametrize("where", ["modem", "host"])
def test_the_same_script_on_the_compiled_agent(
    tmp_path: Path, bench: Bench, named: Bench, where: str
) -> None:
    servers, server = (bench, ISSUED) if where == "modem" else (named, "named")
    with Agent(f"--map=application.test:443=127.0.0.1:{servers.servers[server].port}") as agent:
        settings = 'accept_gaps = ["hostname", "minimum-version"]' if where == "modem" else 'tls = "host"'
        ran = run_on(agent.path, tmp_path, servers, f'[port."{agent.path}"]\n{settings}\n')
    assert ran.stdout == WANTED, ran.stderr
    assert f"TLS: {where}" in ran.stderr


def test_or_a_variable_of_the_environment(tmp_path: Path, named: Bench) -> None:
    ran = run(tmp_path, named, "sierra-q2686", "named", "", MODEMTLS_TLS="host")
    assert ran.stdout == WANTED, ran.stderr
    assert "TLS: host" in ran.stderr


def test_without_either_the_script_ends_before_a_byte_is_sent(tmp_path: Path, bench: Bench) -> None:
    ran = run(tmp_path, bench, "sierra-q2686", ISSUED, "")
    assert ran.returncode != 0
    assert "hostname check" in ran.stderr
    assert "accept_gaps" in ran.stderr
