"""A process that imports is killed with SIGKILL at any moment; the next one mends what it left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trustme

import modemtls
from modemtls.credentials import bundle, read
from modemtls.journal import Journal
from modemtls_sequans.models import RESERVED_SLOTS
from modemtls_sequans.simulator import Gm02s

from .conftest import attack_size
from .power import objects

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

EC = trustme.KeyType.ECDSA
SERIAL = "004999010640000"

#: Opens first, says so, and works when it is told to: what is killed is the import, not the start.
PROGRAM = """
import sys, modemtls
with modemtls.open(sys.argv[1], model="sequans-gm02s") as modem:
    print("open", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "trust":
        modem.trust(sys.argv[3])
    else:
        modem.install(sys.argv[3], sys.argv[4])
    print("done", flush=True)
"""


def killed_after(seconds: float, *arguments: str) -> bool:
    """Let the program work for that long; true when it was killed before it was done."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"open\n"
            process.stdin.write(b"go\n")
            process.stdin.flush()
            time.sleep(seconds)  # which moment it is decides nothing about the outcome
        finally:
            process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    return b"done" not in rest


def normal(*pems: bytes) -> bytes:
    return bundle(read(b"".join(pems), source="").certificates)


def named(simulator: Gm02s) -> tuple[bytes | None, ...]:
    profile = simulator.profiles[6]
    kinds = ("certificate", "certificate", "privatekey")
    slots = (profile.ca, profile.certificate, profile.key)
    pairs = zip(kinds, slots, strict=True)
    return tuple(simulator.nvm.get(kind, slot) for kind, slot in pairs if slot is not None)


@pytest.mark.parametrize("what", ["trust", "install"])
def test_killed_at_any_moment(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modemtls.sim import PtyServer

    home = tmp_path / "journal"
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(home))
    authorities = [trustme.CA(organization_name=f"CA {n}", key_type=EC) for n in range(2)]
    leaves = [ca.issue_cert(f"client{n}.test", key_type=EC) for n, ca in enumerate(authorities)]
    cas = [normal(ca.cert_pem.bytes()) for ca in authorities]
    pairs = [
        (normal(leaf.cert_chain_pems[0].bytes()), read(leaf.private_key_pem.bytes(), source="").keys[0].pem)
        for leaf in leaves
    ]
    for name, data in (("ca", cas[1]), ("cert", pairs[1][0]), ("key", pairs[1][1])):
        (tmp_path / name).write_bytes(data)
    files = ("ca",) if what == "trust" else ("cert", "key")
    arguments = (what, *(str(tmp_path / name) for name in files))
    random_ = random.Random(what)
    killed = 0
    for number in range(attack_size(30, 2)):
        for file in home.rglob("*"):
            if file.is_file():
                file.unlink()
        simulator = Gm02s(latency=0.01)
        with PtyServer(simulator) as server:
            with modemtls.open(server.path, model="sequans-gm02s") as modem:
                modem.trust(cas[0])
                modem.install(*pairs[0])
            before = objects(simulator)
            old = named(simulator)
            new = (cas[1], *pairs[0]) if what == "trust" else (cas[0], *pairs[1])
            seconds = random_.uniform(0.0, 0.35)
            told = f"run {number}, killed after {seconds:.3f} s"
            killed += killed_after(seconds, server.path, *arguments)

            assert named(simulator) in (old, new), told
            left = {k: v for k, v in objects(simulator).items() if before.get(k) != v}
            assert not any(slot in RESERVED_SLOTS for _, slot in left), told
            assert set(left.values()) <= set(new), told
            assert len({slot for _, slot in left}) <= 1, told

            with modemtls.open(server.path, model="sequans-gm02s", timeout=20.0) as modem:
                if what == "trust":
                    modem.trust(cas[1])
                else:
                    modem.install(*pairs[1])
            assert named(simulator) == new, told
            expected = {*before.values(), *new} - ({cas[0]} if what == "trust" else set())
            assert sorted(objects(simulator).values()) == sorted(expected), told
            assert not Journal(home, SERIAL).unfinished("certificate"), told
    print(f"{killed} of {number + 1} processes were killed before they were done")
