"""TLS on this computer, below HTTP: any cut, any damage, silence, the end and what is not one."""

from __future__ import annotations

import contextlib
import ssl
from itertools import cycle

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls import Certainty, CertificateError, NetworkError, Reason, TlsError, TlsVersion
from modemtls.https.host_errors import failure
from modemtls.https.host_tls import HostTls, client_context
from modemtls.sim.server import pattern

from .host_tls_bench import CA_PEM, PEER, STRICT, Bench, MemoryServer, Stream

BOTH = [TlsVersion.TLS1_2, TlsVersion.TLS1_3]
both = pytest.mark.parametrize("version", BOTH, ids=str)


@both
@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=20), count=st.integers(1, 40_000))
@settings(max_examples=30)
def test_what_was_said_comes_back_however_the_stream_is_cut(
    version: TlsVersion, sizes: list[int], count: int
) -> None:
    body, parts = pattern(count), cycle(sizes)
    bench = Bench(Stream(MemoryServer(version), lambda: next(parts))).open()
    bench.run(bench.wire.send(body))
    assert bench.everything() == body
    assert bench.stream.server.heard == body
    assert bench.tls.version == str(version)


@both
def test_handshake_byte_by_byte(version: TlsVersion) -> None:
    bench = Bench(Stream(MemoryServer(version), lambda: 1)).open()
    assert bench.tls.is_established
    assert bench.tls.received_bytes > 500
    assert bench.tls.sent_bytes == sum(map(len, bench.stream.sent))


@both
@given(data=st.data())
@settings(max_examples=60)
def test_stream_that_is_cut_at_any_byte_is_never_a_whole_one(
    version: TlsVersion, data: st.DataObject
) -> None:
    stream = Stream(MemoryServer(version))
    bench = Bench(stream).open()
    bench.run(bench.wire.send(b"x" * 700))
    stream.coming(stream.server.say_goodbye())
    whole = stream._coming
    stream._coming = whole[: data.draw(st.integers(0, len(whole) - 1))]
    stream.is_cut = True
    assert (b"x" * 700).startswith(bench.everything())
    assert bench.wire.was_cut
    assert not bench.tls.has_ended


@both
def test_end_that_the_server_announced_is_one(version: TlsVersion) -> None:
    stream = Stream(MemoryServer(version))
    bench = Bench(stream).open()
    bench.run(bench.wire.send(b"all of it"))
    stream.coming(stream.server.say_goodbye())
    stream.is_cut = True
    assert bench.everything() == b"all of it"
    assert bench.tls.has_ended
    assert not bench.wire.was_cut


@both
@given(data=st.data())
@settings(max_examples=60)
def test_byte_that_was_changed_on_the_way_never_reaches_the_application(
    version: TlsVersion, data: st.DataObject
) -> None:
    stream = Stream(MemoryServer(version))
    bench = Bench(stream).open()
    bench.run(bench.wire.send(b"y" * 300))
    at = data.draw(st.integers(0, len(stream._coming) - 1))
    changed = bytearray(stream._coming)
    changed[at] ^= data.draw(st.integers(1, 255))
    stream._coming = bytes(changed)
    with contextlib.suppress(TlsError):
        assert bench.everything() == b"", "a length that grew waits for the rest"


@both
@given(data=st.data())
@settings(max_examples=60)
def test_handshake_that_was_changed_on_the_way_fails(version: TlsVersion, data: st.DataObject) -> None:
    flips = data.draw(st.integers(1, 255))
    place = data.draw(st.integers(0, 2000))
    seen = 0

    def damage(coming: bytes) -> bytes:
        nonlocal seen
        start, seen = seen, seen + len(coming)
        if not start <= place < seen:
            return coming
        changed = bytearray(coming)
        changed[place - start] ^= flips
        return bytes(changed)

    bench = Bench(Stream(MemoryServer(version), damage=damage))
    try:
        bench.open()
    except (TlsError, NetworkError):
        return
    # The flight was shorter than the place; or only a ticket was hit, which is looked at when it is read.
    assert bench.tls.is_established
    bench.run(bench.wire.send(b"z" * 10))
    with contextlib.suppress(TlsError):
        assert bench.everything() in (b"z" * 10, b"")


@pytest.mark.parametrize("size", [0, 1, 5, 100])
def test_connection_that_ends_in_the_handshake(size: int) -> None:
    stream = Stream(MemoryServer(), damage=lambda data: data[:size])
    stream.is_cut = True
    with pytest.raises(TlsError) as caught:
        Bench(stream).open()
    assert caught.value.reasons == {Reason.HANDSHAKE_FAILED, Reason.CONNECTION_LOST}


def test_server_that_drips_in_the_handshake_ends_at_the_deadline() -> None:
    bench = Bench(Stream(MemoryServer(), lambda: 1, pause=1.0))
    with pytest.raises(NetworkError, match="not complete after 90 s") as caught:
        bench.open(90.0)
    assert caught.value.reasons == {Reason.TIMEOUT}
    assert 89 <= bench.now <= 91


def test_handshake_on_a_line_that_is_slower_than_the_deadline_ends_at_it() -> None:
    stream = Stream(MemoryServer(), lambda: 1)
    stream.cost = 1.0
    bench = Bench(stream)
    with pytest.raises(NetworkError):
        bench.open(90.0)
    assert 90 <= bench.now <= 91


