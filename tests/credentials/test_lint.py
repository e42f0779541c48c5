from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.x509.oid import NameOID

from modemtls.credentials import LintFinding, Severity, check, lint, read
from modemtls.errors import CredentialError, Reason
from modemtls.model import CredentialKind, Limits

from .forge import END, NOW, OLD_CHAIN, START, Issued, issue

LIMITS = Limits(max_certificate_bytes=8192, max_key_bytes=2048)
CA, CERTIFICATE, KEY = CredentialKind.CA, CredentialKind.CERTIFICATE, CredentialKind.KEY


def found(
    data: bytes, *, kind: CredentialKind | None = None, limits: Limits | None = None
) -> list[tuple[Severity, Reason]]:
    findings = lint(read(data), kind=kind, limits=limits, now=NOW)
    assert all(finding.message.endswith(".") or finding.severity is Severity.NOTE for finding in findings)
    assert all(finding.remedy for finding in findings if finding.severity is not Severity.NOTE)
    return [(finding.severity, finding.reason) for finding in findings]


def test_good_files_have_no_findings(root: Issued, leaf: Issued, rsa_leaf: Issued) -> None:
    for limits in (None, LIMITS):
        assert found(root.pem, limits=limits) == []
        assert found(root.pem, kind=CA, limits=limits) == []
        assert found(leaf.pem, limits=limits) == []
        assert found(leaf.pem + root.pem + leaf.key_as(), limits=limits) == []
        assert found(rsa_leaf.key_as(), kind=KEY, limits=limits) == []


def test_leaf_as_trust_anchor_is_an_error_that_names_its_issuer(root: Issued, leaf: Issued) -> None:
    finding, note = lint(read(leaf.pem), kind=CA, now=NOW)
    assert (finding.severity, finding.reason) == (Severity.ERROR, Reason.LEAF_AS_ANCHOR)
    assert "CN=device" in finding.message
    assert "CN=root" in (finding.remedy or "")
    assert note.severity is Severity.NOTE
    assert found(root.pem + leaf.pem, kind=CA) == [(Severity.ERROR, Reason.LEAF_AS_ANCHOR)]


def test_self_signed_leaf_as_trust_anchor_is_a_warning() -> None:
    for ca in (False, None):
        assert found(issue(ca=ca).pem, kind=CA) == [(Severity.WARNING, Reason.LEAF_AS_ANCHOR)]


def test_trust_set_without_a_root_is_noted(root: Issued) -> None:
    intermediate = issue("intermediate", issuer=root, ca=True)
    assert found(intermediate.pem) == [(Severity.NOTE, Reason.UNKNOWN_ISSUER)]
    assert found(intermediate.pem + root.pem) == []


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (START, NOW - timedelta(seconds=1), [(Severity.ERROR, Reason.EXPIRED)]),
        (START, NOW, [(Severity.WARNING, Reason.EXPIRED)]),
        (START, NOW + timedelta(days=29), [(Severity.WARNING, Reason.EXPIRED)]),
        (START, NOW + timedelta(days=30), []),
        (NOW, END, []),
        (NOW + timedelta(seconds=1), END, [(Severity.ERROR, Reason.NOT_YET_VALID)]),
    ],
)
def test_validity_is_judged_to_the_second(
    start: datetime, end: datetime, expected: list[tuple[Severity, Reason]]
) -> None:
    assert found(issue(ca=True, start=start, end=end).pem) == expected


def test_clock_without_a_time_zone_is_refused(root: Issued) -> None:
    with pytest.raises(ValueError, match="aware"):
        lint(read(root.pem), now=NOW.replace(tzinfo=None))


def test_key_of_another_certificate_is_an_error(leaf: Issued, rsa_leaf: Issued) -> None:
    assert found(leaf.pem + rsa_leaf.key_as()) == [(Severity.ERROR, Reason.KEY_MISMATCH)]


def test_several_keys_are_an_error(leaf: Issued, rsa_leaf: Issued) -> None:
    data = leaf.key_as() + rsa_leaf.key_as()
    assert found(data) == [(Severity.ERROR, Reason.INVALID_PARAMETER)]


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_encrypted_key_is_an_error(leaf: Issued, form: PrivateFormat) -> None:
    key = leaf.key_as(form, password=b"x")
    assert found(key) == [(Severity.ERROR, Reason.KEY_ENCRYPTED)]
    assert found(leaf.pem + key) == [(Severity.ERROR, Reason.KEY_ENCRYPTED)]


def test_key_where_a_certificate_is_wanted_and_the_other_way_round(root: Issued, leaf: Issued) -> None:
    for kind in (CA, CERTIFICATE):
        assert found(leaf.key_as(), kind=kind) == [(Severity.ERROR, Reason.NOT_A_CERTIFICATE)]
    assert found(leaf.pem, kind=KEY) == [(Severity.ERROR, Reason.INVALID_PARAMETER)]
    both = leaf.pem + leaf.key_as()
    assert found(both, kind=CERTIFICATE) == [(Severity.WARNING, Reason.INVALID_PARAMETER)]
    assert found(both, kind=KEY) == [(Severity.WARNING, Reason.INVALID_PARAMETER)]


def test_sizes_are_counted_after_normalisation_and_both_are_told(root: Issued, leaf: Issued) -> None:
    size = len(leaf.pem)
    crlf = leaf.pem.replace(b"\n", b"\r\n")
    assert (Severity.ERROR, Reason.TOO_LARGE) not in found(crlf, limits=Limits(max_certificate_bytes=size))
    finding = lint(read(crlf), limits=Limits(max_certificate_bytes=size - 1), now=NOW)[0]
    assert finding.reason is Reason.TOO_LARGE
    assert f"{size} bytes" in finding.message
    assert f"holds {size - 1}." in finding.message
    key = leaf.key_as()
    assert found(key, limits=Limits(max_key_bytes=len(key))) == []
    assert found(key, limits=Limits(max_key_bytes=len(key) - 1)) == [(Severity.ERROR, Reason.TOO_LARGE)]


