"""What a TLS alert adds to a judgement.

Its direction matters.  An alert of the modem's is about the server's certificate, and is the one word in
standard terms that a modem with an opaque error code says.  An alert of the server's is about what the
modem offered or showed.
"""

from __future__ import annotations

from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from .faults import Fault, Rank
from .standards import ALERTS, reasons_of_alert
from .view import AlertSeen, Sender

__all__ = ["alert_fault", "stated_by"]

_ABOUT_A_CERTIFICATE = frozenset({42, 43, 44, 45, 46, 48, 49, 51})
_LIKELIEST = {
    40: Reason.NO_COMMON_CIPHER,
    43: Reason.WRONG_USAGE,
    45: Reason.EXPIRED,
    48: Reason.UNKNOWN_ISSUER,
}
_REMEDIES = {
    Reason.UNSUPPORTED_VERSION: "Have the server allow a version that both speak, or use TLS of this computer: "
    "--tls host",
    Reason.NO_COMMON_CIPHER: "Compare the server's cipher suites and curves with those of the model: modemtls models",
    Reason.SNI_NEEDED: "Ask for the server by the name that it knows, not by its address.",
    Reason.CLIENT_CERTIFICATE_MISSING: "Give a client certificate: modemtls request … --cert FILE --key FILE",
    Reason.CLIENT_CERTIFICATE_REFUSED: "Check the client certificate: its dates, its issuer, and that the key is its "
    "own: modemtls cert lint FILE",
}


def stated_by(alert: AlertSeen | None) -> frozenset[Reason]:
    """The reasons among which an alert narrows the cause; empty where it does not."""
    if alert is None:
        return frozenset()
    if alert.sender is Sender.MODEM:
        return reasons_of_alert(alert.number)
    return frozenset({_of_server(alert.number)})


def _of_server(number: int) -> Reason:
    if number in _ABOUT_A_CERTIFICATE:
        return Reason.CLIENT_CERTIFICATE_REFUSED
    reasons = reasons_of_alert(number)
    if number in _LIKELIEST:
        return _LIKELIEST[number]
    for likely in (Reason.SNI_NEEDED, Reason.NO_COMMON_CIPHER):
        if likely in reasons:
            return likely
    return next(iter(reasons)) if len(reasons) == 1 else Reason.HANDSHAKE_FAILED


def alert_fault(alert: AlertSeen) -> Fault:
    """The alert itself as a finding."""
    row = ALERTS.get(alert.number)
    name = row.name if row is not None else "not assigned"
    meaning = row.meaning if row is not None else "its meaning is not known"
    who = "The modem" if alert.sender is Sender.MODEM else "The server"
    reasons = reasons_of_alert(alert.number)
    if alert.sender is Sender.SERVER:
        reason = _of_server(alert.number)
    elif len(reasons) == 1:
        (reason,) = reasons
    else:
        reason = _LIKELIEST.get(alert.number, Reason.HANDSHAKE_FAILED)
    return Fault(
        Finding(
            reason,
            Severity.ERROR,
            Certainty.STATED if reasons == {reason} else Certainty.GUESSED,
            f"{who} sent the TLS alert {alert.number} ({name}): {meaning}.",
            _REMEDIES.get(reason),
            (f"alert {alert.number} from the {alert.sender.value}",),
            row.source if row is not None else None,
        ),
        Rank.ALTERNATIVE,
    )
