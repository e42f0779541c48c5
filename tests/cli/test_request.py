"""``request`` against a real HTTPS server, through simulated modems."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
import trustme

from modemtls.sim.server import HttpsServer, pattern

from .tool import run, sim

URL = "https://server.test/"
WAYS = ["stream", "modem"]


@pytest.fixture
def trusting(modem: str, ca: str) -> str:
    assert run("cert", "trust", ca).status == 0
    return modem


@pytest.mark.parametrize("http", WAYS)
def test_json_of_a_success(trusting: str, http: str) -> None:
    ran = run("request", URL, "--http", http, "--json")
    assert ran.status == 0
    assert ran.err == ""
    found = ran.json
    headers = found.pop("headers")
    assert found == {
        "status": 200, "body_bytes": 21, "complete": True, "line_checked": False, "http": http, "tls": "modem",
        "model": "sequans-gm02s", "body": "Hello from modemtls.\n",
    }  # fmt: skip
    if http == "modem":
        assert headers is None
    else:
        assert ["content-length", "21"] in headers


def test_the_body_in_a_pipe_is_raw(trusting: str) -> None:
    assert run("request", URL + "bytes/5000").raw == pattern(5000)


def test_a_binary_body_in_json_is_base64(trusting: str) -> None:
    found = run("request", URL + "bytes/300", "--json").json
    assert found["body_encoding"] == "base64"
    assert base64.b64decode(found["body"]) == pattern(300)


@pytest.mark.parametrize("http", WAYS)
def test_a_post_with_data_from_text_file_and_standard_input(
    trusting: str, server: HttpsServer, tmp_path: Path, http: str
) -> None:
    (tmp_path / "body").write_bytes(pattern(700))
    assert run("request", URL + "echo", "-d", "grüße", "--http", http).raw == "grüße".encode()
    assert run("request", URL + "echo", "-d", f"@{tmp_path / 'body'}", "--http", http).raw == pattern(700)
    assert run("request", URL + "echo", "-d", "@-", "--http", http, stdin=b"a\r\nb\0").raw == b"a\r\nb\0"
    assert server.log[-1].method == "POST"


def test_method_and_headers_arrive(trusting: str, server: HttpsServer) -> None:
    assert run("request", URL, "-X", "DELETE", "-H", "X-One: 1", "-H", "X-Two:two").status == 0
    request = server.log[-1]
    assert request.method == "DELETE"
    assert (request.header("X-One"), request.header("X-Two")) == ("1", "two")


def test_include_prints_status_and_headers_first(trusting: str) -> None:
    lines = run("request", URL, "-i").out.split("\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert "content-length: 21" in lines
    assert lines[lines.index("") + 1] == "Hello from modemtls."


def test_headers_that_a_terminal_would_obey_are_escaped(trusting: str) -> None:
    head, _, body = run("request", URL + "evil", "-i").raw.partition(b"\n\n")
    assert b"\x1b" not in head
    assert body.startswith(b"red \x1b[31m"), "what goes into a pipe is not touched"


@pytest.mark.parametrize("http", WAYS)
def test_a_megabyte_into_a_file(trusting: str, tmp_path: Path, http: str) -> None:
    out = tmp_path / "out"
    ran = run("request", URL + "bytes/1000000", "-o", str(out), "--http", http, "--json")
    assert ran.status == 0
    assert ran.json["body_bytes"] == 1_000_000
    assert "body" not in ran.json
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(pattern(1_000_000)).digest()


def test_the_output_file_keeps_its_mode_and_its_links(trusting: str, tmp_path: Path) -> None:
    out, link = tmp_path / "out", tmp_path / "link"
    out.write_text("before", "utf-8")
    out.chmod(0o600)
    link.symlink_to(out)
    assert run("request", URL, "-o", str(link)).status == 0
    assert link.is_symlink()
    assert out.read_bytes() == b"Hello from modemtls.\n"
    assert out.stat().st_mode & 0o777 == 0o600


def test_the_output_file_is_replaced_in_one_step(trusting: str, tmp_path: Path) -> None:
    out, before = tmp_path / "out", tmp_path / "before"
    out.write_text("before", "utf-8")
    before.hardlink_to(out)
    assert run("request", URL, "-o", str(out)).status == 0
    assert before.read_text("utf-8") == "before", "whoever has the old one open sees it whole"


def test_a_device_as_output_stays_one(trusting: str) -> None:
    assert run("request", URL, "-o", os.devnull).status == 0
    assert Path(os.devnull).is_char_device()


def test_ca_makes_the_trust_set_first(modem: str, ca: str) -> None:
    ran = run("request", URL, "--ca", ca)
    assert ran.status == 0
    assert ran.out == "Hello from modemtls.\n"
    assert "stored, verified" in ran.err
    again = run("request", URL, "--ca", ca)
    assert again.status == 0
    assert again.err == "", "nothing is written again"


def test_a_client_certificate_is_shown_to_a_server_that_wants_one(
    tmp_path: Path, server: HttpsServer, another_ca: trustme.CA, ca: str
) -> None:
    client = another_ca.issue_cert("client.test")
    (tmp_path / "cert.pem").write_bytes(client.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(client.private_key_pem.bytes())
    with HttpsServer(ca=server.ca, client_ca=another_ca) as strict:
        port = sim(state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{strict.port}")
        assert run("request", URL, "--port", port, "--ca", ca).status == 9
        ran = run(
            "request", URL, "--port", port, "--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"),
            "-v",
        )  # fmt: skip
        assert ran.status == 0, ran.err
        assert strict.handshakes[-1].client_certificate is not None
    assert "PRIVATE" not in ran.err


def test_wrong_host_unless_the_check_is_left_out(server: HttpsServer, tmp_path: Path, ca: str) -> None:
    port = sim(state=tmp_path / "modem.json", map=f"other.test:443=127.0.0.1:{server.port}")
    refused = run("request", "https://other.test/", "--port", port, "--ca", ca, "--http", "modem")
    assert refused.status in (9, 10)
    assert run("request", "https://other.test/", "--port", port, "--verify", "chain,dates").status == 0
    assert run("request", "https://other.test/", "--port", port).status == 9, "the next one is strict again"


def test_a_check_that_comes_only_with_another_is_not_left_out_silently(trusting: str) -> None:
    ran = run("request", URL, "--verify", "chain", "--json")
    assert ran.status == 7
    assert run("request", URL, "--verify", "hostname", "--json").status == 7


def test_insecure_warns(modem: str) -> None:
    ran = run("request", URL, "--insecure")
    assert ran.status == 0
    assert ran.err.startswith("warning: nothing is verified")


def test_accept_gap_names_what_may_be_missing(server: HttpsServer, tmp_path: Path, ca: str) -> None:
    port = sim("sequans-gm01q", state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{server.port}")
    options = ("--port", port, "--ca", ca, "-O", "valid_level_map=chain+dates=3")
    assert run("request", URL, *options, "--accept-gap", "minimum-version").status == 7
    ran = run("request", URL, *options, "--accept-gap", "minimum-version", "--accept-gap", "hostname")
    assert ran.status == 0, ran.err


def test_no_attach_does_not_bring_the_network_up(trusting: str) -> None:
    ran = run("request", URL, "--no-attach", "--json")
    assert ran.status == 8
    assert "radio-off" in ran.error["reasons"]


def test_an_unset_clock_is_named(server: HttpsServer, tmp_path: Path, ca: str) -> None:
    port = sim(
        state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{server.port}", network_time="no"
    )
    ran = run("request", URL, "--port", port, "--ca", ca, "--json")
    assert ran.status == 10
    assert "clock-unset" in ran.error["reasons"]
    assert ran.error["certainty"] == "derived"
    assert ran.error["remedy"] == "Set it: modemtls clock --set now"
    assert run("clock", "--set", "now", "--port", port).status == 0
    assert run("request", URL, "--port", port).status == 0


def test_a_silent_server_is_waited_for_as_long_as_asked(server: HttpsServer, tmp_path: Path, ca: str) -> None:
    mapped = f"server.test:443=127.0.0.1:{server.port}"
    port = sim(state=tmp_path / "modem.json", map=mapped, patience="0.1")
    ran = run("request", URL + "slow", "--port", port, "--ca", ca, "--timeout", "7", "--json")
    assert ran.status == 8
    assert "timeout" in ran.error["reasons"]
    assert "7 s" in ran.error["message"]


def test_no_such_name(modem: str, ca: str) -> None:
    assert run("request", "https://nowhere.invalid/", "--ca", ca, "--json").status in (8, 9)
