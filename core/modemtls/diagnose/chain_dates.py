"""What the modem's clock does to the dates of a chain, and whether the clock or the certificate is wrong.

A certificate that is out of date by the modem's clock and in date by this computer's blames the clock;
one that is out of date by both blames itself.  Where the modem's clock is not known, this computer's
stands in for it and nothing is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..model import ClockReading
from ..stack import StackProfile, Trait
from .chain_parts import Link
from .faults import Fault, Rank

__all__ = ["Times", "date_faults", "times_of"]

_SOURCE = "RFC 5280 section 6.1.3(a)(2)"
_SET_IT = "Set the modem's clock: modemtls clock --set now"
_SMALL = timedelta(minutes=10)
_SOON = timedelta(days=14)


@dataclass(frozen=True)
class Times:
    """The modem's clock and the right time, aware; ``None`` where they are not known."""

    clock: datetime | None
    is_set: bool
    now: datetime | None

    @property
    def judged(self) -> datetime | None:
        """The time at which the modem judges, as far as anybody knows."""
        return self.clock if self.clock is not None else self.now

    @property
    def off(self) -> timedelta | None:
        """How far the clock is ahead of the right time."""
        return self.clock - self.now if self.clock is not None and self.now is not None else None


def times_of(clock: ClockReading | None, now: datetime | None) -> Times:
    """The times of a judgement, in UTC.

    :raises ValueError: a time has no time zone.
    """
    for time in (clock.time if clock is not None else None, now):
        if time is not None and time.tzinfo is None:
            raise ValueError("a time of a judgement is aware, e.g. datetime.now(UTC)")
    return Times(
        clock.time.astimezone(UTC) if clock is not None else None,
        clock is None or clock.is_set,
        now.astimezone(UTC) if now is not None else None,
    )


def _at(time: datetime) -> str:
    return f"{time.year:04}-{time:%m-%d %H:%M}"


def _early(links: Iterable[Link], time: datetime) -> list[Link]:
    return [link for link in links if time < link.record.not_before]


def _late(links: Iterable[Link], time: datetime) -> list[Link]:
    return [link for link in links if time > link.record.not_after]


def _evidence(times: Times, links: Sequence[Link]) -> tuple[str, ...]:
    lines = []
    if times.clock is not None:
        lines.append(f"modem's clock: {_at(times.clock)} UTC" + ("" if times.is_set else " (not set)"))
    if times.now is not None:
        lines.append(f"this computer's clock: {_at(times.now)} UTC")
    lines += [
        f"{link.where}: {link.name}, valid {_at(link.record.not_before)} to {_at(link.record.not_after)} UTC"
        for link in links[:4]
    ]
    return tuple(lines)


def _span(gap: timedelta) -> str:
    gap = abs(gap)
    if gap >= timedelta(days=2):
        return f"{gap.days} days"
    return (
        f"{gap / timedelta(hours=1):.0f} hours"
        if gap >= timedelta(hours=2)
        else f"{gap.seconds // 60} minutes"
    )


def date_faults(
    links: Sequence[Link], anchors: Sequence[Link], times: Times, stack: StackProfile
) -> list[Fault]:
    """What is wrong with dates and clock, for the certificates of a path (``anchors`` is its end)."""
    if not stack.checks_dates.value and stack.checks_dates.is_known:
        return []
    if times.judged is None:
        return [_unknown_time()]
    faults = _dates(links, times, stack.checks_dates)
    if stack.checks_anchor_dates.value or not stack.checks_anchor_dates.is_known:
        seen = {fault.finding.reason for fault in faults if fault.is_error}
        faults += [
            fault
            for fault in _dates(anchors, times, stack.checks_anchor_dates, is_anchor=True)
            if fault.finding.reason not in seen
        ]
    if not any(fault.is_error for fault in faults):
        faults += _clock_remarks(times)
        faults += _soon([*links, *anchors], times)
    return faults


def _unknown_time() -> Fault:
    return Fault(
        Finding(
            Reason.CLOCK_UNSET,
            Severity.WARNING,
            Certainty.GUESSED,
            "Neither the modem's clock nor the right time is known, so no date was judged.",
            "Read the modem's clock: modemtls clock",
        ),
        Rank.CLOCK,
    )


def _dates(
    links: Sequence[Link], times: Times, trait: Trait[bool], *, is_anchor: bool = False
) -> list[Fault]:
    judged = times.judged
    assert judged is not None
    early, late = _early(links, judged), _late(links, judged)
    faults: list[Fault] = []
    wrong = [*early, *late]
    if wrong and times.clock is not None:
        faults += _blame_of_clock(wrong, times)
    if early:
        faults.append(_out_of_date(Reason.NOT_YET_VALID, early, times, trait, is_anchor=is_anchor))
    if late:
        faults.append(_out_of_date(Reason.EXPIRED, late, times, trait, is_anchor=is_anchor))
    if times.clock is not None and times.now is not None:
        faults += _later(links, times, wrong)
    return faults


def _certainty(times: Times, trait: Trait[bool], *, is_anchor: bool) -> Certainty:
    # A modem whose clock nobody read may have any time; and not all stacks look at a root's dates.
    if times.clock is None or (is_anchor and not trait.is_known) or not trait.value:
        return Certainty.GUESSED
    return Certainty.DERIVED


