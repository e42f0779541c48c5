"""The companion agent, built for this computer: compiled once a run, started on a pseudo-terminal, spoken to in bytes.

Where there is no compiler, no header of OpenSSL or no Linux, the tests that need it are skipped and say what is
missing.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

__all__ = ["PATIENCE", "SOURCES", "Agent", "Line", "TtyLine", "built", "crc"]

SOURCES = Path(__file__).parents[2] / "plugins" / "modemtls_sierra_wip" / "agent"
PATIENCE = 20.0
"""Seconds after which a line that has not come will not come; real answers take milliseconds."""
_FINAL = re.compile(rb"\r\n(?:OK|ERROR|\+CME ERROR: \d+|CONNECT)\r\n")
_PAYLOAD = re.compile(rb"\r\n\+MTRECV: (\d+),[0-9a-f]{8},[01],\d+\r\n")


def crc(data: bytes) -> str:
    """CRC-32 as the agent writes it."""
    return f"{zlib.crc32(data):08x}"


def _compiler() -> str:
    if not sys.platform.startswith("linux"):
        pytest.skip("not run: the agent's build for a computer needs Linux")
    asked = os.environ.get("CC", "cc")
    found = shutil.which(asked)
    if found is None:
        pytest.skip(f"not run: there is no C compiler ({asked})")
    return found


@cache
def _missing_headers(compiler: str) -> bool:
    trial = subprocess.run(
        [compiler, "-E", "-x", "c", "-"],
        input=b"#include <openssl/ssl.h>\n",
        capture_output=True,
        check=False,
    )
    return trial.returncode != 0


def built(target: str) -> Path:
    """The path of a program that ``build.sh`` makes; compiled when the sources have changed since."""
    compiler = _compiler()
    if target.startswith("mtagent-host") and _missing_headers(compiler):
        pytest.skip("not run: OpenSSL's headers are not installed (libssl-dev)")
    return _build(target, compiler)


@cache
def _build(target: str, compiler: str) -> Path:
    digest = hashlib.sha256(f"{compiler} {os.environ.get('SANITIZE')}".encode())
    for source in sorted(SOURCES.rglob("*")):
        if source.is_file() and source.suffix in (".c", ".h", ".sh"):
            digest.update(source.read_bytes())
    home = Path(tempfile.gettempdir()) / f"modemtls-agent-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        pytest.skip(f"not run: {home} belongs to somebody else")
    program = home / f"{digest.hexdigest()[:16]}-{target}"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=home) as folder:
            ran = subprocess.run(
                ["sh", SOURCES / "build.sh", folder, target], capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, f"the agent does not compile:\n{ran.stderr}"
            (Path(folder) / target).rename(program)  # in one step: others may be building it too
    return program


class Line(ABC):
    """The host's end of a line to an agent, in raw bytes."""

    _waiting = b""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Write all of it."""

    @abstractmethod
    def now(self) -> float:
        """Seconds of the line's own time."""

    @abstractmethod
    def _read(self, wait: float) -> bytes:
        """What has come, or comes within so many seconds."""

    def _more(self, wait: float) -> bool:
        data = self._read(max(0.0, wait))
        self._waiting += data
        return bool(data)

    def until(self, pattern: bytes | re.Pattern[bytes], patience: float = PATIENCE) -> bytes:
        """What comes, to the end of ``pattern``; what comes behind it stays for later.

        :raises AssertionError: it does not come.
        """
        form = re.compile(pattern)
        deadline = self.now() + patience
        while (found := form.search(self._waiting)) is None:
            assert self._more(deadline - self.now()) or self.now() < deadline, (
                f"{form.pattern!r} does not come, only {self._waiting[-300:]!r}"
            )
        taken, self._waiting = self._waiting[: found.end()], self._waiting[found.end() :]
        return taken

    def count(self, size: int) -> bytes:
        """Exactly so many bytes."""
        deadline = self.now() + PATIENCE
        while len(self._waiting) < size:
            assert self._more(deadline - self.now()), f"{len(self._waiting)} of {size} bytes came"
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def quiet(self, seconds: float = 0.05) -> bytes:
        """What comes until nothing has come for so long."""
        while self._more(seconds):
            pass
        taken, self._waiting = self._waiting, b""
        return taken

    def ends_within(self, seconds: float) -> bool:
        """Whether a final result code comes in time; it is taken, with what stands before it."""
        deadline = self.now() + seconds
        while (found := _FINAL.search(self._waiting)) is None:
            if not self._more(deadline - self.now()) and self.now() >= deadline:
                return False
        self._waiting = self._waiting[found.end() :]
        return True

    def ask(self, command: str) -> bytes:
        """Send a command line; all that comes, to the final result code or ``CONNECT``."""
        self.send(command.encode("ascii") + b"\r")
        if not command.upper().startswith("AT+MTRECV="):
            return self.until(_FINAL)
        head = self.until(re.compile(_PAYLOAD.pattern + rb"|" + _FINAL.pattern))
        found = _PAYLOAD.search(head)
        if found is None:
            return head
        return head + self.count(int(found[1])) + self.until(_FINAL)

    def say(self, command: str) -> str:
        """The same as text without the frame: lines separated by ``|``."""
        return "|".join(self.ask(command).decode("ascii").strip("\r\n").split("\r\n\r\n"))

    def urc(self, start: str) -> str:
        """The next unsolicited line that begins so; what stood before it is dropped."""
        return self.until(rb"\r\n" + re.escape(start.encode()) + rb"[^\r]*\r\n").decode().split("\r\n")[-2]

    def upload(self, command: str, data: bytes) -> str:
        """A command with data: its final result code."""
        first = self.say(command)
        if first != "CONNECT":
            return first
        self.send(data)
        return self.until(_FINAL).decode().strip()

    def put(self, kind: str, number: int, data: bytes) -> str:
        """Store an object."""
        return self.upload(f"AT+MTPUT={kind},{number},{len(data)},{crc(data)}", data)

    def send_out(self, data: bytes) -> str:
        """Send bytes over the connection, with one command."""
        return self.upload(f"AT+MTSEND={len(data)},{crc(data)}", data)

    def receive(self, most: int) -> tuple[bytes, bool]:
        """One block, and whether the connection has ended."""
        whole = self.ask(f"AT+MTRECV={most}")
        found = _PAYLOAD.search(whole)
        assert found, whole
        data = whole[found.end() : found.end() + int(found[1])]
        fields = found[0].decode().strip().removeprefix("+MTRECV: ").split(",")
        assert fields[1] == (crc(data) if data else "00000000")
        assert whole[found.end() + len(data) :] == b"\r\nOK\r\n"
        return data, fields[2] == "1"


