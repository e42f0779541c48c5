"""``request``: one HTTPS request.

Everything that can be wrong on this side is found before the port is opened: URL, headers, files.
"""

from __future__ import annotations

import base64
import re
import sys
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from ..errors import HttpError, Reason
from ..https.message import Headers, Url, check_headers, check_request, parse_url
from ..policy import Check, InsecureWarning, VerifyPolicy
from .at import given_data
from .command import Command, asked
from .connection import Connection, modem_options
from .credential_files import read_file, shown_installed
from .failures import HTTP_STATUS, LocalError, report
from .output import progress, safe, say, show_json
from .saving import Target

if TYPE_CHECKING:
    from ..https.response import Response
    from ..modem import Modem

__all__ = ["request"]

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
_REFUSED = 400


@dataclass(frozen=True)
class _Wanted:
    """A request, checked."""

    method: str
    url: Url
    headers: Headers = field(repr=False)
    body: bytes | None = field(repr=False)
    policy: VerifyPolicy
    http: Literal["stream", "modem"]
    profile: int | None
    ca: tuple[str, ...]
    cert: str | None
    key: str | None


def _headers(texts: tuple[str, ...]) -> Headers:
    pairs = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            begun = text.split(maxsplit=1)[:1]  # what follows may be a secret
            raise LocalError(f"The header {(begun or [text])[0][:40]!r}… is not of the form 'Name: value'.")
        pairs.append((name.strip(" "), value))
    try:
        return check_headers(pairs)
    except ValueError as error:
        raise LocalError(f"A header cannot be sent: {error}.") from None


def _unsendable(error: ValueError) -> LocalError:
    return LocalError(f"The request cannot be sent: {error}.")


def _url(text: str) -> Url:
    try:
        return parse_url(text)
    except ValueError as error:
        raise LocalError(f"This URL cannot be requested: {error}.", "Give https://HOST[:PORT]/PATH") from None


def _policy(verify: str | None, insecure: bool) -> VerifyPolicy:
    if verify is not None and insecure:
        raise LocalError("--verify and --insecure contradict each other.", "Give one of them.")
    if insecure:
        return VerifyPolicy.insecure()
    if verify is None:
        return VerifyPolicy()
    words = [word for word in re.split(r"[\s,]+", verify) if word]
    legal = ", ".join(check.value for check in Check)
    try:
        checks = frozenset(map(Check, words))
    except ValueError:
        raise LocalError(f"--verify takes {legal}, separated by commas, not {verify!r}.") from None
    if not checks:
        raise LocalError(f"--verify names no check; it takes {legal}.", "To verify nothing say --insecure.")
    return VerifyPolicy(checks=checks)


def _check_combination(
    ca: tuple[str, ...], cert: str | None, key: str | None, profile: int | None, verify: str | None
) -> None:
    if (cert is None) != (key is None):
        raise LocalError("--cert and --key go together.", "Give both, or neither.")
    if profile is None:
        return
    for given, name in ((ca, "--ca"), (cert, "--cert and --key"), (verify, "--verify")):
        if given:
            raise LocalError(
                f"--profile uses a security profile as it stands and sends nothing to it; {name} would change it.",
                "Leave one of the two out.",
            )


@click.command(cls=Command)
@click.argument("url")
@click.option("-X", "--request", "method", metavar="METHOD", help="Instead of GET, or of POST with -d.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'K: V'", help="A header; may be repeated.")
@click.option(
    "-d", "--data", metavar="DATA|@FILE", help="The body; @FILE is a file's content, @- standard input."
)
@click.option("-o", "--output", metavar="FILE", help="Write the body there; a failure leaves FILE as it was.")
@click.option("-i", "--include", is_flag=True, help="Print status and headers before the body.")
@click.option("-f", "--fail", is_flag=True, help="A status of 400 or more is an error, with exit status 22.")
@click.option(
    "--ca",
    multiple=True,
    metavar="FILE",
    help="First make this the trust set, as cert trust does; with --tls host for this request only.",
)
@click.option(
    "--cert",
    metavar="FILE",
    help="First store this client certificate (with its chain); with --tls host it is used and not stored...",
)
@click.option("--key", metavar="FILE", help="...and this key of it.")
@click.option(
    "--verify", metavar="CHECKS", help="What to verify: chain,dates,hostname is what is always done."
)
@click.option(
    "--insecure", is_flag=True, help="Verify nothing: whoever is on the way can read and change it."
)
@click.option(
    "--http",
    type=click.Choice(["stream", "modem"]),
    default="stream",
    show_default=True,
    help="HTTP by this computer over a TLS stream through the modem, or by the modem's own client.",
)
@click.option("--profile", type=int, metavar="N", help="Use security profile N of the modem as it stands.")
@modem_options
@click.pass_context
def request(
    ctx: click.Context, connection: Connection, url: str, method: str | None, headers: tuple[str, ...],
    data: str | None, output: str | None, include: bool, fail: bool, ca: tuple[str, ...], cert: str | None,
    key: str | None, verify: str | None, insecure: bool, http: str, profile: int | None,
) -> None:  # fmt: skip
    """Make one HTTPS request through the modem.

    Chain, dates and host name are verified unless options say otherwise. The network is brought up if it
    is down.
    """
    _check_combination(ca, cert, key, profile, verify)
    method = method or ("GET" if data is None else "POST")
    if not _METHOD.fullmatch(method):
        raise LocalError(f"{method[:60]!r} is not a method.")
    wanted = _Wanted(
        method, _url(url), _headers(headers), None if data is None else given_data(data),
        _policy(verify, insecure), cast(Literal["stream", "modem"], http), profile, ca, cert, key,
    )  # fmt: skip
    try:
        check_request(method, wanted.headers, wanted.body or b"")
    except ValueError as error:
        raise _unsendable(error) from None
    target = None if output in (None, "-") else Target(str(output))
    for file in (*ca, *filter(None, (cert, key))):
        read_file(file)
    if insecure:
        say("warning: nothing is verified: whoever is on the way can read and change everything.", err=True)
    with connection.open() as modem:
        response = _perform(modem, wanted, connection.timeout)
    failed = fail and response.status >= _REFUSED
    if target is not None and not failed:
        target.write(response.body)
    if asked().json:
        if failed:
            report(_status_error(response), as_json=True, **_object(response, with_body=True))
        else:
            show_json(**_object(response, with_body=target is None))
    else:
        _show(response, include=include, body=target is None and not failed)
    if failed:
        if not asked().json:
            report(_status_error(response), as_json=False)
        ctx.exit(HTTP_STATUS)


