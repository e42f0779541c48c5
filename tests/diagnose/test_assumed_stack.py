"""Findings that rest on what is only assumed of a stack, or of what is stored, are no surer than that."""

from __future__ import annotations

import binascii
from dataclasses import replace

import pytest

from modemtls.diagnose.chain import judge
from modemtls.diagnose.chain_keys import size_faults
from modemtls.diagnose.holdings import _is_listed
from modemtls.errors import Certainty, Reason
from modemtls.findings import Severity
from modemtls.model import CredentialKind, StoredCredential
from modemtls.stack import StackProfile, Trait

from .authority import HOST, NOW, clock, root, view

CA = root()
LEAF = CA.issue("api", names=(HOST,))
DEFAULT = root("default", ca=False, names=("default.invalid",))
LARGE = [CA.issue(f"padding {n}", names=[f"{i}.{'x' * 60}.example" for i in range(120)]) for n in range(2)]


def test_large_chain_is_a_guess_where_the_room_is_not_known() -> None:
    (fault,) = size_faults(view(LEAF, *LARGE), StackProfile())
    assert (fault.finding.reason, fault.finding.certainty) == (Reason.TOO_LARGE, Certainty.GUESSED)
    assert fault.finding.severity is Severity.WARNING
    assert not size_faults(view(LEAF, CA), StackProfile())


def test_known_room_decides_about_a_large_chain() -> None:
    roomy = StackProfile(max_chain_bytes=Trait(100_000, Certainty.STATED, "a test"))
    assert not size_faults(view(LEAF, *LARGE), roomy)
    small = StackProfile(max_chain_bytes=Trait(4096, Certainty.STATED, "a test"))
    (fault,) = size_faults(view(LEAF, *LARGE), small)
    assert fault.finding.certainty is Certainty.DERIVED


@pytest.mark.parametrize("certainty", [Certainty.GUESSED, Certainty.STATED])
def test_what_is_shown_to_who_names_no_host_is_as_sure_as_that_it_does_not(certainty: Certainty) -> None:
    seen = replace(view(LEAF, CA), chain_without_sni=(DEFAULT.der,))
    stack = StackProfile(sends_sni=Trait(False, certainty, "a test"))
    found = judge(seen, [CA.anchor()], clock=clock(), now=NOW, stack=stack)
    errors = [finding for finding in found if finding.severity is Severity.ERROR]
    assert {Reason.SNI_NEEDED, Reason.SELF_SIGNED} <= {finding.reason for finding in errors}
    if certainty is Certainty.GUESSED:
        assert errors[0].reason is Reason.SNI_NEEDED
        assert all(finding.certainty is Certainty.GUESSED for finding in errors)
    else:
        assert any(finding.certainty is Certainty.DERIVED for finding in errors)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_size_and_crc_of_a_usual_form_are_recognised(end: bytes) -> None:
    body = LEAF.pem.rstrip()
    pem = body.replace(b"\n", b"\r\n") + end if end == b"\r\n" else body + end
    listed = StoredCredential(8, CredentialKind.CA, size=len(pem), crc32=binascii.crc32(pem))
    assert _is_listed(listed, LEAF.der)
    assert not _is_listed(listed, CA.der)
    assert not _is_listed(replace(listed, crc32=0), LEAF.der)
    assert not _is_listed(replace(listed, crc32=None), LEAF.der)


def test_digest_counts_before_size_and_crc() -> None:
    pem = LEAF.pem
    listed = StoredCredential(
        8,
        CredentialKind.CA,
        size=len(pem),
        crc32=binascii.crc32(pem),
        fingerprint="00",
        fingerprint_hash="sha1",
    )
    assert not _is_listed(listed, LEAF.der)
