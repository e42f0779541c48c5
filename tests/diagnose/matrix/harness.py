"""One cell of the matrix: a modem is set up, a real handshake fails, and what the diagnosis says is judged."""

from __future__ import annotations

import enum
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from modemtls import Certainty, Finding, Reason, Severity
from modemtls.diagnose.look import Look, from_host
from modemtls.diagnose.result import Diagnosis
from modemtls.diagnose.walk import Asked, Walk

from .rigs import Column, Held, open_modem, prepare
from .scenarios import Scenario
from .servers import World

__all__ = ["IS_FULL", "RUNS", "Cell", "Matrix", "Outcome", "Run", "View"]

IS_FULL = os.environ.get("MODEMTLS_ATTACK") == "full"  # read now: no test sees a variable of this name


class Outcome(enum.Enum):
    """What a diagnosis made of its scenario."""

    FIRST = "first"
    """The cause is named first."""
    NAMED = "named"
    """The cause is among those that are named."""
    MISSED = "missed"
    """The cause is not named."""
    NOT_APPLICABLE = "n/a"


class View(enum.Enum):
    """What the diagnosis has of the server's certificates."""

    GIVEN = "given"
    """Seen from this computer's own network, before."""
    OWN = "own"
    """Nothing is given: it looks by itself, through the modem's plain TCP stream."""
    BLIND = "blind"
    """Nothing is given, and it may not look."""


@dataclass(frozen=True)
class Run:
    """One table: which codes the simulated modems give, and what the diagnosis has to look at."""

    name: str
    title: str
    is_opaque: bool
    view: View
    goal: float | None = None
    """The share of cells in which the cause has to be named first."""
    is_quick: bool = False
    """It is part of the default run."""


RUNS = (
    Run("opaque-given", "One code for every TLS failure; the server's certificates are given", True, View.GIVEN,
        0.95, is_quick=True),
    Run("opaque-own", "One code for every TLS failure; nothing is given, and the diagnosis looks through the modem",
        True, View.OWN, 0.80, is_quick=True),
    Run("codes-given", "The codes that the simulated modems assume; the server's certificates are given", False,
        View.GIVEN, 0.95, is_quick=True),
    Run("codes-own", "The codes that the simulated modems assume; nothing is given, and the diagnosis looks through"
        " the modem", False, View.OWN, 0.80),
    Run("opaque-blind", "One code for every TLS failure; nothing is given, and it may not look", True, View.BLIND),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One scenario on one column.

    ``certainty``: of the finding that names the cause.  ``wrong``: causes that are not so and were called certain.
    """

    scenario: str
    column: str
    outcome: Outcome
    certainty: Certainty | None = None
    said: tuple[Reason, ...] = ()
    wrong: tuple[Finding, ...] = ()
    reason: str = ""
    diagnosis: Diagnosis | None = field(default=None, repr=False, compare=False)

    @property
    def applies(self) -> bool:
        """It counts."""
        return self.outcome is not Outcome.NOT_APPLICABLE


def _found_here(real: Callable[..., Any]) -> Callable[..., Any]:
    """Names under example.org are this computer, and no other name is known, for a look from this computer."""

    def found(host: Any, *rest: Any, **more: Any) -> Any:
        name = str(host)
        if name.endswith("example.org"):
            return real("127.0.0.1", *rest, **more)
        if name[:1].isdigit():
            return real(host, *rest, **more)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    return found


class Matrix:
    """Where cells are tried; the looks at the servers are kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._looks: dict[tuple[str, int], Look] = {}
        self._tried = 0

    def look(self, host: str, port: int) -> Look:
        """The server as this computer's own network shows it."""
        key = host, port
        if key not in self._looks:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(socket, "getaddrinfo", _found_here(socket.getaddrinfo))
                self._looks[key] = from_host(host, port, timeout=1.0)
        return self._looks[key]

    def cell(self, scenario: Scenario, column: Column, run: Run) -> Cell:
        """Try a cell: a real handshake, and the diagnosis of its failure."""
        new = partial(Cell, scenario.name, column.name)
        why = scenario.unless(column)
        if why is not None:
            return new(Outcome.NOT_APPLICABLE, reason=why)
        diagnosis = self.diagnosis(
            column,
            scenario.held(self.world, column),
            scenario.settings(column),
            scenario.host,
            self.world.ports[scenario.server],
            run,
        )
        return judged(scenario, diagnosis, new)

    def diagnosis(
        self, column: Column, held: Held, given: Mapping[str, str], host: str, port: int, run: Run
    ) -> Diagnosis:
        """What is said of a request from a modem of this column that was set up so."""
        self._tried += 1
        settings = {
            "map": "api.example.org=127.0.0.1,v1.api.example.org=127.0.0.1",
            "opaque": "yes" if run.is_opaque else "no",
            # Each is a modem of its own: what is remembered of another one is not about it.
            "imei": f"004999{self._tried:09}",
            **({"patience": "0.25"} if column.family == "wipsoft" else {}),
            **given,
        }
        with open_modem(column, settings) as modem:
            prepare(modem, column, held)
            by_hand = not held.is_plain and column.family != "wipsoft"
            asked = Asked(
                host,
                port,
                http=column.http,
                profile=modem._ops.security_profile if by_hand else None,
                look=self.look(host, port) if run.view is View.GIVEN else None,
                may_look=run.view is not View.BLIND,
                timeout=20.0,
            )
            return modem._run(Walk(modem._ops, asked).run())


def judged(scenario: Scenario, diagnosis: Diagnosis, new: Any) -> Cell:
    """What a diagnosis is worth."""
    causes = [f for f in diagnosis.findings if f.severity is not Severity.NOTE]
    right = next((f for f in causes if f.reason in scenario.first), None)
    wrong = tuple(
        f for f in causes if f.certainty is not Certainty.GUESSED and f.reason not in scenario.allowed
    )
    if diagnosis.is_fine or right is None:
        outcome = Outcome.MISSED
    else:
        outcome = Outcome.FIRST if causes[0].reason in scenario.first else Outcome.NAMED
    cell: Cell = new(
        outcome,
        None if right is None else right.certainty,
        tuple(dict.fromkeys(f.reason for f in causes)),
        wrong,
        diagnosis=diagnosis,
    )
    return cell
