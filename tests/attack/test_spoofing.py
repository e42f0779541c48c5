"""Bodies and header values that look like the modem's own words arrive as they are, and mean nothing.

Everything goes through a real server and a simulated modem whose bytes come in pieces of every size from 1 to 64.  The
events that the host sees must be exactly those that the modem said.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import trustme

import modemtls
from modemtls import HttpError, Modem, Reason
from modemtls.https.session import HttpWay
from modemtls.port import open_port
from modemtls.sim import DataModeSimulator, FaultyLine, FaultySocket, PtyServer, open_sim
from modemtls.sim.server import HttpsServer, Reply, Request

from .conftest import attack_size
from .line import MODELS, each_model, options_of, policy_of, simulated, tls_of, ways_of

#: The model that is attacked at full size; the others speak through the same code of the core.
FIRST = "sequans-gm02s"
#: Each model with each of its ways to make a request.
WAYS = [(name, way) for name in MODELS for way in ways_of(name)]
each_way = pytest.mark.parametrize(("model_name", "http"), WAYS)

WORDS = [
    "OK",
    "ERROR",
    "CONNECT",
    "NO CARRIER",
    "+CME ERROR: 4",
    "+CME ERROR: 171",
    "+CMS ERROR: 500",
    "0",
    "3",
    "4",
    "> ",
    ">",
    ">>>",
    "<<<",
    "<<<<<<",
    "\x1a",
    "\x1b",
    "+++",
    "RING",
    "+CEREG: 3",
    "+CMEE: 1",
    "+SYSSTART",
    "+SHUTDOWN",
    "+SQNSRING: 6,5",
    "+SQNSRING: 6",
    "+SQNSH: 6",
    "+SQNSD: 6,-5",
    "+SQNSRECV: 6,1000000000",
    "+SQNSRECV: 6,0",
    "+SQNSI: 6,0,0,0,0",
    '+SQNHTTPRING: 2,404,"",3',
    "+SQNHTTPSH: 2,0",
    "+SQNHTTPCONNECT: 2,60",
    "+SQNSNVR: certificate,19",
    '+SQNSPCFG: 6,2,"",0,19,,,"","",0,0,0',
    "AT",
    "AT+SQNSRECV=6,1500",
    "AT+SQNHTTPRCV=2",
    "AT+SQNSSENDEXT=6,100",
    "AT+CFUN=0",
    "ATE1",
    "A/",
]
"""Result codes, prompts, end markers, events, answers and our own echo."""

SURE_WORDS = frozenset(WORDS) - {"+SHUTDOWN", "+SYSSTART", "0", "3", "4"}
"""Those that no simulated modem says of its own accord during a request."""

EDGES = ("\r\n", "\n", "\r", "", "\r\n\r\n")


def lookalikes() -> bytes:
    """Every word between line ends of every kind, and every byte value."""
    text = "".join(before + word + after for word in WORDS for before in ("", "\r\n") for after in EDGES[:3])
    return text.encode("latin-1") + bytes(range(256)) + b"\r\nOK\r\n"


def said_by(modem: Modem) -> tuple[list[str], list[str]]:
    """The events that the modem says, and those that the host sees, from now on."""
    one = simulated(modem)
    said: list[str] = []
    heard: list[str] = []
    own = one.urc

    def urc(line: str | bytes) -> None:
        said.append(line if isinstance(line, str) else line.decode("latin-1"))
        own(line)

    one.urc = urc  # type: ignore[method-assign]
    modem.on_event(lambda event: heard.append(event.line))
    return said, heard


def check_events(modem: Modem, said: list[str], heard: list[str]) -> None:
    """The host's events are those that the modem said, one for one.

    In a data mode the end of the other side is told amid payload, in words that payload can hold as well: there
    one for each connection may be seen, and it is the one that the modem said at the connection's end.
    """
    if not isinstance(simulated(modem), DataModeSimulator):
        assert heard == said[: len(heard)]
        return
    strange = Counter(heard) - Counter(said)
    connections = sum(line.startswith("+WIPREADY: 2,") for line in said)
    assert strange.pop("SHUTDOWN", 0) <= connections
    assert (
        sum(strange.pop(line) for line in list(strange) if line.startswith("+WIPPEERCLOSE: 2,"))
        <= connections
    )
    assert not strange


def cut_into(modem: Modem, chunk: int) -> None:
    """Have each read of the host get so many bytes at most."""
    one = simulated(modem)
    one.settings = replace(one.settings, chunk=chunk)


HEADER_VALUES = [word for word in WORDS if word.isprintable()]


def turned(first: int) -> list[int]:
    """The numbers of all words, from another one on: so each stands at other places of the pieces."""
    count = len(HEADER_VALUES)
    return [(first * 5 + at) % count for at in range(count)]


def answer(request: Request) -> Reply | None:
    path, _, number = request.target.rpartition("/")
    if path == "/header":
        value = HEADER_VALUES[int(number)]
        return Reply(200, value.encode(), headers=(("X-Spoof", value), (f"X-{number}", f"a {value}")))
    if path == "/headers":
        return Reply(200, b"", headers=tuple((f"X-{at}", HEADER_VALUES[at]) for at in turned(int(number))))
    if path == "/byte":
        return Reply(200, b"", headers=(("X-Spoof", f"a{chr(int(number))}b"),))
    if path == "/type":
        return Reply(200, b"body", content_type=HEADER_VALUES[int(number)])
    return None


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer(names=("one.test",), handler=answer) as running:
        yield running


@pytest.fixture
def model_name() -> str:
    """Where the words of one vendor's client are the matter, it is this one."""
    return FIRST


