"""Parts of pages that are made from the code: a page says where with ``<!-- generated: NAME ARGUMENT -->``.

Each generator gives MyST Markdown, which takes the place of that line before the page is parsed.  So what the
pages say of codes, models, settings and commands is what the program does.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import modemtls
from modemtls.endpoint import usable
from modemtls.plugins import load_object, registry
from modemtls.sim import SettingInfo, SimSettings, describe, simulator_type

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MARK = re.compile(r"^<!-- generated: ([a-z-]+)(?: (.+?))? -->$", re.MULTILINE)


def cell(text: object) -> str:
    """``text`` as it may stand in a cell of a table."""
    return re.sub(r"([\\`*_<>|\[\]$])", r"\\\1", str(text)).replace("\n", " ")


def code(text: object) -> str:
    """``text`` as code in a cell."""
    return "`" + str(text).replace("|", "\\|") + "`" if str(text) else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, with an empty one after it."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _tables() -> Iterator[tuple[modemtls.ErrorTable, list[modemtls.Model]]]:
    """Each table of codes with the models that share it."""
    shared: dict[str, list[modemtls.Model]] = {}
    for model in registry().models:
        shared.setdefault(model.errors, []).append(model)
    for reference, models in shared.items():
        yield load_object(reference), models


def _remedy(row: modemtls.ErrorEntry) -> str:
    """What to try; where the row has nothing of its own, what tells more about errors of its kind."""
    if row.remedy is not None:
        return cell(row.remedy)
    if issubclass(row.error, modemtls.TlsError):
        return "`modemtls diagnose URL`"
    return "`modemtls network`" if issubclass(row.error, modemtls.NetworkError) else "–"


def codes(_: str) -> Iterator[str]:
    """Every row of every installed table; models that share a table share a section."""
    for found, models in _tables():
        yield f"## {', '.join(dict.fromkeys(model.vendor for model in models))}: {models[0].name}"
        yield ""
        yield f"For {', '.join(code(model.name) for model in models)}."
        yield ""
        for namespace in found.namespaces:
            rows = [entry for entry in found if entry.namespace == namespace]
            yield f"### {code(namespace)}"
            yield ""
            yield from table(
                ("code", "name", "means", "raises", "reasons", "certainty", "try", "source"),
                [
                    (
                        code(row.number), cell(row.name), cell(row.meaning), code(row.error.__name__),
                        ", ".join(code(reason.value) for reason in modemtls.Reason if reason in row.reasons),
                        row.certainty.value, _remedy(row), cell(row.source),
                    )
                    for row in rows
                ],
            )  # fmt: skip


def code_index(_: str) -> Iterator[str]:
    """All codes by what stands in the modem's answer, each with where it means what; equal rows of tables once."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for rows, models in _tables():
        for row in rows:
            key = str(row.number), row.namespace, row.name, row.meaning
            found.setdefault(key, []).extend(model.name for model in models)

    def place(key: tuple[str, str, str, str]) -> tuple[bool, int, str]:
        number = key[0]
        is_number = number.lstrip("-").isdecimal()
        return not is_number, int(number) if is_number else 0, number

    yield from table(
        ("code", "namespace", "models", "name", "means"),
        [
            (code(key[0]), code(key[1]), ", ".join(map(code, found[key])), cell(key[2]), cell(key[3]))
            for key in sorted(found, key=place)
        ],
    )


def standard_codes(_: str) -> Iterator[str]:
    """The numbers of standards and libraries that vendors pass on, and what they leave open."""
    from modemtls.diagnose import standards

    for title, rows in (
        ("TLS alerts", standards.ALERTS),
        ("Verify codes of OpenSSL, and of Python's ssl", standards.VERIFY_CODES),
        ("Flags of Mbed TLS", standards.MBEDTLS_FLAGS),
        ("Codes of libcurl", standards.CURL_CODES),
    ):
        yield f"### {title}"
        yield ""
        yield from table(
            ("number", "name", "means", "reasons", "source"),
            [
                (
                    code(f"0x{row.number:04X}" if rows is standards.MBEDTLS_FLAGS else row.number),
                    cell(row.name),
                    cell(row.meaning),
                    ", ".join(code(reason.value) for reason in modemtls.Reason if reason in row.reasons),
                    cell(row.source),
                )
                for row in rows.values()
            ],
        )


