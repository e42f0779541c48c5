"""Scenarios × models: is the cause named first, and is nothing called certain that is not so?

The default run takes one way of each model, and the assumed codes only where a model has more than one for TLS;
``MODEMTLS_ATTACK=full`` takes all.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from modemtls import Severity
from modemtls.plugins import registry

from .harness import IS_FULL, RUNS, Matrix, Outcome, Run
from .page import PAGE, entry_of, read_page, share
from .rigs import COLUMNS, Column, Held
from .scenarios import SCENARIOS
from .servers import HOST

TABLES = [
    pytest.param(run, column, id=f"{run.name}-{column.name}")
    for run in RUNS
    for column in COLUMNS
    if IS_FULL or (run.is_quick and column.is_quick and (run.is_opaque or column.has_codes))
]
REWRITE = "write docs/diagnosis-matrix.md anew: python -m tests.diagnose.matrix"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


@pytest.mark.parametrize(("run", "column"), TABLES)
def test_causes_are_named_as_the_page_has_it_and_no_wrong_one_with_certainty(
    run: Run, column: Column, matrix: Matrix, page: str
) -> None:
    stands = read_page(page)[run.name]
    for scenario in SCENARIOS:
        cell = matrix.cell(scenario, column, run)
        said = [reason.value for reason in cell.said]
        print(f"{scenario.name:38} {cell.outcome.value:6} {cell.reason or ', '.join(said[:5])}")
        assert not cell.wrong, f"{scenario.name}: {cell.wrong}"
        if run.goal is None:
            continue  # which of two errors shows after a handshake is chance; with a look it makes no difference
        assert entry_of(cell) == stands[scenario.name, column.name], f"{scenario.name}: {said}; {REWRITE}"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_share_of_causes_that_are_named_first(run: Run, page: str) -> None:
    table = read_page(page)[run.name]
    assert set(table) == {(s.name, c.name) for s in SCENARIOS for c in COLUMNS}, REWRITE
    first, total = share(table.values())
    print(f"{run.title}: {first} of {total}, {first / total:.1%}")
    assert total > 200
    if run.goal is not None:
        assert first / total >= run.goal
        for column in COLUMNS:
            # No model pays for the others.
            own_first, own_total = share(entry for (_, name), entry in table.items() if name == column.name)
            assert own_first / own_total >= 0.85, column.name
    assert re.search(rf"Named first in {first} of {total} cells", page)


def test_there_are_as_many_scenarios_as_causes_that_were_asked_for() -> None:
    assert len(SCENARIOS) == len({scenario.name for scenario in SCENARIOS}) == 31


def test_every_installed_model_is_in_the_matrix() -> None:
    assert {column.model for column in COLUMNS} == {model.name for model in registry().models}
    assert {c.model for c in COLUMNS if c.is_quick} == {model.name for model in registry().models}


def test_cells_that_do_not_apply_say_why_and_are_few(page: str) -> None:
    reasons = [why for s in SCENARIOS for c in COLUMNS if (why := s.unless(c)) is not None]
    assert all(len(why) > 20 for why in reasons)
    assert len(reasons) < 0.2 * len(SCENARIOS) * len(COLUMNS)
    for why in set(reasons):
        assert why in page, REWRITE


def test_every_scenario_applies_somewhere() -> None:
    for scenario in SCENARIOS:
        assert any(scenario.unless(column) is None for column in COLUMNS), scenario.name


def test_what_is_named_is_a_cause_that_the_others_do_not_have() -> None:
    counted = Counter(reason for scenario in SCENARIOS for reason in scenario.first)
    assert len(counted) >= 18
    assert all(scenario.first for scenario in SCENARIOS)


@pytest.mark.parametrize("column", [c for c in COLUMNS if IS_FULL or c.is_quick], ids=lambda c: c.name)
def test_healthy_connection_is_fine(column: Column, matrix: Matrix) -> None:
    """Without it a diagnosis that always says something would do as well."""
    world = matrix.world
    clock = {"clock": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "network_time": "no"}
    diagnosis = matrix.diagnosis(column, Held(ca=world.root), clock, HOST, world.ports["good"], RUNS[0])
    assert diagnosis.is_fine, diagnosis.error
    assert not [finding for finding in diagnosis.findings if finding.severity is Severity.ERROR]


def test_reading_the_page_back_gives_what_was_written(page: str) -> None:
    tables = read_page(page)
    assert list(tables) == [run.name for run in RUNS]
    entries = [entry for table in tables.values() for entry in table.values()]
    assert all(
        (certainty is None) == (o in (Outcome.MISSED, Outcome.NOT_APPLICABLE)) for o, certainty in entries
    )
