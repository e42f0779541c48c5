"""Two threads, two tasks, two processes on one modem: no interleaved bytes, and nobody is kept out for long."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import modemtls
from modemtls import AsyncModem, Modem, ModemError, PortError, Reason, TlsVersion, VerifyPolicy
from modemtls.sim import PtyServer, SimPort, on
from modemtls.sim.reply import Prompt, Result
from modemtls.sim.server import HttpsServer, Reply, Request
from modemtls_sequans.simulator import Gm02s

from .conftest import attack_size

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

WORKERS = 6
COMMANDS = attack_size(1500, 100)
REQUESTS = attack_size(40, 6)
INSECURE = VerifyPolicy.insecure()


class Numbering(Gm02s):
    """A simulated modem that says back the number that it is given, and keeps what is uploaded by number."""

    def __init__(self, **settings: object) -> None:
        self.uploads: dict[int, bytes] = {}
        self.lines: list[str] = []
        super().__init__(**settings)

    def _execute(self, line: str) -> None:
        self.lines.append(line.strip("\r\n\0 "))
        super()._execute(line)

    @on(r"AT\+NUMBER=(\d+)")
    def command_number(self, match: re.Match[str]) -> Result:
        """Say it back."""
        return f"+NUMBER: {match[1]}"

    @on(r"AT\+KEEP=(\d+),(\d+)")
    def command_keep(self, match: re.Match[str]) -> Result:
        """Take so many bytes."""

        def take(data: bytes) -> Result:
            self.uploads[int(match[1])] = data
            return f"+KEEP: {match[1]}"

        return Prompt(int(match[2]), take)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test", "two.test")) as running:
        yield running


@pytest.fixture
def simulator(server: HttpsServer) -> Numbering:
    return Numbering(map=f"*:443=127.0.0.1:{server.port}", registration_delay=0.05, urc_noise=0.2, chunk=7)


@pytest.fixture
def pty(simulator: Numbering) -> Iterator[PtyServer]:
    with PtyServer(simulator) as server:
        yield server


@pytest.fixture
def modem(pty: PtyServer) -> Iterator[Modem]:
    with modemtls.open(pty.path, model="sequans-gm02s") as modem:
        yield modem


def data_for(number: int) -> bytes:
    return b"%d\rAT+NUMBER=0\r\nOK\r\n" % number * (1 + number % 9)


def check(simulator: Numbering, sent: Counter[str]) -> None:
    """Every line came whole and once, and every upload is what was sent."""
    lines = [line for line in simulator.lines if "NUMBER" in line or "KEEP" in line]
    assert Counter(lines) == sent
    assert all(data == data_for(number) for number, data in simulator.uploads.items())
    assert all(line.upper().startswith("AT") for line in simulator.lines if line), simulator.lines


def plan(worker: int) -> list[tuple[int, str, bytes | None]]:
    """What a worker sends: numbers that nobody else has; each fourth one with data."""
    numbers = range(worker * 1_000_000 + 1, worker * 1_000_000 + 1 + COMMANDS)
    return [
        (n, f"AT+KEEP={n},{len(data_for(n))}", data_for(n)) if n % 4 == 0 else (n, f"AT+NUMBER={n}", None)
        for n in numbers
    ]


def test_threads_never_mix_their_commands_answers_and_data(modem: Modem, simulator: Numbering) -> None:
    def work(worker: int) -> int:
        for number, line, data in plan(worker):
            reply = modem.command(line, data=data)
            assert reply.ok
            assert [text for text in reply.lines if text.endswith(f": {number}")], (number, reply.lines)
            assert all(text.endswith(f": {number}") for text in reply.lines if text[1:5] in ("NUMB", "KEEP"))
        return COMMANDS

    with ThreadPoolExecutor(WORKERS) as pool:
        assert sum(pool.map(work, range(WORKERS))) == WORKERS * COMMANDS
    check(simulator, Counter(line for worker in range(WORKERS) for _, line, _ in plan(worker)))


@pytest.mark.parametrize("in_process", [False, True], ids=["pty", "sim"])
def test_tasks_never_mix_their_commands_answers_and_data(
    simulator: Numbering, in_process: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = 0

    async def work(modem: AsyncModem, worker: int, dice: random.Random) -> None:
        nonlocal cancelled
        for number, line, data in plan(worker):
            task = asyncio.ensure_future(modem.command(line, data=data))
            if dice.random() < 0.1:
                for _ in range(dice.randrange(6)):
                    await asyncio.sleep(0)
                cancelled += task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                reply = task.result()
                assert reply.ok
                assert [text for text in reply.lines if text.endswith(f": {number}")], (number, reply.lines)

    async def main() -> None:
        if in_process:
            monkeypatch.setattr("modemtls.connecting.open_port", lambda url, **how: SimPort(simulator))
        path = "sim://sequans-gm02s" if in_process else request.getfixturevalue("pty").path
        async with await modemtls.open_async(path, model="sequans-gm02s") as modem:
            await asyncio.gather(*(work(modem, worker, random.Random(worker)) for worker in range(WORKERS)))

    asyncio.run(main())
    assert cancelled > 0
    planned = Counter(line for worker in range(WORKERS) for _, line, _ in plan(worker))
    lines = Counter(line for line in simulator.lines if "NUMBER" in line or "KEEP" in line)
    assert all(line in planned and count == 1 for line, count in lines.items()), lines - planned
    assert all(data == data_for(number) for number, data in simulator.uploads.items())
    assert lines.total() >= planned.total() - cancelled


HOLDER = """
import sys, modemtls
modem = modemtls.open(sys.argv[1], model="sequans-gm02s")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_has_the_port(pty: PtyServer) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, pty.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        for _ in range(attack_size(200, 20)):
            with pytest.raises(PortError) as caught:
                modemtls.open(pty.path)
            assert Reason.PORT_BUSY in caught.value.reasons
            if sys.platform == "linux":
                assert f"(process {holder.pid})" in str(caught.value)
        os.kill(holder.pid, signal.SIGKILL)
    with modemtls.open(pty.path, model="sequans-gm02s") as modem:
        assert modem.identity.product == "GM02S"


