"""A recording shows what was on the line, and nothing of what is secret, however it comes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from fuzz.port import InputPort
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import AUTHORIZATION, CANARIES, HTTP_PASSWORD, PASSWORD, PIN, PSK, TOKEN
from tests.search import Search

import modemtls
from modemtls import Gap, ModemError, ModemTimeout, PortError, Psk, VerifyPolicy
from modemtls.at import Announced, Channel, Command, Dialect, Marked, free_text, quote, raw, secret, starts
from modemtls.op import Op, SetLine, run
from modemtls.port import Port, open_port
from modemtls.sim.server import HttpsServer
from modemtls.testing import dialogue
from modemtls.transcript import Chunk, Direction, Failure, LineChange, Payload, Placeholder, Recording, parse
from modemtls_sequans.driver import SequansDriver

from .bench import MODEL, Script, session, session_async, shown, tells, url

IMEI, IMSI, ICCID, PHONE = "004999010640000", "001010123456789", "89882280666012345678", "+491701234567"
OK = b"\r\nOK\r\n"
SECRET = "hunter2-Hunter3-hunter4"
"""One that no dialect knows: where a log may show it, a recording may not."""
DIALECT = SequansDriver.dialect


def search_for(pair: trustme.LeafCert | None = None) -> Search:
    found = Search()
    for name, value in CANARIES.items():
        found.register(name, value)
    for name, text in (
        ("secret", SECRET),
        ("IMEI", IMEI),
        ("IMSI", IMSI),
        ("ICCID", ICCID),
        ("phone", PHONE[1:]),
    ):
        found.register(name, text.encode())
    if pair is not None:
        pem = pair.private_key_pem.bytes()
        found.register("key in PEM", b"".join(pem.splitlines()[1:-1])[16:50])
        key = load_pem_private_key(pem, None)
        assert isinstance(key, EllipticCurvePrivateKey)
        found.register("key", key.private_numbers().private_value.to_bytes(32, "big"))
    return found


class Watched(Port):
    """Keeps the bytes that really went by."""

    def __init__(self, inner: Port) -> None:
        self.inner = inner
        self.name = inner.name
        self.virtual_time = inner.virtual_time
        self.sent = b""
        self.taken = b""

    def read(self, timeout: float) -> bytes:
        data = self.inner.read(timeout)
        self.taken += data
        return data

    def write(self, data: bytes, timeout: float) -> None:
        self.inner.write(data, timeout)
        self.sent += data

    def now(self) -> float:
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        self.inner.set_line(line)

    def close(self) -> None:
        self.inner.close()


def record(
    op: Callable[[Channel], Op[object]], port: Port, dialect: Dialect = DIALECT, *, full: bool = True
) -> tuple[Script, Watched, BaseException | None]:
    """Run an operation on a recorded port; an error of the modem's is given back."""
    script, line = Script(full=full), Watched(port)
    recording = line.record(script.recorder)
    channel = recording.channel(dialect, command_timeout=5.0, recover_timeout=5.0)
    error: BaseException | None = None
    try:
        run(op(channel), recording)
        run(channel.poll(2.0), recording)
    except ModemError as raised:
        error = raised
    with contextlib.suppress(ModemError):
        run(channel.ready(), recording)
    script.recorder.close()
    return script, line, error


def check(script: Script, line: Watched) -> None:
    assert tells(script.transcript, Direction.SENT, line.sent), script.text
    assert tells(script.transcript, Direction.RECEIVED, line.taken), script.text


# What is shown is true.


def _count(line: str) -> int | None:
    digits = line.partition(":")[2].strip()
    return int(digits) if digits.isdecimal() and len(digits) < 5 else None


def LOGIN(channel: Channel) -> Op[object]:  # noqa: N802 - one of the operations, with a name
    return channel.command(Command.set("+L", 1, secret(quote(SECRET))))


