"""The kit itself is tested: a driver with one fault is caught, and the same driver without it passes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from modemtls import TlsVersion
from modemtls.testing import DriverConformance
from modemtls.testing.conformance.bench import Bench
from modemtls.testing.conformance.servers import Servers

from .mutants import MUTANTS, Mutant, Test

MODEL = "sequans-gm02s"


@pytest.fixture(scope="module")
def servers() -> Iterator[Mapping[bool, Servers]]:
    with Servers(TlsVersion.TLS1_3) as running:
        yield {False: running}


@pytest.fixture
def bench(
    servers: Mapping[bool, Servers],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Bench:
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "state"))
    patch = request.getfixturevalue("broken")
    assert patch is not None
    return Bench(MODEL, settings={}, options=None, accept_gaps=None, servers=servers)


@pytest.fixture
def broken(request: pytest.FixtureRequest) -> Iterator[bool]:
    """The driver has the fault of the test's mutant, if it has one."""
    mutant = request.node.callspec.params.get("mutant")
    with pytest.MonkeyPatch.context() as patch:
        if mutant is not None:
            mutant.apply(patch)
        yield mutant is not None


def run(test: Test, bench: Bench, tmp_path: Path) -> None:
    """One test of the kit."""
    name, given = test
    method = getattr(DriverConformance(), name)
    more = {"tmp_path": tmp_path} if "tmp_path" in inspect.signature(method).parameters else {}
    method(bench, **given, **more)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[each.name for each in MUTANTS])
def test_a_driver_with_this_fault_is_caught(mutant: Mutant, bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever a test fails with
        run(mutant.caught_by, bench, tmp_path)
    assert not isinstance(caught.value, (TypeError, NameError, KeyboardInterrupt)), (
        "the mutant itself is broken"
    )


CONTROLS = {
    f"{test[0]}{sorted(map(str, test[1].values()))}": test for test in (each.caught_by for each in MUTANTS)
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=[test[0] for test in CONTROLS.values()])
def test_the_driver_without_a_fault_passes(control: Test, bench: Bench, tmp_path: Path) -> None:
    run(control, bench, tmp_path)


def test_there_are_enough_of_them() -> None:
    assert len({each.name for each in MUTANTS}) == len(MUTANTS) >= 20
