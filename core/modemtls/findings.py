"""What was found out about a cause: the unit in which every diagnosis speaks."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .errors import Certainty, Reason

__all__ = ["Finding", "Severity", "Term"]


class Severity(enum.IntEnum):
    """How bad a finding is; sorts the worst first."""

    ERROR = 0
    WARNING = 1
    NOTE = 2


@dataclass(frozen=True)
class Finding:
    """One cause, how sure it is, what shows it, and what to do about it.

    ``message`` is a full sentence; ``remedy`` is another, with a command to type where one exists;
    ``evidence`` are the lines, dates and digests that show it, without secrets; ``source`` names the
    manual or observation behind a vendor fact; ``field`` and ``value`` are the vendor's name and value
    of the setting that the finding is about.
    """

    reason: Reason
    severity: Severity
    certainty: Certainty
    message: str
    remedy: str | None = None
    evidence: tuple[str, ...] = ()
    source: str | None = None
    field: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Term:
    """A word of a vendor's that stands in logs and code, and what it means; ``meaning`` is a sentence fragment."""

    name: str
    meaning: str
    certainty: Certainty
    source: str
