"""What a model's TLS stack does with certificates, as far as anybody knows.

Vendors publish little of this, so every statement carries how sure it is and where it is from.  The
default of each is what most stacks do, and is marked as assumed; a vendor replaces what it knows.
A diagnosis is never surer than the statement that it rests on.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import Certainty
from .policy import TlsVersion

__all__ = ["LeafAnchor", "StackProfile", "Trait"]

T_co = TypeVar("T_co", covariant=True)
ASSUMED = "assumed: what most TLS stacks do"


@dataclass(frozen=True)
class Trait(Generic[T_co]):
    """One statement about a TLS stack, how sure it is, and where it is from."""

    value: T_co
    certainty: Certainty = Certainty.GUESSED
    source: str = ASSUMED

    @property
    def is_known(self) -> bool:
        """Somebody stated or showed it; it is not merely assumed."""
        return self.certainty is not Certainty.GUESSED


class LeafAnchor(enum.Enum):
    """What a stack does with a server's own certificate that is stored as trust anchor."""

    REFUSED = "refused"
    """A trust anchor must be a CA that issued the certificate."""
    SELF_SIGNED = "self-signed"
    """Accepted when the certificate is self-signed."""
    ACCEPTED = "accepted"
    """Accepted in any case: what is stored is trusted."""


_YES = Trait(True)
_NO = Trait(False)


@dataclass(frozen=True)
class StackProfile:
    """What a TLS stack does with a server's certificates.

    Sizes are in bytes, ``None`` as a value is "no bound is known".

    ``leaf_as_anchor``: what a stored copy of the server's own certificate is good for.
    ``intermediate_as_anchor``: a chain may end at a stored CA that is not self-signed.
    ``uses_sent_intermediates``: false means that every CA of the chain must be stored in the modem.
    ``needs_order``: refuses a chain that is not sent leaf first, each followed by its issuer.
    ``looks_for_other_paths``: false means that the sent chain is followed to its end, and only the
    end looked up among the anchors, as OpenSSL did before 1.1.0.
    ``common_name``: compares the CN where the certificate has no subjectAltName.
    ``compares_names``, ``checks_dates``, ``checks_anchor_dates``, ``checks_usage``,
    ``checks_name_constraints``: makes that check at all, when it is asked to verify.
    ``strict``: refuses what RFC 5280 or the rules for the public web forbid although it does no
    harm: a self-signed CA certificate as a server's, a missing key identifier.
    ``sends_sni``: names the host in the ClientHello.
    ``minimum_version``/``maximum_version``: inclusive.
    ``key_types``: ``"rsa"``, ``"ec"``, ``"ed25519"`` …; ``curves``: SEC names; ``hashes``: of
    signatures, ``"sha256"`` …
    ``max_certificates``/``max_chain_bytes``: of what the server sends.
    ``max_path``: CA certificates above the server's, the anchor not counted.
    """

    leaf_as_anchor: Trait[LeafAnchor] = Trait(LeafAnchor.SELF_SIGNED)
    intermediate_as_anchor: Trait[bool] = _NO
    uses_sent_intermediates: Trait[bool] = _YES
    needs_order: Trait[bool] = _NO
    looks_for_other_paths: Trait[bool] = _YES
    common_name: Trait[bool] = _NO
    compares_names: Trait[bool] = _YES
    checks_dates: Trait[bool] = _YES
    checks_anchor_dates: Trait[bool] = _YES
    checks_usage: Trait[bool] = _YES
    checks_name_constraints: Trait[bool] = _YES
    strict: Trait[bool] = _NO
    sends_sni: Trait[bool] = _YES
    minimum_version: Trait[TlsVersion] = Trait(TlsVersion.TLS1_0)
    maximum_version: Trait[TlsVersion] = Trait(TlsVersion.TLS1_3)
    key_types: Trait[frozenset[str]] = Trait(frozenset({"rsa", "ec"}))
    curves: Trait[frozenset[str] | None] = Trait(None)
    hashes: Trait[frozenset[str] | None] = Trait(frozenset({"sha224", "sha256", "sha384", "sha512"}))
    min_rsa_bits: Trait[int] = Trait(1024)
    max_rsa_bits: Trait[int | None] = Trait(4096)
    max_certificates: Trait[int | None] = Trait(None)
    max_chain_bytes: Trait[int | None] = Trait(None)
    max_path: Trait[int | None] = Trait(None)
