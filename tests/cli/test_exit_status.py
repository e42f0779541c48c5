"""Every exit status, produced by what it stands for, and the two forms in which an error is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.canaries import PIN

from modemtls.cli.tool import Tool
from modemtls.sim.server import HttpsServer

from .tool import MODEL, run, sim

URL = "https://server.test/"


def test_0_done(modem: str) -> None:
    assert run("info").status == 0


class Broken(Tool):
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        def fail() -> None:
            raise ZeroDivisionError("no \x1b[31m number")

        return click.Command(cmd_name, callback=fail)


def test_1_a_bug_says_so_without_a_traceback() -> None:
    result = CliRunner().invoke(Broken("modemtls"), ["anything"])
    assert result.exit_code == 1
    assert "bug in modemtls: ZeroDivisionError: no \\x1b[31m number" in result.stderr
    assert "MODEMTLS_TRACEBACK=1" in result.stderr
    assert "Traceback" not in result.stderr


def test_1_a_bug_shows_its_traceback_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEMTLS_TRACEBACK", "1")
    result = CliRunner().invoke(Broken("modemtls"), ["anything"])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_1_is_json_too() -> None:
    result = CliRunner().invoke(Broken("modemtls"), ["--json", "anything"])
    assert result.exit_code == 1
    assert '"class": "ZeroDivisionError"' in result.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("info", "--nonsense"),
        ("network", "sideways"),
        ("cert", "remove", "12"),
        ("cert", "list", "--expires-within", "soon"),
        ("info", "--timeout", "0"),
        ("info", "--baudrate", "x"),
        ("info", "-O", "novalue"),
        ("info", "--accept-gap", "everything"),
        ("clock", "--set", "tomorrow"),
        ("clock", "--set", "1969-12-31"),
        ("clock", "--set", "2170-01-01"),
        ("clock", "--set", "0001-01-01T00:00:00+10:00"),
        ("clock", "--set", "9999-12-31T23:59:59-10:00"),
    ],
)
def test_2_usage(modem: str, args: tuple[str, ...]) -> None:
    ran = run(*args)
    assert ran.status == 2
    assert ran.err.startswith("error: ")
    assert ran.out == ""
    as_json = run(*args, "--json")
    assert as_json.status == 2
    assert as_json.error["class"] == "UsageError"
    assert as_json.err == ""


def test_2_a_vendor_option_that_does_not_exist(modem: str) -> None:
    ran = run("info", "-O", "colour=red")
    assert ran.status == 2
    assert "colour" in ran.err
    assert "dial" in ran.err


def test_2_a_settings_file_that_cannot_be_understood(
    modem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.toml").write_text("[port", "utf-8")
    monkeypatch.setenv("MODEMTLS_CONFIG", str(tmp_path / "broken.toml"))
    ran = run("info")
    assert ran.status == 2
    assert "broken.toml" in ran.err


@pytest.mark.parametrize("command", [("info",), ("cert", "list"), ("at", "AT"), ("request", URL)])
def test_2_no_port_names_the_ways_to_give_one(command: tuple[str, ...]) -> None:
    ran = run(*command)
    assert ran.status == 2
    for way in ("--port", "MODEMTLS_PORT", "modemtls ports", "sim://sequans-gm02s"):
        assert way in ran.err


def test_3_a_port_that_does_not_exist() -> None:
    ran = run("info", "--port", "/dev/does-not-exist")
    assert ran.status == 3
    assert "/dev/does-not-exist" in ran.err
    assert "port-not-found" in ran.err
    as_json = run("info", "--port", "/dev/does-not-exist", "--json")
    assert as_json.status == 3
    assert as_json.error["class"] == "PortError"
    assert as_json.error["reasons"] == ["port-not-found"]


@pytest.mark.parametrize("setting", ["colour=red", "chunk=-1", "clock=yesterday", "map=nowhere", "state=/"])
def test_2_a_setting_of_a_simulated_modem_that_cannot_be(setting: str) -> None:
    ran = run("info", "--port", f"sim://{MODEL}?{setting}", "--json")
    assert ran.status == 2
    assert ran.error["class"] == "UsageError"
    assert setting.partition("=")[2] in ran.error["message"]
    assert f"modemtls sim {MODEL} --help" in ran.error["remedy"]


def test_3_an_address_that_names_no_simulated_modem() -> None:
    assert run("info", "--port", "sim://").status == 3


def test_4_a_silent_modem() -> None:
    ran = run("info", "--port", sim(silent="yes"), "--json")
    assert ran.status == 4
    assert ran.error["class"] == "ModemTimeout"
    assert ran.error["command"] == "AT"


def test_5_a_refused_command(modem: str) -> None:
    ran = run("at", "AT+FOO", "AT", "--json")
    assert ran.status == 5
    found = ran.json
    assert found["error"]["class"] == "CommandError"
    assert found["error"]["code"] == {"namespace": "cme", "number": 4, "text": "operation not supported"}
    assert found["error"]["command"] == "AT+FOO"
    assert [reply["command"] for reply in found["replies"]] == ["AT+FOO"]


def test_6_no_trust_anchor(modem: str) -> None:
    ran = run("request", URL)
    assert ran.status == 6
    assert "modemtls cert trust" in ran.err
    assert "no-trust-anchor" in ran.err


def test_7_an_unknown_model() -> None:
    ran = run("info", "--port", sim(), "--model", "sequans-gm02x")
    assert ran.status == 7
    assert MODEL in ran.err


def test_7_what_the_model_is_not_known_to_verify(ca: str) -> None:
    ran = run("request", URL, "--port", sim("sequans-gm01q"), "--json")
    assert ran.status == 7
    assert ran.error["class"] == "Unsupported"
    assert "valid_level_map" in ran.error["message"]


def test_8_no_sim_card(modem: str) -> None:
    ran = run("network", "up", "--port", sim(sim="absent"), "--json")
    assert ran.status == 8
    assert ran.error["class"] == "NetworkError"
    assert "sim-absent" in ran.error["reasons"]


def test_8_a_pin_that_is_wanted_and_then_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = sim(sim="pin", pin=PIN)
    assert run("network", "up", "--port", port).status == 8
    assert run("network", "up", "--port", port, "--pin", PIN).status == 0
    wrong = run("network", "up", "--port", port, "--pin", "9753", "-vv", "--log", str(tmp_path / "log"))
    assert wrong.status == 8
    assert "9753" not in wrong.err + wrong.out + (tmp_path / "log").read_text("utf-8")
    monkeypatch.setenv("MODEMTLS_PIN", PIN)
    assert run("network", "up", "--port", port).status == 0


def test_9_one_code_for_every_failure_of_tls(modem: str, wrong_ca: str) -> None:
    ran = run("request", URL, "--ca", wrong_ca, "--json")
    assert ran.status == 9
    assert ran.error["class"] == "TlsError"
    assert "handshake-failed" in ran.error["reasons"]


def test_10_a_refused_certificate(modem: str, wrong_ca: str) -> None:
    ran = run("request", URL, "--ca", wrong_ca, "--http", "modem", "--json")
    assert ran.status == 10
    assert ran.error["class"] == "CertificateError"
    assert ran.error["code"]["number"] == 60


def test_11_a_body_that_ends_before_its_length(modem: str, ca: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("before", "utf-8")
    ran = run("request", URL + "cut/1000/10", "--ca", ca, "-o", str(kept), "--json")
    assert ran.status == 11
    assert "incomplete-body" in ran.error["reasons"]
    assert kept.read_text("utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".kept", "kept"))) == [
        "kept"
    ]


def test_12_a_modem_that_restarts_in_the_middle(server: HttpsServer) -> None:
    ran = run("at", *["AT"] * 40, "--port", sim(reboot_after=30), "--json")
    assert ran.status == 12
    assert ran.error["class"] == "ModemReset"


def test_13_findings(tmp_path: Path, server: HttpsServer) -> None:
    twice = tmp_path / "leaf.pem"
    twice.write_bytes(server.ca.issue_cert("x.test").cert_chain_pems[0].bytes())
    assert run("cert", "lint", str(twice), "--kind", "ca").status == 13


def test_13_warnings_count_too(tmp_path: Path, server: HttpsServer) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(server.ca.issue_cert("x.test").private_key_and_cert_chain_pem.bytes())
    ran = run("cert", "lint", str(both), "--kind", "cert", "--json")
    assert {finding["severity"] for finding in ran.json["findings"]} == {"warning"}
    assert ran.status == 13


def test_22_only_when_asked(modem: str, ca: str) -> None:
    assert run("request", URL + "status/404", "--ca", ca).status == 0
    ran = run("request", URL + "status/404", "-f")
    assert ran.status == 22
    assert ran.out == ""
    assert "404" in ran.err
    as_json = run("request", URL + "status/500", "-f", "--json")
    assert as_json.status == 22
    assert as_json.json["status"] == 500
    assert as_json.json["error"]["reasons"] == ["http-status"]
    assert run("request", URL + "status/399", "-f").status == 0


def test_22_leaves_the_output_file_as_it_was(modem: str, ca: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("before", "utf-8")
    assert run("request", URL + "status/404", "--ca", ca, "-f", "-o", str(kept)).status == 22
    assert kept.read_text("utf-8") == "before"


def test_an_error_for_people_has_all_its_parts(modem: str, wrong_ca: str) -> None:
    ran = run("request", URL, "--ca", wrong_ca, "--http", "modem")
    lines = ran.err.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("error: "))
    kinds = [line.split(":")[0].strip() for line in lines[start:]]
    assert kinds[0] == "error"
    assert {"said", "code", "why", "try"} <= set(kinds)
    assert "+SQNHTTPCONNECT: 2,60" in ran.err
    assert "(guessed)" in ran.err


def test_help_and_version_are_0() -> None:
    assert run("--help").status == 0
    assert run("request", "--help").status == 0
    assert run("--version").out.startswith("modemtls, version ")


def test_importing_the_command_line_loads_nothing_large() -> None:
    code = (
        "import sys; import modemtls.cli;"
        "print(*{name.split('.')[0] for name in sys.modules} & {'rich', 'cryptography', 'serial', 'h11', 'structlog',"
        " 'pluggy', 'asyncio', 'ssl', 'modemtls_sequans'})"
    )
    environment: dict[str, Any] = dict(os.environ)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert ran.stdout.split() == []
