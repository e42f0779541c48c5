"""The examples of the documentation: found in its pages, and run.

The blocks of a page run in their order, in one namespace and one empty folder.  Only the line differs from what
the page shows: behind ``/dev/ttyUSB0`` is a simulated modem that keeps its state, and behind every host
name and ``127.0.0.1:8443`` is the HTTPS server of the test.

- ``python``: run; a ``text`` block right after it is what it prints, ``...`` standing for anything.
- ``console``: each ``$`` line is a command, the lines up to the next one are what it prints, if there are
  any.
  A command ends with status 0, unless ``echo $?`` and a status follow.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

__all__ = ["Bench", "Block", "Shell", "blocks", "shown_as"]

_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL
)
_PORT = "/dev/ttyUSB0"
_SERVER = "127.0.0.1:8443"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page that it begins in."""

    language: str
    text: str
    line: int
    expected: str | None = None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page; ``expected`` is the ``text`` block right behind a ``python`` one."""
    found = list(_FENCE.finditer(page))
    result = []
    for at, match in enumerate(found):
        following = found[at + 1] if at + 1 < len(found) else None
        expected = None
        if (
            match["language"].strip() == "python"
            and following is not None
            and following["language"] == "text"
        ):
            between = page[match.end() : following.start()]
            expected = following["text"] if not between.strip() else None
        line = page.count("\n", 0, match.start()) + 2
        result.append(Block(match["language"].strip(), match["text"], line, expected))
    return result


def shown_as(printed: str, expected: str) -> bool:
    """``printed`` is what the page shows, whatever the columns' width; ``...`` is anything."""
    found, wanted = (
        "".join(f"{' '.join(line.split())}\n" for line in text.strip().splitlines())
        for text in (printed, expected)
    )
    return doctest.OutputChecker().check_output(wanted, found, doctest.ELLIPSIS)


@dataclass(frozen=True)
class Bench:
    """What stands behind the names in the examples."""

    folder: Path
    server_port: int

    def put_in_place(self, text: str) -> str:
        """``text`` with the simulated modem and the real server in it."""
        where = f"*:*=127.0.0.1:{self.server_port}"
        modem = f"sim://sequans-gm02s?map={where}&state={self.folder / 'modem.json'}"
        return text.replace(_PORT, modem).replace(_SERVER, f"127.0.0.1:{self.server_port}")


def run_python(block: Block, page: Path, names: dict[str, object], bench: Bench) -> None:
    """Run a block; an :class:`AssertionError` shows what it printed instead of what the page says."""
    source = "\n" * (block.line - 1) + bench.put_in_place(block.text)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, str(page), "exec"), names)
    if block.expected is not None and not shown_as(printed.getvalue(), block.expected):
        raise AssertionError(
            f"{page.name}, line {block.line}, prints:\n{textwrap.indent(printed.getvalue(), '    ')}"
            f"but the page says:\n{textwrap.indent(block.expected, '    ')}"
        )


@dataclass
class Shell:
    """Runs console blocks; variables stay from one to the next."""

    bench: Bench
    monkeypatch: pytest.MonkeyPatch
    status: int = 0
    ran: list[str] = field(default_factory=list)

    def run(self, block: Block, page: Path) -> None:
        """Run every command of a block."""
        dialogue = list(_dialogue(block.text))
        for (command, expected), (following, _) in zip(dialogue, [*dialogue[1:], ("", "")], strict=True):
            printed = self._printed(command)
            where = f"{page.name}, $ {command}"
            assert following == "echo $?" or self.status == 0, f"{where}: status {self.status}:\n{printed}"
            if expected:
                assert shown_as(printed, expected), (
                    f"{where} prints:\n{printed}but the page says:\n{expected}"
                )

    def _printed(self, command: str) -> str:
        if command == "echo $?":
            status, self.status = self.status, 0
            return f"{status}\n"
        words = shlex.split(command, comments=True)
        self.ran.append(command)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.monkeypatch.setenv(name, self.bench.put_in_place(value))
            return ""
        assert words[0] == "modemtls", f"the tests do not run {words[0]}"
        from modemtls.cli import main

        result = CliRunner().invoke(main, [self.bench.put_in_place(word) for word in words[1:]])
        self.status = result.exit_code
        return result.stdout if result.exit_code == 0 else result.output


def _dialogue(text: str) -> Iterator[tuple[str, str]]:
    """(command, what it prints) of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed
