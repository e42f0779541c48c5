"""Seeded runs of import and request over a faulty line, and what became of each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import modemtls
from modemtls import CredentialKind, Gap, Installed, Modem, ModemError, Response, VerifyPolicy
from modemtls.credentials import bundle, read
from modemtls.sim import CellularSimulator, Damage, Faults, FaultyLine, FaultyPort, SimPort
from modemtls.sim.server import HttpsServer, Request, pattern
from modemtls_sequans.simulator import Gm02s
from modemtls_sierra_wip.simulator.companion import Q2686

LONGEST = 900.0
"""Virtual seconds after which an operation counts as hung."""
_MOST_STEPS = 100_000
_KINDS = (
    ["drop"] * 3
    + ["flip"] * 3
    + ["double"] * 2
    + ["mixed"] * 2
    + ["overrun", "chunk", "stall", "gone", "nuls"]
)


def _issue(number: int, name: str, issuer: int, issuer_name: str, *, is_ca: bool) -> x509.Certificate:
    """A certificate that is the same in every process: else a seed would not stand for one run."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
        .public_key(_key(number).public_key())
        .serial_number(1000 + number)
        .not_valid_before(first)
        .not_valid_after(first + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(_key(issuer), hashes.SHA256(), ecdsa_deterministic=True)
    )


def _key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(7**60 + number, ec.SECP256R1())


def _ca(number: int) -> bytes:
    return _issue(number, f"CA {number}", number, f"CA {number}", is_ca=True).public_bytes(Encoding.PEM)


NEW, *PEMS = (_ca(number) for number in range(1, 4))
CHAIN = _issue(9, "client.test", 1, "CA 1", is_ca=False).public_bytes(Encoding.PEM) + NEW
KEY = _key(9).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


class Hang(BaseException):
    """An operation did not end; nothing may catch this."""


class WatchedPort(FaultyPort):
    """A faulty line whose user may not wait for ever, nor ask for ever without time passing."""

    def __init__(self, line: FaultyLine, port: SimPort) -> None:
        super().__init__(line, port)
        self.steps = 0

    def now(self) -> float:
        self.steps += 1
        now = super().now()
        if now > LONGEST or self.steps > _MOST_STEPS:
            raise Hang(f"after {self.steps} steps and {now:.0f} virtual seconds")
        return now


@dataclass
class Outcome:
    """``word`` is what became of a run; ``wrong`` says what a caller would have taken for right."""

    word: str
    seconds: float
    damage: tuple[Damage, ...]
    """What the line did to bytes on their way to the modem, and then to those on their way to the host."""
    to_host: tuple[Damage, ...]
    faults: str
    wrong: str = ""
    again: str = ""
    has_events: bool = False
    """The modem said harmless things in between."""
    line_checked: bool = False
    """What the response says of the line that it came over."""


@dataclass(frozen=True)
class Judged:
    """What an operation that ended well says of itself, and what is wrong with that."""

    word: str
    wrong: str = ""
    line_checked: bool = False


def simulator(settings: dict[str, Any]) -> Gm02s:
    return Gm02s(clock="2026-11-21T00:00:00Z", registration_delay=0.0, patience=0.02, **settings)


def draw_faults(
    random_: random.Random, kind: str, to_modem: tuple[int, int], to_host: tuple[int, int]
) -> dict[str, Any]:
    """Faults of one kind in one direction, between two positions of it."""
    modems = random_.random() < 0.5
    first, behind = to_modem if modems else to_host
    other = "to_host" if modems else "to_modem"
    slow = {other: Faults(delay=0.002)}  # a paced line is not read byte by byte
    where = random_.randrange(first, max(behind, first + 1))
    name = "to_modem" if modems else "to_host"
    if kind in ("drop", "flip", "double"):
        # One byte, or one in a hundred from there on.
        one = random_.random() < 0.6
        rate: dict[str, Any] = {kind: 1.0 if one else 0.01}
        return {name: Faults(**rate, window=(where, where + 1 if one else None))}
    match kind:
        case "mixed":
            rates: dict[str, Any] = {
                each: random_.choice((0.0, 0.002, 0.02)) for each in ("drop", "flip", "double")
            }
            both = Faults(**rates, window=(where, None), chunk=random_.choice((0, 7)), delay=0.002)
            return {name: both, **slow, "baudrate": random_.choice((0, 115_200))}
        case "overrun":
            faults = Faults(buffer=random_.choice((16, 64, 256)), delay=random_.choice((0.002, 0.01)))
            return {name: faults, **slow, "baudrate": random_.choice((9600, 115_200, 921_600))}
        case "chunk":
            pieces = Faults(chunk=random_.choice((1, 7, 50, 50)), delay=0.01)
            return {name: pieces, **slow, "baudrate": random_.choice((0, 9600))}
        case "stall":
            return {name: Faults(stall_at=where, stall_seconds=random_.choice((0.5, 4.0, 30.0, 1000.0)))}
        case "gone":
            return {name: Faults(end_at=where)}
    slow[name] = Faults(delay=0.002)
    return {"nuls": random_.randrange(1, 300), **slow, "baudrate": random_.choice((0, 115_200))}


