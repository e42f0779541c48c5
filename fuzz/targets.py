"""What must hold whatever arrives: a function per target, which takes bytes and may only return.

The functions know nothing of a fuzzer, so the kept corpus is replayed by the ordinary tests too.  The
first bytes of an input choose the case, the rest is what the modem says, or what the file holds.

Two oracles do most of the work.  *Cuts*: the same bytes, whole and in pieces, mean the same.
*Nothing is invented*: what comes out stood in the input, by count, and what goes out was asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from modemtls.at import (
    Announced,
    Channel,
    Command,
    Dialect,
    Final,
    Marked,
    Reply,
    fields,
    framing,
    free_text,
    quote,
    raw,
    secret,
    starts,
)
from modemtls.at.framing import Item, Line, Marker, Payload, Prompt, Receiver, Slip
from modemtls.at.syntax import REDACTED, escaped, final_result
from modemtls.credentials import bundle, lint, read
from modemtls.credentials.text import decode
from modemtls.errors import CommandError, CredentialError, ModemError, Reason
from modemtls.op import Op, run

from .port import PAUSE, InputPort

__all__ = ["TARGETS"]

SHORT_LINE = 48
ECHOED = b"abc\r\nOK\r\n>"


@contextlib.contextmanager
def _short_lines() -> Iterator[None]:
    """Let a line be too long already where an input of some hundred bytes can reach it."""
    usual, framing.MAX_LINE_BYTES = framing.MAX_LINE_BYTES, SHORT_LINE
    try:
        yield
    finally:
        framing.MAX_LINE_BYTES = usual


def _pieces(data: bytes, cuts: Random) -> list[bytes]:
    found = []
    while data:
        size = cuts.randint(1, 9)
        found.append(data[:size])
        data = data[size:]
    return found


def _receive(parts: list[bytes], options: int, count: int) -> list[Item]:
    taker = Receiver()
    taker.numeric = bool(options & 1)
    if options & 2:
        taker.expect_echo(ECHOED)
    items: list[Item] = []
    for part in parts:
        taker.feed(part)
        while True:
            item = taker.next(prompt=bool(options & 4), marker=b"<<<" if options & 8 else b"")
            if item is None:
                break
            if isinstance(item, Payload) and items and isinstance(items[-1], Payload) and items[-1].remaining:
                item = Payload(items[-1].data + item.data, item.remaining)
                items.pop()
            items.append(item)
            if isinstance(item, Marker):
                taker.expect_payload(count)
            elif (
                isinstance(item, Line)
                and not item.truncated
                and (found := re.fullmatch(r"\+P(\d{1,3})", item.text, re.ASCII))
            ):
                taker.expect_payload(int(found[1]))
        assert len(taker._buffer) <= SHORT_LINE + 1, "the buffer grows beyond a line"
    return items


def receiver(data: bytes) -> None:
    """Lines, prompts, marks and payloads are the same however the bytes arrive, and none is invented."""
    if len(data) < 3:
        return
    options, count, seed, stream = data[0], data[1], data[2], data[3:]
    with _short_lines():
        whole = _receive([stream], options, count)
        assert _receive([stream[at : at + 1] for at in range(len(stream))], options, count) == whole
        assert _receive(_pieces(stream, Random(seed)), options, count) == whole
    size = 0
    for item in whole:
        match item:
            case Line(text, truncated):
                assert "\n" not in text
                assert "\r" not in text
                if "\\" not in text:
                    size += len(text.encode())
                    assert text.encode() in stream
                assert truncated or len(text.encode()) <= SHORT_LINE * 4
            case Payload(body, remaining):
                size += len(body)
                assert body in stream
                assert remaining >= 0
            case Prompt() | Marker() | Slip():
                pass
    assert size <= len(stream)


SECRET = "hunter2-hunter2"
READ = Command.read("+X")
LOGIN = Command.set("+L", 1, secret(quote(SECRET)))
DATA = b"DATA:\r\nAT+DANGER\r\n\0\xff>"
DIALECT = Dialect(urcs=("+U", "+SYSSTART"), boot_urcs=("+SYSSTART",), unsolicited_errors=frozenset({171}))
GRAMMAR = re.compile(
    rb"(?:AT\+X\?\r|AT\+L=1,\"%s\"\r|ATI\r|AT\+D=1\r|AT\+G=1\r|AT\+B=1\r|AT\r|AT\+CMEE=?\?\r|ATQ0\r| |\r)*"
    % SECRET.encode()
)


def _count(line: str) -> int | None:
    values = fields(line)
    with contextlib.suppress(ValueError, IndexError):
        return int(values[0])
    return None


OPERATIONS: dict[str, Callable[[Channel], Op[object]]] = {
    "command": lambda channel: channel.command(READ),
    "login": lambda channel: channel.command(LOGIN),
    "free": lambda channel: channel.command(free_text("I")),
    "dial": lambda channel: channel.command(Command.set("+D", 1), dial=True),
    "upload": lambda channel: channel.upload(
        Command.set("+D", 1), DATA, prompt_timeout=3.0, hide=True, timeout=4.0
    ),
    "download": lambda channel: channel.download(
        Command.set("+G", 1), Announced(_count, 200), idle_timeout=2.0
    ),
    "marked": lambda channel: channel.download(
        Command.set("+B", 1), Marked(b"<<<", 20), timeout=3.0, idle_timeout=2.0
    ),
    "wake": lambda channel: channel.wake(4.0),
    "wait": lambda channel: channel.wait(starts("+U: 1"), 4.0),
}
LONGEST = 5.0 + 10.0 + 4.0 + 3.0
"""Seconds that an operation may take: command, recovery, the end of an upload, a payload's silence."""


