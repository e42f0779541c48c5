"""What a modem's own HTTP client cannot do, said before a byte is sent."""

from __future__ import annotations

from ..errors import Reason, Unsupported
from ..model import Limits
from .message import Headers

__all__ = ["check_limits"]

_OWN = frozenset({"content-length", "host"})


def check_limits(limits: Limits, model: str, method: str, headers: Headers, body: bytes) -> None:
    """Refuse a request that is beyond the client's limits.

    :raises Unsupported: it has another method, more or longer headers, or a larger body than the client takes.
    """
    counted = [pair for pair in headers if not (body and pair[0].lower() == "content-type")]
    size = max((len(f"{name}: {value}") for name, value in counted), default=0)
    own = next((name for name, _ in headers if name.lower() in _OWN), "")
    for exceeded, words in (
        (
            method not in limits.http_methods,
            f"the method {method} (it can {', '.join(sorted(limits.http_methods))})",
        ),
        (own, f"a header {own} of yours: it sets that one"),
        (body and method in ("GET", "HEAD", "DELETE"), f"a body with {method}"),
        (
            limits.max_http_headers is not None and len(counted) > limits.max_http_headers,
            f"{len(counted)} headers (it takes {limits.max_http_headers})",
        ),
        (
            limits.max_http_header_bytes is not None and size > limits.max_http_header_bytes,
            f"a header of {size} bytes",
        ),
        (
            limits.max_http_upload_bytes is not None and len(body) > limits.max_http_upload_bytes,
            f"a body of {len(body)} bytes (it takes {limits.max_http_upload_bytes})",
        ),
    ):
        if exceeded:
            raise Unsupported(
                f"The HTTP client of {model} cannot do {words}. Nothing was sent.",
                remedy='Use the stream: http="stream", --http stream.',
                reasons={Reason.NOT_SUPPORTED},
                model=model,
            )
