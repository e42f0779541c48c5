"""The ClientHello: read whole, in parts, damaged and made up."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.probe import ClientHello, DamagedHello, HelloReader, NotTls, read_client_hello


def hello(name: str | None = "modem.test", *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = newest
    context.set_alpn_protocols(["http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_hello_of_tls_1_3_is_read() -> None:
    found = read_client_hello(hello())
    assert found is not None
    assert found.versions == (0x0304, 0x0303)
    assert found.server_name == "modem.test"
    assert 0x1301 in found.suites
    assert 0xC02B in found.suites
    assert 23 in found.groups
    assert 0x0403 in found.signatures
    assert found.alpn == ("http/1.1",)
    assert not found.offers_session


def test_a_hello_of_tls_1_2_says_its_version_in_the_old_place() -> None:
    found = read_client_hello(hello(newest=ssl.TLSVersion.TLSv1_2))
    assert found is not None
    assert found.versions == (0x0303,)
    assert not any(suite >> 8 == 0x13 for suite in found.suites)


def test_a_client_that_names_no_host() -> None:
    found = read_client_hello(hello(None))
    assert found is not None
    assert found.server_name is None


def test_every_beginning_of_a_hello_wants_more() -> None:
    data = hello()
    assert all(read_client_hello(data[:end]) is None for end in range(len(data)))


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_a_hello_in_many_records_is_read(size: int) -> None:
    data = hello()
    message = data[5:]
    records = b"".join(
        data[:3] + len(message[at : at + size]).to_bytes(2, "big") + message[at : at + size]
        for at in range(0, len(message), size)
    )
    assert read_client_hello(records) == read_client_hello(data)


def test_bytes_after_the_hello_do_not_matter() -> None:
    assert read_client_hello(hello() + b"\x16\x03\x01\xff\xff") == read_client_hello(hello())


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"\x16\x02\x00", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\xff\xff",
     b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", b"\x80\x2e\x02\x03\x01",
     b"\x80\x02\x01\x03\x01", b"\x15\x03\x01\x00\x02\x02\x28"],
)  # fmt: skip
def test_what_is_no_hello_is_refused(data: bytes) -> None:
    with pytest.raises(NotTls):
        read_client_hello(data)


@given(st.integers(5, 300), st.integers(0, 255))
def test_one_damaged_byte_is_read_or_refused(at: int, value: int) -> None:
    data = bytearray(hello())
    data[at % len(data)] = value
    with contextlib.suppress(NotTls):
        read_client_hello(bytes(data))


@given(st.binary(max_size=400))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    with contextlib.suppress(NotTls):
        read_client_hello(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)


def test_a_damaged_hello_is_told_from_what_is_no_tls_at_all() -> None:
    whole = bytearray(hello())
    whole[43] = 0xFF  # the length of the session identifier
    with pytest.raises(DamagedHello):
        read_client_hello(bytes(whole))
    with pytest.raises(DamagedHello):
        read_client_hello(b"\x15\x03\x01\x00\x02\x02\x28")
    with pytest.raises(NotTls) as told:
        read_client_hello(b"GET / HTTP/1.1\r\n")
    assert not isinstance(told.value, DamagedHello)


def old_form(version: int = 0x0301, specs: bytes = b"\x00\x00\x2f\x07\x00\xc0\x00\x00\x35") -> bytes:
    body = (
        b"\x01"
        + version.to_bytes(2, "big")
        + len(specs).to_bytes(2, "big")
        + b"\0\0\0\x10"
        + specs
        + bytes(16)
    )
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def test_a_hello_in_the_form_of_ssl_2_is_read() -> None:
    found = read_client_hello(old_form())
    assert found == ClientHello((0x0301,), (0x2F, 0x35), is_old_form=True)
    assert all(read_client_hello(old_form()[:end]) is None for end in range(len(old_form())))


@given(st.binary(max_size=60))
def test_any_body_in_the_form_of_ssl_2_is_read_or_refused(rest: bytes) -> None:
    with contextlib.suppress(NotTls):
        read_client_hello((0x8000 | len(rest) + 3).to_bytes(2, "big") + b"\x01\x03\x01" + rest)


@given(st.lists(st.integers(1, 40), max_size=200), st.integers(1, 3))
def test_pieces_of_any_size_give_the_same_hello(sizes: list[int], record: int) -> None:
    data = hello()
    message = data[5:]
    records = b"".join(
        data[:3] + len(message[at : at + record]).to_bytes(2, "big") + message[at : at + record]
        for at in range(0, len(message), record)
    )
    reader, found, at = HelloReader(), None, 0
    for size in [*sizes, len(records)]:
        if found is None:
            found = reader.feed(records[at : at + size])
            at += size
    assert found is not None
    assert found.server_name == "modem.test"


def test_a_hello_byte_by_byte_in_records_of_a_byte_takes_no_long_time() -> None:
    reader = HelloReader()
    reader.feed(b"\x16\x03\x01\x00\x04\x01" + (16_384).to_bytes(3, "big"))
    looked = 0
    for _ in range(16_000):
        for byte in b"\x16\x03\x01\x00\x01\x00":
            assert reader.feed(bytes([byte])) is None
            looked += len(reader._pending)
    assert looked < 16_000 * 30  # what was looked at once is not kept to be looked at again


def test_lists_are_bounded() -> None:
    suites = b"".join(number.to_bytes(2, "big") for number in range(1, 7000))
    body = b"\x03\x03" + bytes(32) + b"\0" + len(suites).to_bytes(2, "big") + suites + b"\x01\0"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    found = read_client_hello(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)
    assert found is not None
    assert len(found.suites) == 1024


def test_grease_is_left_out() -> None:
    data = hello(newest=ssl.TLSVersion.TLSv1_2)
    found = read_client_hello(data)
    assert found is not None
    first = found.suites[0].to_bytes(2, "big")
    greased = read_client_hello(data.replace(first, b"\xba\xba", 1))
    assert greased is not None
    assert 0xBABA not in greased.suites
    assert greased.suites == found.suites[1:]
