"""Objects in the agent's flash: stored whole or not at all, whatever happens on the way."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .agent import Agent, crc

OLD = bytes(range(256)) * 4
NEW = random.Random(4).randbytes(900)


def listed(kind: str, number: int, data: bytes) -> str:
    return f"+MTLIST: {kind},{number},{len(data)},{crc(data)}|OK"


CUTS = (
    range(len(NEW)) if os.environ.get("MODEMTLS_ATTACK") == "full" else (0, 1, 119, 120, 121, 240, 500, 899)
)


def test_all_byte_values_are_kept() -> None:
    with Agent() as agent:
        line = agent.ready()
        assert line.put("CERT", 8, OLD) == "OK"
        assert line.say("AT+MTLIST?") == listed("CERT", 8, OLD)


def test_an_object_of_the_largest_size() -> None:
    data = random.Random(1).randbytes(30_000)
    with Agent() as agent:
        line = agent.ready()
        assert line.put("CA", 1, data) == "OK"
        assert line.put("KEY", 1, data[:1]) == "OK"
        assert (
            line.say("AT+MTLIST?") == f"+MTLIST: CA,1,30000,{crc(data)}|+MTLIST: KEY,1,1,{crc(data[:1])}|OK"
        )


def test_list_is_in_order_of_kind_and_id() -> None:
    with Agent() as agent:
        line = agent.ready()
        for kind, number in (("KEY", 1), ("CA", 8), ("CERT", 2), ("CA", 1)):
            assert line.put(kind, number, f"{kind}{number}".encode()) == "OK"
        shown = line.say("AT+MTLIST?").split("|")
        assert [text.split(",")[:2] for text in shown[:-1]] == [
            ["+MTLIST: CA", "1"], ["+MTLIST: CA", "8"], ["+MTLIST: CERT", "2"], ["+MTLIST: KEY", "1"],
        ]  # fmt: skip


def test_hexadecimal_digits_of_the_crc_may_be_capital() -> None:
    with Agent() as agent:
        line = agent.ready()
        assert line.upload(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW).upper()}", NEW) == "OK"


def test_replacing_and_deleting() -> None:
    with Agent() as agent:
        line = agent.ready()
        for _ in range(3):
            assert line.put("CA", 1, OLD) == "OK"
            assert line.put("CA", 1, NEW) == "OK"
        assert line.say("AT+MTLIST?") == listed("CA", 1, NEW)
        assert line.say("AT+MTDEL=CA,1") == "OK"
        assert line.say("AT+MTDEL=CA,1") == "+CME ERROR: 703"
        assert line.say("AT+MTLIST?") == "OK"


def test_objects_survive_a_restart_and_a_new_process(tmp_path: Path) -> None:
    flash = f"--flash={tmp_path / 'flash'}"
    with Agent(flash) as agent:
        line = agent.ready()
        assert line.put("CA", 3, OLD) == "OK"
        assert line.say("AT+MTTLS=ALWAYS,3") == "OK"
        assert line.say("AT+CFUN=1") == "OK"
        agent.ready()
        assert line.say("AT+MTLIST?") == listed("CA", 3, OLD)
    with Agent(flash) as agent:
        line = agent.ready()
        assert line.say("AT+MTLIST?") == listed("CA", 3, OLD)
        assert line.say("AT+MTTLS?") == "+MTTLS: ALWAYS,3,,|OK"


def test_what_the_configuration_names_cannot_be_deleted_but_stored_anew() -> None:
    with Agent() as agent:
        line = agent.ready()
        for kind in ("CA", "CERT", "KEY"):
            assert line.put(kind, 2, OLD) == "OK"
        assert line.say("AT+MTTLS=ONCE,2,2,2") == "OK"
        assert line.say("AT+MTTLS?") == "+MTTLS: ONCE,2,2,2|OK"
        for kind in ("CA", "CERT", "KEY"):
            assert line.say(f"AT+MTDEL={kind},2") == "+CME ERROR: 720"
            assert line.put(kind, 2, NEW) == "OK"
        assert line.say("AT+MTTLS=NONE") == "OK"
        assert line.say("AT+MTDEL=KEY,2") == "OK"


def test_a_wrong_crc_leaves_the_old_object() -> None:
    with Agent() as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        assert line.upload(f"AT+MTPUT=CA,1,{len(NEW)},{crc(OLD)}", NEW) == "+CME ERROR: 707"
        assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)
        assert line.say("AT+MTERR?") == '+MTERR: 707,"",0|OK'


def test_an_upload_cut_off_leaves_the_old_object_and_the_next_command_works() -> None:
    """At a sample of its bytes, and at each of them when attacks run at their full size."""
    with Agent("--time-scale=100") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        for sent in CUTS:
            assert line.say(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}") == "CONNECT"
            line.send(NEW[:sent])
            assert line.until(b"706\r\n") == b"\r\n+CME ERROR: 706\r\n"
            assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)
        assert line.put("CA", 1, NEW) == "OK"


@pytest.mark.parametrize("position", [1, 2, 120, 121, 450, 900])
def test_a_lost_byte_is_noticed(position: int) -> None:
    with Agent("--time-scale=100", f"--drop-byte={len(OLD) + position}") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        assert line.put("CA", 1, NEW) == "+CME ERROR: 706"
        assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)


def test_a_line_that_goes_dead_in_an_upload_is_noticed() -> None:
    with Agent("--time-scale=100", "--cut-byte=1500") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        assert line.put("CA", 1, NEW) == "+CME ERROR: 706"
        assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)


def test_a_doubled_byte_is_noticed() -> None:
    with Agent() as agent:
        line = agent.ready()
        damaged = NEW[:100] + NEW[99:-1]
        assert line.upload(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}", damaged) == "+CME ERROR: 707"


@pytest.mark.parametrize("position", [1, 60, 500, 900])
def test_a_restart_in_the_middle_of_an_upload_leaves_the_old_object(position: int) -> None:
    with Agent(f"--reset-byte={len(OLD) + position}", "--boot-delay=10") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        assert line.say(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}") == "CONNECT"
        line.send(NEW[:position])
        agent.ready()
        assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)
        assert line.put("CA", 1, NEW) == "OK"


@pytest.mark.parametrize("write", range(3, 8))
def test_power_cut_in_any_write_of_the_flash_leaves_the_old_or_the_new(write: int) -> None:
    """The first two writes store the old object; the next two the new one, then configuration and a third."""
    with Agent(f"--flash-tear={write}", "--boot-delay=10") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        line.send(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}\r".encode())
        line.until(b"CONNECT\r\n")
        line.send(NEW)
        if write <= 4:
            agent.ready()
            assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)
            return
        line.until(b"OK\r\n")
        if write == 5:
            line.send(b"AT+MTTLS=ALWAYS,1\r")
            agent.ready()
            assert line.say("AT+MTTLS?") == "+MTTLS: NONE,,,|OK"
            assert line.say("AT+MTLIST?") == listed("CA", 1, NEW)
            return
        assert line.say("AT+MTTLS=ALWAYS,1") == "OK"
        line.send(f"AT+MTPUT=CA,1,{len(OLD)},{crc(OLD)}\r".encode())
        line.until(b"CONNECT\r\n")
        line.send(OLD)
        agent.ready()
        assert line.say("AT+MTLIST?") == listed("CA", 1, NEW)
        assert line.say("AT+MTTLS?") == "+MTTLS: ALWAYS,1,,|OK"


@pytest.mark.parametrize("write", [3, 4])
def test_a_write_that_fails_is_705_and_leaves_the_old_object(write: int) -> None:
    with Agent(f"--flash-fail={write}") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        assert line.put("CA", 1, NEW) == "+CME ERROR: 705"
        assert line.say("AT+MTERR?") == '+MTERR: 705,"ADL_RET_ERR_FATAL",-11|OK'
        assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)
        assert line.put("CA", 1, NEW) == "OK"
        assert line.say("AT+MTLIST?") == listed("CA", 1, NEW)


def test_a_full_flash_is_704_and_takes_more_when_there_is_room() -> None:
    with Agent("--flash-size=3500") as agent:
        line = agent.ready()
        assert line.put("CA", 1, OLD) == "OK"
        assert line.put("CA", 2, OLD) == "OK"
        assert line.put("CA", 3, OLD) == "+CME ERROR: 704"
        assert line.say("AT+MTERR?") == '+MTERR: 704,"ADL_FLH_RET_ERR_MEM_FULL",-21|OK'
        assert line.say("AT+MTDEL=CA,2") == "OK"
        assert line.put("CA", 3, OLD) == "OK"


def test_an_object_that_rots_is_listed_as_bad_and_not_used(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    with Agent(f"--flash={flash}", "--boot-delay=10") as agent:
        line = agent.ready()
        assert line.put("CA", 1, NEW) == "OK"
        assert line.say("AT+MTTLS=ALWAYS,1") == "OK"
        content = flash.read_bytes()
        at = content.index(NEW) + 300
        flash.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        assert line.say("AT+CFUN=1") == "OK"
        agent.online()
        assert line.say("AT+MTLIST?") == "+MTLIST: CA,1,900,BAD|OK"
        assert line.say("AT+MTTLS=ALWAYS,1") == "+CME ERROR: 703"
        assert line.say('AT+MTOPEN=TLS,"localhost",443') == "+CME ERROR: 703"
        assert line.say("AT+MTDEL=CA,1") == "+CME ERROR: 720"
        assert line.put("CA", 1, OLD) == "OK"
        assert line.say("AT+MTLIST?") == listed("CA", 1, OLD)


def test_two_thousand_uploads_leave_one_object() -> None:
    with Agent() as agent:
        line = agent.ready()
        for count in range(2000):
            assert line.put("CA", count % 2 + 1, NEW[: 100 + count % 50]) == "OK"
        assert line.say("AT+MTLIST?").count("+MTLIST") == 2
