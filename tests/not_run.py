"""Which tests this computer could not run, and why: by name, so that a missing compiler is no silent pass.

A test says it by skipping with a reason that begins with ``not run:``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

__all__ = ["told"]

_MARK = "not run:"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr
    return str(told[2] if isinstance(told, tuple) else told).removeprefix("Skipped: ")


def told(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """One line for each test function, with its cases counted and the reason that it gave."""
    found = Counter(
        (report.nodeid.partition("[")[0], reason, "[" in report.nodeid)
        for report in reports
        if (reason := _reason(report)).startswith(_MARK)
    )
    return [
        f"{name}[… {count} cases]: {reason}" if has_cases else f"{name}: {reason}"
        for (name, reason, has_cases), count in sorted(found.items())
    ]
