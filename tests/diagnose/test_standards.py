"""The numbers of the public vocabularies, against those who define them."""

from __future__ import annotations

import ssl

import pytest
from OpenSSL._util import lib

from modemtls.diagnose.standards import (
    ALERTS,
    CURL_CODES,
    MBEDTLS_FLAGS,
    VERIFY_CODES,
    reasons_of_alert,
    reasons_of_curl_code,
    reasons_of_mbedtls_flags,
    reasons_of_verify_code,
    verify_code_of,
)
from modemtls.errors import Reason

OPENSSL = {
    name.removeprefix("X509_V_ERR_"): getattr(lib, name)
    for name in dir(lib)
    if name.startswith("X509_V_ERR_")
}
#: What this binding does not name, from OpenSSL's x509_vfy.h.
NOT_BOUND = {
    "UNSPECIFIED": 1,
    "NO_ISSUER_PUBLIC_KEY": 24,
    "PATH_LOOP": 55,
    "EE_KEY_TOO_SMALL": 66,
    "CA_KEY_TOO_SMALL": 67,
    "CA_MD_TOO_WEAK": 68,
    "UNSUPPORTED_SIGNATURE_ALGORITHM": 76,
    "SIGNATURE_ALGORITHM_MISMATCH": 77,
    "EC_KEY_EXPLICIT_PARAMS": 94,
}


@pytest.mark.parametrize("number", sorted(VERIFY_CODES))
def test_verify_code_has_the_number_that_openssl_gives_it(number: int) -> None:
    name = VERIFY_CODES[number].name
    assert OPENSSL.get(name, NOT_BOUND.get(name)) == number


def test_no_name_is_excused_that_the_binding_has() -> None:
    assert not NOT_BOUND.keys() & (OPENSSL.keys() - {"INVALID_CA"})
    assert len(OPENSSL) > 50


def test_every_verify_code_about_a_certificate_has_a_row() -> None:
    other = ("CRL", "PROXY", "POLICY", "SUITE_B", "DANE", "OCSP", "EMAIL", "APPLICATION", "SCOPE", "UNNESTED")
    left = {
        name
        for name, number in OPENSSL.items()
        if number not in VERIFY_CODES and not any(word in name for word in other)
    }
    assert left == {"UNSUPPORTED_EXTENSION_FEATURE"}


def test_alerts_have_the_numbers_and_names_of_the_ssl_module() -> None:
    known = {
        each.value: each.name.removeprefix("ALERT_DESCRIPTION_").lower() for each in ssl.AlertDescription
    }
    known[90] = "user_canceled"  # RFC 5246 spells it so
    assert known.keys() <= ALERTS.keys()
    assert {number: ALERTS[number].name for number in known} == known


def test_python_passes_the_same_verify_code_on() -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_code = 62
    assert reasons_of_verify_code(error.verify_code) == {Reason.HOSTNAME_MISMATCH}


@pytest.mark.parametrize("table", [ALERTS, VERIFY_CODES, MBEDTLS_FLAGS, CURL_CODES])
def test_every_row_has_its_number_a_meaning_and_a_source(table: dict[int, object]) -> None:
    for number, row in table.items():
        assert getattr(row, "number") == number  # noqa: B009
        assert str(getattr(row, "meaning")).strip()  # noqa: B009
        assert getattr(row, "source")  # noqa: B009


def test_flags_are_single_bits_and_add_up() -> None:
    assert all(bit & (bit - 1) == 0 for bit in MBEDTLS_FLAGS)
    assert reasons_of_mbedtls_flags(0x0204) == {Reason.NOT_YET_VALID, Reason.HOSTNAME_MISMATCH}
    assert reasons_of_mbedtls_flags(0) == frozenset()
    assert Reason.UNKNOWN_ISSUER in reasons_of_mbedtls_flags(0x08)


def test_what_is_not_in_a_table_says_nothing() -> None:
    assert reasons_of_alert(250) == reasons_of_verify_code(-1) == reasons_of_curl_code(1000) == frozenset()


@pytest.mark.parametrize("reason", list(Reason))
def test_the_verify_code_of_a_reason_leaves_that_reason_open(reason: Reason) -> None:
    code = verify_code_of(reason)
    if code is not None and reason not in (Reason.CLOCK_UNSET, Reason.NO_TRUST_ANCHOR):
        assert reason in reasons_of_verify_code(code)


def test_an_address_that_does_not_fit_has_a_number_of_its_own() -> None:
    assert verify_code_of(Reason.HOSTNAME_MISMATCH) == 62
    assert verify_code_of(Reason.HOSTNAME_MISMATCH, address=True) == 64
    assert verify_code_of(Reason.TIMEOUT) is None


def test_one_code_for_a_wrong_root_and_a_missing_intermediate_leaves_both_open() -> None:
    assert {Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE} <= reasons_of_verify_code(20)
    assert {Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE} <= reasons_of_alert(48)
