"""What a log shows by the standard's commands alone: a clock that nobody set, a modem that is not registered."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from ..at.syntax import fields
from ..errors import Certainty, Reason
from ..findings import Finding, Severity
from ..paste import EntryKind, Paste
from ..standard import parse_clock

__all__ = ["clock_in", "registration_in"]

_REGISTRATION = ("+CEREG:", "+CREG:", "+CGREG:")


def clock_in(paste: Paste, unset_years: Container[int]) -> Iterator[Finding]:
    """The last clock that the log shows, when it is one that nobody has set."""
    shown = [entry for entry in paste.entries if entry.text.startswith("+CCLK:") and fields(entry.text)]
    if not shown:
        return
    time = parse_clock(fields(shown[-1].text)[0])
    if time is not None and time.year in unset_years:
        yield Finding(
            Reason.CLOCK_UNSET,
            Severity.ERROR,
            Certainty.DERIVED,
            f"The modem's clock is not set: it says {time:%Y-%m-%d %H:%M}, when no certificate of today was valid.",
            "Set it: modemtls clock --set now",
            evidence=(shown[-1].shown,),
            source="3GPP TS 27.007, AT+CCLK",
        )


def registration_in(paste: Paste) -> Iterator[Finding]:
    """The last registration state that the log shows, when it is none."""
    last: dict[str, tuple[str, str]] = {}
    for entry in paste.entries:
        prefix = entry.text.partition(":")[0] + ":"
        if entry.kind is not EntryKind.INFORMATION or prefix not in _REGISTRATION:
            continue
        if not (values := fields(entry.text)):
            continue
        # The answer to a question begins with the mode, the event does not.
        answer = len(values) > 1 and values[0] in ("0", "1", "2", "3") and re.fullmatch("[0-9]", values[1])
        state = values[1] if answer else values[0]
        last[prefix] = (state, entry.shown)
    if not last or any(state in ("1", "5") for state, _ in last.values()):
        return
    denied = any(state == "3" for state, _ in last.values())
    yield Finding(
        Reason.REGISTRATION_DENIED if denied else Reason.NOT_REGISTERED,
        Severity.ERROR,
        Certainty.DERIVED,
        "The network refuses the SIM." if denied else "The modem is not registered with a network.",
        "Ask the operator whether the SIM is active and may roam here."
        if denied
        else "Wait until +CEREG says 1 or 5 before connecting; look at antenna and SIM: modemtls network up",
        evidence=tuple(shown for _, shown in last.values()),
        source="3GPP TS 27.007, AT+CEREG",
    )