def test_of_many_processes_one_has_the_port_and_the_others_are_told(
    pty: PtyServer, simulator: Numbering
) -> None:
    race = """
import sys, modemtls
try:
    modem = modemtls.open(sys.argv[1], model="sequans-gm02s")
except modemtls.PortError as error:
    print("busy" if modemtls.Reason.PORT_BUSY in error.reasons else error, flush=True)
else:
    print("open", flush=True)
    for number in range(50):
        assert modem.command(f"AT+NUMBER={number}").ok
    sys.stdin.read()
"""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", race, pty.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = []
    for racer in racers:
        assert racer.stdout is not None
        said.append(racer.stdout.readline().strip())
    for racer in racers:
        racer.communicate()
    assert sorted(said) == ["busy", "busy", "busy", "open"]
    check(simulator, Counter(f"AT+NUMBER={number}" for number in range(50)))


def waits_while(modem: Modem, waiting: Callable[[], object], end: Callable[[], None]) -> None:
    """Twenty commands come through while ``waiting`` waits, and it ends by ``end`` alone."""
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(waiting)
        try:
            for number in range(20):
                assert modem.command(f"AT+NUMBER={number}").ok
            assert not waiter.done()
        finally:
            end()
        waiter.result(timeout=60)


def test_who_waits_for_an_event_keeps_nobody_out(modem: Modem, simulator: Numbering) -> None:
    modem.events(0)
    simulator.settings = type(simulator.settings)(
        map=simulator.settings.map
    )  # no noise: it would end the wait

    def wait() -> None:
        lines: list[str] = []
        while "+CEREG: 5" not in lines:
            lines += [event.line for event in modem.events(60)]

    waits_while(modem, wait, lambda: simulator.urc("+CEREG: 5"))


