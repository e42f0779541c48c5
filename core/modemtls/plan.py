"""The trust plan: what a modem must hold to verify a server, whether that fits, and until when it lasts.

Nothing is trusted because a server sent it.  A path is looked for to the CA certificates that a person gave; the
judge says which of them the chain leads to, and what is wrong with the result as it would stand in the modem.
Where no given one fits, the plan names what is to be fetched, and fetches nothing.  A stack that does not use
what the server sends must hold the intermediates too, and then lasts only as long as the server keeps to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from .credentials import Certificate, CredentialFile, lint
from .diagnose.chain import Judgement, examine
from .diagnose.chain_parts import MAX_BYTES, MAX_STORED, Link, Pool, read_chain, shown
from .diagnose.chain_paths import Allowance, search
from .diagnose.chain_sent import server_leaf
from .diagnose.stack_limits import limited_by
from .diagnose.view import ServerView, anchors_of
from .errors import Certainty, CredentialError, Reason, Unsupported
from .findings import Finding, Severity
from .model import ClockReading, CredentialKind, Limits, Resolved
from .plan_records import Expiry, Planned, Role, TrustPlan, Wanted
from .policy import TlsEndpoint, VerifyPolicy, resolve
from .stack import StackProfile, Trait

__all__ = ["make_plan"]

_GIVEN = "given"
_PATHS = 4
_USUAL_CHAIN = 12
_LIMITS = "the model's declared limits"
_SHORT = {Role.ROOT: "root", Role.INTERMEDIATE: "intermediate", Role.SERVER: "server's own certificate"}


@dataclass(frozen=True)
class _Scene:
    """What a plan is made for: the view as the modem would have it, its certificates, and the stack."""

    view: ServerView
    sent: Pool = field(repr=False)
    leaf: Link
    stack: StackProfile
    clock: ClockReading
    stores_intermediates: bool

    def judged(self, anchors: Sequence[Certificate], where: str, *, choosing: bool = False) -> Judgement:
        """The judgement with these trusted; ``choosing`` looks for the path to a root, whatever the stack can do."""
        stack = self.stack
        if choosing:
            yes, no = (Trait(value, Certainty.DERIVED, "for the choice") for value in (True, False))
            stack = replace(stack, uses_sent_intermediates=yes, intermediate_as_anchor=no)
        return examine(
            self.view, anchors_of(anchors, where), clock=self.clock, now=self.clock.time, stack=stack
        )


@dataclass(frozen=True)
class _Choice:
    """A path to an anchor, what of it the modem must hold, and the judgement of exactly that."""

    path: tuple[Certificate, ...]
    needed: tuple[Certificate, ...]
    judgement: Judgement

    @property
    def rank(self) -> tuple[int, float]:
        """Fewer errors first, then what lasts longer."""
        errors = sum(finding.severity is Severity.ERROR for finding in self.judgement.findings)
        return errors, -min(each.not_after for each in self.needed).timestamp()


def make_plan(
    view: ServerView,
    model: str,
    resolved: Resolved,
    given: Sequence[Certificate] = (),
    *,
    now: datetime,
    port: int = 443,
    where: TlsEndpoint = "modem",
    intermediates: bool | None = None,
    policy: VerifyPolicy | None = None,
) -> TrustPlan:
    """What ``model`` must hold for the server of ``view``.

    ``given``: CA certificates that a person vouches for.  ``where`` TLS runs.  ``intermediates``: store them too, or
    not; ``None`` is what the model's stack needs.  ``policy``: what is to be verified, to say what the model cannot.

    :raises CredentialError: the view has no certificate of the server that can be read, or too many are given.
    :raises ValueError: ``now`` has no time zone.
    """
    if len(given) > MAX_STORED or sum(len(each.der) for each in given) > MAX_BYTES:
        raise CredentialError(
            f"{len(given)} CA certificates were given to choose from; {MAX_STORED} of {MAX_BYTES} bytes are looked at.",
            remedy="Give the one that the server's CA publishes, or fewer.",
            reasons={Reason.TOO_LARGE},
        )
    scene = _scene(view, resolved, now, where, intermediates)
    choice = _chosen(scene, given)
    is_verified = choice is not None
    wanted: tuple[Wanted, ...] = ()
    if choice is None:
        choice, wanted = _unverified(scene, given)
    needed = tuple(_planned(each, scene, is_verified=is_verified) for each in choice.needed)
    limits = resolved.limits if where == "modem" else None
    findings = [
        *choice.judgement.findings,
        *_fit(choice, limits, now),
        *_not_enforced(view.host, model, resolved, where, policy),
    ]
    return TrustPlan(
        model=model,
        host=view.host,
        port=port,
        where=where,
        origin=view.origin,
        judged_at=now,
        path=choice.path or (scene.leaf.record,),
        needed=needed,
        wanted=wanted,
        is_verified=is_verified,
        stores_intermediates=scene.stores_intermediates,
        because=_because(scene, intermediates),
        certainty=Certainty.STATED
        if intermediates is not None
        else scene.stack.uses_sent_intermediates.certainty,
        source=None if intermediates is not None else scene.stack.uses_sent_intermediates.source,
        max_bytes=limits.max_certificate_bytes if limits is not None else None,
        slots=len(limits.preferred_slots) if limits is not None else None,
        expiries=_expiries(choice, scene),
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.severity)),
    )


def _scene(
    view: ServerView, resolved: Resolved, now: datetime, where: TlsEndpoint, intermediates: bool | None
) -> _Scene:
    if now.tzinfo is None:
        raise ValueError("now must be aware, e.g. datetime.now(UTC)")
    stack = limited_by(resolved.stack, resolved.limits) if where == "modem" else StackProfile()
    if not stack.sends_sni.value and view.chain_without_sni:
        view = replace(view, chain=view.chain_without_sni)
    sent = read_chain(view.chain)
    leaf = server_leaf(sent)
    if leaf is None:
        why = f": {sent.unread[0].why}" if sent.unread else "; the view is empty"
        raise CredentialError(
            f"A plan was asked for {shown(view.host, 80)}, but its own certificate cannot be read{why}.",
            remedy="Save what it sends anew: openssl s_client -connect HOST:443 -servername HOST -showcerts",
            reasons={Reason.MALFORMED},
        )
    stores = not stack.uses_sent_intermediates.value if intermediates is None else intermediates
    return _Scene(view, sent, leaf, stack, ClockReading(now, is_set=True), stores)


def _because(scene: _Scene, intermediates: bool | None) -> str:
    if intermediates is not None:
        return "asked for" if intermediates else "left out, as asked for"
    if scene.stores_intermediates:
        return "this model's TLS stack does not use those that the server sends"
    return "this model's TLS stack uses those that the server sends"


# Which certificates.


def _chosen(scene: _Scene, given: Sequence[Certificate]) -> _Choice | None:
    """The best way to one of the given certificates; of several roots the one that lasts longest."""
    rest, choices = list(given), []
    # A server that sends heaps is judged once: each judgement of such a heap takes long.
    for _ in range(_PATHS if len(scene.sent.links) <= _USUAL_CHAIN else 1):
        path = scene.judged(rest, _GIVEN, choosing=True).path if rest else ()
        if not path:
            break
        choices.append(_choice(path, scene))
        rest = [each for each in rest if each.sha256 != path[-1].sha256]
    return min(choices, key=lambda choice: choice.rank, default=None)


def _choice(path: tuple[Certificate, ...], scene: _Scene) -> _Choice:
    sent = {link.record.sha256 for link in scene.sent.links}
    between = [each for each in reversed(path[1:-1]) if scene.stores_intermediates or each.sha256 not in sent]
    needed = (path[-1], *between)
    return _Choice(path, needed, scene.judged(needed, "planned"))


def _unverified(scene: _Scene, given: Sequence[Certificate]) -> tuple[_Choice, tuple[Wanted, ...]]:
    """What can be said where no given certificate is the anchor: the root as sent, or what must be fetched."""
    found = search(scene.leaf, scene.sent.links, (), Allowance())
    root = next((link for link in found.reached if link.record.is_self_signed), None)
    if root is not None:
        path = scene.judged([root.record], "sent by the server", choosing=True).path
        choice = _choice(path or (root.record,), scene)
        if given:  # why none of them is it matters more
            choice = replace(choice, judgement=scene.judged(given, _GIVEN))
        return choice, (_wanted(root, root, is_sent=True),)
    top = found.ends[0] if found.ends else scene.leaf
    path = _sent_path(scene, top)
    between = tuple(reversed(path[1:])) if scene.stores_intermediates else ()
    judgement = (
        scene.judged(given, _GIVEN)
        if given
        else examine(scene.view, None, clock=scene.clock, now=scene.clock.time, stack=scene.stack)
    )
    ends = found.ends[:3] or (scene.leaf,)
    return _Choice(path, between, judgement), tuple(_wanted(end, end, is_sent=False) for end in ends)


def _sent_path(scene: _Scene, top: Link) -> tuple[Certificate, ...]:
    """From the server's certificate to the last one above it that was sent."""
    found = search(scene.leaf, scene.sent.links, (top,), Allowance())
    return tuple(link.record for link in found.paths[0]) if found.paths else (scene.leaf.record,)


