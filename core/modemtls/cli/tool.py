"""The root of the commands: each is loaded when it is named, and every failure ends here.

A failure becomes an exit status (:mod:`.failures`) and either lines for people on stderr or, with ``--json``,
one object on stdout.  A pipe that the reader closed ends the program without a word.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from .command import Asked, Group
from .failures import CLOSED_PIPE, INTERRUPTED, report, status_of

__all__ = ["main"]

#: Command -> module and name in it, in the order of the help text.
_WHERE = {
    "demo": "demo:demo",
    "ports": "ports:ports",
    "models": "models:models",
    "plugins": "models:plugins",
    "explain": "explain:explain",
    "diagnose": "diagnose:diagnose",
    "lint": "lint:lint",
    "probe-server": "probe:probe_server",
    "prove": "prove:prove",
    "sim": "sim:sim",
    "info": "modem:info",
    "clock": "modem:clock",
    "network": "modem:network",
    "cert": "cert:cert",
    "profile": "profile:profile",
    "at": "at:at",
    "transcript": "transcript:transcript",
    "request": "request:request",
}


class Tool(Group):
    """The root group."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer needs them."""
        return list(_WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded now."""
        if cmd_name not in _WHERE:
            return None
        module, _, name = _WHERE[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; ends the program, or gives its status with ``standalone_mode=False``."""
        args = list(sys.argv[1:] if args is None else args)
        _open_what_is_closed()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        self._main_shell_completion(extra, "modemtls", complete_var)
        status = self._run(args, extra)
        if not standalone_mode:
            return status
        sys.exit(status)

    def _run(self, args: list[str], extra: dict[str, Any]) -> int:
        asked = Asked(json="--json" in _before_dashes(args))
        try:
            try:
                with self.make_context("modemtls", list(args), obj=asked, **extra) as ctx:
                    self.invoke(ctx)
                sys.stdout.flush()
            except click.exceptions.Exit as end:
                sys.stdout.flush()
                return end.exit_code
        except BrokenPipeError:
            return _pipe_is_closed()
        except (KeyboardInterrupt, click.Abort) as error:
            return self._reported(error, asked, INTERRUPTED)
        except Exception as error:
            return self._reported(error, asked, status_of(error))
        return 0

    def _reported(self, error: BaseException, asked: Asked, status: int) -> int:
        try:
            report(error, as_json=asked.json)
            sys.stdout.flush()
        except BrokenPipeError:
            return _pipe_is_closed()
        except OSError:  # stdout is what failed, and the interpreter would try it once more
            _pipe_is_closed()
        return status


def _open_what_is_closed() -> None:
    """A program started with a closed stdout or stderr has ``None`` there."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for good


def _before_dashes(args: Sequence[str]) -> Sequence[str]:
    return args[: args.index("--")] if "--" in args else args


def _pipe_is_closed() -> int:
    """Let the interpreter's own flush at the end go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE


@click.group(
    cls=Tool,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="A port is a device name (/dev/ttyUSB0, COM5), socket://HOST:PORT, rfc2217://HOST:PORT, sim://MODEL"
    " or replay://FILE.",
)
@click.version_option(package_name="modemtls", prog_name="modemtls")
def main() -> None:
    """TLS on cellular modems: certificates, verification, HTTPS, and a reason when it fails."""
