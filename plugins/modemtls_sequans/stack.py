"""What the TLS stacks of these modems do with certificates, as far as anything public tells.

The vendor publishes nothing of it.  What is not here is assumed, like most of what is.
"""

from __future__ import annotations

from dataclasses import replace

from modemtls import Certainty, TlsVersion
from modemtls.stack import StackProfile, Trait

__all__ = ["MONARCH_1", "MONARCH_2", "MONARCH_2_SP"]

_HELLO = "a public wire capture of a TLS 1.2 ClientHello, in which the host is named"

MONARCH_2 = StackProfile(
    sends_sni=Trait(True, Certainty.DERIVED, _HELLO),
    maximum_version=Trait(
        TlsVersion.TLS1_3,
        Certainty.GUESSED,
        "quotations of the AT commands reference manual LR8.2 list TLS 1.3; nobody has published a handshake",
    ),
)

#: A public issue says that intermediates which the server sends are not used; nobody has confirmed it.
MONARCH_2_SP = replace(
    MONARCH_2,
    uses_sent_intermediates=Trait(
        False, Certainty.GUESSED, "a public issue of a GM02SP's users: each CA of the chain had to be stored"
    ),
)

MONARCH_1 = replace(
    MONARCH_2,
    sends_sni=Trait(True, Certainty.GUESSED, "assumed to be as on Monarch 2"),
    maximum_version=Trait(TlsVersion.TLS1_2, Certainty.GUESSED, "assumed: firmware older than TLS 1.3"),
)
