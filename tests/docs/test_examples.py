"""Every example of the documentation does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from .examples import Bench, Block, Shell, blocks, run_python, shown_as

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: What a fenced block may be: all others would be examples that nobody runs.
LANGUAGES = {"python", "console", "text", "toml", ""}


def with_blocks(*languages: str) -> list[Path]:
    return [page for page in PAGES if any(b.language in languages for b in blocks(page.read_text("utf-8")))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", with_blocks("python", "console"), ids=name_of)
def test_examples_do_what_the_page_shows(page: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEMTLS_PORT", bench.put_in_place("/dev/ttyUSB0"))
    names: dict[str, object] = {"__name__": "example"}
    shell = Shell(bench, monkeypatch)
    for block in blocks(page.read_text("utf-8")):
        if block.language == "python":
            run_python(block, page, names, bench)
        elif block.language == "console":
            shell.run(block, page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_is_of_a_kind_that_is_not_run(page: Path) -> None:
    odd = [
        f"line {block.line}: {block.language}"
        for block in blocks(page.read_text("utf-8"))
        if block.language not in LANGUAGES and not block.language.startswith("{")
    ]
    assert not odd


def test_examples_are_found() -> None:
    assert len(with_blocks("python")) >= 8
    assert len(with_blocks("console")) >= 3


def test_a_wrong_output_is_noticed(bench: Bench) -> None:
    right, wrong = (Block("python", "print(1 + 1)\n", 1, expected) for expected in ("2\n", "3\n"))
    run_python(right, Path("page.md"), {}, bench)
    with pytest.raises(AssertionError, match="but the page says"):
        run_python(wrong, Path("page.md"), {}, bench)


def test_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert shown_as("a\nb\nc\n", "a\n...\nc\n")
    assert not shown_as("a\nb\n", "a\n")
