from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls.at import (
    Bare,
    Command,
    Final,
    QuoteLimits,
    fields,
    free_text,
    quote,
    raw,
    secret,
)
from modemtls.at.syntax import escaped, final_result
from modemtls.errors import CommandError, Reason

C0 = [chr(code) for code in range(0x20)]


@pytest.mark.parametrize("bad", [*C0, "\x7f", '"', "\\", "é", "–", "\u2028", "\U0001f600", "\x80", "\ud800"])
def test_quote_refuses_what_could_end_the_string_or_the_line(bad: str) -> None:
    with pytest.raises(CommandError) as caught:
        quote(f"ab{bad}c")
    assert caught.value.reasons == {Reason.INVALID_PARAMETER}
    assert "position 3" in str(caught.value)


def test_quote_takes_all_other_ascii() -> None:
    text = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '"\\')
    assert quote(text).wire == f'"{text}"'


def test_quote_refuses_what_the_model_adds() -> None:
    limits = QuoteLimits(max_length=4, forbidden=",;")
    assert quote("abcd", limits).wire == '"abcd"'
    for text in ("abcde", "a,b", "a;b"):
        with pytest.raises(CommandError):
            quote(text, limits)


def test_a_refusal_does_not_show_the_text() -> None:
    with pytest.raises(CommandError) as caught:
        quote('hunter"two', what="The password")
    assert "hunter" not in repr(caught.value) + str(caught.value)
    with pytest.raises(CommandError) as caught:
        quote("hunter2", QuoteLimits(max_length=3))
    assert "hunter" not in repr(caught.value) + str(caught.value)


@given(st.text(max_size=30))
def test_a_quoted_string_never_adds_a_quote_or_a_line(text: str) -> None:
    try:
        wire = quote(text).wire
    except CommandError:
        assert any(not " " <= c <= "~" or c in '"\\' for c in text)
        return
    assert wire[1:-1] == text
    assert '"' not in text
    assert "\\" not in text
    assert wire.isprintable()
    assert wire.isascii()


def test_command_from_numbers_strings_and_gaps() -> None:
    command = Command.set("+X", 1, None, quote("a,b"), Bare("0x2F"[1:]), -5)
    assert command.text == 'AT+X=1,,"a,b",x2F,-5'
    assert command.shown == command.text
    assert not command.has_secrets
    assert Command.read("+X").text == "AT+X?"
    assert Command.do("E0").text == "ATE0"
    assert Command.do().text == "AT"
    assert free_text("I1").reply is None


@pytest.mark.parametrize("name", ["+x", "+X=1", "+X\r", "+X;+Y", " +X", "+", "X Y", "+X\n", "É"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    for make in (Command.set, Command.read, Command.do, free_text):
        with pytest.raises(ValueError, match="name"):
            make(name)


@pytest.mark.parametrize("argument", [True, False, 1.5, "text", b"text"])
def test_an_argument_that_passed_no_door_is_refused(argument: object) -> None:
    with pytest.raises(TypeError):
        Command.set("+X", argument)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ['a"', "a b", "a,b", "a\r", "é", "a\n", ";"])
def test_a_bare_word_has_no_separators(word: str) -> None:
    with pytest.raises(ValueError, match="bare"):
        Bare(word)


@pytest.mark.parametrize("text", ["AT\rAT+DANGER", "AT\n", "AT+X=\x00", "AT+X=é", "AT\x7f"])
def test_no_command_is_more_than_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Command(text, text)


def test_secret_arguments_are_not_shown() -> None:
    password = secret(quote("hunter2"))
    command = Command.set("+CGAUTH", 1, quote("me"), password)
    assert command.text == 'AT+CGAUTH=1,"me","hunter2"'
    assert command.shown == 'AT+CGAUTH=1,"me",***'
    assert command.has_secrets
    assert command.secrets == ("hunter2",)
    for thing in (password, command):
        assert "hunter2" not in repr(thing) + str(thing)


def test_the_secrets_of_a_redacted_line_are_found() -> None:
    command = Command('AT+CPIN="4711"', 'AT+CPIN="***"')
    assert command.secrets == ("4711",)
    assert Command("AT+X=hidden", "something else").secrets == ("AT+X=hidden",)


def test_raw_takes_one_printable_line() -> None:
    assert raw('at+cclk="26\\x"').text == 'at+cclk="26\\x"'
    for line in ("", "AT\r", "AT\nAT", "AT\x00", "ATé", "A" * 4097, "\x7f", "\x1b[2J"):
        with pytest.raises(CommandError) as caught:
            raw(line)
        assert caught.value.reasons == {Reason.INVALID_PARAMETER}
    assert raw("A" * 4096).reply is None


@pytest.mark.parametrize(
    ("line", "final"),
    [
        ("OK", Final("OK")),
        ("ERROR", Final("ERROR")),
        ("+CME ERROR: 50", Final("+CME ERROR", 50)),
        ("+CME ERROR:50", Final("+CME ERROR", 50)),
        ("+CMS ERROR: 500", Final("+CMS ERROR", 500)),
        ("+CME ERROR: operation not supported", Final("+CME ERROR", "operation not supported")),
        ("+CME ERROR: 99999999999999999999", Final("+CME ERROR", "99999999999999999999")),
        ("+CME ERROR: -1", Final("+CME ERROR", "-1")),
        ("+CME ERROR: ²", Final("+CME ERROR", "²")),
        ("+CME ERROR: ", Final("+CME ERROR", "")),
        ("OK ", None),
        ("ok", None),
        ("OKAY", None),
        ("ERROR: 1", None),
        ("+CMEE: 1", None),
        ("NO CARRIER", None),
        ("CONNECT", None),
        ("0", None),
        ("", None),
    ],
)
def test_final_results(line: str, final: Final | None) -> None:
    assert final_result(line) == final


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("NO CARRIER", "NO CARRIER"),
        ("CONNECT", "CONNECT"),
        ("CONNECT 115200", "CONNECT"),
        ("BUSY", "BUSY"),
        ("NO ANSWER", "NO ANSWER"),
        ("NO DIALTONE", "NO DIALTONE"),
        ("CONNECTION", None),
        ("BUSY NOW", None),
    ],
)
def test_results_of_a_call_are_final_only_for_a_call(line: str, word: str | None) -> None:
    found = final_result(line, dial=True)
    assert (found.word if found else None) == word
    assert final_result(line) is None


