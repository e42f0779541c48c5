"""Requests by the modem's own HTTP client: what it cannot do is said first, and what was sent is not repeated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemtls import HttpError, Modem, NetworkError, Reason, Unsupported
from modemtls.sim.server import HttpsServer, pattern

from .bench import Tap, opened


@pytest.fixture
def modem(server: HttpsServer) -> Iterator[Modem]:
    with opened(server, server) as modem:
        modem.trust(server.ca_pem)
        yield modem


@pytest.mark.parametrize(
    ("method", "headers", "body", "words"),
    [
        ("PATCH", None, b"a", "the method PATCH"),
        ("OPTIONS", None, b"", "the method OPTIONS"),
        ("GET", None, b"a", "a body with GET"),
        ("DELETE", None, b"a", "a body with DELETE"),
        ("GET", {"A": "1", "B": "2"}, b"", "2 headers"),
        ("GET", {"Host": "two.test"}, b"", "Host"),
        ("POST", {"content-length": "1"}, b"a", "content-length"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_sent(
    modem: Modem, method: str, headers: dict[str, str] | None, body: bytes, words: str
) -> None:
    session = modem.https("one.test", http="modem")
    tap = Tap(modem)
    with pytest.raises(Unsupported, match=words) as caught:
        session.request(method, "/", headers=headers, body=body)
    assert "Nothing was sent" in str(caught.value)
    assert b"SQN" not in tap.sent
    with pytest.raises(Unsupported, match=words):
        session.check(method, "/", headers=headers, body=body)


def test_headers_are_none_because_it_shows_none(modem: Modem) -> None:
    found = modem.https("one.test", http="modem").get("/")
    assert (found.headers, found.http, found.header("Content-Length")) == (None, "modem", None)
    assert found.content_type == "text/plain; charset=utf-8"


def test_large_bodies_go_both_ways(modem: Modem) -> None:
    session = modem.https("one.test", http="modem")
    assert session.get("/bytes/1000000").body == pattern(1_000_000)
    assert session.put("/echo", pattern(30_000)).body == pattern(30_000)


@pytest.mark.parametrize("target", ["/chunked/100", "/close/100"])
def test_body_without_a_length_is_an_error_that_counts_as_sent_and_is_not_repeated(
    server: HttpsServer, modem: Modem, target: str
) -> None:
    before = len(server.log)
    with pytest.raises(HttpError) as caught:
        modem.https("one.test", http="modem").get(target)
    assert caught.value.reasons == {Reason.LENGTH_UNKNOWN}
    assert caught.value.request_sent
    assert "--http stream" in str(caught.value)
    assert len(server.log) == before + 1


def test_request_is_never_sent_twice_whatever_comes_of_it(server: HttpsServer, modem: Modem) -> None:
    session = modem.https("one.test", http="modem")
    for target in ("/cut/5000/100", "/reset/5000/100", "/short/5000/0"):
        before = len(server.log)
        with pytest.raises((HttpError, NetworkError)):
            session.post(target, b"once")
        assert len(server.log) == before + 1


def test_server_that_is_not_there_is_a_network_error(modem: Modem) -> None:
    session = modem.https("three.test", http="modem")
    with pytest.raises(NetworkError) as caught:
        session.get("/")
    assert Reason.REFUSED in caught.value.reasons


def test_end_of_one_session_does_not_end_the_request_of_another(server: HttpsServer, modem: Modem) -> None:
    one, two = modem.https("one.test", http="modem"), modem.https("two.test", http="modem")
    assert one.get("/").status == 200
    assert two.get("/").status == 200
    shakes = len(server.handshakes)
    one.close()
    assert two.get("/").status == 200
    assert len(server.handshakes) == shakes, "its connection is still there"


def test_body_beyond_the_limit_is_refused_and_the_next_request_works(modem: Modem) -> None:
    session = modem.https("one.test", http="modem", max_body=100)
    with pytest.raises(HttpError) as caught:
        session.get("/bytes/101")
    assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}
    assert session.get("/bytes/100").body == pattern(100)
