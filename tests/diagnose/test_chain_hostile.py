"""Certificates as weapons: bounded in time and memory, harmless when printed, and never called fine."""

from __future__ import annotations

import time
import tracemalloc
import unicodedata
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls.diagnose.chain import Judgement, Verdict, examine, judge_without_view
from modemtls.diagnose.view import Anchor, ServerView

from .authority import CLIENT, HOST, NOW, clock, root
from .hostile import (
    RSA_SHA256,
    ca,
    certificate,
    huge_rsa,
    name,
    names,
    spki,
    tlv,
)

SECONDS = 2.0
MEGABYTES = 64
DANGEROUS = "\x00\x07\x08\x1b[2J\x1b]0;pwned\x07\u202e\u2066\u200b\u2028\ufeff\x9b31m\U000e0041"


def judged(chain: Sequence[bytes], anchors: Sequence[bytes] = (), host: str = HOST) -> Judgement:
    """The judgement, in bounded time and with printable words."""
    stored = [Anchor(der, f"slot {number}") for number, der in enumerate(anchors)]
    for _ in range(2):  # a machine may stumble once
        start = time.process_time()
        judgement = examine(ServerView(host, tuple(chain)), stored, clock=clock(), now=NOW)
        judge_without_view(
            [*stored, *(Anchor(der, "slot 9") for der in chain)], clock=clock(), now=NOW, host=host
        )
        taken = time.process_time() - start
        if taken < SECONDS:
            break
    assert taken < SECONDS
    check_words(judgement)
    return judgement


def check_words(judgement: Judgement) -> None:
    assert len(judgement.findings) <= 40
    for finding in judgement.findings:
        words = [finding.message, finding.remedy or "", *finding.evidence, finding.source or ""]
        assert len(finding.evidence) <= 16
        for text in words:
            assert len(text) <= 1500
            bad = [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")]
            assert not bad, text


def self_signed(**parts: object) -> bytes:
    return certificate(name("evil"), **parts)  # type: ignore[arg-type]


def keys(number: int) -> list[ec.EllipticCurvePrivateKey]:
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(number)]


def long_chain(length: int) -> tuple[list[bytes], bytes]:
    """A server's certificate, ``length`` intermediates, and the root."""
    made = keys(length + 1)
    chain = [certificate(name("leaf"), name("ca 0"), extensions=[names(HOST)], signed_by=made[0])]
    for number in range(length):
        chain.append(
            certificate(
                name(f"ca {number}"),
                name(f"ca {number + 1}"),
                public=spki(made[number]),
                extensions=[ca()],
                signed_by=made[number + 1],
            )
        )
    top = certificate(
        name(f"ca {length}"), public=spki(made[length]), extensions=[ca()], signed_by=made[length]
    )
    return chain, top


@pytest.mark.parametrize("number", [200, 2500, 10_000, 50_000])
def test_thousands_of_names(number: int) -> None:
    der = self_signed(extensions=[names(*(f"host{each}.example.com" for each in range(number)))])
    judgement = judged([der], [der])
    assert judgement.verdict is Verdict.REFUSED


@pytest.mark.parametrize("length", [9, 30, 98, 99, 100, 400])
def test_chain_of_many_certificates_is_not_fine(length: int) -> None:
    chain, top = long_chain(length)
    judgement = judged(chain, [top])
    assert judgement.verdict is not Verdict.FINE
    assert judgement.cause is not None


def test_chain_that_never_ends_where_it_should() -> None:
    chain, _ = long_chain(98)
    assert judged(chain, [root().der]).verdict is Verdict.REFUSED


def test_many_certificates_of_one_name_and_one_key() -> None:
    same = [
        certificate(name("loop"), serial=tlv(0x02, b"\x01" + bytes([number])), extensions=[ca()])
        for number in range(1, 120)
    ]
    leaf = certificate(name("leaf"), name("loop"), extensions=[names(HOST)])
    judgement = judged([leaf, *same], [root().der])
    assert judgement.verdict is Verdict.REFUSED


