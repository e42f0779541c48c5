"""``at``: commands as a person types them; what comes back, with the codes explained in place."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Certainty, CommandError, VendorCode
from .command import Command, asked
from .connection import Connection, modem_options
from .explain import entry_object, sureness
from .failures import LocalError, report, status_of
from .output import say, show_json

if TYPE_CHECKING:
    from ..at import Event, Reply
    from ..errors import ErrorEntry
    from ..modem import Modem

__all__ = ["at", "given_data"]

_SLICE = 0.1


def given_data(text: str) -> bytes:
    """Data as an option gives it: text, the content of ``@FILE``, or standard input for ``@-``.

    :raises OSError: the file cannot be read.
    """
    if text == "@-":
        return sys.stdin.buffer.read()
    return Path(text[1:]).read_bytes() if text.startswith("@") else text.encode("utf-8", "surrogateescape")


def _code(reply: Reply) -> VendorCode:
    from ..driver import Driver

    return Driver.code(reply.final)


class _Conversation:
    """What came so far; printed as it comes, or kept for JSON."""

    def __init__(self, modem: Modem, *, silent: bool) -> None:
        self.modem = modem
        self.silent = silent
        self.events: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []

    def event(self, event: Event) -> None:
        entry = self._show(event.line)
        self.events.append({"line": event.line, "explanation": entry and entry_object(entry)})

    def reply(self, reply: Reply) -> None:
        for line in reply.shown:
            self._show(line)
        entry = self._show(str(reply.final))
        self.replies.append(
            {
                "command": reply.command.shown,
                "lines": list(reply.shown),
                "final": str(reply.final),
                "ok": reply.ok,
                "explanation": entry and entry_object(entry),
            }
        )

    def _show(self, line: str) -> ErrorEntry | None:
        entry = self.modem.explain(line)
        if not self.silent:
            say(line)
            if entry is not None:
                say(f"  = {entry.name}: {entry.meaning} ({sureness(entry)})")
                if entry.remedy:
                    say(f"    try: {entry.remedy}")
            sys.stdout.flush()
        return entry

    def linger(self, seconds: float) -> None:
        """Stay for events until nothing more can come within ``seconds``."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.modem.events(left):
                return


@click.command(cls=Command, short_help="Raw commands; codes are explained.")
@click.argument("commands", nargs=-1, required=True, metavar="COMMAND...")
@click.option(
    "--data",
    metavar="TEXT|@FILE",
    help="What to send to the prompt that the command opens; @- is standard input.",
)
@click.option(
    "--wait", type=click.FloatRange(min=0, max=86_399), default=1.0, show_default=True, metavar="SECONDS",
    help="How long to stay for events after the last command.",
)  # fmt: skip
@modem_options
@click.pass_context
def at(
    ctx: click.Context, connection: Connection, commands: tuple[str, ...], data: str | None, wait: float
) -> None:
    """Send COMMANDs one after the other; show replies and events as they come, with codes explained.

    The first refusal ends it, with status 5.
    """
    from ..at.syntax import raw

    if data is not None and len(commands) > 1:
        raise LocalError("--data goes with one command.", "Send the others by themselves.")
    for command in commands:
        try:
            raw(command)
        except CommandError as error:
            raise LocalError(error.message, error.remedy) from None
    payload = None if data is None else given_data(data)
    as_json = asked().json
    with connection.open() as modem:
        conversation = _Conversation(modem, silent=as_json)
        modem.on_event(conversation.event)
        refused = None
        for command in commands:
            try:
                reply = modem.command(command, data=payload, timeout=connection.timeout)
            except (
                CommandError
            ) as error:  # a refusal is a reply; this is a prompt, and there is no data for it
                refused = error
                break
            conversation.reply(reply)
            if not reply.ok:
                refused = _refusal(modem, reply)
                break
        conversation.linger(wait)
    found: dict[str, Any] = {"replies": conversation.replies, "events": conversation.events}
    if refused is not None:
        report(refused, as_json=as_json, **found)
        ctx.exit(status_of(refused))
    if as_json:
        show_json(**found)


def _refusal(modem: Modem, reply: Reply) -> CommandError:
    """The error for a refusal: always a refused command, whatever class the table has for the code."""
    code = _code(reply)
    entry = modem.explain(str(reply.final))
    shown = reply.command.shown
    if entry is not None and code.text is None:
        code = VendorCode(code.namespace, code.number, entry.name)
    return CommandError(
        f"The modem refused {shown}: {reply.final}{f': {entry.meaning}' if entry else ''}.",
        remedy=entry.remedy if entry else None,
        reasons=entry.reasons if entry else (),
        certainty=entry.certainty if entry else Certainty.STATED,
        command=shown,
        code=code,
        lines=(str(reply.final),),
        model=modem.model.name,
    )
