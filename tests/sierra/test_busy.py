"""515, "the module is busy", at each command: it is given again when it carried nothing, and only then."""

from __future__ import annotations

from typing import Any

import pytest

import modemtls
from modemtls import ModemError, NetworkError, VerifyPolicy
from modemtls.op import run
from modemtls.sim.server import HttpsServer, pattern

from .conftest import ISSUED, Bench
from .test_companion import ready, sent
from .test_companion_line import CONNECT, OK, Bare
from .wipsoft_bench import MODES
from .wipsoft_bench import Bench as WipsoftBench

BUSY = b"\r\n+CME ERROR: 515\r\n"


@pytest.mark.parametrize(
    "name", ["+MTPUT", "+MTLIST", "+MTTLS", "+MTNET", "+MTOPEN", "+MTSEND", "+MTRECV", "+MTCLOSE"]
)
def test_one_refusal_at_any_command_of_a_request_is_not_seen(bench: Bench, name: str) -> None:
    with ready(bench, busy_at=name) as modem, modem.https(ISSUED) as session:
        assert session.get("/bytes/9000").body == pattern(9_000)
        everything = bytes(range(256)) * 40
        assert session.post("/echo", everything).body == everything
        refused = [line for line in sent(modem) if line[2:].startswith(name)]
    assert len(refused) >= 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["+WIPCFG", "+WIPBR", "+WIPCREATE", "+WIPDATA", "+WIPCLOSE"])
def test_one_refusal_at_any_command_of_wipsoft_is_not_seen(mode: str, name: str) -> None:
    with HttpsServer(names=("one.test",)) as server:
        settings: dict[str, Any] = {"map": f"one.test:443=127.0.0.1:{server.port}", "busy_at": name}
        query = "&".join(f"{key}={value}" for key, value in settings.items())
        with modemtls.open(
            f"sim://sierra-q2686-wipsoft?{query}", apn="internet", journal=False, options={"data_mode": mode}
        ) as modem:
            for _ in range(2):
                with modem.https("one.test", policy=VerifyPolicy.insecure()) as session:
                    assert session.get("/bytes/3000").body == pattern(3_000)
                    modem.clock.read()
                    assert session.get("/bytes/3000").body == pattern(3_000)
            assert sum(line[2:].startswith(name) for line in sent(modem)) >= 2


def test_a_data_mode_that_is_refused_twice_is_asked_for_again() -> None:
    with HttpsServer(names=("one.test",)) as server:
        plan: dict[str, list[int | None]] = {"AT+WIPDATA=2,1,2": [515, 515]}
        with WipsoftBench("transparent", server.port, plan=plan) as bench:
            bench.attached(apn="internet").open()
        assert plan == {"AT+WIPDATA=2,1,2": []}


def test_bytes_that_were_taken_are_not_sent_again_whatever_is_said_of_them() -> None:
    bare = Bare()
    bare.port.expect(("AT+MTSEND=5,3610a686", [CONNECT]), (b"hello", [BUSY]))
    with pytest.raises(NetworkError, match="not sent again"):
        run(bare.driver.send_stream(0, b"hello"), bare.port)
    bare.port.check()


def test_bytes_that_were_not_asked_for_are_offered_again() -> None:
    bare = Bare()
    command = "AT+MTSEND=5,3610a686"
    bare.port.expect((command, [BUSY]), (command, [BUSY]), (command, [CONNECT]), (b"hello", [OK]))
    run(bare.driver.send_stream(0, b"hello"), bare.port)
    bare.port.check()


def test_a_module_that_stays_busy_is_an_error_after_some_seconds(bench: Bench) -> None:
    with ready(bench) as modem:
        simulator: Any = modem._port
        before = simulator.now()
        simulator.simulator._refusals_left = 10_000
        with pytest.raises(ModemError, match="515"):
            modem.clock.read()
        assert 10.0 < simulator.now() - before < 60.0