def test_numeric_results() -> None:
    def words(*, dial: bool) -> dict[str, str]:
        found = {d: final_result(d, dial=dial, numeric=True) for d in "0123456789"}
        return {digit: final.word for digit, final in found.items() if final is not None}

    assert words(dial=False) == {"0": "OK", "4": "ERROR"}
    assert words(dial=True) == {
        "0": "OK", "1": "CONNECT", "3": "NO CARRIER", "4": "ERROR", "6": "NO DIALTONE", "7": "BUSY",
        "8": "NO ANSWER",
    }  # fmt: skip
    assert final_result("00", numeric=True) is None


def test_success_is_ok_and_connect() -> None:
    assert Final("OK").is_success
    assert Final("CONNECT").is_success
    assert not any(Final(word).is_success for word in ("ERROR", "NO CARRIER", "+CME ERROR"))
    assert str(Final("+CME ERROR", 4)) == "+CME ERROR: 4"
    assert pickle.loads(pickle.dumps(Final("+CME ERROR", "x"))) == Final("+CME ERROR", "x")


def test_the_words_of_a_verbose_error_cannot_play_with_a_terminal() -> None:
    final = final_result("+CME ERROR: \x1b[2Jgone\u202e" + "x" * 5000)
    assert final is not None
    assert str(final).isprintable()
    assert len(str(final)) < 200


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("+X: 1,2", ("1", "2")),
        ("+X:1,2", ("1", "2")),
        ("+X: 1, 2", ("1", "2")),
        ('+X: "a,b",2', ("a,b", "2")),
        ('+X: "a:b"', ("a:b",)),
        ('+X: ""', ("",)),
        ("+X:", ()),
        ("+X: ,", ("", "")),
        ("+X: (1,2),(3-4)", ("(1,2)", "(3-4)")),
        ('+X: ("a)",2),3', ('("a)",2)', "3")),
        ("26/11/21,10:00:00", ("26/11/21", "10:00:00")),
        ('+X: "open', ('"open',)),
        ("+X: 1)),2", ("1))", "2")),
        ("", ()),
        ('"', ('"',)),
    ],
)
def test_fields(line: str, values: tuple[str, ...]) -> None:
    assert fields(line) == values


@given(st.text(max_size=60))
def test_fields_takes_any_line(line: str) -> None:
    assert all(isinstance(value, str) for value in fields(line))


@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_characters='"\\', min_codepoint=32, max_codepoint=126))
    )
)
def test_what_was_quoted_is_read_back(texts: list[str]) -> None:
    line = "+X: " + ",".join([*(quote(text).wire for text in texts), "7"])
    assert fields(line) == (*texts, "7")


@given(st.text(max_size=900))
def test_escaped_text_is_printable_and_short(text: str) -> None:
    shown = escaped(text, 100)
    assert shown.isprintable()
    assert len(shown) <= 101


def test_a_quoted_string_says_what_it_is() -> None:
    assert repr(quote("pass")) == "Quoted(6 characters)"  # it may become a secret in the next moment
