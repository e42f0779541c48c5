"""The command line as tests run it: in this process, or as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from click.testing import CliRunner

from modemtls.cli import main

PROGRAM = [sys.executable, "-m", "modemtls"]
MODEL = "sequans-gm02s"


@dataclass(frozen=True)
class Ran:
    """What became of a command line."""

    status: int
    out: str
    err: str
    raw: bytes

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert set(found) == {"class", "reasons", "certainty", "code", "command", "message", "remedy"}
        assert isinstance(found, dict)
        return found


def run(*args: str, stdin: bytes | None = None) -> Ran:
    result = CliRunner().invoke(main, list(args), input=stdin)
    return Ran(
        result.exit_code,
        result.stdout_bytes.decode("utf-8", "replace"),
        result.stderr,
        result.stdout_bytes,
    )


def sim(model: str = MODEL, **settings: object) -> str:
    query = urlencode({name: str(value) for name, value in settings.items()}, safe=":=,/")
    return f"sim://{model}?{query}" if query else f"sim://{model}"


def program(*args: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *args], capture_output=True, timeout=60, env={**os.environ, **more.pop("env", {})}, **more
    )
