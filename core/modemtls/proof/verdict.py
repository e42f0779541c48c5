"""What follows from the attempts: which checks were made, and what contradicts the model.

An acceptance needs no comparison: the server saw a request that only this modem can have sent.  A refusal counts when
the good server was accepted, for else the clock, the network or the trust set may be what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import Certainty, ModemError, Reason, TlsError
from ..findings import Finding, Severity
from ..policy import Check
from ..probe import STATIONS, Difference, Outcome, Seen, conclude, differences

if TYPE_CHECKING:
    from ..https.session import HttpWay
    from ..operations import Operations
    from ..policy import TlsEndpoint

__all__ = ["Proof", "Trial", "judge", "proof_object"]

_WAYS = {"stream": "its TLS stream", "modem": "its own HTTP client"}


@dataclass(frozen=True)
class Trial:
    """One attempt: the modem was told to verify, and to ask one server for ``target``.

    ``way``: ``"stream"`` or ``"modem"`` (its own HTTP client).  ``error`` is what it ended with, ``None`` with an
    answer.  What the server saw comes after: ``accepted``, ``in_the_clear``, ``alert``, ``broke_off`` (it began TLS
    there and closed without a word).
    """

    station: str
    way: HttpWay
    target: str
    error: ModemError | None = None
    accepted: bool = False
    in_the_clear: bool = False
    alert: str | None = None
    broke_off: bool = False

    @property
    def is_refused(self) -> bool:
        """The modem refused the server: that it failed is not enough, the server must have seen the refusal."""
        if self.accepted or self.in_the_clear or self.error is None:
            return False
        return self.alert is not None or (self.broke_off and isinstance(self.error, TlsError))

    @property
    def outcome(self) -> str:
        """In words."""
        if self.in_the_clear:
            return "ASKED WITHOUT TLS"
        if self.accepted:
            return "accepted"
        said = "" if self.error is None or self.error.code is None else f": {self.error.code}"
        alert = f", alert {self.alert}" if self.alert else ""
        return f"{'refused' if self.is_refused else 'failed'}{said}{alert}"


@dataclass(frozen=True)
class Proof:
    """What was proved.

    ``declared``: the checks that the model is said to make; ``checks``: those that were seen to be made, or not,
    over all ways.  ``findings``: what is dangerous, and what could not be told.  ``differences``: all that is not as
    declared.  ``left``: what could not be put back, each with the command that does it; empty when all was.
    """

    model: str
    firmware: str
    tls: TlsEndpoint
    declared: frozenset[Check]
    trials: tuple[Trial, ...]
    checks: tuple[tuple[Check, bool], ...]
    findings: tuple[Finding, ...] = ()
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def is_proved(self) -> bool:
        """Every declared check was seen to be made, by every way, and TLS was used."""
        made = {check for check, is_made in self.checks if is_made}
        return self.declared <= made and not any(f.severity is Severity.ERROR for f in self.findings)

    @property
    def error(self) -> ModemError | None:
        """Why the good server was not reached, when nothing could be proved for that."""
        return next(
            (
                t.error
                for t in self.trials
                if t.station == "good" and not t.accepted and not t.in_the_clear and t.error
            ),
            None,
        )


def judge(
    modem: Operations,
    trials: Sequence[Trial],
    seen: Sequence[Seen],
    *,
    tls: TlsEndpoint,
    ways: Sequence[HttpWay],
    declared: frozenset[Check],
    left: tuple[str, ...],
) -> Proof:
    """What ``trials`` prove, with what the servers saw meanwhile."""
    trials = tuple(_with_server(trial, [s for s in seen if s.station == trial.station]) for trial in trials)
    checks: dict[Check, bool] = {}
    findings: list[Finding] = []
    notes: list[str] = []
    model = modem.model.name
    for way in ways:
        mine = {trial.station: trial for trial in trials if trial.way == way}
        bare = [trial for trial in mine.values() if trial.in_the_clear]
        if bare:
            findings.append(_without_tls(model, way, bare))
        for check in Check:
            is_made = _is_made(check, mine)
            if is_made is not None:
                checks[check] = checks.get(check, True) and is_made
            if is_made is False and check in declared and not bare:
                findings.append(_not_made(model, tls, way, check, mine))
            if is_made is None and check in declared and not bare and mine["good"].accepted:
                notes.append(
                    f"By {_WAYS[way]} nothing can be said of the {check.value} check: the attempts failed."
                )
    mine_only = [each for each in seen if _is_ours(each, trials)]
    if tls == "modem":
        result = replace(
            conclude(mine_only),
            checks=tuple(checks.items()),
            speaks_without_tls=any(trial.in_the_clear for trial in trials),
        )
        found = differences(result, modem.resolved)
    else:
        found = ()
    strangers = len(seen) - len(mine_only)
    if strangers:
        notes.append(f"{strangers} connections to the servers were somebody else's, and were left out.")
    if "modem" in ways:
        notes.append(f"HTTP profile {modem.http_profile}, which is modemtls's own, names the last server.")
    return Proof(
        model=model,
        firmware=modem.resolved.firmware,
        tls=tls,
        declared=declared,
        trials=trials,
        checks=tuple(checks.items()),
        findings=tuple(findings),
        differences=found,
        notes=tuple(notes),
        left=left,
    )


def _with_server(trial: Trial, seen: Sequence[Seen]) -> Trial:
    """``trial`` with what its server saw: by its target, which nobody else knows, or else an alert."""
    outcomes = {each.outcome for each in seen if each.target == trial.target}
    alerts = [each.alert_name for each in seen if each.outcome is Outcome.REFUSED]
    in_the_clear = Outcome.NOT_TLS in outcomes
    accepted = (trial.accepted or Outcome.ACCEPTED in outcomes) and not in_the_clear
    return replace(
        trial,
        accepted=accepted,
        in_the_clear=in_the_clear,
        alert=None if accepted or in_the_clear or not alerts else alerts[-1],
        broke_off=any(
            each.hello is not None and each.outcome in (Outcome.CLOSED, Outcome.ENDED) for each in seen
        ),
    )


def _is_ours(seen: Seen, trials: Sequence[Trial]) -> bool:
    """Not a stranger's: with our target, or without any where an attempt of ours did not get through."""
    if seen.target is not None:
        return any(trial.target == seen.target for trial in trials)
    return any(trial.station == seen.station and not trial.accepted for trial in trials)


