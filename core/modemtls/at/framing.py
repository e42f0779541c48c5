"""From bytes to lines, prompts and payloads.

A line ends with CR LF, LF, or a CR that no LF follows (an echoed command ends so).  Empty lines
carry nothing, so full framing (``CR LF text CR LF``) and compact framing look alike.  A prompt and a
marker are looked for only when the caller wants one, and only where a line would begin; a payload
is taken by count, whatever it contains; where framing is full, a line end must follow it, else bytes
were lost.  Nothing here knows time or I/O: :meth:`Receiver.feed` takes what arrived,
:meth:`Receiver.next` gives the next item or ``None`` until there is more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MAX_LINE_BYTES", "Item", "Line", "Marker", "Payload", "Prompt", "Receiver", "Slip"]

MAX_LINE_BYTES = 32_768
"""A longer line is cut: no line of any modem is; memory stays bounded whatever arrives."""

MAX_RETURNS = 3
"""More CR in front of the LF are no line end: what ends a line must be known without more bytes."""

_LINE_EDGE = b"\r\n\0"


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; ``truncated`` when it was longer than :data:`MAX_LINE_BYTES`."""

    text: str = field(repr=False)  # nothing is redacted in it yet
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for data."""


@dataclass(frozen=True, slots=True)
class Marker:
    """The mark in front of a payload whose length the caller knows."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The next part of a counted payload; ``remaining`` bytes are still to come."""

    data: bytes
    remaining: int


@dataclass(frozen=True, slots=True)
class Slip:
    """No line end follows the payload: its bytes are not those that were announced.

    ``in_line_end``: what follows is the rest of a line end, and not an event that has none in front.
    """

    in_line_end: bool = False


Item = Line | Prompt | Marker | Payload | Slip


