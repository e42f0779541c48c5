"""What the settings of a port make of a model: the vendor's options, and the numbers that modemtls owns."""

from __future__ import annotations

from typing import Any

from .errors import Reason, Unsupported
from .model import Model
from .plugins import load_object
from .settings import WORDS, Settings

__all__ = ["owned", "vendor_options"]


def owned(name: str, number: int | None, legal: range) -> int:
    """The number that modemtls owns of what the model has several of: the last, unless it was set."""
    if number is None:
        return legal[-1] if legal else 0
    if number not in legal:
        has = f"{legal[0]} to {legal[-1]}" if legal else "none"
        raise Unsupported(
            f"{name} {number} is not one that the modem has: {has}.",
            remedy="Leave it out, and the last one is taken." if legal else "Leave it out.",
            reasons={Reason.INVALID_PARAMETER},
        )
    return number


def vendor_options(model: Model, settings: Settings) -> Any:
    """The vendor's options record, made from the settings.

    :raises Unsupported: an option that it does not have, or a value that it does not take.
    """
    if model.options is None:
        return None
    options = load_object(model.options)
    given = dict(settings.options)
    for name, field in options.__dataclass_fields__.items():
        if isinstance(field.default, bool) and isinstance(given.get(name), str):
            given[name] = WORDS.get(given[name].lower(), given[name])
    try:
        return options(**given)
    except (TypeError, ValueError) as error:
        known = ", ".join(options.__dataclass_fields__)
        why = str(error).replace(f"{options.__name__}.__init__()", "it")
        raise Unsupported(
            f"The options for {model.name} cannot be used: {why}.",
            remedy=f"Its options are {known}.",
            reasons={Reason.INVALID_PARAMETER},
            model=model.name,
        ) from None