def _wanted(link: Link, below: Link, *, is_sent: bool) -> Wanted:
    if is_sent:
        key = link.subject_key.hex() if link.subject_key is not None else None
        return Wanted(link.name, key, None, below.name, link.record.sha256)
    key = link.authority_key.hex() if link.authority_key is not None else None
    return Wanted(link.issuer_name, key and key[:64], link.issuer_url, below.name, None)


def _planned(certificate: Certificate, scene: _Scene, *, is_verified: bool) -> Planned:
    sent = any(link.record.sha256 == certificate.sha256 for link in scene.sent.links)
    return Planned(certificate, _role(certificate, scene), is_sent=sent, is_verified=is_verified)


def _role(certificate: Certificate, scene: _Scene) -> Role:
    if certificate.sha256 == scene.leaf.record.sha256:
        return Role.SERVER
    return Role.ROOT if certificate.is_self_signed else Role.INTERMEDIATE


# Whether it fits, and until when.


def _fit(choice: _Choice, limits: Limits | None, now: datetime) -> list[Finding]:
    """What the lint says of the planned certificates, where the judge has not said it already."""
    known = {finding.reason for finding in choice.judgement.findings if finding.severity is not Severity.NOTE}
    file = CredentialFile("the plan", choice.needed)
    if not choice.needed:
        return []
    return [
        Finding(
            found.reason,
            found.severity,
            Certainty.DERIVED,
            found.message,
            found.remedy,
            source=_LIMITS if limits is not None and found.reason is Reason.TOO_LARGE else None,
        )
        for found in lint(file, limits=limits, kind=CredentialKind.CA, now=now)
        if found.severity is not Severity.NOTE and found.reason not in known
    ]


