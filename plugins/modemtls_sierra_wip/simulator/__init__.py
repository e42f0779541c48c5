"""Simulated Q2686 modules, as far as public sources tell how the real ones behave.

What no source tells is a setting (:mod:`.settings`) marked as assumed, or is called assumed where it is done.
"""

from __future__ import annotations

from .companion import Q2686
from .settings import CompanionSettings, OpenAtSettings

__all__ = ["Q2686", "CompanionSettings", "OpenAtSettings"]
