"""What a security profile lets the modem offer, against what a server takes: versions and cipher suites.

A suite below TLS 1.3 says of which kind the server's key must be, so a list of suites and a server's certificate are
enough to see that the two have none in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..credentials import read
from ..errors import Certainty, CredentialError, Reason
from ..findings import Finding, Severity
from ..model import StoredProfile
from ..policy import TlsVersion
from ..stack import StackProfile, Trait

__all__ = ["narrowed", "suite_findings"]

_TLS_1_3 = 0x13
# IANA's registry of cipher suites: those whose server authenticates by ECDSA; the other ones here by RSA.
_ECDSA = frozenset(
    {0xC006, 0xC007, 0xC008, 0xC009, 0xC00A, 0xC023, 0xC024, 0xC02B, 0xC02C, 0xC05C, 0xC05D, 0xC072, 0xC073,
     0xC0AC, 0xC0AD, 0xC0AE, 0xC0AF, 0xCC14, 0xCCA9}
)  # fmt: skip
_RSA = frozenset(
    {0x0004, 0x0005, 0x000A, 0x0016, 0x002F, 0x0033, 0x0035, 0x0039, 0x003C, 0x003D, 0x0041, 0x0045, 0x0067,
     0x006B, 0x0084, 0x0088, 0x009C, 0x009D, 0x009E, 0x009F, 0x00BA, 0x00BE, 0x00C0, 0x00C4, 0xC010, 0xC011,
     0xC012, 0xC013, 0xC014, 0xC027, 0xC028, 0xC02F, 0xC030, 0xC050, 0xC051, 0xC052, 0xC053, 0xC060, 0xC061,
     0xC076, 0xC077, 0xC09C, 0xC09D, 0xC09E, 0xC09F, 0xC0A0, 0xC0A1, 0xC0A2, 0xC0A3, 0xCC13, 0xCC15, 0xCCA8,
     0xCCAA}
)  # fmt: skip
_KEYS = {"rsa": _RSA, "ec": _ECDSA}
_WORDS = {"rsa": "RSA", "ec": "elliptic curve"}


def narrowed(stack: StackProfile, profile: StoredProfile | None) -> StackProfile:
    """``stack`` as far as the security profile lets it go."""
    if profile is None:
        return stack
    source = f"security profile {profile.number}"
    low, high = profile.minimum_version, profile.maximum_version
    if low is not None and low > stack.minimum_version.value:
        stack = replace(stack, minimum_version=Trait(low, Certainty.DERIVED, source))
    if high is not None and high < stack.maximum_version.value:
        assumed = f"{source}; that its version is the only one is assumed"
        stack = replace(stack, maximum_version=Trait(high, Certainty.GUESSED, assumed))
    return stack


def _key_kind(leaf: bytes) -> str:
    try:
        return read(leaf).certificates[0].key_type
    except (CredentialError, IndexError):
        return ""


def suite_findings(
    suites: Sequence[int], leaf: bytes, *, minimum: TlsVersion, maximum: TlsVersion, where: str
) -> tuple[Finding, ...]:
    """That none of ``suites`` fits the server's key; empty where one does, or may.  ``leaf`` is DER.

    ``where`` names what lists them, e.g. a security profile.
    """
    kind = _key_kind(leaf) if suites else ""
    fitting = _KEYS.get(kind)
    if fitting is None:
        return ()
    known = _RSA | _ECDSA
    old = [suite for suite in suites if suite >> 8 != _TLS_1_3]
    speaks_old = minimum < TlsVersion.TLS1_3
    if (len(old) < len(suites) and maximum >= TlsVersion.TLS1_3) or not speaks_old:
        return ()  # from TLS 1.3 on a suite says nothing of keys
    if any(suite in fitting or suite not in known for suite in old):
        return ()
    listed = ", ".join(f"0x{suite:04X}" for suite in suites[:8])
    return (
        Finding(
            Reason.NO_COMMON_CIPHER,
            Severity.ERROR,
            # A server may hold a second certificate, with another key, for those who ask for it.
            Certainty.GUESSED,
            f"The server's certificate has an {_WORDS[kind]} key, and none of the cipher suites of {where} ({listed})"
            " is for such a key.",
            "Leave the list of cipher suites empty, or add suites for that kind of key: modemtls models",
            (f"{where}: cipher suites {listed}", f"server's key: {_WORDS[kind]}"),
            "IANA's registry of TLS cipher suites",
        ),
    )
