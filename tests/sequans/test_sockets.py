"""TLS and TCP streams: dial, send, receive, close, byte by byte and in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls import (
    Certainty,
    CommandError,
    HttpError,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    Reason,
    TlsError,
)

from .conftest import CME4, ERROR, NO_CARRIER, OK, PROMPT, Connect, Dialogue, info, urc

DIAL = 'AT+SQNSD=6,0,443,"example.org",0,0,1'


def configured(modem: Dialogue, secure: int = 1, profile: int = 6) -> Dialogue:
    """What comes before the first dial of a socket."""
    modem.expect("AT+SQNSH=6", ERROR)  # nothing was open
    modem.expect("AT+SQNSCFG=6,1,300,0,600,50").expect("AT+SQNSCFGEXT=6,1,0,0,0,0")
    return secured(modem) if secure else modem.expect(f"AT+SQNSSCFG=6,{secure},{profile}")


def secured(modem: Dialogue, shown: str = "+SQNSSCFG: 6,1,6") -> Dialogue:
    """TLS is set for the socket, and read back."""
    return modem.expect("AT+SQNSSCFG=6,1,6").expect("AT+SQNSSCFG?", info("+SQNSSCFG: 1,0,1", shown))


def dial(modem: Dialogue, profile: int | None = 6, *, leaves: bool = False) -> None:
    modem.run(
        modem.driver.open_stream(6, "example.org", 443, security_profile=profile, timeout=90), leaves=leaves
    )


def opened(modem: Dialogue) -> Dialogue:
    configured(modem).expect(DIAL + ",0,1", OK, urc("+SQNSD: 6,0"))
    dial(modem)
    return modem


def receive(modem: Dialogue, limit: int = 1500, timeout: float = 10) -> bytes | None:
    return modem.run(modem.driver.receive_stream(6, limit, timeout))


def received(data: bytes) -> bytes:
    return b"\r\n+SQNSRECV: 6,%d\r\n%b" % (len(data), data) + OK


# Dialling in the background


def test_dial_in_the_background_ends_with_its_report(dialogue: Connect) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK, (3.5, urc("+SQNSD: 6,0")))
    dial(modem)


@pytest.mark.parametrize("report", ["+SQNSD: 6,0", "+SQNSD:6,0"])
def test_report_with_and_without_a_space(dialogue: Connect, report: str) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK, urc(report))
    dial(modem)


def test_report_before_ok_is_not_lost(dialogue: Connect) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", urc("+SQNSD: 6,0"), OK)
    dial(modem)
    assert modem.now < 1


def test_report_of_another_socket_is_not_this_ones(dialogue: Connect) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK, urc("+SQNSD: 5,-5"), (1, urc("+SQNSD: 6,0")))
    dial(modem)
    assert modem.listened == ["+SQNSD: 5,-5", "+SQNSD: 6,0"]


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (-1, NetworkError, Reason.NAME_NOT_RESOLVED),
        (-2, CommandError, None),
        (-3, NetworkError, Reason.REFUSED),
        (-4, NetworkError, Reason.NO_PDP_CONTEXT),
        (-5, TlsError, Reason.HANDSHAKE_FAILED),
    ],
)
def test_each_code_of_a_failed_dial(
    dialogue: Connect, code: int, error: type[ModemError], reason: Reason | None
) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK, (2, urc(f"+SQNSD: 6,{code}")))
    with pytest.raises(ModemError) as caught:
        dial(modem)
    assert type(caught.value) is error
    assert caught.value.code is not None
    assert (caught.value.code.namespace, caught.value.code.number) == ("socket", code)
    assert caught.value.lines == (f"+SQNSD: 6,{code}",)
    assert reason is None or reason in caught.value.reasons
    assert "example.org:443" in caught.value.message


@pytest.mark.parametrize("code", ["7", "-99", "", "x"])
def test_unknown_code_is_kept_and_gives_the_general_class(dialogue: Connect, code: str) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK, urc(f"+SQNSD: 6,{code}"))
    with pytest.raises(CommandError) as caught:
        dial(modem)
    assert str(caught.value.code) == f"socket {code}"
    assert not caught.value.reasons


def test_dial_without_a_report_is_a_network_error_at_its_deadline(dialogue: Connect) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK)
    with pytest.raises(NetworkError, match="no result in 90 s") as caught:
        dial(modem)
    assert caught.value.reasons == {Reason.TIMEOUT}
    assert caught.value.certainty is Certainty.GUESSED
    assert 90 <= modem.now < 92


def test_restart_during_a_dial_is_named(dialogue: Connect) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK, (5, urc("+SYSSTART")))
    with pytest.raises(ModemReset):
        dial(modem)


def test_late_report_of_an_earlier_dial_is_not_taken_for_the_next(dialogue: Connect) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", OK)
    with pytest.raises(NetworkError):
        dial(modem)
    modem.says(urc("+SQNSD: 6,-1"), urc("+SQNSH: 6"))
    configured(modem).expect(DIAL + ",0,1", OK, (1, urc("+SQNSD: 6,0")))
    dial(modem)


# Dialling in the foreground


@pytest.mark.parametrize("refusal", [ERROR, CME4, b"\r\n+CME ERROR: operation not supported\r\n"])
def test_refused_argument_leads_to_the_dial_in_the_foreground(dialogue: Connect, refusal: bytes) -> None:
    modem = dialogue()
    configured(modem).expect(DIAL + ",0,1", refusal).recovers().expect(DIAL, (20, OK))
    dial(modem)


def test_refused_argument_is_an_error_where_the_user_insists(dialogue: Connect) -> None:
    modem = dialogue(dial="async")
    configured(modem).expect(DIAL + ",0,1", CME4)
    with pytest.raises(CommandError):
        dial(modem)


def test_foreground_dial_is_the_first_where_the_user_says_so(dialogue: Connect) -> None:
    modem = dialogue(dial="sync")
    configured(modem).expect(DIAL, (30, OK))
    dial(modem)


def test_no_carrier_is_a_tls_error_when_the_same_dial_without_tls_connects(dialogue: Connect) -> None:
    modem = dialogue(dial="sync")
    configured(modem).expect(DIAL, (5, NO_CARRIER)).recovers()
    modem.expect("AT+SQNSSCFG=6,0,1").expect(DIAL, (1, OK)).expect("AT+SQNSH=6")
    with pytest.raises(TlsError) as caught:
        dial(modem)
    assert caught.value.certainty is Certainty.DERIVED
    assert caught.value.reasons == {Reason.HANDSHAKE_FAILED}
    assert caught.value.code is not None
    assert caught.value.code.number == "NO CARRIER"
    assert caught.value.command == DIAL


def test_dial_after_the_probe_has_tls_again(dialogue: Connect) -> None:
    modem = dialogue(dial="sync")
    configured(modem).expect(DIAL, NO_CARRIER).recovers()
    modem.expect("AT+SQNSSCFG=6,0,1").expect(DIAL, OK).expect("AT+SQNSH=6")
    with pytest.raises(TlsError):
        dial(modem)
    configured(modem).expect(DIAL, OK)
    dial(modem)


def test_no_carrier_is_a_network_error_when_the_dial_without_tls_fails_too(dialogue: Connect) -> None:
    modem = dialogue(dial="sync")
    configured(modem).expect(DIAL, NO_CARRIER).recovers()
    modem.expect("AT+SQNSSCFG=6,0,1").expect(DIAL, NO_CARRIER)
    with pytest.raises(NetworkError) as caught:
        dial(modem)
    assert caught.value.certainty is Certainty.DERIVED


def test_no_carrier_without_the_probe_claims_nothing(dialogue: Connect) -> None:
    modem = dialogue(dial="sync", dial_probe=False)
    configured(modem).expect(DIAL, NO_CARRIER)
    with pytest.raises(ModemError) as caught:
        dial(modem)
    assert type(caught.value) is CommandError
    assert not caught.value.reasons


def test_no_carrier_of_a_plain_dial_is_a_network_error(dialogue: Connect) -> None:
    modem = dialogue(dial="sync")
    configured(modem, 0, 1).expect(DIAL, NO_CARRIER)
    with pytest.raises(NetworkError):
        dial(modem, None)


def test_security_is_said_before_every_dial(dialogue: Connect) -> None:
    modem = opened(dialogue())
    modem.expect("AT+SQNSH=6")
    modem.run(modem.driver.close_stream(6))
    secured(modem).expect(DIAL + ",0,1", OK, urc("+SQNSD: 6,0"))
    dial(modem)


def test_socket_is_configured_anew_after_an_answer_in_another_form() -> None:
    modem = opened(Dialogue()).says(urc("+SQNSRING: 6,3"))
    modem.expect("AT+SQNSRECV=6,1500", info("+SQNSRECV: 6,3", "616263"))
    with pytest.raises(HttpError):  # in hexadecimal: a bit of the configuration was flipped on its way
        receive(modem)
    modem.recovers().expect("AT+SQNSH=6")
    modem.run(modem.driver.close_stream(6))
    opened(modem)


@pytest.mark.parametrize("shown", ["6,0,6", "6,1,2", "6,0,1", "6"])
def test_security_that_reads_back_as_another_one_ends_the_dial(dialogue: Connect, shown: str) -> None:
    modem = dialogue().expect("AT+SQNSH=6").expect("AT+SQNSCFG=6,1,300,0,600,50")
    secured(modem.expect("AT+SQNSCFGEXT=6,1,0,0,0,0"), f"+SQNSSCFG: {shown}")
    with pytest.raises(CommandError, match="Nothing was dialled") as caught:
        dial(modem)
    assert Reason.BYTES_LOST in caught.value.reasons


@pytest.mark.parametrize("answer", [ERROR, CME4, OK])
def test_security_that_cannot_be_read_back_is_believed(dialogue: Connect, answer: bytes) -> None:
    modem = dialogue().expect("AT+SQNSH=6").expect("AT+SQNSCFG=6,1,300,0,600,50")
    modem.expect("AT+SQNSCFGEXT=6,1,0,0,0,0").expect("AT+SQNSSCFG=6,1,6").expect("AT+SQNSSCFG?", answer)
    modem.expect(DIAL + ",0,1", OK, urc("+SQNSD: 6,0"))
    dial(modem)


def test_refused_security_ends_the_dial_before_it_begins(dialogue: Connect) -> None:
    modem = dialogue().expect("AT+SQNSH=6").expect("AT+SQNSCFG=6,1,300,0,600,50")
    modem.expect("AT+SQNSCFGEXT=6,1,0,0,0,0").expect("AT+SQNSSCFG=6,1,6", CME4)
    with pytest.raises(CommandError, match="Securing socket 6"):
        dial(modem)


def test_socket_is_configured_anew_after_a_restart(dialogue: Connect) -> None:
    modem = opened(dialogue())
    modem.expect("ATE0").expect("ATV1").expect("AT+CMEE=1")
    modem.run(modem.driver.initialise())
    opened(modem)


@pytest.mark.parametrize("host", ['a"b', "a\\b", "a\r\nAT+CFUN=0", "ex\u00e4mple.org", "a\x00"])
def test_host_that_cannot_be_quoted_sends_nothing(dialogue: Connect, host: str) -> None:
    modem = dialogue()
    with pytest.raises(CommandError):
        modem.run(modem.driver.open_stream(6, host, 443, security_profile=6, timeout=90))


# Sending


def test_data_goes_in_commands_of_at_most_1500_bytes(dialogue: Connect) -> None:
    data = bytes(range(256)) * 13
    seen: list[tuple[int, int]] = []
    modem = opened(dialogue())
    for start, size in ((0, 1500), (1500, 1500), (3000, 328)):
        modem.expect(f"AT+SQNSSENDEXT=6,{size}", PROMPT).expect(data[start : start + size])
    modem.run(modem.driver.send_stream(6, data, lambda *done: seen.append(done)))
    assert seen == [(1500, 3328), (3000, 3328), (3328, 3328)]


def test_payload_that_looks_like_a_dialogue_is_sent_as_it_is(dialogue: Connect) -> None:
    data = b"\r\nOK\r\n> AT+CFUN=0\r\x1a+++\xff\x00"
    modem = opened(dialogue()).expect(f"AT+SQNSSENDEXT=6,{len(data)}", PROMPT).expect(data)
    modem.run(modem.driver.send_stream(6, data))


@pytest.mark.parametrize("when", ["command", "data"])
def test_send_that_is_refused_is_a_lost_connection(dialogue: Connect, when: str) -> None:
    modem = opened(dialogue())
    if when == "command":
        modem.expect("AT+SQNSSENDEXT=6,3", CME4)
    else:
        modem.expect("AT+SQNSSENDEXT=6,3", PROMPT).expect(b"abc", urc("+SQNSH: 6"), ERROR)
    with pytest.raises(NetworkError) as caught:
        modem.run(modem.driver.send_stream(6, b"abc"))
    assert caught.value.reasons == {Reason.CONNECTION_LOST}


def test_lost_prompt_never_repeats_the_command(dialogue: Connect) -> None:
    modem = opened(dialogue()).expect("AT+SQNSSENDEXT=6,3", b"\r\n")
    with pytest.raises(ModemTimeout):
        modem.run(modem.driver.send_stream(6, b"abc"))
    assert modem.now >= 20
    modem.says(PROMPT).expect(b"abc").recovers().expect("AT+SQNSH=6")
    modem.run(modem.driver.close_stream(6))


def test_late_prompt_is_waited_for(dialogue: Connect) -> None:
    modem = opened(dialogue()).expect("AT+SQNSSENDEXT=6,3", (19, PROMPT)).expect(b"abc")
    modem.run(modem.driver.send_stream(6, b"abc"))


# Receiving


def test_ring_leads_to_a_read(dialogue: Connect) -> None:
    modem = (
        opened(dialogue()).says((0.5, urc("+SQNSRING: 6,5"))).expect("AT+SQNSRECV=6,1500", received(b"hello"))
    )
    assert receive(modem) == b"hello"


@pytest.mark.parametrize("ring", ["+SQNSRING: 6,5", "+SQNSRING: 6", "+SQNSRING:6,5"])
def test_every_form_of_the_ring(dialogue: Connect, ring: str) -> None:
    modem = opened(dialogue()).says(urc(ring)).expect("AT+SQNSRECV=6,1500", received(b"hello"))
    assert receive(modem) == b"hello"


HOSTILE = [
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 4\r\n",
    b"\r\nNO CARRIER\r\n",
    b"\r\n+SQNSH: 6\r\n",
    b"\r\n+SYSSTART\r\n",
    b"> ",
    b"\n",
    b"\r\n+SQNSRECV: 6,1000\r\n",
    b"\0\xff\x80",
]


@pytest.mark.parametrize("data", HOSTILE)
def test_payload_is_taken_by_count_whatever_it_contains(dialogue: Connect, data: bytes) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6,9")).expect("AT+SQNSRECV=6,1500", received(data))
    assert receive(modem) == data
    assert modem.channel.restarts == 0
    assert receive_nothing(modem) is None


def receive_nothing(modem: Dialogue) -> bytes | None:
    return receive(modem, timeout=0)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 7))
def test_any_payload_in_any_pieces(data: bytes, chunk: int) -> None:
    modem = opened(Dialogue(chunk=chunk))
    modem.says(urc("+SQNSRING: 6,9")).expect("AT+SQNSRECV=6,1500", urc("+CEREG: 1"), received(data))
    assert receive(modem) == data


def test_events_around_and_inside_a_read(dialogue: Connect) -> None:
    modem = opened(dialogue()).says(urc("+CEREG: 2"), urc("+SQNSRING: 6,5"), urc("+SQNSRING: 5,1"))
    modem.expect(
        "AT+SQNSRECV=6,1500", urc("+SQNSMQTTONPUBLISH:0,5,0"), b"\r\n+SQNSRECV: 6,5\r\nhello",
        urc("+SQNSRING: 6,2"), OK,
    )  # fmt: skip
    assert receive(modem) == b"hello"
    modem.expect("AT+SQNSRECV=6,1500", received(b"hi"))
    assert receive(modem) == b"hi"
    assert modem.channel.has(lambda line: line == "+SQNSRING: 5,1")


def test_empty_read_has_no_data_part_and_is_waited_on(dialogue: Connect) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6,0"))
    modem.expect("AT+SQNSRECV=6,1500", info("+SQNSRECV: 6,0"), (0.5, urc("+SQNSRING: 6,2")))
    modem.expect("AT+SQNSRECV=6,1500", received(b"ab"))
    assert receive(modem) == b"ab"


def test_address_behind_the_length_is_passed_over(dialogue: Connect) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6"))
    modem.expect("AT+SQNSRECV=6,1500", b'\r\n+SQNSRECV: 6,2,"198.51.100.194",30004\r\nab\r\nOK\r\n')
    assert receive(modem) == b"ab"


def test_full_read_is_followed_by_another_without_a_ring(dialogue: Connect) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6,8"))
    modem.expect("AT+SQNSRECV=6,4", received(b"abcd"))
    assert receive(modem, 4) == b"abcd"
    modem.expect("AT+SQNSRECV=6,4", received(b"ef"))
    assert receive(modem, 4) == b"ef"


def test_lost_ring_is_made_good_by_asking(dialogue: Connect) -> None:
    modem = opened(dialogue())
    modem.expect("AT+SQNSI=6", info("+SQNSI: 6,10,20,0,0")).expect("AT+SQNSI=6", info("+SQNSI: 6,10,25,5,0"))
    modem.expect("AT+SQNSRECV=6,1500", received(b"hello"))
    began = modem.now
    assert receive(modem) == b"hello"
    assert 1.9 <= modem.now - began < 3


def test_nothing_comes_in_time(dialogue: Connect) -> None:
    modem = opened(dialogue())
    for _ in range(3):
        modem.expect("AT+SQNSI=6", info("+SQNSI: 6,0,0,0,0"))
    began = modem.now
    assert receive(modem, timeout=3) is None
    assert 3 <= modem.now - began < 4


def test_close_by_the_server_leaves_what_is_buffered_to_be_read(dialogue: Connect) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6,5"), urc("+SQNSH: 6"))
    modem.expect("AT+SQNSRECV=6,1500", received(b"hello"))
    assert receive(modem) == b"hello"
    modem.expect("AT+SQNSRECV=6,1500", CME4)
    assert receive(modem) == b""


def test_end_without_data_is_told_at_once(dialogue: Connect) -> None:
    modem = opened(dialogue()).says((0.5, urc("+SQNSH: 6"))).expect("AT+SQNSRECV=6,1500", ERROR)
    assert receive(modem) == b""


def test_end_of_another_socket_is_not_this_ones_even_in_the_answer_to_a_close(dialogue: Connect) -> None:
    modem = opened(dialogue()).expect("AT+SQNSH=6", urc("+SQNSH: 5"), OK)
    modem.run(modem.driver.close_stream(6))
    assert modem.channel.has(lambda line: line == "+SQNSH: 5")


def test_announced_length_beyond_the_limit_is_refused_and_the_line_recovers(dialogue: Connect) -> None:
    modem = opened(Dialogue()).says(urc("+SQNSRING: 6,9"))
    modem.expect("AT+SQNSRECV=6,4", b"\r\n+SQNSRECV: 6,4000\r\nabcd\r\nOK\r\n")
    with pytest.raises(HttpError, match="4000 bytes") as caught:
        receive(modem, 4)
    assert Reason.MALFORMED_RESPONSE in caught.value.reasons
    modem.recovers().expect("AT+SQNSH=6")
    modem.run(modem.driver.close_stream(6))


@pytest.mark.parametrize("count", ["-1", "999999999999999999999", "x"])
def test_length_that_is_none_never_becomes_a_payload(count: str) -> None:
    modem = opened(Dialogue()).says(urc("+SQNSRING: 6,9"))
    modem.expect("AT+SQNSRECV=6,4", f"\r\n+SQNSRECV: 6,{count}\r\n".encode() + OK)
    if count == "-1":
        with pytest.raises(HttpError):
            receive(modem, 4, 0)
    else:
        assert receive(modem, 4, 0) is None


def test_bytes_lost_inside_a_payload_end_in_bounded_time(dialogue: Connect) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6,1000"))
    modem.expect("AT+SQNSRECV=6,1500", b"\r\n+SQNSRECV: 6,1000\r\n" + b"x" * 900 + OK)
    began = modem.now
    with pytest.raises(ModemTimeout) as caught:
        receive(modem)
    assert Reason.BYTES_LOST in caught.value.reasons
    assert modem.now - began < 60


# Closing


@pytest.mark.parametrize("answer", [OK, ERROR, CME4])
def test_closing_is_never_an_error_and_forgets_the_sockets_events(dialogue: Connect, answer: bytes) -> None:
    modem = opened(dialogue()).says(urc("+SQNSRING: 6,5")).expect("AT+SQNSH=6", urc("+SQNSH: 6"), answer)
    modem.run(modem.driver.close_stream(6))
    assert not modem.channel.has(lambda line: line.startswith("+SQNS"))
