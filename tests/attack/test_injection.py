"""Text that wants to become a command: whatever an argument holds, the modem executes what was asked for.

A case is one call with one hostile argument.  What the simulated modem executed is compared with what it executes
for the same call with harmless arguments: command by command with the quoted values masked, and the bytes on the
line must be exactly those commands and the data that the caller gave.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner
from tests.canaries import PASSWORD, PIN, PSK

import modemtls
from modemtls import (
    Check,
    CommandError,
    Modem,
    ModemError,
    NetworkSettings,
    Psk,
    TlsProfile,
    TlsVersion,
    VerifyPolicy,
)
from modemtls.cli import main
from modemtls.https.session import HttpWay
from modemtls.model import HttpRequest
from modemtls.op import Op, run
from modemtls.port import Port
from modemtls.sim.server import HttpsServer

from .conftest import attack_size
from .line import MODELS, Tap, each_model, options_of, policy_of, simulated, tls_of, ways_of

MODEL = "sequans-gm02s"
#: Those whose prompts this module knows: there each byte on the line is accounted for.
COUNTED = [name for name in MODELS if name.startswith("sequans-")]
each_counted_model = pytest.mark.parametrize("model_name", COUNTED)

C0 = [chr(code) for code in range(32)]
ATOMS = [
    *C0,
    "\x7f",
    '"',
    "\\",
    ",",
    ";",
    "+++",
    "\u2028",
    "\u2029",
    "\x85",
    "\xa0",
    "\u202e",
    "\ufeff",
    "\uff02",
    "\uff1b",
    "\u3002",
    "\u212a",
    "\udc0d",
    "\ud800",
    "\U0001f600",
    "%0D%0AAT+CFUN=0%0D%0A",
    "%22%3B+CFUN=0",
    "%1A",
    "%00",
    "%5C",
    "b\xfccher.example",
    "xn--bcher-kva.example",
    "faß.de",
    "a\u3002b",
    "AT+CFUN=0",
    "\rAT+CFUN=0\r",
    "\r\nAT+CFUN=0\r\n",
    "\nAT+CFUN=0\n",
    '";+CFUN=0',
    '";+CFUN=0;+CGDCONT=1,"IP","',
    '"\rAT+CFUN=0\r"',
    '\\";+CFUN=0;"',
    "\\22;+CFUN=0",
    ";+CFUN=0",
    "\x1aAT+CFUN=0\r",
    "\x1bAT+CFUN=0\r",
    "+++\rATH\r",
    "A/",
    "\rA/\r",
    "\x11\x13",
    '","',
    "\r\nOK\r\n> ",
    "\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n",
]


def hostile(rng: random.Random, harmless: str) -> str:
    """``harmless`` with one to three hostile pieces in it, or instead of it."""
    text = harmless
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        piece = rng.choice(ATOMS) if rng.random() < 0.9 else chr(rng.randrange(0x110000))
        at = rng.randrange(len(text) + 1)
        text = text[:at] + piece + text[at + rng.choice((0, 0, 1)) :]
    if rng.random() < 0.05:
        text = text * rng.choice((3, 40))
    return text if rng.random() < 0.95 else rng.choice(ATOMS)


def every(harmless: str) -> Iterator[str]:
    """Each hostile piece alone, before, within and after ``harmless``."""
    middle = len(harmless) // 2
    for piece in ATOMS:
        yield from (piece, piece + harmless, harmless[:middle] + piece + harmless[middle:], harmless + piece)


_QUOTED = re.compile(r'"[ !#-\[\]-~]*"')
_SIZED = re.compile(r'(AT\+SQNSSENDEXT=\d+,|AT\+SQNSNVW="[a-z]*",\d+,|AT\+SQNHTTPSND=\d,\d,"",)\d+')
_PROMPTED = re.compile(
    r'AT\+SQNSSENDEXT=\d+,(\d+)$|AT\+SQNSNVW="[a-z]*",\d+,(\d+)$|AT\+SQNHTTPSND=\d,\d,"[^"]*",(\d+)'
)


def masked(line: str) -> str:
    """A command line without its texts and without the lengths of data."""
    kept = re.sub(r'(?<=AT\+SQNSNV[RW]=)"(certificate|privatekey)"', r"<\1>", line)
    shape = _SIZED.sub(r"\1#", _QUOTED.sub('""', kept).replace("<", '"').replace(">", '"'))
    assert all(" " <= character <= "~" for character in shape)
    return shape


_NUMBER = re.compile(r"(?<![A-Za-z])[0-9A-Fa-f]*\d[0-9A-Fa-f]*")


def shape_of(line: str, model: str) -> str:
    """What is compared of a command line: where lengths stand is known of some models only."""
    return masked(line) if model in COUNTED else _NUMBER.sub("#", masked(line))


def counted(commands: Sequence[str]) -> int:
    """How many commands, without those whose number is a matter of the network's pace."""
    return sum(not command.startswith(("AT+SQNSRECV=", "AT+SQNSI=")) for command in commands)


