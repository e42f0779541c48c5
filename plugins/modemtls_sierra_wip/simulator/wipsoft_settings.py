"""What a simulated Q2686 with WIPsoft can be told beyond the settings of every Open AT module.

Each field says what is known; ``assumed=True`` marks what no source confirms.  "The guide" is the IP connectivity
guide for WIPsoft 2.02, as published for modems of another maker with the same module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modemtls.sim import setting

from .settings import OpenAtSettings

__all__ = ["WipsoftSettings"]


@dataclass(frozen=True)
class WipsoftSettings(OpenAtSettings):
    """Settings of the simulated Q2686 with WIPsoft."""

    application: Literal["own", "stopped", "none", "agent", "wipsoft", "other"] = setting(
        "own",
        "The Open AT application: this model's own, one that is stopped, none, or another one that runs.",
    )
    version: str = setting("WIPsoft v5.41 on Open AT OS v6.36", "First line of AT+WIPCFG=3.", assumed=True)
    guard: float = setting(
        1.0, "Silence that +++ needs before and after it (the guide: 1 s).", seconds=True, minimum=0
    )
    default_mode: Literal[1, 2] = setting(
        1, "Data mode of AT+WIPDATA without its third parameter, which a forum thread shows.", assumed=True
    )
    not_ready: Literal[811, 848] = setting(
        848, "Error of a bearer that is started before the module has registered: 848 was seen on a WISMO228.",
        assumed=True,
    )  # fmt: skip
    connect_failure: Literal["event", "result"] = setting(
        "event",
        "A connection that fails is reported after the OK of AT+WIPCREATE, or in its place.",
        assumed=True,
    )
    shutdown: Literal["continuous", "both", "never"] = setting(
        "continuous",
        "In which data modes SHUTDOWN tells that the other side has ended; the guide has it for mode 1.",
        assumed=True,
    )
    reset_mark: bool = setting(
        True, "An ETX stands before the error of a reset connection in data mode 2, too; the guide: in mode 1.",
        assumed=True,
    )  # fmt: skip
    reads_after_end: bool = setting(
        True,
        "A connection that the other side has ended can be entered again for what is left.",
        assumed=True,
    )
    repeats: Literal["firmware", "always", "never"] = setting(
        "firmware", "Bytes on their way to the network are repeated now and then, as on firmware 7.52."
    )
    repeat_every: int = setting(
        2000, "Bytes from one repetition to the next, about; a report says 2 at random places in 25 kB.",
        assumed=True, minimum=10,
    )  # fmt: skip
    idle_damage: float = setting(
        0.0,
        "Silence of the host after which the first byte in data mode 2 is damaged; a report on a WISMO228: 2 min.",
        seconds=True,
        minimum=0,
    )
