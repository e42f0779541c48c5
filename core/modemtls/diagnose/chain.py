"""Why a modem refuses a server's certificates: the causes in order, most likely first, each as sure as it is.

Two verifiers judge, and they are not ours: cryptography's gives the verdict, OpenSSL's a reason code.
The explanation is ours: a search for paths, and checks of dates, names, usage and keys against what the
modem trusts, its clock and its TLS stack.  Where explanation and verdict differ, nothing is certain: a
fault that a verifier does not see becomes a guess, and a refusal that nothing explains is a finding too.
All is said to be fine only when every check passed and both verifiers accept.  Bounded in time and memory.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..credentials import Certificate
from ..findings import Finding, Severity
from ..model import ClockReading
from ..policy import Check
from ..stack import StackProfile
from .chain_alert import alert_fault, stated_by
from .chain_dates import Times, date_faults, times_of
from .chain_keys import key_faults, size_faults, version_faults
from .chain_names import name_faults
from .chain_parts import Link, read_anchors, read_chain
from .chain_paths import Allowance, Path, search
from .chain_refusal import compare_with_answers
from .chain_route import followed, route_faults
from .chain_sent import sent_faults, server_leaf, sni_faults
from .chain_stored import stored_faults, unread_anchors
from .chain_trust import Scene, no_anchor, trust_faults
from .chain_usage import constraint_faults, usage_faults
from .chain_verdicts import Answer, ask_cryptography, ask_openssl, subject_of
from .faults import Fault, as_guess, in_order
from .view import Anchor, ServerView

__all__ = ["Judgement", "Verdict", "examine", "judge", "judge_without_view"]

ALL_CHECKS = frozenset(Check)
_COMPARED_PATHS = 8


class Verdict(enum.Enum):
    """What a judgement comes to."""

    FINE = "fine"
    """Every check passed and both verifiers accept."""
    REFUSED = "refused"
    """At least one finding is enough to make the handshake fail."""
    UNCERTAIN = "uncertain"
    """Nothing is found that must fail, and not all of it could be checked, or the verifiers differ."""


@dataclass(frozen=True)
class Judgement:
    """What was found: ``findings`` in order, ``path`` from the server's certificate to the anchor if there is one.

    ``answers`` are what the two verifiers said, for the evidence.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    path: tuple[Certificate, ...] = ()
    answers: tuple[Answer, ...] = ()

    @property
    def cause(self) -> Finding | None:
        """The most likely cause of a failure; ``None`` when everything is fine."""
        return next((f for f in self.findings if f.severity is not Severity.NOTE), None)


def judge(
    view: ServerView,
    anchors: Sequence[Anchor] | None,
    *,
    clock: ClockReading | None = None,
    now: datetime | None = None,
    checks: frozenset[Check] = ALL_CHECKS,
    stack: StackProfile | None = None,
    elsewhere: Sequence[Anchor] = (),
) -> tuple[Finding, ...]:
    """The findings of :func:`examine`, most likely cause first."""
    return examine(
        view, anchors, clock=clock, now=now, checks=checks, stack=stack, elsewhere=elsewhere
    ).findings