def error_tree(_: str) -> Iterator[str]:
    """The tree as the module's docstring draws it."""
    import modemtls.errors

    lines = inspect.cleandoc(modemtls.errors.__doc__ or "").splitlines()
    start = lines.index("::") + 1
    drawn = [line for line in lines[start:] if not line or line.startswith("    ")]
    yield "```text"
    yield from inspect.cleandoc("\n".join(drawn)).splitlines()
    yield "```"


def error_classes(_: str) -> Iterator[str]:
    """Every class with its first sentences and its example."""
    import modemtls.errors

    for name, found in vars(modemtls.errors).items():
        if isinstance(found, type) and issubclass(found, modemtls.ModemError):
            yield f"### {code(name)}"
            yield ""
            yield re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", inspect.getdoc(found) or "").replace(
                "``", "`"
            )
            yield ""


def models(_: str) -> Iterator[str]:
    """The installed models."""
    yield from table(
        ("name", "model", "vendor", "simulated"),
        [
            (code(model.name), cell(model.title), cell(model.vendor), "yes" if model.simulator else "no")
            for model in registry().models
        ],
    )


def model_facts(vendor: str) -> Iterator[str]:
    """What the records of one vendor's models say."""
    for model in registry().models:
        if model.vendor != vendor:
            continue
        options = load_object(model.options)() if model.options else None
        resolved = model.resolve("", options)
        limits, can = resolved.limits, resolved.enforcement
        yield f"### {code(model.name)}: {model.title}"
        yield ""
        yield from table(("", ""), _facts(model, resolved.capabilities, limits, can))
        for gap, sentence in can.unknown_because:
            yield f"- Not known, {code(gap.value)}: {sentence}"
        yield ""
        yield "Assumed or unconfirmed:"
        yield ""
        yield from (f"- {cell(sentence)}" for sentence in model.assumptions)
        yield ""
        yield "Sources:"
        yield ""
        yield from (f"- {cell(sentence)}" for sentence in model.sources)
        yield ""


def _facts(
    model: modemtls.Model,
    capabilities: frozenset[modemtls.Capability],
    limits: modemtls.Limits,
    can: modemtls.Enforcement,
) -> Iterator[tuple[str, str]]:
    yield "baud rates", ", ".join(map(str, model.baudrates))
    yield "can", ", ".join(code(one.value) for one in modemtls.Capability if one in capabilities)
    where = usable(capabilities)
    yield "TLS runs", " or ".join({"modem": "in the modem", "host": "on this computer"}[one] for one in where)
    none = "none without an option" if where[0] == "modem" else "those of this computer"
    yield "sets of checks", "; ".join(_check_sets(can)) or none
    for what, versions in (("minimum", can.minimum_versions), ("maximum", can.maximum_versions)):
        yield (
            f"{what} version",
            ", ".join(str(version) for version in sorted(versions)) or "cannot be demanded",
        )
    count = "cannot be chosen" if can.cipher_suites is None else f"{len(can.cipher_suites)} known"
    yield "cipher suites", count
    for what, able in (
        ("client certificate", can.client_credential),
        ("pre-shared key", can.psk),
        ("resumption", can.resumption),
        ("another name for SNI", can.server_name),
    ):
        yield what, "yes" if able else "no"
    for field in dataclasses.fields(limits):
        value = getattr(limits, field.name)
        yield code(field.name), _limit(field.name, value)


def _check_sets(can: modemtls.Enforcement) -> list[str]:
    sets = sorted((s for s in can.check_sets if s), key=len)
    return [" + ".join(check.value for check in modemtls.Check if check in one) for one in sets]


