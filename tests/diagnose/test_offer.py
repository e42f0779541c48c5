"""What a security profile offers against what a server takes."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from modemtls.diagnose.offer import narrowed, suite_findings
from modemtls.errors import Certainty, Reason
from modemtls.model import StoredProfile
from modemtls.policy import TlsVersion
from modemtls.sim.cipher_suites import OPENSSL_NAMES
from modemtls.stack import StackProfile

from .authority import HOST, root

CA = root()
RSA = CA.issue("rsa", names=(HOST,), key=rsa.generate_private_key(65537, 2048)).der
EC = CA.issue("ec", names=(HOST,), key=ec.generate_private_key(ec.SECP256R1())).der
OTHER = CA.issue("other", names=(HOST,), key=ed25519.Ed25519PrivateKey.generate()).der
V = TlsVersion


def findings(
    suites: tuple[int, ...], leaf: bytes, minimum: V = V.TLS1_2, maximum: V = V.TLS1_2
) -> list[tuple[Reason, Certainty]]:
    found = suite_findings(suites, leaf, minimum=minimum, maximum=maximum, where="security profile 1")
    return [(finding.reason, finding.certainty) for finding in found]


@pytest.mark.parametrize(
    ("suites", "leaf"),
    [((0x002F, 0xC02F), EC), ((0xC02B,), RSA), ((0xC02B, 0x1301), RSA)],
)
def test_no_suite_for_the_servers_kind_of_key_is_a_guess(suites: tuple[int, ...], leaf: bytes) -> None:
    assert findings(suites, leaf) == [(Reason.NO_COMMON_CIPHER, Certainty.GUESSED)]


@pytest.mark.parametrize(
    ("suites", "leaf", "maximum"),
    [
        ((), EC, V.TLS1_2),
        ((0x002F, 0xC02B), EC, V.TLS1_2),
        ((0x002F, 0x1301), EC, V.TLS1_3),
        ((0x002F, 0xFEFE), EC, V.TLS1_2),
        ((0x002F,), OTHER, V.TLS1_2),
        ((0x002F,), b"no certificate", V.TLS1_2),
    ],
)
def test_nothing_is_said_where_a_suite_fits_or_may_fit(
    suites: tuple[int, ...], leaf: bytes, maximum: V
) -> None:
    assert findings(suites, leaf, maximum=maximum) == []


def test_suites_say_nothing_of_keys_from_tls_1_3_on() -> None:
    assert findings((0x1301,), EC, V.TLS1_3, V.TLS1_3) == []


def test_kinds_of_key_are_those_that_the_names_of_the_suites_say() -> None:
    for number, name in OPENSSL_NAMES.items():
        if number >> 8 == 0x13:
            continue
        fits, fails = (EC, RSA) if "ECDSA" in name else (RSA, EC)
        assert findings((number,), fits) == [], name
        assert findings((number,), fails), name


def test_stack_is_narrowed_by_the_profile_and_never_widened() -> None:
    stack = StackProfile()
    only = narrowed(stack, StoredProfile(1, (), minimum_version=V.TLS1_2, maximum_version=V.TLS1_2))
    assert (only.minimum_version.value, only.maximum_version.value) == (V.TLS1_2, V.TLS1_2)
    assert only.minimum_version.certainty is Certainty.DERIVED
    assert only.maximum_version.certainty is Certainty.GUESSED
    assert narrowed(only, StoredProfile(1, (), minimum_version=V.TLS1_0, maximum_version=V.TLS1_3)) == only
    assert narrowed(stack, StoredProfile(1, ())) == stack
    assert narrowed(stack, None) is stack
