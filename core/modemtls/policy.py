"""What must be verified, and what a modem can enforce of it.

A policy is a *set of checks*, not a ladder: vendors order their levels differently.  The application
states checks; the model states which it enforces and which come only together; :func:`resolve`
compares the two before a byte is sent.  A gap raises :class:`~modemtls.Unsupported`, unless the
caller accepted that very gap by name.  Nothing is ever weakened silently.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from .errors import Reason, Unsupported

__all__ = [
    "Check",
    "Enforcement",
    "Gap",
    "InsecureWarning",
    "Psk",
    "TlsEndpoint",
    "TlsProfile",
    "TlsVersion",
    "VerifyPolicy",
    "resolve",
]

#: Where TLS runs: in the modem, or on this computer over a plain TCP stream of the modem's.
TlsEndpoint = Literal["modem", "host"]


class InsecureWarning(UserWarning):
    """A session verifies nothing: whoever is on the way can read and change everything."""


class Check(enum.Enum):
    """One thing that is verified about the server's certificate."""

    CHAIN = "chain"
    """It leads to a trust anchor: one that is stored in the modem, or of the host's trust set."""
    DATES = "dates"
    """It and its chain are valid at the time of the clock of whoever runs TLS: the modem, or this computer."""
    HOSTNAME = "hostname"
    """It was issued for the name that was dialled, or for the policy's ``server_name``."""


class Gap(enum.Enum):
    """A thing that a policy asks for and a modem may not be able to do."""

    CHAIN = "chain"
    DATES = "dates"
    HOSTNAME = "hostname"
    SERVER_NAME = "server-name"
    MINIMUM_VERSION = "minimum-version"
    MAXIMUM_VERSION = "maximum-version"
    CIPHER_SUITES = "cipher-suites"
    CLIENT_CREDENTIAL = "client-credential"
    PSK = "psk"
    RESUMPTION = "resumption"


class TlsVersion(enum.IntEnum):
    """A version of TLS; ordered."""

    TLS1_0 = 0x0301
    TLS1_1 = 0x0302
    TLS1_2 = 0x0303
    TLS1_3 = 0x0304

    def __str__(self) -> str:
        return f"TLS 1.{self.value - 0x0301}"


@dataclass(frozen=True)
class Psk:
    """A pre-shared key.  Neither part of it is shown by ``repr``."""

    identity: str = field(repr=False)
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.identity or not self.key:
            raise ValueError("a pre-shared key has an identity and a key, and neither is empty")


ALL_CHECKS = frozenset(Check)


@dataclass(frozen=True)
class VerifyPolicy:
    """What an application demands of a TLS connection.  Strict unless told otherwise.

    ``checks``: which checks must be made; an empty set is made by :meth:`insecure` only.
    ``server_name``: the server's name where it is not the host that is dialled: for SNI, and for the check.
    ``minimum_version``/``maximum_version``: inclusive; ``None`` as maximum is "whatever it can".
    ``cipher_suites``: IANA numbers, e.g. ``0xC02B``; empty is the choice of whoever runs TLS.
    ``client_slot``: slot of the client certificate and of its key, if the server wants one.
    ``resumption``: resume TLS sessions.
    ``accept_gaps``: what may be missing without an error, each by name.

    >>> VerifyPolicy().checks == {Check.CHAIN, Check.DATES, Check.HOSTNAME}
    True
    >>> VerifyPolicy(checks=frozenset())
    Traceback (most recent call last):
    ...
    ValueError: a policy without any check is VerifyPolicy.insecure()
    """

    checks: frozenset[Check] = ALL_CHECKS
    server_name: str | None = None
    minimum_version: TlsVersion = TlsVersion.TLS1_2
    maximum_version: TlsVersion | None = None
    cipher_suites: tuple[int, ...] = ()
    client_slot: int | None = None
    client_key_slot: int | None = None
    psk: Psk | None = None
    resumption: bool = False
    accept_gaps: frozenset[Gap] = frozenset()
    _insecure: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", frozenset(self.checks))
        object.__setattr__(self, "accept_gaps", frozenset(self.accept_gaps))
        object.__setattr__(self, "cipher_suites", tuple(self.cipher_suites))
        if not self.checks and not self._insecure:
            raise ValueError("a policy without any check is VerifyPolicy.insecure()")
        if self.checks and self._insecure:
            raise ValueError("an insecure policy has no checks")
        if self.maximum_version is not None and self.maximum_version < self.minimum_version:
            raise ValueError(f"maximum version {self.maximum_version} is below {self.minimum_version}")
        for suite in self.cipher_suites:
            if not 0 <= suite <= 0xFFFF:
                raise ValueError(f"{suite} is not a 16-bit IANA cipher suite number")
        if (self.client_slot is None) != (self.client_key_slot is None):
            raise ValueError("a client certificate goes with its key: give both slots, or neither")
        self._check_suites()

    def _check_suites(self) -> None:
        """TLS 1.3 has cipher suites of its own: 0x13xx fit no other version, and no others fit it."""
        newest = self.maximum_version or TlsVersion.TLS1_3
        kinds = {suite >> 8 == 0x13 for suite in self.cipher_suites}
        if kinds == {True} and newest < TlsVersion.TLS1_3:
            raise ValueError(f"these cipher suites are of TLS 1.3 only, and {newest} is the maximum version")
        if kinds == {False} and self.minimum_version >= TlsVersion.TLS1_3:
            raise ValueError("none of these cipher suites is of TLS 1.3, which is the minimum version")

    @classmethod
    def insecure(cls) -> VerifyPolicy:
        """A policy that verifies nothing: whoever is on the way can read and change everything."""
        return cls(checks=frozenset(), _insecure=True)

    @property
    def is_insecure(self) -> bool:
        """Nothing is verified."""
        return not self.checks

    def accepting(self, gaps: Iterable[Gap]) -> VerifyPolicy:
        """The same policy with more gaps accepted."""
        return replace(self, accept_gaps=self.accept_gaps | frozenset(gaps))


