"""From an open port to a modem that is known, where something else is behind the port."""

from __future__ import annotations

import pytest

from modemtls.at import Channel, Dialect
from modemtls.errors import ModemTimeout, Reason
from modemtls.op import run
from modemtls.opening import begin
from modemtls.settings import Settings
from modemtls.sim import SimPort, Simulator


def open_what_is_behind(simulator: Simulator) -> ModemTimeout:
    with pytest.raises(ModemTimeout) as caught:
        run(begin(Channel(Dialect()), Settings(), ()), SimPort(simulator))
    return caught.value


def test_what_answers_at_and_not_the_probe_is_not_called_silent() -> None:
    error = open_what_is_behind(Simulator())
    assert "AT+CMEE?" in str(error)
    assert "No modem answers" not in str(error)
    assert error.reasons == {Reason.NO_ANSWER}


def test_what_answers_nothing_is_called_silent() -> None:
    error = open_what_is_behind(Simulator(silent=True))
    assert "No modem answers" in str(error)
    assert error.command == "AT"
