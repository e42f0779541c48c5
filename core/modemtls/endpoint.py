"""Where TLS runs: in the modem, or on this computer over a plain TCP stream of the modem's.

What a session says counts first, then the port's setting, then the model: the modem where it has TLS, this
computer where the modem has plain TCP only.  Nothing falls back from one to the other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from .errors import Reason, Unsupported
from .model import Capability, CredentialKind
from .policy import TlsEndpoint

__all__ = ["choose", "endpoint", "no_credential_store", "of_the_host_only", "usable"]


def usable(capabilities: Collection[Capability]) -> tuple[TlsEndpoint, ...]:
    """Where TLS can run with such a model: first where it runs unless something else is said."""
    has_tcp = Capability.TCP_STREAM in capabilities
    if Capability.TLS_STREAM in capabilities:
        return ("modem", "host") if has_tcp else ("modem",)
    return ("host",) if has_tcp else ("modem",)


def endpoint(capabilities: Collection[Capability], setting: TlsEndpoint | None) -> TlsEndpoint:
    """Where TLS runs when a session does not say."""
    return setting or usable(capabilities)[0]


def choose(
    asked: TlsEndpoint | None,
    setting: TlsEndpoint | None,
    capabilities: Collection[Capability],
    *,
    http: Literal["stream", "modem"],
    profile: int | None,
    model: str,
) -> TlsEndpoint:
    """Where TLS runs for a session.

    :raises Unsupported: it cannot run there with this model, or not in this way.
    :raises ValueError: ``asked`` is neither.
    """
    if asked not in (None, "modem", "host"):
        raise ValueError(f"tls is {str(asked)[:40]!a}: it may be 'modem' or 'host'")
    own_client = http == "modem" and Capability.HTTP_CLIENT in capabilities
    where = asked or setting or ("modem" if own_client else usable(capabilities)[0])
    if where == "host":
        if Capability.TCP_STREAM not in capabilities:
            raise _unsupported(
                f"TLS cannot run on this computer: {model} has no plain TCP stream.",
                'Let it run in the modem: tls="modem", --tls modem.',
                model,
            )
        if http == "modem":
            raise _unsupported(
                "TLS on this computer goes over a plain TCP stream, not through the modem's own HTTP client.",
                'Use the stream (http="stream", --http stream), or TLS in the modem (tls="modem", --tls modem).',
                model,
            )
        if profile is not None:
            raise _unsupported(
                f"TLS on this computer uses no security profile of the modem, and profile {profile} was named.",
                'Leave the profile out, or let TLS run in the modem: tls="modem", --tls modem.',
                model,
            )
    elif http == "stream" and Capability.TLS_STREAM not in capabilities:
        ways = ['use its own HTTP client (http="modem", --http modem)'] * (
            Capability.HTTP_CLIENT in capabilities
        )
        ways += ['let TLS run on this computer (tls="host", --tls host)'] * (
            Capability.TCP_STREAM in capabilities
        )
        remedy = " or ".join(ways)
        raise _unsupported(
            f"{model} has no TLS stream.",
            f"{remedy[0].upper()}{remedy[1:]}." if remedy else "Use another model: modemtls models.",
            model,
        )
    elif http == "modem" and not own_client:
        raise _unsupported(
            f"{model} has no HTTP client of its own.", 'Use the stream: http="stream", --http stream.', model
        )
    return where


def of_the_host_only(model: str) -> Unsupported:
    """A session with TLS in the modem was given files that only TLS on this computer can use."""
    return _unsupported(
        "The session was given certificates or a key of its own, and its TLS runs in the modem, which verifies by"
        " what is in its store.",
        'Store them: modem.trust, modem.install. Or let TLS run on this computer: tls="host", --tls host.',
        model,
    )


def no_credential_store(model: str, kind: CredentialKind, *, has_store: bool = False) -> Unsupported:
    """The modem has no store, or TLS would not look there."""
    why = f"TLS runs on this computer, and does not use the store of {model}." if has_store else ""
    cure = (
        "Make the certificates the trust set on this computer: modem.trust(FILE), modemtls cert trust FILE."
        if kind is CredentialKind.CA
        else "Give certificate and key to each session, as files: https(…, certificate=FILE, key=FILE), --cert FILE"
        " --key FILE. modemtls keeps no keys."
    )
    return _unsupported(why or f"{model} has no credential store.", cure, model)


def _unsupported(message: str, remedy: str, model: str) -> Unsupported:
    return Unsupported(
        f"{message} Nothing was sent.", remedy=remedy, reasons={Reason.NOT_SUPPORTED}, model=model
    )
