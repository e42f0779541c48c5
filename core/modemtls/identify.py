"""Which model answers: its own words, judged by every installed plugin.

A match has a certainty.  The surest wins; a tie is not broken by chance but reported, and ``model`` settles it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .at.channel import Channel
from .at.syntax import escaped, free_text
from .errors import Certainty, Reason, Unsupported
from .model import Identity, Match, Model

__all__ = ["choose", "identity"]

_SURE = (Certainty.STATED, Certainty.DERIVED, Certainty.GUESSED)
_VALUE = re.compile(r"^\+?[A-Z]{3,}\d*: ?")


async def identity(channel: Channel, models: Sequence[Model]) -> Identity:
    """What the modem says of itself, by the standard's commands and the models' own harmless ones."""
    manufacturer, product, revision, serial = [
        " ".join(_VALUE.sub("", line).strip('"') for line in await _lines(channel, name))
        for name in ("+CGMI", "+CGMM", "+CGMR", "+CGSN")
    ]
    fitting = [model for model in models if _fits(model, manufacturer)]
    lines: list[str] = []
    accepted: list[str] = []
    for name in sorted({name for model in fitting for name in model.identify_commands}):
        answer = await _answer(channel, name)
        if answer is not None:
            accepted.append(name)
            lines += answer
    return Identity(manufacturer, product, revision, serial, tuple(lines), tuple(accepted))


def _fits(model: Model, manufacturer: str) -> bool:
    beginnings = tuple(beginning.casefold() for beginning in model.manufacturers)
    return not beginnings or manufacturer.strip().casefold().startswith(beginnings)


async def _lines(channel: Channel, name: str) -> tuple[str, ...]:
    return await _answer(channel, name) or ()


async def _answer(channel: Channel, command: str) -> tuple[str, ...] | None:
    """What the command is answered, ``None`` when it is refused; another command's prefix came by itself."""
    name = re.split("[=?]", command)[0]
    reply = await channel.command(free_text(command))
    lines = [line.strip() for line in reply.lines if not line.startswith("+") or line.startswith(f"{name}:")]
    return tuple(escaped(line, 200) for line in lines if line) if reply.ok else None


def choose(who: Identity, models: Sequence[Model], name: str | None) -> tuple[Model, Match]:
    """The model that ``who`` is; ``name`` is what the user says it is.

    :raises Unsupported: nobody knows it, several do and ``name`` does not settle it, the modem states that it
        is another known model than ``name`` (settings of one mean something else to the other), or it is known
        and in a state in which it cannot be used.
    """
    found = [(model, match) for model in models if (match := model.matches(who)) is not None]
    said = ", ".join(filter(None, (who.manufacturer, who.product, who.revision, *who.lines)))
    words = escaped(said, 600) or "nothing"
    if name is not None:
        return _usable(*_named(name, models, found, words))
    matches = [(model, match) for model, match in found if match.trouble is None]
    if found and not matches:
        _usable(*min(found, key=lambda pair: _SURE.index(pair[1].certainty)))
    if not matches:
        raise Unsupported(
            f"The modem says of itself: {words}. No installed plugin knows it.",
            remedy="If it is one of the known models all the same, say so with --model (modemtls models).",
            reasons={Reason.UNKNOWN_MODEL},
        )
    surest = min(_SURE.index(match.certainty) for _, match in matches)
    best = [(model, match) for model, match in matches if _SURE.index(match.certainty) == surest]
    if len(best) > 1:
        names = " or ".join(model.name for model, _ in best)
        raise Unsupported(
            f"The modem says of itself: {words}. That fits {names} equally well.",
            remedy=f"Say which it is: --model {best[0][0].name}, or model in modemtls.toml.",
            reasons={Reason.AMBIGUOUS_MODEL},
        )
    return best[0]


def _usable(model: Model, match: Match) -> tuple[Model, Match]:
    if match.trouble is not None:
        raise Unsupported(
            match.trouble.message,
            remedy=match.trouble.remedy,
            reasons={match.trouble.reason},
            model=model.name,
        )
    return model, match


def _named(
    name: str, models: Sequence[Model], matches: Sequence[tuple[Model, Match]], words: str
) -> tuple[Model, Match]:
    """The model that the user names, unless the modem states that it is another one."""
    for model, match in matches:
        if model.name == name:
            return model, match
    for model, match in matches:
        if match.certainty is Certainty.STATED and match.trouble is None:
            raise Unsupported(
                f"The modem says of itself: {words}. That is {model.name}, not {name}.",
                remedy=f"Leave --model out, or say --model {model.name}.",
                reasons={Reason.UNKNOWN_MODEL},
            )
    model = next(model for model in models if model.name == name)
    return model, Match(Certainty.GUESSED, "", "the model was given")