@dataclass(frozen=True)
class Call:
    """One call with one text in it.  Calls of one ``family`` execute the same commands."""

    name: str
    harmless: str
    do: Callable[[str], object]
    data: bytes | None = None
    family: str = ""


def split(sent: bytes, commands: Sequence[str]) -> tuple[list[str], list[bytes]]:
    """The command lines and the data on the line, when the modem executed just those lines.

    It does not keep lines whole that are too long for it; it refuses them.
    """
    lines: list[str] = []
    data: list[bytes] = []
    for at, command in enumerate(commands):
        line, _, rest = sent.partition(b"\r")
        assert line == command.encode("latin-1") or (
            len(command) > 2048 and line.startswith(command.encode())
        ), (
            command[:200],
            sent[:200],
        )
        sent = rest
        lines.append(line.decode("ascii"))
        if found := _PROMPTED.search(command):
            size = int(found[1] or found[2] or found[3])
            after = sent[size:]
            following = commands[at + 1].encode("latin-1") + b"\r" if at + 1 < len(commands) else b""
            if len(sent) >= size and (after.startswith(following) if following else not after):
                data.append(sent[:size])
                sent = after
    assert not sent, sent[:200]
    return lines, data


class Attack:
    """Taps on modems, and the check of what they executed."""

    def __init__(self, model: str = MODEL) -> None:
        self.model = model
        self.taps: list[Tap] = []
        self.data: list[bytes] = []
        self.cases = self.refused = 0
        self.debts: frozenset[str] = frozenset()
        """What an earlier call may have left to be done by the next one."""
        self.known: dict[str, tuple[frozenset[str], int]] = {}

    def perform(self, call: Call, text: str) -> list[str]:
        """The commands that a call executes, which with its data are all that is on the line."""
        for tap in self.taps:
            tap.simulator.commands.clear()
            tap.sent.clear()
        try:
            call.do(text)
        except (ValueError, CommandError):
            self.refused += 1
        except (ModemError, OSError):
            pass
        commands: list[str] = []
        self.data.clear()
        for tap in self.taps:
            if self.model not in COUNTED:
                commands += tap.simulator.commands
                continue
            lines, data = split(bytes(tap.sent), tap.simulator.commands)
            commands += lines
            self.data += data
        if call.data is not None:
            assert set(self.data) <= {call.data}
        return commands

    def learn(self, calls: Sequence[Call], turns: int) -> None:
        """What the calls execute with harmless texts, in whatever state the others leave the modem."""
        rng = random.Random(0)
        for turn in range(turns):
            for call in rng.sample(list(calls), len(calls)):
                commands = self.perform(call, harmless_texts(call)[turn % 4])
                known, most = self.known.get(call.family or call.name, (frozenset(), 0))
                known |= {shape_of(command, self.model) for command in commands}
                self.known[call.family or call.name] = known, max(most, counted(commands))
        self.refused = 0

    def strike(self, call: Call, text: str) -> None:
        """The call with a hostile text: nothing is executed that is not its own."""
        self.cases += 1
        commands = self.perform(call, text)
        commands = [command for command in commands if command not in self.debts]
        known, most = self.known[call.family or call.name]
        strange = [command for command in commands if shape_of(command, self.model) not in known]
        assert not strange, (call.name, text, strange)
        assert "AT+CFUN=0" not in commands, (call.name, text)
        assert counted(commands) <= most, (call.name, text, commands)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test", "harmless.test")) as running:
        yield running


def leading_to(server: HttpsServer, model: str) -> str:
    return f"sim://{model}?registration_delay=0.1&map=one.test:443=127.0.0.1:{server.port}"


@pytest.fixture
def model_name() -> str:
    return MODEL