class Receiver:
    """The receiving side of the line.

    >>> receiver = Receiver()
    >>> receiver.feed(b"\\r\\n+CFUN: 0\\r\\n\\r\\nO")
    >>> receiver.next()
    Line(text='+CFUN: 0', truncated=False)
    >>> receiver.next() is None
    True
    """

    def __init__(self) -> None:
        self.numeric = False
        """Results come as ``0 CR`` (``ATV0``): a CR ends a line of one digit at once."""
        self._buffer = bytearray()
        self._scanned = 0
        self._payload = 0
        self._after_prompt = False
        self._skip_lf = False
        self._cut = False
        self._led = False
        self._full = False
        self._tail = False
        self._echo = b""

    @property
    def payload_remaining(self) -> int:
        """Bytes of the current payload that have not come out yet."""
        return self._payload

    @property
    def is_midway(self) -> bool:
        """Something has begun and not ended: part of a line, or of a payload."""
        return bool(self._payload or self._buffer.strip(_LINE_EDGE))

    @property
    def is_readable(self) -> bool:
        """What has come of the next line is printable ASCII."""
        return all(0x20 <= byte < 0x7F for byte in self._buffer.strip(_LINE_EDGE))

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def expect_payload(self, count: int) -> None:
        """The next ``count`` bytes are payload; call it right after the line or mark in front of it."""
        self._payload = count
        self._tail = bool(count) and self._full

    def expect_echo(self, data: bytes) -> None:
        """Pass over ``data`` if the modem sends back what it is given; for a port whose echo is on."""
        self._echo = data

    def end_return(self) -> bool:
        """A CR that nothing has followed for long ends its line; false when there is none."""
        waits = not self._payload and self._buffer.endswith(b"\r")
        if waits:
            self._buffer += b"\n"
        return waits

    def begin(self) -> None:
        """A command is about to be sent: a prompt or a line end that stands here is not its answer's."""
        self._led = self._after_prompt = False
        if not self._payload and not self._buffer.strip(_LINE_EDGE).strip(b"> "):
            self._buffer.clear()
            self._scanned = 0

    def hand_over(self) -> bytes:
        """What has come and not come out: a line has said that it is payload, to its end."""
        data = bytes(self._buffer)
        self.reset()
        return data

    def reset(self) -> None:
        """Forget everything that has not come out."""
        self._buffer.clear()
        self._scanned = self._payload = 0
        self._after_prompt = self._skip_lf = self._cut = self._led = self._full = self._tail = False
        self._echo = b""

    def next(self, *, prompt: bool = False, marker: bytes = b"") -> Item | None:
        """The next item, or ``None`` when more bytes are needed."""
        if not self._buffer:
            return None
        if self._skip_lf:
            if self._buffer[0] == 0x0A:
                del self._buffer[0]
            self._skip_lf = False
        if self._payload:
            return self._next_payload()
        if self._tail:
            ended = self._tail_ended()
            if ended is None:
                return None
            self._tail = False
            if not ended:
                return Slip(in_line_end=self._buffer[0] in b"\r\n")
        if self._after_prompt:
            self._strip(b"> ")
            if not self._buffer:
                return None
            self._after_prompt = False
        if self._echo:
            self._pass_echo()
        if not self._scanned and not self._cut:
            self._strip_edge()
        if not self._buffer:
            return None
        if prompt and self._buffer[0] == 0x3E and not self._cut:
            self._strip(b">")
            self._strip(b" ")
            self._after_prompt = True
            return Prompt()
        if marker and not self._cut:
            if self._buffer.startswith(marker):
                del self._buffer[: len(marker)]
                self._scanned = 0
                self._full, self._led = self._led, False
                return Marker()
            if marker.startswith(self._buffer):
                return None
        was_cut = self._cut
        item = self._next_line()
        if item is None and was_cut and not self._cut:
            return self.next(prompt=prompt, marker=marker)
        return item

    def _tail_ended(self) -> bool | None:
        """A line end follows the payload, or something else; ``None`` when more bytes are needed."""
        rest = self._buffer.lstrip(b"\r")
        returns = len(self._buffer) - len(rest)
        if not rest and returns <= MAX_RETURNS:
            return None
        return 0 < returns <= MAX_RETURNS and rest[0] == 0x0A

    def _pass_echo(self) -> None:
        if not self._echo or not self._buffer:
            return
        size = min(len(self._echo), len(self._buffer))
        same = next((i for i in range(size) if self._buffer[i] != self._echo[i]), size)
        del self._buffer[:same]
        self._scanned = 0
        self._echo = b"" if self._buffer else self._echo[same:]

    def _strip_edge(self) -> None:
        if not self._buffer or self._buffer[0] not in _LINE_EDGE:
            return
        lead = len(self._buffer) - len(self._buffer.lstrip(_LINE_EDGE))
        if lead:
            self._led = self._led or b"\n" in self._buffer[:lead]
            del self._buffer[:lead]

    def _strip(self, characters: bytes) -> None:
        stripped = len(self._buffer) - len(self._buffer.lstrip(characters))
        if stripped:
            del self._buffer[:stripped]
            self._scanned = 0

    def _next_payload(self) -> Payload | None:
        if not self._buffer:
            return None
        data = bytes(self._buffer[: self._payload])
        del self._buffer[: len(data)]
        self._payload -= len(data)
        return Payload(data, self._payload)

    def _next_line(self) -> Line | None:
        buffer = self._buffer
        lf = buffer.find(b"\n", self._scanned)
        cr = buffer.find(b"\r", self._scanned, lf if lf >= 0 else len(buffer))
        if cr >= 0:
            digit = self.numeric and cr == 1 and buffer[:1].isdigit()
            if cr + 1 == len(buffer) and not digit:
                self._scanned = cr
                return self._overlong()
            self._skip_lf = cr + 1 == len(buffer)
            end = cr + 2 if cr + 1 == lf else cr + 1
            return self._cut_line(cr, end)
        if lf >= 0:
            return self._cut_line(lf, lf + 1)
        self._scanned = len(buffer)
        return self._overlong()

    def _cut_line(self, length: int, end: int) -> Line | None:
        long = length > MAX_LINE_BYTES
        text = self._buffer[:MAX_LINE_BYTES] if long else self._buffer[:length].strip(b"\0")
        del self._buffer[:end]
        self._scanned = 0
        self._full, self._led = self._led, False
        if self._cut:
            self._cut = False
            return None
        return Line(text.decode("utf-8", "backslashreplace"), truncated=long)

    def _overlong(self) -> Line | None:
        trailing_cr = self._buffer[-1] == 0x0D
        if len(self._buffer) - trailing_cr <= MAX_LINE_BYTES:
            return None
        text = bytes(self._buffer[:MAX_LINE_BYTES])
        self._buffer = bytearray(b"\r" if trailing_cr else b"")
        self._led = False
        self._scanned = 0
        if self._cut:
            return None
        self._cut = True
        return Line(text.decode("utf-8", "backslashreplace"), truncated=True)
