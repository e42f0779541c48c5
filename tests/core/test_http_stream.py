"""HTTP/1.1 over the modem's stream: framing, endings, limits, and servers that do not keep to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modemtls
from modemtls import HttpError, Modem, NetworkError, Reason
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer, Reply, Request, pattern

from .bench import LyingServer, Tap, opened

WAYS: tuple[HttpWay, ...] = ("stream", "modem")
both = pytest.mark.parametrize("http", WAYS)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def modem(server: HttpsServer) -> object:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        yield modem


def test_several_requests_share_one_handshake(server: HttpsServer, modem: Modem) -> None:
    before = len(server.handshakes)
    with modem.https("one.test") as session:
        for target in ("/", "/bytes/5000", "/chunked/9000", "/status/404"):
            session.get(target)
        session.post("/echo", b"x" * 4000)
        session.head("/bytes/100")
        session.get("/status/204")
        assert session.get("/").body == b"Hello from modemtls.\n"
    assert len(server.handshakes) == before + 1


def test_connection_close_makes_the_next_request_connect_again(server: HttpsServer, modem: Modem) -> None:
    before = len(server.handshakes)
    with modem.https("one.test") as session:
        for _ in range(2):
            found = session.get("/close/3000")
            assert found.body == pattern(3000)
            assert found.is_complete is None, "who ended it cannot be told"
        assert session.get("/", headers={"Connection": "close"}).is_complete is True
        assert session.get("/").status == 200
    assert len(server.handshakes) == before + 4


@pytest.mark.parametrize("target", ["/chunked/10000", "/chunked/0", "/bytes/0", "/bytes/1", "/bytes/100000"])
def test_bodies_with_a_length_are_whole(modem: Modem, target: str) -> None:
    found = modem.https("one.test").get(target)
    assert found.body == pattern(int(target.rpartition("/")[2]))
    assert found.is_complete is True


@both
def test_head_has_headers_and_no_body(modem: Modem, http: HttpWay) -> None:
    found = modem.https("one.test", http=http, max_body=10).head("/bytes/5000")
    assert (found.status, found.body, found.is_complete) == (200, b"", True)
    if http == "stream":
        assert found.header("content-length") == "5000"


@both
@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body_is_complete(modem: Modem, http: HttpWay, status: int) -> None:
    with modem.https("one.test", http=http) as session:
        found = session.get(f"/status/{status}")
        assert (found.status, found.body, found.is_complete) == (status, b"", True)
        assert session.get("/").status == 200


@both
@pytest.mark.parametrize("target", ["/cut/5000/1000", "/reset/5000/1000", "/short/5000/1000", "/cut/5000/0"])
def test_body_that_ends_early_is_never_a_success(modem: Modem, http: HttpWay, target: str) -> None:
    with modem.https("one.test", http=http) as session:
        with pytest.raises((HttpError, NetworkError)) as caught:
            session.get(target)
        if http == "stream":
            assert Reason.INCOMPLETE_BODY in caught.value.reasons
        assert session.get("/").body == b"Hello from modemtls.\n"


@both
def test_all_byte_values_come_and_go_as_they_are(modem: Modem, http: HttpWay) -> None:
    body = (
        bytes(range(256)) * 9 + b"\r\nOK\r\n> \r\n+SQNSH: 6\r\n<<<NO CARRIER\r\n" + bytes(range(255, -1, -1))
    )
    found = modem.https("one.test", http=http).post("/echo", body)
    assert found.body == body


@settings(max_examples=15)
@given(body=st.binary(min_size=1, max_size=4000))
def test_any_body_comes_back(server: HttpsServer, body: bytes) -> None:
    with _session(server) as session:
        assert session.post("/echo", body).body == body


_kept: dict[int, tuple[Modem, modemtls.HttpsSession]] = {}


def _session(server: HttpsServer) -> modemtls.HttpsSession:
    if server.port not in _kept:
        modem = opened(server, given={"journal": False})
        modem.trust(server.ca_pem)
        _kept[server.port] = modem, modem.https("one.test")
    return _kept[server.port][1]


@pytest.fixture(scope="module", autouse=True)
def _closing() -> object:
    yield
    while _kept:
        _kept.popitem()[1][0].close()


# Servers that do not keep to the protocol


def answered(
    *answers: bytes, max_body: int = 2**20, **more: object
) -> tuple[LyingServer, Callable[[Modem], object]]:
    server = LyingServer(*answers)

    def ask(modem: Modem) -> object:
        modem.trust(server.ca_pem)
        return modem.https("one.test", max_body=max_body).get("/")

    return server, ask


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Reason.MALFORMED_RESPONSE),
        (b"\x00\xff\x00\r\n\r\n", Reason.MALFORMED_RESPONSE),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Reason.MALFORMED_RESPONSE),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
            Reason.MALFORMED_RESPONSE,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Reason.MALFORMED_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", Reason.MALFORMED_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Reason.MALFORMED_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", Reason.INCOMPLETE_BODY),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 70_000, Reason.MALFORMED_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", Reason.LIMIT_EXCEEDED),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n" + b"a" * 9000,
            Reason.LIMIT_EXCEEDED,
        ),
        (b"HTTP/1.1 200 OK\r\n", Reason.INCOMPLETE_BODY),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Reason.INCOMPLETE_BODY),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + OK, Reason.LIMIT_EXCEEDED),
    ],
)
def test_malformed_response_is_an_http_error_and_the_modem_goes_on(answer: bytes, reason: Reason) -> None:
    server, ask = answered(answer, max_body=8000)
    with server, opened(server) as modem:
        for _ in range(2):
            with pytest.raises(HttpError) as caught:
                ask(modem)
            assert reason in caught.value.reasons
            assert caught.value.request_sent


def test_informational_responses_are_passed_over() -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 15
    server, ask = answered(hints + OK)
    with server, opened(server) as modem:
        found = ask(modem)
        assert isinstance(found, modemtls.Response)
        assert (found.status, found.body) == (200, b"ok")


def test_second_response_in_the_first_ones_wake_is_no_answer_to_the_next_request() -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    with LyingServer(OK + forged, OK) as server, opened(server) as modem:
        modem.trust(server.ca_pem)
        with modem.https("one.test") as session:
            assert session.get("/").body == b"ok"
            assert session.get("/").body == b"ok"
        assert server.connections == 2


def test_silent_server_is_a_network_error_and_not_a_silent_modem() -> None:
    with LyingServer(b"") as server, opened(server, patience="50ms") as modem:
        modem.trust(server.ca_pem)
        with modem.https("one.test", timeout=7) as session:
            with pytest.raises(NetworkError) as caught:
                session.get("/")
            assert caught.value.reasons == {Reason.TIMEOUT}
            assert "7 s" in str(caught.value)
        assert modem.clock.read()


def test_body_larger_than_allowed_is_refused_before_it_is_read(modem: Modem) -> None:
    with modem.https("one.test", max_body=1000) as session:
        for target in ("/bytes/1001", "/chunked/1001", "/close/1001"):
            with pytest.raises(HttpError) as caught:
                session.get(target)
            assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}
        assert len(session.get("/bytes/1000").body) == 1000


# What is refused before anything is sent


@both
@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/a\r\nX: y", None),
        ("GET", "/a b", None),
        ("GET", "/a\x00", None),
        ("GET", "/a#b", None),
        ("GET", "//\n", None),
        ("GET", "a", None),
        ("GET", "", None),
        ("GET", "https://one.test/", None),
        ("GET\r\nX: y", "/", None),
        ("GE T", "/", None),
        ("", "/", None),
        ("GET", "/", {"X": "a\r\nY: b"}),
        ("GET", "/", {"X": "a\nb"}),
        ("GET", "/", {"X": "a\x00"}),
        ("GET", "/", {"X": "ü"}),
        ("GET", "/", {"X\r\nY": "a"}),
        ("GET", "/", {"X Y": "a"}),
        ("GET", "/", {"": "a"}),
        ("GET", "/", {"X:": "a"}),
        ("POST", "/", {"Transfer-Encoding": "chunked"}),
        ("POST", "/", {"Content-Length": "0"}),
        ("POST", "/", {"Content-Length": "+4"}),
        ("GET", "/", (("Host", "one.test"), ("host", "two.test"))),
        ("POST", "/", (("Content-Length", "4"), ("Content-Length", "4"))),
    ],
)
def test_request_that_could_be_read_in_two_ways_sends_nothing(
    modem: Modem, http: HttpWay, method: str, target: str, headers: dict[str, str] | None
) -> None:
    session = modem.https("one.test", http=http)
    tap = Tap(modem)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says differs
        session.request(method, target, headers=headers, body=b"four" if method == "POST" else None)
    assert "\r" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert b"SQN" not in tap.sent


@pytest.mark.parametrize(
    "host",
    ["", "a b", "one.test\r\nX: y", "one.test\x00", "ü.test", "-a.test", "a..b", ".", 'a"b', "a/b", "a" * 64,
     "fe80::1%eth0", "fe80::1%\r\nX: y", "user@one.test", "one.test:443", "1.2.3.4\n"],
)  # fmt: skip
def test_host_that_is_none_sends_nothing(modem: Modem, host: str) -> None:
    tap = Tap(modem)
    with pytest.raises(ValueError, match="host name"):
        modem.https(host)
    assert tap.sent == b""


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_port_that_is_none_sends_nothing(modem: Modem, port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        modem.https("one.test", port)


def test_way_that_is_none_is_refused(modem: Modem) -> None:
    with pytest.raises(ValueError, match="stream"):
        modem.https("one.test", http="quic")  # type: ignore[arg-type]


def test_non_ascii_target_is_percent_encoded(server: HttpsServer, modem: Modem) -> None:
    modem.https("one.test").get('/grüße?a="b"\\')
    assert server.log[-1].target == "/gr%C3%BC%C3%9Fe?a=%22b%22%5C"


@both
def test_own_headers_arrive_and_bodies_have_their_length(
    server: HttpsServer, modem: Modem, http: HttpWay
) -> None:
    modem.https("one.test", http=http).post("/echo", "grüße", headers={"Content-Type": "text/plain"})
    request = server.log[-1]
    assert request.body == "grüße".encode()
    assert request.header("Content-Length") == "7"
    assert request.header("Host") == "one.test"
    assert request.header("Content-Type") == "text/plain"
    assert sum(name.lower() == "host" for name, _ in request.headers) == 1


def test_text_of_a_response_is_read_by_its_charset() -> None:
    def answer(request: Request) -> Reply:
        charset = request.target[1:]
        return Reply(200, "grüße".encode("latin-1"), f"text/plain; Charset={charset}")

    with HttpsServer(names=("one.test",), handler=answer) as server, opened(server) as modem:
        modem.trust(server.ca_pem)
        session = modem.https("one.test")
        assert session.get("/ISO-8859-1").text == "grüße"
        assert session.get("/utf-8").text == "gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e"
        assert "gr" in session.get("/no-such-charset").text


def test_progress_is_told_in_bytes_done_and_in_all(modem: Modem) -> None:
    seen: list[tuple[int, int]] = []
    modem.https("one.test").request(
        "GET", "/bytes/9000", progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (9000, 9000)
    assert all(done <= total for done, total in seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
