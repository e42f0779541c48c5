"""A server to ask, the files that belong to it, and a modem that remembers from one command to the next."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from modemtls.sim.server import HttpsServer, Reply, Request

from .tool import sim

_NEVER = threading.Event()


def _answer(request: Request) -> Reply | None:
    if request.target == "/evil":
        return Reply(200, b"red \x1b[31m\xe2\x80\xae end\n", headers=(("X-Evil", "a\x1b]0;b"),))
    if request.target == "/slow":
        _NEVER.wait(3)
    return None


@pytest.fixture(scope="session")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(handler=_answer) as running:
        yield running


@pytest.fixture
def ca(server: HttpsServer, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_bytes(server.ca_pem)
    return str(path)


@pytest.fixture(scope="session")
def another_ca() -> trustme.CA:
    return trustme.CA(organization_name="Another CA")


@pytest.fixture
def wrong_ca(another_ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "wrong-ca.pem"
    path.write_bytes(another_ca.cert_pem.bytes())
    return str(path)


@pytest.fixture
def modem(server: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a modem that keeps its state; it is the default port too."""
    port = sim(state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{server.port}")
    monkeypatch.setenv("MODEMTLS_PORT", port)
    return port
