"""The command line of a simulated modem: bytes to commands, results to bytes; a vendor adds handlers.

:meth:`Simulator.feed` takes what the host sends, :meth:`Simulator.take` gives what is due to it.  One
command runs at a time: input that comes while one runs waits and is executed after it (assumed; ITU-T
V.250 lets a modem also abort).  Framing: an information line is ``CR LF text CR LF``, the next ones
``text CR LF``, the final result code ``CR LF code CR LF``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from .machine import Machine, Timer
from .reply import PATTERNS, Final, Later, Prompt, Raw, Refuse, Result
from .settings import SimSettings
from .syntax import CME_TEXTS, RESULT_NUMBERS, split_commands

__all__ = ["Simulator"]

BACKSPACE, CTRL_Z, ESC = 0x08, 0x1A, 0x1B
_WITHOUT_CONTROL = dict.fromkeys(range(0x20))  # V.250 5.2.2: those that are left in a line are ignored


@dataclass
class _Payload:
    prompt: Prompt
    data: bytearray = field(default_factory=bytearray)
    limit: Timer | None = None


class Simulator(Machine):
    """A simulated modem.  A vendor's subclass adds handlers (:func:`on`) and facts (class attributes).

    Settings come as one object or as keyword arguments (typed values or their text forms).

    >>> from modemtls.sim import Simulator, on
    >>> class Acme(Simulator):
    ...     @on(r"AT\\+HELLO")
    ...     def hello(self, match):
    ...         return "+HELLO: world"
    >>> modem = Acme(echo=False)
    >>> modem.feed(b"AT+HELLO\\r")
    >>> modem.take()
    b'\\r\\n+HELLO: world\\r\\n\\r\\nOK\\r\\n'

    :raises ValueError: a setting is wrong, or the state file holds something else.
    :raises OSError: the state file cannot be read.
    """

    #: What ends a command line.
    line_ends: ClassVar[bytes] = b"\r"
    #: 3GPP number for a command that is not known; ``None`` is a bare ``ERROR``.
    unknown_command: ClassVar[int | None] = None
    #: A line that does not begin with AT is refused like an unknown command; else it is ignored (V.250).
    refuses_stray_lines: ClassVar[bool] = False
    #: ``AT+CMEE`` after a boot.
    usual_cmee: ClassVar[int] = 0
    #: Most characters of a command line; a longer one is refused.
    max_line: ClassVar[int] = 2048

    _handlers: ClassVar[tuple[tuple[re.Pattern[str], str], ...]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._handlers = tuple(_handlers_of(cls))

    def __init__(self, settings: SimSettings | None = None, /, **values: object) -> None:
        #: Command lines that were executed, the newest last (as they came: PIN and all).
        self.commands: deque[str] = deque(maxlen=1000)
        self._executed = 0
        self._payload_bytes = 0
        super().__init__(settings, **values)

    def power_on(self) -> None:
        """Set what does not survive a restart to its value after a boot.  Extend it, call ``super()``."""
        super().power_on()
        self.reset_line()
        self._in = bytearray()
        self._line = bytearray()
        self._last_line = ""
        self._payload: _Payload | None = None
        self._parts: list[str] = []
        self._separated = True
        self._running = False

    def reset_line(self) -> None:
        """Echo, result codes and error form as after a boot; what ``ATZ`` does."""
        self.echo = self.settings.echo
        self.verbose = True
        self.quiet = False
        self.cmee = self.usual_cmee

    def cme_text(self, number: int) -> str:
        """The text of a 3GPP error number, for ``AT+CMEE=2``."""
        return CME_TEXTS.get(number, "unknown")

    def feed(self, data: bytes) -> None:
        """Take bytes that the host sends, in pieces of any size."""
        if self.settings.silent or self._booting:
            return
        self._in += data
        self._work()

    def _work(self) -> None:
        while self._in and not self._booting:
            if self._payload is not None:
                if not self._take_payload(self._payload):
                    return
            elif self._running:
                return
            elif self.is_in_data_mode:
                self._take_data()
            else:
                self._take_character()

    @property
    def is_in_data_mode(self) -> bool:
        """What the host sends is payload of a connection; see :mod:`.data_mode`."""
        return False

    def _take_data(self) -> None:
        raise NotImplementedError  # only where is_in_data_mode can be true

    def _take_payload(self, open_prompt: _Payload) -> bool:
        """Take what belongs to the payload; true when it is complete."""
        size, data = open_prompt.prompt.size, open_prompt.data
        if size is None:
            ends = [at for at in (self._in.find(CTRL_Z), self._in.find(ESC)) if at >= 0]
            count = min(ends) if ends else len(self._in)
        else:
            count = min(size - len(data), len(self._in))
        before, self._payload_bytes = self._payload_bytes, self._payload_bytes + count
        if before < self.settings.reboot_at_byte <= self._payload_bytes:
            self.restart()
            return False
        data += self._in[:count]
        del self._in[:count]
        self._wait_for_payload(open_prompt)
        cancelled = False
        if size is None:
            if not self._in:
                return False
            cancelled = self._in.pop(0) == ESC
        elif len(data) < size:
            return False
        self._payload = None
        if open_prompt.limit is not None:
            open_prompt.limit.cancel()
        if cancelled:
            self._finish(None)
        else:
            self._result(open_prompt.prompt.then, bytes(data))
        return True

    def _wait_for_payload(self, open_prompt: _Payload) -> None:
        """Begin anew to wait for the next byte of a payload, where the prompt has a limit for that."""
        prompt = open_prompt.prompt
        if open_prompt.limit is not None:
            open_prompt.limit.cancel()
        if not prompt.patience:
            return

        def give_up() -> None:
            if self._payload is open_prompt:
                self._payload = None
                self._finish(None if prompt.late is None else prompt.late())
                self._work()

        open_prompt.limit = self.call_later(prompt.patience, give_up)

    def _take_character(self) -> None:
        byte = self._in.pop(0)
        if self.echo:
            self._out.append(byte)
        if byte in self.line_ends:
            line = self._line.decode("latin-1")
            self._line.clear()
            self._execute(line)
        elif byte == BACKSPACE:
            del self._line[-1:]
        elif len(self._line) <= self.max_line:
            self._line.append(byte)
            if bytes(self._line).upper() == b"A/":
                self._line.clear()
                self._execute(self._last_line)

    def _execute(self, line: str) -> None:
        line = line.translate(_WITHOUT_CONTROL).strip()
        if not line:
            return
        self.commands.append(line)
        self._executed += 1
        self._running = True
        if self._executed == self.settings.reboot_after:
            self.restart()
        elif self.settings.latency:
            self.call_later(self.settings.latency, lambda: self._start_late(line))
        else:
            self._start(line)

    def _start_late(self, line: str) -> None:
        self._start(line)
        self._work()

    def _start(self, line: str) -> None:
        self._separated = True
        if line[:2].upper() != "AT":
            if self.refuses_stray_lines:
                self._finish(Refuse(self.unknown_command))
            else:
                self._end()
            return
        self._last_line = line
        if len(line) > self.max_line:
            self._finish(Refuse(self.unknown_command))
            return
        self._parts = [line] if self._find(line) else split_commands(line)
        self._next_part()

    def _find(self, line: str) -> tuple[str, re.Match[str]] | None:
        for pattern, name in self._handlers:
            match = pattern.fullmatch(line)
            if match:
                return name, match
        return None

    def _next_part(self) -> None:
        part = self._parts.pop(0)
        if part.upper() == "AT":
            self._finish(None)
            return
        found = self._find(part)
        if found is None:
            self._finish(Refuse(self.unknown_command))
            return
        name, match = found
        self._result(getattr(self, name), match)

    def _result(self, function: Callable[..., Result], argument: object) -> None:
        try:
            result = function(argument)
            if not isinstance(result, (str, Final, Raw, Prompt, Later, Refuse)) and result is not None:
                result = list(result)
        except Refuse as refusal:
            result = refusal
        if not self._booting:
            self._finish(result)

    def _finish(self, result: Result) -> None:
        """Say a result; go on with the rest of the line, or end it."""
        match result:
            case Prompt(size=0, then=then):
                self._result(then, b"")
            case Prompt():
                self._noise()
                self._out += result.prompt
                self._payload = _Payload(result)
                self._wait_for_payload(self._payload)
            case Later(start):
                restarts = self.restarts
                called = False

                def done(late: Result) -> None:
                    nonlocal called
                    if called:
                        raise RuntimeError("the result of a command was given twice")
                    called = True
                    if self.restarts == restarts:
                        self._finish(late)
                        self._work()

                start(done)
            case Raw(data):
                self._noise()
                self._out += data
                self._separated = True
                self._part_done()
            case Refuse():
                self._lines(result.lines)
                self._refuse(result)
            case Final(text, lines):
                self._lines(lines)
                self._final(text)
            case None:
                self._part_done()
            case _:
                self._lines([result] if isinstance(result, str) else result)
                self._part_done()

    def _part_done(self) -> None:
        if self._parts:
            self._next_part()
        else:
            self._final("OK")

    def _lines(self, lines: Iterable[str]) -> None:
        for text in lines:
            self._noise()
            if self.verbose and self._separated:
                self._out += b"\r\n"
                self._separated = False
            self._out += text.encode("utf-8") + b"\r\n"

    def _refuse(self, refusal: Refuse) -> None:
        if refusal.number is None or self.cmee == 0:
            self._final("ERROR")
        elif self.cmee == 1:
            self._final(f"+CME ERROR: {refusal.number}")
        else:
            self._final(f"+CME ERROR: {self.cme_text(refusal.number)}")

    def _final(self, text: str) -> None:
        self._noise()
        if not self.quiet:
            if self.verbose or text not in RESULT_NUMBERS:
                self._out += b"\r\n" + text.encode() + b"\r\n"
            else:
                self._out += f"{RESULT_NUMBERS[text]}\r".encode()
        self._end()
        self._noise()

    def _end(self) -> None:
        self._parts.clear()
        self._running = False


def _handlers_of(cls: type[Simulator]) -> Iterable[tuple[re.Pattern[str], str]]:
    seen: set[str] = set()
    for owner in cls.__mro__:
        for name, value in vars(owner).items():
            if name in seen:
                continue
            seen.add(name)
            for pattern in getattr(value, PATTERNS, ()):
                yield re.compile(pattern, re.IGNORECASE), name
