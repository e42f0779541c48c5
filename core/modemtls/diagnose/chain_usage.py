"""Whether the certificates of a path may be used as they are: CA or not, usage, lengths, names that a CA may issue.

What every verifier of RFC 5280 must refuse is kept apart from what only strict ones refuse; the latter
is an error for a stack that is known to be strict, and elsewhere at most a doubt.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..stack import StackProfile, Trait
from .chain_names import normal
from .chain_parts import Link, shown
from .chain_paths import Path
from .faults import Fault, Rank, surest

__all__ = ["constraint_faults", "usage_faults"]

_SERVER = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
_MAX_NAMES = 400
_MAX_SUBTREES = 64
"""What is left out is judged by the verifiers; only its explanation is missing then."""

Subtree = str | ipaddress.IPv4Network | ipaddress.IPv6Network


def usage_faults(path: Path, stack: StackProfile) -> list[Fault]:
    """What is wrong with the use of each certificate in the path."""
    faults = [*_leaf(path[0], stack)]
    below = 0
    for link in path[1:]:
        anchor = link is path[-1]
        faults += _ca(link, stack, is_anchor=anchor)
        if link.path_length is not None and link.path_length < below and not anchor:
            faults.append(_too_deep(link, below))
        elif link.path_length is not None and link.path_length < below:
            faults.append(_too_deep(link, below, of_anchor=True))
        below += 0 if link.subject == link.issuer else 1
    if stack.max_path.value is not None and len(path) - 2 > stack.max_path.value:
        faults.append(_longer_than_taken(path, stack.max_path))
    return faults


def constraint_faults(path: Path, stack: StackProfile) -> list[Fault]:
    """CAs of the path that may not issue for a name that the server's certificate has."""
    return [
        fault
        for link in path[1:]
        if link.constraints is not None
        for fault in _constraints(link, path[0], stack)
    ]


def _fault(
    reason: Reason,
    link: Link,
    message: str,
    remedy: str,
    *,
    certainty: Certainty = Certainty.DERIVED,
    severity: Severity = Severity.ERROR,
    evidence: Sequence[str] = (),
    source: str = "RFC 5280 section 4.2.1",
    universal: bool = True,
    rank: Rank = Rank.USAGE,
) -> Fault:
    finding = Finding(reason, severity, certainty, message, remedy, (link.digest, *evidence), source)
    return Fault(finding, rank, universal)


def _by_usage(stack: StackProfile) -> tuple[Severity, Certainty] | None:
    """How much a wrong usage weighs on this stack; ``None`` where it does not look at it."""
    checked = stack.checks_usage
    if not checked.value:
        return None if checked.is_known else (Severity.WARNING, Certainty.GUESSED)
    return Severity.ERROR, surest(checked)


def _leaf(leaf: Link, stack: StackProfile) -> Iterator[Fault]:
    weight = _by_usage(stack)
    if weight is not None and leaf.extended_usage is not None and not leaf.extended_usage & {_SERVER, _ANY}:
        yield _fault(
            Reason.WRONG_USAGE,
            leaf,
            f"{leaf.name} was not issued for TLS servers: its extendedKeyUsage does not have serverAuth.",
            "Have the server show a certificate with extendedKeyUsage serverAuth.",
            severity=weight[0],
            certainty=weight[1],
            evidence=(f"extendedKeyUsage: {', '.join(sorted(leaf.extended_usage)[:6])}",),
        )
    usage = leaf.key_usage
    if weight is not None and usage is not None:
        usable = usage.digital_signature or usage.key_encipherment or usage.key_agreement
        if not usable:
            yield _fault(
                Reason.WRONG_USAGE,
                leaf,
                f"The key of {leaf.name} may be used neither for signatures nor for key exchange (keyUsage).",
                "Have the server show a certificate with keyUsage digitalSignature.",
                severity=weight[0],
                certainty=Certainty.GUESSED,
            )
    yield from _critical(leaf)
    if leaf.is_ca:
        yield _strict(
            Reason.SELF_SIGNED if leaf.record.is_self_signed else Reason.WRONG_USAGE,
            leaf,
            f"{leaf.name} is a CA certificate and stands as the server's own; strict stacks refuse that.",
            "Have the server show a certificate of its own, issued by this CA.",
            stack,
        )


def _strict(reason: Reason, link: Link, message: str, remedy: str, stack: StackProfile) -> Fault:
    """What only strict stacks refuse."""
    strict = stack.strict
    if strict.value:
        severity, certainty = Severity.ERROR, surest(strict)
    else:
        severity = Severity.NOTE if strict.is_known else Severity.WARNING
        certainty = Certainty.GUESSED
    return _fault(
        reason,
        link,
        message,
        remedy,
        severity=severity,
        certainty=certainty,
        universal=False,
        rank=Rank.STRICT,
    )


def _critical(link: Link) -> Iterator[Fault]:
    if link.unknown_critical:
        yield _fault(
            Reason.WRONG_USAGE,
            link,
            f"{link.name} has a critical extension that few stacks know; one that does not must refuse it.",
            "Have it issued without that extension, or with it not critical.",
            certainty=Certainty.GUESSED,
            evidence=(f"critical: {', '.join(link.unknown_critical[:6])}",),
        )


