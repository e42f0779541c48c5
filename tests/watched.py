"""The places at which :mod:`tests.watch` looks: what is wrapped so that it is seen, and nothing of it changed.

Everything here calls what it wraps and gives on what that gave.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

import modemtls.log
from modemtls import ModemError

from . import watch

#: Records whose ``repr`` may show a secret, and why.
EXEMPT_RECORDS: dict[str, str] = {
    "modemtls.sim.server_targets.Request": "what the server of a test has received",
}


def install(plugin: watch.Plugin) -> None:
    """Wrap everything, for the rest of this process."""
    _private_keys()
    _loggers()
    _errors()
    _programs()
    _captures()
    _folders(plugin)
    look_for_new_modules()


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace ``owner.name`` by ``around(the old one, …)``."""
    old = getattr(owner, name)

    @functools.wraps(old)
    def new(*args: Any, **more: Any) -> Any:
        return around(old, *args, **more)

    setattr(owner, name, new)


# Private keys


def _private_keys() -> None:
    def size(number: int) -> bytes:
        return number.to_bytes((number.bit_length() + 7) // 8, "big")

    def elliptic(old: Any, *args: Any, **more: Any) -> ec.EllipticCurvePrivateKey:
        key: ec.EllipticCurvePrivateKey = old(*args, **more)
        watch.register_key(key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big"))
        return key

    def rivest(old: Any, *args: Any, **more: Any) -> rsa.RSAPrivateKey:
        key: rsa.RSAPrivateKey = old(*args, **more)
        numbers = key.private_numbers()
        for number in (numbers.d, numbers.p, numbers.q):
            watch.register_key(size(number))
        return key

    def edwards(old: Any, *args: Any) -> Any:
        key = old(*args)
        watch.register_key(key.private_bytes_raw())
        return key

    _wrap(ec, "generate_private_key", elliptic)
    _wrap(rsa, "generate_private_key", rivest)
    for kind in (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey):
        kind.generate = staticmethod(functools.partial(edwards, kind.generate))  # type: ignore[method-assign]


# Logs


class _Tee:
    """Sees every record of modemtls, and gives on those that somebody wants."""

    def __init__(self, name: str, real: Callable[[str], Any]) -> None:
        self.name, self.real = name, real
        self._whole, self._joined = f"a log record of {name}", f"log records of {name}, joined"

    def log(self, level: int, event: str, **facts: object) -> None:
        if _dying:
            see_dying_errors()
        seen = watch.current()
        seen.note(self._whole, event)
        for value in facts.values():
            text = value if isinstance(value, str) else repr(value)
            seen.note(self._whole, text)
            seen.follow(self._joined, text)
        if logging.getLogger(self.name).isEnabledFor(level):
            self.real(self.name).log(level, event, **facts)

    def debug(self, event: str, **facts: object) -> None:
        self.log(logging.DEBUG, event, **facts)


class _Listening:
    """A logger that wants everything."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return True


class Handler(logging.Handler):
    """Whatever is really logged in this process, by whomever."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if record.exc_info:
                text += "".join(traceback.format_exception(*record.exc_info))
        except Exception as error:  # it is the caller's mistake, and another handler's to report
            text = repr(error)
        watch.current().note(f"a log record of {record.name}", text, repr(record.args))


def _loggers() -> None:
    real = modemtls.log._bound
    listening: Any = _Listening()
    modemtls.log._WIRE = modemtls.log._HAPPENED = listening
    setattr(modemtls.log, "_bound", functools.cache(lambda name: _Tee(name, real)))  # noqa: B010 - for mypy
    logging.getLogger().addHandler(Handler(0))


# Errors

_makers: dict[int, str] = {}
_dying: list[tuple[ModemError, str]] = []


def _errors() -> None:
    init = ModemError.__init__

    @functools.wraps(init)
    def made(self: ModemError, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        if _dying:
            see_dying_errors()
        seen = watch.current()
        _makers[id(self)] = seen.test
        text = str(self)
        if seen.is_new((type(self), text, self.command, self.lines)):
            seen.note("an error, when it was made", text, repr(self), repr(vars(self)))

    def gone(self: ModemError) -> None:
        # This may be anywhere, in the midst of Python's own parser too: so it is only kept for a moment.
        _dying.append((self, _makers.pop(id(self), "")))

    ModemError.__init__ = made  # type: ignore[method-assign]
    setattr(ModemError, "__del__", gone)  # noqa: B010 - it has none


def see_dying_errors() -> None:
    """Look at the errors that nobody else holds any more, and let them go."""
    while _dying:
        see_error(*_dying.pop())


def see_error(error: BaseException, maker: str = "") -> None:
    """An error at its end: with its traceback, its causes and what became of it."""
    seen = watch.current()
    own = "" if maker in ("", seen.test) else f" (made in {maker})"
    chain: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in chain:
        chain.append(each)
        each = each.__cause__ or each.__context__
    try:
        texts = [f"{type(one).__name__} {one} {getattr(one, '__notes__', '')}" for one in chain]
        if not seen.is_new(tuple(texts)):
            return
        for one in chain:
            seen.note(f"an error{own}", repr(one), repr(one.args), repr(vars(one)))
        if isinstance(error, ModemError):
            seen.note(f"a pickled error{own}", pickle.dumps(error))
        if error.__traceback__ is not None and seen.may_look_at(traceback):
            seen.note(f"a traceback{own}", "".join(traceback.format_exception(error)))
    except Exception as trouble:  # a test may put anything into an error; the watch must not be what fails
        seen.note("an error", repr(trouble))


# Records


def look_for_new_modules() -> None:
    """Watch the records of modules of modemtls that have been imported since."""
    global _modules
    if len(sys.modules) == _modules:
        return
    _modules = len(sys.modules)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0].startswith("modemtls"):
            for thing in list(vars(module).values()):
                if isinstance(thing, type) and thing.__module__ == name and dataclasses.is_dataclass(thing):
                    _watch_record(thing)


_modules = 0
_known_records: set[type] = set()


def _watch_record(kind: type) -> None:
    if (
        kind in _known_records
        or "__init__" not in vars(kind)
        or f"{kind.__module__}.{kind.__qualname__}" in EXEMPT_RECORDS
    ):
        return
    _known_records.add(kind)
    old = kind.__init__  # type: ignore[misc]

    @functools.wraps(old)
    def made(self: object, *args: Any, **more: Any) -> None:
        old(self, *args, **more)
        seen = watch.current()
        if seen.records.get(kind, 0) < watch.MOST_OF_A_KIND and type(self) is kind and seen.may_look_at(kind):
            seen.note(f"the repr of {kind.__name__}", repr(self))

    kind.__init__ = made  # type: ignore[misc]


# Programs, and what pytest captures


def _programs() -> None:
    def communicate(old: Any, self: Any, *args: Any, **more: Any) -> Any:
        out, err = old(self, *args, **more)
        watch.current().note("a program's stdout", out)
        watch.current().note("a program's stderr", err)
        return out, err

    def invoke(old: Any, self: Any, *args: Any, **more: Any) -> Result:
        result: Result = old(self, *args, **more)
        watch.current().note("the command line's stdout", result.stdout_bytes)
        watch.current().note("the command line's stderr", result.stderr_bytes)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            see_error(result.exception)
        return result

    def piped(old: Any, self: Any, *args: Any, **more: Any) -> None:
        old(self, *args, **more)
        for name in ("stdout", "stderr"):
            stream = getattr(self, name)
            if isinstance(stream, io.TextIOWrapper | io.BufferedReader):
                setattr(self, name, _Reader(stream, name))

    _wrap(subprocess.Popen, "communicate", communicate)
    _wrap(subprocess.Popen, "__init__", piped)
    _wrap(CliRunner, "invoke", invoke)


class _Reader:
    """A program's output, which is seen as it is read by hand."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self._name = stream, name

    def _see(self, data: Any) -> Any:
        watch.current().note(f"a program's {self._name}", data)
        return data

    def read(self, *args: Any) -> Any:
        return self._see(self._stream.read(*args))

    def readline(self, *args: Any) -> Any:
        return self._see(self._stream.readline(*args))

    def __iter__(self) -> Any:
        return map(self._see, self._stream)

    def __enter__(self) -> Any:
        self._stream.__enter__()
        return self

    def __exit__(self, *args: Any) -> Any:
        return self._stream.__exit__(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _captures() -> None:
    def read(old: Any, self: Any) -> Any:
        found = old(self)
        watch.current().note("captured output", found.out, found.err)
        return found

    def raised(old: Any, self: Any, about: Any) -> Any:
        see_error(about[1])
        return old(self, about)

    def section(old: Any, self: Any, when: str, key: str, content: str) -> None:
        watch.current().note(f"captured {key}", content)
        old(self, when, key, content)

    _wrap(pytest.CaptureFixture, "readouterr", read)
    _wrap(pytest.Item, "add_report_section", section)
    _wrap(pytest.ExceptionInfo, "fill_unfilled", raised)


def _folders(plugin: watch.Plugin) -> None:
    def make(old: Any, self: pytest.TempPathFactory, *args: Any, **more: Any) -> Path:
        folder: Path = old(self, *args, **more)
        plugin.folders.append(folder)
        plugin.base = self.getbasetemp()
        return folder

    _wrap(pytest.TempPathFactory, "mktemp", make)
