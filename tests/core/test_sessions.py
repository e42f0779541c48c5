"""Sessions side by side: streams, closing, threads, tasks, cancellation, Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

import modemtls
from modemtls import HttpError, Modem, ModemTimeout, NetworkError, Reason, Unsupported
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer, pattern

from .bench import Tap, commands, inside, opened, opened_async

both = pytest.mark.parametrize("http", ["stream", "modem"])


@pytest.fixture
def modem(server: HttpsServer) -> Iterator[Modem]:
    with opened(server, server) as modem:
        modem.trust(server.ca_pem)
        yield modem


def open_sockets(modem: Modem) -> int:
    """Sockets that are dialled and not shut."""
    state: dict[str, bool] = {}
    for line in commands(modem):
        name, _, rest = line.partition("=")
        if name in ("AT+SQNSD", "AT+SQNSH"):
            state[rest.split(",")[0]] = name == "AT+SQNSD"
    return sum(state.values())


def test_body_is_read_as_it_is_taken(modem: Modem) -> None:
    with modem.https("one.test") as session, session.stream("GET", "/bytes/100000") as response:
        assert (response.status, response.is_length_known) == (200, True)
        parts = list(response.iter_bytes())
        assert b"".join(parts) == pattern(100_000)
        assert len(parts) > 10
        assert response.read() == b"", "what was read is not read again"


def test_stream_that_is_left_halfway_costs_the_connection_and_nothing_else(
    server: HttpsServer, modem: Modem
) -> None:
    with modem.https("one.test") as session:
        with session.stream("GET", "/bytes/100000") as response:
            first = next(response.iter_bytes())
        assert pattern(100_000).startswith(first)
        assert session.get("/").body == b"Hello from modemtls.\n"
        assert open_sockets(modem) == 1


def test_error_in_the_block_of_a_stream_is_the_one_that_is_seen(modem: Modem) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        modem.https("one.test") as session,
        session.stream("GET", "/bytes/100000"),
    ):
        _ = 1 // 0
    assert open_sockets(modem) == 0


def test_body_of_a_session_that_was_closed_is_an_error_and_not_short(modem: Modem) -> None:
    session = modem.https("one.test")
    with session.stream("GET", "/bytes/100000") as response:
        next(response.iter_bytes())
        session.close()
        with pytest.raises(HttpError) as caught:
            response.read()
        assert caught.value.reasons == {Reason.INCOMPLETE_BODY}


def test_body_after_an_error_is_an_error_again_and_not_an_end(modem: Modem) -> None:
    session = modem.https("one.test")
    with session.stream("GET", "/cut/50000/9000") as response:
        for _ in range(2):
            with pytest.raises(HttpError):
                response.read()
    assert session.get("/").status == 200


def test_body_is_never_taken_from_a_later_response(modem: Modem) -> None:
    session = modem.https("one.test")
    with session.stream("GET", "/bytes/100000") as old:
        session.close()
        with session.stream("GET", "/bytes/5000") as new:
            with pytest.raises(HttpError):
                old.read()
            assert new.read() == pattern(5000)


def test_second_request_during_a_stream_of_the_same_session_is_refused_in_time(modem: Modem) -> None:
    session = modem.https("one.test")
    with session.stream("GET", "/bytes/100000") as response:
        with pytest.raises(ModemTimeout) as caught:
            session.get("/", timeout=1)
        assert caught.value.reasons == {Reason.BUSY}
        assert response.read() == pattern(100_000)


def test_streaming_by_the_modems_client_is_refused_before_anything_is_sent(modem: Modem) -> None:
    tap = Tap(modem)
    with (
        modem.https("one.test", http="modem") as session,
        pytest.raises(Unsupported, match="streamed"),
        session.stream("GET", "/"),
    ):
        pytest.fail("it gave a response")
    assert b"SQN" not in tap.sent


def test_sessions_side_by_side_have_sockets_of_their_own(server: HttpsServer, modem: Modem) -> None:
    sessions = [modem.https("one.test") for _ in range(6)]
    for session in sessions:
        assert session.get("/").status == 200
    assert open_sockets(modem) == 6
    with pytest.raises(NetworkError) as caught:
        modem.https("one.test").get("/")
    assert caught.value.reasons == {Reason.BUSY}
    sessions[2].close()
    assert modem.https("one.test").get("/").status == 200
    assert sessions[0].get("/").status == 200


def test_sessions_that_were_dropped_without_being_closed_give_their_sockets_back(modem: Modem) -> None:
    for _ in range(15):
        assert modem.https("one.test").get("/").status == 200
        gc.collect()
    assert open_sockets(modem) <= 6


def test_sockets_are_taken_from_the_top_of_what_is_owned(server: HttpsServer) -> None:
    with opened(server, given={"socket": 2}) as modem:
        modem.trust(server.ca_pem)
        kept = [modem.https("one.test") for _ in range(2)]
        assert [session.get("/").status for session in kept] == [200, 200]
        used = [line.partition("=")[2].split(",")[0] for line in commands(modem, "AT+SQNSD=")]
        assert used == ["2", "1"]
        with pytest.raises(NetworkError):
            modem.https("one.test").get("/")


@both
def test_closing_leaves_nothing_open_in_the_modem(server: HttpsServer, http: HttpWay) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        session = modem.https("one.test", http=http)
        assert session.get("/").status == 200
        simulator = inside(modem)
    assert not simulator._watched
    session.close()
    modem.close()
    with pytest.raises(modemtls.PortError):
        session.get("/")


def test_closing_a_session_twice_or_unused_sends_nothing(modem: Modem) -> None:
    tap = Tap(modem)
    session = modem.https("one.test")
    session.close()
    session.close()
    assert tap.sent == b""


@both
def test_several_threads_on_one_modem(server: HttpsServer, modem: Modem, http: HttpWay) -> None:
    found: list[bytes | BaseException] = []

    def work(number: int) -> None:
        try:
            with modem.https("one.test" if number % 2 else "two.test", http=http) as session:
                for _ in range(2):
                    found.append(session.post("/echo", bytes([number]) * 3000).body)
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(repr, found)) == sorted(repr(bytes([n]) * 3000) for n in range(4) for _ in range(2))


def test_one_session_shared_by_threads_mixes_nothing_up(modem: Modem) -> None:
    session = modem.https("one.test")
    found: list[bool] = []

    def work(number: int) -> None:
        body = bytes([number]) * 1200
        found.extend(session.post("/echo", body).body == body for _ in range(2))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [True] * 6


def test_waiting_for_events_does_not_keep_others_out(modem: Modem) -> None:
    modem.events()
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.extend(e.line for e in modem.events(timeout=10_000)))
    waiting.start()
    for _ in range(5):
        assert modem.clock.read()
    inside(modem).urc("+CRING: VOICE")
    waiting.join(30)
    assert not waiting.is_alive()
    assert "+CRING: VOICE" in got


@both
def test_ctrl_c_at_any_point_of_a_request_leaves_a_modem_that_works(
    server: HttpsServer, http: HttpWay
) -> None:
    points = {
        "stream": [b"AT+SQNSCFG=", b"AT+SQNSD=", b"AT+SQNSSENDEXT", b"GET /", b"AT+SQNSRECV"],
        "modem": [b"AT+SQNHTTPCFG=", b"AT+SQNHTTPCONNECT", b"AT+SQNHTTPQRY", b"AT+SQNHTTPRCV"],
    }[http]
    for point in points:
        with opened(server, given={"journal": False}) as modem:
            modem.trust(server.ca_pem)
            tap = Tap(modem)
            tap.interrupt_once(point)
            session = modem.https("one.test", http=http)
            with pytest.raises(KeyboardInterrupt):
                session.get("/bytes/20000")
            assert session.get("/bytes/3000").body == pattern(3000), point
            assert modem.clock.read()
            session.close()
            assert open_sockets(modem) == 0


# asyncio


def test_tasks_on_one_modem(server: HttpsServer) -> None:
    async def work() -> list[bool]:
        async with await opened_async(server) as modem:
            await modem.trust(server.ca_pem)

            async def one(number: int) -> bool:
                body = bytes([number]) * 4000
                async with modem.https("one.test") as session:
                    return (await session.post("/echo", body)).body == body

            return await asyncio.gather(*(one(n) for n in range(4)))

    assert asyncio.run(work()) == [True] * 4


@pytest.mark.parametrize(
    ("http", "after"),
    [*(("stream", n) for n in (1, 3, 10, 30, 100)), *(("modem", n) for n in (1, 3, 10))],
)
def test_cancelled_request_leaves_a_modem_that_works(server: HttpsServer, http: HttpWay, after: int) -> None:
    async def work() -> None:
        async with await opened_async(server) as modem:
            await modem.trust(server.ca_pem)
            session = modem.https("one.test", http=http)
            task = asyncio.create_task(session.get("/bytes/300000"))
            begun = len(inside(modem).commands)
            while len(inside(modem).commands) < begun + after and not task.done():
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await session.get("/bytes/3000")).body == pattern(3000)
            assert (await modem.clock.read()).is_set

    asyncio.run(work())


def test_cancelled_stream_in_the_middle_of_a_body(server: HttpsServer) -> None:
    async def work() -> None:
        async with await opened_async(server) as modem:
            await modem.trust(server.ca_pem)
            session = modem.https("one.test")
            got = asyncio.Event()

            async def download() -> None:
                async with session.stream("GET", "/bytes/1000000") as response:
                    async for _ in response.iter_bytes():
                        got.set()

            task = asyncio.create_task(download())
            await got.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await session.get("/")).status == 200

    asyncio.run(work())


def test_async_stream_reads_the_whole_body(server: HttpsServer) -> None:
    async def work() -> bytes:
        async with await opened_async(server) as modem:
            await modem.trust(server.ca_pem)
            async with (
                modem.https("one.test") as session,
                session.stream("GET", "/chunked/50000") as response,
            ):
                assert (response.status, response.is_length_known) == (200, True)
                assert dict(response.headers)["transfer-encoding"] == "chunked"
                return await response.read()

    assert asyncio.run(work()) == pattern(50_000)


def test_waiting_task_does_not_keep_others_out(server: HttpsServer) -> None:
    async def work() -> list[str]:
        async with await opened_async(server) as modem:
            await modem.events()
            waiting = asyncio.create_task(modem.events(timeout=10_000))
            for _ in range(3):
                await modem.clock.read()
            inside(modem).urc("+CRING: VOICE")
            return [event.line for event in await waiting]

    assert "+CRING: VOICE" in asyncio.run(work())
