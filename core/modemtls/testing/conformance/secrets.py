"""Secrets: a private key, a pre-shared key and a PIN show in no log, no recording, no error and no repr."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ...errors import ModemError
from ...policy import Psk, VerifyPolicy
from .bench import WAYS, Bench
from .lines import Fault
from .marks import simulated

__all__ = ["Secrets"]

_PIN, _WRONG_PIN = "7391", "8264"
_PSK = bytes(range(101, 117))


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(record.getMessage())


@contextmanager
def _all_logs() -> Iterator[list[str]]:
    """Everything that modemtls logs, of every level."""
    kept = _Kept()
    loggers = [logging.getLogger("modemtls"), logging.getLogger("modemtls.at")]
    levels = [each.level for each in loggers]
    loggers[0].addHandler(kept)
    for each in loggers:
        each.setLevel(logging.DEBUG)
    try:
        yield kept.text
    finally:
        loggers[0].removeHandler(kept)
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


def _pieces(pem: bytes) -> list[str]:
    """Lines of a private key that nothing else has."""
    return [line for line in re.sub(rb"-----[^-]+-----", b"", pem).decode().split() if len(line) > 20]


class Secrets:
    """What is secret is marked where the command is built."""

    @simulated
    def test_no_secret_is_logged_recorded_or_part_of_an_error(self, bench: Bench, tmp_path: Path) -> None:
        way = WAYS["tls-stream"]
        keys: list[bytes] = []
        shown: list[str] = []
        with _all_logs() as logged:
            line = bench.line(sim="pin", pin=_PIN)
            recording = line.record(tmp_path / "session.txt")
            with bench.open(recording, pin=_PIN) as modem:
                modem.network.up()
                if bench.has_store and bench.resolved.enforcement.client_credential:
                    bench.trust(modem, way)
                    for fault in (Fault.ERROR, Fault.GARBAGE, None):
                        certificate, key = bench.servers(way).new_client_credential()
                        keys.append(key)
                        if fault is not None:
                            line.arm_at(fault, b"PRIVATE KEY")
                        shown += _error_of(partial(modem.install, certificate, key))
                        assert fault is None or line.has_struck, "the key was never sent"
                        line.disarm()
                if bench.resolved.enforcement.psk:
                    policy = VerifyPolicy(psk=Psk("device", _PSK), accept_gaps=bench.gaps(way))
                    shown += _error_of(lambda: modem.trust(bench.servers(way).ca_pem, policy=policy))
                    shown.append(repr(modem.profiles.list()))
            line.inner.close()
            line = bench.line(sim="pin", pin=_PIN)
            with bench.open(line, pin=_WRONG_PIN) as modem:
                shown += _error_of(modem.network.up)
            line.inner.close()
        shown += logged
        shown.append((tmp_path / "session.txt").read_text("utf-8"))
        everything = "\n".join(shown)
        secrets = [f'"{_PIN}"', f"={_PIN}", f'"{_WRONG_PIN}"', f"={_WRONG_PIN}"]
        secrets += [piece for key in keys for piece in _pieces(key)]
        secrets += [_PSK.hex(), _PSK.hex().upper()]
        found = sum(secret in everything for secret in secrets)
        assert not found, f"{found} of {len(secrets)} secrets are shown"
        assert "AT+C" in everything, "nothing was logged at all"


def _error_of(operation: object) -> list[str]:
    assert callable(operation)
    try:
        operation()
    except ModemError as error:
        return [str(error), repr(error), repr(error.__dict__)]
    return []
