"""Lines for attacks: one that keeps what is sent, one on which a hostile modem says what it likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest

from modemtls import Gap, Modem, TlsVersion, Unsupported, VerifyPolicy
from modemtls.https.session import HttpWay
from modemtls.model import Capability
from modemtls.op import SetLine
from modemtls.operations import vendor_options
from modemtls.plugins import find_model, registry
from modemtls.policy import TlsEndpoint, resolve
from modemtls.port import Port
from modemtls.settings import Settings
from modemtls.sim import CellularSimulator, SimPort

MODELS = [model.name for model in registry().models if model.simulator is not None]
"""Every installed model that can be simulated: one that is added comes under attack by itself."""

each_model = pytest.mark.parametrize("model_name", MODELS)


def ways_of(name: str) -> list[HttpWay]:
    """The ways in which a model can make a request, wherever TLS runs."""
    model = find_model(name)
    can = model.resolve("", vendor_options(model, Settings("sim://"))).capabilities
    ways: list[HttpWay] = ["stream"] if can & {Capability.TLS_STREAM, Capability.TCP_STREAM} else []
    return [*ways, "modem"] if Capability.HTTP_CLIENT in can else ways


def tls_of(name: str) -> TlsEndpoint | None:
    """On this computer where the modem's own TLS is older than the servers of these tests."""
    model = find_model(name)
    found = model.resolve("", vendor_options(model, Settings("sim://", options=options_of(name))))
    is_old = TlsVersion.TLS1_2 not in found.enforcement.minimum_versions
    return "host" if is_old and Capability.TCP_STREAM in found.capabilities else None


def options_of(name: str) -> dict[str, object]:
    """The vendor's options with which the simulated model is shown at its best."""
    return dict(find_model(name).demo_options)


def policy_of(name: str) -> VerifyPolicy:
    """As strict as the model can be; what it cannot check is not what is attacked."""
    model = find_model(name)
    options = vendor_options(model, Settings("sim://", options=options_of(name)))
    policy = VerifyPolicy(accept_gaps=frozenset(Gap))
    if tls_of(name) == "host":
        return VerifyPolicy()
    try:
        resolve(policy, model.resolve("", options).enforcement, host="one.test", model=name)
    except Unsupported:
        return VerifyPolicy.insecure()
    return policy


def simulated(modem: Modem) -> CellularSimulator:
    """The simulated modem behind an open one."""
    port = modem._port
    if isinstance(port, Tap):
        port = port.inner
    assert isinstance(port, SimPort)
    assert isinstance(port.simulator, CellularSimulator)
    return port.simulator


class Tap(Port):
    """A line to a simulated modem; ``sent`` is every byte that the host has written."""

    virtual_time = True
    has_modem_lines = False

    def __init__(self, inner: SimPort) -> None:
        self.inner = inner
        self.name = inner.name
        self.sent = bytearray()

    @property
    def simulator(self) -> CellularSimulator:
        assert isinstance(self.inner.simulator, CellularSimulator)
        return self.inner.simulator

    @classmethod
    def of(cls, modem: Modem) -> Tap:
        assert isinstance(modem._port, SimPort)
        tap = cls(modem._port)
        modem._port = tap
        return tap

    def write(self, data: bytes, timeout: float) -> None:
        self.sent += data
        self.inner.write(data, timeout)

    def read(self, timeout: float) -> bytes:
        return self.inner.read(timeout)

    def now(self) -> float:
        return self.inner.now()

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)

    def set_line(self, line: SetLine) -> None:
        self.inner.set_line(line)

    def close(self) -> None:
        self.inner.close()


Answer = Callable[[str], bytes]


class HostilePort(Port):
    """A modem that answers each command line with whatever ``answer`` makes of it; virtual time.

    ``stream`` gives one more chunk each time the host reads and nothing else is due; each takes
    ``chunk_seconds``.  What follows a prompt is not told apart: data that the host sends reaches ``answer`` too.
    """

    name = "hostile"
    virtual_time = True
    has_modem_lines = False

    def __init__(self, answer: Answer, *, chunk: int = 4096) -> None:
        self.answer = answer
        self.chunk = chunk
        self.stream: Callable[[], bytes] | None = None
        self.chunk_seconds = 0.001
        self.given = 0
        self.lines: deque[str] = deque(maxlen=1000)
        self._line = bytearray()
        self._due = bytearray()
        self._time = 0.0

    def say(self, data: bytes) -> None:
        """Have the modem say this by itself."""
        self._due += data

    def write(self, data: bytes, timeout: float) -> None:
        for byte in data:
            if byte == 0x0D:
                line = self._line.decode("latin-1")
                self._line.clear()
                self.lines.append(line)
                self._due += self.answer(line)
            elif len(self._line) < 4096:
                self._line.append(byte)

    def read(self, timeout: float) -> bytes:
        if not self._due and self.stream is not None and timeout >= self.chunk_seconds:
            self._time += self.chunk_seconds
            self._due += self.stream()
        if not self._due:
            self._time += max(0.0, timeout)
            return b""
        data = bytes(self._due[: self.chunk])
        del self._due[: self.chunk]
        self.given += len(data)
        return data

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += seconds

    def set_line(self, line: SetLine) -> None:
        pass

    def close(self) -> None:
        pass
