"""What of these modems is not settled by any public document, as options with a stated default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modemtls import Check, TlsVersion

__all__ = ["CompanionOptions"]

_VERSIONS = {
    "": None,
    "1.0": TlsVersion.TLS1_0,
    "1.1": TlsVersion.TLS1_1,
    "1.2": TlsVersion.TLS1_2,
}


@dataclass(frozen=True)
class CompanionOptions:
    """Vendor options; in ``modemtls.toml`` they stand under ``[port."…".options]``.

    ``verify``: whether the Security plug-in is told ``WIP_SSL_ALWAYS`` or ``WIP_SSL_ONCE``.  What the second one
    leaves out is not published.

    ``enforced_checks``: what the plug-in checks when it is told to verify: assumed to be ``chain+dates``.  The
    plug-in's guide is not public.  Say ``chain+dates+hostname`` only if a server with another name was
    refused on your module, and ``chain`` if one whose certificate had expired was not.

    ``dial_probe``: after a TLS connection failed with a number that nobody has published, dial once more without TLS
    and send nothing: when that connects, the failure was in TLS.

    ``lowest_tls``: the lowest TLS version that the plug-in of your build accepts, if you know it ("1.0", "1.1", "1.2"):
    without it no minimum version can be demanded.  It is assumed that it speaks TLS 1.0 at most.
    """

    verify: Literal["always", "once"] = "always"
    enforced_checks: str = "chain+dates"
    lowest_tls: Literal["", "1.0", "1.1", "1.2"] = ""
    dial_probe: bool = True

    def __post_init__(self) -> None:
        if self.verify not in ("always", "once"):
            raise ValueError(f"verify is {self.verify!r}; it may be always, once")
        if self.lowest_tls not in _VERSIONS:
            raise ValueError(f"lowest_tls is {self.lowest_tls!r}; it may be 1.0, 1.1, 1.2 or empty")
        if not isinstance(self.dial_probe, bool):
            raise ValueError(f"dial_probe is {self.dial_probe!r}; it may be true or false")
        if not self.checks:
            raise ValueError("enforced_checks is empty; what is not verified at all is a policy's own matter")

    @property
    def checks(self) -> frozenset[Check]:
        """``enforced_checks``, read."""
        try:
            return frozenset(Check(word.strip()) for word in self.enforced_checks.split("+") if word.strip())
        except ValueError:
            raise ValueError(
                f"enforced_checks: {self.enforced_checks!r} is not made of chain, dates, hostname joined by +"
            ) from None

    @property
    def minimum_versions(self) -> frozenset[TlsVersion]:
        """The minimum versions that hold because the plug-in accepts nothing lower."""
        lowest = _VERSIONS[self.lowest_tls]
        return frozenset(v for v in TlsVersion if lowest is not None and v <= lowest)
