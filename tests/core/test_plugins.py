"""Plugins: each is loaded by itself; what is wrong with one is told and harms no other."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import pytest

import modemtls
from modemtls import Unsupported
from modemtls.plugins import discover, load_object, registry

from .acme import model


@pytest.fixture
def plugin() -> Iterator[Callable[..., EntryPoint]]:
    """Makes a plugin's module of a function, and gives the entry point that names it."""
    made: list[str] = []

    def make(name: str, models: object, *, hook: str = "modemtls_models") -> EntryPoint:
        module = types.ModuleType(f"plugin_{name}_of_these_tests")
        if callable(models):
            setattr(module, hook, modemtls.hookimpl(models))
        sys.modules[module.__name__] = module
        made.append(module.__name__)
        return EntryPoint(name, module.__name__, "modemtls")

    yield make
    for name in made:
        del sys.modules[name]


def test_models_are_found_and_sorted_by_name(plugin: Callable[..., EntryPoint]) -> None:
    found = discover((plugin("b", lambda: [model("b-1")]), plugin("a", lambda: (model("a-2"), model("a-1")))))
    assert [each.name for each in found.models] == ["a-1", "a-2", "b-1"]
    assert [each.error for each in found.plugins] == [None, None]
    assert found.find("a-2").name == "a-2"


def failing(error: BaseException) -> Callable[[], object]:
    def models() -> object:
        raise error

    return models


def late() -> Iterator[object]:
    yield model("late-1")
    raise OSError("no")


@pytest.mark.parametrize(
    ("models", "hook", "words"),
    [
        (failing(RuntimeError("broken inside")), "modemtls_models", "broken inside"),
        (failing(SystemExit(3)), "modemtls_models", "SystemExit"),
        (late, "modemtls_models", "OSError"),
        (lambda: ["acme-x1"], "modemtls_models", "a str instead of a Model"),
        (lambda: None, "modemtls_models", "no hook"),
        (lambda: 7, "modemtls_models", "int"),
        (lambda: [model("x"), model("x")], "modemtls_models", "x twice"),
        (lambda: [], "modemtls_modells", "modemtls_modells"),
        (lambda wrong: [], "modemtls_models", "wrong"),
        (None, "", "no hook"),
    ],
)
def test_broken_plugin_is_told_with_its_cause_and_the_others_go_on(
    plugin: Callable[..., EntryPoint], models: object, hook: str, words: str
) -> None:
    found = discover((plugin("broken", models, hook=hook), plugin("good", lambda: [model("good-1")])))
    broken, good = found.plugins
    assert broken.error is not None
    assert words in broken.error
    assert (good.error, [each.name for each in found.models]) == (None, ["good-1"])


def test_plugin_whose_module_is_missing_is_told() -> None:
    found = discover((EntryPoint("lost", "no_such_module_anywhere", "modemtls"),))
    assert found.plugins[0].error is not None
    assert "no_such_module_anywhere" in found.plugins[0].error


def test_model_claimed_twice_names_both_and_stays_with_the_first(plugin: Callable[..., EntryPoint]) -> None:
    mine, other = model("acme-x1", "A"), model("acme-x1", "B")
    found = discover((plugin("b", lambda: [other, model("b-1")]), plugin("a", lambda: [mine])))
    assert found.find("acme-x1") is mine
    assert found.find("b-1")
    error = found.plugins[1].error
    assert error is not None
    assert "acme-x1" in error
    assert "b (unknown)" in error
    assert "a (unknown)" in error


def test_plugins_can_be_left_out(plugin: Callable[..., EntryPoint], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEMTLS_DISABLE_PLUGINS", " a , c")
    found = discover((plugin("a", failing(RuntimeError())), plugin("b", lambda: [model("b-1")])))
    assert [each.name for each in found.plugins] == ["b"]


def test_name_that_nobody_declares_names_the_near_ones_and_what_did_not_load(
    plugin: Callable[..., EntryPoint],
) -> None:
    found = discover((plugin("a", lambda: [model("acme-x1")]), plugin("b", failing(RuntimeError("why")))))
    with pytest.raises(Unsupported, match="acme-x1") as caught:
        found.find("acme-x2")
    assert "b did not load" in str(caught.value)
    assert "why" in str(caught.value)
    with pytest.raises(Unsupported) as caught:
        found.find("zzz\x1b[31m")
    assert "\x1b" not in str(caught.value)


def test_installed_plugins_load() -> None:
    assert registry().models
    assert not [each.error for each in registry().plugins if each.error]
    for each in registry().models:
        assert load_object(each.driver)
        assert load_object(each.errors)
