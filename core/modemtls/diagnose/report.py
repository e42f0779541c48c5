"""A diagnosis as one HTML file to send to somebody: no script, nothing loaded, evidence folded under each finding.

Everything in it comes from a modem, a server, a certificate or a user: each text is made harmless for a terminal and
then for HTML, in :func:`text`, and there is no other way into the page.  Serial number, keys and passwords are not in
a diagnosis to begin with; the query of the URL is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.metadata import version

from ..at.syntax import escaped
from ..errors import Certainty
from ..findings import Finding, Severity
from .report_diagram import diagram
from .result import Diagnosis, DiagnosisStep, Spoken, State, Who

__all__ = ["html_report"]

_MOST = 4000
_MOST_OF_A_LINE = 300
_MOST_LINES = 400
_SURE = {
    Certainty.STATED: "stated by the modem or its manual",
    Certainty.DERIVED: "derived from a check",
    Certainty.GUESSED: "guessed: it fits, and nothing confirms it",
}
_MARK = {State.GOOD: "✓", State.DOUBTFUL: "!", State.BAD: "✗", State.SKIPPED: "–"}
_SEVERITY = {Severity.ERROR: "cause", Severity.WARNING: "possible", Severity.NOTE: "remark"}
_ARROW = {Who.HOST: "→", Who.MODEM: "←", Who.EVENT: "⇠"}

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --dim: #5c667a; --paper: #ffffff; --box: #f4f6fa; --rule: #d7dce5;
  --good: #1a7f43; --doubtful: #97660a; --bad: #b3261e; --skipped: #6b7487; --mark: #2456c5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --dim: #a3acbf; --paper: #14171f; --box: #1d222d;
  --rule: #353c4b; --good: #57c785; --doubtful: #e0ac4e; --bad: #f2867e; --skipped: #98a1b3; --mark: #8fb0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
.dim { color: var(--dim); font-size: .9rem; }
.verdict { border-left: .35rem solid var(--good); background: var(--box); padding: .9rem 1.1rem; margin: 1.25rem 0;
  border-radius: .3rem; }
.verdict.fails { border-color: var(--bad); }
.verdict strong { font-size: 1.05rem; }
code, pre { font: .86rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
ol.steps, ol.findings { list-style: none; margin: 0; padding: 0; }
ol.steps > li { display: grid; grid-template-columns: 1.8rem 1fr; padding: .45rem 0;
  border-top: 1px solid var(--rule); }
ol.findings > li { border-top: 1px solid var(--rule); padding: .7rem 0; }
.mark { font-weight: 700; }
.good { color: var(--good); } .doubtful { color: var(--doubtful); } .bad { color: var(--bad); }
.skipped { color: var(--skipped); }
.tag { display: inline-block; border: 1px solid currentColor; border-radius: .8rem; padding: 0 .55rem;
  font-size: .8rem; margin-right: .4rem; }
.remedy { border-left: .2rem solid var(--mark); padding-left: .7rem; }
details { margin: .35rem 0; }
summary { cursor: pointer; color: var(--mark); font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: .3rem; background: var(--box); }
svg { display: block; min-width: 46rem; width: 100%; height: auto; }
svg text { font: 12px ui-monospace, monospace; fill: var(--ink); } svg .head { font: 600 13px system-ui, sans-serif; }
svg .lane { stroke: var(--rule); stroke-width: 1.5; } svg .arrow { stroke: var(--ink); stroke-width: 1.3; fill: none; }
svg .event { stroke-dasharray: 5 3; stroke: var(--mark); } svg .tip { fill: var(--ink); }
svg .tip.event { fill: var(--mark); }
svg .fault { stroke: var(--bad); } svg .tip.fault, svg text.fault { fill: var(--bad); stroke: none; }
svg text.dim { fill: var(--dim); font-size: 12px; }
@media print { details { display: block; } body { max-width: none; } }
"""


def text(value: object, most: int = _MOST) -> str:
    """``value`` as text of the page: nothing in it is obeyed by a terminal or a browser."""
    return escape(escaped(str(value)[: most + 1], most), quote=True)


