"""The cheap part of a diagnosis: what the modem itself can tell after TLS has failed.

Three questions and no network use: is the security profile legal, is its CA slot filled, does the clock make
the stored CA valid?  What this computer knows of the stored certificates is judged besides.  What they show goes
onto the error, with the certainty that it has; where they show nothing, what the code leaves open is a guess.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..driver import Driver
from ..errors import Certainty, CertificateError, ModemError, Reason
from ..findings import Finding, Severity
from ..log import happened
from ..model import ClockReading, CredentialKind, StoredCredential, StoredProfile
from ..policy import Check

if TYPE_CHECKING:
    from ..journal import Journal

__all__ = ["explain", "profile_findings"]

_BY_CLOCK = frozenset({Reason.CLOCK_UNSET, Reason.CLOCK_WRONG, Reason.NOT_YET_VALID, Reason.EXPIRED})
Describe = Callable[[Sequence[StoredCredential]], Sequence[StoredCredential]]


async def explain(
    driver: Driver,
    error: ModemError,
    number: int,
    describe: Describe | None = None,
    journal: Journal | None = None,
    host: str = "",
) -> ModemError:
    """``error`` with what the modem tells about its cause; the same error when it tells nothing.

    ``describe`` adds to the modem's listing what is known of the slots besides; ``journal`` what certificates this
    computer wrote.  The modem is asked for profiles, listing and clock, once each.
    """
    try:
        profiles = await driver.read_profiles()
        profile = next((p for p in profiles if p.number == number), None)
        stored: Sequence[StoredCredential] = await driver.list_credentials()
        clock = await driver.read_clock()
    except ModemError as trouble:
        happened("the failure could not be looked into", level=logging.INFO, because=str(trouble))
        return error
    if describe is not None:
        stored = describe(stored)
    findings = profile_findings(driver, profile, stored)
    verifies_dates = profile is not None and (profile.checks is None or Check.DATES in profile.checks)
    if verifies_dates and not any(finding.severity is Severity.ERROR for finding in findings):
        findings += clock_findings(clock, profile, stored)
    if journal is not None and profile is not None and not any(map(_is_cause, findings)):
        findings += _judged(driver, profile, stored, clock, journal, host)
    return _with(error, [*findings, *_coded(error, findings)])


def _coded(error: ModemError, findings: Sequence[Finding]) -> list[Finding]:
    """What the vendor's code itself says of the cause, where nothing else has named it."""
    from .result import findings_of_error

    named = {finding.reason for finding in findings}
    return [
        replace(finding, severity=Severity.WARNING)
        for finding in findings_of_error(error)
        if error.code is not None and finding.reason not in (*named, Reason.HANDSHAKE_FAILED)
    ]