OPERATIONS: tuple[Callable[[Channel], Op[object]], ...] = (
    lambda channel: channel.command(Command.read("+X")),
    LOGIN,
    lambda channel: channel.command(free_text("I")),
    lambda channel: channel.command(Command.set("+D", 1), dial=True),
    lambda channel: channel.upload(
        Command.set("+D", 1), b"DATA:\r\nAT+DANGER\r\n\0\xff>", prompt_timeout=3.0
    ),
    lambda channel: channel.upload(Command.set("+K", 1), b"x" * 3000, prompt_timeout=3.0, hide=True),
    lambda channel: channel.download(Command.set("+G", 1), Announced(_count, 200), idle_timeout=2.0),
    lambda channel: channel.download(Command.set("+B", 1), Marked(b"<<<", 20), timeout=3.0, idle_timeout=2.0),
    lambda channel: channel.wake(4.0),
    lambda channel: channel.wait(starts("+SQNSRING:"), 4.0),
)
TOKENS = (
    b"\r\n", b"OK", b"\r\nOK\r\n", b"ERROR", b"+CME ERROR: 3", b"> ", b"<<<", b"+G: 5", b"\r\n+G: 12\r\n", b"abcde",
    b"+X: 1", b"\r\n+SYSSTART\r\n", b"+CEREG: 1", b"\0", b"\xff\xfe", b"AT+X?\r", b"~~~", b"|||", b"\r", b"\n", b" ",
    b"+CMEE: 1", b"{\\[", SECRET.encode(), b"4999010640000", b"0049990106400", b"x" * 500, b"DATA:\r\nAT+DANGER",
)  # fmt: skip


@given(
    st.lists(st.sampled_from(TOKENS) | st.binary(max_size=8), max_size=14).map(b"".join),
    st.sampled_from(OPERATIONS),
    st.booleans(),
    st.integers(0, 99) | st.none(),
)
def test_whatever_a_modem_says_the_transcript_tells_the_truth_of_it(
    said: bytes, op: Callable[[Channel], Op[object]], full: bool, seed: int | None
) -> None:
    port = InputPort(said, cuts=None if seed is None else Random(seed))
    script, line, _ = record(op, port, full=full)
    check(script, line)
    assert op is not LOGIN or SECRET not in script.text


def test_a_recording_channel_does_what_a_channel_does(server: HttpsServer, pair: trustme.LeafCert) -> None:
    without = session(url(server, chunk=7), server.ca_pem, pair)
    script = Script()
    assert session(url(server, chunk=7), server.ca_pem, pair, record=script.recorder)[3][1] == without[3][1]  # type: ignore[index]
    assert script.transcript.model == MODEL


def test_chunks_stay_what_they_were() -> None:
    port = dialogue(("AT+X?", [b"\r\n+X: 1", b"\r", b"\n\r\nO", (0.5, b"K\r\n\r\n+CEREG: 1\r\n")]))
    script, _, _ = record(lambda channel: channel.command(Command.read("+X")), port)
    received = [
        e for e in script.transcript.entries if isinstance(e, Chunk) and e.direction is Direction.RECEIVED
    ]
    assert [(each.delay, each.parts[0].pieces) for each in received] == [
        (0.0, (b"\r\n+X: 1",)),
        (0.0, (b"\r",)),
        (0.0, (b"\n\r\nO",)),
        (0.5, (b"K\r\n\r\n+CEREG: 1\r\n",)),
    ]


def test_a_line_change_and_a_failure_stand_in_their_place() -> None:
    class Gone(Watched):
        has_modem_lines = True

        def write(self, data: bytes, timeout: float) -> None:
            if b"+X" in data:
                raise PortError("gone")
            super().write(data, timeout)

        def set_line(self, line: SetLine) -> None:
            pass

    script = Script()
    recording = Gone(dialogue(("AT+Y?", OK))).record(script.recorder)
    channel = recording.channel(DIALECT)
    recording.set_line(SetLine(baudrate=9600, dtr=True, rts=False, send_break=0.25))
    run(channel.command(Command.read("+Y")), recording)
    with pytest.raises(PortError):
        run(channel.command(Command.read("+X")), recording)
    recording.close()
    kinds = [e.what for e in script.transcript.entries if not isinstance(e, Chunk)]
    assert kinds == ["9600 baud", "dtr on", "rts off", "break 0.25 s", "gone"]
    assert isinstance(script.transcript.entries[0], LineChange)
    assert isinstance(script.transcript.entries[-1], Failure)


