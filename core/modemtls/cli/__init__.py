"""The command line: ``main`` is what ``modemtls`` runs; one module a command group.

Importing this loads click and nothing else that is large: a command imports what it needs when it runs.
"""

from __future__ import annotations

from .tool import main

__all__ = ["main"]
