"""What a simulated Q2686 can be told beyond the common settings.

Each field says what is known; ``assumed=True`` marks what no source confirms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modemtls.sim import SimSettings, setting

__all__ = ["CompanionSettings", "OpenAtSettings"]


@dataclass(frozen=True)
class OpenAtSettings(SimSettings):
    """Settings of every simulated Open AT module."""

    manufacturer: str = setting(" WAVECOM MODEM", "Answer to AT+CGMI, with a space in front.")
    product: str = setting(" MULTIBAND  900E  1800", "Answer to AT+CGMM.")
    echo: bool = setting(True, "Commands are echoed after a boot.")
    network_time: bool = setting(False, "The network gives the time when the modem attaches.", assumed=True)
    application: Literal["own", "stopped", "none", "agent", "wipsoft", "other"] = setting(
        "own",
        "The Open AT application: this model's own, one that is stopped, none, or another one that runs.",
    )
    boot_loader: bool = setting(False, "Only the boot loader is there: AT, AT+WDWL?, and ERROR to the rest.")
    reset_loop: float = setting(
        0.0,
        "The application restarts the module so long after each start; 0 is never.",
        seconds=True,
        minimum=0,
    )
    packages: bool = setting(True, "ATI9 lists the packages of the application; firmware 7.52 left them out.")
    wind: int = setting(
        0, "AT+WIND mask at the start: 4 and 8 say +WIND: 3 and +WIND: 4 after a boot.", minimum=0
    )
    init_time: float = setting(
        0.0,
        "Time after a start in which all but AT is refused with 515.",
        assumed=True,
        seconds=True,
        minimum=0,
    )
    busy: int = setting(0, "So many commands, the first ones, are refused with 515.", minimum=0)
    busy_at: str = setting(
        "", "The first command that begins so after AT (+MTPUT, +WIPDATA=2,1,2) is refused once with 515."
    )
    bearer_delay: float = setting(
        1.5, "Time from starting the bearer to its outcome.", assumed=True, seconds=True, minimum=0
    )
    bearer_error: Literal[
        "",
        "WIP_BERR_NO_SIM",
        "WIP_BERR_PIN_NOT_READY",
        "WIP_BERR_GPRS_FAILED",
        "WIP_BERR_PPP_LCP_FAILED",
        "WIP_BERR_PPP_AUTH_FAILED",
        "WIP_BERR_PPP_IPCP_FAILED",
    ] = setting("", "The bearer fails for this reason, whatever else is right.")
    bearer_not_ready: int = setting(
        0, "So many starts of the bearer, the first ones, fail because GPRS is not ready yet.", minimum=0
    )


@dataclass(frozen=True)
class CompanionSettings(OpenAtSettings):
    """Settings of the simulated Q2686 with the companion agent."""

    plug_in: str = setting(
        "1.4", "Version of the Security plug-in in the agent's build; empty is without one."
    )
    protocol: int = setting(1, "Version of the agent's commands that it says it speaks.", minimum=1)
    licensed: bool = setting(True, "The library gives channels; else NULL, as without the feature's licence.")
    bearer_refusal: Literal["", "713", "714"] = setting(
        "", "The bearer is refused at once with this error; empty is not."
    )
    max_tls: Literal["1.0", "1.1", "1.2"] = setting(
        "1.0", "The newest TLS that the Security plug-in speaks.", assumed=True
    )
    check_hostname: bool = setting(False, "The Security plug-in compares host names.", assumed=True)
    sni: bool = setting(False, "The Security plug-in names the server in its first message.", assumed=True)
    ec_keys: bool = setting(
        True, "The Security plug-in takes suites with EC keys; it is older than most of them.", assumed=True
    )
    anchor_dates: bool = setting(
        False, "The dates of a certificate that is itself trusted are looked at.", assumed=True
    )
    flash_bytes: int = setting(
        240_000, "Flash for objects; a new object needs its room beside the old one.", assumed=True, minimum=1
    )
    flash_fault: bool = setting(False, "The flash keeps something else than what is written: error 705.")
    opening_time: float = setting(
        0.0, "Time that a connection takes at least, beside what the server takes.", seconds=True, minimum=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if '"' in self.plug_in or len(self.plug_in) > 40:
            raise ValueError(f"plug_in={self.plug_in!r} is not a version of at most 40 characters")
