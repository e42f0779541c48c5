"""The HTTP client of a simulated Monarch modem.

Commands answer at once, what comes of them follows in ``+SQNHTTPCONNECT``, ``+SQNHTTPRING`` and
``+SQNHTTPSH`` with libcurl's codes; of these 6 and 77 were seen on a wire, the rest is inferred.  A body is
held until ``AT+SQNHTTPRCV`` takes it, once; the next request discards it (assumed).  Redirects are not
followed, and the limit of inactivity has no effect (both assumed).  A server that closes an idle
connection is noticed with the next action only (a public driver's comment).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemtls.sim import Failure, Later, Problem, Prompt, Raw, Refuse, Result, on

from .http_settings import HttpSettings, MonarchHttpSettings
from .profiles import CERTPROBLEM, SSL_CONNECT_ERROR, Misconfigured
from .system import CATCH_ALL

if TYPE_CHECKING:
    from modemtls.sim import Connection, HttpAnswer, HttpClient, Timer

__all__ = ["MonarchHttp"]

COULDNT_RESOLVE_HOST, COULDNT_CONNECT, TIMED_OUT = 6, 7, 28
PEER_FAILED_VERIFICATION, CACERT_BADFILE, RECV_ERROR = 60, 77, 56
_FAULTS = {"EMPTY": 52, "TRUNCATED": 18, "LOST": RECV_ERROR, "MALFORMED": 8, "TOO_LARGE": 27}
_TLS_CODES = {
    Failure.TLS_VERSION: SSL_CONNECT_ERROR,
    Failure.TLS_CIPHER: SSL_CONNECT_ERROR,
    Failure.TLS_HANDSHAKE: SSL_CONNECT_ERROR,
    Failure.TLS_NOT_TLS: SSL_CONNECT_ERROR,
    Failure.CERT_CHAIN: PEER_FAILED_VERIFICATION,
    Failure.CERT_DATES: PEER_FAILED_VERIFICATION,
    Failure.CERT_HOSTNAME: PEER_FAILED_VERIFICATION,
    Failure.CERT_OTHER: PEER_FAILED_VERIFICATION,
    Failure.CLIENT_CERT: CERTPROBLEM,
    Failure.CREDENTIALS: CACERT_BADFILE,
    Failure.TLS_OPAQUE: CACERT_BADFILE,
}
_CONTENT_TYPES = {
    "0": "application/x-www-form-urlencoded",
    "1": "text/plain",
    "2": "application/octet-stream",
    "3": "multipart/form-data",
    "4": "application/json",
}


@dataclass
class _Session:
    connection: Connection | None = None
    client: HttpClient | None = None
    opening: bool = False
    requesting: bool = False
    secure: bool = False
    method: str = ""
    close_after: bool = False
    limit: Timer | None = None
    body: bytes | None = None


class MonarchHttp(MonarchHttpSettings):
    """HTTP connections and requests."""

    def power_on(self) -> None:
        """No connection, no body."""
        super().power_on()
        self.http_sessions = {number: _Session() for number in self.http_profiles}

    def went_offline(self) -> None:
        """Requests under way fail; idle connections are lost without a word."""
        super().went_offline()
        for number, session in self.http_sessions.items():
            if session.requesting and session.client is not None:
                self._failed(number, RECV_ERROR)
            elif session.opening and session.connection is not None:
                session.connection.give_up(Problem(Failure.LOST, "the radio was switched off"))
            else:
                self._drop_http(session)

    def expects_answer(self, connection: Connection) -> bool:
        """A request is under way."""
        return any(
            session.connection is connection and session.requesting for session in self.http_sessions.values()
        ) or super().expects_answer(connection)

    def _profile(self, number: str) -> tuple[HttpSettings, _Session]:
        if not number.isdigit() or int(number) not in self.http_settings:
            raise Refuse(CATCH_ALL)
        return self.http_settings[int(number)], self.http_sessions[int(number)]

    def _open(self, settings: HttpSettings, session: _Session, then: Callable[[int], None]) -> None:
        """Connect, and tell libcurl's code of it."""
        if not self.online:
            session.opening = False
            then(COULDNT_RESOLVE_HOST)
            return
        host = settings.host
        tls = (
            self.tls_for(settings.profile, host, settings.port, may_be_plain=True)
            if settings.secure
            else None
        )
        fault = tls if isinstance(tls, Misconfigured) else None
        limit: Timer | None = None
        session.secure = bool(settings.secure) and tls is not None

        def ended(code: int) -> None:
            if limit is not None:
                limit.cancel()
            if session.connection is not connection:
                return  # disconnected meanwhile
            session.opening = False
            if code:
                self._drop_http(session)
            else:
                from modemtls.sim import HttpClient

                session.client = HttpClient(connection, self.settings.max_http_body)
            then(code)

        def watch() -> None:
            if not session.opening:
                self._progress(settings.number)
            elif connection.state.name == "CLOSED":
                ended(self._code_of(connection.problem, session.secure))
            elif connection.state.name == "OPEN":
                ended(0 if fault is None else CACERT_BADFILE if self.settings.opaque else fault.code)

        # what is wrong with the profile shows once TCP is up
        connection = self.connect(host, settings.port, None if isinstance(tls, Misconfigured) else tls, watch)
        session.connection, session.opening = connection, True
        limit = self.call_later(settings.dial_limit, lambda: ended(TIMED_OUT))

    def _code_of(self, problem: Problem | None, secure: bool) -> int:
        if problem is None:
            return RECV_ERROR
        if problem.failure in _TLS_CODES:
            return _TLS_CODES[problem.failure]
        plain = {
            Failure.NAME: COULDNT_RESOLVE_HOST,
            Failure.NOT_ALLOWED: COULDNT_RESOLVE_HOST,
            Failure.REFUSED: COULDNT_CONNECT,
            Failure.TIMEOUT: TIMED_OUT,
        }
        lost = SSL_CONNECT_ERROR if secure else COULDNT_CONNECT
        return plain.get(problem.failure, lost)

    def _drop_http(self, session: _Session) -> None:
        if session.connection is not None:
            self.forget(session.connection)
        if session.limit is not None:
            session.limit.cancel()
        session.connection = session.client = session.limit = None
        session.opening = session.requesting = False

    def _notice_end(self, number: int) -> None:
        """The server has closed an idle connection: said now, with the next action."""
        session = self.http_sessions[number]
        if session.client is not None and not session.requesting and not session.client.is_usable:
            self._drop_http(session)
            self.urc(f"+SQNHTTPSH: {number},0")

    @on(r"AT\+SQNHTTPCONNECT=([0-2])")
    def command_http_connect(self, match: re.Match[str]) -> Result:
        """Connect in the background; refused while connected (assumed)."""
        settings, session = self._profile(match[1])
        self._notice_end(settings.number)
        if session.connection is not None or session.opening:
            return Refuse(CATCH_ALL)
        session.opening = True

        def connected(code: int) -> None:
            self.urc(f"+SQNHTTPCONNECT: {settings.number},{code}")
            if code:
                self.urc(f"+SQNHTTPSH: {settings.number},{code}")

        self.call_later(0.0, lambda: self._open(settings, session, connected))
        return None

    @on(r"AT\+SQNHTTPDISCONNECT=([0-2])")
    def command_http_disconnect(self, match: re.Match[str]) -> Result:
        """Close; without a connection it is no error (assumed)."""
        settings, session = self._profile(match[1])
        if session.connection is not None:
            self.keep_session(settings.profile, session.connection)
            self._drop_http(session)
            self.call_later(0.05, lambda: self.urc(f"+SQNHTTPDISCONNECT: {settings.number}"))
        return None

    def _headers(self, settings: HttpSettings, extra: str) -> list[tuple[str, str]]:
        usual = 443 if settings.secure else 80
        host = settings.host if settings.port == usual else f"{settings.host}:{settings.port}"
        headers = [("Host", host), ("Accept", "*/*")]
        if settings.auth:
            login = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {login}"))
        if extra:
            name, colon, value = extra.partition(":")
            if not colon:
                raise Refuse(CATCH_ALL)
            headers.append((name.strip(), value.strip()))
        return headers

    @on(r"AT\+SQNHTTPQRY=(.+)")
    def command_http_query(self, match: re.Match[str]) -> Result:
        """GET, HEAD or DELETE: OK at once, the rest follows."""
        f = self.fields(match[1], 3, 6)
        settings, session = self._profile(f[0])
        method = ("GET", "HEAD", "DELETE")[self.number(f[1], 0, 2)]
        if not f[2].quoted:
            return Refuse(CATCH_ALL)
        headers = self._headers(settings, f[3])
        close = self.number(f[4], 0, 1, 0) == 1
        limit = self.number(f[5], 1, 65535, settings.limit)
        if session.requesting or session.opening:
            return Refuse(CATCH_ALL)
        self._notice_end(settings.number)
        session.requesting = True
        session.body = None
        target = str(f[2]) or "/"

        def go(code: int = 0) -> None:
            if code:
                self._failed(settings.number, code)
            else:
                self._request(settings, method, target, headers, b"", close, limit)

        def begin() -> None:
            if session.client is not None:
                go()
            else:
                self._open(settings, session, go)

        self.call_later(0.0, begin)
        return None

    @on(r"AT\+SQNHTTPSND=(.+)")
    def command_http_send(self, match: re.Match[str]) -> Result:
        """POST or PUT: the prompt comes when the connection is up."""
        f = self.fields(match[1], 4, 8)
        settings, session = self._profile(f[0])
        method = ("POST", "PUT")[self.number(f[1], 0, 1)]
        if not f[2].quoted:
            return Refuse(CATCH_ALL)
        size = self.number(f[3], 0, 99_999_999)
        headers = self._headers(settings, f[5])
        headers += [
            ("Content-Type", _CONTENT_TYPES.get(f[4] or "0", str(f[4]))),
            ("Content-Length", str(size)),
        ]
        close = self.number(f[6], 0, 1, 0) == 1
        limit = self.number(f[7], 1, 65535, settings.limit)
        if session.requesting or session.opening:
            return Refuse(CATCH_ALL)
        self._notice_end(settings.number)
        session.body = None
        target = str(f[2]) or "/"

        def send(data: bytes) -> Result:
            session.requesting = True
            self.call_later(
                0.0,
                lambda: self._request(settings, method, target, headers, data, close, limit),
            )
            return None

        def start(done: Callable[[Result], None]) -> None:
            prompt = b"\r\n> " if self.settings.http_prompt == "single" else b"\r\n>>>"

            def connected(code: int = 0) -> None:
                if not code:
                    done(Prompt(size, send, prompt))
                elif self.settings.snd_failure == "error-first":
                    done(Refuse(CATCH_ALL))
                    self._failed(settings.number, code)
                else:
                    self._failed(settings.number, code)
                    done(Refuse(CATCH_ALL))

            if session.client is not None:
                connected()
            else:
                self._open(settings, session, connected)

        return Later(start)

    def _request(
        self,
        settings: HttpSettings,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        close: bool,
        limit: int,
    ) -> None:
        number = settings.number
        session = self.http_sessions[number]
        if session.client is None or not session.client.is_usable:
            self._failed(number, RECV_ERROR)
            return
        session.requesting = True
        session.close_after = close
        session.method = method
        try:
            session.client.request(method, target, headers, body)
        except ValueError:
            self._failed(number, 3)
            return
        client = session.client
        session.limit = self.call_later(
            limit, lambda: self._failed(number, TIMED_OUT) if session.client is client else None
        )
        self._progress(number)

    def _progress(self, number: int) -> None:
        session = self.http_sessions[number]
        if session.client is None or not session.requesting:
            return
        found = session.client.progress()
        if found is None:
            return
        from modemtls.sim import HttpAnswer

        if isinstance(found, HttpAnswer):
            self._answered(number, session, found)
            return
        problem = session.client.connection.problem
        code = _FAULTS[found.name]
        if problem is not None and problem.failure in _TLS_CODES and not session.client.heard:
            code = self._code_of(problem, session.secure)
        self._failed(number, code)

    def _answered(self, number: int, session: _Session, answer: HttpAnswer) -> None:
        session.requesting = False
        if session.limit is not None:
            session.limit.cancel()
        size = 0 if session.method == "HEAD" else answer.announced or 0
        session.body = answer.body or None
        kind = (answer.header("content-type") or "").replace('"', "'")
        self.urc(f'+SQNHTTPRING: {number},{answer.status},"{kind}",{size}')
        if session.connection is not None:
            self.keep_session(self.http_settings[number].profile, session.connection)
        if session.close_after:
            self._drop_http(session)
            self.urc(f"+SQNHTTPSH: {number},0")

    def _failed(self, number: int, code: int) -> None:
        session = self.http_sessions[number]
        self._drop_http(session)
        session.body = None
        self.urc(f'+SQNHTTPRING: {number},0,"",0')
        self.urc(f"+SQNHTTPSH: {number},{code}")

    @on(r"AT\+SQNHTTPRCV=([0-2])(?:,(\d+))?")
    def command_http_receive(self, match: re.Match[str]) -> Result:
        """The body, once; with a limit the rest of it is lost."""
        _, session = self._profile(match[1])
        if match[2] is not None and not 64 <= int(match[2]) <= 1500:
            return Refuse(CATCH_ALL)
        if session.body is None:
            return Refuse(CATCH_ALL)
        body = session.body[: int(match[2])] if match[2] is not None else session.body
        session.body = None
        return Raw(b"\r\n<<<" + body)
