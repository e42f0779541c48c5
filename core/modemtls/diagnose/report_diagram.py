"""The sequence of an attempt as inline SVG: this computer, the modem, the server, time going down.

What passes between modem and server is not seen from here, so it is one arrow and says so; what the modem reports of it
is drawn where it was reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ..at.syntax import escaped
from ..errors import ModemError
from .result import Diagnosis, DiagnosisStep, Spoken, State, Who

__all__ = ["diagram"]

MOST_ROWS = 40
_WIDTH, _TOP, _ROW = 940, 46, 30
_HOST, _MODEM, _SERVER = 60, 610, 880
_LABEL_CHARACTERS = 74


def diagram(diagnosis: Diagnosis, step: DiagnosisStep) -> str:
    """The SVG element."""
    left_out, spoken = _chosen(step.spoken)
    error = diagnosis.error if step.state is State.BAD else None
    rows = list(_rows(spoken, left_out, error))
    height = _TOP + _ROW * (len(rows) + 1) + 12
    name, model = (escape(escaped(each[:29], 28)) for each in (diagnosis.host, diagnosis.model))
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="The sequence of the attempt">',
        *(
            f'<line class="lane" x1="{x}" y1="{_TOP - 12}" x2="{x}" y2="{height - 8}"/>'
            for x in (_HOST, _MODEM, _SERVER)
        ),
        f'<text class="head" x="{_HOST}" y="22" text-anchor="middle">This computer</text>',
        f'<text class="head" x="{_MODEM}" y="22" text-anchor="middle">{model}</text>',
        f'<text class="head" x="{_WIDTH - 6}" y="22" text-anchor="end">{name}</text>',
    ]
    for number, row in enumerate(rows):
        parts += row.drawn(_TOP + _ROW * (number + 1))
    return "".join((*parts, "</svg>"))


def _chosen(spoken: Sequence[Spoken]) -> tuple[int, Sequence[Spoken]]:
    """The last rows: those with the failure in them."""
    return max(0, len(spoken) - MOST_ROWS), spoken[-MOST_ROWS:]


class _Row:
    def __init__(self, label: str, start: int, end: int, css: str = "") -> None:
        self.label, self.start, self.end, self.css = label, start, end, css

    def drawn(self, y: int) -> Iterator[str]:
        label = escape(escaped(self.label[: _LABEL_CHARACTERS + 1], _LABEL_CHARACTERS))
        if self.start == self.end:
            yield f'<text class="dim" x="{self.start + 8}" y="{y}">{label}</text>'
            return
        back = 8 if self.start < self.end else -8
        yield f'<line class="arrow {self.css}" x1="{self.start}" y1="{y}" x2="{self.end - back // 2}" y2="{y}"/>'
        foot = self.end - back
        yield f'<path class="tip {self.css}" d="M{self.end} {y} L{foot} {y - 4} L{foot} {y + 4} Z"/>'
        css = "fault" if "fault" in self.css else ""
        x = min(self.start, self.end) + 12
        yield f'<text class="{css}" x="{x}" y="{y - 6}">{label}</text>'


def _rows(spoken: Sequence[Spoken], left_out: int, error: ModemError | None) -> Iterator[_Row]:
    if left_out:
        yield _Row(f"({left_out} more before these: see the list above)", _HOST, _HOST)
    dialled, told = _failure(spoken, error) if error is not None else (None, frozenset())
    for place, each in enumerate(spoken):
        if each.who is Who.HOST:
            yield _Row(each.line, _HOST, _MODEM)
        else:
            css = "event" if each.who is Who.EVENT else ""
            yield _Row(each.line, _MODEM, _HOST, f"{css} fault" if place in told else css)
        if place == dialled:
            yield _Row("connection, TLS: not seen", _MODEM, _SERVER, "event fault")


def _failure(spoken: Sequence[Spoken], error: ModemError) -> tuple[int | None, frozenset[int]]:
    """The command after which the modem went to the server, and the lines in which it told the failure."""
    said = [i for i, each in enumerate(spoken) if each.who is not Who.HOST]
    told = [i for i in said if spoken[i].line in error.lines and spoken[i].line != "OK"]
    if not told:
        told = [i for i in said if "ERROR" in spoken[i].line or spoken[i].line == "NO CARRIER"][-1:]
    sent = [i for i, each in enumerate(spoken) if each.who is Who.HOST]
    asked = [i for i in sent if spoken[i].line == error.command]
    before = [i for i in sent if told and i < told[-1]]
    dialled = (asked or before or [None])[-1]  # type: ignore[list-item]
    return dialled, frozenset(i for i in told if dialled is None or i > dialled)
