"""The one hook by which plugins are found.

::

    import modemtls

    @modemtls.hookimpl
    def modemtls_models():
        return [ACME_X1]

The module that holds it is named by an entry point of the group ``modemtls``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from .model import Model

hookspec = pluggy.HookspecMarker("modemtls")
hookimpl = pluggy.HookimplMarker("modemtls")


@hookspec
def modemtls_models() -> Iterable[Model]:  # type: ignore[empty-body]
    """The models that a plugin knows, as frozen records; nothing is opened or imported for it."""