def url_of(model_name: str, server: HttpsServer) -> str:
    return f"sim://{model_name}?map=one.test:443=127.0.0.1:{server.port}"


def https(modem: Modem, http: HttpWay = "stream") -> modemtls.HttpsSession:
    return modem.https("one.test", http=http, policy=policy_of(modem.model.name))


def opened(port: str, model_name: str, server: HttpsServer) -> Modem:
    modem = modemtls.open(port, model=model_name, options=options_of(model_name), tls=tls_of(model_name))
    modem.clock.set()
    modem.trust(server.ca_pem, policy=policy_of(model_name))
    return modem


@pytest.fixture
def modem(server: HttpsServer, model_name: str) -> Iterator[Modem]:
    with opened(url_of(model_name, server), model_name, server) as modem:
        yield modem


@pytest.mark.parametrize("echo", [False, True], ids=["no echo", "echo"])
@each_way
def test_lookalikes_in_bodies_by_all_cuts(modem: Modem, http: HttpWay, echo: bool) -> None:
    said, heard = said_by(modem)
    body = lookalikes()
    if echo:
        modem.command("ATE1")
    with https(modem, http) as session:
        session.get("/")
        for cut in range(1, 65):
            cut_into(modem, cut)
            offset = cut * 37 % len(body)  # each cut meets other places of the text
            turned = body[offset:] + body[:offset]
            response = session.post("/echo", turned)
            assert response.body == turned, f"cut {cut}"
            assert response.status == 200
    check_events(modem, said, heard)
    assert modem.dropped_events == 0


@each_way
def test_every_byte_and_every_word_as_a_whole_body(modem: Modem, http: HttpWay) -> None:
    said, heard = said_by(modem)
    bodies = [bytes([value]) for value in range(256)]
    bodies += [
        (before + word + after).encode("latin-1") for word in WORDS for before in EDGES for after in EDGES
    ]
    rng = random.Random(5)
    with https(modem, http) as session:
        for body in bodies:
            cut_into(modem, rng.randrange(0, 65))
            assert session.post("/echo", body).body == body, body
    check_events(modem, said, heard)


Place = Callable[[str], contextlib.AbstractContextManager[str]]
CUTS = (0, 1, 2, 3, 7, 16, 63, 64, 509)


@each_way
@pytest.mark.parametrize("cut", attack_size(CUTS, CUTS[::4]))
def test_a_megabyte_of_chance(modem: Modem, model_name: str, http: HttpWay, cut: int) -> None:
    """Up and down, whole and in pieces; the dial's own words may stand in it as in any other text."""
    said, heard = said_by(modem)
    body = random.Random(f"{cut}").randbytes(
        attack_size(1_000_000 if model_name == FIRST else 100_000, 30_000)
    )
    with https(modem, http) as session:
        session.get("/")
        cut_into(modem, cut)
        assert session.post("/echo", body).body == body
    check_events(modem, said, heard)
    assert modem.dropped_events == 0


@contextlib.contextmanager
def on_a_pty(url: str) -> Iterator[str]:
    with PtyServer(open_sim(url).simulator) as server:
        yield server.path


@contextlib.contextmanager
def on_a_socket(url: str) -> Iterator[str]:
    with on_a_pty(url) as path, FaultySocket(FaultyLine(), open_port(path)) as end:
        yield end.url


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("cut", attack_size([0, 64, 1], [64]))
@pytest.mark.parametrize("place", [on_a_pty, on_a_socket])
@each_way
def test_chance_and_lookalikes_on_a_real_line(
    model_name: str, http: HttpWay, place: Place, cut: int, server: HttpsServer
) -> None:
    """In real time, between threads; the modem gives its bytes in pieces of that size, and they arrive as they do."""
    size = attack_size(1_000_000 if cut != 1 and model_name == FIRST else 20_000, 10_000)
    body = lookalikes() + random.Random(f"{place.__name__} {cut}").randbytes(size) + lookalikes()
    heard: list[str] = []
    with (
        place(f"{url_of(model_name, server)}&chunk={cut}") as port,
        opened(port, model_name, server) as modem,
    ):
        modem.on_event(lambda event: heard.append(event.line))
        with https(modem, http) as session:
            assert session.post("/echo", body).body == body
        assert modem.clock.read()
    assert not [line for line in heard if line in SURE_WORDS]


