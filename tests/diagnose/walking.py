"""Modems, servers and the walk, for the tests of the diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

import modemtls
from modemtls import Modem
from modemtls.diagnose.result import Diagnosis
from modemtls.sim.server import HttpsServer

__all__ = ["HOST", "bench", "reasons", "states", "write"]

HOST = "one.test"
GAPS = {"sierra-q2686": ("hostname", "minimum-version")}


@contextmanager
def bench(
    server: HttpsServer | None = None,
    *,
    model: str = "sequans-gm02s",
    port: int | None = None,
    trust: trustme.CA | bytes | None = None,
    given: dict[str, Any] | None = None,
    **settings: object,
) -> Any:
    """An open simulated modem for which ``HOST`` is ``server`` (or ``port`` of this computer)."""
    leads = server.port if server is not None else port
    query = [f"map={HOST}:443=127.0.0.1:{leads}"] if leads is not None else []
    query += [f"{name}={value}" for name, value in settings.items()]
    address = f"sim://{model}" + (f"?{'&'.join(query)}" if query else "")
    modem: Modem
    with modemtls.open(address, accept_gaps=GAPS.get(model), **(given or {})) as modem:
        if trust is not None:
            modem.trust(trust.cert_pem.bytes() if isinstance(trust, trustme.CA) else trust)
        yield modem


def reasons(found: Diagnosis) -> list[str]:
    """The reasons of the causes, in their order."""
    return [cause.reason.value for cause in found.causes]


def states(found: Diagnosis) -> dict[str, str]:
    """How each step went."""
    return {step.name: step.state.value for step in found.steps}


def write(folder: Path, name: str, parts: Iterable[bytes]) -> str:
    """A file of these parts; gives its name."""
    path = folder / name
    path.write_bytes(b"".join(parts))
    return str(path)
