"""How large an attack is: a tenth or less by default, all of it with ``MODEMTLS_ATTACK=full``."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
IS_FULL = os.environ.get("MODEMTLS_ATTACK") == "full"  # read now: no test sees a variable of this name


def attack_size(full: T, quick: T) -> T:
    """How many cases to run, or which."""
    return full if IS_FULL else quick
