"""The trust set on this computer, where TLS runs by default, and one script for all models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

import modemtls
from modemtls import (
    Capability,
    CertificateError,
    CredentialError,
    CredentialKind,
    Enforcement,
    Gap,
    Modem,
    Reason,
    Unsupported,
)
from modemtls.cli.models import _details, _row
from modemtls.endpoint import usable
from modemtls.operations import Operations
from modemtls.policy import TlsEndpoint
from modemtls.settings import load
from modemtls.sim.server import HttpsServer

from .bench import Tap, commands, opened, url

KIND = trustme.KeyType.ECDSA
OTHER = trustme.CA(organization_name="Other", key_type=KIND)
OTHER_PEM = OTHER.cert_pem.bytes()


@pytest.fixture
def by_host(server: HttpsServer) -> Iterator[Modem]:
    """A modem with a store, whose port is set to TLS on this computer."""
    with opened(server, server, given={"tls": "host"}) as modem:
        yield modem


def make_simple(modem: Modem, **settings: Any) -> Modem:
    """The same modem as if it had plain TCP only: no TLS, no store, no security profiles."""
    ops = modem._ops
    none = range(0)
    limits = replace(ops.resolved.limits, slots=none, security_profiles=none, http_profiles=none)
    modem._ops = Operations(
        ops.channel, replace(ops.settings, **settings), ops.model, ops.match, ops.identity,
        replace(
            ops.resolved, capabilities=frozenset({Capability.TCP_STREAM}), limits=limits,
            enforcement=Enforcement(frozenset()),
        ),
    )  # fmt: skip
    return modem


@pytest.fixture
def simple(server: HttpsServer) -> Iterator[Modem]:
    with opened(server, server) as modem:
        yield make_simple(modem)


def touched(modem: Modem) -> list[str]:
    return [line for line in commands(modem) if line.startswith(("AT+SQNSNV", "AT+SQNSPCFG"))]


# The trust set.


def test_trust_goes_to_this_computer_where_tls_runs_here(server: HttpsServer, by_host: Modem) -> None:
    tap = Tap(by_host)
    first = by_host.trust(server.ca_pem)
    assert (first.where, first.slot, first.kind, first.written) == ("host", -1, CredentialKind.CA, True)
    assert "this computer" in str(first)
    assert not by_host.trust(server.ca_pem).written
    assert b"SQN" not in tap.sent
    assert by_host.https("one.test").get("/").tls == "host"
    assert [each.der for each in by_host.credentials.trusted()] == [_der(server)]


def _der(server: HttpsServer) -> bytes:
    import ssl

    return ssl.PEM_cert_to_DER_cert(server.ca_pem.decode())


def test_trust_set_is_what_servers_are_verified_against_and_nothing_else(
    server: HttpsServer, by_host: Modem
) -> None:
    by_host.trust(server.ca_pem)
    session = by_host.https("one.test")
    assert session.get("/", headers={"Connection": "close"}).status == 200
    by_host.trust(OTHER_PEM)
    with pytest.raises(CertificateError):
        session.get("/")
    by_host.trust(server.ca_pem, add=True)
    assert session.get("/").status == 200
    assert len(by_host.credentials.trusted()) == 2
    assert touched(by_host) == []


def test_trust_set_in_the_modem_serves_tls_on_this_computer_too(
    server: HttpsServer, cas: tuple[bytes, ...]
) -> None:
    with opened(server) as modem:
        assert modem.credentials.trusted() == ()
        modem.trust(cas[0])
        modem.trust(server.ca_pem, add=True)
        before = len(touched(modem))
        assert modem.https("one.test", tls="host").get("/").status == 200
        assert len(modem.credentials.trusted()) == 2
        modem.trust(cas[1])
        with pytest.raises(CertificateError):
            modem.https("one.test", tls="host").get("/")
        assert before
        modem.credentials.put(server.ca_pem, CredentialKind.CA)
        with pytest.raises(CertificateError):  # what is stored is not trusted by that
            modem.https("one.test", tls="host").get("/")


def test_trust_set_belongs_to_one_modem_and_outlives_the_program(server: HttpsServer) -> None:
    with opened(server, given={"tls": "host"}) as modem:
        modem.trust(server.ca_pem)
    with opened(server, given={"tls": "host"}) as modem:
        assert modem.https("one.test").get("/").status == 200
    with (
        opened(server, given={"tls": "host"}, imei="490154203237518") as modem,
        pytest.raises(CredentialError),
    ):
        modem.https("one.test").get("/")


def test_cas_of_a_session_are_for_that_session_alone(
    server: HttpsServer, by_host: Modem, tmp_path: Path
) -> None:
    by_host.trust(OTHER_PEM)
    (tmp_path / "ca.pem").write_bytes(server.ca_pem)
    given: tuple[Any, ...] = (
        server.ca_pem,
        str(tmp_path / "ca.pem"),
        tmp_path / "ca.pem",
        [OTHER_PEM, server.ca_pem],
    )
    for ca in given:
        assert by_host.https("one.test", ca=ca).get("/").status == 200
    with pytest.raises(CertificateError):
        by_host.https("one.test").get("/")
    with pytest.raises(CredentialError):
        by_host.https("one.test", ca=[])


def test_nothing_is_trusted_yet(by_host: Modem) -> None:
    tap = Tap(by_host)
    with pytest.raises(CredentialError, match="no trust set was made") as caught:
        by_host.https("one.test").get("/")
    assert caught.value.reasons == {Reason.NO_TRUST_ANCHOR}
    assert caught.value.remedy is not None
    assert "--ca FILE" in caught.value.remedy
    assert b"SQN" not in tap.sent


@pytest.mark.parametrize("given", [{"journal": False}, {"imei": ""}], ids=["no journal", "no serial number"])
def test_trust_where_nothing_can_be_kept_says_so(server: HttpsServer, given: dict[str, Any]) -> None:
    with opened(server) as modem:
        make_simple(modem, journal=given.get("journal", True))
        if "imei" in given:
            modem._ops.identity = replace(modem._ops.identity, serial="")
        with pytest.raises(CredentialError) as caught:
            modem.trust(server.ca_pem)
        assert "--ca FILE" in str(caught.value)
        with pytest.raises(CredentialError) as caught:
            modem.https("one.test").get("/")
        assert "None is kept" in caught.value.message
        assert modem.https("one.test", ca=server.ca_pem).get("/").status == 200


def test_journal_that_cannot_be_written_is_an_error_and_not_silent(
    server: HttpsServer, by_host: Modem, own_surroundings: Path
) -> None:
    blocked = own_surroundings / "blocked"
    blocked.write_text("a file, where a directory is wanted", "utf-8")
    by_host._ops.journal._directory = blocked / "state"
    with pytest.raises(CredentialError, match="could not be written"):
        by_host.trust(server.ca_pem)


@pytest.mark.parametrize("damage", ["empty", "another", "gone", "rubbish"])
def test_damaged_trust_set_is_noticed(
    server: HttpsServer, by_host: Modem, own_surroundings: Path, damage: str
) -> None:
    by_host.trust(server.ca_pem)
    (kept,) = own_surroundings.rglob("certificates/*.pem")
    if damage == "gone":
        kept.unlink()
    else:
        kept.write_bytes({"empty": b"", "another": OTHER_PEM, "rubbish": b"\xff\x00"}[damage])
    for use in (
        lambda: by_host.https("one.test").get("/"),
        lambda: by_host.trust(OTHER_PEM, add=True),
        by_host.credentials.trusted,
    ):
        with pytest.raises(CredentialError) as caught:
            use()
        assert Reason.DAMAGED_IN_STORE in caught.value.reasons
    assert by_host.trust(server.ca_pem).written
    assert by_host.https("one.test").get("/").status == 200


def test_journal_with_something_else_in_the_place_of_the_trust_set(
    server: HttpsServer, by_host: Modem, own_surroundings: Path
) -> None:
    by_host.trust(server.ca_pem)
    (path,) = own_surroundings.rglob("journal.json")
    whole = json.loads(path.read_text("utf-8"))
    (mine,) = whole["modems"].values()
    mine["trusted"] = {"no": "list"}
    path.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(CredentialError):
        by_host.https("one.test").get("/")


def test_leaf_is_not_made_the_trust_set(server: HttpsServer, by_host: Modem) -> None:
    leaf = server.ca.issue_cert("one.test").cert_chain_pems[0].bytes()
    with pytest.raises(CredentialError) as caught:
        by_host.trust(leaf)
    assert caught.value.reasons == {Reason.LEAF_AS_ANCHOR}
    with pytest.raises(CredentialError):
        by_host.trust()


# A model without TLS and without a store.


def test_model_with_plain_tcp_only(server: HttpsServer, simple: Modem) -> None:
    assert simple.tls == "host"
    assert simple.trust(server.ca_pem).where == "host"
    response = simple.https("one.test").get("/")
    assert (response.tls, response.status) == ("host", 200)
    assert simple.credentials.list() == ()
    assert simple.profiles.list() == ()
    assert simple.profiles.findings() == ()
    assert touched(simple) == []


def test_what_needs_a_store_is_refused_before_a_byte_is_sent(server: HttpsServer, simple: Modem) -> None:
    pair = server.ca.issue_cert("device.test", key_type=KIND)
    certificate, key = pair.cert_chain_pems[0].bytes(), pair.private_key_pem.bytes()
    tap = Tap(simple)
    calls: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: simple.install(certificate, key), "https("),
        (lambda: simple.credentials.put(server.ca_pem, CredentialKind.CA), "trust"),
        (lambda: simple.credentials.put(key, CredentialKind.KEY), "https("),
        (lambda: simple.credentials.remove(17, CredentialKind.CA), "trust"),
        (lambda: simple.profiles.reset(6), "profile show"),
        (lambda: simple.https("one.test", tls="modem"), "--tls host"),
        (lambda: simple.https("one.test", http="modem"), "TLS in the modem"),
    )
    for call, way_out in calls:
        with pytest.raises(Unsupported) as caught:
            call()
        assert way_out in (caught.value.remedy or "")
    assert b"SQN" not in tap.sent


def test_setting_that_the_model_cannot_follow(server: HttpsServer) -> None:
    with opened(server) as modem:
        make_simple(modem, tls="modem")
        with pytest.raises(Unsupported, match="no TLS stream"):
            modem.https("one.test")
        with pytest.raises(Unsupported):
            modem.trust(server.ca_pem)
    with opened(server, given={"tls": "host"}) as modem:
        none = frozenset({Capability.TLS_STREAM})
        modem._ops.resolved = replace(modem._ops.resolved, capabilities=none)
        for call in (lambda: modem.https("one.test"), lambda: modem.trust(server.ca_pem)):
            with pytest.raises(Unsupported, match="no plain TCP stream"):
                call()


def test_install_is_refused_where_tls_would_not_look(server: HttpsServer, by_host: Modem) -> None:
    pair = server.ca.issue_cert("device.test", key_type=KIND)
    with pytest.raises(Unsupported, match="does not use the store"):
        by_host.install(pair.cert_chain_pems[0].bytes(), pair.private_key_pem.bytes())
    assert touched(by_host) == []


@pytest.mark.parametrize(
    ("capabilities", "where"),
    [
        ({Capability.TLS_STREAM, Capability.TCP_STREAM}, ("modem", "host")),
        ({Capability.TLS_STREAM}, ("modem",)),
        ({Capability.TCP_STREAM}, ("host",)),
        ({Capability.HTTP_CLIENT}, ("modem",)),
    ],
)
def test_where_tls_can_run_follows_from_what_the_model_can_do(
    capabilities: set[Capability], where: tuple[TlsEndpoint, ...]
) -> None:
    assert usable(capabilities) == where


def test_models_say_where_tls_runs() -> None:
    known = modemtls.find_model("sequans-gm02s")
    assert _row(known)[3] == "modem, host"
    assert _details(known)["tls"] == ["modem", "host"]
    resolved = modemtls.Resolved(
        "", frozenset({Capability.TCP_STREAM}), modemtls.Limits(sockets=range(1, 2)), Enforcement(frozenset())
    )
    simple = replace(known, name="acme-tcp", options=None, resolve=lambda firmware, options: resolved)
    row = _row(simple)
    assert row[3] == "host"
    assert "chain + dates + hostname" in str(row[4])
    assert row[5] == "TLS 1.3"
    found = _details(simple)
    assert (found["tls"], found["tls_newest"], found["client_credential"]) == (["host"], "TLS 1.3", True)


# Settings, and the one script.


def test_setting_comes_from_argument_then_environment_then_file(tmp_path: Path) -> None:
    file = tmp_path / "modemtls.toml"
    file.write_text('[port."p"]\ntls = "host"\naccept_gaps = ["hostname"]\n', "utf-8")
    environment = {"MODEMTLS_CONFIG": str(file)}
    found = load("p", {}, environment)
    assert (found.tls, found.accept_gaps) == ("host", frozenset({Gap.HOSTNAME}))
    environment |= {"MODEMTLS_TLS": "modem", "MODEMTLS_ACCEPT_GAPS": "dates,minimum-version"}
    found = load("p", {}, environment)
    assert (found.tls, found.accept_gaps) == ("modem", frozenset({Gap.DATES, Gap.MINIMUM_VERSION}))
    assert load("p", {"tls": "host"}, environment).tls == "host"
    assert load("other", {}, {"MODEMTLS_CONFIG": str(file)}).tls is None


@pytest.mark.parametrize("value", ["both", "Host", "", 1, True])
def test_setting_that_is_neither_is_an_error_that_names_both(value: object) -> None:
    with pytest.raises(Unsupported) as caught:
        load("p", {"tls": value}, {})
    if isinstance(value, str):
        assert "modem and host" in caught.value.message


def script(port: str, ca: bytes, simple: bool = False) -> tuple[TlsEndpoint, bytes]:
    """An application: nothing in it speaks of a model, of gaps, or of where TLS runs."""
    with modemtls.open(port) as modem:
        if simple:
            make_simple(modem)  # stands for another modem on the same port
        modem.trust(ca)
        with modem.https("one.test") as session:
            response = session.post("/echo", b"the same everywhere")
            return response.tls, response.body


def test_one_script_runs_on_a_model_with_tls_on_one_set_to_the_host_and_on_one_without(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = url(server)
    assert script(port, server.ca_pem) == ("modem", b"the same everywhere")
    assert script(port, server.ca_pem, simple=True) == ("host", b"the same everywhere")
    file = tmp_path / "modemtls.toml"
    file.write_text(f'[port."{port}"]\ntls = "host"\n', "utf-8")
    monkeypatch.setenv("MODEMTLS_CONFIG", str(file))
    assert script(port, server.ca_pem) == ("host", b"the same everywhere")
    monkeypatch.setenv("MODEMTLS_TLS", "modem")
    assert script(port, server.ca_pem) == ("modem", b"the same everywhere")
