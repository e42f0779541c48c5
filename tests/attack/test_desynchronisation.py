"""No answer is ever taken for another command's, every deadline holds, and the next call is in step again.

A dialogue is three to five commands to one modem, most of which go wrong, and one at its end that does not.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest

from modemtls.at import Announced, Channel, Command, Dialect, Event, Reply, fields, starts
from modemtls.errors import HttpError, ModemError, ModemReset, ModemTimeout
from modemtls.op import Op, run

from .conftest import attack_size
from .hostile_modem import (
    BOOT,
    FAULTS,
    HARMFUL,
    NO_FAULT,
    UNSOLICITED_ERROR,
    URCS,
    Fault,
    HostileModem,
    payload,
)

T = TypeVar("T")

SHARDS = 10
DIALOGUES = attack_size(100_000, 10_000) // SHARDS

DIALECT = Dialect(urcs=URCS, boot_urcs=(BOOT,), unsolicited_errors=frozenset({UNSOLICITED_ERROR}))
TIMEOUT, IDLE = 5.0, 2.0
PROBES = ("AT+CMEE?", "AT+CMEE=?", "ATQ0")


class Dialogue:
    """A channel and a hostile modem; each exchange is checked when it ends, however it ends."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        aborts = dice.random() < 0.2
        echo, chatter = dice.random() < 0.3, dice.choice((0, 0.1, 0.4))
        self.recover_timeout = dice.choice((2.0, 5.0, 10.0))
        self.lag = dice.choice((0.0, 0.0, 0.0, 0.03, 0.1, 0.25)) * self.recover_timeout
        self.modem = HostileModem(dice, echo=echo, aborts=aborts, chatter=chatter, lag=self.lag)
        self.channel = Channel(DIALECT, command_timeout=TIMEOUT, recover_timeout=self.recover_timeout)
        self.number = dice.randrange(1000, 900_000)
        # While it recovers: inside a payload that broke off they would be taken for the rest of it.
        self.reports = dice.choice((0.0, 0.0, 0.001, 0.02, 0.1, 0.25, 0.29, 0.5))
        self.sent: list[str] = []
        self.cut_codes = 0
        self.fault = NO_FAULT

    def timed(self, op: Op[T], limit: float, what: str) -> T:
        begun = self.modem.time
        try:
            return run(op, self.modem)
        finally:
            spent = self.modem.time - begun
            assert spent <= max(limit * 1.1, limit + 0.1) + 1e-6, (
                f"{what}: {spent:.2f} s, {limit:g} were allowed"
            )

    def exchange(self, kind: str, fault: Fault) -> str:
        """One command; how it ended."""
        self.modem.reports = self.reports
        try:
            self.timed(self.channel.ready(), self.recover_timeout, "recovery")
        except ModemTimeout:
            return "not back"
        finally:
            self.modem.reports = 0.0
        assert not self.channel.is_recovering
        self.number += 1
        self.modem.fault = self.fault = fault
        try:
            KINDS[kind](self, self.number)
        except ModemReset:
            return "reset"
        except ModemTimeout:
            return "timeout"
        except HttpError:
            assert kind == "download"
            return "bytes lost"
        finally:
            self.modem.fault = NO_FAULT
        return "answered"

    def command(self, *parts: object) -> Command:
        name, *values = parts
        command = Command.set(str(name), *[value for value in values if isinstance(value, int)])
        self.sent.append(command.text)
        return command

    def own(self, reply: Reply, number: int) -> None:
        code = reply.final.number
        if code is not None and code != number:
            # The code of an error, cut off by a restart or by loss: nothing in it says so.
            assert self.fault.kind in ("reset", "half"), reply
            assert any(str(whole).startswith(str(code)) for whole in (number, UNSOLICITED_ERROR)), reply
            self.cut_codes += 1
            return
        assert number in self.modem.answered, f"{reply} came before the modem had answered {number}"
        assert all(fields(line)[0] == str(number) for line in reply.lines), reply.lines

    def check_end(self) -> None:
        """Nothing was sent twice, and no data became a command."""
        executed = Counter(self.modem.executed)
        assert all(executed[line] <= 1 for line in self.sent), executed
        # What follows a byte that was lost is the end of a probe, or the spaces that fill an upload.
        strange = [line for line in executed if line not in self.sent and line.lstrip() not in PROBES]
        assert not [line for line in strange if "AT" in line and not line.endswith(PROBES)], strange
        assert not [line for line in executed if "HARM" in line], executed


def ask(talk: Dialogue, number: int) -> None:
    reply = talk.timed(talk.channel.command(talk.command("+X", number)), TIMEOUT, "command")
    talk.own(reply, number)


def tell(talk: Dialogue, number: int) -> None:
    """Only ``OK`` is the answer: whose it is the modem knows."""
    talk.own(talk.timed(talk.channel.command(talk.command("+Q", number)), TIMEOUT, "command"), number)


