"""An HTTP/1.1 client for modems that have one of their own: real requests on a simulated connection.

:class:`HttpClient` lives on one open :class:`~modemtls.sim.network.Connection` and makes one request after
another.  A response that ends before its length, or that a connection without an orderly end leaves open,
is a failure and never a short body.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from .network import Connection

__all__ = ["HttpAnswer", "HttpClient", "HttpFault"]


class HttpFault(enum.Enum):
    """Why there is no response."""

    EMPTY = "the server closed without a response"
    TRUNCATED = "the body ended before its length"
    LOST = "the connection was lost"
    MALFORMED = "the response is not HTTP/1.1"
    TOO_LARGE = "the body is larger than the modem's memory"


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response.  ``announced`` is its Content-Length, ``None`` where it has none."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    announced: int | None
    keeps_open: bool

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name.lower()), None)


class HttpClient:
    """HTTP/1.1 on one connection; ``max_body`` bytes fit into the modem's memory."""

    def __init__(self, connection: Connection, max_body: int) -> None:
        self.connection = connection
        self.max_body = max_body
        self._state = h11.Connection(h11.CLIENT)
        self._response: h11.Response | None = None
        self._body = bytearray()
        self._heard = False
        self._start = b""
        self._eof = False
        self._waiting = False

    @property
    def is_waiting(self) -> bool:
        """A request is under way."""
        return self._waiting

    @property
    def heard(self) -> bool:
        """Bytes of the response have come."""
        return self._heard

    @property
    def is_usable(self) -> bool:
        """Another request can be made on the connection."""
        return (
            not self._waiting
            and not self._eof
            and self.connection.state.name == "OPEN"
            and self._state.our_state is h11.IDLE
        )

    def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b""
    ) -> None:
        """Send a request.

        :raises ValueError: method, target or a header is not legal in HTTP/1.1.
        """
        try:
            request = h11.Request(method=method, target=target, headers=list(headers))
            head = self._state.send(request) or b""
            sent = head + (self._state.send(h11.Data(data=body)) or b"" if body else b"")
            sent += self._state.send(h11.EndOfMessage()) or b""
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise ValueError(str(error)) from None
        self._waiting = True
        self._heard = False
        self._start = b""
        self._response = None
        self._body.clear()
        self.connection.send(sent)

    def progress(self) -> HttpAnswer | HttpFault | None:
        """The response when it is complete, why there is none, or ``None`` while it is under way."""
        if not self._waiting:
            return None
        try:
            found = self._progress()
        except h11.RemoteProtocolError:
            found = self._broken()
        if found is not None:
            self._waiting = False
        return found

    def _broken(self) -> HttpFault:
        if self._eof and self._response is not None:
            return HttpFault.TRUNCATED
        if self._eof and not self._heard:
            return HttpFault.EMPTY
        is_http = self._start.startswith(b"HTTP/1.")
        return HttpFault.LOST if self._eof and is_http else HttpFault.MALFORMED

    def _progress(self) -> HttpAnswer | HttpFault | None:
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                data = self.connection.receive(65536)
                if data:
                    self._heard = True
                    self._start += data[: 16 - len(self._start)] if len(self._start) < 16 else b""
                    self._state.receive_data(data)
                elif self.connection.state.name != "CLOSED":
                    return None
                elif self._eof:
                    return HttpFault.LOST
                else:
                    self._eof = True
                    if self._has_length() or self.connection.clean_close or not self._heard:
                        self._state.receive_data(b"")
                    else:
                        return HttpFault.LOST
            elif isinstance(event, h11.Response):
                self._response = event
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self.max_body:
                    return HttpFault.TOO_LARGE
            elif isinstance(event, h11.EndOfMessage):
                return self._complete()
            elif isinstance(event, h11.ConnectionClosed):
                return HttpFault.EMPTY if not self._heard else HttpFault.LOST
            elif event is h11.PAUSED:
                return HttpFault.MALFORMED

    def _has_length(self) -> bool:
        if self._response is None:
            return False
        names = {bytes(name) for name, _ in self._response.headers}
        return bool(names & {b"content-length", b"transfer-encoding"})

    def _complete(self) -> HttpAnswer:
        assert self._response is not None
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in self._response.headers)
        length = dict(headers).get("content-length")
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
        return HttpAnswer(
            status=self._response.status_code,
            headers=headers,
            body=bytes(self._body),
            announced=int(length) if length is not None else None,
            keeps_open=self._state.our_state is h11.IDLE,
        )
