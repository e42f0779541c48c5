"""A security profile is written back as it was read, whatever stands in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modemtls
from modemtls import CredentialError
from modemtls.sim import SimPort

_SLOT = st.one_of(st.just(""), st.integers(0, 19).map(str))
_SUITES = st.lists(st.integers(0, 0xFFFF).map(lambda n: f"0x{n:04X}"), max_size=4).map(";".join)
_PROFILE = st.tuples(
    st.integers(0, 3), _SUITES, st.integers(0, 255), _SLOT, _SLOT, _SLOT,
    st.sampled_from(["", "0a0B"]), st.integers(0, 2), st.integers(0, 1), st.integers(0, 99),
)  # fmt: skip


@settings(max_examples=25)
@given(_PROFILE)
@pytest.mark.parametrize("model", ["sequans-gm02s", "sequans-gm01q"])
def test_any_profile_that_the_modem_took_is_written_back(
    model: str, profile: tuple[int, str, int, str, str, str, str, int, int, int]
) -> None:
    version, suites, level, ca, certificate, key, psk, storage, resume, lifetime = profile
    identity = "me" if psk else ""
    with modemtls.open(f"sim://{model}", journal=False) as modem:
        modem.command(
            f'AT+SQNSPCFG=3,{version},"{suites}",{level},{ca},{certificate},{key},"{psk}","{identity}",'
            f"{storage},{resume},{lifetime}"
        )
        before = modem.command("AT+SQNSPCFG").lines
        stored = modem.profiles.list()[0]
        modem.profiles.reset(3)
        modem._run(modem._ops.driver.restore_profile(stored))
        assert modem.command("AT+SQNSPCFG").lines == before


@pytest.mark.parametrize("shown", ["", "***"])
def test_a_key_that_is_not_shown_is_not_overwritten(shown: str) -> None:
    with modemtls.open("sim://sequans-gm02s", journal=False) as modem:
        modem.command('AT+SQNSPCFG=3,2,"",0,,,,"0A0B","me",0,0,0')
        stored = modem.profiles.list()[0]
        hidden = replace(stored, raw=(*stored.raw[:7], shown, *stored.raw[8:]))
        port = modem._port
        assert isinstance(port, SimPort)
        before = list(port.simulator.commands)
        with pytest.raises(CredentialError, match="does not show") as told:
            modem._run(modem._ops.driver.restore_profile(hidden))
        assert list(port.simulator.commands) == before
        assert "0A0B" not in str(told.value)


def test_an_empty_list_of_suites_is_left_out_where_it_was_refused() -> None:
    with modemtls.open("sim://sequans-gm01q?quoted_empty_cipher=no", journal=False) as modem:
        assert modem.command("AT+SQNSPCFG=3,2,,3,19").ok
        stored = modem.profiles.list()[0]
        modem._run(modem._ops.driver.restore_profile(stored))
        assert modem.profiles.list()[0].raw == stored.raw
