"""``modemtls diagnose`` as a person, a pipe and a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from modemtls.cli import main
from modemtls.sim.server import HttpsServer

from .tool import run, sim

URL = "https://server.test/"


def test_all_is_well(modem: str, ca: str) -> None:
    assert run("cert", "trust", ca).status == 0
    ran = run("diagnose", URL)
    assert ran.status == 0
    assert ran.err == ""
    first = [line for line in ran.out.splitlines() if line[:1].strip()]
    assert first[0].startswith("ok        The line")
    assert "All is well: the attempt succeeded." in ran.out


def test_the_cause_and_what_to_do_come_last(modem: str, ca: str) -> None:
    port = f"{modem}&network_time=no"
    run("cert", "trust", ca, "--port", port)
    ran = run("diagnose", URL, "--port", port)
    assert ran.status == 10
    *_, cause, remedy = ran.out.strip().splitlines()
    assert cause.startswith("Cause: The modem's clock")
    assert remedy == "Try: Set the modem's clock: modemtls clock --set now"


def test_the_status_is_that_of_the_failure(modem: str, ca: str, wrong_ca: str, server: HttpsServer) -> None:
    assert run("diagnose", URL).status == 6  # nothing is trusted
    run("cert", "trust", wrong_ca)
    assert run("diagnose", URL).status in (9, 10)
    assert run("diagnose", "https://server.test:1/", "--port", sim()).status == 6
    run("cert", "trust", ca)
    denied = sim(map=f"server.test:443=127.0.0.1:{server.port}", registration="denied")
    assert run("diagnose", URL, "--port", denied).status == 8
    assert run("diagnose", URL, "--port", "/dev/does-not-exist").status == 3
    assert run("diagnose", "ftp://server.test/").status == 2


def test_a_dead_port_is_a_checklist_too(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    ran = run("diagnose", URL, "--port", "/dev/does-not-exist", "--report", str(report))
    assert ran.out.startswith("bad       The line, and who answers")
    assert "Cause: There is no port" in ran.out
    assert "There is no port" in report.read_text("utf-8")


def test_json_has_steps_findings_and_causes(modem: str, wrong_ca: str) -> None:
    run("cert", "trust", wrong_ca)
    ran = run("diagnose", URL, "--json")
    found = ran.json
    assert found["ok"] is False
    assert [step["name"] for step in found["steps"]][-1] == "attempt"
    assert set(found["causes"]) == {"unknown-issuer", "missing-intermediate"}
    assert found["findings"][0]["certainty"] == "guessed"
    assert found["error"]["code"]["namespace"] == "socket"
    assert found["server_seen_from"] == "modem"
    assert found["steps"][2]["wire"][0] == {"who": "host", "line": "AT+CCLK?"}


def test_the_report_is_one_page_and_a_file_that_is_there_is_replaced_whole(
    modem: str, ca: str, tmp_path: Path
) -> None:
    run("cert", "trust", ca)
    report = tmp_path / "report.html"
    report.write_text("old", "utf-8")
    ran = run("diagnose", URL, "--report", str(report))
    assert ran.status == 0
    page = report.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "<svg" in page
    assert "<script" not in page
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".html"] == ["report.html"]


def test_a_report_that_cannot_be_written_is_told_before_the_modem_is_touched(tmp_path: Path) -> None:
    ran = run("diagnose", URL, "--port", "/dev/does-not-exist", "--report", str(tmp_path / "no" / "r.html"))
    assert ran.status == 2
    assert "there is no folder" in ran.err


def test_from_a_file_and_without_an_attempt(modem: str, ca: str, tmp_path: Path) -> None:
    run("cert", "trust", ca)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(trustme.CA().issue_cert("server.test").cert_chain_pems[0].bytes())
    ran = run("diagnose", URL, "--server-chain", str(chain), "--no-attempt", "--json")
    found = ran.json
    assert found["server_seen_from"] == "file"
    assert found["steps"][-1]["state"] == "skipped"
    assert {each["reason"] for each in found["findings"]} >= {"unknown-issuer"}
    assert ran.status == 10, "a step is bad, and nothing has succeeded: that is no success"


def test_from_this_computer(modem: str, ca: str, server: HttpsServer) -> None:
    run("cert", "trust", ca)
    ran = run("diagnose", f"https://localhost:{server.port}/", "--from-host", "--json")
    found = ran.json
    assert found["server_seen_from"] == "host"
    assert found["causes"] == ["hostname-mismatch"]
    reach = next(step for step in found["steps"] if step["name"] == "reach")
    assert any("only TLS 1.2" in line for line in reach["lines"])


@pytest.mark.parametrize(
    "args",
    [
        ("--from-host", "--server-chain", "x.pem"),
        ("--verify", "everything"),
        ("--verify", ","),
        ("--server-chain", "does-not-exist.pem"),
        ("--probe", "does-not-exist.json"),
        ("--ca", "does-not-exist.pem"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(modem: str, args: tuple[str, ...]) -> None:
    ran = run("diagnose", URL, *args)
    assert ran.status == 2
    assert ran.err.startswith("error: ")


def test_a_record_that_is_none(modem: str, tmp_path: Path) -> None:
    record = tmp_path / "probe.json"
    for text in ("", "{}", "[]", json.dumps({"format": 1}), "\xff"):
        record.write_text(text, "utf-8")
        ran = run("diagnose", URL, "--probe", str(record))
        assert ran.status == 2, text
        assert "probe" in ran.err


def test_on_a_terminal_the_marks_are_coloured(modem: str, ca: str) -> None:
    run("cert", "trust", ca)
    result = CliRunner().invoke(main, ["diagnose", URL], color=True)
    assert "\x1b[32m" in result.stdout
    assert "\x1b" not in run("diagnose", URL).out


def test_first_seed_by_the_command_line(modem: str, ca: str) -> None:
    run("cert", "import", ca, "--kind", "ca", "--slot", "19")
    run("at", 'AT+SQNSPCFG=1,2,"",7,19')
    ran = run("diagnose", URL, "--profile", "1", "--http", "modem")
    assert ran.status == 9
    assert "Cause: certValidLevel 7 in security profile 1 is illegal" in ran.out
    assert "http 77" in ran.out


def test_second_seed_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modemtls import TlsVersion

    authority = trustme.CA()
    root = tmp_path / "root.pem"
    root.write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("MODEMTLS_ACCEPT_GAPS", "hostname,minimum-version")
    with HttpsServer(names=("server.test",), ca=authority, tls_max=TlsVersion.TLS1_0) as old:
        port = sim("sierra-q2686", state=tmp_path / "m.json", map=f"server.test:443=127.0.0.1:{old.port}")
        run("cert", "trust", str(root), "--port", port)
        ran = run("diagnose", URL, "--port", port)
    assert ran.status == 10
    assert "Cause: The modem's clock is not set: it says 1998-01-01" in ran.out
