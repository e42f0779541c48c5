"""The main job, end to end: network up, CA in, verified HTTPS; a refusal that is understood, and its cure.

Everything is real but the radio and the modem: TLS goes to a real server on the loopback.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import modemtls
from modemtls import (
    AsyncModem,
    CertificateError,
    CredentialError,
    CredentialKind,
    HttpError,
    HttpsSession,
    Modem,
    ModemReset,
    NetworkError,
    Reason,
    TlsError,
    Unsupported,
    VerifyPolicy,
    find_model,
)
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer, pattern
from modemtls.sim.server_targets import Reply, Request

WAYS: tuple[HttpWay, ...] = ("stream", "modem")
MODELS = ("sequans-gm02s", "sequans-gm02sp", "sequans-gm01q")


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer() as server:
        yield server


def leads(server: HttpsServer) -> str:
    """The simulated network: two names for one server, whose certificate has the first."""
    return f"server.test:443=127.0.0.1:{server.port},other.test:443=127.0.0.1:{server.port}"


def url(server: HttpsServer, model: str = "sequans-gm02s", **settings: Any) -> str:
    query = "".join(f"&{name}={value}" for name, value in settings.items())
    return f"sim://{model}?map={leads(server)}{query}"


def opened(server: HttpsServer, model: str = "sequans-gm02s", **settings: Any) -> Modem:
    return modemtls.open(url(server, model, **settings), options=find_model(model).demo_options or None)


@pytest.fixture
def pty(server: HttpsServer) -> Iterator[str]:
    """The path of a simulated GM02S that another process runs."""
    script = (
        "import contextlib, sys\n"
        "from modemtls.sim import PtyServer\n"
        "from modemtls_sequans.simulator import Gm02s\n"
        "with contextlib.closing(PtyServer(Gm02s(map=sys.argv[1], registration_delay=0.1))) as server:\n"
        "    print(server.path, flush=True)\n"
        "    server.serve()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, leads(server)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def day(modem: Modem, server: HttpsServer, http: HttpWay, size: int = 1_000_000) -> None:
    """What a person does with a new modem."""
    assert not modem.network.status().is_up  # the radio is off after a boot
    assert modem.network.up().is_up
    assert modem.clock.read().is_set
    with modem.https("server.test", http=http) as session, pytest.raises(CredentialError) as refused:
        session.get("/")
    assert Reason.NO_TRUST_ANCHOR in refused.value.reasons
    done = modem.trust(server.ca_pem)
    assert done.written
    assert done.slot >= 11
    with modem.https("server.test", http=http) as session:
        hello = session.get("/")
        assert (hello.status, hello.body, hello.http) == (200, b"Hello from modemtls.\n", http)
        assert (hello.headers is None) == (http == "modem")
        assert session.post("/echo", b"\r\nOK\r\n\x00\xff> ").body == b"\r\nOK\r\n\x00\xff> "
        seen: list[int] = []
        large = session.request("GET", f"/bytes/{size}", progress=lambda done, total: seen.append(done))
        assert large.body == pattern(size)
        assert seen[-1] == size
        assert session.head("/").body == b""
        assert session.get("/status/404").status == 404
    with modem.https("other.test", http=http) as session, pytest.raises(TlsError):
        session.get("/")  # the certificate is not for that name


async def async_day(modem: AsyncModem, server: HttpsServer, http: HttpWay, size: int = 1_000_000) -> None:
    assert (await modem.network.up()).is_up
    await modem.trust(server.ca_pem)
    async with modem.https("server.test", http=http) as session:
        assert (await session.get("/")).status == 200
        assert (await session.post("/echo", b"\r\nOK\r\n")).body == b"\r\nOK\r\n"
        assert (await session.get(f"/bytes/{size}")).body == pattern(size)
    async with modem.https("other.test", http=http) as session:
        with pytest.raises(TlsError):
            await session.get("/")


# The job itself


@pytest.mark.parametrize("http", WAYS)
def test_in_process(server: HttpsServer, http: HttpWay) -> None:
    with opened(server) as modem:
        day(modem, server, http)
        assert {shake.version for shake in server.handshakes} == {"TLSv1.2"}
        assert "server.test" in {shake.server_name for shake in server.handshakes}


@pytest.mark.parametrize("http", WAYS)
def test_in_process_on_asyncio(server: HttpsServer, http: HttpWay) -> None:
    async def main() -> None:
        async with await modemtls.open_async(url(server)) as modem:
            await async_day(modem, server, http)

    asyncio.run(main())


@pytest.mark.parametrize("http", WAYS)
def test_on_a_pty_of_another_process(server: HttpsServer, pty: str, http: HttpWay) -> None:
    with modemtls.open(pty) as modem:
        day(modem, server, http)


@pytest.mark.parametrize("http", WAYS)
def test_on_a_pty_of_another_process_on_asyncio(server: HttpsServer, pty: str, http: HttpWay) -> None:
    async def main() -> None:
        async with await modemtls.open_async(pty) as modem:
            await async_day(modem, server, http)

    asyncio.run(main())


@pytest.mark.parametrize("model", MODELS[1:])
@pytest.mark.parametrize("http", WAYS)
def test_on_the_other_models(server: HttpsServer, model: str, http: HttpWay) -> None:
    with opened(server, model) as modem:
        assert modem.model.name == model
        day(modem, server, http, size=20_000)


@pytest.mark.parametrize(
    "settings",
    [
        {"chunk": 1},
        {"chunk": 3, "echo": "yes"},
        {"echo": "yes"},
        {"urc_noise": 0.5, "chunk": 3},
        {"latency": "300ms", "patience": 0.2},
        {"urc_noise": 0.3, "echo": "yes", "seed": 7},
        {"async_dial": "no"},
        {"http_prompt": "triple", "snd_failure": "urcs-first"},
        {"close_after_read": "no"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()),
)
@pytest.mark.parametrize("http", WAYS)
def test_whatever_the_line_and_the_modem_are_like(
    server: HttpsServer, http: HttpWay, settings: dict[str, Any]
) -> None:
    with opened(server, **settings) as modem:
        day(modem, server, http, size=20_000)


def test_gm01q_without_its_options_verifies_nothing_and_says_so(server: HttpsServer) -> None:
    with modemtls.open(url(server, "sequans-gm01q")) as modem:
        for act in (lambda: modem.trust(server.ca_pem), lambda: modem.https("server.test")):
            with pytest.raises(Unsupported, match="valid_level_map"):
                act()
        assert modem.profiles.list() == ()


# What is there stays, and is not written again


def test_second_process_uses_what_the_first_has_stored(server: HttpsServer, tmp_path: Path) -> None:
    state = tmp_path / "modem.json"
    with opened(server, state=state) as modem:
        modem.trust(server.ca_pem)
        assert modem.https("server.test").get("/").status == 200
    with opened(server, state=state) as modem:
        assert modem.https("server.test").get("/").status == 200
        assert not modem.trust(server.ca_pem).written


def test_profiles_of_others_stay_as_they_are(server: HttpsServer) -> None:
    with opened(server) as modem:
        modem.command('AT+SQNSPCFG=1,2,"",1,5')
        modem.trust(server.ca_pem)
        modem.https("server.test").get("/")
        numbers = {profile.number: dict(profile.fields) for profile in modem.profiles.list()}
        assert set(numbers) == {1, 6}
        assert (numbers[1]["certValidLevel"], numbers[1]["caCertificateID"]) == ("1", "5")


def test_profile_that_verifies_less_is_corrected_before_use(server: HttpsServer) -> None:
    with opened(server) as modem:
        slot = modem.trust(server.ca_pem).slot
        modem.command(f'AT+SQNSPCFG=6,2,"",0,{slot}')
        with pytest.raises(TlsError):
            modem.https("other.test").get("/")
        assert dict(modem.profiles.list()[0].fields)["certValidLevel"] == "5"


def test_socket_that_somebody_unsecured_is_secured_before_the_next_dial(server: HttpsServer) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        with modem.https("server.test") as session:
            session.get("/")
        modem.command("AT+SQNSSCFG=6,0,1")
        seen = len(server.handshakes)
        with modem.https("server.test") as session:
            assert session.get("/").status == 200
        assert len(server.handshakes) == seen + 1


# The mistake of the forum, and its cure


@pytest.fixture
def mistaken(server: HttpsServer) -> Iterator[Modem]:
    """A CA in slot 19, and certValidLevel 7 typed into profile 1."""
    with opened(server) as modem:
        modem.network.up()
        modem.credentials.put(server.ca_pem, CredentialKind.CA, slot=19)
        assert modem.command('AT+SQNSPCFG=1,2,"",7,19').ok
        yield modem


def test_illegal_level_is_named_by_the_findings_of_the_profile(mistaken: Modem) -> None:
    ((profile, findings),) = mistaken.profiles.findings()
    assert profile.number == 1
    assert profile.checks is None
    assert "certValidLevel 7" in findings[0].message
    assert findings[0].reason is Reason.PROFILE_ILLEGAL


@pytest.mark.parametrize("http", WAYS)
def test_illegal_level_is_named_by_the_error_and_cured_as_in_the_forum(
    mistaken: Modem, http: HttpWay
) -> None:
    with mistaken.https("server.test", profile=1, http=http) as session:
        with pytest.raises(TlsError) as caught:
            session.get("/")
        assert "certValidLevel 7" in caught.value.message
        assert caught.value.reasons == {Reason.PROFILE_ILLEGAL}
        assert caught.value.findings[0].field == "certValidLevel"
        assert 'AT+SQNSPCFG=1,2,"",5,19' in (caught.value.remedy or "")
        assert caught.value.code is not None
        if http == "modem":
            assert (caught.value.code.namespace, caught.value.code.number) == ("http", 77)
    assert dict(mistaken.profiles.list()[0].fields)["certValidLevel"] == "7"  # nothing was changed
    assert mistaken.command('AT+SQNSPCFG=1,2,"",1,19').ok
    with mistaken.https("server.test", profile=1, http=http) as session:
        assert session.get("/").status == 200
    ((_, findings),) = mistaken.profiles.findings()
    assert not findings


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("command", ['1,2,"",0,19', '1,2,"",0', "1,2"])
def test_profile_that_verifies_nothing_is_used_only_when_that_is_said(
    server: HttpsServer, model: str, command: str
) -> None:
    with opened(server, model) as modem:
        modem.credentials.put(server.ca_pem, CredentialKind.CA, slot=19)
        assert modem.command(f"AT+SQNSPCFG={command}").ok
        with pytest.raises(CredentialError, match="not used without that being asked for"):
            modem.https("server.test", profile=1).get("/")
        asked = modem.https("other.test", profile=1, policy=VerifyPolicy.insecure())
        assert asked.get("/").status == 200


# Refusals


@pytest.mark.parametrize("http", WAYS)
def test_wrong_ca_is_refused(server: HttpsServer, http: HttpWay) -> None:
    with opened(server) as modem:
        modem.trust(trustme.CA().cert_pem.bytes())
        with pytest.raises(TlsError) as caught:
            modem.https("server.test", http=http).get("/")
        # A code for every cause is no statement about the certificate.
        assert isinstance(caught.value, CertificateError) == (http == "modem")


@pytest.mark.parametrize("http", WAYS)
def test_clock_that_nobody_set_is_found_out(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, network_time="no") as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(CertificateError) as caught:
            modem.https("server.test", http=http).get("/")
        assert Reason.CLOCK_UNSET in caught.value.reasons
        assert "1970" in caught.value.message
        modem.clock.set()
        assert modem.https("server.test", http=http).get("/").status == 200


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"sim": "absent"}, Reason.SIM_ABSENT),
        ({"sim": "pin"}, Reason.SIM_PIN_REQUIRED),
        ({"registration": "denied"}, Reason.REGISTRATION_DENIED),
        ({"registration": "never"}, Reason.NOT_REGISTERED),
    ],
)
def test_no_network_is_known_before_tls_is_tried(
    server: HttpsServer, settings: dict[str, Any], reason: Reason
) -> None:
    with opened(server, **settings) as modem:
        with pytest.raises(NetworkError) as caught:
            modem.https("server.test").get("/")
        assert reason in caught.value.reasons


# Bodies


@pytest.mark.parametrize(
    "target", ["/cut/5000/2000", "/reset/5000/2000", "/short/5000/2000", "/cut/5000/4999"]
)
@pytest.mark.parametrize("http", WAYS)
def test_body_that_is_cut_off_is_never_a_success(server: HttpsServer, http: HttpWay, target: str) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        with modem.https("server.test", http=http) as session:
            with pytest.raises((HttpError, NetworkError)) as caught:
                session.get(target)
            assert caught.value.reasons & {Reason.INCOMPLETE_BODY, Reason.CONNECTION_LOST}
            assert session.get("/").status == 200  # the next one is not disturbed


def test_body_without_a_length_is_whole_by_stream_and_refused_by_the_modems_client(
    server: HttpsServer,
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        for target in ("/close/3000", "/chunked/3000"):
            assert modem.https("server.test").get(target).body == pattern(3000)
            with pytest.raises(HttpError) as caught:
                modem.https("server.test", http="modem").get(target)
            assert caught.value.reasons == {Reason.LENGTH_UNKNOWN}
            assert caught.value.request_sent
        assert modem.https("server.test", http="modem").get("/").status == 200


@pytest.mark.parametrize("http", WAYS)
def test_server_that_closes_between_two_requests(http: HttpWay) -> None:
    def once(request: Request) -> Reply:
        return Reply(body=request.body or b"hello", headers=(("Connection", "close"),))

    with HttpsServer(handler=once) as server, opened(server) as modem:
        modem.trust(server.ca_pem)
        with modem.https("server.test", http=http) as session:
            for _ in range(3):
                assert session.get("/").body == b"hello"
            assert session.post("/", b"abc").body == b"abc"
            assert session.post("/", b"def").body == b"def"
        assert [request.method for request in server.log] == ["GET", "GET", "GET", "POST", "POST"]


@pytest.mark.parametrize("http", WAYS)
def test_response_that_never_comes_is_no_answer_to_the_next_request(http: HttpWay) -> None:
    go_on = threading.Event()

    def slow(request: Request) -> None:
        if request.target == "/slow":
            go_on.wait(10)

    with HttpsServer(handler=slow) as server, opened(server) as modem:
        modem.trust(server.ca_pem)
        with modem.https("server.test", http=http) as session:
            with pytest.raises(NetworkError) as caught:
                session.get("/slow", timeout=1)
            assert caught.value.reasons == {Reason.TIMEOUT}
            go_on.set()
            assert session.get("/bytes/17").body == pattern(17)


def until_it_restarts(session: HttpsSession) -> None:
    for _ in range(60):
        session.get("/")


@pytest.mark.parametrize("http", WAYS)
def test_restart_in_the_middle_is_named_and_the_next_session_succeeds(
    server: HttpsServer, http: HttpWay
) -> None:
    with opened(server, reboot_after=60) as modem:
        modem.trust(server.ca_pem)
        with modem.https("server.test", http=http) as session, pytest.raises(ModemReset):
            until_it_restarts(session)
        with modem.https("server.test", http=http) as session:
            assert session.get("/").status == 200


@pytest.mark.parametrize("http", WAYS)
def test_session_goes_on_after_a_restart(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, reboot_after=60) as modem:
        modem.trust(server.ca_pem)
        with modem.https("server.test", http=http) as session:
            with pytest.raises(ModemReset):
                until_it_restarts(session)
            assert session.get("/").status == 200
