"""Numbers that the WIP library has for its names: all but two are not public, and arbitrary here.

They are those of the agent's build for a computer, and odd on purpose: a host that relies on them goes wrong.
"""

from __future__ import annotations

from modemtls.sim import Failure, Problem

__all__ = ["BEARER_NUMBERS", "ERROR", "PEER_CLOSE", "event_of"]

ERROR, PEER_CLOSE = "WIP_CEV_ERROR", "WIP_CEV_PEER_CLOSE"

BEARER_NUMBERS = {
    "WIP_BERR_NO_CARRIER": -7025,
    "WIP_BERR_NO_SIM": -7027,
    "WIP_BERR_PIN_NOT_READY": -7029,
    "WIP_BERR_GPRS_FAILED": -7031,
    "WIP_BERR_PPP_LCP_FAILED": -7033,
    "WIP_BERR_PPP_AUTH_FAILED": -7035,
    "WIP_BERR_PPP_IPCP_FAILED": -7037,
    "WIP_BERR_PPP_LINK_FAILED": -7039,
    "WIP_BERR_PPP_TERM_REQ": -7041,
}

_CERTIFICATE = frozenset({Failure.CERT_CHAIN, Failure.CERT_DATES, Failure.CERT_HOSTNAME, Failure.CERT_OTHER})
_NUMBERS = {
    Failure.REFUSED: 9101,
    Failure.NOT_ALLOWED: 9103,
    Failure.NAME: 9105,
    Failure.TIMEOUT: 9107,
    Failure.LOST: 9109,
}
_HANDSHAKE = 9111


def event_of(problem: Problem | None, *, hung_up: bool = False) -> tuple[str, int]:
    """The event, and its number, that a connection ends with; ``hung_up``: the other side closed it by itself.

    Only that 1 is a refused certificate is published.
    """
    if problem is None or (hung_up and problem.failure is Failure.LOST):
        return PEER_CLOSE, 0
    if problem.failure in _CERTIFICATE or problem.failure is Failure.TLS_OPAQUE:
        return ERROR, 1
    return ERROR, _NUMBERS.get(problem.failure, _HANDSHAKE)
