"""``prove``: does the modem refuse what it is said to refuse?  Tried against servers of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from ..policy import Check, TlsVersion
from .command import Command, asked
from .connection import Connection, modem_options
from .failures import FINDINGS, LocalError, report, status_of
from .lint import finding_object, show_findings
from .output import say, show_json, table

if TYPE_CHECKING:
    from ..model import Limits
    from ..proof import Proof

__all__ = ["prove"]


@click.command(cls=Command, short_help="Whether the modem refuses what it should: a negative probe.")
@modem_options
@click.option(
    "--advertise", metavar="HOST", help="The name or address by which the modem gets to this computer."
)
@click.option("--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--first-port", type=click.IntRange(0, 65_000), default=0, show_default="chosen by the system", metavar="N",
    help="The servers are on this port and the six next ones.",
)  # fmt: skip
@click.option(
    "--http", type=click.Choice(["stream", "modem", "all"]), default="all", show_default=True,
    help="Which way is proved: the TLS stream, the modem's own HTTP client, or all that it has.",
)  # fmt: skip
@click.pass_context
def prove(
    ctx: click.Context,
    connection: Connection,
    advertise: str | None,
    listen: str,
    first_port: int,
    http: Literal["stream", "modem", "all"],
) -> None:
    """Lead the modem to servers that it must refuse, and see whether it does.

    It is told to verify all that its model declares, and asked for a server with another root of the same name, a
    self-signed one, an expired one, one that is not valid yet, one for another host, and one without TLS. A free slot
    and a spare security profile are used for it and put back. A real modem must be able to reach this computer:
    --advertise. The status is 13 when anything is not as the model declares it.
    """
    from .. import proof

    simulated = bool(connection.port) and str(connection.port).startswith("sim:")
    if advertise is None and connection.port and not simulated:
        raise LocalError(
            "The modem has to reach the servers of the proof, which run on this computer.",
            "Say by which name or address it does: --advertise HOST, with --listen and --first-port as needed;"
            " modemtls probe-server tells how a cellular modem gets there (documentation, The probe server).",
        )
    as_json = asked().json
    with connection.open() as modem:
        say("Making keys and certificates …", err=True)
        try:
            servers = proof.ProofServers(
                advertise or "localhost", listen=listen, first_port=first_port, key=_key(modem.limits)
            )
            servers.__enter__()
        except ValueError as error:
            raise LocalError(f"--advertise: {error}.", "Give a host name or an IP address.") from None
        except OSError as error:
            raise LocalError(
                f"The servers of the proof cannot listen on {listen}: {error.strerror or error}.",
                "Give an address of this computer with --listen, and ports that are free with --first-port.",
            ) from None
        with servers:
            say("Asking, one server after the other; do not use the modem meanwhile …", err=True)
            try:
                found = proof.prove(modem, servers, ways=None if http == "all" else [http])
            except KeyboardInterrupt as error:
                for note in getattr(error, "__notes__", ["What had been changed in the modem was put back."]):
                    say(note, err=True)
                raise
    is_as_declared = found.is_proved and not found.findings and not found.differences and not found.left
    if as_json:
        _as_json(found)
    else:
        _show(found)
        if found.error is not None and not found.findings:
            report(found.error, as_json=False)
    if found.error is not None and not found.findings and not found.left:
        ctx.exit(status_of(found.error))
    if not is_as_declared:
        ctx.exit(FINDINGS)


def _key(limits: Limits) -> str:
    """Stacks of the time of TLS 1.0 seldom have EC."""
    is_old = limits.max_tls_version < TlsVersion.TLS1_2 or "ec" not in limits.key_types
    return "rsa-2048" if is_old else "ec-256"


def _as_json(found: Proof) -> None:
    from dataclasses import asdict

    from ..proof import proof_object

    what = {
        **proof_object(found),
        "findings": [finding_object(finding) for finding in found.findings],
        "differences": [asdict(difference) for difference in found.differences],
    }
    if found.error is not None and not found.findings:
        report(found.error, as_json=True, **what)
    else:
        show_json(**what)


def _show(found: Proof) -> None:
    from ..probe import STATIONS

    shows = {station.name: station.shows for station in STATIONS}
    table(
        ("SERVER", "BY", "OUTCOME", "WHAT IT IS"),
        [(each.station, each.way, each.outcome, shows[each.station]) for each in found.trials],
    )
    say()
    seen = dict(found.checks)
    words = {True: "made", False: "NOT MADE", None: "not told"}
    table(
        ("CHECK", "DECLARED", "SEEN"),
        [
            (check.value, "yes" if check in found.declared else "no", words[seen.get(check)])
            for check in Check
        ],
    )
    for difference in found.differences:
        mark = "DANGEROUS: " if difference.is_dangerous else ""
        say(f"{mark}{difference.what}: declared {difference.declared}, seen {difference.seen}")
    for note in found.notes:
        say(f"note: {note}")
    if found.findings:
        show_findings(found.findings)
    for what in found.left:
        say(f"warning: this stayed in the modem: {what}")
    where = found.model if found.tls == "modem" else "TLS on this computer"
    if found.is_proved:
        checks = ", ".join(check.value for check in Check if check in found.declared)
        say(f"Proved: {where} refused what it should ({checks}).")
    elif found.error is not None and not found.findings:
        say(
            "Nothing is proved: the good server was not reached, so that a refusal of another one says nothing."
        )
    else:
        say(f"NOT proved: {where} does not do all that is declared, or it did not show.")
