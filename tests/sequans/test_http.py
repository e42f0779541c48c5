"""The modem's own HTTP client, byte by byte, with the published transcripts as data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import HTTP_PASSWORD

from modemtls import (
    Certainty,
    CertificateError,
    CommandError,
    HttpError,
    HttpReply,
    HttpRequest,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    Reason,
    TlsError,
)

from .conftest import CME4, ERROR, OK, PROMPT, Answer, Connect, Dialogue, info, urc

CONFIGURE = 'AT+SQNHTTPCFG=2,"example.org",443,0,"","",1,120,1,6'
CONFIGURED = info('+SQNHTTPCFG: 2,"example.org",443,0,"","",1,120,1,6,60,15')
CONNECT, DISCONNECT = "AT+SQNHTTPCONNECT=2", "AT+SQNHTTPDISCONNECT=2"
QUERY, RECEIVE = 'AT+SQNHTTPQRY=2,0,"/"', "AT+SQNHTTPRCV=2"


def get(target: str = "/", *, method: str = "GET", timeout: float = 120.0, **more: object) -> HttpRequest:
    return HttpRequest(method, "example.org", 443, target, timeout=timeout, **more)  # type: ignore[arg-type]


def ask(modem: Dialogue, request: HttpRequest | None = None) -> HttpReply:
    return modem.run(modem.driver.http_request(2, request or get(), security_profile=6, sent=modem.sent))


def connecting(modem: Dialogue, *answers: Answer) -> Dialogue:
    modem.expect("AT+SQNHTTPCFG?").expect(CONFIGURE).expect("AT+SQNHTTPCFG?", CONFIGURED)
    return (
        modem.expect(CONNECT, *answers)
        if answers
        else modem.expect(CONNECT, OK, (2, urc("+SQNHTTPCONNECT: 2,0")))
    )


def ring(status: int, kind: str, size: int) -> bytes:
    return urc(f'+SQNHTTPRING: 2,{status},"{kind}",{size}')


def body(data: bytes) -> bytes:
    return b"\r\n<<<" + data + OK


# The way of a request


def test_get_configures_connects_asks_and_reads(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, (1, ring(200, "text/html", 5)))
    modem.expect(RECEIVE, body(b"hello"))
    assert ask(modem) == HttpReply(200, b"hello", "text/html")


def test_profile_that_is_as_it_must_be_is_not_written_again(dialogue: Connect) -> None:
    modem = dialogue().expect(
        "AT+SQNHTTPCFG?",
        info(
            '+SQNHTTPCFG: 0,"",80,0,"","",0,120,1,1',
            '+SQNHTTPCFG: 2,"example.org",443,0,"","",1,120,1,6,60,15',
        ),
    )
    modem.expect(CONNECT, OK, urc("+SQNHTTPCONNECT: 2,0")).expect(QUERY, OK, ring(204, "", 0))
    assert ask(modem) == HttpReply(204, b"", None)


@pytest.mark.parametrize(
    "stored",
    [
        '2,"other.org",443,0,"","",1,120,1,6',
        '2,"example.org",80,0,"","",1,120,1,6',
        '2,"example.org",443,1,"me","pw",1,120,1,6',
        '2,"example.org",443,0,"","",0,120,1,6',
        '2,"example.org",443,0,"","",1,120,1,5',
        '1,"example.org",443,0,"","",1,120,1,6',
    ],
)
def test_profile_that_differs_is_written(dialogue: Connect, stored: str) -> None:
    modem = dialogue().expect("AT+SQNHTTPCFG?", info(f"+SQNHTTPCFG: {stored}"))
    modem.expect(CONFIGURE).expect("AT+SQNHTTPCFG?", CONFIGURED)
    modem.expect(CONNECT, OK, urc("+SQNHTTPCONNECT: 2,0")).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)


@pytest.mark.parametrize(
    "shown",
    [
        '2,"examrle.org",443,0,"","",1,120,1,6',
        '2,"example.org",443,0,"","",0,120,1,6',
        '2,"example.org",443,0,"","",1,120,1,2',
        '2,"",80,0,"","",0,120,1,1',
    ],
)
def test_profile_that_reads_back_as_another_one_is_not_used(dialogue: Connect, shown: str) -> None:
    modem = dialogue().expect("AT+SQNHTTPCFG?").expect(CONFIGURE)
    modem.expect("AT+SQNHTTPCFG?", info(f"+SQNHTTPCFG: {shown}"))
    with pytest.raises(HttpError, match="Nothing was asked"):
        ask(modem)
    assert modem.requests_sent == 0


def test_second_request_to_the_same_server_uses_the_connection(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)
    modem.expect('AT+SQNHTTPQRY=2,0,"/b"', OK, ring(204, "", 0))
    ask(modem, get("/b"))


def test_request_to_another_server_disconnects_first(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)
    modem.expect(DISCONNECT, OK, urc("+SQNHTTPDISCONNECT: 2")).expect("AT+SQNHTTPCFG?")
    modem.expect('AT+SQNHTTPCFG=2,"b.org",443,0,"","",1,120,1,6').expect("AT+SQNHTTPCFG?")
    modem.expect(CONNECT, OK, urc("+SQNHTTPCONNECT: 2,0")).expect(QUERY, OK, ring(204, "", 0))
    ask(modem, HttpRequest("GET", "b.org", 443, "/"))


def test_connection_that_was_closed_meanwhile_is_made_again(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)
    modem.hears(urc("+SQNHTTPSH: 2,0")).expect(DISCONNECT)
    connecting(modem).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)


def test_end_of_an_idle_connection_told_by_the_next_request_is_no_failure(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)
    modem.expect(QUERY, urc("+SQNHTTPSH: 2,0"), OK, (3, ring(200, "text/plain", 2)))
    modem.expect(RECEIVE, body(b"ab"))
    assert ask(modem).body == b"ab"


def test_disconnecting_twice_sends_once(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)
    modem.expect(DISCONNECT)
    modem.run(modem.driver.http_disconnect(2))
    modem.run(modem.driver.http_disconnect(2))


# Connecting


def test_the_forums_failure(dialogue: Connect) -> None:
    modem = connecting(dialogue(), OK, (3, urc("+SQNHTTPCONNECT: 2,77") + urc("+SQNHTTPSH: 2,77")))
    with pytest.raises(TlsError) as caught:
        ask(modem)
    assert type(caught.value) is TlsError
    assert caught.value.code is not None
    assert str(caught.value.code) == "http 77 (SSL_CACERT_BADFILE)"
    assert caught.value.lines == ("+SQNHTTPCONNECT: 2,77",)
    assert {Reason.PROFILE_ILLEGAL, Reason.NO_TRUST_ANCHOR, Reason.SLOT_EMPTY} <= caught.value.reasons
    assert modem.requests_sent == 0
    assert not modem.channel.has(lambda line: "SQNHTTP" in line)


def test_close_without_a_connect_report_is_the_failure_and_is_not_waited_out(dialogue: Connect) -> None:
    modem = connecting(dialogue(), OK, (2, urc("+SQNHTTPSH: 2,60")))
    with pytest.raises(CertificateError):
        ask(modem)
    assert modem.now < 5


def test_late_orderly_close_of_the_last_connection_is_not_the_failure_of_the_next(dialogue: Connect) -> None:
    modem = connecting(dialogue(), OK, urc("+SQNHTTPSH: 2,0"), (1, urc("+SQNHTTPCONNECT: 2,0")))
    modem.expect(QUERY, OK, ring(204, "", 0))
    assert ask(modem).status == 204


def test_connect_report_before_ok_is_not_lost(dialogue: Connect) -> None:
    modem = connecting(dialogue(), urc("+SQNHTTPCONNECT: 2,0"), OK).expect(QUERY, OK, ring(204, "", 0))
    ask(modem)
    assert modem.now < 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (6, NetworkError),
        (7, NetworkError),
        (28, NetworkError),
        (35, TlsError),
        (51, CertificateError),
        (60, CertificateError),
        (77, TlsError),
        (1234, HttpError),
    ],
)
def test_class_of_a_failed_connection(dialogue: Connect, code: int, error: type[ModemError]) -> None:
    modem = connecting(dialogue(), OK, urc(f"+SQNHTTPCONNECT: 2,{code}"), urc(f"+SQNHTTPSH: 2,{code}"))
    with pytest.raises(ModemError) as caught:
        ask(modem)
    assert type(caught.value) is error
    assert caught.value.code is not None
    assert caught.value.code.number == code


def test_no_report_of_the_connection_ends_at_the_deadline_and_is_hung_up_before_the_next(
    dialogue: Connect,
) -> None:
    modem = connecting(dialogue(), OK)
    with pytest.raises(NetworkError, match="no result in 30 s") as caught:
        ask(modem, get(timeout=30))
    assert caught.value.certainty is Certainty.GUESSED
    modem.says(urc("+SQNHTTPCONNECT: 2,0")).expect(DISCONNECT)
    connecting(modem).expect(QUERY, OK, ring(204, "", 0))
    assert ask(modem).status == 204


def test_refused_connect_is_a_network_error(dialogue: Connect) -> None:
    modem = connecting(dialogue(), CME4)
    with pytest.raises(NetworkError):
        ask(modem)


# Responses


def test_published_post(dialogue: Connect) -> None:
    page = (
        b"<html>\r\n<head><title>405 Not Allowed</title></head>\r\n<body>\r\n<center><h1>405 Not Allowed</h1>"
        b"</center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
    )
    assert len(page) == 157
    data = b"H'\xe2\x90(H\x00\x06"
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",8,"2"', PROMPT)
    modem.expect(data, b'\r\nOK\r\n\r\n+SQNHTTPRING: 2,405,"text/html",157\r\n')
    modem.expect(RECEIVE, b"\r\n<<<" + page + OK)
    assert ask(modem, get(method="POST", body=data)) == HttpReply(405, page, "text/html")


def test_published_get_with_a_split_ring() -> None:
    modem = Dialogue()
    connecting(modem).expect(QUERY, OK, b"\r\n+SQNHTTPRING: 2,200", (0.1, b',"text/html",96\r\n'))
    modem.expect(RECEIVE, body(b"x" * 96))
    assert len(ask(modem).body) == 96


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        ('+SQNHTTPRING: 2,200,"text/html; charset=utf-8",2', "text/html; charset=utf-8"),
        ('+SQNHTTPRING:2,200,"a/b; x=1, y=2",2', "a/b; x=1, y=2"),
        ('+SQNHTTPRING: 2,200,"a/b; x="1,2"; y="3"",2', 'a/b; x="1,2"; y="3"'),
        ('+SQNHTTPRING: 2,200,"",2', None),
        ("+SQNHTTPRING: 2,200,,2", None),
        ("+SQNHTTPRING: 2,200,text/html,2", "text/html"),
    ],
)
def test_content_types_of_every_form(dialogue: Connect, report: str, kind: str | None) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, urc(report)).expect(RECEIVE, body(b"ab"))
    assert ask(modem) == HttpReply(200, b"ab", kind)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\nOK\r\n",
        b"<html>",
        b"<<<<<<",
        b"\r\n+SQNHTTPSH: 2,77\r\n",
        b"\r\n+CME ERROR: 4\r\n",
        b"\r\nERROR\r\n\r\n+SYSSTART\r\n",
        b"\n",
        b"\r\n",
        b"> \x1a\0\xff",
    ],
)
def test_body_is_read_by_count_whatever_it_contains(dialogue: Connect, data: bytes) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(200, "a/b", len(data))).expect(RECEIVE, body(data))
    assert ask(modem).body == data
    modem.expect(QUERY, OK, ring(204, "", 0))
    assert ask(modem).status == 204  # nothing of it was taken for an event


@given(st.binary(min_size=1, max_size=300), st.integers(0, 7))
def test_any_body_in_any_pieces_with_events_around_it(data: bytes, chunk: int) -> None:
    modem = connecting(Dialogue(chunk=chunk))
    modem.expect(QUERY, urc("+CEREG: 1"), OK, urc("+SQNSH: 1"), ring(200, "a/b", len(data)), urc("+CEREG: 5"))
    modem.expect(RECEIVE, urc("+CEREG: 1"), body(data))
    assert ask(modem).body == data


def test_ring_before_ok_is_not_lost(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, ring(200, "a/b", 2), OK).expect(RECEIVE, body(b"ab"))
    assert ask(modem).body == b"ab"


@pytest.mark.parametrize(
    ("request_", "command", "status", "size"),
    [
        (get(method="HEAD"), 'AT+SQNHTTPQRY=2,1,"/"', 200, 5000),
        (get(), QUERY, 204, 0),
        (get(), QUERY, 304, 0),
        (get(method="DELETE"), 'AT+SQNHTTPQRY=2,2,"/"', 204, 0),
    ],
)
def test_response_without_a_body_is_not_read(
    dialogue: Connect, request_: HttpRequest, command: str, status: int, size: int
) -> None:
    modem = connecting(dialogue()).expect(command, OK, ring(status, "a/b", size))
    assert ask(modem, request_) == HttpReply(status, b"", "a/b")


@pytest.mark.parametrize("status", [200, 201, 404, 500])
def test_unannounced_length_is_an_error_that_says_so_and_hangs_up(dialogue: Connect, status: int) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(status, "a/b", 0)).expect(DISCONNECT)
    with pytest.raises(HttpError, match="either empty or of a length that was not announced") as caught:
        ask(modem)
    assert caught.value.reasons == {Reason.LENGTH_UNKNOWN}
    assert "stream" in (caught.value.remedy or "")
    assert modem.requests_sent == 1


def test_status_0_and_a_close_is_the_failure_that_the_close_tells(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(0, "", 0), (0.5, urc("+SQNHTTPSH: 2,56")))
    modem.expect(DISCONNECT)
    with pytest.raises(NetworkError) as caught:
        ask(modem)
    assert caught.value.code is not None
    assert caught.value.code.number == 56


def test_status_0_alone_is_an_http_error(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(0, "", 0)).expect(DISCONNECT)
    with pytest.raises(HttpError):
        ask(modem)


def test_close_with_a_code_instead_of_a_response(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, urc("+SQNHTTPSH: 2,18")).expect(DISCONNECT)
    with pytest.raises(HttpError) as caught:
        ask(modem)
    assert Reason.INCOMPLETE_BODY in caught.value.reasons


def test_orderly_close_and_no_response_ends_in_bounded_time(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, urc("+SQNHTTPSH: 2,0")).expect(DISCONNECT)
    with pytest.raises(HttpError, match="without a response") as caught:
        ask(modem)
    assert caught.value.reasons == {Reason.CONNECTION_LOST}
    assert modem.now < 30


def test_no_response_is_a_network_error_and_what_comes_late_is_not_the_next_ones(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK).expect(DISCONNECT, ring(200, "late/late", 3), OK)
    with pytest.raises(NetworkError, match="The request was sent") as caught:
        ask(modem, get(timeout=10))
    assert caught.value.reasons == {Reason.TIMEOUT}
    connecting(modem).expect(QUERY, OK, ring(204, "", 0))
    assert ask(modem).status == 204


@pytest.mark.parametrize(
    "report",
    ["+SQNHTTPRING: 2,", "+SQNHTTPRING: 2,x,,5", '+SQNHTTPRING: 2,200,"a"', '+SQNHTTPRING: 2,200,"a",-5',
     '+SQNHTTPRING: 2,200,"a",99999999999', '+SQNHTTPRING: 2,2000,"a",5'],
)  # fmt: skip
def test_malformed_report_is_an_http_error(dialogue: Connect, report: str) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, urc(report)).expect(DISCONNECT)
    with pytest.raises(HttpError, match="malformed") as caught:
        ask(modem)
    assert caught.value.reasons == {Reason.MALFORMED_RESPONSE}


def test_body_beyond_the_callers_limit_is_not_fetched(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(200, "a/b", 1001)).expect(DISCONNECT)
    with pytest.raises(HttpError) as caught:
        ask(modem, get(max_body=1000))
    assert caught.value.reasons == {Reason.LIMIT_EXCEEDED}


@pytest.mark.parametrize("short", [1, 3, 6, 7, 50, 99])
def test_body_shorter_than_announced_is_an_incomplete_body_in_bounded_time(
    dialogue: Connect, short: int
) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, ring(200, "a/b", 100))
    modem.expect(RECEIVE, body(b"x" * (100 - short))).recovers().expect(DISCONNECT)
    began = modem.now
    with pytest.raises(HttpError) as caught:
        ask(modem)
    assert Reason.INCOMPLETE_BODY in caught.value.reasons
    assert caught.value.certainty is Certainty.GUESSED
    assert modem.now - began < 60
    connecting(modem).expect(QUERY, OK, ring(204, "", 0))
    assert ask(modem).status == 204


def test_body_refused_is_an_http_error_and_asked_for_once(dialogue: Connect) -> None:
    modem = (
        connecting(dialogue()).expect(QUERY, OK, ring(200, "a/b", 5)).expect(RECEIVE, CME4).expect(DISCONNECT)
    )
    with pytest.raises(HttpError) as caught:
        ask(modem)
    assert caught.value.command == RECEIVE


def test_restart_instead_of_a_response(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, OK, (2, urc("+SYSSTART")))
    with pytest.raises(ModemReset):
        ask(modem)


def test_refused_query_counts_as_sent(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect(QUERY, ERROR).expect(DISCONNECT)
    with pytest.raises(HttpError):
        ask(modem)
    assert modem.requests_sent == 1


# Uploads


@pytest.mark.parametrize(
    ("method", "kind", "fields"),
    [
        ("POST", None, '0,"/",3,"2"'),
        ("PUT", None, '1,"/",3,"2"'),
        ("POST", "application/x-www-form-urlencoded", '0,"/",3,"0"'),
        ("POST", "text/plain", '0,"/",3,"1"'),
        ("POST", "multipart/form-data", '0,"/",3,"3"'),
        ("POST", "application/json", '0,"/",3,"4"'),
        ("POST", "application/cbor", '0,"/",3,"application/cbor"'),
        ("PUT", "text/plain; charset=utf-8", '1,"/",3,"text/plain; charset=utf-8"'),
    ],
)
def test_method_and_content_type_of_an_upload(
    dialogue: Connect, method: str, kind: str | None, fields: str
) -> None:
    modem = connecting(dialogue()).expect(f"AT+SQNHTTPSND=2,{fields}", PROMPT)
    modem.expect(b"abc", OK, ring(204, "", 0))
    headers = (("Content-Type", kind),) if kind else ()
    assert ask(modem, get(method=method, body=b"abc", headers=headers)).status == 204


@pytest.mark.parametrize("prompt", [b"\r\n> ", b"\r\n>>>", b">", b">>>"])
def test_prompt_of_every_form_late_after_the_handshake(dialogue: Connect, prompt: bytes) -> None:
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",3,"2"', (19, prompt))
    modem.expect(b"> \r", OK, ring(204, "", 0))
    assert ask(modem, get(method="POST", body=b"> \r")).status == 204


def test_upload_without_a_body_has_no_prompt(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",0,"2"', OK, ring(204, "", 0))
    assert ask(modem, get(method="POST")).status == 204


@pytest.mark.parametrize("order", ["error-first", "urcs-first"])
def test_error_instead_of_the_prompt_is_explained_by_the_close(dialogue: Connect, order: str) -> None:
    told = ring(0, "", 0) + urc("+SQNHTTPSH: 2,60")
    answers: tuple[Answer, ...] = (CME4, (0.5, told)) if order == "error-first" else (told, CME4)
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",3,"2"', *answers)
    with pytest.raises(CertificateError) as caught:
        ask(modem, get(method="POST", body=b"abc"))
    assert caught.value.code is not None
    assert caught.value.code.number == 60


def test_error_instead_of_the_prompt_alone_keeps_the_modems_words(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",3,"2"', CME4).expect(DISCONNECT)
    with pytest.raises(HttpError) as caught:
        ask(modem, get(method="POST", body=b"abc"))
    assert caught.value.code is not None
    assert (caught.value.code.namespace, caught.value.code.number) == ("cme", 4)


def test_close_instead_of_the_prompt_is_the_failure(dialogue: Connect) -> None:
    modem = connecting(dialogue())
    modem.expect('AT+SQNHTTPSND=2,0,"/",3,"2"', (4, ring(0, "", 0) + urc("+SQNHTTPSH: 2,35")))
    with pytest.raises(TlsError) as caught:
        ask(modem, get(method="POST", body=b"abc"))
    assert caught.value.code is not None
    assert caught.value.code.number == 35


def test_neither_prompt_nor_report_is_a_silent_modem_and_nothing_is_repeated(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",3,"2"', b"\r\n")
    with pytest.raises(ModemTimeout):
        ask(modem, get(method="POST", body=b"abc"))
    assert 20 <= modem.now < 30
    modem.says(PROMPT).expect(b"abc").recovers().expect(DISCONNECT)
    modem.run(modem.driver.http_disconnect(2))


# What is quoted


def test_one_extra_header_stands_behind_the_resource(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect('AT+SQNHTTPQRY=2,0,"/","X-Token: a, b"', OK, ring(204, "", 0))
    ask(modem, get(headers=(("X-Token", "a, b"),)))


def test_extra_header_and_content_type_of_an_upload(dialogue: Connect) -> None:
    modem = connecting(dialogue()).expect('AT+SQNHTTPSND=2,0,"/",1,"4","X-A: 1"', PROMPT)
    modem.expect(b"1", OK, ring(204, "", 0))
    ask(modem, get(method="POST", body=b"1", headers=(("content-type", "application/json"), ("X-A", "1"))))


@pytest.mark.parametrize(
    "request_",
    [
        get('/"'),
        get("/\\"),
        get("/\r\nAT+CFUN=0"),
        get("/\u00e4"),
        get(headers=(("X", 'a"b'),)),
        get(headers=(("X", "a\r\nAT"),)),
        get(method="POST", body=b"x", headers=(("Content-Type", 'a/b; c="d"'),)),
    ],
)
def test_what_cannot_be_quoted_sends_nothing(dialogue: Connect, request_: HttpRequest) -> None:
    with pytest.raises(CommandError):
        ask(dialogue(), request_)


def test_password_of_a_stored_profile_is_shown_nowhere(dialogue: Connect) -> None:
    stored = f'+SQNHTTPCFG: 2,"h",443,1,"me","{HTTP_PASSWORD}",1,120,1,6'
    modem = (
        dialogue().expect("AT+SQNHTTPCFG?", urc(stored), urc(stored), OK).expect(CONFIGURE, urc(stored), CME4)
    )
    with pytest.raises(HttpError) as caught:
        ask(modem)
    assert HTTP_PASSWORD not in f"{caught.value!r} {caught.value} {caught.value.lines} {modem.listened}"
