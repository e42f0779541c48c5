"""Pasted logs: both public threads as they were pasted, and every trap that a log can show."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls import Certainty, Reason, Severity, Unsupported, lint_log
from modemtls.paste import EntryKind, read_paste

SEEDS = Path(__file__).parent / "seeds"


def seed(name: str) -> str:
    return (SEEDS / f"{name}.txt").read_text("utf-8")


def reasons(text: str, model: str | None = "sequans-gm02s") -> list[tuple[Reason, Severity]]:
    return [(finding.reason, finding.severity) for finding in lint_log(text, model=model).findings]


def test_the_thread_on_error_77_names_the_illegal_level_first() -> None:
    reading = lint_log(seed("error-77"))
    first = reading.findings[0]
    assert reading.model == "sequans-gm02s"
    assert (first.reason, first.field, first.value) == (Reason.PROFILE_ILLEGAL, "certValidLevel", "7")
    assert first.certainty is Certainty.STATED
    assert "0 (nothing is verified), 1 (chain and dates) and 5" in first.message
    assert first.remedy is not None
    assert "5,19" in first.remedy
    assert "line 36" in first.evidence[0]


def test_the_thread_on_error_77_has_its_code_explained_in_place() -> None:
    explained = lint_log(seed("error-77")).explained
    assert [(each.entry.line, each.meaning.name) for each in explained] == [
        (45, "SSL_CACERT_BADFILE"),
        (46, "SSL_CACERT_BADFILE"),
    ]


def test_the_thread_on_error_77_has_a_path_in_its_host_which_did_not_stop_it() -> None:
    path = lint_log(seed("error-77")).findings[1]
    assert (path.reason, path.severity) == (Reason.INVALID_PARAMETER, Severity.WARNING)
    assert "api.smsapi.pl/sms.do" in path.message
    assert path.certainty is Certainty.GUESSED


def test_what_the_web_page_did_to_the_thread_is_mended_and_said() -> None:
    paste = lint_log(seed("error-77")).paste
    assert [what for _, what in paste.mended] == [
        "typographic quotes were made straight",
        "typographic dashes were made hyphens",
        "typographic apostrophes were made straight",
    ]
    assert [exchange.name for exchange in paste.exchanges] == [
        "+SQNSNVW", "+SQNSNVW", "+CFUN", "+SQNSPCFG", "+SQNHTTPCFG", "+SQNHTTPCONNECT",
    ]  # fmt: skip


def test_the_cured_thread_has_no_error_left() -> None:
    cured = seed("error-77").replace("”,7,19", "”,1,19").replace("“”,7,19", "“”,1,19").replace(",77", ",0")
    assert all(severity is not Severity.ERROR for _, severity in reasons(cured))


def test_a_profile_mended_after_the_failure_is_still_the_cause() -> None:
    log = (
        'AT+SQNSPCFG=1,2,"",7,19\nOK\nAT+SQNHTTPCONNECT=1\nOK\n+SQNHTTPCONNECT: 1,77\n'
        'AT+SQNSPCFG=1,2,"",5,19\nOK\n'
    )
    assert reasons(log)[0] == (Reason.PROFILE_ILLEGAL, Severity.ERROR)


def test_a_profile_mended_before_the_connection_is_no_cause() -> None:
    log = 'AT+SQNSPCFG=1,2,"",7,19\nOK\nAT+SQNSPCFG=1,2,"",5,19\nOK\nAT+SQNHTTPCONNECT=1\nOK\n+SQNHTTPCONNECT: 1,0\n'
    assert reasons(log) == []


def test_a_profile_alone_is_judged() -> None:
    assert reasons('+SQNSPCFG: 1,2,"",7,19,"","",0,0,0', model=None)[0] == (
        Reason.PROFILE_ILLEGAL,
        Severity.ERROR,
    )


def test_a_code_that_nothing_explains_gives_its_candidates_as_a_guessed_set() -> None:
    (finding,) = lint_log("AT+SQNHTTPCONNECT=1\nOK\n+SQNHTTPCONNECT: 1,60").findings
    assert finding.certainty is Certainty.GUESSED
    for reason in ("unknown-issuer", "missing-intermediate", "not-yet-valid", "hostname-mismatch"):
        assert reason in finding.message


@pytest.mark.parametrize(
    ("log", "reason", "severity"),
    [
        ('AT+SQNHTTPCFG=1,"a.example",443,0,"","",0,120,1,1', Reason.NOT_TLS, Severity.ERROR),
        ('AT+SQNHTTPCFG=1,"https://a.example",443,0,"","",1,120,1,1', Reason.INVALID_PARAMETER, Severity.WARNING),
        ('AT+SQNHTTPCFG=1,"a.example:443",443,0,"","",1,120,1,1', Reason.INVALID_PARAMETER, Severity.WARNING),
        ('AT+SQNSD=1,0,443,"a.example/path",0,0,1', Reason.INVALID_PARAMETER, Severity.WARNING),
        ('AT+SQNSPCFG=2,2,"",5,19\nAT+SQNHTTPCFG=1,"a.example",443,0,"","",1,120,1,1', Reason.PROFILE_ILLEGAL,
         Severity.WARNING),
        ('AT+SQNSNVW="certificate",3,1200', Reason.SLOT_RESERVED, Severity.WARNING),
        ('AT+SQNSNVW="certificate",20,1200', Reason.INVALID_PARAMETER, Severity.ERROR),
        ('AT+SQNSNVW="certificate",19,9000', Reason.TOO_LARGE, Severity.ERROR),
        ('AT+SQNSNVW="certificate",19,0\nOK\nAT+SQNSPCFG=1,2,"",5,19\nOK', Reason.SLOT_EMPTY, Severity.ERROR),
        ('AT+CCLK?\n+CCLK: "70/01/01,00:07:30+00"\nOK', Reason.CLOCK_UNSET, Severity.ERROR),
        ('AT+CCLK?\n+CCLK: "98/01/01,00:00:09"\nOK', Reason.CLOCK_UNSET, Severity.ERROR),
        ("+SYSSTART\n+CEREG: 2", Reason.NOT_REGISTERED, Severity.ERROR),
        ("AT+CEREG?\n+CEREG: 0,3\nOK", Reason.REGISTRATION_DENIED, Severity.ERROR),
        ('AT+SQNSNVW="certificate",19,40\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----',
         Reason.NOT_A_CERTIFICATE, Severity.ERROR),
    ],
)  # fmt: skip
def test_each_trap_is_named(log: str, reason: Reason, severity: Severity) -> None:
    assert (reason, severity) in reasons(log)


@pytest.mark.parametrize(
    "log",
    [
        'AT+SQNHTTPCFG=1,"a.example",443,0,"","",1,120,1,1',
        'AT+SQNSNVW="certificate",19,1200',
        'AT+SQNSNVW="certificate",19,0\nOK\nAT+SQNSNVW="certificate",19,1200\nOK\nAT+SQNSPCFG=1,2,"",5,19\nOK',
        'AT+CCLK?\n+CCLK: "26/11/21,00:07:30+00"\nOK',
        "+CEREG: 2\n+CEREG: 5,\"E198\",\"043A5E0A\",7",
        "AT+CEREG?\n+CEREG: 2,5\nOK",
    ],
)  # fmt: skip
def test_what_is_right_is_left_alone(log: str) -> None:
    assert reasons(log) == []


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


def test_a_size_that_does_not_match_the_pem_is_named_with_both() -> None:
    (finding,) = lint_log(f'AT+SQNSNVW="certificate",19,70\n> \n{PEM}\nOK', model="sequans-gm02s").findings
    assert finding.reason is Reason.MALFORMED
    assert "70 bytes are announced" in finding.message
    assert f"has {len(PEM) + 1}" in finding.message
    assert reasons(f'AT+SQNSNVW="certificate",19,{len(PEM) + 1}\n> \n{PEM}\nOK') == []


def test_a_prompt_in_front_of_the_pem_hides_nothing() -> None:
    (finding,) = lint_log(f'AT+SQNSNVW="certificate",19,70\n> {PEM}\nOK', model="sequans-gm02s").findings
    assert finding.reason is Reason.MALFORMED


def test_what_was_checked_comes_before_what_a_code_leaves_open() -> None:
    log = 'AT+CCLK?\n+CCLK: "70/01/01,00:07:30+00"\nOK\nAT+SQNHTTPCONNECT=1\nOK\n+SQNHTTPCONNECT: 1,77'
    assert lint_log(log).findings[0].reason is Reason.CLOCK_UNSET


def test_a_pem_that_was_shortened_for_the_post_is_not_measured() -> None:
    shortened = PEM.replace("MIIB", "MIIB…")
    assert reasons(f'AT+SQNSNVW="certificate",19,2584\n{shortened}\nOK') == []


def test_secrets_in_a_log_are_not_shown() -> None:
    log = 'AT+CPIN="4711"\nOK\nAT+SQNSPCFG=1,2,"",7,19,,,"C0FFEE4711","me"\nOK\n+SQNHTTPCONNECT: 1,77'
    told = repr(lint_log(log))
    assert "4711" not in told


def test_the_thread_on_the_bad_certificate_gives_the_candidates_in_order_as_a_set() -> None:
    reading = lint_log(seed("bad-certificate"))
    assert reading.model.startswith("sierra-q2686")
    causes = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    assert [cause.reason for cause in causes] == [
        Reason.NOT_YET_VALID,
        Reason.LEAF_AS_ANCHOR,
        Reason.MISSING_INTERMEDIATE,
        Reason.UNSUPPORTED_HASH,
        Reason.WEAK_OR_UNSUPPORTED_KEY,
    ]
    assert {cause.certainty for cause in causes} == {Certainty.GUESSED}
    explained = {each.meaning.name for each in reading.explained}
    assert {"WIP_CEV_OPEN", "WIP_CEV_ERROR", "errnum", "wip_SSLInitOpts", "WIP_SSL_ALWAYS"} <= explained


@pytest.mark.parametrize("name", ["error-77", "bad-certificate"])
def test_no_finding_advises_to_switch_verification_off(name: str) -> None:
    for finding in lint_log(seed(name)).findings:
        advice = (finding.remedy or "").lower()
        assert not any(word in advice for word in ("insecure", "never", '"",0', "=0", "--accept-gap"))


def test_the_model_that_a_log_names_is_the_one_that_reads_it() -> None:
    reading = lint_log('AT+CGMM\nGM01Q\nOK\nAT+SQNSPCFG=1,2,"",7,19\nOK\n')
    assert reading.model == "sequans-gm01q"
    assert reading.findings == ()  # what its levels mean is not published


def test_text_that_nobody_knows_is_refused_with_what_to_do() -> None:
    with pytest.raises(Unsupported, match="Nothing in this text"):
        lint_log("Dear forum,\nmy modem does not work.\nThank you")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("12:01:03.123 TX: AT+CSQ", "AT+CSQ"),
        ("[2026-11-21 12:01:03] -> AT+CSQ", "AT+CSQ"),
        ("Tx[ AT+CSQ]", "AT+CSQ"),
        ("COM1 >: AT+CSQ", "AT+CSQ"),
        ("at+csq", "at+csq"),
        (">> AT+CSQ", "AT+CSQ"),
    ],
)
def test_prefixes_of_terminals_are_taken_off(line: str, text: str) -> None:
    (entry,) = read_paste(line).entries
    assert (entry.kind, entry.text) == (EntryKind.COMMAND, text)


def test_prose_that_begins_with_at_is_prose() -> None:
    (entry,) = read_paste("At first it worked, then it did not").entries
    assert entry.kind is EntryKind.TEXT


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for entry in read_paste(text).entries:
        assert entry.line >= 1
    with contextlib.suppress(Unsupported):
        lint_log(text)


@given(st.lists(st.sampled_from([
    'AT+SQNSPCFG=1,2,"",7,19', "+SQNSPCFG:", "AT+SQNSPCFG=", "AT+SQNSNVW=", 'AT+SQNSNVW="certificate",99999999999,-1',
    "AT+SQNHTTPCFG=,,,,,,1", "+SQNHTTPCONNECT: 1,", "+CCLK:", '+CCLK: "', "+CEREG:", "+CEREG: ,,", PEM, "OK",
    "-----BEGIN CERTIFICATE-----", '+SQNSPCFG: 1,2,"', "AT+CCLK?", "\x1b[2J+SQNHTTPSH: 1,77",
]), max_size=12))  # fmt: skip
def test_broken_logs_are_read(lines: list[str]) -> None:
    reading = lint_log("\n".join(lines), model="sequans-gm02s")
    for finding in reading.findings:
        assert all(text.isprintable() for text in finding.evidence)


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modemtls", *arguments], input=text, capture_output=True, text=True, timeout=60
    )


def test_the_command_names_the_cause_and_ends_with_13() -> None:
    done = run("lint", "-", text=seed("error-77"))
    assert done.returncode == 13
    assert "1. error: certValidLevel 7" in done.stdout
    assert done.stderr == ""


def test_the_command_in_json() -> None:
    done = run("lint", "--json", str(SEEDS / "error-77.txt"))
    told = json.loads(done.stdout)
    assert told["findings"][0]["field"] == "certValidLevel"
    assert told["explained"][0]["line"] == 45
    assert done.returncode == 13


def test_a_log_with_nothing_wrong_ends_with_0() -> None:
    assert run("lint", "-", text="AT+SQNSI=1\nOK\n").returncode == 0


def test_binary_and_missing_files_are_usage_errors() -> None:
    assert run("lint", "/nowhere/log.txt").returncode == 2
    done = run("lint", "-", text="Dear forum")
    assert done.returncode == 7
    assert "try:" in done.stderr
