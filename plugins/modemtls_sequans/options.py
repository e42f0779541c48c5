"""What of these modems is not settled by any public document, as options with a stated default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modemtls import Check, TlsVersion

__all__ = ["SequansOptions"]

_VERSIONS = {
    "1.0": TlsVersion.TLS1_0,
    "1.1": TlsVersion.TLS1_1,
    "1.2": TlsVersion.TLS1_2,
    "1.3": TlsVersion.TLS1_3,
}


@dataclass(frozen=True)
class SequansOptions:
    """Vendor options; in ``modemtls.toml`` they stand under ``[port."…".options]``.

    ``dial``: ``auto`` dials asynchronously, which tells a TLS failure from a network failure, and falls
    back to the synchronous dial where the modem refuses the argument; ``async`` and ``sync`` insist.
    The form of the asynchronous result (``+SQNSD: <socket>,<code>``) is inferred, not published.

    ``dial_probe``: after a synchronous dial ended with ``NO CARRIER``, dial once more without TLS and
    send nothing: when that connects, the failure was in TLS.

    ``version_means``: whether the version field of a security profile is the ``exact`` version (assumed)
    or the ``minimum``.

    ``valid_level_map``: GM01Q only: which number in certValidLevel makes which checks, as in
    ``"chain+dates=3, chain+dates+hostname=7"``.  Not published for this generation: without it no policy
    with checks is possible.

    ``version_map``: GM01Q only: which number in the version field demands which minimum, as in
    ``"1.0=1, 1.2=3"``.  Sources contradict each other: without it no minimum version can be demanded.
    """

    dial: Literal["auto", "async", "sync"] = "auto"
    dial_probe: bool = True
    version_means: Literal["exact", "minimum"] = "exact"
    valid_level_map: str = ""
    version_map: str = ""

    def __post_init__(self) -> None:
        for name, value, legal in (
            ("dial", self.dial, ("auto", "async", "sync")),
            ("version_means", self.version_means, ("exact", "minimum")),
        ):
            if value not in legal:
                raise ValueError(f"{name} is {value!r}; it may be {', '.join(legal)}")
        if not isinstance(self.dial_probe, bool):
            raise ValueError(f"dial_probe is {self.dial_probe!r}; it may be true or false")
        _ = self.levels, self.versions

    @property
    def levels(self) -> dict[frozenset[Check], int]:
        """``valid_level_map``, read."""
        levels: dict[frozenset[Check], int] = {}
        for words, number in _pairs("valid_level_map", self.valid_level_map):
            try:
                checks = frozenset(Check(word.strip()) for word in words.split("+"))
            except ValueError:
                raise ValueError(
                    f"valid_level_map: {words!r} is not made of chain, dates, hostname joined by +"
                ) from None
            if not 0 < number <= 255:
                raise ValueError(f"valid_level_map: {number} is not between 1 and 255")
            levels[checks] = number
        return levels

    @property
    def versions(self) -> dict[TlsVersion, int]:
        """``version_map``, read."""
        versions: dict[TlsVersion, int] = {}
        for word, number in _pairs("version_map", self.version_map):
            if word not in _VERSIONS:
                raise ValueError(f"version_map: {word!r} is not one of {', '.join(_VERSIONS)}")
            versions[_VERSIONS[word]] = number
        return versions


def _pairs(name: str, text: str) -> list[tuple[str, int]]:
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        word, equals, number = part.partition("=")
        if not equals or not number.strip().isdecimal():
            raise ValueError(f"{name}: {part!r} is not of the form NAME=NUMBER")
        pairs.append((word.strip(), int(number)))
    return pairs
