"""The diagnosis under attack: modems, servers and certificates that lie, flood and hide; and what of it is shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import PSK

from modemtls import Certainty, Finding, Identity, NetworkError, Reason, Severity
from modemtls.diagnose.glance import Glance, Manner
from modemtls.diagnose.look import concluded
from modemtls.diagnose.report import html_report
from modemtls.diagnose.result import Diagnosis, DiagnosisStep, Spoken, State, Who
from modemtls.diagnose.view import Origin
from modemtls.diagnose.walk import MOST_LINES
from modemtls.sim.server import HttpsServer

from .walking import HOST, bench

EVIL = "\x1b[31m\u202e<script>alert(1)</script>\"'&\x00\u2066]]>-->"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def made(text: str, *, lines: int = 1, findings: int = 1) -> Diagnosis:
    """A diagnosis in which everything that can hold a stranger's words holds these."""
    finding = Finding(
        Reason.EXPIRED, Severity.ERROR, Certainty.GUESSED, text, text, (text,) * 3, text, text, text
    )
    spoken = tuple(Spoken(who, text) for who in Who) * lines
    step = DiagnosisStep("attempt", text, State.BAD, (text,), (finding,), spoken, 1.0)
    error = NetworkError(text, remedy=text, lines=(text,), command=text)
    return Diagnosis(
        f"https://{text}/", text, 443, text, text, Identity(text, text, text, text), NOW, (step,),
        (finding,) * findings, error, Origin.HOST, (text, text),
    )  # fmt: skip


class Reader(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "section", "strong", "ul", "li", "ol",
    "span", "div", "details", "summary", "pre", "dl", "dt", "dd", "svg", "line", "path", "text",
}  # fmt: skip


def check_page(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    assert set(reader.tags) <= ELEMENTS
    names = {name for name, _ in reader.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "href", "action", "style")]
    assert not [c for c in page if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)]
    assert not set(page) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    for element in ("main", "section", "svg", "ol", "details", "pre"):
        assert page.count(f"<{element}") == page.count(f"</{element}>")


def test_words_of_strangers_are_text_in_the_report() -> None:
    check_page(html_report(made(EVIL)))


@given(st.text(max_size=200))
def test_whatever_the_words_the_report_is_a_page(text: str) -> None:
    check_page(html_report(made(text)))


def test_a_flood_makes_no_endless_report() -> None:
    begun = time.monotonic()
    page = html_report(made("x" * 5_000, lines=200, findings=50))
    assert time.monotonic() - begun < 2
    assert len(page) < 4_000_000


def test_the_report_loads_nothing() -> None:
    page = html_report(made("server.test"))
    assert "default-src 'none'" in page
    assert "http-equiv" in page
    assert "<script" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_a_certificate_with_control_characters_is_shown_escaped() -> None:
    ca = trustme.CA(organization_name="Evil\x1b[31m\u202eOrg")
    with HttpsServer(names=(HOST,), ca=ca) as server, bench(server, trust=ca) as modem:
        begun = time.monotonic()
        found = modem.diagnose(HOST)
        assert time.monotonic() - begun < 2
    page = html_report(found)
    check_page(page)
    for step in found.steps:
        assert not [line for line in step.lines if "\x1b" in line and "path" in line]


def test_a_server_with_ten_thousand_names() -> None:
    ca = trustme.CA()
    names = tuple(f"n{number}.test" for number in range(2_000))
    with HttpsServer(names=names, ca=ca) as server, bench(server, trust=ca) as modem:
        begun = time.monotonic()
        found = modem.diagnose(HOST)
        assert time.monotonic() - begun < 4
    assert found.causes[0].reason is Reason.HOSTNAME_MISMATCH
    assert len(found.causes[0].message) < 2_000


@pytest.mark.parametrize("product", ['"><script>x</script>', "a\x1b]0;b", "\u202egpj.exe", "A" * 5_000])
def test_a_modem_that_says_hostile_things(product: str) -> None:
    ca = trustme.CA()
    with (
        HttpsServer(names=(HOST,), ca=ca) as server,
        bench(server, given={"model": "sequans-gm02s"}) as modem,
    ):
        who = modem.identity
        object.__setattr__(who, "product", product)
        begun = time.monotonic()
        found = modem.diagnose(HOST)
        assert time.monotonic() - begun < 2
    check_page(html_report(found))


def test_a_modem_that_chatters_all_the_time() -> None:
    ca = trustme.CA()
    with HttpsServer(names=(HOST,), ca=ca) as server, bench(server, trust=ca, urc_noise=1) as modem:
        begun = time.monotonic()
        found = modem.diagnose(HOST)
        assert time.monotonic() - begun < 4
    assert found.is_fine
    assert all(len(step.spoken) <= MOST_LINES for step in found.steps)
    assert [each for step in found.steps for each in step.spoken if each.who is Who.EVENT]


def test_a_pre_shared_key_in_a_profile_is_not_shown() -> None:
    ca = trustme.CA()
    with HttpsServer(names=(HOST,), ca=ca) as server, bench(server, trust=ca) as modem:
        modem.command(f'AT+SQNSPCFG=2,2,"",5,19,,,"{PSK.hex()}","someone"')
        found = modem.diagnose(HOST, profile=2)
    assert PSK.hex() not in repr(found)
    assert PSK.hex() not in html_report(found)


@given(st.binary(max_size=600), st.booleans())
def test_whatever_a_server_sends_a_look_ends_without_an_exception(data: bytes, ends: bool) -> None:
    glance = Glance("server.test", Manner())
    assert glance.outgoing()[:1] == b"\x16"
    glance.feed(data or b"\x00")
    if ends and not glance.over:
        glance.feed(b"")
    if not glance.over:
        glance.timed_out()
    sight = glance.sight()
    assert not sight.is_complete
    assert not sight.chain
    assert concluded("server.test", {"first": sight}, Origin.HOST).lines


def test_a_server_that_never_stops_talking_is_left() -> None:
    glance = Glance("server.test", Manner())
    fed = 0
    while not glance.over and fed < 5_000_000:
        glance.feed(b"\x16\x03\x03\x40\x00" + b"\x0b" * 0x4000)
        fed += 0x4005
    assert fed < 2_000_000
