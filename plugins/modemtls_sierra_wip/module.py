"""What the module's firmware gives both models: dialogue, clock, SIM and registration.

A GSM module: registration by ``AT+CREG?``, no PDP context of its own accord (the application's bearer makes one).
The firmware says 515 while it is busy: the command was not begun, and is given again; one that carries data only
when not a byte of them went out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modemtls import (
    Certainty,
    ModemError,
    NetworkSettings,
    Reason,
    Registration,
    SimState,
    TlsError,
)
from modemtls.at import Command, QuoteLimits, Reply, quote, redactor
from modemtls.op import Now, Sleep, Yield
from modemtls.standard import STANDARD_URCS, StandardDriver

from .log import TERMS, read_log

if TYPE_CHECKING:
    from modemtls import Finding
    from modemtls.driver import Progress
    from modemtls.paste import Paste

__all__ = ["BUSY", "MODULE_URCS", "NO_REPLY", "QUOTES", "ModuleDriver", "redact"]

NO_REPLY = "(?!)"
"""For a command whose outcome is an event of the same name: no line of its exchange is taken for an answer."""

# The firmware takes quotes, spaces and semicolons out of a line before the application sees it, and separates values
# at commas: whether it does that inside quotes too is not published.
QUOTES = QuoteLimits(max_length=200, forbidden=" ;,")

redact = redactor(
    {
        "+MTNET": {2, 3},
        "+WIPBR": {3},
        "+WIPCREATE": {4, 5},
        "+CGAUTH": {3},
        "+CPIN": {0, 1},
        "+CPIN2": {0, 1},
        "+CPWD": {1, 2},
        "+CLCK": {2},
    }
)
"""A line without passwords and PINs, however it is written."""

BUSY = 515
BUSY_SECONDS = 15.0
BUSY_PAUSE = 1.0

MODULE_URCS = (*STANDARD_URCS, "+WIND:")
"""Lines that come unasked from the firmware."""


class ModuleDriver(StandardDriver):
    """A Q2686, whatever application runs in it."""

    attaches_in_stages = True
    clock_pivot = 98
    terms = TERMS

    def read_log(self, paste: Paste) -> Iterable[Finding]:
        return (*read_log(paste), *super().read_log(paste))

    async def command(self, command: Command, *, timeout: float | None = None) -> Reply:
        """One exchange without data; while the module says that it is busy, the same again, for some seconds."""
        return await self.unless_busy(lambda: self.channel.command(command, timeout=timeout))

    async def upload(
        self,
        command: Command,
        data: bytes,
        *,
        timeout: float,
        hide: bool = False,
        progress: Progress | None = None,
    ) -> Reply:
        """A command with data; the same again while the module is busy and has not taken a byte of them."""
        begun = False

        def sent(count: int, whole: int) -> None:
            nonlocal begun
            begun = True
            if progress is not None:
                progress(count, whole)

        return await self.unless_busy(
            lambda: self.channel.upload(
                command,
                data,
                prompt_timeout=self.limits.prompt_timeout,
                timeout=timeout,
                hide=hide,
                progress=sent,
            ),
            unless=lambda: begun,
        )

    @staticmethod
    async def unless_busy(
        attempt: Callable[[], Awaitable[Reply]], unless: Callable[[], bool] = lambda: False
    ) -> Reply:
        """What ``attempt`` gives once the module is not busy, or after some seconds; not repeated when ``unless``."""
        until = await Now() + BUSY_SECONDS
        while True:
            reply = await attempt()
            if reply.final.number != BUSY or unless() or await Now() >= until:
                return reply
            await Sleep(BUSY_PAUSE)
            await Yield()

    async def set_clock(self, time: datetime) -> None:
        # Without a time zone on this family (AT commands guide).
        text = self.clock_text(time)
        await self.ask(Command.set("+CCLK", quote(text)), "Setting the clock")

    @staticmethod
    def clock_text(time: datetime) -> str:
        """An aware time as the module writes it: UTC, two digits of the year.

        :raises ValueError: two digits cannot say it; 98 to 97 are 1998 to 2097.
        """
        utc = time.astimezone(UTC)
        if not 1998 <= utc.year < 2098:
            raise ValueError(f"the module's clock goes from 1998 to 2097: not {utc.year}")
        return f"{utc:%y/%m/%d,%H:%M:%S}"

    async def network_up(self, settings: NetworkSettings) -> None:
        if await self._sim() is SimState.PIN:
            await self._enter_pin(settings.pin)
        if (await self._registration()).is_registered:
            await self.bearer_up(settings)

    def comment(self, error: ModemError) -> ModemError:
        """Firmware 7.52 repeats bytes on their way to the network, which TLS and servers then refuse."""
        damaged = type(error) is TlsError or Reason.CONNECTION_LOST in error.reasons
        if not damaged or "7.52" not in self.resolved.firmware:
            return error
        return type(error)(
            f"{error.message} Firmware 7.52 of this module is reported to repeat bytes that it sends.",
            remedy="Use a module with another firmware (7.44 does not do that).",
            reasons={*error.reasons, Reason.BYTES_LOST},
            certainty=Certainty.GUESSED,
            model=error.model,
            command=error.command,
            code=error.code,
            lines=error.lines,
        )

    async def bearer_up(self, settings: NetworkSettings) -> None:
        """Open and start the application's bearer.

        :raises NetworkError: why it cannot be.
        """
        raise NotImplementedError

    async def _registration(self) -> Registration:
        # The read answer begins with two numbers; an event of the same name has one before a quote.
        command = Command.read("+CREG", reply=r"\+CREG: ?\d+,\d+(,|$)")
        return _REGISTRATIONS.get(await self._number(command, 1) or 0, Registration.UNKNOWN)


_REGISTRATIONS = {
    0: Registration.NOT_REGISTERED,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    4: Registration.UNKNOWN,
    5: Registration.ROAMING,
}
