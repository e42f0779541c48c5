"""What the tests of TLS on this computer stand on: a server in memory, and the driver's stream to it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import TypeVar, cast

import trustme

from modemtls import Check, ModemError, NetworkError, Reason, TlsProfile, TlsVersion
from modemtls.driver import Driver
from modemtls.https.host_errors import Peer
from modemtls.https.host_tls import HostTls, client_context
from modemtls.https.wire import HostWire
from modemtls.op import Now, Op, SetLine, Sleep, run
from modemtls.port import Port

T = TypeVar("T")

CA = trustme.CA(key_type=trustme.KeyType.ECDSA)
CA_PEM = CA.cert_pem.bytes()
CREDENTIAL = CA.issue_cert("one.test", key_type=trustme.KeyType.ECDSA)
PEER = Peer("one.test", 443, "one.test", "acme-x1")
STRICT = TlsProfile(frozenset(Check), TlsVersion.TLS1_2, None)


class Silence(Port):
    """A line on which nothing comes, in virtual time."""

    name = "silence"
    virtual_time = True

    def __init__(self) -> None:
        self.time = 0.0

    def write(self, data: bytes, timeout: float) -> None:
        raise AssertionError(f"{data!r} was sent")

    def read(self, timeout: float) -> bytes:
        self.time += timeout
        return b""

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def set_line(self, line: SetLine) -> None:
        raise AssertionError("the line was changed")

    def close(self) -> None:
        raise AssertionError("the port was closed")


class MemoryServer:
    """A TLS server without a network: bytes in, bytes out.  It echoes what it gets."""

    def __init__(self, version: TlsVersion = TlsVersion.TLS1_3) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = ssl.TLSVersion(int(version))
        CREDENTIAL.configure_cert(context)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.is_established = False
        self.failure: ssl.SSLError | None = None
        self.heard = b""

    def take(self, data: bytes) -> bytes:
        """What it answers to these bytes."""
        self._in.write(data)
        try:
            if not self.is_established:
                self.tls.do_handshake()
                self.is_established = True
            while part := self.tls.read(65_536):
                self.heard += part
                self.tls.write(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failure = error
        return self._out.read()

    def say_goodbye(self) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._out.read()


class Stream:
    """The TCP stream of a driver, with a server in memory behind it.

    ``sizes`` cuts what comes; ``pause``: seconds before each part; ``damage`` changes what the server sends.
    ``cost``: seconds that each part takes on the line, whatever the timeout.
    """

    def __init__(
        self,
        server: MemoryServer,
        sizes: Callable[[], int] = lambda: 1500,
        pause: float = 0.0,
        damage: Callable[[bytes], bytes] = lambda data: data,
    ) -> None:
        self.server = server
        self.pause = pause
        self.cost = 0.0
        self.sent: list[bytes] = []
        self.is_cut = False
        self.is_lost = False
        self._sizes = sizes
        self._damage = damage
        self._coming = b""

    def comment(self, error: ModemError) -> ModemError:
        return error

    async def open_stream(
        self, socket: int, host: str, port: int, *, security_profile: int | None, timeout: float
    ) -> None:
        assert security_profile is None, "TLS was asked of the modem"

    async def send_stream(self, socket: int, data: bytes) -> None:
        if self.is_lost:
            raise NetworkError("lost", reasons={Reason.CONNECTION_LOST})
        self.sent.append(data)
        self.coming(self.server.take(data))

    def coming(self, data: bytes) -> None:
        self._coming += self._damage(data)

    async def receive_stream(self, socket: int, limit: int, timeout: float) -> bytes | None:
        if not self._coming:
            if self.is_cut:
                return b""
            await Sleep(timeout)
            return None
        if self.pause > timeout:
            await Sleep(timeout)
            return None
        await Sleep(self.pause + self.cost)
        size = max(1, min(limit, self._sizes()))
        part, self._coming = self._coming[:size], self._coming[size:]
        return part


class Bench:
    """A wire to the server in memory, and the virtual time in which it is used."""

    def __init__(self, stream: Stream, profile: TlsProfile = STRICT, anchor: bytes = CA_PEM) -> None:
        self.port = Silence()
        self.stream = stream
        self.tls = HostTls(client_context(profile, [anchor], None), PEER)
        self.wire = HostWire(cast(Driver, stream), self.tls, PEER)

    def run(self, op: Op[T]) -> T:
        return run(op, self.port)

    def open(self, timeout: float = 90.0) -> Bench:
        self.run(self.wire.open(6, "one.test", 443, timeout))
        return self

    def everything(self, timeout: float = 5.0) -> bytes:
        """What comes until the end of the stream, or until nothing comes any more."""
        found = b""
        while data := self.run(self.wire.receive(1000, timeout)):
            found += data
        return found

    @property
    def now(self) -> float:
        async def now() -> float:
            return await Now()

        return self.run(now())
