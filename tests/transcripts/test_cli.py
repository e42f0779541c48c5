"""``--record`` on any command, and ``modemtls transcript``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.canaries import PIN, TOKEN

from modemtls.cli import main
from modemtls.sim.server import HttpsServer
from modemtls.transcript import Direction, Transcript, parse

from . import logs
from .bench import MODEL, shown, url

PROGRAM = [sys.executable, "-m", "modemtls"]


def run(*args: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(args), input=stdin)
    return result.exit_code, result.stdout, result.stderr


def read(path: Path) -> Transcript:
    return parse(path.read_bytes())


@pytest.mark.parametrize("place", ["before", "behind"])
def test_any_command_that_talks_to_a_modem_can_be_recorded(place: str, tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    option = ["--record", str(path)]
    command = ["clock", "--port", f"sim://{MODEL}"]
    status, out, err = run(*(option + command if place == "before" else command + option))
    assert (status, err) == (0, "")
    assert "clock" in out
    assert b"AT+CCLK?\r" in shown(read(path), Direction.SENT)
    assert read(path).model == MODEL
    assert run("clock", "--port", f"replay://{path}")[:2] == (0, out)


def test_a_request_recorded_in_full_is_replayed(server: HttpsServer, tmp_path: Path) -> None:
    path, ca = tmp_path / "session.txt", tmp_path / "ca.pem"
    ca.write_bytes(server.ca_pem)
    command = ["request", "https://one.test/", "-H", f"Authorization: Bearer {TOKEN}", "--ca", str(ca)]
    status, out, err = run("--record", str(path), "--record-full", *command, "--port", url(server))
    assert (status, out) == (0, "Hello from modemtls.\n"), err
    assert TOKEN not in path.read_text()
    assert run(*command, "--port", f"replay://{path}")[:2] == (0, out)


def test_a_failure_is_recorded_too(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    status, _, err = run(
        "network", "up", "--record", str(path), "--port", f"sim://{MODEL}?sim=pin&pin=1111", "--pin", PIN
    )
    assert status == 8
    assert b'AT+CPIN="{pin-1}"\r' in shown(read(path), Direction.SENT)
    again = run("network", "up", "--port", f"replay://{path}", "--pin", PIN)
    assert (again[0], again[2]) == (status, err)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_file_that_is_there_is_not_overwritten(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    status, _, err = run("info", "--record", str(path), "--port", f"sim://{MODEL}")
    assert status == 2
    assert "overwrites nothing" in err
    assert kind == "link" or path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, _, err = run("info", "--record", str(tmp_path / "no" / "x.txt"), "--port", f"sim://{MODEL}")
    assert status == 2
    assert "No such file" in err


def test_nothing_recorded_is_told(tmp_path: Path) -> None:
    status, _, err = run("models", "--record", str(tmp_path / "x.txt"))
    assert status == 0
    assert "nothing was recorded" in err
    assert not (tmp_path / "x.txt").exists()


def test_how_to_record_without_where_to_is_told() -> None:
    status, _, err = run("models", "--record-full")
    assert status == 2
    assert "--record FILE" in err


def test_a_deviation_ends_with_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    run("info", "--record", str(path), "--port", f"sim://{MODEL}")
    status, _, err = run("clock", "--port", f"replay://{path}")
    assert status == 3
    assert "AT+CCLK?" in err
    assert "not-as-recorded" in err
    status, out, _ = run("--json", "clock", "--port", f"replay://{path}")
    assert json.loads(out)["error"]["reasons"] == ["not-as-recorded"]


def test_show_prints_it_as_it_is(recording: Path) -> None:
    assert run("transcript", "show", str(recording)) == (0, recording.read_text(), "")
    assert run("transcript", "show", "-", stdin=recording.read_bytes())[1] == recording.read_text()


def test_show_without_times_is_the_same_for_two_runs(tmp_path: Path) -> None:
    outs: set[str] = set()
    for name in ("a", "b"):
        path = tmp_path / name
        run("info", "--record", str(path), "--port", f"sim://{MODEL}?latency=0.0{len(outs) + 1}")
        outs.add(run("transcript", "show", "--no-times", str(path))[1])
    assert len(outs) == 1
    assert "        - > AT\\r" in outs.pop()


def test_show_as_json(recording: Path) -> None:
    found = json.loads(run("transcript", "show", "--json", str(recording))[1])
    assert found["model"] == MODEL
    assert found["entries"][0] == {"seconds": 0.0, "kind": "sent", "assumed": False, "parts": ["AT\\r"]}
    assert any(part.endswith("hidden: key-1]") for entry in found["entries"] for part in entry["parts"])


def test_what_is_written_as_json(recording: Path, tmp_path: Path) -> None:
    found = json.loads(run("transcript", "to-test", "--json", str(recording))[1])
    assert found["file"] is None
    assert "def test_session() -> None:" in found["text"]
    target = str(tmp_path / "test_it.py")
    found = json.loads(run("transcript", "to-test", "--json", str(recording), "-o", target)[1])
    assert found == {"file": target, "text": None}


def test_damage_is_told_by_its_line(recording: Path) -> None:
    lines = recording.read_text().splitlines()
    lines[20] = "???"
    recording.write_text("\n".join(lines))
    for command in (["transcript", "show"], ["transcript", "to-test"]):
        status, _, err = run(*command, str(recording))
        assert status == 2
        assert "Line 21 of the transcript" in err
    status, _, err = run("info", "--port", f"replay://{recording}")
    assert status == 3
    assert "Line 21 of the transcript" in err


def test_a_transcript_becomes_a_test_file_that_passes(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "test_session.py"
    assert run("transcript", "to-test", str(recording), "-o", str(target)) == (0, "", "")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(target)],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout
    status, _, err = run("transcript", "to-test", str(recording), "-o", str(target))
    assert status == 2
    assert "not overwritten" in err


def test_a_log_is_imported_and_vendors_say_what_is_secret(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(logs.PORT + '00:00:02.000 COM1 >: AT+SQNSMQTTCFG=0,"me","user","hunter2",2\n', "utf-8")
    status, out, err = run("transcript", "import", str(path), "--model", MODEL)
    assert (status, err) == (0, "")
    assert f"model: {MODEL}\n" in out
    assert "assumed: line ends" in out
    assert "hunter2" not in out
    target = tmp_path / "session.txt"
    assert run("transcript", "import", str(path), "--format", "port", "-o", str(target))[0] == 0
    assert shown(read(target), Direction.SENT).startswith(b"AT+CREG?\r")


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("dear all\n")
    status, _, err = run("transcript", "import", str(path))
    assert status == 2
    assert "no command was found" in err
    assert "walter-python" in err
    assert run("transcript", "import", str(path), "--model", "nobody-1")[0] == 7
    assert run("transcript", "show", str(tmp_path / "none"))[0] == 2
