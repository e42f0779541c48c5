"""From what the steps found to the cause: the order of likelihood, and which error it is.

An attempt that succeeds outweighs everything: what was found is then a remark.  Of one that fails, the error's own
reasons say where to look.  What was checked comes before what merely fits the code, and a finding that fits the code
before one that does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import (
    Certainty,
    CertificateError,
    CredentialError,
    HttpError,
    ModemError,
    NetworkError,
    Reason,
    TlsError,
    Unsupported,
)
from ..findings import Finding, Severity
from .result import DiagnosisStep, State, findings_of_error, guess

if TYPE_CHECKING:
    from .walk import Knowledge

__all__ = ["conclude"]

_SURE = {Certainty.STATED: 0, Certainty.DERIVED: 0, Certainty.GUESSED: 1}
_DATES = frozenset({Reason.NOT_YET_VALID, Reason.EXPIRED, Reason.CLOCK_UNSET, Reason.CLOCK_WRONG})
_ISSUER = frozenset(
    {Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE, Reason.SELF_SIGNED, Reason.LEAF_AS_ANCHOR,
     Reason.BAD_SIGNATURE, Reason.NO_TRUST_ANCHOR, Reason.SLOT_UNREADABLE}
)  # fmt: skip
_OF_CERTIFICATE = _DATES | _ISSUER | frozenset(
    {Reason.HOSTNAME_MISMATCH, Reason.REVOKED, Reason.WRONG_USAGE, Reason.NAME_CONSTRAINTS, Reason.CHAIN_ORDER,
     Reason.CHAIN_TOO_LONG, Reason.WEAK_OR_UNSUPPORTED_KEY, Reason.UNSUPPORTED_HASH}
)  # fmt: skip
_JUDGED = _DATES | _ISSUER | {Reason.HOSTNAME_MISMATCH}
_OF_NETWORK = frozenset({Reason.NAME_NOT_RESOLVED, Reason.REFUSED})


def conclude(
    known: Knowledge, steps: Sequence[DiagnosisStep]
) -> tuple[tuple[Finding, ...], ModemError | None]:
    """The findings, most likely cause first, and the error that the failure is; ``None`` when nothing failed."""
    found = [
        finding for step in steps if step.name != "attempt" for finding in step.findings
        if step.state is not State.SKIPPED or finding.severity is not Severity.NOTE
    ]  # fmt: skip
    ruled_out = _ruled_out(known)
    found = [f for f in found if f.certainty is not Certainty.GUESSED or f.reason not in ruled_out]
    if known.attempted and known.attempt is None:
        return _remarks(found), None
    if known.attempt is not None:
        return _causes(known.attempt, known, found)
    if known.trouble is not None:
        error = known.trouble
        first = findings_of_error(error)
        rest = [each for each in found if each not in first and not _is_mere_candidate(each)]
        return tuple(dict.fromkeys((*first, *_ordered(rest, frozenset())))), error
    ordered = _ordered(found, frozenset())
    # Without an attempt nothing has succeeded: a likely cause is not "all is well", however sure it is.
    cause = next((finding for finding in ordered if finding.severity is Severity.ERROR), None)
    return ordered, None if cause is None else _error_of(cause, known)


def _remarks(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """What was found beside an attempt that succeeded: it was not in the way."""
    return tuple(
        dict.fromkeys(
            replace(
                finding,
                severity=max(finding.severity, Severity.WARNING if _weakens(finding) else Severity.NOTE),
            )
            for finding in found
            if finding.certainty is not Certainty.GUESSED or finding.severity is Severity.ERROR
        )
    )


def _weakens(finding: Finding) -> bool:
    return finding.reason in (Reason.PROFILE_ILLEGAL, Reason.NO_TRUST_ANCHOR)


def _causes(
    error: ModemError, known: Knowledge, found: Sequence[Finding]
) -> tuple[tuple[Finding, ...], ModemError]:
    own = findings_of_error(error)
    ruled_out = _ruled_out(known)
    own = tuple(each for each in own if each.reason not in ruled_out) or own
    masked = known.reached is True and _is_about_the_end(error) and _may_be_of_tls(error, known)
    if not isinstance(error, TlsError) and not masked:
        # What fails before TLS, or beside it, says so itself.
        same = [f for f in found if f.reason in error.reasons and f.severity is Severity.ERROR]
        rest = [f for f in found if f not in same and not _is_mere_candidate(f)]
        told = {each.reason for each in same}
        unique = [f for f in own if f.reason not in told or f.certainty is Certainty.STATED]
        # Two networks that fail alike say more than a code with several meanings.
        elsewhere = known.look.reason if known.look is not None else None
        first = sorted((*unique, *same), key=lambda f: (_SURE[f.certainty], f.reason is not elsewhere))
        return tuple(dict.fromkeys((*first, *_ordered(rest, error.reasons)))), error
    reasons = error.reasons - {Reason.HANDSHAKE_FAILED}
    near = _near(reasons - ruled_out) if not masked else frozenset()
    named = {finding.reason for finding in found if finding.severity is not Severity.NOTE}
    says_one = len(reasons) == 1 and not masked and own[0].certainty is not Certainty.GUESSED
    sure = [f for f in found if f.severity is Severity.ERROR and f.certainty is not Certainty.GUESSED]
    if says_one and not any(f.reason in near for f in sure):
        ordered = (*own, *_ordered(found, near))
    elif sure:
        ordered = _ordered(found, near)
    else:
        # What was seen of this server comes before what merely fits the code.
        seen = [each for each in found if each.severity is not Severity.NOTE]
        rest = [each for each in found if each.severity is Severity.NOTE]
        ordered = (*_ordered(seen, near), *_ordered(_candidates(error, known, named), near), *rest)
    if not any(finding.severity is not Severity.NOTE for finding in ordered):
        ordered = (*(replace(each, certainty=Certainty.GUESSED) for each in own), *ordered)
    ordered = tuple(dict.fromkeys(ordered))
    cause = next((f for f in ordered if f.severity is not Severity.NOTE), None)
    return ordered, error if cause is None else _narrowed(error, cause)


_BEYOND = (
    Reason.UNSUPPORTED_VERSION, Reason.NO_COMMON_CIPHER, Reason.CLIENT_CERTIFICATE_MISSING,
    Reason.WEAK_OR_UNSUPPORTED_KEY, Reason.NOT_TLS,
)  # fmt: skip
"""What no look at stored certificates can show, where a modem has one code for all that fails in TLS."""


def _ruled_out(known: Knowledge) -> set[Reason]:
    """What was looked at and is in order, so that no code with several meanings can mean it."""
    out = set()
    if known.network_up:
        out |= {Reason.NO_PDP_CONTEXT, Reason.NOT_REGISTERED, Reason.REGISTRATION_DENIED, Reason.RADIO_OFF}
    profile = known.profile
    if profile is not None and profile.ca_slot in {entry.slot for entry in known.listing}:
        out |= {Reason.SLOT_EMPTY, Reason.NO_TRUST_ANCHOR}
    if profile is not None and profile.checks is not None and not profile.problems:
        out.add(Reason.PROFILE_ILLEGAL)
    if known.judged:
        out.add(Reason.SLOT_UNREADABLE)
    versions = known.look.view.versions if known.look is not None else None
    low, high = known.stack.minimum_version.value, known.stack.maximum_version.value
    if versions is not None and any(low <= version <= high for version in versions):
        out.add(Reason.UNSUPPORTED_VERSION)
    return out


def _candidates(error: ModemError, known: Knowledge, named: set[Reason]) -> list[Finding]:
    """What the code leaves open, and nothing has named yet; all of it guessed."""
    reasons = sorted(error.reasons - {Reason.HANDSHAKE_FAILED} - _ruled_out(known), key=list(Reason).index)
    seen = known.look is not None and bool(known.look.view.chain)
    if not reasons or error.reasons & {Reason.CONNECTION_LOST, Reason.TIMEOUT}:
        shown = known.look is not None and known.look.first.is_complete
        reasons += [reason for reason in _BEYOND if not (shown and reason is Reason.NOT_TLS)]
    if seen and known.judged:
        reasons = [reason for reason in reasons if reason not in _JUDGED]
    evidence = (*((f"code: {error.code}",) if error.code is not None else ()), *error.lines[:4])
    return [
        replace(guess(reason, error.remedy), severity=Severity.WARNING, evidence=evidence)
        for reason in dict.fromkeys(reasons)
        if reason not in named
    ]


def _is_mere_candidate(finding: Finding) -> bool:
    """A guess about a handshake, which did not come to pass."""
    return finding.certainty is Certainty.GUESSED and finding.severity is Severity.WARNING


def _may_be_of_tls(error: ModemError, known: Knowledge) -> bool:
    """From TLS 1.3 on a server may complete the handshake, and end it all when no certificate follows."""
    asks = known.look is not None and bool(known.look.first.wants_certificate)
    return isinstance(error, NetworkError) or (asks and isinstance(error, HttpError))


def _is_about_the_end(error: ModemError) -> bool:
    return not error.reasons or bool(error.reasons & {Reason.CONNECTION_LOST, Reason.TIMEOUT})


def _near(reasons: frozenset[Reason]) -> frozenset[Reason]:
    """The reasons of an error, and those that a stack gives the same code."""
    near = set(reasons)
    for family in (_DATES, _ISSUER):
        if reasons & family:
            near |= family
    if near & _ISSUER:
        near.add(Reason.SNI_NEEDED)  # without the name a server may show another certificate
    return frozenset(near)


def _ordered(found: Sequence[Finding], near: frozenset[Reason]) -> tuple[Finding, ...]:
    """By severity, then how sure, then whether it fits the code; equals keep the order in which they were found."""
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda f: (f.severity, _SURE[f.certainty], bool(near) and f.reason not in near),
        )
    )


def _narrowed(error: ModemError, cause: Finding) -> ModemError:
    """The error as the class that the cause makes it, when that is more than a guess."""
    if cause.certainty is Certainty.GUESSED or not isinstance(error, TlsError):
        return error
    if cause.reason in _OF_CERTIFICATE and type(error) is TlsError:
        return _rebuilt(CertificateError, error, cause)
    return _rebuilt(type(error), error, cause)


def _rebuilt(kind: type[ModemError], error: ModemError, cause: Finding) -> ModemError:
    message = error.message if cause.message in error.message else f"{error.message} {cause.message}"
    return kind(
        message, remedy=cause.remedy, reasons={cause.reason}, certainty=Certainty.DERIVED, model=error.model,
        command=error.command, code=error.code, lines=error.lines, findings=(cause,),
    )  # fmt: skip


def _error_of(finding: Finding, known: Knowledge) -> ModemError:
    """The error that an attempt would end with."""
    kind: type[ModemError] = TlsError
    if finding.reason in _OF_NETWORK:
        kind = NetworkError
    elif finding.reason in (Reason.SLOT_EMPTY, Reason.NO_TRUST_ANCHOR, Reason.DAMAGED_IN_STORE):
        kind = CredentialError
    elif finding.reason in _OF_CERTIFICATE:
        kind = CertificateError
    elif finding.reason is Reason.NOT_SUPPORTED:
        kind = Unsupported
    elif finding.reason is Reason.MALFORMED_RESPONSE:
        kind = HttpError
    return kind(
        finding.message, remedy=finding.remedy, reasons={finding.reason}, certainty=finding.certainty,
        findings=(finding,),
    )  # fmt: skip
