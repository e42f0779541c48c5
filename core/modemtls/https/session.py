"""One session: a host, a policy, where TLS runs, and the way that requests take.

Everything is settled before a byte is sent: the policy against what the modem enforces, what its own HTTP
client cannot do, the security profile, the trust anchor.  A profile that differs from the policy is corrected
before use.  After a failure the modem is asked for what explains it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..diagnose import explain
from ..driver import Progress
from ..endpoint import choose, of_the_host_only
from ..errors import CertificateError, HttpError, ModemError, Reason, TlsError, Unsupported
from ..leases import Turn
from ..model import Capability, HttpRequest
from ..policy import Check, TlsEndpoint, TlsProfile, VerifyPolicy, resolve
from ..source import NOTHING_OF_ITS_OWN, OwnCredentials
from .limits import check_limits
from .message import Headers, check_request
from .preparation import Preparation
from .response import Response
from .stream import Head, StreamConnection
from .wire import ModemWire, Wire

if TYPE_CHECKING:
    from ..operations import Operations
    from .host_side import HostSide

__all__ = ["HttpWay", "SessionOperations"]

HttpWay = Literal["stream", "modem"]


class SessionOperations:
    """The operations of an HTTPS session; the facades run them.

    ``profile`` uses that security profile of the modem as it stands, and sends nothing to change it.  ``own``
    are credentials of this session alone, which only TLS on the host can use.
    """

    def __init__(
        self,
        modem: Operations,
        host: str,
        port: int,
        policy: VerifyPolicy,
        *,
        http: HttpWay = "stream",
        tls: TlsEndpoint | None = None,
        own: OwnCredentials = NOTHING_OF_ITS_OWN,
        profile: int | None = None,
        max_body: int = 2**26,
        timeout: float | None = None,
        explain: bool | None = None,
    ) -> None:
        self.modem = modem
        self._explains = modem.settings.explain if explain is None else explain
        self.host = host
        self.port = port
        self.http = http
        policy = policy.accepting(modem.settings.accept_gaps)
        self._profile = profile
        self._number = modem.security_profile if profile is None else profile
        self._max_body = max_body
        self._timeout = modem.resolved.limits.response_timeout if timeout is None else timeout
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65_536:
            raise ValueError(f"{port!a:.40} is not a port: it is a whole number from 1 to 65535")
        if http not in ("stream", "modem"):
            raise ValueError(f"http is {str(http)[:40]!a}: it may be 'stream' or 'modem'")
        capabilities = modem.resolved.capabilities
        self.tls = choose(
            tls, modem.settings.tls, capabilities, http=http, profile=profile, model=modem.model.name
        )
        self._tls: TlsProfile | None = None
        self._host: HostSide | None = None
        self._turn = Turn(modem.channel, "this session")
        self._stream: StreamConnection | None = None
        self._head: Head | None = None
        if self.tls == "host":
            from .host_side import HostSide

            self._host = HostSide(modem, host, port, policy, own)
        elif own:
            raise of_the_host_only(modem.model.name)
        elif profile is None:
            self._tls = resolve(
                policy,
                modem.resolved.enforcement,
                host=host,
                model=modem.model.name,
                has_way_out=Capability.TCP_STREAM in capabilities,
            )
        self._before = Preparation(modem, http, self._tls, self._number, insecure=policy.is_insecure)

    @property
    def line_checked(self) -> bool:
        """What the line between modem and this computer does to a byte of a response is noticed."""
        if self.tls == "host":
            return True
        return self.http == "stream" and Capability.CHECKED_STREAM in self.modem.resolved.capabilities

    # Requests.

    async def request(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """Send a request and read the whole response."""
        if self.http == "modem":
            return await self._by_modem(method, target, headers, body, timeout or self._timeout, progress)
        head = await self.start(
            method, target, headers, body, timeout=timeout, progress=progress if body else None
        )
        parts = []
        total = _length(head)
        done = 0
        while part := await self.read(head, timeout=timeout):
            parts.append(part)
            done += len(part)
            if progress is not None and not body:
                await self._tell(progress, done, max(total, done))
        return self._response(head, b"".join(parts))

    async def _tell(self, progress: Progress, done: int, total: int) -> None:
        try:
            progress(done, total)
        except BaseException as error:
            await self._abandon(error)
            raise

    async def start(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Head:
        """Send a request over the stream and wait for status and headers; then :meth:`read` the body.

        :raises Unsupported: the session goes by the modem's own client, which gives bodies whole.
        """
        if self.http != "stream":
            raise Unsupported(
                f"The HTTP client of {self.modem.model.name} gives a body whole: it cannot be streamed."
                " Nothing was sent.",
                remedy='Use the stream (http="stream"), or request() instead.',
                reasons={Reason.NOT_SUPPORTED},
                model=self.modem.model.name,
            )
        self.check(method, headers, body)
        wait = timeout or self._timeout
        await self._turn.take(wait)
        try:
            stream = await self._connected()
            await stream.send(method, target, headers, body, progress)
            self._head = await stream.head(wait)
        except BaseException as error:
            await self._abandon(error)
            raise
        return self._head

    async def read(self, head: Head, *, timeout: float | None = None) -> bytes:
        """The next part of the body that belongs to ``head``; ``b""`` at its end.

        :raises HttpError: the session was closed, or failed, before the end.
        """
        stream = self._stream
        if stream is None or self._head is not head:
            raise HttpError(
                f"The connection to {self.host}:{self.port} was closed before the body was read to its end.",
                remedy="Ask again, and read the body before the session is closed.",
                reasons={Reason.INCOMPLETE_BODY},
                model=self.modem.model.name,
            )
        try:
            data = await stream.read(timeout or self._timeout)
        except BaseException as error:
            await self._abandon(error)
            raise
        if not data:
            self._head = None
            self._turn.give()
            if not stream.is_reusable:
                self._stream = None
                await stream.close()
        return data

    async def drop(self, head: Head) -> None:
        """End the connection when the body of ``head`` is still under way on it."""
        if self._head is head:
            await self.close()

    async def close(self) -> None:
        """End the connection, whatever is under way on it."""
        stream, self._stream, self._head = self._stream, None, None
        self._turn.give()
        if stream is not None:
            await self._end(stream)
        if self.modem.leases.http_user is self:
            await self.modem.exclusively(self._hang_up())

    async def _end(self, stream: StreamConnection) -> None:
        """Close a connection; what an interruption leaves of that is done before the next operation."""
        try:
            await stream.close()
        except BaseException:
            self.modem.owe(stream.close)
            raise

    async def _hang_up(self) -> None:
        """End the connection of the modem's HTTP client, unless somebody else uses it by now."""
        if self.modem.leases.http_user is self:
            self.modem.leases.http_user = None
            await self.modem.driver.http_disconnect(self.modem.http_profile)

    # The two ways.

    async def _connected(self) -> StreamConnection:
        """A connection that is ready for a request: the last one if it lives, else a new one."""
        stream = self._stream
        if stream is not None and self._head is None and await stream.is_alive():
            return stream
        if stream is not None:
            self._stream = None
            await self._end(stream)
        if self._host is not None:
            return await self._connect(await self._host.wire())
        return await self.modem.exclusively(self._connect_by_modem())

    async def _connect_by_modem(self) -> StreamConnection:
        await self._before.make()
        return await self._connect(ModemWire(self.modem.driver, self._number))

    async def _connect(self, wire: Wire) -> StreamConnection:
        stream = StreamConnection(
            self.modem.driver, self.modem.leases, wire, self.host, self.port, max_body=self._max_body
        )
        self._stream, self._head = stream, None
        try:
            await stream.open(self.modem.resolved.limits.connect_timeout)
        except ModemError as error:
            raise await self._explained(error) from None
        await self._confirm()
        return stream

    async def _by_modem(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        timeout: float,
        progress: Progress | None,
    ) -> Response:
        self.check(method, headers, body)
        return await self.modem.exclusively(
            self._asked_of_modem(method, target, headers, body, timeout, progress)
        )

    async def _asked_of_modem(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        timeout: float,
        progress: Progress | None,
    ) -> Response:
        await self._before.make()
        request = HttpRequest(method, self.host, self.port, target, headers, body, timeout, self._max_body)
        sent: list[bool] = []
        driver = self.modem.driver
        self.modem.leases.http_user = self
        try:
            reply = await driver.http_request(
                self.modem.http_profile,
                request,
                security_profile=self._number,
                sent=lambda: sent.append(True),
                progress=progress,
            )
        except ModemError as error:
            self._before.forget()  # the network may be what is missing
            self.modem.owe(self._hang_up)
            if isinstance(error, HttpError):
                error.request_sent = bool(sent)
            raise await self._explained(error) from None
        except BaseException:
            self.modem.owe(self._hang_up)
            raise
        await self._confirm()
        return Response(
            reply.status, "", reply.headers, reply.body, "modem", self.modem.model.name,
            content_type=reply.content_type, line_checked=self.line_checked,
        )  # fmt: skip

    def _response(self, head: Head, body: bytes) -> Response:
        content_type = next((v for n, v in head.headers if n.lower() == "content-type"), None)
        is_end_known = head.length_known or self.tls == "host"
        return Response(
            head.status, head.reason, head.headers, body, "stream", self.modem.model.name,
            is_complete=True if is_end_known else None, content_type=content_type, tls=self.tls,
            line_checked=self.line_checked,
        )  # fmt: skip

    def check(self, method: str, headers: Headers, body: bytes) -> None:
        """Raise what a request would raise before a byte is sent."""
        check_request(method, headers, body)
        if self.http == "modem":
            check_limits(self.modem.resolved.limits, self.modem.model.name, method, headers, body)

    # After.

    async def _confirm(self) -> None:
        """The trust set has carried a handshake; one that was not verified proves nothing of it."""
        if self._tls is not None and Check.CHAIN in self._tls.checks:
            await self.modem.store.confirm()

    async def _explained(self, error: ModemError) -> ModemError:
        if not self._explains or not isinstance(error, TlsError | CertificateError):
            return error
        if self._host is not None:
            return error  # what is in the modem has no part in it
        modem = self.modem
        return await explain(
            modem.driver, error, self._number, modem.store.described, modem.journal, self.host
        )

    async def _abandon(self, error: BaseException) -> None:
        """The connection is not usable any more: close it now, or later when this was a cancellation."""
        stream, self._stream, self._head = self._stream, None, None
        self._turn.give()
        if stream is None:
            return
        if isinstance(error, ModemError):
            try:
                await stream.close()
            except ModemError:
                self.modem.owe(stream.close)
        else:
            self.modem.owe(stream.close)


def _length(head: Head) -> int:
    value = next((v for n, v in head.headers if n.lower() == "content-length"), "")
    return int(value) if value.isdecimal() else 0