@dataclass(frozen=True)
class Outcome:
    """How an operation ended, without what depends on when bytes came."""

    kind: str
    reply: tuple[Final, tuple[str, ...], bytes] | None = None
    reasons: frozenset[Reason] = frozenset()


def _perform(name: str, port: InputPort, channel: Channel) -> Outcome:
    began = port.time
    try:
        result = run(OPERATIONS[name](channel), port)
    except ModemError as error:
        assert str(error)
        assert name != "login" or not _leaked(f"{error!r}{error}{error.lines}")
        # What of an overlong line has gone already cannot be judged unreadable any more: it is a hint only.
        outcome = Outcome(type(error).__name__, reasons=error.reasons - {Reason.GARBAGE_ON_LINE})
    else:
        outcome = Outcome(str(bool(result)))
        if isinstance(result, Reply):
            assert name != "login" or not _leaked(f"{result!r}{result.shown}")
            outcome = Outcome("reply", (result.final, result.lines, result.payload))
            _check_reply(name, result, port)
    assert port.time - began <= LONGEST + PAUSE * port.pauses, "the deadline does not hold"
    return outcome


def _leaked(text: str) -> list[str]:
    return [piece for at in range(len(SECRET) - 5) if (piece := SECRET[at : at + 6]) in text]


def _check_reply(name: str, reply: Reply, port: InputPort) -> None:
    said = bytes(port.said)
    if reply.command.reply is not None:
        assert all(reply.command.reply.match(line) for line in reply.lines)
    for line in reply.lines:
        assert "\\" in line or len(line) > SHORT_LINE or line.encode() in said
    if name == "marked":
        assert len(reply.payload) in ((20,) if reply.ok else (0, 20))
        assert reply.payload in said
    elif name == "download":
        assert len(reply.payload) == sum(map(_announced, reply.lines))
        assert len(reply.payload) <= 200
    else:
        assert reply.payload == b""


def _announced(line: str) -> int:
    return _count(line) or 0


def _check_written(port: InputPort, uploads: bool) -> None:
    written = b"".join(port.written)
    if uploads and DATA in written:
        assert b">" in port.said, "data went out though nobody asked for them"
        before, _, after = written.partition(DATA)
        assert before.count(b"AT+D=1\r") == 1
        written = before + after
    assert GRAMMAR.fullmatch(written), f"sent was {written!r}"
    assert written.count(b"AT+D=1\r") <= 1, "a command was repeated"


def _events(channel: Channel) -> list[str]:
    return [event.line for event in iter(lambda: channel.take(lambda line: True), None)]


