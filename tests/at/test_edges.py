"""Edges of exchange and recovery: what a time limit covers, what is left behind, what is counted."""

from __future__ import annotations

import pytest

from modemtls.at import (
    Announced,
    Command,
    Dialect,
    Final,
    Marked,
    QuoteLimits,
    fields,
    framing,
    free_text,
    quote,
    raw,
    secret,
    starts,
)
from modemtls.at.framing import Item, Line, Payload, Receiver, Slip
from modemtls.at.syntax import escaped, final_result
from modemtls.errors import CommandError, HttpError, ModemReset, ModemTimeout, Reason

from .conftest import Chunk, Script, Talk
from .peer import Peer

READ = Command.read("+X")
SENT = b"AT+X?\r"
ANSWER: list[Chunk] = [b"\r\n+X: 7\r\n\r\nOK\r\n"]
PROBE = b"AT+CMEE?\r"
PROBED: list[Chunk] = [b"\r\n+CMEE: 1\r\n\r\nOK\r\n"]
LAST = b"AT+CMEE=?\r"
LAST_ANSWER: list[Chunk] = [b"\r\n+CMEE: (0-2)\r\n\r\nOK\r\n"]
UP = Command.set("+UP", 5)
GET = Command.set("+GET", 1)
BOOT = b"\r\n+SYSSTART\r\n"


class Probed(Script):
    """Answers each probe of the recovery at once, however many there are."""

    def write(self, data: bytes, timeout: float) -> None:
        if data in (PROBE, LAST):
            self.say(PROBED if data == PROBE else LAST_ANSWER)
        else:
            super().write(data, timeout)


def count(line: str) -> int | None:
    return int(fields(line)[0])


# Time limits.


def test_each_limit_covers_its_own_part() -> None:
    with Script((b"AT+UP=5\r", [(2.5, b"\r\n> ")]), (b"12345", [])) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0, timeout=4.0))
        assert port.time - 1000 == pytest.approx(2.5 + 4.0)
    with Script((b"AT+GET=1\r", [])) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.download(GET, Announced(count, 5), timeout=4.0))
        assert port.time - 1000 == pytest.approx(4.0)
    with Script((b"AT+GET=1\r", [b"\r\n+GET: 5\r\nabc"])) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.download(GET, Announced(count, 5), timeout=4.0))
        assert port.time - 1000 == pytest.approx(10.0)


def test_a_short_wait_is_short() -> None:
    with Script() as port:
        talk = Talk(port)
        assert talk(talk.channel.wait(starts("+RING"), 0.25)) is None
        assert port.time - 1000 == pytest.approx(0.25)


def test_the_limits_of_another_dialect_hold_from_then_on() -> None:
    tries: list[tuple[bytes, list[Chunk]]] = [(b"ATQ0\r", []), (PROBE, [])] * 3
    with Script((SENT, []), (PROBE, []), (PROBE, []), *tries, (b"ATQ0\r", [])) as port:
        talk = Talk(port)
        talk.channel.speak(Dialect(), command_timeout=1.0, recover_timeout=2.0)
        for seconds in (1.0, 2.0):
            began = port.time
            with pytest.raises(ModemTimeout):
                talk(talk.channel.command(READ))
            assert port.time - began == pytest.approx(seconds)


# What an exchange leaves behind.


def test_an_event_behind_the_result_is_there_at_once() -> None:
    with Script((SENT, [b"\r\nOK\r\n\r\n+RING: 1\r\n"])) as port:
        talk = Talk(port)
        talk(talk.channel.command(READ))
        assert talk.events() == ["+RING: 1"]