@each_model
def test_lookalikes_in_header_values(modem: Modem) -> None:
    said, heard = said_by(modem)
    with https(modem) as session:
        for cut in range(1, 65):
            cut_into(modem, cut)
            found = dict(session.get(f"/headers/{cut}").headers or ())
            assert [found[f"x-{at}"] for at in turned(cut)] == [
                HEADER_VALUES[at].strip() for at in turned(cut)
            ], f"cut {cut}"
            for number in attack_size(range(len(HEADER_VALUES)), [cut % len(HEADER_VALUES)]):
                response = session.get(f"/header/{number}")
                assert dict(response.headers or ())["x-spoof"] == HEADER_VALUES[number].strip()
                assert response.body == HEADER_VALUES[number].encode()
    check_events(modem, said, heard)


@each_model
def test_every_byte_in_a_header_value(modem: Modem) -> None:
    """What no header may hold is an error or kept as it is; it is never an event, and the next request is in step."""
    said, heard = said_by(modem)
    refused: list[int] = []
    reasons: set[Reason] = set()
    with https(modem) as session:
        for byte in range(0x100):
            cut_into(modem, byte % 64 + 1)
            try:
                response = session.get(f"/byte/{byte}")
            except HttpError as error:
                reasons |= error.reasons
                refused.append(byte)
                assert session.get("/byte/65").status == 200
                continue
            assert dict(response.headers or ())["x-spoof"] == f"a{chr(byte)}b"
    assert reasons == {Reason.MALFORMED_RESPONSE}
    assert set(b"\0\n") <= set(refused) <= {*range(0x20), 0x7F} - {0x09}
    check_events(modem, said, heard)


def test_lookalikes_in_the_content_type_that_the_modems_client_tells(modem: Modem) -> None:
    """It comes in an event; what looks like a secret there is hidden, as in every event."""
    said, heard = said_by(modem)
    with https(modem, "modem") as session:
        for cut in range(1, 65):
            cut_into(modem, cut)
            for number in range(len(HEADER_VALUES)):
                response = session.get(f"/type/{number}")
                assert response.body == b"body"
                if not HEADER_VALUES[number].startswith("+SQNSPCFG"):
                    assert (response.content_type or "") == HEADER_VALUES[number].strip().replace('"', "'")
    assert [line for line in heard if "SPCFG" not in line] == [
        line for line in said[: len(heard)] if "SPCFG" not in line
    ]


@each_model
def test_lookalikes_in_what_is_sent_are_data(modem: Modem, model_name: str, server: HttpsServer) -> None:
    """What goes up behind the prompt arrives at the server as it is."""
    for http in ways_of(model_name):
        with https(modem, http) as session:
            for word in WORDS:
                body = f"\r\n{word}\r\n".encode("latin-1")
                session.put("/echo", body)
                assert server.log[-1].body == body


# Where the protocol gives no length


def test_body_without_a_length_is_refused_where_only_the_modem_knows_its_end(modem: Modem) -> None:
    """``+SQNHTTPRING`` says 0 then, and any end that could be looked for could stand in the body."""
    with https(modem, "modem") as session, pytest.raises(HttpError) as caught:
        session.get("/close/3000")
    assert caught.value.reasons == {Reason.LENGTH_UNKNOWN}
    with https(modem) as session:
        assert len(session.get("/close/3000").body) == 3000  # the stream counts its bytes


@each_model
@pytest.mark.parametrize(
    "name", ["OK", "ERROR", "+CEREG: 3", "+SQNSH: 6", '","a', "a,b,19,c", "é ü €", "+SYSSTART", "> "]
)
def test_name_in_a_certificate_stays_a_name_in_the_listing(modem: Modem, name: str) -> None:
    """The listing is lines: what a line can hold is a value in it and nothing else."""
    said, heard = said_by(modem)
    ca = trustme.CA(organization_name=name, organization_unit_name=name, key_type=trustme.KeyType.ECDSA)
    done = modem.trust(ca.cert_pem.bytes(), policy=policy_of(modem.model.name))
    assert done.where == "host" or [
        stored.slot for stored in modem.credentials.list() if stored.slot == done.slot
    ] == [done.slot]
    check_events(modem, said, heard)
    assert modem.clock.read()
