"""What the program has is named in the documentation."""

from __future__ import annotations

import dataclasses
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

import modemtls
from modemtls import errors
from modemtls.plugins import load_object, registry
from modemtls.settings import load
from modemtls.sim import describe, simulator_type

from .examples import blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"

sys.path.insert(0, str(DOCS / "_ext"))
generated = import_module("generated")


def page(name: str) -> str:
    text: str = generated.expanded((DOCS / name).read_text("utf-8"))
    return text


def has(text: str, name: str) -> bool:
    """``name`` stands in ``text`` as code, alone or as the first word."""
    return re.search(rf"`{re.escape(name)}(?![\w-])", text) is not None


def missing(text: str, names: list[str]) -> list[str]:
    return [name for name in names if not has(text, name)]


def test_every_model_is_listed_and_has_its_facts() -> None:
    names = [model.name for model in registry().models]
    assert names
    assert not missing(page("models/index.md"), names)
    facts = "".join(page(f"models/{path.name}") for path in (DOCS / "models").glob("*.md"))
    assert not [name for name in names if f"### `{name}`" not in facts]


def test_every_assumption_of_a_model_is_on_its_page() -> None:
    text = "".join(page(f"models/{path.name}") for path in (DOCS / "models").glob("*.md"))
    for model in registry().models:
        for sentence in model.assumptions:
            assert generated.cell(sentence) in text


def test_every_error_class_is_explained() -> None:
    names = [
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.ModemError)
    ]
    assert len(names) > 10
    assert not missing(page("errors.md"), names)
    assert not missing((DOCS / "errors.md").read_text("utf-8"), [n for n in names if n != "ModemError"])


def test_every_reason_is_explained_once() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| \S", text, re.MULTILINE)
    assert sorted(rows) == sorted(reason.value for reason in modemtls.Reason)


def test_every_known_code_has_a_row() -> None:
    text = page("what-the-code-means.md")
    for model in registry().models:
        assert f"`{model.name}`" in text
        for row in load_object(model.errors):
            found = re.findall(
                rf"^\| `{re.escape(str(row.number))}` \| {re.escape(generated.cell(row.name))} "
                rf"\| {re.escape(generated.cell(row.meaning))} \| `{row.error.__name__}` \| [^|]* "
                rf"\| {row.certainty.value} \| (.+?) \| {re.escape(generated.cell(row.source))} \|$",
                text,
                re.MULTILINE,
            )
            assert found, (model.name, row.namespace, row.number)
            if row.remedy is not None:
                assert generated.cell(row.remedy) in found


def test_every_known_code_is_found_by_its_number() -> None:
    index = page("what-the-code-means.md").split("## By number")[1].split("\n## ")[0]
    for model in registry().models:
        for row in load_object(model.errors):
            lines = [line for line in index.splitlines() if line.startswith(f"| `{row.number}` ")]
            assert any(f"| `{row.namespace}` |" in line and f"`{model.name}`" in line for line in lines)


def test_every_failure_of_tls_has_something_to_try() -> None:
    for model in registry().models:
        for row in load_object(model.errors):
            if issubclass(row.error, modemtls.TlsError):
                assert generated._remedy(row) != "–"


def test_no_remedy_advises_to_verify_less() -> None:
    text = page("what-the-code-means.md").lower()
    assert not re.search(r"(turn|switch)\w* (it |verification |the check\w* )?off|--insecure|level 0", text)


def test_standard_codes_are_all_listed() -> None:
    from modemtls.diagnose import standards

    text = page("what-the-code-means.md")
    for rows in (standards.ALERTS, standards.VERIFY_CODES, standards.MBEDTLS_FLAGS, standards.CURL_CODES):
        assert rows
        for row in rows.values():
            assert f"| {generated.cell(row.name)} | {generated.cell(row.meaning)} |" in text


def test_every_setting_is_explained() -> None:
    text = (DOCS / "configuration.md").read_text("utf-8")
    assert not missing(text, [field.name for field in dataclasses.fields(modemtls.Settings)])


