"""Where the simulated network leads, and where it does not."""

from __future__ import annotations

import contextlib
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.sim.network import ConnectionState, Failure, Network, Problem, Route, parse_map
from modemtls.sim.problems import why_not_connected


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("LocalHost.", "127.0.0.1"),
        ("any.thing.test", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.8.9.1", "127.8.9.1"),
        ("::1", "::1"),
    ],
)
def test_names_that_lead_to_the_loopback(network: Network, host: str, address: str) -> None:
    assert network.resolve(host) == address


@pytest.mark.parametrize(
    "host",
    ["www.example.com", "192.0.2.1", "2001:db8::1", "0.0.0.0", "127.1", "2130706433", "test.example.com"],
)
def test_other_hosts_are_refused_and_the_way_out_is_told(network: Network, host: str) -> None:
    found = network.resolve(host)
    connection = network.connect(host, 443)
    for problem in (found, connection.problem):
        assert isinstance(problem, Problem)
        assert problem.failure is Failure.NOT_ALLOWED
        assert "map=" in problem.detail
        assert "network=host" in problem.detail
    assert connection.state is ConnectionState.CLOSED


@pytest.mark.parametrize("host", ["nowhere.invalid", "", "a b", "a\x00b", "x" * 300, "a\r\nb.test"])
@pytest.mark.parametrize("reach", ["loopback", "host"])
def test_names_that_do_not_resolve(host: str, reach: str) -> None:
    network = Network(reach=reach)  # type: ignore[arg-type]
    problem = network.connect(host, 443).problem
    assert problem is not None
    assert problem.failure is Failure.NAME


def test_route_off_the_loopback_is_refused_without_network_host() -> None:
    for target in ("192.0.2.7:443", "www.example.org:443", "0.0.0.0:443", "[2001:db8::1]:443"):
        problem = (
            Network(routes=parse_map(f"www.example.com:443={target}")).connect("www.example.com", 443).problem
        )
        assert problem is not None
        assert problem.failure is Failure.NOT_ALLOWED
        assert "the map leads" in problem.detail


def test_routes_come_before_test_names_and_invalid_names() -> None:
    routes = parse_map("a.test:443=127.0.0.9:1, gone.invalid=localhost:*")
    network = Network(routes=routes)
    assert network.resolve("a.test") == "127.0.0.9"
    assert network.resolve("gone.invalid") == "127.0.0.1"


def test_reach_host_asks_the_hosts_resolver() -> None:
    network = Network(reach="host")
    assert network.resolve("192.0.2.1") == "192.0.2.1"
    assert network.resolve("a.test") == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ("", ()),
        ("a.com:443=127.0.0.1:8443", (Route("a.com", 443, "127.0.0.1", 8443),)),
        ("A.com.:*=[::1]:0", (Route("a.com", None, "::1", None),)),
        ("*:0=localhost:1,b=c", (Route("*", None, "localhost", 1), Route("b", None, "c", None))),
    ],
)
def test_map_is_read(text: str, routes: tuple[Route, ...]) -> None:
    assert parse_map(text) == routes


@pytest.mark.parametrize(
    "text",
    ["a.com", "a.com:443", "=b", "a=", "a:x=b", "a:70000=b", "a=*", "::1:443=b", "[::1=b", "a=b:-1", "a:²=b"],
)
def test_map_that_cannot_be_read_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="map") as caught:
        parse_map(text)
    assert text.split(",")[0] in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_map_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        for route in parse_map(text):
            assert isinstance(Network(routes=[route]).resolve(route.host), (str, Problem))


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (errno.ECONNREFUSED, Failure.REFUSED),
        (errno.ETIMEDOUT, Failure.TIMEOUT),
        (errno.EHOSTUNREACH, Failure.LOST),
        (99999, Failure.LOST),
    ],
)
def test_reason_of_a_connection_that_did_not_come_about(code: int, failure: Failure) -> None:
    problem = why_not_connected(code, "server.test:443")
    assert problem.failure is failure
    assert "server.test:443" in problem.detail