def channel(data: bytes) -> None:
    """Each operation ends in time, in a reply or an error that is ours; the next is not given its answer."""
    if len(data) < 2:
        return
    name = sorted(OPERATIONS)[data[0] % len(OPERATIONS)]
    seed, script = data[1], data[2:]
    with _short_lines():
        outcomes = []
        for cuts in (None, Random(seed)):
            port = InputPort(b"|||" + script, cuts=cuts)
            talk = Channel(DIALECT)
            outcome = _perform(name, port, talk)
            broke = talk.is_recovering
            while not broke and not port.is_used_up:
                run(talk.poll(5.0), port)
            if not broke:
                run(talk.poll(0.0), port)
            outcomes.append((outcome, broke, [] if broke else _events(talk)))
        if name != "wait":  # a restart and an event in one chunk are both there at once
            assert outcomes[0] == outcomes[1], f"whole {outcomes[0]}, in pieces {outcomes[1]}"

        port = InputPort(script, cuts=Random(seed))
        talk = Channel(DIALECT)
        for step in (name, "command", "free", "command"):
            _perform(step, port, talk)
        _check_written(port, name == "upload")
        assert len(talk._receiver._buffer) <= SHORT_LINE + 1 + len(script)


_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_ESCAPED_END = re.compile(r"(?:\\r)?\\n|\\r")


def credentials(data: bytes) -> None:
    """A file gives what stands in it, to the byte, and the same again when written; or one kind of error."""
    try:
        file = read(data)
    except CredentialError as error:
        assert str(error).isprintable()
        assert error.reasons
        return
    assert file.certificates or file.keys
    for finding in lint(file):
        assert finding.message
    again = read(bundle(file.certificates) + b"".join(key.pem for key in file.keys))
    assert again.mended == ()
    assert [c.sha256 for c in again.certificates] == list(dict.fromkeys(c.sha256 for c in file.certificates))
    assert [key.pem for key in again.keys] == [key.pem for key in file.keys]
    assert "-----" not in repr(file)
    source = ""
    with contextlib.suppress(UnicodeDecodeError):
        source = _NOT_BASE64.sub("", _ESCAPED_END.sub("", decode(data)[0]))
    for certificate in file.certificates:
        body = _NOT_BASE64.sub("", "".join(certificate.pem.decode().splitlines()[1:-1]))
        # The last characters may carry bits that no byte has: they are put right.
        assert certificate.der in data or body[:-1] in source


def syntax(data: bytes) -> None:
    """Nothing gets through quoting that could end a string or a line; a line that is read gives itself."""
    text = data.decode("utf-8", "surrogateescape")
    plain = all(" " <= character <= "~" for character in text)
    values = fields(text)
    assert all(value in text for value in values)
    assert sum(map(len, values)) <= len(text)
    for dial, numeric in itertools.product((False, True), repeat=2):
        final = final_result(text, dial=dial, numeric=numeric)
        if final is not None:
            assert str(final).isprintable()
            assert len(str(final)) < 130
            assert final.is_success == (str(final) in ("OK", "CONNECT"))
    assert escaped(text).isprintable()
    assert len(escaped(text)) <= 401
    try:
        line = raw(text)
    except CommandError:
        assert not plain or not 1 <= len(text) <= 4096
    else:
        assert line.text == text
        assert plain
    parts = text.split(",")
    try:
        quoted = [quote(part) for part in parts]
    except CommandError as error:
        assert not plain or '"' in text or "\\" in text
        assert error.reasons == {Reason.INVALID_PARAMETER}
        return
    assert plain
    assert '"' not in text
    command = Command.set("+X", *quoted, 7)
    assert fields(command.text.replace("AT+X=", "+X: ", 1)) == (*parts, "7")
    hidden = Command.set("+X", *map(secret, quoted), 7)
    assert hidden.text == command.text
    assert hidden.shown == "AT+X=" + f"{REDACTED}," * len(parts) + "7"
    assert hidden.secrets == tuple(parts)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "channel": channel,
    "credentials": credentials,
    "receiver": receiver,
    "syntax": syntax,
}
