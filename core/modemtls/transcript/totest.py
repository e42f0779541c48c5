"""A transcript as the source of a test: the dialogue, and a talk through the channel that has it.

The talk is tried out before it is written, so that the test passes and says what the channel made of the
session.  A session that is no orderly row of exchanges (a timeout, a recovery, a data mode) is written as bytes
instead.  Placeholders become values that say what they stand for; data that were not kept become a filling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..at import Announced, Channel, Dialect, Marked, Reply, raw
from ..at.syntax import final_result
from ..errors import ModemError
from ..model import Model
from ..plugins import find_model, load_object
from ..standard import STANDARD_URCS
from ..testing import DialogueError, dialogue
from .records import Chunk, Direction, Part, Payload, Placeholder, Transcript, TranscriptError

__all__ = ["dialogue_source"]

SECONDS = 600.0
"""What a step of the test may take, in virtual time."""

_WIDTH = 96


@dataclass
class _Step:
    """One write and what follows it."""

    sent: bytes
    is_data: bool
    answers: list[tuple[float, bytes]] = field(default_factory=list)
    payloads: list[tuple[bytes, int]] = field(default_factory=list)
    """For each counted payload in the answer what stands before it, and how many bytes it has."""

    @property
    def answered(self) -> bytes:
        return b"".join(data for _, data in self.answers)


def dialogue_source(transcript: Transcript, name: str = "session") -> str:
    """Python source of a test with this dialogue.

    :raises TranscriptError: there is no exchange in it.
    """
    first, steps = _steps(transcript)
    if not steps:
        raise TranscriptError("nothing was sent in it: there is no dialogue to test.")
    model = _installed(transcript.model)
    dialect = load_object(model.driver).dialect if model is not None else Dialect(urcs=STANDARD_URCS)
    try:
        talk = list(_talk(first, steps, dialect))
    except (ModemError, DialogueError, _IrregularError):
        talk = []
    own = re.sub(r"\W+", "_", name).strip("_").lower() or "session"
    lines = [f'"""A recorded session{f" with {transcript.model}" if transcript.model else ""}."""', ""]
    lines += ["from __future__ import annotations", ""]
    if talk:
        at = ["Announced"] * any("Announced(" in line for line in talk) + ["Channel"]
        at += ["Dialect"] * (model is None) + ["Marked"] * any("Marked(" in line for line in talk) + ["raw"]
        lines += ["from modemtls import find_model"] * (model is not None)
        lines += [f"from modemtls.at import {', '.join(at)}"]
        lines += ["from modemtls.plugins import load_object"] * (model is not None)
        lines += ["from modemtls.standard import STANDARD_URCS"] * (model is None)
    lines += ["from modemtls.testing import dialogue", ""]
    lines += ["SESSION = ("]
    lines += [line for step in steps for line in _pair_lines(step)]
    lines += [")", "", "", f"def test_{own}() -> None:", "    with dialogue(*SESSION) as port:"]
    lines += [f"        port.say({_answers(first)})"] * bool(first)
    if talk:
        where = (
            f"load_object(find_model({transcript.model!r}).driver).dialect"
            if model is not None
            else "Dialect(urcs=STANDARD_URCS)"
        )
        lines += [f"        channel = Channel({where})", "        events: list[str] = []"]
        lines += ["        channel.listen(lambda event: events.append(event.line))"]
    lines += [f"        {line}" for line in (talk or _bytes_only(first, steps))]
    return "".join(f"{line}\n" for line in lines)


class _IrregularError(Exception):
    """The session is no row of exchanges."""


def _installed(name: str | None) -> Model | None:
    try:
        return find_model(name) if name is not None else None
    except ModemError:
        return None


def _steps(transcript: Transcript) -> tuple[list[tuple[float, bytes]], list[_Step]]:
    """What the modem says before anything is sent, and the writes with what follows each."""
    values: dict[str, bytes] = {}
    first: list[tuple[float, bytes]] = []
    steps: list[_Step] = []
    for chunk in transcript.entries:
        if not isinstance(chunk, Chunk):
            continue
        if chunk.direction is Direction.SENT:
            for part in chunk.parts:
                data = _filled(part, values)
                is_data = isinstance(part, Payload)
                before = steps[-1] if steps else None
                if before is not None and is_data == before.is_data and not before.answers:
                    before.sent += data
                else:
                    steps.append(_Step(data, is_data))
            continue
        said = b""
        for part in chunk.parts:
            data = _filled(part, values)
            if isinstance(part, Payload) and steps:
                _note_payload(steps[-1], said, len(data))
            said += data
        (steps[-1].answers if steps else first).append((chunk.delay or 0.0, said))
    return first, [step for step in steps if step.sent]


def _note_payload(step: _Step, said: bytes, size: int) -> None:
    before = step.answered + said
    if step.payloads:
        lead, count = step.payloads[-1]
        if len(before) == len(lead) + count:  # it goes on
            step.payloads[-1] = (lead, count + size)
            return
    step.payloads.append((before, size))


def _filled(part: Part, values: dict[str, bytes]) -> bytes:
    if part.pieces is not None:
        return b"".join(p if isinstance(p, bytes) else _value(p, values) for p in part.pieces)
    assert isinstance(part, Payload)
    return b"." * part.length


def _value(piece: Placeholder, values: dict[str, bytes]) -> bytes:
    if piece.name not in values:
        text = piece.name
        if piece.length is not None:
            text = str(piece.number).zfill(piece.length)[-piece.length :]
        values[piece.name] = text.encode()
    return values[piece.name]


# The talk.


def _talk(first: list[tuple[float, bytes]], steps: list[_Step], dialect: Dialect) -> Iterator[str]:
    """Source lines of the talk through the channel, each tried out."""
    channel = Channel(dialect)
    events: list[str] = []
    channel.listen(lambda event: events.append(event.line))
    with dialogue(*[(step.sent, step.answers) for step in steps]) as port:
        port.say(*first)
        at = 0
        while at < len(steps):
            step = steps[at]
            line = step.sent.removesuffix(dialect.line_end)
            if step.is_data or line == step.sent or not line:
                raise _IrregularError
            data = steps[at + 1] if at + 1 < len(steps) and steps[at + 1].is_data else None
            command = raw(line.decode("ascii", "backslashreplace"))
            if command.text.encode() != line:
                raise _IrregularError
            text = f"raw({command.text!r})"
            if data is not None:
                reply = port.run(channel.upload(command, data.sent, prompt_timeout=SECONDS, timeout=SECONDS))
                call = f"upload({text}, {_bytes(data.sent)}, prompt_timeout={SECONDS:g}, timeout={SECONDS:g})"
                at += 1
            elif step.payloads:
                payload, source = _payload(step)
                reply = port.run(channel.download(command, payload, timeout=SECONDS, idle_timeout=SECONDS))
                call = f"download({text}, {source}, timeout={SECONDS:g}, idle_timeout={SECONDS:g})"
            else:
                reply = port.run(channel.command(command, dial=True, timeout=SECONDS))
                call = f"command({text}, dial=True, timeout={SECONDS:g})"
            if channel.is_recovering:
                raise _IrregularError
            at += 1
            yield from _judged(call, reply)
        yield "while port.unread:"
        yield f"    port.run(channel.poll({SECONDS:g}))"
        while port.unread:
            port.run(channel.poll(SECONDS))
    yield f"assert events == {events!r}"


def _payload(step: _Step) -> tuple[Announced | Marked, str]:
    before, size = step.payloads[0]
    if len(step.payloads) > 1:
        raise _IrregularError
    *lines, last = re.split(rb"[\r\n]+", before)
    if last:
        return Marked(last, size), f"Marked({last!r}, {size})"
    line = next((each for each in reversed(lines) if each), b"").decode("ascii", "backslashreplace")
    source = f"Announced(lambda line: {size} if line == {line!r} else None, {size})"
    return Announced(lambda said: size if said == line else None, size), source


def _judged(call: str, reply: Reply) -> Iterator[str]:
    yield f"reply = port.run(channel.{call})"
    yield f"assert reply.lines == {reply.lines!r}"
    if reply.payload:
        yield f"assert reply.payload == {_bytes(reply.payload)}"
    yield f"assert str(reply.final) == {str(reply.final)!r}"
    assert final_result(str(reply.final), dial=True) is not None


def _bytes_only(first: list[tuple[float, bytes]], steps: list[_Step]) -> Iterator[str]:
    for _, data in first:
        yield f"assert port.read({SECONDS:g}) == {_bytes(data)}"
    for step in steps:
        yield f"port.write({_bytes(step.sent)}, {SECONDS:g})"
        for _, data in step.answers:
            yield f"assert port.read({SECONDS:g}) == {_bytes(data)}"


# The source.


def _bytes(data: bytes) -> str:
    if len(data) > 16 and len(set(data)) == 1:
        return f"{data[:1]!r} * {len(data)}"
    return repr(data)


def _answers(answers: list[tuple[float, bytes]]) -> str:
    return ", ".join(f"({delay:g}, {_bytes(data)})" if delay else _bytes(data) for delay, data in answers)


def _pair_lines(step: _Step) -> Iterator[str]:
    sent = step.sent
    shown = _bytes(sent)
    if not step.is_data and sent.endswith(b"\r") and sent[:-1].isascii() and sent[:-1].decode().isprintable():
        shown = repr(sent[:-1].decode())
    answers = [_answers([answer]) for answer in step.answers]
    whole = answers[0] if len(answers) == 1 and not step.answers[0][0] else f"[{', '.join(answers)}]"
    if len(shown) + len(whole) < _WIDTH:
        yield f"    ({shown}, {whole}),"
        return
    yield "    ("
    yield f"        {shown},"
    yield "        ["
    for answer in answers:
        yield f"            {answer},"
    yield "        ],"
    yield "    ),"
