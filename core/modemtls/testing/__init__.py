"""For the tests of plugins and applications: dialogues with exact bytes, and the conformance kit for drivers.

The kit needs pytest and the extra ``sim``; it is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dialogue import Answer, DialogueError, DialoguePort, Pair, dialogue

if TYPE_CHECKING:
    from .conformance import DriverConformance as DriverConformance

__all__ = ["Answer", "DialogueError", "DialoguePort", "DriverConformance", "Pair", "dialogue"]


def __getattr__(name: str) -> object:
    if name == "DriverConformance":
        from .conformance import DriverConformance

        return DriverConformance
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
