"""Two loggers of the standard library: ``modemtls`` (what happens) and ``modemtls.at`` (the wire).

The library is silent until the application configures logging.  structlog is loaded when a record is
really wanted, and renders to the standard library's loggers: unconfigured it would print to stdout.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

__all__ = ["happened", "wire"]

_HAPPENED = logging.getLogger("modemtls")
_WIRE = logging.getLogger("modemtls.at")
_HAPPENED.addHandler(logging.NullHandler())


@cache
def _bound(name: str) -> Any:
    import structlog

    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )


def happened(event: str, *, level: int = logging.INFO, **facts: object) -> None:
    """Log that something happened; ``facts`` must hold no secret."""
    if _HAPPENED.isEnabledFor(level):
        _bound("modemtls").log(level, event, **facts)


def wire(event: str, **facts: object) -> None:
    """Log what went over the wire, redacted by the caller."""
    if _WIRE.isEnabledFor(logging.DEBUG):
        _bound("modemtls.at").debug(event, **facts)


def wire_is_logged() -> bool:
    """Somebody wants the wire: the caller may spare itself the redaction otherwise."""
    return _WIRE.isEnabledFor(logging.DEBUG)
