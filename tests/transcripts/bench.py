"""A session with everything in it, recorded and replayed."""

from __future__ import annotations

import re
from typing import Any

import trustme
from tests.canaries import API_KEY, AUTHORIZATION, COOKIE, PASSWORD, PIN

import modemtls
from modemtls.sim.server import HttpsServer
from modemtls.transcript import Chunk, Direction, Payload, Recorder, Text, Transcript, parse
from modemtls.transcript.records import Part, Piece

MODEL = "sequans-gm02s"
HEADERS = {"Authorization": AUTHORIZATION}
OTHER_HEADERS = {"Authorization": AUTHORIZATION, "Cookie": f"id={COOKIE}", "X-Api-Key": API_KEY}
GIVEN: dict[str, Any] = {"apn": "internet", "user": "me", "password": PASSWORD, "pin": PIN, "journal": False}


class Script:
    """A recorder's target in memory."""

    def __init__(self, *, full: bool = True, **more: Any) -> None:
        self.written: list[str] = []
        self.recorder = Recorder(self.written.append, full=full, **more)

    @property
    def text(self) -> str:
        return "".join(self.written)

    @property
    def transcript(self) -> Transcript:
        return parse(self.text.encode())


def url(server: HttpsServer, **settings: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in settings.items())
    return f"sim://{MODEL}?registration_delay=0.1&map=one.test:443=127.0.0.1:{server.port}{more}"


def session(port: str, ca: bytes, pair: trustme.LeafCert, **more: Any) -> list[object]:
    """Import and request; what came of it, without what a recording hides on purpose."""
    found: list[object] = []
    with modemtls.open(port, **{**GIVEN, **more}) as modem:
        found.append(modem.network.up())
        found.append(modem.trust(ca))
        found.append(modem.install(pair.cert_chain_pems[0].bytes(), pair.private_key_pem.bytes()))
        with modem.https("one.test") as https:
            reply = https.post("/echo", b"a body \xff\r\nOK\r\n", headers=OTHER_HEADERS)
            found.append((reply.status, reply.body, reply.headers))
        with modem.https("one.test", http="modem") as https:
            reply = https.get("/", headers=HEADERS)
            found.append((reply.status, reply.body))
        found.append(modem.clock.read())
        found.append(modem.credentials.list())
        found.append((modem.identity.product, modem.firmware))
    return found


async def session_async(port: str, ca: bytes, pair: trustme.LeafCert, **more: Any) -> list[object]:
    """The same, awaited."""
    found: list[object] = []
    async with await modemtls.open_async(port, **{**GIVEN, **more}) as modem:
        found.append(await modem.network.up())
        found.append(await modem.trust(ca))
        key = pair.private_key_pem.bytes()
        found.append(await modem.install(pair.cert_chain_pems[0].bytes(), key))
        async with modem.https("one.test") as https:
            reply = await https.post("/echo", b"a body \xff\r\nOK\r\n", headers=OTHER_HEADERS)
            found.append((reply.status, reply.body, reply.headers))
        async with modem.https("one.test", http="modem") as https:
            reply = await https.get("/", headers=HEADERS)
            found.append((reply.status, reply.body))
        found.append(await modem.clock.read())
        found.append(await modem.credentials.list())
        found.append((modem.identity.product, modem.firmware))
    return found


def _pattern(piece: Piece) -> bytes:
    if isinstance(piece, bytes):
        return re.escape(piece)
    return b".{%d}" % piece.length if piece.length is not None else b".+?"


def _part_pattern(part: Part) -> bytes:
    if isinstance(part, Payload) and part.pieces is None:
        return b".{%d}" % part.length
    return b"".join(map(_pattern, part.pieces or ()))


def tells(transcript: Transcript, direction: Direction, actual: bytes) -> bool:
    """What the transcript shows is what was on the line, in its place; what it hides is as long as it says."""
    parts = [
        part
        for entry in transcript.entries
        if isinstance(entry, Chunk) and entry.direction is direction
        for part in entry.parts
    ]
    return re.fullmatch(b"".join(map(_part_pattern, parts)), actual, re.DOTALL) is not None


def shown(transcript: Transcript, direction: Direction) -> bytes:
    """All text of a direction, placeholders by their names."""
    return b"".join(
        piece if isinstance(piece, bytes) else f"{{{piece.name}}}".encode()
        for entry in transcript.entries
        if isinstance(entry, Chunk) and entry.direction is direction
        for part in entry.parts
        if isinstance(part, Text)
        for piece in part.pieces
    )
