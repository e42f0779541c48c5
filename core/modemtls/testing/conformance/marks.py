"""What marks a test of the kit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["simulated"]


def simulated(test: F) -> F:
    """This test turns a knob of the simulated modem or needs the servers: it is left out against a real modem."""
    test.needs_simulator = True  # type: ignore[attr-defined]
    return test
