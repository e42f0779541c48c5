"""A policy is compared with what the modem can before anything is sent; no check goes missing in silence."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import PSK

from modemtls import Check, Enforcement, Gap, Psk, Reason, TlsVersion, Unsupported, VerifyPolicy
from modemtls.policy import TlsProfile, resolve

CHAIN, DATES, HOSTNAME = Check.CHAIN, Check.DATES, Check.HOSTNAME
EVERY_SET = [frozenset(c) for n in (1, 2, 3) for c in combinations(Check, n)]
TOGETHER = frozenset({frozenset({CHAIN, DATES}), frozenset(Check)})
VERSIONS = frozenset(TlsVersion)


def can(*sets: frozenset[Check], minimum: frozenset[TlsVersion] = VERSIONS) -> Enforcement:
    return Enforcement(frozenset(sets), minimum_versions=minimum)


def settle(policy: VerifyPolicy, ability: Enforcement) -> TlsProfile:
    return resolve(policy, ability, host="one.test", model="acme-x1")


def test_strict_is_the_default() -> None:
    policy = VerifyPolicy()
    assert policy.checks == set(Check)
    assert policy.minimum_version is TlsVersion.TLS1_2
    assert not policy.is_insecure
    assert not policy.accept_gaps


def test_insecure_is_the_only_way_to_no_checks() -> None:
    with pytest.raises(ValueError, match="insecure"):
        VerifyPolicy(checks=frozenset())
    with pytest.raises(ValueError, match="no checks"):
        VerifyPolicy(_insecure=True)
    assert VerifyPolicy.insecure().is_insecure
    assert VerifyPolicy.insecure().accepting([Gap.CHAIN]).is_insecure


@pytest.mark.parametrize("suites", [(-1,), (0x10000,)])
def test_cipher_suite_is_a_16_bit_number(suites: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="16-bit"):
        VerifyPolicy(cipher_suites=suites)


def test_maximum_below_the_minimum_is_refused() -> None:
    with pytest.raises(ValueError, match=r"TLS 1\.1 is below TLS 1\.2"):
        VerifyPolicy(maximum_version=TlsVersion.TLS1_1)


@given(
    checks=st.sampled_from(EVERY_SET),
    sets=st.frozensets(st.sampled_from(EVERY_SET)),
    accepted=st.frozensets(st.sampled_from([Gap.CHAIN, Gap.DATES, Gap.HOSTNAME])),
)
def test_a_check_is_missing_only_when_that_very_gap_was_accepted(
    checks: frozenset[Check], sets: frozenset[frozenset[Check]], accepted: frozenset[Gap]
) -> None:
    policy = VerifyPolicy(checks=checks, accept_gaps=accepted)
    ability = can(*sets)
    try:
        profile = settle(policy, ability)
    except Unsupported:
        with pytest.raises(Unsupported, match=r"Nothing was sent|nothing would be left") as caught:
            settle(policy, ability)
        assert caught.value.reasons == {Reason.NOT_SUPPORTED}
        assert checks not in sets
        return
    assert profile.checks
    assert profile.checks in sets
    assert profile.checks <= checks
    assert {check.value for check in checks - profile.checks} <= {gap.value for gap in accepted}


def test_checks_that_come_only_together_are_not_split() -> None:
    for alone in (CHAIN, DATES, HOSTNAME):
        with pytest.raises(Unsupported) as caught:
            settle(VerifyPolicy(checks=frozenset({alone})), can(*TOGETHER))
        assert f"the {alone.value} check" in str(caught.value)
        assert "chain+dates" in str(caught.value)
    assert settle(VerifyPolicy(checks=frozenset({CHAIN, DATES})), can(*TOGETHER)).checks == {CHAIN, DATES}


def test_model_without_host_name_check_needs_that_gap_by_name() -> None:
    ability = can(frozenset({CHAIN, DATES}))
    with pytest.raises(Unsupported, match="--accept-gap hostname"):
        settle(VerifyPolicy(), ability)
    with pytest.raises(Unsupported):
        settle(VerifyPolicy(accept_gaps=frozenset({Gap.DATES, Gap.CHAIN})), ability)
    found = settle(VerifyPolicy(accept_gaps=frozenset({Gap.HOSTNAME})), ability)
    assert found.checks == {CHAIN, DATES}


def test_accepting_every_gap_does_not_become_insecure() -> None:
    policy = VerifyPolicy(accept_gaps=frozenset(Gap))
    with pytest.raises(Unsupported, match="insecure"):
        settle(policy, can())
    assert settle(VerifyPolicy.insecure(), can()).checks == frozenset()


def test_what_can_be_done_is_done_though_its_gap_was_accepted() -> None:
    assert settle(VerifyPolicy(accept_gaps=frozenset(Gap)), can(*TOGETHER)).checks == set(Check)


@pytest.mark.parametrize(
    ("policy", "gap"),
    [
        (VerifyPolicy(maximum_version=TlsVersion.TLS1_2), Gap.MAXIMUM_VERSION),
        (VerifyPolicy(cipher_suites=(0xC02B,)), Gap.CIPHER_SUITES),
        (VerifyPolicy(server_name="two.test"), Gap.SERVER_NAME),
        (VerifyPolicy(client_slot=12, client_key_slot=12), Gap.CLIENT_CREDENTIAL),
        (VerifyPolicy(psk=Psk("me", PSK)), Gap.PSK),
        (VerifyPolicy(resumption=True), Gap.RESUMPTION),
        (VerifyPolicy(minimum_version=TlsVersion.TLS1_3), Gap.MINIMUM_VERSION),
    ],
)
def test_each_other_demand_is_a_gap_of_its_own(policy: VerifyPolicy, gap: Gap) -> None:
    ability = can(*TOGETHER, minimum=frozenset({TlsVersion.TLS1_2}))
    with pytest.raises(Unsupported, match=f"--accept-gap {gap.value}"):
        settle(policy, ability)
    with pytest.raises(Unsupported):
        settle(policy.accepting(set(Gap) - {gap}), ability)
    found = settle(policy.accepting({gap}), ability)
    assert found.checks == set(Check)
    left = (found.maximum_version, found.cipher_suites, found.server_name, found.client_slot, found.psk)
    assert left == (None, (), None, None, None)
    assert not found.resumption


def test_cipher_suites_that_are_unknown_are_named_and_the_others_stay() -> None:
    ability = Enforcement(TOGETHER, minimum_versions=VERSIONS, cipher_suites=frozenset({0xC02B}))
    policy = VerifyPolicy(cipher_suites=(0xC02B, 0x1399))
    with pytest.raises(Unsupported, match="0x1399") as caught:
        settle(policy, ability)
    assert "C02B" not in str(caught.value)
    assert settle(policy.accepting([Gap.CIPHER_SUITES]), ability).cipher_suites == (0xC02B,)


def test_server_name_that_is_the_host_is_no_demand() -> None:
    assert settle(VerifyPolicy(server_name="one.test"), can(*TOGETHER)).server_name is None


def test_gap_that_is_only_unknown_says_which_setting_closes_it() -> None:
    ability = Enforcement(
        frozenset(), minimum_versions=VERSIONS, unknown_because=((Gap.CHAIN, "Set the option level_map."),)
    )
    with pytest.raises(Unsupported, match="level_map"):
        settle(VerifyPolicy(), ability)


def test_secrets_of_a_policy_are_in_no_repr() -> None:
    psk = Psk("identity-x", PSK)
    for shown in (repr(psk), repr(VerifyPolicy(psk=psk)), str(psk)):
        assert "identity-x" not in shown
        assert repr(PSK)[2:10] not in shown