def test_who_waits_for_a_servers_answer_keeps_nobody_out() -> None:
    asked, answer = threading.Event(), threading.Event()

    def handler(request: Request) -> Reply | None:
        if request.target != "/slow":
            return None
        asked.set()
        answer.wait(60)
        return Reply(body=b"at last")

    with HttpsServer(names=("one.test",), handler=handler) as server:
        simulator = Numbering(map=f"one.test:443=127.0.0.1:{server.port}", registration_delay=0.05)
        with PtyServer(simulator) as line, modemtls.open(line.path, model="sequans-gm02s") as modem:
            modem.trust(server.ca_pem)
            session = modem.https("one.test")

            def wait() -> None:
                assert session.get("/slow").body == b"at last"

            with ThreadPoolExecutor(1) as pool:
                waiter = pool.submit(wait)
                assert asked.wait(60)
                for number in range(20):
                    assert modem.command(f"AT+NUMBER={number}").ok
                with modem.https("one.test") as other:
                    assert other.get("/").status == 200
                assert not waiter.done()
                answer.set()
                waiter.result(timeout=60)


def test_bodies_of_parallel_sessions_do_not_mix(modem: Modem, server: HttpsServer) -> None:
    modem.trust(server.ca_pem)

    def work(worker: int) -> None:
        dice = random.Random(worker)
        with modem.https(("one.test", "two.test")[worker % 2]) as session:
            for _ in range(REQUESTS):
                body = dice.randbytes(dice.randrange(1, 4000))
                assert session.post("/echo", body).body == body

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_sessions_with_different_policies_never_use_each_others_profile(server: HttpsServer) -> None:
    """A strict one, one that verifies nothing, and one for TLS 1.2, each with a connection for each request."""
    with HttpsServer(names=("evil.test",)) as stranger, HttpsServer(names=("old.test",), ca=server.ca) as old:
        leads = [("one.test", server), ("evil.test", stranger), ("old.test", old)]
        leads_text = ",".join(f"{name}:443=127.0.0.1:{each.port}" for name, each in leads)
        simulator = Numbering(map=leads_text, registration_delay=0.05, patience=0.3)
        outcomes: Counter[str] = Counter()
        with PtyServer(simulator) as line, modemtls.open(line.path, model="sequans-gm02s") as modem:
            modem.trust(server.ca_pem)

            def work(name: str, host: str, policy: VerifyPolicy) -> None:
                session = modem.https(host, policy=policy)
                for _ in range(REQUESTS):
                    try:
                        outcomes[f"{name} {session.get(f'/headers?{name}').status}"] += 1
                    except ModemError as error:
                        outcomes[f"{name} {type(error).__name__}"] += 1
                    session.close()

            only_1_2 = VerifyPolicy(maximum_version=TlsVersion.TLS1_2)
            plans = [
                ("strict", "one.test", VerifyPolicy()),
                ("refused", "evil.test", VerifyPolicy()),
                ("insecure", "evil.test", INSECURE),
                ("old", "old.test", only_1_2),
            ]
            with ThreadPoolExecutor(len(plans)) as pool:
                list(pool.map(lambda each: work(*each), plans))
        writes = sum(line.startswith("AT+SQNSPCFG=") for line in simulator.lines)
        print(f"{dict(outcomes)}, the profile written {writes} times")
        assert writes >= REQUESTS
        refused = sum(outcomes.pop(f"refused {error}", 0) for error in ("TlsError", "CertificateError"))
        assert refused == REQUESTS
        assert outcomes == {"strict 200": REQUESTS, "insecure 200": REQUESTS, "old 200": REQUESTS}
        assert {request.target for request in stranger.log} == {"/headers?insecure"}
        assert {shake.version for shake in old.handshakes} == {"TLSv1.2"}
