"""Modems of ours on a pty for others, and iaxmodem for ours."""

from __future__ import annotations

import getpass
import grp
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemtls.sim import PtyServer
from modemtls_sequans.simulator import Gm02s

from .counterpart import PATIENCE, program
from .phone import Phone


@pytest.fixture
def gm02s() -> Iterator[tuple[Gm02s, str]]:
    """A simulated GM02S and the path of its pty."""
    simulator = Gm02s(registration_delay=0.1, boot_delay=0.2)
    with PtyServer(simulator) as server:
        yield simulator, server.path


@pytest.fixture
def phone() -> Iterator[tuple[Phone, str]]:
    """A simulated modem that also sends text messages, and the path of its pty."""
    simulator = Phone(registration_delay=0.1)
    with PtyServer(simulator) as server:
        yield simulator, server.path


@pytest.fixture
def iaxmodem() -> Iterator[str]:
    """The path of the pty of an iaxmodem whose exchange does not exist: only its AT interpreter works."""
    found = program("iaxmodem")
    if os.geteuid() != 0:
        pytest.skip("not run: iaxmodem wants to be started by root")
    with tempfile.TemporaryDirectory(prefix="iax") as folder:  # longer names than this it does not take
        yield from _iaxmodem(found, Path(folder))


def _iaxmodem(found: str, folder: Path) -> Iterator[str]:
    path = folder / "tty"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    settings = {
        "device": path,
        "owner": f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}",
        "mode": "600",
        "port": number,
        "refresh": "0",
        "server": "127.0.0.1",
        "peername": "nobody",
        "secret": "none",
        "codec": "slinear",
        "nodaemon": "",
    }
    config = folder / "config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    # It takes the name of a file in its own folder, and in the foreground no other.
    name = Path("../..") / config.relative_to("/")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([found, name], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.exists(), f"iaxmodem did not start: {(folder / 'log').read_text()}"
        yield str(path)
    finally:
        process.kill()
        process.wait()
