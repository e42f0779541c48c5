"""The servers of the matrix, once for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Matrix
from .servers import world


@pytest.fixture(scope="session")
def matrix() -> Iterator[Matrix]:
    with world() as servers:
        yield Matrix(servers)
