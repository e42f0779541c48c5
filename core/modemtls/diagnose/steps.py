"""The steps of the walk, each an operation that gives what it found: state, facts, findings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ..at.syntax import raw
from ..errors import Certainty, CredentialError, HttpError, ModemError, Reason
from ..findings import Finding, Severity
from ..model import Capability, ClockReading
from ..op import Op
from ..policy import Check
from .after_failure import clock_findings, profile_findings
from .chain import Verdict, examine, judge_without_view
from .chain_parts import shown
from .holdings import Holdings, holdings
from .look import counted, look_findings, through_modem
from .offer import narrowed, suite_findings
from .result import State, findings_of_error
from .view import Anchor

if TYPE_CHECKING:
    from ..operations import Operations
    from .walk import Knowledge

__all__ = ["STEPS", "Found"]

_NOTICEABLE = timedelta(hours=1)


@dataclass(frozen=True)
class Found:
    """What a step found."""

    state: State
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def _state(findings: Sequence[Finding]) -> State:
    worst = min((finding.severity for finding in findings), default=Severity.NOTE)
    return {Severity.ERROR: State.BAD, Severity.WARNING: State.DOUBTFUL}.get(worst, State.GOOD)


def _skipped(why: str) -> Found:
    return Found(State.SKIPPED, (why,))


async def line(modem: Operations, known: Knowledge) -> Found:
    """The modem answers, and is what it is taken for."""
    reply = await modem.driver.command(raw("AT"))
    who = modem.identity
    name = " ".join(part for part in (who.manufacturer, who.product) if part)
    certainty = modem.match.certainty
    lines = [f"{name or 'it does not say its name'}: {modem.model.title} ({certainty.value})"]
    if modem.resolved.firmware:
        lines.append(f"firmware {modem.resolved.firmware}")
    if modem.channel.dropped_events:
        lines.append(f"{modem.channel.dropped_events} unsolicited lines were dropped: nobody took them")
    if not reply.ok:
        lines.append(f"AT is answered {reply.final}")
    findings: tuple[Finding, ...] = ()
    trouble = modem.match.trouble
    if trouble is not None:
        findings = (
            Finding(trouble.reason, Severity.ERROR, Certainty.DERIVED, trouble.message, trouble.remedy),
        )
    doubtful = not reply.ok or certainty is Certainty.GUESSED
    state = _state(findings) if findings else State.DOUBTFUL if doubtful else State.GOOD
    return Found(state, tuple(lines), findings)


async def network(modem: Operations, known: Knowledge) -> Found:
    """SIM, registration, PDP context; brings them up when the settings allow it."""
    await modem.require_network()
    status = await modem.network_status()
    known.network_up = status.is_up
    facts = [
        ("radio", "on" if status.radio_on else "off"),
        ("SIM", status.sim.value),
        ("registration", status.registration.value),
        ("APN", None if status.apn is None else status.apn or "(none configured)"),
        ("PDP context", {True: "active", False: "not active", None: None}[status.pdp_active]),
        ("address", status.address),
    ]
    return Found(
        State.GOOD if known.network_up else State.DOUBTFUL,
        tuple(f"{name}: {value}" for name, value in facts if value is not None),
    )


async def clock(modem: Operations, known: Knowledge) -> Found:
    """The modem's clock beside this computer's."""
    reading = await modem.read_clock()
    known.clock = reading
    off = reading.time - known.now
    by = (
        ""
        if abs(off) < timedelta(minutes=2)
        else f", {_span(abs(off))} {'ahead' if off > timedelta(0) else 'behind'}"
    )
    lines = (
        f"modem {reading.time:%Y-%m-%d %H:%M} UTC, this computer {known.now:%Y-%m-%d %H:%M} UTC{by}"
        + ("" if reading.is_set else "; nobody has set it"),
    )
    if known.tls == "host" or Check.DATES not in known.checks:
        why = "TLS runs on this computer" if known.tls == "host" else "no dates are verified"
        return Found(State.GOOD, (*lines, f"it does not matter here: {why}"))
    if not reading.is_set:
        return Found(State.BAD, lines)
    return Found(State.DOUBTFUL if abs(off) > _NOTICEABLE else State.GOOD, lines)


def _span(off: timedelta) -> str:
    if off.days > 400:
        return f"{off.days / 365.25:.0f} years"
    return f"{off.days} days" if off.days > 1 else f"{off.total_seconds() / 3600:.1f} hours"


async def profile(modem: Operations, known: Knowledge) -> Found:
    """The security profile: legal, and what it makes the modem verify."""
    asked = known.asked
    if known.tls == "host":
        return _skipped("TLS runs on this computer: no security profile of the modem has part in it")
    if not modem.resolved.limits.security_profiles:
        return _skipped(f"{modem.model.name} has no security profiles")
    number = modem.security_profile if asked.profile is None else asked.profile
    current = next((p for p in await modem.read_profiles() if p.number == number), None)
    known.profile = current
    known.stack = narrowed(known.stack, current)
    if current is None:
        if asked.profile is not None:
            return Found(State.BAD, (f"security profile {number} is not configured",))
        return Found(State.GOOD, (f"security profile {number} is not configured yet: the attempt writes it",))
    made = None if current.checks is None else ", ".join(sorted(check.value for check in current.checks))
    verifies = "what it verifies is not known" if made is None else f"verifies {made or 'NOTHING'}"
    slot = "no CA slot" if current.ca_slot is None else f"CA slot {current.ca_slot}"
    lines = [f"security profile {number}: {verifies}; {slot}"]
    problems = current.problems
    if asked.profile is None:
        # A session corrects its own profile before use.
        lines.append("it is modemtls' own: the attempt makes it say what the policy demands")
        problems = tuple(replace(finding, severity=Severity.NOTE) for finding in problems)
    elif current.checks is not None:
        known.checks = current.checks
    return Found(_state(problems), tuple(lines), problems)


async def credentials(modem: Operations, known: Knowledge) -> Found:
    """What the profile points to: there, undamaged, valid by the modem's clock, and what was meant."""
    if known.tls == "host":
        held = _host_holdings(modem)
        known_lines = held.lines
        return Found(_state(held.findings), known_lines, held.findings)
    if not modem.resolved.limits.slots:
        return _skipped(f"{modem.model.name} has no credential store")
    known.listing = await modem.list_credentials()
    current = known.profile
    findings = [f for f in profile_findings(modem.driver, current, known.listing)
                if current is None or f not in current.problems]  # fmt: skip
    held = _holdings(modem, known)
    findings += held.findings
    if held.anchors is None and known.clock is not None and Check.DATES in known.checks:
        # Without the certificates themselves, the dates in the listing are what there is.
        findings += clock_findings(known.clock, current, known.listing)
    lines = list(held.lines)
    for entry in known.listing:
        if current is not None and entry.slot in (
            current.ca_slot,
            current.client_slot,
            current.client_key_slot,
        ):
            dates = "" if entry.not_after is None else f", until {entry.not_after:%Y-%m-%d}"
            lines.append(
                f"slot {entry.slot}: {entry.kind.value}, {shown(entry.subject or 'no name shown')}{dates}"
            )
    return Found(_state(findings), tuple(dict.fromkeys(lines)), tuple(findings))


