"""The two ends of a recording: a port that tells what goes by, a channel that tells what it is.

:class:`RecordingPort` wraps any port; :class:`RecordedChannel` is the channel with a listener's ear at the three
places where meaning is known: a command is sent, data are sent, an item is taken from the receiver.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..at.channel import Channel
from ..at.framing import Item, Line, Marker, Payload, Receiver
from ..at.syntax import Dialect, Final, final_result
from ..errors import ModemTimeout, PortError
from ..op import SetLine
from ..port import Port
from .hiding import Shown
from .recorder import Atom, Recorder, hidden, literal
from .records import Direction, Placeholder, Recording

if TYPE_CHECKING:
    from ..at.exchange import Announced, Exchange, Marked
    from ..at.syntax import Command

__all__ = ["RecordedChannel", "RecordingPort", "record_port"]

_EDGE = re.compile(rb"[\r\n\0> ]*")
_NAME = re.compile(r"AT([+^%*$#]?[A-Z][A-Z0-9]*)", re.IGNORECASE)


class RecordingPort(Port):
    """A port whose traffic is written down; in all else it is the port that it wraps.

    Only :meth:`channel` knows what of the traffic is secret.  Bytes that no such channel vouches for are
    recorded by their number alone.
    """

    def __init__(self, inner: Port, recorder: Recorder, finish: Callable[[], None] = lambda: None) -> None:
        self.inner = inner
        self.recorder = recorder
        self.name = inner.name
        self.has_modem_lines = inner.has_modem_lines
        self.virtual_time = inner.virtual_time
        self._finish = finish

    def channel(
        self, dialect: Dialect, *, command_timeout: float = 5.0, recover_timeout: float = 10.0
    ) -> Channel:
        """A channel for this port that has its secrets kept out of the recording."""
        return RecordedChannel(
            self.recorder, dialect, command_timeout=command_timeout, recover_timeout=recover_timeout
        )

    def identified(self, model: str) -> None:
        """Name the model in the head of the transcript."""
        self.model = model
        self.recorder.identified(model)
        self.inner.identified(model)

    def read(self, timeout: float) -> bytes:
        """What the port has; it is recorded."""
        with self._failures():
            data = self.inner.read(timeout)
        if data:
            self.recorder.received(data, self.inner.now())
        return data

    def write(self, data: bytes, timeout: float) -> None:
        """Write to the port; it is recorded."""
        time = self.inner.now()
        with self._failures():
            self.inner.write(data, timeout)
        self.recorder.sent(data, time)

    def write_some(self, data: bytes | memoryview) -> int | None:
        """Write what the port takes; what it took is recorded."""
        time = self.inner.now()
        with self._failures():
            taken = self.inner.write_some(data)
        if taken:
            self.recorder.sent(bytes(data[:taken]), time)
        return taken

    def now(self) -> float:
        """The port's clock."""
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass on the port's clock."""
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        """Change the line; it is recorded where the port has one."""
        if self.has_modem_lines:
            for what in _changes(line):
                self.recorder.changed(what, self.inner.now())
        self.inner.set_line(line)

    def fileno(self) -> int | None:
        """The port's descriptor."""
        return self.inner.fileno()

    def close(self) -> None:
        """End the recording and close the port.

        :raises OSError: the recording could not be written; it ends where that began.
        """
        try:
            self.inner.close()
        finally:
            self.recorder.close()
            self._finish()
            if self.recorder.failure is not None:
                failure, self.recorder.failure = self.recorder.failure, None
                raise failure

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except PortError:
            self.recorder.failed("gone", self.inner.now())
            raise
        except ModemTimeout:
            self.recorder.failed("stalled", self.inner.now())
            raise


def _changes(line: SetLine) -> Iterator[str]:
    if line.baudrate is not None:
        yield f"{line.baudrate} baud"
    for name, value in (("dtr", line.dtr), ("rts", line.rts)):
        if value is not None:
            yield f"{name} {'on' if value else 'off'}"
    if line.send_break is not None:
        yield f"break {line.send_break:g} s"


