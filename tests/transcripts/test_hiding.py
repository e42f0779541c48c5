"""Each of the rules by itself: in a session several of them hide the same thing."""

from __future__ import annotations

import base64
import re

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from modemtls.at import Channel, Command, Dialect, free_text, quote, secret
from modemtls.op import run
from modemtls.testing import dialogue
from modemtls.transcript.hiding import Hiding, Shown
from modemtls.transcript.private import head_spans, luhn, standard_spans

from .bench import Script

SECRET = "hunter2-Hunter3-hunter4"


def text_of(shown: list[Shown]) -> str:
    return "".join(
        each.piece.decode("latin-1") if isinstance(each.piece, bytes) else f"{{{each.piece.name}}}"
        for each in shown
    )


def hiding() -> Hiding:
    found = Hiding()
    found.line(f'AT+L="{SECRET}"', shown='AT+L="***"', secrets=[SECRET])
    return found


def later(answer: str) -> str:
    """What is shown of an answer that comes two exchanges after the secret was sent."""
    port = dialogue(
        (f'AT+L="{SECRET}"', b"\r\nOK\r\n"),
        ("AT+X?", b"\r\nOK\r\n"),
        ("ATI", f"\r\n{answer}\r\n\r\nOK\r\n".encode()),
    )
    script = Script()
    recording = port.record(script.recorder)
    channel = recording.channel(Dialect())

    async def op(channel: Channel) -> None:
        await channel.command(Command.set("+L", secret(quote(SECRET))))
        await channel.command(Command.read("+X"))
        await channel.command(free_text("I"))

    run(op(channel), recording)
    recording.close()
    return script.text.splitlines()[-1].partition(" < ")[2]


def test_a_secret_is_known_again_long_after() -> None:
    assert later(f"you said {SECRET}, did you") == r"\r\nyou said {secret-1}, did you\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    "written",
    [
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        *(base64.b64encode(b"x" * n + SECRET.encode()).decode() for n in range(3)),
    ],
    ids=["hex", "HEX", "base64", "base64+1", "base64+2"],
)
def test_a_secret_in_another_form_takes_its_line_with_it(written: str) -> None:
    assert later(f"debug: {written}") == r"\r\n{line-1}\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    "event", [f"+CEREG: {SECRET[:9]}", f"+CME ERROR: {SECRET[-9:]}", f"+L: {SECRET[4:12]}"]
)
def test_a_piece_of_a_secret_in_its_own_exchange_takes_the_line_with_it(event: str) -> None:
    port = dialogue((f'AT+L="{SECRET}"', f"\r\n{event}\r\n\r\nOK\r\n".encode()))
    script = Script()
    recording = port.record(script.recorder)
    channel = recording.channel(Dialect(urcs=("+CEREG:",)))
    run(channel.command(Command.set("+L", secret(quote(SECRET)))), recording)
    run(channel.poll(0.0), recording)
    recording.close()
    assert "hunter" not in script.text.lower()
    assert "{line-1}" in script.text


def test_a_piece_of_a_key_is_known_again() -> None:
    key = trustme.CA(key_type=trustme.KeyType.ECDSA).private_key_pem.bytes()
    found = Hiding()
    found.learn_key(key)
    body = "".join(key.decode().splitlines()[1:-1])
    for piece in (body[20:34], base64.b64decode(body).hex()[20:60], body[70:84]):
        assert re.fullmatch(r"\{line-\d\}", text_of(found.line(f"debug {piece} end")))
        assert re.fullmatch(r"\{data-\d\}", text_of(found.payload(f"... {piece} ...".encode(), "s")))
    assert text_of(found.line("debug nothing of it end")) == "debug nothing of it end"


