"""The faulty line itself, its three places, and thousands of seeded runs of import and request over it."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
import trustme

import modemtls
from modemtls import Modem, ModemError, PortError, Reason, TlsVersion
from modemtls.port import Port, open_port
from modemtls.sim import (
    Damage,
    Faults,
    FaultyLine,
    FaultyPort,
    FaultyPty,
    FaultySocket,
    Line,
    PtyServer,
    SimPort,
)
from modemtls.sim.server import HttpsServer
from modemtls_sequans.simulator import Gm02s

from .conftest import attack_size
from .faulty_runs import (
    KEY,
    NEW,
    PEMS,
    Outcome,
    WatchedPort,
    checked_run,
    import_run,
    opened,
    request_run,
    simulator,
)

IMPORT_RUNS = attack_size(7000, 400)
REQUEST_RUNS = attack_size(3000, 150)
CHECKED_RUNS = attack_size(2000, 150)
PARTS = 10
TEXT = bytes(range(256)) * 40


def through(line: Line, data: bytes, *, pieces: int = 0, now: float = 0.0) -> bytes:
    """What comes out of ``line`` in the end, when ``data`` goes in, in pieces."""
    size = pieces or len(data)
    for start in range(0, len(data), size):
        line.feed(data[start : start + size], now)
    out = bytearray()
    while (due := line.next_due()) is not None:
        out += line.take(max(now, due))
    return bytes(out)


# The line.


def test_line_without_faults_changes_nothing() -> None:
    assert through(Line(Faults()), TEXT) == TEXT
    assert through(Line(Faults(chunk=7), baudrate=115_200), TEXT, pieces=11) == TEXT


@pytest.mark.parametrize("kind", ["drop", "flip", "double"])
def test_same_seed_damages_the_same_bytes_however_they_are_cut(kind: str) -> None:
    for seed in range(8):
        faults = Faults(**{kind: 0.01}, chunk=5)  # type: ignore[arg-type]
        whole = Line(faults, seed=seed)
        out = through(whole, TEXT)
        assert out != TEXT
        for pieces in (3, 4096):
            line = Line(faults, seed=seed, baudrate=9600)
            assert through(line, TEXT, pieces=pieces) == out
            assert line.damage == whole.damage
        grown = {"drop": -1, "flip": 0, "double": 1}[kind] * whole.damaged
        assert len(out) == len(TEXT) + grown
    assert Line(faults, seed=1)._next != Line(faults, seed=2)._next


def test_rates_are_kept_and_damage_stays_in_its_window() -> None:
    line = Line(Faults(drop=0.1, flip=0.1, double=0.1, window=(1000, 9000)), seed=3)
    out = through(line, TEXT)
    assert out.startswith(TEXT[:1000])
    assert out.endswith(TEXT[9000:])
    kinds = Counter(damage.kind for damage in line.damage)
    assert line.damaged > len(line.damage) == 1000  # the latest are kept, all are counted
    assert all(230 < kinds[kind] < 430 for kind in ("drop", "flip", "double"))


def test_flip_inverts_one_bit() -> None:
    for seed in range(50):
        line = Line(Faults(flip=1.0, window=(2, 3)), seed=seed)
        changed = [a ^ b for a, b in zip(b"abcde", through(line, b"abcde"), strict=True)]
        assert [each.bit_count() for each in changed] == [0, 0, 1, 0, 0]
        assert list(line.damage) == [Damage("flip", 2)]


def test_bytes_take_ten_bits_each() -> None:
    line = Line(Faults(), baudrate=9600)
    line.feed(b"x" * 960, 5.0)
    assert line.take(5.001) == b""
    assert len(line.take(5.5)) == 480
    assert line.next_due() == pytest.approx(5.5 + 1 / 960)
    line.feed(b"y", 5.6)
    assert line.take(6.0) == b"x" * 480
    assert line.take(6.002) == b"y"


def test_small_buffer_loses_what_a_busy_reader_does_not_take() -> None:
    line = Line(Faults(buffer=16, delay=0.05), baudrate=9600)
    line.feed(bytes(range(100)), 0.0)
    due = line.next_due()
    assert due is not None
    assert due == pytest.approx(1 / 960 + 0.05)
    assert line.take(due) == bytes(range(16))
    assert line.damage[0] == Damage("overrun", 16)
    assert line.damaged == 49 - 16


def test_small_buffer_with_flow_control_loses_nothing_and_takes_longer() -> None:
    line = Line(Faults(buffer=16, delay=0.05, flow_control=True), baudrate=9600)
    now, out = 0.0, b""
    line.feed(TEXT[:200], now)
    while (due := line.next_due()) is not None:
        now = max(now, due)
        taken = line.take(now)
        assert len(taken) <= 16
        out += taken
    assert out == TEXT[:200]
    assert now > 200 / 16 * 0.05


def test_line_stalls_before_a_byte_and_goes_on() -> None:
    line = Line(Faults(stall_at=3, stall_seconds=2.0))
    line.feed(b"abcdef", 0.0)
    assert line.take(0.0) == b"abc"
    assert line.take(1.9) == b""
    assert line.take(2.0) == b"def"


def test_line_that_is_gone_stays_gone_in_both_directions() -> None:
    line = FaultyLine(to_modem=Faults(end_at=4))
    port = FaultyPort(line, SimPort(simulator({})))
    port.write(b"AT\r", 1.0)
    assert b"OK" in port.read(1.0)
    port.read(0.0)
    with pytest.raises(PortError) as caught:
        port.write(b"AT\r", 1.0)
    assert caught.value.reasons == {Reason.PORT_GONE}
    with pytest.raises(PortError):
        port.read(1.0)
    with pytest.raises(PortError):
        port.write(b"AT\r", 1.0)
    port.close()


@pytest.mark.parametrize(
    "wrong", [{"drop": -0.1}, {"drop": 0.6, "flip": 0.6}, {"chunk": -1}, {"stall_seconds": -1.0}]
)
def test_faults_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Faults(**wrong)  # type: ignore[arg-type]


def test_nuls_at_power_up_do_not_keep_the_modem_from_being_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for nuls in (1, 5, 300):
        line = FaultyLine(baudrate=115_200, nuls=nuls)
        with opened(FaultyPort(line, SimPort(simulator({}))), monkeypatch) as modem:
            assert modem.identity.product == "GM02S"


def test_sleeping_on_a_faulty_line_lets_time_pass_and_keeps_what_arrives() -> None:
    port = FaultyPort(FaultyLine(baudrate=9600), SimPort(simulator({})))
    port.write(b"AT\r", 1.0)
    before = port.now()
    port.sleep(3.0)
    assert port.now() == pytest.approx(before + 3.0)
    assert port.read(0.0) == b"\r\nOK\r\n"
    port.close()


# Under a pty and over socket://, in real time.

Place = Callable[[FaultyLine, Port], contextlib.AbstractContextManager[str]]


@contextlib.contextmanager
def under_a_pty(line: FaultyLine, port: Port) -> Iterator[str]:
    with FaultyPty(line, port) as end:
        yield end.path


@contextlib.contextmanager
def over_a_socket(line: FaultyLine, port: Port) -> Iterator[str]:
    with FaultySocket(line, port) as end:
        yield end.url


@pytest.fixture(params=[under_a_pty, over_a_socket])
def place(request: pytest.FixtureRequest) -> Place:
    return request.param  # type: ignore[no-any-return]


@contextlib.contextmanager
def served(line: FaultyLine, place: Place) -> Iterator[tuple[str, Gm02s]]:
    """A simulated modem on a pty of its own, and the faulty line in front of it."""
    modem = simulator({})
    with PtyServer(modem) as server, place(line, open_port(server.path)) as address:
        yield address, modem


def test_import_over_a_paced_and_cut_line(place: Place) -> None:
    line = FaultyLine(1, baudrate=921_600, to_host=Faults(chunk=3), to_modem=Faults(chunk=9), nuls=40)
    with served(line, place) as (address, sim), modemtls.open(address, journal=False) as modem:
        installed = modem.trust(NEW)
        assert installed.verified
        assert sim.nvm.get("certificate", installed.slot) == NEW
    assert line.to_host.damaged == line.to_modem.damaged == 0


def test_line_that_is_unplugged_is_a_port_error(place: Place) -> None:
    for at in (100, 400):
        line = FaultyLine(2, to_modem=Faults(end_at=at))
        with served(line, place) as (address, _), pytest.raises(PortError), modemtls.open(address) as modem:
            modem.trust(NEW)
        assert line.to_modem.position == at


def test_lost_bytes_are_an_error_and_the_next_call_is_in_step(place: Place) -> None:
    lost = Faults(drop=1.0, window=(120, 124))
    with served(FaultyLine(3, to_host=lost), place) as (address, _):
        with contextlib.suppress(ModemError), modemtls.open(address, timeout=3) as modem:
            modem.clock.read()
        with modemtls.open(address, timeout=3) as modem:
            assert modem.identity.product == "GM02S"
            assert modem.command("AT+CGMM").lines == ("GM02S",)


def test_socket_takes_one_client_after_the_other() -> None:
    modem = simulator({})
    with (
        PtyServer(modem) as server,
        FaultySocket(FaultyLine(), open_port(server.path)) as end,
    ):
        for _ in range(3):
            with modemtls.open(end.url) as client:
                assert client.model.name == "sequans-gm02s"


def test_port_without_a_descriptor_has_no_end_for_others() -> None:
    port = SimPort(simulator({}))
    with pytest.raises(ValueError, match="FaultyPort"):
        FaultyPty(FaultyLine(), port)
    port.close()


# What the line does to import and request.


def _sent(monkeypatch: pytest.MonkeyPatch, sim: Gm02s, act: Callable[[Modem], object]) -> bytes:
    """What goes to the modem while ``act`` runs on a line without faults."""
    sent = bytearray()

    class Tap(FaultyPort):
        def write(self, data: bytes, timeout: float) -> None:
            sent.extend(data)
            super().write(data, timeout)

    with opened(Tap(FaultyLine(), SimPort(sim)), monkeypatch) as modem, contextlib.suppress(ModemError):
        act(modem)
    return bytes(sent)


def _slot_of_removal(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where, in what is sent, the slot's number stands in the command that removes the old CA."""

    def replace(modem: Modem) -> None:
        modem.trust(PEMS[0])
        modem.trust(NEW)

    sent = _sent(monkeypatch, simulator({}), replace)
    assert sent.count(b",0\r", sent.rindex(b"AT+SQNSNVW=")) == 1
    return sent.index(b",", sent.rindex(b"AT+SQNSNVW=")) + 1


