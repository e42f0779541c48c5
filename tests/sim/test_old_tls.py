"""The test server with the TLS of long ago, whatever the computer's own policy allows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trustme

from modemtls.policy import TlsVersion
from modemtls.sim import Network, Prompt, Refuse, Simulator, TlsSettings, on
from modemtls.sim.network import Connection, ConnectionState
from modemtls.sim.routes import parse_map
from modemtls.sim.server import HttpsServer, pattern


def settings(server: HttpsServer, version: TlsVersion, **more: object) -> TlsSettings:
    return TlsSettings(
        server_name="server.test", check_chain=True, check_dates=True, check_hostname=True, minimum=version,
        maximum=version, time=datetime(2026, 5, 1, tzinfo=UTC), ca_pem=server.ca_pem, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def finish(network: Network, connection: Connection) -> bytes:
    """Everything that comes until the end."""
    found = b""
    for _ in range(500):
        network.wait(0.02)
        connection.poll()
        found += connection.receive(65536)
        if connection.state is ConnectionState.CLOSED and not connection.available:
            return found
    raise AssertionError("no end")


def get(network: Network, tls: TlsSettings, target: str) -> tuple[Connection, bytes]:
    connection = network.connect("server.test", 443, tls)
    connection.send(f"GET {target} HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n".encode())
    for _ in range(500):
        network.wait(0.02)
        connection.poll()
        if (
            connection.state is not ConnectionState.HANDSHAKING
            and connection.state is not ConnectionState.CONNECTING
        ):
            break
    return connection, finish(network, connection)


@pytest.mark.parametrize("version", [TlsVersion.TLS1_0, TlsVersion.TLS1_1])
def test_old_versions_with_client_certificate_name_and_large_bodies(version: TlsVersion) -> None:
    authority = trustme.CA()
    mine = authority.issue_cert("client.test")
    with HttpsServer(tls_max=version, client_ca=authority) as server:
        network = Network(routes=parse_map(f"server.test:443=127.0.0.1:{server.port}"), reach="loopback")
        tls = settings(
            server,
            version,
            certificate_pem=mine.cert_chain_pems[0].bytes(),
            key_pem=mine.private_key_pem.bytes(),
        )
        connection, found = get(network, tls, "/bytes/100000")
        network.close_all()
    assert found.endswith(pattern(100_000))
    assert (connection.version, connection.clean_close) == (version, True)
    (shake,) = server.handshakes
    assert (shake.server_name, shake.resumed) == ("server.test", False)
    assert shake.client_certificate is not None


def test_a_client_of_today_is_refused() -> None:
    with HttpsServer(tls_max=TlsVersion.TLS1_0) as server:
        network = Network(routes=parse_map(f"server.test:443=127.0.0.1:{server.port}"), reach="loopback")
        connection, _ = get(network, settings(server, TlsVersion.TLS1_2), "/")
        network.close_all()
        assert server.wait_until(lambda: len(server.failures) == 1)
    assert connection.problem is not None


def test_bodies_that_end_wrongly() -> None:
    with HttpsServer(tls_max=TlsVersion.TLS1_0) as server:
        network = Network(routes=parse_map(f"server.test:443=127.0.0.1:{server.port}"), reach="loopback")
        tls = settings(server, TlsVersion.TLS1_0)
        ends = {how: get(network, tls, f"/{how}/9000/5000") for how in ("cut", "reset", "short")}
        network.close_all()
    for _, found in ends.values():
        assert found.endswith(pattern(5000))
    assert [ends[how][0].clean_close for how in ("cut", "reset", "short")] == [False, False, True]


class Acme(Simulator):
    """Waits for data, and not for ever."""

    @on(r"AT\+PUT")
    def put(self, match: object) -> Prompt:
        return Prompt(3, lambda data: f"+GOT: {data.decode()}", patience=2.0, late=lambda: Refuse(5))


def test_a_prompt_with_patience_ends_when_no_byte_comes() -> None:
    modem = Acme(echo=False)
    modem.feed(b"AT+PUT\ra")
    modem.advance(1.9)
    modem.feed(b"b")
    modem.advance(3.8)
    assert modem.take() == b"\r\n> "
    modem.advance(4.0)
    assert modem.take() == b"\r\nERROR\r\n"
    modem.feed(b"AT+PUT\rabc")
    modem.advance(10.0)
    assert modem.take() == b"\r\n> \r\n+GOT: abc\r\n\r\nOK\r\n"