@pytest.fixture
def modem(server: HttpsServer, model_name: str) -> Iterator[Modem]:
    url = leading_to(server, model_name)
    with modemtls.open(url, options=options_of(model_name), tls=tls_of(model_name)) as modem:
        modem.clock.set()
        modem.trust(server.ca_pem, policy=policy_of(model_name))
        modem.network.up()
        yield modem
        assert simulated(modem).online, "the radio was switched off"


@pytest.fixture
def attack(modem: Modem, model_name: str) -> Attack:
    attack = Attack(model_name)
    attack.taps.append(Tap.of(modem))
    return attack


@contextlib.contextmanager
def told(seed: int, case: int, call: str, text: str) -> Iterator[None]:
    """A failure names its case."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}, case {case}: {call} with {text!a}")
        raise


def driver_calls(modem: Modem) -> list[Call]:
    """Each text that a driver puts into a command or behind a prompt."""
    driver = modem._ops.driver

    def up(**given: str) -> Op[Any]:
        return driver.network_up(NetworkSettings(**{"apn": "internet", **given}))

    def pin(text: str) -> Op[Any]:
        # Three wrong ones would lock the SIM, and a locked one is not asked.
        one = simulated(modem)
        one._pin_given, one._pin_tries = False, 3
        driver._refused_pin = None  # type: ignore[attr-defined]
        return driver.network_up(NetworkSettings(pin=text))

    def profile(psk: Psk) -> Op[Any]:
        checks = frozenset({Check.CHAIN, Check.DATES, Check.HOSTNAME})
        return driver.write_profile(
            5,
            TlsProfile(checks, TlsVersion.TLS1_2, None, cipher_suites=(0xC02B, 0xC02F), ca_slot=19, psk=psk),
        )

    body = b"\r\n+++AT+CFUN=0\r\n\x1a\x1bA/\r> \r\nAT+CFUN=0\r\n"

    def ask(method: str, target: str, headers: tuple[tuple[str, str], ...] = ()) -> Op[Any]:
        data = body if method == "POST" else b""
        request = HttpRequest(method, "one.test", 443, target, headers, data, timeout=5.0)
        return driver.http_request(2, request, security_profile=6, sent=lambda: None)

    def dial(host: str, port: int, profile: int | None) -> Op[Any]:
        return driver.open_stream(6, host, port, security_profile=profile, timeout=20.0)

    def elsewhere(host: str) -> Op[Any]:
        request = HttpRequest("GET", host, 443, "/", timeout=5.0)
        return driver.http_request(1, request, security_profile=6, sent=lambda: None)

    def call(
        name: str, harmless: str, op: Callable[[str], Op[Any]], data: bytes | None = None, family: str = ""
    ) -> Call:
        return Call(name, harmless, lambda text: run(op(text), modem._port), data, family)

    return [
        call("host", "harmless.test", lambda t: dial(t, 443, 6)),
        call("plain host", "harmless.test", lambda t: dial(t, 80, None)),
        call("apn", "iot.example", lambda t: up(apn=t)),
        call("user", "somebody", lambda t: up(user=t, password="p")),
        call("password", PASSWORD, lambda t: up(user="u", password=t)),
        call("pin", PIN, pin),
        call("psk identity", "device-7", lambda t: profile(Psk(t, PSK))),
        call("psk", PASSWORD, lambda t: profile(Psk("me", t.encode("utf-8", "surrogatepass")))),
        call("path", "path", lambda t: ask("GET", "/" + t), family="get"),
        call("query", "a=b", lambda t: ask("GET", "/path?" + t), family="get"),
        call("header value", "value", lambda t: ask("GET", "/", (("X-Test", t),)), family="get"),
        call("header name", "X-Test", lambda t: ask("GET", "/", ((t, "value"),)), family="get"),
        call("path with a body", "path", lambda t: ask("POST", "/" + t), body, "post"),
        call(
            "content type", "text/plain", lambda t: ask("POST", "/echo", (("Content-Type", t),)), body, "post"
        ),
        call("http host", "none.test", elsewhere),
    ]


def harmless_texts(call: Call) -> list[str]:
    """Texts that reach every command of the call: again and anew, longer ones, a server that ends wrongly."""
    if call.name == "content type":
        return [call.harmless, "text/html", "text/html;a=b", call.harmless]
    last = "close/100" if call.name.startswith("path") else call.harmless + "x"
    return [call.harmless, call.harmless, call.harmless + "-and-some-more", last]


@each_counted_model
def test_each_hostile_piece_in_each_argument_of_the_driver(attack: Attack, modem: Modem) -> None:
    calls = driver_calls(modem)
    attack.learn(calls, 40)
    for call in calls:
        for case, text in enumerate(every(call.harmless)):
            with told(0, case, call.name, text):
                attack.strike(call, text)
    assert attack.refused > attack.cases / 2


@each_counted_model
def test_generated_texts_in_all_arguments_of_the_driver(
    attack: Attack, modem: Modem, model_name: str
) -> None:
    size, seed = attack_size(50_000 if model_name == MODEL else 10_000, 2_000), 1
    rng = random.Random(seed)
    calls = driver_calls(modem)
    attack.learn(calls, 40)
    for case in range(size):
        call = calls[rng.randrange(len(calls))]
        text = hostile(rng, call.harmless)
        with told(seed, case, call.name, text):
            attack.strike(call, text)
    assert attack.cases == size
    assert size / 2 < attack.refused < size  # both ways are taken: refused, and sent as text


# The public API


ORIGIN = "https://one.test"


def target_of(text: str) -> str:
    """A path for text in a URL's place, as a careless caller makes it."""
    return text if text.startswith("/") else "/" + text


