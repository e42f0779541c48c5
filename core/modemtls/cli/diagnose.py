"""``diagnose URL``: what a good engineer would look at, step by step, and the cause in the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from ..errors import ModemError
from ..findings import Severity
from ..https.message import Url, parse_url
from ..policy import Check, VerifyPolicy
from .command import Command, asked
from .connection import Connection, modem_options
from .credential_files import read_file
from .failures import LocalError, as_object, certainty_in_words, status_of
from .lint import finding_object, show_findings
from .output import safe, say, show_json
from .saving import Target

if TYPE_CHECKING:
    from ..diagnose.look import Look
    from ..diagnose.result import Diagnosis, DiagnosisStep
    from ..modem import Modem
    from ..stack import StackProfile

__all__ = ["diagnose", "show_step", "show_verdict"]

MAX_BYTES = 16 * 1024 * 1024
_COLOURS = {"ok": "green", "doubtful": "yellow", "bad": "red", "skipped": "bright_black"}


@click.command(cls=Command, short_help="Why a request fails: step by step, and the cause.")
@click.argument("url")
@click.option("--from-host", is_flag=True, help="Look at the server from this computer's own network.")
@click.option(
    "--server-chain", metavar="FILE", help="The server's certificates, as PEM or DER, in their order."
)
@click.option("--probe", metavar="FILE", help="The record of modemtls probe-server (probe.json).")
@click.option(
    "--no-look", is_flag=True, help="Do not look at the server through the modem's plain TCP stream."
)
@click.option("--no-attempt", is_flag=True, help="Make no request in the end.")
@click.option(
    "--ca", metavar="FILE", help="What should be in the modem's CA slot; it is compared, not stored."
)
@click.option("--verify", metavar="CHECKS", help="What is to be verified: chain,dates,hostname unless said.")
@click.option(
    "--http", type=click.Choice(["stream", "modem"]), default="stream", show_default=True,
    help="The way of the attempt: over a TLS stream, or by the modem's own client.",
)  # fmt: skip
@click.option("--profile", type=int, metavar="N", help="Use security profile N of the modem as it stands.")
@click.option("--report", metavar="FILE", help="Write all of it to FILE, one HTML page to send to somebody.")
@modem_options
@click.pass_context
def diagnose(
    ctx: click.Context, connection: Connection, url: str, from_host: bool, server_chain: str | None,
    probe: str | None, no_look: bool, no_attempt: bool, ca: str | None, verify: str | None, http: str,
    profile: int | None, report: str | None,
) -> None:  # fmt: skip
    """Find out why a request to URL fails.

    Line, network, clock, security profile, what is trusted, name and connection, the server's certificates, and a real
    attempt: each is told when it is done. The cause and its cure come last. The status is that of the failure, 0 when
    all is well.
    """
    wanted = _url(url)
    target = None if report is None else Target(report)
    if sum(map(bool, (from_host, server_chain))) > 1:
        raise LocalError("--from-host and --server-chain contradict each other.", "Give one of them.")
    chain = None if server_chain is None else _content(server_chain)
    record = None if probe is None else _content(probe)
    if ca is not None:
        read_file(ca)
    policy = _policy(verify)
    as_json = asked().json
    look: Look | None = None
    if chain is not None:
        from ..diagnose.evidence import chain_file

        look = chain_file(chain, host=wanted.host, source=str(server_chain))
    try:
        modem = connection.open()
    except ModemError as error:
        found = _dead_line(wanted, error)
        if not as_json:
            show_step(found.steps[0])
    else:
        with modem:
            stack: StackProfile | None = None
            if record is not None:
                seen, stack = _probe(record, str(probe), wanted, modem)
                look = look or seen
            if from_host:
                from ..diagnose.look import from_host as look_from_host

                look = look_from_host(wanted.host, wanted.port, stack=modem._ops.resolved.stack)
            found = modem.diagnose(
                wanted.host, wanted.port, target=wanted.target, policy=policy,
                http=cast(Literal["stream", "modem"], http), tls=connection.tls, profile=profile, look=look,
                may_look=not no_look, ca=ca, attempt=not no_attempt, timeout=connection.timeout, stack=stack,
                on_step=None if as_json else show_step,
            )  # fmt: skip
    if target is not None:
        from ..diagnose.report import html_report

        target.write(html_report(found).encode())
    if as_json:
        show_json(**diagnosis_object(found))
    else:
        show_verdict(found)
        if target is not None:
            say(f"Report: {report}")
    if found.error is not None:
        ctx.exit(status_of(found.error))


def _url(text: str) -> Url:
    try:
        return parse_url(text if "://" in text else f"https://{text}")
    except ValueError as error:
        raise LocalError(f"This URL cannot be diagnosed: {error}.", "Give https://HOST[:PORT]/PATH") from None


def _content(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(MAX_BYTES)


def _policy(verify: str | None) -> VerifyPolicy:
    if verify is None:
        return VerifyPolicy()
    legal = ", ".join(check.value for check in Check)
    try:
        checks = frozenset(Check(word) for word in verify.replace(",", " ").split())
    except ValueError:
        raise LocalError(f"--verify takes {legal}, separated by commas, not {verify!r}.") from None
    if not checks:
        raise LocalError(f"--verify names no check; it takes {legal}.")
    return VerifyPolicy(checks=checks)


def _probe(data: bytes, name: str, url: Url, modem: Modem) -> tuple[Look | None, StackProfile]:
    from ..diagnose.evidence import probe_record

    try:
        text = data.decode("utf-8")
        return probe_record(text, host=url.host, port=url.port, stack=modem._ops.resolved.stack)
    except ValueError as error:
        raise LocalError(
            f"{name} cannot be read: {error}.", "Give the probe.json that modemtls probe-server has written."
        ) from None


def _dead_line(url: Url, error: ModemError) -> Diagnosis:
    """The diagnosis when no modem could be opened: the line is the cause."""
    from ..diagnose.result import Diagnosis, DiagnosisStep, State, findings_of_error
    from ..model import Identity

    findings = findings_of_error(error)
    step = DiagnosisStep("line", "The line, and who answers", State.BAD, (error.message,), findings)
    return Diagnosis(
        f"https://{url.host}:{url.port}{url.target.partition('?')[0]}", url.host, url.port,
        error.model or "a modem that is not known", "", Identity(), datetime.now(UTC), (step,), findings, error,
    )  # fmt: skip


def show_step(step: DiagnosisStep) -> None:
    """One step for people, as it is done."""
    mark = click.style(f"{step.state.value:<9}", fg=_COLOURS[step.state.value], bold=True)
    click.echo(f"{mark} {safe(step.title)}")
    for line in step.lines:
        say(f"          {line}")


def show_verdict(found: Diagnosis) -> None:
    """What it comes to: the findings in order, then the cause and the cure."""
    say()
    notes = tuple(f for f in found.findings if f.severity is Severity.NOTE)
    if found.error is None:
        tried = found.step("attempt")
        good = tried is not None and tried.state.value == "ok"
        say("All is well: the attempt succeeded." if good else "Nothing was found that must fail.")
        if found.findings:
            say("Beside that:")
            show_findings(found.findings)
        return
    others = tuple(f for f in found.findings if f not in notes)
    if others:
        say("Findings, the most likely first:" if len(others) > 1 else "What was found:")
        show_findings(others)
        say()
    causes = found.causes
    if len(causes) == 1:
        say(f"Cause: {causes[0].message} ({certainty_in_words(causes[0].certainty)})")
    elif causes:
        say(f"Cause: one of {len(causes)} that cannot be told apart, the most likely first:")
        for number, cause in enumerate(causes, 1):
            say(f"  {number}. {cause.message}")
            if cause.remedy and cause.remedy != causes[0].remedy:
                say(f"     try: {cause.remedy}")
    else:
        say(f"Cause: not found. {found.error.message}")
    remedy = next((cause.remedy for cause in causes if cause.remedy), found.error.remedy)
    if remedy:
        say(f"Try: {remedy}")


def diagnosis_object(found: Diagnosis) -> dict[str, Any]:
    """A diagnosis as it stands in JSON."""
    return {
        "url": found.url,
        "model": found.model,
        "firmware": found.firmware,
        "ok": found.is_fine,
        "server_seen_from": None if found.origin is None else found.origin.name.lower(),
        "steps": [
            {
                "name": step.name, "state": step.state.value, "lines": list(step.lines),
                "findings": [finding_object(finding) for finding in step.findings],
                "wire": [{"who": each.who.value, "line": each.line} for each in step.spoken],
            }
            for step in found.steps
        ],
        "findings": [finding_object(finding) for finding in found.findings],
        "causes": [cause.reason.value for cause in found.causes],
        "path": list(found.path),
        "error": None if found.error is None else as_object(found.error),
    }  # fmt: skip
