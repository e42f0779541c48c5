"""The first message of a TLS client, read without a TLS library: what it offers and what it asks for.

A modem's manual says little of its TLS stack; its ClientHello says all that a server has to know.  Input is
hostile: every length is checked against what is there, and nothing is kept that was not counted.
RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2, RFC 6066 section 3, RFC 8701 (GREASE).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_HELLO_BYTES", "ClientHello", "NotTls", "read_client_hello"]

MAX_HELLO_BYTES = 32_768
"""More than any client sends; a longer one is refused."""

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN, _TICKET, _VERSIONS = 0, 10, 11, 13, 16, 35, 43


class NotTls(ValueError):
    """The bytes are not the beginning of TLS."""


@dataclass(frozen=True)
class ClientHello:
    """What a client offers, as numbers of IANA's registries in the client's order, without GREASE.

    ``versions``: 0x0301 is TLS 1.0, 0x0304 is TLS 1.3.  ``server_name``: the SNI, or ``None``.  ``groups``: curves and
    the like; empty when it names none.  ``signatures``: signature schemes; empty when it names none, as TLS 1.1 and
    older do.
    """

    versions: tuple[int, ...]
    suites: tuple[int, ...]
    server_name: str | None = None
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    alpn: tuple[str, ...] = ()
    extensions: tuple[int, ...] = ()
    offers_session: bool = False
    """It offers to resume a session."""


class _Reader:
    """Counted reading; :class:`NotTls` when something is longer than what it stands in."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise NotTls("a length in the ClientHello is larger than what it stands in")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> _Reader:
        return _Reader(self.take(self.number(size)))

    def numbers(self) -> tuple[int, ...]:
        """The rest, as numbers of two bytes, without GREASE."""
        rest = self.take(len(self._data) - self._at)
        if len(rest) % 2:
            raise NotTls("a list in the ClientHello has half an entry")
        values = (int.from_bytes(rest[at : at + 2], "big") for at in range(0, len(rest), 2))
        return tuple(value for value in values if not _is_grease(value))


def _is_grease(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def read_client_hello(data: bytes) -> ClientHello | None:
    """The ClientHello at the beginning of what a client sent; ``None`` when more of it must come.

    :raises NotTls: it is something else, or damaged.
    """
    message = bytearray()
    at = 0
    while True:
        record = data[at : at + 5]
        if record and record[0] != _HANDSHAKE:
            raise NotTls("the first byte is not that of a TLS handshake")
        if len(record) > 1 and record[1] != 3:
            raise NotTls("the record is of no version of TLS")
        if len(record) < 5:
            return None
        length = int.from_bytes(record[3:5], "big")
        if not 0 < length <= 16_640:
            raise NotTls("the record has an impossible length")
        message += data[at + 5 : at + 5 + length]
        if message and message[0] != _CLIENT_HELLO:
            raise NotTls("the first message is not a ClientHello")
        if len(message) >= 4:
            size = int.from_bytes(message[1:4], "big")
            if size > MAX_HELLO_BYTES:
                raise NotTls("the ClientHello is larger than any client's")
            if len(message) >= 4 + size:
                return _read(bytes(message[4 : 4 + size]))
        if len(data) < at + 5 + length:
            return None
        at += 5 + length


def _read(body: bytes) -> ClientHello:
    reader = _Reader(body)
    legacy = reader.number(2)
    reader.take(32)
    session = bool(reader.vector(1)._data)
    suites = reader.vector(2).numbers()
    reader.vector(1)
    found: dict[int, _Reader] = {}
    if not reader.is_at_end:
        extensions = reader.vector(2)
        while not extensions.is_at_end:
            kind = extensions.number(2)
            content = extensions.vector(2)
            found.setdefault(kind, content)
    versions: tuple[int, ...] = (legacy,)
    if _VERSIONS in found:
        versions = found[_VERSIONS].vector(1).numbers()
    ticket = _TICKET in found and not found[_TICKET].is_at_end
    return ClientHello(
        versions=versions,
        suites=suites,
        server_name=_server_name(found.get(_SERVER_NAME)),
        groups=found[_GROUPS].vector(2).numbers() if _GROUPS in found else (),
        signatures=found[_SIGNATURES].vector(2).numbers() if _SIGNATURES in found else (),
        alpn=_protocols(found.get(_ALPN)),
        extensions=tuple(kind for kind in found if not _is_grease(kind)),
        # A client of TLS 1.3 sends a session id for old middleboxes too: its offer is a pre-shared key.
        offers_session=41 in found or (0x0304 not in versions and (session or ticket)),
    )


def _server_name(extension: _Reader | None) -> str | None:
    if extension is None or extension.is_at_end:
        return None
    names = extension.vector(2)
    while not names.is_at_end:
        kind = names.number(1)
        name = names.vector(2)
        if kind == 0:
            return name._data.decode("ascii", "backslashreplace")[:255]
    return None


def _protocols(extension: _Reader | None) -> tuple[str, ...]:
    if extension is None:
        return ()
    found = []
    protocols = extension.vector(2)
    while not protocols.is_at_end:
        found.append(protocols.vector(1)._data.decode("ascii", "backslashreplace"))
    return tuple(found)
