"""Who answers: the surest match wins, a tie is asked about, and nobody is mistaken for another."""

from __future__ import annotations

import pytest

import modemtls
from modemtls import Certainty, Identity, Reason, Unsupported
from modemtls.identify import choose

from .acme import model
from .bench import commands, opened

WHO = Identity("Acme", "X1", "1.0", "123")
STATED, DERIVED, GUESSED = Certainty.STATED, Certainty.DERIVED, Certainty.GUESSED


def test_surest_match_wins() -> None:
    models = [model("c", certainty=GUESSED), model("b", certainty=STATED), model("a", certainty=DERIVED)]
    found, match = choose(WHO, models, None)
    assert (found.name, match.certainty, match.firmware) == ("b", STATED, "1.0")


@pytest.mark.parametrize("certainty", list(Certainty))
def test_tie_asks_which_one_it_is(certainty: Certainty) -> None:
    models = [model("a", certainty=certainty), model("b", certainty=certainty)]
    with pytest.raises(Unsupported, match="--model a") as caught:
        choose(WHO, models, None)
    assert caught.value.reasons == {Reason.AMBIGUOUS_MODEL}
    assert "a or b" in str(caught.value)
    assert choose(WHO, models, "b")[0].name == "b"


def test_tie_below_the_best_does_not_matter() -> None:
    models = [model("a", certainty=GUESSED), model("b", certainty=GUESSED), model("c", certainty=DERIVED)]
    assert choose(WHO, models, None)[0].name == "c"


def test_nobody_knows_it() -> None:
    with pytest.raises(Unsupported, match="Acme, X1") as caught:
        choose(WHO, [model("a", "X2")], None)
    assert caught.value.reasons == {Reason.UNKNOWN_MODEL}
    with pytest.raises(Unsupported, match="nothing"):
        choose(Identity(), [], None)


def test_user_may_name_a_model_that_nothing_contradicts() -> None:
    found, match = choose(WHO, [model("a", "X2"), model("b", certainty=GUESSED)], "a")
    assert (found.name, match.certainty) == ("a", GUESSED)


def test_user_may_not_name_another_model_than_the_modem_states() -> None:
    with pytest.raises(Unsupported, match="That is b, not a"):
        choose(WHO, [model("a", "X2"), model("b")], "a")


@pytest.mark.parametrize("noise", [0, 0.9])
@pytest.mark.parametrize("name", ["sequans-gm02s", "sequans-gm02sp", "sequans-gm01q"])
def test_each_model_is_recognised_by_what_it_says(name: str, noise: float) -> None:
    with opened(model=name, urc_noise=noise) as modem:
        assert modem.model.name == name
        assert modem.identity.serial.isdecimal()
        assert modem.firmware


def test_product_name_that_is_not_published_leaves_a_tie_by_firmware() -> None:
    with pytest.raises(Unsupported) as caught:
        opened(product="VENDOR-BOARD")
    assert caught.value.reasons == {Reason.AMBIGUOUS_MODEL}
    with opened(product="VENDOR-BOARD", given={"model": "sequans-gm02sp"}) as modem:
        assert modem.model.name == "sequans-gm02sp"


def test_unknown_name_is_refused_before_the_port_is_opened() -> None:
    with pytest.raises(Unsupported, match="sequans-gm02s"):
        modemtls.open("/dev/no-such-port", model="sequans-gm02")


def test_opening_changes_nothing_in_the_modem() -> None:
    with opened() as modem:
        for line in commands(modem):
            assert (
                line in ("AT", "ATE0", "ATV1", "AT+CMEE=1", "ATI1", "AT+CMEE?")
                or line.startswith("AT+CGM")
                or (line == "AT+CGSN")
            ), line


def test_silent_modem_is_a_timeout_that_says_what_to_look_at() -> None:
    with pytest.raises(modemtls.ModemTimeout, match="AT port") as caught:
        opened(silent="yes", given={"timeout": 2.0})
    assert caught.value.reasons == {Reason.NO_ANSWER}
