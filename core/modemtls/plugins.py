"""Who is there: the only module that touches pluggy.

Each entry point of the group ``modemtls`` is loaded by itself: one that fails is kept with its cause and
the others go on.  A model name claimed twice is an error that names both distributions.
``MODEMTLS_DISABLE_PLUGINS`` holds names of plugins to leave out, separated by commas.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from . import hookspecs
from .errors import Reason, Unsupported
from .model import Model

__all__ = ["Plugin", "Registry", "find_model", "load_object", "registry"]

GROUP = "modemtls"


@dataclass(frozen=True)
class Plugin:
    """A plugin, loaded or not: ``error`` says why it, or one of its models, is not usable."""

    name: str
    distribution: str
    version: str
    models: tuple[Model, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Registry:
    """Everything that is installed."""

    plugins: tuple[Plugin, ...]

    @property
    def models(self) -> tuple[Model, ...]:
        """All usable models, by name."""
        return tuple(sorted((m for plugin in self.plugins for m in plugin.models), key=lambda m: m.name))

    def find(self, name: str) -> Model:
        """The model of that name.

        :raises Unsupported: nobody declares it; the message names the near ones and load errors.
        """
        for model in self.models:
            if model.name == name:
                return model
        names = [model.name for model in self.models]
        near = difflib.get_close_matches(name, names, n=3)
        broken = "".join(f" Plugin {p.name} did not load: {p.error}." for p in self.plugins if p.error)
        raise Unsupported(
            f"There is no model {re.sub(r'[^ -~]', '?', name)[:80]!r} in the installed plugins.{broken}",
            remedy=f"Did you mean {' or '.join(near)}?"
            if near
            else f"Known are {', '.join(names) or 'none'}.",
            reasons={Reason.UNKNOWN_MODEL},
        )


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _load(point: EntryPoint) -> Plugin:
    distribution = point.dist.name if point.dist is not None else "unknown"
    version = point.dist.version if point.dist is not None else ""
    try:
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(point.load(), name=point.name)
        manager.check_pending()
        answers: list[Any] = manager.hook.modemtls_models()
        if not answers:
            return Plugin(point.name, distribution, version, error="it has no hook modemtls_models")
        models = tuple(model for answer in answers for model in answer)
        for model in models:
            if not isinstance(model, Model):
                raise TypeError(f"modemtls_models gave a {type(model).__name__} instead of a Model")
        names = [model.name for model in models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"it declares {', '.join(twice)} twice")
    except (Exception, SystemExit) as error:  # a broken plugin must not break the tool: kept with its cause
        return Plugin(point.name, distribution, version, error=_describe(error))
    return Plugin(point.name, distribution, version, models)


def discover(points: tuple[EntryPoint, ...]) -> Registry:
    """Load these entry points, each by itself."""
    disabled = {name.strip() for name in os.environ.get("MODEMTLS_DISABLE_PLUGINS", "").split(",")}
    plugins: list[Plugin] = []
    owners: dict[str, Plugin] = {}
    for point in sorted(points, key=lambda point: point.name):
        if point.name in disabled:
            continue
        plugin = _load(point)
        claimed = {model.name: owners[model.name] for model in plugin.models if model.name in owners}
        if claimed:
            words = "; ".join(
                f"{name} is also declared by {o.name} ({o.distribution})" for name, o in claimed.items()
            )
            kept = tuple(model for model in plugin.models if model.name not in claimed)
            plugin = Plugin(
                plugin.name,
                plugin.distribution,
                plugin.version,
                kept,
                f"{plugin.name} ({plugin.distribution}) declares models twice: {words}",
            )
        owners.update({model.name: plugin for model in plugin.models})
        plugins.append(plugin)
    return Registry(tuple(plugins))


@cache
def registry() -> Registry:
    """What is installed, found once per process."""
    return discover(tuple(entry_points(group=GROUP)))


def find_model(name: str) -> Model:
    """The installed model of that name.

    :raises Unsupported: there is none.
    """
    return registry().find(name)


def load_object(reference: str) -> Any:
    """The object that ``"module:attribute"`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
