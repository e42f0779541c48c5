"""The modem's own HTTPS client: ``AT+SQNHTTPCFG``, ``CONNECT``, ``QRY``, ``SND``, ``RCV``, ``DISCONNECT``.

The body's length is known only from ``+SQNHTTPRING``: ``AT+SQNHTTPRCV`` is answered by ``<<<``, the body,
and ``OK``, without one.  Length 0 may mean that the server announced none.  Results are CURLcodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from modemtls import (
    Certainty,
    HttpError,
    HttpReply,
    HttpRequest,
    ModemError,
    ModemTimeout,
    NetworkError,
    Reason,
    VendorCode,
)
from modemtls.at import Argument, Command, Marked, fields, number, quote, secret, starts

from .profile import plain
from .sockets import NO_REPLY, Sockets

if TYPE_CHECKING:
    from modemtls.at import Event, Quoted
    from modemtls.at.exchange import Match
    from modemtls.driver import Progress

__all__ = ["HttpClient"]

_QUERIES = {"GET": 0, "HEAD": 1, "DELETE": 2}
_SENDS = {"POST": 0, "PUT": 1}
_CONTENT_TYPES = {
    "application/x-www-form-urlencoded": "0",
    "text/plain": "1",
    "application/octet-stream": "2",
    "multipart/form-data": "3",
    "application/json": "4",
}
_DECISIVE = (1, 2, 6, 9)
"""Which fields of a profile say whom it asks, and how safely: host, port, TLS, security profile."""
_PUBLIC_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-encoding",
     "content-language", "content-type", "date", "expect", "if-match", "if-modified-since", "if-none-match",
     "if-range", "if-unmodified-since", "origin", "pragma", "range", "referer", "te", "user-agent"}
)  # fmt: skip
"""Headers whose values may be shown; any other one may be a credential."""
_WITHOUT_BODY = frozenset({204, 304})
_RING = re.compile(r'\+SQNHTTPRING: ?\d,(\d{1,3}),"?(.*?)"?,(\d{1,9})')


class HttpClient(Sockets):
    """Requests by the modem itself."""

    def forget_connections(self) -> None:
        super().forget_connections()
        self._http: dict[int, tuple[str, int, int]] = {}
        self._http_open: set[int] = set()

    async def http_request(
        self,
        profile: int,
        request: HttpRequest,
        *,
        security_profile: int,
        sent: Callable[[], None],
        progress: Progress | None = None,
    ) -> HttpReply:
        target = quote(request.target, self.dialect.quote_limits, what="The request's target")
        headers, content_type = self._headers(request)
        wanted = (request.host, request.port, security_profile)
        await self._http_connect(profile, request, wanted)
        try:
            reply = await self._http_exchange(profile, request, target, headers, content_type, sent, progress)
        except (HttpError, NetworkError):
            await self.http_disconnect(profile)  # what is left of the response must not meet the next one
            raise
        if profile in self._http_open:
            self._http[profile] = wanted
        return reply

    async def _http_exchange(
        self,
        profile: int,
        request: HttpRequest,
        target: Quoted,
        headers: list[Argument],
        content_type: Argument,
        sent: Callable[[], None],
        progress: Progress | None,
    ) -> HttpReply:
        ring, closed = starts(f"+SQNHTTPRING: {profile},"), starts(f"+SQNHTTPSH: {profile},")
        self.channel.discard(ring)
        asked = f"{request.method} https://{request.host}:{request.port}{request.target}"
        if request.method in _QUERIES:
            command = Command.set("+SQNHTTPQRY", profile, _QUERIES[request.method], target, *headers)
            sent()
            self.accept(await self.channel.command(command, timeout=30.0), asked, default=HttpError)
        else:
            arguments: list[Argument] = [
                profile,
                _SENDS[request.method],
                target,
                len(request.body),
                content_type,
            ]
            command = Command.set("+SQNHTTPSND", *arguments, *headers)
            sent()
            await self._http_upload(command, request, asked, closed, progress)
        event = await self.channel.wait(lambda line: ring(line) or closed(line), request.timeout)
        if event is not None and closed(event.line) and fields(event.line)[1:2] == ("0",):
            # The end of an idle connection is told by the next request, which then connects anew.
            later = await self.channel.wait(ring, min(request.timeout, self.limits.prompt_timeout))
            event = later or event
        return await self._response(profile, request, asked, event, progress)

    async def _http_upload(
        self, command: Command, request: HttpRequest, asked: str, closed: Match, progress: Progress | None
    ) -> None:
        try:
            if request.body:
                reply = await self.channel.upload(
                    command, request.body, prompt_timeout=self.limits.prompt_timeout, timeout=request.timeout,
                    progress=progress,
                )  # fmt: skip
            else:
                reply = await self.channel.command(command, timeout=self.limits.prompt_timeout)
        except ModemTimeout:
            event = self.channel.take(closed)  # the prompt comes after the handshake, or not at all
            if event is None:
                raise
            raise self._curl(event, asked) from None
        if not reply.ok:
            event = await self.channel.wait(closed, 2.0)
            if event is not None and fields(event.line)[1:2] != ("0",):
                raise self._curl(event, asked)
            raise self.refusal(reply, asked, default=HttpError)

    async def http_disconnect(self, profile: int) -> None:
        self._http.pop(profile, None)
        if profile in self._http_open:
            await self.channel.command(Command.set("+SQNHTTPDISCONNECT", profile), timeout=10.0)
            self._http_open.discard(profile)
            self.channel.discard(
                starts(*(f"+SQNHTTP{word}: {profile}" for word in ("DISCONNECT", "SH", "RING", "CONNECT")))
            )

    def _headers(self, request: HttpRequest) -> tuple[list[Argument], Argument]:
        """The extra header line as trailing arguments, and the body's type."""
        content_type = "application/octet-stream"
        extra: list[Argument] = []
        for name, value in request.headers:
            if name.lower() == "content-type" and request.method in _SENDS:
                content_type = value
            else:
                line = quote(f"{name}: {value}", self.dialect.quote_limits, what=f"The header {name}")
                extra = [line if name.lower() in _PUBLIC_HEADERS else secret(line)]
        code = _CONTENT_TYPES.get(content_type, content_type)
        return extra, quote(code, self.dialect.quote_limits, what="The content type")

    async def _http_connect(self, profile: int, request: HttpRequest, wanted: tuple[str, int, int]) -> None:
        lost = starts(f"+SQNHTTPSH: {profile},")
        idle = self._http.pop(profile, None)
        if idle == wanted and self.channel.take(lost) is None:
            return
        await self.http_disconnect(profile)
        await self._http_configure(profile, request, wanted[2])
        asked = f"Connecting to {request.host}:{request.port} by the modem's HTTP client"
        result = starts(f"+SQNHTTPCONNECT: {profile},")
        self.channel.discard(lambda line: result(line) or lost(line))
        self._http_open.add(profile)
        command = Command.set("+SQNHTTPCONNECT", profile, reply=NO_REPLY)
        # Refused, it stays "open": an earlier connection may be in the way, and the next try begins with its end.
        await self.ask(command, asked, timeout=30.0, default=NetworkError)
        timeout = min(request.timeout, self.limits.connect_timeout)

        def ended(line: str) -> bool:
            # The close of an earlier connection may be told late, as an orderly one.
            return result(line) or (lost(line) and fields(line)[1:2] != ("0",))

        event = await self.channel.wait(ended, timeout)
        if event is None:
            raise NetworkError(
                f"{asked} failed: the modem reported no result in {timeout:g} s.",
                remedy="Look at the signal and at the server, then try again.",
                reasons={Reason.TIMEOUT},
                certainty=Certainty.GUESSED,
                model=self.model.name,
                command=f"AT+SQNHTTPCONNECT={profile}",
            )
        if fields(event.line)[1:2] != ("0",):
            if result(event.line):
                await self.channel.wait(lost, 1.0)  # the same number once more
            self._http_open.discard(profile)
            raise self._curl(event, asked)

    async def _http_configure(self, profile: int, request: HttpRequest, security_profile: int) -> None:
        host = quote(request.host, self.dialect.quote_limits, what="The host name")
        wanted: list[Argument] = [
            profile, host, request.port, 0, quote(""), quote(""), 1, 120, self.pdp_context, security_profile,
        ]  # fmt: skip
        # It persists, and flash wears: written only when it differs.
        reply = await self.channel.command(Command.read("+SQNHTTPCFG"))
        text = tuple(plain(value) for value in wanted)
        if any(fields(line)[: len(text)] == text for line in reply.lines):
            return
        asked = f"Configuring HTTP profile {profile}"
        await self.ask(Command.set("+SQNHTTPCFG", *wanted), asked, default=HttpError)
        # One bit that flips on the line is enough to ask in the clear, or somebody else.
        reply = await self.channel.command(Command.read("+SQNHTTPCFG"))
        shown = [values for line in reply.lines if (values := fields(line))[:1] == text[:1]]
        if shown and any(shown[-1][at : at + 1] != (text[at],) for at in _DECISIVE):
            raise HttpError(
                f"{asked}: the modem shows other settings than it was given, and said OK. Nothing was asked.",
                remedy="Try again; if it happens again, bytes are damaged on the line: connect RTS and CTS.",
                reasons={Reason.PROFILE_ILLEGAL, Reason.BYTES_LOST},
                certainty=Certainty.DERIVED,
                model=self.model.name,
                command=reply.command.shown,
                lines=reply.shown,
            )

    async def _response(
        self, profile: int, request: HttpRequest, asked: str, event: Event | None, progress: Progress | None
    ) -> HttpReply:
        if event is None:
            raise NetworkError(
                f"{asked}: no response in {request.timeout:g} s. The request was sent.",
                remedy="Look at the server; ask again only what may be done twice.",
                reasons={Reason.TIMEOUT},
                model=self.model.name,
            )
        closed = starts(f"+SQNHTTPSH: {profile},")
        if closed(event.line):
            if fields(event.line)[1:2] == ("0",):
                error = self._broken(asked, event, "the server closed the connection without a response")
                error.reasons = frozenset({Reason.CONNECTION_LOST})
                raise error
            raise self._curl(event, asked)
        found = _RING.fullmatch(event.line)
        if found is None:
            raise self._broken(asked, event, "the modem's report of the response is malformed")
        status, content_type, size = int(found[1]), found[2] or None, int(found[3])
        if status == 0:
            reason = await self.channel.wait(closed, 2.0)
            raise self._curl(reason, asked) if reason is not None else self._broken(asked, event, "it failed")
        if request.method == "HEAD" or status in _WITHOUT_BODY:
            return HttpReply(status, b"", content_type)
        if size == 0:
            error = self._broken(
                asked,
                event,
                f"the server answered {status}; its body is either empty or of a length that was not announced:"
                " this client shows 0 for both, and cannot tell where the second ends; the request was sent",
            )
            error.reasons = frozenset({Reason.LENGTH_UNKNOWN})
            error.certainty = Certainty.DERIVED
            error.remedy = "Use the stream (--http stream), which reads such bodies."
            raise error
        if size > request.max_body:
            error = self._broken(
                asked, event, f"the body has {size} bytes, more than the {request.max_body} allowed"
            )
            error.reasons = frozenset({Reason.LIMIT_EXCEEDED})
            raise error
        return HttpReply(status, await self._body(profile, asked, event, size, progress), content_type)

    async def _body(
        self, profile: int, asked: str, event: Event, size: int, progress: Progress | None
    ) -> bytes:
        try:
            reply = await self.channel.download(
                Command.set("+SQNHTTPRCV", profile), Marked(b"<<<", size), timeout=30.0, progress=progress
            )
        except (ModemTimeout, HttpError) as error:
            await self.http_disconnect(profile)  # a modem that is silent altogether fails here
            raise HttpError(
                f"{asked}: the body did not come whole: {size} bytes were announced. The request was sent.",
                remedy="Try again; if it happens with every server, bytes are lost on the line: connect RTS and CTS.",
                reasons={Reason.INCOMPLETE_BODY, Reason.BYTES_LOST},
                certainty=Certainty.GUESSED,
                model=self.model.name,
                command=error.command,
                lines=(event.line,),
            ) from None
        self.accept(reply, asked, default=HttpError)
        return reply.payload

    def _broken(self, asked: str, event: Event, what: str) -> HttpError:
        return HttpError(
            f"{asked}: {what}.",
            reasons={Reason.MALFORMED_RESPONSE},
            model=self.model.name,
            lines=(event.line,),
        )

    def _curl(self, event: Event, asked: str) -> ModemError:
        code = fields(event.line)[1] if len(fields(event.line)) > 1 else ""
        value = number(code)
        return self.error(
            VendorCode("http", code[:100] if value is None else value),
            asked,
            default=HttpError,
            lines=(event.line,),
            command="AT" + event.line.partition(":")[0],
        )
