"""Whether a certificate is for the host that was asked for, and if not, in what it differs.

The rules are those of RFC 9525: names from subjectAltName only, a wildcard stands for exactly one label
on the far left, an address matches an address.  The CN counts only on a stack that is said to use it.
"""

from __future__ import annotations

import ipaddress

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..stack import StackProfile
from .chain_parts import Link, shown
from .faults import Fault, Rank, surest

__all__ = ["covers", "name_faults", "names_shown"]

_SOURCE = "RFC 9525 section 6"
_SHOWN = 6


def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def normal(host: str) -> str | None:
    """``host`` as it is compared: lower case, without a dot at the end, in ASCII; ``None`` when it is no name."""
    name = host.removesuffix(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def covers(pattern: str, host: str) -> bool:
    """Whether a dNSName is for a host; both normal."""
    if pattern == host:
        return "*" not in pattern
    star, dot, rest = pattern.partition(".")
    label, _, parent = host.partition(".")
    return star == "*" and bool(dot) and rest == parent and "." in rest and bool(label)


def names_shown(leaf: Link) -> str:
    """The hosts that a certificate is for, as part of a sentence."""
    names = [*leaf.dns_names, *leaf.addresses]
    if not names:
        common = f"; its CN is {shown(leaf.common_name)}" if leaf.common_name else ""
        return f"no host in subjectAltName{common}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown(name, 80) for name in names[:_SHOWN]) + more


def name_faults(host: str, leaf: Link, stack: StackProfile) -> list[Fault]:
    """Why the certificate is not for ``host``: nothing, or one fault."""
    if not stack.compares_names.value and stack.compares_names.is_known:
        return []
    found = _address_fault(host, leaf) if is_address(host) else _host_fault(host, leaf, stack)
    if found is None:
        return []
    why, remedy, certainty = found
    asked = shown(host, 80)
    severity = Severity.ERROR
    if not stack.compares_names.value:
        severity, certainty = Severity.WARNING, Certainty.GUESSED
    return [
        Fault(
            Finding(
                Reason.HOSTNAME_MISMATCH,
                severity,
                certainty,
                f"The server's certificate is not for {asked}: {why}.",
                remedy,
                evidence=(leaf.digest, f"asked for: {asked}", f"issued for: {names_shown(leaf)}"),
                source=_SOURCE,
            ),
            Rank.NAME,
            universal=True,
        )
    ]


def _address_fault(host: str, leaf: Link) -> tuple[str, str, Certainty] | None:
    address = str(ipaddress.ip_address(host.strip("[]")))
    if address in leaf.addresses:
        return None
    named = next((name for name in leaf.dns_names if "*" not in name), None)
    if address in leaf.dns_names:
        why = f"it has the address {address} as a DNS name, where addresses do not count"
    elif leaf.addresses:
        why = f"the address was asked for, and it is for {names_shown(leaf)}"
    else:
        why = f"an IP address was asked for, and it is for names: {names_shown(leaf)}"
    remedy = (
        f"Connect by a name that is in it: modemtls request https://{shown(named, 80)}/"
        if named and address != named
        else "Have one issued with this address as an iPAddress in subjectAltName, or connect by a name."
    )
    return why, remedy, Certainty.DERIVED


def _host_fault(host: str, leaf: Link, stack: StackProfile) -> tuple[str, str, Certainty] | None:
    name = normal(host)
    patterns = [pattern for pattern in map(normal, leaf.dns_names) if pattern is not None]
    if name is not None and any(covers(pattern, name) for pattern in patterns):
        return None
    if not leaf.dns_names and not leaf.addresses:
        common = normal(leaf.common_name) if leaf.common_name and not leaf.has_names else None
        if common is not None and name is not None and covers(common, name):
            if stack.common_name.value:
                return None
            return (
                "the name stands in its CN only, and this stack compares subjectAltName",
                f"Have one issued with DNS:{shown(host, 80)} in subjectAltName.",
                surest(stack.common_name),
            )
        return (f"it names {names_shown(leaf)}", _reissue(host), Certainty.DERIVED)
    wild = _wildcard(name or "", patterns)
    if wild is not None:
        return wild, _reissue(host), Certainty.DERIVED
    remedy = _reissue(host)
    first = next((pattern for pattern in patterns if "*" not in pattern), None)
    if first is not None:
        remedy = (
            f"If {shown(first, 80)} is the server that is meant, ask for it by that name: modemtls request "
            f"https://{shown(first, 80)}/. Otherwise {remedy[0].lower()}{remedy[1:]}"
        )
    return f"it is for {names_shown(leaf)}", remedy, Certainty.DERIVED


def _wildcard(name: str, patterns: list[str]) -> str | None:
    for pattern in patterns:
        if "*" not in pattern:
            continue
        rest = pattern.removeprefix("*.")
        if pattern.count("*") > 1 or "*" in rest:
            return f"the wildcard {shown(pattern, 80)} is of a form that no stack need accept"
        if "." not in rest:
            return (
                f"the wildcard {shown(pattern, 80)} stands for a whole top-level domain, which is not allowed"
            )
        if name == rest:
            return f"the wildcard {shown(pattern, 80)} does not cover {shown(rest, 80)} itself"
        if name.endswith(f".{rest}"):
            return f"the wildcard {shown(pattern, 80)} covers one label only, not {shown(name, 80)}"
    return None


def _reissue(host: str) -> str:
    return (
        "Have the server show a certificate for this name: one issued with "
        f"DNS:{shown(host, 80)} in subjectAltName."
    )
