"""The demo's commands, as a person types them, over the compiled agent's port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .agent import Agent
from .conftest import BARE, ISSUED, OWN, TODAY, Bench

GAPS = "hostname,minimum-version"


def test_the_commands_of_the_demo_tell_the_same_story_on_the_compiled_agent(
    bench: Bench, tmp_path: Path
) -> None:
    for name, content in (("self-signed", bench.own), ("root", bench.root), ("server", bench.leaf)):
        (tmp_path / f"{name}.pem").write_bytes(content)

    with Agent(f"--map={bench.map}") as agent:

        def said(*arguments: str, status: int = 0, gaps: str = GAPS) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "modemtls", *arguments],
                cwd=tmp_path,
                env={
                    **os.environ,
                    "MODEMTLS_PORT": agent.path,
                    "MODEMTLS_ACCEPT_GAPS": gaps,
                    "MODEMTLS_STATE_DIR": str(tmp_path / "state"),
                },
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == status, done.stdout + done.stderr
            return done.stdout + done.stderr

        said("network", "up")
        said("cert", "trust", "root.pem")
        refusal = said("request", f"https://{ISSUED}/", status=7, gaps="")
        assert "hostname" in refusal
        assert "TLS 1.2" in refusal
        assert "--tls host" in refusal

        assert "1998-01-01" in said("clock")
        said("cert", "trust", "self-signed.pem")
        assert "Hello from modemtls." in said("request", f"https://{OWN}/")

        said("cert", "trust", "root.pem")
        opaque = said("request", f"https://{ISSUED}/", status=10)
        assert "WIP_CEV_ERROR 1 (Bad certificate)" in opaque
        assert "not-yet-valid" in opaque
        assert "derived" in opaque
        assert "modemtls clock --set now" in opaque
        error = json.loads(said("request", "--json", f"https://{ISSUED}/", status=10))["error"]
        assert "not-yet-valid" in error["reasons"]

        said("clock", "--set", "now")
        assert "Hello from modemtls." in said("request", f"https://{ISSUED}/")

        assert "leaf-as-anchor" in said("cert", "trust", "server.pem", status=6)
        assert "missing-intermediate" in said("request", f"https://{BARE}/", status=10)
        loud = said("request", "--insecure", f"https://{BARE}/")
        assert "nothing is verified" in loud
        assert "Hello from modemtls." in loud
        assert "Hello from modemtls." in said(
            "request", "--tls", "host", "--ca", "root.pem", f"https://{TODAY}/"
        )
