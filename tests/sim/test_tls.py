"""The TLS engine against OpenSSL's own server, in memory, at any cut and with any damage."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modemtls.policy import TlsVersion
from modemtls.sim import cipher_suites
from modemtls.sim.problems import Failure, Problem
from modemtls.sim.tls import EngineError, TlsEngine, TlsSettings
from modemtls.sim.tls_problems import failure_of_handshake, failure_of_verification

CA = trustme.CA()
LEAF = CA.issue_cert("server.test")
SETTINGS = TlsSettings(
    server_name="server.test",
    check_chain=True,
    check_dates=True,
    check_hostname=True,
    minimum=TlsVersion.TLS1_2,
    maximum=TlsVersion.TLS1_3,
    time=datetime(2024, 6, 1, tzinfo=UTC),
    ca_pem=CA.cert_pem.bytes(),
)
UNCHECKED = replace(SETTINGS, check_chain=False, check_dates=False, check_hostname=False)


class MemoryServer:
    """The other side of a handshake: Python's own TLS on memory BIOs."""

    def __init__(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        LEAF.configure_cert(context)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=True)

    def step(self, data: bytes) -> bytes:
        self._in.write(data)
        with contextlib.suppress(ssl.SSLError):
            self.tls.do_handshake()
        return self._out.read()


def run(engine: TlsEngine, server: MemoryServer, cuts: list[int]) -> bool:
    done = engine.handshake()
    sizes = iter(cuts * 10_000)
    while True:
        to_server = engine.output()
        answer = server.step(to_server)
        if done:
            engine.feed(answer)
        if done or (not answer and not to_server):
            return done
        while answer:
            size = next(sizes)
            engine.feed(answer[:size])
            answer = answer[size:]
            done = engine.handshake()


def record_headers(data: bytes) -> set[int]:
    found: set[int] = set()
    start = 0
    while start < len(data):
        found.update(range(start, start + 5))
        start += 5 + int.from_bytes(data[start + 3 : start + 5], "big")
    return found


def outcome(engine: TlsEngine) -> bool | Problem:
    try:
        return engine.handshake()
    except EngineError as error:
        return error.problem


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=20))
@settings(max_examples=25)
def test_handshake_at_any_cut(version: TlsVersion, cuts: list[int]) -> None:
    engine, server = TlsEngine(replace(SETTINGS, maximum=version), "server.test"), MemoryServer()
    assert run(engine, server, cuts)
    assert engine.version is version
    engine.write(b"ping")
    server.step(engine.output())
    assert server.tls.read(10) == b"ping"


def test_handshake_byte_by_byte() -> None:
    assert run(TlsEngine(SETTINGS, "server.test"), MemoryServer(), [1])


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_from_the_peer_are_a_problem_or_not_enough(data: bytes) -> None:
    engine = TlsEngine(UNCHECKED, "server.test")
    engine.handshake()
    engine.feed(data)
    found = outcome(engine)
    assert found is not True
    if isinstance(found, Problem) and not 0x14 <= data[0] <= 0x18:
        assert found.failure is Failure.TLS_NOT_TLS


@pytest.mark.parametrize("base", [SETTINGS, UNCHECKED])
@given(where=st.floats(0, 0.999), change=st.integers(1, 255))
@settings(max_examples=60)
def test_damaged_answer_of_the_server_is_a_problem(base: TlsSettings, where: float, change: int) -> None:
    """The handshake's transcript is authenticated: with or without checks, no change passes."""
    engine, server = TlsEngine(replace(base, maximum=TlsVersion.TLS1_2), "server.test"), MemoryServer()
    engine.handshake()
    answer = bytearray(server.step(engine.output()))
    place = int(len(answer) * where)
    # The version in a record's header is not part of the transcript, and may be anything.
    assume(place not in record_headers(bytes(answer)))
    answer[place] ^= change
    engine.feed(bytes(answer))
    found = outcome(engine)
    if found is False:
        engine.feed(server.step(engine.output()))
        found = outcome(engine)
    assert found is not True


def test_close_notify_is_told_and_nothing_follows_it() -> None:
    engine, server = TlsEngine(SETTINGS, "server.test"), MemoryServer()
    assert run(engine, server, [500])
    server.tls.write(b"last")
    with contextlib.suppress(ssl.SSLError):
        server.tls.unwrap()
    engine.feed(server.step(b""))
    assert engine.read(2) == b"la"
    assert engine.read(100) == b"st"
    assert not engine.closed
    assert engine.read(100) == b""
    assert engine.closed
    assert engine.read(100) == b""


def test_table_of_suites_agrees_with_the_hosts_openssl() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    known = {entry["name"]: entry["id"] & 0xFFFF for entry in context.get_ciphers()}
    shared = [name for name in cipher_suites.OPENSSL_NAMES.values() if name in known]
    assert len(shared) > 20
    for name in shared:
        assert cipher_suites.number_of(name) == known[name]


def test_no_suite_of_the_table_goes_without_authentication_or_encryption() -> None:
    for name in cipher_suites.OPENSSL_NAMES.values():
        assert not any(word in name for word in ("NULL", "ADH", "AECDH", "PSK", "SRP", "EXP"))


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        *[(code, Failure.CERT_CHAIN) for code in (2, 18, 19, 20, 21)],
        *[(code, Failure.CERT_DATES) for code in (9, 10)],
        *[(code, Failure.CERT_HOSTNAME) for code in (62, 64)],
        *[(code, Failure.CERT_OTHER) for code in (1, 7, 23, 24, 26, 999)],
    ],
)
def test_verify_codes(code: int, failure: Failure) -> None:
    assert failure_of_verification(code) is failure


@pytest.mark.parametrize(
    ("alert", "hello", "missing", "given_", "failure"),
    [
        (70, False, False, False, Failure.TLS_VERSION),
        (71, False, False, False, Failure.TLS_CIPHER),
        (40, False, False, False, Failure.TLS_CIPHER),
        (40, True, False, False, Failure.TLS_HANDSHAKE),
        (40, True, True, False, Failure.CLIENT_CERT),
        (116, True, True, False, Failure.CLIENT_CERT),
        (48, True, False, True, Failure.CLIENT_CERT),
        (48, True, False, False, Failure.TLS_HANDSHAKE),
        (112, False, False, False, Failure.TLS_HANDSHAKE),
        (200, True, False, False, Failure.TLS_HANDSHAKE),
    ],
)
def test_alerts(alert: int, hello: bool, missing: bool, given_: bool, failure: Failure) -> None:
    problem = failure_of_handshake(
        ["some alert"],
        alert=alert,
        first_bytes=b"\x15\x03\x03",
        server_hello_seen=hello,
        client_certificate_missing=missing,
        client_certificate_given=given_,
    )
    assert problem.failure is failure
    assert problem.alert == alert
    assert str(alert) in problem.detail
