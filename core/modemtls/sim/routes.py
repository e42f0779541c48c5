"""Where a simulated modem's network leads: names, the loopback, and nothing else unless asked for.

Order: a :class:`Route` first; then what always means this host (``localhost``, ``*.test``, loopback
addresses); then, with reach ``"host"``, the host's own resolver.  With reach ``"loopback"`` the target
of a route is checked too, so that a simulated modem cannot send a byte off the machine by accident.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal

from .problems import Failure, Problem

__all__ = ["LOOPBACK", "Reach", "Route", "find_targets", "parse_map"]

LOOPBACK = "127.0.0.1"

Reach = Literal["loopback", "host"]


@dataclass(frozen=True)
class Route:
    """Connections to ``host:port`` lead to ``to_host:to_port``.

    ``host`` is lower case, or ``"*"`` for every host; a port of ``None`` is "any" on the left and
    "the same" on the right.
    """

    host: str
    port: int | None
    to_host: str
    to_port: int | None

    def fits(self, host: str, port: int | None) -> bool:
        """Whether it is for ``host`` and ``port``; ``None`` asks for the host alone."""
        return self.host in ("*", host) and (port is None or self.port is None or self.port == port)


def parse_map(text: str) -> tuple[Route, ...]:
    """The routes in ``host:port=addr:port``, separated by commas; the first that fits is taken.

    A port of ``*`` or ``0``, or none, is any port (left) or the same port (right).  An IPv6 address
    stands in brackets.

    >>> parse_map("www.example.com:443=127.0.0.1:8443")
    (Route(host='www.example.com', port=443, to_host='127.0.0.1', to_port=8443),)

    :raises ValueError: something else stands there.
    """
    routes: list[Route] = []
    for part in text.split(","):
        entry = part.strip()
        if not entry:
            continue
        left, equals, right = entry.partition("=")
        if not equals:
            raise ValueError(
                f"{entry!r} in the map has no '=': write host:port=addr:port, "
                "for example www.example.com:443=127.0.0.1:8443"
            )
        host, port = _host_and_port(left, entry)
        to_host, to_port = _host_and_port(right, entry)
        if to_host == "*":
            raise ValueError(f"{entry!r} in the map leads to '*': the right side needs one address")
        routes.append(Route(host, port, to_host, to_port))
    return tuple(routes)


def _host_and_port(text: str, entry: str) -> tuple[str, int | None]:
    text = text.strip()
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"{entry!r} in the map: an IPv6 address is written [::1]:443")
        digits = rest[1:]
    else:
        host, _, digits = text.partition(":")
        if ":" in digits:
            raise ValueError(f"{entry!r} in the map: write an IPv6 address in brackets, as in [::1]:443")
    host = plain_name(host)
    if not host or any(char.isspace() for char in host):
        raise ValueError(f"{entry!r} in the map has no host name before the port")
    if digits in ("", "*"):
        return host, None
    if not (digits.isascii() and digits.isdigit() and int(digits) <= 65535):
        raise ValueError(f"{entry!r} in the map: {digits!r} is not a port (0 to 65535, or *)")
    return host, int(digits) or None


def plain_name(host: str) -> str:
    """The name as it is compared: lower case, without the root's dot."""
    return host.strip().lower().removesuffix(".")


def find_targets(
    host: str, port: int | None, routes: tuple[Route, ...], reach: Reach
) -> tuple[tuple[str, int | None], ...] | Problem:
    """The addresses to try for ``host`` and ``port``, best first; or why there is none.

    With reach ``"host"`` this may ask the host's resolver, which blocks.
    """
    name = plain_name(host)
    if not _is_a_name(name):
        return Problem(Failure.NAME, f"{host!r} is not a host name")
    route = next((route for route in routes if route.fits(name, port)), None)
    target = name
    if route is not None:
        target, port = route.to_host, route.to_port if route.to_port is not None else port
    address = _loopback_address(target)
    if address is not None:
        return ((address, port),)
    if reach == "loopback":
        return Problem(*_not_allowed(name, port, target if route is not None else None))
    if target.endswith(".invalid") or target == "invalid":
        return Problem(Failure.NAME, f"{target} does not resolve: .invalid names never do")
    return _ask_the_host(target, port)


def _is_a_name(name: str) -> bool:
    try:
        encoded = name.encode("ascii") if name.isascii() else name.encode("idna")
    except UnicodeError:
        return False
    return 0 < len(encoded) <= 253 and not any(byte <= 0x20 or byte == 0x7F for byte in encoded)


def _loopback_address(name: str) -> str | None:
    if name in ("localhost", "test") or name.endswith((".test", ".localhost")):
        return LOOPBACK
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return str(address) if address.is_loopback else None


def _not_allowed(name: str, port: int | None, target: str | None) -> tuple[Failure, str]:
    if target is None and (name.endswith(".invalid") or name == "invalid"):
        return Failure.NAME, f"{name} does not resolve: .invalid names never do"
    if target is not None:
        found = f"the map leads {name} to {target}, which is not on the loopback"
    else:
        found = f"{name} is not on the loopback"
    where = f"{name}:{port if port is not None else '*'}"
    return Failure.NOT_ALLOWED, (
        f"{found}, and this simulated modem's network ends there. "
        f"Lead it to a local server with map={where}=127.0.0.1:PORT, or allow everything that "
        "this host can reach with network=host."
    )


def _ask_the_host(name: str, port: int | None) -> tuple[tuple[str, int | None], ...] | Problem:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Problem(Failure.NAME, f"{name} does not resolve on this host: {error}")
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    if not addresses:
        return Problem(Failure.NAME, f"{name} has no address")
    return tuple((address, port) for address in addresses)
