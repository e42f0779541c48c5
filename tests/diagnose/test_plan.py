"""The trust plan: what a model must hold for a server, by a root that a person gave and by nothing that was sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

import modemtls
from modemtls import Certainty, CredentialError, Reason, Settings, Severity, Unsupported
from modemtls.configured import vendor_options
from modemtls.credentials import Certificate, read
from modemtls.diagnose.view import ServerView
from modemtls.model import Limits, Resolved
from modemtls.plan import make_plan
from modemtls.plan_records import Role, TrustPlan
from modemtls.plugins import registry
from modemtls.policy import Check, Enforcement, TlsVersion
from modemtls.stack import LeafAnchor, StackProfile, Trait

from .authority import DAY, HOST, NOW, Issued, root, view

KNOWN = Trait(False, Certainty.DERIVED, "measured")
ALL = frozenset({Check.CHAIN, Check.DATES, Check.HOSTNAME})
ROOT = root()
SUB = ROOT.issue("Issuing CA", ca=True, days=(-60, 1500), url="http://ca.example.org/issuing.der")
LEAF = SUB.issue("api", names=[HOST], days=(-10, 80))
OTHER = root("Another Root")


def model(stack: StackProfile | None = None, **limits: Any) -> Resolved:
    whole: dict[str, Any] = {
        "slots": range(20),
        "preferred_slots": (19, 18),
        "max_certificate_bytes": 8192,
        **limits,
    }
    return Resolved(
        "",
        frozenset({modemtls.Capability.TLS_STREAM}),
        Limits(**whole),
        Enforcement(frozenset({ALL}), minimum_versions=frozenset(TlsVersion)),
        stack or StackProfile(),
    )


NEEDS_ALL = model(StackProfile(uses_sent_intermediates=KNOWN))


def certificates(*issued: Issued) -> list[Certificate]:
    return [each for one in issued for each in read(one.pem).certificates]


def plan(
    chain: Sequence[Issued] | ServerView, *roots: Issued, on: Resolved | None = None, **how: Any
) -> TrustPlan:
    seen = chain if isinstance(chain, ServerView) else view(*chain)
    return make_plan(seen, "acme-x1", on or model(), certificates(*roots), now=NOW, **how)


def held(made: TrustPlan) -> list[bytes]:
    return [each.certificate.der for each in made.needed]


def reasons(made: TrustPlan, severity: Severity = Severity.ERROR) -> set[Reason]:
    return {finding.reason for finding in made.findings if finding.severity is severity}


def test_root_alone_where_the_stack_uses_what_is_sent() -> None:
    made = plan([LEAF, SUB], ROOT)
    assert made.is_ready
    assert held(made) == [ROOT.der]
    assert [each.sha256 for each in made.path] == [c.sha256 for c in certificates(LEAF, SUB, ROOT)]
    assert (made.stores_intermediates, made.certainty) == (False, Certainty.GUESSED)
    assert made.pem == certificates(ROOT)[0].pem
    assert made.commands("ca.pem") == ("modemtls cert trust ca.pem", f"modemtls request https://{HOST}/")


def test_root_and_intermediates_where_the_stack_does_not_use_what_is_sent() -> None:
    second = SUB.issue("Second Issuing CA", ca=True)
    leaf = second.issue("api", names=[HOST])
    made = plan([leaf, second, SUB], ROOT, on=NEEDS_ALL)
    assert held(made) == [ROOT.der, SUB.der, second.der]
    assert [each.role for each in made.needed] == [Role.ROOT, Role.INTERMEDIATE, Role.INTERMEDIATE]
    assert [each.is_sent for each in made.needed] == [False, True, True]
    assert made.is_ready
    assert Reason.MISSING_INTERMEDIATE not in {finding.reason for finding in made.findings}
    assert (made.certainty, made.source) == (Certainty.DERIVED, "measured")


@pytest.mark.parametrize(("on", "wish", "needed"), [(model(), True, [ROOT, SUB]), (NEEDS_ALL, False, [ROOT])])
def test_the_person_decides_on_intermediates(on: Resolved, wish: bool, needed: list[Issued]) -> None:
    made = plan([LEAF, SUB], ROOT, on=on, intermediates=wish)
    assert held(made) == [each.der for each in needed]
    assert made.certainty is Certainty.STATED
    assert made.is_ready is wish, "without what it needs, the stack finds no path"


def test_intermediate_that_the_server_forgot_is_stored_when_it_was_given() -> None:
    made = plan([LEAF], ROOT, SUB)
    assert held(made) == [ROOT.der, SUB.der]
    assert made.is_ready


def test_what_the_server_sends_is_never_trusted() -> None:
    made = plan([LEAF, SUB, ROOT])
    assert held(made) == [ROOT.der]
    assert not made.is_verified
    assert not made.is_ready
    assert made.has_remarks
    assert [each.is_verified for each in made.needed] == [False]
    (wanted,) = made.wanted
    assert wanted.sha256 == certificates(ROOT)[0].sha256
    assert made.commands("ca.pem") == ()


def test_impostor_with_the_name_of_the_given_root_is_refused() -> None:
    impostor = root()
    sub = impostor.issue("Issuing CA", ca=True)
    made = plan([sub.issue("api", names=[HOST]), sub, impostor], ROOT)
    assert (made.is_verified, made.is_ready) == (False, False)
    assert Reason.UNKNOWN_ISSUER in reasons(made)


def test_root_that_is_not_sent_is_named_and_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("something was fetched"))
    made = plan([LEAF, SUB])
    (wanted,) = made.wanted
    assert (wanted.name, wanted.below, wanted.sha256) == ("CN=Test Root", "CN=Issuing CA", None)
    assert wanted.key_identifier is not None
    assert len(wanted.key_identifier) == 40
    assert wanted.url == "http://ca.example.org/issuing.der"
    assert made.needed == ()
    assert not made.is_ready


def test_without_the_root_the_intermediates_are_known_and_unverified() -> None:
    made = plan([LEAF, SUB], on=NEEDS_ALL)
    assert held(made) == [SUB.der]
    assert not made.needed[0].is_verified
    assert [wanted.name for wanted in made.wanted] == ["CN=Test Root"]


def test_given_root_of_somebody_else_says_why_it_does_not_fit() -> None:
    made = plan([LEAF, SUB, ROOT], OTHER)
    assert not made.is_verified
    assert Reason.UNKNOWN_ISSUER in reasons(made)
    assert [wanted.name for wanted in made.wanted] == ["CN=Test Root"]


def test_intermediate_alone_is_no_anchor_for_a_stack_that_wants_a_root() -> None:
    made = plan([LEAF, SUB], SUB)
    assert not made.is_ready
    assert Reason.UNKNOWN_ISSUER in reasons(made)


def test_of_many_roots_only_the_one_that_is_needed_is_planned() -> None:
    crowd = [root(f"Root {number}") for number in range(120)]
    assert held(plan([LEAF, SUB], *crowd[:60], ROOT, *crowd[60:])) == [ROOT.der]


def test_more_roots_than_are_looked_at_are_refused() -> None:
    with pytest.raises(CredentialError) as caught:
        make_plan(view(LEAF, SUB), "acme-x1", model(), certificates(ROOT) * 501, now=NOW)
    assert caught.value.reasons == {Reason.TOO_LARGE}


def test_of_two_generations_of_a_root_the_one_that_lasts_longer_is_taken() -> None:
    old = root("Cross Root", days=(-3000, 100))
    new = root("Cross Root", key=old.key, days=(-100, 4000))
    sub = old.issue("Issuing CA", ca=True)
    made = plan([sub.issue("api", names=[HOST]), sub], old, new)
    assert held(made) == [new.der]
    assert made.is_ready


def test_cross_signed_root_that_is_given_is_enough() -> None:
    older = root("Older Root")
    crossed = older.issue("Test Root", ca=True, key=ROOT.key)
    made = plan([LEAF, SUB, crossed], ROOT)
    assert held(made) == [ROOT.der]
    assert made.is_ready
    stubborn = model(StackProfile(looks_for_other_paths=KNOWN))
    assert not plan([LEAF, SUB, crossed], ROOT, on=stubborn).is_ready
    both = plan([LEAF, SUB, crossed], ROOT, older, on=stubborn)
    assert held(both) == [older.der]
    assert both.is_ready


@pytest.mark.parametrize(
    ("anchor", "ready"),
    [(LeafAnchor.SELF_SIGNED, True), (LeafAnchor.ACCEPTED, True), (LeafAnchor.REFUSED, False)],
)
def test_self_signed_server_is_planned_as_the_stack_takes_it(anchor: LeafAnchor, ready: bool) -> None:
    own = root("own", names=[HOST], ca=False)
    stack = StackProfile(leaf_as_anchor=Trait(anchor, Certainty.DERIVED, "measured"))
    made = plan([own], own, on=model(stack))
    assert [each.role for each in made.needed] == [Role.SERVER]
    assert made.is_ready is ready
    assert made.has_remarks, "it is never a good plan"
    unasked = plan([own], on=model(stack))
    assert not unasked.is_verified
    assert [wanted.name for wanted in unasked.wanted] == ["CN=own"]


# Whether it fits.


def test_bundle_that_is_larger_than_a_slot_does_not_fit() -> None:
    size = len(plan([LEAF, SUB], ROOT, on=NEEDS_ALL).pem)
    for limit, ready in ((size, True), (size - 1, False)):
        tight = model(StackProfile(uses_sent_intermediates=KNOWN), max_certificate_bytes=limit)
        made = plan([LEAF, SUB], ROOT, on=tight)
        assert made.is_ready is ready
        assert (Reason.TOO_LARGE in reasons(made)) is not ready
        assert made.max_bytes == limit


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"key_types": frozenset({"rsa"})}, Reason.WEAK_OR_UNSUPPORTED_KEY),
        ({"curves": frozenset({"secp384r1"})}, Reason.UNSUPPORTED_CURVE),
    ],
)
def test_algorithm_that_the_model_has_not_got_does_not_fit(limits: dict[str, Any], reason: Reason) -> None:
    made = plan([LEAF, SUB], ROOT, on=model(**limits))
    assert not made.is_ready
    assert reason in reasons(made)


def test_root_with_too_large_a_key_does_not_fit() -> None:
    large = root("Large", key=rsa.generate_private_key(65537, 3072))
    made = plan([large.issue("api", names=[HOST])], large, on=model(max_rsa_bits=2048))
    assert not made.is_ready
    assert Reason.WEAK_OR_UNSUPPORTED_KEY in reasons(made)


def test_tls_on_this_computer_has_no_slot() -> None:
    made = plan([LEAF, SUB], ROOT, on=model(max_certificate_bytes=10), where="host")
    assert (made.is_ready, made.max_bytes, made.slots) == (True, None, None)


def test_what_the_model_cannot_enforce_is_said_before_the_import_is_refused() -> None:
    weak = Resolved("", frozenset(), model().limits, Enforcement(frozenset({frozenset({Check.CHAIN})})))
    made = plan([LEAF, SUB], ROOT, on=weak)
    assert Reason.NOT_SUPPORTED in reasons(made, Severity.WARNING)
    text = " ".join(f"{each.message} {each.remedy}" for each in made.findings).lower()
    assert "insecure" not in text


# Until when.


def test_plan_ends_with_the_first_end_of_what_is_held() -> None:
    made = plan([LEAF, SUB], ROOT)
    assert made.ends is not None
    assert (made.ends.role, made.ends.at) == (Role.ROOT, NOW + 3000 * DAY)
    assert (made.renewal.role, made.renewal.at) == (Role.SERVER, NOW + 80 * DAY)
    assert not made.renewal.ends_plan
    assert [each.at for each in made.expiries] == sorted(each.at for each in made.expiries)


def test_plan_with_intermediates_ends_with_them_and_may_break_at_a_renewal() -> None:
    made = plan([LEAF, SUB], ROOT, on=NEEDS_ALL)
    assert made.ends is not None
    assert (made.ends.role, made.ends.at) == (Role.INTERMEDIATE, NOW + 1500 * DAY)
    assert "another intermediate" in made.renewal.action


def test_end_of_an_anchor_counts_only_where_the_stack_looks_at_it() -> None:
    made = plan([LEAF, SUB], ROOT, on=model(StackProfile(checks_anchor_dates=KNOWN)))
    assert made.ends is None
    assert any("not to look at its date" in each.action for each in made.expiries)


@pytest.mark.parametrize(("days", "severity"), [((-400, -1), Severity.ERROR), ((-400, 5), Severity.WARNING)])
def test_root_that_has_ended_or_soon_ends_is_a_finding(days: tuple[float, float], severity: Severity) -> None:
    old = root("Old", days=days)
    made = plan([old.issue("api", names=[HOST])], old)
    assert Reason.EXPIRED in reasons(made, severity)
    assert made.is_ready is (severity is not Severity.ERROR)


def test_trouble_of_the_server_that_no_root_mends_makes_the_plan_unready() -> None:
    for leaf, reason in (
        (SUB.issue("api", names=["other.test"]), Reason.HOSTNAME_MISMATCH),
        (SUB.issue("api", names=[HOST], days=(-90, -1)), Reason.EXPIRED),
    ):
        made = plan([leaf, SUB], ROOT)
        assert made.is_verified
        assert not made.is_ready
        assert reason in reasons(made)


def test_stack_that_does_not_name_the_host_is_planned_by_what_it_is_shown() -> None:
    sub = OTHER.issue("Issuing CA", ca=True)
    bare = sub.issue("default", names=["default.test"])
    seen = ServerView(HOST, (LEAF.der, SUB.der), chain_without_sni=(bare.der, sub.der))
    silent = model(StackProfile(sends_sni=KNOWN))
    made = plan(seen, ROOT, OTHER, on=silent)
    assert held(made) == [OTHER.der]
    assert not made.is_ready


# Hostile, and the whole way.


def test_view_without_a_certificate_or_time_without_a_zone_is_refused() -> None:
    with pytest.raises(CredentialError):
        plan(ServerView(HOST))
    with pytest.raises(CredentialError):
        plan(ServerView(HOST, (b"\x30\x03abc",)))
    with pytest.raises(ValueError, match="aware"):
        make_plan(view(LEAF), "acme-x1", model(), (), now=NOW.replace(tzinfo=None))


def test_a_hundred_certificates_that_vouch_for_each_other_cost_two_seconds_at_most() -> None:
    tangle = [root("Tangle", key=ROOT.key, organization=None) for _ in range(40)]
    subs = [ROOT.issue("Issuing CA", ca=True, key=SUB.key) for _ in range(55)]
    for on in (model(), NEEDS_ALL):
        start = time.process_time()
        made = plan([LEAF, *subs, *tangle], ROOT, on=on)
        assert time.process_time() - start < 2.0
        assert made.is_verified


def test_names_of_certificates_are_harmless_in_a_plan() -> None:
    evil = root("A\x1b[31m\u202eroot")
    made = plan([evil.issue("x\x07", names=[HOST]), evil])
    texts = [each.name for each in made.wanted] + [each.below for each in made.wanted]
    texts += [each.action for each in made.expiries]
    assert all(text.isprintable() for text in texts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([LEAF, SUB, ROOT, OTHER, root("Third")]), max_size=8), st.booleans())
def test_no_plan_is_ready_by_anything_but_the_given_root(chain: list[Issued], gives_root: bool) -> None:
    made = plan([LEAF, *chain], *([ROOT] if gives_root else [OTHER]))
    if made.is_ready:
        assert gives_root
        assert SUB in chain
        assert held(made) == [ROOT.der]


def test_damaged_certificate_among_the_sent_ones_stops_nothing() -> None:
    seen = ServerView(HOST, (LEAF.der, SUB.der[:-20], SUB.der, b"\x30\x82" * 40))
    assert held(plan(seen, ROOT)) == [ROOT.der]


@pytest.mark.parametrize("name", [each.name for each in registry().models])
def test_every_installed_model_has_a_plan(name: str) -> None:
    chain = LEAF.pem + SUB.pem
    made = modemtls.trust_plan(HOST, chain, model=name, roots=ROOT.pem, now=NOW)
    record = modemtls.find_model(name)
    resolved = record.resolve("", vendor_options(record, Settings()))
    alone = resolved.stack.uses_sent_intermediates.value or made.where == "host"
    assert held(made) == ([ROOT.der] if alone else [ROOT.der, SUB.der])
    assert made.is_verified
    assert made.model == name


def test_trust_plan_takes_views_files_and_accepted_gaps() -> None:
    made = modemtls.trust_plan(
        HOST, view(LEAF, SUB), model="sequans-gm02s", roots=[OTHER.pem, ROOT.pem], port=8443, now=NOW
    )
    assert made.commands("a b.pem") == (
        "modemtls cert trust 'a b.pem'",
        f"modemtls request https://{HOST}:8443/",
    )
    with pytest.raises(Unsupported):
        modemtls.trust_plan(HOST, LEAF.pem, model="nope")
    with pytest.raises(ValueError, match="not a host name"):
        modemtls.trust_plan("a b", LEAF.pem, model="sequans-gm02s")
    with pytest.raises(CredentialError):
        modemtls.trust_plan(HOST, b"nothing", model="sequans-gm02s")


def test_plan_is_by_the_clock_of_this_computer_when_no_time_is_given() -> None:
    made = modemtls.trust_plan(HOST, LEAF.pem + SUB.pem, model="sequans-gm02s", roots=ROOT.pem)
    assert made.judged_at - NOW > timedelta(days=-4000)
    assert made.judged_at.tzinfo is not None
