"""Baud rate, DTR, RTS and break of a line that pyserial has set up."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from ..errors import PortError
from ..op import SetLine
from .failures import error_number, gone, refused_setting

if TYPE_CHECKING:
    import serial

__all__ = ["apply_line"]


def apply_line(line: SetLine, on: serial.Serial, name: str, *, has_modem_lines: bool) -> None:
    """Apply what ``line`` asks for; DTR, RTS and break only where there are modem lines.

    :raises PortError: the port is gone, or does not know the baud rate.
    """
    try:
        if line.baudrate is not None and line.baudrate != on.baudrate:
            _set_baudrate(on, line.baudrate, name)
        if not has_modem_lines:
            return
        if line.dtr is not None:
            on.dtr = line.dtr
        if line.rts is not None:
            on.rts = line.rts
        if line.send_break is not None:
            on.break_condition = True
            try:
                time.sleep(line.send_break)
            finally:
                on.break_condition = False
    except PortError:
        raise
    except OSError as error:
        raise gone(name, error) from error


def _set_baudrate(on: serial.Serial, baudrate: int, name: str) -> None:
    before = on.baudrate
    try:
        if baudrate < 1:
            raise ValueError("a baud rate is at least 1")
        on.baudrate = baudrate
    except (ValueError, OverflowError, OSError) as error:
        if error_number(error) is not None:
            raise
        # pyserial keeps the rate that failed, and would fail with it at every later change.
        with contextlib.suppress(ValueError, OSError):
            on.baudrate = before
        raise refused_setting(name, f"{baudrate} baud", error) from error
