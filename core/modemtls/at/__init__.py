"""The AT dialogue, sans I/O: syntax, framing, and the channel that carries one exchange at a time."""

from .channel import Channel
from .exchange import Announced, Event, Marked, Reply, starts
from .syntax import (
    Argument,
    Bare,
    Command,
    Dialect,
    Final,
    Quoted,
    QuoteLimits,
    fields,
    free_text,
    number,
    quote,
    raw,
    secret,
)

__all__ = [
    "Announced",
    "Argument",
    "Bare",
    "Channel",
    "Command",
    "Dialect",
    "Event",
    "Final",
    "Marked",
    "QuoteLimits",
    "Quoted",
    "Reply",
    "fields",
    "free_text",
    "number",
    "quote",
    "raw",
    "secret",
    "starts",
]
