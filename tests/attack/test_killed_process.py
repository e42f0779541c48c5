"""A process that imports is killed with SIGKILL at every step of it; the next one mends what it left.

The modem is on a pseudo-terminal, the process is a real one.  Its steps are counted, not timed.
"""

from __future__ import annotations

import fcntl
import json
import random
import struct
import subprocess
import sys
import termios
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
import trustme

from modemtls import Modem
from modemtls.credentials import bundle, read
from modemtls.journal import Journal
from modemtls_sequans.models import RESERVED_SLOTS
from modemtls_sequans.simulator import Gm02s

from .conftest import attack_size
from .power import CutPort, Directory, modem_with, objects, opened

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

if sys.platform != "win32":
    from .killable import Job, Outcome

EC = trustme.KeyType.ECDSA
SERIAL = "004999010640000"


class Killer:
    """Runs jobs in processes that end at a step."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("killable.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, job: Job) -> Outcome:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(job)) + "\n")
        self.process.stdin.flush()
        return Outcome(**json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(10) == 0


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    killer = Killer()
    yield killer
    killer.close()


def normal(*pems: bytes) -> bytes:
    return bundle(read(b"".join(pems), source="").certificates)


def pair_of(ca: trustme.CA, name: str) -> tuple[bytes, bytes]:
    leaf = ca.issue_cert(name, key_type=EC)
    key = read(leaf.private_key_pem.bytes(), source="").keys[0].pem
    return normal(leaf.cert_chain_pems[0].bytes()), key


CAS = [trustme.CA(organization_name=f"CA {n}", key_type=EC) for n in range(2)]
OLD, NEW = (normal(ca.cert_pem.bytes()) for ca in CAS)
OLD_PAIR, NEW_PAIR = (pair_of(ca, f"client{n}.test") for n, ca in enumerate(CAS))


def ready(modem: Modem) -> None:
    modem.trust(OLD)
    modem.install(*OLD_PAIR)


@dataclass(frozen=True)
class Import:
    """``before`` prepares; ``act`` of ``files`` is what is killed; ``old``, ``new``: what the profile names."""

    name: str
    before: Callable[[Modem], object]
    act: str
    files: tuple[bytes, ...]
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]
    gone: bytes | None = None

    def perform(self, modem: Modem) -> None:
        if self.act == "install":
            modem.install(*self.files)
        else:
            modem.trust(*self.files, add=self.act == "add")


IMPORTS = [
    Import("first CA", lambda modem: None, "trust", (NEW,), (), (NEW,)),
    Import("another CA", ready, "trust", (NEW,), (OLD, *OLD_PAIR), (NEW, *OLD_PAIR), gone=OLD),
    Import("one more CA", ready, "add", (NEW,), (OLD, *OLD_PAIR), (normal(OLD, NEW), *OLD_PAIR)),
    Import("certificate and key", ready, "install", NEW_PAIR, (OLD, *OLD_PAIR), (OLD, *NEW_PAIR)),
]


def named(simulator: Gm02s) -> tuple[bytes | None, ...]:
    """What stands in the slots that the profile names."""
    profile = simulator.profiles.get(6)
    if profile is None:
        return ()
    kinds = ("certificate", "certificate", "privatekey")
    pairs = zip(kinds, (profile.ca, profile.certificate, profile.key), strict=True)
    return tuple(simulator.nvm.get(kind, slot) for kind, slot in pairs if slot is not None)


def until_quiet(simulator: Gm02s, descriptor: int) -> None:
    """Wait until the modem has taken what the process had written."""
    pause = threading.Event()
    while struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))[0]:
        pause.wait(0.001)
    pause.wait(0.002)


class Bench:
    """One import, and the check of what a kill left of it."""

    def __init__(self, what: Import, folder: Path, killer: Killer, patch: pytest.MonkeyPatch) -> None:
        self.what, self.killer, self.patch = what, killer, patch
        home = folder / "journal"
        home.mkdir()
        patch.setenv("MODEMTLS_STATE_DIR", str(home))
        self.directory = Directory(home)
        secrets = folder / "secrets"
        secrets.mkdir()
        self.files = tuple(str(secrets / str(number)) for number in range(len(what.files)))
        for name, data in zip(self.files, what.files, strict=True):
            Path(name).write_bytes(data)
        simulator = modem_with(None)
        with opened(CutPort(simulator), patch) as modem:
            what.before(modem)
        self.flash = json.dumps(simulator.dump_state())
        self.before = objects(simulator)
        self.journal = self.directory.contents()

    def killed_at(self, step: int) -> Outcome:
        """One run, with all checks; it may come to its end before that step."""
        from modemtls.sim import PtyServer

        self.directory.restore(self.journal)
        simulator = modem_with(json.loads(self.flash))
        with PtyServer(simulator) as server:
            outcome = self.killer.run(
                Job(server.path, self.what.act, self.files, str(self.directory.path), step)
            )
            until_quiet(simulator, server._master)
        try:
            assert outcome.last != "failed"
            self.check_left(simulator)
            with opened(CutPort(simulator), self.patch, timeout=20.0) as modem:
                self.what.perform(modem)
            self.check_mended(simulator)
        except BaseException as error:
            error.add_note(f"{self.what.name}, killed at step {step}: {outcome.last}")
            raise
        return outcome

    def check_left(self, simulator: Gm02s) -> None:
        """The old or the new, whole; one slot more at most, and that is noted."""
        assert named(simulator) in (self.what.old, self.what.new)
        left = {key: data for key, data in objects(simulator).items() if self.before.get(key) != data}
        assert not any(slot in RESERVED_SLOTS for _, slot in left)
        assert set(left.values()) <= set(self.what.new)
        assert len({slot for _, slot in left}) <= 1
        journal = Journal(self.directory.path, SERIAL)
        spaces = {"certificate": "certificate", "privatekey": "key"}
        for (kind, slot), data in left.items():
            if data not in named(simulator):
                noted = {note.slot for note in journal.unfinished(spaces[kind])}
                assert slot in noted, (
                    "what nothing names is noted as unfinished, so that the next run finds it"
                )

    def check_mended(self, simulator: Gm02s) -> None:
        """What was wanted, no slot more, and nothing left to be done."""
        assert named(simulator) == self.what.new
        expected = {*self.before.values(), *self.what.new} - {self.what.gone}
        assert sorted(objects(simulator).values()) == sorted(each for each in expected if each is not None)
        journal = Journal(self.directory.path, SERIAL)
        assert not journal.unfinished("certificate")
        assert not journal.unfinished("key")


@pytest.mark.parametrize("what", IMPORTS, ids=lambda what: what.name)
def test_killed_at_each_step(
    what: Import, killer: Killer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(what, tmp_path, killer, monkeypatch)
    whole = bench.killed_at(0)
    assert not whole.was_killed
    rng = random.Random(what.name)
    # How the modem's bytes are cut differs a little from run to run, so the end is where a run comes to it.
    steps = attack_size(range(1, 10 * whole.steps), sorted(rng.sample(range(1, whole.steps + 1), 15)))
    died: Counter[str] = Counter()
    for step in steps:
        outcome = bench.killed_at(step)
        if not outcome.was_killed:
            break
        died[outcome.last] += 1
    print(f"{what.name}: {died.total()} of {whole.steps} steps, {dict(died)}")
    assert died.total() >= len(steps) // 2 or died.total() >= whole.steps * 0.8
    if len(steps) > whole.steps:
        assert {"before a write", "in a write", "after a write", "read"} <= set(died)
        assert {"before fsync", "os.rename", "tempfile.mkstemp", "fcntl.flock"} <= set(died)
