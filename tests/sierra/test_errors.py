"""The tables, and what the lines of the agent say."""

from __future__ import annotations

import pytest

import modemtls
from modemtls import Certainty, CertificateError, ErrorTable, Reason, VendorCode
from modemtls_sierra_wip.errors import COMPANION_ERRORS, WIPSOFT_ERRORS


@pytest.mark.parametrize("table", [COMPANION_ERRORS, WIPSOFT_ERRORS], ids=["agent", "wipsoft"])
def test_every_row_has_a_source_and_is_a_fragment(table: ErrorTable) -> None:
    for row in table:
        assert row.source
        assert row.meaning
        assert not row.meaning.endswith(".")
        assert row.remedy is None or row.remedy.endswith((".", "list", "up", "network", "reset", "FILE"))


def test_all_errors_of_the_agents_manual_are_there() -> None:
    numbers = {row.number for row in COMPANION_ERRORS if row.namespace == "cme"}
    assert numbers >= {*range(700, 709), *range(710, 722), 515, 541}
    assert not numbers & set(range(800, 885)), "the agent and WIPsoft never run together"


def test_all_published_errors_of_wipsoft_are_there() -> None:
    numbers = {row.number for row in WIPSOFT_ERRORS if row.namespace == "cme"}
    published = {*range(800, 822), *range(830, 847), 848, 850, 860, *range(861, 869), *range(880, 885)}
    assert numbers >= published
    assert not numbers & set(range(700, 800))


def test_no_error_of_wipsoft_is_one_of_tls() -> None:
    assert not [row for row in WIPSOFT_ERRORS if issubclass(row.error, modemtls.TlsError)]


def test_only_number_one_is_a_certificate() -> None:
    rows = [row for row in COMPANION_ERRORS if issubclass(row.error, CertificateError)]
    assert [(row.namespace, row.number) for row in rows] == [("tls-event", "WIP_CEV_ERROR 1")]
    assert Reason.NOT_YET_VALID in rows[0].reasons
    assert COMPANION_ERRORS.find("tcp-event", "WIP_CEV_ERROR 1") is None, "with TCP nobody knows what 1 is"


def test_what_only_fits_is_marked_as_guessed() -> None:
    for number in (711, 719):
        row = COMPANION_ERRORS.find("cme", number)
        assert row is not None
        assert row.certainty is Certainty.GUESSED


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("+CME ERROR: 710", VendorCode("cme", 710)),
        ('+MTOPEN: 0,"WIP_CEV_ERROR",1', VendorCode("tls-event", "WIP_CEV_ERROR 1")),
        ('+MTOPEN: 0,"WIP_CEV_PEER_CLOSE",0', VendorCode("tls-event", "WIP_CEV_PEER_CLOSE")),
        ('+MTCLOSED: "WIP_CEV_ERROR",9109', VendorCode("tcp-event", "WIP_CEV_ERROR 9109")),
        ('+MTNET: 0,"WIP_BERR_NO_SIM",-7027', VendorCode("bearer", "WIP_BERR_NO_SIM")),
        ('+MTERR: 704,"ADL_FLH_RET_ERR_MEM_FULL",-21', VendorCode("cme", 704, "ADL_FLH_RET_ERR_MEM_FULL")),
        ('+MTERR: 0,"WIP_CEV_ERROR",1', VendorCode("tls-event", "WIP_CEV_ERROR 1")),
        ('+MTERR: 0,"",0', None),
        ("+MTOPEN: 1", None),
        ('+MTNET: 2,"192.0.2.78"', None),
        ("+MTDATA", None),
        ("OK", None),
    ],
)
def test_the_code_in_a_line_is_found(line: str, code: VendorCode | None) -> None:
    with modemtls.open("sim://sierra-q2686") as modem:
        assert modem._ops.driver.code_in(line) == code
