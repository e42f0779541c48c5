"""Failures of TLS and of the way to the server: each must be of the right class, whoever runs TLS."""

from __future__ import annotations

from typing import Any

import pytest

from ...errors import CertificateError, ModemError, NetworkError, TlsError
from ...model import Capability
from ...modem import Modem
from ...plugins import load_object
from ...policy import Check
from .bench import WAYS, Bench, Way
from .lines import Line
from .marks import simulated
from .servers import FAILURES, strange_ca

__all__ = ["TlsFailures"]

each_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))

#: What a certificate is refused for, and the check that refuses it.
_CERTIFICATES = {
    "stranger": Check.CHAIN,
    "expired": Check.DATES,
    "early": Check.DATES,
    "elsewhere": Check.HOSTNAME,
}
#: The longest that a failure may take, in seconds of the modem's time, beyond the model's own timeouts.
_MARGIN = 60.0
_SILENCE = 15.0
"""What a session allows a silent server, in seconds of the modem's time."""


def failure(bench: Bench, way: Way, kind: str) -> ModemError | None:
    """What comes of a request to a server with which something is wrong; ``None`` when it succeeds."""
    with bench.modem() as (modem, line):
        bench.trust(modem, way)
        begun = line.now()
        try:
            more = {"timeout": _SILENCE} if kind == "stalls" else {}
            with bench.session(modem, kind, way, **more) as session:
                session.get("/bytes/100")
            return None
        except ModemError as error:
            limits = bench.resolved.limits
            answer = _SILENCE if kind == "stalls" else limits.response_timeout
            longest = limits.connect_timeout + answer + _MARGIN
            assert line.now() - begun <= longest, f"it took {line.now() - begun:.0f} s"
            is_usable(bench, modem, line, way)
            return error


def is_usable(bench: Bench, modem: Modem, line: Line, way: Way) -> None:
    """After a failure the same modem does the same thing right."""
    with bench.session(modem, "good", way) as session:
        assert session.get("/bytes/100").status == 200
    assert not open_connections(line), "a connection stayed open in the modem"


def open_connections(line: Line) -> int:
    """Connections of the simulated modem that are neither ended nor closed."""
    network = line.simulator._network
    return 0 if network is None else len(network.connections)


class TlsFailures:
    """One server a test, on every way."""

    @each_way
    @pytest.mark.parametrize("kind", FAILURES)
    @simulated
    def test_what_is_wrong_with_a_server_gives_the_right_class(
        self, bench: Bench, way: Way, kind: str
    ) -> None:
        if not bench.can(way.capability):
            with bench.modem() as (modem, line), bench.refused(line):
                bench.session(modem, kind, way).get("/")
            return
        error = failure(bench, way, kind)
        if kind in _CERTIFICATES and _CERTIFICATES[kind] not in bench.checks(way):
            assert error is None, f"{_CERTIFICATES[kind]} is not checked, and was: {error}"
            return
        assert error is not None, f"a server that is {kind!r} was accepted"
        assert error.model == bench.model.name
        if kind in _CERTIFICATES:
            wanted = CertificateError if way.tls == "host" or _tells_certificates(bench, way) else TlsError
            assert isinstance(error, wanted), f"{kind}: {type(error).__name__}: {error}"
        elif kind in ("closed", "stalls"):
            assert isinstance(error, NetworkError), f"{kind}: {type(error).__name__}: {error}"
        elif kind == "hangs-up":
            assert isinstance(error, (NetworkError, TlsError)), f"{kind}: {type(error).__name__}: {error}"
        else:
            assert isinstance(error, TlsError), f"{kind}: {type(error).__name__}: {error}"
        if kind not in _CERTIFICATES:
            assert not isinstance(error, CertificateError), f"{kind} was taken for a bad certificate: {error}"

    @each_way
    @simulated
    def test_a_name_that_leads_nowhere_is_of_the_network(self, bench: Bench, way: Way) -> None:
        with bench.modem() as (modem, line):
            if not bench.can(way.capability):
                with bench.refused(line):
                    modem.https("nowhere.invalid", http=way.http, tls=way.tls).get("/")
                return
            bench.trust(modem, way)
            more: dict[str, Any] = {"ca": bench.servers(way).ca_pem} if way.tls == "host" else {}
            session = modem.https("nowhere.invalid", http=way.http, tls=way.tls, **more)
            with pytest.raises(NetworkError):
                session.get("/")
            is_usable(bench, modem, line, way)

    @each_way
    @simulated
    def test_nothing_is_trusted_before_somebody_says_so(self, bench: Bench, way: Way) -> None:
        """A request without a trust anchor fails, and never succeeds unverified."""
        before = len(bench.servers(way).good.log)
        with bench.modem() as (modem, _):
            more = {"ca": strange_ca("Nobody")} if way.tls == "host" else {}
            with pytest.raises(ModemError):
                bench.session(modem, "good", way, **more).get("/")
        assert len(bench.servers(way).good.log) == before, (
            "the request was sent to a server that nobody verified"
        )

    @each_way
    @simulated
    def test_with_a_clock_that_is_unset_no_certificate_passes_by_chance(self, bench: Bench, way: Way) -> None:
        if not bench.can(way.capability) or way.tls == "host" or Check.DATES not in bench.checks(way):
            assert way.tls == "host" or not bench.can(way.capability) or Check.DATES not in bench.checks(way)
            return
        with bench.modem(clock="", network_time="no") as (modem, _):
            bench.trust(modem, way)
            with pytest.raises(TlsError), bench.session(modem, "early", way) as session:
                session.get("/")


def _tells_certificates(bench: Bench, way: Way) -> bool:
    """The vendor's table has a row for a refused certificate on this way."""
    rows = [row for row in load_object(bench.model.errors) if row.error is CertificateError]
    if way.capability is Capability.HTTP_CLIENT:
        return bool(rows)
    # Where the stream and the modem's own client report in different namespaces, only the client may tell.
    return bool(rows) and not bench.can(Capability.HTTP_CLIENT)