def _is_made(check: Check, trials: dict[str, Trial]) -> bool | None:
    stations = [trials[s.name] for s in STATIONS if s.refusal_shows is check and s.name in trials]
    if any(trial.accepted for trial in stations):
        return False
    if trials["good"].accepted and stations and all(trial.is_refused for trial in stations):
        return True
    return None


def _evidence(trials: Sequence[Trial]) -> tuple[str, ...]:
    return tuple(f"{trial.station}: {trial.outcome}" for trial in trials)


def _not_made(model: str, tls: TlsEndpoint, way: HttpWay, check: Check, trials: dict[str, Trial]) -> Finding:
    shows = {station.name: station.shows for station in STATIONS}
    stations = [trials[s.name] for s in STATIONS if s.refusal_shows is check and s.name in trials]
    accepted = [trial for trial in stations if trial.accepted]
    who = f"{model} by {_WAYS[way]}" if tls == "modem" else "TLS on this computer"
    return Finding(
        Reason.NOT_VERIFIED,
        Severity.ERROR,
        Certainty.DERIVED,
        f"The {check.value} check is declared and was demanded, and {who} accepted {shows[accepted[0].station]}:"
        " anybody who is on the way with such a certificate can pretend to be the server.",
        "Do not rely on this firmware for it: let TLS run on this computer (--tls host) where the modem has plain TCP,"
        " or use other firmware; report it, so that the model no longer declares the check.",
        evidence=_evidence([trials["good"], *stations]),
        source="this proof",
    )


def _without_tls(model: str, way: HttpWay, trials: Sequence[Trial]) -> Finding:
    return Finding(
        Reason.NOT_TLS,
        Severity.ERROR,
        Certainty.DERIVED,
        f"{model} was told to use TLS and to verify, and asked by {_WAYS[way]} in the clear: everybody on the way can"
        " read and change everything.",
        "Do not use this way on this firmware: use the other one (--http), or let TLS run on this computer (--tls host)"
        " where the modem has plain TCP.",
        evidence=_evidence(trials),
        source="this proof",
    )


def proof_object(proof: Proof) -> dict[str, Any]:
    """The proof in JSON, but for its findings."""
    return {
        "model": proof.model,
        "firmware": proof.firmware,
        "tls": proof.tls,
        "proved": proof.is_proved,
        "declared": [check.value for check in Check if check in proof.declared],
        "checks": {check.value: made for check, made in proof.checks},
        "trials": [
            {"station": each.station, "way": each.way, "accepted": each.accepted, "in_the_clear": each.in_the_clear,
             "alert": each.alert, "outcome": each.outcome}
            for each in proof.trials
        ],
        "notes": list(proof.notes),
        "left": list(proof.left),
    }  # fmt: skip
