"""A stream to one server, whoever runs TLS on it: the modem (:class:`ModemWire`) or this computer.

A wire is given the modem's socket when it is opened.  Its methods are operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..driver import Driver
from ..errors import ModemError, NetworkError, Reason
from ..log import happened
from ..op import Now

if TYPE_CHECKING:
    from .host_errors import Peer
    from .host_tls import HostTls

__all__ = ["HostWire", "ModemWire", "Wire"]

_READ_BYTES = 65_536


class Wire(Protocol):
    """Bytes of the application to and from one server."""

    @property
    def was_cut(self) -> bool:
        """The connection ended, and TLS says that this was not to be the end."""

    async def open(self, socket: int, host: str, port: int, timeout: float) -> None:
        """Connect, and make the TLS handshake, within ``timeout`` seconds."""

    async def send(self, data: bytes) -> None:
        """Send all of ``data``."""

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Up to ``limit`` bytes; ``b""`` at the end; ``None`` after ``timeout`` seconds of silence."""

    async def farewell(self) -> None:
        """What is to be said before the socket is closed."""


class ModemWire:
    """TLS in the modem, by a security profile."""

    was_cut = False  # a modem does not tell

    def __init__(self, driver: Driver, security_profile: int) -> None:
        self._driver = driver
        self._profile = security_profile
        self._socket = 0

    async def open(self, socket: int, host: str, port: int, timeout: float) -> None:
        """Connect, with TLS in the modem."""
        self._socket = socket
        await self._driver.open_stream(socket, host, port, security_profile=self._profile, timeout=timeout)

    async def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        await self._driver.send_stream(self._socket, data)

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Up to ``limit`` bytes as the modem gives them."""
        return await self._driver.receive_stream(self._socket, limit, timeout)

    async def farewell(self) -> None:
        """The modem's business."""


class HostWire:
    """TLS on this computer, over a plain TCP stream of the modem's."""

    def __init__(self, driver: Driver, tls: HostTls, peer: Peer) -> None:
        self.tls = tls
        self._driver = driver
        self._peer = peer
        self._socket = 0
        self._is_whole = False
        """No record was left half sent, and the modem moves bytes: one more can go."""

    @property
    def was_cut(self) -> bool:
        """The connection ended, and the server's TLS did not say that this is the end."""
        return self.tls.was_cut

    async def open(self, socket: int, host: str, port: int, timeout: float) -> None:
        """Connect without TLS in the modem, and make the handshake here; both within ``timeout`` seconds.

        :raises NetworkError: no way to the server, or it is silent in the handshake.
        :raises TlsError: the handshake failed.
        """
        self._socket = socket
        deadline = await Now() + timeout
        await self._driver.open_stream(socket, host, port, security_profile=None, timeout=timeout)
        try:
            while not self.tls.handshake():
                await self._flush()
                remaining = deadline - await Now()
                data = None
                if remaining > 0:
                    data = await self._driver.receive_stream(socket, _READ_BYTES, remaining)
                if data is None:
                    raise NetworkError(
                        f"The TLS handshake with {self._peer} was not complete after {timeout:g} s.",
                        remedy="Look at the server and the signal.",
                        reasons={Reason.TIMEOUT},
                        model=self._peer.model,
                    )
                self.tls.feed(data)
            await self._flush()
        except ModemError as error:
            await self._send_alert()
            raise self._driver.comment(error) from None
        happened(
            "TLS is made on this computer",
            version=self.tls.version,
            cipher=self.tls.cipher,
            resumed=self.tls.was_resumed,
            received_bytes=self.tls.received_bytes,
            sent_bytes=self.tls.sent_bytes,
        )

    async def send(self, data: bytes) -> None:
        """Send all of ``data``.

        :raises NetworkError: the connection is lost.
        :raises TlsError: the server ended TLS by an alert, which says more than the loss does.
        """
        self.tls.write(data)
        try:
            await self._flush()
        except NetworkError:
            # From TLS 1.3 on, a client certificate is refused when this side takes the handshake for complete.
            await self.receive(1, 0)
            raise

    async def receive(self, limit: int, timeout: float) -> bytes | None:
        """Up to ``limit`` bytes; ``b""`` at the end, and then ``was_cut`` says how it came.

        Each byte of the wire counts as a sign of life, but what never becomes one of the application's is bounded.

        :raises TlsError: a record failed, or the server sent an alert.
        """
        deadline = await Now() + timeout
        try:
            while True:
                data = self.tls.read(limit)
                if data is not None:
                    return data
                await self._flush()  # an answer to new keys, for one
                came = await self._driver.receive_stream(
                    self._socket, _READ_BYTES, max(0.0, deadline - await Now())
                )
                if came is None:
                    return None
                self.tls.feed(came)
                deadline = await Now() + timeout
        except ModemError as error:
            await self._send_alert()
            raise self._driver.comment(error) from None

    async def farewell(self) -> None:
        """The end of TLS, so that the server knows that nothing was cut off."""
        if self._is_whole and not self.tls.has_ended and not self.tls.was_cut:
            self.tls.farewell()
            await self._send_alert()

    async def _flush(self) -> None:
        data = self.tls.outgoing()
        if not data:
            return
        self._is_whole = False
        await self._driver.send_stream(self._socket, data)
        self._is_whole = True

    async def _send_alert(self) -> None:
        """Send what OpenSSL left for the server; it is told if it can be."""
        if not self._is_whole:
            return
        try:
            await self._flush()
        except ModemError as error:
            happened("the server could not be told of the end of TLS", because=str(error))
        self._is_whole = False
