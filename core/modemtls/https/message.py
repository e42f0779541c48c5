"""What is asked: URLs, header fields and request targets, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote as percent_encode
from urllib.parse import urlsplit

__all__ = ["Headers", "Url", "check_headers", "check_host", "check_request", "check_target", "parse_url"]

Headers = tuple[tuple[str, str], ...]

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class Url:
    """The parts of an ``https`` URL."""

    host: str
    port: int
    target: str


def parse_url(text: str) -> Url:
    """The parts of an ``https`` URL.

    :raises ValueError: it is not one, or has blanks, control characters or credentials in it.

    >>> parse_url("https://example.org/a?b=c")
    Url(host='example.org', port=443, target='/a?b=c')
    """
    if _CONTROL.search(text):
        raise ValueError("the URL has a blank or a control character in it")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the URL cannot be read: {error}") from None
    if parts.scheme.lower() != "https":
        began = f"begins with {parts.scheme!r}" if parts.scheme else "has no scheme"
        raise ValueError(f"the URL {began}: only https:// is done")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL has a user or a password in it: give an Authorization header instead")
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    host = check_host(parts.hostname or "")
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    return Url(host, port or 443, check_target(target))


def check_host(host: str) -> str:
    """``host`` when it is a host name or an IP address, in ASCII.

    :raises ValueError: it is neither.
    """
    try:
        if "%" not in host:  # a zone has no place in a URL, and may be any text
            return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not host.isascii():
        raise ValueError(f"the host name {host!a} is not ASCII: give its xn-- form")
    labels = host.removesuffix(".").split(".")
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{host!a} is not a host name")
    return host


def check_target(target: str) -> str:
    """The request target: path and query, what is not ASCII percent-encoded.

    :raises ValueError: it does not begin with ``/``, or has blanks or control characters in it.
    """
    if not target.startswith("/"):
        raise ValueError(f"the target {target[:40]!a} does not begin with /")
    if _CONTROL.search(target) or "#" in target:
        raise ValueError("the target has a blank, a control character or # in it")
    return percent_encode(target, safe="!$%&'()*+,-./:;=?@[]_~^`{|}")


def check_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> Headers:
    """Header fields as pairs.

    :raises ValueError: a name is no token, or a value has a line end or another control character.
    """
    if headers is None:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    checked = []
    for name, value in pairs:
        if not _TOKEN.fullmatch(name):
            # What follows may be a value, and that a secret: a header written in one piece is a usual mistake.
            begun = _TOKEN.match(name)
            raise ValueError(
                f"a header field has a name that is none: {f'{begun[0][:40]}…' if begun else 'it begins wrongly'}"
            )
        if not all(character == "\t" or " " <= character <= "~" for character in value):
            raise ValueError(
                f"the value of the header {name} has a line end, a control or a non-ASCII character"
            )
        checked.append((name, value.strip(" \t")))
    return tuple(checked)


def check_request(method: str, headers: Headers, body: bytes) -> None:
    """Refuse what would make the request end elsewhere than its body does.

    :raises ValueError: the method is no token, or a header says where the body ends and is not right.
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method[:60]!a} is not a method")
    names = [name.lower() for name, _ in headers]
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    if "transfer-encoding" in names or len(lengths) > 1 or any(value != str(len(body)) for value in lengths):
        raise ValueError("Content-Length and Transfer-Encoding are set by modemtls, from the body")
    if names.count("host") > 1:
        raise ValueError("the header Host can be given once")
