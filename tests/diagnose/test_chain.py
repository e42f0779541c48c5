"""A judgement in detail: what comes second, what an alert adds, what is said without a view, what is never said."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.credentials.forge import OLD_CHAIN

from modemtls import credentials
from modemtls.diagnose.chain import Verdict, examine, judge, judge_without_view
from modemtls.diagnose.chain_names import covers
from modemtls.diagnose.view import AlertSeen, Anchor, Origin, Sender, ServerView
from modemtls.errors import Certainty, Reason
from modemtls.findings import Finding, Severity
from modemtls.model import ClockReading
from modemtls.policy import Check, TlsVersion
from modemtls.stack import LeafAnchor, StackProfile

from . import test_chain_scenarios as scenarios
from .authority import DAY, HOST, NOW, UNSET, Issued, clock, root, view
from .test_chain_scenarios import CA, MODERN, SUB, Scene, judged, known, leaf

LAX = replace(MODERN, strict=known(False))


def reasons(findings: Sequence[Finding], severity: Severity = Severity.ERROR) -> list[Reason]:
    return [finding.reason for finding in findings if finding.severity is severity]


def examined(*chain: Issued, anchors: Sequence[Issued] = (CA,), stack: StackProfile = LAX) -> Any:
    return examine(view(*chain), [each.anchor() for each in anchors], clock=clock(), now=NOW, stack=stack)


ALL_SCENES = [build for build, _, _ in scenarios.MATRIX]


@pytest.mark.parametrize("build", ALL_SCENES)
def test_no_finding_advises_to_turn_verification_off(build: Callable[[], Scene]) -> None:
    for stack in scenarios.STACKS.values():
        for finding in judged(build(), stack).findings:
            words = f"{finding.message} {finding.remedy}".lower()
            assert not re.search(
                r"insecure|--verify|accept-gap|turn .*off|disable|without verif|no verif", words
            )
            assert finding.remedy
            assert finding.evidence or finding.severity is not Severity.ERROR


@pytest.mark.parametrize("build", ALL_SCENES)
def test_order_of_what_is_stored_and_repeated_copies_do_not_change_the_cause(
    build: Callable[[], Scene],
) -> None:
    scene = build()
    first = judged(scene, MODERN).findings
    turned = judged(replace(scene, anchors=(*reversed(scene.anchors), *scene.anchors)), MODERN).findings
    assert [(f.reason, f.certainty) for f in first[:1]] == [(f.reason, f.certainty) for f in turned[:1]]


def test_a_chain_that_both_verifiers_accept_is_fine() -> None:
    judgement = judged(scenarios.good(), MODERN)
    assert judgement.verdict is Verdict.FINE
    assert judgement.cause is None
    assert [answer.accepted for answer in judgement.answers] == [True, True]
    assert [each.subject for each in judgement.path] == [
        "CN=api",
        "CN=Example Issuing CA",
        "CN=Example Root CA",
    ]


def test_without_openssl_nothing_is_fine_for_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> ModuleType:
        if name == "OpenSSL":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    judgement = judged(scenarios.good(), MODERN)
    assert judgement.verdict is Verdict.UNCERTAIN
    assert "pip install 'modemtls[sim]'" in str(judgement.answers[1])
    assert judged(scenarios.expired(), MODERN).findings[0].reason is Reason.EXPIRED


def test_missing_intermediate_and_unknown_root_are_both_given_where_they_cannot_be_told_apart() -> None:
    bare = judged(scenarios.missing_intermediate(), LAX)
    assert reasons(bare.findings) == [Reason.MISSING_INTERMEDIATE, Reason.UNKNOWN_ISSUER]
    with_intermediate = judged(scenarios.other_root_not_sent(), LAX)
    assert reasons(with_intermediate.findings) == [Reason.UNKNOWN_ISSUER, Reason.MISSING_INTERMEDIATE]
    for judgement in (bare, with_intermediate):
        assert {f.certainty for f in judgement.findings if f.severity is Severity.ERROR} == {
            Certainty.GUESSED
        }
        assert judgement.answers[1].code == 20


def test_hint_of_where_the_missing_certificate_is_to_be_had() -> None:
    url = "http://ca.example/issuing.der"
    judgement = examined(leaf(SUB, url=url))
    assert url in judgement.findings[0].message
    assert any("issuer's key" in line for line in judgement.findings[0].evidence)


def test_address_of_an_issuer_is_shown_only_when_it_is_one() -> None:
    judgement = examined(leaf(SUB, url="http://ca.example/\x1b[2J"))
    assert "\x1b" not in repr(judgement.findings)
    assert "ca.example" not in judgement.findings[0].message


def test_unset_clock_is_named_before_what_it_makes_of_the_certificates() -> None:
    found = judged(scenarios.clock_unset(), LAX).findings
    assert reasons(found) == [Reason.CLOCK_UNSET, Reason.NOT_YET_VALID]
    assert "modemtls clock --set now" in (found[0].remedy or "")
    assert any("1970-01-01 00:01" in line for line in found[0].evidence)


def test_certificate_that_is_expired_too_is_said_beside_an_unset_clock() -> None:
    found = judged(replace(scenarios.expired(), reading=UNSET), LAX).findings
    assert reasons(found) == [Reason.CLOCK_UNSET, Reason.NOT_YET_VALID]
    assert reasons(found, Severity.WARNING) == [Reason.EXPIRED]


def test_certificate_that_is_expired_by_both_clocks_blames_itself() -> None:
    found = judged(replace(scenarios.expired(), reading=clock(-DAY / 2)), LAX).findings
    assert reasons(found) == [Reason.EXPIRED]
    assert reasons(found, Severity.WARNING) == [Reason.CLOCK_WRONG]


def test_clock_that_is_off_and_harmless_is_a_warning() -> None:
    judgement = judged(replace(scenarios.good(), reading=clock(5 * DAY)), LAX)
    assert judgement.verdict is Verdict.UNCERTAIN
    assert reasons(judgement.findings, Severity.WARNING) == [Reason.CLOCK_WRONG]


def test_dates_are_a_guess_where_the_modem_was_not_asked_for_its_clock() -> None:
    scene = scenarios.expired()
    found = judge(scene.seen, scene.anchors, now=NOW, stack=LAX)
    assert (found[0].reason, found[0].certainty) == (Reason.EXPIRED, Certainty.GUESSED)


def test_without_any_time_dates_are_not_judged_and_nothing_is_fine() -> None:
    scene = scenarios.good()
    judgement = examine(scene.seen, scene.anchors, stack=LAX)
    assert judgement.verdict is Verdict.UNCERTAIN
    assert reasons(judgement.findings, Severity.WARNING) == [Reason.CLOCK_UNSET]


def test_time_without_zone_is_refused() -> None:
    scene = scenarios.good()
    with pytest.raises(ValueError, match="aware"):
        examine(scene.seen, scene.anchors, now=datetime(2026, 1, 1))


@pytest.mark.parametrize("build", [scenarios.expired, scenarios.not_yet_valid, scenarios.clock_unset])
def test_dates_do_not_count_where_the_profile_does_not_check_them(build: Callable[[], Scene]) -> None:
    checks = frozenset({Check.CHAIN, Check.HOSTNAME})
    assert judged(replace(build(), checks=checks), LAX).verdict is Verdict.FINE


def test_name_does_not_count_where_the_profile_does_not_check_it() -> None:
    checks = frozenset({Check.CHAIN, Check.DATES})
    assert judged(replace(scenarios.wrong_host(), checks=checks), LAX).verdict is Verdict.FINE


def test_without_the_check_of_the_chain_nothing_about_trust_is_said_and_nothing_is_fine() -> None:
    scene = replace(scenarios.other_root(), checks=frozenset({Check.HOSTNAME}))
    judgement = judged(scene, LAX)
    assert judgement.findings == ()
    assert judgement.verdict is Verdict.UNCERTAIN


def test_wildcard_for_one_label_is_fine() -> None:
    assert examined(leaf(names=("*.example.org",)), SUB).verdict is Verdict.FINE


def test_address_in_subject_alternative_names_is_fine() -> None:
    for address in ("192.0.2.7", "2001:db8::7"):
        judgement = examine(
            view(leaf(names=(address,)), SUB, host=address), [CA.anchor()], clock=clock(), now=NOW, stack=LAX
        )
        assert judgement.verdict is Verdict.FINE, judgement.findings


def test_names_that_a_certificate_has_are_shown() -> None:
    many = [f"h{number}.example.net" for number in range(40)]
    found = examined(leaf(names=many), SUB).findings
    assert any("h0.example.net" in line and "34 more" in line for line in found[0].evidence)


def test_common_name_counts_on_a_stack_that_is_known_to_use_it() -> None:
    scene = scenarios.name_in_cn_only()
    assert not reasons(judged(scene, replace(LAX, common_name=known(True))).findings)
    assert reasons(judged(scene, LAX).findings) == [Reason.HOSTNAME_MISMATCH]
    assert judged(scene, StackProfile()).findings[0].certainty is Certainty.GUESSED


def self_signed_ca_as_server() -> tuple[Issued, Scene]:
    own = root(HOST, names=(HOST,), key=scenarios.RSA_KEYS[2048])
    return own, Scene(view(own), (own.anchor(),))


def test_self_signed_ca_certificate_as_server_and_anchor_is_at_most_a_doubt() -> None:
    _, scene = self_signed_ca_as_server()
    judgement = judged(scene, StackProfile())
    assert judgement.verdict is Verdict.UNCERTAIN
    assert not reasons(judgement.findings)
    assert {f.certainty for f in judgement.findings} == {Certainty.GUESSED}


def test_self_signed_ca_certificate_as_server_is_refused_by_a_stack_known_to_be_strict() -> None:
    _, scene = self_signed_ca_as_server()
    found = judged(scene, MODERN).findings
    assert (found[0].reason, found[0].severity, found[0].certainty) == (
        Reason.SELF_SIGNED,
        Severity.ERROR,
        Certainty.DERIVED,
    )


def test_self_signed_ca_certificate_as_server_is_no_finding_on_a_stack_known_to_be_lax() -> None:
    _, scene = self_signed_ca_as_server()
    judgement = judged(scene, LAX)
    assert not reasons(judgement.findings, Severity.ERROR)
    assert not reasons(judgement.findings, Severity.WARNING)


def test_self_signed_leaf_that_is_held_is_refused_by_a_stack_that_wants_a_ca() -> None:
    own = root(HOST, ca=False, names=(HOST,))
    wants_ca = replace(LAX, leaf_as_anchor=known(LeafAnchor.REFUSED))
    assert reasons(examined(own, anchors=(own,), stack=wants_ca).findings) == [Reason.LEAF_AS_ANCHOR]
    assert not reasons(examined(own, anchors=(own,)).findings)


def test_missing_identifiers_are_a_strict_complaint_alone() -> None:
    plain = root("Plain Root", identifiers=False, key=scenarios.RSA_KEYS[2048])
    server = plain.issue("api", names=(HOST,), identifiers=False, key=scenarios.RSA_KEYS[2048])
    judgement = examined(server, anchors=(plain,), stack=StackProfile())
    assert not reasons(judgement.findings)
    (doubt,) = [f for f in judgement.findings if f.severity is Severity.WARNING]
    assert doubt.certainty is Certainty.GUESSED
    assert judgement.verdict is Verdict.UNCERTAIN


def test_old_intermediate_copy_beside_the_right_one_is_harmless() -> None:
    old = CA.issue("Example Issuing CA", ca=True, key=SUB.key, days=(-900, -2))
    assert not reasons(examined(leaf(), old, SUB).findings)


def test_cross_signed_copy_fails_a_stack_that_follows_what_is_sent_to_its_end() -> None:
    follows = replace(LAX, looks_for_other_paths=known(False))
    found = judged(scenarios.cross_signed_and_both_held(), follows).findings
    assert (found[0].reason, found[0].certainty) == (Reason.UNKNOWN_ISSUER, Certainty.DERIVED)
    assert not reasons(judged(scenarios.good(), follows).findings)


def test_expired_cross_signed_copy_fails_a_stack_that_holds_the_old_root_and_follows_what_is_sent() -> None:
    old = root("Old Root", key=scenarios.RSA_KEYS[2048])
    cross = old.issue("Example Root CA", ca=True, key=CA.key, days=(-900, -5))
    follows = replace(LAX, looks_for_other_paths=known(False))
    assert reasons(examined(leaf(), SUB, cross, anchors=(old, CA), stack=follows).findings) == [
        Reason.EXPIRED
    ]
    assert not reasons(examined(leaf(), SUB, cross, anchors=(old, CA)).findings)


def test_order_of_the_sent_chain_matters_on_a_stack_that_needs_it() -> None:
    third = CA.issue("Third CA", ca=True)
    server = third.issue("api", names=(HOST,), key=scenarios.RSA_KEYS[2048])
    assert not reasons(examined(server, SUB, third).findings)
    ordered = replace(LAX, needs_order=known(True))
    found = examined(server, SUB, third, stack=ordered).findings
    assert (found[0].reason, found[0].certainty) == (Reason.CHAIN_ORDER, Certainty.DERIVED)
    assert not reasons(examined(server, third, stack=ordered).findings)


def test_server_certificate_that_is_not_the_first() -> None:
    found = examined(SUB, leaf()).findings
    assert (found[0].reason, found[0].certainty) == (Reason.CHAIN_ORDER, Certainty.GUESSED)


def test_what_rests_on_an_assumption_about_the_stack_is_remarked() -> None:
    judgement = judged(scenarios.good(), StackProfile())
    assert judgement.verdict is Verdict.FINE
    (note,) = judgement.findings
    assert (note.reason, note.severity, note.certainty) == (
        Reason.MISSING_INTERMEDIATE,
        Severity.NOTE,
        Certainty.GUESSED,
    )


@pytest.mark.parametrize(
    ("stack", "reason"),
    [
        (replace(LAX, max_chain_bytes=known(1500)), Reason.TOO_LARGE),
        (replace(LAX, max_certificates=known(1)), Reason.CHAIN_TOO_LONG),
        (replace(LAX, max_path=known(0)), Reason.CHAIN_TOO_LONG),
        (replace(LAX, max_rsa_bits=known(1024)), Reason.WEAK_OR_UNSUPPORTED_KEY),
        (replace(LAX, hashes=known(frozenset({"sha1"}))), Reason.UNSUPPORTED_HASH),
        (
            replace(LAX, maximum_version=known(TlsVersion.TLS1_1), minimum_version=known(TlsVersion.TLS1_0)),
            None,
        ),
    ],
)
def test_limits_of_a_stack(stack: StackProfile, reason: Reason | None) -> None:
    found = judged(scenarios.good(), stack).findings
    assert reasons(found)[:1] == ([reason] if reason is not None else [])
    if reason is not None:
        assert found[0].certainty is Certainty.DERIVED


def test_key_of_an_unusual_kind() -> None:
    server = leaf(key=ed25519.Ed25519PrivateKey.generate())
    assert reasons(examined(server, SUB).findings) == [Reason.WEAK_OR_UNSUPPORTED_KEY]


def test_signature_with_an_outdated_hash() -> None:
    found = examined(leaf(algorithm=hashes.SHA224()), SUB).findings
    assert reasons(found) == [Reason.UNSUPPORTED_HASH]


def test_signature_with_sha1_is_checked_and_named() -> None:
    old, authority = (each.der for each in credentials.read(OLD_CHAIN).certificates)
    checks = frozenset({Check.CHAIN})
    judgement = examine(ServerView(HOST, (old,)), [Anchor(authority)], now=NOW, checks=checks, stack=LAX)
    assert reasons(judgement.findings) == [Reason.UNSUPPORTED_HASH]
    assert "SHA1" in judgement.findings[0].message
    assert len(judgement.path) == 2


def test_renewed_self_signed_certificate_beside_the_old_one() -> None:
    new, old = (root(HOST, ca=False, names=(HOST,)) for _ in range(2))
    found = examined(new, anchors=(old,)).findings
    assert [(f.reason, f.certainty) for f in found] == [(Reason.SELF_SIGNED, Certainty.DERIVED)]
    assert "older" in found[0].message


def test_stored_leaf_beside_a_ca_is_no_certain_cause() -> None:
    found = examined(leaf(), SUB, anchors=(leaf(days=(-400, -20)), root("Another Root"))).findings
    assert {f.certainty for f in found if f.severity is Severity.ERROR} == {Certainty.GUESSED}
    assert {Reason.LEAF_AS_ANCHOR, Reason.UNKNOWN_ISSUER} <= set(reasons(found))


def test_root_is_found_among_many() -> None:
    crowd = [root(f"Root {number}") for number in range(120)]
    assert examined(leaf(), SUB, anchors=(*crowd, CA)).verdict is Verdict.FINE
    scene = Scene(
        view(leaf(), SUB), (crowd[0].anchor(),), elsewhere=tuple(r.anchor("bundle") for r in (*crowd, CA))
    )
    found = judged(scene, LAX).findings
    assert [(f.reason, f.certainty) for f in found] == [(Reason.UNKNOWN_ISSUER, Certainty.DERIVED)]
    assert "Example Root CA would do" in found[0].message


def test_stored_leaf_of_another_server_does_not_hide_that_the_ca_is_right() -> None:
    other = CA.issue("other", names=("other.example",))
    assert not reasons(examined(leaf(), SUB, anchors=(other, CA)).findings)


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("a.example.org", "a.example.org", True),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "a.b.example.org", False),
        ("*.example.org", ".example.org", False),
        ("*.example.org", "*.example.org", False),
        ("a*.example.org", "ab.example.org", False),
        ("*", "org", False),
        ("*.org", "example.org", False),
        ("a.example.org", "b.example.org", False),
        ("example.org", "notexample.org", False),
    ],
)
def test_which_hosts_a_name_is_for(pattern: str, host: str, fits: bool) -> None:
    assert covers(pattern, host) is fits


@pytest.mark.parametrize("host", [f"{HOST}.", HOST.upper(), "API.Example.ORG."])
def test_case_and_a_dot_at_the_end_of_a_host_do_not_matter(host: str) -> None:
    judgement = examine(view(leaf(), SUB, host=host), [CA.anchor()], clock=clock(), now=NOW, stack=LAX)
    assert judgement.findings == ()


def test_clock_that_is_off_by_minutes_is_not_blamed_for_an_expired_certificate() -> None:
    found = judged(replace(scenarios.expired(), reading=clock(timedelta(minutes=3))), LAX).findings
    assert [f.reason for f in found] == [Reason.EXPIRED]


def constrained(**trees: Sequence[str]) -> Sequence[Finding]:
    subtrees = {side: [x509.DNSName(tree) for tree in names] for side, names in trees.items()}
    constraint = x509.NameConstraints(subtrees.get("permitted"), subtrees.get("excluded"))
    tied = CA.issue("Tied CA", ca=True, constraints=constraint)
    server = tied.issue("api", names=(HOST,), key=scenarios.RSA_KEYS[2048])
    return list(examined(server, tied).findings)


@pytest.mark.parametrize(
    ("trees", "refused"),
    [
        ({"permitted": ["example.org"]}, False),
        ({"permitted": [HOST]}, False),
        ({"permitted": ["ample.org"]}, True),
        ({"permitted": ["example.com", "example.org"]}, False),
        ({"excluded": ["example.org"]}, True),
        ({"excluded": ["ample.org"]}, False),
        ({"permitted": ["example.org"], "excluded": ["api.example.org"]}, True),
    ],
)
def test_names_that_a_ca_may_issue_for(trees: dict[str, list[str]], refused: bool) -> None:
    found = constrained(**trees)
    expected = [(Reason.NAME_CONSTRAINTS, Certainty.DERIVED)] if refused else []
    assert [(f.reason, f.certainty) for f in found if f.severity is Severity.ERROR] == expected


def test_ca_that_renewed_its_own_key_does_not_count_towards_the_length_of_the_path() -> None:
    authority = root("Rolling Root", path_length=1, key=scenarios.RSA_KEYS[2048])
    renewed = authority.issue("Rolling Root", ca=True)
    below = renewed.issue("Below CA", ca=True)
    server = below.issue("api", names=(HOST,), key=scenarios.RSA_KEYS[2048])
    found = examined(server, below, renewed, anchors=(authority,)).findings
    assert Reason.CHAIN_TOO_LONG not in reasons(found)


def test_chain_that_only_some_verifiers_find_a_way_through_is_doubtful() -> None:
    excluded = x509.NameConstraints(None, [x509.DNSName(HOST)])
    tied = CA.issue("Example Issuing CA", ca=True, key=SUB.key, constraints=excluded)
    judgement = examined(leaf(), tied, SUB)
    assert [answer.accepted for answer in judgement.answers] == [True, False]
    assert judgement.verdict is Verdict.UNCERTAIN
    (doubt,) = [f for f in judgement.findings if f.severity is Severity.WARNING]
    assert (doubt.reason, doubt.certainty) == (Reason.NAME_CONSTRAINTS, Certainty.GUESSED)


def test_refusal_by_both_verifiers_that_nothing_explains_is_a_guess() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    builder = (
        x509.CertificateBuilder()
        .subject_name(SUB.certificate.subject)
        .issuer_name(CA.certificate.subject)
        .public_key(SUB.key.public_key())
        .serial_number(5)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 100 * DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(unknown, critical=True)
    )
    odd = Issued(builder.sign(scenarios.RSA_KEYS[2048], hashes.SHA256()), SUB.key)
    found = examined(leaf(), odd).findings
    assert reasons(found)
    assert {f.certainty for f in found if f.severity is Severity.ERROR} == {Certainty.GUESSED}


def test_key_of_exactly_the_largest_and_smallest_size_is_taken() -> None:
    exact = replace(LAX, max_rsa_bits=known(2048), min_rsa_bits=known(2048))
    assert not reasons(judged(scenarios.good(), exact).findings)


def test_version_that_this_computer_agreed_on_says_little() -> None:
    scene = scenarios.good()
    newer = replace(scene, seen=replace(scene.seen, version=TlsVersion.TLS1_3))
    only_old = replace(LAX, maximum_version=known(TlsVersion.TLS1_2))
    found = judged(newer, only_old).findings
    assert [(f.reason, f.severity, f.certainty) for f in found] == [
        (Reason.UNSUPPORTED_VERSION, Severity.NOTE, Certainty.GUESSED)
    ]


def test_server_that_shows_another_certificate_when_it_is_not_named() -> None:
    other = leaf(names=("default.example.net",))
    scene = scenarios.good()
    seen = replace(scene.seen, with_sni=True, chain_without_sni=(other.der, SUB.der))
    silent = replace(LAX, sends_sni=known(False))
    found = judged(replace(scene, seen=seen), silent).findings
    assert reasons(found) == [Reason.SNI_NEEDED, Reason.HOSTNAME_MISMATCH]
    assert found[0].certainty is Certainty.DERIVED
    assert not reasons(judged(replace(scene, seen=seen), LAX).findings)


def test_wrong_name_in_a_view_that_named_no_host_is_perhaps_the_view() -> None:
    scene = scenarios.wrong_host()
    found = judged(replace(scene, seen=replace(scene.seen, with_sni=False)), LAX).findings
    assert reasons(found) == [Reason.HOSTNAME_MISMATCH]
    assert reasons(found, Severity.WARNING) == [Reason.SNI_NEEDED]


def with_alert(scene: Scene, number: int, sender: Sender = Sender.MODEM) -> Scene:
    return replace(scene, seen=replace(scene.seen, alert=AlertSeen(number, sender)))


def test_alert_of_the_modem_puts_the_cause_that_it_speaks_for_first() -> None:
    both = Scene(view(leaf(days=(-100, -1)), SUB), (root("Another Root").anchor(),))
    assert judged(both, LAX).findings[0].reason is Reason.EXPIRED
    assert judged(with_alert(both, 48), LAX).findings[0].reason is Reason.UNKNOWN_ISSUER
    assert judged(with_alert(both, 45), LAX).findings[0].reason is Reason.EXPIRED


def test_alert_that_nothing_explains_is_a_finding_itself() -> None:
    found = judged(with_alert(scenarios.good(), 48), StackProfile()).findings
    assert (found[0].reason, found[0].certainty) == (Reason.UNKNOWN_ISSUER, Certainty.GUESSED)
    revoked = judged(with_alert(scenarios.good(), 44), LAX).findings
    assert (revoked[0].reason, revoked[0].certainty) == (Reason.REVOKED, Certainty.STATED)


@pytest.mark.parametrize(
    ("number", "reason", "certainty"),
    [
        (70, Reason.UNSUPPORTED_VERSION, Certainty.STATED),
        (116, Reason.CLIENT_CERTIFICATE_MISSING, Certainty.STATED),
        (48, Reason.CLIENT_CERTIFICATE_REFUSED, Certainty.GUESSED),
        (40, Reason.NO_COMMON_CIPHER, Certainty.GUESSED),
        (112, Reason.SNI_NEEDED, Certainty.GUESSED),
        (200, Reason.HANDSHAKE_FAILED, Certainty.GUESSED),
    ],
)
def test_alert_of_the_server_is_about_what_the_modem_offered(
    number: int, reason: Reason, certainty: Certainty
) -> None:
    seen = ServerView(HOST, alert=AlertSeen(number, Sender.SERVER))
    found = judge(seen, [CA.anchor()], clock=clock(), now=NOW, stack=LAX)
    assert (found[0].reason, found[0].certainty) == (reason, certainty)


def test_damaged_certificate_of_the_server() -> None:
    found = judge(ServerView(HOST, (leaf().der[:-9],)), [CA.anchor()], clock=clock(), now=NOW)
    assert (found[0].reason, found[0].certainty) == (Reason.MALFORMED, Certainty.DERIVED)


def test_damaged_certificate_in_the_store_is_not_an_empty_store() -> None:
    scene = scenarios.good()
    found = judge(scene.seen, [Anchor(b"\x30\x82\x01", "slot 4")], clock=clock(), now=NOW)
    assert reasons(found)[0] is Reason.SLOT_UNREADABLE
    assert "slot 4" in found[0].message
    assert Reason.NO_TRUST_ANCHOR not in reasons(found)


def test_unreadable_certificate_that_is_not_needed_does_not_hide_that_the_rest_works() -> None:
    scene = scenarios.good()
    seen = replace(scene.seen, chain=(*scene.seen.chain, b"\x30\x03\x02\x01\x01"))
    judgement = judged(replace(scene, seen=seen), LAX)
    assert judgement.verdict is Verdict.UNCERTAIN
    assert not reasons(judgement.findings)


def test_what_the_modem_trusts_may_be_unknown() -> None:
    judgement = examine(scenarios.wrong_host().seen, None, clock=clock(), now=NOW, stack=LAX)
    assert reasons(judgement.findings) == [Reason.HOSTNAME_MISMATCH]
    assert examine(scenarios.good().seen, None, clock=clock(), now=NOW).verdict is Verdict.UNCERTAIN


# Without a view of the server.


def unseen(
    *anchors: Issued, reading: ClockReading | None = None, stack: StackProfile | None = None
) -> tuple[Finding, ...]:
    return judge_without_view(
        [each.anchor() for each in anchors], clock=reading or clock(), now=NOW, stack=stack, host=HOST
    ).findings


def test_unseen_server_and_an_unset_clock() -> None:
    found = unseen(CA, reading=UNSET)
    assert (found[0].reason, found[0].certainty) == (Reason.CLOCK_UNSET, Certainty.DERIVED)


def test_unseen_server_and_a_clock_that_is_wrong_by_a_day() -> None:
    found = unseen(CA, reading=clock(-DAY))
    assert (found[0].reason, found[0].certainty) == (Reason.CLOCK_WRONG, Certainty.GUESSED)


def test_unseen_server_and_a_clock_that_is_unset_and_right_by_chance() -> None:
    found = unseen(CA, reading=clock(is_set=False))
    assert (found[0].reason, found[0].certainty) == (Reason.CLOCK_UNSET, Certainty.GUESSED)


def test_unseen_server_and_nothing_trusted() -> None:
    assert unseen()[0].reason is Reason.NO_TRUST_ANCHOR


def test_unseen_server_and_a_leaf_as_anchor() -> None:
    found = unseen(leaf())
    assert (found[0].reason, found[0].certainty) == (Reason.LEAF_AS_ANCHOR, Certainty.GUESSED)
    assert unseen(leaf(), stack=MODERN)[0].certainty is Certainty.DERIVED


def test_unseen_server_and_an_expired_anchor() -> None:
    old = root("Example Root CA", days=(-900, -2))
    assert unseen(old, stack=MODERN)[0].reason is Reason.EXPIRED


def test_unseen_server_and_an_anchor_whose_key_is_not_taken() -> None:
    found = unseen(root("Curve", key=ec.generate_private_key(ec.SECP521R1())), stack=MODERN)
    assert (found[0].reason, found[0].certainty) == (Reason.UNSUPPORTED_CURVE, Certainty.DERIVED)


def test_unseen_server_and_nothing_wrong_leaves_the_usual_causes_as_guesses() -> None:
    judgement = judge_without_view([CA.anchor()], clock=clock(), now=NOW, host=HOST)
    assert judgement.verdict is Verdict.UNCERTAIN
    assert {f.certainty for f in judgement.findings} == {Certainty.GUESSED}
    assert [f.reason for f in judgement.findings] == [
        Reason.UNKNOWN_ISSUER,
        Reason.MISSING_INTERMEDIATE,
        Reason.HOSTNAME_MISMATCH,
        Reason.EXPIRED,
    ]


def test_an_empty_chain_is_no_view() -> None:
    seen = examine(ServerView(HOST, origin=Origin.FILE), [CA.anchor()], clock=clock(), now=NOW)
    assert seen == judge_without_view([CA.anchor()], clock=clock(), now=NOW, host=HOST)


def test_certificate_that_ends_soon_is_remarked() -> None:
    found = examined(leaf(days=(-80, 5)), SUB).findings
    assert [(f.reason, f.severity) for f in found] == [(Reason.EXPIRED, Severity.NOTE)]
    assert "5 days" in found[0].message
    assert not examined(leaf(days=(-80, 5 + timedelta(days=30) / DAY)), SUB).findings
