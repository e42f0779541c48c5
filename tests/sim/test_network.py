"""The simulated modem's network against real servers on the loopback."""

from __future__ import annotations

import contextlib
import gc
import random
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modemtls.policy import TlsVersion
from modemtls.sim import cipher_suites
from modemtls.sim.network import (
    BUFFER_BYTES,
    Connection,
    ConnectionState,
    Failure,
    Network,
    Problem,
    TlsSettings,
    parse_map,
)
from modemtls.sim.server import HttpsServer, pattern

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
DEADLINE = 10.0


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close_all()


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[HttpsServer]:
    with HttpsServer(ca=ca) as made:
        yield made


@pytest.fixture
def strict(ca: trustme.CA) -> TlsSettings:
    return TlsSettings(
        server_name="server.test",
        check_chain=True,
        check_dates=True,
        check_hostname=True,
        minimum=TlsVersion.TLS1_2,
        maximum=TlsVersion.TLS1_3,
        time=NOON,
        ca_pem=ca.cert_pem.bytes(),
    )


def drive(network: Network, done: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < end, "the deadline passed"
        if sum(connection.poll() for connection in network.connections) == 0 and not done():
            network.wait(0.2)


def settle(network: Network, connection: Connection) -> Connection:
    drive(network, lambda: connection.state in (ConnectionState.OPEN, ConnectionState.CLOSED))
    return connection


def read_all(network: Network, connection: Connection) -> bytes:
    body = bytearray()

    def take() -> bool:
        body.extend(connection.receive(100_000))
        return connection.state is ConnectionState.CLOSED and not connection.available

    drive(network, take)
    return bytes(body)


def get(network: Network, server: HttpsServer, tls: TlsSettings, target: str) -> tuple[Connection, bytes]:
    connection = network.connect("server.test", server.port, tls)
    connection.send(f"GET {target} HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n".encode())
    return connection, read_all(network, connection)


def refused(network: Network, server: HttpsServer, tls: TlsSettings, host: str = "server.test") -> Problem:
    """The problem of a handshake that fails, after the server has noticed the failure too."""
    connection = settle(network, network.connect(host, server.port, tls))
    assert connection.state is ConnectionState.CLOSED
    assert connection.problem is not None
    drive(network, lambda: bool(server.failures))
    return connection.problem


@contextlib.contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server for one connection, which ``serve`` handles in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE)

        def run() -> None:
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                client.settimeout(DEADLINE)
                with client:
                    serve(client)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(DEADLINE)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def make_credential(
    ca: x509.Certificate | None = None,
    ca_key: ec.EllipticCurvePrivateKey | None = None,
    *,
    common_name: str,
    names: tuple[str, ...] = (),
    is_ca: bool = False,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject if ca is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=30))
        .not_valid_after(NOON + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    return builder.sign(ca_key or key, hashes.SHA256()), key


def pem(*parts: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    return b"".join(
        part.public_bytes(serialization.Encoding.PEM)
        if isinstance(part, x509.Certificate)
        else part.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for part in parts
    )


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_verified_request_with_each_version(
    network: Network, server: HttpsServer, strict: TlsSettings, version: TlsVersion
) -> None:
    connection, answer = get(network, server, replace(strict, minimum=version, maximum=version), "/bytes/500")
    assert answer.endswith(b"\r\n\r\n" + pattern(500))
    assert connection.problem is None
    assert connection.clean_close is True
    assert connection.version is version
    assert x509.load_der_x509_certificate(connection.peer_chain_der[0]).issuer
    assert server.handshakes[0].server_name == "server.test"
    assert server.log[0].target == "/bytes/500"
    assert server.failures == []


@pytest.mark.parametrize("version", [TlsVersion.TLS1_0, TlsVersion.TLS1_1])
def test_old_versions_are_spoken_when_asked_for(
    network: Network, ca: trustme.CA, strict: TlsSettings, version: TlsVersion
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = HttpsServer(ca=ca, tls_max=version)
    with old as server:
        connection, answer = get(network, server, replace(strict, minimum=version), "/")
    assert connection.version is version
    assert answer.endswith(b"Hello from modemtls.\n")


def test_address_in_the_certificate_is_accepted_and_not_sent_as_sni(
    network: Network, ca: trustme.CA, strict: TlsSettings
) -> None:
    with HttpsServer(ca=ca, names=("127.0.0.1",)) as server:
        tls = replace(strict, server_name="127.0.0.1")
        connection = settle(network, network.connect("127.0.0.1", server.port, tls))
        assert connection.problem is None
        connection.close()
        assert server.wait_until(lambda: bool(server.handshakes))
        assert server.handshakes[0].server_name is None


def test_dialled_name_is_checked_when_no_server_name_is_set(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    good = settle(network, network.connect("server.test", server.port, replace(strict, server_name=None)))
    assert good.problem is None
    problem = refused(network, server, replace(strict, server_name=None), host="other.test")
    assert problem.failure is Failure.CERT_HOSTNAME


def test_chosen_cipher_suite_is_the_one_used(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    for suite, version in ((0xC02B, TlsVersion.TLS1_2), (0x1301, TlsVersion.TLS1_3)):
        tls = replace(strict, cipher_suites=(0xFEFE, suite))
        connection = settle(network, network.connect("server.test", server.port, tls))
        assert connection.version is version
        assert cipher_suites.number_of(connection.cipher or "") == suite


def test_client_certificate_is_given(network: Network, ca: trustme.CA, strict: TlsSettings) -> None:
    client = ca.issue_cert("client@example.org")
    chain = b"".join(part.bytes() for part in client.cert_chain_pems)
    tls = replace(strict, certificate_pem=chain, key_pem=client.private_key_pem.bytes())
    with HttpsServer(ca=ca, client_ca=ca) as server:
        for version in (TlsVersion.TLS1_2, TlsVersion.TLS1_3):
            _, answer = get(network, server, replace(tls, maximum=version), "/")
            assert answer.endswith(b"Hello from modemtls.\n")
        leaf = x509.load_pem_x509_certificate(chain)
        assert server.handshakes[1].client_certificate == leaf.public_bytes(serialization.Encoding.DER)


def test_intermediate_sent_by_the_server_completes_the_chain(
    network: Network, ca: trustme.CA, strict: TlsSettings
) -> None:
    with HttpsServer(ca=ca.create_child_ca()) as server:
        _, answer = get(network, server, strict, "/")
    assert answer.endswith(b"Hello from modemtls.\n")


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_session_is_resumed_for_the_same_settings_only(
    network: Network, server: HttpsServer, strict: TlsSettings, version: TlsVersion
) -> None:
    strict = replace(strict, maximum=version)
    first, _ = get(network, server, strict, "/")
    assert first.session is not None
    again, answer = get(network, server, replace(strict, session=first.session), "/")
    assert again.resumed
    assert answer.endswith(b"Hello from modemtls.\n")
    assert server.handshakes[-1].resumed
    for changed in (
        replace(strict, ca_pem=trustme.CA().cert_pem.bytes(), session=first.session),
        replace(strict, time=datetime(1970, 1, 1, tzinfo=UTC), session=first.session),
    ):
        assert refused(network, server, changed).failure in (Failure.CERT_CHAIN, Failure.CERT_DATES)


def test_wrong_ca_is_refused_and_the_server_is_told(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    problem = refused(network, server, replace(strict, ca_pem=trustme.CA().cert_pem.bytes()))
    assert problem.failure is Failure.CERT_CHAIN
    assert problem.verify_code in (19, 20)
    assert "alert unknown ca" in server.failures[0].lower()
    assert server.handshakes == []


def test_no_ca_at_all_is_refused(network: Network, server: HttpsServer, strict: TlsSettings) -> None:
    assert refused(network, server, replace(strict, ca_pem=b"")).failure is Failure.CERT_CHAIN


@pytest.mark.parametrize(
    ("clock", "code", "word"),
    [
        (datetime(1970, 1, 1, 0, 7, 30, tzinfo=UTC), 9, "not yet valid"),
        (datetime(3100, 1, 1, tzinfo=UTC), 10, "expired"),
    ],
)
@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_valid_certificate_is_refused_by_a_wrong_clock(
    network: Network,
    server: HttpsServer,
    strict: TlsSettings,
    clock: datetime,
    code: int,
    word: str,
    version: TlsVersion,
) -> None:
    problem = refused(network, server, replace(strict, time=clock, maximum=version))
    assert problem.failure is Failure.CERT_DATES
    assert problem.verify_code == code
    assert word in problem.detail
    assert "certificate" in server.failures[0].lower()


def test_clock_is_the_modems_and_not_the_hosts(network: Network, ca: trustme.CA, strict: TlsSettings) -> None:
    with HttpsServer(
        ca=ca, not_before=datetime(2001, 1, 1, tzinfo=UTC), not_after=datetime(2002, 1, 1, tzinfo=UTC)
    ) as server:
        at = replace(strict, time=datetime(2001, 6, 1, tzinfo=UTC))
        connection, answer = get(network, server, at, "/")
        assert connection.problem is None
        assert answer.endswith(b"Hello from modemtls.\n")
        assert refused(network, server, strict).failure is Failure.CERT_DATES


def test_wrong_host_name_is_refused_within_the_handshake(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    problem = refused(network, server, replace(strict, server_name="other.test"))
    assert problem.failure is Failure.CERT_HOSTNAME
    assert problem.verify_code == 62
    assert "server.test" in problem.detail
    assert "alert" in server.failures[0].lower()
    assert server.handshakes == []


def test_address_that_the_certificate_does_not_name_is_refused(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    problem = refused(network, server, replace(strict, server_name=None), host="127.0.0.1")
    assert (problem.failure, problem.verify_code) == (Failure.CERT_HOSTNAME, 64)


def test_common_name_alone_does_not_count(network: Network, strict: TlsSettings) -> None:
    root, root_key = make_credential(common_name="root", is_ca=True)
    leaf, key = make_credential(root, root_key, common_name="server.test")
    with HttpsServer(credential_pem=pem(key, leaf)) as server:
        problem = refused(network, server, replace(strict, ca_pem=pem(root)))
        assert problem.failure is Failure.CERT_HOSTNAME
        assert "subjectAltName" in problem.detail


def test_missing_intermediate_is_refused(network: Network, strict: TlsSettings) -> None:
    root, root_key = make_credential(common_name="root", is_ca=True)
    middle, middle_key = make_credential(root, root_key, common_name="middle", is_ca=True)
    leaf, key = make_credential(middle, middle_key, common_name="leaf", names=("server.test",))
    with HttpsServer(credential_pem=pem(key, leaf)) as server:
        assert refused(network, server, replace(strict, ca_pem=pem(root))).failure is Failure.CERT_CHAIN
    with HttpsServer(credential_pem=pem(key, leaf)) as server:
        trusted = replace(strict, ca_pem=pem(root, middle))
        assert settle(network, network.connect("server.test", server.port, trusted)).problem is None


def test_leaf_as_trust_anchor_needs_partial_chain(network: Network, strict: TlsSettings) -> None:
    root, root_key = make_credential(common_name="root", is_ca=True)
    leaf, key = make_credential(root, root_key, common_name="leaf", names=("server.test",))
    with HttpsServer(credential_pem=pem(key, leaf)) as server:
        pinned = replace(strict, ca_pem=pem(leaf))
        assert refused(network, server, pinned).failure is Failure.CERT_CHAIN
        partial = replace(pinned, partial_chain=True)
        assert settle(network, network.connect("server.test", server.port, partial)).problem is None


WRONG_CLOCK, WRONG_CA, WRONG_NAME = "clock", "ca", "name"


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("dates", [False, True])
@pytest.mark.parametrize("hostname", [False, True])
@pytest.mark.parametrize("wrong", [WRONG_CLOCK, WRONG_CA, WRONG_NAME, None])
def test_each_check_refuses_its_own_fault_and_no_other(
    network: Network,
    server: HttpsServer,
    strict: TlsSettings,
    chain: bool,
    dates: bool,
    hostname: bool,
    wrong: str | None,
) -> None:
    tls = replace(strict, check_chain=chain, check_dates=dates, check_hostname=hostname)
    if wrong == WRONG_CLOCK:
        tls = replace(tls, time=datetime(1970, 1, 1, 0, 7, tzinfo=UTC))
    elif wrong == WRONG_CA:
        tls = replace(tls, ca_pem=trustme.CA().cert_pem.bytes())
    elif wrong == WRONG_NAME:
        tls = replace(tls, server_name="other.test")
    expected = {
        (WRONG_CLOCK, dates): Failure.CERT_DATES,
        (WRONG_CA, chain): Failure.CERT_CHAIN,
        (WRONG_NAME, hostname): Failure.CERT_HOSTNAME,
    }.get((wrong or "", True))
    connection = settle(network, network.connect("server.test", server.port, tls))
    assert (connection.problem.failure if connection.problem else None) is expected
    assert (connection.state is ConnectionState.OPEN) is (expected is None)


def test_no_version_in_common(network: Network, ca: trustme.CA, strict: TlsSettings) -> None:
    with HttpsServer(ca=ca, tls_min=TlsVersion.TLS1_3) as server:
        problem = refused(network, server, replace(strict, maximum=TlsVersion.TLS1_2))
        assert (problem.failure, problem.alert) == (Failure.TLS_VERSION, 70)
    with HttpsServer(ca=ca, tls_max=TlsVersion.TLS1_2) as server:
        assert (
            refused(network, server, replace(strict, minimum=TlsVersion.TLS1_3)).failure
            is Failure.TLS_VERSION
        )


def test_no_cipher_in_common(network: Network, ca: trustme.CA, strict: TlsSettings) -> None:
    with HttpsServer(ca=ca, tls_max=TlsVersion.TLS1_2, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384") as server:
        problem = refused(network, server, replace(strict, cipher_suites=(0xC02B,)))
        assert problem.failure is Failure.TLS_CIPHER
        assert problem.alert in (40, 71)


@pytest.mark.parametrize(
    ("suites", "minimum", "maximum"),
    [
        ((0xFEFE,), TlsVersion.TLS1_2, TlsVersion.TLS1_3),
        ((0x0018, 0x0000), TlsVersion.TLS1_2, TlsVersion.TLS1_2),
        ((0x1301,), TlsVersion.TLS1_2, TlsVersion.TLS1_2),
        ((0xC02B,), TlsVersion.TLS1_3, TlsVersion.TLS1_3),
    ],
)
def test_no_usable_suite_is_known_before_dialling(
    network: Network,
    strict: TlsSettings,
    suites: tuple[int, ...],
    minimum: TlsVersion,
    maximum: TlsVersion,
) -> None:
    tls = replace(strict, cipher_suites=suites, minimum=minimum, maximum=maximum)
    connection = network.connect("server.test", 443, tls)
    assert connection.state is ConnectionState.CLOSED
    assert connection.problem is not None
    assert connection.problem.failure is Failure.TLS_CIPHER


def test_suite_that_the_version_cannot_use_fails_the_handshake(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    tls = replace(strict, cipher_suites=(0xC02B,), minimum=TlsVersion.TLS1_0, maximum=TlsVersion.TLS1_1)
    connection = settle(network, network.connect("server.test", server.port, tls))
    assert connection.problem is not None
    assert connection.problem.failure is Failure.TLS_CIPHER


def test_anonymous_suites_are_never_offered(network: Network, strict: TlsSettings) -> None:
    hello = bytearray()

    def listen(client: socket.socket) -> None:
        hello.extend(client.recv(65536))

    with raw_server(listen) as port:
        settle(network, network.connect("server.test", port, replace(strict, minimum=TlsVersion.TLS1_0)))
    start = 5 + 4 + 2 + 32
    start += 1 + hello[start]
    count = int.from_bytes(hello[start : start + 2], "big")
    suites = struct.unpack(f">{count // 2}H", hello[start + 2 : start + 2 + count])
    anonymous = {0x0018, 0x001B, 0x0034, 0x003A, 0x006C, 0x006D, 0x00A6, 0x00A7, 0xC017, 0xC018, 0xC019}
    assert len(suites) > 20
    assert not anonymous & set(suites)


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_server_that_wants_a_client_certificate(
    network: Network, ca: trustme.CA, strict: TlsSettings, version: TlsVersion
) -> None:
    with HttpsServer(ca=ca, client_ca=ca) as server:
        connection, answer = get(network, server, replace(strict, maximum=version), "/")
    assert answer == b""
    assert connection.problem is not None
    assert connection.problem.failure is Failure.CLIENT_CERT
    assert connection.problem.alert == (116 if version is TlsVersion.TLS1_3 else 40)


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_client_certificate_of_a_foreign_ca_is_refused_by_the_server(
    network: Network, ca: trustme.CA, strict: TlsSettings, version: TlsVersion
) -> None:
    client = trustme.CA().issue_cert("client@example.org")
    tls = replace(
        strict,
        maximum=version,
        certificate_pem=client.cert_chain_pems[0].bytes(),
        key_pem=client.private_key_pem.bytes(),
    )
    with HttpsServer(ca=ca, client_ca=ca) as server:
        connection, answer = get(network, server, tls, "/")
    assert answer == b""
    assert connection.problem is not None
    assert (connection.problem.failure, connection.problem.alert) == (Failure.CLIENT_CERT, 48)


def test_plain_http_on_the_port(network: Network, strict: TlsSettings) -> None:
    def answer(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with raw_server(answer) as port:
        connection = settle(network, network.connect("server.test", port, strict))
    assert connection.problem is not None
    assert connection.problem.failure is Failure.TLS_NOT_TLS
    assert "HTTP/1.1 400" in connection.problem.detail


@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_server_that_goes_in_the_handshake(
    network: Network, strict: TlsSettings, end: Callable[[socket.socket], None]
) -> None:
    def go(client: socket.socket) -> None:
        client.recv(65536)
        end(client)

    with raw_server(go) as port:
        connection = settle(network, network.connect("server.test", port, strict))
    assert connection.problem is not None
    assert connection.problem.failure is Failure.LOST


def test_opaque_modem_tells_every_tls_failure_the_same(
    ca: trustme.CA, server: HttpsServer, strict: TlsSettings
) -> None:
    def go(client: socket.socket) -> None:
        client.recv(65536)
        reset(client)

    network = Network(opaque=True)
    try:
        wrong = [
            replace(strict, ca_pem=trustme.CA().cert_pem.bytes()),
            replace(strict, server_name="other.test"),
            replace(strict, time=NOON - timedelta(days=36500)),
            replace(strict, ca_pem=b"no certificate"),
        ]
        problems = [
            settle(network, network.connect("server.test", server.port, tls)).problem for tls in wrong
        ]
        with raw_server(go) as port:
            problems.append(settle(network, network.connect("server.test", port, strict)).problem)
        assert [(p.failure, p.verify_code) for p in problems if p] == [(Failure.TLS_OPAQUE, None)] * 5
        good = settle(network, network.connect("server.test", server.port, strict))
        assert good.state is ConnectionState.OPEN
    finally:
        network.close_all()


def test_opaque_modem_still_tells_what_is_not_of_tls(strict: TlsSettings) -> None:
    network = Network(opaque=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host, where, failure in (
        ("localhost", port, Failure.REFUSED),
        ("nowhere.invalid", 443, Failure.NAME),
        ("example.org", 443, Failure.NOT_ALLOWED),
    ):
        problem = settle(network, network.connect(host, where, strict)).problem
        assert problem is not None
        assert problem.failure is failure


def test_handshake_that_is_larger_than_the_buffer_fails(server: HttpsServer, strict: TlsSettings) -> None:
    network = Network(handshake_room=200)
    try:
        connection = settle(network, network.connect("server.test", server.port, strict))
        assert connection.problem is not None
        assert connection.problem.failure is Failure.TLS_HANDSHAKE
        assert "200 bytes" in connection.problem.detail
        roomy = replace(strict, handshake_room=16384)
        assert (
            settle(network, network.connect("server.test", server.port, roomy)).state is ConnectionState.OPEN
        )
    finally:
        network.close_all()


def test_room_for_the_handshake_is_no_limit_for_what_follows(
    ca: trustme.CA, server: HttpsServer, strict: TlsSettings
) -> None:
    network = Network(handshake_room=16384)
    try:
        _, answer = get(network, server, strict, "/bytes/100000")
        assert answer.endswith(pattern(100_000))
    finally:
        network.close_all()


def test_closed_port_is_refused(network: Network, strict: TlsSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for tls in (None, strict):
        connection = settle(network, network.connect("localhost", port, tls))
        assert connection.problem is not None
        assert connection.problem.failure is Failure.REFUSED
        assert connection.fileno() == -1


@pytest.mark.parametrize(
    "broken",
    [
        {"ca_pem": b"no certificate"},
        {"ca_pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        {"certificate_pem": b"no certificate"},
    ],
)
def test_unreadable_credentials_are_named(
    network: Network, strict: TlsSettings, broken: dict[str, bytes]
) -> None:
    connection = network.connect("server.test", 443, replace(strict, **broken))  # type: ignore[arg-type]
    assert connection.problem is not None
    assert connection.problem.failure is Failure.CREDENTIALS


def test_client_key_that_is_missing_foreign_or_encrypted_is_named_and_not_shown(
    network: Network, ca: trustme.CA, strict: TlsSettings
) -> None:
    certificate = ca.issue_cert("a@example.org").cert_chain_pems[0].bytes()
    foreign = ca.issue_cert("b@example.org").private_key_pem.bytes()
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    for key in (b"", foreign, locked, b"a secret that is no key"):
        tls = replace(strict, certificate_pem=certificate, key_pem=key)
        problem = network.connect("server.test", 443, tls).problem
        assert problem is not None
        assert problem.failure is Failure.CREDENTIALS
        assert "secret" not in str(problem)
        assert "PRIVATE" not in repr(tls)
        assert "key_pem" not in repr(tls)


def test_psk_is_a_problem_and_not_ignored(network: Network, strict: TlsSettings) -> None:
    problem = network.connect("server.test", 443, replace(strict, psk_identity="me", psk=b"\x01")).problem
    assert problem is not None
    assert problem.failure is Failure.TLS_HANDSHAKE
    assert "PSK" in problem.detail


def test_clock_without_a_zone_is_an_error(strict: TlsSettings) -> None:
    with pytest.raises(ValueError, match="time zone"):
        replace(strict, time=datetime(2024, 1, 1))


@pytest.mark.parametrize(
    ("target", "clean", "failure"),
    [
        ("/close/50000", True, None),
        ("/short/90000/50000", True, None),
        ("/cut/90000/50000", False, Failure.LOST),
        ("/reset/90000/50000", False, Failure.LOST),
    ],
)
@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_end_is_told_and_what_came_before_is_delivered(
    network: Network,
    server: HttpsServer,
    strict: TlsSettings,
    target: str,
    clean: bool,
    failure: Failure | None,
    version: TlsVersion,
) -> None:
    connection, answer = get(network, server, replace(strict, maximum=version), target)
    assert answer.partition(b"\r\n\r\n")[2] == pattern(50000)
    assert connection.clean_close is clean
    assert (connection.problem.failure if connection.problem else None) is failure


@pytest.mark.parametrize(("end", "clean"), [(socket.socket.close, True), (reset, False)], ids=["fin", "rst"])
def test_plain_tcp_end(network: Network, end: Callable[[socket.socket], None], clean: bool) -> None:
    def serve(client: socket.socket) -> None:
        client.recv(4)
        client.sendall(pattern(10_000))
        end(client)

    with raw_server(serve) as port:
        connection = network.connect("localhost", port)
        connection.send(b"ping")
        assert read_all(network, connection) == pattern(10_000)
    assert connection.clean_close is clean
    assert (connection.problem is None) is clean


@pytest.mark.parametrize("secure", [True, False])
def test_open_is_seen_even_if_the_peer_says_all_and_ends_at_once(
    network: Network, ca: trustme.CA, strict: TlsSettings, secure: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("server.test").configure_cert(context)

    def serve(client: socket.socket) -> None:
        tls = context.wrap_socket(client, server_side=True) if secure else client
        tls.sendall(b"all")
        if isinstance(tls, ssl.SSLSocket):
            tls.unwrap()
        tls.close()

    seen: list[ConnectionState] = []
    with raw_server(serve) as port:
        connection = network.connect("server.test", port, strict if secure else None)

        def look() -> bool:
            seen.append(connection.state)
            return connection.state is ConnectionState.CLOSED

        drive(network, look)
    assert ConnectionState.OPEN in seen
    assert connection.receive(10) == b"all"
    assert connection.problem is None
    assert connection.clean_close is True


def test_close_delivers_what_was_queued_and_says_goodbye(
    network: Network, ca: trustme.CA, strict: TlsSettings, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("server.test").configure_cert(context)
    came = bytearray()
    clean: list[bool] = []

    def serve(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False) as tls:
            try:
                while data := tls.recv(65536):
                    came.extend(data)
                clean.append(True)
            except ssl.SSLError:
                clean.append(False)

    with raw_server(serve) as port:
        connection = settle(network, network.connect("server.test", port, strict))
        connection.send(pattern(3_000_000))
        connection.close()
        assert connection.state is ConnectionState.CLOSED
        assert not connection.is_busy
        drive(network, lambda: bool(clean))
    assert bytes(came) == pattern(3_000_000)
    assert clean == [True]


def test_giving_up_keeps_the_reason(network: Network, strict: TlsSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = network.connect("server.test", silent.getsockname()[1], strict)
        drive(network, lambda: connection.state is ConnectionState.HANDSHAKING)
        assert connection.is_busy
        connection.give_up(Problem(Failure.TIMEOUT, "the modem's own limit"))
        assert connection.problem == Problem(Failure.TIMEOUT, "the modem's own limit")
        connection.give_up(Problem(Failure.LOST, "later"))
        assert connection.problem.failure is Failure.TIMEOUT
    assert network.connections == ()


@pytest.mark.parametrize("secure", [True, False])
def test_a_megabyte_comes_back_with_random_cuts(
    network: Network, ca: trustme.CA, strict: TlsSettings, secure: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("server.test").configure_cert(context)

    def echo(client: socket.socket) -> None:
        tls = context.wrap_socket(client, server_side=True) if secure else client
        with tls:
            while data := tls.recv(50_000):
                tls.sendall(data)

    body = pattern(1_000_000)
    chance = random.Random(7)
    back = bytearray()
    position = 0
    with raw_server(echo) as port:
        connection = network.connect("server.test", port, strict if secure else None)

        def step() -> bool:
            nonlocal position
            if position < len(body) and connection.unsent < 30_000:
                part = body[position : position + chance.randint(1, 40_000)]
                connection.send(part)
                position += len(part)
            back.extend(connection.receive(chance.randint(1, 40_000)))
            assert connection.available <= BUFFER_BYTES
            return len(back) >= len(body)

        drive(network, step)
        assert bytes(back) == body
        assert connection.unsent == 0
        assert not connection.is_busy
        connection.close()


@pytest.mark.parametrize("secure", [True, False])
def test_owner_that_does_not_receive_holds_the_server_back(
    network: Network, ca: trustme.CA, strict: TlsSettings, secure: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("server.test").configure_cert(context)
    sent = 0
    body = pattern(20_000_000)

    def flood(client: socket.socket) -> None:
        nonlocal sent
        tls = context.wrap_socket(client, server_side=True) if secure else client
        with tls:
            for start in range(0, len(body), 50_000):
                tls.sendall(body[start : start + 50_000])
                sent += 50_000
            if secure:
                assert isinstance(tls, ssl.SSLSocket)
                tls.unwrap()

    with raw_server(flood) as port:
        connection = network.connect("server.test", port, strict if secure else None)
        drive(network, lambda: connection.available == BUFFER_BYTES)
        for _ in range(20):
            connection.poll()
        assert connection.available == BUFFER_BYTES
        assert not connection.wants_read
        assert not network.wait(0.05)
        assert sent < len(body)
        assert read_all(network, connection) == body
    assert connection.clean_close is True


def test_bytes_inside_the_tls_engine_are_ready_without_the_socket(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    connection = settle(network, network.connect("server.test", server.port, strict))
    connection.send(b"GET /bytes/65500 HTTP/1.1\r\nHost: server.test\r\n\r\n")
    drive(network, lambda: connection.available == BUFFER_BYTES)
    answer = connection.receive(BUFFER_BYTES)
    assert network.wait(0)
    drive(network, lambda: connection.available > 0)
    answer += connection.receive(BUFFER_BYTES)
    assert answer.endswith(pattern(65500))


def test_poll_says_whether_anything_moved(network: Network, server: HttpsServer, strict: TlsSettings) -> None:
    now = 100.0
    network = Network(now=lambda: now)
    connection = settle(network, network.connect("server.test", server.port, strict))
    drive(network, lambda: not connection.poll())
    seen = connection.last_activity
    now = 200.0
    assert not connection.poll()
    assert (seen, connection.last_activity) == (100.0, 100.0)
    connection.send(b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n")
    assert connection.is_busy
    assert connection.poll()
    assert connection.last_activity == 200.0
    assert not connection.is_busy
    network.close_all()


def test_many_connections_at_once_leave_no_descriptor_behind(
    network: Network, server: HttpsServer, strict: TlsSettings
) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    wrong = replace(strict, ca_pem=trustme.CA().cert_pem.bytes())
    settle(network, network.connect("server.test", server.port, strict)).close()
    gc.collect()
    before = descriptors()
    made = [network.connect("server.test", server.port, wrong if turn % 2 else strict) for turn in range(40)]
    drive(network, lambda: all(c.state in (ConnectionState.OPEN, ConnectionState.CLOSED) for c in made))
    assert sum(c.state is ConnectionState.OPEN for c in made) == 20
    network.close_all()
    assert network.connections == ()
    assert all(c.fileno() == -1 for c in made)
    assert not network.wait(0)
    with HttpsServer() as other:
        assert other.wait_until(lambda: descriptors() <= before + 60)
    server.__exit__(None, None, None)
    assert descriptors() <= before


def test_route_leads_to_another_port_and_name_stays_for_tls(
    network: Network, ca: trustme.CA, strict: TlsSettings
) -> None:
    with HttpsServer(ca=ca, names=("www.example.com",)) as server:
        network = Network(routes=parse_map(f"www.example.com:443=127.0.0.1:{server.port}"))
        tls = replace(strict, server_name="www.example.com")
        connection = settle(network, network.connect("www.example.com", 443, tls))
        assert connection.problem is None
        assert connection.peer_address == ("127.0.0.1", server.port)
        assert network.resolve("WWW.example.com") == "127.0.0.1"
        other_port = network.connect("www.example.com", 80).problem
        assert other_port is not None
        assert other_port.failure is Failure.NOT_ALLOWED
        network.close_all()


def test_bad_port_and_bad_reach_are_errors(network: Network) -> None:
    for port in (0, -1, 65536):
        with pytest.raises(ValueError, match="port"):
            network.connect("localhost", port)
    with pytest.raises(ValueError, match="network="):
        Network(reach="everywhere")  # type: ignore[arg-type]