def api_calls(modem: Modem, server: HttpsServer) -> list[Call]:
    """An application's calls, on sessions that stay open."""
    policy = policy_of(modem.model.name)
    stream = modem.https("one.test", timeout=5, policy=policy)
    has_client = "modem" in ways_of(modem.model.name)
    client = modem.https("one.test", timeout=5, policy=policy, http="modem" if has_client else "stream")
    body = b"\r\n+++AT+CFUN=0\r\n\x1a\x1bA/\r> \r\nAT+CFUN=0\r\n"

    def psk(text: str) -> None:
        modem.https("one.test", policy=VerifyPolicy(psk=Psk(text, PSK)), timeout=5).get("/")

    def elsewhere(text: str, http: HttpWay) -> object:
        return modem.https(text, timeout=5, http=http, policy=policy).get("/")

    calls = [
        Call("host", "none.test", lambda t: elsewhere(t, "stream")),
        Call("host of the client", "none.test", lambda t: elsewhere(t, "modem")),
        Call("path", "path", lambda t: stream.get(target_of(t)), family="stream"),
        Call("query", "a=b", lambda t: stream.get(f"/path?{t}"), family="stream"),
        Call("header value", "value", lambda t: stream.get("/", headers={"X-Test": t}), family="stream"),
        Call("header name", "X-Test", lambda t: stream.get("/", headers={t: "value"}), family="stream"),
        Call("body", "text", lambda t: stream.post("/echo", t.encode("utf-8", "surrogatepass")), family="stream"),
        Call("method", "GET", lambda t: stream.request(t), family="stream"),
        Call("path, client", "path", lambda t: client.get(target_of(t)), b"", family="client"),
        Call("query, client", "a=b", lambda t: client.get(f"/path?{t}"), b"", family="client"),
        Call("value, client", "value", lambda t: client.get("/", headers={"X-Test": t}), b"", family="client"),
        Call("name, client", "X-Test", lambda t: client.get("/", headers={t: "value"}), b"", family="client"),
        Call("method, client", "GET", lambda t: client.request(t), b"", family="client"),
        Call("type, client", "text/plain", lambda t: client.post("/echo", body, headers={"Content-Type": t}), body,
             "client post"),
        Call("body, client", "text", lambda t: client.post("/echo", t.encode("utf-8", "surrogatepass")),
             family="client post"),
        Call("psk identity", "device-7", psk),
    ]  # fmt: skip
    return [call for call in calls if has_client or "client" not in call.name]


