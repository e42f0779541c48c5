"""Other Python libraries that speak AT, each as its documentation says to use it, on the same exchange.

Each runs in a process of its own (some have reader threads) against the same scripted modem, unpaced, in turns.
The configuration is printed beside the figures.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from .line import Line
from .measure import Row, report

Ask = Callable[[], object]
Measured = tuple[float, float]


def _measure(ask: Ask, seconds: float) -> Measured:
    for _ in range(3):
        ask()
    calls, wall, cpu = 0, time.perf_counter(), time.process_time()
    while calls < 5 or time.perf_counter() - wall < seconds:
        ask()
        calls += 1
    return (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls


def _modemtls(device: str, seconds: float) -> Measured:
    import modemtls

    with modemtls.open(device, journal=False) as modem:
        return _measure(lambda: _said(modem.command("AT+CSQ").lines), seconds)


def _pyserial(device: str, seconds: float) -> Measured:
    import serial

    from .commands import bare_loop

    with serial.Serial(device, 115_200, timeout=5) as port:
        return _measure(bare_loop(port), seconds)


def _gsmmodem(device: str, seconds: float) -> Measured:
    from gsmmodem.modem import GsmModem

    modem = GsmModem(device, 115_200)
    modem.connect()
    try:
        return _measure(lambda: _said(modem.write("AT+CSQ")), seconds)
    finally:
        modem.close()


def _async_gsm_modem(device: str, seconds: float) -> Measured:
    from async_gsm_modem.quectel_ec25 import Modem

    async def measured() -> Measured:
        modem = Modem(device, 115_200)
        await modem.connect()
        for _ in range(3):
            await modem.signal_quality()
        calls, wall, cpu = 0, time.perf_counter(), time.process_time()
        while calls < 5 or time.perf_counter() - wall < seconds:
            assert "20,99" in await modem.signal_quality()
            calls += 1
        return (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls

    logging.disable(logging.CRITICAL)  # its endless reading task complains when the process ends
    return asyncio.run(measured())


def _atlib(device: str, seconds: float) -> Measured:
    from atlib import AT_Device

    modem = AT_Device(device, 115_200)
    modem.sync_baudrate()
    return _measure(lambda: _said(modem.command("AT+CSQ").lines), seconds)


def _nrfcredstore(device: str, seconds: float) -> Measured:
    from nrfcredstore import comms
    from nrfcredstore.command_interface import ATCommandInterface
    from serial.tools.list_ports_common import ListPortInfo

    # It takes only ports that the system lists, and a pty is not one.
    comms.get_comports_fixed_ordering = lambda: [ListPortInfo(device)]
    with comms.Comms(port=device) as line:
        modem = ATCommandInterface(line)

        def ask() -> None:
            modem.write_raw("AT+CSQ")
            _said(line.expect_response("OK", "ERROR", "+CSQ"))

        return _measure(ask, seconds)


def _pyatcommand(device: str, seconds: float) -> Measured:
    from pyatcommand import AtClient

    modem = AtClient()
    modem.connect(port=device, baudrate=115_200)
    try:
        return _measure(lambda: _said([modem.send_command("AT+CSQ").info]), seconds)
    finally:
        modem.disconnect()


def _said(lines: object) -> None:
    assert "20,99" in str(lines), lines


CONTESTANTS: dict[str, tuple[str, Callable[[str, float], Measured], str]] = {
    "modemtls": ("modemtls", _modemtls, 'open(device); modem.command("AT+CSQ")'),
    "bare-loop": ("pyserial", _pyserial, "Serial(device, 115200, timeout=5); write, read(in_waiting or 1)"),
    "python-gsmmodem-new": (
        "python-gsmmodem-new",
        _gsmmodem,
        'GsmModem(device, 115200); connect(); write("AT+CSQ")',
    ),
    "async-gsm-modem": (
        "async-gsm-modem",
        _async_gsm_modem,
        "quectel_ec25.Modem(device, 115200); await connect(); await signal_quality()",
    ),
    "atlib": ("atlib", _atlib, 'AT_Device(device, 115200); sync_baudrate(); command("AT+CSQ")'),
    "nrfcredstore": (
        "nrfcredstore",
        _nrfcredstore,
        'Comms(port=device); write_raw("AT+CSQ"); expect_response("OK", "ERROR", "+CSQ")',
    ),
    "pyatcommand": (
        "pyatcommand",
        _pyatcommand,
        'AtClient(); connect(port=device, baudrate=115200); send_command("AT+CSQ")',
    ),
}


def main(folder: Path, quick: bool) -> None:
    """Two tables; a library that is not installed, or fails, is named in them."""
    for baud in (115_200, 0):
        found, trouble = _runs(baud, *((1, 0.3) if quick else (3, 1.0)))
        report(
            f"libraries-{baud or 'unpaced'}",
            f"AT+CSQ by other libraries, {f'paced at {baud}' if baud else 'not paced'}",
            [_row(name, found, trouble) for name in CONTESTANTS],
            folder,
        )


def _runs(baud: int, rounds: int, seconds: float) -> tuple[dict[str, list[Measured]], dict[str, str]]:
    found: dict[str, list[Measured]] = {name: [] for name in CONTESTANTS}
    trouble: dict[str, str] = {}
    for turn in range(rounds):
        names = [name for name in CONTESTANTS if name not in trouble]
        for name in names if turn % 2 == 0 else reversed(names):
            with Line(baud) as line:
                command = [
                    sys.executable,
                    "-W",
                    "ignore",
                    "-m",
                    __spec__.name,
                    name,
                    line.device,
                    str(seconds),
                ]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
                except subprocess.TimeoutExpired:
                    trouble[name] = "did not end in 60 s"
                    continue
            if done.returncode == 0:
                wall, cpu = json.loads(done.stdout.splitlines()[-1])
                found[name].append((wall, cpu))
            else:
                trouble[name] = (done.stderr.strip().splitlines() or ["it failed"])[-1]
    return found, trouble


def _row(name: str, found: dict[str, list[Measured]], trouble: dict[str, str]) -> Row:
    package, _, configuration = CONTESTANTS[name]
    try:
        release = version(package)
    except PackageNotFoundError:
        release = "not installed"
    row: dict[str, str | float] = {"library": package, "version": release}
    if name in trouble:
        row["trouble"] = trouble[name][:80]
    elif own := found["modemtls"]:
        wall, cpu = median(w for w, _ in found[name]), median(c for _, c in found[name])
        row |= {
            "wall ms": wall * 1e3,
            "CPU ms": cpu * 1e3,
            "wall × modemtls": wall / median(w for w, _ in own),
            "CPU × modemtls": cpu / median(c for _, c in own),
        }
    row["as"] = configuration
    return row


if __name__ == "__main__":
    print(json.dumps(CONTESTANTS[sys.argv[1]][1](sys.argv[2], float(sys.argv[3]))))
