"""What a pasted terminal log shows of a cause, without a modem.

The vendor's driver reads it (:meth:`modemtls.driver.Driver.read_log`), on no line at all: which vendor that is
follows from the words in the log.  Here the findings are put in order: what explains a failure that stands in
the log comes first, then what is surest.  A cause that the log does not show is never made up: where only a code
is there, the candidates are given as a set, each of them guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..at.channel import Channel
from ..at.syntax import Dialect
from ..driver import Driver
from ..errors import Certainty, ErrorEntry, Reason, Unsupported
from ..findings import Finding, Severity, Term
from ..model import Model
from ..operations import vendor_options
from ..paste import Entry, EntryKind, Paste, read_paste
from ..plugins import load_object, registry
from ..settings import Settings
from ..standard import StandardDriver
from .standard_log import clock_in, registration_in

__all__ = ["Explained", "LogReading", "lint_log"]

_SURE = (Certainty.STATED, Certainty.DERIVED, Certainty.GUESSED)


@dataclass(frozen=True)
class Explained:
    """A line of the log with a code or a word of the vendor's in it, and what that means."""

    entry: Entry
    meaning: ErrorEntry | Term


@dataclass(frozen=True)
class LogReading:
    """What a log shows: ``findings`` with the most likely cause first; ``because`` says how the model was known."""

    model: str
    because: str
    paste: Paste
    explained: tuple[Explained, ...]
    findings: tuple[Finding, ...]


def lint_log(text: str, *, model: str | None = None) -> LogReading:
    """Read a pasted log, with the eyes of ``model`` or of the vendor whose words are in it.

    :raises Unsupported: no installed plugin knows what is in it, or ``model`` is not installed.
    :raises ValueError: it is too long.
    """
    paste = read_paste(text)
    record, because = _whose(paste, model)
    driver = detached(record)
    redact = driver.dialect.redact
    paste = replace(
        paste, entries=tuple(replace(each, text=redact(each.text)) for each in paste.entries), text=""
    )
    explained = tuple(_explained(paste, driver))
    found = [*driver.read_log(paste), *registration_in(paste)]
    if isinstance(driver, StandardDriver):
        found += clock_in(paste, driver.unset_years)
    findings = _in_order(found, explained)
    return LogReading(record.name, because, paste, explained, findings)


def _explained(paste: Paste, driver: Driver) -> Iterator[Explained]:
    """Each code where it stands; each word where it stands first."""
    terms = {term.name: (term, re.compile(rf"(?<!\w){re.escape(term.name)}(?!\w)")) for term in driver.terms}
    for entry in paste.entries:
        if entry.kind in (EntryKind.FINAL, EntryKind.INFORMATION) and entry.text != "OK":
            meaning = driver.explain(entry.text)
            if meaning is not None:
                yield Explained(entry, meaning)
        for name, (term, pattern) in [*terms.items()]:
            if pattern.search(entry.text):
                del terms[name]
                yield Explained(entry, term)


def detached(model: Model) -> Driver:
    """A model's driver without a modem: it can read what a modem has said, and do nothing."""
    options = vendor_options(model, Settings())
    driver: Driver = load_object(model.driver)(
        Channel(Dialect()), model, model.resolve("", options), options, load_object(model.errors)
    )
    return driver


def _whose(paste: Paste, name: str | None) -> tuple[Model, str]:
    models = registry().models
    if name is not None:
        return registry().find(name), "the model was given"
    scores = {
        model.name: sum(any(word in entry.text for word in model.log_words) for entry in paste.entries)
        for model in models
    }
    most = max(scores.values(), default=0)
    if not most:
        raise Unsupported(
            "Nothing in this text is a command, an answer or a name that an installed plugin knows.",
            remedy="Give the log with the commands and the modem's answers, or say --model NAME (modemtls models).",
            reasons={Reason.UNKNOWN_MODEL},
        )
    usual = next(model for model in models if scores[model.name] == most)
    of_vendor = [model for model in models if model.vendor == usual.vendor]
    upper = paste.text.upper()
    named = [model for model in of_vendor if any(_is_word(name, upper) for name in model.log_names)]
    lines = "1 line has" if most == 1 else f"{most} lines have"
    if len(named) == 1:
        return named[0], f"{lines} words of {usual.vendor}, and it is named"
    others = ", ".join(model.name for model in of_vendor if model is not usual)
    also = f"; it does not say which model it is, --model can name another ({others})" if others else ""
    return usual, f"{lines} words of {usual.vendor}{also}"


def _is_word(name: str, text: str) -> bool:
    return re.search(rf"(?<![A-Z0-9]){re.escape(name)}(?![A-Z0-9])", text) is not None


def _in_order(found: list[Finding], explained: Sequence[Explained]) -> tuple[Finding, ...]:
    """The most likely cause first; a code that no finding explains adds its candidates."""
    failures = [
        (each.entry, each.meaning) for each in explained
        if isinstance(each.meaning, ErrorEntry) and each.meaning.reasons
    ]  # fmt: skip
    reasons = frozenset(reason for _, meaning in failures for reason in meaning.reasons)
    causes = {finding.reason for finding in found if finding.severity is Severity.ERROR}
    seen = set()
    for entry, meaning in failures:
        key = (meaning.namespace, meaning.number)
        if key in seen or causes & meaning.reasons:
            continue
        seen.add(key)
        found.append(_of_code(entry, meaning))

    def likely(finding: Finding) -> tuple[int, bool, bool, int]:
        """What was checked comes before a guess; among equals, what explains a failure in the log."""
        guessed = finding.certainty is Certainty.GUESSED
        return finding.severity, guessed, finding.reason not in reasons, _SURE.index(finding.certainty)

    return tuple(sorted(dict.fromkeys(found), key=likely))


def _of_code(entry: Entry, meaning: ErrorEntry) -> Finding:
    ordered = sorted(meaning.reasons, key=list(Reason).index)
    several = (
        f" At least one of: {', '.join(reason.value for reason in ordered)}." if len(ordered) > 1 else ""
    )
    return Finding(
        ordered[0],
        Severity.ERROR,
        Certainty.GUESSED if len(ordered) > 1 else meaning.certainty,
        f"{meaning.namespace} {meaning.number} ({meaning.name}): {meaning.meaning}.{several}",
        meaning.remedy,
        evidence=(entry.shown,),
        source=meaning.source,
    )
