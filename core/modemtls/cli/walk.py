"""The steps of the demo on one simulated modem, each with what it must come to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..errors import Certainty, CredentialError, ModemError, Reason, TlsError
from ..findings import Severity
from ..model import Capability
from .failures import as_object, lines_for_people
from .output import safe, say, when

if TYPE_CHECKING:
    from ..model import Mistake, Model
    from ..modem import Modem

__all__ = ["CHAIN", "HOST", "Outcome", "Walk"]

HOST = "server.test"
CHAIN = "server-chain.pem"
_URL = f"https://{HOST}/"
_Way = Literal["stream", "modem"]


@dataclass(frozen=True)
class Outcome:
    """What a step came to."""

    as_expected: bool
    lines: tuple[str, ...]
    error: ModemError | None = None


class Walk:
    """The way from a modem without credentials to a verified request, and through the classic mistake."""

    def __init__(self, model: Model, port: str, right_ca: Path, wrong_ca: Path, *, silent: bool) -> None:
        self.model = model
        self.port = port
        self.right_ca = right_ca
        self.wrong_ca = wrong_ca
        self.silent = silent
        self.steps: list[dict[str, Any]] = []

    @property
    def as_expected(self) -> bool:
        """Every step went as it should."""
        return all(step["as_expected"] for step in self.steps)

    def go(self) -> None:
        """All steps."""
        self._say_head()
        with ExitStack() as stack:
            modem = self._opened(stack)
            if modem is None:
                return
            self._before_trust(modem)
            self._probed(modem)
            self._planned(modem)
            self._trusted(modem)
            if self.model.demo_mistake is not None:
                self._mistake(modem, self.model.demo_mistake)
            elif not self.silent:
                say()
                say("No classic mistake is known for this model.")

    def _say_head(self) -> None:
        if self.silent:
            return
        click.echo(click.style(f"{safe(self.model.title)}, simulated", bold=True))
        say(f"   export MODEMTLS_PORT='{self.port}'")
        if self.model.demo_options:
            options = " ".join(f"-O '{name}={value}'" for name, value in self.model.demo_options.items())
            say(f"   each command with {options}")

    def _opened(self, stack: ExitStack) -> Modem | None:
        from ..modem import open as open_modem

        found: list[Modem] = []

        def answer() -> Outcome:
            modem = stack.enter_context(open_modem(self.port, options=dict(self.model.demo_options) or None))
            found.append(modem)
            who = modem.identity
            return Outcome(
                modem.model.name == self.model.name, (f"{who.manufacturer} {who.product}, {modem.firmware}",)
            )

        self._step("Who answers", ("modemtls info",), answer)
        return found[0] if found else None

    def _step(self, title: str, commands: Iterable[str], do: Callable[[], Outcome]) -> None:
        commands = list(commands)
        if not self.silent:
            say()
            click.echo(click.style(f"{len(self.steps) + 1}. {safe(title)}", bold=True))
            for command in commands:
                say(f"   $ {command}")
        try:
            outcome = do()
        except ModemError as error:
            outcome = Outcome(False, (), error)
        self.steps.append(
            {
                "title": title,
                "commands": commands,
                "as_expected": outcome.as_expected,
                "lines": list(outcome.lines),
                "error": None if outcome.error is None else as_object(outcome.error),
            }
        )
        if self.silent:
            return
        for line in outcome.lines:
            say(f"   {line}")
        if outcome.error is not None:
            for line in lines_for_people(outcome.error):
                click.echo(f"   {line}")
        if not outcome.as_expected:
            click.echo(click.style("   This is NOT what should have happened.", fg="red"))

    # What is tried.

    def _request(self, modem: Modem, http: _Way, profile: int | None = None) -> Outcome:
        """A request that must succeed."""
        with modem.https(HOST, http=http, profile=profile) as session:
            response = session.get("/")
        return Outcome(
            response.status == 200 and bool(response.body),
            (f"{response.status}, {len(response.body)} bytes: {response.text.strip()}",),
        )

    def _refusal(
        self, modem: Modem, http: _Way, kind: type[ModemError], *reasons: Reason, profile: int | None = None
    ) -> Outcome:
        """A request that must fail with an error of ``kind`` that names one of ``reasons``."""
        try:
            outcome = self._request(modem, http, profile)
        except ModemError as error:
            return Outcome(isinstance(error, kind) and bool(error.reasons & set(reasons)), (), error)
        return Outcome(False, outcome.lines)

    def _before_trust(self, modem: Modem) -> None:
        def ready() -> Outcome:
            status = modem.network.up()
            reading = modem.clock.set()
            return Outcome(
                status.is_up and reading.is_set,
                (f"network: {status.registration.value}", f"clock: {when(reading.time)}"),
            )

        def wrong_ca() -> Outcome:
            installed = modem.trust(self.wrong_ca)
            outcome = self._refusal(modem, self._telling_way(modem), TlsError, Reason.UNKNOWN_ISSUER)
            return Outcome(outcome.as_expected, (f"{installed}", *outcome.lines), outcome.error)

        self._step(
            "Network and clock: without them no certificate can be judged",
            ("modemtls network up", "modemtls clock --set now"), ready,
        )  # fmt: skip
        self._step(
            "A request before any CA is trusted is refused, before anything goes to the server",
            (f"modemtls request {_URL}",),
            lambda: self._refusal(modem, "stream", CredentialError, Reason.NO_TRUST_ANCHOR),
        )
        way = "" if self._telling_way(modem) == "stream" else " --http modem"
        self._step(
            "With another CA the handshake itself refuses the server",
            (f"modemtls cert trust {self.wrong_ca.name}", f"modemtls request{way} {_URL}"), wrong_ca,
        )  # fmt: skip

    def _probed(self, modem: Modem) -> None:
        """What the modem says to the server when it refuses: it tells nobody else."""
        from ..probe import STATIONS, Authority, ProbeServer, prepare
        from ..probe import Outcome as Ended

        authority = Authority()
        expired = [station for station in STATIONS if station.name == "expired"]
        server = ProbeServer(prepare(("localhost",), authority, expired))

        def probe() -> Outcome:
            with server:
                modem.trust(authority.root_pem)
                with (
                    contextlib.suppress(TlsError),
                    modem.https("localhost", server.ports["expired"]) as session,
                ):
                    session.get("/")
                server.wait_for("expired", 1, 5)
                seen = server.of("expired")[-1]
            line = f"expired: {seen.outcome.value}, alert {seen.alert_name} ({seen.alert})"
            reasons = ", ".join(sorted(reason.value for reason in seen.reasons))
            good = seen.outcome is Ended.REFUSED and Reason.EXPIRED in seen.reasons
            return Outcome(good, (line, f"that can mean: {reasons}"))

        self._step(
            "A server of our own reads the alert that this modem sends, and its owner never sees",
            (
                "modemtls probe-server --station expired",
                "modemtls cert trust probe-root.pem",
                "modemtls request https://localhost:PORT/",
            ),
            probe,
        )

    def _planned(self, modem: Modem) -> None:
        """What the model must hold for the server, where the server's chain is at hand."""
        from ..planning import trust_plan

        chain = self.right_ca.with_name(CHAIN)
        if not chain.exists():
            return

        def plan() -> Outcome:
            by_root, by_nothing = (
                trust_plan(HOST, chain, model=self.model.name, roots=roots, settings=modem.settings)
                for roots in (self.right_ca, ())
            )
            lines = [f"must hold: {each.role.value}, {each.certificate.subject}" for each in by_root.needed]
            room = f" of {by_root.max_bytes}" if by_root.max_bytes is not None else ""
            lines += [f"{len(by_root.pem)} bytes{room}", *by_root.commands(self.right_ca.name)]
            return Outcome(by_root.is_ready and not by_nothing.is_ready, tuple(lines))

        self._step(
            "What this model must hold for this server, worked out without a modem; the root is one that you vouch for",
            (
                f"modemtls cert plan {_URL} --model {self.model.name} --server-chain {CHAIN}"
                f" --roots {self.right_ca.name}",
            ),
            plan,
        )

    def _trusted(self, modem: Modem) -> None:
        def trust() -> Outcome:
            installed = modem.trust(self.right_ca)
            return Outcome(installed.written, (f"{installed}",))

        self._step("Trust the right CA instead", (f"modemtls cert trust {self.right_ca.name}",), trust)
        self._step(
            "Now the same request succeeds, verified",
            (f"modemtls request {_URL}",), lambda: self._request(modem, "stream"),
        )  # fmt: skip
        if self._has_client(modem):
            self._step(
                "And so it does by the modem's own HTTP client",
                (f"modemtls request --http modem {_URL}",), lambda: self._request(modem, "modem"),
            )  # fmt: skip

    @staticmethod
    def _diagnosed(modem: Modem, host: str, reason: Reason, **how: Any) -> Outcome:
        """A diagnosis that must name ``reason`` first, and with more than a guess."""
        found = modem.diagnose(host, **how)
        marks = tuple(f"{step.state.value:<9} {step.title}" for step in found.steps)
        cause = found.cause
        if cause is None:
            return Outcome(False, marks)
        sure = cause.certainty is not Certainty.GUESSED
        return Outcome(
            cause.reason is reason and sure, (*marks, f"Cause: {cause.message}", f"Try: {cause.remedy}")
        )

    def _mistake(self, modem: Modem, mistake: Mistake) -> None:
        """The model's classic mistake in a profile that modemtls does not own, and its cure."""
        owned = modem.settings.security_profile or modem.limits.security_profiles[-1]
        profile = next((number for number in modem.limits.security_profiles if number != owned), None)
        if profile is None:
            return
        slot = next((p.ca_slot for p in modem.profiles.list() if p.number == owned), None)
        wrong, cure = (text.format(slot=slot, profile=profile) for text in (mistake.command, mistake.cure))
        way = self._telling_way(modem)
        request = f"modemtls request --profile {profile}{' --http modem' if way == 'modem' else ''} {_URL}"

        def accepted() -> Outcome:
            reply = modem.command(wrong)
            return Outcome(reply.ok, (*reply.shown, str(reply.final)))

        def shown() -> Outcome:
            findings = [f for p, found in modem.profiles.findings() if p.number == profile for f in found]
            named = any(finding.severity is Severity.ERROR for finding in findings)
            return Outcome(named, tuple(f"{f.severity.name.lower()}: {f.message}" for f in findings))

        def cured() -> Outcome:
            reply = modem.command(cure)
            if not reply.ok:
                return Outcome(False, (*reply.shown, str(reply.final)))
            outcome = self._request(modem, way, profile)
            return Outcome(outcome.as_expected, (str(reply.final), *outcome.lines))

        self._step(
            f"The classic mistake: {mistake.title}; the modem says OK", (f"modemtls at '{wrong}'",), accepted
        )
        self._step(
            "A request with it fails, and the error says why",
            (request,),
            lambda: self._refusal(modem, way, TlsError, Reason.PROFILE_ILLEGAL, profile=profile),
        )
        self._step(
            "The whole walk, from the line to an attempt, names the cause and the cure",
            (f"modemtls diagnose --profile {profile}{' --http modem' if way == 'modem' else ''} {_URL}",),
            lambda: self._diagnosed(modem, HOST, Reason.PROFILE_ILLEGAL, http=way, profile=profile),
        )
        self._step("The profile itself tells as much", (f"modemtls profile show {profile}",), shown)
        self._step("The cure", (f"modemtls at '{cure}'", request), cured)

    @staticmethod
    def _has_client(modem: Modem) -> bool:
        from ..operations import vendor_options

        resolved = modem.model.resolve(modem.firmware, vendor_options(modem.model, modem.settings))
        return Capability.HTTP_CLIENT in resolved.capabilities

    def _telling_way(self, modem: Modem) -> _Way:
        """The way whose errors tell more: the modem's own client, where there is one."""
        return "modem" if self._has_client(modem) else "stream"
