"""Which model answers: the product's name decides, the firmware's family only hints."""

from __future__ import annotations

import pytest

from modemtls import Certainty, Identity, Reason, Unsupported
from modemtls.at import Channel, Dialect
from modemtls.identify import choose, identity
from modemtls.op import run
from modemtls.testing import dialogue
from modemtls_sequans.models import MODELS, firmware_of

from .conftest import ERROR, info


def who(product: str = "", revision: str = "", *lines: str) -> Identity:
    return Identity("Sequans Communications", product, revision, "", lines)


@pytest.mark.parametrize(
    ("product", "revision", "name"),
    [
        ("GM02SP", "UE8.2.1.0", "sequans-gm02sp"),
        ("GM02S", "UE8.2.1.0", "sequans-gm02s"),
        (" gm02s ", "", "sequans-gm02s"),
        ("GM01Q", "UE5.2.0.3", "sequans-gm01q"),
    ],
)
def test_the_products_name_decides(product: str, revision: str, name: str) -> None:
    model, match = choose(who(product, revision), MODELS, None)
    assert model.name == name
    assert match.certainty is Certainty.STATED


def test_dual_mode_firmware_fits_two_models_and_asks_which() -> None:
    with pytest.raises(Unsupported) as caught:
        choose(who("", "UE8.2.1.0", "UE8.2.1.0", "LR8.2.1.0-61488"), MODELS, None)
    assert caught.value.reasons == {Reason.AMBIGUOUS_MODEL}
    assert "sequans-gm02s or sequans-gm02sp" in caught.value.message
    assert "--model" in str(caught.value)


@pytest.mark.parametrize("name", ["sequans-gm02s", "sequans-gm02sp"])
def test_the_users_word_settles_a_tie_and_keeps_the_firmware(name: str) -> None:
    model, match = choose(who("", "UE8.2.1.0", "LR8.2.1.0-61488"), MODELS, name)
    assert model.name == name
    assert match.firmware == "UE8.2.1.0 LR8.2.1.0-61488"
    assert match.certainty is Certainty.GUESSED


@pytest.mark.parametrize(
    ("revision", "name"),
    [("UE8.0.5.13", "sequans-gm02s"), ("UE5.0.0.0d", "sequans-gm01q")],
)
def test_firmware_that_only_one_model_has_is_a_guess_that_is_taken(revision: str, name: str) -> None:
    model, match = choose(who("", revision), MODELS, None)
    assert model.name == name
    assert match.certainty is Certainty.GUESSED


@pytest.mark.parametrize(
    ("product", "revision"),
    [
        ("", ""),
        ("NB01Q", "UE6.0.0.0"),
        ("", "UE6.0.0.0"),
        ("SIM7600G", "LE20B03"),
        ("", "UE9.1.0.0"),
        ("", "QUE8.2"),
        ("", "LR8.2.1.0-61488"),
    ],
)
def test_unknown_modems_are_not_taken_for_known_ones(product: str, revision: str) -> None:
    with pytest.raises(Unsupported) as caught:
        choose(who(product, revision), MODELS, None)
    assert caught.value.reasons == {Reason.UNKNOWN_MODEL}


def test_modem_that_states_its_name_is_not_used_as_another_model() -> None:
    with pytest.raises(Unsupported, match="That is sequans-gm02sp, not sequans-gm01q"):
        choose(who("GM02SP", "UE8.2.1.0"), MODELS, "sequans-gm01q")


def test_firmware_in_the_published_forms() -> None:
    found = firmware_of(who("", "", "UE5.0.0.0d", "LR5.1.1.0-43818", "IMEI: XXXXXXXXX"))
    assert found == {"UE": (5, 0, "UE5.0.0.0d"), "LR": (5, 1, "LR5.1.1.0-43818")}


def test_identity_is_asked_with_five_commands_and_survives_refusals() -> None:
    port = dialogue(chunk=3)
    for sent, answer in (
        ("AT+CGMI", ERROR),
        ("AT+CGMM", info("GM02SP")),
        ("AT+CGMR", info("UE8.2.1.0")),
        ("AT+CGSN", info("351358810000000")),
        ("ATI1", info("UE8.2.1.0", "LR8.2.1.0-61488")),
    ):
        port.expect((sent, answer))
    found = run(identity(Channel(Dialect()), MODELS), port)
    port.check()
    lines = ("UE8.2.1.0", "LR8.2.1.0-61488")
    assert found == Identity("", "GM02SP", "UE8.2.1.0", "351358810000000", lines, ("I1",))
