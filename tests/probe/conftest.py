from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemtls.probe import Authority, Prepared, ProbeServer, prepare


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def prepared(authority: Authority) -> list[Prepared]:
    return prepare(["localhost", "probe.test", "127.0.0.1"], authority)


@pytest.fixture
def server(prepared: list[Prepared]) -> Iterator[ProbeServer]:
    with ProbeServer(prepared, seconds=10) as server:
        yield server
