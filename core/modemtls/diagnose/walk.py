"""The walk of a good engineer: from the line to a real attempt, each step told as it is done.

Written once over :class:`modemtls.operations.Operations`; nothing in the modem is changed but what a request would
change.  What a step cannot find out is said and does not stop the next one; only a dead line does.  Nothing here
decides what the cause is: :mod:`.conclude` does, when the attempt has shown whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from ..at.exchange import Event
from ..at.syntax import escaped
from ..credentials import Certificate
from ..endpoint import choose
from ..errors import Certainty, ModemError, ModemTimeout, PortError
from ..model import Capability, ClockReading, StoredCredential, StoredProfile
from ..op import Now, Op, Yield
from ..policy import Check, TlsEndpoint, VerifyPolicy
from ..stack import StackProfile, Trait
from .conclude import conclude
from .look import Look
from .result import Diagnosis, DiagnosisStep, Spoken, State, Who, findings_of_error
from .stack_limits import limited_by
from .steps import STEPS, Found

if TYPE_CHECKING:
    from ..operations import Operations

__all__ = ["Asked", "Knowledge", "Walk"]

MOST_LINES = 400
"""Lines of the wire that are kept for one step."""
LINE_CHARACTERS = 240


@dataclass(frozen=True)
class Asked:
    """What is to be diagnosed, and what is known besides.

    ``look``: the server as seen from elsewhere; without it one is taken through the modem where that can be done,
    unless ``may_look`` is false.  ``meant``: what should be in the CA slot.  ``profile``: use that security profile
    as it stands.  ``attempt``: connect in the end.  ``timeout``: seconds for each connection.  ``stack``: what is
    known of the TLS stack instead of what the model declares.
    """

    host: str
    port: int = 443
    target: str = "/"
    policy: VerifyPolicy = field(default_factory=VerifyPolicy)
    http: Literal["stream", "modem"] = "stream"
    tls: TlsEndpoint | None = None
    profile: int | None = None
    look: Look | None = None
    may_look: bool = True
    meant: tuple[Certificate, ...] = ()
    attempt: bool = True
    timeout: float | None = None
    stack: StackProfile | None = None


@dataclass
class Knowledge:
    """What the steps have found out so far, for those after them."""

    asked: Asked
    now: datetime
    stack: StackProfile
    tls: TlsEndpoint = "modem"
    network_up: bool = False
    reached: bool | None = None
    clock: ClockReading | None = None
    profile: StoredProfile | None = None
    checks: frozenset[Check] = frozenset(Check)
    listing: Sequence[StoredCredential] = ()
    look: Look | None = None
    trouble: ModemError | None = None
    """The first failure before the attempt."""
    attempt: ModemError | None = None
    attempted: bool = False
    judged: bool = False
    """Certificates that were seen were judged by known anchors."""
    path: tuple[str, ...] = ()

    @property
    def number(self) -> int | None:
        """The security profile that is in force, if there is one."""
        return self.profile.number if self.profile is not None else None


class Walk:
    """One diagnosis; :meth:`run` is an operation.  ``tell`` is called with each step when it is done."""

    def __init__(
        self, modem: Operations, asked: Asked, tell: Callable[[DiagnosisStep], None] | None = None
    ) -> None:
        self.modem = modem
        self.asked = asked
        self._tell = tell
        self._spoken: list[Spoken] = []
        self._steps: list[DiagnosisStep] = []

    async def run(self) -> Diagnosis:
        """All steps, and what they come to.

        Failures of the modem are part of the result and not raised.
        """
        asked, modem = self.asked, self.modem
        stack = limited_by(asked.stack or modem.resolved.stack, modem.resolved.limits)
        known = Knowledge(asked, datetime.now(UTC), stack, look=asked.look, checks=asked.policy.checks)
        capabilities = modem.resolved.capabilities
        try:
            known.tls = choose(
                asked.tls, modem.settings.tls, capabilities, http=asked.http, profile=asked.profile,
                model=modem.model.name,
            )  # fmt: skip
        except ModemError as error:
            known.trouble = error
        if known.tls == "host":
            least = Trait(asked.policy.minimum_version, Certainty.DERIVED, "the policy")
            known.stack = StackProfile(minimum_version=least)
        if Capability.TLS_STREAM not in capabilities and known.tls == "modem":
            known.tls = "host"
        channel = modem.channel
        end_listening = channel.listen(self._heard)
        before, channel.tap = channel.tap, self._said
        try:
            for name, title, do in STEPS:
                await self._step(name, title, do(modem, known), known)
                await Yield()
                if isinstance(known.trouble, PortError | ModemTimeout):
                    break
        finally:
            channel.tap = before
            end_listening()
        findings, failure = conclude(known, self._steps)
        host = f"[{asked.host}]" if ":" in asked.host else asked.host
        return Diagnosis(
            url=f"https://{host}{'' if asked.port == 443 else f':{asked.port}'}{asked.target.partition('?')[0]}",
            host=asked.host,
            port=asked.port,
            model=modem.model.name,
            firmware=modem.resolved.firmware,
            identity=replace(modem.identity, serial=""),
            started=known.now,
            steps=tuple(self._steps),
            findings=findings,
            error=failure,
            origin=known.look.view.origin if known.look is not None and known.look.view.chain else None,
            path=known.path,
        )

    async def _step(self, name: str, title: str, do: Op[Found], known: Knowledge) -> None:
        self._spoken = []
        begun = await Now()
        try:
            found = await do
        except ModemError as error:
            if known.trouble is None:
                known.trouble = error
            found = Found(State.BAD, (error.message,), findings_of_error(error))
        step = DiagnosisStep(
            name, title, found.state, found.lines, found.findings, tuple(self._spoken), await Now() - begun
        )
        self._steps.append(step)
        if self._tell is not None:
            self._tell(step)

    def _said(self, who: str, line: str) -> None:
        self._keep(Who.HOST if who == "sent" else Who.MODEM, line)

    def _heard(self, event: Event) -> None:
        self._keep(Who.EVENT, event.line)

    def _keep(self, who: Who, line: str) -> None:
        if len(self._spoken) < MOST_LINES:
            shown = self.modem.driver.dialect.redact(line)
            self._spoken.append(Spoken(who, escaped(shown, LINE_CHARACTERS)))
