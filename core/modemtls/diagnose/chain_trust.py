"""Why no path leads from a server's certificate to what the modem trusts.

The search ends at certificates whose issuer it did not find.  What stands there tells the causes apart:
a CA of the right name with another key, the right key under another name, a root that is not trusted, a
certificate that vouches for itself.  One case cannot be told apart: an issuer that is neither sent nor
stored may be an intermediate that the server should have sent, or a root that the modem should hold.
Then both are given, and neither is certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from .chain_parts import Link, Name, shown
from .chain_paths import Allowance, Search, search
from .faults import Fault, Rank

__all__ = ["Scene", "no_anchor", "trust_faults"]

_SOURCE = "RFC 5280 section 6.1"
_ORGANIZATION = "2.5.4.10"
_SHOWN_ENDS = 3
TRUST = "modemtls cert trust FILE"
_STORE_THE_LEAF = (
    f"If it is the right one (compare the sha256 with its owner), store it: {TRUST}. Better have it issued by a CA, "
    "and store that CA."
)


@dataclass(frozen=True)
class Scene:
    """What a judgement has before it: the server's certificates, what the modem trusts, what else is known.

    ``elsewhere``: certificates that are known and not trusted, such as those in other slots.
    ``unread``: something is stored that cannot be read.
    """

    leaf: Link
    sent: tuple[Link, ...] = field(repr=False)
    anchors: tuple[Link, ...] = field(repr=False)
    elsewhere: tuple[Link, ...] = field(repr=False)
    allowance: Allowance = field(repr=False)
    unread: bool = False


def no_anchor() -> Fault:
    """The modem holds nothing to verify the server against."""
    finding = Finding(
        Reason.NO_TRUST_ANCHOR,
        Severity.ERROR,
        Certainty.DERIVED,
        "The modem holds no CA certificate that this connection could be verified against.",
        f"Store the CA of the server: {TRUST}",
        ("trust anchors: none",),
        _SOURCE,
    )
    return Fault(finding, Rank.ANCHOR, universal=True)


def _fault(
    reason: Reason,
    certainty: Certainty,
    message: str,
    remedy: str,
    evidence: Sequence[str],
    rank: Rank = Rank.TRUST,
    severity: Severity = Severity.ERROR,
) -> Fault:
    finding = Finding(reason, severity, certainty, message, remedy, tuple(evidence[:8]), _SOURCE)
    return Fault(finding, rank, universal=certainty is Certainty.DERIVED)


def trust_faults(scene: Scene, found: Search) -> list[Fault]:
    """Why the search found no path; never empty."""
    faults = [*_leaves_as_anchors(scene)]
    certain = any(fault.is_error and fault.finding.certainty is Certainty.DERIVED for fault in faults)
    for end in found.ends[:_SHOWN_ENDS]:
        faults += _at_end(scene, end)
    if certain:
        # The stored leaf is the cause; that its issuer is missing too is what it looks like from above.
        faults = [fault for fault in faults if fault.rank is not Rank.ALTERNATIVE]
    if not any(fault.is_error for fault in faults):
        evidence = [link.digest for link in found.reached]
        faults.append(
            _fault(
                Reason.UNKNOWN_ISSUER,
                Certainty.GUESSED,
                "No path was found from the server's certificate to a trusted CA; the certificates are too many or "
                "too entangled to follow all paths.",
                "Have the server send its own certificate and the intermediates, each once and nothing else.",
                evidence,
            )
        )
    return faults


def _leaves_as_anchors(scene: Scene) -> Iterator[Fault]:
    """Stored certificates that are no CA and are not this server's own."""
    issuers = {link.issuer for link in (scene.leaf, *scene.sent)}
    wrong = [link for link in scene.anchors if not link.record.is_ca and link.subject not in issuers]
    if not wrong:
        return
    names = {*scene.leaf.dns_names, *scene.leaf.addresses}
    older = [
        link
        for link in wrong
        if (link.subject and link.subject == scene.leaf.subject) or names & {*link.dns_names, *link.addresses}
    ]
    only = len(wrong) == len(scene.anchors)
    first = (older or wrong)[0]
    what = (
        f"What the modem trusts ({first.name}) is another certificate of this server, not the CA that issued it."
        if older
        else f"What the modem trusts ({first.name}) is no CA certificate, so it vouches for no other."
    )
    # Beside other anchors it may be a remainder that does no harm.
    yield _fault(
        Reason.LEAF_AS_ANCHOR,
        Certainty.DERIVED if only else Certainty.GUESSED,
        what,
        f"Store the CA that issued the server's certificate, {scene.leaf.issuer_name}: {TRUST}",
        [*(link.digest for link in wrong[:3]), scene.leaf.digest],
        Rank.ANCHOR if only or older else Rank.REMARK,
        Severity.ERROR if only or older else Severity.WARNING,
    )


