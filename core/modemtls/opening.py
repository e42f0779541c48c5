"""From an open port to a modem that is known: find the baud rate, wake it, ask who it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from .at.channel import Channel
from .at.exchange import starts
from .at.syntax import Command, escaped, free_text
from .errors import ModemError, ModemReset, ModemTimeout, Reason, Unsupported
from .identify import choose, identity
from .model import Model
from .op import SetLine
from .operations import Operations, vendor_options
from .plugins import registry
from .settings import Settings

__all__ = ["begin"]


RESCUE_SECONDS = 2.0
ESCAPE_SECONDS = 5.0
BOOT_LINES = 2
"""So many restarts while a modem is being opened are a loop."""


async def begin(channel: Channel, settings: Settings, baudrates: Sequence[int]) -> Operations:
    """Find the baud rate, wake the modem, ask who it is.

    :raises ModemTimeout: nothing answers.
    :raises ModemReset: it restarts again and again.
    :raises Unsupported: nobody knows what answers, or it cannot be used in the state it is in.
    """
    models = registry().models
    try:
        for _ in range(BOOT_LINES):
            # Opening a port can restart a modem: once is no trouble.
            with contextlib.suppress(ModemReset):
                return await _begin(channel, settings, baudrates, models)
        return await _begin(channel, settings, baudrates, models)
    except (ModemReset, ModemTimeout) as error:
        raise _restarting(channel, models, error) or error from None


def _restarting(channel: Channel, models: Sequence[Model], error: ModemError) -> ModemReset | None:
    """The better error when the modem has said several times that it starts."""
    beginnings = tuple({line for model in models for line in model.boot_urcs})
    seen = []
    while beginnings and (event := channel.take(starts(*beginnings))) is not None:
        seen.append(event)
    if len(seen) < BOOT_LINES:
        return None
    return ModemReset(
        f"The modem restarts again and again: it said {seen[0].line} {len(seen)} times in"
        f" {seen[-1].time - seen[0].time:.0f} s.",
        remedy="Look at its power supply (a modem draws peaks of 2 A), then at the application that runs in it.",
        reasons={Reason.MODEM_RESTARTED},
        lines=tuple(event.line for event in seen[:3]),
        command=error.command,
    )


async def _begin(
    channel: Channel, settings: Settings, baudrates: Sequence[int], models: Sequence[Model]
) -> Operations:
    await _wake(channel, settings, baudrates, models)
    for command in (Command.do("E0"), Command.do("V1"), Command.set("+CMEE", 1)):
        await channel.command(command)
    who = await identity(channel, models)
    model, match = choose(who, models, settings.model)
    resolved = model.resolve(match.firmware, vendor_options(model, settings))
    operations = Operations(channel, settings, model, match, who, resolved)
    await operations.initialise()
    return operations


async def _wake(
    channel: Channel, settings: Settings, baudrates: Sequence[int], models: Sequence[Model]
) -> None:
    tried = []
    lost: ModemError | None = None
    several = len(baudrates) > 1
    # Tried in turn, no rate gets the time that it takes to leave a data mode: then the usual one does, at the end.
    usual = (115200,) * (several and 115200 in baudrates)
    for turn, baudrate in enumerate((*baudrates, *usual) or (0,)):
        escapes = several and turn >= len(baudrates)
        if escapes and lost is not None:
            break
        if baudrate:
            await SetLine(baudrate=baudrate)
            channel.byte_seconds = 10 / baudrate
            tried += [] if escapes else [str(baudrate)]
        time = ESCAPE_SECONDS if escapes else settings.timeout / max(1, len(baudrates))
        if await channel.wake(time, escape_first=escapes):
            try:
                await channel.ready()
            except ModemError as error:
                lost = error
                continue
            return
    rates = f" at {', '.join(tried)} baud" if tried else ""
    if lost is not None and not channel.hears_noise:
        await _recognise_rescue(channel, models)
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


async def _recognise_rescue(channel: Channel, models: Sequence[Model]) -> None:
    """Ask a modem that answers AT and next to nothing else whether it is in a state that a model knows.

    :raises Unsupported: it is.
    """
    for model in models:
        for rescue in model.rescues:
            lines = await channel.question(free_text(rescue.command), RESCUE_SECONDS)
            answer = next((line for line in lines if line.startswith(rescue.answer)), None)
            if answer is not None:
                raise Unsupported(
                    rescue.trouble.message,
                    remedy=rescue.trouble.remedy,
                    reasons={rescue.trouble.reason},
                    command=f"AT{rescue.command}",
                    lines=(escaped(answer),),
                )
