"""Credentials as the commands read them from files, and as they show them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .output import say

if TYPE_CHECKING:
    from ..credentials import Certificate, CredentialFile
    from ..store import Installed

__all__ = ["certificate_object", "content_of", "installed_object", "iso", "read_file", "shown_installed"]


def read_file(name: str) -> CredentialFile:
    """The credentials in a file; ``-`` is standard input.

    :raises CredentialError: there are none in it, or it is damaged.
    :raises OSError: it cannot be read.
    """
    from .. import credentials

    if name == "-":
        return credentials.read(
            sys.stdin.buffer.read(credentials.MAX_FILE_BYTES + 1), source="standard input"
        )
    with Path(name).open("rb") as file:
        return credentials.read(file.read(credentials.MAX_FILE_BYTES + 1), source=name)


def content_of(file: CredentialFile) -> bytes:
    """What a file holds, normalised: standard input can be read only once."""
    from .. import credentials

    return credentials.bundle(file.certificates) + b"".join(key.pem for key in file.keys)


def installed_object(installed: Installed) -> dict[str, Any]:
    """What became of a credential, in JSON."""
    return {
        "where": installed.where,
        "slot": installed.slot if installed.where == "modem" else None,
        "kind": installed.kind.value,
        "written": installed.written,
        "verified": installed.verified,
        "certainty": installed.certainty.value,
        "removed": list(installed.removed),
        "kept": list(installed.kept),
    }


def shown_installed(installed: Installed, *, err: bool = False) -> None:
    """What became of a credential, for people."""
    say(f"{installed}.", err=err)
    if not installed.verified and installed.written:
        say("  unverified: the modem took it, and does not show this content for comparison.", err=err)
    elif not installed.verified:
        say("  unverified: it was there already; this modem does not show its content.", err=err)
    if installed.removed:
        say(f"  removed: slot {', '.join(map(str, installed.removed))}, which it replaces", err=err)
    if installed.kept:
        slots = ", ".join(map(str, installed.kept))
        say(f"  kept: slot {slots}, until a handshake has succeeded with the new one", err=err)


def iso(time: datetime | None) -> str | None:
    """A time in JSON."""
    return None if time is None else time.astimezone(UTC).isoformat()


def certificate_object(certificate: Certificate) -> dict[str, Any]:
    """A certificate in JSON."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "key_type": certificate.key_type,
        "key_bits": certificate.key_bits,
        "curve": certificate.curve,
        "signature_hash": certificate.signature_hash,
        "is_ca": certificate.is_ca,
        "is_self_signed": certificate.is_self_signed,
        "names": list(certificate.names),
        "sha256": certificate.sha256,
        "sha1": certificate.sha1,
        "line": certificate.line,
    }
