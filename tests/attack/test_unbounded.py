"""A modem that never stops, or announces what nobody can hold: a typed error, bounded memory, counted losses."""

from __future__ import annotations

import datetime
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import modemtls
from modemtls import (
    CommandError,
    CredentialError,
    CredentialKind,
    HttpError,
    Modem,
    ModemError,
    NetworkError,
    Reason,
)
from modemtls.at import Channel, Command, free_text
from modemtls.at.events import MAX_EVENT_CHARACTERS, MAX_EVENTS
from modemtls.https.session import HttpWay
from modemtls.op import run
from modemtls.port import Port
from modemtls.sim import Raw, Result, SimPort, on
from modemtls.sim.server import HttpsServer
from modemtls_sequans.driver import SequansDriver
from modemtls_sequans.simulator import Gm02s

from .conftest import attack_size
from .line import HostilePort

URL = "sim://sequans-gm02s"
PLENTY = 6_000_000
"""Bytes that our side may hold while a modem floods it with lines of up to 4 kB: a thousand of them, and an answer."""


def peak_of(work: Callable[[], object]) -> int:
    """The most memory that ``work`` has at any time, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def channel_to(stream: Callable[[], bytes], *, chunk: int = 65_536) -> tuple[Channel, HostilePort]:
    """A channel to a modem that answers nothing and says what ``stream`` gives, a piece a millisecond."""
    port = HostilePort(lambda line: b"", chunk=chunk)
    port.stream = stream
    return Channel(SequansDriver.dialect, command_timeout=2.0, recover_timeout=1.0), port


CLOCK = Command.read("+CCLK")

FLOODS: dict[str, bytes] = {
    "letters": b"A" * 4096,
    "NULs": b"\0" * 4096,
    "bytes of 0xFF": b"\xff" * 4096,
    "carriage returns": b"\r" * 4096,
    "line feeds": b"\n" * 4096,
    "prompts": b"> " * 2048,
    "a quote and commas": b'"' + b"," * 4095,
    "half result codes": b"\r\nO" + b"K" * 4093,
    "short lines": b"x\r\n" * 1365,
    "lines of 100": (b"y" * 98 + b"\r\n") * 40,
    "its own answer": b"+CCLK: 1\r\n" * 409,
    "its own answer without an end": b"+CCLK: " + b"1" * 4089,
    "half an echo": b"AT+CCLK" * 585,
}


@pytest.mark.parametrize("what", FLOODS)
def test_flood_without_an_end(what: str) -> None:
    """As long as a command may take, and much longer than any line is: the error has a type, and time passes."""
    piece = FLOODS[what]
    channel, port = channel_to(lambda: piece * 4)
    port.chunk_seconds = 0.25 if b"\n" in piece else 0.002  # lines take work, and 8 MB/s is no modem's pace
    caught: list[ModemError] = []

    def ask() -> None:
        for _ in range(3):
            try:
                run(channel.command(CLOCK), port)
            except ModemError as error:
                caught.append(error)

    peak = peak_of(ask)
    assert len(caught) == 3
    assert peak < PLENTY, f"{peak} bytes held of {port.given}"
    assert port.given > 150_000
    assert all(sum(map(len, (str(error), *error.lines))) < 10_000 for error in caught)


@pytest.mark.parametrize(
    ("letter", "seconds"), [(b"x", 1.0), (b"\xff", 0.02), ("\N{GRINNING FACE}".encode(), 1.0)]
)
def test_the_longest_lines_that_are_kept_as_events(letter: bytes, seconds: float) -> None:
    """Lines as long as a line can be, in the letters that take most: what is kept is bounded by its size too."""
    said = 0

    def say() -> bytes:
        nonlocal said
        said += 1
        return letter * (40_000 // len(letter)) + b"\r\n"

    channel, port = channel_to(say)

    def wait() -> None:
        run(channel.wait(lambda line: False, seconds), port)

    assert peak_of(wait) < PLENTY
    kept = list(iter(lambda: channel.take(lambda line: True), None))
    assert kept
    assert sum(len(event.line) for event in kept) <= MAX_EVENT_CHARACTERS
    assert len(kept) + channel.dropped_events == said
    assert said > 500 * seconds
    assert channel.dropped_events > 0


@pytest.mark.parametrize("line", [b"x\r\n", b"+X\r\n", b"y" * 400 + b"\r\n", b"\xff" * 9000 + b"\r\n"])
def test_the_longest_answer_that_is_collected(line: bytes) -> None:
    """A command that takes every line: what is held is bounded by characters and by lines; the error is short."""
    channel, port = channel_to(lambda: line * (65_000 // len(line)))
    caught: list[CommandError] = []

    def ask() -> None:
        try:
            run(channel.command(free_text("I"), timeout=1000.0), port)
        except CommandError as error:
            caught.append(error)

    assert peak_of(ask) < PLENTY
    assert caught[0].reasons == {Reason.LIMIT_EXCEEDED}
    assert sum(map(len, caught[0].lines)) <= 8192


def test_the_longer_the_flood_the_same_the_memory() -> None:
    peaks = []
    for seconds in (1.0, attack_size(60, 10) * 1.0):
        channel, port = channel_to(lambda: b"+CCLK: " + b"z" * 16_000)

        def ask(channel: Channel = channel, port: HostilePort = port, seconds: float = seconds) -> None:
            with pytest.raises(ModemError):
                run(channel.command(CLOCK, timeout=seconds), port)

        peaks.append(peak_of(ask))
    assert peaks[1] < 1.2 * peaks[0] + 100_000


def test_after_the_flood_the_next_command_is_answered_by_its_own_answer() -> None:
    def answer(line: str) -> bytes:
        if flooding:
            return b""
        return {"AT+CMEE?": b"\r\n+CMEE: 1\r\n\r\nOK\r\n"}.get(line, b"\r\n+CCLK: now\r\n\r\nOK\r\n")

    flooding = True
    port = HostilePort(answer)
    port.stream = lambda: b"+CCLK: 1" * 100
    channel = Channel(SequansDriver.dialect, command_timeout=2.0, recover_timeout=1.0)
    with pytest.raises(ModemError):
        run(channel.command(CLOCK), port)
    flooding, port.stream = False, None
    assert run(channel.command(CLOCK), port).lines == ("+CCLK: now",)


# Events


def test_a_thousand_events_a_second_are_kept_up_to_a_bound_and_the_rest_is_counted() -> None:
    produced = 0

    def say() -> bytes:
        nonlocal produced
        produced += 1
        return f"\r\n+CEREG: 1,{produced}\r\n".encode()

    channel, port = channel_to(say)
    heard: list[str] = []
    channel.listen(lambda event: heard.append(event.line) if len(heard) < 10 else None)
    seconds = attack_size(120, 15)

    def wait() -> None:
        assert run(channel.wait(lambda line: line == "never", float(seconds)), port) is None

    peak = peak_of(wait)
    assert produced >= 1000 * seconds * 0.99
    assert peak < PLENTY
    assert channel.dropped_events == produced - MAX_EVENTS
    newest = run(channel.wait(lambda line: line.endswith(str(produced)), 0.0), port)
    assert newest is not None  # it is the old ones that make room
    assert heard[:2] == ["+CEREG: 1,1", "+CEREG: 1,2"]


def test_commands_are_answered_amid_a_thousand_events_a_second() -> None:
    rng = random.Random(7)
    produced = 0

    def events(count: int) -> bytes:
        nonlocal produced
        produced += count
        return b"".join(b"\r\n+SQNSRING: 3,%d\r\n" % rng.randrange(10**6) for _ in range(count))

    def answer(line: str) -> bytes:
        number = int(line.rpartition("=")[2])
        own = b"\r\n+SQNSI: %d,0\r\n" % number
        return (
            events(rng.randrange(5))
            + own
            + events(rng.randrange(5))
            + b"\r\nOK\r\n"
            + events(rng.randrange(5))
        )

    port = HostilePort(answer, chunk=7)
    port.stream = lambda: events(1)
    channel = Channel(SequansDriver.dialect)
    for number in range(attack_size(20_000, 2_000)):
        assert run(channel.command(Command.set("+SQNSI", number)), port).lines == (f"+SQNSI: {number},0",)
    run(channel.poll(0.0), port)
    port.stream = None
    while run(channel.wait(lambda line: line == "never", 0.1), port) is not None:
        pass
    kept = 0
    while channel.take(lambda line: True) is not None:
        kept += 1
    assert kept == MAX_EVENTS
    assert channel.dropped_events == produced - kept


# Lengths


class Liar(Gm02s):
    """Announces what it likes."""

    announces: str | None = None
    gives = b""
    ring_says = ""
    dial_says = ""

    @on(r"AT\+SQNSRECV=(\d+),(\d+)")
    def command_receive(self, match: re.Match[str]) -> Result:
        if self.announces is None:
            return super().command_receive(match)
        return Raw(f"\r\n+SQNSRECV: {match[1]},{self.announces}\r\n".encode() + self.gives)

    def urc(self, line: str | bytes) -> None:
        if self.ring_says and isinstance(line, str) and line.startswith("+SQNHTTPRING:"):
            line = self.ring_says
        if self.dial_says and isinstance(line, str) and line.startswith("+SQNSD:"):
            line = self.dial_says
        super().urc(line)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test",)) as running:
        yield running


@pytest.fixture
def liar(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Modem, Liar]]:
    one = Liar(map=f"one.test:443=127.0.0.1:{server.port}", registration_delay=0.1)

    def opened(url: str, **how: object) -> Port:
        return SimPort(one, url)

    monkeypatch.setattr("modemtls.connecting.open_port", opened)
    with modemtls.open("sim://liar", model="sequans-gm02s", journal=False) as modem:
        modem.trust(server.ca_pem)
        modem.network.up()
        yield modem, one


LENGTHS = [
    "1000000000",
    "999999999",
    "2147483648",
    "4294967297",
    "18446744073709551617",
    "9" * 400,
    "-1",
    "-1000000000",
    "1501",
    "1e9",
    "0x7fffffff",
    "",
    "nan",
    "٣",
    "+5",
    "--5",
    "9" * 5000,
]


@pytest.mark.parametrize("length", LENGTHS)
def test_length_in_the_answer_to_a_receive(liar: tuple[Modem, Liar], length: str) -> None:
    modem, one = liar
    one.announces, one.gives = length, b"HTTP/1.1 200 OK\r\n"
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            modem.https("one.test", timeout=5).get("/")
        except (HttpError, NetworkError, CommandError, modemtls.ModemTimeout) as error:
            caught.append(error)

    peak = peak_of(ask)
    assert caught, "a length that cannot be was taken"
    assert peak < PLENTY
    one.announces = None
    with modem.https("one.test") as session:
        assert session.get("/").status == 200  # and the modem can be used


@pytest.mark.parametrize("length", [*LENGTHS, "67108865", "-5"])
def test_length_in_the_report_of_a_response(liar: tuple[Modem, Liar], length: str) -> None:
    modem, one = liar
    one.ring_says = f'+SQNHTTPRING: 2,200,"text/plain",{length}'
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            modem.https("one.test", http="modem", timeout=5, max_body=2**26).get("/")
        except (HttpError, NetworkError) as error:
            caught.append(error)

    peak = peak_of(ask)
    assert caught, "a length that cannot be was taken"
    assert peak < PLENTY
    one.ring_says = ""
    with modem.https("one.test", http="modem") as session:
        assert session.get("/").status == 200


@pytest.mark.parametrize(
    "line",
    [
        "+SQNHTTPRING: 2",
        "+SQNHTTPRING: 2,",
        "+SQNHTTPRING: 2,,,",
        '+SQNHTTPRING: 2,99999,"a",5',
        '+SQNHTTPRING: 2,200,"a"',
        "+SQNHTTPRING: 2," + "9" * 30_000,
        '+SQNHTTPRING: 2,200,"' + "a" * 60_000 + '",5',
        '+SQNHTTPRING: 2,200,"' + '",' * 10_000 + '",x',
        "+SQNHTTPRING: 2,200," + '"' * 10_001,
        "+SQNHTTPSH: 2,",
        "+SQNHTTPSH: 2," + "9" * 5000,
        "+SQNHTTPSH: 2,x",
        "+SQNHTTPSH: 2,--5",
    ],
    ids=range(13),
)
def test_report_of_a_response_that_is_nonsense(liar: tuple[Modem, Liar], line: str) -> None:
    modem, one = liar
    one.ring_says = line
    with pytest.raises((HttpError, NetworkError)) as caught:
        modem.https("one.test", http="modem", timeout=5).get("/")
    assert len(str(caught.value)) + sum(map(len, caught.value.lines)) < 100_000
    one.ring_says = ""
    assert modem.https("one.test", http="modem").get("/").status == 200


@pytest.mark.parametrize("code", ["9" * 5000, "--5", "-", "", "x" * 30_000, "-99999999999999999999"])
def test_code_of_a_dial_that_is_nonsense(liar: tuple[Modem, Liar], code: str) -> None:
    modem, one = liar
    one.dial_says = f"+SQNSD: 6,{code}"
    with pytest.raises(ModemError) as caught:
        modem.https("one.test", timeout=5).get("/")
    assert len(str(caught.value)) < 5_000
    modem.explain(one.dial_says)
    one.dial_says = ""
    assert modem.https("one.test").get("/").status == 200


@pytest.mark.parametrize("http", ["stream", "modem"])
def test_body_larger_than_allowed_is_not_held(server: HttpsServer, http: HttpWay) -> None:
    with modemtls.open(f"{URL}?map=one.test:443=127.0.0.1:{server.port}", journal=False) as modem:
        modem.trust(server.ca_pem)
        with modem.https("one.test", http=http, max_body=10_000) as session:
            with pytest.raises(HttpError) as caught:
                session.get("/bytes/10001")
            assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}
            assert len(session.get("/bytes/10000").body) == 10_000
    with modemtls.open(f"{URL}?map=one.test:443=127.0.0.1:{server.port}", journal=False) as modem:
        modem.trust(server.ca_pem)
        with modem.https("one.test", max_body=10_000) as session, pytest.raises(HttpError) as caught:
            session.get("/chunked/500000")  # no length is announced
        assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}


# Certificates


def large_certificate(size: int) -> bytes:
    """A CA certificate in PEM of about ``size`` bytes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Large")])
    now = datetime.datetime.now(datetime.UTC)
    padding = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(size * 48 // 65 - 400)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(padding, critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def test_certificate_of_278_kilobytes_is_refused_before_a_byte() -> None:
    pem = large_certificate(278_000)
    assert 270_000 < len(pem) < 290_000
    with modemtls.open(URL, journal=False) as modem:
        port = modem._port
        assert isinstance(port, SimPort)
        port.simulator.commands.clear()
        for data in (pem, pem * 3):
            with pytest.raises(CredentialError) as caught:
                modem.trust(data)
            assert Reason.TOO_LARGE in caught.value.reasons
        with pytest.raises(CredentialError) as caught:
            modem.credentials.put(pem, CredentialKind.CA)
        assert Reason.TOO_LARGE in caught.value.reasons
        assert not [line for line in port.simulator.commands if line.startswith("AT+SQNSNVW")]


class Talkative(Gm02s):
    """Its listing has whatever it is told to have."""

    listing: tuple[str, ...] = ()

    @on(r'AT\+SQNSNVR="certificate"')
    def command_listing(self, match: re.Match[str]) -> Result:
        return list(self.listing)


LISTINGS: dict[str, tuple[str, ...]] = {
    "one line of 278 kB": ("+SQNSNVR: certificate,19," + "A" * 278_000,),
    "one certificate in PEM, line by line": tuple(large_certificate(278_000).decode().splitlines()),
    "20,000 lines": tuple(f"+SQNSNVR: certificate,{n % 20},a,b,c" for n in range(20_000)),
    "100,000 lines": tuple(f"+SQNSNVR: certificate,{n % 20},a,b,c,d,e,f" for n in range(100_000)),
    "slots that cannot be": tuple(f"+SQNSNVR: certificate,{n},a" for n in (-1, 10**9, 999, "x", "", "1e3")),
    "quotes without an end": ('+SQNSNVR: certificate,19,"' + '"' * 9_999,) * 3,
    "nested parentheses": ("+SQNSNVR: certificate,19," + "(" * 30_000,) * 3,
}


@pytest.mark.parametrize("what", LISTINGS)
def test_listing_that_is_too_long_or_nonsense(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Talkative()
    monkeypatch.setattr("modemtls.connecting.open_port", lambda url, **how: SimPort(one, url))
    with modemtls.open("sim://talkative", model="sequans-gm02s", journal=False) as modem:
        one.listing = LISTINGS[what]

        refusals: list[CommandError] = []

        def look() -> None:
            try:
                for stored in modem.credentials.list():
                    assert 0 <= stored.slot < 1000
                    assert len(stored.subject or "") < 40_000
            except CommandError as error:
                refusals.append(error)

        # the simulated modem's own copies of its listing are in it
        assert peak_of(look) < PLENTY + 30 * sum(map(len, one.listing))
        assert all(error.reasons == {Reason.LIMIT_EXCEEDED} for error in refusals)
        one.listing = ()
        assert modem.credentials.list() == ()
        assert modem.clock.read()


@pytest.mark.parametrize("chunk", [0, 1, 7])
def test_line_end_in_a_name_that_the_modem_shows_as_it_is(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of a protocol of lines: the answer ends there, and an event may come of it; no more than that."""
    one = Talkative(chunk=chunk, clock="2026-05-01T12:00:00Z")
    monkeypatch.setattr("modemtls.connecting.open_port", lambda url, **how: SimPort(one, url))
    with modemtls.open("sim://talkative", model="sequans-gm02s", journal=False) as modem:
        one.listing = ("+SQNSNVR: certificate,19,a\r\nOK\r\n+SQNSH: 6\r\nb",)
        for _ in range(5):
            assert [stored.slot for stored in modem.credentials.list()] == [19]
            assert modem.clock.read().time.year == 2026
