"""How large an attack is: a tenth or less by default, all of it with ``MODEMTLS_ATTACK=full``."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("MODEMTLS_ATTACK") == "full"  # read now: no test sees a variable of this name


def attack_size(full: int, quick: int) -> int:
    """How many cases to run."""
    return full if IS_FULL else quick
