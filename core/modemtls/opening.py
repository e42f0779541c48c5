"""From an open port to a modem that is known: find the baud rate, wake it, ask who it is."""

from __future__ import annotations

from collections.abc import Sequence

from .at.channel import Channel
from .at.syntax import Command
from .errors import ModemError, ModemTimeout, Reason
from .identify import choose, identity
from .op import SetLine
from .operations import Operations, vendor_options
from .plugins import registry
from .settings import Settings

__all__ = ["begin"]


async def begin(channel: Channel, settings: Settings, baudrates: Sequence[int]) -> Operations:
    """Find the baud rate, wake the modem, ask who it is.

    :raises ModemTimeout: nothing answers.
    :raises Unsupported: nobody knows what answers.
    """
    await _wake(channel, settings, baudrates)
    models = registry().models
    for command in (Command.do("E0"), Command.do("V1"), Command.set("+CMEE", 1)):
        await channel.command(command)
    who = await identity(channel, models)
    model, match = choose(who, models, settings.model)
    resolved = model.resolve(match.firmware, vendor_options(model, settings))
    operations = Operations(channel, settings, model, match, who, resolved)
    await operations.initialise()
    return operations


async def _wake(channel: Channel, settings: Settings, baudrates: Sequence[int]) -> None:
    tried = []
    lost: ModemError | None = None
    for baudrate in baudrates or (0,):
        if baudrate:
            await SetLine(baudrate=baudrate)
            tried.append(str(baudrate))
        if await channel.wake(settings.timeout / max(1, len(baudrates))):
            try:
                await channel.ready()
            except ModemError as error:
                lost = error
                continue
            return
    rates = f" at {', '.join(tried)} baud" if tried else ""
    if lost is not None and not channel.hears_noise:
        sync = channel.dialect.sync_command
        raise ModemTimeout(
            f"Something on this port answers AT{rates}, but not {sync} as a cellular modem does.",
            remedy="Is this the port of the modem (modemtls ports)? A modem that is just starting wants a moment.",
            reasons={Reason.NO_ANSWER},
            command=sync,
        ) from lost
    heard = " What came back is not readable." if channel.hears_noise else ""
    raise ModemTimeout(
        f"No modem answers on this port: AT was sent{rates} for {settings.timeout:g} s.{heard}",
        remedy="Is it on, is this its AT port (modemtls ports), is the cable the right one? A modem with another"
        " baud rate wants --baudrate.",
        reasons={Reason.NO_ANSWER, Reason.GARBAGE_ON_LINE} if channel.hears_noise else {Reason.NO_ANSWER},
        command="AT",
    )
