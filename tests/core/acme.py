"""Another vendor, made of records only: what the core must do with models that nobody has built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modemtls import Certainty, Check, Enforcement, Identity, Limits, Match, Model, Resolved


def resolved(firmware: str, options: Any) -> Resolved:
    chain = frozenset({frozenset({Check.CHAIN})})
    return Resolved(firmware, frozenset(), Limits(), Enforcement(chain))


def says(product: str, certainty: Certainty) -> Callable[[Identity], Match | None]:
    """Fits a modem of this product, as sure as that."""

    def matches(who: Identity) -> Match | None:
        return Match(certainty, who.revision) if who.product == product else None

    return matches


def model(name: str, product: str = "X1", certainty: Certainty = Certainty.STATED) -> Model:
    return Model(
        name=name, vendor="Acme", title="Acme X1", matches=says(product, certainty), resolve=resolved,
        driver="nowhere:Driver", errors="nowhere:ERRORS",
    )  # fmt: skip
