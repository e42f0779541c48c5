"""What modemtls did to which modem, remembered on this computer.

Modems do not give out what is stored in them.  So the journal keeps, per modem (serial number) and slot, the
SHA-256 of what was written there, never its content; and the fields of each security profile before it
was overwritten, secrets replaced.  A slot is noted before it is written, so that an interrupted run shows.
Beside it lie, by their SHA-256, the CA certificates that were trusted: they are public, and only with them a
trust set can be extended later, or used by TLS on this computer.  Keys are never kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .log import happened
from .model import CredentialKind, StoredProfile

__all__ = ["Journal", "Unfinished", "digest", "journal_directory"]

_REPLACED = ("replaced", "replaced_client")


def digest(data: bytes) -> str:
    """The SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def journal_directory() -> Path:
    """Where the journal is: ``MODEMTLS_STATE_DIR``, else the user's state directory."""
    if named := os.environ.get("MODEMTLS_STATE_DIR"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_state_dir("modemtls", appauthor=False))


@dataclass(frozen=True)
class Unfinished:
    """A slot that a run began to write, and what for: the run has not come to its end, or is at it.

    ``sha256`` is of what was to be written; ``fingerprints`` are those that a listing may show of it.
    ``is_own``: the slot was chosen for a trust set or a client's pair, which nothing names yet.
    """

    namespace: str
    slot: int
    kind: CredentialKind
    sha256: str
    fingerprints: frozenset[str]
    is_own: bool


