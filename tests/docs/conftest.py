"""A folder with the files that the examples name, and the server that they talk to."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.diagnose.authority import NOW, root

from modemtls.sim.server import HttpsServer

from .examples import Bench


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server(authority: trustme.CA) -> Iterator[HttpsServer]:
    with HttpsServer(names=("api.example.org", "server.test"), ca=authority) as server:
        yield server


@pytest.fixture
def bench(
    tmp_path: Path, authority: trustme.CA, server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "journal"))
    authority.cert_pem.write_to_path("ca.pem")
    trustme.CA().cert_pem.write_to_path("other-ca.pem")
    now = datetime.datetime.now(datetime.UTC)
    client = authority.issue_cert(
        "client.example.org",
        not_before=now - datetime.timedelta(days=1),
        not_after=now + datetime.timedelta(days=365),
    )
    client.cert_chain_pems[0].write_to_path("client.pem")
    client.private_key_pem.write_to_path("client.key")
    days = (now - NOW).days
    example = root("Example Root", days=(days - 900, days + 5000))
    issuer = example.issue("Example Issuing CA", ca=True, days=(days - 90, days + 900))
    leaf = issuer.issue("api.example.org", names=["api.example.org"], days=(days - 10, days + 80))
    Path("root.pem").write_bytes(example.pem)
    Path("server-chain.pem").write_bytes(leaf.pem + issuer.pem)
    levels = {name: logging.getLogger(name).level for name in ("modemtls", "modemtls.at")}
    yield Bench(tmp_path, server.port)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
