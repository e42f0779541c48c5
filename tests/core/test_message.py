"""URLs, targets, hosts and headers: what passes cannot be read in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import HTTP_PASSWORD

from modemtls.https.message import (
    Url,
    check_headers,
    check_host,
    check_request,
    check_target,
    parse_url,
)

texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.text('/\r\n\x00 \t\\"#?%[]:@aü', max_size=12)


def tidy(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


@given(texts)
def test_any_target_that_passes_is_one_printable_word(text: str) -> None:
    try:
        found = check_target(text)
    except ValueError:
        return
    assert tidy(found)
    assert found.startswith("/")
    assert not set(found) & set('#"\\ ')
    assert check_target(found) == found


@given(texts)
def test_any_host_that_passes_is_one_printable_word(text: str) -> None:
    try:
        found = check_host(text)
    except ValueError:
        return
    assert tidy(found)
    assert not set(found) & set("/@?#%[]\"'")


@given(texts, texts)
def test_any_header_that_passes_is_one_line(name: str, value: str) -> None:
    try:
        ((key, text),) = check_headers([(name, value)])
    except ValueError:
        return
    assert tidy(key)
    assert ":" not in key
    assert all(character == "\t" or " " <= character <= "~" for character in text)


@given(texts)
def test_any_url_that_passes_has_tidy_parts(text: str) -> None:
    try:
        found = parse_url(f"https://{text}")
    except ValueError:
        return
    assert tidy(found.host + found.target)
    assert 0 < found.port < 65536


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://one.test", Url("one.test", 443, "/")),
        ("HTTPS://ONE.test:8443/a?b#c", Url("one.test", 8443, "/a?b")),
        ("https://one.test?x=1", Url("one.test", 443, "/?x=1")),
        ("https://[::1]:9/", Url("::1", 9, "/")),
        ("https://127.0.0.1/ü", Url("127.0.0.1", 443, "/%C3%BC")),
    ],
)
def test_url_is_taken_apart(text: str, found: Url) -> None:
    assert parse_url(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "one.test", "http://one.test", "ftp://one.test", "https://", f"https://u:{HTTP_PASSWORD}@one.test", "https://u@one.test",
     "https://one.test:0", "https://one.test:99999", "https://one.test:x", "https://one.test/\r\nX: y",
     "https://one.test/a b", "https://one.test/\x00", " https://one.test", "https://[::1", "https://a..b/",
     "https://[fe80::1%25eth0]/", "https://one.test\\@evil.test/"],
)  # fmt: skip
def test_url_that_is_wrong_is_refused_without_showing_a_password(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_url(text)
    assert HTTP_PASSWORD not in str(caught.value)
    assert not set(str(caught.value)) & set("\r\n\x00")


def test_length_that_is_right_may_be_given() -> None:
    check_request("POST", (("Content-Length", "4"), ("Host", "one.test")), b"four")
    for wrong in ("5", "+4", "4 ", "04", "4, 4", ""):
        with pytest.raises(ValueError, match="Content-Length"):
            check_request("POST", (("content-length", wrong),), b"four")
