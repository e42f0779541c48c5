"""What a test of the kit works with: a model, its simulated modems, the servers, and the lines between them."""

from __future__ import annotations

import base64
import gc
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ...at.channel import Channel
from ...at.syntax import Dialect
from ...errors import Unsupported
from ...fairlock import FairLock
from ...https.session import HttpWay
from ...model import Capability, Model, Resolved
from ...modem import AsyncModem, HttpsSession, Modem
from ...modem import open as connect
from ...op import run
from ...opening import begin
from ...operations import vendor_options
from ...plugins import find_model, registry
from ...policy import Gap, TlsEndpoint, TlsVersion, VerifyPolicy, resolve
from ...port import Port
from ...settings import Settings, load
from ...sim import CellularSimulator, simulator_type
from ...sim.settings import settings_from
from ...standard import STANDARD_URCS
from .lines import Line
from .servers import Servers

__all__ = ["HOSTILE", "WAYS", "Bench", "Way"]

#: A body in which all that a modem says stands, and every byte.
HOSTILE = (
    b"\r\nOK\r\n\r\nERROR\r\n\r\n+CME ERROR: 3\r\n\r\nNO CARRIER\r\n> +++\r\nCONNECT\r\n\x1a\x1bAT+CFUN=0\r"
    + bytes(range(256))
)

WayName = Literal["tls-stream", "http-client", "host-tls"]


@dataclass(frozen=True)
class Way:
    """One way of a request to a server."""

    name: WayName
    capability: Capability
    http: HttpWay
    tls: TlsEndpoint


WAYS = {
    way.name: way
    for way in (
        Way("tls-stream", Capability.TLS_STREAM, "stream", "modem"),
        Way("http-client", Capability.HTTP_CLIENT, "modem", "modem"),
        Way("host-tls", Capability.TCP_STREAM, "stream", "host"),
    )
}


