"""What modemtls did to which modem, remembered on this computer.

Modems do not give out what is stored in them.  So the journal keeps, per modem (serial number) and slot, the
SHA-256 of what was written there, never its content; and the fields of each security profile before it
was overwritten, secrets replaced.  Beside it lie, by their SHA-256, the CA certificates that were trusted:
they are public, and only with them a trust set can be extended later.  Keys are never kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .log import happened
from .model import StoredProfile

__all__ = ["Journal", "digest", "journal_directory"]


def digest(data: bytes) -> str:
    """The SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def journal_directory() -> Path:
    """Where the journal is: ``MODEMTLS_STATE_DIR``, else the user's state directory."""
    if named := os.environ.get("MODEMTLS_STATE_DIR"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_state_dir("modemtls", appauthor=False))


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
        entry = self._mine(self._load()).get("slots", {}).get(f"{namespace}:{slot}", {})
        value = entry.get("sha256")
        return value if isinstance(value, str) else None

    def members(self, namespace: str, slot: int) -> tuple[bytes, ...] | None:
        """The certificates (PEM) of the trust set in a slot; ``None`` when they are not all known."""
        if self._directory is None:
            return None
        entry = self._mine(self._load()).get("slots", {}).get(f"{namespace}:{slot}", {})
        names = entry.get("members")
        if not isinstance(names, list):
            return None
        found = []
        for name in names:
            path = self._directory / "certificates" / f"{name}.pem"
            try:
                found.append(path.read_bytes())
            except (OSError, ValueError):
                return None
        return tuple(found)

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
            mine.setdefault("slots", {})[f"{namespace}:{slot}"] = entry

    def forget(self, namespace: str, slot: int) -> None:
        """Note that a slot was emptied."""
        with self._change() as mine:
            mine.setdefault("slots", {}).pop(f"{namespace}:{slot}", None)

    def replaced(self, slot: int) -> None:
        """Note that a CA slot was replaced by one that is not confirmed yet."""
        with self._change() as mine:
            slots = mine.setdefault("replaced", [])
            if slot not in slots:
                slots.append(slot)

    def take_replaced(self) -> tuple[int, ...]:
        """The CA slots that wait for the removal, and forget them."""
        if not self._mine(self._load()).get("replaced"):
            return ()
        with self._change() as mine:
            return tuple(slot for slot in mine.pop("replaced", []) if isinstance(slot, int))

    def save_profile(self, profile: StoredProfile) -> None:
        """Keep a profile before it is overwritten; the last 20 are kept."""
        entry = {
            "number": profile.number,
            "fields": dict(profile.fields),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._change() as mine:
            mine["profiles"] = [*mine.get("profiles", []), entry][-20:]

    def _mine(self, whole: Mapping[str, Any]) -> dict[str, Any]:
        mine = whole.get("modems", {}).get(self._serial, {})
        return mine if isinstance(mine, dict) else {}

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
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(self._directory / "journal.lock"):
                whole = self._load()
                mine = self._mine(whole)
                yield mine
                whole.setdefault("version", 1)
                whole.setdefault("modems", {})[self._serial] = mine
                _replace(self._directory / "journal.json", json.dumps(whole, indent=1).encode())
        except OSError as error:
            happened("the journal cannot be written", level=logging.WARNING, error=str(error))

    def _keep(self, name: str, pem: bytes) -> None:
        if self._directory is None:
            return
        path = self._directory / "certificates" / f"{name}.pem"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(path, pem)
        except OSError as error:
            happened("a trusted certificate cannot be kept", level=logging.WARNING, error=str(error))


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new one."""
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