def _out_of_date(
    reason: Reason, links: Sequence[Link], times: Times, trait: Trait[bool], *, is_anchor: bool
) -> Fault:
    judged, first = times.judged, links[0]
    assert judged is not None
    bound = first.record.not_before if reason is Reason.NOT_YET_VALID else first.record.not_after
    what = "The stored CA" if is_anchor else "The server's certificate"
    if not is_anchor and first.position not in (0, None):
        what = "A CA certificate of the server's chain"
    whose = "by the modem's clock" if times.clock is not None else "by this computer's clock"
    if reason is Reason.NOT_YET_VALID:
        message = f"{what} ({first.name}) is not valid before {_at(bound)} UTC; {whose} it is {_at(judged)}."
    else:
        message = f"{what} ({first.name}) expired on {_at(bound)} UTC; {whose} it is {_at(judged)}."
    right = times.now is not None and not _early(links, times.now) and not _late(links, times.now)
    if right and times.clock is not None:
        remedy = _SET_IT
    elif is_anchor:
        remedy = "Store the CA's current certificate: modemtls cert trust FILE"
    elif reason is Reason.EXPIRED:
        remedy = "Have the server's owner renew it; if the clock is wrong, set it: modemtls clock --set now"
    else:
        remedy = "If the clock is right, wait, or have one issued whose time has begun; else: modemtls clock --set now"
    return Fault(
        Finding(
            reason,
            Severity.ERROR if trait.value else Severity.WARNING,
            _certainty(times, trait, is_anchor=is_anchor),
            message,
            remedy,
            evidence=_evidence(times, links),
            source=_SOURCE,
        ),
        Rank.DATES,
        universal=not is_anchor,
    )


def _blame_of_clock(wrong: Sequence[Link], times: Times) -> list[Fault]:
    assert times.clock is not None
    evidence = _evidence(times, wrong)
    if not times.is_set:
        return [
            Fault(
                Finding(
                    Reason.CLOCK_UNSET,
                    Severity.ERROR,
                    Certainty.DERIVED,
                    f"The modem's clock is not set: it says {_at(times.clock)} UTC, when "
                    f"{wrong[0].name} was not valid.",
                    _SET_IT,
                    evidence,
                    _SOURCE,
                ),
                Rank.CLOCK,
            )
        ]
    off = times.off
    if off is None:
        return [
            Fault(
                Finding(
                    Reason.CLOCK_WRONG,
                    Severity.WARNING,
                    Certainty.GUESSED,
                    f"If the modem's clock ({_at(times.clock)} UTC) is wrong, that alone makes certificates "
                    "invalid.",
                    _SET_IT,
                    evidence,
                ),
                Rank.ALTERNATIVE,
            )
        ]
    assert times.now is not None
    if abs(off) <= _SMALL and (_early(wrong, times.now) or _late(wrong, times.now)):
        return []
    to_blame = [link for link in wrong if link.record.not_before <= times.now <= link.record.not_after]
    way = "ahead of" if off > timedelta(0) else "behind"
    return [
        Fault(
            Finding(
                Reason.CLOCK_WRONG,
                Severity.ERROR if to_blame else Severity.WARNING,
                Certainty.DERIVED,
                f"The modem's clock is {_span(off)} {way} this computer's"
                + (f", so that {to_blame[0].name} is not valid by it." if to_blame else "."),
                _SET_IT,
                evidence,
                _SOURCE,
            ),
            Rank.CLOCK,
        )
    ]


def _later(links: Sequence[Link], times: Times, wrong: Sequence[Link]) -> list[Fault]:
    """What is out of date by the right time, and would still be so once the clock is right."""
    assert times.now is not None
    late = [
        link
        for link in _late(links, times.now)
        if times.clock is None or times.clock <= link.record.not_after
    ]
    if not late:
        return []
    return [
        Fault(
            Finding(
                Reason.EXPIRED,
                Severity.WARNING,
                Certainty.DERIVED,
                f"{late[0].name} expired on {_at(late[0].record.not_after)} UTC: once the modem's clock is right, "
                "it is refused for that.",
                "Have it renewed.",
                _evidence(times, late),
                _SOURCE,
            ),
            Rank.DATES,
        )
    ]


def _clock_remarks(times: Times) -> list[Fault]:
    off = times.off
    if times.clock is not None and not times.is_set:
        reason, message = (
            Reason.CLOCK_UNSET,
            f"The modem's clock is not set; that it says {_at(times.clock)} UTC suits these certificates by chance.",
        )
    elif off is not None and abs(off) > _SMALL:
        reason = Reason.CLOCK_WRONG
        message = (
            f"The modem's clock differs by {_span(off)} from this computer's; these certificates bear it."
        )
    else:
        return []
    finding = Finding(reason, Severity.WARNING, Certainty.DERIVED, message, _SET_IT, _evidence(times, ()))
    return [Fault(finding, Rank.REMARK)]


def _soon(links: Sequence[Link], times: Times) -> list[Fault]:
    now = times.now if times.now is not None else times.clock
    if now is None:
        return []
    first = min(links, key=lambda link: link.record.not_after, default=None)
    if first is None or not now <= first.record.not_after <= now + _SOON:
        return []
    return [
        Fault(
            Finding(
                Reason.EXPIRED,
                Severity.NOTE,
                Certainty.DERIVED,
                f"{first.name} expires in {_span(first.record.not_after - now)}.",
                "Have it renewed in time.",
                _evidence(times, [first]),
            ),
            Rank.REMARK,
        )
    ]
