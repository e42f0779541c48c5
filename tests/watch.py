"""Watches the whole test run for secrets: a test in which one is shown fails, by name.

Looked at are log records of every level, errors of modemtls when they are made and when they go (text, ``repr``,
arguments, pickle, traceback, causes), ``repr`` of records, what the command line and programs write, pytest's own
captures, and every file that comes to be below the run's temporary folder.  Secret are :mod:`tests.canaries` and every
private key that is generated in this process, whoever asks for it.

Under xdist each worker watches itself.  A failure names secret, form and place, and never shows the secret.
"""

from __future__ import annotations

import os
import re
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests.canaries import CANARIES
from tests.search import Leak, Search

#: Files in which a secret may stand, by the end of their path, and why.
EXEMPT_FILES: dict[str, str] = {
    "*key.pem": "a private key that the test gives to the product",
    "both.pem": "a certificate with its private key, which the test gives to the product",
    "*.key": "a private key that the test gives to the product",
    "secrets/*": "what a test gives to the product in other files",
    "modemtls.toml": "the user's own settings, with passwords in them",
    "modem*.json": "the flash of a simulated modem, which holds what a real one would hold",
}

#: The address of a simulated modem may say what its SIM wants; it is no setting of ours.
_ADDRESS = re.compile(rb"(sim://[^\s'\"]*?\bpin=)\d+")
_FULL = 1 << 18
_TAIL = 200
_SHORT = 24
_SLOTS = 1 << 15
MOST_OF_A_KIND = 10
"""Of each kind of record, and of tracebacks, so many are looked at in a test (its parameters together)."""


def _files_below(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # it is gone, or a test has locked it
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry


class Watch:
    """What was shown since the last :meth:`end`, and which secrets were in it."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.test = ""
        self.found: dict[tuple[str, Leak], None] = {}
        self.records: dict[object, int] = {}
        self.bytes = 0
        self._pending: list[tuple[str, bytes]] = []
        self._size = 0
        self._seen = array("q", bytes(8 * _SLOTS))
        self._tails: dict[str, bytes] = {}
        self._files: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def may_look_at(self, kind: object) -> bool:
        """Not too many of this kind were looked at in this test."""
        count = self.records.get(kind, 0)
        self.records[kind] = count + 1
        return count < MOST_OF_A_KIND

    def is_new(self, thing: object) -> bool:
        """It was not seen a short while ago, as far as that is still known.

        What was seen before a key was made cannot hold it: so nothing is lost from one test to the next.
        """
        mark = hash(thing)
        if self._seen[mark & _SLOTS - 1] == mark:
            return False
        self._seen[mark & _SLOTS - 1] = mark
        return True

    def note(self, channel: str, *texts: str | bytes | bytearray | memoryview | None) -> None:
        """These were shown, one after the other."""
        for text in texts:
            if text and self.is_new(text if isinstance(text, str) else bytes(text)):
                data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
                if b"sim://" in data:
                    data = _ADDRESS.sub(rb"\1", data)
                self._keep(channel, data + b"\n")

    def follow(self, channel: str, piece: str) -> None:
        """A short piece of something that may go on in the next one."""
        if len(piece) <= _SHORT and piece != "OK":
            self._keep(channel, piece.encode("utf-8", "surrogatepass"))

    def _keep(self, channel: str, data: bytes) -> None:
        self._pending.append((channel, data))
        self._size += len(data)
        if self._size > _FULL and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()

    def _look(self) -> None:
        pending, self._pending, self._size = self._pending, [], 0
        if not pending:
            return
        channels = {channel: [tail] for channel, tail in self._tails.items()}
        for channel, data in pending:
            channels.setdefault(channel, []).append(data)
        texts = {channel: b"".join(pieces) for channel, pieces in channels.items()}
        self._tails = {channel: text[-_TAIL:] for channel, text in texts.items()}
        whole = b"\n".join(texts.values())
        self.bytes += len(whole)
        if not self.search.leaks(whole):
            return
        for channel, text in texts.items():
            for leak in self.search.leaks(text):
                self.found[channel, leak] = None
        self._seen = array("q", bytes(8 * _SLOTS))  # the next test that shows it is to be told too

    def files(self, folder: Path) -> None:
        """Look at the files below a folder that are new or have changed."""
        for entry in _files_below(folder):
            with suppress(OSError):
                about = entry.stat()
                mark = about.st_mtime_ns, about.st_size
                if self._files.get(entry.path) == mark:
                    continue
                self._files[entry.path] = mark
                path = Path(entry.path)
                inside = path.relative_to(folder).as_posix()
                self.note("name of a file", inside)
                if not any(fnmatch(f"/{inside}", f"*/{pattern}") for pattern in EXEMPT_FILES):
                    for leak in self.search.leaks(path.read_bytes()):
                        self.found[f"file {path.name}", leak] = None

    def end(self) -> list[str]:
        """A sentence for each secret that was found, and a new beginning."""
        with self._lock:
            self._look()
            told = [
                f"{leak.secret} ({leak.form}) in {channel}, behind {leak.before[-50:]!r}"
                for channel, leak in self.found
            ]
            self.found.clear()
            self._tails.clear()
            return told

    def begin(self, test: str) -> None:
        """Another test.  Records are counted for all parameters of a test together."""
        if test.partition("[")[0] != self.test.partition("[")[0]:
            self.records.clear()
        self.test = test


search = Search()
for _name, _value in CANARIES.items():
    search.register(_name, _value)
_watches = [Watch(search)]


def current() -> Watch:
    """Who watches now."""
    return _watches[-1]


@contextmanager
def watching() -> Iterator[Watch]:
    """Let another one watch for a while, for tests of the watch itself."""
    watch = Watch(search)
    watch.begin(current().test)
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)


class Plugin:
    """Ends of tests, folders that they were given, and what pytest captured."""

    def __init__(self, base: Path | None = None) -> None:
        self.folders: list[Path] = []
        self.base = base

    def check(self, when: str) -> None:
        from tests import watched

        watched.see_dying_errors()
        if told := current().end():
            raise pytest.fail.Exception(
                f"A secret was shown {when}:\n" + "\n".join(f"  {each}" for each in told), pytrace=False
            )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        from tests import watched

        watched.look_for_new_modules()
        current().begin(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        result = yield
        self.check("in this test")
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        result = yield
        for folder in self.folders:
            current().files(folder)
        self.folders.clear()
        if nextitem is None and self.base is not None:
            current().files(self.base)
        self.check("in this test, at its end, or in a file of it")
        return result


def register_key(value: bytes) -> None:
    """A part of a private key was made."""
    search.register("private key", value)