def _ca(link: Link, stack: StackProfile, *, is_anchor: bool) -> Iterator[Fault]:
    # What a store holds is trusted as it is, by many stacks: what is wrong with an anchor is less certain.
    sure = Certainty.GUESSED if is_anchor else Certainty.DERIVED
    if not link.record.is_ca:
        yield _fault(
            Reason.NOT_A_CA,
            link,
            f"{link.name} issued a certificate and is no CA certificate (basicConstraints), so what it issued "
            "is worth nothing.",
            "Have the server's certificate issued by a CA.",
            certainty=sure,
            source="RFC 5280 section 4.2.1.9",
        )
    elif link.key_usage is not None and not link.key_usage.key_cert_sign:
        yield _fault(
            Reason.WRONG_USAGE,
            link,
            f"The key of {link.name} may not issue certificates: its keyUsage does not have keyCertSign.",
            "Have that CA certificate issued anew with keyUsage keyCertSign.",
            certainty=sure,
            source="RFC 5280 section 4.2.1.3",
        )
    weight = _by_usage(stack)
    if (
        weight is not None
        and not is_anchor
        and link.extended_usage is not None
        and not link.extended_usage & {_SERVER, _ANY}
    ):
        yield _fault(
            Reason.WRONG_USAGE,
            link,
            f"The CA {link.name} may not issue for TLS servers: its extendedKeyUsage does not have serverAuth.",
            "Use a certificate of a CA that issues for servers.",
            severity=weight[0],
            # RFC 5280 does not say that a CA's extended usage binds what it issues; the public web does.
            certainty=Certainty.GUESSED,
            evidence=(f"extendedKeyUsage: {', '.join(sorted(link.extended_usage)[:6])}",),
        )
    yield from _critical(link)


def _too_deep(link: Link, below: int, *, of_anchor: bool = False) -> Fault:
    return _fault(
        Reason.CHAIN_TOO_LONG,
        link,
        f"{link.name} allows {link.path_length} CA certificates below it, and {below} are there.",
        "Use a chain with fewer intermediates, or have that CA certificate issued anew.",
        certainty=Certainty.GUESSED if of_anchor else Certainty.DERIVED,
        source="RFC 5280 section 4.2.1.9",
    )


def _longer_than_taken(path: Path, limit: Trait[int | None]) -> Fault:
    return Fault(
        Finding(
            Reason.CHAIN_TOO_LONG,
            Severity.ERROR,
            surest(limit),
            f"{len(path) - 2} CA certificates stand between the server's and the trust anchor; this stack takes "
            f"{limit.value}.",
            "Trust a CA that is nearer to the server, or use a shorter chain.",
            tuple(link.digest for link in path[:6]),
            limit.source,
        ),
        Rank.SIZE,
    )


def _constraints(link: Link, leaf: Link, stack: StackProfile) -> Iterator[Fault]:
    trait = stack.checks_name_constraints
    assert link.constraints is not None
    if not trait.value and trait.is_known:
        return
    for kind, names in ((x509.DNSName, leaf.dns_names), (x509.IPAddress, leaf.addresses)):
        permitted = _subtrees(link.constraints.permitted_subtrees, kind)
        excluded = _subtrees(link.constraints.excluded_subtrees, kind)
        for name in names[:_MAX_NAMES]:
            outside = bool(permitted) and not any(_within(name, tree) for tree in permitted)
            if not outside and not any(_within(name, tree) for tree in excluded):
                continue
            yield _fault(
                Reason.NAME_CONSTRAINTS,
                link,
                f"The CA {link.name} may not issue certificates for {shown(name, 80)}, which the server's has.",
                "Use a certificate of another CA, or have one issued without that name.",
                severity=Severity.ERROR if trait.value else Severity.WARNING,
                certainty=surest(trait) if trait.value else Certainty.GUESSED,
                evidence=(
                    f"permitted: {', '.join(shown(str(tree), 60) for tree in permitted[:6]) or 'all'}",
                    f"excluded: {', '.join(shown(str(tree), 60) for tree in excluded[:6]) or 'none'}",
                ),
                source="RFC 5280 section 4.2.1.10",
            )
            return


def _subtrees(subtrees: Sequence[x509.GeneralName] | None, kind: type[x509.GeneralName]) -> list[Subtree]:
    found: list[Subtree] = []
    for tree in (subtrees or ())[:_MAX_SUBTREES]:
        if not isinstance(tree, kind):
            continue
        if isinstance(tree.value, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
            found.append(tree.value)
        elif isinstance(tree.value, str) and (base := normal(tree.value.removeprefix("."))) is not None:
            found.append(base)
    return found


def _within(name: str, tree: Subtree) -> bool:
    """Whether a DNS name or address lies in a subtree; RFC 5280 counts the subtree's own name in."""
    if not isinstance(tree, str):
        return ipaddress.ip_address(name) in tree
    host = normal(name.removeprefix("*."))
    return host is not None and (tree == "" or host == tree or host.endswith(f".{tree}"))