def html_report(diagnosis: Diagnosis) -> str:
    """The whole page."""
    title = f"Why {diagnosis.url} fails" if not diagnosis.is_fine else f"{diagnosis.url} works"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="referrer" content="no-referrer">',
        f"<title>{text(title, 200)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{text(title, 300)}</h1>",
        f'<p class="dim">{text(diagnosis.model)}, {diagnosis.started:%Y-%m-%d %H:%M} UTC, modemtls'
        f" {text(version('modemtls'))}</p>",
        *_verdict(diagnosis),
        "<h2>What was looked at</h2>",
        '<ol class="steps">',
        *(_step(step) for step in diagnosis.steps),
        "</ol>",
        *_sequence(diagnosis),
        *_findings(diagnosis),
        *_modem(diagnosis),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(diagnosis: Diagnosis) -> Iterable[str]:
    if diagnosis.error is None:
        tried = diagnosis.step("attempt")
        done = tried is not None and tried.state is State.GOOD
        words = "The attempt succeeded." if done else "Nothing was found that must fail; no attempt was made."
        yield f'<section class="verdict"><strong>{words}</strong></section>'
        return
    yield '<section class="verdict fails">'
    causes = diagnosis.causes
    if not causes:
        yield f"<strong>{text(diagnosis.error.message)}</strong>"
    elif len(causes) == 1:
        yield f"<strong>{text(causes[0].message)}</strong>"
        if causes[0].remedy:
            yield f'<p class="remedy">{text(causes[0].remedy)}</p>'
        yield f'<p class="dim">{_SURE[causes[0].certainty]}</p>'
    else:
        yield "<strong>One of these, the most likely first; what was seen does not tell them apart:</strong><ul>"
        for cause in causes[:8]:
            remedy = f'<p class="remedy">{text(cause.remedy)}</p>' if cause.remedy else ""
            yield f"<li>{text(cause.message)}{remedy}</li>"
        yield "</ul>"
    yield "</section>"


def _step(step: DiagnosisStep) -> str:
    css = {State.GOOD: "good", State.DOUBTFUL: "doubtful", State.BAD: "bad", State.SKIPPED: "skipped"}[
        step.state
    ]
    lines = "".join(f'<p class="dim">{text(line)}</p>' for line in step.lines)
    return (
        f'<li><span class="mark {css}" title="{step.state.value}">{_MARK[step.state]}</span>'
        f"<div><p>{text(step.title)}</p>{lines}{_wire(step.spoken)}</div></li>"
    )


def _wire(spoken: tuple[Spoken, ...]) -> str:
    if not spoken:
        return ""
    lines = "\n".join(
        f"{_ARROW[each.who]} {text(each.line, _MOST_OF_A_LINE)}" for each in spoken[:_MOST_LINES]
    )
    return (
        f"<details><summary>{_count(len(spoken), 'line')} on the wire</summary><pre>{lines}</pre></details>"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sequence(diagnosis: Diagnosis) -> Iterable[str]:
    step = diagnosis.step("attempt")
    if step is None or not step.spoken:
        return
    yield "<h2>The attempt, as it went</h2>"
    yield f'<div class="scroll">{diagram(diagnosis, step)}</div>'


def _findings(diagnosis: Diagnosis) -> Iterable[str]:
    if not diagnosis.findings:
        return
    yield "<h2>Findings, the most likely first</h2>"
    yield '<ol class="findings">'
    for finding in diagnosis.findings:
        yield _finding(finding)
    yield "</ol>"


def _finding(finding: Finding) -> str:
    css = {Severity.ERROR: "bad", Severity.WARNING: "doubtful", Severity.NOTE: "skipped"}[finding.severity]
    parts = [
        f'<li><span class="tag {css}">{_SEVERITY[finding.severity]}</span>'
        f'<span class="dim">{text(finding.reason.value)}, {_SURE[finding.certainty]}</span>',
        f"<p>{text(finding.message)}</p>",
    ]
    if finding.remedy:
        parts.append(f'<p class="remedy">{text(finding.remedy)}</p>')
    evidence = [text(line, 1000) for line in finding.evidence[:40]]
    if finding.source:
        evidence.append(f"source: {text(finding.source)}")
    if evidence:
        lines = "\n".join(evidence)
        parts.append(f"<details><summary>What shows it</summary><pre>{lines}</pre></details>")
    return "".join((*parts, "</li>"))


def _modem(diagnosis: Diagnosis) -> Iterable[str]:
    who = diagnosis.identity
    facts = (
        ("Model", diagnosis.model),
        ("It says", " ".join(part for part in (who.manufacturer, who.product) if part)),
        ("Firmware", diagnosis.firmware or who.revision),
        ("Server seen from", diagnosis.origin.value if diagnosis.origin is not None else "not seen"),
        ("Path", " ← ".join(diagnosis.path)),
    )
    yield "<h2>Modem and server</h2><dl>"
    for name, value in facts:
        if value:
            yield f"<dt>{name}</dt><dd>{text(value)}</dd>"
    yield "</dl>"
