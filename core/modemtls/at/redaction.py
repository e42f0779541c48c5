"""Taking secrets out of command lines, however a person or a damaged line wrote them.

A table says which values of which command are secret, counted from 0; the answer that echoes a command has its
values in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

__all__ = ["redactor"]

_VALUE = re.compile(r'(?:[^,"]|"[^"]*(?:"|$))*')
_ONE = re.compile(r'(?:[^;"]|"[^"]*(?:"|$))+|;')  # several commands may share a line
_ANSWERS_NAME_A_STATE = ("+CPIN", "+CPIN2")


def redactor(secrets: Mapping[str, Collection[int]]) -> Callable[[str], str]:
    """A function that gives a line without its secrets: those of ``secrets``, by command.

    >>> redactor({"+CGAUTH": {3}})('at+cgauth=1,1,"me","pw"')
    'at+cgauth=1,1,"me","***"'
    """
    names = "|".join(map(re.escape, secrets))
    named = re.compile(f"({names})" + r"(\s*[:=]\s*)(.*)", re.IGNORECASE | re.DOTALL)

    def one(line: str) -> str:
        found = named.search(line)
        if found is None:
            return line
        name, between, rest = found.groups()
        if name.upper() in _ANSWERS_NAME_A_STATE and ":" in between:
            return line
        return line[: found.start()] + name + between + _without(rest, secrets[name.upper()])

    def redact(line: str) -> str:
        if named.search(line) is None:  # as almost all are: taking them apart costs four times this
            return line
        return "".join(map(one, _ONE.findall(line)))

    return redact


def _without(values: str, positions: Collection[int]) -> str:
    found = []
    start = 0
    while start <= len(values):
        value = _VALUE.match(values, start)
        end = value.end() if value is not None else len(values)
        found.append(values[start:end])
        start = end + 1
    for position in positions:
        if position < len(found) and found[position].strip().strip('"'):
            found[position] = '"***"'
    return ",".join(found)
