"""``cert``: the credential store, and the trust set."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import Reason, Unsupported
from ..findings import Severity
from ..model import CredentialKind
from .command import Command, Group, asked
from .connection import Connection, complete_model, modem_options
from .credential_files import (
    certificate_object,
    content_of,
    installed_object,
    iso,
    read_file,
    shown_installed,
)
from .failures import FINDINGS, LocalError
from .output import facts, progress, say, show_json, table, when
from .plan import plan

if TYPE_CHECKING:
    from ..credentials import Certificate, CredentialFile, LintFinding, PrivateKey
    from ..model import Limits, StoredCredential

__all__ = ["cert"]

_KINDS = click.Choice([kind.value for kind in CredentialKind])
_SPAN = re.compile(r"(\d{1,6})\s*([hdwy]?)")
_UNITS = {
    "h": timedelta(hours=1),
    "": timedelta(days=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


@click.group(cls=Group)
def cert() -> None:
    """Certificates and keys: the modem's store, and the trust set."""


cert.add_command(plan)


def warnings_in(read: CredentialFile, kind: CredentialKind) -> list[LintFinding]:
    """What may fail because of a file, short of what the modem's limits say; told on stderr."""
    from ..credentials import lint as judged

    found = [finding for finding in judged(read, kind=kind) if finding.severity is Severity.WARNING]
    if not asked().json:
        for finding in found:
            say(f"warning: {finding.message}", err=True)
    return found


