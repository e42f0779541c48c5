"""The command line as a program: pipes, terminals, signals, a simulated modem in another process."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modemtls.sim.server import HttpsServer

from .tool import MODEL, PROGRAM, program, sim

URL = "https://server.test/"


@contextmanager
def simulated(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*PROGRAM, "sim", MODEL, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def on_a_terminal(*args: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *args], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "150"},
    )  # fmt: skip
    os.close(theirs)
    parts = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([ours], [], [], 1)
        if ready:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            parts.append(part)
        elif process.poll() is not None:
            break
    os.close(ours)
    return process.wait(10), b"".join(parts).decode()


def test_a_table_on_a_terminal_and_text_in_a_pipe() -> None:
    status, shown = on_a_terminal("models")
    assert status == 0
    assert "\x1b[1m" in shown
    assert "\t" not in shown
    piped = program("models").stdout.decode()
    assert "\x1b" not in piped
    assert piped.count("\t") >= 4
    assert piped.isascii()


def test_an_error_on_a_terminal_is_red_and_in_a_pipe_plain() -> None:
    status, shown = on_a_terminal("models", "[bold]nope[/bold]")
    assert status == 7
    assert "\x1b[31m" in shown
    assert "[bold]nope[/bold]" in shown, "rich's markup is not interpreted"
    assert b"\x1b" not in program("models", "nope").stderr


def test_a_body_cannot_write_on_the_terminal(server: HttpsServer, tmp_path: Path, ca: str) -> None:
    port = sim(state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{server.port}")
    status, shown = on_a_terminal("request", URL + "evil", "-i", "--port", port, "--ca", ca)
    assert status == 0
    assert "Storing" in shown, "progress"
    assert "\\x1b[31m\\u202e end" in shown
    assert "\u202e" not in shown
    assert "x-evil: a\\x1b]0;b" in shown.lower()


def test_a_binary_body_is_not_written_on_the_terminal(server: HttpsServer, tmp_path: Path, ca: str) -> None:
    port = sim(state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{server.port}")
    status, shown = on_a_terminal("request", URL + "bytes/300", "--port", port, "--ca", ca)
    assert status == 0
    assert "binary, 300 bytes" in shown


@pytest.mark.parametrize(
    "args",
    [
        ("models", MODEL),
        ("explain", MODEL, "--json"),
        ("--help",),
        ("at", "AT", "--port", sim()),
        ("info", "--port", sim()),
        ("demo", "--model", MODEL),
    ],
)
def test_a_closed_pipe_is_silent(args: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run([*PROGRAM, *args], stdout=writing, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writing)
    assert ran.stderr == b""
    assert ran.returncode == 141


def test_a_closed_stdout_is_no_bug() -> None:
    ran = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *PROGRAM, "models"], stderr=subprocess.PIPE, timeout=60
    )  # fmt: skip
    assert ran.returncode == 0
    assert ran.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_no_bug() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([*PROGRAM, "models"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr.startswith(b"error: No space left")
    assert b"Exception" not in ran.stderr


def test_130_interrupted_while_the_modem_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [*PROGRAM, "info", "--port", port, "--timeout", "50", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        silent.settimeout(30)
        line, _ = silent.accept()
        with line:
            assert line.recv(16).startswith(b"AT")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert json.loads(out)["error"]["class"] == "KeyboardInterrupt"


def test_3_a_port_that_disappears() -> None:
    with socket.create_server(("127.0.0.1", 0)) as short:
        port = f"socket://127.0.0.1:{short.getsockname()[1]}"
        process = subprocess.Popen(
            [*PROGRAM, "info", "--port", port], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        short.settimeout(30)
        line, _ = short.accept()
        line.recv(16)
        line.close()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert b"port-gone" in err


def test_python_m_modemtls_and_json_errors_on_stdout() -> None:
    ran = program("info", "--json")
    assert ran.returncode == 2
    assert ran.stderr == b""
    assert json.loads(ran.stdout)["error"]["class"] == "UsageError"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_sim_prints_its_port_first_serves_and_ends_with_0(number: signal.Signals, tmp_path: Path) -> None:
    link = tmp_path / "modem"
    with simulated("--link", str(link)) as (process, path):
        assert path == str(link)
        ran = program("info", "--port", path, "--json")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["model"] == MODEL
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0
    assert f"modemtls info --port {link}" in err
    assert not link.is_symlink()


def test_the_main_job_through_a_pty_in_another_process(server: HttpsServer, ca: str) -> None:
    with simulated("--map", f"server.test:443=127.0.0.1:{server.port}", "--registration-delay", "0.1") as (
        _,
        path,
    ):
        environment = {"MODEMTLS_PORT": path}
        trusted = program("cert", "trust", ca, env=environment)
        assert trusted.returncode == 0, trusted.stderr
        for http in ("stream", "modem"):
            ran = program("request", URL, "--http", http, env=environment)
            assert ran.returncode == 0, ran.stderr
            assert ran.stdout == b"Hello from modemtls.\n"


def test_sim_takes_several_maps(server: HttpsServer, ca: str) -> None:
    to = f"127.0.0.1:{server.port}"
    maps = (f"server.test:443={to}", f"server.test:444={to},server.test:445={to}")
    with simulated(*(word for each in maps for word in ("--map", each))) as (_, path):
        environment = {"MODEMTLS_PORT": path}
        assert program("cert", "trust", ca, env=environment).returncode == 0
        for number in (443, 444, 445):
            ran = program("request", f"https://server.test:{number}/", env=environment)
            assert ran.returncode == 0, ran.stderr


def test_a_prompt_without_data_does_not_take_the_next_command_for_data() -> None:
    with simulated() as (_, path):
        began = time.monotonic()
        ran = program("at", 'AT+SQNSNVW="certificate",19,100', "--port", path)
        took = time.monotonic() - began
        assert ran.returncode == 5
        assert b"--data @FILE" in ran.stderr
        assert took < 30, "it waited for a result that cannot come"
        after = program("info", "--port", path, "--json")
        assert after.returncode == 0, after.stderr
        assert json.loads(after.stdout)["model"] == MODEL


def test_a_busy_port_says_who_holds_it() -> None:
    with simulated() as (_, path):
        holder = subprocess.Popen(
            [*PROGRAM, "at", "AT", "--wait", "60", "--port", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"OK\n"
            ran = program("info", "--port", path)
        finally:
            holder.kill()
            holder.communicate()
    assert ran.returncode == 3
    assert f"process {holder.pid}".encode() in ran.stderr


def test_sim_in_json_names_its_port() -> None:
    with simulated("--json") as (_, line):
        found = json.loads(line)
    assert found["model"] == MODEL
    assert found["port"].startswith("/dev/")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((MODEL, "--clock", "yesterday"), b"clock"),
        ((MODEL, "--colour", "red"), b"colour"),
        ((MODEL, "--chunk", "-1"), b"chunk"),
        ((MODEL, "--map", "a.test:1=127.0.0.1:1", "--map", "nowhere"), b"nowhere"),
        ((MODEL, "--seed", ""), b"seed"),
        ((MODEL, "--link", "/does/not/exist/link"), b"/does/not/exist/link"),
    ],
)
def test_sim_refuses_what_it_does_not_understand(options: tuple[str, ...], words: bytes) -> None:
    ran = program("sim", *options)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert ran.stdout == b""


def test_sim_of_an_unknown_model_and_its_help() -> None:
    assert program("sim", "nope").returncode == 7
    text = program("sim", MODEL, "--help").stdout.decode()
    assert "--clock" in text
    assert "(assumed)" in text


def test_the_shell_completes_commands_models_and_ports() -> None:
    def completed(words: str, word: int) -> list[str]:
        environment = {"_MODEMTLS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(word)}
        lines = program(env=environment).stdout.decode().split()
        return [line.partition(",")[2] for line in lines]

    assert "request" in completed("modemtls re", 1)
    assert MODEL in completed("modemtls explain seq", 2)
    assert MODEL in completed("modemtls sim seq", 2)
    assert f"sim://{MODEL}" in completed("modemtls info --port sim", 3)
    assert MODEL in completed("modemtls info --model seq", 3)
