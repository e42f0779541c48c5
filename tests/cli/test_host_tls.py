"""``--tls host`` on the command line: requests, the trust set, and what is told of both."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from modemtls.sim.server import HttpsServer, pattern

from .tool import MODEL, run, sim

URL = "https://server.test/"
KIND = trustme.KeyType.ECDSA


def test_request_with_the_ca_for_this_request_only(
    modem: str, ca: str, server: HttpsServer, tmp_path: Path
) -> None:
    ran = run("request", URL, "--tls", "host", "--ca", ca, "--json")
    assert ran.status == 0, ran.err
    assert (ran.json["tls"], ran.json["body"]) == ("host", "Hello from modemtls.\n")
    assert run("cert", "list", "--json").json == {
        "credentials": run("cert", "list", "--json").json["credentials"],
        "trust_set": {"where": "modem", "certificates": None},
    }
    assert all(each["reserved"] for each in run("cert", "list", "--json").json["credentials"])
    ran = run("request", URL, "--tls", "host")
    assert ran.status == 6
    assert "no-trust-anchor" in ran.err
    out = tmp_path / "out"
    ran = run("request", URL + "bytes/1000000", "--tls", "host", "--ca", ca, "-o", str(out))
    assert ran.status == 0, ran.err
    assert out.read_bytes() == pattern(1_000_000)


def test_trust_set_on_this_computer_is_made_listed_and_used(modem: str, ca: str, wrong_ca: str) -> None:
    made = run("cert", "trust", ca, "--tls", "host")
    assert made.status == 0
    assert "trust set on this computer: stored." in made.out
    told = run("cert", "trust", ca, "--tls", "host", "--json").json
    assert (told["where"], told["slot"], told["written"]) == ("host", None, False)
    assert run("request", URL, "--tls", "host").out == "Hello from modemtls.\n"
    listed = run("cert", "list", "--tls", "host")
    assert "trusted, on this computer" in listed.out
    found = run("cert", "list", "--tls", "host", "--json").json["trust_set"]
    assert found["where"] == "host"
    assert len(found["certificates"]) == 1
    assert "trusted" not in run("cert", "list", "--tls", "host", "--expires-within", "1d").out
    assert run("cert", "trust", wrong_ca, "--tls", "host").status == 0
    refused = run("request", URL, "--tls", "host", "--json")
    assert refused.status == 10
    assert "unknown-issuer" in refused.error["reasons"]
    assert run("request", URL).status == 6, "the modem was given nothing"


def test_endpoint_from_environment_and_file(
    modem: str, ca: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODEMTLS_TLS", "host")
    assert run("request", URL, "--ca", ca, "--json").json["tls"] == "host"
    assert run("request", URL, "--ca", ca, "--json", "--tls", "modem").json["tls"] == "modem"
    assert "on this computer" in run("info").out
    assert run("info", "--json").json["tls"] == "host"
    monkeypatch.setenv("MODEMTLS_TLS", "elsewhere")
    ran = run("info")
    assert ran.status == 2
    assert "modem and host" in ran.err
    monkeypatch.delenv("MODEMTLS_TLS")
    (tmp_path / "modemtls.toml").write_text(f"[port.'{modem}']\ntls = 'host'\n", "utf-8")
    monkeypatch.setenv("MODEMTLS_CONFIG", str(tmp_path / "modemtls.toml"))
    assert run("request", URL, "--ca", ca, "--json").json["tls"] == "host"


def test_mutual_tls_by_files_that_are_stored_nowhere(ca: str, server: HttpsServer, tmp_path: Path) -> None:
    clients = trustme.CA(key_type=KIND)
    issued = clients.issue_cert("device.test", key_type=KIND)
    (tmp_path / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
    pair = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    with HttpsServer(ca=server.ca, client_ca=clients) as strict:
        port = sim(state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{strict.port}")
        host = ("request", URL, "--port", port, "--tls", "host", "--ca", ca)
        assert run(*host).status == 9
        ran = run(*host, *pair, "-vv")
        assert ran.status == 0, ran.err
        assert strict.handshakes[-1].client_certificate is not None
        assert "PRIVATE" not in ran.err
        assert "SQNSNVW=" not in ran.err
        assert "SQNSPCFG=" not in ran.err


def test_combinations_that_cannot_be(modem: str, ca: str) -> None:
    for more, word in ((("--http", "modem"), "HTTP client"), (("--profile", "3"), "security profile")):
        ran = run("request", URL, "--tls", "host", *more)
        assert ran.status == 7
        assert word in ran.err
    assert run("request", URL, "--tls", "both").status == 2


def test_models_tell_where_tls_runs() -> None:
    assert run("models", MODEL, "--json").json["tls"] == ["modem", "host"]
    assert "--tls host" in run("models", MODEL).out


def test_expired_certificate_is_told_with_this_computers_clock(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    with HttpsServer(not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)) as old:
        (tmp_path / "ca.pem").write_bytes(old.ca_pem)
        port = sim(map=f"server.test:443=127.0.0.1:{old.port}")
        ran = run("request", URL, "--port", port, "--tls", "host", "--ca", str(tmp_path / "ca.pem"))
    assert ran.status == 10
    assert "this computer's clock says" in ran.err
    assert "expired" in ran.err
