"""The power goes, or our process, at every byte of an import: the old credential, the new one, or a mended slot."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from modemtls import CredentialKind, Modem, ModemError
from modemtls.credentials import bundle, read
from modemtls.journal import Journal
from modemtls.sim import Json
from modemtls_sequans.models import RESERVED_SLOTS
from modemtls_sequans.simulator import Gm02s

from .conftest import attack_size
from .power import (
    CutPort,
    Directory,
    TearingGm02s,
    Vanished,
    cut_at_rename,
    modem_with,
    objects,
    opened,
    settings_of,
    state_of,
)

EC = trustme.KeyType.ECDSA
CAS = [trustme.CA(organization_name=f"CA {n}", key_type=EC) for n in range(4)]
OLD, NEW, MORE, USERS = (ca.cert_pem.bytes() for ca in CAS)
OTHER = trustme.CA(organization_name="Another", key_type=EC).cert_pem.bytes()
SERIAL = "004999010640000"


def _pair(name: str) -> tuple[bytes, bytes]:
    leaf = CAS[0].issue_cert(name, key_type=EC)
    return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()


OLD_PAIR, NEW_PAIR = _pair("old.test"), _pair("new.test")


def _normal(*pems: bytes) -> bytes:
    return bundle(read(b"".join(pems), source="").certificates)


def _key(pem: bytes) -> bytes:
    return read(pem, source="").keys[0].pem


@dataclass(frozen=True)
class Operation:
    """``before`` prepares, ``act`` is what is cut; ``old`` and ``new`` are what the profile's slots hold.

    ``stays``: what was named before is still there afterwards.
    """

    name: str
    before: Callable[[Modem], object]
    act: Callable[[Modem], object]
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]
    stays: bool = False
    settings: tuple[tuple[str, Any], ...] = ()
    kind: type[Gm02s] = Gm02s


def _install_both(modem: Modem) -> None:
    modem.trust(OLD)
    modem.install(*OLD_PAIR)


def _put_ca(modem: Modem) -> None:
    modem.trust(OLD)
    modem.credentials.put(MORE, CredentialKind.CA, slot=14)


def _put_key(modem: Modem) -> None:
    modem.trust(OLD)
    modem.credentials.put(OLD_PAIR[1], CredentialKind.KEY, slot=14)


_EACH = (("listing_bundle", "each"),)
_INDEX = (("key_listing", "index"),)
_OLD, _NEW = (_normal(OLD),), (_normal(NEW),)
_BOTH = (_normal(OLD, NEW),)
_PAIR_OLD = (*_OLD, _normal(OLD_PAIR[0]), _key(OLD_PAIR[1]))
_PAIR_NEW = (*_OLD, _normal(NEW_PAIR[0]), _key(NEW_PAIR[1]))

OPERATIONS = [
    Operation("replace", lambda m: m.trust(OLD), lambda m: m.trust(NEW), _OLD, _NEW),
    Operation("first", lambda m: None, lambda m: m.trust(NEW), (), _NEW),
    Operation("add", lambda m: m.trust(OLD), lambda m: m.trust(NEW, add=True), _OLD, _BOTH, stays=True),
    Operation(
        "add, all listed",
        lambda m: m.trust(OLD),
        lambda m: m.trust(NEW, add=True),
        _OLD,
        _BOTH,
        settings=_EACH,
    ),
    Operation(
        "bundle that tears",
        lambda m: m.trust(OLD),
        lambda m: m.trust(NEW, MORE),
        _OLD,
        (_normal(NEW, MORE),),
        stays=True,
        kind=TearingGm02s,
    ),
    Operation(
        "install", _install_both, lambda m: m.install(*NEW_PAIR), _PAIR_OLD, _PAIR_NEW, stays=True
    ),
    Operation(
        "install, keys listed",
        _install_both,
        lambda m: m.install(*NEW_PAIR),
        _PAIR_OLD,
        _PAIR_NEW,
        stays=True,
        settings=_INDEX,
    ),
    Operation(
        "put",
        lambda m: m.trust(OLD),
        lambda m: m.credentials.put(NEW + MORE, CredentialKind.CA, slot=14),
        _OLD,
        _OLD,
    ),
    Operation(
        "remove",
        _put_ca,
        lambda m: m.credentials.remove(14, CredentialKind.CA),
        _OLD,
        _OLD,
    ),
    Operation(
        "remove key",
        _put_key,
        lambda m: m.credentials.remove(14, CredentialKind.KEY),
        _OLD,
        _OLD,
    ),
]  # fmt: skip
PUT_SLOT, PUT_DATA = 14, _normal(NEW, MORE)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)


_TIMES = re.compile(rb'"time": "[^"]*"')


class Bench:
    """One operation, its prepared modem and journal, and the check of what a cut left behind."""

    def __init__(self, operation: Operation, directory: Directory, patch: pytest.MonkeyPatch) -> None:
        self.operation = operation
        self.directory = directory
        self.patch = patch
        self.settings = settings_of(dict(operation.settings))
        self.mended: set[object] = set()
        simulator = self._modem(None)
        with self.open(CutPort(simulator)) as modem:
            modem.credentials.put(USERS, CredentialKind.CA, slot=12)
            modem.command('AT+SQNSPCFG=2,2,"",1,12')
            operation.before(modem)
        self.state = json.dumps(simulator.dump_state())
        self.before = objects(simulator)
        self.journal_before = directory.contents()

    def _modem(self, state: str | None) -> Gm02s:
        flash: Json | None = None if state is None else json.loads(state)
        return modem_with(flash, self.operation.kind, self.settings)

    def open(self, port: CutPort) -> Modem:
        return opened(port, self.patch)

    def fresh(self) -> Gm02s:
        self.directory.restore(self.journal_before)
        return self._modem(self.state)

    def lengths(self) -> dict[str, int]:
        """The bytes of the operation without a cut."""
        simulator = self.fresh()
        port = CutPort(simulator)
        modem = self.open(port)
        port.arm("nothing", "nowhere", 0)
        self.operation.act(modem)
        self.check_end(simulator)
        return dict(port.passed)

    def cut(self, simulator: Gm02s, what: str, way: str, at: int) -> bool:
        """Run the operation on ``simulator`` and cut it; true when it was cut before its end."""
        port = CutPort(simulator)
        modem = self.open(port)
        port.arm(what, way, at)
        try:
            self.operation.act(modem)
        except (ModemError, Vanished):
            return True
        return False

    def named(self, simulator: Gm02s) -> tuple[bytes, ...]:
        profile = simulator.profiles.get(6)
        if profile is None:
            return ()
        slots = (
            ("certificate", profile.ca),
            ("certificate", profile.certificate),
            ("privatekey", profile.key),
        )
        return tuple(simulator.nvm.get(kind, slot) or b"nothing" for kind, slot in slots if slot is not None)

    def check_cut(self, simulator: Gm02s) -> None:
        """What is named is the old or the new; what is not named is at most one, and nobody else's changed."""
        op = self.operation
        named = self.named(simulator)
        assert named in (op.old, op.new), "the profile names the old or the new, never something between"
        self._check_others(simulator)
        known = {*self.before.values(), *op.new, PUT_DATA}
        extra = {}
        for key, data in objects(simulator).items():
            if self.before.get(key) == data:
                continue
            assert data in known or any(each.startswith(data) for each in known), "damaged by nothing known"
            if data not in named:
                extra[key] = data
        assert len({slot for _, slot in extra}) <= 1, "never more than one orphan slot"
        journal = Journal(self.directory.path, SERIAL)
        for space, kind in (("certificate", "certificate"), ("key", "privatekey")):
            for slot in journal.slots(space):
                held = simulator.nvm.get(kind, slot)
                if held is not None or kind == "privatekey":
                    assert journal.written(space, slot) == hashlib.sha256(held or b"").hexdigest()

    def _check_others(self, simulator: Gm02s) -> None:
        now = objects(simulator)
        for key, data in self.before.items():
            if key[1] in RESERVED_SLOTS or key[1] == 12:
                assert now.get(key) == data, f"{key} is somebody else's"
        assert not any(slot in RESERVED_SLOTS for _, slot in now.keys() - self.before.keys())
        profile = simulator.profiles.get(2)
        assert profile is not None
        assert profile.ca == 12

    def check_end(self, simulator: Gm02s) -> None:
        """Exactly what was wanted: no slot more, none less."""
        op = self.operation
        self._check_others(simulator)
        assert self.named(simulator) == op.new
        expected = sorted([*self.before.values(), *(data for data in op.new if data not in op.old)])
        if not op.stays and op.old != op.new:
            for data in op.old:
                expected.remove(data)
        if op.name == "put":
            expected = sorted([*expected, PUT_DATA])
            assert simulator.nvm.get("certificate", PUT_SLOT) == PUT_DATA
        if op.name.startswith("remove"):
            [gone] = [data for (_, slot), data in self.before.items() if slot == PUT_SLOT]
            expected.remove(gone)
        assert sorted(objects(simulator).values()) == expected
        journal = Journal(self.directory.path, SERIAL)
        assert not journal.unfinished("certificate")
        assert not journal.unfinished("key")

    def is_new(self, simulator: Gm02s, way_on: object) -> bool:
        """Nothing has gone on from this state of modem and journal in this way yet."""
        journal = {name: _TIMES.sub(b"", data) for name, data in self.directory.contents().items()}
        key = way_on, state_of(simulator), frozenset(journal.items())
        if key in self.mended:
            return False
        self.mended.add(key)
        return True

    def mend(self, simulator: Gm02s) -> None:
        """The same once more, from a new process."""
        with self.open(CutPort(simulator)) as modem:
            self.operation.act(modem)
        self.check_end(simulator)

    def turn_elsewhere(self, simulator: Gm02s) -> None:
        """Another trust set than the interrupted one: nothing is left of that."""
        with self.open(CutPort(simulator)) as modem:
            modem.trust(OTHER)
            assert self.named(simulator)[0] == _normal(OTHER)
        held = objects(simulator).values()
        assert not any(data in held for data in self.operation.new if data not in self.before.values())


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    # What a process has written outlives its end without being on a disk, and disks are slow.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
        monkeypatch.setenv("MODEMTLS_STATE_DIR", path)
        yield Directory(Path(path))


