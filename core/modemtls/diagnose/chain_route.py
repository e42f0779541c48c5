"""A path is there: whether this very stack finds it, and which of several paths it would take.

RFC 5280 lets a verifier look for any path.  Stacks differ in what they look at: intermediates that were
sent, the order they were sent in, a stored intermediate or leaf as the end.  Each difference is a trait
of the stack, and a finding is as sure as the trait.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..stack import LeafAnchor, StackProfile, Trait
from .chain_parts import Link
from .chain_paths import Path
from .chain_trust import TRUST, Scene
from .faults import Fault, Rank, surest

__all__ = ["followed", "route_faults"]


def route_faults(path: Path, scene: Scene, stack: StackProfile) -> list[Fault]:
    """What keeps this stack from taking the path, and what about it is only assumed."""
    if len(path) == 1:
        return _leaf_is_anchor(path[0], stack)
    faults = []
    if not path[-1].record.is_self_signed:
        faults += _not_a_root(path[-1], stack)
    stored = {link.record.sha256 for link in scene.anchors}
    borrowed = [link for link in path[1:-1] if link.record.sha256 not in stored]
    if borrowed:
        faults += _intermediates(borrowed, path[-1], stack)
        faults += _order(path, scene, stack)
    return faults


def _trait_fault(
    reason: Reason,
    trait: Trait[bool] | Trait[LeafAnchor],
    message: str,
    remedy: str,
    links: Sequence[Link],
    *,
    works: bool,
    rank: Rank = Rank.TRUST,
) -> list[Fault]:
    """An error where the stack does not do what the path needs; a remark where that it does is assumed."""
    if works and trait.is_known:
        return []
    if works:
        message = f"That this model's stack copes with the following is assumed, not known. {message}"
    finding = Finding(
        reason,
        Severity.NOTE if works else Severity.ERROR,
        surest(trait),
        message,
        remedy,
        tuple(link.digest for link in links[:6]),
        trait.source,
    )
    return [Fault(finding, Rank.ASSUMED if works else rank)]


def _leaf_is_anchor(leaf: Link, stack: StackProfile) -> list[Fault]:
    trait = stack.leaf_as_anchor
    if leaf.record.is_self_signed:
        works = trait.value is not LeafAnchor.REFUSED
        message = f"{leaf.name} is self-signed, and is both the server's certificate and the trusted one."
        remedy = "Have the server's certificate issued by a CA, and store that CA."
    else:
        works = trait.value is LeafAnchor.ACCEPTED
        message = (
            f"What the modem trusts is the server's own certificate ({leaf.name}), not the CA that issued it, "
            f"{leaf.issuer_name}."
        )
        remedy = f"Store that CA instead: {TRUST}"
    return _trait_fault(Reason.LEAF_AS_ANCHOR, trait, message, remedy, [leaf], works=works, rank=Rank.ANCHOR)


def _not_a_root(anchor: Link, stack: StackProfile) -> list[Fault]:
    trait = stack.intermediate_as_anchor
    message = (
        f"The chain ends at {anchor.name} ({anchor.where}), which is stored and is no root; its own issuer, "
        f"{anchor.issuer_name}, is not stored."
    )
    remedy = f"Store the root {anchor.issuer_name} beside it: modemtls cert trust --add FILE"
    return _trait_fault(Reason.UNKNOWN_ISSUER, trait, message, remedy, [anchor], works=trait.value)


def _intermediates(borrowed: Sequence[Link], anchor: Link, stack: StackProfile) -> list[Fault]:
    trait = stack.uses_sent_intermediates
    names = ", ".join(link.name for link in borrowed[:3])
    message = (
        f"The path to {anchor.name} needs {names}, which the server sends and the modem does not hold; a stack that "
        "does not use what is sent does not find it."
    )
    remedy = f"Store it beside the root: modemtls cert trust --add FILE (issuer: {borrowed[-1].issuer_name})"
    return _trait_fault(
        Reason.MISSING_INTERMEDIATE, trait, message, remedy, [*borrowed, anchor], works=trait.value
    )


def _order(path: Path, scene: Scene, stack: StackProfile) -> list[Fault]:
    wanted = [link.position for link in path if link.position is not None]
    if wanted == list(range(len(wanted))):
        return []
    trait = stack.needs_order
    sent = ", then ".join(link.name for link in scene.sent[:4])
    return _trait_fault(
        Reason.CHAIN_ORDER,
        trait,
        f"The server sends its certificates out of order or with others between: {sent}.",
        "Have the server send its own certificate first and after each one its issuer.",
        scene.sent,
        works=not trait.value,
    )


def followed(scene: Scene, stack: StackProfile) -> tuple[Path | None, list[Fault]]:
    """The path of a stack that follows the sent chain to its end before it looks at what is stored."""
    path = [scene.leaf]
    while True:
        last = path[-1]
        above = next(
            (
                link
                for link in scene.sent
                if link.subject == last.issuer
                and link.record.sha256 not in {each.record.sha256 for each in path}
                and scene.allowance.signed(last, link)
            ),
            None,
        )
        if above is None:
            break
        path.append(above)
    top = path[-1]
    if any(anchor.record.sha256 == top.record.sha256 for anchor in scene.anchors):
        return tuple(path), []
    for anchor in scene.anchors:
        if anchor.subject == top.issuer and scene.allowance.signed(top, anchor):
            return (*path, anchor), []
    return None, [_end_not_trusted(top, scene, surest(stack.looks_for_other_paths))]


def _end_not_trusted(top: Link, scene: Scene, certainty: Certainty) -> Fault:
    return Fault(
        Finding(
            Reason.UNKNOWN_ISSUER,
            Severity.ERROR,
            certainty,
            f"The server sends {top.name} at the end of its chain, a cross-signed or second copy; a stack that follows "
            f"what is sent to its end needs {top.issuer_name}, and the modem does not hold it.",
            f"Store {top.issuer_name} too (modemtls cert trust --add FILE), or have the server leave that copy out.",
            (top.digest, *(f"trusted: {anchor.digest}" for anchor in scene.anchors[:4])),
        ),
        Rank.TRUST,
    )
