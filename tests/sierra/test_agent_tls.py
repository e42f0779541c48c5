"""TLS by the agent: what the assumed Security plug-in accepts and refuses, at the module's clock."""

from __future__ import annotations

import pytest
import trustme
from OpenSSL import SSL

from .agent import Agent, Line
from .peer import Credential, Peer, issued, self_signed

NOW = 'AT+CCLK="26/11/21,10:00:00"'
REFUSED = '+MTOPEN: 0,"WIP_CEV_ERROR",1'


@pytest.fixture(scope="module")
def root() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture(scope="module")
def credential(root: trustme.CA) -> Credential:
    return issued(root)


@pytest.fixture(scope="module")
def below_intermediate(root: trustme.CA) -> Credential:
    return issued(root.create_child_ca(key_type=trustme.KeyType.RSA))


def outcome(line: Line, port: int, *, host: str = "server.test", resume: str = "") -> str:
    """The URC that an attempt ends with; the connection is closed again."""
    assert line.say(f'AT+MTOPEN=TLS,"{host}",{port}{resume}') == "OK"
    told = line.urc("+MTOPEN")
    assert line.say("AT+MTCLOSE") == "OK"
    return told


def configured(agent: Agent, ca: bytes | None, verify: str = "ALWAYS", *, clock: str | None = NOW) -> Line:
    line = agent.online()
    if clock:
        assert line.say(clock) == "OK"
    if ca is not None:
        assert line.put("CA", 1, ca) == "OK"
    assert line.say(f"AT+MTTLS={verify}{',1' if ca is not None else ''}") == "OK"
    return line


def test_the_story_of_the_seed(credential: Credential, root: trustme.CA) -> None:
    """A self-signed certificate works, one of a public CA does not, and the clock is the reason."""
    own = self_signed()
    with Peer(credential=own) as mine, Peer(credential=credential) as public, Agent() as agent:
        line = configured(agent, own.leaf, clock=None)
        assert line.say("AT+MTCLK?").startswith('+MTCLK: "98/01/01,')
        assert outcome(line, mine.port) == "+MTOPEN: 1"
        assert line.put("CA", 1, root.cert_pem.bytes()) == "OK"
        assert outcome(line, public.port) == REFUSED
        assert line.say("AT+MTERR?") == '+MTERR: 0,"WIP_CEV_ERROR",1|OK'
        assert line.say(NOW) == "OK"
        assert outcome(line, public.port) == "+MTOPEN: 1"
        assert public.handshakes(1) == [("TLSv1", False, None, None)]
        assert "certificate" in public.failures[0]


def test_the_leaf_given_as_the_ca_is_refused(credential: Credential) -> None:
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, credential.leaf)
        assert outcome(line, peer.port) == REFUSED


def test_another_ca_is_refused(credential: Credential) -> None:
    with Peer(credential=credential) as peer, Agent() as agent:
        assert outcome(configured(agent, trustme.CA().cert_pem.bytes()), peer.port) == REFUSED


def test_a_server_that_sends_no_intermediate_is_refused(
    below_intermediate: Credential, root: trustme.CA
) -> None:
    alone = below_intermediate.without_intermediates()
    with Peer(credential=below_intermediate) as whole, Peer(credential=alone) as part, Agent() as agent:
        line = configured(agent, root.cert_pem.bytes())
        assert outcome(line, whole.port) == "+MTOPEN: 1"
        assert outcome(line, part.port) == REFUSED


def test_an_intermediate_beside_the_root_makes_up_for_it(
    below_intermediate: Credential, root: trustme.CA
) -> None:
    bundle = root.cert_pem.bytes() + below_intermediate.chain[1]
    with Peer(credential=below_intermediate.without_intermediates()) as peer, Agent() as agent:
        assert outcome(configured(agent, bundle), peer.port) == "+MTOPEN: 1"


@pytest.mark.parametrize("verify", ["ALWAYS", "ONCE"])
def test_text_that_is_no_certificate_is_taken_and_trusts_nobody(credential: Credential, verify: str) -> None:
    with Peer(credential=credential) as peer, Agent() as agent:
        assert outcome(configured(agent, b"this is no certificate", verify), peer.port) == REFUSED


def test_never_to_verify_connects_to_anybody_and_only_then(credential: Credential) -> None:
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, None, "NEVER", clock=None)
        assert line.say("AT+MTTLS?") == "+MTTLS: NEVER,,,|OK"
        assert outcome(line, peer.port) == "+MTOPEN: 1"
        assert line.say("AT+MTTLS=ALWAYS") == "+CME ERROR: 717"
        assert line.say("AT+MTTLS?") == "+MTTLS: NEVER,,,|OK"
        assert line.say("AT+MTTLS=NONE") == "OK"
        assert line.say(f'AT+MTOPEN=TLS,"server.test",{peer.port}') == "+CME ERROR: 717"


