"""What a listing with size and CRC tells of a slot."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from modemtls.errors import CredentialError, Reason
from modemtls.model import CredentialKind, StoredCredential
from modemtls.slots import Item, is_proof, is_whole, read_back, shown

ITEM = Item(CredentialKind.CA, b"content")
KEY = Item(CredentialKind.KEY, b"secret key")


def line(item: Item, **changes: object) -> StoredCredential:
    stored = StoredCredential(1, item.kind, size=len(item.data), crc32=zlib.crc32(item.data))
    return replace(stored, **changes)  # type: ignore[arg-type]


def test_size_and_crc_show_the_content_of_keys_too() -> None:
    for item in (ITEM, KEY):
        assert shown([line(item)], item) is True
        assert read_back([line(item)], item, 1, "acme") is True


@pytest.mark.parametrize("changes", [{"size": 6}, {"crc32": 1}, {"is_damaged": True, "crc32": None}])
def test_another_content_is_seen_and_is_an_error_after_writing(changes: dict[str, object]) -> None:
    assert shown([line(ITEM, **changes)], ITEM) is False
    with pytest.raises(CredentialError, match="holds something else") as caught:
        read_back([line(ITEM, **changes)], ITEM, 1, "acme")
    assert caught.value.reasons == {Reason.DAMAGED_IN_STORE}


def test_a_listing_that_shows_neither_leaves_it_open() -> None:
    assert shown([StoredCredential(1, CredentialKind.KEY)], KEY) is None
    assert read_back([StoredCredential(1, CredentialKind.KEY)], KEY, 1, "acme") is False
    assert read_back([], KEY, 1, "acme") is False
    with pytest.raises(CredentialError, match="is empty afterwards"):
        read_back([], ITEM, 1, "acme")


def test_a_crc_proves_nothing_against_malice() -> None:
    assert not is_proof([line(ITEM)])
    assert not is_proof([])
    assert is_proof([line(ITEM, fingerprint="00", fingerprint_hash="sha1")])


def test_as_many_bytes_with_another_crc_are_another_content() -> None:
    for item in (ITEM, KEY):
        other = [line(item, crc32=zlib.crc32(item.data) ^ 1)]
        assert shown(other, item) is False
        assert not is_whole(other, item)
        with pytest.raises(CredentialError, match="holds something else"):
            read_back(other, item, 1, "acme")
        assert is_whole([line(item)], item)