def test_time_is_the_ports_own() -> None:
    port = dialogue(("AT+X?", [(1.25, b"\r\n+X: 1\r\n"), (0.5, OK)]))
    script, _, _ = record(lambda channel: channel.command(Command.read("+X")), port)
    assert [entry.delay for entry in script.transcript.entries] == [0.0, 1.25, 0.5]


def test_two_recordings_of_the_same_thing_are_the_same_text(server: HttpsServer) -> None:
    texts = set()
    for _ in range(2):
        script = Script()
        with modemtls.open(url(server), record=script.recorder) as modem:
            modem.clock.set(
                modem.clock.read().time.replace(year=2026, month=1, day=1, hour=0, minute=0, second=0)
            )
            modem.network.up()
        texts.add(script.text.split("+CCLK")[0])
    assert len(texts) == 1


# Nothing secret is shown.


@pytest.mark.parametrize("full", [True, False], ids=["full", "digest"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"chunk": 1, "echo": "yes"},
        {"chunk": 5},
        {"urc_noise": 0.4, "chunk": 3},
        {"sim": "pin", "pin": PIN},
    ],
    ids=lambda settings: "&".join(settings) or "plain",
)
def test_no_secret_is_in_a_recorded_session(
    settings: dict[str, object], full: bool, server: HttpsServer, pair: trustme.LeafCert
) -> None:
    script = Script(full=full)
    gaps = frozenset({Gap.PSK, Gap.CLIENT_CREDENTIAL})
    port = url(server, **settings)
    session(port, server.ca_pem, pair, record=script.recorder)
    more = Script(full=full)
    with modemtls.open(port, pin=PIN, record=more.recorder, timeout=20) as modem:
        for line in (
            "AT+CIMI", "AT+CCID", "AT+ICCID", "AT+CGSN", "AT+CGSN=1", f'AT+CPIN="{PIN}"', f"AT+CPIN={PIN}",
            f'AT+CGAUTH=1,1,"me","{PASSWORD}"', "AT+CGAUTH?", f'AT+SQNHTTPCFG=1,"h",443,1,"me","{HTTP_PASSWORD}"',
            "AT+SQNHTTPCFG?", f'AT+SQNSPCFG=4,2,"",0,19,,,"{PSK.hex()}","me"', "AT+SQNSPCFG", f"ATD{PHONE};",
            f'AT+SQNHTTPQRY=0,0,"/","Bearer {SECRET}"', f'AT+SQNHTTPQRY=0,0,"/","Authorization: {SECRET}"',
        ):  # fmt: skip
            with contextlib.suppress(ModemError):
                modem.command(line, timeout=5)
        with contextlib.suppress(ModemError):
            modem.https("one.test", policy=VerifyPolicy(psk=Psk("me", PSK), accept_gaps=gaps)).get("/")
        with contextlib.suppress(ModemError):
            modem.profiles.list()
        key = pair.private_key_pem.bytes()
        for slot in (15, 99):
            with contextlib.suppress(ModemError):
                modem.command(f'AT+SQNSNVW="privatekey",{slot},{len(key)}', data=key)
    assert len(script.text) + len(more.text) > 10_000
    assert 'AT+CGAUTH=1,1,"me","{password-1}"' in script.text
    assert search_for(pair).leaks((script.text + more.text).encode()) == set()


def test_no_secret_is_recorded_from_asyncio(server: HttpsServer, pair: trustme.LeafCert) -> None:
    script = Script()
    asyncio.run(session_async(url(server, chunk=11), server.ca_pem, pair, record=script.recorder))
    assert script.transcript.entries
    assert search_for(pair).leaks(script.text.encode()) == set()


