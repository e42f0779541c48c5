"""The first message of a TLS client, read without a TLS library: what it offers and what it asks for.

A modem's manual says little of its TLS stack; its ClientHello says all that a server has to know.  Input is
hostile: every length is checked against what is there, and nothing is kept that was not counted.
RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2 and appendix E.2, RFC 6066 section 3, RFC 8701 (GREASE).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_HELLO_BYTES", "ClientHello", "DamagedHello", "HelloReader", "NotTls", "read_client_hello"]

MAX_HELLO_BYTES = 16_384
"""More than any client sends; a longer one is refused."""

_ALERT, _HANDSHAKE, _CLIENT_HELLO = 21, 22, 1
_MOST_IN_A_RECORD = 16_384 + 2048
_MOST_ENTRIES = 1024
_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN, _TICKET, _VERSIONS = 0, 10, 11, 13, 16, 35, 43


class NotTls(ValueError):
    """The bytes are not the beginning of TLS."""


class DamagedHello(NotTls):
    """They are the beginning of TLS, and what follows is no ClientHello."""


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
    is_old_form: bool = False
    """It came in the form of SSL 2.0, which has no extensions."""


class _Reader:
    """Counted reading; :class:`DamagedHello` when something is longer than what it stands in."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise DamagedHello("a length in the ClientHello is larger than what it stands in")
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
            raise DamagedHello("a list in the ClientHello has half an entry")
        values = (int.from_bytes(rest[at : at + 2], "big") for at in range(0, len(rest), 2))
        return tuple([value for value in values if not _is_grease(value)][:_MOST_ENTRIES])


def _is_grease(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


class HelloReader:
    """Takes the first bytes of a client in pieces of any size, and gives its ClientHello when that is complete.

    Each byte is looked at once, however small the pieces and the records are.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._message = bytearray()
        self._wanted: int | None = None
        """Bytes that are still to come of the current record; ``None`` before its header is complete."""
        self._begun = False

    def feed(self, data: bytes) -> ClientHello | None:
        """Take ``data``; ``None`` when more must come.

        :raises NotTls: it is something else from the first byte on.
        :raises DamagedHello: it began as TLS does, and went on otherwise.
        """
        self._pending += data
        if not self._begun and self._pending:
            if self._pending[0] & 0x80:
                return self._old_form()
            self._check_first()
        at = 0
        while True:
            if self._wanted is None:
                header = self._pending[at : at + 5]
                if header and self._begun and header[0] != _HANDSHAKE:
                    raise DamagedHello("something else came in the middle of the ClientHello")
                if len(header) < 5:
                    break
                self._wanted = int.from_bytes(header[3:5], "big")
                if header[1] != 3 or not 0 < self._wanted <= _MOST_IN_A_RECORD:
                    raise DamagedHello("the record has an impossible version or length")
                self._begun = True
                at += 5
            part = self._pending[at : at + self._wanted]
            at += len(part)
            self._wanted -= len(part)
            self._message += part
            found = self._complete()
            if found is not None:
                return found
            if self._wanted:
                break
            self._wanted = None
        del self._pending[:at]
        return None

    def _check_first(self) -> None:
        if self._pending[0] == _ALERT:
            raise DamagedHello("it sent an alert before anything else")
        if self._pending[0] != _HANDSHAKE:
            raise NotTls("the first byte is not that of a TLS handshake")
        if len(self._pending) > 1 and self._pending[1] != 3:
            raise NotTls("the record is of no version of TLS")

    def _complete(self) -> ClientHello | None:
        message = self._message
        if message and message[0] != _CLIENT_HELLO:
            raise DamagedHello("the first message is not a ClientHello")
        if len(message) < 4:
            return None
        size = int.from_bytes(message[1:4], "big")
        if size > MAX_HELLO_BYTES:
            raise DamagedHello("the ClientHello is larger than any client's")
        return _read(bytes(message[4 : 4 + size])) if len(message) >= 4 + size else None

    def _old_form(self) -> ClientHello | None:
        """The ClientHello in the form of SSL 2.0, as old stacks send it for TLS too (RFC 5246 appendix E.2)."""
        data = self._pending
        if bytes(data[2:3]) not in (b"", b"\x01") or bytes(data[3:4]) not in (b"", b"\0", b"\x03"):
            raise NotTls("the first byte is not that of a TLS handshake")
        if len(data) < 5:
            return None
        size = int.from_bytes(data[:2], "big") & 0x7FFF
        if size < 9 or size > MAX_HELLO_BYTES:
            raise DamagedHello("the ClientHello in the form of SSL 2.0 has an impossible length")
        return _read_old(bytes(data[2 : 2 + size])) if len(data) >= 2 + size else None


def read_client_hello(data: bytes) -> ClientHello | None:
    """The ClientHello at the beginning of what a client sent; ``None`` when more of it must come.

    :raises NotTls: it is something else, or damaged.
    """
    return HelloReader().feed(data)


def _read_old(body: bytes) -> ClientHello:
    reader = _Reader(body)
    reader.take(1)
    version, specs, session, _ = (reader.number(2) for _ in range(4))
    listed = _Reader(reader.take(specs))
    suites: list[int] = []
    while not listed.is_at_end:
        kind, suite = listed.number(1), listed.number(2)
        suites += [] if kind else [suite]  # the others are of SSL 2.0
    return ClientHello(
        (version,), tuple(suites[:_MOST_ENTRIES]), offers_session=bool(session), is_old_form=True
    )


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
        extensions=tuple(kind for kind in found if not _is_grease(kind))[:_MOST_ENTRIES],
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
    found: list[str] = []
    protocols = extension.vector(2)
    while not protocols.is_at_end and len(found) < _MOST_ENTRIES:
        found.append(protocols.vector(1)._data.decode("ascii", "backslashreplace"))
    return tuple(found)