def _step(operation: Operation) -> int:
    """One in how many bytes is a place to cut."""
    return attack_size(1, 61 if operation.name == "replace" else 131)


@each_operation
@pytest.mark.parametrize("way", ["to modem", "to host"])
@pytest.mark.parametrize("what", ["modem", "host"])
def test_cut_at_a_byte_leaves_the_old_or_the_new(
    operation: Operation, what: str, way: str, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(operation, directory, monkeypatch)
    length = bench.lengths()[way]
    step = _step(operation)
    first = 1 + OPERATIONS.index(operation) % step
    cut = 0
    for at in range(first, length + 1, step):
        simulator = bench.fresh()
        try:
            cut += bench.cut(simulator, what, way, at)
            bench.check_cut(simulator)
            elsewhere = operation.name.startswith(("replace", "bundle")) and at // step % 3 == 0
            if not bench.is_new(simulator, elsewhere):
                continue  # the same modem, the same journal, the same way on: it would be the same run
            if elsewhere:
                bench.turn_elsewhere(simulator)
            else:
                bench.mend(simulator)
        except BaseException as error:
            error.add_note(f"cut at byte {at} of {length} {way}, {what} gone")
            raise
    print(
        f"{operation.name}, {what} gone, {way}: {cut} cuts in {length} bytes, {len(bench.mended)} states mended"
    )
    assert cut >= length // step * 0.6, "most of the cuts were before the end"


@each_operation
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_process_that_ends_at_a_write_of_its_journal(
    operation: Operation, before: bool, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(operation, directory, monkeypatch)
    for number in range(1, 100):
        simulator = bench.fresh()
        modem = bench.open(CutPort(simulator))
        with cut_at_rename(monkeypatch, number, before=before) as done:
            try:
                operation.act(modem)
            except Vanished:
                pass
            else:
                assert done[0] < number
                break
        try:
            bench.check_cut(simulator)
            bench.mend(simulator)
        except BaseException as error:
            error.add_note(f"gone at file {number}, {before=}")
            raise
    assert number > (1 if operation.name.startswith("remove") else 3), "the journal is written several times"


@each_operation
def test_thirty_interruptions_in_a_row_leak_no_slot(
    operation: Operation, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(operation, directory, monkeypatch)
    lengths = bench.lengths()
    for seed in range(attack_size(30, 1)):
        random_ = random.Random(seed)
        simulator = bench.fresh()
        cuts = []
        try:
            for _ in range(30):
                way = random_.choice(("to modem", "to host"))
                cuts.append((random_.choice(("modem", "host")), way, random_.randint(1, lengths[way])))
                bench.cut(simulator, *cuts[-1])
                bench.check_cut(simulator)
            bench.mend(simulator)
        except BaseException as error:
            error.add_note(f"seed {seed}, cuts {cuts}")
            raise


@pytest.mark.parametrize(("size", "most"), [(1, 2), (2, 3)], ids=["verified", "unverified"])
def test_interruptions_with_another_trust_set_each_time_leak_no_slot(
    size: int, most: int, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slot for what is in force and one for what is new; one more to fall back on if it is unverified."""
    operation = OPERATIONS[0]
    bench = Bench(operation, directory, monkeypatch)
    lengths = bench.lengths()
    many = [trustme.CA(organization_name=f"No {n}", key_type=EC).cert_pem.bytes() for n in range(10)]
    for seed in range(attack_size(30, 1)):
        random_ = random.Random(seed)
        simulator = bench.fresh()
        for _ in range(30):
            port = CutPort(simulator)
            modem = bench.open(port)
            way = random_.choice(("to modem", "to host"))
            port.arm(random_.choice(("modem", "host")), way, random_.randint(1, lengths[way]))
            with contextlib.suppress(ModemError, Vanished):
                modem.trust(*random_.sample(many, size))
            used = {slot for kind, slot in objects(simulator) if slot not in (0, 12)}
            assert len(used) <= most, f"seed {seed}"
        bench.mend(simulator)


def test_key_that_went_with_the_store_is_not_believed_after_an_interruption(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is there again and its key is not: the journal knows both from before."""
    operation = next(each for each in OPERATIONS if each.name == "install")
    bench = Bench(operation, directory, monkeypatch)
    simulator = bench.fresh()
    bench.mend(simulator)
    installed = directory.contents()
    profile = simulator.profiles[6]
    assert profile.certificate is not None
    assert profile.key is not None
    simulator.nvm.remove("certificate", profile.certificate)
    simulator.nvm.remove("privatekey", profile.key)
    with bench.open(CutPort(simulator)) as modem:
        modem.command(f'AT+SQNSPCFG=6,2,"",5,{profile.ca}')  # so the same slot is taken again
    state = json.dumps(simulator.dump_state())
    for number in range(1, 20):
        directory.restore(installed)
        simulator = bench._modem(state)
        modem = bench.open(CutPort(simulator))
        with cut_at_rename(monkeypatch, number, before=False), contextlib.suppress(Vanished):
            operation.act(modem)
        with bench.open(CutPort(simulator)) as modem:
            operation.act(modem)
        assert bench.named(simulator) == operation.new, f"gone at file {number}"


def test_what_was_stored_and_never_named_is_gone_when_another_is_trusted(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut from the end of the upload on: the modem's OK, the listing, the switch, the removal."""
    bench = Bench(OPERATIONS[0], directory, monkeypatch)
    length = bench.lengths()["to modem"]
    for at in range(length - 200, length, attack_size(1, 13)):
        simulator = bench.fresh()
        assert bench.cut(simulator, "host", "to modem", at)
        bench.turn_elsewhere(simulator)
        assert len(list(simulator.nvm.of("certificate"))) == 3, (
            f"cut at byte {at}: the vendor's, the user's, ours"
        )


def test_slot_that_somebody_else_has_filled_meanwhile_is_left_alone(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(OPERATIONS[0], directory, monkeypatch)
    simulator = bench.fresh()
    assert bench.cut(simulator, "modem", "to modem", 300)
    [note] = Journal(directory.path, SERIAL).unfinished("certificate")
    assert simulator.nvm.get("certificate", note.slot) is None
    simulator.nvm.put("certificate", note.slot, _normal(OTHER))
    with bench.open(CutPort(simulator)) as modem:
        modem.trust(NEW)
    assert simulator.nvm.get("certificate", note.slot) == _normal(OTHER)
    assert bench.named(simulator) == _NEW


def test_journal_without_notes_does_no_harm(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modem's listing comes first: without a journal each cut costs a slot at most, and nothing else."""
    bench = Bench(OPERATIONS[0], directory, monkeypatch)
    simulator = bench.fresh()
    bench.cut(simulator, "modem", "to host", 700)
    directory.restore({})
    with bench.open(CutPort(simulator)) as modem:
        modem.trust(NEW)
    assert bench.named(simulator) == _NEW


@pytest.mark.parametrize(
    "notes",
    [7, {"certificate:18": 7}, {"certificate:x": {}}, {"certificate:18": {"kind": "ca", "sha256": 1}}, {
        "certificate:18": {"kind": "lock", "sha256": "0", "fingerprints": [], "own": True},
    }],
)  # fmt: skip
def test_damaged_notes_are_passed_over(notes: object, directory: Directory) -> None:
    whole = {"modems": {SERIAL: {"unfinished": notes}}}
    (directory.path / "journal.json").write_text(json.dumps(whole))
    journal = Journal(directory.path, SERIAL)
    assert journal.unfinished("certificate") == ()
    journal.finish("certificate", 18)


@pytest.mark.parametrize("announced", [1, 600, 8192])
def test_modem_that_waits_for_data_of_a_dead_process_is_woken(
    announced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt has no time limit of its own: only data end it, and these are none that mean anything."""
    simulator = modem_with(None)
    simulator.feed(b'AT+SQNSNVW="certificate",14,%d\r' % announced)
    assert simulator.take().endswith(b"> ")
    with opened(CutPort(simulator), monkeypatch, journal=False) as modem:
        assert modem.identity.serial == SERIAL
    assert simulator.nvm.get("certificate", 14) is None
