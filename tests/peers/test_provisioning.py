"""pysequansutils, the provisioning tool of a vendor of boards, writes into the store of a simulated GM02S."""

from __future__ import annotations

import hashlib
import ssl

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import modemtls
from modemtls_sequans.simulator import Gm02s

from .counterpart import client

Modem = tuple[Gm02s, str]


def key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, form: serialization.PrivateFormat) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


CA = trustme.CA()
LEAF = CA.issue_cert("device.test")
RSA_CA = trustme.CA(key_type=trustme.KeyType.RSA)
PEMS = {
    "CA": CA.cert_pem.bytes(),
    "leaf": LEAF.cert_chain_pems[0].bytes(),
    "RSA CA": RSA_CA.cert_pem.bytes(),
    "three in one": CA.cert_pem.bytes() + RSA_CA.cert_pem.bytes() + trustme.CA().cert_pem.bytes(),
}
KEYS = {
    "EC": key_pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.TraditionalOpenSSL),
    "EC, PKCS 8": key_pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8),
    "RSA": key_pem(rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.TraditionalOpenSSL),
}


def tool(port: str, *actions: object) -> list[object]:
    return client("pysequansutils", "pysequansutils", port, *actions)


@pytest.mark.parametrize("name", PEMS)
def test_the_slot_of_a_certificate_equals_its_pem(gm02s: Modem, name: str) -> None:
    modem, port = gm02s
    pem = PEMS[name]
    for slot in (5, 19):
        assert tool(port, ["ping"], ["write", slot, "certificate", pem.decode()]) == [True, 0]
        assert modem.nvm.get("certificate", slot) == pem


@pytest.mark.parametrize("name", KEYS)
def test_the_slot_of_a_key_equals_its_pem(gm02s: Modem, name: str) -> None:
    modem, port = gm02s
    assert tool(port, ["write", 6, "privatekey", KEYS[name].decode()]) == [0]
    assert modem.nvm.get("privatekey", 6) == KEYS[name]
    assert modem.nvm.get("certificate", 6) is None


def test_writes_one_after_the_other_stay_apart(gm02s: Modem) -> None:
    modem, port = gm02s
    slots = dict(zip((5, 6, 11, 12), PEMS.values(), strict=True))
    assert (
        tool(port, *(["write", slot, "certificate", pem.decode()] for slot, pem in slots.items())) == [0] * 4
    )
    assert {slot: modem.nvm.get("certificate", slot) for slot in slots} == slots


def test_the_tool_mends_line_ends_before_it_sends(gm02s: Modem) -> None:
    modem, port = gm02s
    pem = PEMS["CA"]
    crlf = pem.decode().replace("\n", "\r\n").rstrip("\r\n")
    assert tool(port, ["write", 5, "certificate", crlf]) == [0]
    assert modem.nvm.get("certificate", 5) == pem


def test_what_the_modem_refuses_the_tool_reports_and_the_slot_stays(gm02s: Modem) -> None:
    modem, port = gm02s
    pem = PEMS["CA"].decode()
    damaged = pem.replace("MII", "!!!", 1)
    given = tool(
        port,
        ["write", 5, "certificate", pem],
        ["write", 5, "certificate", damaged],
        ["write", 5, "certificate", "no certificate at all"],
        ["ping"],
    )
    assert given[0] == 0
    assert [str(answer).partition(":")[0] for answer in given[1:3]] == ["AtCommandError"] * 2
    assert given[3] is True
    assert modem.nvm.get("certificate", 5) == pem.encode()


def test_the_tool_erases_what_it_has_written(gm02s: Modem) -> None:
    modem, port = gm02s
    pem = PEMS["leaf"].decode()
    given = tool(
        port, ["write", 5, "certificate", pem], ["erase", 5, "certificate"], ["erase", 5, "certificate"]
    )
    assert given[:2] == [0, 0]
    assert str(given[2]).startswith("AtCommandError")
    assert modem.nvm.get("certificate", 5) is None


def test_the_store_outlives_a_restart_that_the_tool_asks_for(gm02s: Modem) -> None:
    modem, port = gm02s
    pem = PEMS["CA"]
    assert tool(port, ["write", 5, "certificate", pem.decode()], ["reset"], ["ping"]) == [0, None, True]
    assert modem.restarts == 1
    assert modem.nvm.get("certificate", 5) == pem


def test_modemtls_lists_what_the_tool_has_written(gm02s: Modem) -> None:
    _, port = gm02s
    pem = PEMS["CA"]
    assert tool(port, ["write", 5, "certificate", pem.decode()], ["read", 5, "certificate"]) == [0, 0]
    with modemtls.open(port, journal=False) as modem:
        (found,) = (entry for entry in modem.credentials.list() if entry.slot == 5)
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    assert found.fingerprint == hashlib.new(str(found.fingerprint_hash), der).hexdigest()


def test_the_tool_reads_what_modemtls_has_written(gm02s: Modem) -> None:
    simulator, port = gm02s
    with modemtls.open(port, journal=False) as modem:
        modem.trust(PEMS["CA"])
    (slot,) = (slot for slot, data in simulator.nvm.of("certificate") if data == PEMS["CA"])
    (lines,) = tool(port, ["command", f'AT+SQNSNVR="certificate",{slot}'])
    assert isinstance(lines, list)
    assert lines[0].startswith(f'+SQNSNVR: "certificate",{slot},')
    assert hashlib.sha1(ssl.PEM_cert_to_DER_cert(PEMS["CA"].decode())).hexdigest() in lines[0].lower()