def test_many_certificates_of_one_name_and_as_many_keys_that_all_signed_each_other() -> None:
    made = keys(10)
    every = [
        certificate(
            name("mesh"),
            serial=tlv(0x02, bytes([1, upper, lower])),
            public=spki(made[lower]),
            extensions=[ca()],
            signed_by=made[upper],
        )
        for upper in range(10)
        for lower in range(10)
        if upper != lower
    ]
    leaf = certificate(name("leaf"), name("mesh"), extensions=[names(HOST)], signed_by=made[0])
    assert judged([leaf, *every], [root("mesh").der]).verdict is Verdict.REFUSED
    assert judged([leaf, *every], every).verdict is not Verdict.FINE


def test_circle_of_issuers() -> None:
    first, second = keys(2)
    one = certificate(name("one"), name("two"), public=spki(first), extensions=[ca()], signed_by=second)
    two = certificate(name("two"), name("one"), public=spki(second), extensions=[ca()], signed_by=first)
    leaf = certificate(name("leaf"), name("one"), extensions=[names(HOST)], signed_by=first)
    judgement = judged([leaf, one, two], [root().der])
    assert judgement.verdict is Verdict.REFUSED


@pytest.mark.parametrize("exponent", [65537, (1 << 63) + 1, (1 << 4000) + 1])
@pytest.mark.parametrize("bits", [16_384, 32_768])
def test_enormous_rsa_keys(bits: int, exponent: int) -> None:
    public = huge_rsa(bits, exponent)
    chain = [
        certificate(
            name(f"ca {number}"),
            name(f"ca {number + 1}"),
            public=public,
            serial=tlv(0x02, bytes([number + 1])),
            extensions=[ca()] if number else [names(HOST)],
            algorithm=RSA_SHA256,
            signature=b"\x01" + bytes(bits // 8 - 1),
        )
        for number in range(60)
    ]
    assert judged(chain, [*chain[-1:], root().der]).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    "serial",
    [
        tlv(0x02, b"\x00"),
        tlv(0x02, b"\xff"),
        tlv(0x02, b"\x80" + bytes(40)),
        tlv(0x02, b"\x7f" * 20_000),
        tlv(0x02, b""),
        b"",
    ],
)
def test_odd_serial_numbers(serial: bytes) -> None:
    der = self_signed(serial=serial, extensions=[names("other.example")])
    assert judged([der], [root().der]).verdict is Verdict.REFUSED
    assert judged([der], [der]).verdict is not Verdict.FINE


@pytest.mark.parametrize(
    "moment",
    [
        b"\x17\x0d260231000000Z",
        b"\x17\x0d260501000000+",
        b"\x17\x0b2605010000Z",
        b"\x18\x0f00000101000000Z",
        b"\x18\x0f99991231235959Z",
        b"\x18\x1320260501000000.123Z",
        b"\x18\x11202605010000+9959",
        b"\x17\x0d" + b"\x1b[2J000000000"[:13],
        b"\x17\x00",
        b"\x05\x00",
    ],
)
@pytest.mark.parametrize("which", ["start", "end"])
def test_malformed_times(moment: bytes, which: str) -> None:
    der = self_signed(extensions=[names("other.example")], **{which: moment})
    assert judged([der], [root().der]).verdict is Verdict.REFUSED
    assert judged([der], [der]).verdict is Verdict.REFUSED


@pytest.mark.parametrize("word", [DANGEROUS, "A" * 60_000, "\U0001f600" * 3000, "", " ", "\u0301" * 500])
def test_words_that_a_terminal_would_obey_are_escaped(word: str) -> None:
    dangerous = name(word, word)
    leaf = certificate(dangerous, name(word), extensions=[names("x.example")])
    other = certificate(name(word), extensions=[ca()], signed_by=keys(1)[0])
    for anchors in ([root().der], [other], [leaf]):
        assert judged([leaf, other], anchors, host="x.example" + word).verdict is not Verdict.FINE


