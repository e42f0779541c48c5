"""Which paths lead from a server's certificate to what the modem trusts, by signatures that were checked.

This search explains; it gives no verdict.  It follows every issuer by name whose key made the signature,
ignores dates and usage (why a path that is there is refused is found afterwards) and notes where it
cannot go on.  Signatures cost: an allowance in units of about one RSA-2048 check bounds the work, and
a search that used it up says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from .chain_parts import Link

__all__ = ["Allowance", "Path", "Search", "search"]

Path = tuple[Link, ...]
"""From the server's certificate up to and including an anchor."""

MAX_DEPTH = 104
"""A chain of as many certificates as are looked at at all is still followed."""
MAX_PATHS = 24
MAX_STEPS = 3000


class Allowance:
    """How much checking of signatures is left, and what was found so far."""

    def __init__(self, units: float = 6000) -> None:
        self._units = units
        self._known: dict[tuple[str, str], bool | None] = {}

    @property
    def is_spent(self) -> bool:
        """Nothing more is checked."""
        return self._units <= 0

    def signed(self, child: Link, issuer: Link) -> bool | None:
        """Whether ``issuer``'s key made ``child``'s signature; ``None`` where that cannot be known."""
        key = (child.record.sha256, issuer.record.public_key_sha256 or issuer.record.sha256)
        if key not in self._known:
            if self.is_spent:
                return None
            self._units -= _cost(issuer)
            self._known[key] = _fits(child, issuer)
        return self._known[key]


def _cost(issuer: Link) -> float:
    bits = issuer.record.key_bits or 2048
    match issuer.record.key_type:
        case "rsa":
            public = issuer.parsed.public_key()
            long = isinstance(public, rsa.RSAPublicKey) and public.public_numbers().e.bit_length() > 20
            return (bits / 2048) ** 2 * (8 if long else 1)
        case "ec":
            return 4 if issuer.record.curve == "secp256r1" else 25
        case _:
            return 10


def _fits(child: Link, issuer: Link) -> bool | None:
    parsed = child.parsed
    try:
        public, signature, signed = issuer.parsed.public_key(), parsed.signature, parsed.tbs_certificate_bytes
        parameters, hashed = parsed.signature_algorithm_parameters, parsed.signature_hash_algorithm
        match public:
            case rsa.RSAPublicKey() if hashed is not None:
                # The parser names no parameters for hashes that it calls outdated.
                how = parameters if isinstance(parameters, padding.PSS) else padding.PKCS1v15()
                public.verify(signature, signed, how, hashed)
            case ec.EllipticCurvePublicKey() if hashed is not None:
                public.verify(signature, signed, ec.ECDSA(hashed))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                public.verify(signature, signed)
            case dsa.DSAPublicKey() if hashed is not None:
                public.verify(signature, signed, hashed)
            case _:
                return None
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return None
    return True


@dataclass(frozen=True)
class Search:
    """What was found.

    ``ends``: certificates that were reached and whose issuer was not found, the farthest first.
    ``reached``: the server's certificate and all above it.  ``complete``: nothing was left out.
    """

    paths: tuple[Path, ...] = field(repr=False)
    ends: tuple[Link, ...]
    reached: tuple[Link, ...] = field(repr=False)
    complete: bool


def search(leaf: Link, sent: Sequence[Link], anchors: Sequence[Link], allowance: Allowance) -> Search:
    """Every path from ``leaf`` over certificates in ``sent`` and ``anchors`` to one of ``anchors``."""
    trusted = {link.record.sha256 for link in anchors}
    pool = [*anchors, *(link for link in sent if link.record.sha256 not in trusted)]
    by_name: dict[object, list[Link]] = {}
    for link in pool:
        by_name.setdefault(link.subject, []).append(link)
    names = {name: number for number, name in enumerate({leaf.subject, *by_name})}
    holders = {
        link.record.sha256: (names[link.subject], link.record.public_key_sha256) for link in [leaf, *pool]
    }
    paths: list[Path] = []
    reached: dict[str, Link] = {}
    ends: dict[str, tuple[int, Link]] = {}
    steps = 0
    cut = False

    def issuers(path: Path) -> Iterator[Link]:
        # The same name with the same key a second time would be a loop, whatever else differs.
        keys = {holders[link.record.sha256] for link in path}
        for candidate in by_name.get(path[-1].issuer, ()):
            if holders[candidate.record.sha256] in keys:
                continue
            if allowance.signed(path[-1], candidate):
                yield candidate

    waiting: list[Path] = [(leaf,)]
    while waiting:
        steps += 1
        if steps > MAX_STEPS or len(paths) >= MAX_PATHS:
            cut = True
            break
        path = waiting.pop()
        last = path[-1]
        reached.setdefault(last.record.sha256, last)
        if last.record.sha256 in trusted:
            paths.append(path)
            if last.record.is_self_signed:
                continue
        if len(path) >= MAX_DEPTH:
            cut = True
            continue
        above = list(issuers(path))
        if not above and last.record.sha256 not in trusted:
            ends.setdefault(last.record.sha256, (len(path), last))
        # The last is looked at first: anchors stand before what was sent, so they go in last.
        waiting.extend((*path, link) for link in reversed(above))
    far = sorted(ends.values(), key=lambda end: -end[0])
    return Search(
        tuple(paths),
        tuple(link for _, link in far),
        tuple(reached.values()),
        not cut and not allowance.is_spent,
    )
