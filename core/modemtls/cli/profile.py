"""``profile``: the security profiles in the modem, and what is illegal in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import CredentialError, Reason, Unsupported
from ..policy import Check
from .command import Group, asked
from .connection import Connection, modem_options
from .failures import certainty_in_words
from .output import facts, say, show_json

if TYPE_CHECKING:
    from ..findings import Finding
    from ..model import StoredProfile

__all__ = ["profile"]


@click.group(cls=Group)
def profile() -> None:
    """Security profiles: what the modem verifies, and with which slots."""


def _checks(stored: StoredProfile) -> list[str] | None:
    if stored.checks is None:
        return None
    return [check.value for check in Check if check in stored.checks]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.name.lower(),
        "reason": finding.reason.value,
        "certainty": finding.certainty.value,
        "message": finding.message,
        "remedy": finding.remedy,
        "field": finding.field,
        "value": finding.value,
        "evidence": list(finding.evidence),
        "source": finding.source,
    }


@profile.command()
@click.argument("number", type=int, required=False, metavar="[N]")
@modem_options
def show(connection: Connection, number: int | None) -> None:
    """Show the configured profiles, or profile N, and what is wrong in them."""
    with connection.open() as modem:
        numbers = modem.limits.security_profiles
        if number is not None and number not in numbers:
            there = f"there are {numbers[0]} to {numbers[-1]}" if numbers else "it has none"
            raise Unsupported(
                f"{modem.model.name} has no security profile {number}: {there}.",
                remedy="modemtls profile show lists those that are configured.",
                reasons={Reason.INVALID_PARAMETER},
                model=modem.model.name,
            )
        found = modem.profiles.findings()
        own = modem.settings.security_profile
        owned = own if own is not None else numbers[-1] if numbers else None
        model = modem.model.name
    if number is not None:
        found = tuple(each for each in found if each[0].number == number)
        if not found:
            raise CredentialError(
                f"Security profile {number} is not configured.",
                remedy="modemtls profile show lists those that are.",
                reasons={Reason.PROFILE_ILLEGAL},
                model=model,
            )
    if asked().json:
        show_json(
            model=model,
            owned_profile=owned,
            profiles=[
                {
                    "number": stored.number,
                    "fields": dict(stored.fields),
                    "checks": _checks(stored),
                    "ca_slot": stored.ca_slot,
                    "client_slot": stored.client_slot,
                    "client_key_slot": stored.client_key_slot,
                    "findings": [_finding(finding) for finding in findings],
                }
                for stored, findings in found
            ],
        )
        return
    if not found:
        say("No security profile is configured.")
    for index, (stored, findings) in enumerate(found):
        if index:
            say()
        _show(stored, findings, owned)


def _show(stored: StoredProfile, findings: tuple[Finding, ...], owned: int | None) -> None:
    whose = " (the one that modemtls owns)" if stored.number == owned else ""
    checks = _checks(stored)
    verifies = "cannot be told" if checks is None else ", ".join(checks) or "nothing"
    say(f"Security profile {stored.number}{whose}")
    facts([*((f"  {name}", value or "-") for name, value in stored.fields), ("  verifies", verifies)])
    for finding in findings:
        say(f"  {finding.severity.name.lower()}: {finding.message} ({certainty_in_words(finding.certainty)})")
        if finding.remedy:
            say(f"    try: {finding.remedy}")
        if finding.source:
            say(f"    source: {finding.source}")


@profile.command()
@click.argument("number", type=int, metavar="N")
@modem_options
def reset(connection: Connection, number: int) -> None:
    """Put profile N back to what it is from the factory; what it said is kept in the journal."""
    with connection.open() as modem:
        modem.profiles.reset(number)
    if asked().json:
        show_json(reset=number)
    else:
        say(f"Security profile {number} is as from the factory.")
