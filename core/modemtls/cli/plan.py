"""``cert plan``: which certificates a modem must hold for a server, before anything is stored.

The server's chain is looked at or read from a file, and never trusted for that.  A root comes from a file that the
person gives; ``--apply`` without one is refused before a port is opened.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..https.message import parse_url
from .command import Command, asked
from .connection import Connection, modem_options, no_port
from .credential_files import certificate_object, content_of, installed_object, read_file, shown_installed
from .failures import FINDINGS, LocalError, certainty_in_words
from .lint import finding_object, show_findings
from .output import facts, progress, say, show_json, table
from .saving import Target

if TYPE_CHECKING:
    from ..credentials import Certificate
    from ..diagnose.view import ServerView
    from ..https.message import Url
    from ..plan_records import Expiry, TrustPlan
    from ..store import Installed

__all__ = ["plan"]

_NO_ROOTS = (
    "Get the root from its CA's own site, compare its sha256 with what the CA publishes, and give it: "
    "--roots FILE"
)
_BUNDLE = "trust.pem"


@dataclass(frozen=True)
class _Wanted:
    """What was asked for, read."""

    url: Url
    view: ServerView
    roots: tuple[Certificate, ...]
    intermediates: bool | None


@click.command(cls=Command, short_help="Which certificates a modem must hold for a server.")
@click.argument("url")
@click.option(
    "--from-host", is_flag=True, help="Look at the server's chain from this computer's own network."
)
@click.option(
    "--server-chain", metavar="FILE", help="What the server sends, as openssl s_client -showcerts shows it."
)
@click.option(
    "--roots", multiple=True, metavar="FILE", help="CA certificates that you vouch for; may be many."
)
@click.option(
    "--intermediates/--no-intermediates",
    default=None,
    help="Store intermediates too, or not; without it, what the model's TLS stack needs.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the planned certificates there, as one PEM file.")
@click.option(
    "--apply", "apply_", is_flag=True, help="Make them the modem's trust set; wants --roots and --port."
)
@click.option("--add", is_flag=True, help="With --apply: keep what is trusted already.")
@modem_options
@click.pass_context
def plan(
    ctx: click.Context, connection: Connection, url: str, from_host: bool, server_chain: str | None,
    roots: tuple[str, ...], intermediates: bool | None, output: str | None, apply_: bool, add: bool,
) -> None:  # fmt: skip
    """Say which certificates the modem must hold to verify the server of URL.

    Also whether they fit into this model, until when that lasts, and the commands to type. The root is one that you
    give with --roots; what a server sends is looked at and never trusted, and nothing is fetched. The status is 13
    when the plan is not ready, or something in it may fail.
    """
    _check_combination(connection, from_host, server_chain, roots, apply_=apply_, add=add)
    where = _url(url)
    given = _read_roots(roots)
    target = None if output is None else Target(output)
    wanted = _Wanted(where, _view(where, server_chain), given, intermediates)
    installed = None
    if apply_:
        made, installed = _applied(connection, wanted, add=add)
    else:
        made = _planned(connection, wanted)
    if target is not None and made.is_ready:
        target.write(made.pem)
    commands = _commands(made, ctx, given, output)
    if asked().json:
        show_json(
            **plan_object(made),
            output=output if made.is_ready else None,
            commands=list(commands),
            applied=None if installed is None else installed_object(installed),
        )
    else:
        show_plan(made)
        _show_next(made, commands, installed)
    if made.has_remarks:
        ctx.exit(FINDINGS)


def _check_combination(
    connection: Connection,
    from_host: bool,
    server_chain: str | None,
    roots: tuple[str, ...],
    *,
    apply_: bool,
    add: bool,
) -> None:
    if from_host == (server_chain is not None):
        raise LocalError(
            "What the server sends has to come from somewhere, and from one place.",
            "Give --from-host to look at it from this computer, or --server-chain FILE.",
        )
    if add and not apply_:
        raise LocalError("--add says how to apply a plan.", "Give --apply too, or leave it out.")
    if apply_ and not roots:
        raise LocalError(
            "A plan is applied only with a root that you vouch for: what a server sends proves nothing.",
            _NO_ROOTS,
        )
    if apply_ and not connection.port:
        raise no_port()
    if not apply_ and not connection.model and not connection.port:
        raise LocalError("For which model?", "Name it: --model NAME; modemtls models lists them.")


def _url(text: str) -> Url:
    try:
        return parse_url(text)
    except ValueError as error:
        raise LocalError(f"This URL cannot be planned for: {error}.", "Give https://HOST[:PORT]/") from None


def _read_roots(names: tuple[str, ...]) -> tuple[Certificate, ...]:
    from ..planning import read_roots

    return read_roots([content_of(read_file(name)) if name == "-" else Path(name) for name in names])


def _view(url: Url, server_chain: str | None) -> ServerView:
    from ..diagnose.view import Origin, ServerView

    if server_chain is not None:
        file = read_file(server_chain)
        if not file.certificates:
            raise LocalError(
                f"{server_chain} holds no certificate.",
                f"Save it with: openssl s_client -connect {url.host}:{url.port} -servername {url.host} -showcerts",
            )
        return ServerView(url.host, tuple(each.der for each in file.certificates), Origin.FILE)
    from ..diagnose.look import from_host

    look = from_host(url.host, url.port)
    if look.view.chain:
        return look.view
    from ..errors import NetworkError, Reason, TlsError

    told = f"Looking at {url.host}:{url.port} from this computer showed no certificate"
    remedy = "Try again, or save what it sends elsewhere and give it: --server-chain FILE"
    if look.trouble is not None:
        raise NetworkError(f"{told}: {look.trouble}.", remedy=remedy)
    reason = Reason.NOT_TLS if look.first.is_not_tls else Reason.HANDSHAKE_FAILED
    why = "; ".join(look.lines) or "nothing was sent"
    raise TlsError(f"{told}: {why}.", remedy=remedy, reasons={reason})


def _planned(connection: Connection, wanted: _Wanted) -> TrustPlan:
    """The plan by what is known without the modem."""
    from ..configured import vendor_options
    from ..planning import plan_for
    from ..plugins import find_model
    from ..settings import load

    settings = load(
        connection.port or "",
        {
            "model": connection.model, "options": connection.options, "accept_gaps": connection.accept_gaps,
            "tls": connection.tls,
        },
    )  # fmt: skip
    if settings.model is None:
        raise LocalError("For which model?", "Name it: --model NAME; modemtls models lists them.")
    model = find_model(settings.model)
    resolved = model.resolve("", vendor_options(model, settings))
    return plan_for(
        wanted.view, model, resolved, settings, wanted.roots, port=wanted.url.port,
        intermediates=wanted.intermediates,
    )  # fmt: skip


def _applied(connection: Connection, wanted: _Wanted, *, add: bool) -> tuple[TrustPlan, Installed | None]:
    """The plan for the very modem, and what became of it; nothing is stored unless it is ready."""
    from ..configured import vendor_options
    from ..planning import plan_for

    with connection.open() as modem, progress("Storing") as update:
        resolved = modem.model.resolve(modem.firmware, vendor_options(modem.model, modem.settings))
        made = plan_for(
            wanted.view, modem.model, resolved, modem.settings, wanted.roots, port=wanted.url.port,
            intermediates=wanted.intermediates,
        )  # fmt: skip
        return made, modem.trust(made.pem, add=add, progress=update) if made.is_ready else None


# What is shown.


def plan_object(made: TrustPlan) -> dict[str, Any]:
    """A plan as it stands in JSON."""
    ends = made.ends
    return {
        "model": made.model,
        "host": made.host,
        "port": made.port,
        "where": made.where,
        "seen_from": made.origin.value,
        "ready": made.is_ready,
        "verified": made.is_verified,
        "path": [certificate_object(each) for each in made.path],
        "needed": [
            {
                "role": each.role.value,
                "sent_by_server": each.is_sent,
                "verified": each.is_verified,
                **certificate_object(each.certificate),
            }
            for each in made.needed
        ],
        "wanted": [
            {
                "name": each.name,
                "key_identifier": each.key_identifier,
                "url": each.url,
                "below": each.below,
                "sha256_as_sent": each.sha256,
            }
            for each in made.wanted
        ],
        "intermediates": {
            "stored": made.stores_intermediates,
            "because": made.because,
            "certainty": made.certainty.value,
            "source": made.source,
        },
        "bytes": len(made.pem),
        "max_bytes": made.max_bytes,
        "slots": made.slots,
        "ends": None if ends is None else _expiry_object(ends),
        "expiries": [_expiry_object(each) for each in made.expiries],
        "findings": [finding_object(each) for each in made.findings],
    }


def _expiry_object(expiry: Expiry) -> dict[str, Any]:
    return {
        "at": expiry.at.isoformat(),
        "role": expiry.role.value,
        "subject": expiry.certificate.subject,
        "held_by_modem": expiry.is_held,
        "ends_plan": expiry.ends_plan,
        "action": expiry.action,
    }


def show_plan(made: TrustPlan) -> None:
    """A plan for people."""
    holder = (
        f"{made.model} must hold" if made.where == "modem" else "this computer must hold, for its own TLS,"
    )
    sure = "" if made.where == "host" else f" ({certainty_in_words(made.certainty)}{_source(made)})"
    room = "" if made.max_bytes is None else f" of {made.max_bytes} that a slot takes"
    ends = made.ends
    facts(
        [
            ("server", f"{made.host}:{made.port}, as seen from {made.origin.value}"),
            ("chain", [f"{each.subject or '(no subject)'}" for each in made.path]),
            (
                "intermediates",
                f"{'stored' if made.stores_intermediates else 'not stored'}: {made.because}{sure}",
            ),
            ("size", f"{len(made.pem)} bytes{room}" if made.needed else None),
            ("slots", f"1 of {made.slots}, and one more while it is replaced" if made.slots else None),
            ("root", "one that you gave" if made.is_verified else "UNVERIFIED: none that you gave"),
            ("lasts until", None if ends is None else f"{ends.at:%Y-%m-%d %H:%M} UTC"),
        ]
    )
    if made.needed:
        say(f"What {holder}:")
        table(
            ("CERTIFICATE", "ROLE", "UNTIL", "SENT", "SHA256"),
            [
                (
                    each.certificate.subject, each.role.value, f"{each.certificate.not_after:%Y-%m-%d}",
                    "yes" if each.is_sent else "no", each.certificate.sha256,
                )
                for each in made.needed
            ],
        )  # fmt: skip
    for wanted in made.wanted:
        issued = "self-signed" if wanted.below == wanted.name else f"which issued {wanted.below}"
        say(f"To be fetched by you: the certificate {wanted.name}, {issued}")
        if wanted.key_identifier:
            say(f"  its key identifier: {wanted.key_identifier}")
        if wanted.sha256:
            say(
                f"  the copy that the server sends, which proves nothing by itself, has sha256 {wanted.sha256}"
            )
        if wanted.url:
            say(f"  the certificate below it names this place, which was not looked at: {wanted.url}")
    say("What ends when:")
    for expiry in made.expiries:
        mark = "!" if expiry.ends_plan else " "
        say(
            f"{mark} {expiry.at:%Y-%m-%d}  {expiry.role.value}, {expiry.certificate.subject or '(no subject)'}"
        )
        say(f"    {expiry.action}.")
    if made.findings:
        say("Findings:")
        show_findings(made.findings)


def _source(made: TrustPlan) -> str:
    return f"; {made.source}" if made.source else ""


def _commands(
    made: TrustPlan, ctx: click.Context, given: tuple[Certificate, ...], output: str | None
) -> tuple[str, ...]:
    """The import: of the file that was written, of the given one where it holds just the plan, or of one to write."""
    if not made.is_ready:
        return ()
    roots: tuple[str, ...] = ctx.params["roots"]
    if output is not None:
        return made.commands(output)
    same = {each.sha256 for each in given} == {each.certificate.sha256 for each in made.needed}
    if same and len(roots) == 1 and roots[0] != "-":
        return made.commands(roots[0])
    return (shlex.join([*_repeated(made, ctx), "-o", _BUNDLE]), *made.commands(_BUNDLE))


def _repeated(made: TrustPlan, ctx: click.Context) -> list[str]:
    """This command, so far as it decides what is planned."""
    words = ["modemtls", "cert", "plan", made.url, "--model", made.model]
    given = ctx.params
    words += ["--from-host"] if given["from_host"] else ["--server-chain", given["server_chain"]]
    words += [word for name in given["roots"] for word in ("--roots", name)]
    if given["intermediates"] is not None:
        words.append("--intermediates" if given["intermediates"] else "--no-intermediates")
    if given["tls"] is not None:
        words += ["--tls", given["tls"]]
    return words


def _show_next(made: TrustPlan, commands: tuple[str, ...], installed: Installed | None) -> None:
    if installed is not None:
        shown_installed(installed)
    elif not made.is_verified:
        say(f"This plan is unverified. {_NO_ROOTS}")
    elif not made.is_ready:
        say("This plan would fail as it is: see the findings. Nothing was stored.")
    else:
        say("Type:")
        for command in commands:
            say(f"  {command}")
