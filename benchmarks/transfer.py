"""Certificates and bodies, up and down, against the time that the protocol's own bytes take on the line.

The bound is computed from the bytes that the line counted (commands, prompts, answers, data), at ten bit times
each, one direction after the other, as the dialogue is.  The modem answers at once; what it costs the scripted
one and the pacing is in the figure.  The same dialogue by a bare pyserial loop stands beside it: what is
missing there to 100 % is the machine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import serial
import trustme

from .commands import open_quietly
from .line import Line
from .measure import Row, report

BODY = 65_536
OK = b"\r\nOK\r\n"


class BareDialogue:
    """The same bytes as modemtls sends, and nothing checked."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def until(self, end: bytes) -> None:
        """Read until ``end`` has come."""
        port, answer = self._port, b""
        while end not in answer:
            answer += port.read(port.in_waiting or 1)

    def ring(self) -> None:
        """Read until the modem has said that there is something, and all of that line."""
        port, answer = self._port, b""
        while (start := answer.find(b"+SQNSRING")) < 0 or b"\n" not in answer[start:]:
            answer += port.read(port.in_waiting or 1)

    def upload(self, pem: bytes) -> None:
        """One certificate."""
        self._port.write(b'AT+SQNSNVW="certificate",19,%d\r' % len(pem))
        self.until(b"> ")
        self._port.write(pem)
        self.until(OK)

    def stream_down(self, size: int) -> None:
        """One body by the TLS stream, in parts of 1500."""
        request = (
            b"GET /bytes/%d HTTP/1.1\r\nHost: device.test\r\nUser-Agent: modemtls\r\nAccept: */*\r\n\r\n"
            % size
        )
        self._send(request, last=True)
        while True:
            self._port.write(b"AT+SQNSRECV=6,1500\r")
            answer = self._counted()
            if len(answer) < 1500:
                return

    def stream_up(self, body: bytes) -> None:
        """One body by the TLS stream, in parts as modemtls makes them."""
        head = (
            b"PUT /x HTTP/1.1\r\nHost: device.test\r\nUser-Agent: modemtls\r\nAccept: */*\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        data = head + body
        for start in range(0, len(data), 1500):
            self._send(data[start : start + 1500], last=start + 1500 >= len(data))
        self._port.write(b"AT+SQNSRECV=6,1500\r")
        self._counted()

    def client_down(self, size: int) -> None:
        """One body by the modem's HTTP client."""
        self._port.write(b"AT+SQNSPCFG\r")
        self.until(OK)
        self._port.write(b'AT+SQNHTTPQRY=2,0,"/bytes/%d"\r' % size)
        self.until(b",%d\r\n" % size)
        self._port.write(b"AT+SQNHTTPRCV=2\r")
        got, port = 0, self._port
        while got < size + 5 + len(OK):
            got += len(port.read(port.in_waiting or 1))

    def client_up(self, body: bytes) -> None:
        """One body by the modem's HTTP client, and the answer to it."""
        self._port.write(b"AT+SQNSPCFG\r")
        self.until(OK)
        self._port.write(b'AT+SQNHTTPSND=2,1,"/x",%d,"2"\r' % len(body))
        self.until(b"> ")
        self._port.write(body)
        self.until(b",2\r\n")
        self._port.write(b"AT+SQNHTTPRCV=2\r")
        self.until(OK)

    def _send(self, data: bytes, *, last: bool) -> None:
        self._port.write(b"AT+SQNSSENDEXT=6,%d\r" % len(data))
        self.until(b"> ")
        self._port.write(data)
        if last:
            self.ring()
        else:
            self.until(OK)

    def _counted(self) -> bytes:
        port, answer = self._port, bytearray()
        while answer.count(b"\n") < 2:
            answer += port.read(port.in_waiting or 1)
        while (start := answer.find(b"+SQNSRECV: 6,")) < 0 or (end := answer.find(b"\n", start)) < 0:
            answer += port.read(port.in_waiting or 1)
        size = int(answer[start + 13 : end])
        while len(answer) < end + 1 + size + len(OK):
            answer += port.read(port.in_waiting or 1)
        return bytes(answer[end + 1 : end + 1 + size])


def _timed(line: Line, call: Callable[[], object]) -> tuple[float, float]:
    line.counted()
    began = time.perf_counter()
    call()
    took = time.perf_counter() - began
    return took, line.bound()


def _at_rate(baud: int, rounds: int, folder: Path) -> None:
    cas = [trustme.CA().cert_pem.bytes() for _ in range(2)]
    pem = cas[0]
    large = pem * 14  # a bundle of the size that firmware updates bring along
    body = bytes(range(256)) * (BODY // 256)
    with ExitStack() as stack:
        own, bare = stack.enter_context(Line(baud)), stack.enter_context(Line(baud))
        modem = stack.enter_context(open_quietly(own.device))
        port = stack.enter_context(serial.Serial(bare.device, baud, timeout=10))
        loop = BareDialogue(port)
        modem.trust(pem)
        stream = stack.enter_context(modem.https("device.test"))
        client = stack.enter_context(modem.https("device.test", http="modem"))
        for session in (stream, client):
            session.get("/bytes/1")
        port.write(b'AT+SQNSPCFG=6,2,"",5,19,,,"","",0,0,0\r')
        loop.until(OK)

        def store(data: bytes) -> None:
            reply = modem.command(f'AT+SQNSNVW="certificate",19,{len(data)}', data=data)
            assert reply.ok

        def other_ca() -> None:
            cas.reverse()
            modem.trust(cas[0])

        cases: dict[str, tuple[Callable[[], object], Callable[[], object] | None]] = {
            f"certificate up, {len(pem)} bytes": (lambda: store(pem), lambda: loop.upload(pem)),
            f"certificates up, {len(large)} bytes": (lambda: store(large), lambda: loop.upload(large)),
            "trust() of another CA, with everything around it": (other_ca, None),
            f"body down by the stream, {BODY} bytes": (
                lambda: stream.get(f"/bytes/{BODY}"),
                lambda: loop.stream_down(BODY),
            ),
            f"body down by the modem's client, {BODY} bytes": (
                lambda: client.get(f"/bytes/{BODY}"),
                lambda: loop.client_down(BODY),
            ),
            f"body up by the stream, {BODY} bytes": (
                lambda: stream.put("/x", body=body),
                lambda: loop.stream_up(body),
            ),
            f"body up by the modem's client, {BODY} bytes": (
                lambda: client.put("/x", body=body),
                lambda: loop.client_up(body),
            ),
        }
        rows: list[Row] = []
        for what, (ours, theirs) in cases.items():
            found = [(_timed(own, ours), _timed(bare, theirs) if theirs else None) for _ in range(rounds)]
            row: dict[str, str | float] = {
                "what": what,
                "bound s": median(bound for (_, bound), _ in found),
                "modemtls s": median(took for (took, _), _ in found),
                "% of the bound": 100 * median(bound / took for (took, bound), _ in found),
            }
            if bare_found := [each for _, each in found if each is not None]:
                row["bare loop %"] = 100 * median(bound / took for took, bound in bare_found)
            rows.append(row)
        report(f"transfer-{baud}", f"Up and down on a line paced at {baud}", rows, folder)


def main(folder: Path, quick: bool) -> None:
    """One table for each rate."""
    _at_rate(115_200, 1 if quick else 3, folder)
    _at_rate(921_600, 3 if quick else 15, folder)
