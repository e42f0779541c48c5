"""What is wrong with a credential, before a modem's flash is touched.

A finding says what was found, what it means and what to do.  ERROR: the modem would refuse it, or a
connection with it must fail.  WARNING: it may fail with some modems or servers, or soon.  NOTE: good to
know.  Sizes are counted after normalisation, as they would be sent.  What depends on a model comes
from its :class:`~modemtls.Limits`; without them only the file itself is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import CredentialError, Reason
from ..findings import Severity
from ..model import CredentialKind, Limits
from .records import Certificate, CredentialFile, PrivateKey, bundle, pairs, visible

__all__ = ["LintFinding", "Severity", "check", "lint", "suggested_kind"]

SOON = timedelta(days=30)
_WEAK_HASHES = frozenset({"md5", "sha1"})
_STRONG_RSA_BITS = 2048
_STRONG_EC_BITS = 224


@dataclass(frozen=True)
class LintFinding:
    """One thing that was found; ``line`` is ``None`` where it concerns the whole file or DER."""

    severity: Severity
    reason: Reason
    message: str
    remedy: str | None = None
    line: int | None = None


def _name(certificate: Certificate) -> str:
    subject = certificate.subject or f"without a subject, serial {certificate.serial}"
    return f"The certificate {subject[:80] + '…' if len(subject) > 80 else subject}"


def suggested_kind(file: CredentialFile) -> CredentialKind:
    """What a file seems to be for: a key, a certificate (with its key or chain), or a trust set.

    It is a trust set when there is nothing but CA certificates in it.
    """
    if not file.certificates:
        return CredentialKind.KEY
    if file.keys or not all(certificate.is_ca for certificate in file.certificates):
        return CredentialKind.CERTIFICATE
    return CredentialKind.CA


def lint(
    file: CredentialFile,
    *,
    limits: Limits | None = None,
    kind: CredentialKind | None = None,
    now: datetime | None = None,
) -> tuple[LintFinding, ...]:
    """What is wrong with the file for the use as ``kind``: the worst first, then by line.

    ``kind``: ``None`` is what the file suggests (certificate with key, trust set, or key).
    ``limits``: those of the model that is to store it.  ``now``: aware; ``None`` is the host's clock.

    :raises ValueError: ``now`` has no time zone.
    """
    now = datetime.now(UTC) if now is None else now
    if now.tzinfo is None:
        raise ValueError("now must be aware, e.g. datetime.now(UTC)")
    use = suggested_kind(file) if kind is None else kind
    findings = list(_wrong_kind(file, use, asked=kind is not None))
    if use is not CredentialKind.KEY:
        for certificate in file.certificates:
            findings += _dates(certificate, now)
            findings += _signature(certificate)
            findings += _strength(certificate, limits, _name(certificate))
        findings += _leaves(file) if use is CredentialKind.CA else _order(file)
        findings += _bundle_size(file, limits)
    if kind in (None, CredentialKind.KEY):
        for key in file.keys:
            findings += _key(key, limits)
        findings += _number_of_keys(file)
    findings += _pairing(file)
    findings += _repeated(file)
    findings += [
        LintFinding(Severity.NOTE, Reason.MALFORMED, note.message, None, note.line) for note in file.mended
    ]
    return tuple(sorted(findings, key=lambda finding: (finding.severity, finding.line or 0)))


def check(findings: Iterable[LintFinding]) -> None:
    """Stop at the first error among the findings.

    :raises CredentialError: there is one; all findings are on its ``findings``.
    """
    findings = tuple(findings)
    for finding in findings:
        if finding.severity is Severity.ERROR:
            where = f" (line {finding.line})" if finding.line is not None else ""
            raise CredentialError(
                f"{finding.message}{where}" if where else finding.message,
                remedy=finding.remedy,
                reasons={finding.reason},
                findings=findings,
            )


def _wrong_kind(file: CredentialFile, use: CredentialKind, *, asked: bool) -> Iterator[LintFinding]:
    source = visible(file.source)
    if use is CredentialKind.KEY and not file.keys:
        yield LintFinding(
            Severity.ERROR,
            Reason.INVALID_PARAMETER,
            f"A private key is wanted, but {source} has certificates only.",
            "Give the file with the key, or import this one as a certificate.",
            file.certificates[0].line if file.certificates else None,
        )
    elif use is not CredentialKind.KEY and not file.certificates:
        yield LintFinding(
            Severity.ERROR,
            Reason.NOT_A_CERTIFICATE,
            f"A certificate is wanted, but {source} has a private key only.",
            "Give the file with the certificate, or import this one as a key.",
            file.keys[0].line if file.keys else None,
        )
    elif asked and use is CredentialKind.KEY and file.certificates:
        yield LintFinding(
            Severity.WARNING,
            Reason.INVALID_PARAMETER,
            f"{source} has certificates besides the private key; as a key, only the key counts.",
            "Import the certificates by themselves.",
            file.certificates[0].line,
        )
    elif asked and use is not CredentialKind.KEY and file.keys:
        yield LintFinding(
            Severity.WARNING,
            Reason.INVALID_PARAMETER,
            f"{source} has a private key besides the certificates; as a certificate, the key does not count.",
            "Keep the key in a file of its own, which others cannot read, and import it as a key.",
            file.keys[0].line,
        )


def _dates(certificate: Certificate, now: datetime) -> Iterator[LintFinding]:
    name = _name(certificate)
    if certificate.not_after < certificate.not_before:
        yield LintFinding(
            Severity.ERROR,
            Reason.EXPIRED,
            f"{name} is never valid: it ends ({certificate.not_after:%Y-%m-%d}) before it begins "
            f"({certificate.not_before:%Y-%m-%d}).",
            "Have it issued anew.",
            certificate.line,
        )
    elif now > certificate.not_after:
        yield LintFinding(
            Severity.ERROR,
            Reason.EXPIRED,
            f"{name} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC, by the clock of this computer.",
            "Get its successor, or set the clock if that is wrong.",
            certificate.line,
        )
    elif now < certificate.not_before:
        yield LintFinding(
            Severity.ERROR,
            Reason.NOT_YET_VALID,
            f"{name} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC, by the clock of this "
            "computer.",
            "Wait until then, or set the clock if that is wrong.",
            certificate.line,
        )
    elif now > certificate.not_after - SOON:
        yield LintFinding(
            Severity.WARNING,
            Reason.EXPIRED,
            f"{name} expires soon, on {certificate.not_after:%Y-%m-%d %H:%M} UTC.",
            "Plan its replacement.",
            certificate.line,
        )


def _signature(certificate: Certificate) -> Iterator[LintFinding]:
    if certificate.is_self_signed:
        return
    if certificate.is_self_issued:
        yield LintFinding(
            Severity.WARNING,
            Reason.MALFORMED,
            f"{_name(certificate)} is issued under its own name, but its signature does not fit its own key: "
            "it is damaged, or was signed with another key of the same name.",
            "Compare its SHA-256 fingerprint with the one that its issuer publishes.",
            certificate.line,
        )
    if certificate.signature_hash in _WEAK_HASHES:
        yield LintFinding(
            Severity.WARNING,
            Reason.UNSUPPORTED_HASH,
            f"{_name(certificate)} is signed with {certificate.signature_hash.upper()}, which today's TLS "
            "stacks refuse.",
            "Have it issued anew with SHA-256.",
            certificate.line,
        )


def _strength(item: Certificate | PrivateKey, limits: Limits | None, name: str) -> Iterator[LintFinding]:
    bits, kind, weak = item.key_bits or 0, item.key_type, Reason.WEAK_OR_UNSUPPORTED_KEY

    def finding(severity: Severity, reason: Reason, what: str, remedy: str) -> LintFinding:
        return LintFinding(severity, reason, f"{name} {what}", remedy, item.line)

    if limits is not None:
        if kind not in limits.key_types:
            known = ", ".join(sorted(limits.key_types))
            what = f"has a key of type {kind}; this model can use: {known}."
            yield finding(Severity.ERROR, weak, what, "Use one with a key of such a type.")
            return
        if kind == "rsa" and limits.max_rsa_bits is not None and bits > limits.max_rsa_bits:
            what = f"has an RSA key of {bits} bits; this model can use {limits.max_rsa_bits} at most."
            yield finding(Severity.ERROR, weak, what, "Use one with a smaller RSA key or an EC key.")
            return
        if kind == "rsa" and bits < limits.min_rsa_bits:
            what = f"has an RSA key of {bits} bits; this model wants {limits.min_rsa_bits} at least."
            yield finding(Severity.ERROR, weak, what, "Use one with a larger RSA key or an EC key.")
            return
        if kind == "ec" and limits.curves is not None and item.curve not in limits.curves:
            known = ", ".join(sorted(limits.curves))
            what = f"has a key on the curve {item.curve}; this model can use: {known}."
            yield finding(
                Severity.ERROR, Reason.UNSUPPORTED_CURVE, what, "Use one with a key on such a curve."
            )
            return
    if kind == "rsa" and bits < _STRONG_RSA_BITS:
        what = f"has an RSA key of only {bits} bits, which today's TLS stacks refuse."
        yield finding(Severity.WARNING, weak, what, "Use 2048 bits or more, or an EC key.")
    elif kind == "ec" and bits < _STRONG_EC_BITS:
        what = f"has an EC key of only {bits} bits ({item.curve}), which today's TLS stacks refuse."
        yield finding(Severity.WARNING, weak, what, "Use a key on secp256r1.")
    elif kind in {"dsa", "other"}:
        what = "has a key of a kind that TLS stacks of today do not use or cannot read."
        yield finding(Severity.WARNING, weak, what, "Use an RSA key, or an EC key on a named curve.")


def _leaves(file: CredentialFile) -> Iterator[LintFinding]:
    for certificate in file.certificates:
        if certificate.is_ca:
            continue
        if certificate.is_self_signed:
            yield LintFinding(
                Severity.WARNING,
                Reason.LEAF_AS_ANCHOR,
                f"{_name(certificate)} is self-signed but no CA certificate; some TLS stacks refuse it as "
                "a trust anchor.",
                "Better have the server's certificate issued by a CA, and store that CA.",
                certificate.line,
            )
        else:
            yield LintFinding(
                Severity.ERROR,
                Reason.LEAF_AS_ANCHOR,
                f"{_name(certificate)} is no CA certificate but the certificate of a server or device: as a "
                "trust anchor it vouches for nobody.",
                f"Store the CA that issued it: {certificate.issuer or 'its issuer'}.",
                certificate.line,
            )
    if file.certificates and not any(certificate.is_self_signed for certificate in file.certificates):
        yield LintFinding(
            Severity.NOTE,
            Reason.UNKNOWN_ISSUER,
            "No root is among the certificates; some TLS stacks want the chain up to a self-signed root.",
            "If connections fail for an unknown issuer, add the root.",
        )


def _order(file: CredentialFile) -> Iterator[LintFinding]:
    leaves = [certificate for certificate in file.certificates if not certificate.is_ca]
    if leaves and file.certificates[0] is not leaves[0]:
        yield LintFinding(
            Severity.WARNING,
            Reason.INVALID_PARAMETER,
            f"{_name(leaves[0])} stands after a CA certificate; a chain is sent in this order, and "
            "servers expect the one that the key belongs to first.",
            "Put it first, then the one that issued it, and so on.",
            leaves[0].line,
        )


def _bundle_size(file: CredentialFile, limits: Limits | None) -> Iterator[LintFinding]:
    if limits is None or limits.max_certificate_bytes is None:
        return
    size = len(bundle(file.certificates))
    if size > limits.max_certificate_bytes:
        number = len(file.certificates)
        what = "The certificate takes" if number == 1 else f"The {number} certificates together take"
        yield LintFinding(
            Severity.ERROR,
            Reason.TOO_LARGE,
            f"{what} {size} bytes as PEM; a slot of this model holds {limits.max_certificate_bytes}.",
            "Use one with an EC key, which is smaller." if number == 1 else "Leave out what is not needed.",
            file.certificates[0].line,
        )


def _key(key: PrivateKey, limits: Limits | None) -> Iterator[LintFinding]:
    if key.encrypted:
        yield LintFinding(
            Severity.ERROR,
            Reason.KEY_ENCRYPTED,
            f"The private key ({key.label}) is encrypted; a modem has no password for it.",
            "Decrypt it first, e.g. with: openssl pkey -in KEY.pem -out PLAIN.pem",
            key.line,
        )
    else:
        yield from _strength(key, limits, "The private key")
    if limits is not None and limits.max_key_bytes is not None and len(key.pem) > limits.max_key_bytes:
        yield LintFinding(
            Severity.ERROR,
            Reason.TOO_LARGE,
            f"The private key takes {len(key.pem)} bytes as PEM; a slot of this model holds "
            f"{limits.max_key_bytes}.",
            "Use an EC key, or an RSA key of fewer bits, with a new certificate for it.",
            key.line,
        )


def _number_of_keys(file: CredentialFile) -> Iterator[LintFinding]:
    if len(file.keys) > 1:
        lines = ", ".join(str(key.line) for key in file.keys)
        yield LintFinding(
            Severity.ERROR,
            Reason.INVALID_PARAMETER,
            f"{visible(file.source)} has {len(file.keys)} private keys (lines {lines}); a slot takes one.",
            "Leave the one that belongs to the certificate.",
            file.keys[1].line,
        )


def _pairing(file: CredentialFile) -> Iterator[LintFinding]:
    certificates = [certificate for certificate in file.certificates if certificate.public_key_sha256]
    if not certificates:
        return
    for key in file.keys:
        if not key.encrypted and not any(pairs(certificate, key) for certificate in certificates):
            yield LintFinding(
                Severity.ERROR,
                Reason.KEY_MISMATCH,
                "The private key belongs to none of the certificates in the file: a server that asks for a "
                "client certificate would refuse the connection.",
                "Give the key that was made for the certificate, or have a certificate issued for this key.",
                key.line,
            )


def _repeated(file: CredentialFile) -> Iterator[LintFinding]:
    seen: set[str] = set()
    for certificate in file.certificates:
        if certificate.sha256 in seen:
            yield LintFinding(
                Severity.NOTE,
                Reason.INVALID_PARAMETER,
                f"{_name(certificate)} stands twice in the file; it is stored once.",
                None,
                certificate.line,
            )
        seen.add(certificate.sha256)
