"""The line between host and agent: lost and damaged bytes, uploads that break off, cancellation."""

from __future__ import annotations

import binascii
from typing import Any

import pytest

import modemtls
from modemtls import CredentialKind, ModemError, NetworkError, Reason
from modemtls.at import Channel
from modemtls.op import run
from modemtls.plugins import load_object
from modemtls.port import open_port
from modemtls.sim import Faults, FaultyLine, FaultyPort, FaultySocket, PtyServer, SimPort, simulator_type
from modemtls.sim.server import pattern
from modemtls.testing import dialogue as scripted
from modemtls_sierra_wip.companion import CompanionDriver
from modemtls_sierra_wip.options import CompanionOptions

from .conftest import GAPS, ISSUED, Bench

OK = b"\r\nOK\r\n"
CONNECT = b"\r\nCONNECT\r\n"
SYNC = (
    ("AT+CMEE?", b"\r\n+CMEE: 1\r\n\r\nOK\r\n"),
    ("AT+CMEE=?", b"\r\n+CMEE: (0-1)\r\n\r\nOK\r\n"),
)


def block(data: bytes, number: int, *, ended: int = 0, crc: int | None = None) -> bytes:
    checksum = binascii.crc32(data) if crc is None else crc
    return b"\r\n+MTRECV: %d,%08x,%d,%d\r\n%b\r\nOK\r\n" % (len(data), checksum, ended, number, data)


class Bare:
    """The driver alone, on a scripted line."""

    def __init__(self) -> None:
        record = modemtls.find_model("sierra-q2686")
        options = CompanionOptions()
        self.port = scripted()
        self.channel = Channel(CompanionDriver.dialect, command_timeout=5.0, recover_timeout=10.0)
        self.driver = CompanionDriver(
            self.channel, record, record.resolve("", options), options, load_object(record.errors)
        )
        self.driver.forget_connections()

    def receives(self, limit: int = 4000) -> bytes | None:
        found = run(self.driver.receive_stream(0, limit, 5.0), self.port)
        self.port.check()
        return found


def test_a_block_whose_crc_is_wrong_is_asked_for_again() -> None:
    bare = Bare()
    bare.port.say(b"\r\n+MTDATA\r\n")
    bare.port.expect(("AT+MTRECV=4000", [block(b"hellO", 1, crc=binascii.crc32(b"hello"))]))
    bare.port.expect(("AT+MTRECV=0", [block(b"hello", 1)]))
    assert bare.receives() == b"hello"


def test_a_block_of_which_bytes_were_lost_is_asked_for_again() -> None:
    bare = Bare()
    bare.port.say(b"\r\n+MTDATA\r\n")
    bare.port.expect(("AT+MTRECV=4000", [block(b"hello", 1).replace(b"hello", b"helo")]))
    bare.port.expect_any(*SYNC)
    bare.port.expect(("AT+MTRECV=0", [block(b"hello", 1)]))
    assert bare.receives() == b"hello"


def test_a_request_that_never_reached_the_agent_does_not_bring_the_last_block_twice() -> None:
    bare = Bare()
    bare.port.say(b"\r\n+MTDATA\r\n")
    bare.port.expect(("AT+MTRECV=4", [block(b"abcd", 1)]))
    assert bare.receives(4) == b"abcd"
    bare.port.expect(("AT+MTRECV=4", []))
    bare.port.expect_any(*SYNC)
    bare.port.expect(("AT+MTRECV=0", [block(b"abcd", 1)]), ("AT+MTRECV=4", [block(b"efgh", 2)]))
    assert bare.receives(4) == b"efgh"


def test_a_block_that_is_missing_in_the_count_is_an_error() -> None:
    bare = Bare()
    bare.port.say(b"\r\n+MTDATA\r\n")
    bare.port.expect(("AT+MTRECV=4000", [block(b"third", 3)]))
    with pytest.raises(NetworkError) as caught:
        bare.receives()
    assert Reason.BYTES_LOST in caught.value.reasons


def test_a_line_that_damages_every_block_is_given_up() -> None:
    bare = Bare()
    bare.port.say(b"\r\n+MTDATA\r\n")
    bare.port.expect(
        ("AT+MTRECV=4000", [block(b"x", 1, crc=0)]), *[("AT+MTRECV=0", [block(b"x", 1, crc=0)])] * 7
    )
    with pytest.raises(NetworkError, match="RTS") as caught:
        bare.receives()
    assert Reason.BYTES_LOST in caught.value.reasons


def test_a_line_that_damages_blocks_is_asked_for_smaller_ones_until_it_is_good_again() -> None:
    bare = Bare()
    full = bytes(4000)
    bare.port.say(b"\r\n+MTDATA\r\n")
    bare.port.expect(("AT+MTRECV=4000", [block(full, 1, crc=0)]), ("AT+MTRECV=0", [block(full, 1)]))
    assert bare.receives() == full
    bare.port.expect(("AT+MTRECV=2000", [block(full[:2000], 2)]))
    assert bare.receives() == full[:2000]
    bare.port.expect(("AT+MTRECV=4000", [block(full, 3)]))
    assert bare.receives() == full


