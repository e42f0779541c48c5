"""Exit statuses, and how a failure is told: to people on stderr, to programs as one object on stdout."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from ..errors import (
    Certainty,
    CertificateError,
    CommandError,
    CredentialError,
    HttpError,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    PortError,
    TlsError,
    Unsupported,
)
from .output import safe

__all__ = [
    "CLOSED_PIPE",
    "FINDINGS",
    "HTTP_STATUS",
    "INTERRUPTED",
    "LocalError",
    "as_object",
    "certainty_in_words",
    "report",
    "status_of",
]

BUG = 1
USAGE = 2
FINDINGS = 13
HTTP_STATUS = 22
INTERRUPTED = 130
CLOSED_PIPE = 141
_STATUS: tuple[tuple[type[ModemError], int], ...] = (
    (PortError, 3),
    (ModemTimeout, 4),
    (CommandError, 5),
    (CredentialError, 6),
    (Unsupported, 7),
    (NetworkError, 8),
    (CertificateError, 10),
    (TlsError, 9),
    (HttpError, 11),
    (ModemReset, 12),
)
_WORDS = {
    Certainty.STATED: "stated by the modem or its manual",
    Certainty.DERIVED: "derived from a check",
    Certainty.GUESSED: "guessed",
}
_NO_HELP: tuple[type[Exception], ...] = tuple(
    kind for name in ("NoArgsIsHelpError",) if (kind := getattr(click.exceptions, name, None)) is not None
)


class LocalError(click.ClickException):
    """What is wrong is on this side: an option, a file.  No modem was touched for it."""

    exit_code = USAGE

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


def certainty_in_words(certainty: Certainty) -> str:
    """How sure, as people say it."""
    return _WORDS[certainty]


def status_of(error: BaseException) -> int:
    """The exit status for an error."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    if isinstance(error, click.ClickException):
        return USAGE
    return USAGE if _is_local(error) else BUG


def _is_local(error: BaseException) -> bool:
    """A file or stream on this side that cannot be read or written."""
    return isinstance(error, OSError) and not isinstance(error, ModemError) and error.errno is not None


def _told(error: BaseException) -> tuple[str, str | None]:
    """Message and remedy, unescaped."""
    if isinstance(error, ModemError):
        return error.message, error.remedy
    if isinstance(error, LocalError):
        return error.message, error.remedy
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "modemtls"
        return error.format_message(), f"{command} --help"
    if isinstance(error, click.ClickException):
        return error.format_message(), None
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "Interrupted.", None
    if isinstance(error, OSError) and _is_local(error):
        name = error.filename2 if error.filename2 is not None else error.filename
        where = "" if name is None else f"{os.fsdecode(name) if isinstance(name, bytes) else name}: "
        return f"{where}{error.strerror or type(error).__name__}", None
    return (
        f"This is a bug in modemtls: {type(error).__name__}: {error}",
        "Please report it; with MODEMTLS_TRACEBACK=1 the same command shows where it happened.",
    )


def as_object(error: BaseException) -> dict[str, Any]:
    """The error as it stands under ``error`` in JSON."""
    message, remedy = _told(error)
    name = "UsageError" if isinstance(error, click.ClickException) else type(error).__name__
    if not isinstance(error, ModemError):
        return {
            "class": name, "reasons": [], "certainty": Certainty.STATED.value, "code": None, "command": None,
            "message": message, "remedy": remedy,
        }  # fmt: skip
    code = error.code
    return {
        "class": name,
        "reasons": sorted(reason.value for reason in error.reasons),
        "certainty": error.certainty.value,
        "code": None
        if code is None
        else {"namespace": code.namespace, "number": code.number, "text": code.text},
        "command": error.command,
        "message": message,
        "remedy": remedy,
    }


def report(error: BaseException, *, as_json: bool, **more: Any) -> None:
    """Tell of the error; ``more`` stands beside it in JSON."""
    if isinstance(error, _NO_HELP) and isinstance(error, click.UsageError) and not as_json:
        error.show()
        return
    if os.environ.get("MODEMTLS_TRACEBACK") == "1" and status_of(error) == BUG:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        click.echo(json.dumps({"error": as_object(error), **more}))
        return
    for line in lines_for_people(error):
        click.echo(line, err=True)


def lines_for_people(error: BaseException) -> list[str]:
    """The error as lines of plain text: what happened, what the modem said, why, what to try."""
    message, remedy = _told(error)
    lines = [click.style("error:", fg="red", bold=True) + f" {safe(message)}"]
    if isinstance(error, ModemError):
        lines += [f"  said: {safe(said)}" for said in error.lines]
        if error.code is not None:
            lines.append(f"  code: {safe(str(error.code))}")
        if error.reasons:
            reasons = ", ".join(sorted(reason.value for reason in error.reasons))
            several = "at least one of " if len(error.reasons) > 1 else ""
            by_modem = error.code is not None or error.lines or error.certainty is not Certainty.STATED
            sure = f" ({certainty_in_words(error.certainty)})" if by_modem else ""
            lines.append(f"  why:  {several}{reasons}{sure}")
    if remedy:
        lines.append(f"  try:  {safe(remedy)}")
    return lines
