"""Servers of the year of the module, and modules to reach them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme

import modemtls
from modemtls import Gap, Modem, TlsVersion
from modemtls.sim.certificates import make_self_signed
from modemtls.sim.server import HttpsServer

GAPS = frozenset({Gap.HOSTNAME, Gap.MINIMUM_VERSION})
ISSUED, BARE, OWN, TODAY = "issued.test", "bare.test", "own.test", "today.test"


@dataclass(frozen=True)
class Bench:
    """Servers, and the certificates that belong to them."""

    root: bytes
    leaf: bytes
    own: bytes
    servers: dict[str, HttpsServer]

    @property
    def map(self) -> str:
        """Where the simulated network leads."""
        return ",".join(f"{name}:443=127.0.0.1:{server.port}" for name, server in self.servers.items())

    def url(self, model: str = "sierra-q2686", **settings: Any) -> str:
        return f"sim://{model}?{urlencode({'map': self.map, **settings}, safe=':=,')}"

    def open(
        self, model: str = "sierra-q2686", options: dict[str, Any] | None = None, **settings: Any
    ) -> Modem:
        """A module whose gaps are accepted."""
        return modemtls.open(self.url(model, **settings), accept_gaps=GAPS, options=options)


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    root = trustme.CA()
    between = root.create_child_ca()
    whole, alone = between.issue_cert(ISSUED), between.issue_cert(BARE)
    own, own_key = make_self_signed(OWN)
    old = {
        ISSUED: whole.private_key_and_cert_chain_pem.bytes(),
        BARE: alone.private_key_pem.bytes() + alone.cert_chain_pems[0].bytes(),
        OWN: own_key + own,
    }
    servers = {name: HttpsServer(credential_pem=pem, tls_max=TlsVersion.TLS1_0) for name, pem in old.items()}
    servers[TODAY] = HttpsServer(names=(TODAY,), ca=root)
    with servers[ISSUED], servers[BARE], servers[OWN], servers[TODAY]:
        yield Bench(root.cert_pem.bytes(), whole.cert_chain_pems[0].bytes(), own, servers)


@pytest.fixture(scope="session")
def named() -> Iterator[Bench]:
    """A server of today whose certificate has the name that the application dials."""
    with HttpsServer(names=("application.test",)) as server:
        yield Bench(server.ca_pem, b"", b"", {"named": server})
