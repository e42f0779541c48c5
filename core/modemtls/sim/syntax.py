"""The syntax of command lines (ITU-T V.250) and of parameters, and the standard numbers.

A line is ``AT`` and commands: basic ones (a letter, maybe after ``&``, and a number) follow each other
directly, extended ones (``+``, ``^``, ``*``, ``#``, ``%``, ``$``) are separated by ``;``.
"""

from __future__ import annotations

import re

__all__ = ["CME_TEXTS", "RESULT_NUMBERS", "Parameter", "ParameterError", "parameters", "split_commands"]

#: ``ATV0``: numbers of final result codes (V.250 table 1).
RESULT_NUMBERS = {
    "OK": 0,
    "CONNECT": 1,
    "RING": 2,
    "NO CARRIER": 3,
    "ERROR": 4,
    "NO DIALTONE": 6,
    "BUSY": 7,
    "NO ANSWER": 8,
}

#: 3GPP TS 27.007 section 9.2.
CME_TEXTS = {
    0: "phone failure",
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    50: "Incorrect parameters",
    60: "System failure",
    100: "unknown",
}

_BASIC = re.compile(r"&?[A-Z]\d*(?:\?|=\d*)?", re.IGNORECASE)


def split_commands(line: str) -> list[str]:
    """The commands of a line, each with its own ``AT``.

    >>> split_commands('ATE0V1+CMEE=1;+CGDCONT=1,"IP","a;b"')
    ['ATE0', 'ATV1', 'AT+CMEE=1', 'AT+CGDCONT=1,"IP","a;b"']
    """
    rest = line[2:].strip()
    if not rest:
        return ["AT"]
    parts = []
    while rest:
        basic = _BASIC.match(rest)
        if basic and not rest[0].isdigit():
            parts.append("AT" + basic[0])
            rest = rest[basic.end() :].lstrip(" ;")
            continue
        quoted = False
        end = len(rest)
        for position, character in enumerate(rest):
            if character == '"':
                quoted = not quoted
            elif character == ";" and not quoted:
                end = position
                break
        parts.append("AT" + rest[:end].rstrip())
        rest = rest[end + 1 :].lstrip()
    return parts


class ParameterError(ValueError):
    """The parameters of a command do not have the form of parameters."""


class Parameter(str):
    """One parameter: its text without quotes; ``quoted`` says whether it had some."""

    quoted: bool

    @classmethod
    def of(cls, text: str, quoted: bool) -> Parameter:
        """A parameter with its quotes taken off."""
        made = cls(text)
        made.quoted = quoted
        return made

    def number(self, low: int, high: int) -> int:
        """The value of an unquoted or quoted decimal number.

        :raises ParameterError: it is none, or not between ``low`` and ``high``.
        """
        if not re.fullmatch(r"[0-9]{1,9}", self) or not low <= int(self) <= high:
            raise ParameterError(f"{self!r} is not a number from {low} to {high}")
        return int(self)


def parameters(text: str) -> list[Parameter]:
    """Split at commas outside quotes.  There is no escaping: nobody has seen any.

    >>> parameters('1,"a,b",,0')
    ['1', 'a,b', '', '0']

    :raises ParameterError: a quote is missing, or stands inside a parameter.
    """
    found = []
    for match in re.finditer(r'\s*(?:"([^"]*)"|([^",]*?))\s*(,|$)', text):
        quoted = match[1] is not None
        found.append((match.span(), Parameter.of(match[1] if quoted else match[2], quoted), match[3]))
        if not match[3]:
            break
    position = 0
    for (start, end), _, _ in found:
        if start != position:
            break
        position = end
    if position != len(text) or not found or found[-1][2]:
        raise ParameterError("the parameters are not separated by commas and quoted as they should be")
    return [parameter for _, parameter, _ in found]
