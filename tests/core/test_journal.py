"""The journal remembers digests; what is wrong with it never stops the work."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls import StoredProfile
from modemtls.journal import Journal, digest, journal_directory

from .bench import opened


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "serial-1")


def test_content_is_remembered_by_its_digest_alone(journal: Journal, tmp_path: Path) -> None:
    journal.remember("key", 17, b"-----BEGIN PRIVATE KEY-----sekret")
    assert journal.written("key", 17) == digest(b"-----BEGIN PRIVATE KEY-----sekret")
    assert journal.written("certificate", 17) is None
    assert journal.slots("key") == (17,)
    assert "sekret" not in (tmp_path / "journal.json").read_text("utf-8")


def test_modems_are_kept_apart(journal: Journal, tmp_path: Path) -> None:
    journal.remember("key", 17, b"a")
    assert Journal(tmp_path, "serial-2").written("key", 17) is None


@pytest.mark.parametrize("directory", [True, False])
def test_without_directory_or_serial_nothing_is_kept(tmp_path: Path, directory: bool) -> None:
    journal = Journal(tmp_path if directory else None, "" if directory else "serial-1")
    journal.remember("key", 17, b"a", {"x": b"pem"})
    journal.replaced("key", 17)
    journal.save_profile(StoredProfile(1, ()))
    assert not journal.is_kept
    assert (journal.written("key", 17), journal.members("key", 17), journal.waiting("key")) == (
        None,
        None,
        (),
    )
    assert not list(tmp_path.iterdir())


def test_members_are_known_only_when_all_of_them_are(journal: Journal, tmp_path: Path) -> None:
    journal.remember("certificate", 19, b"ab", {"a": b"A", "b": b"B"})
    assert journal.members("certificate", 19) == (b"A", b"B")
    (tmp_path / "certificates" / "b.pem").unlink()
    assert journal.members("certificate", 19) is None


def test_replaced_slot_waits_until_it_is_settled_or_written_again(journal: Journal) -> None:
    ways: list[Callable[[], None]] = [
        lambda: journal.settled("certificate", 19),
        lambda: journal.forget("certificate", 19),
        lambda: journal.remember("certificate", 19, b"new"),
    ]
    for settle in ways:
        journal.replaced("certificate", 19)
        journal.replaced("certificate", 19)
        journal.replaced("certificate", 18)
        assert journal.waiting("certificate") == (19, 18)
        assert journal.waiting("key") == ()
        settle()
        assert journal.waiting("certificate") == (18,)
        journal.settled("certificate", 18)


def test_last_twenty_profiles_are_kept(journal: Journal, tmp_path: Path) -> None:
    for number in range(25):
        journal.save_profile(StoredProfile(number, (("spId", str(number)),)))
    kept = json.loads((tmp_path / "journal.json").read_text("utf-8"))["modems"]["serial-1"]["profiles"]
    assert [entry["number"] for entry in kept] == list(range(5, 25))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["modems", "serial-1", "slots", "certificate:19", "sha256", "members", "replaced", "profiles"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=30)
@given(whole=json_values)
def test_whatever_stands_in_the_file_the_journal_works(
    tmp_path_factory: pytest.TempPathFactory, whole: object
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    (folder / "journal.json").write_text(json.dumps(whole), "utf-8")
    journal = Journal(folder, "serial-1")
    journal.written("certificate", 19)
    journal.members("certificate", 19)
    journal.slots("certificate")
    journal.waiting("certificate")
    journal.replaced("certificate", 18)
    journal.save_profile(StoredProfile(1, ()))
    journal.remember("certificate", 19, b"new", {"a": b"A"})
    assert journal.written("certificate", 19) == digest(b"new")
    assert journal.members("certificate", 19) == (b"A",)
    assert 18 in journal.waiting("certificate")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"null"])
def test_damaged_file_is_logged_and_begun_again(
    journal: Journal, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "journal.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert journal.written("key", 1) is None
        journal.remember("key", 1, b"a")
    assert journal.written("key", 1) == digest(b"a")
    assert content == b"null" or "cannot be read" in caplog.text


def test_folder_that_cannot_be_made_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cas: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "file" / "below"))
    assert journal_directory() == tmp_path / "file" / "below"
    with caplog.at_level(logging.WARNING), opened() as modem:
        assert modem.trust(cas[0], cas[1]).written
        assert modem.trust(cas[2]).removed == (19,)
    assert "cannot be written" in caplog.text


def test_threads_lose_nothing(tmp_path: Path) -> None:
    def work(serial: int) -> None:
        for slot in range(8):
            Journal(tmp_path, f"serial-{serial}").remember("key", slot, b"a")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Journal(tmp_path, f"serial-{n}").slots("key") for n in range(4)] == [tuple(range(8))] * 4


@pytest.mark.skipif(sys.platform == "win32", reason="a folder cannot be synced there")
def test_each_file_is_on_disk_before_it_takes_its_name_and_the_name_after(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut of this computer could leave an empty journal, or the old one after a note was relied on."""
    sync, rename = os.fsync, os.rename
    synced: dict[int, int] = {}  # by number of the file: how many bytes of it are on disk
    due: set[int] = set()  # folders with a name that is not on disk yet
    renamed: list[str] = []

    def fsync(descriptor: int) -> None:
        about = os.fstat(descriptor)
        synced[about.st_ino] = about.st_size
        due.discard(about.st_ino)
        sync(descriptor)

    def replace(old: str | Path, new: str | Path) -> None:
        about = Path(old).stat()
        assert about.st_size > 0
        assert synced.get(about.st_ino) == about.st_size, (
            f"{Path(new).name} was not synced before it took its name"
        )
        renamed.append(Path(new).name)
        due.add(Path(new).parent.stat().st_ino)
        rename(old, new)

    monkeypatch.setattr("os.fsync", fsync)
    for name in ("replace", "rename"):
        monkeypatch.setattr(f"os.{name}", replace)
    changes: list[Callable[[], object]] = [
        lambda: journal.remember("certificate", 19, b"ab", {"a": b"A", "b": b"B"}),
        lambda: journal.replaced("certificate", 19),
        lambda: journal.settled("certificate", 19),
        lambda: journal.save_profile(StoredProfile(1, ())),
        lambda: journal.forget("certificate", 19),
    ]
    for change in changes:
        before = len(renamed)
        change()
        assert "journal.json" in renamed[before:]
        assert not due, "the folder was not synced after the file took its name"
    assert {"a.pem", "b.pem"} <= set(renamed)
