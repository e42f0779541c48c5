"""``lint``: a log or a profile as somebody pasted it, read without a modem."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..credentials.text import decode
from ..findings import Severity, Term
from ..paste import MAX_PASTE_CHARACTERS
from .command import Command, asked
from .connection import complete_model
from .explain import entry_object
from .failures import FINDINGS, LocalError, certainty_in_words
from .output import say, show_json

if TYPE_CHECKING:
    from ..diagnose.log import LogReading
    from ..errors import ErrorEntry
    from ..findings import Finding

__all__ = ["finding_object", "lint", "show_findings"]


@click.command(cls=Command, short_help="What a pasted log shows of the cause.")
@click.argument("file")
@click.option("--model", metavar="NAME", shell_complete=complete_model, help="Read it as this model's.")
@click.pass_context
def lint(ctx: click.Context, file: str, model: str | None) -> None:
    """Read FILE (- is standard input): a terminal log, a security profile, a post from a forum.

    What web pages do to quotes and dashes is mended. Codes are explained; what is illegal or does not fit is named, the
    most likely cause first. No modem is needed. The status is 13 when something in it can be a cause.
    """
    from ..diagnose.log import lint_log

    try:
        reading = lint_log(_text(file), model=model)
    except ValueError as error:
        raise LocalError(f"{file}: {error}.", "Cut it down to the part around the failure.") from None
    if asked().json:
        show_json(
            model=reading.model,
            because=reading.because,
            mended=[{"line": line, "what": what} for line, what in reading.paste.mended],
            explained=[
                {"line": each.entry.line, "text": each.entry.text, **_meaning_object(each.meaning)}
                for each in reading.explained
            ],
            findings=[finding_object(finding) for finding in reading.findings],
        )
    else:
        _show(reading)
    if any(finding.severity is not Severity.NOTE for finding in reading.findings):
        ctx.exit(FINDINGS)


def _text(file: str) -> str:
    if file == "-":
        data = sys.stdin.buffer.read(4 * MAX_PASTE_CHARACTERS + 1)
    else:
        with Path(file).open("rb") as opened:
            data = opened.read(4 * MAX_PASTE_CHARACTERS + 1)
    try:
        text, _ = decode(data)
    except UnicodeDecodeError as error:
        raise LocalError(
            f"{file} is not text: {error.reason}.", "Save the log as UTF-8 text, and try again."
        ) from None
    return text


def _show(reading: LogReading) -> None:
    commands = len(reading.paste.exchanges)
    say(f"Read as a log of {reading.model}: {reading.because}; {commands} commands are in it.")
    for line, what in reading.paste.mended:
        say(f"  mended from line {line}: {what}")
    for each in reading.explained:
        say(each.entry.shown)
        say(f"  = {each.meaning.name}: {each.meaning.meaning} ({certainty_in_words(each.meaning.certainty)})")
    if not reading.findings:
        say("Nothing in it shows a cause.")
        return
    say("Causes, the most likely first:" if len(reading.findings) > 1 else "The cause that it shows:")
    show_findings(reading.findings)


def show_findings(findings: tuple[Finding, ...]) -> None:
    """Findings for people, in their order."""
    for number, finding in enumerate(findings, 1):
        say(f"{number}. {finding.severity.name.lower()}: {finding.message}")
        say(f"   how sure: {certainty_in_words(finding.certainty)}; reason: {finding.reason.value}")
        for evidence in finding.evidence:
            say(f"   seen: {evidence}")
        if finding.source:
            say(f"   source: {finding.source}")
        if finding.remedy:
            say(f"   try: {finding.remedy}")


def _meaning_object(meaning: ErrorEntry | Term) -> dict[str, Any]:
    if isinstance(meaning, Term):
        return {
            "name": meaning.name,
            "meaning": meaning.meaning,
            "certainty": meaning.certainty.value,
            "source": meaning.source,
        }
    return entry_object(meaning)


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding as it stands in JSON."""
    return {
        "reason": finding.reason.value,
        "severity": finding.severity.name.lower(),
        "certainty": finding.certainty.value,
        "message": finding.message,
        "remedy": finding.remedy,
        "evidence": list(finding.evidence),
        "source": finding.source,
        "field": finding.field,
        "value": finding.value,
    }
