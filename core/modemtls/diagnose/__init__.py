"""Why did it fail?  Findings, and the checks behind them; nothing in here knows a vendor."""

from .after_failure import explain, profile_findings

__all__ = ["explain", "profile_findings"]
