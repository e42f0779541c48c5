"""``sim``: a simulated modem on a pseudo-terminal; its options are its model's own settings."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from ..plugins import find_model, registry
from .command import Command, Group, asked
from .failures import LocalError
from .output import say

if TYPE_CHECKING:
    from ..sim import SettingInfo, Simulator

__all__ = ["EXTRA", "sim"]

_SEVERAL = "map"
"""The setting that is a list with commas: its option may be repeated."""
EXTRA = "python -m pip install 'modemtls[sim]'"


class Simulated(Group):
    """A command for each model that has a simulator."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the models."""
        return [model.name for model in registry().models if model.simulator is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command for a model.

        :raises Unsupported: there is no such model, or it has no simulator.
        """
        from ..sim import describe, simulator_type

        kind = simulator_type(cmd_name)
        title = find_model(cmd_name).title
        options: list[click.Parameter] = [
            click.Option(["--link"], metavar="PATH", help="Make PATH a link to the pty while it runs.")
        ]
        options += [_option(info) for info in describe(kind.settings_type)]

        def run(link: str | None, **settings: str | tuple[str, ...] | None) -> None:
            given = {
                name: ",".join(value) if isinstance(value, tuple) else str(value)
                for name, value in settings.items()
                if value not in (None, ())
            }
            _serve(cmd_name, kind, given, link)

        return Command(
            cmd_name,
            params=options,
            callback=run,
            short_help=f"A simulated {title}.",
            help=f"A simulated {title} on a pseudo-terminal, until it is interrupted."
            "\n\nThe first line is the path to open. Settings marked 'assumed' are not confirmed by any source.",
        )


def _option(info: SettingInfo) -> click.Option:
    assumed = " (assumed)" if info.assumed else ""
    default = f"  [default: {info.default}]" if info.default else ""
    several = info.name == _SEVERAL
    return click.Option(
        [f"--{info.name.replace('_', '-')}", info.name],
        metavar=info.kind.upper() if "|" not in info.kind else info.kind,
        multiple=several,
        help=f"{info.help}{' May be repeated.' if several else ''}{assumed}{default}",
    )


@click.group(
    cls=Simulated,
    short_help="A simulated modem on a pseudo-terminal.",
    subcommand_metavar="MODEL [--link PATH] [SETTINGS]...",
)
def sim() -> None:
    """Be a modem: a simulated one on a pseudo-terminal, for any program.

    It reaches localhost, names that end in .test, and what --map names; anything else with --network host.
    modemtls sim MODEL --help lists its settings.
    """


def _serve(model: str, kind: type[Simulator], given: dict[str, str], link: str | None) -> None:
    from ..sim import PtyServer, settings_from

    try:
        import OpenSSL  # noqa: F401 - its TLS needs it
    except ImportError:
        say(f"warning: no TLS without the extra: {EXTRA}", err=True)
    try:
        settings = settings_from(kind.settings_type, given)
    except ValueError as error:
        raise LocalError(f"{error}.", f"modemtls sim {model} --help lists its settings.") from None
    try:
        server = PtyServer(kind(settings), link=link)
    except ImportError as error:
        raise LocalError(
            f"This system has no pseudo-terminals ({error}).", f"Use --port sim://{model}"
        ) from None
    except ValueError as error:
        raise LocalError(f"{error}.") from None
    with contextlib.closing(server):
        before = {
            number: signal.signal(number, lambda *_: server.stop())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            _announce(model, server.path)
            server.serve()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _announce(model: str, path: str) -> None:
    line: Any = json.dumps({"port": path, "model": model}) if asked().json else path
    click.echo(line)
    sys.stdout.flush()
    say(f"A simulated {model} is there; try: modemtls info --port {path}   (Ctrl-C ends it)", err=True)
