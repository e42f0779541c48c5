"""HTTP over the stream and by the modem's own client: bodies of every kind, and lines of every kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ...errors import HttpError, NetworkError, Reason
from ...https.response import Response
from ...sim.server import pattern
from .bench import HOSTILE, WAYS, Bench, Way
from .marks import simulated
from .tls import is_usable

__all__ = ["Http"]

each_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
_SIZES = (0, 1, 1499, 1500, 1501, 4096, 20_000)
_LARGE = 1_000_000


def story(bench: Bench, way: Way, **settings: Any) -> None:
    """Trust, fetch and send, on a simulated modem that is like that."""
    with bench.modem(**settings) as (modem, line):
        bench.trust(modem, way)
        with bench.session(modem, "good", way) as session:
            assert session.get("/bytes/3000").body == pattern(3000)
            assert session.post("/echo", HOSTILE).body == HOSTILE
            assert session.get("/status/404").status == 404
        assert modem.clock.read().time
        assert line.simulator.restarts == 0


def got(way: Way, ask: Callable[[], Response], expected: bytes) -> bytes:
    """The body of the answer.

    A modem's own client may be unable to tell an empty body from one of unknown length, or to read the latter; then it
    must say so, and never give a part for the whole.
    """
    try:
        return ask().body
    except HttpError as error:
        assert way.http == "modem", str(error)
        assert Reason.LENGTH_UNKNOWN in error.reasons, str(error)
        return expected


class Http:
    """The body that arrives is the body that was sent."""

    def _way_refused(self, bench: Bench, way: Way) -> bool:
        if bench.can(way.capability):
            return False
        with bench.modem() as (modem, line), bench.refused(line):
            bench.session(modem, "good", way).get("/")
        return True

    @each_way
    @simulated
    def test_bodies_of_every_size_arrive_whole(self, bench: Bench, way: Way) -> None:
        if self._way_refused(bench, way):
            return
        with bench.modem() as (modem, _):
            bench.trust(modem, way)
            with bench.session(modem, "good", way) as session:
                for size in _SIZES:
                    assert got(way, partial(session.get, f"/bytes/{size}"), pattern(size)) == pattern(size)
                assert got(way, lambda: session.get("/chunked/9000"), pattern(9000)) == pattern(9000)

    @each_way
    @simulated
    def test_bodies_that_look_like_a_modem_go_both_ways_unharmed(self, bench: Bench, way: Way) -> None:
        if self._way_refused(bench, way):
            return
        with bench.modem() as (modem, _):
            bench.trust(modem, way)
            with bench.session(modem, "good", way) as session:
                for body in (
                    HOSTILE,
                    HOSTILE * 9,
                    b"\r\nOK\r\n",
                    b"\r\n",
                    b"+++",
                    b"",
                    bytes(range(256)) * 20,
                ):
                    assert got(way, partial(session.post, "/echo", body), body) == body
                    assert bench.servers(way).good.log[-1].body == body

    @each_way
    @simulated
    def test_a_megabyte_arrives_whole(self, bench: Bench, way: Way) -> None:
        if self._way_refused(bench, way):
            return
        with bench.modem() as (modem, _):
            bench.trust(modem, way)
            with bench.session(modem, "good", way) as session:
                assert session.get(f"/bytes/{_LARGE}").body == pattern(_LARGE)

    @each_way
    @pytest.mark.parametrize("target", ["cut", "reset", "short"])
    @simulated
    def test_a_body_that_ends_too_early_is_an_error(self, bench: Bench, way: Way, target: str) -> None:
        if self._way_refused(bench, way):
            return
        with bench.modem() as (modem, line):
            bench.trust(modem, way)
            with bench.session(modem, "good", way) as session:
                with pytest.raises((HttpError, NetworkError)):
                    session.get(f"/{target}/5000/1200")
                assert session.get("/bytes/10").body == pattern(10)
            is_usable(bench, modem, line, way)

    @each_way
    @simulated
    def test_a_request_is_sent_once(self, bench: Bench, way: Way) -> None:
        if self._way_refused(bench, way):
            return
        log = bench.servers(way).good.log
        with bench.modem() as (modem, _):
            bench.trust(modem, way)
            before = len(log)
            with bench.session(modem, "good", way) as session:
                assert session.post("/echo", b"once").body == b"once"
                with pytest.raises((HttpError, NetworkError)):
                    session.post("/cut/500/10", b"twice?")
            assert [one.body for one in log[before:]] == [b"once", b"twice?"]

    # Lines of every kind.

    @each_way
    @pytest.mark.parametrize("chunk", [1, 3, 1000])
    @simulated
    def test_answers_in_pieces_of_any_size_say_the_same(self, bench: Bench, way: Way, chunk: int) -> None:
        if not self._way_refused(bench, way):
            story(bench, way, chunk=str(chunk))

    @each_way
    @pytest.mark.parametrize("echo", ["yes", "no"])
    @simulated
    def test_echo_makes_no_difference(self, bench: Bench, way: Way, echo: str) -> None:
        if not self._way_refused(bench, way):
            story(bench, way, echo=echo)

    @each_way
    @pytest.mark.parametrize("seed", [1, 2, 3])
    @simulated
    def test_events_at_every_point_make_no_difference(self, bench: Bench, way: Way, seed: int) -> None:
        if not self._way_refused(bench, way):
            story(bench, way, urc_noise="0.5", seed=str(seed))
