"""Bodies as they go out and come in, whole or in parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from ..policy import TlsEndpoint
from .stream import Head

__all__ = ["AsyncStreamedResponse", "StreamedResponse", "given_body"]


def given_body(body: bytes | str | None) -> bytes:
    """The body of a request as bytes; text is UTF-8."""
    return b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)


@dataclass(frozen=True)
class StreamedResponse:
    """Status and headers are here; the body is read from the modem as it is taken.

    ``is_length_known``: the server announced where the body ends.  ``tls``: where TLS runs.
    ``line_checked``: the bytes between modem and this computer are protected, by TLS on this computer or by the
    modem's own checksum; false: a byte that flips on that line does not show.
    """

    head: Head = field(repr=False)
    model: str
    tls: TlsEndpoint
    line_checked: bool
    _next: Callable[[], bytes] = field(repr=False)

    @property
    def status(self) -> int:
        """The status code."""
        return self.head.status

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header fields."""
        return self.head.headers

    @property
    def is_length_known(self) -> bool:
        """A body that ends early is an error; without a length the end of the connection ends it."""
        return self.head.length_known

    def iter_bytes(self) -> Iterator[bytes]:
        """The body in the parts in which it arrives.

        :raises HttpError: it ends before its length.
        """
        while part := self._next():
            yield part

    def read(self) -> bytes:
        """The rest of the body."""
        return b"".join(self.iter_bytes())


@dataclass(frozen=True)
class AsyncStreamedResponse:
    """Status and headers are here; the body is read from the modem as it is taken.

    ``is_length_known``: the server announced where the body ends.  ``tls``: where TLS runs.
    ``line_checked``: the bytes between modem and this computer are protected, by TLS on this computer or by the
    modem's own checksum; false: a byte that flips on that line does not show.
    """

    head: Head = field(repr=False)
    model: str
    tls: TlsEndpoint
    line_checked: bool
    _next: Callable[[], Awaitable[bytes]] = field(repr=False)

    @property
    def status(self) -> int:
        """The status code."""
        return self.head.status

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header fields."""
        return self.head.headers

    @property
    def is_length_known(self) -> bool:
        """A body that ends early is an error; without a length the end of the connection ends it."""
        return self.head.length_known

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """The body in the parts in which it arrives.

        :raises HttpError: it ends before its length.
        """
        while part := await self._next():
            yield part

    async def read(self) -> bytes:
        """The rest of the body."""
        return b"".join([part async for part in self.iter_bytes()])