def test_verify_once_verifies(credential: Credential, root: trustme.CA) -> None:
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, root.cert_pem.bytes(), "ONCE")
        assert outcome(line, peer.port) == "+MTOPEN: 1"
        assert line.say('AT+CCLK="98/01/01,00:00:00"') == "OK"
        assert outcome(line, peer.port) == REFUSED


def test_a_clock_past_the_certificates_end_is_refused(root: trustme.CA) -> None:
    import datetime

    leaf = root.issue_cert("server.test", not_after=datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC))
    credential = Credential((leaf.cert_chain_pems[0].bytes(),), leaf.private_key_pem.bytes())
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, root.cert_pem.bytes())
        assert outcome(line, peer.port) == REFUSED
        assert line.say('AT+CCLK="24/12/31,00:00:00"') == "OK"
        assert outcome(line, peer.port) == "+MTOPEN: 1"


def test_assumed_dates_of_a_trusted_certificate_can_count() -> None:
    own = self_signed()
    with Peer(credential=own) as peer, Agent("--trusted-dates=yes") as agent:
        line = configured(agent, own.leaf, clock=None)
        assert outcome(line, peer.port) == REFUSED
        assert line.say(NOW) == "OK"
        assert outcome(line, peer.port) == "+MTOPEN: 1"


def test_assumed_newest_version(credential: Credential, root: trustme.CA) -> None:
    newer = (SSL.TLS1_2_VERSION, SSL.TLS1_2_VERSION)
    with Peer(credential=credential, versions=newer) as peer:
        with Agent() as agent:
            line = configured(agent, root.cert_pem.bytes())
            assert outcome(line, peer.port) == '+MTOPEN: 0,"WIP_CEV_ERROR",9111'
        with Agent("--max-tls=1.2") as agent:
            assert outcome(configured(agent, root.cert_pem.bytes()), peer.port) == "+MTOPEN: 1"
        assert peer.handshakes(1) == [("TLSv1.2", False, None, None)]


def test_assumed_no_comparison_of_names_and_no_sni(credential: Credential, root: trustme.CA) -> None:
    with Peer(credential=credential) as peer:
        with Agent() as agent:
            assert (
                outcome(configured(agent, root.cert_pem.bytes()), peer.port, host="other.test")
                == "+MTOPEN: 1"
            )
        with Agent("--hostname=yes", "--sni=yes") as agent:
            line = configured(agent, root.cert_pem.bytes())
            assert outcome(line, peer.port, host="other.test") == REFUSED
            assert outcome(line, peer.port) == "+MTOPEN: 1"
        assert [name for _, _, name, _ in peer.handshakes(2)] == [None, "server.test"]


def test_assumed_limits_on_hash_and_chain(below_intermediate: Credential, root: trustme.CA) -> None:
    with Peer(credential=below_intermediate) as peer:
        for option in ("--sha256=no", "--intermediates=no"):
            with Agent(option) as agent:
                assert outcome(configured(agent, root.cert_pem.bytes()), peer.port) == REFUSED
        with Agent("--several-cas=no") as agent:
            bundle = trustme.CA().cert_pem.bytes() + root.cert_pem.bytes()
            assert outcome(configured(agent, bundle), peer.port) == REFUSED


def test_refused_configuration_is_719(credential: Credential) -> None:
    with Peer(credential=credential) as peer, Agent("--init-fail=-9013") as agent:
        line = configured(agent, credential.leaf)
        assert line.say(f'AT+MTOPEN=TLS,"server.test",{peer.port}') == "+CME ERROR: 719"
        assert line.say("AT+MTERR?") == '+MTERR: 719,"WIP_CERR_MEMORY",-9013|OK'
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 0,,0,0|OK"


def test_client_certificate(credential: Credential, root: trustme.CA) -> None:
    clients = trustme.CA(key_type=trustme.KeyType.RSA)
    own = clients.issue_cert("device.test", common_name="device-7", key_type=trustme.KeyType.RSA)
    chain = b"".join(pem.bytes() for pem in own.cert_chain_pems)
    with Peer(credential=credential, client_ca=clients.cert_pem.bytes()) as peer, Agent() as agent:
        line = configured(agent, root.cert_pem.bytes())
        assert outcome(line, peer.port).startswith('+MTOPEN: 0,"WIP_CEV_ERROR",9')
        assert line.put("CERT", 2, chain) == "OK"
        assert line.put("KEY", 2, own.private_key_pem.bytes()) == "OK"
        assert line.say("AT+MTTLS=ALWAYS,1,2,2") == "OK"
        assert outcome(line, peer.port) == "+MTOPEN: 1"
        assert peer.handshakes(1)[-1] == ("TLSv1", False, None, "device-7")