def opened(port: FaultyPort, monkeypatch: pytest.MonkeyPatch) -> Modem:
    with monkeypatch.context() as patch:
        patch.setattr("modemtls.connecting.open_port", lambda url, **given: port)
        return modemtls.open("sim://behind-a-faulty-line", journal=False)


# Import.

IMPORTS = ("trust", "replace", "bundle", "install", "put")


def do_import(modem: Modem, what: str) -> list[tuple[Installed, bytes]]:
    """The import, with what each slot must hold after it."""
    if what in ("trust", "replace"):
        return [(modem.trust(NEW), _normal(NEW))]
    if what == "bundle":
        return [(modem.trust(NEW, PEMS[1]), _normal(NEW + PEMS[1]))]
    if what == "put":
        return [(modem.credentials.put(NEW, CredentialKind.CA, slot=12), _normal(NEW))]
    certificate, private = modem.install(CHAIN, KEY)
    return [(certificate, _normal(CHAIN)), (private, read(KEY, source="").keys[0].pem)]


@cache
def _normal(pem: bytes) -> bytes:
    return bundle(read(pem, source="").certificates)


def _ders(pem: bytes | None) -> list[bytes]:
    return [each.der for each in read(pem or b"", source="").certificates] if pem else []


def _objects(modem: Gm02s) -> dict[tuple[str, int], bytes]:
    return {(kind, n): data for kind in ("certificate", "privatekey") for n, data in modem.nvm.of(kind)}


def _prepare(modem: Modem, what: str) -> None:
    if what == "replace":
        modem.trust(PEMS[0])