def test_server_that_is_silent_in_the_handshake_ends_at_the_deadline() -> None:
    bench = Bench(Stream(MemoryServer(), damage=lambda data: b""))
    with pytest.raises(NetworkError) as caught:
        bench.open(30.0)
    assert caught.value.reasons == {Reason.TIMEOUT}
    assert bench.now == 30


def test_silence_of_a_server_is_none_and_takes_its_time() -> None:
    bench = Bench(Stream(MemoryServer())).open()
    before = bench.now
    assert bench.run(bench.wire.receive(100, 7.0)) is None
    assert bench.now - before == 7.0


def test_slow_record_is_no_silence() -> None:
    stream = Stream(MemoryServer(), lambda: 100)
    bench = Bench(stream).open()
    bench.run(bench.wire.send(b"s" * 10_000))
    stream.pause = 1.0
    assert bench.run(bench.wire.receive(10_000, 5.0)) == b"s" * 10_000
    assert bench.now > 90


def test_what_asks_whether_the_connection_lives_reads_tickets_and_takes_no_time() -> None:
    stream = Stream(MemoryServer(TlsVersion.TLS1_3))
    bench = Bench(stream).open()
    assert stream._coming, "the tickets came after the handshake"
    assert bench.run(bench.wire.receive(1, 0)) is None
    assert not stream._coming
    assert bench.now == 0
    assert bench.tls.session is not None


def test_flood_without_data_of_the_application_is_bounded() -> None:
    tls = HostTls(client_context(STRICT, [CA_PEM], None), PEER)
    for _ in range(262):
        tls.feed(bytes(1000))
    with pytest.raises(TlsError) as caught:
        tls.feed(bytes(1000))
    assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}


def test_refused_server_is_told_why() -> None:
    stream = Stream(MemoryServer())
    bench = Bench(stream, anchor=trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.bytes())
    with pytest.raises(CertificateError) as caught:
        bench.open()
    assert caught.value.verify_code == 20
    assert caught.value.verify_message == "unable to get local issuer certificate"
    assert caught.value.certainty is Certainty.STATED
    assert stream.server.failure is not None
    assert "UNKNOWN_CA" in str(stream.server.failure.reason)


def test_server_is_told_of_the_end() -> None:
    stream = Stream(MemoryServer())
    bench = Bench(stream).open()
    bench.run(bench.wire.farewell())
    assert stream.server.take(b"") == b""
    assert stream.server.tls.read(1) == b"", "that is close_notify"


def test_nothing_more_is_sent_after_a_record_that_may_have_been_left_half_sent() -> None:
    stream = Stream(MemoryServer())
    bench = Bench(stream).open()
    count = len(stream.sent)
    stream.is_lost = True
    with pytest.raises(NetworkError):
        bench.run(bench.wire.send(b"lost"))
    stream.is_lost = False
    bench.run(bench.wire.farewell())
    assert len(stream.sent) == count


def test_alert_says_more_than_the_loss_of_the_connection() -> None:
    stream = Stream(MemoryServer(TlsVersion.TLS1_2))
    bench = Bench(stream).open()
    stream.coming(stream.server.take(b"\x17\x03\x03\x00\x20" + bytes(32)))
    assert stream.server.failure is not None
    assert stream._coming, "the server's alert"
    stream.is_lost = True
    with pytest.raises(TlsError) as caught:
        bench.run(bench.wire.send(b"more"))
    assert caught.value.reasons == {Reason.BYTES_LOST}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.NOT_TLS),
        (b"220 mail.one.test ESMTP\r\n", Reason.NOT_TLS),
        (b"\x15\x03\x03\x00\x02\x02\x28", Reason.NO_COMMON_CIPHER),
        (b"\x15\x03\x03\x00\x02\x02\x46", Reason.UNSUPPORTED_VERSION),
        (b"\x15\x03\x03\x00\x02\x02\x47", Reason.NO_COMMON_CIPHER),
        (b"\x15\x03\x03\x00\x02\x02\x70", Reason.SNI_NEEDED),
        (b"\x15\x03\x03\x00\x02\x02\x30", Reason.CLIENT_CERTIFICATE_MISSING),
        (b"\x15\x03\x03\x00\x02\x02\x50", Reason.HANDSHAKE_FAILED),
    ],
)
def test_what_a_server_may_answer_instead_of_a_handshake(answer: bytes, reason: Reason) -> None:
    with pytest.raises(TlsError) as caught:
        Bench(Stream(MemoryServer(), damage=lambda data: answer)).open()
    assert reason in caught.value.reasons
    assert type(caught.value) is TlsError


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=100)
def test_any_bytes_instead_of_a_handshake_end_in_an_error_of_ours(answer: bytes) -> None:
    stream = Stream(MemoryServer(), damage=lambda data: answer)
    stream.is_cut = True
    with pytest.raises(TlsError):
        Bench(stream).open()


@pytest.mark.parametrize("code", [*range(1, 95), 999])
def test_every_verify_code_is_a_certificate_error_with_reasons(code: int) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "some words"
    found = failure(error, PEER)
    assert isinstance(found, CertificateError)
    assert found.reasons
    assert (found.verify_code, found.verify_message) == (code, "some words")
    assert "some words" in found.message
