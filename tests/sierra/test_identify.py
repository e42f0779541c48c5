"""Which of the two models answers, and the states in which neither can."""

from __future__ import annotations

import time
from typing import Any

import pytest

import modemtls
from modemtls import Certainty, Identity, ModemReset, Reason, Unsupported
from modemtls.identify import choose
from modemtls.plugins import registry
from modemtls_sierra_wip.identity import agent_of, firmware_of
from modemtls_sierra_wip.models import MODELS

REVISION = "R7.44.6.201109260825.Q2686RD 2146176 092611 08:25"
AGENT = '+MTVER: 1,"1.0.0","sdk","1.4"'


def who(
    *lines: str, accepted: tuple[str, ...] = (), maker: str = "WAVECOM MODEM", revision: str = REVISION
) -> Identity:
    return Identity(maker, "MULTIBAND  900E  1800", revision, "1", lines, accepted)


@pytest.mark.parametrize("model", ["sierra-q2686", "sierra-q2686-wipsoft"])
def test_each_is_recognised_with_certainty(model: str) -> None:
    with modemtls.open(f"sim://{model}") as modem:
        assert modem.model.name == model
        assert modem.identity.manufacturer == "WAVECOM MODEM"
        assert modem.firmware.startswith("7.44.6.201109260825 Q2686RD")


def test_the_agent_says_version_and_plug_in() -> None:
    with modemtls.open("sim://sierra-q2686?plug_in=") as modem:
        assert modem.firmware.endswith("agent/1.0.0-host security/none")
    agent = agent_of(who(AGENT))
    assert agent is not None
    assert (agent.version, agent.build, agent.plug_in) == ("1.0.0", "sdk", "1.4")


def test_wipsoft_is_told_though_its_stack_is_stopped() -> None:
    found, match = choose(who("+WOPEN: 1", accepted=("+WIPBR=?", "+WOPEN?")), MODELS, None)
    assert (found.name, match.certainty) == ("sierra-q2686-wipsoft", Certainty.STATED)


@pytest.mark.parametrize(
    ("text", "firmware"),
    [
        ("R7.46.0.201108091301.SL6087 2216044 080911 13:01", ("7.46.0.201108091301", "SL6087")),
        ("657c09gg.Q24PL001 1956992 042407 11:29", ("657c09gg", "Q24PL001")),
        (REVISION, ("7.44.6.201109260825", "Q2686RD")),
        ("UE8.2.1.0", ("", "")),
    ],
)
def test_firmware_in_the_published_forms(text: str, firmware: tuple[str, str]) -> None:
    assert firmware_of(who(revision=text)) == firmware


def test_modems_of_other_makers_are_not_asked_the_commands_of_these() -> None:
    with modemtls.open("sim://sequans-gm02s") as modem:
        port: Any = modem._port
        assert not [
            line for line in port.simulator.commands if "MTVER" in line or "WOPEN" in line or "WIP" in line
        ]


@pytest.mark.parametrize(
    ("settings", "model", "words", "reason"),
    [
        ("application=stopped", None, "No Open AT application runs", Reason.APPLICATION_MISSING),
        ("application=none", None, "No Open AT application runs", Reason.APPLICATION_MISSING),
        ("application=none", "sierra-q2686", "No Open AT application runs", Reason.APPLICATION_MISSING),
        (
            "application=other",
            None,
            "neither the companion agent of modemtls nor WIPsoft",
            Reason.APPLICATION_MISSING,
        ),
        ("application=wipsoft", "sierra-q2686", "WIPsoft does", Reason.APPLICATION_MISSING),
        ("", "sierra-q2686-wipsoft", "the companion agent of modemtls does", Reason.APPLICATION_MISSING),
        ("protocol=2", None, "speaks version 2 of its commands", Reason.APPLICATION_MISSING),
        ("boot_loader=yes", None, "Only the boot loader", Reason.BOOT_LOADER_ONLY),
    ],
)
def test_each_state_in_which_it_cannot_be_used_has_its_error(
    settings: str, model: str | None, words: str, reason: Reason
) -> None:
    with pytest.raises(Unsupported, match=words) as caught:
        modemtls.open(f"sim://sierra-q2686?{settings}", model=model)
    assert caught.value.reasons == {reason}
    assert caught.value.remedy


def test_the_other_application_is_used_when_no_model_is_named() -> None:
    found, _ = choose(who("+WOPEN: 1", accepted=("+WIPBR=?",)), registry().models, None)
    assert found.name == "sierra-q2686-wipsoft"
    found, _ = choose(who(AGENT, "+WOPEN: 1", accepted=("+MTVER?",)), registry().models, None)
    assert found.name == "sierra-q2686"


def test_another_makers_modem_is_not_taken_for_one() -> None:
    with pytest.raises(Unsupported, match="No installed plugin knows it"):
        choose(who(maker="Acme", revision="1.0"), MODELS, None)
    with pytest.raises(Unsupported, match="No installed plugin knows it"):
        choose(who(maker="Sierra Wireless", revision="SWI9200X_03.05"), MODELS, None)


def test_a_module_that_restarts_again_and_again_says_so() -> None:
    before = time.monotonic()
    with pytest.raises(ModemReset, match="restarts again and again") as caught:
        modemtls.open("sim://sierra-q2686?reset_loop=300ms&boot_delay=200ms&wind=4&latency=80ms", timeout=20)
    assert caught.value.reasons == {Reason.MODEM_RESTARTED}
    assert "application that runs in it" in str(caught.value)
    assert time.monotonic() - before < 10


def test_another_firmware_is_named_where_it_matters() -> None:
    with modemtls.open("sim://sierra-q2686?firmware=R7.52.0.201306051300.Q2686RD&packages=no") as modem:
        assert modem.firmware.startswith("7.52.0")
        error = modem._ops.driver.comment(modemtls.TlsError("The handshake failed."))
    assert "7.52" in error.message
    with modemtls.open("sim://sierra-q2686") as modem:
        plain = modemtls.TlsError("The handshake failed.")
        assert modem._ops.driver.comment(plain) is plain