@each_model
def test_generated_texts_in_requests_reach_the_server_as_one_request(
    attack: Attack, modem: Modem, server: HttpsServer, model_name: str
) -> None:
    full = {MODEL: 10_000}.get(model_name, 2_000 if model_name in COUNTED else 500)
    size, seed = attack_size(full, 300 if model_name == MODEL else 50), 2
    rng = random.Random(seed)
    calls = api_calls(modem, server)
    attack.learn(calls, 60 if model_name == MODEL else 20)
    attack.debts = frozenset({"AT+SQNHTTPDISCONNECT=2", "AT+SQNSH=6"})
    for case in range(size):
        call = calls[rng.randrange(len(calls))]
        text = hostile(rng, call.harmless)
        before = len(server.log)
        with told(seed, case, call.name, text):
            attack.strike(call, text)
            assert len(server.log) - before <= 1 or len(server.log) == 1000
            if len(server.log) > before:
                request = server.log[-1]
                assert request.target != "/second"
                if call.name.startswith("body"):
                    assert request.body == text.encode("utf-8", "surrogatepass")
                if call.name.startswith(("header value", "value")):
                    assert request.header("X-Test") == text.strip(" \t")
        if len(server.log) > 900:
            server.log.clear()
    assert size / 8 < attack.refused < size


@pytest.fixture
def opened(model_name: str, monkeypatch: pytest.MonkeyPatch) -> Attack:
    """Every port that is opened from now on is tapped; those before are left alone."""
    from modemtls import port

    attack = Attack(model_name)

    def tapped(*args: Any, **how: Any) -> Port:
        inner = port.open_port(*args, **how)
        tap = Tap(inner)  # type: ignore[arg-type]
        attack.taps[:] = [tap]
        return tap

    monkeypatch.setattr("modemtls.connecting.open_port", tapped)
    return attack


def fresh_calls(
    folder: Path, server: HttpsServer, monkeypatch: pytest.MonkeyPatch, model_name: str
) -> list[Call]:
    """Calls on a modem that has just been switched on: settings, PIN, certificates and their files."""
    url = leading_to(server, model_name)
    ca = trustme.CA(organization_name="An organisation", key_type=trustme.KeyType.ECDSA)
    leaf = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert(
        "device.test", key_type=trustme.KeyType.ECDSA
    )
    pem = ca.cert_pem.bytes()
    chain, key = leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()

    def up(**given: Any) -> None:
        with modemtls.open(given.pop("url", url), journal=False, **given) as modem:
            modem.network.up(timeout=5)

    def file(text: str) -> None:
        path = folder / text.replace("/", "_")[:60]
        path.write_bytes(pem)
        try:
            with modemtls.open(url, journal=False) as modem:
                modem.trust(path)
        finally:
            path.unlink()

    def around(text: str) -> None:
        junk = text.encode("utf-8", "surrogatepass")
        with modemtls.open(url, journal=False) as modem:
            modem.trust(junk + b"\n" + pem + b"\n" + junk)

    def inside(text: str) -> None:
        junk = text.encode("utf-8", "surrogatepass")
        with modemtls.open(url, journal=False) as modem:
            modem.trust(pem[:80] + junk + pem[80:])

    def named(text: str) -> None:
        name = text.encode("utf-8", "ignore").decode()[:60] or "-"
        odd = trustme.CA(organization_name=name, organization_unit_name=name, key_type=trustme.KeyType.ECDSA)
        with modemtls.open(url, journal=False) as modem:
            modem.trust(odd.cert_pem.bytes())
            modem.credentials.list()

    def pair(text: str) -> None:
        junk = text.encode("utf-8", "surrogatepass") + b"\n"
        with modemtls.open(url, journal=False) as modem:
            modem.install(junk + chain, junk + key)

    def from_file(text: str) -> None:
        config = folder / "modemtls.toml"
        config.write_text(f'[port."{url.partition("?")[0]}"]\napn = "{text}"\n', "utf-8", "replace")
        monkeypatch.setenv("MODEMTLS_CONFIG", str(config))
        try:
            up()
        finally:
            monkeypatch.delenv("MODEMTLS_CONFIG")

    def from_environment(text: str) -> None:
        monkeypatch.setenv("MODEMTLS_APN", text)
        try:
            up()
        finally:
            monkeypatch.delenv("MODEMTLS_APN")

    def command_line(*arguments: str) -> Callable[[str], None]:
        def do(text: str) -> None:
            given = [argument.replace("@@", text) for argument in arguments]
            result = CliRunner().invoke(main, [*given, "--port", url])
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception

        return do

    locked = f"{url}&sim=pin&pin={PIN}"
    return [
        Call("open: apn", "internet", lambda t: up(apn=t)),
        Call("open: user", "somebody", lambda t: up(apn="a", user=t, password="p")),
        Call("open: password", PASSWORD, lambda t: up(apn="a", user="u", password=t)),
        Call("open: pin", PIN, lambda t: up(url=locked, pin=t)),
        Call("open: model", model_name, lambda t: up(model=t)),
        Call("open: option", "sync", lambda t: up(options={"dial": t})),
        Call("open: address", "2", lambda t: up(url=f"{url}&urc_noise=0&seed={t}")),
        Call("configuration file", "internet", from_file),
        Call("environment", "internet", from_environment),
        Call("file name", "ca.pem", file, family="trust"),
        Call("text around a certificate", "a comment", around, family="trust"),
        Call("text in a certificate", "\n", inside, family="trust"),
        Call("name in a certificate", "An organisation", named),
        Call("text before certificate and key", "a comment", pair),
        Call("cli: apn", "internet", command_line("network", "up", "--apn=@@")),
        Call("cli: pin", PIN, command_line("network", "up", "--pin=@@")),
        Call("cli: url", f"{ORIGIN}/path", command_line("request", "--insecure", "--", "@@")),
        Call("cli: path", "path", command_line("request", "--insecure", f"{ORIGIN}/@@")),
        Call("cli: header", "X: y", command_line("request", "--insecure", ORIGIN, "-H", "@@")),
        Call("cli: data", "data", command_line("request", "--insecure", ORIGIN, "-d", "x@@")),
        Call("cli: file", "none.pem", command_line("cert", "trust", "./@@")),
        Call("cli: model", model_name, command_line("info", "--model=@@")),
    ]


