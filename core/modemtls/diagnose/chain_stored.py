"""What the modem's own content and clock tell, without a look at the server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..policy import Check
from ..stack import LeafAnchor, StackProfile
from .chain_dates import Times, date_faults
from .chain_keys import key_faults
from .chain_parts import Link, Pool, shown
from .chain_trust import TRUST
from .faults import Fault, Rank, surest
from .view import ServerView

__all__ = ["stored_faults", "unread_anchors"]

_SET_IT = "Set the modem's clock: modemtls clock --set now"
_NOTICEABLE = timedelta(hours=1)
_UNSET_FOR_CERTAIN = timedelta(days=400)
"""Longer than a certificate of the public web is valid."""


def unread_anchors(stored: Pool) -> list[Fault]:
    """Stored certificates that cannot be read."""
    severity = Severity.WARNING if stored.links else Severity.ERROR
    return [
        Fault(
            Finding(
                Reason.SLOT_UNREADABLE,
                severity,
                Certainty.DERIVED if unread.is_torn else Certainty.GUESSED,
                f"What is {unread.where} is not a certificate that can be read: {unread.why}.",
                f"Store the CA certificate anew: {TRUST}",
                (f"{unread.where}: {unread.size} bytes",),
            ),
            Rank.ANCHOR,
        )
        for unread in stored.unread[:4]
    ]


def stored_faults(
    view: ServerView, stored: Pool | None, times: Times, checks: frozenset[Check], stack: StackProfile
) -> list[Fault]:
    """What is wrong with stored certificates and the clock; then, as guesses, what only a view can tell apart."""
    faults: list[Fault] = []
    anchors = stored.links if stored is not None else ()
    if Check.DATES in checks:
        faults += _clock(times)
        named = {fault.finding.reason for fault in faults}
        faults += [
            fault for fault in date_faults((), anchors, times, stack) if fault.finding.reason not in named
        ]
    if Check.CHAIN in checks and anchors:
        faults += _no_ca(anchors, stack)
        faults += key_faults((), anchors, stack)
    if not any(fault.is_error for fault in faults):
        faults += _candidates(view, anchors, times, checks)
    return faults


def _clock(times: Times) -> list[Fault]:
    if times.clock is None:
        return []
    shown_clock = f"{times.clock.year:04}-{times.clock:%m-%d %H:%M} UTC"
    evidence = [f"modem's clock: {shown_clock}"]
    if times.now is not None:
        evidence.append(f"this computer's clock: {times.now:%Y-%m-%d %H:%M} UTC")
    off = times.off
    if not times.is_set:
        past = off is None or abs(off) > _UNSET_FOR_CERTAIN
        finding = Finding(
            Reason.CLOCK_UNSET,
            Severity.ERROR,
            Certainty.DERIVED if past else Certainty.GUESSED,
            f"The modem's clock is not set: it says {shown_clock}, when no certificate of today was valid."
            if past
            else f"The modem's clock is not set: it says {shown_clock}.",
            _SET_IT,
            tuple(evidence),
        )
    elif off is not None and abs(off) > _NOTICEABLE:
        finding = Finding(
            Reason.CLOCK_WRONG,
            Severity.ERROR,
            Certainty.DERIVED if abs(off) > _UNSET_FOR_CERTAIN else Certainty.GUESSED,
            f"The modem's clock says {shown_clock}, which is not the time: a certificate that was issued or renewed "
            "lately is not valid by it.",
            _SET_IT,
            tuple(evidence),
        )
    else:
        return []
    return [Fault(finding, Rank.CLOCK)]


def _no_ca(anchors: Sequence[Link], stack: StackProfile) -> list[Fault]:
    if any(anchor.record.is_ca and anchor.record.is_self_signed for anchor in anchors):
        return []
    first = anchors[0]
    evidence = tuple(anchor.digest for anchor in anchors[:4])
    if not any(anchor.record.is_ca for anchor in anchors):
        trait = stack.leaf_as_anchor
        alone = all(anchor.record.is_self_signed for anchor in anchors)
        works = trait.value is LeafAnchor.ACCEPTED or (alone and trait.value is LeafAnchor.SELF_SIGNED)
        return [
            Fault(
                Finding(
                    Reason.LEAF_AS_ANCHOR,
                    Severity.WARNING if works else Severity.ERROR,
                    Certainty.GUESSED if works else surest(trait),
                    f"What the modem trusts ({first.name}) is no CA certificate: it vouches for no other, and works at "
                    "most for the one server whose own certificate it is.",
                    f"Store the CA that issued the server's certificate: {TRUST}",
                    evidence,
                    trait.source,
                ),
                Rank.ANCHOR,
            )
        ]
    trait_partial = stack.intermediate_as_anchor
    if trait_partial.value:
        return []
    return [
        Fault(
            Finding(
                Reason.UNKNOWN_ISSUER,
                Severity.ERROR if trait_partial.is_known else Severity.WARNING,
                surest(trait_partial),
                f"What the modem trusts ({first.name}) is an intermediate and no root; many stacks want the root.",
                f"Store the root {first.issuer_name} beside it: modemtls cert trust --add FILE",
                evidence,
                trait_partial.source,
            ),
            Rank.TRUST,
        )
    ]


def _candidates(
    view: ServerView, anchors: Sequence[Link], times: Times, checks: frozenset[Check]
) -> list[Fault]:
    """What is left, and cannot be told apart without the server's certificates."""
    look = "Look at the server's certificates: modemtls diagnose URL --from-host"
    host = shown(view.host, 80) or "the host"
    trusted = ", ".join(anchor.name for anchor in anchors[:3])
    rows: list[tuple[Check, Reason, str]] = [
        (
            Check.CHAIN,
            Reason.UNKNOWN_ISSUER,
            f"The server may be certified by another CA than those trusted: {trusted}.",
        )
        if trusted
        else (
            Check.CHAIN,
            Reason.UNKNOWN_ISSUER,
            "The server may be certified by a CA that the modem does not trust.",
        ),
        (Check.CHAIN, Reason.MISSING_INTERMEDIATE, "The server may not send its intermediate certificates."),
        (Check.HOSTNAME, Reason.HOSTNAME_MISMATCH, f"The server's certificate may not be for {host}."),
        (Check.DATES, Reason.EXPIRED, "The server's certificate may have expired."),
    ]
    if times.clock is None and Check.DATES in checks:
        rows.insert(
            0, (Check.DATES, Reason.CLOCK_UNSET, "The modem's clock may not be set; it was not read.")
        )
    return [
        Fault(
            Finding(reason, Severity.WARNING, Certainty.GUESSED, message, look),
            Rank.ALTERNATIVE,
        )
        for check, reason, message in rows
        if check in checks
    ]
