"""For the tests of plugins and applications: dialogues with exact bytes, in virtual time."""

from __future__ import annotations

from .dialogue import Answer, DialogueError, DialoguePort, Pair, dialogue

__all__ = ["Answer", "DialogueError", "DialoguePort", "Pair", "dialogue"]
