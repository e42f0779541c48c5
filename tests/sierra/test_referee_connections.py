"""The referee on connections: TCP and TLS with real servers, each conversation held with both sides."""

from __future__ import annotations

import datetime
import random
import threading
from collections.abc import Callable

import pytest
import trustme
from OpenSSL import SSL

from .agent import crc
from .peer import Connection, Credential, Peer, issued, self_signed
from .referee import Scenario, Talk, on_the_agent, on_the_simulator

EVERY_BYTE = bytes(range(256))
DATA = random.Random(6).randbytes(10_000)
NOW = 'AT+CCLK="26/11/21,10:00:00"'
SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *options: str, lost_after: float | None = None, **settings: object
) -> Callable[[Callable[[Talk], None]], Callable[[Talk], None]]:
    """Make a function a scenario; several of these make several."""

    def add(talk: Callable[[Talk], None]) -> Callable[[Talk], None]:
        name = " ".join([talk.__name__, *options])
        assert name not in SCENARIOS
        SCENARIOS[name] = Scenario(talk, settings, options, lost_after=lost_after)
        return talk

    return add


class Certificates:
    """Made once: both sides have to see the same."""

    def __init__(self) -> None:
        rsa = trustme.KeyType.RSA
        self.root = trustme.CA(key_type=rsa)
        self.stranger = trustme.CA(key_type=rsa).cert_pem.bytes()
        self.issued = issued(self.root)
        self.below = issued(self.root.create_child_ca(key_type=rsa))
        self.own = self_signed()
        over = self.root.issue_cert(
            "server.test", not_after=datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
        )
        self.expired = Credential((over.cert_chain_pems[0].bytes(),), over.private_key_pem.bytes())
        self.clients = trustme.CA(key_type=rsa)
        device = self.clients.issue_cert("device.test", common_name="device-7", key_type=rsa)
        self.device = Credential(
            tuple(pem.bytes() for pem in device.cert_chain_pems), device.private_key_pem.bytes()
        )


CERTIFICATES = Certificates()
ROOT = CERTIFICATES.root.cert_pem.bytes()


def trusting(talk: Talk, ca: bytes | None = ROOT, verify: str = "ALWAYS", clock: str | None = NOW) -> None:
    talk.online()
    if clock is not None:
        talk.ask(clock)
    if ca is not None:
        talk.put("CA", 1, ca)
    talk.ask(f"AT+MTTLS={verify}{',1' if ca is not None else ''}")


def all_of(talk: Talk, commands: tuple[str, ...]) -> None:
    for command in commands:
        talk.ask(command)


# TCP


