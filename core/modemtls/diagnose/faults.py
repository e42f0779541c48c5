"""A fault that was found while judging: the finding, its place in the order of likelihood, and its kind."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..stack import Trait

__all__ = ["Fault", "Rank", "as_guess", "doubted", "in_order", "surest"]


class Rank(enum.IntEnum):
    """What comes first among causes of one severity and certainty: what fails earlier, or hides the rest."""

    VERSION = 0
    CLOCK = 1
    ANCHOR = 2
    TRUST = 3
    DATES = 4
    NAME = 5
    USAGE = 6
    KEYS = 7
    SIZE = 8
    SNI = 9
    STRICT = 10
    ALTERNATIVE = 11
    ASSUMED = 12
    REMARK = 13


@dataclass(frozen=True)
class Fault:
    """A finding, and how it is ranked.

    ``universal``: every verifier that follows RFC 5280 must find it, so one that accepts contradicts it.
    """

    finding: Finding
    rank: Rank
    universal: bool = False

    @property
    def is_error(self) -> bool:
        """It is enough to make a handshake fail."""
        return self.finding.severity is Severity.ERROR


def surest(trait: Trait[Any]) -> Certainty:
    """How sure a finding can be that rests on a statement about the stack."""
    return Certainty.DERIVED if trait.is_known else Certainty.GUESSED


def doubted(fault: Fault, because: str) -> Fault:
    """The same fault when something contradicts it: a guess, and no longer an error."""
    finding = replace(
        fault.finding,
        severity=max(fault.finding.severity, Severity.WARNING),
        certainty=Certainty.GUESSED,
        evidence=(*fault.finding.evidence, because),
    )
    return replace(fault, finding=finding)


def as_guess(finding: Finding) -> Finding:
    """The same finding where it rests on what is only assumed of the stack."""
    return replace(finding, certainty=Certainty.GUESSED)


_CERTAINTY = {Certainty.STATED: 0, Certainty.DERIVED: 0, Certainty.GUESSED: 1}


def in_order(faults: Iterable[Fault], stated: frozenset[Reason] = frozenset()) -> tuple[Finding, ...]:
    """The findings, most likely cause first; ``stated``: reasons that an alert speaks for."""
    ordered = sorted(
        faults,
        key=lambda fault: (
            bool(stated) and fault.finding.reason not in stated,
            fault.finding.severity,
            _CERTAINTY[fault.finding.certainty],
            fault.rank,
        ),
    )
    return tuple(dict.fromkeys(fault.finding for fault in ordered))
