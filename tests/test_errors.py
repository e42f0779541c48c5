from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls import errors
from modemtls.errors import (
    Certainty,
    CertificateError,
    CommandError,
    CredentialError,
    ErrorEntry,
    ErrorTable,
    HttpError,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    PortError,
    Reason,
    TlsError,
    Unsupported,
    VendorCode,
)
from modemtls.standard_errors import STANDARD_ERRORS, number_of, with_standard

CLASSES: list[type[ModemError]] = [
    ModemError, PortError, ModemTimeout, ModemReset, CommandError, Unsupported, CredentialError, NetworkError, TlsError,
    CertificateError, HttpError,
]  # fmt: skip


def test_the_tree() -> None:
    assert issubclass(PortError, OSError)
    assert issubclass(ModemTimeout, TimeoutError)
    assert issubclass(NetworkError, ConnectionError)
    assert issubclass(CertificateError, TlsError)
    assert all(issubclass(error, ModemError) for error in CLASSES)
    public = {getattr(errors, name) for name in errors.__all__}
    assert {e for e in public if isinstance(e, type) and issubclass(e, BaseException)} == set(CLASSES)


def full(error: type[ModemError]) -> ModemError:
    return error(
        "Asking failed.",
        remedy="Try it again.",
        reasons=[Reason.EXPIRED, Reason.EXPIRED, Reason.CLOCK_UNSET],
        certainty=Certainty.GUESSED,
        model="acme-x1",
        command="AT+X",
        code=VendorCode("http", 60, "PEER"),
        lines=["+X: 1", "ERROR"],
        findings=[("a", 1)],
    )


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_survives_pickle_and_copy_with_all_it_knows(error: type[ModemError]) -> None:
    first = full(error)
    if isinstance(first, CertificateError):
        first.verify_code, first.verify_message = 10, "certificate has expired"
    if isinstance(first, HttpError):
        first.request_sent = False
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(first, protocol))
        assert type(again) is error
        assert again.__dict__ == first.__dict__
        assert again.args == first.args
        assert str(again) == str(first) == "Asking failed. Try it again."
    assert copy.copy(first).__dict__ == first.__dict__
    assert copy.deepcopy(first).__dict__ == first.__dict__


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_with_a_message_alone(error: type[ModemError]) -> None:
    bare = error("It failed.")
    assert str(bare) == "It failed."
    assert (bare.remedy, bare.reasons, bare.code, bare.lines, bare.findings) == (
        None,
        frozenset(),
        None,
        (),
        (),
    )
    assert bare.certainty is Certainty.STATED
    assert pickle.loads(pickle.dumps(bare)).__dict__ == bare.__dict__


def test_reasons_and_lines_are_fixed() -> None:
    error = full(TlsError)
    assert error.reasons == frozenset({Reason.EXPIRED, Reason.CLOCK_UNSET})
    assert error.lines == ("+X: 1", "ERROR")


def test_reasons_have_unique_plain_words() -> None:
    values = [reason.value for reason in Reason]
    assert len(set(values)) == len(values)
    assert all(reason.name.lower().replace("_", "-") == reason.value for reason in Reason)


def entry(
    number: int | str = 60, certainty: Certainty = Certainty.DERIVED, namespace: str = "http"
) -> ErrorEntry:
    return ErrorEntry(
        namespace, number, "PEER_FAILED", CertificateError, frozenset({Reason.UNKNOWN_ISSUER}),
        "the certificate was refused", certainty, "libcurl", "Trust the CA."
    )  # fmt: skip


def test_a_known_code_is_its_row_and_keeps_the_modems_words() -> None:
    error = ErrorTable([entry()]).error(
        VendorCode("http", 60), asked="Connecting", model="m", command="AT+C", lines=["+C: 60"]
    )
    assert type(error) is CertificateError
    assert error.code == VendorCode("http", 60, "PEER_FAILED")
    assert (error.reasons, error.certainty, error.remedy) == (
        frozenset({Reason.UNKNOWN_ISSUER}),
        Certainty.DERIVED,
        "Trust the CA.",
    )
    assert (error.model, error.command, error.lines) == ("m", "AT+C", ("+C: 60",))
    assert error.message == (
        "Connecting failed: the modem answered http 60 (PEER_FAILED): the certificate was refused."
    )


def test_a_guess_is_called_one() -> None:
    error = ErrorTable([entry(certainty=Certainty.GUESSED)]).error(VendorCode("http", 60), asked="Connecting")
    assert "probably the certificate was refused" in str(error)


def test_the_modems_own_text_is_not_replaced() -> None:
    error = ErrorTable([entry()]).error(VendorCode("http", 60, "its words"), asked="Connecting")
    assert error.code is not None
    assert error.code.text == "its words"


def test_an_unknown_code_is_kept_and_explains_nothing() -> None:
    error = ErrorTable([entry()]).error(VendorCode("tls", 60), asked="Connecting", default=NetworkError)
    assert type(error) is NetworkError
    assert error.code == VendorCode("tls", 60)
    assert error.reasons == frozenset()
    assert "not in the tables" in str(error)


def test_a_code_is_found_as_number_and_as_text_in_its_own_namespace() -> None:
    table = ErrorTable([entry(), entry("ERROR", namespace="final")])
    assert table.find("http", "60") is table.find("http", 60) is not None
    assert table.find("tls", 60) is None
    assert table.namespaces == ("http", "final")
    assert len(table) == len(list(table)) == 2


def test_a_code_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="http 60 stands twice"):
        ErrorTable([entry(60), entry("60")])


def test_a_vendors_row_comes_before_the_standards() -> None:
    own = entry(50, namespace="cme")
    table = with_standard((own,))
    assert table.find("cme", 50) is own
    assert len(table) == len(STANDARD_ERRORS)
    assert table.find("cme", 10) is not None


@pytest.mark.parametrize("row", STANDARD_ERRORS, ids=lambda row: f"{row.namespace}-{row.number}")
def test_a_standard_row_makes_a_sentence(row: ErrorEntry) -> None:
    error = with_standard(()).error(VendorCode(row.namespace, row.number), asked="Asking")
    assert type(error) is row.error
    assert str(error).startswith("Asking failed: the modem answered ")
    assert not row.meaning.endswith(".")
    assert row.remedy is None or row.remedy.endswith(".")
    assert row.source


def test_the_words_of_a_verbose_error_find_their_number() -> None:
    for row in STANDARD_ERRORS:
        if row.namespace == "cme":
            for text in (row.name, row.name.upper(), row.name.replace(" ", "  "), f" {row.name}."):
                assert number_of(text) == row.number
    assert number_of("no such words") is None
    assert number_of("") is None


@given(st.text())
def test_any_words_have_a_number_or_none(text: str) -> None:
    assert number_of(text) is None or isinstance(number_of(text), int)


def test_a_code_says_where_it_comes_from() -> None:
    assert str(VendorCode("cme", 50)) == "cme 50"
    assert str(VendorCode("cme", 50, "incorrect parameters")) == "cme 50 (incorrect parameters)"
