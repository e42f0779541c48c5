"""``explain``: what a vendor's code means, without a modem."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from ..errors import Certainty
from .command import Command, asked
from .connection import complete_model
from .failures import LocalError, status_of
from .output import facts, show_json, table

if TYPE_CHECKING:
    from ..errors import ErrorEntry, ErrorTable

__all__ = ["entry_object", "explain", "sureness"]

_SURE = {
    Certainty.STATED: "stated by the source",
    Certainty.DERIVED: "derived from what was seen or checked",
    Certainty.GUESSED: "guessed: nothing confirms it",
}


def sureness(entry: ErrorEntry) -> str:
    """How sure the meaning is, in words."""
    return _SURE[entry.certainty]


def entry_object(entry: ErrorEntry) -> dict[str, Any]:
    """A row of a vendor's table as it stands in JSON."""
    return {
        "namespace": entry.namespace,
        "number": entry.number,
        "name": entry.name,
        "class": entry.error.__name__,
        "reasons": sorted(reason.value for reason in entry.reasons),
        "meaning": entry.meaning,
        "certainty": entry.certainty.value,
        "source": entry.source,
        "remedy": entry.remedy,
    }


class _Explain(Command):
    """A negative code is a code, not an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" not in args:
            negative = [each for each in args if re.fullmatch(r"-\d+", each)]
            args = [each for each in args if each not in negative] + (["--", *negative] if negative else [])
        return super().parse_args(ctx, args)


@click.command(cls=_Explain, short_help="What a code means, how sure that is.")
@click.argument("model", shell_complete=complete_model)
@click.argument("namespace", required=False)
@click.argument("code", required=False)
def explain(model: str, namespace: str | None, code: str | None) -> None:
    """Tell what CODE of MODEL means, how sure that is, and what to try.

    Without CODE all codes of NAMESPACE are listed, without NAMESPACE all that MODEL has. The same number
    means different things in different namespaces.
    """
    from ..plugins import find_model, load_object

    record = find_model(model)
    known: ErrorTable = load_object(record.errors)
    if code is None:
        entries = [entry for entry in known if namespace in (None, entry.namespace)]
        if not entries:
            raise _unknown(record.name, str(namespace), None, known)
        _list(record.name, entries, known)
        return
    entry = known.find(str(namespace), code.strip())
    if entry is None:
        raise _unknown(record.name, str(namespace), code.strip(), known)
    if asked().json:
        show_json(model=record.name, **entry_object(entry))
        return
    facts(
        [
            ("code", f"{entry.namespace} {entry.number} ({entry.name}) of {record.title}"),
            ("means", entry.meaning),
            ("how sure", sureness(entry)),
            ("reasons", ", ".join(sorted(reason.value for reason in entry.reasons)) or None),
            ("error", f"{entry.error.__name__}, exit status {status_of(entry.error(''))}"),
            ("source", entry.source),
            ("try", entry.remedy),
        ]
    )


def _list(model: str, entries: list[ErrorEntry], known: ErrorTable) -> None:
    if asked().json:
        show_json(
            model=model, namespaces=list(known.namespaces), codes=[entry_object(entry) for entry in entries]
        )
        return
    table(
        ("NAMESPACE", "CODE", "NAME", "HOW SURE", "MEANS"),
        [(e.namespace, e.number, e.name, e.certainty.value, e.meaning) for e in entries],
    )


def _unknown(model: str, namespace: str, code: str | None, known: ErrorTable) -> LocalError:
    spaces = ", ".join(known.namespaces)
    if namespace not in known.namespaces:
        return LocalError(f"{model} has no namespace {namespace!r}.", f"Its namespaces are {spaces}.")
    others = ", ".join(space for space in known.namespaces if space != namespace)
    return LocalError(
        f"Nobody has published what {namespace} {code} means on {model}, as far as the sources of this plugin go.",
        f"modemtls explain {model} {namespace} lists what is known"
        + (f"; other namespaces are {others}." if others else "."),
    )
