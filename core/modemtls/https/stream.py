"""HTTP/1.1 over a TLS stream through the modem: h11 knows the protocol, the wire moves the bytes.

One connection at a time, kept alive for the next request when both sides allow it.  A body that ends before
its length is an error whatever the modem says; one without a length ends with the connection, and whether
that was orderly no modem tells.  TLS on this computer does tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h11

from ..driver import Driver, Progress
from ..errors import Certainty, HttpError, NetworkError, Reason
from ..leases import Leases
from ..op import Now
from .message import Headers
from .wire import Wire

__all__ = ["Head", "StreamConnection"]

SEND_CHUNK = 16_384
MAX_HEAD_BYTES = 65_536
MAX_INFORMATIONAL = 16
"""Informational responses (100, 103) before the final one; a server that sends more never comes to it."""


@dataclass(frozen=True)
class Head:
    """Status and headers of a response; ``length_known`` says how its body ends."""

    status: int
    reason: str
    headers: Headers
    length_known: bool


class StreamConnection:
    """A connection of the modem's, and the HTTP state on it.  The methods are operations."""

    def __init__(
        self, driver: Driver, leases: Leases, wire: Wire, host: str, port: int, *, max_body: int
    ) -> None:
        self._driver = driver
        self._wire = wire
        self._leases = leases
        self._socket = 0
        self._host = host
        self._port = port
        self._max_body = max_body
        self._method = ""
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._received = 0
        self.is_open = False
        self.request_sent = False

    @property
    def is_reusable(self) -> bool:
        """The last response is complete, nothing came after it, and both sides keep the connection."""
        return (
            self.is_open
            and self._leases.holds(self._socket, self)
            and self._h11.our_state is h11.IDLE
            and self._h11.their_state is h11.IDLE
            and not self._h11.trailing_data[0]
        )

    async def open(self, timeout: float) -> None:
        """Connect, TLS included."""
        self._socket = await self._leases.socket(self)
        self.is_open = True  # from here on there is something to close, whatever happens
        await self._wire.open(self._socket, self._host, self._port, timeout)

    async def is_alive(self) -> bool:
        """Nothing says that the other side has closed; asks the modem nothing."""
        return self.is_reusable and await self._wire.receive(1, 0) is None

    async def send(
        self, method: str, target: str, headers: Headers, body: bytes, progress: Progress | None
    ) -> None:
        """Send a whole request."""
        self._received = 0
        self._method = method
        try:
            request = h11.Request(method=method, target=target, headers=self._headers(method, headers, body))
            head = self._h11.send(request) or b""
        except h11.LocalProtocolError as error:
            raise ValueError(f"the request cannot be sent: {error}") from None
        self.request_sent = True
        first = body[: max(0, SEND_CHUNK - len(head))]
        data = head + (self._h11.send(h11.Data(data=first)) or b"" if first else b"")
        await self._wire.send(data)
        done = len(first)
        if progress is not None and done:
            progress(done, len(body))
        for part in _slices(body[done:]):
            await self._wire.send(self._h11.send(h11.Data(data=part)) or b"")
            done += len(part)
            if progress is not None:
                progress(done, len(body))
        end = self._h11.send(h11.EndOfMessage()) or b""
        if end:
            await self._wire.send(end)

    async def head(self, timeout: float) -> Head:
        """Wait for the final status and headers; informational responses are passed over."""
        for _ in range(MAX_INFORMATIONAL + 1):
            event = await self._event(timeout)
            if isinstance(event, h11.InformationalResponse):
                continue
            if isinstance(event, h11.Response):
                pairs = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers)
                names = {name.lower() for name, _ in pairs}
                bodiless = self._method == "HEAD" or event.status_code in (204, 304)
                if not bodiless:
                    self._check_announced(pairs)
                known = bodiless or bool(names & {"content-length", "transfer-encoding"})
                return Head(event.status_code, event.reason.decode("latin-1"), pairs, known)
            raise self._malformed(f"expected a response, got {type(event).__name__}")
        raise HttpError(
            f"{self._host}:{self._port} sent more than {MAX_INFORMATIONAL} informational responses and no final one.",
            remedy="Check host and port: this is no usual server. The request was sent.",
            reasons={Reason.LIMIT_EXCEEDED, Reason.MALFORMED_RESPONSE},
            model=self._driver.model.name,
        )

    async def read(self, timeout: float) -> bytes:
        """The next part of the body; ``b""`` at its end, when the connection may be used again."""
        while True:
            event = await self._event(timeout)
            if isinstance(event, h11.Data):
                self._received += len(event.data)
                if self._received > self._max_body:
                    raise self._too_large(self._received)
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage):
                if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
                    self._h11.start_next_cycle()
                return b""
            raise self._malformed(f"expected a body, got {type(event).__name__}")

    async def close(self) -> None:
        """Close the connection, if there is one and the socket is not somebody else's by now."""
        if self.is_open and self._leases.holds(self._socket, self):
            await self._wire.farewell()
            await self._driver.close_stream(self._socket)
            self._leases.give_back(self._socket)
        self.is_open = False

    def _headers(self, method: str, headers: Headers, body: bytes) -> list[tuple[str, str]]:
        given = {name.lower() for name, _ in headers}
        host = f"[{self._host}]" if ":" in self._host else self._host
        own = [("Host", host if self._port == 443 else f"{host}:{self._port}")]
        if "user-agent" not in given:
            own.append(("User-Agent", "modemtls"))
        if "accept" not in given:
            own.append(("Accept", "*/*"))
        if (body or method in ("POST", "PUT", "PATCH")) and "content-length" not in given:
            own.append(("Content-Length", str(len(body))))
        return [*(pair for pair in own if pair[0].lower() not in given), *headers]

    async def _event(self, timeout: float) -> h11.Event:
        deadline = await Now() + timeout
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                if self._h11.trailing_data[1] or "complete message" in str(error):
                    raise self._incomplete() from None
                raise self._malformed(str(error)) from None
            if not isinstance(event, type):
                return event
            if event is h11.PAUSED:
                raise self._malformed("it goes on after the end of its response")
            remaining = deadline - await Now()
            data = None
            if remaining > 0:
                data = await self._wire.receive(65_536, remaining)
            if data is None:
                raise NetworkError(
                    f"{self._host}:{self._port} sent nothing for {timeout:g} s.",
                    remedy="Look at the server and the signal. The request was sent: ask again only what may be"
                    " done twice.",
                    reasons={Reason.TIMEOUT},
                    model=self._driver.model.name,
                )
            if not data and self._wire.was_cut:
                raise self._incomplete()
            self._h11.receive_data(data)
            deadline = await Now() + timeout

    def _check_announced(self, headers: Headers) -> None:
        for name, value in headers:
            if name.lower() == "content-length" and value.isdecimal() and int(value) > self._max_body:
                raise self._too_large(int(value))

    def _incomplete(self) -> HttpError:
        return HttpError(
            f"{self._host}:{self._port} closed the connection before the response was whole;"
            f" {self._received} bytes of the body came.",
            remedy="Try again; what came is not whole. The request was sent.",
            reasons={Reason.INCOMPLETE_BODY, Reason.CONNECTION_LOST},
            certainty=Certainty.DERIVED,
            model=self._driver.model.name,
        )

    def _malformed(self, why: str) -> HttpError:
        return HttpError(
            f"{self._host}:{self._port} does not answer in HTTP/1.1: {why[:200]}.",
            remedy="Check the port: another service may be there.",
            reasons={Reason.MALFORMED_RESPONSE},
            model=self._driver.model.name,
        )

    def _too_large(self, size: int) -> HttpError:
        return HttpError(
            f"The body has {size} bytes or more; {self._max_body} are allowed.",
            remedy="Allow more with max_body, or ask for less.",
            reasons={Reason.LIMIT_EXCEEDED},
            model=self._driver.model.name,
        )


def _slices(data: bytes) -> Iterator[bytes]:
    return (data[start : start + SEND_CHUNK] for start in range(0, len(data), SEND_CHUNK))
