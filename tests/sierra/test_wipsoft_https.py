"""HTTPS over WIPsoft's plain TCP, TLS on this computer: the whole way, with servers of today, and damage on it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme

import modemtls
from modemtls import (
    AsyncModem,
    CertificateError,
    HttpError,
    HttpsSession,
    Modem,
    ModemError,
    ModemReset,
    ModemTimeout,
    NetworkError,
    Reason,
    TlsError,
    TlsVersion,
    Unsupported,
)
from modemtls.sim import Faults, FaultyLine, FaultyPort, PtyServer, SimPort
from modemtls.sim.server import HttpsServer, pattern
from modemtls_sierra_wip.simulator.wipsoft import Q2686Wipsoft

from .wipsoft_bench import MODES

both = pytest.mark.parametrize("mode", MODES)
EVERY = bytes(range(256))
HOSTILE = (b"\x03\x10" * 50 + b"+++" + b"\r\nOK\r\n" + EVERY) * 40


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[HttpsServer]:
    with HttpsServer(ca=ca, names=("one.test",)) as made:
        yield made


def url(server: HttpsServer, **settings: object) -> str:
    given = {"map": f"one.test:443=127.0.0.1:{server.port}", "patience": 0.05, **settings}
    return "sim://sierra-q2686-wipsoft?" + urlencode(given)


def given(mode: str, **more: Any) -> dict[str, Any]:
    options = {"data_mode": mode, **more.pop("options", {})}
    return {"apn": "internet", "journal": False, "options": options, **more}


def opened(server: HttpsServer, mode: str = "escaped", **settings: object) -> Modem:
    return modemtls.open(url(server, **settings), **given(mode))


def echo_often(session: HttpsSession) -> None:
    for _ in range(5):
        assert session.post("/echo", HOSTILE).body == HOSTILE


def inside(modem: Modem | AsyncModem) -> Q2686Wipsoft:
    port = modem._port
    if isinstance(port, FaultyPort):
        port = port.port
    assert isinstance(port, SimPort)
    assert isinstance(port.simulator, Q2686Wipsoft)
    return port.simulator


@both
@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_module_of_2008_speaks_tls_of_today(ca: trustme.CA, mode: str, version: TlsVersion) -> None:
    with (
        HttpsServer(ca=ca, names=("one.test",), tls_min=version, tls_max=version) as server,
        opened(server, mode) as modem,
        modem.https("one.test", ca=server.ca_pem) as session,
    ):
        response = session.get("/")
        assert (response.status, response.tls) == (200, "host")
        assert server.handshakes[0].version == str(version).replace("TLS ", "TLSv")
        assert server.handshakes[0].server_name == "one.test"


@both
def test_get_post_and_a_megabyte_on_one_connection(server: HttpsServer, mode: str) -> None:
    with opened(server, mode, patience=2) as modem, modem.https("one.test", ca=server.ca_pem) as session:
        assert session.get("/").status == 200
        assert session.post("/echo", HOSTILE).body == HOSTILE
        assert session.get("/bytes/1000000").body == pattern(1_000_000)
        assert session.get("/chunked/5000").body == pattern(5000)
        assert len(server.handshakes) == 1
        assert [line for line in inside(modem).commands if "WIPDATA=2,1" in line] == [
            f"AT+WIPDATA=2,1,{1 if mode == 'escaped' else 2}"
        ]


@both
def test_commands_between_and_amid_requests(server: HttpsServer, mode: str) -> None:
    with opened(server, mode) as modem, modem.https("one.test", ca=server.ca_pem) as session:
        session.get("/")
        assert modem.clock.read().time.year == 1998
        assert session.get("/bytes/5000").body == pattern(5000)
        with session.stream("GET", "/bytes/50000") as response:
            parts = response.iter_bytes()
            body = next(parts)
            assert modem.network.status().is_up
            body += b"".join(parts)
        assert body == pattern(50_000)
        assert len(server.handshakes) == 1


@both
def test_body_without_a_length(server: HttpsServer, mode: str) -> None:
    with opened(server, mode) as modem, modem.https("one.test", ca=server.ca_pem) as session:
        assert session.get("/close/3000").body == pattern(3000)
        assert session.get("/").status == 200


@both
@pytest.mark.parametrize("target", ["/cut/5000/1000", "/reset/5000/1000", "/short/5000/1000"])
def test_body_that_ends_too_early(server: HttpsServer, mode: str, target: str) -> None:
    with opened(server, mode) as modem, modem.https("one.test", ca=server.ca_pem) as session:
        with pytest.raises((HttpError, NetworkError, TlsError)):
            session.get(target)
        assert session.get("/").status == 200


@both
def test_wrong_ca(server: HttpsServer, mode: str) -> None:
    with opened(server, mode) as modem:
        with (
            pytest.raises(CertificateError),
            modem.https("one.test", ca=trustme.CA().cert_pem.bytes()) as session,
        ):
            session.get("/")
        with modem.https("one.test", ca=server.ca_pem) as session:
            assert session.get("/").status == 200


@both
def test_awaited(server: HttpsServer, mode: str) -> None:
    async def main() -> None:
        async with (
            await modemtls.open_async(url(server), **given(mode)) as modem,
            modem.https("one.test", ca=server.ca_pem) as session,
        ):
            assert (await session.post("/echo", HOSTILE)).body == HOSTILE
            assert (await modem.clock.read()).time.year == 1998
            assert (await session.get("/bytes/200000")).body == pattern(200_000)

    asyncio.run(main())


@both
@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.2])
def test_cancelled_request_leaves_a_modem_that_works(server: HttpsServer, mode: str, after: float) -> None:
    async def main() -> None:
        async with await modemtls.open_async(url(server), **given(mode)) as modem:
            session = modem.https("one.test", ca=server.ca_pem)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(after):
                    await session.post("/echo", b"\rAT+WIPCFG=0\r" * 100_000)
            assert (await modem.clock.read()).time.year == 1998
            assert (await session.get("/")).status == 200
            assert "AT+WIPCFG=0" not in inside(modem).commands
            await session.close()

    asyncio.run(main())


@both
@pytest.mark.parametrize("way", ["blocking", "awaited"])
def test_by_a_pty(server: HttpsServer, mode: str, way: str) -> None:
    simulator = Q2686Wipsoft(
        map=f"one.test:443=127.0.0.1:{server.port}", guard=0.2, registration_delay=0, bearer_delay=0
    )
    how = given(mode, options={"guard_time": 0.25}, model="sierra-q2686-wipsoft")

    async def main(path: str) -> None:
        async with (
            await modemtls.open_async(path, **how) as modem,
            modem.https("one.test", ca=server.ca_pem) as s,
        ):
            assert (await s.post("/echo", HOSTILE)).body == HOSTILE
            assert (await s.get("/bytes/300000")).body == pattern(300_000)

    with PtyServer(simulator) as line:
        if way == "awaited":
            asyncio.run(main(line.path))
            return
        with modemtls.open(line.path, **how) as modem, modem.https("one.test", ca=server.ca_pem) as session:
            assert session.post("/echo", HOSTILE).body == HOSTILE
            assert session.get("/bytes/300000").body == pattern(300_000)
            assert modem.clock.read().time.year == 1998
            assert session.get("/").status == 200


@both
def test_open_again_after_a_program_was_killed_amid_a_stream(server: HttpsServer, mode: str) -> None:
    port = SimPort(Q2686Wipsoft(map=f"one.test:443=127.0.0.1:{server.port}", patience=0.05))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modemtls.connecting.open_port", lambda *a, **k: port)
        patch.setattr(port, "close", lambda: None)
        modem = modemtls.open("sim://sierra-q2686-wipsoft", **given(mode))
        modem.https("one.test", ca=server.ca_pem).get("/")
        assert inside(modem).is_in_data_mode
        with modemtls.open("sim://sierra-q2686-wipsoft", **given(mode)) as again:
            assert again.https("one.test", ca=server.ca_pem).get("/").status == 200
    SimPort.close(port)


@both
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("seed", range(2))
def test_dropped_bytes_are_noticed(server: HttpsServer, mode: str, direction: str, seed: int) -> None:
    faults = Faults(drop=0.0005, window=(2000, None))
    to_modem, to_host = (faults, Faults()) if direction == "up" else (Faults(), faults)
    line = FaultyLine(seed, to_modem=to_modem, to_host=to_host)
    with pytest.MonkeyPatch.context() as patch:
        simulator = Q2686Wipsoft(map=f"one.test:443=127.0.0.1:{server.port}", patience=0.05)
        patch.setattr("modemtls.connecting.open_port", lambda *a, **k: FaultyPort(line, SimPort(simulator)))
        with modemtls.open("sim://sierra-q2686-wipsoft", **given(mode, explain=False)) as modem:
            session = modem.https("one.test", ca=server.ca_pem, timeout=20)
            with pytest.raises(ModemError) as caught:
                echo_often(session)
            assert isinstance(
                caught.value, TlsError | NetworkError | HttpError | ModemTimeout | ModemReset
            ), caught.value


@both
def test_firmware_that_repeats_bytes_is_named(server: HttpsServer, mode: str) -> None:
    with opened(server, mode, firmware="R7.52.0.201403111111.Q2686RD") as modem:
        with pytest.raises(TlsError, match=r"7\.52") as caught:
            modem.https("one.test", ca=server.ca_pem).post("/echo", HOSTILE)
        assert Reason.BYTES_LOST in caught.value.reasons
        assert modem.clock.read()


@both
def test_first_byte_damaged_after_a_long_silence_is_noticed(server: HttpsServer, mode: str) -> None:
    with opened(server, mode, idle_damage=120) as modem:
        session = modem.https("one.test", ca=server.ca_pem)
        assert session.get("/").status == 200
        modem._port.sleep(130)
        if mode == "escaped":
            assert session.get("/").status == 200
        else:
            with pytest.raises((TlsError, NetworkError)):
                session.get("/")


@both
def test_restart_amid_a_request(server: HttpsServer, mode: str) -> None:
    with opened(server, mode, reboot_at_byte=20_000, wind=4) as modem:
        session = modem.https("one.test", ca=server.ca_pem)
        with pytest.raises((ModemReset, NetworkError, TlsError, ModemTimeout)):
            session.post("/echo", HOSTILE * 3)
        assert session.get("/").status == 200


def test_two_threads_take_turns_with_one_connection_and_the_clock(server: HttpsServer) -> None:
    with opened(server) as modem, modem.https("one.test", ca=server.ca_pem) as session:
        session.get("/")
        clocks: list[int] = []
        other = threading.Thread(target=lambda: clocks.extend(modem.clock.read().time.year for _ in range(3)))
        other.start()
        for _ in range(3):
            assert session.get("/bytes/20000").body == pattern(20_000)
        other.join(60)
        assert clocks == [1998] * 3


def test_second_session_waits_for_no_socket_but_says_so(server: HttpsServer) -> None:
    with opened(server) as modem, modem.https("one.test", ca=server.ca_pem) as first:
        assert first.get("/").status == 200
        with pytest.raises(NetworkError, match="in use"):
            modem.https("one.test", ca=server.ca_pem).get("/")
        assert first.get("/").status == 200


def test_tls_in_the_modem_is_refused_before_anything_is_sent(server: HttpsServer) -> None:
    with opened(server) as modem:
        before = len(inside(modem).commands)
        with pytest.raises(Unsupported):
            modem.https("one.test", tls="modem")
        assert len(inside(modem).commands) == before


def test_server_that_says_nothing_in_the_handshake(ca: trustme.CA) -> None:
    from .wipsoft_bench import TcpServer

    def silent(connection: Any) -> None:
        while connection.recv(4096):
            pass

    with TcpServer(silent) as server:
        query = urlencode({"map": f"one.test:443=127.0.0.1:{server.port}", "patience": 0.05})
        with modemtls.open(f"sim://sierra-q2686-wipsoft?{query}", **given("escaped")) as modem:
            with pytest.raises(NetworkError) as caught:
                modem.https("one.test", ca=ca.cert_pem.bytes()).get("/")
            assert Reason.TIMEOUT in caught.value.reasons
            assert modem.clock.read()