class TtyLine(Line):
    """The line of a pseudo-terminal."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def close(self) -> None:
        os.close(self._descriptor)

    def now(self) -> float:
        return time.monotonic()

    def send(self, data: bytes) -> None:
        deadline = time.monotonic() + PATIENCE
        while data:
            select.select([], [self._descriptor], [], max(0.0, deadline - time.monotonic()))
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                assert time.monotonic() < deadline, "the agent takes no more bytes"

    def _read(self, wait: float) -> bytes:
        ready, _, _ = select.select([self._descriptor], [], [], wait)
        if not ready:
            return b""
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return b""
        assert data, "the agent has hung up"
        return data


class Agent:
    """A running agent: ``with Agent("--wopen=0") as agent: agent.line.ask("AT")``.

    Leaving checks that it has ended in order, which the sanitizers have a say in.
    """

    def __init__(self, *options: str, target: str = "mtagent-host") -> None:
        program = built(target)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the agent has ended
        environment = {key: value for key, value in os.environ.items() if key != "MTAGENT_CARRIED"}
        self._process = subprocess.Popen(
            [program, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**environment, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"},
        )
        assert self._process.stdout is not None
        self.path = self._process.stdout.readline().decode().strip()
        if not self.path:
            self._process.wait()
            raise AssertionError(f"the agent did not start: {self.said()}")

    def said(self) -> str:
        """What it wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def __enter__(self) -> Self:
        self.line = TtyLine(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.line.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._process.stdout.close()
        said = self.said()
        self._errors.close()
        assert status == 0, f"the agent ended with {status}:\n{said}"
        assert not said, f"the agent complained:\n{said}"

    def ready(self) -> Line:
        """Its line, when it has started, without echo and with numbers of errors."""
        self.line.urc("+MTREADY")
        assert self.line.ask("ATE0").endswith(b"\r\nOK\r\n")
        assert self.line.say("AT+CMEE=1") == "OK"
        return self.line

    def online(self) -> Line:
        """The same with the bearer up."""
        line = self.ready()
        assert line.say('AT+MTNET=1,"internet"') == "OK"
        assert line.urc("+MTNET: 2,") == '+MTNET: 2,"192.0.2.78"'
        return line