SHAPES: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text[1:],
    lambda text: text[3:-1],
    lambda text: text + text,
    lambda text: "\x80" + text[5:],
    lambda text: text.replace("=", ": "),
    lambda text: f"+CME ERROR: {text}",
    lambda text: f"+CEREG: {text}",
    lambda text: f"+SYSSTART {text}",
    lambda text: text.replace('"', ""),
    lambda text: "\r\n".join(text[at : at + 9] for at in range(0, len(text), 9)),
    lambda text: text.encode().hex(),
    lambda text: text[::-1],
)


@pytest.mark.parametrize("chunk", [0, 1, 7])
def test_a_modem_that_repeats_what_it_is_given_gives_nothing_away(chunk: int, pair: trustme.LeafCert) -> None:
    """Echoes that are cut, shifted, doubled and spelt in hexadecimal; in answers, events and errors."""
    key = pair.private_key_pem.bytes()
    search = search_for(pair)
    commands = [
        Command.set("+CPIN", secret(quote(PIN))),
        Command.set("+CGAUTH", 1, 1, quote("me"), secret(quote(PASSWORD))),
        Command.set("+SQNSPCFG", 4, 2, None, 0, 19, None, None, secret(quote(PSK.hex().upper()))),
        Command.set("+SQNHTTPQRY", 1, 0, quote("/"), secret(quote(f"Authorization: {AUTHORIZATION}"))),
    ]
    seen = 0
    for shape, end in itertools.product(SHAPES, (b"\r\n\r\nOK\r\n", b"\r\n\r\nERROR\r\n", b"\r\n")):
        for command in commands:
            answer = b"\r\n" + shape(command.text).encode("latin-1") + end
            port = dialogue((command.text, answer), chunk=chunk).expect_any(
                ("AT+CMEE?", b"\r\n+CMEE: 1\r\n\r\nOK\r\n")
            )
            script, line, _ = record(partial(Channel.command, command=command), port)
            check(script, line)
            assert search.leaks(script.text.encode()) == set(), (shape(command.shown), script.text)
            seen += 1
        write = Command.set("+SQNSNVW", quote("privatekey"), 15, len(key))
        pem = key.decode()
        again = b"\r\n" + shape(pem).encode("latin-1") + end
        port = dialogue((write.text, b"\r\n> "), (key, again), chunk=chunk).expect_any(
            ("AT+CMEE?", b"\r\n+CMEE: 1\r\n\r\nOK\r\n")
        )
        script, line, _ = record(
            partial(Channel.upload, command=write, data=key, prompt_timeout=5.0, hide=True), port, full=True
        )
        check(script, line)
        assert search.leaks(script.text.encode()) == set(), script.text
    assert seen == 3 * len(SHAPES) * len(commands)


def uploaded(*datas: bytes, hide: bool = False, chunk: int = 3) -> str:
    """What is recorded of uploads of this, one after the other."""
    port = dialogue(chunk=chunk)
    for data in datas:
        port.expect((f"AT+W={len(data)}", b"\r\n> "), (data, OK))

    async def op(channel: Channel) -> None:
        for data in datas:
            await channel.upload(Command.set("+W", len(data)), data, prompt_timeout=5.0, hide=hide)

    script, line, error = record(op, port)
    assert error is None
    check(script, line)
    return script.text


def test_a_key_is_recognised_when_nobody_says_that_it_is_one(pair: trustme.LeafCert) -> None:
    key = pair.private_key_pem.bytes()
    private = load_pem_private_key(key, None)
    search = search_for(pair)
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        der = private.private_bytes(Encoding.DER, form, NoEncryption())
        pem = private.private_bytes(Encoding.PEM, form, NoEncryption())
        for data in (der, pem, b"# mine\n" + pem, pem.replace(b"\n", b"\r\n")):
            text = uploaded(data)
            assert f"[{len(data)} bytes hidden: key-1]" in text
            assert search.leaks(text.encode()) == set()


@pytest.mark.parametrize("size", [1, 20, 64, 120])
def test_a_key_in_pieces_is_hidden_to_its_end(size: int, pair: trustme.LeafCert) -> None:
    key = pair.private_key_pem.bytes()
    head = key.index(b"\n") + 1
    pieces = [key[:head], *(key[at : at + size] for at in range(head, len(key), size)), b"a certificate\n"]
    text = uploaded(*pieces)
    assert search_for(pair).leaks(text.encode()) == set()
    assert "a certificate" in text