def import_run(seed: int, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    random_ = random.Random(seed)
    what = random_.choice(IMPORTS)
    settings = {
        "listing_bundle": random_.choice(("first", "each")),
        "listing_fingerprint": random_.choice(("sha1", "sha1", "none")),
        "urc_noise": random_.choice((0.0, 0.2)),
        "echo": random_.choice((False, True)),
    }
    kind = random_.choice(_KINDS)

    def act(modem: Modem, sim: CellularSimulator) -> Judged:
        assert isinstance(sim, Gm02s)
        before = _objects(sim)
        done = do_import(modem, what)
        return _judge_import(what, done, before, sim)

    return _run(seed, kind, settings, what, lambda modem: _prepare(modem, what), act, random_, monkeypatch)


def _judge_import(
    what: str, done: list[tuple[Installed, bytes]], before: dict[tuple[str, int], bytes], sim: Gm02s
) -> Judged:
    after = _objects(sim)
    wrong, verified = [], True
    mine = set()
    for installed, meant in done:
        kind = "privatekey" if installed.kind is CredentialKind.KEY else "certificate"
        mine.add((kind, installed.slot))
        mine.update((kind, slot) for slot in installed.removed)
        verified = verified and installed.verified
        held = after.get((kind, installed.slot), b"")
        if held == meant:
            continue
        same = kind == "certificate" and _ders(held) == _ders(meant)
        sure = "verified" if installed.verified else "unverified"
        wrong.append(f"{sure} {kind} {'spelt otherwise' if same else 'differs'}")
    for key in before.keys() | after.keys():
        if key not in mine and before.get(key) != after.get(key):
            wrong.append(f"another slot changed: {key}")
    for installed, _ in done:
        for slot in installed.removed:
            if ("certificate", slot) in after:
                wrong.append("the slot that was said to be removed is there")
    profile = sim.profiles.get(6)
    if what != "put":
        slots = [installed.slot for installed, _ in done]
        named = None if profile is None else (profile.ca, profile.certificate, profile.key)
        if (
            profile is None
            or profile.level != 5
            or named != ((slots[0], None, None) if len(slots) == 1 else (None, *slots))
        ):
            wrong.append(f"the profile is {profile}")
    return Judged("verified" if verified else "unverified", "; ".join(wrong))


# Request.


def request_run(seed: int, server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    random_ = random.Random(seed)
    way = random_.choice(("stream", "modem"))
    post = random_.random() < 0.25
    size = random_.choice((1, 40, 700, 4000))
    method, target = ("POST", "/echo") if post else ("GET", f"/bytes/{size}")
    settings = {
        "map": f"device.test:443=127.0.0.1:{server.port}",
        "echo": random_.choice((False, True)),
        "urc_noise": random_.choice((0.0, 0.2)),
    }
    kind = random_.choice(_KINDS)

    def act(modem: Modem, sim: CellularSimulator) -> Judged:
        before = _last(server)
        with modem.https("device.test", http=way) as session:  # type: ignore[arg-type]
            response = session.request(method, target, body=pattern(size) if post else None, timeout=20.0)
        return _judge_response(response, server, before, method, target, pattern(size) if post else b"")

    name = f"{way} {method} {size}"
    return _run(seed, kind, settings, name, lambda modem: trusted(modem, server), act, random_, monkeypatch)


def checked_run(seed: int, server: HttpsServer, old: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A request over a line that is checked: TLS on this computer, or a modem with a checksum of its own.

    ``old`` is a server that such a modem's TLS can meet.  The bytes of a handshake are others each time, so a
    seed stands for the faults alone.
    """
    random_ = random.Random(seed)
    on_host = random_.random() < 0.5
    method = random_.choice(("GET", "GET", "POST"))
    size = random_.choice((1, 40, 700, 4000))
    body = pattern(size) if method == "POST" else b""
    target = "/echo" if body else f"/bytes/{size}"
    server = server if on_host else old
    settings = {
        "map": f"device.test:443=127.0.0.1:{server.port}",
        "echo": random_.choice((False, True)),
        "urc_noise": random_.choice((0.0, 0.2)),
    }
    kind = random_.choice(_KINDS)
    own: dict[str, Any] = {"tls": "host", "ca": server.ca_pem} if on_host else {"policy": OLD_TLS}

    def prepare(modem: Modem) -> None:
        if not on_host:
            modem.trust(server.ca_pem, policy=OLD_TLS)

    def act(modem: Modem, sim: CellularSimulator) -> Judged:
        before = _last(server)
        with modem.https("device.test", **own) as session:
            response = session.request(method, target, body=body or None, timeout=20.0)
        return _judge_response(response, server, before, method, target, body)

    name = f"{'host' if on_host else 'checksum'} {method} {size}"
    make = simulator if on_host else _companion
    return _run(seed, kind, settings, name, prepare, act, random_, monkeypatch, make)


OLD_TLS = VerifyPolicy(accept_gaps=frozenset({Gap.HOSTNAME, Gap.MINIMUM_VERSION}))


def _companion(settings: dict[str, Any]) -> CellularSimulator:
    return Q2686(clock="2026-11-21T00:00:00Z", registration_delay=0.0, patience=0.02, **settings)


def trusted(modem: Modem, server: HttpsServer) -> None:
    modem.trust(server.ca_pem)


def _judge_response(
    response: Response, server: HttpsServer, before: Request | None, method: str, target: str, body: bytes
) -> Judged:
    got = _last(server)
    if got is None or got is before:  # the server could not read what came as a request, and did not count it
        wrong_status = "" if response.status >= 400 else f"status {response.status}"
        return Judged("request altered on its way", wrong_status, response.line_checked)
    altered = (got.method, got.target, got.body) != (method, target, body)
    word = "request altered on its way" if altered else "complete" if response.is_complete else "of no length"
    status, expected = _answer(got.target, got.body)
    wrong = []
    if expected is not None and response.body != expected:
        same = "as long" if len(response.body) == len(expected) else "shorter or longer"
        wrong.append(f"body differs, {same}" + ("" if response.is_complete else ", not said to be complete"))
    if response.status != status:
        wrong.append(f"status {response.status}")
    return Judged(word, "; ".join(wrong), response.line_checked)


def _last(server: HttpsServer) -> Request | None:
    return server.log[-1] if server.log else None


def _answer(target: str, body: bytes) -> tuple[int, bytes | None]:
    """The status and, where it is no page of an error, the body that the server answers to what it got."""
    word, _, count = urlsplit(target).path.strip("/").partition("/")
    if word == "echo" and not count:
        return 200, body
    is_number = count.isascii() and count.isdigit()
    return (200, pattern(int(count))) if word == "bytes" and is_number else (404, None)


# One run.

Act = Callable[[Modem, CellularSimulator], Judged]
Make = Callable[[dict[str, Any]], CellularSimulator]
_lengths: dict[tuple[object, ...], tuple[tuple[int, int, int], tuple[int, int, int]]] = {}


def _length(
    key: tuple[object, ...],
    settings: dict[str, Any],
    prepare: Callable[[Modem], None],
    act: Act,
    patch: pytest.MonkeyPatch,
    make: Make,
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Per direction: the bytes of opening, up to the act, and in all, on a line without faults."""
    if key not in _lengths:
        line, sim = FaultyLine(), make(settings)
        marks = []

        def mark() -> None:
            marks.append((line.to_modem.position, line.to_host.position))

        with opened(WatchedPort(line, SimPort(sim)), patch) as modem:
            mark()
            prepare(modem)
            mark()
            clean = act(modem, sim)
            assert not clean.wrong, (key, clean)
        mark()
        first, second, third = marks
        _lengths[key] = ((first[0], second[0], third[0]), (first[1], second[1], third[1]))
    return _lengths[key]


def _run(
    seed: int,
    kind: str,
    settings: dict[str, Any],
    name: str,
    prepare: Callable[[Modem], None],
    act: Act,
    random_: random.Random,
    patch: pytest.MonkeyPatch,
    make: Make = simulator,
) -> Outcome:
    to_modem, to_host = _length((name, *settings.items()), settings, prepare, act, patch, make)
    # Mostly in the act itself, else anywhere.
    begins = 0 if random_.random() < 0.15 else 1
    faults = draw_faults(
        random_, kind, (to_modem[1] * begins, to_modem[2]), (to_host[1] * begins, to_host[2])
    )
    line, sim = FaultyLine(seed, **faults), make(settings)
    port = WatchedPort(line, SimPort(sim))
    told = f"{name}, {kind}: {faults}"
    judged, again = Judged(""), ""
    try:
        with opened(port, patch) as modem:
            try:
                prepare(modem)
                judged = act(modem, sim)
            except ModemError as error:
                judged = Judged(type(error).__name__)
                again = _once_more(modem, sim, line, prepare, act, kind)
    except ModemError as error:
        judged = Judged(f"not opened: {type(error).__name__}")
    finally:
        sim.close()
    on_answers = tuple(line.to_host.damage)
    damage = (*line.to_modem.damage, *on_answers)
    has_events = bool(settings["urc_noise"])
    return Outcome(
        judged.word, sim.now, damage, on_answers, told, judged.wrong, again, has_events, judged.line_checked
    )


def _once_more(
    modem: Modem,
    sim: CellularSimulator,
    line: FaultyLine,
    prepare: Callable[[Modem], None],
    act: Act,
    kind: str,
) -> str:
    """The same once more, when the faults are over."""
    over = [
        each.faults.window[1] is not None and each.faults.window[1] <= each.position
        for each in (line.to_modem, line.to_host)
        if each.faults != Faults()
    ]
    if kind not in ("drop", "flip", "double") or not all(over):
        return ""
    try:
        modem.credentials.list()  # what is left of the first time is ended before anything is compared
        prepare(modem)
        judged = act(modem, sim)
        return f"again ({judged.word}): {judged.wrong}"
    except ModemError as error:
        return f"again {type(error).__name__}: {error}"
