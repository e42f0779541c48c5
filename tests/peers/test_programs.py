"""gammu and picocom, programs for people, with simulated modems behind their port."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modemtls.sim import PtyServer
from modemtls_sequans.simulator import Gm02s

from .counterpart import PATIENCE, program
from .phone import Phone

IMEI = "004999010640000"
IMSI = "001010123456789"
OK = b"\r\nOK\r\n"

Gammu = Callable[..., str]


@pytest.fixture
def gammu(tmp_path: Path) -> Gammu:
    """``gammu(port, "identify")`` gives what it prints."""
    found = program("gammu")

    def run(port: str, *arguments: str) -> str:
        config = tmp_path / "gammurc"
        config.write_text(f"[gammu]\ndevice = {port}\nconnection = at115200\n")
        ran = subprocess.run(
            [found, "-c", config, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
        assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
        return ran.stdout

    return run


@pytest.fixture
def quiet_gm02s() -> Iterator[tuple[Gm02s, str]]:
    """A GM02S that does not report its registration: gammu knows no ``+CEREG`` and loses its answer by one."""
    simulator = Gm02s(registration_delay=0.1, cereg=0)
    with PtyServer(simulator) as server:
        yield simulator, server.path


def value(printed: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: (.*)$", printed, re.MULTILINE)
    assert found, printed
    return found[1].strip()


def test_gammu_identifies_a_gm02s(gammu: Gammu, quiet_gm02s: tuple[Gm02s, str]) -> None:
    modem, port = quiet_gm02s
    printed = gammu(port, "identify")
    assert value(printed, "Manufacturer") == "Sequans Communications"
    assert "GM02S" in value(printed, "Model")
    assert value(printed, "Firmware") == modem.revision
    assert value(printed, "IMEI") == IMEI
    assert value(printed, "SIM IMSI") == IMSI
    assert modem.cfun == 1


def test_gammu_sets_and_reads_the_clock(gammu: Gammu, quiet_gm02s: tuple[Gm02s, str]) -> None:
    modem, port = quiet_gm02s
    gammu(port, "setdatetime")
    assert abs(modem.clock.read() - datetime.now(UTC)) < timedelta(minutes=2)
    printed = gammu(port, "getdatetime")
    assert f"{modem.clock.read():%b %d}" in printed
    assert str(modem.clock.read().year) in printed


def test_gammu_sees_what_the_sim_wants(gammu: Gammu, quiet_gm02s: tuple[Gm02s, str]) -> None:
    _, port = quiet_gm02s
    assert "Nothing to enter" in gammu(port, "getsecuritystatus")


def test_gammu_sends_a_message_through_the_prompt(gammu: Gammu, phone: tuple[Phone, str]) -> None:
    modem, port = phone
    modem.set_radio(1)
    gammu(port, "sendsms", "TEXT", "+358401234567", "-text", "Hello")
    (message,) = modem.sent
    assert not message.text_mode
    pdu = bytes.fromhex(message.data.decode())
    assert len(pdu) - 1 - pdu[0] == int(message.to)
    assert bytes.fromhex("c8329bfd06") in pdu, "Hello in seven bits a character"


class Terminal:
    """A person at picocom: types, and reads the screen."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.screen = b""

    def type(self, keys: bytes) -> None:
        while keys:
            keys = keys[os.write(self._descriptor, keys) :]

    def see(self, text: bytes) -> bytes:
        """Read until ``text`` is on the screen; what came with it, and the screen is clean again."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.screen!r}"
            assert select.select([self._descriptor], [], [], left)[0], f"{text!r} is not in {self.screen!r}"
            self.screen += os.read(self._descriptor, 4096)
        before, found, self.screen = self.screen.partition(text)
        return before + found


@contextmanager
def at_picocom(port: str, *options: str) -> Iterator[Terminal]:
    found = program("picocom")
    keyboard, slave = os.openpty()
    try:
        process = subprocess.Popen(
            [found, "--baud", "115200", "--nolock", *options, port], stdin=slave, stdout=slave, stderr=slave
        )
        try:
            terminal = Terminal(keyboard)
            terminal.see(b"Terminal ready")
            yield terminal
            terminal.type(b"\x01\x18")  # Ctrl-A Ctrl-X: leave
            terminal.see(b"Thanks for using picocom")
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(keyboard)
        os.close(slave)


def test_a_person_at_picocom_sees_the_answer(gm02s: tuple[Gm02s, str]) -> None:
    modem, port = gm02s
    with at_picocom(port) as terminal:
        terminal.type(b"AT+CGMM\r")
        assert b"\r\nGM02S\r\n" in terminal.see(OK)
        terminal.type(b"ATE1\r")
        terminal.see(OK)
        terminal.type(b"AT+CGSN\r")
        assert terminal.see(OK).endswith(b"AT+CGSN\r\r\n" + IMEI.encode() + b"\r\n" + OK)
        terminal.type(b"AT+NOSUCH\r")
        terminal.see(b"ERROR\r\n")
    assert list(modem.commands) == ["AT+CGMM", "ATE1", "AT+CGSN", "AT+NOSUCH"]


def test_a_person_at_picocom_repeats_a_line_and_corrects_one(gm02s: tuple[Gm02s, str]) -> None:
    _, port = gm02s
    with at_picocom(port) as terminal:
        terminal.type(b"AT+CGSN;+CGMM\r")
        once = terminal.see(OK)
        assert re.findall(rb"\S+", once) == [IMEI.encode(), b"GM02S", b"OK"]
        terminal.type(b"A/")
        assert re.findall(rb"\S+", terminal.see(OK)) == re.findall(rb"\S+", once)
        terminal.type(b"AT+CGMX\x08M\r")
        assert b"GM02S" in terminal.see(OK)


def test_a_person_at_picocom_sees_digits_and_silence(gm02s: tuple[Gm02s, str]) -> None:
    _, port = gm02s
    with at_picocom(port) as terminal:
        terminal.type(b"ATV0\r")
        terminal.see(b"0\r")
        terminal.type(b"AT+NOSUCH\r")
        terminal.see(b"4\r")
        terminal.type(b"ATQ1V1\rAT\rAT+CGMM\r")
        assert b"OK" not in terminal.see(b"GM02S\r\n")
        terminal.type(b"ATQ0\r")
        terminal.see(OK)


def test_a_person_at_picocom_sees_the_modem_register(gm02s: tuple[Gm02s, str]) -> None:
    _, port = gm02s
    with at_picocom(port) as terminal:
        terminal.type(b"AT+CFUN=1\r")
        terminal.see(OK)
        terminal.see(b"+CEREG: 1")
        terminal.type(b"AT+CSQ\r")
        assert b"+CSQ: 20,99" in terminal.see(OK)
