"""The servers of a proof, and what the modem is asked to do with them."""

from __future__ import annotations

import copy
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from ..errors import ModemError, ModemReset, ModemTimeout, PortError, Reason, Unsupported
from ..https.message import check_host
from ..model import Capability
from ..policy import Check, VerifyPolicy
from ..probe import STATIONS, Authority, ProbeServer, Seen, prepare
from ..source import NOTHING_OF_ITS_OWN, OwnCredentials, read_source
from .changes import Changes
from .verdict import Trial

if TYPE_CHECKING:
    from types import TracebackType

    from ..https.session import HttpWay
    from ..operations import Operations
    from ..policy import TlsEndpoint
    from ..probe import Station

__all__ = ["Attempts", "ProofServers"]

_NAMES = ("good", "wrong-root", "self-signed", "expired", "not-yet-valid", "wrong-name", "plain")
_PATIENCE = 2.0


class ProofServers:
    """The servers of a proof, from ``__enter__`` to ``__exit__``.

    ``host`` is the name or address by which the modem gets here; the certificates are made for it.  ``key``:
    ``ec-256``, or ``rsa-2048`` for stacks that are older than EC.

    :raises ValueError: ``host`` is neither a host name nor an address.
    """

    def __init__(
        self, host: str = "localhost", *, listen: str = "127.0.0.1", first_port: int = 0, key: str = "ec-256"
    ) -> None:
        self.host = check_host(host)
        self.authority = Authority("modemtls proof", key=key)
        self.stations = tuple(replace(each, key=key) for each in STATIONS if each.name in _NAMES)
        prepared = prepare([self.host], self.authority, self.stations)
        self.server = ProbeServer(prepared, listen=listen, first_port=first_port)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)


class Attempts:
    """What the modem is asked to do; :meth:`make` is an operation."""

    def __init__(
        self,
        modem: Operations,
        servers: ProofServers,
        ways: Sequence[HttpWay] | None,
        tls: TlsEndpoint | None,
    ) -> None:
        self.modem = modem
        self.servers = servers
        self.tls: TlsEndpoint = tls or modem.tls
        authority = servers.authority
        # A stack that uses no intermediates which are sent would refuse the good server for that.
        needs_both = self.tls == "modem" and not modem.resolved.stack.uses_sent_intermediates.value
        self.root = read_source(authority.root_pem + (authority.intermediate_pem if needs_both else b""))
        self.changes: Changes | None = None
        self._first = len(servers.server.seen)
        self.ways = self._ways(ways)
        self.declared = self._declared()

    def _ways(self, asked: Sequence[HttpWay] | None) -> tuple[HttpWay, ...]:
        can = self.modem.resolved.capabilities
        ways: list[HttpWay] = ["stream"]
        if self.tls == "modem":
            ways = ["stream"] if Capability.TLS_STREAM in can else []
            ways += ["modem"] if Capability.HTTP_CLIENT in can else []
        return tuple(ways) if asked is None else tuple(asked)

    def _declared(self) -> frozenset[Check]:
        if self.tls == "host":
            return frozenset(Check)
        enforcement = self.modem.resolved.enforcement
        declared = max(enforcement.check_sets, key=len, default=frozenset[Check]())
        if not declared:
            known = " ".join(dict.fromkeys(sentence for _, sentence in enforcement.unknown_because))
            raise Unsupported(
                f"{self.modem.model.name} is not known to verify anything: there is nothing to prove. {known}".strip(),
                remedy="Say what it is told to check: -O NAME=VALUE, options in modemtls.toml; modemtls models NAME"
                " lists them.",
                reasons={Reason.NOT_SUPPORTED},
                model=self.modem.model.name,
            )
        return declared

    async def make(self) -> tuple[Trial, ...]:
        """All attempts, with what is needed for them in the modem meanwhile."""
        if self.tls == "host":
            return await self._trials(None)
        changes = self.changes = Changes(self.modem, self.root, self.declared)
        try:
            await self.modem.exclusively(changes.make())
            self.modem.leases.changed()
            trials = await self._trials(changes.number)
            await changes.put_back()
        except Exception as error:
            raise await self._put_back_after(changes, error) from error
        except KeyboardInterrupt as error:
            told = await self._put_back_after(changes, error)
            if told is not error:
                raise told from error
            raise
        except BaseException:
            self.modem.owe(changes.put_back)  # a cancellation: there is no time for it now
            raise
        return trials

    @staticmethod
    async def _put_back_after(changes: Changes, error: BaseException) -> BaseException:
        """Put back what there is; the error to raise, which says what stayed."""
        try:
            await changes.put_back()
        except BaseException as again:  # Ctrl-C once more
            again.add_note(f"This may have stayed in the modem: {'; '.join(changes.left)}.")
            raise
        if not changes.left:
            return error
        what = f" This stayed in the modem: {'; '.join(changes.left)}."
        told = copy.copy(error) if isinstance(error, ModemError) else changes.trouble
        if told is None:
            return error
        told.message += what
        told.args = (told.message,)
        return told

    @property
    def seen(self) -> list[Seen]:
        """What the servers saw since this began."""
        return self.servers.server.seen[self._first :]

    def wait(self, trials: Sequence[Trial]) -> None:
        """Let the servers have their say: what the modem knows already may still be on its way there."""
        server = self.servers.server
        earlier = Counter(each.station for each in server.seen[: self._first])
        end = time.monotonic() + _PATIENCE
        for station, count in Counter(trial.station for trial in trials).items():
            server.wait_for(station, earlier[station] + count, max(0.0, end - time.monotonic()))

    async def _trials(self, profile: int | None) -> tuple[Trial, ...]:
        trials: list[Trial] = []
        for way in self.ways:
            for station in self.servers.stations:
                trials.append(await self._trial(station, way, profile))
                if station.name == "good" and trials[-1].error is not None:
                    break  # a refusal of the others would prove nothing
        return tuple(trials)

    async def _trial(self, station: Station, way: HttpWay, profile: int | None) -> Trial:
        modem, host = self.modem, self.servers.host
        own = NOTHING_OF_ITS_OWN if profile is not None else OwnCredentials(ca=(self.root,))
        target = f"/{secrets.token_hex(8)}-{station.name}"
        port = self.servers.server.ports[station.name]
        session = modem.session(
            host, port, VerifyPolicy(checks=self.declared), http=way, tls=self.tls, own=own, profile=profile
        )
        try:
            await session.request("GET", target, (), b"")
        except (PortError, ModemTimeout, ModemReset):
            raise
        except ModemError as error:
            await session.close()
            return Trial(station.name, way, target, error)
        await session.close()
        return Trial(station.name, way, target, accepted=True)