class Journal:
    """The journal of one modem.  Without a directory or a serial number it remembers nothing.

    A journal that cannot be read or written is logged and does not stop the work.
    """

    def __init__(self, directory: Path | None, serial: str) -> None:
        self._directory = directory if serial else None
        self._serial = serial

    @property
    def is_kept(self) -> bool:
        """Something is remembered at all."""
        return self._directory is not None

    def written(self, namespace: str, slot: int) -> str | None:
        """The SHA-256 of what was last written into a slot, or ``None``."""
        value = self._entry(namespace, slot).get("sha256")
        return value if isinstance(value, str) else None

    def slots(self, namespace: str) -> tuple[int, ...]:
        """The slots of a namespace that something was written into and not removed from."""
        found = (name.partition(":") for name in _table(self._mine(self._load()), "slots"))
        return tuple(int(slot) for space, _, slot in found if space == namespace and slot.isdecimal())

    def members(self, namespace: str, slot: int) -> tuple[bytes, ...] | None:
        """The certificates (PEM) of the trust set in a slot; ``None`` when they are not all known."""
        names = self._entry(namespace, slot).get("members")
        found = self._kept(names) if isinstance(names, list) else None
        return None if found is None else tuple(found.values())

    def trusted(self) -> dict[str, bytes] | None:
        """The trust set that was made last, wherever it lives: PEM by SHA-256.

        Empty when none was made; ``None`` when one was and its certificates are not all there any more.
        """
        names = self._mine(self._load()).get("trusted", [])
        return self._kept(names) if isinstance(names, list) else None

    def note_trusted(self, members: Mapping[str, bytes]) -> None:
        """Note the trust set that is made now: certificates (PEM) by SHA-256."""
        for name, pem in members.items():
            self._keep(name, pem)
        with self._change() as mine:
            mine["trusted"] = list(members)

    def begin(self, note: Unfinished) -> None:
        """Note that a slot is about to be written: from now on its content is not sure."""
        name = f"{note.namespace}:{note.slot}"
        with self._change() as mine:
            _table(mine, "slots").pop(name, None)
            _unlist(mine, note.namespace, note.slot)
            _table(mine, "unfinished")[name] = {
                "kind": note.kind.value,
                "sha256": note.sha256,
                "fingerprints": sorted(note.fingerprints),
                "own": note.is_own,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
            }

    def unfinished(self, namespace: str) -> tuple[Unfinished, ...]:
        """The slots of a namespace that were begun, by slot."""
        table = _table(self._mine(self._load()), "unfinished")
        found = (_unfinished(name, entry) for name, entry in table.items())
        mine = [note for note in found if note is not None and note.namespace == namespace]
        return tuple(sorted(mine, key=lambda note: note.slot))

    def begun(self, namespace: str, slot: int) -> str | None:
        """The SHA-256 of what was to be written into a slot that is not finished, or ``None``."""
        return next((note.sha256 for note in self.unfinished(namespace) if note.slot == slot), None)

    def finish(self, namespace: str, slot: int) -> None:
        """Note that the run that wrote a slot has done what it did that for."""
        name = f"{namespace}:{slot}"
        if name in _table(self._mine(self._load()), "unfinished"):
            with self._change() as mine:
                _table(mine, "unfinished").pop(name, None)

    def remember(
        self, namespace: str, slot: int, data: bytes, members: Mapping[str, bytes] | None = None
    ) -> None:
        """Note what was written into a slot; ``members`` are the trust set's certificates by SHA-256."""
        entry: dict[str, Any] = {
            "sha256": digest(data),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if members:
            entry["members"] = list(members)
            for name, pem in members.items():
                self._keep(name, pem)
        with self._change() as mine:
            _table(mine, "slots")[f"{namespace}:{slot}"] = entry
            _unlist(mine, namespace, slot)

    def forget(self, namespace: str, slot: int) -> None:
        """Note that a slot was emptied."""
        with self._change() as mine:
            _table(mine, "slots").pop(f"{namespace}:{slot}", None)
            _table(mine, "unfinished").pop(f"{namespace}:{slot}", None)
            _unlist(mine, namespace, slot)

    def replaced(self, namespace: str, slot: int, *, client: bool = False) -> None:
        """Note that a trust set, or a ``client``'s pair, is being replaced by one that is not confirmed yet."""
        with self._change() as mine:
            _unlist(mine, namespace, slot)
            mine[_REPLACED[client]].append(f"{namespace}:{slot}")

    def waiting(self, namespace: str, *, client: bool = False) -> tuple[int, ...]:
        """The slots whose content was replaced, and waits for its removal: of trust sets, or of ``client`` pairs."""
        found = (str(name).partition(":") for name in _list(self._mine(self._load()), _REPLACED[client]))
        return tuple(int(slot) for space, _, slot in found if space == namespace and slot.isdecimal())

    def settled(self, namespace: str, slot: int) -> None:
        """Note that a replaced slot waits no longer."""
        with self._change() as mine:
            _unlist(mine, namespace, slot)

    def save_profile(self, profile: StoredProfile) -> None:
        """Keep a profile before it is overwritten; the last 20 are kept."""
        entry = {
            "number": profile.number,
            "fields": dict(profile.fields),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._change() as mine:
            mine["profiles"] = [*_list(mine, "profiles"), entry][-20:]

    def _mine(self, whole: dict[str, Any]) -> dict[str, Any]:
        return _table(_table(whole, "modems"), self._serial)

    def _entry(self, namespace: str, slot: int) -> dict[str, Any]:
        return _table(_table(self._mine(self._load()), "slots"), f"{namespace}:{slot}")

    def _load(self) -> dict[str, Any]:
        if self._directory is None:
            return {}
        path = self._directory / "journal.json"
        try:
            whole = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            happened("the journal cannot be read", level=logging.WARNING, path=str(path), error=str(error))
            return {}
        return whole if isinstance(whole, dict) else {}

    @contextmanager
    def _change(self) -> Iterator[dict[str, Any]]:
        if self._directory is None:
            yield {}
            return
        entered = False
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(self._directory / "journal.lock"):
                whole = self._load()
                mine = self._mine(whole)
                entered = True
                yield mine
                whole.setdefault("version", 1)
                _replace(self._directory / "journal.json", json.dumps(whole, indent=1).encode())
        except OSError as error:
            happened("the journal cannot be written", level=logging.WARNING, error=str(error))
            if not entered:
                yield {}

    def _kept(self, names: list[Any]) -> dict[str, bytes] | None:
        """The certificates of these names; ``None`` when one is missing."""
        if self._directory is None:
            return None
        found = {}
        for name in map(str, names):
            path = self._directory / "certificates" / f"{name}.pem"
            try:
                found[name] = path.read_bytes()
            except (OSError, ValueError):
                return None
        return found

    def _keep(self, name: str, pem: bytes) -> None:
        if self._directory is None:
            return
        path = self._directory / "certificates" / f"{name}.pem"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(path, pem)
        except OSError as error:
            happened("a trusted certificate cannot be kept", level=logging.WARNING, error=str(error))


def _table(owner: dict[str, Any], name: str) -> dict[str, Any]:
    """The table of that name in ``owner``; whatever else stands there is replaced by an empty one."""
    if not isinstance(owner.get(name), dict):
        owner[name] = {}
    table: dict[str, Any] = owner[name]
    return table


def _unfinished(name: str, entry: object) -> Unfinished | None:
    """A note as it stands in the file; ``None`` when it is none."""
    space, _, slot = name.partition(":")
    match entry:
        case {"kind": str(kind), "sha256": str(sha256), "fingerprints": list(fingerprints), "own": bool(own)}:
            if slot.isdecimal() and kind in {each.value for each in CredentialKind}:
                known = frozenset(map(str, fingerprints))
                return Unfinished(space, int(slot), CredentialKind(kind), sha256, known, own)
    return None


def _list(owner: dict[str, Any], name: str) -> list[Any]:
    found = owner.get(name)
    return found if isinstance(found, list) else []


def _unlist(mine: dict[str, Any], namespace: str, slot: int) -> None:
    for listed in _REPLACED:
        mine[listed] = [name for name in _list(mine, listed) if name != f"{namespace}:{slot}"]


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, and the new one after a power cut of this computer."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the folder's names last, where the system can do that; what is in its files lasts by itself."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:  # the file is in its place, and some file systems cannot do more
        happened("the journal's folder cannot be synced", level=logging.DEBUG, error=str(error))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out where the system has flock; elsewhere the last writer wins."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
