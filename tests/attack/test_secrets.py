"""Canaries for every secret, and the places where they must not sing.

A broad day with a modem, with its failures, is recorded: every log record, exception, traceback, pickle, repr, file and
line of the command line's output.  Each secret is searched for in it plain, in pieces of 8 characters, backwards, split
over lines, in base64 and in hexadecimal.  The simulated modem's own state plays the modem, and is left out.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import ParamSpec

import pytest
import trustme
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.canaries import API_KEY, COOKIE, HTTP_PASSWORD, PASSWORD, PIN, PSK, TOKEN

import modemtls
from modemtls import CredentialKind, Gap, ModemError, NetworkSettings, Psk, VerifyPolicy
from modemtls.at import Channel, Command, quote, secret
from modemtls.cli import main
from modemtls.https.session import HttpWay
from modemtls.op import Op, run
from modemtls.sim.server import HttpsServer
from modemtls_sequans.driver import SequansDriver

from .conftest import attack_size
from .line import HostilePort, each_model, options_of

MODEL = "sequans-gm02s"
IDENTITY = "device-of-the-test"
PIECE = 8

P = ParamSpec("P")


@pytest.fixture(scope="module")
def pair() -> trustme.LeafCert:
    ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
    return ca.issue_cert("device.test", key_type=trustme.KeyType.ECDSA)


def canaries(pair: trustme.LeafCert) -> dict[str, list[bytes]]:
    """Each secret in the forms in which it is written anywhere."""
    pem = pair.private_key_pem.bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    # The first and the last characters of the base64 are the same in every key, or the public half.
    written = b"".join(pem.splitlines()[1:-1])[16:50]
    return {
        "private key": [scalar, written],
        "psk": [PSK],
        "password": [PASSWORD.encode()],
        "pin": [PIN.encode()],
        "Authorization": [TOKEN.encode()],
        "cookie": [COOKIE.encode()],
        "API key": [API_KEY.encode()],
        "HTTP password": [HTTP_PASSWORD.encode()],
    }


def forms(secret: bytes) -> Iterator[bytes]:
    """A secret as it may be written: as it is, backwards, in hexadecimal, in base64 at each alignment."""
    for text in (secret, secret[::-1]):
        yield text
        yield text.hex().encode()
        yield text.hex().upper().encode()
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                coded = encode(b"\0" * shift + text)
                whole = (
                    coded.rstrip(b"=")[:-1] if coded.endswith(b"=") else coded
                )  # the last depends on what follows
                yield whole[4 if shift else 0 :]  # and the first on what stands before
    yield secret.hex().encode()[::-1]


def pieces(secret: bytes) -> set[bytes]:
    """Every 8 characters in a row of every form."""
    found: set[bytes] = set()
    for form in forms(secret):
        length = PIECE if form in (secret, secret[::-1]) else 2 * PIECE  # 8 bytes of it
        length = min(length, len(form))
        found |= {form[at : at + length] for at in range(len(form) - length + 1)}
    return found


_BETWEEN = re.compile(rb"[\s\"'\\,;:|.()\[\]{}+-]|\\n|\x1b\[[0-9;]*m")


def leaks(haystack: bytes, secrets: dict[str, list[bytes]]) -> set[tuple[str, bytes]]:
    """Which secrets are in ``haystack``, with what stands before them."""
    joined = _BETWEEN.sub(b"", haystack)
    found = set()
    for name, values in secrets.items():
        for value in values:
            for piece in pieces(value):
                for where in (haystack, joined):
                    at = where.find(piece)
                    if at >= 0:
                        found.add((name, where[max(0, at - 50) : at]))
    return found


class Recorder(logging.Handler):
    """Keeps all that anybody could see."""

    def __init__(self) -> None:
        super().__init__(0)
        self.seen = bytearray()
        self._known: set[bytes] = set()
        self.failures: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.see(record.getMessage(), record.args, record.exc_info, record.stack_info)

    def see(self, *what: object) -> None:
        for each in what:
            text = each if isinstance(each, bytes) else f"{each}\n{each!r}".encode("utf-8", "replace")
            if text not in self._known:
                self._known.add(text)
                self.seen += text + b"\n"

    def see_error(self, error: BaseException) -> None:
        self.failures.append(type(error).__name__)
        self.see(error, vars(error), error.args, "".join(traceback.format_exception(error)))
        if isinstance(error, ModemError):
            self.see(pickle.dumps(error), error.lines, error.findings, error.command)
        for other in (error.__cause__, error.__context__):
            if other is not None:
                self.see_error(other)

    def watch(self, work: Callable[P, object], *args: P.args, **more: P.kwargs) -> None:
        """Do something, and look at what comes of it."""
        try:
            self.see(work(*args, **more))
        except Exception as error:
            self.see_error(error)

    def see_files(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            self.see(str(path))
            if path.is_file():
                self.see(path.read_bytes())


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    names = ("", "modemtls", "modemtls.at")
    levels = [logging.getLogger(name).level for name in names]
    for name in names:
        logging.getLogger(name).setLevel(1)
    logging.getLogger().addHandler(recorder)
    yield recorder
    logging.getLogger().removeHandler(recorder)
    for name, level in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(level)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test",)) as running:
        yield running


WAYS: tuple[HttpWay, ...] = ("stream", "modem")


def day(recorder: Recorder, url: str, server: HttpsServer, pair: trustme.LeafCert, folder: Path) -> None:
    """What a person does with a modem, right and wrong, with all secrets there are."""
    chain, key = pair.cert_chain_pems[0].bytes(), pair.private_key_pem.bytes()
    key_file = folder / "key.pem"
    key_file.write_bytes(key)
    watch = recorder.watch
    gaps = frozenset({Gap.PSK, Gap.CLIENT_CREDENTIAL})
    with modemtls.open(url, apn="internet", user="me", password=PASSWORD, pin=PIN) as modem:

        def ask(policy: VerifyPolicy) -> object:
            return modem.https("one.test", policy=policy).get("/")

        recorder.see(
            modem, modem.settings, modem.settings.network, modem._ops, vars(modem._ops.settings).keys()
        )
        watch(modem.network.up)
        watch(lambda: modem.network.up(NetworkSettings("other", "me", PASSWORD, PIN)))
        watch(modem.network.status)
        watch(lambda: modem.trust(server.ca_pem))
        watch(lambda: modem.install(chain, key))
        watch(lambda: modem.install(chain, trustme.CA().private_key_pem.bytes()))
        watch(lambda: modem.install(key, chain))
        watch(lambda: modem.install(server.ca_pem, key))
        watch(lambda: modem.trust(key))
        watch(lambda: modem.trust(key_file))
        watch(lambda: modem.trust(key[:100]))
        watch(lambda: modem.trust(key.replace(b"\n", b"")))
        watch(lambda: modem.trust(key + b"-----BEGIN CERTIFICATE-----\n" + key))
        for slot in (19, 5, 0, 99, None):
            watch(modem.credentials.put, key, CredentialKind.KEY, slot=slot)
            watch(modem.credentials.put, key, CredentialKind.CA, slot=slot)
        watch(lambda: modem.command(f'AT+SQNSNVW="privatekey",15,{len(key)}', data=key))
        watch(lambda: modem.command(f'AT+SQNSNVW="privatekey",99,{len(key)}', data=key))
        watch(lambda: modem.command("AT+CFUN?", data=key))
        watch(modem.credentials.list)
        for psk in (Psk(IDENTITY, PSK), Psk('bad"identity', PSK)):
            policy = VerifyPolicy(psk=psk, accept_gaps=gaps)
            recorder.see(psk, policy)
            watch(ask, policy)
            watch(modem.profiles.list)
            watch(modem.profiles.findings)
        for line in (
            f'AT+CPIN="{PIN}"',
            f'AT+CPIN="{PIN}","{PIN}"',
            f"at+cpin={PIN}",
            f'AT+CGAUTH=1,1,"me","{PASSWORD}"',
            f'AT+CGAUTH=1,1,"me","{PASSWORD}',
            f'AT+CFUN?;+CGAUTH=1,1,"me","{PASSWORD}"',
            "AT+CGAUTH?",
            f'AT+SQNSPCFG=4,2,"",0,19,,,"{PSK.hex()}","me"',
            "AT+SQNSPCFG?",
            "AT+SQNSPCFG",
            f'AT+CLCK="SC",1,"{PIN}"',
            f'AT+CPWD="SC","{PIN}","{PIN}"',
            f'AT+SQNHTTPCFG=1,"one.test",443,1,"me","{HTTP_PASSWORD}"',
            "AT+SQNHTTPCFG?",
        ):
            watch(modem.command, line, timeout=5)
        watch(lambda: modem.command(f"AT\n{PASSWORD}"))
        for http in WAYS:
            with contextlib.suppress(ModemError), modem.https("one.test", http=http, timeout=5) as session:
                for name, value in (
                    ("Authorization", f"Bearer {TOKEN}"),
                    ("Cookie", f"session={COOKIE}"),
                    ("X-Api-Key", API_KEY),
                    ("Authorization", f"Bearer {TOKEN}\r\nX: y"),
                    ("Authorization", f'Digest "{TOKEN}"'),
                    (f"Authorization: {TOKEN}", "x"),
                    ("Authorization", TOKEN * 500),
                ):
                    headers = {name: value}
                    watch(session.get, "/", headers=headers)
                    watch(session.post, "/echo", b"data", headers=headers)
                    watch(session.get, "/cut/500/20", headers=headers)
                    watch(session.request, "PATCH", "/", headers=headers)
                    recorder.see(session, session._session)
        watch(lambda: modem.https("none.test", timeout=5).get("/", headers={"Authorization": TOKEN}))
        watch(
            lambda: modem.https("none.test", timeout=5, http="modem").get(
                "/", headers={"Authorization": TOKEN}
            )
        )
        watch(lambda: modem.events(0.5))
        recorder.see(list(modem._ops.channel._events))


def leading_to(server: HttpsServer, **settings: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in settings.items())
    return f"sim://{MODEL}?registration_delay=0.1&map=one.test:443=127.0.0.1:{server.port}{more}"


MODEMS: list[dict[str, object]] = [
    {"sim": "pin", "pin": PIN},
    {"reboot_after": 90, "echo": "yes"},
    {"urc_noise": 0.4, "chunk": 3},
    {},
    {"echo": "yes"},
    {"sim": "pin", "pin": "1111"},
    {"registration": "denied"},
    {"reboot_after": 40},
    {"reboot_at_byte": 300},
]


@pytest.mark.parametrize(
    "settings", MODEMS[: attack_size(9, 3)], ids=lambda settings: "&".join(settings) or "plain"
)
def test_a_day_with_a_modem(
    settings: dict[str, object],
    recorder: Recorder,
    server: HttpsServer,
    pair: trustme.LeafCert,
    tmp_path: Path,
    own_surroundings: Path,
) -> None:
    day(recorder, leading_to(server, **settings), server, pair, tmp_path)
    recorder.see_files(own_surroundings)  # journal, saved profiles, settings
    assert len(recorder.seen) > 50_000
    assert len(recorder.failures) > 15
    assert leaks(bytes(recorder.seen), canaries(pair)) == set()


@each_model
@pytest.mark.parametrize("name", ["+CPIN", "+CPIN2", "+cpin2"])
def test_pin_that_is_typed_by_hand_is_hidden(
    model_name: str, name: str, recorder: Recorder, pair: trustme.LeafCert
) -> None:
    with modemtls.open(f"sim://{model_name}", options=options_of(model_name)) as modem:
        for line in (f'AT{name}="{PIN}"', f"AT{name}={PIN}", f'AT{name}="{PIN}","{PIN[::-1]}"'):
            recorder.watch(modem.command, line)
    assert recorder.seen.count(b"***") >= 3
    assert leaks(bytes(recorder.seen), {"pin": canaries(pair)["pin"]}) == set()


def repeats(
    recorder: Recorder, shape: Callable[[str], str], end: str, op: Callable[[Channel], Op[object]]
) -> None:
    """One operation on a modem that repeats what it is given in some shape, and what is heard after it."""
    port = HostilePort(lambda line: f"\r\n{shape(line)}{end}".encode("latin-1"))
    channel = Channel(SequansDriver.dialect, command_timeout=1.0, recover_timeout=1.0)
    recorder.watch(run, op(channel), port)
    recorder.watch(run, channel.wait(lambda line: False, 1.0), port)
    recorder.watch(run, channel.command(Command.read("+CCLK")), port)
    recorder.see(list(channel._events))


def test_modem_that_damages_and_repeats_what_it_is_given(recorder: Recorder, pair: trustme.LeafCert) -> None:
    """Echoes that are cut, shifted, doubled; the secret in answers, in events, in errors, with silence after it."""
    key = pair.private_key_pem.bytes()
    commands = [
        Command.set("+CPIN", secret(quote(PIN))),
        Command.set("+CGAUTH", 1, 1, quote("me"), secret(quote(PASSWORD))),
        Command.set("+SQNSPCFG", 4, 2, None, 0, 19, None, None, secret(quote(PSK.hex().upper()))),
    ]
    shapes: list[Callable[[str], str]] = [
        lambda line: line,
        lambda line: line[1:],
        lambda line: line[3:-1],
        lambda line: line + line,
        lambda line: "\x80" + line[5:],
        lambda line: line.replace("=", ": "),
        lambda line: f"+CME ERROR: {line}",
        lambda line: f"+CEREG: {line}",
        lambda line: f"+SYSSTART {line}",
        lambda line: line.replace('"', ""),
        lambda line: "\r\n".join(line[at : at + 9] for at in range(0, len(line), 9)),
    ]
    ends = ("\r\n\r\nOK\r\n", "\r\n\r\nERROR\r\n", "")
    for shape, end in itertools.product(shapes, ends):
        for command in commands:
            repeats(recorder, shape, end, partial(Channel.command, command=command))
    write = Command.set("+SQNSNVW", quote("privatekey"), 15, len(key))
    for prompt, end in itertools.product(("\r\n> \r\n", ""), ends):
        for data in (key, key.replace(b"\n", b"\r")):
            upload = partial(Channel.upload, command=write, data=data, prompt_timeout=1.0, hide=True)
            repeats(recorder, prompt.__add__, end, upload)
    assert len(recorder.failures) > 30
    assert leaks(bytes(recorder.seen), canaries(pair)) == set()


def test_the_command_line(
    recorder: Recorder,
    server: HttpsServer,
    pair: trustme.LeafCert,
    tmp_path: Path,
    own_surroundings: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``-vv``, ``--log FILE``, ``--json``, and what is printed when it fails."""
    files = {"ca.pem": server.ca_pem, "cert.pem": pair.cert_chain_pems[0].bytes()}
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key.pem").write_bytes(pair.private_key_pem.bytes())
    (secrets / "broken.pem").write_bytes(pair.private_key_pem.bytes()[:150])
    public = tmp_path / "public"
    public.mkdir()
    for name, data in files.items():
        (public / name).write_bytes(data)
    log = public / "log.txt"
    monkeypatch.setenv("MODEMTLS_PASSWORD", PASSWORD)
    port = leading_to(server, state=tmp_path / "modem.json")
    locked = leading_to(server, sim="pin", pin=PIN)
    key, broken = str(secrets / "key.pem"), str(secrets / "broken.pem")
    headers = ["-H", f"Authorization: Bearer {TOKEN}"]
    for arguments in (
        ["network", "up", "--user", "me", "--apn", "internet", "--port", port],
        ["network", "up", "--pin", PIN, "--port", locked],
        ["network", "up", "--pin", PIN, "--port", leading_to(server, sim="pin", pin="1111")],
        ["cert", "trust", str(public / "ca.pem"), "--port", port],
        ["cert", "import", key, "--port", port],
        ["cert", "import", broken, "--port", port],
        ["cert", "trust", key, "--port", port],
        ["cert", "lint", key],
        ["cert", "lint", broken],
        ["cert", "list", "--port", port],
        ["request", "https://one.test/", *headers, "--port", port],
        ["request", "https://one.test/", *headers, "--http", "modem", "--port", port],
        ["request", "https://one.test/cut/50/2", *headers, "--http", "modem", "--port", port],
        ["request", "https://none.test/", *headers, "--port", port],
        ["request", "https://one.test/", "--cert", str(public / "cert.pem"), "--key", key, "--port", port],
        ["request", "https://one.test/", "--cert", str(public / "cert.pem"), "--key", broken, "--port", port],
        ["request", f"https://me:{PASSWORD}@one.test/", "--port", port],
        ["request", "https://one.test/", "-H", f"Authorization Bearer {TOKEN}", "--port", port],
        ["request", "https://one.test/", "-H", f"Authorization: {TOKEN}\u2028", "--port", port],
        ["at", f'AT+CPIN="{PIN}"', f'AT+CGAUTH=1,1,"me","{PASSWORD}"', "--port", port],
        ["at", f'AT+CGAUTH=1,1,"me","{PASSWORD}"', "AT+CGAUTH?", "AT+SQNSPCFG", "--port", port],
        ["at", f'AT+SQNSPCFG=4,2,"",0,19,,,"{PSK.hex()}","me"', "AT+SQNSPCFG", "--port", port],
        ["at", 'AT+SQNSNVW="privatekey",15,227', "--data", f"@{key}", "--port", port],
        ["profile", "show", "--port", port],
    ):
        for verbose in (["-vv"], ["-vv", "--json"], []):
            result = CliRunner().invoke(main, [*verbose, "--log", str(log), *arguments])
            recorder.see(result.stdout_bytes, result.stderr)
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                recorder.see_error(result.exception)
    recorder.see_files(public)
    recorder.see_files(own_surroundings)
    assert log.stat().st_size > 20_000
    assert leaks(bytes(recorder.seen), canaries(pair)) == set()


# The search itself


@pytest.mark.parametrize(
    "name", ["private key", "psk", "password", "pin", "Authorization", "cookie", "API key", "HTTP password"]
)
def test_the_search_finds_a_canary_in_every_disguise(name: str, pair: trustme.LeafCert) -> None:
    secrets = canaries(pair)
    assert not leaks(b"AT+CGAUTH=1,1,me,*** -----BEGIN PRIVATE KEY----- " * 50, secrets)
    for value in secrets[name]:
        for text in (
            value,
            value[::-1],
            value[:PIECE],
            value[-PIECE:],
            value.hex().encode(),
            value.hex(" ").upper().encode(),
            base64.b64encode(value),
            base64.b64encode(b"xy" + value + b"z"),
            base64.b64encode(value[::-1]),
            b"\n".join(value.hex().encode()[at : at + 3] for at in range(0, 2 * len(value), 3)),
        ):
            assert leaks(b"before " * 9 + text + b" after", secrets), text
