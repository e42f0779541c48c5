"""Servers that the tests of the core share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme

from modemtls.sim.server import HttpsServer

NAMES = ("one.test", "two.test", "three.test")


@pytest.fixture(scope="session")
def server() -> Iterator[HttpsServer]:
    """A good server."""
    with HttpsServer(names=NAMES) as running:
        yield running


@pytest.fixture(scope="session")
def stranger() -> Iterator[HttpsServer]:
    """A good server of a CA that nobody trusts."""
    with HttpsServer(names=NAMES, ca=trustme.CA(organization_name="Strangers")) as running:
        yield running


@pytest.fixture(scope="session")
def cas() -> tuple[bytes, ...]:
    """Six CAs that have nothing to do with the servers."""
    kinds = trustme.KeyType.ECDSA
    return tuple(trustme.CA(organization_name=f"CA {n}", key_type=kinds).cert_pem.bytes() for n in range(6))
