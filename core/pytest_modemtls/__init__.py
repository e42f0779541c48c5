"""The pytest plugin of modemtls: assert rewriting for the conformance kit, its options, and a file of outcomes.

Against a real modem (``--modem-port``) the tests that turn a simulated modem's knobs or need its servers are left out,
and listed.  Imports pytest only: whoever has modemtls installed pays nothing for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

_PROPERTY = "modemtls-model"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the kit."""
    group = parser.getgroup("modemtls", "conformance of modemtls drivers")
    group.addoption(
        "--modem-port", metavar="PORT", help="run the conformance tests against the real modem on this port"
    )
    group.addoption(
        "--modem-model", metavar="NAME", help="the model that is tested, or that is on --modem-port"
    )
    group.addoption(
        "--modem-outcomes", metavar="FILE", help="write the outcomes of the conformance tests as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to keep outcomes."""
    if config.getoption("--modem-port") and not config.getoption("--modem-model"):
        raise pytest.UsageError("--modem-port needs --modem-model: which modem is on it?")
    config.pluginmanager.register(_Conformance(config), "modemtls-conformance")


class _Conformance:
    """What is left out, and what came of the rest."""

    def __init__(self, config: pytest.Config) -> None:
        self._port: str | None = config.getoption("--modem-port")
        self._model: str | None = config.getoption("--modem-model")
        self._file: str | None = config.getoption("--modem-outcomes")
        self._outcomes: dict[str, dict[str, str]] = {}
        self.left_out: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Take the conformance tests of the named model, and against a real modem those that it can pass."""
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            cls = getattr(item, "cls", None)
            if not getattr(cls, "is_conformance", False):
                kept.append(item)
                continue
            model = str(getattr(cls, "model", "") or self._model or "")
            item.user_properties.append((_PROPERTY, model))
            if self._model is not None and model != self._model:
                dropped.append(item)
            elif self._port is not None and getattr(
                getattr(item, "function", None), "needs_simulator", False
            ):
                dropped.append(item)
                self.left_out.append(item.nodeid)
            else:
                kept.append(item)
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome: the worst of setup, call and teardown."""
        model = dict(report.user_properties).get(_PROPERTY)
        if not isinstance(model, str):
            return
        name = report.nodeid.split("::")[-1]
        found = self._outcomes.setdefault(model, {})
        if found.get(name, "passed") == "passed":
            found[name] = report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file; a worker of xdist leaves that to its master."""
        if self._file is None or hasattr(session.config, "workerinput"):
            return
        written: dict[str, Any] = {
            "against": "a real modem" if self._port else "simulated modems",
            "models": {model: dict(sorted(found.items())) for model, found in sorted(self._outcomes.items())},
            "left out": sorted(name.split("::")[-1] for name in self.left_out),
        }
        Path(self._file).write_text(json.dumps(written, indent=1) + "\n", "utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was left out against a real modem."""
        if self._port is None:
            return
        terminalreporter.section("modemtls: left out against a real modem")
        for line in _by_test(self.left_out):
            terminalreporter.write_line(line)


def _by_test(names: list[str]) -> Iterator[str]:
    """Each test once, with the number of its cases."""
    tests = [name.split("::")[-1].split("[")[0] for name in names]
    for test in dict.fromkeys(tests):
        yield f"{test} ({tests.count(test)})" if tests.count(test) > 1 else test


pytest.register_assert_rewrite("modemtls.testing.conformance")
