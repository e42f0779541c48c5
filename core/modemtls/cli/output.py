"""What goes to stdout: tables by rich on a terminal, text with tabs in a pipe, one object with ``--json``.

Text from modems, servers and certificates may hold control characters that a terminal obeys: everything
is escaped here, and rich's own markup is never interpreted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from ..at.syntax import escaped

__all__ = ["facts", "progress", "safe", "say", "show_json", "table", "when"]

_LONGEST = 20_000


def safe(text: str, limit: int = _LONGEST) -> str:
    r"""``text`` with everything that a terminal would obey or hide as an escape such as ``\x1b``."""
    return escaped(text, limit)


def say(text: str = "", *, err: bool = False) -> None:
    """One line, escaped."""
    click.echo(safe(text), err=err)


def when(time: datetime | None) -> str:
    """A time for people, in UTC; ``-`` for none."""
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def show_json(**what: Any) -> None:
    """The one object of a command that succeeded."""
    click.echo(json.dumps(what))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings."""
    cells = [[safe("-" if cell is None else str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *cells]:
            click.echo("\t".join(row))
        return
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(Text(column), overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    _console().print(drawn)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values; a value that is a list takes a line for each, ``None`` is left out."""
    rows: list[tuple[str, str]] = []
    for name, value in pairs:
        if value is None:
            continue
        values = value if isinstance(value, list | tuple) else [value]
        rows += [(name, safe(str(each))) for each in values]
    if not sys.stdout.isatty():
        for name, text in rows:
            click.echo(f"{name}\t{text}")
        return
    from rich.table import Table
    from rich.text import Text

    drawn = Table.grid(padding=(0, 2))
    before = None
    for name, text in rows:
        drawn.add_row(Text("" if name == before else name, style="bold"), Text(text, overflow="fold"))
        before = name
    _console().print(drawn)


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout, markup=False, emoji=False, highlight=False)


@contextmanager
def progress(what: str, *, shown: bool = True) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on stderr where that is a terminal: gives what to call with bytes done and in all."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield update
