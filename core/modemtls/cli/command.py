"""What every command has: ``--json``, ``-v``, ``--log``, before or after its name.

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
    ]  # fmt: skip


class Command(click.Command):
    """A command with the options that all share."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params += _options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run it with the logging that was asked for."""
        _set_up_logging(ctx, asked(ctx))
        return super().invoke(ctx)


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
