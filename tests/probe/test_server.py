"""The stations, met by a strict client, by one that verifies nothing, and by clients that misbehave."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import warnings
from dataclasses import replace

import pytest
import trustme

from modemtls import Check, TlsVersion, find_model
from modemtls.operations import vendor_options
from modemtls.probe import (
    STATIONS,
    Authority,
    Outcome,
    Prepared,
    ProbeServer,
    Seen,
    conclude,
    differences,
    from_json,
    to_json,
    to_toml,
)
from modemtls.settings import Settings

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def strict(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.root_pem.decode())


def careless() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def visit(server: ProbeServer, station: str, context: ssl.SSLContext, name: str | None = "localhost") -> Seen:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", server.ports[station]), 5) as raw,
        context.wrap_socket(raw, server_hostname=name) as tls,
    ):
        tls.sendall(REQUEST)
        tls.recv(1000)
    assert server.wait_for(station, 1, 5)
    return server.of(station)[-1]


@pytest.mark.parametrize(
    ("station", "outcome", "alert"),
    [
        ("good", Outcome.ACCEPTED, None),
        ("wrong-root", Outcome.REFUSED, "unknown_ca"),
        ("self-signed", Outcome.REFUSED, "unknown_ca"),
        ("expired", Outcome.REFUSED, "certificate_expired"),
        ("not-yet-valid", Outcome.REFUSED, "bad_certificate"),
        ("wrong-name", Outcome.REFUSED, "bad_certificate"),
        ("missing-intermediate", Outcome.REFUSED, "unknown_ca"),
        ("rsa-2048", Outcome.ACCEPTED, None),
        ("rsa-4096", Outcome.ACCEPTED, None),
        ("ec-384", Outcome.ACCEPTED, None),
        ("tls-1.0", Outcome.NOTHING_IN_COMMON, None),
        ("tls-1.1", Outcome.NOTHING_IN_COMMON, None),
        ("tls-1.2", Outcome.ACCEPTED, None),
        ("tls-1.3", Outcome.ACCEPTED, None),
        ("client-certificate", Outcome.ACCEPTED, None),
        ("name-needed", Outcome.ACCEPTED, None),
        ("plain", Outcome.CLOSED, None),
    ],
)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_a_strict_client_makes_of_each_station(
    server: ProbeServer,
    authority: Authority,
    station: str,
    outcome: Outcome,
    alert: str | None,
    newest: ssl.TLSVersion,
) -> None:
    context = strict(authority)
    context.maximum_version = newest
    if station == "tls-1.3" and newest is ssl.TLSVersion.TLSv1_2:
        outcome = Outcome.NOTHING_IN_COMMON
    seen = visit(server, station, context)
    assert (seen.outcome, seen.alert_name) == (outcome, alert), seen.note
    assert seen.hello is not None
    assert seen.hello.server_name == "localhost"


def test_every_station_has_its_row_above() -> None:
    rows = test_what_a_strict_client_makes_of_each_station.pytestmark[-1].args[1]  # type: ignore[attr-defined]
    assert [row[0] for row in rows] == [station.name for station in STATIONS]


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_are_really_served(server: ProbeServer, version: str) -> None:
    context = careless()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    seen = visit(server, "tls-1.0" if version == "TLSv1" else "tls-1.1", context)
    assert seen.outcome is Outcome.ACCEPTED
    assert seen.version == version.replace("_", ".")


def test_a_client_without_a_name_is_refused_where_one_is_needed(server: ProbeServer) -> None:
    assert visit(server, "name-needed", careless(), None).outcome is Outcome.NOTHING_IN_COMMON


def all_stations(server: ProbeServer, context: ssl.SSLContext) -> tuple[Seen, ...]:
    return tuple(visit(server, station.name, context) for station in STATIONS)


def test_a_strict_client_is_seen_to_make_every_check(server: ProbeServer, authority: Authority) -> None:
    result = conclude(all_stations(server, strict(authority)))
    assert {check: result.makes(check) for check in Check} == dict.fromkeys(Check, True)
    assert result.sends_server_name
    assert result.versions == ("TLS 1.3", "TLS 1.2")
    assert result.shows_client_certificate is False


def test_a_client_that_verifies_nothing_is_found_out(server: ProbeServer) -> None:
    result = conclude(all_stations(server, careless()))
    assert {check: result.makes(check) for check in Check} == dict.fromkeys(Check, False)
    model = find_model("sequans-gm02s")
    found = differences(result, model.resolve("", vendor_options(model, Settings())))
    assert [each.what for each in found if each.is_dangerous] == [
        "check chain",
        "check dates",
        "check hostname",
    ]


def test_a_client_that_refuses_everything_proves_nothing(server: ProbeServer) -> None:
    stranger = ssl.create_default_context(cadata=Authority("somebody else").root_pem.decode())
    result = conclude(all_stations(server, stranger))
    assert result.checks == ()
    assert "proves nothing" in result.notes[0]


def test_http_without_tls_is_found_out_on_every_station(server: ProbeServer) -> None:
    for station in ("good", "plain"):
        with socket.create_connection(("127.0.0.1", server.ports[station]), 5) as raw:
            raw.sendall(REQUEST)
            raw.recv(100)
        assert server.wait_for(station, 1, 5)
    assert {each.outcome for each in server.seen} == {Outcome.NOT_TLS}
    assert conclude(server.seen).speaks_without_tls


def test_what_is_asked_for_is_noted_in_tls_and_without(server: ProbeServer, authority: Authority) -> None:
    visit(server, "good", strict(authority))
    with socket.create_connection(("127.0.0.1", server.ports["plain"]), 5) as raw:
        for part in (b"GET /to", b"ken HTTP/1.1\r\nHost: x\r", b"\n\r\n"):
            raw.sendall(part)
        assert raw.makefile("rb").read().endswith(b"There was no TLS there.\n")
    assert server.wait_for("plain", 1, 5)
    assert [(each.target, each.peer) for each in server.seen] == [("/", "127.0.0.1"), ("/token", "127.0.0.1")]


def test_bytes_that_are_neither_tls_nor_http_accuse_nobody(server: ProbeServer) -> None:
    with socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw:
        raw.sendall(b"\x03\x00\x00\x13\x0e\xe0")
        raw.recv(10)
    assert server.wait_for("good", 1, 5)
    result = conclude(server.seen)
    assert not result.speaks_without_tls
    assert "neither TLS nor HTTP" in result.notes[0]


def test_an_alert_before_anything_else_is_damaged_tls(server: ProbeServer) -> None:
    with socket.create_connection(("127.0.0.1", server.ports["wrong-root"]), 5) as raw:
        raw.sendall(b"\x15\x03\x01\x00\x02\x02\x28")
        raw.recv(10)
    assert server.wait_for("wrong-root", 1, 5)
    assert server.seen[0].outcome is Outcome.BROKEN
    assert conclude(server.seen).checks == ()


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_ends_after_the_handshake_proves_nothing(
    server: ProbeServer, newest: ssl.TLSVersion, in_order: bool
) -> None:
    context = careless()
    context.maximum_version = newest
    for station in ("good", "wrong-name"):
        with socket.create_connection(("127.0.0.1", server.ports[station]), 5) as raw:
            tls = context.wrap_socket(raw, server_hostname="localhost")
            if in_order:
                with contextlib.suppress(OSError):
                    tls.unwrap()
            tls.close()
        assert server.wait_for(station, 1, 5)
    assert {each.outcome for each in server.seen} == {Outcome.ENDED}
    result = conclude(server.seen)
    assert result.checks == ()
    assert "counts for nothing" in result.notes[0]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_of_another_ca_is_seen(
    server: ProbeServer, authority: Authority, newest: ssl.TLSVersion
) -> None:
    context = strict(authority)
    context.maximum_version = newest
    trustme.CA().issue_cert("device@example.org").configure_cert(context)
    seen = visit(server, "client-certificate", context)
    assert seen.outcome is Outcome.ACCEPTED
    assert seen.client_certificate
    assert "another CA" in seen.note


def test_a_client_that_sends_nonsense_after_its_hello_is_not_short_of_suites(server: ProbeServer) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = careless().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw:
        raw.sendall(outgoing.read())
        raw.recv(10)
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        raw.recv(4000)
    assert server.wait_for("good", 1, 5)
    assert server.seen[0].outcome is Outcome.BROKEN


def test_a_request_that_never_ends_is_accepted_all_the_same(
    prepared: list[Prepared], authority: Authority
) -> None:
    with (
        ProbeServer(prepared[:1], seconds=0.3) as server,
        socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw,
        strict(authority).wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"GET /half")
        assert server.wait_for("good", 1, 5)
        assert (server.seen[0].outcome, server.seen[0].target) == (Outcome.ACCEPTED, "/half")


def test_an_answer_survives_a_client_that_sends_more_than_was_read(
    server: ProbeServer, authority: Authority
) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw,
        strict(authority).wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=True) as tls,
    ):
        tls.sendall(REQUEST)
        raw_answer = tls.recv(1000)
        with contextlib.suppress(OSError):
            tls.sendall(bytes(50_000))
    assert raw_answer.endswith(b"The probe was accepted.\n")


def test_connections_from_two_addresses_are_told(server: ProbeServer, authority: Authority) -> None:
    visit(server, "good", strict(authority))
    with socket.create_connection(
        ("127.0.0.1", server.ports["expired"]), 5, source_address=("127.0.0.2", 0)
    ) as raw:
        raw.sendall(REQUEST)
        raw.recv(10)
    assert server.wait_for("expired", 1, 5)
    assert "2 addresses" in conclude(server.seen).notes[0]


def test_what_a_version_below_the_newest_shows_depends_on_the_profile(
    server: ProbeServer, authority: Authority
) -> None:
    context = strict(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    visit(server, "good", context)
    result = conclude(server.seen)
    model = find_model("sequans-gm02s")
    resolved = model.resolve("", vendor_options(model, Settings()))
    assert "newest version" not in [each.what for each in differences(result, resolved)]
    older = replace(resolved, limits=replace(resolved.limits, max_tls_version=TlsVersion.TLS1_1))
    assert "newest version" in [each.what for each in differences(result, older)]


def test_a_client_that_sends_nothing_and_closes(server: ProbeServer) -> None:
    with socket.create_connection(("127.0.0.1", server.ports["good"]), 5):
        pass
    assert server.wait_for("good", 1, 5)
    assert server.seen[0].outcome is Outcome.SILENT


def test_a_client_that_resets_in_the_handshake(server: ProbeServer) -> None:
    raw = socket.create_connection(("127.0.0.1", server.ports["good"]), 5)
    raw.sendall(b"\x16\x03\x01\x02\x00\x01")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    assert server.wait_for("good", 1, 5)
    assert server.seen[0].outcome in (Outcome.CLOSED, Outcome.SILENT)


def test_a_client_that_stalls_is_ended(prepared: list[Prepared]) -> None:
    with ProbeServer(prepared[:1], seconds=0.2) as server:
        with socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw:
            raw.sendall(b"\x16")
            assert server.wait_for("good", 1, 5)
            assert raw.recv(1) == b""
        assert server.seen[0].outcome is Outcome.SILENT


def test_a_client_that_floods_is_ended(server: ProbeServer) -> None:
    context = careless()
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", server.ports["plain"]), 5) as raw,
    ):
        for _ in range(100):
            raw.sendall(b"\x16\x03\x01\x40\x00\x01" + bytes(16_378))
    assert server.wait_for("plain", 1, 5)
    assert visit(server, "good", context).outcome is Outcome.ACCEPTED


def test_a_name_of_several_addresses_has_one_port(prepared: list[Prepared]) -> None:
    with ProbeServer(prepared[:2], listen="localhost") as server:
        for found in socket.getaddrinfo("localhost", server.ports["good"], type=socket.SOCK_STREAM):
            with contextlib.suppress(OSError), socket.socket(found[0]) as raw:
                raw.bind((found[4][0], 0))  # an address that this computer really has
                raw.connect(found[4])
                raw.sendall(REQUEST)
        assert server.wait_for("good", 1, 5)


def test_a_listener_that_fails_is_told_once(prepared: list[Prepared]) -> None:
    told: list[Seen] = []

    def fails(seen: Seen) -> None:
        told.append(seen)
        raise BrokenPipeError

    with ProbeServer(prepared[:1], on_seen=fails) as server:
        for count in (1, 2):
            with socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw:
                raw.sendall(REQUEST)
                raw.recv(10)
            assert server.wait_for("good", count, 5)
    assert len(told) == 1
    assert isinstance(server.trouble, BrokenPipeError)


def test_connections_are_bounded_in_number(prepared: list[Prepared]) -> None:
    with ProbeServer(prepared[:1], most=2) as server:
        for _ in range(4):
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", server.ports["good"]), 5) as raw,
            ):
                raw.recv(1) if len(server.seen) >= 2 else None
            server.wait_for("good", 2, 0.2)
        assert len(server.seen) == 2
        assert server.turned_away == 2


def test_a_port_that_is_taken_is_an_error_at_once(prepared: list[Prepared]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with (
            pytest.raises(OSError, match="in use"),
            ProbeServer(prepared[:1], first_port=other.getsockname()[1]),
        ):
            pass


def test_the_record_survives_json(server: ProbeServer, authority: Authority) -> None:
    visit(server, "good", strict(authority))
    visit(server, "expired", strict(authority))
    text = to_json(server.seen, host="localhost", ports=server.ports, chains={"good": "PEM"})
    assert from_json(text) == ("localhost", {"good": "PEM"}, tuple(server.seen))


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{}", '{"format": 1}', '{"format": 2}', "nonsense"])
def test_a_damaged_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        from_json(text)


def test_the_result_is_toml(server: ProbeServer, authority: Authority) -> None:
    import tomllib

    told = tomllib.loads(to_toml(conclude(all_stations(server, strict(authority)))))
    assert told["checks"] == {"chain": True, "dates": True, "hostname": True}
    assert told["stations"]["refused"]["wrong-root"] == "unknown_ca"
    assert told["offers"]["versions"][0] == "TLS 1.3"
