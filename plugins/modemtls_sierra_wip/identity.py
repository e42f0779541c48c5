"""Who answers: the module by its firmware's words, and the application in it by what it answers.

The firmware says `` WAVECOM MODEM`` (with a space in front) and ``R7.44….Q2686RD …``.  Only one Open AT application
runs at a time, so a command that only the agent has, or only WIPsoft has, decides.  WIPsoft's read commands answer
``ERROR`` while its stack is stopped; its test commands answer ``OK`` all the same.
"""

from __future__ import annotations

import re

from modemtls import Certainty, Identity, Match, Reason
from modemtls.at import fields
from modemtls.model import Rescue, Trouble

__all__ = [
    "AGENT_PROTOCOL", "BOOT_LOADER", "IDENTIFY_COMMANDS", "MANUFACTURERS", "Agent", "agent_of", "firmware_of",
    "matches_agent", "matches_wipsoft",
]  # fmt: skip

AGENT_PROTOCOL = "1"
"""The version of the agent's commands that this driver speaks."""
MANUFACTURERS = ("WAVECOM", "Sierra Wireless")
_VERSION, _WIPSOFT, _OPEN_AT = "+MTVER?", "+WIPBR=?", "+WOPEN?"
IDENTIFY_COMMANDS = (_VERSION, _WIPSOFT, _OPEN_AT, "I9")

BOOT_LOADER = Rescue(
    "+WDWL?",
    "+WDWL:",
    Trouble(
        "Only the boot loader of the module answers: AT is answered OK, the loader's own command too, and nothing"
        " else. A download was broken off, or the firmware is damaged or was never loaded.",
        "Load the firmware with AT+WDWL and XMODEM (with RTS and CTS), then AT+CFUN=1.",
        Reason.BOOT_LOADER_ONLY,
    ),
)

_FIRMWARE = re.compile(r"\bR?(\d{1,3}[.a-z]\S*?)\.([A-Z]+\d{2,4}[A-Z0-9]*)\b")
_LOAD = (
    "Start the application that is loaded with AT+WOPEN=1; if it is not loaded, load it with AT+WDWL (see the page"
    " on Sierra Wireless modules)."
)


class Agent:
    """What the companion agent says of itself.

    ``plug_in`` is the version of the Security plug-in that it was built with, empty without one.
    """

    def __init__(self, protocol: str, version: str, build: str, plug_in: str) -> None:
        self.protocol = protocol
        self.version = version
        self.build = build
        self.plug_in = plug_in

    @property
    def words(self) -> str:
        """The same as words of a firmware's name."""
        return f"agent/{self.version}-{self.build} security/{self.plug_in or 'none'}"


def firmware_of(identity: Identity) -> tuple[str, str]:
    """Firmware version and module, as in ``R7.44.6.201109260825.Q2686RD``; empty where nothing says so."""
    for text in (identity.revision, *identity.lines):
        found = _FIRMWARE.search(text)
        if found:
            return found[1], found[2]
    return "", ""


def _is_of_the_family(identity: Identity) -> bool:
    """An Open AT module: by its manufacturer, and by the form of its firmware's name or the module's own."""
    maker = identity.manufacturer.strip().casefold()
    if not maker.startswith(tuple(each.casefold() for each in MANUFACTURERS)):
        return False
    return _OPEN_AT in identity.accepted or bool(re.match(r"Q2[46]|SL6|WMP|WISMO", firmware_of(identity)[1]))


def agent_of(identity: Identity) -> Agent | None:
    """The companion agent, where one has answered."""
    for line in identity.lines:
        values = fields(line)
        if line.startswith("+MTVER:") and len(values) >= 4:
            return Agent(*values[:4])
    return None


def _open_at(identity: Identity) -> str | None:
    """What ``AT+WOPEN?`` says: ``0`` nothing runs, ``1`` an application runs; ``None`` without an answer."""
    for line in identity.lines:
        if line.startswith("+WOPEN:") and fields(line):
            return fields(line)[0]
    return None


def _runs_wipsoft(identity: Identity) -> bool:
    return _WIPSOFT in identity.accepted


def _firmware_text(identity: Identity) -> str:
    version, module = firmware_of(identity)
    return f"{version} {module}".strip()


def _nothing_runs(identity: Identity) -> Trouble:
    if _open_at(identity) == "1":
        return Trouble(
            "An Open AT application runs in the module, and it is neither the companion agent of modemtls nor WIPsoft.",
            "Only one application can be loaded: load the agent or WIPsoft in its place with AT+WDWL (see the page on"
            " Sierra Wireless modules).",
            Reason.APPLICATION_MISSING,
        )
    return Trouble(
        "No Open AT application runs in the module: its firmware alone has neither TLS nor sockets.",
        _LOAD,
        Reason.APPLICATION_MISSING,
    )


def matches_agent(identity: Identity) -> Match | None:
    """How the identity fits a module with the companion agent."""
    agent = agent_of(identity)
    if agent is None:
        return _without(
            identity,
            "The companion agent of modemtls does not run in it: WIPsoft does.",
            "sierra-q2686-wipsoft",
        )
    firmware = f"{_firmware_text(identity)} {agent.words}".strip()
    trouble = None
    if agent.protocol != AGENT_PROTOCOL:
        trouble = Trouble(
            f"The companion agent speaks version {agent.protocol} of its commands; this modemtls knows"
            f" {AGENT_PROTOCOL}.",
            "Load the agent that belongs to this version of modemtls, or use the modemtls that belongs to the agent.",
            Reason.APPLICATION_MISSING,
        )
    return Match(Certainty.STATED, firmware, f"AT{_VERSION} was answered by the agent", trouble)


def matches_wipsoft(identity: Identity) -> Match | None:
    """How the identity fits a module with WIPsoft."""
    if agent_of(identity) is not None:
        return Match(
            Certainty.GUESSED,
            _firmware_text(identity),
            trouble=Trouble(
                "WIPsoft does not run in the module: the companion agent of modemtls does.",
                "Leave --model out, or say --model sierra-q2686; or load WIPsoft in its place with AT+WDWL.",
                Reason.APPLICATION_MISSING,
            ),
        )
    if _runs_wipsoft(identity):
        return Match(Certainty.STATED, _firmware_text(identity), f"AT{_WIPSOFT} was answered OK")
    return _without(identity, "", "")


def _without(identity: Identity, instead: str, other: str) -> Match | None:
    """The match of a module in which the wanted application does not run; ``None`` for another modem."""
    if not _is_of_the_family(identity):
        return None
    trouble = _nothing_runs(identity)
    if instead and _runs_wipsoft(identity):
        trouble = Trouble(
            instead,
            f"Load the agent in its place with AT+WDWL, or use what is there: --model {other}, with TLS on this"
            " computer.",
            Reason.APPLICATION_MISSING,
        )
    return Match(Certainty.GUESSED, _firmware_text(identity), trouble=trouble)