def test_the_same_key_has_one_placeholder_and_another_key_another() -> None:
    one, two = (trustme.CA(key_type=trustme.KeyType.ECDSA).private_key_pem.bytes() for _ in range(2))
    text = uploaded(one, two, one, hide=True)
    assert [line.split()[-1] for line in text.splitlines() if "hidden" in line] == [
        "key-1]",
        "key-2]",
        "key-1]",
    ]


def test_an_upload_is_one_entry_however_it_was_written() -> None:
    data = bytes(range(256)) * 40
    transcript = parse(uploaded(data, chunk=0).encode())
    found = [
        part
        for e in transcript.entries
        if isinstance(e, Chunk)
        for part in e.parts
        if isinstance(part, Payload)
    ]
    assert [(each.length, each.pieces) for each in found] == [(len(data), (data,))]


def test_a_header_that_lies_over_two_uploads_is_hidden_in_both() -> None:
    head = b"GET /x HTTP/1.1\r\nHost: h\r\nX-Mine: %s\r\nAuthorization: %s\r\nAccept: */*\r\n\r\n" % (
        TOKEN[::-1].encode(), AUTHORIZATION.encode(),
    )  # fmt: skip
    search = search_for()
    for cut in range(1, len(head)):
        port = dialogue()
        for part in (head[:cut], head[cut:]):
            port.expect((f"AT+SEND=1,{len(part)}", b"\r\n> "), (part, OK))

        async def op(channel: Channel, cut: int = cut) -> None:
            for part in (head[:cut], head[cut:]):
                await channel.upload(Command.set("+SEND", 1, len(part)), part, prompt_timeout=5.0)

        script, line, error = record(op, port)
        assert error is None
        check(script, line)
        assert search.leaks(script.text.encode()) == set(), (cut, script.text)
        if cut % 16 == 0:
            assert "Accept: */*" in script.text or cut > head.index(b"Accept") - 1


def test_a_digest_is_never_given_of_data_with_a_secret_in_it() -> None:
    head = b"GET / HTTP/1.1\r\nAuthorization: Basic bWU6cHc=\r\n\r\n"
    port = dialogue((f"AT+SEND=1,{len(head)}", b"\r\n> "), (head, OK))
    script, _, _ = record(
        lambda channel: channel.upload(Command.set("+SEND", 1, len(head)), head, prompt_timeout=5.0),
        port,
        full=False,
    )
    assert f"[{len(head)} bytes hidden]" in script.text
    assert "sha256" not in script.text


def test_a_secret_in_a_body_that_comes_in_two_downloads_is_hidden_in_both() -> None:
    body = b"you said: " + SECRET.encode() + b", didn't you?"
    search = search_for()
    for cut in range(1, len(body)):
        port = dialogue((f'AT+QRY="{SECRET}"', OK))
        for part in (body[:cut], body[cut:]):
            port.expect(("AT+RECV=1,60", b"\r\n+RECV: %d\r\n" % len(part) + part + b"\r\nOK\r\n"))

        async def op(channel: Channel) -> None:
            await channel.command(Command.set("+QRY", secret(quote(SECRET))))
            for _ in range(2):
                await channel.download(Command.set("+RECV", 1, 60), Announced(_count, 60))

        script, line, error = record(op, port)
        assert error is None
        check(script, line)
        assert search.leaks(script.text.encode()) == set(), (cut, script.text)