def _is_cause(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR


def _judged(
    driver: Driver,
    profile: StoredProfile,
    stored: Sequence[StoredCredential],
    clock: ClockReading,
    journal: Journal,
    host: str,
) -> list[Finding]:
    """What the certificates in the CA slot and the clock show, and the causes that only a look can tell apart."""
    from .chain import judge_without_view
    from .holdings import holdings
    from .stack_limits import limited_by

    if profile.checks is not None and not profile.checks:
        return []
    held = holdings(driver, journal, profile.ca_slot, stored)
    stack = limited_by(driver.resolved.stack, driver.resolved.limits)
    checks = frozenset(Check) if profile.checks is None else profile.checks
    judged = judge_without_view(
        held.anchors, clock=clock, now=datetime.now(UTC), checks=checks, stack=stack, host=host
    )
    return [*held.findings, *judged.findings]


def profile_findings(
    driver: Driver, profile: StoredProfile | None, stored: Sequence[StoredCredential]
) -> list[Finding]:
    """What is wrong with a security profile and the slots that it names."""
    if profile is None:
        return []
    findings = list(profile.problems)
    space = driver.namespace(CredentialKind.CA)
    filled = {entry.slot for entry in stored if driver.namespace(entry.kind) == space}
    for slot, what, cure in (
        (profile.ca_slot, "CA", "modemtls cert trust FILE"),
        (profile.client_slot, "client certificate", "modemtls request … --cert FILE --key FILE"),
    ):
        if slot is not None and slot not in filled:
            findings.append(
                Finding(
                    Reason.SLOT_EMPTY,
                    Severity.ERROR,
                    Certainty.DERIVED,
                    f"Security profile {profile.number} names slot {slot} for its {what}; that slot is empty.",
                    f"Store it: {cure}",
                    evidence=(f"slot {slot}: not listed",),
                )
            )
        elif slot is not None and any(entry.slot == slot and entry.is_damaged for entry in stored):
            findings.append(
                Finding(
                    Reason.DAMAGED_IN_STORE,
                    Severity.ERROR,
                    Certainty.STATED,
                    f"Security profile {profile.number} names slot {slot} for its {what}; the modem says that its"
                    " content is damaged.",
                    f"Remove it and store it again: {cure}",
                    evidence=(f"slot {slot}: damaged",),
                )
            )
    return sorted(findings, key=lambda finding: finding.severity)


def clock_findings(
    clock: ClockReading, profile: StoredProfile | None, stored: Sequence[StoredCredential]
) -> list[Finding]:
    """What the modem's clock does to the dates of the CA."""
    shown = f"{clock.time:%Y-%m-%d %H:%M} UTC"
    remedy = "Set it: modemtls clock --set now"
    findings = []
    anchor = next((s for s in stored if profile is not None and s.slot == profile.ca_slot), None)
    begins = anchor.not_before if anchor is not None else None
    early = begins is not None and clock.time < begins
    if not clock.is_set:
        findings.append(
            Finding(
                Reason.CLOCK_UNSET,
                Severity.ERROR,
                Certainty.DERIVED,
                f"The modem's clock is not set: it says {shown}, when no certificate of today was valid"
                + (f", nor the CA that is trusted, which is from {begins:%Y-%m-%d}." if early else "."),
                remedy,
                evidence=(
                    f"clock: {shown}",
                    *(
                        (f"slot {anchor.slot}: from {begins:%Y-%m-%d}",)
                        if anchor is not None and early
                        else ()
                    ),
                ),
            )
        )
    if anchor is not None:
        late = anchor.not_after is not None and clock.time > anchor.not_after
        if (early and clock.is_set) or late:
            which = "not yet" if early else "no longer"
            bound = anchor.not_before if early else anchor.not_after
            findings.append(
                Finding(
                    Reason.NOT_YET_VALID if early else Reason.EXPIRED,
                    Severity.ERROR,
                    Certainty.DERIVED,
                    f"The CA in slot {anchor.slot} is {which} valid by the modem's clock, {shown}.",
                    f"{remedy}; if the clock is right, trust another CA.",
                    evidence=(
                        f"clock: {shown}",
                        f"slot {anchor.slot}: {'from' if early else 'until'} {bound:%Y-%m-%d}",
                    ),
                )
            )
    return findings


def _with(error: ModemError, findings: Sequence[Finding]) -> ModemError:
    error.findings = tuple(findings)
    causes = [finding for finding in findings if finding.severity is Severity.ERROR]
    sure = [finding for finding in causes if finding.certainty is not Certainty.GUESSED]
    if not sure:
        return _with_guesses(error, causes, findings)
    first = sure[0]
    reasons = {finding.reason for finding in sure}
    by_clock = first.reason in _BY_CLOCK
    kind: type[ModemError] = type(error)
    if by_clock:
        kind = CertificateError
        reasons |= {Reason.NOT_YET_VALID} if first.reason is Reason.CLOCK_UNSET else set()
    explained = kind(
        f"{error.message} {' '.join(finding.message for finding in sure)}",
        remedy=first.remedy,
        reasons=reasons,
        # A manual may state that a value is illegal; that it caused this failure follows from a check.
        certainty=Certainty.DERIVED,
        model=error.model,
        command=error.command,
        code=error.code,
        lines=error.lines,
        findings=findings,
    )
    if isinstance(explained, CertificateError) and reasons & {Reason.NOT_YET_VALID, Reason.EXPIRED}:
        expired = Reason.EXPIRED in reasons and Reason.NOT_YET_VALID not in reasons
        explained.verify_code = 10 if expired else 9
        explained.verify_message = "certificate has expired" if expired else "certificate is not yet valid"
    return explained


def _with_guesses(error: ModemError, causes: Sequence[Finding], findings: Sequence[Finding]) -> ModemError:
    """The error of a code that leaves everything open, with the likeliest causes as what they are: guesses.

    A code that says more keeps its own words.  Reasons and certainty of the error stay those of the code.
    """
    likely = list(causes) or [finding for finding in findings if finding.severity is Severity.WARNING]
    if error.reasons - {Reason.HANDSHAKE_FAILED}:
        near = error.reasons | (_BY_CLOCK if error.reasons & _BY_CLOCK else set())
        likely = [finding for finding in causes if finding.reason in near]
    if not likely:
        return error
    words = " ".join(dict.fromkeys(finding.message for finding in likely[:3]))
    explained = type(error)(
        f"{error.message} Most likely, and not confirmed: {words}",
        remedy=likely[0].remedy or error.remedy,
        reasons=error.reasons,
        certainty=error.certainty,
        model=error.model,
        command=error.command,
        code=error.code,
        lines=error.lines,
        findings=findings,
    )
    if isinstance(error, CertificateError) and isinstance(explained, CertificateError):
        explained.verify_code, explained.verify_message = error.verify_code, error.verify_message
    return explained
