"""A serial line behind a TCP connection that carries its bytes as they are (``socket://HOST:PORT``).

The address form is pyserial's.  The connection is our own: pyserial's keeps its descriptor open
when the other side has gone, and sleeps in ``close``.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from urllib.parse import urlsplit

from ..errors import PortError, Reason
from ..op import SetLine
from .descriptor import DescriptorPort
from .failures import bad_address, closed

__all__ = ["SocketPort", "host_and_port"]

_CONNECT_TIMEOUT = 5.0


class SocketPort(DescriptorPort):
    """A TCP connection to a serial server, which alone knows baud rate and modem lines.

    :raises PortError: the address is no address, or nobody answers there.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        host, port = host_and_port(url, "socket", options=False)
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT)
        except (OSError, UnicodeError) as error:
            raise no_connection(url, host, port, error) from error
        self._socket.setblocking(False)
        # Commands are short and each waits for its answer: Nagle's algorithm would only delay them.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._descriptor = self._socket.fileno()

    def set_line(self, line: SetLine) -> None:
        """Nothing: the serial server has no way to be told.

        :raises PortError: the port was closed.
        """
        if self._descriptor is None:
            raise closed(self.name)

    def close(self) -> None:
        """End the connection."""
        if self._descriptor is not None:
            self._descriptor = None
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _receive(self, descriptor: int, size: int) -> bytes:
        return self._socket.recv(size)

    def _send(self, descriptor: int, data: bytes | memoryview) -> int:
        return self._socket.send(data)


def host_and_port(url: str, kind: str, *, options: bool) -> tuple[str, int]:
    """Host and port of a ``kind://HOST:PORT`` address.

    :raises PortError: something is missing, wrong, or too much.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise bad_address(kind, str(error)) from None
    if parts.username is not None or parts.password is not None:
        raise bad_address(kind, "it holds a user name, and there is nobody to tell it to")
    if not host:
        raise bad_address(kind, "it names no host")
    if not port:
        raise bad_address(kind, "it names no TCP port")
    if any(character <= " " or character == "\x7f" for character in url):
        raise bad_address(kind, "it holds a space or a control character")
    if parts.path not in ("", "/") or parts.fragment or (parts.query and not options):
        raise bad_address(kind, "something stands behind the TCP port")
    return host, port


def no_connection(name: str, host: str, port: int, cause: BaseException) -> PortError:
    """Nobody answers at the address."""
    if isinstance(cause, ConnectionRefusedError):
        found = f"{host} refused the connection: nothing listens on its TCP port {port}"
    elif isinstance(cause, (socket.gaierror, UnicodeError)):
        found = f"the name {host!r} is not known"
    elif isinstance(cause, TimeoutError):
        found = f"{host} did not answer in {_CONNECT_TIMEOUT:g} s"
    elif isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        found = f"there is no way to {host}"
    else:
        found = str(cause)
    return PortError(
        f"{name} cannot be opened: {found}.",
        remedy="Check the address, and that the serial server runs and lets this computer in.",
        reasons=(Reason.PORT_NOT_FOUND,),
    )
