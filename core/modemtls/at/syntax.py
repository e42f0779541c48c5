"""What AT commands and their answers are made of.

Two doors lead to the wire.  :class:`Command` is built from a name and typed arguments: numbers, and
strings that have passed :func:`quote`; drivers use only this one.  :func:`raw` takes one printable
line as a person typed it.  Neither lets a line end, a control character or a non-ASCII character
through, so an argument can never become a second command.

A secret argument is marked where the command is built; ``Command.shown`` is what may be logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import CommandError, Reason

__all__ = [
    "Command",
    "Dialect",
    "Final",
    "QuoteLimits",
    "Quoted",
    "escaped",
    "fields",
    "final_result",
    "number",
    "quote",
    "raw",
    "secret",
]

REDACTED = "***"
MAX_LINE_CHARACTERS = 4096
"""A command line without its end, where a model says nothing: more than any command of a known modem needs.

Assumed.  ITU-T V.250 demands 40 of a modem, and no manual that we know says how many it takes.
"""


@dataclass(frozen=True)
class QuoteLimits:
    """What a model adds to the rules of :func:`quote`: a length in characters, more forbidden ones."""

    max_length: int | None = None
    forbidden: str = ""


@dataclass(frozen=True)
class Quoted:
    """A string that is safe inside a command line, quotes included."""

    wire: str = field(repr=False)
    is_secret: bool = False

    def __repr__(self) -> str:
        # Not even when it is no secret: every one that is becomes so by secret(quote(…)), after it was made.
        return f"Quoted({REDACTED if self.is_secret else f'{len(self.wire)} characters'})"


@dataclass(frozen=True)
class Bare:
    """A word without quotes that is safe inside a command line: letters, digits, ``.``, ``:``, ``-``."""

    wire: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9.:_-]*", self.wire):
            raise ValueError(f"{escaped(self.wire)!r} is not a bare word")


Argument = int | Quoted | Bare | None


def quote(text: str, limits: QuoteLimits = QuoteLimits(), *, what: str = "The text") -> Quoted:
    """``text`` in double quotes, or a refusal: nothing is escaped, because no modem's escaping is sure.

    :raises CommandError: ``text`` holds a control character, ``"``, ``\\``, a non-ASCII character, or
        what ``limits`` adds; the message names the position and not the text, which may be a secret.

    >>> quote("example.org").wire
    '"example.org"'
    """
    if limits.max_length is not None and len(text) > limits.max_length:
        raise CommandError(
            f"{what} has {len(text)} characters; the modem takes {limits.max_length}.",
            remedy="Use a shorter one.",
            reasons={Reason.INVALID_PARAMETER, Reason.TOO_LARGE},
        )
    for position, character in enumerate(text):
        if not " " <= character <= "~" or character in '"\\' or character in limits.forbidden:
            raise CommandError(
                f"{what} has a character that cannot be sent in an AT command: U+{ord(character):04X}"
                f" at position {position + 1}.",
                remedy='Allowed is printable ASCII without " and \\'
                + (f" and without {' '.join(limits.forbidden)}." if limits.forbidden else "."),
                reasons={Reason.INVALID_PARAMETER},
            )
    return Quoted(f'"{text}"')


def secret(argument: Quoted) -> Quoted:
    """The same argument, kept out of logs, errors and recordings."""
    return Quoted(argument.wire, is_secret=True)


_NAME = re.compile(r"(?:[+^&%*$#][A-Z][A-Z0-9]*|[A-Z][A-Z0-9]*)?")


@dataclass(frozen=True)
class Command:
    """One command line without its line end.

    ``text`` goes over the wire, ``shown`` may be logged.  ``reply`` is matched against lines to find
    this command's information responses; ``None`` takes every line that is not a known URC.
    ``secrets`` are the values that ``shown`` hides; left out, they are found by comparing the two.

    :raises ValueError: ``text`` is not printable ASCII.

    >>> Command.set("+CCLK", quote("26/11/21,10:00:00+00")).text
    'AT+CCLK="26/11/21,10:00:00+00"'
    >>> Command.set("+CGAUTH", 1, 1, quote("me"), secret(quote("pw"))).shown
    'AT+CGAUTH=1,1,"me",***'
    """

    text: str = field(repr=False)
    shown: str
    reply: re.Pattern[str] | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not _is_printable_ascii(self.text):
            raise ValueError(f"{escaped(self.shown)!r} is not one line of printable ASCII")
        if self.has_secrets and not self.secrets:
            pattern = "(.+)".join(map(re.escape, self.shown.split(REDACTED)))
            found = re.fullmatch(pattern, self.text)
            object.__setattr__(self, "secrets", found.groups() if found else (self.text,))

    @property
    def has_secrets(self) -> bool:
        """A part of the line must not be shown."""
        return self.text != self.shown

    @classmethod
    def set(cls, name: str, *arguments: Argument, reply: str | None = None) -> Command:
        """``AT<name>=<arguments>``; ``None`` is an empty field; ``reply`` is a regular expression."""
        return cls._make(
            f"{_checked(name)}=" + ",".join(map(_wire, arguments)),
            f"{name}=" + ",".join(map(_shown, arguments)),
            name,
            reply,
            tuple(a.wire[1:-1] for a in arguments if isinstance(a, Quoted) and a.is_secret),
        )

    @classmethod
    def read(cls, name: str, *, reply: str | None = None) -> Command:
        """``AT<name>?``"""
        return cls._make(f"{_checked(name)}?", f"{name}?", name, reply)

    @classmethod
    def do(cls, name: str = "", *, reply: str | None = None) -> Command:
        """``AT<name>``; the name may be empty."""
        return cls._make(_checked(name), name, name, reply)

    @classmethod
    def _make(
        cls, text: str, shown: str, name: str, reply: str | None, secrets: tuple[str, ...] = ()
    ) -> Command:
        if reply is None and name[:1] in {"+", "^", "%", "*", "$", "#"}:
            reply = re.escape(name) + ":"
        return cls("AT" + text, "AT" + shown, re.compile(reply) if reply is not None else None, secrets)


def free_text(line: str) -> Command:
    """``AT<line>`` whose answer has no prefix: every line that is not a known URC belongs to it.

    ``line`` is a name, maybe with ``?`` or ``=?``.

    >>> free_text("+ACME=?").text
    'AT+ACME=?'
    """
    name = re.split("[=?]", line)[0]
    if not re.fullmatch(r"\?|=\?|", line.removeprefix(name)):
        raise ValueError(f"{escaped(line)!r} is not the name of an AT command, with ? or =? or without")
    _checked(name)
    return Command("AT" + line, "AT" + line, None)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an AT command")
    return name


def _wire(argument: Argument) -> str:
    match argument:
        case None:
            return ""
        case bool():
            raise TypeError("a command argument is a number, a quoted string or None, not a bool")
        case int():
            return str(argument)
        case Quoted() | Bare():
            return argument.wire
    raise TypeError(f"a command argument is a number, a quoted string or None, not {type(argument).__name__}")


def _shown(argument: Argument) -> str:
    return REDACTED if isinstance(argument, Quoted) and argument.is_secret else _wire(argument)


def raw(line: str) -> Command:
    """One line as a person typed it, for ``modem.command()`` and ``modemtls at`` alone.

    :raises CommandError: it is empty, longer than :data:`MAX_LINE_CHARACTERS`, or not printable ASCII.
    """
    most = MAX_LINE_CHARACTERS
    if not line or len(line) > most or not _is_printable_ascii(line):
        raise CommandError(
            f"A command is one line of 1 to {most} printable ASCII characters; this one is "
            + ("empty." if not line else "longer." if len(line) > most else "not."),
            remedy="Send several commands one after the other, and data with --data.",
            reasons={Reason.INVALID_PARAMETER},
        )
    return Command(line, line, None)


def fields(line: str) -> tuple[str, ...]:
    """The values of an information response, honouring quotes and parentheses.

    What stands before the first colon is dropped when it is a prefix; quotes around a value are
    removed; a comma inside quotes or parentheses separates nothing.

    >>> fields('+ACMERING: 1,200,"text/html; a,b",96')
    ('1', '200', 'text/html; a,b', '96')
    >>> fields('+X:0,,"",(1,2)')
    ('0', '', '', '(1,2)')
    """
    prefix, colon, rest = line.partition(":")
    if colon and re.fullmatch(r"[+^%*$#][A-Z0-9 ]+", prefix.strip()):
        line = rest
    line = line.strip()
    if not line:
        return ()
    values: list[str] = []
    start = depth = 0
    quoted = False
    for position, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth = max(0, depth - 1)
        elif character == "," and not depth:
            values.append(line[start:position])
            start = position + 1
    values.append(line[start:])
    return tuple(map(_unquoted, values))


def number(text: str) -> int | None:
    """The integer that a modem wrote, or ``None``: of no more digits than any number of a modem has.

    >>> number("-5"), number("12x"), number("9" * 5000)
    (-5, None, None)
    """
    return int(text) if re.fullmatch(r"-?[0-9]{1,10}", text) else None


def _is_printable_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value


@dataclass(frozen=True)
class Final:
    """A final result code: ``OK``, ``ERROR``, ``CONNECT``, ``NO CARRIER``, …

    ``number`` is the code of ``+CME ERROR`` and ``+CMS ERROR``: an ``int``, or the text when the modem
    speaks verbose errors (escaped and cut as for :func:`escaped`); ``None`` for the others.
    """

    word: str
    number: int | str | None = None

    @property
    def is_success(self) -> bool:
        """``OK`` or ``CONNECT``."""
        return self.word in ("OK", "CONNECT")

    @property
    def ends_call(self) -> bool:
        """A call did not come about, or has ended: ``NO CARRIER``, ``BUSY``, …"""
        return self.word in _CALL_RESULTS and self.word != "CONNECT"

    def __str__(self) -> str:
        return self.word if self.number is None else f"{self.word}: {self.number}"


_CALL_RESULTS = ("NO CARRIER", "CONNECT", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE")
_NUMERIC = {
    "0": "OK",
    "1": "CONNECT",
    "3": "NO CARRIER",
    "4": "ERROR",
    "6": "NO DIALTONE",
    "7": "BUSY",
    "8": "NO ANSWER",
}
_CODED = re.compile(r"(\+CM[ES] ERROR): ?(.*)")


def final_result(line: str, *, dial: bool = False, numeric: bool = False) -> Final | None:
    """The final result code that ``line`` is, or ``None``.

    ``dial`` takes the results of a call (``NO CARRIER``, ``CONNECT 9600``) as final too: to any other
    command they are unsolicited.  ``numeric`` takes the digits of ``ATV0``.

    >>> final_result("+CME ERROR: 50")
    Final(word='+CME ERROR', number=50)
    >>> final_result("NO CARRIER") is None
    True
    """
    if line in ("OK", "ERROR"):
        return Final(line)
    if line.startswith("+CM") and (coded := _CODED.fullmatch(line)):
        word, value = coded.groups()
        value = value.strip()
        number = value.isascii() and value.isdigit() and len(value) < 9
        return Final(word, int(value) if number else escaped(value, 100))
    if dial:
        word = "CONNECT" if line.startswith("CONNECT ") else line
        if word in _CALL_RESULTS:
            return Final(word)
    if numeric and line in _NUMERIC and (dial or line in ("0", "4")):
        return Final(_NUMERIC[line])
    return None


def _unchanged(line: str) -> str:
    return line


@dataclass(frozen=True)
class Dialect:
    """What the channel has to know of a model's way of speaking.

    ``urcs``: beginnings of unsolicited lines; ``boot_urcs``: lines that say that it restarted;
    ``unsolicited_errors``: numbers of ``+CME ERROR`` that come without a command;
    ``connect_prompt``: a modem asks for announced data by the line ``CONNECT`` instead of by ``> ``;
    ``max_line_characters``: the longest command line that is sent, without its end (a model that is known to
    take less says so);
    ``redact``: takes secrets out of a line before it is shown anywhere;
    ``sync_command``/``sync_reply``: a harmless command and the beginning of its own information
    response, by which the channel tells its answer from a late one of another command;
    ``last_probe``: another one, which the same response answers, with parentheses in it: what comes
    before it is the answer to something earlier.  Empty where there is none: silence must tell then.
    """

    urcs: tuple[str, ...] = ()
    boot_urcs: tuple[str, ...] = ()
    unsolicited_errors: frozenset[int] = frozenset()
    connect_prompt: bool = False
    redact: Callable[[str], str] = _unchanged
    quote_limits: QuoteLimits = QuoteLimits()
    max_line_characters: int = MAX_LINE_CHARACTERS
    line_end: bytes = b"\r"
    sync_command: str = "AT+CMEE?"
    sync_reply: str = "+CMEE:"
    last_probe: str = "AT+CMEE=?"


def escaped(text: str, limit: int = 400) -> str:
    """``text`` with control, bidirectional and other invisible characters escaped, cut at ``limit``."""
    if len(text) <= limit and text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"
