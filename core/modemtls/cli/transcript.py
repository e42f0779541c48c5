"""``transcript``: show a recorded session, make a test of it, read the logs of other tools."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import Command, Group, asked
from .failures import LocalError
from .output import say, show_json
from .saving import Target

if TYPE_CHECKING:
    from ..transcript import Transcript
    from ..transcript.records import Entry

__all__ = ["transcript"]

_FORMATS = ("auto", "walter-python", "walter", "lines", "port", "terminal")


@click.group(cls=Group, short_help="Recorded sessions: show, import, make a test.")
def transcript() -> None:
    """Recorded sessions: what --record writes and replay://FILE plays."""


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _read(file: str) -> Transcript:
    from ..transcript import TranscriptError, parse

    try:
        return parse(_content(file))
    except TranscriptError as error:
        raise LocalError(f"{file}: {error.message}", error.remedy) from None


def _write(text: str, output: str | None) -> None:
    """To a new file or to stdout; with ``--json`` an object that says where, or has the text."""
    if output is None:
        if asked().json:
            show_json(file=None, text=text)
        else:
            click.echo(text, nl=False)
        return
    if Path(output).exists():
        raise LocalError(
            f"{output} is there already, and is not overwritten.", "Name another file, or remove it."
        )
    Target(output).write(text.encode())
    if asked().json:
        show_json(file=output, text=None)


@transcript.command(cls=Command)
@click.argument("file")
@click.option("--no-times", is_flag=True, help="Leave out when it happened, to compare two sessions.")
def show(file: str, no_times: bool) -> None:
    """Show the transcript FILE; - is standard input."""
    from dataclasses import replace

    from ..transcript.text import transcript_text

    found = _read(file)
    if no_times:
        found = replace(found, entries=tuple(replace(entry, delay=None) for entry in found.entries))
    if asked().json:
        show_json(
            model=found.model,
            payloads="full" if found.full else "digest",
            recorded=found.recorded,
            assumed=list(found.assumed),
            entries=[_object(entry) for entry in found.entries],
        )
        return
    for line in transcript_text(found).splitlines():
        say(line)


def _object(entry: Entry) -> dict[str, Any]:
    from ..transcript import Chunk
    from ..transcript.text import part_text

    if not isinstance(entry, Chunk):
        return {"seconds": entry.delay, "kind": type(entry).__name__.lower(), "what": entry.what}
    return {
        "seconds": entry.delay,
        "kind": entry.direction.name.lower(),
        "assumed": entry.assumed,
        "parts": [part_text(part) for part in entry.parts],
    }


@transcript.command("to-test", cls=Command)
@click.argument("file")
@click.option("-o", "--output", metavar="FILE", help="Write it there; the file must not exist.")
def to_test(file: str, output: str | None) -> None:
    """Write a test with the dialogue of the transcript FILE, ready to run with pytest."""
    from ..transcript import TranscriptError
    from ..transcript.totest import dialogue_source

    name = Path(output or file).stem.removeprefix("test_") if file != "-" or output else "session"
    try:
        source = dialogue_source(_read(file), name)
    except TranscriptError as error:
        raise LocalError(f"{file}: {error.message}", error.remedy) from None
    _write(source, output)


@transcript.command("import", cls=Command)
@click.argument("file")
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    default="auto",
    show_default=True,
    help="TX:[...] (walter-python), TX: ... (walter), Tx[ ...] (lines), COM1 >: ... (port), a terminal's text.",
)
@click.option("--model", metavar="NAME", help="The model, for the head of the transcript (modemtls models).")
@click.option("-o", "--output", metavar="FILE", help="Write it there; the file must not exist.")
def import_(file: str, kind: str, model: str | None, output: str | None) -> None:
    """Make a transcript of a log that another tool wrote; - is standard input.

    PINs, passwords, keys, IMEI, ICCID, IMSI and phone numbers become placeholders. What the log does not show is
    marked as assumed.
    """  # fmt: skip
    from ..plugins import find_model
    from ..transcript import TranscriptError, transcript_text
    from ..transcript.imports import read_log

    if model is not None:
        find_model(model)
    text = _content(file).decode("utf-8-sig", "replace")
    try:
        found = read_log(text, kind, model=model, redact=_redaction())
    except TranscriptError as error:
        raise LocalError(f"{file}: {error.message}", error.remedy) from None
    _write(transcript_text(found), output)


def _redaction() -> Callable[[str], str]:
    """What all installed vendors know to be secret: whose log it is nobody has said."""
    from ..plugins import load_object, registry

    redactions = []
    for model in registry().models:
        try:
            redact = load_object(model.driver).dialect.redact
        except Exception as error:  # a broken plugin; modemtls plugins tells why
            say(f"warning: {model.name} cannot be asked what is secret in a log: {error}", err=True)
            continue
        if redact not in redactions:
            redactions.append(redact)

    def redacted(line: str) -> str:
        for redact in redactions:
            line = redact(line)
        return line

    return redacted
