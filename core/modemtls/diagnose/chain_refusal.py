"""Explanation against verdict: a fault that a verifier does not see, and a refusal that nothing explains.

The first becomes a guess.  The second becomes a finding, as a guess: that a strict verifier complains says
little about a modem, unless its stack is known to be strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..stack import StackProfile
from .chain_verdicts import Answer
from .faults import Fault, Rank, doubted
from .standards import reasons_of_verify_code

__all__ = ["compare_with_answers"]

#: What the sentences of cryptography's verifier are about, by words in them; the first that fits.
_ABOUT = (
    ("maximum signature check", Reason.CHAIN_TOO_LONG),
    ("not valid at validation time", Reason.EXPIRED),
    ("basicConstraints", Reason.WRONG_USAGE),
    ("subject", Reason.HOSTNAME_MISMATCH),
    ("name constraint", Reason.NAME_CONSTRAINTS),
    ("subtree", Reason.NAME_CONSTRAINTS),
    ("depth", Reason.CHAIN_TOO_LONG),
    ("path length", Reason.CHAIN_TOO_LONG),
    ("EKU", Reason.WRONG_USAGE),
    ("extension", Reason.WRONG_USAGE),
    ("signature does not match", Reason.HANDSHAKE_FAILED),
    ("signature algorithm", Reason.UNSUPPORTED_HASH),
    ("public key algorithm", Reason.WEAK_OR_UNSUPPORTED_KEY),
    ("key", Reason.WEAK_OR_UNSUPPORTED_KEY),
)
_USUAL = (
    Reason.EXPIRED,
    Reason.NOT_YET_VALID,
    Reason.UNKNOWN_ISSUER,
    Reason.SELF_SIGNED,
    Reason.NOT_A_CA,
    Reason.WRONG_USAGE,
    Reason.BAD_SIGNATURE,
)


def compare_with_answers(
    faults: Sequence[Fault], answers: Sequence[Answer], stack: StackProfile
) -> list[Fault]:
    """The faults, as sure as they can be beside what the verifiers said."""
    strict, usual = answers
    said = tuple(map(str, answers))
    if strict.accepted:
        faults = [
            doubted(fault, str(strict)) if fault.universal and fault.is_error else fault for fault in faults
        ]
    errors = [fault for fault in faults if fault.is_error]
    if errors:
        return [_with_evidence(fault, said) if fault.is_error else fault for fault in faults]
    if strict.accepted is False and usual.accepted is False:
        return [*faults, _unexplained(strict, usual, said)]
    if strict.accepted is False:
        return [*faults, *_strict_alone(faults, strict, usual, said, stack)]
    if usual.accepted is False:
        return [*faults, _openssl_alone(usual, said)]
    return list(faults)


def _with_evidence(fault: Fault, said: tuple[str, ...]) -> Fault:
    return replace(fault, finding=replace(fault.finding, evidence=(*fault.finding.evidence, *said)))


def _reason_of_words(words: str) -> Reason:
    return next((reason for word, reason in _ABOUT if word in words), Reason.HANDSHAKE_FAILED)


def _reason_of_code(code: int | None, words: str) -> Reason:
    reasons = reasons_of_verify_code(code) if code is not None else frozenset()
    return next((reason for reason in _USUAL if reason in reasons), None) or (
        next(iter(sorted(reasons, key=list(Reason).index)), _reason_of_words(words))
    )


def _unexplained(strict: Answer, usual: Answer, said: tuple[str, ...]) -> Fault:
    return Fault(
        Finding(
            _reason_of_code(usual.code, strict.words),
            Severity.ERROR,
            Certainty.GUESSED,
            f"Two verifiers refuse the chain, and no check here shows why. OpenSSL says: {usual.words}.",
            "Look at the server's certificates: openssl s_client -connect HOST:443 -servername HOST -showcerts",
            said,
        ),
        Rank.TRUST,
    )


def _strict_alone(
    faults: Sequence[Fault], strict: Answer, usual: Answer, said: tuple[str, ...], stack: StackProfile
) -> list[Fault]:
    """A strict verifier's complaint that nobody else makes."""
    if any(fault.rank is Rank.STRICT for fault in faults):
        return []
    severity = Severity.ERROR if stack.strict.value else Severity.WARNING
    other = "OpenSSL does not mind." if usual.accepted else f"OpenSSL was not asked: {usual.words}."
    return [
        Fault(
            Finding(
                _reason_of_words(strict.words),
                severity,
                Certainty.GUESSED,
                f"A strict verifier refuses the chain: {strict.words}. {other}",
                "If nothing else helps, have the certificate issued by the rules for public servers.",
                said,
            ),
            Rank.STRICT,
        )
    ]


def _openssl_alone(usual: Answer, said: tuple[str, ...]) -> Fault:
    return Fault(
        Finding(
            _reason_of_code(usual.code, usual.words),
            Severity.WARNING,
            Certainty.GUESSED,
            f"One verifier finds a way to a trusted CA and OpenSSL does not: {usual.words}. Stacks that look at one "
            "path only refuse this chain.",
            "Have the server send its own certificate and its intermediates in order, and nothing else.",
            said,
        ),
        Rank.STRICT,
    )