def _holdings(modem: Operations, known: Knowledge) -> Holdings:
    if known.tls == "host":
        return _host_holdings(modem)
    return holdings(
        modem.driver,
        modem.journal,
        None if known.profile is None else known.profile.ca_slot,
        known.listing,
        meant=known.asked.meant,
        seen=() if known.look is None else known.look.view.chain,
    )


def _host_holdings(modem: Operations) -> Holdings:
    """The trust set of TLS on this computer."""
    try:
        trusted = modem.host_trust.certificates()
    except CredentialError as error:
        return Holdings((), (), findings_of_error(error), (error.message,))
    where = "the trust set on this computer"
    names = ", ".join(shown(each.subject, 60) for each in trusted[:3])
    lines = (f"{where} has {counted(len(trusted))}{': ' if names else ''}{names}",)
    return Holdings(tuple(Anchor(each.der, where) for each in trusted), lines=lines)


async def reach(modem: Operations, known: Knowledge) -> Found:
    """Name and TCP through the modem, and, over that, a look at the server's TLS."""
    asked = known.asked
    lines: list[str] = []
    if known.look is not None:
        seen = known.look
        lines += [f"seen from {seen.view.origin.value}: {each}" for each in seen.lines]
        if seen.trouble is not None:
            lines.append(seen.trouble)
    if not known.network_up:
        return Found(State.SKIPPED, (*lines, "the network is not up"))
    if known.look is not None and not asked.attempt:
        return Found(State.SKIPPED, (*lines, "no attempt was wanted, and the server has been seen"))
    if Capability.TCP_STREAM not in modem.resolved.capabilities:
        return Found(State.SKIPPED, (*lines, f"{modem.model.name} has no plain TCP stream to try it with"))
    if known.look is None and asked.may_look:
        timeout = asked.timeout or modem.resolved.limits.connect_timeout
        known.reached = False
        known.look = await through_modem(
            modem.driver, modem.leases, asked.host, asked.port, stack=known.stack, timeout=timeout
        )
        lines += [f"through the modem: {each}" for each in known.look.lines]
    else:
        known.reached = False
        await _only_connect(modem, known)
    known.reached = True
    lines.insert(0, f"{asked.host}:{asked.port} is reached through the modem")
    findings: tuple[Finding, ...] = ()
    if known.look is not None and known.look.sights:
        client = known.profile is not None and known.profile.client_slot is not None
        findings = look_findings(known.look, port=asked.port, shows_certificate=client)
    return Found(_state(findings), tuple(lines), findings)