def _perform(modem: Modem, wanted: _Wanted, timeout: float | None) -> Response:
    on_host = modem.tls == "host" and wanted.http == "stream"
    try:
        if wanted.policy.is_insecure:
            warnings.simplefilter("ignore", InsecureWarning)  # it has been said, in this tool's own way
        session = modem.https(
            wanted.url.host, wanted.url.port, policy=wanted.policy, http=wanted.http, profile=wanted.profile,
            timeout=timeout, ca=(wanted.ca or None) if on_host else None,
            certificate=wanted.cert if on_host else None, key=wanted.key if on_host else None,
        )  # fmt: skip
        session.check(wanted.method, wanted.url.target, headers=wanted.headers, body=wanted.body)
    except ValueError as error:
        raise _unsendable(error) from None
    if wanted.ca and not on_host:
        with progress("Storing") as update:
            installed = modem.trust(*wanted.ca, policy=wanted.policy, progress=update)
        if installed.written:
            shown_installed(installed, err=True)
    if wanted.cert is not None and wanted.key is not None and not on_host:
        for installed in modem.install(wanted.cert, wanted.key, policy=wanted.policy):
            if installed.written:
                shown_installed(installed, err=True)
    with session, progress(wanted.url.host) as update:
        return session.request(
            wanted.method, wanted.url.target, headers=wanted.headers, body=wanted.body, progress=update
        )


def _status_error(response: Response) -> HttpError:
    reason = f" {response.reason}" if response.reason else ""
    return HttpError(
        f"The server answered {response.status}{reason}.", reasons={Reason.HTTP_STATUS}, model=response.model
    )


def _object(response: Response, *, with_body: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "status": response.status,
        "headers": None if response.headers is None else [list(pair) for pair in response.headers],
        "body_bytes": len(response.body),
        "complete": response.is_complete,
        "line_checked": response.line_checked,
        "http": response.http,
        "tls": response.tls,
        "model": response.model,
    }
    if with_body:
        try:
            found["body"] = response.body.decode()
        except UnicodeDecodeError:
            found["body"] = base64.b64encode(response.body).decode()
            found["body_encoding"] = "base64"
    return found


def _show(response: Response, *, include: bool, body: bool) -> None:
    if include:
        version = "HTTP/1.1" if response.http == "stream" else "HTTP"
        say(f"{version} {response.status} {response.reason}".rstrip())
        if response.headers is None:
            say("(the modem's HTTP client does not show the headers)", err=True)
            if response.content_type:
                say(f"Content-Type: {response.content_type}")
        for name, value in response.headers or ():
            say(f"{name}: {value}")
        say()
    if response.is_complete is None:
        say("note: the server announced no length; the body may be cut off.", err=True)
    if not body or not response.body:
        return
    sys.stdout.flush()
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(response.body)
        sys.stdout.buffer.flush()
        return
    try:
        text = response.body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        say(
            f"The body is binary, {len(response.body)} bytes: write it to a file with -o FILE, or into a pipe.",
            err=True,
        )
        return
    for line in text.removesuffix("\n").split("\n"):
        line = line.removesuffix("\r")
        click.echo("\t".join(safe(part, 10 * len(part)) for part in line.split("\t")))