def _at_end(scene: Scene, end: Link) -> list[Fault]:
    """The causes at one certificate whose issuer was not found."""
    namesake = [link for link in scene.anchors if link.subject == end.issuer and link is not end]
    if namesake:
        return [*_right_name_other_key(scene, end, namesake[0])]
    keyholder = next((link for link in scene.anchors if _signed_under_other_name(scene, end, link)), None)
    if keyholder is not None:
        return [_right_key_other_name(end, keyholder)]
    known = _found_elsewhere(scene, end)
    if known is not None:
        return [known]
    if end.record.is_self_signed:
        return [_self_signed_leaf(end) if end is scene.leaf else _root_not_trusted(end)]
    sent_namesake = next(
        (link for link in scene.sent if link.subject == end.issuer and link is not end), None
    )
    if sent_namesake is not None:
        return [*_sent_with_other_key(end, sent_namesake)]
    return [*_issuer_unknown(scene, end)]


def _keys_differ(child: Link, issuer: Link) -> bool | None:
    """Whether the child names another key of its issuer; ``None`` where identifiers are missing."""
    if child.authority_key is None or issuer.subject_key is None:
        return None
    return child.authority_key != issuer.subject_key


def _identifiers(child: Link, issuer: Link) -> list[str]:
    named = child.authority_key.hex()[:64] if child.authority_key is not None else "not named"
    has = issuer.subject_key.hex()[:64] if issuer.subject_key is not None else "not named"
    return [
        child.digest,
        issuer.digest,
        f"issuer's key as named below: {named}",
        f"key of the stored one: {has}",
    ]


def _right_name_other_key(scene: Scene, end: Link, anchor: Link) -> Iterator[Fault]:
    fits, differ = scene.allowance.signed(end, anchor), _keys_differ(end, anchor)
    evidence = _identifiers(end, anchor)
    if end is scene.leaf and end.record.is_self_signed and not anchor.record.is_ca:
        yield _fault(
            Reason.SELF_SIGNED,
            Certainty.DERIVED,
            f"The server's certificate ({end.name}) is self-signed, and what the modem holds under this name "
            f"({anchor.where}) is another certificate with another key, perhaps an older one.",
            _STORE_THE_LEAF,
            evidence,
        )
        return
    if end.record.is_self_signed:
        message = (
            f"The CA that the modem trusts ({anchor.name}, {anchor.where}) has the name of the server's root, but "
            "another key: it is another CA, or another generation of it."
        )
    else:
        message = (
            f"{end.name} names {end.issuer_name} as its issuer. The modem trusts a CA of this name "
            f"({anchor.where}), but that one has another key and did not sign it."
        )
    remedy = f"Get the CA certificate that the server's chain really ends in (compare the sha256) and store it: {TRUST}"
    if fits is None:
        yield _fault(
            Reason.WEAK_OR_UNSUPPORTED_KEY,
            Certainty.GUESSED,
            f"Whether {anchor.name} signed {end.name} cannot be checked: the algorithm is not known here.",
            "Use certificates with RSA or EC keys and SHA-256.",
            evidence,
        )
        return
    if differ is False and not end.record.is_self_signed:
        yield _fault(
            Reason.BAD_SIGNATURE,
            Certainty.GUESSED,
            f"{end.name} names the key of {anchor.name} as its issuer's, yet its signature does not fit that key: it "
            "is damaged or forged.",
            "Compare the sha256 of the server's certificate with the one that its owner has.",
            evidence,
        )
        yield _fault(Reason.UNKNOWN_ISSUER, Certainty.GUESSED, message, remedy, evidence, Rank.ALTERNATIVE)
        return
    yield _fault(Reason.UNKNOWN_ISSUER, Certainty.DERIVED, message, remedy, evidence)


def _signed_under_other_name(scene: Scene, end: Link, anchor: Link) -> bool:
    if anchor.subject == end.issuer or not anchor.record.is_ca:
        return False
    if end is scene.leaf and end.record.is_self_signed:
        return False
    if _keys_differ(end, anchor):
        return False
    return scene.allowance.signed(end, anchor) is True


def _right_key_other_name(end: Link, anchor: Link) -> Fault:
    return _fault(
        Reason.UNKNOWN_ISSUER,
        Certainty.DERIVED,
        f"{end.name} was signed with the key of the CA that the modem trusts ({anchor.where}), but under another "
        f"name: it names {end.issuer_name} as its issuer, and the stored certificate is for {anchor.name}. "
        "Issuers are looked up by name.",
        f"Store the CA certificate that carries the name {end.issuer_name}: {TRUST}",
        _identifiers(end, anchor),
    )


