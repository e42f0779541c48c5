"""What the model records promise: limits, enforcement, and what is only assumed."""

from __future__ import annotations

import pytest

from modemtls import (
    Capability,
    Certainty,
    Check,
    Gap,
    Model,
    Reason,
    Resolved,
    TlsVersion,
    Unsupported,
    VerifyPolicy,
    find_model,
)
from modemtls.plugins import load_object
from modemtls.policy import resolve
from modemtls_sequans.models import MODELS
from modemtls_sequans.options import SequansOptions

CHAIN = frozenset({Check.CHAIN, Check.DATES})
ALL = CHAIN | {Check.HOSTNAME}


def resolved(model: str, **options: object) -> Resolved:
    return find_model(model).resolve("", SequansOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_reference_of_a_record_leads_somewhere(model: Model) -> None:
    for reference in (model.driver, model.errors, model.options, model.simulator):
        assert reference is not None
        assert load_object(reference) is not None
    assert model.sources
    assert any("Never run on hardware" in sentence for sentence in model.assumptions)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_slots_sizes_and_numbers_are_those_of_the_manual(model: Model) -> None:
    limits = model.resolve("", SequansOptions()).limits
    assert set(limits.slots) - limits.reserved_slots == {5, 6, *range(11, 20)}
    assert set(limits.preferred_slots) == set(range(11, 20))
    assert (limits.max_certificate_bytes, limits.max_key_bytes) == (8192, 2048)
    assert (limits.security_profiles, limits.http_profiles, limits.sockets) == (
        range(1, 7),
        range(3),
        range(1, 7),
    )
    assert (limits.max_send_bytes, limits.max_receive_bytes) == (1500, 1500)
    assert limits.prompt_timeout >= 20  # the prompt of a POST comes after the handshake
    assert "PATCH" not in limits.http_methods


def test_monarch_2_checks_chain_and_dates_together_and_the_name_only_with_them() -> None:
    assert resolved("sequans-gm02s").enforcement.check_sets == {CHAIN, ALL}


@pytest.mark.parametrize(
    "checks", [{Check.CHAIN}, {Check.DATES}, {Check.HOSTNAME}, {Check.CHAIN, Check.HOSTNAME}]
)
def test_policy_between_two_levels_is_refused_and_not_rounded(checks: set[Check]) -> None:
    policy = VerifyPolicy(checks=frozenset(checks))
    with pytest.raises(Unsupported) as caught:
        resolve(policy, resolved("sequans-gm02s").enforcement, host="a.test", model="sequans-gm02s")
    assert "Nothing was sent" in caught.value.message


def test_gm01q_refuses_every_check_until_its_levels_are_told() -> None:
    with pytest.raises(Unsupported) as caught:
        resolve(VerifyPolicy(), resolved("sequans-gm01q").enforcement, host="a.test", model="sequans-gm01q")
    assert "valid_level_map" in str(caught.value)
    assert "version_map" in str(caught.value)
    assert caught.value.reasons == {Reason.NOT_SUPPORTED}


def test_gm01q_enforces_what_its_options_name() -> None:
    found = resolved("sequans-gm01q", valid_level_map="chain+dates+hostname=7", version_map="1.2=2")
    profile = resolve(VerifyPolicy(), found.enforcement, host="a.test", model="sequans-gm01q")
    assert profile.checks == ALL
    assert profile.minimum_version is TlsVersion.TLS1_2


def test_gm01q_has_no_tls_1_3() -> None:
    found = resolved("sequans-gm01q")
    assert found.limits.max_tls_version is TlsVersion.TLS1_2
    assert found.enforcement.cipher_suites is not None
    assert not found.enforcement.cipher_suites & {0x1301, 0x1302, 0x1303}
    assert 0xC02B in found.enforcement.cipher_suites


def test_maximum_version_cannot_be_held_when_the_field_is_a_minimum() -> None:
    policy = VerifyPolicy(maximum_version=TlsVersion.TLS1_2)
    with pytest.raises(Unsupported):
        resolve(policy, resolved("sequans-gm02s", version_means="minimum").enforcement, host="a", model="m")
    assert resolve(policy, resolved("sequans-gm02s").enforcement, host="a", model="m").maximum_version


def test_server_name_that_is_not_the_host_is_refused_unless_accepted() -> None:
    policy = VerifyPolicy(server_name="other.test")
    can = resolved("sequans-gm02s").enforcement
    with pytest.raises(Unsupported, match="server-name"):
        resolve(policy, can, host="a.test", model="sequans-gm02s")
    assert (
        resolve(policy.accepting([Gap.SERVER_NAME]), can, host="a.test", model="sequans-gm02s").server_name
        is None
    )


def test_cipher_suites_of_the_published_list() -> None:
    suites = resolved("sequans-gm02s").enforcement.cipher_suites
    assert suites is not None
    assert {0x1301, 0xC02B, 0xC030, 0xCCA8, 0x002F, 0x008C, 0xC037} <= suites
    with pytest.raises(Unsupported, match="0xFFFF"):
        resolve(
            VerifyPolicy(cipher_suites=(0xFFFF,)), resolved("sequans-gm02s").enforcement, host="a", model="m"
        )


def test_contents_cannot_be_read_back_and_no_model_says_they_can() -> None:
    for model in MODELS:
        assert Capability.CREDENTIAL_READ_BACK not in model.resolve("", SequansOptions()).capabilities


@pytest.mark.parametrize(
    "wrong",
    [
        {"dial": "later"},
        {"dial_probe": "yes"},
        {"version_means": "maybe"},
        {"valid_level_map": "chain"},
        {"valid_level_map": "chain=0"},
        {"valid_level_map": "chain=256"},
        {"valid_level_map": "clock=1"},
        {"version_map": "1.4=3"},
        {"version_map": "1.2=two"},
    ],
)
def test_option_of_the_wrong_form_is_refused_and_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SequansOptions(**wrong)  # type: ignore[arg-type]


def test_the_demos_mistake_is_the_one_of_the_forum() -> None:
    for name in ("sequans-gm02s", "sequans-gm02sp"):
        mistake = find_model(name).demo_mistake
        assert mistake is not None
        assert mistake.command.format(profile=1, slot=19) == 'AT+SQNSPCFG=1,2,"",7,19'
        assert mistake.cure.format(profile=1, slot=19) == 'AT+SQNSPCFG=1,2,"",1,19'


def test_old_modules_may_run_at_two_rates() -> None:
    assert set(find_model("sequans-gm01q").baudrates) == {115200, 921600}
    assert find_model("sequans-gm02s").baudrates == (115200,)


def test_certainty_has_an_order_that_identification_relies_on() -> None:
    assert list(Certainty) == [Certainty.STATED, Certainty.DERIVED, Certainty.GUESSED]
