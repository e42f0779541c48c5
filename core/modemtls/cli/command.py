"""What every command has: ``--json``, ``-v``, ``--log``, ``--record``, before or after its name.

What was asked is kept in one :class:`Asked`, the context's object; logging is set up when a command begins
and taken down when it ends, so that a program which runs commands in its own process keeps its handlers.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

__all__ = ["Asked", "Command", "Group", "asked"]

_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"


@dataclass
class Asked:
    """What the options that all commands share said so far."""

    json: bool = False
    verbosity: int = 0
    log: Path | None = None
    record: Path | None = None
    record_full: bool = False
    recorded: bool = False
    """A modem was opened with that recording."""


def asked(ctx: click.Context | None = None) -> Asked:
    """What was asked of the command that runs now."""
    ctx = ctx if ctx is not None else click.get_current_context()
    return ctx.ensure_object(Asked)


def _json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    asked(ctx).json |= value


def _verbose(ctx: click.Context, _: click.Parameter, value: int) -> None:
    asked(ctx).verbosity += value


def _log(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        asked(ctx).log = value


def _record(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    if value.exists() or value.is_symlink():
        raise click.BadParameter(
            f"{str(value)!r} is there already, and a recording overwrites nothing. Name another file, or remove it.",
            ctx,
        )
    asked(ctx).record = value


def _record_full(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    asked(ctx).record_full |= value


def _options() -> list[click.Option]:
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_json,
            help="Print one JSON object.",
        ),
        click.Option(
            ["-v", "--verbose"], count=True, expose_value=False, callback=_verbose,
            help="Say on stderr what happens; -vv also what goes over the wire.",
        ),
        click.Option(
            ["--log"], type=click.Path(dir_okay=False, path_type=Path), expose_value=False, callback=_log,
            metavar="FILE", help="Append what happens and what goes over the wire to FILE.",
        ),
        click.Option(
            ["--record"], type=click.Path(dir_okay=False, path_type=Path), expose_value=False, callback=_record,
            metavar="FILE", help="Write a transcript of the session with the modem to FILE, without its secrets.",
        ),
        click.Option(
            ["--record-full"], is_flag=True, expose_value=False, callback=_record_full,
            help="Keep uploads and downloads in it whole, not by length and digest: replay:// needs them.",
        ),
    ]  # fmt: skip


class Command(click.Command):
    """A command with the options that all share."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += _options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run it with the logging that was asked for."""
        what = asked(ctx)
        _set_up_logging(ctx, what)
        if what.record_full and what.record is None:
            raise click.UsageError("--record-full says how to record; --record FILE says where to.", ctx)
        result = super().invoke(ctx)
        if what.record is not None and not what.recorded:
            click.echo("warning: nothing was recorded: this command opened no modem by --port.", err=True)
        return result


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += _options()


def _set_up_logging(ctx: click.Context, what: Asked) -> None:
    handlers: list[logging.Handler] = []
    if what.verbosity:
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.INFO if what.verbosity == 1 else logging.DEBUG)
        handlers.append(handler)
    if what.log is not None:
        handler = logging.FileHandler(what.log, encoding="utf-8", errors="backslashreplace")
        handler.setLevel(logging.DEBUG)
        handlers.append(handler)
    if not handlers:
        return
    logger = logging.getLogger("modemtls")
    before = logger.level
    logger.setLevel(min(handler.level for handler in handlers))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        logger.addHandler(handler)

    def take_down() -> None:
        logger.setLevel(before)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()

    ctx.call_on_close(take_down)
