"""What the HTTPS test server answers: its own targets, some of which end wrongly on purpose."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import socket
import ssl
import struct
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Handler", "HttpConnection", "Reply", "Request", "pattern"]

_MOST_BODY_BYTES = 16 * 1024 * 1024
_MOST_SECONDS_TO_SEND = 2.0
_RESET_DELAY_SECONDS = 0.1
_TEXT = "text/plain; charset=utf-8"


def pattern(count: int) -> bytes:
    """``count`` bytes that look random and are the same everywhere; a shorter one is a prefix."""
    return hashlib.shake_128(b"modemtls").digest(count) if count else b""


@dataclass(frozen=True)
class Request:
    """One request as it came; ``headers`` in their order, as written."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, in whatever case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Reply:
    """What a handler answers; Content-Length is added."""

    status: int = 200
    body: bytes = b""
    content_type: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Reply | None]
"""Answers a request; ``None`` leaves it to the server's own targets."""


class Owner(Protocol):
    """Who wants to know of requests, and may answer them."""

    def keep_request(self, request: Request) -> None:
        """A request came."""

    def answer(self, request: Request) -> Reply | None:
        """The answer to it, or ``None`` for the server's own."""


class OwnedServer(http.server.ThreadingHTTPServer):
    """A server that has an owner."""

    owner: Owner


def _wait_until_sent(sock: socket.socket) -> None:
    """Wait until the peer's side has everything: RST throws away what this host still queues."""
    end = time.monotonic() + _MOST_SECONDS_TO_SEND
    if fcntl is None:
        time.sleep(_RESET_DELAY_SECONDS)
        return
    while time.monotonic() < end:
        queued = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]
        if queued == 0:
            return
        time.sleep(0.001)


class HttpConnection(http.server.BaseHTTPRequestHandler):
    """One client's connection, after the handshake."""

    protocol_version = "HTTP/1.1"
    server_version = "modemtls-sim"
    sys_version = ""
    #: Head and body are two writes: the second would wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server: OwnedServer
    connection: ssl.SSLSocket

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the caller looks at the log."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._reply(Reply(413, b"too large\n"))
            return
        request = Request(self.command, self.path, tuple(self.headers.items()), body)
        self.server.owner.keep_request(request)
        reply = self.server.owner.answer(request)
        if reply is None:
            reply = self._own_target(request)
        if reply is not None:
            self._reply(reply)

    # The names are those that http.server looks for.
    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815

    def _body(self) -> bytes | None:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self._chunked_body()
        length = self.headers.get("Content-Length") or "0"
        if not (length.isascii() and length.isdigit()) or int(length) > _MOST_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def _chunked_body(self) -> bytes | None:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0], 16)
            except ValueError:
                return None
            if size < 0 or len(body) + size > _MOST_BODY_BYTES:
                return None
            if size == 0:
                while self.rfile.readline(65536).strip():
                    pass
                return bytes(body)
            body += self.rfile.read(size)
            self.rfile.readline(16)

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        empty = reply.status in (204, 304) or reply.status < 200
        if not empty:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not empty and self.command != "HEAD":
            self.wfile.write(reply.body)

    def _own_target(self, request: Request) -> Reply | None:
        path = urllib.parse.urlsplit(request.target).path
        word, *rest = path.strip("/").split("/")
        numbers = [int(part) for part in rest if part.isascii() and part.isdigit()]
        if len(numbers) != len(rest) or any(number > _MOST_BODY_BYTES for number in numbers):
            return Reply(404, f"there is no {path}\n".encode())
        match word, numbers:
            case "", []:
                return Reply(200, b"Hello from modemtls.\n")
            case "echo", []:
                return Reply(200, request.body, request.header("Content-Type") or "application/octet-stream")
            case "headers", []:
                lines = "".join(f"{name}: {value}\n" for name, value in request.headers)
                return Reply(200, lines.encode())
            case "bytes", [count]:
                return Reply(200, pattern(count), "application/octet-stream")
            case "status", [status] if 200 <= status <= 599:
                return Reply(status, f"{status}\n".encode())
            case "chunked", [count]:
                self._chunked(pattern(count))
            case "close", [count]:
                self._start(None)
                self._write(pattern(count))
            case (("cut" | "reset" | "short"), [count, sent]):
                self._start(count)
                self._write(pattern(min(count, sent)))
                self._break_off(word)
            case _:
                return Reply(404, f"there is no {path}\n".encode())
        return None

    def _start(self, length: int | None) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def _write(self, body: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunked(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(body), 4096):
            part = body[start : start + 4096]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _break_off(self, how: str) -> None:
        if how == "short":
            return
        if how == "reset":
            _wait_until_sent(self.connection)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