@each_model
def test_generated_texts_in_settings_files_and_the_command_line(
    opened: Attack, server: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    size, seed = attack_size(5_000 if model_name == MODEL else 1_000, 150 if model_name == MODEL else 50), 3
    rng = random.Random(seed)
    calls = fresh_calls(tmp_path, server, monkeypatch, model_name)
    opened.learn(calls, 4)
    for case in range(size):
        call = calls[rng.randrange(len(calls))]
        text = hostile(rng, call.harmless)
        with told(seed, case, call.name, text):
            opened.taps.clear()
            opened.strike(call, text)
            for tap in opened.taps:
                assert "AT+CFUN=0" not in tap.simulator.commands
            for data in opened.data:
                assert not call.name.startswith(("file", "text", "name")) or data.startswith(b"-----BEGIN ")


#: What the channel says before a line, when the one before it has broken the dialogue or restarted the modem.
RESTORING = tuple(f"AT{each}\r".encode() for each in ("", "E0", "V1", "Q0", "+CMEE=1", "+CMEE?"))


@each_model
def test_the_raw_door_lets_one_line_through_or_none(attack: Attack, modem: Modem) -> None:
    """What a person types is sent as it is, if it is one printable line, and nothing with it."""
    seed = 4
    rng = random.Random(seed)
    for case in range(attack_size(5_000, 500)):
        text = hostile(rng, 'AT+SQNSSCFG=6,0,1;+CGDCONT=1,"IP","internet"').replace("+CFUN=0", "+CFUN=1")
        tap = attack.taps[0]
        tap.simulator.commands.clear()
        tap.sent.clear()
        with told(seed, case, "command", text):
            with contextlib.suppress(ModemError):
                modem.command(text, timeout=5)
            sent = bytes(tap.sent)
            while sent.startswith(RESTORING):  # the channel puts itself in order first
                sent = sent.partition(b"\r")[2]
            line = text.encode("ascii") if all(" " <= c <= "~" for c in text) and text else b""
            assert sent.partition(b"\r")[0] == line
    modem.network.up()  # lines with +CFUN=1 were asked for, and restart some


@pytest.mark.parametrize(
    "text", ['x";+CFUN=1;+CGDCONT=1,"IP","y', 'x",,,"y', 'x"\rAT+CFUN=1\rAT+CGDCONT=1,"IP","y', "x\x1aAT\r"]
)
def test_a_driver_that_does_not_quote_is_found_out(attack: Attack, modem: Modem, text: str) -> None:
    """The attack itself: it sees the commands that an unquoted argument smuggles in."""

    def careless(apn: str) -> None:
        attack.taps[0].write(f'AT+CGDCONT=1,"IP","{apn}"\r'.encode(), 1.0)
        modem._port.read(1.0)

    call = Call("careless", "internet", careless)
    attack.known[call.name] = frozenset({'AT+CGDCONT=1,"",""'}), 1
    attack.strike(call, "internet.example")
    with pytest.raises(AssertionError):
        attack.strike(call, text)