def record_port(port: Port, to: str | os.PathLike[str] | Recording | Recorder) -> RecordingPort:
    """``port`` with a recording of it; see :meth:`modemtls.port.Port.record`.

    :raises FileExistsError: the file is there already.
    :raises OSError: it cannot be made.
    """
    if isinstance(to, Recorder):
        return RecordingPort(port, to)
    how = to if isinstance(to, Recording) else Recording(to)
    try:
        stream = Path(how.file).open("x", encoding="utf-8", newline="\n", buffering=1)  # noqa: SIM115 - the port closes it
    except FileExistsError:
        raise FileExistsError(
            errno.EEXIST, "it is there already, and a recording overwrites nothing", os.fspath(how.file)
        ) from None
    return RecordingPort(port, Recorder(stream.write, full=how.full, recorded=how.recorded), stream.close)


class RecordedChannel(Channel):
    """A channel that tells a recorder what it sends and what it makes of what comes."""

    def __init__(
        self,
        recorder: Recorder,
        dialect: Dialect,
        *,
        command_timeout: float = 5.0,
        recover_timeout: float = 10.0,
    ) -> None:
        super().__init__(dialect, command_timeout=command_timeout, recover_timeout=recover_timeout)
        self._recorder = recorder
        self._hiding = recorder.hiding
        self._current: Exchange | None = None
        self._hides_data = False
        self._before: Exchange | None = None
        self._uploaded: tuple[bytes, Placeholder | None] = (b"", None)
        self._downloaded: list[bytes] = []
        self._receiver = _WatchedReceiver(self)
        recorder.raw_atoms = self._raw_atoms

    # What the receiver says.

    def fed(self, data: bytes) -> None:
        """The receiver was given ``data``."""
        self._recorder.fed(data)

    def taken(self, raw: bytes, item: Item | None) -> None:
        """The receiver is done with ``raw``, and made ``item`` of it."""
        match item:
            case Payload(data, remaining):
                self._recorder.accounted(self._lead(raw[: len(raw) - len(data)]))
                self._downloaded.append(data)
                if not remaining:
                    self.payload_ended()
            case Line(text, truncated):
                self._recorder.accounted(hidden(len(raw)) if truncated else self._line(raw, text))
            case Marker():
                self._recorder.accounted(literal(raw))
            case _:
                self._recorder.accounted(self._lead(raw))

    def payload_ended(self) -> None:
        """No more of the payload will come: what has come is one."""
        data, self._downloaded = b"".join(self._downloaded), []
        if data:
            shown = self._hiding.payload(data, f"< {self._stream()}")
            self._recorder.accounted(_atoms(shown, payload=object()))

    def dropped(self, size: int) -> None:
        """The receiver forgets so many bytes."""
        self.payload_ended()
        self._recorder.accounted(hidden(size))

    def handed_over(self, data: bytes) -> None:
        """The rest of what came belongs to a data mode."""
        self.payload_ended()
        self._recorder.accounted(self._data(Direction.RECEIVED, data))

    def _raw_atoms(self, direction: Direction, data: bytes) -> list[Atom] | None:
        mode = self.data_mode
        return self._data(direction, data) if mode is not None and mode.is_entered else None

    def _data(self, direction: Direction, data: bytes) -> list[Atom]:
        return _atoms(self._hiding.payload(data, f"{direction.value} data mode"), payload=object())

    # What is sent.

    def _begin(
        self,
        command: Command,
        *,
        data: bytes = b"",
        payload: Announced | Marked | None = None,
        hides: bool = False,
    ) -> Exchange:
        exchange = super()._begin(command, data=data, payload=payload, hides=hides)
        self._before, self._current = self._current, exchange
        self._hides_data = hides  # the exchange's own mark says so too where only its command has a secret
        return exchange

    async def _send_line(self, exchange: Exchange) -> None:
        command, end = exchange.command, self.dialect.line_end
        self._recorder.announce(
            command.text.encode("ascii") + end, [*_atoms(self._command(command)), *literal(end)]
        )
        try:
            await super()._send_line(exchange)
        finally:
            self._recorder.end_announced()

    async def _send_data(
        self, exchange: Exchange, progress: Callable[[int, int], None] | None = None
    ) -> Final | None:
        data = exchange.data[exchange.sent :]
        placeholder = None
        if self._hiding.is_secret_data(exchange.data) or self._hides_data:
            placeholder = self._hiding.learn_key(exchange.data)
            atoms = hidden(len(data), object(), placeholder)
        else:
            atoms = _atoms(self._hiding.payload(data, f"> {self._stream()}"), payload=object())
        self._uploaded = (exchange.data, placeholder)
        self._recorder.announce(data, atoms)
        try:
            return await super()._send_data(exchange, progress)
        finally:
            self._recorder.end_announced()

    # What may be shown of it.

    def _stream(self) -> str:
        """What an upload or a download goes on from: the one of the same socket, as a rule."""
        return self._current.command.text.partition(",")[0] if self._current is not None else ""

    def _command(self, command: Command) -> list[Shown]:
        return self._hiding.line(
            command.text, shown=self.dialect.redact(command.shown), secrets=command.secrets
        )

    def _lead(self, raw: bytes) -> list[Atom]:
        """What stands before an item: line ends, a prompt, the echo of data, or what nobody understands."""
        edge = _EDGE.match(raw)
        assert edge is not None
        rest = raw[edge.end() :]
        if not rest:
            return literal(raw)
        data, placeholder = self._uploaded
        if raw.rstrip(b"\r\n") in data:
            if placeholder is not None:
                return hidden(len(raw), object(), placeholder)
            return _atoms(self._hiding.payload(raw, f"echo {self._stream()}"), payload=object())
        return [*literal(edge[0]), *hidden(len(rest))]

    def _line(self, raw: bytes, text: str) -> list[Atom]:
        body = raw.rstrip(b"\r\n")
        start = max(body.rfind(b"\r"), body.rfind(b"\n")) + 1
        wanted = text.encode("utf-8")
        if body[start:].endswith(wanted):
            start = len(body) - len(wanted)
        elif body[start:].strip(b"\0").decode("utf-8", "backslashreplace") != text:
            return hidden(len(raw))
        line = self._disclosed(body[start:].decode("latin-1"), text)
        return [*self._lead(body[:start]), *_atoms(line), *literal(raw[len(body) :])]

    def _disclosed(self, written: str, text: str) -> list[Shown]:
        """A line as it may be recorded: by the rules of the channel, and stricter where a secret is about."""
        exchange = self._current
        shown = self.dialect.redact(written)
        if exchange is None:
            return self._hiding.line(written, shown=shown)
        for sent in (exchange, self._before):
            if sent is not None and text.lstrip(" ") == sent.command.text:
                blanks = len(text) - len(sent.command.text)
                return [Shown(b" " * blanks, blanks), *self._command(sent.command)]
        suspect = exchange.hides or self._hider is not None
        if (suspect and not self._is_known(text, exchange)) or (
            exchange.gives_away(shown) or self._echoes_secret(shown)
        ):
            return [self._hiding.whole_line(written)]
        name = _NAME.match(exchange.command.text)
        return self._hiding.line(written, name=name[1] if name else "", shown=shown)

    def _is_known(self, text: str, exchange: Exchange) -> bool:
        """The line is a result, an event or an answer by its beginning, and no echo that was damaged."""
        if final_result(text, dial=True, numeric=True) is not None:
            return True
        if text.startswith((*self.dialect.urcs, *self.dialect.boot_urcs, self.dialect.sync_reply)):
            return True
        reply = exchange.command.reply
        return reply is not None and reply.match(text) is not None


