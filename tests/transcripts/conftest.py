"""A server, a certificate with its key, and one recorded session that many tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from modemtls.sim.server import HttpsServer

from .bench import Script, session, url


@pytest.fixture(scope="session")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test",)) as running:
        yield running


@pytest.fixture(scope="session")
def pair() -> trustme.LeafCert:
    return trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert(
        "device.test", key_type=trustme.KeyType.ECDSA
    )


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture(scope="session")
def recorded(server: HttpsServer, pair: trustme.LeafCert) -> tuple[str, list[object]]:
    """The text of a session in full, and what came of it."""
    script = Script()
    found = session(url(server), server.ca_pem, pair, record=script.recorder)
    return script.text, found


@pytest.fixture
def recording(recorded: tuple[str, list[object]], tmp_path: Path) -> Path:
    path = tmp_path / "session.txt"
    path.write_text(recorded[0], "utf-8")
    return path