@pytest.mark.parametrize(
    "pairs",
    [
        [(b"AT+UP=5\r", [b"\r\n> "]), (b"12345", [b"\r\nOK\r\n"])],
        [(b"AT+UP=5\r", [b"\r\n+CME ERROR: 4\r\n"])],
    ],
)
def test_an_upload_that_has_ended_needs_no_recovery(pairs: list[tuple[bytes, list[Chunk]]]) -> None:
    with Script(*pairs, (SENT, ANSWER)) as port:
        talk = Talk(port)
        talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_data_that_were_not_asked_for_are_not_waited_for_either() -> None:
    with Script((b"AT+UP=5\r", [b"\r\nOK\r\n"]), (PROBE, PROBED), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(Exception, match="not taken"):
            talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert port.time - 1000 < 1.0


def test_what_broke_before_anything_was_sent_needs_no_recovery() -> None:
    class Early(Script):
        broken = False

        def now(self) -> float:
            if not self.broken:
                self.broken = True
                raise KeyboardInterrupt
            return super().now()

    with Early((SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(KeyboardInterrupt):
            talk(talk.channel.command(READ))
        assert not talk.channel.is_recovering
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)


def test_an_upload_that_was_interrupted_is_completed_with_its_own_data() -> None:
    data = bytes(range(256)) * 20
    for step in range(3, 12):
        peer = Peer()
        peer.half = "after"
        peer.fail = lambda now, at=step: KeyboardInterrupt() if now == at else None  # type: ignore[misc]
        talk = Talk(peer)
        with pytest.raises(KeyboardInterrupt):
            talk(talk.channel.upload(Command.set("+UP", len(data)), data, prompt_timeout=3.0))
        peer.fail = lambda now: None
        assert talk(talk.channel.command(Command.set("+NUM", 1))).lines == ("+NUM: 1",)
        assert peer.taken == [data]


def test_what_fills_up_an_upload_is_blank() -> None:
    peer = Peer(prompt=b"")
    talk = Talk(peer)
    with pytest.raises(ModemTimeout):
        talk(talk.channel.upload(Command.set("+UP", 3000), b"x" * 3000, prompt_timeout=3.0))
    while talk.channel.is_recovering:
        talk(talk.channel.ready())
    (taken,) = peer.taken
    for sent_by_recovery in (b"AT+CMEE?\r", b"ATQ0\r", b" "):
        taken = taken.replace(sent_by_recovery, b"")
    assert taken == b""


# Payloads.


def test_three_payloads_are_no_more_than_was_asked_for() -> None:
    part = b"\r\n+GET: 4\r\nabcd"
    with Script((b"AT+GET=1\r", [part * 3 + b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        with pytest.raises(HttpError):
            talk(talk.channel.download(GET, Announced(count, 10)))


def test_progress_grows_to_the_whole() -> None:
    answer: list[Chunk] = [b"\r\n+GET: 5\r\nab", b"cd", b"e\r\nOK\r\n"]
    with Script((b"AT+GET=1\r", answer)) as port:
        talk = Talk(port)
        seen: list[tuple[int, int]] = []
        talk(
            talk.channel.download(
                GET, Announced(count, 5), progress=lambda done, total: seen.append((done, total))
            )
        )
        assert seen == [(2, 5), (4, 5), (5, 5)]


def test_a_mark_without_payload_is_followed_by_the_result() -> None:
    with Script((b"AT+GET=1\r", [b"\r\n<<<\r\nOK\r\n"])) as port:
        talk = Talk(port)
        reply = talk(talk.channel.download(GET, Marked(b"<<<", 0)))
        assert (reply.payload, reply.ok) == (b"", True)


def received(receiver: Receiver, parts: list[bytes]) -> list[Item]:
    items = []
    for part in parts:
        receiver.feed(part)
        while item := receiver.next():
            items.append(item)
            if item == Line("+P"):
                receiver.expect_payload(1)
    return items


@pytest.mark.parametrize(
    ("end", "whole"), [(b"\r\n", True), (b"\r\r\r\n", True), (b"\r\r\r\r\n", False), (b"\n", False)]
)
def test_how_many_cr_may_stand_before_the_line_end_of_a_payload(end: bytes, whole: bool) -> None:
    data = b"\r\n+P\r\nx" + end + b"OK\r\n"
    at_once = received(Receiver(), [data])
    assert received(Receiver(), [data[at : at + 1] for at in range(len(data))]) == at_once
    assert [item for item in at_once if not isinstance(item, Slip)] == [
        Line("+P"),
        Payload(b"x", 0),
        Line("OK"),
    ]
    assert (len(at_once) == 3) is whole


@pytest.mark.parametrize("over", [0, 1, 2])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r\r\n", b"\0\r\n"])
def test_the_longest_line_is_the_same_at_any_cut(
    over: int, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "MAX_LINE_BYTES", 20)
    data = b"a" * (20 + over) + end + b"OK\r\n"
    items = received(Receiver(), [data])
    long = over > 0 or end[0] == 0
    assert items[0] == Line("a" * 20, truncated=long)
    assert items[-1] == Line("OK")
    assert received(Receiver(), [data[at : at + 1] for at in range(len(data))]) == items


def test_what_is_no_text_in_a_line_that_is_too_long_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_LINE_BYTES", 20)
    for parts in ([b"\xff" * 25 + b"\n"], [b"\xff"] * 25 + [b"\n"]):
        assert received(Receiver(), parts) == [Line("\\xff" * 20, truncated=True)]


def test_a_line_that_is_too_long_announces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_LINE_BYTES", 20)
    answer = b"\r\n+GET: 5" + b"," * 30 + b"\r\n\r\nOK\r\n"
    for parts in ([answer], [answer[at : at + 1] for at in range(len(answer))]):
        chunks: list[Chunk] = list(parts)
        with Script((b"AT+GET=1\r", chunks)) as port:
            talk = Talk(port)
            reply = talk(talk.channel.download(GET, Announced(count, 5)))
            assert (reply.payload, reply.ok) == (b"", True)


def test_a_reset_receiver_remembers_nothing() -> None:
    for half in (b"\r\n+P\r\n", b"\r\n+P\r\nx", b"abc", b"OK\r"):
        receiver = Receiver()
        receiver.expect_echo(b"XX")
        received(receiver, [half])
        receiver.reset()
        assert not receiver.is_midway
        assert received(receiver, [b"X\r\nOK\r\n"]) == [Line("X"), Line("OK")]


# Restarts.


def test_every_restart_is_counted() -> None:
    with Script((SENT, [BOOT]), (PROBE, PROBED), (SENT, [BOOT])) as port:
        talk = Talk(port)
        for _ in range(2):
            with pytest.raises(ModemReset):
                talk(talk.channel.command(READ))
        assert talk.channel.restarts == 2


def test_restarts_inside_payloads_are_counted() -> None:
    broken: list[Chunk] = [b"\r\n+GET: 90\r\nab" + BOOT]
    with Probed((b"AT+GET=1\r", broken), (b"AT+GET=1\r", broken)) as port:
        talk = Talk(port)
        for _ in range(2):
            with pytest.raises(ModemReset):
                talk(talk.channel.download(GET, Announced(count, 100)))
        assert talk.channel.restarts == 2


def test_restarts_in_the_recovery_are_counted() -> None:
    again: list[Chunk] = [BOOT + BOOT, *PROBED]
    with Script((SENT, []), (PROBE, again), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert talk.channel.restarts == 2
        assert talk.events() == ["+SYSSTART", "+SYSSTART"]


def test_a_modem_that_restarts_while_it_is_woken_gets_time() -> None:
    with Script((b"AT\r", [BOOT]), (b"ATQ0\r", [b"\r\nOK\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.wake(5.0))
        assert port.time - 1000 == pytest.approx(0.5)


# Recovery.


def test_the_late_end_of_a_call_is_no_event() -> None:
    with Script((b"AT+DIAL=1\r", []), (PROBE, [b"\r\nNO CARRIER\r\n", *PROBED]), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(Command.set("+DIAL", 1), dial=True))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert talk.events() == []


def test_a_recovery_does_not_wait_for_probes_that_were_not_heard() -> None:
    late: list[Chunk] = [(0.5, b"\r\n+CMEE: 1\r\n\r\nOK\r\n")]
    with Script((SENT, []), (PROBE, []), (PROBE, late), (LAST, LAST_ANSWER), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.command(READ))
        began = port.time
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert port.time - began == pytest.approx(1.5, abs=0.1)


def test_what_follows_lost_bytes_is_dropped_until_the_line_is_quiet() -> None:
    slip: list[Chunk] = [b"\r\n+GET: 3\r\nabcdef\r\n", (0.2, BOOT), (0.2, b"\r\nOK\r\n")]
    with Probed((b"AT+GET=1\r", slip), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(HttpError):
            talk(talk.channel.download(GET, Announced(count, 5)))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert talk.events() == []
        assert talk.channel.restarts == 0


@pytest.mark.parametrize("seconds", [0.2, 0.7])
def test_a_late_payload_of_one_byte_is_no_line(seconds: float) -> None:
    late: list[Chunk] = [b"\r\n+GET: 1\r\n", (seconds, b"\n\r\nOK\r\n"), *PROBED]
    with Script((b"AT+GET=1\r", []), (PROBE, late), (SENT, ANSWER)) as port:
        talk = Talk(port)
        with pytest.raises(ModemTimeout):
            talk(talk.channel.download(GET, Announced(count, 5)))
        assert talk(talk.channel.command(READ)).lines == ("+X: 7",)
        assert talk.events() == []


# Secrets.

LOGIN = Command.set("+L", secret(quote("hunter2hunter2")))


def test_a_verbose_error_that_repeats_a_secret_keeps_its_kind() -> None:
    with Script((b'AT+L="hunter2hunter2"\r', [b"\r\n+CME ERROR: bad hunter2hunter2\r\n"])) as port:
        talk = Talk(port)
        assert talk(talk.channel.command(LOGIN)).final == Final("+CME ERROR", "***")


def test_of_an_answer_to_a_secret_what_is_harmless_is_shown_where_it_is_known() -> None:
    for command, shown in ((LOGIN, "+L: 1"), (Command(LOGIN.text, LOGIN.shown), "***")):
        with Script((b'AT+L="hunter2hunter2"\r', [b"\r\n+L: 1\r\n\r\nOK\r\n"])) as port:
            talk = Talk(port)
            reply = talk(talk.channel.command(command))
            assert (reply.lines, reply.shown) == (("+L: 1",), (shown,))


def test_data_are_no_secret_unless_it_is_said() -> None:
    for hide, event in ((False, "odd"), (True, "***")):
        with Script((b"AT+UP=5\r", [b"\r\n> "]), (b"12345", [b"\r\nodd\r\n\r\nOK\r\n"])) as port:
            talk = Talk(port)
            if hide:
                talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0, hide=True))
            else:
                talk(talk.channel.upload(UP, b"12345", prompt_timeout=3.0))
            assert talk.events() == [event]


# Syntax.


def test_the_edges_of_what_may_be_sent() -> None:
    assert raw(" ~").text == " ~"
    assert quote(" ~").wire == '" ~"'
    assert free_text("I").reply is None


def test_parentheses_in_parentheses() -> None:
    assert fields("+X: ((1,2),3),4") == ("((1,2),3)", "4")
    assert fields("+X: (((1,2),3),4),5") == ("(((1,2),3),4)", "5")


def test_the_number_of_an_error_has_at_most_eight_digits() -> None:
    assert final_result("+CME ERROR: 12345678") == Final("+CME ERROR", 12345678)
    assert final_result("+CME ERROR: 123456789") == Final("+CME ERROR", "123456789")


def test_a_result_without_number_is_its_word() -> None:
    assert str(Final("OK")) == "OK"


def test_escaped_text_is_cut_behind_the_limit() -> None:
    assert escaped("a" * 400) == "a" * 400
    assert escaped("a" * 401) == "a" * 400 + "…"
    assert escaped("abc", 2) == "ab…"
    assert escaped("ab", 2) == "ab"
    assert escaped("\n", 2) == "\\n"
    assert escaped("\n\n", 3) == "\\n\\…"
    assert escaped("é\n", 9) == "é\\n"


def test_a_text_that_is_too_long_has_both_reasons() -> None:
    with pytest.raises(CommandError) as caught:
        quote("abc", QuoteLimits(max_length=2))
    assert caught.value.reasons == {Reason.INVALID_PARAMETER, Reason.TOO_LARGE}
