"""Bad input gets one clear error and leaves the modem and files as they were."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import HTTP_PASSWORD

from .tool import run, sim

URL = "https://server.test/"


def one_error(err: str) -> str:
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, err
    assert "Traceback" not in err
    assert err.isprintable() or all(c.isprintable() or c == "\n" for c in err)
    return errors[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://server.test/",
        "ftp://server.test/",
        "server.test",
        "https://",
        "https://server.test/a b",
        "https://server.test/\r\nX: y",
        "https://ser\x00ver.test/",
        "https://server.test:0/",
        "https://server.test:99999/",
        'https://ser"ver.test/',
        "https://bücher.test/",
        "",
    ],
)
def test_a_url_that_cannot_be_requested(modem: str, tmp_path: Path, url: str) -> None:
    ran = run("request", url)
    assert ran.status == 2
    one_error(ran.err)
    assert not (tmp_path / "modem.json").exists(), "the modem was opened"


def test_a_password_in_the_url_is_refused_and_not_repeated(modem: str) -> None:
    ran = run("request", f"https://someone:{HTTP_PASSWORD}@server.test/")
    assert ran.status == 2
    assert HTTP_PASSWORD not in ran.err
    assert "Authorization" in ran.err


@pytest.mark.parametrize(
    "header", ["no colon", "X: a\r\nY: b", "X: a\nb", "X y: z", ": z", "X: \x00", "X: \x1b[1m"]
)
def test_a_header_that_cannot_be_sent(modem: str, tmp_path: Path, header: str) -> None:
    ran = run("request", URL, "-H", header)
    assert ran.status == 2
    one_error(ran.err)
    assert not (tmp_path / "modem.json").exists(), "the modem was opened"


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5",),
        ("content-length: five",),
        ("Transfer-Encoding: chunked",),
        ("Host: a.test", "Host: b.test"),
    ],
)
@pytest.mark.parametrize("http", ["stream", "modem"])
def test_headers_that_would_move_the_end_of_the_request(
    modem: str, tmp_path: Path, headers: tuple[str, ...], http: str
) -> None:
    options = [word for header in headers for word in ("-H", header)]
    ran = run("request", URL, "-d", "body", "--http", http, *options)
    assert ran.status == 2
    assert headers[0].partition(":")[0].lower() in one_error(ran.err).lower()
    assert not (tmp_path / "modem.json").exists(), "the modem was opened"


@given(st.text(max_size=60))
def test_any_text_as_url_is_an_error_of_usage_or_an_error_of_the_port(url: str) -> None:
    ran = run("request", "--port", "/dev/does-not-exist", "--", url)
    assert ran.status in (2, 3)
    one_error(ran.err)


def test_a_method_that_is_no_token(modem: str) -> None:
    assert run("request", URL, "-X", "GET / HTTP/1.1\r\n").status == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--profile", "1", "--ca", "CA"),
        ("--profile", "1", "--verify", "chain,dates"),
        ("--cert", "CA"),
        ("--key", "CA"),
        ("--verify", "chain,colour"),
        ("--verify", ","),
        ("--verify", "chain", "--insecure"),
        ("--ca", "/does/not/exist"),
        ("-d", "@/does/not/exist"),
        ("-o", "/does/not/exist/file"),
        ("-o", "/"),
        ("--log", "/does/not/exist/log"),
    ],
)
def test_options_that_cannot_be_meant(modem: str, ca: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = run("request", URL, *(ca if option == "CA" else option for option in options))
    assert ran.status == 2
    one_error(ran.err)
    assert not (tmp_path / "modem.json").exists(), "the modem was opened"


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind\n", b"\x00\x01\x02", b"-----BEGIN CERTIFICATE-----\nMIIB\n"]
)
@pytest.mark.parametrize(
    "command", [("cert", "trust"), ("cert", "import"), ("cert", "lint"), ("request", URL, "--ca")]
)
def test_a_file_that_is_no_certificate(
    modem: str, tmp_path: Path, command: tuple[str, ...], content: bytes
) -> None:
    file = tmp_path / "file.pem"
    file.write_bytes(content)
    ran = run(*command, str(file))
    assert ran.status == 6
    assert "file.pem" in one_error(ran.err)
    assert not (tmp_path / "modem.json").exists(), "the modem was opened"


def test_a_trust_set_that_is_too_large(modem: str, tmp_path: Path) -> None:
    many = tmp_path / "many.pem"
    many.write_bytes(b"".join(trustme.CA(organization_name=f"CA {n}").cert_pem.bytes() for n in range(16)))
    before = run("cert", "list").out
    ran = run("cert", "trust", str(many))
    assert ran.status == 6
    assert "too-large" in ran.err
    assert "8192" in one_error(ran.err)
    assert run("cert", "list").out == before


@pytest.mark.parametrize("slot", ["0", "3", "10", "20", "-1"])
def test_a_slot_that_is_not_ours(modem: str, ca: str, slot: str) -> None:
    before = run("cert", "list").out
    ran = run("cert", "import", ca, "--slot", slot)
    assert ran.status == 6
    one_error(ran.err)
    assert run("cert", "list").out == before
    assert run("cert", "remove", "--kind", "cert", "--", slot).status == 6
    assert run("cert", "list").out == before


def test_a_leaf_as_trust_anchor(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(another_ca.issue_cert("x.test").cert_chain_pems[0].bytes())
    ran = run("cert", "trust", str(leaf))
    assert ran.status == 6
    assert "not-a-ca" in ran.err or "leaf-as-anchor" in ran.err


def test_a_key_that_does_not_pair(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    one, other = another_ca.issue_cert("a.test"), another_ca.issue_cert("b.test")
    (tmp_path / "cert.pem").write_bytes(one.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(other.private_key_pem.bytes())
    ran = run("request", URL, "--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    assert ran.status == 6
    assert "key-mismatch" in ran.err
    assert "PRIVATE" not in ran.err


def test_an_expired_ca(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    old = another_ca.issue_cert("x.test", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    (tmp_path / "old.pem").write_bytes(old.cert_chain_pems[0].bytes())
    ran = run("cert", "import", str(tmp_path / "old.pem"))
    assert ran.status == 6
    assert "expired" in ran.err


@pytest.mark.parametrize("command", ["AT+X\r\nAT+Y", "AT\x1b", "", "AT+ü"])
def test_a_command_that_is_not_one_line_of_ascii(modem: str, tmp_path: Path, command: str) -> None:
    ran = run("at", "--", "AT", command)
    assert ran.status == 2
    one_error(ran.err)
    assert not (tmp_path / "modem.json").exists(), "the modem was opened"


def test_a_command_that_asks_for_data_and_gets_none(modem: str) -> None:
    ran = run("at", "AT", 'AT+SQNSNVW="certificate",19,100', "--json")
    assert ran.status == 5
    assert ran.error["class"] == "CommandError"
    assert "--data @FILE" in ran.error["remedy"]
    assert [reply["command"] for reply in ran.json["replies"]] == ["AT"]


def test_data_for_several_commands(modem: str) -> None:
    assert run("at", "AT", "AT", "--data", "x").status == 2


def test_noise_on_the_line_does_not_hurt(server: object) -> None:
    ran = run("info", "--port", sim(urc_noise="0.5", chunk=1, echo="yes"), "--json")
    assert ran.status == 0
    assert ran.json["model"] == "sequans-gm02s"


@pytest.mark.parametrize("number", ["0", "7", "-1"])
def test_a_profile_that_does_not_exist(modem: str, number: str) -> None:
    assert run("profile", "reset", "--", number).status == 7
    shown = run("profile", "show", "--", number)
    assert shown.status == 7
    assert "there are 1 to 6" in one_error(shown.err)


def test_a_profile_that_is_not_configured(modem: str) -> None:
    assert run("profile", "show", "2").status == 6
