"""The AT dialogue, sans I/O: syntax, framing, and the channel that carries one exchange at a time."""

from .channel import Channel
from .data_coding import DataCoding, Escaped, Transparent
from .data_mode import DataMode
from .data_words import DataModeRules
from .exchange import Announced, Event, Marked, Reply, starts
from .redaction import redactor
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
    "DataCoding",
    "DataMode",
    "DataModeRules",
    "Dialect",
    "Escaped",
    "Event",
    "Final",
    "Marked",
    "QuoteLimits",
    "Quoted",
    "Reply",
    "Transparent",
    "fields",
    "free_text",
    "number",
    "quote",
    "raw",
    "redactor",
    "secret",
    "starts",
]
