"""Ctrl-C and ``task.cancel()`` at every step: it ends at once, the next operation works, nothing stays open.

One modem goes through all the steps of an operation, so that each interruption meets what the ones before it
have left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

import modemtls
from modemtls import AsyncHttpsSession, AsyncModem, HttpsSession, Modem, ModemTimeout
from modemtls.port import Port, open_port
from modemtls.sim import PtyServer, SimPort
from modemtls.sim.server import HttpsServer
from modemtls_sequans.simulator import Gm02s

from .breaking import Breaking
from .conftest import attack_size

T = TypeVar("T")

#: 100 ms are promised; one in ten may take longer, on a machine that is busy with something else, but never so long.
PROMISED, LONGEST = 0.1, 1.0
MOST_STEPS = attack_size(1000, 14)
LARGE = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test",)) as running:
        yield running


@pytest.fixture(scope="module")
def cas() -> list[bytes]:
    """Trust sets that differ, so that each ``trust`` has something to write."""
    kind = trustme.KeyType.ECDSA
    return [
        trustme.CA(organization_name=f"CA {n}", key_type=kind).cert_pem.bytes()
        for n in range(attack_size(60, 20))
    ]


@pytest.fixture(scope="module")
def clients() -> list[tuple[bytes, bytes]]:
    """Certificates with their keys, for ``install``."""
    kind = trustme.KeyType.ECDSA
    issued = [
        trustme.CA(key_type=kind).issue_cert(f"device{n}.test", key_type=kind)
        for n in range(attack_size(60, 20))
    ]
    return [(one.cert_chain_pems[0].bytes(), one.private_key_pem.bytes()) for one in issued]


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No thread, no descriptor and no forgotten coroutine more at the end of the test than at its start."""
    gc.collect()
    threads, descriptors = set(threading.enumerate()), _descriptors()
    yield
    gc.collect()
    deadline = time.monotonic() + 10  # the server ends its connections' threads in its own time
    while (
        set(threading.enumerate()) - threads or _descriptors() > descriptors
    ) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    assert _descriptors() <= descriptors


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for entry in folder.iterdir() if entry.exists()) if folder.is_dir() else 0


@dataclass
class Scene:
    """A simulated modem that leads to the server, and the lines that were opened to it."""

    server: HttpsServer
    cas: list[bytes]
    clients: list[tuple[bytes, bytes]]
    pty: bool = False
    turn: int = 0
    lines: list[Breaking] = field(default_factory=list)
    pty_path: str = ""

    def __post_init__(self) -> None:
        leads = f"one.test:443=127.0.0.1:{self.server.port}"
        self.simulator = Gm02s(map=leads, registration_delay=0.05, patience=0.3)

    def open_port(self, url: str, **how: object) -> Port:
        line = Breaking(open_port(url) if self.pty else SimPort(self.simulator))
        self.lines.append(line)
        return line

    @property
    def line(self) -> Breaking:
        return self.lines[-1]

    @property
    def url(self) -> str:
        return self.pty_path or "sim://sequans-gm02s"

    def another(self, items: list[T]) -> T:
        """The next of them, again and again from the first."""
        self.turn += 1
        return items[self.turn % len(items)]

    def connections(self) -> list[int]:
        """Sockets of the modem that are open."""
        return [number for number, socket in self.simulator.sockets.items() if socket.connection is not None]