def _atoms(shown: Iterable[Shown], payload: object = None) -> list[Atom]:
    return [Atom(each.size, each.piece, payload) for each in shown if each.size]


class _WatchedReceiver(Receiver):
    """A receiver that says which bytes became which item."""

    def __init__(self, channel: RecordedChannel) -> None:
        super().__init__()
        self._channel = channel
        self._mirror = bytearray()

    def feed(self, data: bytes) -> None:
        if data:
            self._channel.fed(data)
        self._mirror += data
        super().feed(data)

    def next(self, *, prompt: bool = False, marker: bytes = b"") -> Item | None:
        item = super().next(prompt=prompt, marker=marker)
        self._tell(item)
        return item

    def begin(self) -> None:
        super().begin()
        self._tell(None)

    def expect_payload(self, count: int) -> None:
        self._channel.payload_ended()
        super().expect_payload(count)

    def hand_over(self) -> bytes:
        self._mirror.clear()
        data = super().hand_over()
        self._channel.handed_over(data)
        return data

    def reset(self) -> None:
        super().reset()
        self._channel.dropped(len(self._mirror))
        self._mirror.clear()

    def _tell(self, item: Item | None) -> None:
        size = len(self._mirror) - len(self._buffer)
        if size > 0:
            raw = bytes(self._mirror[:size])
            del self._mirror[:size]
            self._channel.taken(raw, item)
