"""python-gsmmodem-new and atlib, libraries for telephone modems, with simulated modems behind their port."""

from __future__ import annotations

import pytest

from modemtls_sequans.simulator import Gm02s

from .counterpart import client
from .phone import Message, Phone

IMEI = "004999010640000"
IMSI = "001010123456789"


def gsmmodem(port: str, *actions: object) -> list[object]:
    return client("python-gsmmodem-new", "gsmmodem", port, *actions)


def atlib(port: str, *actions: object) -> list[object]:
    return client("atlib", "atlib", port, *actions)


def test_gsmmodem_connects_identifies_and_registers(phone: tuple[Phone, str]) -> None:
    modem, port = phone
    names = ("manufacturer", "model", "revision", "imei", "imsi", "signalStrength", "networkName", "smsc")
    given = gsmmodem(port, ["connect"], ["wait"], *(["get", name] for name in names))
    assert given == [
        None,
        20,
        "modemtls",
        "simulated modem",
        "1.0",
        IMEI,
        IMSI,
        20,
        "Test Network",
        modem.centre,
    ]
    assert modem.cfun == 1
    assert modem.cmee == 1
    assert not modem.echo


@pytest.mark.parametrize("text", ["Hello", "a" * 160])
def test_gsmmodem_sends_a_message_through_the_prompt(phone: tuple[Phone, str], text: str) -> None:
    modem, port = phone
    given = gsmmodem(port, ["connect"], ["wait"], ["send", "+358401234567", text], ["get", "imei"])
    assert given == [None, 20, 1, IMEI]
    (message,) = modem.sent
    pdu = bytes.fromhex(message.data.decode())
    assert len(pdu) - 1 - pdu[0] == int(message.to), "the length counts the PDU without the service centre"
    assert pdu.endswith(_packed(text))


def _packed(text: str) -> bytes:
    """Seven bits a character, the lowest first (3GPP TS 23.038); letters and space are as in ASCII."""
    bits = sum(ord(character) << 7 * at for at, character in enumerate(text))
    return bits.to_bytes((7 * len(text) + 7) // 8, "little")


def test_gsmmodem_asks_a_gm02s_who_it_is(gm02s: tuple[Gm02s, str]) -> None:
    modem, port = gm02s
    names = ("manufacturer", "model", "revision", "imei", "imsi", "signalStrength", "networkName")
    # It insists on text messages when it connects; that is as far as a simulated GM02S goes with it.
    connected, *given = gsmmodem(port, ["connect"], ["wait"], *(["get", name] for name in names))
    assert str(connected).startswith("CmeError")
    assert modem.commands[0] == "ATZ"
    assert "AT+CMGF=0" in modem.commands
    assert given == [20, "Sequans Communications", "GM02S", "UE8.2.0.2", IMEI, IMSI, 20, "Test Network"]


def test_atlib_reads_identity_sim_signal_and_network(gm02s: tuple[Gm02s, str]) -> None:
    modem, port = gm02s
    given = atlib(
        port,
        ["command", "AT+CFUN=1"],
        ["await_urc", "+CEREG: 1", 20],
        ["get_manufacturer"],
        ["get_model"],
        ["get_imei"],
        ["get_imsi"],
        ["get_sim_status"],
        ["get_signal"],
        ["get_network_registration"],
        ["get_current_operator"],
        ["get_addresses"],
    )
    assert given[0][:2] == ["AT+CFUN=1", "OK"]  # type: ignore[index]
    assert str(given[1]).startswith("+CEREG: 1")
    assert given[2:8] == ["Sequans Communications", "GM02S", IMEI, IMSI, "OK", [20, 99]]
    assert given[8:] == [[0, 1], "00101", [[1, modem.address]]]


def test_atlib_defines_a_context(gm02s: tuple[Gm02s, str]) -> None:
    modem, port = gm02s
    given = atlib(port, ["set_context", 1, '"IP"', '"iot.example"'], ["get_contexts"])
    assert given[0] == "OK"
    assert given[1] == [[1, "IP", "iot.example", ""]]
    assert modem.contexts[1].apn == "iot.example"


def test_atlib_understands_a_refusal(gm02s: tuple[Gm02s, str]) -> None:
    _, port = gm02s
    assert atlib(port, ["command", "AT+SQNSNVR=nonsense"], ["get_imei"]) == [
        ["AT+SQNSNVR=nonsense", "+CME ERROR: 4"],
        IMEI,
    ]


def test_atlib_sends_a_message_through_the_prompt(phone: tuple[Phone, str]) -> None:
    modem, port = phone
    given = atlib(
        port,
        ["command", "AT+CREG=1"],
        ["command", "AT+CFUN=1"],
        ["await_urc", "+CREG: 1", 20],
        ["send_sms", "+358401234567", "Hello"],
        ["get_imei"],
    )
    assert given[2:] == ["+CREG: 1", "OK", IMEI]
    # Commands end with CR LF here, and what follows the CR is data already: so do modems with counted data.
    assert modem.sent == [Message(True, "+358401234567", b"\nHello")]
