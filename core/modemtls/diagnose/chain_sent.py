"""What a server sends, as it was sent: what cannot be read, is repeated, or comes in an odd order."""

from __future__ import annotations

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..stack import StackProfile
from .chain_parts import Link, Pool
from .faults import Fault, Rank, surest
from .view import ServerView

__all__ = ["sent_faults", "server_leaf", "sni_faults"]

_SOURCE = "RFC 8446 section 4.4.2"
_SHOWN = 4


def server_leaf(sent: Pool) -> Link | None:
    """The server's own certificate: the first, unless that is a CA's and another one is plainly not.

    ``None`` when the first cannot be read.
    """
    first = next((link for link in sent.links if link.position == 0), None)
    if first is None or not first.is_ca or (first.record.is_self_signed and len(sent.links) == 1):
        return first
    others = [link for link in sent.links if link is not first and not link.is_ca and link.has_names]
    return others[0] if len(others) == 1 else first


def sent_faults(sent: Pool, leaf: Link | None) -> list[Fault]:
    """What is wrong with the message itself."""
    faults = []
    for unread in sent.unread[:_SHOWN]:
        own = unread.position == 0
        too_large = unread.size > 64 * 1024
        faults.append(
            Fault(
                Finding(
                    Reason.TOO_LARGE if too_large else Reason.MALFORMED,
                    Severity.ERROR if own else Severity.WARNING,
                    Certainty.DERIVED if own and unread.is_torn else Certainty.GUESSED,
                    f"The certificate that the server {unread.where.replace('sent', 'sends')} cannot be read: "
                    f"{unread.why}.",
                    "Have the server show another one; look at it with: openssl s_client -showcerts",
                    (f"{unread.where}: {unread.size} bytes",),
                    _SOURCE,
                ),
                Rank.TRUST if own else Rank.SIZE,
            )
        )
    if sent.left_out:
        faults.append(
            Fault(
                Finding(
                    Reason.CHAIN_TOO_LONG,
                    Severity.ERROR,
                    Certainty.GUESSED,
                    f"The server sends so much that {sent.left_out} of its certificates were not looked at.",
                    "Have the server send its own certificate and the intermediates, and nothing else.",
                    (f"looked at: {len(sent.links)} certificates",),
                    _SOURCE,
                ),
                Rank.SIZE,
            )
        )
    if leaf is not None and leaf.position not in (0, None):
        faults.append(
            Fault(
                Finding(
                    Reason.CHAIN_ORDER,
                    Severity.ERROR,
                    Certainty.GUESSED,
                    f"The server's own certificate seems to be {leaf.name}, which is not the first one sent; the first "
                    "must be the server's.",
                    "Have the server send its own certificate first and after each one its issuer.",
                    tuple(link.digest for link in sent.links[:4]),
                    _SOURCE,
                ),
                Rank.TRUST,
            )
        )
    if sent.repeated:
        faults.append(
            Fault(
                Finding(
                    Reason.CHAIN_ORDER,
                    Severity.NOTE,
                    Certainty.DERIVED,
                    "The server sends a certificate more than once.",
                    "Have it send each once.",
                    sent.repeated[:4],
                    _SOURCE,
                ),
                Rank.REMARK,
            )
        )
    return faults


def sni_faults(view: ServerView, stack: StackProfile, *, misnamed: bool) -> list[Fault]:
    """Whether the server may show another certificate because it was not told the name."""
    trait = stack.sends_sni
    remedy = (
        "Use a name of its own or an address of its own for the server, or TLS of this computer: --tls host"
    )
    if not trait.value and view.chain_without_sni is not None:
        if view.chain_without_sni == view.chain:
            return []
        severity, certainty, rank = Severity.ERROR, surest(trait), Rank.VERSION
        message = "The server shows other certificates to clients that do not name the host, and this model does not."
    elif not trait.value:
        severity, certainty, rank = Severity.NOTE, Certainty.GUESSED, Rank.ASSUMED
        message = "This model does not name the host in the handshake (SNI); whether the server needs it was not tried."
        if misnamed:
            severity, rank = Severity.WARNING, Rank.SNI
    elif misnamed and view.with_sni is False:
        severity, certainty, rank = Severity.WARNING, Certainty.GUESSED, Rank.SNI
        message = "These certificates were seen without naming the host; with it the server may show others."
        remedy = "Look again with the name: openssl s_client -connect HOST:443 -servername HOST"
    elif misnamed and not trait.is_known and view.with_sni is None:
        severity, certainty, rank = Severity.NOTE, Certainty.GUESSED, Rank.SNI
        message = "The server may show other certificates to clients that name the host (SNI) and those that do not."
    else:
        return []
    evidence = (
        f"named when seen: {'not known' if view.with_sni is None else 'yes' if view.with_sni else 'no'}",
    )
    finding = Finding(Reason.SNI_NEEDED, severity, certainty, message, remedy, evidence, "RFC 6066 section 3")
    return [Fault(finding, rank)]