def test_every_gap_and_check_is_named() -> None:
    text = (DOCS / "verification.md").read_text("utf-8")
    assert not missing(
        text, [*(gap.value for gap in modemtls.Gap), *(check.value for check in modemtls.Check)]
    )


def test_every_simulator_setting_is_listed_with_its_mark() -> None:
    text = page("simulators.md")
    count = 0
    for model in registry().models:
        if model.simulator is None:
            continue
        for info in describe(simulator_type(model.name).settings_type):
            row = list(generated.setting_rows([info]))[2]
            assert row in text, f"{model.name}: {info.name}"
            count += row.endswith("| assumed |")
    assert count > 10


def commands(group: click.Group, parent: click.Context) -> list[tuple[str, click.Command]]:
    found = []
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        found.append((context.command_path, command))
        if isinstance(command, click.Group):
            found += commands(command, context)
    return found


def test_every_command_and_option_is_listed() -> None:
    from modemtls.cli import main

    text = page("cli.md")
    with click.Context(main, info_name="modemtls") as top:
        found = commands(main, top)
    assert len(found) > 12
    for path, command in found:
        at = text.index(f" `{path}`\n")
        own = text[at : text.find("\n```\n", at)]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in own, f"{path} {parameter.opts[0]}"


def test_every_exit_status_of_an_error_is_listed() -> None:
    from modemtls.cli import failures

    text = (DOCS / "errors.md").read_text("utf-8")
    for name in re.findall(r"^class (\w+)\(", Path(errors.__file__ or "").read_text("utf-8"), re.MULTILINE):
        kind = getattr(errors, name)
        if issubclass(kind, errors.ModemError) and kind is not errors.ModemError:
            status = failures.status_of(kind("x"))
            assert re.search(rf"^\| {status} \| `{name}`", text, re.MULTILINE), name


@pytest.mark.parametrize("name", modemtls.__all__)
def test_public_names_are_in_the_reference(name: str) -> None:
    assert re.search(rf":: modemtls\.{name}$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)


def test_pages_name_no_file_that_is_not_there() -> None:
    for path in DOCS.rglob("*.md"):
        if "_build" in path.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+\.md)(?:#[\w-]+)?\)", path.read_text("utf-8")):
            assert (path.parent / target).is_file(), f"{path.name} -> {target}"


def test_the_generated_parts_have_generators() -> None:
    marks = [
        mark
        for path in DOCS.rglob("*.md")
        if "_build" not in path.parts
        for mark in re.findall(r"<!-- generated: (\S+)", path.read_text("utf-8"))
    ]
    assert set(marks) == set(generated.GENERATORS)


def test_the_mark_of_an_unknown_generator_is_an_error() -> None:
    with pytest.raises(KeyError):
        generated.expanded("<!-- generated: nothing-like-it -->")


def test_every_module_of_the_core_has_its_place_in_the_architecture() -> None:
    core = Path(modemtls.__file__ or "").parent
    names = [path.name for path in core.glob("*.py") if not path.name.startswith("__")]
    names += [f"{path.parent.name}/" for path in core.glob("*/__init__.py")]
    text = (DOCS / "architecture.md").read_text("utf-8")
    assert not [name for name in names if f"`{name}`" not in text]


def test_settings_in_examples_are_ones_that_exist(tmp_path: Path) -> None:
    found = 0
    for path in DOCS.rglob("*.md"):
        for block in blocks(path.read_text("utf-8")):
            ports = tomllib.loads(block.text).get("port", {}) if block.language == "toml" else {}
            for port in ports:
                file = tmp_path / "modemtls.toml"
                file.write_text(block.text)
                settings = load(port, {}, {"MODEMTLS_CONFIG": str(file)})
                if settings.options:
                    model = settings.model or "sequans-gm01q"
                    load_object(modemtls.find_model(model).options or "")(**settings.options)
                found += 1
    assert found >= 2