@dataclass(frozen=True)
class Enforcement:
    """What a model can enforce, resolved for its firmware and its vendor options.

    ``check_sets``: every set of checks that the modem can make at once (the empty set is implied).
    ``minimum_versions``/``maximum_versions``: bounds that it can hold; empty is "cannot set".
    ``cipher_suites``: the IANA numbers that it knows; ``None`` is "cannot choose".
    ``unknown_because``: for a gap that is unknown rather than absent, the sentence that says so and
    names the setting that closes it.
    """

    check_sets: frozenset[frozenset[Check]]
    minimum_versions: frozenset[TlsVersion] = frozenset()
    maximum_versions: frozenset[TlsVersion] = frozenset()
    cipher_suites: frozenset[int] | None = None
    server_name: bool = False
    client_credential: bool = False
    psk: bool = False
    resumption: bool = False
    unknown_because: tuple[tuple[Gap, str], ...] = ()


@dataclass(frozen=True)
class TlsProfile:
    """What one connection needs of the modem: the resolved policy and the slots.

    The driver translates this to its vendor's security profile.
    """

    checks: frozenset[Check]
    minimum_version: TlsVersion | None
    maximum_version: TlsVersion | None
    cipher_suites: tuple[int, ...] = ()
    ca_slot: int | None = None
    client_slot: int | None = None
    client_key_slot: int | None = None
    psk: Psk | None = None
    resumption: bool = False
    server_name: str | None = None