def _limit(name: str, value: Any) -> str:
    if value is None:
        return "not published"
    if isinstance(value, range):
        return f"{value[0]} to {value[-1]}" if value else "none"
    if isinstance(value, frozenset | tuple):
        return (
            ", ".join(str(one) for one in (sorted(value) if isinstance(value, frozenset) else value))
            or "none"
        )
    unit = " s" if name.endswith("timeout") else " bytes" if name.endswith("bytes") else ""
    return f"{value:g}{unit}" if isinstance(value, float) else f"{value}{unit}"


def simulator_settings(_: str) -> Iterator[str]:
    """The settings of all simulators: the common ones, then what each model adds or changes."""
    common = {info.name: info for info in describe(SimSettings)}
    yield "### Of every simulated modem"
    yield ""
    yield from setting_rows(common.values())
    by_vendor: dict[str, dict[str, dict[str, SettingInfo]]] = {}
    for model in registry().models:
        if model.simulator:
            own = {info.name: info for info in describe(simulator_type(model.name).settings_type)}
            by_vendor.setdefault(model.vendor, {})[model.name] = own
    for vendor, found in by_vendor.items():
        first = next(iter(found.values()))
        shared = {
            key: info
            for key, info in first.items()
            if key not in common and all(settings.get(key) == info for settings in found.values())
        }
        yield f"### {vendor}: of all models"
        yield ""
        yield from setting_rows(shared.values())
        for name, settings in found.items():
            different = [info for key, info in settings.items() if shared.get(key, common.get(key)) != info]
            if different:
                yield f"### Of {code(name)}"
                yield ""
                yield from setting_rows(different)


def setting_rows(found: Iterable[SettingInfo]) -> Iterator[str]:
    """A table of settings."""
    yield from table(
        ("setting", "takes", "default", "does", ""),
        [
            (
                code(info.name),
                cell(info.kind),
                code(info.default),
                cell(info.help),
                "assumed" if info.assumed else "",
            )
            for info in found
        ],
    )


def commands(_: str) -> Iterator[str]:
    """The help of every command."""
    from modemtls.cli import main

    with click.Context(main, info_name="modemtls", max_content_width=100, terminal_width=100) as top:
        for name in main.list_commands(top):
            yield from _command(main, name, top, "###")


def _command(group: click.Group, name: str, parent: click.Context, level: str) -> Iterator[str]:
    command = group.get_command(parent, name)
    if command is None or command.hidden:
        return
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    yield f"{level} {code(context.command_path)}"
    yield ""
    yield "```text"
    yield command.get_help(context)
    yield "```"
    yield ""
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _command(command, inner, context, level + "#")


def conformance(_: str) -> Iterator[str]:
    """What passed in the recorded run of the conformance kit: a row a test, a column a model."""
    recorded = json.loads((Path(__file__).parents[1] / "_conformance" / "outcomes.json").read_text("utf-8"))
    found: dict[str, dict[str, list[str]]] = recorded["models"]
    tests = sorted({name for cases in found.values() for name in cases})
    yield from table(
        ("", *(code(model) for model in found)),
        [
            (
                cell(name.removeprefix("test_").replace("_", " ")),
                *("{} of {}".format(*cases.get(name, (0, 0))) for cases in found.values()),
            )
            for name in tests
        ],
    )


GENERATORS: dict[str, Callable[[str], Iterator[str]]] = {
    "code-index": code_index,
    "codes": codes,
    "commands": commands,
    "conformance": conformance,
    "error-classes": error_classes,
    "error-tree": error_tree,
    "model-facts": model_facts,
    "models": models,
    "simulator-settings": simulator_settings,
    "standard-codes": standard_codes,
}


def expanded(text: str) -> str:
    """A page with every mark replaced.

    :raises KeyError: a mark names no generator.
    """
    return MARK.sub(lambda mark: "\n".join(GENERATORS[mark[1]](mark[2] or "")), text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""

    def replace(_: Sphinx, __: str, source: list[str]) -> None:
        source[0] = expanded(source[0])

    app.connect("source-read", replace)
    return {"parallel_read_safe": True}
