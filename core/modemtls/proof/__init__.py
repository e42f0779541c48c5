"""Proof instead of belief: does a modem refuse what it is said to refuse?

It is led to servers of our own, each of which a check must refuse: another root of the same name, an expired
certificate, another host, no TLS at all.  Whoever is accepted there although the check is declared was not
verified, whatever the modem's manual says; a refusal counts when the good server was accepted before it.
What is changed in the modem for it is written down before it is changed, and put back at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .attempts import Attempts, ProofServers
from .verdict import Proof, Trial, judge, proof_object

if TYPE_CHECKING:
    from ..https.session import HttpWay
    from ..modem import AsyncModem, Modem
    from ..policy import TlsEndpoint

__all__ = ["Proof", "ProofServers", "Trial", "proof_object", "prove", "prove_async"]


def prove(
    modem: Modem,
    servers: ProofServers,
    *,
    ways: Sequence[HttpWay] | None = None,
    tls: TlsEndpoint | None = None,
) -> Proof:
    """Prove what ``modem`` verifies, against ``servers`` that are running; nobody else should use it meanwhile.

    ``ways``: the stream and the modem's own HTTP client, as far as it has them.  The probe's root is stored in a
    free slot and named by a security profile that is not in use, or else by modemtls's own; at the end, also after
    Ctrl-C, slot and profile are as they were, or the result (or the error) says what stayed.

    :raises Unsupported: the model is not known to verify anything, or what would be changed could not be put back.
    :raises CredentialError: no slot is free.
    :raises ModemError: the modem is gone; its message says what stayed.
    """
    attempts = Attempts(modem._ops, servers, ways, tls)
    trials = modem._run(attempts.make())
    attempts.wait(trials)
    return _judged(attempts, trials)


async def prove_async(
    modem: AsyncModem,
    servers: ProofServers,
    *,
    ways: Sequence[HttpWay] | None = None,
    tls: TlsEndpoint | None = None,
) -> Proof:
    """The same on asyncio; see :func:`prove`.  After a cancellation the modem is put in order before its next use."""
    import asyncio

    attempts = Attempts(modem._ops, servers, ways, tls)
    trials = await modem._run(attempts.make())
    await asyncio.to_thread(attempts.wait, trials)
    return _judged(attempts, trials)


def _judged(attempts: Attempts, trials: Sequence[Trial]) -> Proof:
    changes = attempts.changes
    return judge(
        attempts.modem, trials, attempts.seen, tls=attempts.tls, ways=attempts.ways, declared=attempts.declared,
        left=() if changes is None else tuple(changes.left),
    )  # fmt: skip
