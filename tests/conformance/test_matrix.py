"""The recorded outcomes, from which the support matrix is made, are those of the kit and of the models as they are."""

from __future__ import annotations

import json
from pathlib import Path

import modemtls_sequans.models
import modemtls_sierra_wip.models
from modemtls.testing import DriverConformance

RECORDED = Path(__file__).resolve().parents[2] / "docs" / "_conformance" / "outcomes.json"


def test_the_recorded_outcomes_are_current() -> None:
    found = json.loads(RECORDED.read_text("utf-8"))["models"]
    tests = {name for name in dir(DriverConformance) if name.startswith("test_")}
    assert set(found) == {
        model.name for model in (*modemtls_sequans.models.MODELS, *modemtls_sierra_wip.models.MODELS)
    }
    for model, cases in found.items():
        assert set(cases) == tests, f"{model}: record the run anew"
        assert all(passed == count > 0 for passed, count in cases.values()), model


def test_every_model_of_the_tree_is_tested() -> None:
    from . import test_models

    tested = {getattr(each, "model", None) for each in vars(test_models).values()}
    assert tested >= set(json.loads(RECORDED.read_text("utf-8"))["models"])
