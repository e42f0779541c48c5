"""The HTTPS test server, seen by Python's own client."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import pytest

from modemtls.sim.server import HttpsServer, Reply, Request, pattern


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer() as made:
        yield made


def client_context(server: HttpsServer) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.ca_pem.decode())


class NamedConnection(http.client.HTTPSConnection):
    """Dials the loopback, and checks and sends the name ``server.test``."""

    def __init__(self, server: HttpsServer) -> None:
        self._own_context = client_context(server)
        super().__init__("server.test", server.port, context=self._own_context, timeout=5)

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), 5)
        self.sock = self._own_context.wrap_socket(raw, server_hostname="server.test")


@pytest.fixture
def client(server: HttpsServer) -> Iterator[NamedConnection]:
    made = NamedConnection(server)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("GET", "/", 200, b"Hello from modemtls.\n"),
        ("GET", "/bytes/3000", 200, pattern(3000)),
        ("GET", "/bytes/0", 200, b""),
        ("GET", "/bytes/10?x=1", 200, pattern(10)),
        ("GET", "/chunked/10000", 200, pattern(10000)),
        ("GET", "/chunked/0", 200, b""),
        ("GET", "/close/10000", 200, pattern(10000)),
        ("GET", "/status/418", 418, b"418\n"),
        ("GET", "/status/204", 204, b""),
        ("GET", "/status/99", 404, b"there is no /status/99\n"),
        ("GET", "/bytes/-1", 404, b"there is no /bytes/-1\n"),
        ("GET", "/bytes/99999999999", 404, b"there is no /bytes/99999999999\n"),
        ("HEAD", "/bytes/3000", 200, b""),
        ("HEAD", "/chunked/3000", 200, b""),
        ("POST", "/echo", 200, b"sent"),
        ("PUT", "/echo", 200, b"sent"),
        ("DELETE", "/", 200, b"Hello from modemtls.\n"),
    ],
)
def test_own_targets(client: NamedConnection, method: str, target: str, status: int, body: bytes) -> None:
    client.request(method, target, b"sent" if target == "/echo" else None, {"Content-Type": "text/x-own"})
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (status, body)
    if target == "/echo":
        assert answer.getheader("Content-Type") == "text/x-own"
    if method == "HEAD" and target == "/bytes/3000":
        assert answer.getheader("Content-Length") == "3000"


def test_several_requests_on_one_connection_are_logged(server: HttpsServer, client: NamedConnection) -> None:
    shakes = len(server.handshakes)
    for number in (1, 2, 3):
        client.request("POST", f"/echo?{number}", iter([b"a", b"bc"]), {"X-One": "1"}, encode_chunked=True)
        assert client.getresponse().read() == b"abc"
    assert len(server.handshakes) == shakes + 1
    last = server.log[-1]
    assert (last.method, last.target, last.body) == ("POST", "/echo?3", b"abc")
    assert last.header("x-one") == "1"
    assert last.header("x-two") is None


def test_headers_are_shown(client: NamedConnection) -> None:
    client.request("GET", "/headers", headers={"X-One": "1"})
    assert b"X-One: 1\n" in client.getresponse().read()


@pytest.mark.parametrize("target", ["/cut/1000/600", "/reset/1000/600", "/short/1000/600"])
def test_body_that_ends_too_early(client: NamedConnection, target: str) -> None:
    client.request("GET", target)
    answer = client.getresponse()
    assert answer.length == 1000
    with pytest.raises((http.client.IncompleteRead, ConnectionError, ssl.SSLError)):
        answer.read()


def test_body_that_is_too_large_is_refused(client: NamedConnection) -> None:
    client.putrequest("POST", "/echo")
    client.putheader("Content-Length", "99999999999")
    client.endheaders()
    assert client.getresponse().status == 413


def test_handler_is_asked_first() -> None:
    def handler(request: Request) -> Reply | None:
        return Reply(201, b"own", headers=(("X-Own", "yes"),)) if request.target == "/own" else None

    with HttpsServer(handler=handler) as server:
        client = NamedConnection(server)
        client.request("GET", "/own")
        answer = client.getresponse()
        assert (answer.status, answer.read(), answer.getheader("X-Own")) == (201, b"own", "yes")
        client.request("GET", "/bytes/3")
        assert client.getresponse().read() == pattern(3)
        client.close()


def test_client_that_stalls_blocks_nobody_and_does_not_outlive_the_server() -> None:
    with HttpsServer() as server:
        stalled = socket.create_connection(("127.0.0.1", server.port), 5)
        client = NamedConnection(server)
        client.request("GET", "/")
        assert client.getresponse().status == 200
        idle = client
    with stalled:
        assert stalled.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 1)


def test_refused_certificate_shows_as_a_failure() -> None:
    with HttpsServer() as server, HttpsServer() as other:
        raw = socket.create_connection(("127.0.0.1", server.port), 5)
        with raw, pytest.raises(ssl.SSLCertVerificationError):
            client_context(other).wrap_socket(raw, server_hostname="server.test")
        assert server.wait_until(lambda: bool(server.failures))
        assert "unknown ca" in server.failures[0].lower()
        assert server.handshakes == []


def test_pattern_is_the_same_everywhere() -> None:
    assert pattern(0) == b""
    assert pattern(1000)[:10] == pattern(10)
    assert pattern(4).hex() == "8e5fb4bb"