class _Holder:
    """Who holds the socket of a trial."""


async def _only_connect(modem: Operations, known: Knowledge) -> None:
    holder = _Holder()
    socket = await modem.leases.socket(holder)
    timeout = known.asked.timeout or modem.resolved.limits.connect_timeout
    try:
        await modem.driver.open_stream(
            socket, known.asked.host, known.asked.port, security_profile=None, timeout=timeout
        )
    finally:
        if modem.leases.holds(socket, holder):
            await modem.driver.close_stream(socket)
            modem.leases.give_back(socket)


async def judgement(modem: Operations, known: Knowledge) -> Found:
    """The server's certificates against what the modem trusts, at the modem's clock."""
    asked = known.asked
    if not known.checks:
        return Found(State.DOUBTFUL, ("nothing is verified, so no certificate is ever refused",))
    held = _holdings(modem, known)
    reading = ClockReading(known.now, True) if known.tls == "host" else known.clock
    view = None if known.look is None else known.look.view
    more = [] if known.look is None or known.reached is not None else list(
        look_findings(known.look, port=asked.port, shows_certificate=False)
    )  # fmt: skip
    if view is None or not view.chain:
        found = judge_without_view(
            held.anchors,
            clock=reading,
            now=known.now,
            checks=known.checks,
            stack=known.stack,
            host=asked.host,
        )
        return Found(
            _state(found.findings), ("the server's certificates were not seen",), (*more, *found.findings)
        )
    judged = examine(
        view, held.anchors, clock=reading, now=known.now, checks=known.checks, stack=known.stack,
        elsewhere=held.elsewhere,
    )  # fmt: skip
    known.judged = held.anchors is not None and known.clock is not None
    names = tuple(shown(certificate.subject, 80) for certificate in judged.path)
    known.path = names
    verdict = {
        Verdict.FINE: "every check passes",
        Verdict.REFUSED: "they are refused",
        Verdict.UNCERTAIN: "nothing is found that must fail; not all of it could be checked",
    }[judged.verdict]
    if known.profile is not None and known.profile.cipher_suites:
        more += suite_findings(
            known.profile.cipher_suites, view.chain[0], minimum=known.stack.minimum_version.value,
            maximum=known.stack.maximum_version.value, where=f"security profile {known.profile.number}",
        )  # fmt: skip
    lines = [f"{counted(len(view.chain))}, seen from {view.origin.value}: {verdict}"]
    if names:
        lines.append("path: " + " ← ".join(names))
    return Found(_state(judged.findings), tuple(lines), (*more, *judged.findings))


async def attempt(modem: Operations, known: Knowledge) -> Found:
    """A real request by the way that the application would take."""
    asked = known.asked
    if not asked.attempt:
        return _skipped("no attempt was wanted")
    if not known.network_up:
        return _skipped("the network is not up")
    known.attempted = True
    try:
        session = modem.session(
            asked.host, asked.port, asked.policy, http=asked.http, tls=asked.tls, profile=asked.profile,
            timeout=asked.timeout, explain=False,
        )  # fmt: skip
        methods = modem.resolved.limits.http_methods
        method = "GET" if asked.http == "modem" and methods and "HEAD" not in methods else "HEAD"
        try:
            response = await session.request(method, asked.target, (), b"")
        except ModemError:
            with contextlib.suppress(ModemError):  # the first failure is the one to tell
                await session.close()
            raise
        await session.close()
    except ModemError as error:
        known.attempt = error
        code = () if error.code is None else (f"code {error.code}",)
        late = isinstance(error, HttpError)
        stage = ("TLS was established; HTTP failed",) if late else ()
        return Found(State.BAD, (error.message, *code, *stage), findings_of_error(error))
    return Found(
        State.GOOD, (f"{method} {shown(asked.target, 80)}: status {response.status}, TLS by {known.tls}",)
    )


STEPS: tuple[tuple[str, str, Callable[[Operations, Knowledge], Op[Found]]], ...] = (
    ("line", "The line, and who answers", line),
    ("network", "SIM, registration, PDP context", network),
    ("clock", "The modem's clock", clock),
    ("profile", "The security profile", profile),
    ("credentials", "What it trusts", credentials),
    ("reach", "Name and connection", reach),
    ("judgement", "The server's certificates, by the modem's clock and trust", judgement),
    ("attempt", "A real attempt", attempt),
)

#: Reasons that only a failure before TLS has.
BEFORE_TLS = frozenset({Reason.NAME_NOT_RESOLVED, Reason.REFUSED, Reason.TIMEOUT, Reason.CONNECTION_LOST})