def test_trust_set_counts_as_one_object_without_its_duplicates(root: Issued) -> None:
    other = issue("other root", ca=True)
    both = Limits(max_certificate_bytes=len(root.pem + other.pem))
    assert found(root.pem + other.pem + root.pem, limits=both) == [(Severity.NOTE, Reason.INVALID_PARAMETER)]
    less = replace(both, max_certificate_bytes=len(root.pem + other.pem) - 1)
    finding = lint(read(root.pem + other.pem), limits=less, now=NOW)[0]
    assert finding.reason is Reason.TOO_LARGE
    assert "2 certificates together" in finding.message


def test_key_types_sizes_and_curves_beyond_the_model_are_errors(rsa_leaf: Issued) -> None:
    weak = (Severity.ERROR, Reason.WEAK_OR_UNSUPPORTED_KEY)
    edwards = issue(ca=True, key=ed25519.Ed25519PrivateKey.generate())
    assert found(edwards.pem) == []
    assert found(edwards.pem, limits=LIMITS) == [weak]
    assert found(edwards.key_as(), limits=LIMITS) == [weak]
    assert found(rsa_leaf.pem, limits=Limits(max_rsa_bits=2048)) == []
    assert found(rsa_leaf.pem, limits=Limits(max_rsa_bits=2047)) == [weak]
    assert found(rsa_leaf.pem, limits=Limits(min_rsa_bits=2049)) == [weak]
    p384 = issue(ca=True, key=ec.generate_private_key(ec.SECP384R1()))
    assert found(p384.pem, limits=LIMITS) == []
    curve = (Severity.ERROR, Reason.UNSUPPORTED_CURVE)
    assert found(p384.pem, limits=Limits(curves=frozenset({"secp256r1"}))) == [curve]


def test_weak_keys_are_warnings_without_a_model() -> None:
    weak = (Severity.WARNING, Reason.WEAK_OR_UNSUPPORTED_KEY)
    assert found(issue(ca=True, key=rsa.generate_private_key(65537, 1024)).pem) == [weak]
    assert found(issue(ca=True, key=ec.generate_private_key(ec.SECP192R1())).pem) == [weak]


def test_sha1_signature_matters_only_where_somebody_checks_it() -> None:
    file = read(OLD_CHAIN)
    leaf, root = file.certificates
    assert (leaf.signature_hash, root.signature_hash) == ("sha1", "sha1")
    assert root.is_self_signed
    (finding,) = lint(file, now=leaf.not_before + timedelta(days=1))
    assert (finding.severity, finding.reason, finding.line) == (Severity.WARNING, Reason.UNSUPPORTED_HASH, 1)
    assert "SHA1" in finding.message
    damaged = root.der[:-1] + bytes([root.der[-1] ^ 1])
    assert not read(damaged).certificates[0].is_self_signed


def test_root_whose_signature_does_not_fit_is_a_warning(root: Issued) -> None:
    damaged = root.der[:-1] + bytes([root.der[-1] ^ 1])
    assert (Severity.WARNING, Reason.MALFORMED) in found(damaged)


def test_chain_out_of_order_is_a_warning(root: Issued, leaf: Issued) -> None:
    data = root.pem + leaf.pem + leaf.key_as()
    assert found(data) == [(Severity.WARNING, Reason.INVALID_PARAMETER)]


def test_what_was_mended_is_noted_last_and_by_line(root: Issued) -> None:
    old = issue("old", ca=True, end=NOW - timedelta(days=1))
    file = read(b"Hello\r\n" + root.pem + old.pem.replace(b"-----END", "–END".encode()))
    findings = lint(file, now=NOW)
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities)
    assert severities[0] is Severity.ERROR
    assert severities[-1] is Severity.NOTE
    assert findings[0].reason is Reason.EXPIRED
    assert findings[0].line == 2 + root.pem.count(b"\n")
    assert [finding.message for finding in findings[1:]] == [note.message for note in file.mended]


def test_ec_parameters_are_noted_once(leaf: Issued) -> None:
    block = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    data = block + leaf.key_as(PrivateFormat.TraditionalOpenSSL)
    assert found(data, limits=LIMITS) == [(Severity.NOTE, Reason.MALFORMED)]


def test_check_stops_at_the_first_error_only(root: Issued, leaf: Issued) -> None:
    check(())
    check(lint(read(issue(ca=False).pem), kind=CA, now=NOW))
    findings = lint(read(leaf.pem), kind=CA, now=NOW)
    with pytest.raises(CredentialError) as caught:
        check(findings)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.reasons == {Reason.LEAF_AS_ANCHOR}
    assert error.findings == findings
    assert findings[0].message in error.message
    assert error.remedy == findings[0].remedy


def test_check_tells_the_line() -> None:
    with pytest.raises(CredentialError, match=r"line 7"):
        check([LintFinding(Severity.ERROR, Reason.EXPIRED, "It expired.", "Renew it.", 7)])


def test_long_subject_does_not_fill_the_screen(root: Issued) -> None:
    names = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "u" * 60) for _ in range(20)]
    certificate = replace(read(issue(end=NOW).pem).certificates[0], subject=x509.Name(names).rfc4514_string())
    file = replace(read(root.pem), certificates=(certificate,))
    assert all(len(finding.message) < 260 for finding in lint(file, now=NOW))
