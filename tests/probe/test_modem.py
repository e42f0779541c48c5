"""A simulated modem at the probe server: what its one code hides is read from its alerts."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import modemtls
from modemtls import Check, TlsError
from modemtls.probe import Authority, ProbeServer, conclude


def test_the_alerts_of_a_modem_say_what_its_code_hides(server: ProbeServer, authority: Authority) -> None:
    with modemtls.open("sim://sequans-gm02s", journal=False) as modem:
        modem.trust(authority.root_pem)
        codes = set()
        for station in ("good", "wrong-root", "expired", "not-yet-valid", "wrong-name"):
            try:
                with modem.https("localhost", server.ports[station]) as session:
                    assert session.get("/").body == b"The probe was accepted.\n"
            except TlsError as error:
                codes.add(str(error.code))
    assert len(codes) == 1  # the modem has one code for all of them
    assert server.wait_for("wrong-name", 1, 5)
    alerts = {each.station: each.alert_name for each in server.seen}
    assert alerts["wrong-root"] == "unknown_ca"
    assert alerts["expired"] == "certificate_expired"
    assert alerts["good"] is None
    result = conclude(server.seen)
    assert all(result.makes(check) for check in Check)


@pytest.fixture
def running(tmp_path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "modemtls", "probe-server", "--station", "good", "--station", "wrong-root",
               "--out", str(tmp_path / "out"), "--model", "sequans-gm02s", "--seconds", "60"]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_serves_tells_and_writes(running: subprocess.Popen[str], tmp_path: Path) -> None:
    assert running.stdout is not None
    root = running.stdout.readline().partition(": ")[2].strip()
    ports: dict[str, int] = {}
    while len(ports) < 2:
        if found := re.match(r"(\S+)\thttps://localhost:(\d+)/", running.stdout.readline()):
            ports[found[1]] = int(found[2])
    with modemtls.open("sim://sequans-gm02s", journal=False) as modem:
        modem.trust(root)
        with modem.https("localhost", ports["good"]) as session:
            assert session.get("/").status == 200
        with contextlib.suppress(TlsError), modem.https("localhost", ports["wrong-root"]) as session:
            session.get("/")
    lines = [running.stdout.readline() for _ in range(1)]
    while "unknown_ca" not in lines[-1]:
        lines.append(running.stdout.readline())
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert "check chain\tmade" in out
    assert "Traceback" not in err
    record = json.loads((tmp_path / "out" / "probe.json").read_text("utf-8"))
    assert [each["station"] for each in record["connections"]] == ["good", "wrong-root"]
    assert "PRIVATE KEY" not in (tmp_path / "out" / "probe.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--station", "nowhere"], "no station"),
        (["--listen", "192.0.2.1"], "cannot listen"),
        (["--listen", "not-an-address"], "address"),
        (["--model", "nobody"], "no model"),
        (["--advertise", "not a name"], "host name"),
        (["--out", "/proc/self"], "not empty"),
    ],
)
def test_wrong_input_is_named(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modemtls", "probe-server", "--station", "good", *arguments, "--seconds", "1"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    if arguments == ["--station", "nowhere"]:
        assert done.returncode == 2
    assert done.returncode in (2, 7)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
