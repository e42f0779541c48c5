"""A trust plan from what an application has: files are read, the model is looked up; nothing is connected to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from .configured import vendor_options
from .credentials import Certificate
from .diagnose.view import Origin, ServerView
from .endpoint import endpoint
from .errors import CredentialError, Reason
from .https.message import check_host
from .model import Model, Resolved
from .plan import make_plan
from .plan_records import TrustPlan
from .plugins import find_model
from .policy import VerifyPolicy
from .settings import Settings
from .source import Source, read_source

__all__ = ["plan_for", "read_roots", "trust_plan"]


def trust_plan(
    host: str,
    chain: Source | ServerView,
    *,
    model: str,
    roots: Source | Iterable[Source] = (),
    port: int = 443,
    intermediates: bool | None = None,
    settings: Settings | None = None,
    firmware: str = "",
    now: datetime | None = None,
) -> TrustPlan:
    """Which certificates a model must hold to verify a server, whether they fit, and until when that lasts.

    ``chain`` is what the server sends: a file, or a view of it.  ``roots`` are CA certificates that you vouch for;
    only one of these makes a plan that is ready.  Many may be given, such as a computer's own set.  Nothing is
    fetched.  ``intermediates``: store them too; ``None`` is what the model's stack needs.  ``settings`` are those
    of the modem's port (vendor options, accepted gaps, where TLS runs).  ``now``: aware; ``None`` is the clock of
    this computer.

    :raises CredentialError: a file is damaged, or holds no certificate.
    :raises Unsupported: there is no such model.
    :raises ValueError: ``host`` is no host name, or ``now`` has no time zone.
    """
    record = find_model(model)
    given = settings or Settings()
    resolved = record.resolve(firmware, vendor_options(record, given))
    view = chain if isinstance(chain, ServerView) else _view(check_host(host), chain)
    files = (roots,) if isinstance(roots, str | bytes | Path) else tuple(roots)
    return plan_for(
        view, record, resolved, given, read_roots(files), port=port, intermediates=intermediates, now=now
    )


def plan_for(
    view: ServerView,
    model: Model,
    resolved: Resolved,
    settings: Settings,
    roots: Iterable[Certificate],
    *,
    port: int = 443,
    intermediates: bool | None = None,
    now: datetime | None = None,
) -> TrustPlan:
    """The plan for a model with these abilities and settings.

    :raises CredentialError: the view has no certificate of the server that can be read.
    """
    return make_plan(
        view,
        model.name,
        resolved,
        tuple(roots),
        port=port,
        now=now or datetime.now(UTC),
        where=endpoint(resolved.capabilities, settings.tls),
        intermediates=intermediates,
        policy=VerifyPolicy().accepting(settings.accept_gaps),
    )


def read_roots(sources: Iterable[Source]) -> tuple[Certificate, ...]:
    """The certificates in the files, each once.

    :raises CredentialError: one of them is damaged, or holds no certificate.
    """
    found: dict[str, Certificate] = {}
    for source in sources:
        file = read_source(source)
        if not file.certificates:
            raise CredentialError(
                f"{file.source} holds no certificate, so there is no root in it.",
                remedy="Give the CA's certificate in PEM or DER form.",
                reasons={Reason.NOT_A_CERTIFICATE},
            )
        found |= {certificate.sha256: certificate for certificate in file.certificates}
    return tuple(found.values())


def _view(host: str, chain: Source) -> ServerView:
    file = read_source(chain)
    if not file.certificates:
        raise CredentialError(
            f"Reading a server's chain from {file.source}: no certificate is in it.",
            remedy="Save it with: openssl s_client -connect HOST:443 -servername HOST -showcerts",
            reasons={Reason.NOT_A_CERTIFICATE},
        )
    return ServerView(host, tuple(each.der for each in file.certificates), Origin.FILE)
