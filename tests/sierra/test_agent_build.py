"""The companion agent's sources: what they may contain, how they compile, and that random input does not break them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .agent import SOURCES, Agent, _compiler, built

AGENT = sorted((SOURCES / "src").glob("*.[ch]"))
SHIM = sorted((SOURCES / "shim").rglob("*.[ch]"))
FRAME_MOST = 512
"""Bytes that one function of the agent may take of the stack."""
STACK_MOST = 2048
"""Bytes that the agent's deepest chain of calls may take: half of the stack that it asks for."""


def code(path: Path) -> str:
    """A source without comments and texts."""
    text = re.sub(r"/\*.*?\*/", " ", path.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


def test_the_sources_are_there() -> None:
    assert len(AGENT) >= 10
    assert len(SHIM) >= 10


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_the_agent_asks_for_no_memory_and_copies_nothing_without_a_bound(path: Path) -> None:
    forbidden = (
        r"\b(?:malloc|calloc|realloc|free|adl_memGet|alloca|strcpy|strcat|sprintf|vsprintf|gets|strncpy|memcpy"
        r"|memmove|wm_strcpy|wm_strcat|wm_sprintf|wm_strncpy|wm_memcpy)\s*\("
    )
    assert not re.findall(forbidden, code(path))


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_the_agent_includes_only_what_a_module_has(path: Path) -> None:
    included = set(re.findall(r"#include\s+(\S+)", path.read_text("utf-8")))
    assert included <= {'"mt.h"', '"adl_global.h"', '"wip.h"', '"wip_ssl.h"'}


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_never_to_verify_stands_in_one_place_behind_its_word(path: Path) -> None:
    uses = code(path).count("WIP_SSL_NEVER")
    assert uses == (1 if path.name == "mt_tls.c" else 0)


@pytest.mark.parametrize("path", AGENT + SHIM, ids=lambda path: path.name)
def test_no_source_is_longer_than_a_module_of_the_package_may_be(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_the_shim_has_no_number_that_a_host_could_have_guessed() -> None:
    text = "".join(path.read_text("utf-8") for path in (SOURCES / "shim" / "include").glob("wip*.h"))
    numbers = {name: int(value) for name, value in re.findall(r"\b(WIP_\w+) = (-?\d+)", text)}
    published = {"WIP_CEV_ERROR": 1, "WIP_CEV_OPEN": 2}
    assert {name: numbers.pop(name) for name in published} == published
    assert len(numbers) > 40
    assert all(abs(value) > 20 for value in numbers.values())
    assert len(set(numbers.values())) == len(numbers)


def test_every_name_of_the_facade_that_the_agent_reports_is_in_its_tables() -> None:
    header = (SOURCES / "shim" / "include" / "wip.h").read_text("utf-8")
    tables = (SOURCES / "src" / "mt_names.c").read_text("utf-8")
    names = set(re.findall(r"\b(WIP_(?:BERR|CERR|CEV)_\w+) =", header)) - {"WIP_BERR_OK_INPROGRESS"}
    assert names == set(re.findall(r"NAME\((WIP_\w+)\)", tables))


def page() -> str:
    return (SOURCES.parents[2] / "docs" / "models" / "sierra-agent.md").read_text("utf-8")


def test_manual_has_every_error_and_every_command() -> None:
    text = page()
    numbers = re.findall(r"\bMT_\w+ = (7\d\d)\b", (SOURCES / "src" / "mt.h").read_text("utf-8"))
    assert len(numbers) > 15
    assert re.findall(r"^\| (7\d\d) \|", text, re.MULTILINE) == numbers
    commands = re.findall(r'\{"(AT\+MT\w+)"', (SOURCES / "src" / "mt_commands.c").read_text("utf-8"))
    assert len(commands) == 13
    assert set(re.findall(r"^### `(AT\+MT[A-Z]+)", text, re.MULTILINE)) == set(commands)


def test_manual_has_the_options_and_their_defaults() -> None:
    text = page()
    ran = subprocess.run([built("mtagent-host"), "--help"], capture_output=True, text=True, check=True)
    options = set(re.findall(r"^  --([a-z0-9-]+) ", ran.stdout, re.MULTILINE))
    assert len(options) > 30
    assert set(re.findall(r"`--([a-z0-9-]+)[`=]", text)) - {"port", "help"} <= options
    assumed = set(re.findall(r"^  --([a-z0-9-]+) +assumed", ran.stdout, re.MULTILINE))
    assert assumed <= set(re.findall(r"^\| `--([a-z0-9-]+)=", text, re.MULTILINE))


def call_graph(folder: Path) -> tuple[dict[str, int], dict[str, set[str]]]:
    """Frames in bytes and calls, as the compiler reports them; a function is known by its bare name."""
    compiler = _compiler()
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for source in (path for path in AGENT if path.suffix == ".c"):
        ran = subprocess.run(
            [
                compiler, "-std=c99", "-Os", "-fcallgraph-info=su", "-I", SOURCES / "shim" / "include",
                '-D__Security_PLUGIN_VERSION__="1.4"', "-c", source, "-o", folder / f"{source.stem}.o",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "callgraph-info" in ran.stderr:
            pytest.skip("not run: this compiler does not report calls (-fcallgraph-info)")
        assert ran.returncode == 0, ran.stderr
        for line in (folder / f"{source.stem}.ci").read_text().splitlines():
            if node := re.match(r'node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \(([^)]+)\)', line):
                assert node[3] in ("static", "dynamic,bounded"), line
                frames[node[1]] = int(node[2])
            elif edge := re.match(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', line):
                calls.setdefault(edge[1], set()).add(edge[2])
    return frames, calls


def test_stack_of_the_agent_is_bounded(tmp_path: Path) -> None:
    """A call by a pointer is taken for a call of each of the functions that such pointers can name."""
    frames, calls = call_graph(tmp_path)
    assert len(frames) > 60
    assert max(frames.values()) <= FRAME_MOST
    after = {
        "mt_flow.c": ("uploaded", "all_taken", "all_given", "ready"),
        "mt_ask.c": ("cmee_known", "clock_known"),
    }
    by_name = {title.rpartition(":")[2]: title for title in frames}

    def targets(title: str, target: str) -> list[str]:
        if target != "__indirect_call":
            return [target]
        file = title.rpartition(":")[0].rpartition("/")[2]
        return [by_name[name] for name in after[file]]

    def depth(title: str, above: frozenset[str]) -> int:
        if title in above or title not in frames:
            return 0
        below = [
            depth(called, above | {title})
            for target in calls.get(title, ())
            for called in targets(title, target)
        ]
        return frames[title] + max(below, default=0)

    assert 500 < max(depth(title, frozenset()) for title in frames) <= STACK_MOST


def test_it_also_runs_without_sanitizers_and_without_the_plugin() -> None:
    with Agent(target="mtagent-host-plain") as agent:
        line = agent.online()
        assert line.say("AT+MTVER?") == '+MTVER: 1,"1.0.0","host",""|OK'
        assert line.say("AT+MTTLS=NEVER") == "OK"
        assert line.say('AT+MTOPEN=TLS,"localhost",443') == "+CME ERROR: 710"
        assert line.say("AT+MTSESS?") == "+MTSESS: 0|OK"


def test_two_hundred_thousand_random_inputs_leave_it_answering() -> None:
    ran = subprocess.run([built("mtagent-fuzz"), "200000", "1"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("200000 inputs, ")


def test_an_option_that_there_is_not_is_refused() -> None:
    ran = subprocess.run([built("mtagent-host"), "--nonsense=1"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "--nonsense=1" in ran.stderr
