"""Ports to test on, and the check that nothing is left behind."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .peers import Pty, TcpPeer


@pytest.fixture
def pty() -> Iterator[Pty]:
    line = Pty()
    yield line
    line.close()


@pytest.fixture
def tcp() -> Iterator[TcpPeer]:
    server = TcpPeer()
    yield server
    server.close()


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No thread and no descriptor more at the end of the test than at its start."""
    threads = set(threading.enumerate())
    descriptors = _descriptors()
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.005)
    assert set(threading.enumerate()) <= threads
    assert len(_descriptors()) <= len(descriptors)


def _descriptors() -> list[Path]:
    folder = Path("/proc/self/fd")
    # The one that reads the folder is gone when its turn comes to be looked at.
    return [entry for entry in folder.iterdir() if entry.exists()] if folder.is_dir() else []
