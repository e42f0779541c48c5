"""Rules about the source tree: functions that list violations, each tried on a tree that breaks it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Modules that are longer than MAX_LINES, with their length: it may only shrink, and nothing may be added.
LONGER: dict[str, int] = {}
MAX_LINES = 400

VENDOR_WORDS = re.compile(
    r"sequans|monarch|calliope|renesas|sierra|wavecom|quectel|simcom|u-?blox|telit|cinterion|nordicsemi"
    r"|\bgm0[12][a-z]|\bnb01q|\bsim7\d\d\d|\bsara-|\bbg9\d|\bec2[15]\b",
    re.IGNORECASE,
)
VENDOR_COMMANDS = re.compile(r"SQN[A-Z]*|\bWIP[A-Z]+|\+Q[A-Z]{3,}|\+USEC|\+UHTTP|\+CSSLCFG|\+CCH[A-Z]{3,}")

#: The parts of modemtls that plugins may import: the seams, not what stands behind them.
SEAMS = {
    "at", "credentials", "driver", "errors", "findings", "hookspecs", "model", "op", "paste", "policy", "sim",
    "stack", "standard", "standard_errors",
}  # fmt: skip
PURE_LIBRARY = {
    "__future__", "abc", "base64", "binascii", "bisect", "calendar", "codecs", "collections", "contextlib",
    "copy", "dataclasses", "datetime", "enum", "functools", "hashlib", "heapq", "ipaddress", "itertools",
    "json", "math", "operator", "re", "string", "struct", "textwrap", "types", "typing", "urllib",
}  # fmt: skip
PURE_DOTTED = {"urllib": {"urllib.parse"}}
#: A plugin's simulator plays the modem, so it may read certificates and HTTP messages too.
SIMULATOR_LIBRARY = PURE_LIBRARY | {"cryptography", "h11"}

HEAVY = {
    "asyncio", "click", "cryptography", "h11", "platformdirs", "rich", "serial", "ssl", "structlog",
    "modemtls_sequans", "modemtls_sierra_wip",
}  # fmt: skip


def sources(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def vendor_names(root: Path) -> list[str]:
    plugins = {path.name.removeprefix("modemtls_") for path in (root / "plugins").glob("modemtls_*")}
    own = re.compile(
        "|".join(re.escape(name.split("_")[0]) for name in sorted(plugins)) or "(?!)", re.IGNORECASE
    )
    return [
        f"{path.relative_to(root)}:{number}: {found.group()!r}"
        for path in sources(root / "core")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for pattern in (VENDOR_WORDS, VENDOR_COMMANDS, own)
        if (found := pattern.search(line))
    ]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every absolute import; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_pure(name: str, library: set[str]) -> bool:
    top = name.split(".")[0]
    if top not in library:
        return False
    return top not in PURE_DOTTED or any(f"{name}.".startswith(f"{pure}.") for pure in PURE_DOTTED[top])


def is_seam(name: str, facade: frozenset[str]) -> bool:
    parts = name.split(".")
    return parts[0] == "modemtls" and (len(parts) == 1 or parts[1] in SEAMS or parts[1] in facade)


def public_names(root: Path) -> frozenset[str]:
    """What ``modemtls`` itself exports: a plugin may take it from there."""
    module = root / "core" / "modemtls" / "__init__.py"
    if not module.exists():
        return frozenset()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return frozenset(names)
    return frozenset()


def foreign_imports(root: Path) -> list[str]:
    facade = public_names(root)
    found = []
    for package in sorted((root / "plugins").glob("modemtls_*")):
        for path in sources(package):
            inside = path.relative_to(package).with_suffix("").parts
            library = SIMULATOR_LIBRARY if inside[0] == "simulator" else PURE_LIBRARY
            for line, name in imported(ast.parse(path.read_text("utf-8"))):
                own = name.split(".")[0] == package.name
                if not (own or is_seam(name, facade) or is_pure(name, library)):
                    found.append(f"{path.relative_to(root)}:{line}: {name}")
    return found


def long_modules(root: Path, longer: dict[str, int]) -> list[str]:
    found = []
    lengths = {
        path.relative_to(root).as_posix(): len(path.read_text("utf-8").splitlines())
        for folder in ("core", "plugins")
        for path in sources(root / folder)
    }
    for name, length in lengths.items():
        if length > longer.get(name, MAX_LINES):
            found.append(f"{name}: {length} lines, at most {longer.get(name, MAX_LINES)}")
    for name, allowed in longer.items():
        if lengths.get(name, 0) < allowed:
            found.append(f"{name}: is down to {lengths.get(name, 0)} lines, the list still says {allowed}")
    return found


def not_installed(source: Path, installed: list[Path]) -> list[str]:
    files = {path.relative_to(source) for path in sources(source)} | {Path("py.typed")}
    return sorted(str(name) for name in files if not any((place / name).is_file() for place in installed))


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_the_rules_look_at_this_tree() -> None:
    assert len(list(sources(ROOT / "core"))) > 5
    assert list((ROOT / "plugins").glob("modemtls_*"))


def test_core_names_no_vendor() -> None:
    assert not vendor_names(ROOT), "a vendor's name in core: is a capability or a limit missing?"


@pytest.mark.parametrize(
    "line",
    ["# as on a Quectel", "x = 'AT+SQNSPCFG'", "GM02S = 1", "import modemtls_acme", "AT+QSSLCFG", "# u-blox"],
)
def test_a_vendor_name_in_core_is_found(tmp_path: Path, line: str) -> None:
    write(tmp_path, "core/modemtls/a.py", f"\n{line}\n")
    write(tmp_path, "plugins/modemtls_acme/__init__.py", "")
    assert [entry.split(": ")[0] for entry in vendor_names(tmp_path)] == ["core/modemtls/a.py:2"]


def test_plugins_import_only_seams_and_pure_modules() -> None:
    assert not foreign_imports(ROOT), "a plugin translates; what does I/O belongs to the core"


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from serial import Serial",
        "import os.path",
        "from urllib import request",
        "import urllib.request",
        "import modemtls.cli",
        "from modemtls import aio",
        "from modemtls.modem import Modem",
        "import h11",
        "def f():\n    import socket",
    ],
)
def test_a_forbidden_import_in_a_plugin_is_found(tmp_path: Path, line: str) -> None:
    write(tmp_path, "plugins/modemtls_acme/driver.py", line)
    assert len(foreign_imports(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("driver", "from urllib.parse import quote"),
        ("driver", "from urllib import parse"),
        ("driver", "from modemtls.at.syntax import quote"),
        ("driver", "from modemtls import Certainty"),
        ("driver", "from .errors import TABLE"),
        ("driver", "import modemtls_acme.errors"),
        ("simulator/http", "import h11"),
        ("simulator", "from cryptography import x509"),
    ],
)
def test_an_allowed_import_in_a_plugin_passes(tmp_path: Path, name: str, line: str) -> None:
    write(tmp_path, "core/modemtls/__init__.py", '__all__ = ["Certainty"]')
    write(tmp_path, f"plugins/modemtls_acme/{name}.py", line)
    assert foreign_imports(tmp_path) == []


def test_modules_are_short() -> None:
    assert not long_modules(ROOT, LONGER), "what in it wants to be a module of its own?"


def test_a_long_module_is_found_and_the_list_only_shrinks(tmp_path: Path) -> None:
    write(tmp_path, "core/modemtls/a.py", "\n" * 401)
    write(tmp_path, "plugins/modemtls_acme/b.py", "\n" * 400)
    assert long_modules(tmp_path, {}) == ["core/modemtls/a.py: 401 lines, at most 400"]
    assert long_modules(tmp_path, {"core/modemtls/a.py": 401}) == []
    assert long_modules(tmp_path, {"core/modemtls/a.py": 410}) == [
        "core/modemtls/a.py: is down to 401 lines, the list still says 410"
    ]


@pytest.mark.parametrize(
    "source",
    ["core/modemtls", "core/pytest_modemtls", "plugins/modemtls_sequans", "plugins/modemtls_sierra_wip"],
)
def test_every_source_file_is_installed(source: str) -> None:
    spec = find_spec(Path(source).name)
    assert spec is not None
    assert (
        not_installed(ROOT / source, [Path(place) for place in spec.submodule_search_locations or ()]) == []
    )


def test_a_file_that_is_not_installed_is_found(tmp_path: Path) -> None:
    write(tmp_path, "source/at/channel.py", "")
    write(tmp_path, "installed/py.typed", "")
    assert not_installed(tmp_path / "source", [tmp_path / "installed"]) == [str(Path("at/channel.py"))]


def test_import_modemtls_loads_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import modemtls; print(*set(sys.modules) - before)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "modemtls" in loaded
    assert sorted(HEAVY & loaded) == []