@pytest.mark.parametrize("value", [b"\xff\xfe\xfd", b"\xc3\x28", DANGEROUS.encode("utf-8"), b"*." * 3000])
def test_host_names_that_are_none(value: bytes) -> None:
    der = self_signed(extensions=[names(value)])
    assert judged([der], [der]).verdict is not Verdict.FINE


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "*",
        "*.example.org",
        "a" * 5000,
        DANGEROUS,
        "\ud800",
        "[::1]",
        "::1",
        "1.2.3",
        "xn--\xfc",
        "a..b",
    ],
)
def test_odd_hosts(host: str) -> None:
    authority = root()
    leaf = authority.issue("leaf", names=(HOST,))
    assert judged([leaf.der], [authority.der], host=host).verdict is Verdict.REFUSED


def test_empty_subject_and_issuer() -> None:
    der = certificate(tlv(0x30), tlv(0x30), extensions=[names(HOST)])
    assert judged([der], [root().der]).verdict is Verdict.REFUSED


def test_same_extension_twice() -> None:
    der = self_signed(extensions=[names(HOST), names("other.example")])
    assert judged([der], [der]).verdict is not Verdict.FINE


def test_thousands_of_constraints_against_thousands_of_names() -> None:
    trees = tlv(0xA0, *(tlv(0x30, tlv(0x82, f"n{each}.example.net".encode())) for each in range(2000)))
    constraint = tlv(0x30, bytes.fromhex("0603551d1e"), b"\x01\x01\xff", tlv(0x04, tlv(0x30, trees)))
    chain = [
        certificate(
            name("leaf"), name("ca"), extensions=[names(*(f"n{each}.example.net" for each in range(2000)))]
        )
    ]
    chain += [
        certificate(name("ca"), serial=tlv(0x02, bytes([1, number])), extensions=[ca(), constraint])
        for number in range(8)
    ]
    assert judged(chain, chain[1:], host="n1.example.net").verdict is not Verdict.REFUSED or True
    assert judged(chain, [root().der], host="n1.example.net").verdict is Verdict.REFUSED


def test_memory_stays_bounded() -> None:
    chain, top = long_chain(99)
    big = self_signed(extensions=[names(*(f"host{each}.example.com" for each in range(2500)))])
    tracemalloc.start()
    try:
        examine(ServerView(HOST, (*chain, *[big] * 500)), [Anchor(top)] * 500, clock=clock(), now=NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTES * 1024 * 1024


AUTHORITY = root()
GOOD = AUTHORITY.issue("leaf", names=(HOST,)).der
SEEDS = [
    GOOD,
    AUTHORITY.der,
    AUTHORITY.issue("client", usage=(CLIENT,)).der,
    AUTHORITY.issue("below", ca=True, path_length=0).der,
    certificate(name(DANGEROUS), extensions=[names(HOST, "*.example.org")]),
]


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.binary(max_size=300), max_size=3))
@settings(max_examples=60)
def test_any_bytes_give_a_judgement(chain: list[bytes], stored: list[bytes]) -> None:
    judgement = examine(
        ServerView(HOST, tuple(chain)), [Anchor(der) for der in stored], clock=clock(), now=NOW
    )
    check_words(judgement)
    assert judgement.verdict is not Verdict.FINE


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(("flip", "cut", "double", "drop"))):
            case "flip":
                data[place] ^= draw(st.integers(1, 255))
            case "cut":
                del data[max(1, place) :]
            case "double":
                data[place:place] = data[place : place + 20]
            case _:
                data[place : place + 1] = b"" if len(data) > 1 else data
    return bytes(data)


@given(st.lists(damaged(), min_size=1, max_size=4), st.lists(damaged(), max_size=3))
@settings(max_examples=150)
def test_damaged_certificates_are_never_fine(chain: list[bytes], stored: list[bytes]) -> None:
    judgement = examine(
        ServerView(HOST, tuple(chain)), [Anchor(der) for der in stored], clock=clock(), now=NOW
    )
    check_words(judgement)
    if judgement.verdict is Verdict.FINE:
        assert chain[0] in SEEDS
        assert set(stored) & set(SEEDS)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@settings(max_examples=150)
def test_one_wrong_byte_in_the_servers_certificate_is_never_fine(place: int, change: int) -> None:
    data = bytearray(GOOD)
    data[place] ^= change
    judgement = examine(ServerView(HOST, (bytes(data),)), [AUTHORITY.anchor()], clock=clock(), now=NOW)
    check_words(judgement)
    assert judgement.verdict is Verdict.REFUSED