@pytest.fixture
def scene(
    server: HttpsServer, cas: list[bytes], clients: list[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> Scene:
    made = Scene(server, cas, clients)
    monkeypatch.setattr("modemtls.connecting.open_port", made.open_port)
    return made


BODY = bytes(range(256)) * 20


def network(scene: Scene, modem: Modem, session: HttpsSession) -> None:
    modem.command("AT+CFUN=0")
    assert modem.network.up().is_up


def trust(scene: Scene, modem: Modem, session: HttpsSession) -> None:
    modem.trust(scene.server.ca_pem, scene.another(scene.cas))


def install(scene: Scene, modem: Modem, session: HttpsSession) -> None:
    modem.install(*scene.another(scene.clients))


def get(scene: Scene, modem: Modem, session: HttpsSession) -> None:
    assert session.get("/bytes/5000").status == 200


def post(scene: Scene, modem: Modem, session: HttpsSession) -> None:
    assert session.post("/echo", BODY).body == BODY


def download(scene: Scene, modem: Modem, session: HttpsSession) -> None:
    assert len(session.get(f"/bytes/{LARGE}").body) == LARGE


async def network_async(scene: Scene, modem: AsyncModem, session: AsyncHttpsSession) -> None:
    await modem.command("AT+CFUN=0")
    assert (await modem.network.up()).is_up


async def trust_async(scene: Scene, modem: AsyncModem, session: AsyncHttpsSession) -> None:
    await modem.trust(scene.server.ca_pem, scene.another(scene.cas))


async def install_async(scene: Scene, modem: AsyncModem, session: AsyncHttpsSession) -> None:
    await modem.install(*scene.another(scene.clients))


async def get_async(scene: Scene, modem: AsyncModem, session: AsyncHttpsSession) -> None:
    assert (await session.get("/bytes/5000")).status == 200


async def post_async(scene: Scene, modem: AsyncModem, session: AsyncHttpsSession) -> None:
    assert (await session.post("/echo", BODY)).body == BODY


async def download_async(scene: Scene, modem: AsyncModem, session: AsyncHttpsSession) -> None:
    assert len((await session.get(f"/bytes/{LARGE}")).body) == LARGE


Blocking = Callable[[Scene, Modem, HttpsSession], None]
Awaited = Callable[[Scene, AsyncModem, AsyncHttpsSession], Awaitable[None]]

OPERATIONS: dict[str, tuple[Blocking, Awaited, str]] = {
    "network": (network, network_async, "stream"),
    "trust": (trust, trust_async, "stream"),
    "install": (install, install_async, "stream"),
    "stream GET": (get, get_async, "stream"),
    "stream POST": (post, post_async, "stream"),
    "modem GET": (get, get_async, "modem"),
    "modem POST": (post, post_async, "modem"),
    "download": (download, download_async, "stream"),
}
each = pytest.mark.parametrize("name", OPERATIONS)


def chosen(total: int) -> Iterator[int]:
    """Every step, or as many of them as there is time for, over the whole length."""
    count = min(total, MOST_STEPS)
    return iter(sorted({1 + round(index * (total - 1) / max(1, count - 1)) for index in range(count)}))


def again(operation: Callable[[], T]) -> T:
    """What the next operation gives; it may also end with ``ModemTimeout``, but then not the one after it."""
    try:
        return operation()
    except ModemTimeout:
        return operation()


def interrupt() -> None:
    raise KeyboardInterrupt


def session_of(modem: Modem, way: str) -> HttpsSession:
    return modem.https("one.test", http="modem" if way == "modem" else "stream")


@pytest.mark.usefixtures("nothing_left")
@each
def test_ctrl_c_at_every_step(scene: Scene, name: str) -> None:
    with modemtls.open(scene.url) as modem:
        _interrupt_everywhere(scene, modem, name)
    assert scene.connections() == []
    assert scene.line.closed


def _interrupt_everywhere(scene: Scene, modem: Modem, name: str) -> None:
    operation, _, way = OPERATIONS[name]
    interrupted = recovering = 0
    modem.trust(scene.server.ca_pem)
    session = session_of(modem, way)
    for _ in range(3):  # the first time there is more to do
        assert session.get("/").status == 200
        session.close()
        scene.line.arm(0, interrupt)
        operation(scene, modem, session)
        steps = scene.line.steps
        session.close()
    for step in chosen(steps):
        scene.line.arm(step, interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            operation(scene, modem, session)
        interrupted += scene.line.struck_at is not None
        scene.line.disarm()
        recovering += modem._ops.channel.is_recovering
        response = again(lambda: session.get("/bytes/300"))
        assert (response.status, len(response.body)) == (200, 300)
        assert not modem._ops.channel.is_recovering
        session.close()
        assert scene.connections() == []
    again(lambda: operation(scene, modem, session))
    print(f"{name}: {steps} steps, {interrupted} interrupted, {recovering} of them inside an exchange")
    assert interrupted > 0


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("pty", [False, True], ids=["thread", "descriptor"])
@each
def test_cancelled_at_every_step(scene: Scene, name: str, pty: bool) -> None:
    async def main() -> None:
        modem = await modemtls.open_async(scene.url, model="sequans-gm02s")
        try:
            await _cancel_everywhere(scene, modem, name)
        finally:
            await modem.close()
        assert scene.connections() == []
        assert scene.line.closed

    if not pty:
        asyncio.run(main())
        return
    scene.pty = True
    with PtyServer(scene.simulator) as line:
        scene.pty_path = line.path
        asyncio.run(main())


async def _cancel_everywhere(scene: Scene, modem: AsyncModem, name: str) -> None:
    _, operation, way = OPERATIONS[name]
    await modem.trust(scene.server.ca_pem)
    session = modem.https("one.test", http="modem" if way == "modem" else "stream")
    for _ in range(3):  # the first time there is more to do
        assert (await session.get("/")).status == 200
        await session.close()
        scene.line.arm(0, interrupt)
        await operation(scene, modem, session)
        steps, recovering = scene.line.steps, 0
        await session.close()
    spent = []
    for step in chosen(steps):
        task = asyncio.ensure_future(operation(scene, modem, session))
        scene.line.arm(step, _canceller(task))
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if scene.line.struck_at is not None:
            spent.append(time.monotonic() - scene.line.struck_at)
        scene.line.disarm()
        recovering += modem._ops.channel.is_recovering
        try:
            response = await session.get("/bytes/300")
        except ModemTimeout:
            response = await session.get("/bytes/300")
        assert (response.status, len(response.body)) == (200, 300)
        await session.close()
        assert scene.connections() == []
    spent.sort()
    print(
        f"{name}: {steps} steps, {len(spent)} cancelled, {recovering} inside an exchange,"
        f" median {spent[len(spent) // 2] * 1000:.1f} ms, longest {spent[-1] * 1000:.1f} ms"
    )
    late = [seconds for seconds in spent if seconds >= PROMISED]
    assert len(late) <= max(1, len(spent) // 10), late
    assert spent[-1] < LONGEST


def _canceller(task: asyncio.Task[None]) -> Callable[[], None]:
    """Cancels ``task`` and returns when the loop has done it, from whatever thread."""
    loop, here, done = asyncio.get_running_loop(), threading.get_ident(), threading.Event()

    def cancel() -> None:
        task.cancel()
        done.set()

    def strike() -> None:
        if threading.get_ident() == here:
            cancel()
        else:
            loop.call_soon_threadsafe(cancel)
            done.wait(5)

    return strike


@pytest.mark.usefixtures("nothing_left")
def test_ctrl_c_at_every_step_of_opening_and_of_closing(scene: Scene) -> None:
    with modemtls.open(scene.url) as modem:
        opening = scene.line.steps
        modem.trust(scene.server.ca_pem)
    real_open = scene.open_port
    for step in chosen(opening):

        def armed(url: str, step: int = step, **how: object) -> Port:
            line = real_open(url)
            scene.line.arm(step, interrupt)
            return line

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("modemtls.connecting.open_port", armed)
            with pytest.raises(KeyboardInterrupt):
                modemtls.open(scene.url)
        assert scene.line.closed
        modem = modemtls.open(scene.url)
        assert modem.https("one.test").get("/").status == 200
        scene.line.arm(1 + step % 3, interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            modem.close()
        assert scene.line.closed
        with modemtls.open(scene.url) as modem, modem.https("one.test") as session:
            assert session.get("/").status == 200
        assert scene.connections() == []
    print(f"open: {opening} steps")


@pytest.mark.usefixtures("nothing_left")
def test_cancelled_at_every_step_of_opening(scene: Scene) -> None:
    async def main() -> None:
        async with await modemtls.open_async(scene.url):
            opening = scene.line.steps
        real_open = scene.open_port
        for step in chosen(opening):
            task: asyncio.Task[AsyncModem] = asyncio.ensure_future(modemtls.open_async(scene.url))

            def armed(
                url: str, step: int = step, task: asyncio.Task[AsyncModem] = task, **how: object
            ) -> Port:
                line = real_open(url)
                scene.line.arm(step, _canceller(task))  # type: ignore[arg-type]
                return line

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("modemtls.connecting.open_port", armed)
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert scene.line.closed
            async with await modemtls.open_async(scene.url) as modem:
                assert modem.model.name == "sequans-gm02s"

    asyncio.run(main())
