"""The conformance kit: a class that tests a driver against its simulated modem, or a real one.

Needs pytest and the extra ``sim``; take it from :mod:`modemtls.testing`.
"""

from __future__ import annotations

from .suite import DriverConformance

__all__ = ["DriverConformance"]
