from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.at import Announced, Command, Dialect, Marked, Reply, fields, raw, secret, starts
from modemtls.at.syntax import quote
from modemtls.errors import HttpError, ModemError, ModemReset, ModemTimeout, PortError, Reason
from modemtls.op import Op, SetLine
from modemtls.port import Port

from .conftest import Chunk, Script, Talk
from .peer import HOSTILE, Peer

READ = Command.read("+X")
SENT = b"AT+X?\r"
PROBE = b"AT+CMEE?\r"
LAST = b"AT+CMEE=?\r"
LAST_ANSWER: list[Chunk] = [b"\r\n+CMEE: (0-2)\r\n\r\nOK\r\n"]
SHOW_RESULTS = b"ATQ0\r"
PROBED: list[Chunk] = [b"\r\n+CMEE: 1\r\n\r\nOK\r\n"]
ANSWER: list[Chunk] = [b"\r\n+X: 7\r\n\r\nOK\r\n"]


def count(line: str) -> int | None:
    values = fields(line)
    return int(values[0]) if values and values[0].isdecimal() else None


def number(value: int) -> Command:
    return Command.set("+NUM", value)


def upload(talk: Talk, data: bytes = HOSTILE * 9) -> Op[Reply]:
    return talk.channel.upload(Command.set("+UP", len(data)), data, prompt_timeout=3.0, timeout=5.0)


OPERATIONS: dict[str, Callable[[Talk], Op[Reply]]] = {
    "command": lambda talk: talk.channel.command(number(1)),
    "slow": lambda talk: talk.channel.command(Command.set("+SLOW", 3), timeout=1.0),
    "upload": upload,
    "small upload": lambda talk: upload(talk, b"\rAT+DANGER\r"[:4]),
    "download": lambda talk: talk.channel.download(
        Command.set("+DOWN", 1), Announced(count, len(HOSTILE)), idle_timeout=2.0
    ),
    "body": lambda talk: talk.channel.download(Command.set("+BODY", 1), Marked(b"<<<", len(HOSTILE))),
}
ERRORS: list[type[BaseException]] = [KeyboardInterrupt, PortError, asyncio.CancelledError]


def make(error: type[BaseException]) -> BaseException:
    return PortError("gone", reasons={Reason.PORT_GONE}) if error is PortError else error()


def harmless(peer: Peer) -> None:
    """No data became a command, and no payload byte an event."""
    assert not [line for line in peer.executed if "DANGER" in line]


def in_order(talk: Talk, peer: Peer, *, within: float = 10.5) -> None:
    """The next commands get their own answers, or a timeout within the time for recovery."""
    for value in (41, 42, 43):
        began = peer.time
        try:
            reply = talk(talk.channel.command(number(value)))
        except ModemTimeout:
            assert talk.channel.is_recovering
            assert peer.time - began <= within
            continue
        assert reply.lines == (f"+NUM: {value}",)
    reply = talk(talk.channel.command(number(44)))
    assert reply.lines == ("+NUM: 44",)
    events = talk.events()
    assert not [line for line in events if "99" in line or "RING" in line or "SYSSTART" in line]


def settled(talk: Talk, peer: Peer) -> None:
    """After a restart has been heard, all is in order again."""
    peer.fail = lambda now: None
    peer.time += 3
    talk(talk.channel.poll(0))
    talk.channel.discard(starts("+SYSSTART"))
    in_order(talk, peer)