@pytest.mark.parametrize("chunk", [0, 1, 4])
@pytest.mark.parametrize(
    ("command", "answer", "hidden", "kind"),
    [
        ("+CGSN", IMEI, IMEI, "imei"),
        ("+CGSN", f'+CGSN: "{IMEI}"', IMEI, "imei"),
        ("I", f"IMEI: {IMEI}", IMEI, "imei"),
        ("I", "IMEI: 35-209900-176148-1", "35-209900-176148-1", "imei"),
        ("+CIMI", IMSI, IMSI, "imsi"),
        ("+CIMI", "310170", "310170", "imsi"),
        ("+CCID", f"+CCID: {ICCID}", ICCID, "iccid"),
        ("+XCCID", f"{ICCID[:-1]}F", ICCID[:-1], "iccid"),
        ("+CRSM", '+CRSM: 144,0,"98882208660621436587"', "98882208660621436587", "sim"),
        ("+CNUM", f'+CNUM: "me","{PHONE}",145', PHONE, "phone"),
        ("+CREG?", '+CLIP: "01701234567",129', "01701234567", "phone"),
        ("+CMGR", '+CMGR: "REC READ","123",,\r\nthe text of it', "the text of it", "message"),
        ("+CREG?", "+CMT: ,24\r\n07911326040000F0040B911346610089F6", "07911326040000F0", "message"),
        ("+CPIN?", f'+CGAUTH: 1,1,"me","{SECRET}"', SECRET, "password"),
        ("I", f"GET /?api_key={SECRET}", SECRET, "secret"),
        ("I", f"Set-Cookie: {SECRET}", SECRET, "header"),
    ],
)
def test_who_somebody_is_becomes_a_placeholder(
    command: str, answer: str, hidden: str, kind: str, chunk: int
) -> None:
    port = dialogue((f"AT{command}", f"\r\n{answer}\r\n\r\nOK\r\n".encode()), chunk=chunk)
    script, line, error = record(lambda channel: channel.command(raw(f"AT{command}")), port, Dialect())
    assert error is None
    check(script, line)
    assert f"{{{kind}-1}}" in shown(script.transcript, Direction.RECEIVED).decode()
    assert hidden not in shown(script.transcript, Direction.RECEIVED).decode()
    assert hidden not in script.text


def test_dialled_numbers_are_hidden_and_service_codes_are_not() -> None:
    port = dialogue((f"ATD{PHONE};", OK), ("ATD*99***1#", b"\r\nNO CARRIER\r\n"))
    port.expect_any(("AT+CMEE?", b"\r\n+CMEE: 1\r\n\r\nOK\r\n"))

    async def op(channel: Channel) -> None:
        await channel.command(raw(f"ATD{PHONE};"), dial=True)
        await channel.command(raw("ATD*99***1#"), dial=True)

    script, _, _ = record(op, port)
    assert "ATD{phone-1:13};" in script.text
    assert "ATD*99***1#" in script.text


def test_what_is_no_secret_stays_readable() -> None:
    lines = [
        '+CCLK: "26/11/21,10:00:00+04"', '+CEREG: 2,1,"E198","043A5E0A",7', '+CGPADDR: 1,"192.0.2.78"',
        "UE8.2.0.2", '+COPS: 0,2,"26201",7', "+CPIN: READY", '+CGAUTH: 1,1,"me",""',
        '+SQNSNVR: "certificate",0,"/CN=x","00",,"21/04/27 08:00:00",,"sha256ECDSA","00","sha1","171a9709a70eb8c842"',
    ]  # fmt: skip
    answer = "".join(f"\r\n{line}" for line in lines) + "\r\n\r\nOK\r\n"
    port = dialogue(("ATI", answer.encode()))
    script, _, _ = record(lambda channel: channel.command(free_text("I")), port, Dialect())
    assert shown(script.transcript, Direction.RECEIVED) == answer.encode()


def test_the_same_value_has_the_same_placeholder_everywhere() -> None:
    port = dialogue(("AT+INFO", f"\r\n{IMEI}\r\n{ICCID}\r\n{IMEI}\r\n{IMEI[:-1]}1\r\n\r\nOK\r\n".encode()))
    script, _, _ = record(lambda channel: channel.command(free_text("+INFO")), port)
    assert shown(script.transcript, Direction.RECEIVED).split(b"\r\n")[1:5] == [
        b"{imei-1}", b"{iccid-1}", b"{imei-1}", b"{number-1}",
    ]  # fmt: skip


# What nobody vouches for.


