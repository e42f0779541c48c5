"""What a diagnosis comes to: the steps of the walk, what went over the line in each, and the findings in order."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime

from ..errors import (
    Certainty,
    CredentialError,
    HttpError,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    PortError,
    Reason,
    TlsError,
    Unsupported,
)
from ..findings import Finding, Severity
from ..model import Identity
from .view import Origin

__all__ = ["Diagnosis", "DiagnosisStep", "Spoken", "State", "Who", "findings_of_error", "guess"]


class State(enum.Enum):
    """How a step went."""

    GOOD = "ok"
    DOUBTFUL = "doubtful"
    """It may be the cause, or become one."""
    BAD = "bad"
    SKIPPED = "skipped"


class Who(enum.Enum):
    """Who said a line."""

    HOST = "host"
    MODEM = "modem"
    EVENT = "event"
    """The modem, without being asked."""


@dataclass(frozen=True)
class Spoken:
    """A line on the wire, as it may be shown to anybody."""

    who: Who
    line: str


@dataclass(frozen=True)
class DiagnosisStep:
    """One thing that was looked at: ``lines`` are facts for people, ``seconds`` what it took on the port's clock."""

    name: str
    title: str
    state: State
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    spoken: tuple[Spoken, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Diagnosis:
    """All that was found out about one URL on one modem.

    ``findings``: the most likely cause first.  ``error``: what failed, with the class and the exit status that it
    would have had without a diagnosis; ``None`` when the attempt succeeded, or when none was made and nothing is
    wrong.  ``origin``: where the server's certificates were seen, ``None`` when they were not.
    """

    url: str
    host: str
    port: int
    model: str
    firmware: str
    identity: Identity
    started: datetime
    steps: tuple[DiagnosisStep, ...]
    findings: tuple[Finding, ...]
    error: ModemError | None = None
    origin: Origin | None = None
    path: tuple[str, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Nothing failed."""
        return self.error is None

    @property
    def cause(self) -> Finding | None:
        """The most likely cause of the failure; ``None`` when nothing failed."""
        if self.error is None:
            return None
        return next((f for f in self.findings if f.severity is not Severity.NOTE), None)

    @property
    def causes(self) -> tuple[Finding, ...]:
        """The cause and those that cannot be told apart from it: as sure as it is, and as bad."""
        first = self.cause
        if first is None:
            return ()
        if first.certainty is not Certainty.GUESSED:
            return (first,)
        return tuple(
            f for f in self.findings if (f.severity, f.certainty) == (first.severity, first.certainty)
        )

    def step(self, name: str) -> DiagnosisStep | None:
        """The step of that name, if it was come to."""
        return next((step for step in self.steps if step.name == name), None)


_USUAL: tuple[tuple[type[ModemError], Reason], ...] = (
    (PortError, Reason.PORT_GONE),
    (ModemTimeout, Reason.NO_ANSWER),
    (ModemReset, Reason.MODEM_RESTARTED),
    (NetworkError, Reason.CONNECTION_LOST),
    (TlsError, Reason.HANDSHAKE_FAILED),
    (HttpError, Reason.MALFORMED_RESPONSE),
    (CredentialError, Reason.MALFORMED),
    (Unsupported, Reason.NOT_SUPPORTED),
)


def findings_of_error(error: ModemError) -> tuple[Finding, ...]:
    """What an error says of its cause: one finding, or a guess for each of the reasons that it leaves open."""
    evidence = (*((f"code: {error.code}",) if error.code is not None else ()), *error.lines[:8])
    usual = next((reason for kind, reason in _USUAL if isinstance(error, kind)), Reason.INVALID_PARAMETER)
    reasons = sorted(error.reasons, key=list(Reason).index) or [usual]
    if len(reasons) == 1:
        # That it failed is certain then, and not that this is why.
        certainty = error.certainty if error.reasons else Certainty.GUESSED
        return (Finding(reasons[0], Severity.ERROR, certainty, error.message, error.remedy, evidence),)
    return tuple(replace(guess(reason, error.remedy), evidence=evidence) for reason in reasons)


def guess(reason: Reason, remedy: str | None = None) -> Finding:
    """A cause that fits what the modem said, and that nothing confirms."""
    words = _WORDS.get(reason, reason.value.replace("-", " ").capitalize())
    return Finding(
        reason,
        Severity.ERROR,
        Certainty.GUESSED,
        f"{words}: it fits what the modem said, and nothing confirms it.",
        remedy,
    )


_WORDS = {
    Reason.NOT_YET_VALID: "The server's certificate may not be valid yet by the modem's clock",
    Reason.EXPIRED: "The server's certificate may have expired by the modem's clock",
    Reason.UNKNOWN_ISSUER: "The server may be certified by a CA that the modem does not trust",
    Reason.MISSING_INTERMEDIATE: "The server may not send its intermediate certificates, and the modem may not hold"
    " them",
    Reason.LEAF_AS_ANCHOR: "What is stored may be the server's own certificate and not its CA's",
    Reason.SELF_SIGNED: "The server's certificate may be self-signed",
    Reason.HOSTNAME_MISMATCH: "The server's certificate may be for another name",
    Reason.NO_COMMON_CIPHER: "Modem and server may have no cipher suite in common",
    Reason.UNSUPPORTED_VERSION: "Modem and server may have no version of TLS in common",
    Reason.UNSUPPORTED_HASH: "The certificates may be signed with a hash that the modem does not know",
    Reason.WEAK_OR_UNSUPPORTED_KEY: "The server's key may be of a kind or size that the modem does not take",
    Reason.CLIENT_CERTIFICATE_MISSING: "The server may want a client certificate",
    Reason.CLIENT_CERTIFICATE_REFUSED: "The server may have refused the client certificate",
    Reason.NOT_TLS: "What answers on that port may not speak TLS",
    Reason.HANDSHAKE_FAILED: "The handshake failed",
    Reason.PROFILE_ILLEGAL: "A value of the security profile may be illegal",
    Reason.SLOT_EMPTY: "The slot of the CA may be empty",
    Reason.SLOT_UNREADABLE: "What is in the slot of the CA may not be readable",
    Reason.NO_TRUST_ANCHOR: "No CA may be trusted",
    Reason.CONNECTION_LOST: "The connection may have been lost",
    Reason.TIMEOUT: "The server may not have answered in time",
    Reason.REFUSED: "Nothing may listen on that port",
    Reason.NAME_NOT_RESOLVED: "The name may not be known",
}
