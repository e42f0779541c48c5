"""What came back, and how."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..policy import TlsEndpoint

__all__ = ["Response"]


@dataclass(frozen=True)
class Response:
    """A response with its body.

    ``headers``: ``None`` where the modem does not show them.  ``http``: ``"stream"`` or ``"modem"``, how
    it was served.  ``is_complete``: the body has the length that the server announced; ``None`` when the
    server announced none and ended it by closing, which a modem does not tell from a lost link.  ``tls``:
    ``"modem"`` or ``"host"``, where TLS ran; on the host the end of a body is known by the end of TLS.
    ``line_checked``: the bytes between modem and this computer were protected, by TLS on this computer or by
    the modem's own checksum.  Where it is false, a byte that flipped on that line would not show: status,
    headers and body are then as good as the line.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] | None
    body: bytes = field(repr=False)
    http: str
    model: str
    is_complete: bool | None = True
    content_type: str | None = None
    tls: TlsEndpoint = "modem"
    line_checked: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header field, or ``None``."""
        for key, value in self.headers or ():
            if key.lower() == name.lower():
                return value
        return None

    @property
    def text(self) -> str:
        """The body as text, by the charset of its content type, else UTF-8; bad bytes are replaced."""
        _, _, charset = (self.content_type or "").lower().partition("charset=")
        name = charset.split(";")[0].strip(" \"'") or "utf-8"
        try:
            return self.body.decode(name, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")