def test_bytes_without_a_channel_are_recorded_by_their_number_alone() -> None:
    script = Script()
    port = dialogue((f'AT+CPIN="{PIN}"', b"\r\nhello\r\n")).record(script.recorder)
    port.write(f'AT+CPIN="{PIN}"\r'.encode(), 1.0)
    port.read(1.0)
    port.close()
    kinds = [(each.direction, each.parts) for each in script.transcript.entries if isinstance(each, Chunk)]
    assert kinds == [(Direction.SENT, (Payload(19),)), (Direction.RECEIVED, (Payload(9),))]


def test_lines_without_an_argument_need_no_channel() -> None:
    script = Script()
    sent = [b"AT\r", b"ATE0\r\n", b"AT+CMEE?\r", b"   ", b"+++", b"\r\r\rATQ0\r"]
    port = dialogue(*((data, b"") for data in sent)).record(script.recorder)
    for data in sent:
        port.write(data, 1.0)
    port.close()
    assert shown(script.transcript, Direction.SENT) == b"".join(sent)


def test_a_failing_disk_does_not_stop_the_modem() -> None:
    written: list[str] = []

    def write(text: str) -> None:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(text)

    script = Script()
    script.recorder._write = write
    port = dialogue(*[("AT+X?", b"\r\n+X: 1\r\n\r\nOK\r\n")] * 5)
    recording = port.record(script.recorder)
    recording.identified("acme-x1")
    channel = recording.channel(DIALECT)
    for _ in range(5):
        assert run(channel.command(Command.read("+X")), recording).lines == ("+X: 1",)
    with pytest.raises(OSError, match="No space left"):
        recording.close()
    recording.close()
    assert len(written) == 3


def test_a_recording_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrites nothing"):
        modemtls.open(f"sim://{MODEL}", record=path)
    assert path.read_text() == "mine"


def test_an_opening_that_fails_leaves_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "silent.txt"
    with pytest.raises(ModemTimeout):
        modemtls.open(f"sim://{MODEL}?silent=yes", record=path, timeout=2.0)
    transcript = parse(path.read_bytes())
    assert transcript.model is None
    assert shown(transcript, Direction.SENT).startswith(b"AT\r")


def test_how_to_record_is_one_record(tmp_path: Path) -> None:
    path = tmp_path / "dated.txt"
    with modemtls.open(f"sim://{MODEL}", record=Recording(path, full=True, recorded="2026-11-21")):
        pass
    transcript = parse(path.read_bytes())
    assert (transcript.full, transcript.recorded, transcript.model) == (True, "2026-11-21", MODEL)


@pytest.mark.skipif(os.name != "posix", reason="a pty")
def test_a_port_with_a_descriptor_is_recorded_too(tmp_path: Path) -> None:
    from modemtls.sim import PtyServer, simulator_type

    path = tmp_path / "pty.txt"
    with PtyServer(simulator_type(MODEL)()) as server:
        with modemtls.open(server.path, model=MODEL, record=path) as modem:
            modem.command("AT+CSQ")

        async def again() -> None:
            async with await modemtls.open_async(
                server.path, model=MODEL, record=tmp_path / "async.txt"
            ) as modem:
                await modem.command("AT+CSQ")

        asyncio.run(again())
    for name in ("pty.txt", "async.txt"):
        transcript = parse((tmp_path / name).read_bytes())
        assert b"AT+CSQ\r" in shown(transcript, Direction.SENT)
        assert b"{imei-1}" in shown(transcript, Direction.RECEIVED)
        assert not any(
            isinstance(part, Payload) for e in transcript.entries if isinstance(e, Chunk) for part in e.parts
        )


def test_the_recorded_port_is_the_port_in_all_else() -> None:
    port = open_port(f"sim://{MODEL}")
    recording = port.record(Script().recorder)
    assert (recording.name, recording.virtual_time, recording.fileno()) == (port.name, True, None)
    recording.sleep(1.5)
    assert recording.now() == port.now() == 1.5
    recording.close()
    recording.close()


def test_a_placeholder_has_nothing_of_what_it_stands_for() -> None:
    assert Placeholder("pin", 1).name == "pin-1"
    assert PIN not in repr(Placeholder("pin", 1))