def _span(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is not a span such as 30d, 12h, 6w or 1y.")
    return int(found[1]) * _UNITS[found[2]]


@cert.command("list")
@click.option(
    "--expires-within", callback=_span, metavar="SPAN",
    help="Only what ends within SPAN (30d, 12h, 6w, 1y) by this computer's clock, or has ended.",
)  # fmt: skip
@modem_options
def list_(connection: Connection, expires_within: timedelta | None) -> None:
    """List what the store shows; and, where TLS runs on this computer, the trust set that is here."""
    with connection.open() as modem:
        stored = modem.credentials.list()
        where = modem.tls
        trusted = modem.credentials.trusted() if where == "host" else ()
    now = datetime.now(UTC)
    if expires_within is not None:
        end = now + expires_within
        trusted = tuple(each for each in trusted if each.not_after <= end)
        unknown = [str(each.slot) for each in stored if each.not_after is None]
        if unknown:
            say(f"note: the modem shows no end for slot {', '.join(unknown)}.", err=True)
        stored = tuple(each for each in stored if each.not_after is not None and each.not_after <= end)
    if asked().json:
        show_json(
            credentials=[_stored_object(each, now) for each in stored],
            trust_set={
                "where": where,
                "certificates": [certificate_object(each) for each in trusted] if where == "host" else None,
            },
        )
        return
    table(
        ("SLOT", "KIND", "SUBJECT", "ISSUER", "UNTIL", "FINGERPRINT", "NOTE"),
        [
            (
                each.slot,
                each.kind.value,
                each.subject,
                each.issuer,
                "-" if each.not_after is None else f"{each.not_after:%Y-%m-%d}",
                f"{each.fingerprint_hash}:{each.fingerprint}" if each.fingerprint else None,
                _note(each, now),
            )
            for each in stored
        ]
        + [_trusted_row(each, now) for each in trusted],
    )


def _trusted_row(each: Certificate, now: datetime) -> tuple[object, ...]:
    notes = ["trusted, on this computer"] + ["expired"] * (each.not_after < now)
    until = f"{each.not_after:%Y-%m-%d}"
    return None, "ca", each.subject, each.issuer, until, f"sha256:{each.sha256}", ", ".join(notes)


def _note(stored: StoredCredential, now: datetime) -> str | None:
    notes = ["the vendor's"] if stored.reserved else []
    if stored.not_after is not None and stored.not_after < now:
        notes.append("expired")
    if stored.not_before is not None and stored.not_before > now:
        notes.append("not yet valid")
    return ", ".join(notes) or None


def _stored_object(stored: StoredCredential, now: datetime) -> dict[str, Any]:
    return {
        "slot": stored.slot,
        "kind": stored.kind.value,
        "subject": stored.subject,
        "issuer": stored.issuer,
        "not_before": iso(stored.not_before),
        "not_after": iso(stored.not_after),
        "fingerprint": stored.fingerprint,
        "fingerprint_hash": stored.fingerprint_hash,
        "reserved": stored.reserved,
        "expired": stored.not_after is not None and stored.not_after < now,
    }


@cert.command("import")
@click.argument("file")
@click.option("--kind", type=_KINDS, help="What it is for; without it, what the file looks like.")
@click.option("--slot", type=int, metavar="N", help="Into this slot; without it, into a free one.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@modem_options
def import_(connection: Connection, file: str, kind: str | None, slot: int | None, dry_run: bool) -> None:
    """Store FILE (a certificate, a chain or a key) in a slot; no security profile changes."""
    from ..credentials import suggested_kind

    read = read_file(file)
    use = suggested_kind(read) if kind is None else CredentialKind(kind)
    warnings = warnings_in(read, use)
    source: str | bytes = content_of(read) if file == "-" else file
    with connection.open() as modem, progress("Storing", shown=not dry_run) as update:
        installed = modem.credentials.put(source, use, slot=slot, dry_run=dry_run, progress=update)
    if asked().json:
        show_json(
            dry_run=dry_run, **installed_object(installed), warnings=[_finding(each) for each in warnings]
        )
    elif dry_run:
        what = "would be stored" if installed.written else "is there already, nothing would be written"
        say(f"{installed.kind.value} in slot {installed.slot}: {what}.")
    else:
        shown_installed(installed)


@cert.command()
@click.argument("slot", type=int)
@click.option("--kind", type=_KINDS, required=True, help="Keys have slots of their own.")
@click.option("--force", is_flag=True, help="Also when a security profile names it.")
@modem_options
def remove(connection: Connection, slot: int, kind: str, force: bool) -> None:
    """Empty SLOT, unless a security profile names it."""
    with connection.open() as modem:
        named_by = modem.credentials.remove(slot, CredentialKind(kind), force=force)
    if asked().json:
        show_json(removed=slot, kind=kind, named_by_profiles=list(named_by))
        return
    say(f"{kind} slot {slot} is empty.")
    if named_by:
        say(
            f"Security profile {', '.join(map(str, named_by))} still names it: a connection with it will fail."
            " modemtls profile show tells more.",
            err=True,
        )


@cert.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--add", is_flag=True, help="Keep what is trusted already.")
@modem_options
def trust(connection: Connection, files: tuple[str, ...], add: bool) -> None:
    """Make the CA certificates in the FILEs the trust set: servers are verified against these alone."""
    read = [read_file(file) for file in files]
    warnings = [finding for each in read for finding in warnings_in(each, CredentialKind.CA)]
    sources: list[str | bytes] = [
        content_of(each) if file == "-" else file for file, each in zip(files, read, strict=True)
    ]
    with connection.open() as modem, progress("Storing") as update:
        installed = modem.trust(*sources, add=add, progress=update)
    trusted = {certificate.sha256: certificate for each in read for certificate in each.certificates}.values()
    if asked().json:
        show_json(
            **installed_object(installed),
            add=add,
            certificates=[certificate_object(certificate) for certificate in trusted],
            warnings=[_finding(each) for each in warnings],
        )
        return
    for certificate in trusted:
        say(f"trusted: {certificate.subject}, until {certificate.not_after:%Y-%m-%d}")
    shown_installed(installed)


@cert.command(cls=Command)
@click.argument("file")
@click.option(
    "--model", metavar="NAME", shell_complete=complete_model, help="Judge by this model's limits too."
)
@click.option("--kind", type=_KINDS, help="What it is to be used for; without it, what it looks like.")
@click.pass_context
def lint(ctx: click.Context, file: str, model: str | None, kind: str | None) -> None:
    """Say what is wrong with FILE (- is standard input), without a modem.

    The status is 13 when something may fail because of it, 6 when no certificate or key in it can be read.
    """
    from .. import credentials

    limits = None if model is None else _limits_of(model)
    read = read_file(file)
    found = credentials.lint(read, limits=limits, kind=None if kind is None else CredentialKind(kind))
    if asked().json:
        show_json(
            file=read.source,
            certificates=[certificate_object(certificate) for certificate in read.certificates],
            keys=[_key(key) for key in read.keys],
            findings=[_finding(finding) for finding in found],
        )
    else:
        _show_file(read, found)
    if any(finding.severity is not Severity.NOTE for finding in found):
        ctx.exit(FINDINGS)


def _limits_of(name: str) -> Limits:
    from ..operations import vendor_options
    from ..plugins import find_model
    from ..settings import Settings

    model = find_model(name)
    try:
        return model.resolve("", vendor_options(model, Settings())).limits
    except Unsupported as error:
        if Reason.INVALID_PARAMETER in error.reasons:
            raise LocalError(error.message, error.remedy) from None
        raise


def _key(key: PrivateKey) -> dict[str, Any]:
    return {
        "key_type": key.key_type,
        "key_bits": key.key_bits,
        "curve": key.curve,
        "encrypted": key.encrypted,
        "label": key.label,
        "line": key.line,
    }


def _finding(finding: LintFinding) -> dict[str, Any]:
    return {
        "severity": finding.severity.name.lower(),
        "reason": finding.reason.value,
        "message": finding.message,
        "remedy": finding.remedy,
        "line": finding.line,
    }


def _kind_of_key(kind: str, bits: int | None, curve: str | None) -> str:
    return f"{kind} {curve or (f'{bits} bits' if bits else '')}".strip()


def _show_file(read: CredentialFile, found: tuple[LintFinding, ...]) -> None:
    for certificate in read.certificates:
        facts(
            [
                ("certificate", certificate.subject or "without a subject"),
                ("issuer", certificate.issuer),
                ("valid", f"{when(certificate.not_before)} to {when(certificate.not_after)}"),
                ("key", _kind_of_key(certificate.key_type, certificate.key_bits, certificate.curve)),
                ("CA", "yes" if certificate.is_ca else "no"),
                ("names", ", ".join(certificate.names) or None),
                ("sha256", certificate.sha256),
            ]
        )
    for key in read.keys:
        sealed = ", encrypted" if key.encrypted else ""
        facts([("private key", _kind_of_key(key.key_type, key.key_bits, key.curve) + sealed)])
    for finding in found:
        where = f"line {finding.line}: " if finding.line is not None else ""
        say(f"{finding.severity.name.lower()}: {where}{finding.message}")
        if finding.remedy:
            say(f"  try: {finding.remedy}")
    if not found:
        say("Nothing is wrong with it.")
