"""What a trust plan says, as frozen records; texts from certificates in it are safe to print."""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass, field
from datetime import datetime

from .credentials import Certificate, bundle
from .diagnose.view import Origin
from .errors import Certainty
from .findings import Finding, Severity
from .policy import TlsEndpoint

__all__ = ["Expiry", "Planned", "Role", "TrustPlan", "Wanted"]

_HTTPS = 443


class Role(enum.Enum):
    """What a certificate is in a chain."""

    ROOT = "root"
    INTERMEDIATE = "intermediate"
    SERVER = "server"


@dataclass(frozen=True)
class Planned:
    """A certificate that the modem must hold.

    ``is_sent``: the server sends it too.  ``is_verified``: the chain leads to a certificate that a person gave.
    """

    certificate: Certificate
    role: Role
    is_sent: bool
    is_verified: bool


@dataclass(frozen=True)
class Wanted:
    """A CA certificate that somebody has to get and compare; it is never fetched.

    ``name``: its subject.  ``key_identifier``: in hexadecimal, as the one below names it.  ``url``: where the one
    below says it is to be had.  ``below``: who it issued.  ``sha256``: of the copy that the server sends, to be
    compared with what the CA publishes.  ``None`` is "not told".
    """

    name: str
    key_identifier: str | None
    url: str | None
    below: str
    sha256: str | None


@dataclass(frozen=True)
class Expiry:
    """When a certificate of the chain ends.

    ``is_held``: the modem holds it by this plan.  ``ends_plan``: connections fail from then on unless the modem
    is given another.  ``action``: a sentence.
    """

    certificate: Certificate
    role: Role
    at: datetime
    is_held: bool
    ends_plan: bool
    action: str


@dataclass(frozen=True)
class TrustPlan:
    """What a model must hold to verify a server.

    ``where``: in the modem's store, or on this computer (``"host"``).  ``origin``: where the server's chain is from.
    ``path``: from the server's certificate up, as far as it is known.  ``needed``: the anchor first.
    ``wanted``: what is to be fetched by a person, when no given certificate is the anchor.
    ``is_verified``: the chain leads to a certificate that a person gave; otherwise it was only looked at.
    ``stores_intermediates``, ``because``, ``certainty``, ``source``: whether intermediates are stored too, and why.
    ``max_bytes``: what a slot takes; ``None``: not published, or no limit on this computer.
    ``slots``: how many slots modemtls takes for itself; ``None`` on this computer.
    ``expiries``: the first first.  ``findings``: what is wrong with the plan or the server, the worst first.
    """

    model: str
    host: str
    port: int
    where: TlsEndpoint
    origin: Origin
    judged_at: datetime
    path: tuple[Certificate, ...]
    needed: tuple[Planned, ...]
    wanted: tuple[Wanted, ...]
    is_verified: bool
    stores_intermediates: bool
    because: str
    certainty: Certainty
    source: str | None
    max_bytes: int | None
    slots: int | None
    expiries: tuple[Expiry, ...] = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def pem(self) -> bytes:
        """The needed certificates as one PEM text: what goes into the slot."""
        return bundle(each.certificate for each in self.needed)

    @property
    def is_ready(self) -> bool:
        """It can be applied: the anchor is one that a person gave, and nothing is found that must fail."""
        return self.is_verified and not any(each.severity is Severity.ERROR for each in self.findings)

    @property
    def has_remarks(self) -> bool:
        """Something in it may fail, or is not done."""
        return not self.is_ready or any(each.severity is not Severity.NOTE for each in self.findings)

    @property
    def ends(self) -> Expiry | None:
        """The first end of something that the modem holds, from which on connections fail."""
        return next((each for each in self.expiries if each.ends_plan), None)

    @property
    def renewal(self) -> Expiry:
        """The first end of something in the chain, whoever has to renew it."""
        return self.expiries[0]

    def commands(self, file: str) -> tuple[str, ...]:
        """What to type when :attr:`pem` is in ``file``; nothing while the plan is not ready."""
        if not self.is_ready:
            return ()
        return (f"modemtls cert trust {shlex.quote(file)}", f"modemtls request {shlex.quote(self.url)}")

    @property
    def url(self) -> str:
        """The server's address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}{'' if self.port == _HTTPS else f':{self.port}'}/"