def fail(talk: Dialogue, number: int) -> None:
    reply = talk.timed(talk.channel.command(talk.command("+F", number)), TIMEOUT, "command")
    talk.own(reply, number)


def download(talk: Dialogue, number: int) -> None:
    def count(line: str) -> int | None:
        values = fields(line)
        return int(values[1]) if len(values) == 2 and values[1].isdecimal() else None

    size = talk.dice.randrange(1, 300)
    command = talk.command("+DOWN", number, size)
    op = talk.channel.download(command, Announced(count, size), timeout=TIMEOUT, idle_timeout=IDLE)
    reply = talk.timed(op, 2 * TIMEOUT + IDLE, "download")
    talk.own(reply, number)
    assert not reply.lines or not reply.ok or reply.payload == payload(number, size)


def upload(talk: Dialogue, number: int) -> None:
    data = (b"%d;" % number + HARMFUL * 20)[: talk.dice.choice((1, 40, 200, 1500))]
    command = talk.command("+UP", number, len(data))
    op = talk.channel.upload(command, data, prompt_timeout=3.0, timeout=TIMEOUT)
    reply = talk.timed(op, 3.0 + TIMEOUT, "upload")
    talk.own(reply, number)
    if reply.ok:
        assert talk.modem.uploads[number] == data
        assert all(fields(line)[1] == str(zlib.crc32(data)) for line in reply.lines)


def await_event(talk: Dialogue, number: int) -> None:
    """As a driver does it: what is old is dropped, then the command, then its event."""
    talk.channel.discard(starts("+DONE:"))
    tell_it = talk.command("+ASYNC", number)
    talk.own(talk.timed(talk.channel.command(tell_it), TIMEOUT, "command"), number)
    event: Event | None = talk.timed(talk.channel.wait(starts(f"+DONE: {number}"), 4.0), 4.0, "wait")
    assert event is None or event.line == f"+DONE: {number}"
    if event is None:
        raise ModemTimeout("the event did not come")


KINDS: dict[str, Callable[[Dialogue, int], None]] = {
    "ask": ask,
    "tell": tell,
    "fail": fail,
    "download": download,
    "upload": upload,
    "event": await_event,
}


def fault(dice: random.Random, kind: str) -> Fault:
    if dice.random() < 0.3:
        return NO_FAULT
    mishap = dice.choice(FAULTS)
    if mishap.startswith("event") and kind != "event":
        mishap = dice.choice(("late", "half"))
    seconds = dice.random() * dice.choice((0.3, 6.0, 25.0))
    return Fault(mishap, dice.random(), seconds, says_boot=dice.random() < 0.7)


def dialogue(seed: int) -> Counter[str]:
    """Run one; gives how its commands ended."""
    talk = Dialogue(seed)
    ends: Counter[str] = Counter()
    told = []
    try:
        for _ in range(talk.dice.randrange(3, 6)):
            kind = talk.dice.choice(tuple(KINDS))
            mishap = fault(talk.dice, kind)
            told.append((kind, mishap))
            ends[talk.exchange(kind, mishap)] += 1
            if talk.dice.random() < 0.3:
                talk.modem.sleep(talk.dice.random() * 8)
        talk.modem.sleep(max(0.0, talk.modem.well_at - talk.modem.time))
        if talk.channel.is_recovering and talk.modem.awaits_data:
            talk.exchange("ask", NO_FAULT)  # the fault of an upload strikes when its data come, which is now
            talk.modem.sleep(max(0.0, talk.modem.well_at - talk.modem.time))
        calls = next((n for n in (1, 2, 3) if talk.exchange("ask", NO_FAULT) == "answered"), 4)
        # A lag of a tenth of the limit, or more, can leave too little time where two broken exchanges, or two
        # recoveries, in a row owe answers.
        assert calls <= 1 + (talk.lag > 0.05 * talk.recover_timeout), f"in step again only at call {calls}"
        ends[f"in step at call {calls}"] += 1
        if calls > 1:
            print(
                f"dialogue {seed}: call {calls}, lag {talk.lag:g} of {talk.recover_timeout:g} s, {talk.reports:g}"
            )
        ends["with reports"] += bool(talk.reports)
        ends["code cut off"] += talk.cut_codes
        talk.check_end()
    except (AssertionError, ModemError) as error:
        raise AssertionError(f"dialogue {seed}: {error}; it was {told}") from error
    return ends


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_answer_is_taken_for_another_commands(shard: int) -> None:
    ends: Counter[str] = Counter()
    for seed in range(shard * DIALOGUES, (shard + 1) * DIALOGUES):
        ends += dialogue(seed)
    print(f"{DIALOGUES} dialogues: {dict(ends.most_common())}")
    assert set(ends) >= {"answered", "timeout", "reset", "not back", "bytes lost"}
