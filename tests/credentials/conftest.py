"""Certificates that many tests use, made once."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from .forge import Issued, issue


@pytest.fixture(scope="session")
def root() -> Issued:
    return issue("root", ca=True)


@pytest.fixture(scope="session")
def leaf(root: Issued) -> Issued:
    return issue("device", issuer=root)


@pytest.fixture(scope="session")
def rsa_leaf(root: Issued) -> Issued:
    return issue("rsa device", issuer=root, key=rsa.generate_private_key(65537, 2048))