class Bench:
    """A model under test; ``servers`` gives those that are as old as its TLS, or those of today."""

    def __init__(
        self,
        name: str,
        *,
        settings: Mapping[str, Any],
        options: Mapping[str, Any] | None,
        accept_gaps: frozenset[Gap] | None,
        servers: Mapping[bool, Servers],
        port: str | None = None,
    ) -> None:
        self.model: Model = find_model(name)
        self.options = dict(self.model.demo_options if options is None else options)
        self.accept_gaps = self.model.demo_gaps if accept_gaps is None else accept_gaps
        self.settings = {
            "clock": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "patience": "0.2",
            "registration_delay": "0.05",
            "boot_delay": "0.5",
            **self.model.simulator_settings,
            **settings,
        }
        self._servers = servers
        self.port = port
        self.resolved: Resolved = self.model.resolve(
            "", vendor_options(self.model, Settings("sim://", options=self.options))
        )

    # What the model says of itself.

    def can(self, capability: Capability) -> bool:
        """It is declared."""
        return capability in self.resolved.capabilities

    @property
    def has_store(self) -> bool:
        """There are slots for credentials."""
        return bool(self.resolved.limits.slots)

    @property
    def ways(self) -> tuple[Way, ...]:
        """The declared ways to a server."""
        return tuple(way for way in WAYS.values() if self.can(way.capability))

    def servers(self, way: Way) -> Servers:
        """The servers that this way can meet."""
        return self._servers[way.tls == "modem" and self.resolved.limits.max_tls_version < TlsVersion.TLS1_2]

    def gaps(self, way: Way) -> frozenset[Gap]:
        """What is accepted as missing on this way: nothing, where TLS runs on this computer."""
        return self.accept_gaps if way.tls == "modem" else frozenset()

    def checks(self, way: Way, policy: VerifyPolicy | None = None) -> frozenset[Any]:
        """The checks that are made on this way of a policy, the strict one unless another is given."""
        policy = policy or VerifyPolicy()
        if way.tls == "host":
            return policy.checks
        return resolve(
            policy.accepting(self.accept_gaps),
            self.resolved.enforcement,
            host="good.test",
            model=self.model.name,
        ).checks

    # Modems and lines.

    def simulator(self, **settings: Any) -> CellularSimulator:
        """A fresh simulated modem that leads to the servers of its time, and to those of today."""
        kind = simulator_type(self.model.name)
        leads = ",".join(
            each.map if not is_old else each.map.replace(".test:", ".old.test:")
            for is_old, each in self._servers.items()
        )
        made = kind(settings_from(kind.settings_type, {"map": leads, **self.settings, **settings}))
        assert isinstance(made, CellularSimulator), f"{kind.__name__} is no CellularSimulator"
        return made

    def host(self, kind: str, way: Way) -> str:
        """The name under which a server is reached on this way."""
        is_old = way.tls == "modem" and self.resolved.limits.max_tls_version < TlsVersion.TLS1_2
        return f"{kind}.old.test" if is_old else f"{kind}.test"

    def line(self, **settings: Any) -> Line:
        """A line to a fresh simulated modem."""
        return Line.to(self.simulator(**settings))

    def _begun(self, port: Port, given: Mapping[str, Any]) -> tuple[Settings, Channel]:
        given = {"accept_gaps": self.accept_gaps, "options": self.options or None, "explain": True, **given}
        settings = load("sim://conformance", given, {})
        boot_urcs = {line for each in registry().models for line in each.boot_urcs}
        dialect = Dialect(urcs=STANDARD_URCS, boot_urcs=tuple(sorted(boot_urcs)))
        record = getattr(port, "channel", None)
        return settings, (record(dialect) if record is not None else Channel(dialect))

    def open(self, port: Port, **given: Any) -> Modem:
        """A modem on any port; ``given`` are settings."""
        settings, channel = self._begun(port, given)
        lock = FairLock()
        with lock:
            operations = run(begin(channel, settings, ()), port, lock)
        port.identified(operations.model.name)
        return Modem(port, operations, lock)

    async def open_async(self, port: Port, **given: Any) -> AsyncModem:
        """A modem on any port, on asyncio."""
        from ...aio import TurnLock, arun

        settings, channel = self._begun(port, given)
        lock = TurnLock()
        async with lock:
            operations = await arun(begin(channel, settings, ()), port, lock)
        port.identified(operations.model.name)
        return AsyncModem(port, operations, lock)

    @contextmanager
    def modem(self, given: Mapping[str, Any] | None = None, **settings: Any) -> Iterator[tuple[Modem, Line]]:
        """A modem on a fresh line, closed at the end.

        ``given`` are settings of modemtls, ``settings`` the simulated modem's.
        """
        if self.port is not None:
            assert not settings, "a real modem has no simulator's knobs"
            with self._real(given or {}) as found:
                yield found
            return
        line = self.line(**settings)
        try:
            with self.open(line, **(given or {})) as modem:
                yield modem, line
        finally:
            line.inner.close()

    @contextmanager
    def _real(self, given: Mapping[str, Any]) -> Iterator[tuple[Modem, Line]]:
        assert self.port is not None
        known = {"model": self.model.name, "accept_gaps": self.accept_gaps, "options": self.options or None}
        with connect(self.port, **{**known, **given}) as modem:
            modem._port = line = Line(modem._port)
            yield modem, line

    def trust(self, modem: Modem, way: Way) -> None:
        """Trust the CA of the servers, where TLS runs on this way."""
        if way.tls == "modem":
            modem.trust(self.servers(way).ca_pem)

    def session(self, modem: Modem, kind: str, way: Way, **more: Any) -> HttpsSession:
        """A session with one of the servers."""
        more.setdefault("policy", VerifyPolicy(accept_gaps=self.gaps(way)))
        if way.tls == "host":
            more.setdefault("ca", self.servers(way).ca_pem)
        return modem.https(self.host(kind, way), http=way.http, tls=way.tls, **more)

    def stored(self, line: Line) -> dict[tuple[str, int], bytes]:
        """What the flash of the simulated modem holds."""
        found = {}
        for entry in line.simulator.nvm.dump():
            assert isinstance(entry, list)
            found[str(entry[0]), int(entry[1])] = base64.b64decode(entry[2])
        return found

    @contextmanager
    def refused(self, line: Line) -> Iterator[None]:
        """What is done in the block must be ``Unsupported``, and not one byte may be sent for it."""
        before = len(line.sent)
        try:
            yield
        except Unsupported as error:
            sent = bytes(line.sent[before:])
            assert not sent, f"{error.message!r} came after {sent!r} had been sent"
            assert error.model == self.model.name, "the refusal does not name the model"
        else:
            raise AssertionError(f"{self.model.name} does not declare it, and did not refuse it")

    @contextmanager
    def nothing_left(self) -> Iterator[None]:
        """No thread and no descriptor more at the end of the block than at its start."""
        gc.collect()
        threads, descriptors = set(threading.enumerate()), _descriptors()
        yield
        gc.collect()
        deadline = time.monotonic() + 10  # servers end the threads of their connections in their own time
        while (
            set(threading.enumerate()) - threads or _descriptors() > descriptors
        ) and time.monotonic() < deadline:
            time.sleep(0.01)
        left = set(threading.enumerate()) - threads
        assert not left, f"threads are left: {', '.join(sorted(each.name for each in left))}"
        assert _descriptors() <= descriptors, f"{_descriptors() - descriptors} descriptors are left"


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for entry in folder.iterdir() if entry.exists()) if folder.is_dir() else 0
