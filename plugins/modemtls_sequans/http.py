"""The modem's own HTTPS client: ``AT+SQNHTTPCFG``, ``CONNECT``, ``QRY``, ``SND``, ``RCV``, ``DISCONNECT``.

The body's length is known only from ``+SQNHTTPRING``: ``AT+SQNHTTPRCV`` is answered by ``<<<``, the body,
and ``OK``, without one.  Length 0 may mean that the server announced none.  Results are CURLcodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from modemtls import (
    Certainty,
    HttpError,
    HttpReply,
    HttpRequest,
    ModemError,
    NetworkError,
    Reason,
    VendorCode,
)
from modemtls.at import Argument, Command, Marked, fields, quote, starts

from .profile import plain
from .sockets import Sockets

if TYPE_CHECKING:
    from modemtls.at import Event
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
_WITHOUT_BODY = frozenset({204, 304})


class HttpClient(Sockets):
    """Requests by the modem itself."""

    def forget_connections(self) -> None:
        super().forget_connections()
        self._http: dict[int, tuple[str, int, int]] = {}
        self._http_connected: set[int] = set()

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
        await self._http_connect(profile, request, security_profile)
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
            if request.body:
                reply = await self.channel.upload(
                    command, request.body, prompt_timeout=self.limits.prompt_timeout, timeout=request.timeout,
                    progress=progress,
                )  # fmt: skip
            else:
                reply = await self.channel.command(command, timeout=self.limits.prompt_timeout)
            if not reply.ok:
                event = self.channel.take(closed)
                if event is not None:
                    raise self._curl(event, asked)
                raise self.refusal(reply, asked, default=HttpError)
        event = await self.channel.wait(lambda line: ring(line) or closed(line), request.timeout)
        try:
            return await self._response(profile, request, asked, event, progress)
        except HttpError:
            await self.http_disconnect(profile)  # what is left of the response must not meet the next one
            raise

    async def http_disconnect(self, profile: int) -> None:
        if profile in self._http_connected:
            self._http_connected.discard(profile)
            await self.channel.command(Command.set("+SQNHTTPDISCONNECT", profile), timeout=10.0)
            self.channel.discard(starts(f"+SQNHTTPDISCONNECT: {profile}", f"+SQNHTTPSH: {profile},"))

    def _headers(self, request: HttpRequest) -> tuple[list[Argument], Argument]:
        """The extra header line as trailing arguments, and the body's type."""
        content_type = "application/octet-stream"
        extra: list[Argument] = []
        for name, value in request.headers:
            if name.lower() == "content-type" and request.method in _SENDS:
                content_type = value
            else:
                extra = [quote(f"{name}: {value}", self.dialect.quote_limits, what=f"The header {name}")]
        code = _CONTENT_TYPES.get(content_type, content_type)
        return extra, quote(code, self.dialect.quote_limits, what="The content type")

    async def _http_connect(self, profile: int, request: HttpRequest, security_profile: int) -> None:
        wanted = (request.host, request.port, security_profile)
        lost = starts(f"+SQNHTTPSH: {profile},")
        if self.channel.take(lost) is not None:
            self._http_connected.discard(profile)
        if self._http.get(profile) == wanted and profile in self._http_connected:
            return
        await self.http_disconnect(profile)
        await self._http_configure(profile, request, security_profile)
        self._http[profile] = wanted
        asked = f"Connecting to {request.host}:{request.port} by the modem's HTTP client"
        result = starts(f"+SQNHTTPCONNECT: {profile},")
        self.channel.discard(lambda line: result(line) or lost(line))
        await self.ask(Command.set("+SQNHTTPCONNECT", profile), asked, timeout=30.0, default=NetworkError)
        event = await self.channel.wait(result, min(request.timeout, self.limits.connect_timeout))
        if event is None:
            raise NetworkError(
                f"{asked} failed: the modem reported no result in {self.limits.connect_timeout:g} s.",
                remedy="Look at the signal and at the server, then try again.",
                reasons={Reason.TIMEOUT},
                certainty=Certainty.GUESSED,
                model=self.model.name,
                command=f"AT+SQNHTTPCONNECT={profile}",
            )
        if fields(event.line)[1:] != ("0",):
            await self.channel.wait(lost, 1.0)  # the same number once more
            raise self._curl(event, asked)
        self._http_connected.add(profile)

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
        await self.ask(
            Command.set("+SQNHTTPCFG", *wanted), f"Configuring HTTP profile {profile}", default=HttpError
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
        values = (*fields(event.line), "", "", "")
        if closed(event.line):
            self._http_connected.discard(profile)
            if values[1] == "0":
                error = self._broken(asked, event, "the server closed the connection without a response")
                error.reasons = frozenset({Reason.CONNECTION_LOST})
                raise error
            raise self._curl(event, asked)
        if not values[1].isdecimal() or not (values[3].isdecimal() and len(values[3]) < 10):
            raise self._broken(asked, event, "the modem's report of the response is malformed")
        status, content_type, size = int(values[1]), values[2] or None, int(values[3])
        if status == 0:
            self._http_connected.discard(profile)
            reason = await self.channel.wait(closed, 2.0)
            raise self._curl(reason, asked) if reason is not None else self._broken(asked, event, "it failed")
        if request.method == "HEAD" or status in _WITHOUT_BODY:
            return HttpReply(status, b"", content_type)
        if size == 0:
            error = self._broken(
                asked,
                event,
                f"the server answered {status} and announced no length, and this client cannot tell where such a"
                " body ends; the request was sent",
            )
            error.reasons = frozenset({Reason.LENGTH_UNKNOWN})
            error.remedy = "Use the stream (--http stream), which reads such bodies."
            raise error
        if size > request.max_body:
            error = self._broken(
                asked, event, f"the body has {size} bytes, more than the {request.max_body} allowed"
            )
            error.reasons = frozenset({Reason.LIMIT_EXCEEDED})
            raise error
        reply = await self.channel.download(
            Command.set("+SQNHTTPRCV", profile), Marked(b"<<<", size), timeout=30.0, progress=progress
        )
        self.accept(reply, asked, default=HttpError)
        return HttpReply(status, reply.payload, content_type)

    def _broken(self, asked: str, event: Event, what: str) -> HttpError:
        return HttpError(
            f"{asked}: {what}.",
            reasons={Reason.MALFORMED_RESPONSE},
            model=self.model.name,
            lines=(event.line,),
        )

    def _curl(self, event: Event, asked: str) -> ModemError:
        code = fields(event.line)[1] if len(fields(event.line)) > 1 else ""
        number = int(code) if code.isdecimal() else code
        return self.error(
            VendorCode("http", number), asked, default=HttpError, lines=(event.line,),
            command="AT" + event.line.partition(":")[0],
        )  # fmt: skip
