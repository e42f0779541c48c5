"""What every driver owes: it is recognised, its records can be loaded, its errors keep the modem's words.

None of these tests needs a network.
"""

from __future__ import annotations

import dataclasses
import inspect
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ...driver import Driver
from ...errors import (
    Certainty,
    ErrorTable,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    Reason,
    VendorCode,
)
from ...model import Capability
from ...op import Sleep, run
from ...plugins import load_object, registry
from .bench import Bench
from .lines import Line
from .marks import simulated

__all__ = ["Basics"]

MAX_LINES = 400
#: A clock that says ``+08`` after its time is two hours ahead of UTC (3GPP TS 27.007, quarters of an hour).
_ZONES = ((b"+00", b"+08", 2.0), (b"+00", b"-20", -5.0))


class Basics:
    """Identification, records, error tables, clock, events."""

    def test_exactly_one_installed_model_recognises_the_modem(self, bench: Bench) -> None:
        with bench.modem() as (modem, _):
            assert modem.model.name == bench.model.name
            found = [(each, each.matches(modem.identity)) for each in registry().models]
        sure = [
            each.name for each, match in found if match is not None and match.certainty is Certainty.STATED
        ]
        assert sure == [bench.model.name], f"{modem.identity} is stated to be {sure or 'nobody'}"

    def test_what_the_record_refers_to_can_be_loaded(self, bench: Bench) -> None:
        model = bench.model
        assert issubclass(load_object(model.driver), Driver)
        table = load_object(model.errors)
        assert isinstance(table, ErrorTable)
        assert len(table) > 0
        assert model.sources, "a model names its sources"
        if model.options is not None:
            options = load_object(model.options)
            assert dataclasses.is_dataclass(options)
            assert callable(options)
            assert options() == options(), "each option has a default"
        assert model.simulator is not None, "a model brings its simulated modem"

    def test_the_record_resolves_without_a_modem_and_agrees_with_itself(self, bench: Bench) -> None:
        limits, can = bench.resolved.limits, bench.resolved.capabilities
        assert set(limits.preferred_slots) <= set(limits.slots)
        assert limits.reserved_slots <= set(limits.slots)
        assert not set(limits.preferred_slots) & limits.reserved_slots
        if Capability.TLS_STREAM in can or Capability.HTTP_CLIENT in can:
            assert limits.security_profiles, "TLS in the modem needs a security profile"
        if Capability.TLS_STREAM in can or Capability.TCP_STREAM in can:
            assert limits.sockets, "a stream needs a socket"
        if Capability.HTTP_CLIENT in can:
            assert limits.http_profiles
            assert limits.http_methods

    def test_no_module_of_the_driver_is_too_long(self, bench: Bench) -> None:
        driver = load_object(bench.model.driver)
        package = driver.__module__.split(".")[0]
        own = {
            inspect.getsourcefile(each) for each in driver.__mro__ if each.__module__.split(".")[0] == package
        }
        own.add(inspect.getsourcefile(driver))
        for name in filter(None, own):
            length = len(Path(name).read_text("utf-8").splitlines())
            assert length <= MAX_LINES, (
                f"{name} has {length} lines: what in it wants to be a module of its own?"
            )

    def test_every_code_of_the_table_maps_and_keeps_number_and_text(self, bench: Bench) -> None:
        table = load_object(bench.model.errors)
        for row in table:
            assert row.meaning, f"{row.namespace} {row.number} has no meaning"
            assert row.source, f"{row.namespace} {row.number} has no source"
            code = VendorCode(row.namespace, row.number, "the modem's own words")
            error = table.error(code, asked="Asking", model=bench.model.name, command="AT", lines=("line",))
            assert type(error) is row.error
            assert (error.code, error.reasons, error.certainty) == (code, row.reasons, row.certainty)
            assert str(row.number) in str(error)
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made two words before
            assert type(again) is type(error)
            assert again.__dict__ == error.__dict__

    def test_a_code_that_nobody_knows_is_kept_too(self, bench: Bench) -> None:
        table = load_object(bench.model.errors)
        error = table.error(VendorCode("cme", 64999), asked="Asking", model=bench.model.name)
        assert error.code == VendorCode("cme", 64999)
        assert "64999" in str(error)

    def test_a_number_of_the_standard_in_a_line_is_explained_by_its_own_row(self, bench: Bench) -> None:
        table = load_object(bench.model.errors)
        with bench.modem() as (modem, _):
            for row in table:
                if row.namespace == "cme" and str(row.number).isdecimal():
                    assert modem.explain(f"+CME ERROR: {row.number}") == row
            assert modem.explain("OK") is None

    def test_a_text_of_its_own_is_refused_before_it_becomes_a_command(self, bench: Bench) -> None:
        with bench.modem() as (modem, line):
            before = len(line.sent)
            for text in ("AT+X=\rAT+CFUN=0", "AT\n", "AT\x1a"):
                with pytest.raises(ModemError):
                    modem.command(text)
            assert len(line.sent) == before

    # The clock.

    def test_the_clock_can_be_read(self, bench: Bench) -> None:
        with bench.modem() as (modem, _):
            assert modem.clock.read().time.tzinfo is not None

    @simulated
    def test_the_clock_that_is_read_is_the_modems(self, bench: Bench) -> None:
        with bench.modem(clock="2031-03-04T05:06:07Z") as (modem, _):
            reading = modem.clock.read()
        assert abs(reading.time - datetime(2031, 3, 4, 5, 6, 7, tzinfo=UTC)) < timedelta(seconds=30)
        assert reading.is_set

    @simulated
    def test_a_clock_that_nobody_set_is_known_as_unset(self, bench: Bench) -> None:
        with bench.modem(clock="", network_time="no") as (modem, _):
            assert not modem.clock.read().is_set

    @simulated
    def test_the_time_zone_of_the_clock_counts_the_right_way(self, bench: Bench) -> None:
        for usual, zone, hours in _ZONES:
            with bench.modem(clock="2031-03-04T12:00:00Z") as (modem, line):
                altered = []

                def alter(data: bytes) -> bytes:
                    if b"+CCLK:" not in data or usual + b'"' not in data:  # noqa: B023 - used within the turn
                        return data
                    altered.append(data)  # noqa: B023
                    return data.replace(usual + b'"', zone + b'"')  # noqa: B023

                line.alter = alter
                hour = modem.clock.read().time.hour
            assert hour == 12 - (hours if altered else 0), (
                f"+CCLK with {zone.decode()} was read as {hour} h UTC"
            )

    # Events and restarts.

    @simulated
    def test_an_event_reaches_whoever_listens_alone_and_before_a_result(self, bench: Bench) -> None:
        with bench.modem() as (modem, line):
            modem.events()
            line.simulator.urc("+CREG: 1")
            assert [event.line for event in modem.events(1.0)] == ["+CREG: 1"]
            line.simulator.urc("+CREG: 5")
            assert modem.clock.read().time
            assert "+CREG: 5" in [event.line for event in modem.events()]

    @simulated
    def test_a_restart_in_the_middle_is_said_so_and_the_modem_is_usable_after_it(self, bench: Bench) -> None:
        with bench.modem() as (modem, line):
            restarting = line.simulator._executed + 1
            object.__setattr__(line.simulator.settings, "reboot_after", restarting)
            with pytest.raises((ModemReset, ModemTimeout)) as caught:
                modem.clock.read()
            if bench.model.boot_urcs and line.simulator.boot_urcs:
                assert type(caught.value) is ModemReset
            object.__setattr__(line.simulator.settings, "reboot_after", 0)
            run_idle(line, 5.0)
            assert modem.clock.read().time

    @simulated
    def test_a_modem_that_says_nothing_is_a_timeout_and_usable_when_it_wakes(self, bench: Bench) -> None:
        with bench.modem() as (modem, line):
            begun = line.now()
            object.__setattr__(line.simulator.settings, "silent", True)
            with pytest.raises(ModemTimeout) as caught:
                modem.clock.read()
            assert line.now() - begun < 120
            assert Reason.NO_ANSWER in caught.value.reasons
            object.__setattr__(line.simulator.settings, "silent", False)
            assert modem.clock.read().time

    # The network.

    @simulated
    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            ({"sim": "absent"}, Reason.SIM_ABSENT),
            ({"sim": "pin"}, Reason.SIM_PIN_REQUIRED),
            ({"sim": "puk"}, Reason.SIM_PUK_REQUIRED),
            ({"registration": "denied"}, Reason.REGISTRATION_DENIED),
            ({"registration": "never"}, Reason.NOT_REGISTERED),
        ],
        ids=["no-sim", "pin", "puk", "denied", "never"],
    )
    def test_what_keeps_it_from_the_network_is_named(
        self, bench: Bench, settings: dict[str, Any], reason: Reason
    ) -> None:
        with bench.modem(**settings) as (modem, _), pytest.raises(NetworkError) as caught:
            modem.network.up(timeout=60)
        assert reason in caught.value.reasons

    @simulated
    def test_the_network_comes_up_and_is_said_to_be(self, bench: Bench) -> None:
        with bench.modem() as (modem, _):
            assert modem.network.up().is_up
            assert modem.network.status().is_up


def run_idle(line: Line, seconds: float) -> None:
    """Let virtual time pass while nobody talks."""

    async def idle() -> None:
        await Sleep(seconds)

    run(idle(), line)
