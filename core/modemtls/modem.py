"""The objects that an application holds: ``Modem`` blocks, ``AsyncModem`` awaits, and both do the same.

Usable from several threads or tasks: one exchange at a time has the line, and a waiting operation lets others
in between.  Every method is one operation of :class:`modemtls.operations.Operations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .at.exchange import Event, Reply
from .connecting import line_to
from .diagnose.facade import AsyncDiagnosable, Diagnosable
from .errors import ModemError
from .facets import (
    AsyncClock,
    AsyncCredentials,
    AsyncNetwork,
    AsyncProfiles,
    Clock,
    Credentials,
    Facts,
    Network,
    Profiles,
)
from .fairlock import FairLock
from .https.message import check_host
from .log import happened
from .op import Op, run
from .opening import begin
from .operations import Operations
from .policy import Gap, TlsEndpoint, VerifyPolicy
from .port import Port
from .sessions import AsyncHttpsSession, HttpsSession
from .source import Source, read_own, read_source

if TYPE_CHECKING:
    from .aio import TurnLock
    from .driver import Progress
    from .https.session import HttpWay
    from .store import Installed
    from .transcript import Recorder, Recording

__all__ = ["AsyncHttpsSession", "AsyncModem", "HttpsSession", "Modem", "open", "open_async"]

T = TypeVar("T")

_STRICT = VerifyPolicy()


class Modem(Facts, Diagnosable):
    """An open modem.  Made by :func:`modemtls.open`; use it with ``with``, or close it."""

    def __init__(self, port: Port, operations: Operations, lock: FairLock) -> None:
        self._port = port
        self._ops = operations
        self._lock = lock
        self._closed = False
        self.network = Network(self)
        self.clock = Clock(self)
        self.credentials = Credentials(self)
        self.profiles = Profiles(self)

    def _run(self, op: Op[T]) -> T:
        performed = self._ops.perform(op)
        try:
            with self._lock:
                return run(performed, self._port, self._lock)
        finally:  # an interrupt before their first step leaves them as they are
            performed.close()
            op.close()

    def trust(
        self,
        *sources: Source,
        add: bool = False,
        policy: VerifyPolicy = _STRICT,
        progress: Progress | None = None,
    ) -> Installed:
        """Make these certificates the trust set: what servers are verified against, and nothing else.

        It is in the modem, or on this computer where TLS runs here (:attr:`tls`); the result says ``where``.
        ``add`` extends what is trusted already.  What is there is not written again.  ``policy`` is what the
        owned security profile demands from then on; each session corrects it to its own before use.

        :raises CredentialError: a file is no CA certificate, too large, or cannot be read.
        :raises Unsupported: the modem cannot enforce the strict policy; see ``accept_gaps``.
        """
        return self._run(self._ops.trust([read_source(source) for source in sources], add, policy, progress))

    def install(
        self,
        certificate: Source,
        key: Source,
        *,
        policy: VerifyPolicy = _STRICT,
        progress: Progress | None = None,
    ) -> tuple[Installed, Installed]:
        """Store a client certificate with its key, to be shown to servers that ask for one.

        :raises CredentialError: they do not fit together, or one of them is not fit.
        """
        return self._run(self._ops.install(read_source(certificate), read_source(key), policy, progress))

    def command(self, line: str, *, data: bytes | None = None, timeout: float | None = None) -> Reply:
        """Send one line of your own, and ``data`` to the prompt that it opens; a refusal is a reply too.

        ``timeout`` is in seconds, from when the line is sent.  After an exchange that broke off, the model's limit
        for recovery (``recover_timeout``, 10 s as a rule) may pass before that.

        :raises CommandError: the line is not one line of printable ASCII.
        """
        return self._run(self._ops.command(line, data, timeout))

    def events(self, timeout: float = 0.0) -> tuple[Event, ...]:
        """Unsolicited lines: those that are there, or the first within ``timeout`` seconds."""
        return self._run(self._ops.events(timeout))

    def https(
        self,
        host: str,
        port: int = 443,
        *,
        policy: VerifyPolicy = _STRICT,
        http: HttpWay = "stream",
        tls: TlsEndpoint | None = None,
        ca: Source | Iterable[Source] | None = None,
        certificate: Source | None = None,
        key: Source | None = None,
        profile: int | None = None,
        max_body: int = 2**26,
        timeout: float | None = None,
    ) -> HttpsSession:
        """A session with an HTTPS server.  Nothing is sent yet.

        ``http``: ``"stream"`` speaks HTTP over the modem's TLS stream; ``"modem"`` lets the modem's own client
        do it.  ``tls``: where TLS runs, ``"modem"`` or ``"host"`` (this computer); ``None`` is :attr:`tls`.  On
        the host only: ``ca`` is what to verify by instead of the trust set, ``certificate`` and ``key`` are shown
        to a server that asks, and none of them is stored.  ``profile`` uses that security profile of the modem
        as it stands instead of the policy.  ``max_body``: more bytes in a body are an :class:`HttpError`.
        ``timeout``: seconds of the server's silence.

        :raises Unsupported: modem or host cannot do what the policy demands.
        :raises CredentialError: ``ca``, ``certificate`` or ``key`` is not fit for its use.
        :raises ValueError: ``host`` is not a host name.
        """
        return HttpsSession(
            self,
            self._ops.session(
                check_host(host), port, policy, http=http, tls=tls, own=read_own(ca, certificate, key),
                profile=profile, max_body=max_body, timeout=timeout,
            ),
        )  # fmt: skip

    def close(self) -> None:
        """Close what is open in the modem, and give the port back; closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        try:
            self._run(self._ops.end())
        except ModemError as error:
            happened("something may have stayed open in the modem", because=str(error))
        finally:
            self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncModem(Facts, AsyncDiagnosable):
    """An open modem.  Made by :func:`modemtls.open_async`; use it with ``async with``, or close it."""

    def __init__(self, port: Port, operations: Operations, lock: TurnLock) -> None:
        self._port = port
        self._ops = operations
        self._lock = lock
        self._closed = False
        self.network = AsyncNetwork(self)
        self.clock = AsyncClock(self)
        self.credentials = AsyncCredentials(self)
        self.profiles = AsyncProfiles(self)

    async def _run(self, op: Op[T]) -> T:
        from .aio import arun

        performed = self._ops.perform(op)
        try:
            async with self._lock:
                return await arun(performed, self._port, self._lock)
        finally:
            performed.close()
            op.close()

    async def trust(
        self,
        *sources: Source,
        add: bool = False,
        policy: VerifyPolicy = _STRICT,
        progress: Progress | None = None,
    ) -> Installed:
        """Make these certificates the trust set: what servers are verified against, and nothing else.

        It is in the modem, or on this computer where TLS runs here (:attr:`tls`); the result says ``where``.
        ``add`` extends what is trusted already.  What is there is not written again.  ``policy`` is what the
        owned security profile demands from then on; each session corrects it to its own before use.

        :raises CredentialError: a file is no CA certificate, too large, or cannot be read.
        :raises Unsupported: the modem cannot enforce the strict policy; see ``accept_gaps``.
        """
        return await self._run(
            self._ops.trust([read_source(source) for source in sources], add, policy, progress)
        )

    async def install(
        self,
        certificate: Source,
        key: Source,
        *,
        policy: VerifyPolicy = _STRICT,
        progress: Progress | None = None,
    ) -> tuple[Installed, Installed]:
        """Store a client certificate with its key, to be shown to servers that ask for one.

        :raises CredentialError: they do not fit together, or one of them is not fit.
        """
        return await self._run(
            self._ops.install(read_source(certificate), read_source(key), policy, progress)
        )

    async def command(self, line: str, *, data: bytes | None = None, timeout: float | None = None) -> Reply:
        """Send one line of your own, and ``data`` to the prompt that it opens; a refusal is a reply too.

        ``timeout`` is in seconds, from when the line is sent.  After an exchange that broke off, the model's limit
        for recovery (``recover_timeout``, 10 s as a rule) may pass before that.

        :raises CommandError: the line is not one line of printable ASCII.
        """
        return await self._run(self._ops.command(line, data, timeout))

    async def events(self, timeout: float = 0.0) -> tuple[Event, ...]:
        """Unsolicited lines: those that are there, or the first within ``timeout`` seconds."""
        return await self._run(self._ops.events(timeout))

    def https(
        self,
        host: str,
        port: int = 443,
        *,
        policy: VerifyPolicy = _STRICT,
        http: HttpWay = "stream",
        tls: TlsEndpoint | None = None,
        ca: Source | Iterable[Source] | None = None,
        certificate: Source | None = None,
        key: Source | None = None,
        profile: int | None = None,
        max_body: int = 2**26,
        timeout: float | None = None,
    ) -> AsyncHttpsSession:
        """A session with an HTTPS server.  Nothing is sent yet.

        ``http``: ``"stream"`` speaks HTTP over the modem's TLS stream; ``"modem"`` lets the modem's own client
        do it.  ``tls``: where TLS runs, ``"modem"`` or ``"host"`` (this computer); ``None`` is :attr:`tls`.  On
        the host only: ``ca`` is what to verify by instead of the trust set, ``certificate`` and ``key`` are shown
        to a server that asks, and none of them is stored.  ``profile`` uses that security profile of the modem
        as it stands instead of the policy.  ``max_body``: more bytes in a body are an :class:`HttpError`.
        ``timeout``: seconds of the server's silence.

        :raises Unsupported: modem or host cannot do what the policy demands.
        :raises CredentialError: ``ca``, ``certificate`` or ``key`` is not fit for its use.
        :raises ValueError: ``host`` is not a host name.
        """
        return AsyncHttpsSession(
            self,
            self._ops.session(
                check_host(host), port, policy, http=http, tls=tls, own=read_own(ca, certificate, key),
                profile=profile, max_body=max_body, timeout=timeout,
            ),
        )  # fmt: skip

    async def close(self) -> None:
        """Close what is open in the modem, and give the port back; closing twice is allowed."""
        from .aio import aclose

        if self._closed:
            return
        self._closed = True
        try:
            await self._run(self._ops.end())
        except ModemError as error:
            happened("something may have stayed open in the modem", because=str(error))
        finally:
            await aclose(self._port)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def open(
    port: str,
    *,
    model: str | None = None,
    baudrate: int | None = None,
    rtscts: bool | None = None,
    timeout: float | None = None,
    attach: bool | None = None,
    apn: str | None = None,
    user: str | None = None,
    password: str | None = None,
    pin: str | None = None,
    accept_gaps: Iterable[Gap | str] | None = None,
    tls: TlsEndpoint | None = None,
    security_profile: int | None = None,
    http_profile: int | None = None,
    socket: int | None = None,
    journal: bool | None = None,
    explain: bool | None = None,
    options: Mapping[str, Any] | None = None,
    record: str | PathLike[str] | Recording | Recorder | None = None,
) -> Modem:
    """Open the modem on ``port`` and find out which it is.

    ``port``: ``/dev/ttyUSB0``, ``COM5``, ``socket://HOST:PORT``, ``rfc2217://HOST:PORT``, ``sim://MODEL`` or
    ``replay://FILE``.
    What is ``None`` comes from the environment, ``modemtls.toml``, or the model: see
    :class:`modemtls.Settings` for what each of them means.  ``record`` is a file for a transcript, not there yet.

    :raises PortError: the port cannot be opened, or another program has it.
    :raises ModemTimeout: nothing answers on it.
    :raises Unsupported: nobody knows what answers, or a setting cannot be understood.
    """
    given = dict(locals())
    line, settings, channel, rates = line_to(given.pop("port"), given)
    lock = FairLock()
    try:
        with lock:
            operations = run(begin(channel, settings, rates), line, lock)
        line.identified(operations.model.name)
    except BaseException:
        line.close()
        raise
    return Modem(line, operations, lock)


async def open_async(
    port: str,
    *,
    model: str | None = None,
    baudrate: int | None = None,
    rtscts: bool | None = None,
    timeout: float | None = None,
    attach: bool | None = None,
    apn: str | None = None,
    user: str | None = None,
    password: str | None = None,
    pin: str | None = None,
    accept_gaps: Iterable[Gap | str] | None = None,
    tls: TlsEndpoint | None = None,
    security_profile: int | None = None,
    http_profile: int | None = None,
    socket: int | None = None,
    journal: bool | None = None,
    explain: bool | None = None,
    options: Mapping[str, Any] | None = None,
    record: str | PathLike[str] | Recording | Recorder | None = None,
) -> AsyncModem:
    """Open the modem on ``port`` and find out which it is, on asyncio; see :func:`modemtls.open`."""
    from .aio import TurnLock, aclose, arun

    given = dict(locals())
    for own in ("TurnLock", "aclose", "arun"):
        del given[own]
    line, settings, channel, rates = line_to(given.pop("port"), given)
    lock = TurnLock()
    try:
        async with lock:
            operations = await arun(begin(channel, settings, rates), line, lock)
        line.identified(operations.model.name)
    except BaseException:
        await aclose(line)
        raise
    return AsyncModem(line, operations, lock)
