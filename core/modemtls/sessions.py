"""HTTPS sessions as applications hold them: blocking and awaited, with the same methods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .errors import ModemError
from .https.body import AsyncStreamedResponse, StreamedResponse, given_body
from .https.message import check_headers, check_target
from .https.response import Response
from .policy import TlsEndpoint

if TYPE_CHECKING:
    from .driver import Progress
    from .https.session import SessionOperations
    from .modem import AsyncModem, Modem

__all__ = ["AsyncHttpsSession", "HttpsSession"]

HeadersGiven = Mapping[str, str] | Iterable[tuple[str, str]] | None


class HttpsSession:
    """A session with one HTTPS server.  The connection is made by the first request and kept."""

    def __init__(self, modem: Modem, operations: SessionOperations) -> None:
        self._modem = modem
        self._session = operations

    @property
    def tls(self) -> TlsEndpoint:
        """Where TLS runs: ``"modem"`` or ``"host"``."""
        return self._session.tls

    def check(
        self,
        method: str,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        body: bytes | str | None = None,
    ) -> None:
        """Raise what such a request would raise before a byte is sent; ask the modem nothing.

        :raises Unsupported: the modem's own HTTP client cannot do it.
        :raises ValueError: ``target`` or ``headers`` cannot be sent.
        """
        check_target(target)
        self._session.check(method.upper(), check_headers(headers), given_body(body))

    def request(
        self,
        method: str,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        body: bytes | str | None = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """Send a request and read the whole response.

        ``progress`` is called with bytes done and bytes in all: of the body that is sent, or else of the one that
        comes; ``timeout``: seconds of the server's silence.

        :raises CredentialError: there is nothing to verify the server against.
        :raises NetworkError: no way to the server, or it is silent.
        :raises TlsError: the handshake failed; :class:`CertificateError` when the certificate was refused.
        :raises HttpError: the response is malformed, too large, or ends before its length.
        :raises ValueError: ``target`` or ``headers`` cannot be sent.
        """
        return self._modem._run(
            self._session.request(
                method.upper(),
                check_target(target),
                check_headers(headers),
                given_body(body),
                timeout=timeout,
                progress=progress,
            )
        )

    def get(
        self,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """GET; see :meth:`request`."""
        return self.request("GET", target, headers=headers, timeout=timeout, progress=progress)

    def head(
        self, target: str = "/", *, headers: HeadersGiven = None, timeout: float | None = None
    ) -> Response:
        """HEAD; see :meth:`request`."""
        return self.request("HEAD", target, headers=headers, timeout=timeout)

    def delete(
        self, target: str = "/", *, headers: HeadersGiven = None, timeout: float | None = None
    ) -> Response:
        """DELETE; see :meth:`request`."""
        return self.request("DELETE", target, headers=headers, timeout=timeout)

    def post(
        self,
        target: str = "/",
        body: bytes | str = b"",
        *,
        headers: HeadersGiven = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """POST; see :meth:`request`."""
        return self.request("POST", target, headers=headers, body=body, timeout=timeout, progress=progress)

    def put(
        self,
        target: str = "/",
        body: bytes | str = b"",
        *,
        headers: HeadersGiven = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """PUT; see :meth:`request`."""
        return self.request("PUT", target, headers=headers, body=body, timeout=timeout, progress=progress)

    @contextmanager
    def stream(
        self,
        method: str,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        body: bytes | str | None = None,
        timeout: float | None = None,
    ) -> Iterator[StreamedResponse]:
        """Send a request; the body is read as it is taken.  Only over the stream.

        What is not read when the block ends is dropped, and the connection with it.
        """
        head = self._modem._run(
            self._session.start(
                method.upper(),
                check_target(target),
                check_headers(headers),
                given_body(body),
                timeout=timeout,
            )
        )
        ended = False

        def following() -> bytes:
            nonlocal ended
            if ended:
                return b""
            data = self._modem._run(self._session.read(head, timeout=timeout))
            ended = not data
            return data

        try:
            yield StreamedResponse(
                head, self._modem.model.name, self.tls, self._session.line_checked, following
            )
        finally:
            if not ended:
                self._modem._run(self._session.drop(head))

    def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if not self._modem._closed:
            self._modem._run(self._session.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_after(error)

    def _close_after(self, error: BaseException | None) -> None:
        """Close; after an error, that error is what counts, not one of closing."""
        try:
            self.close()
        except ModemError:
            if error is None:
                raise


class AsyncHttpsSession:
    """A session with one HTTPS server.  The connection is made by the first request and kept."""

    def __init__(self, modem: AsyncModem, operations: SessionOperations) -> None:
        self._modem = modem
        self._session = operations

    @property
    def tls(self) -> TlsEndpoint:
        """Where TLS runs: ``"modem"`` or ``"host"``."""
        return self._session.tls

    def check(
        self,
        method: str,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        body: bytes | str | None = None,
    ) -> None:
        """Raise what such a request would raise before a byte is sent; ask the modem nothing.

        :raises Unsupported: the modem's own HTTP client cannot do it.
        :raises ValueError: ``target`` or ``headers`` cannot be sent.
        """
        check_target(target)
        self._session.check(method.upper(), check_headers(headers), given_body(body))

    async def request(
        self,
        method: str,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        body: bytes | str | None = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """Send a request and read the whole response.

        ``progress`` is called with bytes done and bytes in all: of the body that is sent, or else of the one that
        comes; ``timeout``: seconds of the server's silence.

        :raises CredentialError: there is nothing to verify the server against.
        :raises NetworkError: no way to the server, or it is silent.
        :raises TlsError: the handshake failed; :class:`CertificateError` when the certificate was refused.
        :raises HttpError: the response is malformed, too large, or ends before its length.
        :raises ValueError: ``target`` or ``headers`` cannot be sent.
        """
        return await self._modem._run(
            self._session.request(
                method.upper(),
                check_target(target),
                check_headers(headers),
                given_body(body),
                timeout=timeout,
                progress=progress,
            )
        )

    async def get(
        self,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """GET; see :meth:`request`."""
        return await self.request("GET", target, headers=headers, timeout=timeout, progress=progress)

    async def head(
        self, target: str = "/", *, headers: HeadersGiven = None, timeout: float | None = None
    ) -> Response:
        """HEAD; see :meth:`request`."""
        return await self.request("HEAD", target, headers=headers, timeout=timeout)

    async def delete(
        self, target: str = "/", *, headers: HeadersGiven = None, timeout: float | None = None
    ) -> Response:
        """DELETE; see :meth:`request`."""
        return await self.request("DELETE", target, headers=headers, timeout=timeout)

    async def post(
        self,
        target: str = "/",
        body: bytes | str = b"",
        *,
        headers: HeadersGiven = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """POST; see :meth:`request`."""
        return await self.request(
            "POST", target, headers=headers, body=body, timeout=timeout, progress=progress
        )

    async def put(
        self,
        target: str = "/",
        body: bytes | str = b"",
        *,
        headers: HeadersGiven = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """PUT; see :meth:`request`."""
        return await self.request(
            "PUT", target, headers=headers, body=body, timeout=timeout, progress=progress
        )

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        target: str = "/",
        *,
        headers: HeadersGiven = None,
        body: bytes | str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Send a request; the body is read as it is taken.  Only over the stream.

        What is not read when the block ends is dropped, and the connection with it.
        """
        head = await self._modem._run(
            self._session.start(
                method.upper(),
                check_target(target),
                check_headers(headers),
                given_body(body),
                timeout=timeout,
            )
        )
        ended = False

        async def following() -> bytes:
            nonlocal ended
            if ended:
                return b""
            data = await self._modem._run(self._session.read(head, timeout=timeout))
            ended = not data
            return data

        try:
            yield AsyncStreamedResponse(
                head, self._modem.model.name, self.tls, self._session.line_checked, following
            )
        finally:
            if not ended:
                await self._modem._run(self._session.drop(head))

    async def close(self) -> None:
        """End the connection; the next request makes a new one."""
        if not self._modem._closed:
            await self._modem._run(self._session.close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close_after(error)

    async def _close_after(self, error: BaseException | None) -> None:
        """Close; after an error, that error is what counts, not one of closing."""
        try:
            await self.close()
        except ModemError:
            if error is None:
                raise