@given(st.lists(st.text(alphabet='ab{}\\\r\n \x00\xff:=,"+0123456789', max_size=12), max_size=6))
def test_pieces_and_sizes_always_make_up_the_whole(parts: list[str]) -> None:
    found = hiding()
    for part in parts:
        for shown in (found.line(part), found.payload(part.encode("latin-1"), "s")):
            assert sum(each.size for each in shown) == len(part)
            pattern = "".join(
                re.escape(each.piece.decode("latin-1"))
                if isinstance(each.piece, bytes)
                else f".{{{each.size}}}"
                for each in shown
            )
            assert re.fullmatch(pattern, part, re.DOTALL)


@given(st.data())
def test_a_secret_is_hidden_wherever_a_stream_is_cut(draw: st.DataObject) -> None:
    body = f"before {SECRET} between {SECRET} after"
    cuts = sorted(draw.draw(st.lists(st.integers(1, len(body) - 1), max_size=4)))
    found = hiding()
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    shown = "".join(text_of(found.payload(piece.encode(), "s")) for piece in pieces)
    plain = re.sub(r"\{[^}]*\}", "|", shown)
    assert not [at for at in range(len(SECRET) - 3) if SECRET[at : at + 4] in plain]


@pytest.mark.parametrize("size", [1, 100, 1500, 5000])
def test_a_value_of_any_length_is_hidden_to_the_end_of_its_line(size: int) -> None:
    token = base64.b64encode(bytes(range(256)) * 40).decode()
    head = f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n\r\nthe body"
    found = Hiding()
    shown = "".join(
        text_of(found.payload(head[at : at + size].encode(), "s")) for at in range(0, len(head), size)
    )
    plain = re.sub(r"\{[^}]*\}", "", shown)
    assert plain == "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: \r\nAccept: */*\r\n\r\nthe body"


def test_streams_do_not_disturb_each_other() -> None:
    found = hiding()
    assert text_of(found.payload(b"Authorization: Basic", "one")) == "Authorization: {authorization-1}"
    assert text_of(found.payload(b" words of another\r\n", "two")) == " words of another\r\n"
    assert text_of(found.payload(b" bWU6cHc=\r\nX: y", "one")) == "{authorization-2}\r\nX: y"


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('AT+CPIN="1234"', ["1234"]),
        ("at+cpin=1234", ["1234"]),
        ('AT+CPIN="12345678","1234"', ["12345678", "1234"]),
        ('AT+CFUN=1;+CPIN="1234";+CSQ', ["1234"]),
        ('AT+CLCK="SC",1,"1234"', ["1234"]),
        ('AT+CLCK="SC",2', []),
        ('AT+CPWD="SC","1234","4321"', ["1234", "4321"]),
        ('AT+CGAUTH=1,1,"me","pw', ["pw"]),
        ('+CGAUTH: 1,1,"a,b","p,w"', ["p,w"]),
        ("+CPIN: READY", []),
        ("AT+CPIN?", []),
        ("AT+CPIN=?", []),
        ("AT+CGAUTH=", []),
    ],
)
def test_the_standards_own_secrets_are_found_however_they_are_written(line: str, values: list[str]) -> None:
    assert [line[span.start : span.end] for span in standard_spans(line)] == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("GET / HTTP/1.1\r\nHost: h\r\nX-Mine: v\r\n\r\nX-Mine: w", ["v"]),
        ("POST /a?token=t&b=c HTTP/1.1\r\nAccept: a\r\n\r\n", ["t"]),
        ("HTTP/1.1 200 OK\r\nServer: s\r\nSet-Cookie: a=b\r\nX-Amz-Security-Token: q\r\n\r\n", ["a=b", "q"]),
        ("proxy-authorization: Basic eA==", ["Basic eA==", "eA=="]),
        ("the text says Bearer abcdef.ghi and goes on", ["abcdef.ghi"]),
        ("+CGAUTH: 1,1", []),
        ("nothing: here", []),
    ],
)
def test_credentials_of_http_are_found(text: str, values: list[str]) -> None:
    found = [text[span.start : span.end] for span in head_spans(text, in_head=False)[0]]
    assert sorted(found) == sorted(values)


def test_the_check_digit_of_an_imei() -> None:
    assert luhn("490154203237518")
    assert not luhn("490154203237517")
