"""Serial torture in the manner of curl: count the steps of a scenario, then run it once for each step with that step
failing.

Whatever fails, and wherever: the error is typed, it comes in bounded time, nothing stays open, the store is as it was
or has the new object whole, no server is accepted that would not have been, and the next try succeeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ...errors import ModemError
from ...modem import AsyncModem, Modem
from ...policy import VerifyPolicy
from .bench import Bench, Way
from .lines import Fault, Line
from .marks import simulated
from .store import plain
from .tls import open_connections

__all__ = ["Torture"]

_FAULTS = list(Fault)
#: The most that a scenario with a failing step may take: seconds of the modem's time.
_LONGEST = 1200.0
_BODY = b"\r\nOK\r\n" * 20


def steps_to_try(total: int, usual: int) -> list[int]:
    """``usual`` of the steps, over the whole length; every one where ``MODEMTLS_CONFORMANCE=all``."""
    count = total if os.environ.get("MODEMTLS_CONFORMANCE") == "all" else min(total, usual)
    return sorted({1 + round(index * (total - 1) / max(1, count - 1)) for index in range(count)})


@dataclass
class _Scene:
    """One simulated modem; the host may open it again and again."""

    bench: Bench
    way: Way
    kind: str

    def __post_init__(self) -> None:
        self.simulator = self.bench.simulator()
        self.line = Line.to(self.simulator)

    def reopened(self) -> Line:
        """Another line to the same modem."""
        self.line = Line.to(self.simulator)
        return self.line

    @property
    def is_stored(self) -> bool:
        """Credentials are in the modem."""
        return self.way.tls == "modem"

    def policy(self) -> VerifyPolicy:
        return VerifyPolicy(accept_gaps=self.bench.gaps(self.way))

    def run(self, modem: Modem) -> bytes:
        """Trust, connect, send, receive."""
        self.bench.trust(modem, self.way)
        with self.bench.session(modem, self.kind, self.way) as session:
            return session.post("/echo", _BODY).body

    async def run_async(self, modem: AsyncModem) -> bytes:
        """The same, awaited."""
        if self.is_stored:
            await modem.trust(self.bench.servers(self.way).ca_pem)
        more: dict[str, Any] = {} if self.is_stored else {"ca": self.bench.servers(self.way).ca_pem}
        session = modem.https(
            self.bench.host(self.kind, self.way),
            http=self.way.http,
            tls=self.way.tls,
            policy=self.policy(),
            **more,
        )
        async with session:
            return (await session.post("/echo", _BODY)).body

    def stored(self) -> dict[tuple[str, int], bytes]:
        return plain(self.bench.stored(self.line))


def _interrupt() -> None:
    raise KeyboardInterrupt


class Torture:
    """Every fault at every step, blocking and awaited."""

    @pytest.mark.parametrize("fault", _FAULTS, ids=[fault.name.lower() for fault in _FAULTS])
    @simulated
    def test_a_step_that_fails_does_no_harm(self, bench: Bench, fault: Fault) -> None:
        for way in bench.ways:
            total = _count(bench, way)
            with bench.nothing_left():
                struck = [
                    _blocking(_Scene(bench, way, "good"), fault, step) for step in steps_to_try(total, 4)
                ]
            assert any(struck[:2]), "no step failed"

    @pytest.mark.parametrize("fault", _FAULTS, ids=[fault.name.lower() for fault in _FAULTS])
    @simulated
    def test_an_awaited_step_that_fails_does_no_harm(self, bench: Bench, fault: Fault) -> None:
        for way in bench.ways[:1]:
            total = _count(bench, way)
            with bench.nothing_left():
                struck = [
                    asyncio.run(_awaited(_Scene(bench, way, "good"), fault, step))
                    for step in steps_to_try(total, 4)
                ]
            assert any(struck[:2]), "no step failed"

    @pytest.mark.parametrize("fault", _FAULTS, ids=[fault.name.lower() for fault in _FAULTS])
    @pytest.mark.parametrize("kind", ["stranger", "plain"])
    @simulated
    def test_no_failing_step_makes_it_talk_to_a_stranger_or_in_the_clear(
        self, bench: Bench, kind: str, fault: Fault
    ) -> None:
        lies = fault in (Fault.LIE, Fault.HALF)
        for way in bench.ways[:2]:
            for step in steps_to_try(_count(bench, way), 24 if lies else 3):
                _without_journal(bench)
                scene = _Scene(bench, way, kind)
                before = bench.servers(way).requests(kind)
                try:
                    with bench.open(scene.line) as modem:
                        scene.line.arm(fault, step, _interrupt)
                        with contextlib.suppress(ModemError, KeyboardInterrupt):
                            scene.run(modem)
                            raise AssertionError(
                                f"{way.name}, {fault.value} at step {step}: {kind} was let in"
                            )
                        scene.line.disarm()
                finally:
                    scene.line.inner.close()
                assert bench.servers(way).requests(kind) == before, (
                    f"{way.name}, {fault.value} at step {step}: {kind} got the request"
                )

    @simulated
    def test_awaited_and_blocking_send_the_same_bytes(self, bench: Bench) -> None:
        for way in bench.ways:
            if way.tls == "host":
                continue  # TLS runs here: its bytes are never the same twice
            sent = []
            scene = _Scene(bench, way, "good")
            with bench.open(scene.line) as modem:
                assert scene.run(modem) == _BODY
            scene.line.inner.close()
            sent.append(bytes(scene.line.sent))
            other = _Scene(bench, way, "good")

            async def run(other: _Scene = other) -> None:
                async with await bench.open_async(other.line) as modem:
                    assert await other.run_async(modem) == _BODY

            _without_journal(bench)
            asyncio.run(run())
            other.line.inner.close()
            sent.append(bytes(other.line.sent))
            assert _commands(sent[0]) == _commands(sent[1])


def _commands(sent: bytes) -> list[bytes]:
    """Command lines without those of which there are as many as there is waiting."""
    lines = [line for line in sent.split(b"\r") if line.startswith(b"AT")]
    return list(dict.fromkeys(lines))


def _without_journal(bench: Bench) -> None:
    """Forget what was remembered of the modem before: the next is another one with the same number."""
    shutil.rmtree(os.environ["MODEMTLS_STATE_DIR"], ignore_errors=True)


def _count(bench: Bench, way: Way) -> int:
    """The steps of the scenario, undisturbed."""
    _without_journal(bench)
    scene = _Scene(bench, way, "good")
    with bench.open(scene.line) as modem:
        scene.line.arm(None, 0)
        assert scene.run(modem) == _BODY
        steps = scene.line.steps
    scene.line.inner.close()
    assert steps > 3
    return steps


def _judge_store(scene: _Scene, before: dict[tuple[str, int], bytes], what: str) -> None:
    """The store is as it was, or has the new object whole."""
    whole = {*before.values(), scene.bench.servers(scene.way).ca_pem.strip()}
    after = scene.stored()
    torn = [place for place, data in after.items() if data not in whole]
    assert not torn, f"{what}: {torn} holds neither what was there nor what was to be stored"
    missing = [place for place in before if place not in after]
    assert not missing, f"{what}: {missing} is gone"


def _blocking(scene: _Scene, fault: Fault, step: int) -> bool:
    """False: it did not come to this step.  How often a modem is polled depends on real time."""
    what = f"{scene.way.name}, {fault.value} at step {step}"
    _without_journal(scene.bench)
    before = scene.stored()
    modem = scene.bench.open(scene.line)
    begun = scene.line.now()
    scene.line.arm(fault, step, _interrupt)
    try:
        assert scene.run(modem) == _BODY, f"{what}: a wrong answer"
    except ModemError as error:
        assert str(error), what
    except KeyboardInterrupt:
        assert fault is Fault.CANCEL
    assert scene.line.now() - begun < _LONGEST, f"{what}: {scene.line.now() - begun:.0f} s"
    has_struck = scene.line.has_struck
    scene.line.disarm()
    _judge_store(scene, before, what)
    if fault is Fault.GONE:
        modem.close()
        assert scene.line.is_closed
        modem = scene.bench.open(scene.reopened())
    assert _again(lambda: scene.run(modem)) == _BODY, f"{what}: not usable after it"
    modem.close()
    assert not open_connections(scene.line), f"{what}: a connection stayed open in the modem"
    scene.line.inner.close()
    return has_struck


async def _awaited(scene: _Scene, fault: Fault, step: int) -> bool:
    what = f"awaited, {scene.way.name}, {fault.value} at step {step}"
    _without_journal(scene.bench)
    before = scene.stored()
    modem = await scene.bench.open_async(scene.line)
    begun = scene.line.now()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(scene.run_async(modem))
    scene.line.arm(fault, step, lambda: _cancel(loop, task))
    try:
        assert await task == _BODY, f"{what}: a wrong answer"
    except ModemError as error:
        assert str(error), what
    except asyncio.CancelledError:
        assert fault is Fault.CANCEL
    assert scene.line.now() - begun < _LONGEST, f"{what}: {scene.line.now() - begun:.0f} s"
    has_struck = scene.line.has_struck
    scene.line.disarm()
    _judge_store(scene, before, what)
    if fault is Fault.GONE:
        await modem.close()
        assert scene.line.is_closed
        modem = await scene.bench.open_async(scene.reopened())
    assert await _again_async(lambda: scene.run_async(modem)) == _BODY, f"{what}: not usable after it"
    await modem.close()
    assert not open_connections(scene.line), f"{what}: a connection stayed open in the modem"
    scene.line.inner.close()
    return has_struck


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Future[bytes]) -> None:
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(task.cancel)


def _again(operation: Callable[[], bytes]) -> bytes:
    """What the next try gives; it may end with a typed error once, where a close that was refused is in the way."""
    try:
        return operation()
    except ModemError:
        return operation()


async def _again_async(operation: Callable[[], Awaitable[bytes]]) -> bytes:
    try:
        return await operation()
    except ModemError:
        return await operation()
