"""``modemtls prove`` as people and programs run it."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import modemtls
from modemtls.sim import PtyServer, simulator_type

from .tool import PROGRAM, run, sim


def test_an_honest_modem(modem: str) -> None:
    ran = run("prove")
    assert ran.status == 0, ran.err
    assert "wrong-root\tstream\trefused" in ran.out
    assert "hostname\tyes\tmade" in ran.out
    assert ran.out.rstrip().splitlines()[-1].startswith("Proved: ")


def test_a_lying_modem_is_status_13(modem: str) -> None:
    ran = run("prove", "--port", f"{modem}&lying=no-hostname", "--http", "stream")
    assert ran.status == 13
    assert "wrong-name\tstream\taccepted" in ran.out
    assert "hostname\tyes\tNOT MADE" in ran.out
    assert "DANGEROUS: check hostname: declared enforced, seen not made" in ran.out
    assert "reason: not-verified" in ran.out
    assert "NOT proved" in ran.out


def test_in_json(modem: str) -> None:
    ran = run("prove", "--json", "--port", f"{modem}&lying=plain", "--http", "modem")
    assert ran.status == 13
    found = ran.json
    assert found["proved"] is False
    assert [finding["reason"] for finding in found["findings"]] == ["not-tls"]
    assert all(trial["in_the_clear"] for trial in found["trials"])
    assert found["left"] == []


def test_what_keeps_it_from_the_good_server_is_the_status() -> None:
    port = sim("sierra-q2686", clock="1998-01-01T00:00:00Z")
    ran = run("prove", "--port", port)
    assert ran.status == 10
    assert "Nothing is proved" in ran.out
    assert "modemtls clock --set now" in ran.err
    as_json = run("prove", "--json", "--port", port)
    assert as_json.status == 10
    assert "clock-unset" in as_json.json["error"]["reasons"]
    assert as_json.json["trials"][0]["station"] == "good"


def test_a_modem_that_is_not_simulated_needs_a_name_for_this_computer() -> None:
    ran = run("prove", "--port", "/dev/null")
    assert ran.status == 2
    assert "--advertise HOST" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "192.0.2.1"], "cannot listen"),
        (["--advertise", "not a name"], "host name"),
        (["--first-port", "99999"], "65000"),
    ],
)
def test_wrong_options_are_named(modem: str, arguments: list[str], words: str) -> None:
    ran = run("prove", *arguments)
    assert ran.status == 2
    assert words in ran.err
    assert "bug" not in ran.err


def test_a_port_that_is_taken(modem: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ran = run("prove", "--first-port", str(min(65_000, other.getsockname()[1])))
    assert ran.status in (0, 2)  # 0: the system chose a port above 65000
    assert "Traceback" not in ran.err


def test_ctrl_c_puts_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path))
    simulator = simulator_type("sequans-gm02s")(registration_delay=0.0)
    with PtyServer(simulator) as modem:
        command = [*PROGRAM, "prove", "--port", modem.path, "--advertise", "localhost", "--http", "stream"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
            deadline = time.monotonic() + 20
            while not simulator.connections():
                assert time.monotonic() < deadline
                assert tool.poll() is None
                time.sleep(0.002)
            tool.send_signal(signal.SIGINT)
            _, err = tool.communicate(timeout=30)
        assert tool.returncode == 130, err
        assert "put back" in err
        assert "Traceback" not in err
        with modemtls.open(modem.path) as opened:
            assert [each.slot for each in opened.credentials.list()] == [0]
            assert opened.profiles.list() == ()