def _not_enforced(
    host: str, model: str, resolved: Resolved, where: TlsEndpoint, policy: VerifyPolicy | None
) -> list[Finding]:
    """What of the policy the model cannot do: storing the certificates would be refused for that."""
    if where != "modem":
        return []
    try:
        resolve(policy or VerifyPolicy(), resolved.enforcement, host=host, model=model)
    except Unsupported as error:
        return [
            Finding(Reason.NOT_SUPPORTED, Severity.WARNING, Certainty.DERIVED, error.message, error.remedy)
        ]
    return []


def _expiries(choice: _Choice, scene: _Scene) -> tuple[Expiry, ...]:
    held = {each.sha256 for each in choice.needed}
    whole = {each.sha256: each for each in (*choice.needed, *(choice.path or (scene.leaf.record,)))}
    found = [_expiry(each, scene, is_held=each.sha256 in held) for each in whole.values()]
    return tuple(sorted(found, key=lambda each: each.at))


def _expiry(certificate: Certificate, scene: _Scene, *, is_held: bool) -> Expiry:
    role = _role(certificate, scene)
    trait = scene.stack.checks_anchor_dates if is_held and role is not Role.INTERMEDIATE else None
    counts = is_held and scene.stack.checks_dates.value and (trait is None or trait.value)
    if role is Role.SERVER and is_held:
        action = "Store the server's next certificate before: modemtls cert trust --add FILE"
    elif is_held:
        action = (
            f"Store the successor of this {_SHORT[role]} beside it before: modemtls cert trust --add FILE"
        )
        if not counts:
            action += "; this model's stack is assumed not to look at its date"
    elif role is Role.SERVER and scene.stores_intermediates:
        action = (
            "The server's operator renews it; the next one may come from another intermediate, which the modem would"
            " not hold: plan again when it is renewed"
        )
    else:
        action = (
            "The server's operator renews it; the modem needs nothing new while the same root is above it"
        )
    return Expiry(certificate, role, certificate.not_after, is_held=is_held, ends_plan=counts, action=action)