def _found_elsewhere(scene: Scene, end: Link) -> Fault | None:
    if not scene.elsewhere:
        return None
    known = {link.record.sha256 for link in scene.elsewhere}
    more = search(end, [*scene.sent, *scene.elsewhere], scene.anchors, scene.allowance)
    for path in more.paths:
        missing = [link for link in path if link.record.sha256 in known and link.position is None]
        missing = [
            link for link in missing if link.record.sha256 not in {a.record.sha256 for a in scene.anchors}
        ]
        if missing:
            names = ", ".join(link.name for link in missing[:3])
            return _fault(
                Reason.MISSING_INTERMEDIATE,
                Certainty.DERIVED,
                f"The server does not send the CA certificate between its own and the trusted one: {names}.",
                "Have the server send it (its full chain), or store it beside the root: "
                "modemtls cert trust --add FILE",
                [end.digest, *(link.digest for link in missing)],
            )
    own = search(end, scene.sent, scene.elsewhere, scene.allowance)
    if own.paths:
        held = own.paths[0][-1]
        return _fault(
            Reason.UNKNOWN_ISSUER,
            Certainty.DERIVED,
            f"The connection trusts other certificates than the one that it needs: {held.name} would do "
            f"({held.where}).",
            f"Let the connection use it: {TRUST}",
            [held.digest, *(f"trusted now: {link.digest}" for link in scene.anchors[:4])],
        )
    return None


def _self_signed_leaf(leaf: Link) -> Fault:
    return _fault(
        Reason.SELF_SIGNED,
        Certainty.DERIVED,
        f"The server's certificate ({leaf.name}) is self-signed, and the modem does not hold it.",
        _STORE_THE_LEAF,
        [leaf.digest],
    )


def _root_not_trusted(root: Link) -> Fault:
    return _fault(
        Reason.UNKNOWN_ISSUER,
        Certainty.DERIVED,
        f"The server's chain ends in the root {root.name}, which the modem does not trust.",
        f"If it is the right one (compare the sha256 with its owner), store it: {TRUST}",
        [root.digest],
    )


def _sent_with_other_key(end: Link, other: Link) -> Iterator[Fault]:
    evidence = _identifiers(end, other)
    differ = _keys_differ(end, other)
    yield _fault(
        Reason.MISSING_INTERMEDIATE,
        Certainty.DERIVED if differ else Certainty.GUESSED,
        f"The server sends a CA certificate with the name that {end.name} has as its issuer, but that one has another "
        "key and did not sign it: the right one is missing.",
        "Have the server send the intermediate that belongs to its certificate.",
        evidence,
    )
    if not differ:
        yield _fault(
            Reason.BAD_SIGNATURE,
            Certainty.GUESSED,
            f"The signature of {end.name} may be damaged or forged: it does not fit the CA certificate that was sent.",
            "Compare the sha256 of the server's certificate with the one that its owner has.",
            evidence,
            Rank.ALTERNATIVE,
        )


def _organizations(name: Name) -> set[str]:
    return {value for rdn in name for oid, value in rdn if oid == _ORGANIZATION}


def _issuer_unknown(scene: Scene, end: Link) -> Iterator[Fault]:
    """The issuer is neither sent nor stored: intermediate or root, which cannot be told apart."""
    where = f" It is to be had at {end.issuer_url}." if end.issuer_url else ""
    evidence = [
        end.digest,
        f"its issuer: {end.issuer_name}",
        *(f"trusted: {a.digest}" for a in scene.anchors[:4]),
    ]
    if end.authority_key is not None:
        evidence.insert(2, f"its issuer's key: {end.authority_key.hex()[:64]}")
    kin = any(_organizations(end.issuer) & _organizations(anchor.subject) for anchor in scene.anchors)
    calls_itself_root = "root" in (shown(end.record.issuer, 2000)).casefold()
    intermediate_first = not calls_itself_root and (end is scene.leaf or kin)
    missing = _fault(
        Reason.MISSING_INTERMEDIATE,
        Certainty.GUESSED,
        f"{end.name} was issued by {end.issuer_name}, whose certificate the server does not send and the modem does "
        f"not hold. If it is an intermediate, the server's chain is incomplete.{where}",
        "Have the server send its full chain, or store that intermediate beside the root: "
        "modemtls cert trust --add FILE",
        evidence,
        Rank.TRUST if intermediate_first else Rank.ALTERNATIVE,
    )
    unknown = _fault(
        Reason.UNKNOWN_ISSUER,
        Certainty.GUESSED,
        f"{end.name} was issued by {end.issuer_name}, and the modem trusts no CA of this name. If it is a root, the "
        "modem trusts another one than it needs.",
        f"Store that CA: {TRUST}",
        evidence,
        Rank.ALTERNATIVE if intermediate_first else Rank.TRUST,
    )
    yield from (missing, unknown)