def test_removal_that_reaches_another_slot_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    first = _slot_of_removal(monkeypatch)
    results = Counter[str]()
    for where in (first, first + 1):
        for seed in range(24):  # each bit is among them
            faults = Faults(flip=1.0, window=(where, where + 1))
            sim = simulator({})
            with opened(WatchedPort(FaultyLine(seed, to_modem=faults), SimPort(sim)), monkeypatch) as modem:
                old = modem.trust(PEMS[0])
                sim.nvm.put("certificate", 11, PEMS[1])
                try:
                    installed = modem.trust(NEW)
                except ModemError as error:
                    results[type(error).__name__] += 1
                    continue
                results["success"] += 1
                assert sim.nvm.get("certificate", installed.slot) == NEW, (where, seed)
                assert sim.nvm.get("certificate", old.slot) is None, (where, seed)
                assert sim.nvm.get("certificate", 11) == PEMS[1], (where, seed)
    assert results["CredentialError"] > 24, results


@pytest.mark.parametrize(("kind", "pem"), [("certificate", NEW), ("privatekey", KEY)])
def test_credential_whose_algorithm_was_damaged_is_refused_by_the_simulated_modem(
    kind: str, pem: bytes
) -> None:
    head, *lines, tail = pem.strip().split(b"\n")
    curve = bytes.fromhex("06082a8648ce3d030107")
    der = base64.b64decode(b"".join(lines)).replace(curve, curve[:-1] + b"\x55")
    damaged = b"\n".join((head, base64.b64encode(der), tail, b""))
    assert damaged != pem
    sim = simulator({})
    sim.feed(f'AT+SQNSNVW="{kind}",5,{len(damaged)}\r'.encode())
    sim.take()
    sim.feed(damaged)
    assert b"ERROR" in sim.take()
    sim.close()


