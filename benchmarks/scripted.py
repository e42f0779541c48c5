"""A modem that answers by rote, so that it costs next to nothing and is not what is measured.

It has the dialogue of a GM02S as the simulated one has it, without anything behind: every certificate is
taken, every connection is made, every request is answered with as many bytes as its path ends with
(``/bytes/4096``).  For correctness there are the simulated modems; here only bytes and time count.
"""

from __future__ import annotations

import re

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"

_FIXED = {
    b"AT+CSQ": b"\r\n+CSQ: 20,99\r\n" + OK,
    b"AT+CGMI": b"\r\nSequans Communications\r\n" + OK,
    b"AT+CGMM": b"\r\nGM02S\r\n" + OK,
    b"AT+CGMR": b"\r\nUE8.2.0.2\r\n" + OK,
    b"AT+CGSN": b"\r\n004999010640000\r\n" + OK,
    b"ATI1": b"\r\nUE8.2.0.2\r\nLR8.2.0.2-59200\r\n" + OK,
    b"AT+CMEE?": b"\r\n+CMEE: 1\r\n" + OK,
    b"AT+CFUN?": b"\r\n+CFUN: 1\r\n" + OK,
    b"AT+CPIN?": b"\r\n+CPIN: READY\r\n" + OK,
    b"AT+CEREG?": b'\r\n+CEREG: 2,1,"E198","043A5E0A",7\r\n' + OK,
    b"AT+CGACT?": b"\r\n+CGACT: 1,1\r\n" + OK,
    b"AT+CGPADDR=1": b'\r\n+CGPADDR: 1,"192.0.2.78"\r\n' + OK,
    b'AT+SQNSNVR="privatekey"': b"\r\n+CME ERROR: 4\r\n",
    b"AT+CLAC": b"\r\nAT+CSQ\r\n" + OK,
    b"AT+CNMI=?": b"\r\n+CNMI: (0-2),(0-3),(0-2),(0,1),(0,1)\r\n" + OK,
    b"AT+CPMS=?": b'\r\n+CPMS: ("SM"),("SM"),("SM")\r\n' + OK,
    b"AT+CSMP?": b"\r\n+CSMP: 17,167,0,0\r\n" + OK,
}
_NUMBERS = re.compile(rb"\d+")


class ScriptedModem:
    """Takes bytes, gives bytes; ``tick`` gives what comes by itself after an answer."""

    def __init__(self) -> None:
        self.echo = False
        self._line = bytearray()
        self._awaited = 0
        self._taken = bytearray()
        self._purpose = b""
        self._certificates: dict[int, bytes] = {}
        self._profile = b""
        self._inbox = bytearray()
        self._body = b""
        self._missing = 0

    def feed(self, data: bytes) -> bytes:
        """The answer to ``data``, as far as it is complete."""
        if self._awaited:
            part, data = data[: self._awaited], data[self._awaited :]
            self._taken += part
            self._awaited -= len(part)
            if self._awaited:
                return b""
            answer = self._data_taken()
            return answer + (self.feed(data) if data else b"")
        self._line += data
        out = b""
        while (end := self._line.find(b"\r")) >= 0:
            command = bytes(self._line[:end]).strip(b"\r\n")
            rest = bytes(self._line[end + 1 :])
            self._line.clear()
            if command:
                out += (command + b"\r" if self.echo else b"") + self._answer(command)
            if self._awaited:
                return out + (self.feed(rest) if rest else b"")
            self._line += rest
        return out

    def _answer(self, command: bytes) -> bytes:
        if (fixed := _FIXED.get(command)) is not None:
            return fixed
        name, _, arguments = command.partition(b"=")
        match name:
            case b"ATE0" | b"ATE1":
                self.echo = name == b"ATE1"
            case b"AT+SQNSNVW":
                slot, size = map(int, arguments.split(b",")[1:])
                self._certificates.pop(slot, None)
                return self._await(size, b"certificate %d" % slot) if size else OK
            case b"AT+SQNSNVR":
                return b"".join(map(self._listed, self._certificates)) + OK
            case b"AT+SQNSPCFG":
                if arguments:
                    self._profile = b"\r\n+SQNSPCFG: " + arguments + b"\r\n"
                return self._profile + OK
            case b"AT+SQNSD":
                return OK + b"\r\n+SQNSD: 6,0\r\n"
            case b"AT+SQNSSENDEXT":
                return self._await(int(arguments.split(b",")[1]), b"request")
            case b"AT+SQNSRECV":
                size = int(arguments.split(b",")[1])
                part = bytes(self._inbox[:size])
                del self._inbox[:size]
                return b"\r\n+SQNSRECV: 6,%d\r\n" % len(part) + part + OK
            case b"AT+SQNHTTPCONNECT":
                return OK + b"\r\n+SQNHTTPCONNECT: 2,0\r\n"
            case b"AT+SQNHTTPQRY":
                self._body = bytes(_asked(arguments))
                return OK + self._ring()
            case b"AT+SQNHTTPSND":
                return self._await(int(arguments.split(b",")[3]), b"body")
            case b"AT+SQNHTTPRCV":
                return b"\r\n<<<" + self._body + OK
        return OK

    def _await(self, size: int, purpose: bytes) -> bytes:
        self._awaited, self._purpose = size, purpose
        self._taken.clear()
        return b"\r\n> "

    def _data_taken(self) -> bytes:
        if self._purpose.startswith(b"certificate"):
            self._certificates[int(self._purpose.split()[1])] = bytes(self._taken)
        elif self._purpose == b"body":
            self._body = b"ok"
            return OK + self._ring()
        elif self._missing:
            self._missing -= len(self._taken)
            return OK if self._missing else OK + self._arrives(2)
        else:
            head, _, body = bytes(self._taken).partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            self._missing = int(length[1]) - len(body) if length else 0
            return OK if self._missing else OK + self._arrives(_asked(head.split()[1]) if not length else 2)
        return OK

    def _arrives(self, size: int) -> bytes:
        self._inbox += b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
        return b"\r\n+SQNSRING: 6,%d\r\n" % len(self._inbox)

    def _ring(self) -> bytes:
        return b'\r\n+SQNHTTPRING: 2,200,"text/plain",%d\r\n' % len(self._body)

    def _listed(self, slot: int) -> bytes:
        import hashlib
        import ssl

        first, end, _ = self._certificates[slot].decode("ascii").partition("-----END CERTIFICATE-----")
        der = ssl.PEM_cert_to_DER_cert(first + end)  # of a bundle, the modem lists the first
        return (
            b'\r\n+SQNSNVR: "certificate",%d,"/CN=CA","00","/CN=CA","21/04/27 08:00:00",,"sha256ECDSA","00",'
            b'"sha1","%s"\r\n' % (slot, hashlib.sha1(der, usedforsecurity=False).hexdigest().encode())
        )


def _asked(path: bytes) -> int:
    return int(_NUMBERS.findall(path)[-1])