@pytest.mark.parametrize("half", ["before", "half", "after"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_error_at_each_step_and_the_next_command_is_right(
    name: str, error: type[BaseException], half: str
) -> None:
    for step in range(1, 60):
        peer = Peer()
        peer.half = half
        peer.fail = lambda now, step=step: make(error) if now == step else None  # type: ignore[misc]
        talk = Talk(peer)
        try:
            talk(OPERATIONS[name](talk))
        except error:
            pass
        except ModemTimeout:
            assert name == "slow"
        reached = peer.steps >= step
        peer.fail = lambda now: None
        in_order(talk, peer)
        harmless(peer)
        if not reached:
            break
    else:
        assert name in ("upload", "download", "body")
    assert step > 3


@given(
    st.sampled_from(sorted(OPERATIONS)),
    st.sets(st.integers(1, 50), min_size=1, max_size=8),
    st.sampled_from(["before", "half", "after"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([b"\r\n> ", b">", b"\r\n>>>"]),
    st.sampled_from([0.0, 2.0, 4.0, 8.0]),
    st.integers(1, 700),
)
def test_errors_in_the_recovery_too(
    name: str, steps: set[int], half: str, echo: bool, flushes: bool, prompt: bytes, delay: float, chunk: int
) -> None:
    peer = Peer(echo=echo, flushes=flushes, prompt=prompt, prompt_delay=delay, chunk=chunk)
    peer.half = half
    peer.fail = lambda now: KeyboardInterrupt() if now in steps else None
    talk = Talk(peer)
    for _ in range(9):
        began = peer.time
        try:
            talk(OPERATIONS[name](talk))
            break
        except (KeyboardInterrupt, ModemTimeout):
            assert peer.time - began < 30
    peer.fail = lambda now: None
    in_order(talk, peer)
    harmless(peer)


def test_a_late_answer_is_not_the_next_commands() -> None:
    with Script(
        (SENT, [(5.5, b"\r\n+X: 6\r\n\r\nOK\r\n")]),
        (PROBE, PROBED),
        (b"AT+Y?\r", [b"\r\n+Y: 1\r\n\r\nERROR\r\n"]),
    ) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        reply = talk(talk.channel.command(Command.read("+Y")))
        assert (reply.lines, reply.ok) == (("+Y: 1",), False)


@pytest.mark.parametrize("again", [0.0, 0.3, 0.9, 1.9, 2.9])
def test_the_answers_of_several_probes_are_not_the_next_commands(again: float) -> None:
    with Script(
        (SENT, []),
        (PROBE, []),
        (PROBE, [(0.2, b"\r\n+CMEE: 1\r\n\r\nOK\r\n")]),
        (LAST, [(again, b"\r\n+CMEE: 1\r\n\r\nOK\r\n"), *LAST_ANSWER]),
        (SENT, ANSWER),
    ) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


@pytest.mark.parametrize("busy", [2, 9, 16, 40])
def test_a_modem_that_is_busy_for_long_answers_all_probes_first(busy: int) -> None:
    peer = Peer()
    talk = Talk(peer)
    with pytest.raises(ModemTimeout):
        talk(talk.channel.command(Command.set("+SLOW", busy), timeout=1.0))
    while True:
        began = peer.time
        try:
            reply = talk(talk.channel.command(number(5)))
            break
        except ModemTimeout:
            assert peer.time - began == pytest.approx(10.0, abs=1.0)
    assert reply.lines == ("+NUM: 5",)
    in_order(talk, peer)


def test_a_late_answer_to_the_probes_own_command_is_not_the_probes() -> None:
    late = b"\r\n+CMEE: 0\r\n\r\nOK\r\n"
    with Script((PROBE, []), (PROBE, [late]), (LAST, [(0.5, late), *LAST_ANSWER]), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(raw("AT+CMEE?")))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_a_late_payload_is_no_answer_and_no_event() -> None:
    peer = Peer(latency=4.0)
    talk = Talk(peer)
    for name in ("download", "body"):
        peer.fail = lambda now, at=peer.steps + 3: KeyboardInterrupt() if now == at else None  # type: ignore[misc]
        with pytest.raises(KeyboardInterrupt):
            talk(OPERATIONS[name](talk))
        peer.latency = 0.01
        in_order(talk, peer)
        peer.latency = 4.0
    assert talk.channel.restarts == 0


def test_a_payload_longer_than_the_recovery_is_read_to_its_end() -> None:
    peer = Peer(rate=100.0)
    peer.payload = HOSTILE * 20
    talk = Talk(peer)
    peer.fail = lambda now: KeyboardInterrupt() if now == 5 else None
    with pytest.raises(KeyboardInterrupt):
        talk(talk.channel.download(Command.set("+DOWN", 1), Announced(count, 10_000)))
    began = peer.time
    with pytest.raises(ModemTimeout):
        talk(talk.channel.command(number(1)))
    assert peer.time - began < 11
    while True:
        try:
            reply = talk(talk.channel.command(number(2)))
            break
        except ModemTimeout:
            assert peer.time < 200
    assert reply.lines == ("+NUM: 2",)
    assert talk.channel.restarts == 0
    assert talk.events() == []


@pytest.mark.parametrize("flushes", [False, True])
@pytest.mark.parametrize("size", [1, 5, 9, 10, 500, 5000])
def test_a_lost_prompt_never_repeats_the_command_and_data_are_no_commands(size: int, flushes: bool) -> None:
    peer = Peer(prompt=b"", flushes=flushes)
    talk = Talk(peer)
    data = (HOSTILE * 50)[-size:]
    with pytest.raises(ModemTimeout):
        talk(upload(talk, data))
    in_order(talk, peer)
    assert peer.executed.count(f"AT+UP={size}") == 1
    assert [len(taken) for taken in peer.taken] == [size]
    harmless(peer)


@pytest.mark.parametrize("delay", [2.9, 3.5, 6.5, 9.0, 14.0, 30.0])
@pytest.mark.parametrize("flushes", [False, True])
def test_a_late_prompt(delay: float, flushes: bool) -> None:
    peer = Peer(prompt_delay=delay, flushes=flushes)
    talk = Talk(peer)
    data = HOSTILE * 30
    if delay < 3:
        assert talk(upload(talk, data)).ok
    else:
        with pytest.raises(ModemTimeout):
            talk(upload(talk, data))
    for _ in range(6):
        try:
            reply = talk(talk.channel.command(number(5)))
            break
        except ModemTimeout:
            continue
    assert reply.lines == ("+NUM: 5",)
    assert peer.executed.count(f"AT+UP={len(data)}") == 1
    if delay < 8:
        assert peer.taken == [data]
    harmless(peer)
    in_order(talk, peer)


@pytest.mark.parametrize("step", range(1, 12))
def test_a_restart_in_the_middle_of_an_upload(step: int) -> None:
    peer = Peer(latency=0.5)
    talk = Talk(peer)

    def restart(now: int) -> None:
        if now == step:
            peer.restart()

    peer.fail = restart
    try:
        talk(upload(talk))
        assert peer.taken
    except ModemReset:
        assert talk.channel.restarts == 1
    settled(talk, peer)
    harmless(peer)


def test_a_restart_between_a_cancelled_upload_and_the_next_command_gets_no_data() -> None:
    peer = Peer()
    talk = Talk(peer)
    peer.fail = lambda now: KeyboardInterrupt() if now == 5 else None
    with pytest.raises(KeyboardInterrupt):
        talk(upload(talk))
    peer.restart()
    peer.time += 60
    talk(talk.channel.ready())
    assert talk.channel.restarts == 1
    settled(talk, peer)
    harmless(peer)


@pytest.mark.parametrize("name", ["command", "download", "body", "slow"])
@pytest.mark.parametrize("step", range(2, 8))
def test_a_restart_in_the_middle(name: str, step: int) -> None:
    peer = Peer(latency=0.5)
    talk = Talk(peer)
    done = False

    def restart(now: int) -> None:
        nonlocal done
        if now >= step and not done:
            done = True
            peer.restart()

    peer.fail = restart
    with contextlib.suppress(ModemReset, ModemTimeout, HttpError):
        talk(OPERATIONS[name](talk))
    settled(talk, peer)


def test_a_payload_that_breaks_off() -> None:
    with Script(
        (b"AT+GET=1\r", [b"\r\n+GET: 500\r\nabc\r\n+RING: 1\r\n"]),
        (PROBE, PROBED),
        (LAST, LAST_ANSWER),
        (SENT, ANSWER),
    ) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.download(Command.set("+GET", 1), Announced(count, 500), idle_timeout=4.0))
        assert caught.value.reasons == {Reason.BYTES_LOST, Reason.NO_ANSWER}
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert port.time - 1000 < 6
        assert talk.events() == []


def test_bytes_of_unknown_number_are_drained_before_the_next_command() -> None:
    bogus = b"x\r\n+CMEE: 1\r\n\r\nOK\r\n\r\n+SYSSTART\r\n"
    with Script(
        (b"AT+GET=1\r", [b"\r\n+GET: 999999999\r\n", *[(0.1, bogus)] * 20]),
        (PROBE, PROBED),
        (LAST, LAST_ANSWER),
        (SENT, ANSWER),
    ) as port:
        talk = Talk(port)
        with pytest.raises(HttpError):
            talk(talk.channel.download(Command.set("+GET", 1), Announced(count, 500)))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert talk.events() == []
        assert talk.channel.restarts == 0


def test_bytes_that_never_end_are_a_timeout() -> None:
    flood: list[Chunk] = [(0.1, b"x" * 100)] * 400
    with Script((b"AT+GET=1\r", [b"\r\n+GET: 999999999\r\n", *flood]), (PROBE, [])) as port:
        talk = Talk(port)
        with pytest.raises(HttpError):
            talk(talk.channel.download(Command.set("+GET", 1), Announced(count, 500)))
        began = port.time
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        assert port.time - began <= 10.5


SILENCE: list[tuple[bytes, list[Chunk]]] = [
    (PROBE, []),
    (PROBE, []),
    *[(SHOW_RESULTS, []), (PROBE, [])] * 6,
    (SHOW_RESULTS, []),
]


def test_results_that_are_switched_off_are_switched_on_again() -> None:
    pairs: list[tuple[bytes, list[Chunk]]] = [
        (PROBE, [b"+CMEE: 1\r\n"]),
        (PROBE, [b"+CMEE: 1\r\n"]),
        (SHOW_RESULTS, [b"\r\nOK\r\n"]),
        (PROBE, PROBED),
        (LAST, LAST_ANSWER),
    ]
    with Script((SENT, [b"+X: 7\r\n"]), *pairs, (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.command(READ))
        assert caught.value.lines == ("+X: 7",)
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_a_dead_modem_is_a_timeout_each_time_and_comes_back() -> None:
    port = Script((SENT, []), *SILENCE)
    talk = Talk(port)
    with pytest.raises(ModemTimeout):
        talk(talk.channel.command(READ))
    for _ in range(2):
        began = port.time
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.command(READ))
        assert caught.value.reasons == {Reason.NO_ANSWER}
        assert "AT+X?" in str(caught.value)
        assert port.time - began == pytest.approx(10.0)
        port.expect(*SILENCE)
    port = Script((PROBE, PROBED), (LAST, LAST_ANSWER), (SENT, ANSWER))
    talk.port = port
    assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
    port.close()


def test_garbage_in_the_recovery_is_named() -> None:
    noise: list[Chunk] = [b"\xf8\x80\r\n\xfe"]
    tries: list[tuple[bytes, list[Chunk]]] = [(SHOW_RESULTS, []), (PROBE, noise)] * 4
    with Script((SENT, []), *[(PROBE, noise)] * 2, *tries, (SHOW_RESULTS, [])) as port:
        talk = Talk(port, recover_timeout=3.0)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        with pytest.raises(ModemTimeout) as caught:
            talk(talk.channel.command(READ))
        assert Reason.GARBAGE_ON_LINE in caught.value.reasons


@pytest.mark.parametrize("stray", [b"\r\n> ", b">>>", b"\0\0\0", b"\xff\xfe\0\r\n", b"\r\n\r\n", b"OK\r\n"])
def test_strays_between_exchanges_change_nothing(stray: bytes) -> None:
    with Script((SENT, ANSWER), (b"AT+UP=2\r", [b"\r\n> "]), (b"ab", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        port.say([stray])
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        port.say([stray])
        assert talk(talk.channel.upload(Command.set("+UP", 2), b"ab", prompt_timeout=1.0)).ok


def test_a_modem_left_in_digits_is_understood_again() -> None:
    with Script(
        (b"ATV0\r", [b"0\r"]),
        (PROBE, [b"+CMEE: 1\r\n0\r"]),
        (SENT, [b"+X: 7\r\n0\r"]),
    ) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(raw("ATV0")))
        assert talk(talk.channel.command(READ)).ok


def test_echoes_of_the_recovery_are_no_events() -> None:
    peer = Peer(echo=True)
    talk = Talk(peer)
    with pytest.raises(ModemTimeout):
        talk(talk.channel.command(Command.set("+SLOW", 3), timeout=1.0))
    talk(talk.channel.ready())
    assert talk.events() == ["+SLOW: 3"]


def test_a_late_echo_of_a_secret_is_hidden() -> None:
    command = Command.set("+CPIN", secret(quote("471147")))
    with Script(
        (b'AT+CPIN="471147"\r', [(5.5, b'AT+CPIN="4711\xff47"\r\r\nOK\r\n')]), (PROBE, PROBED), (SENT, ANSWER)
    ) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(command))
        talk(talk.channel.command(READ))
        assert talk.events() == ["***"]


def test_a_poll_or_a_wait_recovers_first() -> None:
    with Script((SENT, []), (PROBE, [b"\r\n+CMEE: 1\r\n\r\nOK\r\n\r\n+RING: 1\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        assert talk.channel.is_recovering
        assert talk(talk.channel.wait(starts("+RING"), 1.0)) is not None
        assert not talk.channel.is_recovering


def test_waking_keeps_what_broke_before_it() -> None:
    peer = Peer()
    talk = Talk(peer)
    peer.fail = lambda now: KeyboardInterrupt() if now == 5 else None
    with pytest.raises(KeyboardInterrupt):
        talk(upload(talk))
    peer.fail = lambda now: None
    talk(talk.channel.wake(2.0))
    in_order(talk, peer)
    harmless(peer)


@given(st.lists(st.tuples(st.floats(0, 3), st.binary(max_size=40)), max_size=12))
def test_nothing_hangs_whatever_arrives(noise: list[tuple[float, bytes]]) -> None:
    class Deaf(Script):
        def write(self, data: bytes, timeout: float) -> None:
            self.written += data

    port = Deaf(first=list(noise))
    talk = Talk(port, Dialect(boot_urcs=("+SYSSTART",)))
    operations: list[Op[object]] = [
        talk.channel.command(READ),
        talk.channel.upload(Command.set("+UP", 3), b"abc", prompt_timeout=2.0),
        talk.channel.download(Command.set("+X", 3), Announced(count, 100)),
        talk.channel.wait(starts("+RING"), 2.0),
        talk.channel.wake(2.0),
    ]
    for op in operations:
        began = port.time
        with contextlib.suppress(ModemError):
            talk(op)
        assert port.time - began < 60


class Reporting(Port):
    """A modem that answers by ``answer``, and says ``event`` each ``gap`` seconds while it says nothing else."""

    name = "reporting"
    virtual_time = True

    def __init__(self, answer: Callable[[str], bytes], gap: float, event: bytes) -> None:
        self.answer, self.gap, self.event = answer, gap, event
        self.lines: list[str] = []
        self._line, self._due, self._time = bytearray(), bytearray(), 0.0
        self._reported_at = 0.0

    def write(self, data: bytes, timeout: float) -> None:
        for byte in data:
            if byte == 0x0D:
                self.lines.append(self._line.decode("latin-1"))
                self._line.clear()
                self._due += self.answer(self.lines[-1])
            else:
                self._line.append(byte)

    def read(self, timeout: float) -> bytes:
        if not self._due and self.event and self._reported_at + self.gap <= self._time + timeout:
            self._time = self._reported_at = max(self._time, self._reported_at + self.gap)
            self._due += self.event
        elif not self._due:
            self._time += timeout
        data = bytes(self._due)
        self._due.clear()
        return data

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += seconds

    def set_line(self, line: SetLine) -> None:
        raise AssertionError("nobody asked for another line setting")

    def close(self) -> None:
        pass


def _loses_a_byte(gap: float, event: bytes, *, knows_last: bool = True) -> Reporting:
    """A modem that loses one byte of its first payload, and reports ``event`` each ``gap`` seconds, for ever."""

    def answer(line: str) -> bytes:
        if line.startswith("AT+GET"):
            return b"\r\n+GET: 100\r\n" + b"x" * 99 + b"\r\n\r\nOK\r\n"
        last = b"\r\n+CMEE: (0-2)\r\n\r\nOK\r\n" if knows_last else b"\r\nERROR\r\n"
        known = {"AT+CMEE?": b"\r\n+CMEE: 1\r\n\r\nOK\r\n", "AT+CMEE=?": last}
        return known.get(line, b"\r\n+X: 7\r\n\r\nOK\r\n")

    return Reporting(answer, gap, event)


@pytest.mark.parametrize("knows_last", [True, False])
@pytest.mark.parametrize("recover_timeout", [2.0, 10.0])
@pytest.mark.parametrize("gap", [0.001, 0.02, 0.1, 0.25, 0.29, 0.5])
def test_a_modem_that_never_stops_reporting_events_is_in_step_at_the_next_call(
    gap: float, recover_timeout: float, knows_last: bool
) -> None:
    port = _loses_a_byte(gap, b"\r\n+RING: 1\r\n", knows_last=knows_last)
    talk = Talk(port, recover_timeout=recover_timeout)
    with pytest.raises(HttpError):
        talk(talk.channel.download(Command.set("+GET", 1), Announced(count, 100)))
    began = port.now()
    assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
    assert port.now() - began < recover_timeout * 1.1
    assert not talk.channel.is_recovering
    if gap < 0.3:
        assert talk.channel.dropped_events > 0
    assert set(talk.events()) <= {"+RING: 1"}


@pytest.mark.parametrize("gap", [0.001, 0.02, 0.1, 0.25, 0.29])
def test_lines_that_never_stop_and_are_no_known_events_are_dropped_and_counted(gap: float) -> None:
    port = _loses_a_byte(gap, b"\r\n+STRANGE: 1\r\n")
    talk = Talk(port)
    with pytest.raises(HttpError):
        talk(talk.channel.download(Command.set("+GET", 1), Announced(count, 100)))
    talk(talk.channel.ready())
    assert talk.channel.dropped_events > 3 / gap  # 2.5 s before each of the two questions
    assert talk(talk.channel.command(READ)).ok


@pytest.mark.parametrize("gap", [0.001, 0.1, 0.29])
def test_a_payload_that_goes_on_is_no_event_and_no_answer_to_the_probe(gap: float) -> None:
    port = _loses_a_byte(gap, HOSTILE + b"\r\n+CMEE: 1\r\n\r\nOK\r\n+RING: 99\r\n+SYSSTART\r\n")
    talk = Talk(port)
    with pytest.raises(HttpError):
        talk(talk.channel.download(Command.set("+GET", 1), Announced(lambda line: 9**9, 100)))
    answer, port.answer = port.answer, lambda line: b""
    for _ in range(2):
        began = port.now()
        with pytest.raises(ModemTimeout):
            talk(talk.channel.ready())
        assert port.now() - began <= 11.0
    assert talk.events() == []
    assert talk.channel.restarts == 0
    port.answer, port.event = answer, b""
    with contextlib.suppress(ModemTimeout):  # an answer to what was asked before could still come
        talk(talk.channel.ready())
    assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
    assert talk.events() == []


def test_an_error_speaks_of_no_question_that_was_not_asked() -> None:
    port = _loses_a_byte(0.1, b"\r\n+RING: 1\r\n")
    talk = Talk(port, recover_timeout=0.0)
    with pytest.raises(HttpError):
        talk(talk.channel.download(Command.set("+GET", 1), Announced(count, 100)))
    with pytest.raises(ModemTimeout) as caught:
        talk(talk.channel.ready())
    assert "CMEE" not in str(caught.value)
    assert caught.value.command == "AT+GET=1"
    assert not [line for line in port.lines if "CMEE" in line]


def test_an_upload_goes_on_while_events_are_reported() -> None:
    port = _loses_a_byte(0.02, b"\r\n+RING: 1\r\n")
    answered, port.answer = (
        port.answer,
        lambda line: b"\r\n> " if line.startswith("AT+UP") else answered(line),
    )
    talk = Talk(port)
    with pytest.raises(ModemTimeout):
        talk(talk.channel.upload(Command.set("+UP", 2), b"a\r", prompt_timeout=0.0))
    began = port.now()
    assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
    assert port.now() - began < 5