@scenario()
def bytes_both_ways(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.open("TCP", peer.port)
        all_of(talk, ("AT+MTOPEN?", "AT+MTRECV=0", "AT+MTRECV=100", "AT+MTRECV=0"))
        talk.send_out(b"hello")
        talk.urc("+MTDATA")
        all_of(
            talk, ("AT+MTOPEN?", "AT+MTRECV=3", "AT+MTRECV=0", "AT+MTOPEN?", "AT+MTRECV=100", "AT+MTRECV=0")
        )
        all_of(talk, ("AT+MTRECV=100", "AT+MTRECV=0", "AT+MTSESS?", "AT+MTERR?", "AT+MTCLOSE", "AT+MTOPEN?"))
        all_of(talk, ("AT+MTRECV=0", "AT+MTSEND=1,00000000", "AT+MTCLOSE"))


@scenario()
def all_byte_values(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.send_out(EVERY_BYTE)
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=256")
        data = b"\x03\x10+++\r\nAT+MTCLOSE\r\n" * 40
        talk.send_out(data)
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=4000")


@scenario()
def largest_blocks(talk: Talk) -> None:
    with Peer(lambda connection: connection.send(DATA)) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.urc("+MTCLOSED")
        for _ in range(4):
            talk.ask("AT+MTRECV=4000")
        all_of(talk, ("AT+MTRECV=0", "AT+MTOPEN?", "AT+MTRECV=4001", "AT+MTCLOSE"))


@scenario()
def largest_sends(talk: Talk) -> None:
    taken = threading.Semaphore(0)

    def behave(connection: Connection) -> None:
        assert connection.exactly(4096 + 1) == DATA[:4097]
        connection.send(b"all")
        taken.release()
        connection.receive()

    with Peer(behave) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.send_out(DATA[:4096])
        talk.upload("AT+MTSEND=4097,00000000", b"")
        talk.send_out(DATA[4096:4097])
        assert taken.acquire(timeout=10)
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=10")


@scenario()
def data_are_told_once(talk: Talk) -> None:
    go = threading.Semaphore(0)

    def behave(connection: Connection) -> None:
        for _ in range(4):
            go.acquire()
            connection.send(b"x" * 10)
        connection.receive()

    with Peer(behave) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        go.release()
        talk.urc("+MTDATA")
        go.release()
        talk.quiet(0.3)
        talk.ask("AT+MTRECV=15")
        go.release()
        talk.quiet(0.3)
        talk.ask("AT+MTRECV=15")
        go.release()
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=15")


@scenario()
def bytes_with_a_wrong_crc(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.upload("AT+MTSEND=3,00000000", b"abc")
        talk.ask("AT+MTERR?")
        talk.send_out(b"def")
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=10")


@scenario("--time-scale=50")
def announced_bytes_that_do_not_come(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.ask(f"AT+MTSEND=3,{crc(b'abc')}")
        talk.send(b"ab")
        talk.until(rb"706\r\n")
        talk.send_out(b"def")
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=10")


@scenario()
def other_side_hangs_up(talk: Talk) -> None:
    with Peer(lambda connection: connection.send(b"bye")) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.urc("+MTCLOSED")
        all_of(
            talk,
            ("AT+MTERR?", "AT+MTOPEN?", "AT+MTOPEN=TCP,h,1", "AT+MTOPEN=TLS,h,1", "AT+MTSEND=1,00000000"),
        )
        all_of(talk, ("AT+MTRECV=3", "AT+MTRECV=0", "AT+MTRECV=3", "AT+MTRECV=0", "AT+MTOPEN?", "AT+MTCLOSE"))
        talk.open("TCP", peer.port)
        talk.urc("+MTCLOSED")


@scenario()
def other_side_hangs_up_while_bytes_are_announced(talk: Talk) -> None:
    gone = threading.Event()
    with Peer(lambda connection: gone.wait(10)) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.ask(f"AT+MTSEND=5,{crc(b'hello')}")
        talk.send(b"hel")
        gone.set()
        talk.quiet(0.3)
        talk.send(b"lo")
        talk.urc("+MTCLOSED")
        all_of(talk, ("AT+MTERR?", "AT+MTOPEN?", "AT+MTCLOSE"))


@scenario("--time-scale=30", patience=0.1)
def other_side_reads_nothing(talk: Talk) -> None:
    with Peer(lambda connection: peer.released.wait(60), buffer=4096) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.send_until_it_stalls(b"x" * 4096)
        all_of(talk, ("AT+MTERR?", "AT+MTOPEN?", "AT+MTSEND=1,00000000", "AT+MTCLOSE", "AT+MTOPEN?"))


@scenario()
def two_opens_at_once(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.send(
            f'AT+MTOPEN=TCP,"server.test",{peer.port}\rAT+MTOPEN=TCP,"server.test",{peer.port}\r'.encode()
        )
        talk.until(rb"70\d\r\n")
        talk.urc("+MTOPEN")
        all_of(talk, ("AT+MTERR?", "AT+MTOPEN=TLS,h,1", "AT+MTOPEN=TCP,h,1", "AT+MTERR?", "AT+MTOPEN?"))
        talk.send_out(b"still there")
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=100")


@scenario()
def opening_is_given_up(talk: Talk) -> None:
    with Peer(lambda connection: connection.receive() and connection.receive()) as silent:
        trusting(talk, None, "NEVER")
        talk.ask(f'AT+MTOPEN=TLS,"server.test",{silent.port}', shown="open")
        all_of(talk, ("AT+MTOPEN?", "AT+MTRECV=5", "AT+MTSEND=1,00000000", "AT+MTOPEN=TCP,h,1", "AT+MTCLOSE"))
        all_of(talk, ("AT+MTOPEN?", "AT+MTERR?"))
        talk.quiet(0.3)


@scenario()
def what_cannot_be_reached(talk: Talk) -> None:
    with Peer() as peer:
        port = peer.port
    talk.online()
    talk.connect("TCP", port)
    talk.connect("TCP", port, host="www.example.com")
    talk.connect("TCP", port, host="nobody.invalid")
    talk.ask("AT+MTTLS=NEVER")
    talk.connect("TLS", port)


@scenario()
def bearer_is_closed_under_a_connection(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.ask("AT+MTNET=0")
        talk.quiet(0.3)
        all_of(talk, ("AT+MTOPEN?", "AT+MTNET?", "AT+MTERR?", "AT+MTRECV=1", f"AT+MTOPEN=TCP,h,{1}"))


@scenario(lost_after=0.8)
def bearer_is_lost_under_a_connection(talk: Talk) -> None:
    with Peer(lambda connection: connection.send(b"x") or connection.receive()) as peer:  # type: ignore[func-returns-value]
        talk.online()
        talk.open("TCP", peer.port)
        talk.urc("+MTDATA")
        talk.urc("+MTNET: 0")
        all_of(talk, ("AT+MTOPEN?", "AT+MTNET?", "AT+MTERR?", "AT+MTRECV=10", "AT+MTRECV=10", "AT+MTCLOSE"))


@scenario(lost_after=0.8, patience=0.1)
def bearer_is_lost_while_a_connection_is_opened(talk: Talk) -> None:
    with Peer(lambda connection: connection.receive() and connection.receive()) as silent:
        trusting(talk, None, "NEVER")
        talk.ask(f'AT+MTOPEN=TLS,"server.test",{silent.port}', shown="open")
        talk.urc("+MTNET: 0")
        all_of(talk, ("AT+MTOPEN?", "AT+MTNET?", "AT+MTERR?", "AT+MTCLOSE"))


@scenario()
def restart_under_a_connection(talk: Talk) -> None:
    with Peer() as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.restart()
        all_of(talk, ("AT+MTOPEN?", "AT+MTNET?", "AT+MTERR?", "AT+MTRECV=1", "AT+MTSESS?"))


@scenario()
def events_wait_in_data_mode(talk: Talk) -> None:
    go = threading.Event()

    def behave(connection: Connection) -> None:
        go.wait(10)
        connection.send(b"second")
        connection.exactly(3)

    with Peer(behave) as peer:
        talk.online()
        talk.open("TCP", peer.port)
        talk.ask(f"AT+MTSEND=2,{crc(b'bc')}")
        go.set()
        talk.quiet(0.3)
        talk.send(b"bc")
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=100")


# TLS


@scenario()
def tls_bytes_both_ways(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.open("TLS", peer.port)
        all_of(talk, ("AT+MTOPEN?", "AT+MTSESS?", "AT+MTRECV=5"))
        talk.send_out(EVERY_BYTE)
        talk.urc("+MTDATA")
        all_of(talk, ("AT+MTRECV=100", "AT+MTRECV=4000", "AT+MTCLOSE", "AT+MTSESS?"))


@scenario()
def tls_other_side_hangs_up(talk: Talk) -> None:
    with Peer(lambda connection: connection.send(b"bye"), credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.open("TLS", peer.port)
        talk.urc("+MTCLOSED")
        all_of(talk, ("AT+MTERR?", "AT+MTRECV=3", "AT+MTRECV=3", "AT+MTCLOSE"))


@scenario()
def tls_largest_blocks(talk: Talk) -> None:
    with Peer(lambda connection: connection.send(DATA), credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.open("TLS", peer.port)
        talk.urc("+MTCLOSED")
        for _ in range(4):
            talk.ask("AT+MTRECV=4000")


@scenario()
def the_seed(talk: Talk) -> None:
    """A self-signed certificate works at power-up's clock, one of a CA does not; with the clock set it does."""
    with Peer(credential=CERTIFICATES.own) as mine, Peer(credential=CERTIFICATES.issued) as public:
        trusting(talk, CERTIFICATES.own.leaf, clock=None)
        talk.ask("AT+MTCLK?")
        talk.connect("TLS", mine.port)
        talk.put("CA", 1, ROOT)
        talk.connect("TLS", public.port)
        talk.ask(NOW)
        talk.connect("TLS", public.port)


@scenario()
def leaf_as_ca(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk, CERTIFICATES.issued.leaf)
        talk.connect("TLS", peer.port)


@scenario()
def another_ca(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk, CERTIFICATES.stranger)
        talk.connect("TLS", peer.port)


@scenario()
def an_intermediate_that_is_sent(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.below) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)


@scenario()
def an_intermediate_that_is_not_sent(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.below.without_intermediates()) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)
        talk.put("CA", 1, ROOT + CERTIFICATES.below.chain[1])
        talk.connect("TLS", peer.port)


@scenario()
def an_intermediate_alone_is_no_anchor(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.below) as peer:
        trusting(talk, CERTIFICATES.below.chain[1])
        talk.connect("TLS", peer.port)


@scenario()
def several_cas(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk, CERTIFICATES.stranger + ROOT)
        talk.connect("TLS", peer.port)


@scenario()
def a_ca_that_is_no_certificate(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk, b"this is no certificate")
        talk.connect("TLS", peer.port)


@scenario()
def never_and_once(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk, None, "NEVER", clock=None)
        talk.connect("TLS", peer.port)
        talk.put("CA", 1, ROOT)
        talk.ask("AT+MTTLS=ONCE,1")
        talk.connect("TLS", peer.port)
        talk.ask(NOW)
        talk.connect("TLS", peer.port)
        talk.ask("AT+MTTLS=NONE")
        talk.ask(f"AT+MTOPEN=TLS,h,{1}")
        talk.ask("AT+MTERR?")


@scenario()
def an_expired_certificate(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.expired) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)
        talk.ask('AT+CCLK="24/12/31,00:00:00"')
        talk.connect("TLS", peer.port)


@scenario("--trusted-dates=yes", anchor_dates=True)
def dates_of_what_is_trusted(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.own) as peer:
        trusting(talk, CERTIFICATES.own.leaf, clock=None)
        talk.connect("TLS", peer.port)
        talk.ask(NOW)
        talk.connect("TLS", peer.port)


@scenario()
@scenario("--hostname=yes", check_hostname=True)
def another_name(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port, host="other.test")
        talk.connect("TLS", peer.port)


@scenario()
@scenario("--max-tls=1.2", max_tls="1.2")
def a_server_of_today(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued, versions=(SSL.TLS1_2_VERSION, SSL.TLS1_2_VERSION)) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)


@scenario()
def a_server_that_does_not_speak_tls(talk: Talk) -> None:
    with Peer(lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)


@scenario()
def a_server_that_hangs_up_at_once(talk: Talk) -> None:
    with Peer(lambda connection: connection.receive()) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)


@scenario()
def a_client_certificate(talk: Talk) -> None:
    device = CERTIFICATES.device
    with Peer(credential=CERTIFICATES.issued, client_ca=CERTIFICATES.clients.cert_pem.bytes()) as peer:
        trusting(talk)
        talk.connect("TLS", peer.port)
        talk.put("CERT", 2, b"".join(device.chain))
        talk.put("KEY", 2, device.key)
        talk.ask("AT+MTTLS=ALWAYS,1,2,2")
        talk.open("TLS", peer.port)
        talk.send_out(b"hello")
        talk.urc("+MTDATA")
        talk.ask("AT+MTRECV=10")
        assert peer.handshakes(1)[-1][3] == "device-7"


@scenario()
def a_client_certificate_without_its_own_key(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.put("CERT", 1, CERTIFICATES.device.leaf)
        talk.put("KEY", 1, CERTIFICATES.own.key)
        talk.ask("AT+MTTLS=ALWAYS,1,1,1")
        talk.connect("TLS", peer.port)
        talk.put("KEY", 1, b"no key at all")
        talk.connect("TLS", peer.port)


@scenario()
def a_saved_session(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer, Peer(credential=CERTIFICATES.issued) as other:
        trusting(talk)
        talk.open("TLS", peer.port, more=",1")
        all_of(talk, ("AT+MTOPEN?", "AT+MTSESS?", "AT+MTCLOSE", "AT+MTSESS?"))
        talk.open("TLS", peer.port, more=",1")
        all_of(talk, ("AT+MTOPEN?", "AT+MTCLOSE"))
        talk.open("TLS", peer.port, more=",0")
        all_of(talk, ("AT+MTOPEN?", "AT+MTCLOSE"))
        talk.open("TLS", other.port, more=",1")
        all_of(talk, ("AT+MTOPEN?", "AT+MTCLOSE", "AT+MTSESS=0", "AT+MTSESS?"))
        talk.open("TLS", other.port, more=",1")
        all_of(talk, ("AT+MTOPEN?", "AT+MTCLOSE"))
        assert [resumed for _, resumed, _, _ in peer.handshakes(3)] == [False, True, False]
        assert [resumed for _, resumed, _, _ in other.handshakes(2)] == [False, False]


@scenario()
def a_session_made_without_verification(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk, CERTIFICATES.stranger, "NEVER")
        talk.open("TLS", peer.port)
        all_of(talk, ("AT+MTCLOSE", "AT+MTSESS?", "AT+MTTLS=ALWAYS,1", "AT+MTSESS?"))
        talk.open("TLS", peer.port, more=",1")
        talk.ask("AT+MTOPEN?")


@scenario()
def a_session_and_its_objects(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.open("TLS", peer.port)
        talk.ask("AT+MTCLOSE")
        talk.put("CA", 2, CERTIFICATES.stranger)
        talk.ask("AT+MTSESS?")
        talk.put("CA", 1, CERTIFICATES.stranger)
        talk.ask("AT+MTSESS?")
        talk.open("TLS", peer.port, more=",1")
        talk.ask("AT+MTOPEN?")


@scenario()
def a_session_whose_server_is_gone(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        port = peer.port
        trusting(talk)
        talk.open("TLS", port)
        talk.ask("AT+MTCLOSE")
    talk.open("TLS", port, more=",1")
    all_of(talk, ("AT+MTSESS?", "AT+MTOPEN?"))


@scenario()
def configuration_written_under_a_connection(talk: Talk) -> None:
    with Peer(credential=CERTIFICATES.issued) as peer:
        trusting(talk)
        talk.open("TLS", peer.port)
        talk.put("CA", 2, CERTIFICATES.stranger)
        talk.ask("AT+MTTLS=ALWAYS,2")
        talk.send_out(b"still there")
        talk.urc("+MTDATA")
        all_of(talk, ("AT+MTRECV=100", "AT+MTCLOSE"))
        talk.connect("TLS", peer.port)


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_say_the_same(name: str) -> None:
    assert on_the_agent(SCENARIOS[name]) == on_the_simulator(SCENARIOS[name])
