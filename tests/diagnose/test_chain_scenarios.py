"""Every cause of refusal that lies in certificates: named first, and no surer than it can be known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from modemtls.diagnose.chain import Judgement, Verdict, examine
from modemtls.diagnose.view import Anchor, ServerView
from modemtls.errors import Certainty, Reason
from modemtls.findings import Severity
from modemtls.model import ClockReading
from modemtls.policy import Check, TlsVersion
from modemtls.stack import LeafAnchor, StackProfile, Trait

from .authority import CLIENT, DAY, HOST, NOW, UNSET, Issued, clock, root, view

R, DERIVED, GUESSED = Reason, Certainty.DERIVED, Certainty.GUESSED


T = TypeVar("T")


def known(value: T) -> Trait[T]:
    return Trait(value, Certainty.STATED, "a test")


MODERN = StackProfile(
    leaf_as_anchor=known(LeafAnchor.SELF_SIGNED),
    intermediate_as_anchor=known(False),
    uses_sent_intermediates=known(True),
    needs_order=known(False),
    looks_for_other_paths=known(True),
    common_name=known(False),
    compares_names=known(True),
    checks_dates=known(True),
    checks_anchor_dates=known(True),
    checks_usage=known(True),
    checks_name_constraints=known(True),
    strict=known(True),
    sends_sni=known(True),
    minimum_version=known(TlsVersion.TLS1_2),
    maximum_version=known(TlsVersion.TLS1_3),
    key_types=known(frozenset({"rsa", "ec"})),
    curves=known(frozenset({"secp256r1", "secp384r1"})),
    hashes=known(frozenset({"sha256", "sha384", "sha512"})),
    min_rsa_bits=known(2048),
    max_rsa_bits=known(4096),
)
STACKS = {
    "assumed": StackProfile(),
    "modern": MODERN,
    "intermediates-ignored": replace(MODERN, uses_sent_intermediates=known(False), strict=known(False)),
    "leaf-accepted": replace(MODERN, leaf_as_anchor=known(LeafAnchor.ACCEPTED), strict=known(False)),
    "names-not-compared": replace(MODERN, compares_names=known(False), strict=known(False)),
    "tls-1.0": replace(
        MODERN,
        minimum_version=known(TlsVersion.TLS1_0),
        maximum_version=known(TlsVersion.TLS1_0),
        key_types=known(frozenset({"rsa"})),
        strict=known(False),
    ),
}


@dataclass(frozen=True)
class Scene:
    """What the server sends, what the modem holds, and its clock."""

    seen: ServerView
    anchors: tuple[Anchor, ...]
    reading: ClockReading = field(default_factory=clock)
    elsewhere: tuple[Anchor, ...] = ()
    checks: frozenset[Check] = frozenset(Check)


def judged(scene: Scene, stack: StackProfile) -> Judgement:
    return examine(
        scene.seen,
        scene.anchors,
        clock=scene.reading,
        now=NOW,
        checks=scene.checks,
        stack=stack,
        elsewhere=scene.elsewhere,
    )


RSA_KEYS = {bits: rsa.generate_private_key(65537, bits) for bits in (1024, 2048)}
CA = root("Example Root CA", key=RSA_KEYS[2048])
SUB = CA.issue("Example Issuing CA", ca=True, path_length=0, key=rsa.generate_private_key(65537, 2048))


def leaf(issuer: Issued = SUB, **options: object) -> Issued:
    options = {"names": (HOST,), "key": RSA_KEYS[2048], **options}
    return issuer.issue("api", **options)  # type: ignore[arg-type]


def good() -> Scene:
    return Scene(view(leaf(), SUB), (CA.anchor(),))


def clock_unset() -> Scene:
    return replace(good(), reading=UNSET)


def clock_wrong_by_a_day() -> Scene:
    return Scene(view(leaf(days=(-0.5, 300)), SUB), (CA.anchor(),), clock(-DAY))


def clock_wrong_by_a_day_at_the_end() -> Scene:
    return Scene(view(leaf(days=(-50, 0.5)), SUB), (CA.anchor(),), clock(DAY))


def expired() -> Scene:
    return Scene(view(leaf(days=(-100, -1)), SUB), (CA.anchor(),))


def expired_intermediate() -> Scene:
    old = CA.issue("Example Issuing CA", ca=True, key=SUB.key, days=(-900, -2))
    return Scene(view(leaf(), old), (CA.anchor(),))


def expired_anchor() -> Scene:
    old = root("Example Root CA", key=CA.key, days=(-900, -2))
    return Scene(view(leaf(), SUB), (old.anchor(),))


def not_yet_valid() -> Scene:
    return Scene(view(leaf(days=(3, 300)), SUB), (CA.anchor(),))


def wrong_host() -> Scene:
    return Scene(view(leaf(names=("www.example.net",)), SUB), (CA.anchor(),))


def wildcard_too_deep() -> Scene:
    return Scene(view(leaf(names=("*.example.org",)), SUB, host="a.api.example.org"), (CA.anchor(),))


def wildcard_for_the_bare_domain() -> Scene:
    return Scene(view(leaf(names=("*.example.org",)), SUB, host="example.org"), (CA.anchor(),))


def address_dialled() -> Scene:
    return Scene(view(leaf(), SUB, host="192.0.2.7"), (CA.anchor(),))


def other_address() -> Scene:
    return Scene(view(leaf(names=("192.0.2.8",)), SUB, host="192.0.2.7"), (CA.anchor(),))


def name_in_cn_only() -> Scene:
    return Scene(view(SUB.issue(HOST, key=RSA_KEYS[2048]), SUB), (CA.anchor(),))


def self_signed_leaf() -> Scene:
    own = root("api", ca=False, names=(HOST,), key=RSA_KEYS[2048])
    return Scene(view(own), (CA.anchor(),))


def leaf_as_anchor() -> Scene:
    own = leaf()
    return Scene(view(own, SUB), (own.anchor(),))


def older_leaf_as_anchor() -> Scene:
    return Scene(view(leaf(), SUB), (leaf(days=(-400, -20)).anchor(),))


def missing_intermediate() -> Scene:
    return Scene(view(leaf()), (CA.anchor(),))


def missing_intermediate_known() -> Scene:
    return Scene(view(leaf()), (CA.anchor(),), elsewhere=(SUB.anchor("a bundle"),))


def other_root() -> Scene:
    return Scene(view(leaf(), SUB, CA), (root("Another Root").anchor(),))


def other_root_not_sent() -> Scene:
    return Scene(view(leaf(), SUB), (root("Another Root").anchor(),))


def right_ca_in_another_slot() -> Scene:
    other = root("Another Root").anchor("slot 20")
    return Scene(view(leaf(), SUB), (other,), elsewhere=(CA.anchor("slot 19"),))


def root_of_same_name() -> Scene:
    return Scene(view(leaf(), SUB), (root("Example Root CA").anchor(),))


def root_of_same_name_and_root_sent() -> Scene:
    return Scene(view(leaf(), SUB, CA), (root("Example Root CA").anchor(),))


def root_of_same_name_without_identifiers() -> Scene:
    authority = root("Plain Root", identifiers=False, key=RSA_KEYS[2048])
    issued = authority.issue("api", names=(HOST,), identifiers=False, key=RSA_KEYS[2048])
    return Scene(view(issued), (root("Plain Root", identifiers=False).anchor(),))


def right_key_under_another_name() -> Scene:
    return Scene(view(leaf(), SUB), (root("Renamed Root CA", key=CA.key).anchor(),))


def cross_signed_and_both_held() -> Scene:
    old = root("Old Root")
    cross = old.issue("Example Root CA", ca=True, key=CA.key)
    return Scene(view(leaf(), SUB, cross), (CA.anchor(),))


def cross_signed_with_expired_copy() -> Scene:
    cross = root("Old Root").issue("Example Root CA", ca=True, key=CA.key, days=(-900, -5))
    return Scene(view(leaf(), SUB, cross), (CA.anchor(),))


def for_clients_only() -> Scene:
    return Scene(view(leaf(usage=(CLIENT,)), SUB), (CA.anchor(),))


def issuer_is_no_ca() -> Scene:
    no_ca = CA.issue("Not A CA", key=RSA_KEYS[2048])
    return Scene(view(leaf(no_ca), no_ca), (CA.anchor(),))


def issuer_may_not_sign() -> Scene:
    mute = CA.issue("Mute CA", ca=True, cert_sign=False, key=RSA_KEYS[2048])
    return Scene(view(leaf(mute), mute), (CA.anchor(),))


def path_too_long() -> Scene:
    third = SUB.issue("Third CA", ca=True, key=RSA_KEYS[2048])
    return Scene(view(leaf(third), third, SUB), (CA.anchor(),))


def name_not_permitted() -> Scene:
    tied = CA.issue(
        "Tied CA",
        ca=True,
        key=RSA_KEYS[2048],
        constraints=x509.NameConstraints([x509.DNSName("example.com")], None),
    )
    return Scene(view(leaf(tied), tied), (CA.anchor(),))


def damaged_signature() -> Scene:
    forged = SUB.issue("api", names=(HOST,), key=RSA_KEYS[2048])
    data = bytearray(forged.der)
    data[-5] ^= 0x10
    return Scene(ServerView(HOST, (bytes(data), SUB.der)), (SUB.anchor(), CA.anchor()))


def nothing_trusted() -> Scene:
    return Scene(view(leaf(), SUB), ())


def weak_key() -> Scene:
    return Scene(view(leaf(key=RSA_KEYS[1024]), SUB), (CA.anchor(),))


def elliptic_leaf() -> Scene:
    return Scene(view(leaf(key=ec.generate_private_key(ec.SECP256R1())), SUB), (CA.anchor(),))


def curve_not_taken() -> Scene:
    return Scene(view(leaf(key=ec.generate_private_key(ec.SECP521R1())), SUB), (CA.anchor(),))


def tls_1_2_only_server() -> Scene:
    scene = good()
    return replace(
        scene, seen=replace(scene.seen, versions=frozenset({TlsVersion.TLS1_2, TlsVersion.TLS1_3}))
    )


def tls_1_0_only_server() -> Scene:
    scene = good()
    return replace(scene, seen=replace(scene.seen, versions=frozenset({TlsVersion.TLS1_0})))


def intermediate_and_root_held() -> Scene:
    return Scene(view(leaf(), SUB), (SUB.anchor(), CA.anchor()))


def intermediate_held_alone() -> Scene:
    return Scene(view(leaf(), SUB), (SUB.anchor(),))


Outcome = tuple[Reason, Certainty] | None
FINE: Outcome = None

#: scenario → what is named first on every stack, then where a stack differs.
MATRIX: list[tuple[Callable[[], Scene], Outcome, dict[str, Outcome]]] = [
    (good, FINE, {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)}),
    (intermediate_and_root_held, FINE, {}),
    (clock_unset, (R.CLOCK_UNSET, DERIVED), {}),
    (clock_wrong_by_a_day, (R.CLOCK_WRONG, DERIVED), {}),
    (clock_wrong_by_a_day_at_the_end, (R.CLOCK_WRONG, DERIVED), {}),
    (expired, (R.EXPIRED, DERIVED), {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)}),
    (
        expired_intermediate,
        (R.EXPIRED, DERIVED),
        {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        expired_anchor,
        (R.EXPIRED, DERIVED),
        {"assumed": (R.EXPIRED, GUESSED), "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (not_yet_valid, (R.NOT_YET_VALID, DERIVED), {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)}),
    (
        wrong_host,
        (R.HOSTNAME_MISMATCH, DERIVED),
        {"names-not-compared": FINE, "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        wildcard_too_deep,
        (R.HOSTNAME_MISMATCH, DERIVED),
        {"names-not-compared": FINE, "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        wildcard_for_the_bare_domain,
        (R.HOSTNAME_MISMATCH, DERIVED),
        {"names-not-compared": FINE, "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        address_dialled,
        (R.HOSTNAME_MISMATCH, DERIVED),
        {"names-not-compared": FINE, "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        other_address,
        (R.HOSTNAME_MISMATCH, DERIVED),
        {"names-not-compared": FINE, "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (self_signed_leaf, (R.SELF_SIGNED, DERIVED), {}),
    (
        leaf_as_anchor,
        (R.LEAF_AS_ANCHOR, DERIVED),
        {"assumed": (R.LEAF_AS_ANCHOR, GUESSED), "leaf-accepted": FINE},
    ),
    (older_leaf_as_anchor, (R.LEAF_AS_ANCHOR, DERIVED), {}),
    (missing_intermediate, (R.MISSING_INTERMEDIATE, GUESSED), {}),
    (missing_intermediate_known, (R.MISSING_INTERMEDIATE, DERIVED), {}),
    (other_root, (R.UNKNOWN_ISSUER, DERIVED), {}),
    (other_root_not_sent, (R.UNKNOWN_ISSUER, GUESSED), {}),
    (right_ca_in_another_slot, (R.UNKNOWN_ISSUER, DERIVED), {}),
    (root_of_same_name, (R.UNKNOWN_ISSUER, DERIVED), {}),
    (root_of_same_name_and_root_sent, (R.UNKNOWN_ISSUER, DERIVED), {}),
    (root_of_same_name_without_identifiers, (R.UNKNOWN_ISSUER, DERIVED), {}),
    (right_key_under_another_name, (R.UNKNOWN_ISSUER, DERIVED), {}),
    (cross_signed_and_both_held, FINE, {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)}),
    (cross_signed_with_expired_copy, FINE, {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)}),
    (
        for_clients_only,
        (R.WRONG_USAGE, DERIVED),
        {"assumed": (R.WRONG_USAGE, GUESSED), "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        issuer_is_no_ca,
        (R.NOT_A_CA, DERIVED),
        {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        issuer_may_not_sign,
        (R.WRONG_USAGE, DERIVED),
        {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        path_too_long,
        (R.CHAIN_TOO_LONG, DERIVED),
        {"intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED)},
    ),
    (
        name_not_permitted,
        (R.NAME_CONSTRAINTS, DERIVED),
        {
            "assumed": (R.NAME_CONSTRAINTS, GUESSED),
            "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED),
        },
    ),
    (damaged_signature, (R.BAD_SIGNATURE, GUESSED), {}),
    (nothing_trusted, (R.NO_TRUST_ANCHOR, DERIVED), {}),
    (
        weak_key,
        (R.WEAK_OR_UNSUPPORTED_KEY, DERIVED),
        {
            "assumed": FINE,
            "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED),
        },
    ),
    (
        elliptic_leaf,
        FINE,
        {
            "tls-1.0": (R.WEAK_OR_UNSUPPORTED_KEY, DERIVED),
            "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED),
        },
    ),
    (
        curve_not_taken,
        (R.UNSUPPORTED_CURVE, DERIVED),
        {
            "assumed": FINE,
            "tls-1.0": (R.WEAK_OR_UNSUPPORTED_KEY, DERIVED),
            "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED),
        },
    ),
    (
        tls_1_2_only_server,
        FINE,
        {
            "tls-1.0": (R.UNSUPPORTED_VERSION, DERIVED),
            "intermediates-ignored": (R.MISSING_INTERMEDIATE, DERIVED),
        },
    ),
    (tls_1_0_only_server, (R.UNSUPPORTED_VERSION, DERIVED), {"assumed": FINE, "tls-1.0": FINE}),
    (
        intermediate_held_alone,
        (R.UNKNOWN_ISSUER, DERIVED),
        {"assumed": (R.UNKNOWN_ISSUER, GUESSED)},
    ),
]
CELLS = [
    pytest.param(build, stack, others.get(stack, usual), id=f"{build.__name__}-{stack}")
    for build, usual, others in MATRIX
    for stack in STACKS
]


@pytest.mark.parametrize(("build", "stack", "expected"), CELLS)
def test_first_cause_and_its_certainty(build: Callable[[], Scene], stack: str, expected: Outcome) -> None:
    judgement = judged(build(), STACKS[stack])
    errors = [finding for finding in judgement.findings if finding.severity is Severity.ERROR]
    found = [
        (finding.reason.value, finding.certainty.value, finding.message) for finding in judgement.findings
    ]
    if expected is None:
        assert not errors, found
    else:
        assert errors, found
        assert (errors[0].reason, errors[0].certainty) == expected, found
        assert judgement.findings[0] is errors[0]
        assert judgement.verdict is Verdict.REFUSED