def examine(
    view: ServerView,
    anchors: Sequence[Anchor] | None,
    *,
    clock: ClockReading | None = None,
    now: datetime | None = None,
    checks: frozenset[Check] = ALL_CHECKS,
    stack: StackProfile | None = None,
    elsewhere: Sequence[Anchor] = (),
) -> Judgement:
    """What a modem makes of a server's certificates.

    ``anchors``: what the connection trusts; ``None`` when that is not known.  ``elsewhere``: certificates
    that are known and not trusted by it, such as those in other slots; they serve the explanation only.
    ``clock``: the modem's; ``now``: the right time; without either no date is judged.
    ``checks``: what the security profile makes the modem verify.  ``stack``: the model's, else what most do.

    :raises ValueError: a time has no time zone.
    """
    stack = StackProfile() if stack is None else stack
    times = times_of(clock, now)
    if not view.chain:
        return _unseen(view, anchors, times, checks, stack)
    shown_to_modem = view
    if not stack.sends_sni.value and view.chain_without_sni:
        shown_to_modem = replace(view, chain=view.chain_without_sni)
    sent = read_chain(shown_to_modem.chain)
    stored = read_anchors(anchors or ())
    leaf = server_leaf(sent)
    faults = [*sent_faults(sent, leaf), *size_faults(shown_to_modem, stack), *version_faults(view, stack)]
    faults += unread_anchors(stored)
    path: Path = ()
    answers: tuple[Answer, ...] = ()
    if leaf is None:
        faults += _dates((), stored.links, times, checks, stack)
    else:
        allowance = Allowance()
        scene = Scene(
            leaf, sent.links, stored.links, read_anchors(elsewhere).links, allowance, bool(stored.unread)
        )
        names = name_faults(view.host, leaf, stack) if Check.HOSTNAME in checks else []
        faults += names
        unnamed = sni_faults(view, stack, misnamed=bool(names))
        if Check.CHAIN in checks and anchors is not None:
            answers = _ask(scene, view, times, checks, stack)
            more, path = _chain_faults(scene, times, checks, stack, answers)
            faults += more
            faults = compare_with_answers(faults, answers, stack)
        else:
            faults += _dates((leaf,), (), times, checks, stack)
            faults += key_faults((leaf,), (), stack)
        if shown_to_modem is not view and shown_to_modem.chain != view.chain and not stack.sends_sni.is_known:
            faults = [replace(fault, finding=as_guess(fault.finding)) for fault in faults]
        faults += unnamed
    if view.alert is not None:
        faults.append(alert_fault(view.alert))
    certain = leaf is not None and anchors is not None and Check.CHAIN in checks and times.judged is not None
    return Judgement(
        _verdict(
            faults, answers, certain=certain and not (sent.left_out or stored.left_out or stored.unread)
        ),
        in_order(faults, stated_by(view.alert)),
        tuple(link.record for link in path),
        answers,
    )


def judge_without_view(
    anchors: Sequence[Anchor] | None,
    *,
    clock: ClockReading | None = None,
    now: datetime | None = None,
    checks: frozenset[Check] = ALL_CHECKS,
    stack: StackProfile | None = None,
    host: str = "",
) -> Judgement:
    """What can be said when the server's certificates were not seen: from the modem's content and clock alone.

    Causes that only a view can tell apart come last, all of them, as guesses.  The verdict is never FINE.

    :raises ValueError: a time has no time zone.
    """
    stack = StackProfile() if stack is None else stack
    return _unseen(ServerView(host), anchors, times_of(clock, now), checks, stack)


def _unseen(
    view: ServerView,
    anchors: Sequence[Anchor] | None,
    times: Times,
    checks: frozenset[Check],
    stack: StackProfile,
) -> Judgement:
    faults = [*version_faults(view, stack)]
    stored = read_anchors(anchors or ())
    if Check.CHAIN in checks and anchors is not None:
        if not stored.links and not stored.unread:
            faults.append(no_anchor())
        faults += unread_anchors(stored)
    faults += stored_faults(view, stored if anchors is not None else None, times, checks, stack)
    if view.alert is not None:
        faults.append(alert_fault(view.alert))
    return Judgement(_verdict(faults, (), certain=False), in_order(faults, stated_by(view.alert)))


def _verdict(faults: Sequence[Fault], answers: Sequence[Answer], *, certain: bool) -> Verdict:
    worst = min((fault.finding.severity for fault in faults), default=Severity.NOTE)
    if worst is Severity.ERROR:
        return Verdict.REFUSED
    both = len(answers) == 2 and all(answer.accepted for answer in answers)
    return Verdict.FINE if certain and both and worst is Severity.NOTE else Verdict.UNCERTAIN


