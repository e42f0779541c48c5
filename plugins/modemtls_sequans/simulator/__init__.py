"""Simulated GM02S, GM02SP and GM01Q modems, as far as public sources tell how the real ones behave.

What no source tells is a setting (:mod:`.settings`) marked as assumed, or is called assumed where it is done.
"""

from __future__ import annotations

from typing import ClassVar

from modemtls.policy import TlsVersion
from modemtls.sim import SimSettings

from .http import MonarchHttp
from .settings import Gm01qSettings, Gm02spSettings, Gm02sSettings, MonarchSettings

__all__ = ["Gm01q", "Gm01qSettings", "Gm02s", "Gm02sSettings", "Gm02sp", "Gm02spSettings", "MonarchSettings"]


class Gm02s(MonarchHttp):
    """A simulated GM02S (Monarch 2, LR8.2)."""

    settings_type: ClassVar[type[SimSettings]] = Gm02sSettings
    usual_firmware: ClassVar[str] = "LR8.2.0.2-59200"


class Gm02sp(MonarchHttp):
    """A simulated GM02SP (Monarch 2, LR8.2.1)."""

    settings_type: ClassVar[type[SimSettings]] = Gm02spSettings
    usual_firmware: ClassVar[str] = "LR8.2.1.0-61488"


class Gm01q(MonarchHttp):
    """A simulated GM01Q (Monarch 1, LR5): TLS 1.2 at most (inferred), meaning of the levels assumed."""

    settings_type: ClassVar[type[SimSettings]] = Gm01qSettings
    usual_firmware: ClassVar[str] = "UE5.0.0.0d/LR5.4.1.0-50495"
    max_tls: ClassVar[TlsVersion] = TlsVersion.TLS1_2
    levels_known: ClassVar[bool] = False
