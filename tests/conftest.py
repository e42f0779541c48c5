"""Settings for every test: nothing of the user's is read or written, slow machines are no failure, secrets are
searched for in all that is shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("modemtls", deadline=None)
settings.load_profile("modemtls")

sys.path.append(
    str(Path(__file__).resolve().parent.parent)
)  # for what tests share: tests.canaries, tests.watch


def pytest_configure(config: pytest.Config) -> None:
    """Watch for secrets, before a test makes its first key."""
    from tests import watch, watched

    plugin = watch.Plugin()
    if config.pluginmanager.register(plugin, "secrets-watch"):
        watched.install(plugin)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that this computer could not run, whatever the options of the report are."""
    from tests import not_run

    lines = not_run.told(terminalreporter.stats.get("skipped", ()))
    if lines:
        terminalreporter.section("not run")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for journal and settings, and no ``MODEMTLS_…`` variable; gives that home."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in [name for name in os.environ if name.startswith("MODEMTLS_")]:
        monkeypatch.delenv(name)
    return home