def _ask(
    scene: Scene, view: ServerView, times: Times, checks: frozenset[Check], stack: StackProfile
) -> tuple[Answer, ...]:
    """The two verdicts, on exactly the checks that the modem makes."""
    dated = Check.DATES in checks and (stack.checks_dates.value or not stack.checks_dates.is_known)
    named = Check.HOSTNAME in checks and (stack.compares_names.value or not stack.compares_names.is_known)
    time = times.judged if dated else _common_time([scene.leaf, *scene.sent, *scene.anchors], times)
    subject = subject_of(view.host, scene.leaf, compare=named)
    first = ask_cryptography(
        scene.leaf, scene.sent, scene.anchors, subject=subject, time=time, max_depth=stack.max_path.value
    )
    partial = any(not anchor.record.is_self_signed for anchor in scene.anchors) and _takes_partial(
        scene, stack
    )
    second = ask_openssl(
        scene.leaf, scene.sent, scene.anchors, time=times.judged if dated else None, partial=partial
    )
    return first, second


def _takes_partial(scene: Scene, stack: StackProfile) -> bool:
    own = any(anchor.record.sha256 == scene.leaf.record.sha256 for anchor in scene.anchors)
    return stack.intermediate_as_anchor.value or (own and stack.leaf_as_anchor.value.value == "accepted")


def _common_time(links: Sequence[Link], times: Times) -> datetime | None:
    """A time at which all are valid, where dates do not count."""
    start = max(link.record.not_before for link in links)
    end = min(link.record.not_after for link in links)
    if start > end:
        return None
    wanted = times.judged
    return wanted if wanted is not None and start <= wanted <= end else start


def _dates(
    links: Sequence[Link], ends: Sequence[Link], times: Times, checks: frozenset[Check], stack: StackProfile
) -> list[Fault]:
    return date_faults(links, ends, times, stack) if Check.DATES in checks else []


def _chain_faults(
    scene: Scene,
    times: Times,
    checks: frozenset[Check],
    stack: StackProfile,
    answers: Sequence[Answer],
) -> tuple[list[Fault], Path]:
    """What is wrong with the way to an anchor, and the path that was judged."""
    if not scene.anchors:
        # What is stored and cannot be read is a fault that was named already.
        nothing = [no_anchor()] if not scene.unread else []
        return [*nothing, *_alone(scene, times, checks, stack, (scene.leaf,))], ()
    found = search(scene.leaf, scene.sent, scene.anchors, scene.allowance)
    paths = list(found.paths)
    accepted = answers[0].sha256s if answers and answers[0].accepted else ()
    paths.sort(key=lambda path: tuple(link.record.sha256 for link in path) != accepted)
    if not stack.looks_for_other_paths.value and paths:
        only, faults = followed(scene, stack)
        if only is None:
            return faults, ()
        # The verifiers may take another path, so they say nothing about this one.
        faults = _path_faults(only, scene, times, checks, stack)
        return [replace(fault, universal=False) for fault in faults], only
    if not paths:
        faults = trust_faults(scene, found)
        return faults + _alone(scene, times, checks, stack, found.reached), ()
    judged = [(path, _path_faults(path, scene, times, checks, stack)) for path in paths[:_COMPARED_PATHS]]
    path, faults = min(judged, key=lambda each: _weight(each[1]))
    return faults, path


def _weight(faults: Sequence[Fault]) -> tuple[int, int]:
    """How bad a path is; the first of equals is taken, which is the one that the verifier accepted."""
    errors = sum(fault.is_error for fault in faults)
    return errors, sum(fault.finding.severity is Severity.WARNING for fault in faults)


def _path_faults(
    path: Path, scene: Scene, times: Times, checks: frozenset[Check], stack: StackProfile
) -> list[Fault]:
    ends = path[-1:] if len(path) > 1 else ()
    below = path[:-1] if len(path) > 1 else path
    return [
        *route_faults(path, scene, stack),
        *_dates(below, ends, times, checks, stack),
        *usage_faults(path, stack),
        *constraint_faults(path, stack),
        *key_faults(below, ends, stack),
    ]


def _alone(
    scene: Scene, times: Times, checks: frozenset[Check], stack: StackProfile, reached: Sequence[Link]
) -> list[Fault]:
    """What else is wrong where no path is there: it may come up once there is one."""
    stored = {anchor.record.sha256 for anchor in scene.anchors}
    links = [link for link in reached if link.record.sha256 not in stored]
    return [
        *_dates(links, (), times, checks, stack),
        *usage_faults((scene.leaf,), stack),
        *key_faults(links, (), stack),
    ]
