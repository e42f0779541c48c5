"""The driver for a module with the companion agent, put together from its rooms.

``module`` (the firmware's own commands), ``companion_objects`` (objects, TLS configuration), ``companion_link`` (the
connection); here: the bearer, and what the agent's lines say.
"""

from __future__ import annotations

from dataclasses import replace

from modemtls import Certainty, ModemError, NetworkError, NetworkSettings, Reason, VendorCode
from modemtls.at import Argument, Command, Dialect, fields, number, quote, secret, starts
from modemtls.op import Now, Sleep
from modemtls.standard import missing_stage

from .companion_link import CompanionLink, event_in
from .module import MODULE_URCS, NO_REPLY, QUOTES, redact

__all__ = ["CompanionDriver"]

BEARER_SECONDS = 90.0
NOT_READY_SECONDS = 30.0
NOT_READY_PAUSE = 2.0
_NOT_READY = "WIP_BERR_PIN_NOT_READY"
_STARTING = 702
_BEARER = starts("+MTNET:")


class CompanionDriver(CompanionLink):
    """A Q26 module with the companion agent."""

    dialect = Dialect(
        urcs=("+MTREADY", "+MTNET:", "+MTOPEN:", "+MTDATA", "+MTCLOSED:", *MODULE_URCS),
        boot_urcs=("+MTREADY",),
        connect_prompt=True,
        redact=redact,
        quote_limits=QUOTES,
    )
    _seen_address = ""

    async def initialise(self) -> None:
        await super().initialise()
        self.forget_connections()

    async def _state(self) -> tuple[str, ...]:
        # The read answer is a state and an address, as an event of the same name is, and says the same.
        command = Command.read("+MTNET", reply=r'\+MTNET: ?[012],"[0-9.]*"$')
        reply = await self.ask(command, "Reading the bearer")
        return fields(reply.lines[-1]) if reply.lines else ()

    async def _pdp_active(self) -> bool | None:
        state = await self._state()
        self._seen_address = state[1] if len(state) > 1 else ""
        return state[:1] == ("2",)

    async def _address(self) -> str | None:
        return self._seen_address or None  # one answer has both, and the status asks for the state first

    async def _apn(self) -> str | None:
        return None  # the agent does not tell

    async def bearer_up(self, settings: NetworkSettings) -> None:
        """Start the bearer; returns when it is up.

        :raises NetworkError: it does not come up; what SIM and registration say of it goes first.
        """
        arguments: list[Argument] = [1, self._text(settings.apn or "", "The APN")]
        if settings.user:
            user, password = (text.encode().hex() for text in (settings.user, settings.password or ""))
            arguments += [quote(user), secret(quote(password))]
        command = Command.set("+MTNET", *arguments, reply=NO_REPLY)
        deadline = await Now() + NOT_READY_SECONDS
        while True:
            self.channel.discard(_BEARER)
            reply = await self.command(command)
            if reply.final.number != _STARTING:
                self.accept(reply, "Starting the bearer", default=NetworkError)
            event = await self.channel.wait(_BEARER, BEARER_SECONDS)
            if event is None:
                raise NetworkError(
                    f"Starting the bearer: the agent reported no result in {BEARER_SECONDS:g} s.",
                    remedy="Look at the signal, then try again: modemtls network",
                    reasons={Reason.TIMEOUT},
                    certainty=Certainty.GUESSED,
                    model=self.model.name,
                    command=command.shown,
                )
            if fields(event.line)[:1] == ("2",):
                return
            name, raw = event_in(event.line)
            if name != _NOT_READY or await Now() >= deadline:
                raise await self._no_bearer(name, raw, event.line, command.shown)
            await Sleep(NOT_READY_PAUSE)

    async def _no_bearer(self, name: str, raw: int, line: str, command: str) -> ModemError:
        """The error for a bearer that did not come up: what SIM and registration say of it goes first."""
        code = VendorCode("bearer", name, str(raw))
        error = self.error(code, "Starting the bearer", default=NetworkError, command=command, lines=(line,))
        stage = missing_stage(replace(await self.network_status(), pdp_active=None), self.model.name)
        if stage is None:
            return error
        return NetworkError(
            f"{error.message} {stage.message}",
            remedy=stage.remedy,
            reasons=stage.reasons,
            certainty=Certainty.DERIVED,
            model=self.model.name,
            command=command,
            code=code,
            lines=(line,),
        )

    def code_in(self, line: str) -> VendorCode | None:
        values = fields(line)
        if line.startswith("+MTERR:") and len(values) > 2 and values[0] != "0":
            return VendorCode("cme", number(values[0]) or 0, values[1] or None)
        if line.startswith(("+MTOPEN: 0", "+MTCLOSED:", "+MTERR: 0", "+MTNET: 0")) and len(values) > 1:
            name, raw = event_in(line)
            if name.startswith("WIP_BERR"):
                return VendorCode("bearer", name)
            if name:
                where = "tcp-event" if line.startswith("+MTCLOSED") else "tls-event"
                return VendorCode(where, f"{name} {raw}" if raw else name)
            return None
        return super().code_in(line)
