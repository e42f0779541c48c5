"""Sierra Wireless / Wavecom Q2686 and its relatives: Open AT modules with the WIP library.

Two models for one module, told apart by the application that runs in it: the companion agent of modemtls, which
has TLS by the Security plug-in, and the vendor's WIPsoft, which has TCP.  This module holds what can be known
without talking to a modem: the model records and the hook.
"""

from __future__ import annotations

from collections.abc import Iterable

import modemtls

from .models import MODELS


@modemtls.hookimpl
def modemtls_models() -> Iterable[modemtls.Model]:
    """The models of this plugin."""
    return MODELS