def test_a_certificate_without_its_own_key_does_not_connect(credential: Credential) -> None:
    other = self_signed()
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, None, "NEVER")
        assert line.put("CERT", 1, credential.leaf) == "OK"
        assert line.put("KEY", 1, other.key) == "OK"
        assert line.say("AT+MTTLS=NEVER,,1,1") == "OK"
        assert outcome(line, peer.port) == '+MTOPEN: 0,"WIP_CEV_ERROR",9111'


def test_a_bundle_of_thirty_thousand_bytes(credential: Credential, root: trustme.CA) -> None:
    bundle = b"".join(trustme.CA().cert_pem.bytes() for _ in range(40)) + root.cert_pem.bytes()
    bundle += b"#" * (30_000 - len(bundle))
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, bundle)
        assert outcome(line, peer.port) == "+MTOPEN: 1"


def test_a_saved_session_is_offered_only_to_its_server_and_only_on_request(
    credential: Credential, root: trustme.CA
) -> None:
    with Peer(credential=credential) as peer, Peer(credential=credential) as other, Agent() as agent:
        line = configured(agent, root.cert_pem.bytes())
        assert line.say("AT+MTSESS?") == "+MTSESS: 0|OK"
        assert outcome(line, peer.port, resume=",1") == "+MTOPEN: 1"
        assert line.say("AT+MTSESS?") == "+MTSESS: 1|OK"
        assert line.say(f'AT+MTOPEN=TLS,"server.test",{peer.port},1') == "OK"
        assert line.urc("+MTOPEN") == "+MTOPEN: 1"
        assert line.say("AT+MTOPEN?") == "+MTOPEN: 2,TLS,1,0|OK"
        assert line.send_out(b"resumed") == "OK"
        assert line.urc("+MTDATA")
        assert line.receive(100) == (b"resumed", False)
        assert line.say("AT+MTCLOSE") == "OK"
        assert outcome(line, peer.port, resume=",0") == "+MTOPEN: 1"
        assert [resumed for _, resumed, _, _ in peer.handshakes(3)] == [False, True, False]
        assert outcome(line, other.port, resume=",1") == "+MTOPEN: 1"
        assert [resumed for _, resumed, _, _ in other.handshakes(1)] == [False]
        assert line.say("AT+MTSESS=0") == "OK"
        assert line.say("AT+MTSESS?") == "+MTSESS: 0|OK"


@pytest.mark.parametrize("change", ["configuration", "object"])
def test_a_session_made_without_verification_is_not_taken_up_with_it(
    credential: Credential, change: str
) -> None:
    stranger = trustme.CA().cert_pem.bytes()
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, credential.leaf, "NEVER")
        assert outcome(line, peer.port) == "+MTOPEN: 1"
        assert line.say("AT+MTSESS?") == "+MTSESS: 1|OK"
        if change == "object":
            assert line.put("CA", 2, stranger) == "OK"
            assert line.say("AT+MTSESS?") == "+MTSESS: 1|OK"
            assert line.put("CA", 1, stranger) == "OK"
        else:
            assert line.put("CA", 2, stranger) == "OK"
            assert line.say("AT+MTTLS=ALWAYS,2") == "OK"
        assert line.say("AT+MTSESS?") == "+MTSESS: 0|OK"
        if change == "configuration":
            assert outcome(line, peer.port, resume=",1") == REFUSED


def test_an_offered_session_that_fails_is_forgotten(credential: Credential, root: trustme.CA) -> None:
    with Agent() as agent:
        line = configured(agent, root.cert_pem.bytes())
        with Peer(credential=credential) as peer:
            port = peer.port
            assert outcome(line, port) == "+MTOPEN: 1"
        assert outcome(line, port, resume=",1") == '+MTOPEN: 0,"WIP_CEV_ERROR",9101'
        assert line.say("AT+MTSESS?") == "+MTSESS: 0|OK"


def test_the_configuration_can_be_written_while_a_connection_is_open(
    credential: Credential, root: trustme.CA
) -> None:
    with Peer(credential=credential) as peer, Agent() as agent:
        line = configured(agent, root.cert_pem.bytes())
        assert line.say(f'AT+MTOPEN=TLS,"server.test",{peer.port}') == "OK"
        assert line.urc("+MTOPEN") == "+MTOPEN: 1"
        assert line.put("CA", 2, b"something else") == "OK"
        assert line.say("AT+MTTLS=ALWAYS,2") == "OK"
        assert line.send_out(b"still there") == "OK"
        assert line.urc("+MTDATA")
        assert line.receive(100) == (b"still there", False)
        assert line.say("AT+MTCLOSE") == "OK"
        assert outcome(line, peer.port) == REFUSED