def resolve(
    policy: VerifyPolicy,
    can: Enforcement,
    *,
    host: str,
    model: str,
    who: str | None = None,
    has_way_out: bool = False,
) -> TlsProfile:
    """What of ``policy`` is to be enforced: all of it, or an error before a byte is sent.

    ``who`` runs TLS, in words, where it is not the model; ``has_way_out``: TLS on this computer could do it.

    :raises Unsupported: the modem cannot do what the policy demands; each gap is named.
    """
    who = who or model
    gaps: list[tuple[Gap, str]] = []
    checks = _checks(policy, can, gaps)
    minimum: TlsVersion | None = policy.minimum_version
    if policy.is_insecure and minimum not in can.minimum_versions:
        minimum = None  # whoever is on the way could pretend to any version
    elif minimum not in can.minimum_versions:
        gaps.append((Gap.MINIMUM_VERSION, f"a minimum of {policy.minimum_version}"))
        minimum = None
    maximum = policy.maximum_version
    if maximum is not None and maximum not in can.maximum_versions:
        gaps.append((Gap.MAXIMUM_VERSION, f"a maximum of {maximum}"))
        maximum = None
    suites = policy.cipher_suites
    if suites and (can.cipher_suites is None or not can.cipher_suites.issuperset(suites)):
        missing = [f"0x{suite:04X}" for suite in suites if suite not in (can.cipher_suites or ())]
        gaps.append((Gap.CIPHER_SUITES, f"the cipher suites {', '.join(missing)}"))
        suites = tuple(suite for suite in suites if suite in (can.cipher_suites or ()))
    server_name = policy.server_name if policy.server_name not in (None, host) else None
    if server_name is not None and not can.server_name:
        gaps.append((Gap.SERVER_NAME, "a server name that is not the host dialled"))
        server_name = None
    for gap, wanted, able, words in (
        (
            Gap.CLIENT_CREDENTIAL,
            policy.client_slot is not None,
            can.client_credential,
            "a client certificate",
        ),
        (Gap.PSK, policy.psk is not None, can.psk, "a pre-shared key"),
        (Gap.RESUMPTION, policy.resumption, can.resumption, "session resumption"),
    ):
        if wanted and not able:
            gaps.append((gap, words))
    open_gaps = [(gap, words) for gap, words in gaps if gap not in policy.accept_gaps]
    if open_gaps:
        raise _unsupported(policy, can, open_gaps, model, who, has_way_out)
    if checks is None:  # every check was accepted as a gap: nothing would be left of the policy
        raise Unsupported(
            f"On {who} nothing would be left to verify: each check of the policy is an accepted gap.",
            remedy="Verifying nothing has a name of its own: VerifyPolicy.insecure(), --insecure.",
            reasons={Reason.NOT_SUPPORTED},
            model=model,
        )
    return TlsProfile(
        checks=checks,
        minimum_version=minimum,
        maximum_version=maximum,
        cipher_suites=suites,
        client_slot=policy.client_slot if can.client_credential else None,
        client_key_slot=policy.client_key_slot if can.client_credential else None,
        psk=policy.psk if can.psk else None,
        resumption=policy.resumption and can.resumption,
        server_name=server_name,
    )


def _checks(policy: VerifyPolicy, can: Enforcement, gaps: list[tuple[Gap, str]]) -> frozenset[Check] | None:
    """The checks to enforce; what is missing goes to ``gaps``; ``None`` when nothing would be left."""
    if policy.is_insecure or policy.checks in can.check_sets:
        return policy.checks
    accepted = {Check(gap.value) for gap in policy.accept_gaps if gap.value in {c.value for c in Check}}
    below = sorted((s for s in can.check_sets if s < policy.checks), key=len, reverse=True)
    within = [s for s in below if policy.checks - s <= accepted]
    if within:
        return within[0] or None
    best = below[0] if below else frozenset()
    missing = policy.checks - best
    if missing <= accepted:
        return None
    gaps.extend(
        (Gap(check.value), f"the {check.value} check") for check in Check if check in missing - accepted
    )
    return best or None


def _unsupported(
    policy: VerifyPolicy,
    can: Enforcement,
    gaps: list[tuple[Gap, str]],
    model: str,
    who: str,
    has_way_out: bool,
) -> Unsupported:
    words = ", ".join(words for _, words in gaps)
    together = sorted(
        ("+".join(check.value for check in Check if check in s) for s in can.check_sets if s), key=len
    )
    sentences = (sentence for gap, sentence in can.unknown_because if gap in {g for g, _ in gaps})
    unknown = " ".join(dict.fromkeys(sentences))
    offers = (
        f" It can check: {' or '.join(together)}." if together and policy.checks not in can.check_sets else ""
    )
    names = " ".join(f"--accept-gap {gap.value}" for gap, _ in gaps)
    stricter = sorted((each for each in can.check_sets if each > policy.checks), key=len)
    ways = []
    if policy.checks and stricter and policy.checks not in can.check_sets:
        ways.append(f"ask for --verify {','.join(c.value for c in Check if c in stricter[0])}")
    if not policy.checks or any(each and each <= policy.checks for each in can.check_sets):
        ways.append(
            f"accept by name what is missing ({names}, or accept_gaps in modemtls.toml), if the application"
            " can live without it"
        )
    if unknown and who == model:
        ways.insert(0, "set the options that it names (-O NAME=VALUE, options in modemtls.toml)")
    if has_way_out and not {Gap.PSK, Gap.CLIENT_CREDENTIAL} & {gap for gap, _ in gaps}:
        ways.append('let TLS run on this computer (tls="host", --tls host)')
    remedy = "; or ".join(ways)
    return Unsupported(
        f"{who} cannot do what the policy demands: {words}.{offers}{' ' + unknown if unknown else ''}"
        " Nothing was sent.",
        remedy=f"{remedy[0].upper()}{remedy[1:]}." if remedy else "Use another model: modemtls models.",
        reasons={Reason.NOT_SUPPORTED},
        model=model,
    )