class Clear(socketserver.ThreadingTCPServer):
    """A server without TLS; ``heard`` is what the first bytes on each connection were."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        super().__init__(("127.0.0.1", 0), ClearConnection)


class ClearConnection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Clear)
        with contextlib.suppress(OSError):
            self.request.settimeout(2.0)
            self.server.heard.append(self.request.recv(65_536))


@pytest.fixture
def clear() -> Iterator[Clear]:
    with Clear() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("way", "command", "digits"),
    [("stream", b"AT+SQNSSCFG=", (0, 2, 4)), ("modem", b"AT+SQNHTTPCFG=2", (-1, 27, 35))],
)
def test_flipped_bit_never_sends_a_request_in_the_clear(
    way: Literal["stream", "modem"],
    command: bytes,
    digits: tuple[int, ...],
    clear: Clear,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"map": f"device.test:443=127.0.0.1:{clear.server_address[1]}"}

    def ask(modem: Modem) -> None:
        modem.trust(NEW)
        modem.https("device.test", http=way).get("/", headers={"Authorization": "secret"}, timeout=3.0)

    sent = _sent(monkeypatch, simulator(settings), ask)
    begin = sent.index(command) + len(command)
    for where in digits:
        for seed in range(24):
            line = FaultyLine(seed, to_modem=Faults(flip=1.0, window=(begin + where, begin + where + 1)))
            with (
                opened(WatchedPort(line, SimPort(simulator(settings))), monkeypatch) as modem,
                pytest.raises(ModemError),
            ):
                ask(modem)
            assert line.to_modem.damaged == 1
    assert any(heard.startswith(b"\x16") for heard in clear.heard)  # with TLS it came this far
    assert not [heard for heard in clear.heard if b"GET" in heard]


def _tell(title: str, outcomes: list[tuple[int, Outcome]]) -> None:
    """The figures, for who runs this with ``-s``."""
    words = Counter(outcome.word for _, outcome in outcomes)
    wrong = Counter(f"{outcome.word}: {outcome.wrong}" for _, outcome in outcomes if outcome.wrong)
    again = Counter(outcome.again[:24] for _, outcome in outcomes if outcome.again)
    longest = max(outcome.seconds for _, outcome in outcomes)
    print(f"\n{title}: {len(outcomes)} runs, longest {longest:.0f} virtual s, {dict(words)}")
    print(f"  undetected: {dict(wrong)}\n  repeated after an error: {dict(again)}")


def _nothing_to_check_by(outcome: Outcome) -> bool:
    """As many bytes came as were announced, and a line end after them: no other check is in the protocol.

    A body of another length, or another status, is never excused, nor is damage in the other direction: what the
    server then got is another request, and its answer to that is judged.
    """
    if outcome.wrong != "body differs, as long" or outcome.line_checked:
        return False
    kinds = Counter(damage.kind for damage in outcome.to_host)
    lost = kinds["drop"] + kinds["overrun"]
    # Two line ends before an event, where the body ends: the first one stands for two lost bytes.
    return kinds["flip"] > 0 or (lost > 0 and kinds["double"] > 0) or (lost > 1 and outcome.has_events)


@pytest.mark.parametrize("part", range(PARTS))
def test_import_never_ends_silently_wrong(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = []
    for seed in range(part, IMPORT_RUNS, PARTS):
        outcome = import_run(seed, monkeypatch)  # what is no ModemError, and a hang, goes through
        outcomes.append((seed, outcome))
        for what in filter(None, outcome.wrong.split("; ")):
            told = f"seed {seed}: {what} after {outcome.word}; {outcome.faults}; {outcome.damage[:5]}"
            # The certificate is the same one when only the PEM around it has changed.
            assert "spelt otherwise" in what or what.startswith("unverified"), told
        if outcome.again:
            assert "differs" not in outcome.again, (seed, outcome)
            # A slot of the caller's choice that the first time has filled is not written over.
            in_step = ("again (", "again CredentialError: Slot 12 holds something else")
            assert outcome.again.startswith(in_step), (seed, outcome)
    _tell(f"import {part}", outcomes)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("device.test",), ca=trustme.CA(key_type=trustme.KeyType.ECDSA)) as running:
        yield running


@pytest.mark.parametrize("part", range(PARTS))
def test_request_never_ends_silently_wrong(
    part: int, server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for seed in range(part, REQUEST_RUNS, PARTS):
        outcome = request_run(seed, server, monkeypatch)
        outcomes.append((seed, outcome))
        if outcome.wrong:
            assert _nothing_to_check_by(outcome), (seed, outcome)
        # A real connection is in it, so a loaded computer may fail it, but the line is in step.
        assert not outcome.again.startswith(("again HttpError", "again ModemTimeout")), (seed, outcome)
    _tell(f"request {part}", outcomes)


@pytest.fixture(scope="module")
def old_server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("device.test",), tls_max=TlsVersion.TLS1_0) as running:
        yield running


# Python's ssl cannot decode a server name that the line has damaged, and says so of the server's callback.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", range(PARTS))
def test_request_over_a_checked_line_is_never_wrong(
    part: int, server: HttpsServer, old_server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for seed in range(part, CHECKED_RUNS, PARTS):
        outcome = checked_run(seed, server, old_server, monkeypatch)
        outcomes.append((seed, outcome))
        assert not outcome.wrong, (seed, outcome)
        assert outcome.word != "request altered on its way", (seed, outcome)
        if outcome.word in ("complete", "of no length"):
            assert outcome.line_checked, (seed, outcome)
    assert any(outcome.line_checked for _, outcome in outcomes)
    _tell(f"checked {part}", outcomes)
