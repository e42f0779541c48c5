"""What the Security plug-in does with certificates: nothing of it is published, so all of it is assumed.

It is of 2010 and older than SNI and SHA-256 in most stacks of its kind.
"""

from __future__ import annotations

from modemtls import Certainty, Check, TlsVersion
from modemtls.stack import LeafAnchor, StackProfile, Trait

from .options import CompanionOptions

__all__ = ["plug_in"]

_THREAD = "public forum thread on a Q2686RD with Security plug-in 1.4"
_OPTION = "the vendor option enforced_checks"
_AGE = "assumed: the plug-in is of 2010"


def plug_in(options: CompanionOptions) -> StackProfile:
    """The stack as the options say it, and as it is assumed to be."""
    return StackProfile(
        leaf_as_anchor=Trait(
            LeafAnchor.SELF_SIGNED, Certainty.DERIVED, f"{_THREAD}: a self-signed certificate works"
        ),
        compares_names=Trait(Check.HOSTNAME in options.checks, Certainty.GUESSED, _OPTION),
        checks_dates=Trait(Check.DATES in options.checks, Certainty.GUESSED, _OPTION),
        checks_anchor_dates=Trait(False, Certainty.GUESSED, f"{_THREAD}: inferred"),
        sends_sni=Trait(False, Certainty.GUESSED, _AGE),
        maximum_version=Trait(TlsVersion.TLS1_0, Certainty.GUESSED, _AGE),
        max_rsa_bits=Trait(None, Certainty.GUESSED, "not published"),
        strict=Trait(False, Certainty.DERIVED, f"{_THREAD}: a self-signed certificate works"),
    )