def test_the_end_after_the_last_block() -> None:
    bare = Bare()
    bare.port.say(b'\r\n+MTDATA\r\n\r\n+MTCLOSED: "WIP_CEV_PEER_CLOSE",0\r\n')
    bare.port.expect(("AT+MTRECV=4000", [block(b"last", 1, ended=1)]))
    assert bare.receives() == b"last"
    bare.port.expect(("AT+MTRECV=4000", [block(b"", 1, ended=1)]))
    assert bare.receives() == b""


def test_a_connection_that_broke_is_no_end() -> None:
    bare = Bare()
    bare.port.say(b'\r\n+MTCLOSED: "WIP_CEV_ERROR",9109\r\n')
    bare.port.expect(("AT+MTRECV=4000", [block(b"", 0, ended=1)]))
    with pytest.raises(NetworkError, match="WIP_CEV_ERROR 9109"):
        bare.receives()


def test_data_that_the_agent_refused_are_not_sent_again() -> None:
    bare = Bare()
    command = f"AT+MTSEND=5,{binascii.crc32(b'hello'):08x}"
    bare.port.expect((command, [CONNECT]), (b"hello", [b"\r\n+CME ERROR: 707\r\n"]))
    with pytest.raises(NetworkError, match="not sent again") as caught:
        run(bare.driver.send_stream(0, b"hello"), bare.port)
    bare.port.check()
    assert Reason.BYTES_LOST in caught.value.reasons


def test_connect_is_a_prompt_whatever_the_pieces() -> None:
    for chunk in (1, 3, 0):
        bare = Bare()
        bare.port = scripted(chunk=chunk)
        data = b"+++\r\nOK\r\n\x1a\x03"
        bare.port.expect((f"AT+MTSEND={len(data)},{binascii.crc32(data):08x}", [CONNECT]), (data, [OK]))
        run(bare.driver.send_stream(0, data), bare.port)
        bare.port.check()


def test_connect_is_no_prompt_for_a_command_without_data() -> None:
    bare = Bare()
    bare.port.expect(("AT+MTLIST?", [CONNECT + OK]))
    assert run(bare.driver.list_credentials(), bare.port) == ()


def test_a_person_who_forgets_the_data_is_told_and_the_count_is_filled(bench: Bench) -> None:
    with bench.open() as modem:
        with pytest.raises(ModemError, match="asks for data"):
            modem.command("AT+MTPUT=CA,1,20,00000000")
        assert modem.trust(bench.root).verified
        assert [entry.slot for entry in modem.credentials.list()] == [8]


@pytest.mark.parametrize("byte", [1, 2, 300, 679])
def test_a_restart_in_an_upload_leaves_the_old_object_and_the_next_run_ends_well(
    bench: Bench, byte: int
) -> None:
    with bench.open(reboot_at_byte=byte) as modem:
        with pytest.raises(ModemError):
            modem.trust(bench.root)
        assert modem.credentials.list() == ()
        assert modem.trust(bench.root).verified


@pytest.mark.parametrize("position", range(0, 900, 90))
def test_one_byte_lost_on_the_way_to_the_module_is_noticed(bench: Bench, position: int) -> None:
    """The agent waits ten seconds for the byte, and what is stored is never damaged."""
    line = FaultyLine(3, to_modem=Faults(drop=1.0, window=(position, position + 1)))
    simulator = simulator_type("sierra-q2686")(clock="2026-05-01T12:00:00Z")
    port = FaultyPort(line, SimPort(simulator))
    try:
        channel = Channel(CompanionDriver.dialect, command_timeout=5.0, recover_timeout=30.0)
        record = modemtls.find_model("sierra-q2686")
        options = CompanionOptions()
        driver = CompanionDriver(
            channel, record, record.resolve("", options), options, load_object(record.errors)
        )
        try:
            run(driver.initialise(), port)
            run(driver.write_credential(1, CredentialKind.CA, bench.root), port)
        except ModemError:
            pass  # what counts is what stands in flash
        listed = run(driver.list_credentials(), port)
        assert [entry for entry in listed if entry.is_damaged] == []
        if listed:
            assert simulator.nvm.get("CA", 1) == bench.root
        else:
            run(driver.write_credential(1, CredentialKind.CA, bench.root), port)
            assert simulator.nvm.get("CA", 1) == bench.root
    finally:
        port.close()


def test_bytes_lost_in_a_download_are_made_good(bench: Bench) -> None:
    settings: dict[str, Any] = {"map": bench.map, "clock": "2026-05-01T12:00:00Z", "registration_delay": 0.1}
    simulator = simulator_type("sierra-q2686")(**settings)
    line = FaultyLine(5, baudrate=921_600, to_host=Faults(drop=0.00005, flip=0.0002, window=(6_000, 40_000)))
    with (
        PtyServer(simulator) as server,
        FaultySocket(line, open_port(server.path)) as end,
        modemtls.open(end.url, accept_gaps=GAPS) as modem,
    ):
        modem.trust(bench.root)
        with modem.https(ISSUED) as session:
            assert session.get("/bytes/24000").body == pattern(24_000)
    assert line.to_host.damage
