"""Sequans Monarch modems: GM02S, GM02SP and GM01Q.

This module holds what can be known without talking to a modem: the model records and the hook.
"""

from __future__ import annotations

from collections.abc import Iterable

import modemtls

from .models import MODELS


@modemtls.hookimpl
def modemtls_models() -> Iterable[modemtls.Model]:
    """The models of this plugin."""
    return MODELS
