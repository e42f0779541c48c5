"""What fuzzing has found, again and again: every kept input, without a fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.targets import OPERATIONS, TARGETS

from modemtls.at import Channel, Quoted
from modemtls.at.framing import Receiver

CORPUS = Path(__file__).resolve().parent.parent.parent / "fuzz" / "corpus"


def inputs(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def replay(target: str) -> None:
    for data in inputs(target):
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(f"input: {data!r}")
            raise


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_kept_input_still_holds(target: str) -> None:
    assert inputs(target)
    replay(target)


def test_every_target_has_a_corpus_and_a_dictionary() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert {path.name for path in (CORPUS.parent / "dictionaries").iterdir()} == set(TARGETS)


def test_the_corpus_holds_every_operation_of_the_channel() -> None:
    assert {data[0] % len(OPERATIONS) for data in inputs("channel")} == set(range(len(OPERATIONS)))


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert len(sizes) <= 300
    assert sum(sizes) <= 100_000


def test_a_receiver_that_loses_a_byte_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Receiver.feed
    monkeypatch.setattr(
        Receiver, "feed", lambda self, data: feed(self, data[:-1] if len(data) == 3 else data)
    )
    with pytest.raises(AssertionError):
        replay("receiver")


def test_a_channel_that_repeats_a_command_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Channel.upload

    async def twice(self: Channel, *args: object, **options: object) -> object:
        await upload(self, *args, **options)  # type: ignore[arg-type]
        return await upload(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Channel, "upload", twice)
    with pytest.raises(AssertionError):
        replay("channel")


def test_a_quote_that_lets_a_quote_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.targets.quote", lambda text: Quoted(f'"{text}"'))
    with pytest.raises((AssertionError, ValueError)):
        replay("syntax")
