"""Many modems on one event loop: open, import a CA, one HTTPS request each; memory and CPU of our side.

The modems are simulated ones with real TLS, in other processes, and so is the HTTPS server.  Each number of
modems is measured in a fresh process, after one modem has been through everything, so that what is loaded
once is not counted.  Memory is what the process has more (resident) with all modems open and their sessions
alive; CPU is the process's own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import modemtls

from .measure import Row, report

_PER_PROCESS = 100
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class _Held:
    """What an application would hold of one modem."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.modem: modemtls.AsyncModem | None = None
        self.session: modemtls.AsyncHttpsSession | None = None

    async def use(self, ca: bytes) -> None:
        self.modem = await modemtls.open_async(self.device, journal=False, timeout=120)
        await self.modem.trust(ca)
        self.session = self.modem.https("device.test", timeout=300)
        response = await self.session.get("/bytes/1000")
        assert response.status == 200
        assert len(response.body) == 1000

    async def close(self) -> None:
        assert self.modem is not None
        assert self.session is not None
        await self.session.close()
        await self.modem.close()


async def _measured(devices: list[str], ca: bytes, at_once: int) -> dict[str, float]:
    first, *rest = [_Held(device) for device in devices]
    await first.use(ca)
    gate = asyncio.Semaphore(at_once)

    async def use(one: _Held) -> None:
        async with gate:
            await one.use(ca)

    before, cpu, wall = _resident(), time.process_time(), time.perf_counter()
    await asyncio.gather(*(use(one) for one in rest))
    used, took, after = time.process_time() - cpu, time.perf_counter() - wall, _resident()
    for one in (first, *rest):
        await one.close()
    return {
        "kB a modem": (after - before) / 1000 / len(rest),
        "CPU ms a modem": used * 1e3 / len(rest),
        "wall s": took,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def _child() -> None:
    given = json.loads(sys.stdin.readline())
    print(json.dumps(asyncio.run(_measured(given["devices"], given["ca"].encode(), given["at_once"]))))


def _server() -> None:
    from modemtls.sim.server import HttpsServer

    with HttpsServer(names=("device.test",)) as server:
        print(json.dumps({"port": server.port, "ca": server.ca_pem.decode()}), flush=True)
        sys.stdin.read()


def _started(stack: ExitStack, *command: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.callback(process.communicate)
    return process


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def main(folder: Path, quick: bool) -> None:
    """One row for each number of modems."""
    rows: list[Row] = []
    for number in (10, 30) if quick else (10, 100, 300, 1000):
        with ExitStack() as stack:
            server = json.loads(_line(_started(stack, __spec__.name, "server")))
            farms = [
                _started(stack, f"{__package__}.farm", str(count), str(server["port"]))
                for count in _shares(number + 1)
            ]
            devices = [device for farm in farms for device in _line(farm).split()]
            child = _started(stack, __spec__.name, "child")
            assert child.stdin is not None
            child.stdin.write(json.dumps({"devices": devices, "ca": server["ca"], "at_once": number}) + "\n")
            child.stdin.flush()
            rows.append({"modems": number, **json.loads(_line(child))})
            print(rows[-1], flush=True)
    report("many", "Open, import and request on one event loop", rows, folder)


def _shares(number: int) -> list[int]:
    return [min(_PER_PROCESS, number - start) for start in range(0, number, _PER_PROCESS)]


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    {"child": _child, "server": _server}[sys.argv[1]]()
