"""Recordings over every installed model, and over a data mode, where payload has the line to itself."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tests.at.data_peer import DataPeer
from tests.canaries import AUTHORIZATION, CANARIES, PASSWORD, PIN
from tests.search import Search

import modemtls
from modemtls import ModemError
from modemtls.at import Channel, Command, DataMode, DataModeRules, Dialect, Escaped, Reply, Transparent
from modemtls.op import run
from modemtls.plugins import registry
from modemtls.sim.server import HttpsServer
from modemtls.transcript import Chunk, Direction, Payload, Recording, parse

from .bench import Script, tells
from .test_recording import Watched

MODELS = [model.name for model in registry().models if model.simulator is not None]


def day(port: str, model: str, server: HttpsServer, **more: object) -> list[object]:
    """What the model can do of network, trust and a request."""
    found: list[object] = []
    options = dict(modemtls.find_model(model).demo_options) or None
    given = {
        "apn": "internet",
        "user": "me",
        "password": PASSWORD,
        "pin": PIN,
        "accept_gaps": ["hostname"],
        **more,
    }
    with modemtls.open(port, options=options, **given) as modem:  # type: ignore[arg-type]
        found.append(modem.network.up())
        for step in ("trust", "ask"):
            try:
                if step == "trust":
                    modem.trust(server.ca_pem)
                else:
                    with modem.https("one.test") as session:
                        found.append(session.get("/", headers={"Authorization": AUTHORIZATION}).body)
            except ModemError as error:
                found.append(str(error))
        found.append(modem.tls)
    return found


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_recorded_and_replayed(
    model: str, server: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session.txt"
    settings = "".join(f"&{k}={v}" for k, v in modemtls.find_model(model).simulator_settings.items())
    port = f"sim://{model}?map=one.test:443=127.0.0.1:{server.port}{settings}"
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "one"))
    found = day(port, model, server, record=Recording(path, full=True))
    transcript = parse(path.read_bytes())
    assert transcript.model == model
    search = Search()
    for name, value in CANARIES.items():
        search.register(name, value)
    assert search.leaks(path.read_bytes()) == set()
    if found[-1] == "host":  # each handshake of this computer is another one
        return
    assert " bytes hidden]" not in path.read_text(), "something was not accounted for"
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "two"))
    assert day(f"replay://{path}", model, server) == found


@pytest.mark.parametrize("escapes", [False, True], ids=["transparent", "escaped"])
@pytest.mark.parametrize("full", [True, False], ids=["full", "digest"])
def test_a_data_mode_is_recorded_as_data(escapes: bool, full: bool) -> None:
    peer = DataPeer(escapes=escapes, chunk=64)
    script, line = Script(full=full), Watched(peer)
    recording = line.record(script.recorder)
    channel = recording.channel(Dialect(urcs=("+CLOSED:",)))

    def refused(reply: Reply) -> ModemError:
        return modemtls.CommandError(str(reply.final))

    coding = Escaped() if escapes else Transparent()
    stream = DataMode(channel, Command.do("+GO", reply="(?!)"), coding, DataModeRules(), refused=refused)
    run(stream.enter(), recording)
    head = f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: {AUTHORIZATION}\r\n\r\n".encode()
    run(stream.send(head), recording)
    peer.give(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=hunter2hunter2\r\n\r\nthe body")
    run(stream.receive(1000, 5.0), recording)
    assert run(channel.command(Command.read("+NUM")), recording).lines
    with contextlib.suppress(ModemError):
        run(stream.leave(), recording)
    script.recorder.close()
    assert tells(script.transcript, Direction.SENT, line.sent)
    assert tells(script.transcript, Direction.RECEIVED, line.taken)
    assert AUTHORIZATION not in script.text
    assert "hunter2" not in script.text
    payloads = [
        part
        for e in script.transcript.entries
        if isinstance(e, Chunk)
        for part in e.parts
        if isinstance(part, Payload)
    ]
    assert payloads
    assert ("Host: h" in script.text) is full
    assert "+++" in script.text


def test_a_channel_that_nobody_told_of_the_recording_gives_nothing_away() -> None:
    peer = DataPeer(escapes=False, chunk=64)
    script = Script()
    recording = peer.record(script.recorder)
    channel = Channel(Dialect())
    with contextlib.suppress(ModemError):
        run(channel.command(Command.set("+LOGIN", 1, 2)), recording)
    recording.close()
    assert "LOGIN" not in script.text
